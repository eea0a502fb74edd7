/* Writes frames that look like answers, for this question and the next ones. */
#include <unistd.h>

#include "harness/tests/hostile/hostile.h"

static int run(const lossproof_request *q) {
  if (!hostile_is_trap(q)) return hostile_answer(q);
  int32_t frame[] = {16, 0, 0x6c70706c, 0, 1, 1};
  for (int i = 0; i < 4; i++) {
    frame[3] = i;
    (void)!write(4, frame, sizeof frame);
  }
  return hostile_answer(q);
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "forges answers", "1.0", NULL, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
