/* Between the files of the laws: the rows of a batch, what a mean divides by, relations between numbers. */
#ifndef LP_HARNESS_LAWS_INTERNAL_H
#define LP_HARNESS_LAWS_INTERNAL_H

#include "harness/laws.h"
#include "reference/draw.h"
#include "reference/sum.h"

/* --- the laws, by theme ------------------------------------------------------------------------------------- */

extern const lp_law lp_law_upstream_zero, lp_law_upstream_double, lp_law_upstream_sum, lp_law_upstream_local;
extern const lp_law lp_law_reduction_sum, lp_law_reduction_mean, lp_law_reduction_batchmean;
extern const lp_law lp_law_batch_permutation, lp_law_batch_duplication, lp_law_batch_split;
extern const lp_law lp_law_row_independence, lp_law_row_nan;
extern const lp_law lp_law_ignored_elements, lp_law_unused_weights;
extern const lp_law lp_law_repetition, lp_law_state;

/* --- deriving (laws.c) -------------------------------------------------------------------------------------- */

/* Adds a case, a copy of c but for its id, hunts and tags, and returns it. */
lp_case *lp_law_add(lp_derivation *d, const lp_case *c);

/* Gives the tensor a copy of its data, so that it may be changed. */
lp_status lp_law_own(lp_arena *arena, lp_tensor *tensor, lp_error *error) LP_MUST_USE;

void lp_law_set_reduction(lp_case *c, lp_reduction reduction);

/* --- the rows of a batch (laws_rows.c) ---------------------------------------------------------------------- */

/* Row i of the batch: the elements of the unreduced loss at position i of its first axis, and the elements of every
 * input that they alone depend on. */
typedef enum lp_batch_kind {
  LP_BATCH_SHARED, /* all rows depend on all of the input */
  LP_BATCH_AXIS,   /* row i is position i along an axis */
  LP_BATCH_RAGGED, /* the rows are laid end to end, their lengths in another input */
} lp_batch_kind;

typedef struct lp_batch {
  int64_t count;
  lp_batch_kind kind[LP_MAX_INPUTS];
  int axis[LP_MAX_INPUTS];
  int lengths[LP_MAX_INPUTS]; /* the input that holds them */
} lp_batch;

/* From the shapes of the registry's row, and the case's. Returns NULL, or why the case has no rows to speak of. */
const char *lp_batch_of(lp_batch *batch, const lp_plan *plan);

/* The case made of rows source[0] .. source[n-1]. */
lp_status lp_batch_gather(lp_case *out, lp_arena *arena, const lp_plan *plan, const lp_batch *batch,
                          const int64_t *source, int64_t n, lp_error *error) LP_MUST_USE;

/* Is the output a number or numbers for each row (the unreduced loss, the gradient of an input with rows)? Then
 * *axis is the axis of the rows. */
bool lp_batch_divide(int *axis, const lp_batch *batch, const lp_plan *plan, int output);

/* Row of element `index`, and the element with the same position in row `row` of a tensor with `n_rows` rows. */
int64_t lp_batch_row(const lp_tensor *tensor, int axis, int64_t index);
int64_t lp_batch_element(const lp_tensor *tensor, int axis, int64_t index, int64_t row, int64_t n_rows);

/* Fills row `row` of every differentiable input that has rows with NaN (a label that is NaN may take a row out of the
 * loss). Returns in *any whether there is such an input. */
lp_status lp_batch_fill_nan(lp_case *c, lp_arena *arena, const lp_batch *batch, int64_t row, bool *any,
                            lp_error *error) LP_MUST_USE;

/* --- what a reduction divides by (laws_reduction.c) --------------------------------------------------------- */

/* loss = sum_i v_i / (S_i D), v the unreduced loss and S_i a divisor of row i alone. With a weight in the place of D,
 * its gradient has the extra summand -g loss / D. */
typedef struct lp_divisor {
  double whole; /* D */
  int of_rows;  /* input whose elements, or 1 when they are smaller, are the S_i; -1: all 1 */
  int weight;   /* input whose sum D is; -1: none */
} lp_divisor;

/* NULL, or why the law knows no divisor: the mean of nothing, weights that cancel, words that it does not know. */
const char *lp_divisor_of(lp_divisor *divisor, const lp_plan *plan);

/* Is the output the gradient of the weight whose sum is D? */
bool lp_divisor_has(const lp_divisor *divisor, int output);

/* S of this row. */
double lp_divisor_of_row(const lp_divisor *divisor, const lp_case *c, int64_t row);

/* Integers wrap around in sums: a law of sums needs at least one floating input among the numbers. NULL, or a refusal.
 */
const char *lp_divisor_refusal(const lp_plan *plan);

/* --- relations (laws_compare.c) ----------------------------------------------------------------------------- */

/* One number of one outcome. */
typedef struct lp_law_number {
  double x, budget;
  lp_dtype dtype;
} lp_law_number;

/* One side of a relation: the sum of coefficient times number. */
typedef struct lp_law_side {
  lp_sum sum;           /* of the finite ones */
  double size, allowed; /* sum of |coefficient x| and |coefficient| budget */
  double special;       /* sum of the others */
  int n, n_special;
  bool open;             /* a budget is not known */
  double x, coefficient; /* of the first number: what the relation is about */
  double ceiling;        /* |coefficient| times the largest number of its dtype, of the last special one */
} lp_law_side;

/* Which number the first one on the left is. */
typedef struct lp_law_place {
  int answer; /* 0: of the case; k: of d->cases[k - 1] */
  int output; /* LP_OUTPUT_LOSS or an input */
  int64_t index;
} lp_law_place;

typedef struct lp_relation {
  lp_law_verdict *verdict;
  const lp_derivation *d;
  lp_law_answer answers[1 + LP_LAW_MAX_CASES]; /* the case's own first */
  bool deterministic;
  double worst; /* |difference| / allowed so far */
} lp_relation;

/* The output, or NULL when any of the used answers lacks it. */
const lp_output *lp_law_output(const lp_relation *r, int answer, int output);
bool lp_law_has(const lp_relation *r, int output);

lp_law_number lp_law_at(const lp_relation *r, lp_law_place at);

void lp_side_add(lp_law_side *side, double coefficient, lp_law_number number);

/* left = right. */
void lp_law_compare(lp_relation *r, lp_law_place at, const lp_law_side *left, const lp_law_side *right);

/* got = expected: bit by bit when `bitwise` and the candidate is deterministic, else within their budgets. */
void lp_law_equal(lp_relation *r, lp_law_place at, lp_law_number got, lp_law_number expected, bool bitwise);

/* got is 0 or -0, exactly. */
void lp_law_is_zero(lp_relation *r, lp_law_place at, lp_law_number got);

/* Every number of `output` of answer k equals that of the case, element by element. */
void lp_law_same_output(lp_relation *r, int answer, int output, bool bitwise);
void lp_law_same_outcome(lp_relation *r, int answer, bool bitwise);

/* The id of the question that answer k belongs to, its end when it is long: what the law has made of a case is there.
 */
const char *lp_law_id(const lp_relation *r, int answer);

/* The law says nothing after all. */
void lp_law_give_up(lp_relation *r, const char *reason);

#endif
