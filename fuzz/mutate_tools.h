/* What mutations share, and the mutations themselves, a file for each kind. */
#ifndef LP_FUZZ_MUTATE_TOOLS_H
#define LP_FUZZ_MUTATE_TOOLS_H

#include "fuzz/mutate.h"

/* Which tensors: bits. */
enum {
  LP_PICK_FLOATING = 1,
  LP_PICK_INTEGER = 2,
  LP_PICK_NUMBERS = LP_PICK_FLOATING | LP_PICK_INTEGER, /* inputs of any kind */
  LP_PICK_UPSTREAM = 4                                  /* grad_output too */
};

/* A tensor with elements, drawn; NULL when there is none. */
lp_tensor *lp_mutate_pick(lp_case *c, lp_rng *rng, unsigned which);

/* Rounds to the tensor's dtype; integers go to the nearest that it has, NaN to 0. */
void lp_mutate_put(lp_tensor *tensor, int64_t index, double value);

/* The number of a floating dtype that is `steps` numbers away; infinities are the ends, NaN stays. */
double lp_mutate_step(lp_dtype dtype, double value, int64_t steps);

/* Places in the order of a dtype's numbers, both zeros at 0; not for NaN. */
int64_t lp_mutate_order(lp_dtype dtype, double value);
double lp_mutate_from_order(lp_dtype dtype, int64_t order);

/* The same tensor with another shape or dtype (numel is counted): elements keep their indices, those that have no
 * predecessor repeat others. */
bool lp_mutate_recast(lp_tensor *tensor, lp_arena *arena, const lp_tensor *layout, lp_rng *rng);

/* All tensors of the case anew, so that a change can be taken back or compared. */
bool lp_mutate_copy_inputs(lp_case *copy, lp_arena *arena, const lp_case *c);

/* A draw hook can be asked to fill the case: dtypes of the right kind, shapes of one of the row's classes. */
bool lp_mutate_can_draw(const lp_case *c);

/* Fills it with this value class, each element brought into its dtype. */
void lp_mutate_draw(lp_case *c, lp_rng *rng, int value_class);

/* One of the special values on which implementations break, or a small number. */
double lp_any_special(lp_rng *rng);

/* A parameter's setting, 0 when the loss has none. */
double lp_any_setting(const lp_case *c, lp_rng *rng);

/* Extent of the first axis, 1 without axes; elements of one row. */
int64_t lp_mutate_rows(const lp_tensor *tensor);
int64_t lp_mutate_row_size(const lp_tensor *tensor);

#define LP_MUTATION(name) bool lp_mutate_##name(lp_case *c, lp_arena *arena, lp_rng *rng)
LP_MUTATION(shape_class);
LP_MUTATION(grow_extent);
LP_MUTATION(shrink_extent);
LP_MUTATION(one_extent);
LP_MUTATION(toggle_input);
LP_MUTATION(case_dtype);
LP_MUTATION(input_dtype);
LP_MUTATION(reduction);
LP_MUTATION(setting);
LP_MUTATION(setting_near);
LP_MUTATION(setting_ulp);
LP_MUTATION(upstream);
LP_MUTATION(redraw);
LP_MUTATION(redraw_element);
LP_MUTATION(special);
LP_MUTATION(one_ulp);
LP_MUTATION(negate);
LP_MUTATION(copy_element);
LP_MUTATION(scale);
LP_MUTATION(add_setting);
LP_MUTATION(small_number);
LP_MUTATION(boundary);
LP_MUTATION(copy_row);
LP_MUTATION(tie_rows);
LP_MUTATION(permute);
LP_MUTATION(special_row);
LP_MUTATION(label);
LP_MUTATION(duplicate_label);
LP_MUTATION(length);
LP_MUTATION(margin);
LP_MUTATION(repair);

#endif
