#include "reference/rows.h"

#include <float.h>
#include <stdlib.h>

#include "reference/tests/testing.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* A loss of two vectors and a scalar a row, of which only the inputs matter. */
static const lp_input_spec toy_inputs[] = {{.name = "left", .max_rank = LP_MAX_RANK, .differentiable = true},
                                           {.name = "right", .max_rank = LP_MAX_RANK, .differentiable = true},
                                           {.name = "mark", .max_rank = LP_MAX_RANK}};
static const lp_loss toy = {.name = "toy", .inputs = toy_inputs, .n_inputs = 3};

enum { LEFT, RIGHT, MARK };

typedef struct lp_setting {
  lp_case c;
  lp_plan plan;
  lp_error error;
} lp_setting;

static void shape_input(lp_setting *s, int input, int rank, const int64_t *shape) {
  ck_assert_int_eq(lp_tensor_init(&s->c.inputs[input], LP_FLOAT64, rank, shape, &s->error), LP_OK);
  s->c.has_input[input] = true;
}

static void begin(lp_setting *s) {
  lp_case_init(&s->c, &toy);
  s->plan = (lp_plan){.c = &s->c, .term = {.numel = 1}};
}

START_TEST(rows_broadcast_without_their_last_axis) {
  lp_setting s;
  begin(&s);
  shape_input(&s, LEFT, 3, (int64_t[]){4, 1, 5});
  shape_input(&s, RIGHT, 2, (int64_t[]){3, 1});
  shape_input(&s, MARK, 1, (int64_t[]){3});
  ck_assert_int_eq(lp_rows_broadcast(&s.plan, 3u, 4u, &s.error), LP_OK);
  ck_assert_int_eq(s.plan.term.rank, 2);
  ck_assert(s.plan.term.shape[0] == 4 && s.plan.term.shape[1] == 3);
  ck_assert(s.plan.stride[LEFT][0] == 5 && s.plan.stride[LEFT][1] == 0);
  ck_assert(s.plan.stride[RIGHT][0] == 0 && s.plan.stride[RIGHT][1] == 1);
  ck_assert(s.plan.stride[MARK][0] == 0 && s.plan.stride[MARK][1] == 1);
  ck_assert(lp_rows_shared(&s.plan, LEFT) && lp_rows_shared(&s.plan, RIGHT));
  lp_row_cursor at = {0};
  for (int64_t row = 0; row < 12; row++, lp_rows_next(&at, &s.plan)) {
    ck_assert(at.row == row && at.offset[LEFT] == row / 3 * 5 && at.offset[RIGHT] == row % 3);
  }
  ck_assert(at.row == 12 && at.offset[LEFT] == 0);
}
END_TEST

START_TEST(rows_without_components_are_not_shared) {
  lp_setting s;
  begin(&s);
  shape_input(&s, LEFT, 2, (int64_t[]){3, 0});
  shape_input(&s, RIGHT, 2, (int64_t[]){1, 2});
  ck_assert_int_eq(lp_rows_broadcast(&s.plan, 3u, 0u, &s.error), LP_OK);
  ck_assert(!lp_rows_shared(&s.plan, LEFT) && lp_rows_shared(&s.plan, RIGHT));
}
END_TEST

START_TEST(inputs_that_take_no_part) {
  lp_setting s;
  begin(&s);
  shape_input(&s, LEFT, 2, (int64_t[]){2, 5});
  shape_input(&s, RIGHT, 0, NULL);
  shape_input(&s, MARK, 1, (int64_t[]){7});
  ck_assert_int_eq(lp_rows_broadcast(&s.plan, 3u, 0u, &s.error), LP_OK);
  ck_assert(s.plan.term.rank == 1 && s.plan.term.shape[0] == 2);
  ck_assert(!lp_rows_shared(&s.plan, LEFT));
  ck_assert_int_eq(lp_rows_width(&s.c.inputs[RIGHT]), 1);
}
END_TEST

START_TEST(rows_that_do_not_broadcast) {
  lp_setting s;
  begin(&s);
  shape_input(&s, LEFT, 2, (int64_t[]){2, 5});
  shape_input(&s, RIGHT, 2, (int64_t[]){3, 5});
  ck_assert_int_eq(lp_rows_broadcast(&s.plan, 3u, 0u, &s.error), LP_REJECTED);
  ck_assert_str_eq(s.error.message, "right of shape (3, 5) does not broadcast with left of shape (2, 5)");
  shape_input(&s, LEFT, 3, (int64_t[]){20000, 1, 1});
  shape_input(&s, RIGHT, 3, (int64_t[]){1, 20000, 1});
  ck_assert_int_eq(lp_rows_broadcast(&s.plan, 3u, 0u, &s.error), LP_INVALID);
}
END_TEST

static double total_of(const double *rows, int n, lp_reduction reduction) {
  double loss = NAN;
  lp_row_total total = {.loss = &loss, .reduction = reduction, .count = n};
  for (int i = 0; i < n; i++) lp_rows_put(&total, i, lp_whole(rows[i]));
  lp_rows_finish(&total);
  return loss;
}

START_TEST(totals) {
  check_same(total_of((double[]){1, 2, 4}, 3, LP_REDUCTION_SUM), 7);
  check_same(total_of((double[]){1, 2, 4.5}, 3, LP_REDUCTION_MEAN), 2.5);
  check_same(total_of((double[]){1e16, 1, -1e16}, 3, LP_REDUCTION_SUM), 1);
  check_same(total_of((double[]){DBL_MAX, DBL_MAX}, 2, LP_REDUCTION_MEAN), DBL_MAX);
  check_same(total_of((double[]){DBL_MAX, DBL_MAX}, 2, LP_REDUCTION_SUM), INFINITY);
  check_same(total_of((double[]){1e200, 1, -1e200}, 3, LP_REDUCTION_SUM), 1);
  check_same(total_of((double[]){1, INFINITY}, 2, LP_REDUCTION_MEAN), INFINITY);
  check_same(total_of((double[]){-INFINITY, INFINITY}, 2, LP_REDUCTION_SUM), NAN);
  check_same(total_of(NULL, 0, LP_REDUCTION_SUM), 0);
  check_same(total_of(NULL, 0, LP_REDUCTION_MEAN), NAN);
}
END_TEST

START_TEST(lanes_of_any_number) {
  for (int n = 0; n <= 20; n++) {
    lp_lanes lanes = {{0.0}, {0.0}};
    for (int i = 0; i < n; i++) lp_lanes_add(&lanes, i % LP_LANES, i == 0 ? 0x1p60 : 1.0, 0.0);
    const lp_pair total = lp_lanes_total(&lanes, n);
    check_same((total.high - 0x1p60) + total.low, n == 0 ? -0x1p60 : n - 1.0);
  }
}
END_TEST

START_TEST(exact_sums) {
  check_same(lp_rows_exact_sum((double[]){1e308, 1e-300, -1e308}, 3), 1e-300);
  check_same(lp_rows_exact_sum((double[]){1e308, 1e308, -1e308, -1e308}, 4), 0);
  ck_assert(lp_rows_exact_sum((double[]){0.1, 0.2, -0.3}, 3) > 0);
  ck_assert(lp_rows_exact_sum((double[]){0x1p-1074, 1, -1}, 3) > 0);
}
END_TEST

START_TEST(moderate_numbers) {
  ck_assert(lp_rows_moderate(0.0) && lp_rows_moderate(-1.0) && lp_rows_moderate(0x1p-400));
  ck_assert(!lp_rows_moderate(1e200) && !lp_rows_moderate(1e-200) && !lp_rows_moderate(NAN));
  ck_assert(lp_rows_all_finite((double[]){1e308, -0.0}, 2) && !lp_rows_all_finite((double[]){1, NAN}, 2));
  ck_assert(!lp_rows_all_finite((double[]){-INFINITY}, 1) && lp_rows_all_finite(NULL, 0));
  ck_assert(lp_rows_all_moderate((double[]){1, 0}, 2) && !lp_rows_all_moderate((double[]){1e200, 1}, 2));
}
END_TEST

int main(void) {
  const TTest *const tests[] = {rows_broadcast_without_their_last_axis,
                                rows_without_components_are_not_shared,
                                inputs_that_take_no_part,
                                rows_that_do_not_broadcast,
                                totals,
                                lanes_of_any_number,
                                exact_sums,
                                moderate_numbers};
  return run_tests("rows", tests, COUNT(tests));
}
