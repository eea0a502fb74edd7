#include "reference/exact/ctc_ieee.h"

#include <math.h>
#include <stdlib.h>

static const double nothing = -(double)INFINITY;

/* log(exp(a) + exp(b) + exp(c)) about their maximum, 0 when that is -inf: inf - inf is NaN. */
static double merge(double a, double b, double c) {
  double most = a;
  if (b > most) most = b;
  if (c > most) most = c;
  if (most == nothing) most = 0.0;
  return log(exp(a - most) + exp(b - most) + exp(c - most)) + most;
}

static double log_prob(const lp_exact_ctc_sequence *q, int64_t t, int64_t s) {
  return lp_exact_ctc_class(q, t, lp_exact_ctc_label(q, s));
}

static void begin(double *alpha, const lp_exact_ctc_sequence *q) {
  for (int64_t s = 0; s < lp_exact_ctc_states(q); s++) alpha[s] = s < 2 ? log_prob(q, 0, s) : nothing;
}

static void step(double *alpha, const double *before, const lp_exact_ctc_sequence *q, int64_t t) {
  for (int64_t s = 0; s < lp_exact_ctc_states(q); s++) {
    const double from_blank = s > 0 ? before[s - 1] : nothing;
    const double skipping = lp_exact_ctc_may_skip_to(q, s) ? before[s - 2] : nothing;
    alpha[s] = merge(before[s], from_blank, skipping) + log_prob(q, t, s);
  }
}

/* An empty target has one last state, and nothing to merge. */
static double loss_of(const double *last, const lp_exact_ctc_sequence *q) {
  const int64_t end = lp_exact_ctc_states(q) - 1;
  return end == 0 ? -last[0] : -merge(last[end], last[end - 1], nothing);
}

/* In place, ascending: states s+1 and s+2 still hold the later frame. */
static void step_back(double *beta, const lp_exact_ctc_sequence *q, int64_t t) {
  const int64_t n_states = lp_exact_ctc_states(q);
  for (int64_t s = 0; s < n_states; s++) {
    const double next = s + 1 < n_states ? beta[s + 1] : nothing;
    const double skipping = lp_exact_ctc_may_skip_to(q, s + 2) ? beta[s + 2] : nothing;
    beta[s] = merge(beta[s], next, skipping) + log_prob(q, t, s);
  }
}

static void collect(double *sum, double both) {
  if (*sum == nothing) {
    *sum = both;
  } else {
    const double most = *sum < both ? both : *sum;
    *sum = log(exp(*sum - most) + exp(both - most)) + most;
  }
}

/* The last frame: the last blank first, and over it the last label, also when that is the same class. */
static void end_with(double *beta, double *collected, const double *alpha, const lp_exact_ctc_sequence *q) {
  const int64_t n_states = lp_exact_ctc_states(q);
  for (int64_t s = 0; s < n_states; s++) beta[s] = nothing;
  for (int64_t s = n_states - 1; s >= 0 && s >= n_states - 2; s--) {
    beta[s] = log_prob(q, q->n_frames - 1, s);
    collected[lp_exact_ctc_label(q, s)] = alpha[s] + beta[s];
  }
}

static void posteriors(double *row, double *beta, const double *alpha, const lp_exact_ctc_sequence *q, int64_t t,
                       double loss) {
  for (int64_t c = 0; c < q->n_classes; c++) row[c] = nothing;
  if (t == q->n_frames - 1) {
    end_with(beta, row, alpha, q);
  } else {
    step_back(beta, q, t);
    for (int64_t s = lp_exact_ctc_states(q) - 1; s >= 0; s--) {
      collect(&row[lp_exact_ctc_label(q, s)], alpha[s] + beta[s]);
    }
  }
  for (int64_t c = 0; c < q->n_classes; c++) row[c] = exp(row[c] + loss - lp_exact_ctc_class(q, t, c));
}

lp_status lp_exact_ctc_classify(double *loss, double *posterior, const lp_exact_ctc_sequence *q, lp_error *error) {
  const int64_t n_states = lp_exact_ctc_states(q);
  double *alpha = calloc((size_t)(q->n_frames + 1) * (size_t)n_states, sizeof *alpha);
  if (!alpha) return lp_fail(error, LP_NO_MEMORY, "out of memory for the exact value");
  begin(alpha, q);
  for (int64_t t = 1; t < q->n_frames; t++) step(alpha + t * n_states, alpha + (t - 1) * n_states, q, t);
  double *beta = alpha + q->n_frames * n_states;
  *loss = loss_of(beta - n_states, q);
  for (int64_t t = q->n_frames - 1; posterior && t >= 0; t--) {
    posteriors(posterior + t * q->n_classes, beta, alpha + t * n_states, q, t, *loss);
  }
  free(alpha);
  return LP_OK;
}
