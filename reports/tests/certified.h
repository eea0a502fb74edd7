/* A small certification for the tests of reports: questions and answers as JSON Lines, in a folder of their own, so
 * that the candidate is called "outcomes:a.jsonl" wherever the tests run. */
#ifndef LP_REPORTS_TESTS_CERTIFIED_H
#define LP_REPORTS_TESTS_CERTIFIED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/certify.h"
#include "reference/tests/testing.h"

typedef struct certified {
  char folder[64];
  lp_suite suite;
  lp_errata *errata;
  lp_candidate *candidate;
  lp_certification run;
} certified;

static const char *const certified_files[] = {"q.jsonl"};

static inline void certified_write(const char *name, const char *text) {
  FILE *file = fopen(name, "wb");
  ck_assert_ptr_nonnull(file);
  ck_assert_int_ge(fputs(text, file), 0);
  ck_assert_int_eq(fclose(file), 0);
}

static inline void certified_set_up(certified *s, const char *questions, const char *answers) {
  const lp_certify_options options = {.jobs = 1, .files = certified_files, .n_files = 1};
  lp_error error = {0};
  *s = (certified){.folder = "/tmp/lossproof-test-XXXXXX"};
  ck_assert_ptr_nonnull(mkdtemp(s->folder));
  ck_assert_int_eq(chdir(s->folder), 0);
  certified_write("q.jsonl", questions);
  certified_write("a.jsonl", answers);
  certified_write("e.json", "{\"format\": \"lossproof errata 1\", \"pytorch\": \"2.13.0\", \"errata\": []}");
  ck_assert_int_eq(lp_suite_init(&s->suite, &error), LP_OK);
  ck_assert_msg(lp_suite_read(&s->suite, "q.jsonl", &error) == LP_OK, "%s", error.message);
  ck_assert_msg(lp_errata_read(&s->errata, "e.json", &error) == LP_OK, "%s", error.message);
  ck_assert_msg(lp_candidate_open(&s->candidate, "outcomes:a.jsonl", NULL, &error) == LP_OK, "%s", error.message);
  ck_assert_msg(lp_certify(&s->run, s->candidate, &s->suite, s->errata, &options, &error) == LP_OK, "%s",
                error.message);
}

static inline void certified_tear_down(certified *s) {
  const char *const names[] = {"q.jsonl", "a.jsonl", "e.json", "results.jsonl"};
  lp_certification_clear(&s->run);
  lp_candidate_close(s->candidate);
  lp_errata_free(s->errata);
  lp_suite_clear(&s->suite);
  for (int i = 0; i < 4; i++) unlink(names[i]);
  ck_assert_int_eq(chdir("/"), 0);
  rmdir(s->folder);
}

/* What was written, to be freed. */
static inline char *certified_slurp(FILE *file) {
  char *text = calloc(1, 1 << 16);
  ck_assert_ptr_nonnull(text);
  rewind(file);
  ck_assert_uint_lt(fread(text, 1, (1 << 16) - 1, file), (1 << 16) - 1);
  fclose(file);
  return text;
}

/* Two cases, both answered rightly; or one wrong number, one NaN, one missing output, and a case without an answer. */

static const char questions_text[] =
    "{\"id\": \"t/mse\", \"loss\": \"mse\", \"hunts\": \"a planted fault\", \"params\": {\"reduction\": \"none\"}, "
    "\"inputs\": {\"input\": [1, 2, 4], \"target\": [0, 0, 0.5]}}\n"
    "{\"id\": \"t/l 1\", \"loss\": \"l1\", \"inputs\": {\"input\": [1, 2], \"target\": [1, 2, 3]}}\n";

static const char right_answers[] =
    "{\"id\": \"t/mse\", \"loss\": \"mse\", \"outcome\": {\"status\": \"ok\", \"loss\": [1, 4, 12.25], "
    "\"grad\": {\"input\": [2, 4, 7], \"target\": [-2, -4, -7]}}}\n"
    "{\"id\": \"t/l 1\", \"loss\": \"l1\", \"outcome\": {\"status\": \"rejected\", \"message\": \"shapes\"}}\n";

static const char wrong_answers[] =
    "{\"id\": \"t/mse\", \"loss\": \"mse\", \"outcome\": {\"status\": \"ok\", \"loss\": [1, \"NaN\", 12.25], "
    "\"grad\": {\"input\": [2, 4.5, 7]}}}\n"
    "{\"id\": \"t/l 1\", \"loss\": \"l1\", \"outcome\": {\"status\": \"ok\", \"loss\": 1}}\n";

#endif
