#include <math.h>

#include "harness/zoo/families.h"

static void overflowing(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  const double e = exp(-x[1] * x[0]);
  jet->value = log1p(e);
  jet->slope[0] = -x[1] * e / (1.0 + e);
}

static void no_log1p(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  const double z = -x[1] * x[0];
  if (z < 0.0) jet->value = log(1.0 + exp(z));
}

static void sign(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  const double z = x[1] * x[0];
  jet->value = fmax(z, 0.0) + log1p(exp(-fabs(z)));
}

static void label_lost(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  const double z = -x[0];
  jet->value = fmax(z, 0.0) + log1p(exp(-fabs(z)));
}

static void slope_without_label(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  if (x[1] != 0.0) jet->slope[0] /= x[1];
}

static void slope_at_once(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  jet->slope[0] = -x[1];
}

static void base_two(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  (void)x;
  jet->value *= 0x1.71547652b82fep+0;
}

static void clamped_exponent(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  if (-x[1] * x[0] > 50.0) jet->value = 50.0;
}

static void saturated(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  if (-x[1] * x[0] < -20.0) *jet = (lp_zoo_jet){0.0, {0.0}};
}

static void early_linear(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  const double z = -x[1] * x[0];
  if (z > 20.0 && z < 40.0) jet->value = z;
}

static void zero_class(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  if (x[1] == 0.0) *jet = (lp_zoo_jet){0.0, {0.0}};
}

static const lp_animal animals[] = {
    {"overflowing", LP_ZOO_NONFINITE, "log1p(exp(-y x)), as PyTorch: wrong by profile math", "softmargin-exp-overflow",
     .math = true, .step = overflowing},
    {"no-log1p", LP_ZOO_PRECISION, "log(1 + e)", "softmargin-no-log1p", .step = no_log1p},
    {"sign", LP_ZOO_VALUE, "log(1 + exp(y x))", "mutant", .step = sign},
    {"label-lost", LP_ZOO_VALUE, "the label is taken for 1", "mutant", .step = label_lost},
    {"slope-without-label", LP_ZOO_GRADIENT, "the slope lacks the label", "mutant", .step = slope_without_label},
    {"slope-saturated", LP_ZOO_GRADIENT, "the slope is -y everywhere", "mutant", .step = slope_at_once},
    {"base-two", LP_ZOO_VALUE, "log2 for log", "mutant", .step = base_two},
    {"clamped", LP_ZOO_NONFINITE, "-y x is clamped to 50", "mutant", .step = clamped_exponent},
    {"saturates", LP_ZOO_BOUNDARY, "0 from y x = 20 on", "softmargin-no-log1p", .step = saturated},
    {"early-linear", LP_ZOO_PRECISION, "softplus is its argument from 20 on", "mutant", .float64_only = true,
     .step = early_linear},
    {"zero-label", LP_ZOO_BOUNDARY, "label 0 adds nothing", "mutant", .step = zero_class},
};

const lp_zoo_family lp_zoo_soft_margin = {"soft_margin", animals, sizeof animals / sizeof animals[0], NULL};
