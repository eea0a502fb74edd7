/* hdf5_copy FROM TO: reads cases from any file, and writes them as HDF5, or as packed JSON Lines when TO ends in
 * .jsonl. The tests of the Python twin compare what it makes of their files with what they make of its. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/hdf5.h"
#include "golden/json.h"
#include "golden/tests/fake_losses.h"

static lp_status write_lines(const lp_suite *suite, const char *path, lp_error *error) {
  FILE *out = fopen(path, "w");
  if (!out) return lp_fail(error, LP_IO, "%s: cannot be opened", path);
  lp_status status = LP_OK;
  for (int i = 0; i < suite->count && status == LP_OK; i++) {
    const lp_suite_entry *e = &suite->entries[i];
    status = lp_json_write_case(out, &e->c, e->has_outcome ? &e->outcome : NULL, LP_JSON_PACKED, error);
    putc('\n', out);
  }
  return fclose(out) == 0 ? status : lp_fail(error, LP_IO, "%s: cannot be written", path);
}

static lp_status copy(lp_suite *suite, const char *from, const char *to, lp_error *error) {
  LP_TRY(lp_suite_read(suite, from, error));
  if (suite->count == 0) return lp_fail(error, LP_INVALID, "%s: has no cases", from);
  if (strlen(to) > 6 && strcmp(to + strlen(to) - 6, ".jsonl") == 0) return write_lines(suite, to, error);
  return lp_hdf5_write(suite, suite->entries[0].c.loss, to, error);
}

int main(int argc, char **argv) {
  int exit_status;
  if (lp_hdf5_serve_reader(&exit_status, argc, argv)) return exit_status;
  if (argc != 3) {
    fprintf(stderr, "usage: hdf5_copy FROM TO\n");
    return EXIT_FAILURE;
  }
  lp_suite suite;
  lp_error error = {.message = ""};
  lp_status status = lp_suite_init(&suite, &error);
  if (status == LP_OK) status = copy(&suite, argv[1], argv[2], &error);
  if (status != LP_OK) fprintf(stderr, "hdf5_copy: %s\n", error.message);
  lp_suite_clear(&suite);
  return status == LP_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
