/* What a hunt found: findings made small and written as files, the worst cases, and a summary. */
#ifndef LP_TOOLS_FUZZ_REPORT_H
#define LP_TOOLS_FUZZ_REPORT_H

#include <stdio.h>

#include "fuzz/hunters.h"

typedef struct lp_fuzz_report {
  const lp_hunt_order *order;
  const lp_hunt_result *result;
  lp_candidate *candidate; /* NULL: the reference */
  lp_judging how;
  const char *folder;        /* where files go; it is there */
  FILE *json;                /* a line for the loss; NULL: none */
  bool (*interrupted)(void); /* true: no more minimizing */
} lp_fuzz_report;

/* Minimizes every finding, writes FOLDER/SIGNATURE.json, .h5 and .py, and the case of the worst error of every output
 * as FOLDER/worst/LOSS-OUTPUT.json; prints the summary to stdout. LP_IO, LP_NO_MEMORY. */
lp_status lp_fuzz_tell(const lp_fuzz_report *report, lp_error *error) LP_MUST_USE;

#endif
