#include "harness/plain/plain_run.h"

#include <string.h>

/* --- memory --- */

double *plain_room(plain_run *run, int64_t n) {
  double *room = lp_arena_alloc(run->arena, (size_t)n, sizeof *room);
  run->failed = run->failed || !room;
  return room;
}

static bool grow(plain_run *run, plain_shares *shares) {
  const int64_t capacity = shares->capacity ? 2 * shares->capacity : 64;
  plain_share *list = lp_arena_alloc(run->arena, (size_t)capacity, sizeof *list);
  run->failed = run->failed || !list;
  if (!list) return false;
  if (shares->count > 0) memcpy(list, shares->list, (size_t)shares->count * sizeof *list);
  shares->list = list;
  shares->capacity = capacity;
  return true;
}

void plain_contribute(plain_run *run, int input, int64_t element, double value) {
  plain_shares *shares = &run->shares[input];
  if (shares->count == shares->capacity && !grow(run, shares)) return;
  shares->list[shares->count++] = (plain_share){element, value};
}

/* --- the case --- */

double plain_element(plain_run *run, int input, int64_t index) {
  return plain_number(&run->arith, lp_tensor_get(&run->plan->c->inputs[input], index));
}

int64_t plain_position(const lp_plan *plan, int input, int64_t index) {
  int64_t position = 0;
  for (int axis = plan->term.rank - 1; axis >= 0; axis--) {
    position += index % plan->term.shape[axis] * plan->stride[input][axis];
    index /= plan->term.shape[axis];
  }
  return position;
}

static bool averaged(const lp_case *c) {
  return c->reduction == LP_REDUCTION_MEAN || c->reduction == LP_REDUCTION_BATCHMEAN;
}

double plain_gain(plain_run *run, int64_t term) {
  const lp_case *c = run->plan->c;
  const double g = plain_number(&run->arith, lp_plan_upstream(run->plan, c->reduction == LP_REDUCTION_NONE ? term : 0));
  return averaged(c) ? plain_divide(&run->arith, g, run->denominator) : g;
}

/* batchmean divides by the extent of the first axis of the first input. */
static double count_of(plain_run *run) {
  const lp_case *c = run->plan->c;
  const bool by_batch = c->reduction == LP_REDUCTION_BATCHMEAN;
  const int64_t batch = c->inputs[0].rank > 0 ? c->inputs[0].shape[0] : 1;
  return plain_number(&run->arith, (double)(by_batch ? batch : run->plan->term.numel));
}

/* --- from terms and shares to outputs --- */

static void write_loss(plain_run *run, lp_tensor *loss) {
  const lp_case *c = run->plan->c;
  const int64_t n = run->plan->term.numel;
  if (c->reduction == LP_REDUCTION_NONE) {
    for (int64_t i = 0; i < n; i++) loss->f64[i] = run->values[i];
    return;
  }
  const double sum = plain_sum(&run->arith, run->values, n);
  loss->f64[0] = averaged(c) ? plain_divide(&run->arith, sum, run->denominator) : sum;
}

/* Groups the values of the shares by element, in their order; first[e] becomes where element e begins. */
static void group(double *grouped, int64_t *first, int64_t numel, const plain_shares *shares) {
  for (int64_t k = 0; k < shares->count; k++) first[shares->list[k].element + 1]++;
  for (int64_t e = 0; e < numel; e++) first[e + 1] += first[e];
  for (int64_t k = shares->count - 1; k >= 0; k--) {
    grouped[--first[shares->list[k].element + 1]] = shares->list[k].value;
  }
}

static void write_gradient(plain_run *run, int input, lp_tensor *gradient) {
  const plain_shares *shares = &run->shares[input];
  double *grouped = plain_room(run, shares->count);
  int64_t *first = lp_arena_alloc(run->arena, (size_t)gradient->numel + 2, sizeof *first);
  run->failed = run->failed || !first;
  if (run->failed) return;
  group(grouped, first, gradient->numel, shares); /* leaves element e's beginning in first[e + 1] */
  first[gradient->numel + 1] = shares->count;
  for (int64_t e = 0; e < gradient->numel; e++) {
    gradient->f64[e] = plain_sum(&run->arith, grouped + first[e + 1], first[e + 2] - first[e + 1]);
  }
}

static void round_output(plain_run *run, lp_tensor *tensor) {
  plain_arith last = run->arith;
  last.dtype = tensor->dtype;
  for (int64_t i = 0; i < tensor->numel; i++) tensor->f64[i] = plain_number(&last, tensor->f64[i]);
  run->arith.overflowed = last.overflowed;
}

static void write_outputs(plain_run *run, lp_outcome *outcome) {
  write_loss(run, &outcome->outputs[0].tensor);
  for (int k = 1; k < outcome->n_outputs; k++) {
    write_gradient(run, outcome->outputs[k].input, &outcome->outputs[k].tensor);
  }
  for (int k = 0; k < outcome->n_outputs; k++) round_output(run, &outcome->outputs[k].tensor);
}

/* --- the table --- */

static const plain_loss losses[] = {
    {"l1", plain_l1},
    {"mse", plain_mse},
    {"smooth_l1", plain_smooth_l1},
    {"poisson_nll", plain_poisson_nll},
    {"kl_div", plain_kl_div},
    {"margin_ranking", plain_margin_ranking},
    {"hinge_embedding", plain_hinge_embedding},
    {"soft_margin", plain_soft_margin},
    {"multi_margin", plain_multi_margin},
    {"multilabel_margin", plain_multilabel_margin},
    {"triplet_margin", plain_triplet_margin},
    {"cosine_embedding", plain_cosine_embedding},
    {"ctc", plain_ctc},
};

static const plain_loss *find(const char *name) {
  for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
    if (strcmp(losses[i].name, name) == 0) return &losses[i];
  }
  return NULL;
}

static bool is_real(const lp_case *c, int input) {
  return c->has_input[input] && c->loss->inputs[input].kind == LP_KIND_REAL;
}

static bool is_integer(const lp_case *c, int input) {
  return is_real(c, input) && !lp_dtype_is_floating(c->inputs[input].dtype);
}

/* PyTorch computes in integers where two integer tensors meet, sums squares in integers, and negates an unsigned
 * target in its own dtype. */
static bool computes_in_integers(const lp_case *c) {
  int integers = 0;
  for (int i = 0; i < c->loss->n_inputs; i++) integers += is_integer(c, i);
  if (strcmp(c->loss->name, "cosine_embedding") == 0) return is_integer(c, 0) || is_integer(c, 1);
  if (strcmp(c->loss->name, "margin_ranking") == 0 && c->inputs[2].dtype == LP_UINT8) return true;
  return integers > 1;
}

/* --- */

static lp_dtype dtype_of(const lp_plan *plan, plain_options options) {
  const lp_dtype own = plan->outcome.outputs[0].tensor.dtype;
  return options.inside_float32 && own > LP_FLOAT32 ? LP_FLOAT32 : own;
}

static plain_run start(const lp_plan *plan, lp_arena *arena, plain_options options) {
  plain_run run = {
      .plan = plan, .arena = arena, .arith = {.dtype = dtype_of(plan, options), .summation = options.summation}};
  for (int i = 0; i < plan->c->loss->n_params; i++) run.params[i] = plain_number(&run.arith, plan->c->params[i]);
  run.denominator = count_of(&run);
  run.values = plain_room(&run, plan->term.numel);
  return run;
}

lp_status plain_answer_case(plain_answer *answer, lp_arena *arena, const lp_plan *plan, plain_options options,
                            lp_error *error) {
  const plain_loss *loss = find(plan->c->loss->name);
  if (!loss) return lp_fail(error, LP_INTERNAL, "%s has no plain implementation", plan->c->loss->name);
  *answer = (plain_answer){.outcome = {.kind = LP_OUTCOME_UNSUPPORTED, .message = "integer arithmetic"}};
  if (computes_in_integers(plan->c)) return LP_OK;
  LP_TRY(lp_arena_outcome(arena, &answer->outcome, &plan->outcome, error));
  plain_run run = start(plan, arena, options);
  if (!run.failed) loss->answer(&run);
  if (!run.failed) write_outputs(&run, &answer->outcome);
  answer->overflowed = run.arith.overflowed;
  answer->underflowed = run.arith.underflowed;
  return run.failed ? lp_fail(error, LP_NO_MEMORY, "out of memory for a plain answer") : LP_OK;
}
