/* Shapes, dtypes, and inputs given or left out. */
#include <string.h>

#include "fuzz/mutate_tools.h"
#include "fuzz/shapes.h"

enum { USUAL_ELEMENTS = 64, CLASS_TRIES = 4 };

/* Recasts every given input to the layout that `want` has for it. All or none. */
static bool recast_all(lp_case *c, lp_arena *arena, lp_case *want, lp_rng *rng) {
  lp_shapes_cut(want);
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!want->has_input[i]) continue;
    const lp_tensor layout = want->inputs[i];
    want->inputs[i] = c->inputs[i];
    if (!lp_mutate_recast(&want->inputs[i], arena, &layout, rng)) return false;
  }
  memcpy(c->inputs, want->inputs, sizeof c->inputs);
  memcpy(c->has_input, want->has_input, sizeof c->has_input);
  return true;
}

static int64_t largest(const lp_case *c) {
  int64_t most = 0;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (c->has_input[i] && c->inputs[i].numel > most) most = c->inputs[i].numel;
  }
  return most;
}

static void lay_out(lp_case *want, const lp_shape_class *shape, const int64_t sizes[LP_N_LETTERS]) {
  for (int i = 0; i < want->loss->n_inputs; i++) {
    if (shape->shapes[i][0] == '-') want->has_input[i] = false;
    if (want->has_input[i]) lp_shape_read(&want->inputs[i], shape->shapes[i], sizes);
  }
}

/* Seldom one that is refused, or large. */
bool lp_mutate_shape_class(lp_case *c, lp_arena *arena, lp_rng *rng) {
  const lp_loss *loss = c->loss;
  lp_case want = *c;
  for (int k = 0; k < CLASS_TRIES; k++) {
    const lp_shape_class *shape = &loss->shape_classes[lp_rng_below(rng, loss->n_shape_classes)];
    int64_t sizes[LP_N_LETTERS];
    for (int i = 0; i < LP_N_LETTERS; i++) sizes[i] = lp_letter_size(i, (uint8_t)lp_rng_below(rng, 240));
    want = *c;
    lay_out(&want, shape, sizes);
    lp_shapes_cut(&want);
    const bool unusual = shape->rejects || largest(&want) > USUAL_ELEMENTS;
    if (!unusual || lp_rng_chance(rng, 0.1)) return recast_all(c, arena, &want, rng);
  }
  return false;
}

/* An input that has axes, and one of them. */
static lp_tensor *pick_axis(lp_case *c, int *axis, lp_rng *rng) {
  const int first = (int)lp_rng_below(rng, c->loss->n_inputs);
  for (int k = 0; k < c->loss->n_inputs; k++) {
    const int i = (first + k) % c->loss->n_inputs;
    if (!c->has_input[i] || c->inputs[i].rank == 0) continue;
    *axis = (int)lp_rng_below(rng, c->inputs[i].rank);
    return &c->inputs[i];
  }
  return NULL;
}

/* All extents of this size, in all inputs: the same letter. */
static bool change_extents(lp_case *c, lp_arena *arena, lp_rng *rng, int64_t by) {
  lp_case want = *c;
  int axis;
  const lp_tensor *picked = pick_axis(c, &axis, rng);
  if (!picked || picked->shape[axis] + by < 0) return false;
  if (by > 0 && largest(c) > USUAL_ELEMENTS && !lp_rng_chance(rng, 0.1)) return false;
  const int64_t size = picked->shape[axis];
  for (int i = 0; i < c->loss->n_inputs; i++) {
    for (int k = 0; want.has_input[i] && k < want.inputs[i].rank; k++) {
      if (want.inputs[i].shape[k] == size) want.inputs[i].shape[k] = size + by;
    }
  }
  return recast_all(c, arena, &want, rng);
}

bool lp_mutate_grow_extent(lp_case *c, lp_arena *arena, lp_rng *rng) {
  return change_extents(c, arena, rng, lp_rng_chance(rng, 0.9) ? 1 : 1 + lp_rng_below(rng, 30));
}

bool lp_mutate_shrink_extent(lp_case *c, lp_arena *arena, lp_rng *rng) { return change_extents(c, arena, rng, -1); }

/* One extent alone: broadcast, or refused. */
bool lp_mutate_one_extent(lp_case *c, lp_arena *arena, lp_rng *rng) {
  static const double sizes[] = {0.0, 1.0, 1.0, 1.0, 2.0, 3.0};
  lp_case want = *c;
  int axis;
  lp_tensor *picked = pick_axis(&want, &axis, rng);
  if (!picked) return false;
  picked->shape[axis] = (int64_t)lp_rng_pick(rng, sizes, 6);
  return recast_all(c, arena, &want, rng);
}

/* The input's shape in the class of the case, or that of the first input. */
static void expected_shape(lp_tensor *tensor, const lp_case *c, int input) {
  int64_t sizes[LP_N_LETTERS];
  const int shape_class = lp_shape_class_of(sizes, c);
  const char *shape = shape_class < 0 ? "-" : c->loss->shape_classes[shape_class].shapes[input];
  if (shape[0] == '-') {
    *tensor = c->inputs[0];
  } else {
    lp_shape_read(tensor, shape, sizes);
  }
}

static bool add_input(lp_case *c, lp_arena *arena, lp_rng *rng, int i) {
  lp_case want = *c;
  lp_tensor layout = {.dtype = c->dtype}, none = {.numel = 0};
  expected_shape(&layout, c, i);
  layout.dtype = c->dtype;
  lp_shape_cut(&layout);
  if (!lp_mutate_recast(&none, arena, &layout, rng)) return false;
  const bool ordinary = lp_rng_chance(rng, 0.7);
  for (int64_t k = 0; ordinary && k < none.numel; k++) lp_mutate_put(&none, k, lp_rng_normal(rng));
  want.has_input[i] = true;
  want.inputs[i] = none;
  if (lp_shapes_fit(&want)) *c = want;
  return c->has_input[i];
}

bool lp_mutate_toggle_input(lp_case *c, lp_arena *arena, lp_rng *rng) {
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!c->loss->inputs[i].optional) continue;
    if (!c->has_input[i]) return add_input(c, arena, rng, i);
    c->has_input[i] = false;
    return true;
  }
  return false;
}

bool lp_mutate_case_dtype(lp_case *c, lp_arena *arena, lp_rng *rng) {
  const lp_dtype from = c->dtype, to = (lp_dtype)lp_rng_below(rng, LP_BFLOAT16 + 1);
  lp_case want = *c;
  if (from == to) return false;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (c->has_input[i] && c->inputs[i].dtype == from) want.inputs[i].dtype = to;
  }
  if (c->has_grad_output && c->grad_output.dtype == from) {
    lp_tensor layout = c->grad_output;
    layout.dtype = to;
    if (!lp_mutate_recast(&want.grad_output, arena, &layout, rng)) return false;
  }
  if (!recast_all(c, arena, &want, rng)) return false;
  c->grad_output = want.grad_output;
  c->dtype = to;
  return true;
}

bool lp_mutate_input_dtype(lp_case *c, lp_arena *arena, lp_rng *rng) {
  const int i = (int)lp_rng_below(rng, c->loss->n_inputs);
  const lp_input_spec *spec = &c->loss->inputs[i];
  const lp_dtype natural = spec->kind == LP_KIND_REAL ? c->dtype : LP_INT64;
  if (!c->has_input[i]) return false;
  lp_tensor layout = c->inputs[i];
  layout.dtype = lp_rng_chance(rng, 0.5) ? natural : (lp_dtype)lp_rng_below(rng, LP_DTYPE_COUNT);
  return layout.dtype != c->inputs[i].dtype && lp_mutate_recast(&c->inputs[i], arena, &layout, rng);
}
