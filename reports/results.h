/* Results as they were written (jsonl.h), read back: what every report is rendered from. reports/README.md documents
 * the records. */
#ifndef LP_REPORTS_RESULTS_H
#define LP_REPORTS_RESULTS_H

#include "golden/arena.h"

enum { LP_RESULTS_MOST = 10000000 }; /* records of a file */

/* One verdict. Texts are never NULL. */
typedef struct lp_record {
  const char *id, *loss, *output, *dtype; /* dtype of the case */
  const char *verdict;                    /* "pass", "fail", "inconclusive", "unsupported", "waived" */
  const char *signature;                  /* "" where it passes */
  const char *reason, *alone, *erratum, *question, *encore;
  const char *regimes; /* names with blanks between them */
  bool compared;       /* the numbers below mean something */
  int64_t index;
  double got, expected, error, error_ulp, budget, ratio;
  char grade; /* 'A' .. 'F', or '-' */
  /* Of the first finding of each signature; "" elsewhere. */
  const char *hunts, *screen, *script, *replay;
} lp_record;

/* A case that the harness could not judge. */
typedef struct lp_unjudged {
  const char *id, *reason;
} lp_unjudged;

typedef struct lp_not_run {
  long cases, outputs;
  const char *reason;
} lp_not_run;

typedef struct lp_results {
  lp_arena *arena;
  const char *path;
  const char *candidate, *profile, *fixtures, *fixtures_version, *program_version;
  long selected; /* cases */
  lp_record *records;
  int n_records;
  lp_unjudged *unjudged;
  int n_unjudged;
  bool whole; /* the summary is there: the run came to its end */
  long judged, ran, laws_hold, laws_broken, laws_unanswered, harness_faults;
  lp_not_run *not_run;
  int n_not_run;
  int exit_code; /* -1 unless whole */
} lp_results;

typedef struct lp_counts {
  long pass, fail, inconclusive, unsupported, waived;
} lp_counts;

/* Reads a file ("-": standard input). A last line without its end, as a run that was killed leaves it, is passed over.
 * LP_INVALID: not such results, with the line: an unknown record, key, version, or a value of another kind; LP_IO. */
lp_status lp_results_read(lp_results *results, const char *path, lp_error *error) LP_MUST_USE;
void lp_results_clear(lp_results *results);

void lp_counts_add(lp_counts *counts, const lp_record *record);
lp_counts lp_results_count(const lp_results *results);

/* "CONFORMS", "DOES NOT CONFORM" ..., by the exit code; "CUT SHORT" without a summary. */
const char *lp_results_conclusion(const lp_results *results);

static inline bool lp_record_is(const lp_record *r, const char *verdict) {
  for (const char *a = r->verdict;; a++, verdict++) {
    if (*a != *verdict) return false;
    if (!*a) return true;
  }
}

/* Fails and inconclusive verdicts, and faults of the harness. */
bool lp_record_is_finding(const lp_record *r);

#endif
