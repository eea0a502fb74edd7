/* The exact oracle of ctc against the enumeration of all paths, on small cases. */
#ifndef LP_FUZZ_BRUTE_H
#define LP_FUZZ_BRUTE_H

#include "reference/exact/exact.h"

/* Compares when the sequences of the case have at most `most` paths together; *compared: numbers. why[capacity]: the
 * first disagreement in a sentence, or "". exact: of the same plan. LP_NO_MEMORY. */
lp_status lp_brute_ctc(char *why, size_t capacity, int64_t *compared, const lp_plan *plan, const lp_exact *exact,
                       int64_t most, lp_error *error) LP_MUST_USE;

#endif
