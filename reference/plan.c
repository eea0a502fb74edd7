/* Checks a case as PyTorch checks it. What every loss has in common is here; the rest is the loss's plan hook. */
#include "reference/plan.h"

#include <stdio.h>
#include <string.h>

enum { SHAPE_TEXT = 96 };

static lp_status check_input(const lp_case *c, int i, lp_error *error) {
  const lp_input_spec *spec = &c->loss->inputs[i];
  if (!c->has_input[i]) {
    if (spec->optional) return LP_OK;
    return lp_fail(error, LP_INVALID, "input \"%s\" of %s is missing: expected a tensor of shape %s", spec->name,
                   c->loss->name, spec->shape);
  }
  const lp_tensor *t = &c->inputs[i];
  const bool floating = lp_dtype_is_floating(t->dtype);
  if (spec->kind == LP_KIND_REAL ? (!floating && !spec->integer_ok) : (floating || t->dtype == LP_BOOL)) {
    return lp_refuse(error, LP_REJECT_DTYPE, "%s: expected %s, got %s", spec->name,
                     spec->kind == LP_KIND_REAL ? "a floating dtype" : "an integer dtype", lp_dtype_name(t->dtype));
  }
  if (t->rank < spec->min_rank || t->rank > spec->max_rank) {
    char text[SHAPE_TEXT];
    return lp_refuse(error, LP_REJECT_RANK, "%s: expected shape %s, got %s", spec->name, spec->shape,
                     lp_tensor_shape_text(text, sizeof text, t));
  }
  return LP_OK;
}

static lp_status check_reduction(const lp_case *c, lp_error *error) {
  if (c->reduction != LP_REDUCTION_UNKNOWN && (c->loss->reductions & (1u << c->reduction))) return LP_OK;
  return lp_refuse(error, LP_REJECT_REDUCTION, "reduction: expected none, mean%s or sum, got \"%s\"",
                   c->loss->reductions & LP_CAN_BATCHMEAN ? ", batchmean" : "", c->reduction_word);
}

lp_status lp_plan_refuse_elementwise_mean(const lp_plan *plan, lp_error *error) {
  if (strcmp(plan->c->reduction_word, LP_ELEMENTWISE_MEAN) != 0) return LP_OK;
  return lp_refuse(error, LP_REJECT_REDUCTION, "reduction: expected none, mean or sum here, got \"%s\"",
                   plan->c->reduction_word);
}

static bool reduced(const lp_case *c) { return c->reduction != LP_REDUCTION_NONE; }

/* The dtype that PyTorch's promotion gives the floating inputs: the widest; float16 with bfloat16 is float32. */
static lp_dtype promoted_dtype(const lp_case *c) {
  lp_dtype widest = LP_DTYPE_COUNT;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!c->has_input[i] || !lp_dtype_is_floating(c->inputs[i].dtype) || c->loss->inputs[i].apart) continue;
    const lp_dtype d = c->inputs[i].dtype;
    const bool halves = (d == LP_FLOAT16 && widest == LP_BFLOAT16) || (d == LP_BFLOAT16 && widest == LP_FLOAT16);
    widest = halves ? LP_FLOAT32 : d < widest ? d : widest;
  }
  return widest == LP_DTYPE_COUNT ? c->dtype : widest;
}

static lp_output *add_output(lp_plan *plan, int input, lp_tensor shape, lp_dtype dtype) {
  lp_output *out = &plan->outcome.outputs[plan->outcome.n_outputs++];
  shape.dtype = dtype;
  shape.f64 = NULL;
  shape.i64 = NULL;
  *out = (lp_output){.input = input, .tensor = shape};
  return out;
}

static void lay_out_outputs(lp_plan *plan) {
  const lp_case *c = plan->c;
  const lp_tensor scalar = {.numel = 1};
  plan->outcome = (lp_outcome){.kind = LP_OUTCOME_OK, .message = ""};
  add_output(plan, LP_OUTPUT_LOSS, reduced(c) ? scalar : plan->term, promoted_dtype(c));
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (c->has_input[i] && c->loss->inputs[i].differentiable && lp_dtype_is_floating(c->inputs[i].dtype)) {
      add_output(plan, i, c->inputs[i], c->inputs[i].dtype);
    }
  }
}

static lp_status check_grad_output(const lp_plan *plan, lp_error *error) {
  const lp_tensor *loss = &plan->outcome.outputs[0].tensor;
  const lp_tensor *given = &plan->c->grad_output;
  if (!plan->c->has_grad_output || lp_tensor_same_shape(given, loss)) return LP_OK;
  char expected[SHAPE_TEXT], found[SHAPE_TEXT];
  return lp_refuse(error, LP_REJECT_GRAD_OUTPUT, "grad_output: expected the loss's shape %s, got %s",
                   lp_tensor_shape_text(expected, sizeof expected, loss),
                   lp_tensor_shape_text(found, sizeof found, given));
}

lp_status lp_plan_init(lp_plan *plan, const lp_case *c, lp_error *error) {
  *plan = (lp_plan){.c = c, .term = {.numel = 1}};
  for (int i = 0; i < c->loss->n_inputs; i++) LP_TRY(check_input(c, i, error));
  LP_TRY(check_reduction(c, error));
  LP_TRY(c->loss->plan(plan, error));
  lay_out_outputs(plan);
  return check_grad_output(plan, error);
}

/* Extent of axis `axis` of the broadcast shape, counted from the last, in t: 1 where t has no such axis. */
static int64_t extent_from_end(const lp_tensor *t, int axis) {
  return axis < t->rank ? t->shape[t->rank - 1 - axis] : 1;
}

static bool takes_part(const lp_case *c, unsigned inputs, int i) { return (inputs & (1u << i)) && c->has_input[i]; }

static lp_status broadcast_axis(lp_plan *plan, unsigned inputs, int axis, int64_t *extent, lp_error *error) {
  const lp_case *c = plan->c;
  int owner = -1;
  *extent = 1;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!takes_part(c, inputs, i)) continue;
    const int64_t e = extent_from_end(&c->inputs[i], axis);
    if (e == 1 || e == *extent) continue;
    if (owner >= 0) {
      char a[SHAPE_TEXT], b[SHAPE_TEXT];
      return lp_refuse(error, LP_REJECT_SHAPE, "%s of shape %s does not broadcast with %s of shape %s",
                       c->loss->inputs[i].name, lp_tensor_shape_text(a, sizeof a, &c->inputs[i]),
                       c->loss->inputs[owner].name, lp_tensor_shape_text(b, sizeof b, &c->inputs[owner]));
    }
    owner = i;
    *extent = e;
  }
  return LP_OK;
}

static void set_strides(lp_plan *plan, int input) {
  const lp_tensor *t = &plan->c->inputs[input];
  int64_t stride = 1;
  for (int axis = 0; axis < t->rank; axis++) {
    const int64_t extent = extent_from_end(t, axis);
    plan->stride[input][plan->term.rank - 1 - axis] = extent == 1 ? 0 : stride;
    stride *= extent;
  }
}

lp_status lp_plan_broadcast(lp_plan *plan, unsigned inputs, lp_error *error) {
  const lp_case *c = plan->c;
  int rank = 0;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (takes_part(c, inputs, i) && c->inputs[i].rank > rank) rank = c->inputs[i].rank;
  }
  int64_t shape[LP_MAX_RANK];
  for (int axis = 0; axis < rank; axis++) LP_TRY(broadcast_axis(plan, inputs, axis, &shape[rank - 1 - axis], error));
  LP_TRY(lp_tensor_init(&plan->term, LP_FLOAT64, rank, shape, error));
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!takes_part(c, inputs, i)) continue;
    set_strides(plan, i);
    plan->broadcasts |= !lp_tensor_same_shape(&c->inputs[i], &plan->term);
  }
  return LP_OK;
}

void lp_plan_set_term(lp_plan *plan, int rank, const int64_t *shape) {
  plan->term = (lp_tensor){.rank = rank, .numel = 1};
  for (int i = 0; i < rank; i++) {
    plan->term.shape[i] = shape[i];
    plan->term.numel *= shape[i];
  }
}

double lp_plan_upstream(const lp_plan *plan, int64_t i) {
  return plan->c->has_grad_output ? lp_tensor_get(&plan->c->grad_output, i) : 1.0;
}

double *lp_outcome_loss(const lp_outcome *outcome) { return lp_outcome_grad(outcome, LP_OUTPUT_LOSS); }

double *lp_outcome_grad(const lp_outcome *outcome, int input) {
  const lp_output *out = lp_outcome_find(outcome, input);
  return out ? out->tensor.f64 : NULL;
}

void lp_reference_run(lp_outcome *outcome, const lp_plan *plan, double *scratch) {
  plan->c->loss->run(outcome, plan, scratch);
}

uint64_t lp_reference_regimes(const lp_plan *plan, double *scratch) { return plan->c->loss->regimes_of(plan, scratch); }
