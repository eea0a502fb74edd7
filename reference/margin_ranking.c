/* margin_ranking: hinge on a difference that should have the sign of the target.
 * torch.nn.functional.margin_ranking_loss.
 *
 * Definition, per position, with d = input1 - input2 and y the target: z = -y d + margin, v = max(0, z).
 * Gradients where z >= 0: -y to input1, y to input2, -d to the target; 0 elsewhere.
 * Stable form: d, y d and z are kept with their rounding errors, so that the sign of z is right.
 * Regimes: active (z > 0), inactive (z < 0), kink (z = 0), near-kink (z within rounding of 0, but not 0), other-target
 * (neither 1 nor -1), non-finite (an infinite or NaN number), empty.
 * Kinks: at z = 0 PyTorch's clamp_min lets the gradient through, as in the active branch. (If z is 0 then y d is a
 * double, and so is d: an odd multiple of a power of 2 does not get fewer bits by a factor. So every arithmetic that
 * computes z step by step in double sees the kink.)
 * Degenerate: a NaN z gives NaN, but its gradient is that of the inactive branch: the upstream gradient is replaced by
 * 0 before it is multiplied, so that an infinite one gives 0, while 0 d with d infinite or NaN is NaN. An empty mean is
 * 0/0. The three tensors need the same rank, and broadcast.
 * Integers are promoted, after PyTorch's integer arithmetic: -y wraps around in the dtype of an integer target (255 for
 * 1 in uint8), d where both inputs are integers, and y d where all three are. bool is refused.
 * Error bound: 1 ulp where z does not cancel, 2 u scale otherwise.
 * Finite where PyTorch overflows on the way: pointwise.h, big arithmetic.
 */
#include "reference/residual.h"

extern const lp_loss lp_loss_margin_ranking;

enum { INPUT1, INPUT2, TARGET, N_INPUTS };
enum { MARGIN };

enum { ACTIVE, INACTIVE, KINK, NEAR_KINK, OTHER_TARGET, NON_FINITE, EMPTY, N_REGIMES };

static const lp_regime regimes[N_REGIMES] = {
    [ACTIVE] = {"active", "margin > target * (input1 - input2)"},
    [INACTIVE] = {"inactive", "margin < target * (input1 - input2): no loss"},
    [KINK] = {"kink", "margin = target * (input1 - input2): no loss, but the active gradient"},
    [NEAR_KINK] = {"near-kink", "margin within rounding of target * (input1 - input2)"},
    [OTHER_TARGET] = {"other-target", "a target that is neither 1 nor -1"},
    [NON_FINITE] = {"non-finite", "an infinite or NaN input, target or margin"},
    [EMPTY] = {"empty", "no elements"},
};

static const lp_rule rules[] = {
    {"gradient-at-margin", "where the hinge is exactly 0 the gradient is that of the active branch"},
    {"masked-branch-stops-gradient", "0 where the hinge is inactive, even for an infinite upstream gradient"},
    {"same-rank", "the three tensors have the same rank; within it they broadcast"},
    {"target-gradient", "the target gets a gradient: input2 - input1 where the hinge is active"},
};

static lp_status plan(lp_plan *p, lp_error *error) {
  const lp_case *c = p->c;
  for (int k = 0; k < N_INPUTS; k++) {
    const char *const name = c->loss->inputs[k].name;
    if (c->inputs[k].rank != c->inputs[INPUT1].rank) {
      return lp_refuse(error, LP_REJECT_RANK, "%s: expected the rank of input1, %d, got %d", name,
                       c->inputs[INPUT1].rank, c->inputs[k].rank);
    }
    if (c->inputs[k].dtype == LP_BOOL) {
      return lp_refuse(error, LP_REJECT_DTYPE, "%s: expected a dtype that can be subtracted and negated, got bool",
                       name);
    }
  }
  LP_TRY(lp_plan_broadcast(p, 1u << INPUT1 | 1u << INPUT2 | 1u << TARGET, error));
  p->scratch = lp_pointwise_scratch(p);
  return LP_OK;
}

/* What one position computes with: -y, d, and -y d. */
typedef struct place {
  double minus_target;
  lp_pair difference, product;
} place;

LP_INLINE place place_of(double minus_target, lp_pair d) {
  const lp_pair high = lp_two_product(minus_target, d.high);
  return (place){minus_target, d, {high.high, high.low + minus_target * d.low}};
}

LP_INLINE place floating_place(double x1, double x2, double y) { return place_of(-y, lp_two_sum(x1, -x2)); }

static bool all_floating(const lp_run *run) {
  return run->integers[INPUT1] == NULL && run->integers[INPUT2] == NULL && run->integers[TARGET] == NULL;
}

/* A place some of whose numbers are integers. */
static place integer_place(const lp_run *run, int i) {
  const int64_t *x1 = run->integers[INPUT1], *x2 = run->integers[INPUT2], *y = run->integers[TARGET];
  const lp_tensor *in = run->c->inputs;
  const bool both = x1 != NULL && x2 != NULL;
  const lp_dtype dtype = lp_integer_promote(in[INPUT1].dtype, in[INPUT2].dtype);
  const int64_t d = both ? lp_integer_wrap(dtype, (uint64_t)x1[i] - (uint64_t)x2[i]) : 0;
  const int64_t minus_y = y != NULL ? lp_integer_wrap(in[TARGET].dtype, 0 - (uint64_t)y[i]) : 0;
  const lp_pair difference = both ? lp_integer_pair(d) : lp_two_sum(run->x[INPUT1][i], -run->x[INPUT2][i]);
  place at = place_of(y != NULL ? (double)minus_y : -run->x[TARGET][i], difference);
  if (both && y != NULL) {
    const lp_dtype whole = lp_integer_promote(dtype, in[TARGET].dtype);
    at.product = lp_integer_pair(lp_integer_wrap(whole, (uint64_t)minus_y * (uint64_t)d));
  }
  return at;
}

static place place_at(const lp_run *run, int i) {
  if (!all_floating(run)) return integer_place(run, i);
  return floating_place(run->x[INPUT1][i], run->x[INPUT2][i], run->x[TARGET][i]);
}

LP_INLINE lp_pair hinge_argument(place at, double margin) {
  const lp_pair sum = lp_two_sum(at.product.high, margin);
  const lp_pair z = lp_fast_two_sum(sum.high, sum.low + at.product.low);
  return fabs(sum.high) <= DBL_MAX ? z : (lp_pair){sum.high, 0.0};
}

/* Buffers of a run under names, for a loop that vectorizes. */
typedef struct results {
  double *value, *value_low, *gate;
  double *to_input1, *to_input2, *to_target, *to_target_low;
} results;

LP_INLINE results results_of(const lp_run *run) {
  return (results){run->value,         run->value_low,        run->gate, run->slope[INPUT1], run->slope[INPUT2],
                   run->slope[TARGET], run->slope_low[TARGET]};
}

LP_INLINE void put_terms(results out, int i, place at, double margin) {
  const lp_pair z = hinge_argument(at, margin);
  out.value[i] = z.high < 0.0 ? 0.0 : z.high;
  out.value_low[i] = z.high >= 0.0 ? z.low : 0.0;
  out.gate[i] = z.high >= 0.0 ? 1.0 : 0.0;
  out.to_input1[i] = at.minus_target;
  out.to_input2[i] = -at.minus_target;
  out.to_target[i] = -at.difference.high;
  out.to_target_low[i] = -at.difference.low;
}

LP_MULTIVERSION static void floating_terms(const lp_run *run) {
  const double *x1 = run->x[INPUT1], *x2 = run->x[INPUT2], *y = run->x[TARGET];
  const double margin = run->params[MARGIN];
  const results out = results_of(run);
  LP_INDEPENDENT
  for (int i = 0; i < run->n; i++) put_terms(out, i, floating_place(x1[i], x2[i], y[i]), margin);
}

static void integer_terms(const lp_run *run) {
  const results out = results_of(run);
  for (int i = 0; i < run->n; i++) put_terms(out, i, integer_place(run, i), run->params[MARGIN]);
}

static void terms(const lp_run *run) { (all_floating(run) ? floating_terms : integer_terms)(run); }

static lp_big big_pair(lp_pair a) {
  return isfinite(a.high) ? lp_big_add(lp_big_of(a.high), lp_big_of(a.low)) : lp_big_of(a.high);
}

/* The hinge's argument in big arithmetic, and what it is made of. */
typedef struct big_hinge {
  lp_big minus_target, difference, z;
} big_hinge;

/* With an infinite margin what overflows counts as PyTorch's inf - inf. */
static big_hinge big_hinge_at(const lp_run *run, int i) {
  const place at = place_at(run, i);
  const bool literal = !isfinite(run->params[MARGIN]);
  const bool both = run->integers[INPUT1] != NULL && run->integers[INPUT2] != NULL;
  const bool all = both && run->integers[TARGET] != NULL;
  const lp_big margin = lp_big_of(run->params[MARGIN]), minus_target = lp_big_of(at.minus_target);
  const lp_big from_floats = lp_big_subtract(lp_big_of(run->x[INPUT1][i]), lp_big_of(run->x[INPUT2][i]));
  const lp_big d = both || literal ? big_pair(at.difference) : from_floats;
  const lp_big product = all || literal ? big_pair(at.product) : lp_big_multiply(minus_target, d);
  return (big_hinge){minus_target, d, lp_big_add(product, margin)};
}

/* A number with the sign of z, or NaN. Pairs of doubles hold 1 + 1e-323, which big numbers round, and big numbers
 * products that underflow in pairs. */
static double sign_of_hinge(const lp_run *run, int i) {
  const double z = hinge_argument(place_at(run, i), run->params[MARGIN]).high;
  return isfinite(z) && z != 0.0 ? z : big_hinge_at(run, i).z.high;
}

static void big(lp_big_term *term, const lp_run *run, int i) {
  const big_hinge h = big_hinge_at(run, i);
  const double sign = sign_of_hinge(run, i);
  term->shut = !(sign >= 0.0);
  term->value = sign < 0.0 ? lp_big_of(0.0) : h.z;
  term->slope[INPUT1] = h.minus_target;
  term->slope[INPUT2] = lp_big_negate(h.minus_target);
  term->slope[TARGET] = lp_big_negate(h.difference);
}

static uint64_t regimes_at(const lp_run *run, int i) {
  const double margin = run->params[MARGIN], y = run->x[TARGET][i];
  const place at = place_at(run, i);
  if (!isfinite(run->x[INPUT1][i]) || !isfinite(run->x[INPUT2][i]) || !isfinite(y) || !isfinite(margin)) {
    return UINT64_C(1) << NON_FINITE;
  }
  const double z = hinge_argument(at, margin).high, sign = sign_of_hinge(run, i);
  const double rounding = 0x1p-49 * fabs(at.product.high) + 0x1p-50 * fabs(margin);
  const uint64_t other = y == 1.0 || y == -1.0 ? 0 : UINT64_C(1) << OTHER_TARGET;
  const uint64_t near = sign != 0.0 && fabs(z) <= rounding ? UINT64_C(1) << NEAR_KINK : 0;
  return other | near | UINT64_C(1) << (sign > 0.0 ? ACTIVE : sign < 0.0 ? INACTIVE : KINK);
}

static uint64_t regimes_of_run(const lp_run *run) {
  uint64_t set = 0;
  for (int i = 0; i < run->n; i++) set |= regimes_at(run, i);
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

/* A second input that ties with the first, or is the margin away from it. */
static int lattice(double *values, int capacity, const double *params, int input, const double *earlier) {
  (void)capacity;
  if (input != INPUT2) return 0;
  values[0] = earlier[INPUT1];
  values[1] = earlier[INPUT1] - params[MARGIN];
  values[2] = earlier[INPUT1] + params[MARGIN];
  return 3;
}

static void draw(lp_case *c, lp_rng *rng, int value_class) {
  static const double usual[] = {1.0, -1.0}, odd[] = {0.0, 0.5, 2.0, -5.0};
  static const lp_labels labels[N_INPUTS] = {[TARGET] = {usual, 2, odd, 4}};
  lp_draw_pointwise(c, rng, value_class, lattice, labels);
}

static const lp_input_spec inputs[N_INPUTS] = {
    [INPUT1] = {.name = "input1",
                .kind = LP_KIND_REAL,
                .differentiable = true,
                .integer_ok = true,
                .max_rank = LP_MAX_RANK,
                .shape = "(*)",
                .about = "first scores; broadcasts with the others, but has their rank"},
    [INPUT2] = {.name = "input2",
                .kind = LP_KIND_REAL,
                .differentiable = true,
                .integer_ok = true,
                .max_rank = LP_MAX_RANK,
                .shape = "(*)",
                .about = "second scores"},
    [TARGET] = {.name = "target",
                .kind = LP_KIND_REAL,
                .differentiable = true,
                .integer_ok = true,
                .max_rank = LP_MAX_RANK,
                .shape = "(*)",
                .about = "1 where the first should be the larger, -1 where the second",
                .plot_at = 1.0},
};

static const double margins[] = {0.0, 1.0, -1.0, 0.5, 0.1, 100.0, (double)INFINITY, (double)NAN};

static const lp_param_spec params[] = {
    {"margin", LP_PARAM_REAL, 0.0, "any number", "how much larger the larger one should be", margins,
     sizeof margins / sizeof margins[0], NULL, 0},
};

#define BROADCAST "a mean over the elements of one input, or a gradient that is not summed over positions"
static const lp_shape_class shape_classes[] = {
    {"matrix", {"N C", "N C", "N C"}, true, false, "nothing in particular"},
    {"vector", {"N", "N", "N"}, true, false, "nothing in particular"},
    {"cube", {"N C D", "N C D", "N C D"}, true, false, "nothing in particular"},
    {"0-d", {".", ".", "."}, false, false, "a single number without axes"},
    {"size-1", {"1 1", "1 1", "1 1"}, false, false, "extents of 1 that are squeezed"},
    {"target-column", {"N D", "N D", "N 1"}, false, false, "one label per row: " BROADCAST},
    {"target-1", {"N", "N", "1"}, false, false, "one label for all: " BROADCAST},
    {"input1-row", {"1 C", "N C", "N C"}, false, false, BROADCAST},
    {"input2-1", {"N", "1", "N"}, false, false, BROADCAST},
    {"outer", {"N 1", "1 C", "1 1"}, false, false, BROADCAST},
    {"empty", {"0", "0", "0"}, false, false, "an empty mean is NaN, an empty sum 0"},
    {"empty-inputs", {"0", "0", "1"}, false, false, "a label without terms gets the gradient 0"},
    {"long", {"1025", "1025", "1025"}, false, false, "blocks that end one element early or late"},
    {"target-rank", {"N D", "N D", "N"}, false, true, "a label per row without its axis, which would meet the columns"},
    {"target-square", {"3 3", "3 3", "3"}, false, true, "the same where the extents would fit"},
    {"target-0-d", {"N", "N", "."}, false, true, "ranks have to be equal"},
    {"mismatch", {"N C", "N C+1", "N C"}, false, true, "extents that do not broadcast"},
};

const lp_loss lp_loss_margin_ranking = {
    .name = "margin_ranking",
    .functional = "margin_ranking_loss",
    .module = "MarginRankingLoss",
    .summary = "hinge on the difference of two scores that a label says should be positive or negative",
    .definition = "max(0, -target * (input1 - input2) + margin)",
    .denominator = "number of elements after broadcasting",
    .ignored = "none",
    .batch_axis = "none",
    .class_axis = "none",
    .reductions = LP_CAN_USUAL,
    .legacy_reduction = true,
    .pointwise = true,
    .rejects = 1u << LP_REJECT_RANK | 1u << LP_REJECT_DTYPE | 1u << LP_REJECT_SHAPE | 1u << LP_REJECT_REDUCTION |
               1u << LP_REJECT_GRAD_OUTPUT,
    .inputs = inputs,
    .n_inputs = N_INPUTS,
    .params = params,
    .n_params = sizeof params / sizeof params[0],
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
