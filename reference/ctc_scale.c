#include "reference/ctc_scale.h"

#include <float.h>

/* One term of a log-sum-exp: its value and the scale of its logarithm. */
typedef struct term {
  lp_wide value;
  double scale;
} term;

/* Up to three terms and their sum. */
typedef struct merger {
  term terms[3];
  int n;
  lp_wide sum;
} merger;

/* Everything about the frame that the gradient's scale is computed for. */
typedef struct frame {
  lp_ctc_lattice *lattice;
  const double *forward_scale; /* of log forward[t][s], at [s] */
  double *onward_scale;        /* of log entered[s], frame t+1 before the frame and frame t after it */
  lp_wide *shares;             /* of each class: the sum over its states */
  double *class_scale;         /* of each class: the scale of the logarithm of its sum */
  lp_wide sum;                 /* of the shares */
  int64_t t;
  double before, after; /* sums of the shifts of the frames before t, and from t on */
} frame;

static double log_of(lp_wide a) { return lp_wide_log(a).high; }

static double ratio(lp_wide a, lp_wide b) { return lp_wide_times(lp_wide_divide(a, b), 1.0); }

/* x * y where 0 * inf is 0: a share of nothing weighs nothing. */
static double weigh(double share, double x) { return share > 0.0 ? share * x : 0.0; }

static void add_term(merger *m, lp_wide value, double scale) {
  m->terms[m->n++] = (term){value, scale};
  m->sum = lp_wide_add(m->sum, value);
}

/* The scale of log sum exp(a_i) = log(sum exp(a_i - max)) + max, of which `shift` is the part that the values leave
 * out: |result| + |log(sum)| + 1 for the sum + shares of (1 for exp + |a_i - max| + the scale of a_i). */
static double merged_scale(const merger *m, double shift) {
  lp_wide most = m->terms[0].value;
  for (int i = 1; i < m->n; i++) {
    const lp_wide value = m->terms[i].value;
    if (value.level > most.level || (value.level == most.level && value.m > most.m)) most = value;
  }
  double scale = fabs(log_of(m->sum) + shift) + log_of(lp_wide_divide(m->sum, most)) + 2.0;
  for (int i = 0; i < m->n; i++) {
    const term *a = &m->terms[i];
    if (lp_wide_is_zero(a->value)) continue;
    scale += weigh(ratio(a->value, m->sum), a->scale - log_of(lp_wide_divide(a->value, most)));
  }
  return scale;
}

/* Of a product of a weight and a merged sum: 1 for the weight, and the sum of their logarithms. */
static double entered_scale(const merger *m, lp_wide product, double shift_of_sum, double shift_of_product) {
  if (lp_wide_is_zero(product)) return 0.0;
  return 1.0 + fabs(log_of(product) + shift_of_product) + merged_scale(m, shift_of_sum);
}

size_t lp_ctc_scale_size(int64_t n_frames, int64_t n_labels, int64_t n_classes) {
  return (size_t)(n_frames + 1) * (size_t)(2 * n_labels + 1) + 3 * (size_t)n_classes;
}

/* One forward sum and its scale; the first frame has nothing to merge. */
static double forward_scale(const lp_ctc_lattice *lattice, const double *before, int64_t t, int64_t s, double shift) {
  const lp_wide *row = lattice->forward + t * lattice->row;
  if (lp_wide_is_zero(row[s])) return 0.0;
  const double with_weight = shift + lattice->shift[t];
  if (t == 0) return 1.0 + fabs(log_of(row[s]) + with_weight);
  const lp_wide *last_row = row - lattice->row;
  merger m = {.sum = lp_wide_zero()};
  add_term(&m, last_row[s], before[s]);
  if (s > 0) add_term(&m, last_row[s - 1], before[s - 1]);
  if (lp_ctc_skips(lattice->q, s)) add_term(&m, last_row[s - 2], before[s - 2]);
  return entered_scale(&m, row[s], shift, with_weight);
}

/* Outside the band states are never merged with a weight, so that their scale is not read; 0 keeps them defined. */
static void forward_scales(double *scales, const lp_ctc_lattice *lattice) {
  const int64_t n_states = lp_ctc_states(lattice->q);
  double shift = 0.0;
  for (int64_t t = 0; t < lattice->q->n_frames; t++) {
    double *now = scales + t * n_states;
    for (int64_t s = 0; s < n_states; s++) {
      const bool inside = s >= (int64_t)lattice->first[t] && s <= (int64_t)lattice->last[t];
      now[s] = inside ? forward_scale(lattice, now - n_states, t, s, shift) : 0.0;
    }
    shift += lattice->shift[t];
  }
}

double lp_ctc_loss_scale(const lp_ctc_lattice *lattice, double *scratch) {
  const lp_ctc_sequence *q = lattice->q;
  if (q->n_frames == 0) return 0.0;
  forward_scales(scratch, lattice);
  const int64_t end = lp_ctc_states(q) - 1;
  const lp_wide *last = lattice->forward + (q->n_frames - 1) * lattice->row;
  const double *scales = scratch + (q->n_frames - 1) * (end + 1), log_total = lp_ctc_log_total(lattice);
  if (end == 0) return fmin(fabs(log_total) + scales[0], DBL_MAX);
  merger m = {.sum = lp_wide_zero()};
  add_term(&m, last[end], scales[end]);
  add_term(&m, last[end - 1], scales[end - 1]);
  return fmin(fabs(log_total) + merged_scale(&m, log_total - log_of(lattice->total)), DBL_MAX);
}

/* The scales of log entered, in place: states s+1 and s+2 still hold the later frame. */
static void step_scales_back(const frame *f) {
  const lp_ctc_lattice *lattice = f->lattice;
  double *scales = f->onward_scale;
  const bool last_frame = f->t + 1 == lattice->q->n_frames;
  const int64_t last = (int64_t)lattice->last[f->t];
  for (int64_t s = (int64_t)lattice->first[f->t]; s <= last; s++) {
    const lp_wide product = lp_wide_multiply(lp_ctc_emission(lattice, f->t, s), lattice->onward[s]);
    merger m = {.sum = lp_wide_zero()};
    for (int64_t i = s; i <= s + 2 && i < lp_ctc_states(lattice->q); i++) {
      if (i < s + 2 || lp_ctc_skips(lattice->q, i)) add_term(&m, lattice->entered[i], last_frame ? 0.0 : scales[i]);
    }
    const double with_weight = log_of(product) + f->after;
    if (last_frame) {
      scales[s] = lp_wide_is_zero(product) ? 0.0 : 1.0 + fabs(with_weight);
    } else {
      scales[s] = entered_scale(&m, product, f->after - lattice->shift[f->t], f->after);
    }
  }
}

/* Adds a state to the sum of its class: PyTorch's collected = log(exp(collected) + exp(alpha + beta)). */
static void collect(frame *f, int64_t s) {
  const lp_ctc_lattice *lattice = f->lattice;
  const lp_wide share = lp_wide_multiply(lattice->forward[f->t * lattice->row + s], lattice->onward[s]);
  if (lp_wide_is_zero(share)) return;
  const int64_t c = lp_ctc_class(lattice->q, s);
  const double log_weight = lattice->q->log_probs[f->t * lattice->q->stride + c], shift = f->before + f->after;
  const lp_wide sum = lp_wide_add(f->shares[c], share);
  const double reach = fabs(log_of(share) + shift + log_weight) + f->forward_scale[s] + f->onward_scale[s];
  f->class_scale[c] = weigh(ratio(f->shares[c], sum), f->class_scale[c]) + weigh(ratio(share, sum), reach) +
                      fabs(log_of(sum) + shift + log_weight) + 3.0;
  f->shares[c] = sum;
  f->sum = lp_wide_add(f->sum, share);
}

static void collect_frame(frame *f) {
  const lp_ctc_lattice *lattice = f->lattice;
  f->sum = lp_wide_zero();
  for (int64_t c = 0; c < lattice->q->n_classes; c++) f->shares[c] = lp_wide_zero();
  for (int64_t c = 0; c < lattice->q->n_classes; c++) f->class_scale[c] = 0.0;
  const int64_t last = (int64_t)lattice->last[f->t];
  for (int64_t s = (int64_t)lattice->first[f->t]; s <= last; s++) collect(f, s);
}

/* |out|, the product g * slope and the slope have the size of the output; exp(lp) and the posterior, which is the
 * exponential of log posterior = (collected + loss) - lp, carry g. A log_prob that is no number has no finite output.
 */
static double element_scale(const frame *f, int64_t c, double loss_scale, double upstream) {
  const lp_ctc_sequence *q = f->lattice->q;
  const double log_weight = fmin(q->log_probs[f->t * q->stride + c], DBL_MAX);
  const lp_wide weight = lp_wide_exp(log_weight, 0.0);
  const lp_wide posterior = lp_wide_divide(f->shares[c], f->sum), minus = {-posterior.m, posterior.level};
  const double g = fabs(upstream), slope = fabs(lp_wide_times(lp_wide_add(weight, minus), g));
  const double outside = 3.0 * slope + lp_wide_times(weight, g);
  if (lp_wide_is_zero(posterior)) return outside;
  const double log_posterior = log_of(posterior);
  const double reach = fabs(log_posterior) + fabs(log_posterior + log_weight) + f->class_scale[c] + loss_scale + 1.0;
  return outside + lp_wide_times(posterior, g) * reach;
}

void lp_ctc_gradient_scale(double *scale, lp_ctc_lattice *lattice, double loss_scale, double upstream,
                           double *scratch) {
  const lp_ctc_sequence *q = lattice->q;
  const int64_t n_states = lp_ctc_states(q);
  double *rest = scratch + q->n_frames * n_states;
  frame f = {.lattice = lattice, .onward_scale = rest, .class_scale = rest + n_states};
  f.shares = (lp_wide *)(void *)(rest + n_states + q->n_classes);
  for (int64_t t = 0; t < q->n_frames; t++) f.before += lattice->shift[t];
  for (int64_t t = q->n_frames - 1; t >= 0; t--) {
    f.t = t;
    f.before -= lattice->shift[t];
    f.after += lattice->shift[t];
    f.forward_scale = scratch + t * n_states;
    lp_ctc_step_back(lattice, t);
    step_scales_back(&f);
    collect_frame(&f);
    for (int64_t c = 0; c < q->n_classes; c++) {
      const double element = element_scale(&f, c, loss_scale, upstream);
      scale[t * q->stride + c] = fmin(element, DBL_MAX);
    }
  }
}
