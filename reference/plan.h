/* A plan: a case that has been checked as PyTorch checks it, with the geometry that its kernels need.
 *
 * Use:  lp_plan plan;
 *       if (lp_plan_init(&plan, c, &error) == LP_OK) {
 *         ... lay out the outputs: plan.outcome says their shapes; give each tensor its f64 buffer ...
 *         lp_reference_run(&outcome, &plan, scratch);        scratch: plan.scratch doubles
 *       }
 * The plan borrows the case, which must outlive it. Nothing here allocates. */
#ifndef LP_REFERENCE_PLAN_H
#define LP_REFERENCE_PLAN_H

#include <stddef.h>

#include "reference/case.h"

enum { LP_MAX_EXTENTS = 8 };

typedef struct lp_plan {
  const lp_case *c;
  lp_tensor term;                             /* shape and numel of the unreduced loss; no data */
  int64_t stride[LP_MAX_INPUTS][LP_MAX_RANK]; /* of each input over term's shape, in elements; 0 where broadcast;
                                                 set by lp_plan_broadcast */
  bool broadcasts;                            /* an input of lp_plan_broadcast or lp_rows_broadcast is stretched */
  int64_t extent[LP_MAX_EXTENTS];             /* the loss's own sizes: N, C, T ... in an order its file states */
  size_t scratch;                             /* doubles that run and regimes_of need */
  lp_outcome outcome;                         /* layout of the outputs: names, shapes, no data */
} lp_plan;

/* Checks and lays out a case.
 * LP_REJECTED: PyTorch raises for it. LP_INVALID: it is not a case (a required input is missing). */
lp_status lp_plan_init(lp_plan *plan, const lp_case *c, lp_error *error) LP_MUST_USE;

/* Tools for the plan hooks of losses. */

/* Sets plan->term to the broadcast shape of the present inputs whose bit is set in `inputs`, and their strides
 * over it. Rejects with
 * LP_REJECT_SHAPE, naming the two arguments and their shapes, when they do not broadcast. */
lp_status lp_plan_broadcast(lp_plan *plan, unsigned inputs, lp_error *error) LP_MUST_USE;

/* For the losses that check the word themselves, before PyTorch's table of old names. */
lp_status lp_plan_refuse_elementwise_mean(const lp_plan *plan, lp_error *error) LP_MUST_USE;

/* Sets plan->term to this shape. */
void lp_plan_set_term(lp_plan *plan, int rank, const int64_t *shape);

/* Element i of the upstream gradient: 1 when the case has none. i is 0 for a reduced loss. */
double lp_plan_upstream(const lp_plan *plan, int64_t i);

/* The buffer of the loss, of the gradient of input i, or NULL when the plan has no such output. */
double *lp_outcome_loss(const lp_outcome *outcome);
double *lp_outcome_grad(const lp_outcome *outcome, int input);

/* Runs the hooks of the case's loss. */
void lp_reference_run(lp_outcome *outcome, const lp_plan *plan, double *scratch);
uint64_t lp_reference_regimes(const lp_plan *plan, double *scratch);

#endif
