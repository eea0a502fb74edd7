/* The plugin door: right plugins answer as they would in process, and whatever a wrong one does becomes the answer to
 * that question, while all others keep theirs. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/candidate.h"
#include "harness/doors/worker.h"
#include "harness/examine.h"
#include "harness/generate.h"
#include "reference/tests/testing.h"

/* --- l1, sum, float64: what the hostile plugins know --- */

enum { N_CASES = 5, TRAP = 2, N_ELEMENTS = 4 };

typedef struct questions {
  lp_arena *arena;
  lp_trial *trials[N_CASES];
  const lp_case *cases[N_CASES];
  lp_answer answers[N_CASES];
} questions;

static lp_trial *make_trial(double first) {
  lp_trial *t = trial_new("l1");
  trial_real(t, "input", "4", (double[]){first, 2, 3, 4});
  trial_real(t, "target", "4", (double[]){0, 1, 5, 4});
  trial_reduction(t, "sum");
  return t;
}

static void make_questions(questions *q) {
  q->arena = lp_arena_new(0);
  for (int i = 0; i < N_CASES; i++) {
    q->trials[i] = make_trial(i == TRAP ? 666 : i + 1);
    q->cases[i] = &q->trials[i]->c;
  }
}

static void free_questions(questions *q) {
  for (int i = 0; i < N_CASES; i++) trial_free(q->trials[i]);
  lp_arena_free(q->arena);
}

static lp_candidate *open_plugin(const char *name, const lp_candidate_options *options) {
  char description[1024];
  lp_candidate *candidate;
  lp_error error = {.message = ""};
  snprintf(description, sizeof description, "plugin:" LOSSPROOF_PLUGINS "/%s.so", name);
  const lp_status status = lp_candidate_open(&candidate, description, options, &error);
  ck_assert_msg(status == LP_OK, "%s: %s", name, error.message);
  return candidate;
}

static const lp_candidate_options brisk = {
    .timeout = 10, .load_timeout = 60, .memory = (int64_t)1 << 29, .careless = false};

static void ask(questions *q, const char *name, const lp_candidate_options *options) {
  lp_error error = {.message = ""};
  lp_candidate *candidate = open_plugin(name, options);
  make_questions(q);
  const lp_status status = lp_candidate_ask(candidate, q->answers, q->arena, q->cases, N_CASES, &error);
  ck_assert_msg(status == LP_OK, "%s: %s", name, error.message);
  lp_candidate_close(candidate);
}

static void check_right(const questions *q, int i, const char *name) {
  const lp_answer *a = &q->answers[i];
  const double first = q->trials[i]->c.inputs[0].f64[0];
  ck_assert_msg(a->conduct == LP_CONDUCT_GOOD && a->outcome.kind == LP_OUTCOME_OK, "%s: case %d: %s (%s)", name, i,
                lp_conduct_name(a->conduct), a->conduct_text);
  ck_assert_int_eq(a->outcome.n_outputs, 3);
  ck_assert_double_eq(a->outcome.outputs[0].tensor.f64[0], first + 1 + 2);
  ck_assert_double_eq(a->outcome.outputs[1].tensor.f64[2], -1);
  ck_assert_double_eq(a->outcome.outputs[2].tensor.f64[2], 1);
  ck_assert_double_eq(a->outcome.outputs[1].tensor.f64[3], 0);
}

static void check_others(const questions *q, const char *name) {
  for (int i = 0; i < N_CASES; i++) {
    if (i != TRAP) check_right(q, i, name);
  }
}

typedef struct misdeed {
  const char *plugin;
  lp_conduct conduct;
  lp_outcome_kind kind;
  const char *text; /* part of what is said of it */
  double timeout;   /* 0: the usual one */
} misdeed;

static const misdeed misdeeds[] = {
    {"hostile/segfault", LP_CONDUCT_SIGNAL, LP_OUTCOME_CRASHED, "killed by signal 11 (SIGSEGV, invalid memory access)",
     0},
    {"hostile/raises_segv", LP_CONDUCT_SIGNAL, LP_OUTCOME_CRASHED, "killed by signal 11 (SIGSEGV", 0},
    {"hostile/aborts", LP_CONDUCT_SIGNAL, LP_OUTCOME_CRASHED, "it printed last: assertion failed: n < 3", 0},
    {"hostile/exits_0", LP_CONDUCT_EXIT, LP_OUTCOME_CRASHED, "ended by itself with exit code 0", 0},
    {"hostile/exits_3", LP_CONDUCT_EXIT, LP_OUTCOME_CRASHED,
     "exit code 3 instead of answering; it printed last: cannot find", 0},
    {"hostile/loops", LP_CONDUCT_HANG, LP_OUTCOME_TIMED_OUT, "no answer within 0.3 seconds (--timeout)", 0.3},
    {"hostile/hogs_memory", LP_CONDUCT_MEMORY, LP_OUTCOME_CRASHED, "MiB of resident memory; 512 MiB are allowed", 0},
    {"hostile/hogs_in_child", LP_CONDUCT_MEMORY, LP_OUTCOME_CRASHED, "MiB of resident memory; 512 MiB are allowed", 0},
    {"hostile/writes_past", LP_CONDUCT_OUT_OF_BOUNDS, LP_OUTCOME_CRASHED,
     "past the end of grad/input, at element 4 of 4", 0},
    {"hostile/writes_before", LP_CONDUCT_OUT_OF_BOUNDS, LP_OUTCOME_CRASHED,
     "before the start of grad/input, at element -1 of 4", 0},
    {"hostile/writes_far_before", LP_CONDUCT_STRAY_WRITE, LP_OUTCOME_OK,
     "before the start of grad/input (8 bytes before", 0},
    {"hostile/reads_past", LP_CONDUCT_OUT_OF_BOUNDS, LP_OUTCOME_CRASHED, "past the end of input, at element 4 of 4", 0},
    {"hostile/reads_before", LP_CONDUCT_OUT_OF_BOUNDS, LP_OUTCOME_CRASHED,
     "before the start of target, at element -1 of 4", 0},
    {"hostile/changes_input", LP_CONDUCT_CHANGED_INPUT, LP_OUTCOME_OK, "changed input, at element 2", 0},
    {"hostile/leaves_unwritten", LP_CONDUCT_UNWRITTEN, LP_OUTCOME_OK, "left element 3 of grad/input as it was", 0},
    {"hostile/adds_to_output", LP_CONDUCT_UNWRITTEN, LP_OUTCOME_OK, "element 0 of loss as it was, or added to it", 0},
    {"hostile/alternates", LP_CONDUCT_UNSTABLE, LP_OUTCOME_OK, "declares itself deterministic", 0},
    {"hostile/forks", LP_CONDUCT_EXIT, LP_OUTCOME_CRASHED, "ended by itself with exit code 5", 0},
    {"hostile/closes_files", LP_CONDUCT_CLOSED, LP_OUTCOME_CRASHED, "closed the pipe that it answers on and lives on",
     0},
    {"hostile/closes_pipe", LP_CONDUCT_CLOSED, LP_OUTCOME_CRASHED, "closed the pipe that it answers on and lives on",
     0},
    {"hostile/overflows_stack", LP_CONDUCT_SIGNAL, LP_OUTCOME_CRASHED, "SIGSEGV", 0},
    {"hostile/writes_garbage", LP_CONDUCT_GARBAGE, LP_OUTCOME_CRASHED, "no answer into the pipe of answers", 0},
    {"hostile/writes_length", LP_CONDUCT_OVERSIZED, LP_OUTCOME_CRASHED, "longer than the", 0},
    {"hostile/divides_by_zero", LP_CONDUCT_SIGNAL, LP_OUTCOME_CRASHED, "SIGFPE, trapped arithmetic", 0},
    {"hostile/returns_unknown", LP_CONDUCT_GARBAGE, LP_OUTCOME_CRASHED, "run() returned 7", 0},
    {"hostile/overlong_message", LP_CONDUCT_OUT_OF_BOUNDS, LP_OUTCOME_CRASHED, "past the end of message, at element 2",
     0},
};

enum { N_MISDEEDS = sizeof misdeeds / sizeof misdeeds[0] };

START_TEST(each_misdeed) {
  const misdeed *m = &misdeeds[_i];
  lp_candidate_options options = brisk;
  questions q;
  if (m->timeout > 0) options.timeout = m->timeout;
  ask(&q, m->plugin, &options);
  const lp_answer *a = &q.answers[TRAP];
  ck_assert_msg(a->conduct == m->conduct, "%s: %s (%s)", m->plugin, lp_conduct_name(a->conduct), a->conduct_text);
  ck_assert_msg(strstr(a->conduct_text, m->text) != NULL, "%s: %s", m->plugin, a->conduct_text);
  ck_assert_int_eq(a->outcome.kind, m->kind);
  check_others(&q, m->plugin);
  free_questions(&q);
}
END_TEST

/* What the processor knows of the access. */
START_TEST(reading_and_writing) {
#if defined(__x86_64__)
  questions q;
  ask(&q, "hostile/writes_past", &brisk);
  ck_assert_str_eq(q.answers[TRAP].conduct_text, "wrote past the end of grad/input, at element 4 of 4");
  free_questions(&q);
  ask(&q, "hostile/reads_before", &brisk);
  ck_assert_str_eq(q.answers[TRAP].conduct_text, "read before the start of target, at element -1 of 4");
  free_questions(&q);
#endif
}
END_TEST

/* Strange, and allowed. */
START_TEST(odd_but_right) {
  static const char *const plugins[] = {"hostile/chatters", "hostile/sets_rounding", "hostile/obeys_strides"};
  for (int k = 0; k < 3; k++) {
    questions q;
    ask(&q, plugins[k], &brisk);
    for (int i = 0; i < N_CASES; i++) {
      check_right(&q, i, plugins[k]);
      ck_assert_int_eq(q.answers[i].n_encores, 0);
    }
    free_questions(&q);
  }
}
END_TEST

START_TEST(a_refusal) {
  questions q;
  ask(&q, "hostile/unsupported", &brisk);
  ck_assert_int_eq(q.answers[TRAP].outcome.kind, LP_OUTCOME_UNSUPPORTED);
  ck_assert_int_eq(q.answers[TRAP].conduct, LP_CONDUCT_GOOD);
  ck_assert_str_eq(q.answers[TRAP].outcome.message, "not on Tuesdays");
  check_others(&q, "unsupported");
  free_questions(&q);
}
END_TEST

/* A forged answer takes no other question's place. */
START_TEST(forgeries) {
  questions q;
  ask(&q, "hostile/forges_answers", &brisk);
  ck_assert_int_eq(q.answers[TRAP].conduct, LP_CONDUCT_GARBAGE);
  check_others(&q, "forges_answers");
  free_questions(&q);
}
END_TEST

START_TEST(scribbling) {
  questions q;
  ask(&q, "hostile/scribbles", &brisk);
  ck_assert_int_ne(q.answers[TRAP].outcome.kind, LP_OUTCOME_OK);
  check_others(&q, "scribbles");
  free_questions(&q);
}
END_TEST

START_TEST(encores) {
  questions q;
  ask(&q, "hostile/ignores_strides", &brisk);
  const lp_answer *a = &q.answers[TRAP];
  ck_assert_int_eq(a->conduct, LP_CONDUCT_GOOD);
  ck_assert_int_eq(a->n_encores, 1);
  ck_assert_str_eq(a->encore_names[0], "strided inputs");
  ck_assert_double_eq(a->outcome.outputs[0].tensor.f64[0], 669);
  ck_assert(isnan(a->encores[0].outputs[0].tensor.f64[0]));
  check_others(&q, "ignores_strides");
  free_questions(&q);
  ask(&q, "hostile/alternates", &brisk);
  ck_assert_int_eq(q.answers[TRAP].n_encores, 1);
  ck_assert_str_eq(q.answers[TRAP].encore_names[0], "buffers after a guard page");
  ck_assert_double_eq(q.answers[TRAP].encores[0].outputs[0].tensor.f64[0], 670);
  free_questions(&q);
}
END_TEST

START_TEST(careless) {
  lp_candidate_options options = brisk;
  questions q;
  options.careless = true;
  ask(&q, "hostile/leaves_unwritten", &options);
  ck_assert_int_eq(q.answers[TRAP].conduct, LP_CONDUCT_GOOD);
  ck_assert(isnan(q.answers[TRAP].outcome.outputs[1].tensor.f64[3]));
  check_others(&q, "leaves_unwritten");
  free_questions(&q);
  ask(&q, "hostile/changes_input", &options);
  ck_assert_int_eq(q.answers[TRAP].conduct, LP_CONDUCT_CHANGED_INPUT);
  free_questions(&q);
}
END_TEST

/* --- what cannot be opened --- */

typedef struct misfit {
  const char *plugin;
  lp_status status;
  const char *text;
} misfit;

static const misfit misfits[] = {
    {"hostile/no_such_file.so", LP_IO, "No such file"},
    {"../CMakeCache.txt", LP_IO, "cannot be loaded: "},
    {"hostile/crashes_at_load.so", LP_IO, "its process was killed by signal 6 (SIGABRT"},
    {"hostile/no_symbol.so", LP_INVALID, "exports no function lossproof_plugin()"},
    {"hostile/no_descriptor.so", LP_INVALID, "returned NULL instead of a descriptor"},
    {"hostile/wrong_abi.so", LP_INVALID, "speaks version 7 of the plugin interface, this program version 1"},
    {"hostile/bad_manifest.so", LP_INVALID, "the manifest of plugin:"},
    {"hostile/strange_manifest.so", LP_INVALID, "float128"},
};

START_TEST(each_misfit) {
  const misfit *m = &misfits[_i];
  char description[1024];
  lp_candidate *candidate = NULL;
  lp_error error = {.message = ""};
  snprintf(description, sizeof description, "plugin:" LOSSPROOF_PLUGINS "/%s", m->plugin);
  ck_assert_int_eq(lp_candidate_open(&candidate, description, &brisk, &error), m->status);
  ck_assert_msg(strstr(error.message, m->text) != NULL, "%s", error.message);
  ck_assert_ptr_null(candidate);
}
END_TEST

START_TEST(no_path) {
  lp_candidate *candidate;
  lp_error error;
  ck_assert_int_eq(lp_candidate_open(&candidate, "plugin:", &brisk, &error), LP_INVALID);
  ck_assert_ptr_nonnull(strstr(error.message, "expected plugin:PATH.so"));
}
END_TEST

/* --- right plugins --- */

static bool same_number(double a, double b) { return a == b ? signbit(a) == signbit(b) : isnan(a) && isnan(b); }

static void check_close(const lp_case *c, const lp_outcome *got, const lp_outcome *reference) {
  ck_assert_msg(got->kind == reference->kind || got->kind == LP_OUTCOME_UNSUPPORTED, "%s: %s %s", c->id,
                lp_outcome_kind_name(got->kind), got->message);
  if (got->kind == LP_OUTCOME_REJECTED) ck_assert_str_ne(got->message, "");
  if (got->kind != LP_OUTCOME_OK) return;
  ck_assert_int_eq(got->n_outputs, reference->n_outputs);
  for (int k = 0; k < got->n_outputs; k++) {
    const lp_tensor *x = &got->outputs[k].tensor, *y = &reference->outputs[k].tensor;
    ck_assert_int_eq(got->outputs[k].input, reference->outputs[k].input);
    ck_assert_int_eq(x->dtype, y->dtype);
    ck_assert(lp_tensor_same_shape(x, y));
    for (int64_t i = 0; i < x->numel; i++) ck_assert(same_number(x->f64[i], lp_dtype_round(x->dtype, x->f64[i])));
  }
}

static bool is_small(const lp_case *c) {
  bool small = true;
  for (int i = 0; i < c->loss->n_inputs; i++) small = small && c->inputs[i].numel <= 1000;
  return small;
}

/* Every loss, in every floating dtype, over generated cases. Whether the numbers are right, certify decides. */
START_TEST(the_plain_plugin) {
  lp_error error = {.message = ""};
  lp_suite suite;
  lp_candidate *candidate = open_plugin("plain_plugin", NULL);
  ck_assert_str_eq(lp_manifest_find(lp_candidate_manifest(candidate), lp_registry_at(0))->deterministic ? "yes" : "no",
                   "yes");
  ck_assert_int_eq(lp_suite_init(&suite, &error), LP_OK);
  for (int i = 0; i < lp_registry_count(); i++) {
    const lp_generate_options options = {.seed = 5, .dtype = (lp_dtype)(i % 4), .suite = "core"};
    ck_assert_int_eq(lp_generate(&suite, lp_registry_at(i), &options, &error), LP_OK);
  }
  const lp_case **cases = lp_arena_alloc(suite.arena, (size_t)suite.count, sizeof *cases);
  lp_answer *answers = lp_arena_alloc(suite.arena, (size_t)suite.count, sizeof *answers);
  int n = 0;
  for (int i = 0; i < suite.count; i += 3) {
    if (is_small(&suite.entries[i].c)) cases[n++] = &suite.entries[i].c;
  }
  ck_assert_int_eq(lp_candidate_ask(candidate, answers, suite.arena, cases, n, &error), LP_OK);
  for (int i = 0; i < n; i++) {
    lp_examination e;
    ck_assert_msg(answers[i].conduct == LP_CONDUCT_GOOD, "%s: %s", cases[i]->id, answers[i].conduct_text);
    ck_assert_msg(answers[i].n_encores == 0, "%s", cases[i]->id);
    ck_assert_int_eq(lp_examine(&e, suite.arena, cases[i], &error), LP_OK);
    check_close(cases[i], &answers[i].outcome, &e.reference);
  }
  lp_candidate_close(candidate);
  lp_suite_clear(&suite);
}
END_TEST

/* More than any pipe holds, in both directions, and many questions under way. */
START_TEST(large_questions) {
  enum { N = 6, ELEMENTS = 300000 };
  static double numbers[ELEMENTS];
  lp_trial *trials[N];
  const lp_case *cases[N];
  lp_answer answers[N];
  lp_error error = {.message = ""};
  lp_arena *arena = lp_arena_new(0);
  for (int i = 0; i < ELEMENTS; i++) numbers[i] = i % 7 - 3;
  for (int k = 0; k < N; k++) {
    trials[k] = trial_new("l1");
    trial_real(trials[k], "input", "300000", numbers);
    trial_real(trials[k], "target", "300000", numbers);
    trial_reduction(trials[k], "none");
    cases[k] = &trials[k]->c;
  }
  lp_candidate *candidate = open_plugin("plain_plugin", NULL);
  ck_assert_int_eq(lp_candidate_ask(candidate, answers, arena, cases, N, &error), LP_OK);
  for (int k = 0; k < N; k++) {
    ck_assert_int_eq(answers[k].outcome.kind, LP_OUTCOME_OK);
    ck_assert_double_eq(answers[k].outcome.outputs[0].tensor.f64[ELEMENTS - 1], 0);
    trial_free(trials[k]);
  }
  lp_candidate_close(candidate);
  lp_arena_free(arena);
}
END_TEST

int main(int argc, char **argv) {
  int exit_status;
  if (lp_serve_worker(&exit_status, argc, argv)) return exit_status;
  Suite *suite = suite_create("plugin door");
  TCase *tests = tcase_create("all");
  tcase_set_timeout(tests, 120);
  tcase_add_loop_test(tests, each_misdeed, 0, N_MISDEEDS);
  tcase_add_loop_test(tests, each_misfit, 0, (int)(sizeof misfits / sizeof misfits[0]));
  tcase_add_test(tests, reading_and_writing);
  tcase_add_test(tests, odd_but_right);
  tcase_add_test(tests, a_refusal);
  tcase_add_test(tests, forgeries);
  tcase_add_test(tests, scribbling);
  tcase_add_test(tests, encores);
  tcase_add_test(tests, careless);
  tcase_add_test(tests, no_path);
  tcase_add_test(tests, the_plain_plugin);
  tcase_add_test(tests, large_questions);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? 0 : 1;
}
