/* Lets a child of its own take the memory: 1 GiB. */
#include <stdlib.h>
#include <unistd.h>

#include "harness/tests/hostile/hostile.h"

/* So that no compiler sees that nobody looks at the memory. */
static char *volatile kept;

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  if (fork() == 0) {
    for (int i = 0; i < 64; i++) {
      char *block = malloc(1 << 24);
      if (block) memset(block, i + 1, 1 << 24);
      kept = block;
    }
    for (;;) pause();
  }
  for (;;) pause();
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "hogs in child", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
