/* Memory between two fences: buffers that a plugin is given, each in pages of its own, with pages before and after it
 * that nobody may touch. Whoever does is caught in the act, by a signal handler that says where.
 *
 * A buffer stands flush against its upper fence or its lower one; the bytes on the other side of it (as far as a page
 * reaches) hold a pattern, in which a stray write shows. Pages are kept from call to call. */
#ifndef LP_HARNESS_DOORS_GUARDED_H
#define LP_HARNESS_DOORS_GUARDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reference/case.h"

typedef struct lp_guarded {
  char name[LP_NAME_MAX]; /* "grad/input" */
  size_t element;         /* bytes */
  unsigned char *data;
  size_t size;
  unsigned char *low, *high; /* the pages between the fences */
} lp_guarded;

typedef enum lp_flush { LP_FLUSH_HIGH, LP_FLUSH_LOW } lp_flush;

/* Gives it `size` bytes of elements, contents arbitrary, everything beside them patterned. False when memory is out. */
bool lp_guarded_place(lp_guarded *g, const char *name, size_t element, size_t size, lp_flush flush);

/* True when the pattern beside the data is whole; otherwise *offset is where it is not, in bytes from the data. */
bool lp_guarded_is_clean(const lp_guarded *g, ptrdiff_t *offset);

void lp_guarded_free(lp_guarded *g);

/* From now on, whoever touches a fence of slots[0..n), in any thread, ends this process: report gets one sentence
 * ("wrote past the end of grad/input, to element 4 of 4"), inside a signal handler, and does not return. Any other
 * invalid access ends it as usual. */
bool lp_guarded_watch(const lp_guarded *slots, int n, void (*report)(const char *text));

#endif
