#include "reference/special.h"

#include "reference/draw.h"
#include "reference/tests/testing.h"

/* softplus and its derivative at z to 106 bits, from 300-bit arithmetic. */
typedef struct sample {
  double z;
  lp_pair exact;
} sample;

static const sample softplus_samples[] = {
    {0x0.0p+0, {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56}},
    {0x1.0000000000000p-1, {0x1.f2ba37edae032p-1, -0x1.9775b0d9bffcfp-58}},
    {-0x1.0000000000000p-1, {0x1.e5746fdb5c064p-2, -0x1.9775b0d9bffcfp-58}},
    {0x1.c28f5c28f5c29p-1, {0x1.3a1b1b0e8e163p+0, -0x1.df562d9342ae7p-54}},
    {-0x1.c7ae147ae147bp-1, {0x1.604fde002985fp-2, -0x1.1c785f0bb4ba9p-56}},
    {0x1.6b851eb851eb8p-1, {0x1.1c2107b69e28dp+0, 0x1.f850bd594d9f0p-56}},
    {-0x1.75c28f5c28f5cp-1, {0x1.92c5644a22893p-2, 0x1.7cb2504636cb1p-60}},
    {0x1.8000000000000p-1, {0x1.2309fa6f08bb8p+0, 0x1.101cee1bc9015p-54}},
    {-0x1.8a3d70a3d70a4p-1, {0x1.85a14831cac5ep-2, -0x1.399682a2cfdd0p-56}},
    {0x1.9eb851eb851ecp-1, {0x1.2d92228d5afeap+0, -0x1.ac5a45077023ap-54}},
    {-0x1.b851eb851eb85p-1, {0x1.6959b16dee4edp-2, 0x1.358cff2afc3e8p-56}},
    {-0x1.0000000000000p+0, {0x1.40c7abfbec124p-2, 0x1.d0189442c189fp-56}},
    {0x1.4000000000000p+2, {0x1.406e06368916ap+2, -0x1.af8c2ca824debp-53}},
    {-0x1.4000000000000p+5, {0x1.39792499b1a24p-58, 0x1.32a772f476bbbp-113}},
    {0x1.4000000000000p+5, {0x1.4000000000000p+5, 0x1.39792499b1a24p-58}},
    {-0x1.4500000000000p+9, {0x1.300ff6c7c2e28p-938, 0x1.3149289268fd6p-992}},
};

static const sample logistic_samples[] = {
    {0x0.0p+0, {0x1.0000000000000p-1, 0x0.0p+0}},
    {0x1.0000000000000p-1, {0x1.3eb2fd4d34391p-1, -0x1.0765394713dc7p-55}},
    {-0x1.0000000000000p-1, {0x1.829a0565978dfp-2, -0x1.f1358d71d8473p-56}},
    {0x1.c28f5c28f5c29p-1, {0x1.69e49a275dac3p-1, -0x1.a2ae4dbb65244p-55}},
    {-0x1.c7ae147ae147bp-1, {0x1.2a18b1d17da9fp-2, -0x1.3cd461a820ef6p-56}},
    {0x1.6b851eb851eb8p-1, {0x1.573ed22128bc2p-1, -0x1.db226e5832624p-56}},
    {-0x1.75c28f5c28f5cp-1, {0x1.4cffd8bc5cc5bp-2, 0x1.932b911faa829p-56}},
    {0x1.8000000000000p-1, {0x1.5bbd4f7a323ecp-1, -0x1.d5e3ebcaa0633p-60}},
    {-0x1.8a3d70a3d70a4p-1, {0x1.4413194d144f2p-2, 0x1.df6da43dead60p-58}},
    {0x1.9eb851eb851ecp-1, {0x1.625c2d4c74330p-1, -0x1.743d6741974c0p-56}},
    {-0x1.b851eb851eb85p-1, {0x1.3079b9b59d19ap-2, -0x1.a4924a4b50c6ap-56}},
    {-0x1.0000000000000p+0, {0x1.136561454ba86p-2, 0x1.35dae23bc734ap-56}},
    {0x1.4000000000000p+2, {0x1.fc92c130538e1p-1, -0x1.c47c0e1b448e9p-57}},
    {-0x1.4000000000000p+5, {0x1.39792499b1a24p-58, 0x1.1aa9dba73f8d7p-113}},
    {0x1.4000000000000p+5, {0x1.0000000000000p+0, -0x1.39792499b1a24p-58}},
    {-0x1.4500000000000p+9, {0x1.300ff6c7c2e28p-938, 0x1.3149289268fd6p-992}},
};

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static void check_pair(lp_pair got, lp_pair exact, double z) {
  const double error = fabs((got.high - exact.high) + (got.low - exact.low));
  ck_assert_msg(error <= 0x1p-54 * fabs(exact.high), "at %g: error 2^%g", z, log2(error / fabs(exact.high)));
  ck_assert_msg(fabs(got.high - exact.high) <= 0x1.2p-53 * fabs(exact.high) * 2.0, "at %g: got %a, expected %a", z,
                got.high, exact.high);
}

START_TEST(softplus_is_close) {
  for (int i = 0; i < COUNT(softplus_samples); i++) {
    const double z = softplus_samples[i].z;
    check_pair(lp_softplus(lp_whole(z)).value, softplus_samples[i].exact, z);
    check_pair(lp_softplus(lp_whole(z)).slope, logistic_samples[i].exact, z);
  }
}
END_TEST

START_TEST(softplus_at_the_edges) {
  check_same(lp_softplus(lp_whole(INFINITY)).value.high, INFINITY);
  check_same(lp_softplus(lp_whole(INFINITY)).slope.high, 1.0);
  check_same(lp_softplus(lp_whole(-INFINITY)).value.high, 0.0);
  check_same(lp_softplus(lp_whole(-INFINITY)).slope.high, 0.0);
  check_same(lp_softplus(lp_whole(NAN)).value.high, NAN);
  check_same(lp_softplus(lp_whole(NAN)).slope.high, NAN);
  check_same(lp_softplus(lp_whole(1e308)).value.high, 1e308);
  check_same(lp_softplus(lp_whole(1000.0)).value.high, 1000.0);
  check_same(lp_softplus(lp_whole(1000.0)).slope.high, 1.0);
  check_same(lp_softplus(lp_whole(-745.0)).value.high, 0x1p-1074);
  check_same(lp_softplus(lp_whole(-1000.0)).value.high, 0.0);
}
END_TEST

/* A low part of ulp(z)/4 moves exp(z) by |z| u/2, which shows. */
START_TEST(softplus_takes_a_low_part) {
  const lp_pair z = {-600.0, -0x1p-45};
  const lp_jet moved = lp_softplus(z), plain = lp_softplus(lp_whole(-600.0));
  check_near(moved.value.high / plain.value.high, 1.0 - 0x1p-45, 0x1p-51);
  check_near(moved.slope.high / plain.slope.high, 1.0 - 0x1p-45, 0x1p-51);
  const lp_jet right = lp_softplus((lp_pair){600.0, 0x1p-45});
  check_same(right.value.high, 600.0);
  check_same(right.value.low, 0x1p-45);
}
END_TEST

START_TEST(softplus_agrees_with_the_library) {
  lp_rng rng = {4};
  for (int i = 0; i < 20000; i++) {
    const double z = (lp_rng_uniform(&rng) * 2.0 - 1.0) * (i % 2 ? 700.0 : 4.0), u = exp(-fabs(z));
    const lp_jet got = lp_softplus(lp_whole(z));
    const double value = fmax(z, 0.0) + log1p(u), slope = (z > 0.0 ? 1.0 : u) / (1.0 + u);
    ck_assert_msg(fabs(got.value.high - value) <= 0x1p-51 * value, "at %a: got %a, expected %a", z, got.value.high,
                  value);
    ck_assert_msg(fabs(got.slope.high - slope) <= 0x1p-51 * slope, "at %a: got %a, expected %a", z, got.slope.high,
                  slope);
  }
}
END_TEST

START_TEST(x_log_x) {
  check_same(lp_xlogx(0.0, lp_log_pair(0.0)).high, 0.0);
  check_same(lp_xlogx(-0.0, lp_log_pair(-0.0)).high, 0.0);
  check_same(lp_xlogx(1.0, lp_log_pair(1.0)).high, 0.0);
  check_same(lp_xlogx(-1.0, lp_log_pair(-1.0)).high, NAN);
  check_same(lp_xlogx(NAN, lp_log_pair(NAN)).high, NAN);
  check_same(lp_xlogx(2.0, lp_log_pair(2.0)).high, 2.0 * log(2.0));
  check_near(lp_xlogx(0.1, lp_log_pair(0.1)).high, -0.23025850929940457, 0x1p-55);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {softplus_is_close, softplus_at_the_edges, softplus_takes_a_low_part,
                                softplus_agrees_with_the_library, x_log_x};
  return run_tests("special", tests, COUNT(tests));
}
