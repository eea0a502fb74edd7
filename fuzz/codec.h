/* Cases from bytes, and bytes from cases. Both total: every string of bytes is a case of the loss, and every case whose
 * tensors are small enough is a string of bytes that decodes to it, bit for bit.
 *
 * The bytes begin with small choices (shape class and sizes, dtype, reduction, a byte for each input and parameter), at
 * the same places in all cases of a loss, and end with the elements as they lie in memory: an engine that compares,
 * splices or increments bytes works on the numbers themselves. Bytes that are missing read as 0, and those left over
 * are ignored. The layout is in codec.c. */
#ifndef LP_FUZZ_CODEC_H
#define LP_FUZZ_CODEC_H

#include "golden/arena.h"

enum {
  LP_FUZZ_MAX_ELEMENTS = 1024, /* of a tensor: extents are cut until it fits */
  LP_FUZZ_MAX_TERMS = 2048,    /* of the shape that all inputs broadcast to, likewise */
  LP_FUZZ_MAX_EXTENT = 255,
  LP_FUZZ_MAX_WORD = 32, /* of a reduction; printable ASCII */
  LP_FUZZ_MAX_BYTES = 1 << 16
};

/* The case's id is "fuzz"; its texts are empty; expect says what its plan says. LP_NO_MEMORY is the one failure. */
lp_status lp_case_decode(lp_case *c, lp_arena *arena, const lp_loss *loss, const uint8_t *bytes, size_t size,
                         lp_error *error) LP_MUST_USE;

/* How many bytes the case takes; they are in `bytes` when that is at most `capacity`. 0: decode gives no such case:
 * it is too large, a required input is missing, or it has a word or flag that is none. Elements are numbers of their
 * dtype. */
size_t lp_case_encode(uint8_t *bytes, size_t capacity, const lp_case *c);

/* What must become of the case: LP_EXPECT_EITHER where the registry leaves a dtype open, otherwise what its plan says.
 */
lp_expect lp_case_expectation(const lp_case *c);

/* Bytes before the first that depends on another: the choices. */
size_t lp_case_header_size(const lp_loss *loss);

#endif
