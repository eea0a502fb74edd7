/* Coverage is measured from the cases: every fault planted in a suite shows in the figures. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "harness/factors.h"
#include "harness/generate.h"
#include "harness/tests/toy_loss.h"

static lp_suite suite;

static void set_up(void) {
  const lp_generate_options options = {.seed = 1, .minimum = 0, .dtype = LP_FLOAT32, .suite = "core"};
  lp_error error;
  ck_assert_int_eq(lp_suite_init(&suite, &error), LP_OK);
  ck_assert_int_eq(lp_generate(&suite, &toy_loss, &options, &error), LP_OK);
}

static void tear_down(void) { lp_suite_clear(&suite); }

static lp_coverage measure(const lp_suite *some) {
  lp_coverage coverage;
  lp_error error;
  const lp_status status = lp_coverage_measure(&coverage, some, &toy_loss, &error);
  ck_assert_msg(status == LP_OK, "%s", error.message);
  return coverage;
}

static long holes(const lp_suite *some) {
  const lp_coverage coverage = measure(some);
  return coverage.triples_wanted - coverage.triples_hit;
}

/* Takes entry i out, or puts it back where it was. */
static lp_suite_entry take(int i) {
  const lp_suite_entry entry = suite.entries[i];
  --suite.count;
  memmove(&suite.entries[i], &suite.entries[i + 1], (size_t)(suite.count - i) * sizeof entry);
  return entry;
}

static void put_back(int i, lp_suite_entry entry) {
  memmove(&suite.entries[i + 1], &suite.entries[i], (size_t)(suite.count - i) * sizeof entry);
  suite.entries[i] = entry;
  ++suite.count;
}

START_TEST(a_case_taken_from_a_minimal_suite_is_a_hole) {
  ck_assert_int_eq(holes(&suite), 0);
  for (int i = 0; i < suite.count;) {
    const lp_suite_entry entry = take(i);
    if (holes(&suite) > 0) put_back(i++, entry);
  }
  ck_assert_int_eq(holes(&suite), 0);
  ck_assert_int_ge(suite.count, 4 * 5 * 5 - 20); /* beta, upstream gradient, shape */
  for (int i = 0; i < suite.count; i += 3) {
    const lp_suite_entry entry = take(i);
    ck_assert_int_gt(holes(&suite), 0);
    put_back(i, entry);
  }
}
END_TEST

START_TEST(only_accepted_cases_of_the_loss_count) {
  const lp_coverage before = measure(&suite);
  lp_loss other = toy_loss;
  for (int i = 0; i < 60; ++i) {
    if (i % 2 == 0) suite.entries[i].c.loss = &other;
    if (i % 2 == 1) suite.entries[i].status = LP_INVALID;
  }
  lp_coverage after = measure(&suite);
  ck_assert_int_eq(after.cases, before.cases - 60);
  ck_assert_int_eq(after.triples_wanted, before.triples_wanted);
  ck_assert_int_lt(after.triples_hit, before.triples_hit);
  for (int i = 0; i < suite.count; ++i) suite.entries[i].c.params[0] = -1.0;
  after = measure(&suite);
  ck_assert_int_eq(after.rejected, after.cases);
  ck_assert_int_eq(after.ordinary, 0);
  ck_assert_int_eq(after.triples_hit, 0);
  ck_assert_uint_eq(after.regimes_hit, 0);
  ck_assert(after.rejects_hit & 1u << LP_REJECT_PARAMETER);
}
END_TEST

START_TEST(settings_are_read_from_the_case) {
  const lp_coverage before = measure(&suite);
  for (int i = 0; i < suite.count; ++i) suite.entries[i].c.params[1] = 0.0; /* whatever the row asked for */
  const lp_coverage after = measure(&suite);
  ck_assert_int_eq(after.cases, before.cases);
  ck_assert_int_lt(after.triples_hit, before.triples_hit);
  for (int i = 0; i < suite.count; ++i) suite.entries[i].c.params[1] = 0.25; /* outside the space */
  ck_assert_int_lt(measure(&suite).triples_hit, after.triples_hit);
  ck_assert_int_eq(measure(&suite).ordinary, 0);
}
END_TEST

START_TEST(classes_are_read_from_the_tags) {
  const lp_coverage before = measure(&suite);
  ck_assert_int_gt(before.ordinary, 0);
  for (int i = 0; i < suite.count; ++i) suite.entries[i].c.tags = "shape=matrix value=ordinary grad=unheard-of";
  const lp_coverage after = measure(&suite);
  ck_assert_int_eq(after.ordinary, 0);
  ck_assert_int_lt(after.triples_hit, before.triples_hit);
  for (int i = 0; i < suite.count; ++i) suite.entries[i].c.tags = "";
  ck_assert_int_lt(measure(&suite).triples_hit, after.triples_hit);
}
END_TEST

START_TEST(regimes_come_from_the_reference) {
  ck_assert(measure(&suite).regimes_hit & 1u << TOY_NEGATIVE);
  for (int i = 0; i < suite.count; ++i) {
    const lp_tensor *const t = &suite.entries[i].c.inputs[TOY_INPUT];
    for (int64_t k = 0; t->f64 != NULL && k < t->numel; ++k) t->f64[k] = fabs(t->f64[k]);
  }
  ck_assert(!(measure(&suite).regimes_hit & 1u << TOY_NEGATIVE));
}
END_TEST

START_TEST(groups_are_counted) {
  ck_assert_int_le(measure(&suite).largest_group, 3);
  for (int i = 0; i < 6; ++i) {
    lp_suite_entry *const entry = lp_suite_add(&suite);
    ck_assert_ptr_nonnull(entry);
    *entry = suite.entries[0];
  }
  ck_assert_int_ge(measure(&suite).largest_group, 7);
  suite.count = 0;
  const lp_coverage none = measure(&suite);
  ck_assert_int_eq(none.largest_group, 0);
  ck_assert_int_eq(none.cases, 0);
}
END_TEST

static lp_status of_loss(lp_coverage *coverage, const lp_loss *loss, lp_error *error) {
  for (int i = 0; i < suite.count; ++i) suite.entries[i].c.loss = loss;
  return lp_coverage_measure(coverage, &suite, loss, error);
}

START_TEST(errors) {
  lp_coverage coverage;
  lp_error error;
  lp_loss faulty = toy_loss;
  faulty.n_value_classes = 0;
  ck_assert_int_eq(of_loss(&coverage, &faulty, &error), LP_INTERNAL);
  suite.entries[3].c.has_input[TOY_LABEL] = false;
  ck_assert_int_eq(of_loss(&coverage, &toy_loss, &error), LP_INVALID);
  ck_assert_msg(strstr(error.message, "core/toy/0003") != NULL, "%s", error.message);
}
END_TEST

START_TEST(memory_that_is_out) {
  lp_coverage coverage;
  lp_error error;
  suite.count = 10;
  lp_status status = LP_NO_MEMORY;
  int failures = -1;
  for (long after = 0; status != LP_OK; ++after, ++failures) {
    lp_arena_fail_after(after);
    status = lp_coverage_measure(&coverage, &suite, &toy_loss, &error);
    lp_arena_fail_after(-1);
    ck_assert(status == LP_OK || status == LP_NO_MEMORY);
  }
  ck_assert_int_ge(failures, 20);
}
END_TEST

int main(void) {
  TCase *const tests = tcase_create("coverage");
  tcase_set_timeout(tests, 60);
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_test(tests, a_case_taken_from_a_minimal_suite_is_a_hole);
  tcase_add_test(tests, only_accepted_cases_of_the_loss_count);
  tcase_add_test(tests, settings_are_read_from_the_case);
  tcase_add_test(tests, classes_are_read_from_the_tags);
  tcase_add_test(tests, regimes_come_from_the_reference);
  tcase_add_test(tests, groups_are_counted);
  tcase_add_test(tests, errors);
  tcase_add_test(tests, memory_that_is_out);
  Suite *const all = suite_create("coverage");
  suite_add_tcase(all, tests);
  SRunner *const runner = srunner_create(all);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
