/* Constraints between parameters and shapes that only the plan knows. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "harness/generate.h"
#include "harness/settings.h"
#include "harness/tests/toy_loss.h"

/* beta = 2 needs axes, beta = 0.5 more than two rows: the first never holds for scalars, the second for some draws. */
static lp_status plan_with_domain(lp_plan *plan, lp_error *error) {
  const lp_case *const c = plan->c;
  const lp_tensor *const input = &c->inputs[TOY_INPUT];
  LP_TRY(toy_plan(plan, error));
  if (c->params[0] == 2.0 && input->rank == 0) return lp_refuse(error, LP_REJECT_SHAPE, "beta: too large");
  if (c->params[0] == 0.5 && input->rank == 2 && input->shape[0] > 2)
    return lp_refuse(error, LP_REJECT_PARAMETER, "beta: too small");
  return LP_OK;
}

START_TEST(impossible_pairs_are_learned) {
  lp_factors declared;
  lp_settings learned;
  lp_error error;
  lp_loss loss = toy_loss;
  loss.plan = plan_with_domain;
  ck_assert_int_eq(lp_factors_init(&declared, &loss, &error), LP_OK);
  ck_assert_int_eq(lp_settings_of(&learned, &loss, &error), LP_OK);
  ck_assert_int_eq(learned.n_declared, declared.n_forbidden);
  ck_assert_int_eq(learned.factors.n_forbidden, declared.n_forbidden + 1);
  const lp_forbidden *const pair = &learned.factors.forbidden[declared.n_forbidden];
  ck_assert_str_eq(learned.factors.factors[pair->factor[0]].levels[pair->level[0]].word, "scalar");
  ck_assert_double_eq(learned.factors.factors[pair->factor[1]].levels[pair->level[1]].value, 2.0);
}
END_TEST

static lp_status plan_without_scalars(lp_plan *plan, lp_error *error) {
  LP_TRY(toy_plan(plan, error));
  if (plan->c->inputs[TOY_INPUT].rank == 0) return lp_refuse(error, LP_REJECT_RANK, "no scalars");
  return LP_OK;
}

/* A shape class that is rejected with the defaults is a fault of the row, not a constraint. */
START_TEST(a_shape_that_is_rejected_anyway_is_not_excused) {
  lp_settings learned;
  lp_error error;
  lp_loss loss = toy_loss;
  loss.plan = plan_without_scalars;
  ck_assert_int_eq(lp_settings_of(&learned, &loss, &error), LP_OK);
  ck_assert_int_eq(learned.factors.n_forbidden, learned.n_declared);
}
END_TEST

START_TEST(generator_and_coverage_agree) {
  const lp_generate_options options = {.seed = 1, .minimum = 0, .dtype = LP_FLOAT64, .suite = "core"};
  lp_loss loss = toy_loss;
  lp_suite suite;
  lp_error error;
  lp_coverage coverage, without;
  loss.plan = plan_with_domain;
  ck_assert_int_eq(lp_suite_init(&suite, &error), LP_OK);
  ck_assert_int_eq(lp_generate(&suite, &loss, &options, &error), LP_OK);
  ck_assert_int_eq(lp_coverage_measure(&coverage, &suite, &loss, &error), LP_OK);
  ck_assert_int_eq(coverage.triples_hit, coverage.triples_wanted);
  int refused[3] = {0, 0, 0};
  for (int i = 0; i < suite.count; ++i) {
    const lp_case *const c = &suite.entries[i].c;
    if (strcmp(c->hunts, "accepting what PyTorch refuses together: shape=scalar, beta=2") == 0)
      ++refused[LP_REDUCTION_MEAN];
    if (strstr(c->hunts, "together: shape=scalar, reduction=sum, beta=2") != NULL) ++refused[LP_REDUCTION_SUM];
    if (strstr(c->hunts, "together: shape=scalar, reduction=none, beta=2") != NULL) ++refused[LP_REDUCTION_NONE];
  }
  for (int r = 0; r < 3; ++r) ck_assert_int_eq(refused[r], 1);
  loss.plan = toy_plan;
  ck_assert_int_eq(lp_coverage_measure(&without, &suite, &loss, &error), LP_OK);
  ck_assert_int_lt(without.triples_hit, without.triples_wanted);
  lp_suite_clear(&suite);
}
END_TEST

static const lp_param_spec plain_betas[] = {{"beta", LP_PARAM_REAL, 1.0, "", "", toy_betas, 4, NULL, 0}};
static const lp_shape_class accepted_shapes[] = {{"row", {"2 C", "2 C", "2", "C"}, true, false, ""},
                                                 {"scalar", {".", ".", ".", "."}, false, false, ""}};

static lp_status plan_with_odd_reason(lp_plan *plan, lp_error *error) {
  const lp_status status = plan_with_domain(plan, error);
  return status == LP_REJECTED ? lp_refuse(error, LP_REJECT_DTYPE, "a parameter is no dtype") : status;
}

/* The cases of the pair itself are to be rejected for the parameter or the shape. */
START_TEST(pairs_are_rejected_for_what_they_are) {
  const lp_generate_options options = {.seed = 1, .minimum = 0, .dtype = LP_FLOAT64, .suite = "core"};
  lp_loss loss = toy_loss;
  lp_suite suite;
  lp_error error;
  loss.params = plain_betas;
  loss.n_params = 1;
  loss.plan = plan_with_odd_reason;
  loss.value_classes = toy_values;
  loss.n_value_classes = 2;
  loss.shape_classes = accepted_shapes;
  loss.n_shape_classes = 2;
  ck_assert_int_eq(lp_suite_init(&suite, &error), LP_OK);
  ck_assert_int_eq(lp_generate(&suite, &loss, &options, &error), LP_INTERNAL);
  ck_assert_msg(strstr(error.message, "beta=2") != NULL && strstr(error.message, "shape=scalar") != NULL, "%s",
                error.message);
  lp_suite_clear(&suite);
}
END_TEST

static lp_status refuses_all_but_defaults(lp_plan *plan, lp_error *error) {
  for (int i = 0; i < plan->c->loss->n_params; ++i) {
    if (plan->c->params[i] != 1.0) return lp_refuse(error, LP_REJECT_PARAMETER, "another value");
  }
  plan->scratch = 4;
  return LP_OK;
}

START_TEST(too_many_pairs) {
  static lp_shape_class shapes[60];
  static const double eight[] = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0};
  static lp_param_spec params[5];
  for (int i = 0; i < 5; ++i) params[i] = (lp_param_spec){"p", LP_PARAM_REAL, 1.0, "", "", eight, 8, NULL, 0};
  for (int i = 0; i < 60; ++i) shapes[i] = (lp_shape_class){"s", {"N", "N", "N", "C"}, true, false, ""};
  lp_settings settings;
  lp_error error;
  lp_loss loss = toy_loss;
  loss.plan = refuses_all_but_defaults;
  loss.params = params;
  loss.n_params = 5; /* narrowed to two values each beside the default: 600 pairs */
  loss.shape_classes = shapes;
  loss.n_shape_classes = 60;
  ck_assert_int_eq(lp_settings_of(&settings, &loss, &error), LP_INTERNAL);
  ck_assert_str_eq(error.message, "toy: more than 512 constraints between settings");
}
END_TEST

START_TEST(errors_are_passed_on) {
  static const lp_shape_class unreadable[] = {{"s", {"?", "N", "N", "C"}, true, false, ""}};
  lp_settings settings;
  lp_error error;
  lp_loss loss = toy_loss;
  loss.shape_classes = unreadable;
  loss.n_shape_classes = 1;
  ck_assert_int_eq(lp_settings_of(&settings, &loss, &error), LP_INTERNAL);
  ck_assert_msg(strstr(error.message, "shape \"?\"") != NULL, "%s", error.message);
  for (int after = 0; after < 40; ++after) {
    lp_arena_fail_after(after);
    ck_assert_int_eq(lp_settings_of(&settings, &toy_loss, &error), LP_NO_MEMORY);
    lp_arena_fail_after(-1);
  }
  loss.n_shape_classes = 0;
  ck_assert_int_eq(lp_settings_of(&settings, &loss, &error), LP_INTERNAL);
}
END_TEST

int main(void) {
  TCase *const tests = tcase_create("settings");
  tcase_add_test(tests, impossible_pairs_are_learned);
  tcase_add_test(tests, a_shape_that_is_rejected_anyway_is_not_excused);
  tcase_add_test(tests, generator_and_coverage_agree);
  tcase_add_test(tests, pairs_are_rejected_for_what_they_are);
  tcase_add_test(tests, too_many_pairs);
  tcase_add_test(tests, errors_are_passed_on);
  Suite *const suite = suite_create("settings");
  suite_add_tcase(suite, tests);
  SRunner *const runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
