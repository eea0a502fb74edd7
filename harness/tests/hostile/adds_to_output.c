/* Takes an output for zeroed memory and adds to it. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  double *loss = hostile_data(&q->outputs[0]);
  const double before = *loss;
  hostile_answer(q);
  *loss += before;
  return LOSSPROOF_OK;
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "adds to output", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
