/* ctc, from its definition. With the labels y of a sequence, the states blank, y_0, blank, y_1 ... blank, and lp the
 * log-probabilities of its first input_length frames, an alignment has one state for each frame, the first of them
 * among the first two, the last among the last two, and goes on by 0, 1, or, between labels that differ, 2 states.
 *
 *   loss = -log Z,  Z = sum over alignments of prod_t exp(lp[t, class of the state])
 *   PyTorch's gradient: exp(lp[t,c]) - P(t,c),  P(t,c) = share in Z of the alignments in class c in frame t
 *   the derivative: -P(t,c), in lp_exact.alternative
 *
 * Both are times g = upstream, for mean over N and max(target_length, 1). Z is summed as it stands (ctc_paths.h).
 *
 * Rounded intermediates: of the recursion in logarithms, as the paper and PyTorch have it, for states that an alignment
 * passes. With a_i the logarithms A of the n predecessors of (t, s) that are not -inf, m = max a_i, w_i their weights,
 *
 *   d_i = a_i - m,  e_i = exp(d_i),  e = sum_i e_i,  l = log e,  L = l + m,  the weight exp(lp),  A = L + lp.
 *
 * The error of A in units of u, F[t,s], is by |d A / d v| |v|
 *
 *   |A| + 1 + |L| + |l| + 1 + sum_i w_i (1 + |d_i|) + F of the predecessors,  |l| + sum_i w_i |d_i| <= log n;
 *   |A| + 1 + F of the predecessor for n = 1, where e = 1 and L = a exactly: nothing is rounded but A.
 *
 * The 1 beside |A| is for recursions in the linear domain: the weight and its product, where all logarithms are small.
 * F of the predecessors is their mean with weights w_i as long as that is true to first order, and more where a path
 * with large intermediates that cancel may outweigh the others by its error alone (ctc_reach.h). Then
 *
 *   loss: the last merge, |log Z| + 2 + log 2 + F of the two last states; or F of the only one;
 *   P = exp(r), r = (collected + loss) - lp, with collected = log of the sum of exp(A + B) over the states of a class,
 *     B the same recursion backwards, one merge for each state after the first:
 *     P (1 + |r| + |collected + loss| + reach of collected + reach of loss);
 *   gradient: exp(lp), P, their difference, and the product with g; for mean, two quotients in g.
 *
 * The chains that end in the loss and in collected count apart, as if computed apart. What exp makes of an error in r
 * is taken to first order: while u times the reach of r is below 3 the factor k of the budget covers the rest
 * (exp(3.3) - 1 < 8 * 3.3). Beyond it no digit of a posterior computed in logarithms need be right. The budget says so
 * of posteriors that are not small; a small one must stay small, which sums along paths that are not rounded can keep
 * and logarithms in doubles cannot. The depth of the recursion is in the reach: terms is 1, and N for sum and mean over
 * N sequences.
 *
 * No switches. An alignment exists or not by the lengths and equal neighbours; Z is 0 when all pass a -inf.
 *
 * Degenerate cases, as PyTorch 2.13 has them:
 *
 * - no alignment: loss inf, gradient NaN in the sequence's frames; with zero_infinity loss 0 and gradient 0;
 * - input_length 0: loss 0 for an empty target, otherwise inf; no frames, so that all of the gradient is 0;
 * - frames past the end: not read; gradient 0, whatever the upstream gradient;
 * - a label that is the blank: a label like any other: the states stay apart, their class is the same;
 * - -inf, +inf, NaN in lp: ctc_ieee.h. What stays finite has the value that the definition gives, with a weight of 0
 *   for -inf. The derivative at -inf is -P = 0, where PyTorch's gradient is NaN;
 * - an infinite upstream gradient: an infinity, or NaN where exp(lp) - P is 0 when both are rounded to double. (Where
 *   it is not, or is, by the noise in PyTorch's own P alone, PyTorch's answer differs: no rule can tell.)
 *
 * Regimes of numbers (unnormalised, exp-overflow ...) are found only when a gradient is wanted. The sign of a loss near
 * 0 (confident, negative-loss) is left to the reference, whose rounding it depends on there. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "reference/exact/ctc_ieee.h"
#include "reference/exact/ctc_paths.h"

extern const lp_exact_loss lp_exact_ctc;

enum {
  FEASIBLE,
  INFEASIBLE,
  IMPOSSIBLE,
  SINGLE_ALIGNMENT,
  EMPTY_TARGET,
  ZERO_INPUT_LENGTH,
  BOTH_LENGTHS_ZERO,
  REPEATS,
  SKIPS,
  BLANK_IN_TARGET,
  BLANK_LAST,
  FRAMES_PAST_END,
  LABELS_PAST_END,
  PADDED,
  CONCATENATED,
  UNBATCHED,
  ZEROED,
  INFINITE_LOSS,
  NORMALISED,
  UNNORMALISED,
  EXP_OVERFLOW,
  EXP_UNDERFLOW,
  NEG_INF,
  POS_INF,
  NOT_A_NUMBER,
  NAN_OUTSIDE,
  MEAN_BY_LENGTH,
  MEAN_BY_ONE,
  N_REGIMES
};

static const char *const regimes[N_REGIMES] = {
    "feasible",
    "infeasible",
    "impossible",
    "single-alignment",
    "empty-target",
    "zero-input-length",
    "both-lengths-zero",
    "repeats",
    "skips",
    "blank-in-target",
    "blank-last",
    "frames-past-end",
    "labels-past-end",
    "padded",
    "concatenated",
    "unbatched",
    "zeroed",
    "infinite",
    "normalised",
    "unnormalised",
    "exp-overflow",
    "exp-underflow",
    "neg-inf",
    "pos-inf",
    "nan",
    "nan-outside",
    "mean-by-length",
    "mean-by-one",
};

/* The evaluation of one case at one precision. */
typedef struct batch {
  lp_exact *exact;
  const lp_plan *plan;
  const lp_exact_options *options;
  slong precision;
  bool enough;
  double class_of_sum;
} batch;

/* One sequence of it. */
typedef struct item {
  batch *b;
  int64_t n;
  lp_exact_ctc_sequence q;
  lp_exact_ctc_paths paths;
  double loss_class;  /* 0: finite */
  double *posteriors; /* their classes, where any can be special; or NULL */
  bool zeroed;        /* zero_infinity applies */
  double upstream;    /* what slopes are multiplied by, as a double has it */
  arb_struct factor;  /* exactly; 1 when that is no number */
  arb_struct inverse; /* 1 / Z */
  mag_struct size[4]; /* of factor; then for use in between */
  arb_struct scratch;
} item;

static bool is_mean(const lp_plan *plan) { return plan->c->reduction == LP_REDUCTION_MEAN; }
static bool is_reduced(const lp_plan *plan) { return plan->c->reduction != LP_REDUCTION_NONE; }

/* What mean divides a loss by before it averages. */
static int64_t length_divisor(const item *i) { return is_mean(i->b->plan) && i->q.n_labels > 1 ? i->q.n_labels : 1; }
static int64_t count_divisor(const item *i) { return is_mean(i->b->plan) ? lp_exact_ctc_batch(i->b->plan) : 1; }

static void enter_if(batch *b, bool entered, int regime) {
  if (entered) b->exact->regimes |= UINT64_C(1) << regime;
}

/* --- is a ball narrow enough? --- */

/* A radius of 2^-80 of the scale is, in any dtype: that is quickly seen. */
static bool is_narrow(lp_exact_number *n, lp_dtype dtype, mag_t scratch) {
  if (!arb_is_finite(&n->value) || mag_is_inf(&n->scale)) return false;
  mag_mul_2exp_si(scratch, arb_radref(&n->value), 80);
  return mag_cmp(scratch, &n->scale) <= 0 || lp_exact_is_narrow(&n->value, &n->scale, dtype);
}

static void settle(batch *b, lp_exact_number *n, lp_dtype dtype, mag_t scratch) {
  n->terms = 1;
  b->enough = b->enough && is_narrow(n, dtype, scratch);
}

/* --- the loss --- */

static bool has_paths(const item *i) { return i->q.n_frames > 0 && i->loss_class == 0.0; }

/* A reach in units as a number, enlarged by more than the roundings that it was computed with. */
static void set_reach(mag_t m, double reach, const lp_ctc_unit *unit) {
  mag_set_d(m, reach * (1.0 + 0x1p-20));
  mag_mul_2exp_si(m, m, unit->exponent);
}

/* -log Z, with its scale. */
static void set_loss(lp_exact_number *loss, item *i) {
  loss->class = i->zeroed ? LP_FINITE : lp_classify(i->loss_class);
  loss->terms = 1;
  if (!has_paths(i)) return;
  arb_log(&loss->value, &i->paths.total, i->b->precision);
  arb_neg(&loss->value, &loss->value);
  arb_get_mag(&loss->scale, &loss->value);
  set_reach(&i->size[1], i->paths.total_reach, &i->paths.unit);
  mag_add(&loss->scale, &loss->scale, &i->size[1]);
}

/* n / divisor, which is rounded, unless the divisor is 1. */
static void divide(lp_exact_number *n, int64_t divisor, slong precision, mag_t scratch) {
  if (divisor == 1) return;
  arb_div_si(&n->value, &n->value, divisor, precision);
  mag_div_ui(&n->scale, &n->scale, (ulong)divisor);
  arb_get_mag(scratch, &n->value);
  mag_add(&n->scale, &n->scale, scratch);
}

/* Adds a term of a sum: its size counts, for the partial sums. */
static void add(lp_exact_number *sum, const lp_exact_number *term, slong precision) {
  arb_add(&sum->value, &sum->value, &term->value, precision);
  mag_add(&sum->scale, &sum->scale, &term->scale);
}

static void add_to_sum(item *i) {
  batch *b = i->b;
  lp_exact_number part = {.class = LP_FINITE};
  arb_init(&part.value);
  mag_init(&part.scale);
  set_loss(&part, i);
  divide(&part, length_divisor(i), b->precision, &i->size[1]);
  if (part.class == LP_FINITE) add(&b->exact->outputs[0].numbers[0], &part, b->precision);
  if (!i->zeroed) b->class_of_sum += i->loss_class;
  arb_clear(&part.value);
  mag_clear(&part.scale);
}

static void write_loss(item *i) {
  lp_exact_output *out = &i->b->exact->outputs[0];
  if (is_reduced(i->b->plan)) {
    add_to_sum(i);
  } else {
    set_loss(&out->numbers[i->n], i);
    settle(i->b, &out->numbers[i->n], out->layout.dtype, &i->size[1]);
  }
}

static void finish_sum(batch *b) {
  lp_exact_output *out = &b->exact->outputs[0];
  lp_exact_number *sum = out->numbers;
  const int64_t count = lp_exact_ctc_batch(b->plan);
  mag_t scratch;
  mag_init(scratch);
  if (is_mean(b->plan)) divide(sum, count, b->precision, scratch);
  sum->class = lp_classify(b->class_of_sum);
  if (sum->class != LP_FINITE) arb_zero(&sum->value);
  settle(b, sum, out->layout.dtype, scratch);
  sum->terms = count;
  mag_clear(scratch);
}

/* --- the gradient --- */

static void read_factor(item *i) {
  const lp_case *c = i->b->plan->c;
  const int64_t count = count_divisor(i), length = length_divisor(i);
  const double g = c->has_grad_output ? c->grad_output.f64[is_reduced(i->b->plan) ? 0 : i->n] : 1.0;
  i->upstream = g / (double)count / (double)length;
  arb_set_d(&i->factor, isfinite(g) ? g : 1.0);
  if (isfinite(g) && count > 1) arb_div_si(&i->factor, &i->factor, count, i->b->precision);
  if (isfinite(g) && length > 1) arb_div_si(&i->factor, &i->factor, length, i->b->precision);
  arb_get_mag(&i->size[0], &i->factor);
}

/* The class of a slope, as doubles have it, times an upstream gradient that is no number. NaN where the slope is 0. */
static void apply_special_factor(item *i, lp_exact_number *number, double slope) {
  number->class = lp_classify(slope * i->upstream);
}

/* Overrides a number by the slope that PyTorch has there, when that is an infinity or NaN. */
static void override(lp_exact_number *number, double slope, double upstream) {
  if (!isfinite(slope)) number->class = lp_classify(slope * upstream);
}

static double as_double(const arb_t x) { return arf_get_d(arb_midref(x), ARF_RND_NEAR); }

/* scratch holds P. The posterior has a class of its own, but where a log-probability is -inf it is the definition's: 0.
 */
static void apply_classes(item *i, lp_exact_number *gradient, lp_exact_number *derivative, int64_t t, int64_t c) {
  const double log_prob = lp_exact_ctc_class(&i->q, t, c);
  if (!isfinite(i->upstream)) {
    const double weight = as_double(&i->paths.weights[t * i->q.n_classes + c]), posterior = as_double(&i->scratch);
    apply_special_factor(i, gradient, weight - posterior);
    apply_special_factor(i, derivative, -posterior);
  }
  if (i->posteriors) {
    const double posterior = i->posteriors[t * i->q.n_classes + c];
    override(gradient, exp(log_prob) - posterior, i->upstream);
    if (log_prob != -(double)INFINITY || i->loss_class != 0.0) override(derivative, -posterior, i->upstream);
  }
}

static void clear_if_special(lp_exact_number *n) {
  if (n->class == LP_FINITE) return;
  arb_zero(&n->value);
  mag_zero(&n->scale);
}

/* What P is wrong by, in units of u, into size[2]; size[3] is |P|. */
static void posterior_reach(item *i, int64_t t, int64_t c) {
  const lp_exact_ctc_paths *p = &i->paths;
  const double log_prob = p->logs[t * i->q.n_classes + c], r = lp_ctc_log(&i->size[3], &p->unit);
  const double reach = p->unit.inverse + fabs(r) + fabs(r + log_prob) + p->shares[c].reach + p->total_reach;
  set_reach(&i->size[2], reach, &p->unit);
  mag_mul(&i->size[2], &i->size[2], &i->size[3]);
}

/* scale = |g| reach + (1 + roundings of size |out|) |out| */
static void set_scale(lp_exact_number *number, item *i, const mag_t reach, unsigned roundings) {
  arb_get_mag(&number->scale, &number->value);
  mag_mul_ui(&number->scale, &number->scale, 1 + roundings);
  mag_addmul(&number->scale, &i->size[0], reach);
}

/* A weight or posterior below the smallest normal number N is rounded by u N, at most by itself: that is added. */
static void add_underflow(mag_t reach, const arb_t value, lp_dtype dtype) {
  const double u = lp_dtype_unit_roundoff(dtype), normal = lp_dtype_smallest_subnormal(dtype) / (2.0 * u);
  mag_t share, most;
  if (arb_is_zero(value) || arf_cmpabs_d(arb_midref(value), normal) >= 0) return;
  mag_init(share);
  mag_init(most);
  mag_set_d(share, normal);
  arb_get_mag(most, value);
  mag_mul_2exp_si(most, most, -ilogb(u));
  mag_min(share, share, most);
  mag_add(reach, reach, share);
  mag_clear(share);
  mag_clear(most);
}

/* P: 1 exactly where no other class has a share. Into scratch. */
static void set_posterior(item *i, int64_t c, int64_t only) {
  const arb_struct *share = &i->paths.shares[c].sum;
  if (!has_paths(i) || arb_is_zero(share)) {
    arb_zero(&i->scratch);
  } else if (c == only) {
    arb_one(&i->scratch);
  } else {
    arb_mul(&i->scratch, share, &i->inverse, i->b->precision);
  }
}

static void write_element(item *i, lp_exact_number *gradient, lp_exact_number *derivative, int64_t t, int64_t c,
                          int64_t only) {
  const slong precision = i->b->precision;
  const arb_struct *weight = &i->paths.weights[t * i->q.n_classes + c];
  const unsigned of_factor = is_mean(i->b->plan) ? 2 : 0;
  const lp_dtype dtype = i->b->exact->outputs[1].layout.dtype;
  set_posterior(i, c, only);
  arb_sub(&gradient->value, weight, &i->scratch, precision);
  arb_mul(&gradient->value, &gradient->value, &i->factor, precision);
  arb_mul(&derivative->value, &i->scratch, &i->factor, precision);
  arb_neg(&derivative->value, &derivative->value);
  arb_get_mag(&i->size[3], &i->scratch);
  mag_zero(&i->size[2]);
  if (!mag_is_zero(&i->size[3])) posterior_reach(i, t, c);
  add_underflow(&i->size[2], &i->scratch, dtype);
  set_scale(derivative, i, &i->size[2], 1 + of_factor);
  arb_get_mag(&i->size[1], weight);
  mag_add(&i->size[2], &i->size[2], &i->size[1]);
  add_underflow(&i->size[2], weight, dtype);
  set_scale(gradient, i, &i->size[2], 2 + of_factor);
  settle(i->b, gradient, dtype, &i->size[1]);
  settle(i->b, derivative, dtype, &i->size[1]);
  if (i->posteriors || !isfinite(i->upstream)) apply_classes(i, gradient, derivative, t, c);
  clear_if_special(gradient);
  clear_if_special(derivative);
}

/* The only class with a share, or -1. */
static int64_t only_class(const item *i) {
  int64_t only = -1;
  for (int64_t c = 0; c < i->q.n_classes; c++) {
    if (arb_is_zero(&i->paths.shares[c].sum)) continue;
    if (only >= 0) return -1;
    only = c;
  }
  return only;
}

static void write_gradient(item *i) {
  lp_exact *e = i->b->exact;
  read_factor(i);
  if (has_paths(i)) arb_inv(&i->inverse, &i->paths.total, i->b->precision);
  for (int64_t t = i->q.n_frames - 1; t >= 0; t--) {
    const int64_t row = lp_exact_ctc_offset(i->b->plan, i->n) + t * i->q.stride;
    if (has_paths(i)) lp_exact_ctc_back(&i->paths, t);
    const int64_t only = only_class(i);
    for (int64_t c = 0; c < i->q.n_classes; c++) {
      write_element(i, &e->outputs[1].numbers[row + c], &e->alternative.numbers[row + c], t, c, only);
    }
  }
}

/* --- regimes --- */

static void enter_shape(const item *i) {
  batch *b = i->b;
  const lp_case *c = b->plan->c;
  const int64_t needed = lp_exact_ctc_needed(&i->q), frames = i->q.n_frames, labels = i->q.n_labels;
  const bool padded = c->inputs[LP_EXACT_CTC_TARGETS].rank == 2;
  enter_if(b, padded, PADDED);
  enter_if(b, !padded, CONCATENATED);
  enter_if(b, c->inputs[LP_EXACT_CTC_LOG_PROBS].rank == 2, UNBATCHED);
  enter_if(b, frames < needed, INFEASIBLE);
  enter_if(b, frames == needed && frames > 0, SINGLE_ALIGNMENT);
  enter_if(b, labels == 0, EMPTY_TARGET);
  enter_if(b, frames == 0, ZERO_INPUT_LENGTH);
  enter_if(b, labels == 0 && frames == 0, BOTH_LENGTHS_ZERO);
  enter_if(b, frames < c->inputs[LP_EXACT_CTC_LOG_PROBS].shape[0], FRAMES_PAST_END);
  enter_if(b, padded && labels < c->inputs[LP_EXACT_CTC_TARGETS].shape[1], LABELS_PAST_END);
  enter_if(b, is_mean(b->plan), labels > 0 ? MEAN_BY_LENGTH : MEAN_BY_ONE);
}

static void enter_labels(const item *i) {
  const lp_exact_ctc_sequence *q = &i->q;
  for (int64_t j = 0; j < q->n_labels; j++) {
    if (j > 0) enter_if(i->b, true, q->labels[j] == q->labels[j - 1] ? REPEATS : SKIPS);
    if (q->labels[j] != q->blank) continue;
    enter_if(i->b, true, BLANK_IN_TARGET);
    enter_if(i->b, j + 1 == q->n_labels, BLANK_LAST);
  }
}

static void enter_loss(const item *i) {
  batch *b = i->b;
  const bool infinite = i->loss_class == (double)INFINITY;
  const bool enough_frames = i->q.n_frames >= lp_exact_ctc_needed(&i->q);
  enter_if(b, i->loss_class == 0.0, FEASIBLE);
  enter_if(b, infinite && enough_frames, IMPOSSIBLE);
  enter_if(b, infinite, i->zeroed ? ZEROED : INFINITE_LOSS);
}

/* Does arithmetic in doubles, of exponentials and of their sum, decide whether it is 2^-20 off 1? scratch: sum - 1 */
static void look_at_border(item *i) {
  arf_t border, width;
  arf_init(border);
  arf_init(width);
  arf_abs(border, arb_midref(&i->scratch));
  arf_set_si_2exp_si(width, 1, -20);
  arf_sub(border, border, width, i->b->precision, ARF_RND_DOWN);
  arf_set_si_2exp_si(width, i->q.n_classes + 4, -52);
  if (arf_cmpabs(border, width) <= 0) i->b->exact->near_switches++;
  arf_clear(border);
  arf_clear(width);
}

/* Do the probabilities of the frame add up to 1, up to 2^-20? */
static bool is_normalised(item *i, int64_t t) {
  const arb_struct *row = i->paths.weights + t * i->q.n_classes;
  bool numbers = true;
  arb_set_si(&i->scratch, -1);
  for (int64_t c = 0; c < i->q.n_classes; c++) {
    const double special = lp_exact_ctc_class(&i->q, t, c);
    numbers = numbers && (special == 0.0 || special == -(double)INFINITY);
    arb_add(&i->scratch, &i->scratch, &row[c], i->b->precision);
  }
  if (numbers) look_at_border(i);
  return numbers && arf_cmpabs_2exp_si(arb_midref(&i->scratch), -20) < 0;
}

static void enter_numbers(item *i) {
  batch *b = i->b;
  bool odd = false;
  for (int64_t t = 0; t < i->q.n_frames; t++) {
    for (int64_t c = 0; c < i->q.n_classes; c++) {
      const double special = lp_exact_ctc_class(&i->q, t, c);
      const arf_struct *weight = arb_midref(&i->paths.weights[t * i->q.n_classes + c]);
      odd = odd || isnan(special) || special > 0.0;
      enter_if(b, isnan(special), NOT_A_NUMBER);
      if (special != 0.0 && !isnan(special)) enter_if(b, true, special > 0.0 ? POS_INF : NEG_INF);
      enter_if(b, arf_cmp_d(weight, DBL_MAX) > 0, EXP_OVERFLOW);
      enter_if(b, special == 0.0 && arf_cmp_2exp_si(weight, -1022) < 0, EXP_UNDERFLOW);
    }
    enter_if(b, true, is_normalised(i, t) ? NORMALISED : UNNORMALISED);
  }
  enter_if(b, odd && i->loss_class == 0.0, NAN_OUTSIDE);
}

/* --- a sequence --- */

static void init_item(item *i) {
  arb_init(&i->factor);
  arb_init(&i->inverse);
  arb_init(&i->scratch);
  for (int k = 0; k < 4; k++) mag_init(&i->size[k]);
}

static void clear_item(item *i) {
  arb_clear(&i->factor);
  arb_clear(&i->inverse);
  arb_clear(&i->scratch);
  for (int k = 0; k < 4; k++) mag_clear(&i->size[k]);
  free(i->posteriors);
}

static bool is_suspect(const item *i) {
  bool special = arb_is_zero(&i->paths.total);
  for (int64_t t = 0; t < i->q.n_frames; t++) {
    for (int64_t c = 0; c < i->q.n_classes; c++) special = special || lp_exact_ctc_class(&i->q, t, c) != 0.0;
  }
  return special;
}

static lp_status classify(item *i, lp_error *error) {
  const bool gradient = !i->b->options->value_only;
  if (!is_suspect(i)) return LP_OK;
  if (gradient) i->posteriors = malloc((size_t)(i->q.n_frames * i->q.n_classes) * sizeof *i->posteriors);
  if (gradient && !i->posteriors) return lp_fail(error, LP_NO_MEMORY, "out of memory for the exact value");
  LP_TRY(lp_exact_ctc_classify(&i->loss_class, i->posteriors, &i->q, error));
  if (isfinite(i->loss_class)) i->loss_class = 0.0;
  return LP_OK;
}

static void write_outputs(item *i) {
  const bool gradient = !i->b->options->value_only;
  i->zeroed = i->b->plan->c->params[LP_EXACT_CTC_ZERO_INFINITY] != 0.0 && i->loss_class == (double)INFINITY;
  write_loss(i);
  if (gradient && !i->zeroed) write_gradient(i);
  enter_shape(i);
  enter_labels(i);
  enter_loss(i);
  if (gradient) enter_numbers(i);
}

static lp_status evaluate_frames(item *i, lp_error *error) {
  batch *b = i->b;
  const lp_dtype dtype = b->exact->outputs[0].layout.dtype;
  LP_TRY(lp_exact_ctc_paths_init(&i->paths, &i->q, dtype, b->precision, !b->options->value_only, error));
  lp_status status = LP_OK;
  if (i->paths.accurate || b->precision >= LP_EXACT_PRECISION_MAX) {
    lp_exact_ctc_forward(&i->paths);
    status = classify(i, error);
    if (status == LP_OK) write_outputs(i);
  } else {
    b->enough = false;
  }
  lp_exact_ctc_paths_clear(&i->paths);
  return status;
}

static lp_status evaluate_item(batch *b, int64_t n, lp_error *error) {
  item i = {.b = b, .n = n, .q = lp_exact_ctc_read(b->plan, b->options, n)};
  lp_status status = LP_OK;
  init_item(&i);
  if (i.q.n_frames > 0) {
    status = evaluate_frames(&i, error);
  } else {
    i.loss_class = i.q.n_labels > 0 ? (double)INFINITY : 0.0;
    write_outputs(&i);
  }
  clear_item(&i);
  return status;
}

static lp_status evaluate(lp_exact *exact, const lp_plan *plan, const lp_exact_options *options, slong precision,
                          bool *enough, lp_error *error) {
  batch b = {.exact = exact, .plan = plan, .options = options, .precision = precision, .enough = true};
  for (int64_t n = 0; b.enough && n < lp_exact_ctc_batch(plan); n++) LP_TRY(evaluate_item(&b, n, error));
  if (is_reduced(plan)) finish_sum(&b);
  *enough = b.enough;
  return LP_OK;
}

const lp_exact_loss lp_exact_ctc = {
    .name = "ctc",
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .weight = -1,
    .evaluate = evaluate,
};
