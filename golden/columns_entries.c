#include <stdlib.h>
#include <string.h>

#include "golden/columns_pack.h"
#include "golden/columns_schema.h"

static lp_status check_inputs(const lp_suite_entry *entry, unsigned halves, lp_error *error) {
  const lp_loss *loss = entry->c.loss;
  const bool wanted = (halves & LP_HAS_CASES) != 0;
  for (int i = 0; i < loss->n_inputs; i++) {
    const bool given = entry->c.has_input[i];
    if (wanted && !given && !loss->inputs[i].optional) {
      return lp_fail(error, LP_INVALID, "case %s: has no input '%s', which %s requires", entry->c.id,
                     loss->inputs[i].name, loss->name);
    }
    if (!wanted && given) {
      return lp_fail(error, LP_INVALID, "case %s: has inputs, but the first case of the file has none (%s)",
                     entry->c.id, lp_kind_name(halves));
    }
  }
  return LP_OK;
}

static lp_status check_outcome(const lp_suite_entry *entry, unsigned halves, lp_error *error) {
  const bool wanted = (halves & LP_HAS_OUTCOMES) != 0;
  if (entry->has_outcome != wanted) {
    return lp_fail(error, LP_INVALID, "case %s: has %s outcome, unlike the first case of the file (%s)", entry->c.id,
                   wanted ? "no" : "an", lp_kind_name(halves));
  }
  if (wanted && entry->outcome.kind != LP_OUTCOME_OK && entry->outcome.n_outputs > 0) {
    return lp_fail(error, LP_INVALID, "case %s: its outcome is %s, and yet has outputs", entry->c.id,
                   lp_outcome_kind_name(entry->outcome.kind));
  }
  return LP_OK;
}

/* Ids are printed everywhere, and typed. */
static lp_status check_id(const char *id, lp_error *error) {
  if (id[0] == 0) return lp_fail(error, LP_INVALID, "cases/id: a case has an empty id");
  bool one_line = strlen(id) <= LP_MAX_ID_BYTES;
  for (const char *c = id; *c != 0; c++) one_line = one_line && (unsigned char)*c >= ' ' && *c != 0x7f;
  if (one_line) return LP_OK;
  return lp_fail(error, LP_INVALID, "cases/id: an id is not one line of at most %d bytes without control characters",
                 LP_MAX_ID_BYTES);
}

static lp_status check_entry(const lp_suite_entry *entry, unsigned halves, lp_error *error) {
  LP_TRY(check_id(entry->c.id, error));
  LP_TRY(check_inputs(entry, halves, error));
  return check_outcome(entry, halves, error);
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static lp_status check_ids(const lp_suite_entry *const *entries, int n, lp_arena *scratch, lp_error *error) {
  const char **ids = lp_arena_alloc(scratch, (size_t)n + 1, sizeof *ids);
  if (!ids) return lp_fail(error, LP_NO_MEMORY, "cases/id: no memory to compare %d ids", n);
  for (int i = 0; i < n; i++) ids[i] = entries[i]->c.id;
  qsort(ids, (size_t)n, sizeof *ids, by_text);
  for (int i = 1; i < n; i++) {
    if (strcmp(ids[i - 1], ids[i]) == 0) {
      return lp_fail(error, LP_INVALID, "cases/id: two cases have the id '%s'", ids[i]);
    }
  }
  return LP_OK;
}

lp_status lp_entries_check(const lp_suite_entry *const *entries, int n, unsigned halves, lp_arena *scratch,
                           lp_error *error) {
  for (int i = 0; i < n; i++) LP_TRY(check_entry(entries[i], halves, error));
  return check_ids(entries, n, scratch, error);
}
