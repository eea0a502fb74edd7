/* Writes to an address that is nobody's. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  volatile int *nowhere = (volatile int *)(uintptr_t)64;
  *nowhere = 1;
  return hostile_answer(q);
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "segfault", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
