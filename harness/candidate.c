#include "harness/candidate.h"

#include <stdlib.h>
#include <string.h>

#include "harness/doors/door.h"
#include "harness/tamper.h"

struct lp_candidate {
  const lp_door *door;
  void *state;
  bool is_open;
  lp_arena *arena; /* owns what is below */
  const char *name;
  lp_manifest manifest;
  int tampering; /* an lp_tampering */
};

static const lp_door *const doors[] = {&lp_door_reference, &lp_door_exact,    &lp_door_plugin,
                                       &lp_door_exec,      &lp_door_outcomes, &lp_door_zoo};

enum { N_DOORS = sizeof doors / sizeof doors[0] };

const char *lp_conduct_name(lp_conduct conduct) {
  static const char *const names[LP_CONDUCT_COUNT] = {
      "good",    "signal",    "out-of-bounds", "exit",        "hang",      "memory",  "closed",
      "garbage", "oversized", "changed-input", "stray-write", "unwritten", "unstable"};
  return names[conduct];
}

void lp_answer_died(lp_answer *answer, lp_conduct conduct, const char *message) {
  *answer = (lp_answer){.conduct = conduct, .conduct_text = message};
  answer->outcome.kind = conduct == LP_CONDUCT_HANG ? LP_OUTCOME_TIMED_OUT : LP_OUTCOME_CRASHED;
  answer->outcome.message = message;
}

/* What follows the prefix, or NULL when it is another door's. */
static const char *rest_of(const char *description, const lp_door *door) {
  const size_t n = strlen(door->prefix);
  if (strncmp(description, door->prefix, n) != 0) return NULL;
  return door->prefix[n - 1] == ':' || description[n] == 0 ? description + n : NULL;
}

static lp_status open_door(lp_candidate *candidate, const lp_candidate_options *options, lp_error *error) {
  for (int i = 0; i < N_DOORS; i++) {
    const char *rest = rest_of(candidate->name, doors[i]);
    if (!rest) continue;
    candidate->door = doors[i];
    LP_TRY(doors[i]->open(&candidate->state, &candidate->manifest, candidate->arena, rest, options, error));
    candidate->is_open = true;
    return LP_OK;
  }
  return lp_fail(error, LP_INVALID,
                 "no candidate \"%s\": expected reference, exact, plugin:PATH.so, exec:COMMAND or outcomes:FILE",
                 candidate->name);
}

static lp_status open_candidate(lp_candidate *candidate, const char *description, const lp_candidate_options *options,
                                lp_error *error) {
  const lp_candidate_options defaults = LP_CANDIDATE_DEFAULTS;
  candidate->arena = lp_arena_new(0);
  if (candidate->arena) candidate->name = lp_arena_text(candidate->arena, description, strlen(description));
  if (!candidate->arena || !candidate->name) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  return open_door(candidate, options ? options : &defaults, error);
}

lp_status lp_candidate_open(lp_candidate **out, const char *description, const lp_candidate_options *options,
                            lp_error *error) {
  *out = NULL;
  lp_candidate *candidate = calloc(1, sizeof *candidate);
  if (!candidate) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  const lp_status status = open_candidate(candidate, description, options, error);
  if (status != LP_OK) {
    lp_candidate_close(candidate);
    return status;
  }
  *out = candidate;
  return LP_OK;
}

void lp_candidate_close(lp_candidate *candidate) {
  if (!candidate) return;
  if (candidate->is_open) candidate->door->close(candidate->state);
  lp_arena_free(candidate->arena);
  free(candidate);
}

const char *lp_candidate_name(const lp_candidate *candidate) { return candidate->name; }

const lp_manifest *lp_candidate_manifest(const lp_candidate *candidate) { return &candidate->manifest; }

bool lp_candidate_is_ours(const lp_candidate *candidate) { return candidate->door == &lp_door_reference; }

bool lp_candidate_goes_by_id(const lp_candidate *candidate) { return candidate->door->goes_by_id; }

lp_status lp_candidate_ask(lp_candidate *candidate, lp_answer *answers, lp_arena *arena, const lp_case *const *cases,
                           int n, lp_error *error) {
  LP_TRY(candidate->door->ask(candidate->state, answers, arena, cases, n, error));
  if (candidate->tampering == LP_TAMPER_NONE) return LP_OK;
  for (int i = 0; i < n; i++) lp_tamper_answer(&answers[i], arena, (lp_tampering)candidate->tampering);
  return LP_OK;
}

void lp_candidate_tamper(lp_candidate *candidate, int how) { candidate->tampering = how; }

lp_status lp_candidate_answer(lp_candidate *candidate, lp_outcome *outcome, lp_arena *arena, const lp_case *c,
                              lp_error *error) {
  lp_answer answer;
  LP_TRY(lp_candidate_ask(candidate, &answer, arena, &c, 1, error));
  *outcome = answer.outcome;
  return LP_OK;
}
