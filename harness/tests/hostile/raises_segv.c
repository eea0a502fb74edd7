/* Sends itself the signal of an invalid access, which comes from no instruction. */
#include <signal.h>

#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  raise(SIGSEGV);
  return hostile_answer(q);
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "raises segv", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
