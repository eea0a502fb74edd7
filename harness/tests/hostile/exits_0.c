/* Ends the process as if all were well. */
#include <stdlib.h>

#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  exit(0);
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "exits 0", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
