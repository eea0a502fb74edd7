#include "harness/candidate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden/hdf5.h"
#include "harness/examine.h"
#include "reference/exact/round.h"

typedef enum kind { REFERENCE, EXACT, OUTCOMES } kind;

struct lp_candidate {
  kind kind;
  char *name;
  lp_suite answers;             /* of outcomes:FILE */
  const lp_suite_entry **by_id; /* answers.entries, sorted by id */
};

static int compare_ids(const void *a, const void *b) {
  const lp_suite_entry *const *x = a, *const *y = b;
  return strcmp((*x)->c.id, (*y)->c.id);
}

static lp_status index_answers(lp_candidate *candidate, lp_error *error) {
  const int n = candidate->answers.count;
  candidate->by_id = calloc((size_t)n + 1, sizeof(lp_suite_entry *));
  if (!candidate->by_id) return lp_fail(error, LP_NO_MEMORY, "out of memory for %d answers", n);
  for (int i = 0; i < n; i++) candidate->by_id[i] = &candidate->answers.entries[i];
  qsort(candidate->by_id, (size_t)n, sizeof(lp_suite_entry *), compare_ids);
  for (int i = 1; i < n; i++) {
    if (compare_ids(&candidate->by_id[i - 1], &candidate->by_id[i]) == 0) {
      return lp_fail(error, LP_INVALID, "%s answers case \"%s\" twice", candidate->name, candidate->by_id[i]->c.id);
    }
  }
  return LP_OK;
}

static lp_status open_outcomes(lp_candidate *candidate, const char *path, lp_error *error) {
  LP_TRY(lp_suite_init(&candidate->answers, error));
  LP_TRY(lp_suite_read(&candidate->answers, path, error));
  return index_answers(candidate, error);
}

static lp_status open_by_kind(lp_candidate *candidate, const char *description, lp_error *error) {
  static const char outcomes[] = "outcomes:";
  if (strcmp(description, "reference") == 0) return LP_OK;
  if (strcmp(description, "exact") == 0) {
    candidate->kind = EXACT;
    return LP_OK;
  }
  if (strncmp(description, outcomes, sizeof outcomes - 1) == 0) {
    candidate->kind = OUTCOMES;
    return open_outcomes(candidate, description + sizeof outcomes - 1, error);
  }
  return lp_fail(error, LP_INVALID, "no candidate \"%s\": expected reference, exact or outcomes:FILE", description);
}

lp_status lp_candidate_open(lp_candidate **out, const char *description, lp_error *error) {
  *out = NULL;
  lp_candidate *candidate = calloc(1, sizeof *candidate);
  char *name = strdup(description);
  if (!candidate || !name) {
    free(candidate);
    free(name);
    return lp_fail(error, LP_NO_MEMORY, "out of memory");
  }
  candidate->name = name;
  const lp_status status = open_by_kind(candidate, description, error);
  if (status != LP_OK) {
    lp_candidate_close(candidate);
    return status;
  }
  *out = candidate;
  return LP_OK;
}

void lp_candidate_close(lp_candidate *candidate) {
  if (!candidate) return;
  if (candidate->answers.arena) lp_suite_clear(&candidate->answers);
  free(candidate->by_id);
  free(candidate->name);
  free(candidate);
}

const char *lp_candidate_name(const lp_candidate *candidate) { return candidate->name; }

bool lp_candidate_is_ours(const lp_candidate *candidate) { return candidate->kind == REFERENCE; }

bool lp_candidate_goes_by_id(const lp_candidate *candidate) { return candidate->kind == OUTCOMES; }

static const lp_outcome no_answer = {.kind = LP_OUTCOME_UNSUPPORTED, .message = "no answer to this case"};

static lp_status stored_answer(const lp_candidate *candidate, lp_outcome *outcome, const lp_case *c, lp_error *error) {
  const lp_suite_entry wanted = {.c.id = c->id};
  const lp_suite_entry *key = &wanted;
  const lp_suite_entry *const *found =
      bsearch(&key, candidate->by_id, (size_t)candidate->answers.count, sizeof(lp_suite_entry *), compare_ids);
  if (found && (*found)->c.loss != c->loss) {
    return lp_fail(error, LP_INVALID, "it is a question about %s, but %s answers it as %s", c->loss->name,
                   candidate->name, (*found)->c.loss->name);
  }
  *outcome = found && (*found)->has_outcome ? (*found)->outcome : no_answer;
  return LP_OK;
}

/* An answer is given in the dtypes of its outputs. */
static void round_outputs(lp_outcome *outcome) {
  for (int k = 0; k < outcome->n_outputs; k++) {
    lp_tensor *t = &outcome->outputs[k].tensor;
    for (int64_t i = 0; i < t->numel; i++) t->f64[i] = lp_dtype_round(t->dtype, t->f64[i]);
  }
}

static double rounded(const lp_exact_number *n, lp_dtype dtype) {
  static const double of_class[] = {0.0, INFINITY, -INFINITY, NAN, NAN};
  return n->class == LP_FINITE ? lp_exact_round(arb_midref(&n->value), dtype) : of_class[n->class];
}

static lp_status exact_answer(lp_outcome *outcome, lp_arena *arena, const lp_case *c, lp_error *error) {
  const lp_exact_options plain = {.no_kinks = true};
  lp_examination e;
  LP_TRY(lp_examine_rounded(&e, arena, c, &plain, error));
  *outcome = e.reference;
  for (int k = 0; e.has_exact && k < outcome->n_outputs; k++) {
    lp_tensor *t = &outcome->outputs[k].tensor;
    for (int64_t i = 0; i < t->numel; i++) t->f64[i] = rounded(&e.exact.outputs[k].numbers[i], t->dtype);
  }
  lp_examination_clear(&e);
  return LP_OK;
}

lp_status lp_candidate_answer(lp_candidate *candidate, lp_outcome *outcome, lp_arena *arena, const lp_case *c,
                              lp_error *error) {
  lp_examination e;
  if (candidate->kind == OUTCOMES) return stored_answer(candidate, outcome, c, error);
  if (candidate->kind == EXACT) return exact_answer(outcome, arena, c, error);
  LP_TRY(lp_examine(&e, arena, c, error));
  *outcome = e.reference;
  round_outputs(outcome);
  return LP_OK;
}
