/* Divides an integer by zero. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  volatile int zero = 0, one = 1;
  hostile_data(&q->outputs[0])[0] = one / zero;
  return LOSSPROOF_OK;
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "divides by zero", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
