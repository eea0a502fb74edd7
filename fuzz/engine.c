#include "fuzz/engine.h"

#include <string.h>

#include "fuzz/codec.h"
#include "fuzz/mutate.h"
#include "harness/recast.h"

static lp_dtype first_of(unsigned dtypes) {
  int d = 0;
  while (!(dtypes >> d & 1u)) d++;
  return (lp_dtype)d;
}

static bool is_wanted(const lp_fuzz_subject *subject, lp_dtype dtype) {
  return subject->dtypes == 0 || (subject->dtypes >> dtype & 1u);
}

static bool is_small(const lp_fuzz_subject *subject, const lp_case *c) {
  bool small = !c->has_grad_output || c->grad_output.numel <= subject->most_elements;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    small = small && (!c->has_input[i] || c->inputs[i].numel <= subject->most_elements);
  }
  return small || subject->most_elements == 0;
}

/* In a dtype that is wanted, under the same id. */
static lp_status suit(lp_case *c, bool *wanted, lp_arena *arena, const lp_fuzz_subject *subject, lp_error *error) {
  lp_case *from = NULL;
  *wanted = is_small(subject, c);
  if (!*wanted || is_wanted(subject, c->dtype)) return LP_OK;
  from = lp_arena_alloc(arena, 1, sizeof *from);
  if (!from) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  *from = *c;
  LP_TRY(lp_recast_case(c, wanted, arena, from, first_of(subject->dtypes), error));
  c->id = from->id;
  return LP_OK;
}

lp_status lp_engine_decode(lp_case *c, bool *wanted, lp_arena *arena, const lp_fuzz_subject *subject,
                           const uint8_t *bytes, size_t size, lp_error *error) {
  LP_TRY(lp_case_decode(c, arena, subject->loss, bytes, size, error));
  return suit(c, wanted, arena, subject, error);
}

/* Into bytes[capacity]; 0: it does not fit, or is not wanted. */
static size_t encode(uint8_t *bytes, size_t capacity, lp_arena *arena, lp_case *c, const lp_fuzz_subject *subject) {
  bool wanted;
  if (suit(c, &wanted, arena, subject, NULL) != LP_OK || !wanted) return 0;
  const size_t written = lp_case_encode(bytes, capacity, c);
  return written <= capacity ? written : 0;
}

size_t lp_engine_mutate(uint8_t *data, size_t size, size_t capacity, const lp_fuzz_subject *subject, unsigned seed) {
  lp_rng rng = lp_rng_for_case(seed, "mutate");
  lp_case c;
  size_t written = 0;
  lp_arena *arena = lp_rng_chance(&rng, 0.5) ? lp_arena_new(0) : NULL;
  if (arena && lp_case_decode(&c, arena, subject->loss, data, size, NULL) == LP_OK &&
      lp_mutate_case(&c, arena, &rng, NULL) == LP_OK) {
    uint8_t *bytes = lp_arena_alloc(arena, capacity, 1);
    if (bytes) written = encode(bytes, capacity, arena, &c, subject);
    if (written > 0) memcpy(data, bytes, written);
  }
  lp_arena_free(arena);
  return written;
}

size_t lp_engine_cross(uint8_t *out, size_t capacity, const lp_fuzz_subject *subject, const uint8_t *a, size_t n_a,
                       const uint8_t *b, size_t n_b, unsigned seed) {
  lp_rng rng = lp_rng_for_case(seed, "cross");
  lp_case first, second, child;
  size_t written = 0;
  lp_arena *arena = lp_arena_new(0);
  if (arena && lp_case_decode(&first, arena, subject->loss, a, n_a, NULL) == LP_OK &&
      lp_case_decode(&second, arena, subject->loss, b, n_b, NULL) == LP_OK &&
      lp_cross_cases(&child, arena, &first, &second, &rng, NULL) == LP_OK) {
    written = encode(out, capacity, arena, &child, subject);
  }
  lp_arena_free(arena);
  return written;
}
