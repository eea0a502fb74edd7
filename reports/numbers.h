/* How numbers, places and words are printed for people, the same on every screen. */
#ifndef LP_REPORTS_NUMBERS_H
#define LP_REPORTS_NUMBERS_H

#include <stdio.h>

#include "reference/exact/exact.h"

enum { LP_DECIMAL_TEXT = 40, LP_HEXFLOAT_TEXT = 40, LP_BITS_TEXT = 24, LP_PLACE_TEXT = 200, LP_EXACT_TEXT = 96 };

/* The shortest decimal that reads back as x in this dtype, which x is a number of; "Infinity", "-Infinity", "NaN". */
char *lp_decimal(char text[LP_DECIMAL_TEXT], double x, lp_dtype dtype);

/* "0x1.8p+1"; "" for what is not finite. */
char *lp_hexfloat(char text[LP_HEXFLOAT_TEXT], double x);

/* The bits of x in its dtype: "0x40400000" in float32, "0x4200" in float16. */
char *lp_bits(char text[LP_BITS_TEXT], double x, lp_dtype dtype);

/* "decimal  hex-float  bits" in columns, without blanks or a newline at the end. */
void lp_write_number(FILE *out, double x, lp_dtype dtype);

/* The true number to `digits` digits, with its radius where the enclosure is wider than that; its class otherwise. */
char *lp_exact_decimal(char text[LP_EXACT_TEXT], const lp_exact_number *n, int digits);

/* Where element `index` is: "[2,0]" in a matrix, "[2]" in a vector, "" in a single number. */
char *lp_place(char text[LP_PLACE_TEXT], const lp_tensor *t, int64_t index);

/* A stranger's text on one line, without what would steer the terminal: at most `limit` characters of it. */
void lp_write_line(FILE *out, const char *text, int limit);

/* In single quotes where the shell would read it otherwise. */
void lp_write_word(FILE *out, const char *word);

#endif
