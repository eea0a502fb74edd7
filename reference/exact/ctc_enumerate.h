/* CTC by brute force: every path through the classes written out, one after another, to be compared with the labels.
 * A third opinion, which shares neither recursion nor band with ctc_paths.h, for short sequences.
 *
 * What is enumerated: all C^T ways to have a class in each frame. A path counts when it gives the labels: equal
 * neighbours become one, then blanks are dropped. Its weight is the product of exp(log_probs) along it.
 *
 * A label that equals the blank cannot be got in this way: PyTorch's definition counts alignments of states (blank,
 * label 0, blank, label 1 ...), and then several of them are one path of classes. There the state alignments are
 * enumerated instead, all (2S+1)^T of them, and those kept that begin in one of the first two states, end in one of the
 * last two, and move by 0, 1 or, to a label unlike the one before, 2. */
#ifndef LP_EXACT_CTC_ENUMERATE_H
#define LP_EXACT_CTC_ENUMERATE_H

#include "reference/exact/exact.h"

enum { LP_EXACT_CTC_MOST_PATHS = 1000000, LP_EXACT_CTC_MOST_FRAMES = 20 };

typedef struct lp_ctc_enumeration {
  int64_t n_frames, n_classes; /* of the sequence: frames up to its input length */
  int64_t paths;               /* looked at */
  int64_t alignments;          /* counted, those of weight 0 too */
  arb_struct total;            /* Z, the sum of their weights: the loss is -log Z */
  arb_struct *shares;          /* of those in class c in frame t, at [t * n_classes + c]: the posterior is share / Z */
} lp_ctc_enumeration;

/* How many paths sequence n of the batch has; LP_EXACT_CTC_MOST_PATHS + 1 when there are more, more than
 * LP_EXACT_CTC_MOST_FRAMES frames, or a NaN or +inf among its log-probabilities. */
int64_t lp_ctc_enumeration_size(const lp_plan *plan, int64_t n);

/* Sequence n of a plan of ctc, of an enumeration size up to LP_EXACT_CTC_MOST_PATHS. shift: as in lp_exact_options.
 * *e must be cleared after LP_OK only. */
lp_status lp_ctc_enumerate(lp_ctc_enumeration *e, const lp_plan *plan, int64_t n, const lp_shift *shift,
                           slong precision, lp_error *error) LP_MUST_USE;
void lp_ctc_enumeration_clear(lp_ctc_enumeration *e);

#endif
