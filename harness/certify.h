/* Certification: every case of a suite put to a candidate, judged against what is true, and added up.
 *
 * The exact oracle decides. The other witnesses of a case, the fixture (PyTorch's outcome stored beside it, when the
 * suite has one) and the reference, are judged in the same way, so that it shows who is off: a fixture that is, without
 * a registered erratum, or a reference that is, is the harness's fault and not the candidate's.
 *
 * A case that the candidate's manifest does not declare is not put to it and counts as unsupported. How the candidate
 * behaved (lp_conduct), what it answered when asked again elsewhere in memory (encores), and the laws on derived cases
 * are judged beside the answers, each with verdicts of its own. */
#ifndef LP_HARNESS_CERTIFY_H
#define LP_HARNESS_CERTIFY_H

#include <signal.h>

#include "golden/errata.h"
#include "harness/answers_store.h"
#include "harness/candidate.h"
#include "harness/examine.h"
#include "harness/judge.h"
#include "harness/laws.h"

/* Who is off at an output: bits. */
typedef enum lp_off {
  LP_OFF_NOBODY = 0,
  LP_OFF_CANDIDATE = 1,
  LP_OFF_FIXTURE = 2,   /* an erratum, registered or not */
  LP_OFF_REFERENCE = 4, /* our bug */
} lp_off;

/* "nobody", "candidate", "candidate and fixture" ...: who stands alone against the definition. */
const char *lp_off_name(unsigned off);

/* What a verdict is about, beside the answer to the case itself. */
typedef struct lp_about {
  const char *encore; /* the answer to the same question, asked again under these circumstances; NULL: the answer */
  const lp_law *law;  /* NULL: none. The verdict's input is LP_OUTPUT_LAW then */
  const char *id;     /* of the question: the case's, or a derived one's */
  lp_conduct conduct; /* GOOD unless the verdict's input is LP_OUTPUT_CONDUCT */
} lp_about;

typedef struct lp_result {
  const lp_suite_entry *entry;
  uint64_t regimes;
  lp_reject reject;
  const char *not_run; /* why the candidate was not asked, or has no answer to give; NULL: it ran */
  int n_verdicts;
  const lp_verdict *verdicts;
  const unsigned *off;             /* LP_OFF_... bits */
  const lp_erratum *const *errata; /* the erratum that covers the output, or NULL */
  const lp_about *about;
  lp_status status;    /* not LP_OK: the harness could not judge the case */
  const char *message; /* why; never NULL */
  bool is_done;        /* false only while the run goes on */
} lp_result;

/* "acceptance", "loss", "grad/input", "conduct", "law/row-nan": what verdict i is about. Into name; returns it. */
char *lp_result_output(char name[LP_NAME_MAX], const lp_result *result, int verdict);

/* lp_signature, for laws and conduct too. */
char *lp_result_signature(char *text, size_t capacity, const lp_result *result, int verdict);

/* Can only a door with a process behind it make this check? */
bool lp_result_is_hygiene(const lp_result *result, int verdict);

/* One line of the table: a loss, its value or its gradients. */
typedef struct lp_tally {
  long judged;        /* verdicts */
  double worst_ratio; /* of the budget, over finite errors */
  double worst_ulp;   /* of the verdict with the worst ratio */
  const lp_result *worst;
} lp_tally;

typedef struct lp_loss_summary {
  const lp_loss *loss;
  int cases, rejected;                /* of the suite; of these expected to be rejected */
  int ran;                            /* of the cases */
  long counts[LP_VERDICT_WAIVED + 1]; /* as in lp_certification */
  long errata;                        /* outputs that a registered erratum covers */
  lp_grade grades[LP_BFLOAT16 + 1];   /* the worst, by the dtype of the case; NONE: nothing was compared */
  lp_tally value, gradient;
  long undeclared; /* gradients of cases that ran */
  uint64_t regimes;
  unsigned rejects;
} lp_loss_summary;

/* Why something was not asked, and how often. */
typedef struct lp_omission {
  const char *why; /* "dtype float16", "no answer to this case" */
  int cases;       /* that did not run for it */
  int outputs;     /* gradients of cases that ran */
} lp_omission;

/* Verdicts on laws. */
typedef struct lp_law_counts {
  long hold, broken;
  long unanswered; /* derived cases without an answer, or not declared */
} lp_law_counts;

typedef struct lp_certification {
  lp_arena *arena; /* owns messages and the arrays below */
  const char *candidate;
  const char *const *files; /* where the cases were read, for replay commands; none: the fixtures */
  int n_files;
  const char *dtypes; /* how the cases' dtypes were chosen, in words; NULL: as stored */
  bool ours;
  lp_result *results;
  int n_results;           /* judged */
  int n_selected;          /* of the suite; more than n_results after --fail-fast or an interruption */
  int n_ran;               /* results that the candidate answered, or should have */
  lp_loss_summary *losses; /* in registry order, those that had cases */
  int n_losses;
  /* Verdicts by kind. Answers count in all of them, laws and conduct only as fails. */
  long counts[LP_VERDICT_WAIVED + 1];
  lp_law_counts laws;
  long conduct[LP_CONDUCT_COUNT]; /* questions by conduct; GOOD is not counted */
  const lp_omission *omissions;   /* most frequent first */
  int n_omissions;
  const char *const *unmet; /* of the suites and losses required, those of which some case did not run */
  int n_unmet;
  long other_sides; /* gradients accepted on another side of a kink */
  long errata;      /* outputs that a registered erratum covers */
  lp_judging how;
  int harness_faults; /* unregistered disagreements of our own witnesses, stale errata, cases not judged */
  int stale_errata;   /* registered outputs at which PyTorch now agrees with the reference */
  bool interrupted;   /* by options->stop, with cases left over */
} lp_certification;

typedef struct lp_certify_options {
  const char *loss;         /* only this loss; NULL: all */
  const char *suite;        /* only ids that begin with SUITE/; NULL: all */
  const char *id;           /* only this case, in whatever dtype it was recast to; NULL: all */
  const char *const *files; /* as in lp_certification */
  int n_files;
  const char *dtypes;         /* likewise */
  int shard, shards;          /* only cases whose id hashes to shard (1 .. shards); shards 0: all */
  const char *const *require; /* names of suites or losses of which every case must run */
  int n_require;
  const lp_manifest *manifest; /* in place of the candidate's own; NULL: that */
  lp_judging how;         /* flushes_subnormals and convention: the manifest's are used instead, where it has one */
  int laws_every;         /* laws on one case in so many, chosen by its id; 0: none */
  int jobs;               /* threads, at least 1 */
  bool fail_fast;         /* the results end with the first case that has a finding */
  lp_answer_store *store; /* answers that are in it are not asked for, others are added; NULL: none */
  const volatile sig_atomic_t *stop;                    /* when it is not 0 no more cases are begun; NULL: never */
  void (*progress)(void *context, int done, int total); /* NULL: none; called under a lock */
  void *context;
  /* Sees the answer to every case that ran, before it is judged; NULL: nobody does. Not under a lock. */
  void (*answered)(void *context, const lp_case *c, const lp_answer *answer);
  void *answered_context;
} lp_certify_options;

/* Runs and judges. The suite, the errata and the candidate must outlive the certification. LP_INVALID: an entry is no
 * question (an input is missing), the candidate answers one loss with another, or its answers are found by id and two
 * questions share one, or the store cannot be written. LP_IO: the candidate cannot be started any more. The results are
 * in the suite's order, whatever the number of jobs. */
lp_status lp_certify(lp_certification *run, lp_candidate *candidate, const lp_suite *suite, const lp_errata *errata,
                     const lp_certify_options *options, lp_error *error) LP_MUST_USE;
void lp_certification_clear(lp_certification *run);

/* Is one of our own witnesses off at this verdict: the reference, a fixture without an erratum, a stale erratum? */
bool lp_result_is_harness_fault(const lp_result *result, int verdict);

/* Does the verdict belong on the list of what went wrong: a fail, an inconclusive one, a fault of the harness? */
bool lp_result_is_finding(const lp_result *result, int verdict);

/* The exit code of the run: 130 interrupted, 3 harness at fault, 4 nothing ran or less than was required, 1 findings, 5
 * only inconclusive left, 0 conforms. */
int lp_certification_exit_code(const lp_certification *run);

#endif
