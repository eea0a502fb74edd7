/* Gradients at and near kinks: is there one choice of sides, the same for all components, that explains what was got?
 */
#ifndef LP_HARNESS_KINKS_H
#define LP_HARNESS_KINKS_H

#include "harness/judge.h"

typedef struct lp_kink_answer {
  lp_fit fit; /* FITS: the choice below explains every component. FITS_NOT: no choice does */
  int output; /* FITS_NOT: a component that no choice explains, or -1 when only all together contradict */
  int64_t index;
  double *share; /* [exact->n_kinks * 3]: of each side of each kink in the choice; the caller frees */
} lp_kink_answer;

/* Every output of the candidate has the shape of the exact one. LP_NO_MEMORY leaves fit at PERHAPS. Elements that are
 * entangled are never a contradiction. */
lp_status lp_kinks_solve(lp_kink_answer *answer, const lp_outcome *candidate, const lp_exact *exact,
                         const lp_judging *how, lp_error *error) LP_MUST_USE;

/* The same for some of the outputs: bit k for exact->outputs[k]. */
lp_status lp_kinks_solve_some(lp_kink_answer *answer, const lp_outcome *candidate, const lp_exact *exact,
                              const lp_judging *how, unsigned outputs, lp_error *error) LP_MUST_USE;

/* The number that is right for one element when the kinks have these shares. Initializes *number. */
void lp_kinks_apply(lp_exact_number *number, const lp_exact *exact, int output, int64_t index, const double *share);
void lp_exact_number_clear(lp_exact_number *number);

#endif
