/* Fewer rows, classes, frames, and fewer axes. Axes that mean the same in several tensors are cut together, and labels
 * and lengths follow. */
#include <string.h>

#include "fuzz/minimize_tools.h"
#include "fuzz/shapes.h"
#include "reference/plan.h"

/* --- which axes belong together ----------------------------------------------------------------------------------- */

enum { BY_PLACE = LP_N_LETTERS, GROUPS = LP_N_LETTERS + LP_MAX_RANK }; /* letters, then places counted from the back */

typedef struct groups {
  int of[LP_MAX_INPUTS][LP_MAX_RANK]; /* -1: of an input that is not given */
  int64_t size[GROUPS];               /* the largest extent by place, the smallest by letter; 0: no such axis */
  int64_t members[GROUPS];
} groups;

static void find_groups(groups *g, const lp_case *c) {
  int64_t sizes[LP_N_LETTERS];
  const int shape_class = c->loss->pointwise ? -1 : lp_shape_class_of(sizes, c);
  *g = (groups){.size = {0}};
  for (int i = 0; i < c->loss->n_inputs; i++) {
    const lp_tensor *t = &c->inputs[i];
    int letters[LP_MAX_RANK];
    if (!c->has_input[i]) continue;
    for (int axis = 0; axis < LP_MAX_RANK; axis++) letters[axis] = -1;
    if (shape_class >= 0) lp_shape_letters(letters, c->loss->shape_classes[shape_class].shapes[i]);
    for (int axis = 0; axis < t->rank; axis++) {
      const int group = letters[axis] >= 0 ? letters[axis] : BY_PLACE + t->rank - 1 - axis;
      const int64_t extent = t->shape[axis], size = g->size[group];
      const bool better = group < BY_PLACE ? extent < size : extent > size;
      g->of[i][axis] = group;
      if (g->members[group]++ == 0 || better) g->size[group] = extent;
    }
  }
}

/* By place, what is broadcast is not cut. */
static bool is_cut(const groups *g, const lp_case *c, int input, int axis, int group) {
  if (g->of[input][axis] != group) return false;
  return group < BY_PLACE || c->inputs[input].shape[axis] == g->size[group];
}

/* --- cutting ------------------------------------------------------------------------------------------------------ */

bool lp_cut_axis(lp_tensor *tensor, lp_arena *arena, int axis, int64_t from, int64_t length) {
  const lp_tensor old = *tensor;
  int64_t inner = 1, outer = 1;
  for (int k = 0; k < axis; k++) outer *= old.shape[k];
  for (int k = axis + 1; k < old.rank; k++) inner *= old.shape[k];
  tensor->shape[axis] -= length;
  tensor->numel = outer * inner * tensor->shape[axis];
  if (lp_arena_tensor(arena, tensor, NULL) != LP_OK) return false;
  for (int64_t i = 0; i < tensor->numel; i++) {
    const int64_t row = i / inner / tensor->shape[axis], at = i / inner % tensor->shape[axis];
    const int64_t source = (row * old.shape[axis] + at + (at < from ? 0 : length)) * inner + i % inner;
    if (old.f64) tensor->f64[i] = old.f64[source];
    if (old.i64) tensor->i64[i] = old.i64[source];
  }
  return true;
}

typedef struct cut {
  int group;
  int64_t from, length;
} cut;

static bool cut_inputs(lp_case *next, lp_arena *arena, const lp_case *now, const groups *g, const cut *k) {
  for (int i = 0; i < now->loss->n_inputs; i++) {
    for (int axis = 0; now->has_input[i] && axis < now->inputs[i].rank; axis++) {
      if (!is_cut(g, now, i, axis, k->group)) continue;
      if (!lp_cut_axis(&next->inputs[i], arena, axis, k->from, k->length)) return false;
    }
  }
  return true;
}

/* The same slices of the upstream gradient, where its shape is that of the loss and shrinks along one axis. */
static bool cut_upstream(lp_case *next, lp_arena *arena, const cut *k) {
  lp_case without = *next;
  lp_plan plan;
  int shrunk = -1, others = 0;
  without.has_grad_output = false;
  if (!next->has_grad_output || lp_plan_init(&plan, &without, NULL) != LP_OK) return true;
  const lp_tensor *now = &next->grad_output, *want = &plan.outcome.outputs[0].tensor;
  if (now->rank != want->rank) return true;
  for (int axis = 0; axis < now->rank; axis++) {
    if (now->shape[axis] == want->shape[axis] + k->length) {
      shrunk = axis;
    } else {
      others += now->shape[axis] != want->shape[axis];
    }
  }
  return shrunk < 0 || others > 0 || lp_cut_axis(&next->grad_output, arena, shrunk, k->from, k->length);
}

/* --- labels and lengths ------------------------------------------------------------------------------------------- */

static int find_kind(const lp_case *c, lp_kind kind, int n) {
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (c->loss->inputs[i].kind == kind && n-- == 0) return c->has_input[i] && c->inputs[i].i64 ? i : -1;
  }
  return -1;
}

/* How many of the slices that were cut lie in [from, to). */
static int64_t overlap(const cut *k, int64_t from, int64_t to) {
  const int64_t first = k->from > from ? k->from : from, end = k->from + k->length < to ? k->from + k->length : to;
  return end > first ? end - first : 0;
}

/* A class that is gone becomes the one in its place. */
static int64_t renumber(int64_t label, const cut *k, int64_t left) {
  if (label < k->from) return label;
  if (label >= k->from + k->length) return label - k->length;
  return k->from < left ? k->from : left - 1;
}

static bool follow_classes(lp_case *next, lp_arena *arena, const cut *k, int64_t left) {
  const int labels = find_kind(next, LP_KIND_INDEX, 0), blank = lp_loss_param_index(next->loss, "blank");
  if (blank >= 0) next->params[blank] = (double)renumber((int64_t)next->params[blank], k, left);
  if (labels < 0) return true;
  lp_tensor *t = &next->inputs[labels];
  if (!lp_own_elements(t, arena)) return false;
  for (int64_t i = 0; i < t->numel; i++) t->i64[i] = renumber(t->i64[i], k, left);
  return true;
}

/* Lengths of things that lie from 0 on in every sequence, or, one after another, from where the last one ends. */
static bool follow_lengths(lp_case *next, lp_arena *arena, const cut *k, int lengths, bool one_after_another) {
  lp_tensor *t = &next->inputs[lengths];
  int64_t start = 0;
  if (!lp_own_elements(t, arena)) return false;
  for (int64_t i = 0; i < t->numel; i++) {
    const int64_t length = t->i64[i];
    if (length < 0 || length > LP_MAX_ELEMENTS) continue;
    t->i64[i] -= overlap(k, start, start + length);
    if (one_after_another) start += length;
  }
  return true;
}

/* Sequences are gone: so are their labels, where those stand one after another. */
static bool follow_batch(lp_case *next, lp_arena *arena, const lp_case *now, const cut *k, int labels, int lengths) {
  const lp_tensor *t = &now->inputs[lengths];
  int64_t from = 0, n = 0;
  for (int64_t i = 0; i < t->numel && i < k->from + k->length; i++) {
    const int64_t length = t->i64[i];
    if (length < 0 || length > now->inputs[labels].numel) return true;
    if (i < k->from) from += length;
    if (i >= k->from) n += length;
  }
  if (from + n > now->inputs[labels].numel) return true;
  return lp_cut_axis(&next->inputs[labels], arena, 0, from, n);
}

/* By group: classes lie on the last axis of the first input; with lengths, frames on its first. */
static bool follow(lp_case *next, lp_arena *arena, const lp_case *now, const groups *g, const cut *k) {
  const int labels = find_kind(now, LP_KIND_INDEX, 0), frames = find_kind(now, LP_KIND_LENGTH, 0);
  const int lengths = find_kind(now, LP_KIND_LENGTH, 1), rank = now->inputs[0].rank;
  if (labels < 0 || rank == 0) return true;
  const lp_tensor *t = &now->inputs[labels];
  const bool in_a_row = t->rank == 1;
  if (g->of[0][rank - 1] == k->group) {
    return follow_classes(next, arena, k, now->inputs[0].shape[rank - 1] - k->length);
  }
  if (frames < 0 || lengths < 0) return true;
  if (g->of[0][0] == k->group) return follow_lengths(next, arena, k, frames, false);
  if (t->rank > 0 && g->of[labels][t->rank - 1] == k->group) {
    return follow_lengths(next, arena, k, lengths, in_a_row);
  }
  return !in_a_row || rank < 3 || follow_batch(next, arena, now, k, labels, lengths);
}

/* --- the simplifications ------------------------------------------------------------------------------------------ */

/* Cut number *k of one group of this size: all but the last, all but the first, halves, quarters ... one by one. What
 * is left has a slice at least. False: *k is less by their number. */
static bool find_cut(cut *out, int64_t size, int64_t *k) {
  if (size < 2) return false;
  if ((*k)-- == 0) return *out = (cut){out->group, 0, size - 1}, true;
  if ((*k)-- == 0) return *out = (cut){out->group, 1, size - 1}, true;
  for (int64_t length = size / 2; length > 0; length /= 2) {
    const int64_t n = (size + length - 1) / length;
    if (*k < n) {
      const int64_t from = *k * length;
      *out = (cut){out->group, from, from + length > size ? size - from : length};
      return true;
    }
    *k -= n;
  }
  return false;
}

lp_variant lp_fewer_slices(lp_case *next, lp_arena *arena, const lp_case *now, int64_t k) {
  groups g;
  find_groups(&g, now);
  cut found = {.group = 0};
  while (found.group < GROUPS && !find_cut(&found, g.size[found.group], &k)) found.group++;
  if (found.group == GROUPS) return LP_VARIANT_END;
  const bool done = cut_inputs(next, arena, now, &g, &found) && follow(next, arena, now, &g, &found) &&
                    cut_upstream(next, arena, &found);
  return done ? LP_VARIANT_NEW : LP_VARIANT_NO_MEMORY;
}

static void drop_axis(lp_tensor *t, int axis) {
  memmove(&t->shape[axis], &t->shape[axis + 1], (size_t)(t->rank - 1 - axis) * sizeof *t->shape);
  t->shape[--t->rank] = 0;
}

/* All inputs to vectors, when they have one shape, single numbers aside; the upstream gradient gets the loss's. */
static lp_variant flatten(lp_case *next, const lp_case *now) {
  const lp_tensor *first = NULL;
  for (int i = 0; i < now->loss->n_inputs; i++) {
    lp_tensor *t = &next->inputs[i];
    if (!now->has_input[i] || t->rank == 0) continue;
    if (!first) first = &now->inputs[i];
    if (!lp_tensor_same_shape(&now->inputs[i], first) || t->rank < 2) return LP_VARIANT_NONE;
    t->rank = 1;
    t->shape[0] = t->numel;
  }
  return first ? LP_VARIANT_NEW : LP_VARIANT_NONE;
}

static bool broadcasts(const lp_case *c) {
  for (int i = 1; i < c->loss->n_inputs; i++) {
    if (c->has_input[i] && !lp_tensor_same_shape(&c->inputs[i], &c->inputs[0])) return true;
  }
  return false;
}

/* One input to its first number, where inputs are broadcast anyway. */
static lp_variant to_number(lp_case *next, const lp_case *now, int input) {
  lp_tensor *t = &next->inputs[input];
  if (!now->has_input[input] || t->rank == 0 || t->numel == 0) return LP_VARIANT_NONE;
  if (!now->loss->pointwise || !broadcasts(now)) return LP_VARIANT_NONE;
  t->rank = 0;
  t->numel = 1;
  return LP_VARIANT_NEW;
}

/* Variant 0 flattens; the next make a number of an input; the others drop a group of axes of extent 1. */
lp_variant lp_fewer_axes(lp_case *next, lp_arena *arena, const lp_case *now, int64_t k) {
  const int n = now->loss->n_inputs, group = (int)k - 1 - n;
  groups g;
  bool any = false;
  (void)arena;
  if (group >= GROUPS) return LP_VARIANT_END;
  if (k == 0) return flatten(next, now);
  if (k <= n) return to_number(next, now, (int)k - 1);
  find_groups(&g, now);
  if (g.size[group] != 1) return LP_VARIANT_NONE;
  for (int i = 0; i < now->loss->n_inputs; i++) {
    for (int axis = now->has_input[i] ? now->inputs[i].rank - 1 : -1; axis >= 0; axis--) {
      if (!is_cut(&g, now, i, axis, group) || now->inputs[i].shape[axis] != 1) continue;
      drop_axis(&next->inputs[i], axis);
      any = true;
    }
  }
  return any ? LP_VARIANT_NEW : LP_VARIANT_NONE;
}
