/* Numbers, places and words as people see them. */
#include "reports/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference/tests/testing.h"

static void check_decimal(double x, lp_dtype dtype, const char *expected) {
  char text[LP_DECIMAL_TEXT];
  ck_assert_str_eq(lp_decimal(text, x, dtype), expected);
  if (isfinite(x)) ck_assert(lp_dtype_round(dtype, strtod(text, NULL)) == x);
}

START_TEST(decimals_are_short_and_read_back) {
  check_decimal(0.1, LP_FLOAT64, "0.1");
  check_decimal((double)0.1f, LP_FLOAT32, "0.1");
  check_decimal((double)0.1f, LP_FLOAT64, "0.10000000149011612");
  check_decimal(0x1.998p-4, LP_FLOAT16, "0.1");
  check_decimal(0x1.99cp-4, LP_FLOAT16, "0.10004");
  check_decimal(-0.0, LP_FLOAT64, "-0");
  check_decimal(0x1p-1074, LP_FLOAT64, "5e-324");
  check_decimal(INFINITY, LP_FLOAT32, "Infinity");
  check_decimal(-INFINITY, LP_FLOAT32, "-Infinity");
  check_decimal(NAN, LP_BFLOAT16, "NaN");
}
END_TEST

START_TEST(bits_are_those_of_the_dtype) {
  char text[LP_BITS_TEXT];
  ck_assert_str_eq(lp_bits(text, 3.0, LP_FLOAT64), "0x4008000000000000");
  ck_assert_str_eq(lp_bits(text, 3.0, LP_FLOAT32), "0x40400000");
  ck_assert_str_eq(lp_bits(text, 3.0, LP_FLOAT16), "0x4200");
  ck_assert_str_eq(lp_bits(text, 3.0, LP_BFLOAT16), "0x4040");
  ck_assert_str_eq(lp_bits(text, -0.0, LP_FLOAT16), "0x8000");
}
END_TEST

START_TEST(places_have_an_index_an_axis) {
  char text[LP_PLACE_TEXT];
  lp_tensor t;
  ck_assert_int_eq(lp_tensor_init(&t, LP_FLOAT64, 3, (int64_t[]){2, 3, 4}, NULL), LP_OK);
  ck_assert_str_eq(lp_place(text, &t, 23), "[1,2,3]");
  ck_assert_str_eq(lp_place(text, &t, 4), "[0,1,0]");
  ck_assert_int_eq(lp_tensor_init(&t, LP_FLOAT64, 0, NULL, NULL), LP_OK);
  ck_assert_str_eq(lp_place(text, &t, 0), "");
}
END_TEST

typedef void (*writer)(FILE *out, const char *text);
static void as_word(FILE *out, const char *text) { lp_write_word(out, text); }
static void as_line(FILE *out, const char *text) { lp_write_line(out, text, 6); }

static void check_written(writer write, const char *text, const char *expected) {
  char got[64] = "";
  FILE *out = tmpfile();
  ck_assert_ptr_nonnull(out);
  write(out, text);
  rewind(out);
  ck_assert_uint_lt(fread(got, 1, sizeof got - 1, out), sizeof got - 1);
  fclose(out);
  ck_assert_str_eq(got, expected);
}

START_TEST(words_survive_the_shell_and_the_terminal) {
  check_written(as_word, "core/l1/0001@float32", "core/l1/0001@float32");
  check_written(as_word, "exec:python3 it's.py", "'exec:python3 it'\\''s.py'");
  check_written(as_word, "", "''");
  check_written(as_line, "a\n\033b", "a??b");
  check_written(as_line, "123456", "123456");
  check_written(as_line, "1234567", "123456...");
}
END_TEST

int main(void) {
  const TTest *const tests[] = {decimals_are_short_and_read_back, bits_are_those_of_the_dtype,
                                places_have_an_index_an_axis, words_survive_the_shell_and_the_terminal};
  return run_tests("numbers", tests, sizeof tests / sizeof tests[0]);
}
