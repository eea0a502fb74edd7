/* The screen of a failure, letter by letter: reports/tests/screens.txt holds what is to be printed. A planted fault of
 * every kind stands in the answers below. */
#include "reports/failure.h"

#include "reports/tests/certified.h"

enum { LINES = 30, COLUMNS = 100 };

static const char faults_questions[] =
    "{\"id\": \"t/value\", \"loss\": \"mse\", \"hunts\": \"a planted fault\", \"params\": {\"reduction\": \"none\"}, "
    "\"inputs\": {\"input\": [1, 2, 4], \"target\": [0, 0, 0.5]}}\n"
    "{\"id\": \"t/float32\", \"loss\": \"mse\", \"dtype\": \"float32\", \"hunts\": \"a mean that divides by the wrong "
    "number, which is found where the number of elements and that of the rows differ, and nowhere else\", "
    "\"inputs\": {\"input\": [[1, 2], [3, 4]], \"target\": [[0, 0], [0, 0.1]]}, \"grad_output\": 2}\n"
    "{\"id\": \"t/kink\", \"loss\": \"margin_ranking\", \"params\": {\"margin\": 1}, \"inputs\": "
    "{\"input1\": [1.0000000000000002], \"input2\": [\"0x1.8p-54\"], \"target\": [1]}}\n"
    "{\"id\": \"t/accepts it\", \"loss\": \"l1\", \"inputs\": {\"input\": [1, 2], \"target\": [1, 2, 3]}}\n"
    "{\"id\": \"t/rejects\", \"loss\": \"l1\", \"inputs\": {\"input\": [1, 2], \"target\": [1, 3]}}\n"
    "{\"id\": \"t/crash\", \"loss\": \"l1\", \"inputs\": {\"input\": [1, 2], \"target\": [1, 3]}}\n"
    "{\"id\": \"t/shape\", \"loss\": \"l1\", \"inputs\": {\"input\": [1, 2], \"target\": [1, 3]}}\n";

static const char faults_answers[] =
    "{\"id\": \"t/value\", \"loss\": \"mse\", \"outcome\": {\"status\": \"ok\", \"loss\": [1, \"NaN\", 12.25], "
    "\"grad\": {\"input\": [2, 4.5, 7]}}}\n"
    "{\"id\": \"t/float32\", \"loss\": \"mse\", \"dtype\": \"float32\", \"outcome\": {\"status\": \"ok\", \"loss\": "
    "14.5, "
    "\"grad\": {\"input\": [[1, 2], [3, 3.9]], \"target\": [[-1, -2], [-3, -3.9]]}}}\n"
    "{\"id\": \"t/kink\", \"loss\": \"margin_ranking\", \"outcome\": {\"status\": \"ok\", \"loss\": 0, "
    "\"grad\": {\"input1\": [-1], \"input2\": [0], \"target\": [0]}}}\n"
    "{\"id\": \"t/accepts it\", \"loss\": \"l1\", \"outcome\": {\"status\": \"ok\", \"loss\": 1}}\n"
    "{\"id\": \"t/rejects\", \"loss\": \"l1\", \"outcome\": {\"status\": \"rejected\", \"message\": "
    "\"a\\u001b[31mb\"}}\n"
    "{\"id\": \"t/crash\", \"loss\": \"l1\", \"outcome\": {\"status\": \"crashed\", \"message\": \"killed by signal 11 "
    "(SIGSEGV, invalid memory access)\"}}\n"
    "{\"id\": \"t/shape\", \"loss\": \"l1\", \"outcome\": {\"status\": \"ok\", \"loss\": [0.5], "
    "\"grad\": {\"input\": [0, -0.5], \"target\": [0, 0.5]}}}\n";

/* Every finding of the run, one after another. */
static char *all_screens(const certified *s, lp_style style) {
  FILE *out = tmpfile();
  lp_error error = {0};
  ck_assert_ptr_nonnull(out);
  for (int i = 0; i < s->run.n_results; i++) {
    for (int k = 0; k < s->run.results[i].n_verdicts; k++) {
      if (!lp_result_is_finding(&s->run.results[i], k)) continue;
      ck_assert_int_eq(lp_report_failure(out, &s->run, &s->run.results[i], k, style, &error), LP_OK);
    }
  }
  return certified_slurp(out);
}

static char *stored_screens(void) {
  FILE *file = fopen(LOSSPROOF_SOURCE_DIR "/reports/tests/screens.txt", "rb");
  ck_assert_ptr_nonnull(file);
  return certified_slurp(file);
}

START_TEST(every_kind_of_fault_has_its_screen) {
  certified s;
  certified_set_up(&s, faults_questions, faults_answers);
  char *got = all_screens(&s, (lp_style){.color = false}), *expected = stored_screens();
  if (strcmp(got, expected) != 0) {
    fputs(got, stderr); /* what screens.txt would hold */
    size_t i = 0;
    while (got[i] && got[i] == expected[i]) i++;
    ck_abort_msg("the screens are not those of screens.txt from byte %zu on: \"%.60s\"", i, got + i);
  }
  free(got);
  free(expected);
  certified_tear_down(&s);
}
END_TEST

/* A heading begins in the first column. */
START_TEST(a_screen_is_one_screen) {
  char *text = stored_screens();
  int lines = 0, screens = 0;
  for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
    const size_t width = strcspn(line, "\n");
    if (*line != ' ' && *line != '\n') {
      lines = 0;
      screens++;
    }
    ck_assert_uint_le(width, COLUMNS);
    ck_assert_int_le(++lines, LINES);
    for (size_t i = 0; i < width; i++) ck_assert_msg(line[i] >= ' ', "a control character");
    ck_assert_msg(width == 0 || line[width - 1] != ' ', "a blank at the end: %.*s", (int)width, line);
  }
  ck_assert_int_eq(screens, 9);
  free(text);
}
END_TEST

START_TEST(colour_changes_no_letter) {
  certified s;
  certified_set_up(&s, faults_questions, faults_answers);
  char *plain = all_screens(&s, (lp_style){.color = false}), *painted = all_screens(&s, (lp_style){.color = true});
  ck_assert_ptr_nonnull(strstr(painted, "\033[31mFAIL\033[0m"));
  size_t n = 0;
  for (const char *at = painted; *at; at++) {
    if (*at == '\033') {
      at = strchr(at, 'm');
    } else {
      ck_assert_int_eq(*at, plain[n++]);
    }
  }
  free(plain);
  free(painted);
  certified_tear_down(&s);
}
END_TEST

/* A stranger's message cannot steer the terminal. */
START_TEST(a_fixture_s_message_stays_on_its_line) {
  certified s;
  lp_error error;
  certified_set_up(&s, questions_text, right_answers);
  lp_outcome *fixture = &s.suite.entries[1].outcome;
  *fixture = (lp_outcome){.kind = LP_OUTCOME_REJECTED, .message = "no\n\033[31mway"};
  s.suite.entries[1].has_outcome = true;
  FILE *out = tmpfile();
  ck_assert_int_eq(lp_report_failure(out, &s.run, &s.run.results[1], 0, (lp_style){.color = false}, &error), LP_OK);
  char *text = certified_slurp(out);
  ck_assert_ptr_nonnull(strstr(text, "  PyTorch   rejected: no??[31mway\n"));
  ck_assert_ptr_nonnull(strstr(text, "  alone     nobody: every witness is within the budget\n"));
  ck_assert_ptr_nonnull(strstr(text, "  replay    lossproof replay 't/l 1' q.jsonl --with outcomes:a.jsonl\n"));
  free(text);
  certified_tear_down(&s);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_kind_of_fault_has_its_screen, a_screen_is_one_screen, colour_changes_no_letter,
                                a_fixture_s_message_stays_on_its_line};
  return run_tests("failure", tests, sizeof tests / sizeof tests[0]);
}
