/* Which cases of a suite are put to the candidate. */
#include <stdlib.h>
#include <string.h>

#include "harness/certify_internal.h"
#include "reference/draw.h"
#include "reference/registry.h"

enum { SHARD_SEED = 0x5a4d };

static bool begins_with(const char *id, const char *stem, char next) {
  const size_t length = strlen(stem);
  return strncmp(id, stem, length) == 0 && id[length] == next;
}

static bool is_in_suite(const char *id, const char *suite) { return begins_with(id, suite, '/'); }

/* "core/l1/0001" names its recasts too. */
static bool is_called(const char *id, const char *name) { return strcmp(id, name) == 0 || begins_with(id, name, '@'); }

/* By the case that a derived one comes from, so that they meet in one shard. */
static bool is_in_shard(const char *id, int shard, int shards) {
  char stem[LP_MAX_ID_BYTES + 1];
  const size_t length = strcspn(id, "#");
  if (shards <= 1) return true;
  if (length > LP_MAX_ID_BYTES) return shard == 1;
  memcpy(stem, id, length);
  stem[length] = '\0';
  lp_rng rng = lp_rng_for_case(SHARD_SEED, stem);
  return lp_rng_below(&rng, shards) == shard - 1;
}

static bool is_selected(const lp_suite_entry *e, const lp_certify_options *o) {
  if (o->loss && strcmp(e->c.loss->name, o->loss) != 0) return false;
  if (o->id && !is_called(e->c.id, o->id)) return false;
  if (o->suite && !is_in_suite(e->c.id, o->suite)) return false;
  return is_in_shard(e->c.id, o->shard, o->shards);
}

static int by_id(const void *a, const void *b) {
  const lp_result *const *x = a, *const *y = b;
  return strcmp((*x)->entry->c.id, (*y)->entry->c.id);
}

/* Two questions of one id would get one answer. */
static lp_status check_ids(const lp_certification *run, lp_error *error) {
  const lp_result **sorted = lp_arena_alloc(run->arena, (size_t)run->n_selected + 1, sizeof *sorted);
  if (!sorted) return lp_fail(error, LP_NO_MEMORY, "out of memory for %d cases", run->n_selected);
  for (int i = 0; i < run->n_selected; i++) sorted[i] = &run->results[i];
  qsort(sorted, (size_t)run->n_selected, sizeof *sorted, by_id);
  for (int i = 1; i < run->n_selected; i++) {
    if (by_id(&sorted[i - 1], &sorted[i]) != 0) continue;
    return lp_fail(error, LP_INVALID, "two questions are called \"%s\", and answers are found by id",
                   sorted[i]->entry->c.id);
  }
  return LP_OK;
}

lp_status lp_certify_select(lp_certify_work *work, const lp_suite *suite, lp_error *error) {
  lp_certification *run = work->run;
  run->results = lp_arena_alloc(run->arena, (size_t)suite->count + 1, sizeof *run->results);
  run->losses = lp_arena_alloc(run->arena, (size_t)lp_registry_count() + 1, sizeof *run->losses);
  if (!run->results || !run->losses) return lp_fail(error, LP_NO_MEMORY, "out of memory for %d cases", suite->count);
  for (int i = 0; i < suite->count; i++) {
    if (!is_selected(&suite->entries[i], work->options)) continue;
    run->results[run->n_selected++] = (lp_result){.entry = &suite->entries[i], .message = ""};
  }
  return work->by_id ? check_ids(run, error) : LP_OK;
}

static bool is_of(const lp_case *c, const char *name) {
  return strcmp(c->loss->name, name) == 0 || is_in_suite(c->id, name);
}

/* None at all is no fulfilment, unless the cases of it are in other shards. */
static bool ran_whole(const lp_certify_work *work, const lp_suite *suite, const char *name) {
  int there = 0, chosen = 0, ran = 0;
  for (int i = 0; i < suite->count; i++) {
    const lp_suite_entry *e = &suite->entries[i];
    there += is_of(&e->c, name);
    chosen += is_of(&e->c, name) && is_selected(e, work->options);
  }
  for (int i = 0; i < work->run->n_results; i++) {
    const lp_result *r = &work->run->results[i];
    ran += is_of(&r->entry->c, name) && !r->not_run && r->status == LP_OK;
  }
  return there > 0 && ran == chosen;
}

lp_status lp_certify_check_required(lp_certify_work *work, const lp_suite *suite, lp_error *error) {
  lp_certification *run = work->run;
  const lp_certify_options *o = work->options;
  const char **unmet = lp_arena_alloc(run->arena, (size_t)o->n_require + 1, sizeof *unmet);
  if (!unmet) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  for (int i = 0; i < o->n_require; i++) {
    if (!ran_whole(work, suite, o->require[i])) unmet[run->n_unmet++] = o->require[i];
  }
  run->unmet = unmet;
  return LP_OK;
}
