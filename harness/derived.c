#include "harness/derived.h"

#include <string.h>

#include "reference/draw.h"

enum { TURN_SEED = 0x1a35 };

bool lp_derived_is_derived(const char *id) { return strchr(id, '#') != NULL; }

bool lp_derived_is_turn(const char *id, int every) {
  if (every <= 0 || lp_derived_is_derived(id)) return false;
  lp_rng rng = lp_rng_for_case(TURN_SEED, id);
  return lp_rng_below(&rng, every) == 0;
}

static lp_status add(lp_suite *out, const lp_suite_entry *entry, lp_error *error) {
  lp_suite_entry *added = lp_suite_add(out);
  if (!added) return lp_fail(error, LP_NO_MEMORY, "no room for case %s: %d cases at most", entry->c.id, LP_MAX_CASES);
  *added = *entry;
  return LP_OK;
}

static lp_status add_law(lp_suite *out, const lp_law *law, const lp_case *c, lp_error *error) {
  lp_derivation d;
  LP_TRY(lp_law_derive(&d, out->arena, law, c, LP_DERIVED_SEED, error));
  for (int k = 0; k < d.count; k++) {
    const lp_suite_entry entry = {.c = d.cases[k], .message = "", .outcome = {.message = ""}};
    LP_TRY(add(out, &entry, error));
  }
  return LP_OK;
}

lp_status lp_derived_add(lp_suite *out, const lp_suite *in, int every, lp_error *error) {
  out->origin = in->origin;
  for (int i = 0; i < in->count; i++) {
    LP_TRY(add(out, &in->entries[i], error));
    if (!lp_derived_is_turn(in->entries[i].c.id, every)) continue;
    for (int k = 0; k < lp_laws_count(); k++) LP_TRY(add_law(out, lp_laws_at(k), &in->entries[i].c, error));
  }
  return LP_OK;
}
