/* In-parameter-order growth, see covering.h.
 *
 * A setting (factor, level) is a node, numbered through; a row is a choice of one node per factor without a forbidden
 * pair, that is, a clique. A triple is wanted when some row holds it, which backtracking decides: constraints are few
 * here, so that the first choice nearly always fits. The state of all triples is a table of nodes^3 bytes. */
#include "harness/covering.h"

#include <string.h>

#include "reference/draw.h"

enum { UNWANTED = 0, OPEN, COVERED };
enum { MAX_NODES = 256 };

typedef struct builder {
  const lp_space *space;
  int first[LP_MAX_FACTORS]; /* node of level 0 */
  int order[LP_MAX_FACTORS]; /* factors, most levels first */
  int n_nodes;
  bool *clash;    /* n_nodes^2: forbidden pairs */
  uint8_t *state; /* n_nodes^3, by nodes in the order of their factors */
  lp_rng rng;
} builder;

static lp_status out_of_memory(lp_error *error) {
  return lp_fail(error, LP_NO_MEMORY, "no memory for a covering array");
}

int8_t *lp_rows_at(const lp_rows *rows, int index) { return rows->levels + (ptrdiff_t)index * rows->n_factors; }

static lp_status grow_rows(lp_rows *rows, lp_error *error) {
  const int capacity = 2 * rows->capacity + 64;
  int8_t *const levels = lp_arena_alloc(rows->arena, (size_t)capacity, (size_t)rows->n_factors);
  if (levels == NULL) return out_of_memory(error);
  if (rows->n > 0) memcpy(levels, rows->levels, (size_t)rows->n * (size_t)rows->n_factors);
  rows->levels = levels;
  rows->capacity = capacity;
  return LP_OK;
}

lp_status lp_rows_add(lp_rows *rows, const int8_t *row, lp_error *error) {
  if (rows->n == rows->capacity) LP_TRY(grow_rows(rows, error));
  memcpy(lp_rows_at(rows, rows->n++), row, (size_t)rows->n_factors);
  return LP_OK;
}

bool lp_space_allows(const lp_space *space, const int8_t *row) {
  for (int i = 0; i < space->n_forbidden; ++i) {
    const lp_forbidden *const f = &space->forbidden[i];
    if (row[f->factor[0]] == f->level[0] && row[f->factor[1]] == f->level[1]) return false;
  }
  return true;
}

static bool in_space(const lp_space *space, int factor, int level) {
  return factor >= 0 && factor < space->n_factors && level >= 0 && level < space->levels[factor];
}

static lp_status check_space(const lp_space *space, lp_error *error) {
  int nodes = 0;
  if (space->n_factors < 3 || space->n_factors > LP_MAX_FACTORS) {
    return lp_fail(error, LP_INTERNAL, "covering array: expected 3 to %d factors, got %d", LP_MAX_FACTORS,
                   space->n_factors);
  }
  for (int f = 0; f < space->n_factors; ++f) {
    if (space->levels[f] < 1 || space->levels[f] > LP_MAX_LEVELS) {
      return lp_fail(error, LP_INTERNAL, "covering array: expected 1 to %d levels of factor %d, got %d", LP_MAX_LEVELS,
                     f, space->levels[f]);
    }
    nodes += space->levels[f];
  }
  if (nodes > MAX_NODES) {
    return lp_fail(error, LP_INTERNAL, "covering array: expected at most %d levels in all, got %d", MAX_NODES, nodes);
  }
  for (int i = 0; i < space->n_forbidden; ++i) {
    const lp_forbidden *const f = &space->forbidden[i];
    if (in_space(space, f->factor[0], f->level[0]) && in_space(space, f->factor[1], f->level[1])) continue;
    return lp_fail(error, LP_INTERNAL, "covering array: forbidden pair %d names a setting that does not exist", i);
  }
  return LP_OK;
}

static int node(const builder *b, int factor, int level) { return b->first[factor] + level; }

static uint8_t *triple(const builder *b, int i, int j, int k) {
  return &b->state[((size_t)i * (size_t)b->n_nodes + (size_t)j) * (size_t)b->n_nodes + (size_t)k];
}

/* Stable insertion sort: factors with equally many levels keep their order. */
static void sort_factors(builder *b) {
  for (int f = 0; f < b->space->n_factors; ++f) {
    int at = f;
    for (; at > 0 && b->space->levels[b->order[at - 1]] < b->space->levels[f]; --at) b->order[at] = b->order[at - 1];
    b->order[at] = f;
  }
}

static lp_status builder_init(builder *b, lp_arena *arena, const lp_space *space, uint64_t seed, lp_error *error) {
  *b = (builder){.space = space, .rng = {seed}};
  LP_TRY(check_space(space, error));
  for (int f = 0; f < space->n_factors; ++f) {
    b->first[f] = b->n_nodes;
    b->n_nodes += space->levels[f];
  }
  const size_t n = (size_t)b->n_nodes;
  b->clash = lp_arena_alloc(arena, n * n, sizeof *b->clash);
  b->state = lp_arena_alloc(arena, n * n * n, sizeof *b->state);
  if (b->clash == NULL || b->state == NULL) return out_of_memory(error);
  for (int i = 0; i < space->n_forbidden; ++i) {
    const lp_forbidden *const f = &space->forbidden[i];
    const size_t x = (size_t)node(b, f->factor[0], f->level[0]), y = (size_t)node(b, f->factor[1], f->level[1]);
    b->clash[x * n + y] = b->clash[y * n + x] = true;
  }
  sort_factors(b);
  return LP_OK;
}

/* May `level` of `factor` join what the row holds already? */
static bool fits(const builder *b, const int8_t *row, int factor, int level) {
  const bool *const clash = b->clash + (ptrdiff_t)node(b, factor, level) * b->n_nodes;
  if (clash[node(b, factor, level)]) return false;
  for (int f = 0; f < b->space->n_factors; ++f) {
    if (f != factor && row[f] != LP_ANY_LEVEL && clash[node(b, f, row[f])]) return false;
  }
  return true;
}

/* Fills the blanks of a row from `factor` on, trying levels from a seeded start; false, and the row as it was, when
 * there is no way. */
static bool complete(builder *b, int8_t *row, int factor) {
  while (factor < b->space->n_factors && row[factor] != LP_ANY_LEVEL) ++factor;
  if (factor == b->space->n_factors) return true;
  const int n = b->space->levels[factor], start = (int)lp_rng_below(&b->rng, n);
  for (int i = 0; i < n; ++i) {
    const int level = (start + i) % n;
    if (!fits(b, row, factor, level)) continue;
    row[factor] = (int8_t)level;
    if (complete(b, row, factor + 1)) return true;
    row[factor] = LP_ANY_LEVEL;
  }
  return false;
}

static bool completable(builder *b, const int8_t *row) {
  if (b->space->n_forbidden == 0) return true;
  int8_t copy[LP_MAX_FACTORS];
  memcpy(copy, row, (size_t)b->space->n_factors);
  return complete(b, copy, 0);
}

static void blank(const builder *b, int8_t *row) { memset(row, LP_ANY_LEVEL, (size_t)b->space->n_factors); }

/* Puts a setting into a blank, or finds it there; false, and the row as it was, when that makes no row. */
static bool place(builder *b, int8_t *row, int factor, int level) {
  if (row[factor] != LP_ANY_LEVEL) return row[factor] == level;
  if (!fits(b, row, factor, level)) return false;
  row[factor] = (int8_t)level;
  if (completable(b, row)) return true;
  row[factor] = LP_ANY_LEVEL;
  return false;
}

static bool place_three(builder *b, int8_t *row, const int factor[3], const int level[3]) {
  int8_t before[LP_MAX_FACTORS];
  memcpy(before, row, (size_t)b->space->n_factors);
  for (int i = 0; i < 3; ++i) {
    if (place(b, row, factor[i], level[i])) continue;
    memcpy(row, before, (size_t)b->space->n_factors);
    return false;
  }
  return true;
}

/* Calls visit for every three levels of three factors. visit returns LP_OK to go on. */
typedef lp_status (*visitor)(builder *b, lp_rows *rows, const int factor[3], const int level[3], lp_error *error);

static lp_status each_level(builder *b, lp_rows *rows, const int factor[3], visitor visit, lp_error *error) {
  int level[3];
  for (level[0] = 0; level[0] < b->space->levels[factor[0]]; ++level[0]) {
    for (level[1] = 0; level[1] < b->space->levels[factor[1]]; ++level[1]) {
      for (level[2] = 0; level[2] < b->space->levels[factor[2]]; ++level[2]) {
        LP_TRY(visit(b, rows, factor, level, error));
      }
    }
  }
  return LP_OK;
}

static uint8_t *state_of(const builder *b, const int factor[3], const int level[3]) {
  int at[3];
  for (int i = 0; i < 3; ++i) at[i] = node(b, factor[i], level[i]);
  for (int i = 0; i < 3; ++i) { /* three passes of at most one swap each sort three nodes */
    const int k = i % 2, low = at[k] < at[k + 1] ? at[k] : at[k + 1];
    at[k + 1] += at[k] - low;
    at[k] = low;
  }
  return triple(b, at[0], at[1], at[2]);
}

static lp_status want(builder *b, lp_rows *rows, const int factor[3], const int level[3], lp_error *error) {
  (void)rows, (void)error;
  int8_t row[LP_MAX_FACTORS];
  blank(b, row);
  if (place_three(b, row, factor, level)) *state_of(b, factor, level) = OPEN;
  return LP_OK;
}

/* Wanting cannot fail. */
static void want_all(builder *b) {
  int f[3];
  for (f[0] = 0; f[0] < b->space->n_factors; ++f[0]) {
    for (f[1] = f[0] + 1; f[1] < b->space->n_factors; ++f[1]) {
      for (f[2] = f[1] + 1; f[2] < b->space->n_factors; ++f[2]) each_level(b, NULL, f, want, NULL);
    }
  }
}

/* Marks every triple that the row holds; returns how many were open. */
static long cover(const builder *b, const int8_t *row) {
  long found = 0;
  for (int i = 0; i < b->space->n_factors; ++i) {
    for (int j = i + 1; j < b->space->n_factors && row[i] != LP_ANY_LEVEL; ++j) {
      for (int k = j + 1; k < b->space->n_factors && row[j] != LP_ANY_LEVEL; ++k) {
        if (row[k] == LP_ANY_LEVEL) continue;
        uint8_t *const state = triple(b, node(b, i, row[i]), node(b, j, row[j]), node(b, k, row[k]));
        found += *state == OPEN;
        *state = *state == UNWANTED ? UNWANTED : COVERED;
      }
    }
  }
  return found;
}

/* Open triples that the row would hold if `level` of `factor` joined it. */
static int gain(const builder *b, const int8_t *row, int factor, int level) {
  int open = 0;
  for (int i = 0; i < b->space->n_factors; ++i) {
    for (int j = i + 1; j < b->space->n_factors && row[i] != LP_ANY_LEVEL; ++j) {
      if (row[j] == LP_ANY_LEVEL) continue;
      open += *state_of(b, (const int[]){i, j, factor}, (const int[]){row[i], row[j], level}) == OPEN;
    }
  }
  return open;
}

/* Gives the row the level that covers most, or leaves the blank when nothing is gained: a later triple may use it. */
static void extend(builder *b, int8_t *row, int factor) {
  const int n = b->space->levels[factor], start = (int)lp_rng_below(&b->rng, n);
  int best = LP_ANY_LEVEL, most = 0;
  for (int i = 0; i < n; ++i) {
    const int level = (start + i) % n, open = gain(b, row, factor, level);
    if (open <= most || !place(b, row, factor, level)) continue;
    row[factor] = LP_ANY_LEVEL;
    most = open;
    best = level;
  }
  row[factor] = (int8_t)best;
  cover(b, row);
}

/* Vertical growth: an open triple goes into the first row whose blanks take it, else into a new row. */
static lp_status insert(builder *b, lp_rows *rows, const int factor[3], const int level[3], lp_error *error) {
  if (*state_of(b, factor, level) != OPEN) return LP_OK;
  int at = 0;
  while (at < rows->n && !place_three(b, lp_rows_at(rows, at), factor, level)) ++at;
  if (at == rows->n) {
    int8_t row[LP_MAX_FACTORS];
    blank(b, row);
    for (int i = 0; i < 3; ++i) row[factor[i]] = (int8_t)level[i];
    LP_TRY(lp_rows_add(rows, row, error));
  }
  cover(b, lp_rows_at(rows, at));
  return LP_OK;
}

/* Every triple of the factor order[last] with two earlier ones. */
static lp_status grow(builder *b, lp_rows *rows, int last, lp_error *error) {
  int f[3] = {0, 0, b->order[last]};
  if (last > 2) { /* the first three factors have no rows to extend yet */
    for (int i = 0; i < rows->n; ++i) extend(b, lp_rows_at(rows, i), f[2]);
  }
  for (int i = 0; i < last; ++i) {
    for (int j = i + 1; j < last; ++j) {
      f[0] = b->order[i];
      f[1] = b->order[j];
      LP_TRY(each_level(b, rows, f, insert, error));
    }
  }
  return LP_OK;
}

static lp_status build(builder *b, lp_rows *rows, lp_error *error) {
  want_all(b);
  for (int last = 2; last < b->space->n_factors; ++last) LP_TRY(grow(b, rows, last, error));
  if (rows->n == 0) return lp_fail(error, LP_INTERNAL, "covering array: the constraints allow no row");
  for (int i = 0; i < rows->n; ++i) complete(b, lp_rows_at(rows, i), 0);
  return LP_OK;
}

lp_status lp_covering_build(lp_rows *rows, lp_arena *arena, const lp_space *space, uint64_t seed, lp_error *error) {
  builder b;
  *rows = (lp_rows){.arena = arena, .n_factors = space->n_factors};
  LP_TRY(builder_init(&b, arena, space, seed, error));
  return build(&b, rows, error);
}

lp_status lp_covering_count(long *wanted, long *hit, const lp_space *space, const lp_rows *rows, lp_error *error) {
  builder b;
  *wanted = *hit = 0;
  LP_TRY(builder_init(&b, rows->arena, space, 0, error));
  want_all(&b);
  const size_t n = (size_t)b.n_nodes;
  for (size_t i = 0; i < n * n * n; ++i) *wanted += b.state[i] == OPEN;
  for (int i = 0; i < rows->n; ++i) *hit += cover(&b, lp_rows_at(rows, i));
  return LP_OK;
}
