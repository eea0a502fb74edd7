/* One answer of the pipe protocol, and the question before it: what is read, and what is told to be none. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/json.h"
#include "reference/tests/testing.h"

static lp_arena *arena;
static lp_trial *asked;
static lp_outcome got;
static lp_error failure;

static void open_question(void) {
  arena = lp_arena_new(0);
  asked = trial_new("l1");
  asked->c.id = "core/l1/0001";
  asked->c.dtype = LP_FLOAT32;
  asked->c.hunts = "a secret";
  asked->c.tags = "a secret";
  trial_tensor(asked, "input", LP_FLOAT32, "2", (double[]){1, 2});
  trial_tensor(asked, "target", LP_FLOAT32, "2", (double[]){0, -0.0});
  ck_assert_int_eq(lp_plan_init(&asked->plan, &asked->c, &failure), LP_OK);
}

static void close_question(void) {
  trial_free(asked);
  lp_arena_free(arena);
}

/* ' stands for ". */
static lp_status read_answer(const char *text, const lp_outcome *layout) {
  char json[1024];
  snprintf(json, sizeof json, "%s", text);
  for (char *c = json; *c; c++) *c = (char)(*c == '\'' ? '"' : *c);
  failure.message[0] = 0;
  return lp_json_read_answer(&got, arena, &asked->c, layout, json, strlen(json), &failure);
}

static const lp_tensor *output(int input) {
  const lp_output *o = lp_outcome_find(&got, input);
  ck_assert_ptr_nonnull(o);
  return &o->tensor;
}

static void check_read(const char *text, const lp_outcome *layout) {
  ck_assert_msg(read_answer(text, layout) == LP_OK, "%s for %s", failure.message, text);
}

START_TEST(readable_numbers_are_of_the_dtype_that_is_expected) {
  check_read("{'id': 'core/l1/0001', 'status': 'ok', 'loss': 0.1, 'grad': {'input': [0.5, '-Infinity']}}",
             &asked->plan.outcome);
  ck_assert_int_eq(got.kind, LP_OUTCOME_OK);
  ck_assert_int_eq(got.n_outputs, 2);
  ck_assert_int_eq(output(LP_OUTPUT_LOSS)->dtype, LP_FLOAT32);
  check_same(output(LP_OUTPUT_LOSS)->f64[0], 0.1f);
  check_same(output(0)->f64[1], -INFINITY);
}
END_TEST

START_TEST(packed_tensors_say_their_own_dtype) {
  check_read("{'id': 'core/l1/0001', 'status': 'ok', 'loss': {'dtype':'float64','shape':[],'data':'AAAAAAAA8D8='}}",
             &asked->plan.outcome);
  ck_assert_int_eq(output(LP_OUTPUT_LOSS)->dtype, LP_FLOAT64);
  check_same(output(LP_OUTPUT_LOSS)->f64[0], 1.0);
}
END_TEST

START_TEST(an_empty_list_is_of_the_shape_that_is_expected) {
  trial_tensor(asked, "input", LP_FLOAT32, "2 0 3", NULL);
  trial_tensor(asked, "target", LP_FLOAT32, "2 0 3", NULL);
  ck_assert_int_eq(lp_plan_init(&asked->plan, &asked->c, &failure), LP_OK);
  check_read("{'id': 'core/l1/0001', 'status': 'ok', 'loss': 'NaN', 'grad': {'input': [], 'target': [[]]}}",
             &asked->plan.outcome);
  ck_assert_int_eq(output(0)->rank, 3);
  ck_assert_int_eq(output(0)->shape[2], 3);
  ck_assert_int_eq(output(1)->rank, 2);
}
END_TEST

START_TEST(another_shape_is_read_as_it_is) {
  check_read("{'id': 'core/l1/0001', 'status': 'ok', 'loss': [1, 2, 3]}", &asked->plan.outcome);
  ck_assert_int_eq(output(LP_OUTPUT_LOSS)->rank, 1);
  ck_assert_int_eq(output(LP_OUTPUT_LOSS)->shape[0], 3);
}
END_TEST

START_TEST(refusals_have_messages) {
  check_read("{'id': 'core/l1/0001', 'status': 'rejected', 'message': 'no'}", &asked->plan.outcome);
  ck_assert_int_eq(got.kind, LP_OUTCOME_REJECTED);
  ck_assert_str_eq(got.message, "no");
  check_read("{'id': 'core/l1/0001', 'status': 'unsupported'}", NULL);
  ck_assert_int_eq(got.kind, LP_OUTCOME_UNSUPPORTED);
  ck_assert_str_eq(got.message, "");
  check_read("{'id': 'core/l1/0001', 'status': 'ok', 'loss': 1}", NULL);
  ck_assert_int_eq(output(LP_OUTPUT_LOSS)->dtype, LP_FLOAT64);
}
END_TEST

static const struct {
  const char *text, *says;
} mistakes[] = {
    {"", "answer:1:1"},
    {"hello", "answer:1:"},
    {"{'id': 'core/l1/0001', 'status': 'ok', 'loss': NaN}", "write \"NaN\""},
    {"{'id': 'core/l1/0001', 'status': 'ok', 'loss': 1}}", "answer:1:"},
    {"[]", "answer: expected an object with \"id\" and \"status\", got a list of 0"},
    {"{'status': 'ok', 'loss': 1}", "answer.id: the key is missing"},
    {"{'id': 'core/l1/0002', 'status': 'ok', 'loss': 1}",
     "answer.id: expected the id of the question, \"core/l1/0001\", got \"core/l1/0002\""},
    {"{'id': 1, 'status': 'ok', 'loss': 1}", "answer.id: expected the id of the question"},
    {"{'id': 'core/l1/0001', 'loss': 1}", "answer.status: the key is missing"},
    {"{'id': 'core/l1/0001', 'status': 'fine', 'loss': 1}",
     "answer.status: expected ok, rejected, unsupported, crashed"},
    {"{'id': 'core/l1/0001', 'status': 'ok'}", "answer: an outcome that is ok needs \"loss\""},
    {"{'id': 'core/l1/0001', 'status': 'ok', 'loss': 1, 'gard': {}}", "answer: unknown key \"gard\""},
    {"{'id': 'core/l1/0001', 'status': 'ok', 'loss': 1, 'grad': []}", "answer.grad: expected an object"},
    {"{'id': 'core/l1/0001', 'status': 'ok', 'loss': 1, 'grad': {'output': 1}}", "answer.grad: unknown key \"output\""},
    {"{'id': 'core/l1/0001', 'status': 'ok', 'loss': 'one'}", "answer.loss: expected a number"},
    {"{'id': 'core/l1/0001', 'status': 'ok', 'loss': 1, 'grad': {'input': [[1], 2]}}",
     "answer.grad/input[1]: expected a list of 1"},
    {"{'id': 'core/l1/0001', 'status': 'ok', 'loss': {'dtype': 'int64', 'shape': [], 'data': 'AAAAAAAAAAA='}}",
     "answer.loss: expected a floating dtype, got int64"},
    {"{'id': 'core/l1/0001', 'status': 'ok', 'loss': {'dtype': 'float32', 'shape': [], 'data': 'AAAA'}}",
     "answer.loss.data: 3 bytes of data: expected 4"},
    {"{'id': 'core/l1/0001', 'status': 'ok', 'loss': {'dtype': 'float32', 'shape': [100000000], 'data': ''}}",
     "answer.loss.data: 0 bytes of data"},
    {"{'id': 'core/l1/0001', 'status': 'rejected', 'message': 3}", "answer.message: expected a string"},
    {"{'id': 'core/l1/0001', 'status': 'rejected', 'loss': 3}", "answer: only an outcome that is ok has"},
};

START_TEST(what_is_no_answer_is_told_so) {
  ck_assert_msg(read_answer(mistakes[_i].text, &asked->plan.outcome) == LP_INVALID, "accepted: %s", mistakes[_i].text);
  ck_assert_msg(strstr(failure.message, mistakes[_i].says), "%s\n  says %s", mistakes[_i].text, failure.message);
}
END_TEST

/* ---- Questions ---- */

static void check_question(const char *expected) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  ck_assert_int_eq(lp_json_write_question(out, &asked->c, &asked->plan.outcome, NULL), LP_OK);
  ck_assert_int_eq(fclose(out), 0);
  for (char *c = text; *c; c++) *c = (char)(*c == '"' ? '\'' : *c);
  ck_assert_str_eq(text, expected);
  free(text);
}

START_TEST(a_question_holds_bits_and_does_not_give_the_answer_away) {
  asked->c.expect = LP_EXPECT_EITHER;
  check_question(
      "{'id': 'core/l1/0001', 'loss': 'l1', 'dtype': 'float32', 'params': {'reduction': 'mean'}, 'inputs': "
      "{'input': {'dtype':'float32','shape':[2],'data':'AACAPwAAAEA='}, "
      "'target': {'dtype':'float32','shape':[2],'data':'AAAAAAAAAIA='}}, "
      "'want': {'loss': 'float32', 'grad/input': 'float32', 'grad/target': 'float32'}}");
}
END_TEST

START_TEST(the_greeting) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  lp_json_write_greeting(out, "1.2.3");
  ck_assert_int_eq(fclose(out), 0);
  ck_assert_str_eq(text, "{\"lossproof\": {\"protocol\": 1, \"version\": \"1.2.3\"}}");
  free(text);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("json_answer");
  TCase *tests = tcase_create("json_answer");
  const TTest *const all[] = {readable_numbers_are_of_the_dtype_that_is_expected,
                              packed_tensors_say_their_own_dtype,
                              an_empty_list_is_of_the_shape_that_is_expected,
                              another_shape_is_read_as_it_is,
                              refusals_have_messages,
                              a_question_holds_bits_and_does_not_give_the_answer_away,
                              the_greeting};
  tcase_add_checked_fixture(tests, open_question, close_question);
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) tcase_add_test(tests, all[i]);
  tcase_add_loop_test(tests, what_is_no_answer_is_told_so, 0, sizeof mistakes / sizeof mistakes[0]);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed > 0;
}
