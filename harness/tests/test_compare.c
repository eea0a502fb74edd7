/* One number against its enclosure: every class, every dtype, sharp edges, wide enclosures. */
#include "harness/compare.h"

#include <math.h>

#include "reference/exact/budget.h"
#include "reference/tests/testing.h"

typedef struct sample {
  lp_exact_number number;
} sample;

static void set(sample *s, double value, double scale) {
  s->number.class = LP_FINITE;
  s->number.terms = 1;
  arb_init(&s->number.value);
  mag_init(&s->number.scale);
  arb_set_d(&s->number.value, value);
  mag_set_d(&s->number.scale, scale);
}

static void clear(sample *s) {
  arb_clear(&s->number.value);
  mag_clear(&s->number.scale);
}

static lp_comparison against(double got, double value, double scale, lp_dtype dtype) {
  sample s;
  lp_comparison r;
  set(&s, value, scale);
  lp_compare(&r, got, &s.number, dtype, false);
  clear(&s);
  return r;
}

static lp_fit fit(double got, double value, double scale, lp_dtype dtype) {
  return against(got, value, scale, dtype).fit;
}

START_TEST(the_budget_is_sharp) {
  const double budget = 8 * 0x1p-53 * 3.0, ulp = 0x1p-51; /* 3 + 8 u 3: six ulp */
  ck_assert_int_eq(fit(3.0, 3.0, 3.0, LP_FLOAT64), LP_FITS);
  ck_assert_int_eq(fit(3.0 + budget, 3.0, 3.0, LP_FLOAT64), LP_FITS);
  ck_assert_int_eq(fit(3.0 - budget, 3.0, 3.0, LP_FLOAT64), LP_FITS);
  ck_assert_int_eq(fit(3.0 + budget + ulp, 3.0, 3.0, LP_FLOAT64), LP_FITS_NOT);
  ck_assert_int_eq(fit(3.0 - budget - ulp, 3.0, 3.0, LP_FLOAT64), LP_FITS_NOT);
}
END_TEST

START_TEST(the_budget_is_that_of_the_dtype) {
  for (int d = LP_FLOAT64; d <= LP_BFLOAT16; d++) {
    const lp_dtype dtype = (lp_dtype)d;
    const double u = lp_dtype_unit_roundoff(dtype);
    ck_assert_int_eq(fit(1.0 + 8 * u, 1.0, 1.0, dtype), LP_FITS);
    ck_assert_int_eq(fit(1.0 + 9 * u, 1.0, 1.0, dtype), d == LP_FLOAT64 ? LP_FITS : LP_FITS_NOT); /* 9u rounds to 8u */
    ck_assert_int_eq(fit(1.0 + 12 * u, 1.0, 1.0, dtype), LP_FITS_NOT);
    ck_assert_int_eq(fit(8 * lp_dtype_smallest_subnormal(dtype), 0.0, 0.0, dtype), LP_FITS);
    ck_assert_int_eq(fit(9 * lp_dtype_smallest_subnormal(dtype), 0.0, 0.0, dtype), LP_FITS_NOT);
  }
}
END_TEST

START_TEST(ratios_and_ulps_are_those_of_the_error) {
  const lp_comparison r = against(1.0 + 0x1p-51, 1.0, 2.0, LP_FLOAT64);
  check_near(r.error, 0x1p-51, 1e-8 * 0x1p-51);
  check_near(r.error_ulp, 2.0, 1e-6);
  check_near(r.ratio, 4.0 / 16.0, 1e-6);
  check_near(r.scaled_error, 2.0, 1e-6);
  check_near(r.budget, 16 * 0x1p-53, 1e-6 * 0x1p-49);
  check_same(r.truth, 1.0);
}
END_TEST

START_TEST(pairwise_depth_grades_sums) {
  sample s;
  lp_comparison r;
  set(&s, 1.0, 1.0);
  s.number.terms = 1024; /* D = 1034, pairwise 10 */
  lp_compare(&r, 1.0 + 80 * 0x1p-52, &s.number, LP_FLOAT64, false);
  check_near(r.pairwise_ratio, 160.0 / 80.0, 1e-5);
  check_near(r.ratio, 160.0 / (8 * 1034.0), 1e-5);
  clear(&s);
}
END_TEST

static const double numbers[] = {1.0, INFINITY, -INFINITY, NAN};

START_TEST(every_class_is_told_from_the_others) {
  sample s;
  lp_comparison r;
  set(&s, 1.0, 1.0);
  for (int truth = LP_FINITE; truth <= LP_NAN; truth++) {
    for (int got = LP_FINITE; got <= LP_NAN; got++) {
      s.number.class = (lp_class)truth;
      lp_compare(&r, numbers[got], &s.number, LP_FLOAT64, false);
      ck_assert_msg(r.fit == (truth == got ? LP_FITS : LP_FITS_NOT), "%s for %s", lp_class_name((lp_class)got),
                    lp_class_name((lp_class)truth));
      ck_assert_int_eq(r.got_class, got);
      ck_assert_int_eq(r.true_class, truth);
      if (truth != got) ck_assert(isinf(r.ratio) && isinf(r.error));
    }
  }
  clear(&s);
}
END_TEST

/* Infinity is right from the largest number and half its ulp on, give or take the budget. */
START_TEST(overflow_is_right_where_the_dtype_rounds_to_infinity) {
  const lp_dtype dtypes[] = {LP_FLOAT32, LP_FLOAT16, LP_BFLOAT16};
  for (int k = 0; k < 3; k++) {
    const lp_dtype d = dtypes[k];
    const double largest = lp_dtype_largest(d), ulp = lp_ulp(d, largest), beyond = 4.0 * largest;
    ck_assert_int_eq(fit(INFINITY, beyond, beyond, d), LP_FITS);
    ck_assert_int_eq(fit(-INFINITY, -beyond, beyond, d), LP_FITS);
    ck_assert_int_eq(fit(-INFINITY, beyond, beyond, d), LP_FITS_NOT);
    ck_assert_int_eq(fit(INFINITY, -beyond, beyond, d), LP_FITS_NOT);
    ck_assert_int_eq(fit(NAN, beyond, beyond, d), LP_FITS_NOT);
    ck_assert_int_eq(fit(largest, beyond, beyond, d), LP_FITS_NOT);
    ck_assert_int_eq(fit(INFINITY, largest, largest, d), LP_FITS); /* within the budget of the threshold */
    ck_assert_int_eq(fit(INFINITY, largest + 0.5 * ulp, 0.0, d), LP_FITS);
    ck_assert_int_eq(fit(INFINITY, largest + 0.25 * ulp, 0.0, d), LP_FITS_NOT);
    ck_assert_int_eq(fit(INFINITY, 0.9 * largest, largest, d), d == LP_BFLOAT16 ? LP_FITS_NOT : LP_FITS_NOT);
    ck_assert_int_eq(fit(INFINITY, 1.0, 1.0, d), LP_FITS_NOT);
  }
  ck_assert_int_eq(fit(INFINITY, 1e300, 1e300, LP_FLOAT64), LP_FITS_NOT);
}
END_TEST

START_TEST(a_value_beyond_the_range_of_double_asks_for_infinity) {
  sample s;
  lp_comparison r;
  set(&s, 1.0, 1.0);
  arb_mul_2exp_si(&s.number.value, &s.number.value, 3000);
  mag_set_ui_2exp_si(&s.number.scale, 1, 3000);
  lp_compare(&r, INFINITY, &s.number, LP_FLOAT64, false);
  ck_assert_int_eq(r.fit, LP_FITS);
  lp_compare(&r, 1e308, &s.number, LP_FLOAT64, false);
  ck_assert_int_eq(r.fit, LP_FITS_NOT);
  lp_compare(&r, -INFINITY, &s.number, LP_FLOAT64, false);
  ck_assert_int_eq(r.fit, LP_FITS_NOT);
  clear(&s);
}
END_TEST

static lp_fit fit_of_class(double got, lp_class class, bool boundless) {
  sample s;
  lp_comparison r;
  set(&s, 0.0, 1.0);
  s.number.class = class;
  if (boundless) lp_budget_set_boundless(&s.number.scale);
  lp_compare(&r, got, &s.number, LP_FLOAT64, false);
  clear(&s);
  return r.fit;
}

/* Where rounding may make anything of a number nothing is proven, not even by an infinity or NaN. */
START_TEST(what_may_be_anything_is_undecided) {
  for (int i = 0; i < 4; i++) {
    ck_assert_int_eq(fit_of_class(numbers[i], LP_FINITE, true), LP_FITS_PERHAPS);
    for (int k = LP_PLUS_INFINITY; k <= LP_NAN; k++) {
      const lp_fit fit = fit_of_class(numbers[i], (lp_class)k, true);
      ck_assert_int_eq(fit, i == k ? LP_FITS : LP_FITS_PERHAPS);
    }
  }
  sample s;
  lp_comparison r;
  set(&s, 1.0, 1.0);
  mag_set_ui_2exp_si(&s.number.scale, 1, 4096); /* the largest scale that bounds something */
  lp_compare(&r, NAN, &s.number, LP_FLOAT64, false);
  ck_assert_int_eq(r.fit, LP_FITS_NOT);
  lp_compare(&r, INFINITY, &s.number, LP_FLOAT64, false);
  ck_assert_int_eq(r.fit, LP_FITS);
  mag_set_ui_2exp_si(&s.number.scale, 1, 4097);
  lp_compare(&r, NAN, &s.number, LP_FLOAT64, false);
  ck_assert_int_eq(r.fit, LP_FITS_PERHAPS);
  lp_compare(&r, INFINITY, &s.number, LP_FLOAT64, false);
  ck_assert_int_eq(r.fit, LP_FITS_PERHAPS);
  lp_compare(&r, 1.0, &s.number, LP_FLOAT64, false);
  ck_assert_int_eq(r.fit, LP_FITS_PERHAPS);
  arb_mul_2exp_si(&s.number.value, &s.number.value, 1500); /* overflows itself; its scale is boundless beside it, too */
  mag_set_ui_2exp_si(&s.number.scale, 1, 6000);
  lp_compare(&r, INFINITY, &s.number, LP_FLOAT64, false);
  ck_assert_int_eq(r.fit, LP_FITS);
  lp_compare(&r, -INFINITY, &s.number, LP_FLOAT64, false);
  ck_assert_int_eq(r.fit, LP_FITS_PERHAPS);
  clear(&s);
}
END_TEST

/* An infinity times what may be 0: no finite number is right. */
START_TEST(what_is_not_finite_takes_three_classes) {
  for (int i = 0; i < 4; i++) {
    ck_assert_int_eq(fit_of_class(numbers[i], LP_NOT_FINITE, false), i == 0 ? LP_FITS_NOT : LP_FITS);
    ck_assert_int_eq(fit_of_class(numbers[i], LP_NOT_FINITE, true), i == 0 ? LP_FITS_PERHAPS : LP_FITS);
    ck_assert_int_eq(fit_of_class(numbers[i], LP_ANY, false), LP_FITS);
  }
  sample s;
  lp_comparison r;
  set(&s, 0.0, 0.0);
  s.number.class = LP_NOT_FINITE;
  lp_compare(&r, 1.0, &s.number, LP_FLOAT64, false);
  ck_assert_int_eq(r.true_class, LP_NAN); /* reports know four classes */
  ck_assert(isinf(r.ratio));
  clear(&s);
}
END_TEST

/* A fail and a pass need the whole enclosure. */
START_TEST(a_wide_enclosure_decides_only_what_it_can) {
  sample s;
  lp_comparison r;
  set(&s, 1.0, 1.0);
  arb_add_error_2exp_si(&s.number.value, -40);
  lp_compare(&r, 1.0, &s.number, LP_FLOAT64, false);
  ck_assert_int_eq(r.fit, LP_FITS_PERHAPS);
  lp_compare(&r, 1.0 + 0x1p-39, &s.number, LP_FLOAT64, false);
  ck_assert_int_eq(r.fit, LP_FITS_NOT);
  lp_compare(&r, 1.0, &s.number, LP_FLOAT32, false);
  ck_assert_int_eq(r.fit, LP_FITS);
  arb_zero_pm_inf(&s.number.value);
  lp_compare(&r, 1.0, &s.number, LP_FLOAT64, false);
  ck_assert_int_eq(r.fit, LP_FITS_PERHAPS);
  lp_compare(&r, INFINITY, &s.number, LP_FLOAT64, false);
  ck_assert_int_eq(r.fit, LP_FITS_PERHAPS);
  lp_compare(&r, NAN, &s.number, LP_FLOAT64, false);
  ck_assert_int_eq(r.fit, LP_FITS_NOT);
  clear(&s);
}
END_TEST

START_TEST(flushing_widens_the_absolute_part_only) {
  sample s;
  lp_comparison r;
  set(&s, 0x1p-130, 0x1p-130); /* subnormal in float32 */
  lp_compare(&r, 0.0, &s.number, LP_FLOAT32, false);
  ck_assert_int_eq(r.fit, LP_FITS_NOT);
  lp_compare(&r, 0.0, &s.number, LP_FLOAT32, true);
  ck_assert_int_eq(r.fit, LP_FITS);
  clear(&s);
}
END_TEST

/* A tighter budget never turns a fail into a pass. */
START_TEST(the_fit_is_monotone_in_the_scale) {
  for (double error = 1e-18; error < 1.0; error *= 3.7) {
    bool failed = false;
    for (double scale = 1e9; scale > 1e-9; scale /= 2.0) {
      const bool fails = fit(3.0 + error, 3.0, scale, LP_FLOAT64) == LP_FITS_NOT;
      ck_assert(fails || !failed);
      failed = fails;
    }
  }
}
END_TEST

START_TEST(ulps_are_the_spacing_of_the_format) {
  check_same(lp_ulp(LP_FLOAT64, 1.0), 0x1p-52);
  check_same(lp_ulp(LP_FLOAT64, nextafter(1.0, 0.0)), 0x1p-53);
  check_same(lp_ulp(LP_FLOAT32, -3.0), 0x1p-22);
  check_same(lp_ulp(LP_FLOAT64, 0x1p-1060), 0x1p-1074);
  check_same(lp_ulp(LP_FLOAT16, 0.0), 0x1p-24);
  check_same(lp_ulp(LP_FLOAT64, INFINITY), 0x1p-1074);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {the_budget_is_sharp,
                                the_budget_is_that_of_the_dtype,
                                ratios_and_ulps_are_those_of_the_error,
                                pairwise_depth_grades_sums,
                                every_class_is_told_from_the_others,
                                overflow_is_right_where_the_dtype_rounds_to_infinity,
                                a_value_beyond_the_range_of_double_asks_for_infinity,
                                what_may_be_anything_is_undecided,
                                what_is_not_finite_takes_three_classes,
                                a_wide_enclosure_decides_only_what_it_can,
                                flushing_widens_the_absolute_part_only,
                                the_fit_is_monotone_in_the_scale,
                                ulps_are_the_spacing_of_the_format};
  const int status = run_tests("compare", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return status;
}
