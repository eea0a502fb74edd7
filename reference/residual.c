/* What the losses of the residual d = input - target have in common. */
#include "reference/residual.h"

enum { INPUT = LP_RESIDUAL_INPUT, TARGET = LP_RESIDUAL_TARGET, WEIGHT = LP_RESIDUAL_WEIGHT, SHAPE_TEXT = 96 };

static lp_status check_weight(const lp_case *c, lp_error *error) {
  const lp_tensor *input = &c->inputs[INPUT], *weight = &c->inputs[WEIGHT];
  if (!c->has_input[WEIGHT] || lp_tensor_same_shape(input, weight)) return LP_OK;
  char expected[SHAPE_TEXT], found[SHAPE_TEXT];
  return lp_refuse(error, LP_REJECT_SHAPE, "weight: expected the shape %s of input, got %s",
                   lp_tensor_shape_text(expected, sizeof expected, input),
                   lp_tensor_shape_text(found, sizeof found, weight));
}

static lp_status check_bool(const lp_case *c, lp_error *error) {
  for (int k = INPUT; k <= TARGET; k++) {
    if (c->inputs[k].dtype != LP_BOOL) continue;
    return lp_refuse(error, LP_REJECT_DTYPE, "%s: expected a dtype that can be subtracted, got bool",
                     c->loss->inputs[k].name);
  }
  return LP_OK;
}

static lp_status check_integers(const lp_plan *plan, lp_integers integers, lp_error *error) {
  const bool mean = plan->c->reduction == LP_REDUCTION_MEAN;
  if (!lp_residual_is_integer(plan) || integers == LP_INTEGERS_ALWAYS) return LP_OK;
  if (integers == LP_INTEGERS_UNLESS_MEAN && !mean) return LP_OK;
  return lp_refuse(error, LP_REJECT_DTYPE,
                   "input and target: expected a floating dtype in one of them%s, got %s and %s",
                   integers == LP_INTEGERS_UNLESS_MEAN ? " for reduction mean" : "",
                   lp_dtype_name(plan->c->inputs[INPUT].dtype), lp_dtype_name(plan->c->inputs[TARGET].dtype));
}

lp_status lp_residual_plan(lp_plan *plan, bool subtracts, lp_integers integers, lp_error *error) {
  LP_TRY(lp_plan_broadcast(plan, 1u << INPUT | 1u << TARGET | 1u << WEIGHT, error));
  LP_TRY(check_weight(plan->c, error));
  if (subtracts) LP_TRY(check_bool(plan->c, error));
  LP_TRY(check_integers(plan, integers, error));
  plan->scratch = lp_pointwise_scratch(plan);
  return LP_OK;
}

bool lp_residual_is_integer(const lp_plan *plan) {
  return !lp_dtype_is_floating(plan->c->inputs[INPUT].dtype) && !lp_dtype_is_floating(plan->c->inputs[TARGET].dtype);
}

lp_dtype lp_integer_promote(lp_dtype a, lp_dtype b) {
  const lp_dtype wide = a < b ? a : b, narrow = a < b ? b : a; /* dtypes are listed from the widest */
  return wide == LP_INT8 && narrow == LP_UINT8 ? LP_INT16 : wide;
}

int64_t lp_integer_wrap(lp_dtype dtype, uint64_t x) {
  switch (dtype) {
    case LP_INT32:
      return (int32_t)(uint32_t)x;
    case LP_INT16:
      return (int16_t)(uint16_t)x;
    case LP_INT8:
      return (int8_t)(uint8_t)x;
    case LP_UINT8:
      return (uint8_t)x;
    default:
      return (int64_t)x;
  }
}

static int64_t absolute(lp_dtype dtype, int64_t d) { return d < 0 ? lp_integer_wrap(dtype, 0 - (uint64_t)d) : d; }

static int64_t square(lp_dtype dtype, int64_t d) { return lp_integer_wrap(dtype, (uint64_t)d * (uint64_t)d); }

/* |d| or d^2. */
typedef int64_t lp_integer_power(lp_dtype dtype, int64_t d);

static lp_dtype dtype_of_residual(const lp_run *run) {
  return lp_integer_promote(run->c->inputs[INPUT].dtype, run->c->inputs[TARGET].dtype);
}

static int64_t power_at(const lp_run *run, int i, lp_integer_power *power) {
  const lp_dtype dtype = dtype_of_residual(run);
  const uint64_t x = (uint64_t)run->integers[INPUT][i], t = (uint64_t)run->integers[TARGET][i];
  return power(dtype, lp_integer_wrap(dtype, x - t));
}

/* v times the weight of position i, when that is an integer. */
static int64_t weigh_integer(const lp_run *run, int i, int64_t v) {
  if (run->integers[WEIGHT] == NULL) return v;
  const lp_dtype dtype = lp_integer_promote(dtype_of_residual(run), run->c->inputs[WEIGHT].dtype);
  return lp_integer_wrap(dtype, (uint64_t)v * (uint64_t)run->integers[WEIGHT][i]);
}

static bool has_floating_weight(const lp_run *run) { return run->x[WEIGHT] != NULL && run->integers[WEIGHT] == NULL; }

static void integer_terms(const lp_run *run, lp_integer_power *power) {
  for (int i = 0; i < run->n; i++) {
    const int64_t v = power_at(run, i, power);
    const lp_pair whole = lp_integer_pair(weigh_integer(run, i, v));
    const lp_pair value = has_floating_weight(run) ? lp_two_product((double)v, run->x[WEIGHT][i]) : whole;
    run->value[i] = value.high;
    run->value_low[i] = value.low;
    if (run->slope[WEIGHT] != NULL) run->slope[WEIGHT][i] = (double)v;
  }
}

static lp_big big_integer(int64_t x) {
  const lp_pair pair = lp_integer_pair(x);
  return lp_big_add(lp_big_of(pair.high), lp_big_of(pair.low));
}

static void integer_big(lp_big_term *term, const lp_run *run, int i, lp_integer_power *power) {
  const int64_t v = power_at(run, i, power);
  const lp_big weight = lp_big_of(has_floating_weight(run) ? run->x[WEIGHT][i] : 1.0);
  term->value = lp_big_multiply(big_integer(weigh_integer(run, i, v)), weight);
  term->slope[WEIGHT] = big_integer(v);
}

static void integer_add(lp_long_sum *sum, const lp_run *run, int i, lp_integer_power *power) {
  const lp_pair v = lp_integer_pair(weigh_integer(run, i, power_at(run, i, power)));
  const double weight = has_floating_weight(run) ? run->x[WEIGHT][i] : 1.0;
  lp_long_sum_add(sum, v.high, weight, 1.0);
  lp_long_sum_add(sum, v.low, weight, 1.0);
}

void lp_integer_absolute(const lp_run *run) { integer_terms(run, absolute); }

void lp_integer_square(const lp_run *run) { integer_terms(run, square); }

void lp_integer_big_absolute(lp_big_term *term, const lp_run *run, int i) { integer_big(term, run, i, absolute); }

void lp_integer_big_square(lp_big_term *term, const lp_run *run, int i) { integer_big(term, run, i, square); }

void lp_integer_add_absolute(lp_long_sum *sum, const lp_run *run, int i) { integer_add(sum, run, i, absolute); }

void lp_integer_add_square(lp_long_sum *sum, const lp_run *run, int i) { integer_add(sum, run, i, square); }

void lp_integer_wrap_sum(lp_outcome *outcome, const lp_plan *plan) {
  const lp_case *c = plan->c;
  const bool weighted = c->has_input[WEIGHT] && lp_dtype_is_floating(c->inputs[WEIGHT].dtype);
  if (c->reduction != LP_REDUCTION_SUM || weighted) return;
  double *const sum = lp_outcome_loss(outcome);
  *sum -= 0x1p64 * floor((*sum + 0x1p63) * 0x1p-64);
}

lp_big lp_residual_big(const lp_run *run, int i) {
  return lp_big_subtract(lp_big_of(run->x[INPUT][i]), lp_big_of(run->x[TARGET][i]));
}

lp_big lp_residual_big_weight(const lp_run *run, int i) {
  return lp_big_of(run->x[WEIGHT] != NULL ? run->x[WEIGHT][i] : 1.0);
}

void lp_residual_add_weighted(lp_long_sum *sum, const lp_run *run, int i, double a, double b) {
  const int64_t *integers = run->integers[WEIGHT];
  const lp_pair weight = integers != NULL ? lp_integer_pair(integers[i]) : lp_whole(run->x[WEIGHT][i]);
  lp_long_sum_add(sum, weight.high, a, b);
  lp_long_sum_add(sum, weight.low, a, b);
}

lp_big lp_residual_big_zero(const lp_run *run, int i) { return lp_big_of(run->x[TARGET][i] - run->x[INPUT][i]); }

bool lp_residual_weights_cancel(const lp_plan *plan) {
  const lp_case *c = plan->c;
  lp_long_sum sum;
  lp_long_sum_clear(&sum);
  if (!c->has_input[WEIGHT] || c->reduction != LP_REDUCTION_MEAN) return false;
  for (int64_t i = 0; i < c->inputs[WEIGHT].numel; i++) {
    const lp_pair w = lp_pointwise_element(&c->inputs[WEIGHT], i);
    if (!isfinite(w.high)) return false;
    lp_long_sum_add(&sum, w.high, 1.0, 1.0);
    lp_long_sum_add(&sum, w.low, 1.0, 1.0);
  }
  return lp_long_sum_get(&sum).high == 0.0;
}

#define UNBATCHED "an axis taken for the batch, or squeezed"
#define BROADCAST "raw pairing of elements instead of broadcasting, or a gradient that is not summed over positions"
const lp_shape_class lp_residual_shape_classes[LP_RESIDUAL_SHAPES] = {
    {"matrix", {"N C", "N C", "N C"}, true, false, "nothing in particular"},
    {"vector", {"N", "N", "N"}, true, false, "nothing in particular"},
    {"cube", {"N C D", "N C D", "N C D"}, true, false, "nothing in particular"},
    {"0-d", {".", ".", "."}, false, false, UNBATCHED},
    {"size-1", {"1 1", "1 1", "1 1"}, false, false, UNBATCHED},
    {"target-row", {"N C", "C", "N C"}, false, false, BROADCAST},
    {"target-0-d", {"N C", ".", "N C"}, false, false, BROADCAST},
    {"input-row", {"C", "N C", "C"}, false, false, BROADCAST ", and a mean over the input's elements"},
    {"input-0-d", {".", "N", "."}, false, false, BROADCAST ", and a mean over the input's elements"},
    {"outer", {"N 1", "1 C", "N 1"}, false, false, BROADCAST},
    {"column", {"N", "N 1", "N"}, false, false, "(N) beside (N, 1): (N, N) terms, not N"},
    {"middle", {"N 1 D", "N D D", "N 1 D"}, false, false, BROADCAST},
    {"extra-axes", {"N 1", "N 1 1 1", "N 1"}, false, false, BROADCAST},
    {"empty", {"0", "0", "0"}, false, false, "an empty mean is NaN, an empty sum 0"},
    {"empty-batch", {"0 C", "1 C", "0 C"}, false, false, "an axis of extent 1 that broadcasts to 0"},
    {"empty-target", {"1", "0", "1"}, false, false, "no terms, but elements with a gradient (0) and weights"},
    {"long", {"1025", "1025", "1025"}, false, false, "blocks that end one element early or late"},
    {"mismatch", {"N C", "N C+1", "N C"}, false, true, "extents that do not broadcast"},
    {"mismatch-axis", {"C+1 C", "C+1", "C+1 C"}, false, true, "a batch of targets aligned with the wrong axis"},
    {"weight-row", {"N C", "N C", "C"}, false, true, "weights do not broadcast"},
    {"weight-of-result", {"C", "N C", "N C"}, false, true, "weights have the shape of the input, not of the result"},
    {"weight-long", {"N C", "N C", "N C+1"}, false, true, "as many weights as elements"},
};

static void put(lp_tensor *tensor, int64_t i, double x) {
  if (tensor->f64 != NULL) {
    tensor->f64[i] = x;
  } else {
    tensor->i64[i] = (int64_t)x;
  }
}

void lp_residual_draw(lp_case *c, lp_rng *rng, int value_class, lp_lattice lattice) {
  lp_draw_pointwise(c, rng, value_class, lattice, NULL);
  lp_tensor *const weight = &c->inputs[WEIGHT];
  const bool is_signed = weight->dtype != LP_UINT8 && weight->dtype != LP_BOOL;
  if (value_class != LP_VALUES_BOUNDARY || !c->has_input[WEIGHT] || !is_signed || lp_rng_chance(rng, 0.5)) return;
  const double size = (double)lp_rng_below(rng, 3);
  for (int64_t i = 0; i < weight->numel; i++) put(weight, i, i % 2 == 0 ? size : -size);
}

int lp_residual_lattice(double *values, int input, const double *earlier, const double *kinks, int n_kinks) {
  if (input != TARGET) return 0;
  int n = 0;
  values[n++] = earlier[INPUT];
  for (int i = 0; i < n_kinks; i++) {
    values[n++] = earlier[INPUT] - kinks[i];
    values[n++] = earlier[INPUT] + kinks[i];
  }
  return n;
}
