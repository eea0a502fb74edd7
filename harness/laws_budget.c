/* Budgets of derived cases from the exact oracle. */
#include <math.h>

#include "harness/laws.h"
#include "reference/exact/budget.h"
#include "reference/exact/exact.h"

/* May an infinity or NaN be another one, or a number? */
static bool is_open(const lp_exact_number *number) {
  mag_t size;
  mag_init(size);
  arb_get_mag(size, &number->value);
  const bool boundless = lp_budget_is_boundless(&number->scale, size);
  mag_clear(size);
  return boundless || number->class == LP_ANY || number->class == LP_NOT_FINITE;
}

static double budget_of(const lp_exact_number *number, lp_dtype dtype, bool flushes) {
  if (number->class != LP_FINITE) return is_open(number) ? (double)INFINITY : 0.0;
  mag_t budget, absolute;
  mag_init(budget);
  mag_init(absolute);
  lp_budget_relative(budget, dtype, &number->scale, number->terms);
  mag_set_d(absolute, lp_budget_absolute(dtype, flushes));
  mag_add(budget, budget, absolute);
  const double allowed = mag_get_d(budget);
  mag_clear(budget);
  mag_clear(absolute);
  return allowed;
}

static void open_kink(lp_outcome *budget, const lp_exact *exact, const lp_kink *kink) {
  for (int k = 0; k < kink->n_effects; k++) {
    const lp_output *out = lp_outcome_find(budget, exact->outputs[kink->effects[k].output].input);
    if (out) out->tensor.f64[kink->effects[k].index] = (double)INFINITY;
  }
}

lp_status lp_law_budget(lp_outcome *budget, lp_arena *arena, const lp_exact *exact, const lp_outcome *layout,
                        bool at_kinks_too, bool flushes_subnormals, lp_error *error) {
  LP_TRY(lp_arena_outcome(arena, budget, layout, error));
  for (int o = 0; o < budget->n_outputs; o++) {
    lp_tensor *t = &budget->outputs[o].tensor;
    const lp_exact_output *out = lp_exact_find(exact, budget->outputs[o].input);
    for (int64_t i = 0; i < t->numel; i++) {
      t->f64[i] = out ? budget_of(&out->numbers[i], t->dtype, flushes_subnormals) : (double)INFINITY;
    }
  }
  for (int k = 0; k < exact->n_kinks; k++) {
    if (exact->kinks[k].state != LP_KINK_AT || at_kinks_too) open_kink(budget, exact, &exact->kinks[k]);
  }
  return LP_OK;
}
