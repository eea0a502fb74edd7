/* One sequence of a CTC batch, as the exact oracle reads it from the case: which frames, labels and numbers are its. */
#ifndef LP_EXACT_CTC_SEQUENCE_H
#define LP_EXACT_CTC_SEQUENCE_H

#include "reference/exact/exact.h"

enum { LP_EXACT_CTC_LOG_PROBS, LP_EXACT_CTC_TARGETS, LP_EXACT_CTC_INPUT_LENGTHS, LP_EXACT_CTC_TARGET_LENGTHS };
enum { LP_EXACT_CTC_BLANK, LP_EXACT_CTC_ZERO_INFINITY };

typedef struct lp_exact_ctc_sequence {
  const double *log_probs; /* class c of frame t at [t * stride + c] */
  const arb_struct *shift; /* displacements in the same places, or NULL */
  long stand_in;           /* infinities count as +-2^stand_in; 0: as infinities */
  int64_t stride, n_classes, n_frames;
  const int64_t *labels;
  int64_t n_labels, blank;
} lp_exact_ctc_sequence;

/* Sequences of the batch, and where the first element of sequence n is in log_probs. */
int64_t lp_exact_ctc_batch(const lp_plan *plan);
int64_t lp_exact_ctc_offset(const lp_plan *plan, int64_t n);

lp_exact_ctc_sequence lp_exact_ctc_read(const lp_plan *plan, const lp_exact_options *options, int64_t n);

/* A log-probability: its exact value, 0 unless LP_FINITE is returned. */
lp_class lp_exact_ctc_log_prob(arb_t x, const lp_exact_ctc_sequence *q, int64_t t, int64_t c);

/* 0 for a number, otherwise the infinity or NaN. */
double lp_exact_ctc_class(const lp_exact_ctc_sequence *q, int64_t t, int64_t c);

/* Blank, label 0, blank, label 1 ... blank. */
static inline int64_t lp_exact_ctc_states(const lp_exact_ctc_sequence *q) { return 2 * q->n_labels + 1; }

static inline int64_t lp_exact_ctc_label(const lp_exact_ctc_sequence *q, int64_t s) {
  return s % 2 == 1 ? q->labels[s / 2] : q->blank;
}

/* May an alignment go from state s-2 to state s, past the blank between them? */
static inline bool lp_exact_ctc_may_skip_to(const lp_exact_ctc_sequence *q, int64_t s) {
  return s >= 2 && s < lp_exact_ctc_states(q) && lp_exact_ctc_label(q, s) != lp_exact_ctc_label(q, s - 2);
}

/* Fewest frames of an alignment: a frame for each label, and for a blank between equal neighbours. */
int64_t lp_exact_ctc_needed(const lp_exact_ctc_sequence *q);

#endif
