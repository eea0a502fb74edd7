/* Profile math: what a case with infinite inputs tends to.
 *
 * PyTorch's answer at an infinite input is an artefact of its operations; mathematics has the limit, or nothing. Every
 * loss is made of sums, products, quotients, exp, log, roots and maxima, so that along a path each output is eventually
 * monotone and has a limit, finite or not (the structure of the reals with exp is o-minimal). Infinities are replaced
 * by 2^h at two heights far beyond every double, and along paths on which they grow at different rates. An output tends
 * to a number     when both heights give the same number, up to 2^-100 of it or an absolute 2^-1090; tends to an
 * infinity  when it grows by half at least, from 2^8 on, and keeps its sign; is LP_ANY             otherwise, or when
 * paths differ (infinity - infinity), or when it depends on a NaN: then nothing is claimed. This is a reading of two
 * points, not a proof; it decides only what profile math says of infinite inputs. */
#ifndef LP_EXACT_LIMITS_H
#define LP_EXACT_LIMITS_H

#include "reference/exact/exact.h"

/* Is there an infinity or NaN among the inputs, parameters and upstream gradients? */
bool lp_exact_has_special(const lp_case *c);

/* Replaces the numbers of exact, which were evaluated for this plan, by limits where they are not finite. */
lp_status lp_exact_take_limits(lp_exact *exact, const lp_plan *plan, lp_error *error) LP_MUST_USE;

#endif
