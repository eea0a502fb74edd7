#include <float.h>
#include <math.h>

#include "reference/draw.h"
#include "reference/tests/testing.h"

/* All finite non-negative numbers of a 16-bit format, as doubles, from its definition. */
static double half_value(int bits, int exponent_bits, int fraction_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = bits >> fraction_bits, fraction = bits & ((1 << fraction_bits) - 1);
  if (exponent == 0) return ldexp(fraction, 1 - bias - fraction_bits);
  return ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
}

/* Every number is its own rounding, and midpoints go to the even neighbour. */
static void check_half(lp_dtype dtype, int exponent_bits, int fraction_bits) {
  const int finite = ((1 << exponent_bits) - 1) << fraction_bits;
  for (int bits = 0; bits + 1 < finite; bits++) {
    const double a = half_value(bits, exponent_bits, fraction_bits);
    const double b = half_value(bits + 1, exponent_bits, fraction_bits);
    const double middle = 0.5 * (a + b), even = bits % 2 == 0 ? a : b;
    check_same(lp_dtype_round(dtype, a), a);
    check_same(lp_dtype_round(dtype, -a), -a);
    check_same(lp_dtype_round(dtype, middle), even);
    check_same(lp_dtype_round(dtype, -middle), -even);
    check_same(lp_dtype_round(dtype, nextafter(middle, 0.0)), a);
    check_same(lp_dtype_round(dtype, nextafter(middle, INFINITY)), b);
  }
  const double largest = half_value(finite - 1, exponent_bits, fraction_bits);
  const double limit = largest + 0.5 * (largest - half_value(finite - 2, exponent_bits, fraction_bits));
  check_same(lp_dtype_largest(dtype), largest);
  check_same(lp_dtype_round(dtype, nextafter(limit, 0.0)), largest);
  check_same(lp_dtype_round(dtype, limit), INFINITY);
  check_same(lp_dtype_round(dtype, -limit), -INFINITY);
  check_same(lp_dtype_smallest_subnormal(dtype), half_value(1, exponent_bits, fraction_bits));
}

START_TEST(float16_rounds_every_number_and_midpoint) { check_half(LP_FLOAT16, 5, 10); }
END_TEST

START_TEST(bfloat16_rounds_every_number_and_midpoint) { check_half(LP_BFLOAT16, 8, 7); }
END_TEST

START_TEST(float32_rounds_as_the_processor) {
  lp_rng rng = lp_rng_for_case(1, "float32");
  for (int i = 0; i < 200000; i++) {
    const int exponent = (int)lp_rng_below(&rng, 300) - 160;
    const double x = ldexp(1.0 + lp_rng_uniform(&rng), exponent);
    check_same(lp_dtype_round(LP_FLOAT32, x), (double)(float)x);
  }
  check_same(lp_dtype_largest(LP_FLOAT32), FLT_MAX);
  check_same(lp_dtype_round(LP_FLOAT32, 1e39), INFINITY);
}
END_TEST

START_TEST(special_numbers_stay) {
  for (int d = LP_FLOAT64; d <= LP_BFLOAT16; d++) {
    check_same(lp_dtype_round((lp_dtype)d, NAN), NAN);
    check_same(lp_dtype_round((lp_dtype)d, -INFINITY), -INFINITY);
    check_same(lp_dtype_round((lp_dtype)d, -0.0), -0.0);
  }
  check_same(lp_dtype_round(LP_FLOAT64, 0.1), 0.1);
  check_same(lp_dtype_largest(LP_FLOAT64), DBL_MAX);
  check_same(lp_dtype_unit_roundoff(LP_FLOAT64), DBL_EPSILON / 2);
  check_same(lp_dtype_unit_roundoff(LP_FLOAT32), (double)FLT_EPSILON / 2);
  check_same(lp_dtype_smallest_subnormal(LP_FLOAT64), 0x1p-1074);
  check_same(lp_dtype_smallest_subnormal(LP_FLOAT32), 0x1p-149);
}
END_TEST

START_TEST(names_and_sizes) {
  for (int d = 0; d < LP_DTYPE_COUNT; d++) ck_assert_int_eq(lp_dtype_from_name(lp_dtype_name((lp_dtype)d)), d);
  ck_assert_int_eq(lp_dtype_from_name("float128"), LP_DTYPE_COUNT);
  ck_assert_uint_eq(lp_dtype_size(LP_BFLOAT16), 2);
  ck_assert_uint_eq(lp_dtype_size(LP_INT64), 8);
  ck_assert(lp_dtype_is_floating(LP_BFLOAT16) && !lp_dtype_is_floating(LP_BOOL));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {float16_rounds_every_number_and_midpoint, bfloat16_rounds_every_number_and_midpoint,
                                float32_rounds_as_the_processor, special_numbers_stay, names_and_sizes};
  return run_tests("dtype", tests, sizeof tests / sizeof tests[0]);
}
