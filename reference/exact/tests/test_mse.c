#include "reference/exact/tests/asking.h"

static lp_trial *single(double input, double target) {
  lp_trial *t = trial_new("mse");
  trial_reduction(t, "none");
  trial_real(t, "input", "1", &input);
  trial_real(t, "target", "1", &target);
  return t;
}

/* d = 1/2. Value: d rounded once, by 2 d, and d^2; gradient 2 d: d rounded once. */
START_TEST(term_by_hand) {
  lp_trial *t = single(0.75, 0.25);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.25);
  check_double(number_of(&e, t, "input", 0), 1.0);
  check_double(number_of(&e, t, "target", 0), -1.0);
  check_scale(number_of(&e, t, NULL, 0), 0.25 + 0.25 + 2.0 * 0.5 * 0.5);
  check_scale(number_of(&e, t, "input", 0), 1.0 + 2.0 * 0.5);
  ck_assert(enters(&e, t, "nonzero") && !enters(&e, t, "tie"));
  ck_assert_int_eq(e.n_kinks, 0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* (1 + 4 + 0) / 3 and 2 d / 3. */
START_TEST(mean_by_hand) {
  lp_trial *t = trial_new("mse");
  lp_exact e;
  trial_real(t, "input", "3", (double[]){1.0, -2.0, 7.0});
  trial_real(t, "target", "3", (double[]){0.0, 0.0, 7.0});
  trial_upstream(t, "", (double[]){-3.0});
  ask(&e, t);
  check_decimals(number_of(&e, t, NULL, 0), "1.666666666666666666666666666666666666666667");
  check_double(number_of(&e, t, "input", 1), 4.0);
  check_double(number_of(&e, t, "target", 0), 2.0);
  check_double(number_of(&e, t, "input", 2), 0.0);
  ck_assert(enters(&e, t, "nonzero") && enters(&e, t, "tie"));
  ck_assert_int_eq(number_of(&e, t, NULL, 0)->terms, 3);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* 1/3 is no double: d^2 of doubles is exact in the ball all the same. */
START_TEST(square_is_exact) {
  const double third = 1.0 / 3.0;
  lp_trial *t = single(third, 0.0);
  lp_exact e;
  arb_t square;
  ask(&e, t);
  arb_init(square);
  arb_set_d(square, third);
  arb_sqr(square, square, ARF_PREC_EXACT);
  ck_assert(arb_equal(square, &number_of(&e, t, NULL, 0)->value));
  arb_clear(square);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* A value beyond the range of doubles is a finite number, and comes back with a small weight. */
START_TEST(no_overflow) {
  lp_trial *t = single(0x1p700, 0.0);
  lp_exact e;
  arb_t square;
  ask(&e, t);
  arb_init(square);
  arb_one(square);
  arb_mul_2exp_si(square, square, 1400);
  check_class(number_of(&e, t, NULL, 0), LP_FINITE);
  ck_assert(arb_equal(square, &number_of(&e, t, NULL, 0)->value));
  lp_exact_clear(&e);
  trial_real(t, "weight", "1", (double[]){0x1p-800});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0x1p600);
  check_double(number_of(&e, t, "input", 0), 0x1p-99);
  check_agreement(&e, t);
  arb_clear(square);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* L = (3 4 + 1 1) / 4; to the weights (d^2 - L) / 4, to the input 2 w d / 4. */
START_TEST(weighted_mean_by_hand) {
  lp_trial *t = trial_new("mse");
  lp_exact e;
  trial_real(t, "input", "2", (double[]){2.0, 1.0});
  trial_real(t, "target", "2", (double[]){0.0, 2.0});
  trial_real(t, "weight", "2", (double[]){3.0, 1.0});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 3.25);
  check_double(number_of(&e, t, "weight", 0), 0.1875);
  check_double(number_of(&e, t, "weight", 1), -0.5625);
  check_double(number_of(&e, t, "input", 0), 3.0);
  check_double(number_of(&e, t, "target", 1), 0.5);
  ck_assert(enters(&e, t, "weighted"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(cancelling_weights_divide_by_zero) {
  lp_trial *t = trial_new("mse");
  lp_exact e;
  trial_real(t, "input", "2", (double[]){1.0, 0.0});
  trial_real(t, "target", "2", (double[]){0.0, 0.0});
  trial_real(t, "weight", "2", (double[]){1.0, -1.0});
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_PLUS_INFINITY);
  check_class(number_of(&e, t, "input", 0), LP_PLUS_INFINITY);
  check_class(number_of(&e, t, "input", 1), LP_NAN);
  ck_assert(enters(&e, t, "weights-cancel"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* uint8: (1 - 2)^2 = 255^2 = 1; int8: 12^2 = -112, times 2 is 32. */
START_TEST(integers_wrap) {
  lp_trial *t = trial_new("mse");
  lp_exact e;
  trial_reduction(t, "none");
  trial_tensor(t, "input", LP_UINT8, "1", (double[]){1.0});
  trial_tensor(t, "target", LP_UINT8, "1", (double[]){2.0});
  trial_tensor(t, "weight", LP_UINT8, "1", (double[]){3.0});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 3.0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_tensor(t, "input", LP_INT8, "1", (double[]){12.0});
  trial_tensor(t, "target", LP_INT8, "1", (double[]){0.0});
  trial_tensor(t, "weight", LP_INT8, "1", (double[]){2.0});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 32.0);
  lp_exact_clear(&e);
  trial_tensor(t, "weight", LP_FLOAT64, "1", (double[]){0.5});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), -56.0);
  check_double(number_of(&e, t, "weight", 0), -112.0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* An integer that float32 lacks counts as rounded: 2^24 + 1 adds itself, by 2 d, to the reach. */
START_TEST(integer_beside_float32) {
  lp_trial *t = trial_new("mse");
  lp_exact e;
  const double x = 0x1p24 + 1.0;
  trial_reduction(t, "none");
  trial_index(t, "input", "1", (int64_t[]){(INT64_C(1) << 24) + 1});
  trial_tensor(t, "target", LP_FLOAT32, "1", (double[]){0.0});
  ask(&e, t);
  ck_assert_int_eq(e.outputs[0].layout.dtype, LP_FLOAT32);
  check_double(number_of(&e, t, NULL, 0), x * x);
  check_scale(number_of(&e, t, NULL, 0), x * x + x * x + 2.0 * x * (x + x));
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* Infinities follow the formula; so does what leaves float64's range beside them: 0 times infinity is NaN. */
START_TEST(classes) {
  lp_trial *t = trial_new("mse");
  lp_exact e;
  trial_reduction(t, "none");
  trial_real(t, "input", "4", (double[]){INFINITY, INFINITY, 1.0, 0x1p-600});
  trial_real(t, "target", "4", (double[]){0.0, INFINITY, 1.0, 0.0});
  trial_real(t, "weight", "4", (double[]){1.0, 1.0, 1.0, INFINITY});
  trial_upstream(t, "4", (double[]){0.0, 1.0, INFINITY, 1.0});
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_PLUS_INFINITY);
  check_class(number_of(&e, t, "input", 0), LP_NAN);
  check_class(number_of(&e, t, NULL, 1), LP_NAN);
  check_class(number_of(&e, t, "input", 2), LP_NAN);
  check_class(number_of(&e, t, NULL, 3), LP_NOT_FINITE); /* 2^-1200 underflows, or not, as it is multiplied */
  check_class(number_of(&e, t, "input", 3), LP_PLUS_INFINITY);
  ck_assert(enters(&e, t, "non-finite"));
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(infinities_beside_what_leaves_the_range) {
  lp_trial *t = trial_new("mse");
  lp_exact e;
  trial_real(t, "input", "2", (double[]){INFINITY, 1.0});
  trial_real(t, "target", "2", NULL);
  trial_real(t, "weight", "2", (double[]){0x1p-1023, 0.0});
  trial_upstream(t, "", (double[]){-2.0});
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_PLUS_INFINITY);
  check_class(number_of(&e, t, "weight", 0), LP_NAN);
  check_class(number_of(&e, t, "weight", 1), LP_NOT_FINITE); /* -2^1024 (1 - inf), or -2^1024 + 2^1024 inf */
  lp_exact_clear(&e);
  trial_upstream(t, "", (double[]){-0.5});
  ask(&e, t);
  check_class(number_of(&e, t, "weight", 1), LP_PLUS_INFINITY);
  lp_exact_clear(&e);
  trial_reduction(t, "none");
  trial_real(t, "weight", "2", (double[]){0x1p-1074, 1.0});
  trial_upstream(t, "2", (double[]){0.5, 1.0});
  ask(&e, t);
  check_class(number_of(&e, t, "input", 0), LP_NOT_FINITE); /* 2^-1075 underflows, or not, as it is multiplied */
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(empty) {
  lp_trial *t = trial_new("mse");
  lp_exact e;
  trial_real(t, "input", "0 2", NULL);
  trial_real(t, "target", "2", NULL);
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_NAN);
  check_double(number_of(&e, t, "target", 1), 0.0);
  ck_assert(enters(&e, t, "empty"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {term_by_hand,
                                mean_by_hand,
                                square_is_exact,
                                no_overflow,
                                weighted_mean_by_hand,
                                cancelling_weights_divide_by_zero,
                                integers_wrap,
                                integer_beside_float32,
                                classes,
                                infinities_beside_what_leaves_the_range,
                                empty};
  const int failed = run_tests("exact mse", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return failed;
}
