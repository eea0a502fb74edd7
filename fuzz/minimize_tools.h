/* What simplifications share, and the simplifications themselves, a file for each kind. */
#ifndef LP_FUZZ_MINIMIZE_TOOLS_H
#define LP_FUZZ_MINIMIZE_TOOLS_H

#include "fuzz/minimize.h"

typedef enum lp_variant {
  LP_VARIANT_NEW,  /* *next is another case */
  LP_VARIANT_NONE, /* there is none of this number; there may be one of the next */
  LP_VARIANT_END,  /* nor of any later number */
  LP_VARIANT_NO_MEMORY
} lp_variant;

/* Sets *next to variant k = 0, 1, 2 ... of the case, the boldest first. What differs is allocated in the arena, the
 * rest is shared. It need be neither simpler nor accepted, and the shape of grad_output may be left behind: the caller
 * sees to all that. */
typedef lp_variant lp_simplify(lp_case *next, lp_arena *arena, const lp_case *now, int64_t k);

/* How hard a number is to read: 0 for 0, then 1, -1, 2 ... 10, powers of two, short decimals, all other numbers, and
 * last -0.0, infinities and NaN. Integers: by magnitude. */
int64_t lp_number_cost(const lp_tensor *tensor, int64_t index);
int64_t lp_real_cost(lp_dtype dtype, double value);

/* The same bits: -0.0 is not 0.0, and a NaN is itself. */
bool lp_same_real(double a, double b);

/* Candidate j = 0, 1, 2 ... for something simpler than this number of the dtype; false when there is none of this
 * number
 * (*end: nor of any later one). */
bool lp_simpler_real(double *simpler, bool *end, lp_dtype dtype, double value, int j);
bool lp_simpler_integer(int64_t *simpler, bool *end, lp_dtype dtype, int64_t value, int j);

/* Elements of all given inputs and of grad_output. */
int64_t lp_case_elements(const lp_case *c);

/* An input, or, for n_inputs, grad_output; NULL when it is not given. */
lp_tensor *lp_case_tensor(lp_case *c, int which);

/* The tensor with elements of its own, so that they can be changed. */
bool lp_own_elements(lp_tensor *tensor, lp_arena *arena);

/* Takes out `length` slices of this axis, from slice `from` on. */
bool lp_cut_axis(lp_tensor *tensor, lp_arena *arena, int axis, int64_t from, int64_t length);

/* --- the table's own */
lp_simplify lp_drop_upstream;
lp_simplify lp_drop_input;
lp_simplify lp_plain_reduction;
lp_simplify lp_plain_parameter;
lp_simplify lp_plain_dtype;
lp_simplify lp_fewer_slices;
lp_simplify lp_fewer_axes;
lp_simplify lp_values_at_once;
lp_simplify lp_equal_values;
lp_simplify lp_single_value;
lp_simplify lp_lower_both;

#endif
