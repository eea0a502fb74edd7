/* The ten dtypes of PyTorch tensors that a case can name, and their arithmetic constants. */
#ifndef LP_REFERENCE_DTYPE_H
#define LP_REFERENCE_DTYPE_H

#include <stdbool.h>
#include <stddef.h>

typedef enum lp_dtype {
  LP_FLOAT64 = 0,
  LP_FLOAT32,
  LP_FLOAT16,  /* IEEE binary16 */
  LP_BFLOAT16, /* the upper half of binary32 */
  LP_INT64,
  LP_INT32,
  LP_INT16,
  LP_INT8,
  LP_UINT8,
  LP_BOOL,
  LP_DTYPE_COUNT
} lp_dtype;

/* "float64", "int8", ...: PyTorch's names. */
const char *lp_dtype_name(lp_dtype dtype);

/* Returns LP_DTYPE_COUNT when no dtype has this name. */
lp_dtype lp_dtype_from_name(const char *name);

bool lp_dtype_is_floating(lp_dtype dtype);

/* Size in bytes of one element in a packed tensor. */
size_t lp_dtype_size(lp_dtype dtype);

/* u, half the distance from 1 to the next number: 2^-53, 2^-24, 2^-11, 2^-8. Floating dtypes only. */
double lp_dtype_unit_roundoff(lp_dtype dtype);

/* eta, the smallest positive subnormal: 2^-1074, 2^-149, 2^-24, 2^-133. Floating dtypes only. */
double lp_dtype_smallest_subnormal(lp_dtype dtype);

/* The largest finite number. Floating dtypes only. */
double lp_dtype_largest(lp_dtype dtype);

/* Rounds once, to nearest, ties to even, with overflow to infinity; NaN stays NaN, zeros keep their sign. */
double lp_dtype_round(lp_dtype dtype, double value);

#endif
