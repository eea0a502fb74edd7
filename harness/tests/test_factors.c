/* Factors and constraints from a registry row. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "harness/factors.h"
#include "harness/tests/toy_loss.h"

static lp_factors factors_of(const lp_loss *loss) {
  lp_factors factors;
  lp_error error;
  const lp_status status = lp_factors_init(&factors, loss, &error);
  ck_assert_msg(status == LP_OK, "%s", error.message);
  return factors;
}

static const lp_factor *find(const lp_factors *factors, lp_factor_kind kind, int index) {
  const int f = lp_factors_find(factors, kind, index);
  ck_assert_int_ge(f, 0);
  return &factors->factors[f];
}

static void has(const lp_factor *factor, int n_crossed, int n_levels) {
  ck_assert_int_eq(factor->n_crossed, n_crossed);
  ck_assert_int_eq(factor->n_levels, n_levels);
  for (int l = 0; l < n_levels; ++l) {
    ck_assert_int_eq(factor->levels[l].use == LP_LEVEL_CROSSED, l < n_crossed);
    ck_assert(factor->levels[l].use != LP_LEVEL_REJECT || !factor->levels[l].ordinary);
  }
}

START_TEST(factors_of_the_toy) {
  const lp_factors factors = factors_of(&toy_loss);
  ck_assert_int_eq(factors.n, 1 + 2 + 1 + 4 + 3);
  has(find(&factors, LP_FACTOR_REDUCTION, 0), 3, 6);
  has(find(&factors, LP_FACTOR_PARAM, 0), 4, 6);
  has(find(&factors, LP_FACTOR_PARAM, 1), 2, 2);
  has(find(&factors, LP_FACTOR_GIVEN, TOY_WEIGHT), 2, 2);
  has(find(&factors, LP_FACTOR_DTYPE, TOY_INPUT), 1, 2);
  has(find(&factors, LP_FACTOR_DTYPE, TOY_TARGET), 2, 5);
  has(find(&factors, LP_FACTOR_DTYPE, TOY_LABEL), 1, 4);
  has(find(&factors, LP_FACTOR_DTYPE, TOY_WEIGHT), 2, 5);
  has(find(&factors, LP_FACTOR_GRAD, 0), 5, 8);
  has(find(&factors, LP_FACTOR_SHAPE, 0), 5, 8);
  has(find(&factors, LP_FACTOR_VALUE, 0), 2, 3);
  ck_assert_int_eq(lp_factors_find(&factors, LP_FACTOR_GIVEN, TOY_INPUT), -1);
  ck_assert(!find(&factors, LP_FACTOR_PARAM, 0)->levels[3].ordinary); /* infinity */
  ck_assert_str_eq(find(&factors, LP_FACTOR_SHAPE, 0)->levels[5].word, "long");
  ck_assert_int_eq(find(&factors, LP_FACTOR_SHAPE, 0)->levels[5].use, LP_LEVEL_ALONE);
  ck_assert_str_eq(find(&factors, LP_FACTOR_SHAPE, 0)->levels[6].word, "wrong-rank");
}
END_TEST

START_TEST(levels_by_value) {
  const lp_factors factors = factors_of(&toy_loss);
  const lp_factor *const beta = find(&factors, LP_FACTOR_PARAM, 0);
  ck_assert_int_eq(lp_factor_level(beta, 1.0), 0);
  ck_assert_int_eq(lp_factor_level(beta, INFINITY), 3);
  ck_assert_int_eq(lp_factor_level(beta, NAN), 5);
  ck_assert_int_eq(lp_factor_level(beta, 0.7), -1);
  ck_assert_str_eq(lp_grad_class_name(LP_GRAD_LONG), "too-long");
}
END_TEST

START_TEST(batchmean_is_rejected_only_where_it_is_unknown) {
  lp_loss loss = toy_loss;
  loss.reductions |= LP_CAN_BATCHMEAN;
  const lp_factors factors = factors_of(&loss);
  has(find(&factors, LP_FACTOR_REDUCTION, 0), 4, 6);
}
END_TEST

/* The row of all first levels, with two settings changed. */
static bool allows(const lp_factors *factors, int f, int f_level, int g, int g_level) {
  const lp_space space = lp_factors_space(factors);
  int8_t row[LP_MAX_FACTORS] = {0};
  row[f] = (int8_t)f_level;
  row[g] = (int8_t)g_level;
  return lp_space_allows(&space, row);
}

START_TEST(constraints) {
  const lp_factors factors = factors_of(&toy_loss);
  const int shape = lp_factors_find(&factors, LP_FACTOR_SHAPE, 0),
            value = lp_factors_find(&factors, LP_FACTOR_VALUE, 0);
  const int given = lp_factors_find(&factors, LP_FACTOR_GIVEN, TOY_WEIGHT);
  const int target = lp_factors_find(&factors, LP_FACTOR_DTYPE, TOY_TARGET);
  const int weight = lp_factors_find(&factors, LP_FACTOR_DTYPE, TOY_WEIGHT);
  enum { MATRIX, PLAIN, ROW, SCALAR, EMPTY };
  for (int s = MATRIX; s <= EMPTY; ++s) {
    ck_assert_int_eq(allows(&factors, shape, s, value, 1), s != EMPTY);
    ck_assert_int_eq(allows(&factors, shape, s, given, 1), s != PLAIN && s != EMPTY);
    ck_assert(allows(&factors, shape, s, target, 1));
  }
  ck_assert(!allows(&factors, weight, 1, given, 0));
  ck_assert(allows(&factors, weight, 1, given, 1));
  ck_assert(allows(&factors, weight, 0, target, 1));
  ck_assert(!allows(&factors, weight, 1, target, 1));
}
END_TEST

/* 0 is an extent, 10 and N-0 hold the digit only. */
START_TEST(empty_classes) {
  static const lp_shape_class shapes[] = {{"a", {"0", "2 0 3", "0", "-"}, true, false, ""},
                                          {"b", {"10", "0 1", "0", "-"}, true, false, ""},
                                          {"c", {"03", "0", "0", "-"}, true, false, ""},
                                          {"d", {"0", "0", "N-0", "0"}, true, false, ""},
                                          {"e", {"0", "0", "0", "0"}, true, false, ""}};
  lp_loss loss = toy_loss;
  loss.shape_classes = shapes;
  loss.n_shape_classes = 5;
  const lp_factors factors = factors_of(&loss);
  const int shape = lp_factors_find(&factors, LP_FACTOR_SHAPE, 0),
            value = lp_factors_find(&factors, LP_FACTOR_VALUE, 0);
  for (int s = 0; s < 5; ++s) ck_assert_int_eq(allows(&factors, shape, s, value, 1), s >= 1 && s <= 3);
}
END_TEST

static const double eight[] = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0};

START_TEST(wide_parameters_are_narrowed) {
  static lp_shape_class shapes[12];
  static lp_value_class values[12];
  static const lp_param_spec params[] = {{"a", LP_PARAM_REAL, 1.0, "", "", eight, 8, NULL, 0},
                                         {"b", LP_PARAM_REAL, 1.0, "", "", eight, 7, eight, 1}};
  for (int i = 0; i < 12; ++i) {
    shapes[i] = (lp_shape_class){"s", {"N", "N", "N", "C"}, true, false, ""};
    values[i] = (lp_value_class){"v", true, false, ""};
  }
  lp_loss loss = toy_loss;
  loss.params = params;
  loss.shape_classes = shapes;
  loss.value_classes = values;
  loss.n_shape_classes = loss.n_value_classes = 12;
  lp_factors factors = factors_of(&loss);
  has(find(&factors, LP_FACTOR_PARAM, 0), 3, 8); /* 12 * 12 * 5 upstream gradients is more in any case */
  has(find(&factors, LP_FACTOR_PARAM, 1), 3, 8);
  ck_assert_int_eq(find(&factors, LP_FACTOR_PARAM, 1)->levels[6].use, LP_LEVEL_ALONE);
  ck_assert_int_eq(find(&factors, LP_FACTOR_PARAM, 1)->levels[7].use, LP_LEVEL_REJECT);

  loss.n_shape_classes = 10;
  loss.n_value_classes = 10;
  factors = factors_of(&loss); /* 10 * 10 * 7 = 700 is allowed */
  has(find(&factors, LP_FACTOR_PARAM, 0), 7, 8);
  has(find(&factors, LP_FACTOR_PARAM, 1), 7, 8);
}
END_TEST

static void refuses(const lp_loss *loss, const char *text) {
  lp_factors factors;
  lp_error error;
  ck_assert_int_eq(lp_factors_init(&factors, loss, &error), LP_INTERNAL);
  ck_assert_msg(strstr(error.message, text) != NULL, "%s", error.message);
}

START_TEST(malformed_shapes) {
  static const lp_shape_class missing[] = {{"short", {"N", "N", "N"}, true, false, ""}};
  static const lp_shape_class leaves_out[] = {{"gap", {"N", "-", "N", "-"}, true, false, ""}};
  static const lp_shape_class only_rejected[] = {{"bad", {"N", "N", "N", "-"}, true, true, ""}};
  static const lp_shape_class only_large[] = {{"large", {"100", "N", "N", "-"}, true, false, ""}};
  lp_loss loss = toy_loss;
  loss.n_shape_classes = 1;
  loss.shape_classes = missing;
  refuses(&loss, "toy: shape class short has no shape for input weight");
  loss.shape_classes = leaves_out;
  refuses(&loss, "toy: shape class gap leaves out input target, which is required");
  loss.shape_classes = only_rejected;
  refuses(&loss, "expected a shape class and a value class");
  loss.shape_classes = only_large;
  refuses(&loss, "expected a shape class and a value class");
}
END_TEST

START_TEST(malformed_classes_and_parameters) {
  static const lp_param_spec other_default[] = {{"a", LP_PARAM_REAL, 2.0, "", "", eight, 8, NULL, 0}};
  static const lp_param_spec none[] = {{"a", LP_PARAM_REAL, 2.0, "", "", NULL, 0, eight, 1}};
  static const lp_param_spec many[] = {{"a", LP_PARAM_REAL, 2.0, "", "", eight, 8, eight, 57}};
  lp_loss loss = toy_loss;
  loss.n_value_classes = 0;
  refuses(&loss, "expected a shape class and a value class");
  loss.n_value_classes = 65;
  refuses(&loss, "65 value classes; expected at most 64");
  loss = toy_loss;
  loss.n_shape_classes = 65;
  refuses(&loss, "65 shape and");
  loss = toy_loss;
  loss.n_params = 1;
  loss.params = other_default;
  refuses(&loss, "the first value of parameter a is 1; expected its default, 2");
  loss.params = none;
  refuses(&loss, "parameter a has 0 values and 1 rejects");
  loss.params = many;
  refuses(&loss, "parameter a has 8 values and 57 rejects; expected 1 to 64");
}
END_TEST

/* Constraints without end: empty shapes times values, then weights left out. */
START_TEST(too_many_constraints) {
  static lp_shape_class shapes[64];
  static lp_value_class values[64];
  static lp_input_spec integers[LP_MAX_INPUTS];
  for (int i = 0; i < 64; ++i) {
    shapes[i] = (lp_shape_class){"s", {"0", "0", "-", "-", "-"}, true, false, ""};
    values[i] = (lp_value_class){"v", true, false, ""};
  }
  for (int i = 0; i < LP_MAX_INPUTS; ++i) {
    integers[i] = (lp_input_spec){
        .name = "x", .kind = LP_KIND_REAL, .integer_ok = true, .optional = i >= 2, .max_rank = 1, .shape = "(N)"};
  }
  lp_loss loss = toy_loss;
  loss.inputs = integers;
  loss.n_inputs = LP_MAX_INPUTS;
  loss.shape_classes = shapes;
  loss.value_classes = values;
  int refused = 0, accepted = 0;
  for (loss.n_shape_classes = 1; loss.n_shape_classes <= 64; ++loss.n_shape_classes) {
    for (loss.n_value_classes = 1; loss.n_value_classes <= 64; ++loss.n_value_classes) {
      lp_factors factors;
      lp_error error;
      /* each shape forbids all values but one, and three optional inputs; dtypes 10 pairs and 3 inputs left out */
      const int wanted = loss.n_shape_classes * (loss.n_value_classes - 1 + 3) + 10 + 3;
      const lp_status status = lp_factors_init(&factors, &loss, &error);
      ck_assert_int_eq(status, wanted <= LP_MAX_FORBIDDEN ? LP_OK : LP_INTERNAL);
      if (status == LP_OK) ck_assert_int_eq(factors.n_forbidden, wanted);
      if (status != LP_OK) ck_assert_str_eq(error.message, "toy: more than 512 constraints between settings");
      refused += status != LP_OK;
      accepted += status == LP_OK;
    }
  }
  ck_assert(refused > 100 && accepted > 100);
}
END_TEST

int main(void) {
  TCase *const tests = tcase_create("factors");
  tcase_add_test(tests, factors_of_the_toy);
  tcase_add_test(tests, levels_by_value);
  tcase_add_test(tests, batchmean_is_rejected_only_where_it_is_unknown);
  tcase_add_test(tests, constraints);
  tcase_add_test(tests, empty_classes);
  tcase_add_test(tests, wide_parameters_are_narrowed);
  tcase_add_test(tests, malformed_shapes);
  tcase_add_test(tests, malformed_classes_and_parameters);
  tcase_add_test(tests, too_many_constraints);
  Suite *const suite = suite_create("factors");
  suite_add_tcase(suite, tests);
  SRunner *const runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
