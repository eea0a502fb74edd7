#include "harness/certify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/certify_internal.h"
#include "harness/pool.h"

/* Cases are put to the candidate in groups of this size, so that the doors need not wait for each answer in turn. */
enum { GROUP = 16 };

/* --- what a result says -------------------------------------------------------------------------------------- */

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

char *lp_result_output(char name[LP_NAME_MAX], const lp_result *r, int i) {
  const int input = r->verdicts[i].input;
  if (input == LP_OUTPUT_LAW) {
    snprintf(name, LP_NAME_MAX, "law/%s", r->about[i].law->name);
  } else if (input < LP_OUTPUT_LOSS) {
    snprintf(name, LP_NAME_MAX, "%s", input == LP_OUTPUT_CASE ? "acceptance" : "conduct");
  } else {
    lp_output_name(name, r->entry->c.loss, input);
  }
  return name;
}

char *lp_result_signature(char *text, size_t capacity, const lp_result *r, int i) {
  const lp_verdict *v = &r->verdicts[i];
  char name[LP_NAME_MAX];
  if (v->input >= LP_OUTPUT_CASE) return lp_signature(text, capacity, r->entry->c.loss, v);
  lp_result_output(name, r, i);
  snprintf(text, capacity, v->input == LP_OUTPUT_LAW ? "%s/%s" : "%s/%s/%s", r->entry->c.loss->name, name,
           lp_cause_name(v->cause));
  return text;
}

bool lp_result_is_hygiene(const lp_result *r, int i) {
  return r->verdicts[i].input == LP_OUTPUT_CONDUCT || r->about[i].encore != NULL;
}

/* A fixture that is off without a registered erratum, a registered one that is gone, and a reference that is off are
 * the harness's fault, not the candidate's. */
bool lp_result_is_harness_fault(const lp_result *r, int i) {
  if (r->off[i] & LP_OFF_REFERENCE || r->verdicts[i].cause == LP_CAUSE_STALE) return true;
  return r->off[i] & LP_OFF_FIXTURE && !r->errata[i];
}

bool lp_result_is_finding(const lp_result *r, int i) {
  const lp_verdict_kind kind = r->verdicts[i].kind;
  return kind == LP_VERDICT_FAIL || kind == LP_VERDICT_INCONCLUSIVE || lp_result_is_harness_fault(r, i);
}

/* --- keeping what was found ---------------------------------------------------------------------------------- */

static bool keep_text(const char **text, lp_arena *arena) {
  if (*text) *text = lp_arena_text(arena, *text, strlen(*text));
  return *text != NULL;
}

/* Texts of scratch memory move to the run's. */
static bool keep_texts(lp_result *r, lp_about *about, int n, lp_arena *arena) {
  bool kept = true;
  for (int i = 0; i < n; i++) {
    if (about[i].id == r->entry->c.id && !about[i].encore) continue;
    kept = kept && keep_text(&about[i].id, arena) && (!about[i].encore || keep_text(&about[i].encore, arena));
  }
  return kept && (!r->not_run || keep_text(&r->not_run, arena));
}

static void *copy(lp_arena *arena, const void *from, int n, size_t size) {
  void *to = lp_arena_alloc(arena, (size_t)n + 1, size);
  if (to && n > 0) memcpy(to, from, (size_t)n * size);
  return to;
}

static lp_status keep_findings(lp_result *r, lp_findings *f, lp_arena *arena, lp_error *error) {
  if (!keep_texts(r, f->about, f->n, arena)) return lp_fail(error, LP_NO_MEMORY, "out of memory for a result");
  r->verdicts = copy(arena, f->verdicts, f->n, sizeof *f->verdicts);
  r->off = copy(arena, f->off, f->n, sizeof *f->off);
  r->errata = copy(arena, f->errata, f->n, sizeof *f->errata);
  r->about = copy(arena, f->about, f->n, sizeof *f->about);
  if (!r->verdicts || !r->off || !r->errata || !r->about) {
    return lp_fail(error, LP_NO_MEMORY, "out of memory for a result");
  }
  r->n_verdicts = f->n;
  return LP_OK;
}

static bool has_finding(const lp_result *r) {
  bool found = r->status != LP_OK;
  for (int i = 0; i < r->n_verdicts; i++) found |= lp_result_is_finding(r, i);
  return found;
}

static void finish(lp_certify_work *w, lp_unit *u, lp_status status, lp_error *error) {
  lp_result *r = u->result;
  pthread_mutex_lock(&w->lock);
  if (status == LP_OK) status = keep_findings(r, &u->findings, w->run->arena, error);
  r->status = status;
  if (status != LP_OK) {
    r->not_run = NULL;
    r->message = error->message;
    if (!keep_text(&r->message, w->run->arena)) r->message = "out of memory";
  }
  r->is_done = true;
  w->done++;
  if (w->options->fail_fast && has_finding(r)) w->failed_fast = true;
  if (w->options->progress) w->options->progress(w->options->context, w->done, w->run->n_selected);
  pthread_mutex_unlock(&w->lock);
}

/* --- asking -------------------------------------------------------------------------------------------------- */

static lp_status prepare(lp_unit *u, const lp_certify_work *w, lp_error *error) {
  const lp_case *c = &u->result->entry->c;
  char why[120];
  u->covered = w->lenient || lp_manifest_covers(w->manifest, c, why, sizeof why);
  if (u->covered) return lp_certify_derive(u, w, error);
  const char *reason = lp_arena_format(u->arena, "not declared: %s", why);
  if (!reason) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  u->result->not_run = reason;
  const lp_verdict v = lp_finding(LP_VERDICT_UNSUPPORTED, LP_CAUSE_UNSUPPORTED, LP_OUTPUT_CASE, reason);
  lp_findings_add(&u->findings, &v, LP_OFF_NOBODY, NULL, (lp_about){.id = c->id});
  return LP_OK;
}

/* All of a unit's answers from the store, or none: its questions belong to one worker, in order. */
static lp_status recall(bool *recalled, lp_unit *u, const lp_certify_work *w, lp_error *error) {
  *recalled = false;
  for (int i = 0; i < u->n_questions && w->options->store; i++) {
    const lp_answer *answer;
    LP_TRY(lp_answer_store_find(&answer, w->options->store, u->questions[i], error));
    if (!answer) return LP_OK;
    u->answers[i] = *answer;
  }
  *recalled = w->options->store != NULL;
  return LP_OK;
}

/* Those of a unit that was cut off in the middle are in the store already. */
static lp_status keep_answers(const lp_unit *u, const lp_certify_work *w, lp_error *error) {
  for (int i = 0; i < u->n_questions && w->options->store; i++) {
    const lp_answer *known;
    LP_TRY(lp_answer_store_find(&known, w->options->store, u->questions[i], error));
    if (!known) LP_TRY(lp_answer_store_add(w->options->store, u->questions[i], &u->answers[i], error));
  }
  return LP_OK;
}

/* The questions of several units, asked as one list. */
typedef struct group {
  lp_unit units[GROUP];
  lp_status status[GROUP];
  lp_error errors[GROUP];
  bool to_ask[GROUP];
  int n;
} group;

static int count_questions(const group *g) {
  int n = 0;
  for (int i = 0; i < g->n; i++) n += g->to_ask[i] ? g->units[i].n_questions : 0;
  return n;
}

static lp_status ask_together(group *g, lp_arena *arena, const lp_certify_work *w, lp_error *error) {
  const int n = count_questions(g);
  if (n == 0) return LP_OK;
  const lp_case **questions = lp_arena_alloc(arena, (size_t)n, sizeof *questions);
  lp_answer *answers = lp_arena_alloc(arena, (size_t)n, sizeof *answers);
  if (!questions || !answers) return lp_fail(error, LP_NO_MEMORY, "out of memory for %d questions", n);
  for (int i = 0, at = 0; i < g->n; i++) {
    if (!g->to_ask[i]) continue;
    memcpy(questions + at, g->units[i].questions, (size_t)g->units[i].n_questions * sizeof *questions);
    at += g->units[i].n_questions;
  }
  LP_TRY(lp_candidate_ask(w->candidate, answers, arena, questions, n, error));
  for (int i = 0, at = 0; i < g->n; i++) {
    if (!g->to_ask[i]) continue;
    memcpy(g->units[i].answers, answers + at, (size_t)g->units[i].n_questions * sizeof *answers);
    at += g->units[i].n_questions;
  }
  return LP_OK;
}

/* When the group as a whole is refused, each is asked for itself, so that the one at fault is named. */
static void ask(group *g, lp_arena *arena, const lp_certify_work *w) {
  lp_error error;
  if (ask_together(g, arena, w, &error) == LP_OK) return;
  for (int i = 0; i < g->n; i++) {
    lp_unit *u = &g->units[i];
    if (!g->to_ask[i]) continue;
    g->errors[i] = error;
    g->status[i] = lp_candidate_ask(w->candidate, u->answers, u->arena, u->questions, u->n_questions, &g->errors[i]);
  }
}

/* --- judging ------------------------------------------------------------------------------------------------- */

static bool is_stopped(lp_certify_work *w) {
  if (w->options->stop && *w->options->stop) return true;
  pthread_mutex_lock(&w->lock);
  const bool stopped = w->failed_fast || w->status != LP_OK;
  pthread_mutex_unlock(&w->lock);
  return stopped;
}

static void give_up(lp_certify_work *w, lp_status status, const lp_error *error) {
  pthread_mutex_lock(&w->lock);
  if (w->status == LP_OK) {
    w->status = status;
    w->error = *error;
  }
  pthread_mutex_unlock(&w->lock);
}

static void judge_unit(lp_certify_work *w, group *g, int i) {
  lp_unit *u = &g->units[i];
  if (g->status[i] == LP_OK && g->to_ask[i]) {
    lp_error error;
    const lp_status kept = keep_answers(u, w, &error);
    if (kept != LP_OK) give_up(w, LP_INVALID, &error);
  }
  if (g->status[i] == LP_IO) give_up(w, LP_IO, &g->errors[i]);
  const lp_certify_options *o = w->options;
  if (g->status[i] == LP_OK && u->covered && o->answered) {
    o->answered(o->answered_context, u->questions[0], &u->answers[0]);
  }
  if (g->status[i] == LP_OK && u->covered) g->status[i] = lp_certify_judge_unit(u, w, &g->errors[i]);
}

static void prepare_unit(lp_certify_work *w, group *g, int i) {
  bool recalled = false;
  lp_unit *u = &g->units[i];
  g->status[i] = prepare(u, w, &g->errors[i]);
  if (g->status[i] == LP_OK && u->covered) g->status[i] = recall(&recalled, u, w, &g->errors[i]);
  g->to_ask[i] = g->status[i] == LP_OK && u->covered && !recalled;
}

/* The findings are many pages, of which few are ever touched. */
static void begin_unit(lp_unit *u, lp_result *result, lp_arena *arena) {
  u->result = result;
  u->arena = arena;
  u->covered = false;
  u->n_derivations = 0;
  u->n_questions = 0;
  u->findings.n = 0;
}

static void judge_group(lp_certify_work *w, lp_arena *arena, int first, group *g) {
  for (int i = 0; i < g->n; i++) {
    g->errors[i] = (lp_error){.message = "out of memory"};
    begin_unit(&g->units[i], &w->run->results[first + i], arena);
    prepare_unit(w, g, i);
  }
  ask(g, arena, w);
  for (int i = 0; i < g->n; i++) judge_unit(w, g, i);
  for (int i = 0; i < g->n; i++) finish(w, &g->units[i], g->status[i], &g->errors[i]);
}

/* Memory that a thread works in, used again for its next group. */
typedef struct room {
  lp_arena *arena;
  group group;
} room;

static room *take_room(lp_certify_work *w) {
  pthread_mutex_lock(&w->lock);
  room *taken = w->n_rooms > 0 ? w->rooms[--w->n_rooms] : NULL;
  pthread_mutex_unlock(&w->lock);
  if (taken) return taken;
  room *made = calloc(1, sizeof *made);
  if (made) made->arena = lp_arena_new(0);
  if (made && made->arena) return made;
  free(made);
  return NULL;
}

static void free_room(room *r) {
  lp_arena_free(r->arena);
  free(r);
}

static void give_back(lp_certify_work *w, room *r) {
  lp_arena_reset(r->arena);
  pthread_mutex_lock(&w->lock);
  const bool kept = w->n_rooms < LP_JOBS_MAX + 1;
  if (kept) w->rooms[w->n_rooms++] = r;
  pthread_mutex_unlock(&w->lock);
  if (!kept) free_room(r);
}

static void work_on(void *context, int item) {
  lp_certify_work *w = context;
  const lp_error error = {.message = "out of memory"};
  const int first = item * GROUP, left = w->run->n_selected - first;
  if (is_stopped(w)) return;
  room *r = take_room(w);
  if (!r) {
    give_up(w, LP_NO_MEMORY, &error);
    return;
  }
  r->group.n = left < GROUP ? left : GROUP;
  judge_group(w, r->arena, first, &r->group);
  give_back(w, r);
}

/* --- all cases ----------------------------------------------------------------------------------------------- */

/* An entry that is no question, or an answer to another one: what was given is at fault, not the harness. */
static lp_status check_questions(const lp_certification *run, lp_error *error) {
  for (int i = 0; i < run->n_results; i++) {
    const lp_result *r = &run->results[i];
    if (r->status == LP_INVALID) return lp_fail(error, LP_INVALID, "case %s: %s", r->entry->c.id, r->message);
  }
  return LP_OK;
}

/* Only what was judged stays; after --fail-fast up to the first finding, whatever other threads went on to judge. */
static void keep_judged(lp_certify_work *w) {
  lp_certification *run = w->run;
  for (int i = 0; i < run->n_selected; i++) {
    if (!run->results[i].is_done) continue;
    run->results[run->n_results++] = run->results[i];
    if (w->options->fail_fast && has_finding(&run->results[run->n_results - 1])) return;
  }
}

static lp_status certify(lp_certify_work *w, const lp_suite *suite, lp_error *error) {
  LP_TRY(lp_certify_select(w, suite, error));
  lp_pool_run(w->options->jobs, (w->run->n_selected + GROUP - 1) / GROUP, work_on, w);
  if (w->status != LP_OK) {
    *error = w->error;
    return w->status;
  }
  keep_judged(w);
  w->run->interrupted = w->options->stop && *w->options->stop && w->run->n_results < w->run->n_selected;
  LP_TRY(check_questions(w->run, error));
  LP_TRY(lp_certify_check_required(w, suite, error));
  return lp_certify_summarize(w->run, error);
}

lp_status lp_certify(lp_certification *run, lp_candidate *candidate, const lp_suite *suite, const lp_errata *errata,
                     const lp_certify_options *options, lp_error *error) {
  *run = (lp_certification){.candidate = lp_candidate_name(candidate),
                            .files = options->files,
                            .n_files = options->n_files,
                            .dtypes = options->dtypes,
                            .how = options->how,
                            .ours = lp_candidate_is_ours(candidate)};
  run->arena = lp_arena_new(0);
  if (!run->arena) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  lp_certify_work w = {.run = run, .candidate = candidate, .errata = errata, .options = options};
  w.by_id = lp_candidate_goes_by_id(candidate);
  w.lenient = w.by_id && !options->manifest;
  w.manifest = options->manifest ? options->manifest : lp_candidate_manifest(candidate);
  pthread_mutex_init(&w.lock, NULL);
  const lp_status status = certify(&w, suite, error);
  pthread_mutex_destroy(&w.lock);
  while (w.n_rooms > 0) free_room(w.rooms[--w.n_rooms]);
  if (status != LP_OK) lp_certification_clear(run);
  return status;
}

void lp_certification_clear(lp_certification *run) {
  lp_arena_free(run->arena);
  *run = (lp_certification){0};
}

int lp_certification_exit_code(const lp_certification *run) {
  if (run->interrupted) return 130;
  if (run->harness_faults > 0) return 3;
  if (run->n_results == 0 || run->n_unmet > 0) return 4;
  if (run->counts[LP_VERDICT_FAIL] > 0) return 1;
  if (run->counts[LP_VERDICT_PASS] + run->counts[LP_VERDICT_WAIVED] == 0) return 4;
  return run->counts[LP_VERDICT_INCONCLUSIVE] > 0 ? 5 : 0;
}
