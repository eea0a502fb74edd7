/* kl_div, from its definition: with x the input and t the target,
 *   t log t - t x                   where not log_target; 0 log 0 = 0 (xlogy)
 *   exp(t) (t - x)                  where log_target
 * mean divides by the number of positions, batchmean by the extent of the input's first axis, 1 where it has none.
 * Rounded intermediates: log t, t log t, t x, their difference; exp(t), t - x, their product. In the gradient to t also
 * the products with the upstream gradient, and g t / t.
 * Switches: none. The value is continuous at t = 0, but has no slope there: PyTorch's is NaN, from the 0/0 of g t / t.
 * Degenerate: t < 0 has no logarithm, value and slope are NaN. There PyTorch takes xlogy(g, t) + g t / t - g x as the
 * gradient, which is 0 for g = 0: then the part t log t has a value only. Where g is a quotient that may have
 * underflowed nothing is claimed of it. Infinities and NaN follow the formula in float64: beside one exp(t) and the
 * products overflow and underflow. */
#include <math.h>

#include "reference/exact/budget.h"
#include "reference/exact/exact.h"

extern const lp_exact_loss lp_exact_kl_div;

enum { INPUT, TARGET };
enum { LOG_TARGET };
enum {
  TARGET_POSITIVE,
  TARGET_ZERO,
  TARGET_NEGATIVE,
  LOG,
  EXP_OVERFLOW,
  EXP_UNDERFLOW,
  BATCHMEAN,
  BATCH_EMPTY,
  BATCH_BROADCAST,
  NON_FINITE,
  EMPTY,
  N_REGIMES
};

static const char *const regimes[N_REGIMES] = {
    "target-positive", "target-zero", "target-negative", "log-target", "exp-overflow", "exp-underflow",
    "batchmean",       "batch-empty", "batch-broadcast", "non-finite", "empty"};

static lp_x element(lp_tape *t, const lp_plan *plan, int input, int64_t index) {
  return lp_x_element(t, input, lp_exact_position(&plan->c->inputs[input], &plan->term, index));
}

static double rows(const lp_tensor *x) { return x->rank == 0 ? 1.0 : (double)x->shape[0]; }

static double denominator(const lp_plan *plan) {
  const bool by_rows = plan->c->reduction == LP_REDUCTION_BATCHMEAN;
  return by_rows ? rows(&plan->c->inputs[INPUT]) : (double)plan->term.numel;
}

/* What multiplies the slopes, in float64. */
static double seed(const lp_plan *plan, int64_t index) {
  const lp_reduction how = plan->c->reduction;
  if (how == LP_REDUCTION_NONE) return lp_plan_upstream(plan, index);
  return lp_plan_upstream(plan, 0) / (how == LP_REDUCTION_SUM ? 1.0 : denominator(plan));
}

/* Is it a quotient that may have underflowed? */
static bool seed_may_vanish(const lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_reduction how = plan->c->reduction;
  const bool divides = how != LP_REDUCTION_NONE && how != LP_REDUCTION_SUM && denominator(plan) != 1.0;
  return divides && lp_plan_upstream(plan, 0) != 0.0 && fabs(seed(plan, index)) <= lp_budget_absolute(t->dtype, false);
}

/* The mask makes the logarithm of an exact 0 a 0 whose slope is 0/0. */
static lp_x x_log_x(lp_tape *t, const lp_plan *plan, int64_t index, lp_x x) {
  const lp_side side = lp_x_sign(t, x);
  if (side == LP_BELOW && lp_x_class(t, x) == LP_FINITE) {
    if (seed_may_vanish(t, plan, index)) return lp_x_unknown_slope(t, lp_x_constant(t, NAN), x);
    if (seed(plan, index) == 0.0) return lp_x_constant(t, NAN);
  }
  return lp_x_multiply(t, x, lp_x_mask(t, lp_x_log(t, x), side != LP_AT));
}

static void enter_plain(lp_tape *t, lp_x target) {
  const lp_side side = lp_x_sign(t, target);
  lp_x_enter(t, side == LP_ABOVE ? TARGET_POSITIVE : side == LP_AT ? TARGET_ZERO : TARGET_NEGATIVE);
}

static void enter_log(lp_tape *t, lp_x exponential) {
  const double rounded = arf_get_d(arb_midref(lp_x_ball(t, exponential)), ARF_RND_NEAR);
  lp_x_enter(t, LOG);
  if (isinf(rounded)) lp_x_enter(t, EXP_OVERFLOW);
  if (rounded == 0.0) lp_x_enter(t, EXP_UNDERFLOW);
}

static lp_x plain(lp_tape *t, const lp_plan *plan, int64_t index, bool finite, lp_x input, lp_x target) {
  if (finite) enter_plain(t, target);
  const lp_x entropy = x_log_x(t, plan, index, target);
  return lp_x_subtract(t, entropy, lp_x_multiply(t, target, input));
}

static lp_x logarithmic(lp_tape *t, bool finite, lp_x input, lp_x target) {
  const lp_x probability = lp_x_exp(t, target);
  if (finite) enter_log(t, probability);
  return lp_x_multiply(t, probability, lp_x_subtract(t, target, input));
}

static lp_x term(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x input = element(t, plan, INPUT, index), target = element(t, plan, TARGET, index);
  const bool finite = lp_x_class(t, input) == LP_FINITE && lp_x_class(t, target) == LP_FINITE;
  if (!finite) {
    lp_x_enter(t, NON_FINITE);
    if (t->stand_in == 0) lp_x_limit_range(t);
  }
  if (plan->c->params[LOG_TARGET] != 0.0) return logarithmic(t, finite, input, target);
  return plain(t, plan, index, finite, input, target);
}

static uint64_t bit(bool set, int regime) { return set ? UINT64_C(1) << regime : 0; }

static uint64_t regimes_of(const lp_plan *plan) {
  const double of_input = rows(&plan->c->inputs[INPUT]);
  const uint64_t empty = bit(plan->term.numel == 0, EMPTY);
  if (plan->c->reduction != LP_REDUCTION_BATCHMEAN) return empty;
  return empty | bit(true, BATCHMEAN) | bit(of_input == 0.0, BATCH_EMPTY) |
         bit(of_input != rows(&plan->term), BATCH_BROADCAST);
}

const lp_exact_loss lp_exact_kl_div = {
    .name = "kl_div",
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .term = term,
    .denominator = denominator,
    .weight = -1,
    .regimes_of = regimes_of,
};
