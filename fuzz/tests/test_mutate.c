/* Mutations: each applies, leaves a case that can be written, and together they reach every regime. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "fuzz/codec.h"
#include "fuzz/mutate_tools.h"
#include "fuzz/tests/cases.h"
#include "harness/examine.h"
#include "reference/registry.h"

enum { CASES = 20000, MOST_SEEDS = 1000, LARGEST_SEED = 4096 };

static lp_arena *arena;

static void set_up(void) {
  arena = lp_arena_new(0);
  ck_assert_ptr_nonnull(arena);
}

static void tear_down(void) { lp_arena_free(arena); }

static lp_case decode(const lp_loss *loss, const uint8_t *from, size_t size) {
  lp_case c;
  lp_error error;
  const lp_status status = lp_case_decode(&c, arena, loss, from, size, &error);
  ck_assert_msg(status == LP_OK, "%s: %s", loss->name, error.message);
  return c;
}

/* Whatever has been done to it: the case is one that decode could have made. Returns its bytes. */
static size_t check_case(uint8_t *bytes, const lp_case *c, const char *after) {
  for (int i = 0; i < c->loss->n_inputs; i++) {
    ck_assert_msg(!c->has_input[i] || is_representable(&c->inputs[i]), "%s after %s: %s", c->loss->name, after,
                  c->loss->inputs[i].name);
  }
  ck_assert(!c->has_grad_output || is_representable(&c->grad_output));
  const size_t size = lp_case_encode(bytes, LP_FUZZ_MAX_BYTES, c);
  ck_assert_msg(size > 0, "%s after %s: cannot be written", c->loss->name, after);
  const lp_case back = decode(c->loss, bytes, size);
  const char *changed = difference(c, &back);
  ck_assert_msg(!changed && back.expect == c->expect, "%s after %s: %s changes", c->loss->name, after,
                changed ? changed : "expect");
  return size;
}

/* --- each mutation --- */

/* Every mutation applies to some loss, and often changes the case (many are as they were: ties, zeros). */
START_TEST(each_applies) {
  static uint8_t bytes[LP_FUZZ_MAX_BYTES];
  const lp_mutation *mutation = lp_mutations_at(_i);
  int applied = 0, changed = 0;
  lp_error error;
  lp_rng rng = {(uint64_t)_i};
  for (int i = 0; i < 130 * lp_registry_count() / 13; i++) {
    const lp_loss *loss = lp_registry_at(i % lp_registry_count());
    lp_arena_reset(arena);
    lp_case c = decode(loss, NULL, 0), before;
    for (int k = 0; k < 5; k++) ck_assert(lp_mutate_case(&c, arena, &rng, &error) == LP_OK);
    check_case(bytes, &c, "several");
    ck_assert(lp_mutate_copy_inputs(&before, arena, &c));
    const bool done = mutation->apply(&c, arena, &rng);
    ck_assert_msg(done || !difference(&c, &before), "%s: not applied, but changed", mutation->name);
    ck_assert(lp_mutate_settle(&c, arena, &rng, &error) == LP_OK);
    check_case(bytes, &c, mutation->name);
    applied += done;
    changed += done && difference(&c, &before);
  }
  ck_assert_msg(applied > 0 && 10 * changed >= applied, "%s: applied %d times, changed %d", mutation->name, applied,
                changed);
}
END_TEST

START_TEST(table) {
  ck_assert_ptr_null(lp_mutations_at(-1));
  ck_assert_ptr_null(lp_mutations_at(lp_mutations_count()));
  for (int i = 0; i < lp_mutations_count(); i++) {
    for (int k = 0; k < i; k++) ck_assert_str_ne(lp_mutations_at(i)->name, lp_mutations_at(k)->name);
  }
}
END_TEST

START_TEST(crosses) {
  static uint8_t bytes[LP_FUZZ_MAX_BYTES];
  const lp_loss *loss = lp_registry_at(_i);
  lp_error error;
  lp_rng rng = {(uint64_t)_i + 100};
  int mixed = 0;
  for (int i = 0; i < 200; i++) {
    lp_arena_reset(arena);
    lp_case a = decode(loss, NULL, 0), b = a, child, copy;
    ck_assert(lp_mutate_copy_inputs(&b, arena, &a));
    for (int k = 0; k < 8; k++) {
      ck_assert(lp_mutate_case(&a, arena, &rng, &error) == LP_OK);
      ck_assert(lp_mutate_case(&b, arena, &rng, &error) == LP_OK);
    }
    ck_assert(lp_mutate_copy_inputs(&copy, arena, &a));
    ck_assert(lp_cross_cases(&child, arena, &a, &b, &rng, &error) == LP_OK);
    ck_assert(!difference(&a, &copy));
    check_case(bytes, &child, "cross-over");
    mixed += difference(&child, &a) && difference(&child, &b);
  }
  ck_assert_int_gt(mixed, 20);
}
END_TEST

/* --- numbers in order --- */

START_TEST(steps) {
  const lp_dtype dtype = (lp_dtype)_i;
  const double eta = lp_dtype_smallest_subnormal(dtype), u = lp_dtype_unit_roundoff(dtype);
  const double most = lp_dtype_largest(dtype);
  ck_assert_double_eq(lp_mutate_step(dtype, 0.0, 1), eta);
  ck_assert_double_eq(lp_mutate_step(dtype, -0.0, 1), eta);
  ck_assert_double_eq(lp_mutate_step(dtype, 0.0, -1), -eta);
  ck_assert_double_eq(lp_mutate_step(dtype, eta, -2), -eta);
  ck_assert_double_eq(lp_mutate_step(dtype, 1.0, 1), 1.0 + 2.0 * u);
  ck_assert_double_eq(lp_mutate_step(dtype, 1.0, -1), 1.0 - u);
  ck_assert_double_eq(lp_mutate_step(dtype, -1.0, -1), -1.0 - 2.0 * u);
  ck_assert_double_eq(lp_mutate_step(dtype, most, 1), INFINITY);
  ck_assert_double_eq(lp_mutate_step(dtype, INFINITY, 5), INFINITY);
  ck_assert_double_eq(lp_mutate_step(dtype, INFINITY, -1), most);
  ck_assert_double_eq(lp_mutate_step(dtype, -INFINITY, -1), -INFINITY);
  ck_assert(isnan(lp_mutate_step(dtype, NAN, 1)));
}
END_TEST

/* --- regimes --- */

static uint64_t all_regimes(const lp_loss *loss) {
  return loss->n_regimes == 64 ? UINT64_MAX : ((uint64_t)1 << loss->n_regimes) - 1;
}

static uint64_t regimes_of(const lp_case *c) {
  lp_examination e;
  lp_error error;
  ck_assert(lp_examine(&e, arena, c, &error) == LP_OK);
  lp_examination_clear(&e);
  return e.regimes;
}

static void list_missing(char *text, size_t capacity, const lp_loss *loss, uint64_t reached) {
  size_t used = 0;
  text[0] = '\0';
  for (int i = 0; i < loss->n_regimes && used < capacity; i++) {
    if (reached >> i & 1u) continue;
    used += (size_t)snprintf(text + used, capacity - used, " %s", loss->regimes[i].name);
  }
}

/* The boundary mutation ends beside a number where the regimes are others. */
START_TEST(boundaries) {
  const lp_loss *loss = lp_registry_at(_i);
  lp_error error;
  lp_rng rng = {(uint64_t)_i + 7};
  int found = 0, beside = 0;
  for (int i = 0; i < 3000; i++) {
    lp_arena_reset(arena);
    lp_case c = decode(loss, NULL, 0), before;
    for (int k = 0; k < 3; k++) ck_assert(lp_mutate_case(&c, arena, &rng, &error) == LP_OK);
    ck_assert(lp_mutate_copy_inputs(&before, arena, &c));
    if (!lp_mutate_boundary(&c, arena, &rng)) continue;
    ck_assert(lp_mutate_settle(&c, arena, &rng, &error) == LP_OK);
    for (int n = 0; n < loss->n_inputs; n++) {
      lp_tensor *t = &c.inputs[n];
      for (int64_t k = 0; c.has_input[n] && t->f64 && t->numel <= 16 && k < t->numel; k++) {
        const double x = t->f64[k];
        if (memcmp(&x, &before.inputs[n].f64[k], sizeof x) == 0) continue;
        const uint64_t here = regimes_of(&c);
        found++;
        t->f64[k] = lp_mutate_step(t->dtype, x, 1);
        bool other = regimes_of(&c) != here;
        t->f64[k] = lp_mutate_step(t->dtype, x, -1);
        other = other || regimes_of(&c) != here;
        t->f64[k] = x;
        beside += other;
      }
    }
  }
  ck_assert_int_gt(found, 20);
  ck_assert_msg(beside >= found * 9 / 10, "%s: %d of %d are beside a boundary", loss->name, beside, found);
}
END_TEST

/* Seeds: bytes of the cases that were first in a regime. */
typedef struct seeds {
  int n;
  size_t size[MOST_SEEDS];
  uint8_t bytes[MOST_SEEDS][LARGEST_SEED];
} seeds;

static void keep(seeds *s, const uint8_t *bytes, size_t size) {
  if (size > LARGEST_SEED || s->n == MOST_SEEDS) return;
  memcpy(s->bytes[s->n], bytes, size);
  s->size[s->n++] = size;
}

/* How it went: the case that was the first in its regime when all had been reached, or -1. */
static int search(uint64_t *reached, const lp_loss *loss, uint64_t seed) {
  static uint8_t bytes[LP_FUZZ_MAX_BYTES];
  static seeds s;
  lp_error error;
  lp_rng rng = {seed};
  s.n = 0;
  s.size[s.n++] = 0;
  *reached = 0;
  for (int i = 0; i < CASES; i++) {
    lp_arena_reset(arena);
    const int64_t parent = lp_rng_below(&rng, s.n), other = lp_rng_below(&rng, s.n);
    lp_case c = decode(loss, s.bytes[parent], s.size[parent]);
    if (lp_rng_chance(&rng, 0.1)) {
      const lp_case first = c, second = decode(loss, s.bytes[other], s.size[other]);
      ck_assert(lp_cross_cases(&c, arena, &first, &second, &rng, &error) == LP_OK);
    }
    ck_assert(lp_mutate_case(&c, arena, &rng, &error) == LP_OK);
    const size_t size = check_case(bytes, &c, "mutation");
    const uint64_t regimes = regimes_of(&c);
    if (regimes & ~*reached) keep(&s, bytes, size);
    *reached |= regimes;
    if (*reached == all_regimes(loss)) return i + 1;
  }
  return -1;
}

START_TEST(every_regime) {
  const lp_loss *loss = lp_registry_at(_i);
  uint64_t reached;
  char missing[1024];
  const int cases = search(&reached, loss, 1);
  list_missing(missing, sizeof missing, loss, reached);
  printf("%s: %d regimes; all reached after %d cases; missing:%s\n", loss->name, loss->n_regimes, cases, missing);
  ck_assert_msg(cases > 0, "%s: after %d cases not reached:%s", loss->name, CASES, missing);
}
END_TEST

START_TEST(memory_that_is_out) {
  const lp_loss *loss = lp_registry_at(_i);
  lp_error error;
  lp_rng rng = {(uint64_t)_i};
  for (int i = 0; i < 300; i++) {
    lp_arena_reset(arena);
    static uint8_t bytes[LP_FUZZ_MAX_BYTES];
    lp_case c = decode(loss, NULL, 0);
    const long after = (long)lp_rng_below(&rng, 12);
    ck_assert(lp_mutate_case(&c, arena, &rng, &error) == LP_OK);
    lp_arena_fail_after(after);
    const lp_status status = lp_mutate_case(&c, arena, &rng, &error);
    lp_arena_fail_after(-1);
    ck_assert(status == LP_OK || status == LP_NO_MEMORY);
    check_case(bytes, &c, "lack of memory");
  }
}
END_TEST

int main(void) {
  TCase *const tests = tcase_create("mutate");
  const int losses = lp_registry_count();
  tcase_set_timeout(tests, 120);
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_loop_test(tests, each_applies, 0, lp_mutations_count());
  tcase_add_test(tests, table);
  tcase_add_loop_test(tests, crosses, 0, losses);
  tcase_add_loop_test(tests, steps, LP_FLOAT64, LP_BFLOAT16 + 1);
  tcase_add_loop_test(tests, boundaries, 0, losses);
  tcase_add_loop_test(tests, every_regime, 0, losses);
  tcase_add_loop_test(tests, memory_that_is_out, 0, losses);
  Suite *const suite = suite_create("mutate");
  suite_add_tcase(suite, tests);
  SRunner *const runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
