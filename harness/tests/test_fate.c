/* What becomes of a case, and what makes two cases alike. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "harness/fate.h"
#include "harness/tests/toy_loss.h"

static double input[] = {1.0, -2.0}, target[] = {0.5, 0.25};
static int64_t label[] = {0, 2};

static lp_case toy_case(void) {
  const int64_t two = 2;
  lp_error error;
  lp_case c;
  lp_case_init(&c, &toy_loss);
  c.id = "core/toy/0001";
  c.tags = "shape=matrix value=ordinary grad=none";
  c.hunts = "plain mistakes";
  for (int i = TOY_INPUT; i <= TOY_LABEL; ++i) {
    c.has_input[i] = true;
    ck_assert_int_eq(lp_tensor_init(&c.inputs[i], i == TOY_LABEL ? LP_INT64 : LP_FLOAT64, 1, &two, &error), LP_OK);
  }
  c.inputs[TOY_INPUT].f64 = input;
  c.inputs[TOY_TARGET].f64 = target;
  c.inputs[TOY_LABEL].i64 = label;
  return c;
}

START_TEST(fates) {
  lp_fate fate;
  lp_error error;
  lp_arena *const arena = lp_arena_new(0);
  lp_case c = toy_case();
  ck_assert_int_eq(lp_fate_of(&fate, arena, &c, &error), LP_OK);
  ck_assert(!fate.rejected);
  ck_assert_uint_eq(fate.regimes, 1u << TOY_POSITIVE | 1u << TOY_NEGATIVE);
  c.params[0] = -1.0;
  ck_assert_int_eq(lp_fate_of(&fate, arena, &c, &error), LP_OK);
  ck_assert(fate.rejected);
  ck_assert_int_eq(fate.reject, LP_REJECT_PARAMETER);
  ck_assert_uint_eq(fate.regimes, 0);
  c.has_input[TOY_TARGET] = false;
  ck_assert_int_eq(lp_fate_of(&fate, arena, &c, &error), LP_INVALID);
  ck_assert_msg(strstr(error.message, "case core/toy/0001: ") == error.message, "%s", error.message);
  c = toy_case();
  lp_arena_fail_after(0);
  ck_assert_int_eq(lp_fate_of(&fate, arena, &c, &error), LP_NO_MEMORY);
  lp_arena_fail_after(-1);
  lp_arena_free(arena);
}
END_TEST

START_TEST(tags) {
  char word[LP_NAME_MAX];
  const char *const text = "plain shape=row shapes=2 value= grad=one";
  ck_assert_str_eq(lp_tag_value(word, text, "shape"), "row");
  ck_assert_str_eq(lp_tag_value(word, text, "shapes"), "2");
  ck_assert_str_eq(lp_tag_value(word, text, "value"), "");
  ck_assert_str_eq(lp_tag_value(word, text, "grad"), "one");
  ck_assert_str_eq(lp_tag_value(word, text, "plain"), "");
  ck_assert_str_eq(lp_tag_value(word, text, "rad"), "");
  ck_assert_str_eq(lp_tag_value(word, "", "shape"), "");
}
END_TEST

START_TEST(groups) {
  lp_fate fate = {.regimes = 3};
  lp_case c = toy_case();
  const uint64_t usual = lp_fate_group(&c, &fate);
  input[0] = 7.0;
  c.id = "core/toy/0002";
  c.tags = "shape=matrix value=special grad=none"; /* numbers, id and value class do not tell cases apart */
  ck_assert_uint_eq(lp_fate_group(&c, &fate), usual);
  input[0] = 1.0;

  const struct {
    const char *tags, *hunts, *word;
    double beta;
    lp_dtype target;
    bool weight;
    lp_fate fate;
  } others[] = {
      {"shape=row value=ordinary grad=none", "plain mistakes", "mean", 1.0, LP_FLOAT64, false, {.regimes = 3}},
      {"shape=matrix value=ordinary grad=one", "plain mistakes", "mean", 1.0, LP_FLOAT64, false, {.regimes = 3}},
      {"shape=matrix value=ordinary grad=none", "others", "mean", 1.0, LP_FLOAT64, false, {.regimes = 3}},
      {"shape=matrix value=ordinary grad=none", "plain mistakes", "sum", 1.0, LP_FLOAT64, false, {.regimes = 3}},
      {"shape=matrix value=ordinary grad=none", "plain mistakes", "mean", 0.5, LP_FLOAT64, false, {.regimes = 3}},
      {"shape=matrix value=ordinary grad=none", "plain mistakes", "mean", 1.0, LP_INT64, false, {.regimes = 3}},
      {"shape=matrix value=ordinary grad=none", "plain mistakes", "mean", 1.0, LP_FLOAT64, true, {.regimes = 3}},
      {"shape=matrix value=ordinary grad=none", "plain mistakes", "mean", 1.0, LP_FLOAT64, false, {.regimes = 2}},
      {"shape=matrix value=ordinary grad=none",
       "plain mistakes",
       "mean",
       1.0,
       LP_FLOAT64,
       false,
       {.regimes = 3, .reject = LP_REJECT_RANK}},
  };
  for (size_t i = 0; i < sizeof others / sizeof others[0]; ++i) {
    c = toy_case();
    c.tags = others[i].tags;
    c.hunts = others[i].hunts;
    c.reduction_word = others[i].word;
    c.params[0] = others[i].beta;
    c.inputs[TOY_TARGET].dtype = others[i].target;
    c.has_input[TOY_WEIGHT] = others[i].weight;
    ck_assert_msg(lp_fate_group(&c, &others[i].fate) != usual, "group %zu", i);
  }
}
END_TEST

int main(void) {
  TCase *const tests = tcase_create("fate");
  tcase_add_test(tests, fates);
  tcase_add_test(tests, tags);
  tcase_add_test(tests, groups);
  Suite *const suite = suite_create("fate");
  suite_add_tcase(suite, tests);
  SRunner *const runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
