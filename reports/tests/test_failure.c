/* The screen of a failure, letter by letter. */
#include "reports/failure.h"

#include "reports/tests/certified.h"

static void check_failure(const certified *s, int result, int verdict, const char *expected) {
  FILE *out = tmpfile();
  lp_error error = {0};
  ck_assert_ptr_nonnull(out);
  ck_assert_int_eq(
      lp_report_failure(out, &s->run, &s->run.results[result], verdict, (lp_style){.color = false}, &error), LP_OK);
  char *text = certified_slurp(out);
  ck_assert_str_eq(text, expected);
  free(text);
}

START_TEST(a_failure_is_one_screen) {
  certified s;
  certified_set_up(&s, questions_text, wrong_answers);
  check_failure(&s, 0, 1,
                "\n"
                "FAIL  t/mse  loss[1]\n"
                "  what      expected a finite number, got NaN\n"
                "  got       NaN                                                0x7ff8000000000000\n"
                "  expected  4                         0x1p+2                   0x4010000000000000\n"
                "  reference 4                         0x1p+2                   0x4010000000000000\n"
                "  alone     candidate\n"
                "  regimes   nonzero\n"
                "  why       a planted fault\n"
                "  replay    lossproof certify outcomes:a.jsonl q.jsonl --case t/mse\n");
  check_failure(&s, 0, 2,
                "\n"
                "FAIL  t/mse  grad/input[1]\n"
                "  what      the error is 7.04e+13 times the budget\n"
                "  got       4.5                       0x1.2p+2                 0x4012000000000000\n"
                "  expected  4                         0x1p+2                   0x4010000000000000\n"
                "  error     5.63e+14 ulp, 7.04e+13 times the budget of 7.11e-15\n"
                "  reference 4                         0x1p+2                   0x4010000000000000\n"
                "  alone     candidate\n"
                "  regimes   nonzero\n"
                "  why       a planted fault\n"
                "  replay    lossproof certify outcomes:a.jsonl q.jsonl --case t/mse\n");
  check_failure(&s, 0, 3,
                "\n"
                "FAIL  t/mse  grad/target\n"
                "  what      the output is missing\n"
                "  reference ok\n"
                "  alone     candidate\n"
                "  regimes   nonzero\n"
                "  why       a planted fault\n"
                "  replay    lossproof certify outcomes:a.jsonl q.jsonl --case t/mse\n");
  check_failure(&s, 1, 0,
                "\n"
                "FAIL  t/l 1  acceptance\n"
                "  what      accepts what must be rejected\n"
                "  reference rejected: target of shape (3) does not broadcast with input of shape (2)\n"
                "  alone     candidate\n"
                "  regimes   reject/shape\n"
                "  replay    lossproof certify outcomes:a.jsonl q.jsonl --case 't/l 1'\n");
  certified_tear_down(&s);
}
END_TEST

/* A stranger's message cannot steer the terminal. */
START_TEST(a_fixture_s_message_stays_on_its_line) {
  certified s;
  certified_set_up(&s, questions_text, right_answers);
  lp_outcome *fixture = &s.suite.entries[1].outcome;
  *fixture = (lp_outcome){.kind = LP_OUTCOME_REJECTED, .message = "no\n\033[31mway"};
  s.suite.entries[1].has_outcome = true;
  check_failure(&s, 1, 0,
                "\npass  t/l 1  acceptance\n"
                "  what      a witness of our own is outside the budget\n"
                "  reference rejected: target of shape (3) does not broadcast with input of shape (2)\n"
                "  fixture   rejected: no??[31mway\n"
                "  alone     nobody\n"
                "  regimes   reject/shape\n"
                "  replay    lossproof certify outcomes:a.jsonl q.jsonl --case 't/l 1'\n");
  certified_tear_down(&s);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {a_failure_is_one_screen, a_fixture_s_message_stays_on_its_line};
  return run_tests("failure", tests, sizeof tests / sizeof tests[0]);
}
