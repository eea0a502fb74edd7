/* multi_margin: torch.nn.functional.multi_margin_loss (ATen/native/LossMultiMargin.cpp).
 *
 * Definition. For a row x of C class scores with target class y, class weights w (all 1 when not given):
 *   z_d  = margin - x_y + x_d
 *   loss = (1/C) sum over d != y, z_d > 0, of w_y z_d^p,   p = 1 or 2
 * The weight stands outside the power. `mean` divides the sum of the rows by their number, weights or not.
 *
 * Stable form. z_d is the exact sum of its three terms rounded once (two error-free sums), so that its sign is always
 * right; powers and their sum carry an error term (rows.h). Finite rows outside the moderate range, where z, z^2, a
 * product with the weight, or a sum would overflow or underflow in double, go the big way.
 *
 * Regimes: active (z > 0), inactive (z < 0), kink (z = 0), near-kink, separated (no class is active), linear (p = 1),
 * squared (p = 2), weighted, weight-zero, weight-negative, single-class (C = 1: the loss is 0), unbatched, 0-d, empty,
 * special (an infinity or NaN takes part), extreme (a finite number outside the moderate range of rows.h takes part).
 *
 * Kink z = 0: PyTorch tests z > 0, so the gradient there is 0.
 * PyTorch 2.13, observed: a NaN z is not > 0 and so contributes nothing, to value and gradient, whether x, x_y or
 * margin is NaN; a NaN or infinite weight counts only where some z > 0. The upstream gradient multiplies the local one,
 * so an infinite one makes inactive components NaN. weight is not differentiable, must have C elements (shorter and
 * longer ones are refused) and input's dtype; target must be int64; both dtypes are not looked at in an empty batch.
 * Target () or (1) with input (C) or (1, C): the loss of reduction none has the target's rank. No classes: refused.
 * An empty batch under mean or sum returns memory that was never written; here the sum is 0 and the mean NaN.
 *
 * Error: p = 1 at most 1 ulp, p = 2 at most 2 ulp, in value and gradient, wherever no sum cancels. */
#include "reference/draw.h"
#include "reference/rows.h"

extern const lp_loss lp_loss_multi_margin;

enum { INPUT, TARGET, WEIGHT, N_INPUTS };
enum { P, MARGIN };
enum { ROWS, CLASSES }; /* plan->extent */

enum {
  ACTIVE,
  INACTIVE,
  KINK,
  NEAR_KINK,
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
  EXTREME,
  N_REGIMES
};

static lp_status check_input(const lp_tensor *input, lp_error *error) {
  if (lp_rows_width(input) > 0) return LP_OK;
  return lp_refuse(error, LP_REJECT_SHAPE, "input: expected at least one class, got a last axis of extent 0");
}

static lp_status check_target(const lp_plan *plan, lp_error *error) {
  const lp_tensor *target = &plan->c->inputs[TARGET];
  const int64_t rows = plan->extent[ROWS], classes = plan->extent[CLASSES];
  if (target->numel != rows) {
    return lp_refuse(error, LP_REJECT_SHAPE, "target: expected %lld class indices, one a row of input, got %lld",
                     (long long)rows, (long long)target->numel);
  }
  if (rows > 0 && target->dtype != LP_INT64) {
    return lp_refuse(error, LP_REJECT_DTYPE, "target: expected int64, got %s", lp_dtype_name(target->dtype));
  }
  for (int64_t i = 0; i < rows; i++) {
    if (target->i64[i] < 0 || target->i64[i] >= classes) {
      return lp_refuse(error, LP_REJECT_INDEX, "target: expected classes 0 to %lld, got %lld at position %lld",
                       (long long)classes - 1, (long long)target->i64[i], (long long)i);
    }
  }
  return LP_OK;
}

static lp_status check_weight(const lp_plan *plan, lp_error *error) {
  const lp_tensor *input = &plan->c->inputs[INPUT], *weight = &plan->c->inputs[WEIGHT];
  if (!plan->c->has_input[WEIGHT]) return LP_OK;
  if (weight->numel != plan->extent[CLASSES]) {
    return lp_refuse(error, LP_REJECT_SHAPE, "weight: expected %lld elements, one a class, got %lld",
                     (long long)plan->extent[CLASSES], (long long)weight->numel);
  }
  if (input->numel > 0 && weight->dtype != input->dtype) {
    return lp_refuse(error, LP_REJECT_DTYPE, "weight: expected input's dtype %s, got %s", lp_dtype_name(input->dtype),
                     lp_dtype_name(weight->dtype));
  }
  return LP_OK;
}

static lp_status plan_rows(lp_plan *plan, lp_error *error) {
  const lp_case *c = plan->c;
  const lp_tensor *input = &c->inputs[INPUT];
  if (c->params[P] != 1.0 && c->params[P] != 2.0) {
    return lp_refuse(error, LP_REJECT_PARAMETER, "p: expected 1 or 2, got %g", c->params[P]);
  }
  LP_TRY(check_input(input, error));
  plan->extent[ROWS] = input->rank == 2 ? input->shape[0] : 1;
  plan->extent[CLASSES] = lp_rows_width(input);
  LP_TRY(check_target(plan, error));
  LP_TRY(check_weight(plan, error));
  lp_plan_set_term(plan, c->inputs[TARGET].rank, &plan->extent[ROWS]);
  return LP_OK;
}

/* One row of the case. */
typedef struct row {
  const double *x;
  double *grad;
  int64_t classes, target;
  double margin, weight;
  bool squared;
  lp_row_gain gain;
} row;

static row row_at(const lp_plan *plan, double *grad, int64_t i) {
  const lp_case *c = plan->c;
  const int64_t classes = plan->extent[CLASSES], target = c->inputs[TARGET].i64[i];
  return (row){.x = c->inputs[INPUT].f64 + i * classes,
               .grad = grad ? grad + i * classes : NULL,
               .classes = classes,
               .target = target,
               .margin = c->params[MARGIN],
               .weight = c->has_input[WEIGHT] ? c->inputs[WEIGHT].f64[target] : 1.0,
               .squared = c->params[P] == 2.0,
               .gain = lp_rows_gain(plan, i)};
}

/* The plain way. */

typedef struct sums {
  lp_lanes power, first; /* of z^p, and of z (p = 2) or of ones (p = 1) */
  double largest[LP_LANES];
} sums;

typedef struct slope {
  double active, idle; /* gradient where z > 0, to be multiplied by z when p = 2; and elsewhere */
} slope;

static inline void add_linear(sums *s, double *grad, int lane, double x, lp_pair base, slope k) {
  const lp_pair near = lp_two_sum(base.high, x);
  const double rest = near.low + base.low;
  const double active = near.high + rest > 0.0 ? 1.0 : 0.0; /* as a number, or the compiler makes it a branch */
  lp_lanes_add(&s->power, lane, active > 0.0 ? near.high : 0.0, active > 0.0 ? rest : 0.0);
  s->first.high[lane] += active;
  s->largest[lane] = near.high > s->largest[lane] ? near.high : s->largest[lane];
  *grad = active > 0.0 ? k.active : k.idle;
}

static inline void add_squared(sums *s, double *grad, int lane, double x, lp_pair base, slope k) {
  const lp_pair near = lp_two_sum(base.high, x);
  const double rest = near.low + base.low, z = near.high + rest;
  const bool active = z > 0.0;
  const double high = active ? near.high : 0.0, low = active ? rest : 0.0;
  const lp_pair square = lp_two_product(high, high);
  lp_lanes_add(&s->power, lane, square.high, square.low + 2.0 * high * low);
  lp_lanes_add(&s->first, lane, high, low);
  s->largest[lane] = near.high > s->largest[lane] ? near.high : s->largest[lane];
  *grad = active ? k.active * z : k.idle;
}

LP_MULTIVERSION static void linear_run(sums *restrict s, double *restrict grad, const double *restrict x, int64_t n,
                                       lp_pair base, slope k) {
  int64_t i = 0;
  for (; i + LP_LANES <= n; i += LP_LANES) {
    for (int j = 0; j < LP_LANES; j++) add_linear(s, grad + i + j, j, x[i + j], base, k);
  }
  for (int j = 0; i + j < n; j++) add_linear(s, grad + i + j, j, x[i + j], base, k);
}

LP_MULTIVERSION static void squared_run(sums *restrict s, double *restrict grad, const double *restrict x, int64_t n,
                                        lp_pair base, slope k) {
  int64_t i = 0;
  for (; i + LP_LANES <= n; i += LP_LANES) {
    for (int j = 0; j < LP_LANES; j++) add_squared(s, grad + i + j, j, x[i + j], base, k);
  }
  for (int j = 0; i + j < n; j++) add_squared(s, grad + i + j, j, x[i + j], base, k);
}

static void run_but(sums *s, const row *r, lp_pair base, slope k) {
  const int64_t y = r->target, after = r->classes - y - 1;
  void (*const run)(sums *, double *, const double *, int64_t, lp_pair, slope) = r->squared ? squared_run : linear_run;
  run(s, r->grad, r->x, y, base, k);
  run(s, r->grad + y + 1, r->x + y + 1, after, base, k);
}

static double largest_of(const sums *s) {
  double largest = 0.0;
  for (int j = 0; j < LP_LANES; j++) largest = s->largest[j] > largest ? s->largest[j] : largest;
  return largest;
}

static bool moderate_factors(const row *r) { return lp_rows_moderate(r->weight) && lp_rows_moderate(r->gain.upstream); }

/* p w / C times the upstream gradient over the number of rows. */
static lp_pair slope_of(const row *r) {
  return lp_rows_gain_over(r->gain, r->squared ? 2.0 * r->weight : r->weight, lp_whole((double)r->classes));
}

/* False when the row is not for the plain way. k: slope_of(r). */
static bool plain_row(lp_pair *value, const row *r, lp_pair k) {
  const lp_pair base = lp_two_sum(r->margin, -r->x[r->target]), classes = lp_whole((double)r->classes);
  if (!moderate_factors(r) || !lp_rows_not_large(base.high)) return false;
  sums s = {{{0.0}, {0.0}}, {{0.0}, {0.0}}, {0.0}};
  run_but(&s, r, base, (slope){k.high, 0.0 * r->gain.upstream});
  const double largest = largest_of(&s);
  if (!lp_rows_not_large(largest) || (r->squared && largest > 0.0 && largest < LP_ROWS_SMALL)) return false;
  const lp_pair power = lp_lanes_total(&s.power, r->classes), first = lp_lanes_total(&s.first, r->classes);
  *value = lp_pair_quotient(lp_pair_product(power, lp_whole(r->weight)), classes);
  r->grad[r->target] = -lp_pair_product(first, k).high;
  return true;
}

/* The big way. */

/* z of class d: exact sums, of a sixteenth of the numbers when the numbers are near overflow. */
static lp_big big_switch(const row *r, int64_t d) {
  const double y = r->x[r->target], x = r->x[d];
  const int down = fmax(fabs(r->margin), fmax(fabs(y), fabs(x))) > 0x1p+1000 ? 4 : 0;
  const lp_pair base = lp_two_sum(ldexp(r->margin, -down), -ldexp(y, -down));
  const lp_pair near = lp_two_sum(base.high, ldexp(x, -down));
  const lp_big z = lp_big_of_pair(lp_two_sum(near.high, near.low + base.low));
  return lp_big_multiply(z, lp_big_of(ldexp(1.0, down)));
}

/* w z^(p - order) p^order, order 0 or 1; 0 where z is not positive. */
static lp_big big_term(const row *r, int64_t d, int order) {
  const lp_big z = big_switch(r, d), zero = lp_big_of(0.0);
  if (d == r->target || z.high <= 0.0) return zero;
  lp_big term = lp_big_of(r->weight);
  for (int i = order; i < 1 + r->squared; i++) term = lp_big_multiply(term, z);
  return order == 1 && r->squared ? lp_big_add(term, term) : term;
}

static lp_big big_value(const row *r) {
  lp_big sum = lp_big_of(0.0);
  for (int64_t d = 0; d < r->classes; d++) sum = lp_big_add(sum, big_term(r, d, 0));
  return lp_big_divide(sum, lp_big_of((double)r->classes));
}

static void big_gradient(const row *r) {
  const lp_big k = lp_big_divide(lp_rows_gain_big(r->gain), lp_big_of((double)r->classes));
  lp_big sum = lp_big_of(0.0);
  for (int64_t d = 0; d < r->classes; d++) {
    const lp_big slope_d = lp_big_multiply(k, big_term(r, d, 1));
    sum = lp_big_subtract(sum, slope_d);
    r->grad[d] = lp_big_get(slope_d);
  }
  r->grad[r->target] = lp_big_get(sum);
}

/* The special way: PyTorch's operations in PyTorch's order. */

static double special_switch(const row *r, int64_t d) { return (r->margin - r->x[r->target]) + r->x[d]; }

static bool special_active(const row *r, int64_t d) { return d != r->target && special_switch(r, d) > 0.0; }

/* Finite z do not overflow beside those that are infinite or NaN. */
static lp_big special_value(const row *r) {
  lp_big sum = lp_big_of(0.0);
  for (int64_t d = 0; d < r->classes; d++) {
    if (!special_active(r, d)) continue;
    const double z = special_switch(r, d);
    lp_big term = isfinite(z) ? big_switch(r, d) : lp_big_of(z);
    if (r->squared) term = lp_big_multiply(term, term);
    sum = lp_big_add(sum, lp_big_multiply(term, lp_big_of(r->weight)));
  }
  return lp_big_divide(sum, lp_big_of((double)r->classes));
}

/* p z^(p-1) w of an active class. */
static lp_big special_slope(const row *r, int64_t d) {
  const lp_big weight = lp_big_of(r->weight);
  if (!r->squared) return weight;
  const double z = special_switch(r, d);
  const lp_big big = isfinite(z) ? big_switch(r, d) : lp_big_of(z);
  return lp_big_multiply(lp_big_add(big, big), weight);
}

/* Where only scores are infinite or NaN, the components of the others are as exact as in any row. */
static void special_scores_gradient(const row *r) {
  const lp_big k = lp_big_divide(lp_rows_gain_big(r->gain), lp_big_of((double)r->classes));
  lp_big sum = lp_big_of(0.0);
  for (int64_t d = 0; d < r->classes; d++) {
    const lp_big slope_d = special_active(r, d) ? lp_big_multiply(k, special_slope(r, d)) : lp_big_of(0.0);
    sum = lp_big_subtract(sum, slope_d);
    r->grad[d] = lp_big_get(slope_d);
  }
  r->grad[r->target] = lp_big_get(sum);
}

static void special_factors_gradient(const row *r) {
  const double k = 1.0 / ((double)r->classes * r->gain.count);
  lp_sum sum = lp_sum_zero();
  for (int64_t d = 0; d < r->classes; d++) {
    const double slope_d = (r->squared ? 2.0 * k * special_switch(r, d) : k) * r->weight;
    const double local = special_active(r, d) ? slope_d : 0.0;
    lp_sum_add(&sum, -local);
    r->grad[d] = local * r->gain.upstream;
  }
  r->grad[r->target] = lp_sum_get(&sum) * r->gain.upstream;
}

static void special_gradient(const row *r) {
  if (isfinite(r->margin) && isfinite(r->weight) && isfinite(r->gain.upstream)) {
    special_scores_gradient(r);
  } else {
    special_factors_gradient(r);
  }
}

static bool finite_row(const row *r) {
  return lp_rows_all_finite(r->x, r->classes) && isfinite(r->margin) && isfinite(r->weight);
}

static void other_row(lp_row_total *total, int64_t i, const row *r) {
  const bool finite = finite_row(r);
  const lp_big value = finite ? big_value(r) : special_value(r);
  if (lp_big_is_finite(value)) {
    lp_rows_put_big(total, i, value);
  } else {
    lp_rows_put(total, i, lp_whole(value.high));
  }
  if (finite && isfinite(r->gain.upstream)) {
    big_gradient(r);
  } else {
    special_gradient(r);
  }
}

static void run(lp_outcome *outcome, const lp_plan *plan, double *scratch) {
  (void)scratch;
  lp_row_total total = lp_rows_total(outcome, plan);
  double *grad = lp_outcome_grad(outcome, INPUT);
  double weight = NAN, upstream = NAN; /* of the row whose slope is k: most rows have the same */
  lp_pair k = lp_whole(0.0);
  for (int64_t i = 0; i < plan->extent[ROWS]; i++) {
    const row r = row_at(plan, grad, i);
    if (r.weight != weight || r.gain.upstream != upstream) k = slope_of(&r);
    weight = r.weight;
    upstream = r.gain.upstream;
    lp_pair value;
    if (plain_row(&value, &r, k)) {
      lp_rows_put(&total, i, value);
    } else {
      other_row(&total, i, &r);
    }
  }
  lp_rows_finish(&total);
}

/* Regimes. */

static uint64_t bit(int regime) { return UINT64_C(1) << regime; }

static uint64_t bit_if(bool entered, int regime) { return entered ? bit(regime) : 0; }

static uint64_t regimes_of_element(const lp_plan *plan, const row *r, int64_t d) {
  if (d == r->target) return 0;
  const double y = r->x[r->target], x = r->x[d], a = r->margin - y;
  const double z = isfinite(a) && isfinite(x) ? lp_big_get(big_switch(r, d)) : special_switch(r, d);
  const bool near = lp_rows_near(plan, z, fabs(a) + fabs(y) + fabs(x));
  return bit_if(z > 0.0, ACTIVE) | bit_if(z < 0.0, INACTIVE) | bit_if(z == 0.0, KINK) | bit_if(near, NEAR_KINK);
}

static uint64_t regimes_of_row(const lp_plan *plan, const row *r) {
  const bool finite = finite_row(r) && isfinite(r->gain.upstream);
  const bool moderate = lp_rows_all_moderate(r->x, r->classes) && lp_rows_moderate(r->margin) &&
                        lp_rows_moderate(r->weight) && lp_rows_moderate(r->gain.upstream);
  uint64_t set = bit_if(r->weight == 0.0, WEIGHT_ZERO) | bit_if(r->weight < 0.0, WEIGHT_NEGATIVE) |
                 bit_if(!finite, SPECIAL) | bit_if(finite && !moderate, EXTREME);
  for (int64_t d = 0; d < r->classes; d++) set |= regimes_of_element(plan, r, d);
  return set | bit_if((set & bit(ACTIVE)) == 0, SEPARATED);
}

static uint64_t regimes_of(const lp_plan *plan, double *scratch) {
  (void)scratch;
  const lp_case *c = plan->c;
  const int rank = c->inputs[INPUT].rank;
  uint64_t set = bit(c->params[P] == 2.0 ? SQUARED : LINEAR) | bit_if(c->has_input[WEIGHT], WEIGHTED) |
                 bit_if(plan->extent[CLASSES] == 1, SINGLE_CLASS) | bit_if(rank == 1, UNBATCHED) |
                 bit_if(rank == 0, ZERO_D) | bit_if(plan->extent[ROWS] == 0, EMPTY);
  for (int64_t i = 0; i < plan->extent[ROWS]; i++) {
    const row r = row_at(plan, NULL, i);
    set |= regimes_of_row(plan, &r);
  }
  return set;
}

/* Values for the generator: the common classes, and weights and targets of its own. */

enum { BAD_TARGET = LP_VALUES_COMMON_COUNT, ODD_WEIGHT, N_VALUE_CLASSES };

static void draw_target(lp_case *c, lp_rng *rng, int value_class) {
  static const int64_t past[] = {0, 1, 7, INT32_MAX, INT64_MAX / 2};
  lp_tensor *target = &c->inputs[TARGET];
  const int64_t classes = lp_rows_width(&c->inputs[INPUT]);
  for (int64_t i = 0; i < target->numel; i++) target->i64[i] = lp_rng_below(rng, classes > 0 ? classes : 1);
  if (value_class != BAD_TARGET || target->numel == 0) return;
  const int64_t beyond = past[lp_rng_below(rng, 5)];
  const int64_t at = lp_rng_below(rng, target->numel);
  target->i64[at] = lp_rng_chance(rng, 0.5) ? classes + beyond : -1 - beyond;
}

static void draw_weight(lp_case *c, lp_rng *rng, int value_class) {
  static const double odd[] = {0.0, -0.0, -1.0, -0.25, 0x1p-1074, 1e-300, 1e300};
  lp_tensor *weight = &c->inputs[WEIGHT];
  for (int64_t i = 0; i < weight->numel; i++) {
    const double usual = (double)(1 + lp_rng_below(rng, 16)) * 0.25;
    const bool is_odd = value_class == ODD_WEIGHT && lp_rng_chance(rng, 0.7);
    weight->f64[i] = lp_dtype_round(weight->dtype, is_odd ? lp_rng_pick(rng, odd, 7) : usual);
  }
  if (value_class == LP_VALUES_SPECIAL && lp_rng_chance(rng, 0.5)) lp_draw_real(weight, rng, value_class);
}

/* Puts z of some classes at 0 or one or two steps beside it. */
static void draw_kinks(lp_case *c, lp_rng *rng) {
  static const double steps[] = {0.0, 0.0, 0.0, -1.0, 1.0, -2.0, 2.0};
  lp_tensor *input = &c->inputs[INPUT];
  const lp_tensor *target = &c->inputs[TARGET];
  const int64_t classes = lp_rows_width(input);
  for (int64_t i = 0; i < input->numel && i / classes < target->numel; i++) {
    const int64_t y = target->i64[i / classes];
    if (y == i % classes || lp_rng_chance(rng, 0.4)) continue;
    const double kink = input->f64[i - i % classes + y] - c->params[MARGIN];
    input->f64[i] = lp_dtype_round(input->dtype, lp_ulp_step(kink, (int)lp_rng_pick(rng, steps, 7)));
  }
}

static void draw(lp_case *c, lp_rng *rng, int value_class) {
  const bool own = value_class >= LP_VALUES_COMMON_COUNT;
  lp_draw_real(&c->inputs[INPUT], rng, own ? LP_VALUES_ORDINARY : value_class);
  draw_target(c, rng, value_class);
  if (c->has_input[WEIGHT]) draw_weight(c, rng, value_class);
  if (value_class == LP_VALUES_BOUNDARY) draw_kinks(c, rng);
}

static const lp_value_class value_classes[N_VALUE_CLASSES] = {
    {"ordinary", true, false, "a wrong formula, sign or denominator; the weight inside the power"},
    {"boundary", false, false, "z >= 0 for z > 0, in value or gradient; z rounded before it is compared"},
    {"equal", false, false, "scores that are equal: every z is the margin"},
    {"tiny", false, false, "signed zeros and subnormals, which a margin of 1 swallows and a margin of 0 shows"},
    {"huge", false, false, "overflow of z, of z^2 or of a sum where the weighted mean is finite"},
    {"special", false, false, "an infinity or NaN: a NaN z is not active"},
    {"bad-target", false, true, "a class outside 0 .. C-1 used as an index before it is tested"},
    {"odd-weight", false, false, "weights that are zero, negative, tiny or huge"},
};

static const lp_shape_class shape_classes[] = {
    {"batch", {"N C", "N", "C"}, true, false, "a wrong class or batch axis"},
    {"square", {"3 3", "3", "3"}, true, false, "class and batch axis mixed up where the extents do not tell"},
    {"wide", {"3 35", "3", "35"}, true, false, "lanes past the last class"},
    {"one-row", {"1 C", "1", "C"}, false, false, "a batch of one taken for no batch"},
    {"one-row-scalar-target", {"1 C", ".", "C"}, false, false, "a 0-d target: the loss is 0-d whatever the reduction"},
    {"unbatched", {"C", ".", "C"}, false, false, "a row without a batch axis"},
    {"unbatched-vector-target", {"C", "1", "C"}, false, false, "reduction none gives one element, not a 0-d loss"},
    {"0-d", {".", ".", "1"}, false, false, "one score is one class: the loss is 0"},
    {"single-class", {"N 1", "N", "1"}, false, false, "nothing to compare with: the loss is 0"},
    {"empty-batch", {"0 C", "0", "C"}, false, false, "the sum of no rows is 0, their mean NaN"},
    {"no-classes", {"N 0", "N", "0"}, false, true, "a division by the number of classes"},
    {"three-axes", {"N C 2", "N", "C"}, false, true, "axes flattened in silence"},
    {"target-length", {"N C", "N+1", "C"}, false, true, "a target longer than the batch"},
    {"target-matrix", {"1 C", "1 1", "C"}, false, true, "a target of rank 2"},
    {"weight-matrix", {"N C", "N", "1 C"}, false, true, "a weight of rank 2"},
    {"weight-long", {"N C", "N", "C+1"}, false, true, "a weight for classes that are not there"},
    {"weight-short", {"N C", "N", "C-1"}, false, true, "a weight read past its end"},
};

static const lp_input_spec inputs[N_INPUTS] = {
    [INPUT] = {.name = "input",
               .kind = LP_KIND_REAL,
               .differentiable = true,
               .max_rank = 2,
               .shape = "(N, C), (C) or (); C >= 1",
               .about = "a score for every class"},
    [TARGET] = {.name = "target",
                .kind = LP_KIND_INDEX,
                .max_rank = 1,
                .shape = "(N); () or (1) when there is one row",
                .about = "the class of every row, 0 <= y < C, int64"},
    [WEIGHT] = {.name = "weight",
                .kind = LP_KIND_REAL,
                .optional = true,
                .min_rank = 1,
                .max_rank = 1,
                .shape = "(C)",
                .about = "a factor for the rows of every class; any sign"},
};

static const double powers[] = {1.0, 2.0};
static const double bad_powers[] = {0.0, 3.0, -1.0};
static const double margins[] = {1.0, 0.5, 0.0, 2.0, -0.75, 1e300, INFINITY, NAN};

static const lp_param_spec params[] = {
    {"p", LP_PARAM_INT, 1.0, "1 or 2", "the power of z", powers, 2, bad_powers, 3},
    {"margin", LP_PARAM_REAL, 1.0, "any number", "by how much the target's score must lead", margins, 8, NULL, 0},
};

static const lp_regime regimes[N_REGIMES] = {
    [ACTIVE] = {"active", "margin - x_y + x_d > 0 for some class d"},
    [INACTIVE] = {"inactive", "margin - x_y + x_d < 0 for some class d"},
    [KINK] = {"kink", "margin - x_y + x_d = 0: gradient 0"},
    [NEAR_KINK] = {"near-kink", "margin - x_y + x_d within rounding of 0, but not 0"},
    [SEPARATED] = {"separated", "no class is active in some row: loss 0"},
    [LINEAR] = {"linear", "p = 1"},
    [SQUARED] = {"squared", "p = 2"},
    [WEIGHTED] = {"weighted", "a weight for every class is given"},
    [WEIGHT_ZERO] = {"weight-zero", "the weight of a target class is 0"},
    [WEIGHT_NEGATIVE] = {"weight-negative", "the weight of a target class is negative"},
    [SINGLE_CLASS] = {"single-class", "C = 1: loss 0"},
    [UNBATCHED] = {"unbatched", "input has one axis"},
    [ZERO_D] = {"0-d", "input is a number"},
    [EMPTY] = {"empty", "no rows"},
    [SPECIAL] = {"special", "an infinity or NaN takes part"},
    [EXTREME] = {"extreme", "a finite number above 2^400 or below 2^-400 takes part"},
};

static const lp_rule rules[] = {
    {"strict-kink", "at z = 0 the gradient is 0"},
    {"weight-outside-power", "the weight of the target's class multiplies z^p"},
    {"mean-over-rows", "the mean divides by the number of rows, not by a sum of weights"},
    {"target-in-range", "every target must be a class"},
    {"weight-length", "weight must have one element a class"},
    {"nan-is-inactive", "a NaN z contributes nothing"},
};

static const lp_bench_shape bench_shapes[] = {{"8192 x 128", {"8192 128", "8192"}}};

const lp_loss lp_loss_multi_margin = {
    .name = "multi_margin",
    .functional = "multi_margin_loss",
    .module = "MultiMarginLoss",
    .summary = "how far every wrong class comes within a margin of the right one",
    .definition = "(1/C) sum over d != y of w_y max(0, margin - x_y + x_d)^p",
    .denominator = "the number of rows; every row is divided by the number of classes C",
    .ignored = "none",
    .batch_axis = "first axis of input, when it has rank 2",
    .class_axis = "last axis of input",
    .reductions = LP_CAN_USUAL,
    .legacy_reduction = true,
    .rejects = 1u << LP_REJECT_DTYPE | 1u << LP_REJECT_RANK | 1u << LP_REJECT_SHAPE | 1u << LP_REJECT_REDUCTION |
               1u << LP_REJECT_PARAMETER | 1u << LP_REJECT_INDEX | 1u << LP_REJECT_GRAD_OUTPUT,
    .inputs = inputs,
    .n_inputs = N_INPUTS,
    .params = params,
    .n_params = 2,
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .rules = rules,
    .n_rules = sizeof rules / sizeof rules[0],
    .shape_classes = shape_classes,
    .n_shape_classes = sizeof shape_classes / sizeof shape_classes[0],
    .value_classes = value_classes,
    .n_value_classes = N_VALUE_CLASSES,
    .bench = bench_shapes,
    .n_bench = 1,
    .plan = plan_rows,
    .run = run,
    .regimes_of = regimes_of,
    .draw = draw,
};
