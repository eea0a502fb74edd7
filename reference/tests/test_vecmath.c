#include "reference/vecmath.h"

#include "reference/draw.h"
#include "reference/tests/testing.h"

/* A function at x to 106 bits, from 300-bit arithmetic. */
typedef struct sample {
  double x;
  lp_pair exact;
} sample;

static const sample exp_samples[] = {
    {0x1.0000000000000p+0, {0x1.5bf0a8b145769p+1, 0x1.4d57ee2b1013ap-53}},
    {-0x1.0000000000000p+0, {0x1.78b56362cef38p-2, -0x1.ca8a4270fadf5p-57}},
    {0x1.62e429e0a41a2p-2, {0x1.6a09e443976b4p+0, -0x1.c9c2af6aab864p-54}},
    {-0x1.62e43096a0c0dp-2, {0x1.6a09e62ce9a31p-1, -0x1.c0dea93b1753ep-55}},
    {0x1.12e0be826d695p-30, {0x1.000000044b830p+0, -0x1.7b444af5c26a7p-54}},
    {0x1.1400000000000p+4, {0x1.d94295464477bp+24, -0x1.9f265eafebf28p-31}},
    {-0x1.259999999999ap+5, {0x1.0998b04bdd190p-53, -0x1.364f7ad633702p-107}},
    {0x1.62e425aee6320p+6, {0x1.fffadfa7db737p+127, 0x1.c1338212a605bp+72}},
    {-0x1.9fe353f7ced91p+6, {0x1.00050d4dfc00cp-150, -0x1.c4bd68db056c3p-206}},
    {0x1.4540000000000p+9, {0x1.635b50d1c5038p+938, 0x1.6be7d3c557a2ap+881}},
    {-0x1.4540000000000p+9, {0x1.70d8a640274efp-939, 0x1.ff8840d0221d1p-994}},
    {0x1.5e00000000000p+9, {0x1.d945df4f8ec8ep+1009, 0x1.183392684a46ep+954}},
};

static const sample log_samples[] = {
    {0x1.0000000000000p+1, {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56}},
    {0x1.0000000000000p-1, {-0x1.62e42fefa39efp-1, -0x1.abc9e3b39803fp-56}},
    {0x1.6a09e667f3bccp-1, {-0x1.62e42fefa39f1p-2, 0x1.8d8f957c3d43cp-57}},
    {0x1.6a09e667f3bcdp+0, {0x1.62e42fefa39f0p-2, 0x1.c2e0e1b1548c2p-56}},
    {0x1.0000000000001p+0, {0x1.fffffffffffffp-53, 0x1.5555555555554p-158}},
    {0x1.fffffffffffffp-1, {-0x1.0000000000000p-53, -0x1.0000000000000p-107}},
    {0x1.4cccccccccccdp+0, {0x1.0ca937be1b9dcp-2, 0x1.eb4dc0fc8dd6dp-56}},
    {0x1.4000000000000p+3, {0x1.26bb1bbb55516p+1, -0x1.f48ad494ea3e9p-53}},
    {0x1.4484bfeebc2a0p-100, {-0x1.144f69ff9ffc4p+6, -0x1.49791f2b9c5cdp-49}},
    {0x1.7e43c8800759cp+996, {0x1.5963447f87fb5p+9, 0x1.abccc0710fcd4p-46}},
    {0x0.0000000000001p-1022, {-0x1.74385446d71c3p+9, -0x1.8e569fa8ee781p-45}},
    {0x0.0406de80b2597p-1022, {-0x1.6446390b63a69p+9, -0x1.4e5e2af2d7654p-45}},
};

enum { POINTS = 20000 };

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static double ulps(double got, double expected) {
  const double ulp = fmax(nextafter(fabs(expected), INFINITY) - fabs(expected), 0x1p-1074);
  return got == expected ? 0.0 : fabs(got - expected) / ulp;
}

static void check_pair(lp_pair got, lp_pair exact, double x, double bound) {
  const double error = fabs((got.high - exact.high) + (got.low - exact.low));
  ck_assert_msg(error <= bound * fabs(exact.high), "at %a: error 2^%g", x, log2(error / fabs(exact.high)));
  ck_assert_msg(ulps(got.high, exact.high) <= 1.0, "at %a: got %a, expected %a", x, got.high, exact.high);
}

START_TEST(sums_and_products_are_exact) {
  const lp_pair sum = lp_two_sum(1.0, 0x1p-80), reversed = lp_two_sum(0x1p-80, 1.0);
  check_same(sum.high, 1.0);
  check_same(sum.low, 0x1p-80);
  check_same(reversed.low, 0x1p-80);
  check_same(lp_fast_two_sum(1.0, 0x1p-80).low, 0x1p-80);
  const lp_pair square = lp_two_product(1.0 + 0x1p-30, 1.0 + 0x1p-30);
  check_same(square.high, 1.0 + 0x1p-29);
  check_same(square.low, 0x1p-60);
  const lp_pair long_square = lp_two_product(1.0 + 0x1p-52, 1.0 - 0x1p-53);
  check_same(long_square.high + (long_square.low - 0x1p-53), 1.0);
  check_same(lp_two_product(0x1p600, 0x1p600).low, 0.0);
  check_same(lp_two_product(-0x1p600, 0x1p450).low, 0.0);
}
END_TEST

START_TEST(pairs_add_and_multiply) {
  const lp_pair third = {1.0 / 3.0, 0x1.5555555555555p-56}, three = lp_whole(3.0);
  const lp_pair one = lp_pair_product(third, three), none = lp_pair_sum(one, lp_whole(-1.0));
  check_near(none.high, 0.0, 0x1p-104);
  const lp_pair sum = lp_pair_sum((lp_pair){1.0, 0x1p-70}, (lp_pair){-1.0, 0x1p-71});
  check_same(sum.high, 0x1.8p-70);
  const lp_pair negative = lp_pair_negative(third);
  check_same(negative.high, -third.high);
  check_same(negative.low, -third.low);
  check_same(lp_join(-0.0, 0.0).high, -0.0);
  check_same(lp_join(1.0, 0x1p-53).low, 0x1p-53);
}
END_TEST

START_TEST(clamp_keeps_nan) {
  check_same(lp_clamp(3.0, -1.0, 2.0), 2.0);
  check_same(lp_clamp(-3.0, -1.0, 2.0), -1.0);
  check_same(lp_clamp(0.5, -1.0, 2.0), 0.5);
  check_same(lp_clamp(NAN, -1.0, 2.0), NAN);
}
END_TEST

START_TEST(exp_is_close) {
  for (int i = 0; i < COUNT(exp_samples); i++) {
    check_pair(lp_exp_pair(exp_samples[i].x, 0.0), exp_samples[i].exact, exp_samples[i].x, 0x1p-55);
  }
}
END_TEST

START_TEST(exp_takes_a_low_part) {
  const lp_pair e = lp_exp_pair(1.0, 0x1p-54);
  const double expected = 0x1.5bf0a8b145769p+1 * 0x1p-54 + 0x1.4d57ee2b1013ap-53;
  check_near(e.high - 0x1.5bf0a8b145769p+1 + e.low, expected, 0x1p-108 + 0x1p-54);
}
END_TEST

START_TEST(exp_at_the_edges) {
  check_same(lp_exp_pair(0.0, 0.0).high, 1.0);
  check_same(lp_exp_pair(-0.0, 0.0).high, 1.0);
  check_same(lp_exp_pair(INFINITY, 0.0).high, INFINITY);
  check_same(lp_exp_pair(-INFINITY, 0.0).high, 0.0);
  check_same(lp_exp_pair(NAN, 0.0).high, NAN);
  check_same(lp_exp_pair(1e308, 0.0).high, INFINITY);
  check_same(lp_exp_pair(-1e308, 0.0).high, 0.0);
  check_same(lp_exp_pair(0x1.62e42fefa39efp+9, 0.0).high, 0x1.fffffffffff2ap+1023);
  check_same(lp_exp_pair(0x1.62e42fefa39f0p+9, 0.0).high, INFINITY);
  check_same(lp_exp_pair(-0x1.74910d52d3051p+9, 0.0).high, 0x1p-1074);
  check_same(lp_exp_pair(-0x1.74910d52d3052p+9, 0.0).high, 0.0);
}
END_TEST

START_TEST(exp_agrees_with_the_library) {
  lp_rng rng = {1};
  for (int i = 0; i < POINTS; i++) {
    const double x = (lp_rng_uniform(&rng) * 2.0 - 1.0) * (i % 2 ? 745.0 : 2.0);
    const double got = lp_exp_pair(x, 0.0).high;
    ck_assert_msg(ulps(got, exp(x)) <= 2.0, "exp(%a): got %a, the library says %a", x, got, exp(x));
  }
}
END_TEST

START_TEST(log_is_close) {
  for (int i = 0; i < COUNT(log_samples); i++) {
    check_pair(lp_log_pair(log_samples[i].x), log_samples[i].exact, log_samples[i].x, 0x1p-54);
  }
}
END_TEST

START_TEST(log_at_the_edges) {
  check_same(lp_log_pair(1.0).high, 0.0);
  check_same(lp_log_pair(0.0).high, -INFINITY);
  check_same(lp_log_pair(-0.0).high, -INFINITY);
  check_same(lp_log_pair(-1.0).high, NAN);
  check_same(lp_log_pair(-INFINITY).high, NAN);
  check_same(lp_log_pair(INFINITY).high, INFINITY);
  check_same(lp_log_pair(NAN).high, NAN);
  check_same(lp_log_pair(0x1p-1022).high, log(0x1p-1022));
  check_same(lp_log_pair(0x1.fffffffffffffp1023).high, log(0x1.fffffffffffffp1023));
  check_same(lp_log_normal(1.0).high, 0.0);
  check_same(lp_log_shifted(8.0, 3.0).high, 0.0);
}
END_TEST

START_TEST(log_agrees_with_the_library) {
  lp_rng rng = {2};
  for (int i = 0; i < POINTS; i++) {
    const double wide = lp_from_bits(lp_rng_next(&rng) % UINT64_C(0x7ff0000000000000));
    const double x = i % 2 ? wide : 0.4 + 1.6 * lp_rng_uniform(&rng);
    const double got = lp_log_pair(x).high;
    ck_assert_msg(ulps(got, log(x)) <= 2.0, "log(%a): got %a, the library says %a", x, got, log(x));
  }
}
END_TEST

LP_MULTIVERSION static void exp_and_log(double *e, double *l, const double *x, int n) {
  LP_INDEPENDENT
  for (int i = 0; i < n; i++) {
    e[i] = lp_exp_pair(x[i], 0.0).high;
    l[i] = lp_log_pair(x[i]).high;
  }
}

/* Loops of length 1 are never vectorized. */
START_TEST(vectors_give_the_same_bits) {
  enum { N = 1000 };
  double x[N], e[N], l[N];
  lp_rng rng = {3};
  for (int i = 0; i < N; i++) x[i] = i % 3 ? lp_from_bits(lp_rng_next(&rng)) : 100.0 * lp_rng_normal(&rng);
  exp_and_log(e, l, x, N);
  for (int i = 0; i < N; i++) {
    double one_e, one_l;
    exp_and_log(&one_e, &one_l, &x[i], 1);
    check_same(e[i], one_e);
    check_same(l[i], one_l);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {sums_and_products_are_exact,
                                pairs_add_and_multiply,
                                clamp_keeps_nan,
                                exp_is_close,
                                exp_takes_a_low_part,
                                exp_at_the_edges,
                                exp_agrees_with_the_library,
                                log_is_close,
                                log_at_the_edges,
                                log_agrees_with_the_library,
                                vectors_give_the_same_bits};
  return run_tests("vecmath", tests, COUNT(tests));
}
