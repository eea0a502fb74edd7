#include <math.h>

#include "reference/draw.h"
#include "reference/tests/testing.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static const double E = 0x1.197998p-40; /* float32(1e-12) */

static lp_trial *pair_of(const char *shape, const double *x, const double *y, const char *target_shape,
                         const double *target, const char *reduction) {
  lp_trial *t = trial_new("cosine_embedding");
  trial_reduction(t, reduction);
  trial_real(t, "input1", shape, x);
  trial_real(t, "input2", shape, y);
  trial_real(t, "target", target_shape, target);
  return t;
}

static void run_it(lp_trial *t) { ck_assert_int_eq(trial_run(t), LP_OK); }

static lp_trial *run_row(const char *shape, const double *x, const double *y, double label, double margin) {
  lp_trial *t = pair_of(shape, x, y, "", &label, "none");
  trial_param(t, "margin", margin);
  run_it(t);
  return t;
}

START_TEST(by_hand) {
  lp_trial *t = run_row("2", (double[]){3, 4}, (double[]){4, 3}, 1, 0.25);
  check_near(trial_loss(t, 0), 1 - 24.0 / 25, 1e-12);
  check_near(trial_grad(t, "input1", 0), -(4 / 25.0 - 0.96 * 3 / 25), 1e-12);
  check_near(trial_grad(t, "input2", 1), -(4 / 25.0 - 0.96 * 3 / 25), 1e-12);
  ck_assert(!trial_has_grad(t, "target"));
  ck_assert(trial_regime(t, "target=1") && trial_regime(t, "unbatched") && !trial_regime(t, "active"));
  trial_free(t);
  t = run_row("2", (double[]){3, 4}, (double[]){4, 3}, -1, 0.25);
  check_near(trial_loss(t, 0), 0.71, 1e-12);
  check_near(trial_grad(t, "input1", 0), 4 / 25.0 - 0.96 * 3 / 25, 1e-12);
  ck_assert(trial_regime(t, "target=-1") && trial_regime(t, "active") && !trial_regime(t, "inactive"));
  trial_free(t);
  t = run_row("2", (double[]){3, 4}, (double[]){4, 3}, -1, 0.97);
  check_same(trial_loss(t, 0), 0.0);
  check_near(trial_grad(t, "input1", 0), 0, 0);
  ck_assert(trial_regime(t, "inactive"));
  trial_free(t);
}
END_TEST

START_TEST(other_targets_do_not_count) {
  static const double labels[] = {0, 2, -5, 0.5, NAN, INFINITY};
  for (int i = 0; i < COUNT(labels); i++) {
    lp_trial *t = run_row("2", (double[]){3, 4}, (double[]){4, 3}, labels[i], 0);
    check_same(trial_loss(t, 0), 0.0);
    check_near(trial_grad(t, "input1", 0), 0, 0);
    ck_assert(trial_regime(t, "target-other"));
    trial_upstream(t, "", (double[]){INFINITY});
    run_it(t);
    check_near(trial_grad(t, "input2", 1), 0, 0);
    trial_free(t);
  }
}
END_TEST

START_TEST(a_nan_is_no_zero) {
  lp_trial *t = run_row("1", (double[]){NAN}, (double[]){1}, 1, 0);
  ck_assert(!trial_regime(t, "zero-vector") && trial_regime(t, "special"));
  trial_free(t);
}
END_TEST

/* A row of zeros shows the constant that is added: the slope is y / sqrt(E (y.y + E)). */
START_TEST(epsilon_is_a_float) {
  lp_trial *t = run_row("3", (double[]){0, 0, 0}, (double[]){1, 2, 3}, 1, 0);
  check_same(trial_loss(t, 0), 1.0);
  check_near(trial_grad(t, "input1", 0), -267261.2424463765, 1e-9);
  check_near(trial_grad(t, "input2", 0), 0, 0);
  ck_assert(trial_regime(t, "zero-vector") && trial_regime(t, "epsilon-dominates"));
  trial_free(t);
  t = run_row("1", (double[]){1e-7}, (double[]){1e-7}, 1, 0);
  check_near(trial_loss(t, 0), E / (1e-14 + E), 1e-16);
  ck_assert(!trial_regime(t, "zero-vector") && trial_regime(t, "epsilon-dominates"));
  trial_free(t);
}
END_TEST

/* 1 - cos of parallel rows is about E/2 (1/x.x + 1/y.y), far below the rounding of cos. */
START_TEST(parallel_rows_keep_their_digits) {
  lp_trial *t = run_row("1", (double[]){2}, (double[]){4}, 1, 0);
  check_near(trial_loss(t, 0), E / 2 * (0.25 + 0.0625), 1e-24);
  trial_free(t);
  const double x[] = {1e4, 2e4, 3e4}, y[] = {1e4, 2e4, 3e4 + 0x1p-38};
  t = run_row("3", x, y, 1, 0);
  check_near(trial_loss(t, 0), E / 1.4e9, 1e-31);
  trial_free(t);
}
END_TEST

START_TEST(kinks) {
  lp_trial *t = run_row("2", (double[]){1, 0}, (double[]){0, 1}, -1, 0);
  check_same(trial_loss(t, 0), 0.0);
  check_near(trial_grad(t, "input1", 1), 1 / (1 + E), 2e-16);
  ck_assert(trial_regime(t, "kink") && trial_regime(t, "active") && !trial_regime(t, "near-kink"));
  trial_free(t);
  t = run_row("2", (double[]){1, 0}, (double[]){-0x1p-53, 1}, -1, 0);
  check_same(trial_loss(t, 0), 0.0);
  check_near(trial_grad(t, "input1", 1), 0, 0);
  ck_assert(!trial_regime(t, "near-kink") && trial_regime(t, "inactive"));
  trial_free(t);
  t = run_row("1", (double[]){1e9}, (double[]){1e9}, -1, 1);
  ck_assert(trial_regime(t, "near-kink") && trial_regime(t, "inactive"));
  trial_free(t);
}
END_TEST

/* x.y = 1 - (1 + 2^-52)(1 - 2^-52) - 2^-104 is 0, but plain sums find -2^-104. */
START_TEST(kink_that_rounding_misses) {
  const double x[] = {1, 1 + 0x1p-52, 0x1p-52}, y[] = {1, -(1 - 0x1p-52), -0x1p-52};
  lp_trial *t = run_row("3", x, y, -1, 0);
  check_same(trial_loss(t, 0), 0.0);
  ck_assert(trial_regime(t, "kink") && trial_regime(t, "near-kink"));
  trial_free(t);
}
END_TEST

/* x.y = 2^-2148 over E is above 0, but no double is. */
START_TEST(no_kink_where_the_cosine_underflows) {
  lp_trial *t = run_row("1", (double[]){5e-324}, (double[]){5e-324}, -1, 0);
  check_same(trial_loss(t, 0), 0.0);
  ck_assert(!trial_regime(t, "kink") && trial_regime(t, "active"));
  trial_free(t);
}
END_TEST

/* A row of one number beside one of none: the sum over no products is 0, and the norm need only be a number. */
static lp_trial *beside_nothing(lp_dtype dtype, const double *x) {
  lp_trial *t = pair_of("1 0", NULL, x, "1", (double[]){1}, "sum");
  trial_tensor(t, "input2", dtype, "1 1", x);
  run_it(t);
  return t;
}

START_TEST(rows_beside_nothing) {
  static const double numbers[] = {2.0, INFINITY, -INFINITY, 1e200};
  for (int i = 0; i < 4; i++) {
    lp_trial *t = beside_nothing(LP_FLOAT64, &numbers[i]);
    check_same(trial_loss(t, 0), 1.0);
    ck_assert((isnan(trial_grad(t, "input2", 0)) != 0) == (isinf(numbers[i]) != 0));
    trial_free(t);
  }
  lp_trial *t = beside_nothing(LP_FLOAT64, (double[]){NAN});
  ck_assert(isnan(trial_loss(t, 0)) && isnan(trial_grad(t, "input2", 0)));
  trial_free(t);
  t = beside_nothing(LP_INT16, (double[]){710.0}); /* its square wraps to a negative number */
  ck_assert(isnan(trial_loss(t, 0)) && !trial_regime(t, "zero-vector"));
  trial_free(t);
}
END_TEST

static const double x20[] = {0.3, -1.2, 0.7,  2.1,  -0.4, 0.9, 0.35,  -0.15, 1.6,  0.2,
                             0.4, 0.25, -0.6, 0.85, 1.2,  0.3, -1.25, 0.7,   2.15, -0.45};
static const double y20[] = {0.11, -0.93, 0.52,  1.17, 0.64, 0.22, -0.31, -0.47, 1.13, 0.75,
                             0.98, 0.56,  -0.12, 0.39, 1.51, 0.83, -0.74, 0.19,  1.15, 0.08};

START_TEST(gradients_are_derivatives) {
  const char *const words[] = {"none", "mean", "sum"};
  for (int k = 0; k < 3; k++) {
    lp_trial *t = pair_of("4 5", x20, y20, "4", (double[]){1, -1, 0, 1}, words[k]);
    trial_param(t, "margin", -0.5);
    if (k == 0) trial_upstream(t, "4", (double[]){0.5, -2, 3, 1});
    run_it(t);
    check_gradients(t, 1e-5, 1e-8);
    trial_free(t);
    t = pair_of("2 10", x20, y20, "2", (double[]){1, -1}, words[k]);
    run_it(t);
    check_gradients(t, 1e-5, 1e-8);
    trial_free(t);
  }
}
END_TEST

START_TEST(reductions_count_every_row) {
  lp_trial *t = pair_of("3 1", (double[]){1, 1, 1}, (double[]){-1, -1, -1}, "3", (double[]){1, 0, 7}, "mean");
  run_it(t);
  check_near(trial_loss(t, 0), 2.0 / 3, 1e-12);
  trial_reduction(t, "sum");
  run_it(t);
  check_near(trial_loss(t, 0), 2, 1e-11);
  trial_free(t);
}
END_TEST

START_TEST(broadcast_rows) {
  lp_trial *t = pair_of("1 5", x20, y20, "4", (double[]){1, -1, 0, -1}, "mean");
  trial_real(t, "input2", "4 5", y20);
  trial_param(t, "margin", -0.75);
  run_it(t);
  ck_assert(trial_regime(t, "broadcast") && !trial_regime(t, "unequal-widths"));
  check_gradients(t, 1e-5, 1e-8);
  trial_real(t, "input2", "1 5", y20);
  run_it(t);
  check_gradients(t, 1e-5, 1e-8);
  trial_real(t, "input1", "4 5", x20);
  trial_real(t, "target", "1", (double[]){1});
  run_it(t);
  check_gradients(t, 1e-5, 1e-8);
  trial_real(t, "input2", "4 5", y20);
  run_it(t);
  ck_assert(trial_regime(t, "broadcast"));
  trial_free(t);
}
END_TEST

/* Norms are taken before stretching: cos = 1 (1 + 2 + 3) / (1 sqrt 14) is above 1. */
START_TEST(stretched_rows) {
  lp_trial *t = pair_of("1", (double[]){1}, NULL, "", (double[]){1}, "none");
  trial_real(t, "input2", "3", (double[]){1, 2, 3});
  run_it(t);
  check_near(trial_loss(t, 0), 1 - 6 / sqrt(14), 1e-11);
  ck_assert(trial_regime(t, "unequal-widths"));
  check_gradients(t, 1e-6, 1e-8);
  trial_real(t, "input2", "10", x20);
  run_it(t);
  check_near(trial_loss(t, 0), 1 - 4.4 / sqrt(10.145), 1e-11);
  trial_real(t, "input1", "3", (double[]){1, 2, -4});
  trial_real(t, "input2", "1", (double[]){-2});
  run_it(t);
  check_gradients(t, 1e-6, 1e-8);
  trial_upstream(t, "", (double[]){1e-300});
  run_it(t);
  check_near(trial_grad(t, "input1", 0), -1e-300 * (-1 / sqrt(21) - 2 / sqrt(84) / 21), 1e-311);
  trial_upstream(t, "", (double[]){NAN});
  run_it(t);
  check_same(trial_grad(t, "input2", 0), NAN);
  trial_free(t);
}
END_TEST

START_TEST(degenerate_shapes) {
  lp_trial *t = pair_of("2 0", NULL, NULL, "2", (double[]){1, -1}, "none");
  trial_param(t, "margin", -0.5);
  run_it(t);
  check_same(trial_loss(t, 0), 1.0);
  check_same(trial_loss(t, 1), 0.5);
  ck_assert(trial_regime(t, "empty-vector"));
  trial_free(t);
  t = pair_of("0 3", NULL, NULL, "0", NULL, "mean");
  run_it(t);
  check_same(trial_loss(t, 0), NAN);
  ck_assert(trial_regime(t, "empty-batch"));
  trial_reduction(t, "sum");
  run_it(t);
  check_same(trial_loss(t, 0), 0.0);
  trial_free(t);
  t = pair_of("0", NULL, NULL, "", (double[]){1}, "none");
  trial_real(t, "input2", "1", (double[]){3});
  run_it(t);
  check_same(trial_loss(t, 0), 1.0);
  check_near(trial_grad(t, "input2", 0), 0, 0);
  trial_free(t);
}
END_TEST

START_TEST(extreme_rows) {
  lp_trial *t = run_row("3", (double[]){1e200, 1e200, 1e200}, (double[]){1e200, 1e200, 1e200}, 1, 0);
  check_near(trial_loss(t, 0), 0, 1e-31);
  check_near(trial_grad(t, "input1", 0), 0, 1e-220);
  ck_assert(trial_regime(t, "extreme"));
  trial_free(t);
  t = run_row("2", (double[]){3e200, 4e200}, (double[]){4, 3}, -1, 0.25);
  check_near(trial_loss(t, 0), 0.71, 1e-12);
  check_near(trial_grad(t, "input1", 0), (4 / 25.0 - 0.96 * 3 / 25) * 1e-200, 1e-212);
  trial_free(t);
  t = run_row("2", (double[]){3e200, 4e200}, (double[]){4, 3}, -1, 0.99);
  check_same(trial_loss(t, 0), 0.0);
  trial_free(t);
  t = run_row("2", (double[]){3e200, 4e200}, (double[]){4, 3}, 0, 0);
  check_same(trial_loss(t, 0), 0.0);
  trial_free(t);
  t = run_row("1", (double[]){1e-310}, (double[]){1}, -1, 0);
  check_near(trial_loss(t, 0), 1e-310 / sqrt(E), 1e-315);
  trial_free(t);
  t = run_row("1", (double[]){1e200}, (double[]){1}, -1, -INFINITY);
  check_same(trial_loss(t, 0), INFINITY);
  trial_free(t);
}
END_TEST

START_TEST(extreme_stretched_rows) {
  lp_trial *t = pair_of("1", (double[]){1e200}, NULL, "", (double[]){1}, "none");
  trial_real(t, "input2", "3", (double[]){1, 2, 3});
  run_it(t);
  check_near(trial_loss(t, 0), 1 - 6 / sqrt(14), 1e-11);
  check_near(trial_grad(t, "input1", 0), 0, 1e-215);
  trial_free(t);
}
END_TEST

START_TEST(extreme_upstream) {
  lp_trial *t = run_row("2", (double[]){3, 4}, (double[]){4, 3}, 1, 0);
  trial_upstream(t, "", (double[]){1e300});
  run_it(t);
  check_near(trial_grad(t, "input1", 0), -1e300 * (4 / 25.0 - 0.96 * 3 / 25), 1e288);
  ck_assert(trial_regime(t, "extreme"));
  trial_upstream(t, "", (double[]){INFINITY});
  run_it(t);
  check_near(trial_loss(t, 0), 0.04, 1e-12);
  check_same(trial_grad(t, "input1", 0), NAN);
  ck_assert(trial_regime(t, "special"));
  trial_real(t, "input2", "2", (double[]){-4, 3});
  trial_real(t, "input1", "2", (double[]){-1, -1});
  run_it(t);
  check_same(trial_grad(t, "input1", 1), -INFINITY);
  trial_free(t);
}
END_TEST

/* PyTorch: its squares overflow to inf / inf, its products underflow to 0 inf; the value is the true one. */
START_TEST(infinite_upstream_beyond_the_range_of_doubles) {
  static const double x[][2] = {{1e200, 1}, {-1e-200, 1}}, y[][2] = {{1, 2}, {1e-200, 0}};
  for (int i = 0; i < COUNT(x); i++) {
    lp_trial *t = run_row("2", x[i], y[i], 1, 0);
    trial_upstream(t, "", (double[]){INFINITY});
    run_it(t);
    check_near(trial_loss(t, 0), i == 0 ? 1 - 1 / sqrt(5) : 1, 1e-12);
    for (int k = 0; k < 2; k++) {
      check_same(trial_grad(t, "input1", k), NAN);
      check_same(trial_grad(t, "input2", k), NAN);
    }
    trial_free(t);
  }
}
END_TEST

START_TEST(infinite_upstream_beside_integers) {
  lp_trial *t = run_row("2", (double[]){-1, 2}, (double[]){3, 4}, 1, 0);
  trial_tensor(t, "input2", LP_INT64, "2", (double[]){3, 4});
  trial_upstream(t, "", (double[]){INFINITY});
  run_it(t);
  check_same(trial_grad(t, "input1", 0), -INFINITY);
  check_same(trial_grad(t, "input1", 1), NAN);
  trial_free(t);
}
END_TEST

/* -2e308 and 2e308 for the one element: 1 - cos = 1 - x / sqrt(x^2 + E), times y / sqrt(y^2 + E). */
START_TEST(parts_of_a_stretched_row_overflow) {
  lp_trial *t = pair_of("2 1", (double[]){0.5, 3}, NULL, "2", (double[]){1, 0}, "sum");
  trial_real(t, "input2", "2 2", (double[]){4, 0, 1, 2});
  trial_upstream(t, "", (double[]){1e308});
  run_it(t);
  check_near(trial_grad(t, "input1", 0), -8 * E * 1e308, 1e286);
  check_near(trial_grad(t, "input1", 1), 0, 0);
  trial_free(t);
}
END_TEST

static lp_trial *opposite_rows(const char *upstream_shape, const double *upstream) {
  lp_trial *t = pair_of("3 2", (double[]){0, 1, 0, -1, 5, 6}, NULL, "3", (double[]){1, 1, 0}, "sum");
  trial_real(t, "input2", "1 2", (double[]){0.5, 0});
  if (*upstream_shape) trial_reduction(t, "none");
  trial_upstream(t, upstream_shape, upstream);
  return t;
}

START_TEST(shares_of_rows_overflow) {
  lp_trial *t = opposite_rows("", (double[]){1e308});
  run_it(t);
  check_near(trial_grad(t, "input2", 1), 0, 0);
  trial_real(t, "input1", "3 2", (double[]){0, 1, 0, -1, NAN, 6});
  run_it(t);
  check_same(trial_grad(t, "input2", 1), NAN);
  trial_free(t);
  t = opposite_rows("3", (double[]){1e308, -INFINITY, 1});
  run_it(t);
  check_same(trial_grad(t, "input2", 1), NAN);
  trial_free(t);
}
END_TEST

/* PyTorch: one infinity or NaN, and everything of both rows is NaN, but for the value under other labels. */
START_TEST(infinities_and_nan) {
  static const double x[][2] = {{INFINITY, 1}, {NAN, 1}, {1, 1}, {INFINITY, 0}};
  static const double y[][2] = {{1, 1}, {1, 1}, {INFINITY, 1}, {0, INFINITY}};
  for (int i = 0; i < COUNT(x); i++) {
    for (int label = -1; label <= 1; label++) {
      lp_trial *t = run_row("2", x[i], y[i], label, 0.5);
      check_same(trial_loss(t, 0), label == 0 ? 0.0 : NAN);
      for (int k = 0; k < 2; k++) {
        check_same(trial_grad(t, "input1", k), NAN);
        check_same(trial_grad(t, "input2", k), NAN);
      }
      ck_assert(trial_regime(t, "special"));
      trial_free(t);
    }
  }
}
END_TEST

START_TEST(special_margins) {
  static const double margins[] = {NAN, INFINITY, -INFINITY}, losses[] = {NAN, 0, INFINITY};
  for (int i = 0; i < 3; i++) {
    lp_trial *t = run_row("2", (double[]){3, 4}, (double[]){4, 3}, -1, margins[i]);
    check_same(trial_loss(t, 0), losses[i]);
    check_near(trial_grad(t, "input1", 0), i == 2 ? 4 / 25.0 - 0.96 * 3 / 25 : 0, 1e-12);
    ck_assert(trial_regime(t, "special"));
    trial_free(t);
  }
}
END_TEST

/* Squares in the tensor's own dtype, which wraps; the sum rounded to float32, where E disappears beside 1. */
START_TEST(integer_rows) {
  typedef struct integer_case {
    lp_dtype dtype;
    double x, norm;
  } integer_case;
  static const integer_case cases[] = {
      {LP_INT64, 3, 9},  {LP_INT64, 5001, 25010000}, {LP_INT32, 65537, 131073}, {LP_INT16, 257, 513},
      {LP_INT8, 17, 33}, {LP_UINT8, 17, 33},         {LP_BOOL, 1, 1},           {LP_INT64, 4294967296.0, 0},
  };
  for (int i = 0; i < COUNT(cases); i++) {
    lp_trial *t = run_row("1", NULL, (double[]){2}, 1, 0);
    trial_tensor(t, "input1", cases[i].dtype, "1", &cases[i].x);
    run_it(t);
    const double norm = cases[i].norm == 0 ? E : cases[i].norm;
    check_near(trial_loss(t, 0), 1 - 2 * cases[i].x / sqrt(norm * (4 + E)), 1e-14 * (1 + cases[i].x / sqrt(norm)));
    ck_assert(trial_regime(t, "integer-input") && !trial_has_grad(t, "input1") && trial_has_grad(t, "input2"));
    trial_free(t);
  }
  lp_trial *t = run_row("1", (double[]){1e200}, NULL, 1, 0);
  trial_tensor(t, "input2", LP_INT64, "1", (double[]){3});
  run_it(t);
  check_near(trial_loss(t, 0), 0, 1e-16);
  trial_tensor(t, "input2", LP_INT8, "1", (double[]){12}); /* 144 wraps to -112, whose root is NaN */
  run_it(t);
  check_same(trial_loss(t, 0), NAN);
  trial_free(t);
}
END_TEST

static void refuse(lp_trial *t, lp_reject reason, const char *text) {
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, reason, text);
}

START_TEST(refusals) {
  lp_trial *t = pair_of("2 3", NULL, NULL, "2 1", NULL, "none");
  refuse(t, LP_REJECT_RANK, "target");
  trial_real(t, "target", "", NULL);
  refuse(t, LP_REJECT_RANK, "input1: expected 1 dimensions with a target of 0, got 2");
  trial_real(t, "target", "3", NULL);
  refuse(t, LP_REJECT_SHAPE, "target of shape (3) does not broadcast with input1 of shape (2, 3)");
  trial_real(t, "target", "2", NULL);
  trial_real(t, "input2", "3", NULL);
  refuse(t, LP_REJECT_RANK, "input2: expected 2 dimensions");
  trial_real(t, "input2", "2 4", NULL);
  refuse(t, LP_REJECT_SHAPE, "input1 with a last axis of 3 does not broadcast with input2 with 4");
  trial_real(t, "input2", "2 3", NULL);
  trial_upstream(t, "", NULL);
  refuse(t, LP_REJECT_GRAD_OUTPUT, "(2)");
  trial_reduction(t, "batchmean");
  refuse(t, LP_REJECT_REDUCTION, "batchmean");
  trial_free(t);
}
END_TEST

START_TEST(drawn_values) {
  static const lp_dtype dtypes[] = {LP_FLOAT64, LP_INT64, LP_UINT8, LP_BOOL};
  for (int value = 0; value < lp_registry_find("cosine_embedding")->n_value_classes; value++) {
    for (int seed = 0; seed < 60; seed++) {
      lp_rng rng = lp_rng_for_case((uint64_t)seed, "draw");
      lp_trial *t = pair_of("3 3", NULL, NULL, "3", NULL, "none");
      trial_tensor(t, "target", dtypes[seed % 4], "3", NULL);
      if (seed % 3 == 1) trial_real(t, "input2", "1 3", NULL);
      if (seed % 3 == 2) trial_real(t, "input2", "3 1", NULL);
      if (seed % 5 == 1) trial_real(t, "input1", "1 3", NULL);
      if (seed % 5 == 2) trial_real(t, "input1", "3 1", NULL);
      if (seed % 7 == 1) trial_tensor(t, "input2", LP_INT64, "3 3", NULL);
      if (seed % 15 == 7) trial_real(t, "input2", "3 1", NULL);
      t->c.loss->draw(&t->c, &rng, value);
      run_it(t);
      trial_free(t);
    }
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {by_hand,
                                other_targets_do_not_count,
                                a_nan_is_no_zero,
                                epsilon_is_a_float,
                                parallel_rows_keep_their_digits,
                                kinks,
                                kink_that_rounding_misses,
                                no_kink_where_the_cosine_underflows,
                                rows_beside_nothing,
                                gradients_are_derivatives,
                                reductions_count_every_row,
                                broadcast_rows,
                                stretched_rows,
                                degenerate_shapes,
                                extreme_rows,
                                extreme_stretched_rows,
                                extreme_upstream,
                                infinite_upstream_beyond_the_range_of_doubles,
                                infinite_upstream_beside_integers,
                                parts_of_a_stretched_row_overflow,
                                shares_of_rows_overflow,
                                infinities_and_nan,
                                special_margins,
                                integer_rows,
                                refusals,
                                drawn_values};
  return run_tests("cosine_embedding", tests, COUNT(tests));
}
