/* smooth_l1, from its definition: with d = input - target,
 *   d^2 / (2 beta) where |d| < beta, |d| - beta/2 elsewhere; |d| where beta = 0.
 * Rounded intermediates: d, d^2, 2 beta (a power of 2 times beta: not rounded), the quotient; |d| - beta/2.
 * Switches: |d| - beta, where value and slope agree; d, where beta = 0 (slope 0 at 0). */
#include "reference/exact/residual.h"

extern const lp_exact_loss lp_exact_smooth_l1;

enum { BETA };
enum { QUADRATIC, LINEAR, KINK, TIE, L1, NON_FINITE, N_REGIMES };

static const char *const regimes[N_REGIMES] = {"quadratic", "linear", "kink", "tie", "l1", "non-finite"};

static lp_x absolute(lp_tape *t, lp_x d) {
  lp_x_enter(t, lp_x_class(t, d) != LP_FINITE ? NON_FINITE : lp_x_sign(t, d) == LP_AT ? TIE : L1);
  return lp_x_abs(t, d);
}

static int regime_of(lp_tape *t, lp_x d, lp_x beta, lp_side side) {
  if (lp_x_class(t, d) != LP_FINITE || lp_x_class(t, beta) != LP_FINITE) return NON_FINITE;
  if (lp_x_sign(t, d) == LP_AT) return TIE;
  return side == LP_BELOW ? QUADRATIC : side == LP_AT ? KINK : LINEAR;
}

/* A NaN residual is on neither side of beta; PyTorch's gradient is then the quadratic one, NaN. */
static lp_x smooth(lp_tape *t, lp_x d, lp_x beta) {
  const lp_x size = lp_x_abs(t, d);
  const lp_side side = lp_x_compare(t, size, beta);
  lp_x_enter(t, regime_of(t, d, beta, side));
  if (side == LP_AT || side == LP_ABOVE) return lp_x_subtract(t, size, lp_x_scale(t, beta, 0.5));
  return lp_x_divide(t, lp_x_scale(t, lp_x_square(t, d), 0.5), beta);
}

static lp_x term(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x d = lp_exact_residual(t, plan, index);
  const lp_x beta = lp_x_parameter(t, BETA);
  return plan->c->params[BETA] == 0.0 ? absolute(t, d) : smooth(t, d, beta);
}

const lp_exact_loss lp_exact_smooth_l1 = {
    .name = "smooth_l1",
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .term = term,
    .weight = -1,
};
