/* Declares everything, and refuses. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  strncpy(q->message, "not on\nTuesdays", LOSSPROOF_MESSAGE_SIZE - 1);
  return LOSSPROOF_UNSUPPORTED;
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "unsupported", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
