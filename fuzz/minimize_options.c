/* Inputs left out, options at their defaults, dtypes as they are usual. */
#include <math.h>

#include "fuzz/minimize_tools.h"
#include "fuzz/mutate_tools.h"

lp_variant lp_drop_upstream(lp_case *next, lp_arena *arena, const lp_case *now, int64_t k) {
  (void)arena;
  if (k > 0 || !now->has_grad_output) return LP_VARIANT_END;
  next->has_grad_output = false;
  return LP_VARIANT_NEW;
}

lp_variant lp_drop_input(lp_case *next, lp_arena *arena, const lp_case *now, int64_t k) {
  (void)arena;
  if (k >= now->loss->n_inputs) return LP_VARIANT_END;
  if (!now->has_input[k] || !now->loss->inputs[k].optional) return LP_VARIANT_NONE;
  next->has_input[k] = false;
  return LP_VARIANT_NEW;
}

lp_variant lp_plain_reduction(lp_case *next, lp_arena *arena, const lp_case *now, int64_t k) {
  static const lp_reduction order[] = {LP_REDUCTION_MEAN, LP_REDUCTION_SUM, LP_REDUCTION_NONE, LP_REDUCTION_BATCHMEAN};
  (void)arena;
  (void)now;
  if (k >= (int64_t)(sizeof order / sizeof order[0])) return LP_VARIANT_END;
  next->reduction = order[k];
  next->reduction_word = lp_reduction_name(order[k]);
  return LP_VARIANT_NEW;
}

enum { MOST_NUMBERS = 64 }; /* that one number may become, the default among them */

static bool simpler_setting(double *setting, bool *end, const lp_param_spec *spec, double value, int j) {
  *end = false;
  *setting = spec->fallback;
  if (j == 0) return true;
  *end = spec->type == LP_PARAM_BOOL;
  if (*end || !lp_simpler_real(setting, end, LP_FLOAT64, value, j - 1)) return false;
  return spec->type == LP_PARAM_REAL || *setting == nearbyint(*setting);
}

/* Variant k: number k % 64 of parameter k / 64. */
lp_variant lp_plain_parameter(lp_case *next, lp_arena *arena, const lp_case *now, int64_t k) {
  const int64_t i = k / MOST_NUMBERS;
  bool end;
  (void)arena;
  if (i >= now->loss->n_params) return LP_VARIANT_END;
  const lp_param_spec *spec = &now->loss->params[i];
  return simpler_setting(&next->params[i], &end, spec, now->params[i], (int)(k % MOST_NUMBERS)) ? LP_VARIANT_NEW
                                                                                                : LP_VARIANT_NONE;
}

lp_variant lp_plain_dtype(lp_case *next, lp_arena *arena, const lp_case *now, int64_t k) {
  lp_rng rng = lp_rng_for_case(0, "minimize"); /* for tensors without elements */
  if (k > now->loss->n_inputs) return LP_VARIANT_END;
  lp_tensor *tensor = lp_case_tensor(next, (int)k);
  if (!tensor) return LP_VARIANT_NONE;
  lp_tensor layout = *tensor;
  const bool is_real = k == now->loss->n_inputs || now->loss->inputs[k].kind == LP_KIND_REAL;
  layout.dtype = is_real ? now->dtype : LP_INT64;
  if (layout.dtype == tensor->dtype) return LP_VARIANT_NONE;
  return lp_mutate_recast(tensor, arena, &layout, &rng) ? LP_VARIANT_NEW : LP_VARIANT_NO_MEMORY;
}
