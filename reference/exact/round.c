#include "reference/exact/round.h"

#include <math.h>
#include <string.h>

double lp_exact_round(const arf_t x, lp_dtype dtype) {
  if (dtype == LP_FLOAT64) return arf_get_d(x, ARF_RND_NEAR);
  /* To odd first, so that the second rounding sees on which side of a tie x is (Boldo and Melquiond). */
  const double down = arf_get_d(x, ARF_RND_DOWN), up = arf_get_d(x, ARF_RND_UP);
  uint64_t bits;
  memcpy(&bits, &down, sizeof bits);
  return lp_dtype_round(dtype, down == up || bits & 1 ? down : up);
}

void lp_exact_ends(double *low, double *high, const lp_exact_number *n, lp_dtype dtype) {
  static const double of_class[] = {0.0, INFINITY, -INFINITY, NAN, NAN, NAN};
  arf_t end;
  if (n->class != LP_FINITE) {
    *low = *high = of_class[n->class];
    return;
  }
  arf_init(end);
  arb_get_lbound_arf(end, &n->value, LP_EXACT_PRECISION_MAX);
  *low = lp_exact_round(end, dtype);
  arb_get_ubound_arf(end, &n->value, LP_EXACT_PRECISION_MAX);
  *high = lp_exact_round(end, dtype);
  arf_clear(end);
}

static bool rounds_alike(const lp_exact *exact) {
  for (int k = 0; k < exact->n_outputs; k++) {
    const lp_exact_output *out = &exact->outputs[k];
    for (int64_t i = 0; i < out->layout.numel; i++) {
      double low, high;
      lp_exact_ends(&low, &high, &out->numbers[i], out->layout.dtype);
      if (low != high && !isnan(low)) return false;
    }
  }
  return true;
}

lp_status lp_exact_evaluate_rounded(lp_exact *exact, const lp_plan *plan, const lp_exact_options *options,
                                    lp_error *error) {
  lp_exact_options o = options ? *options : (lp_exact_options){0};
  if (o.precision == 0) o.precision = LP_EXACT_PRECISION_MIN;
  LP_TRY(lp_exact_evaluate(exact, plan, &o, error));
  while (!rounds_alike(exact) && o.precision < LP_EXACT_PRECISION_MAX) {
    lp_exact_clear(exact);
    o.precision *= 2;
    LP_TRY(lp_exact_evaluate(exact, plan, &o, error));
  }
  return LP_OK;
}
