/* Writes over memory at random: its own table of addresses leads into the program that called it. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  volatile unsigned char *stack = (volatile unsigned char *)&q;
  for (int i = 0; i < 4096; i++) stack[i] = 0xff;
  return LOSSPROOF_OK;
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "scribbles", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
