/* Writes before a gradient and is gone when the buffer is elsewhere: only the first run shows it. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  static int calls;
  if (calls++ == 0) hostile_data(&q->outputs[1])[-1] = 1;
  return hostile_answer(q);
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "writes far before", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
