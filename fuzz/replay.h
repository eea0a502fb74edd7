/* The functions of a libFuzzer target and of its engine. Without the engine replay.c stands in for it. */
#ifndef LP_FUZZ_REPLAY_H
#define LP_FUZZ_REPLAY_H

#include <stddef.h>
#include <stdint.h>

/* The target's: returns 0; a finding aborts. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The engine's mutations of bytes, in place; returns the new size. Without an engine: none. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t capacity);

#endif
