#include <float.h>
#include <math.h>

#include "reference/draw.h"
#include "reference/tests/testing.h"

static lp_trial *trial(const char *reduction, const char *shape, const double *x, const double *target,
                       const double *weight) {
  lp_trial *t = trial_new("l1");
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
  check_same(trial_grad(t, "target", 0), -slope);
  ck_assert_msg(trial_regime(t, regime), "input %g target %g: not in regime %s", x, target, regime);
  ck_assert_int_eq(trial_regime(t, "weighted"), w != 1.0);
  trial_free(t);
}

START_TEST(both_signs_and_ties) {
  check_single(3.0, 1.0, 1.0, 2.0, 1.0, "positive");
  check_single(-1.0, 1.5, 1.0, 2.5, -1.0, "negative");
  check_single(1.5, 1.5, 1.0, 0.0, 0.0, "tie");
  check_single(0.0, -0.0, 1.0, 0.0, 0.0, "tie");
  check_single(3.0, 1.0, 0.5, 1.0, 0.5, "positive");
  check_single(1.0, 3.0, -2.0, -4.0, 2.0, "negative");
  check_single(1.0, 1.0, -2.0, -0.0, -0.0, "tie");
  check_single(0x1p-1074, 0.0, 1.0, 0x1p-1074, 1.0, "positive");
}
END_TEST

START_TEST(non_finite_numbers_follow_pytorch) {
  check_single(INFINITY, 1.0, 1.0, INFINITY, 1.0, "non-finite");
  check_single(1.0, INFINITY, 1.0, INFINITY, -1.0, "non-finite");
  check_single(INFINITY, INFINITY, 1.0, NAN, 0.0, "non-finite");
  check_single(NAN, 1.0, 1.0, NAN, 0.0, "non-finite");
  check_single(INFINITY, 1.0, 0.0, NAN, 0.0, "non-finite");
  check_single(2.0, 1.0, INFINITY, INFINITY, INFINITY, "non-finite");
  check_single(1.0, 1.0, INFINITY, NAN, NAN, "non-finite");
}
END_TEST

START_TEST(an_infinite_upstream_gradient_at_a_tie_is_nan) {
  lp_trial *t = trial("sum", "2", (double[]){1.0, 2.0}, (double[]){1.0, 0.0}, NULL);
  trial_upstream(t, "", (double[]){INFINITY});
  run(t);
  check_same(trial_grad(t, "input", 0), NAN);
  check_same(trial_grad(t, "input", 1), INFINITY);
  trial_upstream(t, "", (double[]){-0.0});
  run(t);
  check_same(trial_grad(t, "input", 1), -0.0);
  trial_free(t);
}
END_TEST

START_TEST(reductions) {
  lp_trial *t = trial("mean", "3", (double[]){1.0, 2.0, 4.0}, (double[]){1.0, 5.0, 3.0}, NULL);
  run(t);
  check_same(trial_loss(t, 0), 4.0 / 3.0);
  check_same(trial_grad(t, "input", 0), 0.0);
  check_same(trial_grad(t, "input", 1), -1.0 / 3.0);
  check_same(trial_grad(t, "target", 0), -0.0);
  trial_reduction(t, "sum");
  run(t);
  check_same(trial_loss(t, 0), 4.0);
  check_same(trial_grad(t, "target", 1), 1.0);
  trial_reduction(t, "none");
  trial_upstream(t, "3", (double[]){2.0, -3.0, 0.0});
  run(t);
  check_same(trial_grad(t, "input", 1), 3.0);
  check_same(trial_grad(t, "input", 2), 0.0);
  trial_free(t);
}
END_TEST

/* F.l1_loss([1, 2, 4], [1, 5, 3], weight=[1, 2, 0.5]) in PyTorch 2.13. */
START_TEST(weighted_reductions) {
  lp_trial *t = trial("mean", "3", (double[]){1.0, 2.0, 4.0}, (double[]){1.0, 5.0, 3.0}, (double[]){1.0, 2.0, 0.5});
  run(t);
  check_near(trial_loss(t, 0), 1.8571428571428572, 4e-16);
  check_near(trial_grad(t, "input", 1), -0.5714285714285714, 2e-16);
  check_near(trial_grad(t, "target", 2), -0.14285714285714285, 1e-16);
  check_near(trial_grad(t, "weight", 0), -0.5306122448979592, 2e-16);
  check_near(trial_grad(t, "weight", 1), 0.3265306122448979, 2e-16);
  trial_reduction(t, "sum");
  run(t);
  check_same(trial_loss(t, 0), 6.5);
  check_same(trial_grad(t, "weight", 1), 3.0);
  trial_reduction(t, "none");
  run(t);
  check_same(trial_loss(t, 1), 6.0);
  check_same(trial_grad(t, "input", 1), -2.0);
  trial_free(t);
}
END_TEST

/* The mean over 6 terms divides by the 3 weights. */
START_TEST(a_larger_target_does_not_repeat_the_weights) {
  lp_trial *t = trial_new("l1");
  trial_real(t, "input", "1 3", (double[]){1.0, 2.0, 4.0});
  trial_real(t, "target", "2 3", (double[]){1.0, 5.0, 3.0, 0.0, 0.0, 0.0});
  trial_real(t, "weight", "1 3", (double[]){1.0, 2.0, 0.5});
  run(t);
  check_near(trial_loss(t, 0), 3.857142857142857, 1e-15);
  check_near(trial_grad(t, "input", 0), 0.2857142857142857, 1e-16);
  check_near(trial_grad(t, "weight", 0), -0.816326530612245, 2e-16);
  check_gradients(t, 1e-6, 1e-8);
  trial_free(t);
}
END_TEST

START_TEST(weights_that_cancel) {
  lp_trial *t = trial("mean", "2", (double[]){1.0, 2.0}, (double[]){1.0, 5.0}, (double[]){1.0, -1.0});
  run(t);
  ck_assert(trial_regime(t, "weights-cancel"));
  check_same(trial_loss(t, 0), -INFINITY);
  check_same(trial_grad(t, "input", 0), NAN);
  check_same(trial_grad(t, "input", 1), INFINITY);
  check_same(trial_grad(t, "weight", 0), NAN);
  check_same(trial_grad(t, "weight", 1), INFINITY);
  trial_reduction(t, "sum");
  run(t);
  ck_assert(!trial_regime(t, "weights-cancel"));
  trial_reduction(t, "mean");
  t->c.inputs[2].f64[1] = 1.0;
  run(t);
  ck_assert(!trial_regime(t, "weights-cancel"));
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
    check_same(trial_loss(t, 0), 3.0);
    check_same(trial_grad(t, "input", 1), 1.0);
    check_same(trial_grad(t, "weight", 0), -4.0);
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
  check_near(trial_grad(t, "weight", 1), 0x1p-52 * 1e300 / 1e200 / 1e200, 1e-130);
  trial_real(t, "target", "2 2", (double[]){0.0, 0.0, 0.0, 0.0});
  run(t);
  check_near(trial_grad(t, "weight", 1), 2.0 * 0x1p-52 * 1e300 / 1e200 / 1e200, 1e-130);
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

/* Their sum overflows, the differences from the mean cancel. */
START_TEST(weights_beyond_double_together) {
  lp_trial *t = trial("mean", "2", (double[]){3.0, 3.0}, (double[]){0.0, 0.0}, (double[]){DBL_MAX, DBL_MAX});
  run(t);
  check_same(trial_loss(t, 0), 3.0);
  check_near(trial_grad(t, "weight", 0), 0.0, 0.0);
  trial_free(t);
}
END_TEST

/* g/W is 2^1024, or 2^-1151; what it is multiplied by brings it back. */
START_TEST(the_upstream_gradient_over_the_weights_out_of_range) {
  lp_trial *t = trial("mean", "2", (double[]){1.0, 0x1p300}, (double[]){0.0, 0.0}, (double[]){0.25, 0.25});
  trial_upstream(t, "", (double[]){0x1p1023});
  run(t);
  check_same(trial_grad(t, "input", 0), 0x1p1022);
  trial_real(t, "weight", "2", (double[]){0x1p150, 0x1p150});
  trial_upstream(t, "", (double[]){0x1p-1000});
  run(t);
  check_same(trial_grad(t, "input", 0), 0x1p-1001);
  check_same(trial_grad(t, "weight", 1), 0x1p-852);
  trial_upstream(t, "", (double[]){0.0});
  run(t);
  check_same(trial_grad(t, "input", 0), 0.0);
  trial_real(t, "weight", "2", (double[]){0.0, 0.0});
  trial_upstream(t, "", (double[]){1.0});
  run(t);
  check_same(trial_grad(t, "input", 0), NAN);
  trial_free(t);
}
END_TEST

/* Plain arithmetic would leave two digits of the difference from the mean. */
START_TEST(values_next_to_the_mean) {
  lp_trial *t = trial("mean", "2", (double[]){1.0, 1.0 + 0x1p-50}, (double[]){0.0, 0.0}, (double[]){1.0, 1.0});
  run(t);
  check_near(trial_grad(t, "weight", 1), 0x1p-52, 0.0);
  trial_free(t);
}
END_TEST

START_TEST(empty_and_0_d) {
  lp_trial *t = trial("mean", "0", NULL, NULL, NULL);
  run(t);
  check_same(trial_loss(t, 0), NAN);
  ck_assert(trial_regime(t, "empty"));
  trial_reduction(t, "sum");
  run(t);
  check_same(trial_loss(t, 0), 0.0);
  trial_free(t);
  t = trial("mean", "", (double[]){3.0}, (double[]){1.0}, NULL);
  run(t);
  check_same(trial_loss(t, 0), 2.0);
  trial_free(t);
}
END_TEST

/* |d| = 1 + 2^-53 does not fit a double, but counts in a sum; so does its sign, and its weight. */
START_TEST(rounding_errors_are_carried) {
  for (int sign = -1; sign <= 1; sign += 2) {
    lp_trial *t = trial("sum", "2", (double[]){sign, 0x1p-53}, (double[]){-sign * 0x1p-53, 0.0}, NULL);
    run(t);
    check_same(trial_loss(t, 0), 1.0 + 0x1p-52);
    t->c.inputs[0].f64[1] = 1.0;
    trial_real(t, "weight", "2", (double[]){3.0, -3.0});
    run(t);
    check_same(trial_loss(t, 0), 3.0 * 0x1p-53);
    trial_free(t);
  }
}
END_TEST

/* PyTorch has inf or NaN, or 0, for all of these. */
START_TEST(finite_where_pytorch_overflows_or_underflows) {
  lp_trial *t = trial("mean", "2", (double[]){1.7e308, 1.7e308}, (double[]){0.0, 0.0}, NULL);
  run(t);
  check_same(trial_loss(t, 0), 1.7e308);
  t->c.inputs[1].f64[0] = -1.7e308;
  t->c.inputs[0].f64[1] = 0.0;
  run(t);
  check_same(trial_loss(t, 0), 1.7e308);
  trial_free(t);
  t = trial("none", "3", (double[]){1.7e308, -1.7e308, 1e308}, (double[]){-1.7e308, 1.7e308, 1e308},
            (double[]){1e-300, 0.0, -1.0});
  run(t);
  check_near(trial_loss(t, 0), 3.4e8, 1e-7);
  check_same(trial_loss(t, 1), 0.0);
  check_same(trial_loss(t, 2), -0.0);
  check_same(trial_grad(t, "input", 0), 1e-300);
  check_same(trial_grad(t, "target", 1), 0.0);
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
    check_gradients(t, 1e-6, 1e-8);
    trial_real(t, "weight", "2 3", weight);
    trial_upstream(t, r == 2 ? "2 3" : "", (double[]){-2.0, 1.0, 0.0, 0.5, 3.0, -1.0});
    run(t);
    check_gradients(t, 1e-6, 1e-8);
    trial_free(t);
  }
}
END_TEST

/* ---- Integers ---- */

static void check_integers(lp_dtype a, lp_dtype b, double x, double target, const char *reduction, double value) {
  lp_trial *t = trial_new("l1");
  trial_reduction(t, reduction);
  trial_tensor(t, "input", a, "2", (double[]){x, 0.0});
  trial_tensor(t, "target", b, "2", (double[]){target, 0.0});
  run(t);
  check_same(trial_loss(t, 0), value);
  ck_assert(!trial_has_grad(t, "input") && !trial_has_grad(t, "target"));
  trial_free(t);
}

/* PyTorch's sum of these weights wraps in int64, to a negative number. */
START_TEST(integer_weights_have_their_real_sum) {
  lp_trial *t = trial("mean", "3", (double[]){1.0, 2.0, 4.0}, (double[]){0.0, 0.0, 0.0}, NULL);
  trial_tensor(t, "weight", LP_INT64, "3", (double[]){0x1p62, 0x1p62, 0x1p62});
  run(t);
  check_near(trial_loss(t, 0), 7.0 / 3.0, 1e-15);
  trial_free(t);
}
END_TEST

/* As doubles they would cancel, or leave 2^40. */
START_TEST(large_integer_weights_keep_their_last_bits) {
  const int64_t weights[2][2] = {{INT64_MAX, 512 - INT64_MAX - 1}, {INT64_MAX, (INT64_C(1) << 40) - INT64_MAX - 1}};
  const double sums[] = {511.0, 0x1p40 - 1.0};
  for (int k = 0; k < 2; k++) {
    lp_trial *t = trial("mean", "2", (double[]){1.0, 1.0}, (double[]){0.0, 0.0}, NULL);
    trial_index(t, "weight", "2", weights[k]);
    run(t);
    ck_assert(!trial_regime(t, "weights-cancel"));
    check_near(trial_loss(t, 0), 1.0, 0x1p-28); /* the terms are products of doubles, unless all is done exactly */
    check_near(trial_grad(t, "input", 0), 0x1p63 / sums[k], 8.0);
    trial_free(t);
  }
}
END_TEST

START_TEST(integers_wrap_around) {
  check_integers(LP_UINT8, LP_UINT8, 1.0, 2.0, "none", 255.0);
  check_integers(LP_INT8, LP_INT8, -128.0, 0.0, "none", -128.0);
  check_integers(LP_INT8, LP_INT8, 100.0, -100.0, "sum", 56.0);
  check_integers(LP_INT8, LP_UINT8, 100.0, 200.0, "sum", 100.0);
  check_integers(LP_INT16, LP_UINT8, -32768.0, 1.0, "none", 32767.0);
  check_integers(LP_INT32, LP_INT16, 0x1p31 - 1.0, -1.0, "none", -0x1p31);
  check_integers(LP_INT64, LP_INT32, -0x1p63, 1.0, "none", 0x1p63);
  check_integers(LP_INT64, LP_INT64, -5.0, 4.0, "sum", 9.0);
}
END_TEST

START_TEST(a_sum_of_integers_wraps_in_int64) {
  lp_trial *t = trial_new("l1");
  trial_reduction(t, "sum");
  trial_tensor(t, "input", LP_INT64, "3", (double[]){0x1p62, 0x1p62, 0.0});
  trial_tensor(t, "target", LP_INT64, "3", NULL);
  run(t);
  check_same(trial_loss(t, 0), -0x1p63);
  trial_real(t, "weight", "3", (double[]){1.0, 1.0, 1.0});
  run(t);
  check_same(trial_loss(t, 0), 0x1p63);
  trial_free(t);
}
END_TEST

START_TEST(integers_with_weights) {
  lp_trial *t = trial_new("l1");
  trial_tensor(t, "input", LP_UINT8, "3", (double[]){1.0, 20.0, 0.0});
  trial_tensor(t, "target", LP_UINT8, "3", (double[]){1.0, 0.0, 1.0});
  trial_tensor(t, "weight", LP_UINT8, "3", (double[]){1.0, 3.0, 1.0});
  run(t);
  check_same(trial_loss(t, 0), 63.0);
  trial_reduction(t, "sum");
  run(t);
  check_same(trial_loss(t, 0), 315.0);
  trial_tensor(t, "weight", LP_BOOL, "3", (double[]){1.0, 0.0, 1.0});
  run(t);
  check_same(trial_loss(t, 0), 255.0);
  trial_reduction(t, "mean");
  trial_real(t, "weight", "3", (double[]){1.0, 3.0, 0.5});
  run(t);
  check_near(trial_loss(t, 0), 41.666666666666664, 1e-14);
  check_near(trial_grad(t, "weight", 2), 47.407407407407405, 1e-14);
  trial_tensor(t, "input", LP_INT64, "2", (double[]){0x1p50, 0x1p50 + 1.0});
  trial_tensor(t, "target", LP_INT64, "2", (double[]){0.0, 0.0});
  trial_real(t, "weight", "2", (double[]){1.0, 1.0});
  run(t);
  check_same(trial_grad(t, "weight", 1), 0.25);
  trial_free(t);
}
END_TEST

/* They nearly cancel, or are subnormal: then all is done exactly. */
START_TEST(integers_with_weights_out_of_the_ordinary) {
  lp_trial *t = trial_new("l1");
  trial_tensor(t, "input", LP_INT8, "3", (double[]){1.0, 3.0, -1.0});
  trial_tensor(t, "target", LP_INT64, "3", NULL);
  trial_real(t, "weight", "3", (double[]){1e200, 0.5, -1e200});
  run(t);
  check_same(trial_loss(t, 0), 3.0);
  check_same(trial_grad(t, "weight", 0), -4.0);
  trial_index(t, "weight", "3", (int64_t[]){INT64_MAX, 1, 511 - INT64_MAX});
  run(t);
  check_same(trial_loss(t, 0), 514.0 / 512.0);
  trial_real(t, "weight", "3", (double[]){0x1p-1074, 0.0, 0.0});
  run(t);
  check_same(trial_loss(t, 0), 1.0);
  check_same(trial_grad(t, "weight", 2), 0.0);
  trial_tensor(t, "weight", LP_INT8, "3", (double[]){1.0, 1.0, 2.0});
  trial_upstream(t, "", (double[]){1e300});
  run(t);
  check_same(trial_loss(t, 0), 1.5);
  trial_free(t);
}
END_TEST

START_TEST(an_integer_beside_a_floating_tensor_is_promoted) {
  lp_trial *t = trial("mean", "3", (double[]){1.0, 2.0, 0.0}, (double[]){1.0, 0.0, 1.0}, NULL);
  trial_tensor(t, "input", LP_UINT8, "3", (double[]){1.0, 2.0, 0.0});
  run(t);
  check_same(trial_loss(t, 0), 1.0);
  check_same(trial_grad(t, "target", 2), 1.0 / 3.0);
  ck_assert(!trial_has_grad(t, "input"));
  trial_free(t);
}
END_TEST

/* ---- What PyTorch refuses ---- */

START_TEST(refusals) {
  lp_trial *t = trial("mean", "3", NULL, NULL, NULL);
  trial_real(t, "target", "2", NULL);
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_SHAPE, "target of shape (2)");
  trial_real(t, "target", "2 3", NULL);
  trial_real(t, "weight", "2 3", NULL);
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_SHAPE, "weight: expected the shape (3) of input, got (2, 3)");
  trial_tensor(t, "target", LP_BOOL, "3", NULL);
  trial_real(t, "weight", "3", NULL);
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_DTYPE, "target: expected a dtype that can be subtracted, got bool");
  trial_tensor(t, "target", LP_INT8, "3", NULL);
  trial_reduction(t, "batchmean");
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_REDUCTION, "batchmean");
  trial_reduction(t, "sum");
  trial_upstream(t, "1", (double[]){1.0});
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_GRAD_OUTPUT, "grad_output");
  trial_free(t);
}
END_TEST

START_TEST(a_mean_of_integers_is_refused) {
  lp_trial *t = trial_new("l1");
  trial_tensor(t, "input", LP_INT64, "3", NULL);
  trial_tensor(t, "target", LP_UINT8, "3", NULL);
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_DTYPE, "floating dtype in one of them for reduction mean, got int64 and uint8");
  trial_free(t);
}
END_TEST

/* Boundary cases meet ties, weights of 0 and weights that cancel; the others leave weights alone. */
START_TEST(drawing) {
  const lp_loss *loss = lp_registry_find("l1");
  int ties = 0, zeros = 0, cancel = 0, others = 0;
  for (int seed = 0; seed < 100; seed++) {
    lp_trial *t = trial("mean", "4", NULL, NULL, NULL);
    lp_rng rng = {(uint64_t)seed};
    if (seed % 3 == 1) trial_real(t, "weight", "4", NULL);
    const lp_dtype integers[] = {LP_INT64, LP_INT64, LP_UINT8, LP_INT64, LP_BOOL};
    if (seed % 3 == 2) trial_tensor(t, "weight", integers[seed % 5], "4", NULL);
    loss->draw(&t->c, &rng, seed % 2 == 0 ? LP_VALUES_BOUNDARY : LP_VALUES_ORDINARY);
    run(t);
    ties += trial_regime(t, "tie");
    const double w0 = seed % 3 == 0 ? 9.0 : lp_tensor_get(&t->c.inputs[2], 0);
    ck_assert(w0 >= 0.0 || t->c.inputs[2].dtype != LP_UINT8);
    const double w1 = seed % 3 == 0 ? 9.0 : lp_tensor_get(&t->c.inputs[2], 1);
    zeros += w0 == 0.0 && w1 == 0.0;
    cancel += w0 != 0.0 && w0 == -w1 && trial_regime(t, "weights-cancel");
    others += w0 != w1 && w0 != -w1;
    trial_free(t);
  }
  ck_assert(ties > 10 && zeros > 3 && cancel > 3 && others > 10);
}
END_TEST

/* PyTorch's l1_loss and mse_loss compare the word themselves where there are weights. */
START_TEST(elementwise_mean_without_weights_only) {
  static const double x[] = {1.0, 2.0};
  lp_trial *t = trial_new("l1");
  trial_real(t, "input", "2", x);
  trial_real(t, "target", "2", NULL);
  trial_reduction(t, "elementwise_mean");
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_loss(t, 0), 1.5);
  trial_real(t, "weight", "2", x);
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_REDUCTION, "got \"elementwise_mean\"");
  trial_free(t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {both_signs_and_ties,
                                non_finite_numbers_follow_pytorch,
                                an_infinite_upstream_gradient_at_a_tie_is_nan,
                                reductions,
                                weighted_reductions,
                                elementwise_mean_without_weights_only,
                                a_larger_target_does_not_repeat_the_weights,
                                weights_that_cancel,
                                weights_that_nearly_cancel,
                                gradients_of_weights_that_nearly_cancel,
                                infinite_weights_beside_huge_numbers,
                                weights_beyond_double_together,
                                the_upstream_gradient_over_the_weights_out_of_range,
                                values_next_to_the_mean,
                                empty_and_0_d,
                                rounding_errors_are_carried,
                                finite_where_pytorch_overflows_or_underflows,
                                gradients_are_differences,
                                integer_weights_have_their_real_sum,
                                large_integer_weights_keep_their_last_bits,
                                integers_wrap_around,
                                a_sum_of_integers_wraps_in_int64,
                                integers_with_weights,
                                integers_with_weights_out_of_the_ordinary,
                                an_integer_beside_a_floating_tensor_is_promoted,
                                refusals,
                                a_mean_of_integers_is_refused,
                                drawing};
  return run_tests("l1", tests, sizeof tests / sizeof tests[0]);
}
