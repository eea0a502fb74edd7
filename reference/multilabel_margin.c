/* multilabel_margin: torch.nn.functional.multilabel_margin_loss (ATen/native/LossMultiLabelMargin.cpp).
 *
 * Definition. For a row x of C class scores and a row t of C labels, the labels are t_0 .. t_{T-1}, T the position of
 * the first -1 (C when there is none); what follows the first -1 is ignored. With R the classes that are no label,
 *   z_jd = 1 - x_{t_j} + x_d
 *   loss = (1/C) sum over j < T and d in R, z_jd > 0, of z_jd
 * A label that is repeated counts every time. `mean` divides the sum of the rows by their number.
 *
 * Stable form. As multi_margin: z is the exact sum of its terms rounded once, sums are compensated, a gradient is a
 * count of active pairs times upstream/(N C), rounded once. Finite rows outside the moderate range of rows.h go the big
 * way.
 *
 * Regimes: active (z > 0), inactive (z < 0), kink (z = 0), near-kink, terminated (a -1 in the row), unterminated,
 * no-label (-1 comes first: loss 0), all-labels (every class is a label: loss 0), repeated (a label twice),
 * after-terminator (a class follows the first -1), single-class, unbatched, 0-d, empty, special, extreme.
 *
 * Kink z = 0: PyTorch tests z > 0, so the gradient there is 0.
 * PyTorch 2.13, observed: every entry of target must be in -1 .. C-1, also past the first -1. Target must be int64
 * (not looked at in an empty batch) and have input's shape, but for one row () stands for (1) and the reverse. A NaN z
 * is not > 0 and contributes nothing. The upstream gradient multiplies the local one, so an infinite one makes
 * components without active pairs NaN. No classes: refused. An empty batch under mean or sum returns memory that was
 * never written; here the sum is 0 and the mean NaN.
 *
 * Error: at most 1 ulp in value and gradient wherever no sum cancels. */
#include "reference/draw.h"
#include "reference/rows.h"

extern const lp_loss lp_loss_multilabel_margin;

enum { INPUT, TARGET, N_INPUTS };
enum { ROWS, CLASSES }; /* plan->extent */

enum {
  ACTIVE,
  INACTIVE,
  KINK,
  NEAR_KINK,
  TERMINATED,
  UNTERMINATED,
  NO_LABEL,
  ALL_LABELS,
  REPEATED,
  AFTER_TERMINATOR,
  SINGLE_CLASS,
  UNBATCHED,
  ZERO_D,
  EMPTY,
  SPECIAL,
  EXTREME,
  N_REGIMES
};

enum { SHAPE_TEXT = 96 };

static lp_status refuse_target_shape(const lp_plan *plan, lp_error *error) {
  const lp_tensor *input = &plan->c->inputs[INPUT], *target = &plan->c->inputs[TARGET];
  char input_text[SHAPE_TEXT], target_text[SHAPE_TEXT];
  return lp_refuse(error, LP_REJECT_SHAPE, "target: expected input's shape %s, got %s",
                   lp_tensor_shape_text(input_text, sizeof input_text, input),
                   lp_tensor_shape_text(target_text, sizeof target_text, target));
}

/* A row alone may be (C) or, when C = 1, (); target may be the other of the two. */
static bool shapes_agree(const lp_tensor *input, const lp_tensor *target) {
  return input->rank == 2 ? lp_tensor_same_shape(input, target) : target->rank <= 1 && target->numel == input->numel;
}

static lp_status check_labels(const lp_plan *plan, lp_error *error) {
  const lp_tensor *target = &plan->c->inputs[TARGET];
  const int64_t classes = plan->extent[CLASSES];
  if (target->numel > 0 && target->dtype != LP_INT64) {
    return lp_refuse(error, LP_REJECT_DTYPE, "target: expected int64, got %s", lp_dtype_name(target->dtype));
  }
  for (int64_t i = 0; i < target->numel; i++) {
    if (target->i64[i] < -1 || target->i64[i] >= classes) {
      return lp_refuse(error, LP_REJECT_INDEX, "target: expected -1 or a class 0 to %lld, got %lld at position %lld",
                       (long long)classes - 1, (long long)target->i64[i], (long long)i);
    }
  }
  return LP_OK;
}

static lp_status plan_rows(lp_plan *plan, lp_error *error) {
  const lp_tensor *input = &plan->c->inputs[INPUT], *target = &plan->c->inputs[TARGET];
  if (lp_rows_width(input) == 0) {
    return lp_refuse(error, LP_REJECT_SHAPE, "input: expected at least one class, got a last axis of extent 0");
  }
  if (!shapes_agree(input, target)) return refuse_target_shape(plan, error);
  plan->extent[ROWS] = input->rank == 2 ? input->shape[0] : 1;
  plan->extent[CLASSES] = lp_rows_width(input);
  LP_TRY(check_labels(plan, error));
  lp_plan_set_term(plan, input->rank == 2, &plan->extent[ROWS]);
  plan->scratch = 3 * (size_t)plan->extent[CLASSES];
  return LP_OK;
}

/* One row of the case, with the classes that are no label packed together. */
typedef struct row {
  const double *x;
  const int64_t *label;
  double *grad;
  int64_t classes, labels, rest;
  double *of_class; /* a number a class: -1 for the rest, the count of active pairs for labels */
  double *score;    /* x of the rest */
  double *count;    /* active pairs of the rest */
  lp_row_gain gain;
} row;

static int64_t labels_before_terminator(const int64_t *label, int64_t classes) {
  int64_t n = 0;
  while (n < classes && label[n] >= 0) n++;
  return n;
}

static row row_at(const lp_plan *plan, double *grad, double *scratch, int64_t i) {
  const int64_t n = plan->extent[CLASSES];
  const int64_t *label = plan->c->inputs[TARGET].i64 + i * n;
  row r = {.x = plan->c->inputs[INPUT].f64 + i * n,
           .label = label,
           .grad = grad ? grad + i * n : NULL,
           .classes = n,
           .labels = labels_before_terminator(label, n),
           .of_class = scratch,
           .score = scratch + n,
           .count = scratch + 2 * n,
           .gain = lp_rows_gain(plan, i)};
  for (int64_t d = 0; d < n; d++) r.of_class[d] = -1.0;
  for (int64_t j = 0; j < r.labels; j++) r.of_class[label[j]] = 0.0;
  for (int64_t d = 0; d < n; d++) {
    r.score[r.rest] = r.x[d];
    r.rest += r.of_class[d] < 0.0;
  }
  for (int64_t k = 0; k < r.rest; k++) r.count[k] = 0.0;
  return r;
}

/* The plain way. */

typedef struct sums {
  lp_lanes z;
  double active[LP_LANES], largest[LP_LANES];
} sums;

static inline void add_pair(sums *s, double *count, int lane, double x, lp_pair base) {
  const lp_pair near = lp_two_sum(base.high, x);
  const double rest = near.low + base.low;
  const double active = near.high + rest > 0.0 ? 1.0 : 0.0; /* as a number, or the compiler makes it a branch */
  lp_lanes_add(&s->z, lane, active > 0.0 ? near.high : 0.0, active > 0.0 ? rest : 0.0);
  s->largest[lane] = near.high > s->largest[lane] ? near.high : s->largest[lane];
  s->active[lane] += active;
  *count += active;
}

/* All pairs of one label. */
LP_MULTIVERSION static void add_label(sums *restrict s, double *restrict count, const double *restrict score, int64_t n,
                                      lp_pair base) {
  int64_t i = 0;
  for (; i + LP_LANES <= n; i += LP_LANES) {
    for (int j = 0; j < LP_LANES; j++) add_pair(s, count + i + j, j, score[i + j], base);
  }
  for (int j = 0; i + j < n; j++) add_pair(s, count + i + j, j, score[i + j], base);
}

static double sum_and_clear(double lanes[LP_LANES]) {
  double sum = 0.0;
  for (int j = 0; j < LP_LANES; j++) {
    sum += lanes[j];
    lanes[j] = 0.0;
  }
  return sum;
}

/* False when the row is not for the plain way; counts are then unfinished. */
static bool plain_value(lp_pair *value, const row *r) {
  sums s = {{{0.0}, {0.0}}, {0.0}, {0.0}};
  bool plain = true;
  for (int64_t j = 0; j < r->labels; j++) {
    const lp_pair base = lp_two_sum(1.0, -r->x[r->label[j]]);
    plain = plain && lp_rows_not_large(base.high);
    add_label(&s, r->count, r->score, r->rest, base);
    r->of_class[r->label[j]] += sum_and_clear(s.active);
  }
  for (int j = 0; j < LP_LANES; j++) plain = plain && lp_rows_not_large(s.largest[j]);
  *value = lp_pair_quotient(lp_lanes_total(&s.z, LP_LANES), lp_whole((double)r->classes));
  return plain;
}

/* Counts times k = upstream / (N C); idle is the component of a class without active pairs. */
static void gradient_of_counts(const row *r, lp_pair k, double idle) {
  int64_t rest = 0;
  for (int64_t d = 0; d < r->classes; d++) {
    const bool is_rest = r->of_class[d] < 0.0;
    const double count = is_rest ? r->count[rest++] : -r->of_class[d];
    r->grad[d] = count == 0.0 ? idle : lp_pair_product(lp_whole(count), k).high;
  }
}

/* The other ways. */

static bool is_rest(const row *r, int64_t d) { return r->of_class[d] < 0.0; }

static double special_switch(const row *r, int64_t j, int64_t d) { return (1.0 - r->x[r->label[j]]) + r->x[d]; }

/* z: exact sums, of a sixteenth of the numbers when the numbers are near overflow. */
static lp_big big_switch(const row *r, int64_t j, int64_t d) {
  const double y = r->x[r->label[j]], x = r->x[d];
  const int down = fmax(fabs(y), fabs(x)) > 0x1p+1000 ? 4 : 0;
  const lp_pair base = lp_two_sum(ldexp(1.0, -down), -ldexp(y, -down));
  const lp_pair near = lp_two_sum(base.high, ldexp(x, -down));
  const lp_big z = lp_big_of_pair(lp_two_sum(near.high, near.low + base.low));
  return lp_big_multiply(z, lp_big_of(ldexp(1.0, down)));
}

/* z of one pair: big when finite, else as PyTorch computes it. */
static lp_big any_switch(const row *r, int64_t j, int64_t d) {
  const bool finite = isfinite(r->x[r->label[j]]) && isfinite(r->x[d]);
  return finite ? big_switch(r, j, d) : lp_big_of(special_switch(r, j, d));
}

/* Counts the active pairs and puts the sum of the finite ones into *finite, of the infinite ones into *infinite. */
static void other_sums(lp_big *finite, double *infinite, const row *r) {
  for (int64_t k = 0; k < r->rest; k++) r->count[k] = 0.0;
  for (int64_t d = 0; d < r->classes; d++) r->of_class[d] = is_rest(r, d) ? -1.0 : 0.0;
  for (int64_t j = 0; j < r->labels; j++) {
    for (int64_t d = 0, rest = 0; d < r->classes; d++) {
      const lp_big z = any_switch(r, j, d);
      const bool active = is_rest(r, d) && z.high > 0.0;
      if (active && isfinite(z.high)) *finite = lp_big_add(*finite, z);
      if (active && isinf(z.high)) *infinite += z.high;
      if (active) r->count[rest] += 1.0;
      if (active) r->of_class[r->label[j]] += 1.0;
      rest += is_rest(r, d);
    }
  }
}

static void other_row(lp_row_total *total, int64_t i, const row *r) {
  lp_big finite = lp_big_of(0.0);
  double infinite = 0.0;
  other_sums(&finite, &infinite, r);
  if (infinite > 0.0) {
    lp_rows_put(total, i, lp_whole(infinite));
  } else {
    lp_rows_put_big(total, i, lp_big_divide(finite, lp_big_of((double)r->classes)));
  }
}

/* Upstream gradients that are not moderate: for a finite one, big arithmetic, then as PyTorch multiplies. */
static void other_gradient(const row *r) {
  const double upstream = r->gain.upstream, n = (double)r->classes * r->gain.count;
  for (int64_t d = 0, rest = 0; d < r->classes; d++) {
    const double count = is_rest(r, d) ? r->count[rest] : -r->of_class[d];
    const lp_big local = lp_big_divide(lp_big_of(count), lp_big_of(n));
    r->grad[d] = isfinite(upstream) ? lp_big_get(lp_big_multiply(local, lp_big_of(upstream))) : count * upstream;
    rest += is_rest(r, d);
  }
}

static void run(lp_outcome *outcome, const lp_plan *plan, double *scratch) {
  lp_row_total total = lp_rows_total(outcome, plan);
  double *grad = lp_outcome_grad(outcome, INPUT);
  for (int64_t i = 0; i < plan->extent[ROWS]; i++) {
    const row r = row_at(plan, grad, scratch, i);
    lp_pair value;
    if (plain_value(&value, &r)) {
      lp_rows_put(&total, i, value);
    } else {
      other_row(&total, i, &r);
    }
    if (lp_rows_moderate(r.gain.upstream)) {
      gradient_of_counts(&r, lp_rows_gain_over(r.gain, 1.0, lp_whole((double)r.classes)), 0.0 * r.gain.upstream);
    } else {
      other_gradient(&r);
    }
  }
  lp_rows_finish(&total);
}

/* Regimes. */

static uint64_t bit(int regime) { return UINT64_C(1) << regime; }

static uint64_t bit_if(bool entered, int regime) { return entered ? bit(regime) : 0; }

static uint64_t regimes_of_pair(const lp_plan *plan, const row *r, int64_t j, int64_t d) {
  if (!is_rest(r, d)) return 0;
  const double y = r->x[r->label[j]], z = lp_big_get(any_switch(r, j, d));
  const bool near = lp_rows_near(plan, z, fabs(1.0 - y) + fabs(y) + fabs(r->x[d]));
  return bit_if(z > 0.0, ACTIVE) | bit_if(z < 0.0, INACTIVE) | bit_if(z == 0.0, KINK) | bit_if(near, NEAR_KINK);
}

/* Uses of_class to count how often a class is a label. */
static uint64_t regimes_of_labels(const row *r) {
  bool repeated = false, after = false;
  for (int64_t j = 0; j < r->labels; j++) {
    repeated = repeated || r->of_class[r->label[j]] > 0.0;
    r->of_class[r->label[j]] = 1.0;
  }
  for (int64_t j = r->labels; j < r->classes; j++) after = after || r->label[j] >= 0;
  return bit(r->labels < r->classes ? TERMINATED : UNTERMINATED) | bit_if(r->labels == 0, NO_LABEL) |
         bit_if(r->rest == 0, ALL_LABELS) | bit_if(repeated, REPEATED) | bit_if(after, AFTER_TERMINATOR);
}

static uint64_t regimes_of_row(const lp_plan *plan, const row *r) {
  const bool finite = lp_rows_all_finite(r->x, r->classes) && isfinite(r->gain.upstream);
  const bool moderate = lp_rows_all_moderate(r->x, r->classes) && lp_rows_moderate(r->gain.upstream);
  uint64_t set = regimes_of_labels(r) | bit_if(!finite, SPECIAL) | bit_if(finite && !moderate, EXTREME);
  for (int64_t j = 0; j < r->labels; j++) {
    for (int64_t d = 0; d < r->classes; d++) set |= regimes_of_pair(plan, r, j, d);
  }
  return set;
}

static uint64_t regimes_of(const lp_plan *plan, double *scratch) {
  const int rank = plan->c->inputs[INPUT].rank;
  uint64_t set = bit_if(plan->extent[CLASSES] == 1, SINGLE_CLASS) | bit_if(rank == 1, UNBATCHED) |
                 bit_if(rank == 0, ZERO_D) | bit_if(plan->extent[ROWS] == 0, EMPTY);
  for (int64_t i = 0; i < plan->extent[ROWS]; i++) {
    const row r = row_at(plan, NULL, scratch, i);
    set |= regimes_of_row(plan, &r);
  }
  return set;
}

/* Values for the generator. */

enum { BAD_LABEL = LP_VALUES_COMMON_COUNT, BAD_LABEL_AFTER, N_VALUE_CLASSES };

/* T distinct labels or now and then a repeated one, a -1 where there is room, and anything legal after it. */
static void draw_labels(int64_t *label, int64_t classes, lp_rng *rng) {
  const int64_t labels = lp_rng_below(rng, classes + 1), first = lp_rng_below(rng, classes);
  const bool repeats = lp_rng_chance(rng, 0.25);
  for (int64_t j = 0; j < classes; j++) {
    label[j] = j < labels ? (first + j) % classes : lp_rng_below(rng, classes + 1) - 1;
    if (repeats && j < labels && j > 0 && lp_rng_chance(rng, 0.5)) label[j] = label[j - 1];
  }
  if (labels < classes) label[labels] = -1;
}

static void draw_bad_label(int64_t *label, int64_t classes, lp_rng *rng, bool after) {
  static const int64_t past[] = {0, 1, 7, INT32_MAX, INT64_MAX / 2};
  const int64_t beyond = past[lp_rng_below(rng, 5)];
  if (after) label[0] = -1;
  const int64_t at = after ? classes - 1 : lp_rng_below(rng, classes);
  label[at] = lp_rng_chance(rng, 0.5) ? classes + beyond : -2 - beyond;
}

/* Puts z of the first label with some classes at 0 or one or two steps beside it. */
static void draw_kinks(lp_tensor *input, const lp_tensor *target, int64_t classes, lp_rng *rng) {
  static const double steps[] = {0.0, 0.0, 0.0, -1.0, 1.0, -2.0, 2.0};
  for (int64_t i = 0; i < input->numel && i < target->numel; i++) {
    const int64_t begin = i - i % classes, first = target->i64[begin];
    if (first < 0 || begin + first == i || lp_rng_chance(rng, 0.4)) continue;
    const double kink = input->f64[begin + first] - 1.0;
    input->f64[i] = lp_dtype_round(input->dtype, lp_ulp_step(kink, (int)lp_rng_pick(rng, steps, 7)));
  }
}

static void draw(lp_case *c, lp_rng *rng, int value_class) {
  lp_tensor *input = &c->inputs[INPUT], *target = &c->inputs[TARGET];
  const int64_t classes = lp_rows_width(input);
  lp_draw_real(input, rng, value_class < LP_VALUES_COMMON_COUNT ? value_class : LP_VALUES_ORDINARY);
  if (classes == 0) return;
  for (int64_t i = 0; i + classes <= target->numel; i += classes) draw_labels(target->i64 + i, classes, rng);
  if (value_class >= BAD_LABEL && target->numel >= classes) {
    draw_bad_label(target->i64, classes, rng, value_class == BAD_LABEL_AFTER);
  }
  if (value_class == LP_VALUES_BOUNDARY) draw_kinks(input, target, classes, rng);
}

static const lp_value_class value_classes[N_VALUE_CLASSES] = {
    {"ordinary", true, false, "the -1 taken for a class, labels compared with labels, a wrong denominator"},
    {"boundary", false, false, "z >= 0 for z > 0, in value or gradient; z rounded before it is compared"},
    {"equal", false, false, "scores that are equal: every z is 1"},
    {"tiny", false, false, "signed zeros and subnormals, which the margin of 1 swallows"},
    {"huge", false, false, "overflow of z or of the sum of pairs where the mean is finite"},
    {"special", false, false, "an infinity or NaN: a NaN z is not active"},
    {"bad-label", false, true, "a label outside -1 .. C-1 used as an index before it is tested"},
    {"bad-label-after", false, true, "a label outside -1 .. C-1 that follows a -1: refused all the same"},
};

static const lp_shape_class shape_classes[] = {
    {"batch", {"N C", "N C"}, true, false, "a wrong class or batch axis"},
    {"square", {"3 3", "3 3"}, true, false, "class and batch axis mixed up where the extents do not tell"},
    {"wide", {"2 35", "2 35"}, true, false, "lanes past the last class"},
    {"one-row", {"1 C", "1 C"}, false, false, "a batch of one taken for no batch"},
    {"unbatched", {"C", "C"}, false, false, "a row without a batch axis: a 0-d loss"},
    {"0-d", {".", "."}, false, false, "one score is one class: the loss is 0"},
    {"0-d-vector-target", {".", "1"}, false, false, "a target (1) beside a 0-d input"},
    {"vector-0-d-target", {"1", "."}, false, false, "a 0-d target beside an input (1)"},
    {"single-class", {"N 1", "N 1"}, false, false, "nothing to compare with: the loss is 0"},
    {"empty-batch", {"0 C", "0 C"}, false, false, "the sum of no rows is 0, their mean NaN"},
    {"no-classes", {"N 0", "N 0"}, false, true, "a division by the number of classes"},
    {"three-axes", {"N C 2", "N C 2"}, false, true, "axes flattened in silence"},
    {"target-rows", {"N C", "N+1 C"}, false, true, "a target for other rows"},
    {"target-classes", {"N C", "N C+1"}, false, true, "a target of another number of classes"},
    {"target-vector", {"1 C", "C"}, false, true, "a target without the batch axis that input has"},
    {"target-matrix", {"C", "1 C"}, false, true, "a target with a batch axis that input lacks"},
};

static const lp_input_spec inputs[N_INPUTS] = {
    [INPUT] = {.name = "input",
               .kind = LP_KIND_REAL,
               .differentiable = true,
               .max_rank = 2,
               .shape = "(N, C), (C) or (); C >= 1",
               .about = "a score for every class"},
    [TARGET] = {.name = "target",
                .kind = LP_KIND_INDEX,
                .max_rank = 2,
                .shape = "as input",
                .about = "the labels of every row, then -1, then anything in -1 .. C-1; int64"},
};

static const lp_regime regimes[N_REGIMES] = {
    [ACTIVE] = {"active", "1 - x_t + x_d > 0 for some label t and class d"},
    [INACTIVE] = {"inactive", "1 - x_t + x_d < 0 for some label t and class d"},
    [KINK] = {"kink", "1 - x_t + x_d = 0: gradient 0"},
    [NEAR_KINK] = {"near-kink", "1 - x_t + x_d within rounding of 0, but not 0"},
    [TERMINATED] = {"terminated", "a -1 ends the labels of some row"},
    [UNTERMINATED] = {"unterminated", "some row of target has no -1"},
    [NO_LABEL] = {"no-label", "some row of target begins with -1: loss 0"},
    [ALL_LABELS] = {"all-labels", "every class is a label in some row: loss 0"},
    [REPEATED] = {"repeated", "a label occurs twice before the -1: it counts twice"},
    [AFTER_TERMINATOR] = {"after-terminator", "a class follows the first -1: ignored"},
    [SINGLE_CLASS] = {"single-class", "C = 1: loss 0"},
    [UNBATCHED] = {"unbatched", "input has one axis"},
    [ZERO_D] = {"0-d", "input is a number"},
    [EMPTY] = {"empty", "no rows"},
    [SPECIAL] = {"special", "an infinity or NaN takes part"},
    [EXTREME] = {"extreme", "a finite number above 2^400 or below 2^-400 takes part"},
};

static const lp_rule rules[] = {
    {"minus-one-terminates", "labels end at the first -1; what follows is ignored"},
    {"validates-past-terminator", "labels after the first -1 must be in range too"},
    {"repeated-labels-count", "a label that occurs twice contributes twice"},
    {"strict-kink", "at z = 0 the gradient is 0"},
    {"nan-is-inactive", "a NaN z contributes nothing"},
};

static const lp_bench_shape bench_shapes[] = {{"8192 x 128", {"8192 128", "8192 128"}}};

const lp_loss lp_loss_multilabel_margin = {
    .name = "multilabel_margin",
    .functional = "multilabel_margin_loss",
    .module = "MultiLabelMarginLoss",
    .summary = "how far every class that is no label comes within 1 of every label",
    .definition =
        "(1/C) sum over labels t before the first -1 and classes d that are no label of max(0, 1 - x_t + x_d)",
    .denominator = "the number of rows; every row is divided by the number of classes C",
    .ignored = "entries of target from the first -1 of a row on",
    .batch_axis = "first axis of input, when it has rank 2",
    .class_axis = "last axis of input",
    .reductions = LP_CAN_USUAL,
    .legacy_reduction = true,
    .rejects = 1u << LP_REJECT_DTYPE | 1u << LP_REJECT_RANK | 1u << LP_REJECT_SHAPE | 1u << LP_REJECT_REDUCTION |
               1u << LP_REJECT_INDEX | 1u << LP_REJECT_GRAD_OUTPUT,
    .inputs = inputs,
    .n_inputs = N_INPUTS,
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .rules = rules,
    .n_rules = sizeof rules / sizeof rules[0],
    .shape_classes = shape_classes,
    .n_shape_classes = sizeof shape_classes / sizeof shape_classes[0],
    .value_classes = value_classes,
    .n_value_classes = N_VALUE_CLASSES,
    .bench = bench_shapes,
    .n_bench = 1,
    .plan = plan_rows,
    .run = run,
    .regimes_of = regimes_of,
    .draw = draw,
};
