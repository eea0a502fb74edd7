/* Seeded values, see draw.h.
 *
 * At most one draw in an expression: C leaves the order of evaluation to the compiler.
 * Everything here is integer arithmetic or IEEE + - * / in a fixed order, so that a seed means the same bits on every
 * machine. Values are stepped and rounded in the dtype of the tensor that they are drawn for: one ulp beside a kink is
 * one float32 ulp in a float32 tensor. */
#include "reference/draw.h"

#include <math.h>
#include <string.h>

enum { LATTICE_CAPACITY = 64 };
#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static uint64_t fnv1a(uint64_t hash, unsigned byte) { return (hash ^ byte) * UINT64_C(0x100000001b3); }

lp_rng lp_rng_for_case(uint64_t run_seed, const char *id) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (int shift = 0; shift < 64; shift += 8) hash = fnv1a(hash, (unsigned)(run_seed >> shift) & 0xffU);
  for (; *id != '\0'; ++id) hash = fnv1a(hash, (unsigned char)*id);
  return (lp_rng){mix(hash)};
}

uint64_t lp_rng_next(lp_rng *rng) {
  rng->state += UINT64_C(0x9e3779b97f4a7c15);
  return mix(rng->state);
}

/* Draws above the last multiple of n are thrown away, so that every residue is equally likely. */
int64_t lp_rng_below(lp_rng *rng, int64_t n) {
  const uint64_t modulus = (uint64_t)n, end = UINT64_MAX - UINT64_MAX % modulus;
  uint64_t bits = lp_rng_next(rng);
  while (bits >= end) bits = lp_rng_next(rng);
  return (int64_t)(bits % modulus);
}

double lp_rng_uniform(lp_rng *rng) { return (double)(lp_rng_next(rng) >> 11) * 0x1p-53; }

bool lp_rng_chance(lp_rng *rng, double probability) { return lp_rng_uniform(rng) < probability; }

double lp_rng_normal(lp_rng *rng) {
  double sum = -6.0;
  for (int i = 0; i < 12; ++i) sum += lp_rng_uniform(rng);
  return lp_dtype_round(LP_FLOAT32, sum);
}

double lp_rng_pick(lp_rng *rng, const double *values, int n) { return values[lp_rng_below(rng, n)]; }

/* The doubles in order are the integers in order: negative ones are mirrored below zero, and both zeros meet at 0. */
static int64_t order_of(double x) {
  int64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits >= 0 ? bits : INT64_MIN - bits;
}

static double from_order(int64_t order) {
  const int64_t bits = order >= 0 ? order : INT64_MIN - order;
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

double lp_ulp_step(double x, int steps) {
  if (!isfinite(x) || steps == 0) return x;
  const int64_t infinity = order_of(INFINITY), to = order_of(x) + steps;
  if (to > infinity) return INFINITY;
  return to < -infinity ? -INFINITY : from_order(to);
}

/* Steps through the numbers of a floating dtype. 1.01 u |x| is between half a spacing and one and a bit, on both sides
 * of a power of two, so that rounding lands on the very next number; below the normal range the spacing is eta. */
static double step_in(lp_dtype dtype, double x, int steps) {
  if (dtype == LP_FLOAT64) return lp_ulp_step(x, steps);
  const double u = lp_dtype_unit_roundoff(dtype), eta = lp_dtype_smallest_subnormal(dtype);
  double at = lp_dtype_round(dtype, x);
  for (int i = steps < 0 ? -steps : steps; i > 0; --i) {
    const double step = fmax(1.01 * u * fabs(at), 0.75 * eta);
    at = lp_dtype_round(dtype, steps < 0 ? at - step : at + step);
  }
  return at;
}

const lp_value_class lp_common_value_classes[LP_VALUES_COMMON_COUNT] = {
    {"ordinary", true, false, "a plainly wrong formula, denominator or sign"},
    {"boundary", false, false, "the wrong branch at a boundary between regimes or one ulp beside it"},
    {"equal", false, false, "a wrong choice at ties and zero residuals: 0/0, or a gradient where none is due"},
    {"tiny", false, false, "signed zeros and subnormals flushed, or divided by"},
    {"huge", false, false, "overflow of exp or of a product, and log of 0, where the result is finite"},
    {"special", false, false, "an infinity or NaN swallowed, or leaking into other elements"},
};

static const double tiny_values[] = {0.0,    -0.0,   0x1p-1074, 0x1p-1073, 1e-310,  2.2250738585072014e-308,
                                     1e-300, 1e-154, 1e-45,     1e-38,     1e-30,   1e-20,
                                     1e-16,  1e-12,  1e-8,      1e-7,      0x1p-24, 0x1p-133,
                                     1e-6};
static const double huge_values[] = {16.6,  17.0,  20.0,   37.0,    50.0,    88.7,  88.8,  100.0,
                                     103.0, 104.0, 120.0,  256.0,   300.0,   400.0, 709.7, 710.0,
                                     745.0, 746.0, 1000.0, 65504.0, 65520.0, 1e10,  1e19,  1.9e19,
                                     1e20,  1e25,  3e38,   1e154,   1.4e154, 1e155, 1e200, 1e300};
static const double special_values[] = {INFINITY, -INFINITY, NAN};

static double limit_of(lp_dtype dtype) {
  static const double limit[LP_DTYPE_COUNT] = {[LP_INT64] = 0x1.fffffffffffffp62,
                                               [LP_INT32] = 2147483647.0,
                                               [LP_INT16] = 32767.0,
                                               [LP_INT8] = 127.0,
                                               [LP_UINT8] = 255.0,
                                               [LP_BOOL] = 1.0};
  return limit[dtype];
}

/* Nearest integer, halves away from zero, NaN to 0, within the dtype. */
static int64_t integer_in(lp_dtype dtype, double x) {
  if (isnan(x)) return 0;
  const double high = limit_of(dtype), low = dtype == LP_UINT8 || dtype == LP_BOOL ? 0.0 : -high;
  const double clamped = fmin(fmax(x, low), high);
  const int64_t whole = (int64_t)clamped; /* towards zero; the difference below is exact */
  const double rest = clamped - (double)whole;
  return whole + (rest >= 0.5) - (rest <= -0.5);
}

static void put(lp_tensor *tensor, int64_t index, double x) {
  if (lp_dtype_is_floating(tensor->dtype)) {
    tensor->f64[index] = lp_dtype_round(tensor->dtype, x);
  } else {
    tensor->i64[index] = integer_in(tensor->dtype, x);
  }
}

static double draw_tiny(lp_rng *rng) {
  if (lp_rng_chance(rng, 0.4)) return lp_rng_normal(rng);
  const double x = lp_rng_pick(rng, tiny_values, COUNT(tiny_values));
  return lp_rng_chance(rng, 0.5) ? -x : x;
}

/* Huge but finite in the dtype: what would overflow becomes the largest number. */
static double draw_huge(lp_rng *rng, lp_dtype dtype) {
  if (lp_rng_chance(rng, 0.4)) return lp_rng_normal(rng);
  double x = lp_rng_pick(rng, huge_values, COUNT(huge_values));
  if (lp_dtype_is_floating(dtype)) x = fmin(x, lp_dtype_largest(dtype));
  return lp_rng_chance(rng, 0.5) ? -x : x;
}

static double draw_plain(lp_rng *rng, lp_dtype dtype, int value_class) {
  switch (value_class) {
    case LP_VALUES_TINY:
      return draw_tiny(rng);
    case LP_VALUES_HUGE:
      return draw_huge(rng, dtype);
    default:
      return lp_rng_normal(rng);
  }
}

static double draw_label(lp_rng *rng, int value_class, const lp_labels *labels) {
  const bool odd = value_class != LP_VALUES_ORDINARY && labels->n_odd > 0 && lp_rng_chance(rng, 0.25);
  return odd ? lp_rng_pick(rng, labels->odd, labels->n_odd) : lp_rng_pick(rng, labels->usual, labels->n_usual);
}

/* The element of `other` that meets element `index` of `tensor` when both broadcast; the first of several.
 * Both tensors have elements. Shapes that do not broadcast (cases to be rejected) wrap around. */
static int64_t meeting(const lp_tensor *other, const lp_tensor *tensor, int64_t index) {
  int64_t at = 0, stride = 1;
  for (int k = 1; k <= other->rank; ++k) {
    const int64_t extent = k <= tensor->rank ? tensor->shape[tensor->rank - k] : 1;
    const int64_t own = other->shape[other->rank - k];
    at += index % extent % own * stride;
    index /= extent;
    stride *= own;
  }
  return at;
}

/* earlier[j], j < input: what was drawn for input j at this position, 0 where the case leaves it out or empty. */
static void gather_earlier(double earlier[LP_MAX_INPUTS], const lp_case *c, int input, int64_t index) {
  for (int j = 0; j < input; ++j) {
    const bool there = c->has_input[j] && c->inputs[j].numel > 0;
    earlier[j] = there ? lp_tensor_get(&c->inputs[j], meeting(&c->inputs[j], &c->inputs[input], index)) : 0.0;
  }
}

static double draw_boundary(lp_rng *rng, const lp_case *c, int input, lp_lattice lattice, const double *earlier) {
  static const double steps[] = {0.0, 0.0, 0.0, 0.0, -1.0, 1.0, -2.0, 2.0};
  double values[LATTICE_CAPACITY];
  const int n = lattice != NULL ? lattice(values, LATTICE_CAPACITY, c->params, input, earlier) : 0;
  if (n == 0 || lp_rng_chance(rng, 0.25)) return lp_rng_normal(rng);
  const double x = lp_rng_pick(rng, values, n);
  const int step = (int)lp_rng_pick(rng, steps, COUNT(steps));
  const lp_dtype dtype = c->inputs[input].dtype;
  return lp_dtype_is_floating(dtype) ? step_in(dtype, x, step) : x + step;
}

static bool is_label(const lp_labels *labels, int input) { return labels != NULL && labels[input].usual != NULL; }

/* The earlier input that this one is a copy of under LP_VALUES_EQUAL: the first that is no label. */
static int twin_of(const lp_case *c, const lp_labels *labels, int input) {
  for (int j = 0; j < input; ++j) {
    if (c->has_input[j] && c->loss->inputs[j].kind == LP_KIND_REAL && !is_label(labels, j)) return j;
  }
  return -1;
}

static double draw_element(lp_rng *rng, const lp_case *c, int value_class, lp_lattice lattice, const lp_labels *labels,
                           int input, int64_t index) {
  double earlier[LP_MAX_INPUTS] = {0.0};
  if (is_label(labels, input)) return draw_label(rng, value_class, &labels[input]);
  gather_earlier(earlier, c, input, index);
  if (value_class == LP_VALUES_BOUNDARY) return draw_boundary(rng, c, input, lattice, earlier);
  if (value_class == LP_VALUES_EQUAL) {
    const int twin = twin_of(c, labels, input);
    if (twin >= 0 && lp_rng_chance(rng, 0.75)) return earlier[twin];
  }
  return draw_plain(rng, c->inputs[input].dtype, value_class);
}

static bool is_drawn(const lp_case *c, int input) {
  return c->has_input[input] && c->loss->inputs[input].kind == LP_KIND_REAL;
}

/* Floating inputs with elements, into which an infinity or NaN fits. */
static int list_floating(int inputs[LP_MAX_INPUTS], const lp_case *c) {
  int n = 0;
  for (int k = 0; k < c->loss->n_inputs; ++k) {
    if (is_drawn(c, k) && lp_dtype_is_floating(c->inputs[k].dtype) && c->inputs[k].numel > 0) inputs[n++] = k;
  }
  return n;
}

/* Sets one element to an infinity or NaN, and half the time an element that meets it in another input as well:
 * inf - inf and 0 * inf need two. */
static void plant_special(lp_case *c, lp_rng *rng) {
  int inputs[LP_MAX_INPUTS];
  const int n = list_floating(inputs, c);
  if (n == 0) return;
  lp_tensor *const first = &c->inputs[inputs[lp_rng_below(rng, n)]];
  lp_tensor *const second = &c->inputs[inputs[lp_rng_below(rng, n)]];
  const int64_t index = lp_rng_below(rng, first->numel);
  first->f64[index] = lp_rng_pick(rng, special_values, COUNT(special_values));
  if (lp_rng_chance(rng, 0.5)) {
    second->f64[meeting(second, first, index)] = lp_rng_pick(rng, special_values, COUNT(special_values));
  }
}

void lp_draw_pointwise(lp_case *c, lp_rng *rng, int value_class, lp_lattice lattice, const lp_labels *labels) {
  for (int k = 0; k < c->loss->n_inputs; ++k) {
    if (!is_drawn(c, k)) continue;
    for (int64_t i = 0; i < c->inputs[k].numel; ++i) {
      put(&c->inputs[k], i, draw_element(rng, c, value_class, lattice, labels, k, i));
    }
  }
  if (value_class == LP_VALUES_SPECIAL) plant_special(c, rng);
}

/* Multiples of 1/4 up to 2 in magnitude: sums and differences of few of them are exact, so that ties and margins are
 * met without a lattice. */
static double draw_quarter(lp_rng *rng) { return (double)(lp_rng_below(rng, 17) - 8) * 0.25; }

void lp_draw_real(lp_tensor *tensor, lp_rng *rng, int value_class) {
  const double common = lp_rng_normal(rng);
  for (int64_t i = 0; i < tensor->numel; ++i) {
    double x = draw_plain(rng, tensor->dtype, value_class);
    if (value_class == LP_VALUES_BOUNDARY) x = draw_quarter(rng);
    if (value_class == LP_VALUES_EQUAL && lp_rng_chance(rng, 0.75)) x = common;
    put(tensor, i, x);
  }
  if (value_class != LP_VALUES_SPECIAL || tensor->numel == 0) return;
  for (int64_t i = lp_rng_below(rng, 2); i >= 0; --i) {
    const int64_t index = lp_rng_below(rng, tensor->numel);
    put(tensor, index, lp_rng_pick(rng, special_values, COUNT(special_values)));
  }
}
