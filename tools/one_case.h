/* One case of a suite: found by its name, and asked in another dtype. */
#ifndef LP_TOOLS_ONE_CASE_H
#define LP_TOOLS_ONE_CASE_H

#include "golden/suite.h"

/* NULL when there is none. */
const lp_suite_entry *lp_case_by_id(const lp_suite *suite, const char *id);

/* Says for this verb that there is no such case, and which names are nearest; LP_EXIT_USAGE. */
int lp_complain_of_id(const char *verb, const lp_suite *suite, const char *id);

/* The entry's case in the dtype of this name, without its outcome. LP_INVALID: no floating dtype, or PyTorch refuses it
 * there. */
lp_status lp_recast_entry(const char *verb, lp_suite_entry *entry, lp_arena *arena, const char *word,
                          lp_error *error) LP_MUST_USE;

#endif
