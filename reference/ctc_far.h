/* The alignments of one CTC sequence whose log-probabilities may have any size, for those that ctc_lattice.h cannot
 * hold: sums along paths of 10^18 and more, in which doubles lose the difference between one path and another.
 *
 * The sum over the beginnings of paths up to a state is count * exp(log): log is the largest sum of log-probabilities
 * among them, without rounding (long_sum.h), and count what all of them weigh relative to that one. Two such sums are
 * compared by the exponential of an exact difference, and no log-probability is exponentiated itself.
 *
 * Backwards go only shares: of the paths that are in a state of one frame, a share has come there from each of at most
 * three states of the frame before. Shares are at most 1, so that one below exp(-2^48) never has a part in
 * anything.
 *
 * Error, in units of u: 4.1 for a sum of one frame (an exponential, a product, two additions), 3.1 for a share of it
 * and 3 for going back over it. A product of shares is a quotient of sums as they were computed, so that their own
 * errors do not add up once more: a share of all paths is off by at most 7 T u of itself. Slower than the lattice by a
 * factor of some hundreds. */
#ifndef LP_REFERENCE_CTC_FAR_H
#define LP_REFERENCE_CTC_FAR_H

#include "reference/ctc_lattice.h"
#include "reference/long_sum.h"

/* count * exp(log); count is zero for no path. */
typedef struct lp_ctc_far_sum {
  lp_long_sum log;
  lp_wide count;
} lp_ctc_far_sum;

typedef struct lp_ctc_far {
  const lp_ctc_sequence *q;
  lp_ctc_far_sum *before, *now; /* of each state, in two frames */
  lp_ctc_far_sum *total;        /* over all paths */
  lp_wide *origin; /* state s of frame t, from state s-k: the share of its paths at [(t * states + s) * 3 + k] */
  lp_wide *share;  /* of state s: the share of all paths that are there in the frame last gone back to */
} lp_ctc_far;

/* Log-probabilities from this size on need it, in a sequence of so many frames. */
double lp_ctc_far_from(int64_t n_frames);

/* Doubles of scratch. */
size_t lp_ctc_far_size(int64_t n_frames, int64_t n_labels);

/* Sets the total, in scratch. NaN and +inf count as -inf does. */
void lp_ctc_far_forward(lp_ctc_far *far, const lp_ctc_sequence *q, double *scratch);

/* log of the total, when there is a path. */
lp_big lp_ctc_far_log_total(const lp_ctc_far *far);

/* For frames t = n_frames-1, ... 0 in turn, when there is a path: sets the shares. */
void lp_ctc_far_step_back(lp_ctc_far *far, int64_t t);

#endif
