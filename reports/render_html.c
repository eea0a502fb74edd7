/* One page: page.html, with the results in it as JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden/json.h"
#include "page.h"
#include "reports/render.h"

/* A script element ends at "</" wherever that stands, and "<!--" begins a comment in it. */
static void text(FILE *out, const char *value) {
  char *quoted = NULL;
  size_t size = 0;
  FILE *memory = open_memstream(&quoted, &size);
  if (!memory) return;
  lp_json_write_text(memory, value);
  fclose(memory);
  for (const char *c = quoted; c && *c; c++) fputs(*c == '<' ? "\\u003c" : (const char[]){*c, '\0'}, out);
  free(quoted);
}

static void member(FILE *out, const char *name, const char *value) {
  fprintf(out, "\"%s\":", name);
  text(out, value);
  fputc(',', out);
}

static void number(FILE *out, bool known, double x) {
  if (!known) {
    fputs("null", out);
  } else if (isfinite(x)) {
    fprintf(out, "%.4g", x);
  } else {
    fputs(isnan(x) ? "\"NaN\"" : "\"inf\"", out);
  }
}

/* Texts that many records share, numbered in the order in which they come. Equal ones are one pointer (results.c). */
typedef struct numbering {
  const char **texts;
  int *next; /* of the same slot, or -1 */
  int slots[4096];
  int n, room;
} numbering;

static size_t slot_of(const char *t) { return ((uintptr_t)t >> 4) % 4096; }

/* -1: memory is out. */
static int number_of(numbering *names, const char *t) {
  const size_t slot = slot_of(t);
  for (int i = names->slots[slot]; i >= 0; i = names->next[i]) {
    if (names->texts[i] == t) return i;
  }
  if (names->n == names->room) {
    const int room = names->room ? 2 * names->room : 256;
    const char **texts = realloc(names->texts, (size_t)room * sizeof *texts);
    if (texts) names->texts = texts;
    int *next = texts ? realloc(names->next, (size_t)room * sizeof *next) : NULL;
    if (!next) return -1;
    names->next = next;
    names->room = room;
  }
  names->texts[names->n] = t;
  names->next[names->n] = names->slots[slot];
  names->slots[slot] = names->n;
  return names->n++;
}

static bool record(FILE *out, numbering *names, const lp_record *r, bool first) {
  const char *const shared[] = {r->loss, r->dtype, r->output, r->verdict};
  const char *const more[] = {r->regimes, r->signature, r->reason};
  fputs(first ? "\n[" : ",\n[", out);
  text(out, *r->question ? r->question : r->id);
  bool ok = true;
  for (int i = 0; i < 4; i++) {
    const int n = number_of(names, shared[i]);
    ok = ok && n >= 0;
    fprintf(out, ",%d", n);
  }
  fputc(',', out);
  number(out, r->compared, r->ratio);
  fputc(',', out);
  number(out, r->compared, r->error_ulp);
  fprintf(out, ",\"%c\"", r->grade);
  for (int i = 0; i < 3; i++) {
    const int n = number_of(names, more[i]);
    ok = ok && n >= 0;
    fprintf(out, ",%d", n);
  }
  fputc(']', out);
  return ok;
}

static bool records(FILE *out, const lp_results *r) {
  numbering names = {.texts = NULL};
  bool ok = true;
  for (size_t i = 0; i < 4096; i++) names.slots[i] = -1;
  fputs("\"records\":[", out);
  for (int i = 0; i < r->n_records && ok; i++) ok = record(out, &names, &r->records[i], i == 0);
  fputs("],\n\"names\":[", out);
  for (int i = 0; i < names.n; i++) {
    if (i > 0) fputc(',', out);
    text(out, names.texts[i]);
  }
  fputs("],\n", out);
  free(names.texts);
  free(names.next);
  return ok;
}

static void kind(FILE *out, const lp_finding_kind *k, const char *state) {
  fputs("{", out);
  member(out, "signature", k->signature);
  member(out, "case", *k->first->question ? k->first->question : k->first->id);
  member(out, "reason", k->first->reason);
  member(out, "hunts", k->first->hunts);
  member(out, "screen", k->first->screen);
  member(out, "script", k->first->script);
  member(out, "replay", k->first->replay);
  member(out, "state", state);
  fprintf(out, "\"count\":%ld}", k->count);
}

static bool kinds(FILE *out, const lp_results *r) {
  lp_finding_kind *all;
  const int n = lp_results_kinds(&all, r);
  fputs("\"kinds\":[", out);
  for (int i = 0; all && i < n; i++) {
    if (i > 0) fputs(",\n", out);
    kind(out, &all[i], "");
  }
  fputs("],\"fixed\":[],\n", out);
  return all != NULL;
}

static bool changes(FILE *out, const lp_results *r, const lp_results *base) {
  lp_change *all;
  const char *comma = "";
  const int n = lp_results_changes(&all, base, r);
  fputs("\"kinds\":[", out);
  for (int i = 0; all && i < n; i++) {
    if (!all[i].after) continue;
    fputs(comma, out);
    kind(out, all[i].after, all[i].before ? "still" : "new");
    comma = ",\n";
  }
  fputs("],\"fixed\":[", out);
  comma = "";
  for (int i = 0; all && i < n; i++) {
    if (all[i].after) continue;
    fputs(comma, out);
    text(out, all[i].before->signature);
    comma = ",";
  }
  fputs("],\n", out);
  return all != NULL;
}

static void omissions(FILE *out, const lp_results *r) {
  fputs("\"not_run\":[", out);
  for (int i = 0; i < r->n_not_run; i++) {
    fprintf(out, "%s{", i > 0 ? "," : "");
    member(out, "reason", r->not_run[i].reason);
    fprintf(out, "\"cases\":%ld,\"outputs\":%ld}", r->not_run[i].cases, r->not_run[i].outputs);
  }
  fputs("],\"unjudged\":[", out);
  for (int i = 0; i < r->n_unjudged; i++) {
    fprintf(out, "%s{", i > 0 ? "," : "");
    member(out, "case", r->unjudged[i].id);
    fputs("\"reason\":", out);
    text(out, r->unjudged[i].reason);
    fputc('}', out);
  }
  fputs("],\n", out);
}

static bool data(FILE *out, const lp_results *r, const lp_results *base) {
  const lp_counts c = lp_results_count(r);
  fputc('{', out);
  member(out, "conclusion", lp_results_conclusion(r));
  member(out, "candidate", r->candidate);
  member(out, "profile", r->profile);
  member(out, "program", r->program_version);
  member(out, "fixtures", r->fixtures);
  member(out, "fixtures_version", r->fixtures_version);
  bool ok = records(out, r);
  ok = (base ? changes(out, r, base) : kinds(out, r)) && ok;
  omissions(out, r);
  fprintf(out,
          "\"counts\":{\"pass\":%ld,\"fail\":%ld,\"inconclusive\":%ld,\"unsupported\":%ld,\"waived\":%ld},"
          "\"laws_hold\":%ld,\"laws_broken\":%ld,\"cases\":%ld}",
          c.pass, c.fail, c.inconclusive, c.unsupported, c.waived, r->laws_hold, r->laws_broken, r->selected);
  return ok;
}

lp_status lp_render_html(FILE *out, const lp_results *r, const lp_results *base, lp_error *error) {
  static const char mark[] = "@DATA@";
  const char *page = (const char *)lp_page, *at = strstr(page, mark);
  if (!at) return lp_fail(error, LP_INTERNAL, "the page has no place for data");
  fwrite(page, 1, (size_t)(at - page), out);
  const bool ok = data(out, r, base);
  fputs(at + sizeof mark - 1, out);
  return ok ? LP_OK : lp_fail(error, LP_NO_MEMORY, "out of memory for a report");
}
