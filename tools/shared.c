#include "tools/shared.h"

#include <errno.h>
#include <string.h>

#include "reports/jsonl.h"
#include "reports/terminal.h"
#include "tools/cli.h"

static bool is_finding(const lp_result *r, int i) {
  const lp_verdict_kind kind = r->verdicts[i].kind;
  return kind == LP_VERDICT_FAIL || kind == LP_VERDICT_INCONCLUSIVE || lp_result_is_harness_fault(r, i);
}

static int show_failures(const lp_certification *run, int limit, lp_style style) {
  int shown = 0, left = 0;
  lp_error error;
  for (int i = 0; i < run->n_results; i++) {
    const lp_result *r = &run->results[i];
    if (r->status != LP_OK) fprintf(stdout, "\nNOT JUDGED  %s\n  what      %s\n", r->entry->c.id, r->message);
    for (int k = 0; k < r->n_verdicts; k++) {
      if (!is_finding(r, k)) continue;
      if (shown == limit) {
        left++;
        continue;
      }
      shown++;
      if (lp_report_failure(stdout, run, r, k, style, &error) != LP_OK) return lp_cli_fail(&error);
    }
  }
  if (left > 0) fprintf(stdout, "\n... and %d more; --max-failures %d shows all\n", left, shown + left);
  if (shown > 0) fprintf(stdout, "\n");
  return 0;
}

int lp_report_everything(const lp_certification *run, const lp_suite *suite, const char *json, int max_failures) {
  const lp_style style = lp_style_for(stdout);
  lp_error error;
  if (json && lp_report_jsonl(json, run, suite, &error) != LP_OK) return lp_cli_fail(&error);
  const int failed = show_failures(run, max_failures, style);
  if (failed) return failed;
  lp_report_table(stdout, run, suite, style);
  return lp_certification_exit_code(run);
}

bool lp_profile_find(lp_profile *profile, const char *name) {
  *profile = name && strcmp(name, "math") == 0 ? LP_PROFILE_MATH : LP_PROFILE_PYTORCH;
  if (!name || strcmp(name, lp_profile_name(*profile)) == 0) return true;
  lp_cli_complain("--profile: expected pytorch or math, got \"%s\"", name);
  return false;
}

FILE *lp_open_output(const char *path) {
  FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb");
  if (!file) lp_cli_complain("%s: %s", path, strerror(errno));
  return file;
}

int lp_close_output(FILE *file, const char *path) {
  const bool failed = ferror(file) || (file == stdout ? fflush(file) : fclose(file)) != 0;
  return failed ? lp_cli_complain("%s: could not be written completely", path) : 0;
}
