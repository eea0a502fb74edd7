#include "reference/exact/tests/asking.h"

/* One position, reduction none. */
static lp_trial *single(lp_dtype dtype, double margin, double x, double y) {
  lp_trial *t = trial_new("hinge_embedding");
  trial_reduction(t, "none");
  trial_param(t, "margin", margin);
  trial_tensor(t, "input", dtype, "", &x);
  trial_tensor(t, "target", dtype, "", &y);
  return t;
}

typedef struct answer {
  double margin, x, y, loss, slope;
  const char *regime;
} answer;

static void check_answer(const answer *a) {
  lp_trial *t = single(LP_FLOAT64, a->margin, a->x, a->y);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), a->loss);
  check_double(number_of(&e, t, "input", 0), a->slope);
  ck_assert_msg(enters(&e, t, a->regime), "margin %g input %g target %g: not %s", a->margin, a->x, a->y, a->regime);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}

START_TEST(by_hand) {
  static const answer answers[] = {
      {1, 3, 1, 3, 1, "positive"},
      {1, -3, 1, -3, 1, "positive"},
      {1, 0.25, -1, 0.75, -1, "negative-active"},
      {1, 3, -1, 0, 0, "negative-inactive"},
      {1, 0.25, 0, 1, 0, "other-active"},
      {1, 0.25, 0.5, 1, 0, "other-active"},
      {1, 3, 2, 3, 1, "other-inactive"},
      {1, 1, -1, 0, -1, "kink"},
      {1, 1, 0, 1, 0, "kink"},
      {-2, -2, -1, 0, -1, "kink"},
      {1, 1, 1, 1, 1, "positive"},
      {-2, -1, 0, -1, 1, "other-inactive"},
  };
  for (size_t k = 0; k < sizeof answers / sizeof answers[0]; k++) check_answer(&answers[k]);
}
END_TEST

/* d = 1 - 2^-80 is no double, but exact here; another target's sum is the margin again. */
START_TEST(nothing_is_rounded) {
  lp_trial *t = single(LP_FLOAT64, 1.0, 0x1p-80, -1.0);
  lp_exact e;
  ask(&e, t);
  check_decimals(number_of(&e, t, NULL, 0), "0.99999999999999999999999917281938744697232512859131");
  lp_exact_clear(&e);
  trial_free(t);
  t = single(LP_FLOAT64, 1.0, 0x1p-80, 0.0);
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 1.0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* d = 3/4 counts itself and its rounding; the sum of another target the rounding of both. */
START_TEST(scale_by_hand) {
  lp_trial *t = single(LP_FLOAT64, 1.0, 0.25, -1.0);
  lp_exact e;
  ask(&e, t);
  check_scale(number_of(&e, t, NULL, 0), 0.75 + 0.75);
  lp_exact_clear(&e);
  trial_free(t);
  t = single(LP_FLOAT64, 1.0, 0.25, 0.0);
  ask(&e, t);
  check_scale(number_of(&e, t, NULL, 0), 1.0 + 1.0 + 0.75);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* Two labels for both inputs: (1/2 + 2 + 1/2 + 0) / 4. */
START_TEST(mean_of_a_broadcast) {
  lp_trial *t = trial_new("hinge_embedding");
  lp_exact e;
  trial_real(t, "input", "2", (double[]){0.5, 2.0});
  trial_real(t, "target", "2 1", (double[]){1.0, -1.0});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.75);
  check_double(number_of(&e, t, "input", 0), 0.0);
  check_double(number_of(&e, t, "input", 1), 0.25);
  ck_assert_int_eq(number_of(&e, t, NULL, 0)->terms, 4);
  ck_assert_int_eq(number_of(&e, t, "input", 0)->terms, 2);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

static void check_kink(const lp_exact *e, const lp_trial *t, lp_kink_state state, lp_side side, long below,
                       long above) {
  ck_assert_int_eq(e->n_kinks, 1);
  ck_assert_int_eq(e->kinks[0].state, state);
  ck_assert_int_eq(e->kinks[0].side, side);
  const lp_kink_effect *effect = effect_on(e, t, 0, "input");
  ck_assert(arb_equal_si(&effect->change[LP_BELOW + 1], below));
  ck_assert(arb_equal_si(&effect->change[LP_ABOVE + 1], above));
}

START_TEST(at_the_margin) {
  const double targets[] = {-1.0, 0.0};
  for (int k = 0; k < 2; k++) {
    lp_trial *t = single(LP_FLOAT64, 1.0, 1.0, targets[k]);
    lp_exact e;
    ask(&e, t);
    check_kink(&e, t, LP_KINK_AT, LP_AT, 1, 0);
    lp_exact_clear(&e);
    trial_free(t);
  }
  lp_trial *t = single(LP_FLOAT64, 1.0, 1.0, 1.0);
  lp_exact e;
  ask(&e, t);
  ck_assert_int_eq(e.n_kinks, 0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* A margin of 0.1 is rounded in these dtypes, to what the input is: arithmetic in them finds the kink, and may find a
 * little more than 0 where the true hinge is shut. */
START_TEST(margin_that_the_dtype_lacks) {
  static const lp_dtype dtypes[] = {LP_FLOAT32, LP_FLOAT16, LP_BFLOAT16};
  for (int k = 0; k < 3; k++) {
    const double x = lp_dtype_round(dtypes[k], 0.1);
    lp_trial *t = single(dtypes[k], 0.1, x, -1.0);
    lp_exact e;
    ask(&e, t);
    ck_assert_int_eq(e.outputs[0].layout.dtype, dtypes[k]);
    const bool shut = x > 0.1;
    check_kink(&e, t, LP_KINK_NEAR, shut ? LP_BELOW : LP_ABOVE, shut ? 0 : 1, shut ? -1 : 0);
    const lp_exact_number *loss = number_of(&e, t, NULL, 0);
    ck_assert_double_ge(mag_get_d(&loss->scale), 0.1);
    ck_assert_int_eq(arb_is_zero(&loss->value), shut);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* Far from the kink a shut hinge is exactly 0 and allows no error. */
START_TEST(shut_hinge_has_no_scale) {
  lp_trial *t = single(LP_FLOAT32, 0.1, 1.0, -1.0);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.0);
  check_scale(number_of(&e, t, NULL, 0), 0.0);
  ck_assert_int_eq(e.n_kinks, 0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

typedef struct special {
  double margin, x, y, upstream;
  double loss, slope; /* 1 for any finite number */
} special;

static void check_special(const special *s) {
  lp_trial *t = single(LP_FLOAT64, s->margin, s->x, s->y);
  lp_exact e;
  trial_upstream(t, "", &s->upstream);
  ask(&e, t);
  ck_assert_msg(number_of(&e, t, NULL, 0)->class == lp_classify(s->loss) &&
                    number_of(&e, t, "input", 0)->class == lp_classify(s->slope),
                "margin %g input %g target %g upstream %g", s->margin, s->x, s->y, s->upstream);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}

/* As PyTorch 2.13 answers. */
START_TEST(classes) {
  static const special specials[] = {
      {1, INFINITY, 1, 1, INFINITY, 1},
      {1, -INFINITY, 1, 1, -INFINITY, 1},
      {1, NAN, 1, 1, NAN, 1},
      {1, INFINITY, -1, 1, 1, 1},
      {1, -INFINITY, -1, 1, INFINITY, 1},
      {1, NAN, -1, 1, NAN, 1},
      {1, -INFINITY, 0, 1, NAN, 1},
      {1, INFINITY, 0, 1, INFINITY, 1},
      {1, 0, NAN, 1, 1, 1},
      {1, 0, INFINITY, 1, 1, 1},
      {INFINITY, 0, -1, 1, INFINITY, 1},
      {NAN, 0, -1, 1, NAN, 1},
      {NAN, 0, 1, 1, 1, 1},
      {INFINITY, INFINITY, -1, 1, NAN, 1},
      {-INFINITY, 0, -1, 1, 1, 1},
      {1, 3, -1, INFINITY, 1, 1},
      {1, NAN, -1, INFINITY, NAN, 1},
      {1, 0, -1, INFINITY, 1, -INFINITY},
      {1, 3, 0, INFINITY, 1, INFINITY},
      {1, 0, 0, INFINITY, 1, NAN},
      {1, 0, 1, NAN, 1, NAN},
  };
  for (size_t k = 0; k < sizeof specials / sizeof specials[0]; k++) check_special(&specials[k]);
}
END_TEST

START_TEST(empty) {
  lp_trial *t = trial_new("hinge_embedding");
  lp_exact e;
  trial_real(t, "input", "0", NULL);
  trial_real(t, "target", "0", NULL);
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_NAN);
  ck_assert(enters(&e, t, "empty"));
  lp_exact_clear(&e);
  trial_reduction(t, "sum");
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(planted_fault_is_seen) {
  lp_trial *t = single(LP_FLOAT64, 1.0, 0.25, -1.0);
  lp_exact e;
  ask(&e, t);
  ck_assert_double_gt(distance_in_scales(number_of(&e, t, NULL, 0), 0.75 * (1.0 + 1e-14), LP_FLOAT64), 2.0);
  ck_assert_double_gt(distance_in_scales(number_of(&e, t, "input", 0), 0.0, LP_FLOAT64), 1e14);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {
      by_hand,       nothing_is_rounded,          scale_by_hand,           mean_of_a_broadcast,
      at_the_margin, margin_that_the_dtype_lacks, shut_hinge_has_no_scale, classes,
      empty,         planted_fault_is_seen};
  const int failed = run_tests("exact hinge_embedding", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return failed;
}
