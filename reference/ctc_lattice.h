/* The alignments of one CTC sequence, as sums over paths in numbers that neither overflow nor underflow (wide.h).
 *
 * A sequence of S labels has 2S+1 states: blank, label 0, blank, label 1 ... blank. A path holds one state per frame,
 * begins in state 0 or 1, ends in state 2S or 2S-1, and goes in each frame from s to s, s+1, or, between two labels
 * that differ, s+2. Its weight is the product over frames of exp(log_probs[class of its state]).
 *
 * Frame t is computed relative to exp(shift[t]), the largest weight that a path can meet there, so that a path which
 * dominates keeps the weight 1 exactly; shifts are added up in twice the precision. Only states inside the band
 * first..last are visited: those that some alignment passes, given the lengths and the repeated labels.
 *
 * For log-probabilities below lp_ctc_far_from (ctc_far.h); beyond it sums lose bits of their exponents. */
#ifndef LP_REFERENCE_CTC_LATTICE_H
#define LP_REFERENCE_CTC_LATTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reference/wide.h"

typedef struct lp_ctc_sequence {
  const double *log_probs; /* class c of frame t at log_probs[t * stride + c] */
  int64_t stride;
  int64_t n_classes;
  int64_t n_frames; /* the sequence's input length */
  const int64_t *labels;
  int64_t n_labels; /* the sequence's target length */
  int64_t blank;
} lp_ctc_sequence;

typedef struct lp_ctc_lattice {
  const lp_ctc_sequence *q;
  int64_t row;   /* distance between frames in `forward` */
  double *first; /* of each frame: the band of states */
  double *last;
  double *shift;     /* of each frame */
  lp_wide *emission; /* of each frame: the weight of every label, then of the blank */
  lp_wide *forward;  /* state s of frame t at [t * row + s]: sum over beginnings of paths up to and with the state */
  lp_wide *onward;   /* of state s, frame t: sum over the rest of paths after it; set by lp_ctc_step_back */
  lp_wide *entered;  /* the same with the weight of the state itself, in frame t+1 */
  lp_wide total;     /* sum over all paths */
} lp_ctc_lattice;

static inline int64_t lp_ctc_states(const lp_ctc_sequence *q) { return 2 * q->n_labels + 1; }

static inline int64_t lp_ctc_class(const lp_ctc_sequence *q, int64_t s) { return s % 2 ? q->labels[s / 2] : q->blank; }

/* May a path enter state s from state s-2? */
static inline bool lp_ctc_skips(const lp_ctc_sequence *q, int64_t s) {
  return s % 2 && s >= 3 && s < lp_ctc_states(q) && q->labels[s / 2] != q->labels[s / 2 - 1];
}

/* Fewest frames that an alignment takes: the labels, and a blank between equal neighbours. */
int64_t lp_ctc_frames_needed(const lp_ctc_sequence *q);

/* Doubles of scratch for a lattice of this size. */
size_t lp_ctc_lattice_size(int64_t n_frames, int64_t n_labels);

/* Builds the lattice in scratch and runs forward: sets everything but `onward` and `entered`. Without any path (too few
 * frames, or weights 0) total is zero; a NaN or +inf in the band makes it meaningless. */
void lp_ctc_forward(lp_ctc_lattice *lattice, const lp_ctc_sequence *q, double *scratch);

/* Weight of state s in frame t, for s in the band. */
static inline lp_wide lp_ctc_emission(const lp_ctc_lattice *lattice, int64_t t, int64_t s) {
  const int64_t n_labels = lattice->q->n_labels;
  return lattice->emission[t * (n_labels + 1) + (s % 2 ? s / 2 : n_labels)];
}

/* log of the sum over all paths, when there is one. */
double lp_ctc_log_total(const lp_ctc_lattice *lattice);

/* For frames t = n_frames-1, ... 0 in turn, when total is not zero: sets onward[s] for s in the band of frame t, and
 * entered[s] for frame t+1. The share of the paths that pass s is forward[t][s] onward[s] / their sum over s. */
void lp_ctc_step_back(lp_ctc_lattice *lattice, int64_t t);

#endif
