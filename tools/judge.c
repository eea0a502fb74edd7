/* judge QUESTIONS ANSWERS: certify by files. The same as certify outcomes:ANSWERS QUESTIONS. */
#include <stdio.h>

#include "tools/cli.h"

int lp_verb_judge(int argc, char **argv) {
  const char *json = NULL;
  int max_failures = 10;
  const lp_flag flags[] = {
      {"json", LP_FLAG_TEXT, &json, "FILE", "also write results as JSON Lines"},
      {"max-failures", LP_FLAG_COUNT, &max_failures, "N", "failures shown in full (default 10)"},
  };
  const lp_command command = {
      "judge QUESTIONS ANSWERS [options]",
      "Judges answers that were computed anywhere. QUESTIONS and ANSWERS are HDF5 files or JSON Lines; answers are\n"
      "found by case id. A question without an answer counts as unsupported.",
      flags,
      sizeof flags / sizeof flags[0],
      2,
      2};
  const char *words[2];
  int n, exit_code;
  if (lp_cli_parse(&command, argc, argv, words, &n, &exit_code) == LP_CLI_STOP) return exit_code;
  char candidate[4200], limit[24];
  if (snprintf(candidate, sizeof candidate, "outcomes:%s", words[1]) >= (int)sizeof candidate) {
    return lp_cli_complain("judge: the path of the answers is too long");
  }
  snprintf(limit, sizeof limit, "%d", max_failures);
  char *certify[] = {"certify", "--max-failures", limit, candidate, (char *)words[0], "--json", (char *)json, NULL};
  return lp_verb_certify(json ? 7 : 5, certify);
}
