#include "reference/ctc_far.h"

#include "reference/bigmath.h"

enum { ORIGINS = 3 };

/* Up to 2^48 the exponential of a log-probability costs no accuracy (lp_wide_exp), and up to 2^60 in all the levels of
 * sums are integers that a double holds. */
double lp_ctc_far_from(int64_t n_frames) { return fmin(0x1p48, 0x1p60 / (double)n_frames); }

static size_t doubles(size_t n, size_t size) { return n * (size / sizeof(double)); }

size_t lp_ctc_far_size(int64_t n_frames, int64_t n_labels) {
  const size_t n_states = (size_t)(2 * n_labels + 1);
  return doubles(2 * n_states + 1, sizeof(lp_ctc_far_sum)) +
         doubles((ORIGINS * (size_t)n_frames + 1) * n_states, sizeof(lp_wide));
}

/* Structs of doubles and integers of their size, without padding. */
static void lay_out(lp_ctc_far *far, const lp_ctc_sequence *q, double *scratch) {
  const size_t n_states = (size_t)lp_ctc_states(q);
  far->q = q;
  far->before = (lp_ctc_far_sum *)(void *)scratch;
  far->now = far->before + n_states;
  far->total = far->now + n_states;
  far->origin = (lp_wide *)(void *)(far->total + 1);
  far->share = far->origin + ORIGINS * (size_t)q->n_frames * n_states;
}

static bool is_empty(const lp_ctc_far_sum *sum) { return !sum || lp_wide_is_zero(sum->count); }

/* a's log less b's. */
static lp_big distance(const lp_ctc_far_sum *a, const lp_ctc_far_sum *b) {
  lp_long_sum difference = a->log;
  lp_long_sum_subtract(&difference, &b->log);
  return lp_long_sum_get(&difference);
}

static const lp_ctc_far_sum *largest(const lp_ctc_far_sum *const from[ORIGINS]) {
  const lp_ctc_far_sum *top = NULL;
  for (int k = 0; k < ORIGINS; k++) {
    if (is_empty(from[k])) continue;
    if (!top || distance(from[k], top).high > 0.0) top = from[k];
  }
  return top;
}

/* A sum over exp(log of the top). What lies over 2^48 below it is put there: either is nothing to doubles, whatever it
 * meets. */
static lp_wide relative(const lp_ctc_far_sum *sum, const lp_ctc_far_sum *top) {
  if (is_empty(sum)) return lp_wide_zero();
  const lp_big d = distance(sum, top);
  const int exponent = (int)d.exponent;
  const lp_wide ratio =
      exponent > 48 ? lp_wide_exp(-0x1p48, 0.0) : lp_wide_exp(ldexp(d.high, exponent), ldexp(d.low, exponent));
  return lp_wide_multiply(sum->count, ratio);
}

/* Adds up to three sums; origin: the share of each. */
static void merge(lp_ctc_far_sum *sum, lp_wide origin[ORIGINS], const lp_ctc_far_sum *const from[ORIGINS]) {
  const lp_ctc_far_sum *top = largest(from);
  sum->count = lp_wide_zero();
  for (int k = 0; k < ORIGINS; k++) {
    origin[k] = relative(from[k], top);
    sum->count = lp_wide_add(sum->count, origin[k]);
  }
  if (!top) return;
  sum->log = top->log;
  for (int k = 0; k < ORIGINS; k++) origin[k] = lp_wide_divide(origin[k], sum->count);
}

static void enter(lp_ctc_far_sum *sum, double log_prob) {
  if (!isfinite(log_prob)) {
    sum->count = lp_wide_zero();
  } else if (!is_empty(sum)) {
    lp_long_sum_add(&sum->log, log_prob, 1.0, 1.0);
  }
}

static void step_forward(lp_ctc_far *far, int64_t t) {
  const lp_ctc_sequence *q = far->q;
  const int64_t n_states = lp_ctc_states(q);
  const lp_ctc_far_sum *before = far->before;
  for (int64_t s = 0; s < n_states; s++) {
    const lp_ctc_far_sum *const from[ORIGINS] = {&before[s], s > 0 ? &before[s - 1] : NULL,
                                                 lp_ctc_skips(q, s) ? &before[s - 2] : NULL};
    merge(&far->now[s], &far->origin[(t * n_states + s) * ORIGINS], from);
    enter(&far->now[s], q->log_probs[t * q->stride + lp_ctc_class(q, s)]);
  }
}

static void swap(lp_ctc_far *far) {
  lp_ctc_far_sum *const now = far->now;
  far->now = far->before;
  far->before = now;
}

/* Before the first frame a path stands in front of state 0. */
static void begin(lp_ctc_far *far) {
  for (int64_t s = 0; s < lp_ctc_states(far->q); s++) far->before[s].count = lp_wide_zero();
  far->before[0].count = (lp_wide){1.0, 0.0};
  lp_long_sum_clear(&far->before[0].log);
}

/* The paths of the last two states, and their shares. */
static void finish(lp_ctc_far *far) {
  const int64_t end = lp_ctc_states(far->q) - 1;
  const lp_ctc_far_sum *const from[ORIGINS] = {&far->before[end], end > 0 ? &far->before[end - 1] : NULL, NULL};
  lp_wide of[ORIGINS];
  merge(far->total, of, from);
  for (int64_t s = 0; s <= end; s++) far->share[s] = end - s < 2 ? of[end - s] : lp_wide_zero();
}

void lp_ctc_far_forward(lp_ctc_far *far, const lp_ctc_sequence *q, double *scratch) {
  lay_out(far, q, scratch);
  begin(far);
  for (int64_t t = 0; t < q->n_frames; t++) {
    step_forward(far, t);
    swap(far);
  }
  finish(far);
}

lp_big lp_ctc_far_log_total(const lp_ctc_far *far) {
  return lp_big_add(lp_long_sum_get(&far->total->log), lp_big_of_pair(lp_wide_log(far->total->count)));
}

/* Ascending, so that the states after s still hold the later frame. */
void lp_ctc_far_step_back(lp_ctc_far *far, int64_t t) {
  const int64_t n_states = lp_ctc_states(far->q);
  if (t + 1 == far->q->n_frames) return;
  const lp_wide *origin = far->origin + (t + 1) * n_states * ORIGINS;
  for (int64_t s = 0; s < n_states; s++) {
    lp_wide share = lp_wide_zero();
    for (int64_t k = 0; k < ORIGINS && s + k < n_states; k++) {
      share = lp_wide_add(share, lp_wide_multiply(far->share[s + k], origin[(s + k) * ORIGINS + k]));
    }
    far->share[s] = share;
  }
}
