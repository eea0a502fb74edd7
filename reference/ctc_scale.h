/* How far the rounded intermediates of the log-domain recursion reach: the scale of a CTC loss and of its gradient.
 * The intermediates are named, and the recursions derived, in the head of ctc.c. */
#ifndef LP_REFERENCE_CTC_SCALE_H
#define LP_REFERENCE_CTC_SCALE_H

#include "reference/ctc_lattice.h"

/* Doubles of scratch beyond the lattice's. */
size_t lp_ctc_scale_size(int64_t n_frames, int64_t n_labels, int64_t n_classes);

/* Scale of the loss of a sequence whose lattice has been run forward, to a total that is not zero. Leaves that of the
 * forward sums in scratch. */
double lp_ctc_loss_scale(const lp_ctc_lattice *lattice, double *scratch);

/* Scale of its gradient, in the layout of its log_probs.
 * upstream: what the slope exp(lp) - posterior is multiplied by. scratch: as lp_ctc_loss_scale, whose result is
 * loss_scale, has left it. */
void lp_ctc_gradient_scale(double *scale, lp_ctc_lattice *lattice, double loss_scale, double upstream, double *scratch);

#endif
