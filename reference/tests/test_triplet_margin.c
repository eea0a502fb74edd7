#include <math.h>

#include "reference/draw.h"
#include "reference/tests/testing.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static lp_trial *triple(const char *shape, const double *a, const double *p, const double *n, const char *reduction) {
  lp_trial *t = trial_new("triplet_margin");
  trial_reduction(t, reduction);
  trial_real(t, "anchor", shape, a);
  trial_real(t, "positive", shape, p);
  trial_real(t, "negative", shape, n);
  return t;
}

static void run_it(lp_trial *t) { ck_assert_int_eq(trial_run(t), LP_OK); }

static void check_grads(const lp_trial *t, const char *input, const double *expected, int n, double tolerance) {
  for (int i = 0; i < n; i++) check_near(trial_grad(t, input, i), expected[i], tolerance);
}

static const double A[] = {1, 2, -3}, P[] = {0.5, 2, 1}, N[] = {-1, 0, 0.25};

/* eps = 0, margin 10: near and far by hand for every p, and what the anchor's gradient is. */
typedef struct norm_case {
  double p, near, far, slope; /* slope: of the anchor's first component */
  const char *regime;
} norm_case;

/* margin + 1.500001 - 2.500001 = 0 exactly: one component is decided exactly whatever p, and the gradient passes. */
START_TEST(one_component_meets_the_kink_exactly) {
  const double orders[] = {2.0, 3.0, 0.5, INFINITY, -INFINITY, -1.0};
  for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
    lp_trial *t = trial_new("triplet_margin");
    trial_param(t, "p", orders[i]);
    trial_real(t, "anchor", "1", (double[]){0.5});
    trial_real(t, "positive", "1", (double[]){-1.0});
    trial_real(t, "negative", "1", (double[]){-2.0});
    ck_assert_int_eq(trial_run(t), LP_OK);
    check_same(trial_loss(t, 0), 0.0);
    check_same(trial_grad(t, "positive", 0), -1.0);
    check_same(trial_grad(t, "negative", 0), 1.0);
    trial_param(t, "p", 0.0); /* counts: 1 + 1 - 1 */
    ck_assert_int_eq(trial_run(t), LP_OK);
    check_same(trial_loss(t, 0), 1.0);
    check_near(trial_grad(t, "positive", 0), 0.0, 0.0);
    trial_free(t);
  }
}
END_TEST

/* Near distance of (a, 0) to the origin for a beyond what plain arithmetic takes, far distance 5 of (3, 4) for p = 2.
 */
static double loss_beyond_plain(double p, double a) {
  lp_trial *t = trial_new("triplet_margin");
  trial_param(t, "p", p);
  trial_param(t, "eps", 0.0);
  trial_param(t, "margin", 10.0);
  trial_real(t, "anchor", "2", (double[]){0.0, 0.0});
  trial_real(t, "positive", "2", (double[]){a, 0.0});
  trial_real(t, "negative", "2", (double[]){0.0, 4.0});
  ck_assert_int_eq(trial_run(t), LP_OK);
  const double loss = trial_loss(t, 0);
  trial_free(t);
  return loss;
}

START_TEST(two_components_beyond_plain_arithmetic) {
  const double orders[] = {2.0, 3.0, 1.5, INFINITY};
  for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
    check_same(loss_beyond_plain(orders[i], 1e300), 1e300);
    check_same(loss_beyond_plain(orders[i], 1e-300), 6.0);
    check_same(loss_beyond_plain(orders[i], INFINITY), INFINITY);
  }
}
END_TEST

START_TEST(norms_by_hand) {
  static const norm_case cases[] = {
      {2, 4.031128874149275, 4.3084219849035215, -0.340172347959319, "p=2"},
      {1, 4.5, 7.25, 0, "p=1"},
      {0, 2, 3, 0, "p=0"},
      {INFINITY, 4, 3.25, 0, "p=inf"},
      {-INFINITY, 0, 2, 0, "p=-inf"},
      {3, 4.002602473279146, 3.6920744, -0.27783572, "p>1"},
      {0.5, 7.32842712474619, 21.447980062, 0, "p<1"},
      {-1, 0, 0.7647058823529411, -0.14619377162629757, "p<0"},
  };
  for (int i = 0; i < COUNT(cases); i++) {
    lp_trial *t = triple("3", A, P, N, "none");
    trial_param(t, "margin", 20);
    trial_param(t, "eps", 0);
    trial_param(t, "p", cases[i].p);
    run_it(t);
    check_near(trial_loss(t, 0), 20 + cases[i].near - cases[i].far, 2e-3);
    if (cases[i].slope != 0) check_near(trial_grad(t, "anchor", 0), cases[i].slope, 1e-6);
    ck_assert_msg(trial_regime(t, cases[i].regime), "p = %g", cases[i].p);
    ck_assert(trial_regime(t, "active") && trial_regime(t, "component-zero"));
    trial_free(t);
  }
}
END_TEST

/* eps is added to the signed difference. */
START_TEST(eps_before_the_absolute_value) {
  lp_trial *t = triple("2", (double[]){0, 0}, (double[]){1, -1}, (double[]){0, 0}, "none");
  trial_param(t, "eps", 0.5);
  trial_param(t, "p", 1);
  run_it(t);
  check_near(trial_loss(t, 0), 1 + (0.5 + 1.5) - (0.5 + 0.5), 0);
  trial_param(t, "eps", -0.25);
  trial_real(t, "positive", "2", (double[]){1, 1});
  run_it(t);
  check_near(trial_loss(t, 0), 1 + (1.25 + 1.25) - (0.25 + 0.25), 0);
  trial_free(t);
}
END_TEST

START_TEST(hinge) {
  lp_trial *t = triple("2", (double[]){0, 0}, (double[]){3, 4}, (double[]){6, 8}, "none");
  trial_param(t, "eps", 0);
  trial_param(t, "margin", 5);
  run_it(t);
  check_same(trial_loss(t, 0), 0.0);
  check_grads(t, "positive", (double[]){0.6, 0.8}, 2, 2e-16);
  check_grads(t, "negative", (double[]){-0.6, -0.8}, 2, 2e-16);
  ck_assert(trial_regime(t, "kink") && trial_regime(t, "active") && !trial_regime(t, "near-kink"));
  trial_param(t, "margin", 5 - 0x1p-50);
  run_it(t);
  check_same(trial_loss(t, 0), 0.0);
  check_grads(t, "positive", (double[]){0, 0}, 2, 0);
  ck_assert(trial_regime(t, "inactive") && trial_regime(t, "near-kink"));
  trial_param(t, "margin", 4);
  trial_upstream(t, "", (double[]){NAN});
  run_it(t);
  check_grads(t, "anchor", (double[]){0, 0}, 2, 0);
  ck_assert(!trial_regime(t, "near-kink"));
  trial_free(t);
}
END_TEST

/* margin + near = far = 2 + 2^-51, but a plain sum finds near = 1 and margin + near = 2. */
START_TEST(kink_that_rounding_misses) {
  lp_trial *t =
      triple("3", (double[]){0, 0, 0}, (double[]){1, 0x1p-53, 0x1p-53}, (double[]){2 + 0x1p-51, 0, 0}, "none");
  trial_param(t, "margin", 1 + 0x1p-52);
  trial_param(t, "eps", 0);
  trial_param(t, "p", 1);
  run_it(t);
  check_same(trial_loss(t, 0), 0.0);
  ck_assert(trial_regime(t, "kink") && trial_regime(t, "near-kink"));
  trial_free(t);
}
END_TEST

START_TEST(swap_chooses_the_nearer) {
  lp_trial *t = triple("1", (double[]){0}, (double[]){2}, (double[]){5}, "none");
  trial_param(t, "eps", 0);
  trial_param(t, "margin", 10);
  trial_param(t, "swap", 1);
  run_it(t);
  check_near(trial_loss(t, 0), 10 + 2 - 3, 0);
  check_near(trial_grad(t, "anchor", 0), -1, 0);
  check_near(trial_grad(t, "positive", 0), 2, 0);
  check_near(trial_grad(t, "negative", 0), -1, 0);
  ck_assert(trial_regime(t, "swap-positive") && !trial_regime(t, "swap-anchor") && !trial_regime(t, "swap-tie"));
  trial_real(t, "negative", "1", (double[]){-1});
  run_it(t);
  check_near(trial_loss(t, 0), 10 + 2 - 1, 0);
  ck_assert(trial_regime(t, "swap-anchor"));
  trial_real(t, "negative", "1", (double[]){1});
  run_it(t);
  check_near(trial_grad(t, "anchor", 0), -0.5, 0);
  check_near(trial_grad(t, "positive", 0), 0.5, 0);
  check_near(trial_grad(t, "negative", 0), 0, 0);
  ck_assert(trial_regime(t, "swap-tie"));
  trial_free(t);
}
END_TEST

/* The norms differ in their low parts only: a tie after rounding, but the smaller one is told apart. */
START_TEST(swap_next_to_a_tie) {
  lp_trial *t = triple("2", (double[]){0, 0}, (double[]){0, 0x1p-60}, (double[]){1, 0x1p-59}, "none");
  trial_param(t, "eps", 0);
  trial_param(t, "p", 1);
  trial_param(t, "margin", 2);
  trial_param(t, "swap", 1);
  run_it(t);
  ck_assert(trial_regime(t, "swap-positive") && trial_regime(t, "near-kink"));
  check_near(trial_grad(t, "anchor", 0), 0, 0);
  trial_real(t, "negative", "2", (double[]){1, -0x1p-59});
  run_it(t);
  ck_assert(trial_regime(t, "swap-anchor") && trial_regime(t, "near-kink"));
  check_near(trial_grad(t, "anchor", 0), 1, 0);
  trial_free(t);
  t = triple("1", (double[]){0}, (double[]){0x1p-52}, (double[]){1}, "none");
  trial_param(t, "eps", 0);
  trial_param(t, "swap", 1);
  run_it(t);
  ck_assert(trial_regime(t, "near-kink") && trial_regime(t, "swap-positive"));
  trial_free(t);
}
END_TEST

/* Both distances are 5.75 - 1e-6, but plain sums do not agree on it. */
START_TEST(tie_that_rounding_misses) {
  lp_trial *t = triple("3", (double[]){-2, -1, -1.75}, (double[]){-0.25, 0, 1}, (double[]){1.25, 1.5, -1.75}, "none");
  trial_param(t, "p", 1);
  trial_param(t, "margin", 3);
  trial_param(t, "swap", 1);
  run_it(t);
  ck_assert(trial_regime(t, "swap-tie") && trial_regime(t, "near-kink"));
  trial_free(t);
}
END_TEST

START_TEST(zero_norms_have_no_slope) {
  static const double ps[] = {2, 1, INFINITY, -INFINITY, 0.5, 1.5, 3, -1, 0, 1e-6};
  for (int i = 0; i < COUNT(ps); i++) {
    lp_trial *t = triple("2", (double[]){1, 2}, (double[]){1, 2}, (double[]){1, 2}, "none");
    trial_param(t, "eps", 0);
    trial_param(t, "p", ps[i]);
    run_it(t);
    check_same(trial_loss(t, 0), 1.0);
    check_grads(t, "anchor", (double[]){0, 0}, 2, 0);
    check_grads(t, "negative", (double[]){0, 0}, 2, 0);
    ck_assert(trial_regime(t, "norm-zero") && trial_regime(t, "component-zero"));
    trial_free(t);
  }
}
END_TEST

START_TEST(extrema_are_shared) {
  lp_trial *t = triple("3", (double[]){1, -1, 0.5}, (double[]){0, 0, 0}, (double[]){0, 0, 0}, "none");
  trial_param(t, "eps", 0);
  trial_param(t, "p", INFINITY);
  trial_real(t, "negative", "3", (double[]){3, -3, 2.5});
  trial_param(t, "margin", 9);
  run_it(t);
  check_near(trial_loss(t, 0), 9 + 1 - 2, 0);
  check_grads(t, "positive", (double[]){-0.5, 0.5, 0}, 3, 0);
  check_grads(t, "negative", (double[]){-1.0 / 3, 1.0 / 3, -1.0 / 3}, 3, 1e-16);
  ck_assert(trial_regime(t, "extremum-tie") && !trial_regime(t, "near-kink"));
  trial_param(t, "p", -INFINITY);
  run_it(t);
  check_grads(t, "positive", (double[]){0, 0, -1}, 3, 0);
  trial_real(t, "positive", "3", (double[]){0, 0x1p-53, 0});
  run_it(t);
  trial_param(t, "p", INFINITY);
  run_it(t);
  ck_assert(trial_regime(t, "near-kink"));
  trial_free(t);
}
END_TEST

START_TEST(near_a_component_of_zero) {
  lp_trial *t = triple("2", (double[]){1, 2}, (double[]){1 + 0x1p-52, 1}, (double[]){0, 0}, "none");
  trial_param(t, "eps", 0);
  trial_param(t, "p", 1);
  run_it(t);
  ck_assert(trial_regime(t, "near-kink"));
  trial_param(t, "p", 2);
  run_it(t);
  ck_assert(!trial_regime(t, "near-kink"));
  trial_free(t);
}
END_TEST

static const double a10[] = {0.3, -1.2, 0.7,  2.1,  -0.4, 0.9, 0.35,  -0.15, 1.6,  0.2,
                             0.4, 0.25, -0.6, 0.85, 1.2,  0.3, -1.25, 0.7,   2.15, -0.45};
static const double p10[] = {0.11, -0.93, 0.52,  1.17, 0.64, 0.22, -0.31, -0.47, 1.13, 0.75,
                             0.98, 0.56,  -0.12, 0.39, 1.51, 0.83, -0.74, 0.19,  1.15, 0.08};
static const double n10[] = {0.84,  0.23, 1.71, 0.68,  0.79, -0.35, 0.16, 0.42,  0.33, -0.26,
                             -0.41, 1.28, 0.34, -0.37, 0.27, 0.99,  0.21, -0.78, 1.66, 0.43};

static void check_derivatives(double p, double swap, const char *reduction) {
  lp_trial *t = triple("2 10", a10, p10, n10, reduction);
  trial_param(t, "p", p);
  trial_param(t, "swap", swap);
  trial_param(t, "margin", 30);
  trial_param(t, "eps", 1e-3);
  if (t->c.reduction == LP_REDUCTION_NONE) trial_upstream(t, "2", (double[]){0.5, -2});
  run_it(t);
  check_gradients(t, 1e-5, 1e-7);
  trial_free(t);
}

START_TEST(gradients_are_derivatives) {
  static const double ps[] = {2, 1, 3, 1.5, 0.5, INFINITY, -1, -INFINITY, 100, -70, 0.2};
  for (int i = 0; i < COUNT(ps); i++) {
    check_derivatives(ps[i], 0, "none");
    check_derivatives(ps[i], 1, "mean");
    check_derivatives(ps[i], 1, "sum");
  }
}
END_TEST

START_TEST(broadcast_rows) {
  lp_trial *t = triple("2 10", a10, p10, n10, "mean");
  trial_real(t, "positive", "1 10", p10);
  trial_param(t, "swap", 1);
  trial_param(t, "margin", 30);
  run_it(t);
  ck_assert(trial_regime(t, "broadcast") && !trial_regime(t, "unequal-widths"));
  check_gradients(t, 1e-5, 1e-7);
  trial_free(t);
  t = triple("2 1 5", a10, p10, n10, "none");
  trial_real(t, "negative", "1 2 5", n10);
  trial_param(t, "swap", 1);
  trial_param(t, "margin", 30);
  run_it(t);
  ck_assert_int_eq(t->plan.term.numel, 4);
  check_gradients(t, 1e-5, 1e-7);
  trial_free(t);
}
END_TEST

/* near sums over 5 components, far over 1. */
START_TEST(stretched_rows) {
  lp_trial *t = triple("2 1", a10, p10, n10, "sum");
  trial_real(t, "positive", "2 5", p10);
  trial_param(t, "p", 1);
  trial_param(t, "margin", 30);
  trial_param(t, "eps", 0);
  run_it(t);
  ck_assert(trial_regime(t, "unequal-widths"));
  check_gradients(t, 1e-5, 1e-7);
  trial_param(t, "swap", 1);
  run_it(t);
  check_gradients(t, 1e-5, 1e-7);
  trial_free(t);
  t = triple("1", (double[]){0}, NULL, (double[]){0}, "none");
  trial_real(t, "positive", "3", (double[]){1, 2, 3});
  trial_param(t, "eps", 0);
  trial_param(t, "p", 1);
  run_it(t);
  check_near(trial_loss(t, 0), 7, 0);
  check_near(trial_grad(t, "anchor", 0), -3, 0);
  trial_free(t);
}
END_TEST

START_TEST(integers_beside_floats) {
  lp_trial *t = triple("2", (double[]){1, 2}, NULL, (double[]){0, 0}, "none");
  trial_tensor(t, "positive", LP_INT64, "2", (double[]){4, 6});
  trial_param(t, "eps", 0);
  run_it(t);
  check_near(trial_loss(t, 0), 1 + 5 - sqrt(5), 1e-15);
  ck_assert(!trial_has_grad(t, "positive") && trial_has_grad(t, "anchor"));
  check_near(trial_grad(t, "negative", 0), 1 / sqrt(5), 1e-16);
  trial_tensor(t, "positive", LP_INT64, "1", (double[]){4});
  run_it(t);
  trial_free(t);
}
END_TEST

START_TEST(degenerate_shapes) {
  lp_trial *t = triple("", (double[]){1}, (double[]){3}, (double[]){0}, "none");
  trial_param(t, "eps", 0);
  run_it(t);
  check_near(trial_loss(t, 0), 2, 0);
  ck_assert(trial_regime(t, "0-d") && !trial_regime(t, "unbatched"));
  trial_free(t);
  t = triple("2 0", NULL, NULL, NULL, "none");
  trial_param(t, "p", NAN);
  run_it(t);
  check_same(trial_loss(t, 1), 1.0);
  ck_assert(trial_regime(t, "empty-vector"));
  trial_free(t);
  t = triple("0 3", NULL, NULL, NULL, "mean");
  trial_real(t, "positive", "1 3", P);
  run_it(t);
  check_same(trial_loss(t, 0), NAN);
  check_grads(t, "positive", (double[]){0, 0, 0}, 3, 0);
  ck_assert(trial_regime(t, "empty-batch"));
  trial_reduction(t, "sum");
  run_it(t);
  check_same(trial_loss(t, 0), 0.0);
  trial_free(t);
}
END_TEST

/* Squares, powers and roots that overflow or underflow although the distance does not. */
START_TEST(extreme_distances) {
  static const double ps[] = {2, 3, 1.5, 0.5, 100, 1, INFINITY, -1, -INFINITY};
  for (int i = 0; i < COUNT(ps); i++) {
    lp_trial *t = triple("1", (double[]){0}, (double[]){2e200}, (double[]){1e200}, "none");
    trial_param(t, "p", ps[i]);
    run_it(t);
    check_near(trial_loss(t, 0), 1e200, 1e186);
    check_near(trial_grad(t, "positive", 0), 1, 1e-14);
    check_near(trial_grad(t, "anchor", 0), 0, 1e-14);
    ck_assert(trial_regime(t, "extreme"));
    trial_real(t, "positive", "1", (double[]){3e-200});
    trial_real(t, "negative", "1", (double[]){1e-200});
    trial_param(t, "eps", 0);
    run_it(t);
    check_near(trial_grad(t, "positive", 0), 1, 1e-14);
    trial_free(t);
  }
}
END_TEST

START_TEST(extreme_swap) {
  lp_trial *t = triple("2", (double[]){0, 0}, (double[]){2e200, 0}, (double[]){5e200, 0}, "none");
  trial_param(t, "swap", 1);
  run_it(t);
  check_same(trial_loss(t, 0), 0.0);
  ck_assert(trial_regime(t, "swap-positive"));
  trial_real(t, "negative", "2", (double[]){1e200, 0});
  run_it(t);
  ck_assert(trial_regime(t, "swap-tie"));
  check_near(trial_loss(t, 0), 1e200, 1e185);
  trial_real(t, "negative", "2", (double[]){-1e200, 0});
  run_it(t);
  ck_assert(trial_regime(t, "swap-anchor"));
  check_near(trial_grad(t, "positive", 0), 1, 1e-14);
  trial_free(t);
}
END_TEST

/* Components of 0 and components that are not extremal, next to some of 1e200. */
START_TEST(extreme_components) {
  lp_trial *t = triple("3", (double[]){0, 0, 0}, (double[]){2e200, 1e200, 0}, (double[]){1e200, 1, 0}, "none");
  trial_param(t, "eps", 0);
  trial_param(t, "p", INFINITY);
  run_it(t);
  check_near(trial_loss(t, 0), 1e200, 1e185);
  check_grads(t, "positive", (double[]){1, 0, 0}, 3, 0);
  trial_real(t, "positive", "3", (double[]){2e200, -2e200, 0});
  run_it(t);
  check_grads(t, "positive", (double[]){0.5, -0.5, 0}, 3, 0);
  trial_real(t, "positive", "3", (double[]){2e200, 1e200, 0});
  trial_param(t, "p", 3);
  run_it(t);
  check_near(trial_loss(t, 0), (cbrt(9) - 1) * 1e200, 1e186);
  check_near(trial_grad(t, "positive", 1), 1 / cbrt(81), 1e-15);
  check_near(trial_grad(t, "positive", 2), 0, 0);
  trial_param(t, "eps", 1e-200);
  run_it(t);
  ck_assert(trial_regime(t, "extreme"));
  trial_free(t);
  t = triple("2 0", NULL, NULL, NULL, "none");
  trial_param(t, "margin", 1e300);
  trial_param(t, "p", 3);
  run_it(t);
  check_same(trial_loss(t, 1), 1e300);
  trial_free(t);
}
END_TEST

START_TEST(differences_that_overflow) {
  lp_trial *t = triple("2", (double[]){-1.7e308, 0}, (double[]){1.7e308, 0}, (double[]){1.6e308, 0}, "none");
  trial_param(t, "p", 1);
  trial_param(t, "eps", 0);
  run_it(t);
  check_near(trial_loss(t, 0), 1e307, 1e293);
  trial_param(t, "p", 0);
  run_it(t);
  check_near(trial_loss(t, 0), 1, 0);
  trial_param(t, "margin", 1e300);
  run_it(t);
  check_near(trial_loss(t, 0), 1e300, 0);
  trial_param(t, "p", INFINITY);
  trial_real(t, "negative", "2", (double[]){-1.7e308, 1e300});
  run_it(t);
  check_same(trial_loss(t, 0), INFINITY);
  check_near(trial_grad(t, "positive", 0), 1, 0);
  trial_free(t);
}
END_TEST

/* p = 1e-6: the distances of two components are about 2^1000000, their difference is decided all the same. */
START_TEST(tiny_powers) {
  lp_trial *t = triple("2", (double[]){0, 0}, (double[]){2, 3}, (double[]){1, 3}, "none");
  trial_param(t, "p", 1e-6);
  trial_param(t, "eps", 0);
  run_it(t);
  check_same(trial_loss(t, 0), INFINITY);
  check_same(trial_grad(t, "positive", 0), INFINITY);
  check_same(trial_grad(t, "negative", 1), -INFINITY);
  trial_real(t, "negative", "2", (double[]){4, 3});
  run_it(t);
  check_same(trial_loss(t, 0), 0.0);
  check_near(trial_grad(t, "positive", 0), 0, 0);
  trial_real(t, "negative", "2", (double[]){2, 3});
  run_it(t);
  check_same(trial_loss(t, 0), 1.0);
  trial_param(t, "p", -1e-6);
  run_it(t);
  check_same(trial_loss(t, 0), 1.0);
  trial_free(t);
}
END_TEST

/* The smallest p: log 2 / p is beyond any exponent, 2^(1/p) is an infinity, 2^(-1/p) a zero. */
START_TEST(subnormal_powers) {
  lp_trial *t = triple("2", (double[]){0, 0}, (double[]){2, 3}, (double[]){0, 3}, "none");
  trial_param(t, "p", 5e-324);
  trial_param(t, "eps", 0);
  run_it(t);
  check_same(trial_loss(t, 0), INFINITY);
  trial_param(t, "p", -5e-324);
  trial_real(t, "negative", "2", (double[]){3, 3});
  run_it(t);
  check_same(trial_loss(t, 0), 1.0);
  trial_free(t);
}
END_TEST

/* Distances of equally many components compare as their means do, however far n^(1/p) is out of range; else those of
 * more are larger for p > 0. near is over {near, near}, far over n_far components. */
START_TEST(powers_next_to_zero) {
  static const struct {
    double p, near, far, loss;
    const char *far_shape;
  } rows[] = {{1e-6, 8.5, 0.5, INFINITY, "2"},
              {1e-6, 0.5, 8.5, 0, "2"},
              {2e-298, 8.5, 0.5, INFINITY, "2"},
              {2e-298, 0.5, 8.5, 0, "2"},
              {2e-298, 3, 3, 1, "2"},
              {5e-324, 8.5, 0.5, INFINITY, "2"},
              {5e-324, 0.5, 8.5, 0, "2"},
              {1e-6, 1e9, 1e-9, 0, "3"},
              {2e-298, 1e300, 1e-300, 0, "3"},
              {5e-324, 1e300, 1e-300, 0, "3"},
              {-2e-298, 8.5, 0.5, 1, "2"},
              {-5e-324, 0.5, 8.5, 1, "3"},
              {1e200, 8.5, 0.5, 9, "2"},
              {1e200, 0.5, 8.5, 0, "3"},
              {-1e308, 8.5, 0.5, 9, "2"},
              {1e308, 3, 2.9999999999999996, 1 + 0x1p-51, "3"}};
  for (int i = 0; i < COUNT(rows); i++) {
    const double near = rows[i].near, far = rows[i].far;
    lp_trial *t = trial_new("triplet_margin");
    trial_param(t, "eps", 0);
    trial_param(t, "p", rows[i].p);
    trial_real(t, "anchor", "1", (double[]){0});
    trial_real(t, "positive", "2", (double[]){near, -near});
    trial_real(t, "negative", rows[i].far_shape, (double[]){far, -far, far});
    run_it(t);
    ck_assert_msg(trial_loss(t, 0) == rows[i].loss, "row %d: %g", i, trial_loss(t, 0));
    trial_free(t);
  }
}
END_TEST

/* The largest, or the smallest, has all of the slope, or the same share of it as its equals. */
START_TEST(powers_next_to_infinity) {
  for (int i = 0; i < 2; i++) {
    lp_trial *t = triple("3", (double[]){0, 0, 0}, (double[]){3, 4, 3}, (double[]){0, 0, 0}, "none");
    trial_param(t, "eps", 0);
    trial_param(t, "p", i == 0 ? 1e200 : -1e308);
    run_it(t);
    check_near(trial_loss(t, 0), i == 0 ? 5 : 4, 0);
    check_grads(t, "positive", i == 0 ? (double[]){0, 1, 0} : (double[]){0.5, 0, 0.5}, 3, 1e-15);
    trial_free(t);
  }
}
END_TEST

/* Both distances of a swap are about 2^1000000. */
START_TEST(swap_out_of_range) {
  lp_trial *t = triple("2", (double[]){1, 1}, (double[]){0, 0}, (double[]){-2, -2}, "none");
  trial_param(t, "p", 1e-6);
  trial_param(t, "swap", 1);
  run_it(t);
  ck_assert(trial_regime(t, "swap-positive") && !trial_regime(t, "swap-tie"));
  trial_real(t, "negative", "2", (double[]){3, 3});
  run_it(t);
  ck_assert(trial_regime(t, "swap-anchor") && !trial_regime(t, "swap-tie"));
  trial_free(t);
}
END_TEST

/* far = sqrt(1 + 2^-60) and swapped = sqrt(1 + 2^-62) are one double, but their slopes are not. */
START_TEST(slopes_next_to_a_tie) {
  lp_trial *t = triple("2", (double[]){0, 0}, (double[]){0, 0x1p-31}, (double[]){1, 0x1p-30}, "none");
  trial_param(t, "eps", 0);
  trial_param(t, "swap", 1);
  run_it(t);
  check_near(trial_grad(t, "negative", 1), -0x1p-31, 1e-25);
  ck_assert(trial_regime(t, "swap-positive") && trial_regime(t, "near-kink"));
  trial_free(t);
}
END_TEST

/* -0.75 - 2^600 + 2^600, and beyond the range of double before it cancels. */
START_TEST(eps_that_cancels) {
  static const double rows[][2] = {{-0.75, 0x1p600}, {-0x1.8p930, 0x1.8p1023}};
  for (int i = 0; i < COUNT(rows); i++) {
    const double a = rows[i][0], far = rows[i][1];
    lp_trial *t = triple("", &a, &far, &far, "none");
    trial_param(t, "eps", far);
    run_it(t);
    check_same(trial_loss(t, 0), 1.0);
    check_same(trial_grad(t, "positive", 0), 1.0);
    ck_assert(!trial_regime(t, "component-zero") && !trial_regime(t, "norm-zero"));
    trial_free(t);
  }
}
END_TEST

/* The slopes of the near distance are about 2^1000000, that of the far one is 1 all the same. */
START_TEST(a_slope_beside_one_that_overflows) {
  lp_trial *t = triple("2", (double[]){0, 0}, (double[]){1, 1}, (double[]){0, 5}, "none");
  trial_param(t, "p", 1e-6);
  trial_param(t, "eps", 0);
  run_it(t);
  check_same(trial_grad(t, "positive", 0), INFINITY);
  check_same(trial_grad(t, "anchor", 1), -INFINITY);
  check_near(trial_grad(t, "negative", 0), 0, 0);
  check_near(trial_grad(t, "negative", 1), -1, 1e-9);
  trial_free(t);
}
END_TEST

/* Slopes of 3^1000000 beside 2^1000000: both are infinite. */
START_TEST(slopes_that_overflow_unequally) {
  lp_trial *t = triple("3", (double[]){0, 0, 0}, (double[]){1, 1, 1}, (double[]){1, 1, 0}, "none");
  trial_param(t, "p", 1e-6);
  trial_param(t, "eps", 0);
  run_it(t);
  check_same(trial_grad(t, "positive", 0), INFINITY);
  check_same(trial_grad(t, "negative", 0), -INFINITY);
  check_same(trial_grad(t, "anchor", 0), -INFINITY);
  check_near(trial_grad(t, "negative", 2), 0, 0);
  trial_free(t);
}
END_TEST

/* Rows that share a positive add slopes of 2^1000000 and more to it, with either sign; the larger one counts:
 * sqrt(2)/1 against sqrt(15)/3, then 1. */
START_TEST(rows_that_overflow_apart) {
  lp_trial *t = trial_new("triplet_margin");
  trial_param(t, "p", 1e-6);
  trial_param(t, "eps", 0);
  trial_reduction(t, "sum");
  trial_real(t, "anchor", "2 2", (double[]){1, 2, -3, -5});
  trial_real(t, "positive", "1 2", (double[]){0, 0});
  trial_real(t, "negative", "2 2", (double[]){1, 2, -3, -5});
  run_it(t);
  check_same(trial_grad(t, "positive", 0), -INFINITY);
  trial_real(t, "anchor", "2 2", (double[]){5, 5, -3, -5});
  trial_real(t, "negative", "2 2", (double[]){5, 5, -3, -5});
  run_it(t);
  check_same(trial_grad(t, "positive", 0), INFINITY);
  trial_upstream(t, "", (double[]){INFINITY});
  run_it(t);
  ck_assert(isnan(trial_grad(t, "positive", 0)));
  trial_free(t);
}
END_TEST

/* One element is the anchor of two rows, the second inactive. The legs of the first cancel. */
START_TEST(legs_that_overflow_apart) {
  lp_trial *t = trial_new("triplet_margin");
  trial_param(t, "p", 1e-6);
  trial_param(t, "eps", 0);
  trial_reduction(t, "sum");
  trial_real(t, "anchor", "1 1", (double[]){0});
  trial_real(t, "positive", "2 2", (double[]){1, -2, 1, 1});
  trial_real(t, "negative", "2 2", (double[]){1, -2, 100, 100});
  run_it(t);
  ck_assert(trial_regime(t, "inactive") && trial_regime(t, "active"));
  check_near(trial_grad(t, "anchor", 0), 0, 0);
  trial_free(t);
}
END_TEST

/* The slopes of p = 0.01 are about 2^99, and 1e300 times that overflows. */
START_TEST(gradients_that_overflow) {
  lp_trial *t = triple("2", (double[]){0, 0}, (double[]){3, 4}, (double[]){1, 1}, "none");
  trial_param(t, "p", 0.01);
  trial_upstream(t, "", (double[]){-1e300});
  run_it(t);
  check_same(trial_grad(t, "positive", 0), -INFINITY);
  check_same(trial_grad(t, "negative", 0), INFINITY);
  trial_free(t);
}
END_TEST

START_TEST(extreme_upstream) {
  lp_trial *t = triple("2", (double[]){0, 0}, (double[]){3, 4}, (double[]){0, 1}, "none");
  trial_param(t, "eps", 0);
  trial_upstream(t, "", (double[]){1e300});
  run_it(t);
  check_grads(t, "positive", (double[]){0.6e300, 0.8e300}, 2, 1e285);
  ck_assert(trial_regime(t, "extreme"));
  trial_upstream(t, "", (double[]){INFINITY});
  run_it(t);
  check_near(trial_loss(t, 0), 5, 0);
  check_grads(t, "positive", (double[]){INFINITY, INFINITY}, 2, 0);
  check_grads(t, "anchor", (double[]){NAN, NAN}, 2, 0);
  check_grads(t, "negative", (double[]){NAN, -INFINITY}, 2, 0);
  ck_assert(trial_regime(t, "special"));
  trial_free(t);
}
END_TEST

/* PyTorch 2.13's answers for an infinity in the anchor, the positive or the negative, without and with swap:
 * loss and the three gradients of the first component. */
typedef struct special_case {
  double p, a[2], b[2], c[2];
  int swap;
  double loss, ga, gp, gn;
} special_case;

START_TEST(infinities_and_nan) {
  static const special_case cases[] = {
      {2, {INFINITY, 1}, {1, 1}, {0, 0}, 0, NAN, NAN, NAN, NAN},
      {2, {INFINITY, 1}, {1, 1}, {0, 0}, 1, INFINITY, NAN, NAN, NAN},
      {2, {1, 1}, {INFINITY, 1}, {0, 0}, 0, INFINITY, NAN, NAN, 0.7071067811865475},
      {2, {1, 1}, {0, 0}, {INFINITY, 1}, 0, 0, NAN, -0.0, NAN},
      {2, {NAN, 1}, {1, 1}, {0, 0}, 1, NAN, NAN, NAN, NAN},
      {1, {INFINITY, 1}, {1, 1}, {0, 0}, 1, INFINITY, 1, -2, 1},
      {1, {1, 1}, {INFINITY, 1}, {0, 0}, 0, INFINITY, -2, 1, 1},
      {1, {1, 1}, {2, 0}, {NAN, 1}, 1, NAN, 0, 0, 0},
      {0, {INFINITY, 1}, {1, 1}, {0, 0}, 0, 1, 0, 0, 0},
      {0, {NAN, 1}, {1, 1}, {0, 0}, 1, 1, 0, 0, 0},
      {0.5, {INFINITY, 1}, {1, 1}, {0, 0}, 1, INFINITY, NAN, NAN, NAN},
      {0.5, {1, 1}, {INFINITY, 1}, {0, 0}, 0, INFINITY, NAN, NAN, 2},
      {1.5, {1, 1}, {INFINITY, 1}, {0, 0}, 0, INFINITY, NAN, NAN, 0.7937005259840998},
      {3, {1, 1}, {INFINITY, 1}, {0, 0}, 0, INFINITY, NAN, NAN, 0.6299605249474367},
      {INFINITY, {INFINITY, 1}, {1, 1}, {0, 0}, 1, INFINITY, 1, -1.5, 0.5},
      {INFINITY, {NAN, 1}, {1, 1}, {0, 0}, 1, NAN, 0, 0, 0},
      {INFINITY, {1, NAN}, {1, 1}, {0, NAN}, 0, NAN, 0, 0, 0},
      {-INFINITY, {INFINITY, 1}, {1, 1}, {0, 0}, 1, 0, 0, -0.25, 0.25},
      {-INFINITY, {1, 1}, {0, 0}, {INFINITY, 1}, 0, 2, 0.5, -0.5, 0},
      {-1, {1, 1}, {INFINITY, 1}, {0, 0}, 0, 0.5000005, -0.25, 0, 0.25},
      {-1, {1, 1}, {0, 0}, {INFINITY, 1}, 0, 1.4999995000000002, 0.25, -0.25, 0},
  };
  for (int i = 0; i < COUNT(cases); i++) {
    lp_trial *t = triple("2", cases[i].a, cases[i].b, cases[i].c, "none");
    trial_param(t, "p", cases[i].p);
    trial_param(t, "swap", cases[i].swap);
    run_it(t);
    check_near(trial_loss(t, 0), cases[i].loss, 1e-9);
    check_near(trial_grad(t, "anchor", 0), cases[i].ga, 1e-5);
    check_near(trial_grad(t, "positive", 0), cases[i].gp, 1e-5);
    check_near(trial_grad(t, "negative", 0), cases[i].gn, 1e-5);
    ck_assert(trial_regime(t, "special"));
    trial_free(t);
  }
}
END_TEST

START_TEST(special_parameters) {
  lp_trial *t = triple("3", A, P, N, "none");
  trial_param(t, "margin", NAN);
  run_it(t);
  check_same(trial_loss(t, 0), NAN);
  check_grads(t, "anchor", (double[]){0, 0, 0}, 3, 0);
  trial_param(t, "margin", INFINITY);
  run_it(t);
  check_same(trial_loss(t, 0), INFINITY);
  check_near(trial_grad(t, "anchor", 0), -0.3401722865222795, 1e-15);
  trial_param(t, "margin", 1);
  trial_param(t, "eps", INFINITY);
  run_it(t);
  check_same(trial_loss(t, 0), NAN);
  trial_param(t, "eps", 1e-6);
  trial_param(t, "p", NAN);
  run_it(t);
  check_same(trial_loss(t, 0), NAN);
  check_same(trial_grad(t, "anchor", 0), NAN);
  ck_assert(trial_regime(t, "p=nan"));
  trial_free(t);
  t = triple("1", (double[]){1}, (double[]){3}, (double[]){0}, "none");
  trial_param(t, "p", NAN);
  trial_param(t, "eps", 0);
  run_it(t);
  check_near(trial_loss(t, 0), 2, 0);
  trial_real(t, "anchor", "", (double[]){1});
  trial_real(t, "positive", "", (double[]){3});
  trial_real(t, "negative", "", (double[]){0});
  run_it(t);
  check_same(trial_loss(t, 0), NAN);
  trial_free(t);
}
END_TEST

/* An infinite margin takes the special way with rows that are at every kink. */
START_TEST(special_way_at_kinks) {
  static const double ps[] = {2, 1, INFINITY, -INFINITY, 0.5, 1.5, 3, -1, 0};
  for (int i = 0; i < COUNT(ps); i++) {
    lp_trial *t = triple("2", (double[]){1, 2}, (double[]){1, 2}, (double[]){1, 3}, "none");
    trial_param(t, "eps", 0);
    trial_param(t, "margin", INFINITY);
    trial_param(t, "p", ps[i]);
    run_it(t);
    check_same(trial_loss(t, 0), INFINITY);
    check_near(trial_grad(t, "anchor", 0), 0, 0);
    check_near(trial_grad(t, "positive", 1), 0, 0);
    check_near(trial_grad(t, "negative", 1), ps[i] > 0 ? -1 : 0, 0);
    trial_free(t);
  }
  lp_trial *t = triple("1", (double[]){1}, (double[]){3}, (double[]){1}, "none");
  trial_param(t, "margin", INFINITY);
  trial_param(t, "p", 0);
  run_it(t);
  check_same(trial_loss(t, 0), INFINITY);
  trial_free(t);
  t = triple("3", (double[]){NAN, NAN, 1}, (double[]){0, 0, 0}, (double[]){0, 0, 0}, "none");
  trial_param(t, "p", -INFINITY);
  run_it(t);
  check_same(trial_loss(t, 0), NAN);
  trial_free(t);
}
END_TEST

/* near is shared by two rows, one of them inactive: PyTorch multiplies the sum of their gradients, 1 + 0, by its slope,
 * and so the finite component is infinite and not NaN. */
START_TEST(shared_distances_with_infinities) {
  lp_trial *t = triple("1 1 2", (double[]){0, 0}, (double[]){INFINITY, 1}, NULL, "none");
  trial_real(t, "negative", "1 2 2", (double[]){1, 2, INFINITY, 1});
  trial_param(t, "p", 0.5);
  run_it(t);
  check_same(trial_loss(t, 0), INFINITY);
  check_same(trial_loss(t, 1), NAN);
  check_same(trial_grad(t, "positive", 0), NAN);
  check_same(trial_grad(t, "positive", 1), INFINITY);
  trial_real(t, "negative", "1 2 1", (double[]){1, 2});
  run_it(t);
  check_same(trial_grad(t, "positive", 1), INFINITY);
  trial_param(t, "p", -INFINITY);
  trial_real(t, "positive", "1 1 2", (double[]){3, 2});
  trial_real(t, "negative", "1 2 2", (double[]){1, INFINITY, INFINITY, 1});
  run_it(t);
  check_near(trial_grad(t, "positive", 1), 2, 0);
  trial_param(t, "p", 0.5);
  trial_real(t, "positive", "1 1 2", (double[]){INFINITY, 1});
  trial_real(t, "negative", "3 2 2", (double[]){1, 2, INFINITY, 1, 1, 1, 0, 0, 2, 2, 3, 3});
  run_it(t);
  check_same(trial_grad(t, "positive", 1), INFINITY);
  trial_free(t);
}
END_TEST

START_TEST(huge_rows_in_a_mean) {
  lp_trial *t = triple("2 1", (double[]){0, 0}, (double[]){1.2e308, 1.2e308}, (double[]){0, 0}, "mean");
  run_it(t);
  check_near(trial_loss(t, 0), 1.2e308, 1e294);
  trial_reduction(t, "none");
  run_it(t);
  check_near(trial_loss(t, 1), 1.2e308, 1e294);
  trial_free(t);
}
END_TEST

static void refuse(lp_trial *t, lp_reject reason, const char *text) {
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, reason, text);
}

START_TEST(refusals) {
  lp_trial *t = triple("2 3", NULL, NULL, NULL, "none");
  trial_param(t, "margin", 0);
  refuse(t, LP_REJECT_PARAMETER, "margin: expected a number > 0, got 0");
  trial_param(t, "margin", 1);
  trial_real(t, "positive", "3", NULL);
  refuse(t, LP_REJECT_RANK, "positive: expected anchor's number of dimensions 2, got 1");
  trial_real(t, "positive", "2 3", NULL);
  trial_real(t, "negative", "3", NULL);
  refuse(t, LP_REJECT_RANK, "negative");
  trial_real(t, "negative", "3 3", NULL);
  refuse(t, LP_REJECT_SHAPE, "negative of shape (3, 3) does not broadcast with anchor of shape (2, 3)");
  trial_real(t, "negative", "2 4", NULL);
  refuse(t, LP_REJECT_SHAPE, "anchor with a last axis of 3");
  trial_tensor(t, "negative", LP_BOOL, "2 3", NULL);
  refuse(t, LP_REJECT_DTYPE, "negative: expected numbers, got bool");
  trial_real(t, "negative", "2 3", NULL);
  trial_upstream(t, "1", NULL);
  refuse(t, LP_REJECT_GRAD_OUTPUT, "(2)");
  trial_reduction(t, "avg");
  refuse(t, LP_REJECT_REDUCTION, "avg");
  trial_free(t);
  t = triple("2 0", NULL, NULL, NULL, "none");
  trial_param(t, "p", -1);
  refuse(t, LP_REJECT_SHAPE, "norm of none is not defined for p = -1");
  trial_param(t, "p", INFINITY);
  refuse(t, LP_REJECT_SHAPE, "p = inf");
  trial_free(t);
}
END_TEST

START_TEST(widths_that_meet_under_swap_only) {
  lp_trial *t = triple("2 1", NULL, NULL, NULL, "none");
  trial_real(t, "positive", "2 3", NULL);
  trial_real(t, "negative", "2 4", NULL);
  run_it(t);
  trial_param(t, "swap", 1);
  refuse(t, LP_REJECT_SHAPE, "positive with a last axis of 3 does not broadcast with negative with one of 4");
  trial_free(t);
}
END_TEST

/* The two far distances are equal, and have different slopes: a wrong choice between them shows. */
START_TEST(drawn_ties_under_swap) {
  int ties = 0;
  for (int seed = 0; seed < 60; seed++) {
    lp_rng rng = lp_rng_for_case((uint64_t)seed, "swap");
    lp_trial *t = triple("1 3", NULL, NULL, NULL, "none");
    trial_param(t, "swap", 1);
    trial_param(t, "eps", 0.5);
    t->c.loss->draw(&t->c, &rng, t->c.loss->n_value_classes - 1);
    run_it(t);
    const double *const a = t->c.inputs[0].f64, *const p = t->c.inputs[1].f64;
    ties += trial_regime(t, "swap-tie") && (a[0] != p[0] || a[1] != p[1] || a[2] != p[2]);
    trial_free(t);
  }
  ck_assert_int_ge(ties, 30);
}
END_TEST

START_TEST(drawn_values) {
  for (int value = 0; value < lp_registry_find("triplet_margin")->n_value_classes; value++) {
    for (int seed = 0; seed < 60; seed++) {
      lp_rng rng = lp_rng_for_case((uint64_t)seed, "draw");
      lp_trial *t = triple("3 2", NULL, NULL, NULL, "none");
      if (seed % 11 == 1) {
        trial_real(t, "anchor", "3 1", NULL);
        trial_real(t, "positive", "3 1", NULL);
        trial_real(t, "negative", "3 1", NULL);
      }
      if (seed % 3 == 1) trial_real(t, "negative", "1 2", NULL);
      if (seed % 5 == 1) trial_real(t, "positive", "1 2", NULL);
      if (seed % 7 == 1) trial_real(t, "anchor", "1 2", NULL);
      if (seed % 3 == 2) trial_tensor(t, "positive", LP_INT64, "3 2", NULL);
      trial_param(t, "swap", seed % 2);
      t->c.loss->draw(&t->c, &rng, value);
      run_it(t);
      trial_free(t);
    }
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {one_component_meets_the_kink_exactly,
                                two_components_beyond_plain_arithmetic,
                                norms_by_hand,
                                eps_before_the_absolute_value,
                                hinge,
                                kink_that_rounding_misses,
                                swap_chooses_the_nearer,
                                swap_next_to_a_tie,
                                tie_that_rounding_misses,
                                zero_norms_have_no_slope,
                                extrema_are_shared,
                                near_a_component_of_zero,
                                gradients_are_derivatives,
                                broadcast_rows,
                                stretched_rows,
                                integers_beside_floats,
                                degenerate_shapes,
                                extreme_distances,
                                extreme_swap,
                                extreme_components,
                                differences_that_overflow,
                                tiny_powers,
                                subnormal_powers,
                                powers_next_to_zero,
                                powers_next_to_infinity,
                                swap_out_of_range,
                                slopes_next_to_a_tie,
                                eps_that_cancels,
                                a_slope_beside_one_that_overflows,
                                slopes_that_overflow_unequally,
                                rows_that_overflow_apart,
                                legs_that_overflow_apart,
                                gradients_that_overflow,
                                extreme_upstream,
                                infinities_and_nan,
                                special_parameters,
                                special_way_at_kinks,
                                shared_distances_with_infinities,
                                huge_rows_in_a_mean,
                                refusals,
                                widths_that_meet_under_swap_only,
                                drawn_ties_under_swap,
                                drawn_values};
  return run_tests("triplet_margin", tests, COUNT(tests));
}
