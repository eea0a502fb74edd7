/* From settings to a case: extents and values are drawn, everything else follows from the settings. */
#ifndef LP_HARNESS_COMPOSE_H
#define LP_HARNESS_COMPOSE_H

#include "golden/arena.h"
#include "harness/factors.h"
#include "reference/draw.h"

typedef struct lp_recipe {
  const lp_factors *factors;
  const int8_t *row; /* a level, crossed or not, of every factor; at most one that is not crossed */
  lp_dtype dtype;    /* of floating tensors */
} lp_recipe;

/* Builds the case in the arena, with tags and hunts; its id is "". An upstream gradient needs an accepted case: where
 * the case is rejected without one it has none, whatever the settings say, and its tags say grad=none.
 * LP_INTERNAL when a shape class cannot be read. */
lp_status lp_compose(lp_case *c, lp_arena *arena, const lp_recipe *recipe, lp_rng *rng, lp_error *error) LP_MUST_USE;

/* A deep copy whose texts and data are in the arena. */
lp_status lp_case_copy(lp_case *copy, lp_arena *arena, const lp_case *c, lp_error *error) LP_MUST_USE;

#endif
