/* How accurate the witnesses are: the table of selfcheck, and of PyTorch's own errors. */
#ifndef LP_REPORTS_ACCURACY_H
#define LP_REPORTS_ACCURACY_H

#include <stdio.h>

#include "harness/selfcheck.h"

void lp_report_selfcheck_head(FILE *out, const lp_selfcheck_options *options);
/* One loss: a line, and what is the matter when something is. */
void lp_report_selfcheck_row(FILE *out, const lp_selfcheck_row *row);

/* Markdown: per loss and kind of output the worst error of the stored outcomes, and the inputs that give it. False
 * when something is outside its budget without an erratum. */
bool lp_report_fixture_errors(FILE *out, const lp_fixture_row *rows, int n, const lp_suite_origin *origin);

#endif
