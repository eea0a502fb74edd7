/* Steps that several verbs take. */
#ifndef LP_TOOLS_SHARED_H
#define LP_TOOLS_SHARED_H

#include <stdio.h>

#include "harness/certify.h"
#include "tools/cli.h"

/* Where results go, beside the terminal; NULL: nowhere. */
typedef struct lp_outputs {
  const char *json, *verdicts, *hygiene;
  const char *reproducers; /* a folder */
  int max_failures;        /* shown in full */
} lp_outputs;

/* Prints the table and the first failures to stdout, writes the files asked for; the exit code. */
int lp_report_everything(const lp_certification *run, const lp_suite *suite, const lp_outputs *outputs);

/* The flags that say how far a candidate is trusted: --timeout, --load-timeout, --memory. memory: MiB. */
typedef struct lp_isolation {
  lp_candidate_options options;
  int memory;
} lp_isolation;
enum { LP_ISOLATION_FLAGS = 3 };
void lp_isolation_flags(lp_flag flags[LP_ISOLATION_FLAGS], lp_isolation *isolation);
/* Opens the candidate under them, or complains and returns NULL: exit code 99. */
lp_candidate *lp_open_candidate(const char *description, lp_isolation *isolation);

/* NULL (the default) and "pytorch", or "math"; false, with a complaint, otherwise. */
bool lp_profile_find(lp_profile *profile, const char *name);

/* Opens a file for writing ("-": stdout), or complains and returns NULL; closes it, complaining when a write failed. */
FILE *lp_open_output(const char *path);
int lp_close_output(FILE *file, const char *path);

/* Removes a folder with the files in it, but for "" ; one with folders in it stays. */
void lp_remove_corpus(const char *path);

#endif
