#include "harness/certify.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/pool.h"
#include "reference/exact/limits.h"
#include "reference/registry.h"

const char *lp_off_name(unsigned off) {
  static const char *const names[] = {"nobody",
                                      "candidate",
                                      "fixture",
                                      "candidate and fixture",
                                      "reference",
                                      "candidate and reference",
                                      "fixture and reference",
                                      "candidate, fixture and reference"};
  return names[off & 7u];
}

/* --- one case ----------------------------------------------------------------------------------------------- */

typedef struct witnesses {
  lp_examination own;
  const lp_outcome *fixture; /* NULL when the suite has none */
  lp_outcome candidate;
  bool has_limits; /* profile math, infinite inputs: what the candidate is judged by; the others follow PyTorch */
  lp_exact limits;
} witnesses;

/* What each witness is worth at every output. */
typedef struct opinions {
  lp_verdict fixture[LP_MAX_VERDICTS], reference[LP_MAX_VERDICTS];
  int n_fixture, n_reference;
} opinions;

static const lp_verdict *find_verdict(const lp_verdict *verdicts, int n, int input) {
  for (int i = 0; i < n; i++) {
    if (verdicts[i].input == input) return &verdicts[i];
  }
  return NULL;
}

/* No verdict: the witness has no such output. */
static bool is_off(const lp_verdict *verdicts, int n, int input) {
  const lp_verdict *v = find_verdict(verdicts, n, input);
  return v && v->kind == LP_VERDICT_FAIL;
}

static const char *verdict_output_name(char name[LP_NAME_MAX], const lp_loss *loss, int input) {
  return input == LP_OUTPUT_CASE ? "acceptance" : lp_output_name(name, loss, input);
}

/* Is every element either right or, within its budget, what the fixture says? */
static bool follows_fixture(const lp_output *got, const lp_output *fixture, const lp_exact_output *truth,
                            const lp_judging *how) {
  if (!got || !fixture || !truth || !lp_tensor_same_shape(&got->tensor, &fixture->tensor) ||
      !lp_tensor_same_shape(&got->tensor, &truth->layout)) {
    return false;
  }
  for (int64_t i = 0; i < truth->layout.numel; i++) {
    lp_comparison r;
    const double x = got->tensor.f64[i], y = fixture->tensor.f64[i];
    lp_compare(&r, x, &truth->numbers[i], truth->layout.dtype, how->flushes_subnormals);
    const bool alike = lp_classify(x) == lp_classify(y) && (lp_classify(x) != LP_FINITE || fabs(x - y) <= r.budget);
    if (r.fit != LP_FITS && !alike) return false;
  }
  return true;
}

/* An erratum must be a live one: the fixture is outside the budget of the definition, else it is stale. A candidate
 * that is wrong where PyTorch is, and as PyTorch is, is excused under profile pytorch. */
static void apply_erratum(lp_result *r, int i, const witnesses *w, const lp_judging *how) {
  lp_verdict *v = &r->verdicts[i];
  if (!(r->off[i] & LP_OFF_FIXTURE)) {
    v->kind = LP_VERDICT_FAIL;
    v->cause = LP_CAUSE_STALE;
    snprintf(v->reason, sizeof v->reason, "the registered erratum no longer shows: PyTorch agrees with the definition");
    return;
  }
  if (v->kind != LP_VERDICT_FAIL || how->profile != LP_PROFILE_PYTORCH || !w->own.has_exact) return;
  if (follows_fixture(lp_outcome_find(&w->candidate, v->input), lp_outcome_find(w->fixture, v->input),
                      lp_exact_find(&w->own.exact, v->input), how)) {
    v->kind = LP_VERDICT_WAIVED;
  }
}

static void find_who_is_off(lp_result *r, const opinions *o, bool ours) {
  for (int i = 0; i < r->n_verdicts; i++) {
    const int input = r->verdicts[i].input;
    if (r->verdicts[i].kind == LP_VERDICT_FAIL && !ours) r->off[i] |= LP_OFF_CANDIDATE;
    if (is_off(o->fixture, o->n_fixture, input)) r->off[i] |= LP_OFF_FIXTURE;
    if (is_off(o->reference, o->n_reference, input)) r->off[i] |= LP_OFF_REFERENCE;
  }
}

static void judge_witnesses(lp_result *r, const witnesses *w, const lp_errata *errata, const lp_certification *run) {
  const lp_case *c = &r->entry->c;
  const lp_exact *exact = lp_examination_exact(&w->own);
  const lp_judging theirs = {.profile = LP_PROFILE_PYTORCH};
  opinions o = {.n_fixture = 0};
  r->n_verdicts = lp_judge(r->verdicts, c, &w->candidate, w->has_limits ? &w->limits : exact, &run->how);
  o.n_reference = lp_judge(o.reference, c, &w->own.reference, exact, &theirs);
  if (w->fixture) o.n_fixture = lp_judge(o.fixture, c, w->fixture, exact, &theirs);
  find_who_is_off(r, &o, run->ours);
  for (int i = 0; w->fixture && i < r->n_verdicts; i++) {
    char name[LP_NAME_MAX];
    r->errata[i] = lp_errata_find(errata, c->id, verdict_output_name(name, c->loss, r->verdicts[i].input));
    if (r->errata[i]) apply_erratum(r, i, w, &run->how);
  }
}

/* The exact oracle's, where it decides them; the rest are the reference's. */
static uint64_t regimes_of(const lp_examination *own) {
  if (!own->has_exact) return own->regimes;
  return (own->regimes & ~own->exact.regimes_known) | own->exact.regimes;
}

static lp_status find_limits(witnesses *w, const lp_result *r, lp_error *error) {
  lp_plan plan;
  if (!lp_exact_has_special(&r->entry->c)) return LP_OK;
  LP_TRY(lp_plan_init(&plan, &r->entry->c, error));
  LP_TRY(lp_exact_evaluate(&w->limits, &plan, NULL, error));
  w->has_limits = true;
  return lp_exact_take_limits(&w->limits, &plan, error);
}

static lp_status judge_entry(lp_result *r, lp_arena *scratch, lp_candidate *candidate, const lp_errata *errata,
                             const lp_certification *run, lp_error *error) {
  witnesses w = {.fixture = r->entry->has_outcome ? &r->entry->outcome : NULL};
  LP_TRY(lp_examine_exactly(&w.own, scratch, &r->entry->c, NULL, error));
  lp_status status = lp_candidate_answer(candidate, &w.candidate, scratch, &r->entry->c, error);
  if (status == LP_OK && run->how.profile == LP_PROFILE_MATH && w.own.has_exact) status = find_limits(&w, r, error);
  if (status == LP_OK) {
    r->regimes = regimes_of(&w.own);
    r->reject = w.own.reject;
    judge_witnesses(r, &w, errata, run);
  }
  if (w.has_limits) lp_exact_clear(&w.limits);
  lp_examination_clear(&w.own);
  return status;
}

/* --- all cases ---------------------------------------------------------------------------------------------- */

typedef struct work {
  lp_certification *run;
  lp_candidate *candidate;
  const lp_errata *errata;
  const lp_certify_options *options;
  pthread_mutex_t lock;
  int done;
} work;

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

static void judge_one(void *context, int i) {
  work *w = context;
  lp_error error = {.message = "out of memory"};
  lp_arena *scratch = lp_arena_new(0);
  const lp_status status =
      scratch ? judge_entry(&w->run->results[i], scratch, w->candidate, w->errata, w->run, &error) : LP_NO_MEMORY;
  lp_arena_free(scratch);
  finish(w, &w->run->results[i], status, &error);
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
  if (!isfinite(v->at.ratio) || (t->worst && v->at.ratio <= t->worst_ratio)) return;
  t->worst_ratio = v->at.ratio;
  t->worst_ulp = v->at.error_ulp;
  t->worst = r;
}

/* A fixture that is off without a registered erratum, a registered one that is gone, and a reference that is off are
 * the harness's fault, not the candidate's. */
bool lp_result_is_harness_fault(const lp_result *r, int i) {
  if (r->off[i] & LP_OFF_REFERENCE || r->verdicts[i].cause == LP_CAUSE_STALE) return true;
  return r->off[i] & LP_OFF_FIXTURE && !r->errata[i];
}

static void add_grade(lp_loss_summary *s, const lp_verdict *v, lp_dtype dtype) {
  if (lp_dtype_is_floating(dtype) && v->grade > s->grades[dtype]) s->grades[dtype] = v->grade;
}

static void add_verdict(lp_certification *run, lp_loss_summary *s, const lp_result *r, int i) {
  const lp_verdict *v = &r->verdicts[i];
  s->counts[v->kind]++;
  run->counts[v->kind]++;
  run->other_sides += v->other_side && v->kind == LP_VERDICT_PASS;
  run->stale_errata += v->cause == LP_CAUSE_STALE;
  run->errata += r->errata[i] != NULL;
  s->errata += r->errata[i] != NULL;
  run->harness_faults += lp_result_is_harness_fault(r, i);
  if (v->input == LP_OUTPUT_CASE || v->kind == LP_VERDICT_UNSUPPORTED) return;
  add_grade(s, v, r->entry->c.dtype);
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
  lp_pool_run(w->options->jobs, run->n_results, judge_one, w);
  LP_TRY(check_questions(run, error));
  summarize(run);
  return LP_OK;
}

lp_status lp_certify(lp_certification *run, lp_candidate *candidate, const lp_suite *suite, const lp_errata *errata,
                     const lp_certify_options *options, lp_error *error) {
  *run = (lp_certification){.candidate = lp_candidate_name(candidate),
                            .files = options->files,
                            .n_files = options->n_files,
                            .how = options->how,
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
