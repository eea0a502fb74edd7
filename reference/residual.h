/* What the losses of the residual d = input - target have in common (l1, mse, smooth_l1): the checks on dtypes and
 * shapes, the weight, and PyTorch's arithmetic where both input and target are integers. */
#ifndef LP_REFERENCE_RESIDUAL_H
#define LP_REFERENCE_RESIDUAL_H

#include <float.h>
#include <math.h>

#include "reference/draw.h"
#include "reference/pointwise.h"
#include "reference/vecmath.h"

enum { LP_RESIDUAL_INPUT, LP_RESIDUAL_TARGET, LP_RESIDUAL_WEIGHT };

/* When PyTorch takes an input and a target that are both integers: its result is then an integer too. */
typedef enum lp_integers { LP_INTEGERS_NEVER, LP_INTEGERS_UNLESS_MEAN, LP_INTEGERS_ALWAYS } lp_integers;

/* The plan hook but for parameters. Broadcasts input and target; a weight must have the shape of the input.
 * subtracts: the loss goes through PyTorch's operator -, which refuses bool. */
lp_status lp_residual_plan(lp_plan *plan, bool subtracts, lp_integers integers, lp_error *error) LP_MUST_USE;

/* Are input and target both integers? */
bool lp_residual_is_integer(const lp_plan *plan);

/* Kernels for that case: |d| and d^2, times the weight when there is one. The difference, its absolute value or
 * square, and the product with an integer weight wrap around in the dtype to which PyTorch promotes. */
void lp_integer_absolute(const lp_run *run);
void lp_integer_square(const lp_run *run);

/* The same for one position without overflow or underflow, and added to an exact sum. */
void lp_integer_big_absolute(lp_big_term *term, const lp_run *run, int i);
void lp_integer_big_square(lp_big_term *term, const lp_run *run, int i);
void lp_integer_add_absolute(lp_long_sum *sum, const lp_run *run, int i);
void lp_integer_add_square(lp_long_sum *sum, const lp_run *run, int i);

/* PyTorch sums integers in int64: wraps a sum of which no summand is floating. */
void lp_integer_wrap_sum(lp_outcome *outcome, const lp_plan *plan);

/* The dtype to which PyTorch promotes two integer dtypes, and x brought into a dtype modulo 2^bits. */
lp_dtype lp_integer_promote(lp_dtype a, lp_dtype b);
int64_t lp_integer_wrap(lp_dtype dtype, uint64_t x);

/* high + low as a pair whose high part is rounded, or high where that is not finite. */
LP_INLINE lp_pair lp_residual_settle(double high, double low) {
  const lp_pair sum = lp_fast_two_sum(high, low);
  return (lp_pair){fabs(high) <= DBL_MAX ? sum.high : high, sum.low};
}

LP_INLINE lp_pair lp_residual_square(lp_pair d) {
  const lp_pair high = lp_two_product(d.high, d.high);
  return lp_residual_settle(high.high, high.low + 2.0 * d.high * d.low);
}

/* The value v times the weight w; a zero keeps its sign. */
LP_INLINE lp_pair lp_residual_weigh(double w, lp_pair v) {
  const lp_pair product = lp_two_product(w, v.high);
  const lp_pair sum = lp_residual_settle(product.high, product.low + w * v.low);
  return (lp_pair){product.high == 0.0 ? product.high : sum.high, sum.low};
}

/* Position i of the residual in big arithmetic, and its weight, 1 when there is none. */
lp_big lp_residual_big(const lp_run *run, int i);
lp_big lp_residual_big_weight(const lp_run *run, int i);

/* Adds a b times the weight of position i. */
void lp_residual_add_weighted(lp_long_sum *sum, const lp_run *run, int i, double a, double b);

/* target - input where they are equal: 0 or -0. */
lp_big lp_residual_big_zero(const lp_run *run, int i);

/* Is the case a mean with weights that sum to exactly 0? */
bool lp_residual_weights_cancel(const lp_plan *plan);

/* Shapes of input, target and weight. The last ones differ from others in the weight only, and are of no use to a loss
 * without it. */
enum { LP_RESIDUAL_SHAPES = 22, LP_RESIDUAL_WEIGHT_SHAPES = 3 };
extern const lp_shape_class lp_residual_shape_classes[LP_RESIDUAL_SHAPES];

/* Some boundary cases get weights that are 0, or that cancel. */
void lp_residual_draw(lp_case *c, lp_rng *rng, int value_class, lp_lattice lattice);

/* Lattice for targets that meet the input: the residual is 0, or +-each of `kinks`. */
int lp_residual_lattice(double *values, int input, const double *earlier, const double *kinks, int n_kinks);

#endif
