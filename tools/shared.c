#include "tools/shared.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "reports/failure.h"
#include "reports/jsonl.h"
#include "reports/reproducer.h"
#include "reports/terminal.h"
#include "reports/verdicts.h"
#include "tools/cli.h"

static int show_failures(const lp_certification *run, int limit, lp_style style) {
  int shown = 0, left = 0;
  lp_error error;
  for (int i = 0; i < run->n_results; i++) {
    const lp_result *r = &run->results[i];
    if (r->status != LP_OK) fprintf(stdout, "\nNOT JUDGED  %s\n  what      %s\n", r->entry->c.id, r->message);
    for (int k = 0; k < r->n_verdicts; k++) {
      if (!lp_result_is_finding(r, k)) continue;
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

static lp_status write_reproducers(const lp_certification *run, const char *folder, lp_error *error) {
  int n;
  LP_TRY(lp_write_reproducers(&n, folder, run, error));
  fprintf(stderr, "%d kind%s of finding, each as FILE.py, FILE.c, FILE.json and FILE.h5 in %s\n", n, n == 1 ? "" : "s",
          folder);
  return LP_OK;
}

static lp_status write_files(const lp_certification *run, const lp_suite *suite, const lp_outputs *o, lp_error *error) {
  if (o->json) LP_TRY(lp_report_jsonl(o->json, run, suite, error));
  if (o->reproducers) LP_TRY(write_reproducers(run, o->reproducers, error));
  if (o->verdicts) LP_TRY(lp_report_verdicts(o->verdicts, run, error));
  return o->hygiene ? lp_report_hygiene(o->hygiene, run, error) : LP_OK;
}

int lp_report_everything(const lp_certification *run, const lp_suite *suite, const lp_outputs *outputs) {
  const lp_style style = lp_style_for(stdout);
  lp_error error;
  if (write_files(run, suite, outputs, &error) != LP_OK) return lp_cli_fail(&error);
  const int failed = show_failures(run, outputs->max_failures, style);
  if (failed) return failed;
  lp_report_table(stdout, run, suite, style);
  return lp_certification_exit_code(run);
}

void lp_isolation_flags(lp_flag flags[LP_ISOLATION_FLAGS], lp_isolation *isolation) {
  isolation->options = LP_CANDIDATE_DEFAULTS;
  isolation->memory = (int)(isolation->options.memory >> 20);
  flags[0] = (lp_flag){"timeout", LP_FLAG_REAL, &isolation->options.timeout, "S", "seconds for a case (default 10)"};
  flags[1] = (lp_flag){"load-timeout", LP_FLAG_REAL, &isolation->options.load_timeout, "S",
                       "seconds for a worker to start (default 120)"};
  flags[2] =
      (lp_flag){"memory", LP_FLAG_COUNT, &isolation->memory, "MIB", "resident memory of a worker (default 8192)"};
}

lp_candidate *lp_open_candidate(const char *description, lp_isolation *isolation) {
  lp_error error;
  lp_candidate *candidate;
  isolation->options.memory = (int64_t)isolation->memory << 20;
  if (!(isolation->options.timeout > 0.0 && isolation->options.load_timeout > 0.0)) {
    lp_cli_complain("--timeout and --load-timeout: expected more than 0 seconds");
    return NULL;
  }
  if (lp_candidate_open(&candidate, description, &isolation->options, &error) == LP_OK) return candidate;
  lp_cli_fail(&error);
  return NULL;
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

void lp_remove_corpus(const char *path) {
  DIR *folder = *path ? opendir(path) : NULL;
  if (!folder) return;
  for (const struct dirent *entry; (entry = readdir(folder));) (void)unlinkat(dirfd(folder), entry->d_name, 0);
  closedir(folder);
  (void)rmdir(path);
}
