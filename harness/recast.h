/* The same cases in another floating dtype.
 *
 * Every tensor of the case's own dtype is rounded to the new one; the id gets "@float32" (before the "#LAW" of a
 * derived case), a stored outcome is dropped, and what is expected is worked out anew. Where the new dtype cannot hold
 * a parameter (it overflows), PyTorch raises and others need not: either is right. A case that PyTorch takes in its own
 * dtype and refuses for the new one has no recast. */
#ifndef LP_HARNESS_RECAST_H
#define LP_HARNESS_RECAST_H

#include "golden/suite.h"

/* "float32", "float64,float16": bits (1u << lp_dtype). LP_INVALID, naming the word. */
lp_status lp_dtypes_parse(unsigned *dtypes, const char *words, lp_error *error) LP_MUST_USE;

/* In the arena; c must outlive it (texts and tensors of other dtypes are shared). *exists: false when there is no
 * recast. LP_NO_MEMORY; LP_INVALID: the id grows too long. */
lp_status lp_recast_case(lp_case *out, bool *exists, lp_arena *arena, const lp_case *c, lp_dtype dtype,
                         lp_error *error) LP_MUST_USE;

/* Which dtypes the cases of a loss are to have: bits; 0: as they are. */
typedef unsigned (*lp_recast_choice)(const void *context, const lp_loss *loss);

/* Adds to `out` every entry of `in`, which must outlive it, once in each dtype chosen. *left_out: those that have no
 * recast. */
lp_status lp_recast_suite(lp_suite *out, int *left_out, const lp_suite *in, lp_recast_choice choice,
                          const void *context, lp_error *error) LP_MUST_USE;

#endif
