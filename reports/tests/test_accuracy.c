/* The tables of accuracy: what they say of right and of wrong witnesses. */
#include "reports/accuracy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference/tests/testing.h"

static char *slurp(FILE *file) {
  char *text = calloc(1, 1 << 14);
  ck_assert_ptr_nonnull(text);
  rewind(file);
  ck_assert_uint_gt(fread(text, 1, (1 << 14) - 1, file), 0);
  fclose(file);
  return text;
}

static void has(const char *text, const char *part) {
  ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in:\n%s", part, text);
}

static void has_not(const char *text, const char *part) {
  ck_assert_msg(strstr(text, part) == NULL, "\"%s\" in:\n%s", part, text);
}

static lp_selfcheck_row a_row(void) {
  lp_selfcheck_row row = {.loss = lp_registry_find("mse"), .cases = 12, .differences = 7, .digits = 25.5, .laws = 31};
  row.value = (lp_errors){.compared = 9, .ulp = 0.5, .worst = {.id = "selfcheck/mse/0007"}};
  row.value.worst.at = (lp_comparison){.scaled_error = 0.25, .ratio = 0.03125};
  return row;
}

START_TEST(the_head_names_the_run) {
  FILE *file = tmpfile();
  lp_report_selfcheck_head(file, &(lp_selfcheck_options){.seed = 42, .cases = 99});
  char *text = slurp(file);
  has(text, "seed 42, at least 99 cases a loss");
  has(text, "u scale");
  free(text);
}
END_TEST

START_TEST(a_row_that_agrees_is_one_line) {
  const lp_selfcheck_row row = a_row();
  FILE *file = tmpfile();
  lp_report_selfcheck_row(file, &row);
  char *text = slurp(file);
  has(text, "mse ");
  has(text, "0.50    0.250   0.0312");
  has(text, "25.5");
  has(text, "0007, -\n"); /* no gradient was compared */
  has_not(text, "DISAGREES");
  ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
  free(text);
}
END_TEST

START_TEST(without_differences_there_are_no_digits) {
  lp_selfcheck_row row = a_row();
  FILE *file = tmpfile();
  row.digits = INFINITY;
  row.differences = 0;
  lp_report_selfcheck_row(file, &row);
  char *text = slurp(file);
  has(text, "       0      -      31");
  has_not(text, "inf");
  free(text);
}
END_TEST

START_TEST(a_row_that_disagrees_says_where) {
  lp_selfcheck_row row = a_row();
  FILE *file = tmpfile();
  row.value.outside = 1;
  row.gradient.outside = 2;
  row.value.undecided = 3;
  row.gradient.undecided = 4;
  row.regimes_differ = 5;
  row.differences_wrong = 6;
  row.laws_broken = 8;
  row.gradient.at_kinks = 9;
  snprintf(row.first, sizeof row.first, "selfcheck/mse/0003: the first of them");
  lp_report_selfcheck_row(file, &row);
  char *text = slurp(file);
  has(text, "DISAGREES: 1 values and 2 gradients outside, 7 undecided, 6 differences, 8 laws\n");
  has(text, "first: selfcheck/mse/0003: the first of them\n");
  has(text, "note: 5 cases enter other regimes");
  has(text, "note: 9 gradients are not decided");
  free(text);
}
END_TEST

/* --- PyTorch's table --- */

typedef struct table {
  lp_trial *t;
  lp_fixture_row rows[2];
} table;

static table a_table(lp_trial *t) {
  table it = {.t = t};
  ck_assert_int_eq(trial_run(t), LP_OK);
  t->c.id = "core/x/0001";
  it.rows[0] = (lp_fixture_row){.loss = lp_registry_find("ctc")}; /* without cases: no line */
  it.rows[1] = (lp_fixture_row){.loss = t->c.loss, .cases = 3, .errata = 2};
  lp_errors *e = &it.rows[1].value;
  e->compared = 11;
  e->ulp = 0.75;
  e->worst = (lp_worst){.id = "core/x/0001", .c = &t->c, .input = LP_OUTPUT_LOSS, .index = 4, .got = 1.5};
  e->worst.at = (lp_comparison){.truth = 1.25, .scaled_error = 0.5, .ratio = 0.0625};
  return it;
}

static char *report(const table *it, bool inside) {
  const lp_suite_origin origin = {.producer = "pytorch", .producer_version = "2.13.0"};
  FILE *file = tmpfile();
  ck_assert_int_eq(lp_report_fixture_errors(file, it->rows, 2, &origin), inside);
  return slurp(file);
}

static lp_trial *hinge(int n) {
  static const double zeros[9] = {0.0};
  char shape[8];
  lp_trial *t = trial_new("hinge_embedding");
  snprintf(shape, sizeof shape, "%d", n);
  trial_real(t, "input", shape, zeros);
  trial_real(t, "target", shape, zeros);
  trial_reduction(t, "sum");
  return t;
}

START_TEST(the_table_shows_the_worst_case) {
  table it = a_table(hinge(2));
  char *text = report(&it, true);
  has(text, "# How far pytorch 2.13.0 is from the truth\n");
  has(text,
      "| `hinge_embedding` | value | 11 | 0.75 | 0.5 | 0.062 | `loss[4]` = 1.5 for 1.25 | `core/x/0001`: input "
      "[0, 0] target [0, 0] reduction=sum |\n");
  has(text, "\n2 outputs are covered by errata.\n");
  has_not(text, "| gradient |");
  has_not(text, "ctc");
  free(text);
  trial_free(it.t);
}
END_TEST

START_TEST(parameters_upstream_gradients_and_long_inputs) {
  lp_trial *t = hinge(9);
  trial_param(t, "margin", 0.5);
  trial_upstream(t, "", (double[]){-2.0});
  table it = a_table(t);
  char *text = report(&it, true);
  has(text, "`core/x/0001`: input (9) target (9) grad_output -2 margin=0.5 reduction=sum |\n");
  free(text);
  it.rows[1].value.worst.c = NULL; /* its suite is gone */
  text = report(&it, true);
  has(text, "= 1.5 for 1.25 |  |\n");
  free(text);
  trial_free(t);
}
END_TEST

START_TEST(what_is_outside_is_shouted) {
  table it = a_table(hinge(1));
  it.rows[1].gradient = it.rows[1].value;
  it.rows[1].gradient.worst.input = 0;
  it.rows[1].gradient.outside = 1;
  char *text = report(&it, false);
  has(text, "| `hinge_embedding` | gradient | 11 |");
  has(text, "`grad/input[4]` = 1.5");
  has(text, "SOME OUTPUTS ARE OUTSIDE WITHOUT ONE.");
  free(text);
  it.rows[1].gradient.outside = 0;
  it.rows[1].value.outside = 1;
  free(report(&it, false));
  trial_free(it.t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {
      the_head_names_the_run,          a_row_that_agrees_is_one_line,  without_differences_there_are_no_digits,
      a_row_that_disagrees_says_where, the_table_shows_the_worst_case, parameters_upstream_gradients_and_long_inputs,
      what_is_outside_is_shouted};
  return run_tests("accuracy", tests, sizeof tests / sizeof tests[0]);
}
