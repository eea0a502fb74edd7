/* Compensated summation (Neumaier's variant of Kahan's algorithm).
 *
 * For n terms the computed sum has |error| <= u|sum| + O(n u^2) sum|x_i| (Ogita, Rump, Oishi 2005, "Accurate sum and
 * dot product", Sum2). The compensation is dropped once the running sum is not finite, so that infinities add up as
 * IEEE says and are not turned into NaN by inf - inf in the error term. */
#ifndef LP_REFERENCE_SUM_H
#define LP_REFERENCE_SUM_H

#include <math.h>

typedef struct lp_sum {
  double high, low;
} lp_sum;

static inline lp_sum lp_sum_zero(void) { return (lp_sum){0.0, 0.0}; }

static inline void lp_sum_add(lp_sum *s, double x) {
  const double t = s->high + x;
  s->low += fabs(s->high) >= fabs(x) ? (s->high - t) + x : (x - t) + s->high;
  s->high = t;
}

/* Adds b to a: partial sums of blocks combine without loss. */
static inline void lp_sum_merge(lp_sum *a, const lp_sum *b) {
  lp_sum_add(a, b->high);
  a->low += b->low;
}

static inline double lp_sum_get(const lp_sum *s) { return isfinite(s->high) ? s->high + s->low : s->high; }

#endif
