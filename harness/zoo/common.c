/* Deviations that any loss can have. */
#include <math.h>

#include "harness/plain/plain.h"
#include "harness/zoo/zoo.h"
#include "reference/dtype.h"

/* --- of the question --- */

static void ignore_upstream(lp_case *c) { c->has_grad_output = false; }

static void first_upstream(lp_case *c) {
  for (int64_t i = 1; c->has_grad_output && i < c->grad_output.numel; i++) {
    c->grad_output.f64[i] = c->grad_output.f64[0];
  }
}

static void replace_reduction(lp_case *c, lp_reduction from, lp_reduction to) {
  if (c->reduction != from) return;
  c->reduction = to;
  c->reduction_word = lp_reduction_name(to);
}

static void sum_for_mean(lp_case *c) { replace_reduction(c, LP_REDUCTION_MEAN, LP_REDUCTION_SUM); }
static void mean_for_sum(lp_case *c) { replace_reduction(c, LP_REDUCTION_SUM, LP_REDUCTION_MEAN); }
static void mend_word(lp_case *c) { replace_reduction(c, LP_REDUCTION_UNKNOWN, LP_REDUCTION_MEAN); }

static void float32_inputs(lp_case *c) {
  for (int k = 0; k < c->loss->n_inputs; k++) {
    const lp_tensor *t = &c->inputs[k];
    for (int64_t i = 0; c->has_input[k] && t->f64 && i < t->numel; i++) {
      t->f64[i] = lp_dtype_round(LP_FLOAT32, t->f64[i]);
    }
  }
}

void lp_zoo_default_first(lp_case *c) { c->params[0] = c->loss->params[0].fallback; }
void lp_zoo_default_second(lp_case *c) { c->params[1] = c->loss->params[1].fallback; }

void lp_zoo_no_weight(lp_case *c) {
  const int weight = lp_loss_input_index(c->loss, "weight");
  if (weight >= 0) c->has_input[weight] = false;
}

/* --- of the answer --- */

static void map(lp_tensor *t, double (*f)(double x)) {
  for (int64_t i = 0; i < t->numel; i++) t->f64[i] = f(t->f64[i]);
}

static void map_all(lp_outcome *outcome, double (*f)(double x)) {
  for (int k = 0; k < outcome->n_outputs; k++) map(&outcome->outputs[k].tensor, f);
}

static double negated(double x) { return -x; }
static double zeroed(double x) { return x * 0.0; }
static double without_nan(double x) { return isnan(x) ? 0.0 : x; }

void lp_zoo_scale(lp_outcome *outcome, double by) {
  for (int k = 0; k < outcome->n_outputs; k++) {
    const lp_tensor *t = &outcome->outputs[k].tensor;
    for (int64_t i = 0; i < t->numel; i++) t->f64[i] *= by;
  }
}

void lp_zoo_zero_empty_mean(lp_outcome *outcome, const lp_plan *plan) {
  if (plan->c->reduction == LP_REDUCTION_MEAN && plan->term.numel == 0) outcome->outputs[0].tensor.f64[0] = 0.0;
}

static void gradient_without_mean(lp_outcome *outcome, const lp_plan *plan) {
  if (plan->c->reduction != LP_REDUCTION_MEAN) return;
  for (int k = 1; k < outcome->n_outputs; k++) {
    const lp_tensor *t = &outcome->outputs[k].tensor;
    for (int64_t i = 0; i < t->numel; i++) t->f64[i] *= (double)plan->term.numel;
  }
}

static void negate_last_gradient(lp_outcome *outcome, const lp_plan *plan) {
  (void)plan;
  if (outcome->n_outputs > 1) map(&outcome->outputs[outcome->n_outputs - 1].tensor, negated);
}

void lp_zoo_zero_first_gradient(lp_outcome *outcome, const lp_plan *plan) {
  (void)plan;
  if (outcome->n_outputs > 1) map(&outcome->outputs[1].tensor, zeroed);
}

static void nan_to_zero(lp_outcome *outcome, const lp_plan *plan) {
  (void)plan;
  map_all(outcome, without_nan);
}

static void flat_loss(lp_outcome *outcome, const lp_plan *plan) {
  (void)plan;
  lp_tensor *loss = &outcome->outputs[0].tensor;
  loss->rank = 1;
  loss->shape[0] = loss->numel;
}

/* A buffer of gradients that nobody clears between two questions of one shape. */
static void accumulate(lp_outcome *outcome, const lp_plan *plan) {
  enum { KEPT = 64 };
  static _Thread_local double kept[KEPT];
  static _Thread_local int64_t n_kept = -1;
  if (outcome->n_outputs < 2 || outcome->outputs[1].tensor.numel > KEPT) return;
  const lp_tensor *t = &outcome->outputs[1].tensor;
  for (int64_t i = 0; i < t->numel; i++) {
    if (n_kept == t->numel) t->f64[i] += kept[i];
    kept[i] = t->f64[i];
  }
  n_kept = t->numel;
  (void)plan;
}

/* Off by one: element i gets what belongs to i - 1. */
static void shift_gradient(lp_outcome *outcome, const lp_plan *plan) {
  (void)plan;
  if (outcome->n_outputs < 2) return;
  const lp_tensor *t = &outcome->outputs[1].tensor;
  for (int64_t i = t->numel - 1; i > 0; i--) t->f64[i] = t->f64[i - 1];
}

/* --- of acceptance --- */

static bool refuses_empty(const lp_plan *plan) { return plan->term.numel == 0; }
bool lp_zoo_refuses_broadcast(const lp_plan *plan) { return plan->broadcasts; }
bool lp_zoo_refuses_numbers(const lp_plan *plan) { return plan->c->inputs[0].rank == 0; }

/* --- of the arithmetic --- */

static lp_status float32_sum(lp_outcome *outcome, lp_arena *arena, const lp_plan *plan, lp_error *error) {
  lp_outcome apart;
  lp_case terms = *plan->c;
  LP_TRY(lp_zoo_right(outcome, arena, plan->c, error));
  if (terms.reduction == LP_REDUCTION_NONE) return LP_OK;
  terms.reduction = LP_REDUCTION_NONE;
  terms.reduction_word = lp_reduction_name(LP_REDUCTION_NONE);
  terms.has_grad_output = false;
  LP_TRY(lp_zoo_right(&apart, arena, &terms, error));
  double sum = 0.0;
  for (int64_t i = 0; i < plan->term.numel; i++) {
    sum = lp_dtype_round(LP_FLOAT32, sum + apart.outputs[0].tensor.f64[i]);
  }
  /* The denominator of the right answer, as far as it shows. */
  const double right = outcome->outputs[0].tensor.f64[0];
  lp_case whole = terms;
  lp_outcome total;
  whole.reduction = LP_REDUCTION_SUM;
  whole.reduction_word = lp_reduction_name(LP_REDUCTION_SUM);
  LP_TRY(lp_zoo_right(&total, arena, &whole, error));
  const double by = total.outputs[0].tensor.f64[0] / right;
  if (isfinite(by) && by != 0.0 && isfinite(right)) outcome->outputs[0].tensor.f64[0] = sum / by;
  return LP_OK;
}

static bool is_finite(const lp_tensor *t) {
  for (int64_t i = 0; t->f64 && i < t->numel; i++) {
    if (!isfinite(t->f64[i])) return false;
  }
  return true;
}

bool lp_zoo_is_finite(const lp_case *c) {
  for (int k = 0; k < c->loss->n_inputs; k++) {
    if (c->has_input[k] && !is_finite(&c->inputs[k])) return false;
  }
  for (int k = 0; k < c->loss->n_params; k++) {
    if (!isfinite(c->params[k])) return false;
  }
  return !c->has_grad_output || is_finite(&c->grad_output);
}

/* The plain formulas do not follow PyTorch at infinities and NaN, and may leave the range of the dtype: there the
 * reference answers. */
static lp_status plainly(lp_outcome *outcome, lp_arena *arena, const lp_plan *plan, plain_options options,
                         lp_error *error) {
  plain_answer a;
  if (!lp_zoo_is_finite(plan->c)) return lp_zoo_right(outcome, arena, plan->c, error);
  LP_TRY(plain_answer_case(&a, arena, plan, options, error));
  const bool answers = a.outcome.kind == LP_OUTCOME_OK && !a.overflowed && !a.underflowed;
  if (!answers) return lp_zoo_right(outcome, arena, plan->c, error);
  *outcome = a.outcome;
  return LP_OK;
}

static lp_status running(lp_outcome *outcome, lp_arena *arena, const lp_plan *plan, lp_error *error) {
  return plainly(outcome, arena, plan, (plain_options){.summation = PLAIN_RUNNING, .inside_float32 = true}, error);
}

static lp_status pairwise(lp_outcome *outcome, lp_arena *arena, const lp_plan *plan, lp_error *error) {
  return plainly(outcome, arena, plan, (plain_options){.summation = PLAIN_PAIRWISE, .inside_float32 = true}, error);
}

/* --- the table --- */

static const lp_animal animals[] = {
    {"running", LP_ZOO_RIGHT, "plain formula, one accumulator, in order", "sibling", .answer = running},
    {"pairwise", LP_ZOO_RIGHT, "plain formula, pairwise sums", "sibling", .answer = pairwise},
    {"sum-for-mean", LP_ZOO_REDUCTION, "mean is not divided", "mutant", .ask = sum_for_mean},
    {"mean-for-sum", LP_ZOO_REDUCTION, "sum is divided", "mutant", .ask = mean_for_sum},
    {"gradient-undivided", LP_ZOO_GRADIENT, "the gradient of a mean is not divided", "l1-backward-ignores-reduction",
     .tell = gradient_without_mean},
    {"upstream-ignored", LP_ZOO_UPSTREAM, "the upstream gradient is taken for 1", "huber-ignores-upstream-grad",
     .ask = ignore_upstream},
    {"upstream-scalar", LP_ZOO_UPSTREAM, "grad_output[0] for every element", "ce-none-backward-scalar-grad",
     .ask = first_upstream},
    {"last-gradient-negated", LP_ZOO_GRADIENT, "the last gradient has the wrong sign", "mutant",
     .tell = negate_last_gradient},
    {"gradient-shifted", LP_ZOO_GRADIENT, "the first gradient is off by one element", "mutant", .tell = shift_gradient},
    {"float32-sum", LP_ZOO_PRECISION, "one float32 accumulator", "l1-large-cpu-accumulate", .float64_only = true,
     .answer = float32_sum},
    {"float32-inside", LP_ZOO_PRECISION, "float64 inputs are read as float32", "mutant", .float64_only = true,
     .ask = float32_inputs},
    {"nan-to-zero", LP_ZOO_NONFINITE, "NaN is replaced by 0", "mutant", .tell = nan_to_zero},
    {"any-reduction", LP_ZOO_ACCEPTS, "an unknown reduction is taken for mean", "mutant", .lenient = true,
     .ask = mend_word},
    {"refuses-empty", LP_ZOO_REJECTS, "empty tensors are refused", "mutant", .refuses = refuses_empty},
    {"flat-loss", LP_ZOO_SHAPE, "the loss comes back with one axis", "triplet-keepdim", .tell = flat_loss},
    {"accumulates", LP_ZOO_STATE, "gradients add up over calls", "ce-backward-overwrites-logits", .tell = accumulate},
};

const lp_animal *lp_zoo_common(int *n) {
  *n = sizeof animals / sizeof animals[0];
  return animals;
}
