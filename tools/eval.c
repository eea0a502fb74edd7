/* eval FILE|-: the right value and gradient of every case in a JSON text, in the same kind of text and order. */
#include <string.h>

#include "reports/answers.h"
#include "tools/cli.h"
#include "tools/shared.h"

static int eval_file(const char *path, const char *output, bool exact, lp_candidate *with) {
  lp_error error;
  lp_suite suite = {0};
  lp_json_shape shape;
  int exit_code = LP_EXIT_USAGE;
  if (lp_suite_init(&suite, &error) != LP_OK || lp_json_read_file(&suite, &shape, path, &error) != LP_OK) {
    exit_code = lp_cli_fail(&error);
    goto done;
  }
  FILE *out = lp_open_output(output);
  if (!out) goto done;
  const int invalid = lp_write_answers(out, &suite, shape, exact, with);
  exit_code = lp_close_output(out, output);
  if (exit_code == 0 && invalid > 0) exit_code = LP_EXIT_USAGE;
done:
  if (suite.arena) lp_suite_clear(&suite);
  return exit_code;
}

int lp_verb_eval(int argc, char **argv) {
  const char *with_name = NULL, *output = "-", *profile = NULL;
  bool no_exact = false;
  const lp_flag flags[] = {
      {"o", LP_FLAG_TEXT, &output, "FILE", "write there instead of standard output"},
      {"with", LP_FLAG_TEXT, &with_name, "CANDIDATE", "add that candidate's outcome under \"with\""},
      {"profile", LP_FLAG_TEXT, &profile, "NAME", "pytorch (default)"},
      {"no-exact", LP_FLAG_SWITCH, &no_exact, NULL, "leave out \"exact\""},
  };
  const lp_command command = {
      "eval FILE|- [options]",
      "Answers every case of a JSON object, list or JSON Lines with the true value and every gradient, in the same\n"
      "order. A case that PyTorch would refuse is answered \"rejected\", one that is no case \"invalid\".\n"
      "Exit code 0 when every case is ok or rejected, 2 when one is invalid or the text is not JSON.",
      flags,
      sizeof flags / sizeof flags[0],
      1,
      1};
  const char *path;
  int n, exit_code;
  lp_error error;
  lp_candidate *with = NULL;
  lp_profile chosen;
  if (lp_cli_parse(&command, argc, argv, &path, &n, &exit_code) == LP_CLI_STOP) return exit_code;
  if (!lp_profile_find(&chosen, profile)) return LP_EXIT_USAGE;
  if (chosen != LP_PROFILE_PYTORCH) return lp_cli_complain("--profile: eval answers under profile pytorch");
  if (with_name && lp_candidate_open(&with, with_name, NULL, &error) != LP_OK) {
    lp_cli_fail(&error);
    return LP_EXIT_NO_CANDIDATE;
  }
  exit_code = eval_file(path, output, !no_exact, with);
  lp_candidate_close(with);
  return exit_code;
}
