/* Recurses until the stack is full. */
#include "harness/tests/hostile/hostile.h"

static double deeper(int depth) {
  volatile char frame[4096];
  frame[0] = (char)depth;
  return depth == 0 ? frame[0] : deeper(depth + 1) + frame[0];
}

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  hostile_data(&q->outputs[0])[0] = deeper(1);
  return LOSSPROOF_OK;
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "overflows stack", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
