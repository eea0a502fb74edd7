/* The distance |x - y + eps|_p of two rows and its slope, for any p, in the three ways of rows.h. For triplet_margin.
 */
#ifndef LP_REFERENCE_DISTANCE_H
#define LP_REFERENCE_DISTANCE_H

#include "reference/rows.h"

typedef struct lp_distance {
  int64_t n;
  const double *x, *y;
  double *d;       /* differences with eps */
  const double *w; /* slopes: w_i/divisor after the plain way, g times the slope after the special way */
  double *w_copy;  /* room for them; w may be d */
  lp_pair norm;
  lp_pair divisor;
  lp_big big;        /* the norm after the big way; for powers other than 1 and 2: */
  lp_big extremum;   /* the |d_i| that counts most, m */
  lp_pair log_mean;  /* log of the mean of (|d_i|/m)^p, over p */
  lp_big root_share; /* n^(1/p)/n, n components not being 0 */
} lp_distance;

/* The plain way: d, norm and divisor; false when the rows, or p, are not for it. Then the slopes. */
bool lp_distance_plain(lp_distance *v, double p, double eps);
void lp_distance_plain_slopes(lp_distance *v, double p);

/* The big way, for finite rows and eps and any p but NaN: big, norm and d. Then the slope of the norm in d_i. */
void lp_distance_big(lp_distance *v, double p, double eps);
lp_big lp_distance_big_slope(const lp_distance *v, double p, double eps, int64_t i);

/* The special way, PyTorch's operations in PyTorch's order: d and norm; axes: of the inputs, as a norm over an axis of
 * extent 1 is |d| whatever p. Then the slopes times g, the gradient of the norm. */
void lp_distance_special(lp_distance *v, double p, double eps, int axes);
void lp_distance_special_slopes(lp_distance *v, double p, double g);

void lp_distance_no_slopes(lp_distance *v);

/* How many |d_i| are `size`; which is the largest or smallest; |d_i| - |d_j|, 0 only where they are exactly equal. */
int64_t lp_distance_count(const lp_distance *v, double size);
int64_t lp_distance_extremal(const lp_distance *v, bool largest);
double lp_distance_excess(const lp_distance *v, double eps, int64_t i, int64_t j);

#endif
