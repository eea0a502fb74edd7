/* Wide numbers: the same as doubles where doubles suffice, and right where they would overflow or underflow. */
#include "reference/wide.h"

#include <float.h>

#include "reference/tests/testing.h"

static lp_wide of(double m, double level) { return (lp_wide){m, level}; }

static void check_wide(lp_wide got, double m, double level) {
  check_same(got.m, m);
  check_same(got.level, level);
}

START_TEST(normal_numbers) {
  check_wide(lp_wide_normal(1.5, 7.0), 1.5, 7.0);
  check_wide(lp_wide_normal(0x1p256, 7.0), 0x1p-256, 8.0);
  check_wide(lp_wide_normal(-0x1p300, 7.0), -0x1p-212, 8.0);
  check_wide(lp_wide_normal(0x1p-257, 7.0), 0x1p255, 6.0);
  check_wide(lp_wide_normal(0x1p-256, 7.0), 0x1p-256, 7.0);
  ck_assert(lp_wide_is_zero(lp_wide_normal(0.0, 7.0)));
  ck_assert(!lp_wide_is_zero(of(1.0, 0.0)));
}
END_TEST

START_TEST(sums) {
  check_wide(lp_wide_add(of(1.0, 3.0), of(2.0, 3.0)), 3.0, 3.0);
  check_wide(lp_wide_add(of(0x1.8p255, 3.0), of(0x1.8p255, 3.0)), 0x1.8p-256, 4.0);
  check_wide(lp_wide_add(of(0x1p-250, 4.0), of(0x1p250, 3.0)), 0x1p-250 + 0x1p-262, 4.0);
  check_wide(lp_wide_add(of(0x1p250, 3.0), of(0x1p-250, 4.0)), 0x1p-250 + 0x1p-262, 4.0);
  check_wide(lp_wide_add(of(1.0, 0.0), of(0x1p255, -2.0)), 1.0, 0.0);
  check_wide(lp_wide_add(of(1.0, -9.0), lp_wide_zero()), 1.0, -9.0);
  check_wide(lp_wide_add(lp_wide_zero(), of(1.0, -9.0)), 1.0, -9.0);
  ck_assert(lp_wide_is_zero(lp_wide_add(lp_wide_zero(), lp_wide_zero())));
  ck_assert(lp_wide_is_zero(lp_wide_add(of(1.0, 5.0), of(-1.0, 5.0))));
}
END_TEST

START_TEST(products_and_quotients) {
  check_wide(lp_wide_multiply(of(0x1p200, 1.0), of(0x1p100, 2.0)), 0x1p-212, 4.0);
  check_wide(lp_wide_multiply(of(0x1p-200, 1.0), of(0x1p-100, 2.0)), 0x1p212, 2.0);
  check_wide(lp_wide_divide(of(3.0, 1.0), of(2.0, 5.0)), 1.5, -4.0);
  ck_assert(lp_wide_is_zero(lp_wide_multiply(lp_wide_zero(), of(2.0, 5.0))));
  ck_assert(lp_wide_is_zero(lp_wide_divide(lp_wide_zero(), of(2.0, 5.0))));
}
END_TEST

/* exp and log undo each other, near and far; 128 bits of log 2 give exact powers of two. */
START_TEST(exponentials_and_logarithms) {
  static const double points[] = {0.0, 1e-300, 1.0, -3.5, 176.5, -176.9, 177.0, 400.0, -745.5, 709.7, 1e4, -1e6, 1e9};
  for (int i = 0; i < (int)(sizeof points / sizeof points[0]); i++) {
    const lp_pair back = lp_wide_log(lp_wide_exp(points[i], 0.0));
    check_near(back.high, points[i], 0x1.2p-53 + 0x1p-52 * fabs(points[i]));
    check_near((back.high - points[i]) + back.low, 0.0, 0x1.2p-53);
  }
  check_wide(lp_wide_exp(0x1.62e42fefa39efp+8, 0x1.abc9e3b39803fp-47), 1.0, 1.0);
  check_wide(lp_wide_exp(-0x1.62e42fefa39efp+18, -0x1.abc9e3b39803fp-37), 1.0, -1024.0);
  ck_assert(lp_wide_is_zero(lp_wide_exp(-(double)INFINITY, 0.0)));
  check_same(lp_wide_log(lp_wide_zero()).high, -(double)INFINITY);
  check_same(lp_wide_log(of(1.0, 0.0)).high, 0.0);
  check_same(lp_wide_log(of(2.0, 1e306)).high, (double)INFINITY);
}
END_TEST

START_TEST(the_low_part_counts) {
  const lp_wide without = lp_wide_exp(170.0, 0.0), with = lp_wide_exp(170.0, 0x1p-46);
  check_near(with.m / without.m, 1.0 + 0x1p-46, 0x1p-51);
  check_near(lp_wide_exp(1000.0, 0x1p-44).m / lp_wide_exp(1000.0, 0.0).m, 1.0 + 0x1p-44, 0x1p-51);
}
END_TEST

START_TEST(exponents_beyond_integers) {
  const lp_wide a = lp_wide_exp(-1.7e308, 0.0);
  check_same(a.m, 1.0);
  check_near(lp_wide_log(a).high / -1.7e308, 1.0, 0x1p-51);
  check_same(lp_wide_log(lp_wide_exp(DBL_MAX, 0.0)).high, DBL_MAX);
  check_same(lp_wide_log(lp_wide_exp(-DBL_MAX, 0.0)).high, -DBL_MAX);
  ck_assert(lp_wide_is_zero(lp_wide_exp((double)NAN, 0.0)));
}
END_TEST

START_TEST(back_to_doubles) {
  check_same(lp_wide_times(of(1.5, 0.0), 2.0), 3.0);
  check_same(lp_wide_times(of(1.5, 1.0), 0x1p-512), 1.5);
  check_same(lp_wide_times(of(0x1p200, -1.0), 0x1p1000), 0x1p688);
  check_same(lp_wide_times(of(-0x1p-200, 2.0), 0x1p-1000), -0x1p-176);
  check_same(lp_wide_times(of(1.0, -3.0), 1.0), 0.0);
  check_same(lp_wide_times(of(1.0, 3.0), -1.0), -(double)INFINITY);
  check_same(lp_wide_times(of(1.0, 1e300), 1.0), (double)INFINITY);
  check_same(lp_wide_times(of(1.0, 3.0), 0.0), 0.0);
  check_same(lp_wide_times(of(1.0, 3.0), (double)INFINITY), (double)INFINITY);
  check_same(lp_wide_times(of(1.0, -3.0), (double)INFINITY), (double)NAN);
  check_same(lp_wide_times(of(-0x1p-20, -2.0), -(double)INFINITY), (double)INFINITY);
  check_same(lp_wide_times(lp_wide_zero(), 5.0), 0.0);
  check_same(lp_wide_times(lp_wide_zero(), (double)INFINITY), (double)NAN);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {normal_numbers,         sums,
                                products_and_quotients, exponentials_and_logarithms,
                                the_low_part_counts,    exponents_beyond_integers,
                                back_to_doubles};
  return run_tests("wide", tests, (int)(sizeof tests / sizeof tests[0]));
}
