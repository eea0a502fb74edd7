/* Base64 and packed elements: one text for every sequence of bytes, one word for every number. */
#include "golden/base64.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden/packed.h"

static const struct {
  const char *bytes, *text;
} rfc4648[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xFB\xEF\xFF", "++//"},
};

START_TEST(the_vectors_of_rfc_4648) {
  const char *bytes = rfc4648[_i].bytes, *text = rfc4648[_i].text;
  const size_t n = strlen(bytes), length = strlen(text);
  char encoded[16] = "";
  unsigned char decoded[16];
  size_t size = 99;
  ck_assert_uint_eq(lp_base64_length(n), length);
  lp_base64_encode(encoded, (const unsigned char *)bytes, n);
  ck_assert_mem_eq(encoded, text, length);
  ck_assert_int_eq(lp_base64_size(&size, text, length, NULL), LP_OK);
  ck_assert_uint_eq(size, n);
  ck_assert_int_eq(lp_base64_decode(decoded, text, length, NULL), LP_OK);
  ck_assert_mem_eq(decoded, bytes, n);
}
END_TEST

static const struct {
  const char *text, *why;
} malformed[] = {
    {"Z", "1 characters"},
    {"Zg=", "3 characters"},
    {"Zg==\n", "5 characters"},
    {"Zh==", "character 2"}, /* bits that no byte takes */
    {"Zm9=", "character 3"},
    {"====", "character 1"},
    {"Z===", "character 2"},
    {"Zg==Zg==", "character 3"}, /* padding before the end */
    {"Zm8=Zm8=", "character 4"},
    {"Zg=a", "character 3"},
    {"Zm 9", "character 3 (code 0x20)"},
    {"Zm9-", "character 4"}, /* the alphabet for file names */
    {"Zm9_", "character 4"},
    {"Zm9v\nZm8", "character 5 (code 0x0A)"},
    {"Zm9\xC3", "character 4 (code 0xC3)"},
};

START_TEST(malformed_text_is_refused) {
  unsigned char decoded[16];
  lp_error error;
  ck_assert_int_eq(lp_base64_decode(decoded, malformed[_i].text, strlen(malformed[_i].text), &error), LP_INVALID);
  ck_assert_msg(strstr(error.message, malformed[_i].why) != NULL, "%s", error.message);
}
END_TEST

START_TEST(all_lengths_and_bytes_round_trip) {
  unsigned char bytes[300], decoded[300];
  char text[400];
  for (size_t n = 0; n <= sizeof bytes; n++) {
    size_t size;
    for (size_t i = 0; i < n; i++) bytes[i] = (unsigned char)(i * 89 + n);
    lp_base64_encode(text, bytes, n);
    ck_assert_int_eq(lp_base64_size(&size, text, lp_base64_length(n), NULL), LP_OK);
    ck_assert_uint_eq(size, n);
    ck_assert_int_eq(lp_base64_decode(decoded, text, lp_base64_length(n), NULL), LP_OK);
    ck_assert_mem_eq(decoded, bytes, n);
  }
}
END_TEST

/* What the decoder accepts, the encoder writes. */
START_TEST(no_bytes_have_two_texts) {
  const char *original = "q83vASM=";
  for (size_t at = 0; at < 8; at++) {
    for (int c = 0; c < 256; c++) {
      char text[8], again[8];
      unsigned char decoded[6];
      size_t size;
      memcpy(text, original, 8);
      text[at] = (char)c;
      if (lp_base64_size(&size, text, 8, NULL) != LP_OK || lp_base64_decode(decoded, text, 8, NULL) != LP_OK) continue;
      lp_base64_encode(again, decoded, size);
      ck_assert_mem_eq(again, text, 8);
    }
  }
}
END_TEST

static lp_tensor vector(lp_dtype dtype, double *f64, int64_t *i64, int64_t n) {
  const bool floating = lp_dtype_is_floating(dtype);
  return (lp_tensor){
      .dtype = dtype, .rank = 1, .shape = {n}, .numel = n, .f64 = floating ? f64 : NULL, .i64 = floating ? NULL : i64};
}

/* Every word of a 16-bit dtype is a number (or NaN) whose word it is. */
START_TEST(sixteen_bit_words_round_trip) {
  const lp_dtype dtype = _i == 0 ? LP_FLOAT16 : LP_BFLOAT16;
  for (unsigned bits = 0; bits < 65536; bits++) {
    const unsigned char word[2] = {(unsigned char)(bits & 255), (unsigned char)(bits >> 8)};
    unsigned char again[2];
    double number;
    lp_tensor t = vector(dtype, &number, NULL, 1);
    ck_assert_int_eq(lp_packed_get(&t, word, 0, 1, NULL), LP_OK);
    lp_packed_put(again, &t, 0, 1);
    if (isnan(number)) {
      const double payload = number;
      ck_assert_int_eq(lp_packed_get(&t, again, 0, 1, NULL), LP_OK);
      ck_assert(isnan(number));
      ck_assert_int_eq(signbit(number) != 0, signbit(payload) != 0);
    } else {
      ck_assert(lp_dtype_round(dtype, number) == number);
      ck_assert_mem_eq(again, word, 2);
    }
  }
}
END_TEST

static const struct {
  lp_dtype dtype;
  double number;
  const char *bytes;
} floating_words[] = {
    {LP_FLOAT64, 1.0, "\0\0\0\0\0\0\xF0\x3F"},
    {LP_FLOAT64, -0.0, "\0\0\0\0\0\0\0\x80"},
    {LP_FLOAT64, 0x1p-1074, "\1\0\0\0\0\0\0\0"},
    {LP_FLOAT64, -INFINITY, "\0\0\0\0\0\0\xF0\xFF"},
    {LP_FLOAT32, 0.1, "\xCD\xCC\xCC\x3D"}, /* rounded to float32 */
    {LP_FLOAT32, 1e39, "\0\0\x80\x7F"},
    {LP_FLOAT32, 0x1p-149, "\1\0\0\0"},
    {LP_FLOAT16, 65504.0, "\xFF\x7B"},
    {LP_FLOAT16, 65520.0, "\0\x7C"},
    {LP_FLOAT16, 0x1p-14, "\0\x04"},
    {LP_FLOAT16, 0x1.ff8p-15, "\xFF\x03"},
    {LP_FLOAT16, -0x1p-24, "\1\x80"},
    {LP_FLOAT16, 1.0009765625, "\1\x3C"},
    {LP_BFLOAT16, 1.0, "\x80\x3F"},
    {LP_BFLOAT16, -3.140625, "\x49\xC0"},
    {LP_BFLOAT16, 0x1p-133, "\1\0"},
    {LP_BFLOAT16, 3.4e38, "\x80\x7F"},
};

START_TEST(floating_numbers_are_their_words) {
  const lp_dtype dtype = floating_words[_i].dtype;
  const size_t size = lp_dtype_size(dtype);
  double number = floating_words[_i].number;
  unsigned char bytes[8];
  lp_tensor t = vector(dtype, &number, NULL, 1);
  lp_packed_put(bytes, &t, 0, 1);
  ck_assert_mem_eq(bytes, floating_words[_i].bytes, size);
  ck_assert_int_eq(lp_packed_get(&t, bytes, 0, 1, NULL), LP_OK);
  const double rounded = lp_dtype_round(dtype, floating_words[_i].number);
  ck_assert_mem_eq(&number, &rounded, sizeof number);
}
END_TEST

static const struct {
  lp_dtype dtype;
  int64_t least, most;
} ranges[] = {
    {LP_INT64, INT64_MIN, INT64_MAX},
    {LP_INT32, INT32_MIN, INT32_MAX},
    {LP_INT16, -32768, 32767},
    {LP_INT8, -128, 127},
    {LP_UINT8, 0, 255},
    {LP_BOOL, 0, 1},
};

START_TEST(integers_are_their_words) {
  const lp_dtype dtype = ranges[_i].dtype;
  const int64_t least = ranges[_i].least, most = ranges[_i].most;
  int64_t numbers[5] = {least, most, 0, 1, least < 0 ? -1 : 1}, original[5];
  unsigned char bytes[40];
  memcpy(original, numbers, sizeof numbers);
  ck_assert_int_eq(lp_packed_min(dtype), least);
  ck_assert_int_eq(lp_packed_max(dtype), most);
  lp_tensor t = vector(dtype, NULL, numbers, 5);
  lp_packed_put(bytes, &t, 0, 5);
  memset(numbers, 0x55, sizeof numbers);
  ck_assert_int_eq(lp_packed_get(&t, bytes, 0, 5, NULL), LP_OK);
  ck_assert_mem_eq(numbers, original, sizeof numbers);
  ck_assert_uint_eq(bytes[3 * lp_dtype_size(dtype)], 1);
}
END_TEST

START_TEST(a_byte_that_is_no_bool_is_refused) {
  int64_t numbers[2];
  lp_error error;
  lp_tensor t = vector(LP_BOOL, NULL, numbers, 2);
  ck_assert_int_eq(lp_packed_get(&t, (const unsigned char *)"\1\2", 0, 2, &error), LP_INVALID);
  ck_assert_str_eq(error.message, "element 1 of a bool tensor is the byte 2: expected 0 or 1");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("golden.base64");
  TCase *tests = tcase_create("base64");
  tcase_add_loop_test(tests, the_vectors_of_rfc_4648, 0, sizeof rfc4648 / sizeof *rfc4648);
  tcase_add_loop_test(tests, malformed_text_is_refused, 0, sizeof malformed / sizeof *malformed);
  tcase_add_test(tests, all_lengths_and_bytes_round_trip);
  tcase_add_test(tests, no_bytes_have_two_texts);
  tcase_add_loop_test(tests, sixteen_bit_words_round_trip, 0, 2);
  tcase_add_loop_test(tests, floating_numbers_are_their_words, 0, sizeof floating_words / sizeof *floating_words);
  tcase_add_loop_test(tests, integers_are_their_words, 0, sizeof ranges / sizeof *ranges);
  tcase_add_test(tests, a_byte_that_is_no_bool_is_refused);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
