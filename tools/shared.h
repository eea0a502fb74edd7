/* Steps that several verbs take. */
#ifndef LP_TOOLS_SHARED_H
#define LP_TOOLS_SHARED_H

#include <stdio.h>

#include "harness/certify.h"

/* Prints the table and the first failures to stdout, writes JSON Lines to `json` when not NULL; the exit code. */
int lp_report_everything(const lp_certification *run, const lp_suite *suite, const char *json, int max_failures);

/* NULL (the default) and "pytorch", or "math"; false, with a complaint, otherwise. */
bool lp_profile_find(lp_profile *profile, const char *name);

/* Opens a file for writing ("-": stdout), or complains and returns NULL; closes it, complaining when a write failed. */
FILE *lp_open_output(const char *path);
int lp_close_output(FILE *file, const char *path);

#endif
