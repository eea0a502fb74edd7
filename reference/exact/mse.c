/* mse, from its definition: with d = input - target and w the weight, 1 when there is none,
 *   d^2 w; mean divides by the number of positions, and by the sum of the weights where they are given.
 * Rounded intermediates: d, d^2; d^2 w; in a weighted mean the sum of the weights. In the gradients g w, where there
 * are weights, and its product with 2 d (a power of 2 times d: not rounded).
 * Switches: none.
 * Degenerate: infinities and NaN follow the formula. A weighted mean of weights that sum to 0 is a division by 0. The
 * weight has the shape of the input and broadcasts with it: its sum takes each weight once, however often it is read.
 * Where input and target are integers, which needs weights, d^2 is one too (residual.h), and only a floating weight has
 * a gradient. */
#include "reference/exact/residual.h"

extern const lp_exact_loss lp_exact_mse;

enum { NONZERO, TIE, NON_FINITE, WEIGHTED, WEIGHTS_CANCEL, EMPTY, N_REGIMES };

static const char *const regimes[N_REGIMES] = {"nonzero", "tie", "non-finite", "weighted", "weights-cancel", "empty"};

static void enter_regimes(lp_tape *t, const lp_plan *plan, int64_t index, lp_x d) {
  const bool finite = lp_exact_reads_finite(t, plan, index);
  const bool tie = finite && lp_x_sign(t, d) == LP_AT;
  lp_x_enter(t, !finite ? NON_FINITE : tie ? TIE : NONZERO);
  if (!tie && lp_x_is_near(t, d)) lp_x_doubt_regimes(t); /* of an integer that the dtype lacks */
  if (plan->c->has_input[LP_EXACT_WEIGHT]) lp_x_enter(t, WEIGHTED);
}

static lp_x term(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x d = lp_exact_residual(t, plan, index);
  enter_regimes(t, plan, index, d);
  if (lp_exact_is_integer(plan)) return lp_exact_integer_term(t, plan, index, 2);
  return lp_exact_weigh(t, plan, index, lp_x_square(t, d));
}

static uint64_t regimes_of(const lp_plan *plan) {
  const uint64_t cancel = lp_exact_weights_cancel(plan) ? UINT64_C(1) << WEIGHTS_CANCEL : 0;
  return cancel | (plan->term.numel == 0 ? UINT64_C(1) << EMPTY : 0);
}

const lp_exact_loss lp_exact_mse = {
    .name = "mse",
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .term = term,
    .weight = LP_EXACT_WEIGHT,
    .regimes_of = regimes_of,
};
