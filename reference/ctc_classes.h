/* What PyTorch does with infinities and NaN in log_probs, followed through its recursion by class alone.
 *
 * PyTorch works with logarithms over all states, reachable or not: -inf plus a NaN or +inf in an unreachable state is
 * NaN, a maximum of +inf makes the log-sum-exp NaN, and the gradient exp(lp) - exp(collected + loss - lp) is NaN where
 * lp = -inf (from -inf + loss + inf) and where the loss is infinite. Classes do not depend on finite values, so the
 * recursion is repeated with 0 for every finite number. */
#ifndef LP_REFERENCE_CTC_CLASSES_H
#define LP_REFERENCE_CTC_CLASSES_H

#include "reference/ctc_lattice.h"

/* Doubles of scratch. */
size_t lp_ctc_classes_size(int64_t n_frames, int64_t n_labels, int64_t n_classes);

/* The class of the loss of a sequence that has frames or labels: 0 (finite), +inf, -inf or NaN. Leaves its forward
 * classes in scratch. */
double lp_ctc_loss_class(const lp_ctc_sequence *q, double *scratch);

/* Overwrites the elements of the gradient that PyTorch makes infinite or NaN; class c of frame t is at
 * grad[t * q->stride + c]. scratch: as lp_ctc_loss_class, whose result is loss_class, has left it. */
void lp_ctc_mark_classes(double *grad, const lp_ctc_sequence *q, double loss_class, double upstream, double *scratch);

#endif
