/* kl_div: Kullback-Leibler divergence of log-probabilities from probabilities. torch.nn.functional.kl_div.
 *
 * Definition, per position, with x the input and t the target (at::kl_div):
 *   v = xlogy(t, t) - t x        where not log_target; xlogy(0, 0) = 0
 *   v = exp(t) (t - x)           where log_target
 * batchmean divides the sum by the extent of the input's first axis (1 for a 0-d input), whatever the target's shape.
 * Gradients: to x, -t or -exp(t); to t, log t + 1 - x or exp(t) (t - x + 1).
 * Stable form: as it stands, with exp, log, products and sums carried as pairs (vecmath.h). Positions with |t| >= 700
 * (log_target), a negative target, infinities and NaN are done in big arithmetic.
 * Regimes: target-positive, target-zero, target-negative (not log_target); log-target, exp-overflow, exp-underflow
 * (log_target); batchmean, batch-empty (batchmean over a first axis of extent 0), batch-broadcast (batchmean, and the
 * input broadcasts along its first axis), non-finite, empty.
 * Kinks: none.
 * Degenerate: t = 0 has the value 0 but the gradient to t is NaN, from 0 * log 0 + 0/0 (the limit is -inf). t < 0 has
 * no logarithm: value and gradient to t NaN, gradient to x -t. t = 0 with x infinite is 0 * inf = NaN; so is
 * t = -inf with log_target. Beside an infinity or NaN, that of an upstream gradient too, gradients are what PyTorch's
 * steps give in double: g E is infinite or 0 where exp(t) is, g log t + g t/t - g x may be inf - inf. The gradient to a
 * negative t is 0 for g = 0, g being already divided by what a mean divides by. Integer and bool tensors are refused.
 * A target that meets no input (an empty batch, or broadcast with one) has the gradient 0 of an empty sum; PyTorch's,
 * 0 times log 0, is NaN where it is 0.
 * At finite inputs PyTorch leaves the range of double on the way: t log t - t x is inf - inf for large t and x,
 * exp(t) (t - x) is inf * 0, or 0 where exp(t) underflows and t - x makes up for it.
 * Error bound: 1 ulp of value and slopes where their terms do not cancel, 2^-53 scaled otherwise.
 */
#include <string.h>

#include "reference/bigmath.h"
#include "reference/draw.h"
#include "reference/pointwise.h"
#include "reference/special.h"

extern const lp_loss lp_loss_kl_div;

enum { INPUT, TARGET, N_INPUTS };
enum { LOG_TARGET, N_PARAMS };

enum {
  TARGET_POSITIVE,
  TARGET_ZERO,
  TARGET_NEGATIVE,
  LOG,
  EXP_OVERFLOW,
  EXP_UNDERFLOW,
  BATCHMEAN,
  BATCH_EMPTY,
  BATCH_BROADCAST,
  NON_FINITE,
  EMPTY,
  N_REGIMES
};

static const lp_regime regimes[N_REGIMES] = {
    [TARGET_POSITIVE] = {"target-positive", "a probability above 0"},
    [TARGET_ZERO] = {"target-zero", "a probability of 0: no loss, whatever the input"},
    [TARGET_NEGATIVE] = {"target-negative", "a target below 0, which has no logarithm"},
    [LOG] = {"log-target", "the target is the logarithm of a probability"},
    [EXP_OVERFLOW] = {"exp-overflow", "log_target, and exp(target) is too large for a double"},
    [EXP_UNDERFLOW] = {"exp-underflow", "log_target, and exp(target) rounds to 0"},
    [BATCHMEAN] = {"batchmean", "the sum over the extent of the input's first axis"},
    [BATCH_EMPTY] = {"batch-empty", "batchmean over no rows"},
    [BATCH_BROADCAST] = {"batch-broadcast", "batchmean where the first axis of the input is not that of the loss"},
    [NON_FINITE] = {"non-finite", "an infinite or NaN input or target"},
    [EMPTY] = {"empty", "no elements"},
};

static const lp_rule rules[] = {
    {"zero-target-has-no-loss", "the value is 0 where the target is 0 and the input finite"},
    {"zero-target-gradient", "the gradient of the target is NaN where the target is 0"},
    {"negative-target-is-nan", "a target below 0 gives NaN, and the gradient -target to the input"},
    {"batchmean-by-input", "batchmean divides by the extent of the input's first axis before broadcasting"},
};

static lp_status plan(lp_plan *p, lp_error *error) {
  LP_TRY(lp_plan_broadcast(p, 1u << INPUT | 1u << TARGET, error));
  p->scratch = lp_pointwise_scratch(p);
  return LP_OK;
}

static bool is_log(const lp_run *run) { return run->params[LOG_TARGET] != 0.0; }

/* One position: the value and its two slopes. */
typedef struct position {
  lp_pair value, slope_x, slope_t;
} position;

LP_INLINE position plain_position(double x, double t) {
  const lp_pair log = lp_log_normal(t);
  const lp_pair value = lp_pair_sum(lp_xlogx(t, log), lp_pair_negative(lp_two_product(t, x)));
  const lp_pair slope = lp_pair_sum(log, lp_two_sum(1.0, -x));
  const double undefined = t > 0.0 ? slope.high : (double)NAN;
  return (position){value, lp_whole(-t), {undefined, t > 0.0 ? slope.low : 0.0}};
}

LP_INLINE position log_position(double x, double t) {
  const lp_pair e = lp_exp_pair(t, 0.0), d = lp_two_sum(t, -x);
  const lp_pair value = lp_pair_product(e, d), slope = lp_pair_product(e, lp_pair_sum(lp_whole(1.0), d));
  return (position){value, lp_pair_negative(e), slope};
}

LP_INLINE void write_position(const lp_run *run, int i, position p) {
  run->value[i] = p.value.high;
  run->value_low[i] = p.value.low;
  run->slope[INPUT][i] = p.slope_x.high;
  run->slope_low[INPUT][i] = p.slope_x.low;
  run->slope[TARGET][i] = p.slope_t.high;
  run->slope_low[TARGET][i] = p.slope_t.low;
}

LP_MULTIVERSION static void plain_terms(const lp_run *run) {
  LP_INDEPENDENT
  for (int i = 0; i < run->n; i++) write_position(run, i, plain_position(run->x[INPUT][i], run->x[TARGET][i]));
}

LP_MULTIVERSION static void log_terms(const lp_run *run) {
  LP_INDEPENDENT
  for (int i = 0; i < run->n; i++) write_position(run, i, log_position(run->x[INPUT][i], run->x[TARGET][i]));
}

static void terms(const lp_run *run) { (is_log(run) ? log_terms : plain_terms)(run); }

/* ---- Positions beyond the loops' reach ---- */

LP_MULTIVERSION static bool wild(const lp_run *run) {
  const double *x = run->x[INPUT], *t = run->x[TARGET];
  const double least = is_log(run) ? -700.0 : -0x1p-1074, most = is_log(run) ? 700.0 : (double)INFINITY;
  int regular = 1;
  for (int i = 0; i < run->n; i++) {
    regular &= (fabs(x[i]) < (double)INFINITY) & (t[i] > least) & (t[i] < most);
  }
  return !regular;
}

/* What PyTorch finds where the definition has no real value. */
static double literal_value(double x, double t, bool log_target) {
  if (log_target) return exp(t) * (t - x);
  return (t == 0.0 ? 0.0 : t * log(t)) - t * x;
}

/* PyTorch's xlogy(g, t). */
static double times_log(double g, double t) { return g == 0.0 && !isnan(t) ? 0.0 : g * log(t); }

/* The parts of the gradient to t are g log t, g t/t and -g x, or g (t - x) E and g E. */
static void literally(double *products, const lp_run *run, int i, double g) {
  const double x = run->x[INPUT][i], t = run->x[TARGET][i];
  if (is_log(run)) {
    const double e = exp(t);
    products[INPUT] = -(g * e);
    products[TARGET] = g * (t - x) * e + g * e;
  } else {
    products[INPUT] = -(g * t);
    products[TARGET] = times_log(g, t) + g * t / t - g * x;
  }
}

static void big_plain(lp_big_term *term, lp_big x, lp_big t) {
  const lp_big log = lp_big_of_pair(lp_big_log(t));
  term->value = lp_big_subtract(lp_big_multiply(t, log), lp_big_multiply(t, x));
  term->slope[INPUT] = lp_big_negate(t);
  term->slope[TARGET] = lp_big_subtract(lp_big_add(log, lp_big_of(1.0)), x);
}

static void big_log(lp_big_term *term, lp_big x, lp_big t) {
  const lp_big e = lp_big_exp(lp_whole(lp_big_get(t))), d = lp_big_subtract(t, x);
  term->value = lp_big_multiply(e, d);
  term->slope[INPUT] = lp_big_negate(e);
  term->slope[TARGET] = lp_big_multiply(e, lp_big_add(d, lp_big_of(1.0)));
}

static void big(lp_big_term *term, const lp_run *run, int i) {
  const double x = run->x[INPUT][i], t = run->x[TARGET][i];
  const bool finite = isfinite(x) && isfinite(t);
  if (!finite || (!is_log(run) && t <= 0.0)) {
    term->value = lp_big_of(literal_value(x, t, is_log(run)));
    term->slope[INPUT] = lp_big_of(-t);
    term->literal[INPUT] = !finite;
    term->literal[TARGET] = true;
  } else if (is_log(run)) {
    big_log(term, lp_big_of(x), lp_big_of(t));
  } else {
    big_plain(term, lp_big_of(x), lp_big_of(t));
  }
}

/* ---- Regimes ---- */

static uint64_t bit(int regime) { return UINT64_C(1) << regime; }

static uint64_t plain_regime(double t) {
  return bit(t > 0.0 ? TARGET_POSITIVE : t == 0.0 ? TARGET_ZERO : TARGET_NEGATIVE);
}

static uint64_t log_regime(double t) {
  if (t > 0x1.62e42fefa39efp9) return bit(LOG) | bit(EXP_OVERFLOW);
  return bit(LOG) | (t < -0x1.74910d52d3051p9 ? bit(EXP_UNDERFLOW) : 0);
}

static uint64_t regimes_of_run(const lp_run *run) {
  uint64_t set = 0;
  for (int i = 0; i < run->n; i++) {
    const double x = run->x[INPUT][i], t = run->x[TARGET][i];
    if (!isfinite(x) || !isfinite(t)) {
      set |= bit(NON_FINITE);
    } else {
      set |= is_log(run) ? log_regime(t) : plain_regime(t);
    }
  }
  return set;
}

static uint64_t batch_regimes(const lp_plan *p) {
  const lp_tensor *input = &p->c->inputs[INPUT];
  if (p->c->reduction != LP_REDUCTION_BATCHMEAN) return 0;
  const int64_t rows = input->rank == 0 ? 1 : input->shape[0], of_loss = p->term.rank == 0 ? 1 : p->term.shape[0];
  return bit(BATCHMEAN) | (rows == 0 ? bit(BATCH_EMPTY) : 0) | (rows != of_loss ? bit(BATCH_BROADCAST) : 0);
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

static uint64_t regimes_of_case(const lp_plan *p, double *scratch) {
  return lp_pointwise_regimes(p, &kernel, scratch) | batch_regimes(p);
}

/* ---- Values ---- */

enum { PROBABILITIES, ONE_HOT, COMMON, N_VALUE_CLASSES = COMMON + LP_VALUES_COMMON_COUNT };

static const lp_value_class value_classes[N_VALUE_CLASSES] = {
    [PROBABILITIES] = {"probabilities", true, false, "a plainly wrong formula, denominator or sign"},
    [ONE_HOT] = {"one-hot", false, false, "0 log 0 that is not 0, clipped or smoothed targets"},
    [COMMON + LP_VALUES_ORDINARY] = {"unnormalized", false, false, "a formula that is right for probabilities only"},
    [COMMON + LP_VALUES_BOUNDARY] = {"boundary", false, false, "masks by rounding, constants added inside the log"},
    [COMMON + LP_VALUES_EQUAL] = {"equal", false, false, "a wrong choice where the residual is 0"},
    [COMMON + LP_VALUES_TINY] = {"tiny", false, false, "tiny probabilities treated as 0"},
    [COMMON + LP_VALUES_HUGE] = {"huge", false, false, "overflow and underflow where the result is finite"},
    [COMMON + LP_VALUES_SPECIAL] = {"special", false, false, "an infinity or NaN swallowed, or leaking"},
};

static double draw_probability(lp_rng *rng, int value_class, bool log) {
  if (value_class == ONE_HOT) return lp_rng_chance(rng, 0.4) ? (log ? 0.0 : 1.0) : (log ? -1000.0 : 0.0);
  const double u = lp_rng_uniform(rng);
  return log ? -8.0 * u : u;
}

static void draw_distributions(lp_case *c, lp_rng *rng, int value_class) {
  const bool log_target = c->params[LOG_TARGET] != 0.0;
  for (int k = 0; k < N_INPUTS; k++) {
    lp_tensor *const x = &c->inputs[k];
    for (int64_t i = 0; x->f64 != NULL && i < x->numel; i++) {
      const int own_class = k == TARGET ? value_class : PROBABILITIES;
      x->f64[i] = lp_dtype_round(x->dtype, draw_probability(rng, own_class, k == INPUT || log_target));
    }
  }
}

/* Most targets are not negative. */
static void fold_targets(lp_tensor *t, lp_rng *rng) {
  for (int64_t i = 0; t->f64 != NULL && i < t->numel; i++) {
    if (lp_rng_chance(rng, 0.9)) t->f64[i] = fabs(t->f64[i]);
  }
}

static int pick(double *values, const double *from, int n) {
  memcpy(values, from, (size_t)n * sizeof *values);
  return n;
}

static int lattice(double *values, int capacity, const double *params, int input, const double *earlier) {
  static const double inputs[] = {0.0, -1.0, 1.0, -87.3365, -103.972, -745.1332191019411, 100.0};
  static const double targets[] = {0.0, 1.0, 1e-30, 1e-9, 1e-8, 1e-7, 0.5, 2.0, -0.5};
  const double x = earlier[INPUT];
  (void)capacity;
  const double logs[] = {
      x, x - 1.0, x + 1.0, 0.0, -87.3365, -103.972, 88.7228, 709.782712893384, -745.1332191019411, -1000.0};
  if (input == INPUT) return pick(values, inputs, 7);
  return params[LOG_TARGET] != 0.0 ? pick(values, logs, 10) : pick(values, targets, 9);
}

static void draw(lp_case *c, lp_rng *rng, int value_class) {
  if (value_class < COMMON) {
    draw_distributions(c, rng, value_class);
    return;
  }
  lp_draw_pointwise(c, rng, value_class - COMMON, lattice, NULL);
  if (c->params[LOG_TARGET] == 0.0) fold_targets(&c->inputs[TARGET], rng);
}

/* ---- The row ---- */

static const lp_input_spec inputs[N_INPUTS] = {
    [INPUT] = {.name = "input",
               .kind = LP_KIND_REAL,
               .differentiable = true,
               .max_rank = LP_MAX_RANK,
               .shape = "(*)",
               .about = "log-probabilities; broadcasts with target"},
    [TARGET] = {.name = "target",
                .kind = LP_KIND_REAL,
                .differentiable = true,
                .max_rank = LP_MAX_RANK,
                .shape = "(*)",
                .about = "probabilities, or their logarithms; broadcasts with input"},
};

static const double no_yes[] = {0.0, 1.0};

static const lp_param_spec params[N_PARAMS] = {
    [LOG_TARGET] = {"log_target", LP_PARAM_BOOL, 0.0, "true or false", "the target is the logarithm of a probability",
                    no_yes, 2, NULL, 0},
};

static const lp_shape_class shape_classes[] = {
    {"matrix", {"N C", "N C"}, true, false, "nothing in particular"},
    {"vector", {"N", "N"}, true, false, "batchmean over a vector divides by its length"},
    {"cube", {"N C D", "N C D"}, true, false, "batchmean over all but the first axis"},
    {"0-d", {".", "."}, false, false, "a single number without axes: batchmean divides by 1"},
    {"size-1", {"1 1", "1 1"}, false, false, "extents of 1 that are squeezed"},
    {"target-row", {"N C", "C"}, false, false, "a target that broadcasts: its gradient sums over the batch"},
    {"target-0-d", {"N C", "."}, false, false, "one target for all"},
    {"input-row", {"C", "N C"}, false, false, "an input that broadcasts: batchmean divides by its length"},
    {"input-batch-of-1", {"1 C", "N C"}, false, false, "batchmean divides by 1, not by the target's batch"},
    {"input-0-d", {".", "N C"}, false, false, "batchmean divides by 1"},
    {"outer", {"N 1", "1 C"}, false, false, "both broadcast"},
    {"column", {"N", "N 1"}, false, false, "a column target beside a vector: (N, N) terms, not N"},
    {"empty", {"0", "0"}, false, false, "an empty mean is NaN, an empty sum 0"},
    {"empty-batch", {"0 C", "1 C"}, false, false, "batchmean over no rows is NaN"},
    {"empty-rows", {"N 0", "N 0"}, false, false, "batchmean over rows without elements is 0"},
    {"long", {"1025", "1025"}, false, false, "blocks that end one element early or late"},
    {"mismatch", {"N C", "N C+1"}, false, true, "extents that do not broadcast"},
    {"mismatch-axis", {"C+1 C", "C+1"}, false, true, "a batch of targets aligned with the wrong axis"},
};

const lp_loss lp_loss_kl_div = {
    .name = "kl_div",
    .functional = "kl_div",
    .module = "KLDivLoss",
    .summary = "Kullback-Leibler divergence of log-probabilities from probabilities",
    .definition = "log_target ? exp(target) * (target - input) : xlogy(target, target) - target * input",
    .denominator = "mean: number of elements after broadcasting; batchmean: extent of input's first axis, 1 when 0-d",
    .ignored = "none",
    .batch_axis = "first axis of input, for batchmean only",
    .class_axis = "none",
    .reductions = LP_CAN_USUAL | LP_CAN_BATCHMEAN,
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
    .value_classes = value_classes,
    .n_value_classes = N_VALUE_CLASSES,
    .plan = plan,
    .run = run_case,
    .regimes_of = regimes_of_case,
    .draw = draw,
};
