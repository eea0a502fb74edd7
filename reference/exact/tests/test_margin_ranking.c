#include "reference/exact/tests/asking.h"

static lp_trial *single(lp_dtype dtype, double margin, double x1, double x2, double y) {
  lp_trial *t = trial_new("margin_ranking");
  trial_reduction(t, "none");
  trial_param(t, "margin", margin);
  trial_tensor(t, "input1", dtype, "1", &x1);
  trial_tensor(t, "input2", dtype, "1", &x2);
  trial_tensor(t, "target", dtype, "1", &y);
  return t;
}

typedef struct answer {
  double margin, x1, x2, y, loss, to_input1, to_target;
  const char *regime;
} answer;

START_TEST(by_hand) {
  static const answer answers[] = {
      {0, 1, 3, 1, 2, -1, 2, "active"},
      {0, 3, 1, 1, 0, 0, 0, "inactive"},
      {0, 3, 1, -1, 2, 1, -2, "active"},
      {2.5, 3, 1, 1, 0.5, -1, -2, "active"},
      {-1, 1, 3, 1, 1, -1, 2, "active"},
      {0, 1, 3, 0.5, 1, -0.5, 2, "other-target"},
      {1, 1, 3, 0, 1, 0, 2, "other-target"},
      {2, 3, 1, 1, 0, -1, -2, "kink"},
      {0, 1, 1, -1, 0, 1, 0, "kink"},
      {0, 0, -0x1p-1074, 0.5, 0, 0, 0, "inactive"},
      {1, -1, 0x1p-1073, -1, 0, 0, 0, "inactive"},
  };
  for (size_t k = 0; k < sizeof answers / sizeof answers[0]; k++) {
    const answer *a = &answers[k];
    lp_trial *t = single(LP_FLOAT64, a->margin, a->x1, a->x2, a->y);
    lp_exact e;
    ask(&e, t);
    check_double(number_of(&e, t, NULL, 0), a->loss);
    check_double(number_of(&e, t, "input1", 0), a->to_input1);
    check_double(number_of(&e, t, "input2", 0), -a->to_input1);
    check_double(number_of(&e, t, "target", 0), a->to_target);
    ck_assert_msg(enters(&e, t, a->regime), "margin %g inputs %g %g target %g: not %s", a->margin, a->x1, a->x2, a->y,
                  a->regime);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* d = 1 - 2^-120 is no double, but exact here. */
START_TEST(nothing_is_rounded) {
  lp_trial *t = single(LP_FLOAT64, 1.0, 1.0, 0x1p-120, 1.0);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0x1p-120);
  check_decimals(number_of(&e, t, "target", 0), "-0.999999999999999999999999999999999999247680");
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* z = 5/2: itself twice, and d = -2, as its product with a label of 1 is exact; the slope d: itself and its rounding. A
 * label of 3 has its product with d = -3 rounded: z = 19/2 twice, the product 9, and 3 |d|. */
START_TEST(scale_by_hand) {
  lp_trial *t = single(LP_FLOAT64, 0.5, 1.0, 3.0, 1.0);
  lp_exact e;
  ask(&e, t);
  check_scale(number_of(&e, t, NULL, 0), 2.5 + 2.5 + 2.0);
  check_scale(number_of(&e, t, "target", 0), 2.0 + 2.0);
  check_scale(number_of(&e, t, "input1", 0), 1.0);
  lp_exact_clear(&e);
  trial_free(t);
  t = single(LP_FLOAT64, 0.5, 1.0, 4.0, 3.0);
  ask(&e, t);
  check_scale(number_of(&e, t, NULL, 0), 9.5 + 9.5 + 9.0 + 9.0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(reductions_and_broadcasts) {
  lp_trial *t = trial_new("margin_ranking");
  lp_exact e;
  trial_real(t, "input1", "2 2", (double[]){1.0, 2.0, 3.0, 4.0});
  trial_real(t, "input2", "1 2", (double[]){2.0, 2.0});
  trial_real(t, "target", "2 1", (double[]){1.0, -1.0});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 1.0); /* (1 + 0 + 1 + 2) / 4 */
  check_double(number_of(&e, t, "input2", 0), 0.0);
  check_double(number_of(&e, t, "input2", 1), 0.0); /* a kink and an active position: 1/4 - 1/4 */
  check_double(number_of(&e, t, "target", 0), 0.25);
  check_double(number_of(&e, t, "target", 1), -0.75);
  ck_assert_int_eq(number_of(&e, t, "target", 1)->terms, 2);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

static void check_kink(lp_trial *t, lp_kink_state state, lp_side side, const char *input, double below, double above) {
  lp_exact e;
  ask(&e, t);
  ck_assert_int_eq(e.n_kinks, 1);
  ck_assert_int_eq(e.kinks[0].state, state);
  ck_assert_int_eq(e.kinks[0].side, side);
  const lp_kink_effect *effect = effect_on(&e, t, 0, input);
  ck_assert_double_eq(arf_get_d(arb_midref(&effect->change[LP_BELOW + 1]), ARF_RND_NEAR), below);
  ck_assert_double_eq(arf_get_d(arb_midref(&effect->change[LP_ABOVE + 1]), ARF_RND_NEAR), above);
  lp_exact_clear(&e);
  trial_free(t);
}

START_TEST(kinks) {
  check_kink(single(LP_FLOAT64, 2.0, 3.0, 1.0, 1.0), LP_KINK_AT, LP_AT, "input1", 1.0, 0.0);
  check_kink(single(LP_FLOAT64, 2.0, 3.0, 1.0, 1.0), LP_KINK_AT, LP_AT, "input2", -1.0, 0.0);
  check_kink(single(LP_FLOAT64, 2.0, 3.0, 1.0, 1.0), LP_KINK_AT, LP_AT, "target", 2.0, 0.0);
  check_kink(single(LP_FLOAT64, 1.0, 1.0, 0x1p-60, 1.0), LP_KINK_NEAR, LP_ABOVE, "input1", 1.0, 0.0);
  check_kink(single(LP_FLOAT64, 1.0, 1.0, -0x1p-60, 1.0), LP_KINK_NEAR, LP_BELOW, "input1", 0.0, -1.0);
  check_kink(single(LP_FLOAT16, 0.1, lp_dtype_round(LP_FLOAT16, 0.1), 0.0, 1.0), LP_KINK_NEAR, LP_ABOVE, "input1", 1.0,
             0.0);
}
END_TEST

/* 2^24 + 1 is no float32: z is exactly 0, but not for arithmetic in float32. */
START_TEST(blurred_kink) {
  lp_trial *t = trial_new("margin_ranking");
  trial_reduction(t, "none");
  trial_param(t, "margin", 1.0);
  trial_tensor(t, "input1", LP_INT32, "1", (double[]){0x1p24 + 1.0});
  trial_tensor(t, "input2", LP_FLOAT32, "1", (double[]){0x1p24});
  trial_tensor(t, "target", LP_FLOAT32, "1", (double[]){1.0});
  check_kink(t, LP_KINK_BLURRED, LP_AT, "input2", -1.0, 0.0);
}
END_TEST

/* Beside the kink a shut hinge is 0 with the scale of z; far from it without. */
START_TEST(scale_of_a_shut_hinge) {
  lp_trial *t = single(LP_FLOAT64, 1.0, 1.0, -0x1p-60, 1.0);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.0);
  check_scale(number_of(&e, t, NULL, 0), 1.0);
  lp_exact_clear(&e);
  trial_free(t);
  t = single(LP_FLOAT64, 1.0, 3.0, 0.5, 1.0);
  ask(&e, t);
  check_scale(number_of(&e, t, NULL, 0), 0.0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

typedef struct integers {
  lp_dtype dtype1, dtype2, dtype_y;
  double x1, x2, y, loss;
} integers;

/* As PyTorch 2.13 wraps around: in the common dtype of what meets, integers only. */
START_TEST(integers_wrap) {
  static const integers cases[] = {
      {LP_UINT8, LP_UINT8, LP_FLOAT64, 1, 2, -1, 255},          /* 1 - 2 in uint8 */
      {LP_UINT8, LP_INT8, LP_FLOAT64, 1, 2, 1, 1},              /* in int16 */
      {LP_INT8, LP_INT8, LP_FLOAT64, 127, -1, 1, 128},          /* 128 in int8 */
      {LP_INT8, LP_INT32, LP_FLOAT64, 127, -1, -1, 128},        /* in int32 */
      {LP_FLOAT64, LP_FLOAT64, LP_UINT8, 2, 1, 1, 255},         /* -1 in uint8 */
      {LP_FLOAT64, LP_FLOAT64, LP_INT8, 2, 1, -128, 0},         /* 128 in int8 */
      {LP_INT64, LP_INT64, LP_FLOAT64, -0x1p63, 1, -1, 0x1p63}, /* 2^63 - 1, rounded by the expectation */
  };
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    const integers *c = &cases[k];
    lp_trial *t = trial_new("margin_ranking");
    lp_exact e;
    trial_reduction(t, "none");
    trial_tensor(t, "input1", c->dtype1, "1", &c->x1);
    trial_tensor(t, "input2", c->dtype2, "1", &c->x2);
    trial_tensor(t, "target", c->dtype_y, "1", &c->y);
    ask(&e, t);
    ck_assert_double_eq(arf_get_d(arb_midref(&number_of(&e, t, NULL, 0)->value), ARF_RND_NEAR), c->loss);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* -3 * (1 - 100) = 297 is 41 in uint8 and int8. */
START_TEST(integers_only) {
  lp_trial *t = trial_new("margin_ranking");
  lp_exact e;
  trial_reduction(t, "none");
  trial_tensor(t, "input1", LP_INT8, "1", (double[]){1});
  trial_tensor(t, "input2", LP_INT8, "1", (double[]){100});
  trial_tensor(t, "target", LP_INT8, "1", (double[]){3});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 41.0);
  ck_assert_int_eq(e.n_outputs, 1);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

typedef struct special {
  double margin, x1, x2, y, upstream;
  double loss, to_input1, to_target; /* 1 for any finite number */
} special;

/* As PyTorch 2.13 answers. */
START_TEST(classes) {
  static const special specials[] = {
      {0, INFINITY, 1, 1, 1, 1, 1, NAN},
      {0, -INFINITY, 1, 1, 1, INFINITY, 1, INFINITY},
      {0, INFINITY, INFINITY, 1, 1, NAN, 1, NAN},
      {0, 1, 3, INFINITY, 1, INFINITY, -INFINITY, 1},
      {0, 3, 1, INFINITY, 1, 1, NAN, 1},
      {NAN, 1, 3, 1, 1, NAN, 1, 1},
      {INFINITY, 1, 3, 1, 1, INFINITY, 1, 1},
      {-INFINITY, 1, 3, 1, 1, 1, 1, 1},
      {0, 3, 1, 1, INFINITY, 1, 1, 1},
      {0, 1, 3, 1, INFINITY, 1, -INFINITY, INFINITY},
      {0, 1, 3, NAN, 1, NAN, NAN, 1},
      {0, 1, 1, 1, INFINITY, 1, -INFINITY, NAN},
  };
  for (size_t k = 0; k < sizeof specials / sizeof specials[0]; k++) {
    const special *s = &specials[k];
    lp_trial *t = single(LP_FLOAT64, s->margin, s->x1, s->x2, s->y);
    lp_exact e;
    trial_upstream(t, "1", &s->upstream);
    ask(&e, t);
    ck_assert_msg(number_of(&e, t, NULL, 0)->class == lp_classify(s->loss) &&
                      number_of(&e, t, "input1", 0)->class == lp_classify(s->to_input1) &&
                      number_of(&e, t, "target", 0)->class == lp_classify(s->to_target),
                  "margin %g inputs %g %g target %g upstream %g", s->margin, s->x1, s->x2, s->y, s->upstream);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

START_TEST(empty) {
  lp_trial *t = trial_new("margin_ranking");
  lp_exact e;
  trial_real(t, "input1", "0", NULL);
  trial_real(t, "input2", "0", NULL);
  trial_real(t, "target", "1", (double[]){1.0});
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_NAN);
  check_double(number_of(&e, t, "target", 0), 0.0);
  ck_assert(enters(&e, t, "empty"));
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {by_hand,
                                nothing_is_rounded,
                                scale_by_hand,
                                reductions_and_broadcasts,
                                kinks,
                                blurred_kink,
                                scale_of_a_shut_hinge,
                                integers_wrap,
                                integers_only,
                                classes,
                                empty};
  const int failed = run_tests("exact margin_ranking", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return failed;
}
