#include "reference/exact/budget.h"

#include <math.h>

#include "reference/tests/testing.h"

static const lp_dtype floating[] = {LP_FLOAT64, LP_FLOAT32, LP_FLOAT16, LP_BFLOAT16};
enum { N_FLOATING = sizeof floating / sizeof floating[0] };

static double relative(lp_dtype dtype, double scale, int64_t terms) {
  mag_t budget, size;
  mag_init(budget);
  mag_init(size);
  mag_set_d(size, scale);
  lp_budget_relative(budget, dtype, size, terms);
  const double result = mag_get_d(budget);
  mag_clear(budget);
  mag_clear(size);
  return result;
}

/* min(n, 1024) + ceil(log2 n), worked out by hand. */
START_TEST(depth_of_a_sum) {
  static const struct {
    int64_t terms;
    double depth, pairwise;
  } rows[] = {
      {-1, 1, 1},
      {0, 1, 1},
      {1, 1, 1},
      {2, 3, 1},
      {3, 5, 2},
      {4, 6, 2},
      {5, 8, 3},
      {1023, 1033, 10},
      {1024, 1034, 10},
      {1025, 1035, 11},
      {1 << 20, 1044, 20},
      {(1 << 20) + 1, 1045, 21},
      {(INT64_C(1) << 24) + 7, 1049, 25},
      {INT64_C(1) << 40, 1064, 40},
      {INT64_C(1) << 62, 1086, 62},
      {INT64_MAX, 1087, 63},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    ck_assert_double_eq(lp_budget_depth(rows[i].terms), rows[i].depth);
    ck_assert_double_eq(lp_budget_pairwise_depth(rows[i].terms), rows[i].pairwise);
  }
}
END_TEST

START_TEST(factor_is_capped) {
  ck_assert_double_eq(lp_budget_factor(LP_FLOAT64, 1.0), 0x1p-50);
  ck_assert_double_eq(lp_budget_factor(LP_FLOAT32, 3.0), 3 * 0x1p-21);
  ck_assert_double_eq(lp_budget_factor(LP_FLOAT16, 1.0), 0x1p-8);
  ck_assert_double_eq(lp_budget_factor(LP_BFLOAT16, 1.0), 0x1p-5);
  ck_assert_double_eq(lp_budget_factor(LP_BFLOAT16, 4.0), 0.125);
  ck_assert_double_eq(lp_budget_factor(LP_BFLOAT16, 4.5), 0.125);
  ck_assert_double_eq(lp_budget_factor(LP_FLOAT64, 1e300), 0.125);
  for (int d = 0; d < N_FLOATING; d++) {
    for (int64_t n = 1; n < INT64_C(1) << 60; n *= 2) {
      ck_assert_double_le(lp_budget_factor(floating[d], lp_budget_depth(n)), 0.125);
      ck_assert_double_gt(lp_budget_factor(floating[d], lp_budget_depth(n)), 0.0);
    }
  }
}
END_TEST

/* Never below k u D scale, above it by the rounding of a magnitude only. */
START_TEST(relative_budget) {
  static const double scales[] = {0x1p-1074, 1e-300, 0.1, 1.0, 3.0, 1e10, 1e300};
  for (int d = 0; d < N_FLOATING; d++) {
    const double u = lp_dtype_unit_roundoff(floating[d]);
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
      const double exact = 8 * u * scales[i];
      if (exact < 1e-290) continue; /* doubles are too coarse there to compare with */
      ck_assert_double_ge(relative(floating[d], scales[i], 1), exact);
      ck_assert_double_le(relative(floating[d], scales[i], 1), exact * (1 + 0x1p-26));
    }
  }
  ck_assert_double_eq(relative(LP_FLOAT64, 0.0, 1000), 0.0);
  ck_assert_double_eq(relative(LP_FLOAT64, INFINITY, 1), INFINITY);
}
END_TEST

START_TEST(relative_budget_grows_with_scale_and_terms) {
  static const int64_t terms[] = {1, 2, 3, 5, 9, 100, 1023, 1024, 1025, 4097, 1 << 20, INT64_C(1) << 40};
  for (int d = 0; d < N_FLOATING; d++) {
    double before = 0.0;
    for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++) {
      const double now = relative(floating[d], 1.7, terms[i]);
      ck_assert_double_ge(now, before);
      ck_assert_double_le(now, 1.7 / 8 * (1 + 0x1p-26));
      ck_assert_double_gt(relative(floating[d], 1.8, terms[i]), now);
      before = now;
    }
  }
  ck_assert_double_gt(relative(LP_FLOAT64, 1.0, 1 << 20), 100 * relative(LP_FLOAT64, 1.0, 1));
}
END_TEST

START_TEST(absolute_budget) {
  ck_assert_double_eq(lp_budget_absolute(LP_FLOAT64, false), 8 * 0x1p-1074);
  ck_assert_double_eq(lp_budget_absolute(LP_FLOAT32, false), 8 * 0x1p-149);
  ck_assert_double_eq(lp_budget_absolute(LP_FLOAT16, false), 8 * 0x1p-24);
  ck_assert_double_eq(lp_budget_absolute(LP_BFLOAT16, false), 8 * 0x1p-133);
  /* 8 times the smallest normal number */
  ck_assert_double_eq(lp_budget_absolute(LP_FLOAT64, true), 8 * 0x1p-1022);
  ck_assert_double_eq(lp_budget_absolute(LP_FLOAT32, true), 8 * 0x1p-126);
  ck_assert_double_eq(lp_budget_absolute(LP_FLOAT16, true), 8 * 0x1p-14);
  ck_assert_double_eq(lp_budget_absolute(LP_BFLOAT16, true), 8 * 0x1p-126);
}
END_TEST

/* What the budget is for: one running float32 accumulator passes a thousand ones, and fails 2^25 of them, where it
 * stays at 2^24. */
START_TEST(one_accumulator_fails_large_sums) {
  const double n = 0x1p25, worst = 1000 * 0x1p-24 * 1000;
  ck_assert_double_lt(worst, relative(LP_FLOAT32, 2 * 1000.0, 1000));
  ck_assert_double_gt(n - 0x1p24, relative(LP_FLOAT32, 2 * n, 1 << 25));
}
END_TEST

static bool is_boundless(double log2_of_scale, double size) {
  mag_t scale, most;
  mag_init(scale);
  mag_init(most);
  mag_set_ui_2exp_si(scale, 1, (slong)log2_of_scale);
  mag_set_d(most, size);
  const bool boundless = lp_budget_is_boundless(scale, most);
  mag_clear(scale);
  mag_clear(most);
  return boundless;
}

/* Beyond 2^4096, and 2^4096 times the number: a number that overflows is bounded too. */
START_TEST(scales_that_bound_nothing) {
  ck_assert(!is_boundless(4096, 0.0) && is_boundless(4097, 0.0));
  ck_assert(!is_boundless(5000, 0x1p1000) && is_boundless(5098, 0x1p1000));
  mag_t scale, size;
  mag_init(scale);
  mag_init(size);
  lp_budget_set_boundless(scale);
  mag_mul_2exp_si(scale, scale, -100000);
  ck_assert(lp_budget_is_boundless(scale, size));
  mag_set_ui_2exp_si(size, 1, 1000000);
  mag_set(scale, size);
  ck_assert(!lp_budget_is_boundless(scale, size));
  mag_inf(scale);
  ck_assert(lp_budget_is_boundless(scale, size));
  mag_clear(scale);
  mag_clear(size);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {depth_of_a_sum,           factor_is_capped,
                                relative_budget,          relative_budget_grows_with_scale_and_terms,
                                absolute_budget,          one_accumulator_fails_large_sums,
                                scales_that_bound_nothing};
  const int result = run_tests("budget", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return result;
}
