/* Writes the element before the first one of a gradient. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  hostile_data(&q->outputs[1])[-1] = 1;
  return hostile_answer(q);
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "writes before", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
