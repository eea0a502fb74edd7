/* multi_margin, from its definition, for a row x of C scores with the class y, class weights w (or 1) and p = 1 or 2:
 *   (1/C) sum over d != y of w_y max(0, z_d)^p,   z_d = margin - x_y + x_d
 * Rounded intermediates: margin and weight where the dtype lacks them, z_d and the partial sums of its terms in any
 * order (PyTorch's kernel begins with margin - x_y, others with x_y - x_d), z_d^2, its product with w_y, the sum over
 * the classes, the quotient by C; in the gradient the products with w_y and 2 z_d and the sum of all classes' shares in
 * the component y.
 * Switches: z_d. PyTorch tests z_d > 0: at 0 the slope is 0, on the other side that of the active branch (which for
 * p = 2 is 0 as well).
 * Degenerate: a NaN z_d is not above 0, so that the class contributes nothing; neither does a NaN or infinite weight of
 * a row without active classes. PyTorch's kernel writes the gradient without the upstream gradient and multiplies
 * afterwards: a component that no active class contributes to, or with a contribution that underflows, is 0 times the
 * upstream gradient, NaN where that is infinite. An empty sum is 0, also where PyTorch leaves memory unwritten.
 * In a row with an infinity or NaN the class of a result may hang on an accident of PyTorch's arithmetic: a finite
 * number that overflows (inf times an upstream gradient of 0), one that underflows beside an infinite weight (0 times
 * inf), the side of a z within rounding of 0 beside an infinite or NaN weight, or of several beside an infinite
 * upstream gradient. Then nothing is claimed of the row. */
#include <math.h>
#include <stdlib.h>

#include "reference/exact/exact.h"

extern const lp_exact_loss lp_exact_multi_margin;

enum { INPUT, TARGET, WEIGHT };
enum { P, MARGIN };
enum {
  ACTIVE,
  INACTIVE,
  KINK,
  SEPARATED,
  LINEAR,
  SQUARED,
  WEIGHTED,
  WEIGHT_ZERO,
  WEIGHT_NEGATIVE,
  SINGLE_CLASS,
  UNBATCHED,
  ZERO_D,
  EMPTY,
  SPECIAL,
  N_REGIMES
};

static const char *const regimes[N_REGIMES] = {
    "active",      "inactive",        "kink",         "separated", "linear", "squared", "weighted",
    "weight-zero", "weight-negative", "single-class", "unbatched", "0-d",    "empty",   "special"};

static int64_t classes_of(const lp_plan *plan) {
  const lp_tensor *input = &plan->c->inputs[INPUT];
  return input->rank == 0 ? 1 : input->shape[input->rank - 1];
}

static void enter_side(lp_tape *t, lp_x z) {
  const lp_side side = lp_x_sign(t, z);
  if (side == LP_ABOVE) lp_x_enter(t, ACTIVE);
  if (side == LP_AT) lp_x_enter(t, KINK);
  if (side == LP_BELOW) lp_x_enter(t, INACTIVE);
}

static lp_x class_weight(lp_tape *t, const lp_plan *plan, int64_t class) {
  const double w = plan->c->inputs[WEIGHT].f64[class];
  if (w == 0.0) lp_x_enter(t, WEIGHT_ZERO);
  if (w < 0.0) lp_x_enter(t, WEIGHT_NEGATIVE);
  if (!isfinite(w)) lp_x_enter(t, SPECIAL);
  return lp_x_element(t, WEIGHT, class);
}

static double upstream(const lp_plan *plan, int64_t index) {
  const bool reduced = plan->c->reduction != LP_REDUCTION_NONE;
  return plan->c->has_grad_output ? plan->c->grad_output.f64[reduced ? 0 : index] : 1.0;
}

/* A row, and what its classes have in common. */
typedef struct row {
  const lp_plan *plan;
  int64_t index;
  lp_x margin;
  lp_x own, minus_own; /* x_y, -x_y */
  lp_x weight;         /* w_y, when the case has weights */
  double upstream;
  lp_x *terms, *zeros; /* of active classes, and numbers that are 0 */
  int n_terms, n_zeros;
  bool pulls;        /* some class contributes to the gradient of x_y */
  int surely, maybe; /* active classes: those that rounding may make inactive apart */
  bool special;      /* an infinity or NaN is in the row */
  double powers,
      shares; /* in float64: sums of the sizes of active classes' terms, and of their shares in the gradient */
} row;

/* In the gradient PyTorch multiplies z by the weight before anything else can make a tiny weight 0. */
static lp_x weighted_infinity(lp_tape *t, const row *r, lp_x z) {
  const lp_x product = lp_x_multiply(t, z, r->weight);
  return r->plan->c->params[P] == 2.0 ? lp_x_multiply(t, z, product) : product;
}

static lp_x weighted_power(lp_tape *t, const row *r, lp_x z) {
  const lp_case *c = r->plan->c;
  const bool weighted = c->has_input[WEIGHT];
  if (weighted && lp_x_class(t, z) != LP_FINITE) return weighted_infinity(t, r, z);
  const lp_x power = c->params[P] == 2.0 ? lp_x_square(t, z) : z;
  return weighted ? lp_x_multiply(t, power, r->weight) : power;
}

static bool all_finite(const lp_tape *t, const row *r, lp_x z) {
  const bool weighted = r->plan->c->has_input[WEIGHT];
  return lp_x_class(t, z) == LP_FINITE && (!weighted || lp_x_class(t, r->weight) == LP_FINITE);
}

/* A class that is not active adds 0, with the reach of what rounding might make of it. */
static void add_idle(lp_tape *t, row *r, lp_x z, lp_x score) {
  r->zeros[r->n_zeros++] = lp_x_erase(t, score);
  if (!all_finite(t, r, z)) return;
  const lp_x shut = lp_x_shut(t, z);
  if (!mag_is_zero(lp_x_reach(t, shut))) r->zeros[r->n_zeros++] = weighted_power(t, r, shut);
}

static double in_float64(const lp_tape *t, lp_x a) { return arf_get_d(arb_midref(lp_x_ball(t, a)), ARF_RND_NEAR); }

static double weight_in_float64(const row *r) {
  const lp_case *c = r->plan->c;
  return c->has_input[WEIGHT] ? c->inputs[WEIGHT].f64[c->inputs[TARGET].i64[r->index]] : 1.0;
}

/* PyTorch's share of the gradient, p z^(p-1) w_y / (N C), for a finite z. */
static double share_in_float64(const lp_tape *t, const row *r, lp_x z) {
  const lp_plan *plan = r->plan;
  const bool mean = plan->c->reduction == LP_REDUCTION_MEAN;
  const double one = 1.0 / ((double)classes_of(plan) * (mean ? (double)plan->term.numel : 1.0));
  return (plan->c->params[P] == 2.0 ? 2.0 * one * in_float64(t, z) : one) * weight_in_float64(r);
}

static double power_in_float64(const lp_tape *t, const row *r, lp_x z) {
  const double value = in_float64(t, z);
  return (r->plan->c->params[P] == 2.0 ? value * value : value) * weight_in_float64(r);
}

/* Does the class of what PyTorch computes hang on rounding, or on the range of float64? */
static void doubt_side(lp_tape *t, const row *r, lp_x z) {
  if (r->special && !isfinite(weight_in_float64(r)) && lp_x_is_near(t, z)) t->lost = true;
}

static void doubt_range(lp_tape *t, row *r, lp_x z) {
  if (!r->special || lp_x_class(t, z) != LP_FINITE || isnan(weight_in_float64(r))) return;
  const double share = share_in_float64(t, r, z);
  const double first = in_float64(t, lp_x_add(t, r->margin, r->minus_own));
  r->powers += fabs(power_in_float64(t, r, z));
  r->shares += fabs(share);
  if (isinf(first) || isinf(in_float64(t, z)) || isnan(share)) t->lost = true;
  if (!isfinite(weight_in_float64(r))) return;
  if (!isfinite(r->shares)) t->lost = true;
  if (!isfinite(r->powers)) t->value_lost = true; /* no power is in the gradient */
}

/* Is the share 0 in float64? */
static bool share_underflows(const lp_tape *t, const row *r, lp_x z) {
  return all_finite(t, r, z) && share_in_float64(t, r, z) == 0.0;
}

static void add_active(lp_tape *t, row *r, lp_x z, lp_x score) {
  const lp_x power = weighted_power(t, r, z);
  doubt_range(t, r, z);
  const bool torn = !isfinite(r->upstream) && share_underflows(t, r, z);
  r->terms[r->n_terms++] = torn ? lp_x_detach(t, power) : power;
  if (torn) r->zeros[r->n_zeros++] = lp_x_erase(t, score);
  r->pulls = r->pulls || !torn;
  const bool maybe = lp_x_is_near(t, z);
  r->surely += !maybe;
  r->maybe += maybe;
}

/* Beside an infinite upstream gradient the component of x_y is NaN when no class is active: where rounding may make
 * several inactive, one at a time does not show it. */
static void doubt_idleness(lp_tape *t, const row *r) {
  if (!isfinite(r->upstream) && t->stand_in == 0 && r->surely == 0 && r->maybe > 1) t->lost = true;
}

static void add_class(lp_tape *t, row *r, lp_x score) {
  const lp_x z = lp_x_sum_few(t, (lp_x[]){r->margin, r->minus_own, score}, 3);
  enter_side(t, z);
  doubt_side(t, r, z);
  if (lp_x_side(t, z) == LP_ABOVE) {
    add_active(t, r, z, score);
  } else {
    add_idle(t, r, z, score);
  }
}

static lp_x score_at(lp_tape *t, int64_t at) {
  const lp_x score = lp_x_element(t, INPUT, at);
  if (lp_x_class(t, score) != LP_FINITE) lp_x_enter(t, SPECIAL);
  return score;
}

/* For limits an infinity is a number like others. */
static bool is_special(const lp_tape *t, const row *r) {
  const lp_case *c = r->plan->c;
  const int64_t classes = classes_of(r->plan);
  bool finite = isfinite(c->params[MARGIN]) && isfinite(weight_in_float64(r));
  for (int64_t d = 0; d < classes; d++) finite = finite && isfinite(c->inputs[INPUT].f64[r->index * classes + d]);
  return !finite && t->stand_in == 0;
}

static row row_at(lp_tape *t, const lp_plan *plan, int64_t index, lp_x *room) {
  const int64_t classes = classes_of(plan), y = plan->c->inputs[TARGET].i64[index];
  row r = {.plan = plan,
           .index = index,
           .own = score_at(t, index * classes + y),
           .terms = room,
           .zeros = room + classes,
           .upstream = upstream(plan, index)};
  r.margin = lp_x_parameter(t, MARGIN);
  r.minus_own = lp_x_negate(t, r.own);
  if (lp_x_class(t, r.margin) != LP_FINITE) lp_x_enter(t, SPECIAL);
  if (plan->c->has_input[WEIGHT]) r.weight = class_weight(t, plan, y);
  r.special = is_special(t, &r);
  return r;
}

/* The sum over the classes; `room` is for 3 C + 1 numbers. */
static lp_x sum_of_classes(lp_tape *t, const lp_plan *plan, int64_t index, lp_x *room) {
  const int64_t classes = classes_of(plan), y = plan->c->inputs[TARGET].i64[index];
  row r = row_at(t, plan, index, room);
  for (int64_t d = 0; d < classes; d++) {
    if (d != y) add_class(t, &r, score_at(t, index * classes + d));
  }
  if (r.n_terms == 0) lp_x_enter(t, SEPARATED);
  doubt_idleness(t, &r);
  if (!r.pulls) r.zeros[r.n_zeros++] = lp_x_erase(t, r.own);
  const lp_x sum = lp_x_sum(t, r.terms, r.n_terms), zero = lp_x_sum(t, r.zeros, r.n_zeros);
  return lp_x_unrounded(t, lp_x_add(t, sum, zero));
}

static lp_x term(lp_tape *t, const lp_plan *plan, int64_t index) {
  const int64_t classes = classes_of(plan);
  lp_x *room = malloc((size_t)(3 * classes + 1) * sizeof *room);
  t->failed = t->failed || !room;
  if (!room) return lp_x_constant(t, 0.0);
  if (!isfinite(upstream(plan, index))) lp_x_enter(t, SPECIAL);
  const lp_x sum = sum_of_classes(t, plan, index, room);
  free(room);
  return lp_x_divide(t, sum, lp_x_constant(t, (double)classes));
}

static uint64_t bit_if(bool entered, int regime) { return entered ? UINT64_C(1) << regime : 0; }

static uint64_t regimes_of(const lp_plan *plan) {
  const lp_case *c = plan->c;
  const int rank = c->inputs[INPUT].rank;
  return bit_if(c->params[P] == 1.0, LINEAR) | bit_if(c->params[P] == 2.0, SQUARED) |
         bit_if(c->has_input[WEIGHT], WEIGHTED) | bit_if(classes_of(plan) == 1, SINGLE_CLASS) |
         bit_if(rank == 1, UNBATCHED) | bit_if(rank == 0, ZERO_D) | bit_if(plan->term.numel == 0, EMPTY);
}

const lp_exact_loss lp_exact_multi_margin = {
    .name = "multi_margin",
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .term = term,
    .strict = true,
    .weight = -1,
    .regimes_of = regimes_of,
};
