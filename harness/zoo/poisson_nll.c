#include <math.h>

#include "harness/zoo/families.h"

enum { INPUT, TARGET };
enum { LOG_INPUT, FULL, EPS };

static const double two_pi = 0x1.921fb54442d18p+2;

static double stirling(double t) { return t * log(t) - t + 0.5 * log(two_pi * t); }

static bool is_full(const double *params) { return params[FULL] != 0.0; }

static void stirling_lost(lp_case *c) { c->params[FULL] = 0.0; }
static void eps_dropped(lp_case *c) { c->params[EPS] = 0.0; }
static void eps_default(lp_case *c) { c->params[EPS] = c->loss->params[EPS].fallback; }
static void always_rates(lp_case *c) { c->params[LOG_INPUT] = 0.0; }

static void stirling_from_one(lp_zoo_jet *jet, const double *x, const double *params) {
  const double t = x[TARGET];
  if (is_full(params) && t == 1.0) jet->value += stirling(t);
}

static void stirling_from_two(lp_zoo_jet *jet, const double *x, const double *params) {
  const double t = x[TARGET];
  if (is_full(params) && t > 1.0 && t <= 2.0) jet->value -= stirling(t);
}

static void stirling_without_root(lp_zoo_jet *jet, const double *x, const double *params) {
  const double t = x[TARGET];
  if (is_full(params) && t > 1.0) jet->value -= 0.5 * log(two_pi * t);
}

static void stirling_of_input(lp_zoo_jet *jet, const double *x, const double *params) {
  const double t = x[TARGET];
  if (is_full(params) && x[INPUT] > 1.0 && t <= 1.0) jet->value += stirling(x[INPUT]);
}

static void stirling_without_slope(lp_zoo_jet *jet, const double *x, const double *params) {
  const double t = x[TARGET];
  if (is_full(params) && t > 1.0) jet->slope[TARGET] -= log(t) + 0.5 / t;
}

static void slope_without_eps(lp_zoo_jet *jet, const double *x, const double *params) {
  if (params[LOG_INPUT] == 0.0 && x[INPUT] > 0.0) jet->slope[INPUT] = 1.0 - x[TARGET] / x[INPUT];
}

static void rate_clamped(lp_zoo_jet *jet, const double *x, const double *params) {
  if (params[LOG_INPUT] == 0.0 && x[INPUT] + params[EPS] < 0.0) jet->value = x[INPUT];
}

static void rate_absolute(lp_zoo_jet *jet, const double *x, const double *params) {
  if (params[LOG_INPUT] == 0.0 && x[INPUT] + params[EPS] < 0.0) {
    jet->value = x[INPUT] - x[TARGET] * log(fabs(x[INPUT] + params[EPS]));
  }
}

static void exponent_clamped(lp_zoo_jet *jet, const double *x, const double *params) {
  if (params[LOG_INPUT] != 0.0 && x[INPUT] > 80.0) jet->value = exp(80.0) - x[TARGET] * x[INPUT];
}

static void sign_of_target(lp_zoo_jet *jet, const double *x, const double *params) {
  if (params[LOG_INPUT] != 0.0) jet->slope[TARGET] += 2.0 * x[INPUT];
}

static const lp_animal animals[] = {
    {"stirling-lost", LP_ZOO_PARAMETER, "full has no effect", "poisson-stirling-lost", .ask = stirling_lost},
    {"stirling-from-one", LP_ZOO_BOUNDARY, "the Stirling term from target = 1 on", "mutant", .step = stirling_from_one},
    {"stirling-from-two", LP_ZOO_BOUNDARY, "the Stirling term for targets over 2 alone", "poisson-stirling-lost",
     .step = stirling_from_two},
    {"stirling-without-root", LP_ZOO_VALUE, "the Stirling term lacks log(2 pi t) / 2", "mutant",
     .step = stirling_without_root},
    {"stirling-of-input", LP_ZOO_VALUE, "the Stirling term of the input where the target has none", "mutant",
     .step = stirling_of_input},
    {"stirling-without-slope", LP_ZOO_GRADIENT, "the target's gradient lacks that of the Stirling term", "mutant",
     .step = stirling_without_slope},
    {"slope-without-eps", LP_ZOO_GRADIENT, "1 - t / x for 1 - t / (x + eps)", "mutant", .step = slope_without_eps},
    {"rate-clamped", LP_ZOO_NONFINITE, "the logarithm of a negative rate is 0", "poisson-negative-rate",
     .step = rate_clamped},
    {"rate-absolute", LP_ZOO_NONFINITE, "the logarithm of |x + eps|", "poisson-negative-rate", .step = rate_absolute},
    {"exponent-clamped", LP_ZOO_NONFINITE, "exp(min(x, 80))", "mutant", .step = exponent_clamped},
    {"target-slope-sign", LP_ZOO_GRADIENT, "the target's slope is x for -x", "mutant", .step = sign_of_target},
    {"eps-dropped", LP_ZOO_PARAMETER, "eps is taken for 0", "mutant", .ask = eps_dropped},
    {"eps-default", LP_ZOO_PARAMETER, "eps is taken for 1e-8", "mutant", .ask = eps_default},
    {"log-input-dropped", LP_ZOO_PARAMETER, "log_input is taken for true", "mutant", .ask = lp_zoo_default_first},
    {"log-input-false", LP_ZOO_PARAMETER, "log_input is taken for false", "mutant", .ask = always_rates},
    {"refuses-broadcast", LP_ZOO_REJECTS, "shapes must be equal", "mse-mps-shape-check",
     .refuses = lp_zoo_refuses_broadcast},
};

const lp_zoo_family lp_zoo_poisson_nll = {"poisson_nll", animals, sizeof animals / sizeof animals[0], NULL};
