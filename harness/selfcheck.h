/* The harness against itself: over generated cases the reference, the exact oracle, finite differences and the laws
 * must agree, and over the fixtures PyTorch's answers show how far PyTorch itself is off. */
#ifndef LP_HARNESS_SELFCHECK_H
#define LP_HARNESS_SELFCHECK_H

#include "golden/errata.h"
#include "harness/judge.h"

/* The element at which a witness is worst. */
typedef struct lp_worst {
  char id[LP_MAX_ID_BYTES + 1]; /* of the case; "": nothing was compared */
  const lp_case *c;             /* it, while its suite lives; NULL after lp_selfcheck_run */
  int input;                    /* LP_OUTPUT_LOSS or the gradient's */
  int64_t index;
  double got;
  lp_comparison at;
} lp_worst;

/* One witness's errors in one kind of output (the value, or the gradients) of one loss. */
typedef struct lp_errors {
  long compared;  /* elements */
  long outside;   /* of the budget, or of the wrong class */
  long undecided; /* enclosure too wide */
  long at_kinks;  /* not decided: off where several kinks meet, or where rounding may do anything (a pole) */
  double ulp;     /* worst, in units in the last place, where nothing cancels: scale <= LP_NO_CANCELLATION |truth| */
  lp_worst worst; /* by error / (u scale + eta) */
  lp_worst off;   /* the first that is outside or undecided */
} lp_errors;

enum { LP_NO_CANCELLATION = 16 };

typedef struct lp_selfcheck_row {
  const lp_loss *loss;
  int cases, accepted;
  lp_errors value, gradient;
  long kinks;          /* reported by the exact oracle */
  long regimes_differ; /* cases whose regimes the reference sees otherwise than the exact oracle: it rounds */
  char regime[300];    /* the first of them */
  /* Finite differences of the exact value. */
  long differences, differences_silent, differences_wrong;
  double digits; /* the fewest to which gradient and difference agree; infinity when none was compared */
  /* Laws on the reference. */
  long laws, laws_broken;
  char first[400]; /* what is the matter, for the first case that is wrong in any way; "" */
} lp_selfcheck_row;

typedef struct lp_selfcheck_options {
  int cases; /* at least so many a loss */
  uint64_t seed;
  int differences_every; /* case i is differenced when i is a multiple; 0: none */
  int laws_every;
  int jobs;
  void (*progress)(void *context, int done, int total);
  void *context;
} lp_selfcheck_options;

/* Generates and checks the cases of one loss. LP_OK whatever was found; lp_selfcheck_agrees tells. The same row for any
 * number of jobs. */
lp_status lp_selfcheck_loss(lp_selfcheck_row *row, const lp_loss *loss, const lp_selfcheck_options *options,
                            lp_error *error) LP_MUST_USE;
bool lp_selfcheck_agrees(const lp_selfcheck_row *row);

/* How far the stored outcomes of a suite (PyTorch's) are from the truth; outputs that errata cover count apart. */
typedef struct lp_fixture_row {
  const lp_loss *loss;
  int cases;
  long errata; /* outputs that a registered erratum covers: left out of the errors */
  lp_errors value, gradient;
} lp_fixture_row;

/* rows: lp_registry_count() of them, in registry order; those without cases have cases == 0. */
lp_status lp_fixture_errors(lp_fixture_row *rows, const lp_suite *suite, const lp_errata *errata, int jobs,
                            lp_error *error) LP_MUST_USE;

#endif
