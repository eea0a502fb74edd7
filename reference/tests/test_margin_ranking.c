#include "reference/draw.h"
#include "reference/tests/testing.h"

static lp_trial *trial(double margin, const char *reduction, const char *shape, const double *x1, const double *x2,
                       const double *y) {
  lp_trial *t = trial_new("margin_ranking");
  trial_param(t, "margin", margin);
  trial_reduction(t, reduction);
  trial_real(t, "input1", shape, x1);
  trial_real(t, "input2", shape, x2);
  trial_real(t, "target", shape, y);
  return t;
}

static void run(lp_trial *t) { ck_assert_msg(trial_run(t) == LP_OK, "%s", t->error.message); }

/* What one position should give. */
typedef struct answer {
  double value, to_input1, to_target;
  const char *regime;
} answer;

static void check_single(double margin, double x1, double x2, double y, answer expected) {
  lp_trial *t = trial(margin, "none", "", &x1, &x2, &y);
  run(t);
  check_near(trial_loss(t, 0), expected.value, 0.0);
  check_near(trial_grad(t, "input1", 0), expected.to_input1, 0.0);
  check_near(trial_grad(t, "input2", 0), -expected.to_input1, 0.0);
  check_near(trial_grad(t, "target", 0), expected.to_target, 0.0);
  ck_assert_msg(trial_regime(t, expected.regime), "margin %g inputs %g %g target %g: not in regime %s", margin, x1, x2,
                y, expected.regime);
  trial_free(t);
}

START_TEST(active_and_inactive) {
  check_single(0.0, 1.0, 3.0, 1.0, (answer){2.0, -1.0, 2.0, "active"});
  check_single(0.0, 3.0, 1.0, 1.0, (answer){0.0, 0.0, 0.0, "inactive"});
  check_single(0.0, 3.0, 1.0, -1.0, (answer){2.0, 1.0, -2.0, "active"});
  check_single(0.5, 3.0, 1.0, 1.0, (answer){0.0, 0.0, 0.0, "inactive"});
  check_single(2.5, 3.0, 1.0, 1.0, (answer){0.5, -1.0, -2.0, "active"});
  check_single(-1.0, 1.0, 3.0, 1.0, (answer){1.0, -1.0, 2.0, "active"});
  check_single(0.0, 1.0, 3.0, 0.5, (answer){1.0, -0.5, 2.0, "other-target"});
  check_single(1.0, 1.0, 3.0, 0.0, (answer){1.0, 0.0, 2.0, "other-target"});
}
END_TEST

START_TEST(at_the_kink_the_gradient_passes) {
  check_single(0.0, 1.0, 1.0, 1.0, (answer){0.0, -1.0, 0.0, "kink"});
  check_single(2.0, 3.0, 1.0, 1.0, (answer){0.0, -1.0, -2.0, "kink"});
  check_single(0.0, 1.0, 3.0, 0.0, (answer){0.0, 0.0, 2.0, "kink"});
  check_single(1.0, 1.0 + 0x1p-52, 0.0, 1.0, (answer){0.0, 0.0, 0.0, "near-kink"});
  check_single(1.0, 1.0 - 0x1p-53, 0.0, 1.0, (answer){0x1p-53, -1.0, 0x1p-53 - 1.0, "near-kink"});
}
END_TEST

/* The sign of z is right where d, or y d, rounds: 1 - 2^-60 is d, and less than the margin. */
START_TEST(rounding_does_not_move_the_kink) {
  check_single(1.0, 1.0, 0x1p-60, 1.0, (answer){0x1p-60, -1.0, -1.0, "active"});
  check_single(1.0, 1.0, 0x1p-60, 1.0, (answer){0x1p-60, -1.0, -1.0, "near-kink"});
  check_single(1.0, 1.0, -0x1p-60, 1.0, (answer){0.0, 0.0, 0.0, "inactive"});
  const double y = 1.0 + 0x1p-30;
  check_single(1.0 + 0x1p-29, y, 0.0, y, (answer){0.0, 0.0, 0.0, "near-kink"}); /* y^2 = 1 + 2^-29 + 2^-60 */
  /* z = -1 + 1 - 2^-1073, which big arithmetic rounds to 0; z = -2^-1075, which rounds to 0 in double. */
  check_single(1.0, -1.0, 0x1p-1073, -1.0, (answer){0.0, 0.0, 0.0, "inactive"});
  check_single(1.0, -1.0, 0x1p-1073, -1.0, (answer){0.0, 0.0, 0.0, "near-kink"});
  check_single(0.0, 0.0, -0x1p-1074, 0.5, (answer){0.0, 0.0, 0.0, "inactive"});
  check_single(0.0, 0.0, -0x1p-1074, 0.5, (answer){0.0, 0.0, 0.0, "near-kink"});
}
END_TEST

START_TEST(non_finite_numbers_follow_pytorch) {
  check_single(0.0, INFINITY, 1.0, 1.0, (answer){0.0, 0.0, NAN, "non-finite"});
  check_single(0.0, -INFINITY, 1.0, 1.0, (answer){INFINITY, -1.0, INFINITY, "non-finite"});
  check_single(0.0, INFINITY, INFINITY, 1.0, (answer){NAN, 0.0, NAN, "non-finite"});
  check_single(0.0, NAN, 1.0, 1.0, (answer){NAN, 0.0, NAN, "non-finite"});
  check_single(0.0, 1.0, 0.0, NAN, (answer){NAN, NAN, 0.0, "non-finite"});
  check_single(0.0, 1.0, 2.0, INFINITY, (answer){INFINITY, -INFINITY, 1.0, "non-finite"});
  check_single(0.0, INFINITY, 1.0, 0.0, (answer){NAN, 0.0, NAN, "non-finite"});
  check_single(INFINITY, 1.0, 2.0, 1.0, (answer){INFINITY, -1.0, 1.0, "non-finite"});
  check_single(-INFINITY, 1.0, 2.0, 1.0, (answer){0.0, 0.0, 0.0, "non-finite"});
  check_single(NAN, 1.0, 2.0, 1.0, (answer){NAN, 0.0, 0.0, "non-finite"});
  check_single(INFINITY, INFINITY, 1.0, 1.0, (answer){NAN, 0.0, NAN, "non-finite"});
  check_single(INFINITY, 1.7e308, -1.7e308, 1.0, (answer){NAN, 0.0, NAN, "non-finite"});
  check_single(INFINITY, 1.7e308, 1.0, 1.0, (answer){INFINITY, -1.0, -1.7e308, "non-finite"});
}
END_TEST

/* Position 2 takes the case to big arithmetic in the second round. */
START_TEST(an_infinite_upstream_gradient_stops_at_an_inactive_hinge) {
  const double last[] = {0.0, 1e300};
  for (int i = 0; i < 2; i++) {
    lp_trial *t = trial(0.0, "sum", "5", (double[]){3.0, 1.0, 0.0, INFINITY, NAN},
                        (double[]){1.0, 3.0, last[i], 0.0, 0.0}, (double[]){1.0, 1.0, 1.0, 1.0, 1.0});
    trial_upstream(t, "", (double[]){INFINITY});
    run(t);
    check_same(trial_grad(t, "input1", 0), -0.0);
    check_same(trial_grad(t, "target", 0), -0.0);
    check_same(trial_grad(t, "input1", 1), -INFINITY);
    check_same(trial_grad(t, "target", 1), INFINITY);
    check_same(trial_grad(t, "target", 2), i == 0 ? NAN : INFINITY);
    check_same(trial_grad(t, "input2", 3), 0.0);
    check_same(trial_grad(t, "target", 3), NAN);
    check_same(trial_grad(t, "input1", 4), -0.0);
    check_same(trial_loss(t, 0), NAN);
    trial_free(t);
  }
}
END_TEST

START_TEST(reductions_and_broadcasting) {
  lp_trial *t = trial_new("margin_ranking");
  trial_real(t, "input1", "2 1", (double[]){1.0, 1.0});
  trial_real(t, "input2", "1 3", (double[]){2.0, 2.0, 2.0});
  trial_real(t, "target", "1 1", (double[]){1.0});
  run(t);
  check_same(trial_loss(t, 0), 1.0);
  check_same(trial_grad(t, "input1", 0), -0.5);
  check_same(trial_grad(t, "input2", 2), 1.0 / 3.0);
  check_same(trial_grad(t, "target", 0), 1.0);
  trial_reduction(t, "none");
  run(t);
  check_same(trial_loss(t, 5), 1.0);
  trial_reduction(t, "sum");
  run(t);
  check_same(trial_loss(t, 0), 6.0);
  trial_free(t);
}
END_TEST

START_TEST(empty_and_0_d) {
  lp_trial *t = trial(1.0, "mean", "0", NULL, NULL, NULL);
  trial_real(t, "target", "1", (double[]){1.0});
  run(t);
  check_same(trial_loss(t, 0), NAN);
  check_near(trial_grad(t, "target", 0), 0.0, 0.0);
  ck_assert(trial_regime(t, "empty"));
  trial_free(t);
  t = trial(0.0, "mean", "", (double[]){1.0}, (double[]){2.0}, (double[]){1.0});
  run(t);
  check_same(trial_loss(t, 0), 1.0);
  trial_free(t);
}
END_TEST

/* PyTorch has inf or NaN for all of these. */
START_TEST(finite_where_pytorch_overflows) {
  check_single(1.0, 1.7e308, -1.7e308, 0.0, (answer){1.0, 0.0, -INFINITY, "other-target"});
  check_single(1e308, 1.5e308, -1.5e308, 0.5, (answer){0.0, 0.0, 0.0, "inactive"});
  lp_trial *t = trial(0.0, "mean", "2", (double[]){-1.7e308, -1.7e308}, (double[]){0.0, 0.0}, (double[]){1.0, 1.0});
  run(t);
  check_same(trial_loss(t, 0), 1.7e308);
  trial_reduction(t, "none");
  t->c.inputs[1].f64[0] = 1.7e308;
  t->c.inputs[2].f64[0] = 1e-300;
  run(t);
  check_near(trial_loss(t, 0), 3.4e8, 1e-7);
  trial_free(t);
}
END_TEST

START_TEST(gradients_are_differences) {
  const double x1[] = {0.3, -1.2, 2.5, 0.7, 1.0, -0.4}, x2[] = {1.0, 0.5, 1.5, -0.2, 3.0, -2.0};
  const double y[] = {1.0, -1.0, -1.0, 1.0, 1.0, 0.5}, margins[] = {0.0, 0.25, -0.3, 100.0};
  const char *const words[] = {"mean", "sum", "none"};
  for (int m = 0; m < 4; m++) {
    for (int r = 0; r < 3; r++) {
      lp_trial *t = trial(margins[m], words[r], "2 3", x1, x2, y);
      trial_upstream(t, r == 2 ? "2 3" : "", (double[]){-2.0, 1.0, 0.0, 0.5, 3.0, -1.0});
      run(t);
      check_gradients(t, 1e-6, 1e-6);
      trial_real(t, "target", "2 1", y);
      run(t);
      check_gradients(t, 1e-6, 1e-6);
      trial_free(t);
    }
  }
}
END_TEST

/* ---- Integers: PyTorch 2.13's answers ---- */

START_TEST(an_unsigned_target_wraps_when_it_is_negated) {
  lp_trial *t = trial(0.5, "none", "2", (double[]){1.0, 2.0}, (double[]){0.0, 3.0}, NULL);
  trial_tensor(t, "target", LP_UINT8, "2", (double[]){1.0, 1.0});
  run(t);
  check_same(trial_loss(t, 0), 255.5);
  check_same(trial_loss(t, 1), 0.0);
  check_same(trial_grad(t, "input1", 0), 255.0);
  check_same(trial_grad(t, "input2", 0), -255.0);
  trial_tensor(t, "target", LP_INT8, "2", (double[]){-128.0, -1.0});
  t->c.params[0] = 0.0;
  run(t);
  check_same(trial_grad(t, "input1", 1), 0.0);
  check_same(trial_loss(t, 0), 0.0); /* -(-128) is -128 */
  trial_tensor(t, "target", LP_INT64, "2", (double[]){1.0, 1.0});
  run(t);
  check_same(trial_loss(t, 1), 1.0);
  ck_assert(!trial_has_grad(t, "target"));
  trial_free(t);
}
END_TEST

START_TEST(differences_and_products_of_integers_wrap) {
  lp_trial *t = trial(0.0, "none", "2", NULL, NULL, (double[]){1.0, 1.0});
  trial_tensor(t, "input1", LP_INT8, "2", (double[]){-128.0, 100.0});
  trial_tensor(t, "input2", LP_INT8, "2", (double[]){100.0, -100.0});
  run(t);
  check_same(trial_loss(t, 0), 0.0);
  check_same(trial_loss(t, 1), 56.0);
  check_same(trial_grad(t, "target", 1), 56.0);
  trial_real(t, "target", "2", (double[]){1e-250, -1.0}); /* big arithmetic */
  run(t);
  check_same(trial_loss(t, 1), 0.0);
  check_same(trial_loss(t, 0), 0.0);
  trial_tensor(t, "input2", LP_UINT8, "2", (double[]){50.0, 200.0});
  trial_tensor(t, "input1", LP_INT8, "2", (double[]){100.0, -100.0});
  trial_tensor(t, "target", LP_UINT8, "2", (double[]){2.0, 3.0});
  run(t);
  check_same(trial_loss(t, 0), 12700.0);
  check_same(trial_loss(t, 1), 0.0);
  t->c.params[0] = 1e308; /* big arithmetic */
  run(t);
  check_same(trial_loss(t, 0), 1e308);
  trial_free(t);
}
END_TEST

START_TEST(one_integer_input) {
  lp_trial *t = trial(0.5, "none", "2", (double[]){1.0, 0.0}, NULL, (double[]){1.0, 1.0});
  trial_tensor(t, "input2", LP_INT64, "2", (double[]){0.0, 1.0});
  run(t);
  check_same(trial_loss(t, 1), 1.5);
  check_same(trial_grad(t, "target", 1), 1.0);
  ck_assert(!trial_has_grad(t, "input2"));
  trial_real(t, "input1", "2", (double[]){1e308, 0.0});
  run(t);
  check_same(trial_loss(t, 0), 0.0);
  trial_real(t, "input2", "2", (double[]){0.0, 3.0});
  trial_tensor(t, "input1", LP_INT64, "2", (double[]){1.0, 0.0});
  run(t);
  check_same(trial_loss(t, 1), 3.5);
  t->c.inputs[1].f64[0] = -1e308;
  run(t);
  check_same(trial_loss(t, 0), 0.0);
  check_same(trial_loss(t, 1), 3.5);
  trial_free(t);
}
END_TEST

/* ---- What PyTorch refuses ---- */

START_TEST(refusals) {
  static const char *const names[] = {"input1", "input2", "target"};
  for (int k = 0; k < 3; k++) {
    lp_trial *t = trial(0.0, "mean", "2", NULL, NULL, NULL);
    trial_tensor(t, names[k], LP_BOOL, "2", NULL);
    ck_assert_int_eq(trial_run(t), LP_REJECTED);
    check_refused(t, LP_REJECT_DTYPE, "expected a dtype that can be subtracted and negated, got bool");
    trial_free(t);
  }
  lp_trial *t = trial(0.0, "mean", "2 2", NULL, NULL, NULL);
  trial_real(t, "target", "2", NULL);
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_RANK, "target: expected the rank of input1, 2, got 1");
  trial_real(t, "target", "3 2", NULL);
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_SHAPE, "target of shape (3, 2)");
  trial_free(t);
}
END_TEST

/* The generator meets every regime. */
START_TEST(drawing) {
  const lp_loss *loss = lp_registry_find("margin_ranking");
  const lp_param_spec *margin = &loss->params[0];
  uint64_t regimes = 0;
  for (int seed = 0; seed < 400; seed++) {
    const char *const shape = seed % 7 ? "4" : "0";
    lp_trial *t = trial(margin->values[seed % margin->n_values], "mean", shape, NULL, NULL, NULL);
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
  const TTest *const tests[] = {active_and_inactive,
                                at_the_kink_the_gradient_passes,
                                rounding_does_not_move_the_kink,
                                non_finite_numbers_follow_pytorch,
                                an_infinite_upstream_gradient_stops_at_an_inactive_hinge,
                                reductions_and_broadcasting,
                                empty_and_0_d,
                                finite_where_pytorch_overflows,
                                gradients_are_differences,
                                an_unsigned_target_wraps_when_it_is_negated,
                                differences_and_products_of_integers_wrap,
                                one_integer_input,
                                refusals,
                                drawing};
  return run_tests("margin_ranking", tests, sizeof tests / sizeof tests[0]);
}
