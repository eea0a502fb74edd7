#include <math.h>

#include "harness/zoo/families.h"

enum { INPUT, TARGET, WEIGHT };
enum { P, MARGIN };
enum { ROWS, CLASSES }; /* plan->extent */

static void weight_in_power(lp_case *c) {
  if (!c->has_input[WEIGHT] || c->params[P] != 2.0) return;
  for (int64_t i = 0; c->inputs[WEIGHT].f64 && i < c->inputs[WEIGHT].numel; i++) {
    c->inputs[WEIGHT].f64[i] *= c->inputs[WEIGHT].f64[i];
  }
}

static void weight_of_first(lp_case *c) {
  for (int64_t i = 1; c->has_input[WEIGHT] && c->inputs[WEIGHT].f64 && i < c->inputs[WEIGHT].numel; i++) {
    c->inputs[WEIGHT].f64[i] = c->inputs[WEIGHT].f64[0];
  }
}

static void scores_negated(lp_case *c) {
  for (int64_t i = 0; i < c->inputs[INPUT].numel; i++) c->inputs[INPUT].f64[i] = -c->inputs[INPUT].f64[i];
}

static void clamped_labels(lp_case *c) {
  const lp_tensor *x = &c->inputs[INPUT], *t = &c->inputs[TARGET];
  const int64_t classes = x->rank > 0 ? x->shape[x->rank - 1] : 1;
  for (int64_t i = 0; t->i64 && i < t->numel; i++) {
    t->i64[i] = t->i64[i] < 0 ? 0 : t->i64[i] >= classes ? classes - 1 : t->i64[i];
  }
}

static void any_power(lp_case *c) {
  if (c->params[P] != 1.0) c->params[P] = 2.0;
}

static void hardly_more_margin(lp_case *c) { c->params[MARGIN] = nextafter(c->params[MARGIN], INFINITY); }

static void by_others(lp_outcome *outcome, const lp_plan *plan) {
  const double classes = (double)plan->extent[CLASSES];
  if (classes > 1.0) lp_zoo_scale(outcome, classes / (classes - 1.0));
}

static void not_divided(lp_outcome *outcome, const lp_plan *plan) {
  lp_zoo_scale(outcome, (double)plan->extent[CLASSES]);
}

static const lp_animal animals[] = {
    {"power-dropped", LP_ZOO_PARAMETER, "p is taken for 1", "ce-param-not-forwarded", .ask = lp_zoo_default_first},
    {"margin-dropped", LP_ZOO_PARAMETER, "margin is taken for 1", "hinge-margin-ignored", .ask = lp_zoo_default_second},
    {"weight-dropped", LP_ZOO_PARAMETER, "accepts weight and ignores it", "mlsm-weight-dropped",
     .ask = lp_zoo_no_weight},
    {"weight-in-power", LP_ZOO_PARAMETER, "(w z)^2 for w z^2", "mm-weight-inside-power", .ask = weight_in_power},
    {"weight-of-first", LP_ZOO_PARAMETER, "weight[0] for every class", "mutant", .ask = weight_of_first},
    {"sign-of-scores", LP_ZOO_VALUE, "margin + x_y - x_i", "mm-sign-in-weighted-branch", .ask = scores_negated},
    {"labels-clamped", LP_ZOO_ACCEPTS, "labels out of range are clamped", "mm-target-unchecked-cuda", .lenient = true,
     .ask = clamped_labels},
    {"any-power", LP_ZOO_ACCEPTS, "any p but 1 is taken for 2", "mm-index-before-validate", .lenient = true,
     .ask = any_power},
    {"open-kink", LP_ZOO_BOUNDARY, "z >= 0 for z > 0", "mutant", .ask = hardly_more_margin},
    {"divided-by-others", LP_ZOO_REDUCTION, "divides by C - 1", "mutant", .tell = by_others},
    {"not-divided", LP_ZOO_REDUCTION, "does not divide by C", "mutant", .tell = not_divided},
};

const lp_zoo_family lp_zoo_multi_margin = {"multi_margin", animals, sizeof animals / sizeof animals[0], NULL};
