/* Cases for the rule reduction.accumulator: so many equal terms that a single running accumulator of the loss's dtype
 * stops growing or drifts, while pairwise summation, or an accumulator that is wide enough, is right.
 *
 * 2^24 + 7 and 2^25 terms in float32, 2^9 + 1 and 2^12 + 1 in float16 and bfloat16, with reductions sum and mean. The
 * terms are those of an outer product of a column of equal inputs and a row of equal targets, so that a case holds few
 * numbers, and its gradients are long sums as well. They are made on demand: to judge 2^25 terms takes the exact oracle
 * half a minute. */
#ifndef LP_HARNESS_ACCUMULATOR_H
#define LP_HARNESS_ACCUMULATOR_H

#include "harness/generate.h"

#define LP_ACCUMULATOR_SUITE "accumulator"

/* Appends the cases of one loss; of the options, seed and minimum do not matter.
 * LP_REJECTED: float64, or a loss without elementwise terms of two inputs, has no such cases. */
lp_status lp_generate_accumulator(lp_suite *suite, const lp_loss *loss, const lp_generate_options *options,
                                  lp_error *error) LP_MUST_USE;

#endif
