/* The columns of a file, without HDF5: layouts, seal, packing, and every way in which they can contradict themselves.
 */
#include "golden/bits.h"
#include "golden/columns_pack.h"
#include "golden/hdf5.h"
#include "golden/hdf5_library.h"
#include "golden/tests/fake_losses.h"
#include "golden/tests/suites.h"
#include "reference/tests/testing.h"

enum { CASES = 40, SEED = 11 };

static void make_suite(lp_suite *suite, int n, unsigned halves) {
  ck_assert_int_eq(lp_suite_init(suite, NULL), LP_OK);
  random_suite(suite, &fake_losses[0], SEED, n, halves);
}

static void make_columns(lp_columns *columns, const lp_suite *suite) {
  lp_error error = {.message = ""};
  ck_assert_int_eq(lp_columns_init(columns, &error), LP_OK);
  const lp_status status = lp_columns_pack(columns, suite, &fake_losses[0], &error);
  ck_assert_msg(status == LP_OK, "%s", error.message);
}

static void check_message(const lp_error *error, const char *text) {
  ck_assert_msg(strstr(error->message, text) != NULL, "expected \"%s\" in: %s", text, error->message);
}

/* Layouts. */

START_TEST(impossible_layouts) {
  static const struct {
    lp_column layout;
    const char *text;
  } bad[] = {
      {{.path = "", .cell = LP_CELL_U8, .width = 1, .rank = 1}, "name"},
      {{.path = "a b", .cell = LP_CELL_U8, .width = 1, .rank = 1}, "name"},
      {{.path = "a\x80", .cell = LP_CELL_U8, .width = 1, .rank = 1}, "name"},
      {{.path = "a", .cell = LP_CELL_U8, .width = 1, .rank = 3}, "a: has 3 dimensions"},
      {{.path = "a", .cell = LP_CELL_U8, .width = 1, .rank = -1}, "a: has -1 dimensions"},
      {{.path = "a", .cell = LP_CELL_U8, .width = 2, .rank = 1}, "a: has cells of 2 bytes"},
      {{.path = "a", .cell = LP_CELL_F64, .width = 0, .rank = 1}, "a: has cells of 0 bytes"},
      {{.path = "a", .cell = LP_CELL_TEXT, .width = 0, .rank = 1}, "a: has cells of 0 bytes"},
      {{.path = "a", .cell = LP_CELL_TEXT, .width = LP_CELL_TEXT_MAX + 1, .rank = 1}, "a: has cells of 8193 bytes"},
      {{.path = "a", .cell = LP_CELL_COUNT, .width = 1, .rank = 1}, "a: has cells of an unknown kind"},
      {{.path = "a", .cell = LP_CELL_F64, .width = 8, .rank = 1, .extent = {((uint64_t)1 << 28) + 1}},
       "more than 2147483648"},
      {{.path = "a", .cell = LP_CELL_F64, .width = 8, .rank = 1, .extent = {UINT64_MAX}}, "along axis 0"},
      {{.path = "a", .cell = LP_CELL_U8, .width = 1, .rank = 2, .extent = {65536, 32769}}, "along axis 1"},
      {{.path = "a", .cell = LP_CELL_U8, .width = 1, .rank = 2, .extent = {0, UINT64_MAX}}, "along axis 1"},
  };
  lp_columns columns;
  lp_column *column;
  ck_assert_int_eq(lp_columns_init(&columns, NULL), LP_OK);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    lp_error error;
    ck_assert_int_eq(lp_columns_add(&column, &columns, &bad[i].layout, &error), LP_INVALID);
    check_message(&error, bad[i].text);
  }
  ck_assert_int_eq(columns.count, 0);
  lp_columns_clear(&columns);
}
END_TEST

START_TEST(a_path_without_end) {
  lp_columns columns;
  lp_column *column, layout = {.cell = LP_CELL_U8, .width = 1};
  lp_error error;
  memset(layout.path, 'a', sizeof layout.path);
  ck_assert_int_eq(lp_columns_init(&columns, NULL), LP_OK);
  ck_assert_int_eq(lp_columns_add(&column, &columns, &layout, &error), LP_INVALID);
  check_message(&error, "over 95 bytes");
  lp_columns_clear(&columns);
}
END_TEST

START_TEST(too_many_columns) {
  lp_columns columns;
  lp_column *column, layout = {.cell = LP_CELL_U8, .width = 1, .rank = 1, .extent = {1}};
  lp_error error;
  ck_assert_int_eq(lp_columns_init(&columns, NULL), LP_OK);
  for (int i = 0; i < LP_MAX_COLUMNS; i++) {
    snprintf(layout.path, sizeof layout.path, "c%d", i);
    ck_assert_int_eq(lp_columns_add(&column, &columns, &layout, &error), LP_OK);
  }
  ck_assert_int_eq(lp_columns_add(&column, &columns, &layout, &error), LP_INVALID);
  check_message(&error, "c255: is there twice");
  snprintf(layout.path, sizeof layout.path, "last");
  ck_assert_int_eq(lp_columns_add(&column, &columns, &layout, &error), LP_INVALID);
  check_message(&error, "last: is one more than 256");
  lp_columns_clear(&columns);
}
END_TEST

START_TEST(columns_share_the_ceiling) {
  lp_columns columns;
  lp_column *column, layout = {.path = "a", .cell = LP_CELL_U8, .width = 1, .rank = 1, .extent = {1000}};
  lp_error error;
  ck_assert_int_eq(lp_columns_init(&columns, NULL), LP_OK);
  ck_assert_int_eq(lp_columns_add(&column, &columns, &layout, &error), LP_OK);
  layout.path[0] = 'b';
  layout.extent[0] = LP_MAX_COLUMN_BYTES - 999;
  ck_assert_int_eq(lp_columns_add(&column, &columns, &layout, &error), LP_INVALID);
  check_message(&error, "b: with 2147482649 cells");
  lp_columns_clear(&columns);
}
END_TEST

/* The constant is Python's hashlib.sha256 of the documented bytes. */
START_TEST(digest_is_as_documented) {
  lp_columns columns;
  lp_column *column;
  char text[LP_SHA256_TEXT];
  ck_assert_int_eq(lp_columns_init(&columns, NULL), LP_OK);
  const lp_column c = {.path = "c", .cell = LP_CELL_I64, .width = 8, .rank = 2, .extent = {1, 2}};
  ck_assert_int_eq(lp_columns_add(&column, &columns, &c, NULL), LP_OK);
  lp_store_le(column->bytes + 8, 8, 5);
  const lp_column b = {.path = "b", .cell = LP_CELL_TEXT, .width = 3, .rank = 1, .extent = {2}};
  ck_assert_int_eq(lp_columns_add(&column, &columns, &b, NULL), LP_OK);
  memcpy(column->bytes, "abcde", 5);
  const lp_column a = {.path = "@a", .cell = LP_CELL_U64, .width = 8};
  ck_assert_int_eq(lp_columns_add(&column, &columns, &a, NULL), LP_OK);
  lp_store_le(column->bytes, 8, 1);
  ck_assert_int_eq(lp_columns_seal(&columns, NULL), LP_OK);
  ck_assert_int_eq(lp_columns_digest(text, &columns, NULL), LP_OK);
  ck_assert_str_eq(text, "6179fb7a17a4c11879dfb59f5d765c487e91b5ea54ec7ef93a3ba0c96ab32cfc");
  ck_assert_int_eq(lp_columns_check_seal(&columns, NULL), LP_OK);
  lp_columns_clear(&columns);
}
END_TEST

START_TEST(cells_have_numpy_names) {
  ck_assert_str_eq(lp_cell_name(LP_CELL_U8), "|u1");
  ck_assert_str_eq(lp_cell_name(LP_CELL_F16), "<f2");
  ck_assert_uint_eq(lp_cell_width(LP_CELL_F16), 2);
}
END_TEST

START_TEST(text_is_checked) {
  static const struct {
    const char *bytes;
    size_t length;
    bool clean;
  } texts[] = {
      {"", 0, true},
      {"plain\n\x7f", 7, true},
      {"a\0b", 3, false},
      {"\xc3\xa9", 2, true},
      {"\xc3", 1, false},
      {"\xc0\x80", 2, false},     /* overlong */
      {"\xe0\x9f\xbf", 3, false}, /* overlong */
      {"\xe2\x86\x92", 3, true},
      {"\xe2\x86", 2, false},
      {"\xed\xa0\x80", 3, false}, /* a surrogate */
      {"\xee\x80\x80", 3, true},
      {"\xf0\x9d\x84\x9e", 4, true},
      {"\xf0\x8f\xbf\xbf", 4, false}, /* overlong */
      {"\xf4\x8f\xbf\xbf", 4, true},
      {"\xf4\x90\x80\x80", 4, false}, /* past the end of Unicode */
      {"\xf0\x9d\x84\x41", 4, false},
      {"\x80", 1, false},
      {"\xff", 1, false},
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    ck_assert_msg(lp_text_is_clean((const unsigned char *)texts[i].bytes, texts[i].length) == texts[i].clean,
                  "text %zu", i);
  }
}
END_TEST

/* Packing. */

START_TEST(packed_and_unpacked) {
  for (unsigned halves = 1; halves <= LP_HAS_EITHER; halves++) {
    for (int n = 0; n < 60; n += 7) {
      if (n == 0 && halves != LP_HAS_CASES) continue;
      lp_suite suite, copy;
      lp_columns columns;
      lp_error error = {.message = ""};
      make_suite(&suite, n, halves);
      make_columns(&columns, &suite);
      ck_assert_int_eq(lp_suite_init(&copy, NULL), LP_OK);
      const lp_status status = lp_columns_unpack(&copy, &columns, &error);
      ck_assert_msg(status == LP_OK, "%s", error.message);
      ck_assert(same_suite(&suite, &copy));
      lp_columns_clear(&columns);
      lp_suite_clear(&copy);
      lp_suite_clear(&suite);
    }
  }
}
END_TEST

static char long_name[LP_COLUMN_PATH_MAX];

static void no_id(lp_suite *s) { s->entries[3].c.id = ""; }
static void two_lines(lp_suite *s) { s->entries[3].c.id = "a\nb"; }
static void deleted(lp_suite *s) { s->entries[3].c.id = "a\x7f"; }
static void long_id(lp_suite *s) {
  char *id = lp_arena_alloc(s->arena, LP_MAX_ID_BYTES + 2, 1);
  memset(id, 'i', LP_MAX_ID_BYTES + 1);
  s->entries[3].c.id = id;
}
static void same_id(lp_suite *s) { s->entries[3].c.id = s->entries[4].c.id; }
static void no_required_input(lp_suite *s) { s->entries[5].c.has_input[1] = false; }
static void no_outcome(lp_suite *s) { s->entries[5].has_outcome = false; }
static void late_answer(lp_suite *s) { memset(s->entries[0].c.has_input, 0, sizeof s->entries[0].c.has_input); }
static void bad_utf8(lp_suite *s) { s->entries[2].c.hunts = "\xff"; }
static void bad_note(lp_suite *s) { s->origin.note = "\xff"; }
static void bad_expect(lp_suite *s) { s->entries[2].c.expect = (lp_expect)7; }
static void integer_case_dtype(lp_suite *s) { s->entries[2].c.dtype = LP_INT32; }
static void bad_flag(lp_suite *s) { s->entries[2].c.params[2] = 0.5; }
static void not_a_case(lp_suite *s) { s->entries[2].status = LP_INVALID; }

static void outputs_of_a_rejection(lp_suite *s) {
  s->entries[1].outcome.kind = LP_OUTCOME_REJECTED;
  s->entries[1].outcome.n_outputs = 1;
}

static void neither(lp_suite *s) {
  memset(s->entries[0].c.has_input, 0, sizeof s->entries[0].c.has_input);
  s->entries[0].has_outcome = false;
}

static lp_tensor *line(lp_suite *s, lp_dtype dtype) {
  lp_tensor *tensor = &s->entries[6].c.inputs[0];
  ck_assert_int_eq(lp_tensor_init(tensor, dtype, 1, (int64_t[]){3}, NULL), LP_OK);
  ck_assert_int_eq(lp_arena_tensor(s->arena, tensor, NULL), LP_OK);
  return tensor;
}

static void not_an_int8(lp_suite *s) { line(s, LP_INT8)->i64[1] = 128; }
static void not_a_bool(lp_suite *s) { line(s, LP_BOOL)->i64[1] = -1; }
static void not_a_float32(lp_suite *s) { line(s, LP_FLOAT32)->f64[1] = 0.1; }
static void not_a_float16(lp_suite *s) { line(s, LP_FLOAT16)->f64[1] = 2049.0; }
static void not_a_bfloat16(lp_suite *s) { line(s, LP_BFLOAT16)->f64[1] = 257.0; }
static void no_data(lp_suite *s) { line(s, LP_FLOAT64)->f64 = NULL; }

START_TEST(suites_that_are_no_file) {
  static const struct {
    void (*spoil)(lp_suite *);
    lp_status status;
    const char *text;
  } bad[] = {
      {no_id, LP_INVALID, "empty id"},
      {two_lines, LP_INVALID, "an id is not one line of at most 200 bytes without control characters"},
      {deleted, LP_INVALID, "an id is not one line"},
      {long_id, LP_INVALID, "an id is not one line"},
      {same_id, LP_INVALID, "two cases have the id 'random/plain/4'"},
      {no_required_input, LP_INVALID, "case random/plain/5: has no input 'target', which plain requires"},
      {no_outcome, LP_INVALID, "case random/plain/5: has no outcome"},
      {late_answer, LP_INVALID, "has inputs, but the first case of the file has none (answers)"},
      {bad_utf8, LP_INVALID, "cases/hunts: the text of case random/plain/2 is not UTF-8"},
      {bad_note, LP_INVALID, "@note: is not UTF-8"},
      {bad_expect, LP_INVALID, "cases/expect: case random/plain/2 has the number 7"},
      {integer_case_dtype, LP_INVALID, "cases/dtype: case random/plain/2"},
      {bad_flag, LP_INVALID, "params/full: case random/plain/2 has 0.5"},
      {not_a_case, LP_INVALID, "entry 2 is not a case"},
      {outputs_of_a_rejection, LP_INVALID, "its outcome is rejected, and yet has outputs"},
      {neither, LP_INVALID, "has neither inputs nor an outcome"},
      {not_an_int8, LP_INVALID, "inputs/input: element 1 of case random/plain/6 is 128"},
      {not_a_bool, LP_INVALID, "is -1, which is not a number of dtype bool"},
      {not_a_float32, LP_INVALID, "not a number of dtype float32"},
      {not_a_float16, LP_INVALID, "not a number of dtype float16"},
      {not_a_bfloat16, LP_INVALID, "not a number of dtype bfloat16"},
      {no_data, LP_INTERNAL, "has no data"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    lp_suite suite;
    lp_columns columns;
    lp_error error = {.message = ""};
    make_suite(&suite, 9, LP_HAS_EITHER);
    bad[i].spoil(&suite);
    ck_assert_int_eq(lp_columns_init(&columns, NULL), LP_OK);
    ck_assert_int_eq(lp_columns_pack(&columns, &suite, &fake_losses[0], &error), bad[i].status);
    check_message(&error, bad[i].text);
    lp_columns_clear(&columns);
    lp_suite_clear(&suite);
  }
}
END_TEST

/* Names of a loss's arguments that no path could hold. */
START_TEST(names_that_are_too_long) {
  memset(long_name, 'n', sizeof long_name - 1);
  const lp_param_spec param = {.name = long_name};
  lp_loss loss = fake_losses[1];
  loss.params = &param;
  loss.n_params = 1;
  lp_suite suite;
  lp_columns columns;
  lp_error error = {.message = ""};
  ck_assert_int_eq(lp_suite_init(&suite, NULL), LP_OK);
  random_suite(&suite, &loss, SEED, 2, LP_HAS_CASES);
  ck_assert_int_eq(lp_columns_init(&columns, NULL), LP_OK);
  ck_assert_int_eq(lp_columns_pack(&columns, &suite, &loss, &error), LP_INVALID);
  check_message(&error, "longer than 95 bytes");
  lp_columns_clear(&columns);
  lp_suite_clear(&suite);
}
END_TEST

/* Contradictions: each changes one thing in the columns of a good file, which is then sealed again. */

typedef enum change { DROP, RENAME, RETYPE, EXTENT, POKE, ADD } change;

typedef struct contradiction {
  change change;
  const char *path;
  long long at, value; /* POKE: cell and value; EXTENT: axis and extent; RETYPE, ADD: the cell's kind */
  const char *text;    /* in the message */
} contradiction;

static const contradiction contradictions[] = {
    {DROP, "@format", 0, 0, "@format: the root attribute is missing"},
    {POKE, "@format", 0, 'L', "@format: is 'Lossproof'"},
    {RETYPE, "@format", 0, LP_CELL_I64, "@format: is of dtype <i8 and rank 0, expected |S"},
    {DROP, "@format_version", 0, 0, "@format_version: the root attribute is missing"},
    {POKE, "@format_version", 0, 2, "@format_version: is 2, this program reads 1"},
    {RETYPE, "@format_version", 0, LP_CELL_U64, "@format_version: is of dtype <u8"},
    {DROP, "@kind", 0, 0, "@kind: the root attribute is missing"},
    {POKE, "@kind", 0, 'F', "@kind: is 'Fixtures'"},
    {POKE, "@kind", 7, 0, "@kind: is 'fixture'"},
    {POKE, "@kind", 3, 0, "@kind: string 0 is not UTF-8"},
    {DROP, "@loss", 0, 0, "@loss: the root attribute is missing"},
    {POKE, "@loss", 1, 'x', "@loss: there is no loss 'pxain' (did you mean 'plain'?)"},
    {POKE, "@loss", 0, 'x', "@loss: there is no loss 'xlain'"},
    {DROP, "@cases", 0, 0, "@cases: the root attribute is missing"},
    {POKE, "@cases", 0, -1, "@cases: is -1"},
    {POKE, "@cases", 0, 1000000000, "@cases: is 1000000000"},
    {POKE, "@cases", 0, CASES + 1, "cases/id_offset: has 41 cells, expected 42 for 41 cases"},
    {POKE, "@cases", 0, 0, "cases/id_offset: has 41 cells"},
    {DROP, "@seed", 0, 0, "@seed: the root attribute is missing"},
    {RETYPE, "@seed", 0, LP_CELL_I64, "@seed: is of dtype <i8"},
    {DROP, "@note", 0, 0, "@note: the root attribute is missing"},
    {POKE, "@note", 1, 0xff, "@note: string 0 is not UTF-8"},
    {DROP, "@producer", 0, 0, "@producer: the root attribute is missing"},
    {DROP, "@producer_version", 0, 0, "@producer_version: the root attribute is missing"},
    {DROP, "@exporter_version", 0, 0, "@exporter_version: the root attribute is missing"},
    {ADD, "@author", 0, LP_CELL_I64, "@author: is not part of a file of fixtures for plain"},
    {DROP, "cases/id", 0, 0, "cases/id: the dataset is missing"},
    {DROP, "cases/id_offset", 0, 0, "cases/id_offset: the dataset is missing"},
    {RENAME, "cases/id", 0, 0, "cases/id: the dataset is missing"},
    {RETYPE, "cases/id", 0, LP_CELL_U16, "cases/id: is of dtype <u2"},
    {POKE, "cases/id", 3, 0, "holds a zero byte"},
    {POKE, "cases/id", 3, 0xc3, "is not UTF-8"},
    {POKE, "cases/id", 27, '0', "cases/id: two cases have the id 'random/plain/0'"},
    {POKE, "cases/id_offset", 0, 1, "cases/id_offset: offset 0 is 1"},
    {POKE, "cases/id_offset", 1, -1, "cases/id_offset: offset 1 is -1"},
    {POKE, "cases/id_offset", 1, 1000000000000, "cases/id_offset: offset 1 is 1000000000000"},
    {POKE, "cases/id_offset", 20, 3, "cases/id_offset: offset 20 is 3"},
    {POKE, "cases/id_offset", CASES, 580, "cases/id_offset: ends at 580, but cases/id has 590 cells"},
    {POKE, "cases/id_offset", 1, 0, "cases/id: a case has an empty id"},
    {EXTENT, "cases/id_offset", 0, CASES, "cases/id_offset: has 40 cells"},
    {EXTENT, "cases/id", 0, 5, "expected to begin at 0, ascend, and end at 5"},
    {RETYPE, "cases/id_offset", 0, LP_CELL_F64, "cases/id_offset: is of dtype <f8"},
    {DROP, "cases/hunts", 0, 0, "cases/hunts: the dataset is missing"},
    {DROP, "cases/tags_offset", 0, 0, "cases/tags_offset: the dataset is missing"},
    {POKE, "cases/reduction", 0, 0, "cases/reduction: the text of case"},
    {DROP, "cases/expect", 0, 0, "cases/expect: the dataset is missing"},
    {POKE, "cases/expect", 0, 'A', "cases/expect: case 0 has '"},
    {EXTENT, "cases/expect", 0, CASES - 1, "cases/expect: has 39 cells"},
    {RETYPE, "cases/expect", 0, LP_CELL_U8, "cases/expect: is of dtype |u1"},
    {POKE, "cases/dtype", 0, 'g', "cases/dtype: case 0 has 'g"},
    {DROP, "params/margin", 0, 0, "params/margin: the dataset is missing"},
    {RETYPE, "params/margin", 0, LP_CELL_F32, "params/margin: is of dtype <f4"},
    {EXTENT, "params/p", 0, CASES + 1, "params/p: has 41 cells"},
    {POKE, "params/full", 4, 2, "params/full: case 4 has 2"},
    {ADD, "params/beta", 0, LP_CELL_F64, "params/beta: is not part"},
    {ADD, "cases/extra", 0, LP_CELL_U8, "cases/extra: is not part"},
    {ADD, "unknown", 0, LP_CELL_U8, "unknown: is not part"},
    {ADD, "inputs/unknown/dtype", 0, LP_CELL_U8, "inputs/unknown/dtype: is not part"},
    {ADD, "inputs/input/float8", 0, LP_CELL_U8, "inputs/input/float8: is not part"},
    {DROP, "inputs/input/dtype", 0, 0, "inputs/input/dtype: the dataset is missing"},
    {DROP, "inputs/input/rank", 0, 0, "inputs/input/rank: the dataset is missing"},
    {DROP, "inputs/input/shape", 0, 0, "inputs/input/shape: the dataset is missing"},
    {DROP, "inputs/input/float64_offset", 0, 0, "inputs/input/float64_offset: the dataset is missing"},
    {DROP, "inputs/input/float64", 0, 0, "inputs/input/float64: case"},
    {DROP, "inputs/input/int64", 0, 0, "inputs/input/int64: case"},
    {RETYPE, "inputs/input/rank", 0, LP_CELL_I64, "inputs/input/rank: is of dtype <i8"},
    {RETYPE, "inputs/input/float64", 0, LP_CELL_I64, "inputs/input/float64: is of dtype <i8"},
    {RETYPE, "inputs/input/float16", 0, LP_CELL_U16, "inputs/input/float16: is of dtype <u2"},
    {EXTENT, "inputs/input/shape", 1, 7, "inputs/input/shape: is of shape (40, 7), expected (40, 8)"},
    {EXTENT, "inputs/input/shape", 0, 39, "inputs/input/shape: is of shape (39, 8)"},
    {RETYPE, "inputs/input/shape", 0, LP_CELL_U64, "inputs/input/shape: is of dtype <u8"},
    {POKE, "inputs/input/shape", 7, 1, "beyond the"},
    {POKE, "inputs/input/dtype", 0, 'x', "inputs/input/dtype: case 0 has 'x"},
    {POKE, "inputs/input/dtype", 0, 0, "is not UTF-8 of at most"},
    {POKE, "inputs/input/float64_offset", CASES, 1, "inputs/input/float64_offset:"},
    {EXTENT, "inputs/input/float64", 0, 3, "inputs/input/float64_offset:"},
    {DROP, "grad_output/shape", 0, 0, "grad_output/shape: the dataset is missing"},
    {DROP, "outcomes/kind", 0, 0, "outcomes/kind: the dataset is missing"},
    {POKE, "outcomes/kind", 1, '_', "outcomes/kind: case 0 has '"},
    {DROP, "outcomes/message", 0, 0, "outcomes/message: the dataset is missing"},
    {DROP, "outcomes/loss/rank", 0, 0, "outcomes/loss/rank: the dataset is missing"},
    {DROP, "outcomes/grad/input/dtype", 0, 0, "outcomes/grad/input/dtype: the dataset is missing"},
    {ADD, "outcomes/hessian/dtype", 0, LP_CELL_U8, "outcomes/hessian/dtype: is not part"},
};
enum { N_CONTRADICTIONS = sizeof contradictions / sizeof contradictions[0] };

static void drop(lp_columns *columns, const char *path) {
  const lp_column *column = lp_columns_find(columns, path);
  ck_assert_msg(column != NULL, "%s", path);
  const int index = (int)(column - columns->items);
  columns->count--;
  memmove(columns->items + index, columns->items + index + 1,
          (size_t)(columns->count - index) * sizeof *columns->items);
}

static lp_column *find(const lp_columns *columns, const char *path) {
  const lp_column *column = lp_columns_find(columns, path);
  ck_assert_msg(column != NULL, "%s", path);
  return &columns->items[column - columns->items];
}

/* Replaces a column by another of the same path. */
static lp_column *replace(lp_columns *columns, const lp_column *layout) {
  lp_column *column;
  if (lp_columns_find(columns, layout->path)) drop(columns, layout->path);
  ck_assert_int_eq(lp_columns_add(&column, columns, layout, NULL), LP_OK);
  return column;
}

static void poke(lp_column *column, long long at, long long value) {
  const size_t width = column->cell == LP_CELL_TEXT ? 1 : column->width; /* of text, a character */
  ck_assert((uint64_t)at < column->count * column->width / width);
  lp_store_le(column->bytes + (size_t)at * width, width, (uint64_t)value);
}

static void contradict(lp_columns *columns, const contradiction *c) {
  lp_column layout = {.rank = c->path[0] == '@' ? 0 : 1, .extent = {CASES}};
  if (c->change == DROP) drop(columns, c->path);
  if (c->change == RENAME) find(columns, c->path)->path[0] = 'C';
  if (c->change == POKE) poke(find(columns, c->path), c->at, c->value);
  if (c->change == DROP || c->change == RENAME || c->change == POKE) return;
  if (c->change != ADD) layout = *find(columns, c->path);
  snprintf(layout.path, sizeof layout.path, "%s", c->path);
  if (c->change == EXTENT) {
    const lp_column old = layout;
    layout.extent[c->at] = (uint64_t)c->value;
    const lp_column *made = replace(columns, &layout);
    const size_t old_bytes = old.count * old.width, bytes = made->count * made->width;
    memcpy(made->bytes, old.bytes, bytes < old_bytes ? bytes : old_bytes);
    return;
  }
  layout.cell = (lp_cell)c->value;
  layout.width = lp_cell_width(layout.cell);
  replace(columns, &layout);
}

static void make_contradiction(lp_columns *columns, const lp_suite *suite, const contradiction *c) {
  make_columns(columns, suite);
  drop(columns, "@sha256");
  contradict(columns, c);
  ck_assert_int_eq(lp_columns_seal(columns, NULL), LP_OK);
}

START_TEST(contradictions_are_found) {
  lp_suite suite, target;
  make_suite(&suite, CASES, LP_HAS_EITHER);
  ck_assert_int_eq(lp_suite_init(&target, NULL), LP_OK);
  random_suite(&target, &fake_losses[1], 5, 3, LP_HAS_CASES);
  for (int i = 0; i < N_CONTRADICTIONS; i++) {
    lp_columns columns;
    lp_error error = {.message = ""};
    make_contradiction(&columns, &suite, &contradictions[i]);
    const lp_status status = lp_columns_unpack(&target, &columns, &error);
    ck_assert_msg(status == LP_INVALID, "%d: expected \"%s\", got status %d", i, contradictions[i].text, (int)status);
    check_message(&error, contradictions[i].text);
    ck_assert_int_eq(target.count, 3);
    ck_assert_str_eq(target.origin.producer, "pytorch");
    lp_columns_clear(&columns);
  }
  lp_suite_clear(&target);
  lp_suite_clear(&suite);
}
END_TEST

/* The same through files, whose checksums and seal are all right. */
START_TEST(contradictions_in_files_are_found) {
  lp_suite suite, target;
  make_suite(&suite, CASES, LP_HAS_EITHER);
  ck_assert_int_eq(lp_suite_init(&target, NULL), LP_OK);
  const char *path = scratch("contradiction.h5");
  for (int i = 0; i < N_CONTRADICTIONS; i++) {
    lp_columns columns;
    lp_error error = {.message = ""};
    make_contradiction(&columns, &suite, &contradictions[i]);
    remove(path);
    ck_assert_int_eq(lp_hdf5_write_columns(&columns, path, &error), LP_OK);
    ck_assert_int_eq(lp_hdf5_read(&target, path, &error), LP_INVALID);
    ck_assert_int_eq(strncmp(error.message, path, strlen(path)), 0);
    check_message(&error, contradictions[i].text);
    ck_assert_int_eq(target.count, 0);
    lp_columns_clear(&columns);
  }
  lp_suite_clear(&target);
  lp_suite_clear(&suite);
}
END_TEST

/* What is read by accident of order must still be what was written: shuffled columns are the same file. */
START_TEST(order_of_columns_is_no_content) {
  lp_suite suite, copy;
  lp_columns columns;
  make_suite(&suite, CASES, LP_HAS_EITHER);
  make_columns(&columns, &suite);
  for (int i = 0; i < columns.count / 2; i++) {
    const lp_column swapped = columns.items[i];
    columns.items[i] = columns.items[columns.count - 1 - i];
    columns.items[columns.count - 1 - i] = swapped;
  }
  ck_assert_int_eq(lp_suite_init(&copy, NULL), LP_OK);
  ck_assert_int_eq(lp_columns_unpack(&copy, &columns, NULL), LP_OK);
  ck_assert(same_suite(&suite, &copy));
  lp_columns_clear(&columns);
  lp_suite_clear(&copy);
  lp_suite_clear(&suite);
}
END_TEST

START_TEST(seal_is_checked) {
  lp_suite suite, copy;
  lp_columns columns;
  lp_error error;
  make_suite(&suite, CASES, LP_HAS_EITHER);
  ck_assert_int_eq(lp_suite_init(&copy, NULL), LP_OK);
  for (int variant = 0; variant < 4; variant++) {
    make_columns(&columns, &suite);
    if (variant == 0) find(&columns, "inputs/input/float64")->bytes[0] ^= 1;
    if (variant == 1) find(&columns, "@sha256")->bytes[5] ^= 1;
    if (variant == 2) drop(&columns, "@sha256");
    if (variant == 3) find(&columns, "@sha256")->width = 32;
    ck_assert_int_eq(lp_columns_unpack(&copy, &columns, &error), LP_INVALID);
    check_message(&error, variant < 2 ? "@sha256: is not the SHA-256 of the content" : "@sha256: is missing, or not");
    lp_columns_clear(&columns);
  }
  lp_suite_clear(&copy);
  lp_suite_clear(&suite);
}
END_TEST

/* Particular cells, which the table cannot name by number. */

static int case_with(const lp_suite *suite, lp_dtype dtype) {
  for (int i = 0; i < suite->count; i++) {
    const lp_tensor *input = &suite->entries[i].c.inputs[0];
    if (input->dtype == dtype && input->numel > 0) return i;
  }
  ck_abort_msg("no case with an input of %s", lp_dtype_name(dtype));
  return -1;
}

static int case_without(const lp_suite *suite, int input) {
  int i = 0;
  while (i < suite->count && suite->entries[i].c.has_input[input]) i++;
  ck_assert_int_lt(i, suite->count);
  return i;
}

static void expect_unpack_failure(lp_columns *columns, const char *text) {
  lp_suite copy;
  lp_error error = {.message = ""};
  ck_assert_int_eq(lp_columns_seal(columns, NULL), LP_OK);
  ck_assert_int_eq(lp_suite_init(&copy, NULL), LP_OK);
  ck_assert_int_eq(lp_columns_unpack(&copy, columns, &error), LP_INVALID);
  check_message(&error, text);
  lp_suite_clear(&copy);
  lp_columns_clear(columns);
}

START_TEST(contradictions_of_single_tensors) {
  lp_suite suite;
  lp_columns columns;
  make_suite(&suite, 200, LP_HAS_EITHER);
  const size_t bools = (size_t)case_with(&suite, LP_BOOL), bytes = (size_t)case_with(&suite, LP_UINT8);
  const size_t doubles = (size_t)case_with(&suite, LP_FLOAT64), absent = (size_t)case_without(&suite, 3);
  for (int variant = 0; variant < 9; variant++) {
    make_columns(&columns, &suite);
    drop(&columns, "@sha256");
    lp_column *dtype = find(&columns, "inputs/input/dtype"), *shape = find(&columns, "inputs/input/shape");
    lp_column *integers = find(&columns, "inputs/input/int64");
    const lp_column *offsets = find(&columns, "inputs/input/int64_offset");
    const char *text = "";
    switch (variant) {
      case 0:
        poke(integers, (long long)lp_load_le(offsets->bytes + 8 * bools, 8), 2);
        text = "has the element 2, which is not a number of dtype bool";
        break;
      case 1:
        poke(integers, (long long)lp_load_le(offsets->bytes + 8 * bytes, 8), -1);
        text = "has the element -1, which is not a number of dtype uint8";
        break;
      case 2:
        memcpy(dtype->bytes + 8 * doubles, "float32\0", 8);
        text = "elements here, but its dtype and shape say";
        break;
      case 3:
        memset(dtype->bytes + 8 * doubles, 0, 8);
        text = ", but no dtype";
        find(&columns, "inputs/input/rank")->bytes[doubles] = 1;
        break;
      case 4:
        find(&columns, "inputs/weight/rank")->bytes[absent] = 1;
        text = "has rank 1, but no dtype";
        break;
      case 5:
        poke(find(&columns, "inputs/weight/shape"), (long long)(8 * absent), 1);
        text = "has 1 beyond the 0 dimensions";
        break;
      case 6:
        find(&columns, "inputs/input/rank")->bytes[doubles] = LP_MAX_RANK + 1;
        text = "inputs/input/shape: a tensor has 9 dimensions";
        break;
      case 7:
        find(&columns, "inputs/input/rank")->bytes[doubles] = LP_MAX_RANK;
        for (int axis = 0; axis < LP_MAX_RANK; axis++) poke(shape, (long long)(8 * doubles) + axis, 1000000);
        text = "inputs/input/shape: a tensor would have more than";
        break;
      default:
        memcpy(find(&columns, "outcomes/loss/dtype")->bytes, "int64\0\0", 8);
        text = "outcomes/loss/dtype: case 0 has 'int64', expected a floating dtype";
        break;
    }
    expect_unpack_failure(&columns, text);
  }
  lp_suite_clear(&suite);
}
END_TEST

/* Every allocation fails once; nothing leaks, and the suite is as it was. */
START_TEST(memory_may_end_anywhere) {
  lp_suite suite;
  make_suite(&suite, 5, LP_HAS_EITHER);
  lp_status status = LP_NO_MEMORY;
  for (long n = 0; status != LP_OK; n++) {
    lp_suite copy;
    lp_columns columns = {0};
    lp_error error = {.message = ""};
    ck_assert_int_eq(lp_suite_init(&copy, NULL), LP_OK);
    lp_arena_fail_after(n);
    status = lp_columns_init(&columns, &error);
    if (status == LP_OK) status = lp_columns_pack(&columns, &suite, &fake_losses[0], &error);
    if (status == LP_OK) status = lp_columns_unpack(&copy, &columns, &error);
    lp_arena_fail_after(-1);
    ck_assert(status == LP_OK || (status == LP_NO_MEMORY && error.message[0] != 0));
    ck_assert_int_eq(copy.count, status == LP_OK ? 5 : 0);
    lp_columns_clear(&columns);
    lp_suite_clear(&copy);
  }
  lp_suite_clear(&suite);
}
END_TEST

START_TEST(blame_without_an_error) {
  ck_assert_int_eq(lp_blame(NULL, LP_IO, "x"), LP_IO);
  lp_error error = {.status = LP_INVALID, .message = "why"};
  ck_assert_int_eq(lp_blame(&error, LP_IO, "x"), LP_INVALID);
  ck_assert_str_eq(error.message, "x: why");
}
END_TEST

int main(void) {
  const TTest *const tests[] = {impossible_layouts,
                                a_path_without_end,
                                too_many_columns,
                                columns_share_the_ceiling,
                                digest_is_as_documented,
                                cells_have_numpy_names,
                                text_is_checked,
                                packed_and_unpacked,
                                suites_that_are_no_file,
                                names_that_are_too_long,
                                contradictions_are_found,
                                contradictions_in_files_are_found,
                                order_of_columns_is_no_content,
                                seal_is_checked,
                                contradictions_of_single_tensors,
                                memory_may_end_anywhere,
                                blame_without_an_error};
  scratch_make();
  const int result = run_tests("columns", tests, sizeof tests / sizeof tests[0]);
  scratch_remove();
  return result;
}
