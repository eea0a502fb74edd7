/* What the losses of whole rows share (multilabel_margin, multi_margin, triplet_margin, cosine_embedding): rows that
 * broadcast, the reduction of one number per row, the upstream gradient of a row, and gradients of elements that
 * several rows read.
 *
 * With v_i the value of row i and n the number of rows,
 *   none: loss_i = v_i        dL/dv_i = g_i
 *   sum:  loss = sum v_i      dL/dv_i = g
 *   mean: loss = (sum v_i)/n  dL/dv_i = g/n
 * An empty mean is 0/0 = NaN, an empty sum 0.
 *
 * Every loss of this kind has three ways to do a row. The plain way works in doubles with compensation and is fast; it
 * declines rows with magnitudes outside the moderate range below. The big way (big.h) takes any finite numbers. The
 * special way takes the rest, an infinity or NaN somewhere, and does what PyTorch's code does in its order. */
#ifndef LP_REFERENCE_ROWS_H
#define LP_REFERENCE_ROWS_H

#include "reference/bigmath.h"
#include "reference/plan.h"
#include "reference/sum.h"

/* Within these magnitudes neither a product of two numbers nor a sum of 2^60 such products overflows, and what
 * underflows cannot matter. */
#define LP_ROWS_LARGE 0x1p+400
#define LP_ROWS_SMALL 0x1p-400

static inline bool lp_rows_not_large(double x) { return fabs(x) <= LP_ROWS_LARGE; }

/* 0 or of a magnitude in the range. */
static inline bool lp_rows_moderate(double x) {
  return x == 0.0 || (fabs(x) >= LP_ROWS_SMALL && fabs(x) <= LP_ROWS_LARGE);
}

bool lp_rows_all_finite(const double *x, int64_t n);
bool lp_rows_all_moderate(const double *x, int64_t n);

/* Compensated sums in independent lanes, so that the compiler can keep them in vector registers. */
enum { LP_LANES = 8 };

typedef struct lp_lanes {
  double high[LP_LANES], low[LP_LANES];
} lp_lanes;

static inline void lp_lanes_add(lp_lanes *sums, int lane, double high, double low) {
  const lp_pair s = lp_two_sum(sums->high[lane], high);
  sums->high[lane] = s.high;
  sums->low[lane] += s.low + low;
}

/* The sum of the lanes, of which the first n at most were added to. */
lp_pair lp_lanes_total(const lp_lanes *sums, int64_t n);

/* Geometry. */

/* Extent of the last axis; 1 for a 0-d tensor. */
int64_t lp_rows_width(const lp_tensor *tensor);

/* Sets plan->term to the broadcast shape of the `vectors` inputs without their last axis (a 0-d or 1-D vector has no
 * other) and the `scalars` inputs with all their axes, and their strides over it.
 * Rejects with LP_REJECT_SHAPE, naming the two arguments that do not broadcast. */
lp_status lp_rows_broadcast(lp_plan *plan, unsigned vectors, unsigned scalars, lp_error *error) LP_MUST_USE;

/* True when some element of the input is read by several rows, or by none because there are no rows. */
bool lp_rows_shared(const lp_plan *plan, int input);

/* Where each input's row begins, row after row. Start from zero. */
typedef struct lp_row_cursor {
  int64_t row;
  int64_t at[LP_MAX_RANK];
  int64_t offset[LP_MAX_INPUTS];
} lp_row_cursor;

void lp_rows_next(lp_row_cursor *cursor, const lp_plan *plan);

/* Upstream. */

/* dL/dv = upstream / count */
typedef struct lp_row_gain {
  double upstream, count;
} lp_row_gain;

lp_row_gain lp_rows_gain(const lp_plan *plan, int64_t row);

/* factor * dL/dv / divisor; factor, upstream and divisor moderate, divisor not 0. */
lp_pair lp_rows_gain_over(lp_row_gain gain, double factor, lp_pair divisor);

/* dL/dv for a finite upstream gradient. */
lp_big lp_rows_gain_big(lp_row_gain gain);

/* The gradient of one input. Where several rows or components read an element, their contributions are collected with
 * compensation; otherwise rows are written in place. */
typedef struct lp_row_sink {
  double *grad; /* NULL when no gradient is wanted */
  double *low;  /* compensations; NULL when nothing is collected */
  double *row;  /* a row of scratch */
  int64_t width, numel;
} lp_row_sink;

/* Doubles of scratch that a sink needs; widest: components of a row after broadcasting. */
int64_t lp_rows_sink_size(const lp_plan *plan, int input, bool collects, int64_t widest);
lp_row_sink lp_rows_open_sink(const lp_outcome *outcome, const lp_plan *plan, int input, bool collects, int64_t widest,
                              double *scratch);
void lp_rows_close_sink(const lp_row_sink *sink);

/* Adds to component i of the row that begins at `offset`; all components are the same element in a row of width 1. */
void lp_rows_collect(const lp_row_sink *sink, int64_t offset, int64_t i, double value);

/* Where the gradients of the row that begins at `offset` are to be written; then lp_rows_deliver. */
double *lp_rows_row_of(const lp_row_sink *sink, int64_t offset);
void lp_rows_deliver(const lp_row_sink *sink, int64_t offset, int64_t n);

/* A row of an input over n components: the input itself, or a copy where it is stretched or not floating. */
const double *lp_rows_operand(double *copy, const lp_tensor *tensor, int64_t offset, int64_t n);

/* The loss from its rows. */
typedef struct lp_row_total {
  double *loss; /* one number a row with reduction none, else one in all */
  lp_reduction reduction;
  int64_t count;
  lp_sum sum;     /* of rows of moderate size */
  lp_big big;     /* of larger finite rows */
  double special; /* of infinities and NaN */
  double literal; /* of the rows of big as doubles */
} lp_row_total;

lp_row_total lp_rows_total(const lp_outcome *outcome, const lp_plan *plan);
void lp_rows_put(lp_row_total *total, int64_t row, lp_pair value);
void lp_rows_put_big(lp_row_total *total, int64_t row, lp_big value);
void lp_rows_finish(const lp_row_total *total);

/* |switch_| is not 0 but at most 8 u times the scale of the switch, u being that of the plan's outputs. */
bool lp_rows_near(const lp_plan *plan, double switch_, double scale);

/* The sum of n terms by error-free transformations (destroys them): its sign is that of the true sum, and it is 0 only
 * where that is 0 (next to terms above 2^1000, where that is below 2^-1070). */
double lp_rows_exact_sum(double *terms, int n);

#endif
