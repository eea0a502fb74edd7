#include "reference/draw.h"
#include "reference/tests/testing.h"

/* One position, reduction none. */
static lp_trial *single(double margin, double x, double y) {
  lp_trial *t = trial_new("hinge_embedding");
  trial_param(t, "margin", margin);
  trial_reduction(t, "none");
  trial_real(t, "input", "", &x);
  trial_real(t, "target", "", &y);
  ck_assert_int_eq(trial_run(t), LP_OK);
  return t;
}

static void check_single(double margin, double x, double y, double value, double slope, const char *regime) {
  lp_trial *t = single(margin, x, y);
  check_same(trial_loss(t, 0), value);
  check_same(trial_grad(t, "input", 0) + 0.0, slope);
  ck_assert_msg(trial_regime(t, regime), "margin %g input %g target %g: not in regime %s", margin, x, y, regime);
  trial_free(t);
}

START_TEST(every_branch) {
  check_single(1.0, 0.25, 1.0, 0.25, 1.0, "positive");
  check_single(1.0, -3.0, 1.0, -3.0, 1.0, "positive");
  check_single(1.0, -0.0, 1.0, 0.0, 1.0, "positive");
  check_single(1.0, 0.25, -1.0, 0.75, -1.0, "negative-active");
  check_single(2.5, -1.0, -1.0, 3.5, -1.0, "negative-active");
  check_single(1.0, 3.0, -1.0, 0.0, 0.0, "negative-inactive");
  check_single(1.0, 0.25, 0.0, 1.0, 0.0, "other-active");
  check_single(1.0, 0.25, 0.5, 1.0, 0.0, "other-active");
  check_single(1.0, 3.0, 2.0, 3.0, 1.0, "other-inactive");
  check_single(-1.0, 0.0, -1.0, 0.0, 0.0, "negative-inactive");
}
END_TEST

START_TEST(at_the_margin_the_gradient_passes) {
  check_single(1.0, 1.0, -1.0, 0.0, -1.0, "kink");
  check_single(1.0, 1.0, 0.0, 1.0, 0.0, "kink");
  check_single(0.0, -0.0, -1.0, 0.0, -1.0, "kink");
  check_single(0.0, 0.0, 0.0, 0.0, 0.0, "kink");
  check_single(1.0, 1.0 - 0x1p-53, -1.0, 0x1p-53, -1.0, "near-kink");
  check_single(1.0, 1.0 + 0x1p-52, -1.0, 0.0, 0.0, "near-kink");
}
END_TEST

/* The two terms of other targets are added without the rounding, and the overflow, of margin - x. */
START_TEST(other_targets_do_not_cancel) {
  check_single(1.0, -1e300, 0.0, 1.0, 0.0, "other-active");
  check_single(0.1, -1e16, 2.0, 0.1, 0.0, "other-active");
  check_single(1e308, -1e308, 0.0, 1e308, 0.0, "other-active");
}
END_TEST

START_TEST(non_finite_inputs_follow_pytorch) {
  check_single(1.0, INFINITY, 1.0, INFINITY, 1.0, "non-finite");
  check_single(1.0, INFINITY, -1.0, 0.0, 0.0, "non-finite");
  check_single(1.0, INFINITY, 0.0, INFINITY, 1.0, "non-finite");
  check_single(1.0, -INFINITY, 1.0, -INFINITY, 1.0, "non-finite");
  check_single(1.0, -INFINITY, -1.0, INFINITY, -1.0, "non-finite");
  check_single(1.0, -INFINITY, 0.0, NAN, 0.0, "non-finite");
  check_single(1.0, NAN, 1.0, NAN, 1.0, "non-finite");
  check_single(1.0, NAN, -1.0, NAN, 0.0, "non-finite");
  check_single(1.0, NAN, 0.0, NAN, 1.0, "non-finite");
  check_single(1.0, 2.0, NAN, 2.0, 1.0, "non-finite");
  check_single(1.0, 0.5, INFINITY, 1.0, 0.0, "non-finite");
  check_single(INFINITY, 2.0, -1.0, INFINITY, -1.0, "non-finite");
  check_single(INFINITY, INFINITY, -1.0, NAN, 0.0, "non-finite");
  check_single(INFINITY, INFINITY, 0.0, NAN, 1.0, "non-finite");
  check_single(NAN, 2.0, 1.0, 2.0, 1.0, "non-finite");
  check_single(NAN, 2.0, 0.0, NAN, 1.0, "non-finite");
  check_single(-INFINITY, 2.0, -1.0, 0.0, 0.0, "non-finite");
}
END_TEST

/* The inactive branch of target -1 is masked; that of other targets is -g + g. Both in double and big arithmetic. */
START_TEST(infinite_upstream_gradients_stop_at_the_mask) {
  const double bases[] = {0.0, 1e-100};
  for (int i = 0; i < 2; i++) {
    const double x[] = {2.0, 0.5, 0.5, 2.0 + bases[i]}, y[] = {-1.0, -1.0, 0.0, 1.0};
    const double g[] = {INFINITY, INFINITY, INFINITY, i == 0 ? NAN : 1e-300}, last = i == 0 ? NAN : 1e-300;
    lp_trial *t = trial_new("hinge_embedding");
    trial_reduction(t, "none");
    trial_real(t, "input", "4", x);
    trial_real(t, "target", "4", y);
    trial_upstream(t, "4", g);
    ck_assert_int_eq(trial_run(t), LP_OK);
    check_same(trial_grad(t, "input", 0), 0.0);
    check_same(trial_grad(t, "input", 1), -INFINITY);
    check_same(trial_grad(t, "input", 2), NAN);
    check_same(trial_grad(t, "input", 3), last);
    trial_free(t);
  }
}
END_TEST

/* Big arithmetic takes over at 1e300 and gives what double gives. */
START_TEST(wide_ranges) {
  check_single(1.0, 1e300, 1.0, 1e300, 1.0, "positive");
  check_single(1.0, 1e300, -1.0, 0.0, 0.0, "negative-inactive");
  check_single(1.0, 1e300, 0.0, 1e300, 1.0, "other-inactive");
  check_single(1.0, -1e300, -1.0, 1e300, -1.0, "negative-active");
  check_single(1e-300, 1e-300, -1.0, 0.0, -1.0, "kink");
  check_single(NAN, 1e300, 1.0, 1e300, 1.0, "non-finite");
  check_single(NAN, 1e300, -1.0, NAN, 0.0, "non-finite");
  check_single(NAN, 1e300, 0.0, NAN, 1.0, "non-finite");
}
END_TEST

static lp_trial *matrix(const char *reduction) {
  const double x[] = {0.5, -0.5, 2.0, 0.25, 1.5, 3.0}, y[] = {1.0, -1.0, 0.0};
  lp_trial *t = trial_new("hinge_embedding");
  trial_param(t, "margin", 0.75);
  trial_reduction(t, reduction);
  trial_real(t, "input", "2 3", x);
  trial_real(t, "target", "3", y);
  return t;
}

START_TEST(reductions_and_broadcasting) {
  lp_trial *t = matrix("sum");
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_loss(t, 0), 0.5 + 1.25 + 2.0 + 0.25 + 0.0 + 3.0);
  check_gradients(t, 1e-6, 1e-8);
  trial_reduction(t, "mean");
  trial_upstream(t, "", (double[]){-3.0});
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_loss(t, 0), 7.0 / 6.0);
  check_same(trial_grad(t, "input", 0), -0.5);
  check_same(trial_grad(t, "input", 1), 0.5);
  ck_assert(!trial_has_grad(t, "target"));
  trial_free(t);
}
END_TEST

START_TEST(inputs_that_broadcast_sum_their_gradients) {
  lp_trial *t = trial_new("hinge_embedding");
  trial_reduction(t, "sum");
  trial_real(t, "input", "1", (double[]){0.5});
  trial_tensor(t, "target", LP_INT64, "4", (double[]){1.0, -1.0, 1.0, 0.0});
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_loss(t, 0), 2.5);
  check_same(trial_grad(t, "input", 0), 1.0);
  trial_free(t);
}
END_TEST

START_TEST(empty_means_are_nan) {
  lp_trial *t = trial_new("hinge_embedding");
  trial_real(t, "input", "0", NULL);
  trial_real(t, "target", "0", NULL);
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_loss(t, 0), NAN);
  ck_assert(trial_regime(t, "empty"));
  trial_reduction(t, "sum");
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_loss(t, 0), 0.0);
  trial_free(t);
}
END_TEST

START_TEST(rejections) {
  lp_trial *t = matrix("batchmean");
  trial_run(t);
  check_refused(t, LP_REJECT_REDUCTION, "batchmean");
  trial_reduction(t, "none");
  trial_real(t, "target", "2", NULL);
  trial_run(t);
  check_refused(t, LP_REJECT_SHAPE, "(2)");
  trial_tensor(t, "input", LP_INT64, "2", NULL);
  trial_run(t);
  check_refused(t, LP_REJECT_DTYPE, "int64");
  trial_real(t, "input", "2", NULL);
  trial_upstream(t, "1", NULL);
  trial_run(t);
  check_refused(t, LP_REJECT_GRAD_OUTPUT, "(1)");
  trial_free(t);
}
END_TEST

/* Cases drawn at random reach every regime and are finite where their inputs are. */
START_TEST(drawn_cases_reach_every_regime) {
  const lp_loss *loss = lp_registry_find("hinge_embedding");
  uint64_t seen = 0;
  for (int i = 0; i < 600; i++) {
    lp_trial *t = trial_new("hinge_embedding");
    lp_rng rng = {(uint64_t)i};
    trial_param(t, "margin", loss->params[0].values[i % 5]);
    trial_real(t, "input", i % 50 ? "3" : "0", NULL);
    trial_real(t, "target", i % 50 ? "3" : "0", NULL);
    loss->draw(&t->c, &rng, i % loss->n_value_classes);
    ck_assert_int_eq(trial_run(t), LP_OK);
    seen |= t->regimes;
    trial_free(t);
  }
  ck_assert_uint_eq(seen, (UINT64_C(1) << loss->n_regimes) - 1);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_branch,
                                at_the_margin_the_gradient_passes,
                                other_targets_do_not_cancel,
                                non_finite_inputs_follow_pytorch,
                                infinite_upstream_gradients_stop_at_the_mask,
                                wide_ranges,
                                reductions_and_broadcasting,
                                inputs_that_broadcast_sum_their_gradients,
                                empty_means_are_nan,
                                rejections,
                                drawn_cases_reach_every_regime};
  return run_tests("hinge_embedding", tests, sizeof tests / sizeof tests[0]);
}
