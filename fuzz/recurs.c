#include "fuzz/recurs.h"

#include <string.h>

#include "fuzz/codec.h"
#include "harness/derived.h"

/* Laws and differences are drawn where not everything is asked for. */
static bool needs_everything(const char *signature) {
  return !*signature || strstr(signature, "/law/") || strstr(signature, "/differences/");
}

/* A fuzzer's seed is that of the bytes of the case. */
static uint64_t seed_of(lp_arena *arena, const lp_case *c) {
  uint8_t *bytes = lp_arena_alloc(arena, LP_FUZZ_MAX_BYTES, 1);
  const size_t size = bytes ? lp_case_encode(bytes, LP_FUZZ_MAX_BYTES, c) : 0;
  return size > 0 && size <= LP_FUZZ_MAX_BYTES ? lp_probe_seed(bytes, size) : LP_DERIVED_SEED;
}

lp_status lp_recurrence_probe(lp_probe_result *result, lp_arena *arena, const lp_recurrence *r, const lp_case *c,
                              lp_error *error) {
  const lp_probe_options options = {.candidate = r->candidate,
                                    .how = r->how,
                                    .seed = r->by_bytes ? seed_of(arena, c) : LP_DERIVED_SEED,
                                    .everything = needs_everything(r->signature)};
  return lp_probe(result, arena, c, &options, error);
}

static const lp_probe_finding *find(const lp_probe_result *result, const char *signature) {
  for (int i = 0; i < result->n_findings; i++) {
    if (!*signature || strcmp(result->findings[i].signature, signature) == 0) return &result->findings[i];
  }
  return NULL;
}

/* Whether the case shows it, with the text. */
static lp_status look(lp_recurrence *r, bool *shows, lp_probe_result *result, const lp_case *c, lp_error *error) {
  lp_arena *arena = lp_arena_new(0);
  *shows = false;
  if (!arena) return lp_fail(error, LP_NO_MEMORY, "no memory to probe a case");
  const lp_status status = lp_recurrence_probe(result, arena, r, c, error);
  const lp_probe_finding *found = status == LP_OK ? find(result, r->signature) : NULL;
  *shows = found != NULL;
  if (found) memcpy(r->text, found->text, sizeof r->text);
  if (found && !*r->signature) memcpy(r->signature, found->signature, sizeof r->signature);
  lp_arena_free(arena);
  return status;
}

lp_status lp_recurrence_find(lp_recurrence *r, bool *shows, lp_probe_result *result, const lp_case *c,
                             lp_error *error) {
  r->by_bytes = false;
  LP_TRY(look(r, shows, result, c, error));
  if (*shows) return LP_OK;
  r->by_bytes = true;
  return look(r, shows, result, c, error);
}

bool lp_recurs(void *recurrence, const lp_case *c) {
  lp_recurrence *r = recurrence;
  lp_probe_result result;
  bool shows;
  const lp_status status = look(r, &shows, &result, c, &r->error);
  if (status != LP_OK) r->status = status;
  return shows;
}
