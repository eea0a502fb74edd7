/* The driver of pointwise losses.
 *
 * A case is worked through in chunks in double precision; when a chunk turns out to hold a
 * number that is finite, not zero, and so large or small that a kernel might overflow or underflow, the whole case is
 * done again in big arithmetic. */
#include "reference/pointwise.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* What one call has to do. */
typedef struct task {
  const lp_plan *plan;
  const lp_pointwise *loss;
  lp_outcome *outcome;
} task;

/* Buffers of one chunk, and the sums of gradients of broadcast inputs. */
typedef struct workspace {
  lp_run run;
  double *gathered[LP_MAX_INPUTS];
  double *sums[LP_MAX_INPUTS]; /* BIG_SIZE doubles for each element of a broadcast input that wants a gradient */
  double *ones, *zeros;
  double *upstream, *upstream_low; /* the coefficient, at every position, of a reduced loss */
  double *gated, *gated_low;
  int64_t offset[LP_MAX_INPUTS][LP_CHUNK]; /* where each position reads a broadcast input */
  int64_t integers[LP_MAX_INPUTS][LP_CHUNK];
} workspace;

/* A sum in big arithmetic, and the sum of its terms that are infinite or NaN as doubles. */
enum { SPECIAL = sizeof(lp_big) / sizeof(double), BIG_SIZE, SHARED_BUFFERS = 9, INPUT_BUFFERS = 3 };

/* Position i reads element i. */
static bool is_direct(const lp_plan *plan, int k) { return plan->c->inputs[k].numel == plan->term.numel; }

/* A weight's gradient of a mean is a difference: its sums are kept as pairs as well. */
static bool is_mean_weight(const lp_plan *plan, int k) {
  return plan->c->reduction == LP_REDUCTION_MEAN && plan->c->loss->inputs[k].optional;
}

static bool wants_sums(const lp_plan *plan, int k) {
  const bool adds_up = !is_direct(plan, k) || is_mean_weight(plan, k);
  return plan->c->has_input[k] && plan->c->loss->inputs[k].differentiable && adds_up;
}

size_t lp_pointwise_scratch(const lp_plan *plan) {
  const int n_inputs = plan->c->loss->n_inputs;
  size_t total = (size_t)LP_CHUNK * (size_t)(SHARED_BUFFERS + INPUT_BUFFERS * n_inputs);
  for (int k = 0; k < n_inputs; k++) {
    if (wants_sums(plan, k)) total += BIG_SIZE * (size_t)plan->c->inputs[k].numel;
  }
  return total;
}

static double *take(double **scratch, int64_t n, double fill, int64_t n_filled) {
  double *const taken = *scratch;
  for (int64_t i = 0; i < n_filled; i++) taken[i] = fill;
  *scratch += n;
  return taken;
}

/* How much of its buffers a case uses; the weights are read in chunks too, also where there are no positions. */
static int64_t used_length(const lp_plan *plan) {
  int64_t longest = plan->term.numel;
  for (int k = 0; k < plan->c->loss->n_inputs; k++) {
    if (plan->c->inputs[k].numel > longest) longest = plan->c->inputs[k].numel;
  }
  return longest < LP_CHUNK ? longest : LP_CHUNK;
}

static void set_up(workspace *w, const lp_plan *plan, double *scratch) {
  const lp_case *c = plan->c;
  const int64_t used = used_length(plan);
  w->run = (lp_run){.c = c, .params = c->params};
  w->run.value = take(&scratch, LP_CHUNK, 0.0, used);
  w->run.value_low = take(&scratch, LP_CHUNK, 0.0, used);
  w->run.gate = take(&scratch, LP_CHUNK, 1.0, used);
  w->ones = take(&scratch, LP_CHUNK, 1.0, used);
  w->zeros = take(&scratch, LP_CHUNK, 0.0, used);
  w->upstream = take(&scratch, LP_CHUNK, 1.0, used);
  w->upstream_low = take(&scratch, LP_CHUNK, 0.0, used);
  w->gated = take(&scratch, LP_CHUNK, 0.0, used);
  w->gated_low = take(&scratch, LP_CHUNK, 0.0, used);
  for (int k = 0; k < c->loss->n_inputs; k++) {
    w->gathered[k] = take(&scratch, LP_CHUNK, 0.0, used);
    double *const slope = take(&scratch, LP_CHUNK, 0.0, used), *const low = take(&scratch, LP_CHUNK, 0.0, used);
    w->run.slope[k] = c->loss->inputs[k].differentiable ? slope : NULL;
    w->run.slope_low[k] = c->loss->inputs[k].differentiable ? low : NULL;
    const int64_t sums = BIG_SIZE * c->inputs[k].numel;
    w->sums[k] = wants_sums(plan, k) ? take(&scratch, sums, 0.0, sums) : NULL;
  }
}

/* ---- Reading a chunk ---- */

static inline double element(const lp_tensor *x, int64_t i) { return x->f64 != NULL ? x->f64[i] : (double)x->i64[i]; }

lp_pair lp_pointwise_element(const lp_tensor *x, int64_t i) {
  return x->f64 != NULL ? lp_whole(x->f64[i]) : lp_integer_pair(x->i64[i]);
}

/* Moves a multi-index one position on, in row-major order, and returns where it reads. */
static int64_t step(int64_t *index, int64_t at, const lp_tensor *term, const int64_t *stride) {
  for (int axis = term->rank - 1; axis >= 0; axis--) {
    at += stride[axis];
    if (++index[axis] < term->shape[axis]) break;
    at -= stride[axis] * term->shape[axis];
    index[axis] = 0;
  }
  return at;
}

static void find_offsets(int64_t *offset, const lp_plan *plan, int k, int64_t start, int n) {
  const lp_tensor *term = &plan->term;
  const int64_t *stride = plan->stride[k];
  int64_t index[LP_MAX_RANK];
  int64_t at = 0;
  for (int axis = term->rank - 1; axis >= 0; axis--) {
    index[axis] = start % term->shape[axis];
    start /= term->shape[axis];
    at += index[axis] * stride[axis];
  }
  for (int i = 0; i < n; i++) {
    offset[i] = at;
    at = step(index, at, term, stride);
  }
}

static void gather(workspace *w, const lp_tensor *x, int k) {
  const int64_t *offset = w->offset[k];
  for (int i = 0; i < w->run.n; i++) w->gathered[k][i] = element(x, offset[i]);
  w->run.x[k] = w->gathered[k];
  if (x->i64 == NULL) return;
  for (int i = 0; i < w->run.n; i++) w->integers[k][i] = x->i64[offset[i]];
  w->run.integers[k] = w->integers[k];
}

static void convert(workspace *w, const lp_tensor *x, int k, int64_t start) {
  for (int i = 0; i < w->run.n; i++) w->gathered[k][i] = (double)x->i64[start + i];
  w->run.x[k] = w->gathered[k];
  w->run.integers[k] = x->i64 + start;
}

static void find_direct_offsets(int64_t *offset, int64_t start, int n) {
  for (int i = 0; i < n; i++) offset[i] = start + i;
}

static void read_chunk(workspace *w, const lp_plan *plan, int64_t start) {
  const int64_t left = plan->term.numel - start;
  w->run.n = left < LP_CHUNK ? (int)left : LP_CHUNK;
  for (int k = 0; k < plan->c->loss->n_inputs; k++) {
    const lp_tensor *x = &plan->c->inputs[k];
    if (!plan->c->has_input[k]) continue;
    if (is_direct(plan, k) && w->sums[k] != NULL) find_direct_offsets(w->offset[k], start, w->run.n);
    if (!is_direct(plan, k)) {
      find_offsets(w->offset[k], plan, k, start, w->run.n);
      gather(w, x, k);
    } else if (x->f64 == NULL) {
      convert(w, x, k, start);
    } else {
      w->run.x[k] = x->f64 + start;
    }
  }
}

/* ---- Numbers within reach of double ---- */

/* 2^-200 <= |x| < 2^312, 512 exponents, or 0: products of four such numbers, and the rounding errors of products of
 * three, stay within the range of double. */
#define TAME_LOW 0x1p-200
#define TAME_HIGH 0x1p312

/* The coefficient g/n meets the slopes last. */
#define TAME_COEFFICIENT_LOW 0x1p-64
#define TAME_COEFFICIENT_HIGH 0x1p64

/* Bits less those of the smallest tame number, without the sign, fill 61 bits exactly when the number is tame. */
LP_MULTIVERSION static bool all_tame(const double *x, int n) {
  const uint64_t low = lp_bits(TAME_LOW) << 1;
  uint64_t outside = 0;
  for (int i = 0; i < n; i++) {
    const uint64_t distance = (lp_bits(x[i]) << 1) - low;
    outside |= x[i] == 0.0 ? 0 : distance;
  }
  return outside >> 62 == 0;
}

static bool is_wild(double x, double low, double high) {
  const double size = fabs(x);
  return size > 0.0 && size <= DBL_MAX && !(size >= low && size < high);
}

static bool any_wild(const double *x, int n) {
  if (all_tame(x, n)) return false;
  for (int i = 0; i < n; i++) {
    if (is_wild(x[i], TAME_LOW, TAME_HIGH)) return true;
  }
  return false;
}

static bool reduced(const lp_plan *plan) { return plan->c->reduction != LP_REDUCTION_NONE; }

static bool all_finite(const double *x, int n) {
  for (int i = 0; i < n; i++) {
    if (!isfinite(x[i])) return false;
  }
  return true;
}

static bool chunk_is_wild(const workspace *w, const lp_plan *plan, const lp_pointwise *loss, int64_t start) {
  const double *each = plan->c->has_grad_output && !reduced(plan) ? plan->c->grad_output.f64 + start : NULL;
  if (each != NULL && any_wild(each, w->run.n)) return true;
  if (loss->wild != NULL && each != NULL && !all_finite(each, w->run.n)) return true;
  if (loss->wild != NULL && loss->wild(&w->run)) return true;
  for (int k = 0; k < plan->c->loss->n_inputs; k++) {
    if (w->run.x[k] != NULL && any_wild(w->run.x[k], w->run.n)) return true;
  }
  return false;
}

/* ---- Pairs ---- */

/* high + low with its high part rounded; what is left of a sum that is not finite is dropped. */
static lp_pair settle(double high, double low) {
  const lp_pair sum = lp_two_sum(high, low);
  return isfinite(sum.high) ? sum : (lp_pair){high, 0.0};
}

static lp_pair divide(lp_pair a, lp_pair b) {
  const double quotient = a.high / b.high;
  const double low = (fma(-quotient, b.high, a.high) + a.low - quotient * b.low) / b.high;
  return quotient != 0.0 && isfinite(low) ? settle(quotient, low) : (lp_pair){quotient, 0.0};
}

/* (a + a_low) * (b + b_low) rounded once and a half. Zeros keep the sign of a * b, and low parts do not count where
 * a * b is not finite. */
LP_INLINE double multiply(double a, double a_low, double b, double b_low) {
  const double product = a * b;
  const double whole = product + (a * b_low + a_low * b);
  return product != 0.0 && fabs(whole) <= DBL_MAX ? whole : product;
}

/* Running sums side by side, so that they vectorize without waiting for each other: lane l holds the positions that
 * are l modulo LANES. */
enum { LANES = 32 };
typedef struct lane_sum {
  double high[LANES], low[LANES];
} lane_sum;

LP_INLINE void add_pair(double *high, double *low, double x, double x_low) {
  const lp_pair sum = lp_two_sum(*high, x);
  *high = sum.high;
  *low += sum.low + x_low;
}

LP_MULTIVERSION static void add_to_lanes(lane_sum *s, const double *x, const double *x_low, int n) {
  lane_sum t = *s;
  int i = 0;
  for (; i + LANES <= n; i += LANES) {
    for (int l = 0; l < LANES; l++) add_pair(&t.high[l], &t.low[l], x[i + l], x_low[i + l]);
  }
  for (int l = 0; i < n; i++, l++) add_pair(&t.high[l], &t.low[l], x[i], x_low[i]);
  *s = t;
}

static lp_pair total_of(const lane_sum *s) {
  double high = 0.0, low = 0.0;
  for (int l = 0; l < LANES; l++) add_pair(&high, &low, s->high[l], s->low[l]);
  return settle(high, low);
}

/* ---- Denominators ---- */

static bool weighted_mean(const task *t) {
  return t->loss->weight != 0 && t->plan->c->has_input[t->loss->weight] && t->plan->c->reduction == LP_REDUCTION_MEAN;
}

static double count(const lp_plan *plan) {
  const lp_tensor *first = &plan->c->inputs[0];
  switch (plan->c->reduction) {
    case LP_REDUCTION_MEAN:
      return (double)plan->term.numel;
    case LP_REDUCTION_BATCHMEAN:
      return first->rank == 0 ? 1.0 : (double)first->shape[0];
    default:
      return 1.0;
  }
}

static lp_pair sum_weights(workspace *w, const lp_tensor *weight) {
  lane_sum sum = {{0.0}, {0.0}};
  for (int64_t start = 0; start < weight->numel; start += LP_CHUNK) {
    const int n = weight->numel - start < LP_CHUNK ? (int)(weight->numel - start) : LP_CHUNK;
    for (int i = 0; i < n; i++) {
      const lp_pair one = lp_pointwise_element(weight, start + i);
      w->gated[i] = one.high;
      w->gated_low[i] = one.low;
    }
    add_to_lanes(&sum, w->gated, w->gated_low, n);
  }
  return total_of(&sum);
}

/* What the sum is divided by. */
static lp_pair denominator(workspace *w, const task *t) {
  if (!weighted_mean(t)) return (lp_pair){count(t->plan), 0.0};
  return sum_weights(w, &t->plan->c->inputs[t->loss->weight]);
}

/* The upstream gradient of a reduced loss, 1 otherwise. */
static double upstream(const task *t) { return reduced(t->plan) ? lp_plan_upstream(t->plan, 0) : 1.0; }

/* ---- In double precision ---- */

/* What multiplies the slopes of input k at the positions of this chunk, position by position. */
typedef struct factors {
  const double *high, *low;
} factors;

static factors shared_factors(const workspace *w, const task *t, int64_t start) {
  const lp_case *c = t->plan->c;
  if (reduced(t->plan) || !c->has_grad_output) return (factors){w->upstream, w->upstream_low};
  return (factors){c->grad_output.f64 + start, w->zeros};
}

LP_MULTIVERSION static factors pass_gate(workspace *w, factors f) {
  LP_INDEPENDENT
  for (int i = 0; i < w->run.n; i++) {
    const bool open = w->run.gate[i] != 0.0;
    w->gated[i] = open ? f.high[i] : 0.0;
    w->gated_low[i] = open ? f.low[i] : 0.0;
  }
  return (factors){w->gated, w->gated_low};
}

LP_MULTIVERSION static void write_products(double *out, factors f, const double *slope, const double *slope_low,
                                           int n) {
  LP_INDEPENDENT
  for (int i = 0; i < n; i++) out[i] = multiply(f.high[i], f.low[i], slope[i], slope_low[i]);
}

static void add_products(double *sums, const int64_t *offset, factors f, const double *slope, const double *slope_low,
                         int n) {
  for (int i = 0; i < n; i++) {
    const lp_pair product = lp_two_product(f.high[i], slope[i]);
    const double low = product.low + (f.high[i] * slope_low[i] + f.low[i] * slope[i]);
    double *const sum = &sums[BIG_SIZE * offset[i]];
    add_pair(&sum[0], &sum[1], product.high, low);
  }
}

/* The gradient of the weight of a weighted mean is (sum of slopes - L) * g/W; its sums are taken without g/W, to be
 * multiplied after the subtraction, unless g/W is not finite. */
static bool factor_comes_later(const task *t, int k, double coefficient) {
  return weighted_mean(t) && k == t->loss->weight && isfinite(coefficient);
}

static void add_gradients(workspace *w, const task *t, int64_t start, lp_pair coefficient) {
  const lp_plan *plan = t->plan;
  const factors ungated = shared_factors(w, t, start);
  const factors shared = t->loss->gated ? pass_gate(w, ungated) : ungated;
  for (int k = 0; k < plan->c->loss->n_inputs; k++) {
    double *const out = lp_outcome_grad(t->outcome, k);
    if (out == NULL) continue;
    const factors f = factor_comes_later(t, k, coefficient.high) ? (factors){w->ones, w->zeros} : shared;
    if (w->sums[k] == NULL) {
      write_products(out + start, f, w->run.slope[k], w->run.slope_low[k], w->run.n);
    } else {
      add_products(w->sums[k], w->offset[k], f, w->run.slope[k], w->run.slope_low[k], w->run.n);
    }
  }
}

/* What is left to do for the gradient of the weight of a weighted mean, sums[j] being the sum of its slopes. False when
 * a difference cancels so far that pairs are not enough. */
static bool finish_weight(double *out, const double *sums, int64_t n, lp_pair coefficient, lp_pair minus_mean) {
  bool enough = true;
  for (int64_t j = 0; j < n; j++) {
    const lp_pair own = settle(sums[BIG_SIZE * j], sums[BIG_SIZE * j + 1]);
    const lp_pair rest = lp_pair_sum(own, minus_mean), product = lp_pair_product(rest, coefficient);
    out[j] = rest.high == 0.0 ? rest.high * coefficient.high : product.high;
    enough = enough && (rest.high == 0.0 || fabs(rest.high) >= 0x1p-40 * fabs(own.high));
  }
  return enough;
}

/* The same in PyTorch's own terms, where g/W or L is not finite. */
static void finish_weight_literally(double *out, int64_t n, double coefficient, double g, double mean_over_sum) {
  for (int64_t j = 0; j < n; j++) {
    const double own = isfinite(coefficient) ? coefficient * out[j] : out[j];
    out[j] = own - g * mean_over_sum;
  }
}

static bool finish_gradients(const workspace *w, const task *t, lp_pair coefficient, lp_pair mean, lp_pair below) {
  bool enough = true;
  for (int k = 0; k < t->plan->c->loss->n_inputs; k++) {
    double *const out = lp_outcome_grad(t->outcome, k);
    const int64_t n = t->plan->c->inputs[k].numel;
    for (int64_t j = 0; out != NULL && w->sums[k] != NULL && j < n; j++) {
      out[j] = settle(w->sums[k][BIG_SIZE * j], w->sums[k][BIG_SIZE * j + 1]).high;
    }
    if (out == NULL || !weighted_mean(t) || k != t->loss->weight) continue;
    if (isfinite(coefficient.high) && isfinite(mean.high)) {
      enough = finish_weight(out, w->sums[k], n, coefficient, lp_pair_negative(mean));
    } else {
      finish_weight_literally(out, n, coefficient.high, upstream(t), mean.high / below.high);
    }
  }
  return enough;
}

static void add_values(lane_sum *total, double *out, const workspace *w, const task *t, int64_t start) {
  if (reduced(t->plan)) {
    add_to_lanes(total, w->run.value, w->run.value_low, w->run.n);
  } else {
    memcpy(out + start, w->run.value, (size_t)w->run.n * sizeof(double));
  }
}

/* Do weights of both signs cancel so far that pairs may have lost what is left of their sum, or of the values'? */
static bool weights_cancel(const task *t, lp_pair sum) {
  if (!weighted_mean(t)) return false;
  const lp_tensor *weight = &t->plan->c->inputs[t->loss->weight];
  double negative = 0.0;
  for (int64_t i = 0; i < weight->numel; i++) negative += fmin(element(weight, i), 0.0);
  return negative < 0.0 && isfinite(negative) && fabs(sum.high) <= 0x1p-30 * -negative;
}

/* Did g / W overflow, or underflow to 0? */
static bool coefficient_is_lost(const task *t, lp_pair coefficient, lp_pair below) {
  const double g = upstream(t);
  const bool is_number = isfinite(g) && g != 0.0 && isfinite(below.high) && below.high != 0.0;
  return is_number && (!isfinite(coefficient.high) || coefficient.high == 0.0);
}

static bool wild_from_the_start(const task *t, lp_pair coefficient, lp_pair below) {
  if (t->loss->wild != NULL && !isfinite(coefficient.high)) return true;
  if (coefficient_is_lost(t, coefficient, below)) return true;
  return any_wild(t->plan->c->params, t->plan->c->loss->n_params) ||
         is_wild(coefficient.high, TAME_COEFFICIENT_LOW, TAME_COEFFICIENT_HIGH);
}

/* The mean again, of values that are each a number where their sum overflowed: with a shift. */
static lp_pair shifted_mean(workspace *w, const task *t, lp_pair below) {
  lane_sum total = {{0.0}, {0.0}};
  for (int64_t start = 0; start < t->plan->term.numel; start += LP_CHUNK) {
    read_chunk(w, t->plan, start);
    t->loss->terms(&w->run);
    for (int i = 0; i < w->run.n; i++) {
      w->run.value[i] *= 0x1p-64;
      w->run.value_low[i] *= 0x1p-64;
    }
    add_to_lanes(&total, w->run.value, w->run.value_low, w->run.n);
  }
  const lp_pair mean = divide(total_of(&total), below);
  return settle(0x1p64 * mean.high, 0x1p64 * mean.low);
}

/* Returns false when the case needs big arithmetic, with the outcome half written. */
static bool run_in_double(workspace *w, const task *t) {
  const lp_plan *plan = t->plan;
  const bool can_go_big = t->loss->big != NULL;
  const lp_pair below = denominator(w, t), coefficient = divide((lp_pair){upstream(t), 0.0}, below);
  double *const out = lp_outcome_loss(t->outcome);
  lane_sum total = {{0.0}, {0.0}};
  if (can_go_big && (wild_from_the_start(t, coefficient, below) || weights_cancel(t, below))) return false;
  for (int i = 0; i < LP_CHUNK; i++) {
    w->upstream[i] = coefficient.high;
    w->upstream_low[i] = coefficient.low;
  }
  for (int64_t start = 0; start < plan->term.numel; start += LP_CHUNK) {
    read_chunk(w, plan, start);
    if (can_go_big && chunk_is_wild(w, plan, t->loss, start)) return false;
    t->loss->terms(&w->run);
    add_values(&total, out, w, t, start);
    add_gradients(w, t, start, coefficient);
  }
  const lp_pair sum = total_of(&total);
  const lp_pair mean = isfinite(sum.high) ? divide(sum, below) : shifted_mean(w, t, below);
  if (reduced(plan)) out[0] = mean.high;
  return finish_gradients(w, t, coefficient, mean, below);
}

/* ---- In big arithmetic ---- */

typedef struct big_sums {
  lp_big total, below, coefficient, mean;
  double special; /* sum of the values that are infinite or NaN as doubles */
  int n_parts;
  double parts[LP_LONG_PARTS]; /* of the sum of the weights, exactly */
} big_sums;

/* An infinity or NaN makes the sum what IEEE makes of it; otherwise it is exact, 0 only where it is 0. */
static lp_big big_denominator(big_sums *s, const task *t) {
  if (!weighted_mean(t)) return lp_big_of(count(t->plan));
  const lp_tensor *weight = &t->plan->c->inputs[t->loss->weight];
  lp_long_sum sum;
  double special = 0.0;
  lp_long_sum_clear(&sum);
  for (int64_t i = 0; i < weight->numel; i++) {
    const lp_pair w = lp_pointwise_element(weight, i);
    if (isfinite(w.high)) {
      lp_long_sum_add(&sum, w.high, 1.0, 1.0);
      lp_long_sum_add(&sum, w.low, 1.0, 1.0);
    } else {
      special += w.high;
    }
  }
  s->n_parts = special == 0.0 ? lp_long_sum_parts(s->parts, &sum) : 0;
  return special == 0.0 ? lp_long_sum_get(&sum) : lp_big_of(special);
}

/* The sum of the values where they and the weights may cancel. */
static lp_big exact_total(workspace *w, const task *t) {
  lp_long_sum sum;
  lp_long_sum_clear(&sum);
  for (int64_t position = 0; position < t->plan->term.numel; position++) {
    const int i = (int)(position % LP_CHUNK);
    if (i == 0) read_chunk(w, t->plan, position);
    t->loss->add(&sum, &w->run, i);
  }
  return lp_long_sum_get(&sum);
}

static lp_big_term big_term(const workspace *w, const task *t, int i) {
  lp_big_term term = {.shut = false};
  t->loss->big(&term, &w->run, i);
  return term;
}

static lp_big big_factor(const task *t, const lp_big_term *term, int k, int64_t position, lp_big coefficient) {
  if (factor_comes_later(t, k, coefficient.high)) return lp_big_of(1.0);
  if (term->shut) return lp_big_of(0.0);
  if (reduced(t->plan)) return coefficient;
  return lp_big_of(lp_plan_upstream(t->plan, position));
}

/* sum W - S exactly, for element j of the weights. */
static lp_big exact_difference(workspace *w, const task *t, const big_sums *s, int64_t j) {
  const int k = t->loss->weight;
  double weight[LP_CHUNK];
  lp_long_sum sum;
  lp_long_sum_clear(&sum);
  for (int64_t position = 0; position < t->plan->term.numel; position++) {
    const int i = (int)(position % LP_CHUNK);
    if (i == 0) read_chunk(w, t->plan, position);
    lp_run run = w->run;
    run.x[k] = weight;
    weight[i] = -w->run.x[k][i];
    t->loss->add(&sum, &run, i);
    for (int part = 0; w->offset[k][i] == j && part < s->n_parts; part++) {
      weight[i] = s->parts[part];
      t->loss->add(&sum, &run, i);
    }
  }
  return lp_long_sum_get(&sum);
}

static bool cancels(lp_big difference, lp_big of) {
  return lp_big_less(lp_big_abs(difference), lp_big_multiply(lp_big_abs(of), lp_big_of(0x1p-40)));
}

/* The same in PyTorch's own terms, where g/W or S/W is not finite. The second term is not finite then: beside it, what
 * is beyond the range of double counts as infinite. */
static lp_big literal_weight_gradient(lp_big sum, const big_sums *s, double g) {
  const lp_big own = lp_big_is_finite(s->coefficient) ? lp_big_multiply(s->coefficient, sum) : sum;
  const lp_big share = lp_big_multiply(lp_big_of(g), lp_big_divide(s->mean, s->below));
  return lp_big_subtract(lp_big_of(lp_big_get(own)), share);
}

/* (sum - S/W) g/W as (sum W - S) (g/W)/W, which cancels exactly when there is one weight. */
static lp_big big_weight_gradient(lp_big sum, const big_sums *s, workspace *w, const task *t, int64_t j) {
  if (lp_big_is_finite(s->coefficient) && lp_big_is_finite(s->mean)) {
    lp_big difference = lp_big_subtract(lp_big_multiply(sum, s->below), s->total);
    if (cancels(difference, s->total) && s->n_parts > 0) difference = exact_difference(w, t, s, j);
    return lp_big_multiply(lp_big_divide(difference, s->below), s->coefficient);
  }
  return literal_weight_gradient(sum, s, upstream(t));
}

static lp_big load(const double *at) { return (lp_big){at[0], at[1], at[2], at[3]}; }

static void store(double *at, lp_big a) {
  at[0] = a.high;
  at[1] = a.low;
  at[2] = a.exponent;
  at[3] = a.far;
}

/* factor * slope. What is infinite anyhow follows PyTorch, whose slope may have underflowed to 0. */
static lp_big chain(lp_big factor, const lp_big_term *term, int k) {
  const bool whole = term->stepwise[k] || lp_big_is_finite(factor);
  return lp_big_multiply(factor, whole ? term->slope[k] : lp_big_of(lp_big_get(term->slope[k])));
}

/* The same, in PyTorch's own steps where these matter and the loss knows them. */
static lp_big product_of(const workspace *w, const task *t, const lp_big_term *term, int i, int k, lp_big factor) {
  double literal[LP_MAX_INPUTS];
  if (t->loss->literally == NULL || (lp_big_is_finite(factor) && !term->literal[k])) return chain(factor, term, k);
  t->loss->literally(literal, &w->run, i, lp_big_get(factor));
  return lp_big_of(literal[k]);
}

/* Adds to a sum of products. */
static void add_big(double *sum, lp_big product) {
  const double as_double = lp_big_get(product);
  store(sum, lp_big_add(load(sum), product));
  if (!isfinite(as_double)) sum[SPECIAL] += as_double;
}

static void add_big_gradients(const workspace *w, const task *t, const lp_big_term *term, int i, int64_t position,
                              const big_sums *s) {
  for (int k = 0; k < t->plan->c->loss->n_inputs; k++) {
    double *const out = lp_outcome_grad(t->outcome, k);
    if (out == NULL) continue;
    const lp_big factor = big_factor(t, term, k, position, s->coefficient);
    const lp_big product = product_of(w, t, term, i, k, factor);
    if (w->sums[k] != NULL) {
      add_big(&w->sums[k][BIG_SIZE * w->offset[k][i]], product);
    } else {
      out[position] = lp_big_get(product);
    }
  }
}

/* Beside an infinity or NaN, products beyond the range of double count as infinities, as they do for PyTorch. */
static lp_big big_sum(const double *sum) {
  const lp_big all = load(sum);
  return lp_big_is_finite(all) ? all : lp_big_of(sum[SPECIAL]);
}

static void finish_big_gradients(workspace *w, const task *t, const big_sums *s) {
  for (int k = 0; k < t->plan->c->loss->n_inputs; k++) {
    double *const out = lp_outcome_grad(t->outcome, k);
    if (out == NULL || w->sums[k] == NULL) continue;
    const bool is_weight = weighted_mean(t) && k == t->loss->weight;
    for (int64_t j = 0; j < t->plan->c->inputs[k].numel; j++) {
      const lp_big sum = big_sum(&w->sums[k][BIG_SIZE * j]);
      out[j] = lp_big_get(is_weight ? big_weight_gradient(sum, s, w, t, j) : sum);
    }
  }
}

static void add_value(big_sums *s, lp_big value) {
  const double as_double = lp_big_get(value);
  s->total = lp_big_add(s->total, value);
  if (!isfinite(as_double)) s->special += as_double;
}

/* Two passes, since the gradient of a weight needs the mean. Beside an infinity or NaN, values beyond the range of
 * double count as infinities, as they do for PyTorch. */
static void run_big(workspace *w, const task *t) {
  const lp_plan *plan = t->plan;
  double *const out = lp_outcome_loss(t->outcome);
  big_sums s = {.total = lp_big_of(0.0)};
  s.below = big_denominator(&s, t);
  s.coefficient = lp_big_divide(lp_big_of(upstream(t)), s.below);
  for (int pass = 0; pass < 2; pass++) {
    for (int64_t position = 0; position < plan->term.numel; position++) {
      const int i = (int)(position % LP_CHUNK);
      if (i == 0) read_chunk(w, plan, position);
      const lp_big_term term = big_term(w, t, i);
      if (pass == 0) add_value(&s, term.value);
      if (pass == 0 && !reduced(plan)) out[position] = lp_big_get(term.value);
      if (pass == 1) add_big_gradients(w, t, &term, i, position, &s);
    }
    if (pass == 0 && !lp_big_is_finite(s.total)) s.total = lp_big_of(s.special);
    if (pass == 0 && weighted_mean(t) && lp_big_is_finite(s.below) && lp_big_is_finite(s.total)) {
      s.total = exact_total(w, t);
      /* over 0, what PyTorch finds above */
      if (s.below.high == 0.0) s.total = lp_big_of(lp_big_get(s.total));
    }
    s.mean = lp_big_divide(s.total, s.below);
  }
  if (reduced(plan)) out[0] = lp_big_get(s.mean);
  finish_big_gradients(w, t, &s);
}

/* ---- The two entrances ---- */

static void run(const task *t, double *scratch) {
  workspace w;
  set_up(&w, t->plan, scratch);
  if (run_in_double(&w, t)) return;
  set_up(&w, t->plan, scratch);
  run_big(&w, t);
}

void lp_pointwise_run(lp_outcome *outcome, const lp_plan *plan, const lp_pointwise *loss, double *scratch) {
  run(&(task){plan, loss, outcome}, scratch);
}

uint64_t lp_pointwise_regimes(const lp_plan *plan, const lp_pointwise *loss, double *scratch) {
  uint64_t regimes = plan->term.numel == 0 ? loss->regime_empty : 0;
  workspace w;
  set_up(&w, plan, scratch);
  for (int64_t start = 0; start < plan->term.numel; start += LP_CHUNK) {
    read_chunk(&w, plan, start);
    regimes |= loss->regimes(&w.run);
  }
  return regimes;
}
