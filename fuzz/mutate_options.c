/* Reduction, parameters, and the upstream gradient. */
#include <math.h>

#include "fuzz/mutate_tools.h"
#include "fuzz/shapes.h"
#include "reference/plan.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

bool lp_mutate_reduction(lp_case *c, lp_arena *arena, lp_rng *rng) {
  static const char *const words[] = {"mean",
                                      "sum",
                                      "none",
                                      "mean",
                                      "sum",
                                      "none",
                                      "mean",
                                      "sum",
                                      "none",
                                      "batchmean",
                                      "batchmean",
                                      "average",
                                      LP_ELEMENTWISE_MEAN};
  (void)arena;
  c->reduction_word = words[lp_rng_below(rng, COUNT(words))];
  c->reduction = lp_reduction_from_name(c->reduction_word);
  return true;
}

/* One that is refused hides all else: seldom. */
bool lp_mutate_setting(lp_case *c, lp_arena *arena, lp_rng *rng) {
  (void)arena;
  if (c->loss->n_params == 0) return false;
  const int i = (int)lp_rng_below(rng, c->loss->n_params);
  const lp_param_spec *spec = &c->loss->params[i];
  const bool refused = spec->n_rejects > 0 && lp_rng_chance(rng, 0.1);
  c->params[i] =
      refused ? lp_rng_pick(rng, spec->rejects, spec->n_rejects) : lp_rng_pick(rng, spec->values, spec->n_values);
  return true;
}

/* A parameter that is a number, -1 when the drawn one is not. */
static int pick_number(const lp_case *c, lp_rng *rng) {
  const int i = c->loss->n_params > 0 ? (int)lp_rng_below(rng, c->loss->n_params) : -1;
  return i >= 0 && c->loss->params[i].type == LP_PARAM_REAL ? i : -1;
}

bool lp_mutate_setting_near(lp_case *c, lp_arena *arena, lp_rng *rng) {
  (void)arena;
  const int i = pick_number(c, rng);
  if (i < 0) return false;
  const double spread = lp_rng_chance(rng, 0.5) ? 1.0 : 0x1p-10, factor = 1.0 + spread * lp_rng_normal(rng);
  c->params[i] = lp_rng_chance(rng, 0.2) ? lp_any_special(rng) : c->params[i] * factor;
  return true;
}

bool lp_mutate_setting_ulp(lp_case *c, lp_arena *arena, lp_rng *rng) {
  (void)arena;
  const int i = pick_number(c, rng);
  if (i < 0) return false;
  c->params[i] = lp_mutate_step(LP_FLOAT64, c->params[i], lp_rng_chance(rng, 0.5) ? 1 : -1);
  return true;
}

/* --- the upstream gradient --- */

typedef enum kind { ZERO, ONE, RANDOM, NEGATIVE, SPECIAL, KINDS } kind;

static double draw_upstream(lp_rng *rng, kind k) {
  switch (k) {
    case ZERO:
      return 0.0;
    case ONE:
      return 1.0;
    case NEGATIVE:
      return -1.0 - 0.5 * (double)lp_rng_below(rng, 5);
    default:
      return lp_rng_chance(rng, 0.2) ? 0.0 : lp_rng_normal(rng);
  }
}

/* A shape beside the loss's. */
static void spoil(lp_tensor *layout, lp_rng *rng) {
  if (layout->rank > 0 && lp_rng_chance(rng, 0.5)) {
    layout->shape[layout->rank - 1]++;
  } else if (layout->rank < LP_MAX_RANK) {
    layout->shape[layout->rank++] = 1 + lp_rng_below(rng, 2);
  }
  lp_shape_cut(layout);
}

/* Of the loss's shape, or, where the case is refused without it, none. */
bool lp_mutate_upstream(lp_case *c, lp_arena *arena, lp_rng *rng) {
  lp_case without = *c;
  lp_plan plan;
  without.has_grad_output = false;
  if ((c->has_grad_output && lp_rng_chance(rng, 0.2)) || lp_plan_init(&plan, &without, NULL) != LP_OK) {
    c->has_grad_output = false;
    return true;
  }
  lp_tensor layout = plan.outcome.outputs[0].tensor;
  if (lp_rng_chance(rng, 0.05)) spoil(&layout, rng);
  const kind k = (kind)lp_rng_below(rng, KINDS);
  lp_tensor upstream = layout;
  if (lp_arena_tensor(arena, &upstream, NULL) != LP_OK) return false;
  for (int64_t i = 0; i < upstream.numel; i++) lp_mutate_put(&upstream, i, draw_upstream(rng, k));
  if (k == SPECIAL && upstream.numel > 0) {
    const int64_t at = lp_rng_below(rng, upstream.numel);
    lp_mutate_put(&upstream, at, lp_any_special(rng));
  }
  c->grad_output = upstream;
  c->has_grad_output = true;
  return true;
}
