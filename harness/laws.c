#include "harness/laws.h"

#include <stdio.h>
#include <string.h>

#include "golden/suite.h"
#include "harness/laws_internal.h"

static const lp_law *const laws[] = {
    &lp_law_upstream_zero,     &lp_law_upstream_double, &lp_law_upstream_sum,        &lp_law_upstream_local,
    &lp_law_reduction_sum,     &lp_law_reduction_mean,  &lp_law_reduction_batchmean, &lp_law_batch_permutation,
    &lp_law_batch_duplication, &lp_law_batch_split,     &lp_law_row_independence,    &lp_law_row_nan,
    &lp_law_ignored_elements,  &lp_law_unused_weights,  &lp_law_repetition,          &lp_law_state,
};

enum { N_LAWS = sizeof laws / sizeof laws[0] };

int lp_laws_count(void) { return N_LAWS; }

const lp_law *lp_laws_at(int index) { return index >= 0 && index < N_LAWS ? laws[index] : NULL; }

const lp_law *lp_laws_find(const char *name) {
  for (int i = 0; i < N_LAWS; i++) {
    if (strcmp(laws[i]->name, name) == 0) return laws[i];
  }
  return NULL;
}

const char *lp_law_kind_name(lp_law_kind kind) {
  static const char *const names[] = {"holds", "broken", "not applicable"};
  return names[kind];
}

/* --- deriving ----------------------------------------------------------------------------------------------- */

lp_case *lp_law_add(lp_derivation *d, const lp_case *c) {
  lp_case *added = &d->cases[d->count++];
  *added = *c;
  added->expect = LP_EXPECT_ACCEPT;
  return added;
}

lp_status lp_law_own(lp_arena *arena, lp_tensor *tensor, lp_error *error) {
  const lp_tensor given = *tensor;
  LP_TRY(lp_arena_tensor(arena, tensor, error));
  if (given.f64) memcpy(tensor->f64, given.f64, (size_t)given.numel * sizeof *given.f64);
  if (given.i64) memcpy(tensor->i64, given.i64, (size_t)given.numel * sizeof *given.i64);
  return LP_OK;
}

void lp_law_set_reduction(lp_case *c, lp_reduction reduction) {
  c->reduction = reduction;
  c->reduction_word = lp_reduction_name(reduction);
}

static void leave_none(lp_derivation *d, const char *why) {
  d->count = 0;
  d->why_not = why;
}

static lp_status name_cases(lp_derivation *d, lp_arena *arena, const char *id, lp_error *error) {
  const char *tags = lp_arena_format(arena, "law=%s", d->law->name);
  for (int k = 0; k < d->count; k++) {
    lp_case *c = &d->cases[k];
    c->id = d->count == 1 ? lp_arena_format(arena, "%s#%s", id, d->law->name)
                          : lp_arena_format(arena, "%s#%s.%d", id, d->law->name, k + 1);
    c->hunts = d->law->about;
    c->tags = tags;
    if (!c->id || !tags) return lp_fail(error, LP_NO_MEMORY, "out of memory for the id of a derived case");
    if (strlen(c->id) > LP_MAX_ID_BYTES) leave_none(d, "the ids of its cases would be too long");
  }
  return LP_OK;
}

/* PyTorch may refuse what the law has made: a 0-d target beside two rows, where it stood beside one. */
static lp_status plan_cases(lp_derivation *d, lp_arena *arena, lp_error *error) {
  for (int k = 0; k < d->count; k++) {
    lp_error why;
    if (lp_plan_init(&d->plans[1 + k], &d->cases[k], &why) == LP_OK) continue;
    leave_none(d, lp_arena_format(arena, "PyTorch would refuse the derived case: %s", why.message));
    if (!d->why_not) return lp_fail(error, LP_NO_MEMORY, "out of memory for the message of a derived case");
  }
  return LP_OK;
}

lp_status lp_law_derive(lp_derivation *d, lp_arena *arena, const lp_law *law, const lp_case *c, uint64_t seed,
                        lp_error *error) {
  *d = (lp_derivation){.law = law, .why_not = ""};
  if (lp_plan_init(&d->plans[0], c, NULL) != LP_OK) {
    d->why_not = "PyTorch refuses the case";
    return LP_OK;
  }
  const char *refusal = law->refusal(&d->plans[0]);
  if (refusal) {
    d->why_not = refusal;
    return LP_OK;
  }
  const char *seeded = lp_arena_format(arena, "%s#%s", c->id, law->name);
  d->cases = lp_arena_alloc(arena, LP_LAW_MAX_CASES, sizeof *d->cases);
  if (!d->cases || !seeded) return lp_fail(error, LP_NO_MEMORY, "out of memory for derived cases");
  lp_rng rng = lp_rng_for_case(seed, seeded);
  LP_TRY(law->derive(d, arena, &rng, error));
  LP_TRY(name_cases(d, arena, c->id, error));
  return plan_cases(d, arena, error);
}

/* --- checking ----------------------------------------------------------------------------------------------- */

static void break_at(lp_relation *r, int answer, int output) {
  r->verdict->kind = LP_LAW_BROKEN;
  r->verdict->derived = answer - 1;
  r->verdict->input = output;
  r->verdict->index = -1;
}

/* Every output that was given has the shape that the definition gives it. */
static bool check_shapes(lp_relation *r, int answer) {
  const lp_outcome *outcome = r->answers[answer].outcome;
  for (int i = 0; i < outcome->n_outputs; i++) {
    const lp_output *out = &outcome->outputs[i];
    const lp_output *wanted = lp_outcome_find(&r->d->plans[answer].outcome, out->input);
    if (wanted && lp_tensor_same_shape(&wanted->tensor, &out->tensor)) continue;
    char name[LP_NAME_MAX], shape[LP_NAME_MAX];
    break_at(r, answer, out->input);
    snprintf(r->verdict->reason, sizeof r->verdict->reason,
             "%.90s: %.40s has shape %.60s, which this case does not give it", lp_law_id(r, answer),
             lp_output_name(name, r->d->plans[answer].c->loss, out->input),
             lp_tensor_shape_text(shape, sizeof shape, &out->tensor));
    return false;
  }
  return true;
}

static bool check_answer(lp_relation *r, int answer) {
  const lp_outcome *outcome = r->answers[answer].outcome;
  if (outcome->kind == LP_OUTCOME_OK) return check_shapes(r, answer);
  char *reason = r->verdict->reason;
  const size_t room = sizeof r->verdict->reason;
  const char *kind = lp_outcome_kind_name(outcome->kind);
  if (answer == 0 || outcome->kind == LP_OUTCOME_UNSUPPORTED) {
    r->verdict->kind = LP_LAW_NOT_APPLICABLE;
    snprintf(reason, room, "the answer to %.90s is \"%s\"", lp_law_id(r, answer), kind);
    return false;
  }
  break_at(r, answer, LP_OUTPUT_LOSS);
  snprintf(reason, room, "%.90s is answered, but %.90s, which is as valid, is \"%s\": %.50s", lp_law_id(r, 0),
           lp_law_id(r, answer), kind, outcome->message);
  return false;
}

static bool check_answers(lp_relation *r) {
  for (int k = 0; k <= r->d->count; k++) {
    if (k > 0 && r->d->unused[k - 1]) continue;
    if (!check_answer(r, k)) return false;
  }
  return true;
}

void lp_law_check(lp_law_verdict *verdict, const lp_derivation *d, const lp_law_answer *base,
                  const lp_law_answer *derived, bool deterministic) {
  lp_relation r = {.verdict = verdict, .d = d, .answers[0] = *base, .deterministic = deterministic, .worst = -1.0};
  *verdict = (lp_law_verdict){.kind = LP_LAW_HOLDS, .derived = LP_LAW_BASE, .input = LP_OUTPUT_LOSS, .index = -1};
  if (d->count == 0) {
    lp_law_give_up(&r, d->why_not);
    return;
  }
  for (int k = 0; k < d->count; k++) r.answers[1 + k] = derived[k];
  if (!check_answers(&r)) return;
  d->law->relate(&r);
  if (verdict->kind == LP_LAW_HOLDS && verdict->compared == 0) {
    lp_law_give_up(&r, "no two numbers of the outcomes could be compared");
  }
}
