/* A failing case made as small as a person would make it: fewer rows, classes and frames, optional inputs left out,
 * options at their defaults, numbers that are 0, 1, small integers, powers of two or short decimals.
 *
 * What "fails" means is the caller's: a predicate, asked of every simpler case until no simplification of the table in
 * minimize.c is left that keeps it true. The same case and predicate give the same result, and what is minimal stays as
 * it is. What PyTorch accepts stays accepted, and what it refuses stays refused for the same reason. */
#ifndef LP_FUZZ_MINIMIZE_H
#define LP_FUZZ_MINIMIZE_H

#include "golden/arena.h"

/* Whether this case shows the fault, too. It is kept only while the call lasts. */
typedef bool lp_still_fails(void *context, const lp_case *c);

enum { LP_MINIMIZE_TRIES = 20000, LP_MINIMIZE_MOST_STEPS = 16 };

/* One kind of simplification, and what came of it. */
typedef struct lp_minimize_step {
  const char *name; /* "rows, classes, frames" */
  int tried, kept;
} lp_minimize_step;

typedef struct lp_minimized {
  lp_case c;     /* in the arena; its texts are those of the case */
  bool fails;    /* false: the case did not fail to begin with, and c is a copy of it */
  bool finished; /* false: the tries were used up, and something simpler may be left */
  int tries;     /* calls of the predicate */
  int n_steps;   /* in the order of the table, those that were never tried as well */
  lp_minimize_step steps[LP_MINIMIZE_MOST_STEPS];
} lp_minimized;

/* tries: at most so many calls of the predicate, the first one included. LP_NO_MEMORY; LP_INVALID: it is not a case. */
lp_status lp_minimize(lp_minimized *result, lp_arena *arena, const lp_case *c, lp_still_fails *still_fails,
                      void *context, int tries, lp_error *error) LP_MUST_USE;

#endif
