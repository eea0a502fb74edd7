/* cosine_embedding, from its definition. For rows x (input1) and y (input2), a label (target), and E = 1e-12 rounded to
 * float32, 0x1.197998p-40:
 *   n1 = sum x_i^2 + E, n2 = sum y_i^2 + E, each over its own row
 *   cos = sum x_i y_i / sqrt(n1 n2), over both rows broadcast
 *   1 - cos for the label 1; max(0, cos - margin) for -1; 0 for any other.
 * An integer row is squared in its own dtype, which wraps, and added up in int64; n1 is then a float32.
 *
 * Rounded intermediates: the products, the three sums, n1, n2, their product, its root, the quotient, the difference.
 * Switch: cos - margin. Near 0 it is decided by squaring, in exact arithmetic: dot against margin sqrt(n1 n2); for
 * margin = 0 it is the dot product. At 0 the gradient passes.
 * PyTorch multiplies by 0 what a label or the hinge leaves out: an infinity or NaN in a row makes its gradients NaN
 * whatever the label is; an infinite upstream gradient becomes 0 there. cos = NaN is on neither side of the margin.
 * Where it passes, the classes of the gradient are those of float64 arithmetic, in whose range squares overflow and
 * products underflow; the value is the true one.
 * Rows without components have cos = 0. */
#include <math.h>
#include <stdlib.h>

#include "reference/exact/exact.h"

extern const lp_exact_loss lp_exact_cosine_embedding;

enum { INPUT1, INPUT2, TARGET };
enum { MARGIN };
enum {
  TARGET_1,
  TARGET_MINUS_1,
  TARGET_OTHER,
  ACTIVE,
  INACTIVE,
  KINK,
  ZERO_VECTOR,
  EPSILON_DOMINATES,
  INTEGER_INPUT,
  UNEQUAL_WIDTHS,
  BROADCAST,
  UNBATCHED,
  EMPTY_BATCH,
  EMPTY_VECTOR,
  SPECIAL,
  N_REGIMES
};

static const char *const regimes[N_REGIMES] = {"target=1",      "target=-1",      "target-other", "active",
                                               "inactive",      "kink",           "zero-vector",  "epsilon-dominates",
                                               "integer-input", "unequal-widths", "broadcast",    "unbatched",
                                               "empty-batch",   "empty-vector",   "special"};

static const double epsilon = 0x1.197998p-40;

/* --- rows --- */

/* A row on the tape: its own elements, which may be one where the other has more. */
typedef struct vector {
  lp_x *x;
  int64_t width;
  const lp_tensor *from;
  int64_t offset;
  lp_x norm; /* sum of squares + E */
} vector;

typedef struct rows {
  vector v[2];
  int64_t n; /* components after broadcasting */
  lp_x dot, cosine;
  bool limited; /* the gradient is that of float64's range */
  lp_x *room;   /* n numbers */
} rows;

static lp_tensor without_last_axis(const lp_tensor *in) {
  lp_tensor leading = *in;
  leading.rank--;
  return leading;
}

static int64_t width_of(const lp_tensor *in) { return in->shape[in->rank - 1]; }

static vector read_vector(lp_tape *t, const lp_plan *plan, int input, int64_t index, lp_x *room) {
  const lp_tensor *in = &plan->c->inputs[input], leading = without_last_axis(in);
  vector v = {.x = room, .width = width_of(in), .from = in};
  v.offset = lp_exact_position(&leading, &plan->term, index) * v.width;
  for (int64_t i = 0; i < v.width; i++) v.x[i] = lp_x_element(t, input, v.offset + i);
  return v;
}

static lp_x at(const vector *v, int64_t i) { return v->x[v->width == 1 ? 0 : i]; }

static int64_t wrap(uint64_t x, lp_dtype dtype) {
  switch (dtype) {
    case LP_BOOL:
      return x != 0;
    case LP_UINT8:
      return (int64_t)(x & 0xff);
    case LP_INT8:
      return (int64_t)((x & 0xff) ^ 0x80) - 0x80;
    case LP_INT16:
      return (int64_t)((x & 0xffff) ^ 0x8000) - 0x8000;
    case LP_INT32:
      return (int64_t)((x & 0xffffffff) ^ 0x80000000) - 0x80000000;
    default:
      return x > INT64_MAX ? -(int64_t)~x - 1 : (int64_t)x;
  }
}

static lp_x integer_norm(lp_tape *t, const vector *v) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < v->width; i++) {
    const uint64_t x = (uint64_t)v->from->i64[v->offset + i];
    sum += (uint64_t)wrap(x * x, v->from->dtype);
  }
  const double rounded = (double)(float)wrap(sum, LP_INT64);
  return lp_x_constant(t, lp_dtype_round(LP_FLOAT32, rounded + epsilon));
}

/* The sum of n products, the factors stretched where they are one. room: n numbers. */
static lp_x sum_of_products(lp_tape *t, const vector *a, const vector *b, int64_t n, lp_x *room) {
  for (int64_t i = 0; i < n; i++) {
    room[i] = a == b ? lp_x_square(t, at(a, i)) : lp_x_multiply(t, at(a, i), at(b, i));
  }
  return lp_x_sum(t, room, (int)n);
}

static void set_norm(lp_tape *t, vector *v, lp_x *room) {
  v->norm = v->from->i64 ? integer_norm(t, v)
                         : lp_x_add(t, sum_of_products(t, v, v, v->width, room), lp_x_constant(t, epsilon));
}

static void set_cosine(lp_tape *t, rows *r) {
  r->dot = sum_of_products(t, &r->v[0], &r->v[1], r->n, r->room);
  for (int i = 0; i < 2; i++) set_norm(t, &r->v[i], r->room);
  r->cosine = lp_x_divide(t, r->dot, lp_x_sqrt(t, lp_x_multiply(t, r->v[0].norm, r->v[1].norm)));
}

/* The cosine where its gradient counts. */
static lp_x passing_cosine(lp_tape *t, const rows *r) {
  rows again = *r;
  if (!r->limited) return r->cosine;
  lp_x_limit_range(t);
  set_cosine(t, &again);
  return lp_x_carry(t, r->cosine, again.cosine);
}

/* --- cos - margin, exactly --- */

static void exact_product(arb_t sum, const lp_tape *t, const vector *a, const vector *b, int64_t n) {
  arb_zero(sum);
  for (int64_t i = 0; i < n; i++) arb_addmul(sum, lp_x_ball(t, at(a, i)), lp_x_ball(t, at(b, i)), ARF_PREC_EXACT);
}

static void exact_norm(arb_t norm, const lp_tape *t, const vector *v) {
  arb_t e;
  if (v->from->i64) {
    arb_set(norm, lp_x_ball(t, v->norm));
    return;
  }
  arb_init(e);
  arb_set_d(e, epsilon);
  exact_product(norm, t, v, v, v->width);
  arb_add(norm, norm, e, ARF_PREC_EXACT);
  arb_clear(e);
}

/* x |x| */
static void signed_square(arb_t x) {
  arb_t size;
  arb_init(size);
  arb_abs(size, x);
  arb_mul(x, x, size, ARF_PREC_EXACT);
  arb_clear(size);
}

/* dot |dot| - margin |margin| n1 n2, of the sign of cos - margin */
static void squared_switch(arb_t s, const lp_tape *t, const rows *r, lp_x margin) {
  arb_t bound, norm;
  arb_init(bound);
  arb_init(norm);
  arb_set(bound, lp_x_ball(t, margin));
  signed_square(bound);
  for (int i = 0; i < 2; i++) {
    exact_norm(norm, t, &r->v[i]);
    arb_mul(bound, bound, norm, ARF_PREC_EXACT);
  }
  exact_product(s, t, &r->v[0], &r->v[1], r->n);
  signed_square(s);
  arb_sub(s, s, bound, ARF_PREC_EXACT);
  arb_clear(bound);
  arb_clear(norm);
}

static bool is_open(const lp_tape *t, lp_x s) {
  const arb_struct *ball = lp_x_ball(t, s);
  return lp_x_class(t, s) == LP_FINITE && arb_contains_zero(ball) && !arb_is_zero(ball);
}

/* cos has the sign of the dot product, which is often exact where the quotient is not. */
static lp_side side_of_margin(lp_tape *t, const rows *r, lp_x margin, lp_x s) {
  arb_t exact;
  if (lp_x_class(t, s) == LP_FINITE && arb_is_zero(lp_x_ball(t, margin))) return lp_x_side(t, r->dot);
  if (!is_open(t, s)) return lp_x_side(t, s);
  arb_init(exact);
  squared_switch(exact, t, r, margin);
  const bool decided = arb_is_exact(exact);
  const int sign = arf_sgn(arb_midref(exact));
  arb_clear(exact);
  return decided ? lp_x_side_known(t, s, (lp_side)sign) : lp_x_side(t, s);
}

/* --- the loss of a pair --- */

static lp_x hinge(lp_tape *t, const rows *r) {
  const lp_x margin = lp_x_parameter(t, MARGIN), s = lp_x_subtract(t, r->cosine, margin);
  lp_x_announce_gate(t);
  const lp_side side = side_of_margin(t, r, margin, s);
  lp_x_enter(t, side == LP_AT || side == LP_ABOVE ? ACTIVE : INACTIVE);
  if (side == LP_AT) lp_x_enter(t, KINK);
  if (side == LP_UNORDERED) return lp_x_add(t, lp_x_mask(t, s, false), lp_x_constant(t, NAN));
  return side == LP_BELOW ? lp_x_shut(t, s) : lp_x_subtract(t, passing_cosine(t, r), margin);
}

static lp_x loss_of(lp_tape *t, const rows *r, double label) {
  lp_x_enter(t, label == 1.0 ? TARGET_1 : label == -1.0 ? TARGET_MINUS_1 : TARGET_OTHER);
  if (label == 1.0) return lp_x_subtract(t, lp_x_constant(t, 1.0), passing_cosine(t, r));
  return label == -1.0 ? hinge(t, r) : lp_x_mask(t, r->cosine, false);
}

static double element_of(const vector *v, int64_t i) { return lp_tensor_get(v->from, v->offset + i); }

static bool is_special(const lp_tape *t, const vector *v) {
  bool special = lp_x_class(t, v->norm) != LP_FINITE || arb_is_negative(lp_x_ball(t, v->norm));
  for (int64_t i = 0; i < v->width; i++) special = special || lp_x_class(t, v->x[i]) != LP_FINITE;
  return special;
}

/* In doubles: a sum of squares that is about E has neither overflowed nor lost anything that matters. */
static void enter_regimes_of_vector(lp_tape *t, const vector *v) {
  bool zero = v->width > 0;
  double sum = 0.0;
  for (int64_t i = 0; i < v->width; i++) {
    const double x = element_of(v, i);
    zero = zero && x == 0.0;
    sum += x * x;
  }
  if (zero) lp_x_enter(t, ZERO_VECTOR);
  if (sum <= epsilon) lp_x_enter(t, EPSILON_DOMINATES);
}

static double upstream(const lp_plan *plan, int64_t index) {
  return lp_plan_upstream(plan, plan->c->reduction == LP_REDUCTION_NONE ? index : 0);
}

static void enter_regimes_of_pair(lp_tape *t, const lp_plan *plan, const rows *r, int64_t index) {
  for (int i = 0; i < 2; i++) enter_regimes_of_vector(t, &r->v[i]);
  const bool finite = isfinite(upstream(plan, index)) && isfinite(plan->c->params[MARGIN]);
  if (!finite || is_special(t, &r->v[0]) || is_special(t, &r->v[1])) lp_x_enter(t, SPECIAL);
}

static int64_t components(const lp_plan *plan) {
  const int64_t a = width_of(&plan->c->inputs[INPUT1]), b = width_of(&plan->c->inputs[INPUT2]);
  return a == 1 ? b : a;
}

static lp_x pair(lp_tape *t, const lp_plan *plan, int64_t index, lp_x *room) {
  const lp_tensor *target = &plan->c->inputs[TARGET];
  rows r = {.n = components(plan)};
  r.v[0] = read_vector(t, plan, INPUT1, index, room);
  r.v[1] = read_vector(t, plan, INPUT2, index, room + r.v[0].width);
  r.limited = t->stand_in == 0 && !isfinite(upstream(plan, index));
  r.room = room + r.v[0].width + r.v[1].width;
  set_cosine(t, &r);
  enter_regimes_of_pair(t, plan, &r, index);
  return loss_of(t, &r, lp_tensor_get(target, lp_exact_position(target, &plan->term, index)));
}

static lp_x term(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_tensor *in = plan->c->inputs;
  const int64_t room = 2 * (width_of(&in[INPUT1]) + width_of(&in[INPUT2])) + 1;
  lp_x *numbers = calloc((size_t)room, sizeof *numbers);
  if (!numbers) {
    t->failed = true;
    return lp_x_constant(t, 0.0);
  }
  const lp_x loss = pair(t, plan, index, numbers);
  free(numbers);
  return loss;
}

/* --- regimes of the case --- */

static uint64_t bit_if(bool entered, int regime) { return entered ? UINT64_C(1) << regime : 0; }

/* Is an element read by several terms? */
static bool is_shared(const lp_tensor *in, int axes, const lp_tensor *term) {
  int64_t own = 1;
  for (int k = 0; k < axes; k++) own *= in->shape[k];
  return own != term->numel && in->numel > 0;
}

static uint64_t regimes_of(const lp_plan *plan) {
  const lp_tensor *in = plan->c->inputs;
  const bool integer = in[INPUT1].i64 || in[INPUT2].i64;
  bool shared = is_shared(&in[TARGET], in[TARGET].rank, &plan->term);
  for (int i = INPUT1; i <= INPUT2; i++) shared = shared || is_shared(&in[i], in[i].rank - 1, &plan->term);
  return bit_if(integer, INTEGER_INPUT) | bit_if(width_of(&in[INPUT1]) != width_of(&in[INPUT2]), UNEQUAL_WIDTHS) |
         bit_if(shared, BROADCAST) | bit_if(in[TARGET].rank == 0, UNBATCHED) |
         bit_if(plan->term.numel == 0, EMPTY_BATCH) | bit_if(components(plan) == 0, EMPTY_VECTOR);
}

const lp_exact_loss lp_exact_cosine_embedding = {
    .name = "cosine_embedding",
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .term = term,
    .weight = -1,
    .regimes_of = regimes_of,
};
