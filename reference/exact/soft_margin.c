/* soft_margin, from its definition (at::soft_margin_loss): log(1 + exp(a)), a = -target * input.
 * Rounded intermediates, those of the stable form: a, exp, the loss; in the gradient the logistic function of a and its
 * products with the target and the upstream gradient.
 * Switches: none.
 * Degenerate: where a is infinite or NaN the formula is taken in PyTorch's own steps: exp(inf)/(1 + exp(inf)) is NaN,
 * exp(-inf) is 0, which an infinite target makes NaN. An infinite upstream gradient meets the whole slope at once, as
 * in PyTorch: one that underflows makes it NaN. The target has no gradient; an integer one means the number that it is,
 * also where PyTorch's gradient negates it in its unsigned dtype. */
#include <float.h>
#include <math.h>

#include "reference/exact/exact.h"

extern const lp_exact_loss lp_exact_soft_margin;

enum { INPUT, TARGET };
enum { RIGHT, WRONG, UNDECIDED, OVERFLOW, UNDERFLOW, OTHER_TARGET, NON_FINITE, EMPTY, N_REGIMES };

static const char *const regimes[N_REGIMES] = {"right",     "wrong",        "undecided",  "overflow",
                                               "underflow", "other-target", "non-finite", "empty"};

static int64_t place(const lp_plan *plan, int input, int64_t index) {
  return lp_exact_position(&plan->c->inputs[input], &plan->term, index);
}

static lp_side beside_log(lp_tape *t, lp_x a, lp_x limit) {
  return lp_x_sign(t, lp_x_subtract(t, a, lp_x_log(t, limit)));
}

/* Does exp(a) exceed the largest float64, or round to 0? */
static void enter_range(lp_tape *t, lp_x a) {
  if (arf_cmpabs_2exp_si(arb_midref(lp_x_ball(t, a)), 9) < 0) return;
  const lp_x largest = lp_x_constant(t, DBL_MAX), half_smallest = lp_x_scale(t, lp_x_constant(t, 0x1p-1074), 0.5);
  if (beside_log(t, a, largest) == LP_ABOVE) lp_x_enter(t, OVERFLOW);
  if (beside_log(t, a, half_smallest) == LP_BELOW) lp_x_enter(t, UNDERFLOW);
}

static void enter(lp_tape *t, const lp_plan *plan, int64_t index, lp_x a) {
  const double x = lp_tensor_get(&plan->c->inputs[INPUT], place(plan, INPUT, index));
  const double y = lp_tensor_get(&plan->c->inputs[TARGET], place(plan, TARGET, index));
  if (!isfinite(x) || !isfinite(y)) {
    lp_x_enter(t, NON_FINITE);
    return;
  }
  const lp_side side = lp_x_sign(t, a);
  enter_range(t, a);
  lp_x_enter(t, side == LP_BELOW ? RIGHT : side == LP_ABOVE ? WRONG : UNDECIDED);
  if (y != 1.0 && y != -1.0) lp_x_enter(t, OTHER_TARGET);
}

static lp_x log1p_exp_step_by_step(lp_tape *t, lp_x a) {
  return lp_x_log(t, lp_x_add(t, lp_x_constant(t, 1.0), lp_x_exp(t, a)));
}

/* The same value with the slope, sigmoid(a) times this factor, multiplied out. */
static lp_x with_slope(lp_tape *t, lp_x loss, lp_x a, lp_x factor, lp_x input) {
  const lp_x slope = lp_x_detach(t, lp_x_multiply(t, factor, lp_x_sigmoid(t, a)));
  return lp_x_carry(t, loss, lp_x_multiply(t, slope, input));
}

static bool has_infinite_upstream(const lp_plan *plan, int64_t index) {
  return !isfinite(lp_plan_upstream(plan, plan->c->reduction == LP_REDUCTION_NONE ? index : 0));
}

static lp_x term(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x input = lp_x_element(t, INPUT, place(plan, INPUT, index));
  const lp_x target = lp_x_element(t, TARGET, place(plan, TARGET, index));
  const lp_x minus = lp_x_negate(t, target), a = lp_x_multiply(t, minus, input);
  enter(t, plan, index, a);
  if (lp_x_class(t, a) != LP_FINITE) return log1p_exp_step_by_step(t, a);
  const lp_x loss = lp_x_softplus(t, a);
  return has_infinite_upstream(plan, index) ? with_slope(t, loss, a, minus, input) : loss;
}

static uint64_t regimes_of(const lp_plan *plan) { return plan->term.numel == 0 ? UINT64_C(1) << EMPTY : 0; }

const lp_exact_loss lp_exact_soft_margin = {
    .name = "soft_margin",
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .term = term,
    .weight = -1,
    .regimes_of = regimes_of,
};
