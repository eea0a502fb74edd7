#include "reports/jsonl.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "golden/json.h"

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
  integer(out, "cases", run->n_selected);
  fputs("}\n", out);
}

static void write_verdict(FILE *out, const lp_result *r, int i) {
  const lp_verdict *v = &r->verdicts[i];
  char name[LP_NAME_MAX], signature[160];
  fputs("{\"record\":\"result\"", out);
  text(out, "case", r->entry->c.id);
  text(out, "loss", r->entry->c.loss->name);
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
  fputs("}\n", out);
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

lp_status lp_report_jsonl(const char *path, const lp_certification *run, const lp_suite *suite, lp_error *error) {
  const bool standard = strcmp(path, "-") == 0;
  FILE *out = standard ? stdout : fopen(path, "wb");
  if (!out) return lp_fail(error, LP_IO, "%s: %s", path, strerror(errno));
  write_run(out, run, suite);
  for (int i = 0; i < run->n_results; i++) {
    const lp_result *r = &run->results[i];
    if (r->status != LP_OK) write_unjudged(out, r);
    for (int k = 0; k < r->n_verdicts; k++) write_verdict(out, r, k);
  }
  write_summary(out, run);
  const bool failed = ferror(out) || (standard ? fflush(out) : fclose(out)) != 0;
  return failed ? lp_fail(error, LP_IO, "%s: could not be written completely", path) : LP_OK;
}
