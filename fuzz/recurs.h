/* Does a case show a certain finding of the probe? The predicate with which findings are minimized. */
#ifndef LP_FUZZ_RECURS_H
#define LP_FUZZ_RECURS_H

#include "fuzz/probe.h"

typedef struct lp_recurrence {
  lp_candidate *candidate; /* NULL: the reference, through all oracles */
  lp_judging how;
  char signature[LP_PROBE_SIGNATURE]; /* "": any finding; the first one found is the one looked for from then on */
  char text[LP_PROBE_TEXT];           /* of the last case that showed it, as one sentence */
  bool by_bytes;                      /* the seed of the probe: the hash of the case's bytes, or LP_DERIVED_SEED */
  lp_status status;                   /* not LP_OK: a case could not be probed, and counts as one that does not fail */
  lp_error error;
} lp_recurrence;

/* The findings of the probe on this case, all of them where the signature looked for needs it. */
lp_status lp_recurrence_probe(lp_probe_result *result, lp_arena *arena, const lp_recurrence *r, const lp_case *c,
                              lp_error *error) LP_MUST_USE;

/* Sets by_bytes, and, when it is empty, the signature, so that the case shows it: by the seed that `replay` and
 * `certify` take if they see it too, otherwise by the one that a fuzzer takes. *shows: false when neither does, and
 * then *result is what was found by the fuzzer's. */
lp_status lp_recurrence_find(lp_recurrence *r, bool *shows, lp_probe_result *result, const lp_case *c,
                             lp_error *error) LP_MUST_USE;

/* An lp_still_fails (minimize.h); context is an lp_recurrence. */
bool lp_recurs(void *recurrence, const lp_case *c);

#endif
