/* The register of errata is read whole or not at all, and finds an erratum by case and output. */
#include "golden/errata.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROOF "{\"index\": 1, \"pytorch\": \"Infinity\", \"true\": \"800\", \"ratio\": \"Infinity\"}"
#define HEAD "{\"format\": \"lossproof errata 1\", \"pytorch\": \"2.13.0\", \"errata\": "
#define ERRATUM(name, cases) "{\"name\": \"" name "\", \"summary\": \"s\", \"source\": \"u\", \"cases\": " cases "}"

static const char sample[] = HEAD "[" ERRATUM("l1.overflow", "{\"b/l1/x\": {\"loss\": " PROOF "}}") ", " ERRATUM(
    "soft_margin.overflow",
    "{\"b/s/2\": {\"loss\": " PROOF ", \"grad/input\": " PROOF "}, \"b/s/1\": {\"loss\": " PROOF "}}") "]}";

static char path[64];

static void write_register(const char *text) {
  snprintf(path, sizeof path, "/tmp/lossproof-errata-XXXXXX");
  const int file = mkstemp(path);
  ck_assert_int_ge(file, 0);
  ck_assert_int_eq(write(file, text, strlen(text)), (long)strlen(text));
  close(file);
}

static lp_status read_text(lp_errata **errata, const char *text, lp_error *error) {
  write_register(text);
  const lp_status status = lp_errata_read(errata, path, error);
  unlink(path);
  return status;
}

START_TEST(a_register_is_read) {
  lp_errata *errata;
  lp_error error;
  ck_assert_int_eq(read_text(&errata, sample, &error), LP_OK);
  ck_assert_int_eq(lp_errata_count(errata), 2);
  ck_assert_str_eq(lp_errata_pytorch(errata), "2.13.0");
  ck_assert_ptr_null(lp_errata_at(errata, -1));
  ck_assert_ptr_null(lp_errata_at(errata, 2));
  const lp_erratum *second = lp_errata_at(errata, 1);
  ck_assert_str_eq(second->name, "soft_margin.overflow");
  ck_assert_str_eq(second->summary, "s");
  ck_assert_str_eq(second->source, "u");
  ck_assert_int_eq(second->n_cases, 2);
  ck_assert_str_eq(second->cases[0], "b/s/1");
  ck_assert_str_eq(second->cases[1], "b/s/2");
  ck_assert_int_eq(second->n_proofs, 3);
  lp_errata_free(errata);
}
END_TEST

START_TEST(outputs_are_found_one_by_one) {
  lp_errata *errata;
  lp_error error;
  ck_assert_int_eq(read_text(&errata, sample, &error), LP_OK);
  ck_assert_str_eq(lp_errata_find(errata, "b/l1/x", "loss")->name, "l1.overflow");
  ck_assert_str_eq(lp_errata_find(errata, "b/s/2", "grad/input")->name, "soft_margin.overflow");
  ck_assert_ptr_null(lp_errata_find(errata, "b/s/1", "grad/input"));
  ck_assert_ptr_null(lp_errata_find(errata, "b/s/3", "loss"));
  const lp_erratum_proof *proof = lp_erratum_proof_of(lp_errata_at(errata, 1), "b/s/2", "loss");
  ck_assert_int_eq(proof->index, 1);
  ck_assert_str_eq(proof->pytorch, "Infinity");
  ck_assert_str_eq(proof->truth, "800");
  ck_assert_str_eq(proof->ratio, "Infinity");
  ck_assert_ptr_null(lp_erratum_proof_of(lp_errata_at(errata, 0), "b/s/2", "loss"));
  lp_errata_free(errata);
}
END_TEST

START_TEST(a_register_may_be_empty) {
  lp_errata *errata;
  lp_error error;
  ck_assert_int_eq(read_text(&errata, HEAD "[]}", &error), LP_OK);
  ck_assert_int_eq(lp_errata_count(errata), 0);
  ck_assert_ptr_null(lp_errata_find(errata, "b/l1/x", "loss"));
  lp_errata_free(errata);
  lp_errata_free(NULL);
}
END_TEST

static const struct {
  const char *text, *message;
} refused[] = {
    {"{", "'}' expected"},
    {"[]", "the register: expected an object, got a list of 0"},
    {"{\"format\": \"lossproof errata 1\", \"format\": \"x\"}", "duplicate"},
    {"{\"form\": 1}", "unknown key \"form\""},
    {"{\"pytorch\": \"2.13.0\"}", "format: expected a text, got nothing"},
    {"{\"format\": \"lossproof errata 2\"}", "format: expected \"lossproof errata 1\", got \"lossproof errata 2\""},
    {"{\"format\": \"lossproof errata 1\", \"pytorch\": 2}", "pytorch: expected a text, got 2"},
    {"{\"format\": \"lossproof errata 1\", \"pytorch\": \"\"}", "pytorch: expected a text, got \"\""},
    {"{\"format\": \"lossproof errata 1\", \"pytorch\": \"2.13.0\"}", "errata: expected a list, got nothing"},
    {HEAD "{}}", "errata: expected a list, got an object"},
    {HEAD "[3]}", "errata: expected an object, got 3"},
    {HEAD "[{\"title\": \"x\"}]}", "unknown key \"title\""},
    {HEAD "[{\"summary\": \"s\"}]}", "errata name: expected a text, got nothing"},
    {HEAD "[{\"name\": \"n\"}]}", "errata summary: expected a text, got nothing"},
    {HEAD "[{\"name\": \"n\", \"summary\": \"s\"}]}", "errata source: expected a text, got nothing"},
    {HEAD "[{\"name\": \"n\", \"summary\": \"s\", \"source\": \"u\"}]}", "n: expected an object that is not empty"},
    {HEAD "[" ERRATUM("n", "{}") "]}", "n: expected an object that is not empty"},
    {HEAD "[" ERRATUM("n", "{\"c\": []}") "]}", "c: expected an object that is not empty, got a list of 0"},
    {HEAD "[" ERRATUM("n", "{\"c\": {\"loss\": 1}}") "]}", "c loss: expected an object, got 1"},
    {HEAD "[" ERRATUM("n", "{\"c\": {\"loss\": {\"at\": 1}}}") "]}", "c loss: unknown key \"at\""},
    {HEAD "[" ERRATUM("n", "{\"c\": {\"loss\": {}}}") "]}", "c loss index: expected a count, got nothing"},
    {HEAD "[" ERRATUM("n", "{\"c\": {\"loss\": {\"index\": -1}}}") "]}", "c loss index: expected a count, got -1"},
    {HEAD "[" ERRATUM("n", "{\"c\": {\"loss\": {\"index\": 1}}}") "]}", "c loss pytorch: expected a text"},
    {HEAD "[" ERRATUM("n", "{\"c\": {\"loss\": {\"index\": 1, \"pytorch\": \"1\"}}}") "]}", "c loss true: expected"},
    {HEAD "[" ERRATUM("n", "{\"c\": {\"loss\": {\"index\": 1, \"pytorch\": \"1\", \"true\": \"2\"}}}") "]}",
     "c loss ratio: expected"},
    {HEAD "[" ERRATUM("b", "{\"c\": {\"loss\": " PROOF "}}") ", " ERRATUM("a", "{\"d\": {\"loss\": " PROOF "}}") "]}",
     "\"a\" stands after \"b\", but names must ascend"},
    {HEAD "[" ERRATUM("a", "{\"c\": {\"loss\": " PROOF "}}") ", " ERRATUM("b", "{\"c\": {\"loss\": " PROOF "}}") "]}",
     "loss of c is covered by \"a\" and by \"b\""},
};

START_TEST(what_is_no_register_is_refused) {
  lp_errata *errata;
  lp_error error;
  ck_assert_int_eq(read_text(&errata, refused[_i].text, &error), LP_INVALID);
  ck_assert_ptr_null(errata);
  ck_assert_msg(strstr(error.message, refused[_i].message), "%s", error.message);
  ck_assert_msg(strncmp(error.message, path, strlen(path)) == 0, "%s", error.message);
}
END_TEST

START_TEST(a_missing_file_is_an_io_error) {
  lp_errata *errata;
  lp_error error;
  ck_assert_int_eq(lp_errata_read(&errata, "/nowhere/errata.json", &error), LP_IO);
  ck_assert_ptr_null(errata);
  ck_assert_msg(strstr(error.message, "/nowhere/errata.json: No such file"), "%s", error.message);
}
END_TEST

START_TEST(memory_may_run_out_anywhere) {
  lp_errata *errata;
  lp_error error;
  lp_status status = LP_NO_MEMORY;
  int n = 0;
  for (; status != LP_OK; n++) {
    write_register(sample);
    lp_arena_fail_after(n);
    status = lp_errata_read(&errata, path, &error);
    lp_arena_fail_after(-1);
    unlink(path);
    if (status == LP_OK) break;
    ck_assert_int_eq(status, LP_NO_MEMORY);
    ck_assert_ptr_null(errata);
  }
  ck_assert_int_gt(n, 20);
  lp_errata_free(errata);
}
END_TEST

static void *no_malloc(size_t size) {
  (void)size;
  return NULL;
}

START_TEST(memory_may_run_out_in_the_parser) {
  lp_errata *errata;
  lp_error error;
  json_malloc_t usual;
  json_free_t release;
  json_get_alloc_funcs(&usual, &release);
  json_set_alloc_funcs(no_malloc, release);
  ck_assert_int_eq(read_text(&errata, sample, &error), LP_NO_MEMORY);
  json_set_alloc_funcs(usual, release);
  ck_assert_ptr_null(errata);
}
END_TEST

START_TEST(the_committed_register_is_one) {
  lp_errata *errata;
  lp_error error;
  ck_assert_msg(lp_errata_read(&errata, LOSSPROOF_SOURCE_DIR "/golden/errata.json", &error) == LP_OK, "%s",
                error.message);
  ck_assert_int_gt(lp_errata_count(errata), 0);
  for (int i = 0; i < lp_errata_count(errata); i++) {
    ck_assert_int_le(lp_errata_at(errata, i)->n_cases, lp_errata_at(errata, i)->n_proofs);
  }
  lp_errata_free(errata);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("errata");
  tcase_add_test(tests, a_register_is_read);
  tcase_add_test(tests, outputs_are_found_one_by_one);
  tcase_add_test(tests, a_register_may_be_empty);
  tcase_add_loop_test(tests, what_is_no_register_is_refused, 0, sizeof refused / sizeof refused[0]);
  tcase_add_test(tests, a_missing_file_is_an_io_error);
  tcase_add_test(tests, memory_may_run_out_anywhere);
  tcase_add_test(tests, memory_may_run_out_in_the_parser);
  tcase_add_test(tests, the_committed_register_is_one);
  Suite *suite = suite_create("errata");
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
