/* Which cases the laws are tried on, and the derived cases as questions of their own (for the file door). */
#ifndef LP_HARNESS_DERIVED_H
#define LP_HARNESS_DERIVED_H

#include "golden/suite.h"
#include "harness/laws.h"

/* One seed for all runs: a derived case is a function of the case that it comes from. */
#define LP_DERIVED_SEED ((uint64_t)1)

/* Is this one case in `every`, chosen by a hash of the id? Never when every is 0, nor for a derived case. */
bool lp_derived_is_turn(const char *id, int every);

/* Is this the id of a derived case: ID#LAW? */
bool lp_derived_is_derived(const char *id);

/* Adds to `out` every entry of `in`, which must outlive it, each followed by its derived cases when it is its turn. */
lp_status lp_derived_add(lp_suite *out, const lp_suite *in, int every, lp_error *error) LP_MUST_USE;

#endif
