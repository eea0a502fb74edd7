/* What libFuzzer calls between executions: mutations and crosses of cases, on bytes. */
#ifndef LP_FUZZ_ENGINE_H
#define LP_FUZZ_ENGINE_H

#include "golden/arena.h"

/* Which cases are wanted. */
typedef struct lp_fuzz_subject {
  const lp_loss *loss;
  unsigned dtypes;       /* bits (1u << lp_dtype) of the case's dtype; 0: any */
  int64_t most_elements; /* of any tensor; 0: as many as a case may have */
} lp_fuzz_subject;

/* As lp_case_decode, in one of the dtypes: a case of another is recast to the first of them. *wanted: false when it has
 * no recast, or is too large. LP_NO_MEMORY. */
lp_status lp_engine_decode(lp_case *c, bool *wanted, lp_arena *arena, const lp_fuzz_subject *subject,
                           const uint8_t *bytes, size_t size, lp_error *error) LP_MUST_USE;

/* Half of the time a mutation of the case: the bytes it took, in `data`. Otherwise, and where there is none, 0: the
 * bytes are for the engine's own mutations. */
size_t lp_engine_mutate(uint8_t *data, size_t size, size_t capacity, const lp_fuzz_subject *subject, unsigned seed);

/* A case crossed of two, in `out`: the bytes it took; 0: there is none. */
size_t lp_engine_cross(uint8_t *out, size_t capacity, const lp_fuzz_subject *subject, const uint8_t *a, size_t n_a,
                       const uint8_t *b, size_t n_b, unsigned seed);

#endif
