/* Reaches (tape.h) of logarithms of sums, in doubles.
 *
 * Logarithms of sums over paths may exceed the largest double; they and their reaches are held in units of a power of
 * 2 that keeps them within it. They are rounded to nearest, and enlarged once at the end by more than all roundings.
 *
 * The reach of log(sum_i exp(a_i)) through its a_i is, to first order, their mean with the weights w_i = exp(a_i) /
 * sum. That says nothing once an a_i may be wrong by as much as -log(w_i): a path of weight e^-20 counts half as soon
 * as its logarithm, of terms of 1e17 that cancel, is wrong by 20. What errors of at most kappa F_i do is at most
 * log(sum_i w_i exp(kappa F_i)), and that over kappa is the reach here, with kappa = 2u; it is between the mean and the
 * largest F_i, and the mean for kappa -> 0. By Hoeffding's lemma it exceeds the mean by at most kappa (max F - min F)^2
 * / 8, which is taken for it where it is small. */
#ifndef LP_EXACT_CTC_REACH_H
#define LP_EXACT_CTC_REACH_H

#include <stdbool.h>

#include "reference/dtype.h"
#include "reference/exact/ball.h"

typedef struct lp_ctc_unit {
  long exponent; /* the unit is 2^exponent */
  double inverse;
  double kappa; /* per unit */
} lp_ctc_unit;

/* A unit for sums over `count` frames of numbers below 2^exponent. */
lp_ctc_unit lp_ctc_unit_for(lp_dtype dtype, long exponent, double count);

/* log(a), a > 0, in units. */
double lp_ctc_log(const mag_t a, const lp_ctc_unit *unit);

/* a / b, b > 0. */
double lp_ctc_ratio(const mag_t a, const mag_t b);

/* The terms of one logarithm of a sum: those that are not 0. */
enum { LP_CTC_MOST_TERMS = 3 };

typedef struct lp_ctc_merge {
  int n;
  mag_struct size[LP_CTC_MOST_TERMS];
  double reach[LP_CTC_MOST_TERMS];
} lp_ctc_merge;

void lp_ctc_merge_init(lp_ctc_merge *m);
void lp_ctc_merge_clear(lp_ctc_merge *m);

void lp_ctc_merge_add(lp_ctc_merge *m, const arb_t term, double reach);

/* The reach of log(total) through its terms, as above; 0 without terms. */
double lp_ctc_merged_reach(const lp_ctc_merge *m, const mag_t total, const lp_ctc_unit *unit);

/* The roundings of the merge itself, beside |log total|: the exponentials (1), their sum (1), and the differences and
 * the logarithm that surround it, |log e| + sum_i w_i |a_i - max a| = -sum_i w_i log w_i <= log n. 0 for one term,
 * where nothing is rounded. */
double lp_ctc_merge_cost(int n);

#endif
