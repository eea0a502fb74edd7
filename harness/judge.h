/* The judge: from a candidate's outcome and the witnesses to a verdict for each output.
 *
 * Provisional comparison, until exact enclosures take its seat: an output passes when at every element
 *   |got - expected| <= LP_BUDGET_K * u * scale + LP_BUDGET_K * eta,
 * with scale from lp_reference_scale (one function), u and eta of the dtype. Non-finite values are compared by class
 * (finite, +inf, -inf, NaN) before any subtraction; a number beyond the dtype's largest and infinity are the same. */
#ifndef LP_HARNESS_JUDGE_H
#define LP_HARNESS_JUDGE_H

#include "golden/suite.h"

enum { LP_BUDGET_K = 8 };

/* Gradients beyond their budget that this comparison cannot decide: inconclusive, unless another witness agrees. */
enum {
  LP_LENIENT_KINK = 1, /* rounding decides the side of a kink: both gradients finite */
  LP_LENIENT_OPEN = 2, /* infinities of both signs meet, in an order that the definition leaves open: one not finite */
};

typedef enum lp_verdict_kind {
  LP_VERDICT_PASS = 0,
  LP_VERDICT_FAIL,
  LP_VERDICT_INCONCLUSIVE,
  LP_VERDICT_UNSUPPORTED,
  LP_VERDICT_WAIVED, /* covered by a registered erratum */
} lp_verdict_kind;

typedef struct lp_verdict {
  lp_verdict_kind kind;
  int input;            /* LP_OUTPUT_LOSS or the index of the gradient's input; LP_OUTPUT_CASE for accept or reject */
  int64_t index;        /* element with the worst ratio; LP_WHOLE_OUTPUT when no element was compared */
  double got, expected; /* at that element */
  double error;         /* |got - expected|; 0 when both are the same non-finite class, infinity when classes differ */
  double error_ulp;     /* error in units in the last place of `expected` */
  double budget;
  double ratio;     /* error / budget */
  bool lenient;     /* inconclusive for one of LP_LENIENT_..., until another witness agrees */
  char reason[160]; /* one sentence when kind is not PASS */
} lp_verdict;

enum { LP_OUTPUT_CASE = -2, LP_WHOLE_OUTPUT = -1, LP_MAX_VERDICTS = LP_MAX_OUTPUTS + 1 };

/* Judges `candidate` against `expected`. scale: outputs of lp_reference_scale, whose dtypes are the outputs' own. An
 * output that it lacks or has in another shape than `expected` (a fixture that contradicts the reference) passes when
 * it is equal, and is inconclusive otherwise. lenience: LP_LENIENT_... bits. Returns how many verdicts it wrote: one
 * for acceptance, then one per output when both sides accepted. */
int lp_judge(lp_verdict verdicts[LP_MAX_VERDICTS], const lp_case *c, const lp_outcome *candidate,
             const lp_outcome *expected, const lp_outcome *scale, unsigned lenience);

/* The error that an element of this dtype and scale is allowed. A pure function: nothing widens it. */
double lp_budget(lp_dtype dtype, double scale);

/* The unit in the last place of x in this dtype; of 0 and of non-finite numbers, the smallest subnormal. */
double lp_ulp(lp_dtype dtype, double x);

const char *lp_verdict_name(lp_verdict_kind kind);

#endif
