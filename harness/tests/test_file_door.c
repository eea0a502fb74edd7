/* outcomes:FILE: dtypes that are not those asked for, refusals, and cases that the file leaves out. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "golden/hdf5.h"
#include "golden/json.h"
#include "harness/certify.h"
#include "reference/tests/testing.h"

#define QUESTION(ID, DTYPE)                                    \
  "{\"id\": \"" ID "\", \"loss\": \"l1\", \"dtype\": \"" DTYPE \
  "\", \"params\": {\"reduction\": \"none\"}, "                \
  "\"inputs\": {\"input\": [1.5], \"target\": [1.25]}}"
#define ANSWER(ID, OUTCOME) "{\"id\": \"" ID "\", \"loss\": \"l1\", \"outcome\": {" OUTCOME "}}\n"
#define NUMBERS "\"status\": \"ok\", \"loss\": [0.25], \"grad\": {\"input\": [1], \"target\": [-1]}"

typedef struct scene {
  lp_suite suite;
  lp_errata *errata;
  lp_candidate *candidate;
  lp_certification run;
  char path[64];
} scene;

static void write_file(char path[64], const char *text) {
  snprintf(path, 64, "/tmp/lossproof-test-XXXXXX");
  const int fd = mkstemp(path);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  close(fd);
}

static enum { AS_JSON, AS_HDF5 } stored = AS_JSON;

static void write_answers(char path[64], const char *answers) {
  lp_suite given;
  lp_json_shape shape;
  lp_error error = {0};
  write_file(path, answers);
  if (stored == AS_JSON) return;
  ck_assert_int_eq(lp_suite_init(&given, &error), LP_OK);
  ck_assert_int_eq(lp_json_read_text(&given, &shape, answers, strlen(answers), "a", &error), LP_OK);
  ck_assert_msg(lp_hdf5_write(&given, given.entries[0].c.loss, path, &error) == LP_OK, "%s", error.message);
  lp_suite_clear(&given);
}

/* manifest: NULL for none. */
static void set_up(scene *s, const char *questions, const char *answers, const char *manifest) {
  lp_error error = {0};
  lp_json_shape shape;
  lp_manifest declared;
  lp_certify_options options = {.jobs = 1};
  char description[96];
  memset(s, 0, sizeof *s);
  ck_assert_int_eq(lp_suite_init(&s->suite, &error), LP_OK);
  ck_assert_int_eq(lp_json_read_text(&s->suite, &shape, questions, strlen(questions), "q", &error), LP_OK);
  write_file(s->path, "{\"format\": \"lossproof errata 1\", \"pytorch\": \"2.13.0\", \"errata\": []}");
  ck_assert_int_eq(lp_errata_read(&s->errata, s->path, &error), LP_OK);
  unlink(s->path);
  write_answers(s->path, answers);
  if (manifest) {
    ck_assert_int_eq(lp_manifest_init(&declared, s->suite.arena, "n", "v", 1u << LP_FLOAT64, &error), LP_OK);
    ck_assert_int_eq(lp_manifest_read(&declared, s->suite.arena, manifest, strlen(manifest), &error), LP_OK);
    options.manifest = &declared;
  }
  snprintf(description, sizeof description, "outcomes:%s", s->path);
  ck_assert_msg(lp_candidate_open(&s->candidate, description, NULL, &error) == LP_OK, "%s", error.message);
  ck_assert_msg(lp_certify(&s->run, s->candidate, &s->suite, s->errata, &options, &error) == LP_OK, "%s",
                error.message);
}

static void tear_down(scene *s) {
  lp_certification_clear(&s->run);
  lp_candidate_close(s->candidate);
  lp_errata_free(s->errata);
  lp_suite_clear(&s->suite);
  unlink(s->path);
}

/* The only case of the file fails as a whole, and says why. */
static void check_fails(const char *questions, const char *answers, lp_cause cause, const char *reason) {
  scene s;
  set_up(&s, questions, answers, NULL);
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 1);
  ck_assert_int_eq(s.run.results[0].verdicts[0].kind, LP_VERDICT_FAIL);
  ck_assert_int_eq(s.run.results[0].verdicts[0].cause, cause);
  ck_assert_str_eq(s.run.results[0].verdicts[0].reason, reason);
  ck_assert_int_eq(s.run.results[0].off[0], LP_OFF_CANDIDATE);
  ck_assert_int_eq(s.run.n_ran, 1);
  tear_down(&s);
}

static void check_conforms(const char *questions, const char *answers) {
  scene s;
  set_up(&s, questions, answers, NULL);
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 0);
  ck_assert_int_eq(s.run.counts[LP_VERDICT_PASS], 4);
  tear_down(&s);
}

START_TEST(a_stated_dtype_must_be_the_one_asked_for) {
  check_fails(QUESTION("a", "float32"), ANSWER("a", NUMBERS ", \"dtypes\": {\"loss\": \"float64\"}"), LP_CAUSE_GARBAGE,
              "garbage: loss: expected float32, got float64");
  check_fails(QUESTION("a", "float64"), ANSWER("a", NUMBERS ", \"dtypes\": {\"grad/target\": \"float32\"}"),
              LP_CAUSE_GARBAGE, "garbage: grad/target: expected float64, got float32");
  check_fails(QUESTION("a", "bfloat16"),
              ANSWER("a",
                     "\"status\": \"ok\", \"loss\": {\"dtype\": \"float16\", \"shape\": [1], \"data\": \"ADQ=\"}, "
                     "\"grad\": {\"input\": [1], \"target\": [-1]}"),
              LP_CAUSE_GARBAGE, "garbage: loss: expected bfloat16, got float16");
}
END_TEST

START_TEST(the_right_dtypes_may_be_stated_or_not) {
  check_conforms(QUESTION("a", "float16"), ANSWER("a", NUMBERS));
  check_conforms(QUESTION("a", "float64"), ANSWER("a", NUMBERS));
  check_conforms(QUESTION("a", "float32"), ANSWER("a", NUMBERS ", \"dtypes\": {\"loss\": \"float32\"}"));
  check_conforms(QUESTION("a", "float16"),
                 ANSWER("a",
                        "\"status\": \"ok\", \"loss\": {\"dtype\": \"float16\", \"shape\": [1], \"data\": "
                        "\"ADQ=\"}, \"grad\": {\"input\": [1], \"target\": [-1]}"));
}
END_TEST

/* float64 is how HDF5 holds numbers of every dtype, PyTorch's in the fixtures among them; a narrower dtype is a claim.
 */
START_TEST(answers_in_hdf5_claim_the_narrow_dtypes_only) {
  stored = AS_HDF5;
  check_conforms(QUESTION("a", "float16"), ANSWER("a", NUMBERS));
  check_conforms(QUESTION("a", "float16"), ANSWER("a", NUMBERS ", \"dtypes\": {\"loss\": \"float64\"}"));
  check_fails(QUESTION("a", "float64"), ANSWER("a", NUMBERS ", \"dtypes\": {\"grad/target\": \"float32\"}"),
              LP_CAUSE_GARBAGE, "garbage: grad/target: expected float64, got float32");
  check_fails(QUESTION("a", "float16"), ANSWER("a", NUMBERS ", \"dtypes\": {\"loss\": \"float32\"}"), LP_CAUSE_GARBAGE,
              "garbage: loss: expected float16, got float32");
  stored = AS_JSON;
}
END_TEST

/* As at a pipe: a number that is not of the dtype is rounded to it, in the answer and not in the file. */
START_TEST(numbers_without_a_dtype_are_of_the_dtype_asked_for) {
  scene s;
  lp_error error = {0};
  set_up(&s, QUESTION("a", "float32"), ANSWER("a", "\"status\": \"ok\", \"loss\": [0.1]"), NULL);
  lp_outcome answer;
  for (int i = 0; i < 2; i++) {
    lp_case c = s.suite.entries[0].c;
    c.inputs[0].dtype = c.inputs[1].dtype = c.dtype = i == 0 ? LP_FLOAT16 : LP_FLOAT32;
    ck_assert_int_eq(lp_candidate_answer(s.candidate, &answer, s.suite.arena, &c, &error), LP_OK);
    ck_assert_int_eq(answer.outputs[0].tensor.dtype, c.dtype);
    check_same(*lp_outcome_loss(&answer), lp_dtype_round(c.dtype, 0.1));
  }
  tear_down(&s);
}
END_TEST

/* A case that must be rejected asks for no dtype. */
START_TEST(what_must_be_rejected_has_no_dtype) {
  scene s;
  set_up(&s, "{\"id\": \"a\", \"loss\": \"l1\", \"inputs\": {\"input\": [1, 2], \"target\": [1, 2, 3]}}",
         ANSWER("a", NUMBERS ", \"dtypes\": {\"loss\": \"float16\"}"), NULL);
  ck_assert_int_eq(s.run.results[0].verdicts[0].kind, LP_VERDICT_FAIL);
  ck_assert_int_ne(s.run.results[0].verdicts[0].cause, LP_CAUSE_GARBAGE);
  tear_down(&s);
}
END_TEST

START_TEST(an_explicit_refusal_fails) {
  check_fails(QUESTION("a", "float64"), ANSWER("a", "\"status\": \"unsupported\", \"message\": \"reduction none\""),
              LP_CAUSE_UNSUPPORTED, "declared, but answered as unsupported: reduction none");
  check_fails(QUESTION("a", "float64"), ANSWER("a", "\"status\": \"unsupported\""), LP_CAUSE_UNSUPPORTED,
              "declared, but answered as unsupported: no reason given");
}
END_TEST

START_TEST(a_case_left_out_did_not_run) {
  scene s;
  set_up(&s, "[" QUESTION("a", "float64") "," QUESTION("b", "float64") "]", ANSWER("b", NUMBERS), NULL);
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 0);
  ck_assert_int_eq(s.run.n_ran, 1);
  ck_assert_int_eq(s.run.n_results, 2);
  ck_assert_str_eq(s.run.results[0].not_run, "no answer to this case");
  ck_assert_int_eq(s.run.results[0].verdicts[0].kind, LP_VERDICT_UNSUPPORTED);
  ck_assert_ptr_null(s.run.results[1].not_run);
  tear_down(&s);
}
END_TEST

START_TEST(gradients_that_are_not_declared_are_counted) {
  scene s;
  set_up(&s, QUESTION("a", "float64"), ANSWER("a", "\"status\": \"ok\", \"loss\": [0.25]"), "{\"gradients\": []}");
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 0);
  ck_assert_int_eq(s.run.losses[0].undeclared, 2);
  ck_assert_int_eq(s.run.losses[0].gradient.judged, 0);
  tear_down(&s);
  set_up(&s, QUESTION("a", "float64"), ANSWER("a", NUMBERS), "{\"gradients\": [\"input\"]}");
  ck_assert_int_eq(s.run.losses[0].undeclared, 1);
  ck_assert_int_eq(s.run.losses[0].gradient.judged, 1);
  tear_down(&s);
}
END_TEST

int main(int argc, char **argv) {
  int exit_status;
  if (lp_hdf5_serve_reader(&exit_status, argc, argv)) return exit_status;
  const TTest *const tests[] = {a_stated_dtype_must_be_the_one_asked_for,
                                the_right_dtypes_may_be_stated_or_not,
                                answers_in_hdf5_claim_the_narrow_dtypes_only,
                                numbers_without_a_dtype_are_of_the_dtype_asked_for,
                                what_must_be_rejected_has_no_dtype,
                                an_explicit_refusal_fails,
                                a_case_left_out_did_not_run,
                                gradients_that_are_not_declared_are_counted};
  return run_tests("file_door", tests, sizeof tests / sizeof tests[0]);
}
