/* The shapes of a registry row's classes, read and recognized, and the limits on the shapes of fuzzed cases. */
#ifndef LP_FUZZ_SHAPES_H
#define LP_FUZZ_SHAPES_H

#include "reference/case.h"

enum { LP_N_LETTERS = 6 }; /* N, C, D, T, S, and one for all others */

/* Every byte is a size, and every size up to 15 is a byte: first the usual sizes of the letter, see loss.h. */
int64_t lp_letter_size(int letter, uint8_t byte);
bool lp_letter_byte(uint8_t *byte, int letter, int64_t size);

/* Sets rank and extents, which may be any. `text` is none of the registry's "-". */
void lp_shape_read(lp_tensor *tensor, const char *text, const int64_t sizes[LP_N_LETTERS]);

/* The letter of every extent of the shape, 0..LP_N_LETTERS-1; -1 where it is a number alone. */
void lp_shape_letters(int letters[LP_MAX_RANK], const char *text);

/* The first class whose shapes are those of the case for some sizes, -1 when there is none. An input that is left out
 * may have any shape. Sizes of letters that do not occur are -1. */
int lp_shape_class_of(int64_t sizes[LP_N_LETTERS], const lp_case *c);

/* Does every tensor but grad_output, and all together, keep within the limits of codec.h? */
bool lp_shapes_fit(const lp_case *c);

/* Cuts all extents at one size, as large as the limits allow, and counts the elements. */
void lp_shapes_cut(lp_case *c);

/* The same for one tensor alone. */
void lp_shape_cut(lp_tensor *tensor);

#endif
