/* What the definitions of l1, mse and smooth_l1 share: the residual, the weight, and PyTorch's integers. */
#ifndef LP_EXACT_RESIDUAL_H
#define LP_EXACT_RESIDUAL_H

#include "reference/exact/exact.h"

enum { LP_EXACT_INPUT, LP_EXACT_TARGET, LP_EXACT_WEIGHT };

/* The number that position `index` of the loss reads from an input. */
lp_x lp_exact_read(lp_tape *t, const lp_plan *plan, int input, int64_t index);

/* input - target. */
lp_x lp_exact_residual(lp_tape *t, const lp_plan *plan, int64_t index);

/* The loss of a position times its weight; the loss itself when there are no weights. */
lp_x lp_exact_weigh(lp_tape *t, const lp_plan *plan, int64_t index, lp_x loss);

/* Are input and target, and the weight where there is one, all finite at this position? */
bool lp_exact_reads_finite(lp_tape *t, const lp_plan *plan, int64_t index);

/* Are there weights, does `mean` divide by their sum, and is that exactly 0? */
bool lp_exact_weights_cancel(const lp_plan *plan);

/* Input and target are both integers: then the loss is an integer, without a gradient to either. */
bool lp_exact_is_integer(const lp_plan *plan);

/* The weighted loss |input - target|^power of such a position. The difference, its power and, with an integer weight,
 * the product wrap around in the dtype to which PyTorch promotes; so does a sum, in int64, of which no summand is
 * floating: its last term carries the multiple of 2^64 by which it wraps. */
lp_x lp_exact_integer_term(lp_tape *t, const lp_plan *plan, int64_t index, int power);

#endif
