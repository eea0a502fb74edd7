#include "reports/verdicts.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/json.h"

static void member(FILE *out, const char *separator, const char *key, const char *text) {
  fprintf(out, "%s\"%s\":", separator, key);
  lp_json_write_text(out, text);
}

static void number(FILE *out, const char *key, double x, bool known) {
  fprintf(out, ",\"%s\":", key);
  if (!known) {
    fputs("null", out);
  } else if (isfinite(x)) {
    fprintf(out, "\"%a\"", x);
  } else {
    fputs(isnan(x) ? "\"NaN\"" : "\"Infinity\"", out);
  }
}

static void write_regimes(FILE *out, const lp_result *r) {
  const char *comma = "";
  fputs(",\"regime\":[", out);
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

/* Rules that are named as a regime of the case is, and the law. */
static void write_rules(FILE *out, const lp_result *r, int i) {
  const lp_loss *loss = r->entry->c.loss;
  const char *comma = "";
  fputs(",\"rule\":[", out);
  if (r->about[i].law) fprintf(out, "\"law.%s\"", r->about[i].law->name);
  for (int k = 0; k < loss->n_rules && !r->about[i].law; k++) {
    if (!(lp_regime_bit(loss, loss->rules[k].name) & r->regimes)) continue;
    fprintf(out, "%s\"%s.%s\"", comma, loss->name, loss->rules[k].name);
    comma = ",";
  }
  fputc(']', out);
}

/* Numbers of an answer alone: the ratio of a law that is broken goes by the manifest, too. */
static void write_verdict(FILE *out, const lp_result *r, int i) {
  const lp_verdict *v = &r->verdicts[i];
  const bool known = v->index != LP_WHOLE_OUTPUT && v->input != LP_OUTPUT_LAW;
  char name[LP_NAME_MAX];
  member(out, "{", "case", r->entry->c.id);
  member(out, ",", "output", lp_result_output(name, r, i));
  member(out, ",", "verdict", lp_verdict_name(v->kind));
  number(out, "error", v->at.error, known);
  number(out, "ratio", v->at.ratio, known);
  write_regimes(out, r);
  write_rules(out, r, i);
  fputs("}\n", out);
}

static void write_hygiene(FILE *out, const lp_result *r, int i) {
  char name[LP_NAME_MAX];
  member(out, "{", "case", r->entry->c.id);
  member(out, ",", "output", lp_result_output(name, r, i));
  member(out, ",", "verdict", lp_verdict_name(r->verdicts[i].kind));
  member(out, ",", "conduct", r->about[i].encore ? r->about[i].encore : lp_conduct_name(r->about[i].conduct));
  member(out, ",", "question", r->about[i].id);
  member(out, ",", "reason", r->verdicts[i].reason);
  fputs("}\n", out);
}

/* --- sorted -------------------------------------------------------------------------------------------------- */

typedef struct lines {
  char *text;
  size_t size;
  char **list;
  int n;
} lines;

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

typedef void (*writer)(FILE *out, const lp_result *r, int i);

static int write_all(FILE *out, const lp_certification *run, bool hygiene, writer write) {
  int n = 0;
  for (int i = 0; i < run->n_results; i++) {
    const lp_result *r = &run->results[i];
    for (int k = 0; k < r->n_verdicts; k++) {
      if (lp_result_is_hygiene(r, k) != hygiene) continue;
      write(out, r, k);
      n++;
    }
  }
  return n;
}

/* Cuts the text into lines, in place, and sorts them. */
static bool sort_lines(lines *l) {
  l->list = calloc((size_t)l->n + 1, sizeof *l->list);
  if (!l->list) return false;
  char *at = l->text;
  for (int i = 0; i < l->n; i++) {
    l->list[i] = at;
    at = strchr(at, '\n');
    *at++ = '\0';
  }
  qsort(l->list, (size_t)l->n, sizeof *l->list, compare);
  return true;
}

static bool collect(lines *l, const lp_certification *run, bool hygiene, writer write) {
  FILE *memory = open_memstream(&l->text, &l->size);
  if (!memory) return false;
  l->n = write_all(memory, run, hygiene, write);
  return fclose(memory) == 0 && sort_lines(l);
}

static lp_status print(const lines *l, const char *path, lp_error *error) {
  const bool standard = strcmp(path, "-") == 0;
  FILE *out = standard ? stdout : fopen(path, "wb");
  if (!out) return lp_fail(error, LP_IO, "%s: %s", path, strerror(errno));
  for (int i = 0; i < l->n; i++) {
    fputs(l->list[i], out);
    fputc('\n', out);
  }
  const bool failed = ferror(out) || (standard ? fflush(out) : fclose(out)) != 0;
  return failed ? lp_fail(error, LP_IO, "%s: could not be written completely", path) : LP_OK;
}

static lp_status report(const char *path, const lp_certification *run, bool hygiene, writer write, lp_error *error) {
  lines l = {0};
  const lp_status status = collect(&l, run, hygiene, write)
                               ? print(&l, path, error)
                               : lp_fail(error, LP_NO_MEMORY, "%s: out of memory for the verdicts", path);
  free(l.list);
  free(l.text);
  return status;
}

lp_status lp_report_verdicts(const char *path, const lp_certification *run, lp_error *error) {
  return report(path, run, false, write_verdict, error);
}

lp_status lp_report_hygiene(const char *path, const lp_certification *run, lp_error *error) {
  return report(path, run, true, write_hygiene, error);
}
