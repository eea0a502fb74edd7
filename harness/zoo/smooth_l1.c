#include <math.h>

#include "harness/zoo/families.h"

enum { INPUT, TARGET };
enum { BETA };

static void set_slope(lp_zoo_jet *jet, double slope) {
  jet->slope[INPUT] = slope;
  jet->slope[TARGET] = -slope;
}

static double sign(double d) { return d > 0.0 ? 1.0 : d < 0.0 ? -1.0 : 0.0; }

/* The quadratic branch wherever asked for. */
static void quadratic(lp_zoo_jet *jet, double d, double beta) {
  jet->value = 0.5 * d * d / beta;
  set_slope(jet, d / beta);
}

static void linear(lp_zoo_jet *jet, double d, double beta) {
  jet->value = fabs(d) - 0.5 * beta;
  set_slope(jet, sign(d));
}

static void no_negative_beta(lp_case *c) { c->params[BETA] = fabs(c->params[BETA]); }

static void signed_threshold(lp_zoo_jet *jet, const double *x, const double *params) {
  const double d = x[INPUT] - x[TARGET];
  if (d <= -params[BETA] && params[BETA] > 0.0) quadratic(jet, d, params[BETA]);
}

static void unit_threshold(lp_zoo_jet *jet, const double *x, const double *params) {
  const double d = x[INPUT] - x[TARGET];
  const double beta = params[BETA];
  if (fabs(d) < 1.0 && fabs(d) >= beta && beta > 0.0) quadratic(jet, d, beta);
  if (fabs(d) >= 1.0 && fabs(d) < beta) linear(jet, d, beta);
}

static void closed_threshold(lp_zoo_jet *jet, const double *x, const double *params) {
  const double d = x[INPUT] - x[TARGET];
  if (fabs(d) == params[BETA] && d != 0.0) quadratic(jet, d, params[BETA]);
}

static void no_offset(lp_zoo_jet *jet, const double *x, const double *params) {
  const double d = x[INPUT] - x[TARGET];
  if (fabs(d) >= params[BETA]) jet->value = fabs(d);
}

static void huber(lp_zoo_jet *jet, const double *x, const double *params) {
  (void)x;
  jet->value *= params[BETA];
  set_slope(jet, jet->slope[INPUT] * params[BETA]);
}

static void slope_without_beta(lp_zoo_jet *jet, const double *x, const double *params) {
  const double d = x[INPUT] - x[TARGET];
  if (fabs(d) < params[BETA]) set_slope(jet, d);
}

static void nan_at_beta_zero(lp_zoo_jet *jet, const double *x, const double *params) {
  const double d = x[INPUT] - x[TARGET];
  if (params[BETA] == 0.0 && d == 0.0) set_slope(jet, NAN);
}

static void one_at_beta_zero(lp_zoo_jet *jet, const double *x, const double *params) {
  const double d = x[INPUT] - x[TARGET];
  if (params[BETA] == 0.0 && d == 0.0) set_slope(jet, 1.0);
}

static void tail_without_abs(lp_zoo_jet *jet, const double *x, const double *params) {
  const double d = x[INPUT] - x[TARGET];
  if (fabs(d) >= params[BETA]) jet->value = d - 0.5 * params[BETA];
}

static void step_slope(lp_zoo_jet *jet, const double *x, const double *params) {
  const double d = x[INPUT] - x[TARGET];
  if (fabs(d) < params[BETA]) set_slope(jet, sign(d));
}

static const lp_animal animals[] = {
    {"signed-threshold", LP_ZOO_BOUNDARY, "branches on d < beta for |d| < beta", "sl1-signed-threshold",
     .step = signed_threshold},
    {"unit-threshold", LP_ZOO_PARAMETER, "branches on |d| < 1, whatever beta is", "huber-param-dropped-on-fast-path",
     .step = unit_threshold},
    {"closed-threshold", LP_ZOO_BOUNDARY, "the quadratic branch at |d| = beta too: NaN where both are infinite",
     "mutant", .step = closed_threshold},
    {"no-offset", LP_ZOO_VALUE, "|d| in the tail for |d| - beta / 2", "mutant", .step = no_offset},
    {"huber", LP_ZOO_VALUE, "computes Huber's loss, beta times too large", "huber-grad-missing-delta", .step = huber},
    {"slope-without-beta", LP_ZOO_GRADIENT, "slope d for d / beta", "huber-grad-missing-delta",
     .step = slope_without_beta},
    {"nan-at-beta-zero", LP_ZOO_NONFINITE, "d / beta at beta = 0", "sl1-beta0-nan-grad", .step = nan_at_beta_zero},
    {"one-at-beta-zero", LP_ZOO_BOUNDARY, "slope 1 at d = 0, beta = 0", "sl1-beta0-nan-grad", .step = one_at_beta_zero},
    {"tail-without-abs", LP_ZOO_VALUE, "d - beta / 2 in the tail", "huber-linear-branch-doc", .step = tail_without_abs},
    {"step-slope", LP_ZOO_GRADIENT, "the slope is sign(d) everywhere", "mutant", .step = step_slope},
    {"beta-dropped", LP_ZOO_PARAMETER, "beta is taken for 1", "huber-param-dropped-on-fast-path",
     .ask = lp_zoo_default_first},
    {"negative-beta", LP_ZOO_ACCEPTS, "a negative beta is taken", "sl1-negative-beta", .lenient = true,
     .ask = no_negative_beta},
    {"refuses-broadcast", LP_ZOO_REJECTS, "shapes must be equal", "mse-mps-shape-check",
     .refuses = lp_zoo_refuses_broadcast},
};

const lp_zoo_family lp_zoo_smooth_l1 = {"smooth_l1", animals, sizeof animals / sizeof animals[0], NULL};
