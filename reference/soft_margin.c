/* soft_margin: logistic loss for labels 1 and -1. torch.nn.functional.soft_margin_loss.
 *
 * Definition, per position, with x the input and y the target (at::soft_margin_loss): v = log(1 + exp(-y x)).
 * Gradient to x: -y / (1 + exp(y x)). The target is not differentiated.
 * Stable form: with z = -y x, v = max(z, 0) + log1p(exp(-|z|)) and the slope -y times the logistic function of z
 * (special.h). The product is carried exactly, so that its rounding, which exp would magnify by |z|, does not count.
 * Positions with |z| >= 700 are done in big arithmetic: there exp(z) over- or underflows before y exp(z) does.
 * Regimes: right (y x > 0), wrong (y x < 0), undecided (y x = 0), overflow (exp(-y x) overflows), underflow (exp(-y x)
 * rounds to 0), other-target (neither 1 nor -1), non-finite, empty.
 * Kinks: none.
 * Degenerate: the target broadcasts to the input's shape, not the other way round. Infinite inputs follow PyTorch's
 * formulas log1p(exp(-y x)) and y w / (1 + w), w = exp(-y x): z = inf has the value inf and the gradient inf/inf = NaN,
 * z = -inf the value 0 and the gradient -y 0, so -0 or 0 and NaN for y infinite; 0 inf = NaN stays NaN.
 * At finite inputs PyTorch's w overflows beyond z = 709.78: value inf and gradient NaN, where z and -y are right. An
 * infinite upstream gradient meets that slope, rounded to double as PyTorch's is, or 0 where w is 0: then it is NaN.
 * A bool target is refused: PyTorch has a value for it but cannot negate it in the gradient.
 * Error bound: 0.6 ulp for the value and, for targets 1 and -1, the slope; 1.7 ulp for the slope of other targets; 1
 * ulp where they are subnormal.
 */
#include "reference/bigmath.h"
#include "reference/draw.h"
#include "reference/pointwise.h"
#include "reference/special.h"

extern const lp_loss lp_loss_soft_margin;

enum { INPUT, TARGET, N_INPUTS };

enum { RIGHT, WRONG, UNDECIDED, OVERFLOW, UNDERFLOW, OTHER_TARGET, NON_FINITE, EMPTY, N_REGIMES };

static const lp_regime regimes[N_REGIMES] = {
    [RIGHT] = {"right", "target * input > 0: a loss below log 2"},
    [WRONG] = {"wrong", "target * input < 0: a loss above log 2"},
    [UNDECIDED] = {"undecided", "target * input = 0: the loss is log 2"},
    [OVERFLOW] = {"overflow", "exp(-target * input) is too large for a double; the loss is not"},
    [UNDERFLOW] = {"underflow", "exp(-target * input) rounds to 0"},
    [OTHER_TARGET] = {"other-target", "a target that is neither 1 nor -1"},
    [NON_FINITE] = {"non-finite", "an infinite or NaN input or target"},
    [EMPTY] = {"empty", "no elements"},
};

static const lp_rule rules[] = {
    {"no-overflow", "the loss is -target * input and the gradient -target where exp(-target * input) overflows"},
    {"no-underflow", "the loss is exp(-target * input), not 0, where that is small"},
    {"target-broadcasts-to-input", "the result has the input's shape; an input is not broadcast to the target"},
};

static lp_status plan(lp_plan *p, lp_error *error) {
  const lp_tensor *input = &p->c->inputs[INPUT], *target = &p->c->inputs[TARGET];
  char to[64], from[64];
  if (target->dtype == LP_BOOL) {
    return lp_refuse(error, LP_REJECT_DTYPE,
                     "target: expected a floating or integer dtype, got bool, which has no gradient formula");
  }
  LP_TRY(lp_plan_broadcast(p, 1u << INPUT | 1u << TARGET, error));
  if (!lp_tensor_same_shape(&p->term, input)) {
    return lp_refuse(error, LP_REJECT_SHAPE, "target of shape %s does not broadcast to input's shape %s",
                     lp_tensor_shape_text(from, sizeof from, target), lp_tensor_shape_text(to, sizeof to, input));
  }
  p->scratch = lp_pointwise_scratch(p);
  return LP_OK;
}

LP_MULTIVERSION static void terms(const lp_run *run) {
  const double *x = run->x[INPUT], *y = run->x[TARGET];
  LP_INDEPENDENT
  for (int i = 0; i < run->n; i++) {
    const lp_jet v = lp_softplus(lp_two_product(-y[i], x[i]));
    run->value[i] = v.value.high;
    run->value_low[i] = v.value.low;
    run->slope[INPUT][i] = -y[i] * v.slope.high;
  }
}

/* |z| >= 700, infinities and NaN. */
LP_MULTIVERSION static bool wild(const lp_run *run) {
  const double *x = run->x[INPUT], *y = run->x[TARGET];
  int regular = 1;
  for (int i = 0; i < run->n; i++) regular &= fabs(y[i] * x[i]) < 700.0;
  return !regular;
}

/* v = log(1 + w) and w/(1 + w), w = exp(z). */
typedef struct logistic {
  lp_big value, slope;
} logistic;

static logistic logistic_of(lp_big z) {
  const bool positive = z.high > 0.0;
  const lp_big one = lp_big_of(1.0), size = lp_big_abs(z);
  const double far = lp_clamp(lp_big_get(size), 0.0, 1e300);
  const double rest = far < 1e300 ? lp_big_get(lp_big_subtract(size, lp_big_of(far))) : 0.0;
  const lp_big u = lp_big_exp((lp_pair){-far, -rest}), sum = lp_big_add(one, u);
  const lp_pair near = {lp_big_get(u), lp_big_get(lp_big_subtract(u, lp_big_of(lp_big_get(u))))};
  const lp_big log = near.high < 0x1p-200 ? u : lp_big_of_pair(lp_pair_log1p(near));
  return (logistic){positive ? lp_big_add(z, log) : log, lp_big_divide(positive ? one : u, sum)};
}

static void big_values(lp_big_term *term, lp_big x, lp_big y) {
  const logistic of = logistic_of(lp_big_negate(lp_big_multiply(y, x)));
  term->value = of.value;
  term->slope[INPUT] = lp_big_multiply(lp_big_negate(y), of.slope);
}

/* Infinities and NaN in PyTorch's own steps. */
static void big(lp_big_term *term, const lp_run *run, int i) {
  const double x = run->x[INPUT][i], y = run->x[TARGET][i], w = exp(-y * x);
  if (isfinite(x) && isfinite(y)) {
    big_values(term, lp_big_of(x), lp_big_of(y));
  } else {
    term->value = lp_big_of(log1p(w));
    term->slope[INPUT] = lp_big_of(-(y * w) / (1.0 + w));
  }
}

/* PyTorch's slope is a 0 where w underflows. Where it overflows PyTorch has a wrong NaN. */
static void literally(double *products, const lp_run *run, int i, double g) {
  const double w = exp(-run->x[TARGET][i] * run->x[INPUT][i]);
  lp_big_term term;
  big(&term, run, i);
  products[INPUT] = g * (w == 0.0 ? 0.0 : lp_big_get(term.slope[INPUT]));
}

/* log(DBL_MAX), and -log(2^-1075): below the one and above the other exp is a positive double. */
static const lp_pair overflow_at = {0x1.62e42fefa39efp9, 0x1.a9c9e3b39803fp-46},
                     underflow_at = {0x1.74910d52d3052p9, -0x1.04e7ce353629ep-46};

/* Is the product above the limit, rounded to doubles though both are? */
static bool exceeds(lp_pair product, lp_pair limit) {
  return product.high > limit.high || (product.high == limit.high && product.low > limit.low);
}

static uint64_t regime(double x, double y) {
  const lp_pair product = lp_two_product(-y, x); /* may underflow */
  if (!isfinite(x) || !isfinite(y)) return UINT64_C(1) << NON_FINITE;
  const uint64_t sign = UINT64_C(1) << (x == 0.0 || y == 0.0 ? UNDECIDED : (x > 0.0) == (y > 0.0) ? RIGHT : WRONG);
  const uint64_t overflow = exceeds(product, overflow_at) ? UINT64_C(1) << OVERFLOW : 0;
  const uint64_t underflow = exceeds(lp_pair_negative(product), underflow_at) ? UINT64_C(1) << UNDERFLOW : 0;
  return sign | overflow | underflow | (fabs(y) == 1.0 ? 0 : UINT64_C(1) << OTHER_TARGET);
}

static uint64_t regimes_of_run(const lp_run *run) {
  uint64_t set = 0;
  for (int i = 0; i < run->n; i++) set |= regime(run->x[INPUT][i], run->x[TARGET][i]);
  return set;
}

static const lp_pointwise kernel = {
    .terms = terms,
    .regimes = regimes_of_run,
    .regime_empty = UINT64_C(1) << EMPTY,
    .big = big,
    .wild = wild,
    .literally = literally,
};

static void run_case(lp_outcome *outcome, const lp_plan *p, double *scratch) {
  lp_pointwise_run(outcome, p, &kernel, scratch);
}

static uint64_t regimes_of_case(const lp_plan *p, double *scratch) { return lp_pointwise_regimes(p, &kernel, scratch); }

/* Where exp, 1 + exp and log1p change their ways in double and in float32. */
static int lattice(double *values, int capacity, const double *params, int input, const double *earlier) {
  static const double edges[] = {0.0,    16.6355, 17.3286, 36.7368, 65.85,   87.3365,          88.7228,
                                 100.0,  103.972, 110.0,   700.0,   708.396, 709.782712893384, 745.1332191019411,
                                 1000.0, 1e5};
  (void)capacity, (void)params, (void)input, (void)earlier;
  for (int i = 0; i < 16; i++) values[i] = i % 2 ? -edges[i] : edges[i];
  return 16;
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
               .about = "scores"},
    [TARGET] = {.name = "target",
                .apart = true,
                .kind = LP_KIND_REAL,
                .integer_ok = true,
                .max_rank = LP_MAX_RANK,
                .shape = "(*), broadcasts to input's shape",
                .about = "labels 1 and -1"},
};

static const lp_shape_class shape_classes[] = {
    {"matrix", {"N C", "N C"}, true, false, "nothing in particular"},
    {"vector", {"N", "N"}, true, false, "nothing in particular"},
    {"cube", {"N C D", "N C D"}, true, false, "nothing in particular"},
    {"0-d", {".", "."}, false, false, "a single number without axes"},
    {"size-1", {"1 1", "1 1"}, false, false, "extents of 1 that are squeezed"},
    {"target-row", {"N C", "C"}, false, false, "a target that broadcasts over the batch"},
    {"target-0-d", {"N C", "."}, false, false, "one target for all"},
    {"target-axis", {"N C D", "1 C 1"}, false, false, "a target with axes of extent 1"},
    {"empty", {"0", "0"}, false, false, "an empty mean is NaN, an empty sum 0"},
    {"empty-batch", {"0 C", "1 C"}, false, false, "an axis of extent 1 that broadcasts to 0"},
    {"long", {"1025", "1025"}, false, false, "blocks that end one element early or late"},
    {"input-row", {"C", "2 C"}, false, true, "an input that would have to broadcast"},
    {"input-0-d", {".", "1"}, false, true, "a 0-d input beside a target of one element"},
    {"column", {"C", "C 1"}, false, true, "a column target beside a vector"},
    {"mismatch", {"N C", "N C+1"}, false, true, "extents that do not broadcast"},
};

const lp_loss lp_loss_soft_margin = {
    .name = "soft_margin",
    .functional = "soft_margin_loss",
    .module = "SoftMarginLoss",
    .summary = "logistic loss for labels 1 and -1",
    .definition = "log(1 + exp(-target * input))",
    .denominator = "number of elements of input",
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
    .shape_classes = shape_classes,
    .n_shape_classes = sizeof shape_classes / sizeof shape_classes[0],
    .value_classes = lp_common_value_classes,
    .n_value_classes = LP_VALUES_COMMON_COUNT,
    .plan = plan,
    .run = run_case,
    .regimes_of = regimes_of_case,
    .draw = draw,
};
