/* The operations of a tape: ball, class and reach of each result. */
#include <math.h>
#include <string.h>

#include "reference/exact/budget.h"
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

static void make_boundless(lp_node *n) { lp_budget_set_boundless(&n->reach); }

/* What arithmetic may have in the place of a number, as stand_for has it. */
typedef struct readings {
  double of[3];
  int n;
} readings;

static readings certainly(double x) { return (readings){{x}, 1}; }

static readings read_class(lp_tape *t, lp_x a) {
  if (lp_x_class(t, a) == LP_NOT_FINITE) return (readings){{NAN, INFINITY, -INFINITY}, 3};
  return certainly(stand_for(t, a));
}

/* The error that the budget allows a number: k u D reach, nothing where no rounding comes before it. */
static void allowed_error(const lp_tape *t, mag_t error, const lp_node *n) {
  if (n->sharp) {
    mag_zero(error);
  } else {
    lp_budget_relative(error, t->dtype, &n->reach, n->terms);
  }
}

/* The error by which arithmetic may move it: k / LP_BUDGET_HEADROOM u D reach (budget.h). */
static void possible_error(const lp_tape *t, mag_t error, const lp_node *n) {
  allowed_error(t, error, n);
  mag_div_ui(error, error, LP_BUDGET_HEADROOM);
}

/* May rounding, or underflow, have made it 0, or taken it beyond? Its budget is k u D reach + k eta. */
static bool may_be_zero(lp_tape *t, const lp_node *n) {
  if (n->sharp || mag_is_zero(&n->reach)) return false;
  mag_t error, size;
  mag_init(error);
  mag_init(size);
  allowed_error(t, error, n);
  mag_set_d(size, lp_budget_absolute(t->dtype, false));
  mag_add(error, error, size);
  arb_get_mag_lower(size, &n->value);
  const bool may = mag_cmp(size, error) <= 0;
  arb_get_mag(size, &n->value);
  if (may && mag_cmp(size, error) > 0) t->undecided = true;
  mag_clear(error);
  mag_clear(size);
  return may;
}

/* A factor, or divisor, of an infinity: where it may be 0, so it may on the sides that others are on. */
static readings read_beside_infinity(lp_tape *t, lp_x a, double other, double another) {
  if (!is_finite(t, a) || !may_be_zero(t, lp_tape_at(t, a))) return read_class(t, a);
  return (readings){{stand_for(t, a), other, another}, 3};
}

static readings read_factor(lp_tape *t, lp_x a) { return read_beside_infinity(t, a, 0.0, 1.0); }
static readings read_divisor(lp_tape *t, lp_x a) { return read_beside_infinity(t, a, 1.0, -1.0); }

/* Results one after the other: the first as it is, others of another class make it uncertain, and finite ones boundless
 * besides. */
static void add_reading(lp_tape *t, lp_node *n, bool first, double result) {
  const lp_class class = lp_classify(result);
  if (first) {
    settle_special(t, n, result);
  } else if (class == n->class && class != LP_FINITE) {
    return;
  } else if (class != LP_FINITE && n->class != LP_FINITE) {
    n->class = LP_NOT_FINITE;
  } else if (class != n->class || arf_cmp_d(arb_midref(&n->value), result) != 0) {
    make_boundless(n);
  }
}

typedef double function(double x);
typedef double function_of_two(double x, double y);

static lp_x settle_unary(lp_tape *t, lp_node *n, function *f, lp_x x) {
  const readings r = read_class(t, x);
  for (int i = 0; i < r.n; i++) add_reading(t, n, i == 0, f(r.of[i]));
  if (lp_x_is_boundless(t, x)) make_boundless(n);
  return lp_tape_last(t);
}

static lp_x settle_binary(lp_tape *t, lp_node *n, function_of_two *f, const readings *a, const readings *b) {
  for (int i = 0; i < a->n * b->n; i++) add_reading(t, n, i == 0, f(a->of[i % a->n], b->of[i / a->n]));
  if (lp_x_is_boundless(t, (lp_x){n->a}) || lp_x_is_boundless(t, (lp_x){n->b})) make_boundless(n);
  return lp_tape_last(t);
}

static double plus(double a, double b) { return a + b; }
static double minus(double a, double b) { return a - b; }
static double times(double a, double b) { return a * b; }
static double over(double a, double b) { return a / b; }
static double itself(double a) { return a; }
static double negated(double a) { return -a; }
static double squared(double a) { return a * a; }
static double softplus_of(double a) { return log(1.0 + exp(a)); }
static double sigmoid_of(double a) { return 1.0 / (1.0 + exp(-a)); }

/* A singular operation, 1/0 or log 0, on a number that rounding may have moved there, or away: anything. */
static lp_x settle_singular(lp_tape *t, lp_node *n, const lp_node *at, double result) {
  const lp_x number = settle_special(t, n, result);
  if (at->class == LP_FINITE && may_be_zero(t, at)) make_boundless(n);
  return number;
}

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
  n->sharp = false;
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

/* The result underflows, so that what it was is an error. */
static void become_zero(lp_node *n) {
  mag_t size;
  mag_init(size);
  arb_get_mag(size, &n->value);
  mag_add(&n->inherited, &n->inherited, size);
  mag_clear(size);
  arb_zero(&n->value);
}

static void become_infinite(lp_tape *t, lp_node *n) {
  mag_t size;
  mag_init(size);
  arb_get_mag(size, &n->value);
  const bool boundless = lp_budget_is_boundless(&n->inherited, size);
  mag_clear(size);
  settle_special(t, n, arf_sgn(arb_midref(&n->value)) > 0 ? INFINITY : -INFINITY);
  if (boundless) make_boundless(n);
}

/* The ball goes from within the range of float64 beyond it: too wide to tell the class of what comes of it. */
static bool straddles(const lp_node *n) {
  mag_t most;
  mag_init(most);
  arb_get_mag(most, &n->value);
  const bool beyond = mag_cmp_2exp_si(most, lp_range_of(LP_FLOAT64)->largest) > 0;
  mag_clear(most);
  return beyond;
}

/* In float64's range a result is infinite, or a 0 that is not sharp. False: it stays a number. */
static bool leaves_range(lp_tape *t, lp_node *n, bool *sharp) {
  if (!t->float64_range || arb_is_zero(&n->value)) return false;
  if (overflows(n)) {
    become_infinite(t, n);
    return true;
  }
  t->undecided = t->undecided || straddles(n);
  if (underflows(n)) {
    become_zero(n);
    *sharp = false;
  }
  return false;
}

/* The value and the inherited reach are set: adds the rounding of the result. */
static lp_x settle(lp_tape *t, lp_node *n, bool operands_sharp) {
  if (leaves_range(t, n, &operands_sharp)) return lp_tape_last(t);
  arb_get_mag(&n->reach, &n->value);
  mag_add(&n->reach, &n->reach, &n->inherited);
  n->sharp = operands_sharp && lp_is_representable(&n->value, t->dtype);
  add_underflow(t, n);
  return lp_tape_last(t);
}

/* An operation that never rounds, but for underflow. */
static lp_x settle_exact(lp_tape *t, lp_node *n, bool operands_sharp) {
  if (leaves_range(t, n, &operands_sharp)) return lp_tape_last(t);
  mag_set(&n->reach, &n->inherited);
  n->sharp = operands_sharp;
  add_underflow(t, n);
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

static lp_x settle_sum(lp_tape *t, const binary *it, function_of_two *f) {
  const readings a = read_class(t, (lp_x){it->n->a}), b = read_class(t, (lp_x){it->n->b});
  return settle_binary(t, it->n, f, &a, &b);
}

lp_x lp_x_add(lp_tape *t, lp_x a, lp_x b) {
  const binary it = new_binary(t, LP_OP_ADD, a, b);
  if (!is_finite(t, a) || !is_finite(t, b)) return settle_sum(t, &it, plus);
  arb_add(&it.n->value, &it.a->value, &it.b->value, t->precision);
  return finish_sum(t, &it);
}

lp_x lp_x_subtract(lp_tape *t, lp_x a, lp_x b) {
  const binary it = new_binary(t, LP_OP_SUBTRACT, a, b);
  if (!is_finite(t, a) || !is_finite(t, b)) return settle_sum(t, &it, minus);
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

static lp_x multiply_specials(lp_tape *t, const binary *it) {
  const readings a = read_factor(t, (lp_x){it->n->a}), b = read_factor(t, (lp_x){it->n->b});
  return settle_binary(t, it->n, times, &a, &b);
}

/* The product of two errors is k u D times the product of two reaches. */
static void add_product_of_errors(const lp_tape *t, const binary *it) {
  if (it->a->sharp || it->b->sharp) return;
  mag_t error;
  mag_init(error);
  const bool a_is_shorter = it->a->terms < it->b->terms;
  allowed_error(t, error, a_is_shorter ? it->a : it->b);
  mag_addmul(&it->n->inherited, error, a_is_shorter ? &it->b->reach : &it->a->reach);
  mag_clear(error);
}

/* What may be anything still may when its factor is 0. */
static void keep_boundless(lp_node *n, const lp_node *operand) {
  mag_t size;
  mag_init(size);
  arb_get_mag(size, &operand->value);
  if (lp_budget_is_boundless(&operand->reach, size)) lp_budget_set_boundless(&n->inherited);
  mag_clear(size);
}

lp_x lp_x_multiply(lp_tape *t, lp_x a, lp_x b) {
  const binary it = new_binary(t, LP_OP_MULTIPLY, a, b);
  if (!is_finite(t, a) || !is_finite(t, b)) return multiply_specials(t, &it);
  arb_mul(&it.n->value, &it.a->value, &it.b->value, t->precision);
  mag_zero(&it.n->inherited);
  add_share(&it.n->inherited, &it.a->value, &it.b->reach);
  add_share(&it.n->inherited, &it.b->value, &it.a->reach);
  add_product_of_errors(t, &it);
  keep_boundless(it.n, it.a);
  keep_boundless(it.n, it.b);
  const bool sharp = it.a->sharp && it.b->sharp;
  return is_power_of_two(it.a) || is_power_of_two(it.b) ? settle_exact(t, it.n, sharp) : settle(t, it.n, sharp);
}

/* By what part r of itself the budget lets a number move. */
static void uncertainty(const lp_tape *t, mag_t part, const lp_node *a) {
  mag_t size;
  mag_init(size);
  possible_error(t, part, a);
  arb_get_mag_lower(size, &a->value);
  mag_div(part, part, size);
  mag_clear(size);
}

/* A ball too wide to tell how large its number is? */
static bool is_vague(const arb_t x) { return arb_rel_accuracy_bits(x) < 8; }

/* inherited times 1/(1 - r); boundless from r = 1/2 on */
static void amplify(lp_tape *t, mag_t inherited, const mag_t part, const arb_t of) {
  if (mag_is_zero(part)) return;
  if (mag_cmp_2exp_si(part, -1) >= 0) {
    t->undecided = t->undecided || is_vague(of);
    lp_budget_set_boundless(inherited);
    return;
  }
  mag_t rest;
  mag_init(rest);
  mag_one(rest);
  mag_sub_lower(rest, rest, part);
  mag_div(inherited, inherited, rest);
  mag_clear(rest);
}

/* For what has its pole where a is 0. */
static void allow_for_pole(lp_tape *t, lp_node *n, const lp_node *a) {
  mag_t part;
  mag_init(part);
  uncertainty(t, part, a);
  amplify(t, &n->inherited, part, &a->value);
  mag_clear(part);
}

/* inherited = (reach of a + |quotient| reach of b) / |b|: with errors A and B of the operands the quotient is off by at
 * most (A + |quotient| B) / (|b| - B). */
static void share_of_quotient(const binary *it) {
  mag_t b;
  mag_init(b);
  mag_set(&it->n->inherited, &it->a->reach);
  add_share(&it->n->inherited, &it->n->value, &it->b->reach);
  arb_get_mag_lower(b, &it->b->value);
  mag_div(&it->n->inherited, &it->n->inherited, b);
  mag_clear(b);
}

static lp_x divide_specials(lp_tape *t, const binary *it) {
  const readings a = read_class(t, (lp_x){it->n->a}), b = read_divisor(t, (lp_x){it->n->b});
  return settle_binary(t, it->n, over, &a, &b);
}

lp_x lp_x_divide(lp_tape *t, lp_x a, lp_x b) {
  const binary it = new_binary(t, LP_OP_DIVIDE, a, b);
  if (!is_finite(t, a) || !is_finite(t, b)) return divide_specials(t, &it);
  if (arb_is_zero(&it.b->value)) return settle_singular(t, it.n, it.b, stand_for(t, a) / 0.0);
  if (arb_contains_zero(&it.b->value)) t->undecided = true;
  arb_div(&it.n->value, &it.a->value, &it.b->value, t->precision);
  share_of_quotient(&it);
  allow_for_pole(t, it.n, it.b);
  keep_boundless(it.n, it.a);
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

/* k u D reach^2: all that there is where the value is 0 */
static void add_second_order(const lp_tape *t, lp_node *n, const lp_node *a) {
  mag_t error;
  mag_init(error);
  allowed_error(t, error, a);
  mag_addmul(&n->inherited, error, &a->reach);
  mag_clear(error);
}

/* An error as a reach: over k u D. */
static void reach_of_error(const lp_tape *t, mag_t error, const lp_node *a) {
  mag_t factor;
  mag_init(factor);
  mag_set_d(factor, lp_budget_factor(t->dtype, lp_budget_depth(a->terms)));
  mag_div(error, error, factor);
  mag_clear(factor);
}

/* a, moved up by the error that the budget allows it. */
static void move_up(const lp_tape *t, arb_t moved, const lp_node *a) {
  mag_t error;
  arf_t by;
  mag_init(error);
  arf_init(by);
  allowed_error(t, error, a);
  arf_set_mag(by, error);
  arb_add_arf(moved, &a->value, by, 2 * MAG_BITS);
  mag_clear(error);
  arf_clear(by);
}

lp_x lp_x_square(lp_tape *t, lp_x x) {
  lp_node *n = new_unary(t, LP_OP_SQUARE, x);
  const lp_node *a = lp_tape_at(t, x);
  if (a->class != LP_FINITE) return settle_unary(t, n, squared, x);
  arb_sqr(&n->value, &a->value, t->precision);
  mag_zero(&n->inherited);
  add_share(&n->inherited, &a->value, &a->reach);
  mag_mul_2exp_si(&n->inherited, &n->inherited, 1);
  if (!a->sharp) add_second_order(t, n, a);
  return settle(t, n, a->sharp);
}

/* inherited = value reach, but exp(a + error) - exp(a) <= exp(a) error / (1 - error), and <= exp(a + error). */
static void share_of_exp(lp_tape *t, lp_node *n, const lp_node *a) {
  mag_t error;
  mag_init(error);
  possible_error(t, error, a);
  if (mag_cmp_2exp_si(error, -1) < 0) {
    mag_zero(&n->inherited);
    add_share(&n->inherited, &n->value, &a->reach);
    amplify(t, &n->inherited, error, &a->value);
  } else {
    arb_t most;
    arb_init(most);
    move_up(t, most, a);
    arb_exp(most, most, MAG_BITS);
    arb_get_mag(&n->inherited, most);
    reach_of_error(t, &n->inherited, a);
    arb_clear(most);
  }
  mag_clear(error);
}

lp_x lp_x_exp(lp_tape *t, lp_x x) {
  lp_node *n = new_unary(t, LP_OP_EXP, x);
  const lp_node *a = lp_tape_at(t, x);
  if (a->class != LP_FINITE) return settle_unary(t, n, exp, x);
  arb_exp(&n->value, &a->value, t->precision);
  share_of_exp(t, n, a);
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
  if (a->class != LP_FINITE) return settle_unary(t, n, log, x);
  if (arb_is_negative(&a->value) || arb_is_zero(&a->value)) return settle_singular(t, n, a, log(stand_for(t, x)));
  if (arb_contains_zero(&a->value)) t->undecided = true;
  arb_log(&n->value, &a->value, t->precision);
  share_over(&n->inherited, &a->reach, &a->value);
  allow_for_pole(t, n, a);
  return settle(t, n, a->sharp);
}

/* inherited = reach / (2 |value|). Of the error E of a number a, sqrt(a) - sqrt(a - E) is at most E / (2 sqrt(a)) over
 * 1 - E/a, and never more than sqrt(E). */
static void share_of_root(lp_tape *t, lp_node *n, const lp_node *a) {
  mag_t most;
  mag_init(most);
  share_over(&n->inherited, &a->reach, &n->value);
  mag_mul_2exp_si(&n->inherited, &n->inherited, -1);
  if (!a->sharp) {
    allow_for_pole(t, n, a);
    allowed_error(t, most, a);
    mag_sqrt(most, most);
    reach_of_error(t, most, a);
    mag_min(&n->inherited, &n->inherited, most);
  }
  mag_clear(most);
}

lp_x lp_x_sqrt(lp_tape *t, lp_x x) {
  lp_node *n = new_unary(t, LP_OP_SQRT, x);
  const lp_node *a = lp_tape_at(t, x);
  if (a->class != LP_FINITE) return settle_unary(t, n, sqrt, x);
  if (arb_is_negative(&a->value)) return settle_singular(t, n, a, NAN);
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

/* The whole range of a power whose base may as well be 0, as a reach: (4 h)^exponent / (k u D) for a base that is below
 * 2 h and moves by h. */
static void reach_of_range(const lp_tape *t, mag_t reach, const lp_node *a, const arb_t exponent) {
  arb_t most;
  arb_init(most);
  allowed_error(t, reach, a);
  mag_mul_2exp_si(reach, reach, 2);
  arf_set_mag(arb_midref(most), reach);
  arb_pow(most, most, exponent, MAG_BITS);
  arb_get_mag(reach, most);
  reach_of_error(t, reach, a);
  arb_clear(most);
}

/* Where rounding moves the base far, the first-order share falls short: by a factor of at most exp(2 |exponent| part)
 * while part < 1/2. Beyond, a positive power ranges from 0 to that of the moved base; a negative one is unknown. */
static void allow_for_second_order(lp_tape *t, lp_node *n, const lp_node *a, const arb_t exponent) {
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
    lp_budget_set_boundless(&n->inherited);
    t->undecided = t->undecided || is_vague(&a->value);
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
    if (blurred && arb_is_negative(&it.b->value)) return settle_singular(t, it.n, it.a, INFINITY);
    return settle_sum(t, &it, pow);
  }
  if (!arb_is_positive(&it.a->value)) t->undecided = true;
  arb_pow(&it.n->value, &it.a->value, &it.b->value, t->precision);
  share_of_power(it.n, it.a, &it.b->value);
  if (!it.a->sharp) allow_for_second_order(t, it.n, it.a, &it.b->value);
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

/* The slope is at most min(1, softplus), as x/(1+x) <= log(1+x); so is the share of the rounding of exp(a). Both grow
 * with a, which rounding may move up. */
static void share_of_softplus(const lp_tape *t, lp_node *n, const lp_node *a) {
  mag_t slope, reach;
  arb_t moved, most;
  mag_init(slope);
  mag_init(reach);
  arb_init(moved);
  arb_init(most);
  move_up(t, moved, a);
  softplus(most, moved, MAG_BITS);
  arb_get_mag(slope, most);
  mag_one(reach);
  mag_min(slope, slope, reach);
  mag_add(reach, reach, &a->reach);
  mag_mul(&n->inherited, slope, reach);
  arb_clear(moved);
  arb_clear(most);
  mag_clear(slope);
  mag_clear(reach);
}

lp_x lp_x_softplus(lp_tape *t, lp_x x) {
  lp_node *n = new_unary(t, LP_OP_SOFTPLUS, x);
  const lp_node *a = lp_tape_at(t, x);
  if (a->class != LP_FINITE) return settle_unary(t, n, softplus_of, x);
  softplus(&n->value, &a->value, t->precision);
  share_of_softplus(t, n, a);
  return settle(t, n, a->sharp);
}

/* Into share: value (1 - value) reach of a. 1 - value, which is tiny when a is large, is the sigmoid of -a: to subtract
 * would leave the precision instead, times a reach that may be huge. */
static void slope_of_sigmoid(mag_t share, const lp_node *n, const lp_node *a) {
  arb_t minus, rest;
  mag_t size;
  arb_init(minus);
  arb_init(rest);
  mag_init(size);
  arb_neg(minus, &a->value);
  sigmoid(rest, minus, 2 * MAG_BITS);
  arb_get_mag(share, rest);
  mag_mul(share, share, &a->reach);
  arb_get_mag(size, &n->value);
  mag_mul(share, share, size);
  arb_clear(minus);
  arb_clear(rest);
  mag_clear(size);
}

/* A move by the error E takes the sigmoid to no more than that of E - |a| away: as it is at most that to begin with, or
 * 1 less that. */
static void range_of_sigmoid(const lp_tape *t, mag_t share, const lp_node *a) {
  lp_node size = *a;
  arb_t moved, most;
  arb_init(moved);
  arb_init(most);
  arb_init(&size.value);
  arb_abs(&size.value, &a->value);
  arb_neg(&size.value, &size.value);
  move_up(t, moved, &size);
  sigmoid(most, moved, 2 * MAG_BITS);
  arb_get_mag(share, most);
  reach_of_error(t, share, a);
  arb_clear(moved);
  arb_clear(most);
  arb_clear(&size.value);
}

/* Its share by the slope, which an error E makes steeper by a factor of at most exp(E), and value, for the rounding of
 * exp. */
static void share_of_sigmoid(lp_tape *t, lp_node *n, const lp_node *a) {
  mag_t error;
  mag_init(error);
  possible_error(t, error, a);
  if (mag_cmp_2exp_si(error, -1) < 0) {
    slope_of_sigmoid(&n->inherited, n, a);
    amplify(t, &n->inherited, error, &a->value);
  } else {
    range_of_sigmoid(t, &n->inherited, a);
  }
  arb_get_mag(error, &n->value);
  mag_add(&n->inherited, &n->inherited, error);
  mag_clear(error);
}

lp_x lp_x_sigmoid(lp_tape *t, lp_x x) {
  lp_node *n = new_unary(t, LP_OP_SIGMOID, x);
  const lp_node *a = lp_tape_at(t, x);
  if (a->class != LP_FINITE) return settle_unary(t, n, sigmoid_of, x);
  sigmoid(&n->value, &a->value, t->precision);
  share_of_sigmoid(t, n, a);
  return settle(t, n, a->sharp);
}

/* --- without rounding --- */

lp_x lp_x_negate(lp_tape *t, lp_x x) { return lp_x_scale(t, x, -1.0); }

lp_x lp_x_scale(lp_tape *t, lp_x x, double factor) {
  lp_node *n = new_unary(t, LP_OP_SCALE, x);
  const lp_node *a = lp_tape_at(t, x);
  n->number = factor;
  if (a->class != LP_FINITE) return settle_unary(t, n, factor < 0.0 ? negated : itself, x);
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
  if (a->class != LP_FINITE) return settle_unary(t, n, fabs, x);
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
  if (a->class != LP_FINITE) return settle_unary(t, n, itself, x);
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

lp_x lp_x_unknown_slope(lp_tape *t, lp_x x, lp_x of) {
  mag_t boundless;
  mag_init(boundless);
  lp_budget_set_boundless(boundless);
  const lp_x slope = lp_x_number(t, NULL, LP_NAN, boundless, 1);
  mag_clear(boundless);
  return lp_x_carry(t, x, lp_x_multiply(t, slope, of));
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

/* What is no finite number for sure stays so, whatever is added, or becomes NaN. */
static lp_x settle_specials(lp_tape *t, lp_node *sum, const int *terms, int n) {
  bool uncertain = false, boundless = false;
  double all = 0.0;
  for (int i = 0; i < n; i++) {
    const lp_x term = {terms[i]};
    const bool open = lp_x_class(t, term) == LP_NOT_FINITE;
    boundless = boundless || lp_x_is_boundless(t, term);
    uncertain = uncertain || open;
    if (!open) all += stand_for(t, term);
  }
  const lp_x number = settle_special(t, sum, all);
  if (uncertain && sum->class != LP_NAN) sum->class = LP_NOT_FINITE;
  if (boundless) make_boundless(sum);
  return number;
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
  if (!finite) return settle_specials(t, sum, terms, n);
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
