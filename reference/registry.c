#include "reference/registry.h"

#include <string.h>

#include "registry_rows.h"

enum { N_LOSSES = sizeof lp_registry_rows / sizeof lp_registry_rows[0], WORD_MAX = 64, NEAR = 3 };

int lp_registry_count(void) { return N_LOSSES; }

const lp_loss *lp_registry_at(int index) { return index >= 0 && index < N_LOSSES ? lp_registry_rows[index] : NULL; }

static const char *after_prefix(const char *name, const char *prefix) {
  const size_t length = strlen(prefix);
  return strncmp(name, prefix, length) == 0 ? name + length : name;
}

const lp_loss *lp_registry_find(const char *name) {
  const char *functional = after_prefix(after_prefix(name, "torch.nn.functional."), "F.");
  const char *module = after_prefix(after_prefix(name, "torch.nn."), "nn.");
  for (int i = 0; i < N_LOSSES; i++) {
    const lp_loss *loss = lp_registry_rows[i];
    if (strcmp(loss->name, name) == 0 || strcmp(loss->functional, functional) == 0 ||
        strcmp(loss->module, module) == 0) {
      return loss;
    }
  }
  return NULL;
}

static int least(int a, int b) { return a < b ? a : b; }

/* Levenshtein's distance, one row of the table at a time. Words longer than WORD_MAX are far from everything. */
static int edit_distance(const char *a, const char *b) {
  const int n = (int)strlen(b);
  if (strlen(a) >= WORD_MAX) return WORD_MAX;
  if (n >= WORD_MAX) return WORD_MAX; /* no row has such a name: GCOVR_EXCL_LINE GCOVR_EXCL_BR_LINE */
  int row[WORD_MAX];
  for (int j = 0; j <= n; j++) row[j] = j;
  for (int i = 1; a[i - 1]; i++) {
    int diagonal = row[0];
    row[0] = i;
    for (int j = 1; j <= n; j++) {
      const int replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = least(replaced, 1 + least(row[j], row[j - 1]));
    }
  }
  return row[n];
}

const lp_loss *lp_registry_nearest(const char *name) {
  const lp_loss *nearest = NULL;
  int best = NEAR + 1;
  for (int i = 0; i < N_LOSSES; i++) {
    const lp_loss *loss = lp_registry_rows[i];
    const int distance = least(least(edit_distance(name, loss->name), edit_distance(name, loss->functional)),
                               edit_distance(name, loss->module));
    if (distance < best) {
      best = distance;
      nearest = loss;
    }
  }
  return nearest;
}
