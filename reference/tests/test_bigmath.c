#include "reference/bigmath.h"

#include <float.h>

#include <check.h>
#include <stdlib.h>

#include "reference/tests/testing.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* |got - (high + low)| <= 2^-95 |high|; the low parts are those of the true values. */
static void check_pair(lp_pair got, double high, double low) {
  const double error = fabs((got.high - high) + (got.low - low));
  ck_assert_msg(error <= 0x1p-95 * fabs(high), "got %a + %a, expected %a + %a", got.high, got.low, high, low);
}

static lp_pair as_pair(lp_big x) {
  const double high = lp_big_get(x);
  return (lp_pair){high, lp_big_get(lp_big_subtract(x, lp_big_of(high)))};
}

START_TEST(quotients_and_roots_of_pairs) {
  check_pair(lp_pair_quotient(lp_whole(1.0), lp_whole(3.0)), 0x1.5555555555555p-2, 0x1.5555555555555p-56);
  check_pair(lp_pair_sqrt(lp_whole(2.0)), 0x1.6a09e667f3bcdp+0, -0x1.bdd3413b26456p-54);
  check_pair(lp_pair_sqrt((lp_pair){2.0, 0x1p-60}), 0x1.6a09e667f3bcdp+0,
             -0x1.bdd3413b26456p-54 + 0x1.6a09e667f3bcdp-62);
}
END_TEST

START_TEST(roots_of_big_numbers) {
  check_pair(as_pair(lp_big_sqrt(lp_big_of(2.0))), 0x1.6a09e667f3bcdp+0, -0x1.bdd3413b26456p-54);
  check_pair(as_pair(lp_big_sqrt(lp_big_of(0.5))), 0x1.6a09e667f3bcdp-1, -0x1.bdd3413b26456p-55);
  check_pair(as_pair(lp_big_sqrt(lp_big_of(0x1p-1073))), 0x1.6a09e667f3bcdp-537, -0x1.bdd3413b26456p-591);
  ck_assert(lp_big_sqrt(lp_big_of(0.0)).high == 0.0);
  const lp_big huge = lp_big_multiply(lp_big_of(0x1p1000), lp_big_of(0x1p1000));
  check_pair(as_pair(lp_big_sqrt(huge)), 0x1p1000, 0);
}
END_TEST

START_TEST(exponentials) {
  check_pair(as_pair(lp_big_exp(lp_whole(1.0))), 0x1.5bf0a8b145769p+1, 0x1.4d57ee2b1013ap-53);
  check_pair(as_pair(lp_big_exp(lp_whole(-20.25))), 0x1.b93de1e27ca3bp-30, -0x1.6a3c4abdc49a6p-85);
  check_pair(lp_pair_expm1(lp_whole(1.0)), 0x1.b7e151628aed3p+0, -0x1.655023a9dfd8cp-54);
  check_pair(lp_pair_expm1(lp_whole(1e-10)), 0x1.b7cdfd9dda4e3p-34, 0x1.0c95a385d91c6p-88);
  check_pair(lp_pair_expm1(lp_whole(-0.75)), -0x1.0e25f8a081941p-1, 0x1.4bbf0f4cffc58p-56);
  check_pair(lp_pair_expm1(lp_whole(-1000.0)), -1.0, 0.0);
}
END_TEST

/* Neighbouring doubles have exponentials that no factor within the range of double brings out of order. */
START_TEST(huge_exponentials_keep_their_order) {
  const double sizes[] = {1e25, 3e25, 1e30, 1e31, 1e38, 1e100, 1e300, 1e306};
  const lp_big factor = lp_big_of(DBL_MAX);
  for (int i = 0; i < 8; i++) {
    const lp_big low = lp_big_exp(lp_whole(sizes[i])), high = lp_big_exp(lp_whole(nextafter(sizes[i], INFINITY)));
    const lp_big less = lp_big_exp(lp_whole(-nextafter(sizes[i], INFINITY))), least = lp_big_exp(lp_whole(-sizes[i]));
    ck_assert(lp_big_less(lp_big_multiply(low, factor), high));
    ck_assert(lp_big_less(lp_big_multiply(less, factor), least));
    ck_assert(i == 0 || lp_big_less(lp_big_exp(lp_whole(sizes[i - 1])), low));
    check_near(lp_big_get(lp_big_multiply(low, lp_big_exp(lp_whole(-sizes[i])))), 1.0, 1e-15);
  }
  ck_assert(lp_big_less(lp_big_exp(lp_whole(0x1.62e42fefa39efp+49)), lp_big_exp(lp_whole(0x1.62e42fefa39fp+49))));
}
END_TEST

/* exp(16) and exp(2^-7) between neighbours. */
START_TEST(far_exponentials_are_right) {
  const lp_big ratio = lp_big_divide(lp_big_exp(lp_whole(1e17 + 16)), lp_big_exp(lp_whole(1e17)));
  check_near(lp_big_get(ratio), 8886110.520507872, 1e-7);
  const lp_big small =
      lp_big_divide(lp_big_exp(lp_pair_sum(lp_whole(0x1p60), lp_whole(0x1p-7))), lp_big_exp(lp_whole(0x1p60)));
  check_near(lp_big_get(small), 1.0078430972064480, 1e-12);
  check_same(lp_big_log(lp_big_exp(lp_whole(1e17))).high, 1e17);
  check_near(lp_big_log(lp_big_sqrt(lp_big_exp(lp_whole(1e17)))).high, 5e16, 8.0);
}
END_TEST

START_TEST(exponents_end) {
  ck_assert(lp_big_exp(lp_whole(DBL_MAX)).far == 0x1p1022);
  ck_assert(lp_big_exp(lp_whole(-INFINITY)).far == -0x1p1022);
  ck_assert(lp_big_multiply(lp_big_exp(lp_whole(DBL_MAX)), lp_big_exp(lp_whole(DBL_MAX))).far == 0x1p1022);
  check_near(lp_big_get(lp_big_exp(lp_whole(1e6))), INFINITY, 0);
  check_same(lp_big_get(lp_big_exp(lp_whole(-1e6))), 0.0);
  check_pair(lp_big_log(lp_big_exp(lp_whole(1e6))), 1e6, 0);
}
END_TEST

START_TEST(logarithms) {
  check_pair(lp_big_log(lp_big_of(2.0)), 0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56);
  check_pair(lp_big_log(lp_big_of(10.0)), 0x1.26bb1bbb55516p+1, -0x1.f48ad494ea3e9p-53);
  check_pair(lp_big_log(lp_big_of(0.7)), -0x1.6d3c324e13f50p-2, 0x1.641052af5fd8dp-58);
  check_pair(lp_big_log(lp_big_of(1 + 0x1p-52)), 0x1.fffffffffffffp-53, 0x1.5555555555554p-158);
  check_pair(lp_pair_log1p(lp_whole(1e-10)), 0x1.b7cdfd9d1d693p-34, -0x1.0c8b7f5fd9a85p-88);
  check_pair(lp_pair_log1p(lp_whole(-0.9)), -0x1.26bb1bbb55516p+1, -0x1.6ea56d62b82f3p-58);
  check_pair(lp_pair_log1p(lp_whole(3.0)), 0x1.62e42fefa39efp+0, 0x1.abc9e3b39803fp-55);
  ck_assert(lp_big_log(lp_big_of(1.0)).high == 0.0);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {
      quotients_and_roots_of_pairs, roots_of_big_numbers, exponentials, huge_exponentials_keep_their_order,
      far_exponentials_are_right,   exponents_end,        logarithms};
  return run_tests("bigmath", tests, COUNT(tests));
}
