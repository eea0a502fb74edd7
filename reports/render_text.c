/* A table for a terminal, a summary as Markdown, worst errors as CSV, and TAP. */
#include <math.h>
#include <string.h>

#include "reports/numbers.h"
#include "reports/paint.h"
#include "reports/render.h"

enum { SHOWN_KINDS = 50, LONGEST_LINE = 200 };

static lp_status out_of_memory(lp_error *error) { return lp_fail(error, LP_NO_MEMORY, "out of memory for a report"); }

static const char *verdict_of(const lp_counts *c) {
  if (c->fail > 0) return "FAIL";
  if (c->inconclusive > 0) return "inconclusive";
  return c->pass + c->waived > 0 ? "pass" : "not run";
}

static void print_number(FILE *out, int width, double x) {
  char text[LP_SHORT_TEXT];
  fprintf(out, "%*s", width, x < 0 ? "-" : lp_short(text, x));
}

/* --- text ------------------------------------------------------------------------------------------------------- */

static void text_row(FILE *out, const lp_group *g, lp_style style) {
  const char *word = verdict_of(&g->counts);
  const lp_paint paint = g->counts.fail > 0 ? LP_RED : strcmp(word, "pass") == 0 ? LP_GREEN : LP_YELLOW;
  fprintf(out, "%-18s %-9s %8ld %8ld %8ld %8ld ", g->loss, g->dtype, g->counts.pass, g->counts.fail,
          g->counts.inconclusive, g->counts.waived);
  print_number(out, 10, g->worst_ratio);
  fprintf(out, "  %5c  %s%s%s\n", g->grade, lp_paint_start(style, paint), word, lp_paint_stop(style));
}

static void text_changes(FILE *out, const lp_change *changes, int n) {
  for (int i = 0; i < n; i++) {
    const lp_change *c = &changes[i];
    const char *word = !c->before ? "new    " : !c->after ? "fixed  " : "still  ";
    fprintf(out, "  %s %6ld  %s\n", word, c->after ? c->after->count : c->before->count,
            c->after ? c->after->signature : c->before->signature);
  }
}

static lp_status text_kinds(FILE *out, const lp_results *r, const lp_results *base, lp_error *error) {
  lp_finding_kind *kinds;
  lp_change *changes = NULL;
  const int n = lp_results_kinds(&kinds, r), n_changes = base ? lp_results_changes(&changes, base, r) : 0;
  if (!kinds || (base && !changes)) return out_of_memory(error);
  if (base) {
    if (n_changes > 0) fprintf(out, "\nkinds of finding, against %s\n", base->candidate);
    text_changes(out, changes, n_changes);
    return LP_OK;
  }
  if (n > 0) fprintf(out, "\nkinds of finding\n");
  for (int i = 0; i < n && i < SHOWN_KINDS; i++) {
    fprintf(out, "  %6ld  %s  ", kinds[i].count, kinds[i].signature);
    lp_write_line(out, kinds[i].first->id, LONGEST_LINE);
    fputc('\n', out);
  }
  if (n > SHOWN_KINDS) fprintf(out, "  and %d more kinds\n", n - SHOWN_KINDS);
  return LP_OK;
}

lp_status lp_render_text(FILE *out, const lp_results *r, const lp_results *base, lp_error *error) {
  const lp_style style = lp_style_for(out);
  const lp_counts total = lp_results_count(r);
  lp_group *groups;
  const int n = lp_results_group(&groups, r, LP_GROUP_LOSS | LP_GROUP_DTYPE);
  if (!groups) return out_of_memory(error);
  fprintf(out, "candidate  ");
  lp_write_line(out, r->candidate, LONGEST_LINE);
  fprintf(out, "\nprofile    %s\n\n%s%-18s %-9s %8s %8s %8s %8s %10s  %5s  %s%s\n", r->profile,
          lp_paint_start(style, LP_BOLD), "loss", "dtype", "pass", "fail", "inconcl.", "waived", "worst", "grade",
          "verdict", lp_paint_stop(style));
  for (int i = 0; i < n; i++) text_row(out, &groups[i], style);
  LP_TRY(text_kinds(out, r, base, error));
  fprintf(out, "\nlaws       %ld hold, %ld broken\n", r->laws_hold, r->laws_broken);
  lp_render_counts(out, &total);
  fprintf(out, "; %ld of %ld cases\n%s: ", r->whole ? r->ran : (long)0, r->selected, lp_results_conclusion(r));
  lp_write_line(out, r->candidate, LONGEST_LINE);
  fputc('\n', out);
  return LP_OK;
}

/* --- Markdown --------------------------------------------------------------------------------------------------- */

/* A stranger's text inside a table: no bars, no tags, one line. */
static void markdown_cell(FILE *out, const char *text) {
  for (int i = 0; text[i] && i < LONGEST_LINE; i++) {
    const unsigned char c = (unsigned char)text[i];
    if (c == '|' || c == '<' || c == '`' || c == '\\') {
      fprintf(out, "&#%d;", c);
    } else {
      fputc(c < ' ' ? ' ' : c, out);
    }
  }
}

static void markdown_row(FILE *out, const lp_group *g) {
  fprintf(out, "| `%s` | %s | %ld | %ld | %ld | %ld |", g->loss, g->dtype, g->counts.pass, g->counts.fail,
          g->counts.inconclusive, g->counts.waived);
  print_number(out, 0, g->worst_ratio);
  fprintf(out, " | %c | %s |\n", g->grade, verdict_of(&g->counts));
}

static void markdown_kinds(FILE *out, const lp_finding_kind *kinds, int n) {
  if (n == 0) return;
  fprintf(out, "\n### Findings\n\n| kind | outputs | first case | reason |\n|---|---:|---|---|\n");
  for (int i = 0; i < n && i < SHOWN_KINDS; i++) {
    fprintf(out, "| ");
    markdown_cell(out, kinds[i].signature);
    fprintf(out, " | %ld | ", kinds[i].count);
    markdown_cell(out, kinds[i].first->id);
    fprintf(out, " | ");
    markdown_cell(out, kinds[i].first->reason);
    fprintf(out, " |\n");
  }
  if (n > SHOWN_KINDS) fprintf(out, "\nand %d more kinds.\n", n - SHOWN_KINDS);
}

static void markdown_changes(FILE *out, const lp_change *changes, int n) {
  fprintf(out, "\n### Against the baseline\n\n| | kind | outputs |\n|---|---|---:|\n");
  for (int i = 0; i < n; i++) {
    const lp_change *c = &changes[i];
    fprintf(out, "| %s | ", !c->before ? "**new**" : !c->after ? "fixed" : "still failing");
    markdown_cell(out, c->after ? c->after->signature : c->before->signature);
    fprintf(out, " | %ld |\n", c->after ? c->after->count : c->before->count);
  }
}

lp_status lp_render_markdown(FILE *out, const lp_results *r, const lp_results *base, lp_error *error) {
  const lp_counts total = lp_results_count(r);
  lp_group *groups;
  lp_finding_kind *kinds;
  lp_change *changes = NULL;
  const int n = lp_results_group(&groups, r, LP_GROUP_LOSS | LP_GROUP_DTYPE), n_kinds = lp_results_kinds(&kinds, r);
  const int n_changes = base ? lp_results_changes(&changes, base, r) : 0;
  if (!groups || !kinds || (base && !changes)) return out_of_memory(error);
  fprintf(out, "## %s: ", lp_results_conclusion(r));
  markdown_cell(out, r->candidate);
  fprintf(out, "\n\nlossproof %s, profile %s; ", r->program_version, r->profile);
  lp_render_counts(out, &total);
  fprintf(
      out,
      "; laws: %ld hold, %ld broken.\n\n| loss | dtype | pass | fail | inconclusive | waived | worst, of the budget | "
      "grade | verdict |\n|---|---|---:|---:|---:|---:|---:|---|---|\n",
      r->laws_hold, r->laws_broken);
  for (int i = 0; i < n; i++) markdown_row(out, &groups[i]);
  markdown_kinds(out, kinds, n_kinds);
  if (base) markdown_changes(out, changes, n_changes);
  if (r->n_not_run > 0) fprintf(out, "\n### Not run\n\n| cases | outputs | why |\n|---:|---:|---|\n");
  for (int i = 0; i < r->n_not_run; i++) {
    fprintf(out, "| %ld | %ld | ", r->not_run[i].cases, r->not_run[i].outputs);
    markdown_cell(out, r->not_run[i].reason);
    fprintf(out, " |\n");
  }
  return LP_OK;
}

/* --- CSV -------------------------------------------------------------------------------------------------------- */

/* RFC 4180, and nothing that a spreadsheet would take for a formula. */
static void csv_text(FILE *out, const char *text) {
  const bool formula = *text && strchr("=+-@", *text);
  fputc('"', out);
  if (formula) fputc('\'', out);
  for (; *text; text++) {
    if (*text == '"') fputc('"', out);
    fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
  }
  fputc('"', out);
}

static void csv_number(FILE *out, double x) { fprintf(out, ",%.*g", 6, x); }

lp_status lp_render_csv(FILE *out, const lp_results *r, const lp_results *base, lp_error *error) {
  (void)base;
  lp_group *groups;
  const int n = lp_results_group(&groups, r, LP_GROUP_LOSS | LP_GROUP_DTYPE | LP_GROUP_OUTPUT);
  if (!groups) return out_of_memory(error);
  fprintf(out,
          "loss,dtype,output,pass,fail,inconclusive,unsupported,waived,worst_ratio,worst_ulp,grade,case,index\r\n");
  for (int i = 0; i < n; i++) {
    const lp_group *g = &groups[i];
    if (!g->worst) continue;
    fprintf(out, "%s,%s,%s,%ld,%ld,%ld,%ld,%ld", g->loss, g->dtype, g->output, g->counts.pass, g->counts.fail,
            g->counts.inconclusive, g->counts.unsupported, g->counts.waived);
    csv_number(out, g->worst_ratio);
    csv_number(out, g->worst_ulp);
    fprintf(out, ",%c,", g->grade);
    csv_text(out, g->worst->id);
    fprintf(out, ",%lld\r\n", (long long)g->worst->index);
  }
  return LP_OK;
}

/* --- TAP -------------------------------------------------------------------------------------------------------- */

/* "#" begins a directive, "\" escapes. */
static void tap_text(FILE *out, const char *text) {
  for (; *text; text++) {
    if (*text == '#' || *text == '\\') fputc('\\', out);
    fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
  }
}

/* A YAML scalar in single quotes. */
static void yaml_line(FILE *out, const char *key, const char *text) {
  fprintf(out, "  %s: '", key);
  for (; *text; text++) {
    if (*text == '\'') fputc('\'', out);
    fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
  }
  fprintf(out, "'\n");
}

static void tap_diagnosis(FILE *out, const lp_record *r) {
  char text[LP_SHORT_TEXT];
  fprintf(out, "  ---\n");
  yaml_line(out, "message", r->reason);
  yaml_line(out, "signature", r->signature);
  if (r->compared) {
    fprintf(out, "  index: %lld\n", (long long)r->index);
    yaml_line(out, "got", lp_short(text, r->got));
    yaml_line(out, "wanted", lp_short(text, r->expected));
    yaml_line(out, "ratio", lp_short(text, r->ratio));
  }
  fprintf(out, "  ...\n");
}

lp_status lp_render_tap(FILE *out, const lp_results *r, const lp_results *base, lp_error *error) {
  (void)base;
  (void)error;
  fprintf(out, "TAP version 14\n1..%d\n", r->n_records);
  for (int i = 0; i < r->n_records; i++) {
    const lp_record *one = &r->records[i];
    const bool bad = lp_record_is(one, "fail"), skipped = lp_record_is(one, "unsupported");
    const bool open = lp_record_is(one, "inconclusive"), waived = lp_record_is(one, "waived");
    fprintf(out, "%sok %d - ", bad || open ? "not " : "", i + 1);
    tap_text(out, one->id);
    fprintf(out, " %s", one->output);
    if (skipped || open || waived) {
      fprintf(out, " # %s ", open ? "TODO inconclusive:" : skipped ? "SKIP" : "waived:");
      tap_text(out, waived ? one->erratum : one->reason);
    }
    fputc('\n', out);
    if (bad || open) tap_diagnosis(out, one);
  }
  if (!r->whole) fprintf(out, "Bail out! the run was cut short\n");
  if (r->exit_code == 3) fprintf(out, "Bail out! the harness is at fault\n");
  return LP_OK;
}
