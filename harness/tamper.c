#include "harness/tamper.h"

#include <math.h>
#include <string.h>

const char *lp_tampering_name(lp_tampering how) {
  static const char *const names[LP_TAMPER_COUNT] = {"nothing", "a gradient component that is slightly off",
                                                     "NaN in place of the loss",
                                                     "the loss and a gradient in each other's place"};
  return names[how];
}

/* The outcome may belong to somebody: a file of answers. */
static bool own(lp_tensor *t, lp_arena *arena) {
  double *copy = lp_arena_alloc(arena, (size_t)t->numel + 1, sizeof *copy);
  if (!copy) return false;
  memcpy(copy, t->f64, (size_t)t->numel * sizeof *copy);
  t->f64 = copy;
  return true;
}

/* A part in 1024, and in the narrow dtypes 64 times the coefficient of the budget. */
static double factor_for(lp_dtype dtype) { return 1.0 + fmax(ldexp(1.0, -10), 512.0 * lp_dtype_unit_roundoff(dtype)); }

static bool shift_gradient(lp_outcome *o, lp_arena *arena) {
  lp_tensor *t = &o->outputs[o->n_outputs - 1].tensor;
  int64_t worst = -1;
  for (int64_t i = 0; i < t->numel; i++) {
    const double size = fabs(t->f64[i]);
    if (isfinite(size) && size > 0.0 && (worst < 0 || size > fabs(t->f64[worst]))) worst = i;
  }
  if (o->n_outputs < 2 || worst < 0 || !own(t, arena)) return false;
  t->f64[worst] = lp_dtype_round(t->dtype, t->f64[worst] * factor_for(t->dtype));
  return true;
}

static bool forget_loss(lp_outcome *o, lp_arena *arena) {
  lp_tensor *t = &o->outputs[0].tensor;
  if (t->numel == 0 || isnan(t->f64[0]) || !own(t, arena)) return false;
  t->f64[0] = NAN;
  return true;
}

static bool swap(lp_outcome *o) {
  if (o->n_outputs < 2) return false;
  const lp_tensor loss = o->outputs[0].tensor;
  o->outputs[0].tensor = o->outputs[1].tensor;
  o->outputs[1].tensor = loss;
  return !lp_tensor_same_shape(&loss, &o->outputs[0].tensor);
}

bool lp_tamper_answer(lp_answer *answer, lp_arena *arena, lp_tampering how) {
  lp_outcome *o = &answer->outcome;
  if (o->kind != LP_OUTCOME_OK || o->n_outputs == 0) return false;
  switch (how) {
    case LP_TAMPER_GRADIENT:
      return shift_gradient(o, arena);
    case LP_TAMPER_NAN:
      return forget_loss(o, arena);
    case LP_TAMPER_SWAP:
      return swap(o);
    case LP_TAMPER_NONE:
    case LP_TAMPER_COUNT:
      break;
  }
  return false;
}
