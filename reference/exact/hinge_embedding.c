/* hinge_embedding, from its definition (at::hinge_embedding_loss):
 *   (target != 1 ? max(0, margin - input) : 0) + (target != -1 ? input : 0)
 * so that a target that is neither 1 nor -1 (0, 0.5, NaN, an infinity) gets both terms.
 * Rounded intermediates: margin where the dtype lacks it, d = margin - input, the sum of the two terms.
 * Switch: d, where target != 1. At d = 0 PyTorch lets the gradient through (clamp_min: d >= 0), so that it is -1 for
 * target -1 and -1 + 1 = 0 for other targets; on the other side of d it is 0 and 1.
 * Degenerate: at::where selects, so that a term that is not taken adds 0 to value and gradient, whatever it holds, even
 * under an infinite upstream gradient; clamp_min keeps a NaN d (NaN, or inf - inf) and gives it the slope 0. The two
 * terms add up as they stand: inf + -inf at input = -inf. The target is compared, never computed with. */
#include <math.h>

#include "reference/exact/exact.h"

extern const lp_exact_loss lp_exact_hinge_embedding;

enum { INPUT, TARGET };
enum { MARGIN };
enum { POSITIVE, NEGATIVE_ACTIVE, NEGATIVE_INACTIVE, OTHER_ACTIVE, OTHER_INACTIVE, KINK, NON_FINITE, EMPTY, N_REGIMES };

static const char *const regimes[N_REGIMES] = {
    "positive", "negative-active", "negative-inactive", "other-active", "other-inactive", "kink", "non-finite",
    "empty"};

static lp_x input_at(lp_tape *t, const lp_plan *plan, int64_t index) {
  return lp_x_element(t, INPUT, lp_exact_position(&plan->c->inputs[INPUT], &plan->term, index));
}

static double target_at(const lp_plan *plan, int64_t index) {
  const lp_tensor *target = &plan->c->inputs[TARGET];
  return lp_tensor_get(target, lp_exact_position(target, &plan->term, index));
}

static int hinge_regime(lp_side side, bool negative) {
  if (side == LP_AT) return KINK;
  if (side == LP_ABOVE) return negative ? NEGATIVE_ACTIVE : OTHER_ACTIVE;
  return negative ? NEGATIVE_INACTIVE : OTHER_INACTIVE;
}

static void enter(lp_tape *t, double y, lp_x input, lp_x margin) {
  const bool finite = lp_x_class(t, input) == LP_FINITE && lp_x_class(t, margin) == LP_FINITE && isfinite(y);
  if (!finite) {
    lp_x_enter(t, NON_FINITE);
  } else {
    lp_x_enter(t, y == 1.0 ? POSITIVE : hinge_regime(lp_x_sign(t, lp_x_subtract(t, margin, input)), y == -1.0));
  }
}

static lp_x term(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x input = input_at(t, plan, index), margin = lp_x_parameter(t, MARGIN);
  const double y = target_at(plan, index);
  enter(t, y, input, margin);
  if (y == 1.0) return input;
  const lp_x hinge = lp_x_clamp(t, lp_x_subtract(t, margin, input));
  return y == -1.0 ? hinge : lp_x_add(t, hinge, input);
}

static uint64_t regimes_of(const lp_plan *plan) { return plan->term.numel == 0 ? UINT64_C(1) << EMPTY : 0; }

const lp_exact_loss lp_exact_hinge_embedding = {
    .name = "hinge_embedding",
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .term = term,
    .weight = -1,
    .regimes_of = regimes_of,
};
