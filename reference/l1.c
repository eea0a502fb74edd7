/* l1: absolute difference, with optional weights. torch.nn.functional.l1_loss.
 *
 * Definition, per position, with d = input - target and w the weight (1 when there is none): v = w |d|. mean divides by
 * the number of positions, and by the sum W of the weights when they are given.
 * Gradients: w sign(d) to the input, its negative to the target, |d| to the weight, (g/W)(|d| - L) in a mean L.
 * Stable form: d is kept with its rounding error, as are w |d| and the sums.
 * Regimes: positive (d > 0), negative (d < 0), tie (d = 0), non-finite (an infinite or NaN number), weighted (there are
 * weights), weights-cancel (a mean whose weights sum to 0), empty.
 * Kinks: at d = 0 PyTorch's gradient to input and target is 0.
 * Degenerate: where d is NaN the value is NaN and the gradient is 0 (sign(NaN) = 0), but |d| = NaN to the weight. An
 * infinite upstream gradient times the 0 of a tie is NaN. An empty mean is 0/0, a mean with W = 0 is v/0: +-inf or NaN;
 * its gradient to the weight is g v/W - g (L/W), usually NaN. Weights need the shape of the input, also where the
 * target makes the result larger: then W sums the weights once each, and the terms all positions.
 * Integers beside a floating tensor are promoted; bool is refused. Input and target that are both integers give
 * integers that wrap around (|1 - 2| = 255 in uint8), and mean refuses them unless there are weights.
 * W is the real sum of the weights, exact where they cancel. PyTorch adds int64 weights up in int64, where their sum
 * wraps around beyond 2^63: a difference from PyTorch that is known. Over weights that sum to exactly 0 a numerator
 * that underflows in double counts as 0. Error bound: 1/2 ulp for d; 1 ulp for products with w, sums, means and
 * gradients. Finite where PyTorch overflows or underflows on the way: pointwise.h, big arithmetic.
 */
#include "reference/residual.h"

extern const lp_loss lp_loss_l1;

enum { INPUT, TARGET, WEIGHT, N_INPUTS };

enum { POSITIVE, NEGATIVE, TIE, NON_FINITE, WEIGHTED, WEIGHTS_CANCEL, EMPTY, N_REGIMES };

static const lp_regime regimes[N_REGIMES] = {
    [POSITIVE] = {"positive", "input > target: the gradient is the weight"},
    [NEGATIVE] = {"negative", "input < target: the gradient is minus the weight"},
    [TIE] = {"tie", "input = target: no loss and no gradient"},
    [NON_FINITE] = {"non-finite", "an infinite or NaN input, target or weight"},
    [WEIGHTED] = {"weighted", "weights are given"},
    [WEIGHTS_CANCEL] = {"weights-cancel", "a mean whose weights sum to 0"},
    [EMPTY] = {"empty", "no elements"},
};

static const lp_rule rules[] = {
    {"tie-gradient", "at input = target the gradient to both is 0"},
    {"nan-gradient", "where input - target is NaN the value is NaN and the gradient to both is 0"},
    {"weighted-mean", "mean divides by the sum of the weights, and the weights get its gradient as well"},
    {"weight-shape", "weights have the shape of the input; they do not broadcast"},
};

static lp_status plan(lp_plan *p, lp_error *error) {
  const lp_integers integers = p->c->has_input[WEIGHT] ? LP_INTEGERS_ALWAYS : LP_INTEGERS_UNLESS_MEAN;
  if (p->c->has_input[WEIGHT]) LP_TRY(lp_plan_refuse_elementwise_mean(p, error));
  return lp_residual_plan(p, true, integers, error);
}

LP_INLINE double sign(double d) { return (d > 0.0 ? 1.0 : 0.0) - (d < 0.0 ? 1.0 : 0.0); }

LP_INLINE lp_pair absolute(lp_pair d) { return (lp_pair){fabs(d.high), d.high < 0.0 ? -d.low : d.low}; }

LP_MULTIVERSION static void plain_terms(const lp_run *run) {
  const double *x = run->x[INPUT], *t = run->x[TARGET];
  double *value = run->value, *value_low = run->value_low;
  double *to_input = run->slope[INPUT], *to_target = run->slope[TARGET];
  LP_INDEPENDENT
  for (int i = 0; i < run->n; i++) {
    const lp_pair d = lp_two_sum(x[i], -t[i]), v = absolute(d);
    value[i] = v.high;
    value_low[i] = v.low;
    to_input[i] = sign(d.high);
    to_target[i] = -sign(d.high);
  }
}

LP_MULTIVERSION static void weighted_terms(const lp_run *run) {
  const double *x = run->x[INPUT], *t = run->x[TARGET], *w = run->x[WEIGHT];
  double *value = run->value, *value_low = run->value_low;
  double *to_input = run->slope[INPUT], *to_target = run->slope[TARGET];
  double *to_weight = run->slope[WEIGHT], *to_weight_low = run->slope_low[WEIGHT];
  LP_INDEPENDENT
  for (int i = 0; i < run->n; i++) {
    const lp_pair d = lp_two_sum(x[i], -t[i]), size = absolute(d), v = lp_residual_weigh(w[i], size);
    value[i] = v.high;
    value_low[i] = v.low;
    to_input[i] = w[i] * sign(d.high);
    to_target[i] = -(w[i] * sign(d.high));
    to_weight[i] = size.high;
    to_weight_low[i] = size.low;
  }
}

static void terms(const lp_run *run) { (run->x[WEIGHT] == NULL ? plain_terms : weighted_terms)(run); }

static void big(lp_big_term *term, const lp_run *run, int i) {
  const lp_big d = lp_residual_big(run, i), w = lp_residual_big_weight(run, i), size = lp_big_abs(d);
  const lp_big slope = lp_big_multiply(w, lp_big_of(sign(d.high)));
  term->value = lp_big_multiply(w, size);
  term->slope[INPUT] = slope;
  term->slope[TARGET] = lp_big_negate(slope);
  term->slope[WEIGHT] = size;
}

/* w |x - t|, multiplied out. */
static void add(lp_long_sum *sum, const lp_run *run, int i) {
  const double x = run->x[INPUT][i], t = run->x[TARGET][i];
  lp_residual_add_weighted(sum, run, i, x > t ? x : -x, 1.0);
  lp_residual_add_weighted(sum, run, i, x > t ? -t : t, 1.0);
}

static uint64_t regimes_of_run(const lp_run *run) {
  uint64_t set = run->x[WEIGHT] == NULL ? 0 : UINT64_C(1) << WEIGHTED;
  for (int i = 0; i < run->n; i++) {
    const double x = run->x[INPUT][i], t = run->x[TARGET][i], w = run->x[WEIGHT] == NULL ? 1.0 : run->x[WEIGHT][i];
    const bool finite = isfinite(x) && isfinite(t) && isfinite(w);
    set |= UINT64_C(1) << (!finite ? NON_FINITE : x > t ? POSITIVE : x < t ? NEGATIVE : TIE);
  }
  return set;
}

static const lp_pointwise kernel = {
    .terms = terms,
    .regimes = regimes_of_run,
    .regime_empty = UINT64_C(1) << EMPTY,
    .big = big,
    .add = add,
    .weight = WEIGHT,
};

static const lp_pointwise integer_kernel = {
    .terms = lp_integer_absolute,
    .big = lp_integer_big_absolute,
    .add = lp_integer_add_absolute,
    .weight = WEIGHT,
};

static const lp_pointwise *kernel_of(const lp_plan *p) { return lp_residual_is_integer(p) ? &integer_kernel : &kernel; }

static void run_case(lp_outcome *outcome, const lp_plan *p, double *scratch) {
  lp_pointwise_run(outcome, p, kernel_of(p), scratch);
  if (lp_residual_is_integer(p)) lp_integer_wrap_sum(outcome, p);
}

static uint64_t regimes_of_case(const lp_plan *p, double *scratch) {
  const uint64_t cancel = lp_residual_weights_cancel(p) ? UINT64_C(1) << WEIGHTS_CANCEL : 0;
  return cancel | lp_pointwise_regimes(p, &kernel, scratch);
}

static int lattice(double *values, int capacity, const double *params, int input, const double *earlier) {
  (void)capacity, (void)params;
  return lp_residual_lattice(values, input, earlier, NULL, 0);
}

static void draw(lp_case *c, lp_rng *rng, int value_class) { lp_residual_draw(c, rng, value_class, lattice); }

static const lp_input_spec inputs[N_INPUTS] = {
    [INPUT] = {.name = "input",
               .kind = LP_KIND_REAL,
               .differentiable = true,
               .integer_ok = true,
               .max_rank = LP_MAX_RANK,
               .shape = "(*)",
               .about = "predictions; broadcasts with target"},
    [TARGET] = {.name = "target",
                .kind = LP_KIND_REAL,
                .differentiable = true,
                .integer_ok = true,
                .max_rank = LP_MAX_RANK,
                .shape = "(*)",
                .about = "what should have been predicted; broadcasts with input"},
    [WEIGHT] = {.name = "weight",
                .kind = LP_KIND_REAL,
                .optional = true,
                .differentiable = true,
                .integer_ok = true,
                .max_rank = LP_MAX_RANK,
                .shape = "the shape of input",
                .about = "multiplies each term; mean divides by its sum",
                .plot_at = 1.0},
};

const lp_loss lp_loss_l1 = {
    .name = "l1",
    .functional = "l1_loss",
    .module = "L1Loss",
    .summary = "mean absolute error",
    .definition = "weight * |input - target|",
    .denominator = "number of elements after broadcasting; the sum of the weights when there are any",
    .ignored = "none",
    .batch_axis = "none",
    .class_axis = "none",
    .reductions = LP_CAN_USUAL,
    .legacy_reduction = true,
    .pointwise = true,
    .rejects = 1u << LP_REJECT_DTYPE | 1u << LP_REJECT_SHAPE | 1u << LP_REJECT_REDUCTION | 1u << LP_REJECT_GRAD_OUTPUT,
    .inputs = inputs,
    .n_inputs = N_INPUTS,
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .rules = rules,
    .n_rules = sizeof rules / sizeof rules[0],
    .shape_classes = lp_residual_shape_classes,
    .n_shape_classes = LP_RESIDUAL_SHAPES,
    .value_classes = lp_common_value_classes,
    .n_value_classes = LP_VALUES_COMMON_COUNT,
    .plan = plan,
    .run = run_case,
    .regimes_of = regimes_of_case,
    .draw = draw,
};
