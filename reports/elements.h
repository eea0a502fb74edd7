/* Every output of one answer, element by element. */
#ifndef LP_REPORTS_ELEMENTS_H
#define LP_REPORTS_ELEMENTS_H

#include "harness/certify.h"
#include "reports/paint.h"

/* Got, exact, budget, ratio and verdict of every element, of the worst ones of a large tensor. LP_NO_MEMORY. */
lp_status lp_report_elements(FILE *out, const lp_case *c, const lp_outcome *got, const lp_judging *how, lp_style style,
                             lp_error *error) LP_MUST_USE;

/* A tensor on one line, as far as it fits into 100 columns. */
void lp_report_tensor(FILE *out, const char *name, const lp_tensor *t, lp_style style);

#endif
