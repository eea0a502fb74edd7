/* hinge_embedding: x where the target is 1, max(0, margin - x) where it is -1.
 * torch.nn.functional.hinge_embedding_loss.
 *
 * Definition, per position, with x the input and y the target (at::hinge_embedding_loss):
 *   v = (y != 1 ? max(0, margin - x) : 0) + (y != -1 ? x : 0)
 * so that a target that is neither 1 nor -1 gets both terms: max(0, margin - x) + x = max(margin, x).
 * Stable form: that last line. PyTorch adds the two terms, and margin - x rounds (or overflows) first.
 * Regimes: positive (y = 1), negative-active, negative-inactive, other-active, other-inactive (any other y; active:
 * margin > x), kink (margin = x and y != 1), near-kink, non-finite, empty.
 * Kinks: at margin = x PyTorch's clamp_min lets the gradient through: -1 for y = -1, -1 + 1 = 0 for other targets.
 * Degenerate: y = NaN, 0, 0.5 or infinite is an "other" target and never spreads. d = NaN (x or margin NaN, or both the
 * same infinity) gives the value NaN where the hinge counts, while the gradient is that of an inactive hinge: 0 for
 * y = -1, 1 for other targets. x = -inf with another target is inf - inf = NaN. The branch not taken is masked: an
 * upstream gradient that is infinite or NaN does not pass it (0, not 0 * inf).
 * An integer input is refused: PyTorch cannot take its mean, and otherwise cuts the margin to an integer and wraps.
 * Error bound: 1/2 ulp; exact where y != -1. Gradients are exact.
 */
#include "reference/draw.h"
#include "reference/pointwise.h"
#include "reference/vecmath.h"

extern const lp_loss lp_loss_hinge_embedding;

enum { INPUT, TARGET, N_INPUTS };
enum { MARGIN };

enum {
  POSITIVE,
  NEGATIVE_ACTIVE,
  NEGATIVE_INACTIVE,
  OTHER_ACTIVE,
  OTHER_INACTIVE,
  KINK,
  NEAR_KINK,
  NON_FINITE,
  EMPTY,
  N_REGIMES
};

static const lp_regime regimes[N_REGIMES] = {
    [POSITIVE] = {"positive", "target = 1: the loss is the input"},
    [NEGATIVE_ACTIVE] = {"negative-active", "target = -1 and input < margin"},
    [NEGATIVE_INACTIVE] = {"negative-inactive", "target = -1 and input > margin: no loss"},
    [OTHER_ACTIVE] = {"other-active", "target neither 1 nor -1 and input < margin: the loss is the margin"},
    [OTHER_INACTIVE] = {"other-inactive", "target neither 1 nor -1 and input > margin: the loss is the input"},
    [KINK] = {"kink", "input = margin and the target is not 1"},
    [NEAR_KINK] = {"near-kink", "input within rounding of the margin, not equal, and the target is not 1"},
    [NON_FINITE] = {"non-finite", "an infinite or NaN input, or margin"},
    [EMPTY] = {"empty", "no elements"},
};

static const lp_rule rules[] = {
    {"gradient-at-margin", "at input = margin the gradient is -1 for target -1 and 0 for other targets"},
    {"other-targets-add-both", "a target that is neither 1 nor -1 gets max(0, margin - input) + input"},
    {"masked-branch-stops-gradient", "0 where the hinge is inactive, even for an infinite upstream gradient"},
};

static lp_status plan(lp_plan *p, lp_error *error) {
  LP_TRY(lp_plan_broadcast(p, 1u << INPUT | 1u << TARGET, error));
  p->scratch = lp_pointwise_scratch(p);
  return LP_OK;
}

LP_MULTIVERSION static void terms(const lp_run *run) {
  const double *x = run->x[INPUT], *y = run->x[TARGET];
  const double margin = run->params[MARGIN];
  LP_INDEPENDENT
  for (int i = 0; i < run->n; i++) {
    const lp_pair d = lp_two_sum(margin, -x[i]);
    const double hinge = d.high < 0.0 ? 0.0 : d.high, pass = d.high >= 0.0 ? -1.0 : 0.0;
    const double other = d.high < 0.0 ? x[i] : margin + 0.0 * x[i];
    const double low = d.high > 0.0 ? d.low : 0.0;
    const double not_positive = y[i] == -1.0 ? hinge : other, through = y[i] == -1.0 ? pass : 1.0;
    run->value[i] = y[i] == 1.0 ? x[i] + 0.0 : not_positive;
    run->value_low[i] = y[i] == -1.0 ? low : 0.0;
    run->slope[INPUT][i] = y[i] == 1.0 ? 1.0 : y[i] == -1.0 ? pass : 1.0 + pass;
    run->gate[i] = through == 0.0 ? 0.0 : 1.0;
  }
}

static void big(lp_big_term *term, const lp_run *run, int i) {
  const lp_big zero = lp_big_of(0.0), x = lp_big_of(run->x[INPUT][i]), margin = lp_big_of(run->params[MARGIN]);
  const lp_big d = lp_big_subtract(margin, x);
  const double y = run->x[TARGET][i];
  const bool active = y != 1.0 && lp_big_at_least(d, zero), unordered = y != 1.0 && d.high != d.high;
  const lp_big input_or_margin = active ? lp_big_add(margin, lp_big_multiply(zero, x)) : lp_big_add(x, zero);
  term->value = unordered ? d : y != -1.0 ? input_or_margin : active ? d : zero;
  term->slope[INPUT] = lp_big_of((active ? -1.0 : 0.0) + (y == -1.0 ? 0.0 : 1.0));
  term->shut = y == -1.0 && !active;
}

/* The regime of one position with a target other than 1. */
static uint64_t hinge_regime(double margin, double x, bool is_negative) {
  const double d = margin - x, rounding = 8.0 * 0x1p-53 * (fabs(margin) + fabs(x));
  if (d == 0.0) return UINT64_C(1) << KINK;
  const uint64_t near = fabs(d) <= rounding ? UINT64_C(1) << NEAR_KINK : 0;
  if (d > 0.0) return near | UINT64_C(1) << (is_negative ? NEGATIVE_ACTIVE : OTHER_ACTIVE);
  return near | UINT64_C(1) << (is_negative ? NEGATIVE_INACTIVE : OTHER_INACTIVE);
}

static uint64_t regimes_of_run(const lp_run *run) {
  const double margin = run->params[MARGIN];
  uint64_t set = 0;
  for (int i = 0; i < run->n; i++) {
    const double x = run->x[INPUT][i], y = run->x[TARGET][i];
    if (!isfinite(x) || !isfinite(y) || !isfinite(margin)) {
      set |= UINT64_C(1) << NON_FINITE;
    } else {
      set |= y == 1.0 ? UINT64_C(1) << POSITIVE : hinge_regime(margin, x, y == -1.0);
    }
  }
  return set;
}

static const lp_pointwise kernel = {
    .terms = terms,
    .regimes = regimes_of_run,
    .regime_empty = UINT64_C(1) << EMPTY,
    .big = big,
    .gated = true,
};

static void run_case(lp_outcome *outcome, const lp_plan *p, double *scratch) {
  lp_pointwise_run(outcome, p, &kernel, scratch);
}

static uint64_t regimes_of_case(const lp_plan *p, double *scratch) { return lp_pointwise_regimes(p, &kernel, scratch); }

/* Inputs at the margin, and at 0, where the margin is by accident the distance. */
static int lattice(double *values, int capacity, const double *params, int input, const double *earlier) {
  (void)capacity, (void)input, (void)earlier;
  values[0] = params[MARGIN];
  values[1] = -params[MARGIN];
  values[2] = 0.0;
  return 3;
}

static void draw(lp_case *c, lp_rng *rng, int value_class) {
  static const double usual[] = {1.0, -1.0}, odd[] = {0.0, 0.5, 2.0, -5.0};
  static const lp_labels labels[N_INPUTS] = {[TARGET] = {usual, 2, odd, 4}};
  lp_draw_pointwise(c, rng, value_class, lattice, labels);
}

static const lp_input_spec inputs[N_INPUTS] = {
    [INPUT] = {.name = "input",
               .kind = LP_KIND_REAL,
               .differentiable = true,
               .max_rank = LP_MAX_RANK,
               .shape = "(*)",
               .about = "distances; broadcasts with target",
               .plot_at = 0.0,
               .dtype_open = true},
    [TARGET] = {.name = "target",
                .apart = true,
                .kind = LP_KIND_REAL,
                .integer_ok = true,
                .max_rank = LP_MAX_RANK,
                .shape = "(*)",
                .about = "labels 1 (similar) and -1 (dissimilar); broadcasts with input",
                .plot_at = -1.0},
};

static const double margins[] = {1.0, 0.0, -1.0, 0.5, 2.5, (double)INFINITY, (double)NAN};

static const lp_param_spec params[] = {
    {"margin", LP_PARAM_REAL, 1.0, "any number", "distance beyond which dissimilar pairs cost nothing", margins,
     sizeof margins / sizeof margins[0], NULL, 0},
};

static const lp_shape_class shape_classes[] = {
    {"matrix", {"N C", "N C"}, true, false, "nothing in particular"},
    {"vector", {"N", "N"}, true, false, "nothing in particular"},
    {"cube", {"N C D", "N C D"}, true, false, "nothing in particular"},
    {"0-d", {".", "."}, false, false, "a single number without axes"},
    {"size-1", {"1 1", "1 1"}, false, false, "extents of 1 that are squeezed"},
    {"target-row", {"N C", "C"}, false, false, "a target that broadcasts over the batch"},
    {"target-0-d", {"N C", "."}, false, false, "one target for all"},
    {"input-row", {"C", "N C"}, false, false, "an input that broadcasts: its gradient sums over the batch"},
    {"outer", {"N 1", "1 C"}, false, false, "both broadcast"},
    {"column", {"N", "N 1"}, false, false, "a column target beside a vector: (N, N) terms, not N"},
    {"empty", {"0", "0"}, false, false, "an empty mean is NaN, an empty sum 0"},
    {"empty-batch", {"0 C", "1 C"}, false, false, "an axis of extent 1 that broadcasts to 0"},
    {"long", {"1025", "1025"}, false, false, "blocks that end one element early or late"},
    {"mismatch", {"N C", "N C+1"}, false, true, "extents that do not broadcast"},
    {"mismatch-axis", {"C+1 C", "C+1"}, false, true, "a batch of targets aligned with the wrong axis"},
};

const lp_loss lp_loss_hinge_embedding = {
    .name = "hinge_embedding",
    .functional = "hinge_embedding_loss",
    .module = "HingeEmbeddingLoss",
    .summary = "distance of similar pairs, hinge on the distance of dissimilar pairs",
    .definition = "(target != 1 ? max(0, margin - input) : 0) + (target != -1 ? input : 0)",
    .denominator = "number of elements after broadcasting",
    .ignored = "none",
    .batch_axis = "none",
    .class_axis = "none",
    .reductions = LP_CAN_USUAL,
    .legacy_reduction = true,
    .pointwise = true,
    .rejects = 1u << LP_REJECT_DTYPE | 1u << LP_REJECT_SHAPE | 1u << LP_REJECT_REDUCTION | 1u << LP_REJECT_GRAD_OUTPUT,
    .inputs = inputs,
    .n_inputs = N_INPUTS,
    .params = params,
    .n_params = 1,
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .rules = rules,
    .n_rules = sizeof rules / sizeof rules[0],
    .shape_classes = shape_classes,
    .n_shape_classes = sizeof shape_classes / sizeof shape_classes[0],
    .value_classes = lp_common_value_classes,
    .n_value_classes = LP_VALUES_COMMON_COUNT,
    .plan = plan,
    .run = run_case,
    .regimes_of = regimes_of_case,
    .draw = draw,
};
