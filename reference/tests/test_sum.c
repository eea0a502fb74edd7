#include "reference/sum.h"

#include "reference/tests/testing.h"

static double sum_of(const double *x, int n) {
  lp_sum s = lp_sum_zero();
  for (int i = 0; i < n; i++) lp_sum_add(&s, x[i]);
  return lp_sum_get(&s);
}

START_TEST(nothing_sums_to_zero) {
  const lp_sum s = lp_sum_zero();
  check_same(lp_sum_get(&s), 0.0);
}
END_TEST

START_TEST(what_cancels_is_not_lost) {
  check_same(sum_of((double[]){1e16, 1.0, -1e16}, 3), 1.0);
  check_same(sum_of((double[]){1.0, 1e100, 1.0, -1e100}, 4), 2.0);
  check_same(sum_of((double[]){0x1p53, 1.0, 1.0}, 3), 0x1p53 + 2.0);
}
END_TEST

/* 2^20 times 0.1, which plain summation gets wrong in the 7th digit after the point of an ulp. */
START_TEST(many_equal_terms) {
  lp_sum s = lp_sum_zero();
  double plain = 0.0;
  for (int i = 0; i < 1 << 20; i++) {
    lp_sum_add(&s, 0.1);
    plain += 0.1;
  }
  check_same(lp_sum_get(&s), 0.1 * 0x1p20);
  ck_assert(plain != 0.1 * 0x1p20);
}
END_TEST

START_TEST(infinities_add_up_as_ieee_says) {
  check_same(sum_of((double[]){1.0, INFINITY, 2.0}, 3), INFINITY);
  check_same(sum_of((double[]){1.0, -INFINITY, 2.0}, 3), -INFINITY);
  check_same(sum_of((double[]){INFINITY, -INFINITY}, 2), NAN);
  check_same(sum_of((double[]){1.0, NAN}, 2), NAN);
  check_same(sum_of((double[]){1.7e308, 1.7e308}, 2), INFINITY);
}
END_TEST

START_TEST(partial_sums_merge_without_loss) {
  lp_sum a = lp_sum_zero(), b = lp_sum_zero();
  lp_sum_add(&a, 1e16);
  lp_sum_add(&a, 1.0);
  lp_sum_add(&b, -1e16);
  lp_sum_add(&b, 0.25);
  lp_sum_merge(&a, &b);
  check_same(lp_sum_get(&a), 1.25);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {nothing_sums_to_zero, what_cancels_is_not_lost, many_equal_terms,
                                infinities_add_up_as_ieee_says, partial_sums_merge_without_loss};
  return run_tests("sum", tests, sizeof tests / sizeof tests[0]);
}
