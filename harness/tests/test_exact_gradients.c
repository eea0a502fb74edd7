/* Every exact oracle against finite differences, over a sample of the fixtures of its loss: of its own values, to 25
 * digits, and of the values of a plain implementation. Prints a line for each loss. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/hdf5.h"
#include "harness/difference.h"
#include "harness/plain/plain.h"
#include "reference/exact/budget.h"
#include "reference/exact/differences.h"
#include "reference/registry.h"

/* MOST_ELEMENTS keeps out the few cases that take longer than all others together. */
enum { SAMPLE = 60, MOST_ELEMENTS = 400, PLAIN_SAMPLE = 25, PLAIN_ELEMENTS = 3 };

/* --- the sample --- */

static lp_suite read_fixtures(const lp_loss *loss) {
  char path[512];
  lp_suite suite;
  lp_error error = {0};
  snprintf(path, sizeof path, "%s/golden/fixtures/%s.h5", LOSSPROOF_SOURCE_DIR, loss->name);
  ck_assert_int_eq(lp_suite_init(&suite, &error), LP_OK);
  ck_assert_msg(lp_hdf5_read(&suite, path, &error) == LP_OK, "%s", error.message);
  return suite;
}

static int64_t elements(const lp_case *c) {
  int64_t n = 0;
  for (int i = 0; i < c->loss->n_inputs; i++) n += c->has_input[i] ? c->inputs[i].numel : 0;
  return n;
}

/* Plans case i of the suite; false when it is rejected or large. */
static bool plan_case(lp_plan *plan, const lp_suite *suite, int i) {
  const lp_case *c = &suite->entries[i].c;
  return elements(c) <= MOST_ELEMENTS && lp_plan_init(plan, c, NULL) == LP_OK;
}

/* --- the oracle's own values --- */

typedef struct total {
  int64_t cases, compared, excluded, silent;
  double digits;
} total;

static void difference_case(total *sum, const lp_plan *plan) {
  lp_differences found;
  lp_error error = {0};
  ck_assert_msg(lp_exact_differences(&found, plan, NULL, &error) == LP_OK, "%s: %s", plan->c->id, error.message);
  ck_assert_msg(lp_differences_agree(&found), "%s: %s", plan->c->id, found.first);
  sum->cases++;
  sum->compared += found.compared;
  sum->excluded += found.excluded;
  sum->silent += found.silent;
  sum->digits = fmin(sum->digits, found.digits);
}

static void check_oracle(const lp_loss *loss) {
  lp_suite suite = read_fixtures(loss);
  total sum = {.digits = INFINITY};
  const int stride = 1 + suite.count / SAMPLE;
  for (int i = 0; i < suite.count; i += stride) {
    lp_plan plan;
    if (plan_case(&plan, &suite, i)) difference_case(&sum, &plan);
  }
  printf("%-18s %3lld cases, %5lld elements or directions to %.1f digits at least, %lld not finite, %lld not certain\n",
         loss->name, (long long)sum.cases, (long long)sum.compared, sum.digits, (long long)sum.excluded,
         (long long)sum.silent);
  ck_assert_msg(sum.compared >= 100 && sum.silent * 4 < sum.compared, "%s: too little was compared", loss->name);
  ck_assert_double_ge(sum.digits, LP_DIFFERENCES_DIGITS);
  lp_suite_clear(&suite);
}

START_TEST(gradients_are_derivatives) {
  ck_assert_int_gt(lp_registry_count(), 0);
  for (int i = 0; i < lp_registry_count(); i++) {
    const lp_loss *loss = lp_registry_at(i);
    if (lp_exact_loss_find(loss->name)) check_oracle(loss);
  }
}
END_TEST

/* --- a plain implementation's values --- */

/* The loss of the plain implementation; false where it overflows or underflows on the way. */
static bool plain_forward(void *context, double *loss, const lp_case *c) {
  const plain_options options = {.summation = PLAIN_PAIRWISE};
  lp_arena *arena = lp_arena_new(0);
  lp_plan plan;
  plain_answer answer;
  bool ok = lp_plan_init(&plan, c, NULL) == LP_OK && plain_answer_case(&answer, arena, &plan, options, NULL) == LP_OK &&
            answer.outcome.kind == LP_OUTCOME_OK && !answer.overflowed && !answer.underflowed;
  (void)context;
  if (ok)
    memcpy(loss, answer.outcome.outputs[0].tensor.f64, (size_t)plan.outcome.outputs[0].tensor.numel * sizeof(double));
  lp_arena_free(arena);
  return ok;
}

typedef struct tally {
  long agree, silent, faults_seen;
} tally;

/* A right gradient is never contradicted; one that is off by half is, where the difference says anything. */
static void judge_element(tally *t, const lp_case *c, int input, int64_t index, const lp_exact_number *n,
                          lp_dtype dtype) {
  lp_difference d;
  lp_error error = {0};
  const double scale = mag_get_d(&n->scale), truth = arf_get_d(arb_midref(&n->value), ARF_RND_NEAR);
  const double budget = lp_budget_factor(dtype, lp_budget_depth(n->terms)) * scale;
  ck_assert_int_eq(lp_difference_case(&d, c, input, index, plain_forward, NULL, &error), LP_OK);
  const lp_difference_verdict verdict = lp_difference_judge(&d, truth, budget, scale);
  ck_assert_msg(verdict != LP_DIFFERENCE_CONTRADICTS, "%s, input %d[%lld]: gradient %.17g, difference %.17g +- %g",
                c->id, input, (long long)index, truth, d.slope, d.uncertainty);
  t->agree += verdict == LP_DIFFERENCE_AGREES;
  t->silent += verdict == LP_DIFFERENCE_NO_INFORMATION;
  t->faults_seen += lp_difference_judge(&d, 1.5 * truth, budget, scale) == LP_DIFFERENCE_CONTRADICTS;
}

static void judge_case(tally *t, const lp_plan *plan) {
  lp_exact exact;
  lp_error error = {0};
  ck_assert_int_eq(lp_exact_evaluate(&exact, plan, NULL, &error), LP_OK);
  for (int k = 1; k < exact.n_outputs; k++) {
    const lp_exact_output *out = exact.has_alternative ? &exact.alternative : &exact.outputs[k];
    for (int64_t i = 0; i < out->layout.numel && i < PLAIN_ELEMENTS; i++) {
      if (out->numbers[i].class == LP_FINITE) {
        judge_element(t, plan->c, out->input, i, &out->numbers[i], out->layout.dtype);
      }
    }
  }
  lp_exact_clear(&exact);
}

static void check_plain(const lp_loss *loss) {
  lp_suite suite = read_fixtures(loss);
  tally t = {0, 0, 0};
  const int stride = 1 + suite.count / PLAIN_SAMPLE;
  for (int i = 0; i < suite.count; i += stride) {
    lp_plan plan;
    if (plan_case(&plan, &suite, i)) judge_case(&t, &plan);
  }
  printf("%-18s values: %ld gradients agree, %ld without information; of those off by half %ld contradicted\n",
         loss->name, t.agree, t.silent, t.faults_seen);
  ck_assert_msg(t.agree > 0 && t.faults_seen > 0, "%s: nothing was learned", loss->name);
  lp_suite_clear(&suite);
}

START_TEST(values_do_not_contradict) {
  for (int i = 0; i < lp_registry_count(); i++) {
    const lp_loss *loss = lp_registry_at(i);
    if (lp_exact_loss_find(loss->name)) check_plain(loss);
  }
}
END_TEST

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  Suite *suite = suite_create("exact gradients");
  TCase *cases = tcase_create("all");
  tcase_set_timeout(cases, 120);
  tcase_add_test(cases, gradients_are_derivatives);
  tcase_add_test(cases, values_do_not_contradict);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  flint_cleanup();
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
