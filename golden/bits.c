#include "golden/bits.h"

#include <math.h>
#include <string.h>

/* binary16: sign, 5 exponent bits (bias 15), 10 fraction bits; unit of the subnormals 2^-24. */
enum { HALF_FRACTION = 10, HALF_INFINITY = 0x7c00, HALF_QUIET = 0x0200 };

static uint64_t double_bits(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static double double_from_bits(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint32_t single_bits(double value) {
  const float single = (float)value;
  uint32_t bits;
  memcpy(&bits, &single, sizeof bits);
  return bits;
}

static double single_from_bits(uint32_t bits) {
  float single;
  memcpy(&single, &bits, sizeof single);
  return (double)single;
}

static uint64_t half_magnitude_bits(double magnitude) {
  if (isinf(magnitude)) return HALF_INFINITY;
  if (magnitude < 0x1p-14) return (uint64_t)(magnitude * 0x1p24);
  int exponent;
  const double fraction = frexp(magnitude, &exponent); /* in [1/2, 1) */
  return ((uint64_t)(exponent + 13) << HALF_FRACTION) + (uint64_t)(fraction * 0x1p11);
}

static uint64_t half_bits(double value) {
  const uint64_t bits = double_bits(value);
  const uint64_t sign = (bits >> 63) << 15;
  if (isnan(value)) return sign | HALF_INFINITY | HALF_QUIET | (bits >> (52 - HALF_FRACTION) & (HALF_QUIET - 1));
  return sign | half_magnitude_bits(fabs(value));
}

static double half_from_bits(uint64_t bits) {
  const uint64_t sign = bits >> 15 << 63;
  const uint64_t fraction = bits & 0x3ff;
  const int exponent = (int)(bits >> HALF_FRACTION & 0x1f);
  if (exponent == 0x1f) {
    const uint64_t quiet = fraction != 0 ? (uint64_t)1 << 51 : 0;
    return double_from_bits(sign | (uint64_t)0x7ff << 52 | fraction << (52 - HALF_FRACTION) | quiet);
  }
  const double magnitude =
      exponent == 0 ? ldexp((double)fraction, -24) : ldexp((double)(fraction + 1024), exponent - 25);
  return sign != 0 ? -magnitude : magnitude;
}

uint64_t lp_float_bits(lp_dtype dtype, double value) {
  switch (dtype) {
    case LP_FLOAT16:
      return half_bits(value);
    case LP_BFLOAT16:
      return single_bits(value) >> 16;
    case LP_FLOAT32:
      return single_bits(value);
    default:
      return double_bits(value);
  }
}

double lp_float_from_bits(lp_dtype dtype, uint64_t bits) {
  switch (dtype) {
    case LP_FLOAT16:
      return half_from_bits(bits & 0xffff);
    case LP_BFLOAT16:
      return single_from_bits((uint32_t)bits << 16);
    case LP_FLOAT32:
      return single_from_bits((uint32_t)bits);
    default:
      return double_from_bits(bits);
  }
}
