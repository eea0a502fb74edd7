#include "reports/render.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const lp_format formats[] = {
    {"text", "a table for a terminal", lp_render_text},
    {"markdown", "a summary for the page of a CI job", lp_render_markdown},
    {"csv", "the worst error of every loss, dtype and output", lp_render_csv},
    {"tap", "Test Anything Protocol 14", lp_render_tap},
    {"junit", "JUnit XML: findings one by one, passes by output", lp_render_junit},
    {"sarif", "SARIF 2.1.0, whose fingerprints are the signatures", lp_render_sarif},
    {"html", "one page for a browser, that needs no network", lp_render_html},
};

enum { N_FORMATS = sizeof formats / sizeof formats[0] };

int lp_formats_count(void) { return N_FORMATS; }

const lp_format *lp_formats_at(int index) { return index >= 0 && index < N_FORMATS ? &formats[index] : NULL; }

const lp_format *lp_formats_find(const char *name) {
  for (int i = 0; i < N_FORMATS; i++) {
    if (strcmp(formats[i].name, name) == 0) return &formats[i];
  }
  return NULL;
}

/* --- groups ----------------------------------------------------------------------------------------------------- */

/* Texts of one file are kept once, so that equal ones are the same pointer. */
static bool belongs(const lp_group *g, const lp_record *r) {
  return (!g->loss || g->loss == r->loss) && (!g->dtype || g->dtype == r->dtype) &&
         (!g->output || g->output == r->output);
}

static void add(lp_group *g, const lp_record *r) {
  lp_counts_add(&g->counts, r);
  if (r->grade != '-' && (g->grade == '-' || r->grade > g->grade)) g->grade = r->grade;
  if (!r->compared || !isfinite(r->ratio) || r->ratio <= g->worst_ratio) return;
  g->worst_ratio = r->ratio;
  g->worst_ulp = r->error_ulp;
  g->worst = r;
}

static lp_group begin(const lp_record *r, unsigned keys) {
  return (lp_group){.loss = keys & LP_GROUP_LOSS ? r->loss : NULL,
                    .dtype = keys & LP_GROUP_DTYPE ? r->dtype : NULL,
                    .output = keys & LP_GROUP_OUTPUT ? r->output : NULL,
                    .worst_ratio = -1,
                    .worst_ulp = -1,
                    .grade = '-'};
}

int lp_results_group(lp_group **groups, const lp_results *results, unsigned keys) {
  int n = 0, room = 64, last = 0;
  lp_group *all = malloc((size_t)room * sizeof *all);
  *groups = NULL;
  for (int i = 0; all && i < results->n_records; i++) {
    const lp_record *r = &results->records[i];
    int at = last; /* mostly the group of the record before */
    if (n == 0 || !belongs(&all[at], r)) at = 0;
    while (at < n && !belongs(&all[at], r)) at++;
    if (at == room) {
      lp_group *larger = realloc(all, 2 * (size_t)room * sizeof *all);
      if (!larger) free(all);
      all = larger;
      room *= 2;
      if (!all) break;
    }
    if (at == n) all[n++] = begin(r, keys);
    add(&all[at], r);
    last = at;
  }
  if (all) *groups = lp_arena_alloc(results->arena, (size_t)n, sizeof *all);
  if (*groups && n > 0) memcpy(*groups, all, (size_t)n * sizeof *all);
  free(all);
  return n;
}

/* --- kinds ------------------------------------------------------------------------------------------------------ */

static int by_signature(const void *a, const void *b) {
  const lp_record *const *x = a, *const *y = b;
  const int order = strcmp((*x)->signature, (*y)->signature);
  return order ? order : *x < *y ? -1 : *x > *y; /* then as they stand in the file */
}

int lp_results_kinds(lp_finding_kind **kinds, const lp_results *results) {
  const lp_record **findings = malloc(((size_t)results->n_records + 1) * sizeof *findings);
  int n = 0, n_kinds = 0;
  *kinds = NULL;
  if (!findings) return 0;
  for (int i = 0; i < results->n_records; i++) {
    if (lp_record_is_finding(&results->records[i])) findings[n++] = &results->records[i];
  }
  if (n > 0) qsort(findings, (size_t)n, sizeof *findings, by_signature);
  for (int i = 0; i < n; i++) n_kinds += i == 0 || strcmp(findings[i]->signature, findings[i - 1]->signature) != 0;
  lp_finding_kind *all = lp_arena_alloc(results->arena, (size_t)n_kinds, sizeof *all);
  int at = -1;
  for (int i = 0; all && i < n; i++) {
    if (i == 0 || strcmp(findings[i]->signature, findings[i - 1]->signature) != 0) {
      all[++at] = (lp_finding_kind){findings[i]->signature, findings[i], 0};
    }
    if (!*all[at].first->screen && *findings[i]->screen) all[at].first = findings[i];
    all[at].count++;
  }
  free(findings);
  *kinds = all;
  return n_kinds;
}

int lp_results_changes(lp_change **changes, const lp_results *base, const lp_results *now) {
  lp_finding_kind *before, *after;
  const int n_before = lp_results_kinds(&before, base), n_after = lp_results_kinds(&after, now);
  lp_change *all = before && after ? lp_arena_alloc(now->arena, (size_t)n_before + (size_t)n_after, sizeof *all) : NULL;
  int n = 0;
  *changes = all;
  for (int i = 0, k = 0; all && (i < n_before || k < n_after); n++) {
    const int order = i == n_before ? 1 : k == n_after ? -1 : strcmp(before[i].signature, after[k].signature);
    all[n] = (lp_change){order <= 0 ? &before[i] : NULL, order >= 0 ? &after[k] : NULL};
    i += order <= 0;
    k += order >= 0;
  }
  return n;
}

/* --- words ------------------------------------------------------------------------------------------------------ */

char *lp_short(char text[LP_SHORT_TEXT], double x) {
  snprintf(text, LP_SHORT_TEXT, "%.3g", x);
  if (isnan(x)) snprintf(text, LP_SHORT_TEXT, "NaN");
  return text;
}

void lp_render_counts(FILE *out, const lp_counts *c) {
  fprintf(out, "%ld passed, %ld failed, %ld inconclusive, %ld unsupported, %ld waived", c->pass, c->fail,
          c->inconclusive, c->unsupported, c->waived);
}
