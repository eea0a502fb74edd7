/* Closes the pipe of its answers, and goes on working. */
#include <unistd.h>

#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  close(4);
  for (;;) pause();
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "closes pipe", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
