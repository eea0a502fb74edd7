#include "reference/big.h"

#include <float.h>
#include <math.h>

#include "reference/tests/testing.h"

static const double samples[] = {1.0,     -1.0,     0.1,       -3.25e7, 0x1p-1074,  -0x1.8p-1073, DBL_MIN,
                                 DBL_MAX, -DBL_MAX, 0x1p-1030, 1e308,   0x1.fffp-1, 7.0};
enum { N_SAMPLES = sizeof samples / sizeof samples[0] };

static const double odd[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 1.0, -2.5};
enum { N_ODD = sizeof odd / sizeof odd[0] };

static lp_big times(lp_big a, lp_big b) { return lp_big_multiply(a, b); }

static void check_get(lp_big a, double expected) { check_same(lp_big_get(a), expected); }

START_TEST(doubles_come_back) {
  for (int i = 0; i < N_SAMPLES; i++) check_get(lp_big_of(samples[i]), samples[i]);
  for (int i = 0; i < N_ODD; i++) check_get(lp_big_of(odd[i]), odd[i]);
}
END_TEST

START_TEST(mantissas_are_normalized) {
  const lp_big three = lp_big_of(3.0);
  check_same(three.high, 0.75);
  check_same(three.low, 0.0);
  check_same(three.exponent, 2.0);
}
END_TEST

START_TEST(negation_and_absolute_value) {
  for (int i = 0; i < N_SAMPLES; i++) {
    check_get(lp_big_negate(lp_big_of(samples[i])), -samples[i]);
    check_get(lp_big_abs(lp_big_of(samples[i])), fabs(samples[i]));
  }
  check_get(lp_big_negate(lp_big_of(0.0)), -0.0);
  check_get(lp_big_abs(lp_big_of(-0.0)), 0.0);
}
END_TEST

/* Where a double result exists it is the same, infinities, NaN and signed zeros included. */
START_TEST(special_operands_follow_ieee) {
  for (int i = 0; i < N_ODD; i++) {
    for (int j = 0; j < N_ODD; j++) {
      const double a = odd[i], b = odd[j];
      check_get(lp_big_add(lp_big_of(a), lp_big_of(b)), a + b);
      check_get(lp_big_subtract(lp_big_of(a), lp_big_of(b)), a - b);
      check_get(lp_big_multiply(lp_big_of(a), lp_big_of(b)), a * b);
      check_get(lp_big_divide(lp_big_of(a), lp_big_of(b)), a / b);
    }
  }
}
END_TEST

START_TEST(results_within_range_are_those_of_double) {
  const double x[] = {1.5, -0.375, 3.0, 1e10, 0x1p-30};
  for (int i = 0; i < 5; i++) {
    for (int j = 0; j < 5; j++) {
      check_get(lp_big_add(lp_big_of(x[i]), lp_big_of(x[j])), x[i] + x[j]);
      check_get(lp_big_multiply(lp_big_of(x[i]), lp_big_of(x[j])), x[i] * x[j]);
      check_get(lp_big_divide(lp_big_of(x[i]), lp_big_of(x[j])), x[i] / x[j]);
    }
  }
}
END_TEST

START_TEST(the_range_of_double_is_left_and_entered_again) {
  const lp_big huge = lp_big_of(1e300), tiny = lp_big_of(1e-300);
  lp_big product = huge;
  for (int i = 0; i < 9; i++) product = times(product, huge);
  check_get(product, INFINITY);
  for (int i = 0; i < 10; i++) product = times(product, tiny);
  check_near(lp_big_get(product), 1.0, 4e-15); /* 1e300 and 1e-300 are rounded */
  check_get(times(times(tiny, tiny), times(tiny, tiny)), 0.0);
  check_get(lp_big_divide(huge, tiny), INFINITY);
  check_get(lp_big_negate(lp_big_divide(huge, tiny)), -INFINITY);
}
END_TEST

START_TEST(exponents_beyond_any_double_are_infinite_or_zero) {
  lp_big huge = lp_big_of(0x1p1000), tiny = lp_big_of(0x1p-1000);
  for (int i = 0; i < 40; i++) {
    huge = times(huge, huge);
    tiny = times(tiny, tiny);
  }
  check_get(huge, INFINITY);
  check_get(tiny, 0.0);
}
END_TEST

START_TEST(about_twice_the_precision) {
  const lp_big one = lp_big_of(1.0), small = lp_big_of(0x1p-80), third = lp_big_divide(one, lp_big_of(3.0));
  check_get(lp_big_subtract(lp_big_add(one, small), one), 0x1p-80);
  check_near(lp_big_get(lp_big_subtract(times(third, lp_big_of(3.0)), one)), 0.0, 0x1p-100);
  const lp_big more = lp_big_add(one, small);
  check_near(lp_big_get(lp_big_subtract(times(lp_big_divide(one, more), more), one)), 0.0, 0x1p-100);
  const lp_big tenth = lp_big_divide(one, lp_big_of(10.0));
  check_near(lp_big_get(lp_big_subtract(times(tenth, tenth), lp_big_divide(one, lp_big_of(100.0)))), 0.0, 0x1p-106);
}
END_TEST

START_TEST(cancellation_and_far_apart_summands) {
  check_get(lp_big_subtract(lp_big_of(1e300), lp_big_of(1e300)), 0.0);
  check_get(lp_big_add(lp_big_of(1e300), lp_big_of(1e-300)), 1e300);
  check_get(lp_big_add(lp_big_of(1e-300), lp_big_of(-1e300)), -1e300);
  check_get(lp_big_subtract(lp_big_add(lp_big_of(1e16), lp_big_of(1.0)), lp_big_of(1e16)), 1.0);
  check_get(lp_big_add(lp_big_of(0.0), lp_big_of(5.0)), 5.0);
  check_get(lp_big_add(lp_big_of(5.0), lp_big_of(0.0)), 5.0);
}
END_TEST

/* A result of more than 53 bits is rounded once. */
START_TEST(rounding) {
  check_get(lp_big_add(lp_big_of(1.0), lp_big_of(0x1.8p-53)), 1.0 + 0x1p-52);
  check_get(times(lp_big_of(0x1.8p-1074), lp_big_of(0.5)), 0x1p-1074);
}
END_TEST

START_TEST(comparisons) {
  const double x[] = {-INFINITY, -1e300, -1.0, 0.0, 1e-300, 1.0, 1e300, INFINITY};
  for (int i = 0; i < 8; i++) {
    for (int j = 0; j < 8; j++) {
      ck_assert_int_eq(lp_big_less(lp_big_of(x[i]), lp_big_of(x[j])), x[i] < x[j]);
      ck_assert_int_eq(lp_big_at_least(lp_big_of(x[i]), lp_big_of(x[j])), x[i] >= x[j]);
    }
    ck_assert(!lp_big_less(lp_big_of(NAN), lp_big_of(x[i])) && !lp_big_less(lp_big_of(x[i]), lp_big_of(NAN)));
    ck_assert(!lp_big_at_least(lp_big_of(NAN), lp_big_of(x[i])) && !lp_big_at_least(lp_big_of(x[i]), lp_big_of(NAN)));
    ck_assert_int_eq(lp_big_is_finite(lp_big_of(x[i])), isfinite(x[i]) != 0);
  }
  ck_assert(!lp_big_is_finite(lp_big_of(NAN)));
  ck_assert(lp_big_at_least(lp_big_of(-0.0), lp_big_of(0.0)));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {doubles_come_back,
                                mantissas_are_normalized,
                                negation_and_absolute_value,
                                special_operands_follow_ieee,
                                results_within_range_are_those_of_double,
                                the_range_of_double_is_left_and_entered_again,
                                exponents_beyond_any_double_are_infinite_or_zero,
                                about_twice_the_precision,
                                cancellation_and_far_apart_summands,
                                rounding,
                                comparisons};
  return run_tests("big", tests, sizeof tests / sizeof tests[0]);
}
