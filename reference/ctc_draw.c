#include "reference/ctc_draw.h"

#include "reference/ctc_lattice.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* The inputs in their order, and the geometry that their shapes give. */
typedef struct sheet {
  lp_tensor *log_probs, *targets, *input_lengths, *target_lengths;
  int64_t n_frames, n_batch, n_classes;
  bool padded;
  int64_t blank;
  lp_rng *rng;
} sheet;

typedef enum lengths { FULL, MARGINS, ZEROS, SHORT, NEGATIVE, TOO_LONG, TARGET_NEGATIVE, TARGET_TOO_LONG } lengths;
typedef enum labels { ANY, PATTERNS, WITH_BLANK, PADDED_WITH_GARBAGE, OUTSIDE } labels;

/* Fills row t of a sequence; `expected` is the class that an alignment has in this frame. */
typedef void (*fill_row)(const sheet *b, double *row, int64_t expected, bool past_end);

typedef struct recipe {
  lengths lengths;
  labels labels;
  fill_row fill;
} recipe;

/* --- log-probabilities --- */

static void subtract_log_sum(const sheet *b, double *row) {
  double most = row[0], sum = 0.0;
  for (int64_t c = 1; c < b->n_classes; c++) most = fmax(most, row[c]);
  for (int64_t c = 0; c < b->n_classes; c++) sum += lp_exp_pair(row[c] - most, 0.0).high;
  const double log_sum = lp_log_pair(sum).high;
  for (int64_t c = 0; c < b->n_classes; c++) row[c] = (row[c] - most) - log_sum;
}

static void fill_normal(const sheet *b, double *row, double spread) {
  for (int64_t c = 0; c < b->n_classes; c++) row[c] = spread * lp_rng_normal(b->rng);
}

static void fill_normalised(const sheet *b, double *row, int64_t expected, bool past_end) {
  (void)expected;
  (void)past_end;
  fill_normal(b, row, 2.0);
  subtract_log_sum(b, row);
}

static void fill_uniform(const sheet *b, double *row, int64_t expected, bool past_end) {
  (void)expected;
  (void)past_end;
  const double log_share = -lp_log_pair((double)b->n_classes).high;
  for (int64_t c = 0; c < b->n_classes; c++) row[c] = log_share;
}

static void fill_confident(const sheet *b, double *row, int64_t expected, bool past_end) {
  static const double gaps[] = {5.0, 17.0, 20.0, 34.0, 37.0, 40.0, 100.0, 740.0};
  (void)past_end;
  fill_normal(b, row, 0.25);
  row[expected] += lp_rng_pick(b->rng, gaps, COUNT(gaps));
  subtract_log_sum(b, row);
}

static void fill_unnormalised(const sheet *b, double *row, int64_t expected, bool past_end) {
  (void)expected;
  (void)past_end;
  fill_normal(b, row, 3.0);
  if (lp_rng_chance(b->rng, 0.25)) row[lp_rng_below(b->rng, b->n_classes)] = 0.0;
}

static void fill_wide(const sheet *b, double *row, int64_t expected, bool past_end) {
  static const double gaps[] = {200.0, 400.0, 750.0, 1e3, 1e4};
  (void)expected;
  (void)past_end;
  fill_normal(b, row, 1.0);
  for (int64_t c = 0; c < b->n_classes; c++) {
    if (lp_rng_chance(b->rng, 0.5)) row[c] -= lp_rng_pick(b->rng, gaps, COUNT(gaps));
  }
}

static void fill_extreme(const sheet *b, double *row, int64_t expected, bool past_end) {
  static const double edges[] = {88.7,   -88.8,    103.5,  -104.0,  709.7,  -709.0,     710.0,   -745.0,
                                 -746.0, 1e4,      -1e4,   65504.0, -1e10,  -1e30,      -3.4e38, -1e155,
                                 -1e300, -1.7e308, 1e-310, -1e-310, -1e-17, -0x1p-1074, -0.0};
  (void)expected;
  (void)past_end;
  fill_normal(b, row, 1.0);
  if (!lp_rng_chance(b->rng, 0.5)) return;
  const int64_t at = lp_rng_below(b->rng, b->n_classes);
  row[at] = lp_rng_pick(b->rng, edges, COUNT(edges));
}

static void fill_one_hot(const sheet *b, double *row, int64_t expected, bool past_end) {
  (void)past_end;
  for (int64_t c = 0; c < b->n_classes; c++) row[c] = c == expected ? 0.0 : -(double)INFINITY;
}

static void fill_with_holes(const sheet *b, double *row, int64_t expected, bool past_end) {
  (void)past_end;
  fill_normalised(b, row, expected, past_end);
  const double share = lp_rng_chance(b->rng, 0.1) ? 1.0 : 0.2;
  for (int64_t c = 0; c < b->n_classes; c++) {
    if (lp_rng_chance(b->rng, share)) row[c] = -(double)INFINITY;
  }
}

static const double specials[] = {INFINITY, -INFINITY, NAN};

static void fill_special(const sheet *b, double *row, int64_t expected, bool past_end) {
  fill_normalised(b, row, expected, past_end);
  if (!lp_rng_chance(b->rng, 0.2)) return;
  const int64_t at = lp_rng_below(b->rng, b->n_classes);
  row[at] = lp_rng_pick(b->rng, specials, 3);
}

static void fill_past_end(const sheet *b, double *row, int64_t expected, bool past_end) {
  fill_normalised(b, row, expected, past_end);
  for (int64_t c = 0; past_end && c < b->n_classes; c++) row[c] = lp_rng_pick(b->rng, specials, 3);
}

const lp_value_class lp_ctc_value_classes[LP_CTC_VALUE_CLASSES] = {
    {"ordinary", true, false, "a plainly wrong recursion, blank, sign or denominator"},
    {"margins", false, false, "a feasibility test without the repeats, or off by one; ragged lengths"},
    {"zero-lengths", false, false, "frame -1 read for input length 0, empty targets, a denominator of 0"},
    {"repeats", false, false, "a skip between equal labels, or none between labels that differ"},
    {"blank-inside", false, false, "a label equal to the blank merged with its neighbours, or lost in the last frame"},
    {"uniform", false, false, "labels read in the padding; ties between alignments"},
    {"confident", false, false, "a negative loss by rounding, or small terms lost"},
    {"unnormalised", false, false, "a loss or gradient that presumes normalised rows"},
    {"wide", false, false, "underflow of a linear recursion within a frame"},
    {"extreme", false, false, "overflow of exp, and of sums of logarithms, where the answer is finite"},
    {"one-hot", false, false, "NaN from -inf - -inf, or its absence where PyTorch has it"},
    {"holes", false, false, "impossible classes and frames: an infinite loss and its gradient"},
    {"special", false, false, "an infinity or NaN swallowed, or leaking where PyTorch has none"},
    {"past-end", false, false, "frames past the input length read"},
    {"input-negative", false, true, "a negative input length used as an index"},
    {"input-too-long", false, true, "frames read past the end of log_probs"},
    {"target-negative", false, true, "a negative target length used as an index"},
    {"target-too-long", false, true, "labels read past the end of targets"},
    {"label-outside", false, true, "a label that is no class used as an index (PyTorch reads out of bounds)"},
};

static const recipe recipes[LP_CTC_VALUE_CLASSES] = {
    {FULL, ANY, fill_normalised},
    {MARGINS, ANY, fill_normalised},
    {ZEROS, ANY, fill_normalised},
    {FULL, PATTERNS, fill_normalised},
    {FULL, WITH_BLANK, fill_normalised},
    {MARGINS, PADDED_WITH_GARBAGE, fill_uniform},
    {FULL, ANY, fill_confident},
    {FULL, ANY, fill_unnormalised},
    {MARGINS, ANY, fill_wide},
    {FULL, PATTERNS, fill_extreme},
    {FULL, PATTERNS, fill_one_hot},
    {FULL, ANY, fill_with_holes},
    {FULL, ANY, fill_special},
    {SHORT, ANY, fill_past_end},
    {NEGATIVE, ANY, fill_normalised},
    {TOO_LONG, ANY, fill_normalised},
    {TARGET_NEGATIVE, ANY, fill_normalised},
    {TARGET_TOO_LONG, ANY, fill_normalised},
    {SHORT, OUTSIDE, fill_normalised},
};

/* --- labels --- */

static int64_t largest_of(lp_dtype dtype) {
  static const int64_t largest[LP_DTYPE_COUNT] = {
      [LP_INT64] = INT64_MAX, [LP_INT32] = INT32_MAX, [LP_INT16] = INT16_MAX,
      [LP_INT8] = INT8_MAX,   [LP_UINT8] = UINT8_MAX,
  };
  return largest[dtype];
}

/* Clamped to the dtype. */
static void store(lp_tensor *tensor, int64_t i, int64_t value) {
  const int64_t largest = largest_of(tensor->dtype);
  const int64_t least = tensor->dtype == LP_UINT8 ? 0 : -largest - 1;
  tensor->i64[i] = value < least ? least : value > largest ? largest : value;
}

/* A class that is not the blank, where there is one. */
static int64_t draw_label(const sheet *b) {
  const int64_t label = lp_rng_below(b->rng, b->n_classes);
  if (label != b->blank) return label;
  return b->n_classes > 1 ? (label + 1 + lp_rng_below(b->rng, b->n_classes - 1)) % b->n_classes : label;
}

/* aaaa, aabb, abab, abba, by the low bits of the position. */
static void fill_pattern(const sheet *b, int64_t from, int64_t to) {
  static const int second[4][4] = {{0, 0, 0, 0}, {0, 0, 1, 1}, {0, 1, 0, 1}, {0, 1, 1, 0}};
  const int *pattern = second[lp_rng_below(b->rng, 4)];
  const int64_t pair[2] = {draw_label(b), draw_label(b)};
  for (int64_t i = from; i < to; i++) store(b->targets, i, pair[pattern[(i - from) % 4]]);
}

/* One sequence's labels, targets[from..to): those past n_labels are padding. */
static void fill_labels(const sheet *b, labels kind, int64_t from, int64_t to, int64_t n_labels) {
  const int64_t garbage[] = {-1, b->n_classes, b->blank, INT64_MAX};
  for (int64_t i = from; i < to; i++) store(b->targets, i, draw_label(b));
  if (kind == PATTERNS) fill_pattern(b, from, to);
  for (int64_t i = from; kind == PADDED_WITH_GARBAGE && i < to; i++) {
    if (i >= from + n_labels) store(b->targets, i, garbage[lp_rng_below(b->rng, COUNT(garbage))]);
  }
  if (kind != WITH_BLANK || n_labels < 1) return;
  if (lp_rng_chance(b->rng, 0.7)) store(b->targets, from + n_labels - 1, b->blank);
  store(b->targets, from + lp_rng_below(b->rng, n_labels), b->blank);
}

/* --- lengths --- */

static int64_t clamp(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }

static int64_t row_length(const sheet *b) { return b->padded ? b->targets->shape[1] : b->targets->numel; }

/* How many of the `left` labels this sequence takes: no more than there are frames, unless margins are the point, but
 * the last of a concatenated batch takes all. */
static int64_t draw_target_length(const sheet *b, lengths kind, int64_t left, bool last) {
  if (!b->padded && last) return left;
  if (kind == ZEROS) return lp_rng_chance(b->rng, 0.5) ? 0 : left;
  const int64_t most = kind == MARGINS ? left : clamp(left, 0, b->n_frames);
  return lp_rng_chance(b->rng, 0.5) ? most : lp_rng_below(b->rng, most + 1);
}

/* Enough frames for the labels but `margin` more or fewer; all of them, or none, where the class says so. */
static int64_t draw_input_length(const sheet *b, lengths kind, const lp_ctc_sequence *q) {
  switch (kind) {
    case MARGINS:
      return clamp(lp_ctc_frames_needed(q) - 2 + lp_rng_below(b->rng, 5), 0, b->n_frames);
    case ZEROS:
      return lp_rng_chance(b->rng, 0.5) ? 0 : b->n_frames;
    case SHORT:
      return b->n_frames - 1 - lp_rng_below(b->rng, (b->n_frames + 1) / 2);
    default:
      return b->n_frames;
  }
}

/* Puts a length that PyTorch refuses in the place of one of them. */
static void spoil_lengths(const sheet *b, lengths kind) {
  static const int64_t negative[] = {-1, -5, -512, -5570080269274466818};
  const int64_t below_zero = negative[lp_rng_below(b->rng, COUNT(negative))];
  lp_tensor *const tensor = kind == NEGATIVE || kind == TOO_LONG ? b->input_lengths : b->target_lengths;
  const int64_t i = lp_rng_below(b->rng, b->n_batch);
  if (kind == NEGATIVE || kind == TARGET_NEGATIVE) store(tensor, i, below_zero);
  if (kind == TOO_LONG) store(tensor, i, b->n_frames + 1);
  if (kind == TARGET_TOO_LONG) store(tensor, i, row_length(b) + 1);
}

/* One past the last class, in the first sequence: with the frames that SHORT leaves out, or with another sequence
 * after it, what lies there is still inside log_probs. */
static void spoil_label(const sheet *b) {
  if (b->targets->numel == 0) return;
  if (b->padded && b->target_lengths->i64[0] == 0) store(b->target_lengths, 0, 1);
  store(b->targets, 0, b->n_classes);
  if (b->n_batch > 1) store(b->input_lengths, 0, b->n_frames);
}

/* --- one sequence, then all --- */

/* Frames that a path in state s, not the last, still takes after this one. */
static int64_t frames_left(const lp_ctc_sequence *q, int64_t s) {
  const int64_t label = s / 2;
  const lp_ctc_sequence rest = {.labels = q->labels + label, .n_labels = q->n_labels - label};
  return lp_ctc_frames_needed(&rest) - s % 2;
}

/* A random state that can follow s and from which the rest of the labels still fits into `left` more frames; the
 * furthest where none can. */
static int64_t follow(const sheet *b, const lp_ctc_sequence *q, int64_t s, int64_t left) {
  const int64_t end = lp_ctc_states(q) - 1, furthest = lp_ctc_skips(q, s + 2) ? s + 2 : s < end ? s + 1 : s;
  int64_t next = s + lp_rng_below(b->rng, furthest - s + 1);
  while (next < furthest && frames_left(q, next) > left) next++;
  return next;
}

static void fill_log_probs(const sheet *b, const lp_ctc_sequence *q, double *log_probs, fill_row fill) {
  int64_t s = 0;
  for (int64_t t = 0; t < b->n_frames; t++) {
    const bool past_end = t >= q->n_frames;
    if (!past_end) s = follow(b, q, s, q->n_frames - 1 - t);
    fill(b, log_probs + t * b->n_batch * b->n_classes, clamp(lp_ctc_class(q, s), 0, b->n_classes - 1), past_end);
  }
}

static void clamp_to_dtype(lp_tensor *tensor) {
  const double largest = lp_dtype_largest(tensor->dtype);
  for (int64_t i = 0; i < tensor->numel; i++) {
    const double x = tensor->f64[i], rounded = lp_dtype_round(tensor->dtype, x);
    tensor->f64[i] = isfinite(x) && !isfinite(rounded) ? copysign(largest, x) : rounded;
  }
}

static void fill_batch(const sheet *b, const recipe *r) {
  int64_t from = 0;
  for (int64_t n = 0; n < b->n_batch; n++) {
    const int64_t left = b->padded ? row_length(b) : row_length(b) - from;
    const int64_t n_labels = draw_target_length(b, r->lengths, left, n + 1 == b->n_batch);
    const int64_t to = from + (b->padded ? left : n_labels);
    fill_labels(b, r->labels, from, to, n_labels);
    lp_ctc_sequence q = {.labels = b->targets->i64 + from, .n_labels = n_labels, .blank = b->blank};
    q.n_frames = draw_input_length(b, r->lengths, &q);
    store(b->target_lengths, n, n_labels);
    store(b->input_lengths, n, q.n_frames);
    fill_log_probs(b, &q, b->log_probs->f64 + n * b->n_classes, r->fill);
    from = to;
  }
  spoil_lengths(b, r->lengths);
  if (r->labels == OUTSIDE) spoil_label(b);
}

/* Shapes that do not fit together, which PyTorch refuses: any numbers will do. */
static void fill_misfits(const sheet *b) {
  lp_draw_real(b->log_probs, b->rng, LP_VALUES_ORDINARY);
  for (int64_t i = 0; i < b->targets->numel; i++) store(b->targets, i, 1);
  for (int64_t i = 0; i < b->input_lengths->numel; i++) store(b->input_lengths, i, 1);
  for (int64_t i = 0; i < b->target_lengths->numel; i++) store(b->target_lengths, i, 1);
}

static bool fits(const sheet *b) {
  const bool counts = b->input_lengths->numel == b->n_batch && b->target_lengths->numel == b->n_batch;
  const bool rows = b->targets->rank == 1 || (b->targets->rank == 2 && b->targets->shape[0] == b->n_batch);
  return b->log_probs->numel > 0 && counts && rows;
}

void lp_ctc_draw(lp_case *c, lp_rng *rng, int value_class) {
  lp_tensor *const x = c->inputs;
  sheet b = {.log_probs = &x[0], .targets = &x[1], .input_lengths = &x[2], .target_lengths = &x[3], .rng = rng};
  const bool batched = x[0].rank == 3, proper = batched || x[0].rank == 2;
  b.n_frames = x[0].shape[0];
  b.n_batch = batched ? x[0].shape[1] : 1;
  b.n_classes = x[0].shape[batched ? 2 : 1];
  b.padded = x[1].rank == 2;
  b.blank = (int64_t)lp_clamp(c->params[0], 0.0, (double)b.n_classes - 1.0);
  if (!proper || !fits(&b)) {
    fill_misfits(&b);
    return;
  }
  fill_batch(&b, &recipes[value_class]);
  clamp_to_dtype(&x[0]);
}
