/* What the writers of reproducers share. */
#ifndef LP_REPORTS_REPRODUCER_INTERNAL_H
#define LP_REPORTS_REPRODUCER_INTERNAL_H

#include <stdio.h>

#include "golden/arena.h"
#include "harness/judge.h"

/* What is right at a case. Three outcomes of one layout: the true number is value + rest, and an answer may be off by
 * budget, which is infinite where nothing is claimed (beside a kink). */
typedef struct lp_expected {
  const lp_case *c;
  bool rejected, either; /* PyTorch rejects it; another implementation may do as it likes */
  const char *message;   /* of the rejection */
  lp_outcome value, rest, budget;
} lp_expected;

void lp_reproducer_python(FILE *out, const lp_expected *x);
void lp_reproducer_c(FILE *out, const lp_expected *x);

/* FOLDER/NAME.json, .h5, and, unless the case is too large for them, .py and .c. */
lp_status lp_reproducer_kinds(const char *folder, const char *name, const lp_case *c, const lp_judging *how,
                              lp_error *error) LP_MUST_USE;

/* A stranger's text for a comment: no control characters, nothing that ends or begins a comment, no trigraphs. */
void lp_reproducer_comment(FILE *out, const char *text);

/* From here on, infinity is what the dtype makes of a number. */
double lp_reproducer_overflow(lp_dtype dtype);

#endif
