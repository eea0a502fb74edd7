/* Reads the element behind the last one of an input, as a loop with <= does. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  volatile double last = hostile_data(&q->inputs[0])[q->inputs[0].numel];
  (void)last;
  return hostile_answer(q);
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "reads past", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
