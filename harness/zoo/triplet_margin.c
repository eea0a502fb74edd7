#include <math.h>

#include "harness/zoo/families.h"

enum { ANCHOR, POSITIVE, NEGATIVE };
enum { MARGIN, P, EPS, SWAP };

static void eps_dropped(lp_case *c) { c->params[EPS] = 0.0; }
static void eps_default(lp_case *c) { c->params[EPS] = c->loss->params[EPS].fallback; }
static void eps_times_ten(lp_case *c) { c->params[EPS] *= 10.0; }
static void eps_negated(lp_case *c) { c->params[EPS] = -c->params[EPS]; }
static void never_swaps(lp_case *c) { c->params[SWAP] = 0.0; }
static void always_swaps(lp_case *c) { c->params[SWAP] = 1.0; }
static void any_margin(lp_case *c) {
  if (c->params[MARGIN] <= 0.0) c->params[MARGIN] = 1.0;
}

static void exchange(lp_case *c) {
  const lp_tensor positive = c->inputs[POSITIVE];
  c->inputs[POSITIVE] = c->inputs[NEGATIVE];
  c->inputs[NEGATIVE] = positive;
}

/* A mean over the rows whose loss is not 0. */
static lp_status over_active(lp_outcome *outcome, lp_arena *arena, const lp_plan *plan, lp_error *error) {
  lp_case apart = *plan->c;
  lp_outcome rows;
  int64_t active = 0;
  LP_TRY(lp_zoo_right(outcome, arena, plan->c, error));
  if (plan->c->reduction != LP_REDUCTION_MEAN) return LP_OK;
  apart.reduction = LP_REDUCTION_NONE;
  apart.reduction_word = lp_reduction_name(LP_REDUCTION_NONE);
  apart.has_grad_output = false;
  LP_TRY(lp_zoo_right(&rows, arena, &apart, error));
  for (int64_t i = 0; i < plan->term.numel; i++) active += rows.outputs[0].tensor.f64[i] != 0.0;
  lp_zoo_scale(outcome, (double)plan->term.numel / (double)active);
  return LP_OK;
}

static bool refuses_small_power(const lp_plan *plan) { return plan->c->params[P] < 1.0; }

static const lp_animal animals[] = {
    {"margin-dropped", LP_ZOO_PARAMETER, "margin is taken for 1", "hinge-margin-ignored", .ask = lp_zoo_default_first},
    {"power-dropped", LP_ZOO_PARAMETER, "p is taken for 2", "ce-param-not-forwarded", .ask = lp_zoo_default_second},
    {"eps-dropped", LP_ZOO_PARAMETER, "eps is taken for 0", "mutant", .ask = eps_dropped},
    {"eps-default", LP_ZOO_PARAMETER, "eps is taken for 1e-6", "mutant", .ask = eps_default},
    {"eps-times-ten", LP_ZOO_PARAMETER, "10e-6 typed for 1e-6", "triplet-eps-literal", .ask = eps_times_ten},
    {"eps-subtracted", LP_ZOO_VALUE, "x - y - eps", "mutant", .ask = eps_negated},
    {"never-swaps", LP_ZOO_PARAMETER, "swap has no effect", "ce-param-not-forwarded", .ask = never_swaps},
    {"always-swaps", LP_ZOO_PARAMETER, "swap is taken for true", "mutant", .ask = always_swaps},
    {"exchanged", LP_ZOO_VALUE, "near and far exchanged", "mutant", .ask = exchange},
    {"over-active", LP_ZOO_REDUCTION, "a mean over the rows that are active", "triplet-average-active-only",
     .answer = over_active},
    {"anchor-constant", LP_ZOO_GRADIENT, "the anchor has gradient 0", "mutant", .tell = lp_zoo_zero_first_gradient},
    {"any-margin", LP_ZOO_ACCEPTS, "margins up to 0 are taken for 1", "mutant", .lenient = true, .ask = any_margin},
    {"refuses-small-power", LP_ZOO_REJECTS, "p below 1 is refused", "triplet-p-small-nan",
     .refuses = refuses_small_power},
    {"refuses-broadcast", LP_ZOO_REJECTS, "shapes must be equal", "mse-mps-shape-check",
     .refuses = lp_zoo_refuses_broadcast},
};

const lp_zoo_family lp_zoo_triplet_margin = {"triplet_margin", animals, sizeof animals / sizeof animals[0], NULL};
