/* The settings of a loss's cases, derived from its registry row: factors (reduction, every parameter, every optional
 * input given or left out, the dtype of every input, the upstream gradient, shape class, value class) and their levels.
 *
 * Crossed levels take part in the covering array. The others each appear in a few cases of their own, one at a time, so
 * that none hides another: settings that PyTorch rejects, and settings worth a few cases but not a column. */
#ifndef LP_HARNESS_FACTORS_H
#define LP_HARNESS_FACTORS_H

#include "harness/covering.h"
#include "reference/case.h"

typedef enum lp_factor_kind {
  LP_FACTOR_REDUCTION = 0, /* level value: lp_reduction */
  LP_FACTOR_PARAM,         /* index: of loss->params; level value: the setting */
  LP_FACTOR_GIVEN,         /* index: of an optional input; level value: 0 left out, 1 given */
  LP_FACTOR_DTYPE,         /* index: of an input; level value: lp_dtype, LP_DTYPE_COUNT for the case's floating dtype */
  LP_FACTOR_GRAD,          /* level value: lp_grad_class */
  LP_FACTOR_SHAPE,         /* level value: index of loss->shape_classes */
  LP_FACTOR_VALUE,         /* level value: index of loss->value_classes */
} lp_factor_kind;

typedef enum lp_grad_class {
  LP_GRAD_NONE = 0, /* absent: ones */
  LP_GRAD_ONE,
  LP_GRAD_ZERO,
  LP_GRAD_RANDOM, /* normal numbers, some of them zero */
  LP_GRAD_NEGATIVE,
  LP_GRAD_SPECIAL, /* one infinity or NaN among random numbers */
  LP_GRAD_AXIS,    /* rejected: an axis more than the loss has */
  LP_GRAD_LONG,    /* rejected: an extent one larger than the loss's */
  LP_GRAD_COUNT
} lp_grad_class;

/* "none", "one", ...: the word after grad= in a case's tags. */
const char *lp_grad_class_name(lp_grad_class grad);

typedef enum lp_level_use {
  LP_LEVEL_CROSSED = 0,
  LP_LEVEL_ALONE,  /* accepted, in cases of its own */
  LP_LEVEL_REJECT, /* declared to be rejected, in cases of its own */
  LP_LEVEL_EITHER, /* in cases of its own; the plan says whether it is accepted */
} lp_level_use;

typedef struct lp_level {
  lp_level_use use;
  bool ordinary;
  double value;
  const char *word; /* for messages and texts: a class's name, a reduction's word, "given" ...; NULL for numbers */
} lp_level;

typedef struct lp_factor {
  lp_factor_kind kind;
  int index;
  const char *name;        /* "reduction", "beta", "weight", ... */
  int n_levels, n_crossed; /* the crossed ones come first, the default or most ordinary one first of all */
  lp_level levels[LP_MAX_LEVELS];
} lp_factor;

enum {
  LP_MAX_FORBIDDEN = 512,
  LP_LARGEST_ARRAY = 700,
  LP_LARGEST_TENSOR = 64 /* elements of a tensor where the shape class leaves a choice */
};

typedef struct lp_factors {
  const lp_loss *loss;
  int n;
  lp_factor factors[LP_MAX_FACTORS];
  lp_forbidden forbidden[LP_MAX_FORBIDDEN];
  int n_forbidden;
} lp_factors;

/* LP_INTERNAL when the row is malformed: too many classes, no accepted shape or value class, a required input "-".
 * Shape classes of more than LP_LARGEST_TENSOR elements are ALONE, to keep the suite small.
 * Values of parameters beyond the third become ALONE, the last ones first, while the three largest factors multiply
 * to more than LP_LARGEST_ARRAY. */
lp_status lp_factors_init(lp_factors *factors, const lp_loss *loss, lp_error *error) LP_MUST_USE;

/* No row may hold both settings. LP_INTERNAL when there are too many such pairs. */
lp_status lp_factors_forbid(lp_factors *factors, int f, int f_level, int g, int g_level, lp_error *error) LP_MUST_USE;

/* The crossed levels as a space; borrows *factors. */
lp_space lp_factors_space(const lp_factors *factors);

/* Index of the factor, or -1. */
int lp_factors_find(const lp_factors *factors, lp_factor_kind kind, int index);

/* The level of this factor with this value, or -1. NaN finds NaN. */
int lp_factor_level(const lp_factor *factor, double value);

/* Does the shape class say "-" for this input? */
bool lp_shape_leaves_out(const lp_shape_class *shape, int input);

/* Does it give this input an extent of 0? */
bool lp_shape_is_empty(const lp_shape_class *shape, int input);

#endif
