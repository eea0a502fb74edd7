/* Rounds upwards from its first call on, and never sets it back. */
#include <fenv.h>

#include "harness/tests/hostile/hostile.h"

#pragma STDC FENV_ACCESS ON

/* Right only when it finds the usual mode: 1 + 2^-60 is 1. */
static int run(const lossproof_request *q) {
  const volatile double one = 1, tiny = 0x1p-60;
  const int usual = one + tiny == one;
  hostile_answer(q);
  if (!usual) hostile_data(&q->outputs[0])[0] += 1;
  fesetround(FE_UPWARD);
  return LOSSPROOF_OK;
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "sets rounding", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
