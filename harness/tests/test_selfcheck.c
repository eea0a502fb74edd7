/* Our own witnesses agree on a small run of every loss, and what is tampered with is seen. */
#include "harness/selfcheck.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reference/tests/testing.h"

static lp_selfcheck_row check(const lp_loss *loss, int cases, int jobs) {
  const lp_selfcheck_options options = {
      .cases = cases, .seed = 1, .differences_every = 101, .laws_every = 97, .jobs = jobs};
  lp_selfcheck_row row;
  lp_error error;
  ck_assert_msg(lp_selfcheck_loss(&row, loss, &options, &error) == LP_OK, "%s", error.message);
  return row;
}

START_TEST(every_loss_agrees) {
  for (int k = 0; k < lp_registry_count(); k++) {
    const lp_selfcheck_row row = check(lp_registry_at(k), 20, 1);
    ck_assert_msg(lp_selfcheck_agrees(&row), "%s: %s", row.loss->name, row.first);
    ck_assert_ptr_eq(row.loss, lp_registry_at(k));
    ck_assert_str_eq(row.first, "");
    ck_assert_int_ge(row.cases, 20);
    ck_assert_int_gt(row.accepted, 0);
    ck_assert_int_lt(row.accepted, row.cases);
    ck_assert_int_gt(row.value.compared, 0);
    ck_assert_int_gt(row.gradient.compared, row.value.compared / 2);
    ck_assert_int_gt(row.laws, 0);
    ck_assert_int_gt(row.differences, 0);
    ck_assert(row.digits > 6.0);
    ck_assert(row.value.worst.at.scaled_error <= 4.0 && row.value.worst.id[0]);
    ck_assert_ptr_null(row.value.worst.c);
  }
}
END_TEST

static void same_errors(const lp_errors *a, const lp_errors *b) {
  ck_assert_int_eq(a->compared, b->compared);
  check_same(a->ulp, b->ulp);
  ck_assert_str_eq(a->worst.id, b->worst.id);
  ck_assert_int_eq(a->worst.input, b->worst.input);
  ck_assert_int_eq(a->worst.index, b->worst.index);
  check_same(a->worst.at.scaled_error, b->worst.at.scaled_error);
}

START_TEST(jobs_change_nothing) {
  const lp_loss *loss = lp_registry_find("smooth_l1");
  const lp_selfcheck_row one = check(loss, 60, 1), three = check(loss, 60, 3);
  ck_assert_int_eq(one.cases, three.cases);
  ck_assert_int_eq(one.accepted, three.accepted);
  ck_assert_int_eq(one.kinks, three.kinks);
  ck_assert_int_eq(one.laws, three.laws);
  ck_assert_int_eq(one.differences, three.differences);
  check_same(one.digits, three.digits);
  same_errors(&one.value, &three.value);
  same_errors(&one.gradient, &three.gradient);
}
END_TEST

START_TEST(nothing_differenced_nothing_ruled) {
  const lp_selfcheck_options options = {.cases = 5, .seed = 1, .jobs = 1};
  lp_selfcheck_row row;
  lp_error error;
  ck_assert_int_eq(lp_selfcheck_loss(&row, lp_registry_find("l1"), &options, &error), LP_OK);
  ck_assert_int_eq(row.differences, 0);
  ck_assert_int_eq(row.laws, 0);
  ck_assert(isinf(row.digits));
}
END_TEST

START_TEST(every_disagreement_counts) {
  lp_selfcheck_row row = {.cases = 1};
  ck_assert(lp_selfcheck_agrees(&row));
  long *const counts[] = {&row.value.outside,      &row.value.undecided,   &row.gradient.outside,
                          &row.gradient.undecided, &row.differences_wrong, &row.laws_broken};
  for (int i = 0; i < 6; i++) {
    *counts[i] = 1;
    ck_assert(!lp_selfcheck_agrees(&row));
    *counts[i] = 0;
  }
  row.regimes_differ = 1; /* the reference's own rounding: a note */
  ck_assert(lp_selfcheck_agrees(&row));
}
END_TEST

/* --- fixtures --- */

static const char questions[] =
    "{\"id\": \"t/a\", \"loss\": \"l1\", \"params\": {\"reduction\": \"none\"}, \"inputs\": {\"input\": [1, 2, 4], "
    "\"target\": [0, 0, 4]}, \"outcome\": {\"status\": \"ok\", \"loss\": [1, %s, 0], "
    "\"grad\": {\"input\": [1, 1, 0], \"target\": [-1, -1, %s]}}}\n"
    "{\"id\": \"t/b\", \"loss\": \"mse\", \"params\": {\"reduction\": \"none\"}, \"inputs\": {\"input\": [3], "
    "\"target\": [0]}, \"outcome\": {\"status\": \"ok\", \"loss\": [%s], "
    "\"grad\": {\"input\": [6], \"target\": [-6]}}}\n"
    "{\"id\": \"t/c\", \"loss\": \"l1\", \"inputs\": {\"input\": [1, 2], \"target\": [1, 2, 3]}, "
    "\"outcome\": {\"status\": \"rejected\", \"message\": \"shapes\"}}\n"
    "{\"id\": \"t/d\", \"loss\": \"l1\", \"inputs\": {\"input\": [1, 2], \"target\": [1, 2, 3]}, "
    "\"outcome\": {\"status\": \"ok\", \"loss\": 1}}\n"
    "{\"id\": \"t/e\", \"loss\": \"l1\", \"inputs\": {\"input\": [1, 2], \"target\": [1, 2]}}\n";

static const char one_erratum[] = "{\"format\": \"lossproof errata 1\", \"pytorch\": \"2.13.0\", \"errata\": [%s]}";

static const char erratum_of_b[] =
    "{\"name\": \"mse.planted\", \"summary\": \"s\", \"source\": \"s\", \"cases\": {\"t/b\": {\"loss\": {\"index\": 0, "
    "\"pytorch\": \"8\", \"true\": \"9\", \"ratio\": \"10\"}}}}";

static void put(char path[32], const char *text) {
  strcpy(path, "/tmp/lossproof-test-XXXXXX");
  const int handle = mkstemp(path);
  ck_assert_int_ge(handle, 0);
  ck_assert_int_eq((int)write(handle, text, strlen(text)), (int)strlen(text));
  close(handle);
}

typedef struct fixtures {
  lp_suite suite;
  lp_errata *errata;
  lp_fixture_row rows[64];
} fixtures;

static fixtures *measure(const char *value, const char *gradient, const char *square, const char *erratum, int jobs) {
  fixtures *f = calloc(1, sizeof *f);
  lp_error error = {.message = ""};
  char text[4096], path[32];
  ck_assert_ptr_nonnull(f);
  ck_assert_int_le(lp_registry_count(), 64);
  ck_assert_int_eq(lp_suite_init(&f->suite, &error), LP_OK);
  snprintf(text, sizeof text, questions, value, gradient, square);
  put(path, text);
  ck_assert_msg(lp_suite_read(&f->suite, path, &error) == LP_OK, "%s", error.message);
  unlink(path);
  snprintf(text, sizeof text, one_erratum, erratum);
  put(path, text);
  ck_assert_msg(lp_errata_read(&f->errata, path, &error) == LP_OK, "%s", error.message);
  unlink(path);
  ck_assert_int_eq(lp_fixture_errors(f->rows, &f->suite, f->errata, jobs, &error), LP_OK);
  return f;
}

static const lp_fixture_row *row_of(const fixtures *f, const char *loss) {
  for (int k = 0; k < lp_registry_count(); k++) {
    if (strcmp(f->rows[k].loss->name, loss) == 0) return &f->rows[k];
  }
  ck_abort_msg("no row");
  return NULL;
}

static void drop(fixtures *f) {
  lp_suite_clear(&f->suite);
  lp_errata_free(f->errata);
  free(f);
}

START_TEST(right_fixtures_have_no_error) {
  fixtures *f = measure("2", "0", "9", "", 1);
  const lp_fixture_row *l1 = row_of(f, "l1"), *mse = row_of(f, "mse");
  ck_assert_int_eq(l1->cases, 4);
  ck_assert_int_eq(mse->cases, 1);
  ck_assert_int_eq(row_of(f, "ctc")->cases, 0);
  ck_assert_int_eq(l1->value.compared, 3);
  ck_assert_int_eq(l1->gradient.compared, 6);
  ck_assert_int_eq(l1->value.outside + l1->gradient.outside + mse->value.outside + mse->gradient.outside, 0);
  check_same(l1->value.worst.at.error, 0.0);
  ck_assert_str_eq(mse->gradient.worst.id, "t/b");
  drop(f);
}
END_TEST

START_TEST(a_tampered_fixture_shows) {
  for (int jobs = 1; jobs <= 3; jobs += 2) {
    fixtures *f = measure("2.5", "0", "9", "", jobs);
    const lp_worst *w = &row_of(f, "l1")->value.worst;
    ck_assert_int_eq(row_of(f, "l1")->value.outside, 1);
    ck_assert_int_eq(row_of(f, "l1")->gradient.outside, 0);
    ck_assert_str_eq(w->id, "t/a");
    ck_assert_int_eq(w->index, 1);
    check_same(w->got, 2.5);
    check_same(w->at.truth, 2.0);
    ck_assert_ptr_eq(w->c, &f->suite.entries[0].c);
    drop(f);
  }
  fixtures *f = measure("2", "\"NaN\"", "9", "", 1);
  ck_assert_int_eq(row_of(f, "l1")->gradient.outside, 1);
  drop(f);
  f = measure("2", "1", "9", "", 1); /* another side of a kink than PyTorch's */
  ck_assert_int_eq(row_of(f, "l1")->gradient.outside, 1);
  drop(f);
}
END_TEST

START_TEST(a_missing_output_shows) {
  fixtures *f = measure("2, 3", "0", "9", "", 1);
  ck_assert_int_eq(row_of(f, "l1")->value.outside, 1);
  ck_assert_int_eq(row_of(f, "l1")->value.compared, 0);
  drop(f);
}
END_TEST

START_TEST(errata_are_left_out) {
  fixtures *f = measure("2", "0", "8", "", 1);
  ck_assert_int_eq(row_of(f, "mse")->value.outside, 1);
  ck_assert_int_eq(row_of(f, "mse")->errata, 0);
  drop(f);
  f = measure("2", "0", "8", erratum_of_b, 1);
  ck_assert_int_eq(row_of(f, "mse")->value.outside, 0);
  ck_assert_int_eq(row_of(f, "mse")->value.compared, 0);
  ck_assert_int_eq(row_of(f, "mse")->gradient.compared, 2);
  ck_assert_int_eq(row_of(f, "mse")->errata, 1);
  drop(f);
}
END_TEST

/* Of two cases of a loss the worse is kept, whichever comes first. */
START_TEST(the_worst_is_kept) {
  for (int swap = 0; swap < 2; swap++) {
    fixtures *f = measure("2.00000001", "0", "9", "", 1);
    lp_suite_entry *e = &f->suite.entries[4]; /* t/e: make it the same case with a larger error */
    double got[3] = {1.5, 2.0, 0.0};
    lp_error error;
    e->c = f->suite.entries[0].c;
    e->c.id = "t/e";
    e->has_outcome = true;
    e->outcome = f->suite.entries[0].outcome;
    e->outcome.outputs[0].tensor.f64 = got;
    if (swap) {
      const lp_suite_entry first = f->suite.entries[0];
      f->suite.entries[0] = *e;
      f->suite.entries[4] = first;
    }
    ck_assert_int_eq(lp_fixture_errors(f->rows, &f->suite, f->errata, 1, &error), LP_OK);
    ck_assert_int_eq(row_of(f, "l1")->value.outside, 2);
    ck_assert_str_eq(row_of(f, "l1")->value.worst.id, "t/e");
    ck_assert_int_eq(row_of(f, "l1")->value.worst.index, 0);
    drop(f);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {
      every_loss_agrees,         jobs_change_nothing,          nothing_differenced_nothing_ruled,
      every_disagreement_counts, right_fixtures_have_no_error, a_tampered_fixture_shows,
      a_missing_output_shows,    errata_are_left_out,          the_worst_is_kept};
  const int status = run_tests("selfcheck", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return status;
}
