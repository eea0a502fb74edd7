#include "reference/exact/tests/asking.h"

#define LOG_2 "0.693147180559945309417232121458176568075500134360255254"

static lp_trial *single(lp_dtype dtype, double x, double y) {
  lp_trial *t = trial_new("soft_margin");
  trial_reduction(t, "none");
  trial_tensor(t, "input", dtype, "", &x);
  trial_tensor(t, "target", dtype, "", &y);
  return t;
}

typedef struct answer {
  double x, y;
  const char *loss, *slope, *regime;
} answer;

static void check_answer(const answer *a) {
  lp_trial *t = single(LP_FLOAT64, a->x, a->y);
  lp_exact e;
  ask(&e, t);
  check_decimals(number_of(&e, t, NULL, 0), a->loss);
  check_decimals(number_of(&e, t, "input", 0), a->slope);
  ck_assert_msg(enters(&e, t, a->regime), "input %g target %g: not %s", a->x, a->y, a->regime);
  ck_assert_int_eq(e.n_kinks, 0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}

/* log(1 + exp(-y x)) and -y / (1 + exp(y x)), to 42 digits by mpmath. */
START_TEST(closed_forms) {
  static const answer answers[] = {
      {0, 1, LOG_2, "-0.5", "undecided"},
      {0, -1, LOG_2, "0.5", "undecided"},
      {3, 0, LOG_2, "0", "other-target"},
      {1, 1, "0.31326168751822283404899549496785564191528", "-0.268941421369995120748840758178163725634855", "right"},
      {-1, -1, "0.31326168751822283404899549496785564191528", "0.268941421369995120748840758178163725634855", "right"},
      {-1, 1, "1.31326168751822283404899549496785564191528", "-0.731058578630004879251159241821836274365145", "wrong"},
      {2, 0.5, "0.31326168751822283404899549496785564191528", "-0.134470710684997560374420379089081862817428",
       "other-target"},
      {65.85, 1, "2.52178679732804821086538277593051678325624e-29", "-2.52178679732804821086538277589871974000035e-29",
       "right"},
      {-1000, 1, "1000", "-1", "overflow"},
      {1000, -1, "1000", "1", "wrong"},
  };
  for (size_t k = 0; k < sizeof answers / sizeof answers[0]; k++) check_answer(&answers[k]);
}
END_TEST

/* Smaller than any double, and than any number that Arb tells from 0. */
START_TEST(tiny_losses) {
  const double inputs[] = {800.0, 1e300};
  for (int k = 0; k < 2; k++) {
    lp_trial *t = single(LP_FLOAT64, inputs[k], 1.0);
    lp_exact e;
    ask(&e, t);
    check_class(number_of(&e, t, NULL, 0), LP_FINITE);
    ck_assert(arf_cmpabs_2exp_si(arb_midref(&number_of(&e, t, NULL, 0)->value), -1150) < 0);
    ck_assert(arf_cmpabs_2exp_si(arb_midref(&number_of(&e, t, "input", 0)->value), -1150) < 0);
    ck_assert(enters(&e, t, "underflow") && !enters(&e, t, "overflow"));
    check_agreement(&e, t);
    if (k == 0) check_decimals(number_of(&e, t, NULL, 0), "3.66787458417768721345549565426079821546963e-348");
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* exp(1e300) and exp(1e308 * 1e308) are beyond Arb too; the losses are the products. */
START_TEST(huge_products) {
  const double targets[] = {-1.0, -1e308};
  for (int k = 0; k < 2; k++) {
    lp_trial *t = single(LP_FLOAT64, 1e308, targets[k]);
    lp_exact e;
    ask(&e, t);
    if (k == 0) check_double(number_of(&e, t, NULL, 0), 1e308);
    if (k == 1) ck_assert(overflows(number_of(&e, t, NULL, 0)));
    check_double(number_of(&e, t, "input", 0), -targets[k]);
    ck_assert(enters(&e, t, "overflow"));
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* Where exp(-y x) leaves float64: beyond log(DBL_MAX) and log(2^-1075). */
START_TEST(edges_of_exp) {
  static const struct {
    double x;
    bool over, under;
  } edges[] = {{-0x1.62e42fefa39efp9, false, false},
               {-0x1.62e42fefa39f0p9, true, false},
               {0x1.74910d52d3051p9, false, false},
               {0x1.74910d52d3052p9, false, true}};
  for (int k = 0; k < 4; k++) {
    lp_trial *t = single(LP_FLOAT64, edges[k].x, 1.0);
    lp_exact e;
    ask(&e, t);
    ck_assert_int_eq(enters(&e, t, "overflow"), edges[k].over);
    ck_assert_int_eq(enters(&e, t, "underflow"), edges[k].under);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* At a = 0: log 2 counts itself, its rounding and that of exp (slope 1/2, bounded by log 2). A target of 3 has its
 * product rounded: a = -3 x counts too, with the slope of the loss, here bounded by 1. */
START_TEST(scale_by_hand) {
  const double log_2 = 0.6931471805599453;
  lp_trial *t = single(LP_FLOAT64, 0.0, 1.0);
  lp_exact e;
  ask(&e, t);
  check_scale(number_of(&e, t, NULL, 0), 3.0 * log_2);
  lp_exact_clear(&e);
  trial_free(t);
  t = single(LP_FLOAT64, -1e6 / 3.0, 3.0);
  ask(&e, t);
  check_scale(number_of(&e, t, NULL, 0), 3e6 + 1.0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* a = -30: the loss counts itself, its rounding and that of exp; what 1 + exp(a) would lose is no excuse. (float16 has
 * no normal number that small.) */
START_TEST(every_dtype) {
  static const lp_dtype dtypes[] = {LP_FLOAT64, LP_FLOAT32, LP_FLOAT16, LP_BFLOAT16};
  for (int k = 0; k < 4; k++) {
    lp_trial *t = single(dtypes[k], 30.0, 1.0);
    lp_exact e;
    ask(&e, t);
    ck_assert_int_eq(e.outputs[0].layout.dtype, dtypes[k]);
    check_decimals(number_of(&e, t, NULL, 0), "9.35762296883973677937769742467515772161809e-14");
    if (dtypes[k] != LP_FLOAT16) {
      check_scale(number_of(&e, t, NULL, 0), 3.0 * 9.357622968839737e-14);
      ck_assert_double_gt(distance_in_scales(number_of(&e, t, NULL, 0), 0.0, LP_FLOAT64), 1e14);
    }
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

START_TEST(unsigned_target_is_negated_as_a_number) {
  lp_trial *t = trial_new("soft_margin");
  lp_exact e;
  trial_reduction(t, "sum");
  trial_real(t, "input", "2", (double[]){1.0, 1.0});
  trial_tensor(t, "target", LP_UINT8, "", (double[]){1.0});
  ask(&e, t);
  check_decimals(number_of(&e, t, "input", 1), "-0.268941421369995120748840758178163725634855");
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

typedef struct special {
  double x, y, upstream;
  double loss, slope; /* 1 for any finite number */
} special;

/* As PyTorch 2.13 answers. */
START_TEST(classes) {
  static const special specials[] = {
      {INFINITY, 1, 1, 1, 1},
      {-INFINITY, 1, 1, INFINITY, NAN},
      {INFINITY, -1, 1, INFINITY, NAN},
      {NAN, 1, 1, NAN, NAN},
      {1, INFINITY, 1, 1, NAN},
      {1, -INFINITY, 1, INFINITY, NAN},
      {0, INFINITY, 1, NAN, NAN},
      {1, NAN, 1, NAN, NAN},
      {INFINITY, 0, 1, NAN, NAN},
      {1, -1, INFINITY, 1, INFINITY},
      {1, 0, INFINITY, 1, NAN},
      {800, -1, 0, 1, 1},
      {1, 1, NAN, 1, NAN},
      {INFINITY, 1, INFINITY, 1, NAN},
  };
  for (size_t k = 0; k < sizeof specials / sizeof specials[0]; k++) {
    const special *s = &specials[k];
    lp_trial *t = single(LP_FLOAT64, s->x, s->y);
    lp_exact e;
    trial_upstream(t, "", &s->upstream);
    ask(&e, t);
    ck_assert_msg(number_of(&e, t, NULL, 0)->class == lp_classify(s->loss) &&
                      number_of(&e, t, "input", 0)->class == lp_classify(s->slope),
                  "input %g target %g upstream %g", s->x, s->y, s->upstream);
    const bool finite = isfinite(s->x) && isfinite(s->y);
    ck_assert_int_eq(enters(&e, t, "non-finite"), !finite);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* The slope at -800 is 1e-348, half the smallest number 2^-1075, the last one 1e-380: 0 in float64, unless infinity
 * multiplies a part of it first. */
START_TEST(infinity_times_a_slope_that_underflows) {
  static const struct {
    double x, y;
    lp_class class;
  } of[] = {{800.0, 1.0, LP_NOT_FINITE},
            {700.0, 1.0, LP_MINUS_INFINITY},
            {0.25, 0x1p-1074, LP_NOT_FINITE},
            {0.25, 1e-300, LP_MINUS_INFINITY},
            {4e202, 1e-200, LP_NOT_FINITE}};
  const double infinity = INFINITY;
  for (int k = 0; k < 5; k++) {
    lp_trial *t = single(LP_FLOAT64, of[k].x, of[k].y);
    lp_exact e;
    trial_upstream(t, "", &infinity);
    ask(&e, t);
    check_class(number_of(&e, t, "input", 0), of[k].class);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

START_TEST(empty) {
  lp_trial *t = trial_new("soft_margin");
  lp_exact e;
  trial_real(t, "input", "0", NULL);
  trial_real(t, "target", "0", NULL);
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_NAN);
  ck_assert(enters(&e, t, "empty"));
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {closed_forms,
                                tiny_losses,
                                huge_products,
                                edges_of_exp,
                                scale_by_hand,
                                every_dtype,
                                unsigned_target_is_negated_as_a_number,
                                classes,
                                infinity_times_a_slope_that_underflows,
                                empty};
  const int failed = run_tests("exact soft_margin", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return failed;
}
