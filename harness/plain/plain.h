/* The losses as an ordinary programmer writes them: the stable textbook formula, rounded after every operation, in any
 * floating dtype. They are right, so that every budget must let them pass, and ordinary, so that no budget may be far
 * wider than they need.
 *
 * Inputs on which they are wrong nevertheless: where an intermediate result overflows (squares, sums, exp), or
 * underflows before it is multiplied by something large; plain_answer says so. */
#ifndef LP_HARNESS_PLAIN_H
#define LP_HARNESS_PLAIN_H

#include "golden/arena.h"
#include "harness/plain/plain_arith.h"
#include "reference/plan.h"

typedef struct plain_options {
  plain_summation summation;
  bool inside_float32; /* half dtypes: computed in float32, the outputs rounded once */
} plain_options;

typedef struct plain_answer {
  lp_outcome outcome;           /* in the arena */
  bool overflowed, underflowed; /* on the way, see plain_arith */
} plain_answer;

/* Answers the plan's case. The outcome is `unsupported` where PyTorch computes in integers, which is not done here.
 * LP_NO_MEMORY; LP_INTERNAL for a loss that is not here. */
lp_status plain_answer_case(plain_answer *answer, lp_arena *arena, const lp_plan *plan, plain_options options,
                            lp_error *error) LP_MUST_USE;

#endif
