/* The implementation under test, behind one interface.
 *
 *   reference          the built-in double-precision reference, rounded once to the dtype of each output
 *   exact              the exact oracle, rounded once likewise
 *   outcomes:FILE.h5   answers that were computed elsewhere, found by case id */
#ifndef LP_HARNESS_CANDIDATE_H
#define LP_HARNESS_CANDIDATE_H

#include "golden/suite.h"

typedef struct lp_candidate lp_candidate;

/* Opens a candidate by its description. LP_INVALID: no such kind; LP_IO or LP_INVALID: its file cannot be used. */
lp_status lp_candidate_open(lp_candidate **candidate, const char *description, lp_error *error) LP_MUST_USE;
void lp_candidate_close(lp_candidate *candidate); /* NULL is fine */

const char *lp_candidate_name(const lp_candidate *candidate);

/* True when the candidate is our own reference: a disagreement is then the harness's fault. */
bool lp_candidate_is_ours(const lp_candidate *candidate);

/* True when answers are found by id alone, so that no two questions may share one. */
bool lp_candidate_goes_by_id(const lp_candidate *candidate);

/* Asks for one case. LP_INVALID: it was answered as a case of another loss. The outcome's memory comes from the arena.
 * Safe to call from several threads at once. */
lp_status lp_candidate_answer(lp_candidate *candidate, lp_outcome *outcome, lp_arena *arena, const lp_case *c,
                              lp_error *error) LP_MUST_USE;

#endif
