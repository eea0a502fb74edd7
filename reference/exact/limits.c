#include "reference/exact/limits.h"

#include <math.h>

/* Heights: at LOW 1/2^h is less than half of what counts as 0; at HIGH the highest rank, less a number that is
 * subnormal, still has fewer bits than the highest precision. */
enum { LOW = 1100, HIGH = 2400, STEP = 37, SPAN = 31 * STEP };

/* All alike; then at different rates, in many orders, each also reversed: of two infinities either is the larger
 * somewhere, and of a few each is the largest somewhere. Ranks that are alike in one modulus are not in the others. */
static const long moduli[] = {1, 31, 29, 23, 19, 17, 13, 11, 7};

enum { N_PATHS = 2 * sizeof moduli / sizeof moduli[0] };

static bool all_finite(const lp_tensor *t) {
  for (int64_t i = 0; t->f64 && i < t->numel; i++) {
    if (!isfinite(t->f64[i])) return false;
  }
  return true;
}

bool lp_exact_has_special(const lp_case *c) {
  bool finite = !c->has_grad_output || all_finite(&c->grad_output);
  for (int i = 0; i < c->loss->n_inputs; i++) finite = finite && (!c->has_input[i] || all_finite(&c->inputs[i]));
  for (int i = 0; i < c->loss->n_params; i++) finite = finite && isfinite(c->params[i]);
  return !finite;
}

/* |high - low| <= 2^-100 |high| + 2^-1090 */
static bool has_settled(const arb_t low, const arb_t high) {
  arb_t difference;
  mag_t size, allowed, least;
  arb_init(difference);
  mag_init(size);
  mag_init(allowed);
  mag_init(least);
  arb_sub(difference, high, low, LP_EXACT_PRECISION_MAX);
  arb_get_mag(size, difference);
  arb_get_mag_lower(allowed, high);
  mag_mul_2exp_si(allowed, allowed, -100);
  mag_set_ui_2exp_si(least, 1, -1090);
  mag_add(allowed, allowed, least);
  const bool settled = mag_cmp(size, allowed) <= 0;
  arb_clear(difference);
  mag_clear(size);
  mag_clear(allowed);
  mag_clear(least);
  return settled;
}

/* |high| >= 1.5 |low| and |low| >= 2^8, of one sign */
static bool is_growing(const arb_t low, const arb_t high) {
  mag_t small, large;
  mag_init(small);
  mag_init(large);
  arb_get_mag(small, low);
  arb_get_mag_lower(large, high);
  const bool signs = (arb_is_positive(low) && arb_is_positive(high)) || (arb_is_negative(low) && arb_is_negative(high));
  const bool big = mag_cmp_2exp_si(small, 8) >= 0;
  mag_mul_ui(small, small, 3);
  mag_mul_2exp_si(small, small, -1);
  const bool growing = signs && big && mag_cmp(large, small) >= 0;
  mag_clear(small);
  mag_clear(large);
  return growing;
}

/* What a number tends to along one path; LP_FINITE: to `high`. */
static lp_class limit_along(const lp_exact_number *low, const lp_exact_number *high) {
  if (low->class != LP_FINITE || high->class != LP_FINITE)
    return low->class == high->class && low->class != LP_NAN ? low->class : LP_ANY;
  if (has_settled(&low->value, &high->value)) return LP_FINITE;
  if (!is_growing(&low->value, &high->value)) return LP_ANY;
  return arb_is_positive(&high->value) ? LP_PLUS_INFINITY : LP_MINUS_INFINITY;
}

/* One path's limits into exact: the first path sets, later ones must agree. */
static void merge(lp_exact_number *into, const lp_exact_number *low, const lp_exact_number *high, bool first) {
  const lp_class class = limit_along(low, high);
  const bool agrees = class == into->class && (class != LP_FINITE || has_settled(&into->value, &high->value));
  if (!first || into->class == LP_NOT_FINITE) {
    if (!agrees) into->class = LP_ANY;
    return;
  }
  into->class = class;
  if (class != LP_FINITE) return;
  arb_set(&into->value, &high->value);
  mag_set(&into->scale, &high->scale);
  into->terms = high->terms;
}

static void merge_all(lp_exact *exact, const lp_exact *low, const lp_exact *high, bool first) {
  for (int k = 0; k < exact->n_outputs; k++) {
    for (int64_t i = 0; i < exact->outputs[k].layout.numel; i++) {
      merge(&exact->outputs[k].numbers[i], &low->outputs[k].numbers[i], &high->outputs[k].numbers[i], first);
    }
  }
}

static lp_status follow(lp_exact *exact, const lp_plan *plan, int path, lp_error *error) {
  const long ranks = moduli[path / 2], base = path % 2 ? SPAN : 0, step = path % 2 ? -STEP : STEP;
  const lp_exact_options at_low = {.stand_in = LOW + base, .stand_in_step = step, .stand_in_ranks = ranks};
  const lp_exact_options at_high = {.stand_in = HIGH + base, .stand_in_step = step, .stand_in_ranks = ranks};
  lp_exact low, high;
  LP_TRY(lp_exact_evaluate(&low, plan, &at_low, error));
  const lp_status status = lp_exact_evaluate(&high, plan, &at_high, error);
  if (status == LP_OK) {
    merge_all(exact, &low, &high, path == 0);
    lp_exact_clear(&high);
  }
  lp_exact_clear(&low);
  return status;
}

/* What has settled is known up to 2^-1090. */
static void allow_for_the_rest(lp_exact *exact) {
  for (int k = 0; k < exact->n_outputs; k++) {
    lp_exact_output *out = &exact->outputs[k];
    for (int64_t i = 0; i < out->layout.numel; i++) {
      if (out->numbers[i].class == LP_FINITE) arb_add_error_2exp_si(&out->numbers[i].value, -1090);
    }
  }
}

/* Where the definition itself takes infinities (ctc: -inf is the logarithm of a probability of 0), its values stand; a
 * NaN is no claim. */
static void forget_nans(lp_exact *exact) {
  for (int k = 0; k < exact->n_outputs; k++) {
    lp_exact_output *out = &exact->outputs[k];
    for (int64_t i = 0; i < out->layout.numel; i++) {
      if (out->numbers[i].class == LP_NAN) out->numbers[i].class = LP_ANY;
    }
  }
}

lp_status lp_exact_take_limits(lp_exact *exact, const lp_plan *plan, lp_error *error) {
  if (lp_exact_loss_find(plan->c->loss->name)->evaluate) {
    forget_nans(exact);
    return LP_OK;
  }
  for (int path = 0; path < N_PATHS; path++) LP_TRY(follow(exact, plan, path, error));
  allow_for_the_rest(exact);
  return LP_OK;
}
