#include "harness/examine.h"

#include <stdlib.h>
#include <string.h>

#include "reference/exact/round.h"

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

static lp_status run_reference(lp_examination *e, lp_arena *arena, const lp_plan *plan, lp_error *error) {
  LP_TRY(lp_arena_outcome(arena, &e->reference, &plan->outcome, error));
  double *scratch = malloc((plan->scratch + 1) * sizeof *scratch); /* not the arena's, which may outlive many cases */
  if (!scratch) return lp_fail(error, LP_NO_MEMORY, "out of memory for the scratch space of %s", plan->c->loss->name);
  lp_reference_run(&e->reference, plan, scratch);
  e->regimes = lp_reference_regimes(plan, scratch);
  free(scratch);
  return LP_OK;
}

typedef lp_status evaluate_hook(lp_exact *exact, const lp_plan *plan, const lp_exact_options *options, lp_error *error);

static lp_status examine(lp_examination *e, lp_arena *arena, const lp_case *c, evaluate_hook *evaluate,
                         const lp_exact_options *options, lp_error *error) {
  lp_plan plan;
  lp_error why;
  *e = (lp_examination){.reference.message = ""};
  const lp_status planned = lp_plan_init(&plan, c, &why);
  if (planned == LP_REJECTED) return refused(e, arena, &why, error);
  if (planned != LP_OK) {
    if (error) *error = why;
    return planned;
  }
  LP_TRY(run_reference(e, arena, &plan, error));
  if (evaluate) LP_TRY(evaluate(&e->exact, &plan, options, error));
  e->has_exact = evaluate != NULL;
  return LP_OK;
}

lp_status lp_examine(lp_examination *e, lp_arena *arena, const lp_case *c, lp_error *error) {
  return examine(e, arena, c, NULL, NULL, error);
}

lp_status lp_examine_exactly(lp_examination *e, lp_arena *arena, const lp_case *c, const lp_exact_options *options,
                             lp_error *error) {
  return examine(e, arena, c, lp_exact_evaluate, options, error);
}

lp_status lp_examine_rounded(lp_examination *e, lp_arena *arena, const lp_case *c, const lp_exact_options *options,
                             lp_error *error) {
  return examine(e, arena, c, lp_exact_evaluate_rounded, options, error);
}

void lp_examination_clear(lp_examination *e) {
  if (e->has_exact) lp_exact_clear(&e->exact);
  e->has_exact = false;
}

const lp_exact *lp_examination_exact(const lp_examination *e) { return e->has_exact ? &e->exact : NULL; }
