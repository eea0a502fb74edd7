/* The other half of the plugin door: cases as questions, and answers read with distrust. */
#ifndef LP_HARNESS_DOORS_PLUGIN_QUESTION_H
#define LP_HARNESS_DOORS_PLUGIN_QUESTION_H

#include "harness/candidate.h"
#include "harness/doors/plugin_wire.h"

/* Names and shapes of the outputs that are asked for: of a case that must be rejected those that a right
 * implementation might expect, so that the question does not betray it. LP_INVALID: it is no case. */
lp_status lp_plugin_layout(lp_outcome *layout, const lp_case *c, const lp_capability *can, lp_error *error) LP_MUST_USE;

/* Appends a framed question. */
void lp_plugin_put_question(lp_bytes *b, int number, const lp_case *c, const lp_outcome *layout, int runs);

/* Reads the answer to question `number`. LP_INVALID: it is none, the message says why; *fault: the worker's last. */
lp_status lp_plugin_read_answer(lp_answer *answer, bool *fault, lp_arena *arena, int number, const lp_outcome *layout,
                                const lp_capability *can, lp_reading *r, lp_error *error) LP_MUST_USE;

#endif
