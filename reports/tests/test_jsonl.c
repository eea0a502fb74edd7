/* The machine-readable results, byte by byte, and a disk that is full. */
#include "reports/jsonl.h"

#include "reports/tests/certified.h"

static void check_results(const char *answers, const char *expected) {
  certified s;
  lp_error error = {0};
  certified_set_up(&s, questions_text, answers);
  ck_assert_int_eq(lp_report_jsonl("results.jsonl", &s.run, &s.suite, &error), LP_OK);
  FILE *file = fopen("results.jsonl", "rb");
  ck_assert_ptr_nonnull(file);
  char *text = certified_slurp(file);
  ck_assert_str_eq(text, expected);
  free(text);
  certified_tear_down(&s);
}

START_TEST(results_that_pass) {
  check_results(
      right_answers,
      "{\"record\":\"run\",\"format\":\"lossproof-results\",\"version\":1,\"candidate\":\"outcomes:a.jsonl\","
      "\"profile\":\"pytorch\",\"fixtures\":\"\",\"fixtures_version\":\"\",\"cases\":2}\n"
      "{\"record\":\"result\",\"case\":\"t/"
      "mse\",\"loss\":\"mse\",\"output\":\"acceptance\",\"verdict\":\"pass\",\"regimes\":[\"nonzero\"],\"alone\":"
      "\"nobody\",\"erratum\":\"\",\"reason\":\"\"}\n"
      "{\"record\":\"result\",\"case\":\"t/"
      "mse\",\"loss\":\"mse\",\"output\":\"loss\",\"verdict\":\"pass\",\"index\":0,\"got\":\"0x1p+0\",\"expected\":"
      "\"0x1p+0\",\"error\":\"0x0p+0\",\"error_ulp\":\"0x0p+0\",\"budget\":\"0x1.00000038p-48\",\"ratio\":\"0x0p+0\","
      "\"grade\":\"A\",\"regimes\":[\"nonzero\"],\"alone\":\"nobody\",\"erratum\":\"\",\"reason\":\"\"}\n"
      "{\"record\":\"result\",\"case\":\"t/mse\",\"loss\":\"mse\",\"output\":\"grad/"
      "input\",\"verdict\":\"pass\",\"index\":0,\"got\":\"0x1p+1\",\"expected\":\"0x1p+1\",\"error\":\"0x0p+0\","
      "\"error_ulp\":\"0x0p+0\",\"budget\":\"0x1.00000038p-48\",\"ratio\":\"0x0p+0\",\"grade\":\"A\",\"regimes\":["
      "\"nonzero\"],\"alone\":\"nobody\",\"erratum\":\"\",\"reason\":\"\"}\n"
      "{\"record\":\"result\",\"case\":\"t/mse\",\"loss\":\"mse\",\"output\":\"grad/"
      "target\",\"verdict\":\"pass\",\"index\":0,\"got\":\"-0x1p+1\",\"expected\":\"-0x1p+1\",\"error\":\"0x0p+0\","
      "\"error_ulp\":\"0x0p+0\",\"budget\":\"0x1.00000038p-48\",\"ratio\":\"0x0p+0\",\"grade\":\"A\",\"regimes\":["
      "\"nonzero\"],\"alone\":\"nobody\",\"erratum\":\"\",\"reason\":\"\"}\n"
      "{\"record\":\"result\",\"case\":\"t/l "
      "1\",\"loss\":\"l1\",\"output\":\"acceptance\",\"verdict\":\"pass\",\"regimes\":[\"reject/"
      "shape\"],\"alone\":\"nobody\",\"erratum\":\"\",\"reason\":\"\"}\n"
      "{\"record\":\"summary\",\"losses\":2,\"cases\":2,\"judged\":2,\"ran\":2,\"pass\":5,\"fail\":0,\"inconclusive\":"
      "0,\"unsupported\":0,"
      "\"waived\":0,\"laws_hold\":0,\"laws_broken\":0,\"laws_unanswered\":0,\"conduct\":{},\"not_run\":[],\"harness_"
      "faults\":0,\"exit_code\":0}\n");
}
END_TEST

START_TEST(results_that_fail) {
  check_results(
      wrong_answers,
      "{\"record\":\"run\",\"format\":\"lossproof-results\",\"version\":1,\"candidate\":\"outcomes:a.jsonl\","
      "\"profile\":\"pytorch\",\"fixtures\":\"\",\"fixtures_version\":\"\",\"cases\":2}\n"
      "{\"record\":\"result\",\"case\":\"t/"
      "mse\",\"loss\":\"mse\",\"output\":\"acceptance\",\"verdict\":\"pass\",\"regimes\":[\"nonzero\"],\"alone\":"
      "\"nobody\",\"erratum\":\"\",\"reason\":\"\"}\n"
      "{\"record\":\"result\",\"case\":\"t/"
      "mse\",\"loss\":\"mse\",\"output\":\"loss\",\"verdict\":\"fail\",\"index\":1,\"got\":\"NaN\",\"expected\":\"0x1p+"
      "2\",\"error\":\"Infinity\",\"error_ulp\":\"Infinity\",\"budget\":\"0x1.00000038p-46\",\"ratio\":\"Infinity\","
      "\"grade\":\"F\",\"regimes\":[\"nonzero\"],\"alone\":\"candidate\",\"erratum\":\"\",\"signature\":\"mse/loss/"
      "class/NaN-for-finite\",\"reason\":\"expected a finite number, got NaN\"}\n"
      "{\"record\":\"result\",\"case\":\"t/mse\",\"loss\":\"mse\",\"output\":\"grad/"
      "input\",\"verdict\":\"fail\",\"index\":1,\"got\":\"0x1.2p+2\",\"expected\":\"0x1p+2\",\"error\":\"0x1p-1\","
      "\"error_ulp\":\"0x1p+49\",\"budget\":\"0x1.00000038p-47\",\"ratio\":\"0x1.ffffff9000002p+45\",\"grade\":\"F\","
      "\"regimes\":[\"nonzero\"],\"alone\":\"candidate\",\"erratum\":\"\",\"signature\":\"mse/grad/input/"
      "value\",\"reason\":\"the error is 7.04e+13 times the budget\"}\n"
      "{\"record\":\"result\",\"case\":\"t/mse\",\"loss\":\"mse\",\"output\":\"grad/"
      "target\",\"verdict\":\"fail\",\"regimes\":[\"nonzero\"],\"alone\":\"candidate\",\"erratum\":\"\",\"signature\":"
      "\"mse/grad/target/missing\",\"reason\":\"the output is missing\"}\n"
      "{\"record\":\"result\",\"case\":\"t/l "
      "1\",\"loss\":\"l1\",\"output\":\"acceptance\",\"verdict\":\"fail\",\"regimes\":[\"reject/"
      "shape\"],\"alone\":\"candidate\",\"erratum\":\"\",\"signature\":\"l1/acceptance/accepts\",\"reason\":\"accepts "
      "what must be rejected\"}\n"
      "{\"record\":\"summary\",\"losses\":2,\"cases\":2,\"judged\":2,\"ran\":2,\"pass\":1,\"fail\":4,\"inconclusive\":"
      "0,\"unsupported\":0,"
      "\"waived\":0,\"laws_hold\":0,\"laws_broken\":0,\"laws_unanswered\":0,\"conduct\":{},\"not_run\":[],\"harness_"
      "faults\":0,\"exit_code\":1}\n");
}
END_TEST

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
  const TTest *const tests[] = {results_that_pass, results_that_fail, results_that_cannot_be_written};
  return run_tests("jsonl", tests, sizeof tests / sizeof tests[0]);
}
