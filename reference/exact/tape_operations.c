/* The operations of a tape: ball, class and reach of each result. */
#include <math.h>
#include <string.h>

#include "reference/exact/tape_internal.h"

/* --- infinities, NaN, singularities --- */

/* A double that stands for the number where only its class and sign matter. */
static double stand_for(lp_tape *t, lp_x a) {
  static const double of_class[] = {0.0, INFINITY, -INFINITY, NAN};
  const lp_node *n = lp_tape_at(t, a);
  return n->class == LP_FINITE ? (double)lp_x_sign(t, a) : of_class[n->class];
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

/* The value and the inherited reach are set: adds the rounding of the result. */
static lp_x settle(lp_tape *t, lp_node *n, bool operands_sharp) {
  arb_get_mag(&n->reach, &n->value);
  mag_add(&n->reach, &n->reach, &n->inherited);
  n->sharp = operands_sharp && lp_is_representable(&n->value, t->dtype);
  return lp_tape_last(t);
}

/* An operation that never rounds. */
static lp_x settle_exact(lp_tape *t, lp_node *n, bool operands_sharp) {
  mag_set(&n->reach, &n->inherited);
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

lp_x lp_x_square(lp_tape *t, lp_x x) {
  lp_node *n = new_unary(t, LP_OP_SQUARE, x);
  const lp_node *a = lp_tape_at(t, x);
  if (a->class != LP_FINITE) return settle_special(t, n, stand_for(t, x) * stand_for(t, x));
  arb_sqr(&n->value, &a->value, t->precision);
  mag_zero(&n->inherited);
  add_share(&n->inherited, &a->value, &a->reach);
  mag_mul_2exp_si(&n->inherited, &n->inherited, 1);
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
  if (a->class != LP_FINITE || arb_is_nonpositive(&a->value)) {
    return settle_special(t, n, a->class == LP_FINITE && !arb_is_zero(&a->value) ? NAN : log(stand_for(t, x)));
  }
  if (arb_contains_zero(&a->value)) t->undecided = true;
  arb_log(&n->value, &a->value, t->precision);
  share_over(&n->inherited, &a->reach, &a->value);
  return settle(t, n, a->sharp);
}

lp_x lp_x_sqrt(lp_tape *t, lp_x x) {
  lp_node *n = new_unary(t, LP_OP_SQRT, x);
  const lp_node *a = lp_tape_at(t, x);
  if (a->class != LP_FINITE || arb_is_negative(&a->value)) return settle_special(t, n, sqrt(stand_for(t, x)));
  if (arb_contains_zero(&a->value) && !arb_is_zero(&a->value)) t->undecided = true;
  arb_sqrtpos(&n->value, &a->value, t->precision);
  share_over(&n->inherited, &a->reach, &n->value);
  if (mag_is_zero(&a->reach)) mag_zero(&n->inherited);
  mag_mul_2exp_si(&n->inherited, &n->inherited, -1);
  return settle(t, n, a->sharp);
}

/* inherited = |p| |value| / |a| reach */
static void share_of_power(lp_node *n, const lp_node *a, double p) {
  mag_t factor;
  mag_init(factor);
  mag_set_d(factor, fabs(p));
  mag_zero(&n->inherited);
  if (!mag_is_zero(&a->reach)) {
    share_over(&n->inherited, &a->reach, &a->value);
    mag_mul(&n->inherited, &n->inherited, factor);
    arb_get_mag(factor, &n->value);
    mag_mul(&n->inherited, &n->inherited, factor);
  }
  mag_clear(factor);
}

lp_x lp_x_power(lp_tape *t, lp_x x, double p) {
  lp_node *n = new_unary(t, LP_OP_POWER, x);
  const lp_node *a = lp_tape_at(t, x);
  arb_t exponent;
  n->number = p;
  if (a->class != LP_FINITE || arb_is_zero(&a->value) || !isfinite(p)) {
    return settle_special(t, n, pow(stand_for(t, x), p));
  }
  if (!arb_is_positive(&a->value)) t->undecided = true;
  arb_init(exponent);
  arb_set_d(exponent, p);
  arb_pow(&n->value, &a->value, exponent, t->precision);
  arb_clear(exponent);
  share_of_power(n, a, p);
  return settle(t, n, a->sharp);
}

/* exp(a) / (1 + exp(a)) */
static void sigmoid(arb_t s, const arb_t a, slong precision) {
  arb_neg(s, a);
  arb_exp(s, s, precision);
  arb_add_ui(s, s, 1, precision);
  arb_inv(s, s, precision);
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
  arb_exp(&n->value, &a->value, t->precision);
  arb_log1p(&n->value, &n->value, t->precision);
  share_of_softplus(n, a);
  return settle(t, n, a->sharp);
}

/* inherited = value (1 - value) reach of a + value, for the rounding of exp */
static void share_of_sigmoid(lp_node *n, const lp_node *a, slong precision) {
  arb_t rest;
  mag_t size;
  arb_init(rest);
  mag_init(size);
  arb_sub_si(rest, &n->value, 1, precision);
  arb_get_mag(&n->inherited, rest);
  mag_mul(&n->inherited, &n->inherited, &a->reach);
  mag_one(size);
  mag_add(&n->inherited, &n->inherited, size);
  arb_get_mag(size, &n->value);
  mag_mul(&n->inherited, &n->inherited, size);
  arb_clear(rest);
  mag_clear(size);
}

lp_x lp_x_sigmoid(lp_tape *t, lp_x x) {
  lp_node *n = new_unary(t, LP_OP_SIGMOID, x);
  const lp_node *a = lp_tape_at(t, x);
  if (a->class != LP_FINITE) return settle_special(t, n, 1.0 / (1.0 + exp(-stand_for(t, x))));
  sigmoid(&n->value, &a->value, t->precision);
  share_of_sigmoid(n, a, t->precision);
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
  for (int i = 0; i < n; i++) {
    const lp_x term = {terms[i]};
    if (!is_finite(t, term)) sum += stand_for(t, term);
  }
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

lp_x lp_x_sum(lp_tape *t, const lp_x *terms, int n) { return lp_x_sum_of(t, terms, n, true); }
