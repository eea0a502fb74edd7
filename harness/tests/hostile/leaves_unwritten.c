/* Leaves the last element of a gradient as it found it. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  const lossproof_tensor *out = &q->outputs[1];
  double *last = hostile_data(out) + out->numel - 1;
  double kept;
  memcpy(&kept, last, sizeof kept);
  hostile_answer(q);
  memcpy(last, &kept, sizeof kept);
  return LOSSPROOF_OK;
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "leaves unwritten", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
