#include "fuzz/mutate_tools.h"

#include <math.h>

#include "golden/bits.h"
#include "golden/packed.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static bool suits(const lp_tensor *tensor, unsigned which) {
  return tensor->numel > 0 && (which & (tensor->f64 ? LP_PICK_FLOATING : LP_PICK_INTEGER));
}

lp_tensor *lp_mutate_pick(lp_case *c, lp_rng *rng, unsigned which) {
  lp_tensor *found[LP_MAX_INPUTS + 1];
  int n = 0;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (c->has_input[i] && suits(&c->inputs[i], which)) found[n++] = &c->inputs[i];
  }
  if ((which & LP_PICK_UPSTREAM) && c->has_grad_output && suits(&c->grad_output, which)) found[n++] = &c->grad_output;
  return n > 0 ? found[lp_rng_below(rng, n)] : NULL;
}

/* 2^63 is no int64_t, and is the first double above all of them. */
static int64_t nearest_integer(lp_dtype dtype, double value) {
  const int64_t low = lp_packed_min(dtype), high = lp_packed_max(dtype);
  if (isnan(value)) return 0;
  if (value >= (double)high) return high;
  return value <= (double)low ? low : (int64_t)nearbyint(value);
}

void lp_mutate_put(lp_tensor *tensor, int64_t index, double value) {
  if (tensor->f64) {
    tensor->f64[index] = lp_dtype_round(tensor->dtype, value);
  } else {
    tensor->i64[index] = nearest_integer(tensor->dtype, value);
  }
}

static uint64_t sign_bit(lp_dtype dtype) { return (uint64_t)1 << (8 * lp_dtype_size(dtype) - 1); }

int64_t lp_mutate_order(lp_dtype dtype, double value) {
  const uint64_t bits = lp_float_bits(dtype, value), sign = sign_bit(dtype);
  return bits & sign ? -(int64_t)(bits - sign) : (int64_t)bits;
}

double lp_mutate_from_order(lp_dtype dtype, int64_t order) {
  return lp_float_from_bits(dtype, order < 0 ? (uint64_t)-order | sign_bit(dtype) : (uint64_t)order);
}

double lp_mutate_step(lp_dtype dtype, double value, int64_t steps) {
  if (isnan(value)) return value;
  const int64_t most = lp_mutate_order(dtype, INFINITY), to = lp_mutate_order(dtype, value) + steps;
  return lp_mutate_from_order(dtype, to > most ? most : to < -most ? -most : to);
}

/* Where element `index` of the layout comes from: its coordinates, counted from the last axis, modulo the old ones. */
static int64_t origin(const lp_tensor *old, const lp_tensor *layout, int64_t index) {
  int64_t at = 0, stride = 1;
  for (int back = 1; back <= old->rank; back++) {
    const int64_t extent = back <= layout->rank ? layout->shape[layout->rank - back] : 1;
    const int64_t own = old->shape[old->rank - back];
    at += index % extent % own * stride;
    index /= extent;
    stride *= own;
  }
  return at;
}

bool lp_mutate_recast(lp_tensor *tensor, lp_arena *arena, const lp_tensor *layout, lp_rng *rng) {
  lp_tensor now = *layout;
  now.f64 = NULL;
  now.i64 = NULL;
  if (lp_arena_tensor(arena, &now, NULL) != LP_OK) return false;
  for (int64_t i = 0; i < now.numel; i++) {
    const bool exists = tensor->numel > 0 && (tensor->f64 || tensor->i64);
    const int64_t from = exists ? origin(tensor, &now, i) : 0;
    if (exists && tensor->i64 && now.i64 && tensor->dtype == now.dtype) {
      now.i64[i] = tensor->i64[from]; /* which a double may not hold */
    } else {
      lp_mutate_put(&now, i, exists ? lp_tensor_get(tensor, from) : lp_any_special(rng));
    }
  }
  *tensor = now;
  return true;
}

bool lp_mutate_copy_inputs(lp_case *copy, lp_arena *arena, const lp_case *c) {
  *copy = *c;
  for (int i = 0; i <= c->loss->n_inputs; i++) {
    const bool is_input = i < c->loss->n_inputs;
    const lp_tensor *from = is_input ? &c->inputs[i] : &c->grad_output;
    lp_tensor *to = is_input ? &copy->inputs[i] : &copy->grad_output;
    if (is_input ? !c->has_input[i] : !c->has_grad_output) continue;
    to->f64 = NULL;
    to->i64 = NULL;
    if (lp_arena_tensor(arena, to, NULL) != LP_OK) return false;
    for (int64_t k = 0; to->f64 && k < to->numel; k++) to->f64[k] = from->f64[k];
    for (int64_t k = 0; to->i64 && k < to->numel; k++) to->i64[k] = from->i64[k];
  }
  return true;
}

double lp_any_special(lp_rng *rng) {
  static const double values[] = {0.0,           0.0,           1.0,
                                  1.0,           2.0,           3.0,
                                  0.5,           0x1p-1074,     0x1p-149,
                                  0x1p-24,       1e-45,         1e-38,
                                  1e-30,         1e-12,         1e-8,
                                  1e-7,          1e-6,          1e-20,
                                  1.0 - 0x1p-53, 1.0 + 0x1p-52, 1e-300,
                                  1e-154,        16.6,          17.0,
                                  20.0,          50.0,          0x1p-133,
                                  0x1p-1022,     1.0 - 0x1p-24, 1.0 + 0x1p-23,
                                  88.7,          88.8,          100.0,
                                  103.0,         104.0,         120.0,
                                  709.7,         710.0,         745.0,
                                  746.0,         256.0,         300.0,
                                  400.0,         1e4,           65504.0,
                                  65520,         1e10,          1e19,
                                  1.9e19,        1e20,          1e25,
                                  3e38,          3.5e38,        1e154,
                                  1e155,         1e300,         1.797e308,
                                  INFINITY,      INFINITY,      NAN,
                                  1e-50,         0.99999,       0.25,
                                  0x1p-400,      0x1p+401,      0.75,
                                  1e38,          1e-160,        0x1.6a09e667f3bcdp0};
  const double value = lp_rng_pick(rng, values, COUNT(values));
  return lp_rng_chance(rng, 0.5) ? copysign(value, -1.0) : value;
}

double lp_any_setting(const lp_case *c, lp_rng *rng) {
  return c->loss->n_params > 0 ? c->params[lp_rng_below(rng, c->loss->n_params)] : 0.0;
}

int64_t lp_mutate_rows(const lp_tensor *tensor) { return tensor->rank > 0 ? tensor->shape[0] : 1; }

int64_t lp_mutate_row_size(const lp_tensor *tensor) {
  const int64_t rows = lp_mutate_rows(tensor);
  return rows > 0 ? tensor->numel / rows : 0;
}
