/* Recasts: what is rounded, what is expected, and what has none. */
#include "harness/recast.h"

#include <math.h>

#include "golden/json.h"
#include "reference/tests/testing.h"

typedef struct scene {
  lp_suite in, out;
  int left_out;
} scene;

static unsigned all_of(const void *context, const lp_loss *loss) {
  (void)loss;
  return *(const unsigned *)context;
}

static void recast(scene *s, const char *text, unsigned dtypes) {
  lp_error error = {.message = ""};
  lp_json_shape shape;
  ck_assert_int_eq(lp_suite_init(&s->in, &error), LP_OK);
  ck_assert_int_eq(lp_suite_init(&s->out, &error), LP_OK);
  ck_assert_msg(lp_json_read_text(&s->in, &shape, text, strlen(text), "q", &error) == LP_OK, "%s", error.message);
  ck_assert_msg(lp_recast_suite(&s->out, &s->left_out, &s->in, all_of, &dtypes, &error) == LP_OK, "%s", error.message);
}

static void tear_down(scene *s) {
  lp_suite_clear(&s->out);
  lp_suite_clear(&s->in);
}

static const char l1[] =
    "{\"id\": \"t/l1/a\", \"loss\": \"l1\", \"inputs\": {\"input\": [0.1, 1e300], \"target\": [0, 0]}, "
    "\"grad_output\": 0.1, "
    "\"outcome\": {\"status\": \"ok\", \"loss\": 1}}";

START_TEST(tensors_are_rounded_and_the_outcome_dropped) {
  scene s;
  recast(&s, l1, 1u << LP_FLOAT64 | 1u << LP_FLOAT32);
  ck_assert_int_eq(s.out.count, 2);
  const lp_suite_entry *same = &s.out.entries[0], *other = &s.out.entries[1];
  ck_assert_str_eq(same->c.id, "t/l1/a");
  ck_assert(same->has_outcome && !other->has_outcome);
  ck_assert_str_eq(other->c.id, "t/l1/a@float32");
  ck_assert_int_eq(other->c.dtype, LP_FLOAT32);
  ck_assert_int_eq(other->c.inputs[0].dtype, LP_FLOAT32);
  check_same(other->c.inputs[0].f64[0], 0.100000001490116119384765625);
  check_same(other->c.inputs[0].f64[1], INFINITY);
  check_same(other->c.grad_output.f64[0], 0.100000001490116119384765625);
  check_same(same->c.inputs[0].f64[0], 0.1); /* the original is as it was */
  tear_down(&s);
}
END_TEST

START_TEST(none_chosen_leaves_all_as_they_are) {
  scene s;
  recast(&s, l1, 0);
  ck_assert_int_eq(s.out.count, 1);
  ck_assert(s.out.entries[0].has_outcome);
  tear_down(&s);
}
END_TEST

START_TEST(derived_ids_keep_their_law_last) {
  scene s;
  recast(&s, "{\"id\": \"t/a#row-nan\", \"loss\": \"l1\", \"inputs\": {\"input\": 1, \"target\": 0}}",
         1u << LP_BFLOAT16);
  ck_assert_str_eq(s.out.entries[0].c.id, "t/a@bfloat16#row-nan");
  tear_down(&s);
}
END_TEST

/* 1e300 is no float: PyTorch raises, a framework that keeps parameters in double does not. */
START_TEST(a_parameter_that_overflows_may_be_refused) {
  scene s;
  recast(&s,
         "[{\"loss\": \"smooth_l1\", \"params\": {\"beta\": 1e300}, \"inputs\": {\"input\": 1, \"target\": 0}},"
         " {\"loss\": \"smooth_l1\", \"params\": {\"beta\": -1}, \"inputs\": {\"input\": 1, \"target\": 0}},"
         " {\"loss\": \"smooth_l1\", \"params\": {\"beta\": 1}, \"inputs\": {\"input\": 1, \"target\": 0}}]",
         1u << LP_FLOAT32);
  ck_assert_int_eq(s.out.entries[0].c.expect, LP_EXPECT_EITHER);
  ck_assert_int_eq(s.out.entries[1].c.expect, LP_EXPECT_REJECT);
  ck_assert_int_eq(s.out.entries[2].c.expect, LP_EXPECT_ACCEPT);
  check_same(s.out.entries[0].c.params[0], 1e300);
  tear_down(&s);
}
END_TEST

static const char ctc[] =
    "{\"loss\": \"ctc\", \"inputs\": {\"log_probs\": [[[-0.7, -0.7]]], \"targets\": [[1]], \"input_lengths\": [1], "
    "\"target_lengths\": [1]}}";

START_TEST(a_dtype_that_the_loss_does_not_take_has_no_recast) {
  scene s;
  recast(&s, ctc, 1u << LP_FLOAT32 | 1u << LP_FLOAT16);
  ck_assert_int_eq(s.out.count, 1);
  ck_assert_int_eq(s.left_out, 1);
  ck_assert_int_eq(s.out.entries[0].c.dtype, LP_FLOAT32);
  tear_down(&s);
}
END_TEST

START_TEST(dtypes_are_read_from_words) {
  unsigned dtypes;
  lp_error error;
  ck_assert_int_eq(lp_dtypes_parse(&dtypes, "float32,float64", &error), LP_OK);
  ck_assert_uint_eq(dtypes, 1u << LP_FLOAT32 | 1u << LP_FLOAT64);
  static const char *const wrong[] = {"", "float", "int64", "float32,", ",float32", "float32;float64"};
  for (int i = 0; i < 6; i++) ck_assert_int_eq(lp_dtypes_parse(&dtypes, wrong[i], &error), LP_INVALID);
  ck_assert_ptr_nonnull(strstr(error.message, "\"float32;float64\""));
}
END_TEST

START_TEST(an_id_has_an_end) {
  lp_error error;
  lp_case c, out;
  bool exists;
  char id[LP_MAX_ID_BYTES + 1];
  lp_arena *arena = lp_arena_new(0);
  memset(id, 'x', sizeof id - 1);
  id[sizeof id - 1] = '\0';
  lp_case_init(&c, lp_registry_find("l1"));
  c.id = id;
  ck_assert_int_eq(lp_recast_case(&out, &exists, arena, &c, LP_FLOAT32, &error), LP_INVALID);
  lp_arena_free(arena);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {tensors_are_rounded_and_the_outcome_dropped,
                                none_chosen_leaves_all_as_they_are,
                                derived_ids_keep_their_law_last,
                                a_parameter_that_overflows_may_be_refused,
                                a_dtype_that_the_loss_does_not_take_has_no_recast,
                                dtypes_are_read_from_words,
                                an_id_has_an_end};
  return run_tests("recast", tests, sizeof tests / sizeof tests[0]);
}
