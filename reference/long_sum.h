/* Exact sums of products of up to three finite doubles: a fixed-point number that spans their whole range.
 *
 * For the rare sums that divide (the sum of weights of both signs) or stand above one that vanishes, where one bit
 * decides between a number, an infinity and NaN. Some hundred times slower than double. */
#ifndef LP_REFERENCE_LONG_SUM_H
#define LP_REFERENCE_LONG_SUM_H

#include <stdint.h>

#include "reference/big.h"

/* From 2^-3384 up to 2^3336: products reach from 2^-3222 to 2^3072, as integers from 2^-3378. */
enum { LP_LONG_DIGITS = 280 };

/* Digits of 24 bits, the lowest first, none of them negative but the last. */
typedef struct lp_long_sum {
  int64_t digit[LP_LONG_DIGITS];
} lp_long_sum;

void lp_long_sum_clear(lp_long_sum *sum);

/* Adds a b c, all finite. */
void lp_long_sum_add(lp_long_sum *sum, double a, double b, double c);

/* Takes the other sum away. */
void lp_long_sum_subtract(lp_long_sum *sum, const lp_long_sum *other);

/* The sum, cut to 106 bits or so; 0 only where it is 0. */
lp_big lp_long_sum_get(const lp_long_sum *sum);

/* A sum of doubles as doubles that add up to it exactly, at most LP_LONG_PARTS; returns how many, 0 when one of them
 * is beyond the range of double. */
enum { LP_LONG_PARTS = LP_LONG_DIGITS / 2 };
int lp_long_sum_parts(double parts[LP_LONG_PARTS], const lp_long_sum *sum);

#endif
