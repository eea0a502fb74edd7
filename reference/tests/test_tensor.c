#include <string.h>

#include "reference/tests/testing.h"

static lp_status init(lp_tensor *t, int rank, const int64_t *shape, lp_error *error) {
  return lp_tensor_init(t, LP_FLOAT64, rank, shape, error);
}

START_TEST(shapes_and_sizes) {
  lp_tensor t;
  ck_assert_int_eq(init(&t, 0, NULL, NULL), LP_OK);
  ck_assert_int_eq(t.numel, 1);
  ck_assert_int_eq(init(&t, 3, (int64_t[]){2, 3, 4}, NULL), LP_OK);
  ck_assert_int_eq(t.numel, 24);
  ck_assert_int_eq(init(&t, 2, (int64_t[]){5, 0}, NULL), LP_OK);
  ck_assert_int_eq(t.numel, 0);
}
END_TEST

START_TEST(ceilings_hold) {
  lp_tensor t;
  lp_error error;
  const int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  ck_assert_int_eq(init(&t, 9, nine, &error), LP_INVALID);
  ck_assert_ptr_nonnull(strstr(error.message, "9 dimensions"));
  ck_assert_int_eq(init(&t, -1, nine, &error), LP_INVALID);
  ck_assert_int_eq(init(&t, 1, (int64_t[]){-1}, &error), LP_INVALID);
  ck_assert_ptr_nonnull(strstr(error.message, "-1"));
  ck_assert_int_eq(init(&t, 1, (int64_t[]){LP_MAX_ELEMENTS}, &error), LP_OK);
  ck_assert_int_eq(init(&t, 1, (int64_t[]){LP_MAX_ELEMENTS + 1}, &error), LP_INVALID);
  /* Products that overflow 64 bits, and a zero extent that would hide them. */
  ck_assert_int_eq(init(&t, 3, (int64_t[]){INT64_MAX, INT64_MAX, 4}, &error), LP_INVALID);
  ck_assert_int_eq(init(&t, 3, (int64_t[]){0, 100000000, 100000000}, &error), LP_INVALID);
}
END_TEST

START_TEST(same_shape_compares_rank_and_extents) {
  lp_tensor a, b;
  ck_assert_int_eq(init(&a, 2, (int64_t[]){2, 3}, NULL), LP_OK);
  b = a;
  ck_assert(lp_tensor_same_shape(&a, &b));
  b.shape[1] = 4;
  ck_assert(!lp_tensor_same_shape(&a, &b));
  b = a;
  b.rank = 1;
  ck_assert(!lp_tensor_same_shape(&a, &b));
}
END_TEST

START_TEST(elements_come_as_doubles) {
  lp_tensor t = {.dtype = LP_INT32, .numel = 1, .i64 = (int64_t[]){-7}};
  check_same(lp_tensor_get(&t, 0), -7.0);
  t = (lp_tensor){.dtype = LP_FLOAT32, .numel = 1, .f64 = (double[]){-0.0}};
  check_same(lp_tensor_get(&t, 0), -0.0);
}
END_TEST

START_TEST(shape_text_is_cut_not_overrun) {
  lp_tensor t;
  char text[64], little[5];
  ck_assert_int_eq(init(&t, 2, (int64_t[]){12, 345}, NULL), LP_OK);
  ck_assert_str_eq(lp_tensor_shape_text(text, sizeof text, &t), "(12, 345)");
  ck_assert_str_eq(lp_tensor_shape_text(little, sizeof little, &t), "(12,");
  t.rank = 3; /* the last extent, 0, no longer fits */
  ck_assert_str_eq(lp_tensor_shape_text(little, sizeof little, &t), "(12,");
  t.rank = 0;
  ck_assert_str_eq(lp_tensor_shape_text(text, sizeof text, &t), "()");
}
END_TEST

int main(void) {
  const TTest *const tests[] = {shapes_and_sizes, ceilings_hold, same_shape_compares_rank_and_extents,
                                elements_come_as_doubles, shape_text_is_cut_not_overrun};
  return run_tests("tensor", tests, sizeof tests / sizeof tests[0]);
}
