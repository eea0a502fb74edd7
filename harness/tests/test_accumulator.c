/* The accumulator cases: a single running accumulator of the dtype is failed, pairwise summation passes. */
#include "harness/accumulator.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compare.h"
#include "reference/exact/exact.h"
#include "reference/registry.h"

static lp_suite generate(const char *loss, lp_dtype dtype) {
  lp_suite suite;
  lp_error error;
  const lp_generate_options options = {.seed = 1, .dtype = dtype, .suite = LP_ACCUMULATOR_SUITE};
  ck_assert_int_eq(lp_suite_init(&suite, &error), LP_OK);
  ck_assert_int_eq(lp_generate_accumulator(&suite, lp_registry_find(loss), &options, &error), LP_OK);
  return suite;
}

static double running(double term, int64_t n, lp_dtype dtype) {
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) sum = lp_dtype_round(dtype, sum + term);
  return sum;
}

static double pairwise(double term, int64_t n, lp_dtype dtype) {
  if (n == 1) return term;
  return lp_dtype_round(dtype, pairwise(term, n / 2, dtype) + pairwise(term, n - n / 2, dtype));
}

static lp_fit fit_of(const lp_case *c, double (*sum)(double term, int64_t n, lp_dtype dtype)) {
  lp_plan plan;
  lp_error error;
  lp_exact exact;
  lp_comparison r;
  ck_assert_int_eq(lp_plan_init(&plan, c, &error), LP_OK);
  ck_assert_int_eq(lp_exact_evaluate(&exact, &plan, NULL, &error), LP_OK);
  const double term = lp_dtype_round(c->dtype, fabs(c->inputs[0].f64[0] - c->inputs[1].f64[0]));
  const double total = sum(term, plan.term.numel, c->dtype);
  const double mean = lp_dtype_round(c->dtype, total / (double)plan.term.numel);
  lp_compare(&r, c->reduction == LP_REDUCTION_SUM ? total : mean, &exact.outputs[0].numbers[0], c->dtype, false);
  lp_exact_clear(&exact);
  return r.fit;
}

START_TEST(halves) {
  const lp_dtype dtypes[] = {LP_FLOAT16, LP_BFLOAT16};
  for (int k = 0; k < 2; k++) {
    lp_suite suite = generate("l1", dtypes[k]);
    int failed = 0;
    ck_assert_int_eq(suite.count, 4);
    for (int i = 0; i < suite.count; i++) {
      ck_assert_int_eq(fit_of(&suite.entries[i].c, pairwise), LP_FITS);
      failed += fit_of(&suite.entries[i].c, running) == LP_FITS_NOT;
    }
    ck_assert_int_eq(fit_of(&suite.entries[2].c, running), LP_FITS_NOT); /* the sum of 2^12 + 1 */
    ck_assert_int_ge(failed, k == 0 ? 1 : 3);
    lp_suite_clear(&suite);
  }
}
END_TEST

/* Not judged here: it takes the exact oracle half a minute. */
START_TEST(float32) {
  lp_suite suite = generate("mse", LP_FLOAT32);
  const char *const ids[] = {"accumulator/mse/float32-16777223-sum", "accumulator/mse/float32-16777223-mean",
                             "accumulator/mse/float32-33554432-sum", "accumulator/mse/float32-33554432-mean"};
  ck_assert_int_eq(suite.count, 4);
  for (int i = 0; i < 4; i++) ck_assert_str_eq(suite.entries[i].c.id, ids[i]);
  const double term = lp_dtype_round(LP_FLOAT32, 0.4), truth = term * 16777223.0;
  ck_assert(fabs(running(term, 16777223, LP_FLOAT32) - truth) > 0.01 * truth);
  lp_suite_clear(&suite);
}
END_TEST

static void refuse(const char *loss, lp_dtype dtype, const char *text) {
  lp_suite suite;
  lp_error error;
  const lp_generate_options options = {.seed = 1, .dtype = dtype, .suite = LP_ACCUMULATOR_SUITE};
  ck_assert_int_eq(lp_suite_init(&suite, &error), LP_OK);
  ck_assert_int_eq(lp_generate_accumulator(&suite, lp_registry_find(loss), &options, &error), LP_REJECTED);
  ck_assert_msg(strstr(error.message, text) != NULL, "%s", error.message);
  ck_assert_int_eq(suite.count, 0);
  lp_suite_clear(&suite);
}

START_TEST(refusals) {
  refuse("l1", LP_FLOAT64, "give --dtype");
  refuse("ctc", LP_FLOAT32, "without elementwise terms");
  refuse("hinge_embedding", LP_FLOAT32, "without elementwise terms");
  refuse("margin_ranking", LP_FLOAT32, "without elementwise terms");
}
END_TEST

START_TEST(a_full_suite_and_no_memory) {
  const lp_generate_options options = {.seed = 1, .dtype = LP_FLOAT16, .suite = LP_ACCUMULATOR_SUITE};
  const lp_loss *const loss = lp_registry_find("l1");
  lp_suite suite;
  lp_error error;
  ck_assert_int_eq(lp_suite_init(&suite, &error), LP_OK);
  for (long requests = 0; requests < 12; requests++) {
    lp_arena_fail_after(requests);
    const lp_status status = lp_generate_accumulator(&suite, loss, &options, &error);
    lp_arena_fail_after(-1);
    ck_assert_int_eq(status, LP_NO_MEMORY);
    ck_assert_int_eq(suite.count, 0);
  }
  while (suite.count < LP_MAX_CASES - 1) ck_assert_ptr_nonnull(lp_suite_add(&suite));
  ck_assert_int_eq(lp_generate_accumulator(&suite, loss, &options, &error), LP_NO_MEMORY);
  ck_assert_int_eq(suite.count, LP_MAX_CASES - 1);
  lp_suite_clear(&suite);
}
END_TEST

int main(void) {
  TCase *const tests = tcase_create("accumulator");
  tcase_set_timeout(tests, 60);
  tcase_add_test(tests, halves);
  tcase_add_test(tests, float32);
  tcase_add_test(tests, refusals);
  tcase_add_test(tests, a_full_suite_and_no_memory);
  Suite *const suite = suite_create("accumulator");
  suite_add_tcase(suite, tests);
  SRunner *const runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
