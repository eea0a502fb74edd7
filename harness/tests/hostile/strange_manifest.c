/* Brings a manifest with a dtype that does not exist. */
#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) { return hostile_answer(q); }

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI,           "strange manifest",
                                        "1.0",     "{\"dtypes\": [\"float128\"]}", run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
