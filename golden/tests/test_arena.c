/* The arena gives zeroed, aligned memory up to a ceiling, and says so when it cannot. */
#include "golden/arena.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool is_zero(const unsigned char *bytes, size_t n) {
  while (n > 0 && bytes[n - 1] == 0) n--;
  return n == 0;
}

START_TEST(memory_is_zeroed_aligned_and_apart) {
  enum { N = 2000 };
  static unsigned char *blocks[N];
  lp_arena *arena = lp_arena_new(0);
  size_t total = 0;
  for (size_t i = 0; i < N; i++) {
    const size_t n = i * 37 % 501;
    blocks[i] = lp_arena_alloc(arena, n, 1);
    ck_assert_ptr_nonnull(blocks[i]);
    ck_assert_uint_eq((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
    ck_assert(is_zero(blocks[i], n));
    memset(blocks[i], (int)(i % 251), n);
    total += n;
  }
  for (size_t i = 0; i < N; i++) {
    for (size_t k = 0; k < i * 37 % 501; k++) ck_assert_uint_eq(blocks[i][k], i % 251);
  }
  ck_assert_uint_ge(lp_arena_used(arena), total);
  lp_arena_free(arena);
}
END_TEST

START_TEST(large_and_small_requests_mix) {
  lp_arena *arena = lp_arena_new(0);
  char *small = lp_arena_alloc(arena, 10, 1);
  unsigned char *large = lp_arena_alloc(arena, 1 << 20, 8);
  char *next = lp_arena_alloc(arena, 10, 1);
  ck_assert(small && large && next);
  ck_assert(is_zero(large, (size_t)8 << 20));
  memset(large, 1, (size_t)8 << 20);
  ck_assert(is_zero((unsigned char *)small, 10));
  ck_assert(is_zero((unsigned char *)next, 10));
  lp_arena_free(arena);
}
END_TEST

START_TEST(the_ceiling_holds) {
  lp_arena *arena = lp_arena_new(1000);
  ck_assert_ptr_nonnull(lp_arena_alloc(arena, 900, 1));
  const size_t used = lp_arena_used(arena);
  ck_assert_ptr_null(lp_arena_alloc(arena, 200, 1));
  ck_assert_ptr_null(lp_arena_alloc(arena, 1, 1001));
  ck_assert_uint_eq(lp_arena_used(arena), used);
  ck_assert_ptr_nonnull(lp_arena_alloc(arena, 16, 1));
  lp_arena_free(arena);
}
END_TEST

START_TEST(sizes_that_overflow_are_refused) {
  lp_arena *arena = lp_arena_new(SIZE_MAX);
  ck_assert_ptr_null(lp_arena_alloc(arena, SIZE_MAX, 1));
  ck_assert_ptr_null(lp_arena_alloc(arena, SIZE_MAX / 2, 3));
  ck_assert_ptr_null(lp_arena_alloc(arena, (size_t)1 << 32, (size_t)1 << 32));
  ck_assert_ptr_null(lp_arena_text(arena, "x", SIZE_MAX));
  ck_assert_uint_eq(lp_arena_used(arena), 0);
  lp_arena_free(arena);
}
END_TEST

START_TEST(nothing_is_not_null) {
  lp_arena *arena = lp_arena_new(0);
  ck_assert_ptr_nonnull(lp_arena_alloc(arena, 0, 8));
  ck_assert_ptr_nonnull(lp_arena_alloc(arena, 8, 0));
  lp_arena_free(arena);
  lp_arena_free(NULL);
}
END_TEST

START_TEST(texts_are_copied_and_formatted) {
  lp_arena *arena = lp_arena_new(0);
  ck_assert_str_eq(lp_arena_text(arena, "abcdef", 3), "abc");
  ck_assert_str_eq(lp_arena_text(arena, NULL, 0), "");
  ck_assert_str_eq(lp_arena_format(arena, "%s-%03d", "x", 7), "x-007");
  ck_assert_str_eq(lp_arena_format(arena, "%s", ""), "");
  lp_arena_free(arena);
}
END_TEST

START_TEST(tensors_get_the_data_of_their_dtype) {
  lp_arena *arena = lp_arena_new(0);
  for (int i = 0; i < LP_DTYPE_COUNT; i++) {
    lp_tensor t;
    const int64_t shape[] = {2, 3};
    ck_assert_int_eq(lp_tensor_init(&t, (lp_dtype)i, 2, shape, NULL), LP_OK);
    ck_assert_int_eq(lp_arena_tensor(arena, &t, NULL), LP_OK);
    ck_assert_int_eq(t.f64 != NULL, lp_dtype_is_floating(t.dtype));
    ck_assert_int_eq(t.i64 != NULL, !lp_dtype_is_floating(t.dtype));
    for (int k = 0; k < 6; k++) ck_assert(lp_tensor_get(&t, k) == 0.0);
  }
  lp_arena_free(arena);
}
END_TEST

START_TEST(a_tensor_too_large_is_no_memory) {
  lp_arena *arena = lp_arena_new(1 << 20);
  lp_error error;
  lp_tensor t;
  const int64_t shape[] = {LP_MAX_ELEMENTS};
  ck_assert_int_eq(lp_tensor_init(&t, LP_INT8, 1, shape, NULL), LP_OK);
  ck_assert_int_eq(lp_arena_tensor(arena, &t, &error), LP_NO_MEMORY);
  ck_assert_ptr_nonnull(strstr(error.message, "100000000 elements"));
  lp_arena_free(arena);
}
END_TEST

START_TEST(outcomes_get_buffers) {
  lp_outcome layout = {.kind = LP_OUTCOME_OK, .message = "", .n_outputs = 2};
  layout.outputs[0] = (lp_output){.input = LP_OUTPUT_LOSS, .tensor = {.numel = 1}};
  layout.outputs[1] = (lp_output){.input = 0, .tensor = {.dtype = LP_FLOAT32, .rank = 1, .shape = {5}, .numel = 5}};
  lp_arena *arena = lp_arena_new(0);
  lp_outcome outcome;
  ck_assert_int_eq(lp_arena_outcome(arena, &outcome, &layout, NULL), LP_OK);
  ck_assert_int_eq(outcome.n_outputs, 2);
  for (int i = 0; i < 2; i++) {
    ck_assert_ptr_nonnull(outcome.outputs[i].tensor.f64);
    ck_assert_int_eq(outcome.outputs[i].tensor.numel, layout.outputs[i].tensor.numel);
  }
  lp_arena_free(arena);
  arena = lp_arena_new(16);
  ck_assert_int_eq(lp_arena_outcome(arena, &outcome, &layout, NULL), LP_NO_MEMORY);
  lp_arena_free(arena);
}
END_TEST

START_TEST(failures_can_be_injected) {
  ck_assert_int_eq(lp_arena_fail_after(0), -1);
  ck_assert_ptr_null(lp_arena_new(0));
  lp_arena_fail_after(3);
  lp_arena *arena = lp_arena_new(0);
  ck_assert_ptr_nonnull(arena);
  ck_assert_ptr_nonnull(lp_arena_alloc(arena, 1, 1));
  ck_assert_ptr_nonnull(lp_arena_alloc(arena, 1, 1));
  ck_assert_ptr_null(lp_arena_alloc(arena, 1, 1));
  ck_assert_ptr_null(lp_arena_text(arena, "a", 1));
  ck_assert_ptr_null(lp_arena_format(arena, "a"));
  ck_assert_int_eq(lp_arena_fail_after(-7), 0);
  ck_assert_ptr_nonnull(lp_arena_alloc(arena, 1, 1));
  ck_assert_int_eq(lp_arena_fail_after(-1), -1);
  lp_arena_free(arena);
}
END_TEST

/* What was handed out comes again, zeroed; of requests of all sizes no more is kept than a block. */
START_TEST(a_reset_gives_zeroed_memory_again) {
  lp_arena *arena = lp_arena_new((size_t)1 << 22);
  lp_arena_reset(arena);
  for (int round = 0; round < 50; round++) {
    for (size_t i = 1; i < 300; i++) {
      const size_t n = i % 50 == 0 ? 100 * i : i;
      unsigned char *memory = lp_arena_alloc(arena, n, 1);
      ck_assert_ptr_nonnull(memory);
      ck_assert(is_zero(memory, n));
      memset(memory, 0xff, n);
    }
    ck_assert_uint_gt(lp_arena_used(arena), 0);
    lp_arena_reset(arena);
    ck_assert_uint_eq(lp_arena_used(arena), 0);
  }
  lp_arena_free(arena);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("golden.arena");
  TCase *tests = tcase_create("arena");
  tcase_add_test(tests, memory_is_zeroed_aligned_and_apart);
  tcase_add_test(tests, large_and_small_requests_mix);
  tcase_add_test(tests, the_ceiling_holds);
  tcase_add_test(tests, sizes_that_overflow_are_refused);
  tcase_add_test(tests, nothing_is_not_null);
  tcase_add_test(tests, texts_are_copied_and_formatted);
  tcase_add_test(tests, tensors_get_the_data_of_their_dtype);
  tcase_add_test(tests, a_tensor_too_large_is_no_memory);
  tcase_add_test(tests, outcomes_get_buffers);
  tcase_add_test(tests, failures_can_be_injected);
  tcase_add_test(tests, a_reset_gives_zeroed_memory_again);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
