/* The upstream gradient: gradients are linear in it, the loss does not know it. */
#include <math.h>

#include "harness/laws_internal.h"

static const char *refuse(const lp_plan *plan) {
  return plan->outcome.n_outputs > 1 ? NULL : "nothing is differentiated";
}

/* Gives the case an upstream gradient of its own: the given one, or ones. */
static lp_status own_upstream(lp_case *c, lp_arena *arena, const lp_plan *plan, lp_error *error) {
  const lp_tensor *loss = &plan->outcome.outputs[0].tensor;
  if (!c->has_grad_output) {
    c->has_grad_output = true;
    LP_TRY(lp_tensor_init(&c->grad_output, loss->dtype, loss->rank, loss->shape, error));
  }
  LP_TRY(lp_arena_tensor(arena, &c->grad_output, error));
  for (int64_t i = 0; i < loss->numel; i++) c->grad_output.f64[i] = lp_plan_upstream(plan, i);
  return LP_OK;
}

static lp_status add_own(lp_case **c, lp_derivation *d, lp_arena *arena, lp_error *error) {
  *c = lp_law_add(d, d->plans[0].c);
  return own_upstream(*c, arena, &d->plans[0], error);
}

/* Not bit by bit: an upstream gradient that is wild may send value and gradient another way together. */
static void relate_loss(lp_relation *r, int answer) { lp_law_same_output(r, answer, LP_OUTPUT_LOSS, false); }

static void for_gradients(lp_relation *r, int answer, void (*relate)(lp_relation *r, lp_law_place at)) {
  const lp_outcome *layout = &r->d->plans[0].outcome;
  for (int k = 1; k < layout->n_outputs; k++) {
    const int input = layout->outputs[k].input;
    const int64_t numel = lp_law_has(r, input) ? layout->outputs[k].tensor.numel : 0;
    for (int64_t i = 0; i < numel; i++) relate(r, (lp_law_place){answer, input, i});
  }
}

static lp_law_number own_number(const lp_relation *r, lp_law_place at) {
  return lp_law_at(r, (lp_law_place){0, at.output, at.index});
}

/* --- zero --------------------------------------------------------------------------------------------------- */

static lp_status derive_zero(lp_derivation *d, lp_arena *arena, lp_rng *rng, lp_error *error) {
  (void)rng;
  lp_case *c = NULL;
  LP_TRY(add_own(&c, d, arena, error));
  for (int64_t i = 0; i < c->grad_output.numel; i++) c->grad_output.f64[i] = 0.0;
  return LP_OK;
}

/* Where the candidate's own gradient is not finite, 0 times its slope need not be 0. */
static void relate_zero_element(lp_relation *r, lp_law_place at) {
  if (isfinite(own_number(r, at).x)) lp_law_is_zero(r, at, lp_law_at(r, at));
}

static void relate_zero(lp_relation *r) {
  relate_loss(r, 1);
  for_gradients(r, 1, relate_zero_element);
}

const lp_law lp_law_upstream_zero = {"upstream-zero",
                                     "an upstream gradient of 0 gives gradients of 0 and leaves the loss alone", refuse,
                                     derive_zero, relate_zero};

/* --- double ------------------------------------------------------------------------------------------------- */

static lp_status derive_double(lp_derivation *d, lp_arena *arena, lp_rng *rng, lp_error *error) {
  (void)rng;
  lp_case *c = NULL;
  LP_TRY(add_own(&c, d, arena, error));
  for (int64_t i = 0; i < c->grad_output.numel; i++) {
    const double doubled = 2.0 * c->grad_output.f64[i];
    if (isfinite(c->grad_output.f64[i]) && !isfinite(lp_dtype_round(c->grad_output.dtype, doubled))) {
      d->count = 0;
      d->why_not = "the upstream gradient is too large to be doubled";
      return LP_OK;
    }
    c->grad_output.f64[i] = doubled;
  }
  return LP_OK;
}

/* Far from underflow and overflow, where doubling commutes with rounding. Half types have no such numbers. */
static bool is_moderate(double x, lp_dtype dtype) {
  static const int half_range[] = {[LP_FLOAT64] = 511, [LP_FLOAT32] = 63};
  if (dtype != LP_FLOAT64 && dtype != LP_FLOAT32) return false;
  return x == 0.0 || (fabs(x) >= ldexp(1.0, -half_range[dtype]) && fabs(x) <= ldexp(1.0, half_range[dtype]));
}

static bool all_moderate(const lp_case *c, lp_dtype dtype) {
  bool moderate = true;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!c->has_input[i] || !c->inputs[i].f64) continue;
    for (int64_t e = 0; e < c->inputs[i].numel; e++) moderate = moderate && is_moderate(c->inputs[i].f64[e], dtype);
  }
  for (int64_t e = 0; c->has_grad_output && e < c->grad_output.numel; e++) {
    moderate = moderate && is_moderate(c->grad_output.f64[e], dtype);
  }
  return moderate;
}

static void relate_double_budget(lp_relation *r, lp_law_place at) {
  lp_law_side left = {0}, right = {0};
  lp_side_add(&left, 1.0, lp_law_at(r, at));
  lp_side_add(&right, 2.0, own_number(r, at));
  lp_law_compare(r, at, &left, &right);
}

static void relate_double_bits(lp_relation *r, lp_law_place at) {
  lp_law_number own = own_number(r, at);
  if (own.x == 0.0 || !is_moderate(own.x, own.dtype)) {
    relate_double_budget(r, at);
    return;
  }
  own.x *= 2.0;
  lp_law_equal(r, at, lp_law_at(r, at), own, true);
}

static void relate_double(lp_relation *r) {
  const lp_plan *plan = &r->d->plans[0];
  relate_loss(r, 1);
  const bool bits = r->deterministic && all_moderate(plan->c, plan->outcome.outputs[0].tensor.dtype);
  for_gradients(r, 1, bits ? relate_double_bits : relate_double_budget);
}

const lp_law lp_law_upstream_double = {
    "upstream-double", "twice the upstream gradient gives twice the gradients and leaves the loss alone", refuse,
    derive_double, relate_double};

/* --- sum ---------------------------------------------------------------------------------------------------- */

/* Multiples of 1/4 up to 4: they and their sums are numbers of every dtype. */
static double quarter(lp_rng *rng) { return 0.25 * (double)(lp_rng_below(rng, 33) - 16); }

static lp_status derive_sum(lp_derivation *d, lp_arena *arena, lp_rng *rng, lp_error *error) {
  lp_case *a = NULL, *b = NULL, *both = NULL;
  LP_TRY(add_own(&a, d, arena, error));
  LP_TRY(add_own(&b, d, arena, error));
  LP_TRY(add_own(&both, d, arena, error));
  for (int64_t i = 0; i < both->grad_output.numel; i++) {
    a->grad_output.f64[i] = quarter(rng);
    b->grad_output.f64[i] = quarter(rng);
    both->grad_output.f64[i] = a->grad_output.f64[i] + b->grad_output.f64[i];
  }
  return LP_OK;
}

static void relate_sum_element(lp_relation *r, lp_law_place at) {
  lp_law_side left = {0}, right = {0};
  lp_side_add(&left, 1.0, lp_law_at(r, at));
  for (int k = 1; k <= 2; k++) lp_side_add(&right, 1.0, lp_law_at(r, (lp_law_place){k, at.output, at.index}));
  lp_law_compare(r, at, &left, &right);
}

static void relate_sum(lp_relation *r) {
  for (int k = 1; k <= 3; k++) relate_loss(r, k);
  for_gradients(r, 3, relate_sum_element);
}

const lp_law lp_law_upstream_sum = {"upstream-sum",
                                    "the sum of two upstream gradients gives the sum of their gradients", refuse,
                                    derive_sum, relate_sum};

/* --- local -------------------------------------------------------------------------------------------------- */

static const char *refuse_local(const lp_plan *plan) {
  lp_batch batch;
  if (plan->outcome.n_outputs < 2) return "nothing is differentiated";
  if (plan->c->reduction != LP_REDUCTION_NONE) return "the loss is reduced: its upstream gradient is one number";
  const char *why = lp_batch_of(&batch, plan);
  if (why) return why;
  return batch.count > 1 && plan->term.numel > 0 ? NULL : "there are no two rows";
}

/* Marks at least one row, and not all of them. */
static bool *some_rows(lp_arena *arena, lp_rng *rng, int64_t n) {
  bool *some = lp_arena_alloc(arena, (size_t)n, sizeof *some);
  if (!some) return NULL;
  for (int64_t i = 0; i < n; i++) some[i] = lp_rng_chance(rng, 0.5);
  const int64_t one = lp_rng_below(rng, n);
  some[one] = true;
  some[(one + 1) % n] = false;
  return some;
}

static lp_status derive_local(lp_derivation *d, lp_arena *arena, lp_rng *rng, lp_error *error) {
  lp_case *c = NULL;
  LP_TRY(add_own(&c, d, arena, error));
  const bool *changed = some_rows(arena, rng, d->plans[0].term.shape[0]);
  if (!changed) return lp_fail(error, LP_NO_MEMORY, "out of memory for a derived case");
  d->changed[0] = changed;
  for (int64_t i = 0; i < c->grad_output.numel; i++) {
    if (changed[lp_batch_row(&c->grad_output, 0, i)]) c->grad_output.f64[i] = 0.0;
  }
  return LP_OK;
}

static void relate_local(lp_relation *r) {
  const lp_plan *plan = &r->d->plans[0];
  lp_batch batch;
  int axis;
  if (lp_batch_of(&batch, plan) != NULL) return;
  relate_loss(r, 1);
  for (int k = 1; k < plan->outcome.n_outputs; k++) {
    const int input = plan->outcome.outputs[k].input;
    const lp_tensor *t = &plan->outcome.outputs[k].tensor;
    const bool known = lp_law_has(r, input) && lp_batch_divide(&axis, &batch, plan, input);
    for (int64_t i = 0; known && i < t->numel; i++) {
      const lp_law_place at = {1, input, i};
      if (r->d->changed[0][lp_batch_row(t, axis, i)]) {
        relate_zero_element(r, at);
      } else {
        lp_law_equal(r, at, lp_law_at(r, at), own_number(r, at), false);
      }
    }
  }
}

const lp_law lp_law_upstream_local = {
    "upstream-local", "a row whose upstream gradient is 0 has gradients of 0, and the other rows keep theirs",
    refuse_local, derive_local, relate_local};
