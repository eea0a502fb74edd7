/* One number against its enclosure. Pure.
 *
 * Right is what the dtype makes of any real number within the budget (reference/exact/budget.h) of the true value:
 *   finite     passes when the whole enclosure lies within the budget of it, fails when all of it lies outside;
 *   infinity   passes when the true value, moved by the budget, rounds to it: at or beyond the largest number and half
 *              its ulp;
 *   NaN        never, for a real number.
 * A true value that is itself infinite or NaN (by the rules for infinite and NaN inputs) asks for that very class, or,
 * where rounding decides between them (LP_NOT_FINITE), for any of these. Where rounding may make anything of a number
 * (a boundless scale, reference/exact/budget.h) no answer is proven right or wrong, but an infinity or NaN that the
 * true value itself asks for is right. Classes are compared before anything is subtracted. Everything is decided in
 * ball arithmetic. */
#ifndef LP_HARNESS_COMPARE_H
#define LP_HARNESS_COMPARE_H

#include "reference/exact/exact.h"

typedef enum lp_fit {
  LP_FITS = 0,
  LP_FITS_NOT,
  LP_FITS_PERHAPS, /* the enclosure is too wide to tell */
} lp_fit;

typedef struct lp_comparison {
  lp_fit fit;
  lp_class got_class, true_class; /* one of the first four: where no finite number is right, and no other is, NaN */
  double truth;                   /* the middle of the enclosure as a double, or its class */
  double
      error; /* |got - truth|, rounded up; 0 when the classes are the same and not finite, infinity when they differ */
  double error_ulp;      /* in units in the last place of truth in the dtype */
  double budget;         /* k u D scale + k eta */
  double ratio;          /* error / budget */
  double pairwise_ratio; /* error / budget at the depth of pairwise summation */
  double scaled_error;   /* error / (u scale + eta) */
} lp_comparison;

void lp_compare(lp_comparison *result, double got, const lp_exact_number *truth, lp_dtype dtype,
                bool flushes_subnormals);

/* The unit in the last place of x in this dtype; of 0 and of non-finite numbers, the smallest subnormal. */
double lp_ulp(lp_dtype dtype, double x);

#endif
