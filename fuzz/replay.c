/* Replays files through a fuzz target, for builds without libFuzzer: the corpora are part of the ordinary tests. */
#include "fuzz/replay.h"

#include <stdio.h>
#include <stdlib.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t capacity) {
  (void)data;
  (void)capacity;
  return size;
}

static int replay(const char *path) {
  enum { CEILING = 64 << 20 };
  FILE *file = fopen(path, "rb");
  unsigned char *data = malloc(CEILING);
  int failed = 1;
  if (file && data) {
    const size_t size = fread(data, 1, CEILING, file);
    failed = LLVMFuzzerTestOneInput(data, size);
  } else {
    fprintf(stderr, "%s: cannot be read\n", path);
  }
  if (file) fclose(file);
  free(data);
  return failed;
}

int main(int argc, char **argv) {
  int failed = 0;
  for (int i = 1; i < argc; i++) failed |= replay(argv[i]);
  printf("%d inputs replayed\n", argc - 1);
  return failed;
}
