/* triplet_margin: torch.nn.functional.triplet_margin_loss (ATen/native/Loss.cpp, Distance.cpp; norm_backward in
 * FunctionsManual.cpp).
 *
 * Definition. For rows a (anchor), b (positive), c (negative), with |d|_p = (sum |d_i|^p)^(1/p):
 *   D(x, y) = |x - y + eps|_p       eps is added to every difference, before the absolute value
 *   near = D(a, b)                  far = D(a, c), with swap min(D(a, c), D(b, c))
 *   loss = max(0, margin + near - far)
 * p = 2, 1 and any other number; |d|_inf is the largest and |d|_-inf the smallest |d_i|, |d|_0 counts what is not 0.
 * Each distance broadcasts its own two rows: a last axis of 1 stretches, and near and far may sum over different
 * numbers of components.
 *
 * Stable form. d_i is the exact sum of its three terms rounded once. p = 2: sqrt of a compensated sum of squares;
 * other p: 2^k (sum (|d_i|/2^k)^p)^(1/p) with 2^k next to the largest |d_i| (the smallest for p < 0), powers as
 * exp(p log r) of pairs. Slope of a norm: d_i/|d| for p = 2, else sign(d_i) (|d_i|/|d|)^(p-1). Rows outside the
 * moderate range of rows.h, and p outside 1/4 .. 64, go the big way, with |d|_p = m exp(log(mean of (|d_i|/m)^p)/p)
 * n^(1/p) in logarithms of twice the precision: nothing overflows for 1e200 or p = 100 or 1e-300, and distances of
 * equal n compare by the rest where n^(1/p) is beyond all range.
 *
 * Regimes: p=2, p=1, p=0, p=inf, p=-inf, p<0, p<1 (0 < p < 1), p>1 (other than 2), p=nan, active, inactive, kink
 * (margin + near = far), near-kink (any switch), swap-anchor, swap-positive, swap-tie, norm-zero, component-zero,
 * extremum-tie, unequal-widths, broadcast, unbatched, 0-d, empty-batch, empty-vector, special, extreme.
 *
 * Kinks, and what PyTorch 2.13 does there: margin + near = far: the gradient passes, as when active. D(a, c) = D(b, c)
 * under swap: each gets half. d_i = 0: slope 0 (for 0 < p < 1 too). |d|_p = 0: slope 0. p = +-inf with r components at
 * the extremum: each gets 1/r of the slope.
 * PyTorch 2.13, observed: margin <= 0 is refused (NaN is not), any p and eps are taken. p = 0: no gradient at all,
 * here zeros. An empty last axis: norm 0, but refused for p < 0 and p = inf. The upstream gradient is replaced by 0
 * when inactive, even a NaN. p < 1 with a zero component and p < 0: norm 0, slope 0. All three must have one rank; 0-d
 * tensors are rows of one component, whose norm is |d| for every p but 0, even NaN. An empty mean is NaN. A distance
 * that several rows share is differentiated once, with the sum of their gradients: with infinities or NaN in it, an
 * inactive row beside an active one does not add 0 * NaN.
 *
 * Error: p = 2 and 1 at most 2 ulp where nothing cancels; 2 u scale everywhere. */
#include "reference/distance.h"
#include "reference/draw.h"

extern const lp_loss lp_loss_triplet_margin;

enum { ANCHOR, POSITIVE, NEGATIVE, N_INPUTS };
enum { MARGIN, P, EPS, SWAP, N_PARAMS };
enum { NEAR, FAR, SWAPPED, N_LEGS }; /* distances; plan->extent holds how many components each sums over */

enum {
  P_IS_2,
  P_IS_1,
  P_IS_0,
  P_IS_INF,
  P_IS_MINUS_INF,
  P_BELOW_0,
  P_BELOW_1,
  P_ABOVE_1,
  P_IS_NAN,
  ACTIVE,
  INACTIVE,
  KINK,
  NEAR_KINK,
  SWAP_ANCHOR,
  SWAP_POSITIVE,
  SWAP_TIE,
  NORM_ZERO,
  COMPONENT_ZERO,
  EXTREMUM_TIE,
  UNEQUAL_WIDTHS,
  BROADCAST,
  UNBATCHED,
  ZERO_D,
  EMPTY_BATCH,
  EMPTY_VECTOR,
  SPECIAL,
  EXTREME,
  N_REGIMES
};

static const int operands[N_LEGS][2] = {{ANCHOR, POSITIVE}, {ANCHOR, NEGATIVE}, {POSITIVE, NEGATIVE}};

static int legs_of(const lp_case *c) { return c->params[SWAP] != 0.0 ? 3 : 2; }

/* --- plan --- */

static lp_status check_ranks(const lp_case *c, lp_error *error) {
  for (int i = POSITIVE; i <= NEGATIVE; i++) {
    if (c->inputs[i].rank == c->inputs[ANCHOR].rank) continue;
    return lp_refuse(error, LP_REJECT_RANK, "%s: expected anchor's number of dimensions %d, got %d",
                     c->loss->inputs[i].name, c->inputs[ANCHOR].rank, c->inputs[i].rank);
  }
  return LP_OK;
}

/* PyTorch does not subtract truth values. */
static lp_status check_dtypes(const lp_case *c, lp_error *error) {
  for (int i = 0; i < N_INPUTS; i++) {
    if (c->inputs[i].dtype != LP_BOOL) continue;
    return lp_refuse(error, LP_REJECT_DTYPE, "%s: expected numbers, got bool", c->loss->inputs[i].name);
  }
  return LP_OK;
}

static lp_status plan_leg(lp_plan *plan, int leg, lp_error *error) {
  const lp_case *c = plan->c;
  const int first = operands[leg][0], second = operands[leg][1];
  const int64_t a = lp_rows_width(&c->inputs[first]), b = lp_rows_width(&c->inputs[second]);
  if (a != b && a != 1 && b != 1) {
    return lp_refuse(error, LP_REJECT_SHAPE, "%s with a last axis of %lld does not broadcast with %s with one of %lld",
                     c->loss->inputs[first].name, (long long)a, c->loss->inputs[second].name, (long long)b);
  }
  plan->extent[leg] = a == 1 ? b : a;
  if (plan->extent[leg] == 0 && (c->params[P] < 0.0 || isinf(c->params[P]))) {
    return lp_refuse(error, LP_REJECT_SHAPE, "%s: expected components, as the norm of none is not defined for p = %g",
                     c->loss->inputs[first].name, c->params[P]);
  }
  return LP_OK;
}

static bool unequal_widths(const lp_plan *plan) {
  const lp_tensor *t = plan->c->inputs;
  const int64_t a = lp_rows_width(&t[ANCHOR]);
  return lp_rows_width(&t[POSITIVE]) != a || lp_rows_width(&t[NEGATIVE]) != a;
}

/* An element's gradient has several summands. */
static bool collects(const lp_plan *plan, int input) { return unequal_widths(plan) || lp_rows_shared(plan, input); }

/* Does one distance serve several rows? */
static bool shared_along(const lp_plan *plan, int leg, int axis) {
  return plan->stride[operands[leg][0]][axis] == 0 && plan->stride[operands[leg][1]][axis] == 0;
}

/* How many distances of a leg there are, when several rows share them; 0 when every row has its own. */
static int64_t pending_rows(const lp_plan *plan, int leg) {
  int64_t rows = 1;
  bool shared = false;
  for (int axis = 0; axis < plan->term.rank; axis++) {
    shared = shared || (shared_along(plan, leg, axis) && plan->term.shape[axis] > 1);
    rows *= shared_along(plan, leg, axis) ? 1 : plan->term.shape[axis];
  }
  return shared ? rows : 0;
}

static int64_t widest_leg(const lp_plan *plan) {
  int64_t widest = 0;
  for (int leg = 0; leg < N_LEGS; leg++) widest = plan->extent[leg] > widest ? plan->extent[leg] : widest;
  return widest;
}

/* Per leg two rows of operands, differences and slopes, and two numbers for every distance that rows share. */
static size_t scratch_of(const lp_plan *plan) {
  int64_t n = 4 * N_LEGS * widest_leg(plan);
  for (int leg = 0; leg < N_LEGS; leg++) n += 2 * pending_rows(plan, leg);
  for (int i = 0; i < N_INPUTS; i++) n += lp_rows_sink_size(plan, i, collects(plan, i), widest_leg(plan));
  return (size_t)n;
}

static lp_status plan_rows(lp_plan *plan, lp_error *error) {
  const lp_case *c = plan->c;
  if (c->params[MARGIN] <= 0.0) {
    return lp_refuse(error, LP_REJECT_PARAMETER, "margin: expected a number > 0, got %g", c->params[MARGIN]);
  }
  LP_TRY(check_dtypes(c, error));
  LP_TRY(check_ranks(c, error));
  LP_TRY(lp_rows_broadcast(plan, 1u << ANCHOR | 1u << POSITIVE | 1u << NEGATIVE, 0, error));
  for (int leg = 0; leg < legs_of(c); leg++) LP_TRY(plan_leg(plan, leg, error));
  plan->scratch = scratch_of(plan);
  return LP_OK;
}

/* --- one row of the case --- */

typedef struct leg {
  int first, second; /* inputs */
  lp_distance v;
  double *x_copy, *y_copy; /* room for rows that are stretched or converted */
  double c;                /* adds c w_i to the gradient of x_i and subtracts it from that of y_i */
  double share;            /* d loss/d norm while active: 1, or -1, -1/2 or 0 */
  int64_t n_pending;
  double *pending; /* of every shared distance: the gradient that unusual rows have for it, until all rows are seen */
  double *touched; /* 1 where there were such rows */
} leg;

typedef enum way { PLAIN, BIG, UNUSUAL } way;

typedef struct triplet {
  const lp_plan *plan;
  double margin, p, eps;
  int axes; /* of the inputs */
  int n_legs;
  leg legs[N_LEGS];
  lp_row_gain gain;
  way way;
  lp_pair value; /* margin + near - far */
  lp_big big;    /* the same, big way */
  bool active;
  bool overflows; /* the slope of some leg, in double */
} triplet;

static triplet triplet_of(const lp_plan *plan, double **scratch) {
  const lp_case *c = plan->c;
  triplet t = {.plan = plan, .margin = c->params[MARGIN], .p = c->params[P], .eps = c->params[EPS]};
  t.axes = c->inputs[ANCHOR].rank;
  t.n_legs = legs_of(c);
  for (int k = 0; k < t.n_legs; k++) {
    leg *l = &t.legs[k];
    const int64_t n = plan->extent[k];
    *l = (leg){.first = operands[k][0], .second = operands[k][1], .v = {.n = n}};
    l->x_copy = *scratch;
    l->y_copy = l->x_copy + n;
    l->v.d = l->y_copy + n;
    l->v.w_copy = l->v.d + n;
    l->n_pending = pending_rows(plan, k);
    l->pending = l->v.w_copy + n;
    l->touched = l->pending + l->n_pending;
    for (int64_t i = 0; i < 2 * l->n_pending; i++) l->pending[i] = 0.0;
    *scratch = l->touched + l->n_pending;
  }
  return t;
}

static void load_row(triplet *t, const lp_row_cursor *at) {
  const lp_tensor *inputs = t->plan->c->inputs;
  for (int k = 0; k < t->n_legs; k++) {
    leg *l = &t->legs[k];
    l->v.x = lp_rows_operand(l->x_copy, &inputs[l->first], at->offset[l->first], l->v.n);
    l->v.y = lp_rows_operand(l->y_copy, &inputs[l->second], at->offset[l->second], l->v.n);
  }
  t->gain = lp_rows_gain(t->plan, at->row);
  t->overflows = false;
}

/* --- value --- */

static bool finite_operands(const triplet *t) {
  bool finite = isfinite(t->margin) && isfinite(t->eps) && !isnan(t->p);
  for (int k = 0; k < t->n_legs; k++) {
    finite = finite && lp_rows_all_finite(t->legs[k].v.x, t->legs[k].v.n) &&
             lp_rows_all_finite(t->legs[k].v.y, t->legs[k].v.n);
  }
  return finite;
}

static bool plain_norms(triplet *t) {
  bool plain = lp_rows_not_large(t->margin) && lp_rows_moderate(t->eps);
  for (int k = 0; k < t->n_legs && plain; k++) plain = lp_distance_plain(&t->legs[k].v, t->p, t->eps);
  return plain;
}

/* Splits the slope of far between its two distances: -1 for the smaller, -1/2 for each when they are equal, and, as
 * PyTorch's min, -1 for each when one is NaN. order: sign of their difference. */
static void set_shares(triplet *t, double order) {
  t->legs[NEAR].share = 1.0;
  t->legs[FAR].share = order == 0.0 ? -0.5 : order > 0.0 ? 0.0 : -1.0;
  t->legs[SWAPPED].share = order == 0.0 ? -0.5 : order < 0.0 ? 0.0 : -1.0;
}

static void plain_value(triplet *t) {
  const lp_pair near = t->legs[NEAR].v.norm, far = t->legs[FAR].v.norm, swapped = t->legs[SWAPPED].v.norm;
  const bool swap = t->n_legs == N_LEGS;
  set_shares(t, swap ? far.high - swapped.high : -1.0);
  const lp_pair least = swap && swapped.high < far.high ? swapped : far;
  t->value = lp_pair_sum(lp_pair_sum(near, lp_pair_negative(least)), lp_whole(t->margin));
  t->active = t->value.high >= 0.0;
}

/* The sign of a - b; 0 as far as big arithmetic may be wrong about it. */
static double big_order(lp_big a, lp_big b) {
  const lp_big difference = lp_big_subtract(a, b), error = lp_big_multiply(a, lp_big_of(0x1p-80));
  return lp_big_less(error, lp_big_abs(difference)) ? difference.high : 0.0;
}

static void big_value(triplet *t) {
  for (int k = 0; k < t->n_legs; k++) lp_distance_big(&t->legs[k].v, t->p, t->eps);
  const lp_big far = t->legs[FAR].v.big, swapped = t->legs[SWAPPED].v.big;
  const bool swap = t->n_legs == N_LEGS;
  set_shares(t, swap ? big_order(far, swapped) : -1.0);
  const lp_big least = swap && lp_big_less(swapped, far) ? swapped : far;
  t->big = lp_big_add(lp_big_subtract(t->legs[NEAR].v.big, least), lp_big_of(t->margin));
  t->value = lp_whole(lp_big_get(t->big));
  t->active = t->big.high >= 0.0;
}

static void special_value(triplet *t) {
  for (int k = 0; k < t->n_legs; k++) lp_distance_special(&t->legs[k].v, t->p, t->eps, t->axes);
  const double far = t->legs[FAR].v.norm.high, swapped = t->legs[SWAPPED].v.norm.high;
  const bool swap = t->n_legs == N_LEGS;
  const double order = far == swapped ? 0.0 : far > swapped ? 1.0 : far < swapped ? -1.0 : (double)NAN;
  set_shares(t, swap ? order : -1.0);
  const double least = swap && (swapped < far || isnan(swapped)) ? swapped : far;
  t->value = lp_whole(t->margin + t->legs[NEAR].v.norm.high - least);
  t->active = t->value.high >= 0.0;
}

/* Distances that rounding makes equal, or puts in the wrong order, are told apart in big arithmetic. Counts are exact.
 */
static bool nearly_tied(const triplet *t) {
  const double far = t->legs[FAR].v.norm.high, swapped = t->legs[SWAPPED].v.norm.high;
  return t->n_legs == N_LEGS && t->p != 0.0 && fabs(far - swapped) <= 0x1p-48 * far;
}

static void measure_row(triplet *t) {
  t->way = plain_norms(t) && !nearly_tied(t) ? PLAIN : finite_operands(t) ? BIG : UNUSUAL;
  if (t->way == PLAIN) plain_value(t);
  if (t->way == BIG) big_value(t);
  if (t->way == UNUSUAL) special_value(t);
}

static void put_value(lp_row_total *total, int64_t row, const triplet *t) {
  if (t->way == BIG) {
    lp_rows_put_big(total, row, t->active ? t->big : lp_big_of(0.0));
  } else {
    lp_rows_put(total, row, t->value.high < 0.0 ? lp_whole(0.0) : t->value);
  }
}

/* --- slopes: leg k adds c w_i --- */

static void plain_slopes(triplet *t) {
  for (int k = 0; k < t->n_legs; k++) {
    leg *l = &t->legs[k];
    l->c = l->share == 0.0 ? 0.0 : lp_rows_gain_over(t->gain, l->share, l->v.divisor).high;
    lp_distance_plain_slopes(&l->v, t->p);
  }
}

static lp_big big_contribution(const triplet *t, const leg *l, int64_t i) {
  if (l->share == 0.0) return lp_big_of(0.0);
  const lp_big g = lp_big_multiply(lp_rows_gain_big(t->gain), lp_big_of(l->share));
  return lp_big_multiply(g, lp_distance_big_slope(&l->v, t->p, t->eps, i));
}

/* Where a leg overflows, components are added up again in big arithmetic, since legs may cancel. */
static void big_slopes(triplet *t) {
  for (int k = 0; k < t->n_legs; k++) {
    leg *l = &t->legs[k];
    l->c = 1.0;
    l->v.w = l->v.w_copy;
    for (int64_t i = 0; i < l->v.n; i++) {
      l->v.w_copy[i] = lp_big_get(big_contribution(t, l, i));
      t->overflows = t->overflows || isinf(l->v.w_copy[i]);
    }
  }
}

/* Which of the distances of a leg a row reads. */
static int64_t distance_of(const lp_plan *plan, int k, const lp_row_cursor *at) {
  int64_t index = 0;
  for (int axis = 0; axis < plan->term.rank; axis++) {
    if (!shared_along(plan, k, axis)) index = index * plan->term.shape[axis] + at->at[axis];
  }
  return index;
}

/* Masked, not multiplied: inactive rows and the larger distance under swap get 0 from an infinite upstream gradient. */
static void special_slopes(triplet *t, const lp_row_cursor *at) {
  for (int k = 0; k < t->n_legs; k++) {
    leg *l = &t->legs[k];
    l->c = 1.0;
    const bool takes_part = t->active && l->share != 0.0;
    const double g = takes_part ? l->share * (t->gain.upstream / t->gain.count) : 0.0;
    if (l->n_pending > 0) {
      const int64_t distance = distance_of(t->plan, k, at);
      l->pending[distance] += g;
      l->touched[distance] = 1.0;
      lp_distance_no_slopes(&l->v);
    } else {
      lp_distance_special_slopes(&l->v, t->p, g);
    }
  }
}

/* The way of the gradient is that of the value unless the upstream gradient has other needs. */
static void slope_row(triplet *t, const lp_row_cursor *at) {
  const double upstream = t->gain.upstream;
  if (t->way == UNUSUAL || !isfinite(upstream)) {
    if (t->way != UNUSUAL) special_value(t);
    special_slopes(t, at);
  } else if (!t->active) {
    for (int k = 0; k < t->n_legs; k++) lp_distance_no_slopes(&t->legs[k].v);
  } else if (t->way == PLAIN && lp_rows_moderate(upstream)) {
    plain_slopes(t);
  } else {
    if (t->way == PLAIN) big_value(t);
    big_slopes(t);
  }
}

/* --- gradients --- */

/* Three rows of gradients from the slopes of two or three legs of equal width. */
LP_MULTIVERSION static void assemble_two(double *restrict ga, double *restrict gp, double *restrict gn, const leg *near,
                                         const leg *far, int64_t n) {
  const double *const wp = near->v.w, *const wn = far->v.w, cp = near->c, cn = far->c;
  for (int64_t i = 0; i < n; i++) {
    const double ep = cp * wp[i], en = cn * wn[i];
    ga[i] = ep + en;
    gp[i] = -ep;
    gn[i] = -en;
  }
}

LP_MULTIVERSION static void add_swapped(double *restrict gp, double *restrict gn, const leg *swapped) {
  const double *const ws = swapped->v.w, cs = swapped->c;
  for (int64_t i = 0; i < swapped->v.n; i++) {
    const double es = cs * ws[i];
    gp[i] += es;
    gn[i] -= es;
  }
}

/* What component i of a leg adds to the gradient of its first row. */
static double contribution(const leg *l, int64_t i) { return l->c * l->v.w[i]; }

static double big_gradient_of_row(const triplet *t, int input, int64_t i) {
  lp_big sum = lp_big_of(0.0);
  for (int k = 0; k < t->n_legs; k++) {
    const leg *l = &t->legs[k];
    if (l->first != input && l->second != input) continue;
    const lp_big e = big_contribution(t, l, i);
    sum = lp_big_add(sum, l->first == input ? e : lp_big_negate(e));
  }
  return lp_big_get(sum);
}

static void deliver_leg(const lp_row_sink sinks[N_INPUTS], const lp_row_cursor *at, const leg *l) {
  for (int64_t i = 0; i < l->v.n; i++) {
    const double e = contribution(l, i);
    lp_rows_collect(&sinks[l->first], at->offset[l->first], i, e);
    lp_rows_collect(&sinks[l->second], at->offset[l->second], i, -e);
  }
}

/* What was put off: each shared distance once, where the first row that reads it is. */
static void deliver_pending(const lp_row_sink sinks[N_INPUTS], triplet *t, int k) {
  const lp_plan *plan = t->plan;
  leg *l = &t->legs[k];
  for (lp_row_cursor at = {0}; at.row < plan->term.numel && l->n_pending > 0; lp_rows_next(&at, plan)) {
    const int64_t distance = distance_of(plan, k, &at);
    if (l->touched[distance] == 0.0) continue;
    load_row(t, &at);
    lp_distance_special(&l->v, t->p, t->eps, t->axes);
    lp_distance_special_slopes(&l->v, t->p, l->pending[distance]);
    l->c = 1.0;
    l->touched[distance] = 0.0;
    deliver_leg(sinks, &at, l);
  }
}

static void deliver_rows(const lp_row_sink sinks[N_INPUTS], const lp_row_cursor *at, const triplet *t) {
  const int64_t n = t->legs[NEAR].v.n;
  double *rows[N_INPUTS];
  for (int i = 0; i < N_INPUTS; i++) rows[i] = lp_rows_row_of(&sinks[i], at->offset[i]);
  assemble_two(rows[ANCHOR], rows[POSITIVE], rows[NEGATIVE], &t->legs[NEAR], &t->legs[FAR], n);
  if (t->n_legs == N_LEGS) add_swapped(rows[POSITIVE], rows[NEGATIVE], &t->legs[SWAPPED]);
  for (int i = 0; i < N_INPUTS; i++) {
    for (int64_t j = 0; t->overflows && j < n; j++) rows[i][j] = big_gradient_of_row(t, i, j);
    lp_rows_deliver(&sinks[i], at->offset[i], n);
  }
}

/* Rows that overflow apart may cancel together. */

/* What a row adds to element `element` of an input. */
static lp_big big_share_of_row(triplet *t, const lp_row_cursor *at, int input, int64_t element) {
  lp_big sum = lp_big_of(0.0);
  const int64_t width = lp_rows_width(&t->plan->c->inputs[input]);
  big_value(t);
  for (int k = 0; k < t->n_legs && t->active; k++) {
    const leg *l = &t->legs[k];
    if (l->first != input && l->second != input) continue;
    for (int64_t i = 0; i < l->v.n; i++) {
      if (at->offset[input] + (width == 1 ? 0 : i) != element) continue;
      const lp_big e = big_contribution(t, l, i);
      sum = lp_big_add(sum, l->first == input ? e : lp_big_negate(e));
    }
  }
  return sum;
}

/* The gradient of an element from all rows that read it; false when one of them is not finite. */
static bool big_gradient(lp_big *sum, triplet *t, int input, int64_t element) {
  const int64_t width = lp_rows_width(&t->plan->c->inputs[input]);
  *sum = lp_big_of(0.0);
  for (lp_row_cursor at = {0}; at.row < t->plan->term.numel; lp_rows_next(&at, t->plan)) {
    if (element / width * width != at.offset[input]) continue;
    load_row(t, &at);
    if (!finite_operands(t) || !isfinite(t->gain.upstream)) return false;
    *sum = lp_big_add(*sum, big_share_of_row(t, &at, input, element));
  }
  return true;
}

static void mend_overflow(triplet *t, const lp_row_sink *sink, int input) {
  lp_big sum;
  for (int64_t j = 0; sink->grad && sink->low && j < sink->numel; j++) {
    if (!isfinite(sink->grad[j]) && big_gradient(&sum, t, input, j)) sink->grad[j] = lp_big_get(sum);
  }
}

static void run(lp_outcome *outcome, const lp_plan *plan, double *scratch) {
  const bool unequal = unequal_widths(plan);
  lp_row_total total = lp_rows_total(outcome, plan);
  triplet t = triplet_of(plan, &scratch);
  lp_row_sink sinks[N_INPUTS];
  for (int i = 0; i < N_INPUTS; i++) {
    sinks[i] = lp_rows_open_sink(outcome, plan, i, collects(plan, i), widest_leg(plan), scratch);
    scratch += lp_rows_sink_size(plan, i, collects(plan, i), widest_leg(plan));
  }
  for (lp_row_cursor at = {0}; at.row < plan->term.numel; lp_rows_next(&at, plan)) {
    load_row(&t, &at);
    measure_row(&t);
    put_value(&total, at.row, &t);
    slope_row(&t, &at);
    if (!unequal) deliver_rows(sinks, &at, &t);
    for (int k = 0; unequal && k < t.n_legs; k++) deliver_leg(sinks, &at, &t.legs[k]);
  }
  for (int k = 0; k < t.n_legs; k++) deliver_pending(sinks, &t, k);
  for (int i = 0; i < N_INPUTS; i++) {
    lp_rows_close_sink(&sinks[i]);
    mend_overflow(&t, &sinks[i], i);
  }
  lp_rows_finish(&total);
}

/* --- regimes --- */

static uint64_t bit(int regime) { return UINT64_C(1) << regime; }

static uint64_t bit_if(bool entered, int regime) { return entered ? bit(regime) : 0; }

static bool general(double p) { return p != 0.0 && p != 1.0 && p != 2.0 && !isinf(p); }

static double size_of_log(double x) { return x == 0.0 ? 0.0 : fabs(log(fabs(x))); }

/* |s_i| + |eps| + |d_i| */
static double size_of_difference(const triplet *t, const leg *l, int64_t i) {
  return fabs(l->v.x[i] - l->v.y[i]) + fabs(t->eps) + fabs(l->v.d[i]);
}

/* Slope of the norm alone; needs slope_row with an upstream gradient of 1. */
static double unit_slope(const leg *l, int64_t i) {
  return l->share == 0.0 ? 0.0 : fabs(contribution(l, i) / l->share);
}

/* The scale of a norm: s_i and d_i, the powers and their sum, for other p also the exponents. */
static double scale_of_norm(const triplet *t, const leg *l) {
  const double norm = fabs(l->v.norm.high), powers_of = t->p == 0.0 || isinf(t->p) ? 0.0 : 2.0 * norm / fabs(t->p);
  double scale = norm + powers_of + (general(t->p) ? norm * size_of_log(norm) : 0.0);
  for (int64_t i = 0; i < l->v.n; i++) {
    const double u = unit_slope(l, i);
    scale += u * size_of_difference(t, l, i) + (general(t->p) ? u * fabs(l->v.d[i]) * size_of_log(l->v.d[i]) : 0.0);
  }
  return scale;
}

/* What the loss of the row adds to its own size, were it active. */
static double terms_of_row(const triplet *t) {
  double terms = fabs(t->margin) + fabs(t->margin + t->legs[NEAR].v.norm.high);
  for (int k = 0; k < t->n_legs; k++) terms += fabs(t->legs[k].share) * scale_of_norm(t, &t->legs[k]);
  return terms;
}

/* A row measured as if active, with an upstream gradient of 1. */
typedef struct view {
  bool active;
  bool near_hinge;
} view;

static view view_row(triplet *t, const lp_row_cursor *at) {
  view v = {.active = false};
  measure_row(t);
  v.active = t->active;
  t->active = true;
  t->gain = (lp_row_gain){1.0, 1.0};
  slope_row(t, at);
  v.near_hinge = lp_rows_near(t->plan, t->value.high, fabs(t->value.high) + terms_of_row(t));
  return v;
}

static uint64_t regime_of_power(double p) {
  if (isnan(p)) return bit(P_IS_NAN);
  if (isinf(p)) return bit(p > 0.0 ? P_IS_INF : P_IS_MINUS_INF);
  if (p == 0.0 || p == 1.0 || p == 2.0) return bit(p == 0.0 ? P_IS_0 : p == 1.0 ? P_IS_1 : P_IS_2);
  return bit(p < 0.0 ? P_BELOW_0 : p < 1.0 ? P_BELOW_1 : P_ABOVE_1);
}

/* A component of 0, or next to it where the slope jumps there; one next to the extremum. */
static uint64_t regimes_of_component(const triplet *t, const leg *l, int64_t i, int64_t extremum) {
  const double d = l->v.d[i], size = size_of_difference(t, l, i) + fabs(l->v.x[i]) + fabs(l->v.y[i]);
  const bool near_zero = t->p < 2.0 && lp_rows_near(t->plan, d, size);
  const bool near_extremum =
      isinf(t->p) && lp_rows_near(t->plan, lp_distance_excess(&l->v, t->eps, i, extremum), 2.0 * size);
  return bit_if(d == 0.0, COMPONENT_ZERO) | bit_if(near_zero || near_extremum, NEAR_KINK);
}

static uint64_t regimes_of_leg(const triplet *t, const leg *l) {
  const int64_t extremum = lp_distance_extremal(&l->v, t->p > 0.0);
  uint64_t set = bit_if(l->v.norm.high == 0.0, NORM_ZERO);
  set |= bit_if(isinf(t->p) && lp_distance_count(&l->v, fabs(l->v.norm.high)) > 1, EXTREMUM_TIE);
  for (int64_t i = 0; i < l->v.n; i++) set |= regimes_of_component(t, l, i, extremum);
  return set;
}

static double gap_of_swap(const triplet *t) {
  const lp_distance *far = &t->legs[FAR].v, *swapped = &t->legs[SWAPPED].v;
  return t->way == BIG ? lp_big_get(lp_big_subtract(far->big, swapped->big)) : far->norm.high - swapped->norm.high;
}

/* The shares tell which distance is less, also where both leave the range of double; those of a NaN are both -1. */
static uint64_t regimes_of_swap(const triplet *t) {
  if (t->n_legs < N_LEGS) return 0;
  const leg *far = &t->legs[FAR], *swapped = &t->legs[SWAPPED];
  const double size = scale_of_norm(t, far) + scale_of_norm(t, swapped);
  return bit_if(swapped->share == 0.0, SWAP_ANCHOR) | bit_if(far->share == 0.0, SWAP_POSITIVE) |
         bit_if(far->share == -0.5, SWAP_TIE) | bit_if(lp_rows_near(t->plan, gap_of_swap(t), size), NEAR_KINK);
}

/* The switch of the hinge; only its side means something. */
static double hinge_of(const triplet *t) { return t->way == BIG ? t->big.high : t->value.high; }

/* At a kink, when plain arithmetic misses it by its rounding: both sides are right there too. Spoils the row. */
static uint64_t regimes_of_missed_kink(triplet *t) {
  const bool hinge = hinge_of(t) == 0.0, tie = t->n_legs == N_LEGS && t->legs[FAR].share == -0.5;
  special_value(t);
  return bit_if((hinge && t->value.high != 0.0) || (tie && t->legs[FAR].share != -0.5), NEAR_KINK);
}

static bool moderate_operands(const triplet *t) {
  bool moderate = lp_rows_moderate(t->margin) && lp_rows_moderate(t->eps);
  for (int k = 0; k < t->n_legs; k++) {
    const leg *l = &t->legs[k];
    moderate = moderate && lp_rows_all_moderate(l->v.x, l->v.n) && lp_rows_all_moderate(l->v.y, l->v.n);
  }
  return moderate;
}

static uint64_t regimes_of_row(triplet *t, const lp_row_cursor *at) {
  const double upstream = t->gain.upstream;
  const bool finite = finite_operands(t) && isfinite(upstream);
  const view v = view_row(t, at);
  uint64_t set = bit_if(hinge_of(t) == 0.0, KINK) | bit(v.active ? ACTIVE : INACTIVE) | bit_if(v.near_hinge, NEAR_KINK);
  set |= bit_if(!finite, SPECIAL) | bit_if(finite && !(moderate_operands(t) && lp_rows_moderate(upstream)), EXTREME);
  for (int k = 0; k < t->n_legs; k++) set |= regimes_of_leg(t, &t->legs[k]);
  set |= regimes_of_swap(t);
  return set | regimes_of_missed_kink(t);
}

static bool any_shared(const lp_plan *plan) {
  return lp_rows_shared(plan, ANCHOR) || lp_rows_shared(plan, POSITIVE) || lp_rows_shared(plan, NEGATIVE);
}

static uint64_t regimes_of(const lp_plan *plan, double *scratch) {
  const int rank = plan->c->inputs[ANCHOR].rank;
  bool empty_vector = false;
  for (int k = 0; k < legs_of(plan->c); k++) empty_vector = empty_vector || plan->extent[k] == 0;
  uint64_t set = regime_of_power(plan->c->params[P]) | bit_if(unequal_widths(plan), UNEQUAL_WIDTHS) |
                 bit_if(any_shared(plan), BROADCAST) | bit_if(rank == 1, UNBATCHED) | bit_if(rank == 0, ZERO_D) |
                 bit_if(plan->term.numel == 0, EMPTY_BATCH) | bit_if(empty_vector, EMPTY_VECTOR);
  triplet t = triplet_of(plan, &scratch);
  for (lp_row_cursor at = {0}; at.row < plan->term.numel; lp_rows_next(&at, plan)) {
    load_row(&t, &at);
    set |= regimes_of_row(&t, &at);
  }
  return set;
}

/* --- values for the generator --- */

enum {
  GEOMETRY = LP_VALUES_COMMON_COUNT, /* equal, opposite and parallel rows, norms from 1e-20 to 1e20 */
  TIES,                              /* quarters: norms and distances that are equal */
  N_VALUE_CLASSES
};

static void set_real(lp_tensor *t, int64_t i, double x) {
  if (t->f64) t->f64[i] = lp_dtype_round(t->dtype, x);
}

/* The elements of `to` from those of `from`, times a factor, now and then an ulp or two off. */
static void draw_related(lp_tensor *to, const lp_tensor *from, lp_rng *rng) {
  static const double factors[] = {1.0, 1.0, -1.0, 2.0, 0.0, 1e-7, 1e10, 1e-20};
  const double factor = lp_rng_pick(rng, factors, 8);
  const int steps = (int)lp_rng_below(rng, 3) - 1;
  for (int64_t i = 0; i < to->numel && i < from->numel; i++) {
    if (lp_rng_chance(rng, 0.85)) set_real(to, i, lp_ulp_step(factor * lp_tensor_get(from, i), steps));
  }
}

static void draw_geometry(lp_case *c, lp_rng *rng) {
  static const double units[] = {1.0, 1e-20, 1e-7, 1e10, 1e19, 1e20};
  const double unit = lp_rng_pick(rng, units, 6);
  lp_tensor *anchor = &c->inputs[ANCHOR];
  for (int64_t i = 0; i < anchor->numel; i++) set_real(anchor, i, unit * lp_tensor_get(anchor, i));
  if (lp_rng_chance(rng, 0.7)) draw_related(&c->inputs[POSITIVE], anchor, rng);
  draw_related(&c->inputs[NEGATIVE], lp_rng_chance(rng, 0.5) ? anchor : &c->inputs[POSITIVE], rng);
}

/* The hinge itself: negative = anchor + (positive - anchor) + (margin, 0, 0 ...), so that with eps = 0 and one
 * component margin + near = far, or an ulp beside it. */
static void draw_hinge(lp_case *c, lp_rng *rng) {
  lp_tensor *in = c->inputs;
  const int step = (int)lp_rng_below(rng, 5) - 2;
  for (int64_t i = 0; i < in[ANCHOR].numel && i < in[POSITIVE].numel && i < in[NEGATIVE].numel; i++) {
    const double a = lp_tensor_get(&in[ANCHOR], i), p = lp_tensor_get(&in[POSITIVE], i);
    const double lead = i == 0 ? c->params[MARGIN] : 0.0, far = fabs(a - p + c->params[EPS]) + lead;
    set_real(&in[NEGATIVE], i, lp_ulp_step(a - far + c->params[EPS], i == 0 ? step : 0));
  }
}

/* Under swap, D(anchor, negative) = D(positive, negative) whatever p and eps: the differences from the negative are the
 * same numbers in another order, so that the two distances have different slopes. For multiples of a quarter. */
static void draw_swap_tie(lp_case *c) {
  const lp_tensor *in = c->inputs;
  const int64_t width = lp_rows_width(&in[POSITIVE]);
  for (int64_t i = 0; i < in[POSITIVE].numel; i++) {
    const int64_t next = i - i % width + (i + 1) % width;
    const double difference = lp_tensor_get(&in[ANCHOR], next) - lp_tensor_get(&in[NEGATIVE], next);
    set_real(&c->inputs[POSITIVE], i, lp_tensor_get(&in[NEGATIVE], i) + difference);
  }
}

static bool ties_under_swap(const lp_case *c) {
  const lp_tensor *in = c->inputs;
  return c->params[SWAP] != 0.0 && lp_rows_width(&in[POSITIVE]) > 1 &&
         lp_tensor_same_shape(&in[POSITIVE], &in[ANCHOR]) && lp_tensor_same_shape(&in[POSITIVE], &in[NEGATIVE]);
}

static void draw(lp_case *c, lp_rng *rng, int value_class) {
  const int base = value_class == TIES       ? LP_VALUES_BOUNDARY
                   : value_class == GEOMETRY ? LP_VALUES_ORDINARY
                                             : value_class;
  for (int i = 0; i < N_INPUTS; i++) lp_draw_real(&c->inputs[i], rng, base);
  if (value_class == GEOMETRY) draw_geometry(c, rng);
  if (value_class == LP_VALUES_BOUNDARY) draw_hinge(c, rng);
  if (value_class == LP_VALUES_EQUAL) draw_related(&c->inputs[NEGATIVE], &c->inputs[POSITIVE], rng);
  const double chance = value_class == TIES ? 0.8 : value_class == LP_VALUES_EQUAL ? 0.4 : 0.0;
  if (!ties_under_swap(c) || !lp_rng_chance(rng, chance)) return;
  for (int i = 0; i < N_INPUTS; i++) lp_draw_real(&c->inputs[i], rng, LP_VALUES_BOUNDARY);
  draw_swap_tie(c);
}

static const lp_value_class value_classes[N_VALUE_CLASSES] = {
    {"ordinary", true, false, "a wrong sign, norm, eps or denominator"},
    {"boundary", false, false, "margin + near = far, or an ulp beside it: the gradient passes at the kink"},
    {"equal", false, false, "positive and negative alike: the loss is the margin, distances under swap are equal"},
    {"tiny", false, false, "differences that are 0 or subnormal: 0/0 in the slope of a norm"},
    {"huge", false, false, "squares and powers that overflow although the distance does not: inf - inf"},
    {"special", false, false, "an infinity or NaN in one component"},
    {"geometry", true, false, "rows that are equal, opposite or parallel, of norms 1e-20 to 1e20"},
    {"ties", false, false, "multiples of a quarter: equal distances under swap, equal extrema, components of 0"},
};

static const lp_shape_class shape_classes[] = {
    {"batch", {"N D", "N D", "N D"}, true, false, "a wrong axis"},
    {"square", {"3 3", "3 3", "3 3"}, true, false, "axes mixed up where the extents do not tell"},
    {"wide", {"2 35", "2 35", "2 35"}, true, false, "lanes past the last component"},
    {"unbatched", {"D", "D", "D"}, false, false, "rows without a batch axis: a 0-d loss"},
    {"0-d", {".", ".", "."}, false, false, "rows of one component without an axis"},
    {"single-component", {"N 1", "N 1", "N 1"}, false, false, "distances (N, 1) for (N)"},
    {"batch-of-batches", {"2 N D", "2 N D", "2 N D"}, false, false, "only the last axis is summed over"},
    {"one-anchor", {"1 D", "N D", "N D"}, false, false, "the gradient of an anchor that all rows share"},
    {"one-positive-and-negative", {"N D", "1 D", "1 D"}, false, false, "gradients of rows that are shared"},
    {"negatives-across", {"N 1 D", "N 1 D", "1 2 D"}, false, false, "rows broadcast across two axes"},
    {"stretched-anchor", {"N 1", "N D", "N D"}, false, false, "a last axis of 1 stretched before the norm"},
    {"stretched-negative", {"N D", "N D", "N 1"}, false, false, "a last axis of 1 stretched before the norm"},
    {"unequal-distances", {"N 1", "N D", "N 1"}, false, false, "distances over different numbers of components"},
    {"empty-batch", {"0 D", "0 D", "0 D"}, false, false, "an empty mean is NaN"},
    {"empty-vector", {"N 0", "N 0", "N 0"}, false, false, "the norm of nothing: 0, refused for p < 0 and p = inf"},
    {"ranks", {"N D", "D", "N D"}, false, true, "ranks that differ, broadcast in silence"},
    {"ranks-negative", {"N D", "N D", "D"}, false, true, "ranks that differ, broadcast in silence"},
    {"rows-differ", {"2 D", "3 D", "2 D"}, false, true, "batches of different sizes"},
    {"widths-differ", {"N 2", "N 3", "N 2"}, false, true, "rows of different lengths"},
    {"widths-differ-under-swap", {"N 1", "N 2", "N 3"}, false, false, "positive and negative meet under swap only"},
};

static const lp_input_spec inputs[N_INPUTS] = {
    [ANCHOR] = {.name = "anchor",
                .kind = LP_KIND_REAL,
                .differentiable = true,
                .integer_ok = true,
                .max_rank = LP_MAX_RANK,
                .shape = "(..., D) or (); broadcasts with the others of the same rank",
                .about = "what the others are compared with"},
    [POSITIVE] = {.name = "positive",
                  .kind = LP_KIND_REAL,
                  .differentiable = true,
                  .integer_ok = true,
                  .max_rank = LP_MAX_RANK,
                  .shape = "as anchor",
                  .about = "what should be near"},
    [NEGATIVE] = {.name = "negative",
                  .kind = LP_KIND_REAL,
                  .differentiable = true,
                  .integer_ok = true,
                  .max_rank = LP_MAX_RANK,
                  .shape = "as anchor",
                  .about = "what should be far"},
};

static const double margins[] = {1.0, 0.25, 10.0, 1e-300, INFINITY, NAN};
static const double bad_margins[] = {0.0, -1.0};
static const double norms[] = {2.0, 1.0, INFINITY, 3.0, 0.5, 0.0, 1.5, -1.0, 100.0, -INFINITY, 1e-6, NAN};
static const double epsilons[] = {1e-6, 0.0, 0.5, -1e-6};
static const double booleans[] = {0.0, 1.0};

static const lp_param_spec params[N_PARAMS] = {
    [MARGIN] = {"margin", LP_PARAM_REAL, 1.0, "a number > 0", "by how much far must exceed near", margins, 6,
                bad_margins, 2},
    [P] = {"p", LP_PARAM_REAL, 2.0, "any number", "the norm", norms, 12, NULL, 0},
    [EPS] = {"eps", LP_PARAM_REAL, 1e-6, "any number", "added to every difference", epsilons, 4, NULL, 0},
    [SWAP] = {"swap", LP_PARAM_BOOL, 0.0, "true or false", "far is the smaller of two distances to the negative",
              booleans, 2, NULL, 0},
};

static const lp_regime regimes[N_REGIMES] = {
    [P_IS_2] = {"p=2", "Euclidean distance"},
    [P_IS_1] = {"p=1", "sum of absolute differences"},
    [P_IS_0] = {"p=0", "number of components that differ: no gradient"},
    [P_IS_INF] = {"p=inf", "largest absolute difference"},
    [P_IS_MINUS_INF] = {"p=-inf", "smallest absolute difference"},
    [P_BELOW_0] = {"p<0", "a component of 0 makes the norm 0"},
    [P_BELOW_1] = {"p<1", "0 < p < 1: slopes grow without bound next to a component of 0"},
    [P_ABOVE_1] = {"p>1", "p above 1 other than 2"},
    [P_IS_NAN] = {"p=nan", "p is NaN"},
    [ACTIVE] = {"active", "margin + near >= far"},
    [INACTIVE] = {"inactive", "margin + near < far, or NaN: no gradient"},
    [KINK] = {"kink", "margin + near = far: the gradient passes"},
    [NEAR_KINK] = {"near-kink", "a switch within rounding of its kink, but not at it"},
    [SWAP_ANCHOR] = {"swap-anchor", "under swap the anchor is nearer to the negative"},
    [SWAP_POSITIVE] = {"swap-positive", "under swap the positive is nearer to the negative"},
    [SWAP_TIE] = {"swap-tie", "under swap both are equally near: each gets half of the gradient"},
    [NORM_ZERO] = {"norm-zero", "a distance is 0: slope 0"},
    [COMPONENT_ZERO] = {"component-zero", "a difference is 0: slope 0"},
    [EXTREMUM_TIE] = {"extremum-tie", "p = inf or -inf: several components share the slope"},
    [UNEQUAL_WIDTHS] = {"unequal-widths", "last axes differ: one is stretched"},
    [BROADCAST] = {"broadcast", "rows of an input are read several times"},
    [UNBATCHED] = {"unbatched", "inputs have one axis"},
    [ZERO_D] = {"0-d", "inputs are numbers"},
    [EMPTY_BATCH] = {"empty-batch", "no rows"},
    [EMPTY_VECTOR] = {"empty-vector", "rows without components: distance 0"},
    [SPECIAL] = {"special", "an infinity or NaN takes part"},
    [EXTREME] = {"extreme", "a finite number above 2^400 or below 2^-400 takes part"},
};

static const lp_rule rules[] = {
    {"eps-before-absolute-value", "eps is added to the signed difference"},
    {"gradient-at-hinge", "where margin + near = far the gradient passes"},
    {"swap-tie-shares", "equal distances under swap get half of the gradient each"},
    {"zero-norm-gradient", "the slope of a norm at 0 is 0"},
    {"extremum-tie-shares", "p = inf: components at the extremum share the slope evenly"},
    {"p-zero-no-gradient", "p = 0 has no gradient"},
    {"upstream-masked", "inactive rows give gradient 0, whatever the upstream gradient"},
    {"margin-positive", "margin <= 0 is refused"},
    {"same-rank", "the three inputs must have one rank"},
};

static const lp_bench_shape bench_shapes[] = {{"8192 x 128", {"8192 128", "8192 128", "8192 128"}}};

const lp_loss lp_loss_triplet_margin = {
    .name = "triplet_margin",
    .functional = "triplet_margin_loss",
    .module = "TripletMarginLoss",
    .summary = "an anchor should be nearer to the positive than to the negative, by a margin",
    .definition =
        "max(0, margin + |a - p + eps|_p - |a - n + eps|_p); with swap the smaller of |a - n + eps|_p and "
        "|p - n + eps|_p",
    .denominator = "the number of rows after broadcasting",
    .ignored = "none",
    .batch_axis = "all axes but the last",
    .class_axis = "none; the last axis holds the components",
    .reductions = LP_CAN_USUAL,
    .legacy_reduction = true,
    .rejects = 1u << LP_REJECT_DTYPE | 1u << LP_REJECT_RANK | 1u << LP_REJECT_SHAPE | 1u << LP_REJECT_REDUCTION |
               1u << LP_REJECT_PARAMETER | 1u << LP_REJECT_GRAD_OUTPUT,
    .inputs = inputs,
    .n_inputs = N_INPUTS,
    .params = params,
    .n_params = N_PARAMS,
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
