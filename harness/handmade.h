/* Plain cases: small numbers, whose answers a person checks with a pencil. For doctor. */
#ifndef LP_HARNESS_HANDMADE_H
#define LP_HARNESS_HANDMADE_H

#include "golden/manifest.h"
#include "golden/suite.h"

enum { LP_HANDMADE_VALUES = 3 };

typedef struct lp_handmade {
  const char *loss;
  const char *question; /* "params" and "inputs" of the case, in JSON, without the reduction */
  const char *words;    /* how the unreduced loss comes about: "|1-3|, |5-2|, |-2-2|" */
  int n;
  double values[LP_HANDMADE_VALUES]; /* the unreduced loss */
} lp_handmade;

int lp_handmade_count(void);
const lp_handmade *lp_handmade_at(int index); /* NULL outside 0..count-1 */

/* Reads it as a case of this dtype and reduction. upstream: the gradient of the reduced loss, 1 for none.
 * LP_NO_MEMORY; LP_INTERNAL: the table is wrong. */
lp_status lp_handmade_add(lp_suite *suite, const lp_handmade *made, lp_dtype dtype, lp_reduction reduction,
                          double upstream, lp_error *error) LP_MUST_USE;

/* Adds up to `most` that the manifest covers, spread over its losses and dtypes. made[most]: where each comes from. */
lp_status lp_handmade_choose(lp_suite *suite, const lp_handmade **made, int most, const lp_manifest *manifest,
                             lp_error *error) LP_MUST_USE;

#endif
