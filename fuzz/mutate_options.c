/* Reduction, parameters, and the upstream gradient. */
#include <math.h>

#include "fuzz/mutate_tools.h"
#include "fuzz/shapes.h"
#include "reference/plan.h"

bool lp_mutate_reduction(lp_case *c, lp_arena *arena, lp_rng *rng) {
  static const char *const words[] = {"mean", "sum", "none", "mean", "sum", "none", "batchmean", "batchmean", "average",
                                      "Mean", LP_ELEMENTWISE_MEAN};
  (void)arena;
  c->reduction_word = words[lp_rng_below(rng, sizeof words / sizeof words[0])];
  c->reduction = lp_reduction_from_name(c->reduction_word);
  return true;
}

static int pick_param(const lp_case *c, lp_rng *rng, bool number) {
  const int n = c->loss->n_params;
  const int i = n > 0 ? (int)lp_rng_below(rng, n) : -1;
  return i < 0 || (number && c->loss->params[i].type != LP_PARAM_REAL) ? -1 : i;
}

/* One that is refused hides all else: seldom. */
bool lp_mutate_setting_of_row(lp_case *c, lp_rng *rng, int i);

bool lp_mutate_setting(lp_case *c, lp_arena *arena, lp_rng *rng);
