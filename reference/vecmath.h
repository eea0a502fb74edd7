/* Elementary functions in plain C that a compiler can vectorize: no tables, no branches, no library calls, no fused
 * operations, so that every machine and every vector width gives the same bits.
 *
 * Results are pairs high + low: high is the rounded result, low what is left of it, so that a caller may go on in
 * about twice the precision. Use high alone for a double.
 *
 * Bounds, found over 10^7 points against 113-bit arithmetic and rounded up; ulp of the true value:
 *   lp_exp_pair  high within 0.61 ulp, high + low within 2^-55.5 relative; where the result is subnormal within 1 ulp
 *   lp_log_pair  high within 0.68 ulp, high + low within 2^-54.9 relative
 * Special values as in C's Annex F: exp(-inf) = 0, exp(inf) = inf, log(+-0) = -inf, log(negative) = NaN,
 * log(inf) = inf, NaN stays NaN. Where high is not finite low is of no use (it may be NaN). */
#ifndef LP_REFERENCE_VECMATH_H
#define LP_REFERENCE_VECMATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Compiles a loop for several vector widths and picks one at load time. All give the same bits, since contraction is
 * off and no operation is fused. GCC only: clang 14 gives the resolvers of static functions clashing names, and under
 * AddressSanitizer a resolver would run before the sanitizer is ready. */
#if !defined(LP_MULTIVERSION) && defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && defined(__OPTIMIZE__)
#define LP_MULTIVERSION __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
#ifndef LP_MULTIVERSION
#define LP_MULTIVERSION
#endif

/* For what has to be part of its caller's loop, in each of its versions. */
#ifdef __OPTIMIZE__
#define LP_INLINE static inline __attribute__((always_inline))
#else
#define LP_INLINE static inline
#endif

/* Before a loop whose iterations do not touch each other's data: spares the compiler proving it. */
#ifdef __clang__
#define LP_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define LP_INDEPENDENT _Pragma("GCC ivdep")
#endif

/* The unevaluated sum high + low, with |low| <= ulp(high) / 2 unless said otherwise. */
typedef struct lp_pair {
  double high, low;
} lp_pair;

LP_INLINE uint64_t lp_bits(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

LP_INLINE double lp_from_bits(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* a + b exactly, for |a| >= |b| or a = 0. */
LP_INLINE lp_pair lp_fast_two_sum(double a, double b) {
  const double sum = a + b;
  return (lp_pair){sum, b - (sum - a)};
}

/* a + b exactly. */
LP_INLINE lp_pair lp_two_sum(double a, double b) {
  const double sum = a + b;
  const double of_b = sum - a;
  return (lp_pair){sum, (a - (sum - of_b)) + (b - of_b)};
}

/* The upper 26 bits of x; the lower 27 are x less this. */
LP_INLINE double lp_upper_half(double x) { return lp_from_bits(lp_bits(x) & UINT64_C(0xfffffffff8000000)); }

/* a * b, up to 2^-106 relative: exactly but for the last bit of the product of the lower halves. The low part is 0
 * where the product is huge or not finite, and is lost where it is subnormal. */
LP_INLINE lp_pair lp_two_product(double a, double b) {
  const double product = a * b;
  const double a1 = lp_upper_half(a), a2 = a - a1;
  const double b1 = lp_upper_half(b), b2 = b - b1;
  const double low = (((a1 * b1 - product) + a1 * b2) + a2 * b1) + a2 * b2; /* exact sums in this order only */
  return (lp_pair){product, fabs(product) < 0x1p1000 ? low : 0.0};
}

/* high + low as a pair, for |high| >= |low|; -0.0 stays -0.0. */
LP_INLINE lp_pair lp_join(double high, double low) {
  const double sum = low == 0.0 ? high : high + low;
  return (lp_pair){sum, low - (sum - high)};
}

/* The product of two pairs, up to about 2^-103 relative. */
LP_INLINE lp_pair lp_pair_product(lp_pair a, lp_pair b) {
  const lp_pair p = lp_two_product(a.high, b.high);
  return lp_join(p.high, p.low + (a.high * b.low + a.low * b.high));
}

/* The sum of two pairs, up to about 2^-104 relative to |a| + |b|. */
LP_INLINE lp_pair lp_pair_sum(lp_pair a, lp_pair b) {
  const lp_pair s = lp_two_sum(a.high, b.high);
  return lp_join(s.high, s.low + (a.low + b.low));
}

LP_INLINE lp_pair lp_pair_negative(lp_pair a) { return (lp_pair){-a.high, -a.low}; }

/* An integer as the nearest double and the rest: the lower 32 bits and the others are doubles. */
LP_INLINE lp_pair lp_integer_pair(int64_t x) {
  const int64_t lower = x & INT64_C(0xffffffff);
  return lp_two_sum((double)(x - lower), (double)lower);
}

/* A double as a pair. */
LP_INLINE lp_pair lp_whole(double x) { return (lp_pair){x, 0.0}; }

/* x clamped to low .. high; NaN stays NaN. */
LP_INLINE double lp_clamp(double x, double low, double high) {
  const double at_least = x < low ? low : x;
  return at_least > high ? high : at_least;
}

/* (1 + r + r^2/2 + r^3 P(r)) with P a minimax polynomial on |r| <= log(2)/2, error below 2^-60; the rounding errors of
 * the terms after 1 + r, which is kept exactly, add up to less than 2^-57. */
LP_INLINE lp_pair lp_exp_reduced(double r, double r_low) {
  const double r2 = r * r;
  const double r4 = r2 * r2;
  const double even = (0x1.555555555555bp-3 + r2 * 0x1.111111110ebd9p-7) +
                      r4 * ((0x1.a01a01b3b1ad8p-13 + r2 * 0x1.71ddefa2455b9p-19) + r4 * 0x1.af6cbf2947aa8p-26);
  const double odd = (0x1.555555555555ap-5 + r2 * 0x1.6c16c16c14133p-10) +
                     r4 * ((0x1.a01a01b2082acp-16 + r2 * 0x1.27e4c2abd48abp-22) + r4 * 0x1.1f99de67e5066p-29);
  const double rest = 0.5 * r2 + r2 * r * (even + r * odd), tail = rest + (r_low + r_low * (r + rest));
  const lp_pair one_and_r = lp_fast_two_sum(1.0, r);
  return lp_fast_two_sum(one_and_r.high, one_and_r.low + tail);
}

/* exp(x + x_low), |x_low| <= ulp(x). x = k log 2 + r; log 2 is held to 42 bits, so that k log 2 is exact, and a rest.
 * The scaling by 2^k goes in two steps, since 2^k itself may overflow. */
LP_INLINE lp_pair lp_exp_pair(double x, double x_low) {
  const double inside = lp_clamp(x, -746.0, 710.0);
  const double shifted = inside * 0x1.71547652b82fep+0 + 0x1.8p52;
  const double k = shifted - 0x1.8p52;
  const double coarse = inside - k * 0x1.62e42fefa3800p-1, rest = k * 0x1.ef35793c76730p-45;
  const double r = coarse - rest;
  const lp_pair e = lp_exp_reduced(r, ((coarse - r) - rest) + x_low);
  const uint64_t biased = lp_bits(shifted) - (UINT64_C(0x4338000000000000) - 2046);
  const uint64_t half = biased >> 1;
  const double scale = lp_from_bits(half << 52), scale_too = lp_from_bits((biased - half) << 52);
  return (lp_pair){e.high * scale * scale_too, e.low * scale * scale_too};
}

/* log(1 + f + f_low) less k log 2, for -0.293 < f < 0.4143 and |f_low| <= 2^-53.
 * With s = f/(2+f): log(1+f) = f - f^2/2 + s (f^2/2 + R(s^2)), R a minimax polynomial, error of s R below 2^-63. f and
 * f^2/2 are kept exactly; the rest is at most 0.05 f and carries a few roundings. */
LP_INLINE lp_pair lp_log_reduced(double k, double f, double f_low) {
  const double s = f / (2.0 + f);
  const double z = s * s, z2 = z * z;
  const double z4 = z2 * z2;
  const double even =
      (0x1.5555555555555p-1 + z2 * 0x1.249249242b10ap-2) + z4 * (0x1.745cde2387bf4p-3 + z2 * 0x1.0f5c828c42375p-3);
  const double odd =
      (0x1.9999999999e01p-2 + z2 * 0x1.c71c725937363p-3) + z4 * (0x1.3b20aeab24d6fp-3 + z2 * 0x1.0f659641831d2p-3);
  const double f1 = lp_upper_half(f), f2 = f - f1;
  const double square = 0.5 * f1 * f1, square_low = 0.5 * (f + f1) * f2;
  const double tail = s * ((square + square_low) + z * (even + z * odd)) - square_low;
  const lp_pair head = lp_fast_two_sum(f, -square);
  const lp_pair whole = lp_fast_two_sum(k * 0x1.62e42fefa3800p-1, head.high);
  return lp_fast_two_sum(whole.high, whole.low + (head.low + (tail + (k * 0x1.ef35793c76730p-45 + f_low))));
}

/* log(x) - shift log 2 for normal x > 0; other x give anything. x = 2^k m with m between sqrt(1/2) and sqrt(2). */
LP_INLINE lp_pair lp_log_shifted(double x, double shift) {
  const uint64_t bits = lp_bits(x);
  const uint64_t biased = (bits + (UINT64_C(0x3ff0000000000000) - UINT64_C(0x3fe6a09e667f3bcd))) >> 52;
  const double m = lp_from_bits(bits - (biased << 52) + UINT64_C(0x3ff0000000000000));
  const double k = lp_from_bits(biased | UINT64_C(0x4330000000000000)) - (0x1p52 + 1023.0);
  return lp_log_reduced(k - shift, m - 1.0, 0.0);
}

/* log(x) for normal x > 0, which the caller is sure of. */
LP_INLINE lp_pair lp_log_normal(double x) { return lp_log_shifted(x, 0.0); }

/* log(x) for any x. */
LP_INLINE lp_pair lp_log_pair(double x) {
  const int tiny = x < 0x1p-1022;
  const lp_pair log = lp_log_shifted(tiny ? x * 0x1p54 : x, tiny ? 54.0 : 0.0);
  const double outside = x < 0.0 ? (double)NAN : x == 0.0 ? -(double)INFINITY : x;
  const int proper = x > 0.0 && x <= 0x1.fffffffffffffp1023;
  return (lp_pair){proper ? log.high : outside, proper ? log.low : 0.0};
}
#endif
