/* The driver of pointwise losses: broadcasting, reduction, upstream gradient and compensated sums, around a kernel
 * that sees contiguous runs of at most LP_CHUNK elements and nothing else.
 *
 * With x_k the inputs, v(x_0, ..) the loss at one position and n the number of positions after broadcasting,
 *   none: loss_i = v_i          grad_k = sum over positions that read the element of g_i * dv_i/dx_k
 *   sum:  loss = sum v_i        grad_k = g * sum dv_i/dx_k
 *   mean: loss = (sum v_i)/n    grad_k = (g/n) * sum dv_i/dx_k
 *   batchmean: as mean with the extent of input 0's first axis (1 for a 0-d input) in n's place.
 * An empty mean is 0/0 = NaN, an empty sum 0, as PyTorch.
 * Where the loss names a weight input and the case has it, mean is W-weighted, with W the sum of the weights:
 *   mean: loss = L = (sum v_i)/W   grad_k = (g/W) * sum dv_i/dx_k, less (g/W) L for the weight itself.
 *
 * Errors: products of upstream and slope and all sums are carried as unevaluated pairs, so that an output is within
 * 1 ulp of what exact sums and products of the kernel's values would give. */
#ifndef LP_REFERENCE_POINTWISE_H
#define LP_REFERENCE_POINTWISE_H

#include "reference/long_sum.h"
#include "reference/plan.h"
#include "reference/vecmath.h"

enum { LP_CHUNK = 128 }; /* few enough that the buffers of a chunk stay in the first level cache beside its data */

/* One run of n <= LP_CHUNK positions.
 * A kernel that knows its rounding errors may hand in what is left of them: value + value_low and slope + slope_low
 * then count, where |low| <= ulp(high). The low parts come zeroed; a kernel that does not know leaves them alone. */
typedef struct lp_run {
  const lp_case *c;
  const double *params; /* c->params */
  int n;
  const double *x[LP_MAX_INPUTS];         /* x[k][i], contiguous; NULL for an input that the case leaves out */
  const int64_t *integers[LP_MAX_INPUTS]; /* the same numbers where input k has an integer dtype, otherwise NULL */
  double *value;                          /* v[i] */
  double *value_low;
  double *slope[LP_MAX_INPUTS]; /* dv[i]/dx_k; a buffer for every differentiable input of the loss,
                                   whether its gradient is wanted or not; NULL for the others */
  double *slope_low[LP_MAX_INPUTS];
  double *gate; /* of a gated loss: 1 where the upstream gradient passes, 0 where it is replaced by 0 before it meets
                   the slope (so that 0, not NaN, comes out of an infinite one) */
} lp_run;

/* One position in big arithmetic. */
typedef struct lp_big_term {
  lp_big value;
  lp_big slope[LP_MAX_INPUTS];
  bool shut;                    /* the gate is 0 */
  bool literal[LP_MAX_INPUTS];  /* the slope is no real number, or beside an infinity or NaN: its product with the
                                   upstream gradient is what `literally` says */
  bool stepwise[LP_MAX_INPUTS]; /* PyTorch multiplies the upstream gradient by the factors of this slope one by one: an
                                   infinite one never meets a slope that underflowed to 0 */
} lp_big_term;

typedef struct lp_pointwise {
  void (*terms)(const lp_run *run);       /* values and slopes, and the gate of a gated loss: a straight loop that the
                                             compiler can vectorize */
  uint64_t (*regimes)(const lp_run *run); /* regimes entered by these positions; only c, params, n, x and integers
                                             are set */
  uint64_t regime_empty;                  /* bit of the regime "empty", set when there are no positions */

  /* All below may be left out. */

  /* Position i of the run in arithmetic without overflow or underflow: takes the place of terms in a case that holds a
   * finite nonzero number outside 2^-200 .. 2^312, so that terms need not care for the range. */
  void (*big)(lp_big_term *term, const lp_run *run, int i);
  bool (*wild)(const lp_run *run); /* must these positions be done in big although all numbers are tame (the argument
                                      of an exp, an infinity)? With this hook, infinite and NaN upstream gradients go
                                      to big too, for the sake of `literally` */
  /* products[k] = the upstream gradient g (of a mean over its denominator) times the slope of input k at position i, in
   * PyTorch's own steps, which decide what becomes of infinities, NaN and zeros: inf - inf, 0 inf, 0/0. Goes with big.
   * Counts where big marks a slope as literal, and for an infinite or NaN g. */
  void (*literally)(double *products, const lp_run *run, int i, double g);
  /* Adds the value of position i of the run, whose numbers are finite, to an exact sum. With a weight: where weights
   * nearly cancel, so may the values. */
  void (*add)(lp_long_sum *sum, const lp_run *run, int i);
  int weight; /* the input whose sum mean divides by, when the case has it: needs big and add; 0: none */
  bool gated; /* terms writes run->gate */
} lp_pointwise;

/* Element i of a tensor: an integer as the nearest double and the rest. */
lp_pair lp_pointwise_element(const lp_tensor *x, int64_t i);

/* Scratch, in doubles, that the two functions below need. */
size_t lp_pointwise_scratch(const lp_plan *plan);

void lp_pointwise_run(lp_outcome *outcome, const lp_plan *plan, const lp_pointwise *loss, double *scratch);
uint64_t lp_pointwise_regimes(const lp_plan *plan, const lp_pointwise *loss, double *scratch);

#endif
