/* What the harness itself knows of a case: the reference's outcome, the regimes, and, when asked, what is true. */
#ifndef LP_HARNESS_EXAMINE_H
#define LP_HARNESS_EXAMINE_H

#include "golden/arena.h"
#include "reference/exact/exact.h"
#include "reference/plan.h"

typedef struct lp_examination {
  lp_outcome reference; /* LP_OUTCOME_OK or LP_OUTCOME_REJECTED with the message */
  uint64_t regimes;     /* of loss->regimes */
  lp_reject reject;     /* why it is rejected */
  bool has_exact;       /* exact was asked for, and the case is accepted */
  lp_exact exact;
} lp_examination;

/* Runs the reference on the case. Memory comes from the arena.
 * LP_INVALID when it is not a case (an input is missing), LP_NO_MEMORY. */
lp_status lp_examine(lp_examination *e, lp_arena *arena, const lp_case *c, lp_error *error) LP_MUST_USE;

/* The same with the exact oracle; after LP_OK to be cleared. options may be NULL. */
lp_status lp_examine_exactly(lp_examination *e, lp_arena *arena, const lp_case *c, const lp_exact_options *options,
                             lp_error *error) LP_MUST_USE;
/* The same, precise enough to round every number in its output's dtype. */
lp_status lp_examine_rounded(lp_examination *e, lp_arena *arena, const lp_case *c, const lp_exact_options *options,
                             lp_error *error) LP_MUST_USE;
void lp_examination_clear(lp_examination *e);

/* What is true, or NULL when the case must be rejected. */
const lp_exact *lp_examination_exact(const lp_examination *e);

/* Bit of the regime of this name, 0 when the loss has none. */
uint64_t lp_regime_bit(const lp_loss *loss, const char *name);

#endif
