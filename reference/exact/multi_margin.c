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
 * upstream gradient, NaN where that is infinite. An empty sum is 0, also where PyTorch leaves memory unwritten. */
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
  lp_x margin;
  lp_x own, minus_own; /* x_y, -x_y */
  lp_x weight;         /* w_y, when the case has weights */
  double upstream;
  lp_x *terms, *zeros; /* of active classes, and numbers that are 0 */
  int n_terms, n_zeros;
  bool pulls; /* some class contributes to the gradient of x_y */
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

static bool all_finite(lp_tape *t, const row *r, lp_x z) {
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

/* Is PyTorch's share of the gradient, p z^(p-1) w_y / (N C), 0 in float64? */
static bool share_underflows(lp_tape *t, const row *r, lp_x z) {
  if (!all_finite(t, r, z)) return false;
  const lp_plan *plan = r->plan;
  const bool mean = plan->c->reduction == LP_REDUCTION_MEAN;
  const double count = (double)classes_of(plan) * (mean ? (double)plan->term.numel : 1.0);
  const lp_x slope = plan->c->params[P] == 2.0 ? lp_x_scale(t, z, 2.0) : lp_x_constant(t, 1.0);
  const lp_x weighted = plan->c->has_input[WEIGHT] ? lp_x_multiply(t, slope, r->weight) : slope;
  const lp_x share = lp_x_divide(t, weighted, lp_x_constant(t, count));
  return arf_get_d(arb_midref(lp_x_ball(t, share)), ARF_RND_NEAR) == 0.0;
}

static void add_active(lp_tape *t, row *r, lp_x z, lp_x score) {
  const lp_x power = weighted_power(t, r, z);
  const bool torn = !isfinite(r->upstream) && share_underflows(t, r, z);
  r->terms[r->n_terms++] = torn ? lp_x_detach(t, power) : power;
  if (torn) r->zeros[r->n_zeros++] = lp_x_erase(t, score);
  r->pulls = r->pulls || !torn;
}

static void add_class(lp_tape *t, row *r, lp_x score) {
  const lp_x z = lp_x_sum_few(t, (lp_x[]){r->margin, r->minus_own, score}, 3);
  enter_side(t, z);
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

static row row_at(lp_tape *t, const lp_plan *plan, int64_t index, lp_x *room) {
  const int64_t classes = classes_of(plan), y = plan->c->inputs[TARGET].i64[index];
  row r = {.plan = plan,
           .own = score_at(t, index * classes + y),
           .terms = room,
           .zeros = room + classes,
           .upstream = upstream(plan, index)};
  r.margin = lp_x_parameter(t, MARGIN);
  r.minus_own = lp_x_negate(t, r.own);
  if (lp_x_class(t, r.margin) != LP_FINITE) lp_x_enter(t, SPECIAL);
  if (plan->c->has_input[WEIGHT]) r.weight = class_weight(t, plan, y);
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
    .weight = -1,
    .regimes_of = regimes_of,
};
