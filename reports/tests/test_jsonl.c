/* A disk that is full; test_render.c compares what is written. */
#include "reports/jsonl.h"

#include "reports/tests/certified.h"

START_TEST(results_that_cannot_be_written) {
  certified s;
  lp_error error = {0};
  certified_set_up(&s, questions_text, right_answers);
  ck_assert_int_eq(lp_report_jsonl("/nowhere/at/all", &s.run, &s.suite, &error), LP_IO);
  ck_assert_str_eq(error.message, "/nowhere/at/all: No such file or directory");
  if (access("/dev/full", W_OK) == 0) {
    ck_assert_int_eq(lp_report_jsonl("/dev/full", &s.run, &s.suite, &error), LP_IO);
    ck_assert_str_eq(error.message, "/dev/full: could not be written completely");
  }
  certified_tear_down(&s);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {results_that_cannot_be_written};
  return run_tests("jsonl", tests, sizeof tests / sizeof tests[0]);
}
