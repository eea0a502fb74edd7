/* Finite differences of the exact values: they check the exact gradients, and the kinks, without any derivation.
 *
 * Differenced is F = sum over the elements of the loss of grad_output * loss, along a line through the case's inputs:
 * F(s) at s = 0, +-h, +-r h with h = 2^-64 of the element (or of 1, when that is less) and r = 2^-32, in ball
 * arithmetic whose precision rises until the radius says that 25 digits are certain.
 *
 * Error. With C(h) = (F(h) - F(-h)) / 2h and the one-sided quotient d(h) = (F(h) - F(0)) / h:
 *   where F is smooth   C(r h), whose truncation error is taken to be at most r |C(h) - C(r h)|. It is O(h^2), so that
 *                       it really shrinks by r^2; a factor of 1/r = 2^32 is left for what makes F ill-behaved;
 *   beside a kink       E = d(r h) + (d(r h) - d(h)) r / (1 - r), which the linear term has left, with a truncation
 *                       error of at most 2 |E - d(r h)|, twice the correction, O(r h). Really it is O(r h^2).
 * h shrinks until these are below 10^-25 too. Both bounds suppose that the error at r h is smaller than the error at h,
 * which holds where F is smooth on the stencil and which no number of evaluations can prove; radii are proven. So what
 * speaks against the claim must be the same from places 2^-1280 as far before it is believed: nearer than any two
 * different inputs are to each other, so that no feature of their size lies within.
 *
 * Kinks. Where the switches at +-h or +-r h take other sides than at 0 (lp_exact.signature), h shrinks, down to
 * 2^-2048. If they still do, the kink is at 0 itself and the one-sided derivatives stand in for the central one. (Where
 * they speak against the claim, h shrinks down to 2^-4096 first: a product of two inputs may be 2^-2148 away from 0,
 * and its slope as large as 2^1024.) These are compared everywhere: where they differ there is a kink, whatever the
 * signature says. They must be the gradient
 * plus the changes that the claim's kinks at 0 tell of, each crossed from one side to the other; where several kinks
 * affect one line, some may be touched or kept on one side only (max(0, s - min(0, s)) below 0).
 *
 * A gradient of 0 is compared at 25 digits of its scale. For ctc the derivative itself is checked, not PyTorch's
 * convention. Beside a jump only the side that F(0) belongs to is compared. */
#ifndef LP_EXACT_DIFFERENCES_H
#define LP_EXACT_DIFFERENCES_H

#include "reference/exact/exact.h"

enum {
  LP_DIFFERENCES_JACOBIAN = 64,  /* up to so many elements of gradients, each is differenced */
  LP_DIFFERENCES_DIRECTIONS = 4, /* above, so many seeded directions */
  LP_DIFFERENCES_SAMPLE = 8,     /* and so many of the elements that a kink at 0 affects, one by one; the others stay */
  LP_DIFFERENCES_DIGITS = 25,
  LP_DIFFERENCES_TEXT = 240
};

typedef struct lp_differences_options {
  const lp_exact *claim; /* whose gradients and kinks are checked; NULL: lp_exact_evaluate's, as sharp as needed */
  int directions;        /* so many seeded directions instead of the Jacobian, whatever the size; 0: as above */
  uint64_t seed;
  /* What is differenced; NULL: lp_exact_evaluate. For tests, which plant faults here. */
  lp_status (*evaluate)(lp_exact *exact, const lp_plan *plan, const lp_exact_options *options, lp_error *error);
} lp_differences_options;

typedef struct lp_differences {
  int64_t compared; /* elements or directions where a difference was found */
  int64_t excluded; /* elements that have no difference: infinite, or with an infinite loss or gradient */
  int64_t silent;   /* others of which nothing can be said: a jump, or too few digits at the highest precision */
  int64_t wrong;    /* the difference excludes the gradient */
  int64_t hidden;   /* kinks that were found but not reported */
  int64_t unseen;   /* kinks that were reported, though the one-sided derivatives do not show them */
  double digits;    /* the fewest to which a gradient and its difference agree; infinity when none was compared */
  slong precision;  /* the highest that was asked for */
  char first[LP_DIFFERENCES_TEXT]; /* what is the matter, for the first wrong, hidden or unseen one; "" */
} lp_differences;

/* LP_NO_MEMORY; LP_INTERNAL when the loss has no exact oracle. options may be NULL. */
lp_status lp_exact_differences(lp_differences *found, const lp_plan *plan, const lp_differences_options *options,
                               lp_error *error) LP_MUST_USE;

/* No gradient is wrong and no kink hidden or unseen. */
bool lp_differences_agree(const lp_differences *found);

#endif
