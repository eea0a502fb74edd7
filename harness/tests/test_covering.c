/* Covering arrays against brute force: no holes, no forbidden rows, and a hole where a row is taken out. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "harness/covering.h"
#include "reference/draw.h"

enum { MOST_ROWS = 20000, FACTORS = 6, MOST_LEVELS = 5 };

static lp_arena *arena;

static void set_up(void) {
  arena = lp_arena_new(0);
  ck_assert_ptr_nonnull(arena);
}

static void tear_down(void) { lp_arena_free(arena); }

/* Every row of the space, allowed or not, by counting. */
static bool next_row(const lp_space *space, int8_t *row) {
  for (int f = 0; f < space->n_factors; ++f) {
    if (++row[f] < space->levels[f]) return true;
    row[f] = 0;
  }
  return false;
}

/* seen[...] of the three settings of factors i < j < k: 1 when some allowed row has them, 2 when the array has. */
static uint8_t seen[FACTORS][FACTORS][FACTORS][MOST_LEVELS][MOST_LEVELS][MOST_LEVELS];

static void see(const lp_space *space, const int8_t *row, uint8_t mark) {
  for (int i = 0; i < space->n_factors; ++i) {
    for (int j = i + 1; j < space->n_factors; ++j) {
      for (int k = j + 1; k < space->n_factors; ++k) seen[i][j][k][row[i]][row[j]][row[k]] |= mark;
    }
  }
}

static void count_by_force(long *wanted, long *hit, const lp_space *space, const lp_rows *rows) {
  int8_t row[FACTORS] = {0};
  memset(seen, 0, sizeof seen);
  do {
    if (lp_space_allows(space, row)) see(space, row, 1);
  } while (next_row(space, row));
  for (int i = 0; i < rows->n; ++i) see(space, lp_rows_at(rows, i), 2);
  *wanted = *hit = 0;
  for (size_t i = 0; i < sizeof seen; ++i) {
    const uint8_t mark = ((const uint8_t *)seen)[i];
    *wanted += mark & 1;
    *hit += mark == 3;
  }
}

static lp_forbidden forbidden[40];

/* A random space of 3 to 6 factors; every third has many constraints, so that some settings have no row at all. */
static lp_space random_space(lp_rng *rng, int round) {
  lp_space space = {.n_factors = 3 + (int)lp_rng_below(rng, FACTORS - 2), .forbidden = forbidden};
  for (int f = 0; f < space.n_factors; ++f) space.levels[f] = 1 + (int)lp_rng_below(rng, MOST_LEVELS);
  space.n_forbidden = (int)lp_rng_below(rng, round % 3 == 0 ? 40 : 4);
  for (int i = 0; i < space.n_forbidden; ++i) {
    for (int side = 0; side < 2; ++side) {
      const int f = (int)lp_rng_below(rng, space.n_factors);
      forbidden[i].factor[side] = (int8_t)f;
      forbidden[i].level[side] = (int8_t)lp_rng_below(rng, space.levels[f]);
    }
  }
  return space;
}

static bool allows_any(const lp_space *space) {
  int8_t row[FACTORS] = {0};
  do {
    if (lp_space_allows(space, row)) return true;
  } while (next_row(space, row));
  return false;
}

START_TEST(no_holes_in_random_spaces) {
  lp_rng rng = {1};
  int built = 0, impossible = 0;
  for (int round = 0; round < 300; ++round) {
    const lp_space space = random_space(&rng, round);
    lp_rows rows;
    lp_error error;
    long wanted, hit, wanted_by_force, hit_by_force;
    const lp_status status = lp_covering_build(&rows, arena, &space, 7, &error);
    if (!allows_any(&space)) {
      ck_assert_int_eq(status, LP_INTERNAL);
      ++impossible;
      continue;
    }
    ck_assert_int_eq(status, LP_OK);
    for (int i = 0; i < rows.n; ++i) ck_assert(lp_space_allows(&space, lp_rows_at(&rows, i)));
    count_by_force(&wanted_by_force, &hit_by_force, &space, &rows);
    ck_assert_int_eq(lp_covering_count(&wanted, &hit, &space, &rows, &error), LP_OK);
    ck_assert_int_eq(wanted, wanted_by_force);
    ck_assert_int_eq(hit, hit_by_force);
    ck_assert_int_eq(hit, wanted);
    ++built;
  }
  ck_assert(built > 200 && impossible > 5);
}
END_TEST

START_TEST(nearly_as_small_as_can_be) {
  /* At least 12 * 12 * 5 = 720 rows are needed. */
  const lp_space space = {.n_factors = 9, .levels = {3, 5, 2, 12, 2, 5, 12, 2, 2}};
  lp_rows rows;
  lp_error error;
  ck_assert_int_eq(lp_covering_build(&rows, arena, &space, 1, &error), LP_OK);
  ck_assert(rows.n >= 720 && rows.n <= 800);
}
END_TEST

START_TEST(same_seed_same_rows) {
  const lp_space space = {.n_factors = 6, .levels = {3, 5, 2, 4, 2, 5}};
  lp_rows a, b, c;
  lp_error error;
  ck_assert_int_eq(lp_covering_build(&a, arena, &space, 1, &error), LP_OK);
  ck_assert_int_eq(lp_covering_build(&b, arena, &space, 1, &error), LP_OK);
  ck_assert_int_eq(lp_covering_build(&c, arena, &space, 2, &error), LP_OK);
  ck_assert_int_eq(a.n, b.n);
  ck_assert_mem_eq(a.levels, b.levels, (size_t)(a.n * a.n_factors));
  ck_assert(a.n != c.n || memcmp(a.levels, c.levels, (size_t)(a.n * a.n_factors)) != 0);
}
END_TEST

/* The rows without row `left_out`. */
static lp_rows without(const lp_rows *rows, int left_out) {
  lp_rows fewer = {.arena = arena, .n_factors = rows->n_factors};
  lp_error error;
  for (int i = 0; i < rows->n; ++i) {
    if (i != left_out) ck_assert_int_eq(lp_rows_add(&fewer, lp_rows_at(rows, i), &error), LP_OK);
  }
  return fewer;
}

static long holes(const lp_space *space, const lp_rows *rows) {
  long wanted, hit;
  lp_error error;
  ck_assert_int_eq(lp_covering_count(&wanted, &hit, space, rows, &error), LP_OK);
  return wanted - hit;
}

START_TEST(a_missing_row_is_a_hole) {
  const lp_forbidden pairs[] = {{{0, 1}, {1, 2}}, {{2, 4}, {0, 1}}};
  const lp_space space = {.n_factors = 5, .levels = {3, 4, 2, 3, 2}, .forbidden = pairs, .n_forbidden = 2};
  lp_rows rows;
  lp_error error;
  ck_assert_int_eq(lp_covering_build(&rows, arena, &space, 1, &error), LP_OK);
  for (int i = 0; i < rows.n;) { /* down to a minimal set */
    const lp_rows fewer = without(&rows, i);
    if (holes(&space, &fewer) == 0) {
      rows = fewer;
    } else {
      ++i;
    }
  }
  ck_assert_int_eq(holes(&space, &rows), 0);
  ck_assert_int_ge(rows.n, 4 * 3 * 3 - 3 * 1); /* the three largest factors, less the forbidden pairs */
  for (int i = 0; i < rows.n; ++i) {
    const lp_rows fewer = without(&rows, i);
    ck_assert_int_gt(holes(&space, &fewer), 0);
  }
}
END_TEST

START_TEST(settings_outside_the_space_cover_nothing) {
  const lp_space space = {.n_factors = 4, .levels = {2, 2, 2, 2}};
  lp_rows rows = {.arena = arena, .n_factors = 4};
  lp_error error;
  long wanted, hit;
  static const int8_t some[][4] = {
      {0, 0, 0, LP_ANY_LEVEL}, {LP_ANY_LEVEL, 0, 0, 1}, {0, LP_ANY_LEVEL, LP_ANY_LEVEL, 1}, {0, 1, LP_ANY_LEVEL, 0}};
  const long expected[] = {1, 2, 2, 3};
  for (int i = 0; i < 4; ++i) {
    ck_assert_int_eq(lp_rows_add(&rows, some[i], &error), LP_OK);
    ck_assert_int_eq(lp_covering_count(&wanted, &hit, &space, &rows, &error), LP_OK);
    ck_assert_int_eq(wanted, 4 * 8);
    ck_assert_int_eq(hit, expected[i]);
  }
}
END_TEST

START_TEST(forbidden_settings_cover_nothing_together) {
  const lp_forbidden pairs[] = {{{0, 1}, {1, 1}}};
  const lp_space space = {.n_factors = 4, .levels = {2, 2, 2, 2}, .forbidden = pairs, .n_forbidden = 1};
  lp_rows rows = {.arena = arena, .n_factors = 4};
  lp_error error;
  long wanted, hit;
  ck_assert_int_eq(lp_rows_add(&rows, (const int8_t[]){1, 1, 0, 0}, &error), LP_OK);
  ck_assert_int_eq(lp_covering_count(&wanted, &hit, &space, &rows, &error), LP_OK);
  ck_assert_int_eq(wanted, 4 * 8 - 2 - 2);
  ck_assert_int_eq(hit, 2); /* of factors 0, 2, 3 and of 1, 2, 3 */
}
END_TEST

START_TEST(a_level_may_be_forbidden_altogether) {
  const lp_forbidden pairs[] = {{{1, 1}, {2, 2}}};
  const lp_space space = {.n_factors = 3, .levels = {2, 3, 2}, .forbidden = pairs, .n_forbidden = 1};
  lp_rows rows;
  lp_error error;
  ck_assert_int_eq(lp_covering_build(&rows, arena, &space, 1, &error), LP_OK);
  ck_assert_int_eq(rows.n, 2 * 2 * 2);
}
END_TEST

static void refuses(const lp_space *space, const char *text) {
  lp_rows rows = {.arena = arena, .n_factors = space->n_factors};
  lp_error error;
  long wanted, hit;
  ck_assert_int_eq(lp_covering_count(&wanted, &hit, space, &rows, &error), LP_INTERNAL);
  ck_assert_int_eq(lp_covering_build(&rows, arena, space, 1, &error), LP_INTERNAL);
  ck_assert_msg(strstr(error.message, text) != NULL, "%s", error.message);
}

START_TEST(malformed_spaces) {
  static const lp_forbidden stray[][1] = {
      {{{0, 3}, {0, 0}}}, {{{-1, 0}, {0, 0}}}, {{{0, 1}, {0, 2}}}, {{{0, 1}, {-1, 0}}}};
  refuses(&(lp_space){.n_factors = 2, .levels = {2, 2}}, "expected 3 to 32 factors, got 2");
  refuses(&(lp_space){.n_factors = 33}, "got 33");
  refuses(&(lp_space){.n_factors = 3, .levels = {2, 0, 2}}, "1 to 64 levels of factor 1, got 0");
  refuses(&(lp_space){.n_factors = 3, .levels = {2, 2, 65}}, "factor 2, got 65");
  refuses(&(lp_space){.n_factors = 5, .levels = {64, 64, 64, 64, 1}}, "at most 256 levels in all, got 257");
  for (int i = 0; i < 4; ++i) {
    refuses(&(lp_space){.n_factors = 3, .levels = {2, 2, 2}, .forbidden = stray[i], .n_forbidden = 1},
            "forbidden pair 0");
  }
}
END_TEST

START_TEST(memory_that_is_out) {
  const lp_space space = {.n_factors = 4, .levels = {5, 5, 5, 5}};
  lp_rows rows;
  lp_error error;
  long wanted, hit;
  lp_status status = LP_NO_MEMORY;
  for (size_t ceiling = 1; status == LP_NO_MEMORY; ceiling += 100) {
    lp_arena *const small = lp_arena_new(ceiling);
    status = lp_covering_build(&rows, small, &space, 1, &error);
    ck_assert(status == LP_NO_MEMORY || (status == LP_OK && ceiling > 20 * 20 * 20));
    rows = (lp_rows){.arena = small, .n_factors = 4};
    if (status == LP_NO_MEMORY) ck_assert_int_ne(lp_covering_count(&wanted, &hit, &space, &rows, &error), LP_INTERNAL);
    lp_arena_free(small);
  }
  lp_arena *const tiny = lp_arena_new(16);
  rows = (lp_rows){.arena = tiny, .n_factors = 4};
  ck_assert_int_eq(lp_rows_add(&rows, (const int8_t[]){0, 0, 0, 0}, &error), LP_NO_MEMORY);
  lp_arena_free(tiny);
}
END_TEST

int main(void) {
  TCase *const tests = tcase_create("covering");
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_test(tests, no_holes_in_random_spaces);
  tcase_add_test(tests, nearly_as_small_as_can_be);
  tcase_add_test(tests, same_seed_same_rows);
  tcase_add_test(tests, a_missing_row_is_a_hole);
  tcase_add_test(tests, settings_outside_the_space_cover_nothing);
  tcase_add_test(tests, forbidden_settings_cover_nothing_together);
  tcase_add_test(tests, a_level_may_be_forbidden_altogether);
  tcase_add_test(tests, malformed_spaces);
  tcase_add_test(tests, memory_that_is_out);
  Suite *const suite = suite_create("covering");
  suite_add_tcase(suite, tests);
  SRunner *const runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
