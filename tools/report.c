/* report: results of a run in other formats.  compare: two runs against one another. */
#include <string.h>

#include "reports/numbers.h"
#include "reports/paint.h"
#include "reports/render.h"
#include "reports/versus.h"
#include "tools/cli.h"
#include "tools/shared.h"

/* --- report ----------------------------------------------------------------------------------------------------- */

typedef struct options {
  const char *results, *format, *output, *baseline;
} options;

/* By the end of the file's name, where no format is given. */
static const lp_format *format_for(const options *o) {
  static const char *const ends[][2] = {{".xml", "junit"}, {".sarif", "sarif"}, {".tap", "tap"}, {".md", "markdown"},
                                        {".csv", "csv"},   {".html", "html"},   {".txt", "text"}};
  if (o->format) return lp_formats_find(o->format);
  const char *dot = o->output ? strrchr(o->output, '.') : NULL;
  for (size_t i = 0; dot && i < sizeof ends / sizeof ends[0]; i++) {
    if (strcmp(dot, ends[i][0]) == 0) return lp_formats_find(ends[i][1]);
  }
  return dot ? NULL : lp_formats_find("text");
}

static int complain_of_format(const options *o) {
  char names[200] = "";
  size_t n = 0;
  for (int i = 0; i < lp_formats_count(); i++) {
    n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i > 0 ? ", " : "", lp_formats_at(i)->name);
  }
  if (o->format) return lp_cli_complain("report: --format: expected one of %s, got \"%s\"", names, o->format);
  return lp_cli_complain("report: %s does not say which format: give --format, one of %s", o->output, names);
}

static int render(const options *o, const lp_format *format, const lp_results *results, const lp_results *base) {
  lp_error error;
  const char *path = o->output ? o->output : "-";
  FILE *out = lp_open_output(path);
  if (!out) return LP_EXIT_USAGE;
  const lp_status status = format->render(out, results, base, &error);
  const int unwritten = lp_close_output(out, path);
  return status == LP_OK ? unwritten : lp_cli_fail(&error);
}

static int report(const options *o, const lp_format *format) {
  lp_error error;
  lp_results results, base = {0};
  int exit_code = LP_EXIT_USAGE;
  lp_status status = lp_results_read(&results, o->results, &error);
  if (status == LP_OK && o->baseline) status = lp_results_read(&base, o->baseline, &error);
  if (status == LP_OK) {
    exit_code = render(o, format, &results, o->baseline ? &base : NULL);
  } else {
    exit_code = lp_cli_fail(&error);
  }
  lp_results_clear(&results);
  lp_results_clear(&base);
  return exit_code;
}

int lp_verb_report(int argc, char **argv) {
  options o = {.results = NULL};
  const lp_flag flags[] = {
      {"format", LP_FLAG_TEXT, &o.format, "F", "text, markdown, csv, tap, junit, sarif or html (default: by the name)"},
      {"output", LP_FLAG_TEXT, &o.output, "FILE", "default: standard output, as text"},
      {"o", LP_FLAG_TEXT, &o.output, "FILE", "the same"},
      {"baseline", LP_FLAG_TEXT, &o.baseline, "FILE", "earlier results: what is new, fixed, still there"},
  };
  const lp_command command = {
      "report RESULTS.jsonl [options]",
      "Results of `certify --json` or `judge --json` in other formats. The exit code says only\n"
      "whether the report was made.",
      flags,
      sizeof flags / sizeof flags[0],
      1,
      1};
  int n, exit_code;
  if (lp_cli_parse(&command, argc, argv, &o.results, &n, &exit_code) == LP_CLI_STOP) return exit_code;
  const lp_format *format = format_for(&o);
  return format ? report(&o, format) : complain_of_format(&o);
}

/* --- compare ---------------------------------------------------------------------------------------------------- */

enum { LONGEST = 160 };

static void show_row(const lp_versus_row *row, lp_style style) {
  static const lp_paint paints[] = {LP_RED, LP_YELLOW, LP_PLAIN, LP_GREEN, LP_YELLOW};
  const lp_record *r = row->after ? row->after : row->before;
  printf("%s%-13s%s  ", lp_paint_start(style, paints[row->kind]), lp_versus_name(row->kind), lp_paint_stop(style));
  lp_write_line(stdout, *r->question ? r->question : r->id, LONGEST);
  printf("  %s  ", r->output);
  if (row->kind == LP_VERSUS_CHANGED) printf("%s -> ", row->before->signature);
  lp_write_line(stdout, lp_record_is_finding(r) ? r->signature : row->before->signature, LONGEST);
  printf("\n");
}

static int show(const lp_versus *v, int limit) {
  const lp_style style = lp_style_for(stdout);
  int shown[LP_VERSUS_KINDS] = {0};
  for (int i = 0; i < v->n; i++) {
    const int kind = (int)v->rows[i].kind;
    if (shown[kind]++ < limit) show_row(&v->rows[i], style);
    if (shown[kind] == limit + 1) printf("%-13s  ... and %d more\n", "", v->counts[kind] - limit);
  }
  for (int k = 0; k < LP_VERSUS_KINDS; k++) {
    printf("%s%d %s", k > 0 ? ", " : "", v->counts[k], lp_versus_name((lp_versus_kind)k));
  }
  printf("\n");
  return v->counts[LP_VERSUS_NEW] > 0 ? LP_EXIT_FINDINGS : LP_EXIT_CONFORMS;
}

/* A run that was cut short, or in which nothing ran, has nothing new. */
static int compare(const lp_results *base, const lp_results *now, int limit) {
  lp_error error;
  lp_versus v;
  if (!now->whole) return lp_cli_complain("compare: %s was cut short: run it to its end", now->path);
  if (lp_versus_compare(&v, base, now, &error) != LP_OK) return lp_cli_fail(&error);
  const int exit_code = show(&v, limit);
  if (now->exit_code == LP_EXIT_HARNESS) return LP_EXIT_HARNESS;
  return now->n_records == 0 ? LP_EXIT_VACUOUS : exit_code;
}

int lp_verb_compare(int argc, char **argv) {
  int limit = 20, n, exit_code;
  const lp_flag flags[] = {{"max", LP_FLAG_NUMBER, &limit, "N", "of each kind are shown (default 20)"}};
  const lp_command command = {
      "compare BASE.jsonl NEW.jsonl [options]",
      "Findings that are new, changed, still there, fixed or gone between two runs. Exit code 1\n"
      "only for new ones; 3 the harness was at fault, 4 nothing ran in NEW.",
      flags,
      1,
      2,
      2};
  const char *paths[2];
  lp_error error;
  lp_results base, now = {0};
  if (lp_cli_parse(&command, argc, argv, paths, &n, &exit_code) == LP_CLI_STOP) return exit_code;
  lp_status status = lp_results_read(&base, paths[0], &error);
  if (status == LP_OK) status = lp_results_read(&now, paths[1], &error);
  exit_code = status == LP_OK ? compare(&base, &now, limit) : lp_cli_fail(&error);
  lp_results_clear(&base);
  lp_results_clear(&now);
  return exit_code;
}
