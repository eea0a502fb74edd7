/* Was built for another version of the interface. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) { return hostile_answer(q); }

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI + 6, "wrong abi", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
