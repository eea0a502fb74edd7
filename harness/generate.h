/* The seeded generator: from a loss's registry row to cases.
 *
 * Options (reduction, every parameter's values, optional inputs given or not, dtype of label targets, the upstream
 * gradient) x shape class x value class form a 3-way covering array: every combination of three settings of three
 * different factors that the loss allows appears in some case (factors.h, covering.h). Row by row the case is built
 * (compose.h), its values drawn from the seed hash(run seed, case id), and its plan made, so that what it expects
 * (accept or reject) is known. Settings that PyTorch rejects are never crossed: each has cases of its own. */
#ifndef LP_HARNESS_GENERATE_H
#define LP_HARNESS_GENERATE_H

#include "golden/suite.h"

typedef struct lp_generate_options {
  uint64_t seed;     /* of the run; default LP_DEFAULT_SEED */
  int minimum;       /* at least this many cases a loss: the array is topped up with seeded random rows */
  lp_dtype dtype;    /* floating dtype of the cases' tensors; values are rounded to it */
  const char *suite; /* the id's first part, "core" */
} lp_generate_options;

#define LP_DEFAULT_SEED ((uint64_t)1)

/* Appends the cases of one loss to the suite; on failure the suite is as it was. Deterministic.
 * LP_REJECTED: the loss does not take the dtype. LP_INTERNAL: the loss's row contradicts its plan (a class declared to
 * be rejected is accepted, or the reverse), or `minimum` is more than there are different cases. */
lp_status lp_generate(lp_suite *suite, const lp_loss *loss, const lp_generate_options *options,
                      lp_error *error) LP_MUST_USE;

/* How well a set of cases covers a loss. */
typedef struct lp_coverage {
  int cases, ordinary, rejected;
  long triples_wanted, triples_hit; /* 3-way combinations that the constraints allow */
  uint64_t regimes_hit;             /* of loss->regimes */
  unsigned rejects_hit;             /* of loss->rejects */
  int largest_group;                /* most cases that share options, shape class, regimes and what they hunt */
} lp_coverage;

/* Measures the entries of this loss in the suite, from the cases themselves (not from how they were made). */
lp_status lp_coverage_measure(lp_coverage *coverage, const lp_suite *suite, const lp_loss *loss,
                              lp_error *error) LP_MUST_USE;

#endif
