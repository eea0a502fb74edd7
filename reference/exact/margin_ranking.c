/* margin_ranking, from its definition: max(0, z), z = -target * (input1 - input2) + margin.
 * Rounded intermediates: margin where the dtype lacks it, d = input1 - input2, the product, z; in the target's gradient
 * d and its product with the upstream gradient.
 * Switch: z. At z = 0 PyTorch lets the gradient through (clamp_min: z >= 0): -target, target and -d; on the other side
 * they are 0.
 * Degenerate: clamp_min keeps a NaN z and gives it the slope 0. Where the hinge is shut (or z is NaN) the upstream
 * gradient, even an infinite one, becomes 0, and that 0 is multiplied by target and d: NaN where they are infinite or
 * NaN. Integers are computed with as integers and wrap around in their common dtype as long as only integers meet:
 * -target for an integer target, d for two integer inputs, the product of both; then they are promoted, and count as
 * rounded where the dtype lacks them. */
#include "reference/exact/exact.h"

extern const lp_exact_loss lp_exact_margin_ranking;

enum { INPUT1, INPUT2, TARGET };
enum { MARGIN };
enum { ACTIVE, INACTIVE, KINK, OTHER_TARGET, NON_FINITE, EMPTY, N_REGIMES };

static const char *const regimes[N_REGIMES] = {"active", "inactive", "kink", "other-target", "non-finite", "empty"};

static int64_t place(const lp_plan *plan, int input, int64_t index) {
  return lp_exact_position(&plan->c->inputs[input], &plan->term, index);
}

static lp_x element(lp_tape *t, const lp_plan *plan, int input, int64_t index) {
  return lp_x_element(t, input, place(plan, input, index));
}

/* --- integers --- */

static bool is_integer(const lp_plan *plan, int input) { return plan->c->inputs[input].i64 != NULL; }

static uint64_t integer(const lp_plan *plan, int input, int64_t index) {
  return (uint64_t)plan->c->inputs[input].i64[place(plan, input, index)];
}

static int bits_of(lp_dtype dtype) { return (int)(8 * lp_dtype_size(dtype)); }

/* PyTorch's common dtype of two integer tensors with axes: the wider one; uint8 beside int8 needs int16. */
static lp_dtype common(lp_dtype a, lp_dtype b) {
  if (a != b && bits_of(a) == 8 && bits_of(b) == 8) return LP_INT16;
  return bits_of(a) >= bits_of(b) ? a : b;
}

/* The number that the low bits of `value` mean in an integer dtype. */
static int64_t wrapped(lp_dtype dtype, uint64_t value) {
  const int bits = bits_of(dtype);
  const uint64_t low = bits == 64 ? value : value & ((UINT64_C(1) << bits) - 1);
  const uint64_t sign = dtype == LP_UINT8 ? 0 : low >> (bits - 1) << (bits - 1);
  return (int64_t)(low - 2 * sign);
}

/* An integer on its way into floating arithmetic. */
static lp_x promoted(lp_tape *t, int64_t value) {
  const double nearest = (double)value;
  const bool held = nearest < 0x1p63 && (int64_t)nearest == value && lp_dtype_round(t->dtype, nearest) == nearest;
  arb_t exact;
  mag_t reach;
  arb_init(exact);
  mag_init(reach);
  arb_set_si(exact, value);
  if (!held) arb_get_mag(reach, exact);
  const lp_x number = lp_x_number(t, exact, LP_FINITE, reach, 1);
  arb_clear(exact);
  mag_clear(reach);
  return number;
}

static lp_dtype difference_dtype(const lp_plan *plan) {
  return common(plan->c->inputs[INPUT1].dtype, plan->c->inputs[INPUT2].dtype);
}

static int64_t integer_difference(const lp_plan *plan, int64_t i) {
  return wrapped(difference_dtype(plan), integer(plan, INPUT1, i) - integer(plan, INPUT2, i));
}

static int64_t integer_minus_target(const lp_plan *plan, int64_t i) {
  return wrapped(plan->c->inputs[TARGET].dtype, 0 - integer(plan, TARGET, i));
}

static int64_t integer_product(const lp_plan *plan, int64_t i) {
  const lp_dtype dtype = common(difference_dtype(plan), plan->c->inputs[TARGET].dtype);
  return wrapped(dtype, (uint64_t)integer_minus_target(plan, i) * (uint64_t)integer_difference(plan, i));
}

/* --- the formula --- */

static bool integer_inputs(const lp_plan *plan) { return is_integer(plan, INPUT1) && is_integer(plan, INPUT2); }

static lp_x difference(lp_tape *t, const lp_plan *plan, int64_t i) {
  if (integer_inputs(plan)) return promoted(t, integer_difference(plan, i));
  return lp_x_subtract(t, element(t, plan, INPUT1, i), element(t, plan, INPUT2, i));
}

static lp_x minus_target(lp_tape *t, const lp_plan *plan, int64_t i) {
  if (is_integer(plan, TARGET)) return promoted(t, integer_minus_target(plan, i));
  return lp_x_negate(t, element(t, plan, TARGET, i));
}

static lp_x product(lp_tape *t, const lp_plan *plan, int64_t i) {
  if (integer_inputs(plan) && is_integer(plan, TARGET)) return promoted(t, integer_product(plan, i));
  return lp_x_multiply(t, minus_target(t, plan, i), difference(t, plan, i));
}

static bool all_finite(lp_tape *t, const lp_plan *plan, int64_t i, lp_x margin) {
  bool finite = lp_x_class(t, margin) == LP_FINITE;
  for (int k = INPUT1; k <= TARGET; k++) finite = finite && lp_x_class(t, element(t, plan, k, i)) == LP_FINITE;
  return finite;
}

static void enter(lp_tape *t, const lp_plan *plan, int64_t i, lp_x margin, lp_x z) {
  if (!all_finite(t, plan, i, margin)) {
    lp_x_enter(t, NON_FINITE);
    return;
  }
  const lp_side side = lp_x_sign(t, z);
  const double y = lp_tensor_get(&plan->c->inputs[TARGET], place(plan, TARGET, i));
  lp_x_enter(t, side == LP_ABOVE ? ACTIVE : side == LP_AT ? KINK : INACTIVE);
  if (y != 1.0 && y != -1.0) lp_x_enter(t, OTHER_TARGET);
}

static lp_x term(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x margin = lp_x_parameter(t, MARGIN);
  const lp_x z = lp_x_add(t, product(t, plan, index), margin);
  enter(t, plan, index, margin, z);
  return lp_x_clamp(t, z);
}

static uint64_t regimes_of(const lp_plan *plan) { return plan->term.numel == 0 ? UINT64_C(1) << EMPTY : 0; }

const lp_exact_loss lp_exact_margin_ranking = {
    .name = "margin_ranking",
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .term = term,
    .weight = -1,
    .regimes_of = regimes_of,
};
