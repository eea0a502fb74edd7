#include "harness/settings.h"

#include "harness/compose.h"
#include "harness/fate.h"

enum { PAIR_TRIES = 30 };

/* Is one draw of an ordinary case with these settings rejected? */
static lp_status is_rejected(bool *rejected, const lp_recipe *recipe, lp_rng *rng, lp_error *error) {
  lp_case c;
  lp_fate fate;
  lp_arena *const arena = lp_arena_new(0);
  if (arena == NULL) return lp_fail(error, LP_NO_MEMORY, "%s: no memory to try settings", recipe->factors->loss->name);
  lp_status status = lp_compose(&c, arena, recipe, rng, error);
  c.id = recipe->factors->loss->name;
  if (status == LP_OK) status = lp_fate_of(&fate, arena, &c, error);
  lp_arena_free(arena);
  if (status == LP_OK) *rejected = fate.rejected;
  return status;
}

static lp_status is_always_rejected(bool *rejected, const lp_factors *factors, const int8_t *row, lp_error *error) {
  const lp_recipe recipe = {factors, row, LP_FLOAT64};
  lp_rng rng = {0};
  *rejected = true;
  for (int i = 0; i < PAIR_TRIES && *rejected; ++i) LP_TRY(is_rejected(rejected, &recipe, &rng, error));
  return LP_OK;
}

/* Every value of every parameter but the default, with a shape class that the defaults suit. */
static lp_status try_shape(lp_factors *factors, int shape, int shape_level, lp_error *error) {
  int8_t row[LP_MAX_FACTORS] = {0};
  bool rejected;
  row[shape] = (int8_t)shape_level;
  LP_TRY(is_always_rejected(&rejected, factors, row, error));
  for (int f = 0; f < factors->n && !rejected; ++f) {
    if (factors->factors[f].kind != LP_FACTOR_PARAM) continue;
    for (int l = 1; l < factors->factors[f].n_crossed; ++l) {
      bool excluded;
      row[f] = (int8_t)l;
      LP_TRY(is_always_rejected(&excluded, factors, row, error));
      if (excluded) LP_TRY(lp_factors_forbid(factors, shape, shape_level, f, l, error));
    }
    row[f] = 0;
  }
  return LP_OK;
}

lp_status lp_settings_of(lp_settings *settings, const lp_loss *loss, lp_error *error) {
  lp_factors *const factors = &settings->factors;
  LP_TRY(lp_factors_init(factors, loss, error));
  settings->n_declared = factors->n_forbidden;
  const int shape = lp_factors_find(factors, LP_FACTOR_SHAPE, 0);
  for (int s = 0; s < factors->factors[shape].n_crossed; ++s) LP_TRY(try_shape(factors, shape, s, error));
  return LP_OK;
}
