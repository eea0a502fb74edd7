/* The answers of `eval`: for every case of a JSON text, the right value and every gradient, in the same kind of text.
 */
#ifndef LP_REPORTS_ANSWERS_H
#define LP_REPORTS_ANSWERS_H

#include <stdio.h>

#include "golden/json.h"
#include "harness/candidate.h"

/* Writes one answer per entry of the suite, in order: an object, a list, or lines, as `shape` says.
 * {"id":..., "status":"ok", "loss":..., "grad":{"input":...}, "exact":{...}}; "rejected" and "invalid" carry a
 * "message". exact: add the true values, each a number, or {"lo", "hi"} where the ends of its enclosure round apart.
 * with: NULL, or a candidate whose outcome is added under "with". Returns how many cases were invalid. */
int lp_write_answers(FILE *out, const lp_suite *suite, lp_json_shape shape, bool exact, lp_candidate *with);

#endif
