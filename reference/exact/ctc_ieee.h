/* What becomes of infinities and NaN in a CTC loss: PyTorch 2.13's recursion in logarithms, followed by class.
 *
 * PyTorch goes through all states, also those that no alignment passes; there -inf plus NaN or +inf is NaN and spreads.
 * With every finite log-probability replaced by 0 its sums stay small, so that doubles follow the classes and nothing
 * overflows: what a finite number becomes is not decided here. */
#ifndef LP_EXACT_CTC_IEEE_H
#define LP_EXACT_CTC_IEEE_H

#include "reference/exact/ctc_sequence.h"

/* Sets *loss, and the posterior of class c in frame t at [t * n_classes + c] (posterior NULL: the loss alone), to
 * numbers of the right class. The sequence has a frame. */
lp_status lp_exact_ctc_classify(double *loss, double *posterior, const lp_exact_ctc_sequence *q,
                                lp_error *error) LP_MUST_USE;

#endif
