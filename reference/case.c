#include "reference/case.h"

#include <stdio.h>
#include <string.h>

static const char *const reduction_names[] = {"none", "mean", "sum", "batchmean", "unknown"};

void lp_case_init(lp_case *c, const lp_loss *loss) {
  *c = (lp_case){.id = "", .hunts = "", .tags = "", .loss = loss};
  c->reduction = LP_REDUCTION_MEAN;
  c->reduction_word = "mean";
  for (int i = 0; i < loss->n_params; i++) c->params[i] = loss->params[i].fallback;
}

int lp_loss_input_index(const lp_loss *loss, const char *name) {
  for (int i = 0; i < loss->n_inputs; i++) {
    if (strcmp(loss->inputs[i].name, name) == 0) return i;
  }
  return -1;
}

int lp_loss_param_index(const lp_loss *loss, const char *name) {
  for (int i = 0; i < loss->n_params; i++) {
    if (strcmp(loss->params[i].name, name) == 0) return i;
  }
  return -1;
}

lp_reduction lp_reduction_from_name(const char *word) {
  int i = 0;
  if (strcmp(word, LP_ELEMENTWISE_MEAN) == 0) return LP_REDUCTION_MEAN;
  while (i < LP_REDUCTION_UNKNOWN && strcmp(reduction_names[i], word) != 0) i++;
  return (lp_reduction)i;
}

const char *lp_reduction_name(lp_reduction reduction) { return reduction_names[reduction]; }

lp_reduction lp_reduction_from_legacy(int size_average, int reduce) {
  if (reduce == 0) return LP_REDUCTION_NONE;
  return size_average == 0 ? LP_REDUCTION_SUM : LP_REDUCTION_MEAN;
}

const char *lp_outcome_kind_name(lp_outcome_kind kind) {
  static const char *const names[] = {"ok", "rejected", "unsupported", "crashed", "timed_out"};
  return names[kind];
}

char *lp_output_name(char name[LP_NAME_MAX], const lp_loss *loss, int input) {
  if (input == LP_OUTPUT_LOSS) {
    snprintf(name, LP_NAME_MAX, "loss");
  } else {
    snprintf(name, LP_NAME_MAX, "grad/%s", loss->inputs[input].name);
  }
  return name;
}

const lp_output *lp_outcome_find(const lp_outcome *outcome, int input) {
  for (int i = 0; i < outcome->n_outputs; i++) {
    if (outcome->outputs[i].input == input) return &outcome->outputs[i];
  }
  return NULL;
}
