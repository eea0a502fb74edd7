/* Has nothing to say of itself. */
#include "harness/tests/hostile/hostile.h"

const lossproof_descriptor *lossproof_plugin(void) { return NULL; }
