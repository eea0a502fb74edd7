/* Numbers that neither overflow nor underflow. */
#include "reference/big.h"

#include <math.h>

#include "reference/vecmath.h"

static lp_big plain(double high) { return (lp_big){high, 0.0, 0.0, 0.0}; }

static const double far_end = 0x1p1022;

/* (high + low) * 2^(exponent + far), |low| <= |high| or high = 0. */
static lp_big normalize(double high, double low, double exponent, double far) {
  const lp_pair sum = lp_fast_two_sum(high, low);
  if (sum.high == 0.0 || !isfinite(sum.high)) return plain(sum.high);
  int shift = 0;
  const double mantissa = frexp(sum.high, &shift);
  return (lp_big){mantissa, ldexp(sum.low, -shift), lp_clamp(exponent + shift, -far_end, far_end),
                  lp_clamp(far, -far_end, far_end)};
}

lp_big lp_big_of(double x) { return x == 0.0 ? plain(x) : normalize(x, 0.0, 0.0, 0.0); }

/* Exponents beyond 3000 are as good as 3000. */
double lp_big_get(lp_big a) { return ldexp(a.high, (int)lp_clamp(a.exponent + a.far, -3000.0, 3000.0)); }

lp_big lp_big_negate(lp_big a) { return (lp_big){-a.high, -a.low, a.exponent, a.far}; }

lp_big lp_big_abs(lp_big a) { return signbit(a.high) ? lp_big_negate(a) : a; }

bool lp_big_is_finite(lp_big a) { return isfinite(a.high); }

/* Further apart than this, the smaller summand is lost in the larger one's rounding error. */
enum { NEGLIGIBLE = -300 };

/* By how many powers of two a is above b, but for the mantissas. */
static double above(lp_big a, lp_big b) { return (a.far - b.far) + (a.exponent - b.exponent); }

static lp_big add_smaller(lp_big a, lp_big b) {
  const double shift = above(b, a);
  if (shift < NEGLIGIBLE) return a;
  const lp_pair sum = lp_two_sum(a.high, ldexp(b.high, (int)shift));
  return normalize(sum.high, sum.low + (a.low + ldexp(b.low, (int)shift)), a.exponent, a.far);
}

lp_big lp_big_add(lp_big a, lp_big b) {
  if (!isfinite(a.high) || !isfinite(b.high) || (a.high == 0.0 && b.high == 0.0)) return plain(a.high + b.high);
  if (a.high == 0.0) return b;
  if (b.high == 0.0) return a;
  return above(a, b) < 0.0 ? add_smaller(b, a) : add_smaller(a, b);
}

lp_big lp_big_subtract(lp_big a, lp_big b) { return lp_big_add(a, lp_big_negate(b)); }

lp_big lp_big_multiply(lp_big a, lp_big b) {
  const lp_pair product = lp_two_product(a.high, b.high);
  if (product.high == 0.0 || !isfinite(product.high)) return plain(product.high);
  return normalize(product.high, product.low + (a.high * b.low + a.low * b.high), a.exponent + b.exponent,
                   a.far + b.far);
}

lp_big lp_big_divide(lp_big a, lp_big b) {
  const double quotient = a.high / b.high;
  if (quotient == 0.0 || !isfinite(quotient)) return plain(quotient);
  const lp_pair product = lp_two_product(quotient, b.high);
  const double rest = ((a.high - product.high) - product.low) + (a.low - quotient * b.low);
  return normalize(quotient, rest / b.high, a.exponent - b.exponent, a.far - b.far);
}

/* Infinities and NaN compare by their high parts, also against a mantissa. */
static double difference(lp_big a, lp_big b) {
  if (isfinite(a.high) && isfinite(b.high)) return lp_big_subtract(a, b).high;
  return a.high < b.high ? -1.0 : a.high >= b.high ? 1.0 : (double)NAN;
}

bool lp_big_less(lp_big a, lp_big b) { return difference(a, b) < 0.0; }

bool lp_big_at_least(lp_big a, lp_big b) { return difference(a, b) >= 0.0; }
