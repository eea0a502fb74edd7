/* l1, from its definition: with d = input - target and w the weight, 1 when there is none,
 *   |d| w; mean divides by the number of positions, and by the sum of the weights where they are given.
 * Rounded intermediates: d; |d| w; in a weighted mean the sum of the weights.
 * Switches: d, slope 0 at 0 (PyTorch's sign(0)); so it is at a NaN residual (sign(NaN) = 0), where the value is NaN.
 * Degenerate: infinities and NaN follow the formula. A weighted mean of weights that sum to 0 is a division by 0. The
 * weight has the shape of the input and broadcasts with it: its sum takes each weight once, however often it is read.
 * Where input and target are integers the loss is one too (residual.h), and only a weight has a gradient. */
#include "reference/exact/residual.h"

extern const lp_exact_loss lp_exact_l1;

enum { POSITIVE, NEGATIVE, TIE, NON_FINITE, WEIGHTED, WEIGHTS_CANCEL, EMPTY, N_REGIMES };

static const char *const regimes[N_REGIMES] = {"positive", "negative",       "tie",  "non-finite",
                                               "weighted", "weights-cancel", "empty"};

static void enter_regimes(lp_tape *t, const lp_plan *plan, int64_t index, lp_x d) {
  const lp_side side = lp_x_sign(t, d);
  const int regime = side == LP_ABOVE ? POSITIVE : side == LP_BELOW ? NEGATIVE : TIE;
  lp_x_enter(t, lp_exact_reads_finite(t, plan, index) ? regime : NON_FINITE);
  if (plan->c->has_input[LP_EXACT_WEIGHT]) lp_x_enter(t, WEIGHTED);
}

static lp_x term(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x d = lp_exact_residual(t, plan, index);
  enter_regimes(t, plan, index, d);
  if (lp_exact_is_integer(plan)) return lp_exact_integer_term(t, plan, index, 1);
  return lp_exact_weigh(t, plan, index, lp_x_abs(t, d));
}

static uint64_t regimes_of(const lp_plan *plan) {
  const uint64_t cancel = lp_exact_weights_cancel(plan) ? UINT64_C(1) << WEIGHTS_CANCEL : 0;
  return cancel | (plan->term.numel == 0 ? UINT64_C(1) << EMPTY : 0);
}

const lp_exact_loss lp_exact_l1 = {
    .name = "l1",
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .term = term,
    .weight = LP_EXACT_WEIGHT,
    .regimes_of = regimes_of,
};
