#include "reference/exact/budget.h"
#include "reference/exact/tests/asking.h"

/* One row without a batch axis, reduction none. */
static lp_trial *row_of(lp_dtype dtype, const char *classes, const double *x, const int64_t *labels) {
  lp_trial *t = trial_new("multilabel_margin");
  trial_reduction(t, "none");
  trial_tensor(t, "input", dtype, classes, x);
  trial_index(t, "target", classes, labels);
  return t;
}

/* Labels 3 and 0, then -1, then a class that is ignored: z = 1/2, 3/4, 9/8, 11/8. */
static lp_trial *four(lp_dtype dtype) {
  return row_of(dtype, "4", (double[]){0.125, 0.25, 0.5, 0.75}, (int64_t[]){3, 0, -1, 1});
}

START_TEST(by_hand) {
  lp_trial *t = four(LP_FLOAT64);
  lp_exact e;
  const double gradient[] = {-0.5, 0.5, 0.5, -0.5};
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.9375);
  for (int d = 0; d < 4; d++) check_double(number_of(&e, t, "input", d), gradient[d]);
  ck_assert(enters(&e, t, "active") && !enters(&e, t, "inactive") && !enters(&e, t, "kink"));
  ck_assert(enters(&e, t, "terminated") && enters(&e, t, "after-terminator") && enters(&e, t, "unbatched"));
  ck_assert(!enters(&e, t, "unterminated") && !enters(&e, t, "repeated") && !enters(&e, t, "no-label"));
  ck_assert_int_eq(e.n_kinks, 0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* The pairs of a label that is repeated have the same z, and so the same side: one kink, which counts twice. */
START_TEST(repeated_labels_share_a_kink) {
  lp_trial *t = row_of(LP_FLOAT64, "4", (double[]){1.0, 0.0, -5.0, -5.0}, (int64_t[]){0, 0, -1, -1});
  lp_exact e;
  ask(&e, t);
  ck_assert_int_eq(e.n_kinks, 1);
  const lp_kink_effect *effect = effect_on(&e, t, 0, "input");
  ck_assert_double_eq(fabs(arf_get_d(arb_midref(&effect->change[LP_ABOVE + 1]), ARF_RND_NEAR)), 0.5);
  ck_assert_double_eq(arf_get_d(arb_midref(&effect->change[LP_BELOW + 1]), ARF_RND_NEAR), 0.0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* Both pairs are active by less than rounding: where they are not, the label's component is 0 times inf. */
START_TEST(idleness_is_doubted) {
  const double x[] = {2.0, 1.0 + 0x1p-52, 1.0 + 0x1p-52};
  lp_trial *t = row_of(LP_FLOAT64, "3", x, (int64_t[]){0, -1, -1});
  lp_exact e;
  mag_t none;
  mag_init(none);
  trial_upstream(t, "", (double[]){INFINITY});
  ask(&e, t);
  ck_assert(lp_budget_is_boundless(&number_of(&e, t, "input", 0)->scale, none));
  lp_exact_clear(&e);
  t->c.inputs[0].f64[2] = 2.0;
  ask(&e, t);
  ck_assert(!lp_budget_is_boundless(&number_of(&e, t, "input", 0)->scale, none));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  mag_clear(none);
  trial_free(t);
}
END_TEST

/* The terms of the four z count (4 1 + 2 (1/8 + 3/4) + 2 (1/4 + 1/2)) = 29/4, for partial sums, and z itself; the z add
 * up to 15/4, which counts as the terms of a running sum and as the sum; all over C = 4, which rounds nothing. Of the
 * gradient only the sum of two shares, 1/4 each. */
START_TEST(scale_by_hand) {
  static const lp_dtype dtypes[] = {LP_FLOAT64, LP_FLOAT32, LP_FLOAT16, LP_BFLOAT16};
  for (int k = 0; k < 4; k++) {
    lp_trial *t = four(dtypes[k]);
    lp_exact e;
    ask(&e, t);
    ck_assert_int_eq(e.outputs[0].layout.dtype, dtypes[k]);
    check_scale(number_of(&e, t, NULL, 0), 0.9375 + (7.25 + 3 * 3.75) / 4.0);
    check_scale(number_of(&e, t, "input", 3), 0.5 + 0.5);
    ck_assert_int_eq(number_of(&e, t, NULL, 0)->terms, 4);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* A label counts as often as it occurs: 2 (1 + 1/2) / 2. */
START_TEST(repeated_labels) {
  lp_trial *t = row_of(LP_FLOAT64, "2", (double[]){0.0, 0.5}, (int64_t[]){0, 0});
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 1.5);
  check_double(number_of(&e, t, "input", 0), -1.0);
  check_double(number_of(&e, t, "input", 1), 1.0);
  ck_assert(enters(&e, t, "repeated") && enters(&e, t, "unterminated") && !enters(&e, t, "all-labels"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(nothing_to_compare) {
  static const struct {
    int64_t labels[2];
    const char *regime;
  } rows[] = {{{-1, 1}, "no-label"}, {{1, 0}, "all-labels"}};
  for (int k = 0; k < 2; k++) {
    lp_trial *t = row_of(LP_FLOAT64, "2", (double[]){0.0, 0.5}, rows[k].labels);
    lp_exact e;
    ask(&e, t);
    check_double(number_of(&e, t, NULL, 0), 0.0);
    check_double(number_of(&e, t, "input", 0), 0.0);
    check_double(number_of(&e, t, "input", 1), 0.0);
    ck_assert(enters(&e, t, rows[k].regime));
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* The component of a label is the sum of seven shares of 1/8. */
START_TEST(label_gathers_all_classes) {
  lp_trial *t = row_of(LP_FLOAT64, "8", (double[]){0, 0, 1, 2, 3, 4, 5, 6}, (int64_t[]){0, -1, 0, 0, 0, 0, 0, 0});
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 28.0 / 8.0);
  check_double(number_of(&e, t, "input", 0), -0.875);
  ck_assert_int_eq(number_of(&e, t, NULL, 0)->terms, 7);
  ck_assert_int_eq(number_of(&e, t, "input", 0)->terms, 7);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(mean_of_rows) {
  lp_trial *t = trial_new("multilabel_margin");
  lp_exact e;
  trial_real(t, "input", "2 2", (double[]){0.0, 0.5, 3.0, 0.0});
  trial_index(t, "target", "2 2", (int64_t[]){0, -1, 0, 1});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.375);
  check_double(number_of(&e, t, "input", 1), 0.25);
  check_double(number_of(&e, t, "input", 3), 0.0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

static void check_kink(double x1, lp_kink_state state, lp_side side, double below, double above) {
  lp_trial *t = row_of(LP_FLOAT64, "2", (double[]){1.0, x1}, (int64_t[]){0, -1});
  lp_exact e;
  ask(&e, t);
  ck_assert_int_eq(e.n_kinks, 1);
  ck_assert_int_eq(e.kinks[0].state, state);
  ck_assert_int_eq(e.kinks[0].side, side);
  ck_assert_int_eq(e.kinks[0].n_effects, 2);
  for (int i = 0; i < 2; i++) {
    const lp_kink_effect *effect = &e.kinks[0].effects[i];
    const double sign = effect->index == 0 ? -1.0 : 1.0;
    ck_assert_double_eq(arf_get_d(arb_midref(&effect->change[LP_BELOW + 1]), ARF_RND_NEAR), sign * below);
    ck_assert_double_eq(arf_get_d(arb_midref(&effect->change[LP_ABOVE + 1]), ARF_RND_NEAR), sign * above);
  }
  ck_assert_int_eq(enters(&e, t, "kink"), side == LP_AT);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}

/* At 1 - x_t + x_d = 0 the slope is 0. */
START_TEST(kinks) {
  check_kink(0.0, LP_KINK_AT, LP_AT, 0.0, 0.5);
  check_kink(0x1p-60, LP_KINK_NEAR, LP_ABOVE, -0.5, 0.0);
  check_kink(-0x1p-60, LP_KINK_NEAR, LP_BELOW, 0.0, 0.5);
}
END_TEST

/* Beside the kink the 0 of an idle pair has the reach of z = 1 - 1 - 2^-60, over C; far from it none. */
START_TEST(scale_of_an_idle_pair) {
  lp_trial *t = row_of(LP_FLOAT64, "2", (double[]){1.0, -0x1p-60}, (int64_t[]){0, -1});
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.0);
  check_scale(number_of(&e, t, NULL, 0), 1.0); /* (1 + 1) / 2 */
  lp_exact_clear(&e);
  t->c.inputs[0].f64[1] = -1.0;
  ask(&e, t);
  check_scale(number_of(&e, t, NULL, 0), 0.0);
  ck_assert_int_eq(e.n_kinks, 0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(degenerate_shapes) {
  lp_trial *t = row_of(LP_FLOAT64, "1", (double[]){3.0}, (int64_t[]){0});
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.0);
  ck_assert(enters(&e, t, "single-class") && enters(&e, t, "all-labels"));
  lp_exact_clear(&e);
  trial_real(t, "input", "", (double[]){3.0});
  ask(&e, t);
  ck_assert(enters(&e, t, "0-d"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_real(t, "input", "0 3", NULL);
  trial_index(t, "target", "0 3", NULL);
  trial_reduction(t, "sum");
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.0);
  ck_assert(enters(&e, t, "empty") && !enters(&e, t, "terminated"));
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

typedef struct special {
  double x0, x1;
  int64_t label;
  double upstream, loss, to_x0, to_x1; /* 1 for any finite number */
} special;

/* As PyTorch 2.13 answers. */
START_TEST(classes) {
  static const special specials[] = {
      {0, INFINITY, 0, 1, INFINITY, 1, 1},
      {0, -INFINITY, 0, 1, 1, 1, 1},
      {INFINITY, 0, 0, 1, 1, 1, 1},
      {-INFINITY, 0, 0, 1, INFINITY, 1, 1},
      {0, NAN, 0, 1, 1, 1, 1},
      {NAN, 0, 0, 1, 1, 1, 1},
      {INFINITY, INFINITY, 0, 1, 1, 1, 1},
      {0, 0, 0, INFINITY, 1, -INFINITY, INFINITY},
      {3, 0, 0, INFINITY, 1, NAN, NAN},
      {3, 0, -1, INFINITY, 1, NAN, NAN},
      {0, NAN, 0, INFINITY, 1, NAN, NAN},
      {3, 0, 0, NAN, 1, NAN, NAN},
      {0, 0, 0, NAN, 1, NAN, NAN},
      {INFINITY, NAN, -1, 1, 1, 1, 1},
  };
  for (size_t k = 0; k < sizeof specials / sizeof specials[0]; k++) {
    const special *s = &specials[k];
    lp_trial *t = row_of(LP_FLOAT64, "2", (double[]){s->x0, s->x1}, (int64_t[]){s->label, -1});
    lp_exact e;
    trial_upstream(t, "", &s->upstream);
    ask(&e, t);
    ck_assert_msg(number_of(&e, t, NULL, 0)->class == lp_classify(s->loss) &&
                      number_of(&e, t, "input", 0)->class == lp_classify(s->to_x0) &&
                      number_of(&e, t, "input", 1)->class == lp_classify(s->to_x1),
                  "inputs %g %g label %d upstream %g", s->x0, s->x1, (int)s->label, s->upstream);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

START_TEST(planted_fault_is_seen) {
  lp_trial *t = four(LP_FLOAT64);
  lp_exact e;
  ask(&e, t);
  ck_assert_double_gt(distance_in_scales(number_of(&e, t, NULL, 0), 0.9375 * (1.0 + 1e-14), LP_FLOAT64), 2.0);
  ck_assert_double_gt(distance_in_scales(number_of(&e, t, "input", 0), -0.25, LP_FLOAT64), 1e14);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {by_hand,
                                scale_by_hand,
                                repeated_labels,
                                repeated_labels_share_a_kink,
                                idleness_is_doubted,
                                nothing_to_compare,
                                label_gathers_all_classes,
                                mean_of_rows,
                                kinks,
                                scale_of_an_idle_pair,
                                degenerate_shapes,
                                classes,
                                planted_fault_is_seen};
  const int failed = run_tests("exact multilabel_margin", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return failed;
}
