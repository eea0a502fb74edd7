/* For unit tests of the exact oracle: a trial (reference/tests/testing.h) put to it, and its numbers looked at. */
#ifndef LP_EXACT_TESTS_ASKING_H
#define LP_EXACT_TESTS_ASKING_H

#include <math.h>
#include <string.h>

#include "reference/exact/exact.h"
#include "reference/tests/testing.h"

/* The oracle's answer. The reference runs too, so that both can be compared. */
static inline void ask(lp_exact *exact, lp_trial *t) {
  ck_assert_int_eq(trial_run(t), LP_OK);
  ck_assert_int_eq(lp_exact_evaluate(exact, &t->plan, NULL, &t->error), LP_OK);
}

/* Element i of the loss (input NULL) or of the gradient of an input. */
static inline const lp_exact_number *number_of(const lp_exact *exact, const lp_trial *t, const char *input, int64_t i) {
  const int which = input ? lp_loss_input_index(t->c.loss, input) : LP_OUTPUT_LOSS;
  const lp_exact_output *out = lp_exact_find(exact, which);
  ck_assert_ptr_nonnull(out);
  ck_assert_int_lt(i, out->layout.numel);
  return &out->numbers[i];
}

static inline void check_class(const lp_exact_number *n, lp_class class) { ck_assert_int_eq(n->class, class); }

/* The number is this double, between bounds that differ by less than 2^-100 of it. */
static inline void check_double(const lp_exact_number *n, double expected) {
  check_class(n, LP_FINITE);
  arb_t difference;
  arb_init(difference);
  arb_set_d(difference, expected);
  ck_assert_msg(arb_contains(&n->value, difference), "%.17g is not in the ball", expected);
  ck_assert(arb_is_exact(&n->value) || arb_rel_accuracy_bits(&n->value) >= 100);
  arb_clear(difference);
}

/* The number is the one of these decimals, to a unit in the 30th. */
static inline void check_decimals(const lp_exact_number *n, const char *decimals) {
  arb_t expected;
  mag_t error, allowed;
  check_class(n, LP_FINITE);
  arb_init(expected);
  mag_init(error);
  mag_init(allowed);
  ck_assert_int_eq(arb_set_str(expected, decimals, 400), 0);
  arb_get_mag(allowed, expected);
  mag_mul_2exp_si(allowed, allowed, -99);
  arb_sub(expected, expected, &n->value, 400);
  arb_get_mag(error, expected);
  ck_assert_msg(mag_cmp(error, allowed) <= 0, "not %s", decimals);
  arb_clear(expected);
  mag_clear(error);
  mag_clear(allowed);
}

/* A magnitude has 30 bits, rounded up. */
static inline void check_scale(const lp_exact_number *n, double expected) {
  const double scale = mag_get_d(&n->scale);
  ck_assert_msg(scale >= expected && scale <= expected * (1.0 + 1e-6), "scale %.9g, not %.9g", scale, expected);
}

/* Did the oracle enter the regime of this name? Fails the test where it does not decide it. */
static inline bool enters(const lp_exact *exact, const lp_trial *t, const char *name) {
  const lp_loss *loss = t->c.loss;
  for (int k = 0; k < loss->n_regimes; k++) {
    if (strcmp(loss->regimes[k].name, name) != 0) continue;
    ck_assert_msg(exact->regimes_known >> k & 1, "the oracle does not decide %s", name);
    return exact->regimes >> k & 1;
  }
  ck_abort_msg("%s has no regime %s", loss->name, name);
  return false;
}

/* The first effect of a kink on the gradient of an input. */
static inline const lp_kink_effect *effect_on(const lp_exact *exact, const lp_trial *t, int kink, const char *input) {
  const lp_exact_output *out = lp_exact_find(exact, lp_loss_input_index(t->c.loss, input));
  const lp_kink *k = &exact->kinks[kink];
  for (int i = 0; i < k->n_effects; i++) {
    if (&exact->outputs[k->effects[i].output] == out) return &k->effects[i];
  }
  ck_abort_msg("kink %d does nothing to %s", kink, input);
  return NULL;
}

/* |got - n|, over u scale + eta. */
static inline double distance_in_scales(const lp_exact_number *n, double got, lp_dtype dtype) {
  arb_t error;
  mag_t size, unit, smallest;
  arb_init(error);
  mag_init(size);
  mag_init(unit);
  mag_init(smallest);
  arb_set_d(error, got);
  arb_sub(error, error, &n->value, 5000);
  arb_get_mag(size, error);
  mag_set_d(unit, lp_dtype_unit_roundoff(dtype));
  mag_mul(unit, unit, &n->scale);
  mag_set_d(smallest, lp_dtype_smallest_subnormal(dtype));
  mag_add(unit, unit, smallest);
  mag_div(size, size, unit);
  const double distance = mag_get_d(size);
  arb_clear(error);
  mag_clear(size);
  mag_clear(unit);
  mag_clear(smallest);
  return distance;
}

static inline bool overflows(const lp_exact_number *n) {
  return n->class == LP_FINITE && arf_cmpabs_d(arb_midref(&n->value), lp_dtype_largest(LP_FLOAT64)) > 0;
}

static inline void check_witness(const lp_exact_number *n, double got) {
  if (overflows(n)) {
    ck_assert_double_eq(got, copysign((double)INFINITY, arf_sgn(arb_midref(&n->value))));
    return;
  }
  if (n->class == LP_NOT_FINITE) ck_assert(!isfinite(got));
  if (n->class == LP_NOT_FINITE) return;
  ck_assert_int_eq(lp_classify(got), n->class);
  if (n->class != LP_FINITE) return;
  ck_assert_double_le(distance_in_scales(n, got, LP_FLOAT64), 2.0);
  ck_assert(arf_cmpabs_mag(arb_midref(&n->value), &n->scale) <= 0);
}

/* The reference's answers have the oracle's classes (infinite beyond float64) and lie within 2 (u scale + eta), scales
 * are at least |value|, and both are in the same regimes. */
static inline void check_agreement(const lp_exact *exact, const lp_trial *t) {
  for (int k = 0; k < exact->n_outputs; k++) {
    const lp_exact_output *out = &exact->outputs[k];
    const double *got = lp_outcome_find(&t->outcome, out->input)->tensor.f64;
    for (int64_t i = 0; i < out->layout.numel; i++) check_witness(&out->numbers[i], got[i]);
  }
  ck_assert_uint_eq(exact->regimes, t->regimes & exact->regimes_known);
}

#endif
