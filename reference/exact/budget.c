#include "reference/exact/budget.h"

#include <math.h>

/* The number of bits of n - 1. */
static double log2_ceiling(int64_t n) {
  double bits = 0.0;
  for (int64_t rest = n - 1; rest > 0; rest /= 2) bits += 1.0;
  return bits;
}

double lp_budget_depth(int64_t terms) {
  if (terms <= 1) return 1.0;
  return fmin((double)terms, LP_BUDGET_LONGEST_SUM) + log2_ceiling(terms);
}

double lp_budget_pairwise_depth(int64_t terms) { return fmax(1.0, log2_ceiling(terms)); }

double lp_budget_factor(lp_dtype dtype, double depth) {
  return fmin(LP_BUDGET_K * lp_dtype_unit_roundoff(dtype) * depth, 0.125);
}

void lp_budget_relative(mag_t budget, lp_dtype dtype, const mag_t scale, int64_t terms) {
  mag_t factor;
  mag_init(factor);
  mag_set_d(factor, lp_budget_factor(dtype, lp_budget_depth(terms)));
  mag_mul(budget, factor, scale);
  mag_clear(factor);
}

/* Far beyond the exponents of any dtype, and of stand-ins for infinities (limits.h). */
static const slong log2_of_bounds = 4096;

/* 2^(2^1200): far beyond the powers and roots of doubles too, whose exponents are doubles. */
void lp_budget_set_boundless(mag_t scale) {
  fmpz_t log2_of_boundless;
  fmpz_init(log2_of_boundless);
  fmpz_one_2exp(log2_of_boundless, 1200);
  mag_one(scale);
  mag_mul_2exp_fmpz(scale, scale, log2_of_boundless);
  fmpz_clear(log2_of_boundless);
}

/* scale > 2^4096 max(1, size): the size of a true value that overflows says nothing. */
bool lp_budget_is_boundless(const mag_t scale, const mag_t size) {
  if (mag_is_inf(scale)) return true;
  if (mag_cmp_2exp_si(scale, log2_of_bounds) <= 0) return false;
  mag_t most;
  mag_init(most);
  mag_mul_2exp_si(most, size, log2_of_bounds);
  const bool boundless = mag_cmp(scale, most) > 0;
  mag_clear(most);
  return boundless;
}

double lp_budget_absolute(lp_dtype dtype, bool flushes_subnormals) {
  const double eta = lp_dtype_smallest_subnormal(dtype);
  return LP_BUDGET_K * (flushes_subnormals ? eta / (2.0 * lp_dtype_unit_roundoff(dtype)) : eta);
}
