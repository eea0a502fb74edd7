/* Prints megabytes where people read, more than any pipe holds. */
#include <stdio.h>

#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  for (int i = 0; i < 40000; i++) {
    printf("epoch %d of 40000: the loss is fine, thank you for asking\n", i);
    fprintf(stderr, "warning %d: something may be wrong somewhere, or not\n", i);
  }
  return hostile_answer(q);
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "chatters", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
