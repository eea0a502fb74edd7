#include "reference/ctc_scale.h"

#include <float.h>

/* One term of a log-sum-exp: its value, relative to the shifts of its frames, its logarithm, and the scale of that. */
typedef struct term {
  lp_wide value;
  double log, scale;
} term;

/* Up to three terms that are not zero, and their sum. */
typedef struct merger {
  term terms[3];
  int n;
  lp_wide sum;
} merger;

/* The logarithms of a row of forward or backward sums, with their scales. */
typedef struct row {
  double *logs, *scales;
} row;

/* Everything about the frame that the gradient's scale is computed for. */
typedef struct frame {
  lp_ctc_lattice *lattice;
  const double *forward_scale; /* of log forward[t][s], at [s] */
  row entered;                 /* of frame t+1 before the frame and frame t after it */
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

static double log_weight(const lp_ctc_sequence *q, int64_t t, int64_t s) {
  return q->log_probs[t * q->stride + lp_ctc_class(q, s)];
}

static void add_term(merger *m, lp_wide value, const row *from, int64_t s) {
  if (lp_wide_is_zero(value)) return;
  m->terms[m->n++] = (term){value, from->logs[s], from->scales[s]};
  m->sum = lp_wide_add(m->sum, value);
}

/* The scale of `merged` = log sum exp(a_i) = log(sum exp(a_i - most)) + most: |merged| + |log(sum)| + 1 for the sum +
 * shares of (1 for exp + |a_i - most| + the scale of a_i). */
static double merged_scale(const merger *m, double merged) {
  double most = m->terms[0].log;
  for (int i = 1; i < m->n; i++) most = fmax(most, m->terms[i].log);
  double scale = fabs(merged) + fabs(merged - most) + 2.0;
  for (int i = 0; i < m->n; i++) {
    const term *a = &m->terms[i];
    scale += weigh(ratio(a->value, m->sum), a->scale + (most - a->log));
  }
  return scale;
}

/* Sets a row's element to the merged sum times a weight: 1 for the weight, and the sum of their logarithms. */
static void enter(row *to, int64_t s, const merger *m, double shift, double log_of_weight) {
  const double merged = log_of(m->sum) + shift;
  to->logs[s] = merged + log_of_weight;
  to->scales[s] = 1.0 + fabs(to->logs[s]) + merged_scale(m, merged);
}

/* The same where there is nothing to merge: the weight alone. */
static void begin(row *to, int64_t s, double log_of_weight) {
  to->logs[s] = log_of_weight;
  to->scales[s] = 1.0 + fabs(log_of_weight);
}

size_t lp_ctc_scale_size(int64_t n_frames, int64_t n_labels, int64_t n_classes) {
  return (size_t)(n_frames + 2) * (size_t)(2 * n_labels + 1) + 3 * (size_t)n_classes;
}

/* Frame t from frame t-1. Descending, so that the logarithms can be replaced in place. Zeros are never looked at. */
static void step_forward(row *now, const row *before, const lp_ctc_lattice *lattice, int64_t t, double shift) {
  const lp_wide *values = lattice->forward + t * lattice->row, *earlier = values - lattice->row;
  for (int64_t s = (int64_t)lattice->last[t]; s >= (int64_t)lattice->first[t]; s--) {
    merger m = {.sum = lp_wide_zero()};
    if (lp_wide_is_zero(values[s])) continue;
    add_term(&m, earlier[s], before, s);
    if (s > 0) add_term(&m, earlier[s - 1], before, s - 1);
    if (lp_ctc_skips(lattice->q, s)) add_term(&m, earlier[s - 2], before, s - 2);
    enter(now, s, &m, shift, log_weight(lattice->q, t, s));
  }
}

/* Leaves the scales of frame t at scales[t * n_states], and the logarithms of the last frame. */
static row forward_rows(const lp_ctc_lattice *lattice, double *scales, double *logs) {
  const lp_ctc_sequence *q = lattice->q;
  row now = {logs, scales};
  double shift = lattice->shift[0];
  for (int64_t s = 0; s <= (int64_t)lattice->last[0]; s++) begin(&now, s, log_weight(q, 0, s));
  for (int64_t t = 1; t < q->n_frames; t++) {
    const row before = now;
    now.scales += lp_ctc_states(q);
    step_forward(&now, &before, lattice, t, shift);
    shift += lattice->shift[t];
  }
  return now;
}

double lp_ctc_loss_scale(const lp_ctc_lattice *lattice, double *scratch) {
  const lp_ctc_sequence *q = lattice->q;
  if (q->n_frames == 0) return 0.0;
  const int64_t end = lp_ctc_states(q) - 1;
  const row final = forward_rows(lattice, scratch, scratch + q->n_frames * (end + 1));
  const lp_wide *last = lattice->forward + (q->n_frames - 1) * lattice->row;
  const double log_total = lp_ctc_log_total(lattice);
  if (end == 0) return fmin(fabs(log_total) + final.scales[0], DBL_MAX);
  merger m = {.sum = lp_wide_zero()};
  add_term(&m, last[end], &final, end);
  add_term(&m, last[end - 1], &final, end - 1);
  return fmin(fabs(log_total) + merged_scale(&m, log_total), DBL_MAX);
}

/* In place: states s+1 and s+2 still hold the later frame. */
static void step_back(frame *f) {
  const lp_ctc_lattice *lattice = f->lattice;
  const lp_ctc_sequence *q = lattice->q;
  const int64_t last = (int64_t)lattice->last[f->t];
  for (int64_t s = (int64_t)lattice->first[f->t]; s <= last; s++) {
    merger m = {.sum = lp_wide_zero()};
    if (f->t + 1 == q->n_frames) {
      begin(&f->entered, s, log_weight(q, f->t, s));
      continue;
    }
    add_term(&m, lattice->entered[s], &f->entered, s);
    if (s + 1 < lp_ctc_states(q)) add_term(&m, lattice->entered[s + 1], &f->entered, s + 1);
    if (lp_ctc_skips(q, s + 2)) add_term(&m, lattice->entered[s + 2], &f->entered, s + 2);
    if (m.n > 0) enter(&f->entered, s, &m, f->after - lattice->shift[f->t], log_weight(q, f->t, s));
  }
}

/* Adds a state to the sum of its class: PyTorch's collected = log(exp(collected) + exp(alpha + beta)), where the
 * class's weight counts twice. */
static void collect(frame *f, int64_t s) {
  const lp_ctc_lattice *lattice = f->lattice;
  const lp_wide share = lp_wide_multiply(lattice->forward[f->t * lattice->row + s], lattice->onward[s]);
  if (lp_wide_is_zero(share)) return;
  const int64_t c = lp_ctc_class(lattice->q, s);
  const double shift = f->before + f->after + log_weight(lattice->q, f->t, s);
  const lp_wide sum = lp_wide_add(f->shares[c], share);
  const double reach = fabs(log_of(share) + shift) + f->forward_scale[s] + f->entered.scales[s];
  f->class_scale[c] = weigh(ratio(f->shares[c], sum), f->class_scale[c]) + weigh(ratio(share, sum), reach) +
                      fabs(log_of(sum) + shift) + 3.0;
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
  const double log_prob = fmin(q->log_probs[f->t * q->stride + c], DBL_MAX);
  const lp_wide weight = lp_wide_exp(log_prob, 0.0);
  const lp_wide posterior = lp_wide_divide(f->shares[c], f->sum), minus = {-posterior.m, posterior.level};
  const double g = fabs(upstream), slope = fabs(lp_wide_times(lp_wide_add(weight, minus), g));
  const double outside = 3.0 * slope + lp_wide_times(weight, g);
  if (lp_wide_is_zero(posterior)) return outside;
  const double log_posterior = log_of(posterior);
  const double reach = fabs(log_posterior) + fabs(log_posterior + log_prob) + f->class_scale[c] + loss_scale + 1.0;
  return outside + lp_wide_times(posterior, g) * reach;
}

void lp_ctc_gradient_scale(double *scale, lp_ctc_lattice *lattice, double loss_scale, double upstream,
                           double *scratch) {
  const lp_ctc_sequence *q = lattice->q;
  const int64_t n_states = lp_ctc_states(q);
  double *rest = scratch + q->n_frames * n_states;
  frame f = {.lattice = lattice, .entered = {rest, rest + n_states}, .class_scale = rest + 2 * n_states};
  f.shares = (lp_wide *)(void *)(f.class_scale + q->n_classes);
  for (int64_t t = 0; t < q->n_frames; t++) f.before += lattice->shift[t];
  for (int64_t t = q->n_frames - 1; t >= 0; t--) {
    f.t = t;
    f.before -= lattice->shift[t];
    f.after += lattice->shift[t];
    f.forward_scale = scratch + t * n_states;
    lp_ctc_step_back(lattice, t);
    step_back(&f);
    collect_frame(&f);
    for (int64_t c = 0; c < q->n_classes; c++) {
      const double element = element_scale(&f, c, loss_scale, upstream);
      scale[t * q->stride + c] = fmin(element, DBL_MAX);
    }
  }
}
