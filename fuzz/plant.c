#include "fuzz/plant.h"

#ifdef LOSSPROOF_PLANT
#include <math.h>
#include <stdlib.h>

#include "harness/compare.h"

/* The nearest number of the dtype beyond truth + budget. */
static double beyond(const lp_exact_number *number, lp_dtype dtype) {
  lp_comparison r;
  lp_compare(&r, arf_get_d(arb_midref(&number->value), ARF_RND_NEAR), number, dtype, false);
  double x = lp_dtype_round(dtype, r.truth + r.budget);
  for (int i = 0; i < 8 && isfinite(x); i++) {
    lp_compare(&r, x, number, dtype, false);
    if (r.fit == LP_FITS_NOT) break;
    x = lp_dtype_round(dtype, x + lp_ulp(dtype, x));
  }
  return x;
}

static bool plant_in(lp_tensor *t, const lp_exact_output *truth) {
  for (int64_t i = 0; i < t->numel; i++) {
    const double x = truth->numbers[i].class == LP_FINITE ? beyond(&truth->numbers[i], t->dtype) : (double)INFINITY;
    if (!isfinite(x)) continue;
    t->f64[i] = x;
    return true;
  }
  return false;
}

bool lp_plant(lp_examination *e, const lp_loss *loss) {
  const char *regime = getenv("LOSSPROOF_PLANT");
  if (!regime || !e->has_exact || !(e->regimes & lp_regime_bit(loss, regime))) return false;
  for (int k = 0; k < e->reference.n_outputs; k++) {
    const lp_exact_output *truth = lp_exact_find(&e->exact, e->reference.outputs[k].input);
    if (truth && plant_in(&e->reference.outputs[k].tensor, truth)) return true;
  }
  return false;
}
#endif
