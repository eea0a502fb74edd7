#include "tools/one_case.h"

#include <string.h>

#include "harness/recast.h"
#include "tools/cli.h"

const lp_suite_entry *lp_case_by_id(const lp_suite *suite, const char *id) {
  for (int i = 0; i < suite->count; i++) {
    if (strcmp(suite->entries[i].c.id, id) == 0) return &suite->entries[i];
  }
  return NULL;
}

enum { LONGEST = LP_MAX_ID_BYTES + 1, NEAR = 3 };

static int smallest(int a, int b, int c) { return a < b ? (a < c ? a : c) : b < c ? b : c; }

/* Edit distance, row by row. */
static int distance(const char *a, const char *b) {
  int row[LONGEST + 1];
  const int n = (int)strnlen(b, LONGEST);
  for (int j = 0; j <= n; j++) row[j] = j;
  for (int i = 1; a[i - 1]; i++) {
    int corner = row[0];
    row[0] = i;
    for (int j = 1; j <= n; j++) {
      const int above = row[j];
      row[j] = smallest(above + 1, row[j - 1] + 1, corner + (a[i - 1] != b[j - 1]));
      corner = above;
    }
  }
  return row[n];
}

int lp_complain_of_id(const char *verb, const lp_suite *suite, const char *id) {
  const char *near[NEAR] = {NULL};
  int far[NEAR] = {LONGEST, LONGEST, LONGEST};
  for (int i = 0; i < suite->count; i++) {
    const char *other = suite->entries[i].c.id;
    int d = distance(id, other);
    for (int k = 0; k < NEAR; k++) { /* keeps the nearest, in order */
      if (d >= far[k]) continue;
      const char *pushed = near[k];
      const int its = far[k];
      near[k] = other;
      far[k] = d;
      if (!pushed) break;
      other = pushed;
      d = its;
    }
  }
  if (!near[0]) return lp_cli_complain("%s: there is no case \"%s\"", verb, id);
  return lp_cli_complain("%s: there is no case \"%s\"; the nearest names are %s%s%s%s%s", verb, id, near[0],
                         near[1] ? ", " : "", near[1] ? near[1] : "", near[2] ? ", " : "", near[2] ? near[2] : "");
}

lp_status lp_recast_entry(const char *verb, lp_suite_entry *entry, lp_arena *arena, const char *word, lp_error *error) {
  const lp_dtype dtype = lp_dtype_from_name(word);
  lp_case *from = lp_arena_alloc(arena, 1, sizeof *from);
  bool exists;
  if (dtype == LP_DTYPE_COUNT || !lp_dtype_is_floating(dtype)) {
    return lp_fail(error, LP_INVALID, "%s: expected float64, float32, float16 or bfloat16, got \"%s\"", verb, word);
  }
  if (!from) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  if (dtype == entry->c.dtype) return LP_OK;
  *from = entry->c;
  LP_TRY(lp_recast_case(&entry->c, &exists, arena, from, dtype, error));
  entry->has_outcome = false;
  return exists ? LP_OK : lp_fail(error, LP_INVALID, "%s: PyTorch refuses %s in %s", verb, from->id, word);
}
