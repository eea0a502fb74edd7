/* A growing region that owns cases, outcomes and their strings, freed as a whole. */
#ifndef LP_GOLDEN_ARENA_H
#define LP_GOLDEN_ARENA_H

#include <stddef.h>

#include "reference/case.h"

typedef struct lp_arena lp_arena;

/* ceiling: bytes the arena may hand out in total; 0 for LP_ARENA_CEILING. NULL when memory is out. */
lp_arena *lp_arena_new(size_t ceiling);
void lp_arena_free(lp_arena *arena); /* NULL is fine */

/* Takes back all that was handed out, and keeps a block of it for the next requests. */
void lp_arena_reset(lp_arena *arena);

#define LP_ARENA_CEILING ((size_t)8 << 30)

/* Zeroed memory aligned for any type; NULL at the ceiling or when memory is out (callers report LP_NO_MEMORY).
 * Never NULL for lack of elements: count 0 gives a valid pointer to nothing. */
void *lp_arena_alloc(lp_arena *arena, size_t count, size_t size) LP_MUST_USE;
char *lp_arena_text(lp_arena *arena, const char *text, size_t length) LP_MUST_USE;
char *lp_arena_format(lp_arena *arena, const char *format, ...) LP_PRINTF(2, 3) LP_MUST_USE;

/* Gives the tensor zeroed data for its numel elements: f64 or i64, as its dtype says. */
lp_status lp_arena_tensor(lp_arena *arena, lp_tensor *tensor, lp_error *error) LP_MUST_USE;

/* Copies the layout of plan->outcome into *outcome and gives every output its buffer. */
lp_status lp_arena_outcome(lp_arena *arena, lp_outcome *outcome, const lp_outcome *layout, lp_error *error) LP_MUST_USE;

/* Bytes handed out so far. */
size_t lp_arena_used(const lp_arena *arena);

/* For tests only: in this thread, the next `n` requests to any arena (lp_arena_new counts as one) succeed
 * and all later ones fail as if memory were out. A negative n ends the spell. Returns how many of the last spell are
 * left. */
long lp_arena_fail_after(long n);

#endif
