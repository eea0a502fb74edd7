/* Functions of pairs and big numbers, see bigmath.h. */
#include "reference/bigmath.h"

static const lp_pair log2_pair = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};

/* From here on up the exponent of exp(x) is split, in multiples of far_step and the rest. */
static const double exponent_limit = 0x1p50, far_step = 0x1p40, last_argument = 0x1p1021;

static lp_pair minus(lp_pair a, lp_pair b) { return lp_pair_sum(a, lp_pair_negative(b)); }

lp_big lp_big_of_pair(lp_pair a) { return lp_big_add(lp_big_of(a.high), lp_big_of(a.low)); }

lp_big lp_big_sqrt(lp_big a) {
  if (a.high == 0.0) return a;
  const double half = floor(a.exponent / 2.0), factor = a.exponent == 2.0 * half ? 1.0 : 2.0;
  lp_big root = lp_big_of_pair(lp_pair_sqrt((lp_pair){factor * a.high, factor * a.low}));
  root.exponent += half;
  root.far = 0.5 * a.far;
  return root;
}

/* For |x| <= 0.5: Taylor at x/512, where the 12th term is below 2^-120, then nine times
 * expm1(2y) = expm1(y) (expm1(y) + 2). */
static lp_pair expm1_small(lp_pair x) {
  const lp_pair y = {x.high * 0x1p-9, x.low * 0x1p-9};
  lp_pair term = y, sum = y;
  for (int k = 2; k <= 11; k++) {
    term = lp_pair_quotient(lp_pair_product(term, y), lp_whole(k));
    sum = lp_pair_sum(sum, term);
  }
  for (int i = 0; i < 9; i++) sum = lp_pair_product(sum, lp_pair_sum(lp_whole(2.0), sum));
  return sum;
}

/* x - k log 2 */
static lp_pair reduce(lp_pair x, double k) {
  const lp_pair far = minus(x, lp_two_product(k, log2_pair.high));
  return minus(far, lp_two_product(k, log2_pair.low));
}

/* For huge x, in powers of two; their number has an error of 2^-103 |x|. What is left of it beyond multiples of the
 * step is scaled down from 2^100 on, to be an integer that a double holds; it then only tells neighbours apart. */
static lp_big exp_far(lp_pair x) {
  if (fabs(x.high) >= last_argument) return (lp_big){0.5, 0.0, 0.0, copysign(0x1p1022, x.high)};
  const lp_pair turns = lp_pair_quotient(x, log2_pair);
  const double scale = fmax(1.0, fabs(turns.high) * 0x1p-100);
  const double far = nearbyint(turns.high / far_step) * far_step, near = turns.high - far, whole = nearbyint(near);
  const double rest = ((near - whole) + turns.low) / scale, k = nearbyint(rest);
  lp_big power = lp_big_of(exp((rest - k) * log2_pair.high));
  power.exponent += whole + k;
  power.far = far;
  return power;
}

lp_big lp_big_exp(lp_pair x) {
  const double turns = x.high / log2_pair.high;
  if (fabs(turns) > exponent_limit) return exp_far(x);
  const double k = nearbyint(turns);
  lp_big power = lp_big_of_pair(lp_pair_sum(lp_whole(1.0), expm1_small(reduce(x, k))));
  power.exponent += k;
  return power;
}

lp_pair lp_pair_expm1(lp_pair x) {
  if (fabs(x.high) <= 0.5) return expm1_small(x);
  const lp_big less_one = lp_big_subtract(lp_big_exp(x), lp_big_of(1.0));
  const lp_big rest = lp_big_subtract(less_one, lp_big_of(lp_big_get(less_one)));
  return (lp_pair){lp_big_get(less_one), lp_big_get(rest)};
}

/* One step of Newton's method on expm1(y) = x doubles the digits of the library's log1p. For -0.3 < x < 0.5. */
static lp_pair log1p_small(lp_pair x) {
  const lp_pair y = lp_whole(log1p(x.high)), e = expm1_small(y);
  return lp_pair_sum(y, lp_pair_quotient(minus(x, e), lp_pair_sum(lp_whole(1.0), e)));
}

lp_pair lp_big_log(lp_big x) {
  const bool low = x.high < 0.75; /* twice the mantissa then: 0.75 to 1.5 */
  const double factor = low ? 2.0 : 1.0, k = x.exponent + x.far - (low ? 1.0 : 0.0);
  const lp_pair less_one = lp_pair_sum((lp_pair){factor * x.high, factor * x.low}, lp_whole(-1.0));
  const lp_pair far = lp_pair_sum(lp_two_product(k, log2_pair.high), lp_two_product(k, log2_pair.low));
  return lp_pair_sum(far, log1p_small(less_one));
}

lp_pair lp_pair_log1p(lp_pair x) {
  if (x.high > -0.25 && x.high < 0.5) return log1p_small(x);
  return lp_big_log(lp_big_of_pair(lp_pair_sum(lp_whole(1.0), x)));
}
