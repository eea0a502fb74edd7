/* certify CANDIDATE: every case of the suites, judged; a table and one exit code. */
#include "harness/certify.h"

#include <string.h>

#include "reports/jsonl.h"
#include "reports/terminal.h"
#include "tools/cli.h"
#include "tools/shared.h"

typedef struct options {
  lp_certify_options run;
  const char *json, *profile;
  int max_failures;
} options;

static int certify_suite(lp_candidate *candidate, const lp_suite *suite, const lp_errata *errata, const options *o) {
  lp_error error;
  lp_certification run;
  if (lp_certify(&run, candidate, suite, errata, &o->run, &error) != LP_OK) return lp_cli_fail(&error);
  const int exit_code = lp_report_everything(&run, suite, o->json, o->max_failures);
  lp_certification_clear(&run);
  return exit_code;
}

static int load_and_certify(lp_candidate *candidate, const char *const *paths, int n_paths, const options *o) {
  lp_error error;
  lp_suite suite = {0};
  lp_errata *errata = NULL;
  int exit_code;
  if (lp_suite_init(&suite, &error) == LP_OK && lp_cli_read(&suite, paths, n_paths, o->run.loss, &error) == LP_OK &&
      lp_errata_read(&errata, lp_cli_errata(), &error) == LP_OK) {
    exit_code = certify_suite(candidate, &suite, errata, o);
  } else {
    exit_code = lp_cli_fail(&error);
  }
  lp_errata_free(errata);
  if (suite.arena) lp_suite_clear(&suite);
  return exit_code;
}

static int open_and_certify(const char *description, const char *const *paths, int n_paths, const options *o) {
  lp_error error;
  lp_candidate *candidate;
  if (lp_candidate_open(&candidate, description, NULL, &error) != LP_OK) {
    lp_cli_fail(&error);
    return LP_EXIT_NO_CANDIDATE;
  }
  const int exit_code = load_and_certify(candidate, paths, n_paths, o);
  lp_candidate_close(candidate);
  return exit_code;
}

int lp_verb_certify(int argc, char **argv) {
  options o = {.run = {.jobs = 1, .progress = lp_cli_progress, .context = "certify"}, .max_failures = 10};
  const lp_flag flags[] = {
      {"loss", LP_FLAG_TEXT, &o.run.loss, "LOSS", "only this loss"},
      {"suite", LP_FLAG_TEXT, &o.run.suite, "SUITE", "only this suite: core, bugs, tutorial ..."},
      {"case", LP_FLAG_TEXT, &o.run.id, "ID", "only this case"},
      {"jobs", LP_FLAG_COUNT, &o.run.jobs, "N", "threads (default 1)"},
      {"json", LP_FLAG_TEXT, &o.json, "FILE", "also write results as JSON Lines"},
      {"profile", LP_FLAG_TEXT, &o.profile, "NAME",
       "pytorch (default), or math: any valid subgradient, the limit at infinities"},
      {"max-failures", LP_FLAG_COUNT, &o.max_failures, "N", "failures shown in full (default 10)"},
  };
  const lp_command command = {
      "certify CANDIDATE [FILE ...] [options]",
      "Puts every case to the candidate and judges its value and every gradient component.\n"
      "CANDIDATE is reference, exact, or outcomes:FILE.h5. FILE: cases or fixtures (default: the golden fixtures).",
      flags,
      sizeof flags / sizeof flags[0],
      1,
      LP_EACH_MAX};
  const char *words[LP_EACH_MAX];
  int n, exit_code;
  if (lp_cli_parse(&command, argc, argv, words, &n, &exit_code) == LP_CLI_STOP) return exit_code;
  if (!lp_profile_find(&o.run.how.profile, o.profile)) return LP_EXIT_USAGE;
  if (o.run.loss) {
    const lp_loss *loss = lp_cli_loss(o.run.loss);
    if (!loss) return LP_EXIT_USAGE;
    o.run.loss = loss->name;
  }
  o.run.files = words + 1;
  o.run.n_files = n - 1;
  return open_and_certify(words[0], words + 1, n - 1, &o);
}
