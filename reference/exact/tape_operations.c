/* The operations of a tape: ball, class and reach of each result. */
#include <math.h>
#include <string.h>

#include "reference/exact/tape_internal.h"

/* --- infinities, NaN, singularities --- */

/* A double that stands for the number where only its class and sign matter: beside an infinity, a finite number out of
 * the range of float64 is infinite or 0, as in PyTorch. */
static double stand_for(lp_tape *t, lp_x a) {
  static const double of_class[] = {0.0, INFINITY, -INFINITY, NAN};
  const lp_node *n = lp_tape_at(t, a);
  if (n->class != LP_FINITE) return of_class[n->class];
  return lp_x_sign(t, a) == LP_AT ? 0.0 : arf_get_d(arb_midref(&n->value), ARF_RND_NEAR);
}

/* What IEEE 754 makes of an operation on such numbers: a class, or an exact 0 or 1. */
static lp_x settle_special(lp_tape *t, lp_node *n, double result) {
  n->class = lp_classify(result);
  if (n->class == LP_FINITE) {
    arb_set_d(&n->value, result);
  } else {
    arb_zero(&n->value);
  }
  mag_zero(&n->inherited);
  mag_zero(&n->reach);
  return lp_tape_last(t);
}

static bool is_finite(const lp_tape *t, lp_x a) { return lp_tape_at(t, a)->class == LP_FINITE; }

/* --- the end of every operation --- */

/* The whole ball: what is wide is left to more precision. */
static bool overflows(const lp_node *n) {
  arf_t least;
  arf_init(least);
  arb_get_abs_lbound_arf(least, &n->value, 2 * MAG_BITS);
  const bool beyond = arf_cmpabs_d(least, lp_dtype_largest(LP_FLOAT64)) > 0;
  arf_clear(least);
  return beyond;
}

static bool underflows(const lp_node *n) {
  mag_t most;
  mag_init(most);
  arb_get_mag(most, &n->value);
  const bool below = mag_cmp_2exp_si(most, lp_range_of(LP_FLOAT64)->lowest - 1) <= 0;
  mag_clear(most);
  return below;
}

/* Sums of representable numbers that are subnormal are exact; the other operations underflow. */
static bool may_underflow(const lp_node *n) {
  return n->op != LP_OP_ADD && n->op != LP_OP_SUBTRACT && n->op != LP_OP_SUM && n->op != LP_OP_LOG;
}

/* Below the smallest normal number N a result is rounded with the absolute error eta / 2 = u N, not u |result| (gradual
 * underflow), but never by more than the result itself: the share is N, at most |result| / u. */
static void add_underflow(const lp_tape *t, lp_node *n) {
  const lp_range *range = lp_range_of(t->dtype);
  const slong normal = range->lowest + range->places - 1;
  if (!may_underflow(n) || arf_cmpabs_2exp_si(arb_midref(&n->value), normal) >= 0) return;
  if (lp_is_representable(&n->value, t->dtype)) return;
  mag_t share, most;
  mag_init(share);
  mag_init(most);
  mag_set_ui_2exp_si(share, 1, normal);
  arb_get_mag(most, &n->value);
  mag_mul_2exp_si(most, most, range->places);
  mag_min(share, share, most);
  mag_add(&n->reach, &n->reach, share);
  mag_clear(share);
  mag_clear(most);
}

/* In float64's range a result is infinite, or a 0. False: it stays what it is. */
static bool leaves_range(lp_tape *t, lp_node *n) {
  if (!t->float64_range) return false;
  if (overflows(n)) {
    settle_special(t, n, arf_sgn(arb_midref(&n->value)) > 0 ? INFINITY : -INFINITY);
    return true;
  }
  if (underflows(n)) arb_zero(&n->value);
  return false;
}

/* The value and the inherited reach are set: adds the rounding of the result. */
static lp_x settle(lp_tape *t, lp_node *n, bool operands_sharp) {
  if (leaves_range(t, n)) return lp_tape_last(t);
  arb_get_mag(&n->reach, &n->value);
  mag_add(&n->reach, &n->reach, &n->inherited);
  add_underflow(t, n);
  n->sharp = operands_sharp && lp_is_representable(&n->value, t->dtype);
  return lp_tape_last(t);
}

/* An operation that never rounds, but for underflow. */
static lp_x settle_exact(lp_tape *t, lp_node *n, bool operands_sharp) {
  if (leaves_range(t, n)) return lp_tape_last(t);
  mag_set(&n->reach, &n->inherited);
  add_underflow(t, n);
  n->sharp = operands_sharp;
  return lp_tape_last(t);
}

static int64_t most_terms(const lp_node *a, const lp_node *b) { return a->terms > b->terms ? a->terms : b->terms; }

/* --- binary operations --- */

typedef struct binary {
  lp_node *n;
  const lp_node *a, *b;
} binary;

static binary new_binary(lp_tape *t, lp_op op, lp_x a, lp_x b) {
  lp_node *n = lp_tape_new(t, op, a.at, b.at);
  const binary it = {n, lp_tape_at(t, a), lp_tape_at(t, b)};
  n->terms = most_terms(it.a, it.b);
  n->needs = it.a->needs || it.b->needs;
  return it;
}

static lp_x finish_sum(lp_tape *t, const binary *it) {
  mag_add(&it->n->inherited, &it->a->reach, &it->b->reach);
  return settle(t, it->n, it->a->sharp && it->b->sharp);
}

lp_x lp_x_add(lp_tape *t, lp_x a, lp_x b) {
  const binary it = new_binary(t, LP_OP_ADD, a, b);
  if (!is_finite(t, a) || !is_finite(t, b)) return settle_special(t, it.n, stand_for(t, a) + stand_for(t, b));
  arb_add(&it.n->value, &it.a->value, &it.b->value, t->precision);
  return finish_sum(t, &it);
}

lp_x lp_x_subtract(lp_tape *t, lp_x a, lp_x b) {
  const binary it = new_binary(t, LP_OP_SUBTRACT, a, b);
  if (!is_finite(t, a) || !is_finite(t, b)) return settle_special(t, it.n, stand_for(t, a) - stand_for(t, b));
  arb_sub(&it.n->value, &it.a->value, &it.b->value, t->precision);
  return finish_sum(t, &it);
}

/* Adds |x| reach to a sum of such products. */
static void add_share(mag_t sum, const arb_t x, const mag_t reach) {
  mag_t size;
  mag_init(size);
  arb_get_mag(size, x);
  mag_addmul(sum, size, reach);
  mag_clear(size);
}

static bool is_power_of_two(const lp_node *n) {
  return n->sharp && arb_is_exact(&n->value) && arf_bits(arb_midref(&n->value)) == 1;
}

lp_x lp_x_multiply(lp_tape *t, lp_x a, lp_x b) {
  const binary it = new_binary(t, LP_OP_MULTIPLY, a, b);
  if (!is_finite(t, a) || !is_finite(t, b)) return settle_special(t, it.n, stand_for(t, a) * stand_for(t, b));
  arb_mul(&it.n->value, &it.a->value, &it.b->value, t->precision);
  mag_zero(&it.n->inherited);
  add_share(&it.n->inherited, &it.a->value, &it.b->reach);
  add_share(&it.n->inherited, &it.b->value, &it.a->reach);
  const bool sharp = it.a->sharp && it.b->sharp;
  return is_power_of_two(it.a) || is_power_of_two(it.b) ? settle_exact(t, it.n, sharp) : settle(t, it.n, sharp);
}

/* inherited = (reach of a + |quotient| reach of b) / |b| */
static void share_of_quotient(const binary *it) {
  mag_t b;
  mag_init(b);
  mag_set(&it->n->inherited, &it->a->reach);
  add_share(&it->n->inherited, &it->n->value, &it->b->reach);
  arb_get_mag_lower(b, &it->b->value);
  mag_div(&it->n->inherited, &it->n->inherited, b);
  mag_clear(b);
}

lp_x lp_x_divide(lp_tape *t, lp_x a, lp_x b) {
  const binary it = new_binary(t, LP_OP_DIVIDE, a, b);
  if (!is_finite(t, a) || !is_finite(t, b) || arb_is_zero(&it.b->value)) {
    return settle_special(t, it.n, stand_for(t, a) / stand_for(t, b));
  }
  if (arb_contains_zero(&it.b->value)) t->undecided = true;
  arb_div(&it.n->value, &it.a->value, &it.b->value, t->precision);
  share_of_quotient(&it);
  const bool sharp = it.a->sharp && it.b->sharp;
  return is_power_of_two(it.b) ? settle_exact(t, it.n, sharp) : settle(t, it.n, sharp);
}

/* --- unary operations --- */

static lp_node *new_unary(lp_tape *t, lp_op op, lp_x a) {
  lp_node *n = lp_tape_new(t, op, a.at, -1);
  n->terms = lp_tape_at(t, a)->terms;
  n->needs = lp_tape_at(t, a)->needs;
  return n;
}

static slong log2_of_roundoff(const lp_tape *t) { return -lp_range_of(t->dtype)->places; }

enum { LOG2_OF_K = 3, LARGE_EXPONENT = 4096 };

/* u reach^2: all that there is where the value is 0 */
static void add_second_order(const lp_tape *t, lp_node *n, const lp_node *a) {
  mag_t share;
  mag_init(share);
  mag_mul(share, &a->reach, &a->reach);
  mag_mul_2exp_si(share, share, log2_of_roundoff(t));
  mag_add(&n->inherited, &n->inherited, share);
  mag_clear(share);
}

lp_x lp_x_square(lp_tape *t, lp_x x) {
  lp_node *n = new_unary(t, LP_OP_SQUARE, x);
  const lp_node *a = lp_tape_at(t, x);
  if (a->class != LP_FINITE) return settle_special(t, n, stand_for(t, x) * stand_for(t, x));
  arb_sqr(&n->value, &a->value, t->precision);
  mag_zero(&n->inherited);
  add_share(&n->inherited, &a->value, &a->reach);
  mag_mul_2exp_si(&n->inherited, &n->inherited, 1);
  if (!a->sharp) add_second_order(t, n, a);
  return settle(t, n, a->sharp);
}

lp_x lp_x_exp(lp_tape *t, lp_x x) {
  lp_node *n = new_unary(t, LP_OP_EXP, x);
  const lp_node *a = lp_tape_at(t, x);
  if (a->class != LP_FINITE) return settle_special(t, n, exp(stand_for(t, x)));
  arb_exp(&n->value, &a->value, t->precision);
  mag_zero(&n->inherited);
  add_share(&n->inherited, &n->value, &a->reach);
  return settle(t, n, a->sharp);
}

/* inherited = reach / |x| */
static void share_over(mag_t inherited, const mag_t reach, const arb_t x) {
  mag_t least;
  mag_init(least);
  arb_get_mag_lower(least, x);
  mag_div(inherited, reach, least);
  mag_clear(least);
}

lp_x lp_x_log(lp_tape *t, lp_x x) {
  lp_node *n = new_unary(t, LP_OP_LOG, x);
  const lp_node *a = lp_tape_at(t, x);
  if (a->class != LP_FINITE || arb_is_negative(&a->value) || arb_is_zero(&a->value)) {
    return settle_special(t, n, log(stand_for(t, x)));
  }
  if (arb_contains_zero(&a->value)) t->undecided = true;
  arb_log(&n->value, &a->value, t->precision);
  share_over(&n->inherited, &a->reach, &a->value);
  return settle(t, n, a->sharp);
}

/* inherited = reach / (2 |value|), but not more than sqrt(reach / u): sqrt(a + u reach) <= sqrt(a) + sqrt(u reach). */
static void share_of_root(const lp_tape *t, lp_node *n, const lp_node *a) {
  mag_t most;
  mag_init(most);
  mag_mul_2exp_si(most, &a->reach, -log2_of_roundoff(t));
  mag_sqrt(most, most);
  share_over(&n->inherited, &a->reach, &n->value);
  mag_mul_2exp_si(&n->inherited, &n->inherited, -1);
  mag_min(&n->inherited, &n->inherited, most);
  mag_clear(most);
}

lp_x lp_x_sqrt(lp_tape *t, lp_x x) {
  lp_node *n = new_unary(t, LP_OP_SQRT, x);
  const lp_node *a = lp_tape_at(t, x);
  if (a->class != LP_FINITE || arb_is_negative(&a->value)) return settle_special(t, n, sqrt(stand_for(t, x)));
  if (arb_contains_zero(&a->value) && !arb_is_zero(&a->value)) t->undecided = true;
  arb_sqrtpos(&n->value, &a->value, t->precision);
  mag_zero(&n->inherited);
  if (!mag_is_zero(&a->reach)) share_of_root(t, n, a);
  return settle(t, n, a->sharp);
}

/* inherited = |exponent| |value| / |a| reach */
static void share_of_power(lp_node *n, const lp_node *a, const arb_t exponent) {
  mag_t factor;
  mag_init(factor);
  mag_zero(&n->inherited);
  if (!mag_is_zero(&a->reach)) {
    share_over(&n->inherited, &a->reach, &a->value);
    arb_get_mag(factor, exponent);
    mag_mul(&n->inherited, &n->inherited, factor);
    arb_get_mag(factor, &n->value);
    mag_mul(&n->inherited, &n->inherited, factor);
  }
  mag_clear(factor);
}

/* Rounding moves a by up to this part of itself: 8 u reach / |a|. */
static void uncertainty(const lp_tape *t, mag_t part, const lp_node *a) {
  share_over(part, &a->reach, &a->value);
  mag_mul_2exp_si(part, part, LOG2_OF_K + log2_of_roundoff(t));
}

/* The whole range of a power whose base may as well be 0, as a reach: (2 h)^exponent / (8 u) for a base below h. */
static void reach_of_range(const lp_tape *t, mag_t reach, const lp_node *a, const arb_t exponent) {
  arb_t most;
  arb_init(most);
  mag_mul_2exp_si(reach, &a->reach, LOG2_OF_K + log2_of_roundoff(t) + 2);
  arf_set_mag(arb_midref(most), reach);
  arb_pow(most, most, exponent, MAG_BITS);
  arb_get_mag(reach, most);
  mag_mul_2exp_si(reach, reach, -(LOG2_OF_K + log2_of_roundoff(t)));
  arb_clear(most);
}

/* Where rounding moves the base far, the first-order share falls short: by a factor of at most exp(2 |exponent| part)
 * while part < 1/2. Beyond, a positive power ranges from 0 to that of the moved base; a negative one is unknown. */
static void allow_for_second_order(const lp_tape *t, lp_node *n, const lp_node *a, const arb_t exponent) {
  mag_t part, size;
  mag_init(part);
  mag_init(size);
  uncertainty(t, part, a);
  if (mag_cmp_2exp_si(part, -1) < 0) {
    arb_get_mag(size, exponent);
    mag_mul(size, size, part);
    mag_mul_2exp_si(size, size, 1);
    mag_exp(size, size);
    mag_mul(&n->inherited, &n->inherited, size);
  } else if (arb_is_negative(exponent)) {
    mag_mul_2exp_si(&n->inherited, &n->inherited, LARGE_EXPONENT);
  } else {
    reach_of_range(t, size, a, exponent);
    mag_max(&n->inherited, &n->inherited, size);
  }
  mag_clear(part);
  mag_clear(size);
}

/* Adds |value| |log a| times the reach of the exponent. */
static void add_share_of_rounded_exponent(lp_node *n, const lp_node *a, const lp_node *exponent) {
  arb_t slope;
  if (mag_is_zero(&exponent->reach)) return;
  arb_init(slope);
  arb_log(slope, &a->value, MAG_BITS);
  arb_mul(slope, slope, &n->value, MAG_BITS);
  add_share(&n->inherited, slope, &exponent->reach);
  arb_clear(slope);
}

/* 0 to a positive power, when rounding may have moved the 0. */
static lp_x raise_blurred_zero(lp_tape *t, const binary *it) {
  arb_zero(&it->n->value);
  reach_of_range(t, &it->n->inherited, it->a, &it->b->value);
  return settle(t, it->n, false);
}

lp_x lp_x_raise(lp_tape *t, lp_x x, lp_x exponent) {
  const binary it = new_binary(t, LP_OP_RAISE, x, exponent);
  if (!is_finite(t, x) || !is_finite(t, exponent) || arb_is_zero(&it.a->value)) {
    const bool blurred = is_finite(t, x) && is_finite(t, exponent) && !mag_is_zero(&it.a->reach);
    if (blurred && arb_is_positive(&it.b->value)) return raise_blurred_zero(t, &it);
    return settle_special(t, it.n, pow(stand_for(t, x), stand_for(t, exponent)));
  }
  if (!arb_is_positive(&it.a->value)) t->undecided = true;
  arb_pow(&it.n->value, &it.a->value, &it.b->value, t->precision);
  share_of_power(it.n, it.a, &it.b->value);
  if (!mag_is_zero(&it.a->reach)) allow_for_second_order(t, it.n, it.a, &it.b->value);
  add_share_of_rounded_exponent(it.n, it.a, it.b);
  return settle(t, it.n, it.a->sharp && it.b->sharp);
}

/* exp(-|a|): beyond 2^128 or so Arb encloses it by a tiny ball around 0, but exp(|a|) by the whole line. */
static void exp_of_minus_size(arb_t e, const arb_t a, slong precision) {
  if (arb_is_positive(a)) {
    arb_neg(e, a);
    arb_exp(e, e, precision);
  } else {
    arb_exp(e, a, precision);
  }
}

/* 1 / (1 + exp(-a)) or, the same, exp(a) / (1 + exp(a)) */
static void sigmoid(arb_t s, const arb_t a, slong precision) {
  arb_t below;
  arb_init(below);
  exp_of_minus_size(below, a, precision);
  arb_add_ui(s, below, 1, precision);
  if (arb_is_positive(a)) {
    arb_inv(s, s, precision);
  } else {
    arb_div(s, below, s, precision);
  }
  arb_clear(below);
}

/* log(1 + exp(a)) or, the same, a + log(1 + exp(-a)) */
static void softplus(arb_t s, const arb_t a, slong precision) {
  exp_of_minus_size(s, a, precision);
  arb_log1p(s, s, precision);
  if (arb_is_positive(a)) arb_add(s, s, a, precision);
}

/* The slope is at most min(1, softplus), as x/(1+x) <= log(1+x); so is the share of the rounding of exp(a). */
static void share_of_softplus(lp_node *n, const lp_node *a) {
  mag_t slope, reach;
  mag_init(slope);
  mag_init(reach);
  arb_get_mag(slope, &n->value);
  mag_one(reach);
  mag_min(slope, slope, reach);
  mag_add(reach, reach, &a->reach);
  mag_mul(&n->inherited, slope, reach);
  mag_clear(slope);
  mag_clear(reach);
}

lp_x lp_x_softplus(lp_tape *t, lp_x x) {
  lp_node *n = new_unary(t, LP_OP_SOFTPLUS, x);
  const lp_node *a = lp_tape_at(t, x);
  if (a->class != LP_FINITE) return settle_special(t, n, log(1.0 + exp(stand_for(t, x))));
  softplus(&n->value, &a->value, t->precision);
  share_of_softplus(n, a);
  return settle(t, n, a->sharp);
}

/* inherited = value (1 - value) reach of a + value, for the rounding of exp. 1 - value, which is tiny when a is large,
 * is the sigmoid of -a: to subtract would leave the precision instead, times a reach that may be huge. */
static void share_of_sigmoid(lp_node *n, const lp_node *a) {
  arb_t minus, rest;
  mag_t size;
  arb_init(minus);
  arb_init(rest);
  mag_init(size);
  arb_neg(minus, &a->value);
  sigmoid(rest, minus, 2 * MAG_BITS);
  arb_get_mag(&n->inherited, rest);
  mag_mul(&n->inherited, &n->inherited, &a->reach);
  mag_one(size);
  mag_add(&n->inherited, &n->inherited, size);
  arb_get_mag(size, &n->value);
  mag_mul(&n->inherited, &n->inherited, size);
  arb_clear(minus);
  arb_clear(rest);
  mag_clear(size);
}

lp_x lp_x_sigmoid(lp_tape *t, lp_x x) {
  lp_node *n = new_unary(t, LP_OP_SIGMOID, x);
  const lp_node *a = lp_tape_at(t, x);
  if (a->class != LP_FINITE) return settle_special(t, n, 1.0 / (1.0 + exp(-stand_for(t, x))));
  sigmoid(&n->value, &a->value, t->precision);
  share_of_sigmoid(n, a);
  return settle(t, n, a->sharp);
}

/* --- without rounding --- */

lp_x lp_x_negate(lp_tape *t, lp_x x) { return lp_x_scale(t, x, -1.0); }

lp_x lp_x_scale(lp_tape *t, lp_x x, double factor) {
  lp_node *n = new_unary(t, LP_OP_SCALE, x);
  const lp_node *a = lp_tape_at(t, x);
  n->number = factor;
  if (a->class != LP_FINITE) return settle_special(t, n, factor * stand_for(t, x));
  int exponent;
  frexp(factor, &exponent);
  arb_mul_2exp_si(&n->value, &a->value, exponent - 1);
  if (factor < 0.0) arb_neg(&n->value, &n->value);
  mag_mul_2exp_si(&n->inherited, &a->reach, exponent - 1);
  return settle_exact(t, n, a->sharp);
}

lp_x lp_x_abs(lp_tape *t, lp_x x) {
  const lp_side side = lp_x_side(t, x);
  lp_node *n = new_unary(t, LP_OP_ABS, x);
  const lp_node *a = lp_tape_at(t, x);
  n->number = side == LP_UNORDERED ? 0.0 : (double)side;
  if (a->class != LP_FINITE) return settle_special(t, n, fabs(stand_for(t, x)));
  arb_abs(&n->value, &a->value);
  mag_set(&n->inherited, &a->reach);
  return settle_exact(t, n, a->sharp);
}

lp_x lp_x_mask(lp_tape *t, lp_x x, bool keep) {
  lp_node *n = new_unary(t, LP_OP_MASK, x);
  const lp_node *a = lp_tape_at(t, x);
  n->number = keep;
  if (!keep) {
    arb_zero(&n->value);
    mag_zero(&n->inherited);
    return settle_exact(t, n, true);
  }
  if (a->class != LP_FINITE) return settle_special(t, n, stand_for(t, x));
  arb_set(&n->value, &a->value);
  mag_set(&n->inherited, &a->reach);
  return settle_exact(t, n, a->sharp);
}

lp_x lp_x_detach(lp_tape *t, lp_x x) {
  lp_node *n = lp_tape_new(t, LP_OP_NUMBER, -1, -1);
  const lp_node *a = lp_tape_at(t, x);
  n->class = a->class;
  n->terms = a->terms;
  arb_set(&n->value, &a->value);
  mag_set(&n->inherited, &a->reach);
  return settle_exact(t, n, a->sharp);
}

/* For backward a mask of the carrier that keeps its adjoint. */
lp_x lp_x_carry(lp_tape *t, lp_x x, lp_x carrier) {
  const lp_x value = lp_x_detach(t, x);
  lp_node *n = lp_tape_at(t, value);
  n->op = LP_OP_MASK;
  n->a = carrier.at;
  n->number = 1.0;
  n->needs = lp_tape_at(t, carrier)->needs;
  return value;
}

lp_x lp_x_shut(lp_tape *t, lp_x x) {
  const lp_x zero = lp_x_mask(t, x, false);
  lp_node *n = lp_tape_at(t, zero);
  const lp_node *a = lp_tape_at(t, x);
  if (a->class != LP_FINITE || !lp_tape_within_rounding(t, a)) return zero;
  mag_set(&n->inherited, &a->reach);
  return settle_exact(t, n, false);
}

lp_x lp_x_clamp(lp_tape *t, lp_x x) {
  const lp_side side = lp_x_side(t, x);
  if (side == LP_UNORDERED) return lp_x_add(t, lp_x_mask(t, x, false), lp_x_constant(t, NAN));
  return side == LP_BELOW ? lp_x_shut(t, x) : x;
}

/* An absolute value at 0, for backward. */
lp_x lp_x_erase(lp_tape *t, lp_x x) {
  lp_node *n = new_unary(t, LP_OP_ABS, x);
  n->number = 0.0;
  return settle_special(t, n, 0.0);
}

/* --- sums --- */

/* Room for n operands of a sum. */
static int *new_operands(lp_tape *t, int n) {
  void *operands = t->operands;
  if (!lp_tape_grow(t, &operands, &t->operand_capacity, t->n_operands + n, sizeof(int))) return NULL;
  t->operands = operands;
  t->n_operands += n;
  return t->operands + t->n_operands - n;
}

static double sum_of_specials(lp_tape *t, const int *terms, int n) {
  double sum = 0.0;
  for (int i = 0; i < n; i++) sum += stand_for(t, (lp_x){terms[i]});
  return sum;
}

/* One more term: its value, its reach and, in a sum of three or more, its size, for the partial sums. */
static void add_term(const lp_tape *t, lp_node *sum, const lp_node *term, bool counts) {
  arb_add(&sum->value, &sum->value, &term->value, t->precision);
  mag_add(&sum->inherited, &sum->inherited, &term->reach);
  sum->sharp = sum->sharp && term->sharp;
  if (!counts) return;
  mag_t size;
  mag_init(size);
  arb_get_mag(size, &term->value);
  mag_add(&sum->inherited, &sum->inherited, size);
  mag_clear(size);
}

static int64_t terms_of_sum(const lp_tape *t, const int *terms, int n, bool reduction) {
  int64_t all = 0, most = 1;
  for (int i = 0; i < n; i++) {
    const int64_t own = t->nodes[terms[i]].terms;
    all += own;
    most = own > most ? own : most;
  }
  return reduction ? all : most;
}

/* Is every sum of some of the terms representable, so that no order of summation rounds? The terms are. */
static bool never_rounds(const lp_tape *t, const int *terms, int n) {
  mag_t size, most[2]; /* of the sums of all negative and of all positive terms: no partial sum is larger */
  slong lowest = WORD_MAX;
  mag_init(size);
  for (int sign = 0; sign < 2; sign++) mag_init(most[sign]);
  for (int i = 0; i < n; i++) {
    const arf_struct *x = arb_midref(&t->nodes[terms[i]].value);
    if (arf_is_zero(x)) continue;
    const slong last_bit = fmpz_get_si(ARF_EXPREF(x)) - arf_bits(x);
    mag_struct *sum = most[arf_sgn(x) > 0];
    lowest = last_bit < lowest ? last_bit : lowest;
    arf_get_mag(size, x);
    mag_add(sum, sum, size);
  }
  mag_max(size, most[0], most[1]);
  const bool never = mag_is_zero(size) || mag_cmp_2exp_si(size, lowest - log2_of_roundoff(t)) <= 0;
  mag_clear(size);
  for (int sign = 0; sign < 2; sign++) mag_clear(most[sign]);
  return never;
}

/* The sum of the last n operands. */
static lp_x sum_operands(lp_tape *t, int n, bool reduction) {
  const int first = t->n_operands - n;
  lp_node *sum = lp_tape_new(t, LP_OP_SUM, first, n);
  const int *terms = t->operands + first;
  bool finite = true;
  arb_zero(&sum->value);
  mag_zero(&sum->inherited);
  sum->terms = terms_of_sum(t, terms, n, reduction);
  for (int i = 0; i < n; i++) {
    const lp_node *term = &t->nodes[terms[i]];
    sum->needs = sum->needs || term->needs;
    finite = finite && term->class == LP_FINITE;
    if (finite) add_term(t, sum, term, n > 2);
  }
  if (!finite) return settle_special(t, sum, sum_of_specials(t, terms, n));
  if (sum->sharp && n > 2) sum->sharp = never_rounds(t, terms, n);
  return n == 1 ? settle_exact(t, sum, sum->sharp) : settle(t, sum, sum->sharp);
}

lp_x lp_x_sum_of(lp_tape *t, const lp_x *terms, int n, bool reduction) {
  if (n == 0) return lp_x_constant(t, 0.0);
  int *operands = new_operands(t, n);
  if (!operands) return terms[0];
  for (int i = 0; i < n; i++) operands[i] = terms[i].at;
  return sum_operands(t, n, reduction);
}

lp_x lp_x_sum_of_links(lp_tape *t, int link, int n) {
  int *operands = new_operands(t, n);
  if (!operands) return (lp_x){t->links[link].contribution};
  for (int i = n - 1; i >= 0; i--, link = t->links[link].next) operands[i] = t->links[link].contribution;
  return sum_operands(t, n, true);
}

/* Two terms are an addition, not a reduction. */
lp_x lp_x_sum(lp_tape *t, const lp_x *terms, int n) { return lp_x_sum_of(t, terms, n, n > 2); }

lp_x lp_x_sum_few(lp_tape *t, const lp_x *terms, int n) { return lp_x_sum_of(t, terms, n, false); }
