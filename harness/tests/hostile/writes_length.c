/* Announces an answer of 32 GiB. */
#include <unistd.h>

#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  static const unsigned char length[8] = {0, 0, 0, 0, 8};
  (void)!write(4, length, sizeof length);
  return hostile_answer(q);
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "writes length", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
