/* lossproof VERB: a thin door to the library. One file per verb. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/hunt.h"
#include "golden/hdf5.h"
#include "harness/doors/worker.h"
#include "tools/cli.h"

typedef struct verb {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *about;
} verb;

static const verb verbs[] = {
    {"list", lp_verb_list, "the losses, their inputs, parameters and cases"},
    {"explain", lp_verb_explain, "a loss, or a case: inputs, right answer, what PyTorch says, and why"},
    {"eval", lp_verb_eval, "the right value and gradient of cases in JSON"},
    {"doctor", lp_verb_doctor, "is an implementation ready to be certified? A second's worth of plain questions"},
    {"certify", lp_verb_certify, "put an implementation to the suites, and decide"},
    {"generate", lp_verb_generate, "write seeded cases as questions"},
    {"replay", lp_verb_replay, "put one case to an implementation again, and write reproducers"},
    {"fuzz", lp_verb_fuzz, "look for cases that an implementation gets wrong, and for its worst error"},
    {"minimize", lp_verb_minimize, "make a failing case as small as it gets, its fault unchanged"},
    {"run", lp_verb_run, "let a candidate answer questions"},
    {"judge", lp_verb_judge, "judge answers to questions"},
    {"report", lp_verb_report, "results as JUnit, SARIF, TAP, HTML, Markdown, CSV or text"},
    {"compare", lp_verb_compare, "two runs: what is new, fixed, still failing"},
    {"selfcheck", lp_verb_selfcheck, "put our own witnesses against one another"},
    {"plot", lp_verb_plot, "draw losses and their gradients against the residual"},
    {"bench", lp_verb_bench, "time the reference"},
};

enum { N_VERBS = sizeof verbs / sizeof verbs[0] };

static void print_usage(FILE *out) {
  fprintf(out,
          "lossproof %s: is an implementation of a neural-network loss right?\n\nusage: lossproof VERB [options]\n\n",
          LOSSPROOF_VERSION);
  for (int i = 0; i < N_VERBS; i++) fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].about);
  fprintf(out,
          "\nlossproof VERB --help says more.\n"
          "exit codes: 0 conforms, 1 findings, 2 usage or bad input, 3 harness at fault, 4 nothing ran,\n"
          "            5 only inconclusive, 99 candidate missing\n");
}

static bool is_any(const char *word, const char *a, const char *b) { return !strcmp(word, a) || !strcmp(word, b); }

static int flush(int exit_code) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return exit_code;
  return lp_cli_complain("standard output could not be written");
}

int main(int argc, char **argv) {
  int exit_status;
  if (lp_hdf5_serve_reader(&exit_status, argc, argv)) return exit_status; /* a child that reads one HDF5 file */
  if (lp_serve_worker(&exit_status, argc, argv)) return exit_status;      /* a child that runs a plugin */
  if (lp_serve_hunter(&exit_status, argc, argv)) return exit_status;      /* a child that fuzzes */
  if (argc < 2) {
    print_usage(stdout);
    return flush(LP_EXIT_CONFORMS);
  }
  if (is_any(argv[1], "--help", "help")) {
    print_usage(stdout);
    return flush(LP_EXIT_CONFORMS);
  }
  if (is_any(argv[1], "--version", "version")) {
    printf("lossproof %s\n", LOSSPROOF_VERSION);
    return flush(LP_EXIT_CONFORMS);
  }
  for (int i = 0; i < N_VERBS; i++) {
    if (strcmp(argv[1], verbs[i].name) == 0) return flush(verbs[i].run(argc - 1, argv + 1));
  }
  return lp_cli_complain("no verb \"%s\"; lossproof without arguments lists them", argv[1]);
}
