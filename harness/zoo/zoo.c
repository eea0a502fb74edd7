#include "harness/zoo/zoo.h"

#include <math.h>
#include <string.h>

#include "harness/zoo/families.h"

/* --- the table --- */

static const lp_zoo_family *const families[] = {&lp_zoo_l1,
                                                &lp_zoo_mse,
                                                &lp_zoo_smooth_l1,
                                                &lp_zoo_poisson_nll,
                                                &lp_zoo_kl_div,
                                                &lp_zoo_margin_ranking,
                                                &lp_zoo_hinge_embedding,
                                                &lp_zoo_soft_margin,
                                                &lp_zoo_multi_margin,
                                                &lp_zoo_multilabel_margin,
                                                &lp_zoo_triplet_margin,
                                                &lp_zoo_cosine_embedding,
                                                &lp_zoo_ctc};

enum { N_FAMILIES = sizeof families / sizeof families[0] };

int lp_zoo_family_count(void) { return N_FAMILIES; }

const lp_zoo_family *lp_zoo_family_at(int i) { return families[i]; }

const char *lp_zoo_kind_name(lp_zoo_kind kind) {
  static const char *const names[LP_ZOO_KINDS] = {"right",     "value",    "gradient",  "boundary",  "parameter",
                                                  "reduction", "upstream", "nonfinite", "precision", "accepts",
                                                  "rejects",   "shape",    "state"};
  return names[kind];
}

/* Is it one of the blank-separated words? No name of a common animal is part of another's. */
static bool leaves_out(const lp_zoo_family *family, const char *name) {
  return family->without && strstr(family->without, name) != NULL;
}

const lp_animal *lp_zoo_animal(const lp_zoo_family *family, int i) {
  int n;
  const lp_animal *common = lp_zoo_common(&n);
  if (i < family->n) return &family->animals[i];
  i -= family->n;
  for (int k = 0; k < n; k++) {
    if (!leaves_out(family, common[k].name) && i-- == 0) return &common[k];
  }
  return NULL;
}

static const lp_animal *find_in(const lp_zoo_family *family, const char *name) {
  const lp_animal *animal;
  for (int i = 0; (animal = lp_zoo_animal(family, i)); i++) {
    if (strcmp(animal->name, name) == 0) return animal;
  }
  return NULL;
}

const lp_animal *lp_zoo_find(const char *name, const lp_zoo_family **family) {
  for (int i = 0; i < N_FAMILIES; i++) {
    const size_t n = strlen(families[i]->loss);
    if (strncmp(name, families[i]->loss, n) != 0 || name[n] != '.') continue;
    *family = families[i];
    return find_in(families[i], name + n + 1);
  }
  return NULL;
}

/* --- questions and right answers --- */

static lp_status copy_tensor(lp_tensor *t, lp_arena *arena, lp_error *error) {
  const lp_tensor from = *t;
  t->f64 = NULL;
  t->i64 = NULL;
  LP_TRY(lp_arena_tensor(arena, t, error));
  if (from.numel > 0 && t->f64) memcpy(t->f64, from.f64, (size_t)t->numel * sizeof *t->f64);
  if (from.numel > 0 && t->i64) memcpy(t->i64, from.i64, (size_t)t->numel * sizeof *t->i64);
  return LP_OK;
}

lp_status lp_zoo_copy(lp_case *copy, lp_arena *arena, const lp_case *c, lp_error *error) {
  *copy = *c;
  for (int k = 0; k < c->loss->n_inputs; k++) {
    if (c->has_input[k]) LP_TRY(copy_tensor(&copy->inputs[k], arena, error));
  }
  return c->has_grad_output ? copy_tensor(&copy->grad_output, arena, error) : LP_OK;
}

static lp_status reject(lp_outcome *outcome, lp_arena *arena, const char *why, lp_error *error) {
  *outcome = (lp_outcome){.kind = LP_OUTCOME_REJECTED, .message = lp_arena_text(arena, why, strlen(why))};
  return outcome->message ? LP_OK : lp_fail(error, LP_NO_MEMORY, "out of memory");
}

static lp_status run_plan(lp_outcome *outcome, lp_arena *arena, const lp_plan *plan, lp_error *error) {
  LP_TRY(lp_arena_outcome(arena, outcome, &plan->outcome, error));
  double *scratch = lp_arena_alloc(arena, plan->scratch, sizeof *scratch);
  if (!scratch) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  lp_reference_run(outcome, plan, scratch);
  return LP_OK;
}

lp_status lp_zoo_right(lp_outcome *outcome, lp_arena *arena, const lp_case *c, lp_error *error) {
  lp_plan plan;
  const lp_status status = lp_plan_init(&plan, c, error);
  if (status == LP_REJECTED) return reject(outcome, arena, error->message, error);
  return status == LP_OK ? run_plan(outcome, arena, &plan, error) : status;
}

/* --- steps of pointwise losses --- */

typedef struct terms {
  const lp_plan *plan;
  lp_outcome apart;             /* the right terms and slopes, inputs expanded */
  int position[LP_MAX_OUTPUTS]; /* of the gradient of an input among the outputs; 0: none */
  lp_case expanded;
} terms;

static int64_t place(const lp_plan *plan, int input, int64_t index) {
  int64_t at = 0;
  for (int axis = plan->term.rank - 1; axis >= 0; axis--) {
    at += index % plan->term.shape[axis] * plan->stride[input][axis];
    index /= plan->term.shape[axis];
  }
  return at;
}

static lp_status expand(lp_tensor *t, lp_arena *arena, const lp_plan *plan, int input, lp_error *error) {
  const lp_tensor from = plan->c->inputs[input];
  LP_TRY(lp_tensor_init(t, from.dtype, plan->term.rank, plan->term.shape, error));
  LP_TRY(lp_arena_tensor(arena, t, error));
  for (int64_t i = 0; i < t->numel; i++) {
    if (t->f64) t->f64[i] = from.f64[place(plan, input, i)];
    if (t->i64) t->i64[i] = from.i64[place(plan, input, i)];
  }
  return LP_OK;
}

static lp_status take_apart(terms *t, lp_arena *arena, const lp_plan *plan, lp_error *error) {
  *t = (terms){.plan = plan, .expanded = *plan->c};
  t->expanded.reduction = LP_REDUCTION_NONE;
  t->expanded.reduction_word = lp_reduction_name(LP_REDUCTION_NONE);
  t->expanded.has_grad_output = false;
  for (int k = 0; k < plan->c->loss->n_inputs; k++) {
    if (plan->c->has_input[k]) LP_TRY(expand(&t->expanded.inputs[k], arena, plan, k, error));
  }
  LP_TRY(lp_zoo_right(&t->apart, arena, &t->expanded, error));
  for (int k = 1; k < t->apart.n_outputs; k++) t->position[t->apart.outputs[k].input] = k;
  return LP_OK;
}

static lp_zoo_jet jet_of(const terms *t, double *x, int64_t i) {
  lp_zoo_jet jet = {t->apart.outputs[0].tensor.f64[i], {0.0}};
  for (int k = 0; k < t->plan->c->loss->n_inputs; k++) {
    x[k] = t->expanded.has_input[k] ? lp_tensor_get(&t->expanded.inputs[k], i) : 1.0;
    if (t->position[k]) jet.slope[k] = t->apart.outputs[t->position[k]].tensor.f64[i];
  }
  return jet;
}

/* The same number, or both NaN; 0 is not -0. */
static bool same(double a, double b) { return (isnan(a) && isnan(b)) || (a == b && !signbit(a) == !signbit(b)); }

/* Puts the step's jet in place of the right one; true when they differ. */
static bool take_step(const terms *t, void (*step)(lp_zoo_jet *jet, const double *x, const double *params), int64_t i) {
  double x[LP_MAX_INPUTS];
  const lp_zoo_jet right = jet_of(t, x, i);
  lp_zoo_jet jet = right;
  step(&jet, x, t->plan->c->params);
  bool differs = !same(jet.value, right.value);
  t->apart.outputs[0].tensor.f64[i] = jet.value;
  for (int k = 0; k < t->plan->c->loss->n_inputs; k++) {
    if (!t->position[k]) continue;
    differs = differs || !same(jet.slope[k], right.slope[k]);
    t->apart.outputs[t->position[k]].tensor.f64[i] = jet.slope[k];
  }
  return differs;
}

static double denominator_of(const lp_plan *plan) {
  const lp_case *c = plan->c;
  const int weight = lp_loss_input_index(c->loss, "weight");
  if (c->reduction == LP_REDUCTION_BATCHMEAN) return c->inputs[0].rank > 0 ? (double)c->inputs[0].shape[0] : 1.0;
  if (c->reduction != LP_REDUCTION_MEAN) return 1.0;
  if (weight < 0 || !c->has_input[weight]) return (double)plan->term.numel;
  double sum = 0.0;
  for (int64_t i = 0; i < c->inputs[weight].numel; i++) sum += lp_tensor_get(&c->inputs[weight], i);
  return sum;
}

static void put_loss(lp_outcome *outcome, const terms *t, double by) {
  const lp_tensor *from = &t->apart.outputs[0].tensor, *to = &outcome->outputs[0].tensor;
  double sum = 0.0;
  for (int64_t i = 0; i < from->numel; i++) {
    if (t->plan->c->reduction == LP_REDUCTION_NONE) to->f64[i] = from->f64[i];
    sum += from->f64[i];
  }
  if (t->plan->c->reduction != LP_REDUCTION_NONE) to->f64[0] = sum / by;
}

static void put_gradient(lp_outcome *outcome, const terms *t, int k, double by) {
  const int input = outcome->outputs[k].input;
  const lp_tensor *to = &outcome->outputs[k].tensor, *from = &t->apart.outputs[t->position[input]].tensor;
  for (int64_t i = 0; i < to->numel; i++) to->f64[i] = 0.0;
  for (int64_t i = 0; i < from->numel; i++) {
    const double g = lp_plan_upstream(t->plan, t->plan->c->reduction == LP_REDUCTION_NONE ? i : 0);
    to->f64[place(t->plan, input, i)] += from->f64[i] * g / by;
  }
}

/* Only where a step differs from the right one is anything put together anew. The gradient of a weight in a mean is
 * left as it is: it depends on the denominator too. */
static lp_status deviate(lp_outcome *outcome, lp_arena *arena, const lp_plan *plan, const lp_animal *animal,
                         lp_error *error) {
  terms t;
  bool differs = false;
  LP_TRY(take_apart(&t, arena, plan, error));
  if (t.apart.kind != LP_OUTCOME_OK) return LP_OK;
  for (int64_t i = 0; i < plan->term.numel; i++) differs = take_step(&t, animal->step, i) || differs;
  if (!differs) return LP_OK;
  const double by = denominator_of(plan);
  put_loss(outcome, &t, by);
  for (int k = 1; k < outcome->n_outputs; k++) {
    const bool is_weight = strcmp(plan->c->loss->inputs[outcome->outputs[k].input].name, "weight") == 0;
    if (!is_weight || plan->c->reduction != LP_REDUCTION_MEAN) put_gradient(outcome, &t, k, by);
  }
  return LP_OK;
}

/* --- animals --- */

static void round_outputs(lp_outcome *outcome) {
  for (int k = 0; k < outcome->n_outputs; k++) {
    const lp_tensor *t = &outcome->outputs[k].tensor;
    for (int64_t i = 0; i < t->numel; i++) t->f64[i] = lp_dtype_round(t->dtype, t->f64[i]);
  }
}

static lp_status answer_plan(const lp_animal *animal, lp_outcome *outcome, lp_arena *arena, const lp_plan *plan,
                             lp_error *error) {
  LP_TRY(animal->answer ? animal->answer(outcome, arena, plan, error) : run_plan(outcome, arena, plan, error));
  if (animal->step) LP_TRY(deviate(outcome, arena, plan, animal, error));
  if (animal->tell) animal->tell(outcome, plan);
  round_outputs(outcome);
  return LP_OK;
}

lp_status lp_zoo_answer(const lp_animal *animal, lp_outcome *outcome, lp_arena *arena, const lp_case *c,
                        lp_error *error) {
  lp_case own;
  lp_plan plan;
  LP_TRY(lp_zoo_copy(&own, arena, c, error));
  if (animal->lenient) animal->ask(&own);
  lp_status status = lp_plan_init(&plan, &own, error);
  if (status == LP_OK && animal->ask && !animal->lenient) {
    animal->ask(&own);
    status = lp_plan_init(&plan, &own, error);
  }
  if (status == LP_REJECTED) return reject(outcome, arena, error->message, error);
  LP_TRY(status);
  if (animal->refuses && animal->refuses(&plan)) return reject(outcome, arena, "not supported", error);
  return answer_plan(animal, outcome, arena, &plan, error);
}
