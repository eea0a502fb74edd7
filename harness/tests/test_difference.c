/* Differences of an implementation's own values: of functions whose slopes are known, and of right and wrong losses. */
#include "harness/difference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden/arena.h"
#include "harness/plain/plain.h"
#include "reference/exact/budget.h"
#include "reference/exact/exact.h"
#include "reference/tests/testing.h"

/* --- functions of one number --- */

/* A function in a dtype, right to within `budget` relative to its value. */
typedef struct curve {
  double (*of)(double x);
  lp_dtype dtype;
  uint64_t (*regime)(double x); /* NULL: one */
} curve;

static bool curve_at(void *context, double x, lp_place_value *place) {
  const curve *c = context;
  place->value = lp_dtype_round(c->dtype, c->of(x));
  place->budget = 2.0 * lp_dtype_unit_roundoff(c->dtype) * fabs(place->value);
  place->regime = c->regime ? c->regime(x) : 0;
  return true;
}

static lp_difference difference(double (*of)(double), lp_dtype dtype, double x) {
  curve c = {.of = of, .dtype = dtype};
  return lp_difference_of(curve_at, &c, dtype, x);
}

static double square(double x) { return x * x; }
static double steep(double x) { return log1p(exp(1e6 * x)); }
static double nothing(double x) { return x < 10.0 ? NAN : x; }
static double size(double x) { return fabs(x); }
static uint64_t side(double x) { return (uint64_t)(x > 0.0) + 2u * (uint64_t)(x < 0.0); }

/* d +- U holds the slope, and U is at most `most`. */
static void check_slope(lp_difference d, double slope, double most) {
  ck_assert(d.known && d.step > 0.0 && d.values > 2);
  ck_assert_msg(fabs(d.slope - slope) <= d.uncertainty, "%.17g is not in %.17g +- %g", slope, d.slope, d.uncertainty);
  ck_assert_msg(d.uncertainty <= most, "%.17g +- %g, expected +- %g at most", d.slope, d.uncertainty, most);
}

START_TEST(slopes_are_found) {
  check_slope(difference(exp, LP_FLOAT64, 1.0), exp(1.0), 1e-12);
  check_slope(difference(exp, LP_FLOAT64, 30.3), exp(30.3), 1e-11 * exp(30.3));
  check_slope(difference(log, LP_FLOAT64, 1e-5), 1e5, 1e-6);
  check_slope(difference(square, LP_FLOAT64, 1e10), 2e10, 1e-3);
  check_slope(difference(sin, LP_FLOAT32, 0.5), cos(0.5), 1e-4);
  check_slope(difference(square, LP_BFLOAT16, 1.5), 3.0, 1.0);
  check_slope(difference(cos, LP_FLOAT64, 0.0), 0.0, 1e-12);
}
END_TEST

/* x - h and x + h are not equally far away: x has more places than x +- h. */
START_TEST(places_that_are_not_symmetric) {
  const double x = lp_dtype_round(LP_FLOAT16, 0.0123);
  check_slope(difference(exp, LP_FLOAT16, x), exp(x), 0.1);
}
END_TEST

/* x^2 without any rounding: all that is wrong with the slope is that the places are not symmetric. */
static bool exact_square_at(void *context, double x, lp_place_value *place) {
  (void)context;
  *place = (lp_place_value){.value = x * x};
  return true;
}

START_TEST(asymmetry_is_allowed_for) {
  int asymmetric = 0;
  for (int k = 1; k < 500; k++) {
    const double x = lp_dtype_round(LP_BFLOAT16, 0.003 * k);
    const lp_difference d = lp_difference_of(exact_square_at, NULL, LP_BFLOAT16, x);
    asymmetric += d.slope != 2.0 * x;
    check_slope(d, 2.0 * x, 0.1);
  }
  ck_assert_int_gt(asymmetric, 0);
}
END_TEST

START_TEST(places_are_numbers_of_the_dtype) {
  const double x = lp_dtype_round(LP_FLOAT32, 0.1);
  check_slope(difference(sin, LP_FLOAT32, x), cos(x), 1e-4);
  ck_assert(!difference(sin, LP_FLOAT64, NAN).known);
  ck_assert(!difference(sin, LP_FLOAT64, INFINITY).known);
}
END_TEST

/* At steps over 1e-6 the table converges to a slope of 5e5: that of no place, in a dtype of few places. */
START_TEST(what_seems_to_converge_is_not_believed) {
  int told = 0;
  for (int k = -60; k <= 60; k++) {
    const double x = lp_dtype_round(LP_FLOAT32, 1e-7 * k), slope = 1e6 / (1.0 + exp(-1e6 * x));
    const lp_difference d = difference(steep, LP_FLOAT32, x);
    const lp_difference_verdict verdict = lp_difference_judge(&d, slope, 0.0, slope);
    ck_assert_msg(verdict != LP_DIFFERENCE_CONTRADICTS, "%.17g: %.17g +- %g for %.17g", x, d.slope, d.uncertainty,
                  slope);
    told += verdict == LP_DIFFERENCE_AGREES;
  }
  ck_assert_int_gt(told, 20);
  check_slope(difference(steep, LP_FLOAT64, -3e-6), 1e6 / (1.0 + exp(3.0)), 1e-2);
}
END_TEST

START_TEST(regimes_are_not_left) {
  curve c = {size, LP_FLOAT64, side};
  lp_difference d = lp_difference_of(curve_at, &c, LP_FLOAT64, 1e-12);
  check_slope(d, 1.0, 1e-12);
  ck_assert(d.step < 1e-12);
  d = lp_difference_of(curve_at, &c, LP_FLOAT64, 1e-300);
  check_slope(d, 1.0, 1e-12);
  d = lp_difference_of(curve_at, &c, LP_FLOAT64, 0.0);
  ck_assert(!d.known);
  ck_assert_int_eq(lp_difference_judge(&d, 0.0, 1.0, 1.0), LP_DIFFERENCE_NO_INFORMATION);
}
END_TEST

static uint64_t above_1(double x) { return x > 1.05; }
static uint64_t below_1(double x) { return x < 0.95; }

START_TEST(one_side_is_enough_to_leave) {
  curve c = {sin, LP_FLOAT64, above_1};
  ck_assert_double_lt(lp_difference_of(curve_at, &c, LP_FLOAT64, 1.0).step, 0.05);
  c.regime = below_1;
  ck_assert_double_lt(lp_difference_of(curve_at, &c, LP_FLOAT64, 1.0).step, 0.05);
}
END_TEST

static uint64_t pinhole(double x) { return fabs(x - 1.0) < 0.1 && x != 1.0; }

START_TEST(regimes_near_by_are_seen) {
  curve c = {square, LP_FLOAT64, pinhole};
  ck_assert(!lp_difference_of(curve_at, &c, LP_FLOAT64, 1.0).known);
}
END_TEST

START_TEST(no_values_no_difference) {
  ck_assert(!difference(nothing, LP_FLOAT64, 1.0).known);
  check_slope(difference(nothing, LP_FLOAT64, 10.001), 1.0, 1e-10); /* small steps only */
}
END_TEST

static bool wild_at(void *context, double x, lp_place_value *place) {
  (void)context;
  place->value = sin(x) + 1e-6 * sin(1e9 * x); /* noise that the budget does not own up to */
  place->budget = 1e-16;
  place->regime = 0;
  return true;
}

START_TEST(values_outside_their_budgets_say_nothing) {
  const lp_difference d = lp_difference_of(wild_at, NULL, LP_FLOAT64, 0.7);
  ck_assert_int_eq(lp_difference_judge(&d, cos(0.7), 0.0, 1.0), LP_DIFFERENCE_NO_INFORMATION);
}
END_TEST

START_TEST(verdicts) {
  const lp_difference d = {.known = true, .slope = 2.0, .uncertainty = 1e-4};
  ck_assert_int_eq(lp_difference_judge(&d, 2.00015, 1e-4, 2.0), LP_DIFFERENCE_AGREES);
  ck_assert_int_eq(lp_difference_judge(&d, 2.00025, 1e-4, 2.0), LP_DIFFERENCE_CONTRADICTS);
  ck_assert_int_eq(lp_difference_judge(&d, 1.9997, 1e-4, 2.0), LP_DIFFERENCE_CONTRADICTS);
  ck_assert_int_eq(lp_difference_judge(&d, NAN, 1e-4, 2.0), LP_DIFFERENCE_CONTRADICTS);
  ck_assert_int_eq(lp_difference_judge(&d, INFINITY, 1e-4, 2.0), LP_DIFFERENCE_CONTRADICTS);
  ck_assert_int_eq(lp_difference_judge(&d, 3.0, 1e-4, 0.05), LP_DIFFERENCE_NO_INFORMATION);
  ck_assert_str_eq(lp_difference_verdict_name(LP_DIFFERENCE_AGREES), "agrees");
  ck_assert_str_eq(lp_difference_verdict_name(LP_DIFFERENCE_CONTRADICTS), "contradicts");
  ck_assert_str_eq(lp_difference_verdict_name(LP_DIFFERENCE_NO_INFORMATION), "no information");
}
END_TEST

/* --- losses --- */

static lp_outcome plain_outcome(lp_arena *arena, const lp_case *c) {
  lp_plan plan;
  lp_error error;
  plain_answer answer;
  ck_assert_int_eq(lp_plan_init(&plan, c, &error), LP_OK);
  ck_assert_int_eq(plain_answer_case(&answer, arena, &plan, (plain_options){.summation = PLAIN_PAIRWISE}, &error),
                   LP_OK);
  return answer.outcome;
}

static bool plain_forward(void *context, double *loss, const lp_case *c) {
  (void)context;
  lp_arena *arena = lp_arena_new(0);
  const lp_outcome outcome = plain_outcome(arena, c);
  const lp_tensor *out = &outcome.outputs[0].tensor;
  memcpy(loss, out->f64, (size_t)out->numel * sizeof *loss);
  lp_arena_free(arena);
  return true;
}

typedef struct tally {
  int agree, contradict, silent;
} tally;

static void count(tally *t, lp_difference_verdict verdict) {
  t->agree += verdict == LP_DIFFERENCE_AGREES;
  t->contradict += verdict == LP_DIFFERENCE_CONTRADICTS;
  t->silent += verdict == LP_DIFFERENCE_NO_INFORMATION;
}

/* The plain gradients, times `fault`, against differences of the plain values; budgets from the exact oracle. */
static tally examine(lp_trial *t, double fault) {
  tally found = {0, 0, 0};
  lp_arena *arena = lp_arena_new(0);
  lp_error error;
  lp_exact exact;
  const lp_outcome outcome = plain_outcome(arena, &t->c);
  ck_assert_int_eq(lp_plan_init(&t->plan, &t->c, &error), LP_OK);
  ck_assert_int_eq(lp_exact_evaluate(&exact, &t->plan, NULL, &error), LP_OK);
  for (int k = 1; k < outcome.n_outputs; k++) {
    const lp_output *out = &outcome.outputs[k];
    for (int64_t i = 0; i < out->tensor.numel; i++) {
      const lp_exact_number *n = &exact.outputs[k].numbers[i];
      const double scale = mag_get_d(&n->scale);
      const double budget = lp_budget_factor(out->tensor.dtype, lp_budget_depth(n->terms)) * scale;
      lp_difference d;
      ck_assert_int_eq(lp_difference_case(&d, &t->c, out->input, i, plain_forward, NULL, &error), LP_OK);
      count(&found, lp_difference_judge(&d, fault * out->tensor.f64[i], budget, scale));
    }
  }
  lp_exact_clear(&exact);
  lp_arena_free(arena);
  return found;
}

static lp_trial *rates(lp_dtype dtype) {
  static const double inputs[] = {0.5, -1.25, 2.0, 0.125}, targets[] = {1.5, 0.25, 3.0, 7.0};
  lp_trial *t = trial_new("poisson_nll");
  trial_param(t, "full", 1.0);
  trial_tensor(t, "input", dtype, "2 2", inputs);
  trial_tensor(t, "target", dtype, "2 2", targets);
  return t;
}

static void check_tally(tally found, int agree, int contradict, int silent) {
  ck_assert_msg(found.agree == agree && found.contradict == contradict && found.silent == silent,
                "%d agree, %d contradict, %d say nothing", found.agree, found.contradict, found.silent);
}

START_TEST(right_gradients_agree) {
  lp_trial *t = rates(LP_FLOAT64);
  check_tally(examine(t, 1.0), 8, 0, 0);
  trial_reduction(t, "none");
  trial_upstream(t, "2 2", (double[]){1.0, -2.0, 0.5, 3.0});
  check_tally(examine(t, 1.0), 8, 0, 0);
  trial_free(t);
  t = rates(LP_FLOAT32);
  const tally single = examine(t, 1.0);
  ck_assert(single.agree > 0 && single.contradict == 0);
  trial_free(t);
}
END_TEST

START_TEST(wrong_gradients_contradict) {
  lp_trial *t = rates(LP_FLOAT64);
  check_tally(examine(t, 1.0 + 1e-6), 0, 8, 0);
  trial_free(t);
  t = rates(LP_FLOAT32);
  const tally single = examine(t, 1.01);
  ck_assert(single.agree == 0 && single.contradict > 0);
  trial_free(t);
}
END_TEST

START_TEST(half_types_say_little) {
  lp_trial *t = rates(LP_BFLOAT16);
  const tally found = examine(t, 1.0);
  ck_assert_int_eq(found.contradict, 0);
  ck_assert_int_gt(found.silent, 0);
  trial_free(t);
}
END_TEST

START_TEST(kinks_say_nothing) {
  lp_trial *t = trial_new("l1");
  trial_real(t, "input", "2", (double[]){1.0, 2.5});
  trial_real(t, "target", "2", (double[]){1.0, 2.0});
  check_tally(examine(t, 1.0), 2, 0, 2);
  check_tally(examine(t, -1.0), 0, 2, 2);
  trial_free(t);
}
END_TEST

static bool declines(void *context, double *loss, const lp_case *c) {
  (void)context;
  (void)loss;
  return c->inputs[0].f64[0] == 0.5; /* only the place itself is answered */
}

START_TEST(no_answers_no_difference) {
  lp_trial *t = rates(LP_FLOAT64);
  lp_difference d;
  lp_error error;
  ck_assert_int_eq(lp_difference_case(&d, &t->c, 0, 0, declines, NULL, &error), LP_OK);
  ck_assert(!d.known);
  trial_free(t);
}
END_TEST

START_TEST(refused_case_is_refused) {
  lp_trial *t = rates(LP_FLOAT64);
  lp_difference d;
  lp_error error;
  trial_reduction(t, "median");
  ck_assert_int_eq(lp_difference_case(&d, &t->c, 0, 0, plain_forward, NULL, &error), LP_REJECTED);
  trial_free(t);
}
END_TEST

/* The case is as it was, whatever was displaced. */
START_TEST(inputs_are_left_alone) {
  lp_trial *t = rates(LP_FLOAT64);
  examine(t, 1.0);
  check_same(t->c.inputs[0].f64[0], 0.5);
  check_same(t->c.inputs[1].f64[3], 7.0);
  trial_free(t);
}
END_TEST

START_TEST(a_difference_decides_only_where_there_is_no_oracle) {
  lp_loss unknown = *lp_registry_find("smooth_l1");
  unknown.name = "unheard-of";
  ck_assert(lp_difference_decides(&unknown) && !lp_difference_decides(lp_registry_find("smooth_l1")));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {slopes_are_found,
                                places_that_are_not_symmetric,
                                asymmetry_is_allowed_for,
                                one_side_is_enough_to_leave,
                                places_are_numbers_of_the_dtype,
                                what_seems_to_converge_is_not_believed,
                                regimes_are_not_left,
                                regimes_near_by_are_seen,
                                no_values_no_difference,
                                values_outside_their_budgets_say_nothing,
                                verdicts,
                                right_gradients_agree,
                                wrong_gradients_contradict,
                                half_types_say_little,
                                kinks_say_nothing,
                                no_answers_no_difference,
                                refused_case_is_refused,
                                inputs_are_left_alone,
                                a_difference_decides_only_where_there_is_no_oracle};
  const int status = run_tests("difference", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return status;
}
