/* Certification: every case of a suite put to a candidate, judged against what is true, and added up.
 *
 * The exact oracle decides. The other witnesses of a case, the fixture (PyTorch's outcome stored beside it, when the
 * suite has one) and the reference, are judged in the same way, so that it shows who is off: a fixture that is, without
 * a registered erratum, or a reference that is, is the harness's fault and not the candidate's. */
#ifndef LP_HARNESS_CERTIFY_H
#define LP_HARNESS_CERTIFY_H

#include "golden/errata.h"
#include "harness/candidate.h"
#include "harness/examine.h"
#include "harness/judge.h"

/* Who is off at an output: bits. */
typedef enum lp_off {
  LP_OFF_NOBODY = 0,
  LP_OFF_CANDIDATE = 1,
  LP_OFF_FIXTURE = 2,   /* an erratum, registered or not */
  LP_OFF_REFERENCE = 4, /* our bug */
} lp_off;

/* "nobody", "candidate", "candidate and fixture" ...: who stands alone against the definition. */
const char *lp_off_name(unsigned off);

typedef struct lp_result {
  const lp_suite_entry *entry;
  uint64_t regimes;
  lp_reject reject;
  int n_verdicts;
  lp_verdict verdicts[LP_MAX_VERDICTS];
  unsigned off[LP_MAX_VERDICTS];             /* LP_OFF_... bits */
  const lp_erratum *errata[LP_MAX_VERDICTS]; /* the erratum that covers the output, or NULL */
  lp_status status;                          /* not LP_OK: the harness could not judge the case */
  const char *message;                       /* why; never NULL */
} lp_result;

/* One line of the table: a loss, its value or its gradients. */
typedef struct lp_tally {
  long judged;        /* verdicts */
  double worst_ratio; /* of the budget, over finite errors */
  double worst_ulp;   /* of the verdict with the worst ratio */
  const lp_result *worst;
} lp_tally;

typedef struct lp_loss_summary {
  const lp_loss *loss;
  int cases, rejected;                /* put to the candidate; of these expected to be rejected */
  long counts[LP_VERDICT_WAIVED + 1]; /* verdicts by kind */
  long errata;                        /* outputs that a registered erratum covers */
  lp_grade grades[LP_BFLOAT16 + 1];   /* the worst, by the dtype of the case; NONE: nothing was compared */
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
  long other_sides; /* gradients accepted on another side of a kink */
  long errata;      /* outputs that a registered erratum covers */
  lp_judging how;
  int harness_faults; /* unregistered disagreements of our own witnesses, stale errata, cases not judged */
  int stale_errata;   /* registered outputs at which PyTorch now agrees with the reference */
} lp_certification;

typedef struct lp_certify_options {
  const char *loss;         /* only this loss; NULL: all */
  const char *suite;        /* only ids that begin with SUITE/; NULL: all */
  const char *id;           /* only this case; NULL: all */
  const char *const *files; /* as in lp_certification */
  int n_files;
  lp_judging how;
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

/* Is one of our own witnesses off at this verdict: the reference, a fixture without an erratum, a stale erratum? */
bool lp_result_is_harness_fault(const lp_result *result, int verdict);

/* The exit code of the run: 3 harness at fault, 4 nothing ran, 1 findings, 5 only inconclusive left, 0 conforms. */
int lp_certification_exit_code(const lp_certification *run);

#endif
