#include "reference/draw.h"
#include "reference/tests/testing.h"

static lp_trial *trial(double beta, const char *reduction, const char *shape, const double *x, const double *target) {
  lp_trial *t = trial_new("smooth_l1");
  trial_param(t, "beta", beta);
  trial_reduction(t, reduction);
  trial_real(t, "input", shape, x);
  trial_real(t, "target", shape, target);
  return t;
}

static void run(lp_trial *t) { ck_assert_msg(trial_run(t) == LP_OK, "%s", t->error.message); }

/* One position with the residual d, and the same mirrored. */
static void check_single(double beta, double d, double value, double slope, const char *regime) {
  for (int mirrored = 0; mirrored < 2; mirrored++) {
    lp_trial *t = trial(beta, "none", "", (double[]){mirrored ? 0.0 : d}, (double[]){mirrored ? d : 0.0});
    run(t);
    check_same(trial_loss(t, 0), value);
    check_near(trial_grad(t, mirrored ? "target" : "input", 0), slope, 0.0);
    check_near(trial_grad(t, mirrored ? "input" : "target", 0), -slope, 0.0);
    ck_assert_msg(trial_regime(t, regime), "beta %g residual %g: not in regime %s", beta, d, regime);
    trial_free(t);
  }
}

START_TEST(both_branches) {
  check_single(1.0, 0.5, 0.125, 0.5, "quadratic");
  check_single(1.0, -0.5, 0.125, -0.5, "quadratic");
  check_single(1.0, 3.0, 2.5, 1.0, "linear");
  check_single(1.0, -3.0, 2.5, -1.0, "linear");
  check_single(2.0, 1.0, 0.25, 0.5, "quadratic");
  check_single(0.25, -1.0, 0.875, -1.0, "linear");
  check_single(400.0, 300.0, 112.5, 0.75, "quadratic");
  check_single(3.0, 1.5, 0.375, 0.5, "quadratic");
  check_single(3.0, -6.0, 4.5, -1.0, "linear");
  check_single(1.0, 0.0, 0.0, 0.0, "tie");
  check_single(3.0, 0.0, 0.0, 0.0, "tie");
  check_single(1e-50, 2.0, 2.0, 1.0, "linear");
}
END_TEST

START_TEST(at_the_kink_the_branches_agree) {
  check_single(1.0, 1.0, 0.5, 1.0, "kink");
  check_single(0.75, -0.75, 0.375, -1.0, "kink");
  check_single(1.0, 1.0 + 0x1p-52, 0.5 + 0x1p-52, 1.0, "near-kink");
  check_single(1.0, 1.0 - 0x1p-53, 0.5 - 0x1p-53, 1.0 - 0x1p-53, "near-kink");
  lp_trial *t = trial(1.0, "none", "", (double[]){1.0}, (double[]){0x1p-60}); /* d rounds to 1 */
  run(t);
  ck_assert(trial_regime(t, "near-kink") && trial_regime(t, "quadratic") && !trial_regime(t, "kink"));
  trial_free(t);
}
END_TEST

/* PyTorch has 1/0 of nothing here: it calls l1_loss. */
START_TEST(beta_0_is_l1) {
  check_single(0.0, 2.0, 2.0, 1.0, "l1");
  check_single(0.0, -1e-300, 1e-300, -1.0, "l1");
  check_single(-0.0, 2.0, 2.0, 1.0, "l1");
  check_single(0.0, NAN, NAN, 0.0, "non-finite");
  check_single(0.0, INFINITY, INFINITY, 1.0, "non-finite");
  lp_trial *t = trial(0.0, "sum", "", (double[]){1.0}, (double[]){1.0});
  trial_upstream(t, "", (double[]){INFINITY});
  run(t);
  check_same(trial_loss(t, 0), 0.0);
  check_same(trial_grad(t, "input", 0), NAN);
  ck_assert(trial_regime(t, "tie"));
  trial_free(t);
}
END_TEST

START_TEST(non_finite_numbers_follow_pytorch) {
  check_single(1.0, INFINITY, INFINITY, 1.0, "non-finite");
  check_single(1.0, -INFINITY, INFINITY, -1.0, "non-finite");
  check_single(1.0, NAN, NAN, NAN, "non-finite");
  check_single(INFINITY, 5.0, 0.0, 0.0, "non-finite");
  check_single(INFINITY, INFINITY, NAN, 1.0, "non-finite");
  check_single(INFINITY, NAN, NAN, NAN, "non-finite");
  check_single(INFINITY, 1e150, 0.0, 0.0, "non-finite");
  check_single(INFINITY, 1e200, NAN, 0.0, "non-finite");
}
END_TEST

/* The same beside a number that takes the case to big arithmetic. */
START_TEST(big_arithmetic_follows_the_same_rules) {
  const double d[] = {INFINITY, NAN, -0.0, 0.5, -3.0, 1e300, 1.0};
  const double values[] = {INFINITY, NAN, 0.0, 0.125, 2.5, 1e300, 0.5},
               slopes[] = {1.0, NAN, -0.0, 0.5, -1.0, 1.0, 1.0};
  const double zeros[7] = {0.0}, l1[] = {INFINITY, NAN, 0.0, 0.5, 3.0, 1e300, 1.0};
  const double l1_slopes[] = {1.0, 0.0, 0.0, 1.0, -1.0, 1.0, 1.0};
  for (int beta = 0; beta < 2; beta++) {
    lp_trial *t = trial(beta, "none", "7", d, zeros);
    run(t);
    for (int i = 0; i < 7; i++) {
      check_same(trial_loss(t, i), beta ? values[i] : l1[i]);
      check_near(trial_grad(t, "input", i), beta ? slopes[i] : l1_slopes[i], 0.0);
      check_near(trial_grad(t, "target", i), beta ? -slopes[i] : -l1_slopes[i], 0.0);
    }
    check_same(trial_grad(t, "target", 2), 0.0);
    trial_free(t);
  }
}
END_TEST

/* d/beta is the nearest double although it is a product with 1/beta; d^2/(2 beta) as well. */
START_TEST(dividing_by_beta) {
  for (int i = 1; i < 100; i++) {
    lp_trial *t = trial(300.0, "none", "", (double[]){i}, (double[]){0.0});
    run(t);
    check_same(trial_grad(t, "input", 0), i / 300.0);
    check_same(trial_loss(t, 0), i * i / 600.0);
    trial_free(t);
  }
}
END_TEST

START_TEST(infinite_upstream_gradients) {
  lp_trial *t = trial(1.0, "sum", "3", (double[]){0.0, 0.5, 3.0}, (double[]){0.0, 0.0, 0.0});
  trial_upstream(t, "", (double[]){INFINITY});
  run(t);
  check_same(trial_grad(t, "input", 0), NAN);
  check_same(trial_grad(t, "input", 1), INFINITY);
  check_same(trial_grad(t, "input", 2), INFINITY);
  trial_free(t);
  t = trial(0x1p27, "sum", "", (double[]){-0x1p-1050}, (double[]){0.0}); /* the slope underflows */
  trial_upstream(t, "", (double[]){INFINITY});
  run(t);
  check_same(trial_grad(t, "input", 0), -INFINITY);
  check_same(trial_grad(t, "target", 0), INFINITY);
  trial_free(t);
}
END_TEST

START_TEST(reductions) {
  lp_trial *t = trial(1.0, "mean", "3", (double[]){1.0, 2.0, 4.0}, (double[]){1.0, 2.5, 3.0});
  run(t);
  check_same(trial_loss(t, 0), 0.625 / 3.0);
  check_same(trial_grad(t, "input", 1), -0.5 / 3.0);
  check_same(trial_grad(t, "target", 2), -1.0 / 3.0);
  trial_reduction(t, "sum");
  run(t);
  check_same(trial_loss(t, 0), 0.625);
  trial_free(t);
}
END_TEST

/* Operators that take a mean before they broadcast divide by 3. */
START_TEST(means_divide_by_the_broadcast_size) {
  lp_trial *t = trial_new("smooth_l1");
  trial_real(t, "input", "1 3", (double[]){1.0, 1.0, 1.0});
  trial_real(t, "target", "2 3", (double[]){0.0, 0.0, 0.0, 3.0, 3.0, 3.0});
  run(t);
  check_same(trial_loss(t, 0), 1.0);
  check_near(trial_grad(t, "input", 0), 0.0, 0.0);
  check_same(trial_grad(t, "target", 5), 1.0 / 6.0);
  trial_free(t);
}
END_TEST

START_TEST(empty_and_0_d) {
  lp_trial *t = trial(1.0, "mean", "0", NULL, NULL);
  run(t);
  check_same(trial_loss(t, 0), NAN);
  ck_assert(trial_regime(t, "empty"));
  trial_free(t);
  t = trial(1.0, "mean", "", (double[]){3.0}, (double[]){1.0});
  run(t);
  check_same(trial_loss(t, 0), 1.5);
  trial_free(t);
}
END_TEST

/* PyTorch has inf, NaN or 0 for all of these. */
START_TEST(finite_where_pytorch_overflows_or_underflows) {
  lp_trial *t = trial(1e200, "none", "", (double[]){1e155}, (double[]){0.0});
  run(t);
  check_near(trial_loss(t, 0), 5e109, 1e95);
  check_near(trial_grad(t, "input", 0), 1e-45, 1e-60);
  t->c.params[0] = 1e-160;
  t->c.inputs[0].f64[0] = 1e-200;
  run(t);
  check_near(trial_loss(t, 0), 5e-241, 1e-256);
  check_near(trial_grad(t, "target", 0), -1e-40, 1e-55);
  t->c.params[0] = 1e-310;
  t->c.inputs[0].f64[0] = 0x1p-1074;
  run(t);
  check_near(trial_grad(t, "input", 0), 0x1p-1074 / 1e-310, 1e-29);
  t->c.params[0] = 1.0;
  t->c.inputs[0].f64[0] = 1.7e308;
  t->c.inputs[1].f64[0] = -1.7e308;
  run(t);
  check_same(trial_loss(t, 0), INFINITY);
  check_same(trial_grad(t, "input", 0), 1.0);
  trial_free(t);
}
END_TEST

START_TEST(gradients_are_differences) {
  const double x[] = {0.3, -1.2, 2.5, 0.7, 1.0, -0.4}, target[] = {1.0, 0.5, 1.5, -0.2, 3.0, -2.0};
  const double betas[] = {0.0, 0.5, 1.1, 3.3, 400.0};
  const char *const words[] = {"mean", "sum", "none"};
  for (int b = 0; b < 5; b++) {
    for (int r = 0; r < 3; r++) {
      lp_trial *t = trial(betas[b], words[r], "2 3", x, target);
      trial_upstream(t, r == 2 ? "2 3" : "", (double[]){-2.0, 1.0, 0.0, 0.5, 3.0, -1.0});
      run(t);
      check_gradients(t, 1e-6, 2e-6);
      trial_real(t, "target", "3", target);
      run(t);
      check_gradients(t, 1e-6, 2e-6);
      trial_free(t);
    }
  }
}
END_TEST

START_TEST(integers) {
  lp_trial *t = trial(0.0, "none", "2", NULL, NULL);
  trial_tensor(t, "input", LP_UINT8, "2", (double[]){1.0, 0.0});
  trial_tensor(t, "target", LP_UINT8, "2", (double[]){0.0, 1.0});
  run(t);
  check_same(trial_loss(t, 1), 255.0);
  trial_reduction(t, "sum");
  run(t);
  check_same(trial_loss(t, 0), 256.0);
  trial_reduction(t, "mean");
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_DTYPE, "for reduction mean, got uint8 and uint8");
  trial_real(t, "target", "2", (double[]){0.0, 1.0});
  run(t);
  check_same(trial_loss(t, 0), 1.0);
  trial_free(t);
}
END_TEST

START_TEST(refusals) {
  const double betas[] = {-1.0, -1e-300, -INFINITY, NAN};
  lp_trial *t = trial(1.0, "mean", "2", NULL, NULL);
  for (int i = 0; i < 4; i++) {
    t->c.params[0] = betas[i];
    ck_assert_int_eq(trial_run(t), LP_REJECTED);
    check_refused(t, LP_REJECT_PARAMETER, "beta: expected a number >= 0, got");
  }
  t->c.params[0] = 1.0;
  trial_tensor(t, "target", LP_BOOL, "2", (double[]){1.0, 0.0});
  run(t); /* a number, unless beta is 0 */
  check_same(trial_loss(t, 0), 0.25);
  t->c.params[0] = 0.0;
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_DTYPE, "target: expected a dtype that can be subtracted, got bool");
  t->c.params[0] = 1.0;
  trial_tensor(t, "input", LP_INT64, "2", NULL);
  trial_reduction(t, "sum");
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_DTYPE, "floating dtype in one of them, got int64 and bool");
  trial_real(t, "input", "3", NULL);
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_SHAPE, "target of shape (2)");
  trial_free(t);
}
END_TEST

/* The generator meets every regime. */
START_TEST(drawing) {
  const lp_loss *loss = lp_registry_find("smooth_l1");
  const lp_param_spec *beta = &loss->params[0];
  uint64_t regimes = 0;
  for (int seed = 0; seed < 600; seed++) {
    lp_trial *t = trial(beta->values[seed % beta->n_values], "mean", seed % 7 ? "4" : "0", NULL, NULL);
    lp_rng rng = {(uint64_t)seed};
    loss->draw(&t->c, &rng, seed / 8 % LP_VALUES_COMMON_COUNT);
    run(t);
    regimes |= t->regimes;
    trial_free(t);
  }
  ck_assert_uint_eq(regimes, (UINT64_C(1) << loss->n_regimes) - 1);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {both_branches,
                                at_the_kink_the_branches_agree,
                                beta_0_is_l1,
                                non_finite_numbers_follow_pytorch,
                                big_arithmetic_follows_the_same_rules,
                                dividing_by_beta,
                                infinite_upstream_gradients,
                                reductions,
                                means_divide_by_the_broadcast_size,
                                empty_and_0_d,
                                finite_where_pytorch_overflows_or_underflows,
                                gradients_are_differences,
                                integers,
                                refusals,
                                drawing};
  return run_tests("smooth_l1", tests, sizeof tests / sizeof tests[0]);
}
