/* A list of cases, with the outcomes that some implementation gave them: what every reader returns and every writer
 * takes. Questions have no outcomes; answers have outcomes and ids; fixtures have both. */
#ifndef LP_GOLDEN_SUITE_H
#define LP_GOLDEN_SUITE_H

#include "golden/arena.h"

enum {
  LP_MAX_CASES = 100000, /* per file */
  LP_MAX_ID_BYTES = 200  /* of an id, which is one line without control characters */
};
#define LP_MAX_FILE_BYTES ((size_t)1 << 29) /* 512 MiB */

typedef struct lp_suite_entry {
  lp_case c; /* of a file of answers: only id and loss are set */
  bool has_outcome;
  lp_outcome outcome;
  lp_status status;    /* LP_OK, or LP_INVALID: the text at this position is not a case, `message` says why */
  const char *message; /* never NULL */
} lp_suite_entry;

/* Who made the outcomes, and how: the root attributes of a file. Strings are never NULL. */
typedef struct lp_suite_origin {
  const char *producer;         /* "pytorch", or a candidate's name */
  const char *producer_version; /* "2.13.0" */
  const char *exporter_version;
  const char *note; /* free text: processor, spread over instruction sets ... */
  uint64_t seed;
} lp_suite_origin;

typedef struct lp_suite {
  lp_arena *arena; /* owns everything below */
  lp_suite_entry *entries;
  int count, capacity;
  lp_suite_origin origin;
} lp_suite;

/* An empty suite with an arena of its own. LP_NO_MEMORY. */
lp_status lp_suite_init(lp_suite *suite, lp_error *error) LP_MUST_USE;
void lp_suite_clear(lp_suite *suite);

/* Appends a zeroed entry (case not initialized) and returns it; NULL past LP_MAX_CASES or when memory is out. The
 * pointer is valid until the next append. */
lp_suite_entry *lp_suite_add(lp_suite *suite) LP_MUST_USE;

/* Reads cases from any file the project knows: HDF5 by its signature, JSON or JSON Lines otherwise.
 * An entry of a JSON file that is not a case is an error here (eval alone answers it in place). */
lp_status lp_suite_read(lp_suite *suite, const char *path, lp_error *error) LP_MUST_USE;

#endif
