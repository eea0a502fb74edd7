/* The pipe: programs that answer as they should, and hostile ones. Whatever one case brings about, the others have
 * their answers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/candidate.h"
#include "reference/tests/testing.h"

enum { N_CASES = 7, GUILTY = 3 };

static lp_trial *trials[N_CASES];
static const lp_case *cases[N_CASES];
static lp_answer answers[N_CASES];
static lp_arena *arena;
static lp_candidate *candidate;
static lp_error failure;

/* l1, reduction sum, of (k, 1) and (0, 3): the loss is k + 2. */
static void open_cases(void) {
  static const char *const ids[N_CASES] = {"0", "1", "2", "3!", "4", "5", "6."};
  arena = lp_arena_new(0);
  for (int k = 0; k < N_CASES; k++) {
    trials[k] = trial_new("l1");
    trials[k]->c.id = ids[k];
    trial_real(trials[k], "input", "2", (double[]){k, 1});
    trial_real(trials[k], "target", "2", (double[]){0, 3});
    trial_reduction(trials[k], "sum");
    cases[k] = &trials[k]->c;
  }
}

static void close_cases(void) {
  lp_candidate_close(candidate);
  candidate = NULL;
  for (int k = 0; k < N_CASES; k++) trial_free(trials[k]);
  lp_arena_free(arena);
}

static lp_status open_command(const char *command, double timeout, int64_t memory) {
  char description[640];
  lp_candidate_options options = LP_CANDIDATE_DEFAULTS;
  options.timeout = timeout;
  if (memory) options.memory = memory;
  options.load_timeout = strstr(command, "mute") ? 0.3 : 60;
  snprintf(description, sizeof description, "exec:%s", command);
  failure.message[0] = 0;
  return lp_candidate_open(&candidate, description, &options, &failure);
}

static lp_status open_hostile(const char *fault, double timeout, int64_t memory) {
  char command[512];
  snprintf(command, sizeof command, "python3 '%s/harness/tests/hostile/pipe.py' %s", LOSSPROOF_SOURCE_DIR, fault);
  return open_command(command, timeout, memory);
}

static void ask(int n) {
  ck_assert_msg(lp_candidate_ask(candidate, answers, arena, cases, n, &failure) == LP_OK, "%s", failure.message);
}

static void check_right(int k) {
  const lp_answer *a = &answers[k];
  ck_assert_msg(a->conduct == LP_CONDUCT_GOOD, "case %d: %s", k, a->conduct_text);
  ck_assert_int_eq(a->outcome.kind, LP_OUTCOME_OK);
  ck_assert_int_eq(a->outcome.n_outputs, 3);
  check_same(lp_outcome_loss(&a->outcome)[0], k + 2);
  check_same(lp_outcome_grad(&a->outcome, 0)[1], -1);
  check_same(lp_outcome_grad(&a->outcome, 1)[1], 1);
  ck_assert_int_eq(a->n_encores, 0);
}

static void check_others(void) {
  for (int k = 0; k < N_CASES; k++) {
    if (k != GUILTY) check_right(k);
  }
}

START_TEST(a_good_program_answers_all) {
  ck_assert_msg(open_hostile("nothing", 10, 0) == LP_OK, "%s", failure.message);
  ck_assert_str_eq(lp_candidate_manifest(candidate)->name, "hostile");
  for (int round = 0; round < 3; round++) {
    ask(N_CASES);
    check_others();
    check_right(GUILTY);
  }
  ask(1);
  check_right(0);
}
END_TEST

/* Case 3 brings the fault about. timeout 0: generous. */
static const struct {
  const char *fault;
  lp_conduct conduct;
  const char *says;
  double timeout;
  int64_t memory;
} hostile[] = {
    {"garbage", LP_CONDUCT_GARBAGE, "\"Segmentation fault ?[31m(just kidding)\"", 0, 0},
    {"binary", LP_CONDUCT_GARBAGE, "\"?????", 0, 0},
    {"deep", LP_CONDUCT_GARBAGE, "[[[[[...\"", 0, 0},
    {"wrong-id", LP_CONDUCT_GARBAGE, "expected the id of the question, \"3!\", got \"another\"", 0, 0},
    {"unknown-key", LP_CONDUCT_GARBAGE, "unknown key \"gard\"", 0, 0},
    {"bare-nan", LP_CONDUCT_GARBAGE, "answer:1:", 0, 0},
    {"short-data", LP_CONDUCT_GARBAGE, "answer.loss.data: 8 bytes of data: expected 16", 0, 0},
    {"wrong-dtype", LP_CONDUCT_GARBAGE, "loss: expected float64, got float32", 0, 0},
    {"no-newline", LP_CONDUCT_HANG, "no answer within 0.3 seconds", 0.3, 0},
    {"hangs", LP_CONDUCT_HANG, "no answer within 0.3 seconds", 0.3, 0},
    {"leaves-its-group", LP_CONDUCT_HANG, "no answer within 0.3 seconds", 0.3, 0},
    {"memory-outside-its-group", LP_CONDUCT_MEMORY, "resident memory", 0, (int64_t)300 << 20},
    {"endless-line", LP_CONDUCT_OVERSIZED, "longer than", 0, 0},
    {"closes-stdout", LP_CONDUCT_CLOSED, "closed the pipe", 0, 0},
    {"exits", LP_CONDUCT_EXIT, "I have had enough", 0, 0},
    {"half-an-answer", LP_CONDUCT_EXIT, "", 0, 0},
    {"kills-itself", LP_CONDUCT_SIGNAL, "SIGSEGV", 0, 0},
    {"forks", LP_CONDUCT_EXIT, "4", 0, 0},
    {"memory", LP_CONDUCT_MEMORY, "resident memory", 0, (int64_t)300 << 20},
    {"buffers", LP_CONDUCT_EXIT, "5", 0, 0},
};

START_TEST(a_fault_is_its_cases_answer_and_no_other_suffers) {
  ck_assert_msg(
      open_hostile(hostile[_i].fault, hostile[_i].timeout > 0 ? hostile[_i].timeout : 60, hostile[_i].memory) == LP_OK,
      "%s", failure.message);
  ask(N_CASES);
  const lp_answer *a = &answers[GUILTY];
  ck_assert_msg(a->conduct == hostile[_i].conduct, "%s: %s, %s", hostile[_i].fault, lp_conduct_name(a->conduct),
                a->conduct_text);
  ck_assert_msg(strstr(a->conduct_text, hostile[_i].says), "%s says: %s", hostile[_i].fault, a->conduct_text);
  ck_assert_int_eq(a->outcome.kind, hostile[_i].conduct == LP_CONDUCT_HANG ? LP_OUTCOME_TIMED_OUT : LP_OUTCOME_CRASHED);
  ck_assert_str_eq(a->outcome.message, a->conduct_text);
  check_others();
}
END_TEST

/* Answers that are answers: what is wrong with them is the judge's business. */
START_TEST(a_wrong_answer_is_one) {
  ck_assert_int_eq(open_hostile("wrong-shape", 60, 0), LP_OK);
  ask(N_CASES);
  check_others();
  ck_assert_int_eq(answers[GUILTY].conduct, LP_CONDUCT_GOOD);
  ck_assert_int_eq(lp_outcome_find(&answers[GUILTY].outcome, LP_OUTPUT_LOSS)->tensor.rank, 1);
}
END_TEST

START_TEST(a_missing_gradient_is_left_out) {
  ck_assert_int_eq(open_hostile("missing-gradient", 60, 0), LP_OK);
  ask(N_CASES);
  check_others();
  ck_assert_int_eq(answers[GUILTY].outcome.n_outputs, 2);
}
END_TEST

START_TEST(a_program_may_say_itself_that_it_failed) {
  ck_assert_int_eq(open_hostile("says-crashed", 60, 0), LP_OK);
  ask(N_CASES);
  check_others();
  ck_assert_int_eq(answers[GUILTY].outcome.kind, LP_OUTCOME_CRASHED);
  ck_assert_str_eq(answers[GUILTY].outcome.message, "ZeroDivisionError: division by zero");
}
END_TEST

/* The answer too many is seen at the next case: it gets another program, and its answer. */
START_TEST(two_answers_to_one_question) {
  ck_assert_int_eq(open_hostile("twice", 60, 0), LP_OK);
  ask(N_CASES);
  int garbage = 0;
  for (int k = 0; k < N_CASES; k++) garbage += answers[k].conduct == LP_CONDUCT_GARBAGE;
  ck_assert_int_eq(garbage, 1);
  check_right(0);
  check_right(GUILTY);
  check_right(N_CASES - 1);
}
END_TEST

/* Every program of this kind answers "1" before it is asked, so no case gets through but every case has its answer. */
START_TEST(answers_before_they_are_asked_for) {
  ck_assert_int_eq(open_hostile("answers-before-asked", 60, 0), LP_OK);
  ask(2);
  ck_assert_int_eq(answers[0].conduct, LP_CONDUCT_GARBAGE);
  ck_assert_int_ne(answers[1].outcome.kind, LP_OUTCOME_REJECTED);
}
END_TEST

START_TEST(a_program_that_never_answers_is_started_anew_for_each_case) {
  ck_assert_int_eq(open_hostile("exits-after-handshake", 60, 0), LP_OK);
  ask(3);
  for (int k = 0; k < 3; k++) {
    ck_assert_int_eq(answers[k].conduct, LP_CONDUCT_EXIT);
    ck_assert_int_eq(answers[k].outcome.kind, LP_OUTCOME_CRASHED);
  }
}
END_TEST

/* It hears the questions that are in its pipe already, or none. */
START_TEST(a_deaf_program_does_not_stop_the_run) {
  ck_assert_int_eq(open_hostile("deaf", 0.5, 0), LP_OK);
  ask(N_CASES);
  check_others();
  ck_assert_int_ne(answers[GUILTY].conduct, LP_CONDUCT_GOOD);
}
END_TEST

/* ---- Handshakes ---- */

static const struct {
  const char *command; /* NULL: of the hostile program, this fault */
  const char *fault;
  lp_status status;
  const char *says;
} handshakes[] = {
    {NULL, "banner", LP_INVALID, "\"Welcome to numerics 3.1!\""},
    {NULL, "refuses", LP_IO, "no licence found"},
    {NULL, "mute", LP_IO, "no answer within 0.3 seconds"},
    {NULL, "old-protocol", LP_INVALID, "it speaks protocol 0, and this program protocol 1"},
    {NULL, "boastful", LP_INVALID, "manifest.dtypes[0]: expected float64"},
    {"no-such-program --at --all", "", LP_IO, "not found"},
    {"true", "", LP_IO, "no greeting from exec:"},
    {"echo hello; cat >/dev/null", "", LP_INVALID, "\"hello\""},
    {"kill -9 $$", "", LP_IO, "SIGKILL"},
    {"  ", "", LP_INVALID, "expected a command, exec:COMMAND"},
};

START_TEST(a_handshake_that_fails_is_said) {
  const lp_status status =
      handshakes[_i].command ? open_command(handshakes[_i].command, 10, 0) : open_hostile(handshakes[_i].fault, 10, 0);
  ck_assert_msg(status == handshakes[_i].status, "%d: status %d, %s", _i, (int)status, failure.message);
  ck_assert_msg(strstr(failure.message, handshakes[_i].says), "%d says: %s", _i, failure.message);
  ck_assert_ptr_null(candidate);
}
END_TEST

/* ---- Examples ---- */

START_TEST(a_command_may_be_a_line_of_shell) {
  char command[512];
  snprintf(command, sizeof command, "FAULT=nothing; cd / && python3 '%s/harness/tests/hostile/pipe.py' $FAULT",
           LOSSPROOF_SOURCE_DIR);
  ck_assert_msg(open_command(command, 10, 0) == LP_OK, "%s", failure.message);
  ask(N_CASES);
  check_others();
  check_right(GUILTY);
}
END_TEST

int main(void) {
  if (system("python3 -c 'import json' >/dev/null 2>&1") != 0) {
    printf("skipped: there is no python3 for the hostile programs\n");
    return 77;
  }
  Suite *suite = suite_create("exec_door");
  TCase *tests = tcase_create("exec_door");
  const TTest *const all[] = {a_good_program_answers_all,
                              a_wrong_answer_is_one,
                              a_missing_gradient_is_left_out,
                              a_program_may_say_itself_that_it_failed,
                              two_answers_to_one_question,
                              answers_before_they_are_asked_for,
                              a_program_that_never_answers_is_started_anew_for_each_case,
                              a_deaf_program_does_not_stop_the_run,
                              a_command_may_be_a_line_of_shell};
  tcase_set_timeout(tests, 120);
  tcase_add_checked_fixture(tests, open_cases, close_cases);
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) tcase_add_test(tests, all[i]);
  tcase_add_loop_test(tests, a_fault_is_its_cases_answer_and_no_other_suffers, 0, sizeof hostile / sizeof hostile[0]);
  tcase_add_loop_test(tests, a_handshake_that_fails_is_said, 0, sizeof handshakes / sizeof handshakes[0]);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed > 0;
}
