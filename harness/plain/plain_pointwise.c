/* Losses of one position: every element of the broadcast inputs for itself. */
#include "harness/plain/plain_run.h"

static void load(plain_run *run, double *x, int64_t *at, int64_t index) {
  const lp_case *c = run->plan->c;
  for (int k = 0; k < c->loss->n_inputs; k++) {
    at[k] = c->has_input[k] ? plain_position(run->plan, k, index) : 0;
    x[k] = c->has_input[k] ? plain_element(run, k, at[k]) : 1.0;
  }
}

static void write_term(plain_run *run, plain_term term, int64_t index) {
  const lp_loss *loss = run->plan->c->loss;
  double x[LP_MAX_INPUTS];
  int64_t at[LP_MAX_INPUTS];
  load(run, x, at, index);
  const plain_jet jet = term(&run->arith, run->params, x);
  const double gain = plain_gain(run, index);
  run->values[index] = jet.value;
  for (int k = 0; k < loss->n_inputs; k++) {
    if (!run->plan->c->has_input[k] || !loss->inputs[k].differentiable) continue;
    plain_contribute(run, k, at[k], plain_multiply(&run->arith, gain, jet.slope[k]));
  }
}

static double sum_of_input(plain_run *run, int input) {
  const int64_t n = run->plan->c->inputs[input].numel;
  double *x = plain_room(run, n);
  for (int64_t i = 0; x && i < n; i++) x[i] = plain_element(run, input, i);
  return x ? plain_sum(&run->arith, x, n) : 0.0;
}

/* A mean L = sum / W depends on every weight through W too: -(g / W) L. */
static void differentiate_denominator(plain_run *run, int weight) {
  const double sum = plain_sum(&run->arith, run->values, run->plan->term.numel);
  const double mean = plain_divide(&run->arith, sum, run->denominator);
  const double share = -plain_multiply(&run->arith, plain_gain(run, 0), mean);
  for (int64_t i = 0; i < run->plan->c->inputs[weight].numel; i++) plain_contribute(run, weight, i, share);
}

void plain_pointwise(plain_run *run, plain_term term, int weight) {
  const lp_case *c = run->plan->c;
  const bool weighted = weight >= 0 && c->has_input[weight] && c->reduction == LP_REDUCTION_MEAN;
  if (weighted) run->denominator = sum_of_input(run, weight);
  for (int64_t i = 0; i < run->plan->term.numel; i++) write_term(run, term, i);
  if (weighted) differentiate_denominator(run, weight);
}
