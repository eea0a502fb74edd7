#include "tools/finding_files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "golden/suite.h"
#include "reports/reproducer.h"

char *lp_finding_name(char name[LP_FINDING_NAME], const char *signature) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.-";
  size_t n = 0;
  for (const char *at = signature; *at && n < LP_FINDING_NAME - 1; at++) {
    const bool hidden = n == 0 && *at == '.';
    name[n++] = strchr(plain, *at) && !hidden ? *at : '-';
  }
  if (n == 0) name[n++] = '-';
  name[n] = '\0';
  return name;
}

/* A stranger's text may hold anything; a case's is one line. */
static void make_one_line(char *text) {
  for (; *text; text++) {
    if ((unsigned char)*text < ' ' || *text == 0x7F) *text = ' ';
  }
}

static bool fits_a_script(const lp_case *c) {
  int64_t n = c->has_grad_output ? c->grad_output.numel : 0;
  for (int i = 0; i < c->loss->n_inputs; i++) n += c->has_input[i] ? c->inputs[i].numel : 0;
  return 3 * n <= LP_REPRODUCER_ELEMENTS; /* the answer has as many at most, and the broadcast loss */
}

static lp_status write_files(const char *folder, const char *name, const lp_case *c, lp_arena *arena,
                             const lp_judging *how, lp_error *error) {
  static const char *const kinds[] = {"json", "h5", "py"};
  const int n = fits_a_script(c) ? 3 : 2;
  for (int i = 0; i < n; i++) {
    const char *path = lp_arena_format(arena, "%s/%s.%s", folder, name, kinds[i]);
    if (!path) return lp_fail(error, LP_NO_MEMORY, "no memory for the name of a file");
    LP_TRY(lp_write_reproducer(path, c, how, error));
  }
  return LP_OK;
}

lp_status lp_name_finding(lp_case *named, lp_arena *arena, const char *signature, const char *text, const lp_case *c,
                          lp_error *error) {
  char name[LP_FINDING_NAME];
  char *hunts = lp_arena_format(arena, "%s%s%s", signature, *text ? ": " : "", text);
  lp_finding_name(name, signature);
  *named = *c;
  named->id = lp_arena_format(arena, "findings/%.*s", LP_MAX_ID_BYTES - 10, name);
  named->hunts = hunts;
  named->tags = "";
  if (!named->id || !hunts) return lp_fail(error, LP_NO_MEMORY, "no memory for the name of a finding");
  make_one_line(hunts);
  return LP_OK;
}

lp_status lp_write_finding(const char *folder, const char *signature, const char *text, const lp_case *c,
                           const lp_judging *how, lp_error *error) {
  char name[LP_FINDING_NAME];
  lp_case named;
  if (mkdir(folder, 0777) != 0 && errno != EEXIST) return lp_fail(error, LP_IO, "%s: %s", folder, strerror(errno));
  lp_arena *arena = lp_arena_new(0);
  if (!arena) return lp_fail(error, LP_NO_MEMORY, "no memory for the files of a finding");
  lp_status status = lp_name_finding(&named, arena, signature, text, c, error);
  if (status == LP_OK) status = write_files(folder, lp_finding_name(name, signature), &named, arena, how, error);
  lp_arena_free(arena);
  return status;
}
