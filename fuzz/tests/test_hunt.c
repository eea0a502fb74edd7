/* A hunt in child processes of this program: what it finds, counts, and how it ends. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/hunters.h"
#include "harness/doors/worker.h"
#include "reference/registry.h"

enum { NOT_RUN = 77 }; /* CTest: skipped */

static char folder[] = "/tmp/lossproof-hunt-XXXXXX";

static void make_folder(void) {
  memcpy(folder, "/tmp/lossproof-hunt-XXXXXX", sizeof folder);
  ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void) {
  DIR *d = opendir(folder);
  for (const struct dirent *e; (e = readdir(d));) (void)unlinkat(dirfd(d), e->d_name, 0);
  closedir(d);
  rmdir(folder);
}

static int files_in_folder(void) {
  int n = 0;
  DIR *d = opendir(folder);
  for (const struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
  closedir(d);
  return n;
}

static lp_hunt_order order(const char *candidate, const char *loss, unsigned dtypes, int executions) {
  return (lp_hunt_order){.loss = lp_registry_find(loss),
                         .candidate = candidate,
                         .dtypes = dtypes,
                         .isolation = LP_CANDIDATE_DEFAULTS,
                         .executions = executions,
                         .seed = 1,
                         .corpus = folder,
                         .start = "",
                         .remains = "/tmp/lossproof-hunt-remains-"};
}

static void hunt(lp_hunt_result *r, const lp_hunt_order *o, int jobs) {
  lp_error error = {.message = ""};
  ck_assert_msg(lp_hunt(r, o, jobs, NULL, NULL, NULL, &error) == LP_OK, "%s", error.message);
  ck_assert_msg(r->died == 0, "%s", r->end);
}

START_TEST(the_reference_stands) {
  lp_hunt_result r;
  const lp_hunt_order o = order("reference", "hinge_embedding", 1u << LP_FLOAT64, 1500);
  hunt(&r, &o, 1);
  ck_assert_int_ge(r.executions, 1500);
  ck_assert_int_eq(r.executions, r.asked);
  ck_assert_int_gt(r.accepted, 0);
  ck_assert_int_eq(r.n_findings, 0);
  ck_assert(r.worst[0].ratio > 0.0 && r.worst[0].ratio < 1.0 && r.worst[0].input.size > 0);
  ck_assert_msg(files_in_folder() > 10, "error and regimes are no coverage: %d inputs kept", files_in_folder());
  lp_hunt_result_clear(&r);
}
END_TEST

START_TEST(a_wrong_candidate_is_found) {
  lp_hunt_result r;
  const lp_hunt_order o = order("zoo:l1.no-abs", "l1", 1u << LP_FLOAT32, 400);
  hunt(&r, &o, 1);
  ck_assert_int_gt(r.n_findings, 0);
  bool value = false;
  for (int i = 0; i < r.n_findings; i++) {
    value = value || strcmp(r.findings[i].signature, "l1/loss/value") == 0;
    ck_assert(r.findings[i].executions >= 1 && r.findings[i].text[0]);
    ck_assert(i == 0 || strcmp(r.findings[i - 1].signature, r.findings[i].signature) < 0);
  }
  ck_assert(value && r.worst[0].ratio > 1.0);
  lp_hunt_result_clear(&r);
}
END_TEST

START_TEST(it_ends_with_the_first_finding) {
  lp_hunt_result r;
  lp_hunt_order o = order("zoo:l1.no-abs", "l1", 1u << LP_FLOAT64, 0);
  o.stop_at_first = true;
  hunt(&r, &o, 1);
  ck_assert(r.n_findings > 0 && r.executions < 10000);
  lp_hunt_result_clear(&r);
}
END_TEST

/* The same seed, alone: the same hunt. */
START_TEST(it_repeats_itself) {
  lp_hunt_result a, b;
  const lp_hunt_order o = order("exact", "mse", 1u << LP_FLOAT64, 300);
  hunt(&a, &o, 1);
  remove_folder();
  make_folder();
  hunt(&b, &o, 1);
  ck_assert_int_eq(a.executions, b.executions);
  ck_assert_int_eq(a.accepted, b.accepted);
  ck_assert(a.regimes == b.regimes);
  ck_assert(a.worst[0].ratio == b.worst[0].ratio && a.worst[0].input.size == b.worst[0].input.size);
  ck_assert(memcmp(a.worst[0].input.bytes, b.worst[0].input.bytes, a.worst[0].input.size) == 0);
  lp_hunt_result_clear(&a);
  lp_hunt_result_clear(&b);
}
END_TEST

START_TEST(several_hunt_at_once) {
  lp_hunt_result r;
  lp_hunt_order o = order("zoo:l1.no-abs", "l1", 1u << LP_FLOAT64, 200);
  o.shares_corpus = true;
  hunt(&r, &o, 3);
  ck_assert_int_ge(r.executions, 600);
  ck_assert_int_gt(r.n_findings, 0);
  lp_hunt_result_clear(&r);
}
END_TEST

static void stop_it(void *stop, const lp_hunt_result *result, double seconds) {
  (void)result;
  ck_assert(seconds < 60);
  *(volatile int *)stop = 1;
}

START_TEST(it_is_stopped_from_outside) {
  lp_hunt_result r;
  lp_error error;
  volatile int stop = 0;
  const lp_hunt_order o = order("reference", "l1", 1u << LP_FLOAT64, 0);
  ck_assert(lp_hunt(&r, &o, 2, &stop, stop_it, (void *)(uintptr_t)&stop, &error) == LP_OK);
  ck_assert(r.interrupted && r.executions > 0 && r.died == 0);
  lp_hunt_result_clear(&r);
}
END_TEST

START_TEST(a_candidate_that_is_missing) {
  lp_hunt_result r;
  const lp_hunt_order o = order("plugin:/nowhere/at/all.so", "l1", 1u << LP_FLOAT64, 10);
  hunt(&r, &o, 1);
  ck_assert_msg(strstr(r.message, "/nowhere/at/all.so") != NULL, "%s", r.message);
  ck_assert_int_eq(r.asked, 0);
  lp_hunt_result_clear(&r);
}
END_TEST

START_TEST(orders_that_are_too_long) {
  static char words[LP_HUNT_WORDS][LP_HUNT_WORD];
  static char path[LP_HUNT_WORD + 1];
  lp_error error;
  lp_hunt_order o = order("reference", "l1", 1u << LP_FLOAT64, 10);
  memset(path, 'x', sizeof path - 1);
  o.corpus = path;
  ck_assert(lp_hunt_write_order(words, &o, &error) == LP_INVALID);
  path[LP_HUNT_WORD - 1] = '\0';
  ck_assert(lp_hunt_write_order(words, &o, &error) == LP_OK);
}
END_TEST

int main(int argc, char **argv) {
  int exit_status;
  if (lp_serve_worker(&exit_status, argc, argv)) return exit_status;
  if (lp_serve_hunter(&exit_status, argc, argv)) return exit_status;
  if (!lp_hunt_is_possible() || !lp_registry_find("l1") || !lp_registry_find("hinge_embedding") ||
      !lp_registry_find("mse")) {
    return NOT_RUN;
  }
  const TTest *const tests[] = {the_reference_stands,        a_wrong_candidate_is_found, it_ends_with_the_first_finding,
                                it_repeats_itself,           several_hunt_at_once,       it_is_stopped_from_outside,
                                a_candidate_that_is_missing, orders_that_are_too_long};
  Suite *suite = suite_create("hunt");
  TCase *tcase = tcase_create("hunt");
  tcase_add_checked_fixture(tcase, make_folder, remove_folder);
  tcase_set_timeout(tcase, 120);
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) tcase_add_test(tcase, tests[i]);
  suite_add_tcase(suite, tcase);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
