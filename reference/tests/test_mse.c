#include <float.h>
#include <math.h>

#include "reference/draw.h"
#include "reference/tests/testing.h"

static lp_trial *trial(const char *reduction, const char *shape, const double *x, const double *target,
                       const double *weight) {
  lp_trial *t = trial_new("mse");
  trial_reduction(t, reduction);
  trial_real(t, "input", shape, x);
  trial_real(t, "target", shape, target);
  if (weight != NULL) trial_real(t, "weight", shape, weight);
  return t;
}

static void run(lp_trial *t) { ck_assert_msg(trial_run(t) == LP_OK, "%s", t->error.message); }

/* One position, reduction none, with weight 1 left out. */
static void check_single(double x, double target, double w, double value, double slope, const char *regime) {
  lp_trial *t = trial("none", "", &x, &target, w == 1.0 ? NULL : &w);
  run(t);
  check_same(trial_loss(t, 0), value);
  check_same(trial_grad(t, "input", 0), slope);
  check_same(trial_grad(t, "target", 0), slope == 0.0 && w == 1.0 ? 0.0 : -slope);
  ck_assert_msg(trial_regime(t, regime), "input %g target %g: not in regime %s", x, target, regime);
  ck_assert_int_eq(trial_regime(t, "weighted"), w != 1.0);
  trial_free(t);
}

START_TEST(values_and_gradients) {
  check_single(3.0, 1.0, 1.0, 4.0, 4.0, "nonzero");
  check_single(-1.0, 1.5, 1.0, 6.25, -5.0, "nonzero");
  check_single(1.5, 1.5, 1.0, 0.0, 0.0, "tie");
  check_single(3.0, 1.0, 0.5, 2.0, 2.0, "nonzero");
  check_single(1.0, 3.0, -2.0, -8.0, 8.0, "nonzero");
  check_single(1.0, 1.0, -2.0, -0.0, -0.0, "tie");
}
END_TEST

START_TEST(zeros_keep_pytorchs_sign) {
  const double zeros[] = {0.0, -0.0};
  for (int i = 0; i < 2; i++) {
    for (int j = 0; j < 2; j++) {
      lp_trial *t = trial("none", "2", (double[]){zeros[i], 1.0}, (double[]){zeros[j], 1.0}, NULL);
      run(t);
      check_same(trial_grad(t, "input", 0), zeros[i] - zeros[j]);
      check_same(trial_grad(t, "target", 0), zeros[j] - zeros[i]);
      t->c.inputs[0].f64[1] = 1e200; /* the same in big arithmetic */
      run(t);
      check_same(trial_grad(t, "target", 0), zeros[j] - zeros[i]);
      trial_free(t);
    }
  }
}
END_TEST

START_TEST(non_finite_numbers_follow_pytorch) {
  check_single(INFINITY, 1.0, 1.0, INFINITY, INFINITY, "non-finite");
  check_single(1.0, INFINITY, 1.0, INFINITY, -INFINITY, "non-finite");
  check_single(INFINITY, INFINITY, 1.0, NAN, NAN, "non-finite");
  check_single(NAN, 1.0, 1.0, NAN, NAN, "non-finite");
  check_single(INFINITY, 1.0, 0.0, NAN, NAN, "non-finite");
  check_single(2.0, 1.0, INFINITY, INFINITY, INFINITY, "non-finite");
  check_single(1.0, 1.0, INFINITY, NAN, NAN, "non-finite");
}
END_TEST

START_TEST(zero_times_infinity_is_nan) {
  lp_trial *t = trial("sum", "2", (double[]){1.0, INFINITY}, (double[]){1.0, 0.0}, NULL);
  trial_upstream(t, "", (double[]){INFINITY});
  run(t);
  check_same(trial_grad(t, "input", 0), NAN);
  check_same(trial_grad(t, "input", 1), INFINITY);
  trial_upstream(t, "", (double[]){0.0});
  run(t);
  check_same(trial_grad(t, "input", 0), 0.0);
  check_same(trial_grad(t, "input", 1), NAN);
  trial_free(t);
}
END_TEST

START_TEST(reductions) {
  lp_trial *t = trial("mean", "3", (double[]){1.0, 2.0, 4.0}, (double[]){1.0, 5.0, 3.0}, NULL);
  run(t);
  check_same(trial_loss(t, 0), 10.0 / 3.0);
  check_same(trial_grad(t, "input", 1), -2.0);
  check_same(trial_grad(t, "input", 2), 2.0 / 3.0);
  check_same(trial_grad(t, "target", 2), -2.0 / 3.0);
  trial_reduction(t, "sum");
  run(t);
  check_same(trial_loss(t, 0), 10.0);
  trial_reduction(t, "none");
  trial_upstream(t, "3", (double[]){2.0, -3.0, 0.0});
  run(t);
  check_same(trial_grad(t, "input", 1), 18.0);
  check_same(trial_grad(t, "input", 2), 0.0);
  trial_free(t);
}
END_TEST

/* F.mse_loss([1, 2, 4], [1, 5, 3], weight=[1, 2, 0.5]) in PyTorch 2.13. */
START_TEST(weighted_reductions) {
  lp_trial *t = trial("mean", "3", (double[]){1.0, 2.0, 4.0}, (double[]){1.0, 5.0, 3.0}, (double[]){1.0, 2.0, 0.5});
  run(t);
  check_near(trial_loss(t, 0), 5.285714285714286, 1e-15);
  check_near(trial_grad(t, "input", 1), -3.4285714285714284, 1e-15);
  check_near(trial_grad(t, "target", 2), -0.2857142857142857, 1e-16);
  check_near(trial_grad(t, "weight", 0), -1.510204081632653, 1e-15);
  check_near(trial_grad(t, "weight", 1), 1.0612244897959182, 1e-15);
  trial_reduction(t, "sum");
  run(t);
  check_same(trial_loss(t, 0), 18.5);
  check_same(trial_grad(t, "weight", 1), 9.0);
  trial_reduction(t, "none");
  run(t);
  check_same(trial_loss(t, 1), 18.0);
  check_same(trial_grad(t, "input", 1), -12.0);
  trial_free(t);
}
END_TEST

START_TEST(weights_that_cancel) {
  lp_trial *t = trial("mean", "2", (double[]){1.0, 2.0}, (double[]){1.0, 5.0}, (double[]){1.0, -1.0});
  run(t);
  ck_assert(trial_regime(t, "weights-cancel"));
  check_same(trial_loss(t, 0), -INFINITY);
  check_same(trial_grad(t, "input", 0), NAN);
  check_same(trial_grad(t, "weight", 1), INFINITY);
  trial_free(t);
}
END_TEST

/* One weight, or one bit of a weight, is left of their sum, and of the sum of the values. */
START_TEST(weights_that_nearly_cancel) {
  const double sizes[] = {1e200, 1e60, 0x1p70};
  for (int k = 0; k < 3; k++) {
    lp_trial *t =
        trial("mean", "3", (double[]){1.0, 3.0, -1.0}, (double[]){0.0, 0.0, 0.0}, (double[]){sizes[k], 0.5, -sizes[k]});
    run(t);
    check_same(trial_loss(t, 0), 9.0);
    check_same(trial_grad(t, "input", 1), 6.0);
    check_same(trial_grad(t, "weight", 0), -16.0);
    check_same(trial_grad(t, "weight", 1), 0.0);
    ck_assert(!trial_regime(t, "weights-cancel"));
    trial_free(t);
  }
}
END_TEST

/* The gradient of the second weight is 2^-52 / W^2 or so, of sums about 1. */
START_TEST(gradients_of_weights_that_nearly_cancel) {
  lp_trial *t = trial("mean", "2", (double[]){1.0, 1.0 + 0x1p-52}, (double[]){0.0, 0.0}, (double[]){1.0, 1e200});
  trial_upstream(t, "", (double[]){1e300});
  run(t);
  check_near(trial_grad(t, "weight", 1), 2.0 * 0x1p-52 * 1e300 / 1e200 / 1e200, 1e-130);
  trial_real(t, "target", "2 2", (double[]){0.0, 0.0, 0.0, 0.0});
  run(t);
  check_near(trial_grad(t, "weight", 1), 2.0 * 2.0 * 0x1p-52 * 1e300 / 1e200 / 1e200, 1e-130);
  trial_free(t);
}
END_TEST

/* What underflows above weights that sum to 0 is 0/0 as for PyTorch; but PyTorch forms no slope that could underflow.
 */
START_TEST(over_weights_that_cancel) {
  lp_trial *t = trial("mean", "2", (double[]){0.0, 0.0}, (double[]){0.0, 0x1p-1074}, (double[]){2.0, -2.0});
  run(t);
  check_same(trial_loss(t, 0), NAN);
  t->c.inputs[1].f64[1] = 1e-160;
  run(t);
  check_same(trial_loss(t, 0), -INFINITY);
  trial_free(t);
  t = trial("mean", "2", (double[]){1.0, -0x1p-1074}, (double[]){0.0, 0.0}, (double[]){1e-310, -1e-310});
  run(t);
  check_same(trial_grad(t, "input", 1), INFINITY);
  trial_free(t);
}
END_TEST

/* Infinite weights, finite numbers beyond plain arithmetic. */
START_TEST(infinite_weights_beside_huge_numbers) {
  lp_trial *t = trial("mean", "2", (double[]){1e300, 1.0}, (double[]){0.0, 0.0}, (double[]){1.0, INFINITY});
  run(t);
  check_same(trial_loss(t, 0), NAN);
  check_same(trial_grad(t, "input", 0), 0.0);
  ck_assert(!trial_regime(t, "weights-cancel"));
  trial_real(t, "weight", "2", (double[]){-INFINITY, INFINITY});
  run(t);
  check_same(trial_loss(t, 0), NAN);
  trial_real(t, "weight", "2", (double[]){-INFINITY, 1.0});
  trial_real(t, "input", "2", (double[]){1.0, 1.0});
  run(t);
  check_same(trial_loss(t, 0), NAN);
  trial_real(t, "input", "2", (double[]){INFINITY, 1e300});
  trial_real(t, "weight", "2", (double[]){1.0, 1.0});
  run(t);
  check_same(trial_loss(t, 0), INFINITY);
  trial_free(t);
}
END_TEST

/* -2^1024 1 - -2^1024 inf: PyTorch's first product is infinite. */
START_TEST(a_gradient_of_a_weight_overflows_beside_an_infinite_mean) {
  lp_trial *t = trial("mean", "2", (double[]){INFINITY, 1.0}, (double[]){0.0, 0.0}, (double[]){0x1p-1023, 0.0});
  trial_upstream(t, "", (double[]){-2.0});
  run(t);
  check_same(trial_loss(t, 0), INFINITY);
  check_same(trial_grad(t, "weight", 1), NAN);
  trial_upstream(t, "", (double[]){-0.5});
  run(t);
  check_same(trial_grad(t, "weight", 1), INFINITY);
  trial_free(t);
}
END_TEST

/* Their sum overflows, the differences from the mean cancel. */
START_TEST(weights_beyond_double_together) {
  lp_trial *t = trial("mean", "2", (double[]){3.0, 3.0}, (double[]){0.0, 0.0}, (double[]){DBL_MAX, DBL_MAX});
  run(t);
  check_same(trial_loss(t, 0), 9.0);
  check_near(trial_grad(t, "weight", 0), 0.0, 0.0);
  trial_free(t);
}
END_TEST

/* Plain arithmetic would leave two digits of the difference from the mean. */
START_TEST(values_next_to_the_mean) {
  lp_trial *t = trial("mean", "2", (double[]){1.0, 1.0 + 0x1p-50}, (double[]){0.0, 0.0}, (double[]){1.0, 1.0});
  run(t);
  check_near(trial_grad(t, "weight", 1), 2.0 * 0x1p-52, 0x1p-100);
  trial_free(t);
}
END_TEST

START_TEST(empty_and_0_d) {
  lp_trial *t = trial("mean", "0", NULL, NULL, NULL);
  run(t);
  check_same(trial_loss(t, 0), NAN);
  ck_assert(trial_regime(t, "empty"));
  trial_free(t);
  t = trial("mean", "", (double[]){3.0}, (double[]){1.0}, NULL);
  run(t);
  check_same(trial_loss(t, 0), 4.0);
  trial_free(t);
}
END_TEST

/* (2, 1) with (2, 1, 1, 1) is (2, 1, 2, 1): flat storage is not paired. */
START_TEST(extra_axes_broadcast) {
  lp_trial *t = trial_new("mse");
  trial_real(t, "input", "2 1", (double[]){1.0, 2.0});
  trial_real(t, "target", "2 1 1 1", (double[]){0.0, 1.0});
  run(t);
  check_same(trial_loss(t, 0), 1.5);
  check_same(trial_grad(t, "input", 0), 0.5);
  check_same(trial_grad(t, "target", 0), -1.5);
  trial_free(t);
}
END_TEST

/* (1 + 2^-53)^2 where 1 + 2^-53 rounds to 1; and three squares of 0.1 that cancel, but for an ulp of a weight. */
START_TEST(rounding_errors_are_carried) {
  lp_trial *t = trial("none", "", (double[]){1.0}, (double[]){-0x1p-53}, NULL);
  run(t);
  check_same(trial_loss(t, 0), 1.0 + 0x1p-52);
  trial_free(t);
  t = trial("sum", "3", (double[]){0.1, 0.1, 0.1}, (double[]){0.0, 0.0, 0.0}, (double[]){1.0, 1.0, -2.0});
  run(t);
  check_same(trial_loss(t, 0), 0.0);
  t->c.inputs[2].f64[2] = -2.0 * (1.0 + 0x1p-52);
  run(t);
  check_near(trial_loss(t, 0), -0x1p-51 * 0.1 * 0.1, 1e-32);
  trial_free(t);
}
END_TEST

/* The gradients are what d = 1 + 2^-53 and the product 0.1 * 0.1 lose to rounding. */
START_TEST(rounding_errors_are_carried_to_gradients) {
  lp_trial *t = trial_new("mse");
  trial_reduction(t, "sum");
  trial_real(t, "input", "2", (double[]){1.0, -1.0});
  trial_real(t, "target", "", (double[]){-0x1p-53});
  run(t);
  check_same(trial_grad(t, "target", 0), -0x1p-51);
  trial_real(t, "input", "", (double[]){-0x1p-53});
  trial_real(t, "target", "2", (double[]){1.0, -1.0});
  run(t);
  check_same(trial_grad(t, "input", 0), -0x1p-51);
  trial_reduction(t, "none");
  trial_real(t, "input", "1", (double[]){0.0});
  trial_real(t, "target", "2", (double[]){0.1, 1.0});
  trial_real(t, "weight", "1", (double[]){1.0});
  trial_upstream(t, "2", (double[]){1.0, -(0.1 * 0.1)});
  run(t);
  check_same(trial_grad(t, "weight", 0), fma(0.1, 0.1, -(0.1 * 0.1)));
  trial_free(t);
}
END_TEST

/* PyTorch has inf or NaN, or 0, for all of these. */
START_TEST(finite_where_pytorch_overflows_or_underflows) {
  lp_trial *t = trial("mean", "2", (double[]){1.5e154, 0.0}, (double[]){0.0, 0.0}, NULL);
  run(t);
  check_near(trial_loss(t, 0), 1.125e308, 1e293);
  trial_upstream(t, "", (double[]){0.0});
  t->c.inputs[0].f64[0] = 1.7e308;
  run(t);
  check_same(trial_loss(t, 0), INFINITY);
  check_same(trial_grad(t, "input", 0), 0.0);
  trial_free(t);
  t = trial("none", "3", (double[]){1e200, 1e-170, 1.7e308}, (double[]){0.0, 0.0, -1.7e308},
            (double[]){1e-300, 1e300, 0.0});
  run(t);
  check_near(trial_loss(t, 0), 1e100, 1e85);
  check_near(trial_loss(t, 1), 1e-40, 1e-55);
  check_same(trial_loss(t, 2), 0.0);
  check_near(trial_grad(t, "input", 0), 2e-100, 1e-115);
  check_same(trial_grad(t, "target", 2), -0.0);
  check_same(trial_grad(t, "weight", 0), INFINITY);
  trial_free(t);
}
END_TEST

START_TEST(gradients_are_differences) {
  const double x[] = {0.3, -1.2, 2.5, 0.7, 1.0, -0.4}, target[] = {1.0, 0.5, 1.5, -0.2, 3.0, -2.0};
  const double weight[] = {1.0, 2.0, 0.5, 0.25, 1.5, 3.0};
  const char *const words[] = {"mean", "sum", "none"};
  for (int r = 0; r < 3; r++) {
    lp_trial *t = trial(words[r], "2 3", x, target, NULL);
    run(t);
    check_gradients(t, 1e-6, 1e-7);
    trial_real(t, "weight", "2 3", weight);
    trial_upstream(t, r == 2 ? "2 3" : "", (double[]){-2.0, 1.0, 0.0, 0.5, 3.0, -1.0});
    run(t);
    check_gradients(t, 1e-6, 1e-7);
    trial_real(t, "target", "3", target);
    run(t);
    check_gradients(t, 1e-6, 1e-7);
    trial_free(t);
  }
}
END_TEST

/* ---- Integers ---- */

static void check_integers(lp_dtype dtype, lp_dtype weight, const char *reduction, double value) {
  lp_trial *t = trial_new("mse");
  trial_reduction(t, reduction);
  trial_tensor(t, "input", dtype, "3", (double[]){1.0, 20.0, 0.0});
  trial_tensor(t, "target", dtype, "3", (double[]){1.0, 0.0, 1.0});
  trial_tensor(t, "weight", weight, "3", (double[]){1.0, 3.0, 1.0});
  run(t);
  check_near(trial_loss(t, 0), value, 1e-13);
  ck_assert(!trial_has_grad(t, "input") && !trial_has_grad(t, "target"));
  trial_free(t);
}

/* PyTorch 2.13's answers; squares wrap around before they are weighted. */
START_TEST(weighted_integers) {
  check_integers(LP_UINT8, LP_UINT8, "sum", 177.0);
  check_integers(LP_UINT8, LP_UINT8, "mean", 35.4);
  check_integers(LP_INT8, LP_INT8, "sum", -79.0);
  check_integers(LP_INT8, LP_INT8, "mean", -15.8);
  check_integers(LP_INT64, LP_INT64, "sum", 1201.0);
  check_integers(LP_INT16, LP_INT8, "sum", 1201.0);
  check_integers(LP_UINT8, LP_FLOAT64, "sum", 433.0);
}
END_TEST

/* They nearly cancel, or are subnormal: then all is done exactly. */
START_TEST(weighted_integers_out_of_the_ordinary) {
  lp_trial *t = trial_new("mse");
  trial_tensor(t, "input", LP_INT8, "3", (double[]){1.0, 3.0, -1.0});
  trial_tensor(t, "target", LP_INT64, "3", NULL);
  trial_real(t, "weight", "3", (double[]){1e200, 0.5, -1e200});
  run(t);
  check_same(trial_loss(t, 0), 9.0);
  check_same(trial_grad(t, "weight", 0), -16.0);
  trial_real(t, "weight", "3", (double[]){0x1p-1074, 0.0, 0.0});
  run(t);
  check_same(trial_loss(t, 0), 1.0);
  trial_free(t);
}
END_TEST

START_TEST(a_bool_beside_a_floating_tensor_is_a_number) {
  lp_trial *t = trial("mean", "3", (double[]){1.0, 2.0, 0.0}, NULL, NULL);
  trial_tensor(t, "target", LP_BOOL, "3", (double[]){1.0, 0.0, 1.0});
  run(t);
  check_same(trial_loss(t, 0), 5.0 / 3.0);
  ck_assert(!trial_has_grad(t, "target"));
  trial_real(t, "weight", "3", (double[]){1.0, 1.0, 1.0});
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_DTYPE, "target: expected a dtype that can be subtracted, got bool");
  trial_free(t);
}
END_TEST

START_TEST(unweighted_integers_are_refused) {
  const char *const words[] = {"mean", "sum", "none"};
  for (int r = 0; r < 3; r++) {
    lp_trial *t = trial_new("mse");
    trial_reduction(t, words[r]);
    trial_tensor(t, "input", LP_INT64, "3", NULL);
    trial_tensor(t, "target", LP_BOOL, "3", NULL);
    ck_assert_int_eq(trial_run(t), LP_REJECTED);
    check_refused(t, LP_REJECT_DTYPE, "floating dtype in one of them, got int64 and bool");
    trial_free(t);
  }
}
END_TEST

START_TEST(refusals) {
  lp_trial *t = trial("mean", "3", NULL, NULL, NULL);
  trial_real(t, "target", "2", NULL);
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_SHAPE, "target of shape (2)");
  trial_real(t, "target", "2 3", NULL);
  trial_real(t, "weight", "1", NULL);
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_SHAPE, "weight: expected the shape (3) of input, got (1)");
  trial_real(t, "weight", "3", NULL);
  trial_reduction(t, "Mean");
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_REDUCTION, "Mean");
  trial_free(t);
}
END_TEST

START_TEST(drawing) {
  const lp_loss *loss = lp_registry_find("mse");
  int ties = 0, cancel = 0;
  for (int seed = 0; seed < 60; seed++) {
    lp_trial *t = trial("mean", "4", NULL, NULL, (double[4]){0.0});
    lp_rng rng = {(uint64_t)seed};
    loss->draw(&t->c, &rng, LP_VALUES_BOUNDARY);
    run(t);
    ties += trial_regime(t, "tie");
    cancel += trial_regime(t, "weights-cancel");
    trial_free(t);
  }
  ck_assert(ties > 10 && cancel > 10);
}
END_TEST

/* PyTorch's l1_loss and mse_loss compare the word themselves where there are weights. */
START_TEST(elementwise_mean_without_weights_only) {
  static const double x[] = {1.0, 2.0};
  lp_trial *t = trial_new("mse");
  trial_real(t, "input", "2", x);
  trial_real(t, "target", "2", NULL);
  trial_reduction(t, "elementwise_mean");
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_loss(t, 0), 2.5);
  trial_real(t, "weight", "2", x);
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_REDUCTION, "got \"elementwise_mean\"");
  trial_free(t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {values_and_gradients,
                                zeros_keep_pytorchs_sign,
                                non_finite_numbers_follow_pytorch,
                                zero_times_infinity_is_nan,
                                reductions,
                                weighted_reductions,
                                elementwise_mean_without_weights_only,
                                weights_that_cancel,
                                weights_that_nearly_cancel,
                                gradients_of_weights_that_nearly_cancel,
                                over_weights_that_cancel,
                                infinite_weights_beside_huge_numbers,
                                a_gradient_of_a_weight_overflows_beside_an_infinite_mean,
                                weights_beyond_double_together,
                                values_next_to_the_mean,
                                empty_and_0_d,
                                extra_axes_broadcast,
                                rounding_errors_are_carried,
                                rounding_errors_are_carried_to_gradients,
                                finite_where_pytorch_overflows_or_underflows,
                                gradients_are_differences,
                                weighted_integers,
                                weighted_integers_out_of_the_ordinary,
                                a_bool_beside_a_floating_tensor_is_a_number,
                                unweighted_integers_are_refused,
                                refusals,
                                drawing};
  return run_tests("mse", tests, sizeof tests / sizeof tests[0]);
}
