/* The probe: silent on what is right, and every oracle of it sees a fault. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/brute.h"
#include "fuzz/feedback.h"
#include "fuzz/probe.h"
#include "golden/json.h"
#include "harness/tamper.h"

#define MSE                                                                         \
  "{\"loss\": \"mse\", \"inputs\": {\"input\": [0.5, 0.25], \"target\": [2, -1]}, " \
  "\"params\": {\"reduction\": \"sum\"}}"
#define REFUSED_MSE "{\"loss\": \"mse\", \"inputs\": {\"input\": [1, 2], \"target\": [1, 2, 3]}}"
#define CTC                                                                                                      \
  "{\"loss\": \"ctc\", \"inputs\": {\"log_probs\": [[[-1, -0.5, -2]], [[-0.25, -3, -1]], [[-1, -1.5, -0.75]]], " \
  "\"targets\": [[1, 2]], \"input_lengths\": [3], \"target_lengths\": [2]}, \"params\": {\"reduction\": \"none\"}}"

static lp_suite suite;
static lp_arena *arena;

static void set_up(void) {
  arena = lp_arena_new(0);
  ck_assert_ptr_nonnull(arena);
  ck_assert_int_eq(lp_suite_init(&suite, NULL), LP_OK);
}

static void tear_down(void) {
  lp_suite_clear(&suite);
  lp_arena_free(arena);
}

static lp_case *read_case(const char *text) {
  lp_json_shape shape;
  lp_error error;
  ck_assert_int_eq(lp_json_read_text(&suite, &shape, text, strlen(text), "test", &error), LP_OK);
  lp_suite_entry *entry = &suite.entries[suite.count - 1];
  ck_assert_msg(entry->status == LP_OK, "%s", entry->message);
  return &entry->c;
}

static lp_probe_result probe(const lp_case *c, lp_candidate *candidate) {
  const lp_probe_options options = {.candidate = candidate, .seed = 7, .everything = true};
  lp_probe_result result;
  lp_error error = {.message = ""};
  ck_assert_msg(lp_probe(&result, arena, c, &options, &error) == LP_OK, "%s", error.message);
  return result;
}

static bool has(const lp_probe_result *result, const char *start) {
  for (int i = 0; i < result->n_findings; i++) {
    if (strncmp(result->findings[i].signature, start, strlen(start)) == 0) return true;
  }
  return false;
}

START_TEST(what_is_right) {
  static const char *const texts[] = {MSE, CTC};
  const lp_case *c = read_case(texts[_i]);
  const lp_probe_result result = probe(c, NULL);
  ck_assert_msg(result.n_findings == 0, "%s: %s", result.findings[0].signature, result.findings[0].text);
  ck_assert(result.asked && result.accepted && !result.planted);
  ck_assert_uint_ne(result.regimes, 0);
  ck_assert_int_ge(result.n_outputs, 2);
  for (int i = 0; i < result.n_outputs; i++) ck_assert_double_le(result.outputs[i].ratio, 1.0);
  lp_feedback(&result, c->loss);
}
END_TEST

START_TEST(what_is_refused) {
  lp_case *c = read_case(REFUSED_MSE);
  lp_probe_result result = probe(c, NULL);
  ck_assert(!result.accepted);
  ck_assert_int_eq(result.reject, LP_REJECT_SHAPE);
  ck_assert_int_eq(result.n_outputs, 0);
  ck_assert_msg(has(&result, "mse/acceptance/rejects"), "it says of itself that it is to be accepted");
  lp_feedback(&result, c->loss);
  c->expect = LP_EXPECT_REJECT;
  result = probe(c, NULL);
  ck_assert_int_eq(result.n_findings, 0);
  c = read_case(MSE);
  c->expect = LP_EXPECT_REJECT;
  result = probe(c, NULL);
  ck_assert(has(&result, "mse/acceptance/accepts"));
}
END_TEST

START_TEST(tampered_answers) {
  static const char *const signatures[] = {[LP_TAMPER_GRADIENT] = "mse/grad/target/value",
                                           [LP_TAMPER_NAN] = "mse/loss/class/NaN-for-finite",
                                           [LP_TAMPER_SWAP] = "mse/loss/shape"};
  lp_candidate *candidate;
  const lp_case *c = read_case(MSE);
  ck_assert_int_eq(lp_candidate_open(&candidate, "reference", NULL, NULL), LP_OK);
  lp_probe_result result = probe(c, candidate);
  ck_assert_int_eq(result.n_findings, 0);
  lp_candidate_tamper(candidate, _i);
  result = probe(c, candidate);
  ck_assert_msg(has(&result, signatures[_i]), "%s", result.findings[0].signature);
  ck_assert_msg(_i != LP_TAMPER_GRADIENT || has(&result, "mse/law/"), "no law sees it");
  lp_candidate_close(candidate);
}
END_TEST

START_TEST(seeds) {
  const uint8_t a[] = {1, 2, 3}, b[] = {1, 2, 4};
  ck_assert_uint_eq(lp_probe_seed(a, 3), lp_probe_seed(a, 3));
  ck_assert_uint_ne(lp_probe_seed(a, 3), lp_probe_seed(b, 3));
  ck_assert_uint_ne(lp_probe_seed(a, 3), lp_probe_seed(a, 2));
  ck_assert_uint_eq(lp_probe_seed(NULL, 0), lp_probe_seed(a, 0));
}
END_TEST

/* --- brute force --- */

typedef void damage(lp_exact *exact);

static void keep(lp_exact *exact) { (void)exact; }
static void move_loss(lp_exact *exact) {
  arb_struct *value = &exact->outputs[0].numbers[0].value;
  arb_mul_2exp_si(value, value, 1);
}
static void lose_loss(lp_exact *exact) { exact->outputs[0].numbers[0].class = LP_PLUS_INFINITY; }
static void negate_gradient(lp_exact *exact) {
  arb_struct *value = &exact->outputs[1].numbers[4].value;
  arb_neg(value, value);
}
static void negate_derivative(lp_exact *exact) {
  arb_struct *value = &exact->alternative.numbers[4].value;
  arb_neg(value, value);
}

static const struct {
  damage *apply;
  const char *where;
} damages[] = {{keep, ""},
               {move_loss, "loss[0]"},
               {lose_loss, "loss[0]"},
               {negate_gradient, "grad/log_probs[4]"},
               {negate_derivative, "derivative[4]"}};

START_TEST(all_paths) {
  lp_plan plan;
  lp_exact exact;
  char why[LP_PROBE_TEXT];
  int64_t compared;
  ck_assert_int_eq(lp_plan_init(&plan, read_case(CTC), NULL), LP_OK);
  ck_assert_int_eq(lp_exact_evaluate(&exact, &plan, NULL, NULL), LP_OK);
  damages[_i].apply(&exact);
  ck_assert_int_eq(lp_brute_ctc(why, sizeof why, &compared, &plan, &exact, 27, NULL), LP_OK);
  ck_assert_int_eq(compared, 1 + 2 * 9);
  ck_assert_msg(strncmp(why, damages[_i].where, strlen(damages[_i].where)) == 0, "%s", why);
  ck_assert_int_eq(why[0] != '\0', _i > 0);
  ck_assert_int_eq(lp_brute_ctc(why, sizeof why, &compared, &plan, &exact, 26, NULL), LP_OK);
  ck_assert_int_eq(compared, 0);
  lp_exact_clear(&exact);
}
END_TEST

int main(void) {
  TCase *const tests = tcase_create("probe");
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_loop_test(tests, what_is_right, 0, 2);
  tcase_add_test(tests, what_is_refused);
  tcase_add_loop_test(tests, tampered_answers, LP_TAMPER_GRADIENT, LP_TAMPER_COUNT);
  tcase_add_test(tests, seeds);
  tcase_add_loop_test(tests, all_paths, 0, sizeof damages / sizeof damages[0]);
  Suite *const s = suite_create("probe");
  suite_add_tcase(s, tests);
  SRunner *const runner = srunner_create(s);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
