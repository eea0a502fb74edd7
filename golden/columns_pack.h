/* Between a suite and the columns of a file. */
#ifndef LP_GOLDEN_COLUMNS_PACK_H
#define LP_GOLDEN_COLUMNS_PACK_H

#include "golden/columns.h"
#include "golden/suite.h"

/* Appends the columns of the suite's entries of this loss, sealed, to empty columns. */
lp_status lp_columns_pack(lp_columns *columns, const lp_suite *suite, const lp_loss *loss, lp_error *error) LP_MUST_USE;

/* Appends the entries to the suite and sets its origin, after checking everything: the seal, a closed set of columns,
 * cells, extents, offsets, ranges and ceilings. On failure the suite is as it was. */
lp_status lp_columns_unpack(lp_suite *suite, lp_columns *columns, lp_error *error) LP_MUST_USE;

/* What holds of the entries of one file, whoever made them: ids that are there and unlike each other; the inputs that
 * the loss requires, or none in a file of answers; an outcome, or none in a file of questions; outputs only of
 * outcomes that are ok. */
lp_status lp_entries_check(const lp_suite_entry *const *entries, int n, unsigned halves, lp_arena *scratch,
                           lp_error *error) LP_MUST_USE;

#endif
