#include "harness/plain/plain_arith.h"

#include <math.h>

static double smallest_normal(lp_dtype dtype) {
  return lp_dtype_smallest_subnormal(dtype) / (2.0 * lp_dtype_unit_roundoff(dtype));
}

/* Rounds the result of an operation on finite numbers. */
static double settle(plain_arith *a, double result, bool from_finite) {
  const double rounded = lp_dtype_round(a->dtype, result);
  a->overflowed = a->overflowed || (from_finite && !isfinite(rounded));
  return rounded;
}

/* The same where a result that is not 0 may be too small; float64 has no more bits to compare with. */
static double settle_small(plain_arith *a, double result, bool from_finite) {
  const double rounded = settle(a, result, from_finite);
  const bool small = fabs(rounded) < smallest_normal(a->dtype);
  a->underflowed = a->underflowed || (small && (a->dtype == LP_FLOAT64 || rounded != result || result == 0.0));
  return rounded;
}

static bool both_finite(double x, double y) { return isfinite(x) && isfinite(y); }

double plain_number(plain_arith *a, double x) {
  if (x == 0.0) return x;
  const double rounded = settle(a, x, isfinite(x));
  a->underflowed = a->underflowed || (rounded != x && fabs(x) < smallest_normal(a->dtype));
  return rounded;
}

/* Sums and differences of subnormal numbers are exact. */
double plain_add(plain_arith *a, double x, double y) { return settle(a, x + y, both_finite(x, y)); }

double plain_subtract(plain_arith *a, double x, double y) { return settle(a, x - y, both_finite(x, y)); }

double plain_multiply(plain_arith *a, double x, double y) {
  const bool finite = both_finite(x, y);
  return x == 0.0 || y == 0.0 ? settle(a, x * y, finite) : settle_small(a, x * y, finite);
}

double plain_divide(plain_arith *a, double x, double y) {
  const bool finite = both_finite(x, y);
  return x == 0.0 || !finite ? settle(a, x / y, finite) : settle_small(a, x / y, finite);
}

double plain_sqrt(plain_arith *a, double x) { return settle(a, sqrt(x), isfinite(x)); }

double plain_exp(plain_arith *a, double x) {
  return isfinite(x) ? settle_small(a, exp(x), true) : settle(a, exp(x), false);
}

double plain_log(plain_arith *a, double x) { return settle(a, log(x), isfinite(x)); }

double plain_log1p(plain_arith *a, double x) { return x == 0.0 ? x : settle_small(a, log1p(x), isfinite(x)); }

double plain_power(plain_arith *a, double x, double y) {
  const bool finite = both_finite(x, y);
  return x == 0.0 || !finite ? settle(a, pow(x, y), finite) : settle_small(a, pow(x, y), finite);
}

double plain_small_exp(plain_arith *a, double x) { return settle(a, exp(x), isfinite(x)); }

static double running_sum(plain_arith *a, const double *x, int64_t n) {
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) sum = plain_add(a, sum, x[i]);
  return sum;
}

double plain_sum(plain_arith *a, const double *x, int64_t n) {
  if (a->summation == PLAIN_RUNNING || n <= 2) return running_sum(a, x, n);
  const int64_t half = n / 2;
  return plain_add(a, plain_sum(a, x, half), plain_sum(a, x + half, n - half));
}
