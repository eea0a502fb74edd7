/* ctc in the domain of logarithms: forward and backward sums by log-sum-exp, the gradient as exp(log_probs) less the
 * posterior. */
#include <math.h>

#include "harness/plain/plain_run.h"

enum { LOG_PROBS, TARGETS, INPUT_LENGTHS, TARGET_LENGTHS };
enum { BLANK, ZERO_INFINITY };
enum { FRAMES, BATCH, CLASSES }; /* plan->extent */

/* One sequence. States are blank, label 0, blank, label 1 ... blank. */
typedef struct sequence {
  plain_run *run;
  int64_t n; /* in the batch */
  int64_t n_frames, n_labels, n_states;
  const int64_t *labels;
  double *forward, *backward; /* a row of states for every frame */
  double *terms;
} sequence;

static const double never = -INFINITY;

static int64_t class_of(const sequence *q, int64_t s) {
  return s % 2 ? q->labels[s / 2] : (int64_t)q->run->plan->c->params[BLANK];
}

/* Is state s entered from s - 2? */
static bool skips(const sequence *q, int64_t s) {
  return s >= 2 && s % 2 == 1 && q->labels[s / 2] != q->labels[s / 2 - 1];
}

static int64_t element_of(const sequence *q, int64_t t, int64_t class) {
  return (t * q->run->plan->extent[BATCH] + q->n) * q->run->plan->extent[CLASSES] + class;
}

static double log_prob(const sequence *q, int64_t t, int64_t class) {
  return plain_element(q->run, LOG_PROBS, element_of(q, t, class));
}

static double log_sum_exp(plain_arith *a, double *x, int64_t n) {
  double most = never;
  for (int64_t i = 0; i < n; i++) most = fmax(most, x[i]);
  if (most == never) return never;
  for (int64_t i = 0; i < n; i++) x[i] = plain_small_exp(a, plain_subtract(a, x[i], most));
  return plain_add(a, plain_log(a, plain_sum(a, x, n)), most);
}

static double at_state(const double *row, const sequence *q, int64_t s) {
  return s >= 0 && s < q->n_states ? row[s] : never;
}

static void set_forward(const sequence *q) {
  plain_arith *a = &q->run->arith;
  for (int64_t t = 0; t < q->n_frames; t++) {
    double *row = q->forward + t * q->n_states;
    const double *last = t > 0 ? row - q->n_states : NULL;
    for (int64_t s = 0; s < q->n_states; s++) {
      double from[3] = {!last && s < 2 ? 0.0 : never, never, never};
      if (last) from[0] = last[s];
      if (last) from[1] = at_state(last, q, s - 1);
      if (last && skips(q, s)) from[2] = last[s - 2];
      row[s] = plain_add(a, log_sum_exp(a, from, 3), log_prob(q, t, class_of(q, s)));
    }
  }
}

static void set_backward(const sequence *q) {
  plain_arith *a = &q->run->arith;
  for (int64_t t = q->n_frames - 1; t >= 0; t--) {
    double *row = q->backward + t * q->n_states;
    const double *next = t + 1 < q->n_frames ? row + q->n_states : NULL;
    for (int64_t s = 0; s < q->n_states; s++) {
      double to[3] = {!next && s >= q->n_states - 2 ? 0.0 : never, never, never};
      if (next) to[0] = next[s];
      if (next) to[1] = at_state(next, q, s + 1);
      if (next && s + 2 < q->n_states && skips(q, s + 2)) to[2] = next[s + 2];
      row[s] = plain_add(a, log_sum_exp(a, to, 3), log_prob(q, t, class_of(q, s)));
    }
  }
}

/* log of the sum over all alignments. */
static double log_total(const sequence *q) {
  if (q->n_frames == 0) return q->n_labels == 0 ? 0.0 : never;
  const double *row = q->forward + (q->n_frames - 1) * q->n_states;
  double ends[2] = {row[q->n_states - 1], at_state(row, q, q->n_states - 2)};
  return log_sum_exp(&q->run->arith, ends, 2);
}

/* --- the gradient --- */

/* One term after another, as PyTorch does it, or all at once. */
static double log_sum(plain_arith *a, double *x, int64_t n) {
  if (a->summation == PLAIN_PAIRWISE) return log_sum_exp(a, x, n);
  double sum = never;
  for (int64_t i = 0; i < n; i++) {
    double two[2] = {sum, x[i]};
    sum = log_sum_exp(a, two, 2);
  }
  return sum;
}

/* log of what the alignments through a class in frame t sum up to, its log-probability counted twice. */
static double log_through(const sequence *q, int64_t t, int64_t class) {
  int64_t n = 0;
  for (int64_t s = 0; s < q->n_states; s++) {
    const int64_t at = t * q->n_states + s;
    if (class_of(q, s) == class) q->terms[n++] = plain_add(&q->run->arith, q->forward[at], q->backward[at]);
  }
  return log_sum(&q->run->arith, q->terms, n);
}

/* Small probabilities that underflow are no loss unless something large multiplies them. */
static double probability(plain_arith *a, double log, double gain) {
  return fabs(gain) <= 1.0 ? plain_small_exp(a, log) : plain_exp(a, log);
}

static void differentiate(const sequence *q, double loss, double gain) {
  plain_arith *a = &q->run->arith;
  for (int64_t t = 0; t < q->n_frames; t++) {
    for (int64_t class = 0; class < q->run->plan->extent[CLASSES]; class ++) {
      const double lp = log_prob(q, t, class), through = log_through(q, t, class);
      const double posterior = probability(a, plain_subtract(a, plain_add(a, through, loss), lp), gain);
      const double slope = plain_subtract(a, probability(a, lp, gain), posterior);
      plain_contribute(q->run, LOG_PROBS, element_of(q, t, class), plain_multiply(a, gain, slope));
    }
  }
}

/* --- the batch --- */

static const int64_t *labels_of(const lp_case *c, int64_t n) {
  const lp_tensor *targets = &c->inputs[TARGETS];
  if (targets->rank == 2) return targets->i64 + n * targets->shape[1];
  const int64_t *labels = targets->i64;
  for (int64_t i = 0; i < n; i++) labels += c->inputs[TARGET_LENGTHS].i64[i];
  return labels;
}

static sequence sequence_at(plain_run *run, int64_t n) {
  const lp_case *c = run->plan->c;
  sequence q = {.run = run, .n = n, .labels = labels_of(c, n)};
  q.n_frames = c->inputs[INPUT_LENGTHS].i64[n];
  q.n_labels = c->inputs[TARGET_LENGTHS].i64[n];
  q.n_states = 2 * q.n_labels + 1;
  q.forward = plain_room(run, q.n_frames * q.n_states);
  q.backward = plain_room(run, q.n_frames * q.n_states);
  q.terms = plain_room(run, q.n_states);
  return q;
}

/* A mean divides every loss by the length of its target first. */
static double over_length(const sequence *q, double x) {
  if (q->run->plan->c->reduction != LP_REDUCTION_MEAN || q->n_labels <= 1) return x;
  return plain_divide(&q->run->arith, x, plain_number(&q->run->arith, (double)q->n_labels));
}

static void answer_sequence(plain_run *run, int64_t n) {
  sequence q = sequence_at(run, n);
  if (run->failed) return;
  set_forward(&q);
  const double loss = -log_total(&q);
  const bool zeroed = run->params[ZERO_INFINITY] != 0.0 && loss == INFINITY;
  run->values[n] = zeroed ? 0.0 : over_length(&q, loss);
  if (zeroed) return;
  set_backward(&q);
  differentiate(&q, loss, over_length(&q, plain_gain(run, n)));
}

void plain_ctc(plain_run *run) {
  for (int64_t n = 0; !run->failed && n < run->plan->extent[BATCH]; n++) answer_sequence(run, n);
}
