#include "harness/certify.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/registry.h"

const char *lp_alone_name(lp_alone alone) {
  static const char *const names[] = {"nobody", "candidate", "fixture", "reference", "everyone"};
  return names[alone];
}

/* --- one case ----------------------------------------------------------------------------------------------- */

typedef struct witnesses {
  lp_examination own;
  const lp_outcome *fixture; /* NULL when the suite has none */
  lp_outcome candidate;
} witnesses;

static const lp_verdict *find_verdict(const lp_verdict *verdicts, int n, int input) {
  for (int i = 0; i < n; i++) {
    if (verdicts[i].input == input) return &verdicts[i];
  }
  return NULL;
}

/* Do two witnesses differ at this output? No verdict: neither of them has such an output. */
static bool differ(const lp_verdict *verdicts, int n, int input) {
  const lp_verdict *v = find_verdict(verdicts, n, input);
  return v && v->kind == LP_VERDICT_FAIL;
}

static lp_alone who_stands_alone(bool candidate_fixture, bool candidate_reference, bool reference_fixture) {
  if (!candidate_fixture && !candidate_reference && !reference_fixture) return LP_ALONE_NOBODY;
  if (!reference_fixture) return LP_ALONE_CANDIDATE;
  if (!candidate_reference) return LP_ALONE_FIXTURE;
  if (!candidate_fixture) return LP_ALONE_REFERENCE;
  return LP_ALONE_EVERYONE;
}

static const char *verdict_output_name(char name[LP_NAME_MAX], const lp_loss *loss, int input) {
  return input == LP_OUTPUT_CASE ? "acceptance" : lp_output_name(name, loss, input);
}

/* Verdicts of `candidate` against `expected` with the scale of the case. */
static int judge_pair(lp_verdict *verdicts, const lp_case *c, const lp_outcome *candidate, const lp_outcome *expected,
                      const lp_examination *own) {
  return lp_judge(verdicts, c, candidate, expected, &own->scale, own->lenience);
}

/* An erratum must be a live one: the fixture is outside the budget around the reference, else it is stale. */
static void apply_erratum(lp_result *r, int i, const lp_verdict *against_reference, bool fixture_wrong) {
  lp_verdict *v = &r->verdicts[i];
  if (!fixture_wrong) {
    v->kind = LP_VERDICT_FAIL;
    snprintf(v->reason, sizeof v->reason, "the registered erratum no longer shows: PyTorch agrees with the reference");
    r->alone[i] = LP_ALONE_NOBODY;
    return;
  }
  if (v->kind == LP_VERDICT_FAIL) *v = *against_reference; /* the definition decides */
  if (v->kind == LP_VERDICT_PASS) v->kind = LP_VERDICT_WAIVED;
}

/* Where rounding decides, fixture and reference may stand on either side: who agrees with one of them passes. */
static void accept_either_side(lp_verdict *v, const lp_verdict *against_reference) {
  const bool undecided = v->kind == LP_VERDICT_INCONCLUSIVE && v->lenient;
  if (undecided && against_reference && against_reference->kind == LP_VERDICT_PASS) v->kind = LP_VERDICT_PASS;
}

static void judge_with_fixture(lp_result *r, const witnesses *w, const lp_errata *errata) {
  const lp_case *c = &r->entry->c;
  lp_verdict by_reference[LP_MAX_VERDICTS], fixture[LP_MAX_VERDICTS];
  r->n_verdicts = judge_pair(r->verdicts, c, &w->candidate, w->fixture, &w->own);
  const int n_reference = judge_pair(by_reference, c, &w->candidate, &w->own.reference, &w->own);
  const int n_fixture = judge_pair(fixture, c, w->fixture, &w->own.reference, &w->own);
  for (int i = 0; i < r->n_verdicts; i++) {
    const int input = r->verdicts[i].input;
    const bool fixture_wrong = differ(fixture, n_fixture, input);
    r->alone[i] = who_stands_alone(r->verdicts[i].kind == LP_VERDICT_FAIL, differ(by_reference, n_reference, input),
                                   fixture_wrong);
    char name[LP_NAME_MAX];
    r->errata[i] = lp_errata_find(errata, c->id, verdict_output_name(name, c->loss, input));
    const lp_verdict *against_reference = find_verdict(by_reference, n_reference, input);
    accept_either_side(&r->verdicts[i], against_reference);
    if (r->errata[i] && against_reference) apply_erratum(r, i, against_reference, fixture_wrong);
  }
}

static void judge_without_fixture(lp_result *r, const witnesses *w) {
  r->n_verdicts = judge_pair(r->verdicts, &r->entry->c, &w->candidate, &w->own.reference, &w->own);
  for (int i = 0; i < r->n_verdicts; i++) {
    if (r->verdicts[i].kind == LP_VERDICT_FAIL) r->alone[i] = LP_ALONE_CANDIDATE;
  }
}

static lp_status judge_entry(lp_result *r, lp_arena *scratch, lp_candidate *candidate, const lp_errata *errata,
                             lp_error *error) {
  witnesses w = {.fixture = r->entry->has_outcome ? &r->entry->outcome : NULL};
  LP_TRY(lp_examine(&w.own, scratch, &r->entry->c, error));
  LP_TRY(lp_candidate_answer(candidate, &w.candidate, scratch, &r->entry->c, error));
  r->regimes = w.own.regimes;
  r->reject = w.own.reject;
  if (w.fixture) {
    judge_with_fixture(r, &w, errata);
  } else {
    judge_without_fixture(r, &w);
  }
  return LP_OK;
}

/* --- all cases ---------------------------------------------------------------------------------------------- */

typedef struct work {
  lp_certification *run;
  lp_candidate *candidate;
  const lp_errata *errata;
  const lp_certify_options *options;
  pthread_mutex_t lock;
  int next, done;
} work;

static int take(work *w) {
  pthread_mutex_lock(&w->lock);
  const int i = w->next < w->run->n_results ? w->next++ : -1;
  pthread_mutex_unlock(&w->lock);
  return i;
}

static void finish(work *w, lp_result *r, lp_status status, const lp_error *error) {
  pthread_mutex_lock(&w->lock);
  r->status = status;
  if (status != LP_OK) {
    const char *copy = lp_arena_text(w->run->arena, error->message, strlen(error->message));
    r->message = copy ? copy : "out of memory";
  }
  w->done++;
  if (w->options->progress) w->options->progress(w->options->context, w->done, w->run->n_results);
  pthread_mutex_unlock(&w->lock);
}

static void *worker(void *argument) {
  work *w = argument;
  for (int i = take(w); i >= 0; i = take(w)) {
    lp_error error = {.message = "out of memory"};
    lp_arena *scratch = lp_arena_new(0);
    const lp_status status =
        scratch ? judge_entry(&w->run->results[i], scratch, w->candidate, w->errata, &error) : LP_NO_MEMORY;
    lp_arena_free(scratch);
    finish(w, &w->run->results[i], status, &error);
  }
  return NULL;
}

enum { MAX_JOBS = 256 };

static void run_workers(work *w, int jobs) {
  pthread_t threads[MAX_JOBS];
  int started = 0;
  while (started < jobs - 1 && started < MAX_JOBS && pthread_create(&threads[started], NULL, worker, w) == 0) {
    started++;
  }
  worker(w);
  for (int i = 0; i < started; i++) pthread_join(threads[i], NULL);
}

static bool selected(const lp_suite_entry *e, const lp_certify_options *o) {
  if (o->loss && strcmp(e->c.loss->name, o->loss) != 0) return false;
  if (o->id && strcmp(e->c.id, o->id) != 0) return false;
  const size_t length = o->suite ? strlen(o->suite) : 0;
  return !o->suite || (strncmp(e->c.id, o->suite, length) == 0 && e->c.id[length] == '/');
}

static lp_status select_cases(lp_certification *run, const lp_suite *suite, const lp_certify_options *options,
                              lp_error *error) {
  run->results = lp_arena_alloc(run->arena, (size_t)suite->count + 1, sizeof *run->results);
  run->losses = lp_arena_alloc(run->arena, (size_t)lp_registry_count() + 1, sizeof *run->losses);
  if (!run->results || !run->losses) return lp_fail(error, LP_NO_MEMORY, "out of memory for %d cases", suite->count);
  for (int i = 0; i < suite->count; i++) {
    if (!selected(&suite->entries[i], options)) continue;
    run->results[run->n_results++] = (lp_result){.entry = &suite->entries[i], .message = ""};
  }
  return LP_OK;
}

static int by_id(const void *a, const void *b) {
  const lp_result *const *x = a, *const *y = b;
  return strcmp((*x)->entry->c.id, (*y)->entry->c.id);
}

/* Two questions of one id would get one answer. */
static lp_status check_ids(const lp_certification *run, lp_error *error) {
  const lp_result **sorted = lp_arena_alloc(run->arena, (size_t)run->n_results + 1, sizeof *sorted);
  if (!sorted) return lp_fail(error, LP_NO_MEMORY, "out of memory for %d cases", run->n_results);
  for (int i = 0; i < run->n_results; i++) sorted[i] = &run->results[i];
  qsort(sorted, (size_t)run->n_results, sizeof *sorted, by_id);
  for (int i = 1; i < run->n_results; i++) {
    if (by_id(&sorted[i - 1], &sorted[i]) != 0) continue;
    return lp_fail(error, LP_INVALID, "two questions are called \"%s\", and answers are found by id",
                   sorted[i]->entry->c.id);
  }
  return LP_OK;
}

/* An entry that is no question, or an answer to another one: what was given is at fault, not the harness. */
static lp_status check_questions(const lp_certification *run, lp_error *error) {
  for (int i = 0; i < run->n_results; i++) {
    const lp_result *r = &run->results[i];
    if (r->status == LP_INVALID) return lp_fail(error, LP_INVALID, "case %s: %s", r->entry->c.id, r->message);
  }
  return LP_OK;
}

/* --- adding up ---------------------------------------------------------------------------------------------- */

static void tally(lp_tally *t, const lp_verdict *v, const lp_result *r) {
  t->judged++;
  if (!isfinite(v->ratio) || (t->worst && v->ratio <= t->worst_ratio)) return;
  t->worst_ratio = v->ratio;
  t->worst_ulp = v->error_ulp;
  t->worst = r;
}

/* A disagreement between the fixture and the reference that no erratum explains, a registered one that is gone, and
 * any failure of our own reference are the harness's fault, not the candidate's. */
static bool is_harness_fault(const lp_certification *run, const lp_result *r, int i) {
  const bool failed = r->verdicts[i].kind == LP_VERDICT_FAIL;
  if (r->errata[i]) return failed && (run->ours || r->alone[i] == LP_ALONE_NOBODY);
  return (failed && run->ours) || (r->alone[i] != LP_ALONE_NOBODY && r->alone[i] != LP_ALONE_CANDIDATE);
}

static void add_verdict(lp_certification *run, lp_loss_summary *s, const lp_result *r, int i) {
  const lp_verdict *v = &r->verdicts[i];
  s->counts[v->kind]++;
  run->counts[v->kind]++;
  run->lenient += v->lenient && v->kind == LP_VERDICT_PASS;
  if (v->kind == LP_VERDICT_FAIL && r->errata[i] && r->alone[i] == LP_ALONE_NOBODY) run->stale_errata++;
  run->harness_faults += is_harness_fault(run, r, i);
  if (v->input == LP_OUTPUT_CASE || v->kind == LP_VERDICT_UNSUPPORTED) return;
  tally(v->input == LP_OUTPUT_LOSS ? &s->value : &s->gradient, v, r);
}

static void add_result(lp_certification *run, lp_loss_summary *s, const lp_result *r) {
  s->cases++;
  s->rejected += r->reject != LP_REJECT_NONE;
  s->regimes |= r->regimes;
  if (r->reject != LP_REJECT_NONE) s->rejects |= 1u << r->reject;
  if (r->status != LP_OK) run->harness_faults++;
  for (int i = 0; i < r->n_verdicts; i++) add_verdict(run, s, r, i);
}

static void summarize(lp_certification *run) {
  for (int k = 0; k < lp_registry_count(); k++) {
    lp_loss_summary *s = &run->losses[run->n_losses];
    *s = (lp_loss_summary){.loss = lp_registry_at(k)};
    for (int i = 0; i < run->n_results; i++) {
      if (run->results[i].entry->c.loss == s->loss) add_result(run, s, &run->results[i]);
    }
    run->n_losses += s->cases > 0;
  }
}

static lp_status certify(lp_certification *run, work *w, const lp_suite *suite, lp_error *error) {
  LP_TRY(select_cases(run, suite, w->options, error));
  if (lp_candidate_goes_by_id(w->candidate)) LP_TRY(check_ids(run, error));
  run_workers(w, w->options->jobs);
  LP_TRY(check_questions(run, error));
  summarize(run);
  return LP_OK;
}

lp_status lp_certify(lp_certification *run, lp_candidate *candidate, const lp_suite *suite, const lp_errata *errata,
                     const lp_certify_options *options, lp_error *error) {
  *run = (lp_certification){.candidate = lp_candidate_name(candidate),
                            .files = options->files,
                            .n_files = options->n_files,
                            .ours = lp_candidate_is_ours(candidate)};
  run->arena = lp_arena_new(0);
  if (!run->arena) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  work w = {.run = run, .candidate = candidate, .errata = errata, .options = options};
  pthread_mutex_init(&w.lock, NULL);
  const lp_status status = certify(run, &w, suite, error);
  pthread_mutex_destroy(&w.lock);
  if (status != LP_OK) lp_certification_clear(run);
  return status;
}

void lp_certification_clear(lp_certification *run) {
  lp_arena_free(run->arena);
  *run = (lp_certification){0};
}

int lp_certification_exit_code(const lp_certification *run) {
  if (run->harness_faults > 0) return 3;
  if (run->n_results == 0) return 4;
  if (run->counts[LP_VERDICT_FAIL] > 0) return 1;
  if (run->counts[LP_VERDICT_PASS] + run->counts[LP_VERDICT_WAIVED] == 0) return 4;
  return run->counts[LP_VERDICT_INCONCLUSIVE] > 0 ? 5 : 0;
}
