/* Numbers that neither overflow nor underflow, signed and to about twice the precision of double: a pair of doubles
 * and an exponent of its own.
 *
 * For the rare positions whose intermediate results leave the range of double although the result does not (w * d^2
 * with d = 1e200 and w = 1e-300). Some fifty times slower than double; nothing here is meant for ordinary numbers.
 * Infinities and NaN follow IEEE, as does the sign of zero. */
#ifndef LP_REFERENCE_BIG_H
#define LP_REFERENCE_BIG_H

#include <stdbool.h>

/* (high + low) * 2^(exponent + far) with 0.5 <= |high| < 1 and |low| <= ulp(high) / 2; or high is 0, infinite or NaN,
 * and the rest is 0. far is a multiple of 2^40, 0 but for exponentials of huge arguments (bigmath.h), so that neither
 * part of the exponent is rounded; it ends at +-2^1022. All are doubles, so that an array of doubles holds them. */
typedef struct lp_big {
  double high, low, exponent, far;
} lp_big;

lp_big lp_big_of(double x);
double lp_big_get(lp_big a); /* rounded once, with overflow to infinity */

lp_big lp_big_negate(lp_big a);
lp_big lp_big_abs(lp_big a);
lp_big lp_big_add(lp_big a, lp_big b); /* error below 2^-100 (|a| + |b|) */
lp_big lp_big_subtract(lp_big a, lp_big b);
lp_big lp_big_multiply(lp_big a, lp_big b); /* relative error below 2^-100, as division */
lp_big lp_big_divide(lp_big a, lp_big b);

bool lp_big_is_finite(lp_big a);

/* a < b and a >= b; false with NaN. */
bool lp_big_less(lp_big a, lp_big b);
bool lp_big_at_least(lp_big a, lp_big b);

#endif
