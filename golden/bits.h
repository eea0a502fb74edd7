/* Numbers as bytes: little-endian words, and the bits of every floating dtype. */
#ifndef LP_GOLDEN_BITS_H
#define LP_GOLDEN_BITS_H

#include <stddef.h>
#include <stdint.h>

#include "reference/dtype.h"

/* Inline, so that a constant width (1 to 8 bytes) becomes one machine load or store. */
static inline uint64_t lp_load_le(const unsigned char *bytes, size_t width) {
  uint64_t word = 0;
  for (size_t i = 0; i < width; i++) word |= (uint64_t)bytes[i] << (8 * i);
  return word;
}

static inline void lp_store_le(unsigned char *bytes, size_t width, uint64_t word) {
  for (size_t i = 0; i < width; i++) bytes[i] = (unsigned char)(word >> (8 * i));
}

/* The bits of a value that is a number of this floating dtype exactly (lp_dtype_round gives one); the low
 * lp_dtype_size(dtype) bytes of the result. A NaN keeps its sign and the leading part of its payload. */
uint64_t lp_float_bits(lp_dtype dtype, double value);

/* The number with these bits. lp_float_bits gives them back; a signalling NaN comes back quiet. */
double lp_float_from_bits(lp_dtype dtype, uint64_t bits);

#endif
