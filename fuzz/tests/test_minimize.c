/* Minimizing: planted faults, and the smallest case that shows each. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/codec.h"
#include "fuzz/minimize.h"
#include "fuzz/minimize_tools.h"
#include "fuzz/recurs.h"
#include "fuzz/tests/cases.h"
#include "golden/json.h"
#include "harness/examine.h"
#include "harness/tamper.h"
#include "reference/draw.h"
#include "reference/plan.h"
#include "reference/registry.h"

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
  ck_assert_msg(lp_json_read_text(&suite, &shape, text, strlen(text), "test", &error) == LP_OK, "%s", error.message);
  lp_suite_entry *entry = &suite.entries[suite.count - 1];
  ck_assert_msg(entry->status == LP_OK, "%s", entry->message);
  return &entry->c;
}

static const char *written(const lp_case *c) {
  char *text;
  size_t size;
  lp_error error;
  FILE *out = open_memstream(&text, &size);
  ck_assert_int_eq(lp_json_write_case(out, c, NULL, LP_JSON_READABLE, &error), LP_OK);
  fclose(out);
  const char *kept = lp_arena_text(arena, text, size);
  free(text);
  return kept;
}

static lp_minimized minimize(const lp_case *c, lp_still_fails *fails, void *context) {
  lp_minimized m;
  lp_error error = {.message = ""};
  const lp_status status = lp_minimize(&m, arena, c, fails, context, LP_MINIMIZE_TRIES, &error);
  ck_assert_msg(status == LP_OK, "%s", error.message);
  return m;
}

/* The smallest case is the one expected, and smallest for itself. */
static void check(const char *from, const char *to, lp_still_fails *fails, void *context) {
  lp_case *c = read_case(from);
  const lp_minimized m = minimize(c, fails, context);
  ck_assert(m.fails && m.finished && fails(context, &m.c));
  const lp_case *want = read_case(to);
  const char *what = difference(&m.c, want);
  ck_assert_msg(!what, "%s: got %s", what, written(&m.c));
  const lp_minimized again = minimize(&m.c, fails, context);
  what = difference(&again.c, &m.c);
  ck_assert_msg(!what && again.finished, "the second time: %s", written(&again.c));
  const lp_minimized same = minimize(c, fails, context);
  ck_assert_msg(!difference(&same.c, &m.c) && same.tries == m.tries, "another time, another way");
}

/* --- planted faults ----------------------------------------------------------------------------------------------- */

static bool always(void *context, const lp_case *c) {
  (void)context;
  (void)c;
  return true;
}

static bool row_three_above_100(void *context, const lp_case *c) {
  (void)context;
  const lp_tensor *t = &c->inputs[0];
  if (t->rank < 1 || t->shape[0] < 4) return false;
  const int64_t row = t->numel / t->shape[0];
  for (int64_t i = 3 * row; i < 4 * row; i++) {
    if (t->f64[i] > 100.0) return true;
  }
  return false;
}

static bool sum_with_weight(void *context, const lp_case *c) {
  (void)context;
  return c->reduction == LP_REDUCTION_SUM && c->has_input[2] && c->inputs[2].numel > 1;
}

static bool tie(void *context, const lp_case *c) {
  (void)context;
  const bool same_shape = lp_tensor_same_shape(&c->inputs[0], &c->inputs[1]);
  for (int64_t i = 0; same_shape && i < c->inputs[0].numel; i++) {
    if (c->inputs[0].f64[i] == c->inputs[1].f64[i] && c->inputs[0].f64[i] > 2.5) return true;
  }
  return false;
}

static bool far_apart(void *context, const lp_case *c) {
  (void)context;
  const bool same_shape = lp_tensor_same_shape(&c->inputs[0], &c->inputs[1]);
  for (int64_t i = 0; same_shape && i < c->inputs[0].numel; i++) {
    if (c->inputs[0].f64[i] - c->inputs[1].f64[i] == 0.75) return true;
  }
  return false;
}

static bool upstream_below_zero(void *context, const lp_case *c) {
  (void)context;
  const bool each = c->reduction == LP_REDUCTION_NONE && c->has_grad_output && c->grad_output.rank == 1;
  return each && c->grad_output.numel == c->inputs[0].numel && c->grad_output.f64[c->grad_output.numel - 1] < -4.0 &&
         c->inputs[0].f64[c->inputs[0].numel - 1] == 7.0;
}

static bool is_refused(void *context, const lp_case *c) {
  lp_plan plan;
  (void)context;
  return lp_plan_init(&plan, c, NULL) == LP_REJECTED && c->inputs[0].rank == 2;
}

static bool two_labels(void *context, const lp_case *c) {
  (void)context;
  int64_t longest = 0;
  for (int64_t i = 0; i < c->inputs[3].numel; i++) {
    if (c->inputs[3].i64[i] > longest) longest = c->inputs[3].i64[i];
  }
  return longest >= 2;
}

static bool delta_above_a_third(void *context, const lp_case *c) {
  (void)context;
  return c->params[0] > 1.0 / 3.0 && c->params[0] < 0.45;
}

static bool not_finite(void *context, const lp_case *c) {
  (void)context;
  return c->inputs[0].numel > 0 && !isfinite(c->inputs[0].f64[0]);
}

static bool huge(void *context, const lp_case *c) {
  (void)context;
  return c->inputs[0].numel > 0 && c->inputs[0].f64[0] < -1e30;
}

/* Six terms or more, by broadcasting. */
static bool broadcast_sum(void *context, const lp_case *c) {
  (void)context;
  return c->inputs[1].numel >= 6 && c->inputs[0].numel < c->inputs[1].numel;
}

static bool last_is_large(void *context, const lp_case *c) {
  (void)context;
  return c->inputs[1].numel > 0 && fabs(c->inputs[1].f64[c->inputs[1].numel - 1]) > 1e30;
}

#define L1(input, target) "{\"loss\": \"l1\", \"inputs\": {\"input\": " input ", \"target\": " target "}}"
#define CTC(log_probs, targets, frames, labels)                                          \
  "{\"loss\": \"ctc\", \"inputs\": {\"log_probs\": " log_probs ", \"targets\": " targets \
  ", \"input_lengths\": " frames ", \"target_lengths\": " labels "}, \"params\": {\"reduction\": \"none\"}}"

static const struct {
  lp_still_fails *fails;
  const char *from, *to;
} plants[] = {
    {always,
     "{\"loss\": \"mse\", \"dtype\": \"float32\", \"params\": {\"reduction\": \"none\"}, \"inputs\": {\"input\": "
     "[[1.25, -7], [0.1, 3e9]], \"target\": [[5, 6], [7, \"NaN\"]], \"weight\": [[1, 2], [3, 4]]}, \"grad_output\": "
     "[[1, 2], [3, 4]]}",
     "{\"loss\": \"mse\", \"dtype\": \"float32\", \"inputs\": {\"input\": 0, \"target\": 0}}"},
    {row_three_above_100,
     L1("[[1.5, 2], [3, 4], [5, 6], [7, 1234.567], [8, 9]]", "[[1, 2], [3, 4], [5, 6], [7, 8], [9, 9]]"),
     L1("[0, 0, 0, 128]", "[0, 0, 0, 0]")},
    {sum_with_weight,
     "{\"loss\": \"mse\", \"params\": {\"reduction\": \"sum\"}, \"inputs\": {\"input\": [[1.25, -7], [0.1, 3e9]], "
     "\"target\": [[5, 6], [7, 8]], \"weight\": [[1, 2], [3, 4]]}, \"grad_output\": 2.5}",
     "{\"loss\": \"mse\", \"params\": {\"reduction\": \"sum\"}, \"inputs\": {\"input\": [0, 0], \"target\": [0, 0], "
     "\"weight\": [0, 0]}}"},
    {tie, L1("[0.3, 8.123456789, 5]", "[8.5, 8.123456789, 1]"), L1("3", "3")},
    {far_apart, L1("[0.3, 8.6875, 5]", "[8.5, 7.9375, 1]"), L1("0.75", "0")},
    {upstream_below_zero,
     "{\"loss\": \"l1\", \"params\": {\"reduction\": \"none\"}, \"inputs\": {\"input\": [1, 2, 3, 7], \"target\": [5, "
     "5, 5, 5]}, \"grad_output\": [1, 2, 3, -77.7]}",
     "{\"loss\": \"l1\", \"params\": {\"reduction\": \"none\"}, \"inputs\": {\"input\": [7], \"target\": [0]}, "
     "\"grad_output\": [-5]}"},
    {is_refused,
     "{\"loss\": \"l1\", \"expect\": \"reject\", \"inputs\": {\"input\": [[1, 2, 3, 4], [5, 6, 7, 8]], "
     "\"target\": [1, 2, 3]}, \"grad_output\": [1, 2]}",
     "{\"loss\": \"l1\", \"expect\": \"reject\", \"inputs\": {\"input\": [[0, 0]], \"target\": [0, 0, 0]}}"},
    {two_labels,
     CTC("[[[-1, -2, -3], [-1, -2, -4]], [[-1, -2, -3], [-1, -2, -3]], [[-1, -2, -3], [-1, -2, -3]]]", "[1, 2, 1, 1]",
         "[3, 3]", "[1, 3]"),
     "{\"loss\": \"ctc\", \"inputs\": {\"log_probs\": [[0]], \"targets\": [0, 0], \"input_lengths\": 0, "
     "\"target_lengths\": 2}}"},
    {two_labels,
     CTC("[[[-1, -2, -3], [-1, -2, -4]], [[-1, -2, -3], [-1, -2, -3]], [[-1, -2, -3], [-1, -2, -3]]]",
         "[[1, 2, 2], [1, 1, 2]]", "[3, 3]", "[1, 3]"),
     "{\"loss\": \"ctc\", \"inputs\": {\"log_probs\": [[0]], \"targets\": [0, 0], \"input_lengths\": 0, "
     "\"target_lengths\": 2}}"},
    {delta_above_a_third,
     "{\"loss\": \"smooth_l1\", \"params\": {\"beta\": 0.34567891}, \"inputs\": {\"input\": [1], \"target\": [2]}}",
     "{\"loss\": \"smooth_l1\", \"params\": {\"beta\": 0.4}, \"inputs\": {\"input\": 0, \"target\": 0}}"},
    {not_finite, L1("[\"NaN\"]", "[\"-Infinity\"]"), L1("\"Infinity\"", "0")},
    {last_is_large, L1("0", "[[1, -3.25e33]]"), L1("0", "1.2676506002282294e30")},
    {broadcast_sum, L1("[[[3.5, -9, 7.25, 1, 2]]]", "[[[1, 2, 3, 4, 5], [6, 7, 8, 9, 1], [2, -6.5, 4, 5, 6]]]"),
     L1("0", "[0, 0, 0, 0, 0, 0]")},
    {huge, L1("[\"-Infinity\"]", "[0]"), L1("-1.2676506002282294e30", "0")},
};

START_TEST(planted) { check(plants[_i].from, plants[_i].to, plants[_i].fails, NULL); }
END_TEST

/* A loss written wrong: the mean divides by the number of rows; from three elements on, the last one is forgotten. */
static double wrong_mse(const lp_case *c) {
  const lp_tensor *x = &c->inputs[0], *t = &c->inputs[1];
  const int64_t counted = x->numel > 2 ? x->numel - 1 : x->numel;
  double sum = 0.0;
  for (int64_t i = 0; i < counted; i++) sum += (x->f64[i] - t->f64[i]) * (x->f64[i] - t->f64[i]);
  return c->reduction == LP_REDUCTION_MEAN ? sum / (double)x->numel : sum;
}

static bool differs_from_wrong_mse(void *context, const lp_case *c) {
  lp_examination e;
  lp_arena *room = lp_arena_new(0);
  (void)context;
  const bool plain =
      !c->has_input[2] && c->reduction != LP_REDUCTION_NONE && lp_tensor_same_shape(&c->inputs[0], &c->inputs[1]);
  const bool known = plain && lp_examine(&e, room, c, NULL) == LP_OK && e.reference.kind == LP_OUTCOME_OK;
  const bool differs = known && fabs(*lp_outcome_loss(&e.reference) - wrong_mse(c)) > 0x1p-20;
  lp_arena_free(room);
  return differs;
}

START_TEST(wrong_loss) {
  check(
      "{\"loss\": \"mse\", \"params\": {\"reduction\": \"sum\"}, \"inputs\": {\"input\": [[0.3, 2.7, -8], [1e3, 7, "
      "5.5]], \"target\": [[1, 2, 3], [4, 5, 6.25]]}, \"grad_output\": 3}",
      "{\"loss\": \"mse\", \"inputs\": {\"input\": [0, 0, 0], \"target\": [0, 0, 1]}}", differs_from_wrong_mse, NULL);
}
END_TEST

/* A candidate whose answers are tampered with, and the signatures that the probe gives. */
START_TEST(tampered_candidate) {
  const char *signature = _i == LP_TAMPER_NAN ? "smooth_l1/loss/class/NaN-for-finite" : "smooth_l1/loss/shape";
  lp_recurrence r = {.candidate = NULL};
  lp_probe_result found;
  bool shows;
  const lp_case *c = read_case(
      "{\"loss\": \"smooth_l1\", \"dtype\": \"float32\", \"params\": {\"reduction\": \"mean\", "
      "\"beta\": 0.3}, \"inputs\": {\"input\": [[1.5, 2], [3, 4]], \"target\": [[0.1, 7], [3, "
      "9]]}, \"grad_output\": 2}");
  ck_assert_int_eq(lp_candidate_open(&r.candidate, "reference", NULL, NULL), LP_OK);
  lp_candidate_tamper(r.candidate, _i);
  ck_assert_int_eq(lp_recurrence_find(&r, &shows, &found, c, NULL), LP_OK);
  ck_assert(shows && !r.by_bytes);
  ck_assert_str_eq(r.signature, signature);
  const lp_minimized m = minimize(c, lp_recurs, &r);
  ck_assert_int_eq(r.status, LP_OK);
  ck_assert_msg(m.fails && m.finished && lp_case_elements(&m.c) <= 4, "%s", written(&m.c));
  ck_assert_msg(m.c.params[0] == 1.0 && !m.c.has_grad_output, "%s", written(&m.c));
  strcpy(r.signature, "smooth_l1/law/rows");
  ck_assert_int_eq(lp_recurrence_find(&r, &shows, &found, &m.c, NULL), LP_OK);
  ck_assert(!shows && r.by_bytes && found.n_findings > 0);
  lp_candidate_close(r.candidate);
}
END_TEST

/* --- the rest ----------------------------------------------------------------------------------------------------- */

static bool never(void *context, const lp_case *c) { return !always(context, c); }

START_TEST(nothing_fails) {
  const lp_case *c = read_case(L1("[1, 2]", "[3, 4]"));
  const lp_minimized m = minimize(c, never, NULL);
  ck_assert(!m.fails && m.finished && !difference(&m.c, c));
  ck_assert_int_eq(m.tries, 1);
}
END_TEST

START_TEST(budget) {
  lp_minimized m;
  const lp_case *c = read_case(plants[1].from);
  for (int tries = 1; tries < 20; tries++) {
    ck_assert_int_eq(lp_minimize(&m, arena, c, row_three_above_100, NULL, tries, NULL), LP_OK);
    ck_assert(m.fails && !m.finished && row_three_above_100(NULL, &m.c));
    ck_assert_int_eq(m.tries, tries);
  }
  int tried = 0;
  for (int i = 0; i < m.n_steps; i++) tried += m.steps[i].tried;
  ck_assert_int_eq(tried, 18);
}
END_TEST

START_TEST(out_of_memory) {
  const lp_case *c = read_case(plants[0].from);
  lp_status status = LP_NO_MEMORY;
  for (long n = 0; status == LP_NO_MEMORY && n < 100000; n++) {
    lp_minimized m;
    lp_error error = {.status = LP_OK};
    lp_arena_fail_after(n);
    status = lp_minimize(&m, arena, c, always, NULL, LP_MINIMIZE_TRIES, &error);
    lp_arena_fail_after(-1);
    ck_assert(status == LP_OK || (status == LP_NO_MEMORY && *error.message));
  }
  ck_assert_int_eq(status, LP_OK);
}
END_TEST

/* Any case of any loss: it stays in a regime, or refused for the same reason, and its numbers stay numbers of their
 * dtypes. */
typedef struct stay {
  uint64_t regime;
  lp_reject reject;
  lp_arena *room;
} stay;

static void look(stay *s, const lp_case *c) {
  lp_examination e;
  lp_arena_reset(s->room);
  ck_assert_int_eq(lp_examine(&e, s->room, c, NULL), LP_OK);
  s->regime = e.regimes;
  s->reject = e.reject;
}

static bool stays(void *context, const lp_case *c) {
  const stay *want = context;
  stay now = *want;
  look(&now, c);
  for (int i = 0; i < c->loss->n_inputs; i++) ck_assert(!c->has_input[i] || is_representable(&c->inputs[i]));
  ck_assert(!c->has_grad_output || is_representable(&c->grad_output));
  ck_assert_int_eq(now.reject, want->reject);
  return (now.regime & want->regime) == want->regime;
}

START_TEST(any_case) {
  lp_rng rng = lp_rng_for_case((uint64_t)_i, "minimize");
  const lp_loss *loss = lp_registry_at(_i % lp_registry_count());
  stay s = {.room = lp_arena_new(0)};
  int64_t before = 0, after = 0;
  for (int n = 0; n < 12; n++) {
    uint8_t bytes[600];
    lp_case c;
    lp_arena_reset(arena);
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(lp_rng_next(&rng) >> (n % 3 ? 56 : 60));
    ck_assert_int_eq(lp_case_decode(&c, arena, loss, bytes, (size_t)lp_rng_below(&rng, sizeof bytes), NULL), LP_OK);
    if (lp_case_elements(&c) > 400) continue;
    look(&s, &c);
    s.regime &= lp_rng_next(&rng);
    const lp_minimized m = minimize(&c, stays, &s), again = minimize(&m.c, stays, &s);
    const char *what = difference(&again.c, &m.c);
    ck_assert_msg(m.fails && stays(&s, &m.c), "%s", written(&m.c));
    ck_assert_msg(!m.finished || !what, "%s: %s became %s", what, written(&m.c), written(&again.c));
    ck_assert_int_eq(m.c.expect, lp_case_expectation(&m.c));
    before += lp_case_elements(&c);
    after += lp_case_elements(&m.c);
  }
  ck_assert_int_le(after, before);
  lp_arena_free(s.room);
}
END_TEST

START_TEST(no_case) {
  lp_minimized m;
  lp_error error;
  lp_case c = *read_case(L1("1", "2"));
  c.has_input[1] = false;
  ck_assert_int_eq(lp_minimize(&m, arena, &c, always, NULL, 100, &error), LP_INVALID);
  ck_assert_ptr_nonnull(strstr(error.message, "not a case"));
}
END_TEST

START_TEST(costs) {
  static const double order[] = {0.0,  1.0,   -1.0,   2.0,  -2.0, 10.0,      -10.0, 0.5,      16.0,      0x1p-900, 0.3,
                                 -0.3, 1e300, 0.25e9, 0.35, 1234, 1.0 / 3.0, -0.0,  INFINITY, -INFINITY, NAN};
  for (size_t i = 1; i < sizeof order / sizeof order[0]; i++) {
    if (order[i] == 0.25e9 || order[i] == 0.35) continue;
    ck_assert_msg(lp_real_cost(LP_FLOAT64, order[i - 1]) <= lp_real_cost(LP_FLOAT64, order[i]), "%g, %g", order[i - 1],
                  order[i]);
  }
  ck_assert_int_eq(lp_real_cost(LP_FLOAT32, (double)0.1f) - lp_real_cost(LP_FLOAT64, 0.1), 0);
  ck_assert_int_gt(lp_real_cost(LP_FLOAT64, (double)0.1f), lp_real_cost(LP_FLOAT64, 0.1));
}
END_TEST

int main(void) {
  TCase *const tests = tcase_create("minimize");
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_set_timeout(tests, 60);
  tcase_add_loop_test(tests, planted, 0, sizeof plants / sizeof plants[0]);
  tcase_add_test(tests, wrong_loss);
  tcase_add_loop_test(tests, tampered_candidate, LP_TAMPER_NAN, LP_TAMPER_COUNT);
  tcase_add_test(tests, nothing_fails);
  tcase_add_test(tests, budget);
  tcase_add_test(tests, out_of_memory);
  tcase_add_loop_test(tests, any_case, 0, 2 * lp_registry_count());
  tcase_add_test(tests, no_case);
  tcase_add_test(tests, costs);
  Suite *const s = suite_create("minimize");
  suite_add_tcase(s, tests);
  SRunner *const runner = srunner_create(s);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
