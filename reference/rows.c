/* What the losses of whole rows share, see rows.h. */
#include "reference/rows.h"

enum { SHAPE_TEXT = 96 };

bool lp_rows_all_finite(const double *x, int64_t n) {
  double zero = 0.0;
  for (int64_t i = 0; i < n; i++) zero += x[i] * 0.0;
  return zero == 0.0;
}

bool lp_rows_all_moderate(const double *x, int64_t n) {
  bool all = true;
  for (int64_t i = 0; i < n; i++) all = all && lp_rows_moderate(x[i]);
  return all;
}

lp_pair lp_lanes_total(const lp_lanes *sums, int64_t n) {
  lp_lanes t = *sums;
  int width = LP_LANES;
  while (width > 1 && width >= 2 * n) width /= 2;
  for (width /= 2; width > 0; width /= 2) {
    for (int i = 0; i < width; i++) lp_lanes_add(&t, i, t.high[i + width], t.low[i + width]);
  }
  return lp_join(t.high[0], t.low[0]);
}

int64_t lp_rows_width(const lp_tensor *tensor) { return tensor->rank == 0 ? 1 : tensor->shape[tensor->rank - 1]; }

/* How many axes of an input count rows. */
static int row_rank(const lp_tensor *tensor, bool vector) {
  return vector && tensor->rank > 0 ? tensor->rank - 1 : tensor->rank;
}

static bool takes_part(unsigned vectors, unsigned scalars, int input) {
  return ((vectors | scalars) & (1u << input)) != 0;
}

/* Extent of the row axis `axis`, counted from the last, of an input: 1 where it has none. */
static int64_t row_extent(const lp_plan *plan, unsigned vectors, int input, int axis) {
  const lp_tensor *t = &plan->c->inputs[input];
  const int rank = row_rank(t, (vectors & (1u << input)) != 0);
  return axis < rank ? t->shape[rank - 1 - axis] : 1;
}

static lp_status refuse_pair(const lp_plan *plan, int a, int b, lp_error *error) {
  const lp_case *c = plan->c;
  char a_text[SHAPE_TEXT], b_text[SHAPE_TEXT];
  return lp_refuse(error, LP_REJECT_SHAPE, "%s of shape %s does not broadcast with %s of shape %s",
                   c->loss->inputs[a].name, lp_tensor_shape_text(a_text, sizeof a_text, &c->inputs[a]),
                   c->loss->inputs[b].name, lp_tensor_shape_text(b_text, sizeof b_text, &c->inputs[b]));
}

static lp_status broadcast_axis(lp_plan *plan, unsigned vectors, unsigned scalars, int axis, int64_t *extent,
                                lp_error *error) {
  int owner = -1;
  *extent = 1;
  for (int i = 0; i < plan->c->loss->n_inputs; i++) {
    if (!takes_part(vectors, scalars, i)) continue;
    const int64_t e = row_extent(plan, vectors, i, axis);
    if (e == 1 || e == *extent) continue;
    if (owner >= 0) return refuse_pair(plan, i, owner, error);
    owner = i;
    *extent = e;
  }
  return LP_OK;
}

static void set_strides(lp_plan *plan, unsigned vectors, int input) {
  const bool vector = (vectors & (1u << input)) != 0;
  const lp_tensor *t = &plan->c->inputs[input];
  int64_t stride = vector ? lp_rows_width(t) : 1;
  for (int axis = 0; axis < row_rank(t, vector); axis++) {
    const int64_t extent = row_extent(plan, vectors, input, axis);
    plan->stride[input][plan->term.rank - 1 - axis] = extent == 1 ? 0 : stride;
    stride *= extent;
  }
}

/* Has the input other rows than the plan's term? */
static bool is_stretched(const lp_plan *plan, unsigned vectors, int input) {
  const int rank = row_rank(&plan->c->inputs[input], (vectors & (1u << input)) != 0);
  bool stretched = rank != plan->term.rank;
  for (int axis = 0; axis < rank; axis++) {
    stretched |= row_extent(plan, vectors, input, axis) != plan->term.shape[plan->term.rank - 1 - axis];
  }
  return stretched;
}

static bool widths_differ(const lp_plan *plan, unsigned vectors) {
  int64_t least = INT64_MAX, most = -1;
  for (int i = 0; i < plan->c->loss->n_inputs; i++) {
    if (!(vectors & (1u << i))) continue;
    const int64_t width = lp_rows_width(&plan->c->inputs[i]);
    least = width < least ? width : least;
    most = width > most ? width : most;
  }
  return most > least;
}

lp_status lp_rows_broadcast(lp_plan *plan, unsigned vectors, unsigned scalars, lp_error *error) {
  const lp_case *c = plan->c;
  int rank = 0;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    const int own = takes_part(vectors, scalars, i) ? row_rank(&c->inputs[i], (vectors & (1u << i)) != 0) : 0;
    rank = own > rank ? own : rank;
  }
  int64_t shape[LP_MAX_RANK];
  for (int axis = 0; axis < rank; axis++) {
    LP_TRY(broadcast_axis(plan, vectors, scalars, axis, &shape[rank - 1 - axis], error));
  }
  LP_TRY(lp_tensor_init(&plan->term, LP_FLOAT64, rank, shape, error));
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!takes_part(vectors, scalars, i)) continue;
    set_strides(plan, vectors, i);
    plan->broadcasts |= is_stretched(plan, vectors, i);
  }
  plan->broadcasts |= widths_differ(plan, vectors);
  return LP_OK;
}

bool lp_rows_shared(const lp_plan *plan, int input) {
  bool shared = false;
  for (int axis = 0; axis < plan->term.rank; axis++) {
    shared = shared || (plan->stride[input][axis] == 0 && plan->term.shape[axis] != 1);
  }
  return shared && plan->c->inputs[input].numel > 0;
}

static void step(lp_row_cursor *cursor, const lp_plan *plan, int axis, int64_t steps) {
  for (int i = 0; i < plan->c->loss->n_inputs; i++) cursor->offset[i] += steps * plan->stride[i][axis];
}

void lp_rows_next(lp_row_cursor *cursor, const lp_plan *plan) {
  cursor->row++;
  for (int axis = plan->term.rank - 1; axis >= 0; axis--) {
    step(cursor, plan, axis, 1);
    if (++cursor->at[axis] < plan->term.shape[axis]) return;
    step(cursor, plan, axis, -plan->term.shape[axis]);
    cursor->at[axis] = 0;
  }
}

lp_row_gain lp_rows_gain(const lp_plan *plan, int64_t row) {
  const lp_reduction reduction = plan->c->reduction;
  return (lp_row_gain){lp_plan_upstream(plan, reduction == LP_REDUCTION_NONE ? row : 0),
                       reduction == LP_REDUCTION_MEAN ? (double)plan->term.numel : 1.0};
}

lp_pair lp_rows_gain_over(lp_row_gain gain, double factor, lp_pair divisor) {
  const lp_pair numerator = lp_two_product(factor, gain.upstream);
  return lp_pair_quotient(numerator, lp_pair_product(divisor, lp_whole(gain.count)));
}

lp_big lp_rows_gain_big(lp_row_gain gain) { return lp_big_divide(lp_big_of(gain.upstream), lp_big_of(gain.count)); }

int64_t lp_rows_sink_size(const lp_plan *plan, int input, bool collects, int64_t widest) {
  return widest + (collects ? plan->c->inputs[input].numel : 0);
}

lp_row_sink lp_rows_open_sink(const lp_outcome *outcome, const lp_plan *plan, int input, bool collects, int64_t widest,
                              double *scratch) {
  const lp_tensor *t = &plan->c->inputs[input];
  lp_row_sink sink = {lp_outcome_grad(outcome, input), NULL, scratch, lp_rows_width(t), t->numel};
  if (!collects) return sink;
  sink.low = scratch + widest;
  for (int64_t i = 0; i < t->numel; i++) sink.low[i] = 0.0;
  for (int64_t i = 0; sink.grad && i < t->numel; i++) sink.grad[i] = 0.0;
  return sink;
}

void lp_rows_close_sink(const lp_row_sink *sink) {
  if (sink->grad == NULL || sink->low == NULL) return;
  for (int64_t i = 0; i < sink->numel; i++) sink->grad[i] += isfinite(sink->grad[i]) ? sink->low[i] : 0.0;
}

void lp_rows_collect(const lp_row_sink *sink, int64_t offset, int64_t i, double value) {
  if (sink->grad == NULL) return;
  const int64_t index = offset + (sink->width == 1 ? 0 : i);
  const lp_pair sum = lp_two_sum(sink->grad[index], value);
  sink->grad[index] = sum.high;
  sink->low[index] += sum.low;
}

double *lp_rows_row_of(const lp_row_sink *sink, int64_t offset) {
  return sink->grad && !sink->low ? sink->grad + offset : sink->row;
}

void lp_rows_deliver(const lp_row_sink *sink, int64_t offset, int64_t n) {
  for (int64_t i = 0; sink->low && i < n; i++) lp_rows_collect(sink, offset, i, sink->row[i]);
}

const double *lp_rows_operand(double *copy, const lp_tensor *tensor, int64_t offset, int64_t n) {
  const int64_t step = lp_rows_width(tensor) == 1 ? 0 : 1;
  if (tensor->f64 != NULL && (step == 1 || n <= 1)) return tensor->f64 + offset;
  for (int64_t i = 0; i < n; i++) copy[i] = lp_tensor_get(tensor, offset + i * step);
  return copy;
}

lp_row_total lp_rows_total(const lp_outcome *outcome, const lp_plan *plan) {
  return (lp_row_total){.loss = lp_outcome_loss(outcome), .reduction = plan->c->reduction, .count = plan->term.numel};
}

void lp_rows_put(lp_row_total *total, int64_t row, lp_pair value) {
  if (total->reduction == LP_REDUCTION_NONE) {
    total->loss[row] = value.high;
  } else if (lp_rows_not_large(value.high)) {
    lp_sum_add(&total->sum, value.high);
    total->sum.low += value.low;
  } else if (isfinite(value.high)) {
    total->big = lp_big_add(total->big, lp_big_of_pair(value));
    total->literal += value.high;
  } else {
    total->special += value.high;
  }
}

void lp_rows_put_big(lp_row_total *total, int64_t row, lp_big value) {
  if (total->reduction == LP_REDUCTION_NONE) {
    total->loss[row] = lp_big_get(value);
  } else {
    total->big = lp_big_add(total->big, value);
    total->literal += lp_big_get(value);
  }
}

/* Beside an infinity, finite rows that overflow count as PyTorch's infinities: inf - 1e600 is NaN. */
void lp_rows_finish(const lp_row_total *total) {
  if (total->reduction == LP_REDUCTION_NONE) return;
  const double divisor = total->reduction == LP_REDUCTION_MEAN ? (double)total->count : 1.0;
  if (total->count == 0 || total->special != 0.0) {
    *total->loss = (total->special + total->literal) / divisor;
    return;
  }
  const lp_pair moderate = {total->sum.high, total->sum.low};
  *total->loss = lp_big_get(lp_big_divide(lp_big_add(lp_big_of_pair(moderate), total->big), lp_big_of(divisor)));
}

bool lp_rows_near(const lp_plan *plan, double switch_, double scale) {
  const double u = lp_dtype_unit_roundoff(plan->outcome.outputs[0].tensor.dtype);
  return switch_ != 0.0 && fabs(switch_) <= 8.0 * u * scale;
}

double lp_rows_exact_sum(double *terms, int n) {
  double largest = 0.0;
  for (int i = 0; i < n; i++) largest = fmax(largest, fabs(terms[i]));
  const double down = largest > 0x1p+1000 ? 0.0625 : 1.0; /* so that nothing overflows */
  for (int i = 0; i < n; i++) terms[i] *= down;
  for (int pass = 0; pass < n; pass++) {
    for (int i = 1; i < n; i++) {
      const lp_pair sum = lp_two_sum(terms[i], terms[i - 1]);
      terms[i] = sum.high;
      terms[i - 1] = sum.low;
    }
  }
  return terms[n - 1] / down;
}
