/* Arithmetic in a floating dtype: every operation is computed in double and rounded once, as hardware for that dtype
 * does it (for float64 the rounding is the identity). */
#ifndef LP_HARNESS_PLAIN_ARITH_H
#define LP_HARNESS_PLAIN_ARITH_H

#include "reference/dtype.h"

#include <stdint.h>

typedef enum plain_summation { PLAIN_RUNNING, PLAIN_PAIRWISE } plain_summation;

typedef struct plain_arith {
  lp_dtype dtype;
  plain_summation summation;
  bool overflowed;  /* an operation on finite numbers gave no finite number */
  bool underflowed; /* an operation lost bits because its result is below the normal numbers */
} plain_arith;

/* A number given in double, such as a parameter. */
double plain_number(plain_arith *a, double x);

double plain_add(plain_arith *a, double x, double y);
double plain_subtract(plain_arith *a, double x, double y);
double plain_multiply(plain_arith *a, double x, double y);
double plain_divide(plain_arith *a, double x, double y);
double plain_sqrt(plain_arith *a, double x);
double plain_exp(plain_arith *a, double x);
double plain_log(plain_arith *a, double x);
double plain_log1p(plain_arith *a, double x);
double plain_power(plain_arith *a, double x, double y);

/* exp(x) where a result that is too small to matter may become 0. */
double plain_small_exp(plain_arith *a, double x);

/* 0 for no numbers. One accumulator, or the two halves added up. */
double plain_sum(plain_arith *a, const double *x, int64_t n);

#endif
