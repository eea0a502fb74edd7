#include <math.h>

#include "harness/zoo/families.h"

enum { INPUT, TARGET };
enum { LOG_TARGET };

static void batchmean_for_mean(lp_case *c) {
  if (c->reduction != LP_REDUCTION_MEAN) return;
  c->reduction = LP_REDUCTION_BATCHMEAN;
  c->reduction_word = lp_reduction_name(c->reduction);
}

static void mean_for_batchmean(lp_case *c) {
  if (c->reduction != LP_REDUCTION_BATCHMEAN) return;
  c->reduction = LP_REDUCTION_MEAN;
  c->reduction_word = lp_reduction_name(c->reduction);
}

static void mask_by_rounding(lp_zoo_jet *jet, const double *x, const double *params) {
  const double t = x[TARGET];
  if (params[LOG_TARGET] == 0.0 && t > 0.0 && t < 0.5 && rint(t + 0.5) == 0.0) jet->value = 0.0;
}

static void clipped_target(lp_zoo_jet *jet, const double *x, const double *params) {
  const double t = x[TARGET];
  if (params[LOG_TARGET] == 0.0 && t >= 0.0 && t < 1e-7) jet->value = 1e-7 * (log(1e-7) - x[INPUT]);
}

static void log_of_zero(lp_zoo_jet *jet, const double *x, const double *params) {
  const double t = x[TARGET];
  if (params[LOG_TARGET] == 0.0 && t == 0.0) jet->value = NAN;
}

static void eps_in_log(lp_zoo_jet *jet, const double *x, const double *params) {
  const double t = x[TARGET];
  if (params[LOG_TARGET] == 0.0 && t > 0.0) jet->value = t * (log(t + 1e-10) - x[INPUT]);
}

static void no_mass_no_nan(lp_zoo_jet *jet, const double *x, const double *params) {
  const double t = x[TARGET];
  if (params[LOG_TARGET] == 0.0 && t == 0.0) jet->value = 0.0;
}

static void log_target_no_nan(lp_zoo_jet *jet, const double *x, const double *params) {
  const double t = x[TARGET];
  if (params[LOG_TARGET] != 0.0 && t == -INFINITY) jet->value = 0.0;
}

static void negative_is_zero(lp_zoo_jet *jet, const double *x, const double *params) {
  const double t = x[TARGET];
  if (params[LOG_TARGET] == 0.0 && t < 0.0) jet->value = 0.0;
}

static void slope_without_one(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)x;
  if (params[LOG_TARGET] == 0.0) jet->slope[TARGET] -= 1.0;
}

static void log_slope_without_one(lp_zoo_jet *jet, const double *x, const double *params) {
  const double t = x[TARGET];
  if (params[LOG_TARGET] != 0.0) jet->slope[TARGET] -= exp(t);
}

static void target_constant(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  (void)x;
  jet->slope[TARGET] = 0.0;
}

static void cross_entropy(lp_zoo_jet *jet, const double *x, const double *params) {
  const double t = x[TARGET];
  if (params[LOG_TARGET] == 0.0 && t > 0.0) jet->value = -t * x[INPUT];
}

static void zero_slope_at_zero(lp_zoo_jet *jet, const double *x, const double *params) {
  const double t = x[TARGET];
  if (params[LOG_TARGET] == 0.0 && t == 0.0) jet->slope[TARGET] = 0.0;
}

static const lp_animal animals[] = {
    {"mask-by-rounding", LP_ZOO_BOUNDARY, "rint(t + 0.5) for t > 0: tiny targets count as 0", "kl-mask-by-rounding",
     .step = mask_by_rounding},
    {"clipped-target", LP_ZOO_BOUNDARY, "targets are clipped to 1e-7", "kl-target-clipped", .step = clipped_target},
    {"log-of-zero", LP_ZOO_NONFINITE, "0 log 0 is NaN", "kl-zero-log-zero", .step = log_of_zero},
    {"eps-in-log", LP_ZOO_PRECISION, "log(t + 1e-10)", "kl-eps-inside-log", .float64_only = true, .step = eps_in_log},
    {"no-mass-no-nan", LP_ZOO_NONFINITE, "0 (0 - -inf) is 0, where PyTorch has NaN", "kl-zero-target-neg-inf-input",
     .step = no_mass_no_nan},
    {"log-target-no-nan", LP_ZOO_NONFINITE, "exp(-inf) (-inf - x) is 0, where PyTorch has NaN", "kl-log-target-neg-inf",
     .step = log_target_no_nan},
    {"negative-is-zero", LP_ZOO_NONFINITE, "negative targets add 0", "kl-negative-target", .step = negative_is_zero},
    {"slope-without-one", LP_ZOO_GRADIENT, "the target's slope is log t - x", "mutant", .step = slope_without_one},
    {"log-slope-without-one", LP_ZOO_GRADIENT, "the log target's slope is exp(t) (t - x)", "mutant",
     .step = log_slope_without_one},
    {"target-constant", LP_ZOO_GRADIENT, "the target has gradient 0", "mutant", .step = target_constant},
    {"cross-entropy", LP_ZOO_VALUE, "-t x: the entropy is left out", "mutant", .step = cross_entropy},
    {"zero-slope-at-zero", LP_ZOO_NONFINITE, "the target's slope at 0 is 0", "kl-grad-target-at-zero",
     .step = zero_slope_at_zero},
    {"log-target-dropped", LP_ZOO_PARAMETER, "log_target is taken for false", "ce-param-not-forwarded",
     .ask = lp_zoo_default_first},
    {"batchmean-for-mean", LP_ZOO_REDUCTION, "mean divides by the batch", "kl-mean-of-classes",
     .ask = batchmean_for_mean},
    {"mean-for-batchmean", LP_ZOO_REDUCTION, "batchmean divides by all elements", "kl-mean-of-classes",
     .ask = mean_for_batchmean},
    {"refuses-broadcast", LP_ZOO_REJECTS, "shapes must be equal", "mse-mps-shape-check",
     .refuses = lp_zoo_refuses_broadcast},
};

const lp_zoo_family lp_zoo_kl_div = {"kl_div", animals, sizeof animals / sizeof animals[0], NULL};
