/* Numbers: which are simple, what one could become, and where. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/minimize_tools.h"
#include "golden/bits.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

enum { MOST_NUMBERS = 128, SMALL = 10, DIGITS = 17, ROUNDED_UP = 3, HALVINGS = 11 };

/* Costs begin here. */
#define POWERS ((int64_t)1 << 16)
#define DECIMALS ((int64_t)1 << 20)
#define LARGE_INTEGERS ((int64_t)1 << 20)
#define SPECIALS ((int64_t)1 << 22)

bool lp_same_real(double a, double b) { return lp_float_bits(LP_FLOAT64, a) == lp_float_bits(LP_FLOAT64, b); }

/* --- costs -------------------------------------------------------------------------------------------------------- */

/* To `digits` significant decimal digits, then to the dtype. */
static double to_digits(lp_dtype dtype, double value, int digits) {
  char text[48];
  snprintf(text, sizeof text, "%.*e", digits - 1, value);
  return lp_dtype_round(dtype, strtod(text, NULL));
}

static int digits_of(lp_dtype dtype, double value) {
  int digits = 1;
  while (digits < DIGITS && to_digits(dtype, value, digits) != value) digits++;
  return digits;
}

static int64_t special_cost(double value) {
  if (isnan(value)) return SPECIALS + 3;
  return value == 0.0 ? SPECIALS : SPECIALS + (value > 0.0 ? 1 : 2);
}

int64_t lp_real_cost(lp_dtype dtype, double value) {
  const double size = fabs(value);
  const bool negative = signbit(value);
  int exponent;
  if (!isfinite(value) || (value == 0.0 && negative)) return special_cost(value);
  if (size <= SMALL && size == floor(size)) return 2 * (int64_t)size - !negative + (value == 0.0);
  if (frexp(size, &exponent) == 0.5) {
    const int64_t power = exponent - 1;
    return POWERS + 4 * (power < 0 ? -power : power) + 2 * (power < 0) + negative;
  }
  const int64_t tens = (int64_t)fabs(floor(log10(size)));
  return DECIMALS + ((int64_t)digits_of(dtype, value) << 16) + 2 * tens + negative;
}

static int64_t integer_cost(int64_t value) {
  const uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
  int64_t bits = 0;
  if (size < (uint64_t)LARGE_INTEGERS / 4) return 2 * (int64_t)size - (value > 0);
  for (uint64_t left = size; left > 0; left >>= 1) bits++;
  return LARGE_INTEGERS + 2 * bits + (value < 0);
}

int64_t lp_number_cost(const lp_tensor *tensor, int64_t index) {
  return tensor->f64 ? lp_real_cost(tensor->dtype, tensor->f64[index]) : integer_cost(tensor->i64[index]);
}

/* --- what a number could become ----------------------------------------------------------------------------------- */

/* Nearer to 0 by half, a quarter, an eighth ... of it, and at last by 1. */
static int64_t nearer(int64_t value, int halving) {
  const int64_t part = value / ((int64_t)1 << (halving + 1));
  return value - (part != 0 ? part : value > 0 ? 1 : -1);
}

static const double plain[] = {0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0};

/* The integers beside it, and, of a small one, those nearer to 0. */
enum { INTEGERS = 6 };
static bool integer_candidate(double *out, double value, int j) {
  if (!(fabs(value) <= (double)LARGE_INTEGERS)) return false;
  const double toward = trunc(value);
  if (j == 0) *out = toward;
  if (j == 1) *out = toward + (value > 0.0 ? 1.0 : -1.0);
  if (j < 2) return true;
  if (fabs(toward) > SMALL || toward == 0.0) return false;
  *out = (double)nearer((int64_t)toward, j - 2);
  return true;
}

/* The powers of two beside it, and those whose exponents are nearer to 0. Of an infinity: those of a largest number. */
enum { POWER_CANDIDATES = 2 + HALVINGS };
static bool power_candidate(double *out, lp_dtype dtype, double value, int j) {
  int above;
  if (isnan(value) || value == 0.0) return false;
  frexp(isinf(value) ? lp_dtype_largest(dtype) : fabs(value), &above);
  const int below = above - 1;
  if (j >= 2 && below == 0) return false;
  const int power = j == 0 ? below : j == 1 ? above : (int)nearer(below, j - 2);
  *out = copysign(ldexp(1.0, power), value);
  return true;
}

/* Fewer digits; to the first few, away from 0 as well. */
enum { DECIMAL_CANDIDATES = DIGITS + ROUNDED_UP };
static bool decimal_candidate(double *out, lp_dtype dtype, double value, int j) {
  if (!isfinite(value) || value == 0.0) return false;
  const bool up = j < 2 * ROUNDED_UP && j % 2 == 1;
  const int digits = j < 2 * ROUNDED_UP ? 1 + j / 2 : 1 + j - ROUNDED_UP;
  const double rounded = to_digits(dtype, value, digits);
  const double unit = pow(10.0, floor(log10(fabs(value))) - (digits - 1));
  *out = rounded;
  if (up && fabs(rounded) <= fabs(value)) *out = to_digits(dtype, rounded + copysign(unit, value), digits);
  return true;
}

static bool real_candidate(double *out, bool *end, lp_dtype dtype, double value, int j) {
  *end = false;
  if (j < COUNT(plain)) {
    *out = plain[j];
    return true;
  }
  j -= COUNT(plain);
  if (j < INTEGERS) return integer_candidate(out, value, j);
  j -= INTEGERS;
  if (j < POWER_CANDIDATES) return power_candidate(out, dtype, value, j);
  j -= POWER_CANDIDATES;
  if (j < DECIMAL_CANDIDATES) return decimal_candidate(out, dtype, value, j);
  j -= DECIMAL_CANDIDATES;
  *out = j == 0 ? fabs(value) : (double)INFINITY;
  *end = j > 1;
  return !*end;
}

bool lp_simpler_real(double *simpler, bool *end, lp_dtype dtype, double value, int j) {
  double out;
  if (!real_candidate(&out, end, dtype, value, j)) return false;
  out = lp_dtype_round(dtype, out);
  *simpler = out;
  return lp_real_cost(dtype, out) < lp_real_cost(dtype, value);
}

bool lp_simpler_integer(int64_t *simpler, bool *end, lp_dtype dtype, int64_t value, int j) {
  static const int64_t small[] = {0, 1, -1, 2};
  (void)dtype;
  *end = j >= COUNT(small) + 63;
  if (*end || value == 0) return false;
  *simpler = j < COUNT(small) ? small[j] : nearer(value, j - COUNT(small) < 62 ? j - COUNT(small) : 61);
  return integer_cost(*simpler) < integer_cost(value);
}

/* --- where -------------------------------------------------------------------------------------------------------- */

lp_tensor *lp_case_tensor(lp_case *c, int which) {
  if (which < c->loss->n_inputs) return c->has_input[which] ? &c->inputs[which] : NULL;
  return c->has_grad_output ? &c->grad_output : NULL;
}

int64_t lp_case_elements(const lp_case *c) {
  int64_t n = c->has_grad_output ? c->grad_output.numel : 0;
  for (int i = 0; i < c->loss->n_inputs; i++) n += c->has_input[i] ? c->inputs[i].numel : 0;
  return n;
}

/* Which tensor: its number; -1 past the last element. */
static int locate(const lp_case *c, int64_t at, int64_t *index) {
  for (int i = 0; i <= c->loss->n_inputs; i++) {
    const bool is_input = i < c->loss->n_inputs;
    if (is_input ? !c->has_input[i] : !c->has_grad_output) continue;
    const int64_t n = is_input ? c->inputs[i].numel : c->grad_output.numel;
    *index = at;
    if (at < n) return i;
    at -= n;
  }
  return -1;
}

static const lp_tensor *tensor_at(const lp_case *c, int which) {
  return which < c->loss->n_inputs ? &c->inputs[which] : &c->grad_output;
}

bool lp_own_elements(lp_tensor *tensor, lp_arena *arena) {
  const lp_tensor from = *tensor;
  if (lp_arena_tensor(arena, tensor, NULL) != LP_OK) return false;
  const size_t n = (size_t)from.numel;
  if (n > 0 && from.f64) memcpy(tensor->f64, from.f64, n * sizeof *from.f64);
  if (n > 0 && from.i64) memcpy(tensor->i64, from.i64, n * sizeof *from.i64);
  return true;
}

/* Candidate j for an element: its number as a double, or as an integer. */
typedef struct number {
  double real;
  int64_t integer;
} number;

static bool candidate(number *out, bool *end, const lp_tensor *t, int64_t index, int j) {
  return t->f64 ? lp_simpler_real(&out->real, end, t->dtype, t->f64[index], j)
                : lp_simpler_integer(&out->integer, end, t->dtype, t->i64[index], j);
}

static void put(lp_tensor *t, int64_t index, const number *n) {
  if (t->f64) {
    t->f64[index] = lp_dtype_round(t->dtype, n->real);
  } else {
    t->i64[index] = t->dtype == LP_BOOL || (t->dtype == LP_UINT8 && n->integer < 0) ? n->integer & 1 : n->integer;
  }
}

/* Variant k: number k % MOST_NUMBERS of element k / MOST_NUMBERS. */
lp_variant lp_single_value(lp_case *next, lp_arena *arena, const lp_case *now, int64_t k) {
  int64_t index = 0;
  number n = {0.0, 0};
  bool end;
  const int which = locate(now, k / MOST_NUMBERS, &index);
  if (which < 0) return LP_VARIANT_END;
  if (!candidate(&n, &end, tensor_at(now, which), index, (int)(k % MOST_NUMBERS))) return LP_VARIANT_NONE;
  lp_tensor *t = lp_case_tensor(next, which);
  if (!lp_own_elements(t, arena)) return LP_VARIANT_NO_MEMORY;
  put(t, index, &n);
  return LP_VARIANT_NEW;
}

/* Everything in it that is harder to read becomes 0, or 1: all, halves, quarters ... of one tensor in turn. */
enum { LEVELS = 8, CHUNKS = (1 << LEVELS) - 1, BULK = 2 * CHUNKS };
static bool fill(lp_tensor *t, lp_arena *arena, int64_t chunk, int64_t of, int64_t value) {
  const int64_t from = t->numel * chunk / of, to = t->numel * (chunk + 1) / of;
  const number n = {.real = (double)value, .integer = value};
  if (!lp_own_elements(t, arena)) return false;
  for (int64_t i = from; i < to; i++) {
    if (lp_number_cost(t, i) > value) put(t, i, &n);
  }
  return true;
}

lp_variant lp_values_at_once(lp_case *next, lp_arena *arena, const lp_case *now, int64_t k) {
  const int which = (int)(k / BULK);
  int64_t chunk = k % BULK / 2, of = 1;
  if (which > now->loss->n_inputs) return LP_VARIANT_END;
  while (chunk >= of) {
    chunk -= of;
    of *= 2;
  }
  lp_tensor *t = lp_case_tensor(next, which);
  if (!t || t->numel / of < 2) return LP_VARIANT_NONE;
  return fill(t, arena, chunk, of, k % 2) ? LP_VARIANT_NEW : LP_VARIANT_NO_MEMORY;
}

static bool same_number(const lp_tensor *a, int64_t i, const lp_tensor *b, int64_t k) {
  if (!a->f64 != !b->f64) return false;
  return a->f64 ? lp_same_real(a->f64[i], b->f64[k]) : a->i64[i] == b->i64[k];
}

/* How often the number of this element occurs in the case; 0 when it has occurred before. */
static int64_t occurrences(const lp_case *c, const lp_tensor *of, int64_t index, int64_t at) {
  int64_t n = 0, there = 0;
  const int64_t all = lp_case_elements(c);
  for (int64_t i = 0; i < all; i++) {
    const int which = locate(c, i, &there);
    if (!same_number(of, index, tensor_at(c, which), there)) continue;
    if (i < at) return 0;
    n++;
  }
  return n;
}

/* Variant k: number k % MOST_NUMBERS of element k / MOST_NUMBERS, wherever it occurs. Ties stay ties. */
enum { MOST_FOR_TIES = 1024 };
lp_variant lp_equal_values(lp_case *next, lp_arena *arena, const lp_case *now, int64_t k) {
  const int64_t at = k / MOST_NUMBERS;
  int64_t index = 0;
  number n = {0.0, 0};
  bool end;
  const int which = lp_case_elements(now) > MOST_FOR_TIES ? -1 : locate(now, at, &index);
  if (which < 0) return LP_VARIANT_END;
  const lp_tensor *of = tensor_at(now, which);
  if (!candidate(&n, &end, of, index, (int)(k % MOST_NUMBERS))) return LP_VARIANT_NONE;
  if (occurrences(now, of, index, at) < 2) return LP_VARIANT_NONE;
  for (int i = 0; i <= next->loss->n_inputs; i++) {
    lp_tensor *t = lp_case_tensor(next, i);
    if (!t || !t->f64 != !of->f64) continue;
    const lp_tensor before = *t;
    if (!lp_own_elements(t, arena)) return LP_VARIANT_NO_MEMORY;
    for (int64_t e = 0; e < before.numel; e++) {
      if (same_number(of, index, &before, e)) put(t, e, &n);
    }
  }
  return LP_VARIANT_NEW;
}

/* Variant k: at place k, the second input becomes 0, and the others of its shape come down with it: what depends on
 * differences alone keeps its value. */
lp_variant lp_lower_both(lp_case *next, lp_arena *arena, const lp_case *now, int64_t k) {
  const lp_tensor *first = &now->inputs[0], *second = &now->inputs[1];
  if (now->loss->n_inputs < 2 || !now->has_input[0] || !now->has_input[1]) return LP_VARIANT_END;
  if (!first->f64 || !second->f64 || k >= second->numel || !lp_tensor_same_shape(first, second)) return LP_VARIANT_END;
  const double by = second->f64[k];
  for (int i = 0; i < now->loss->n_inputs; i++) {
    lp_tensor *t = lp_case_tensor(next, i);
    if (!t || !t->f64 || !lp_tensor_same_shape(t, second)) continue;
    if (!lp_own_elements(t, arena)) return LP_VARIANT_NO_MEMORY;
    t->f64[k] = lp_dtype_round(t->dtype, t->f64[k] - by);
  }
  return LP_VARIANT_NEW;
}
