#include "reference/exact/tests/asking.h"

static lp_trial *single(double input, double target, double beta) {
  lp_trial *t = trial_new("smooth_l1");
  trial_reduction(t, "none");
  trial_param(t, "beta", beta);
  trial_real(t, "input", "", &input);
  trial_real(t, "target", "", &target);
  return t;
}

/* (1/4)^2 / 6: d by 2 d / 6, d^2 / 2 by 1/3, the quotient. */
START_TEST(quadratic_by_hand) {
  lp_trial *t = single(0.5, 0.25, 3.0);
  lp_exact e;
  ask(&e, t);
  check_decimals(number_of(&e, t, NULL, 0), "0.0104166666666666666666666666666666666666666667");
  check_decimals(number_of(&e, t, "input", 0), "0.0833333333333333333333333333333333333333333333");
  check_decimals(number_of(&e, t, "target", 0), "-0.0833333333333333333333333333333333333333333333");
  check_scale(number_of(&e, t, NULL, 0), 5.0 * 0.0625 / 6.0);
  ck_assert(enters(&e, t, "quadratic") && !enters(&e, t, "linear"));
  ck_assert_int_eq(e.n_kinks, 0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(linear_by_hand) {
  lp_trial *t = single(-2.0, 0.5, 1.0);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 2.0);
  check_double(number_of(&e, t, "input", 0), -1.0);
  check_scale(number_of(&e, t, NULL, 0), 2.0 + 2.0 + 2.5);
  ck_assert(enters(&e, t, "linear") && !enters(&e, t, "quadratic"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* At |d| = beta both pieces and their slopes agree: a switch, but no kink. */
START_TEST(pieces_meet) {
  lp_trial *t = single(1.5, 1.0, 0.5);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.25);
  check_double(number_of(&e, t, "input", 0), 1.0);
  ck_assert(enters(&e, t, "kink"));
  ck_assert_int_eq(e.n_kinks, 0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* The float32 nearest to 0.1 is above the float64 one, by less than float32 can tell: the slope 1 may become d/beta. */
START_TEST(near_the_switch) {
  const double tenth = (double)0.1f;
  lp_trial *t = single(0.0, 0.0, 0.1);
  lp_exact e;
  trial_tensor(t, "input", LP_FLOAT32, "", &tenth);
  trial_tensor(t, "target", LP_FLOAT32, "", (double[]){0.0});
  ask(&e, t);
  ck_assert(enters(&e, t, "linear"));
  check_double(number_of(&e, t, "input", 0), 1.0);
  ck_assert_int_eq(e.n_kinks, 1);
  ck_assert_int_eq(e.kinks[0].state, LP_KINK_NEAR);
  ck_assert_int_eq(e.kinks[0].side, LP_ABOVE);
  ck_assert_int_eq(e.kinks[0].n_effects, 2);
  const arb_struct *change = &effect_on(&e, t, 0, "input")->change[LP_BELOW + 1];
  ck_assert(arb_is_positive(change));
  ck_assert(arf_cmp_d(arb_midref(change), 1.4901161e-8) > 0 && arf_cmp_d(arb_midref(change), 1.4901162e-8) < 0);
  ck_assert(arb_is_zero(&effect_on(&e, t, 0, "input")->change[LP_ABOVE + 1]));
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* beta = 0 is l1, with its kink at 0. */
START_TEST(without_beta) {
  lp_trial *t = single(3.0, 1.0, 0.0);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 2.0);
  check_double(number_of(&e, t, "target", 0), -1.0);
  ck_assert(enters(&e, t, "l1") && !enters(&e, t, "tie"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_real(t, "target", "", (double[]){3.0});
  ask(&e, t);
  check_double(number_of(&e, t, "input", 0), 0.0);
  ck_assert(enters(&e, t, "tie") && !enters(&e, t, "l1"));
  ck_assert_int_eq(e.n_kinks, 1);
  ck_assert_int_eq(e.kinks[0].state, LP_KINK_AT);
  ck_assert(arb_equal_si(&effect_on(&e, t, 0, "input")->change[LP_BELOW + 1], -1));
  ck_assert(arb_equal_si(&effect_on(&e, t, 0, "input")->change[LP_ABOVE + 1], 1));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* With beta > 0 a tie is smooth. */
START_TEST(tie) {
  lp_trial *t = single(3.0, 3.0, 0.5);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.0);
  ck_assert(enters(&e, t, "tie") && !enters(&e, t, "quadratic"));
  ck_assert_int_eq(e.n_kinks, 0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* 3 elements: d = 1/2, -2, 0; beta 1. */
START_TEST(mean_by_hand) {
  lp_trial *t = trial_new("smooth_l1");
  lp_exact e;
  trial_real(t, "input", "3", (double[]){0.5, -2.0, 1.0});
  trial_real(t, "target", "3", (double[]){0.0, 0.0, 1.0});
  ask(&e, t);
  check_decimals(number_of(&e, t, NULL, 0), "0.541666666666666666666666666666666666666666667");
  check_decimals(number_of(&e, t, "input", 0), "0.166666666666666666666666666666666666666666667");
  check_decimals(number_of(&e, t, "input", 1), "-0.333333333333333333333333333333333333333333333");
  ck_assert_int_eq(number_of(&e, t, NULL, 0)->terms, 3);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(classes) {
  lp_trial *t = trial_new("smooth_l1");
  lp_exact e;
  trial_reduction(t, "none");
  trial_real(t, "input", "4", (double[]){INFINITY, NAN, INFINITY, 0.25});
  trial_real(t, "target", "4", (double[]){0.0, 0.0, INFINITY, 0.25});
  trial_upstream(t, "4", (double[]){-1.0, 1.0, 1.0, INFINITY});
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_PLUS_INFINITY);
  check_double(number_of(&e, t, "input", 0), -1.0);
  check_class(number_of(&e, t, NULL, 1), LP_NAN);
  check_class(number_of(&e, t, "input", 1), LP_NAN);
  check_class(number_of(&e, t, NULL, 2), LP_NAN);
  check_class(number_of(&e, t, "input", 3), LP_NAN);
  ck_assert(enters(&e, t, "non-finite"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* Whatever is not finite, d or beta: the regime says so, with and without a beta. */
START_TEST(parts_that_are_not_finite) {
  static const double parts[][3] = {{INFINITY, 0.0, 1.0},     {NAN, 0.0, 1.0},      {INFINITY, 0.0, 0.0},
                                    {NAN, 1.0, 0.0},          {1.0, 0.0, INFINITY}, {0.0, 0.0, INFINITY},
                                    {INFINITY, 0.0, INFINITY}};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    lp_trial *t = single(parts[i][0], parts[i][1], parts[i][2]);
    lp_exact e;
    ask(&e, t);
    ck_assert(enters(&e, t, "non-finite"));
    ck_assert(!enters(&e, t, "linear") && !enters(&e, t, "quadratic") && !enters(&e, t, "l1"));
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

START_TEST(planted_fault_is_seen) {
  lp_trial *t = single(0.5, 0.25, 3.0);
  lp_exact e;
  ask(&e, t);
  ck_assert_double_gt(distance_in_scales(number_of(&e, t, NULL, 0), 0.03125, LP_FLOAT64), 1e14); /* not over beta */
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {quadratic_by_hand,    linear_by_hand, pieces_meet,
                                near_the_switch,      without_beta,   tie,
                                mean_by_hand,         classes,        parts_that_are_not_finite,
                                planted_fault_is_seen};
  const int failed = run_tests("exact smooth_l1", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return failed;
}
