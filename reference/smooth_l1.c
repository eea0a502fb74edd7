/* smooth_l1: quadratic near 0, linear beyond beta. torch.nn.functional.smooth_l1_loss.
 *
 * Definition, per position, with d = input - target:
 *   v = d^2 / (2 beta) where |d| < beta,  |d| - beta/2 elsewhere.  beta = 0: l1, v = |d|.
 * Gradients: d/beta where |d| < beta, sign(d) elsewhere, to the input; the negative to the target.
 * Stable form: d is kept with its rounding error; 1/beta is a pair, so that d^2 / (2 beta) takes no division.
 * Regimes: quadratic (|d| < beta), linear (|d| > beta), kink (|d| = beta > 0), near-kink (the rounded d may fall on the
 * other side of beta), tie (d = 0), l1 (beta = 0), non-finite (an infinite or NaN number), empty.
 * Kinks: at |d| = beta value and gradient are continuous; the branches agree. With beta = 0 the gradient at d = 0 is 0.
 * Degenerate: beta = inf gives 0 and 0 for finite d (NaN where d^2 overflows: PyTorch's inf/inf), and inf - inf = NaN
 * with the gradient +-1 for infinite d. A NaN
 * residual gives NaN, also as a gradient; but with beta = 0 that is l1's: 0. beta < 0 and NaN are refused. An empty
 * mean is 0/0.
 * Integers beside a floating tensor are promoted; two integers are refused. With beta = 0 l1's rules hold: bool is
 * refused, and two integers give integers that wrap around, but for mean.
 * Error bound: 1 ulp for value and gradients, sums and means included.
 * Finite where PyTorch overflows or underflows on the way (0.5 d d before the division, g d before the division):
 * pointwise.h, big arithmetic.
 */
#include "reference/residual.h"

extern const lp_loss lp_loss_smooth_l1;

enum { INPUT, TARGET, N_INPUTS };
enum { BETA };

enum { QUADRATIC, LINEAR, KINK, NEAR_KINK, TIE, L1, NON_FINITE, EMPTY, N_REGIMES };

static const lp_regime regimes[N_REGIMES] = {
    [QUADRATIC] = {"quadratic", "0 < |input - target| < beta"},
    [LINEAR] = {"linear", "|input - target| > beta > 0"},
    [KINK] = {"kink", "|input - target| = beta > 0: both branches agree"},
    [NEAR_KINK] = {"near-kink", "|input - target| within rounding of beta, not equal"},
    [TIE] = {"tie", "input = target"},
    [L1] = {"l1", "beta = 0, input and target differ"},
    [NON_FINITE] = {"non-finite", "an infinite or NaN input, target or beta"},
    [EMPTY] = {"empty", "no elements"},
};

static const lp_rule rules[] = {
    {"beta-0-is-l1", "beta = 0 is l1: the gradient is the sign of input - target, 0 at 0 and for NaN"},
    {"threshold-on-size", "the branch is chosen by |input - target|, not by input - target"},
};

static bool is_l1(const lp_plan *p) { return p->c->params[BETA] == 0.0; }

static lp_status plan(lp_plan *p, lp_error *error) {
  const double beta = p->c->params[BETA];
  if (!(beta >= 0.0)) return lp_refuse(error, LP_REJECT_PARAMETER, "beta: expected a number >= 0, got %g", beta);
  return lp_residual_plan(p, is_l1(p), is_l1(p) ? LP_INTEGERS_UNLESS_MEAN : LP_INTEGERS_NEVER, error);
}

LP_INLINE double sign(double d) { return (d > 0.0 ? 1.0 : 0.0) - (d < 0.0 ? 1.0 : 0.0); }

LP_INLINE lp_pair absolute(lp_pair d) { return (lp_pair){fabs(d.high), d.high < 0.0 ? -d.low : d.low}; }

static lp_pair reciprocal(double beta) {
  const double high = 1.0 / beta;
  return (lp_pair){high, isfinite(beta) ? fma(-high, beta, 1.0) / beta : 0.0};
}

/* 1/beta, and whether beta is a power of 2, so that multiplying by it is exact. */
typedef struct slant {
  lp_pair over_beta;
  bool exact;
} slant;

LP_INLINE lp_pair tilt(lp_pair a, slant s) {
  if (s.exact) return (lp_pair){a.high * s.over_beta.high, a.low * s.over_beta.high};
  return lp_pair_product(a, s.over_beta);
}

/* Zeros keep the sign that PyTorch's d / beta gives them. */
LP_INLINE void put_smooth(const lp_run *run, int i, double beta, slant s) {
  const double x = run->x[INPUT][i], t = run->x[TARGET][i];
  const lp_pair d = lp_two_sum(x, -t), size = absolute(d), ratio = tilt(d, s), square = tilt(lp_residual_square(d), s);
  const lp_pair from_half = lp_two_sum(size.high, -0.5 * beta);
  const lp_pair linear = lp_residual_settle(from_half.high, from_half.low + size.low);
  const double slope = size.high >= beta ? sign(d.high) : ratio.high, low = size.high >= beta ? 0.0 : ratio.low;
  run->value[i] = size.high < beta ? 0.5 * square.high : linear.high;
  run->value_low[i] = size.high < beta ? 0.5 * square.low : linear.low;
  run->slope[INPUT][i] = d.high == 0.0 ? d.high : slope;
  run->slope_low[INPUT][i] = low;
  run->slope[TARGET][i] = d.high == 0.0 ? t - x : -slope;
  run->slope_low[TARGET][i] = -low;
}

LP_MULTIVERSION static void smooth_terms(const lp_run *run) {
  const double beta = run->params[BETA];
  const slant s = {reciprocal(beta), false};
  LP_INDEPENDENT
  for (int i = 0; i < run->n; i++) put_smooth(run, i, beta, s);
}

LP_MULTIVERSION static void exact_terms(const lp_run *run) {
  const double beta = run->params[BETA];
  const slant s = {{1.0 / beta, 0.0}, true};
  LP_INDEPENDENT
  for (int i = 0; i < run->n; i++) put_smooth(run, i, beta, s);
}

LP_MULTIVERSION static void l1_terms(const lp_run *run) {
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

static bool is_power_of_two(double x) {
  int exponent;
  return frexp(x, &exponent) == 0.5;
}

static void terms(const lp_run *run) {
  const double beta = run->params[BETA];
  (beta == 0.0 ? l1_terms : is_power_of_two(beta) ? exact_terms : smooth_terms)(run);
}

static void big_linear(lp_big_term *term, lp_big d, lp_big size, lp_big half) {
  term->value = lp_big_subtract(size, half);
  term->slope[INPUT] = lp_big_of(sign(d.high));
}

/* With an infinite beta PyTorch's d d may overflow, to inf/inf. Its gradient is g d over beta: an infinite g never
 * meets a d/beta that underflowed. */
static void big_quadratic(lp_big_term *term, lp_big d, lp_big beta) {
  const lp_big ratio = lp_big_divide(d, beta), product = lp_big_multiply(ratio, d);
  const double literal = 0.5 * lp_big_get(d) * lp_big_get(d) / beta.high;
  term->value = lp_big_is_finite(beta) ? lp_big_multiply(lp_big_of(0.5), product) : lp_big_of(literal);
  term->slope[INPUT] = ratio;
  term->stepwise[INPUT] = term->stepwise[TARGET] = true;
}

/* A NaN residual is on neither side: PyTorch's value is then linear, its gradient quadratic; both are NaN. */
static void big(lp_big_term *term, const lp_run *run, int i) {
  const lp_big d = lp_residual_big(run, i), size = lp_big_abs(d), beta = lp_big_of(run->params[BETA]);
  if (lp_big_at_least(size, beta) || beta.high == 0.0) {
    big_linear(term, d, size, lp_big_multiply(lp_big_of(0.5), beta));
  } else {
    big_quadratic(term, d, beta);
  }
  term->slope[TARGET] = d.high == 0.0 ? lp_residual_big_zero(run, i) : lp_big_negate(term->slope[INPUT]);
}

/* |d| - beta, exactly but for what is lost far from 0. */
static double distance_to_kink(double x, double t, double beta) {
  const lp_pair size = absolute(lp_two_sum(x, -t)), from = lp_two_sum(size.high, -beta);
  return from.high + (from.low + size.low);
}

static uint64_t regimes_at(double x, double t, double beta) {
  if (!isfinite(x) || !isfinite(t) || !isfinite(beta)) return UINT64_C(1) << NON_FINITE;
  if (x == t) return UINT64_C(1) << TIE;
  if (beta == 0.0) return UINT64_C(1) << L1;
  const double from = distance_to_kink(x, t, beta), rounding = 8.0 * 0x1p-53 * (fabs(x - t) + fabs(beta));
  if (from == 0.0) return UINT64_C(1) << KINK;
  return UINT64_C(1) << (from < 0.0 ? QUADRATIC : LINEAR) | (fabs(from) <= rounding ? UINT64_C(1) << NEAR_KINK : 0);
}

static uint64_t regimes_of_run(const lp_run *run) {
  uint64_t set = 0;
  for (int i = 0; i < run->n; i++) set |= regimes_at(run->x[INPUT][i], run->x[TARGET][i], run->params[BETA]);
  return set;
}

static const lp_pointwise kernel = {
    .terms = terms,
    .regimes = regimes_of_run,
    .regime_empty = UINT64_C(1) << EMPTY,
    .big = big,
};

static const lp_pointwise integer_kernel = {.terms = lp_integer_absolute};

static const lp_pointwise *kernel_of(const lp_plan *p) { return lp_residual_is_integer(p) ? &integer_kernel : &kernel; }

static void run_case(lp_outcome *outcome, const lp_plan *p, double *scratch) {
  lp_pointwise_run(outcome, p, kernel_of(p), scratch);
  if (lp_residual_is_integer(p)) lp_integer_wrap_sum(outcome, p);
}

static uint64_t regimes_of_case(const lp_plan *p, double *scratch) { return lp_pointwise_regimes(p, &kernel, scratch); }

static int lattice(double *values, int capacity, const double *params, int input, const double *earlier) {
  (void)capacity;
  return lp_residual_lattice(values, input, earlier, &params[BETA], isfinite(params[BETA]) ? 1 : 0);
}

static void draw(lp_case *c, lp_rng *rng, int value_class) { lp_draw_pointwise(c, rng, value_class, lattice, NULL); }

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
};

static const double betas[] = {1.0, 0.0, 0.25, 0.5, 2.0, 400.0, 1e-50, (double)INFINITY};
static const double bad_betas[] = {-1.0, -1e-300, (double)NAN};

static const lp_param_spec params[] = {
    {"beta", LP_PARAM_REAL, 1.0, "a number >= 0", "where the quadratic part ends; 0 is l1", betas,
     sizeof betas / sizeof betas[0], bad_betas, sizeof bad_betas / sizeof bad_betas[0]},
};

const lp_loss lp_loss_smooth_l1 = {
    .name = "smooth_l1",
    .functional = "smooth_l1_loss",
    .module = "SmoothL1Loss",
    .summary = "squared error for small residuals, absolute error for large ones",
    .definition = "d = input - target: |d| < beta ? d^2 / (2 beta) : |d| - beta/2; beta = 0: |d|",
    .denominator = "number of elements after broadcasting",
    .ignored = "none",
    .batch_axis = "none",
    .class_axis = "none",
    .reductions = LP_CAN_USUAL,
    .legacy_reduction = true,
    .pointwise = true,
    .rejects = 1u << LP_REJECT_DTYPE | 1u << LP_REJECT_SHAPE | 1u << LP_REJECT_REDUCTION | 1u << LP_REJECT_PARAMETER |
               1u << LP_REJECT_GRAD_OUTPUT,
    .inputs = inputs,
    .n_inputs = N_INPUTS,
    .params = params,
    .n_params = sizeof params / sizeof params[0],
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .rules = rules,
    .n_rules = sizeof rules / sizeof rules[0],
    .shape_classes = lp_residual_shape_classes,
    .n_shape_classes = LP_RESIDUAL_SHAPES - LP_RESIDUAL_WEIGHT_SHAPES,
    .value_classes = lp_common_value_classes,
    .n_value_classes = LP_VALUES_COMMON_COUNT,
    .plan = plan,
    .run = run_case,
    .regimes_of = regimes_of_case,
    .draw = draw,
};
