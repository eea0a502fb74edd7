#include <math.h>

#include "harness/zoo/families.h"

enum { MARGIN };

static void no_relu(lp_zoo_jet *jet, const double *x, const double *params) {
  const double z = params[MARGIN] - x[2] * (x[0] - x[1]);
  if (z < 0.0) jet->value = z;
}

static void margin_outside(lp_zoo_jet *jet, const double *x, const double *params) {
  const double z = params[MARGIN] - x[2] * (x[0] - x[1]);
  jet->value = fmax(0.0, z - params[MARGIN]) + params[MARGIN];
}

static void swapped(lp_zoo_jet *jet, const double *x, const double *params) {
  const double z = params[MARGIN] - x[2] * (x[0] - x[1]);
  jet->value = fmax(0.0, 2.0 * params[MARGIN] - z);
}

static void closed_kink(lp_zoo_jet *jet, const double *x, const double *params) {
  const double z = params[MARGIN] - x[2] * (x[0] - x[1]);
  if (z == 0.0) *jet = (lp_zoo_jet){jet->value, {0.0}};
}

static void sign_of_label(lp_zoo_jet *jet, const double *x, const double *params) {
  jet->value = fmax(0.0, params[MARGIN] - copysign(1.0, x[2]) * (x[0] - x[1]));
}

static void label_constant(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  (void)x;
  jet->slope[2] = 0.0;
}

static void no_nan(lp_zoo_jet *jet, const double *x, const double *params) {
  if (isinf(x[0]) && x[0] == x[1]) jet->value = fmax(0.0, params[MARGIN]);
}

static void squared(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  (void)x;
  jet->value *= jet->value;
}

static void always_active(lp_zoo_jet *jet, const double *x, const double *params) {
  const double z = params[MARGIN] - x[2] * (x[0] - x[1]);
  if (z < 0.0) {
    jet->slope[0] = -x[2];
    jet->slope[1] = x[2];
  }
}

static const lp_animal animals[] = {
    {"no-relu", LP_ZOO_VALUE, "the hinge is left out", "hinge-missing-relu", .step = no_relu},
    {"margin-outside", LP_ZOO_PARAMETER, "max(0, -y d) + margin", "mutant", .step = margin_outside},
    {"inputs-swapped", LP_ZOO_VALUE, "y (x1 - x2) with the other sign", "mutant", .step = swapped},
    {"closed-kink", LP_ZOO_BOUNDARY, "no gradient at the kink, where PyTorch lets it pass", "mutant",
     .step = closed_kink},
    {"closed-kink-math", LP_ZOO_RIGHT, "no gradient at the kink: a valid subgradient under profile math", "sibling",
     .math = true, .step = closed_kink},
    {"sign-of-label", LP_ZOO_BOUNDARY, "the sign of the label for the label", "mutant", .step = sign_of_label},
    {"label-constant", LP_ZOO_GRADIENT, "the target has gradient 0", "mutant", .step = label_constant},
    {"equal-infinities", LP_ZOO_NONFINITE, "inf - inf is 0", "mr-equal-infinities", .step = no_nan},
    {"squared", LP_ZOO_VALUE, "the squared hinge", "mutant", .step = squared},
    {"always-active", LP_ZOO_GRADIENT, "the gradient passes beyond the hinge", "mutant", .step = always_active},
    {"margin-dropped", LP_ZOO_PARAMETER, "margin is taken for 0", "hinge-margin-ignored", .ask = lp_zoo_default_first},
    {"refuses-broadcast", LP_ZOO_REJECTS, "shapes must be equal", "mr-implicit-broadcast",
     .refuses = lp_zoo_refuses_broadcast},
};

const lp_zoo_family lp_zoo_margin_ranking = {"margin_ranking", animals, sizeof animals / sizeof animals[0], NULL};
