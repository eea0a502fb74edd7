/* What a person reads, letter by letter: a certification that passes, and one that fails in every way. */
#include "reports/terminal.h"

#include "reports/tests/certified.h"

static void check_table(const certified *s, const char *expected) {
  FILE *out = tmpfile();
  ck_assert_ptr_nonnull(out);
  lp_report_table(out, &s->run, &s->suite, (lp_style){.color = false});
  char *text = certified_slurp(out);
  ck_assert_str_eq(text, expected);
  free(text);
}

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

START_TEST(a_table_of_passes) {
  certified s;
  certified_set_up(&s, questions_text, right_answers);
  check_table(
      &s,
      "candidate  outcomes:a.jsonl\n"
      "profile    pytorch\n"
      "budget     8 u D scale + 8 eta around the exact value\n"
      "\n"
      "loss                cases rejected  value ulp   ratio  grad. ulp   ratio  grade    regimes errata  verdict\n"
      "l1                      1        1          -       -          -       -      -     1/10        0  pass\n"
      "mse                     1        0          0       0          0       0      A     1/9         0  pass\n"
      "\n"
      "5 passed, 0 failed, 0 inconclusive, 0 unsupported, 0 waived by errata; worst 0 of the budget at t/mse; "
      "2 losses, 2 cases\n"
      "CONFORMS: outcomes:a.jsonl\n");
  certified_tear_down(&s);
}
END_TEST

START_TEST(a_table_of_failures) {
  certified s;
  certified_set_up(&s, questions_text, wrong_answers);
  check_table(
      &s,
      "candidate  outcomes:a.jsonl\n"
      "profile    pytorch\n"
      "budget     8 u D scale + 8 eta around the exact value\n"
      "\n"
      "loss                cases rejected  value ulp   ratio  grad. ulp   ratio  grade    regimes errata  verdict\n"
      "l1                      1        1          -       -          -       -      -     1/10        0  FAIL\n"
      "mse                     1        0          -       -   5.63e+14  7.04e+13      F     1/9         0  FAIL\n"
      "\n"
      "1 passed, 4 failed, 0 inconclusive, 0 unsupported, 0 waived by errata; worst 7.04e+13 of the budget at "
      "t/mse; 2 losses, 2 cases\n"
      "DOES NOT CONFORM: outcomes:a.jsonl\n");
  certified_tear_down(&s);
}
END_TEST

/* One answer of two: it conforms as far as it goes, and the last line says how far that is. */
START_TEST(what_was_not_answered_is_said_beside_the_verdict) {
  certified s;
  char *half = strdup(right_answers);
  ck_assert_ptr_nonnull(half);
  strchr(half, '\n')[1] = '\0';
  certified_set_up(&s, questions_text, half);
  free(half);
  check_table(
      &s,
      "candidate  outcomes:a.jsonl\n"
      "profile    pytorch\n"
      "budget     8 u D scale + 8 eta around the exact value\n"
      "\n"
      "loss                cases rejected  value ulp   ratio  grad. ulp   ratio  grade    regimes errata  verdict\n"
      "l1                      1        1          -       -          -       -      -     1/10        0  not run\n"
      "mse                     1        0          0       0          0       0      A     1/9         0  pass\n"
      "\n"
      "4 passed, 0 failed, 0 inconclusive, 1 unsupported, 0 waived by errata; worst 0 of the budget at t/mse; "
      "2 losses, 2 cases\n"
      "CONFORMS: outcomes:a.jsonl; 1 of 2 cases unanswered or unsupported\n");
  certified_tear_down(&s);
}
END_TEST

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

START_TEST(colours_are_for_terminals) {
  FILE *file = tmpfile();
  ck_assert_ptr_nonnull(file);
  ck_assert(!lp_style_for(file).color);
  certified s;
  certified_set_up(&s, questions_text, right_answers);
  lp_report_table(file, &s.run, &s.suite, (lp_style){.color = true});
  char *text = certified_slurp(file);
  ck_assert_ptr_nonnull(strstr(text, "\033[32mCONFORMS\033[0m: outcomes:a.jsonl\n"));
  free(text);
  certified_tear_down(&s);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {a_table_of_passes,
                                a_table_of_failures,
                                what_was_not_answered_is_said_beside_the_verdict,
                                a_failure_is_one_screen,
                                a_fixture_s_message_stays_on_its_line,
                                colours_are_for_terminals};
  return run_tests("terminal", tests, sizeof tests / sizeof tests[0]);
}
