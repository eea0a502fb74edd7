/* run CANDIDATE QUESTIONS -o ANSWERS: lets a candidate answer, to be judged elsewhere or later. */
#include <stdlib.h>
#include <string.h>

#include "golden/hdf5.h"
#include "golden/json.h"
#include "harness/candidate.h"
#include "harness/pool.h"
#include "tools/cli.h"
#include "tools/shared.h"

enum { GROUP = 16 };

/* Questions in groups, each with memory of its own, so that several threads may ask. */
typedef struct asking {
  lp_suite *suite;
  lp_candidate *candidate;
  lp_arena **arenas; /* one for each group */
  lp_status *statuses;
  lp_error *errors;
  int n_groups;
} asking;

static bool is_declared(const asking *a, const lp_suite_entry *e) {
  char why[120];
  return lp_candidate_goes_by_id(a->candidate) ||
         lp_manifest_covers(lp_candidate_manifest(a->candidate), &e->c, why, sizeof why);
}

static lp_status ask_group(asking *a, lp_arena *arena, int first, lp_error *error) {
  const lp_case *questions[GROUP];
  lp_suite_entry *asked[GROUP];
  lp_answer answers[GROUP];
  int n = 0;
  if (!arena) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  for (int i = first; i < a->suite->count && i < first + GROUP; i++) {
    lp_suite_entry *e = &a->suite->entries[i];
    e->has_outcome = is_declared(a, e);
    if (!e->has_outcome) continue;
    asked[n] = e;
    questions[n++] = &e->c;
  }
  if (n > 0) LP_TRY(lp_candidate_ask(a->candidate, answers, arena, questions, n, error));
  for (int i = 0; i < n; i++) asked[i]->outcome = answers[i].outcome;
  return LP_OK;
}

static void work_on(void *context, int group) {
  asking *a = context;
  a->arenas[group] = lp_arena_new(0);
  a->statuses[group] = ask_group(a, a->arenas[group], group * GROUP, &a->errors[group]);
  lp_cli_progress("run", group + 1, a->n_groups);
}

/* What was not asked is left out of the answers: in a file of them "unsupported" is a refusal. */
static void leave_out_unasked(lp_suite *suite) {
  int n = 0;
  for (int i = 0; i < suite->count; i++) {
    if (suite->entries[i].has_outcome) suite->entries[n++] = suite->entries[i];
  }
  suite->count = n;
}

static lp_status answer_all(asking *a, int jobs, lp_error *error) {
  a->n_groups = (a->suite->count + GROUP - 1) / GROUP;
  a->arenas = calloc((size_t)a->n_groups + 1, sizeof(lp_arena *));
  a->statuses = calloc((size_t)a->n_groups + 1, sizeof *a->statuses);
  a->errors = calloc((size_t)a->n_groups + 1, sizeof *a->errors);
  if (!a->arenas || !a->statuses || !a->errors) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  lp_pool_run(jobs, a->n_groups, work_on, a);
  for (int i = 0; i < a->n_groups; i++) {
    if (a->statuses[i] == LP_OK) continue;
    *error = a->errors[i];
    return a->statuses[i];
  }
  leave_out_unasked(a->suite);
  a->suite->origin.producer = lp_candidate_name(a->candidate);
  a->suite->origin.producer_version = LOSSPROOF_VERSION;
  return LP_OK;
}

static void clear(asking *a) {
  for (int i = 0; a->arenas && i < a->n_groups; i++) lp_arena_free(a->arenas[i]);
  free(a->arenas);
  free(a->statuses);
  free(a->errors);
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
  if (suite->count == 0) return lp_cli_complain("run: the candidate declares none of these questions");
  if (n > 3 && strcmp(path + n - 3, ".h5") == 0) {
    const lp_loss *loss = suite->entries[0].c.loss;
    for (int i = 0; i < suite->count; i++) {
      if (suite->entries[i].c.loss != loss)
        return lp_cli_complain("run: an HDF5 file holds one loss: write JSON Lines");
    }
    return lp_hdf5_write(suite, loss, path, &error) == LP_OK ? 0 : lp_cli_fail(&error);
  }
  FILE *out = lp_open_output(path);
  if (!out) return LP_EXIT_USAGE;
  const lp_status status = write_lines(suite, out, &error);
  const int exit_code = lp_close_output(out, path);
  return status == LP_OK ? exit_code : lp_cli_fail(&error);
}

static int run_candidate(lp_candidate *candidate, const char *const *paths, int n_paths, const char *output, int jobs) {
  lp_error error;
  lp_suite suite = {0};
  asking a = {.suite = &suite, .candidate = candidate};
  int exit_code;
  if (lp_suite_init(&suite, &error) == LP_OK && lp_cli_read(&suite, paths, n_paths, NULL, &error) == LP_OK &&
      answer_all(&a, jobs, &error) == LP_OK) {
    exit_code = write_answers(&suite, output);
  } else {
    exit_code = lp_cli_fail(&error);
  }
  clear(&a);
  if (suite.arena) lp_suite_clear(&suite);
  return exit_code;
}

int lp_verb_run(int argc, char **argv) {
  const char *output = "-";
  int jobs = 1;
  lp_isolation isolation;
  lp_flag flags[2 + LP_ISOLATION_FLAGS] = {
      {"o", LP_FLAG_TEXT, &output, "FILE", "the answers: FILE.h5 (one loss) or JSON Lines; default standard output"},
      {"jobs", LP_FLAG_COUNT, &jobs, "N", "threads, each with a worker of its own (default 1)"},
  };
  lp_isolation_flags(flags + 2, &isolation);
  const lp_command command = {"run CANDIDATE QUESTIONS ... [options]",
                              "Lets a candidate answer every question that it declares, without judging.",
                              flags,
                              2 + LP_ISOLATION_FLAGS,
                              2,
                              LP_EACH_MAX};
  const char *words[LP_EACH_MAX];
  int n, exit_code;
  if (lp_cli_parse(&command, argc, argv, words, &n, &exit_code) == LP_CLI_STOP) return exit_code;
  lp_candidate *candidate = lp_open_candidate(words[0], &isolation);
  if (!candidate) return LP_EXIT_NO_CANDIDATE;
  exit_code = run_candidate(candidate, words + 1, n - 1, output, jobs);
  lp_candidate_close(candidate);
  return exit_code;
}
