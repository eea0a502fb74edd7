/* The worker's half of the plugin door: one question put to run(), with every check of conduct. */
#ifndef LP_HARNESS_DOORS_PLUGIN_CALL_H
#define LP_HARNESS_DOORS_PLUGIN_CALL_H

#include "harness/candidate.h"
#include "harness/doors/guarded.h"
#include "harness/doors/lossproof/plugin.h"
#include "harness/doors/plugin_wire.h"

/* Where tensors live. */
enum {
  LP_SLOT_INPUT = 0, /* those given, in order */
  LP_SLOT_GRAD_OUTPUT = LP_SLOT_INPUT + LP_MAX_INPUTS,
  LP_SLOT_OUTPUT = LP_SLOT_GRAD_OUTPUT + 1,
  LP_SLOT_MESSAGE = LP_SLOT_OUTPUT + LP_MAX_OUTPUTS,
  LP_SLOT_COUNT
};

typedef struct lp_argument {
  bool used;
  char name[LP_NAME_MAX];
  lp_tensor tensor;           /* dtype and shape; no data */
  size_t element, size;       /* bytes */
  const unsigned char *bytes; /* of an input, dense */
  int64_t dense[LP_MAX_RANK]; /* strides */
} lp_argument;

typedef struct lp_call {
  const lossproof_descriptor *plugin;
  lp_guarded slots[LP_SLOT_COUNT];
  const lp_loss *loss;
  char reduction[LP_NAME_MAX];
  lossproof_parameter parameters[LP_MAX_PARAMS];
  lp_argument arguments[LP_SLOT_MESSAGE];
  int n_inputs, n_outputs;
  int runs;             /* bits of those wanted */
  lp_bytes strided;     /* an input in the layout of LP_RUN_STRIDED */
  size_t first_outputs; /* where in the answer the outputs of the first run begin */
  int first_code;
  lp_conduct conduct; /* the gravest that was seen */
  char text[LP_PLUGIN_TEXT_MAX];
} lp_call;

/* Reads a question, behind its number. False: it is none, which only our own mistake can bring about. */
bool lp_call_read(lp_call *call, lp_reading *question);

/* Runs it and puts the runs, the conduct and its text. False when memory is out. */
bool lp_call_run(lp_call *call, lp_bytes *answer);

#endif
