#include "reference/long_sum.h"

#include <float.h>
#include <math.h>

#include "reference/tests/testing.h"

static lp_long_sum sum_of(const double (*terms)[3], int n) {
  lp_long_sum sum;
  lp_long_sum_clear(&sum);
  for (int i = 0; i < n; i++) lp_long_sum_add(&sum, terms[i][0], terms[i][1], terms[i][2]);
  return sum;
}

static double get(const double (*terms)[3], int n) {
  const lp_long_sum sum = sum_of(terms, n);
  return lp_big_get(lp_long_sum_get(&sum));
}

START_TEST(nothing) {
  check_same(get(NULL, 0), 0.0);
  check_same(get((const double[][3]){{0.0, 1.0, DBL_MAX}, {1.0, -0.0, 1.0}, {1.0, 1.0, 0.0}}, 3), 0.0);
}
END_TEST

START_TEST(one_product) {
  static const double factors[] = {1.0, -1.0, 3.0, 0.1, -0x1.fffffffffffffp+600, DBL_MAX, 0x1p-1074, -0x1.8p-1060};
  for (int i = 0; i < 8; i++) {
    check_same(get((const double[][3]){{factors[i], 1.0, 1.0}}, 1), factors[i]);
    check_same(get((const double[][3]){{1.0, factors[i], 1.0}}, 1), factors[i]);
    check_same(get((const double[][3]){{-1.0, 1.0, factors[i]}}, 1), -factors[i]);
  }
  check_same(get((const double[][3]){{0x1p-1074, 0x1p1000, 0x1p74}}, 1), 1.0);
  check_same(get((const double[][3]){{DBL_MAX, DBL_MAX, 0x1p-1000}}, 1), INFINITY);
}
END_TEST

/* The smallest number that there is, between the largest ones. */
START_TEST(nothing_is_lost) {
  const lp_long_sum sum = sum_of(
      (const double[][3]){
          {DBL_MAX, DBL_MAX, DBL_MAX}, {0x1p-1074, -0x1p-1074, 0x1p-1074}, {-DBL_MAX, DBL_MAX, DBL_MAX}},
      3);
  const lp_big rest = lp_long_sum_get(&sum);
  check_same(rest.high, -0.5);
  check_same(rest.exponent, -3221.0);
  check_same(get((const double[][3]){{1e200, 1.0, 1.0}, {1.0, 1.0, 1.0}, {-1e200, 1.0, 1.0}}, 3), 1.0);
  check_same(get((const double[][3]){{-3.0, 1.0, 1.0}, {1.0, 1.0, 3.0}}, 2), 0.0);
}
END_TEST

/* x x - 2 x t + t t is the exact square of the difference. */
START_TEST(products_are_exact) {
  static const double x = 0x1.23456789abcdfp+3, t = 0x1.fedcba9876543p+3;
  const double square = get((const double[][3]){{x, x, 1.0}, {-x, t, 2.0}, {t, t, 1.0}}, 3);
  check_same(square, (x - t) * (x - t)); /* x - t has few enough bits */
}
END_TEST

START_TEST(many_terms) {
  lp_long_sum sum;
  lp_long_sum_clear(&sum);
  for (int i = 0; i < 10000; i++) lp_long_sum_add(&sum, 0x1.fffffffffffffp+23, 1.0, i % 2 == 0 ? 3.0 : 1.0);
  check_same(lp_big_get(lp_long_sum_get(&sum)), 20000.0 * 0x1.fffffffffffffp+23);
  for (int i = 0; i < 10000; i++) lp_long_sum_add(&sum, 0x1.fffffffffffffp+23, -2.0, 1.0);
  check_same(lp_big_get(lp_long_sum_get(&sum)), 0.0);
}
END_TEST

static void check_parts(const double (*terms)[3], int n) {
  double parts[LP_LONG_PARTS];
  lp_long_sum sum = sum_of(terms, n);
  const int n_parts = lp_long_sum_parts(parts, &sum);
  for (int i = 0; i < n_parts; i++) lp_long_sum_add(&sum, -parts[i], 1.0, 1.0);
  check_same(lp_big_get(lp_long_sum_get(&sum)), 0.0);
  ck_assert_int_eq(n_parts > 0, n > 0);
}

START_TEST(parts_add_up_to_the_sum) {
  const double terms[][3] = {{1e200, 1.0, 1.0}, {-0x1p-1074, 1.0, 1.0}, {0.1, 1.0, 1.0}, {-1e300, 1.0, 1.0}};
  double parts[LP_LONG_PARTS];
  for (int n = 0; n <= 4; n++) check_parts(terms, n);
  const lp_long_sum huge = sum_of((const double[][3]){{DBL_MAX, 1.0, 1.0}, {DBL_MAX, 1.0, 1.0}}, 2);
  ck_assert_int_eq(lp_long_sum_parts(parts, &huge), 0);
}
END_TEST

START_TEST(differences_are_exact) {
  lp_long_sum a = sum_of((const double[][3]){{1e300, 1.0, 1.0}, {-3.0, 1.0, 1.0}, {0x1p-1074, 1.0, 1.0}}, 3);
  const lp_long_sum b = sum_of((const double[][3]){{1e300, 1.0, 1.0}, {-5.0, 1.0, 1.0}}, 2);
  lp_long_sum_subtract(&a, &b);
  lp_long_sum_add(&a, -2.0, 1.0, 1.0);
  check_same(lp_big_get(lp_long_sum_get(&a)), 0x1p-1074);
  lp_long_sum_subtract(&a, &b); /* what is taken away is left as it was */
  check_same(lp_big_get(lp_long_sum_get(&a)), -1e300);
  const lp_long_sum same = a;
  lp_long_sum_subtract(&a, &same);
  check_same(lp_big_get(lp_long_sum_get(&a)), 0.0);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {nothing,
                                one_product,
                                nothing_is_lost,
                                many_terms,
                                products_are_exact,
                                parts_add_up_to_the_sum,
                                differences_are_exact};
  return run_tests("long_sum", tests, sizeof tests / sizeof tests[0]);
}
