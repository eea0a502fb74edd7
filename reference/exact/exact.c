#include "reference/exact/exact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference/exact/budget.h"
#include "reference/exact/exact_internal.h"
#include "reference/exact/tape_internal.h"

static lp_status out_of_memory(lp_error *error) {
  return lp_fail(error, LP_NO_MEMORY, "out of memory for the exact value");
}

/* --- results --- */

static void init_number(lp_exact_number *n) {
  n->class = LP_FINITE;
  n->terms = 0;
  arb_init(&n->value);
  mag_init(&n->scale);
}

static void clear_number(lp_exact_number *n) {
  arb_clear(&n->value);
  mag_clear(&n->scale);
}

static bool lay_out(lp_exact_output *out, const lp_output *like) {
  out->input = like->input;
  out->layout = like->tensor;
  out->numbers = calloc((size_t)like->tensor.numel + 1, sizeof *out->numbers);
  for (int64_t i = 0; out->numbers && i < like->tensor.numel; i++) init_number(&out->numbers[i]);
  return out->numbers != NULL;
}

static void clear_output(lp_exact_output *out) {
  for (int64_t i = 0; out->numbers && i < out->layout.numel; i++) clear_number(&out->numbers[i]);
  free(out->numbers);
}

static void clear_kink(lp_kink *kink) {
  for (int i = 0; i < kink->n_effects; i++) {
    for (int side = 0; side < 3; side++) {
      arb_clear(&kink->effects[i].change[side]);
      mag_clear(&kink->effects[i].scale[side]);
    }
  }
  free(kink->effects);
}

void lp_exact_clear(lp_exact *exact) {
  for (int k = 0; k < exact->n_outputs; k++) clear_output(&exact->outputs[k]);
  if (exact->has_alternative) clear_output(&exact->alternative);
  for (int k = 0; k < exact->n_kinks; k++) clear_kink(&exact->kinks[k]);
  free(exact->kinks);
  *exact = (lp_exact){0};
}

const lp_exact_output *lp_exact_find(const lp_exact *exact, int input) {
  for (int k = 0; k < exact->n_outputs; k++) {
    if (exact->outputs[k].input == input) return &exact->outputs[k];
  }
  return NULL;
}

int lp_exact_output_of(const lp_exact *exact, int input) {
  const lp_exact_output *found = lp_exact_find(exact, input);
  return found ? (int)(found - exact->outputs) : -1;
}

/* --- positions, narrowness --- */

int64_t lp_exact_position(const lp_tensor *in, const lp_tensor *out, int64_t index) {
  int64_t position = 0, stride = 1;
  for (int k = 1; k <= out->rank; k++) {
    const int64_t extent = out->shape[out->rank - k], at = index % extent;
    index /= extent;
    if (k > in->rank) continue;
    const int64_t own = in->shape[in->rank - k];
    position += own == 1 ? 0 : at * stride;
    stride *= own;
  }
  return position;
}

/* radius <= 2^-12 (k u scale + k eta), and no radius is narrow beside an infinite scale */
bool lp_exact_is_narrow(const arb_t value, const mag_t scale, lp_dtype dtype) {
  if (arb_is_exact(value)) return true;
  if (mag_is_inf(scale)) return false;
  if (!arb_is_finite(value)) return false;
  mag_t allowed, absolute;
  mag_init(allowed);
  mag_init(absolute);
  lp_budget_relative(allowed, dtype, scale, 1);
  mag_set_d(absolute, lp_budget_absolute(dtype, false));
  mag_add(allowed, allowed, absolute);
  mag_mul_2exp_si(allowed, allowed, -12);
  const bool narrow = mag_cmp(arb_radref(value), allowed) <= 0;
  mag_clear(allowed);
  mag_clear(absolute);
  return narrow;
}

/* --- adding up --- */

static bool is_infinity(lp_class class) { return class == LP_PLUS_INFINITY || class == LP_MINUS_INFINITY; }

static lp_class class_of_sum(lp_class sum, lp_class term) {
  if (sum == LP_FINITE || sum == term) return term;
  if (term == LP_FINITE) return sum;
  if (sum == LP_ANY) return term == LP_NAN ? LP_NAN : LP_ANY;
  if (sum == LP_NOT_FINITE || term == LP_NOT_FINITE) {
    return sum == LP_NAN || term == LP_NAN ? LP_NAN : LP_NOT_FINITE;
  }
  return LP_NAN;
}

/* Beside an infinity, a finite term out of the range of float64 is infinite, as in PyTorch; terms that are out of range
 * only when added up may be, in some order. */
static void judge_range(lp_exact_number *sum, const lp_tape *t, lp_x term) {
  const double x = arf_get_d(arb_midref(lp_x_ball(t, term)), ARF_RND_NEAR);
  const bool above = x > 0.0, against = sum->class == LP_MINUS_INFINITY;
  sum->sizes[above] += fabs(x);
  sum->beyond[above] = sum->beyond[above] || isinf(x);
  if (!is_infinity(sum->class)) return;
  if (sum->beyond[against]) {
    sum->class = LP_NAN;
  } else if (isinf(sum->sizes[against])) {
    sum->class = LP_NOT_FINITE;
  }
}

/* One more term of a sum: its size is a part of the scale, for the partial sums. */
static void accumulate(lp_exact_number *sum, const lp_tape *t, lp_x term) {
  mag_t size;
  mag_init(size);
  sum->class = class_of_sum(sum->class, lp_x_class(t, term));
  arb_get_mag(size, lp_x_ball(t, term));
  mag_add(&sum->scale, &sum->scale, size);
  mag_add(&sum->scale, &sum->scale, lp_x_reach(t, term));
  if (t->lost) lp_budget_set_boundless(&sum->scale);
  arb_add(&sum->value, &sum->value, lp_x_ball(t, term), t->precision);
  sum->terms += lp_x_terms(t, term);
  judge_range(sum, t, term);
  mag_clear(size);
}

static lp_x number_on_tape(lp_tape *t, const lp_exact_number *n) {
  return lp_x_number(t, &n->value, n->class, &n->scale, n->terms > 0 ? n->terms : 1);
}

static lp_x weight_on_tape(lp_exact_run *run) {
  const lp_x weight = number_on_tape(&run->tape, &run->weight);
  return run->weight_is_exact ? lp_x_sharpen(&run->tape, weight) : weight;
}

static void put(lp_exact_number *n, const lp_tape *t, lp_x a) {
  n->class = lp_x_class(t, a);
  n->terms = lp_x_terms(t, a);
  arb_set(&n->value, lp_x_ball(t, a));
  arb_get_mag(&n->scale, lp_x_ball(t, a));
  mag_add(&n->scale, &n->scale, lp_x_reach(t, a));
}

/* The gradient of an element that several terms share. Where its parts are infinities of both signs, what an
 * implementation gets depends on whether it adds before or after it multiplies: nothing is claimed. */
static void take_leaf(void *context, const lp_leaf *leaf) {
  lp_exact_run *run = context;
  const int output = lp_exact_output_of(run->exact, leaf->input);
  if (output < 0) return;
  lp_exact_number *sum = &run->exact->outputs[output].numbers[leaf->index];
  const lp_class before = sum->class, part = lp_x_class(&run->tape, leaf->adjoint);
  accumulate(sum, &run->tape, leaf->adjoint);
  const bool opposed = sum->class == LP_NAN && before != LP_NAN && part != LP_NAN;
  if (before == LP_ANY || opposed) sum->class = LP_ANY;
}

/* --- one term --- */

static bool reduced(const lp_plan *plan) { return plan->c->reduction != LP_REDUCTION_NONE; }
static bool averaged(const lp_plan *plan) { return reduced(plan) && plan->c->reduction != LP_REDUCTION_SUM; }

static lp_x upstream(lp_tape *t, const lp_plan *plan, int64_t i) {
  return lp_x_upstream(t, plan->c->has_grad_output ? plan->c->grad_output.f64[i] : 1.0, i);
}

/* What a term's gradient is multiplied by: the upstream gradient over the denominator. */
static lp_x seed(lp_exact_run *run) {
  lp_tape *t = &run->tape;
  if (!reduced(run->plan)) return upstream(t, run->plan, run->term);
  const lp_x g = upstream(t, run->plan, 0);
  if (!averaged(run->plan)) return g;
  return lp_x_divide(t, g, run->weighted ? weight_on_tape(run) : lp_x_constant(t, run->count));
}

static void write_term(lp_exact_run *run) {
  lp_tape_restart(&run->tape);
  run->value = run->loss->term(&run->tape, run->plan, run->term);
  if (!run->options->value_only) lp_x_backward(&run->tape, run->value, seed(run));
}

typedef struct narrowness {
  const lp_exact_run *run;
  bool narrow;
} narrowness;

static bool is_narrow(const lp_tape *t, lp_x a, lp_dtype dtype) {
  mag_t scale;
  mag_init(scale);
  arb_get_mag(scale, lp_x_ball(t, a));
  mag_add(scale, scale, lp_x_reach(t, a));
  const bool narrow = lp_x_class(t, a) != LP_FINITE || lp_exact_is_narrow(lp_x_ball(t, a), scale, dtype);
  mag_clear(scale);
  return narrow;
}

static void check_leaf(void *context, const lp_leaf *leaf) {
  narrowness *n = context;
  const int output = lp_exact_output_of(n->run->exact, leaf->input);
  if (output < 0) return;
  n->narrow = n->narrow && is_narrow(&n->run->tape, leaf->adjoint, n->run->exact->outputs[output].layout.dtype);
}

static bool term_is_settled(const lp_exact_run *run) {
  narrowness n = {run, is_narrow(&run->tape, run->value, run->tape.dtype)};
  if (!run->options->value_only) lp_x_leaves(&run->tape, check_leaf, &n);
  return n.narrow && !run->tape.undecided;
}

/* Less than the minimum would leave reaches to balls that are too wide to tell their size. */
static slong first_precision(const lp_exact_options *options) {
  return options->precision > LP_EXACT_PRECISION_MIN ? options->precision : LP_EXACT_PRECISION_MIN;
}

void lp_exact_settle_term(lp_exact_run *run, slong precision) {
  lp_tape *t = &run->tape;
  for (t->precision = precision;; t->precision *= 2) {
    t->last_precision = t->precision >= LP_EXACT_PRECISION_MAX;
    if (t->last_precision) t->precision = LP_EXACT_PRECISION_MAX;
    write_term(run);
    if (t->last_precision || t->failed || term_is_settled(run)) return;
  }
}

static uint64_t mix(uint64_t a, uint64_t b) { return (a ^ b) * UINT64_C(0x100000001b3); }

/* Numbers that may be written in a case to find what its kinks do: seconds of work. */
enum { KINK_WORK_MAX = 20000000 };

/* Every switch has its term written again for each other side. Beyond the ceiling effects stay unknown. */
static bool kinks_are_wanted(lp_exact_run *run) {
  const lp_tape *t = &run->tape;
  if (t->n_switches == 0 || run->options->value_only || run->options->no_kinks) return false;
  run->kink_work += 2.0 * t->n_switches * t->count;
  if (run->kink_work <= KINK_WORK_MAX) return true;
  run->exact->entangled = true;
  return false;
}

static lp_status add_term(lp_exact_run *run, lp_error *error) {
  lp_exact *e = run->exact;
  lp_exact_settle_term(run, first_precision(run->options));
  lp_exact_number *value = &e->outputs[0].numbers[reduced(run->plan) ? 0 : run->term];
  accumulate(value, &run->tape, run->value);
  if (run->tape.value_lost) lp_budget_set_boundless(&value->scale);
  if (!run->options->value_only) lp_x_leaves(&run->tape, take_leaf, run);
  e->signature = mix(e->signature, run->tape.signature);
  e->regimes |= run->tape.entered;
  e->near_switches += run->tape.near;
  if (run->tape.precision > e->precision) e->precision = run->tape.precision;
  if (kinks_are_wanted(run)) LP_TRY(lp_exact_find_kinks(run, error));
  return run->tape.failed ? out_of_memory(error) : LP_OK;
}

/* --- the whole case --- */

/* The place of the last bit that is set in a number that is not 0. */
static slong last_bit(const arf_t x) { return fmpz_get_si(ARF_EXPREF(x)) - arf_bits(x); }

/* Adds up the weights. Where every sum of some of their sizes is representable, no order of summation rounds. */
static void add_weights(lp_exact_run *run) {
  const int input = run->loss->weight;
  slong lowest = WORD_MAX;
  run->weight_is_exact = true;
  for (int64_t i = 0; i < run->plan->c->inputs[input].numel; i++) {
    lp_tape_restart(&run->tape);
    const lp_x x = lp_x_element(&run->tape, input, i);
    const arf_struct *weight = arb_midref(lp_x_ball(&run->tape, x));
    accumulate(&run->weight, &run->tape, x);
    run->weight_is_exact = run->weight_is_exact && mag_is_zero(lp_x_reach(&run->tape, x));
    if (arf_is_zero(weight)) continue;
    lowest = last_bit(weight) < lowest ? last_bit(weight) : lowest;
  }
  const slong places = lp_range_of(run->tape.dtype)->places;
  const bool fits = lowest == WORD_MAX || mag_cmp_2exp_si(&run->weight.scale, lowest + places) <= 0;
  run->weight_is_exact = run->weight_is_exact && fits;
}

static void sum_weights(lp_exact_run *run) {
  const int input = run->loss->weight;
  init_number(&run->weight);
  run->weighted = input >= 0 && run->plan->c->has_input[input] && run->plan->c->reduction == LP_REDUCTION_MEAN;
  if (!run->weighted) return;
  run->tape.precision = LP_EXACT_PRECISION_MAX; /* whether it is 0 matters */
  add_weights(run);
}

/* Divides the sum of the terms. */
static void finish_loss(lp_exact_run *run) {
  lp_exact_number *loss = run->exact->outputs[0].numbers;
  lp_tape *t = &run->tape;
  if (!averaged(run->plan)) return;
  lp_tape_restart(t);
  t->precision = run->exact->precision > 0 ? run->exact->precision : LP_EXACT_PRECISION_MIN;
  const lp_x sum = number_on_tape(t, loss);
  const lp_x by = run->weighted ? weight_on_tape(run) : lp_x_constant(t, run->count);
  put(loss, t, lp_x_divide(t, sum, by));
  run->undecided = run->undecided || t->undecided;
}

/* Adds the share of the mean to the gradient of a weight. Where its own part overflows and the share is infinite, one
 * who subtracts L before multiplying by g / W has an infinity, who multiplies first NaN. */
static void take_share(lp_exact_number *gradient, const lp_tape *t, lp_x share) {
  const lp_class own = gradient->class;
  accumulate(gradient, t, share);
  if (own == LP_FINITE && is_infinity(lp_x_class(t, share)) && gradient->class == LP_NAN) {
    gradient->class = LP_NOT_FINITE;
  }
}

/* The gradient of a weighted mean L = sum / W through W: -g L / W to every weight. */
static void finish_weights(lp_exact_run *run) {
  const int output = run->weighted ? lp_exact_output_of(run->exact, run->loss->weight) : -1;
  if (output < 0 || run->options->value_only) return;
  lp_exact_output *out = &run->exact->outputs[output];
  lp_tape *t = &run->tape;
  lp_tape_restart(t);
  const lp_x w = weight_on_tape(run), loss = number_on_tape(t, run->exact->outputs[0].numbers);
  const lp_x share = lp_x_negate(t, lp_x_multiply(t, upstream(t, run->plan, 0), lp_x_divide(t, loss, w)));
  for (int64_t i = 0; i < out->layout.numel; i++) take_share(&out->numbers[i], t, share);
  run->undecided = run->undecided || t->undecided;
}

/* Bits of the file's own enumeration to bits of loss->regimes. */
static uint64_t translate(const lp_exact_loss *own, const lp_loss *loss, uint64_t set) {
  uint64_t bits = 0;
  for (int i = 0; i < own->n_regimes; i++) {
    for (int k = 0; k < loss->n_regimes && (set >> i & 1); k++) {
      if (strcmp(own->regimes[i], loss->regimes[k].name) == 0) bits |= UINT64_C(1) << k;
    }
  }
  return bits;
}

static void finish_regimes(lp_exact_run *run) {
  lp_exact *e = run->exact;
  if (run->loss->regimes_of) e->regimes |= run->loss->regimes_of(run->plan);
  e->regimes = translate(run->loss, run->plan->c->loss, e->regimes);
  e->regimes_known = translate(run->loss, run->plan->c->loss, UINT64_MAX);
}

static lp_status evaluate_terms(lp_exact_run *run, lp_error *error) {
  const lp_plan *plan = run->plan;
  run->count = run->loss->denominator ? run->loss->denominator(plan) : (double)plan->term.numel;
  sum_weights(run);
  for (run->term = 0; run->term < plan->term.numel; run->term++) LP_TRY(add_term(run, error));
  finish_loss(run);
  finish_weights(run);
  return LP_OK;
}

/* --- a loss that is no sum of terms on a tape --- */

static void reset_output(lp_exact_output *out) {
  for (int64_t i = 0; i < out->layout.numel; i++) {
    out->numbers[i].class = LP_FINITE;
    out->numbers[i].terms = 0;
    arb_zero(&out->numbers[i].value);
    mag_zero(&out->numbers[i].scale);
  }
}

static lp_status evaluate_whole(lp_exact_run *run, lp_error *error) {
  lp_exact *e = run->exact;
  bool enough = false;
  for (slong precision = first_precision(run->options); !enough; precision *= 2) {
    if (precision > LP_EXACT_PRECISION_MAX) precision = LP_EXACT_PRECISION_MAX;
    for (int k = 0; k < e->n_outputs; k++) reset_output(&e->outputs[k]);
    if (e->has_alternative) reset_output(&e->alternative);
    e->precision = precision;
    e->regimes = 0;
    LP_TRY(run->loss->evaluate(e, run->plan, run->options, precision, &enough, error));
    enough = enough || precision == LP_EXACT_PRECISION_MAX;
  }
  return LP_OK;
}

/* --- */

static lp_status lay_out_outputs(lp_exact *exact, const lp_plan *plan, const lp_exact_loss *loss, lp_error *error) {
  bool ok = true;
  *exact = (lp_exact){.n_outputs = plan->outcome.n_outputs};
  for (int k = 0; k < exact->n_outputs; k++) {
    ok = lay_out(&exact->outputs[k], &plan->outcome.outputs[k]) && ok;
  }
  exact->has_alternative = loss->evaluate != NULL && exact->n_outputs > 1;
  if (exact->has_alternative) ok = lay_out(&exact->alternative, &plan->outcome.outputs[1]) && ok;
  return ok ? LP_OK : out_of_memory(error);
}

static lp_status evaluate_once(lp_exact *exact, const lp_plan *plan, const lp_exact_loss *loss,
                               const lp_exact_options *options, bool *undecided, lp_error *error) {
  lp_exact_run run = {.exact = exact, .plan = plan, .loss = loss, .options = options};
  lp_tape_init(&run.tape, plan->c, plan->outcome.outputs[0].tensor.dtype);
  if (run.tape.failed) return out_of_memory(error);
  run.tape.shift = options->shift;
  run.tape.stand_in = options->stand_in;
  run.tape.stand_in_step = options->stand_in_step;
  run.tape.stand_in_ranks = options->stand_in_ranks;
  init_number(&run.weight);
  lp_status status = lay_out_outputs(exact, plan, loss, error);
  if (status == LP_OK) status = loss->evaluate ? evaluate_whole(&run, error) : evaluate_terms(&run, error);
  if (status == LP_OK) finish_regimes(&run);
  *undecided = run.undecided;
  lp_tape_clear(&run.tape);
  clear_number(&run.weight);
  if (status != LP_OK) lp_exact_clear(exact);
  return status;
}

/* Terms choose their own precision. Where the quotient of their sum is undecided, as the sum may be 0 or not, all of
 * them are evaluated at the highest. */
lp_status lp_exact_evaluate(lp_exact *exact, const lp_plan *plan, const lp_exact_options *options, lp_error *error) {
  const lp_exact_loss *loss = lp_exact_loss_find(plan->c->loss->name);
  lp_exact_options o = options ? *options : (lp_exact_options){0};
  bool undecided = false;
  if (!loss) return lp_fail(error, LP_INTERNAL, "%s has no exact oracle", plan->c->loss->name);
  LP_TRY(evaluate_once(exact, plan, loss, &o, &undecided, error));
  if (!undecided || o.precision >= LP_EXACT_PRECISION_MAX) return LP_OK;
  lp_exact_clear(exact);
  o.precision = LP_EXACT_PRECISION_MAX;
  return evaluate_once(exact, plan, loss, &o, &undecided, error);
}
