/* Closes every file, the pipes of its answers among them. */
#include <unistd.h>

#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  for (int file = 0; file < 1024; file++) close(file);
  return hostile_answer(q);
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "closes files", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
