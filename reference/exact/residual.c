#include "reference/exact/residual.h"

#include "reference/exact/tape_internal.h"

static const lp_tensor *tensor(const lp_plan *plan, int input) { return &plan->c->inputs[input]; }

static bool is_weighted(const lp_plan *plan) { return plan->c->has_input[LP_EXACT_WEIGHT]; }

lp_x lp_exact_read(lp_tape *t, const lp_plan *plan, int input, int64_t index) {
  return lp_x_element(t, input, lp_exact_position(tensor(plan, input), &plan->term, index));
}

lp_x lp_exact_residual(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x input = lp_exact_read(t, plan, LP_EXACT_INPUT, index);
  return lp_x_subtract(t, input, lp_exact_read(t, plan, LP_EXACT_TARGET, index));
}

lp_x lp_exact_weigh(lp_tape *t, const lp_plan *plan, int64_t index, lp_x loss) {
  if (!is_weighted(plan)) return loss;
  return lp_x_multiply(t, loss, lp_exact_read(t, plan, LP_EXACT_WEIGHT, index));
}

static bool is_finite_at(lp_tape *t, const lp_plan *plan, int input, int64_t index) {
  return lp_x_class(t, lp_exact_read(t, plan, input, index)) == LP_FINITE;
}

bool lp_exact_reads_finite(lp_tape *t, const lp_plan *plan, int64_t index) {
  return is_finite_at(t, plan, LP_EXACT_INPUT, index) && is_finite_at(t, plan, LP_EXACT_TARGET, index) &&
         (!is_weighted(plan) || is_finite_at(t, plan, LP_EXACT_WEIGHT, index));
}

/* --- weights --- */

static void add_element(arb_t sum, const lp_tensor *x, int64_t i) {
  arb_t element;
  arb_init(element);
  if (x->i64) {
    arb_set_si(element, x->i64[i]);
  } else {
    arb_set_d(element, x->f64[i]);
  }
  arb_add(sum, sum, element, ARF_PREC_EXACT);
  arb_clear(element);
}

bool lp_exact_weights_cancel(const lp_plan *plan) {
  if (!is_weighted(plan) || plan->c->reduction != LP_REDUCTION_MEAN) return false;
  const lp_tensor *weight = tensor(plan, LP_EXACT_WEIGHT);
  arb_t sum;
  arb_init(sum);
  for (int64_t i = 0; i < weight->numel; i++) add_element(sum, weight, i);
  const bool cancel = arb_is_zero(sum);
  arb_clear(sum);
  return cancel;
}

/* --- integers --- */

static bool is_integer(const lp_plan *plan, int input) { return tensor(plan, input)->i64 != NULL; }

bool lp_exact_is_integer(const lp_plan *plan) {
  return is_integer(plan, LP_EXACT_INPUT) && is_integer(plan, LP_EXACT_TARGET);
}

static bool has_integer_weight(const lp_plan *plan) { return is_weighted(plan) && is_integer(plan, LP_EXACT_WEIGHT); }

/* The integers of `bits` bits; bool has one. */
typedef struct ring {
  slong bits;
  bool is_signed;
} ring;

static ring ring_of(const lp_plan *plan, int input) {
  const lp_dtype dtype = tensor(plan, input)->dtype;
  if (dtype == LP_BOOL) return (ring){1, false};
  return (ring){8 * (slong)lp_dtype_size(dtype), dtype != LP_UINT8};
}

/* PyTorch's promotion: the wider; for an unsigned one beside a signed one of no more bits, the next wider signed one.
 */
static ring promote(ring a, ring b) {
  const ring wide = a.bits >= b.bits ? a : b, narrow = a.bits >= b.bits ? b : a;
  if (wide.is_signed == narrow.is_signed || (wide.is_signed && wide.bits > narrow.bits)) return wide;
  return (ring){wide.is_signed || narrow.bits == wide.bits ? 2 * wide.bits : wide.bits, true};
}

/* The number congruent to x modulo 2^bits that the ring has: less 2^bits times the floor of (x + half) / 2^bits. */
static void wrap(arb_t x, ring r) {
  arb_t turns;
  arb_init(turns);
  if (r.is_signed) arb_set_d(turns, 0.5);
  arb_mul_2exp_si(x, x, -r.bits);
  arb_add(turns, turns, x, ARF_PREC_EXACT);
  arb_floor(turns, turns, ARF_PREC_EXACT);
  arb_sub(x, x, turns, ARF_PREC_EXACT);
  arb_mul_2exp_si(x, x, r.bits);
  arb_clear(turns);
}

static int64_t integer_at(const lp_plan *plan, int input, int64_t index) {
  return tensor(plan, input)->i64[lp_exact_position(tensor(plan, input), &plan->term, index)];
}

static ring residual_ring(const lp_plan *plan) {
  return promote(ring_of(plan, LP_EXACT_INPUT), ring_of(plan, LP_EXACT_TARGET));
}

static void set_loss(arb_t loss, const lp_plan *plan, int64_t index, int power) {
  const ring r = residual_ring(plan);
  arb_set_si(loss, integer_at(plan, LP_EXACT_INPUT, index));
  arb_sub_si(loss, loss, integer_at(plan, LP_EXACT_TARGET, index), ARF_PREC_EXACT);
  wrap(loss, r);
  if (power == 1) {
    arb_abs(loss, loss);
  } else {
    arb_sqr(loss, loss, ARF_PREC_EXACT);
  }
  wrap(loss, r);
}

static void set_weighted_loss(arb_t loss, const lp_plan *plan, int64_t index, int power) {
  set_loss(loss, plan, index, power);
  if (!has_integer_weight(plan)) return;
  arb_mul_si(loss, loss, integer_at(plan, LP_EXACT_WEIGHT, index), ARF_PREC_EXACT);
  wrap(loss, promote(residual_ring(plan), ring_of(plan, LP_EXACT_WEIGHT)));
}

/* Adds the multiple of 2^64 that brings the sum of all losses into int64. */
static void add_correction(arb_t last, const lp_plan *plan, int power) {
  arb_t sum, loss;
  arb_init(sum);
  arb_init(loss);
  for (int64_t i = 0; i < plan->term.numel; i++) {
    set_weighted_loss(loss, plan, i, power);
    arb_add(sum, sum, loss, ARF_PREC_EXACT);
  }
  arb_sub(last, last, sum, ARF_PREC_EXACT);
  wrap(sum, (ring){64, true});
  arb_add(last, last, sum, ARF_PREC_EXACT);
  arb_clear(sum);
  arb_clear(loss);
}

static bool carries_correction(const lp_plan *plan, int64_t index) {
  const bool summed = plan->c->reduction == LP_REDUCTION_SUM && index == plan->term.numel - 1;
  return summed && (!is_weighted(plan) || has_integer_weight(plan));
}

/* An integer, rounded where the tape's dtype lacks it. */
static lp_x integer(lp_tape *t, const arb_t value) {
  mag_t reach;
  mag_init(reach);
  if (!lp_is_representable(value, t->dtype)) arb_get_mag(reach, value);
  const lp_x number = lp_x_number(t, value, LP_FINITE, reach, 1);
  mag_clear(reach);
  return number;
}

lp_x lp_exact_integer_term(lp_tape *t, const lp_plan *plan, int64_t index, int power) {
  arb_t loss;
  arb_init(loss);
  set_weighted_loss(loss, plan, index, power);
  if (carries_correction(plan, index)) add_correction(loss, plan, power);
  const lp_x number = integer(t, loss);
  arb_clear(loss);
  return has_integer_weight(plan) ? number : lp_exact_weigh(t, plan, index, number);
}
