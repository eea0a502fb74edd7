#include "reports/jsonl.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/json.h"
#include "reports/failure.h"
#include "reports/reproducer.h"

/* What is told of the first finding of every signature alone. */
typedef struct telling {
  FILE *out;
  const lp_certification *run;
  lp_arena *arena;
  const char **seen;
  int n_seen, room;
  lp_error *error;
} telling;

static lp_status out_of_memory(const telling *t) {
  return lp_fail(t->error, LP_NO_MEMORY, "out of memory for results");
}

/* *fresh: a signature that was not there before. */
static lp_status note(telling *t, bool *fresh, const char *signature) {
  *fresh = false;
  for (int i = 0; i < t->n_seen; i++) {
    if (strcmp(t->seen[i], signature) == 0) return LP_OK;
  }
  if (t->n_seen == t->room) {
    const int room = t->room ? 2 * t->room : 64;
    const char **larger = lp_arena_alloc(t->arena, (size_t)room, sizeof *larger);
    if (!larger) return out_of_memory(t);
    if (t->n_seen > 0) memcpy(larger, t->seen, (size_t)t->n_seen * sizeof *larger);
    t->seen = larger;
    t->room = room;
  }
  t->seen[t->n_seen] = lp_arena_text(t->arena, signature, strlen(signature));
  if (!t->seen[t->n_seen]) return out_of_memory(t);
  t->n_seen++;
  *fresh = true;
  return LP_OK;
}

static void key(FILE *out, const char *name) { fprintf(out, ",\"%s\":", name); }

static void text(FILE *out, const char *name, const char *value) {
  key(out, name);
  lp_json_write_text(out, value);
}

static void number(FILE *out, const char *name, double x) {
  key(out, name);
  if (isnan(x)) {
    fputs("\"NaN\"", out);
  } else if (isinf(x)) {
    fputs(x > 0 ? "\"Infinity\"" : "\"-Infinity\"", out);
  } else {
    fprintf(out, "\"%a\"", x);
  }
}

static void integer(FILE *out, const char *name, long long x) {
  key(out, name);
  fprintf(out, "%lld", x);
}

static void grade(FILE *out, lp_grade g) {
  const char letter[] = {lp_grade_letter(g), '\0'};
  text(out, "grade", letter);
}

static void regimes(FILE *out, const lp_result *r) {
  const char *comma = "";
  fputs(",\"regimes\":[", out);
  for (int i = 0; i < r->entry->c.loss->n_regimes; i++) {
    if (!((r->regimes >> i) & 1u)) continue;
    fputs(comma, out);
    lp_json_write_text(out, r->entry->c.loss->regimes[i].name);
    comma = ",";
  }
  if (r->reject != LP_REJECT_NONE) {
    fputs(comma, out);
    lp_json_write_text(out, lp_reject_name(r->reject));
  }
  fputc(']', out);
}

static void write_run(FILE *out, const lp_certification *run, const lp_suite *suite) {
  fputs("{\"record\":\"run\",\"format\":\"lossproof-results\",\"version\":1", out);
  text(out, "candidate", run->candidate);
  text(out, "profile", lp_profile_name(run->how.profile));
  text(out, "fixtures", suite->origin.producer ? suite->origin.producer : "");
  text(out, "fixtures_version", suite->origin.producer_version ? suite->origin.producer_version : "");
  text(out, "program", LOSSPROOF_VERSION);
  integer(out, "cases", run->n_selected);
  fputs("}\n", out);
}

typedef lp_status writer(FILE *out, const lp_certification *run, const lp_result *r, int i, lp_error *error);

static lp_status write_screen(FILE *out, const lp_certification *run, const lp_result *r, int i, lp_error *error) {
  return lp_report_failure(out, run, r, i, (lp_style){.color = false}, error);
}

static lp_status write_script(FILE *out, const lp_certification *run, const lp_result *r, int i, lp_error *error) {
  (void)i;
  return lp_write_script(out, &r->entry->c, &run->how, error);
}

static lp_status write_replay(FILE *out, const lp_certification *run, const lp_result *r, int i, lp_error *error) {
  (void)i;
  (void)error;
  lp_report_replay(out, run, r);
  return LP_OK;
}

/* A member whose text a writer of a stream makes. */
static lp_status written(telling *t, const char *name, writer *write, const lp_result *r, int i) {
  char *made = NULL;
  size_t size = 0;
  FILE *memory = open_memstream(&made, &size);
  if (!memory) return out_of_memory(t);
  lp_status status = write(memory, t->run, r, i, t->error);
  if (fclose(memory) != 0 && status == LP_OK) status = out_of_memory(t);
  if (status == LP_OK) text(t->out, name, made);
  free(made);
  return status;
}

static lp_status write_details(telling *t, const lp_result *r, int i) {
  text(t->out, "hunts", r->entry->c.hunts);
  LP_TRY(written(t, "screen", write_screen, r, i));
  LP_TRY(written(t, "script", write_script, r, i));
  return written(t, "replay", write_replay, r, i);
}

static lp_status write_verdict(telling *t, const lp_result *r, int i) {
  const lp_verdict *v = &r->verdicts[i];
  FILE *out = t->out;
  bool fresh = false;
  char name[LP_NAME_MAX], signature[160];
  fputs("{\"record\":\"result\"", out);
  text(out, "case", r->entry->c.id);
  text(out, "loss", r->entry->c.loss->name);
  text(out, "dtype", lp_dtype_name(r->entry->c.dtype));
  text(out, "output", lp_result_output(name, r, i));
  text(out, "verdict", lp_verdict_name(v->kind));
  if (v->index != LP_WHOLE_OUTPUT) {
    integer(out, "index", v->index);
    number(out, "got", v->got);
    number(out, "expected", v->at.truth);
    number(out, "error", v->at.error);
    number(out, "error_ulp", v->at.error_ulp);
    number(out, "budget", v->at.budget);
    number(out, "ratio", v->at.ratio);
    grade(out, v->grade);
  }
  regimes(out, r);
  text(out, "alone", lp_off_name(r->off[i]));
  text(out, "erratum", r->errata[i] ? r->errata[i]->name : "");
  if (r->about[i].id != r->entry->c.id) text(out, "question", r->about[i].id);
  if (r->about[i].encore) text(out, "encore", r->about[i].encore);
  if (v->kind != LP_VERDICT_PASS) text(out, "signature", lp_result_signature(signature, sizeof signature, r, i));
  text(out, "reason", v->reason);
  if (lp_result_is_finding(r, i)) LP_TRY(note(t, &fresh, lp_result_signature(signature, sizeof signature, r, i)));
  if (fresh) LP_TRY(write_details(t, r, i));
  fputs("}\n", out);
  return LP_OK;
}

static void write_unjudged(FILE *out, const lp_result *r) {
  fputs("{\"record\":\"unjudged\"", out);
  text(out, "case", r->entry->c.id);
  text(out, "reason", r->message);
  fputs("}\n", out);
}

static void write_conduct(FILE *out, const lp_certification *run) {
  const char *comma = "";
  fputs(",\"conduct\":{", out);
  for (int k = LP_CONDUCT_GOOD + 1; k < LP_CONDUCT_COUNT; k++) {
    if (run->conduct[k] == 0) continue;
    fprintf(out, "%s\"%s\":%ld", comma, lp_conduct_name((lp_conduct)k), run->conduct[k]);
    comma = ",";
  }
  fputc('}', out);
}

static void write_omissions(FILE *out, const lp_certification *run) {
  const char *separator = "{";
  fputs(",\"not_run\":[", out);
  for (int i = 0; i < run->n_omissions; i++) {
    const lp_omission *o = &run->omissions[i];
    fprintf(out, "%s\"cases\":%d,\"outputs\":%d", separator, o->cases, o->outputs);
    text(out, "reason", o->why);
    fputc('}', out);
    separator = ",{";
  }
  fputc(']', out);
}

static void write_summary(FILE *out, const lp_certification *run) {
  fputs("{\"record\":\"summary\"", out);
  integer(out, "losses", run->n_losses);
  integer(out, "cases", run->n_selected);
  integer(out, "judged", run->n_results);
  integer(out, "ran", run->n_ran);
  for (int k = 0; k <= LP_VERDICT_WAIVED; k++) integer(out, lp_verdict_name((lp_verdict_kind)k), run->counts[k]);
  integer(out, "laws_hold", run->laws.hold);
  integer(out, "laws_broken", run->laws.broken);
  integer(out, "laws_unanswered", run->laws.unanswered);
  write_conduct(out, run);
  write_omissions(out, run);
  integer(out, "harness_faults", run->harness_faults);
  integer(out, "exit_code", lp_certification_exit_code(run));
  fputs("}\n", out);
}

static lp_status write_all(FILE *out, const lp_certification *run, const lp_suite *suite, lp_error *error) {
  telling t = {.out = out, .run = run, .arena = lp_arena_new(0), .error = error};
  lp_status status = t.arena ? LP_OK : out_of_memory(&t);
  write_run(out, run, suite);
  for (int i = 0; i < run->n_results && status == LP_OK; i++) {
    const lp_result *r = &run->results[i];
    if (r->status != LP_OK) write_unjudged(out, r);
    for (int k = 0; k < r->n_verdicts && status == LP_OK; k++) status = write_verdict(&t, r, k);
  }
  write_summary(out, run);
  lp_arena_free(t.arena);
  return status;
}

lp_status lp_report_jsonl(const char *path, const lp_certification *run, const lp_suite *suite, lp_error *error) {
  const bool standard = strcmp(path, "-") == 0;
  FILE *out = standard ? stdout : fopen(path, "wb");
  if (!out) return lp_fail(error, LP_IO, "%s: %s", path, strerror(errno));
  const lp_status status = write_all(out, run, suite, error);
  const bool failed = ferror(out) || (standard ? fflush(out) : fclose(out)) != 0;
  return failed ? lp_fail(error, LP_IO, "%s: could not be written completely", path) : status;
}
