/* The budget: the error that an output is allowed. Pure functions of the case, nothing widens them.
 *
 *   budget = k u D scale + k eta
 *
 * k = 8; u and eta are the unit roundoff and the smallest subnormal of the output's dtype; scale = |out| + the reach of
 * its rounded intermediates (tape.h). D is the depth of a sum of n terms, n counted flat over nested sums:
 *   D = 1 for n = 1, otherwise min(n, 1024) + ceil(log2 n); k u D never exceeds 1/8.
 * Derivation. Arithmetic with |fl(a op b) - (a op b)| <= u |a op b| gets out wrong by at most u (scale - |out|) to
 * first order, plus u |out| for the last rounding; elementary functions of the common libraries are wrong by up to 4 u
 * (2 ulp), so that k = 8 leaves a factor of 2 for what is left out at second order and for formulas that round once or
 * twice more. A running sum of n terms is wrong by (n - 1) u sum |terms| (Higham, section 4.2), which the scale holds
 * once; beyond 1024 terms a sum must be better than one running accumulator in the output's own dtype. Underflow of the
 * last operations adds a few eta.
 * The first order falls short where rounding moves a divisor, or the argument of a logarithm, root, power or
 * exponential, by no small part of itself. There reaches allow for r = k/4 u D reach / |b|, by a factor of up to 1/(1 -
 * r) (tape.h), and are boundless from r = 1/2 on where a pole is near. k/4 = 2 and not k, which would leave the half
 * types without a verdict on sums of a few terms: an operand that errs by c u D reach, c <= 3, throws its quotient off
 * by c x / (1 - c x), x = u D reach / |b| < 1/4, and allowed is 8 x / (1 - 2 x), which is more. */
#ifndef LP_EXACT_BUDGET_H
#define LP_EXACT_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "reference/dtype.h"
#include "reference/exact/ball.h"

enum { LP_BUDGET_K = 8, LP_BUDGET_HEADROOM = 4, LP_BUDGET_LONGEST_SUM = 1024 };

/* min(n, 1024) + ceil(log2 n), 1 for n <= 1; ceil(log2 n) alone, at least 1, for pairwise sums. */
double lp_budget_depth(int64_t terms);
double lp_budget_pairwise_depth(int64_t terms);

/* k u D, at most 1/8. */
double lp_budget_factor(lp_dtype dtype, double depth);

/* k u D scale, rounded up. */
void lp_budget_relative(mag_t budget, lp_dtype dtype, const mag_t scale, int64_t terms);

/* A scale that bounds nothing, beside a number of at most this size: rounding may make anything of the number, an
 * infinity and NaN too. What such a scale allows is no proof of anything. Products and quotients with numbers of any
 * dtype leave it so. It is not infinite, as the scale is where a ball is too wide: more precision does not help. */
void lp_budget_set_boundless(mag_t scale);
bool lp_budget_is_boundless(const mag_t scale, const mag_t size);

/* k eta; where the arithmetic flushes subnormal numbers to 0, k times the smallest normal number. */
double lp_budget_absolute(lp_dtype dtype, bool flushes_subnormals);

#endif
