/* The rows of a batch put in another order, twice, in two parts, or beside other rows. */
#include <math.h>

#include "harness/laws_internal.h"

/* --- permutation, duplication, split ------------------------------------------------------------------------ */

static const char *refuse_rows(const lp_plan *plan, int64_t least) {
  lp_batch batch;
  lp_divisor divisor;
  const char *why = lp_batch_of(&batch, plan);
  if (!why) why = lp_divisor_of(&divisor, plan);
  if (!why) why = lp_divisor_refusal(plan);
  if (why) return why;
  return batch.count >= least ? NULL : "the batch has too few rows";
}

static const char *refuse_one(const lp_plan *plan) { return refuse_rows(plan, 1); }
static const char *refuse_two(const lp_plan *plan) { return refuse_rows(plan, 2); }

/* Adds the case made of these rows. */
static lp_status add_rows(lp_derivation *d, lp_arena *arena, const int64_t *source, int64_t n, lp_error *error) {
  lp_batch batch;
  if (lp_batch_of(&batch, &d->plans[0]) != NULL) return lp_fail(error, LP_INTERNAL, "a case lost its rows");
  d->rows[d->count] = source;
  return lp_batch_gather(lp_law_add(d, d->plans[0].c), arena, &d->plans[0], &batch, source, n, error);
}

/* 0, 1 ... n-1, `times` over. */
static lp_status count_rows(int64_t **rows, lp_arena *arena, int64_t n, int64_t times, lp_error *error) {
  *rows = lp_arena_alloc(arena, (size_t)(n * times), sizeof **rows);
  if (!*rows) return lp_fail(error, LP_NO_MEMORY, "out of memory for the rows of a derived case");
  for (int64_t i = 0; i < n * times; i++) (*rows)[i] = i % n;
  return LP_OK;
}

static int64_t n_rows(const lp_plan *plan) { return plan->term.shape[0]; }

/* Sattolo's shuffle: no row stays where it was. */
static lp_status derive_permutation(lp_derivation *d, lp_arena *arena, lp_rng *rng, lp_error *error) {
  const int64_t n = n_rows(&d->plans[0]);
  int64_t *rows;
  LP_TRY(count_rows(&rows, arena, n, 1, error));
  for (int64_t i = n - 1; i > 0; i--) {
    const int64_t other = lp_rng_below(rng, i), own = rows[i];
    rows[i] = rows[other];
    rows[other] = own;
  }
  return add_rows(d, arena, rows, n, error);
}

static lp_status derive_duplication(lp_derivation *d, lp_arena *arena, lp_rng *rng, lp_error *error) {
  (void)rng;
  const int64_t n = n_rows(&d->plans[0]);
  int64_t *rows;
  LP_TRY(count_rows(&rows, arena, n, 2, error));
  return add_rows(d, arena, rows, 2 * n, error);
}

static lp_status derive_split(lp_derivation *d, lp_arena *arena, lp_rng *rng, lp_error *error) {
  const int64_t n = n_rows(&d->plans[0]), first = 1 + lp_rng_below(rng, n - 1);
  int64_t *rows;
  LP_TRY(count_rows(&rows, arena, n, 1, error));
  LP_TRY(add_rows(d, arena, rows, first, error));
  return add_rows(d, arena, rows + first, n - first, error);
}

/* What the relations need of every case. */
typedef struct batches {
  lp_batch of[1 + LP_LAW_MAX_CASES];
  lp_divisor divisor[1 + LP_LAW_MAX_CASES];
} batches;

static const char *look(batches *b, const lp_derivation *d) {
  const char *why = NULL;
  for (int k = 0; !why && k <= d->count; k++) {
    why = lp_batch_of(&b->of[k], &d->plans[k]);
    if (!why) why = lp_divisor_of(&b->divisor[k], &d->plans[k]);
  }
  return why;
}

/* Adds times D number to the side: what the number would be for a sum. A weighted mean's gradient to the weight has the
 * summand -g loss / D. */
static void add_undivided(lp_law_side *side, const lp_relation *r, const batches *b, double times, lp_law_place at) {
  const lp_divisor *divisor = &b->divisor[at.answer];
  lp_side_add(side, times * divisor->whole, lp_law_at(r, at));
  if (lp_divisor_has(divisor, at.output)) {
    const double g = lp_plan_upstream(&r->d->plans[at.answer], 0);
    lp_side_add(side, times * g, lp_law_at(r, (lp_law_place){at.answer, LP_OUTPUT_LOSS, 0}));
  }
}

/* A number of a row is the same wherever the row stands. */
static void relate_row_numbers(lp_relation *r, const batches *b, int answer, int output, int axis) {
  const lp_tensor *t = &lp_law_output(r, answer, output)->tensor;
  const int64_t n = b->of[0].count;
  for (int64_t i = 0; i < t->numel; i++) {
    const int64_t row = r->d->rows[answer - 1][lp_batch_row(t, axis, i)];
    const lp_law_place at = {answer, output, i}, own = {0, output, lp_batch_element(t, axis, i, row, n)};
    lp_law_side left = {0}, right = {0};
    add_undivided(&left, r, b, 1.0, at);
    add_undivided(&right, r, b, 1.0, own);
    lp_law_compare(r, at, &left, &right);
  }
}

/* A number that belongs to all rows is the sum over the cases. */
static void relate_totals(lp_relation *r, const batches *b, double times, int output) {
  const int64_t numel = lp_law_output(r, 0, output)->tensor.numel;
  for (int64_t i = 0; i < numel; i++) {
    lp_law_side left = {0}, right = {0};
    const lp_law_place at = {r->d->count == 1 ? 1 : 0, output, i};
    for (int k = 1; k <= r->d->count; k++) add_undivided(&right, r, b, 1.0, (lp_law_place){k, output, i});
    add_undivided(&left, r, b, times, (lp_law_place){0, output, i});
    lp_law_compare(r, at, at.answer ? &right : &left, at.answer ? &left : &right);
  }
}

/* Every row of the case stands `times` times in the derived cases. */
static void relate_rows(lp_relation *r, double times) {
  const lp_outcome *layout = &r->d->plans[0].outcome;
  batches b = {0};
  int axis;
  const char *why = look(&b, r->d);
  if (why) {
    lp_law_give_up(r, why);
    return;
  }
  for (int o = 0; o < layout->n_outputs; o++) {
    const int output = layout->outputs[o].input;
    if (!lp_law_has(r, output) || (lp_divisor_has(&b.divisor[0], output) && !lp_law_has(r, LP_OUTPUT_LOSS))) continue;
    const bool rows = lp_batch_divide(&axis, &b.of[0], &r->d->plans[0], output);
    for (int k = 1; rows && k <= r->d->count; k++) relate_row_numbers(r, &b, k, output, axis);
    if (!rows) relate_totals(r, &b, times, output);
  }
}

static void relate_once(lp_relation *r) { relate_rows(r, 1.0); }
static void relate_twice(lp_relation *r) { relate_rows(r, 2.0); }

const lp_law lp_law_batch_permutation = {"batch-permutation",
                                         "rows in another order give the same numbers in that order", refuse_two,
                                         derive_permutation, relate_once};
const lp_law lp_law_batch_duplication = {"batch-duplication",
                                         "the batch twice gives the same losses twice, a doubled sum and an equal mean",
                                         refuse_one, derive_duplication, relate_twice};
const lp_law lp_law_batch_split = {"batch-split", "the two parts of a batch give together what the whole gives",
                                   refuse_two, derive_split, relate_once};

/* --- independence of rows ----------------------------------------------------------------------------------- */

static const char *refuse_independence(const lp_plan *plan) {
  lp_divisor divisor;
  const char *why = refuse_two(plan);
  if (why) return why;
  if (lp_divisor_of(&divisor, plan) == NULL && divisor.weight >= 0) return "all rows share the sum of the weights";
  return NULL;
}

static lp_status mark_row(lp_derivation *d, lp_arena *arena, int64_t row, lp_error *error) {
  bool *changed = lp_arena_alloc(arena, (size_t)n_rows(&d->plans[0]), sizeof *changed);
  if (!changed) return lp_fail(error, LP_NO_MEMORY, "out of memory for the rows of a derived case");
  changed[row] = true;
  d->changed[0] = changed;
  return LP_OK;
}

/* One row becomes a copy of another one. */
static lp_status derive_copy(lp_derivation *d, lp_arena *arena, lp_rng *rng, lp_error *error) {
  const int64_t n = n_rows(&d->plans[0]), row = lp_rng_below(rng, n);
  int64_t *rows;
  LP_TRY(count_rows(&rows, arena, n, 1, error));
  rows[row] = (row + 1 + lp_rng_below(rng, n - 1)) % n;
  LP_TRY(mark_row(d, arena, row, error));
  return add_rows(d, arena, rows, n, error);
}

static lp_status derive_nan(lp_derivation *d, lp_arena *arena, lp_rng *rng, lp_error *error) {
  const int64_t row = lp_rng_below(rng, n_rows(&d->plans[0]));
  lp_batch batch;
  bool any = false;
  if (lp_batch_of(&batch, &d->plans[0]) != NULL) return lp_fail(error, LP_INTERNAL, "a case lost its rows");
  LP_TRY(mark_row(d, arena, row, error));
  LP_TRY(lp_batch_fill_nan(lp_law_add(d, d->plans[0].c), arena, &batch, row, &any, error));
  if (any) return LP_OK;
  d->count = 0;
  d->why_not = "no differentiable input has numbers of its own in each row";
  return LP_OK;
}

/* A row that has not changed keeps its numbers; not bit by bit, as a wild row may send the block of rows that it is in
 * another way. */
static void relate_unchanged(lp_relation *r) {
  const lp_plan *plan = &r->d->plans[0];
  lp_batch batch;
  int axis;
  if (lp_batch_of(&batch, plan) != NULL) return;
  for (int o = 0; o < plan->outcome.n_outputs; o++) {
    const int output = plan->outcome.outputs[o].input;
    const lp_tensor *t = &plan->outcome.outputs[o].tensor;
    const bool known = lp_law_has(r, output) && lp_batch_divide(&axis, &batch, plan, output);
    for (int64_t i = 0; known && i < t->numel; i++) {
      const lp_law_place at = {1, output, i}, own = {0, output, i};
      if (r->d->changed[0][lp_batch_row(t, axis, i)]) continue;
      lp_law_equal(r, at, lp_law_at(r, at), lp_law_at(r, own), false);
    }
  }
}

const lp_law lp_law_row_independence = {"row-independence",
                                        "another row elsewhere in the batch leaves the numbers of a row alone",
                                        refuse_independence, derive_copy, relate_unchanged};
const lp_law lp_law_row_nan = {"row-nan", "NaN in one row of the batch leaves the numbers of the other rows alone",
                               refuse_independence, derive_nan, relate_unchanged};
