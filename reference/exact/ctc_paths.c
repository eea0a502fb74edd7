#include "reference/exact/ctc_paths.h"

#include <math.h>
#include <stdlib.h>

enum { ACCURATE_BITS = 40 };

/* --- weights --- */

static bool find_used(lp_exact_ctc_paths *p, bool gradient) {
  const lp_exact_ctc_sequence *q = p->q;
  p->used = calloc((size_t)q->n_classes, sizeof *p->used);
  for (int64_t c = 0; p->used && c < q->n_classes; c++) p->used[c] = gradient;
  for (int64_t s = 0; p->used && s < lp_exact_ctc_states(q); s++) p->used[lp_exact_ctc_label(q, s)] = true;
  return p->used != NULL;
}

static void enlarge(long *exponent, long other) {
  if (other > *exponent) *exponent = other;
}

static void enlarge_by(long *exponent, const lp_exact_ctc_sequence *q, int64_t i) {
  const double x = q->log_probs[i];
  if (isinf(x)) enlarge(exponent, q->stand_in + 2);
  if (isfinite(x) && fabs(x) >= 1.0) enlarge(exponent, ilogb(x) + 2);
  if (q->shift && !arb_is_zero(&q->shift[i])) enlarge(exponent, arf_abs_bound_lt_2exp_si(arb_midref(&q->shift[i])) + 1);
}

/* Such that all log-probabilities are below 2^exponent. */
static long largest_exponent(const lp_exact_ctc_sequence *q) {
  long exponent = 0;
  for (int64_t t = 0; t < q->n_frames; t++) {
    for (int64_t c = 0; c < q->n_classes; c++) enlarge_by(&exponent, q, t * q->stride + c);
  }
  return exponent;
}

static double in_units(const arb_t x, const lp_ctc_unit *unit) {
  arb_t scaled;
  if (unit->exponent == 0) return arf_get_d(arb_midref(x), ARF_RND_NEAR);
  arb_init(scaled);
  arb_mul_2exp_si(scaled, x, -unit->exponent);
  const double d = arf_get_d(arb_midref(scaled), ARF_RND_NEAR);
  arb_clear(scaled);
  return d;
}

static void weigh(lp_exact_ctc_paths *p, int64_t t, int64_t c) {
  const int64_t i = t * p->q->n_classes + c;
  if (!p->used[c] || lp_exact_ctc_log_prob(&p->product, p->q, t, c) != LP_FINITE) return;
  p->logs[i] = in_units(&p->product, &p->unit);
  arb_exp(&p->weights[i], &p->product, p->precision);
  p->accurate = p->accurate && arb_rel_accuracy_bits(&p->weights[i]) >= ACCURATE_BITS;
}

static bool find_weights(lp_exact_ctc_paths *p) {
  const int64_t count = p->q->n_frames * p->q->n_classes;
  p->weights = calloc((size_t)count + 1, sizeof *p->weights);
  p->logs = calloc((size_t)count + 1, sizeof *p->logs);
  if (!p->weights || !p->logs) return false;
  for (int64_t i = 0; i < count; i++) arb_init(&p->weights[i]);
  for (int64_t t = 0; t < p->q->n_frames; t++) {
    for (int64_t c = 0; c < p->q->n_classes; c++) weigh(p, t, c);
  }
  return true;
}

/* --- bands --- */

/* Forward, the furthest state is entered from the furthest; every state before it can be reached by waiting. */
static void find_last(lp_exact_ctc_paths *p) {
  const int64_t end = lp_exact_ctc_states(p->q) - 1;
  int64_t last = end < 1 ? end : 1;
  for (int64_t t = 0; t < p->q->n_frames; t++) {
    p->bands[t].last = last;
    last += lp_exact_ctc_may_skip_to(p->q, last + 2) ? 2 : last < end;
  }
}

/* The same backwards. */
static void find_first(lp_exact_ctc_paths *p) {
  const int64_t end = lp_exact_ctc_states(p->q) - 1;
  int64_t first = end < 1 ? 0 : end - 1;
  for (int64_t t = p->q->n_frames - 1; t >= 0; t--) {
    p->bands[t].first = first;
    first -= lp_exact_ctc_may_skip_to(p->q, first) ? 2 : first > 0;
  }
}

static int64_t width(const lp_exact_ctc_band *b) { return b->last - b->first + 1; }

static bool find_bands(lp_exact_ctc_paths *p) {
  p->bands = calloc((size_t)p->q->n_frames + 1, sizeof *p->bands);
  if (!p->bands) return false;
  find_last(p);
  find_first(p);
  p->feasible = p->bands[0].first <= 1;
  for (int64_t t = 0; p->feasible && t < p->q->n_frames; t++) p->n_cells += width(&p->bands[t]);
  return true;
}

static lp_exact_ctc_cell *new_cells(int64_t n) {
  lp_exact_ctc_cell *cells = calloc((size_t)n + 1, sizeof *cells);
  for (int64_t i = 0; cells && i < n; i++) arb_init(&cells[i].sum);
  return cells;
}

static void clear_cells(lp_exact_ctc_cell *cells, int64_t n) {
  for (int64_t i = 0; cells && i < n; i++) arb_clear(&cells[i].sum);
  free(cells);
}

static bool find_cells(lp_exact_ctc_paths *p) {
  lp_exact_ctc_cell *next = p->cells = new_cells(p->n_cells);
  for (int64_t t = 0; next && p->feasible && t < p->q->n_frames; t++) {
    p->bands[t].cells = next;
    next += width(&p->bands[t]);
  }
  p->entered = new_cells(lp_exact_ctc_states(p->q));
  p->shares = new_cells(p->q->n_classes);
  return p->cells && p->entered && p->shares;
}

lp_status lp_exact_ctc_paths_init(lp_exact_ctc_paths *p, const lp_exact_ctc_sequence *q, lp_dtype dtype,
                                  slong precision, bool gradient, lp_error *error) {
  *p = (lp_exact_ctc_paths){.q = q, .precision = precision, .accurate = true};
  arb_init(&p->total);
  arb_init(&p->product);
  mag_init(&p->size);
  lp_ctc_merge_init(&p->merge);
  p->unit = lp_ctc_unit_for(dtype, largest_exponent(q), (double)q->n_frames);
  if (find_used(p, gradient) && find_weights(p) && find_bands(p) && find_cells(p)) return LP_OK;
  lp_exact_ctc_paths_clear(p);
  return lp_fail(error, LP_NO_MEMORY, "out of memory for the exact value");
}

void lp_exact_ctc_paths_clear(lp_exact_ctc_paths *p) {
  for (int64_t i = 0; p->weights && i < p->q->n_frames * p->q->n_classes; i++) arb_clear(&p->weights[i]);
  clear_cells(p->cells, p->n_cells);
  clear_cells(p->entered, lp_exact_ctc_states(p->q));
  clear_cells(p->shares, p->q->n_classes);
  free(p->weights);
  free(p->logs);
  free(p->bands);
  free(p->used);
  lp_ctc_merge_clear(&p->merge);
  mag_clear(&p->size);
  arb_clear(&p->product);
  arb_clear(&p->total);
}

/* --- sums --- */

/* Adds a cell to `sum`, and to the terms of its logarithm. */
static void gather(lp_exact_ctc_paths *p, arb_t sum, const lp_exact_ctc_cell *cell) {
  if (arb_is_zero(&cell->sum)) return;
  lp_ctc_merge_add(&p->merge, &cell->sum, cell->reach);
  if (p->merge.n == 1) {
    arb_set(sum, &cell->sum);
  } else {
    arb_add(sum, sum, &cell->sum, p->precision);
  }
}

/* The reach of log(sum) for the terms gathered. Sets *log to it. */
static double reach_of_sum(lp_exact_ctc_paths *p, const arb_t sum, double *log) {
  const int n = p->merge.n;
  arb_get_mag(&p->size, sum);
  *log = lp_ctc_log(&p->size, &p->unit);
  const double inherited = lp_ctc_merged_reach(&p->merge, &p->size, &p->unit);
  return n < 2 ? inherited : inherited + fabs(*log) + lp_ctc_merge_cost(n) * p->unit.inverse;
}

/* to = sum * weight of state s in frame t, where sum is of the terms gathered. */
static void enter(lp_exact_ctc_paths *p, lp_exact_ctc_cell *to, const arb_t sum, int64_t t, int64_t s) {
  const int64_t i = t * p->q->n_classes + lp_exact_ctc_label(p->q, s);
  double log = 0.0;
  const double reach = p->merge.n > 0 ? reach_of_sum(p, sum, &log) : 0.0;
  arb_mul(&to->sum, sum, &p->weights[i], p->precision);
  to->reach = reach + fabs(log + p->logs[i]) + p->unit.inverse;
}

/* The beginning of a path in its first frame, or its end in its last one: the weight alone. */
static void begin(lp_exact_ctc_paths *p, lp_exact_ctc_cell *to, int64_t t, int64_t s) {
  const int64_t i = t * p->q->n_classes + lp_exact_ctc_label(p->q, s);
  arb_set(&to->sum, &p->weights[i]);
  to->reach = fabs(p->logs[i]) + p->unit.inverse;
}

/* --- forward --- */

static void gather_state(lp_exact_ctc_paths *p, arb_t sum, const lp_exact_ctc_band *b, int64_t s) {
  if (s >= b->first && s <= b->last) gather(p, sum, &b->cells[s - b->first]);
}

static void step(lp_exact_ctc_paths *p, int64_t t) {
  const lp_exact_ctc_band *before = &p->bands[t - 1], *now = &p->bands[t];
  for (int64_t s = now->first; s <= now->last; s++) {
    p->merge.n = 0;
    arb_zero(&p->product);
    gather_state(p, &p->product, before, s);
    gather_state(p, &p->product, before, s - 1);
    if (lp_exact_ctc_may_skip_to(p->q, s)) gather_state(p, &p->product, before, s - 2);
    if (p->merge.n > 0) enter(p, &now->cells[s - now->first], &p->product, t, s);
  }
}

/* The last frame's band is the last state, and the label before it. */
static void add_up(lp_exact_ctc_paths *p) {
  const lp_exact_ctc_band *b = &p->bands[p->q->n_frames - 1];
  double log;
  p->merge.n = 0;
  for (int64_t s = b->first; s <= b->last; s++) gather_state(p, &p->total, b, s);
  if (p->merge.n > 0) p->total_reach = reach_of_sum(p, &p->total, &log);
}

void lp_exact_ctc_forward(lp_exact_ctc_paths *p) {
  if (!p->feasible) return;
  const lp_exact_ctc_band *b = &p->bands[0];
  for (int64_t s = b->first; s <= b->last; s++) begin(p, &b->cells[s - b->first], 0, s);
  for (int64_t t = 1; t < p->q->n_frames; t++) step(p, t);
  add_up(p);
}

/* --- backward --- */

/* Adds the paths through state s in frame t, of which `onward` is what comes after it, to its class: PyTorch adds
 * log(beginnings) + log(ends), where the weight of the state counts in both, to the logarithm of the class. */
static void share(lp_exact_ctc_paths *p, const arb_t onward, double reach_of_end, int64_t t, int64_t s) {
  const lp_exact_ctc_cell *beginning = &p->bands[t].cells[s - p->bands[t].first];
  const int64_t c = lp_exact_ctc_label(p->q, s);
  lp_exact_ctc_cell *to = &p->shares[c];
  lp_exact_ctc_cell paths = {.reach = beginning->reach + reach_of_end};
  double log;
  arb_init(&paths.sum);
  arb_mul(&paths.sum, &beginning->sum, onward, p->precision);
  if (!arb_is_zero(&paths.sum)) {
    const double log_prob = p->logs[t * p->q->n_classes + c];
    arb_get_mag(&p->size, &paths.sum);
    paths.reach += fabs(lp_ctc_log(&p->size, &p->unit) + log_prob);
    p->merge.n = 0;
    arb_zero(&p->product);
    gather(p, &p->product, to);
    gather(p, &p->product, &paths);
    to->reach = reach_of_sum(p, &p->product, &log);
    if (p->merge.n > 1) to->reach += fabs(log + log_prob) - fabs(log);
    arb_swap(&to->sum, &p->product);
  }
  arb_clear(&paths.sum);
}

/* Sets *onward to what comes after state s of frame t, from the ends that begin in the frame after it. */
static void follow(lp_exact_ctc_paths *p, arb_t onward, int64_t s) {
  p->merge.n = 0;
  arb_zero(onward);
  gather(p, onward, &p->entered[s]);
  if (s + 1 < lp_exact_ctc_states(p->q)) gather(p, onward, &p->entered[s + 1]);
  if (lp_exact_ctc_may_skip_to(p->q, s + 2)) gather(p, onward, &p->entered[s + 2]);
}

/* Ascending, so that the next two states still hold the frame after this one. A state before that frame's band has
 * never been written: it holds 0. */
void lp_exact_ctc_back(lp_exact_ctc_paths *p, int64_t t) {
  const lp_exact_ctc_band *b = &p->bands[t];
  arb_t onward;
  arb_init(onward);
  for (int64_t c = 0; c < p->q->n_classes; c++) arb_zero(&p->shares[c].sum);
  for (int64_t s = b->first; s <= b->last; s++) {
    if (t == p->q->n_frames - 1) {
      arb_one(onward);
      begin(p, &p->entered[s], t, s);
    } else {
      follow(p, onward, s);
      enter(p, &p->entered[s], onward, t, s);
    }
    if (!arb_is_zero(onward)) share(p, onward, p->entered[s].reach, t, s);
  }
  arb_clear(onward);
}
