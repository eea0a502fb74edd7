#include "reference/exact/tests/asking.h"

static lp_trial *single(double input, double target, bool log_target) {
  lp_trial *t = trial_new("kl_div");
  trial_reduction(t, "none");
  trial_param(t, "log_target", log_target);
  trial_real(t, "input", "", &input);
  trial_real(t, "target", "", &target);
  return t;
}

/* log(1/2)/2 - 1/8, and the slope log(1/2) + 1 - 1/4. */
START_TEST(plain_by_hand) {
  lp_trial *t = single(0.25, 0.5, false);
  lp_exact e;
  ask(&e, t);
  check_decimals(number_of(&e, t, NULL, 0), "-0.471573590279972654708616060729088284037750067");
  check_decimals(number_of(&e, t, "target", 0), "0.0568528194400546905827678785418234319244998657");
  check_double(number_of(&e, t, "input", 0), -0.5);
  ck_assert(enters(&e, t, "target-positive") && !enters(&e, t, "log-target"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* With t a power of 2 the products are exact: log t counts, by t, then t x not, then the difference. In the gradient
 * log t; g t / t (t is a power of 2: exact); x not; two partial sums, bounded by the sizes of the three. */
START_TEST(scale_by_hand) {
  const double log_half = 0.6931471805599453;
  lp_trial *t = single(0.25, 0.5, false);
  lp_exact e;
  ask(&e, t);
  check_scale(number_of(&e, t, NULL, 0), 2.0 * 0.4715735902799727 + 0.5 * log_half);
  check_scale(number_of(&e, t, "target", 0), 2.0 * 0.05685281944005469 + log_half + log_half + 1.0 + 0.25);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* e (1 - 0), and the slope e (1 - 0 + 1). Of the value e and 1 - 0 are rounded, but no product with 1. */
START_TEST(log_target_by_hand) {
  lp_trial *t = single(0.0, 1.0, true);
  lp_exact e;
  ask(&e, t);
  check_decimals(number_of(&e, t, NULL, 0), "2.71828182845904523536028747135266249775724709");
  check_decimals(number_of(&e, t, "input", 0), "-2.71828182845904523536028747135266249775724709");
  check_decimals(number_of(&e, t, "target", 0), "5.43656365691809047072057494270532499551449419");
  check_scale(number_of(&e, t, NULL, 0), 3.0 * 2.718281828459045);
  ck_assert(enters(&e, t, "log-target") && !enters(&e, t, "exp-overflow") && !enters(&e, t, "exp-underflow"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(denominators) {
  lp_trial *t = trial_new("kl_div");
  lp_exact e;
  trial_real(t, "input", "1 3", (double[]){1.0, 2.0, 3.0});
  trial_real(t, "target", "2 3", (double[]){1.0, 1.0, 1.0, 1.0, 1.0, 1.0});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), -2.0);
  check_decimals(number_of(&e, t, "input", 0), "-0.333333333333333333333333333333333333333333");
  ck_assert(!enters(&e, t, "batchmean"));
  lp_exact_clear(&e);
  trial_reduction(t, "batchmean"); /* by the one row of the input, not by the two of the loss */
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), -12.0);
  check_double(number_of(&e, t, "input", 0), -2.0);
  ck_assert(enters(&e, t, "batchmean") && enters(&e, t, "batch-broadcast") && !enters(&e, t, "batch-empty"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(batchmean_without_rows) {
  lp_trial *t = trial_new("kl_div");
  lp_exact e;
  trial_reduction(t, "batchmean");
  trial_real(t, "input", "0 3", NULL);
  trial_real(t, "target", "0 3", NULL);
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_NAN);
  ck_assert(enters(&e, t, "batch-empty") && enters(&e, t, "empty"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_real(t, "input", "", (double[]){2.0}); /* no rows to count: by 1 */
  trial_real(t, "target", "", (double[]){1.0});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), -2.0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(zero_target) {
  lp_trial *t = single(0.25, 0.0, false);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.0);
  check_double(number_of(&e, t, "input", 0), 0.0);
  check_class(number_of(&e, t, "target", 0), LP_NAN);
  ck_assert(enters(&e, t, "target-zero"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_upstream(t, "", (double[]){0.0});
  ask(&e, t);
  check_class(number_of(&e, t, "target", 0), LP_NAN);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* NaN, but without any upstream gradient 0: xlogy(0, t) + 0 t/t - 0 x. */
START_TEST(negative_target) {
  lp_trial *t = single(0.25, -1.0, false);
  lp_exact e;
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_NAN);
  check_double(number_of(&e, t, "input", 0), 1.0);
  check_class(number_of(&e, t, "target", 0), LP_NAN);
  ck_assert(enters(&e, t, "target-negative"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  static const char *const words[] = {"none", "sum", "mean", "batchmean"};
  for (int k = 0; k < 4; k++) {
    trial_reduction(t, words[k]);
    trial_upstream(t, "", (double[]){0.0});
    ask(&e, t);
    check_class(number_of(&e, t, NULL, 0), LP_NAN);
    check_double(number_of(&e, t, "target", 0), 0.0);
    check_agreement(&e, t);
    lp_exact_clear(&e);
  }
  trial_real(t, "input", "", (double[]){INFINITY});
  ask(&e, t);
  check_class(number_of(&e, t, "target", 0), LP_NAN);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* Finite inputs have a real value, however large or small; its ball asks for more bits. */
START_TEST(exponentials_out_of_range) {
  lp_trial *t = single(0.0, 1e300, true);
  lp_exact e;
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_FINITE);
  ck_assert(arb_is_positive(&number_of(&e, t, NULL, 0)->value));
  ck_assert_int_gt(e.precision, LP_EXACT_PRECISION_MIN);
  ck_assert(enters(&e, t, "exp-overflow"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_real(t, "target", "", (double[]){-746.0});
  trial_real(t, "input", "", (double[]){1e308});
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_FINITE);
  ck_assert(arf_cmpabs_d(arb_midref(&number_of(&e, t, NULL, 0)->value), 1e-15) < 0);
  ck_assert(arf_cmpabs_d(arb_midref(&number_of(&e, t, NULL, 0)->value), 1e-17) > 0);
  ck_assert(enters(&e, t, "exp-underflow"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* The last argument of exp that float64 holds, and the next; the first that it makes 0, and the one before. */
START_TEST(edges_of_exp) {
  static const double edges[] = {0x1.62e42fefa39efp9, 0x1.62e42fefa39f0p9, -0x1.74910d52d3051p9, -0x1.74910d52d3052p9};
  for (int k = 0; k < 4; k++) {
    lp_trial *t = single(0.0, edges[k], true);
    lp_exact e;
    ask(&e, t);
    ck_assert_int_eq(enters(&e, t, "exp-overflow"), k == 1);
    ck_assert_int_eq(enters(&e, t, "exp-underflow"), k == 3);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* input, target, log_target, upstream; classes of the loss, of the gradients to input and target: as PyTorch 2.13. */
typedef struct ruling {
  double input, target;
  bool log_target;
  double upstream;
  lp_class loss, to_input, to_target;
} ruling;

START_TEST(classes) {
  static const ruling table[] = {
      {INFINITY, 0.0, false, 1.0, LP_NAN, LP_FINITE, LP_NAN},
      {INFINITY, 0.5, false, 1.0, LP_MINUS_INFINITY, LP_FINITE, LP_MINUS_INFINITY},
      {0.3, INFINITY, false, 1.0, LP_NAN, LP_MINUS_INFINITY, LP_NAN},
      {-INFINITY, INFINITY, false, 1.0, LP_PLUS_INFINITY, LP_MINUS_INFINITY, LP_NAN},
      {0.3, -INFINITY, false, 0.0, LP_NAN, LP_NAN, LP_NAN},
      {0.3, 0.5, false, INFINITY, LP_FINITE, LP_MINUS_INFINITY, LP_NAN},
      {0.3, -INFINITY, true, 1.0, LP_NAN, LP_FINITE, LP_NAN},
      {-INFINITY, INFINITY, true, 1.0, LP_PLUS_INFINITY, LP_MINUS_INFINITY, LP_PLUS_INFINITY},
      {INFINITY, 800.0, true, 1.0, LP_MINUS_INFINITY, LP_MINUS_INFINITY, LP_NAN}, /* as in float64 */
      /* exp(-800) has one too, but is 0 in float64 */
      {INFINITY, -800.0, true, 1.0, LP_NOT_FINITE, LP_FINITE, LP_NOT_FINITE},
      {0.3, -800.0, true, INFINITY, LP_FINITE, LP_NOT_FINITE, LP_NOT_FINITE},
      {0.3, 0.5, true, INFINITY, LP_FINITE, LP_MINUS_INFINITY, LP_PLUS_INFINITY},
      {NAN, 0.5, false, 0.0, LP_NAN, LP_FINITE, LP_NAN},
      /* beside an infinity or NaN all is float64's, else real */
      {NAN, 1e20, true, 0.0, LP_NAN, LP_NAN, LP_NAN},
      {0.5, 1e20, true, 0.0, LP_FINITE, LP_FINITE, LP_FINITE},
      {-INFINITY, 709.9, true, 1e-300, LP_PLUS_INFINITY, LP_MINUS_INFINITY, LP_PLUS_INFINITY},
      {INFINITY, 709.7, true, -1e300, LP_MINUS_INFINITY, LP_PLUS_INFINITY, LP_NAN},
      {INFINITY, 1e20, false, -1e300, LP_MINUS_INFINITY, LP_PLUS_INFINITY, LP_NAN},
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    const ruling *r = &table[i];
    lp_trial *t = single(r->input, r->target, r->log_target);
    lp_exact e;
    trial_upstream(t, "", &r->upstream);
    ask(&e, t);
    check_class(number_of(&e, t, NULL, 0), r->loss);
    check_class(number_of(&e, t, "input", 0), r->to_input);
    check_class(number_of(&e, t, "target", 0), r->to_target);
    ck_assert_int_eq(enters(&e, t, "non-finite"), !isfinite(r->input) || !isfinite(r->target));
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* A negative target sends back NaN, or 0 where the upstream gradient is 0: of a quotient that may be 0 nothing is
 * claimed. */
START_TEST(negative_targets_beside_tiny_upstream_gradients) {
  static const struct {
    double g;
    const char *reduction;
    lp_class class;
    bool open;
  } of[] = {{0x1p-1074, "mean", LP_NAN, true},  {0x1p-1070, "mean", LP_NAN, true},
            {0x1p-1065, "mean", LP_NAN, false}, {0x1p-1074, "none", LP_NAN, false},
            {0x1p-1074, "sum", LP_NAN, false},  {0x1p-1074, "batchmean", LP_NAN, true},
            {0.0, "mean", LP_FINITE, false}};
  for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
    lp_trial *t = trial_new("kl_div");
    lp_exact e;
    trial_reduction(t, of[i].reduction);
    trial_real(t, "input", "2", (double[]){-1.0, -1.0});
    trial_real(t, "target", "2", (double[]){-2.0, 0.5});
    trial_upstream(t, strcmp(of[i].reduction, "none") == 0 ? "2" : "", (double[]){of[i].g, of[i].g});
    ask(&e, t);
    const lp_exact_number *n = number_of(&e, t, "target", 0);
    check_class(n, of[i].class);
    check_class(number_of(&e, t, NULL, 0), LP_NAN);
    ck_assert_int_eq(mag_cmp_2exp_si(&n->scale, 4096) > 0, of[i].open);
    ck_assert(mag_cmp_2exp_si(&number_of(&e, t, NULL, 0)->scale, 4096) < 0);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

START_TEST(half_types) {
  static const lp_dtype dtypes[] = {LP_FLOAT32, LP_FLOAT16, LP_BFLOAT16};
  for (int k = 0; k < 3; k++) {
    lp_trial *t = trial_new("kl_div");
    lp_exact e;
    trial_reduction(t, "sum");
    trial_tensor(t, "input", dtypes[k], "2", (double[]){0.25, 0.25});
    trial_tensor(t, "target", dtypes[k], "2", (double[]){0.5, 0.0});
    ask(&e, t);
    ck_assert_int_eq(e.outputs[0].layout.dtype, dtypes[k]);
    check_decimals(number_of(&e, t, NULL, 0), "-0.471573590279972654708616060729088284037750067");
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* log2 for log, and mean for batchmean, are seen. */
START_TEST(planted_fault_is_seen) {
  lp_trial *t = single(0.25, 0.5, false);
  lp_exact e;
  ask(&e, t);
  ck_assert_double_gt(distance_in_scales(number_of(&e, t, NULL, 0), -0.5 - 0.125, LP_FLOAT64), 1e14);
  ck_assert_double_gt(distance_in_scales(number_of(&e, t, NULL, 0), -0.47157359027998, LP_FLOAT64), 2.0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {plain_by_hand,
                                scale_by_hand,
                                log_target_by_hand,
                                denominators,
                                batchmean_without_rows,
                                zero_target,
                                negative_target,
                                exponentials_out_of_range,
                                edges_of_exp,
                                classes,
                                negative_targets_beside_tiny_upstream_gradients,
                                half_types,
                                planted_fault_is_seen};
  const int failed = run_tests("exact kl_div", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return failed;
}
