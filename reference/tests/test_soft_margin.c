#include "reference/draw.h"
#include "reference/tests/testing.h"

static lp_trial *single(double x, double y) {
  lp_trial *t = trial_new("soft_margin");
  trial_reduction(t, "none");
  trial_real(t, "input", "", &x);
  trial_real(t, "target", "", &y);
  ck_assert_int_eq(trial_run(t), LP_OK);
  return t;
}

static bool within_ulp(double got, double expected) {
  return nextafter(got, INFINITY) >= expected && nextafter(got, -INFINITY) <= expected;
}

/* Values and slopes from 3000-bit arithmetic. */
static void check_single(double x, double y, double value, double slope, const char *regime) {
  lp_trial *t = single(x, y);
  ck_assert_msg(within_ulp(trial_loss(t, 0), value), "%g, %g: got %a, expected %a", x, y, trial_loss(t, 0), value);
  ck_assert_msg(within_ulp(trial_grad(t, "input", 0), slope), "%g, %g: got %a, expected %a", x, y,
                trial_grad(t, "input", 0), slope);
  ck_assert_msg(trial_regime(t, regime), "%g, %g: not in regime %s", x, y, regime);
  trial_free(t);
}

START_TEST(values_by_hand) {
  check_single(0.0, 1.0, 0x1.62e42fefa39efp-1, -0.5, "undecided");
  check_single(0.0, -1.0, 0x1.62e42fefa39efp-1, 0.5, "undecided");
  check_single(3.0, 0.0, 0x1.62e42fefa39efp-1, -0.0, "undecided");
  check_single(0.5, 1.0, 0x1.e5746fdb5c064p-2, -0x1.829a0565978dfp-2, "right");
  check_single(-0.5, 1.0, 0x1.f2ba37edae032p-1, -0x1.3eb2fd4d34391p-1, "wrong");
  check_single(2.0, -0.3, 0x1.0998cf7154b8ep+0, 0x1.8cb0f4bf45318p-3, "other-target");
  check_single(65.85, 1.0, 0x1.ff7aa81aa5c9ep-96, -0x1.ff7aa81aa5c9ep-96, "right");
  check_single(-65.85, 1.0, 0x1.0766666666666p+6, -0x1.0000000000000p+0, "wrong");
  check_single(0.1, 700.3, 0x1.f4caa03ac65cap-102, -0x1.567c12ba98683p-92, "right");
  check_single(-1.7, 20.1, 0x1.115c28f5c28f6p+5, -0x1.4199999999992p+4, "wrong");
  check_single(23.45, -27.1, 0x1.3dbf5c28f5c29p+9, 0x1.b19999999999ap+4, "wrong");
  check_single(33.3, 20.9, 0x1.e6eac7d8fa089p-1005, -0x1.3e048a86834d9p-1000, "right");
  check_single(1000.0, 1e+300, 0x0.0p+0, -0x0.0p+0, "underflow");
  check_single(0.745, 1000.0, 0x0.0000000000001p-1022, -0x0.000000000023bp-1022, "right");
  check_single(720.0, 1.25, 0x0.0p+0, -0x0.0p+0, "underflow");
  check_single(1e-300, 0.5, 0x1.62e42fefa39efp-1, -0x1.0000000000000p-2, "right");
  check_single(0x1p-1074, 0.5, 0x1.62e42fefa39efp-1, -0x1.0000000000000p-2, "right"); /* the product underflows */
  check_single(7.2e-08, 10000000000.0, 0x0.0000993b4dc95p-1022, -0x1.64c52f1ddbb5ep-1006, "right");
  check_single(1e-290, 8e+292, 0x0.0p+0, -0x1.cc78f1b8406cep-182, "underflow");
}
END_TEST

/* Where exp(-y x) overflows: PyTorch has inf and NaN. */
START_TEST(confident_errors_do_not_overflow) {
  check_single(-709.79, 1.0, 709.79, -1.0, "overflow");
  check_single(-1000.0, 1.0, 1000.0, -1.0, "overflow");
  check_single(1000.0, -1.0, 1000.0, 1.0, "overflow");
  check_single(-1e308, 1.0, 1e308, -1.0, "overflow");
  check_single(-1e308, 1e308, INFINITY, -1e308, "overflow");
  check_single(1e200, -1e-100, 1e100, 1e-100, "overflow");
}
END_TEST

START_TEST(confident_successes_do_not_underflow) {
  check_single(1000.0, 1.0, 0.0, -0.0, "underflow");
  check_single(1e308, 1e308, 0.0, -0.0, "underflow");
}
END_TEST

static void check_special(double x, double y, double value, double slope) {
  lp_trial *t = single(x, y);
  check_same(trial_loss(t, 0), value);
  check_same(trial_grad(t, "input", 0), slope);
  trial_free(t);
}

START_TEST(non_finite_inputs_follow_pytorch) {
  check_special(INFINITY, 1.0, 0.0, -0.0);
  check_special(INFINITY, -1.0, INFINITY, NAN);
  check_special(-INFINITY, 1.0, INFINITY, NAN);
  check_special(-INFINITY, -1.0, 0.0, 0.0);
  check_special(INFINITY, 0.0, NAN, NAN);
  check_special(1.0, INFINITY, 0.0, NAN);
  check_special(1.0, -INFINITY, INFINITY, NAN);
  check_special(0.0, INFINITY, NAN, NAN);
  check_special(NAN, 1.0, NAN, NAN);
  check_special(1.0, NAN, NAN, NAN);
}
END_TEST

/* They meet the slope whole: the last one's is 0 as a double. */
START_TEST(infinite_upstream_gradients) {
  const double x[] = {0.5, -0.5, 800.0, 0.5, -800.0, 0.25}, y[] = {1.0, 1.0, 1.0, 0.0, 1.0, 0x1p-1074};
  const double g[] = {INFINITY, -INFINITY, INFINITY, INFINITY, INFINITY, INFINITY};
  lp_trial *t = trial_new("soft_margin");
  trial_reduction(t, "none");
  trial_real(t, "input", "6", x);
  trial_real(t, "target", "6", y);
  trial_upstream(t, "6", g);
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_grad(t, "input", 0), -INFINITY);
  check_same(trial_grad(t, "input", 1), INFINITY);
  check_same(trial_grad(t, "input", 2), NAN);
  check_same(trial_grad(t, "input", 3), NAN);
  check_same(trial_grad(t, "input", 4), -INFINITY);
  check_same(trial_grad(t, "input", 5), NAN);
  trial_free(t);
}
END_TEST

static void check_range(double x, double y, bool overflow, bool underflow) {
  lp_trial *t = single(x, y);
  ck_assert_int_eq(trial_regime(t, "overflow"), overflow);
  ck_assert_int_eq(trial_regime(t, "underflow"), underflow);
  trial_free(t);
}

/* The products of these round to a limit of exp. */
START_TEST(ranges_are_those_of_the_exact_product) {
  check_range(-0.010835715572993771, 65504.0, true, false);
  check_range(-0x1.62e42fefa39efp9, 1.0, false, false);
  check_range(-0x1.62e42fefa39f0p9, 1.0, true, false);
  check_range(5.134579416814751e+199, 1.4512059481673894e-197, false, false);
  check_range(0x1.74910d52d3052p9, 1.0, false, true);
}
END_TEST

START_TEST(reductions_and_gradients) {
  const char *const words[] = {"none", "mean", "sum"};
  const double x[] = {0.5, -1.5, 2.0, 0.25, -3.0, 1.0}, y[] = {1.0, -1.0, 0.5}, g[] = {1.0, -2.0, 0.0, 3.0, 0.5, 1.0};
  for (int i = 0; i < 3; i++) {
    lp_trial *t = trial_new("soft_margin");
    trial_reduction(t, words[i]);
    trial_real(t, "input", "2 3", x);
    trial_real(t, "target", "3", y);
    trial_upstream(t, i == 0 ? "2 3" : "", g);
    ck_assert_int_eq(trial_run(t), LP_OK);
    check_gradients(t, 1e-5, 1e-9);
    ck_assert(!trial_has_grad(t, "target"));
    ck_assert_int_eq(trial_regime(t, "other-target"), 1);
    if (i > 0) check_near(trial_loss(t, 0), 2.087355705313774 / (i == 1 ? 6.0 : 1.0), 1e-14);
    trial_free(t);
  }
}
END_TEST

START_TEST(shapes) {
  lp_trial *t = trial_new("soft_margin");
  trial_real(t, "input", "0", NULL);
  trial_real(t, "target", "1", NULL);
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_loss(t, 0), NAN);
  ck_assert(trial_regime(t, "empty"));
  trial_real(t, "input", "2 3", NULL);
  trial_tensor(t, "target", LP_INT8, "1", (double[]){1.0});
  ck_assert_int_eq(trial_run(t), LP_OK);
  trial_real(t, "input", "", NULL);
  trial_run(t);
  check_refused(t, LP_REJECT_SHAPE, "target of shape (1) does not broadcast to input's shape ()");
  trial_real(t, "input", "3", NULL);
  trial_real(t, "target", "2 3", NULL);
  trial_run(t);
  check_refused(t, LP_REJECT_SHAPE, "target of shape (2, 3)");
  trial_real(t, "target", "4", NULL);
  trial_run(t);
  check_refused(t, LP_REJECT_SHAPE, "(4)");
  trial_free(t);
}
END_TEST

START_TEST(rejections) {
  lp_trial *t = trial_new("soft_margin");
  trial_real(t, "input", "3", NULL);
  trial_tensor(t, "target", LP_BOOL, "3", NULL);
  trial_run(t);
  check_refused(t, LP_REJECT_DTYPE, "target: expected a floating or integer dtype, got bool");
  trial_tensor(t, "input", LP_INT32, "3", NULL);
  trial_run(t);
  check_refused(t, LP_REJECT_DTYPE, "int32");
  trial_real(t, "input", "3", NULL);
  trial_real(t, "target", "3", NULL);
  trial_reduction(t, "batchmean");
  trial_run(t);
  check_refused(t, LP_REJECT_REDUCTION, "batchmean");
  trial_reduction(t, "none");
  trial_upstream(t, "1 3", NULL);
  trial_run(t);
  check_refused(t, LP_REJECT_GRAD_OUTPUT, "(1, 3)");
  trial_free(t);
}
END_TEST

START_TEST(drawn_cases_reach_every_regime) {
  const lp_loss *loss = lp_registry_find("soft_margin");
  uint64_t seen = 0;
  for (int i = 0; i < 600; i++) {
    lp_trial *t = trial_new("soft_margin");
    lp_rng rng = {(uint64_t)i};
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
  const TTest *const tests[] = {values_by_hand,
                                confident_errors_do_not_overflow,
                                confident_successes_do_not_underflow,
                                non_finite_inputs_follow_pytorch,
                                infinite_upstream_gradients,
                                ranges_are_those_of_the_exact_product,
                                reductions_and_gradients,
                                shapes,
                                rejections,
                                drawn_cases_reach_every_regime};
  return run_tests("soft_margin", tests, sizeof tests / sizeof tests[0]);
}
