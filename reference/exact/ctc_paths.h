/* The alignments of one CTC sequence, summed over in ball arithmetic straight from the definition, with the reaches of
 * the logarithms of the sums (derived in ctc.c). No logarithms are needed for the sums: exponents have no limit.
 *
 * Use:  lp_exact_ctc_paths p;
 *       if (lp_exact_ctc_paths_init(&p, &q, dtype, precision, gradient, &error) == LP_OK) {
 *         lp_exact_ctc_forward(&p);                                        sets p.total
 *         for t = n_frames-1, ... 0 in turn: lp_exact_ctc_back(&p, t);     sets p.shares of frame t; total is not 0
 *         lp_exact_ctc_paths_clear(&p); } */
#ifndef LP_EXACT_CTC_PATHS_H
#define LP_EXACT_CTC_PATHS_H

#include "reference/exact/ctc_reach.h"
#include "reference/exact/ctc_sequence.h"

/* A sum over parts of paths. reach: of its logarithm, as the recursion in logarithms rounds it; in units. */
typedef struct lp_exact_ctc_cell {
  arb_struct sum;
  double reach;
} lp_exact_ctc_cell;

/* The states of a frame that some alignment passes: it can be there by then, and still end in time. */
typedef struct lp_exact_ctc_band {
  int64_t first, last;
  lp_exact_ctc_cell *cells; /* of states first..last */
} lp_exact_ctc_band;

typedef struct lp_exact_ctc_paths {
  const lp_exact_ctc_sequence *q;
  slong precision;
  lp_ctc_unit unit;
  bool feasible;            /* there are alignments, by the lengths and repeats */
  bool accurate;            /* weights are known to 2^-40 of themselves: otherwise reaches mean nothing */
  arb_struct *weights;      /* exp(log_prob) at [t * n_classes + c]; 0 for -inf, NaN, +inf */
  double *logs;             /* log_prob, likewise, in units */
  lp_exact_ctc_band *bands; /* of each frame: sums over the beginnings of paths, up to and with the state */
  int64_t n_cells;
  lp_exact_ctc_cell *cells;
  arb_struct total;           /* sum over all paths */
  double total_reach;         /* of its logarithm */
  lp_exact_ctc_cell *entered; /* sums over the ends of paths, from and with the state, of the last frame done */
  lp_exact_ctc_cell *shares;  /* of each class, in that frame: the paths that pass it there, before division by
                                 total; reach as PyTorch adds up states of a class */
  bool *used;                 /* of each class: is it in a state? */
  lp_ctc_merge merge;         /* for use in between */
  mag_struct size;
  arb_struct product;
} lp_exact_ctc_paths;

/* gradient: weights of classes in no state are wanted too. dtype: of the arithmetic that reaches are about. */
lp_status lp_exact_ctc_paths_init(lp_exact_ctc_paths *p, const lp_exact_ctc_sequence *q, lp_dtype dtype,
                                  slong precision, bool gradient, lp_error *error) LP_MUST_USE;
void lp_exact_ctc_paths_clear(lp_exact_ctc_paths *p);

void lp_exact_ctc_forward(lp_exact_ctc_paths *p);
void lp_exact_ctc_back(lp_exact_ctc_paths *p, int64_t t);

#endif
