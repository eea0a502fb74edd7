/* Finite differences of an implementation's own values: does its gradient belong to its loss?
 *
 * Central differences D(h) of F = sum of grad_output * loss over one element of an input, at steps that shrink by 4
 * from the size of the element, extrapolated to h = 0 (Richardson; Ridders 1982 for which entry of the table to take).
 * Every place is a number of the element's dtype and the step is what really lies between the places, so that no step
 * is rounded. The result is d +- U, U = 2 |last step of the extrapolation| + value budgets of the places, weighted as
 * the extrapolation weights them, over the step + what places that are not quite symmetric make of the second
 * difference. Taken is the entry with the smallest U, and only when those of all smaller steps agree with it.
 *
 * A difference contradicts a gradient g when |g - d| > budget of g + U. It says nothing when U > scale / 1000, or when
 * the stencil leaves the regime of the case: the sides of all switches, by the exact oracle, which gives the
 * budgets of the values too. It is a witness: it decides only where no exact oracle covers the output
 * (lp_difference_decides). */
#ifndef LP_HARNESS_DIFFERENCE_H
#define LP_HARNESS_DIFFERENCE_H

#include "reference/plan.h"

/* F with the element at one place. */
typedef struct lp_place_value {
  double value;
  double budget;   /* by which the value may be off */
  uint64_t regime; /* places of one regime have the same one */
} lp_place_value;

/* False when there is no finite value there. */
typedef bool (*lp_value_at)(void *context, double x, lp_place_value *place);

typedef struct lp_difference {
  bool known; /* there is an estimate; whether it says anything, lp_difference_judge tells */
  double slope, uncertainty;
  double step; /* the largest that the estimate uses; 0 when there is none */
  int values;  /* how many were asked for */
} lp_difference;

/* Differences F at x, a number of this dtype. */
lp_difference lp_difference_of(lp_value_at at, void *context, lp_dtype dtype, double x);

typedef enum lp_difference_verdict {
  LP_DIFFERENCE_AGREES,
  LP_DIFFERENCE_CONTRADICTS,
  LP_DIFFERENCE_NO_INFORMATION,
} lp_difference_verdict;

/* The difference against a gradient that may be off by `budget` and has this scale. A gradient that is not finite
 * contradicts any difference that says something. */
lp_difference_verdict lp_difference_judge(const lp_difference *d, double gradient, double budget, double scale);

const char *lp_difference_verdict_name(lp_difference_verdict verdict); /* "agrees", "contradicts", "no information" */

/* The losses of a case as an implementation computes them, into loss[numel]. False: it does not. */
typedef bool (*lp_forward)(void *context, double *loss, const lp_case *c);

/* Differences one element of an input, which has a floating dtype, over the values of `forward`. Budgets and regimes
 * are the exact oracle's; LP_INTERNAL when the loss has none. LP_NO_MEMORY; LP_REJECTED or LP_INVALID when the case
 * itself is not accepted. */
lp_status lp_difference_case(lp_difference *d, const lp_case *c, int input, int64_t index, lp_forward forward,
                             void *context, lp_error *error) LP_MUST_USE;

/* May a difference decide? Only when the loss has no exact oracle. */
bool lp_difference_decides(const lp_loss *loss);

#endif
