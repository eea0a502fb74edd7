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
      "l1                      1        1          -       -          -       -      -     1/11        0  pass\n"
      "mse                     1        0          0       0          0       0      A     1/10        0  pass\n"
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
      "l1                      1        1          -       -          -       -      -     1/11        0  FAIL\n"
      "mse                     1        0          -       -   5.63e+14  7.04e+13      F     1/10        0  FAIL\n"
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
      "mse                     1        0          0       0          0       0      A     1/10        0  pass\n"
      "not run    l1\n"
      "\n"
      "ran        1 of 2 cases, 50.0%\n"
      "                1 cases    no answer to this case\n"
      "4 passed, 0 failed, 0 inconclusive, 1 unsupported, 0 waived by errata; worst 0 of the budget at t/mse; "
      "2 losses, 2 cases\n"
      "CONFORMS on 1 of 2 cases (50.0%): outcomes:a.jsonl\n");
  certified_tear_down(&s);
}
END_TEST

static void check_last_line(certified *s, const char *expected) {
  FILE *out = tmpfile();
  ck_assert_ptr_nonnull(out);
  lp_report_table(out, &s->run, &s->suite, (lp_style){.color = false});
  char *text = certified_slurp(out);
  const size_t n = strlen(text), m = strlen(expected);
  ck_assert_uint_ge(n, m);
  ck_assert_str_eq(text + n - m, expected);
  free(text);
}

START_TEST(less_than_all_never_reads_as_all) {
  certified s;
  certified_set_up(&s, questions_text, right_answers);
  s.run.n_results = s.run.n_selected = 8874;
  s.run.n_ran = 8873;
  check_last_line(&s, "\nCONFORMS on 8873 of 8874 cases (99.9%): outcomes:a.jsonl\n");
  s.run.n_ran = 43;
  check_last_line(&s, "\nCONFORMS on 43 of 8874 cases (0.5%): outcomes:a.jsonl\n");
  certified_tear_down(&s);
}
END_TEST

START_TEST(a_refusal_does_not_conform) {
  certified s;
  char answers[2 * sizeof right_answers];
  const int first = (int)(strchr(right_answers, '\n') + 1 - right_answers);
  snprintf(answers, sizeof answers, "%.*s%s", first, right_answers,
           "{\"id\": \"t/l 1\", \"loss\": \"l1\", \"outcome\": {\"status\": \"unsupported\"}}\n");
  certified_set_up(&s, questions_text, answers);
  check_last_line(&s, "\nDOES NOT CONFORM: outcomes:a.jsonl\n");
  certified_tear_down(&s);
}
END_TEST

START_TEST(what_is_missing_of_no_conformity_is_said_too) {
  certified s;
  certified_set_up(&s, questions_text, strchr(right_answers, '\n') + 1);
  s.run.counts[LP_VERDICT_FAIL]++;
  check_last_line(&s, "\nDOES NOT CONFORM: outcomes:a.jsonl; 1 of 2 cases unanswered or unsupported\n");
  certified_tear_down(&s);
}
END_TEST

START_TEST(losses_without_gradients_are_said_beside_the_verdict) {
  certified s;
  certified_set_up(&s, questions_text, right_answers);
  for (int i = 0; i < s.run.n_losses; i++) {
    lp_loss_summary *l = &s.run.losses[i];
    l->gradient.judged = 0;
    l->undeclared = 2;
    check_last_line(&s, i == 0 ? "\nCONFORMS (no gradients declared of 1 of 2 losses): outcomes:a.jsonl\n"
                               : "\nCONFORMS (losses only; no gradients declared): outcomes:a.jsonl\n");
  }
  certified_tear_down(&s);
}
END_TEST

START_TEST(a_run_that_was_cut_short_does_not_conform) {
  FILE *file = tmpfile();
  ck_assert_ptr_nonnull(file);
  certified s;
  certified_set_up(&s, questions_text, right_answers);
  s.run.n_selected++;
  lp_report_table(file, &s.run, &s.suite, (lp_style){.color = false});
  char *text = certified_slurp(file);
  ck_assert_ptr_nonnull(strstr(text, "\nCUT SHORT, nothing found so far: outcomes:a.jsonl\n"));
  ck_assert_ptr_null(strstr(text, "CONFORMS"));
  free(text);
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
                                less_than_all_never_reads_as_all,
                                a_refusal_does_not_conform,
                                what_is_missing_of_no_conformity_is_said_too,
                                losses_without_gradients_are_said_beside_the_verdict,
                                a_run_that_was_cut_short_does_not_conform,
                                colours_are_for_terminals};
  return run_tests("terminal", tests, sizeof tests / sizeof tests[0]);
}
