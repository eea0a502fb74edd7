/* The one function of a libFuzzer target. Returns 0; a finding aborts. */
#ifndef LP_FUZZ_REPLAY_H
#define LP_FUZZ_REPLAY_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
