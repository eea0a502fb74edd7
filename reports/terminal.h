/* What a person reads at a terminal: the table of a certification and the screen of a failure. */
#ifndef LP_REPORTS_TERMINAL_H
#define LP_REPORTS_TERMINAL_H

#include <stdio.h>

#include "harness/certify.h"

typedef struct lp_style {
  bool color; /* ANSI colours: only on a terminal, and not under NO_COLOR */
} lp_style;

/* The style that suits this stream. */
lp_style lp_style_for(FILE *stream);

/* Verdict per loss, with the worst error of value and gradient, then one summary line for grep. */
void lp_report_table(FILE *out, const lp_certification *run, const lp_suite *suite, lp_style style);

/* One failing or inconclusive verdict on one screen: outputs, budget, witnesses, who stands alone, why, replay. */
lp_status lp_report_failure(FILE *out, const lp_certification *run, const lp_result *result, int verdict,
                            lp_style style, lp_error *error) LP_MUST_USE;

#endif
