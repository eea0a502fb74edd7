#include <stdio.h>

#include "reference/exact/budget.h"
#include "reference/exact/tests/asking.h"

/* One row without a batch axis, reduction none. weight: C numbers or NULL. */
static lp_trial *row_of(lp_dtype dtype, const char *classes, const double *x, int64_t y, const double *weight, double p,
                        double margin) {
  lp_trial *t = trial_new("multi_margin");
  trial_reduction(t, "none");
  trial_tensor(t, "input", dtype, classes, x);
  trial_index(t, "target", "", &y);
  if (weight) trial_tensor(t, "weight", dtype, classes, weight);
  trial_param(t, "p", p);
  trial_param(t, "margin", margin);
  return t;
}

static const double three[3] = {0.0, 0.5, -2.0}; /* z = 3/2 and -1 */

START_TEST(linear_by_hand) {
  lp_trial *t = row_of(LP_FLOAT64, "3", three, 0, NULL, 1.0, 1.0);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.5);
  check_decimals(number_of(&e, t, "input", 0), "-0.333333333333333333333333333333333333333333333");
  check_decimals(number_of(&e, t, "input", 1), "0.333333333333333333333333333333333333333333333");
  check_double(number_of(&e, t, "input", 2), 0.0);
  ck_assert(enters(&e, t, "active") && enters(&e, t, "inactive") && enters(&e, t, "linear"));
  ck_assert(enters(&e, t, "unbatched") && !enters(&e, t, "separated") && !enters(&e, t, "weighted"));
  ck_assert_int_eq(e.n_kinks, 0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(squared_and_weighted_by_hand) {
  lp_trial *t = row_of(LP_FLOAT64, "3", three, 0, (double[]){2.0, 7.0, 7.0}, 2.0, 1.0);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 1.5);
  check_double(number_of(&e, t, "input", 0), -2.0);
  check_double(number_of(&e, t, "input", 1), 2.0);
  ck_assert(enters(&e, t, "squared") && enters(&e, t, "weighted"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  t->c.inputs[lp_loss_input_index(t->c.loss, "weight")].f64[0] = -2.0;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), -1.5);
  ck_assert(enters(&e, t, "weight-negative") && !enters(&e, t, "weight-zero"));
  lp_exact_clear(&e);
  t->c.inputs[lp_loss_input_index(t->c.loss, "weight")].f64[0] = 0.0;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.0);
  ck_assert(enters(&e, t, "weight-zero"));
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* Partial sums count |margin| + |x_y| + |x_d| = 3/2, z 3/2, both over C, the quotient itself; the idle class adds
 * nothing. Of the slope 1/C only the quotient is rounded. */
START_TEST(scale_by_hand) {
  lp_trial *t = row_of(LP_FLOAT64, "3", three, 0, NULL, 1.0, 1.0);
  lp_exact e;
  ask(&e, t);
  check_scale(number_of(&e, t, NULL, 0), 0.5 + 0.5 + (1.5 + 1.5) / 3.0);
  check_scale(number_of(&e, t, "input", 0), 2.0 / 3.0);
  check_scale(number_of(&e, t, "input", 2), 0.0);
  ck_assert_int_eq(number_of(&e, t, NULL, 0)->terms, 1);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* The component of the target is the sum of six shares, -1/8 each. */
START_TEST(target_gathers_all_classes) {
  lp_trial *t = row_of(LP_FLOAT64, "8", (double[]){0, 0, 1, 2, 3, 4, 5, -1}, 0, NULL, 1.0, 0.5);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 18.0 / 8.0);
  check_double(number_of(&e, t, "input", 0), -0.75);
  ck_assert_int_eq(number_of(&e, t, NULL, 0)->terms, 6);
  ck_assert_int_eq(number_of(&e, t, "input", 0)->terms, 6);
  check_scale(number_of(&e, t, "input", 0), 0.75 + 0.75 + 0.75);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* The mean divides by the rows, not by their weights. */
START_TEST(mean_of_weighted_rows) {
  lp_trial *t = trial_new("multi_margin");
  lp_exact e;
  trial_real(t, "input", "2 2", (double[]){0.0, 1.0, 3.0, 0.5});
  trial_index(t, "target", "2", (int64_t[]){0, 1});
  trial_real(t, "weight", "2", (double[]){4.0, 0.5});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), (4.0 * 2.0 + 0.5 * 3.5) / 4.0);
  check_double(number_of(&e, t, "input", 1), 1.0);
  check_double(number_of(&e, t, "input", 3), -0.125);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

static void check_kink(lp_trial *t, lp_kink_state state, lp_side side, double below, double above) {
  lp_exact e;
  ask(&e, t);
  ck_assert_int_eq(e.n_kinks, 1);
  ck_assert_int_eq(e.kinks[0].state, state);
  ck_assert_int_eq(e.kinks[0].side, side);
  const lp_kink_effect *effect = effect_on(&e, t, 0, "input");
  const double sign = effect->index == 0 ? -1.0 : 1.0;
  ck_assert_int_eq(e.kinks[0].n_effects, 2);
  ck_assert_double_eq(arf_get_d(arb_midref(&effect->change[LP_BELOW + 1]), ARF_RND_NEAR), sign * below);
  ck_assert_double_eq(arf_get_d(arb_midref(&effect->change[LP_AT + 1]), ARF_RND_NEAR), sign * (side ? below : 0.0));
  ck_assert_double_eq(arf_get_d(arb_midref(&effect->change[LP_ABOVE + 1]), ARF_RND_NEAR), sign * above);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}

START_TEST(kinks) {
  check_kink(row_of(LP_FLOAT64, "2", (double[]){1, 0}, 0, NULL, 1, 1), LP_KINK_AT, LP_AT, 0, 0.5);
  check_kink(row_of(LP_FLOAT64, "2", (double[]){1, 0x1p-80}, 0, NULL, 1, 1), LP_KINK_NEAR, LP_ABOVE, -0.5, 0);
  check_kink(row_of(LP_FLOAT64, "2", (double[]){1, -0x1p-80}, 0, NULL, 1, 1), LP_KINK_NEAR, LP_BELOW, 0, 0.5);
}
END_TEST

/* The slope of a square is 0 on both sides: no kink. */
START_TEST(squares_have_no_kink) {
  lp_trial *t = row_of(LP_FLOAT64, "2", (double[]){1, 0}, 0, NULL, 2, 1);
  lp_exact e;
  ask(&e, t);
  ck_assert_int_eq(e.n_kinks, 0);
  ck_assert(enters(&e, t, "kink") && enters(&e, t, "separated"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* A margin of 0.1 is rounded in these dtypes: beside the kink the 0 of an idle class has the scale of its z. */
START_TEST(margin_that_the_dtype_lacks) {
  static const lp_dtype dtypes[] = {LP_FLOAT32, LP_FLOAT16, LP_BFLOAT16};
  for (int k = 0; k < 3; k++) {
    const double x = lp_dtype_round(dtypes[k], 0.1);
    lp_trial *t = row_of(dtypes[k], "2", (double[]){x, 0.0}, 0, NULL, 1, 0.1);
    lp_exact e;
    ask(&e, t);
    ck_assert_int_eq(e.outputs[0].layout.dtype, dtypes[k]);
    ck_assert_int_eq(e.n_kinks, 1);
    ck_assert_int_eq(e.kinks[0].state, LP_KINK_NEAR);
    ck_assert_int_eq(e.kinks[0].side, x > 0.1 ? LP_BELOW : LP_ABOVE);
    ck_assert_double_ge(mag_get_d(&number_of(&e, t, NULL, 0)->scale), 0.05);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

START_TEST(degenerate_shapes) {
  lp_trial *t = row_of(LP_FLOAT64, "1", (double[]){3.0}, 0, NULL, 1, 1);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.0);
  check_double(number_of(&e, t, "input", 0), 0.0);
  ck_assert(enters(&e, t, "single-class") && enters(&e, t, "separated"));
  lp_exact_clear(&e);
  trial_real(t, "input", "", (double[]){3.0});
  ask(&e, t);
  ck_assert(enters(&e, t, "0-d") && enters(&e, t, "single-class"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_real(t, "input", "0 3", NULL);
  trial_index(t, "target", "0", NULL);
  trial_reduction(t, "sum");
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.0);
  ck_assert(enters(&e, t, "empty") && !enters(&e, t, "single-class"));
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

typedef struct special {
  double x0, x1, margin, weight, p, upstream;
  double loss, to_x0, to_x1; /* 1 for any finite number */
} special;

/* As PyTorch 2.13 answers; the target is class 0. */
START_TEST(classes) {
  static const special specials[] = {
      {0, INFINITY, 1, 1, 1, 1, INFINITY, 1, 1},
      {0, INFINITY, 1, 1, 2, 1, INFINITY, -INFINITY, INFINITY},
      {0, -INFINITY, 1, 1, 1, 1, 1, 1, 1},
      {INFINITY, 0, 1, 1, 1, 1, 1, 1, 1},
      {-INFINITY, 0, 1, 1, 1, 1, INFINITY, 1, 1},
      {0, NAN, 1, 1, 1, 1, 1, 1, 1},
      {NAN, 0, 1, 1, 2, 1, 1, 1, 1},
      {0, 0, NAN, 1, 1, 1, 1, 1, 1},
      {0, 0, 1, NAN, 1, 1, NAN, NAN, NAN},
      {0, 0, 1, INFINITY, 1, 1, INFINITY, -INFINITY, INFINITY},
      {3, 0, 1, INFINITY, 1, 1, 1, 1, 1},
      {0, 0, 1, 0, 1, INFINITY, 1, NAN, NAN},
      {0, 0, 1, 1, 1, INFINITY, 1, -INFINITY, INFINITY},
      {3, 0, 1, 1, 1, INFINITY, 1, NAN, NAN},
      {INFINITY, INFINITY, 1, 1, 1, 1, 1, 1, 1},
      {0, INFINITY, 1, 0, 2, 1, NAN, NAN, NAN},
      {0, INFINITY, 1, 0x1p-1074, 2, 1, INFINITY, -INFINITY, INFINITY},
      {0, 1e-200, 0, 1e-300, 2, INFINITY, 1, NAN, NAN},
      {0, 1e-200, 0, 1, 2, INFINITY, 1, -INFINITY, INFINITY},
      {0, NAN, 1, 1, 1, INFINITY, 1, NAN, NAN},
      {0, 0, 1, 1, 2, 0, 1, 1, 1},
  };
  for (size_t k = 0; k < sizeof specials / sizeof specials[0]; k++) {
    const special *s = &specials[k];
    lp_trial *t = row_of(LP_FLOAT64, "2", (double[]){s->x0, s->x1}, 0, (double[]){s->weight, 1.0}, s->p, s->margin);
    lp_exact e;
    trial_upstream(t, "", &s->upstream);
    ask(&e, t);
    ck_assert_msg(number_of(&e, t, NULL, 0)->class == lp_classify(s->loss) &&
                      number_of(&e, t, "input", 0)->class == lp_classify(s->to_x0) &&
                      number_of(&e, t, "input", 1)->class == lp_classify(s->to_x1),
                  "inputs %g %g margin %g weight %g p %g upstream %g", s->x0, s->x1, s->margin, s->weight, s->p,
                  s->upstream);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

static bool is_boundless(const lp_exact_number *n) {
  mag_t none;
  mag_init(none);
  const bool boundless = lp_budget_is_boundless(&n->scale, none);
  mag_clear(none);
  return boundless;
}

/* Accidents of PyTorch's arithmetic that the class hangs on: a share that underflows, beside an infinite weight; a z
 * that is rounded to 0 or overflows; a square, and a sum of shares, that overflow. What they do without them is
 * claimed. */
START_TEST(accidents_are_doubted) {
  static const struct {
    double x0, x1, x2, margin, weight, p;
    bool doubtful;   /* loss and gradient */
    bool value_only; /* doubtful is the loss alone: no square is in the gradient */
  } rows[] = {
      {0, 0, -1, 5e-324, -INFINITY, 2, true, false},
      {0, 0, -1, 1, -INFINITY, 2, false, false},
      {1, 1, -1, 1e-309, NAN, 2, true, false},
      {1, 1, -1, -1e-309, INFINITY, 1, true, false},
      {1, 1, -1, 1, NAN, 2, false, false},
      {1, 1, NAN, 1e-309, 2, 2, false, false},
      {-1e308, -1e308, NAN, 1e308, 1, 1, true, false},
      {0, 0, NAN, 1e300, 1, 2, false, true},
      {0, 0, NAN, 1e300, 1, 1, false, false},
      {0, 0, -INFINITY, 1e300, -9e307, 2, true, false},
      {0, 0, -INFINITY, 1e308, 1e-308, 1, false, false},
      {0, 1e308, -INFINITY, 1e308, 1, 1, true, false},
      {0, 0, -1, 1e300, 1, 2, false, false},
  };
  for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
    lp_trial *t = row_of(LP_FLOAT64, "4", (double[]){rows[k].x0, rows[k].x1, rows[k].x2, -1.0}, 0,
                         (double[]){rows[k].weight, 1.0, 1.0, 1.0}, rows[k].p, rows[k].margin);
    lp_exact e;
    ask(&e, t);
    ck_assert_msg(is_boundless(number_of(&e, t, NULL, 0)) == (rows[k].doubtful || rows[k].value_only), "row %zu", k);
    for (int i = 0; i < 4; i++) {
      const lp_exact_number *n = number_of(&e, t, "input", i);
      ck_assert_msg(is_boundless(n) == rows[k].doubtful, "row %zu", k);
    }
    if (!rows[k].doubtful) check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* Both classes are active by less than rounding: a kernel that has them inactive gives x_y no pull either, NaN. */
START_TEST(idleness_is_doubted) {
  lp_trial *t = row_of(LP_FLOAT64, "3", (double[]){1, 1, 1}, 1, NULL, 1, 0x1p-54);
  lp_exact e;
  trial_upstream(t, "", (double[]){INFINITY});
  ask(&e, t);
  ck_assert(is_boundless(number_of(&e, t, "input", 1)));
  lp_exact_clear(&e);
  t->c.inputs[0].f64[2] = 2.0;
  ask(&e, t);
  ck_assert(!is_boundless(number_of(&e, t, "input", 1)));
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* One active class is enough to pull the target's component to an infinity; the idle one's is 0 times inf. */
START_TEST(infinite_upstream_of_a_mixed_row) {
  lp_trial *t = row_of(LP_FLOAT64, "3", three, 0, NULL, 1, 1);
  lp_exact e;
  trial_upstream(t, "", (double[]){INFINITY});
  ask(&e, t);
  check_class(number_of(&e, t, "input", 0), LP_MINUS_INFINITY);
  check_class(number_of(&e, t, "input", 1), LP_PLUS_INFINITY);
  check_class(number_of(&e, t, "input", 2), LP_NAN);
  ck_assert(enters(&e, t, "special"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* A finite row that overflows in PyTorch, -1e600, beside an infinite one: inf - inf; the other signs: inf. */
START_TEST(huge_rows_beside_infinite_ones) {
  const double signs[] = {-1, 1};
  for (int k = 0; k < 2; k++) {
    lp_trial *t = trial_new("multi_margin");
    lp_exact e;
    trial_param(t, "p", 2);
    trial_param(t, "margin", 2);
    trial_real(t, "input", "2 2", (double[]){0, 1e300, 0, 1});
    trial_index(t, "target", "2", (int64_t[]){0, 1});
    trial_real(t, "weight", "2", (double[]){signs[k], INFINITY});
    ask(&e, t);
    check_class(number_of(&e, t, NULL, 0), k == 0 ? LP_NAN : LP_PLUS_INFINITY);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* z^2 overflows; with the weight the loss does not. */
START_TEST(finite_where_pytorch_overflows) {
  lp_trial *t = row_of(LP_FLOAT64, "2", (double[]){0, 0x1p600}, 0, (double[]){0x1p-600, 1}, 2, 0);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0x1p599);
  check_double(number_of(&e, t, "input", 1), 1.0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(planted_fault_is_seen) {
  lp_trial *t = row_of(LP_FLOAT64, "3", three, 0, (double[]){2.0, 7.0, 7.0}, 2.0, 1.0);
  lp_exact e;
  ask(&e, t);
  ck_assert_double_gt(distance_in_scales(number_of(&e, t, NULL, 0), 3.0, LP_FLOAT64), 1e14); /* weight inside */
  ck_assert_double_gt(distance_in_scales(number_of(&e, t, "input", 1), 2.0 * (1.0 + 1e-13), LP_FLOAT64), 2.0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* All classes at the margin: n (n - 1) numbers would have to be written anew for each. */
START_TEST(too_many_kinks_are_not_followed) {
  const int64_t sizes[] = {10, 2000};
  for (int k = 0; k < 2; k++) {
    char shape[16];
    lp_exact e;
    lp_trial *t = trial_new("multi_margin");
    snprintf(shape, sizeof shape, "%lld", (long long)sizes[k]);
    trial_real(t, "input", shape, NULL);
    trial_index(t, "target", "", (int64_t[]){3});
    trial_param(t, "margin", 0.0);
    ask(&e, t);
    ck_assert_int_eq(e.entangled, k == 1);
    ck_assert_int_eq(e.n_kinks, k == 1 ? 0 : 9);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {linear_by_hand,
                                squared_and_weighted_by_hand,
                                scale_by_hand,
                                target_gathers_all_classes,
                                mean_of_weighted_rows,
                                kinks,
                                squares_have_no_kink,
                                margin_that_the_dtype_lacks,
                                degenerate_shapes,
                                classes,
                                accidents_are_doubted,
                                idleness_is_doubted,
                                infinite_upstream_of_a_mixed_row,
                                huge_rows_beside_infinite_ones,
                                finite_where_pytorch_overflows,
                                planted_fault_is_seen,
                                too_many_kinks_are_not_followed};
  const int failed = run_tests("exact multi_margin", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return failed;
}
