/* Prints into the pipe of its answers. */
#include <unistd.h>

#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  static const char text[] = "loss = 0.25, as far as I can tell";
  (void)!write(4, text, sizeof text);
  return hostile_answer(q);
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "writes garbage", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
