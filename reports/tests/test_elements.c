/* The table of every element, letter by letter. */
#include "reports/elements.h"

#include "reports/tests/certified.h"

static char *table_of(const certified *s, int entry, const lp_outcome *got) {
  const lp_judging how = {.profile = LP_PROFILE_PYTORCH};
  lp_error error = {0};
  FILE *out = tmpfile();
  ck_assert_ptr_nonnull(out);
  ck_assert_int_eq(lp_report_elements(out, &s->suite.entries[entry].c, got, &how, (lp_style){.color = false}, &error),
                   LP_OK);
  return certified_slurp(out);
}

static char *table(const certified *s, int entry) {
  lp_arena *arena = lp_arena_new(0);
  lp_outcome got;
  lp_error error = {0};
  ck_assert_int_eq(lp_candidate_answer(s->candidate, &got, arena, &s->suite.entries[entry].c, &error), LP_OK);
  char *text = table_of(s, entry, &got);
  lp_arena_free(arena);
  return text;
}

START_TEST(every_element_has_its_line) {
  certified s;
  certified_set_up(&s, questions_text, wrong_answers);
  char *text = table(&s, 0);
  ck_assert_str_eq(text,
                   "\nloss  float64 (3)\n"
                   "             got                       exact                     budget     ratio\n"
                   "  [0]        1                         1.0000000000000000        3.55e-15   0          pass\n"
                   "  [1]        NaN                       4.0000000000000000        1.42e-14   inf        OUTSIDE\n"
                   "  [2]        12.25                     12.250000000000000        4.35e-14   0          pass\n"
                   "\ngrad/input  float64 (3)\n"
                   "             got                       exact                     budget     ratio\n"
                   "  [0]        2                         2.0000000000000000        3.55e-15   0          pass\n"
                   "  [1]        4.5                       4.0000000000000000        7.11e-15   7.04e+13   OUTSIDE\n"
                   "  [2]        7                         7.0000000000000000        1.24e-14   0          pass\n"
                   "\ngrad/target  missing\n");
  free(text);
  text = table(&s, 1); /* must be rejected: there are no numbers */
  ck_assert_str_eq(text, "");
  free(text);
  certified_tear_down(&s);
}
END_TEST

/* Of a large tensor, the worst first. */
START_TEST(a_large_tensor_shows_its_worst) {
  enum { N = 100 };
  char question[4096] =
      "{\"id\": \"t/many\", \"loss\": \"l1\", \"params\": {\"reduction\": \"none\"}, \"inputs\": "
      "{\"input\": [";
  certified s;
  lp_arena *arena = lp_arena_new(0);
  lp_error error = {0};
  for (int i = 0; i < N; i++) snprintf(question + strlen(question), 32, "%s%d", i ? "," : "", i + 1);
  snprintf(question + strlen(question), 64, "], \"target\": 0}}\n");
  certified_set_up(&s, question, right_answers);
  lp_examination own;
  ck_assert_int_eq(lp_examine(&own, arena, &s.suite.entries[0].c, &error), LP_OK);
  own.reference.outputs[0].tensor.f64[41] = 0.0;
  char *text = table_of(&s, 0, &own.reference);
  const char *first = strstr(text, "ratio\n");
  ck_assert_ptr_nonnull(first);
  ck_assert_int_eq(strncmp(strchr(first, '\n') + 1, "  [41]       0 ", 15), 0);
  ck_assert_ptr_nonnull(strstr(text, "OUTSIDE"));
  ck_assert_ptr_nonnull(strstr(text, "  the worst 12 of 100 elements\n"));
  free(text);
  lp_arena_free(arena);
  certified_tear_down(&s);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_element_has_its_line, a_large_tensor_shows_its_worst};
  return run_tests("elements", tests, sizeof tests / sizeof tests[0]);
}
