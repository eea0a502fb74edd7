/* What the harness itself knows of a case: the reference's outcome, the scale of every output, the regimes. */
#ifndef LP_HARNESS_EXAMINE_H
#define LP_HARNESS_EXAMINE_H

#include "golden/arena.h"
#include "harness/judge.h"
#include "reference/plan.h"

typedef struct lp_examination {
  lp_outcome reference; /* LP_OUTCOME_OK or LP_OUTCOME_REJECTED with the message */
  lp_outcome scale;     /* laid out as reference; empty when rejected */
  uint64_t regimes;     /* of loss->regimes */
  lp_reject reject;     /* why it is rejected */
  unsigned lenience;    /* LP_LENIENT_KINK, LP_LENIENT_OPEN: the regimes near-kink and open were entered */
} lp_examination;

/* Runs the reference on the case. Memory comes from the arena.
 * LP_INVALID when it is not a case (an input is missing), LP_NO_MEMORY. */
lp_status lp_examine(lp_examination *e, lp_arena *arena, const lp_case *c, lp_error *error) LP_MUST_USE;

/* Bit of the regime of this name, 0 when the loss has none. */
uint64_t lp_regime_bit(const lp_loss *loss, const char *name);

#endif
