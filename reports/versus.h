/* Two runs against one another, verdict by verdict. A verdict is known again by its question, output and encore. */
#ifndef LP_REPORTS_VERSUS_H
#define LP_REPORTS_VERSUS_H

#include "reports/results.h"

typedef enum lp_versus_kind {
  LP_VERSUS_NEW = 0, /* a finding where there was none */
  LP_VERSUS_CHANGED, /* a finding of another signature */
  LP_VERSUS_STILL,   /* the same finding */
  LP_VERSUS_FIXED,   /* no finding any more */
  LP_VERSUS_GONE,    /* was a finding, and did not run */
  LP_VERSUS_KINDS
} lp_versus_kind;

const char *lp_versus_name(lp_versus_kind kind); /* "new", "changed", "still failing", "fixed", "gone" */

typedef struct lp_versus_row {
  lp_versus_kind kind;
  const lp_record *before, *after; /* one may be NULL */
} lp_versus_row;

typedef struct lp_versus {
  lp_versus_row *rows; /* by kind, then question and output; in the arena of `now` */
  int n;
  int counts[LP_VERSUS_KINDS];
} lp_versus;

/* LP_NO_MEMORY. */
lp_status lp_versus_compare(lp_versus *versus, const lp_results *base, const lp_results *now,
                            lp_error *error) LP_MUST_USE;

#endif
