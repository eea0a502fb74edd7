/* Certification: the arbiter, errata in both directions, exit codes, and that the number of jobs changes nothing. */
#include "harness/certify.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "golden/json.h"
#include "harness/derived.h"
#include "harness/doors/worker.h"
#include "reference/tests/testing.h"

static const char questions[] =
    "[{\"id\": \"t/l1/a\", \"loss\": \"l1\", \"inputs\": {\"input\": [1, 2, 4], \"target\": [0, 0, 0]}},"
    " {\"id\": \"t/l1/b\", \"loss\": \"l1\", \"inputs\": {\"input\": [1, 2], \"target\": [0, 0, 0]}},"
    " {\"id\": \"u/l1/c\", \"loss\": \"l1\", \"inputs\": {\"input\": 5, \"target\": 2}}]";

static const char proof_head[] =
    "{\"format\": \"lossproof errata 1\", \"pytorch\": \"2.13.0\", \"errata\": [{\"name\": \"l1.planted\", "
    "\"summary\": \"s\", \"source\": \"u\", \"cases\": {\"t/l1/a\": {\"loss\": {\"index\": 0, \"pytorch\": \"7\", "
    "\"true\": \"2.3333333333333333333\", \"ratio\": \"1e15\"}}}}]}";
static const char no_errata[] = "{\"format\": \"lossproof errata 1\", \"pytorch\": \"2.13.0\", \"errata\": []}";

typedef struct scene {
  lp_suite suite;
  lp_errata *errata;
  lp_candidate *candidate;
  lp_certification run;
  lp_certify_options options;
  char answers[64]; /* path of the candidate's answers, "" when it is the reference */
} scene;

static void read_errata(scene *s, const char *text) {
  char path[] = "/tmp/lossproof-test-XXXXXX";
  const int fd = mkstemp(path);
  lp_error error = {0};
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  close(fd);
  ck_assert_msg(lp_errata_read(&s->errata, path, &error) == LP_OK, "%s", error.message);
  unlink(path);
}

static void set_up(scene *s, const char *errata) {
  lp_error error = {0};
  lp_json_shape shape;
  memset(s, 0, sizeof *s);
  s->options.jobs = 1;
  ck_assert_int_eq(lp_suite_init(&s->suite, &error), LP_OK);
  ck_assert_int_eq(lp_json_read_text(&s->suite, &shape, questions, strlen(questions), "q", &error), LP_OK);
  ck_assert_int_eq(s->suite.count, 3);
  read_errata(s, errata);
}

static void tear_down(scene *s) {
  lp_certification_clear(&s->run);
  lp_candidate_close(s->candidate);
  lp_errata_free(s->errata);
  lp_suite_clear(&s->suite);
  if (s->answers[0]) unlink(s->answers);
}

/* Gives every entry the reference's own outcome as its fixture. */
static void add_fixtures(scene *s) {
  lp_error error;
  for (int i = 0; i < s->suite.count; i++) {
    lp_examination e;
    ck_assert_int_eq(lp_examine(&e, s->suite.arena, &s->suite.entries[i].c, &error), LP_OK);
    s->suite.entries[i].outcome = e.reference;
    s->suite.entries[i].has_outcome = true;
  }
}

static double *fixture_loss(scene *s, int i) { return lp_outcome_loss(&s->suite.entries[i].outcome); }

static void certify(scene *s, const char *candidate) {
  lp_error error = {0};
  ck_assert_msg(lp_candidate_open(&s->candidate, candidate, NULL, &error) == LP_OK, "%s", error.message);
  ck_assert_int_eq(lp_certify(&s->run, s->candidate, &s->suite, s->errata, &s->options, &error), LP_OK);
}

/* A candidate that answers as the fixtures do, but for the loss of the first case. */
static void answers_with_first_loss(scene *s, double loss) {
  FILE *out;
  lp_error error;
  snprintf(s->answers, sizeof s->answers, "/tmp/lossproof-test-XXXXXX");
  const int fd = mkstemp(s->answers);
  ck_assert_int_ge(fd, 0);
  ck_assert_ptr_nonnull(out = fdopen(fd, "wb"));
  const double kept = *fixture_loss(s, 0);
  *fixture_loss(s, 0) = loss;
  for (int i = 0; i < s->suite.count; i++) {
    const lp_suite_entry *e = &s->suite.entries[i];
    ck_assert_int_eq(lp_json_write_case(out, &e->c, &e->outcome, LP_JSON_PACKED, &error), LP_OK);
    fputc('\n', out);
  }
  fclose(out);
  *fixture_loss(s, 0) = kept;
}

static void certify_answers(scene *s) {
  char description[96];
  snprintf(description, sizeof description, "outcomes:%s", s->answers);
  certify(s, description);
}

START_TEST(the_reference_conforms_to_right_fixtures) {
  scene s;
  set_up(&s, no_errata);
  add_fixtures(&s);
  certify(&s, "reference");
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 0);
  ck_assert_int_eq(s.run.n_results, 3);
  ck_assert_int_eq(s.run.counts[LP_VERDICT_PASS], 4 + 1 + 4);
  ck_assert_int_eq(s.run.losses[0].rejected, 1);
  tear_down(&s);
}
END_TEST

START_TEST(an_unregistered_disagreement_is_the_harness_s_fault) {
  scene s;
  set_up(&s, no_errata);
  add_fixtures(&s);
  *fixture_loss(&s, 0) = 7.0;
  certify(&s, "reference");
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 3);
  ck_assert_int_eq(s.run.results[0].off[1], LP_OFF_FIXTURE);
  tear_down(&s);
}
END_TEST

START_TEST(a_registered_disagreement_is_no_fault) {
  scene s;
  set_up(&s, proof_head);
  add_fixtures(&s);
  *fixture_loss(&s, 0) = 7.0;
  certify(&s, "reference");
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 0);
  ck_assert_int_eq(s.run.counts[LP_VERDICT_WAIVED], 0); /* the reference follows the definition */
  ck_assert_int_eq(s.run.errata, 1);
  ck_assert_str_eq(s.run.results[0].errata[1]->name, "l1.planted");
  tear_down(&s);
}
END_TEST

START_TEST(a_registered_disagreement_that_is_gone_is_noticed) {
  scene s;
  set_up(&s, proof_head);
  add_fixtures(&s);
  certify(&s, "reference");
  ck_assert_int_eq(s.run.stale_errata, 1);
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 3);
  tear_down(&s);
}
END_TEST

START_TEST(a_wrong_candidate_stands_alone) {
  scene s;
  set_up(&s, no_errata);
  add_fixtures(&s);
  answers_with_first_loss(&s, 7.0);
  certify_answers(&s);
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 1);
  ck_assert_int_eq(s.run.counts[LP_VERDICT_FAIL], 1);
  ck_assert_int_eq(s.run.results[0].off[1], LP_OFF_CANDIDATE);
  ck_assert_int_eq(s.run.harness_faults, 0);
  tear_down(&s);
}
END_TEST

/* Where PyTorch is wrong, a candidate may follow the definition or, under this profile, PyTorch; nothing else. */
static int exit_code_at_erratum(double answer, lp_profile profile, long *waived) {
  scene s;
  set_up(&s, proof_head);
  add_fixtures(&s);
  answers_with_first_loss(&s, answer);
  *fixture_loss(&s, 0) = 7.0;
  s.options.how.profile = profile;
  certify_answers(&s);
  *waived = s.run.counts[LP_VERDICT_WAIVED];
  const int exit_code = lp_certification_exit_code(&s.run);
  tear_down(&s);
  return exit_code;
}

START_TEST(at_an_erratum_the_definition_or_pytorch_is_right) {
  long waived;
  ck_assert_int_eq(exit_code_at_erratum(7.0 / 3.0, LP_PROFILE_PYTORCH, &waived), 0);
  ck_assert_int_eq(waived, 0);
  ck_assert_int_eq(exit_code_at_erratum(7.0, LP_PROFILE_PYTORCH, &waived), 0);
  ck_assert_int_eq(waived, 1);
  ck_assert_int_eq(exit_code_at_erratum(6.0, LP_PROFILE_PYTORCH, &waived), 1);
  ck_assert_int_eq(exit_code_at_erratum(7.0 / 3.0, LP_PROFILE_MATH, &waived), 0);
  ck_assert_int_eq(exit_code_at_erratum(7.0, LP_PROFILE_MATH, &waived), 1);
}
END_TEST

START_TEST(a_wrong_fixture_is_seen_under_any_candidate) {
  scene s;
  set_up(&s, no_errata);
  add_fixtures(&s);
  answers_with_first_loss(&s, 7.0);
  *fixture_loss(&s, 0) = 7.0; /* candidate and fixture agree, and are wrong */
  certify_answers(&s);
  ck_assert_int_eq(s.run.results[0].off[1], LP_OFF_CANDIDATE | LP_OFF_FIXTURE);
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 3);
  tear_down(&s);
}
END_TEST

START_TEST(an_unanswered_suite_is_vacuous) {
  scene s;
  set_up(&s, no_errata);
  add_fixtures(&s);
  answers_with_first_loss(&s, 7.0 / 3.0);
  for (int i = 0; i < 3; i++) s.suite.entries[i].c.id = i == 0 ? "x/0" : i == 1 ? "x/1" : "x/2";
  certify_answers(&s);
  ck_assert_int_eq(s.run.counts[LP_VERDICT_UNSUPPORTED], 3);
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 4);
  tear_down(&s);
}
END_TEST

static int cases_selected(const char *loss, const char *suite, const char *id) {
  scene s;
  set_up(&s, no_errata);
  s.options.loss = loss;
  s.options.suite = suite;
  s.options.id = id;
  certify(&s, "reference");
  const int n = s.run.n_results;
  ck_assert_int_eq(lp_certification_exit_code(&s.run), n == 0 ? 4 : 0);
  tear_down(&s);
  return n;
}

START_TEST(cases_are_selected) {
  ck_assert_int_eq(cases_selected(NULL, NULL, NULL), 3);
  ck_assert_int_eq(cases_selected("l1", "t", NULL), 2);
  ck_assert_int_eq(cases_selected("mse", NULL, NULL), 0);
  ck_assert_int_eq(cases_selected(NULL, NULL, "u/l1/c"), 1);
  ck_assert_int_eq(cases_selected(NULL, "t/l1/a", NULL), 0);
}
END_TEST

static void count_progress(void *context, int done, int total) {
  ck_assert_int_le(done, total);
  ++*(int *)context;
}

START_TEST(jobs_change_nothing) {
  scene one, many;
  int calls = 0;
  set_up(&one, no_errata);
  set_up(&many, no_errata);
  add_fixtures(&one);
  add_fixtures(&many);
  many.options.jobs = 8;
  many.options.progress = count_progress;
  many.options.context = &calls;
  certify(&one, "reference");
  certify(&many, "reference");
  ck_assert_int_eq(calls, 3);
  for (int i = 0; i < 3; i++) {
    ck_assert_str_eq(one.run.results[i].entry->c.id, many.run.results[i].entry->c.id);
    ck_assert_int_eq(one.run.results[i].n_verdicts, many.run.results[i].n_verdicts);
  }
  tear_down(&one);
  tear_down(&many);
}
END_TEST

static lp_status certify_status(scene *s, lp_error *error) {
  char description[96];
  snprintf(description, sizeof description, "outcomes:%s", s->answers);
  ck_assert_int_eq(lp_candidate_open(&s->candidate, description, NULL, error), LP_OK);
  return lp_certify(&s->run, s->candidate, &s->suite, s->errata, &s->options, error);
}

START_TEST(two_questions_of_one_id_are_refused) {
  scene s;
  lp_error error = {0};
  set_up(&s, no_errata);
  add_fixtures(&s);
  answers_with_first_loss(&s, 7.0 / 3.0);
  s.suite.entries[2].c.id = s.suite.entries[0].c.id;
  ck_assert_int_eq(certify_status(&s, &error), LP_INVALID);
  ck_assert_str_eq(error.message, "two questions are called \"t/l1/a\", and answers are found by id");
  tear_down(&s);
}
END_TEST

START_TEST(an_answer_of_another_loss_is_refused) {
  scene s;
  lp_error error = {0};
  set_up(&s, no_errata);
  add_fixtures(&s);
  answers_with_first_loss(&s, 7.0 / 3.0);
  s.suite.entries[0].c.loss = lp_registry_find("mse");
  ck_assert_int_eq(certify_status(&s, &error), LP_INVALID);
  ck_assert_ptr_nonnull(strstr(error.message, "case t/l1/a: it is a question about mse, but outcomes:"));
  ck_assert_ptr_nonnull(strstr(error.message, "answers it as l1"));
  tear_down(&s);
}
END_TEST

/* What is no question is the fault of whoever gave it, not of the harness. */
START_TEST(a_question_without_its_inputs_is_refused) {
  scene s;
  lp_error error = {0};
  set_up(&s, no_errata);
  s.suite.entries[1].c.has_input[0] = false;
  ck_assert_int_eq(lp_candidate_open(&s.candidate, "reference", NULL, &error), LP_OK);
  ck_assert_int_eq(lp_certify(&s.run, s.candidate, &s.suite, s.errata, &s.options, &error), LP_INVALID);
  ck_assert_ptr_nonnull(strstr(error.message, "case t/l1/b: "));
  tear_down(&s);
}
END_TEST

/* A fixture that accepts what the reference rejects, or that has another shape, is seen and nothing else breaks. */
START_TEST(a_fixture_may_contradict_the_reference_in_any_way) {
  scene s;
  set_up(&s, no_errata);
  add_fixtures(&s);
  s.suite.entries[1].outcome = s.suite.entries[0].outcome; /* three outputs where the reference rejects */
  s.suite.entries[0].outcome = s.suite.entries[2].outcome; /* 0-d gradients where they have three elements */
  answers_with_first_loss(&s, 7.0);
  certify_answers(&s);
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 3);
  ck_assert_int_eq(s.run.results[1].off[0], LP_OFF_CANDIDATE | LP_OFF_FIXTURE);
  tear_down(&s);
}
END_TEST

START_TEST(the_reference_answers_in_the_dtype_of_the_case) {
  scene s;
  lp_error error = {0};
  lp_outcome answer;
  set_up(&s, no_errata);
  lp_case *c = &s.suite.entries[0].c;
  ck_assert_int_eq(lp_candidate_open(&s.candidate, "reference", NULL, &error), LP_OK);
  c->inputs[0].dtype = c->inputs[1].dtype = LP_FLOAT16;
  ck_assert_int_eq(lp_candidate_answer(s.candidate, &answer, s.suite.arena, c, &error), LP_OK);
  check_same(*lp_outcome_loss(&answer), lp_dtype_round(LP_FLOAT16, 7.0 / 3.0));
  tear_down(&s);
}
END_TEST

START_TEST(exit_codes_have_their_precedence) {
  lp_certification run = {.n_results = 1};
  ck_assert_int_eq(lp_certification_exit_code(&run), 4);
  run.counts[LP_VERDICT_PASS] = 1;
  ck_assert_int_eq(lp_certification_exit_code(&run), 0);
  run.counts[LP_VERDICT_INCONCLUSIVE] = 1;
  ck_assert_int_eq(lp_certification_exit_code(&run), 5);
  run.counts[LP_VERDICT_FAIL] = 1;
  ck_assert_int_eq(lp_certification_exit_code(&run), 1);
  run.harness_faults = 1;
  ck_assert_int_eq(lp_certification_exit_code(&run), 3);
  run.interrupted = true;
  ck_assert_int_eq(lp_certification_exit_code(&run), 130);
}
END_TEST

START_TEST(candidates_that_are_not_there) {
  lp_candidate *candidate;
  lp_error error;
  ck_assert_int_ne(lp_candidate_open(&candidate, "nobody", NULL, &error), LP_OK);
  ck_assert_ptr_nonnull(
      strstr(error.message, "expected reference, exact, plugin:PATH.so, exec:COMMAND or outcomes:FILE"));
  ck_assert_int_ne(lp_candidate_open(&candidate, "outcomes:/nowhere/at/all.h5", NULL, &error), LP_OK);
  ck_assert_ptr_nonnull(strstr(error.message, "/nowhere/at/all.h5"));
  ck_assert_ptr_null(candidate);
}
END_TEST

/* --- manifests, requirements, parts --- */

static void declare(scene *s, lp_manifest *manifest, const char *text) {
  lp_error error = {0};
  ck_assert_int_eq(lp_manifest_init(manifest, s->suite.arena, "n", "v", 1u << LP_FLOAT64, &error), LP_OK);
  ck_assert_msg(lp_manifest_read(manifest, s->suite.arena, text, strlen(text), &error) == LP_OK, "%s", error.message);
  s->options.manifest = manifest;
}

START_TEST(what_is_not_declared_is_not_asked) {
  scene s;
  lp_manifest manifest;
  static const char *const required[] = {"u", "t"};
  set_up(&s, no_errata);
  declare(&s, &manifest, "{\"ranks\": {\"min\": 0, \"max\": 0}}");
  s.options.require = required;
  s.options.n_require = 2;
  certify(&s, "reference");
  ck_assert_int_eq(s.run.n_ran, 1);
  ck_assert_int_eq(s.run.n_omissions, 1);
  ck_assert_int_eq(s.run.omissions[0].cases, 2);
  ck_assert_str_eq(s.run.omissions[0].why, "not declared: rank 1 of input");
  ck_assert_str_eq(s.run.results[0].not_run, "not declared: rank 1 of input");
  ck_assert_int_eq(s.run.results[0].verdicts[0].kind, LP_VERDICT_UNSUPPORTED);
  ck_assert_int_eq(s.run.n_unmet, 1);
  ck_assert_str_eq(s.run.unmet[0], "t");
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 4);
  tear_down(&s);
}
END_TEST

/* The answers hold both gradients; only the declared one is looked at. */
START_TEST(only_declared_gradients_are_judged) {
  scene s;
  lp_manifest manifest;
  set_up(&s, no_errata);
  add_fixtures(&s);
  answers_with_first_loss(&s, 7.0 / 3.0);
  declare(&s, &manifest, "{\"gradients\": [\"input\"]}");
  certify_answers(&s);
  ck_assert_int_eq(s.run.results[0].verdicts[2].kind, LP_VERDICT_PASS);
  ck_assert_int_eq(s.run.results[0].verdicts[3].kind, LP_VERDICT_UNSUPPORTED);
  ck_assert_int_eq(s.run.omissions[0].outputs, 2);
  ck_assert_str_eq(s.run.omissions[0].why, "not declared: the gradient of target");
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 0);
  tear_down(&s);
}
END_TEST

/* Without a manifest a question without an answer is unsupported; under one it was declared, and is a fail. */
START_TEST(what_is_declared_must_be_answered) {
  scene s;
  lp_manifest manifest;
  set_up(&s, no_errata);
  add_fixtures(&s);
  answers_with_first_loss(&s, 7.0 / 3.0);
  s.suite.entries[2].c.id = "x";
  declare(&s, &manifest, "{}");
  certify_answers(&s);
  ck_assert_int_eq(s.run.results[2].verdicts[0].kind, LP_VERDICT_FAIL);
  ck_assert_int_eq(s.run.results[2].verdicts[0].cause, LP_CAUSE_UNSUPPORTED);
  ck_assert_ptr_nonnull(strstr(s.run.results[2].verdicts[0].reason, "declared, but answered as unsupported"));
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 1);
  tear_down(&s);
}
END_TEST

START_TEST(shards_share_out_the_cases) {
  int total = 0;
  for (int i = 1; i <= 3; i++) {
    scene s;
    set_up(&s, no_errata);
    s.options.shard = i;
    s.options.shards = 3;
    certify(&s, "reference");
    total += s.run.n_results;
    tear_down(&s);
  }
  ck_assert_int_eq(total, 3);
}
END_TEST

START_TEST(fail_fast_ends_with_the_first_finding) {
  scene s;
  set_up(&s, no_errata);
  add_fixtures(&s);
  answers_with_first_loss(&s, 7.0);
  s.options.fail_fast = true;
  certify_answers(&s);
  ck_assert_int_eq(s.run.n_results, 1);
  ck_assert_int_eq(s.run.n_selected, 3);
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 1);
  tear_down(&s);
}
END_TEST

START_TEST(a_stopped_run_judges_nothing_more) {
  static volatile sig_atomic_t stop = 1;
  scene s;
  set_up(&s, no_errata);
  s.options.stop = &stop;
  certify(&s, "reference");
  ck_assert_int_eq(s.run.n_results, 0);
  ck_assert(s.run.interrupted);
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 130);
  tear_down(&s);
}
END_TEST

/* --- laws --- */

START_TEST(the_reference_keeps_the_laws) {
  scene s;
  set_up(&s, no_errata);
  s.options.laws_every = 1;
  certify(&s, "reference");
  ck_assert_int_gt(s.run.laws.hold, 10);
  ck_assert_int_eq(s.run.laws.broken, 0);
  ck_assert_int_eq(s.run.counts[LP_VERDICT_PASS], 4 + 1 + 4); /* laws are counted apart */
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 0);
  tear_down(&s);
}
END_TEST

/* Answers to derived cases come from the file; one that is not there is no fault, one that is wrong is. */
static void certify_derived(scene *s, bool spoil) {
  lp_suite with = {0};
  lp_error error = {0};
  set_up(s, no_errata);
  ck_assert_int_eq(lp_suite_init(&with, &error), LP_OK);
  ck_assert_int_eq(lp_derived_add(&with, &s->suite, 1, &error), LP_OK);
  ck_assert_int_gt(with.count, 20);
  const lp_suite own = s->suite;
  s->suite = with;
  add_fixtures(s);
  for (int i = 0; spoil && i < with.count; i++) {
    if (strcmp(with.entries[i].c.id, "t/l1/a#upstream-zero") == 0) *lp_outcome_grad(&with.entries[i].outcome, 0) = 0.5;
  }
  answers_with_first_loss(s, 7.0 / 3.0);
  s->suite = own;
  s->options.laws_every = 1;
  certify_answers(s);
  lp_suite_clear(&with);
}

START_TEST(laws_hold_for_answers_in_a_file) {
  scene s;
  certify_derived(&s, false);
  ck_assert_int_gt(s.run.laws.hold, 10);
  ck_assert_int_eq(s.run.laws.unanswered, 0);
  ck_assert_int_eq(s.run.laws.broken, 0);
  tear_down(&s);
}
END_TEST

START_TEST(a_broken_law_is_a_fail_of_its_own) {
  scene s;
  char name[LP_NAME_MAX], signature[160];
  certify_derived(&s, true);
  ck_assert_int_eq(s.run.laws.broken, 1);
  ck_assert_int_eq(s.run.counts[LP_VERDICT_FAIL], 1);
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 1);
  const lp_result *r = &s.run.results[0];
  for (int i = 0; i < r->n_verdicts; i++) {
    if (r->verdicts[i].kind != LP_VERDICT_FAIL) continue;
    ck_assert_str_eq(lp_result_output(name, r, i), "law/upstream-zero");
    ck_assert_str_eq(lp_result_signature(signature, sizeof signature, r, i), "l1/law/upstream-zero");
    ck_assert_str_eq(r->about[i].id, "t/l1/a#upstream-zero");
    ck_assert_int_eq(r->off[i], LP_OFF_CANDIDATE);
    ck_assert(!lp_result_is_hygiene(r, i));
  }
  tear_down(&s);
}
END_TEST

START_TEST(laws_without_answers_say_so) {
  scene s;
  set_up(&s, no_errata);
  add_fixtures(&s);
  answers_with_first_loss(&s, 7.0 / 3.0);
  s.options.laws_every = 1;
  certify_answers(&s);
  ck_assert_int_eq(s.run.laws.hold, 0);
  ck_assert_int_gt(s.run.laws.unanswered, 10);
  ck_assert_int_eq(lp_certification_exit_code(&s.run), 0);
  tear_down(&s);
}
END_TEST

/* --- conduct --- */

/* A case that the hostile plugins know: the sum of l1 over four elements; theirs is the one that begins with 666. */
static const char trap[] =
    "[{\"id\": \"t/l1/a\", \"loss\": \"l1\", \"params\": {\"reduction\": \"sum\"}, \"inputs\": {\"input\": [1, 2, 3, "
    "4], "
    "\"target\": [0, 1, 5, 4]}},"
    " {\"id\": \"t/l1/b\", \"loss\": \"l1\", \"params\": {\"reduction\": \"sum\"}, \"inputs\": {\"input\": [666, 2, 3, "
    "4], "
    "\"target\": [0, 1, 5, 4]}}]";

static void certify_hostile(scene *s, const char *name) {
  char description[1024];
  lp_error error = {0};
  lp_json_shape shape;
  set_up(s, no_errata);
  s->suite.count = 0;
  ck_assert_int_eq(lp_json_read_text(&s->suite, &shape, trap, strlen(trap), "q", &error), LP_OK);
  snprintf(description, sizeof description, "plugin:" LOSSPROOF_PLUGINS "/hostile/%s.so", name);
  certify(s, description);
  ck_assert_int_eq(s->run.counts[LP_VERDICT_PASS] >= 4, 1); /* the other case keeps its verdicts */
  ck_assert_int_eq(lp_certification_exit_code(&s->run), 1);
}

START_TEST(a_crash_is_a_fail_with_its_own_words) {
  scene s;
  certify_hostile(&s, "segfault");
  const lp_verdict *v = &s.run.results[1].verdicts[0];
  ck_assert_int_eq(v->kind, LP_VERDICT_FAIL);
  ck_assert_ptr_nonnull(strstr(v->reason, "SIGSEGV"));
  ck_assert_int_eq(s.run.conduct[LP_CONDUCT_SIGNAL] + s.run.conduct[LP_CONDUCT_OUT_OF_BOUNDS], 1);
  ck_assert_int_eq(s.run.results[0].n_verdicts, 4);
  tear_down(&s);
}
END_TEST

START_TEST(misconduct_is_a_verdict_beside_the_answer) {
  scene s;
  char name[LP_NAME_MAX], signature[160];
  certify_hostile(&s, "changes_input");
  const lp_result *r = &s.run.results[1];
  int found = 0;
  for (int i = 0; i < r->n_verdicts; i++) {
    if (r->verdicts[i].input != LP_OUTPUT_CONDUCT) continue;
    found++;
    ck_assert_int_eq(r->verdicts[i].cause, LP_CAUSE_CHANGED_INPUT);
    ck_assert(lp_result_is_hygiene(r, i));
    ck_assert_str_eq(lp_result_output(name, r, i), "conduct");
    ck_assert_str_eq(lp_result_signature(signature, sizeof signature, r, i), "l1/conduct/changed-input");
  }
  ck_assert_int_eq(found, 1);
  ck_assert_int_eq(s.run.conduct[LP_CONDUCT_CHANGED_INPUT], 1);
  tear_down(&s);
}
END_TEST

/* Right when the inputs are dense, wrong when they are not: the answer passes, the encore fails. */
START_TEST(an_encore_that_is_worse_is_told_beside_the_answer) {
  scene s;
  certify_hostile(&s, "ignores_strides");
  int found = 0;
  for (int k = 0; k < s.run.n_results; k++) {
    const lp_result *r = &s.run.results[k];
    for (int i = 0; i < r->n_verdicts; i++) {
      if (!r->about[i].encore) continue;
      found++;
      ck_assert_int_eq(r->verdicts[i].kind, LP_VERDICT_FAIL);
      ck_assert(lp_result_is_hygiene(r, i));
      ck_assert_ptr_nonnull(strstr(r->verdicts[i].reason, "(asked again: "));
    }
    ck_assert_int_eq(r->verdicts[1].kind, LP_VERDICT_PASS);
  }
  ck_assert_int_gt(found, 0);
  tear_down(&s);
}
END_TEST

int main(int argc, char **argv) {
  int exit_status;
  if (lp_serve_worker(&exit_status, argc, argv)) return exit_status;
  const TTest *const tests[] = {the_reference_conforms_to_right_fixtures,
                                an_unregistered_disagreement_is_the_harness_s_fault,
                                a_registered_disagreement_is_no_fault,
                                a_registered_disagreement_that_is_gone_is_noticed,
                                a_wrong_candidate_stands_alone,
                                at_an_erratum_the_definition_or_pytorch_is_right,
                                a_wrong_fixture_is_seen_under_any_candidate,
                                an_unanswered_suite_is_vacuous,
                                cases_are_selected,
                                jobs_change_nothing,
                                two_questions_of_one_id_are_refused,
                                an_answer_of_another_loss_is_refused,
                                a_question_without_its_inputs_is_refused,
                                a_fixture_may_contradict_the_reference_in_any_way,
                                the_reference_answers_in_the_dtype_of_the_case,
                                exit_codes_have_their_precedence,
                                candidates_that_are_not_there,
                                what_is_not_declared_is_not_asked,
                                only_declared_gradients_are_judged,
                                what_is_declared_must_be_answered,
                                shards_share_out_the_cases,
                                fail_fast_ends_with_the_first_finding,
                                a_stopped_run_judges_nothing_more,
                                the_reference_keeps_the_laws,
                                laws_hold_for_answers_in_a_file,
                                a_broken_law_is_a_fail_of_its_own,
                                laws_without_answers_say_so,
                                a_crash_is_a_fail_with_its_own_words,
                                misconduct_is_a_verdict_beside_the_answer,
                                an_encore_that_is_worse_is_told_beside_the_answer};
  return run_tests("certify", tests, sizeof tests / sizeof tests[0]);
}
