#include "harness/factors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference/dtype.h"

static const char *const grad_names[LP_GRAD_COUNT] = {"none",     "one",     "zero",       "random",
                                                      "negative", "special", "extra-axis", "too-long"};

const char *lp_grad_class_name(lp_grad_class grad) { return grad_names[grad]; }

bool lp_shape_leaves_out(const lp_shape_class *shape, int input) { return strcmp(shape->shapes[input], "-") == 0; }

bool lp_shape_is_empty(const lp_shape_class *shape, int input) {
  const char *const text = shape->shapes[input];
  for (const char *at = text; *at != '\0'; ++at) {
    const bool begins = at == text || at[-1] == ' ', ends = at[1] == ' ' || at[1] == '\0';
    if (*at == '0' && begins && ends) return true;
  }
  return false;
}

int lp_factors_find(const lp_factors *factors, lp_factor_kind kind, int index) {
  for (int f = 0; f < factors->n; ++f) {
    if (factors->factors[f].kind == kind && factors->factors[f].index == index) return f;
  }
  return -1;
}

int lp_factor_level(const lp_factor *factor, double value) {
  for (int l = 0; l < factor->n_levels; ++l) {
    const double own = factor->levels[l].value;
    if (own == value || (isnan(own) && isnan(value))) return l;
  }
  return -1;
}

lp_space lp_factors_space(const lp_factors *factors) {
  lp_space space = {.n_factors = factors->n, .forbidden = factors->forbidden, .n_forbidden = factors->n_forbidden};
  for (int f = 0; f < factors->n; ++f) space.levels[f] = factors->factors[f].n_crossed;
  return space;
}

/* The loss's tables are fixed, so that there is always room for a factor: see lp_factors_init. */
static lp_factor *add_factor(lp_factors *factors, lp_factor_kind kind, int index, const char *name) {
  lp_factor *const factor = &factors->factors[factors->n++];
  factor->kind = kind;
  factor->index = index;
  factor->name = name;
  return factor;
}

/* Crossed levels are added before all others. */
static void add_level(lp_factor *factor, lp_level_use use, bool ordinary, double value, const char *word) {
  factor->levels[factor->n_levels++] = (lp_level){use, ordinary, value, word};
  factor->n_crossed += use == LP_LEVEL_CROSSED;
}

static void add_reduction(lp_factors *factors) {
  static const lp_reduction order[] = {LP_REDUCTION_MEAN, LP_REDUCTION_SUM, LP_REDUCTION_NONE, LP_REDUCTION_BATCHMEAN};
  lp_factor *const factor = add_factor(factors, LP_FACTOR_REDUCTION, 0, "reduction");
  for (int i = 0; i < 4; ++i) {
    const bool can = (factors->loss->reductions >> order[i]) & 1u;
    if (can) add_level(factor, LP_LEVEL_CROSSED, true, order[i], lp_reduction_name(order[i]));
  }
  if (!(factors->loss->reductions & LP_CAN_BATCHMEAN)) {
    add_level(factor, LP_LEVEL_REJECT, false, LP_REDUCTION_BATCHMEAN, "batchmean");
  }
  add_level(factor, LP_LEVEL_REJECT, false, LP_REDUCTION_UNKNOWN, "average");
  add_level(factor, LP_LEVEL_REJECT, false, LP_REDUCTION_UNKNOWN, "Mean");
}

static void add_params(lp_factors *factors) {
  for (int i = 0; i < factors->loss->n_params; ++i) {
    const lp_param_spec *const spec = &factors->loss->params[i];
    lp_factor *const factor = add_factor(factors, LP_FACTOR_PARAM, i, spec->name);
    for (int v = 0; v < spec->n_values; ++v) {
      add_level(factor, LP_LEVEL_CROSSED, isfinite(spec->values[v]), spec->values[v], NULL);
    }
    for (int v = 0; v < spec->n_rejects; ++v) add_level(factor, LP_LEVEL_REJECT, false, spec->rejects[v], NULL);
  }
}

static void add_given(lp_factors *factors) {
  for (int i = 0; i < factors->loss->n_inputs; ++i) {
    if (!factors->loss->inputs[i].optional) continue;
    lp_factor *const factor = add_factor(factors, LP_FACTOR_GIVEN, i, factors->loss->inputs[i].name);
    add_level(factor, LP_LEVEL_CROSSED, true, 0, "left out");
    add_level(factor, LP_LEVEL_CROSSED, true, 1, "given");
  }
}

static void add_real_dtypes(lp_factor *factor, bool integer_ok) {
  add_level(factor, LP_LEVEL_CROSSED, true, LP_DTYPE_COUNT, "floating");
  add_level(factor, integer_ok ? LP_LEVEL_CROSSED : LP_LEVEL_REJECT, integer_ok, LP_INT64, "int64");
  if (!integer_ok) return;
  add_level(factor, LP_LEVEL_EITHER, true, LP_INT32, "int32");
  add_level(factor, LP_LEVEL_EITHER, true, LP_UINT8, "uint8");
  add_level(factor, LP_LEVEL_EITHER, true, LP_BOOL, "bool");
}

static void add_index_dtypes(lp_factor *factor) {
  add_level(factor, LP_LEVEL_CROSSED, true, LP_INT64, "int64");
  add_level(factor, LP_LEVEL_EITHER, true, LP_INT32, "int32");
  add_level(factor, LP_LEVEL_EITHER, true, LP_UINT8, "uint8");
  add_level(factor, LP_LEVEL_REJECT, false, LP_DTYPE_COUNT, "floating");
}

static void add_dtypes(lp_factors *factors) {
  for (int i = 0; i < factors->loss->n_inputs; ++i) {
    const lp_input_spec *const spec = &factors->loss->inputs[i];
    lp_factor *const factor = add_factor(factors, LP_FACTOR_DTYPE, i, spec->name);
    if (spec->kind == LP_KIND_REAL) {
      add_real_dtypes(factor, spec->integer_ok);
    } else {
      add_index_dtypes(factor);
    }
  }
}

static void add_grads(lp_factors *factors) {
  lp_factor *const factor = add_factor(factors, LP_FACTOR_GRAD, 0, "grad_output");
  for (int g = LP_GRAD_NONE; g <= LP_GRAD_NEGATIVE; ++g) {
    add_level(factor, LP_LEVEL_CROSSED, true, g, grad_names[g]);
  }
  add_level(factor, LP_LEVEL_ALONE, false, LP_GRAD_SPECIAL, grad_names[LP_GRAD_SPECIAL]);
  add_level(factor, LP_LEVEL_REJECT, false, LP_GRAD_AXIS, grad_names[LP_GRAD_AXIS]);
  add_level(factor, LP_LEVEL_REJECT, false, LP_GRAD_LONG, grad_names[LP_GRAD_LONG]);
}

/* Elements of the largest tensor of this class, letters not counted. */
static int64_t fixed_elements(const lp_loss *loss, const lp_shape_class *shape) {
  int64_t largest = 1;
  for (int i = 0; i < loss->n_inputs; ++i) {
    int64_t elements = 1;
    for (const char *at = shape->shapes[i]; *at != '\0'; at += strcspn(at, " "), at += *at == ' ') {
      if (*at >= '0' && *at <= '9') elements *= strtoll(at, NULL, 10);
    }
    if (elements > largest) largest = elements;
  }
  return largest;
}

static lp_level_use use_of_shape(const lp_loss *loss, const lp_shape_class *shape) {
  if (shape->rejects) return LP_LEVEL_REJECT;
  return fixed_elements(loss, shape) > LP_LARGEST_TENSOR ? LP_LEVEL_ALONE : LP_LEVEL_CROSSED;
}

static void add_shapes(lp_factors *factors) {
  const lp_loss *const loss = factors->loss;
  lp_factor *const factor = add_factor(factors, LP_FACTOR_SHAPE, 0, "shape");
  for (int use = LP_LEVEL_CROSSED; use <= LP_LEVEL_REJECT; ++use) {
    for (int s = 0; s < loss->n_shape_classes; ++s) {
      const lp_shape_class *const shape = &loss->shape_classes[s];
      if ((int)use_of_shape(loss, shape) != use) continue;
      add_level(factor, (lp_level_use)use, shape->ordinary && !shape->rejects, s, shape->name);
    }
  }
}

static void add_values(lp_factors *factors) {
  const lp_loss *const loss = factors->loss;
  lp_factor *const factor = add_factor(factors, LP_FACTOR_VALUE, 0, "value");
  for (int rejects = 0; rejects < 2; ++rejects) {
    for (int v = 0; v < loss->n_value_classes; ++v) {
      const lp_value_class *const values = &loss->value_classes[v];
      if (values->rejects != (rejects == 1)) continue;
      add_level(factor, rejects ? LP_LEVEL_REJECT : LP_LEVEL_CROSSED, values->ordinary && !rejects, v, values->name);
    }
  }
}

static lp_status check_shape(const lp_loss *loss, const lp_shape_class *shape, lp_error *error) {
  for (int i = 0; i < loss->n_inputs; ++i) {
    if (shape->shapes[i] == NULL) {
      return lp_fail(error, LP_INTERNAL, "%s: shape class %s has no shape for input %s", loss->name, shape->name,
                     loss->inputs[i].name);
    }
    if (lp_shape_leaves_out(shape, i) && !loss->inputs[i].optional) {
      return lp_fail(error, LP_INTERNAL, "%s: shape class %s leaves out input %s, which is required", loss->name,
                     shape->name, loss->inputs[i].name);
    }
  }
  return LP_OK;
}

static lp_status check_params(const lp_loss *loss, lp_error *error) {
  for (int i = 0; i < loss->n_params; ++i) {
    const lp_param_spec *const spec = &loss->params[i];
    if (spec->n_values < 1 || spec->n_values + spec->n_rejects > LP_MAX_LEVELS) {
      return lp_fail(error, LP_INTERNAL, "%s: parameter %s has %d values and %d rejects; expected 1 to %d in all",
                     loss->name, spec->name, spec->n_values, spec->n_rejects, LP_MAX_LEVELS);
    }
    if (spec->values[0] != spec->fallback) {
      return lp_fail(error, LP_INTERNAL, "%s: the first value of parameter %s is %g; expected its default, %g",
                     loss->name, spec->name, spec->values[0], spec->fallback);
    }
  }
  return LP_OK;
}

static lp_status check_classes(const lp_loss *loss, lp_error *error) {
  int shapes = 0, values = 0;
  if (loss->n_shape_classes > LP_MAX_LEVELS || loss->n_value_classes > LP_MAX_LEVELS) {
    return lp_fail(error, LP_INTERNAL, "%s: %d shape and %d value classes; expected at most %d of each", loss->name,
                   loss->n_shape_classes, loss->n_value_classes, LP_MAX_LEVELS);
  }
  for (int s = 0; s < loss->n_shape_classes; ++s) {
    LP_TRY(check_shape(loss, &loss->shape_classes[s], error));
    shapes += use_of_shape(loss, &loss->shape_classes[s]) == LP_LEVEL_CROSSED;
  }
  for (int v = 0; v < loss->n_value_classes; ++v) values += !loss->value_classes[v].rejects;
  if (shapes > 0 && values > 0) return LP_OK;
  return lp_fail(error, LP_INTERNAL, "%s: expected a shape class and a value class that are not rejected", loss->name);
}

lp_status lp_factors_forbid(lp_factors *factors, int f, int f_level, int g, int g_level, lp_error *error) {
  if (factors->n_forbidden == LP_MAX_FORBIDDEN) {
    return lp_fail(error, LP_INTERNAL, "%s: more than %d constraints between settings", factors->loss->name,
                   LP_MAX_FORBIDDEN);
  }
  factors->forbidden[factors->n_forbidden++] =
      (lp_forbidden){{(int8_t)f, (int8_t)g}, {(int8_t)f_level, (int8_t)g_level}};
  return LP_OK;
}

/* Every tensor of this class is empty: all value classes would be the same case. */
static bool is_empty(const lp_loss *loss, const lp_shape_class *shape) {
  for (int i = 0; i < loss->n_inputs; ++i) {
    if (!lp_shape_leaves_out(shape, i) && !lp_shape_is_empty(shape, i)) return false;
  }
  return true;
}

static lp_status forbid_by_shape(lp_factors *factors, int f, int level, lp_error *error) {
  const int value = lp_factors_find(factors, LP_FACTOR_VALUE, 0);
  const lp_shape_class *const shape = &factors->loss->shape_classes[(int)factors->factors[f].levels[level].value];
  for (int v = 1; v < factors->factors[value].n_crossed && is_empty(factors->loss, shape); ++v) {
    LP_TRY(lp_factors_forbid(factors, f, level, value, v, error));
  }
  for (int i = 0; i < factors->loss->n_inputs; ++i) {
    const int given = lp_factors_find(factors, LP_FACTOR_GIVEN, i);
    if (given >= 0 && lp_shape_leaves_out(shape, i)) LP_TRY(lp_factors_forbid(factors, f, level, given, 1, error));
  }
  return LP_OK;
}

/* At most one integer tensor among the numbers (PyTorch's promotion needs a floating one beside it), and the dtype of
 * an input that is left out is no setting. */
static lp_status forbid_by_dtype(lp_factors *factors, int f, lp_error *error) {
  const lp_factor *const factor = &factors->factors[f];
  const int given = lp_factors_find(factors, LP_FACTOR_GIVEN, factor->index);
  if (given >= 0) LP_TRY(lp_factors_forbid(factors, f, 1, given, 0, error));
  for (int g = 0; g < f; ++g) {
    const lp_factor *const other = &factors->factors[g];
    const bool numbers = other->kind == LP_FACTOR_DTYPE && other->n_crossed > 1;
    if (numbers) LP_TRY(lp_factors_forbid(factors, g, 1, f, 1, error));
  }
  return LP_OK;
}

static lp_status add_constraints(lp_factors *factors, lp_error *error) {
  const int shape = lp_factors_find(factors, LP_FACTOR_SHAPE, 0);
  for (int s = 0; s < factors->factors[shape].n_crossed; ++s) LP_TRY(forbid_by_shape(factors, shape, s, error));
  for (int f = 0; f < factors->n; ++f) {
    if (factors->factors[f].kind != LP_FACTOR_DTYPE || factors->factors[f].n_crossed < 2) continue;
    LP_TRY(forbid_by_dtype(factors, f, error));
  }
  return LP_OK;
}

static int product_of_three_largest(const lp_factors *factors) {
  int top[3] = {1, 1, 1};
  for (int f = 0; f < factors->n; ++f) {
    int n = factors->factors[f].n_crossed;
    for (int i = 0; i < 3; ++i) {
      const int smaller = n < top[i] ? n : top[i];
      top[i] += n - smaller;
      n = smaller;
    }
  }
  return top[0] * top[1] * top[2];
}

/* The parameter with most crossed values, if any has more than three. */
static lp_factor *widest_param(lp_factors *factors) {
  lp_factor *widest = NULL;
  for (int f = 0; f < factors->n; ++f) {
    lp_factor *const factor = &factors->factors[f];
    if (factor->kind != LP_FACTOR_PARAM || factor->n_crossed <= 3) continue;
    if (widest == NULL || factor->n_crossed > widest->n_crossed) widest = factor;
  }
  return widest;
}

static void narrow(lp_factors *factors) {
  lp_factor *param = widest_param(factors);
  while (param != NULL && product_of_three_largest(factors) > LP_LARGEST_ARRAY) {
    param->levels[--param->n_crossed].use = LP_LEVEL_ALONE;
    param = widest_param(factors);
  }
}

_Static_assert(LP_MAX_FACTORS >= 4 + LP_MAX_PARAMS + 2 * LP_MAX_INPUTS, "a factor for everything a row can name");

lp_status lp_factors_init(lp_factors *factors, const lp_loss *loss, lp_error *error) {
  *factors = (lp_factors){.loss = loss};
  LP_TRY(check_params(loss, error));
  LP_TRY(check_classes(loss, error));
  add_reduction(factors);
  add_params(factors);
  add_given(factors);
  add_dtypes(factors);
  add_grads(factors);
  add_shapes(factors);
  add_values(factors);
  narrow(factors);
  return add_constraints(factors, error);
}
