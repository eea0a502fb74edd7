/* What every verb shares: options from a table, exit codes, progress, and where the fixtures are. */
#ifndef LP_TOOLS_CLI_H
#define LP_TOOLS_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "golden/suite.h"

/* Exit codes, with precedence 3, 99, 2, 4, 1, 5, 0. */
enum {
  LP_EXIT_CONFORMS = 0,
  LP_EXIT_FINDINGS = 1,
  LP_EXIT_USAGE = 2,
  LP_EXIT_HARNESS = 3,
  LP_EXIT_VACUOUS = 4,
  LP_EXIT_INCONCLUSIVE = 5,
  LP_EXIT_NO_CANDIDATE = 99,
  LP_EXIT_INTERRUPTED = 130,
};

typedef enum lp_flag_kind {
  LP_FLAG_SWITCH, /* bool * */
  LP_FLAG_TEXT,   /* const char ** */
  LP_FLAG_COUNT,  /* int *, at least 1 */
  LP_FLAG_NUMBER, /* int *, at least 0 */
  LP_FLAG_REAL,   /* double * */
  LP_FLAG_SEED,   /* uint64_t * */
  LP_FLAG_EACH,   /* lp_text_list *: may be given several times */
} lp_flag_kind;

enum { LP_EACH_MAX = 32 };

typedef struct lp_text_list {
  const char *items[LP_EACH_MAX];
  int count;
} lp_text_list;

typedef struct lp_flag {
  const char *name; /* "--name" without the dashes; a single letter is a short option: "o" */
  lp_flag_kind kind;
  void *value;
  const char *placeholder; /* "FILE"; NULL for a switch */
  const char *about;
} lp_flag;

typedef struct lp_command {
  const char *usage;    /* "certify CANDIDATE [options]" */
  const char *about;    /* a few lines */
  const lp_flag *flags; /* --help is understood by all */
  int n_flags;
  int min_positional, max_positional;
} lp_command;

typedef enum lp_cli_next { LP_CLI_RUN, LP_CLI_STOP } lp_cli_next;

/* Parses argv[1..] (argv[0] is the verb). On LP_CLI_RUN, positional[0..*n) are the other words. On LP_CLI_STOP the
 * verb returns *exit_code: help was printed, or a message about a wrong option. */
lp_cli_next lp_cli_parse(const lp_command *command, int argc, char **argv, const char **positional, int *n,
                         int *exit_code);

/* certify, or, with its positional words the other way round, judge. */
int lp_cli_certify(int argc, char **argv, bool by_files);

/* Prints "lossproof: message" to stderr and returns LP_EXIT_USAGE (or LP_EXIT_HARNESS for LP_INTERNAL). */
int lp_cli_fail(const lp_error *error);
int lp_cli_complain(const char *format, ...) LP_PRINTF(1, 2);

/* Finds a loss for the user, or complains, naming the nearest. */
const lp_loss *lp_cli_loss(const char *name);

/* The folder of the fixtures: $LOSSPROOF_FIXTURES, the source tree, or the installed one. */
const char *lp_cli_fixtures(void);
const char *lp_cli_errata(void);

/* The folder of the corpora fuzz_LOSS/, likewise: $LOSSPROOF_CORPORA ... */
const char *lp_cli_corpora(void);

/* Reads the given files or folders (every *.h5, *.json, *.jsonl in them, in name order); none: the fixtures of the
 * losses named (NULL: all). */
lp_status lp_cli_read(lp_suite *suite, const char *const *paths, int n_paths, const char *loss,
                      lp_error *error) LP_MUST_USE;

/* A bar on stderr when that is a terminal; silent otherwise. context: const char *, the label. */
void lp_cli_progress(void *context, int done, int total);

/* bench --doors. loss: NULL for all. */
int lp_bench_doors(const char *description, const lp_loss *loss, int count, bool json);

/* bench --fuzz: with cases whose tensors have at most 4 elements. loss: NULL for all. */
int lp_bench_fuzz(const lp_loss *loss, int count, bool json);

/* selfcheck --zoo. loss: NULL for all; dtype, json: NULL for none. */
int lp_cli_zoo(const lp_loss *loss, const char *dtype, const char *json, int jobs);

/* The verbs, one file each. */
int lp_verb_bench(int argc, char **argv);
int lp_verb_certify(int argc, char **argv);
int lp_verb_compare(int argc, char **argv);
int lp_verb_doctor(int argc, char **argv);
int lp_verb_eval(int argc, char **argv);
int lp_verb_explain(int argc, char **argv);
int lp_verb_fuzz(int argc, char **argv);
int lp_verb_generate(int argc, char **argv);
int lp_verb_judge(int argc, char **argv);
int lp_verb_list(int argc, char **argv);
int lp_verb_minimize(int argc, char **argv);
int lp_verb_plot(int argc, char **argv);
int lp_verb_replay(int argc, char **argv);
int lp_verb_report(int argc, char **argv);
int lp_verb_run(int argc, char **argv);
int lp_verb_selfcheck(int argc, char **argv);

#endif
