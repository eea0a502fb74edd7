#include "reference/ctc_lattice.h"

#include "reference/sum.h"

/* Zeros on both sides of a row of states, so that s-2 and s+2 can be read. */
enum { MARGIN = 2 };

int64_t lp_ctc_frames_needed(const lp_ctc_sequence *q) {
  int64_t n = q->n_labels;
  for (int64_t j = 1; j < q->n_labels; j++) n += q->labels[j] == q->labels[j - 1];
  return n;
}

static size_t row_of(int64_t n_labels) { return (size_t)(2 * n_labels + 1 + 2 * MARGIN); }

size_t lp_ctc_lattice_size(int64_t n_frames, int64_t n_labels) {
  const size_t row = row_of(n_labels), per_frame = 3 + 2 * row + 2 * (size_t)(n_labels + 1);
  return (size_t)n_frames * per_frame + 4 * row;
}

static double *take(double **scratch, size_t n) {
  double *taken = *scratch;
  *scratch += n;
  return taken;
}

/* A pair of doubles each; the structs have no padding. */
static lp_wide *take_wide(double **scratch, size_t n) { return (lp_wide *)(void *)take(scratch, 2 * n); }

static void lay_out(lp_ctc_lattice *lattice, const lp_ctc_sequence *q, double *scratch) {
  const size_t n_frames = (size_t)q->n_frames, row = row_of(q->n_labels);
  *lattice = (lp_ctc_lattice){.q = q, .row = (int64_t)row, .total = lp_wide_zero()};
  lattice->first = take(&scratch, n_frames);
  lattice->last = take(&scratch, n_frames);
  lattice->shift = take(&scratch, n_frames);
  lattice->emission = take_wide(&scratch, n_frames * (size_t)(q->n_labels + 1));
  lattice->forward = take_wide(&scratch, n_frames * row) + MARGIN;
  lattice->onward = take_wide(&scratch, row) + MARGIN;
  lattice->entered = take_wide(&scratch, row) + MARGIN;
}

/* The furthest state reached one frame after `last`. */
static int64_t reach(const lp_ctc_sequence *q, int64_t last) {
  const int64_t next = lp_ctc_skips(q, last + 2) ? last + 2 : last + 1;
  return next < lp_ctc_states(q) ? next : last;
}

/* `need` is how many more frames a path in state `first` takes. The next state takes one less, unless it is a blank
 * that the path may leave out. */
static void find_bands(lp_ctc_lattice *lattice) {
  const lp_ctc_sequence *q = lattice->q;
  int64_t first = 0, need = lp_ctc_frames_needed(q), last = q->n_labels > 0 ? 1 : 0;
  for (int64_t t = 0; t < q->n_frames; t++) {
    for (; need > q->n_frames - 1 - t; first++) need -= !lp_ctc_skips(q, first + 2);
    lattice->first[t] = (double)first;
    lattice->last[t] = (double)last;
    last = reach(q, last);
  }
}

static double find_shift(const lp_ctc_lattice *lattice, const double *log_probs, int64_t t) {
  double shift = -(double)INFINITY;
  const int64_t last = (int64_t)lattice->last[t];
  for (int64_t s = (int64_t)lattice->first[t]; s <= last; s++) {
    shift = fmax(shift, log_probs[lp_ctc_class(lattice->q, s)]);
  }
  return fabs(shift) < (double)INFINITY ? shift : 0.0;
}

static lp_wide weight(double log_prob, double shift) {
  const lp_pair d = lp_two_sum(log_prob, -shift);
  return lp_wide_exp(d.high, d.low);
}

static void find_emissions(lp_ctc_lattice *lattice, int64_t t) {
  const lp_ctc_sequence *q = lattice->q;
  const double *log_probs = q->log_probs + t * q->stride;
  const double shift = find_shift(lattice, log_probs, t);
  lp_wide *emission = lattice->emission + t * (q->n_labels + 1);
  const int64_t end = ((int64_t)lattice->last[t] + 1) / 2;
  for (int64_t j = (int64_t)lattice->first[t] / 2; j < end; j++) emission[j] = weight(log_probs[q->labels[j]], shift);
  emission[q->n_labels] = weight(log_probs[q->blank], shift);
  lattice->shift[t] = shift;
}

static void clear(lp_wide *row, int64_t from, int64_t to) {
  for (int64_t s = from; s <= to; s++) row[s] = lp_wide_zero();
}

/* One frame of the forward sums from the row before it: states below the band are never read again, those above it
 * must read as zero. */
static void step_forward(lp_ctc_lattice *lattice, int64_t t, const lp_wide *before) {
  lp_wide *now = lattice->forward + t * lattice->row;
  const int64_t first = (int64_t)lattice->first[t], last = (int64_t)lattice->last[t];
  clear(now, -MARGIN, -1);
  for (int64_t s = first; s <= last; s++) {
    lp_wide sum = lp_wide_add(before[s], before[s - 1]);
    if (lp_ctc_skips(lattice->q, s)) sum = lp_wide_add(sum, before[s - 2]);
    now[s] = lp_wide_multiply(sum, lp_ctc_emission(lattice, t, s));
  }
  clear(now, last + 1, last + MARGIN);
}

void lp_ctc_forward(lp_ctc_lattice *lattice, const lp_ctc_sequence *q, double *scratch) {
  lay_out(lattice, q, scratch);
  const int64_t end = lp_ctc_states(q) - 1, margin = end + MARGIN;
  clear(lattice->entered, -MARGIN, margin);
  if (q->n_frames < lp_ctc_frames_needed(q)) return;
  find_bands(lattice);
  /* Before the first frame a path stands in front of state 0. */
  clear(lattice->onward, -MARGIN, margin);
  lattice->onward[0] = (lp_wide){1.0, 0.0};
  const lp_wide *before = lattice->onward;
  for (int64_t t = 0; t < q->n_frames; t++) {
    find_emissions(lattice, t);
    step_forward(lattice, t, before);
    before = lattice->forward + t * lattice->row;
  }
  lattice->total = lp_wide_add(before[end], before[end - 1]);
  lattice->entered[end] = (lp_wide){1.0, 0.0};
}

double lp_ctc_log_total(const lp_ctc_lattice *lattice) {
  const lp_pair relative = lp_wide_log(lattice->total);
  lp_sum sum = {relative.high, relative.low};
  for (int64_t t = 0; t < lattice->q->n_frames; t++) lp_sum_add(&sum, lattice->shift[t]);
  return lp_sum_get(&sum);
}

/* Enters frame t+1 with what has been found for it; states below its band have never been touched, and those above it
 * are not read again. */
static void enter(lp_ctc_lattice *lattice, int64_t t) {
  const int64_t first = (int64_t)lattice->first[t], last = (int64_t)lattice->last[t];
  for (int64_t s = first; s <= last; s++) {
    lattice->entered[s] = lp_wide_multiply(lp_ctc_emission(lattice, t, s), lattice->onward[s]);
  }
}

void lp_ctc_step_back(lp_ctc_lattice *lattice, int64_t t) {
  if (t + 1 < lattice->q->n_frames) enter(lattice, t + 1);
  const lp_wide *entered = lattice->entered;
  const int64_t last = (int64_t)lattice->last[t];
  for (int64_t s = (int64_t)lattice->first[t]; s <= last; s++) {
    lp_wide sum = lp_wide_add(entered[s], entered[s + 1]);
    if (lp_ctc_skips(lattice->q, s + 2)) sum = lp_wide_add(sum, entered[s + 2]);
    lattice->onward[s] = sum;
  }
}
