/* Certification: every case of a suite put to a candidate, judged against the witnesses, and added up.
 *
 * Witnesses of a case: the fixture (PyTorch's outcome stored beside it, when the suite has one) and the reference.
 * The expected outcome is the fixture; where an erratum says that the fixture's output is wrong, the reference. */
#ifndef LP_HARNESS_CERTIFY_H
#define LP_HARNESS_CERTIFY_H

#include "golden/errata.h"
#include "harness/candidate.h"
#include "harness/examine.h"
#include "harness/judge.h"

/* Who stands alone when witnesses disagree. */
typedef enum lp_alone {
  LP_ALONE_NOBODY = 0,
  LP_ALONE_CANDIDATE, /* the fixture and the reference agree with each other */
  LP_ALONE_FIXTURE,   /* the candidate and the reference agree: an erratum, registered or not */
  LP_ALONE_REFERENCE, /* the candidate and the fixture agree: our bug */
  LP_ALONE_EVERYONE,  /* all differ */
} lp_alone;

const char *lp_alone_name(lp_alone alone);

typedef struct lp_result {
  const lp_suite_entry *entry;
  uint64_t regimes;
  lp_reject reject;
  int n_verdicts;
  lp_verdict verdicts[LP_MAX_VERDICTS];
  lp_alone alone[LP_MAX_VERDICTS];
  const lp_erratum *errata[LP_MAX_VERDICTS]; /* the erratum that covers the output, or NULL */
  lp_status status;                          /* not LP_OK: the harness could not judge the case */
  const char *message;                       /* why; never NULL */
} lp_result;

/* One line of the table: a loss, its value or its gradients. */
typedef struct lp_tally {
  long judged;        /* verdicts */
  double worst_ratio; /* of the budget, over finite passing and failing verdicts */
  double worst_ulp;   /* of the verdict with the worst ratio */
  const lp_result *worst;
} lp_tally;

typedef struct lp_loss_summary {
  const lp_loss *loss;
  int cases, rejected;                /* put to the candidate; of these expected to be rejected */
  long counts[LP_VERDICT_WAIVED + 1]; /* verdicts by kind */
  lp_tally value, gradient;
  uint64_t regimes;
  unsigned rejects;
} lp_loss_summary;

typedef struct lp_certification {
  lp_arena *arena; /* owns messages and the arrays below */
  const char *candidate;
  const char *const *files; /* where the cases were read, for replay commands; none: the fixtures */
  int n_files;
  bool ours;
  lp_result *results;
  int n_results;
  lp_loss_summary *losses; /* in registry order, those that had cases */
  int n_losses;
  long counts[LP_VERDICT_WAIVED + 1];
  long lenient;       /* gradients accepted because the comparison cannot decide them */
  int harness_faults; /* unregistered disagreements of our own witnesses, stale errata, cases not judged */
  int stale_errata;   /* registered outputs at which PyTorch now agrees with the reference */
} lp_certification;

typedef struct lp_certify_options {
  const char *loss;         /* only this loss; NULL: all */
  const char *suite;        /* only ids that begin with SUITE/; NULL: all */
  const char *id;           /* only this case; NULL: all */
  const char *const *files; /* as in lp_certification */
  int n_files;
  int jobs;                                             /* threads, at least 1 */
  void (*progress)(void *context, int done, int total); /* NULL: none; called under a lock */
  void *context;
} lp_certify_options;

/* Runs and judges. The suite, the errata and the candidate must outlive the certification. LP_INVALID: an entry is no
 * question (an input is missing), the candidate answers one loss with another, or its answers are found by id and two
 * questions share one. The results are in the suite's order, whatever the number of jobs. */
lp_status lp_certify(lp_certification *run, lp_candidate *candidate, const lp_suite *suite, const lp_errata *errata,
                     const lp_certify_options *options, lp_error *error) LP_MUST_USE;
void lp_certification_clear(lp_certification *run);

/* The exit code of the run: 3 harness at fault, 4 nothing ran, 1 findings, 5 only inconclusive left, 0 conforms. */
int lp_certification_exit_code(const lp_certification *run);

#endif
