/* Covering arrays of strength three with constraints: few rows in which every allowed combination of three settings of
 * three different factors occurs. Built by in-parameter-order growth (Lei, Kacker, Kuhn, Okun, Lawrence 2007, "IPOG"):
 * the full product of the three largest factors, then factor by factor a column (horizontal growth) and the rows that
 * are still needed (vertical growth). */
#ifndef LP_HARNESS_COVERING_H
#define LP_HARNESS_COVERING_H

#include <stdbool.h>
#include <stdint.h>

#include "golden/arena.h"

enum {
  LP_MAX_FACTORS = 32,
  LP_MAX_LEVELS = 64,
  LP_ANY_LEVEL = -1 /* in a row that is counted: this factor has a setting outside the space */
};

/* Two settings that no row may hold together. */
typedef struct lp_forbidden {
  int8_t factor[2], level[2];
} lp_forbidden;

typedef struct lp_space {
  int n_factors;              /* 3 or more */
  int levels[LP_MAX_FACTORS]; /* each at least 1 */
  const lp_forbidden *forbidden;
  int n_forbidden;
} lp_space;

/* Rows of n_factors levels each, one after the other, in an arena. */
typedef struct lp_rows {
  lp_arena *arena;
  int8_t *levels;
  int n_factors, n, capacity;
} lp_rows;

/* Appends a copy of this row. */
lp_status lp_rows_add(lp_rows *rows, const int8_t *row, lp_error *error) LP_MUST_USE;
int8_t *lp_rows_at(const lp_rows *rows, int index);

/* Does the row hold no two forbidden settings? */
bool lp_space_allows(const lp_space *space, const int8_t *row);

/* Sets *rows. Deterministic: ties are broken by the seed. Works in the arena too, with the cube of the number of all
 * levels in bytes. LP_INTERNAL when the space is malformed or allows no row at all. */
lp_status lp_covering_build(lp_rows *rows, lp_arena *arena, const lp_space *space, uint64_t seed,
                            lp_error *error) LP_MUST_USE;

/* How many triples of settings occur in some allowed row (`wanted`), and how many of those these rows hold (`hit`). */
lp_status lp_covering_count(long *wanted, long *hit, const lp_space *space, const lp_rows *rows,
                            lp_error *error) LP_MUST_USE;

#endif
