/* SHA-256 (FIPS 180-4), through libcrypto. */
#ifndef LP_GOLDEN_SHA256_H
#define LP_GOLDEN_SHA256_H

#include <stddef.h>

#include "reference/status.h"

enum { LP_SHA256_TEXT = 65 }; /* 64 hexadecimal digits and the closing zero */

typedef struct lp_sha256 lp_sha256;

/* LP_NO_MEMORY, or LP_INTERNAL when libcrypto will not give the algorithm. */
lp_status lp_sha256_new(lp_sha256 **hash, lp_error *error) LP_MUST_USE;
void lp_sha256_free(lp_sha256 *hash); /* NULL is fine */

lp_status lp_sha256_add(lp_sha256 *hash, const void *bytes, size_t count, lp_error *error) LP_MUST_USE;

/* Lower-case hexadecimal. No more may be added afterwards. */
lp_status lp_sha256_text(char text[LP_SHA256_TEXT], lp_sha256 *hash, lp_error *error) LP_MUST_USE;

#endif
