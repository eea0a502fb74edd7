/* selfcheck: reference, exact oracle, finite differences, laws and fixtures against one another. */
#include "harness/selfcheck.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference/registry.h"
#include "reports/accuracy.h"
#include "tools/cli.h"

typedef struct options {
  lp_selfcheck_options check;
  const char *loss;
  const char *json, *dtype;
  bool pytorch, zoo;
} options;

static int check_losses(const lp_loss *only, const options *o) {
  lp_error error;
  bool agrees = true;
  lp_report_selfcheck_head(stdout, &o->check);
  for (int i = 0; i < lp_registry_count(); i++) {
    lp_selfcheck_row row;
    const lp_loss *loss = lp_registry_at(i);
    if (only && loss != only) continue;
    if (lp_selfcheck_loss(&row, loss, &o->check, &error) != LP_OK) return lp_cli_fail(&error);
    lp_report_selfcheck_row(stdout, &row);
    fflush(stdout);
    agrees = agrees && lp_selfcheck_agrees(&row);
  }
  printf("\n%s\n", agrees ? "AGREE: all witnesses, on every case" : "DISAGREE: the harness is at fault");
  return agrees ? LP_EXIT_CONFORMS : LP_EXIT_HARNESS;
}

static int measure_pytorch(const lp_suite *suite, const lp_errata *errata, int jobs) {
  lp_error error;
  lp_fixture_row *rows = calloc((size_t)lp_registry_count() + 1, sizeof *rows);
  int exit_code = LP_EXIT_HARNESS;
  if (!rows) return lp_cli_complain("selfcheck: out of memory");
  if (lp_fixture_errors(rows, suite, errata, jobs, &error) == LP_OK) {
    exit_code = lp_report_fixture_errors(stdout, rows, lp_registry_count(), &suite->origin) ? LP_EXIT_CONFORMS
                                                                                            : LP_EXIT_HARNESS;
  } else {
    exit_code = lp_cli_fail(&error);
  }
  free(rows);
  return exit_code;
}

static int read_and_measure(const lp_loss *only, int jobs) {
  lp_error error;
  lp_suite suite = {0};
  lp_errata *errata = NULL;
  int exit_code;
  if (lp_suite_init(&suite, &error) == LP_OK &&
      lp_cli_read(&suite, NULL, 0, only ? only->name : NULL, &error) == LP_OK &&
      lp_errata_read(&errata, lp_cli_errata(), &error) == LP_OK) {
    exit_code = measure_pytorch(&suite, errata, jobs);
  } else {
    exit_code = lp_cli_fail(&error);
  }
  lp_errata_free(errata);
  if (suite.arena) lp_suite_clear(&suite);
  return exit_code;
}

int lp_verb_selfcheck(int argc, char **argv) {
  options o = {.check = {.cases = 1000, .seed = 1, .differences_every = 16, .laws_every = 16, .jobs = 1}};
  const lp_flag flags[] = {
      {"loss", LP_FLAG_TEXT, &o.loss, "LOSS", "only this loss"},
      {"cases", LP_FLAG_COUNT, &o.check.cases, "N", "at least N generated cases a loss (default 1000)"},
      {"seed", LP_FLAG_SEED, &o.check.seed, "S", "seed of the run (default 1)"},
      {"differences-every", LP_FLAG_COUNT, &o.check.differences_every, "N",
       "finite differences on one case in N (default 16)"},
      {"laws-every", LP_FLAG_COUNT, &o.check.laws_every, "N", "laws on one case in N (default 16)"},
      {"jobs", LP_FLAG_COUNT, &o.check.jobs, "N", "threads (default 1)"},
      {"pytorch", LP_FLAG_SWITCH, &o.pytorch, NULL,
       "instead: how far PyTorch's stored answers are from the truth, in Markdown"},
      {"zoo", LP_FLAG_SWITCH, &o.zoo, NULL, "instead: are the wrong implementations of the zoo caught, the right not?"},
      {"dtype", LP_FLAG_TEXT, &o.dtype, "D", "of --zoo: recast the fixtures to float32 (default: as stored)"},
      {"json", LP_FLAG_TEXT, &o.json, "FILE", "of --zoo: also a line of JSON for each animal"},
  };
  const lp_command command = {
      "selfcheck [options]",
      "Puts the reference against the exact oracle, the exact gradients against finite differences, and the\n"
      "laws against the reference, over generated cases. Exit code 3 when they disagree anywhere.",
      flags,
      sizeof flags / sizeof flags[0],
      0,
      0};
  int n, exit_code;
  const lp_loss *only = NULL;
  if (lp_cli_parse(&command, argc, argv, NULL, &n, &exit_code) == LP_CLI_STOP) return exit_code;
  if (o.loss && !(only = lp_cli_loss(o.loss))) return LP_EXIT_USAGE;
  if (o.zoo) return lp_cli_zoo(only, o.dtype, o.json, o.check.jobs);
  return o.pytorch ? read_and_measure(only, o.check.jobs) : check_losses(only, &o);
}
