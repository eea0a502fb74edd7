/* run CANDIDATE QUESTIONS -o ANSWERS: lets a candidate answer, to be judged elsewhere or later. */
#include <string.h>

#include "golden/hdf5.h"
#include "golden/json.h"
#include "harness/candidate.h"
#include "tools/cli.h"
#include "tools/shared.h"

static lp_status answer_all(lp_suite *suite, lp_candidate *candidate, lp_error *error) {
  for (int i = 0; i < suite->count; i++) {
    lp_suite_entry *e = &suite->entries[i];
    LP_TRY(lp_candidate_answer(candidate, &e->outcome, suite->arena, &e->c, error));
    e->has_outcome = true;
    lp_cli_progress("run", i + 1, suite->count);
  }
  suite->origin.producer = lp_candidate_name(candidate);
  suite->origin.producer_version = LOSSPROOF_VERSION;
  return LP_OK;
}

static lp_status write_lines(const lp_suite *suite, FILE *out, lp_error *error) {
  for (int i = 0; i < suite->count; i++) {
    LP_TRY(lp_json_write_case(out, &suite->entries[i].c, &suite->entries[i].outcome, LP_JSON_PACKED, error));
    fputc('\n', out);
  }
  return LP_OK;
}

static int write_answers(const lp_suite *suite, const char *path) {
  lp_error error;
  const size_t n = strlen(path);
  if (n > 3 && strcmp(path + n - 3, ".h5") == 0) {
    const lp_loss *loss = suite->count > 0 ? suite->entries[0].c.loss : NULL;
    for (int i = 0; i < suite->count; i++) {
      if (suite->entries[i].c.loss != loss)
        return lp_cli_complain("run: an HDF5 file holds one loss: write JSON Lines");
    }
    if (!loss) return lp_cli_complain("run: there are no questions to answer");
    return lp_hdf5_write(suite, loss, path, &error) == LP_OK ? 0 : lp_cli_fail(&error);
  }
  FILE *out = lp_open_output(path);
  if (!out) return LP_EXIT_USAGE;
  const lp_status status = write_lines(suite, out, &error);
  const int exit_code = lp_close_output(out, path);
  return status == LP_OK ? exit_code : lp_cli_fail(&error);
}

static int run_candidate(const char *description, const char *const *paths, int n_paths, const char *output) {
  lp_error error;
  lp_candidate *candidate;
  lp_suite suite = {0};
  if (lp_candidate_open(&candidate, description, NULL, &error) != LP_OK) {
    lp_cli_fail(&error);
    return LP_EXIT_NO_CANDIDATE;
  }
  int exit_code;
  if (lp_suite_init(&suite, &error) == LP_OK && lp_cli_read(&suite, paths, n_paths, NULL, &error) == LP_OK &&
      answer_all(&suite, candidate, &error) == LP_OK) {
    exit_code = write_answers(&suite, output);
  } else {
    exit_code = lp_cli_fail(&error);
  }
  if (suite.arena) lp_suite_clear(&suite);
  lp_candidate_close(candidate);
  return exit_code;
}

int lp_verb_run(int argc, char **argv) {
  const char *output = "-";
  const lp_flag flags[] = {
      {"o", LP_FLAG_TEXT, &output, "FILE", "the answers: FILE.h5 (one loss) or JSON Lines; default standard output"}};
  const lp_command command = {"run CANDIDATE QUESTIONS ... [options]",
                              "Lets a candidate answer every question, without judging.",
                              flags,
                              1,
                              2,
                              LP_EACH_MAX};
  const char *words[LP_EACH_MAX];
  int n, exit_code;
  if (lp_cli_parse(&command, argc, argv, words, &n, &exit_code) == LP_CLI_STOP) return exit_code;
  return run_candidate(words[0], words + 1, n - 1, output);
}
