/* What the writer writes is JSON, shortest, and reads back to the same case, bit for bit. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fake_losses.h"
#include "golden/json.h"

/* What `write` writes, in a string of its own. */
typedef struct sheet {
  FILE *file;
  char *text;
  size_t length;
} sheet;

static void sheet_open(sheet *s) {
  s->file = open_memstream(&s->text, &s->length);
  ck_assert_ptr_nonnull(s->file);
}

static const char *sheet_text(const sheet *s) {
  fflush(s->file);
  return s->text;
}

static void sheet_close(sheet *s) {
  fclose(s->file);
  free(s->text);
}

/* ---- Numbers ---- */

static const struct {
  double number;
  const char *text;
} numbers[] = {
    {0.0, "0.0"},
    {-0.0, "-0.0"},
    {1.0, "1.0"},
    {-2.5, "-2.5"},
    {0.1, "0.1"},
    {100000.0, "100000.0"},
    {123456.789, "123456.789"},
    {0.0001, "0.0001"},
    {0.00012, "0.00012"},
    {0.00001, "1e-05"},
    {-0.0000125, "-1.25e-05"},
    {1e15, "1000000000000000.0"},
    {9007199254740993.0, "9007199254740992.0"},
    {1e16, "1e+16"},
    {1.5e300, "1.5e+300"},
    {1.0 / 3.0, "0.3333333333333333"},
    {0.1 + 0.2, "0.30000000000000004"},
    {0x1p-1074, "5e-324"},
    {-0x1p-1073, "-1e-323"},
    {0x1p-1022, "2.2250738585072014e-308"},
    {0x1.fffffffffffffp+1023, "1.7976931348623157e+308"},
    {0x1p89, "6.189700196426902e+26"}, /* the nearest decimal of 16 digits, ...901, reads back as another double */
    {(double)0.1f, "0.10000000149011612"},
    {NAN, "\"NaN\""},
    {INFINITY, "\"Infinity\""},
    {-INFINITY, "\"-Infinity\""},
};

START_TEST(numbers_look_as_documented) {
  char text[LP_NUMBER_TEXT];
  const int length = lp_json_number(text, numbers[_i].number);
  ck_assert_str_eq(text, numbers[_i].text);
  ck_assert_int_eq(length, (int)strlen(text));
}
END_TEST

static uint64_t next_bits(uint64_t *state) { /* SplitMix64 */
  uint64_t z = *state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

static double double_from(uint64_t bits) {
  double d;
  memcpy(&d, &bits, sizeof d);
  return d;
}

static int digits_of(const char *text) {
  int count = 0, zeros = 0;
  bool leading = true;
  for (const char *c = text; *c && *c != 'e'; c++) {
    if (*c < '0' || *c > '9') continue;
    leading = leading && *c == '0';
    if (leading) continue;
    zeros = *c == '0' ? zeros + 1 : 0;
    count++;
  }
  return count - zeros;
}

/* No decimal of one digit less, next to the number on either side, reads back. */
static void check_shortest(double number, int digits) {
  char text[40];
  if (digits < 2) return;
  for (int step = -1; step <= 1; step++) {
    snprintf(text, sizeof text, "%.*e", digits - 2, number);
    char *last = strchr(text, 'e') - 1;
    *last = (char)(*last + step);
    if (*last < '0' || *last > '9') continue;
    ck_assert_msg(strtod(text, NULL) != number, "%.17g also reads back from %s", number, text);
  }
}

START_TEST(numbers_read_back_and_are_shortest) {
  uint64_t state = 7;
  for (int i = 0; i < 20000; i++) {
    uint64_t bits = next_bits(&state);
    if (i % 4 == 1) bits &= ~(uint64_t)0 << 52;       /* powers of two */
    if (i % 4 == 2) bits &= ~((uint64_t)0x7FF << 52); /* subnormal */
    const double number = double_from(bits);
    char text[LP_NUMBER_TEXT];
    lp_json_number(text, number);
    if (!isfinite(number)) continue;
    const double again = strtod(text, NULL);
    ck_assert_msg(memcmp(&again, &number, sizeof number) == 0, "%a reads back as %a from %s", number, again, text);
    check_shortest(number, digits_of(text));
  }
}
END_TEST

/* ---- Strings ---- */

static const struct {
  const char *bytes, *json;
} strings[] = {
    {"", "\"\""},
    {"plain", "\"plain\""},
    {"\"\\/", "\"\\\"\\\\/\""},
    {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
    {"\x01\x1B[1m\x7F", "\"\\u0001\\u001b[1m\\u007f\""},
    {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""},
    {"\xF4\x8F\xBF\xBF", "\"\xF4\x8F\xBF\xBF\""},
    {"\xED\x9F\xBF\xE0\xA0\x80\xF0\x90\x80\x80", "\"\xED\x9F\xBF\xE0\xA0\x80\xF0\x90\x80\x80\""},
    {"a\x80z", "\"a\\ufffdz\""},
    {"\xC3", "\"\\ufffd\""},
    {"\xE2\x82", "\"\\ufffd\\ufffd\""},
    {"\xF0\x9F\x98", "\"\\ufffd\\ufffd\\ufffd\""},
    {"\xC0\xAF", "\"\\ufffd\\ufffd\""},                       /* overlong */
    {"\xE0\x80\xAF", "\"\\ufffd\\ufffd\\ufffd\""},            /* overlong */
    {"\xF0\x80\x80\xAF", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""}, /* overlong */
    {"\xED\xA0\x80", "\"\\ufffd\\ufffd\\ufffd\""},            /* a surrogate */
    {"\xF4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""}, /* past U+10FFFF */
    {"\xFE\xFF", "\"\\ufffd\\ufffd\""},
};

START_TEST(strings_are_escaped) {
  sheet s;
  sheet_open(&s);
  lp_json_write_text(s.file, strings[_i].bytes);
  ck_assert_str_eq(sheet_text(&s), strings[_i].json);
  sheet_close(&s);
}
END_TEST

/* ---- Tensors and cases, as text ---- */

static lp_tensor real(lp_dtype dtype, int rank, const int64_t *shape, double *data) {
  lp_tensor t;
  ck_assert_int_eq(lp_tensor_init(&t, dtype, rank, shape, NULL), LP_OK);
  t.f64 = data;
  return t;
}

static lp_tensor whole(lp_dtype dtype, int rank, const int64_t *shape, int64_t *data) {
  lp_tensor t;
  ck_assert_int_eq(lp_tensor_init(&t, dtype, rank, shape, NULL), LP_OK);
  t.i64 = data;
  return t;
}

START_TEST(tensors_are_nested_lists) {
  double data[6] = {1, -0.0, NAN, 0.5, -INFINITY, 1e-7};
  int64_t flags[2] = {0, 1}, words[1] = {INT64_MIN};
  const lp_tensor matrix = real(LP_FLOAT64, 2, (int64_t[]){2, 3}, data);
  const lp_tensor column = real(LP_FLOAT64, 3, (int64_t[]){2, 1, 1}, data);
  const lp_tensor number = real(LP_FLOAT64, 0, NULL, data);
  const lp_tensor empty = real(LP_FLOAT64, 2, (int64_t[]){2, 0}, data);
  const lp_tensor truths = whole(LP_BOOL, 1, (int64_t[]){2}, flags);
  const lp_tensor word = whole(LP_INT64, 1, (int64_t[]){1}, words);
  const lp_tensor *const tensors[] = {&matrix, &column, &number, &empty, &truths, &word};
  sheet s;
  sheet_open(&s);
  for (int i = 0; i < 6; i++) {
    lp_json_write_tensor(s.file, tensors[i]);
    putc(' ', s.file);
  }
  ck_assert_str_eq(sheet_text(&s),
                   "[[1.0,-0.0,\"NaN\"],[0.5,\"-Infinity\",1e-07]] [[[1.0]],[[-0.0]]] 1.0 [] [false,true] "
                   "[-9223372036854775808] ");
  sheet_close(&s);
}
END_TEST

static void set_input(lp_case *c, int i, lp_tensor t) {
  c->has_input[i] = true;
  c->inputs[i] = t;
}

START_TEST(a_case_in_full) {
  double input[2] = {0.5, 0.1}, empty[1] = {0};
  int64_t target[2] = {1, -1}, labels[1] = {3};
  lp_case c;
  lp_case_init(&c, lp_registry_find("plain"));
  c.id = "core/plain/1";
  c.hunts = "a \"fault\"";
  c.tags = "shape=1d";
  c.expect = LP_EXPECT_EITHER;
  c.dtype = LP_FLOAT32;
  c.params[0] = INFINITY;
  c.params[1] = 1.5;
  c.params[2] = 1.0;
  set_input(&c, 0, real(LP_FLOAT32, 1, (int64_t[]){2}, input));
  set_input(&c, 1, whole(LP_INT8, 1, (int64_t[]){2}, target));
  set_input(&c, 2, whole(LP_INT64, 0, NULL, labels));
  c.has_grad_output = true;
  c.grad_output = real(LP_FLOAT64, 2, (int64_t[]){0, 3}, empty);
  sheet s;
  sheet_open(&s);
  ck_assert_int_eq(lp_json_write_case(s.file, &c, NULL, LP_JSON_READABLE, NULL), LP_OK);
  ck_assert_str_eq(sheet_text(&s),
                   "{\"id\": \"core/plain/1\", \"loss\": \"plain\", \"dtype\": \"float32\", "
                   "\"params\": {\"reduction\": \"mean\", \"margin\": \"Infinity\", \"p\": 1.5, \"full\": true}, "
                   "\"dtypes\": {\"target\": \"int8\", \"grad_output\": \"float64\"}, "
                   "\"shapes\": {\"grad_output\": [0,3]}, "
                   "\"inputs\": {\"input\": [0.5,0.1], \"target\": [1,-1], \"labels\": 3}, \"grad_output\": [], "
                   "\"hunts\": \"a \\\"fault\\\"\", \"tags\": \"shape=1d\", \"expect\": \"either\"}");
  sheet_close(&s);
}
END_TEST

START_TEST(a_packed_case_in_full) {
  double input[2] = {1.0, -2.0};
  lp_case c;
  lp_case_init(&c, lp_registry_find("modern"));
  set_input(&c, 0, real(LP_FLOAT16, 1, (int64_t[]){2}, input));
  double loss[1] = {0.25};
  const lp_outcome outcome = {
      .message = "", .n_outputs = 1, .outputs = {{LP_OUTPUT_LOSS, real(LP_FLOAT32, 0, NULL, loss)}}};
  sheet s;
  sheet_open(&s);
  ck_assert_int_eq(lp_json_write_case(s.file, &c, &outcome, LP_JSON_PACKED, NULL), LP_OK);
  ck_assert_str_eq(sheet_text(&s),
                   "{\"loss\": \"modern\", \"dtype\": \"float64\", \"params\": {\"reduction\": \"mean\"}, "
                   "\"inputs\": {\"input\": {\"dtype\":\"float16\",\"shape\":[2],\"data\":\"ADwAwA==\"}}, "
                   "\"outcome\": {\"status\": \"ok\", "
                   "\"loss\": {\"dtype\":\"float32\",\"shape\":[],\"data\":\"AACAPg==\"}, \"grad\": {}}}");
  sheet_close(&s);
}
END_TEST

START_TEST(outputs_are_two_members) {
  double loss[1] = {1.5}, grad[2] = {0.0, -1.0};
  const lp_outcome outcome = {
      .message = "",
      .n_outputs = 2,
      .outputs = {{LP_OUTPUT_LOSS, real(LP_FLOAT64, 0, NULL, loss)}, {1, real(LP_FLOAT64, 1, (int64_t[]){2}, grad)}}};
  sheet s;
  sheet_open(&s);
  lp_json_write_outputs(s.file, lp_registry_find("plain"), &outcome);
  ck_assert_str_eq(sheet_text(&s), "\"loss\": 1.5, \"grad\": {\"target\": [0.0,-1.0]}");
  sheet_close(&s);
}
END_TEST

START_TEST(a_full_disk_is_noticed) {
  FILE *full = fopen("/dev/full", "w");
  lp_case c;
  lp_error error;
  if (!full) return; /* a system without this device */
  setvbuf(full, NULL, _IONBF, 0);
  lp_case_init(&c, lp_registry_find("modern"));
  ck_assert_int_eq(lp_json_write_case(full, &c, NULL, LP_JSON_READABLE, &error), LP_IO);
  ck_assert_ptr_nonnull(strstr(error.message, "cannot write a case"));
  fclose(full);
}
END_TEST

/* ---- Round trips ---- */

static bool same_bits(const double *a, const double *b, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    if (isnan(a[i]) ? !isnan(b[i]) : memcmp(&a[i], &b[i], sizeof *a) != 0) return false;
  }
  return true;
}

static void check_same_tensor(const lp_tensor *a, const lp_tensor *b) {
  ck_assert_int_eq(a->dtype, b->dtype);
  ck_assert_int_eq(a->numel, b->numel);
  ck_assert(lp_tensor_same_shape(a, b));
  if (lp_dtype_is_floating(a->dtype)) {
    ck_assert(same_bits(a->f64, b->f64, a->numel));
  } else {
    for (int64_t i = 0; i < a->numel; i++) ck_assert_int_eq(a->i64[i], b->i64[i]);
  }
}

static void check_same_case(const lp_case *a, const lp_case *b) {
  ck_assert_str_eq(a->id, b->id);
  ck_assert_str_eq(a->hunts, b->hunts);
  ck_assert_str_eq(a->tags, b->tags);
  ck_assert_ptr_eq(a->loss, b->loss);
  ck_assert_int_eq(a->expect, b->expect);
  ck_assert_int_eq(a->dtype, b->dtype);
  ck_assert_int_eq(a->reduction, b->reduction);
  ck_assert_str_eq(a->reduction_word, b->reduction_word);
  ck_assert(same_bits(a->params, b->params, a->loss->n_params));
  for (int i = 0; i < a->loss->n_inputs; i++) {
    ck_assert_int_eq(a->has_input[i], b->has_input[i]);
    if (a->has_input[i]) check_same_tensor(&a->inputs[i], &b->inputs[i]);
  }
  ck_assert_int_eq(a->has_grad_output, b->has_grad_output);
  if (a->has_grad_output) check_same_tensor(&a->grad_output, &b->grad_output);
}

static void check_same_outcome(const lp_outcome *a, const lp_outcome *b) {
  ck_assert_int_eq(a->kind, b->kind);
  ck_assert_str_eq(a->message, b->message);
  ck_assert_int_eq(a->n_outputs, b->n_outputs);
  for (int i = 0; i < a->n_outputs; i++) {
    ck_assert_int_eq(a->outputs[i].input, b->outputs[i].input);
    check_same_tensor(&a->outputs[i].tensor, &b->outputs[i].tensor);
  }
}

static const struct {
  int rank;
  int64_t shape[LP_MAX_RANK];
} shapes[] = {{0, {0}},       {1, {4}},       {2, {2, 3}},
              {1, {0}},       {2, {0, 3}},    {2, {3, 0}},
              {3, {2, 0, 2}}, {3, {1, 1, 1}}, {8, {1, 2, 1, 1, 2, 1, 1, 2}},
              {1, {700}}};

enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static double special(uint64_t bits) {
  static const double values[] = {0.0,     -0.0,     NAN,     INFINITY, -INFINITY, 0x1p-1074, -0x1p-149,
                                  0x1p-24, 0x1p-133, 65504.0, 0.1,      1e300,     -1.0};
  return bits % 3 == 0 ? values[bits / 3 % 13] : double_from(bits);
}

static lp_tensor random_tensor(lp_arena *arena, lp_dtype dtype, uint64_t *state) {
  lp_tensor t;
  const uint64_t pick = next_bits(state) % N_SHAPES;
  ck_assert_int_eq(lp_tensor_init(&t, dtype, shapes[pick].rank, shapes[pick].shape, NULL), LP_OK);
  ck_assert_int_eq(lp_arena_tensor(arena, &t, NULL), LP_OK);
  for (int64_t i = 0; i < t.numel; i++) {
    const uint64_t bits = next_bits(state);
    if (t.f64) t.f64[i] = lp_dtype_round(dtype, special(bits));
    if (t.i64) t.i64[i] = (int64_t)(dtype == LP_BOOL ? bits & 1 : bits & 0x7F) - (dtype == LP_INT16 ? 100 : 0);
    if (t.i64 && dtype == LP_INT64) memcpy(&t.i64[i], &bits, sizeof bits);
  }
  return t;
}

static void random_case(lp_case *c, lp_outcome *outcome, lp_arena *arena, uint64_t *state) {
  static const char *const words[] = {"none", "mean", "sum", "batchmean", "Mean \xC3\xA9"};
  lp_case_init(c, lp_registry_at((int)(next_bits(state) % 2)));
  const uint64_t pick = next_bits(state);
  c->id = "round/trip";
  c->hunts = pick & 1 ? "tabs\\ and \"quotes\"" : "";
  c->tags = pick & 2 ? "a=1 b=2" : "";
  c->expect = (lp_expect)(pick / 4 % 3);
  c->dtype = (lp_dtype)(pick / 16 % 4);
  c->reduction_word = words[pick / 64 % 5];
  c->reduction = lp_reduction_from_name(c->reduction_word);
  for (int i = 0; i < c->loss->n_params; i++) {
    c->params[i] = c->loss->params[i].type == LP_PARAM_BOOL ? (double)(pick >> 20 & 1) : special(next_bits(state));
  }
  for (int i = 0; i < c->loss->n_inputs; i++) {
    c->has_input[i] = next_bits(state) % 4 != 0;
    if (c->has_input[i]) c->inputs[i] = random_tensor(arena, (lp_dtype)(next_bits(state) % LP_DTYPE_COUNT), state);
  }
  c->has_grad_output = pick >> 24 & 1;
  if (c->has_grad_output) c->grad_output = random_tensor(arena, (lp_dtype)(pick >> 32 & 3), state);
  *outcome = (lp_outcome){.kind = (lp_outcome_kind)(pick >> 40 & 3), .message = pick >> 44 & 1 ? "why\n" : ""};
  if (outcome->kind != LP_OUTCOME_OK) return;
  for (int i = LP_OUTPUT_LOSS; i < c->loss->n_inputs; i++) {
    if (i >= 0 && next_bits(state) % 2) continue;
    const lp_tensor t = random_tensor(arena, (lp_dtype)(next_bits(state) % 4), state);
    outcome->outputs[outcome->n_outputs++] = (lp_output){i, t};
  }
}

/* Both styles, and no text that changes when it is written again. */
START_TEST(cases_read_back_bit_for_bit) {
  uint64_t state = 1000 + (uint64_t)_i;
  for (int n = 0; n < 150; n++) {
    const lp_json_style style = n % 2 ? LP_JSON_PACKED : LP_JSON_READABLE;
    lp_suite suite;
    lp_error error = {.message = ""};
    ck_assert_int_eq(lp_suite_init(&suite, NULL), LP_OK);
    lp_case c;
    lp_outcome outcome;
    random_case(&c, &outcome, suite.arena, &state);
    sheet first, second;
    sheet_open(&first);
    sheet_open(&second);
    ck_assert_int_eq(lp_json_write_case(first.file, &c, n % 3 ? &outcome : NULL, style, NULL), LP_OK);
    lp_json_shape shape;
    const char *text = sheet_text(&first);
    ck_assert_msg(lp_json_read_text(&suite, &shape, text, strlen(text), "round", &error) == LP_OK, "%s", error.message);
    ck_assert_int_eq(shape, LP_JSON_OBJECT);
    ck_assert_int_eq(suite.count, 1);
    const lp_suite_entry *e = &suite.entries[0];
    ck_assert_msg(e->status == LP_OK, "%s in %s", e->message, text);
    check_same_case(&c, &e->c);
    ck_assert_int_eq(e->has_outcome, n % 3 != 0);
    if (e->has_outcome) check_same_outcome(&outcome, &e->outcome);
    ck_assert_int_eq(lp_json_write_case(second.file, &e->c, e->has_outcome ? &e->outcome : NULL, style, NULL), LP_OK);
    ck_assert_str_eq(sheet_text(&second), text);
    sheet_close(&first);
    sheet_close(&second);
    lp_suite_clear(&suite);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("golden.json_write");
  TCase *tests = tcase_create("json_write");
  tcase_add_loop_test(tests, numbers_look_as_documented, 0, sizeof numbers / sizeof *numbers);
  tcase_add_test(tests, numbers_read_back_and_are_shortest);
  tcase_add_loop_test(tests, strings_are_escaped, 0, sizeof strings / sizeof *strings);
  tcase_add_test(tests, tensors_are_nested_lists);
  tcase_add_test(tests, a_case_in_full);
  tcase_add_test(tests, a_packed_case_in_full);
  tcase_add_test(tests, outputs_are_two_members);
  tcase_add_test(tests, a_full_disk_is_noticed);
  tcase_add_loop_test(tests, cases_read_back_bit_for_bit, 0, 8);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
