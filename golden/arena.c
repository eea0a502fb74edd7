/* Blocks in a list. Small requests share a block, large ones get a block of their own behind it; blocks grow with the
 * arena, so that a small one is cheap.
 *
 * Under AddressSanitizer every request is a block of its own, so that a step past its end is seen. */
#include "golden/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define LP_MOST_BLOCK_BYTES ((size_t)0)
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LP_MOST_BLOCK_BYTES ((size_t)0)
#endif
#endif
#ifndef LP_MOST_BLOCK_BYTES
#define LP_MOST_BLOCK_BYTES ((size_t)1 << 20)
#endif
#define LP_LEAST_BLOCK_BYTES ((size_t)1 << 12)

typedef struct block {
  struct block *next;
  size_t size, used;  /* bytes of data */
  max_align_t data[]; /* zero from `used` on */
} block;

struct lp_arena {
  block *blocks; /* the first is the one that small requests share */
  size_t ceiling, used;
};

static _Thread_local long requests_left = -1; /* negative: no limit */

long lp_arena_fail_after(long n) {
  const long left = requests_left;
  requests_left = n < 0 ? -1 : n;
  return left;
}

static bool request_granted(void) {
  if (requests_left == 0) return false;
  if (requests_left > 0) requests_left--;
  return true;
}

lp_arena *lp_arena_new(size_t ceiling) {
  lp_arena *arena = request_granted() ? calloc(1, sizeof *arena) : NULL;
  if (arena) arena->ceiling = ceiling ? ceiling : LP_ARENA_CEILING;
  return arena;
}

static void free_blocks(block *b) {
  while (b) {
    block *next = b->next;
    free(b);
    b = next;
  }
}

void lp_arena_free(lp_arena *arena) {
  free_blocks(arena ? arena->blocks : NULL);
  free(arena);
}

/* The first block is the newest of the shared ones and as large as all before it, so that an arena of a steady use soon
 * takes no memory any more. */
void lp_arena_reset(lp_arena *arena) {
  block *kept = LP_MOST_BLOCK_BYTES > 0 ? arena->blocks : NULL;
  free_blocks(kept ? kept->next : arena->blocks);
  if (kept) {
    memset(kept->data, 0, kept->used);
    kept->next = NULL;
    kept->used = 0;
  }
  arena->blocks = kept;
  arena->used = 0;
}

/* Bytes taken by a request, a positive multiple of the strictest alignment; 0 when they cannot be counted. */
static size_t request_bytes(size_t count, size_t size) {
  const size_t unit = _Alignof(max_align_t);
  if (size != 0 && count > (SIZE_MAX - sizeof(block) - unit) / size) return 0;
  const size_t bytes = count * size;
  return bytes == 0 ? unit : (bytes + unit - 1) / unit * unit;
}

/* As much again as the arena holds, within bounds. */
static size_t shared_block_bytes(const lp_arena *arena) {
  const size_t least = LP_LEAST_BLOCK_BYTES, most = LP_MOST_BLOCK_BYTES;
  const size_t wanted = arena->used > least ? arena->used : least;
  return wanted > most ? most : wanted;
}

static block *add_block(lp_arena *arena, size_t bytes) {
  const size_t shared_bytes = shared_block_bytes(arena);
  const bool shared = bytes < shared_bytes / 4;
  const size_t size = shared ? shared_bytes : bytes;
  block *b = calloc(1, sizeof *b + size);
  if (!b) return NULL;
  b->size = size;
  block **place = shared || !arena->blocks ? &arena->blocks : &arena->blocks->next;
  b->next = *place;
  *place = b;
  return b;
}

void *lp_arena_alloc(lp_arena *arena, size_t count, size_t size) {
  const size_t bytes = request_bytes(count, size);
  if (bytes == 0 || bytes > arena->ceiling - arena->used || !request_granted()) return NULL;
  block *b = arena->blocks;
  if (!b || b->size - b->used < bytes) b = add_block(arena, bytes);
  if (!b) return NULL;
  void *memory = (unsigned char *)b->data + b->used;
  b->used += bytes;
  arena->used += bytes;
  return memory;
}

char *lp_arena_text(lp_arena *arena, const char *text, size_t length) {
  char *copy = length < SIZE_MAX ? lp_arena_alloc(arena, length + 1, 1) : NULL;
  if (copy && length > 0) memcpy(copy, text, length);
  return copy;
}

char *lp_arena_format(lp_arena *arena, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  const int length = vsnprintf(NULL, 0, format, arguments);
  char *text = length >= 0 ? lp_arena_alloc(arena, (size_t)length + 1, 1) : NULL;
  if (text) vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  va_end(arguments);
  return text;
}

lp_status lp_arena_tensor(lp_arena *arena, lp_tensor *tensor, lp_error *error) {
  const size_t numel = (size_t)tensor->numel;
  if (lp_dtype_is_floating(tensor->dtype)) {
    tensor->f64 = lp_arena_alloc(arena, numel, sizeof *tensor->f64);
  } else {
    tensor->i64 = lp_arena_alloc(arena, numel, sizeof *tensor->i64);
  }
  if (tensor->f64 || tensor->i64) return LP_OK;
  return lp_fail(error, LP_NO_MEMORY, "no memory for a tensor of %lld elements (%zu bytes are in use)",
                 (long long)tensor->numel, arena->used);
}

lp_status lp_arena_outcome(lp_arena *arena, lp_outcome *outcome, const lp_outcome *layout, lp_error *error) {
  *outcome = *layout;
  for (int i = 0; i < outcome->n_outputs; i++) LP_TRY(lp_arena_tensor(arena, &outcome->outputs[i].tensor, error));
  return LP_OK;
}

size_t lp_arena_used(const lp_arena *arena) { return arena->used; }
