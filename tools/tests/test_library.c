#include <stdio.h>
#include <string.h>

#include "reference/tests/testing.h"
#include "tools/library/lossproof.h"

static int eval(char **answer, char **message, const char *text) {
  return lossproof_eval(answer, message, text, strlen(text));
}

START_TEST(answers_are_those_of_eval) {
  char *answer, *message;
  const char *text = "{\"loss\": \"mse\", \"inputs\": {\"input\": [1, 2], \"target\": [3, 2]}}";
  ck_assert_int_eq(eval(&answer, &message, text), 0);
  ck_assert_ptr_null(message);
  ck_assert_str_eq(answer,
                   "{\"id\": \"0\", \"status\": \"ok\", \"loss\": 2.0, "
                   "\"grad\": {\"input\": [-2.0,0.0], \"target\": [2.0,0.0]}, "
                   "\"exact\": {\"loss\": 2.0, \"grad\": {\"input\": [-2.0,0.0], \"target\": [2.0,0.0]}}}\n");
  lossproof_free(answer);
}
END_TEST

START_TEST(an_invalid_case_is_answered_in_place) {
  char *answer, *message;
  ck_assert_int_eq(eval(&answer, &message, "[{\"loss\": \"nonsense\", \"inputs\": {}}]"), 2);
  ck_assert_ptr_null(message);
  ck_assert_ptr_nonnull(strstr(answer, "\"invalid\""));
  lossproof_free(answer);
}
END_TEST

START_TEST(what_is_not_json_gets_a_message) {
  char *answer, *message;
  ck_assert_int_eq(eval(&answer, &message, "{"), 2);
  ck_assert_ptr_null(answer);
  ck_assert_ptr_nonnull(message);
  lossproof_free(message);
  lossproof_free(NULL);
}
END_TEST

START_TEST(the_version_is_a_version) {
  int major = -1, minor = -1;
  ck_assert_int_eq(sscanf(lossproof_version(), "%d.%d", &major, &minor), 2);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {answers_are_those_of_eval, an_invalid_case_is_answered_in_place,
                                what_is_not_json_gets_a_message, the_version_is_a_version};
  return run_tests("library", tests, sizeof tests / sizeof tests[0]);
}
