/* Exact sums of products, see long_sum.h. */
#include "reference/long_sum.h"

#include <math.h>
#include <string.h>

enum { BITS = 24, FIRST = -3384, MANTISSA_DIGITS = 3, PRODUCT_DIGITS = 8 };

static const int64_t base = INT64_C(1) << BITS;

void lp_long_sum_clear(lp_long_sum *sum) { memset(sum, 0, sizeof *sum); }

/* |x| as an integer of three digits times 2^exponent. */
static int digits_of(int64_t digit[MANTISSA_DIGITS], double x) {
  int exponent;
  int64_t mantissa = (int64_t)ldexp(frexp(fabs(x), &exponent), 53);
  for (int i = 0; i < MANTISSA_DIGITS; i++, mantissa /= base) digit[i] = mantissa % base;
  return exponent - 53;
}

/* Brings all digits but the last from `from` on into 0 .. base - 1, at least the next `n`. */
static void carry(int64_t *digit, int from, int n, int end) {
  for (int i = from; i + 1 < end; i++) {
    int64_t over = digit[i] / base;
    if (over * base > digit[i]) over--;
    if (over == 0 && i >= from + n) return;
    digit[i] -= over * base;
    digit[i + 1] += over;
  }
}

/* digit *= factor; there is room for the product. */
static void multiply(int64_t digit[PRODUCT_DIGITS + 2], const int64_t factor[MANTISSA_DIGITS]) {
  int64_t product[PRODUCT_DIGITS + 2] = {0};
  for (int i = 0; i < PRODUCT_DIGITS; i++) {
    for (int j = 0; j < MANTISSA_DIGITS && i + j < PRODUCT_DIGITS; j++) product[i + j] += digit[i] * factor[j];
  }
  memcpy(digit, product, sizeof product);
  carry(digit, 0, PRODUCT_DIGITS + 2, PRODUCT_DIGITS + 2);
}

void lp_long_sum_add(lp_long_sum *sum, double a, double b, double c) {
  if (a == 0.0 || b == 0.0 || c == 0.0) return;
  const double factors[] = {a, b, c};
  const bool negative = (signbit(a) != 0) != ((signbit(b) != 0) != (signbit(c) != 0));
  int64_t product[PRODUCT_DIGITS + 2] = {1}, digit[MANTISSA_DIGITS];
  int exponent = -FIRST;
  for (int i = 0; i < 3; i++) {
    exponent += digits_of(digit, factors[i]);
    multiply(product, digit);
  }
  const int64_t shift = INT64_C(1) << exponent % BITS;
  for (int i = 0; i < PRODUCT_DIGITS; i++) product[i] *= shift;
  carry(product, 0, PRODUCT_DIGITS + 2, PRODUCT_DIGITS + 2);
  const int first = exponent / BITS;
  for (int i = 0; i < PRODUCT_DIGITS + 2; i++) sum->digit[first + i] += negative ? -product[i] : product[i];
  carry(sum->digit, first, PRODUCT_DIGITS + 2, LP_LONG_DIGITS);
}

void lp_long_sum_subtract(lp_long_sum *sum, const lp_long_sum *other) {
  for (int i = 0; i < LP_LONG_DIGITS; i++) sum->digit[i] -= other->digit[i];
  carry(sum->digit, 0, LP_LONG_DIGITS, LP_LONG_DIGITS);
}

static lp_long_sum absolute(const lp_long_sum *sum, bool negative) {
  lp_long_sum size = *sum;
  for (int i = 0; negative && i < LP_LONG_DIGITS; i++) size.digit[i] = -size.digit[i];
  carry(size.digit, 0, LP_LONG_DIGITS, LP_LONG_DIGITS);
  return size;
}

lp_big lp_long_sum_get(const lp_long_sum *sum) {
  const bool negative = sum->digit[LP_LONG_DIGITS - 1] < 0;
  const lp_long_sum size = absolute(sum, negative);
  lp_big total = lp_big_of(0.0);
  int top = LP_LONG_DIGITS - 1;
  while (top > 0 && size.digit[top] == 0) top--;
  for (int i = top; i >= 0 && i > top - 6; i--) {
    lp_big part = lp_big_of((double)size.digit[i]);
    if (part.high != 0.0) part.exponent += BITS * i + FIRST;
    total = lp_big_add(total, part);
  }
  return negative ? lp_big_negate(total) : total;
}

int lp_long_sum_parts(double parts[LP_LONG_PARTS], const lp_long_sum *sum) {
  const bool negative = sum->digit[LP_LONG_DIGITS - 1] < 0;
  const lp_long_sum size = absolute(sum, negative);
  int n = 0;
  for (int i = 0; i < LP_LONG_DIGITS; i += 2) {
    const double pair = (double)(size.digit[i + 1] * base + size.digit[i]);
    if (pair != 0.0) parts[n++] = ldexp(negative ? -pair : pair, BITS * i + FIRST);
  }
  return n > 0 && isinf(parts[n - 1]) ? 0 : n;
}
