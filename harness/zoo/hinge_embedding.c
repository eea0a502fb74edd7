#include <math.h>

#include "harness/zoo/families.h"

enum { MARGIN };

static void no_relu(lp_zoo_jet *jet, const double *x, const double *params) {
  const double z = params[MARGIN] - x[0];
  if (x[1] == -1.0) jet->value = z;
}

static void plain_hinge(lp_zoo_jet *jet, const double *x, const double *params) {
  jet->value = fmax(0.0, params[MARGIN] - x[1] * x[0]);
}

static void else_negative(lp_zoo_jet *jet, const double *x, const double *params) {
  const double z = params[MARGIN] - x[0];
  if (x[1] != 1.0) jet->value = fmax(0.0, z);
}

static void else_positive(lp_zoo_jet *jet, const double *x, const double *params) {
  if (x[1] != -1.0) jet->value = x[0];
  (void)params;
}

static void else_nothing(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  if (x[1] != 1.0 && x[1] != -1.0) *jet = (lp_zoo_jet){0.0, {0.0}};
}

static void closed_kink(lp_zoo_jet *jet, const double *x, const double *params) {
  const double z = params[MARGIN] - x[0];
  if (z == 0.0 && x[1] != 1.0) jet->slope[0] += 1.0;
}

static void positive_hinge(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  if (x[1] == 1.0) jet->value = fmax(0.0, x[0]);
}

static void absolute(lp_zoo_jet *jet, const double *x, const double *params) {
  const double z = params[MARGIN] - x[0];
  if (x[1] == -1.0) jet->value = fabs(z);
}

static void sign_lost(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  if (x[1] == -1.0) jet->slope[0] = -jet->slope[0];
}

static void always_active(lp_zoo_jet *jet, const double *x, const double *params) {
  const double z = params[MARGIN] - x[0];
  if (x[1] == -1.0 && z < 0.0) jet->slope[0] = -1.0;
}

static const lp_animal animals[] = {
    {"no-relu", LP_ZOO_VALUE, "margin - x without the hinge", "hinge-missing-relu", .step = no_relu},
    {"plain-hinge", LP_ZOO_VALUE, "max(0, margin - y x)", "hinge-is-plain-hinge", .step = plain_hinge},
    {"else-negative", LP_ZOO_BOUNDARY, "labels other than 1 count as -1", "cosemb-label-else-is-negative",
     .step = else_negative},
    {"else-positive", LP_ZOO_BOUNDARY, "labels other than -1 count as 1", "mutant", .step = else_positive},
    {"else-nothing", LP_ZOO_BOUNDARY, "labels other than 1 and -1 add nothing", "mutant", .step = else_nothing},
    {"closed-kink", LP_ZOO_BOUNDARY, "no gradient at the kink, where PyTorch lets it pass", "mutant",
     .step = closed_kink},
    {"closed-kink-math", LP_ZOO_RIGHT, "no gradient at the kink: a valid subgradient under profile math", "sibling",
     .math = true, .step = closed_kink},
    {"positive-hinge", LP_ZOO_VALUE, "max(0, x) for label 1", "mutant", .step = positive_hinge},
    {"absolute", LP_ZOO_VALUE, "|margin - x|", "mutant", .step = absolute},
    {"slope-sign", LP_ZOO_GRADIENT, "the slope for label -1 has the wrong sign", "mutant", .step = sign_lost},
    {"always-active", LP_ZOO_GRADIENT, "the gradient passes beyond the hinge", "mutant", .step = always_active},
    {"margin-dropped", LP_ZOO_PARAMETER, "margin is taken for 1", "hinge-margin-ignored", .ask = lp_zoo_default_first},
    {"refuses-broadcast", LP_ZOO_REJECTS, "shapes must be equal", "mse-mps-shape-check",
     .refuses = lp_zoo_refuses_broadcast},
};

const lp_zoo_family lp_zoo_hinge_embedding = {"hinge_embedding", animals, sizeof animals / sizeof animals[0], NULL};
