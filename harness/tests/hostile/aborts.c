/* Aborts, having said why. */
#include <stdio.h>
#include <stdlib.h>

#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  fprintf(stderr, "assertion failed: n < 3\n");
  abort();
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "aborts", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
