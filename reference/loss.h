/* One row of the registry: everything the rest of the project needs to know about a loss.
 *
 * A loss is a file reference/NAME.c that defines `const lp_loss lp_loss_NAME`. The list of rows is generated at
 * configure time from those files (registry.h); nothing else names a loss. All hooks are pure: they allocate nothing,
 * do no I/O, and keep no state. Names of arguments and parameters are those of torch.nn.functional. */
#ifndef LP_REFERENCE_LOSS_H
#define LP_REFERENCE_LOSS_H

#include <stdbool.h>
#include <stdint.h>

#include "reference/dtype.h"
#include "reference/status.h"

enum {
  LP_MAX_INPUTS = 5,
  LP_MAX_PARAMS = 8,
  LP_MAX_REGIMES = 48,
  LP_MAX_OUTPUTS = 1 + LP_MAX_INPUTS,
  LP_MAX_ALIASES = 4
};

struct lp_case;
struct lp_plan;
struct lp_outcome;
struct lp_rng;

typedef enum lp_reduction {
  LP_REDUCTION_NONE = 0,
  LP_REDUCTION_MEAN,
  LP_REDUCTION_SUM,
  LP_REDUCTION_BATCHMEAN,
  LP_REDUCTION_UNKNOWN, /* the case holds the offending word */
} lp_reduction;

enum { /* bits of lp_loss.reductions */
       LP_CAN_NONE = 1 << LP_REDUCTION_NONE,
       LP_CAN_MEAN = 1 << LP_REDUCTION_MEAN,
       LP_CAN_SUM = 1 << LP_REDUCTION_SUM,
       LP_CAN_BATCHMEAN = 1 << LP_REDUCTION_BATCHMEAN,
       LP_CAN_USUAL = LP_CAN_NONE | LP_CAN_MEAN | LP_CAN_SUM
};

typedef enum lp_kind {
  LP_KIND_REAL,   /* numbers; floating, or integer where integer_ok (promoted as PyTorch promotes) */
  LP_KIND_INDEX,  /* class indices: an integer dtype only */
  LP_KIND_LENGTH, /* counts: an integer dtype only */
} lp_kind;

typedef struct lp_input_spec {
  const char *name;
  lp_kind kind;
  bool optional;
  bool differentiable; /* PyTorch 2.13 returns a gradient for it when its dtype is floating (measured, not assumed) */
  bool integer_ok;     /* LP_KIND_REAL only: an integer tensor beside a floating one is accepted and promoted */
  int min_rank, max_rank;
  const char *shape; /* in words: "(N, C) or (C)"; how it broadcasts */
  const char *about; /* one line for `explain` */
  double plot_at;    /* where `plot` holds this input while the first one varies; 0 for a residual, 1 for a label ... */
  bool dtype_open;   /* PyTorch happens to compute in other dtypes here too, undocumented: the reference refuses them,
                        and a candidate may do either */
  bool apart;        /* only compared or multiplied in place: its dtype takes no part in the loss's dtype */
} lp_input_spec;

typedef enum lp_param_type { LP_PARAM_REAL, LP_PARAM_INT, LP_PARAM_BOOL } lp_param_type;

typedef struct lp_param_spec {
  const char *name;
  lp_param_type type;
  double fallback;    /* PyTorch's default */
  const char *domain; /* in words: "a number >= 0" */
  const char *about;
  const double *values; /* settings worth testing, the default first; n_values of them */
  int n_values;
  const double *rejects; /* settings that PyTorch refuses; n_rejects of them */
  int n_rejects;
} lp_param_spec;

/* A named branch of the definition, special class, or degenerate denominator. Bit i of a regime set is regimes[i]. */
typedef struct lp_regime {
  const char *name; /* "quadratic", "target=0", "infeasible", "near-kink", ... lower case, no blanks */
  const char *about;
} lp_regime;

/* A named semantic requirement: what PyTorch was observed to choose where mathematics leaves a choice, and the like. */
typedef struct lp_rule {
  const char *name; /* "minus-one-terminates": reported as LOSS.NAME */
  const char *about;
} lp_rule;

/* A family of shapes for the generator. shapes[i] belongs to inputs[i]: blank-separated extents, each a decimal
 * number, a letter (a small size drawn once per case, the same letter the same size; N may be drawn 1..5, C 2..5,
 * D 1..7, T 1..8, S 0..4, others 1..4), or LETTER+1 / LETTER-1; "." is a 0-d tensor, "-" leaves an optional
 * input out. */
typedef struct lp_shape_class {
  const char *name;
  const char *shapes[LP_MAX_INPUTS];
  bool ordinary; /* false: a degenerate shape (empty, size 1, broadcast, unbatched ...) */
  bool rejects;  /* PyTorch refuses these shapes */
  const char *hunts;
} lp_shape_class;

/* A family of values for the generator, filled in by the draw hook. */
typedef struct lp_value_class {
  const char *name;
  bool ordinary;
  bool rejects; /* PyTorch refuses such values (an index out of range ...) whatever the options */
  const char *hunts;
} lp_value_class;

/* A shape worth timing: shapes[i] belongs to inputs[i], as in lp_shape_class but decimal extents only. */
typedef struct lp_bench_shape {
  const char *name;
  const char *shapes[LP_MAX_INPUTS];
} lp_bench_shape;

typedef struct lp_loss {
  const char *name;        /* "kl_div": the name in cases, files and messages */
  const char *functional;  /* "kl_div": torch.nn.functional.NAME */
  const char *module;      /* "KLDivLoss": torch.nn.NAME, accepted as an alias, as is the functional name */
  const char *summary;     /* one line */
  const char *definition;  /* the formula in plain text, with the constants PyTorch's code adds */
  const char *denominator; /* what `mean` divides by, in words */
  const char *ignored;     /* which elements do not count, in words; "none" */
  const char *batch_axis;  /* in words: "first axis of input, when it has rank 2" ; "none" for pointwise losses */
  const char *class_axis;
  unsigned reductions;   /* LP_CAN_... bits */
  bool legacy_reduction; /* takes size_average and reduce */
  bool pointwise;        /* a function of the elements at one position, summed: `plot` can draw it */
  unsigned rejects;      /* bit (1u << lp_reject): the reject reasons this loss has */
  const lp_input_spec *inputs;
  int n_inputs;
  const lp_param_spec *params; /* reduction is not among them */
  int n_params;
  const lp_regime *regimes;
  int n_regimes;
  const lp_rule *rules;
  int n_rules;
  const lp_shape_class *shape_classes; /* the first is the most ordinary */
  int n_shape_classes;
  const lp_value_class *value_classes; /* the first is the most ordinary */
  int n_value_classes;
  const lp_bench_shape *bench; /* NULL for a pointwise loss: 2^20 elements in every input */
  int n_bench;

  /* Checks everything PyTorch checks beyond kinds, ranks, reductions and dtypes (which lp_plan_init has done), and
   * sets plan->term (shape of the unreduced loss), plan->extent and plan->scratch. */
  lp_status (*plan)(struct lp_plan *plan, lp_error *error);

  /* Value and every gradient in one pass, into the tensors of *outcome, which the caller has laid out from the plan.
   * scratch: plan->scratch doubles, or NULL when that is 0; contents need not be initialized. */
  void (*run)(struct lp_outcome *outcome, const struct lp_plan *plan, double *scratch);

  /* The set of regimes that the case enters. */
  uint64_t (*regimes_of)(const struct lp_plan *plan, double *scratch);

  /* Fills the elements of every present input (shapes, dtypes and params are set, data allocated). */
  void (*draw)(struct lp_case *c, struct lp_rng *rng, int value_class);
} lp_loss;

#endif
