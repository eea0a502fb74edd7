/* Asked again, a candidate answers the same: at once, and after a question in between that is larger and full of NaN.
 */
#include <math.h>

#include "harness/laws_internal.h"

static const char *refuse_nothing(const lp_plan *plan) {
  (void)plan;
  return NULL;
}

static lp_status derive_repetition(lp_derivation *d, lp_arena *arena, lp_rng *rng, lp_error *error) {
  (void)arena;
  (void)rng;
  (void)error;
  (void)lp_law_add(d, d->plans[0].c);
  return LP_OK;
}

static void relate_repetition(lp_relation *r) { lp_law_same_outcome(r, 1, true); }

const lp_law lp_law_repetition = {"repetition", "the same question gets the same answer", refuse_nothing,
                                  derive_repetition, relate_repetition};

static lp_status fill_nan(lp_case *c, lp_arena *arena, lp_error *error) {
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!c->has_input[i] || !c->inputs[i].f64) continue;
    LP_TRY(lp_law_own(arena, &c->inputs[i], error));
    for (int64_t e = 0; e < c->inputs[i].numel; e++) c->inputs[i].f64[e] = (double)NAN;
  }
  return LP_OK;
}

/* Every row twice, where there are rows. */
static lp_status enlarge(lp_case *c, lp_arena *arena, const lp_plan *plan, lp_error *error) {
  lp_batch batch;
  if (lp_batch_of(&batch, plan) != NULL || batch.count == 0) return LP_OK;
  int64_t *rows = lp_arena_alloc(arena, (size_t)(2 * batch.count), sizeof *rows);
  if (!rows) return lp_fail(error, LP_NO_MEMORY, "out of memory for the rows of a derived case");
  for (int64_t i = 0; i < 2 * batch.count; i++) rows[i] = i % batch.count;
  lp_case larger = *c;
  lp_plan check;
  LP_TRY(lp_batch_gather(&larger, arena, plan, &batch, rows, 2 * batch.count, error));
  if (lp_plan_init(&check, &larger, NULL) == LP_OK) *c = larger;
  return LP_OK;
}

static lp_status derive_state(lp_derivation *d, lp_arena *arena, lp_rng *rng, lp_error *error) {
  (void)rng;
  lp_case *other = lp_law_add(d, d->plans[0].c);
  d->unused[0] = true;
  LP_TRY(enlarge(other, arena, &d->plans[0], error));
  LP_TRY(fill_nan(other, arena, error));
  (void)lp_law_add(d, d->plans[0].c);
  return LP_OK;
}

static void relate_state(lp_relation *r) { lp_law_same_outcome(r, 2, true); }

const lp_law lp_law_state = {"state", "a question in between leaves no trace in the answer to the same question",
                             refuse_nothing, derive_state, relate_state};
