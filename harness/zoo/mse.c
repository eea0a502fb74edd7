#include <math.h>

#include "harness/zoo/families.h"
#include "reference/dtype.h"

enum { INPUT, TARGET, WEIGHT };

static void halved(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  (void)x;
  jet->value *= 0.5;
  for (int k = 0; k < 3; k++) jet->slope[k] *= 0.5;
}

static void slope_without_two(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  (void)x;
  jet->slope[INPUT] *= 0.5;
  jet->slope[TARGET] *= 0.5;
}

static void weight_in_square(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  const double d = x[INPUT] - x[TARGET];
  jet->value = x[WEIGHT] * d * x[WEIGHT] * d;
}

static void expanded_square(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  jet->value = x[WEIGHT] * (x[INPUT] * x[INPUT] - 2.0 * x[INPUT] * x[TARGET] + x[TARGET] * x[TARGET]);
}

static void float32_square(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  const double d = x[INPUT] - x[TARGET];
  const double square = lp_dtype_round(LP_FLOAT32, d * d);
  if (isinf(square)) jet->value = x[WEIGHT] * square;
}

static void small_is_zero(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  const double d = x[INPUT] - x[TARGET];
  if (fabs(d) < 0x1p-26) jet->value = 0.0;
}

static void clipped_slope(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  (void)x;
  jet->slope[INPUT] = fmax(-1.0, fmin(1.0, jet->slope[INPUT]));
}

static void target_constant(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  (void)x;
  (void)jet;
  jet->slope[TARGET] = 0.0;
}

static const lp_animal animals[] = {
    {"halved", LP_ZOO_VALUE, "d d / 2", "mutant", .step = halved},
    {"slope-without-two", LP_ZOO_GRADIENT, "slope d for 2 d", "mutant", .step = slope_without_two},
    {"weight-in-square", LP_ZOO_PARAMETER, "(w d)^2 for w d^2", "mm-weight-inside-power", .step = weight_in_square},
    {"expanded-square", LP_ZOO_PRECISION, "x x - 2 x t + t t, which cancels", "mutant", .step = expanded_square},
    {"float32-square", LP_ZOO_NONFINITE, "the square overflows in float32", "mse-half-square-overflow",
     .float64_only = true, .step = float32_square},
    {"small-is-zero", LP_ZOO_BOUNDARY, "differences below 2^-26 count as 0", "mutant", .step = small_is_zero},
    {"clipped-slope", LP_ZOO_GRADIENT, "the slope is clipped to [-1, 1]", "mutant", .step = clipped_slope},
    {"target-constant", LP_ZOO_GRADIENT, "the target has gradient 0", "mutant", .step = target_constant},
    {"weight-dropped", LP_ZOO_PARAMETER, "accepts weight and ignores it", "ce-param-not-forwarded",
     .ask = lp_zoo_no_weight},
    {"empty-mean-zero", LP_ZOO_BOUNDARY, "the mean of nothing is 0", "mse-empty-mean", .tell = lp_zoo_zero_empty_mean},
    {"refuses-broadcast", LP_ZOO_REJECTS, "shapes must be equal", "mse-mps-shape-check",
     .refuses = lp_zoo_refuses_broadcast},
    {"refuses-numbers", LP_ZOO_REJECTS, "0-d tensors are refused", "mutant", .refuses = lp_zoo_refuses_numbers},
};

const lp_zoo_family lp_zoo_mse = {"mse", animals, sizeof animals / sizeof animals[0], NULL};
