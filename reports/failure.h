/* The screen of a failure. */
#ifndef LP_REPORTS_FAILURE_H
#define LP_REPORTS_FAILURE_H

#include "harness/certify.h"
#include "reports/paint.h"

/* One failing or inconclusive verdict on one screen: outputs, budget, witnesses, who stands alone, why, replay. */
lp_status lp_report_failure(FILE *out, const lp_certification *run, const lp_result *result, int verdict,
                            lp_style style, lp_error *error) LP_MUST_USE;

/* The command that asks the case of this result again, without a newline. */
void lp_report_replay(FILE *out, const lp_certification *run, const lp_result *result);

#endif
