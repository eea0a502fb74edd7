#include "harness/examine.h"

#include <string.h>

uint64_t lp_regime_bit(const lp_loss *loss, const char *name) {
  for (int i = 0; i < loss->n_regimes; i++) {
    if (strcmp(loss->regimes[i].name, name) == 0) return (uint64_t)1 << i;
  }
  return 0;
}

static lp_status refused(lp_examination *e, lp_arena *arena, const lp_error *why, lp_error *error) {
  e->reference.kind = LP_OUTCOME_REJECTED;
  e->reference.message = lp_arena_text(arena, why->message, strlen(why->message));
  e->reject = why->reject;
  return e->reference.message ? LP_OK : lp_fail(error, LP_NO_MEMORY, "out of memory");
}

lp_status lp_examine(lp_examination *e, lp_arena *arena, const lp_case *c, lp_error *error) {
  lp_plan plan;
  lp_error why;
  *e = (lp_examination){.reference.message = "", .scale.message = ""};
  const lp_status planned = lp_plan_init(&plan, c, &why);
  if (planned == LP_REJECTED) return refused(e, arena, &why, error);
  if (planned != LP_OK) {
    if (error) *error = why;
    return planned;
  }
  LP_TRY(lp_arena_outcome(arena, &e->reference, &plan.outcome, error));
  LP_TRY(lp_arena_outcome(arena, &e->scale, &plan.outcome, error));
  double *scratch = lp_arena_alloc(arena, plan.scratch + 1, sizeof *scratch);
  if (!scratch) return lp_fail(error, LP_NO_MEMORY, "out of memory for the scratch space of %s", c->loss->name);
  lp_reference_run(&e->reference, &plan, scratch);
  lp_reference_scale(&e->scale, &plan, scratch);
  e->regimes = lp_reference_regimes(&plan, scratch);
  if (e->regimes & lp_regime_bit(c->loss, "near-kink")) e->lenience |= LP_LENIENT_KINK;
  if (e->regimes & lp_regime_bit(c->loss, "open")) e->lenience |= LP_LENIENT_OPEN;
  return LP_OK;
}
