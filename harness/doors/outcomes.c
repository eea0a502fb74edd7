/* outcomes:FILE: answers that were computed elsewhere, found by case id. */
#include <stdlib.h>
#include <string.h>

#include "harness/doors/door.h"
#include "reference/plan.h"

typedef struct answers {
  const char *path;
  lp_suite suite;
  const lp_suite_entry **by_id; /* suite.entries, sorted by id */
} answers;

static int compare_ids(const void *a, const void *b) {
  const lp_suite_entry *const *x = a, *const *y = b;
  return strcmp((*x)->c.id, (*y)->c.id);
}

static lp_status index_answers(answers *a, lp_error *error) {
  const int n = a->suite.count;
  a->by_id = calloc((size_t)n + 1, sizeof(lp_suite_entry *));
  if (!a->by_id) return lp_fail(error, LP_NO_MEMORY, "out of memory for %d answers", n);
  for (int i = 0; i < n; i++) a->by_id[i] = &a->suite.entries[i];
  qsort(a->by_id, (size_t)n, sizeof(lp_suite_entry *), compare_ids);
  for (int i = 1; i < n; i++) {
    if (compare_ids(&a->by_id[i - 1], &a->by_id[i]) == 0) {
      return lp_fail(error, LP_INVALID, "outcomes:%s answers case \"%s\" twice", a->path, a->by_id[i]->c.id);
    }
  }
  return LP_OK;
}

static void close_answers(void *state) {
  answers *a = state;
  if (a->suite.arena) lp_suite_clear(&a->suite);
  free(a->by_id);
  free(a);
}

static lp_status read_answers(answers *a, lp_error *error) {
  LP_TRY(lp_suite_init(&a->suite, error));
  LP_TRY(lp_suite_read(&a->suite, a->path, error));
  return index_answers(a, error);
}

static unsigned all_dtypes(void) { return 1u << LP_FLOAT64 | 1u << LP_FLOAT32 | 1u << LP_FLOAT16 | 1u << LP_BFLOAT16; }

static lp_status open_answers(void **state, lp_manifest *manifest, lp_arena *arena, const char *rest,
                              const lp_candidate_options *options, lp_error *error) {
  (void)options;
  answers *a = calloc(1, sizeof *a);
  if (!a) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  a->path = rest;
  lp_status status = read_answers(a, error);
  if (status == LP_OK) {
    const lp_suite_origin *by = &a->suite.origin;
    status =
        lp_manifest_init(manifest, arena, by->producer ? by->producer : "", by->producer_version, all_dtypes(), error);
  }
  if (status != LP_OK) close_answers(a);
  *state = a;
  return status;
}

static const lp_outcome no_answer = {.kind = LP_OUTCOME_UNSUPPORTED, .message = "no answer to this case"};

static lp_status find_answer(const answers *a, lp_outcome *outcome, const lp_case *c, lp_error *error) {
  const lp_suite_entry wanted = {.c.id = c->id};
  const lp_suite_entry *key = &wanted;
  const lp_suite_entry *const *found =
      bsearch(&key, a->by_id, (size_t)a->suite.count, sizeof(lp_suite_entry *), compare_ids);
  if (found && (*found)->c.loss != c->loss) {
    return lp_fail(error, LP_INVALID, "it is a question about %s, but outcomes:%s answers it as %s", c->loss->name,
                   a->path, (*found)->c.loss->name);
  }
  *outcome = found && (*found)->has_outcome ? (*found)->outcome : no_answer;
  return LP_OK;
}

bool lp_outcome_is_left_out(const lp_outcome *outcome) {
  return outcome->kind == no_answer.kind && strcmp(outcome->message, no_answer.message) == 0;
}

/* The file's own tensor stays as it is. */
static lp_status take_as(lp_tensor *t, lp_arena *arena, lp_dtype dtype, lp_error *error) {
  double *rounded = lp_arena_alloc(arena, (size_t)t->numel + 1, sizeof *rounded);
  if (!rounded) return lp_fail(error, LP_NO_MEMORY, "out of memory for an answer");
  for (int64_t i = 0; i < t->numel; i++) rounded[i] = lp_dtype_round(dtype, t->f64[i]);
  t->f64 = rounded;
  t->dtype = dtype;
  return LP_OK;
}

static lp_status refuse_dtype(lp_answer *given, lp_arena *arena, const lp_case *c, const lp_output *got, lp_dtype want,
                              lp_error *error) {
  char name[LP_NAME_MAX];
  const char *text = lp_arena_format(arena, "%s: expected %s, got %s", lp_output_name(name, c->loss, got->input),
                                     lp_dtype_name(want), lp_dtype_name(got->tensor.dtype));
  if (!text) return lp_fail(error, LP_NO_MEMORY, "out of memory for an answer");
  lp_answer_died(given, LP_CONDUCT_GARBAGE, text);
  return LP_OK;
}

/* An answer that states other dtypes than were asked for is none, whatever its numbers are: as at the door exec. */
static lp_status settle_dtypes(lp_answer *given, lp_arena *arena, const lp_case *c, lp_error *error) {
  lp_plan plan;
  lp_outcome *said = &given->outcome;
  if (said->kind != LP_OUTCOME_OK || lp_plan_init(&plan, c, NULL) != LP_OK) return LP_OK;
  for (int k = 0; k < said->n_outputs; k++) {
    lp_output *got = &said->outputs[k];
    const lp_output *want = lp_outcome_find(&plan.outcome, got->input);
    if (!want || want->tensor.dtype == got->tensor.dtype) continue;
    if (!(said->unstated & 1u << k)) return refuse_dtype(given, arena, c, got, want->tensor.dtype, error);
    LP_TRY(take_as(&got->tensor, arena, want->tensor.dtype, error));
  }
  return LP_OK;
}

static lp_status ask_answers(void *state, lp_answer *given, lp_arena *arena, const lp_case *const *cases, int n,
                             lp_error *error) {
  for (int i = 0; i < n; i++) {
    given[i] = (lp_answer){.conduct_text = ""};
    LP_TRY(find_answer(state, &given[i].outcome, cases[i], error));
    LP_TRY(settle_dtypes(&given[i], arena, cases[i], error));
  }
  return LP_OK;
}

const lp_door lp_door_outcomes = {"outcomes:", true, open_answers, ask_answers, close_answers};
