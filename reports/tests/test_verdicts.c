/* The verdicts alone, byte by byte. */
#include "reports/verdicts.h"

#include "reports/tests/certified.h"

static char *slurp(const char *path) {
  FILE *file = fopen(path, "rb");
  ck_assert_ptr_nonnull(file);
  return certified_slurp(file);
}

static const char failing[] =
    "{\"case\":\"t/l 1\",\"output\":\"acceptance\",\"verdict\":\"fail\",\"error\":null,\"ratio\":null,"
    "\"regime\":[\"reject/shape\"],\"rule\":[]}\n"
    "{\"case\":\"t/mse\",\"output\":\"acceptance\",\"verdict\":\"pass\",\"error\":null,\"ratio\":null,"
    "\"regime\":[\"nonzero\"],\"rule\":[]}\n"
    "{\"case\":\"t/mse\",\"output\":\"grad/input\",\"verdict\":\"fail\",\"error\":\"0x1p-1\","
    "\"ratio\":\"0x1.ffffff9000002p+45\",\"regime\":[\"nonzero\"],\"rule\":[]}\n"
    "{\"case\":\"t/mse\",\"output\":\"grad/target\",\"verdict\":\"fail\",\"error\":null,\"ratio\":null,"
    "\"regime\":[\"nonzero\"],\"rule\":[]}\n"
    "{\"case\":\"t/mse\",\"output\":\"loss\",\"verdict\":\"fail\",\"error\":\"Infinity\",\"ratio\":\"Infinity\","
    "\"regime\":[\"nonzero\"],\"rule\":[]}\n";

START_TEST(verdicts_are_sorted_and_bare) {
  certified s;
  lp_error error = {0};
  certified_set_up(&s, questions_text, wrong_answers);
  ck_assert_int_eq(lp_report_verdicts("results.jsonl", &s.run, &error), LP_OK);
  char *text = slurp("results.jsonl");
  ck_assert_str_eq(text, failing);
  free(text);
  ck_assert_int_eq(lp_report_hygiene("results.jsonl", &s.run, &error), LP_OK);
  text = slurp("results.jsonl");
  ck_assert_str_eq(text, ""); /* a file cannot misbehave */
  free(text);
  certified_tear_down(&s);
}
END_TEST

START_TEST(hygiene_has_its_own_file) {
  certified s;
  lp_error error = {0};
  certified_set_up(&s, questions_text, right_answers);
  lp_result *r = &s.run.results[1];
  const lp_verdict verdicts[2] = {r->verdicts[0],
                                  {.kind = LP_VERDICT_FAIL, .input = LP_OUTPUT_CONDUCT, .reason = "wrote \"there\""}};
  const lp_about about[2] = {{.id = r->entry->c.id}, {.id = r->entry->c.id, .conduct = LP_CONDUCT_STRAY_WRITE}};
  const unsigned off[2] = {0, LP_OFF_CANDIDATE};
  r->verdicts = verdicts;
  r->about = about;
  r->off = off;
  r->n_verdicts = 2;
  ck_assert_int_eq(lp_report_hygiene("results.jsonl", &s.run, &error), LP_OK);
  char *text = slurp("results.jsonl");
  ck_assert_str_eq(text,
                   "{\"case\":\"t/l 1\",\"output\":\"conduct\",\"verdict\":\"fail\",\"conduct\":\"stray-write\","
                   "\"question\":\"t/l 1\",\"reason\":\"wrote \\\"there\\\"\"}\n");
  free(text);
  ck_assert_int_eq(lp_report_verdicts("results.jsonl", &s.run, &error), LP_OK);
  text = slurp("results.jsonl");
  ck_assert_ptr_null(strstr(text, "conduct"));
  free(text);
  certified_tear_down(&s);
}
END_TEST

START_TEST(verdicts_that_cannot_be_written) {
  certified s;
  lp_error error = {0};
  certified_set_up(&s, questions_text, right_answers);
  ck_assert_int_eq(lp_report_verdicts("/nowhere/at/all", &s.run, &error), LP_IO);
  if (access("/dev/full", W_OK) == 0) ck_assert_int_eq(lp_report_verdicts("/dev/full", &s.run, &error), LP_IO);
  certified_tear_down(&s);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {verdicts_are_sorted_and_bare, hygiene_has_its_own_file,
                                verdicts_that_cannot_be_written};
  return run_tests("verdicts", tests, sizeof tests / sizeof tests[0]);
}
