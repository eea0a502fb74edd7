#include "reference/residual.h"

#include "reference/tests/testing.h"

START_TEST(promotion_of_integers) {
  static const lp_dtype integers[] = {LP_INT64, LP_INT32, LP_INT16, LP_INT8, LP_UINT8, LP_BOOL};
  for (int i = 0; i < 6; i++) {
    for (int j = i; j < 6; j++) {
      const bool signs_differ = integers[i] == LP_INT8 && integers[j] == LP_UINT8;
      const lp_dtype expected = signs_differ ? LP_INT16 : integers[i];
      ck_assert_int_eq(lp_integer_promote(integers[i], integers[j]), expected);
      ck_assert_int_eq(lp_integer_promote(integers[j], integers[i]), expected);
    }
  }
}
END_TEST

START_TEST(wrapping) {
  ck_assert_int_eq(lp_integer_wrap(LP_UINT8, UINT64_MAX), 255);
  ck_assert_int_eq(lp_integer_wrap(LP_INT8, 128), -128);
  ck_assert_int_eq(lp_integer_wrap(LP_INT16, UINT64_C(0x18000)), INT16_MIN);
  ck_assert_int_eq(lp_integer_wrap(LP_INT32, UINT64_C(0x80000000)), INT32_MIN);
  ck_assert_int_eq(lp_integer_wrap(LP_INT64, UINT64_MAX), -1);
}
END_TEST

START_TEST(integers_as_pairs) {
  const lp_pair most = lp_integer_pair(INT64_MAX), least = lp_integer_pair(INT64_MIN), one = lp_integer_pair(1);
  ck_assert(most.high == 0x1p63 && most.low == -1.0);
  ck_assert(least.high == -0x1p63 && least.low == 0.0);
  ck_assert(one.high == 1.0 && one.low == 0.0);
}
END_TEST

START_TEST(settling) {
  const lp_pair sum = lp_residual_settle(1.0, 0x1p-53 + 0x1p-60);
  ck_assert(sum.high == 1.0 + 0x1p-52 && sum.low == 0x1p-60 - 0x1p-53);
  check_same(lp_residual_settle(INFINITY, NAN).high, INFINITY);
  check_same(lp_residual_square((lp_pair){-INFINITY, NAN}).high, INFINITY);
  check_same(lp_residual_square((lp_pair){3.0, 0x1p-51}).high, 9.0 + 0x1.8p-49);
  check_same(lp_residual_weigh(-2.0, (lp_pair){0.0, 0.0}).high, -0.0);
  check_same(lp_residual_weigh(3.0, (lp_pair){1.0, 0x1p-52}).high, 3.0 + 0x1.8p-51);
}
END_TEST

START_TEST(lattice_of_targets) {
  double values[16];
  const double earlier[] = {5.0}, kinks[] = {0.5, 2.0};
  ck_assert_int_eq(lp_residual_lattice(values, LP_RESIDUAL_INPUT, earlier, kinks, 2), 0);
  ck_assert_int_eq(lp_residual_lattice(values, LP_RESIDUAL_TARGET, earlier, kinks, 2), 5);
  const double expected[] = {5.0, 4.5, 5.5, 3.0, 7.0};
  for (int i = 0; i < 5; i++) check_same(values[i], expected[i]);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {promotion_of_integers, wrapping, integers_as_pairs, settling, lattice_of_targets};
  return run_tests("residual", tests, sizeof tests / sizeof tests[0]);
}
