/* Square roots, exponentials and logarithms to about twice the precision of double, over the exponent range of
 * big.h, and quotients and roots of pairs. Slow; for the rows of a loss that double cannot carry, and for the few
 * numbers of a row that everything else is multiplied by. */
#ifndef LP_REFERENCE_BIGMATH_H
#define LP_REFERENCE_BIGMATH_H

#include "reference/big.h"
#include "reference/vecmath.h"

/* a/b and sqrt(a) for pairs of moderate size, b not 0, a > 0: relative error below 2^-100. */
static inline lp_pair lp_pair_quotient(lp_pair a, lp_pair b) {
  const double quotient = a.high / b.high;
  const lp_pair back = lp_two_product(quotient, b.high);
  const double rest = ((a.high - back.high) - back.low) + (a.low - quotient * b.low);
  return lp_join(quotient, rest / b.high);
}

static inline lp_pair lp_pair_sqrt(lp_pair a) {
  const double root = sqrt(a.high);
  const lp_pair square = lp_two_product(root, root);
  return lp_join(root, (((a.high - square.high) - square.low) + a.low) / (2.0 * root));
}

lp_big lp_big_of_pair(lp_pair a);
lp_big lp_big_sqrt(lp_big a); /* a >= 0, finite */

/* Relative errors below 2^-95. */
lp_big lp_big_exp(lp_pair x);     /* above 2^50 with relative error 2^-103 |x| + 2^-52; ends at |x| = 2^1021 */
lp_pair lp_big_log(lp_big x);     /* x > 0, finite */
lp_pair lp_pair_expm1(lp_pair x); /* x finite */
lp_pair lp_pair_log1p(lp_pair x); /* -1 < x, |x| < 2^1000 */

#endif
