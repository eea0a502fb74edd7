/* From a case that is refused to one that is not, with as little changed as its reason asks for. */
#include "fuzz/mutate_tools.h"
#include "fuzz/shapes.h"
#include "reference/plan.h"

enum { REPAIRS = 6 }; /* one reason may hide another */

static bool repair_dtypes(lp_case *c, lp_arena *arena, lp_rng *rng) {
  for (int i = 0; i < c->loss->n_inputs; i++) {
    lp_tensor layout = c->inputs[i];
    layout.dtype = c->loss->inputs[i].kind == LP_KIND_REAL ? c->dtype : LP_INT64;
    const bool natural = !c->has_input[i] || c->inputs[i].dtype == layout.dtype;
    if (!natural && !lp_mutate_recast(&c->inputs[i], arena, &layout, rng)) return false;
  }
  return true;
}

static void repair_params(lp_case *c, lp_rng *rng) {
  for (int i = 0; i < c->loss->n_params; i++) {
    const lp_param_spec *spec = &c->loss->params[i];
    c->params[i] = lp_rng_chance(rng, 0.5) ? spec->fallback : lp_rng_pick(rng, spec->values, spec->n_values);
  }
}

/* Labels and lengths that go together, from a draw; numbers stay. */
static bool repair_places(lp_case *c, lp_arena *arena, lp_rng *rng) {
  lp_case drawn;
  if (!lp_mutate_can_draw(c) || !lp_mutate_copy_inputs(&drawn, arena, c)) return false;
  int k = (int)lp_rng_below(rng, c->loss->n_value_classes);
  if (c->loss->value_classes[k].rejects) k = 0;
  lp_mutate_draw(&drawn, rng, k);
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (c->has_input[i] && c->loss->inputs[i].kind != LP_KIND_REAL) c->inputs[i] = drawn.inputs[i];
  }
  return true;
}

/* float16 and bfloat16 are not taken by every loss. */
static bool repair_case_dtype(lp_case *c, lp_arena *arena, lp_rng *rng) {
  if (c->dtype > LP_FLOAT32) c->dtype = (lp_dtype)lp_rng_below(rng, LP_FLOAT32 + 1);
  return repair_dtypes(c, arena, rng);
}

static bool repair(lp_case *c, lp_arena *arena, lp_rng *rng, lp_reject reason, int round) {
  switch (reason) {
    case LP_REJECT_DTYPE:
      return round == 0 ? repair_dtypes(c, arena, rng) : repair_case_dtype(c, arena, rng);
    case LP_REJECT_RANK:
    case LP_REJECT_SHAPE:
      return lp_mutate_shape_class(c, arena, rng);
    case LP_REJECT_REDUCTION:
      c->reduction_word = "mean";
      c->reduction = LP_REDUCTION_MEAN;
      return true;
    case LP_REJECT_PARAMETER:
      repair_params(c, rng);
      return true;
    case LP_REJECT_INDEX:
    case LP_REJECT_LENGTH:
      return repair_places(c, arena, rng);
    default:
      c->has_grad_output = false;
      return true;
  }
}

bool lp_mutate_repair(lp_case *c, lp_arena *arena, lp_rng *rng) {
  bool changed = false;
  for (int round = 0; round < REPAIRS; round++) {
    lp_plan plan;
    lp_error why;
    if (lp_plan_init(&plan, c, &why) == LP_OK) break;
    const bool repaired = repair(c, arena, rng, why.reject, round);
    changed = changed || repaired;
  }
  return changed;
}
