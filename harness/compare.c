#include "harness/compare.h"

#include <float.h>
#include <math.h>

#include "reference/exact/budget.h"

double lp_ulp(lp_dtype dtype, double x) {
  const double eta = lp_dtype_smallest_subnormal(dtype);
  if (x == 0.0 || !isfinite(x)) return eta;
  int exponent;
  frexp(x, &exponent); /* |x| in [2^(exponent-1), 2^exponent) */
  return fmax(ldexp(2.0 * lp_dtype_unit_roundoff(dtype), exponent - 1), eta);
}

static double number_of_class(lp_class class) {
  static const double numbers[] = {0.0, INFINITY, -INFINITY, NAN, NAN, NAN};
  return numbers[class];
}

/* mag_get_d stops at 2^-1000. */
static double rounded_up(const mag_t x) {
  arf_t a;
  arf_init_set_mag_shallow(a, x);
  return arf_get_d(a, ARF_RND_UP);
}

/* Of |x|, to a double's precision. */
static double upper_bound(const arb_t x) {
  arf_t bound;
  arf_init(bound);
  arb_get_abs_ubound_arf(bound, x, 64);
  const double result = arf_get_d(bound, ARF_RND_UP);
  arf_clear(bound);
  return result;
}

/* factor * scale + absolute, rounded up */
static void affine(mag_t result, double factor, const mag_t scale, double absolute) {
  mag_t x;
  mag_init(x);
  mag_set_d(x, factor);
  mag_mul(result, x, scale);
  mag_set_d(x, absolute);
  mag_add(result, result, x);
  mag_clear(x);
}

static double quotient(const mag_t a, const mag_t b) {
  mag_t q;
  mag_init(q);
  mag_div(q, a, b);
  const double x = mag_is_zero(a) ? 0.0 : rounded_up(q);
  mag_clear(q);
  return x;
}

/* a / b: in double where both are ordinary numbers, else by their upper bounds of 30 bits. */
static double ratio_of(double a, double b, const mag_t above_a, const mag_t above_b) {
  const double ordinary = DBL_MIN / lp_dtype_unit_roundoff(LP_FLOAT64);
  const bool fine = isfinite(a) && isfinite(b) && (a == 0.0 || a > ordinary) && b > ordinary;
  return fine ? a / b : quotient(above_a, above_b);
}

/* Does the scale bound nothing? Of an infinity or NaN, may rounding make anything of it? */
static bool is_boundless(const lp_exact_number *truth) {
  mag_t size;
  mag_init(size);
  arb_get_mag(size, &truth->value);
  const bool boundless = lp_budget_is_boundless(&truth->scale, size);
  mag_clear(size);
  return boundless;
}

/* Does every, or no, number within the enclosure lie within the budget? least, most: bounds of |got - truth|. */
static lp_fit fit_of(const mag_t least, const mag_t most, const mag_t budget) {
  if (mag_cmp(most, budget) <= 0) return LP_FITS;
  return mag_cmp(least, budget) > 0 ? LP_FITS_NOT : LP_FITS_PERHAPS;
}

static void compare_finite(lp_comparison *r, double got, const lp_exact_number *truth, lp_dtype dtype,
                           const mag_t budget) {
  arb_t difference;
  mag_t least, most;
  arb_init(difference);
  mag_init(least);
  mag_init(most);
  arb_set_d(difference, got);
  arb_sub(difference, difference, &truth->value, LP_EXACT_PRECISION_MAX);
  arb_get_mag(most, difference);
  arb_get_mag_lower(least, difference);
  r->fit = fit_of(least, most, budget);
  r->error = upper_bound(difference);
  mag_set_d(least, lp_ulp(dtype, r->truth));
  r->error_ulp = ratio_of(r->error, lp_ulp(dtype, r->truth), most, least);
  r->ratio = ratio_of(r->error, r->budget, most, budget);
  affine(least, lp_budget_factor(dtype, lp_budget_pairwise_depth(truth->terms)), &truth->scale,
         lp_budget_absolute(dtype, false));
  r->pairwise_ratio = quotient(most, least);
  affine(least, lp_dtype_unit_roundoff(dtype), &truth->scale, lp_dtype_smallest_subnormal(dtype));
  r->scaled_error = quotient(most, least);
  arb_clear(difference);
  mag_clear(least);
  mag_clear(most);
}

/* Infinity is what the dtype makes of numbers from its largest and half an ulp on. */
static void compare_overflow(lp_comparison *r, double sign, const lp_exact_number *truth, lp_dtype dtype,
                             const mag_t budget) {
  const double largest = lp_dtype_largest(dtype);
  arb_t reached, threshold, half;
  arb_init(reached);
  arb_init(threshold);
  arb_init(half);
  arb_set_d(threshold, largest);
  arb_set_d(half, 0.5 * lp_ulp(dtype, largest));
  arb_add(threshold, threshold, half, ARF_PREC_EXACT);
  arb_set_arf(reached, arb_midref(&truth->value));
  if (sign < 0.0) arb_neg(reached, reached);
  arb_sub(reached, reached, threshold, LP_EXACT_PRECISION_MAX);
  arb_add_error_mag(reached, arb_radref(&truth->value)); /* truth - threshold, at least - budget when right */
  arf_t shift;
  arf_init(shift);
  arf_set_mag(shift, budget);
  arb_add_arf(reached, reached, shift, LP_EXACT_PRECISION_MAX);
  r->fit = arb_is_nonnegative(reached) ? LP_FITS : arb_is_negative(reached) ? LP_FITS_NOT : LP_FITS_PERHAPS;
  arf_clear(shift);
  arb_clear(reached);
  arb_clear(threshold);
  arb_clear(half);
}

/* Where anything may be right, an answer that fits is not proven right, but for an overflow that the true value itself
 * asks for; and one that does not fit is not proven wrong. */
static void doubt(lp_comparison *r, double got, const lp_exact_number *truth, lp_dtype dtype) {
  mag_t none;
  if (!is_boundless(truth)) return;
  mag_init(none);
  r->fit = LP_FITS_PERHAPS;
  if (isinf(got)) compare_overflow(r, got, truth, dtype, none);
  if (r->fit == LP_FITS_NOT) r->fit = LP_FITS_PERHAPS;
  mag_clear(none);
}

static void compare_real(lp_comparison *r, double got, const lp_exact_number *truth, lp_dtype dtype, bool flushes) {
  mag_t budget;
  mag_init(budget);
  affine(budget, lp_budget_factor(dtype, lp_budget_depth(truth->terms)), &truth->scale,
         lp_budget_absolute(dtype, flushes));
  r->budget = rounded_up(budget);
  r->truth = arf_get_d(arb_midref(&truth->value), ARF_RND_NEAR);
  r->fit = LP_FITS_NOT;
  if (r->got_class == LP_FINITE) {
    compare_finite(r, got, truth, dtype, budget);
  } else if (r->got_class != LP_NAN) {
    compare_overflow(r, got, truth, dtype, budget);
  }
  if (r->fit == LP_FITS || r->got_class != LP_FINITE) doubt(r, got, truth, dtype);
  mag_clear(budget);
}

static lp_fit fit_of_class(const lp_exact_number *truth, lp_class got) {
  const bool open = truth->class == LP_ANY || (truth->class == LP_NOT_FINITE && got != LP_FINITE);
  if (open || got == truth->class) return LP_FITS;
  return is_boundless(truth) ? LP_FITS_PERHAPS : LP_FITS_NOT;
}

void lp_compare(lp_comparison *r, double got, const lp_exact_number *truth, lp_dtype dtype, bool flushes) {
  *r = (lp_comparison){.got_class = lp_classify(got), .true_class = truth->class};
  if (truth->class == LP_FINITE) {
    compare_real(r, got, truth, dtype, flushes);
  } else {
    r->truth = number_of_class(truth->class);
    r->fit = fit_of_class(truth, r->got_class);
    if (truth->class == LP_NOT_FINITE) r->true_class = LP_NAN;
  }
  if (r->got_class == LP_FINITE && truth->class == LP_FINITE) return;
  r->error = r->error_ulp = r->ratio = r->pairwise_ratio = r->scaled_error = r->fit == LP_FITS ? 0.0 : INFINITY;
}
