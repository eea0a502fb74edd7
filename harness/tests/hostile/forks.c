/* Leaves the pipes to a child that sleeps, and ends. */
#include <unistd.h>

#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  if (fork() == 0) {
    sleep(30);
    _exit(0);
  }
  _exit(5);
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "forks", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
