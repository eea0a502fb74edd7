/* seed FOLDER FILE...: the cases of the files (JSON, HDF5), each as the bytes that the target of its loss decodes to
 * it, into FOLDER/fuzz_LOSS/NUMBER. Cases that are too large are left out. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/codec.h"
#include "golden/hdf5.h"
#include "golden/suite.h"

enum { PATH_BYTES = 4096 };

typedef struct tally {
  int written, left_out;
} tally;

static bool make_folder(const char *path) { return mkdir(path, 0777) == 0 || errno == EEXIST; }

static bool write_bytes(const char *path, const uint8_t *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  if (!file) return false;
  const bool written = fwrite(bytes, 1, size, file) == size;
  return fclose(file) == 0 && written;
}

static bool write_seed(const char *folder, const lp_case *c, tally *count) {
  static uint8_t bytes[LP_FUZZ_MAX_BYTES];
  char path[PATH_BYTES];
  const size_t size = lp_case_encode(bytes, sizeof bytes, c);
  if (size == 0 || size > sizeof bytes) {
    count->left_out++;
    return true;
  }
  snprintf(path, sizeof path, "%s/fuzz_%s", folder, c->loss->name);
  if (!make_folder(path)) return false;
  snprintf(path, sizeof path, "%s/fuzz_%s/%06d", folder, c->loss->name, count->written++);
  return write_bytes(path, bytes, size);
}

static bool write_seeds(const char *folder, const char *file, tally *count) {
  lp_suite suite;
  lp_error error = {.message = "cannot be written"};
  bool ok = lp_suite_init(&suite, &error) == LP_OK;
  if (!ok) return false;
  ok = lp_suite_read(&suite, file, &error) == LP_OK;
  for (int i = 0; ok && i < suite.count; i++) {
    ok = suite.entries[i].status != LP_OK || write_seed(folder, &suite.entries[i].c, count);
  }
  if (!ok) fprintf(stderr, "seed: %s: %s\n", file, error.message);
  lp_suite_clear(&suite);
  return ok;
}

int main(int argc, char **argv) {
  tally count = {0, 0};
  int exit_status;
  if (lp_hdf5_serve_reader(&exit_status, argc, argv)) return exit_status; /* a child that reads one HDF5 file */
  if (argc < 3 || !make_folder(argv[1])) {
    fprintf(stderr, "usage: seed FOLDER FILE...   FOLDER can be made\n");
    return 2;
  }
  for (int i = 2; i < argc; i++) {
    if (!write_seeds(argv[1], argv[i], &count)) return 2;
  }
  printf("%d seeds, %d cases too large or of no such bytes\n", count.written, count.left_out);
  return 0;
}
