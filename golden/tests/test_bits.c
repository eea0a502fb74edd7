#include "golden/bits.h"

#include <math.h>

#include "reference/draw.h"
#include "reference/tests/testing.h"

START_TEST(words_are_little_endian) {
  unsigned char bytes[8] = {0};
  lp_store_le(bytes, 4, UINT64_C(0x1122334455667788));
  ck_assert_int_eq(bytes[0], 0x88);
  ck_assert_int_eq(bytes[3], 0x55);
  ck_assert_int_eq(bytes[4], 0);
  ck_assert_uint_eq(lp_load_le(bytes, 4), 0x55667788);
  ck_assert_uint_eq(lp_load_le(bytes, 1), 0x88);
  lp_store_le(bytes, 8, UINT64_MAX - 1);
  ck_assert_uint_eq(lp_load_le(bytes, 8), UINT64_MAX - 1);
}
END_TEST

START_TEST(known_bits) {
  static const struct {
    lp_dtype dtype;
    double value;
    uint64_t bits;
  } known[] = {
      {LP_FLOAT64, 1.0, UINT64_C(0x3ff0000000000000)},
      {LP_FLOAT64, -0.0, UINT64_C(0x8000000000000000)},
      {LP_FLOAT32, 1.0, 0x3f800000},
      {LP_FLOAT32, 0x1p-149, 1},
      {LP_FLOAT16, 1.0, 0x3c00},
      {LP_FLOAT16, -2.0, 0xc000},
      {LP_FLOAT16, 65504.0, 0x7bff},
      {LP_FLOAT16, 0x1p-14, 0x0400},
      {LP_FLOAT16, 0x1p-14 - 0x1p-24, 0x03ff},
      {LP_FLOAT16, -0x1p-24, 0x8001},
      {LP_FLOAT16, -0.0, 0x8000},
      {LP_FLOAT16, INFINITY, 0x7c00},
      {LP_FLOAT16, -INFINITY, 0xfc00},
      {LP_BFLOAT16, 1.0, 0x3f80},
      {LP_BFLOAT16, 0x1p-133, 1},
      {LP_BFLOAT16, -INFINITY, 0xff80},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    ck_assert_uint_eq(lp_float_bits(known[i].dtype, known[i].value), known[i].bits);
    check_same(lp_float_from_bits(known[i].dtype, known[i].bits), known[i].value);
  }
}
END_TEST

/* Every bit pattern of the two short formats names a number of its dtype, and comes back; NaN comes back quiet. */
START_TEST(all_short_floats) {
  static const struct {
    lp_dtype dtype;
    uint64_t quiet;
  } formats[] = {{LP_FLOAT16, 0x0200}, {LP_BFLOAT16, 0x0040}};
  for (int f = 0; f < 2; f++) {
    for (uint64_t bits = 0; bits < 0x10000; bits++) {
      const double value = lp_float_from_bits(formats[f].dtype, bits);
      const uint64_t expected = isnan(value) ? bits | formats[f].quiet : bits;
      check_same(lp_dtype_round(formats[f].dtype, value), value);
      ck_assert_uint_eq(lp_float_bits(formats[f].dtype, value), expected);
    }
  }
}
END_TEST

/* The order of the positive patterns is the order of the numbers: none is skipped or met twice. */
START_TEST(short_floats_ascend) {
  for (uint64_t bits = 1; bits <= 0x7c00; bits++) {
    ck_assert(lp_float_from_bits(LP_FLOAT16, bits) > lp_float_from_bits(LP_FLOAT16, bits - 1));
  }
  for (uint64_t bits = 1; bits <= 0x7f80; bits++) {
    ck_assert(lp_float_from_bits(LP_BFLOAT16, bits) > lp_float_from_bits(LP_BFLOAT16, bits - 1));
  }
}
END_TEST

START_TEST(rounded_numbers_survive) {
  lp_rng rng = {7};
  for (int i = 0; i < 20000; i++) {
    const lp_dtype dtype = (lp_dtype)lp_rng_below(&rng, LP_INT64);
    const double scale = ldexp(1.0, (int)lp_rng_below(&rng, 300) - 150);
    const double value = lp_dtype_round(dtype, lp_rng_normal(&rng) * scale);
    check_same(lp_float_from_bits(dtype, lp_float_bits(dtype, value)), value);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {words_are_little_endian, known_bits, all_short_floats, short_floats_ascend,
                                rounded_numbers_survive};
  return run_tests("bits", tests, sizeof tests / sizeof tests[0]);
}
