#include "reference/wide.h"

#include <float.h>

/* 512 log 2, to 107 bits. */
static const lp_pair step = {0x1.62e42fefa39efp+8, 0x1.abc9e3b39803fp-47};

/* level * step as an unevaluated sum. */
static lp_pair steps(double level) {
  const double whole = level * step.high;
  return (lp_pair){whole, isfinite(whole) ? fma(level, step.high, -whole) + level * step.low : 0.0};
}

/* x = level * step + r with |r| <= 178; r is kept as a pair, so that its rounding is not magnified by exp. Levels
 * beyond 2^52 are rounded themselves, and leave no r that means anything. */
lp_wide lp_wide_exp_far(double x, double x_low) {
  if (x == -(double)INFINITY) return lp_wide_zero();
  const double level = nearbyint(x / step.high);
  if (fabs(x) >= 0x1p60) return (lp_wide){1.0, level};
  const lp_pair whole = steps(level);
  const lp_pair r = lp_two_sum(x - whole.high, x_low - whole.low);
  return lp_wide_normal(lp_wide_exp_near(r.high, r.low), level);
}

/* The level of exp(DBL_MAX) is rounded up: its steps overflow, although its logarithm does not. */
lp_pair lp_wide_log(lp_wide a) {
  if (fabs(a.level) == nearbyint(DBL_MAX / step.high)) return (lp_pair){copysign(DBL_MAX, a.level), 0.0};
  const lp_pair whole = steps(a.level);
  return isfinite(whole.high) ? lp_pair_sum(whole, lp_log_pair(a.m)) : whole;
}

/* The exponent of g goes into ldexp with the level, so that only the last step can leave the range of a double. An
 * infinite g shows what a is as a double: 0 times inf is NaN where a underflows. */
double lp_wide_times_far(lp_wide a, double g) {
  if (!isfinite(g)) return lp_wide_times_far(a, 1.0) * g;
  int exponent;
  const double fraction = frexp(g, &exponent);
  const int shift = (int)lp_clamp(a.level, -8.0, 8.0) * 512;
  return ldexp(a.m * fraction, shift + exponent);
}
