/* Base64 as RFC 4648 section 4 defines it: the standard alphabet, padded, on one line. The decoder is strict, so that
 * every sequence of bytes has exactly one text. */
#ifndef LP_GOLDEN_BASE64_H
#define LP_GOLDEN_BASE64_H

#include <stddef.h>

#include "reference/status.h"

/* Characters that `bytes` bytes take. */
size_t lp_base64_length(size_t bytes);

/* Writes lp_base64_length(length) characters, without a terminator. */
void lp_base64_encode(char *text, const unsigned char *bytes, size_t length);

/* How many bytes the text stands for, from its length and padding alone.
 * LP_INVALID when its length is not a multiple of 4. */
lp_status lp_base64_size(size_t *bytes, const char *text, size_t length, lp_error *error) LP_MUST_USE;

/* Decodes into lp_base64_size bytes. LP_INVALID, with the position, on a character outside the alphabet, padding
 * elsewhere than at the end, or bits set that no byte takes. */
lp_status lp_base64_decode(unsigned char *bytes, const char *text, size_t length, lp_error *error) LP_MUST_USE;

#endif
