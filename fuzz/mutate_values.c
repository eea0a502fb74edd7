/* Elements and rows. */
#include <math.h>

#include "fuzz/mutate_tools.h"
#include "fuzz/shapes.h"
#include "golden/packed.h"
#include "reference/plan.h"

enum { LARGE = 16, FEW_STEPS = 12, MANY_STEPS = 64 };

/* --- from the row's value classes --- */

bool lp_mutate_can_draw(const lp_case *c) {
  int64_t sizes[LP_N_LETTERS];
  for (int i = 0; i < c->loss->n_inputs; i++) {
    const lp_input_spec *spec = &c->loss->inputs[i];
    const bool real = spec->kind == LP_KIND_REAL;
    if (!c->has_input[i]) continue;
    if (real ? !c->inputs[i].f64 && !spec->integer_ok : c->inputs[i].f64 || c->inputs[i].dtype == LP_BOOL) return false;
  }
  return lp_shape_class_of(sizes, c) >= 0;
}

/* Hooks may put -1, or a class far out of range, into a tensor of any dtype. */
static void fit_to_dtype(lp_tensor *t) {
  const int64_t low = t->f64 ? 0 : lp_packed_min(t->dtype), high = t->f64 ? 0 : lp_packed_max(t->dtype);
  for (int64_t k = 0; k < t->numel; k++) {
    if (t->f64) {
      t->f64[k] = lp_dtype_round(t->dtype, t->f64[k]);
    } else if (t->i64[k] < low || t->i64[k] > high) {
      t->i64[k] = t->i64[k] < low ? low : high;
    }
  }
}

void lp_mutate_draw(lp_case *c, lp_rng *rng, int value_class) {
  c->loss->draw(c, rng, value_class);
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (c->has_input[i]) fit_to_dtype(&c->inputs[i]);
  }
}

static void draw_class(lp_case *c, lp_rng *rng) {
  int k = (int)lp_rng_below(rng, c->loss->n_value_classes);
  if (c->loss->value_classes[k].rejects) k = (int)lp_rng_below(rng, c->loss->n_value_classes);
  lp_mutate_draw(c, rng, k);
}

bool lp_mutate_redraw(lp_case *c, lp_arena *arena, lp_rng *rng) {
  (void)arena;
  if (!lp_mutate_can_draw(c)) return false;
  draw_class(c, rng);
  return true;
}

/* One element of one input, or the same place in all of them, where they have it. */
bool lp_mutate_redraw_element(lp_case *c, lp_arena *arena, lp_rng *rng) {
  lp_case other;
  const lp_tensor *picked = lp_mutate_pick(c, rng, LP_PICK_NUMBERS);
  if (!picked || !lp_mutate_can_draw(c) || !lp_mutate_copy_inputs(&other, arena, c)) return false;
  draw_class(&other, rng);
  const int64_t at = lp_rng_below(rng, picked->numel);
  const bool all = lp_rng_chance(rng, 0.5);
  for (int i = 0; i < c->loss->n_inputs; i++) {
    lp_tensor *t = &c->inputs[i];
    if (!c->has_input[i] || at >= t->numel || (t != picked && !all)) continue;
    if (t->f64) t->f64[at] = other.inputs[i].f64[at];
    if (t->i64) t->i64[at] = other.inputs[i].i64[at];
  }
  return true;
}

/* --- one element --- */

bool lp_mutate_special(lp_case *c, lp_arena *arena, lp_rng *rng) {
  (void)arena;
  lp_tensor *t = lp_mutate_pick(c, rng, LP_PICK_FLOATING | LP_PICK_UPSTREAM);
  if (!t) return false;
  const int64_t at = lp_rng_below(rng, t->numel);
  lp_mutate_put(t, at, lp_any_special(rng));
  return true;
}

bool lp_mutate_small_number(lp_case *c, lp_arena *arena, lp_rng *rng) {
  (void)arena;
  lp_tensor *t = lp_mutate_pick(c, rng, LP_PICK_NUMBERS | LP_PICK_UPSTREAM);
  if (!t) return false;
  const int64_t at = lp_rng_below(rng, t->numel);
  lp_mutate_put(t, at, (double)(lp_rng_below(rng, 17) - 8) * (t->f64 && lp_rng_chance(rng, 0.5) ? 0.25 : 1.0));
  return true;
}

bool lp_mutate_one_ulp(lp_case *c, lp_arena *arena, lp_rng *rng) {
  (void)arena;
  lp_tensor *t = lp_mutate_pick(c, rng, LP_PICK_FLOATING | LP_PICK_UPSTREAM);
  if (!t) return false;
  const int64_t at = lp_rng_below(rng, t->numel), steps = lp_rng_chance(rng, 0.8) ? 1 : 1 + lp_rng_below(rng, 8);
  t->f64[at] = lp_mutate_step(t->dtype, t->f64[at], lp_rng_chance(rng, 0.5) ? steps : -steps);
  return true;
}

bool lp_mutate_negate(lp_case *c, lp_arena *arena, lp_rng *rng) {
  (void)arena;
  lp_tensor *t = lp_mutate_pick(c, rng, LP_PICK_NUMBERS | LP_PICK_UPSTREAM);
  if (!t) return false;
  const int64_t at = lp_rng_below(rng, t->numel);
  lp_mutate_put(t, at, -lp_tensor_get(t, at));
  return true;
}

/* From another place or, a tie or a residual of zero, the same place of another input. */
bool lp_mutate_copy_element(lp_case *c, lp_arena *arena, lp_rng *rng) {
  (void)arena;
  lp_tensor *to = lp_mutate_pick(c, rng, LP_PICK_NUMBERS | LP_PICK_UPSTREAM);
  const lp_tensor *from = lp_mutate_pick(c, rng, LP_PICK_NUMBERS);
  if (!to || !from) return false;
  const int64_t at = lp_rng_below(rng, to->numel), other = lp_rng_below(rng, from->numel);
  lp_mutate_put(to, at, lp_tensor_get(from, at < from->numel && lp_rng_chance(rng, 0.5) ? at : other));
  return true;
}

/* By a power of two: one element, a row, or the whole. */
bool lp_mutate_scale(lp_case *c, lp_arena *arena, lp_rng *rng) {
  static const double exponents[] = {1, 1, 2, 3, 8, 10, 20, 30, 60, 64, 100, 127, 149, 300, 500, 510, 540, 1000};
  (void)arena;
  lp_tensor *t = lp_mutate_pick(c, rng, LP_PICK_FLOATING | LP_PICK_UPSTREAM);
  if (!t) return false;
  const int exponent = (int)lp_rng_pick(rng, exponents, sizeof exponents / sizeof exponents[0]);
  const int shift = lp_rng_chance(rng, 0.5) ? exponent : -exponent;
  const int64_t widths[] = {1, lp_mutate_row_size(t), t->numel}, width = widths[lp_rng_below(rng, 3)];
  const int64_t first = lp_rng_below(rng, t->numel / width) * width;
  for (int64_t i = first; i < first + width; i++) lp_mutate_put(t, i, ldexp(t->f64[i], shift));
  return true;
}

/* A distance to the same place of another input, or to another element, that is a parameter or 1: a boundary. */
bool lp_mutate_add_setting(lp_case *c, lp_arena *arena, lp_rng *rng) {
  (void)arena;
  lp_tensor *to = lp_mutate_pick(c, rng, LP_PICK_FLOATING);
  const lp_tensor *from = lp_mutate_pick(c, rng, LP_PICK_NUMBERS);
  if (!to || !from) return false;
  const int64_t at = lp_rng_below(rng, to->numel), other = lp_rng_below(rng, from->numel);
  const double base =
      lp_rng_chance(rng, 0.25) ? 0.0 : lp_tensor_get(from, at < from->numel && lp_rng_chance(rng, 0.7) ? at : other);
  const double setting = lp_rng_chance(rng, 0.7) ? lp_any_setting(c, rng) : 1.0;
  lp_mutate_put(to, at, lp_rng_chance(rng, 0.5) ? base + setting : base - setting);
  if (lp_rng_chance(rng, 0.4)) to->f64[at] = lp_mutate_step(to->dtype, to->f64[at], lp_rng_below(rng, 5) - 2);
  return true;
}

/* --- onto the boundary of a regime --- */

/* Where regimes are asked for again and again: the case, and scratch space that is kept. */
typedef struct probe {
  const lp_case *c;
  lp_arena *arena;
  double *scratch;
  size_t capacity;
  lp_tensor *tensor;
  int64_t at;
} probe;

/* Regimes with this number in its place, all bits when the case is refused. */
static uint64_t regimes_with(probe *p, double value) {
  lp_plan plan;
  p->tensor->f64[p->at] = value;
  if (lp_plan_init(&plan, p->c, NULL) != LP_OK) return UINT64_MAX;
  if (!p->scratch || plan.scratch > p->capacity) {
    p->capacity = plan.scratch;
    p->scratch = lp_arena_alloc(p->arena, plan.scratch + 1, sizeof *p->scratch);
  }
  return p->scratch ? lp_reference_regimes(&plan, p->scratch) : UINT64_MAX;
}

/* A number to walk to: another element, near a parameter, or a special one. */
static double pick_end(lp_rng *rng, const lp_tensor *t, int64_t at) {
  const int64_t other = lp_rng_below(rng, t->numel), kind = lp_rng_below(rng, 4);
  if (kind == 0) return t->f64[other];
  if (kind == 1) return -t->f64[at];
  if (kind == 2) return lp_dtype_round(t->dtype, 4.0 * lp_rng_normal(rng));
  return lp_dtype_round(t->dtype, lp_any_special(rng));
}

/* Bisects, in the order of the dtype's numbers, between `start` and `end`, whose regimes are not the same, until they
 * are neighbours or steps have run out; one of the two then stands in its place. */
static void bisect(probe *p, double start, double end, uint64_t at_start, int steps, lp_rng *rng) {
  const lp_dtype dtype = p->tensor->dtype;
  int64_t same = lp_mutate_order(dtype, start), other = lp_mutate_order(dtype, end);
  while (steps-- > 0) {
    const int64_t middle = same / 2 + other / 2 + (same % 2 + other % 2) / 2;
    if (middle == same || middle == other) break;
    *(regimes_with(p, lp_mutate_from_order(dtype, middle)) == at_start ? &same : &other) = middle;
  }
  p->tensor->f64[p->at] = lp_mutate_from_order(dtype, lp_rng_chance(rng, 0.5) ? same : other);
}

/* Fewer steps where a case is large. */
bool lp_mutate_boundary(lp_case *c, lp_arena *arena, lp_rng *rng) {
  lp_tensor *t = lp_mutate_pick(c, rng, LP_PICK_FLOATING);
  if (!t) return false;
  probe p = {.c = c, .arena = arena, .tensor = t, .at = lp_rng_below(rng, t->numel)};
  const double start = t->f64[p.at], end = pick_end(rng, t, p.at);
  const uint64_t here = regimes_with(&p, start);
  if (here == UINT64_MAX || isnan(start) || isnan(end)) return false;
  const uint64_t there = regimes_with(&p, end);
  t->f64[p.at] = start;
  if (there == here || there == UINT64_MAX) return false;
  bisect(&p, start, end, here, t->numel > LARGE ? FEW_STEPS : MANY_STEPS, rng);
  return true;
}

/* --- rows --- */

static void copy_elements(lp_tensor *to, int64_t first, const lp_tensor *from, int64_t first_from, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    if (to->i64 && from->i64 && to->dtype == from->dtype) {
      to->i64[first + i] = from->i64[first_from + i];
    } else {
      lp_mutate_put(to, first + i, lp_tensor_get(from, first_from + i));
    }
  }
}

bool lp_mutate_copy_row(lp_case *c, lp_arena *arena, lp_rng *rng) {
  (void)arena;
  lp_tensor *t = lp_mutate_pick(c, rng, LP_PICK_NUMBERS | LP_PICK_UPSTREAM);
  const int64_t rows = t ? lp_mutate_rows(t) : 0;
  if (rows < 2) return false;
  const int64_t to = lp_rng_below(rng, rows), from = lp_rng_below(rng, rows), size = lp_mutate_row_size(t);
  copy_elements(t, to * size, t, from * size, size);
  return true;
}

/* A row of one input becomes that of another, or its opposite, or a multiple. */
bool lp_mutate_tie_rows(lp_case *c, lp_arena *arena, lp_rng *rng) {
  static const double factors[] = {1.0, 1.0, 1.0, -1.0, 2.0, 0.5, -4.0, 3.0};
  (void)arena;
  lp_tensor *to = lp_mutate_pick(c, rng, LP_PICK_FLOATING);
  const lp_tensor *from = lp_mutate_pick(c, rng, LP_PICK_NUMBERS);
  if (!to || !from || to == from) return false;
  const int64_t size = lp_mutate_row_size(to), row = lp_rng_below(rng, lp_mutate_rows(to));
  const int64_t first = from->numel >= to->numel ? row * size : 0;
  const double factor = lp_rng_pick(rng, factors, sizeof factors / sizeof factors[0]);
  for (int64_t i = 0; i < size && first + i < from->numel; i++) {
    lp_mutate_put(to, row * size + i, factor * lp_tensor_get(from, first + i));
  }
  return true;
}

static void swap_elements(lp_tensor *t, int64_t a, int64_t b) {
  if (t->f64) {
    const double x = t->f64[a];
    t->f64[a] = t->f64[b];
    t->f64[b] = x;
  } else {
    const int64_t x = t->i64[a];
    t->i64[a] = t->i64[b];
    t->i64[b] = x;
  }
}

/* Two rows trade places in every tensor with as many, or two elements in one. */
bool lp_mutate_permute(lp_case *c, lp_arena *arena, lp_rng *rng) {
  (void)arena;
  lp_tensor *t = lp_mutate_pick(c, rng, LP_PICK_NUMBERS | LP_PICK_UPSTREAM);
  if (!t || t->numel < 2) return false;
  const int64_t rows = lp_mutate_rows(t), n = rows > 1 && lp_rng_chance(rng, 0.5) ? rows : t->numel;
  const int64_t a = lp_rng_below(rng, n), b = (a + 1 + lp_rng_below(rng, n - 1)) % n;
  if (n != rows) {
    swap_elements(t, a, b);
    return true;
  }
  for (int i = 0; i < c->loss->n_inputs; i++) {
    lp_tensor *other = &c->inputs[i];
    const int64_t size = c->has_input[i] ? lp_mutate_row_size(other) : 0;
    if (size == 0 || other->rank == 0 || other->shape[0] != rows) continue;
    for (int64_t k = 0; k < size; k++) swap_elements(other, a * size + k, b * size + k);
  }
  return true;
}

bool lp_mutate_special_row(lp_case *c, lp_arena *arena, lp_rng *rng) {
  static const double values[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0, 1.0};
  (void)arena;
  lp_tensor *t = lp_mutate_pick(c, rng, LP_PICK_FLOATING | LP_PICK_UPSTREAM);
  if (!t) return false;
  const int64_t size = lp_mutate_row_size(t), row = lp_rng_below(rng, lp_mutate_rows(t));
  const double value = lp_rng_pick(rng, values, sizeof values / sizeof values[0]);
  for (int64_t i = row * size; i < (row + 1) * size; i++) lp_mutate_put(t, i, value);
  return true;
}
