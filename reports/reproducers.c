/* One reproducer for every signature of a certification. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "reports/reproducer.h"
#include "reports/reproducer_internal.h"

enum { NAME = 200, MOST_SIGNATURES = 1000 };

/* A signature as a file's name. */
static void file_name(char name[NAME], const char *signature) {
  size_t n = 0;
  for (; *signature && n < NAME - 1; signature++) {
    const bool plain = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.", *signature) != NULL;
    name[n++] = plain ? *signature : '-';
  }
  name[n] = '\0';
}

typedef char signatures_seen[MOST_SIGNATURES][NAME];

static bool is_new(signatures_seen seen, int n, const char *name) {
  for (int i = 0; i < n; i++) {
    if (strcmp(seen[i], name) == 0) return false;
  }
  return n < MOST_SIGNATURES;
}

static lp_status write_findings(int *n, signatures_seen seen, const char *folder, const lp_certification *run,
                                lp_error *error) {
  for (int i = 0; i < run->n_results; i++) {
    const lp_result *r = &run->results[i];
    for (int k = 0; k < r->n_verdicts; k++) {
      char signature[NAME], name[NAME];
      if (!lp_result_is_finding(r, k)) continue;
      file_name(name, lp_result_signature(signature, sizeof signature, r, k));
      if (!is_new(seen, *n, name)) continue;
      memcpy(seen[(*n)++], name, NAME);
      LP_TRY(lp_reproducer_kinds(folder, name, &r->entry->c, &run->how, error));
    }
  }
  return LP_OK;
}

lp_status lp_write_reproducers(int *signatures, const char *folder, const lp_certification *run, lp_error *error) {
  *signatures = 0;
  if (mkdir(folder, 0777) != 0 && errno != EEXIST) return lp_fail(error, LP_IO, "%s: %s", folder, strerror(errno));
  signatures_seen *seen = calloc(1, sizeof *seen);
  if (!seen) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  const lp_status status = write_findings(signatures, *seen, folder, run, error);
  free(seen);
  return status;
}
