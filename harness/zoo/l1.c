#include <math.h>

#include "harness/zoo/families.h"

enum { INPUT, TARGET, WEIGHT };

static void no_abs(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  jet->value = x[WEIGHT] * (x[INPUT] - x[TARGET]);
}

static void one_at_kink(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  if (x[INPUT] != x[TARGET]) return;
  jet->slope[INPUT] = x[WEIGHT];
  jet->slope[TARGET] = -x[WEIGHT];
}

static void squares_root(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  jet->value = x[WEIGHT] * sqrt((x[INPUT] - x[TARGET]) * (x[INPUT] - x[TARGET]));
}

static void unsigned_wrap(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  if (x[INPUT] < x[TARGET] && x[INPUT] == floor(x[INPUT]) && x[TARGET] == floor(x[TARGET])) {
    jet->value = x[WEIGHT] * (256.0 + x[INPUT] - x[TARGET]);
  }
}

static void relative(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  if (fabs(x[INPUT] - x[TARGET]) < 1e-5 * fabs(x[TARGET])) *jet = (lp_zoo_jet){0};
}

static void weight_in_abs(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)params;
  jet->value = fabs(x[WEIGHT] * (x[INPUT] - x[TARGET]));
}

static const lp_animal animals[] = {
    {"no-abs", LP_ZOO_VALUE, "sums signed differences", "l1-no-abs", .step = no_abs},
    {"unsigned-wrap", LP_ZOO_VALUE, "subtracts whole numbers in uint8", "l1-unsigned-wrap", .step = unsigned_wrap},
    {"one-at-kink", LP_ZOO_BOUNDARY, "sign(0) is 1", "mutant", .step = one_at_kink},
    {"root-of-square", LP_ZOO_NONFINITE, "sqrt(d d), which overflows and underflows", "mutant", .step = squares_root},
    {"dead-zone", LP_ZOO_BOUNDARY, "differences below 1e-5 |target| count as 0", "mutant", .step = relative},
    {"weight-inside-abs", LP_ZOO_PARAMETER, "|w d| for w |d|", "mutant", .step = weight_in_abs},
    {"weight-dropped", LP_ZOO_PARAMETER, "accepts weight and ignores it", "ce-param-not-forwarded",
     .ask = lp_zoo_no_weight},
    {"refuses-broadcast", LP_ZOO_REJECTS, "shapes must be equal", "mse-mps-shape-check",
     .refuses = lp_zoo_refuses_broadcast},
};

const lp_zoo_family lp_zoo_l1 = {"l1", animals, sizeof animals / sizeof animals[0], NULL};
