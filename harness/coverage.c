/* Coverage, measured from the cases themselves: what a row asked for does not count, only what the case holds. Options
 * are read from its parameters and tensors, its classes from the tags, its regimes from the reference. */
#include <stdlib.h>
#include <string.h>

#include "harness/fate.h"
#include "harness/generate.h"
#include "harness/settings.h"

typedef struct measure {
  const lp_factors *factors;
  lp_coverage *coverage;
  lp_rows rows;     /* settings of the accepted cases */
  uint64_t *groups; /* of every case */
} measure;

static int level_by_tag(const lp_factor *factor, const lp_case *c, const char *key) {
  char word[LP_NAME_MAX];
  lp_tag_value(word, c->tags, key);
  for (int l = 0; l < factor->n_levels; ++l) {
    if (strcmp(factor->levels[l].word, word) == 0) return l;
  }
  return LP_ANY_LEVEL;
}

/* Floating is one setting, whatever the width. An input that is left out has the first setting, as the constraints
 * say. */
static int level_of_dtype(const lp_factor *factor, const lp_case *c) {
  if (!c->has_input[factor->index]) return 0;
  const lp_dtype dtype = c->inputs[factor->index].dtype;
  return lp_factor_level(factor, lp_dtype_is_floating(dtype) ? LP_DTYPE_COUNT : dtype);
}

/* The level that the case holds, crossed or not; LP_ANY_LEVEL when the factor has none such. */
static int level_held(const lp_factor *factor, const lp_case *c) {
  switch (factor->kind) {
    case LP_FACTOR_REDUCTION:
      return lp_factor_level(factor, c->reduction);
    case LP_FACTOR_PARAM:
      return lp_factor_level(factor, c->params[factor->index]);
    case LP_FACTOR_GIVEN:
      return lp_factor_level(factor, c->has_input[factor->index]);
    case LP_FACTOR_DTYPE:
      return level_of_dtype(factor, c);
    case LP_FACTOR_GRAD:
      return level_by_tag(factor, c, "grad");
    case LP_FACTOR_SHAPE:
      return level_by_tag(factor, c, "shape");
    default:
      return level_by_tag(factor, c, "value");
  }
}

/* A rejected case shows none of its other settings, so that it covers no triple. */
static lp_status add_accepted(measure *m, const lp_case *c, const lp_fate *fate, lp_error *error) {
  int8_t row[LP_MAX_FACTORS];
  bool ordinary = true;
  for (int f = 0; f < m->factors->n; ++f) {
    const lp_factor *const factor = &m->factors->factors[f];
    const int level = level_held(factor, c);
    ordinary = ordinary && level != LP_ANY_LEVEL && factor->levels[level].ordinary;
    row[f] = (int8_t)(level < factor->n_crossed ? level : LP_ANY_LEVEL);
  }
  m->coverage->ordinary += ordinary;
  m->coverage->regimes_hit |= fate->regimes;
  return lp_rows_add(&m->rows, row, error);
}

static lp_status add_case(measure *m, const lp_case *c, lp_error *error) {
  lp_fate fate;
  lp_arena *const arena = lp_arena_new(0);
  if (arena == NULL) return lp_fail(error, LP_NO_MEMORY, "case %s: no memory to measure its coverage", c->id);
  const lp_status status = lp_fate_of(&fate, arena, c, error);
  lp_arena_free(arena);
  LP_TRY(status);
  m->groups[m->coverage->cases++] = lp_fate_group(c, &fate);
  if (!fate.rejected) return add_accepted(m, c, &fate, error);
  ++m->coverage->rejected;
  m->coverage->rejects_hit |= 1u << fate.reject;
  return LP_OK;
}

static int compare_hashes(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static int longest_run(uint64_t *hashes, int n) {
  int longest = 0, run = 0;
  qsort(hashes, (size_t)n, sizeof *hashes, compare_hashes);
  for (int i = 0; i < n; ++i) {
    run = i > 0 && hashes[i] == hashes[i - 1] ? run + 1 : 1;
    longest = run > longest ? run : longest;
  }
  return longest;
}

static lp_status measure_all(lp_coverage *coverage, lp_arena *arena, const lp_suite *suite, const lp_factors *factors,
                             lp_error *error) {
  measure m = {.factors = factors, .coverage = coverage, .rows = {.arena = arena, .n_factors = factors->n}};
  m.groups = lp_arena_alloc(arena, (size_t)suite->count, sizeof *m.groups);
  if (m.groups == NULL)
    return lp_fail(error, LP_NO_MEMORY, "no memory to measure the coverage of %d cases", suite->count);
  for (int i = 0; i < suite->count; ++i) {
    const lp_suite_entry *const entry = &suite->entries[i];
    if (entry->status == LP_OK && entry->c.loss == factors->loss) LP_TRY(add_case(&m, &entry->c, error));
  }
  coverage->largest_group = longest_run(m.groups, coverage->cases);
  const lp_space space = lp_factors_space(factors);
  return lp_covering_count(&coverage->triples_wanted, &coverage->triples_hit, &space, &m.rows, error);
}

lp_status lp_coverage_measure(lp_coverage *coverage, const lp_suite *suite, const lp_loss *loss, lp_error *error) {
  lp_settings settings;
  *coverage = (lp_coverage){.cases = 0};
  LP_TRY(lp_settings_of(&settings, loss, error));
  lp_arena *const arena = lp_arena_new(0);
  if (arena == NULL) return lp_fail(error, LP_NO_MEMORY, "no memory to measure the coverage of %s", loss->name);
  const lp_status status = measure_all(coverage, arena, suite, &settings.factors, error);
  lp_arena_free(arena);
  return status;
}
