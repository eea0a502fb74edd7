#include <math.h>

#include "reference/draw.h"
#include "reference/tests/testing.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static lp_trial *batch(const char *shape, const double *x, const char *target_shape, const int64_t *target) {
  lp_trial *t = trial_new("multilabel_margin");
  trial_reduction(t, "none");
  trial_real(t, "input", shape, x);
  trial_index(t, "target", target_shape, target);
  return t;
}

static lp_trial *run_row(const char *classes, const double *x, const int64_t *target) {
  lp_trial *t = batch(classes, x, classes, target);
  ck_assert_int_eq(trial_run(t), LP_OK);
  return t;
}

static const double scores[] = {0.1, 0.2, 0.4, 0.8};

static void check_row(const int64_t target[4], double loss, const double grad[4], const char *regime) {
  lp_trial *t = run_row("4", scores, target);
  check_near(trial_loss(t, 0), loss, 1e-15);
  for (int d = 0; d < 4; d++) check_near(trial_grad(t, "input", d), grad[d], 1e-15);
  ck_assert_msg(trial_regime(t, regime), "not in regime %s", regime);
  trial_free(t);
}

START_TEST(labels_and_terminator) {
  check_row((int64_t[]){3, 0, -1, 1}, 0.85, (double[]){-0.5, 0.5, 0.5, -0.5}, "after-terminator");
  check_row((int64_t[]){-1, 3, 0, 1}, 0.0, (double[]){0, 0, 0, 0}, "no-label");
  check_row((int64_t[]){0, 1, 2, 3}, 0.0, (double[]){0, 0, 0, 0}, "all-labels");
  check_row((int64_t[]){3, 3, -1, 1}, 0.65, (double[]){0.5, 0.5, 0.5, -1.5}, "repeated");
  check_row((int64_t[]){3, 3, 0, -1}, 1.1, (double[]){-0.5, 0.75, 0.75, -1}, "repeated");
  check_row((int64_t[]){3, -1, -1, -1}, 0.325, (double[]){0.25, 0.25, 0.25, -0.75}, "terminated");
  check_row((int64_t[]){3, 0, 3, 0}, 1.7, (double[]){-1, 1, 1, -1}, "unterminated");
}
END_TEST

START_TEST(regimes_of_labels) {
  lp_trial *t = run_row("4", scores, (int64_t[]){3, -1, -1, -1});
  ck_assert(!trial_regime(t, "after-terminator") && !trial_regime(t, "repeated") && !trial_regime(t, "unterminated"));
  ck_assert(!trial_regime(t, "no-label") && !trial_regime(t, "all-labels") && !trial_regime(t, "inactive"));
  ck_assert(trial_regime(t, "unbatched") && !trial_regime(t, "0-d") && !trial_regime(t, "single-class"));
  trial_free(t);
}
END_TEST

START_TEST(kink_is_strict) {
  lp_trial *t = run_row("3", (double[]){1, 0, 0.5}, (int64_t[]){0, -1, 0});
  check_near(trial_loss(t, 0), 0.5 / 3, 1e-17);
  check_near(trial_grad(t, "input", 1), 0, 0);
  check_near(trial_grad(t, "input", 2), 1.0 / 3, 1e-16);
  ck_assert(trial_regime(t, "kink") && !trial_regime(t, "near-kink"));
  trial_free(t);
  t = run_row("2", (double[]){1e17, 1e17}, (int64_t[]){0, -1});
  check_near(trial_loss(t, 0), 0.5, 0);
  ck_assert(trial_regime(t, "near-kink") && trial_regime(t, "active"));
  trial_free(t);
  t = run_row("2", (double[]){1, -0x1p-60}, (int64_t[]){0, -1});
  check_near(trial_loss(t, 0), 0, 0);
  ck_assert(trial_regime(t, "near-kink") && trial_regime(t, "inactive"));
  trial_free(t);
}
END_TEST

START_TEST(reductions) {
  const double x[] = {1, 2, 4, 0.5, 0.25, -3};
  lp_trial *t = batch("2 3", x, "2 3", (int64_t[]){0, -1, 2, 1, 2, -1});
  ck_assert_int_eq(trial_run(t), LP_OK);
  const double first = trial_loss(t, 0), second = trial_loss(t, 1), slope = trial_grad(t, "input", 4);
  check_near(first, (2.0 + 4.0) / 3, 1e-15);
  check_near(second, (1.25 + 4.5) / 3, 1e-15);
  trial_reduction(t, "sum");
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_near(trial_loss(t, 0), first + second, 1e-15);
  trial_reduction(t, "mean");
  trial_upstream(t, "", (double[]){-3});
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_near(trial_loss(t, 0), (first + second) / 2, 1e-15);
  check_near(trial_grad(t, "input", 4), -1.5 * slope, 1e-15);
  trial_free(t);
}
END_TEST

START_TEST(gradients_are_derivatives) {
  const double x[] = {0.3, -1.2, 0.7,  2.1,  -0.4, 0.9, 0.35,  -0.15, 1.6,  0.2,
                      0.4, 0.25, -0.6, 0.85, 1.2,  0.3, -1.25, 0.7,   2.15, -0.45};
  const int64_t target[] = {9, 0, -1, 3, 3, 3, 3, 3, 3, 3, 1, 1, 2, -1, 0, 0, 0, 0, 0, 0};
  const char *const words[] = {"none", "mean", "sum"};
  for (int k = 0; k < 3; k++) {
    lp_trial *t = batch("2 10", x, "2 10", target);
    trial_reduction(t, words[k]);
    if (k == 0) trial_upstream(t, "2", (double[]){0.5, -2});
    ck_assert_int_eq(trial_run(t), LP_OK);
    check_gradients(t, 1e-5, 1e-8);
    trial_free(t);
  }
}
END_TEST

START_TEST(degenerate_shapes) {
  static const char *const shapes[][2] = {{"", ""}, {"", "1"}, {"1", ""}};
  for (int i = 0; i < 3; i++) {
    lp_trial *t = batch(shapes[i][0], (double[]){0.5}, shapes[i][1], (int64_t[]){0});
    ck_assert_int_eq(trial_run(t), LP_OK);
    ck_assert_int_eq(t->plan.term.rank, 0);
    check_same(trial_loss(t, 0), 0.0);
    check_near(trial_grad(t, "input", 0), 0, 0);
    ck_assert(trial_regime(t, "single-class") && trial_regime(t, "0-d") == (i < 2));
    trial_free(t);
  }
}
END_TEST

START_TEST(empty_batch) {
  lp_trial *t = batch("0 3", NULL, "0 3", NULL);
  trial_tensor(t, "target", LP_INT32, "0 3", NULL);
  ck_assert_int_eq(trial_run(t), LP_OK);
  ck_assert(trial_regime(t, "empty"));
  trial_reduction(t, "sum");
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_loss(t, 0), 0.0);
  trial_reduction(t, "mean");
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_loss(t, 0), NAN);
  trial_free(t);
}
END_TEST

/* PyTorch: a NaN z is not active. */
START_TEST(infinities_and_nan) {
  static const double x[5][3] = {
      {INFINITY, 0, 1}, {0, INFINITY, 1}, {0, -INFINITY, INFINITY}, {NAN, 0, 1}, {0, NAN, 1}};
  static const double loss[5] = {0, INFINITY, INFINITY, 0, 2.0 / 3};
  static const double grad[5][3] = {{0, 0, 0}, {-2, 1, 1}, {-1, 0, 1}, {0, 0, 0}, {-1, 0, 1}};
  for (int i = 0; i < 5; i++) {
    lp_trial *t = run_row("3", x[i], (int64_t[]){0, -1, 0});
    check_near(trial_loss(t, 0), loss[i], 1e-16);
    for (int d = 0; d < 3; d++) check_near(trial_grad(t, "input", d), grad[i][d] / 3, 1e-16);
    ck_assert(trial_regime(t, "special"));
    trial_free(t);
  }
}
END_TEST

START_TEST(special_upstream) {
  lp_trial *t = batch("3", (double[]){1, 0, 0.5}, "3", (int64_t[]){0, -1, 0});
  trial_upstream(t, "", (double[]){INFINITY});
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_near(trial_loss(t, 0), 0.5 / 3, 1e-16);
  check_same(trial_grad(t, "input", 0), -INFINITY);
  check_same(trial_grad(t, "input", 1), NAN);
  check_same(trial_grad(t, "input", 2), INFINITY);
  trial_upstream(t, "", (double[]){1e300});
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_near(trial_grad(t, "input", 0), -1e300 / 3, 1e285);
  check_near(trial_grad(t, "input", 1), 0, 0);
  check_near(trial_grad(t, "input", 2), 1e300 / 3, 1e285);
  ck_assert(trial_regime(t, "extreme"));
  trial_free(t);
}
END_TEST

START_TEST(extreme_rows) {
  lp_trial *t = run_row("3", (double[]){-1e308, 1e308, 1e308}, (int64_t[]){0, -1, -1});
  check_near(trial_loss(t, 0), 4.0 / 3 * 1e308, 1e293);
  check_near(trial_grad(t, "input", 0), -2.0 / 3, 1e-16);
  trial_free(t);
  t = run_row("3", (double[]){0, -1, 1e200}, (int64_t[]){0, -1, -1});
  check_near(trial_grad(t, "input", 1), 0, 0);
  trial_free(t);
  t = run_row("3", (double[]){0, 1e200, -1e200}, (int64_t[]){0, -1, -1});
  check_near(trial_loss(t, 0), 1e200 / 3, 1e185);
  check_near(trial_grad(t, "input", 2), 0, 0);
  ck_assert(trial_regime(t, "extreme") && trial_regime(t, "inactive"));
  trial_free(t);
}
END_TEST

/* The sum of two rows overflows, their mean does not. */
START_TEST(mean_of_huge_rows) {
  const double x[] = {-8e307, 8e307, -8e307, 8e307};
  lp_trial *t = batch("2 2", x, "2 2", (int64_t[]){0, -1, 0, 0});
  trial_reduction(t, "mean");
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_near(trial_loss(t, 0), 1.2e308, 1e293);
  trial_free(t);
}
END_TEST

static void refuse(lp_trial *t, lp_reject reason, const char *text) {
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, reason, text);
}

START_TEST(refusals) {
  lp_trial *t = batch("1 4", scores, "1 4", (int64_t[]){3, -1, 9, 1});
  refuse(t, LP_REJECT_INDEX, "-1 or a class 0 to 3, got 9 at position 2");
  trial_index(t, "target", "1 4", (int64_t[]){3, -1, -2, 1});
  refuse(t, LP_REJECT_INDEX, "got -2");
  trial_tensor(t, "target", LP_UINT8, "1 4", NULL);
  refuse(t, LP_REJECT_DTYPE, "expected int64, got uint8");
  trial_index(t, "target", "4", NULL);
  refuse(t, LP_REJECT_SHAPE, "expected input's shape (1, 4), got (4)");
  trial_real(t, "input", "4", scores);
  trial_index(t, "target", "1 4", NULL);
  refuse(t, LP_REJECT_SHAPE, "got (1, 4)");
  trial_index(t, "target", "3", NULL);
  refuse(t, LP_REJECT_SHAPE, "got (3)");
  trial_real(t, "input", "2 0", NULL);
  trial_index(t, "target", "2 0", NULL);
  refuse(t, LP_REJECT_SHAPE, "at least one class");
  trial_real(t, "input", "1 2 2", NULL);
  refuse(t, LP_REJECT_RANK, "input");
  trial_free(t);
}
END_TEST

START_TEST(drawn_values) {
  for (int value = 0; value < lp_registry_find("multilabel_margin")->n_value_classes; value++) {
    for (int seed = 0; seed < 60; seed++) {
      static const char *const odd[] = {"2 4", "0 4", "1 3", "5 4"};
      const bool fits = seed % 5 != 4;
      lp_rng rng = lp_rng_for_case((uint64_t)seed, "draw");
      lp_trial *t = batch(seed == 59 ? "3 0" : "3 4", NULL, fits ? "3 4" : odd[seed / 5 % 4], NULL);
      t->c.loss->draw(&t->c, &rng, value);
      const bool bad = t->c.loss->value_classes[value].rejects;
      if (fits) ck_assert_int_eq(trial_run(t), bad ? LP_REJECTED : LP_OK);
      if (fits && bad) check_refused(t, LP_REJECT_INDEX, "target");
      trial_free(t);
    }
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {
      labels_and_terminator, regimes_of_labels, kink_is_strict,     reductions,       gradients_are_derivatives,
      degenerate_shapes,     empty_batch,       infinities_and_nan, special_upstream, extreme_rows,
      mean_of_huge_rows,     refusals,          drawn_values};
  return run_tests("multilabel_margin", tests, COUNT(tests));
}
