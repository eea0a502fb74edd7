/* Never returns. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  for (volatile int i = 0;; i = 0) continue;
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "loops", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
