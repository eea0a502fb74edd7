/* From enclosures back to numbers. */
#ifndef LP_EXACT_ROUND_H
#define LP_EXACT_ROUND_H

#include "reference/exact/exact.h"

/* Rounds once, to nearest, ties to even, with overflow to infinity. */
double lp_exact_round(const arf_t x, lp_dtype dtype);

/* Both ends of the enclosure, rounded; equal when the enclosure decides the rounded value. A class gives its number. */
void lp_exact_ends(double *low, double *high, const lp_exact_number *n, lp_dtype dtype);

/* As lp_exact_evaluate, at a precision at which the ends of every number round alike in its output's dtype, or the
 * highest. */
lp_status lp_exact_evaluate_rounded(lp_exact *exact, const lp_plan *plan, const lp_exact_options *options,
                                    lp_error *error) LP_MUST_USE;

#endif
