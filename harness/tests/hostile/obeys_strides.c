/* Declares strided inputs, and reads them rightly: not hostile at all. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  return hostile_answer(q);
}

static const lossproof_descriptor me = {
    sizeof me, LOSSPROOF_PLUGIN_ABI, "obeys strides", "1.0", "{\"layouts\": [\"contiguous\", \"strided\"]}", run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
