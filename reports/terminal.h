/* What a person reads at a terminal when a certification is done: its table and its summary. */
#ifndef LP_REPORTS_TERMINAL_H
#define LP_REPORTS_TERMINAL_H

#include "harness/certify.h"
#include "reports/paint.h"

/* Verdict per loss, with the worst error of value and gradient; laws, conduct, what did not run and why, where there is
 * something to say; then one summary line for grep. */
void lp_report_table(FILE *out, const lp_certification *run, const lp_suite *suite, lp_style style);

#endif
