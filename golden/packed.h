/* Elements of tensors as little-endian bytes, lp_dtype_size(dtype) each: IEEE 754 for the floating dtypes (bfloat16 the
 * upper half of binary32), two's complement for the integers, 0 or 1 for bool. On every machine the same. */
#ifndef LP_GOLDEN_PACKED_H
#define LP_GOLDEN_PACKED_H

#include "reference/tensor.h"

/* Writes elements first .. first+count-1, floating ones rounded to the tensor's dtype. */
void lp_packed_put(unsigned char *bytes, const lp_tensor *tensor, int64_t first, int64_t count);

/* Reads elements first .. first+count-1 into the tensor, which has its data.
 * LP_INVALID: a byte of a bool is neither 0 nor 1. */
lp_status lp_packed_get(lp_tensor *tensor, const unsigned char *bytes, int64_t first, int64_t count,
                        lp_error *error) LP_MUST_USE;

/* The range of an integer dtype or bool. */
int64_t lp_packed_min(lp_dtype dtype);
int64_t lp_packed_max(lp_dtype dtype);

#endif
