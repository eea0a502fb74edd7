/* Crashes before anything is asked of it. */
#include <stdlib.h>

#include "harness/tests/hostile/hostile.h"

__attribute__((constructor)) static void begin(void) { abort(); }

static int run(const lossproof_request *q) { return hostile_answer(q); }

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "crashes at load", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
