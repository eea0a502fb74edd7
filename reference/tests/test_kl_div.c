#include "reference/draw.h"
#include "reference/tests/testing.h"

typedef struct expected {
  double value, slope_x, slope_t;
} expected;

static lp_trial *single(bool log_target, double x, double t) {
  lp_trial *trial = trial_new("kl_div");
  trial_param(trial, "log_target", log_target);
  trial_reduction(trial, "none");
  trial_real(trial, "input", "", &x);
  trial_real(trial, "target", "", &t);
  ck_assert_int_eq(trial_run(trial), LP_OK);
  return trial;
}

/* Within 1 ulp, 2^-54 of `size` forgiven where terms cancel. */
static void check_close(double got, double wanted, double size) {
  const bool near = nextafter(got, INFINITY) >= wanted && nextafter(got, -INFINITY) <= wanted;
  ck_assert_msg(near || fabs(got - wanted) <= 0x1p-54 * size, "got %a, expected %a", got, wanted);
}

/* Expected numbers from 6000-bit arithmetic. */
static void check_single(bool log_target, double x, double t, expected e, const char *regime) {
  lp_trial *trial = single(log_target, x, t);
  const double weight = log_target ? exp(t) : t, log_t = log_target ? t : log(t),
               sum = 2.0 + 2.0 * fabs(log_t) + fabs(x);
  check_close(trial_loss(trial, 0), e.value, weight * sum);
  check_close(trial_grad(trial, "input", 0), e.slope_x, 0.0);
  check_close(trial_grad(trial, "target", 0), e.slope_t, log_target ? weight * sum : sum);
  ck_assert_msg(trial_regime(trial, regime), "%g, %g: not in regime %s", x, t, regime);
  trial_free(trial);
}

START_TEST(probabilities) {
  check_single(false, -1.0, 0.5, (expected){0x1.3a37a020b8c22p-3, -0x1.0000000000000p-1, 0x1.4e8de8082e308p+0},
               "target-positive");
  check_single(false, -0.6931471805599453, 0.5,
               (expected){-0x1.abc9e3b39803fp-57, -0x1.0000000000000p-1, 0x1.0000000000000p+0}, "target-positive");
  check_single(false, 0.0, 1.0, (expected){0x0.0p+0, -0x1.0000000000000p+0, 0x1.0000000000000p+0}, "target-positive");
  check_single(false, -3.7, 0.3, (expected){0x1.7f63c8713540bp-1, -0x1.3333333333333p-2, 0x1.bf7dd1b3ac60ap+1},
               "target-positive");
  check_single(false, 1.9, 3.7, (expected){-0x1.1836acf4faed0p+1, -0x1.d99999999999ap+1, 0x1.a221ffa91fba7p-2},
               "target-positive");
  check_single(false, -2.5, 1e-09, (expected){-0x1.3912c54ee54ccp-26, -0x1.12e0be826d695p-30, -0x1.13927f32bffb8p+4},
               "target-positive");
  check_single(false, 700.0, 1e+306,
               (expected){0x1.a26c3aa383316p+1018, -0x1.6c8e5ca239029p+1016, 0x1.65d392f5fd9dbp+2}, "target-positive");
  check_single(false, -1e+308, 1e-300,
               (expected){0x1.7d78400000000p+26, -0x1.56e1fc2f8f359p-997, 0x1.1ccf385ebc8a0p+1023}, "target-positive");
  check_single(false, -1.0, 5e-324,
               (expected){-0x0.00000000002e7p-1022, -0x0.0000000000001p-1022, -0x1.73385446d71c3p+9},
               "target-positive");
  check_single(false, 1e+308, 1e+308, (expected){-INFINITY, -0x1.1ccf385ebc8a0p+1023, -0x1.1ccf385ebc8a0p+1023},
               "target-positive");
}
END_TEST

START_TEST(log_probabilities) {
  check_single(true, -1.0, -2.0, (expected){-0x1.152aaa3bf81ccp-3, -0x1.152aaa3bf81ccp-3, 0x0.0p+0}, "log-target");
  check_single(true, -1.25, -1.25, (expected){0x0.0p+0, -0x1.25618372a584fp-2, 0x1.25618372a584fp-2}, "log-target");
  check_single(true, -0.5, -1.5, (expected){-0x1.c8f87724b5c1dp-3, -0x1.c8f87724b5c1dp-3, 0x0.0p+0}, "log-target");
  check_single(true, 2.5, 0.75, (expected){-0x1.da353fbb5c2b2p+1, -0x1.0ef9db467dcf8p+1, -0x1.9676c8e9bcb74p+0},
               "log-target");
  check_single(true, -30.0, -3.3, (expected){0x1.f83528a872f87p-1, -0x1.2e259bb85be85p-5, 0x1.058bc131fc5b8p+0},
               "log-target");
  check_single(true, 1000.0, 1000.0, (expected){0x0.0p+0, -INFINITY, INFINITY}, "exp-overflow");
  check_single(true, 1001.0, 1000.0, (expected){-INFINITY, -INFINITY, 0x0.0p+0}, "exp-overflow");
  check_single(true, 0.0, 710.0, (expected){INFINITY, -INFINITY, INFINITY}, "exp-overflow");
  check_single(true, -1e+308, -1000.0, (expected){0x1.5fd953cf798fep-420, -0x0.0p+0, 0x1.5fd953cf798fep-420},
               "exp-underflow");
  check_single(true, 1e+308, -1400.0, (expected){-0x1.4d53ce9fce1c1p-997, -0x0.0p+0, -0x1.4d53ce9fce1c1p-997},
               "exp-underflow");
  check_single(true, 1e+308, -1e+308, (expected){0x0.0p+0, 0x0.0p+0, 0x0.0p+0}, "exp-underflow");
  check_single(true, 3.0, -740.0,
               (expected){-0x0.000000000f610p-1022, -0x0.0000000000055p-1022, -0x0.000000000f5bcp-1022}, "log-target");
}
END_TEST

/* exp(target) has seven bits left; the product with 1e80 has all. */
START_TEST(subnormal_probabilities_keep_their_digits) {
  lp_trial *t = single(true, 1e80, -739.96875);
  check_close(trial_loss(t, 0), -0x1.271688a3f3fdap-802, 0.0);
  check_close(trial_grad(t, "target", 0), -0x1.271688a3f3fdap-802, 0.0);
  trial_free(t);
}
END_TEST

static void check_special(bool log_target, double x, double t, expected e) {
  lp_trial *trial = single(log_target, x, t);
  check_same(trial_loss(trial, 0), e.value);
  check_same(trial_grad(trial, "input", 0), e.slope_x);
  check_same(trial_grad(trial, "target", 0), e.slope_t);
  trial_free(trial);
}

START_TEST(zero_and_negative_targets_follow_pytorch) {
  check_special(false, -1.0, 0.0, (expected){0.0, -0.0, NAN});
  check_special(false, -1.0, -0.0, (expected){0.0, 0.0, NAN});
  check_special(false, 1e308, 0.0, (expected){0.0, -0.0, NAN});
  check_special(false, -1.0, -0.5, (expected){NAN, 0.5, NAN});
  check_special(false, -INFINITY, 0.0, (expected){NAN, -0.0, NAN});
  check_special(false, INFINITY, 0.0, (expected){NAN, -0.0, NAN});
  lp_trial *zero = single(false, -1.0, 0.0), *negative = single(false, -1.0, -0.5);
  ck_assert(trial_regime(zero, "target-zero"));
  ck_assert(trial_regime(negative, "target-negative"));
  trial_free(zero);
  trial_free(negative);
}
END_TEST

START_TEST(non_finite_inputs_follow_pytorch) {
  check_special(false, -INFINITY, 0.5, (expected){INFINITY, -0.5, INFINITY});
  check_special(false, INFINITY, 0.5, (expected){-INFINITY, -0.5, -INFINITY});
  check_special(false, 1.0, INFINITY, (expected){NAN, -INFINITY, NAN});
  check_special(false, -1.0, INFINITY, (expected){INFINITY, -INFINITY, NAN});
  check_special(false, 1.0, -INFINITY, (expected){NAN, INFINITY, NAN});
  check_special(false, NAN, 0.5, (expected){NAN, -0.5, NAN});
  check_special(false, 1.0, NAN, (expected){NAN, NAN, NAN});
  check_special(true, 1.0, -INFINITY, (expected){NAN, -0.0, NAN});
  check_special(true, 1.0, INFINITY, (expected){INFINITY, -INFINITY, INFINITY});
  check_special(true, -INFINITY, 0.0, (expected){INFINITY, -1.0, INFINITY});
  check_special(true, INFINITY, INFINITY, (expected){NAN, -INFINITY, NAN});
  check_special(true, NAN, 0.0, (expected){NAN, -1.0, NAN});
  lp_trial *t = single(true, NAN, 0.0);
  ck_assert(trial_regime(t, "non-finite"));
  trial_free(t);
}
END_TEST

static void check_upstream(bool log_target, double g, double x, double t, double slope_x, double slope_t) {
  lp_trial *trial = single(log_target, x, t);
  trial_upstream(trial, "", &g);
  ck_assert_int_eq(trial_run(trial), LP_OK);
  check_same(trial_grad(trial, "input", 0), slope_x);
  check_same(trial_grad(trial, "target", 0), slope_t);
  trial_free(trial);
}

START_TEST(upstream_gradients_meet_every_part_of_a_slope) {
  check_upstream(false, INFINITY, -1.0, 0.5, -INFINITY, NAN);
  check_upstream(false, INFINITY, -1.0, 2.0, -INFINITY, INFINITY);
  check_upstream(false, INFINITY, 1.0, 2.0, -INFINITY, NAN);
  check_upstream(false, NAN, -1.0, 2.0, NAN, NAN);
  check_upstream(false, 0.0, -1.0, 0.5, -0.0, 0.0);
  check_upstream(false, 0.0, -1.0, 0.0, -0.0, NAN);
  check_upstream(false, 0.0, 0.0, -5.0, 0.0, 0.0);
  check_upstream(false, 0.0, INFINITY, -5.0, 0.0, NAN);
  check_upstream(true, INFINITY, -1.0, 0.5, -INFINITY, INFINITY);
  check_upstream(true, INFINITY, 1.0, 0.5, -INFINITY, NAN);
  check_upstream(true, INFINITY, -1.0, -800.0, NAN, NAN);
  check_upstream(false, 0.0, 1.0, NAN, NAN, NAN);
}
END_TEST

/* Beside an infinity or NaN PyTorch's parts overflow and underflow as doubles do. */
START_TEST(parts_out_of_range_beside_infinities) {
  check_upstream(true, 0.0, NAN, 1e20, NAN, NAN);
  check_upstream(true, 0.0, INFINITY, 65504.0, NAN, NAN);
  check_upstream(true, 1e-300, -INFINITY, 709.9, -INFINITY, INFINITY);
  check_upstream(true, -1e300, INFINITY, 709.7, INFINITY, NAN);
  check_upstream(false, -1e300, INFINITY, 1e20, INFINITY, NAN);
  check_upstream(true, 0.0, 1.0, 1e20, -0.0, 0.0); /* real numbers are what they are */
}
END_TEST

/* A column of targets, as log-probabilities, beside one input. */
static double shared_input_gradient(const double *targets, const double *g) {
  lp_trial *t = trial_new("kl_div");
  trial_param(t, "log_target", 1);
  trial_reduction(t, "none");
  trial_real(t, "input", "1", (double[]){0.0});
  trial_real(t, "target", "3", targets);
  trial_upstream(t, "3", g);
  ck_assert_int_eq(trial_run(t), LP_OK);
  const double gradient = trial_grad(t, "input", 0);
  trial_free(t);
  return gradient;
}

/* exp(5e20) is a real number that is infinite beside an infinity. */
START_TEST(terms_that_overflow_beside_infinities) {
  check_same(shared_input_gradient((double[]){0.0, 5e20, 0.0}, (double[]){1.0, -3.0, INFINITY}), NAN);
  check_same(shared_input_gradient((double[]){0.0, 5e20, 0.0}, (double[]){1.0, 3.0, INFINITY}), -INFINITY);
}
END_TEST

/* The upstream gradient of a mean is divided first, and may underflow. */
START_TEST(means_of_tiny_upstream_gradients) {
  lp_trial *t = trial_new("kl_div");
  trial_real(t, "input", "2", (double[]){-1.0, -1.0});
  trial_real(t, "target", "2", (double[]){-1e154, -INFINITY});
  trial_upstream(t, "", (double[]){0x1p-1074});
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_grad(t, "target", 0), 0.0);
  check_same(trial_grad(t, "input", 1), NAN);
  trial_upstream(t, "", (double[]){0x1p-1073});
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_grad(t, "target", 0), NAN);
  check_same(trial_grad(t, "input", 1), INFINITY);
  trial_free(t);
}
END_TEST

static lp_trial *matrix(bool log_target, const char *reduction, const char *input_shape) {
  const double x[] = {-0.7, -1.2, -2.0, -0.3, -3.0, -1.5}, t[] = {0.2, 0.5, 0.3, 0.7, 0.1, 0.9};
  lp_trial *trial = trial_new("kl_div");
  trial_param(trial, "log_target", log_target);
  trial_reduction(trial, reduction);
  trial_real(trial, "input", input_shape, x);
  trial_real(trial, "target", "2 3", t);
  return trial;
}

/* exp(t) is beyond any power of 2 that a double holds, and yet its multiples of both signs have a sum of one sign. */
START_TEST(exponentials_of_huge_logarithms_keep_their_order) {
  const double cases[][5] = {/* t, then x, then the sign of the sum */
                             {1e25, 3e38, -1e300, 4e38, -1},
                             {1e25, 3e38, 1e300, 2e38, 1},
                             {1e17, 1e17 + 16, 1e17 - 1e8, 1e17 + 32, -1},
                             {1e17, 1e17 + 16, 1e17 - 1.6e8, 1e17 + 32, 1},
                             {3e38, 3e38, -4e153, 1e153, 1},
                             {3e38, 3e38, 4e153, -1e153, -1},
                             {-1e300, 1e300, -1e307, 1.1e300, -1}};
  for (int i = 0; i < 7; i++) {
    lp_trial *t = trial_new("kl_div");
    trial_param(t, "log_target", 1);
    trial_reduction(t, "sum");
    trial_real(t, "target", "2", cases[i]);
    trial_real(t, "input", "2", cases[i] + 2);
    ck_assert_int_eq(trial_run(t), LP_OK);
    check_same(trial_loss(t, 0), cases[i][4] * INFINITY);
    trial_free(t);
  }
}
END_TEST

START_TEST(reductions_and_gradients) {
  const char *const words[] = {"none", "mean", "sum", "batchmean"}, *const shapes[] = {"2 3", "3", "2 1", "1 3", ""};
  const double g[] = {1.0, -2.0, 0.0, 3.0, 0.5, 1.0};
  for (int i = 0; i < 40; i++) {
    lp_trial *t = matrix(i % 2, words[i / 2 % 4], shapes[i / 8]);
    trial_upstream(t, i / 2 % 4 == 0 ? "2 3" : "", g);
    ck_assert_int_eq(trial_run(t), LP_OK);
    check_gradients(t, 1e-5, 1e-8);
    trial_free(t);
  }
}
END_TEST

static double reduced(const char *reduction, const char *input_shape) {
  lp_trial *t = matrix(true, reduction, input_shape);
  ck_assert_int_eq(trial_run(t), LP_OK);
  const double value = trial_loss(t, 0);
  trial_free(t);
  return value;
}

START_TEST(batchmean_divides_by_the_inputs_first_axis) {
  check_near(reduced("batchmean", "2 3"), reduced("sum", "2 3") / 2.0, 1e-15);
  check_near(reduced("batchmean", "3"), reduced("sum", "3") / 3.0, 1e-15);
  check_same(reduced("batchmean", "1 3"), reduced("sum", "1 3"));
  check_same(reduced("batchmean", ""), reduced("sum", ""));
  check_near(reduced("mean", "3"), reduced("sum", "3") / 6.0, 1e-15);
  lp_trial *t = matrix(false, "batchmean", "1 3");
  ck_assert_int_eq(trial_run(t), LP_OK);
  ck_assert(trial_regime(t, "batchmean") && trial_regime(t, "batch-broadcast") && !trial_regime(t, "batch-empty"));
  trial_free(t);
}
END_TEST

static void check_empty(const char *reduction, const char *shape, double value, bool no_rows) {
  lp_trial *t = trial_new("kl_div");
  trial_reduction(t, reduction);
  trial_real(t, "input", shape, NULL);
  trial_real(t, "target", shape, NULL);
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_loss(t, 0), value);
  ck_assert(trial_regime(t, "empty"));
  ck_assert_int_eq(trial_regime(t, "batch-empty"), no_rows);
  trial_free(t);
}

START_TEST(empty_tensors) {
  check_empty("mean", "0", NAN, false);
  check_empty("sum", "0 3", 0.0, false);
  check_empty("batchmean", "0 3", NAN, true);
  check_empty("batchmean", "3 0", 0.0, false);
}
END_TEST

START_TEST(a_scalar_batch_is_one) {
  lp_trial *t = single(false, -1.0, 0.5);
  trial_reduction(t, "batchmean");
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_near(trial_loss(t, 0), 0.5 - 0.5 * 0.6931471805599453, 1e-15);
  ck_assert(!trial_regime(t, "batch-broadcast"));
  trial_free(t);
}
END_TEST

START_TEST(rejections) {
  lp_trial *t = matrix(false, "median", "2 3");
  trial_run(t);
  check_refused(t, LP_REJECT_REDUCTION, "batchmean");
  trial_reduction(t, "sum");
  trial_real(t, "target", "2", NULL);
  trial_run(t);
  check_refused(t, LP_REJECT_SHAPE, "(2)");
  trial_tensor(t, "target", LP_INT64, "2 3", NULL);
  trial_run(t);
  check_refused(t, LP_REJECT_DTYPE, "target");
  trial_real(t, "target", "2 3", NULL);
  trial_upstream(t, "2 3", NULL);
  trial_run(t);
  check_refused(t, LP_REJECT_GRAD_OUTPUT, "(2, 3)");
  trial_free(t);
}
END_TEST

START_TEST(drawn_cases_reach_every_regime) {
  const char *const shapes[] = {"3", "3", "3", "3", "3", "1", "0"}, *const words[] = {"mean", "batchmean"};
  const lp_loss *loss = lp_registry_find("kl_div");
  uint64_t seen = 0;
  for (int i = 0; i < 700; i++) {
    lp_trial *t = trial_new("kl_div");
    lp_rng rng = {(uint64_t)i};
    trial_param(t, "log_target", i / 8 % 2);
    trial_reduction(t, words[i / 16 % 2]);
    trial_tensor(t, "input", LP_FLOAT32, shapes[i % 7], NULL);
    trial_real(t, "target", shapes[i % 7 == 5 ? 0 : i % 7], NULL);
    loss->draw(&t->c, &rng, i % loss->n_value_classes);
    ck_assert_int_eq(trial_run(t), LP_OK);
    seen |= t->regimes;
    trial_free(t);
  }
  ck_assert_uint_eq(seen, (UINT64_C(1) << loss->n_regimes) - 1);
}
END_TEST

/* Tensors of another dtype, which the case will be refused for, are left as they are. */
START_TEST(draw_leaves_integer_tensors) {
  const lp_loss *loss = lp_registry_find("kl_div");
  for (int value_class = 0; value_class < loss->n_value_classes; value_class++) {
    lp_trial *t = trial_new("kl_div");
    lp_rng rng = {1};
    trial_real(t, "input", "3", NULL);
    trial_tensor(t, "target", LP_INT64, "3", NULL);
    loss->draw(&t->c, &rng, value_class);
    ck_assert_int_eq(trial_run(t), LP_REJECTED);
    trial_free(t);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {probabilities,
                                log_probabilities,
                                subnormal_probabilities_keep_their_digits,
                                zero_and_negative_targets_follow_pytorch,
                                non_finite_inputs_follow_pytorch,
                                upstream_gradients_meet_every_part_of_a_slope,
                                parts_out_of_range_beside_infinities,
                                terms_that_overflow_beside_infinities,
                                means_of_tiny_upstream_gradients,
                                exponentials_of_huge_logarithms_keep_their_order,
                                reductions_and_gradients,
                                batchmean_divides_by_the_inputs_first_axis,
                                empty_tensors,
                                a_scalar_batch_is_one,
                                rejections,
                                drawn_cases_reach_every_regime,
                                draw_leaves_integer_tensors};
  return run_tests("kl_div", tests, sizeof tests / sizeof tests[0]);
}
