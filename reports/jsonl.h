/* Results as JSON Lines: a run record, one result per case and output, a summary. reports/README.md documents the keys.
 * Numbers that must not lose a bit are C99 hex-float strings; non-finite ones "NaN", "Infinity", "-Infinity". */
#ifndef LP_REPORTS_JSONL_H
#define LP_REPORTS_JSONL_H

#include "harness/certify.h"

/* Writes to `path` ("-": standard output). LP_IO when it cannot be written completely. */
lp_status lp_report_jsonl(const char *path, const lp_certification *run, const lp_suite *suite,
                          lp_error *error) LP_MUST_USE;

#endif
