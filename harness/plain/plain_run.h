/* What the plain losses have in common: terms, their reduction, and gradients that several terms contribute to. */
#ifndef LP_HARNESS_PLAIN_RUN_H
#define LP_HARNESS_PLAIN_RUN_H

#include "harness/plain/plain.h"

/* A contribution to an element of a gradient. */
typedef struct plain_share {
  int64_t element;
  double value;
} plain_share;

typedef struct plain_shares {
  plain_share *list;
  int64_t count, capacity;
} plain_shares;

typedef struct plain_run {
  const lp_plan *plan;
  lp_arena *arena;
  plain_arith arith;
  double params[LP_MAX_PARAMS]; /* rounded */
  double *values;               /* of the unreduced loss */
  double denominator;           /* of the mean */
  plain_shares shares[LP_MAX_INPUTS];
  bool failed; /* out of memory */
} plain_run;

/* The name of a loss and what computes its terms and shares. */
typedef struct plain_loss {
  const char *name;
  void (*answer)(plain_run *run);
} plain_loss;

/* Room for n numbers; NULL, with run->failed, when memory is out. */
double *plain_room(plain_run *run, int64_t n);

/* Element `index` of an input, rounded. */
double plain_element(plain_run *run, int input, int64_t index);

/* Where the part of an input that belongs to term `index` begins. */
int64_t plain_position(const lp_plan *plan, int input, int64_t index);

/* The upstream gradient of a term: divided by the denominator in a mean. */
double plain_gain(plain_run *run, int64_t term);

/* Adds to an element of the gradient of an input. */
void plain_contribute(plain_run *run, int input, int64_t element, double value);

/* --- losses of one position --- */

typedef struct plain_jet {
  double value, slope[LP_MAX_INPUTS];
} plain_jet;

/* x: the inputs at this position, 1 for one that the case leaves out. */
typedef plain_jet (*plain_term)(plain_arith *a, const double *params, const double *x);

/* Answers a loss of one position. weight: the input whose sum a mean divides by, or -1. */
void plain_pointwise(plain_run *run, plain_term term, int weight);

/* --- the losses --- */

void plain_l1(plain_run *run);
void plain_mse(plain_run *run);
void plain_smooth_l1(plain_run *run);
void plain_poisson_nll(plain_run *run);
void plain_kl_div(plain_run *run);
void plain_margin_ranking(plain_run *run);
void plain_hinge_embedding(plain_run *run);
void plain_soft_margin(plain_run *run);
void plain_multi_margin(plain_run *run);
void plain_multilabel_margin(plain_run *run);
void plain_triplet_margin(plain_run *run);
void plain_cosine_embedding(plain_run *run);
void plain_ctc(plain_run *run);

#endif
