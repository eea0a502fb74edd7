#include <math.h>

#include "reference/draw.h"
#include "reference/tests/testing.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Rows of C classes under reduction none, run. weight: C numbers or NULL. */
static lp_trial *batch(const char *shape, const double *x, const char *target_shape, const int64_t *target,
                       const char *weight_shape, const double *weight, double p, double margin) {
  lp_trial *t = trial_new("multi_margin");
  trial_reduction(t, "none");
  trial_real(t, "input", shape, x);
  trial_index(t, "target", target_shape, target);
  if (weight_shape) trial_real(t, "weight", weight_shape, weight);
  trial_param(t, "p", p);
  trial_param(t, "margin", margin);
  return t;
}

static lp_trial *run_row(const char *classes, const double *x, int64_t target, const double *weight, double p,
                         double margin) {
  lp_trial *t = batch(classes, x, "", &target, weight ? classes : NULL, weight, p, margin);
  ck_assert_int_eq(trial_run(t), LP_OK);
  return t;
}

START_TEST(linear_by_hand) {
  lp_trial *t = run_row("4", (double[]){0.1, 0.2, 0.4, 0.8}, 3, NULL, 1, 1);
  check_near(trial_loss(t, 0), 0.325, 1e-15);
  for (int d = 0; d < 3; d++) check_same(trial_grad(t, "input", d), 0.25);
  check_same(trial_grad(t, "input", 3), -0.75);
  ck_assert(trial_regime(t, "linear") && trial_regime(t, "active") && !trial_regime(t, "separated"));
  ck_assert(trial_regime(t, "unbatched") && !trial_regime(t, "weighted") && !trial_regime(t, "0-d"));
  trial_free(t);
}
END_TEST

/* The weight stands outside the power. */
START_TEST(squared_and_weighted_by_hand) {
  lp_trial *t = run_row("4", (double[]){0.1, 0.2, 0.4, 0.8}, 3, (double[]){1, 1, 1, 5}, 2, 1);
  check_near(trial_loss(t, 0), 5 * (0.09 + 0.16 + 0.36) / 4, 1e-15);
  check_near(trial_grad(t, "input", 0), 5 * 2 * 0.3 / 4, 1e-15);
  check_near(trial_grad(t, "input", 3), -5 * 2 * 1.3 / 4, 1e-15);
  ck_assert(!trial_has_grad(t, "weight"));
  ck_assert(trial_regime(t, "squared") && trial_regime(t, "weighted"));
  trial_free(t);
}
END_TEST

START_TEST(weights_of_any_sign) {
  const double x[] = {1, 2, 3, 4};
  lp_trial *t = run_row("4", x, 0, (double[]){-1, 1, 1, 1}, 1, 1);
  check_near(trial_loss(t, 0), -2.25, 0);
  ck_assert(trial_regime(t, "weight-negative") && !trial_regime(t, "weight-zero"));
  trial_free(t);
  t = run_row("4", x, 0, (double[]){0, 1, 1, 1}, 1, 1);
  check_near(trial_loss(t, 0), 0, 0);
  ck_assert(trial_regime(t, "weight-zero"));
  trial_free(t);
}
END_TEST

START_TEST(kink_is_strict) {
  lp_trial *t = run_row("3", (double[]){1, 0, 0.5}, 0, NULL, 1, 1);
  check_near(trial_loss(t, 0), 0.5 / 3, 1e-17);
  check_near(trial_grad(t, "input", 1), 0, 0);
  check_near(trial_grad(t, "input", 2), 1.0 / 3, 1e-16);
  ck_assert(trial_regime(t, "kink") && !trial_regime(t, "near-kink"));
  trial_free(t);
  t = run_row("2", (double[]){1, 0x1p-53}, 0, NULL, 1, 1);
  check_near(trial_grad(t, "input", 1), 0.5, 0);
  ck_assert(trial_regime(t, "near-kink") && trial_regime(t, "active") && !trial_regime(t, "kink"));
  trial_free(t);
  t = run_row("2", (double[]){1, -0x1p-53}, 0, NULL, 2, 1);
  check_near(trial_grad(t, "input", 1), 0, 0);
  ck_assert(trial_regime(t, "near-kink") && trial_regime(t, "inactive") && trial_regime(t, "separated"));
  trial_free(t);
}
END_TEST

/* margin - x_y rounds, z does not: 1 - 1e17 + 1e17 is 1. */
START_TEST(switch_is_exact) {
  lp_trial *t = run_row("2", (double[]){1e17, 1e17}, 0, NULL, 1, 1);
  check_near(trial_loss(t, 0), 0.5, 0);
  check_near(trial_grad(t, "input", 1), 0.5, 0);
  ck_assert(trial_regime(t, "near-kink") && trial_regime(t, "active"));
  trial_free(t);
  t = run_row("2", (double[]){1 + 0x1p-52, 1}, 0, NULL, 1, 0x1p-52);
  ck_assert(trial_regime(t, "kink") && !trial_regime(t, "near-kink"));
  trial_free(t);
}
END_TEST

/* The square of z and its product with the weight are rounded once together. */
START_TEST(one_rounding) {
  const double z = 0x1.0010530d10000p+0;
  lp_trial *t = run_row("2", (double[]){0, z - 1}, 0, (double[]){0x1.1e2febc000000p+0, 1}, 2, 1);
  check_same(trial_loss(t, 0), 0x1.1e546c97a8917p-1);
  trial_free(t);
  t = run_row("2", (double[]){0, 0x1p-54}, 0, (double[]){3, 1}, 2, 1); /* z is 1 + 2^-54 */
  check_same(trial_loss(t, 0), 1.5 + 0x1p-52);
  trial_free(t);
}
END_TEST

START_TEST(reductions) {
  const double x[] = {1, 2, 4, 0.5, 0.25, -3};
  const int64_t y[] = {0, 1};
  lp_trial *t = batch("2 3", x, "2", y, "3", (double[]){2, 1, 1}, 1, 1);
  ck_assert_int_eq(trial_run(t), LP_OK);
  const double first = trial_loss(t, 0), second = trial_loss(t, 1), slope = trial_grad(t, "input", 2);
  check_near(first, 2 * (2.0 + 4.0) / 3, 1e-15);
  check_near(second, 1.25 / 3, 1e-15);
  trial_reduction(t, "sum");
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_near(trial_loss(t, 0), first + second, 1e-15);
  check_near(trial_grad(t, "input", 2), slope, 0);
  trial_reduction(t, "mean");
  trial_upstream(t, "", (double[]){3});
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_near(trial_loss(t, 0), (first + second) / 2, 1e-15);
  check_near(trial_grad(t, "input", 2), 1.5 * slope, 1e-15);
  trial_free(t);
}
END_TEST

static void check_all_gradients(double p, const char *reduction, const double *weight) {
  const double x[] = {0.3, -1.2, 0.7,  2.1,  -0.4, 0.9, 0.35, -0.15, 1.6, 0.2,  -0.8, 0.55, 1.05,  -2.0, 0.1,
                      0.4, 0.25, -0.6, 0.85, 1.2,  0.3, -1.2, 0.7,   2.1, -0.4, 0.9,  0.35, -0.15, 1.6,  0.2};
  lp_trial *t = batch("3 10", x, "3", (int64_t[]){9, 0, 4}, weight ? "10" : NULL, weight, p, 0.75);
  trial_reduction(t, reduction);
  if (t->c.reduction == LP_REDUCTION_NONE) trial_upstream(t, "3", (double[]){0.5, -2, 0});
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_gradients(t, 1e-5, 1e-8);
  trial_free(t);
}

START_TEST(gradients_are_derivatives) {
  const double w[] = {1, 2, -0.5, 1, 0.25, 1, 1, 1, 1, 3};
  for (int p = 1; p <= 2; p++) {
    check_all_gradients(p, "none", NULL);
    check_all_gradients(p, "mean", w);
    check_all_gradients(p, "sum", w);
  }
}
END_TEST

START_TEST(degenerate_shapes) {
  lp_trial *t = batch("", (double[]){0.5}, "", (int64_t[]){0}, "1", (double[]){2}, 2, 1);
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_loss(t, 0), 0.0);
  check_near(trial_grad(t, "input", 0), 0, 0);
  ck_assert(trial_regime(t, "0-d") && trial_regime(t, "single-class"));
  trial_free(t);
  t = batch("1 3", (double[]){0.5, 1, 2}, "", (int64_t[]){0}, NULL, NULL, 1, 1);
  ck_assert_int_eq(trial_run(t), LP_OK);
  ck_assert_int_eq(t->plan.term.rank, 0);
  trial_free(t);
  t = batch("2", (double[]){0.5, 1}, "1", (int64_t[]){0}, NULL, NULL, 1, 1);
  ck_assert_int_eq(trial_run(t), LP_OK);
  ck_assert_int_eq(t->plan.term.rank, 1);
  check_same(trial_loss(t, 0), 0.75);
  trial_free(t);
}
END_TEST

START_TEST(empty_batch) {
  lp_trial *t = batch("0 3", NULL, "0", NULL, NULL, NULL, 1, 1);
  ck_assert_int_eq(trial_run(t), LP_OK);
  ck_assert(trial_regime(t, "empty"));
  trial_reduction(t, "sum");
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_loss(t, 0), 0.0);
  trial_reduction(t, "mean");
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_loss(t, 0), NAN);
  trial_tensor(t, "target", LP_INT32, "0", NULL);
  trial_tensor(t, "weight", LP_FLOAT32, "3", NULL);
  ck_assert_int_eq(trial_run(t), LP_OK);
  trial_free(t);
}
END_TEST

/* PyTorch: a NaN z is not active; the upstream gradient multiplies zeros. */
START_TEST(infinities_and_nan) {
  static const double x[5][3] = {
      {INFINITY, 0, 1}, {0, INFINITY, 1}, {0, -INFINITY, INFINITY}, {NAN, 0, 1}, {0, NAN, 1}};
  static const double loss[5] = {0, INFINITY, INFINITY, 0, 2.0 / 3};
  static const double grad[5][3] = {{0, 0, 0}, {-2, 1, 1}, {-1, 0, 1}, {0, 0, 0}, {-1, 0, 1}};
  for (int i = 0; i < 5; i++) {
    lp_trial *t = run_row("3", x[i], 0, NULL, 1, 1);
    check_near(trial_loss(t, 0), loss[i], 1e-16);
    for (int d = 0; d < 3; d++) check_near(trial_grad(t, "input", d), grad[i][d] / 3, 1e-16);
    ck_assert(trial_regime(t, "special"));
    trial_free(t);
  }
  lp_trial *t = run_row("3", x[1], 0, (double[]){0, 1, 1}, 2, 1);
  check_same(trial_loss(t, 0), NAN);
  check_same(trial_grad(t, "input", 1), NAN);
  check_near(trial_grad(t, "input", 2), 0, 0);
  trial_free(t);
  t = run_row("2", (double[]){0, 0.5}, 0, (double[]){NAN, 1}, 1, 1);
  check_same(trial_loss(t, 0), NAN);
  trial_free(t);
  t = run_row("2", (double[]){0, 0.5}, 0, NULL, 2, INFINITY);
  check_same(trial_loss(t, 0), INFINITY);
  check_same(trial_grad(t, "input", 0), -INFINITY);
  trial_free(t);
  t = run_row("3", (double[]){0, 0.5, INFINITY}, 0, NULL, 2, 1);
  check_near(trial_grad(t, "input", 1), 1, 1e-15);
  trial_free(t);
  t = run_row("2", (double[]){0, 0.5}, 0, NULL, 2, NAN);
  check_same(trial_loss(t, 0), 0.0);
  trial_free(t);
}
END_TEST

START_TEST(special_upstream) {
  lp_trial *t = batch("3", (double[]){1, 0, 0.5}, "1", (int64_t[]){0}, NULL, NULL, 1, 1);
  trial_upstream(t, "1", (double[]){INFINITY});
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_near(trial_loss(t, 0), 0.5 / 3, 1e-16);
  check_same(trial_grad(t, "input", 0), -INFINITY);
  check_same(trial_grad(t, "input", 1), NAN);
  check_same(trial_grad(t, "input", 2), INFINITY);
  trial_upstream(t, "1", (double[]){-2});
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_grad(t, "input", 1), -0.0);
  trial_upstream(t, "1", (double[]){1e-300});
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_near(trial_grad(t, "input", 2), 1e-300 / 3, 1e-315);
  trial_free(t);
}
END_TEST

/* Finite rows whose intermediates overflow or underflow although the results do not. */
START_TEST(extreme_rows) {
  lp_trial *t = run_row("2", (double[]){-1e200, 1e200}, 0, (double[]){1e-300, 1}, 2, 1);
  check_near(trial_loss(t, 0), 2e100, 1e85);
  check_near(trial_grad(t, "input", 1), 2e-100, 1e-115);
  check_near(trial_grad(t, "input", 0), -2e-100, 1e-115);
  ck_assert(trial_regime(t, "extreme"));
  trial_free(t);
  t = run_row("3", (double[]){-1e308, 1e308, 1e308}, 0, NULL, 1, 1);
  check_near(trial_loss(t, 0), 4.0 / 3 * 1e308, 1e293);
  trial_free(t);
  t = run_row("2", (double[]){-1e308, -1e308}, 0, NULL, 1, 1.5e308);
  check_near(trial_loss(t, 0), 0.75e308, 1e292);
  trial_free(t);
  t = run_row("2", (double[]){0, 1e-160}, 0, (double[]){1e100, 1}, 2, 0);
  check_near(trial_loss(t, 0), 5e-221, 1e-235);
  trial_free(t);
  t = run_row("2", (double[]){-1e200, 1e200}, 0, (double[]){0, 1}, 2, 1);
  check_same(trial_loss(t, 0), 0.0);
  trial_free(t);
  t = run_row("3", (double[]){0, -1, 1e200}, 0, NULL, 1, 1);
  check_near(trial_grad(t, "input", 1), 0, 0);
  trial_free(t);
  t = run_row("2", (double[]){1e300, 0}, 0, NULL, 2, 1);
  check_same(trial_loss(t, 0), 0.0);
  trial_free(t);
}
END_TEST

/* Rows that overflow a sum in double, whose mean does not; and one that is too large for any. */
START_TEST(mean_of_huge_rows) {
  const double x[] = {-8e307, 8e307, -8e307, 8e307, 0, 0.5};
  lp_trial *t = batch("3 2", x, "3", (int64_t[]){0, 0, 0}, NULL, NULL, 1, 1);
  trial_reduction(t, "mean");
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_near(trial_loss(t, 0), 1.6e308 / 3, 1e293);
  trial_reduction(t, "sum");
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_near(trial_loss(t, 0), 1.6e308, 1e293);
  trial_param(t, "p", 2);
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_loss(t, 0), INFINITY);
  trial_free(t);
}
END_TEST

/* Beside infinite or NaN scores the other components are as exact as ever: here PyTorch's underflow or overflow before
 * they are multiplied by the upstream gradient. */
START_TEST(gradient_beside_special_scores) {
  lp_trial *t = run_row("3", (double[]){0, 0, NAN}, 0, (double[]){0x1p-1074, 1, 1}, 1, 0.5);
  trial_upstream(t, "", (double[]){0x1p+800});
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_near(trial_grad(t, "input", 1), 0x1p-274 / 3, 0x1p-328);
  check_near(trial_grad(t, "input", 0), -0x1p-274 / 3, 0x1p-328);
  trial_free(t);
  t = run_row("3", (double[]){0, 0, -INFINITY}, 0, (double[]){-0x1p+1000, 1, 1}, 2, 0x1p+1000);
  trial_upstream(t, "", (double[]){0x1p-1074});
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_near(trial_grad(t, "input", 1), -0x1p+927 / 3, 0x1p+870);
  check_same(trial_grad(t, "input", 2), 0);
  trial_free(t);
}
END_TEST

/* A NaN score makes a row special, but the squares of its other classes do not overflow before they cancel. */
START_TEST(huge_classes_beside_nan) {
  const double x[] = {0, 0, NAN, NAN, 0, 0};
  lp_trial *t = batch("2 3", x, "2", (int64_t[]){0, 1}, "3", (double[]){0.9, -1.3, 1}, 2, 1e300);
  trial_reduction(t, "sum");
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_loss(t, 0), -INFINITY);
  trial_real(t, "weight", "3", (double[]){1.3, -0.9, 1});
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_loss(t, 0), INFINITY);
  trial_free(t);
}
END_TEST

/* Rows beyond double count as PyTorch's infinities beside an infinite one, each for itself. */
START_TEST(huge_rows_around_an_infinite_one) {
  const double x[] = {0, 0, INFINITY, 0, 0, 0};
  lp_trial *t = batch("3 2", x, "3", (int64_t[]){0, 1, 1}, "2", (double[]){0.25, -1}, 2, 1e300);
  trial_reduction(t, "sum");
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_loss(t, 0), NAN);
  trial_free(t);
}
END_TEST

START_TEST(huge_rows_beside_infinite_ones) {
  const double signs[] = {-1, 1};
  for (int k = 0; k < 2; k++) {
    lp_trial *t =
        batch("2 2", (double[]){0, 1e300, 0, 1}, "2", (int64_t[]){0, 1}, "2", (double[]){signs[k], INFINITY}, 2, 2);
    trial_reduction(t, "mean");
    ck_assert_int_eq(trial_run(t), LP_OK);
    check_same(trial_loss(t, 0), k == 0 ? NAN : INFINITY);
    trial_free(t);
  }
}
END_TEST

static void refuse(lp_trial *t, lp_reject reason, const char *text) {
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, reason, text);
}

START_TEST(refusals) {
  lp_trial *t = batch("2 3", NULL, "2", NULL, NULL, NULL, 1, 1);
  trial_index(t, "target", "2", (int64_t[]){0, 3});
  refuse(t, LP_REJECT_INDEX, "got 3 at position 1");
  trial_index(t, "target", "2", (int64_t[]){-1, 0});
  refuse(t, LP_REJECT_INDEX, "classes 0 to 2");
  trial_tensor(t, "target", LP_INT32, "2", NULL);
  refuse(t, LP_REJECT_DTYPE, "expected int64, got int32");
  trial_index(t, "target", "3", NULL);
  refuse(t, LP_REJECT_SHAPE, "expected 2 class indices");
  trial_index(t, "target", "1 2", NULL);
  refuse(t, LP_REJECT_RANK, "target");
  trial_index(t, "target", "2", NULL);
  trial_real(t, "weight", "2", NULL);
  refuse(t, LP_REJECT_SHAPE, "weight: expected 3 elements");
  trial_tensor(t, "weight", LP_FLOAT32, "3", NULL);
  refuse(t, LP_REJECT_DTYPE, "expected input's dtype float64, got float32");
  trial_real(t, "weight", "3", NULL);
  trial_param(t, "p", 3);
  refuse(t, LP_REJECT_PARAMETER, "p: expected 1 or 2, got 3");
  trial_param(t, "p", 1);
  trial_reduction(t, "batchmean");
  refuse(t, LP_REJECT_REDUCTION, "batchmean");
  trial_reduction(t, "none");
  trial_upstream(t, "3", NULL);
  refuse(t, LP_REJECT_GRAD_OUTPUT, "(2)");
  trial_no_upstream(t);
  trial_real(t, "input", "2 0", NULL);
  refuse(t, LP_REJECT_SHAPE, "at least one class");
  trial_free(t);
}
END_TEST

/* Every value class draws what it says, for shapes that fit and shapes that do not. */
START_TEST(drawn_values) {
  for (int value = 0; value < lp_registry_find("multi_margin")->n_value_classes; value++) {
    for (int seed = 0; seed < 40; seed++) {
      lp_rng rng = lp_rng_for_case((uint64_t)seed, "draw");
      lp_trial *t = batch("3 4", NULL, seed % 5 ? "3" : "2", NULL, seed % 2 ? "4" : NULL, NULL, 1, 1);
      if (seed % 7 == 6) trial_index(t, "target", "0", NULL);
      if (seed % 11 == 10) trial_real(t, "input", "3 0", NULL);
      t->c.loss->draw(&t->c, &rng, value);
      const bool fits = seed % 5 && seed % 7 != 6 && seed % 11 != 10;
      const bool bad = t->c.loss->value_classes[value].rejects;
      if (fits) ck_assert_int_eq(trial_run(t), bad ? LP_REJECTED : LP_OK);
      if (fits && bad) check_refused(t, LP_REJECT_INDEX, "target");
      trial_free(t);
    }
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {linear_by_hand,
                                squared_and_weighted_by_hand,
                                weights_of_any_sign,
                                kink_is_strict,
                                switch_is_exact,
                                one_rounding,

                                reductions,
                                gradients_are_derivatives,
                                degenerate_shapes,
                                empty_batch,
                                infinities_and_nan,
                                special_upstream,
                                gradient_beside_special_scores,
                                extreme_rows,
                                mean_of_huge_rows,
                                huge_rows_around_an_infinite_one,
                                huge_classes_beside_nan,
                                huge_rows_beside_infinite_ones,
                                refusals,
                                drawn_values};
  return run_tests("multi_margin", tests, COUNT(tests));
}
