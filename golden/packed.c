#include "golden/packed.h"

#include "golden/bits.h"

int64_t lp_packed_max(lp_dtype dtype) {
  switch (dtype) {
    case LP_BOOL:
      return 1;
    case LP_UINT8:
      return UINT8_MAX;
    default:
      return (int64_t)(UINT64_MAX >> (65 - 8 * lp_dtype_size(dtype)));
  }
}

int64_t lp_packed_min(lp_dtype dtype) { return dtype == LP_BOOL || dtype == LP_UINT8 ? 0 : -lp_packed_max(dtype) - 1; }

void lp_packed_put(unsigned char *bytes, const lp_tensor *tensor, int64_t first, int64_t count) {
  const lp_dtype dtype = tensor->dtype;
  const size_t size = lp_dtype_size(dtype);
  const bool floating = lp_dtype_is_floating(dtype);
  for (int64_t i = first; i < first + count; i++, bytes += size) {
    lp_store_le(bytes, size,
                floating ? lp_float_bits(dtype, lp_dtype_round(dtype, tensor->f64[i])) : (uint64_t)tensor->i64[i]);
  }
}

/* The word of a signed or unsigned integer of this dtype, as a number. */
static int64_t integer_from_bits(lp_dtype dtype, uint64_t bits) {
  const uint64_t top = lp_packed_min(dtype) < 0 ? (uint64_t)lp_packed_max(dtype) + 1 : 0;
  const uint64_t extended = (bits ^ top) - top;
  return extended <= INT64_MAX ? (int64_t)extended : -(int64_t)(UINT64_MAX - extended) - 1;
}

lp_status lp_packed_get(lp_tensor *tensor, const unsigned char *bytes, int64_t first, int64_t count, lp_error *error) {
  const lp_dtype dtype = tensor->dtype;
  const size_t size = lp_dtype_size(dtype);
  for (int64_t i = first; i < first + count; i++, bytes += size) {
    const uint64_t bits = lp_load_le(bytes, size);
    if (dtype == LP_BOOL && bits > 1) {
      return lp_fail(error, LP_INVALID, "element %lld of a bool tensor is the byte %u: expected 0 or 1", (long long)i,
                     (unsigned)bits);
    }
    if (lp_dtype_is_floating(dtype)) {
      tensor->f64[i] = lp_float_from_bits(dtype, bits);
    } else {
      tensor->i64[i] = integer_from_bits(dtype, bits);
    }
  }
  return LP_OK;
}
