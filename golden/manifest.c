#include "golden/manifest.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reference/plan.h"
#include "reference/registry.h"

static unsigned differentiable_inputs(const lp_loss *loss, bool optional_only) {
  unsigned bits = 0;
  for (int i = 0; i < loss->n_inputs; i++) {
    const lp_input_spec *spec = &loss->inputs[i];
    if (optional_only ? spec->optional : spec->differentiable) bits |= 1u << i;
  }
  return bits;
}

static lp_capability everything(const lp_loss *loss, unsigned dtypes) {
  return (lp_capability){.loss = loss,
                         .supported = true,
                         .dtypes = dtypes,
                         .max_rank = LP_MAX_RANK,
                         .reductions = loss->reductions,
                         .optional_inputs = differentiable_inputs(loss, true),
                         .gradients = differentiable_inputs(loss, false),
                         .broadcasting = true,
                         .empty = true,
                         .mixed_dtypes = true,
                         .grad_output = true,
                         .special_values = true,
                         .validates = true};
}

lp_status lp_manifest_init(lp_manifest *manifest, lp_arena *arena, const char *name, const char *version,
                           unsigned dtypes, lp_error *error) {
  const int n = lp_registry_count();
  *manifest = (lp_manifest){.text = ""};
  manifest->name = lp_arena_text(arena, name, strlen(name));
  manifest->version = lp_arena_text(arena, version, strlen(version));
  manifest->losses = lp_arena_alloc(arena, (size_t)n, sizeof *manifest->losses);
  if (!manifest->name || !manifest->version || !manifest->losses) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  for (int i = 0; i < n; i++) manifest->losses[i] = everything(lp_registry_at(i), dtypes);
  return LP_OK;
}

const lp_capability *lp_manifest_find(const lp_manifest *manifest, const lp_loss *loss) {
  for (int i = 0; i < lp_registry_count(); i++) {
    if (manifest->losses[i].loss == loss) return &manifest->losses[i];
  }
  return NULL;
}

bool lp_manifest_wants(const lp_manifest *manifest, const lp_loss *loss, int input) {
  return input == LP_OUTPUT_LOSS || (lp_manifest_find(manifest, loss)->gradients & (1u << input)) != 0;
}

/* ---- Coverage ---- */

/* A case, what is declared of its loss, and where to say what is not. */
typedef struct question {
  const lp_case *c;
  const lp_capability *can;
  const lp_plan *plan; /* NULL: PyTorch rejects it, for this reason */
  lp_reject reject;
  char *why;
  size_t capacity;
} question;

static bool is_special(const lp_tensor *t) {
  bool special = false;
  for (int64_t i = 0; t->f64 && i < t->numel; i++) special |= !isfinite(t->f64[i]);
  return special;
}

static bool is_odd_dtype(const question *q, const lp_tensor *t) {
  if (!lp_dtype_is_floating(t->dtype) || (q->can->dtypes & (1u << t->dtype))) return false;
  snprintf(q->why, q->capacity, "dtype %s", lp_dtype_name(t->dtype));
  return true;
}

/* What the candidate sees is the dtype of each tensor; the case's own only says what those are that name none. */
static bool covers_dtypes(const question *q) {
  const lp_case *c = q->c;
  bool floating = false;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (c->has_input[i] && is_odd_dtype(q, &c->inputs[i])) return false;
    floating |= c->has_input[i] && lp_dtype_is_floating(c->inputs[i].dtype);
  }
  const lp_tensor own = {.dtype = c->dtype};
  return floating ? !c->has_grad_output || !is_odd_dtype(q, &c->grad_output) : !is_odd_dtype(q, &own);
}

static bool covers_mixed_dtypes(const question *q) {
  const lp_case *c = q->c;
  lp_dtype first = LP_DTYPE_COUNT;
  bool mixed = false;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!c->has_input[i] || c->loss->inputs[i].kind != LP_KIND_REAL) continue;
    mixed |= first != LP_DTYPE_COUNT && c->inputs[i].dtype != first;
    first = c->inputs[i].dtype;
  }
  mixed |= first != LP_DTYPE_COUNT && !lp_dtype_is_floating(first);
  if (q->plan && c->has_grad_output) mixed |= c->grad_output.dtype != q->plan->outcome.outputs[0].tensor.dtype;
  if (!mixed || q->can->mixed_dtypes) return true;
  snprintf(q->why, q->capacity, "mixed or integer dtypes");
  return false;
}

static bool covers_ranks(const question *q) {
  const lp_case *c = q->c;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    const int rank = c->inputs[i].rank;
    if (!c->has_input[i] || (rank >= q->can->min_rank && rank <= q->can->max_rank)) continue;
    snprintf(q->why, q->capacity, "rank %d of %s", rank, c->loss->inputs[i].name);
    return false;
  }
  return true;
}

static bool covers_reduction(const question *q) {
  if (q->can->reductions & (1u << q->c->reduction)) return true;
  snprintf(q->why, q->capacity, "reduction %s", lp_reduction_name(q->c->reduction));
  return false;
}

static bool is_in_range(const lp_parameter_range *range, double value) {
  bool among = false;
  for (int i = 0; i < range->n_values; i++) among |= range->values[i] == value;
  return !range->restricted || (range->n_values > 0 ? among : value >= range->lo && value <= range->hi);
}

static bool covers_params(const question *q) {
  for (int i = 0; i < q->c->loss->n_params; i++) {
    if (is_in_range(&q->can->params[i], q->c->params[i])) continue;
    snprintf(q->why, q->capacity, "parameter %s out of range", q->c->loss->params[i].name);
    return false;
  }
  return true;
}

static bool covers_optional_inputs(const question *q) {
  for (int i = 0; i < q->c->loss->n_inputs; i++) {
    if (!q->c->has_input[i] || !q->c->loss->inputs[i].optional || (q->can->optional_inputs & (1u << i))) continue;
    snprintf(q->why, q->capacity, "input %s", q->c->loss->inputs[i].name);
    return false;
  }
  return true;
}

static bool covers_broadcasting(const question *q) {
  if (q->can->broadcasting || !q->plan || !q->plan->broadcasts) return true;
  snprintf(q->why, q->capacity, "broadcasting");
  return false;
}

static bool covers_empty(const question *q) {
  bool empty = false;
  for (int i = 0; i < q->c->loss->n_inputs; i++) empty |= q->c->has_input[i] && q->c->inputs[i].numel == 0;
  if (!empty || q->can->empty) return true;
  snprintf(q->why, q->capacity, "an empty tensor");
  return false;
}

static bool covers_grad_output(const question *q) {
  if (!q->c->has_grad_output || q->can->grad_output) return true;
  snprintf(q->why, q->capacity, "grad_output");
  return false;
}

static bool covers_special_values(const question *q) {
  bool special = q->c->has_grad_output && is_special(&q->c->grad_output);
  for (int i = 0; i < q->c->loss->n_inputs; i++) special |= q->c->has_input[i] && is_special(&q->c->inputs[i]);
  if (!special || q->can->special_values) return true;
  snprintf(q->why, q->capacity, "infinite or NaN inputs");
  return false;
}

/* Where a case is bad, that very thing is not held against the declaration: a parameter that PyTorch rejects lies
 * outside any range, and who declares to reject what PyTorch rejects is asked. */
static const struct {
  bool (*covers)(const question *q);
  lp_reject bad;
} checks[] = {
    {covers_dtypes, LP_REJECT_NONE},        {covers_mixed_dtypes, LP_REJECT_DTYPE},
    {covers_ranks, LP_REJECT_RANK},         {covers_reduction, LP_REJECT_REDUCTION},
    {covers_params, LP_REJECT_PARAMETER},   {covers_optional_inputs, LP_REJECT_NONE},
    {covers_broadcasting, LP_REJECT_SHAPE}, {covers_empty, LP_REJECT_NONE},
    {covers_grad_output, LP_REJECT_NONE},   {covers_special_values, LP_REJECT_NONE},
};

bool lp_manifest_covers(const lp_manifest *manifest, const lp_case *c, char *why, size_t capacity) {
  lp_plan plan;
  lp_error error = {.reject = LP_REJECT_NONE};
  question q = {.c = c, .can = lp_manifest_find(manifest, c->loss), .why = why, .capacity = capacity};
  const lp_status status = lp_plan_init(&plan, c, &error);
  if (status == LP_OK) q.plan = &plan;
  if (status == LP_REJECTED) q.reject = error.reject;
  if (!q.can->supported) {
    snprintf(why, capacity, "the loss");
    return false;
  }
  if (status == LP_REJECTED && !q.can->validates) {
    snprintf(why, capacity, "rejecting bad input");
    return false;
  }
  for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
    const bool is_bad_thing = q.reject != LP_REJECT_NONE && checks[i].bad == q.reject;
    if (!is_bad_thing && !checks[i].covers(&q)) return false;
  }
  return true;
}
