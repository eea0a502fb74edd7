/* Ends the process with exit code 3. */
#include <stdio.h>
#include <stdlib.h>

#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  fprintf(stderr, "cannot find my table\n");
  exit(3);
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "exits 3", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
