/* The rows of a batch, from the words of the registry: an input's `shape` lists its shapes in parentheses, by rank.
 *   (*)              broadcasts, aligned at the last axis; rows are the first axis of the result
 *   (..., D)         likewise, and the last axis is no axis of the result
 *   (N, C), (C)      the axis called N; none: all rows share the input
 *   (sum of LENGTHS) rows laid end to end, LENGTHS being another input
 *   "as NAME", "the shape of NAME": as the input NAME */
#include <math.h>
#include <string.h>

#include "harness/laws_internal.h"

/* One parenthesis: its text and the names between the commas. */
typedef struct group {
  const char *text;
  size_t length;
  int names;
  int n_axis; /* position of the name N, -1: none */
} group;

static bool starts(const group *g, const char *word) { return strncmp(g->text, word, strlen(word)) == 0; }

/* The next parenthesis from *at on, false when there is none. */
static bool next_group(group *g, const char **at) {
  const char *open = strchr(*at, '('), *close = open ? strchr(open, ')') : NULL;
  if (!close) return false;
  *g = (group){open + 1, (size_t)(close - open - 1), close > open + 1, -1};
  for (const char *s = open + 1; s < close; s++) {
    const bool alone = (s[-1] == '(' || s[-1] == ' ') && (s[1] == ',' || s[1] == ')');
    if (*s == 'N' && alone) g->n_axis = g->names - 1;
    g->names += *s == ',';
  }
  *at = close + 1;
  return true;
}

/* The words that speak of the shape of input i: its own, or those of the input that they name. */
static const char *words_of(const lp_loss *loss, int i) {
  const char *words = loss->inputs[i].shape;
  for (int k = 0; k < loss->n_inputs && !strchr(words, '('); k++) {
    const size_t length = strlen(loss->inputs[k].name), all = strlen(words);
    if (all >= length && strcmp(words + all - length, loss->inputs[k].name) == 0) return loss->inputs[k].shape;
  }
  return words;
}

/* Broadcasting: the axis that meets the first one of the result, when there is one. */
static bool align(int *axis, const lp_tensor *t, int own_axes, const lp_plan *plan) {
  *axis = t->rank - own_axes - plan->term.rank;
  return *axis >= 0;
}

static int input_called(const lp_loss *loss, const group *g, const char *before) {
  for (int k = 0; k < loss->n_inputs; k++) {
    const size_t length = strlen(loss->inputs[k].name), skip = strlen(before);
    if (g->length == skip + length && strncmp(g->text + skip, loss->inputs[k].name, length) == 0) return k;
  }
  return -1;
}

static lp_batch_kind kind_by(const group *g, int *axis, int *lengths, const lp_plan *plan, const lp_tensor *t) {
  static const char sum_of[] = "sum of ";
  if (starts(g, "*")) return align(axis, t, 0, plan) ? LP_BATCH_AXIS : LP_BATCH_SHARED;
  if (starts(g, "...")) return align(axis, t, g->names - 1, plan) ? LP_BATCH_AXIS : LP_BATCH_SHARED;
  if (starts(g, sum_of)) {
    *lengths = input_called(plan->c->loss, g, sum_of);
    return LP_BATCH_RAGGED;
  }
  *axis = g->n_axis;
  return g->n_axis >= 0 ? LP_BATCH_AXIS : LP_BATCH_SHARED;
}

static bool fits(const group *g, int rank) {
  return starts(g, "*") || (starts(g, "...") ? rank >= g->names - 1 : g->names == rank);
}

/* Does the axis have a position for every row? An extent of 1 serves all. */
static const char *settle_axis(lp_batch *batch, const lp_tensor *t, int i) {
  const int64_t extent = t->shape[batch->axis[i]];
  if (extent == batch->count) return NULL;
  batch->kind[i] = LP_BATCH_SHARED;
  return extent == 1 ? NULL : "an input has another number of rows than the loss";
}

static const char *place_input(lp_batch *batch, const lp_plan *plan, int i) {
  const lp_tensor *t = &plan->c->inputs[i];
  const char *words = words_of(plan->c->loss, i);
  group g;
  while (next_group(&g, &words)) {
    if (!fits(&g, t->rank)) continue;
    batch->kind[i] = kind_by(&g, &batch->axis[i], &batch->lengths[i], plan, t);
    if (batch->kind[i] == LP_BATCH_RAGGED) return batch->lengths[i] < 0 ? "rows of unknown lengths" : NULL;
    return batch->kind[i] == LP_BATCH_AXIS ? settle_axis(batch, t, i) : NULL;
  }
  return "an input has a shape whose rows the registry does not name";
}

const char *lp_batch_of(lp_batch *batch, const lp_plan *plan) {
  *batch = (lp_batch){.count = plan->term.rank > 0 ? plan->term.shape[0] : 0};
  if (plan->term.rank == 0) return "the case has no batch axis";
  for (int i = 0; i < plan->c->loss->n_inputs; i++) {
    const char *why = plan->c->has_input[i] ? place_input(batch, plan, i) : NULL;
    if (why) return why;
  }
  return NULL;
}

/* --- gathering ---------------------------------------------------------------------------------------------- */

static int64_t product(const int64_t *shape, int from, int to) {
  int64_t n = 1;
  for (int i = from; i < to; i++) n *= shape[i];
  return n;
}

static void copy_elements(lp_tensor *to, int64_t at, const lp_tensor *from, int64_t start, int64_t n) {
  if (n > 0 && from->f64) memcpy(to->f64 + at, from->f64 + start, (size_t)n * sizeof *to->f64);
  if (n > 0 && from->i64) memcpy(to->i64 + at, from->i64 + start, (size_t)n * sizeof *to->i64);
}

static lp_status gather_axis(lp_tensor *out, lp_arena *arena, const lp_tensor *in, int axis, const int64_t *source,
                             int64_t n, lp_error *error) {
  int64_t shape[LP_MAX_RANK];
  for (int k = 0; k < in->rank; k++) shape[k] = k == axis ? n : in->shape[k];
  LP_TRY(lp_tensor_init(out, in->dtype, in->rank, shape, error));
  LP_TRY(lp_arena_tensor(arena, out, error));
  const int64_t outer = product(shape, 0, axis), inner = product(shape, axis + 1, in->rank);
  for (int64_t o = 0; o < outer; o++) {
    for (int64_t k = 0; k < n; k++) {
      copy_elements(out, (o * n + k) * inner, in, (o * in->shape[axis] + source[k]) * inner, inner);
    }
  }
  return LP_OK;
}

static int64_t start_of(const lp_tensor *lengths, int64_t row) {
  int64_t start = 0;
  for (int64_t k = 0; k < row; k++) start += lengths->i64[k];
  return start;
}

static lp_status gather_ragged(lp_tensor *out, lp_arena *arena, const lp_tensor *in, const lp_tensor *lengths,
                               const int64_t *source, int64_t n, lp_error *error) {
  int64_t total = 0, at = 0;
  for (int64_t k = 0; k < n; k++) total += lengths->i64[source[k]];
  LP_TRY(lp_tensor_init(out, in->dtype, 1, &total, error));
  LP_TRY(lp_arena_tensor(arena, out, error));
  for (int64_t k = 0; k < n; k++) {
    copy_elements(out, at, in, start_of(lengths, source[k]), lengths->i64[source[k]]);
    at += lengths->i64[source[k]];
  }
  return LP_OK;
}

lp_status lp_batch_gather(lp_case *out, lp_arena *arena, const lp_plan *plan, const lp_batch *batch,
                          const int64_t *source, int64_t n, lp_error *error) {
  const lp_case *c = plan->c;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!c->has_input[i]) continue;
    if (batch->kind[i] == LP_BATCH_AXIS) {
      LP_TRY(gather_axis(&out->inputs[i], arena, &c->inputs[i], batch->axis[i], source, n, error));
    } else if (batch->kind[i] == LP_BATCH_RAGGED) {
      const lp_tensor *lengths = &c->inputs[batch->lengths[i]];
      LP_TRY(gather_ragged(&out->inputs[i], arena, &c->inputs[i], lengths, source, n, error));
    }
  }
  if (!c->has_grad_output || c->reduction != LP_REDUCTION_NONE) return LP_OK;
  return gather_axis(&out->grad_output, arena, &c->grad_output, 0, source, n, error);
}

/* --- outputs ------------------------------------------------------------------------------------------------ */

bool lp_batch_divide(int *axis, const lp_batch *batch, const lp_plan *plan, int output) {
  *axis = output == LP_OUTPUT_LOSS ? 0 : batch->axis[output];
  if (output == LP_OUTPUT_LOSS) return plan->c->reduction == LP_REDUCTION_NONE;
  return batch->kind[output] == LP_BATCH_AXIS;
}

int64_t lp_batch_row(const lp_tensor *tensor, int axis, int64_t index) {
  return index / product(tensor->shape, axis + 1, tensor->rank) % tensor->shape[axis];
}

int64_t lp_batch_element(const lp_tensor *tensor, int axis, int64_t index, int64_t row, int64_t n_rows) {
  const int64_t inner = product(tensor->shape, axis + 1, tensor->rank);
  return (index / inner / tensor->shape[axis] * n_rows + row) * inner + index % inner;
}

lp_status lp_batch_fill_nan(lp_case *c, lp_arena *arena, const lp_batch *batch, int64_t row, bool *any,
                            lp_error *error) {
  *any = false;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    lp_tensor *t = &c->inputs[i];
    const bool varies = c->has_input[i] && c->loss->inputs[i].differentiable && t->f64;
    if (!varies || batch->kind[i] != LP_BATCH_AXIS) continue;
    LP_TRY(lp_law_own(arena, t, error));
    for (int64_t e = 0; e < t->numel; e++) {
      if (lp_batch_row(t, batch->axis[i], e) != row) continue;
      t->f64[e] = (double)NAN;
      *any = true;
    }
  }
  return LP_OK;
}
