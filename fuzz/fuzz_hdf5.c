/* The HDF5 reader, on any bytes: a message, or content that is whole; never a crash. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuzz/replay.h"
#include "golden/hdf5.h"

static int write_all(int fd, const uint8_t *data, size_t size) {
  while (size > 0) {
    const ssize_t n = write(fd, data, size);
    if (n <= 0) return 0;
    data += n;
    size -= (size_t)n;
  }
  return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char path[] = "/tmp/lossproof-fuzz-XXXXXX";
  lp_suite suite;
  lp_error error = {0};
  const int fd = mkstemp(path);
  if (fd < 0) return 0;
  if (write_all(fd, data, size) && lp_suite_init(&suite, &error) == LP_OK) {
    const lp_status status = lp_hdf5_read(&suite, path, &error);
    if (status != LP_OK && (error.message[0] == '\0' || suite.count != 0)) {
      fprintf(stderr, "fuzz_hdf5: a refusal without a message, or with part of the content\n");
      abort();
    }
    lp_suite_clear(&suite);
  }
  close(fd);
  unlink(path);
  return 0;
}
