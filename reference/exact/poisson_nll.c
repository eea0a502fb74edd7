/* poisson_nll, from its definition: with x the input and t the target,
 *   exp(x) - t x                    where log_input
 *   x - t log(x + eps)              where not; eps is a float64 parameter, a real number
 * and with full, where t > 1, plus Stirling's term t log t - t + log(2 pi t) / 2, pi the real one.
 * Rounded intermediates: exp(x); x + eps, its logarithm; the product, the difference; log t, t log t, less t; pi and
 * 2 pi t, its logarithm, the two sums. eps where the dtype lacks it. In the gradients the quotients t / (x + eps) ...
 * Switches: none. The value jumps at t = 1; PyTorch's mask t <= 1 is read on the exact target.
 * Degenerate: x + eps = 0 is log 0 = -infinity with the slope 1/0; x + eps < 0 has the value NaN, yet the slope
 * 1/(x + eps). Infinities and NaN follow the formula, in which PyTorch rounds x + eps to float64, computes a masked
 * Stirling term all the same, and multiplies its slopes, of which those at t <= 0 are NaN, by 0. Where the rest of the
 * loss is a real number that term is not there, and PyTorch's NaN wrong. Integer tensors stand for their real values;
 * PyTorch rounds to float32 there. Of an input that several positions read PyTorch adds up the gradients before it
 * multiplies by exp(x) or divides by x + eps: where that is infinite or 0 a position that sends back 0 makes the sum
 * NaN or does not show in it, and nothing is claimed. */
#include <math.h>

#include "reference/exact/exact.h"

extern const lp_exact_loss lp_exact_poisson_nll;

enum { INPUT, TARGET };
enum { LOG_INPUT, FULL, EPS };
enum {
  LOG,
  RATE,
  STIRLING,
  STIRLING_MASKED,
  EXP_OVERFLOW,
  EXP_UNDERFLOW,
  TARGET_ZERO,
  TARGET_NEGATIVE,
  RATE_ZERO,
  RATE_NEGATIVE,
  NON_FINITE,
  EMPTY,
  N_REGIMES
};

static const char *const regimes[N_REGIMES] = {"log-input",    "rate-input",    "stirling",    "stirling-masked",
                                               "exp-overflow", "exp-underflow", "target-zero", "target-negative",
                                               "rate-zero",    "rate-negative", "non-finite",  "empty"};

static int64_t place(const lp_plan *plan, int input, int64_t index) {
  return lp_exact_position(&plan->c->inputs[input], &plan->term, index);
}

static double upstream(const lp_plan *plan, int64_t index) {
  return lp_plan_upstream(plan, plan->c->reduction == LP_REDUCTION_NONE ? index : 0);
}

static bool is_set(const lp_plan *plan, int param) { return plan->c->params[param] != 0.0; }

/* 2 pi, rounded once as pi is. */
static lp_x two_pi(lp_tape *t) {
  arb_t pi;
  mag_t reach;
  arb_init(pi);
  mag_init(reach);
  arb_const_pi(pi, t->precision);
  arb_mul_2exp_si(pi, pi, 1);
  arb_get_mag(reach, pi);
  const lp_x number = lp_x_number(t, pi, LP_FINITE, reach, 1);
  arb_clear(pi);
  mag_clear(reach);
  return number;
}

static lp_x stirling(lp_tape *t, lp_x n) {
  const lp_x main = lp_x_subtract(t, lp_x_multiply(t, n, lp_x_log(t, n)), n);
  const lp_x log = lp_x_log(t, lp_x_multiply(t, two_pi(t), n));
  return lp_x_add(t, main, lp_x_scale(t, log, 0.5));
}

/* Is t > 1, or NaN? */
static bool counts(lp_tape *t, lp_x target) {
  const lp_side side = lp_x_sign(t, lp_x_subtract(t, target, lp_x_constant(t, 1.0)));
  return side == LP_ABOVE || side == LP_UNORDERED;
}

/* Beside a loss that is a real number a masked term is not there; beside another one PyTorch's gradient sees it. */
static lp_x add_stirling(lp_tape *t, lp_x loss, lp_x target, bool finite) {
  const bool keep = counts(t, target);
  if (finite) lp_x_enter(t, keep ? STIRLING : STIRLING_MASKED);
  if (!keep && lp_x_class(t, loss) == LP_FINITE) return loss;
  return lp_x_add(t, loss, lp_x_mask(t, stirling(t, target), keep));
}

static void enter_log(lp_tape *t, lp_x exponential) {
  const double rounded = arf_get_d(arb_midref(lp_x_ball(t, exponential)), ARF_RND_NEAR);
  lp_x_enter(t, LOG);
  if (isinf(rounded)) lp_x_enter(t, EXP_OVERFLOW);
  if (rounded == 0.0) lp_x_enter(t, EXP_UNDERFLOW);
}

/* Where several positions read an element of the input PyTorch adds up what they send back before it meets exp(inf) or
 * 1/0: of one that sends a 0 nothing may show. Otherwise the number as it is. */
static lp_x one_of_several(lp_tape *t, const lp_plan *plan, lp_x number, lp_x x, double sent) {
  const bool shared = plan->c->inputs[INPUT].numel != plan->term.numel;
  return shared && sent == 0.0 ? lp_x_unknown_slope(t, number, x) : number;
}

static lp_x of_log(lp_tape *t, const lp_plan *plan, int64_t index, lp_x x, lp_x target, bool finite) {
  lp_x rate = lp_x_exp(t, x);
  if (finite) enter_log(t, rate);
  if (lp_x_class(t, rate) == LP_PLUS_INFINITY && !finite) {
    rate = one_of_several(t, plan, rate, x, upstream(plan, index));
  }
  return lp_x_subtract(t, rate, lp_x_multiply(t, target, x));
}

/* PyTorch's own arithmetic decides what there is where no real number is. */
static void leave_reals(lp_tape *t) {
  if (t->stand_in == 0) lp_x_limit_range(t);
}

static void enter_rate(lp_tape *t, lp_x rate) {
  const lp_side side = lp_x_sign(t, rate);
  lp_x_enter(t, RATE);
  if (side == LP_AT) {
    lp_x_enter(t, RATE_ZERO);
    leave_reals(t);
  }
  if (side == LP_BELOW) lp_x_enter(t, RATE_NEGATIVE);
}

/* eps, or what rounding to float64 makes of it beside x: where log(x + eps) is 0 only then, infinity times it is NaN.
 */
static lp_x shift(lp_tape *t, lp_x x, bool finite) {
  const lp_x eps = lp_x_parameter(t, EPS);
  if (finite || lp_x_class(t, x) != LP_FINITE || lp_x_class(t, eps) != LP_FINITE) return eps;
  arb_t rest;
  mag_t none;
  arb_init(rest);
  mag_init(none);
  arb_add(rest, lp_x_ball(t, x), lp_x_ball(t, eps), ARF_PREC_EXACT);
  arb_set_d(rest, arf_get_d(arb_midref(rest), ARF_RND_NEAR));
  arb_sub(rest, rest, lp_x_ball(t, x), ARF_PREC_EXACT);
  const lp_x number = lp_x_number(t, rest, LP_FINITE, none, 1);
  arb_clear(rest);
  mag_clear(none);
  return number;
}

static lp_x of_rate(lp_tape *t, const lp_plan *plan, int64_t index, lp_x x, lp_x target, bool finite) {
  const lp_x shifted = lp_x_add(t, x, shift(t, x, finite));
  if (finite) enter_rate(t, shifted);
  lp_x log = lp_x_log(t, shifted);
  if (lp_x_sign(t, shifted) == LP_AT) {
    const double count = lp_tensor_get(&plan->c->inputs[TARGET], place(plan, TARGET, index));
    log = one_of_several(t, plan, log, x, upstream(plan, index) * count);
  }
  return lp_x_subtract(t, x, lp_x_multiply(t, target, log));
}

static void enter_target(lp_tape *t, lp_x target) {
  const lp_side side = lp_x_sign(t, target);
  if (side == LP_AT) lp_x_enter(t, TARGET_ZERO);
  if (side == LP_BELOW) lp_x_enter(t, TARGET_NEGATIVE);
}

static lp_x term(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x x = lp_x_element(t, INPUT, place(plan, INPUT, index));
  const lp_x target = lp_x_element(t, TARGET, place(plan, TARGET, index));
  const bool log_input = is_set(plan, LOG_INPUT), known = log_input || isfinite(plan->c->params[EPS]);
  const bool finite = known && lp_x_class(t, x) == LP_FINITE && lp_x_class(t, target) == LP_FINITE;
  if (finite) {
    enter_target(t, target);
  } else {
    lp_x_enter(t, NON_FINITE);
    leave_reals(t);
  }
  const lp_x loss = (log_input ? of_log : of_rate)(t, plan, index, x, target, finite);
  return is_set(plan, FULL) ? add_stirling(t, loss, target, finite) : loss;
}

static uint64_t regimes_of(const lp_plan *plan) { return plan->term.numel == 0 ? UINT64_C(1) << EMPTY : 0; }

const lp_exact_loss lp_exact_poisson_nll = {
    .name = "poisson_nll",
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .term = term,
    .weight = -1,
    .regimes_of = regimes_of,
};
