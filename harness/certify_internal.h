/* Between the files of the certification: choosing the cases, one case on its way, its findings, adding up. */
#ifndef LP_HARNESS_CERTIFY_INTERNAL_H
#define LP_HARNESS_CERTIFY_INTERNAL_H

#include <pthread.h>

#include "harness/certify.h"
#include "harness/pool.h"

/* Under which everything is done that touches the run's arena. */
typedef struct lp_certify_work {
  lp_certification *run;
  lp_candidate *candidate;
  const lp_manifest *manifest;
  bool by_id;   /* answers are found by id */
  bool lenient; /* there is no manifest (answers from a file): a question that they leave out is no refusal */
  const lp_errata *errata;
  const lp_certify_options *options;
  pthread_mutex_t lock;
  int done;
  struct room *rooms[LP_JOBS_MAX + 1]; /* not in use at the moment */
  int n_rooms;
  bool failed_fast;
  lp_status status; /* of the run: the store cannot be written */
  lp_error error;
} lp_certify_work;

/* --- certify_select.c --- */

/* Fills run->results with the cases chosen, in the suite's order, and checks that their ids are their own. */
lp_status lp_certify_select(lp_certify_work *work, const lp_suite *suite, lp_error *error) LP_MUST_USE;
/* Which of the required suites and losses did not run whole: run->unmet. */
lp_status lp_certify_check_required(lp_certify_work *work, const lp_suite *suite, lp_error *error) LP_MUST_USE;

/* --- what was found in a case --- */

enum { LP_FINDINGS_MAX = 3 * LP_MAX_VERDICTS + LP_CONDUCT_COUNT + 32 };

typedef struct lp_findings {
  int n;
  lp_verdict verdicts[LP_FINDINGS_MAX];
  unsigned off[LP_FINDINGS_MAX];
  const lp_erratum *errata[LP_FINDINGS_MAX];
  lp_about about[LP_FINDINGS_MAX];
} lp_findings;

/* Adds one; what is past the ceiling is dropped. */
void lp_findings_add(lp_findings *f, const lp_verdict *verdict, unsigned off, const lp_erratum *erratum,
                     lp_about about);

/* A verdict that is about no number. What a terminal would act upon in the reason is replaced. */
lp_verdict lp_finding(lp_verdict_kind kind, lp_cause cause, int input, const char *reason);

/* --- certify_judge.c: one case --- */

/* A case on its way: what it is asked, and what was answered. */
typedef struct lp_unit {
  lp_result *result;
  lp_arena *arena;
  bool covered; /* by the manifest */
  int n_derivations;
  lp_derivation *derivations; /* of the laws that are tried on the case */
  const char **not_asked;     /* why the derived cases of each are not put to the candidate, or NULL */
  int n_questions;            /* the case itself, then the derived ones, in order */
  const lp_case **questions;
  lp_answer *answers;
  lp_findings findings;
} lp_unit;

/* Judges the answer to the case itself, its encores, and the conduct of all answers. */
lp_status lp_certify_judge_unit(lp_unit *unit, const lp_certify_work *work, lp_error *error) LP_MUST_USE;

/* --- certify_laws.c --- */

/* Which laws are tried on the case, and the questions that this takes. */
lp_status lp_certify_derive(lp_unit *unit, const lp_certify_work *work, lp_error *error) LP_MUST_USE;

/* exact: of the case itself. */
lp_status lp_certify_judge_laws(lp_unit *unit, const lp_certify_work *work, const lp_examination *own,
                                lp_error *error) LP_MUST_USE;

/* --- certify_sum.c --- */

lp_status lp_certify_summarize(lp_certification *run, lp_error *error) LP_MUST_USE;

#endif
