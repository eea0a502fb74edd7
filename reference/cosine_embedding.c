/* cosine_embedding: torch.nn.functional.cosine_embedding_loss (ATen/native/Loss.cpp).
 *
 * Definition. For rows x (input1) and y (input2) and a label t (target), with E the float32 number next to 1e-12
 * (EPSILON in PyTorch's code is a float: 9.999999960041972e-13):
 *   cos  = sum x_i y_i / sqrt((sum x_i^2 + E) (sum y_i^2 + E))
 *   loss = 1 - cos              when t = 1
 *          max(0, cos - margin) when t = -1
 *          0                    for any other t, NaN included
 * The product broadcasts x and y along the last axis, each squared norm sums over its own: stretched rows can have a
 * cosine above 1. A squared norm of an integer tensor is summed in its own integer arithmetic, which wraps, and rounded
 * to float32 before and after E is added; this is PyTorch's promotion and part of the definition.
 *
 * Stable form. The three dot products are exact to twice the precision (error-free products, compensated sums), so are
 * cos and 1 - cos: near-parallel rows keep all digits. With gain g = d loss/d cos and den the square root,
 *   d loss/d x_i = (g/den) y_i - (g cos/(sum x^2 + E)) x_i
 * Rows whose dot products leave the moderate range of rows.h go the big way: the cosine of rows of 1e200 or 1e-200. So
 * do elements whose gradient is the sum of parts that overflow.
 *
 * Regimes: target=1, target=-1, target-other, active (t = -1, cos >= margin), inactive (t = -1, cos < margin), kink
 * (t = -1, cos = margin), near-kink, zero-vector, epsilon-dominates (a sum of squares that is not above E),
 * integer-input, unequal-widths, broadcast, unbatched, empty-batch, empty-vector (cos = 0), special, extreme.
 *
 * Kink cos = margin: PyTorch's clamp passes the gradient, as when active.
 * PyTorch 2.13, observed: target is not differentiable and may be of any dtype. Target () goes with inputs of one axis,
 * target (N) with inputs of two. The upstream gradient is replaced by 0 where t = 1 and t = -1 do not hold or the hinge
 * is inactive, even a NaN. An infinity or NaN in a row makes its cosine NaN (also 0 for t other than +-1 in value) and
 * every component of the gradients of both rows NaN, whatever t is. margin may be any number. An empty mean is NaN.
 * Where an infinite or NaN upstream gradient passes, its classes are those of PyTorch's steps in double, where squares
 * overflow (all is NaN then) and products underflow; the value is the true one.
 *
 * Error: value at most 1 ulp, where cos - margin does not cancel to less than 2^-50; gradients 2 u scale. */
#include "reference/draw.h"
#include "reference/rows.h"

extern const lp_loss lp_loss_cosine_embedding;

enum { INPUT1, INPUT2, TARGET, N_INPUTS };
enum { MARGIN, N_PARAMS };
enum { COMPONENTS }; /* plan->extent: of a row after broadcasting */

enum {
  TARGET_1,
  TARGET_MINUS_1,
  TARGET_OTHER,
  ACTIVE,
  INACTIVE,
  KINK,
  NEAR_KINK,
  ZERO_VECTOR,
  EPSILON_DOMINATES,
  INTEGER_INPUT,
  UNEQUAL_WIDTHS,
  BROADCAST,
  UNBATCHED,
  EMPTY_BATCH,
  EMPTY_VECTOR,
  SPECIAL,
  EXTREME,
  N_REGIMES
};

static const double epsilon = 0x1.197998p-40; /* 1e-12 in float32 */

/* --- plan --- */

static lp_status check_rank(const lp_case *c, int input, lp_error *error) {
  const int axes = c->inputs[TARGET].rank + 1;
  if (c->inputs[input].rank == axes) return LP_OK;
  return lp_refuse(error, LP_REJECT_RANK, "%s: expected %d dimensions with a target of %d, got %d",
                   c->loss->inputs[input].name, axes, axes - 1, c->inputs[input].rank);
}

static bool unequal_widths(const lp_plan *plan) {
  return lp_rows_width(&plan->c->inputs[INPUT1]) != lp_rows_width(&plan->c->inputs[INPUT2]);
}

static bool collects(const lp_plan *plan, int input) { return unequal_widths(plan) || lp_rows_shared(plan, input); }

/* For an operand: the one element of a row that is stretched to none is still squared. */
static int64_t room_of(int64_t components) { return components > 0 ? components : 1; }

/* Two rows of operands, and what the gradients need. */
static size_t scratch_of(const lp_plan *plan) {
  const int64_t n = plan->extent[COMPONENTS];
  int64_t size = 2 * room_of(n);
  for (int i = INPUT1; i <= INPUT2; i++) size += lp_rows_sink_size(plan, i, collects(plan, i), n + 1);
  return (size_t)size;
}

static lp_status plan_rows(lp_plan *plan, lp_error *error) {
  const lp_case *c = plan->c;
  LP_TRY(check_rank(c, INPUT1, error));
  LP_TRY(check_rank(c, INPUT2, error));
  LP_TRY(lp_rows_broadcast(plan, 1u << INPUT1 | 1u << INPUT2, 1u << TARGET, error));
  const int64_t a = lp_rows_width(&c->inputs[INPUT1]), b = lp_rows_width(&c->inputs[INPUT2]);
  if (a != b && a != 1 && b != 1) {
    return lp_refuse(error, LP_REJECT_SHAPE, "input1 with a last axis of %lld does not broadcast with input2 with %lld",
                     (long long)a, (long long)b);
  }
  plan->extent[COMPONENTS] = a == 1 ? b : a;
  plan->scratch = scratch_of(plan);
  return LP_OK;
}

/* --- one row of the case --- */

typedef struct vector {
  const double *x; /* over all components */
  double *copy;
  int64_t width; /* its own: all or 1 */
  lp_pair norm;  /* sum of squares + E */
  lp_big big_norm;
  double integer; /* the same of an integer tensor; 0 when it is floating */
} vector;

typedef enum way { PLAIN, BIG, UNUSUAL } way;

typedef struct pair_of_rows {
  vector v[2];
  int64_t n;
  double label, margin;
  lp_row_gain gain;
  way way;
  lp_pair dot, cosine, root, alpha; /* root of the product of the norms; alpha: see plain_gradient */
  lp_big big_cosine, big_root;
  lp_pair value; /* before max; 0 for other labels */
  lp_big big_value;
  double direction; /* d loss/d cos: -1, 1, or 0 */
} rows;

static rows rows_of(const lp_plan *plan, double **scratch) {
  const int64_t n = plan->extent[COMPONENTS];
  rows r = {.n = n, .margin = plan->c->params[MARGIN]};
  for (int i = 0; i < 2; i++) {
    r.v[i].copy = *scratch;
    r.v[i].width = lp_rows_width(&plan->c->inputs[i]);
    *scratch += room_of(n);
  }
  return r;
}

static int64_t wrapped(uint64_t x, lp_dtype dtype) {
  if (dtype == LP_INT32) return (int32_t)(uint32_t)x;
  if (dtype == LP_INT16) return (int16_t)(uint16_t)x;
  if (dtype == LP_INT8) return (int8_t)(uint8_t)x;
  return dtype == LP_UINT8 ? (int64_t)(x & 0xffu) : (int64_t)x;
}

/* Squares in the tensor's dtype, their sum in int64, the rest in float32. */
static double integer_norm(const lp_tensor *t, int64_t offset, int64_t width) {
  uint64_t sum = 0;
  for (int64_t i = 0; i < width; i++) {
    const uint64_t x = (uint64_t)t->i64[offset + i];
    sum += (uint64_t)wrapped(x * x, t->dtype);
  }
  const float rounded = (float)(int64_t)sum;
  return lp_dtype_round(LP_FLOAT32, (double)rounded + epsilon);
}

static void load_rows(rows *r, const lp_plan *plan, const lp_row_cursor *at) {
  for (int i = 0; i < 2; i++) {
    const lp_tensor *t = &plan->c->inputs[i];
    vector *v = &r->v[i];
    v->x = lp_rows_operand(v->copy, t, at->offset[i], room_of(r->n));
    v->integer = t->f64 == NULL ? integer_norm(t, at->offset[i], v->width) : 0.0;
  }
  r->label = lp_tensor_get(&plan->c->inputs[TARGET], at->offset[TARGET]);
  r->gain = lp_rows_gain(plan, at->row);
}

/* --- the plain way --- */

/* Adds the product of a = a1 + a2 and b = b1 + b2, exactly: lp_two_product without its guard for huge products, which
 * the moderate range makes needless, for factors that are split already. */
static inline void add_product(lp_lanes *sum, int lane, double a, double a1, double b, double b1) {
  const double product = a * b, a2 = a - a1, b2 = b - b1;
  lp_lanes_add(sum, lane, product, (((a1 * b1 - product) + a1 * b2) + a2 * b1) + a2 * b2);
}

/* Exact products in compensated sums of x.x, y.y and x.y. */
static inline void add_products(lp_lanes *xx, lp_lanes *yy, lp_lanes *xy, int lane, double x, double y) {
  const double x1 = lp_upper_half(x), y1 = lp_upper_half(y);
  add_product(xx, lane, x, x1, x, x1);
  add_product(yy, lane, y, y1, y, y1);
  add_product(xy, lane, x, x1, y, y1);
}

LP_MULTIVERSION static void add_dots(lp_lanes *restrict xx, lp_lanes *restrict yy, lp_lanes *restrict xy,
                                     const double *x, const double *y, int64_t n) {
  int64_t i = 0;
  for (; i + LP_LANES <= n; i += LP_LANES) {
    for (int j = 0; j < LP_LANES; j++) add_products(xx, yy, xy, j, x[i + j], y[i + j]);
  }
  for (int j = 0; i + j < n; j++) add_products(xx, yy, xy, j, x[i + j], y[i + j]);
}

static void set_norm(vector *v, const lp_lanes *squares) {
  const lp_pair sum = lp_lanes_total(squares, v->width);
  v->norm = v->integer != 0.0 ? lp_whole(v->integer) : lp_pair_sum(lp_whole(epsilon), sum);
}

/* The norm of a stretched row sums over its own elements. */
static void set_own_norm(vector *v) {
  lp_lanes xx = {{0.0}, {0.0}}, unused = xx, too = xx;
  add_dots(&xx, &unused, &too, v->x, v->x, v->width);
  set_norm(v, &xx);
}

static void set_dots(rows *r) {
  lp_lanes xx = {{0.0}, {0.0}}, yy = xx, xy = xx;
  add_dots(&xx, &yy, &xy, r->v[0].x, r->v[1].x, r->n);
  r->dot = lp_lanes_total(&xy, r->n);
  set_norm(&r->v[0], &xx);
  set_norm(&r->v[1], &yy);
  for (int i = 0; i < 2; i++) {
    if (r->v[i].width != r->n) set_own_norm(&r->v[i]);
  }
}

/* A small dot product is right when no product underflowed on the way. */
static bool plain_dot(const rows *r) {
  if (fabs(r->dot.high) >= 0x1p-600) return true;
  return lp_rows_all_moderate(r->v[0].x, r->n) && lp_rows_all_moderate(r->v[1].x, r->n);
}

static bool plain_norm(const vector *v) { return v->norm.high > 0.0 && lp_rows_not_large(v->norm.high); }

static bool plain_cosine(rows *r) {
  set_dots(r);
  if (!plain_norm(&r->v[0]) || !plain_norm(&r->v[1])) return false;
  r->root = lp_pair_sqrt(lp_pair_product(r->v[0].norm, r->v[1].norm));
  r->cosine = lp_pair_quotient(r->dot, r->root);
  return plain_dot(r);
}

/* Sets value and direction from the cosine. margin may be infinite or NaN. */
static void plain_value(rows *r) {
  r->value = lp_whole(0.0);
  r->direction = 0.0;
  if (r->label == 1.0) {
    r->value = lp_pair_sum(lp_whole(1.0), lp_pair_negative(r->cosine));
    r->direction = -1.0;
  }
  if (r->label == -1.0) {
    r->value =
        isfinite(r->margin) ? lp_pair_sum(lp_whole(-r->margin), r->cosine) : lp_whole(r->cosine.high - r->margin);
    r->direction = r->value.high >= 0.0 ? 1.0 : 0.0;
  }
}

/* --- the big way --- */

static lp_big big_dot(const double *a, const double *b, int64_t n) {
  lp_big sum = lp_big_of(0.0);
  for (int64_t i = 0; i < n; i++) sum = lp_big_add(sum, lp_big_multiply(lp_big_of(a[i]), lp_big_of(b[i])));
  return sum;
}

static void big_cosine(rows *r) {
  for (int i = 0; i < 2; i++) {
    vector *v = &r->v[i];
    const lp_big sum = lp_big_add(lp_big_of(epsilon), big_dot(v->x, v->x, v->width));
    v->big_norm = v->integer != 0.0 ? lp_big_of(v->integer) : sum;
  }
  r->big_root = lp_big_sqrt(lp_big_multiply(r->v[0].big_norm, r->v[1].big_norm));
  r->big_cosine = lp_big_divide(big_dot(r->v[0].x, r->v[1].x, r->n), r->big_root);
  r->cosine = lp_whole(lp_big_get(r->big_cosine));
}

static void big_value(rows *r) {
  plain_value(r);
  r->big_value = lp_big_of(r->value.high);
  if (r->label == 1.0) r->big_value = lp_big_subtract(lp_big_of(1.0), r->big_cosine);
  if (r->label == -1.0 && isfinite(r->margin)) {
    r->big_value = lp_big_subtract(r->big_cosine, lp_big_of(r->margin));
    r->direction = r->big_value.high >= 0.0 ? 1.0 : 0.0;
  }
  r->value = lp_whole(lp_big_get(r->big_value));
}

/* --- value --- */

/* Negative sums of integer squares come from wrapping; PyTorch takes the root of what they give. */
static bool finite_rows(const rows *r) {
  bool finite = true;
  for (int i = 0; i < 2; i++) {
    finite = finite && lp_rows_all_finite(r->v[i].x, r->v[i].width) && !(r->v[i].integer < 0.0);
  }
  return finite;
}

static bool holds_nan(const rows *r) {
  bool nan = false;
  for (int i = 0; i < 2; i++) {
    const vector *v = &r->v[i];
    if (v->integer < 0.0) nan = true;
    for (int64_t k = 0; k < v->width; k++) nan = nan || isnan(v->x[k]);
  }
  return nan;
}

/* No components: 0 over any norm, even an infinite one. */
static double unusual_cosine(const rows *r) { return r->n == 0 && !holds_nan(r) ? 0.0 : (double)NAN; }

static void measure_rows(rows *r) {
  r->way = plain_cosine(r) ? PLAIN : finite_rows(r) ? BIG : UNUSUAL;
  if (r->way == UNUSUAL) r->cosine = lp_whole(unusual_cosine(r));
  if (r->way == BIG) {
    big_cosine(r);
    big_value(r);
  } else {
    plain_value(r);
  }
}

static void put_value(lp_row_total *total, int64_t row, const rows *r) {
  const bool zero = r->value.high < 0.0 && r->label == -1.0;
  if (r->way == BIG && isfinite(r->value.high)) {
    lp_rows_put_big(total, row, zero ? lp_big_of(0.0) : r->big_value);
  } else {
    lp_rows_put(total, row, zero ? lp_whole(0.0) : r->value);
  }
}

/* --- gradient --- */

/* The gradient of a row: alpha times the other row less beta times its own. */
LP_MULTIVERSION static void combine(double *restrict out, const double *other, const double *own, double alpha,
                                    double beta, int64_t n) {
  for (int64_t i = 0; i < n; i++) out[i] = alpha * other[i] - beta * own[i];
}

/* The same of a row of one element that was stretched: n parts and one more, to be collected. */
static void combine_stretched(double *out, const double *other, double own, double alpha, double beta, int64_t n) {
  for (int64_t i = 0; i < n; i++) out[i] = alpha * other[i];
  out[n] = -(beta * own);
}

static bool stretched(const rows *r, int which) { return r->v[which].width != r->n; }

static void combine_either(double *out, const rows *r, int which, double alpha, double beta) {
  const double *const own = r->v[which].x, *const other = r->v[1 - which].x;
  if (stretched(r, which)) {
    combine_stretched(out, other, own[0], alpha, beta, r->n);
  } else {
    combine(out, other, own, alpha, beta, r->n);
  }
}

/* alpha = g/root; beta = g cos/norm = alpha dot/norm */
static void plain_gradient(double *out, const rows *r, int which) {
  const lp_pair beta = lp_pair_quotient(lp_pair_product(r->alpha, r->dot), r->v[which].norm);
  combine_either(out, r, which, r->alpha.high, beta.high);
}

/* The big gradient of a row is alpha times the other row less beta times its own. */
typedef struct coefficients {
  lp_big alpha, beta;
} coefficients;

static coefficients big_coefficients(const rows *r, int which) {
  const lp_big g = lp_big_multiply(lp_rows_gain_big(r->gain), lp_big_of(r->direction));
  return (coefficients){lp_big_divide(g, r->big_root),
                        lp_big_divide(lp_big_multiply(g, r->big_cosine), r->v[which].big_norm)};
}

/* alpha x - beta y */
static lp_big big_combination(const coefficients *c, double x, double y) {
  const lp_big first = lp_big_multiply(c->alpha, lp_big_of(x));
  return lp_big_subtract(first, lp_big_multiply(c->beta, lp_big_of(y)));
}

/* For a finite upstream gradient that is not moderate, or rows that are not. */
static void big_gradient(double *out, const rows *r, int which) {
  const double *const own = r->v[which].x, *const other = r->v[1 - which].x;
  const coefficients c = big_coefficients(r, which);
  const bool parts = stretched(r, which);
  for (int64_t i = 0; i < r->n; i++) out[i] = lp_big_get(big_combination(&c, other[i], parts ? 0.0 : own[i]));
  if (parts) out[r->n] = lp_big_get(big_combination(&c, 0.0, own[0]));
}

static double double_dot(const double *a, const double *b, int64_t n) {
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

static double double_norm(const vector *v) {
  return v->integer != 0.0 ? v->integer : double_dot(v->x, v->x, v->width) + epsilon;
}

/* For an infinite or NaN upstream gradient: the classes of PyTorch's own steps, in which what overflows or underflows
 * meets infinities. */
static void special_gradient(double *out, const rows *r, int which) {
  const double g = r->direction * r->gain.upstream;
  const double own = double_norm(&r->v[which]), other = double_norm(&r->v[1 - which]), root = sqrt(own * other);
  const double to_root = -g * (double_dot(r->v[0].x, r->v[1].x, r->n) / root / root);
  const double to_norm = to_root / (2.0 * root) * other;
  combine_either(out, r, which, g / root, -2.0 * to_norm);
}

static void fill(double *out, double value, int64_t n) {
  for (int64_t i = 0; i < n; i++) out[i] = value;
}

static void gradient(double *out, const rows *r, int which, way how) {
  const int64_t parts = r->n + stretched(r, which);
  if (r->way == UNUSUAL || r->direction == 0.0) {
    fill(out, r->way == UNUSUAL ? (double)NAN : 0.0, parts);
  } else if (how == PLAIN) {
    plain_gradient(out, r, which);
  } else if (how == BIG) {
    big_gradient(out, r, which);
  } else {
    special_gradient(out, r, which);
  }
}

/* How to do the gradient: as the value, unless the upstream gradient has other needs. */
static way way_of_gradient(rows *r) {
  if (!isfinite(r->gain.upstream)) return UNUSUAL;
  if (r->way != PLAIN) return r->way;
  if (!lp_rows_moderate(r->gain.upstream)) {
    big_cosine(r);
    return BIG;
  }
  r->alpha = lp_rows_gain_over(r->gain, r->direction, r->root);
  return PLAIN;
}

static void put_gradients(const lp_row_sink sinks[2], const lp_row_cursor *at, rows *r) {
  const way how = way_of_gradient(r);
  for (int i = 0; i < 2; i++) {
    double *out = lp_rows_row_of(&sinks[i], at->offset[i]);
    gradient(out, r, i, how);
    lp_rows_deliver(&sinks[i], at->offset[i], r->n + stretched(r, i));
  }
}

/* What a row gives component i of its own that is collected: one of all, or of a stretched row the only one. */
static lp_big big_share(const rows *r, int which, int64_t i) {
  const double *const own = r->v[which].x, *const other = r->v[1 - which].x;
  const coefficients c = big_coefficients(r, which);
  if (!stretched(r, which)) return big_combination(&c, other[i], own[i]);
  lp_big sum = big_combination(&c, 0.0, own[0]);
  for (int64_t k = 0; k < r->n; k++) sum = lp_big_add(sum, big_combination(&c, other[k], 0.0));
  return sum;
}

/* The gradient of an element from all rows that read it; false when one of them is not finite. */
static bool big_gradient_of(lp_big *sum, rows *r, const lp_plan *plan, int input, int64_t element) {
  *sum = lp_big_of(0.0);
  for (lp_row_cursor at = {0}; at.row < plan->term.numel; lp_rows_next(&at, plan)) {
    const int64_t i = element - at.offset[input];
    if (i < 0 || i >= r->v[input].width) continue;
    load_rows(r, plan, &at);
    measure_rows(r);
    if (r->way == UNUSUAL || !isfinite(r->gain.upstream)) return false;
    if (r->direction == 0.0) continue;
    big_cosine(r);
    *sum = lp_big_add(*sum, big_share(r, input, i));
  }
  return true;
}

/* Parts that overflow apart may cancel together. */
static void mend_overflow(rows *r, const lp_plan *plan, const lp_row_sink *sink, int input) {
  lp_big sum;
  for (int64_t j = 0; sink->grad && sink->low && j < sink->numel; j++) {
    if (!isfinite(sink->grad[j]) && big_gradient_of(&sum, r, plan, input, j)) sink->grad[j] = lp_big_get(sum);
  }
}

static void run(lp_outcome *outcome, const lp_plan *plan, double *scratch) {
  lp_row_total total = lp_rows_total(outcome, plan);
  rows r = rows_of(plan, &scratch);
  lp_row_sink sinks[2];
  for (int i = 0; i < 2; i++) {
    sinks[i] = lp_rows_open_sink(outcome, plan, i, collects(plan, i), r.n + 1, scratch);
    scratch += lp_rows_sink_size(plan, i, collects(plan, i), r.n + 1);
  }
  for (lp_row_cursor at = {0}; at.row < plan->term.numel; lp_rows_next(&at, plan)) {
    load_rows(&r, plan, &at);
    measure_rows(&r);
    put_value(&total, at.row, &r);
    put_gradients(sinks, &at, &r);
  }
  for (int i = 0; i < 2; i++) {
    lp_rows_close_sink(&sinks[i]);
    mend_overflow(&r, plan, &sinks[i], i);
  }
  lp_rows_finish(&total);
}

/* --- regimes --- */

static uint64_t bit(int regime) { return UINT64_C(1) << regime; }

static uint64_t bit_if(bool entered, int regime) { return entered ? bit(regime) : 0; }

/* The scale of the cosine: products, their sum, root and quotient, and half of squares, sum and E of each norm and
 * their product. */
static double scale_of_cosine(const rows *r) {
  lp_big products = lp_big_of(0.0);
  for (int64_t i = 0; i < r->n; i++) {
    const lp_big product = lp_big_multiply(lp_big_of(r->v[0].x[i]), lp_big_of(r->v[1].x[i]));
    products = lp_big_add(products, lp_big_abs(product));
  }
  return lp_big_get(lp_big_divide(products, r->big_root)) + 6.5 * fabs(r->cosine.high);
}

/* Does plain arithmetic miss the kink? */
static bool missed_kink(const rows *r) {
  double sum = 0.0;
  for (int64_t i = 0; i < r->n; i++) sum += r->v[0].x[i] * r->v[1].x[i];
  return r->value.high == 0.0 && sum / lp_big_get(r->big_root) != r->margin;
}

static bool near_kink(const lp_plan *plan, const rows *r) {
  if (r->label != -1.0 || !isfinite(r->margin)) return false;
  const double size = fabs(r->value.high) + (scale_of_cosine(r) + fabs(r->margin));
  return missed_kink(r) || lp_rows_near(plan, r->value.high, size);
}

/* A row measured with the big numbers, which do not overflow. */
static void examine_rows(rows *r) {
  measure_rows(r);
  if (r->way == PLAIN) big_cosine(r);
  if (r->way == UNUSUAL) r->big_root = lp_big_of(NAN);
}

static uint64_t regimes_of_vector(const vector *v) {
  bool zero = v->width > 0;
  double sum = 0.0;
  for (int64_t i = 0; i < v->width; i++) {
    zero = zero && v->x[i] == 0.0;
    sum += v->x[i] * v->x[i];
  }
  return bit_if(zero, ZERO_VECTOR) | bit_if(sum <= epsilon, EPSILON_DOMINATES);
}

/* Not where cos - margin underflows. */
static bool at_kink(const rows *r) { return r->way == BIG ? r->big_value.high == 0.0 : r->value.high == 0.0; }

static uint64_t regimes_of_rows(const lp_plan *plan, const rows *r) {
  const bool finite = finite_rows(r) && isfinite(r->gain.upstream) && isfinite(r->margin);
  bool moderate = lp_rows_moderate(r->gain.upstream) && lp_rows_moderate(r->margin);
  uint64_t set = bit(r->label == 1.0 ? TARGET_1 : r->label == -1.0 ? TARGET_MINUS_1 : TARGET_OTHER);
  if (r->label == -1.0) set |= bit(r->direction != 0.0 ? ACTIVE : INACTIVE) | bit_if(at_kink(r), KINK);
  for (int i = 0; i < 2; i++) {
    moderate = moderate && lp_rows_all_moderate(r->v[i].x, r->v[i].width);
    set |= regimes_of_vector(&r->v[i]);
  }
  set |= bit_if(near_kink(plan, r), NEAR_KINK);
  return set | bit_if(!finite, SPECIAL) | bit_if(finite && !moderate, EXTREME);
}

static uint64_t regimes_of(const lp_plan *plan, double *scratch) {
  const lp_tensor *in = plan->c->inputs;
  const bool integer = in[INPUT1].f64 == NULL || in[INPUT2].f64 == NULL;
  const bool shared = lp_rows_shared(plan, INPUT1) || lp_rows_shared(plan, INPUT2) || lp_rows_shared(plan, TARGET);
  uint64_t set = bit_if(integer, INTEGER_INPUT) | bit_if(unequal_widths(plan), UNEQUAL_WIDTHS) |
                 bit_if(shared, BROADCAST) | bit_if(in[TARGET].rank == 0, UNBATCHED) |
                 bit_if(plan->term.numel == 0, EMPTY_BATCH) | bit_if(plan->extent[COMPONENTS] == 0, EMPTY_VECTOR);
  rows r = rows_of(plan, &scratch);
  for (lp_row_cursor at = {0}; at.row < plan->term.numel; lp_rows_next(&at, plan)) {
    load_rows(&r, plan, &at);
    examine_rows(&r);
    set |= regimes_of_rows(plan, &r);
  }
  return set;
}

/* --- values for the generator --- */

enum {
  GEOMETRY = LP_VALUES_COMMON_COUNT, /* equal, opposite, parallel, orthogonal rows, norms from 1e-20 to 1e20 */
  N_VALUE_CLASSES
};

static void set_real(lp_tensor *t, int64_t i, double x) {
  if (t->f64) t->f64[i] = lp_dtype_round(t->dtype, x);
}

static void draw_target(lp_tensor *target, lp_rng *rng, bool odd) {
  static const double labels[] = {1.0, -1.0, 1.0, -1.0, 0.0, 2.0, -5.0, 0.5};
  for (int64_t i = 0; i < target->numel; i++) {
    const double label = lp_rng_pick(rng, labels, odd ? 8 : 2);
    set_real(target, i, label);
    if (target->i64)
      target->i64[i] = target->dtype == LP_UINT8 || target->dtype == LP_BOOL ? label > 0.0 : (int64_t)label;
  }
}

/* input2 from input1 times a factor; an ulp off, or turned by a right angle in its first two components. */
static void draw_related(lp_tensor *to, const lp_tensor *from, lp_rng *rng) {
  static const double factors[] = {1.0, 1.0, -1.0, 2.0, 0.25, 0.0, 1e-7, 1e10};
  const double factor = lp_rng_pick(rng, factors, 8);
  const bool turned = lp_rng_chance(rng, 0.3);
  const int64_t width = lp_rows_width(from);
  for (int64_t i = 0; i < to->numel && i < from->numel; i++) {
    const int64_t at = i % width;
    const bool turns = turned && width == lp_rows_width(to) && width > 1;
    const double x = !turns    ? lp_tensor_get(from, i)
                     : at == 0 ? -lp_tensor_get(from, i + 1)
                     : at == 1 ? lp_tensor_get(from, i - 1)
                               : 0.0;
    set_real(to, i, lp_ulp_step(factor * x, (int)lp_rng_below(rng, 3) - 1));
  }
}

static void draw_geometry(lp_case *c, lp_rng *rng, double chance_of_unit) {
  static const double units[] = {1e-20, 1e-7, 1e-6, 1e10, 1e19, 1e20, 1e154, 1e200};
  const double unit = lp_rng_chance(rng, chance_of_unit) ? lp_rng_pick(rng, units, 8) : 1.0;
  lp_tensor *first = &c->inputs[INPUT1];
  for (int64_t i = 0; i < first->numel; i++) set_real(first, i, unit * lp_tensor_get(first, i));
  draw_related(&c->inputs[INPUT2], first, rng);
}

static void draw(lp_case *c, lp_rng *rng, int value_class) {
  const int base = value_class == GEOMETRY ? LP_VALUES_ORDINARY : value_class;
  lp_draw_real(&c->inputs[INPUT1], rng, base);
  lp_draw_real(&c->inputs[INPUT2], rng, base);
  draw_target(&c->inputs[TARGET], rng, value_class != LP_VALUES_ORDINARY);
  if (value_class == GEOMETRY) draw_geometry(c, rng, 0.7);
  if (value_class == LP_VALUES_BOUNDARY || value_class == LP_VALUES_EQUAL) draw_geometry(c, rng, 0.0);
}

static const lp_value_class value_classes[N_VALUE_CLASSES] = {
    {"ordinary", true, false, "a wrong sign, norm, hinge or denominator"},
    {"boundary", false, false, "cos = margin for orthogonal, equal and opposite rows: the gradient passes at the kink"},
    {"equal", false, false, "rows that are parallel to an ulp: 1 - cos and the gradient cancel"},
    {"tiny", false, false, "rows of zeros and subnormals, where E alone is in the root"},
    {"huge", false, false, "squares that overflow although the cosine does not"},
    {"special", false, false, "an infinity or NaN in a row, or a target that is neither 1 nor -1"},
    {"geometry", true, false, "equal, opposite, parallel and orthogonal rows, of norms 1e-20 to 1e200"},
};

static const lp_shape_class shape_classes[] = {
    {"batch", {"N D", "N D", "N"}, true, false, "a wrong axis"},
    {"square", {"3 3", "3 3", "3"}, true, false, "axes mixed up where the extents do not tell"},
    {"wide", {"2 35", "2 35", "2"}, true, false, "lanes past the last component"},
    {"unbatched", {"D", "D", "."}, false, false, "rows without a batch axis: a 0-d loss"},
    {"single-component", {"N 1", "N 1", "N"}, false, false, "cosines of +-1"},
    {"one-row", {"1 D", "1 D", "1"}, false, false, "a batch of one taken for no batch"},
    {"one-first", {"1 D", "N D", "N"}, false, false, "the gradient of a row that all others share"},
    {"one-second", {"N D", "1 D", "N"}, false, false, "the gradient of a row that all others share"},
    {"one-target", {"N D", "N D", "1"}, false, false, "a target for all rows; the mean is over the rows"},
    {"targets-alone", {"1 D", "1 D", "N"}, false, false, "one cosine under several targets"},
    {"stretched-first", {"N 1", "N D", "N"}, false, false, "norms before stretching: cosines above 1"},
    {"stretched-second", {"N D", "N 1", "N"}, false, false, "norms before stretching: cosines above 1"},
    {"empty-batch", {"0 D", "0 D", "0"}, false, false, "an empty mean is NaN"},
    {"empty-vector", {"N 0", "N 0", "N"}, false, false, "rows without components: cosine 0, loss 1 or max(0, -margin)"},
    {"target-matrix", {"N D", "N D", "N 1"}, false, true, "a target of rank 2"},
    {"target-scalar", {"N D", "N D", "."}, false, true, "a 0-d target beside a batch"},
    {"target-vector", {"D", "D", "1"}, false, true, "a target with an axis beside rows without a batch axis"},
    {"second-unbatched", {"2 D", "D", "2"}, false, true, "inputs of different rank, broadcast in silence"},
    {"three-axes", {"2 N D", "2 N D", "2"}, false, true, "inputs of rank 3"},
    {"rows-differ", {"2 D", "3 D", "2"}, false, true, "batches of different sizes"},
    {"target-length", {"2 D", "2 D", "3"}, false, true, "a target for other rows"},
    {"widths-differ", {"N 2", "N 3", "N"}, false, true, "rows of different lengths"},
};

static const lp_input_spec inputs[N_INPUTS] = {
    [INPUT1] = {.name = "input1",
                .kind = LP_KIND_REAL,
                .differentiable = true,
                .integer_ok = true,
                .max_rank = LP_MAX_RANK,
                .shape = "(N, D), or (D) with a target (); broadcasts with input2",
                .about = "rows to compare"},
    [INPUT2] = {.name = "input2",
                .kind = LP_KIND_REAL,
                .differentiable = true,
                .integer_ok = true,
                .max_rank = LP_MAX_RANK,
                .shape = "as input1",
                .about = "rows to compare them with"},
    [TARGET] = {.name = "target",
                .apart = true,
                .kind = LP_KIND_REAL,
                .integer_ok = true,
                .max_rank = 1,
                .shape = "(N) or (); broadcasts with the rows",
                .about = "1: should be alike; -1: should not; anything else does not count"},
};

static const double margins[] = {0.0, 0.5, -0.5, 1.0, -1.0, INFINITY, NAN};

static const lp_param_spec params[N_PARAMS] = {
    [MARGIN] = {"margin", LP_PARAM_REAL, 0.0, "any number; -1 to 1 make sense",
                "cosines below it do not count against t = -1", margins, sizeof margins / sizeof margins[0], NULL, 0},
};

static const lp_regime regimes[N_REGIMES] = {
    [TARGET_1] = {"target=1", "1 - cos"},
    [TARGET_MINUS_1] = {"target=-1", "max(0, cos - margin)"},
    [TARGET_OTHER] = {"target-other", "any other target, NaN too: loss 0"},
    [ACTIVE] = {"active", "t = -1 and cos >= margin"},
    [INACTIVE] = {"inactive", "t = -1 and cos < margin, or NaN: no gradient"},
    [KINK] = {"kink", "t = -1 and cos = margin: the gradient passes"},
    [NEAR_KINK] = {"near-kink", "t = -1 and cos within rounding of margin, but not at it"},
    [ZERO_VECTOR] = {"zero-vector", "a row of zeros: cos = 0, with the slope 1/sqrt(E ...)"},
    [EPSILON_DOMINATES] = {"epsilon-dominates", "a sum of squares that is not above E"},
    [INTEGER_INPUT] = {"integer-input", "an integer tensor: its squared norm is rounded to float32"},
    [UNEQUAL_WIDTHS] = {"unequal-widths", "last axes differ: one is stretched, after its norm was taken"},
    [BROADCAST] = {"broadcast", "rows of an input are read several times"},
    [UNBATCHED] = {"unbatched", "inputs have one axis, target none"},
    [EMPTY_BATCH] = {"empty-batch", "no rows"},
    [EMPTY_VECTOR] = {"empty-vector", "rows without components: cos = 0"},
    [SPECIAL] = {"special", "an infinity or NaN takes part"},
    [EXTREME] = {"extreme", "a finite number above 2^400 or below 2^-400 takes part"},
};

static const lp_rule rules[] = {
    {"epsilon-in-the-norms", "float32(1e-12) is added to each sum of squares"},
    {"other-targets-ignored", "a target that is neither 1 nor -1 contributes 0, and counts in the mean"},
    {"gradient-at-hinge", "where cos = margin the gradient passes"},
    {"upstream-masked", "rows that do not count give gradient 0, whatever the upstream gradient"},
    {"norm-before-stretching", "each squared norm sums over the row's own components"},
    {"target-rank", "target has one axis less than the inputs, at most one"},
};

static const lp_bench_shape bench_shapes[] = {{"8192 x 128", {"8192 128", "8192 128", "8192"}}};

const lp_loss lp_loss_cosine_embedding = {
    .name = "cosine_embedding",
    .functional = "cosine_embedding_loss",
    .module = "CosineEmbeddingLoss",
    .summary = "pairs of rows should point the same way (target 1) or not (target -1)",
    .definition =
        "1 - cos for target 1, max(0, cos - margin) for target -1, else 0; cos = x.y / sqrt((x.x + E)(y.y + E)), "
        "E = float32(1e-12)",
    .denominator = "the number of rows after broadcasting",
    .ignored = "none; rows whose target is neither 1 nor -1 contribute 0 and are counted",
    .batch_axis = "first axis of the inputs, when they have rank 2",
    .class_axis = "none; the last axis holds the components",
    .reductions = LP_CAN_USUAL,
    .legacy_reduction = true,
    .rejects = 1u << LP_REJECT_RANK | 1u << LP_REJECT_SHAPE | 1u << LP_REJECT_REDUCTION | 1u << LP_REJECT_GRAD_OUTPUT,
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
