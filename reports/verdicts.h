/* The verdicts alone: what is the same whichever door a candidate stands behind.
 *
 * JSON Lines, sorted by case, output and the rest of the line; no header, no time, nothing that the candidate said:
 *   {"case": ..., "output": ..., "verdict": ..., "error": ..., "ratio": ..., "regime": [...], "rule": [...]}
 * error and ratio are C99 hex-float strings, null where no number was compared. What only a process can be caught at
 * (its conduct, encores) stands in a file of its own. */
#ifndef LP_REPORTS_VERDICTS_H
#define LP_REPORTS_VERDICTS_H

#include "harness/certify.h"

/* Writes to `path` ("-": standard output). LP_IO. */
lp_status lp_report_verdicts(const char *path, const lp_certification *run, lp_error *error) LP_MUST_USE;

/* Likewise the findings of hygiene, with "conduct", "question" and "reason" in place of the numbers. */
lp_status lp_report_hygiene(const char *path, const lp_certification *run, lp_error *error) LP_MUST_USE;

#endif
