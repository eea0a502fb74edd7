/* Returns a number that means nothing. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  return 7;
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "returns unknown", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
