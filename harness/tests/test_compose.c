/* From settings to a case: shapes, dtypes, upstream gradients and texts. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compose.h"
#include "harness/tests/toy_loss.h"

static lp_arena *arena;
static lp_factors factors;
static int8_t row[LP_MAX_FACTORS];

static void prepare(const lp_loss *loss) {
  lp_error error;
  const lp_status status = lp_factors_init(&factors, loss, &error);
  ck_assert_msg(status == LP_OK, "%s", error.message);
  memset(row, 0, sizeof row);
}

static void set_up(void) {
  arena = lp_arena_new(0);
  ck_assert_ptr_nonnull(arena);
  prepare(&toy_loss);
}

static void tear_down(void) { lp_arena_free(arena); }

static void set(lp_factor_kind kind, int index, double value) {
  const int f = lp_factors_find(&factors, kind, index);
  row[f] = (int8_t)lp_factor_level(&factors.factors[f], value);
  ck_assert_int_ge(row[f], 0);
}

static lp_status compose_seeded(lp_case *c, uint64_t seed, lp_error *error) {
  const lp_recipe recipe = {&factors, row, LP_FLOAT32};
  lp_rng rng = {seed};
  return lp_compose(c, arena, &recipe, &rng, error);
}

static lp_case compose(uint64_t seed) {
  lp_case c;
  lp_error error;
  const lp_status status = compose_seeded(&c, seed, &error);
  ck_assert_msg(status == LP_OK, "%s", error.message);
  return c;
}

/* The loss has one shape class, with this shape for its input. */
static lp_shape_class one_class[1];
static lp_loss with_input_shape(const char *shape) {
  one_class[0] = (lp_shape_class){"one", {shape, "1", "1", "-"}, true, false, ""};
  lp_loss loss = toy_loss;
  loss.shape_classes = one_class;
  loss.n_shape_classes = 1;
  return loss;
}

static const struct {
  const char *shape;
  int64_t low, high;
} letters[] = {{"N", 1, 5},   {"C", 2, 5},   {"D", 1, 7},   {"T", 1, 8},      {"S", 0, 4}, {"K", 1, 4},
               {"N+1", 2, 6}, {"N-1", 0, 4}, {"S-1", 0, 3}, {"C+10", 12, 15}, {"3", 3, 3}, {"0", 0, 0}};

START_TEST(extents) {
  const lp_loss loss = with_input_shape(letters[_i].shape);
  prepare(&loss);
  bool low = false, high = false;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const lp_case c = compose(seed);
    const int64_t n = c.inputs[TOY_INPUT].shape[0];
    ck_assert_int_eq(c.inputs[TOY_INPUT].rank, 1);
    ck_assert(n >= letters[_i].low && n <= letters[_i].high);
    low = low || n == letters[_i].low;
    high = high || n == letters[_i].high;
  }
  ck_assert(low && high);
}
END_TEST

START_TEST(equal_letters_are_equal_sizes) {
  const lp_loss loss = with_input_shape(" N N+1  1 N ");
  prepare(&loss);
  const lp_case c = compose(3);
  const int64_t *const shape = c.inputs[TOY_INPUT].shape;
  ck_assert_int_eq(c.inputs[TOY_INPUT].rank, 4);
  ck_assert_int_eq(shape[1], shape[0] + 1);
  ck_assert_int_eq(shape[2], 1);
  ck_assert_int_eq(shape[3], shape[0]);
}
END_TEST

START_TEST(sizes_are_drawn_again_while_large) {
  const lp_loss loss = with_input_shape("D D D");
  prepare(&loss);
  for (uint64_t seed = 0; seed < 200; ++seed) ck_assert_int_le((int)compose(seed).inputs[TOY_INPUT].numel, 64);
  const lp_loss large = with_input_shape("60 N+4"); /* at least 300: taken as it is */
  prepare(&large);
  ck_assert_int_ge((int)compose(1).inputs[TOY_INPUT].numel, 300);
}
END_TEST

static const char *const unreadable[] = {"N*2", "?", "\xc3\xa9", "1 2 3 4 5 6 7 8 9", "N+1x", "12x", "N1", "999999999"};

START_TEST(unreadable_shapes) {
  lp_loss loss = with_input_shape("1");
  prepare(&loss);
  one_class[0].shapes[0] = unreadable[_i];
  lp_case c;
  lp_error error;
  ck_assert_int_ne(compose_seeded(&c, 1, &error), LP_OK);
}
END_TEST

START_TEST(dtypes) {
  set(LP_FACTOR_GIVEN, TOY_WEIGHT, 1);
  lp_case c = compose(1);
  ck_assert_int_eq(c.dtype, LP_FLOAT32);
  ck_assert_int_eq(c.inputs[TOY_INPUT].dtype, LP_FLOAT32);
  ck_assert_int_eq(c.inputs[TOY_WEIGHT].dtype, LP_FLOAT32);
  ck_assert_int_eq(c.inputs[TOY_LABEL].dtype, LP_INT64);
  set(LP_FACTOR_DTYPE, TOY_TARGET, LP_INT32);
  set(LP_FACTOR_DTYPE, TOY_WEIGHT, LP_INT64);
  c = compose(1);
  ck_assert_int_eq(c.inputs[TOY_TARGET].dtype, LP_INT32);
  ck_assert_int_eq(c.inputs[TOY_WEIGHT].dtype, LP_INT64);
  set(LP_FACTOR_DTYPE, TOY_TARGET, LP_UINT8); /* normal values, of which half are below 0 */
  for (uint64_t seed = 1; seed < 20; seed++) {
    c = compose(seed);
    for (int64_t i = 0; i < c.inputs[TOY_TARGET].numel; i++) ck_assert(c.inputs[TOY_TARGET].i64[i] >= 0);
  }
  /* dtypes to be rejected come after the values were drawn */
  set(LP_FACTOR_DTYPE, TOY_INPUT, LP_INT64);
  set(LP_FACTOR_DTYPE, TOY_LABEL, LP_DTYPE_COUNT);
  c = compose(1);
  ck_assert_int_eq(c.inputs[TOY_INPUT].dtype, LP_INT64);
  ck_assert_ptr_nonnull(c.inputs[TOY_INPUT].i64);
  ck_assert_ptr_null(c.inputs[TOY_INPUT].f64);
  ck_assert_int_eq(c.inputs[TOY_LABEL].dtype, LP_FLOAT32);
  ck_assert(c.inputs[TOY_LABEL].f64[0] >= 0.0 && c.inputs[TOY_LABEL].f64[0] <= 2.0);
}
END_TEST

/* Every upstream gradient, over a loss with axes (reduction none) and without. */
START_TEST(upstream_gradients) {
  for (int reduction = LP_REDUCTION_NONE; reduction <= LP_REDUCTION_SUM; ++reduction) {
    int zeros = 0, numbers = 0;
    set(LP_FACTOR_REDUCTION, 0, reduction);
    set(LP_FACTOR_GRAD, 0, _i);
    for (uint64_t seed = 0; seed < 50; ++seed) {
      const lp_case c = compose(seed);
      const lp_tensor *const g = &c.grad_output;
      ck_assert_int_eq(c.has_grad_output, _i != LP_GRAD_NONE);
      if (!c.has_grad_output) continue;
      const int axes = (reduction == LP_REDUCTION_NONE ? 2 : 0);
      const int more = _i == LP_GRAD_AXIS || (_i == LP_GRAD_LONG && axes == 0);
      ck_assert_int_eq(g->rank, axes + more);
      if (axes > 0) ck_assert_int_eq(g->shape[1], c.inputs[0].shape[1] + (_i == LP_GRAD_LONG));
      for (int64_t i = 0; i < g->numel; ++i) {
        if (_i == LP_GRAD_ONE) ck_assert_double_eq(g->f64[i], 1.0);
        if (_i == LP_GRAD_ZERO) ck_assert_double_eq(g->f64[i], 0.0);
        if (_i == LP_GRAD_NEGATIVE) ck_assert_double_lt(g->f64[i], 0.0);
        zeros += g->f64[i] == 0.0;
        ++numbers;
      }
    }
    if (_i != LP_GRAD_RANDOM) continue;
    ck_assert_int_eq(zeros > 0, reduction == LP_REDUCTION_NONE);
    ck_assert_int_lt(zeros, numbers / 2);
  }
}
END_TEST

START_TEST(an_axis_too_many) {
  static lp_input_spec wide[TOY_INPUTS];
  memcpy(wide, toy_inputs, sizeof wide);
  wide[TOY_INPUT].max_rank = LP_MAX_RANK;
  lp_loss loss = with_input_shape("1 1 1 1 1 1 1 1");
  loss.inputs = wide;
  prepare(&loss);
  set(LP_FACTOR_REDUCTION, 0, LP_REDUCTION_NONE);
  set(LP_FACTOR_GRAD, 0, LP_GRAD_AXIS);
  lp_case c;
  lp_error error;
  ck_assert_int_eq(compose_seeded(&c, 1, &error), LP_INVALID);
  ck_assert_msg(strstr(error.message, "9") != NULL, "%s", error.message);
}
END_TEST

START_TEST(special_upstream_of_an_empty_loss) {
  set(LP_FACTOR_SHAPE, 0, 6);
  set(LP_FACTOR_REDUCTION, 0, LP_REDUCTION_NONE);
  set(LP_FACTOR_GRAD, 0, LP_GRAD_SPECIAL);
  const lp_case c = compose(1);
  ck_assert_int_eq(c.grad_output.numel, 0);
  ck_assert_str_eq(c.tags, "shape=empty value=ordinary grad=special");
}
END_TEST

START_TEST(a_rejected_case_has_no_upstream) {
  set(LP_FACTOR_PARAM, 0, -1.0);
  set(LP_FACTOR_GRAD, 0, LP_GRAD_RANDOM);
  const lp_case c = compose(1);
  ck_assert(!c.has_grad_output);
  ck_assert_str_eq(c.tags, "shape=matrix value=ordinary grad=none");
  ck_assert_str_eq(c.hunts, "accepting what PyTorch refuses: beta=-1");
}
END_TEST

START_TEST(texts) {
  ck_assert_str_eq(compose(1).hunts, "plain mistakes");
  set(LP_FACTOR_GIVEN, TOY_WEIGHT, 0);
  set(LP_FACTOR_DTYPE, TOY_WEIGHT, LP_INT64); /* of an input that is left out: not said */
  set(LP_FACTOR_REDUCTION, 0, LP_REDUCTION_SUM);
  set(LP_FACTOR_SHAPE, 0, 5);
  set(LP_FACTOR_VALUE, 0, TOY_SPECIAL);
  lp_case c = compose(1);
  ck_assert_str_eq(c.hunts, "infinities and NaN; no axes; an option dropped or mistaken: reduction=sum");
  ck_assert_str_eq(c.reduction_word, "sum");
  set(LP_FACTOR_GIVEN, TOY_WEIGHT, 1);
  set(LP_FACTOR_PARAM, 0, INFINITY);
  set(LP_FACTOR_PARAM, 1, 1.0);
  set(LP_FACTOR_GRAD, 0, LP_GRAD_ZERO);
  c = compose(1);
  ck_assert_str_eq(c.hunts,
                   "infinities and NaN; no axes; an option dropped or mistaken: reduction=sum, beta=inf, flag=1, "
                   "weight given, weight of int64 dtype, grad_output zero");
}
END_TEST

START_TEST(texts_of_rejected_classes) {
  set(LP_FACTOR_SHAPE, 0, 7);
  ck_assert_str_eq(compose(1).hunts, "accepting what PyTorch refuses: shape=mismatch: extents that do not match");
  set(LP_FACTOR_SHAPE, 0, 0);
  set(LP_FACTOR_VALUE, 0, TOY_RANGE);
  ck_assert_str_eq(compose(1).hunts, "accepting what PyTorch refuses: value=range: an index that is out of range");
}
END_TEST

START_TEST(a_text_is_cut) {
  static char hunts[2001];
  static lp_value_class values[2];
  memset(hunts, 'x', sizeof hunts - 1);
  values[0] = (lp_value_class){"wordy", true, false, hunts};
  lp_loss loss = toy_loss;
  loss.value_classes = values;
  loss.n_value_classes = 1;
  prepare(&loss);
  set(LP_FACTOR_REDUCTION, 0, LP_REDUCTION_SUM);
  const lp_case c = compose(1);
  ck_assert(strlen(c.hunts) > 500 && strlen(c.hunts) < 600);
}
END_TEST

START_TEST(copies_are_deep) {
  lp_error error;
  set(LP_FACTOR_GRAD, 0, LP_GRAD_RANDOM);
  lp_case c = compose(1), copy;
  c.id = "core/toy/0000";
  ck_assert_int_eq(lp_case_copy(&copy, arena, &c, &error), LP_OK);
  ck_assert_str_eq(copy.id, c.id);
  ck_assert(copy.id != c.id && copy.hunts != c.hunts && copy.tags != c.tags);
  ck_assert_str_eq(copy.reduction_word, "mean");
  ck_assert(copy.inputs[0].f64 != c.inputs[0].f64 && copy.inputs[TOY_LABEL].i64 != c.inputs[TOY_LABEL].i64);
  ck_assert_mem_eq(copy.inputs[0].f64, c.inputs[0].f64, (size_t)c.inputs[0].numel * sizeof(double));
  ck_assert_mem_eq(copy.inputs[TOY_LABEL].i64, c.inputs[TOY_LABEL].i64,
                   (size_t)c.inputs[TOY_LABEL].numel * sizeof(int64_t));
  ck_assert_double_eq(copy.grad_output.f64[0], c.grad_output.f64[0]);
}
END_TEST

START_TEST(memory_that_is_out) {
  set(LP_FACTOR_DTYPE, TOY_INPUT, LP_INT64); /* a conversion */
  for (int upstream = 0; upstream < 2; ++upstream) {
    if (upstream) set(LP_FACTOR_DTYPE, TOY_INPUT, LP_DTYPE_COUNT);
    set(LP_FACTOR_GRAD, 0, upstream ? LP_GRAD_RANDOM : LP_GRAD_NONE);
    lp_case c, copy;
    lp_error error;
    lp_status status = LP_NO_MEMORY;
    int failures = 0;
    for (long after = 0; status != LP_OK; ++after, ++failures) {
      lp_arena_fail_after(after);
      status = compose_seeded(&c, 1, &error);
      if (status == LP_OK) status = lp_case_copy(&copy, arena, &c, &error);
      lp_arena_fail_after(-1);
      ck_assert(status == LP_OK || status == LP_NO_MEMORY);
    }
    ck_assert_int_ge(failures, 12);
  }
}
END_TEST

int main(void) {
  TCase *const tests = tcase_create("compose");
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_loop_test(tests, extents, 0, sizeof letters / sizeof letters[0]);
  tcase_add_test(tests, equal_letters_are_equal_sizes);
  tcase_add_test(tests, sizes_are_drawn_again_while_large);
  tcase_add_loop_test(tests, unreadable_shapes, 0, sizeof unreadable / sizeof unreadable[0]);
  tcase_add_test(tests, dtypes);
  tcase_add_loop_test(tests, upstream_gradients, 0, LP_GRAD_COUNT);
  tcase_add_test(tests, an_axis_too_many);
  tcase_add_test(tests, special_upstream_of_an_empty_loss);
  tcase_add_test(tests, a_rejected_case_has_no_upstream);
  tcase_add_test(tests, texts);
  tcase_add_test(tests, texts_of_rejected_classes);
  tcase_add_test(tests, a_text_is_cut);
  tcase_add_test(tests, copies_are_deep);
  tcase_add_test(tests, memory_that_is_out);
  Suite *const suite = suite_create("compose");
  suite_add_tcase(suite, tests);
  SRunner *const runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
