/* Reads the element before the first one of a target. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  volatile double first = hostile_data(&q->inputs[1])[-1];
  (void)first;
  return hostile_answer(q);
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "reads before", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
