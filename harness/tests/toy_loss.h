/* A loss that exists only for the tests of the generator: every kind of input, parameter, class and rejection, and a
 * plan that is easy to reason about. Copy it and change a field to plant a fault. */
#ifndef LP_HARNESS_TESTS_TOY_LOSS_H
#define LP_HARNESS_TESTS_TOY_LOSS_H

#include <math.h>

#include "reference/draw.h"
#include "reference/plan.h"

enum { TOY_INPUT, TOY_TARGET, TOY_LABEL, TOY_WEIGHT, TOY_INPUTS };
enum { TOY_POSITIVE, TOY_NEGATIVE, TOY_NAN, TOY_ODD, TOY_EMPTY, TOY_NEVER, TOY_REGIMES };
enum { TOY_ORDINARY, TOY_SPECIAL, TOY_RANGE, TOY_VALUES };

static const lp_input_spec toy_inputs[TOY_INPUTS] = {
    {.name = "input", .kind = LP_KIND_REAL, .differentiable = true, .max_rank = 3, .shape = "(N, C)"},
    {.name = "target",
     .kind = LP_KIND_REAL,
     .differentiable = true,
     .integer_ok = true,
     .max_rank = 3,
     .shape = "(N, C)"},
    {.name = "label", .kind = LP_KIND_INDEX, .max_rank = 1, .shape = "(N)"},
    {.name = "weight",
     .kind = LP_KIND_REAL,
     .optional = true,
     .differentiable = true,
     .integer_ok = true,
     .max_rank = 1,
     .shape = "(C)"},
};

static const double toy_betas[] = {1.0, 0.5, 2.0, INFINITY}, toy_bad_betas[] = {-1.0, NAN}, toy_flags[] = {0.0, 1.0};
static const lp_param_spec toy_params[] = {
    {"beta", LP_PARAM_REAL, 1.0, "a number >= 0", "", toy_betas, 4, toy_bad_betas, 2},
    {"flag", LP_PARAM_BOOL, 0.0, "true or false", "", toy_flags, 2, NULL, 0},
};

static const lp_regime toy_regimes[TOY_REGIMES] = {{"positive", ""}, {"negative", ""}, {"nan", ""},
                                                   {"odd", ""},      {"empty", ""},    {"never", ""}};

static const lp_shape_class toy_shapes[] = {
    {"matrix", {"N C", "N C", "N", "C"}, true, false, "plain"},
    {"wrong-rank", {"N C K 1", "1", "N", "C"}, false, true, "too many axes"},
    {"plain", {"N C", "N C", "N", "-"}, true, false, "plain"},
    {"long", {"1 70", "1 70", "1", "70"}, false, false, "a block and a bit"},
    {"row", {"N C", "C", "N", "C"}, false, false, "a target that broadcasts"},
    {"scalar", {".", ".", ".", "."}, false, false, "no axes"},
    {"empty", {"0 C", "0 C", "0", "-"}, false, false, "nothing to average"},
    {"mismatch", {"N C", "N C+1", "N", "C"}, true, true, "extents that do not match"},
};

static const lp_value_class toy_values[TOY_VALUES] = {{"ordinary", true, false, "plain mistakes"},
                                                      {"special", false, false, "infinities and NaN"},
                                                      {"range", true, true, "an index that is out of range"}};

static lp_status toy_plan(lp_plan *plan, lp_error *error) {
  const lp_case *const c = plan->c;
  LP_TRY(lp_plan_broadcast(plan, 1u << TOY_INPUT | 1u << TOY_TARGET | 1u << TOY_WEIGHT, error));
  if (!(c->params[0] >= 0.0)) return lp_refuse(error, LP_REJECT_PARAMETER, "beta: expected a number >= 0");
  for (int64_t i = 0; i < c->inputs[TOY_LABEL].numel; ++i) {
    const int64_t label = c->inputs[TOY_LABEL].i64[i];
    if (label < 0 || label > 2) return lp_refuse(error, LP_REJECT_INDEX, "label: expected 0..2");
  }
  plan->scratch = 4;
  return LP_OK;
}

static uint64_t toy_regimes_of(const lp_plan *plan, double *scratch) {
  uint64_t regimes = plan->term.numel == 0 ? 1u << TOY_EMPTY : 0;
  const lp_tensor *const input = &plan->c->inputs[TOY_INPUT];
  for (int64_t i = 0; i < input->numel; ++i) {
    scratch[i % 4] = input->f64[i];
    if (input->f64[i] > 0.0) regimes |= 1u << TOY_POSITIVE;
    if (input->f64[i] < 0.0) regimes |= 1u << TOY_NEGATIVE;
    if (isnan(input->f64[i])) regimes |= 1u << TOY_NAN;
    if (input->f64[i] > 2.2 && plan->c->params[0] == 0.5) regimes |= 1u << TOY_ODD; /* once in a hundred cases */
  }
  return regimes;
}

static void toy_draw(lp_case *c, lp_rng *rng, int value_class) {
  lp_draw_pointwise(c, rng, value_class == TOY_SPECIAL ? LP_VALUES_SPECIAL : LP_VALUES_ORDINARY, NULL, NULL);
  for (int64_t i = 0; i < c->inputs[TOY_LABEL].numel; ++i) {
    c->inputs[TOY_LABEL].i64[i] = value_class == TOY_RANGE ? 3 : lp_rng_below(rng, 3);
  }
}

static const lp_loss toy_loss = {
    .name = "toy",
    .reductions = LP_CAN_USUAL,
    .rejects = 1u << LP_REJECT_DTYPE | 1u << LP_REJECT_RANK | 1u << LP_REJECT_SHAPE | 1u << LP_REJECT_REDUCTION |
               1u << LP_REJECT_PARAMETER | 1u << LP_REJECT_INDEX | 1u << LP_REJECT_GRAD_OUTPUT,
    .inputs = toy_inputs,
    .n_inputs = TOY_INPUTS,
    .params = toy_params,
    .n_params = 2,
    .regimes = toy_regimes,
    .n_regimes = TOY_REGIMES,
    .shape_classes = toy_shapes,
    .n_shape_classes = sizeof toy_shapes / sizeof toy_shapes[0],
    .value_classes = toy_values,
    .n_value_classes = TOY_VALUES,
    .plan = toy_plan,
    .regimes_of = toy_regimes_of,
    .draw = toy_draw,
};

#endif
