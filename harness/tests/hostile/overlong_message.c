/* Writes a message of three hundred bytes into room for 256. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  memset(q->message, 'x', 300);
  return LOSSPROOF_REJECTED;
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "overlong message", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
