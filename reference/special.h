/* Special functions of the losses, stable for every argument: softplus, its derivative and x log x as pairs
 * (vecmath.h), which vectorize (no branches, no library calls), and exp and log in big arithmetic (big.h), which do
 * not. */
#ifndef LP_REFERENCE_SPECIAL_H
#define LP_REFERENCE_SPECIAL_H

#include "reference/vecmath.h"

/* A function and its derivative at one point. */
typedef struct lp_jet {
  lp_pair value, slope;
} lp_jet;

/* log(1 + u + u_low) for 0 <= u <= 1, given the reciprocal of 1 + u. Above sqrt(2) - 1 it is log 2 + log((1 + u)/2). */
LP_INLINE lp_pair lp_log1p_unit(lp_pair u, double reciprocal) {
  const int large = u.high > 0x1.a827999fcef32p-2;
  const lp_pair less_one = lp_fast_two_sum(-1.0, u.high);
  const double f = large ? 0.5 * less_one.high : u.high;
  const double f_low = (large ? less_one.low + u.low : u.low) * reciprocal;
  return lp_log_reduced(large ? 1.0 : 0.0, f, f_low);
}

/* a/(1 + u) for a = 1 or a = u, 0 <= u <= 1: one step of refinement from the rounded reciprocal of 1 + u. */
LP_INLINE lp_pair lp_over_one_plus(lp_pair a, lp_pair one_plus_u, double reciprocal) {
  const double q = a.high * reciprocal;
  const lp_pair back = lp_two_product(q, one_plus_u.high);
  const double left = ((a.high - back.high) - back.low) + (a.low - q * one_plus_u.low);
  return lp_join(q, left * reciprocal);
}

/* softplus(z) = log(1 + exp(z)) = max(z, 0) + log(1 + u), u = exp(-|z|), and its derivative, the logistic function:
 * 1/(1 + u) for z > 0, u/(1 + u) otherwise. Above 1e-300 both are within 0.65 ulp, as pairs within 2^-54.8 relative;
 * below within 1 ulp. Infinities give their limits, NaN gives NaN. */
LP_INLINE lp_jet lp_softplus(lp_pair z) {
  const int positive = z.high > 0.0;
  const lp_pair part = positive ? z : lp_whole(0.0);
  const lp_pair u = lp_exp_pair(positive ? -z.high : z.high, positive ? -z.low : z.low);
  const lp_pair sum = lp_fast_two_sum(1.0, u.high);
  const lp_pair one_plus_u = {sum.high, sum.low + u.low};
  const double reciprocal = 1.0 / sum.high;
  const lp_pair log = lp_log1p_unit(u, reciprocal);
  const lp_pair value = lp_pair_sum(part, log);
  const lp_pair slope = lp_over_one_plus(positive ? lp_whole(1.0) : u, one_plus_u, reciprocal);
  const int huge = z.high > 0x1p60;
  return (lp_jet){{huge ? z.high : value.high, huge ? z.low : value.low}, slope};
}

/* x log x, 0 at 0 as the limit has it and PyTorch's xlogy(x, x); NaN for x < 0. `log` is log(x). */
LP_INLINE lp_pair lp_xlogx(double x, lp_pair log) {
  const lp_pair product = lp_pair_product(lp_whole(x), log);
  const int zero = x == 0.0;
  return (lp_pair){zero ? 0.0 : product.high, zero ? 0.0 : product.low};
}

#endif
