#include "reference/dtype.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* A binary floating format: precision p (bits of the significand, the hidden one counted) and the exponent of the
 * smallest normal number. u = 2^-p, eta = 2^(emin - p + 1). */
typedef struct format {
  int precision, emin, emax;
} format;

typedef struct row {
  const char *name;
  size_t size;
  bool floating;
  format format;
} row;

static const row rows[LP_DTYPE_COUNT] = {
    [LP_FLOAT64] = {"float64", 8, true, {53, -1022, 1023}},
    [LP_FLOAT32] = {"float32", 4, true, {24, -126, 127}},
    [LP_FLOAT16] = {"float16", 2, true, {11, -14, 15}},
    [LP_BFLOAT16] = {"bfloat16", 2, true, {8, -126, 127}},
    [LP_INT64] = {"int64", 8, false, {0, 0, 0}},
    [LP_INT32] = {"int32", 4, false, {0, 0, 0}},
    [LP_INT16] = {"int16", 2, false, {0, 0, 0}},
    [LP_INT8] = {"int8", 1, false, {0, 0, 0}},
    [LP_UINT8] = {"uint8", 1, false, {0, 0, 0}},
    [LP_BOOL] = {"bool", 1, false, {0, 0, 0}},
};

const char *lp_dtype_name(lp_dtype dtype) { return rows[dtype].name; }

lp_dtype lp_dtype_from_name(const char *name) {
  int i = 0;
  while (i < LP_DTYPE_COUNT && strcmp(rows[i].name, name) != 0) i++;
  return (lp_dtype)i;
}

bool lp_dtype_is_floating(lp_dtype dtype) { return rows[dtype].floating; }

size_t lp_dtype_size(lp_dtype dtype) { return rows[dtype].size; }

double lp_dtype_unit_roundoff(lp_dtype dtype) { return ldexp(1.0, -rows[dtype].format.precision); }

double lp_dtype_smallest_subnormal(lp_dtype dtype) {
  return ldexp(1.0, rows[dtype].format.emin - rows[dtype].format.precision + 1);
}

double lp_dtype_largest(lp_dtype dtype) {
  const format f = rows[dtype].format;
  return ldexp(2.0 - ldexp(1.0, 1 - f.precision), f.emax);
}

/* The spacing of the format's numbers around x is 2^q; x/2^q is exact in double (q <= 1023, and a narrower format's
 * smallest spacing is far above double's), and nearbyint rounds it to even. Rounding up to 2^(emax+1) is overflow. */
double lp_dtype_round(lp_dtype dtype, double value) {
  if (dtype == LP_FLOAT64 || !isfinite(value) || value == 0.0) return value;
  const format f = rows[dtype].format;
  int exponent;
  frexp(value, &exponent); /* value = m * 2^exponent, 1/2 <= |m| < 1 */
  const int normal = exponent - f.precision;
  const int least = f.emin - f.precision + 1;
  const int q = normal > least ? normal : least;
  const double rounded = ldexp(nearbyint(ldexp(value, -q)), q);
  return fabs(rounded) > lp_dtype_largest(dtype) ? copysign(INFINITY, value) : rounded;
}
