#include "reference/exact/budget.h"
#include "reference/exact/tests/asking.h"

static const double no_targets[3] = {0.0, 0.0, 0.0};

/* |input - target| = 3/4, 3, 0. */
static lp_trial *three(void) {
  lp_trial *t = trial_new("l1");
  trial_real(t, "input", "3", (double[]){1.0, -2.0, 0.5});
  trial_real(t, "target", "3", (double[]){0.25, 1.0, 0.5});
  return t;
}

START_TEST(mean_by_hand) {
  lp_trial *t = three();
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 1.25);
  check_decimals(number_of(&e, t, "input", 0), "0.333333333333333333333333333333333333333333");
  check_decimals(number_of(&e, t, "input", 1), "-0.333333333333333333333333333333333333333333");
  check_decimals(number_of(&e, t, "target", 1), "0.333333333333333333333333333333333333333333");
  check_double(number_of(&e, t, "input", 2), 0.0);
  ck_assert(enters(&e, t, "positive") && enters(&e, t, "negative") && enters(&e, t, "tie"));
  ck_assert(!enters(&e, t, "weighted") && !enters(&e, t, "empty"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* Of a term: |d| counts itself and the rounding of d. */
START_TEST(scale_by_hand) {
  lp_trial *t = three();
  lp_exact e;
  trial_reduction(t, "none");
  ask(&e, t);
  check_scale(number_of(&e, t, NULL, 1), 3.0 + 3.0);
  check_scale(number_of(&e, t, "input", 1), 1.0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(tie_is_a_kink) {
  lp_trial *t = three();
  lp_exact e;
  trial_reduction(t, "sum");
  ask(&e, t);
  ck_assert_int_eq(e.n_kinks, 1);
  ck_assert_int_eq(e.kinks[0].state, LP_KINK_AT);
  ck_assert_int_eq(e.kinks[0].side, LP_AT);
  ck_assert_int_eq(e.kinks[0].term, 2);
  ck_assert_int_eq(e.kinks[0].n_effects, 2);
  for (int k = 0; k < 2; k++) {
    const lp_kink_effect *effect = effect_on(&e, t, 0, k == 0 ? "input" : "target");
    const int sign = k == 0 ? 1 : -1;
    ck_assert_int_eq(effect->index, 2);
    ck_assert(arb_equal_si(&effect->change[LP_BELOW + 1], -sign));
    ck_assert(arb_is_zero(&effect->change[LP_AT + 1]));
    ck_assert(arb_equal_si(&effect->change[LP_ABOVE + 1], sign));
  }
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* 2^53 + 1 is no double: rounded, it may meet the target. */
START_TEST(integer_beside_a_double_is_near) {
  lp_trial *t = trial_new("l1");
  lp_exact e;
  trial_index(t, "input", "1", (int64_t[]){(INT64_C(1) << 53) + 1});
  trial_real(t, "target", "1", (double[]){0x1p53});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 1.0);
  check_double(number_of(&e, t, "target", 0), -1.0);
  ck_assert_int_eq(e.n_kinks, 1);
  ck_assert_int_eq(e.kinks[0].state, LP_KINK_NEAR);
  ck_assert_int_eq(e.kinks[0].side, LP_ABOVE);
  ck_assert(arb_equal_si(&effect_on(&e, t, 0, "target")->change[LP_BELOW + 1], 2));
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* L = (3/4 + 6 + 0) / 2; its scale: L itself, the sum of terms (3/4 + 6, and as much from d) over W, and L times the
 * sum of |weights| over W. W is exactly 2 in any order, so that the quotient is not rounded. */
START_TEST(weighted_mean_by_hand) {
  lp_trial *t = three();
  lp_exact e;
  trial_real(t, "weight", "3", (double[]){1.0, 2.0, -1.0});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 3.375);
  check_double(number_of(&e, t, "weight", 0), -1.3125);
  check_double(number_of(&e, t, "weight", 1), -0.1875);
  check_double(number_of(&e, t, "weight", 2), -1.6875);
  check_double(number_of(&e, t, "input", 1), -1.0);
  check_scale(number_of(&e, t, NULL, 0), 3.375 + 13.5 / 2.0 + 3.375 * 4.0 / 2.0);
  ck_assert(enters(&e, t, "weighted"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* Two weights, read by six positions: W is their sum, not that of six. */
START_TEST(weight_counts_once_when_the_target_is_larger) {
  lp_trial *t = trial_new("l1");
  lp_exact e;
  trial_real(t, "input", "2", (double[]){1.0, 2.0});
  trial_real(t, "target", "3 2", NULL);
  trial_real(t, "weight", "2", (double[]){1.0, 3.0});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 3.0 * 7.0 / 4.0);
  check_double(number_of(&e, t, "input", 1), 9.0 / 4.0);
  check_double(number_of(&e, t, "weight", 0), 3.0 / 4.0 - 21.0 / 16.0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(cancelling_weights_divide_by_zero) {
  lp_trial *t = trial_new("l1");
  lp_exact e;
  trial_real(t, "input", "2", (double[]){3.0, 1.0});
  trial_real(t, "target", "2", no_targets);
  trial_real(t, "weight", "2", (double[]){1.0, -1.0});
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_PLUS_INFINITY);
  check_class(number_of(&e, t, "input", 1), LP_MINUS_INFINITY);
  check_class(number_of(&e, t, "weight", 0), LP_NAN);
  ck_assert(enters(&e, t, "weights-cancel"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
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

/* The mean of |1| with these eight weights in float32. */
static void ask_weighted(lp_exact *e, lp_trial **t, const double weights[8]) {
  static const double ones[8] = {1, 1, 1, 1, 1, 1, 1, 1}, zeros[8] = {0};
  *t = trial_new("l1");
  trial_tensor(*t, "input", LP_FLOAT32, "8", ones);
  trial_tensor(*t, "target", LP_FLOAT32, "8", zeros);
  trial_tensor(*t, "weight", LP_FLOAT32, "8", weights);
  ask(e, *t);
}

/* A running sum of the first weights in float32 is 2^-8, not 4 + 2^-8; of the second it may be 0, whose sum is 1:
 * nothing is claimed. Weights that cancel less, and those that no order of summation rounds, have budgets. */
START_TEST(weights_that_cancel_by_rounding) {
  static const struct {
    double weights[8];
    lp_class class;
    bool boundless;
  } table[] = {{{0x1p28, 1, 1, 1, 1, -0x1p28, 0x1p-8, 0}, LP_FINITE, true},
               {{0x1p24, 1, -0x1p24, 0, 0, 0, 0, 0}, LP_FINITE, true},
               {{0x1p24, 1, -0x1p24, -1, 0, 0, 0, 0}, LP_PLUS_INFINITY, true}, /* exactly 0, but +-1 in some order */
               {{0x1p22, 1, -0x1p22, -1, 0, 0, 0, 0}, LP_NAN, false},
               {{0x1p22, 1, -0x1p22, 0, 0, 0, 0, 0}, LP_FINITE, false},
               {{0x1p10, 0x1.555556p-2, -0x1p10, 1, 1, 0, 0, 0}, LP_FINITE, false}};
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    lp_trial *t;
    lp_exact e;
    ask_weighted(&e, &t, table[i].weights);
    const lp_exact_number *loss = number_of(&e, t, NULL, 0);
    if (table[i].class == LP_FINITE) check_class(loss, LP_FINITE);
    ck_assert_int_eq(loss->class == LP_FINITE, table[i].class == LP_FINITE);
    ck_assert_msg(is_boundless(loss) == table[i].boundless, "weights %d", (int)i);
    ck_assert_int_eq(is_boundless(number_of(&e, t, "input", 1)), table[i].boundless);
    ck_assert_int_eq(is_boundless(number_of(&e, t, "weight", 0)), table[i].boundless);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* The last of those: W = 2 + 1/3 is summed 11 deep from 2051 in sizes, so that r = 22 u 2050.3 / W = 0.0012, and the
 * gradient 1/3 / W is wrong by r/(1 - r) of itself at most, besides its own rounding. */
START_TEST(budget_of_weights_that_nearly_cancel) {
  static const double weights[8] = {0x1p10, 0x1.555556p-2, -0x1p10, 1, 1, 0, 0, 0};
  lp_trial *t;
  lp_exact e;
  ask_weighted(&e, &t, weights);
  const double w = 2 + 0x1.555556p-2, size = 2 * 0x1p10 + w, r = 22 * 0x1p-24 * size / w, gradient = weights[1] / w;
  check_scale(number_of(&e, t, "input", 1), gradient * (size / w / (1 - r) + 1) + 2 * gradient);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* input, target of two dtypes, the weight's dtype (LP_DTYPE_COUNT: none): the loss that PyTorch's integers give. */
typedef struct integers {
  lp_dtype of_input, of_target, of_weight;
  double input, target, weight;
  const char *loss;
} integers;

START_TEST(integers_wrap) {
  static const integers table[] = {
      {LP_UINT8, LP_UINT8, LP_DTYPE_COUNT, 1, 2, 0, "255"},
      {LP_INT8, LP_INT8, LP_DTYPE_COUNT, -128, 0, 0, "-128"},
      {LP_INT8, LP_UINT8, LP_DTYPE_COUNT, -100, 200, 0, "300"},
      {LP_UINT8, LP_INT16, LP_DTYPE_COUNT, 200, -32767, 0, "32569"},
      {LP_INT16, LP_INT16, LP_DTYPE_COUNT, 32767, -1, 0, "-32768"},
      {LP_INT32, LP_INT16, LP_DTYPE_COUNT, 0x1p31 - 1, -1, 0, "-2147483648"},
      {LP_INT64, LP_UINT8, LP_DTYPE_COUNT, -0x1p63, 1, 0, "9223372036854775807"},
      {LP_UINT8, LP_UINT8, LP_INT8, 1, 2, -1, "-255"},
      {LP_UINT8, LP_UINT8, LP_UINT8, 1, 2, 2, "254"},
      {LP_UINT8, LP_UINT8, LP_BOOL, 1, 2, 1, "255"},
      {LP_INT8, LP_INT8, LP_FLOAT64, -128, 0, 0.5, "-64"},
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    const integers *c = &table[i];
    lp_trial *t = trial_new("l1");
    lp_exact e;
    trial_reduction(t, "none");
    trial_tensor(t, "input", c->of_input, "1", &c->input);
    trial_tensor(t, "target", c->of_target, "1", &c->target);
    if (c->of_weight != LP_DTYPE_COUNT) trial_tensor(t, "weight", c->of_weight, "1", &c->weight);
    ask(&e, t);
    check_decimals(number_of(&e, t, NULL, 0), c->loss);
    ck_assert_int_eq(e.n_outputs, c->of_weight == LP_FLOAT64 ? 2 : 1);
    if (c->of_weight == LP_FLOAT64) check_double(number_of(&e, t, "weight", 0), -128.0);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* 3 2^62 = -2^62 modulo 2^64; a floating weight makes the sum floating. */
START_TEST(integer_sum_wraps) {
  const int64_t large[] = {INT64_C(1) << 62, INT64_C(1) << 62, INT64_C(1) << 62}, zeros[3] = {0};
  lp_trial *t = trial_new("l1");
  lp_exact e;
  trial_reduction(t, "sum");
  trial_index(t, "input", "3", large);
  trial_index(t, "target", "3", zeros);
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), -0x1p62);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_real(t, "weight", "3", (double[]){1.0, 1.0, 1.0});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 3.0 * 0x1p62);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* sign(NaN) = 0: no gradient to the input, NaN to the weight; and 0 times infinity is NaN. */
START_TEST(classes) {
  lp_trial *t = trial_new("l1");
  lp_exact e;
  trial_reduction(t, "none");
  trial_real(t, "input", "4", (double[]){NAN, INFINITY, INFINITY, 1.0});
  trial_real(t, "target", "4", (double[]){0.0, 0.0, INFINITY, 1.0});
  trial_real(t, "weight", "4", (double[]){1.0, -1.0, 1.0, 1.0});
  trial_upstream(t, "4", (double[]){1.0, 1.0, 1.0, INFINITY});
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_NAN);
  check_double(number_of(&e, t, "input", 0), 0.0);
  check_class(number_of(&e, t, "weight", 0), LP_NAN);
  check_class(number_of(&e, t, NULL, 1), LP_MINUS_INFINITY);
  check_double(number_of(&e, t, "input", 1), -1.0);
  check_class(number_of(&e, t, "weight", 1), LP_PLUS_INFINITY);
  check_class(number_of(&e, t, NULL, 2), LP_NAN);
  check_class(number_of(&e, t, "input", 3), LP_NAN);
  check_class(number_of(&e, t, "weight", 3), LP_NAN);
  ck_assert(enters(&e, t, "non-finite"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(empty) {
  lp_trial *t = trial_new("l1");
  lp_exact e;
  trial_real(t, "input", "0", NULL);
  trial_real(t, "target", "0", NULL);
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_NAN);
  ck_assert(enters(&e, t, "empty"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_reduction(t, "sum");
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* d = 2^-20 is exact in every dtype; 1 + 2^-9 is rounded by arithmetic in bfloat16, where the scale still holds it. */
START_TEST(half_types) {
  static const lp_dtype dtypes[] = {LP_FLOAT32, LP_FLOAT16, LP_BFLOAT16};
  for (int k = 0; k < 3; k++) {
    lp_trial *t = trial_new("l1");
    lp_exact e;
    trial_reduction(t, "none");
    trial_tensor(t, "input", dtypes[k], "1", (double[]){1.0});
    trial_tensor(t, "target", dtypes[k], "1", (double[]){-0x1p-9});
    ask(&e, t);
    ck_assert_int_eq(e.outputs[0].layout.dtype, dtypes[k]);
    check_double(number_of(&e, t, NULL, 0), 1.0 + 0x1p-9);
    check_scale(number_of(&e, t, NULL, 0), 2.0 * (1.0 + 0x1p-9));
    ck_assert_int_eq(e.n_kinks, 0);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* 1e30 + 1e-40 - 1e30 over 1 + 1 - 1 - 1: not 0/0, though 128 bits do not see it. */
START_TEST(a_numerator_that_nearly_cancels_is_no_zero) {
  lp_trial *t = trial_new("l1");
  lp_exact e;
  trial_real(t, "input", "4", (double[]){1e30, 1e-40, 1e30, 0.0});
  trial_real(t, "target", "4", NULL);
  trial_real(t, "weight", "4", (double[]){1.0, 1.0, -1.0, -1.0});
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_PLUS_INFINITY);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(kinks_are_left_out_when_not_wanted) {
  const lp_exact_options plain = {.no_kinks = true};
  lp_trial *t = trial_new("l1");
  lp_exact e;
  trial_real(t, "input", "", (double[]){1.0});
  trial_real(t, "target", "", (double[]){1.0});
  ask(&e, t);
  ck_assert_int_eq(e.n_kinks, 1);
  lp_exact_clear(&e);
  ck_assert_int_eq(lp_exact_evaluate(&e, &t->plan, &plain, &t->error), LP_OK);
  ck_assert_int_eq(e.n_kinks, 0);
  check_double(number_of(&e, t, "input", 0), 0.0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* A wrong answer is seen from afar: the comparison of this file can fail. */
START_TEST(planted_fault_is_seen) {
  lp_trial *t = three();
  lp_exact e;
  ask(&e, t);
  ck_assert_double_gt(distance_in_scales(number_of(&e, t, NULL, 0), 1.25 * (1.0 + 1e-14), LP_FLOAT64), 2.0);
  ck_assert_double_gt(distance_in_scales(number_of(&e, t, NULL, 0), 3.75 / 4.0, LP_FLOAT64), 1e14);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {mean_by_hand,
                                scale_by_hand,
                                tie_is_a_kink,
                                integer_beside_a_double_is_near,
                                weighted_mean_by_hand,
                                weight_counts_once_when_the_target_is_larger,
                                cancelling_weights_divide_by_zero,
                                weights_that_cancel_by_rounding,
                                budget_of_weights_that_nearly_cancel,
                                integers_wrap,
                                integer_sum_wraps,
                                classes,
                                empty,
                                half_types,
                                a_numerator_that_nearly_cancels_is_no_zero,
                                kinks_are_left_out_when_not_wanted,
                                planted_fault_is_seen};
  const int failed = run_tests("exact l1", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return failed;
}
