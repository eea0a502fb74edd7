#include "reference/exact/budget.h"
#include "reference/exact/tests/asking.h"

static lp_trial *single(double input, double target, bool log_input, bool full, double eps) {
  lp_trial *t = trial_new("poisson_nll");
  trial_reduction(t, "none");
  trial_param(t, "log_input", log_input);
  trial_param(t, "full", full);
  trial_param(t, "eps", eps);
  trial_real(t, "input", "", &input);
  trial_real(t, "target", "", &target);
  return t;
}

/* e - 2; the exponential, the product with 2 not, and the difference are rounded. */
START_TEST(log_input_by_hand) {
  lp_trial *t = single(1.0, 2.0, true, false, 1e-8);
  lp_exact e;
  ask(&e, t);
  check_decimals(number_of(&e, t, NULL, 0), "0.718281828459045235360287471352662497757247094");
  check_decimals(number_of(&e, t, "input", 0), "0.718281828459045235360287471352662497757247094");
  check_double(number_of(&e, t, "target", 0), -1.0);
  check_scale(number_of(&e, t, NULL, 0), 2.0 * 0.7182818284590452 + 2.718281828459045);
  ck_assert(enters(&e, t, "log-input") && !enters(&e, t, "rate-input") && !enters(&e, t, "stirling-masked"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* 1 - 2 log(1 + 1), slopes 1 - 2/2 and -log 2. Rounded: x + eps = 2 (by t/2), log 2 (by t, and so after the product
 * with t = 2), the difference. */
START_TEST(rate_by_hand) {
  lp_trial *t = single(1.0, 2.0, false, false, 1.0);
  lp_exact e;
  ask(&e, t);
  check_decimals(number_of(&e, t, NULL, 0), "-0.386294361119890618834464242916353136151000269");
  check_double(number_of(&e, t, "input", 0), 0.0);
  check_decimals(number_of(&e, t, "target", 0), "-0.693147180559945309417232121458176568075500134");
  check_scale(number_of(&e, t, NULL, 0), 2.0 * 0.38629436111989062 + 2.0 + 2.0 * 0.69314718055994531);
  ck_assert(enters(&e, t, "rate-input") && !enters(&e, t, "rate-zero") && !enters(&e, t, "rate-negative"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(stirling_by_hand) {
  lp_trial *t = single(1.0, 2.0, true, true, 1e-8);
  lp_exact e;
  ask(&e, t);
  check_decimals(number_of(&e, t, NULL, 0), "1.3700883130635812506836975114037215578073949");
  check_decimals(number_of(&e, t, "target", 0), "-0.0568528194400546905827678785418234319244998657");
  ck_assert(enters(&e, t, "stirling") && !enters(&e, t, "stirling-masked"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* On both sides of the mask: 1 and below have no term, the next number has. Nothing of it reaches a gradient. */
START_TEST(mask) {
  static const double targets[] = {1.0, 0.5, 0.0, -1.0};
  lp_exact e;
  for (int k = 0; k < 4; k++) {
    lp_trial *t = single(0.0, targets[k], true, true, 1e-8);
    ask(&e, t);
    check_double(number_of(&e, t, NULL, 0), 1.0);
    check_double(number_of(&e, t, "target", 0), 0.0);
    ck_assert(enters(&e, t, "stirling-masked"));
    ck_assert_int_eq(enters(&e, t, "target-zero"), k == 2);
    ck_assert_int_eq(enters(&e, t, "target-negative"), k == 3);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
  lp_trial *t = single(0.0, 1.0 + 0x1p-52, true, true, 1e-8);
  ask(&e, t);
  ck_assert(arf_cmp_d(arb_midref(&number_of(&e, t, NULL, 0)->value), 0.9189) > 0); /* 1 - 1 + log(2 pi)/2 */
  ck_assert(enters(&e, t, "stirling"));
  ck_assert_int_eq(e.n_kinks, 0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* eps = 1e-8 is a float64: float32 arithmetic rounds it, which the scale of log(0 + eps) holds once more. */
START_TEST(eps_is_a_real_number) {
  lp_trial *t = single(0.0, 1.0, false, false, 1e-8);
  lp_exact e;
  ask(&e, t);
  check_decimals(number_of(&e, t, "input", 0), "-99999998.99999999790774391698715277624269176011384");
  check_agreement(&e, t);
  const double scale = mag_get_d(&number_of(&e, t, NULL, 0)->scale);
  lp_exact_clear(&e);
  trial_tensor(t, "input", LP_FLOAT32, "", (double[]){0.0});
  trial_tensor(t, "target", LP_FLOAT32, "", (double[]){1.0});
  ask(&e, t);
  check_decimals(number_of(&e, t, "input", 0), "-99999998.99999999790774391698715277624269176011384");
  check_scale(number_of(&e, t, NULL, 0), scale + 1.0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* PyTorch takes exp of an integer tensor in float32; the definition does not. */
START_TEST(integers_are_real) {
  lp_trial *t = trial_new("poisson_nll");
  lp_exact e;
  trial_reduction(t, "none");
  trial_index(t, "input", "", (int64_t[]){1});
  trial_real(t, "target", "", (double[]){2.0});
  ask(&e, t);
  check_decimals(number_of(&e, t, NULL, 0), "0.718281828459045235360287471352662497757247094");
  ck_assert_int_eq(e.n_outputs, 2);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(exponentials_out_of_range) {
  static const double inputs[] = {1e300, 710.0, -746.0, -1e300};
  for (int k = 0; k < 4; k++) {
    lp_trial *t = single(inputs[k], 1.0, true, false, 1e-8);
    lp_exact e;
    ask(&e, t);
    check_class(number_of(&e, t, NULL, 0), LP_FINITE);
    check_class(number_of(&e, t, "input", 0), LP_FINITE);
    ck_assert_int_eq(enters(&e, t, "exp-overflow"), k < 2);
    ck_assert_int_eq(enters(&e, t, "exp-underflow"), k >= 2);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* input, target, eps, full, upstream; classes of the loss and of its gradients, not log_input: as PyTorch 2.13. */
typedef struct ruling {
  double input, target, eps;
  bool full;
  double upstream;
  lp_class loss, to_input, to_target;
} ruling;

START_TEST(poles_and_classes) {
  static const ruling table[] = {
      {-0.5, 1.0, 0.5, false, 1.0, LP_PLUS_INFINITY, LP_MINUS_INFINITY, LP_PLUS_INFINITY},
      {-0.5, -1.0, 0.5, false, 1.0, LP_MINUS_INFINITY, LP_PLUS_INFINITY, LP_PLUS_INFINITY},
      {0.0, 0.0, 0.0, false, 1.0, LP_NAN, LP_NAN, LP_PLUS_INFINITY},
      {0.0, -1.0, 0.0, true, 1.0, LP_MINUS_INFINITY, LP_PLUS_INFINITY, LP_NAN}, /* the masked term is differentiated */
      {0.0, 0.5, 0.0, true, 1.0, LP_PLUS_INFINITY, LP_MINUS_INFINITY, LP_PLUS_INFINITY},
      {-2.0, 1.0, 0.5, false, 1.0, LP_NAN, LP_FINITE, LP_NAN},
      {INFINITY, 1.0, 0.0, false, 1.0, LP_NAN, LP_FINITE, LP_MINUS_INFINITY},
      {1.0, INFINITY, 1.0, false, 1.0, LP_MINUS_INFINITY, LP_MINUS_INFINITY, LP_FINITE},
      {1.0, INFINITY, 1e-300, false, 1.0, LP_NAN, LP_MINUS_INFINITY, LP_FINITE}, /* 1 + eps is 1 in float64 */
      {1.0, NAN, 0.0, true, 1.0, LP_NAN, LP_NAN, LP_NAN},
      {1.0, -INFINITY, 1.0, true, 1.0, LP_PLUS_INFINITY, LP_PLUS_INFINITY, LP_NAN},
      {2.0, 3.0, INFINITY, false, 1.0, LP_MINUS_INFINITY, LP_FINITE, LP_MINUS_INFINITY},
      {2.0, 3.0, 0.0, false, INFINITY, LP_FINITE, LP_NAN, LP_MINUS_INFINITY},
      {-INFINITY, -1e200, 0.0, false, 1e300, LP_NAN, LP_NAN, LP_NAN},                  /* g t overflows */
      {-0.5, 0.25, 0.5, false, 0x1p-1074, LP_PLUS_INFINITY, LP_NAN, LP_PLUS_INFINITY}, /* g t underflows */
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    const ruling *r = &table[i];
    lp_trial *t = single(r->input, r->target, false, r->full, r->eps);
    lp_exact e;
    trial_upstream(t, "", &r->upstream);
    ask(&e, t);
    check_class(number_of(&e, t, NULL, 0), r->loss);
    check_class(number_of(&e, t, "input", 0), r->to_input);
    check_class(number_of(&e, t, "target", 0), r->to_target);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* One input, two positions. PyTorch adds up what they send back before it multiplies by exp(inf) or divides by 0: a
 * position that sends 0 may not show. */
START_TEST(shared_poles) {
  static const struct {
    bool log_input;
    double x, t[2], g[2];
    bool open;
  } of[] = {{true, INFINITY, {1.0, 2.0}, {1.0, 0.0}, true}, {true, INFINITY, {1.0, 2.0}, {1.0, 3.0}, false},
            {true, 800.0, {1.0, 2.0}, {1.0, 0.0}, false},   {false, -0.5, {1.0, 0.0}, {1.0, 1.0}, true},
            {false, -0.5, {1.0, 2.0}, {0.0, 1.0}, true},    {false, -0.5, {1.0, 2.0}, {1.0, 1.0}, false}};
  for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
    lp_trial *t = trial_new("poisson_nll");
    lp_exact e;
    trial_param(t, "log_input", of[i].log_input);
    trial_param(t, "eps", 0.5);
    trial_reduction(t, "none");
    trial_real(t, "input", "", &of[i].x);
    trial_real(t, "target", "2", of[i].t);
    trial_upstream(t, "2", of[i].g);
    ask(&e, t);
    ck_assert_int_eq(mag_cmp_2exp_si(&number_of(&e, t, "input", 0)->scale, 4096) > 0, of[i].open);
    ck_assert(mag_cmp_2exp_si(&number_of(&e, t, "target", 0)->scale, 4096) < 0);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

START_TEST(rate_regimes) {
  lp_trial *t = trial_new("poisson_nll");
  lp_exact e;
  trial_param(t, "log_input", 0.0);
  trial_param(t, "eps", 0.5);
  trial_real(t, "input", "4", (double[]){-0.5, -1.0, 1.0, INFINITY});
  trial_real(t, "target", "4", (double[]){1.0, 1.0, 1.0, 1.0});
  ask(&e, t);
  ck_assert(enters(&e, t, "rate-zero") && enters(&e, t, "rate-negative") && enters(&e, t, "rate-input"));
  ck_assert(enters(&e, t, "non-finite") && !enters(&e, t, "empty"));
  lp_exact_clear(&e);
  trial_real(t, "input", "0", NULL);
  trial_real(t, "target", "0", NULL);
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_NAN);
  ck_assert(enters(&e, t, "empty"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(half_types) {
  static const lp_dtype dtypes[] = {LP_FLOAT32, LP_FLOAT16, LP_BFLOAT16};
  for (int k = 0; k < 3; k++) {
    lp_trial *t = single(1.0, 2.0, true, true, 1e-8);
    lp_exact e;
    trial_tensor(t, "input", dtypes[k], "", (double[]){1.0});
    trial_tensor(t, "target", dtypes[k], "", (double[]){2.0});
    ask(&e, t);
    ck_assert_int_eq(e.outputs[0].layout.dtype, dtypes[k]);
    check_decimals(number_of(&e, t, NULL, 0), "1.3700883130635812506836975114037215578073949");
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

static bool is_boundless(const lp_exact_number *n) {
  mag_t size;
  mag_init(size);
  arb_get_mag(size, &n->value);
  const bool boundless = lp_budget_is_boundless(&n->scale, size);
  mag_clear(size);
  return boundless;
}

/* log(1 + 1e-300) is 1e-300, and 0 for any arithmetic; log(3) is not. */
START_TEST(infinity_times_a_logarithm_that_rounds_to_zero) {
  const double infinity = INFINITY;
  for (int k = 0; k < 2; k++) {
    lp_trial *t = single(k == 0 ? 1.0 : 3.0, 0.5, false, false, 1e-300);
    lp_exact e;
    trial_upstream(t, "", &infinity);
    ask(&e, t);
    check_class(number_of(&e, t, "target", 0), k == 0 ? LP_NOT_FINITE : LP_MINUS_INFINITY);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* Where x + eps may as well be 0 in float32, log(x + eps) and 1/(x + eps) may be anything; 2^10 as far off, not. */
START_TEST(a_rate_next_to_the_pole) {
  for (int k = 0; k < 2; k++) {
    lp_trial *t = trial_new("poisson_nll");
    lp_exact e;
    const double eps = 0.001, x = k == 0 ? -lp_dtype_round(LP_FLOAT32, eps) : -0.9990234375 * eps;
    trial_param(t, "log_input", 0.0);
    trial_param(t, "eps", eps);
    trial_tensor(t, "input", LP_FLOAT32, "1", (double[]){lp_dtype_round(LP_FLOAT32, x)});
    trial_tensor(t, "target", LP_FLOAT32, "1", (double[]){1.0});
    ask(&e, t);
    ck_assert_int_eq(is_boundless(number_of(&e, t, NULL, 0)), k == 0);
    ck_assert_int_eq(is_boundless(number_of(&e, t, "input", 0)), k == 0);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* Stirling's term with log(2 pi t) unhalved, or added at t = 1. */
START_TEST(planted_fault_is_seen) {
  lp_trial *t = single(1.0, 2.0, true, true, 1e-8);
  lp_exact e;
  ask(&e, t);
  const double unhalved = 2.635600436;
  ck_assert_double_gt(distance_in_scales(number_of(&e, t, NULL, 0), unhalved, LP_FLOAT64), 1e14);
  ck_assert_double_gt(distance_in_scales(number_of(&e, t, NULL, 0), 1.37008831306360, LP_FLOAT64), 2.0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {log_input_by_hand,
                                rate_by_hand,
                                stirling_by_hand,
                                mask,
                                eps_is_a_real_number,
                                integers_are_real,
                                exponentials_out_of_range,
                                poles_and_classes,
                                shared_poles,
                                rate_regimes,
                                half_types,
                                infinity_times_a_logarithm_that_rounds_to_zero,
                                a_rate_next_to_the_pole,
                                planted_fault_is_seen};
  const int failed = run_tests("exact poisson_nll", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return failed;
}
