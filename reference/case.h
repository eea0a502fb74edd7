/* A case: a loss, its parameters, its input tensors and the upstream gradient. An outcome: what one implementation
 * says of a case. Plain structs; strings and data belong to whoever made them. */
#ifndef LP_REFERENCE_CASE_H
#define LP_REFERENCE_CASE_H

#include "reference/loss.h"
#include "reference/tensor.h"

enum { LP_NAME_MAX = 64 };

typedef enum lp_expect { LP_EXPECT_ACCEPT = 0, LP_EXPECT_REJECT, LP_EXPECT_EITHER } lp_expect;

typedef struct lp_case {
  const char *id;    /* "core/kl_div/0017"; the part before the first '/' is the suite */
  const char *hunts; /* which fault it is there to find; never NULL, "" when unknown */
  const char *tags;  /* blank-separated words; never NULL. The generator writes shape=CLASS value=CLASS grad=CLASS */
  const lp_loss *loss;
  lp_expect expect;
  lp_dtype dtype; /* the default of its floating tensors */
  lp_reduction reduction;
  const char *reduction_word;   /* as given, "mean" ...; the offending word when reduction is LP_REDUCTION_UNKNOWN */
  double params[LP_MAX_PARAMS]; /* in the order of loss->params; bool as 0 or 1 */
  bool has_input[LP_MAX_INPUTS];
  lp_tensor inputs[LP_MAX_INPUTS]; /* in the order of loss->inputs */
  bool has_grad_output;
  lp_tensor grad_output; /* absent: ones of the loss's shape */
} lp_case;

/* An empty case of this loss: parameters at PyTorch's defaults, reduction mean, no inputs, empty strings. */
void lp_case_init(lp_case *c, const lp_loss *loss);

/* Index of the input or parameter of this name, or -1. */
int lp_loss_input_index(const lp_loss *loss, const char *name);
int lp_loss_param_index(const lp_loss *loss, const char *name);

/* The mean's deprecated name, which most losses of PyTorch still take (lp_plan_refuse_elementwise_mean: the others). */
#define LP_ELEMENTWISE_MEAN "elementwise_mean"

/* LP_REDUCTION_UNKNOWN for any word that is not one of the five. Does not ask whether a loss takes it. */
lp_reduction lp_reduction_from_name(const char *word);
const char *lp_reduction_name(lp_reduction reduction);

/* What PyTorch's deprecated pair means: each -1 (None), 0 or 1. None counts as true. */
lp_reduction lp_reduction_from_legacy(int size_average, int reduce);

typedef enum lp_outcome_kind {
  LP_OUTCOME_OK = 0,
  LP_OUTCOME_REJECTED,
  LP_OUTCOME_UNSUPPORTED,
  LP_OUTCOME_CRASHED,
  LP_OUTCOME_TIMED_OUT
} lp_outcome_kind;

typedef struct lp_output {
  int input;        /* LP_OUTPUT_LOSS, or i: the gradient of loss->inputs[i] */
  lp_tensor tensor; /* floating */
} lp_output;

enum { LP_OUTPUT_LOSS = -1 };

typedef struct lp_outcome {
  lp_outcome_kind kind;
  const char *message;               /* of a rejection or worse; never NULL, "" otherwise */
  int n_outputs;                     /* 0 unless kind is LP_OUTCOME_OK */
  lp_output outputs[LP_MAX_OUTPUTS]; /* the loss first, then gradients in input order */
  unsigned unstated;                 /* bit k: the file that outputs[k] was read from claims no dtype for it */
} lp_outcome;

/* "ok", "rejected", "unsupported", "crashed", "timed_out". */
const char *lp_outcome_kind_name(lp_outcome_kind kind);

/* "loss" or "grad/NAME", into name[LP_NAME_MAX]; returns name. */
char *lp_output_name(char name[LP_NAME_MAX], const lp_loss *loss, int input);

/* The output for `input` (or LP_OUTPUT_LOSS), or NULL. */
const lp_output *lp_outcome_find(const lp_outcome *outcome, int input);

#endif
