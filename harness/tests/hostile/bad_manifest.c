/* Brings a manifest that is no JSON. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) { return hostile_answer(q); }

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI,   "bad manifest",
                                        "1.0",     "{dtypes: all of them", run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
