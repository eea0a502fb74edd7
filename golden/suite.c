#include "golden/suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "golden/hdf5.h"
#include "golden/json.h"

enum { FIRST_CAPACITY = 16 };

lp_status lp_suite_init(lp_suite *suite, lp_error *error) {
  *suite = (lp_suite){.origin = {.producer = "", .producer_version = "", .exporter_version = "", .note = ""}};
  suite->arena = lp_arena_new(0);
  return suite->arena ? LP_OK : lp_fail(error, LP_NO_MEMORY, "no memory for a list of cases");
}

void lp_suite_clear(lp_suite *suite) {
  lp_arena_free(suite->arena);
  *suite = (lp_suite){0};
}

static bool grow(lp_suite *suite) {
  const int capacity = suite->capacity == 0 ? FIRST_CAPACITY : 2 * suite->capacity;
  lp_suite_entry *entries = lp_arena_alloc(suite->arena, (size_t)capacity, sizeof *entries);
  if (!entries) return false;
  if (suite->count > 0) memcpy(entries, suite->entries, (size_t)suite->count * sizeof *entries);
  suite->entries = entries;
  suite->capacity = capacity;
  return true;
}

lp_suite_entry *lp_suite_add(lp_suite *suite) {
  if (suite->count >= LP_MAX_CASES) return NULL;
  if (suite->count == suite->capacity && !grow(suite)) return NULL;
  lp_suite_entry *entry = &suite->entries[suite->count++];
  *entry = (lp_suite_entry){.message = "", .outcome = {.message = ""}};
  return entry;
}

/* By the signature with which every HDF5 file begins. Only a regular file is looked into: what is read from a pipe
 * cannot be read again, and HDF5 does not come through one. */
static lp_status is_hdf5(bool *answer, const char *path, lp_error *error) {
  static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};
  unsigned char head[sizeof signature];
  struct stat about;
  *answer = false;
  if (strcmp(path, "-") == 0 || (stat(path, &about) == 0 && !S_ISREG(about.st_mode))) return LP_OK;
  FILE *file = fopen(path, "rb");
  if (!file) return lp_fail(error, LP_IO, "%s: cannot open: %s", path, strerror(errno));
  *answer = fread(head, 1, sizeof head, file) == sizeof head && memcmp(head, signature, sizeof head) == 0;
  fclose(file);
  return LP_OK;
}

static lp_status read_json(lp_suite *suite, const char *path, lp_error *error) {
  const int before = suite->count;
  lp_json_shape shape;
  LP_TRY(lp_json_read_file(suite, &shape, path, error));
  for (int i = before; i < suite->count; i++) {
    const lp_suite_entry *e = &suite->entries[i];
    if (e->status == LP_OK) continue;
    suite->count = before;
    return lp_fail(error, e->status, "%s: case %s: %s", path, e->c.id, e->message);
  }
  return LP_OK;
}

lp_status lp_suite_read(lp_suite *suite, const char *path, lp_error *error) {
  bool hdf5;
  LP_TRY(is_hdf5(&hdf5, path, error));
  return hdf5 ? lp_hdf5_read_isolated(suite, path, error) : read_json(suite, path, error);
}
