#include "reference/ctc_classes.h"

size_t lp_ctc_classes_size(int64_t n_frames, int64_t n_labels, int64_t n_classes) {
  return (size_t)(n_frames + 1) * (size_t)(2 * n_labels + 1) + (size_t)n_classes;
}

static double class_of(double x) { return isfinite(x) ? 0.0 : x; }

static double log_prob_class(const lp_ctc_sequence *q, int64_t t, int64_t s) {
  return class_of(q->log_probs[t * q->stride + lp_ctc_class(q, s)]);
}

/* log(exp(a - m) + exp(b - m)) + m with m = max(a, b), or 0 when that is -inf: m = +inf gives inf - inf. */
static double merge(double a, double b) {
  if (isnan(a) || isnan(b)) return (double)NAN;
  const double m = fmax(a, b);
  return m == (double)INFINITY ? (double)NAN : m;
}

/* merge of three is merge of merges: NaN and +inf both end as NaN. */
static void step_forward(double *now, const double *before, const lp_ctc_sequence *q, int64_t t) {
  for (int64_t s = 0; s < lp_ctc_states(q); s++) {
    double sum = merge(before[s], s > 0 ? before[s - 1] : -(double)INFINITY);
    if (lp_ctc_skips(q, s)) sum = merge(sum, before[s - 2]);
    now[s] = sum + log_prob_class(q, t, s);
  }
}

double lp_ctc_loss_class(const lp_ctc_sequence *q, double *scratch) {
  const int64_t n_states = lp_ctc_states(q);
  if (q->n_frames == 0) return (double)INFINITY;
  for (int64_t s = 0; s < n_states; s++) scratch[s] = s < 2 ? log_prob_class(q, 0, s) : -(double)INFINITY;
  for (int64_t t = 1; t < q->n_frames; t++) {
    step_forward(scratch + t * n_states, scratch + (t - 1) * n_states, q, t);
  }
  const double *last = scratch + q->n_frames * n_states - 1;
  return q->n_labels == 0 ? -last[0] : -merge(last[0], last[-1]);
}

/* In place: states s+1 and s+2 still hold the later frame. */
static void step_back(double *now, const lp_ctc_sequence *q, int64_t t) {
  const int64_t n_states = lp_ctc_states(q);
  for (int64_t s = 0; s < n_states; s++) {
    double sum = merge(now[s], s + 1 < n_states ? now[s + 1] : -(double)INFINITY);
    if (lp_ctc_skips(q, s + 2)) sum = merge(sum, now[s + 2]);
    now[s] = sum + log_prob_class(q, t, s);
  }
}

/* The last frame: PyTorch writes the last blank, then the last label over it when the two are the same class. */
static void start_back(double *backward, double *collected, const double *forward, const lp_ctc_sequence *q) {
  const int64_t n_states = lp_ctc_states(q), t = q->n_frames - 1;
  for (int64_t s = 0; s < n_states; s++) backward[s] = -(double)INFINITY;
  for (int64_t s = n_states - 1; s >= 0 && s >= n_states - 2; s--) {
    backward[s] = log_prob_class(q, t, s);
    collected[lp_ctc_class(q, s)] = forward[s] + backward[s];
  }
}

static void collect(double *collected, const double *forward, const double *backward, const lp_ctc_sequence *q) {
  for (int64_t s = lp_ctc_states(q) - 1; s >= 0; s--) {
    double *sum = &collected[lp_ctc_class(q, s)];
    *sum = merge(*sum, forward[s] + backward[s]);
  }
}

static void mark_frame(double *grad, const double *log_probs, const double *collected, const lp_ctc_sequence *q,
                       double loss_class, double upstream) {
  for (int64_t c = 0; c < q->n_classes; c++) {
    const double lp = class_of(log_probs[c]);
    const double slope = exp(lp) - exp(collected[c] + loss_class - lp);
    if (!isfinite(slope)) grad[c] = slope * upstream;
  }
}

void lp_ctc_mark_classes(double *grad, const lp_ctc_sequence *q, double loss_class, double upstream, double *scratch) {
  const int64_t n_states = lp_ctc_states(q);
  double *backward = scratch + q->n_frames * n_states, *collected = backward + n_states;
  for (int64_t t = q->n_frames - 1; t >= 0; t--) {
    const double *forward = scratch + t * n_states;
    for (int64_t c = 0; c < q->n_classes; c++) collected[c] = -(double)INFINITY;
    if (t == q->n_frames - 1) {
      start_back(backward, collected, forward, q);
    } else {
      step_back(backward, q, t);
      collect(collected, forward, backward, q);
    }
    mark_frame(grad + t * q->stride, q->log_probs + t * q->stride, collected, q, loss_class, upstream);
  }
}
