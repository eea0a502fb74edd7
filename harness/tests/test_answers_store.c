/* The store of answers: every answer comes back as it was, and nothing else does. */
#include "harness/answers_store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/examine.h"
#include "reference/tests/testing.h"

typedef struct scene {
  char path[64];
  lp_arena *arena;
  lp_candidate *candidate;
  lp_trial *trial;
  lp_answer_store *store;
} scene;

static void set_up(scene *s) {
  lp_error error = {.message = ""};
  *s = (scene){.path = "/tmp/lossproof-test-XXXXXX", .arena = lp_arena_new(0), .trial = trial_new("l1")};
  const int fd = mkstemp(s->path);
  ck_assert_int_ge(fd, 0);
  close(fd);
  unlink(s->path);
  trial_real(s->trial, "input", "2", (double[]){-0.0, NAN});
  trial_real(s->trial, "target", "2", (double[]){1, 0.1});
  trial_reduction(s->trial, "none");
  s->trial->c.id = "t/a \"quoted\"";
  ck_assert_int_eq(lp_candidate_open(&s->candidate, "reference", NULL, &error), LP_OK);
}

static void tear_down(scene *s) {
  lp_error error;
  ck_assert_int_eq(lp_answer_store_close(s->store, &error), LP_OK);
  lp_candidate_close(s->candidate);
  trial_free(s->trial);
  lp_arena_free(s->arena);
  unlink(s->path);
}

static void open_store(scene *s, bool resume) {
  lp_error error = {.message = ""};
  ck_assert_int_eq(lp_answer_store_close(s->store, &error), LP_OK);
  ck_assert_msg(lp_answer_store_open(&s->store, s->path, resume, s->candidate, &error) == LP_OK, "%s", error.message);
}

static const lp_answer *find(scene *s, const lp_case *c) {
  lp_error error;
  const lp_answer *found;
  ck_assert_int_eq(lp_answer_store_find(&found, s->store, c, &error), LP_OK);
  return found;
}

static void keep(scene *s, lp_answer *answer) {
  lp_error error = {.message = ""};
  ck_assert_int_eq(lp_candidate_answer(s->candidate, &answer->outcome, s->arena, &s->trial->c, &error), LP_OK);
  ck_assert_int_eq(lp_answer_store_add(s->store, &s->trial->c, answer, &error), LP_OK);
}

START_TEST(answers_come_back) {
  scene s;
  set_up(&s);
  lp_answer answer = {.conduct = LP_CONDUCT_STRAY_WRITE, .conduct_text = "8 bytes\nbefore", .n_encores = 1};
  answer.encores[0] = (lp_outcome){.kind = LP_OUTCOME_REJECTED, .message = "no"};
  answer.encore_names[0] = "buffers after a guard page";
  open_store(&s, true);
  keep(&s, &answer);
  open_store(&s, true);
  ck_assert_int_eq(lp_answer_store_count(s.store), 1);
  const lp_answer *found = find(&s, &s.trial->c);
  ck_assert_ptr_nonnull(found);
  ck_assert_int_eq(found->conduct, LP_CONDUCT_STRAY_WRITE);
  ck_assert_str_eq(found->conduct_text, "8 bytes\nbefore");
  ck_assert_int_eq(found->n_encores, 1);
  ck_assert_str_eq(found->encore_names[0], "buffers after a guard page");
  ck_assert_str_eq(found->encores[0].message, "no");
  ck_assert_int_eq(found->outcome.n_outputs, answer.outcome.n_outputs);
  for (int k = 0; k < found->outcome.n_outputs; k++) {
    const lp_output *a = &found->outcome.outputs[k], *b = &answer.outcome.outputs[k];
    ck_assert_int_eq(a->input, b->input);
    ck_assert_int_eq(a->tensor.dtype, b->tensor.dtype);
    ck_assert(lp_tensor_same_shape(&a->tensor, &b->tensor));
    for (int i = 0; i < 2; i++) check_same(a->tensor.f64[i], b->tensor.f64[i]);
  }
  tear_down(&s);
}
END_TEST

/* The id alone does not do: -0 for 0 in one input is another question. */
START_TEST(another_question_has_no_answer) {
  scene s;
  set_up(&s);
  lp_answer answer = {.conduct_text = ""};
  open_store(&s, false);
  keep(&s, &answer);
  open_store(&s, true);
  lp_case c = s.trial->c;
  c.id = "t/b";
  ck_assert_ptr_null(find(&s, &c));
  c = s.trial->c;
  c.hunts = "something else";
  ck_assert_ptr_nonnull(find(&s, &c));
  c.inputs[0].f64[0] = 0.0;
  ck_assert_ptr_null(find(&s, &c));
  c.inputs[0].f64[0] = -0.0;
  c.reduction_word = "mean";
  ck_assert_ptr_null(find(&s, &c));
  tear_down(&s);
}
END_TEST

START_TEST(answers_are_not_overwritten) {
  scene s;
  lp_error error;
  set_up(&s);
  lp_answer answer = {.conduct_text = ""};
  open_store(&s, false);
  keep(&s, &answer);
  ck_assert_int_eq(lp_answer_store_close(s.store, &error), LP_OK);
  ck_assert_int_eq(lp_answer_store_open(&s.store, s.path, false, s.candidate, &error), LP_INVALID);
  ck_assert_ptr_nonnull(strstr(error.message, "--resume"));
  open_store(&s, true);
  ck_assert_int_eq(lp_answer_store_count(s.store), 1);
  tear_down(&s);
}
END_TEST

static void append(const scene *s, const char *text) {
  FILE *file = fopen(s->path, "ab");
  ck_assert_ptr_nonnull(file);
  fputs(text, file);
  fclose(file);
}

START_TEST(what_follows_a_torn_line_is_dropped) {
  static const char *const torn[] = {"{\"id\": \"t", "{}\n", "\n", "null\n",
                                     "{\"id\": \"x\", \"digest\": \"y\", \"conduct\": \"strange\"}\n"};
  for (int i = 0; i < 5; i++) {
    scene s;
    set_up(&s);
    lp_answer answer = {.conduct_text = ""};
    lp_error error;
    open_store(&s, false);
    keep(&s, &answer);
    ck_assert_int_eq(lp_answer_store_close(s.store, &error), LP_OK);
    s.store = NULL;
    append(&s, torn[i]);
    open_store(&s, true);
    ck_assert_int_eq(lp_answer_store_count(s.store), 1);
    keep(&s, &answer);
    open_store(&s, true); /* nothing of the torn line is left in between */
    ck_assert_int_eq(lp_answer_store_count(s.store), 2);
    tear_down(&s);
  }
}
END_TEST

START_TEST(a_broken_line_in_the_middle_is_told) {
  scene s;
  lp_error error;
  set_up(&s);
  lp_answer answer = {.conduct_text = ""};
  open_store(&s, false);
  keep(&s, &answer);
  ck_assert_int_eq(lp_answer_store_close(s.store, &error), LP_OK);
  s.store = NULL;
  append(&s, "{}\n{}\n");
  ck_assert_int_eq(lp_answer_store_open(&s.store, s.path, true, s.candidate, &error), LP_INVALID);
  ck_assert_ptr_nonnull(strstr(error.message, "line 3 is no answer"));
  tear_down(&s);
}
END_TEST

START_TEST(a_file_of_something_else_is_left_alone) {
  scene s;
  lp_error error;
  set_up(&s);
  append(&s, "{\"loss\": \"l1\"}\n");
  ck_assert_int_eq(lp_answer_store_open(&s.store, s.path, true, s.candidate, &error), LP_INVALID);
  ck_assert_ptr_nonnull(strstr(error.message, "is it another file?"));
  ck_assert_ptr_null(s.store);
  tear_down(&s);
  ck_assert_int_eq(lp_answer_store_close(NULL, &error), LP_OK);
}
END_TEST

START_TEST(the_disk_may_be_full) {
  scene s;
  lp_error error;
  if (access("/dev/full", W_OK) != 0) return;
  set_up(&s);
  ck_assert_int_eq(lp_answer_store_open(&s.store, "/dev/full", false, s.candidate, &error), LP_IO);
  ck_assert_str_eq(error.message, "/dev/full: could not be written completely");
  ck_assert_int_eq(lp_answer_store_open(&s.store, "/nowhere/at/all", false, s.candidate, &error), LP_IO);
  tear_down(&s);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {answers_come_back,
                                another_question_has_no_answer,
                                answers_are_not_overwritten,
                                a_broken_line_in_the_middle_is_told,
                                what_follows_a_torn_line_is_dropped,
                                a_file_of_something_else_is_left_alone,
                                the_disk_may_be_full};
  return run_tests("answers_store", tests, sizeof tests / sizeof tests[0]);
}
