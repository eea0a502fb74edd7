/* The reader: what JSON means, and that whatever is not a case is told so, in one line that names what is wrong. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_losses.h"
#include "golden/hdf5.h"
#include "golden/json_internal.h"

/* ---- Scaffolding ---- */

static lp_suite suite;
static lp_json_shape shape;
static lp_error failure;

static void open_suite(void) { ck_assert_int_eq(lp_suite_init(&suite, NULL), LP_OK); }
static void close_suite(void) { lp_suite_clear(&suite); }

/* Begins afresh, so that a test can read many texts. */
static lp_status read_bytes(const char *text, size_t length) {
  close_suite();
  open_suite();
  failure.message[0] = '\0';
  return lp_json_read_text(&suite, &shape, text, length, "cases.json", &failure);
}

static lp_status read_text(const char *text) { return read_bytes(text, strlen(text)); }

/* The case of a text that holds one and is right. */
static const lp_case *read_case(const char *text) {
  ck_assert_msg(read_text(text) == LP_OK, "%s for %s", failure.message, text);
  ck_assert_int_eq(suite.count, 1);
  ck_assert_msg(suite.entries[0].status == LP_OK, "%s for %s", suite.entries[0].message, text);
  return &suite.entries[0].c;
}

/* The input named "input" of a plain case: VALUE under it, REST behind the inputs. */
static const lp_tensor *read_input(const char *value, const char *rest) {
  char text[4096];
  snprintf(text, sizeof text, "{\"loss\": \"plain\", \"inputs\": {\"input\": %s}%s}", value, rest);
  const lp_case *c = read_case(text);
  ck_assert(c->has_input[0]);
  return &c->inputs[0];
}

static bool is_one_line(const char *message) {
  const unsigned char *c = (const unsigned char *)message;
  while (*c >= 0x20 && *c != 0x7F) c++;
  return *c == '\0' && message[0] != '\0';
}

/* Not JSON, or over a ceiling: one line that begins with the file's name, and a suite as it was. */
static void check_call_fails(const char *text, size_t length) {
  ck_assert_msg(read_bytes(text, length) == LP_INVALID, "accepted: %.200s", text);
  ck_assert_int_eq(suite.count, 0);
  ck_assert_msg(is_one_line(failure.message), "%s", failure.message);
  ck_assert_msg(strncmp(failure.message, "cases.json:", 11) == 0, "%s", failure.message);
}

/* JSON, but not a case: an entry that says why, naming `expected`. */
static void check_entry_invalid(const char *text, const char *expected) {
  ck_assert_msg(read_text(text) == LP_OK, "%s for %s", failure.message, text);
  ck_assert_int_eq(suite.count, 1);
  const lp_suite_entry *e = &suite.entries[0];
  ck_assert_msg(e->status == LP_INVALID, "accepted: %s", text);
  ck_assert_msg(is_one_line(e->message), "%s", e->message);
  ck_assert_msg(strstr(e->message, expected) != NULL, "\"%s\" lacks \"%s\"", e->message, expected);
  ck_assert_ptr_nonnull(e->c.id);
  ck_assert_ptr_null(e->c.loss);
  ck_assert(!e->has_outcome);
}

/* ---- Texts and their shapes ---- */

#define TINY "{\"loss\": \"modern\", \"inputs\": {\"input\": 1, \"target\": 2}}"

static const struct {
  const char *text;
  lp_json_shape shape;
  int count;
} texts[] = {
    {TINY, LP_JSON_OBJECT, 1},
    {" \r\n\t" TINY " \n\n", LP_JSON_OBJECT, 1},
    {"\xEF\xBB\xBF" TINY, LP_JSON_OBJECT, 1},
    {"{\n\"loss\": \"modern\",\n\"inputs\": {}\n}\n", LP_JSON_OBJECT, 1},
    {"[]", LP_JSON_LIST, 0},
    {" [ ] ", LP_JSON_LIST, 0},
    {"[" TINY "]", LP_JSON_LIST, 1},
    {"[" TINY ",\n" TINY " , " TINY "]\n", LP_JSON_LIST, 3},
    {TINY "\n" TINY, LP_JSON_LINES, 2},
    {TINY "\r\n\r\n  " TINY "\r\n" TINY "\n", LP_JSON_LINES, 3},
    {"[{\"loss\": \"plain\", \"hunts\": \"]}\\\"]}\\\\\", \"inputs\": {}}, " TINY "]", LP_JSON_LIST, 2},
    {"7", LP_JSON_OBJECT, 1},
};

START_TEST(objects_lists_and_lines) {
  ck_assert_msg(read_text(texts[_i].text) == LP_OK, "%s", failure.message);
  ck_assert_int_eq(shape, texts[_i].shape);
  ck_assert_int_eq(suite.count, texts[_i].count);
}
END_TEST

START_TEST(cases_are_appended_in_order_and_numbered) {
  open_suite();
  const char *const text = "[{\"id\": \"a\", \"loss\": \"plain\", \"inputs\": {}}, " TINY
                           ", {\"id\": \"c\", \"loss\": \"?\"}, {\"id\": \"d\", \"strange\": 1}, {\"id\": 5}, true]";
  static const char *const ids[] = {"a", "1", "c", "d", "4", "5"};
  for (int pass = 0; pass < 2; pass++) {
    ck_assert_int_eq(lp_json_read_text(&suite, &shape, text, strlen(text), "x", NULL), LP_OK);
    ck_assert_int_eq(suite.count, 6 * (pass + 1));
    for (int i = 0; i < 6; i++) {
      const lp_suite_entry *e = &suite.entries[6 * pass + i];
      ck_assert_str_eq(e->c.id, ids[i]);
      ck_assert_int_eq(e->status, i < 2 ? LP_OK : LP_INVALID);
      ck_assert_int_eq(e->message[0] != '\0', i >= 2);
    }
  }
  close_suite();
}
END_TEST

static const struct {
  const char *text, *message;
} not_json[] = {
    {"", "cases.json:1:1: no text"},
    {" \n ", "cases.json:2:2: no text"},
    {"{\"loss\": }", "cases.json:1:10: "},
    {"[" TINY ",\n " TINY "\n", "cases.json:3:1: expected ',' or ']'"},
    {"[" TINY ",]", ": expected a case object"},
    {"[,]", "cases.json:1:2: expected a case object"},
    {"[1 2]", "cases.json:1:4: expected ',' or ']'"},
    {"[1]\n]", "cases.json:2:1: expected the end of the text after the list"},
    {TINY " " TINY, ": expected the end of the line after a case"},
    {TINY "\n\n{\"loss\": \"x}\n" TINY, "cases.json:3:"},
    {"{\n}\n{}", "cases.json:1: in JSON Lines a case stands on one line"},
    {"{}\n{\n}", "cases.json:2: in JSON Lines a case stands on one line"},
    {"{}\n]", "cases.json:2:1: expected a case object"},
    {"{\"loss\": NaN}", "write \"NaN\", \"Infinity\" or \"-Infinity\", with the quotes"},
    {"{\"loss\": [1, -Infinity]}", "write \"NaN\", \"Infinity\" or \"-Infinity\", with the quotes"},
    {"{\"loss\": Infinity}", "write \"NaN\", \"Infinity\" or \"-Infinity\", with the quotes"},
    {"{\"a\": \"\x80\"}", "cases.json:1:"},
    {"{\"a\": \"\n\"}", "cases.json:1:"},
};

START_TEST(text_that_is_not_json_fails_as_a_whole) {
  check_call_fails(not_json[_i].text, strlen(not_json[_i].text));
  ck_assert_msg(strstr(failure.message, not_json[_i].message) != NULL, "%s", failure.message);
}
END_TEST

/* A mistake that jansson sees but that concerns one case only. */
START_TEST(one_bad_case_leaves_the_others) {
  static const char *const bad[] = {
      "{\"loss\": \"plain\", \"loss\": \"plain\"}",
      "{\"loss\": \"a\\u0000b\"}",
      "{\"lo\\u0000ss\": 1}",
      "{\"inputs\": 1e400}",
      "{\"inputs\": -1e999}",
  };
  static const char *const why[] = {"duplicate object key near '\"loss\"'", "\\u0000", "\\u0000", "beyond float64",
                                    "beyond float64"};
  for (int i = 0; i < 5; i++) {
    char text[512];
    snprintf(text, sizeof text, "[" TINY ",\n%s, " TINY "]", bad[i]);
    ck_assert_msg(read_text(text) == LP_OK, "%s", failure.message);
    ck_assert_int_eq(suite.count, 3);
    ck_assert_int_eq(suite.entries[0].status, LP_OK);
    ck_assert_int_eq(suite.entries[1].status, LP_INVALID);
    ck_assert_msg(strstr(suite.entries[1].message, why[i]) != NULL, "%s", suite.entries[1].message);
    ck_assert_msg(strncmp(suite.entries[1].message, "cases.json:2:", 13) == 0, "%s", suite.entries[1].message);
    ck_assert_int_eq(suite.entries[2].status, LP_OK);
  }
}
END_TEST

/* ---- What a case says ---- */

START_TEST(defaults) {
  const lp_case *c =
      read_case("{\"loss\": \"plain\", \"inputs\": {\"input\": [1, 2], \"target\": 3, \"labels\": [4]}}");
  ck_assert_str_eq(c->id, "0");
  ck_assert_str_eq(c->hunts, "");
  ck_assert_str_eq(c->tags, "");
  ck_assert_int_eq(c->expect, LP_EXPECT_ACCEPT);
  ck_assert_int_eq(c->dtype, LP_FLOAT64);
  ck_assert_int_eq(c->reduction, LP_REDUCTION_MEAN);
  ck_assert_str_eq(c->reduction_word, "mean");
  ck_assert(c->params[0] == 1.0 && c->params[1] == 2.0 && c->params[2] == 0.0);
  ck_assert_int_eq(c->inputs[0].dtype, LP_FLOAT64);
  ck_assert_int_eq(c->inputs[1].dtype, LP_FLOAT64);
  ck_assert_int_eq(c->inputs[1].rank, 0);
  ck_assert_int_eq(c->inputs[2].dtype, LP_INT64);
  ck_assert(c->has_input[0] && c->has_input[1] && c->has_input[2] && !c->has_input[3] && !c->has_grad_output);
  ck_assert(!suite.entries[0].has_outcome);
}
END_TEST

START_TEST(everything_given) {
  const lp_case *c = read_case(
      "{\"id\": \"s/1\", \"loss\": \"PlainLoss\", \"dtype\": \"float32\", \"hunts\": \"h \\u00e9\", \"tags\": \"a=b "
      "c\", "
      "\"expect\": \"either\", \"params\": {\"reduction\": \"sum\", \"margin\": -3, \"p\": 1.0, \"full\": true}, "
      "\"inputs\": {\"input\": 1, \"target\": [true], \"labels\": 2, \"weight\": 0.1}, \"grad_output\": 0.1, "
      "\"dtypes\": {\"target\": \"bool\", \"labels\": \"int8\", \"weight\": \"bfloat16\", \"input\": null}}");
  ck_assert_str_eq(c->id, "s/1");
  ck_assert_str_eq(c->hunts, "h \xC3\xA9");
  ck_assert_str_eq(c->tags, "a=b c");
  ck_assert_int_eq(c->expect, LP_EXPECT_EITHER);
  ck_assert_int_eq(c->reduction, LP_REDUCTION_SUM);
  ck_assert(c->params[0] == -3.0 && c->params[1] == 1.0 && c->params[2] == 1.0);
  ck_assert_int_eq(c->inputs[0].dtype, LP_FLOAT32);
  ck_assert_int_eq(c->inputs[1].dtype, LP_BOOL);
  ck_assert_int_eq(c->inputs[2].dtype, LP_INT8);
  ck_assert_int_eq(c->inputs[3].dtype, LP_BFLOAT16);
  ck_assert(c->inputs[3].f64[0] == 0x1.9ap-4);
  ck_assert_int_eq(c->grad_output.dtype, LP_FLOAT32);
  ck_assert(c->grad_output.f64[0] == (double)0.1f);
}
END_TEST

START_TEST(null_is_absent) {
  const lp_case *c = read_case(
      "{\"id\": null, \"loss\": \"plain\", \"dtype\": null, \"dtypes\": null, \"shapes\": null, \"hunts\": null, "
      "\"params\": {\"reduction\": null, \"margin\": null, \"full\": null, \"size_average\": null, \"reduce\": null}, "
      "\"inputs\": {\"input\": 1, \"weight\": null}, \"grad_output\": null, \"expect\": null, \"outcome\": null, "
      "\"tags\": null}");
  ck_assert_int_eq(c->reduction, LP_REDUCTION_MEAN);
  ck_assert(c->params[0] == 1.0 && c->has_input[0] && !c->has_input[3] && !c->has_grad_output);
  ck_assert_str_eq(c->id, "0");
  ck_assert(read_case("{\"loss\": \"plain\", \"params\": null, \"inputs\": {}}")->params[1] == 2.0);
}
END_TEST

static const struct {
  const char *params;
  lp_reduction reduction;
  const char *word;
} reductions[] = {
    {"\"reduction\": \"none\"", LP_REDUCTION_NONE, "none"},
    {"\"reduction\": \"batchmean\"", LP_REDUCTION_BATCHMEAN, "batchmean"},
    {"\"reduction\": \"Mean\"", LP_REDUCTION_UNKNOWN, "Mean"},
    {"\"reduction\": \"elementwise_mean\"", LP_REDUCTION_MEAN, "elementwise_mean"},
    {"\"reduction\": \"\"", LP_REDUCTION_UNKNOWN, ""},
    {"\"size_average\": false", LP_REDUCTION_SUM, "sum"},
    {"\"size_average\": true, \"reduction\": \"sum\"", LP_REDUCTION_MEAN, "mean"},
    {"\"reduce\": false, \"reduction\": \"sum\"", LP_REDUCTION_NONE, "none"},
    {"\"reduce\": true, \"size_average\": 0", LP_REDUCTION_SUM, "sum"},
    {"\"reduce\": 1, \"size_average\": null, \"reduction\": \"zzz\"", LP_REDUCTION_MEAN, "mean"},
    {"\"reduce\": false, \"size_average\": true", LP_REDUCTION_NONE, "none"},
};

START_TEST(reductions_resolve_as_in_pytorch) {
  char text[256];
  snprintf(text, sizeof text, "{\"loss\": \"plain\", \"params\": {%s}, \"inputs\": {}}", reductions[_i].params);
  const lp_case *c = read_case(text);
  ck_assert_int_eq(c->reduction, reductions[_i].reduction);
  ck_assert_str_eq(c->reduction_word, reductions[_i].word);
}
END_TEST

static const struct {
  const char *params;
  double margin, p, full;
} params[] = {
    {"\"margin\": 2, \"p\": 2.0, \"full\": 1", 2, 2, 1},
    {"\"margin\": 2.0, \"p\": 2, \"full\": 0.0", 2, 2, 0},
    {"\"margin\": \"Infinity\", \"p\": 1.5, \"full\": false", INFINITY, 1.5, 0},
    {"\"margin\": \"0x1.999999999999ap-4\", \"p\": -1e3", 0.1, -1000, 0},
    {"\"margin\": 0.1, \"p\": 9007199254740993", 0.1, 9007199254740992.0, 0},
};

START_TEST(parameters_are_float64) {
  char text[256];
  snprintf(text, sizeof text, "{\"loss\": \"plain\", \"dtype\": \"float16\", \"params\": {%s}, \"inputs\": {}}",
           params[_i].params);
  const lp_case *c = read_case(text);
  ck_assert(c->params[0] == params[_i].margin);
  ck_assert(c->params[1] == params[_i].p);
  ck_assert(c->params[2] == params[_i].full);
}
END_TEST

/* ---- Numbers ---- */

static const struct {
  const char *dtype, *text;
  double number;
} floats[] = {
    {"float64", "0.1", 0.1},
    {"float64", "-0.0", -0.0},
    {"float64", "-0", 0.0}, /* an integer, as in Python */
    {"float64", "\"-0x0.0p+0\"", -0.0},
    {"float64", "1e-400", 0.0},
    {"float64", "-1e-400", -0.0},
    {"float64", "4.9e-324", 0x1p-1074},
    {"float64", "1.7976931348623157e308", 0x1.fffffffffffffp+1023},
    {"float64", "9007199254740993", 9007199254740992.0},
    {"float64", "9007199254740995", 9007199254740996.0},
    {"float64", "9223372036854775807", 0x1p63},
    {"float64", "100000000000000000000", 1e20},
    {"float64", "-18446744073709551617", -0x1p64},
    {"float64", "\"NaN\"", NAN},
    {"float64", "\"Infinity\"", INFINITY},
    {"float64", "\"-Infinity\"", -INFINITY},
    {"float64", "\"0x1.8p1\"", 3.0},
    {"float64", "\"-0X.8P+0\"", -0.5},
    {"float64", "\"+0xFF\"", 255.0},
    {"float64", "\"0x1.00000000000008p0\"", 1.0},
    {"float64", "\"0x1.000000000000081p0\"", 0x1.0000000000001p0},
    {"float64", "\"0x1p-1075\"", 0.0},
    {"float64", "\"0x3p-1075\"", 0x1p-1073},
    {"float32", "0.1", 0x1.99999ap-4},
    {"float32", "16777217", 16777216.0},
    {"float32", "16777219", 16777220.0},
    {"float32", "1.00000005960464477539062500001", 1.0}, /* float64 first: a tie there, then to even */
    {"float32", "1152921573326323713", 0x1p60},          /* as torch.tensor(2**60 + 2**36 + 1, dtype=float32) */
    {"float32", "3.5e38", INFINITY},
    {"float32", "1e-46", 0.0},
    {"float32", "\"0x1p-149\"", 0x1p-149},
    {"float16", "65519.99", 65504.0},
    {"float16", "65520", INFINITY},
    {"float16", "2049", 2048.0},
    {"float16", "2051", 2052.0},
    {"bfloat16", "257", 256.0},
    {"bfloat16", "259", 260.0},
    {"bfloat16", "\"NaN\"", NAN},
};

START_TEST(floating_numbers_round_once_to_even) {
  char rest[64];
  snprintf(rest, sizeof rest, ", \"dtype\": \"%s\"", floats[_i].dtype);
  const lp_tensor *t = read_input(floats[_i].text, rest);
  ck_assert_str_eq(lp_dtype_name(t->dtype), floats[_i].dtype);
  ck_assert_int_eq(t->rank, 0);
  const double expected = floats[_i].number;
  ck_assert_msg(isnan(expected) ? isnan(t->f64[0]) : memcmp(t->f64, &expected, sizeof expected) == 0, "%s gave %a",
                floats[_i].text, t->f64[0]);
}
END_TEST

static const struct {
  const char *dtype, *text;
  bool fits;
  int64_t number;
} integers[] = {
    {"int64", "9223372036854775807", true, INT64_MAX},
    {"int64", "-9223372036854775808", true, INT64_MIN},
    {"int64", "9223372036854775808", false, 0},
    {"int64", "1e19", false, 0},
    {"int64", "2.0", true, 2},
    {"int64", "-3e2", true, -300},
    {"int64", "\"0x10\"", true, 16},
    {"int64", "2.5", false, 0},
    {"int64", "1e16", false, 0}, /* beyond 2^53 only an integer literal is exact */
    {"int64", "\"NaN\"", false, 0},
    {"int64", "\"Infinity\"", false, 0},
    {"int64", "\"1\"", false, 0},
    {"int64", "true", false, 0},
    {"int64", "null", false, 0},
    {"int32", "2147483647", true, INT32_MAX},
    {"int32", "2147483648", false, 0},
    {"int32", "-2147483649", false, 0},
    {"int16", "-32768", true, -32768},
    {"int16", "32768", false, 0},
    {"int8", "127", true, 127},
    {"int8", "-129", false, 0},
    {"uint8", "255", true, 255},
    {"uint8", "256", false, 0},
    {"uint8", "-1", false, 0},
    {"bool", "true", true, 1},
    {"bool", "false", true, 0},
    {"bool", "1", true, 1},
    {"bool", "0.0", true, 0},
    {"bool", "2", false, 0},
    {"bool", "\"NaN\"", false, 0},
};

START_TEST(integers_fit_their_dtype) {
  char rest[64], text[256];
  snprintf(rest, sizeof rest, ", \"dtypes\": {\"input\": \"%s\"}", integers[_i].dtype);
  snprintf(text, sizeof text, "{\"loss\": \"plain\", \"inputs\": {\"input\": [%s]}%s}", integers[_i].text, rest);
  if (!integers[_i].fits) {
    check_entry_invalid(text, "inputs.input[0]: expected ");
    return;
  }
  const lp_case *c = read_case(text);
  ck_assert_int_eq(c->inputs[0].i64[0], integers[_i].number);
}
END_TEST

/* ---- Shapes ---- */

static const struct {
  const char *data, *shapes, *shape;
} extents[] = {
    {"1", NULL, "()"},
    {"1", "[]", "()"},
    {"[1]", NULL, "(1)"},
    {"[[1,2,3],[4,5,6]]", NULL, "(2, 3)"},
    {"[[1,2,3],[4,5,6]]", "[2,3]", "(2, 3)"},
    {"[1,2,3,4,5,6]", "[2,3]", "(2, 3)"},
    {"[1,2,3,4,5,6]", "[1,6.0,1]", "(1, 6, 1)"},
    {"[[[[[[[[1]]]]]]]]", NULL, "(1, 1, 1, 1, 1, 1, 1, 1)"},
    {"[]", NULL, "(0)"},
    {"[[],[]]", NULL, "(2, 0)"},
    {"[]", "[0,3]", "(0, 3)"},
    {"[]", "[2,0]", "(2, 0)"},
    {"[[],[]]", "[2,0]", "(2, 0)"},
    {"[[],[]]", "[2,0,3]", "(2, 0, 3)"},
    {"[[[]]]", "[1,1,0]", "(1, 1, 0)"},
    {"{\"dtype\":\"int8\",\"shape\":[2,0],\"data\":\"\"}", NULL, "(2, 0)"},
    {"{\"dtype\":\"int8\",\"shape\":[3],\"data\":\"AQID\"}", "[3]", "(3)"},
};

START_TEST(shapes_of_data) {
  char rest[128] = "", text[64];
  if (extents[_i].shapes) snprintf(rest, sizeof rest, ", \"shapes\": {\"input\": %s}", extents[_i].shapes);
  const lp_tensor *t = read_input(extents[_i].data, rest);
  ck_assert_str_eq(lp_tensor_shape_text(text, sizeof text, t), extents[_i].shape);
  ck_assert_ptr_nonnull(t->f64 ? (void *)t->f64 : (void *)t->i64);
}
END_TEST

START_TEST(elements_are_in_row_major_order) {
  const lp_tensor *t = read_input("[[[0,1],[2,3]],[[4,5],[6,7]]]", "");
  for (int i = 0; i < 8; i++) ck_assert(t->f64[i] == i);
}
END_TEST

/* ---- Outcomes ---- */

START_TEST(an_outcome_with_gradients) {
  const lp_case *c = read_case(
      "{\"id\": \"q\", \"loss\": \"plain\", \"outcome\": {\"status\": \"ok\", \"loss\": 0.1, \"dtypes\": {\"loss\": "
      "\"float32\"}, \"shapes\": {\"grad/input\": [0, 2]}, \"grad\": {\"target\": [1, \"NaN\"], \"input\": []}}}");
  const lp_outcome *o = &suite.entries[0].outcome;
  ck_assert_str_eq(c->id, "q");
  ck_assert(!c->has_input[0] && suite.entries[0].has_outcome);
  ck_assert_int_eq(o->kind, LP_OUTCOME_OK);
  ck_assert_str_eq(o->message, "");
  ck_assert_int_eq(o->n_outputs, 3);
  ck_assert_int_eq(o->outputs[0].input, LP_OUTPUT_LOSS);
  ck_assert_int_eq(o->outputs[0].tensor.dtype, LP_FLOAT32);
  ck_assert(o->outputs[0].tensor.f64[0] == (double)0.1f);
  ck_assert_int_eq(o->outputs[1].input, 0);
  ck_assert_int_eq(o->outputs[1].tensor.rank, 2);
  ck_assert_int_eq(o->outputs[2].input, 1);
  ck_assert_int_eq(o->outputs[2].tensor.dtype, LP_FLOAT64);
  ck_assert(o->outputs[2].tensor.f64[0] == 1.0 && isnan(o->outputs[2].tensor.f64[1]));
}
END_TEST

START_TEST(outcomes_that_are_not_ok) {
  for (int i = LP_OUTCOME_REJECTED; i <= LP_OUTCOME_TIMED_OUT; i++) {
    char text[256];
    snprintf(text, sizeof text, "{\"loss\": \"plain\", \"outcome\": {\"status\": \"%s\", \"message\": \"a\\nb\"}}",
             lp_outcome_kind_name((lp_outcome_kind)i));
    read_case(text);
    ck_assert_int_eq(suite.entries[0].outcome.kind, i);
    ck_assert_str_eq(suite.entries[0].outcome.message, "a\nb");
    ck_assert_int_eq(suite.entries[0].outcome.n_outputs, 0);
  }
}
END_TEST

/* ---- Not cases ---- */

#define WITH(rest) "{\"loss\": \"plain\", \"inputs\": {\"input\": [1, 2]}, " rest "}"
#define INPUT(value) "{\"loss\": \"plain\", \"inputs\": {\"input\": " value "}}"
#define PACKED(fields) INPUT("{" fields "}")
#define OUTCOME(fields) "{\"loss\": \"plain\", \"outcome\": {" fields "}}"

static const struct {
  const char *text, *message;
} not_a_case[] = {
    {"null", "expected an object"},
    {"[[]]", "expected an object"},
    {"\"x\"", "got \"x\""},
    {"{}", "loss: the key is missing"},
    {"{\"inputs\": {}}", "loss: the key is missing"},
    {"{\"loss\": \"plain\"}", "inputs: the key is missing"},
    {"{\"loss\": \"plain\", \"inputs\": null}", "inputs: the key is missing"},
    {"{\"loss\": \"plain\", \"inputs\": [1]}", "inputs: expected an object, got a list of 1"},
    {"{\"loss\": 3, \"inputs\": {}}", "loss: expected the name of a loss, got 3"},
    {"{\"loss\": \"plane\", \"inputs\": {}}", "no loss \"plane\"; did you mean \"plain\"?"},
    {"{\"loss\": \"x\\ny\", \"inputs\": {}}", "no loss \"x?y\""},
    {"{\"loss\": \"\xC2\x9Bqrstuvwxyzqrstuvwxyzqrstuvwxyzqrstuvwxyz\", \"inputs\": {}}",
     "no loss \"?qrstuvwxyzqrstuvwxyzqrstuvwxyzqrstuvwxy...\""},
    {WITH("\"input\": 1"), "unknown key \"input\": expected id, loss, dtype"},
    {WITH("\"Id\": 1"), "unknown key \"Id\""},
    {WITH("\"a\\nb\": 1"), "unknown key \"a?b\""},
    {WITH("\"id\": 7"), "id: expected a string, got 7"},
    {WITH("\"id\": \"\""), "id: expected a name"},
    {WITH("\"id\": \"a\\nb\""), "id: expected one line"},
    {WITH("\"id\": \"a\\u007f\""), "id: expected one line"},
    {WITH("\"hunts\": [\"x\"]"), "hunts: expected a string"},
    {WITH("\"tags\": \"a\\tb\""), "tags: expected one line"},
    {WITH("\"expect\": \"maybe\""), "expect: expected accept, reject or either, got \"maybe\""},
    {WITH("\"expect\": 1"), "expect: "},
    {WITH("\"dtype\": \"int64\""), "dtype: expected float64"},
    {WITH("\"dtype\": \"double\""), "dtype: expected float64"},
    {WITH("\"dtype\": 64"), "dtype: expected float64"},
    {WITH("\"dtypes\": \"float32\""), "dtypes: expected an object"},
    {WITH("\"dtypes\": {\"inputs\": \"int8\"}"), "dtypes: unknown key \"inputs\""},
    {WITH("\"dtypes\": {\"input\": \"int\"}"), "dtypes.input: expected float64"},
    {WITH("\"dtypes\": {\"input\": 8}"), "dtypes.input: expected float64"},
    {WITH("\"shapes\": [2]"), "shapes: expected an object"},
    {WITH("\"shapes\": {\"imput\": [2]}"), "shapes: unknown key \"imput\""},
    {WITH("\"shapes\": {\"input\": 2}"), "shapes.input: expected a list"},
    {WITH("\"shapes\": {\"input\": [\"2\"]}"), "shapes.input: an extent is an integer"},
    {WITH("\"shapes\": {\"input\": [-2]}"), "shapes.input: an extent is an integer >= 0, got -2"},
    {WITH("\"shapes\": {\"input\": [1.5]}"), "shapes.input: an extent"},
    {WITH("\"shapes\": {\"input\": [1e300]}"), "shapes.input: an extent"},
    {WITH("\"shapes\": {\"input\": [\"NaN\"]}"), "shapes.input: an extent"},
    {WITH("\"shapes\": {\"weight\": [2]}"), "inputs.weight: shapes gives its shape, but it is absent"},
    {WITH("\"shapes\": {\"grad_output\": []}"), "grad_output: shapes gives its shape, but it is absent"},
    {WITH("\"params\": []"), "params: expected an object"},
    {WITH("\"params\": {\"beta\": 1}"), "params: unknown key \"beta\": expected reduction, margin, p, full"},
    {WITH("\"params\": {\"margin\": \"wide\"}"), "params.margin: expected a number, got \"wide\""},
    {WITH("\"params\": {\"margin\": true}"), "params.margin: expected a number, got true"},
    {WITH("\"params\": {\"p\": [2]}"), "params.p: expected 1 or 2, got a list of 1"},
    {WITH("\"params\": {\"full\": 2}"), "params.full: expected true or false, got 2"},
    {WITH("\"params\": {\"full\": \"true\"}"), "params.full: expected true or false"},
    {WITH("\"params\": {\"reduction\": 1}"), "params.reduction: expected a word, got 1"},
    {WITH("\"params\": {\"reduce\": \"no\"}"), "params.reduce: expected true, false or null"},
    {WITH("\"params\": {\"size_average\": 2}"), "params.size_average: expected true, false or null"},
    {"{\"loss\": \"modern\", \"inputs\": {}, \"params\": {\"size_average\": true}}", "unknown key \"size_average\""},
    {"{\"loss\": \"plain\", \"inputs\": {\"inputs\": 1}}", "inputs: unknown key \"inputs\": expected input, target"},
    {"{\"loss\": \"modern\", \"inputs\": {\"weight\": 1}}", "unknown key \"weight\": expected input or target"},
    {INPUT("true"), "inputs.input: expected a number"},
    {INPUT("\"1\""), "inputs.input: expected a number"},
    {INPUT("\"nan\""), "inputs.input: expected a number"},
    {INPUT("\"inf\""), "inputs.input: expected a number"},
    {INPUT("\"+Infinity\""), "inputs.input: expected a number"},
    {INPUT("\"0x\""), "inputs.input: expected a number"},
    {INPUT("\"0x1p\""), "inputs.input: expected a number"},
    {INPUT("\"0x1p+\""), "inputs.input: expected a number"},
    {INPUT("\"0x1.8p1 \""), "inputs.input: expected a number"},
    {INPUT("\" 0x1\""), "inputs.input: expected a number"},
    {INPUT("\"0x.p1\""), "inputs.input: expected a number"},
    {INPUT("\"1x1\""), "inputs.input: expected a number"},
    {INPUT("\"0x1p1024\""), "inputs.input: expected a number"},
    {INPUT("[1, null]"), "inputs.input[1]: expected a number"},
    {INPUT("[[1, 2], [3, \"x\"]]"), "inputs.input[1][1]: expected a number"},
    {INPUT("[[1, 2], [3]]"), "inputs.input[1]: expected a list of 2 like its neighbours, got a list of 1 (ragged)"},
    {INPUT("[[1, 2], 3]"), "inputs.input[1]: expected a list of 2"},
    {INPUT("[1, [2]]"), "inputs.input[1]: expected a number like its neighbours, got a list of 1 (ragged)"},
    {INPUT("[[], [1]]"), "inputs.input[1]: expected a list of 0"},
    {INPUT("[[[1], [2]], [[3], [4, 5]]]"), "inputs.input[1][1]: expected a list of 1"},
    {INPUT("[[[1], [2]], [[3]]]"), "inputs.input[1]: expected a list of 2"},
    {INPUT("[[[1], [[2]]]]"), "inputs.input[0][1][0]: expected a number"},
    {INPUT("[[[[[[[[[1]]]]]]]]]"), "inputs.input: lists are nested more than 8 deep"},
    {INPUT("[1, {\"dtype\":\"int8\",\"shape\":[],\"data\":\"AQ==\"}]"), "inputs.input[1]: expected a number"},
    {PACKED(""), "inputs.input: a packed tensor needs \"dtype\""},
    {PACKED("\"dtype\":\"int8\",\"shape\":[1]"), "inputs.input: a packed tensor needs \"data\""},
    {PACKED("\"dtype\":\"int8\",\"shape\":[1],\"data\":\"AQ==\",\"strides\":[1]"), "unknown key \"strides\""},
    {PACKED("\"dtype\":\"int4\",\"shape\":[1],\"data\":\"AQ==\""), "inputs.input.dtype: expected float64"},
    {PACKED("\"dtype\":\"int8\",\"shape\":1,\"data\":\"AQ==\""), "inputs.input.shape: expected a list"},
    {PACKED("\"dtype\":\"int8\",\"shape\":[1],\"data\":[1]"), "inputs.input.data: expected base64 text"},
    {PACKED("\"dtype\":\"int8\",\"shape\":[1],\"data\":\"AQ\""), "inputs.input.data: base64 text has 2 characters"},
    {PACKED("\"dtype\":\"int8\",\"shape\":[1],\"data\":\"AR==\""), "inputs.input.data: base64 text is malformed"},
    {PACKED("\"dtype\":\"int8\",\"shape\":[2],\"data\":\"AQ==\""), "inputs.input.data: 1 bytes of data: expected 2"},
    {PACKED("\"dtype\":\"int16\",\"shape\":[1],\"data\":\"AQID\""), "inputs.input.data: 3 bytes of data: expected 2"},
    {PACKED("\"dtype\":\"bool\",\"shape\":[2],\"data\":\"AQI=\""), "element 1 of a bool tensor is the byte 2"},
    {PACKED("\"dtype\":\"int8\",\"shape\":[-1],\"data\":\"\""), "inputs.input.shape: an extent"},
    {PACKED("\"dtype\":\"int8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data\":\"AQ==\""), "at most 8 extents"},
    {WITH("\"grad_output\": 1, \"dtypes\": {\"grad_output\": \"f4\"}"), "dtypes.grad_output: expected float64"},
    {WITH("\"grad_output\": {\"dtype\":\"int8\",\"shape\":[1],\"data\":\"AQ==\"}, \"shapes\": {\"grad_output\": []}"),
     "grad_output: the data has shape (1), but shapes says ()"},
    {"{\"loss\": \"\xC2\xA0\xC3\xA9\", \"inputs\": {}}", "no loss \"\xC2\xA0\xC3\xA9\""},
    {"{\"loss\": \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\xF0\x9F\x98\x80y\", \"inputs\": {}}",
     "no loss \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\xF0\x9F\x98\x80...\""},
    {OUTCOME("\"status\": \"rejected\", \"grad\": {}"), "outcome: only an outcome that is ok has"},
    {OUTCOME("\"status\": \"ok\", \"loss\": 1, \"dtypes\": {\"grad/input\": 1}"),
     "dtypes.grad/input: expected float64"},
    {OUTCOME("\"status\": \"ok\", \"loss\": 1, \"shapes\": 1"), "shapes: expected an object"},
    {OUTCOME(""), "outcome.status: the key is missing"},
    {OUTCOME("\"status\": \"fine\""), "outcome.status: expected ok, rejected"},
    {OUTCOME("\"status\": 0"), "outcome.status: expected ok"},
    {OUTCOME("\"status\": \"ok\""), "outcome: an outcome that is ok needs \"loss\""},
    {OUTCOME("\"status\": \"rejected\", \"loss\": 1"), "outcome: only an outcome that is ok has"},
    {OUTCOME("\"status\": \"ok\", \"loss\": 1, \"grads\": {}"), "outcome: unknown key \"grads\""},
    {OUTCOME("\"status\": \"ok\", \"loss\": 1, \"grad\": [1]"), "outcome.grad: expected an object"},
    {OUTCOME("\"status\": \"ok\", \"loss\": 1, \"grad\": {\"x\": 1}"), "outcome.grad: unknown key \"x\""},
    {OUTCOME("\"status\": \"ok\", \"loss\": [1, [2]]"), "outcome.loss[1]: expected a number"},
    {OUTCOME("\"status\": \"ok\", \"loss\": 1, \"grad\": {\"input\": \"x\"}"), "outcome.grad/input: expected a number"},
    {OUTCOME("\"status\": \"ok\", \"loss\": 1, \"dtypes\": {\"loss\": \"int8\"}"), "outcome.loss: expected a floating"},
    {OUTCOME("\"status\": \"ok\", \"loss\": 1, \"dtypes\": {\"input\": \"float32\"}"), "dtypes: unknown key \"input\""},
    {OUTCOME("\"status\": \"ok\", \"loss\": 1, \"shapes\": {\"grad/weight\": [1]}"),
     "outcome.grad/weight: shapes gives"},
    {OUTCOME("\"status\": \"ok\", \"message\": 3, \"loss\": 1"), "outcome.message: expected a string"},
    {"{\"loss\": \"plain\", \"outcome\": 1}", "outcome: expected an object"},
};

START_TEST(what_is_not_a_case_says_why) { check_entry_invalid(not_a_case[_i].text, not_a_case[_i].message); }
END_TEST

/* ---- Ceilings ---- */

START_TEST(ceilings_of_a_file) {
  ck_assert_int_eq(read_bytes("", LP_MAX_FILE_BYTES + 1), LP_INVALID); /* refused before it is looked at */
  ck_assert_ptr_nonnull(strstr(failure.message, "the ceiling"));
  const size_t n = LP_MAX_CASES + 1;
  char *zeros = malloc(2 * n + 1);
  ck_assert_ptr_nonnull(zeros);
  for (size_t i = 0; i < n; i++) memcpy(zeros + 2 * i, "0\n", 2);
  check_call_fails(zeros, 2 * n);
  ck_assert_msg(strcmp(failure.message, "cases.json:100001: more than 100000 cases, the ceiling") == 0, "%s",
                failure.message);
  ck_assert_int_eq(read_bytes(zeros, 2 * n - 2), LP_OK);
  ck_assert_int_eq(suite.count, LP_MAX_CASES);
  free(zeros);
}
END_TEST

START_TEST(the_ceiling_of_a_parsed_case) {
  const char *text = "[" TINY ", {\"inputs\": [[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]}]";
  ck_assert_int_eq(lp_json_read_limited(&suite, &shape, text, strlen(text), "x", 2000, &failure), LP_INVALID);
  ck_assert_str_eq(failure.message, "x:1:59: this case has too many values to read them as text; use packed tensors");
  ck_assert_int_eq(suite.count, 0);
  ck_assert_int_eq(lp_json_read_limited(&suite, &shape, text, strlen(text), "x", 20000, &failure), LP_OK);
  ck_assert_int_eq(suite.count, 2);
}
END_TEST

/* ---- Files ---- */

static const char *write_file(const char *text, size_t length) {
  static char path[] = "lossproof_test_json_XXXXXX";
  memcpy(path + sizeof path - 7, "XXXXXX", 6);
  const int descriptor = mkstemp(path);
  ck_assert_int_ge(descriptor, 0);
  ck_assert_int_eq(write(descriptor, text, length), (ssize_t)length);
  close(descriptor);
  return path;
}

static int next_descriptor(void) {
  const int descriptor = dup(STDOUT_FILENO);
  close(descriptor);
  return descriptor;
}

START_TEST(files_are_read) {
  const char *path = write_file(TINY, strlen(TINY));
  const int before = next_descriptor();
  ck_assert_int_eq(lp_json_read_file(&suite, &shape, path, &failure), LP_OK);
  ck_assert_int_eq(suite.count, 1);
  ck_assert_int_eq(lp_suite_read(&suite, path, &failure), LP_OK);
  ck_assert_int_eq(suite.count, 2);
  ck_assert_int_eq(next_descriptor(), before); /* none is left open */
  remove(path);
}
END_TEST

START_TEST(standard_input_is_read) {
  const char *path = write_file(TINY "\n" TINY "\n{", 2 * strlen(TINY) + 3);
  ck_assert_ptr_nonnull(freopen(path, "r", stdin));
  ck_assert_int_eq(lp_suite_read(&suite, "-", &failure), LP_INVALID);
  ck_assert_msg(strncmp(failure.message, "standard input:3:", 17) == 0, "%s", failure.message);
  remove(path);
}
END_TEST

START_TEST(a_file_over_the_ceiling_is_refused_unread) {
  const char *path = write_file("{", 1);
  ck_assert_int_eq(truncate(path, (off_t)LP_MAX_FILE_BYTES + 1), 0);
  ck_assert_int_eq(lp_suite_read(&suite, path, &failure), LP_INVALID);
  ck_assert_msg(strstr(failure.message, ": more than 536870912 bytes, the ceiling") != NULL, "%s", failure.message);
  remove(path);
}
END_TEST

START_TEST(hdf5_is_known_by_its_signature) {
  const char *path = write_file("\x89HDF\r\n\x1A\n and no more", 20);
  ck_assert_int_eq(lp_suite_read(&suite, path, &failure), LP_INVALID);
  ck_assert_ptr_nonnull(strstr(failure.message, path));
  ck_assert_ptr_null(strstr(failure.message, ":1:1: ")); /* not by the reader of JSON */
  ck_assert_int_eq(suite.count, 0);
  remove(path);
}
END_TEST

/* From a pipe nothing can be read twice, and its size is not known beforehand. */
START_TEST(a_long_pipe_is_read) {
  enum { N = 5000 };
  int ends[2];
  char path[32];
  ck_assert_int_eq(pipe(ends), 0);
  const pid_t child = fork();
  ck_assert_int_ge(child, 0);
  if (child == 0) {
    FILE *out = fdopen(ends[1], "w");
    close(ends[0]);
    for (int i = 0; i < N; i++) fputs(TINY "\n", out);
    fclose(out);
    _exit(0);
  }
  close(ends[1]);
  snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
  ck_assert_msg(lp_suite_read(&suite, path, &failure) == LP_OK, "%s", failure.message);
  ck_assert_int_eq(suite.count, N);
}
END_TEST

START_TEST(files_that_cannot_be_read) {
  ck_assert_int_eq(lp_json_read_file(&suite, &shape, "/nonexistent/x.json", &failure), LP_IO);
  ck_assert_str_eq(failure.message, "/nonexistent/x.json: cannot open: No such file or directory");
  ck_assert_int_eq(lp_suite_read(&suite, "/nonexistent/x.json", &failure), LP_IO);
  ck_assert_int_eq(lp_json_read_file(&suite, &shape, "/", &failure), LP_IO);
  ck_assert_ptr_nonnull(strstr(failure.message, "/: cannot "));
  ck_assert_int_eq(lp_suite_read(&suite, "/", &failure), LP_IO);
  ck_assert_int_eq(suite.count, 0);
}
END_TEST

START_TEST(a_suite_is_read_whole_or_not_at_all) {
  const char *text = "[" TINY ", {\"id\": \"bad\", \"loss\": \"plain\"}, " TINY "]";
  const char *path = write_file(text, strlen(text));
  ck_assert_int_eq(lp_suite_read(&suite, path, &failure), LP_INVALID);
  ck_assert_ptr_nonnull(strstr(failure.message, path));
  ck_assert_ptr_nonnull(strstr(failure.message, ": case bad: inputs: the key is missing"));
  ck_assert_int_eq(suite.count, 0);
  remove(path);
}
END_TEST

START_TEST(a_suite_has_a_ceiling) {
  while (suite.count < LP_MAX_CASES) {
    lp_suite_entry *e = lp_suite_add(&suite);
    ck_assert_ptr_nonnull(e);
    e->outcome.n_outputs = suite.count;
    ck_assert_str_eq(e->message, "");
    ck_assert_str_eq(e->outcome.message, "");
  }
  ck_assert_ptr_null(lp_suite_add(&suite));
  ck_assert_int_eq(suite.count, LP_MAX_CASES);
  for (int i = 0; i < suite.count; i++) ck_assert_int_eq(suite.entries[i].outcome.n_outputs, i + 1);
}
END_TEST

/* ---- Memory ---- */

/* A text that makes the reader allocate in every way it knows. */
static const char demanding[] =
    "[{\"id\": \"one\", \"loss\": \"plain\", \"hunts\": \"h\", \"tags\": \"t\", \"params\": {\"reduction\": \"zzz\"}, "
    "\"inputs\": {\"input\": [0.12345678901234567, -1], \"target\": "
    "{\"dtype\":\"int8\",\"shape\":[3],\"data\":\"AQID\"}}, "
    "\"grad_output\": 1e20, \"outcome\": {\"status\": \"ok\", \"message\": \"m\", \"loss\": [1], \"grad\": {\"input\": "
    "[1]}}}, {\"loss\": \"wrong\"}, {\"loss\": \"plain\", \"inputs\": {\"input\": 100000000000000000000}}, {\"a\": 1, "
    "\"a\": 2}]";

/* The n-th request for memory fails, for every n: LP_NO_MEMORY, nothing leaked (the sanitizer looks), until there are
 * none left to fail. */
START_TEST(running_out_of_memory_anywhere_is_no_memory) {
  const char *path = write_file(demanding, sizeof demanding - 1);
  long n = 0;
  lp_status status = LP_NO_MEMORY;
  for (; status != LP_OK; n++) {
    lp_suite fresh = {0};
    failure.message[0] = '\0';
    lp_arena_fail_after(n);
    status = lp_suite_init(&fresh, &failure);
    if (status == LP_OK) status = lp_json_read_file(&fresh, &shape, path, &failure);
    const long left = lp_arena_fail_after(-1);
    ck_assert(status == LP_OK || left == 0);
    ck_assert_int_eq(status, status == LP_OK ? LP_OK : LP_NO_MEMORY);
    if (status != LP_OK) ck_assert_msg(strstr(failure.message, "no memory") != NULL, "%s", failure.message);
    ck_assert_int_eq(fresh.count, status == LP_OK ? 4 : 0);
    if (fresh.arena) lp_suite_clear(&fresh);
    ck_assert_int_lt(n, 10000);
  }
  ck_assert_int_gt(n, 100);
  remove(path);
}
END_TEST

/* Outside the reader, jansson is as it was. */
START_TEST(other_users_of_jansson_are_left_alone) {
  ck_assert_int_eq(read_text(demanding), LP_OK);
  json_t *list = json_loads("[1, 2, 3]", 0, NULL);
  ck_assert_uint_eq(json_array_size(list), 3);
  json_decref(list);
}
END_TEST

/* ---- Corruption ---- */

static const char healthy[] =
    "{\"id\": \"core/plain/0001\", \"loss\": \"plain\", \"dtype\": \"float32\", \"params\": {\"reduction\": \"none\", "
    "\"margin\": 0.5, \"p\": 1, \"full\": true}, \"dtypes\": {\"target\": \"int8\"}, \"shapes\": {\"weight\": [0,2]}, "
    "\"inputs\": {\"input\": [[0.5,\"NaN\"],[-0.0,1e-3]], \"target\": [1,-1], \"labels\": "
    "{\"dtype\":\"int16\",\"shape\":[2],\"data\":\"AQACAA==\"}, \"weight\": []}, \"grad_output\": 1.0, \"hunts\": "
    "\"nothing\", \"tags\": \"a=b\", \"expect\": \"either\", \"outcome\": {\"status\": \"ok\", \"loss\": [1.5,2.5], "
    "\"grad\": {\"input\": [[1.0,2.0],[3.0,4.0]]}}}";

static void write_entry(char **text, const lp_suite_entry *e) {
  size_t length;
  FILE *out = open_memstream(text, &length);
  ck_assert_ptr_nonnull(out);
  const lp_outcome *outcome = e->has_outcome ? &e->outcome : NULL;
  ck_assert_int_eq(lp_json_write_case(out, &e->c, outcome, LP_JSON_READABLE, NULL), LP_OK);
  fclose(out);
}

START_TEST(the_healthy_text_is_healthy) {
  char *text;
  read_case(healthy);
  write_entry(&text, &suite.entries[0]);
  char *again;
  read_case(text);
  write_entry(&again, &suite.entries[0]);
  ck_assert_str_eq(text, again);
  free(text);
  free(again);
}
END_TEST

/* Every proper beginning, of the object and of a list. */
START_TEST(truncated_text_fails) {
  char list[2 * sizeof healthy + 8];
  const int length = snprintf(list, sizeof list, "[%s,\n%s]", healthy, healthy);
  for (size_t n = 0; n + 1 < sizeof healthy; n++) check_call_fails(healthy, n);
  for (int n = 0; n < length; n++) check_call_fails(list, (size_t)n);
}
END_TEST

/* Whatever a damaged text does, it does no harm: it is refused in one line, or what it says is a case that can be
 * written and read again. */
static bool is_refused(const char *text, size_t length) {
  const lp_status status = read_bytes(text, length);
  if (status != LP_OK) {
    ck_assert_int_eq(status, LP_INVALID);
    ck_assert_msg(is_one_line(failure.message), "%s", failure.message);
    ck_assert_msg(strncmp(failure.message, "cases.json:", 11) == 0, "%s", failure.message);
    return true;
  }
  ck_assert_int_eq(suite.count, 1);
  if (suite.entries[0].status == LP_OK) return false;
  ck_assert_int_eq(suite.entries[0].status, LP_INVALID);
  ck_assert_msg(is_one_line(suite.entries[0].message), "%s", suite.entries[0].message);
  return true;
}

START_TEST(flipped_bits_do_no_harm) {
  char text[sizeof healthy];
  int refused = 0, read = 0;
  for (size_t at = 0; at + 1 < sizeof healthy; at++) {
    for (int bit = 0; bit < 8; bit++) {
      memcpy(text, healthy, sizeof healthy);
      text[at] = (char)(text[at] ^ (1 << bit));
      if (is_refused(text, sizeof healthy - 1)) {
        refused++;
        continue;
      }
      ck_assert_msg(bit != 7, "not UTF-8, and accepted: %s", text);
      char *once, *twice;
      write_entry(&once, &suite.entries[0]);
      read_case(once);
      write_entry(&twice, &suite.entries[0]);
      ck_assert_str_eq(once, twice);
      free(once);
      free(twice);
      read++;
    }
  }
  ck_assert_int_gt(refused, 3 * read); /* JSON has no checksum: a digit may become another */
}
END_TEST

static const char *const foreign[] = {
    "\x89HDF\r\n\x1A\n",
    "\x89PNG\r\n\x1A\n",
    "\x7F"
    "ELF\x02\x01\x01",
    "\x1F\x8B\x08",
    "PK\x03\x04",
    "%PDF-1.7",
    "\xFF\xD8\xFF\xE0",
    "BZh91AY&SY",
    "\xFD"
    "7zXZ",
    "(\xB5/\xFD",
    "\x93NUMPY\x01",
    "\x80\x04\x95", /* a pickle */
    "SQLite format 3",
    "\xFE\xFF",
    "\xFF\xFE{",
    "<?xml version=\"1.0\"?><case/>",
    "<!DOCTYPE html>",
    "id,loss,input\n1,kl_div,0.5\n",
    "loss: plain\ninputs:\n  input: 1\n",
    "[case]\nloss = \"plain\"\n",
    "loss = \"plain\"",
    "{'loss': 'plain', 'inputs': {}}",
    "{loss: \"plain\", inputs: {}}",
    "{\"loss\": \"plain\", \"inputs\": {},}",
    "{\"loss\": \"plain\", /* a comment */ \"inputs\": {}}",
    "// a comment\n{}",
    "# a comment\n{}",
    "{\"loss\": \"plain\", \"inputs\": {\"input\": NaN}}",
    "{\"loss\": \"plain\", \"inputs\": {\"input\": inf}}",
    "{\"loss\": \"plain\", \"inputs\": {\"input\": +1}}",
    "{\"loss\": \"plain\", \"inputs\": {\"input\": .5}}",
    "{\"loss\": \"plain\", \"inputs\": {\"input\": 1.}}",
    "{\"loss\": \"plain\", \"inputs\": {\"input\": 0x10}}",
    "{\"loss\": \"plain\", \"inputs\": {\"input\": 01}}",
    "{\"loss\": \"plain\", \"inputs\": {\"input\": None}}",
    "{\"loss\": \"plain\", \"inputs\": {\"input\": True}}",
    "{\"loss\": \"plain\", \"inputs\": {\"input\": tensor([1.])}}",
    "{\"loss\": \"plain\" \"inputs\": {}}",
    "{\"loss\": \"pla\\x69n\"}",
    "{\"loss\": \"\\ud800\"}",
    "tensor([[0.5, 0.3]])",
    "undefined",
    "import torch",
    "#!/bin/sh\necho",
    "\x1E{\"loss\": \"plain\"}", /* RFC 7464 */
    "data: {\"loss\": \"plain\"}",
};

START_TEST(foreign_text_fails) { check_call_fails(foreign[_i], strlen(foreign[_i])); }
END_TEST

static const char *const foreign_json[] = {
    "{\"name\": \"lossproof\", \"version\": \"1.0.0\", \"dependencies\": {}}",
    "{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\"}",
    "{\"type\": \"FeatureCollection\", \"features\": []}",
    "{\"nbformat\": 4, \"cells\": []}",
    "{\"architectures\": [\"LlamaForCausalLM\"], \"torch_dtype\": \"bfloat16\"}",
    "{\"jsonrpc\": \"2.0\", \"id\": \"1\", \"method\": \"eval\"}",
    "{\"op\": \"kl_div\", \"args\": [1, 2]}",
    "{\"loss\": 0.25, \"epoch\": 3}",
    "{\"loss\": \"plain\", \"input\": [1], \"target\": [2]}",
    "{\"cases\": [{\"loss\": \"plain\", \"inputs\": {}}]}",
    "12",
    "\"plain\"",
    "false",
};

START_TEST(foreign_json_is_not_a_case) { check_entry_invalid(foreign_json[_i], ""); }
END_TEST

/* Much asked for by little text. */
START_TEST(oversized_texts_are_refused) {
  static const char *const sizes[] = {"[100000001]",
                                      "[1000000000]",
                                      "[10001, 10000]",
                                      "[0, 1000000000]",
                                      "[1e9, 1e9, 1e9]",
                                      "[9007199254740992]",
                                      "[65536, 65536, 65536, 65536]",
                                      "[3, 100000000]"};
  char text[512];
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    for (int dtype = 0; dtype < LP_DTYPE_COUNT; dtype++) {
      snprintf(text, sizeof text, PACKED("\"dtype\":\"%s\",\"shape\":%s,\"data\":\"\""), lp_dtype_name((lp_dtype)dtype),
               sizes[i]);
      check_entry_invalid(text, "inputs.input");
    }
    snprintf(text, sizeof text, WITH("\"shapes\": {\"input\": %s}"), sizes[i]);
    check_entry_invalid(text, "inputs.input");
    snprintf(text, sizeof text, WITH("\"grad_output\": [], \"shapes\": {\"grad_output\": %s}"), sizes[i]);
    check_entry_invalid(text, "grad_output");
    snprintf(text, sizeof text, OUTCOME("\"status\": \"ok\", \"loss\": [], \"shapes\": {\"loss\": %s}"), sizes[i]);
    check_entry_invalid(text, "outcome.loss");
  }
}
END_TEST

static char *repeat(const char *head, const char *unit, size_t n, const char *tail) {
  char *text = malloc(strlen(head) + n * strlen(unit) + strlen(tail) + 1);
  ck_assert_ptr_nonnull(text);
  char *at = stpcpy(text, head);
  for (size_t i = 0; i < n; i++) at = stpcpy(at, unit);
  stpcpy(at, tail);
  return text;
}

START_TEST(deep_and_long_texts_are_refused) {
  static const size_t depths[] = {9, 10, 11, 16, 32, 64, 100, 255, 1000, 2000, 2040, 2050, 3000, 100000};
  for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
    char *open = repeat("{\"loss\": \"plain\", \"inputs\": {\"input\": ", "[", depths[i], "");
    char *closed = repeat(open, "]", depths[i], "}}");
    check_entry_invalid(closed, "nested");
    check_call_fails(open, strlen(open));
    free(open);
    free(closed);
  }
  for (size_t length = LP_MAX_ID_BYTES + 1; length < LP_MAX_ID_BYTES + 40; length += 13) {
    char *text = repeat("{\"loss\": \"plain\", \"inputs\": {}, \"id\": \"", "i", length, "\"}");
    check_entry_invalid(text, "id: expected one line of at most 200 bytes");
    free(text);
  }
  char *name = repeat("{\"loss\": \"", "\xC3\xA9", 100000, "\", \"inputs\": {}}");
  check_entry_invalid(name, "loss: there is no loss \"");
  free(name);
  char *key = repeat("{\"", "k", 100000, "\": 1}");
  check_entry_invalid(key, "unknown key \"kkkk");
  free(key);
}
END_TEST

/* Each of these says two things that cannot both be. */
START_TEST(inconsistent_texts_are_refused) {
  static const char *const data[] = {"[1,2,3]", "[[1,2,3]]", "[[1],[2],[3]]", "1", "[]", "[[]]"};
  static const char *const shapes[] = {"[]",    "[2]",     "[4]",   "[1,2]",   "[2,3]",
                                       "[3,2]", "[2,1,1]", "[4,1]", "[1,1,2]", "[0,0,1,1,1,1,1,1,1]"};
  char text[512];
  for (size_t i = 0; i < sizeof data / sizeof *data; i++) {
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
      if (data[i][0] == '1' && strcmp(shapes[k], "[]") == 0) continue;
      snprintf(text, sizeof text, "{\"loss\": \"plain\", \"inputs\": {\"weight\": %s}, \"shapes\": {\"weight\": %s}}",
               data[i], shapes[k]);
      check_entry_invalid(text, "weight");
    }
  }
  for (int a = 0; a < LP_DTYPE_COUNT; a++) {
    for (int b = 0; b < LP_DTYPE_COUNT; b++) {
      snprintf(text, sizeof text,
               "{\"loss\": \"plain\", \"inputs\": {\"weight\": {\"dtype\": \"%s\", \"shape\": [0], \"data\": \"\"}}, "
               "\"dtypes\": {\"weight\": \"%s\"}}",
               lp_dtype_name((lp_dtype)a), lp_dtype_name((lp_dtype)b));
      if (a == b) {
        read_case(text);
      } else {
        check_entry_invalid(text, "inputs.weight: the packed tensor is ");
      }
    }
  }
}
END_TEST

START_TEST(packed_data_of_the_wrong_length_is_refused) {
  for (int dtype = 0; dtype < LP_DTYPE_COUNT; dtype++) {
    for (size_t groups = 0; groups <= 4; groups++) {
      if (3 * groups == 3 * lp_dtype_size((lp_dtype)dtype)) continue;
      char text[512], data[32] = "";
      for (size_t i = 0; i < groups; i++) strcat(data, "AAAA");
      snprintf(text, sizeof text, PACKED("\"dtype\":\"%s\",\"shape\":[3],\"data\":\"%s\""),
               lp_dtype_name((lp_dtype)dtype), data);
      check_entry_invalid(text, "bytes of data: expected ");
    }
  }
}
END_TEST

int main(int argc, char **argv) {
  int exit_status;
  if (lp_hdf5_serve_reader(&exit_status, argc, argv)) return exit_status;
  Suite *all = suite_create("golden.json_read");
  TCase *tests = tcase_create("json_read");
  TCase *bare = tcase_create("without a suite");
  tcase_add_checked_fixture(tests, open_suite, close_suite);
  tcase_set_timeout(tests, 120);
  tcase_add_loop_test(tests, objects_lists_and_lines, 0, sizeof texts / sizeof *texts);
  tcase_add_loop_test(tests, text_that_is_not_json_fails_as_a_whole, 0, sizeof not_json / sizeof *not_json);
  tcase_add_test(tests, one_bad_case_leaves_the_others);
  tcase_add_test(tests, defaults);
  tcase_add_test(tests, everything_given);
  tcase_add_test(tests, null_is_absent);
  tcase_add_loop_test(tests, reductions_resolve_as_in_pytorch, 0, sizeof reductions / sizeof *reductions);
  tcase_add_loop_test(tests, parameters_are_float64, 0, sizeof params / sizeof *params);
  tcase_add_loop_test(tests, floating_numbers_round_once_to_even, 0, sizeof floats / sizeof *floats);
  tcase_add_loop_test(tests, integers_fit_their_dtype, 0, sizeof integers / sizeof *integers);
  tcase_add_loop_test(tests, shapes_of_data, 0, sizeof extents / sizeof *extents);
  tcase_add_test(tests, elements_are_in_row_major_order);
  tcase_add_test(tests, an_outcome_with_gradients);
  tcase_add_test(tests, outcomes_that_are_not_ok);
  tcase_add_loop_test(tests, what_is_not_a_case_says_why, 0, sizeof not_a_case / sizeof *not_a_case);
  tcase_add_test(tests, ceilings_of_a_file);
  tcase_add_test(tests, the_ceiling_of_a_parsed_case);
  tcase_add_test(tests, files_are_read);
  tcase_add_test(tests, standard_input_is_read);
  tcase_add_test(tests, a_long_pipe_is_read);
  tcase_add_test(tests, a_file_over_the_ceiling_is_refused_unread);
  tcase_add_test(tests, hdf5_is_known_by_its_signature);
  tcase_add_test(tests, files_that_cannot_be_read);
  tcase_add_test(tests, a_suite_is_read_whole_or_not_at_all);
  tcase_add_test(tests, a_suite_has_a_ceiling);
  tcase_add_test(tests, other_users_of_jansson_are_left_alone);
  tcase_add_test(tests, the_healthy_text_is_healthy);
  tcase_add_test(tests, truncated_text_fails);
  tcase_add_test(tests, flipped_bits_do_no_harm);
  tcase_add_loop_test(tests, foreign_text_fails, 0, sizeof foreign / sizeof *foreign);
  tcase_add_loop_test(tests, foreign_json_is_not_a_case, 0, sizeof foreign_json / sizeof *foreign_json);
  tcase_add_test(tests, oversized_texts_are_refused);
  tcase_add_test(tests, deep_and_long_texts_are_refused);
  tcase_add_test(tests, inconsistent_texts_are_refused);
  tcase_add_test(tests, packed_data_of_the_wrong_length_is_refused);
  tcase_add_test(bare, cases_are_appended_in_order_and_numbered);
  tcase_add_test(bare, running_out_of_memory_anywhere_is_no_memory);
  suite_add_tcase(all, tests);
  suite_add_tcase(all, bare);
  SRunner *runner = srunner_create(all);
  srunner_run_all(runner, CK_NORMAL);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
