/* ctc: connectionist temporal classification (Graves, Fernandez, Gomez, Schmidhuber 2006), as torch's ctc_loss
 * (aten/src/ATen/native/LossCTC.cpp) defines it.
 *
 * Definition. For each sequence, with lp = log_probs of its first input_length frames, labels y_0 .. y_{S-1} and the
 * states blank, y_0, blank, y_1, .. blank, an alignment is a sequence of states, one per frame, that begins in one of
 * the first two, ends in one of the last two, and moves by 0, 1, or, into a label unlike the label before it, 2.
 *   loss = -log Z,  Z = sum over alignments of prod_t exp(lp[t, class of the state]);  +inf when there is none
 * lp is taken as it comes: nothing normalises it, and Z may exceed 1. A label that equals the blank is a label like any
 * other. reduction: none; sum; mean = (sum_n loss_n / max(S_n, 1)) / N. zero_infinity puts 0 in the place of +inf where
 * there is no alignment (PyTorch: also where a finite loss exceeds the largest double).
 *
 * Gradient, by PyTorch's convention: exp(lp[t,c]) - posterior(t,c), posterior(t,c) being the share in Z of the
 * alignments that are in class c in frame t; it is the true derivative, -posterior, pulled through log_softmax, and
 * equal to it only after that. 0 in frames past input_length, and everywhere when zero_infinity has replaced the loss.
 *
 * Stable form. Forward and backward sums in a linear domain of unlimited range (wide.h), one exponential per weight;
 * frames are taken relative to their largest weight, whose logarithms are added in twice the precision; posteriors are
 * normalised by their own sum in each frame (ctc_lattice.h). There is no fallback to logarithms: where doubles would
 * underflow only levels change. Sequences with a |log_prob| of 2^48 or more (less in over 4096 frames) go another way,
 * with sums along paths that are not rounded at all (ctc_far.h): levels would no longer tell such paths apart. The
 * upstream gradient over a divisor is kept from underflow until a slope meets it.
 *
 * Error. All terms are positive, and every operation has relative error u (exponentials 1.1 u), so that errors add up:
 *   a forward sum of frame t     4.1 (t+1) u of itself: a weight, at most two additions, a product
 *   Z, and with it the loss      4.1 T u, beside the last rounding, u |loss|: shifts and levels are added exactly
 *   a posterior                  8.2 T u + 2 n u of itself, for n states of its class: forward times onward, their sum,
 *                                and the same in the frame's own sum that it is divided by
 * The scale (reference/exact/ctc.c) is at least 3 T + 2 |loss|, and for a posterior 6 T + 1.5 n times it: both stay
 * within 2 u scale. Measured against 400-bit arithmetic the worst of 10^5 elements is 0.8 u scale.
 *
 * Regimes: see the table. No kinks: feasibility is decided by the lengths and repeats, or by -inf, exactly.
 *
 * Degenerate cases, measured on PyTorch 2.13 CPU float64:
 *   input_length 0         loss -0 for an empty target, otherwise inf; gradient 0, even for an upstream NaN
 *   no alignment           loss inf, gradient NaN in all frames of the sequence; with zero_infinity loss 0 and
 *                          gradient 0, whatever the upstream gradient
 *   empty target           loss -sum of the blank's lp; denominator 1
 *   -inf in lp             the loss as the definition says; gradient NaN at that element (-inf - -inf), though no
 *                          alignment passes it, and finite at the others
 *   NaN, +inf in lp        see ctc_classes.h; in a class that no state has: NaN or +inf at that element alone
 *   infinite upstream      as a double has it: NaN where exp(lp) - posterior is, or underflows to, 0
 *   empty log_probs        refused, whether N, T or C is 0; half types are refused too
 *   odd shapes             one class, lengths of any rank, 2-D targets beside unbatched log_probs: taken
 *   labels                 any class, also the blank; for others PyTorch reads and writes out of bounds: refused here
 *   float, bool targets    PyTorch truncates them to integers; refused here
 *
 * Finite inputs at which PyTorch is wrong, and the definition is computed here:
 *   the last label is the blank   in the last frame PyTorch drops the share of the final blank state from the gradient
 *   lp > 709.78                   exp(lp) overflows before a small upstream gradient or the denominator is applied
 *   exp(lp) or a posterior below 2^-1022 with a large upstream gradient: bits lost to underflow
 *   log Z over 10^16              the rounding of collected + loss - lp exceeds 1: posteriors of 0, inf or NaN
 *   |lp| over 10^307              sums of logarithms overflow: loss inf, gradients 0 or NaN */
#include "reference/plan.h"

#include "reference/bigmath.h"
#include "reference/ctc_classes.h"
#include "reference/ctc_draw.h"
#include "reference/ctc_far.h"
#include "reference/ctc_lattice.h"
#include "reference/sum.h"

extern const lp_loss lp_loss_ctc;

enum { LOG_PROBS, TARGETS, INPUT_LENGTHS, TARGET_LENGTHS };
enum { BLANK, ZERO_INFINITY };
enum { FRAMES, BATCH, CLASSES, LONGEST_TARGET, LONGEST_INPUT }; /* plan->extent */
enum { SHAPE_TEXT = 96 };

/* --- checks --- */

static lp_status check_log_probs(lp_plan *plan, lp_error *error) {
  const lp_tensor *x = &plan->c->inputs[LOG_PROBS];
  char text[SHAPE_TEXT];
  if (x->dtype != LP_FLOAT64 && x->dtype != LP_FLOAT32) {
    return lp_refuse(error, LP_REJECT_DTYPE, "log_probs: expected float64 or float32, got %s", lp_dtype_name(x->dtype));
  }
  if (x->numel == 0) {
    return lp_refuse(error, LP_REJECT_SHAPE, "log_probs: expected a tensor that is not empty, got shape %s",
                     lp_tensor_shape_text(text, sizeof text, x));
  }
  plan->extent[FRAMES] = x->shape[0];
  plan->extent[BATCH] = x->rank == 3 ? x->shape[1] : 1;
  plan->extent[CLASSES] = x->shape[x->rank - 1];
  return LP_OK;
}

static lp_status check_blank(const lp_plan *plan, lp_error *error) {
  const double blank = plan->c->params[BLANK], n_classes = (double)plan->extent[CLASSES];
  if (blank >= 0.0 && blank < n_classes && blank == floor(blank)) return LP_OK;
  return lp_refuse(error, LP_REJECT_PARAMETER, "blank: expected a class, an integer in 0..%.0f, got %g",
                   n_classes - 1.0, blank);
}

static lp_status check_count(const lp_plan *plan, int input, lp_error *error) {
  const lp_tensor *lengths = &plan->c->inputs[input];
  char text[SHAPE_TEXT];
  if (lengths->numel == plan->extent[BATCH]) return LP_OK;
  return lp_refuse(error, LP_REJECT_SHAPE, "%s: expected one length for each of the %lld sequences, got shape %s",
                   plan->c->loss->inputs[input].name, (long long)plan->extent[BATCH],
                   lp_tensor_shape_text(text, sizeof text, lengths));
}

/* Sets *longest. */
static lp_status check_lengths(const lp_plan *plan, int input, int64_t most, int64_t *longest, lp_error *error) {
  const lp_tensor *lengths = &plan->c->inputs[input];
  *longest = 0;
  for (int64_t n = 0; n < lengths->numel; n++) {
    const int64_t length = lengths->i64[n];
    if (length < 0 || length > most) {
      return lp_refuse(error, LP_REJECT_LENGTH, "%s: expected lengths in 0..%lld, got %lld at position %lld",
                       plan->c->loss->inputs[input].name, (long long)most, (long long)length, (long long)n);
    }
    if (length > *longest) *longest = length;
  }
  return LP_OK;
}

static bool is_padded(const lp_plan *plan) { return plan->c->inputs[TARGETS].rank == 2; }

static lp_status check_rows(const lp_plan *plan, lp_error *error) {
  const lp_tensor *targets = &plan->c->inputs[TARGETS];
  char text[SHAPE_TEXT];
  if (!is_padded(plan) || targets->shape[0] == plan->extent[BATCH]) return LP_OK;
  return lp_refuse(error, LP_REJECT_SHAPE, "targets: expected one row for each of the %lld sequences, got shape %s",
                   (long long)plan->extent[BATCH], lp_tensor_shape_text(text, sizeof text, targets));
}

/* Concatenated targets hold just the labels that the lengths name. No length exceeds numel, so that sums do not
 * overflow. */
static lp_status check_total(const lp_plan *plan, lp_error *error) {
  const lp_tensor *targets = &plan->c->inputs[TARGETS], *lengths = &plan->c->inputs[TARGET_LENGTHS];
  int64_t total = 0;
  for (int64_t n = 0; n < lengths->numel; n++) total += lengths->i64[n];
  if (is_padded(plan) || total == targets->numel) return LP_OK;
  return lp_refuse(error, LP_REJECT_SHAPE,
                   "targets: expected %lld concatenated labels, the sum of target_lengths, got "
                   "%lld",
                   (long long)total, (long long)targets->numel);
}

/* --- sequences --- */

/* The first sequence of the batch; `next` moves on to the others in turn. */
static lp_ctc_sequence first_sequence(const lp_plan *plan) {
  const lp_case *c = plan->c;
  return (lp_ctc_sequence){.log_probs = c->inputs[LOG_PROBS].f64,
                           .stride = plan->extent[BATCH] * plan->extent[CLASSES],
                           .n_classes = plan->extent[CLASSES],
                           .n_frames = c->inputs[INPUT_LENGTHS].i64[0],
                           .labels = c->inputs[TARGETS].i64,
                           .n_labels = c->inputs[TARGET_LENGTHS].i64[0],
                           .blank = (int64_t)c->params[BLANK]};
}

/* Sequence n, after sequence n-1. */
static void next_sequence(lp_ctc_sequence *q, const lp_plan *plan, int64_t n) {
  const lp_case *c = plan->c;
  q->log_probs += q->n_classes;
  q->labels += is_padded(plan) ? c->inputs[TARGETS].shape[1] : q->n_labels;
  q->n_frames = c->inputs[INPUT_LENGTHS].i64[n];
  q->n_labels = c->inputs[TARGET_LENGTHS].i64[n];
}

/* PyTorch reads the labels of every sequence that has a frame. */
static lp_status check_labels(const lp_plan *plan, lp_error *error) {
  lp_ctc_sequence q = first_sequence(plan);
  for (int64_t n = 0; n < plan->extent[BATCH]; n++) {
    if (n > 0) next_sequence(&q, plan, n);
    for (int64_t j = 0; q.n_frames > 0 && j < q.n_labels; j++) {
      if (q.labels[j] >= 0 && q.labels[j] < q.n_classes) continue;
      return lp_refuse(error, LP_REJECT_INDEX,
                       "targets: expected classes in 0..%lld, got %lld at label %lld of sequence "
                       "%lld",
                       (long long)(q.n_classes - 1), (long long)q.labels[j], (long long)j, (long long)n);
    }
  }
  return LP_OK;
}

/* Of n numbers: is one of this size or more, an infinity or NaN? In this order the bits of doubles above 0 ascend, and
 * a difference below 0 has its first bit set: integers, which compilers make vectors of. */
static bool any_beyond(const double *x, int64_t n, double size) {
  const uint64_t last = lp_bits(size) - 1;
  uint64_t differences = 0;
  for (int64_t i = 0; i < n; i++) differences |= last - lp_bits(fabs(x[i]));
  return differences >> 63 != 0;
}

/* The alignments of the longest sequence, however they are held, and beside them PyTorch's classes, and a share of the
 * paths for each class. */
static size_t scratch_size(const lp_plan *plan) {
  const int64_t n_frames = plan->extent[LONGEST_INPUT], n_labels = plan->extent[LONGEST_TARGET];
  const int64_t n_classes = plan->extent[CLASSES];
  const lp_tensor *x = &plan->c->inputs[LOG_PROBS];
  size_t alignments = lp_ctc_lattice_size(n_frames, n_labels);
  if (any_beyond(x->f64, x->numel, lp_ctc_far_from(n_frames))) {
    const size_t far = lp_ctc_far_size(n_frames, n_labels);
    alignments = far > alignments ? far : alignments;
  }
  return alignments + lp_ctc_classes_size(n_frames, n_labels, n_classes) + 2 * (size_t)n_classes;
}

static lp_status plan_ctc(lp_plan *plan, lp_error *error) {
  LP_TRY(check_log_probs(plan, error));
  const lp_tensor *targets = &plan->c->inputs[TARGETS];
  const int64_t batch = plan->extent[BATCH], row = is_padded(plan) ? targets->shape[1] : targets->numel;
  LP_TRY(check_blank(plan, error));
  LP_TRY(check_count(plan, INPUT_LENGTHS, error));
  LP_TRY(check_count(plan, TARGET_LENGTHS, error));
  LP_TRY(check_rows(plan, error));
  LP_TRY(check_lengths(plan, TARGET_LENGTHS, row, &plan->extent[LONGEST_TARGET], error));
  LP_TRY(check_lengths(plan, INPUT_LENGTHS, plan->extent[FRAMES], &plan->extent[LONGEST_INPUT], error));
  LP_TRY(check_total(plan, error));
  LP_TRY(check_labels(plan, error));
  lp_plan_set_term(plan, plan->c->inputs[LOG_PROBS].rank == 3 ? 1 : 0, &batch);
  plan->scratch = scratch_size(plan);
  return LP_OK;
}

/* --- one sequence --- */

/* What its loss is divided by. */
static double divisor(const lp_plan *plan, int64_t n_labels) {
  if (plan->c->reduction != LP_REDUCTION_MEAN) return 1.0;
  return (double)plan->extent[BATCH] * (n_labels > 1 ? (double)n_labels : 1.0);
}

/* What its slopes are multiplied by: the upstream gradient over the divisor. Of a small one no bits are lost to
 * underflow; level is 0 for others. */
static lp_wide factor(const lp_plan *plan, int64_t n, int64_t n_labels) {
  const double g = lp_plan_upstream(plan, plan->c->reduction == LP_REDUCTION_NONE ? n : 0);
  const double below = divisor(plan, n_labels);
  return fabs(g) < 0x1p-900 ? (lp_wide){g * 0x1p1023 * 2.0 / below, -2.0} : (lp_wide){g / below, 0.0};
}

/* A number times the factor, as a double. */
static double times(lp_wide a, lp_wide by) {
  return by.level == 0.0 ? lp_wide_times(a, by.m) : lp_wide_times_far((lp_wide){a.m, a.level + by.level}, by.m);
}

/* The factor as PyTorch has it, of the class of infinities and NaN. */
static double factor_class(const lp_plan *plan, int64_t n, int64_t n_labels) {
  const double g = lp_plan_upstream(plan, plan->c->reduction == LP_REDUCTION_NONE ? n : 0);
  return g / divisor(plan, n_labels);
}

/* A sequence with its alignments. */
typedef struct item {
  lp_ctc_sequence q;
  lp_ctc_lattice lattice;
  lp_ctc_far far;
  bool is_far;       /* they are in `far`, otherwise in the lattice */
  double loss_class; /* 0: finite */
  bool suspect;      /* PyTorch may give infinities or NaN */
  bool zeroed;       /* zero_infinity applies */
  double *beside;    /* scratch beyond that of the alignments */
} item;

/* Sets is_far and suspect by what the frames hold. */
static void look_at_numbers(item *i) {
  const lp_ctc_sequence *q = &i->q;
  const double far_from = lp_ctc_far_from(q->n_frames);
  i->is_far = i->suspect = false;
  for (int64_t t = 0; t < q->n_frames; t++) {
    const double *row = q->log_probs + t * q->stride;
    if (!any_beyond(row, q->n_classes, far_from)) continue;
    for (int64_t c = 0; c < q->n_classes; c++) {
      i->is_far = i->is_far || (isfinite(row[c]) && fabs(row[c]) >= far_from);
      i->suspect = i->suspect || !isfinite(row[c]);
    }
  }
}

/* Returns whether there is one whose weight is not 0. */
static bool find_alignments(item *i, double *scratch) {
  const int64_t n_frames = i->q.n_frames, n_labels = i->q.n_labels;
  if (i->is_far) {
    lp_ctc_far_forward(&i->far, &i->q, scratch);
    i->beside = scratch + lp_ctc_far_size(n_frames, n_labels);
    return !lp_wide_is_zero(i->far.total->count);
  }
  lp_ctc_forward(&i->lattice, &i->q, scratch);
  i->beside = scratch + lp_ctc_lattice_size(n_frames, n_labels);
  return !lp_wide_is_zero(i->lattice.total);
}

static void prepare(item *i, const lp_plan *plan, double *scratch) {
  look_at_numbers(i);
  const bool found = find_alignments(i, scratch);
  i->suspect = i->suspect || !found;
  i->loss_class = i->suspect ? lp_ctc_loss_class(&i->q, i->beside) : 0.0;
  i->zeroed = plan->c->params[ZERO_INFINITY] != 0.0 && i->loss_class == (double)INFINITY;
}

static bool has_paths(const item *i) { return isfinite(i->loss_class); }

static double loss_of(const item *i) {
  if (i->zeroed) return 0.0;
  if (!has_paths(i)) return i->loss_class;
  return -(i->is_far ? lp_big_get(lp_ctc_far_log_total(&i->far)) : lp_ctc_log_total(&i->lattice));
}

static void fill(double *grad, const lp_ctc_sequence *q, int64_t from, int64_t to, double value) {
  for (int64_t t = from; t < to; t++) {
    for (int64_t c = 0; c < q->n_classes; c++) grad[t * q->stride + c] = value;
  }
}

LP_MULTIVERSION
static void exponentials(double *out, const double *x, int64_t n) {
  for (int64_t i = 0; i < n; i++) out[i] = lp_exp_pair(x[i], 0.0).high;
}

static lp_wide add_share(lp_wide *of_class, lp_wide sum, lp_wide share) {
  *of_class = lp_wide_add(*of_class, share);
  return lp_wide_add(sum, share);
}

/* The classes' shares of the paths in frame t, and their sum. */
static lp_wide collect(lp_wide *shares, const lp_ctc_lattice *lattice, int64_t t) {
  const lp_ctc_sequence *q = lattice->q;
  const lp_wide *forward = lattice->forward + t * lattice->row;
  const int64_t last = (int64_t)lattice->last[t];
  lp_wide sum = lp_wide_zero();
  for (int64_t s = (int64_t)lattice->first[t]; s <= last; s++) {
    sum = add_share(&shares[lp_ctc_class(q, s)], sum, lp_wide_multiply(forward[s], lattice->onward[s]));
  }
  return sum;
}

static lp_wide collect_far(lp_wide *shares, const lp_ctc_far *far) {
  lp_wide sum = lp_wide_zero();
  for (int64_t s = 0; s < lp_ctc_states(far->q); s++) {
    sum = add_share(&shares[lp_ctc_class(far->q, s)], sum, far->share[s]);
  }
  return sum;
}

static lp_wide step_back(lp_wide *shares, item *i, int64_t t) {
  if (i->is_far) {
    lp_ctc_far_step_back(&i->far, t);
    return collect_far(shares, &i->far);
  }
  lp_ctc_step_back(&i->lattice, t);
  return collect(shares, &i->lattice, t);
}

/* (exp(log_prob) - share / sum) * by. */
static double slope(double log_prob, lp_wide share, lp_wide sum, lp_wide by) {
  const lp_wide posterior = lp_wide_divide(share, sum), minus = {-posterior.m, posterior.level};
  return times(lp_wide_add(lp_wide_exp(log_prob, 0.0), minus), by);
}

/* One row of the gradient; most classes have no share, and few weights are out of range. Leaves the shares zero. */
static void write_row(double *grad, const double *log_probs, lp_wide *shares, lp_wide sum, int64_t n_classes,
                      lp_wide by) {
  const double plain = by.level == 0.0 ? 700.0 : 0.0;
  exponentials(grad, log_probs, n_classes);
  for (int64_t c = 0; c < n_classes; c++) {
    if (lp_wide_is_zero(shares[c]) && fabs(log_probs[c]) < plain) {
      grad[c] *= by.m;
    } else {
      grad[c] = slope(log_probs[c], shares[c], sum, by);
      shares[c] = lp_wide_zero();
    }
  }
}

static void write_gradient(double *grad, item *i, lp_wide by) {
  const lp_ctc_sequence *q = &i->q;
  lp_wide *shares = (lp_wide *)(void *)(i->beside + lp_ctc_classes_size(q->n_frames, q->n_labels, q->n_classes));
  for (int64_t c = 0; c < q->n_classes; c++) shares[c] = lp_wide_zero();
  for (int64_t t = q->n_frames - 1; t >= 0; t--) {
    const lp_wide sum = step_back(shares, i, t);
    write_row(grad + t * q->stride, q->log_probs + t * q->stride, shares, sum, q->n_classes, by);
  }
}

/* Where the loss has no finite value, what is finite of the gradient has a posterior of 0. */
static void write_weights(double *grad, const lp_ctc_sequence *q, lp_wide by) {
  for (int64_t t = 0; t < q->n_frames; t++) {
    const double *row = q->log_probs + t * q->stride;
    for (int64_t c = 0; c < q->n_classes; c++) {
      grad[t * q->stride + c] = row[c] < (double)INFINITY ? times(lp_wide_exp(row[c], 0.0), by) : 0.0;
    }
  }
}

/* --- run --- */

static void run_item(double *grad, item *i, const lp_plan *plan, int64_t n) {
  const lp_ctc_sequence *q = &i->q;
  const lp_wide by = factor(plan, n, q->n_labels);
  if (i->zeroed) {
    fill(grad, q, 0, q->n_frames, 0.0);
  } else if (has_paths(i)) {
    write_gradient(grad, i, by);
  } else {
    write_weights(grad, q, by);
  }
  if (i->suspect && !i->zeroed) {
    lp_ctc_mark_classes(grad, q, i->loss_class, factor_class(plan, n, q->n_labels), i->beside);
  }
  fill(grad, q, q->n_frames, plan->extent[FRAMES], 0.0);
}

/* Losses that a double may not hold go apart: their sum, or quotient, may be finite. */
typedef struct total {
  lp_sum sum;
  lp_big far;
} total;

static void add_loss(total *to, const item *i, double by) {
  if (i->is_far && has_paths(i)) {
    to->far = lp_big_subtract(to->far, lp_big_divide(lp_ctc_far_log_total(&i->far), lp_big_of(by)));
  } else {
    lp_sum_add(&to->sum, loss_of(i) / by);
  }
}

static double get_total(const total *of) {
  const double sum = lp_sum_get(&of->sum);
  return of->far.high == 0.0 ? sum : lp_big_get(lp_big_add(of->far, lp_big_of(sum)));
}

static void run_ctc(lp_outcome *outcome, const lp_plan *plan, double *scratch) {
  double *loss = lp_outcome_loss(outcome), *grad = lp_outcome_grad(outcome, LOG_PROBS);
  item i = {.q = first_sequence(plan)};
  total sum = {lp_sum_zero(), lp_big_of(0.0)};
  for (int64_t n = 0; n < plan->extent[BATCH]; n++) {
    if (n > 0) next_sequence(&i.q, plan, n);
    prepare(&i, plan, scratch);
    run_item(grad + n * i.q.n_classes, &i, plan, n);
    if (plan->c->reduction == LP_REDUCTION_NONE) loss[n] = loss_of(&i);
    add_loss(&sum, &i, divisor(plan, i.q.n_labels));
  }
  if (plan->c->reduction != LP_REDUCTION_NONE) loss[0] = get_total(&sum);
}

/* --- regimes --- */

enum {
  REGIME_FEASIBLE,
  REGIME_INFEASIBLE,
  REGIME_IMPOSSIBLE,
  REGIME_SINGLE_ALIGNMENT,
  REGIME_EMPTY_TARGET,
  REGIME_ZERO_INPUT_LENGTH,
  REGIME_NOTHING_AT_ALL,
  REGIME_REPEATS,
  REGIME_NO_REPEATS,
  REGIME_BLANK_IN_TARGET,
  REGIME_BLANK_LAST,
  REGIME_FRAMES_PAST_END,
  REGIME_LABELS_PAST_END,
  REGIME_PADDED,
  REGIME_CONCATENATED,
  REGIME_UNBATCHED,
  REGIME_ZEROED,
  REGIME_INFINITE,
  REGIME_NORMALISED,
  REGIME_UNNORMALISED,
  REGIME_CONFIDENT,
  REGIME_NEGATIVE_LOSS,
  REGIME_WIDE,
  REGIME_EXP_OVERFLOW,
  REGIME_EXP_UNDERFLOW,
  REGIME_NEG_INF,
  REGIME_POS_INF,
  REGIME_NAN,
  REGIME_NAN_OUTSIDE,
  REGIME_MEAN_BY_LENGTH,
  REGIME_MEAN_BY_ONE,
  N_REGIMES
};

static const lp_regime regimes[N_REGIMES] = {
    [REGIME_FEASIBLE] = {"feasible", "some alignment has a weight that is not 0"},
    [REGIME_INFEASIBLE] = {"infeasible", "fewer frames than labels and repeats: no alignment"},
    [REGIME_IMPOSSIBLE] = {"impossible", "enough frames, but every alignment passes a -inf"},
    [REGIME_SINGLE_ALIGNMENT] = {"single-alignment", "just as many frames as labels and repeats"},
    [REGIME_EMPTY_TARGET] = {"empty-target", "target length 0: all frames are blank"},
    [REGIME_ZERO_INPUT_LENGTH] = {"zero-input-length", "input length 0"},
    [REGIME_NOTHING_AT_ALL] = {"both-lengths-zero", "input and target length 0: loss 0"},
    [REGIME_REPEATS] = {"repeats", "equal labels side by side: no skip between them"},
    [REGIME_NO_REPEATS] = {"skips", "different labels side by side: the blank between them may be skipped"},
    [REGIME_BLANK_IN_TARGET] = {"blank-in-target", "a label equals the blank"},
    [REGIME_BLANK_LAST] = {"blank-last", "the last label equals the blank"},
    [REGIME_FRAMES_PAST_END] = {"frames-past-end", "input length below the extent of log_probs"},
    [REGIME_LABELS_PAST_END] = {"labels-past-end", "target length below the extent of padded targets"},
    [REGIME_PADDED] = {"padded", "targets of rank 2"},
    [REGIME_CONCATENATED] = {"concatenated", "targets of rank 1"},
    [REGIME_UNBATCHED] = {"unbatched", "log_probs of rank 2"},
    [REGIME_ZEROED] = {"zeroed", "zero_infinity has replaced an infinite loss"},
    [REGIME_INFINITE] = {"infinite", "an infinite loss without zero_infinity"},
    [REGIME_NORMALISED] = {"normalised", "the probabilities of every frame add up to 1, up to 2^-20"},
    [REGIME_UNNORMALISED] = {"unnormalised", "those of some frame do not"},
    [REGIME_CONFIDENT] = {"confident", "0 < loss < 2^-20: it is what the alignments lack to 1"},
    [REGIME_NEGATIVE_LOSS] = {"negative-loss", "weights over 1 make the loss negative"},
    [REGIME_WIDE] = {"wide", "a weight or a sum of weights below 10^-77 of the largest in its frame"},
    [REGIME_EXP_OVERFLOW] = {"exp-overflow", "exp(log_probs) exceeds the largest double"},
    [REGIME_EXP_UNDERFLOW] = {"exp-underflow", "exp(log_probs) of a finite number is below 2^-1022"},
    [REGIME_NEG_INF] = {"neg-inf", "-inf among the frames of a sequence"},
    [REGIME_POS_INF] = {"pos-inf", "+inf among the frames of a sequence"},
    [REGIME_NAN] = {"nan", "NaN among the frames of a sequence"},
    [REGIME_NAN_OUTSIDE] = {"nan-outside", "NaN or +inf that leaves the loss finite"},
    [REGIME_MEAN_BY_LENGTH] = {"mean-by-length", "mean divides a loss by its target length"},
    [REGIME_MEAN_BY_ONE] = {"mean-by-one", "mean divides the loss of an empty target by 1"},
};

static uint64_t bit(bool entered, int regime) { return (uint64_t)entered << regime; }

static uint64_t shape_regimes(const lp_ctc_sequence *q, const lp_plan *plan) {
  const int64_t needed = lp_ctc_frames_needed(q);
  const bool mean = plan->c->reduction == LP_REDUCTION_MEAN;
  uint64_t set = bit(is_padded(plan), REGIME_PADDED) | bit(!is_padded(plan), REGIME_CONCATENATED);
  set |= bit(plan->c->inputs[LOG_PROBS].rank == 2, REGIME_UNBATCHED);
  set |=
      bit(q->n_frames < needed, REGIME_INFEASIBLE) | bit(q->n_frames == needed && needed > 0, REGIME_SINGLE_ALIGNMENT);
  set |= bit(q->n_labels == 0, REGIME_EMPTY_TARGET) | bit(q->n_frames == 0, REGIME_ZERO_INPUT_LENGTH);
  set |= bit(q->n_labels == 0 && q->n_frames == 0, REGIME_NOTHING_AT_ALL);
  set |= bit(q->n_frames < plan->extent[FRAMES], REGIME_FRAMES_PAST_END);
  set |= bit(is_padded(plan) && q->n_labels < plan->c->inputs[TARGETS].shape[1], REGIME_LABELS_PAST_END);
  return set | bit(mean && q->n_labels > 0, REGIME_MEAN_BY_LENGTH) | bit(mean && q->n_labels == 0, REGIME_MEAN_BY_ONE);
}

static uint64_t label_regimes(const lp_ctc_sequence *q) {
  uint64_t set = 0;
  for (int64_t j = 0; j < q->n_labels; j++) {
    const bool again = j > 0 && q->labels[j] == q->labels[j - 1];
    set |= bit(again, REGIME_REPEATS) | bit(j > 0 && !again, REGIME_NO_REPEATS);
    set |= bit(q->labels[j] == q->blank, REGIME_BLANK_IN_TARGET);
    set |= bit(q->labels[j] == q->blank && j + 1 == q->n_labels, REGIME_BLANK_LAST);
  }
  return set;
}

static uint64_t number_regimes(double x) {
  return bit(isnan(x), REGIME_NAN) | bit(x == (double)INFINITY, REGIME_POS_INF) |
         bit(x == -(double)INFINITY, REGIME_NEG_INF) | bit(isfinite(x) && x > 709.782712893384, REGIME_EXP_OVERFLOW) |
         bit(isfinite(x) && x < -708.3964185322641, REGIME_EXP_UNDERFLOW);
}

static uint64_t row_regimes(const lp_ctc_sequence *q) {
  uint64_t set = 0;
  for (int64_t t = 0; t < q->n_frames; t++) {
    double sum = 0.0;
    for (int64_t c = 0; c < q->n_classes; c++) {
      const double x = q->log_probs[t * q->stride + c];
      set |= number_regimes(x);
      sum += lp_exp_pair(x, 0.0).high;
    }
    const bool normalised = fabs(sum - 1.0) < 0x1p-20;
    set |= bit(normalised, REGIME_NORMALISED) | bit(!normalised, REGIME_UNNORMALISED);
  }
  return set;
}

/* Are all that are not zero of one level? */
static bool is_level(const lp_wide *row, int64_t first, int64_t last) {
  double level = (double)NAN;
  for (int64_t s = first; s <= last; s++) {
    if (lp_wide_is_zero(row[s])) continue;
    if (row[s].level != level && !isnan(level)) return false;
    level = row[s].level;
  }
  return true;
}

/* Does some state owe as little to one of those before it? */
static bool is_wide_far(const lp_ctc_far *far) {
  const int64_t n = 3 * far->q->n_frames * lp_ctc_states(far->q);
  bool wide = false;
  for (int64_t k = 0; k < n; k++) wide = wide || (far->origin[k].level < 0.0 && !lp_wide_is_zero(far->origin[k]));
  return wide;
}

static bool is_wide_lattice(const lp_ctc_lattice *lattice) {
  for (int64_t t = 0; t < lattice->q->n_frames; t++) {
    const lp_wide *row = lattice->forward + t * lattice->row;
    if (!is_level(row, (int64_t)lattice->first[t], (int64_t)lattice->last[t])) return true;
  }
  return false;
}

static bool is_wide(const item *i) { return i->is_far ? is_wide_far(&i->far) : is_wide_lattice(&i->lattice); }

static uint64_t loss_regimes(const item *i) {
  const double loss = loss_of(i);
  const bool infinite = i->loss_class == (double)INFINITY, finite = has_paths(i);
  const bool enough = i->q.n_frames >= lp_ctc_frames_needed(&i->q);
  uint64_t set = bit(finite, REGIME_FEASIBLE) | bit(infinite && enough, REGIME_IMPOSSIBLE);
  set |= bit(i->zeroed, REGIME_ZEROED) | bit(infinite && !i->zeroed, REGIME_INFINITE);
  set |=
      bit(finite && loss > 0.0 && loss < 0x1p-20, REGIME_CONFIDENT) | bit(finite && loss < 0.0, REGIME_NEGATIVE_LOSS);
  return set | bit(finite && is_wide(i), REGIME_WIDE);
}

static uint64_t regimes_of_ctc(const lp_plan *plan, double *scratch) {
  item i = {.q = first_sequence(plan)};
  uint64_t set = 0;
  for (int64_t n = 0; n < plan->extent[BATCH]; n++) {
    if (n > 0) next_sequence(&i.q, plan, n);
    prepare(&i, plan, scratch);
    const uint64_t numbers = row_regimes(&i.q), odd = (UINT64_C(1) << REGIME_NAN) | (UINT64_C(1) << REGIME_POS_INF);
    set |= shape_regimes(&i.q, plan) | label_regimes(&i.q) | numbers | loss_regimes(&i);
    set |= bit((numbers & odd) != 0 && isfinite(i.loss_class), REGIME_NAN_OUTSIDE);
  }
  return set;
}

/* --- the row --- */

static const lp_input_spec inputs[] = {
    {"log_probs", LP_KIND_REAL, false, true, false, 2, 3, "(T, N, C) or (T, C)", "logarithms of class probabilities",
     0.0, false, false},
    {"targets", LP_KIND_INDEX, false, false, false, 1, 2, "(N, S) padded, or (sum of target_lengths) concatenated",
     "labels: classes other than the blank", 0.0, true, false},
    {"input_lengths", LP_KIND_LENGTH, false, false, false, 0, LP_MAX_RANK, "(N), or () when N is 1",
     "frames of each sequence, at most T", 0.0, false, false},
    {"target_lengths", LP_KIND_LENGTH, false, false, false, 0, LP_MAX_RANK, "(N), or () when N is 1",
     "labels of each sequence, at most S", 0.0, false, false},
};

static const double blank_values[] = {0.0, 1.0}, blank_rejects[] = {-1.0, 5.0, 1025.0};
static const double switch_values[] = {0.0, 1.0};

static const lp_param_spec params[] = {
    {"blank", LP_PARAM_INT, 0.0, "an integer in 0..C-1", "the class that stands between labels", blank_values, 2,
     blank_rejects, 3},
    {"zero_infinity", LP_PARAM_BOOL, 0.0, "false or true", "puts 0 in the place of infinite losses and their gradients",
     switch_values, 2, NULL, 0},
};

static const lp_rule rules[] = {
    {"gradient-convention", "the gradient is exp(log_probs) - posterior, not the true derivative -posterior"},
    {"repeats-need-a-blank", "a sequence is feasible when its frames cover labels and equal neighbours"},
    {"mean-divides-by-target-length", "mean averages loss / max(target length, 1) over the batch"},
    {"zero-infinity-gradient", "zero_infinity gives loss 0 and gradient 0, whatever the upstream gradient"},
    {"infeasible-gradient", "an infinite loss has NaN gradients in all frames of its sequence"},
    {"neg-inf-gradient", "the gradient at a log-probability of -inf is NaN, that of the others stays finite"},
    {"frames-past-end", "frames past the input length are not read, and their gradient is 0"},
    {"labels-past-end", "labels past the target length are not read"},
    {"blank-in-target", "a label that equals the blank is a label like any other"},
    {"empty-target", "an empty target costs the blanks of all frames"},
    {"zero-input-length", "without frames the loss is 0 for an empty target and infinite for another"},
    {"no-normalisation", "log_probs are taken as they come: the loss may be negative"},
    {"half-types", "float16 and bfloat16 are refused"},
};

static const lp_shape_class shape_classes[] = {
    {"padded", {"T N C", "N S", "N", "N"}, true, false, "rows of targets read with the wrong stride"},
    {"concatenated", {"T N C", "S", "N", "N"}, true, false, "offsets into concatenated targets"},
    {"unbatched", {"T C", "S", ".", "."}, false, false, "log_probs without a batch axis"},
    {"unbatched-row", {"T C", "1 S", "1", "1"}, false, false, "2-D targets beside unbatched log_probs"},
    {"odd-lengths", {"T 1 C", "1 S", ".", "1 1"}, false, false, "lengths of another rank than 1"},
    {"one-class", {"T N 1", "N S", "N", "N"}, false, false, "no class but the blank"},
    {"no-labels", {"T N C", "N 0", "N", "N"}, false, false, "padded targets without columns"},
    {"no-targets", {"T N C", "0", "N", "N"}, false, false, "concatenated targets without elements"},
    {"one-frame", {"1 N C", "N S", "N", "N"}, false, false, "a first frame that is the last"},
    {"few-frames", {"2 N C", "N 4", "N", "N"}, false, false, "more labels than frames"},
    {"many-classes", {"6 2 65", "2 S", "2", "2"}, false, false, "class loops cut into blocks"},
    {"thousand-classes", {"3 1 1025", "1 2", "1", "1"}, false, false, "class loops cut into blocks"},
    {"forty-frames", {"40 3 5", "3 12", "3", "3"}, false, false, "rounding and underflow that build up over frames"},
    {"many-frames", {"400 1 4", "1 90", "1", "1"}, false, false, "rounding and underflow that build up over frames"},
    {"long-targets", {"2060 1 3", "1 1025", "1", "1"}, false, false, "states beyond a block of 1024 or 2048"},
    {"no-batch", {"T 0 C", "0 S", "0", "0"}, false, true, "an empty batch"},
    {"no-frames", {"0 N C", "N S", "N", "N"}, false, true, "no frames"},
    {"no-classes", {"T N 0", "N S", "N", "N"}, false, true, "no classes"},
    {"log-probs-1d", {"T", "S", ".", "."}, false, true, "log_probs without classes"},
    {"log-probs-4d", {"1 T N C", "N S", "N", "N"}, false, true, "log_probs of rank 4"},
    {"targets-0d", {"T 1 C", ".", "1", "1"}, false, true, "a single number for targets"},
    {"targets-3d", {"T N C", "N S 1", "N", "N"}, false, true, "targets of rank 3"},
    {"too-many-rows", {"T N C", "N+1 S", "N", "N"}, false, true, "more rows of targets than sequences"},
    {"too-few-rows", {"T N+1 C", "N S", "N+1", "N+1"}, false, true, "fewer rows of targets than sequences"},
    {"input-lengths-count", {"T N C", "N S", "N+1", "N"}, false, true, "more input lengths than sequences"},
    {"target-lengths-count", {"T N C", "N S", "N", "N+1"}, false, true, "more target lengths than sequences"},
};

static const lp_bench_shape bench[] = {
    {"T=50 N=16 C=20 S=30", {"50 16 20", "16 30", "16", "16"}},
    {"T=500 N=16 C=100 S=100", {"500 16 100", "16 100", "16", "16"}},
};

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

const lp_loss lp_loss_ctc = {
    .name = "ctc",
    .functional = "ctc_loss",
    .module = "CTCLoss",
    .summary =
        "connectionist temporal classification: minus the log of the sum over all alignments of labels to frames",
    .definition =
        "loss_n = -log sum over alignments of prod_t exp(log_probs[t, n, class of the alignment in t]); the "
        "gradient is exp(log_probs) - posterior by convention",
    .denominator = "each loss by max(target length, 1), then the number of sequences",
    .ignored = "frames past input_lengths, labels past target_lengths",
    .batch_axis = "second axis of log_probs when it has rank 3, first axis of padded targets",
    .class_axis = "last axis of log_probs",
    .reductions = LP_CAN_USUAL,
    .rejects = 1u << LP_REJECT_DTYPE | 1u << LP_REJECT_RANK | 1u << LP_REJECT_SHAPE | 1u << LP_REJECT_REDUCTION |
               1u << LP_REJECT_PARAMETER | 1u << LP_REJECT_INDEX | 1u << LP_REJECT_LENGTH | 1u << LP_REJECT_GRAD_OUTPUT,
    .inputs = inputs,
    .n_inputs = COUNT(inputs),
    .params = params,
    .n_params = COUNT(params),
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .rules = rules,
    .n_rules = COUNT(rules),
    .shape_classes = shape_classes,
    .n_shape_classes = COUNT(shape_classes),
    .value_classes = lp_ctc_value_classes,
    .n_value_classes = LP_CTC_VALUE_CLASSES,
    .bench = bench,
    .n_bench = COUNT(bench),
    .plan = plan_ctc,
    .run = run_ctc,
    .regimes_of = regimes_of_ctc,
    .draw = lp_ctc_draw,
};
