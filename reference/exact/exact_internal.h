/* Shared by exact*.c. */
#ifndef LP_EXACT_EXACT_INTERNAL_H
#define LP_EXACT_EXACT_INTERNAL_H

#include "reference/exact/exact.h"

/* The evaluation of one case, term by term. */
typedef struct lp_exact_run {
  lp_exact *exact;
  const lp_plan *plan;
  const lp_exact_loss *loss;
  const lp_exact_options *options;
  lp_tape tape;
  double count;           /* what mean divides by */
  bool weighted;          /* it divides by weight instead */
  lp_exact_number weight; /* the sum of the weights */
  bool weight_is_exact;   /* whatever the order in which they are added */
  int64_t term;           /* the one on the tape */
  lp_x value;             /* of that term */
  int groups;             /* of kinks so far */
  double kink_work;       /* numbers written to find kinks so far */
  bool undecided;         /* a quotient of sums met a divisor that may be 0 at this precision */
} lp_exact_run;

/* Writes a term, and unless only values are wanted its gradient, on the tape: at this precision, doubled until every
 * ball is narrow and every switch decided. */
void lp_exact_settle_term(lp_exact_run *run, slong precision);

/* Finds what the switches on the tape do to the gradient of the term. Leaves the tape with another evaluation. */
lp_status lp_exact_find_kinks(lp_exact_run *run, lp_error *error) LP_MUST_USE;

/* The output, as a position in exact->outputs, that holds the gradient of an input; -1: it has none. */
int lp_exact_output_of(const lp_exact *exact, int input);

#endif
