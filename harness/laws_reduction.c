/* sum, mean and batchmean against none: the value is the sum of the unreduced loss over the divisor, the gradient that
 * of the unreduced loss under the same upstream gradient everywhere, over the divisor. */
#include <math.h>
#include <string.h>

#include "harness/laws_internal.h"

/* --- divisors ----------------------------------------------------------------------------------------------- */

static double sum_of_input(const lp_tensor *t, double *size) {
  lp_sum sum = lp_sum_zero(), sizes = lp_sum_zero();
  for (int64_t i = 0; i < t->numel; i++) {
    lp_sum_add(&sum, lp_tensor_get(t, i));
    lp_sum_add(&sizes, fabs(lp_tensor_get(t, i)));
  }
  *size = lp_sum_get(&sizes);
  return lp_sum_get(&sum);
}

static const char *by_weights(lp_divisor *divisor, const lp_plan *plan) {
  double size = 0.0;
  const int weight = lp_loss_input_index(plan->c->loss, "weight");
  if (weight < 0 || !plan->c->has_input[weight]) {
    divisor->whole = (double)plan->term.numel;
    return NULL;
  }
  divisor->weight = weight;
  divisor->whole = sum_of_input(&plan->c->inputs[weight], &size);
  return fabs(divisor->whole) >= ldexp(size, -20) ? NULL : "the weights nearly cancel, or are not finite";
}

static const char *by_lengths(lp_divisor *divisor, const lp_plan *plan) {
  divisor->whole = (double)plan->term.numel;
  divisor->of_rows = lp_loss_input_index(plan->c->loss, "target_lengths");
  return divisor->of_rows >= 0 ? NULL : "the registry names lengths that the loss does not have";
}

static const char *by_count(lp_divisor *divisor, const lp_plan *plan) {
  divisor->whole = (double)plan->term.numel;
  return NULL;
}

/* What a mean divides by, from the words of the registry: the first that is found decides. */
static const struct {
  const char *words;
  const char *(*divisor)(lp_divisor *divisor, const lp_plan *plan);
} means[] = {
    {"sum of the weights", by_weights},
    {"each loss by max(target length, 1), then the number of sequences", by_lengths},
    {"number of elements", by_count},
    {"number of rows", by_count},
};

static const char *divisor_of_mean(lp_divisor *divisor, const lp_plan *plan) {
  for (size_t i = 0; i < sizeof means / sizeof means[0]; i++) {
    if (strstr(plan->c->loss->denominator, means[i].words)) return means[i].divisor(divisor, plan);
  }
  return "the registry describes the divisor of the mean in words that the laws do not know";
}

static const char *divisor_of_batchmean(lp_divisor *divisor, const lp_plan *plan) {
  const lp_tensor *input = &plan->c->inputs[0];
  divisor->whole = input->rank > 0 ? (double)input->shape[0] : 1.0;
  return strstr(plan->c->loss->denominator, "batchmean: extent of input's first axis, 1 when 0-d")
             ? NULL
             : "the registry describes the divisor of batchmean in words that the laws do not know";
}

const char *lp_divisor_of(lp_divisor *divisor, const lp_plan *plan) {
  const char *why = NULL;
  *divisor = (lp_divisor){.whole = 1.0, .of_rows = -1, .weight = -1};
  if (plan->c->reduction == LP_REDUCTION_MEAN) why = divisor_of_mean(divisor, plan);
  if (plan->c->reduction == LP_REDUCTION_BATCHMEAN) why = divisor_of_batchmean(divisor, plan);
  if (why) return why;
  return divisor->whole != 0.0 && isfinite(divisor->whole) ? NULL : "the mean divides by 0";
}

bool lp_divisor_has(const lp_divisor *divisor, int output) {
  return divisor->weight >= 0 && output == divisor->weight; /* -1 is the loss */
}

double lp_divisor_of_row(const lp_divisor *divisor, const lp_case *c, int64_t row) {
  if (divisor->of_rows < 0) return 1.0;
  return fmax(lp_tensor_get(&c->inputs[divisor->of_rows], row), 1.0);
}

const char *lp_divisor_refusal(const lp_plan *plan) {
  const lp_case *c = plan->c;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (c->has_input[i] && lp_dtype_is_floating(c->inputs[i].dtype)) return NULL;
  }
  return "all numbers are integers, whose sums wrap around";
}

/* --- the laws ----------------------------------------------------------------------------------------------- */

static const char *refuse(const lp_plan *plan, lp_reduction reduction) {
  lp_divisor divisor;
  lp_batch batch;
  if (plan->c->reduction != reduction) return "the case has another reduction";
  const char *why = lp_divisor_of(&divisor, plan);
  if (!why) why = lp_divisor_refusal(plan);
  if (!why && divisor.of_rows >= 0 && plan->term.rank > 0) why = lp_batch_of(&batch, plan);
  return why;
}

static const char *refuse_sum(const lp_plan *plan) { return refuse(plan, LP_REDUCTION_SUM); }
static const char *refuse_mean(const lp_plan *plan) { return refuse(plan, LP_REDUCTION_MEAN); }
static const char *refuse_batchmean(const lp_plan *plan) { return refuse(plan, LP_REDUCTION_BATCHMEAN); }

/* The same case unreduced; the upstream gradient stands at every element. */
static lp_status derive(lp_derivation *d, lp_arena *arena, lp_rng *rng, lp_error *error) {
  (void)rng;
  const lp_plan *plan = &d->plans[0];
  lp_case *c = lp_law_add(d, plan->c);
  lp_law_set_reduction(c, LP_REDUCTION_NONE);
  if (!c->has_grad_output) return LP_OK;
  const lp_tensor given = c->grad_output;
  LP_TRY(lp_tensor_init(&c->grad_output, given.dtype, plan->term.rank, plan->term.shape, error));
  LP_TRY(lp_arena_tensor(arena, &c->grad_output, error));
  for (int64_t i = 0; i < c->grad_output.numel; i++) c->grad_output.f64[i] = given.f64[0];
  return LP_OK;
}

static void relate_values(lp_relation *r, const lp_divisor *divisor) {
  const lp_plan *plan = &r->d->plans[0];
  const lp_law_place at = {0, LP_OUTPUT_LOSS, 0};
  lp_law_side left = {0}, right = {0};
  lp_side_add(&left, divisor->whole, lp_law_at(r, at));
  for (int64_t i = 0; i < plan->term.numel; i++) {
    const double share = 1.0 / lp_divisor_of_row(divisor, plan->c, i);
    lp_side_add(&right, share, lp_law_at(r, (lp_law_place){1, LP_OUTPUT_LOSS, i}));
  }
  lp_law_compare(r, at, &left, &right);
}

/* Row of an element of a gradient, where rows have divisors of their own. */
static int64_t row_at(const lp_plan *plan, const lp_divisor *divisor, int input, int64_t index) {
  lp_batch batch;
  int axis;
  if (divisor->of_rows < 0 || lp_batch_of(&batch, plan) != NULL) return 0;
  if (!lp_batch_divide(&axis, &batch, plan, input)) return 0;
  return lp_batch_row(&plan->c->inputs[input], axis, index);
}

static void relate_element(lp_relation *r, const lp_divisor *divisor, lp_law_place at) {
  const lp_plan *plan = &r->d->plans[0];
  const double s = lp_divisor_of_row(divisor, plan->c, row_at(plan, divisor, at.output, at.index));
  lp_law_side left = {0}, right = {0};
  lp_side_add(&left, s * divisor->whole, lp_law_at(r, at));
  if (lp_divisor_has(divisor, at.output)) {
    lp_side_add(&left, lp_plan_upstream(plan, 0), lp_law_at(r, (lp_law_place){0, LP_OUTPUT_LOSS, 0}));
  }
  lp_side_add(&right, 1.0, lp_law_at(r, (lp_law_place){1, at.output, at.index}));
  lp_law_compare(r, at, &left, &right);
}

static void relate(lp_relation *r) {
  const lp_plan *plan = &r->d->plans[0];
  lp_divisor divisor;
  if (lp_divisor_of(&divisor, plan) != NULL) return;
  if (lp_law_has(r, LP_OUTPUT_LOSS)) relate_values(r, &divisor);
  for (int k = 1; k < plan->outcome.n_outputs; k++) {
    const int input = plan->outcome.outputs[k].input;
    const bool known = lp_law_has(r, input) && (!lp_divisor_has(&divisor, input) || lp_law_has(r, LP_OUTPUT_LOSS));
    const int64_t numel = known ? plan->outcome.outputs[k].tensor.numel : 0;
    for (int64_t i = 0; i < numel; i++) relate_element(r, &divisor, (lp_law_place){0, input, i});
  }
}

const lp_law lp_law_reduction_sum = {"reduction-sum",
                                     "sum adds up what none returns, and passes the upstream gradient to every element",
                                     refuse_sum, derive, relate};
const lp_law lp_law_reduction_mean = {
    "reduction-mean", "mean is what none returns, added up and divided by the divisor; so are its gradients",
    refuse_mean, derive, relate};
const lp_law lp_law_reduction_batchmean = {
    "reduction-batchmean", "batchmean is what none returns, added up and divided by the extent of the first axis",
    refuse_batchmean, derive, relate};
