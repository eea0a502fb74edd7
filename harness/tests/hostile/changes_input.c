/* Works in place on its input. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  const int code = hostile_answer(q);
  hostile_data(&q->inputs[0])[2] = 0;
  return code;
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "changes input", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
