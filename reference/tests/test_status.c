#include <string.h>

#include "reference/tests/testing.h"

START_TEST(fail_fills_the_error) {
  lp_error error;
  ck_assert_int_eq(lp_fail(&error, LP_IO, "%s: %d", "file", 7), LP_IO);
  ck_assert_int_eq(error.status, LP_IO);
  ck_assert_int_eq(error.reject, LP_REJECT_NONE);
  ck_assert_str_eq(error.message, "file: 7");
}
END_TEST

START_TEST(refuse_keeps_the_reason) {
  lp_error error;
  ck_assert_int_eq(lp_refuse(&error, LP_REJECT_SHAPE, "x"), LP_REJECTED);
  ck_assert_int_eq(error.reject, LP_REJECT_SHAPE);
}
END_TEST

START_TEST(a_null_error_is_fine) {
  ck_assert_int_eq(lp_fail(NULL, LP_INVALID, "nobody listens"), LP_INVALID);
  ck_assert_int_eq(lp_refuse(NULL, LP_REJECT_RANK, "nobody listens"), LP_REJECTED);
}
END_TEST

START_TEST(long_messages_are_cut) {
  lp_error error;
  lp_fail(&error, LP_INVALID, "%*s", 2 * LP_MESSAGE_MAX, "x");
  ck_assert_uint_eq(strlen(error.message), LP_MESSAGE_MAX - 1);
}
END_TEST

START_TEST(every_name_is_there_and_unlike_the_others) {
  for (int i = 0; i <= LP_INTERNAL; i++) {
    for (int j = 0; j < i; j++) ck_assert_str_ne(lp_status_name((lp_status)i), lp_status_name((lp_status)j));
  }
  for (int i = 0; i < LP_REJECT_COUNT; i++) {
    for (int j = 0; j < i; j++) ck_assert_str_ne(lp_reject_name((lp_reject)i), lp_reject_name((lp_reject)j));
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {fail_fills_the_error, refuse_keeps_the_reason, a_null_error_is_fine,
                                long_messages_are_cut, every_name_is_there_and_unlike_the_others};
  return run_tests("status", tests, sizeof tests / sizeof tests[0]);
}
