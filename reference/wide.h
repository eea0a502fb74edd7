/* Numbers without overflow or underflow: m 2^(512 level), with m in [2^-256, 2^256) in size, or zero at level -inf.
 *
 * For products and sums of very many probabilities. The level of ordinary numbers is 0 and stays there; a level is an
 * integer held as a double, exact up to 2^53 and rounded beyond, where it stands for exponents over 10^18.
 * Each operation rounds once (relative error at most u = 2^-53): shifts between levels are exact, and what an addition
 * drops is below 2^-512 of the sum. */
#ifndef LP_REFERENCE_WIDE_H
#define LP_REFERENCE_WIDE_H

#include <math.h>

#include "reference/vecmath.h"

typedef struct lp_wide {
  double m, level;
} lp_wide;

static inline lp_wide lp_wide_zero(void) { return (lp_wide){0.0, -(double)INFINITY}; }

static inline int lp_wide_is_zero(lp_wide a) { return a.level == -(double)INFINITY; }

/* m 2^(512 level) for any m of size 2^-768 to 2^768, or 0. */
static inline lp_wide lp_wide_normal(double m, double level) {
  const double size = fabs(m);
  if (size >= 0x1p256) return (lp_wide){m * 0x1p-512, level + 1.0};
  if (size >= 0x1p-256) return (lp_wide){m, level};
  return size > 0.0 ? (lp_wide){m * 0x1p512, level - 1.0} : lp_wide_zero();
}

static inline lp_wide lp_wide_add(lp_wide a, lp_wide b) {
  if (a.level == b.level) return lp_wide_normal(a.m + b.m, a.level);
  const lp_wide high = a.level > b.level ? a : b, low = a.level > b.level ? b : a;
  return lp_wide_normal(high.m + (high.level - low.level == 1.0 ? low.m * 0x1p-512 : 0.0), high.level);
}

static inline lp_wide lp_wide_multiply(lp_wide a, lp_wide b) { return lp_wide_normal(a.m * b.m, a.level + b.level); }

/* b not zero. */
static inline lp_wide lp_wide_divide(lp_wide a, lp_wide b) { return lp_wide_normal(a.m / b.m, a.level - b.level); }

/* exp(x + x_low), |x| < 178, with relative error at most 1.1 u. */
static inline double lp_wide_exp_near(double x, double x_low) {
  const lp_pair e = lp_exp_pair(x, 0.0);
  return e.high + (e.low + e.high * x_low);
}

/* exp(x + x_low) with relative error at most 1.1 u + 2^-103 |x|, for |x| < 2^60 and |x_low| <= ulp(x); -inf gives zero.
 * For larger x, whose neighbours are over 2^7 away, the exponent is rounded as a double is. */
lp_wide lp_wide_exp_far(double x, double x_low);

static inline lp_wide lp_wide_exp(double x, double x_low) {
  if (fabs(x) < 177.0) return (lp_wide){lp_wide_exp_near(x, x_low), 0.0};
  return lp_wide_exp_far(x, x_low);
}

/* log(a) with absolute error at most 2^-54 + 2^-100 |log(a)|; -inf for zero. */
lp_pair lp_wide_log(lp_wide a);

/* a g as a double, rounded twice at most; overflow and underflow only where the product has them. For infinite and NaN
 * g a is rounded to a double first. */
double lp_wide_times_far(lp_wide a, double g);

static inline double lp_wide_times(lp_wide a, double g) { return a.level == 0.0 ? a.m * g : lp_wide_times_far(a, g); }

#endif
