#include <string.h>

#include "exact_rows.h" /* generated at configure time */

const lp_exact_loss *lp_exact_loss_find(const char *name) {
  const size_t count = sizeof lp_exact_rows / sizeof lp_exact_rows[0];
  for (size_t i = 0; i < count; i++) {
    if (strcmp(lp_exact_rows[i]->name, name) == 0) return lp_exact_rows[i];
  }
  return NULL;
}
