/* poisson_nll: negative log likelihood of counts under a Poisson distribution. torch.nn.functional.poisson_nll_loss.
 *
 * Definition, per position, with x the input and t the target (at::poisson_nll_loss):
 *   v = exp(x) - t x             where log_input
 *   v = x - t log(x + eps)       where not
 * and with full, where t > 1, Stirling's approximation of log t! is added: t log t - t + log(2 pi t)/2.
 * Gradients: to x, exp(x) - t or 1 - t/(x + eps); to t, -x or -log(x + eps), plus log t + 1/(2t) where Stirling's term
 * is added.
 * Stable form: as it stands, with exp, log, products and sums carried as pairs (vecmath.h); log(2 pi t)/2 is
 * log(t)/2 + log(2 pi)/2, so that one log does. Positions with |x| >= 700 (log_input) are done in big arithmetic.
 * Regimes: log-input, rate-input, stirling (full and t > 1), stirling-masked (full and t <= 1), exp-overflow,
 * exp-underflow, target-zero, target-negative, rate-zero (x + eps = 0), rate-negative (x + eps < 0), non-finite, empty.
 * Kinks: none; the value jumps at t = 1 with full. The term is masked there, value and gradient.
 * Degenerate: x + eps = 0 gives log 0 = -inf: value +-inf, NaN for t = 0; the gradient to x is 1 - t/0. x + eps < 0
 * gives the value NaN and the gradient 1 - t/(x + eps), to t NaN. At the pole PyTorch divides the product of t and the
 * upstream gradient by 0: where that underflows, the gradient is 0/0. Infinite and NaN inputs and upstream gradients
 * follow the formulas in double, part by part: g exp(x) - g t may be inf - inf. Beside such inputs a masked Stirling term
 * is still differentiated, 0 log t + 0 t/t ..., which is NaN for t <= 0. At finite x and t <= 0 PyTorch's gradient to t
 * is that NaN for full too, where the term is masked: the definition's is -x or -log(x + eps).
 * Bool tensors are refused where PyTorch would have to subtract them: both inputs, an input that is not a log, a target
 * under full. Integer tensors are promoted. Error bound: 1 ulp of value and slopes where their terms do not cancel,
 * 2^-53 scaled otherwise.
 */
#include <string.h>

#include "reference/bigmath.h"
#include "reference/draw.h"
#include "reference/pointwise.h"
#include "reference/special.h"

extern const lp_loss lp_loss_poisson_nll;

enum { INPUT, TARGET, N_INPUTS };
enum { LOG_INPUT, FULL, EPS, N_PARAMS };

enum {
  LOG,
  RATE,
  STIRLING,
  STIRLING_MASKED,
  EXP_OVERFLOW,
  EXP_UNDERFLOW,
  TARGET_ZERO,
  TARGET_NEGATIVE,
  RATE_ZERO,
  RATE_NEGATIVE,
  OPEN,
  NON_FINITE,
  EMPTY,
  N_REGIMES
};

static const lp_regime regimes[N_REGIMES] = {
    [LOG] = {"log-input", "the input is the logarithm of the rate"},
    [RATE] = {"rate-input", "the input is the rate"},
    [STIRLING] = {"stirling", "full, and a target above 1: Stirling's term is added"},
    [STIRLING_MASKED] = {"stirling-masked", "full, and a target of at most 1: no term"},
    [EXP_OVERFLOW] = {"exp-overflow", "log_input, and exp(input) is too large for a double"},
    [EXP_UNDERFLOW] = {"exp-underflow", "log_input, and exp(input) rounds to 0"},
    [TARGET_ZERO] = {"target-zero", "a count of 0"},
    [TARGET_NEGATIVE] = {"target-negative", "a target below 0"},
    [RATE_ZERO] = {"rate-zero", "input + eps = 0: the logarithm of 0"},
    [RATE_NEGATIVE] = {"rate-negative", "input + eps < 0: no logarithm"},
    [OPEN] = {"open", "input + eps = 0 at an input that broadcasts: infinities of both signs may meet in its gradient"},
    [NON_FINITE] = {"non-finite", "an infinite or NaN input, target or eps"},
    [EMPTY] = {"empty", "no elements"},
};

static const lp_rule rules[] = {
    {"eps-inside-log", "eps is added to the input, inside the logarithm only"},
    {"stirling-above-one", "Stirling's term counts for targets above 1, not at 1"},
    {"stirling-gradient", "a masked Stirling term adds nothing to the gradient of the target, at 0 and below too"},
    {"negative-rate-is-nan", "input + eps < 0: value NaN, gradient 1 - target/(input + eps)"},
};

/* Is the tensor one that PyTorch would have to subtract as bool? */
static bool subtracts_bool(const lp_case *c, int input) {
  const bool log_input = c->params[LOG_INPUT] != 0.0, full = c->params[FULL] != 0.0;
  const bool bool_input = c->inputs[INPUT].dtype == LP_BOOL, bool_target = c->inputs[TARGET].dtype == LP_BOOL;
  if (input == INPUT) return bool_input && !log_input;
  return bool_target && (full || (log_input && bool_input));
}

static lp_status plan(lp_plan *p, lp_error *error) {
  LP_TRY(lp_plan_refuse_elementwise_mean(p, error));
  for (int k = 0; k < N_INPUTS; k++) {
    if (subtracts_bool(p->c, k)) {
      return lp_refuse(error, LP_REJECT_DTYPE, "%s: expected a floating or integer dtype with these options, got bool",
                       p->c->loss->inputs[k].name);
    }
  }
  LP_TRY(lp_plan_broadcast(p, 1u << INPUT | 1u << TARGET, error));
  p->scratch = lp_pointwise_scratch(p);
  return LP_OK;
}

static const lp_pair half_log_2pi = {0x1.d67f1c864beb5p-1, -0x1.65b5a1b7ff5dfp-55};

/* Stirling's term and its derivative, 0 for t <= 1. */
LP_INLINE lp_jet stirling(double t) {
  const int counts = t > 1.0;
  const double n = counts ? t : 1.0;
  const lp_pair log = lp_log_normal(n);
  const lp_pair main = lp_pair_sum(lp_pair_product(lp_whole(n), log), lp_whole(-n));
  const lp_pair rest = lp_pair_sum((lp_pair){0.5 * log.high, 0.5 * log.low}, half_log_2pi);
  const lp_pair value = lp_pair_sum(main, rest), slope = lp_pair_sum(log, lp_whole(0.5 / n));
  return (lp_jet){{counts ? value.high : 0.0, counts ? value.low : 0.0},
                  {counts ? slope.high : 0.0, counts ? slope.low : 0.0}};
}

/* One position: the value and its two slopes. */
typedef struct position {
  lp_pair value, slope_x, slope_t;
} position;

LP_INLINE position log_position(double x, double t) {
  const lp_pair e = lp_exp_pair(x, 0.0);
  const lp_pair product = lp_two_product(t, x);
  return (position){lp_pair_sum(e, lp_pair_negative(product)), lp_pair_sum(e, lp_whole(-t)), lp_whole(-x)};
}

/* t/s, s a pair. */
LP_INLINE lp_pair quotient(double t, lp_pair s) {
  const double reciprocal = 1.0 / s.high, q = t * reciprocal;
  const lp_pair back = lp_two_product(q, s.high);
  return lp_join(q, (((t - back.high) - back.low) - q * s.low) * reciprocal);
}

LP_INLINE position rate_position(double x, double t, double eps) {
  const lp_pair s = lp_two_sum(x, eps);
  const lp_pair plain = lp_log_normal(s.high);
  const lp_pair log = lp_join(plain.high, plain.low + s.low / s.high);
  const lp_pair product = lp_pair_product(lp_whole(t), log);
  return (position){lp_pair_sum(lp_whole(x), lp_pair_negative(product)),
                    lp_pair_sum(lp_whole(1.0), lp_pair_negative(quotient(t, s))), lp_pair_negative(log)};
}

LP_INLINE position add_stirling(position p, double t) {
  const lp_jet s = stirling(t);
  return (position){lp_pair_sum(p.value, s.value), p.slope_x, lp_pair_sum(p.slope_t, s.slope)};
}

LP_INLINE void write_position(const lp_run *run, int i, position p) {
  run->value[i] = p.value.high;
  run->value_low[i] = p.value.low;
  run->slope[INPUT][i] = p.slope_x.high;
  run->slope_low[INPUT][i] = p.slope_x.low;
  run->slope[TARGET][i] = p.slope_t.high;
  run->slope_low[TARGET][i] = p.slope_t.low;
}

/* The four settings of the options each have a loop of their own. */
LP_INLINE void write_terms(const lp_run *run, bool log_input, bool full) {
  const double *x = run->x[INPUT], *t = run->x[TARGET];
  const double eps = run->params[EPS];
  LP_INDEPENDENT
  for (int i = 0; i < run->n; i++) {
    const position base = log_input ? log_position(x[i], t[i]) : rate_position(x[i], t[i], eps);
    write_position(run, i, full ? add_stirling(base, t[i]) : base);
  }
}

LP_MULTIVERSION static void log_terms(const lp_run *run) { write_terms(run, true, false); }
LP_MULTIVERSION static void log_full_terms(const lp_run *run) { write_terms(run, true, true); }
LP_MULTIVERSION static void rate_terms(const lp_run *run) { write_terms(run, false, false); }
LP_MULTIVERSION static void rate_full_terms(const lp_run *run) { write_terms(run, false, true); }

static bool is_log(const lp_run *run) { return run->params[LOG_INPUT] != 0.0; }

static bool is_full(const lp_run *run) { return run->params[FULL] != 0.0; }

static double used_eps(const lp_run *run) { return is_log(run) ? 0.0 : run->params[EPS]; }

static void terms(const lp_run *run) {
  if (is_log(run)) {
    (is_full(run) ? log_full_terms : log_terms)(run);
  } else {
    (is_full(run) ? rate_full_terms : rate_terms)(run);
  }
}

/* ---- Positions beyond the loops' reach ---- */

/* An argument of exp whose result leaves the range of double, a logarithm of nothing, infinities and NaN. */
LP_MULTIVERSION static bool wild(const lp_run *run) {
  const double *x = run->x[INPUT], *t = run->x[TARGET];
  const double eps = used_eps(run), limit = is_log(run) ? 700.0 : (double)INFINITY;
  const double least = is_log(run) ? -700.0 : 0.0;
  int regular = isfinite(eps);
  for (int i = 0; i < run->n; i++) {
    regular &= (x[i] < limit) & (x[i] + eps > least) & (fabs(t[i]) < (double)INFINITY);
  }
  return !regular;
}

static bool is_pole(const lp_run *run, double x) { return !is_log(run) && x + run->params[EPS] == 0.0; }

/* Has neither value nor gradient a real number to be? */
static bool is_special(const lp_run *run, double x, double t) {
  return !isfinite(x) || !isfinite(t) || !isfinite(used_eps(run)) || is_pole(run, x);
}

/* What PyTorch finds there. */
static double literal_value(const lp_run *run, double x, double t) {
  const double value = is_log(run) ? exp(x) - t * x : x - t * log(x + run->params[EPS]);
  const double term = t * log(t) - t + 0.5 * log(0x1.921fb54442d18p+2 * t);
  return is_full(run) && !(t <= 1.0) ? value + term : value;
}

/* The gradient of Stirling's term, in the parts in which PyTorch adds it up: g log t, g t/t, -g, g/(2 t), with 0 for g
 * where the term is masked. */
static double literal_stirling(double g, double t) {
  const double gated = t <= 1.0 ? 0.0 : g;
  return gated * log(t) + gated * t / t - gated + 0.5 * gated / t;
}

/* A masked term shows only where nothing is a real number anyhow. */
static void literally(double *products, const lp_run *run, int i, double g) {
  const double x = run->x[INPUT][i], t = run->x[TARGET][i], s = x + used_eps(run);
  products[INPUT] = is_log(run) ? g * exp(x) - g * t : g - g * t / s;
  products[TARGET] = -g * (is_log(run) ? x : log(s));
  if (is_full(run) && (t > 1.0 || is_special(run, x, t))) products[TARGET] += literal_stirling(g, t);
}

/* What the value and slopes of one position are made of, in big arithmetic. */
typedef struct ingredients {
  lp_big t, rate;  /* rate: exp(x) or x */
  lp_big log_rate; /* x or log(x + eps) */
  lp_big ratio;    /* t/(x + eps), 0 with log_input */
  lp_big log_t;
  bool log_input, counts; /* counts: Stirling's term is added */
} ingredients;

static lp_big sum3(lp_big a, lp_big b, lp_big c) { return lp_big_add(lp_big_add(a, b), c); }

static ingredients collect(const lp_run *run, double x, double t) {
  const lp_big zero = lp_big_of(0.0), big_x = lp_big_of(x), big_t = lp_big_of(t);
  ingredients of = {big_t, big_x, big_x, zero, zero, is_log(run), is_full(run) && t > 1.0};
  if (of.counts) of.log_t = lp_big_of_pair(lp_big_log(big_t));
  if (of.log_input) {
    of.rate = lp_big_exp(lp_whole(x));
    return of;
  }
  const lp_big s = lp_big_add(big_x, lp_big_of(run->params[EPS]));
  of.log_rate = s.high > 0.0 ? lp_big_of_pair(lp_big_log(s)) : lp_big_of((double)NAN);
  of.ratio = lp_big_divide(big_t, s);
  return of;
}

/* log(2 pi t)/2. */
static lp_big last_stirling_term(const ingredients *of) {
  return lp_big_add(lp_big_multiply(lp_big_of(0.5), of->log_t), lp_big_of_pair(half_log_2pi));
}

static void big_values(lp_big_term *term, const ingredients *of) {
  term->value = lp_big_subtract(of->rate, lp_big_multiply(of->t, of->log_rate));
  term->slope[INPUT] = of->log_input ? lp_big_subtract(of->rate, of->t) : lp_big_subtract(lp_big_of(1.0), of->ratio);
  term->slope[TARGET] = lp_big_negate(of->log_rate);
  if (!of->counts) return;
  const lp_big main = lp_big_subtract(lp_big_multiply(of->t, of->log_t), of->t);
  term->value = sum3(term->value, main, last_stirling_term(of));
  term->slope[TARGET] = sum3(term->slope[TARGET], of->log_t, lp_big_divide(lp_big_of(0.5), of->t));
}

static void big(lp_big_term *term, const lp_run *run, int i) {
  const double x = run->x[INPUT][i], t = run->x[TARGET][i];
  if (is_special(run, x, t)) {
    term->value = lp_big_of(literal_value(run, x, t));
    term->literal[INPUT] = term->literal[TARGET] = true;
    return;
  }
  const ingredients of = collect(run, x, t);
  big_values(term, &of);
}

/* ---- Regimes ---- */

static uint64_t bit(int regime) { return UINT64_C(1) << regime; }

/* May several positions read one element of the input? Its gradient is a sum then, which PyTorch takes before dividing.
 */
static bool reads_input_again(const lp_case *c) { return !lp_tensor_same_shape(&c->inputs[INPUT], &c->inputs[TARGET]); }

static uint64_t rate_regime(double x, const lp_run *run) {
  const double s = x + run->params[EPS];
  if (is_log(run))
    return bit(LOG) | (x > 0x1.62e42fefa39efp9 ? bit(EXP_OVERFLOW) : x < -0x1.74910d52d3051p9 ? bit(EXP_UNDERFLOW) : 0);
  if (s == 0.0) return bit(RATE) | bit(RATE_ZERO) | (reads_input_again(run->c) ? bit(OPEN) : 0);
  return bit(RATE) | (s < 0.0 ? bit(RATE_NEGATIVE) : 0);
}

static uint64_t target_regime(double t, const lp_run *run) {
  const uint64_t stirling_regime = is_full(run) ? bit(t > 1.0 ? STIRLING : STIRLING_MASKED) : 0;
  return stirling_regime | (t == 0.0 ? bit(TARGET_ZERO) : t < 0.0 ? bit(TARGET_NEGATIVE) : 0);
}

static uint64_t regimes_of_run(const lp_run *run) {
  uint64_t set = 0;
  for (int i = 0; i < run->n; i++) {
    const double x = run->x[INPUT][i], t = run->x[TARGET][i];
    const bool finite = isfinite(x) && isfinite(t) && isfinite(used_eps(run));
    set |= finite ? rate_regime(x, run) | target_regime(t, run) : bit(NON_FINITE);
  }
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

/* ---- Values ---- */

static int pick(double *values, const double *from, int n) {
  memcpy(values, from, (size_t)n * sizeof *values);
  return n;
}

/* Inputs: where exp overflows and underflows in double and float32, or where x + eps is 0, 1, negative or all eps.
 * Targets: on both sides of 1, and values of Stirling's term that tell the masks apart. */
static int lattice(double *values, int capacity, const double *params, int input, const double *earlier) {
  static const double logs[] = {0.0, 88.7228, -87.3365, -103.972, 709.782712893384, -745.1332191019411, 710.0, 1.0};
  static const double targets[] = {0.0, 0.5, 1.0, 2.0, 3.0, 20.0, -1.0, 1e9};
  const double eps = params[EPS];
  const double rates[] = {0.0, -eps, eps, 1.0, 1.0 - eps, -1.0, 1e-30, 1e5};
  (void)capacity, (void)earlier;
  if (input == TARGET) return pick(values, targets, 8);
  return pick(values, params[LOG_INPUT] != 0.0 ? logs : rates, 8);
}

/* Most of the numbers that have to be positive are: rates and counts, the latter whole where they are ordinary. */
static void fold(lp_tensor *x, lp_rng *rng, bool whole) {
  for (int64_t i = 0; x->f64 != NULL && i < x->numel; i++) {
    const double size = fabs(x->f64[i]);
    if (lp_rng_chance(rng, 0.9)) x->f64[i] = whole ? floor(2.0 * size) : size;
  }
}

static void draw(lp_case *c, lp_rng *rng, int value_class) {
  lp_draw_pointwise(c, rng, value_class, lattice, NULL);
  if (value_class == LP_VALUES_BOUNDARY) return;
  fold(&c->inputs[TARGET], rng, value_class == LP_VALUES_ORDINARY);
  if (c->params[LOG_INPUT] == 0.0) fold(&c->inputs[INPUT], rng, false);
}

/* ---- The row ---- */

static const lp_input_spec inputs[N_INPUTS] = {
    [INPUT] = {.name = "input",
               .kind = LP_KIND_REAL,
               .differentiable = true,
               .integer_ok = true,
               .max_rank = LP_MAX_RANK,
               .shape = "(*)",
               .about = "rates, or their logarithms; broadcasts with target"},
    [TARGET] = {.name = "target",
                .kind = LP_KIND_REAL,
                .differentiable = true,
                .integer_ok = true,
                .max_rank = LP_MAX_RANK,
                .shape = "(*)",
                .about = "counts; broadcasts with input"},
};

static const double yes_no[] = {1.0, 0.0}, no_yes[] = {0.0, 1.0};
static const double all_eps[] = {1e-8, 0.0, 1e-3, 1.0, 1e-300, -1.0};

static const lp_param_spec params[N_PARAMS] = {
    [LOG_INPUT] = {"log_input", LP_PARAM_BOOL, 1.0, "true or false", "the input is the logarithm of the rate", yes_no,
                   2, NULL, 0},
    [FULL] = {"full", LP_PARAM_BOOL, 0.0, "true or false", "add Stirling's approximation of log target!", no_yes, 2,
              NULL, 0},
    [EPS] = {"eps", LP_PARAM_REAL, 1e-8, "any number", "added to the rate inside the logarithm, without log_input",
             all_eps, sizeof all_eps / sizeof all_eps[0], NULL, 0},
};

static const lp_shape_class shape_classes[] = {
    {"matrix", {"N C", "N C"}, true, false, "nothing in particular"},
    {"vector", {"N", "N"}, true, false, "nothing in particular"},
    {"cube", {"N C D", "N C D"}, true, false, "nothing in particular"},
    {"0-d", {".", "."}, false, false, "a single number without axes"},
    {"size-1", {"1 1", "1 1"}, false, false, "extents of 1 that are squeezed"},
    {"target-row", {"N C", "C"}, false, false, "a target that broadcasts: its gradient sums over the batch"},
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

const lp_loss lp_loss_poisson_nll = {
    .name = "poisson_nll",
    .functional = "poisson_nll_loss",
    .module = "PoissonNLLLoss",
    .summary = "negative log likelihood of counts under a Poisson distribution",
    .definition =
        "log_input ? exp(input) - target * input : input - target * log(input + eps); with full, where target "
        "> 1, plus target * log(target) - target + log(2 * pi * target) / 2",
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
    .n_params = N_PARAMS,
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
