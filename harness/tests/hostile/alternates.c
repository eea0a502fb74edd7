/* Declares itself deterministic, and adds one every second time. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  static int calls;
  hostile_answer(q);
  hostile_data(&q->outputs[0])[0] += calls++ % 2;
  return LOSSPROOF_OK;
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI,        "alternates",
                                        "1.0",     "{\"deterministic\": true}", run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
