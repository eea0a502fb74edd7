/* Declares strided inputs, and reads them as dense. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  lossproof_tensor inputs[2] = {q->inputs[0], q->inputs[1]};
  const int64_t one = 1;
  lossproof_request dense = *q;
  inputs[0].strides = inputs[1].strides = &one;
  dense.inputs = inputs;
  return hostile_answer(&dense);
}

static const lossproof_descriptor me = {
    sizeof me, LOSSPROOF_PLUGIN_ABI, "ignores strides", "1.0", "{\"layouts\": [\"contiguous\", \"strided\"]}", run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
