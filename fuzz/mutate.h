/* Mutations of cases as a person would try them: another shape, option or dtype; a value from where the loss changes
 * branch, or its neighbour; a copied row, a tie, a move onto the boundary of a regime.
 *
 * A case that is changed owns its tensors (decoded or copied into an arena). Afterwards it is one that lp_case_encode
 * can write: small enough, every element a number of its dtype, `expect` what its plan says. */
#ifndef LP_FUZZ_MUTATE_H
#define LP_FUZZ_MUTATE_H

#include "golden/arena.h"
#include "reference/draw.h"

typedef struct lp_mutation {
  const char *name; /* "one-ulp", "tie-rows" ... */
  /* Changes the case, whose tensors are its own, in place; new tensors come from the arena. False: does not apply, or
   * memory is out, and the case is as it was. The shape of grad_output and `expect` may be left behind: see
   * lp_mutate_settle. */
  bool (*apply)(lp_case *c, lp_arena *arena, lp_rng *rng);
} lp_mutation;

int lp_mutations_count(void);
const lp_mutation *lp_mutations_at(int index); /* NULL outside 0..count-1 */

/* Gives grad_output the loss's shape again, though not always, and sets `expect`. LP_NO_MEMORY. */
lp_status lp_mutate_settle(lp_case *c, lp_arena *arena, lp_rng *rng, lp_error *error) LP_MUST_USE;

/* One to four of them, drawn, and settled. What is then refused is repaired half the time: refusals are soon told
 * apart, and behind them nothing is computed. LP_NO_MEMORY. */
lp_status lp_mutate_case(lp_case *c, lp_arena *arena, lp_rng *rng, lp_error *error) LP_MUST_USE;

/* Options of a and values of b, rows of both, and the like: a case of a's loss into *child. LP_NO_MEMORY. */
lp_status lp_cross_cases(lp_case *child, lp_arena *arena, const lp_case *a, const lp_case *b, lp_rng *rng,
                         lp_error *error) LP_MUST_USE;

#endif
