/* Bytes to cases and back: nothing is lost on the way, whatever the bytes, and for every fixture. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "fuzz/codec.h"
#include "fuzz/tests/cases.h"
#include "golden/hdf5.h"
#include "reference/draw.h"
#include "reference/plan.h"
#include "reference/registry.h"

enum { RANDOM_STRINGS = 100000, LONGEST_RANDOM = 300, LARGEST_CASE = 1 << 18 };

static lp_arena *arena;
static uint8_t bytes[LP_FUZZ_MAX_BYTES];

static void set_up(void) {
  arena = lp_arena_new(0);
  ck_assert_ptr_nonnull(arena);
}

static void tear_down(void) { lp_arena_free(arena); }

static lp_case decode(const lp_loss *loss, const uint8_t *from, size_t size) {
  lp_case c;
  lp_error error;
  const lp_status status = lp_case_decode(&c, arena, loss, from, size, &error);
  ck_assert_msg(status == LP_OK, "%s: %s", loss->name, error.message);
  return c;
}

/* What an encoder or a decoder with a fault would do to the bytes, or to the case that comes back. */
typedef struct fault {
  void (*to_bytes)(uint8_t *bytes, size_t *size);
  void (*to_case)(lp_case *c);
} fault;

/* What the way through bytes has changed, NULL for nothing; *size: bytes taken, 0 when the case does not fit. */
static const char *round_trip(const lp_case *c, size_t *size, const fault *f) {
  *size = lp_case_encode(bytes, sizeof bytes, c);
  if (*size == 0) return NULL;
  size_t length = *size;
  if (f && f->to_bytes) f->to_bytes(bytes, &length);
  lp_case back = decode(c->loss, bytes, length);
  if (f && f->to_case) f->to_case(&back);
  return difference(c, &back);
}

/* --- fixtures --- */

static void read_fixtures(lp_suite *suite, const lp_loss *loss) {
  char path[512];
  lp_error error;
  snprintf(path, sizeof path, "%s/golden/fixtures/%s.h5", LOSSPROOF_SOURCE_DIR, loss->name);
  ck_assert(lp_suite_init(suite, &error) == LP_OK);
  const lp_status status = lp_suite_read(suite, path, &error);
  ck_assert_msg(status == LP_OK, "%s", error.message);
}

static bool is_too_large(const lp_case *c) {
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!c->has_input[i]) continue;
    if (c->inputs[i].numel > LP_FUZZ_MAX_ELEMENTS) return true;
    for (int k = 0; k < c->inputs[i].rank; k++) {
      if (c->inputs[i].shape[k] > LP_FUZZ_MAX_EXTENT) return true;
    }
  }
  return false;
}

/* Every one but the largest, at most 2% of them, comes back as it was. */
START_TEST(fixtures) {
  const lp_loss *loss = lp_registry_at(_i);
  lp_suite suite;
  int large = 0;
  read_fixtures(&suite, loss);
  for (int i = 0; i < suite.count; i++) {
    const lp_case *c = &suite.entries[i].c;
    size_t size;
    lp_arena_reset(arena);
    const char *changed = round_trip(c, &size, NULL);
    ck_assert_msg(!changed, "%s: %s changes", c->id, changed);
    ck_assert_msg((size == 0) == is_too_large(c), "%s: %zu bytes", c->id, size);
    large += size == 0;
  }
  printf("%s: %d of %d fixtures are too large\n", loss->name, large, suite.count);
  ck_assert_int_le(large, suite.count / 50);
  lp_suite_clear(&suite);
}
END_TEST

static void lose_last_byte(uint8_t *at, size_t *size) {
  (void)at;
  --*size;
}

static void lose_middle_byte(uint8_t *at, size_t *size) {
  const size_t middle = *size / 2;
  memmove(at + middle, at + middle + 1, *size - middle - 1);
  --*size;
}

static void drop_sign_of_zero(lp_case *c) {
  for (int i = 0; i < c->loss->n_inputs; i++) {
    for (int64_t k = 0; c->has_input[i] && c->inputs[i].f64 && k < c->inputs[i].numel; k++) {
      if (c->inputs[i].f64[k] == 0.0) c->inputs[i].f64[k] = 0.0;
    }
  }
}

static void drop_payload_of_nan(lp_case *c) {
  for (int i = 0; i < c->loss->n_inputs; i++) {
    for (int64_t k = 0; c->has_input[i] && c->inputs[i].f64 && k < c->inputs[i].numel; k++) {
      if (isnan(c->inputs[i].f64[k])) c->inputs[i].f64[k] = -(double)NAN;
    }
  }
}

static void forget_upstream(lp_case *c) { c->has_grad_output = false; }
static void forget_word(lp_case *c) { c->reduction_word = "mean"; }
static void forget_setting(lp_case *c) { c->params[0] = 0.0; }

static const struct {
  fault fault;
  const char *loss;
} faults[] = {{{lose_last_byte, NULL}, "l1"},           {{lose_middle_byte, NULL}, "ctc"},
              {{NULL, drop_sign_of_zero}, "smooth_l1"}, {{NULL, drop_payload_of_nan}, "kl_div"},
              {{NULL, forget_upstream}, "mse"},         {{NULL, forget_word}, "hinge_embedding"},
              {{NULL, forget_setting}, "smooth_l1"}};

/* The tests above see a fault when there is one. */
START_TEST(faults_are_seen) {
  const lp_loss *loss = lp_registry_find(faults[_i].loss);
  lp_suite suite;
  int seen = 0;
  if (!loss) return; /* a build without it */
  read_fixtures(&suite, loss);
  for (int i = 0; i < suite.count; i++) {
    size_t size;
    lp_arena_reset(arena);
    seen += round_trip(&suite.entries[i].c, &size, &faults[_i].fault) != NULL;
  }
  ck_assert_int_gt(seen, 0);
  lp_suite_clear(&suite);
}
END_TEST

/* --- any bytes --- */

static size_t draw_bytes(uint8_t *at, lp_rng *rng, const lp_loss *loss) {
  const size_t size = (size_t)lp_rng_below(rng, LONGEST_RANDOM);
  const size_t zeros = lp_rng_chance(rng, 0.5) ? 0 : lp_case_header_size(loss); /* an ordinary header */
  for (size_t i = 0; i < size; i++) at[i] = (uint8_t)(i < zeros && !lp_rng_chance(rng, 0.1) ? 0 : lp_rng_next(rng));
  return size;
}

START_TEST(any_bytes) {
  static uint8_t drawn[LONGEST_RANDOM];
  int accepted = 0, rejected = 0;
  lp_rng rng = {17};
  for (int i = 0; i < RANDOM_STRINGS; i++) {
    const lp_loss *loss = lp_registry_at(i % lp_registry_count());
    const size_t given = draw_bytes(drawn, &rng, loss);
    size_t size;
    lp_arena_reset(arena);
    const lp_case c = decode(loss, drawn, given);
    ck_assert_uint_le(lp_arena_used(arena), LARGEST_CASE);
    ck_assert_int_eq(c.expect, lp_case_expectation(&c));
    const char *changed = round_trip(&c, &size, NULL);
    ck_assert_msg(!changed && size > 0, "%s, string %d of %zu bytes: %s changes", loss->name, i, given,
                  changed ? changed : "size");
    accepted += c.expect == LP_EXPECT_ACCEPT;
    rejected += c.expect == LP_EXPECT_REJECT;
  }
  printf("%d of %d random strings are accepted cases, %d rejected\n", accepted, RANDOM_STRINGS, rejected);
  ck_assert_int_gt(accepted, RANDOM_STRINGS / 4);
  ck_assert_int_gt(rejected, RANDOM_STRINGS / 10);
}
END_TEST

/* Shapes that are written out, with extents of 0 and 1, come back whatever class they are taken for. */
START_TEST(small_shapes) {
  enum { STRINGS = 20000, SHAPE = 1 + LP_MAX_RANK };
  const lp_loss *loss = lp_registry_at(_i);
  const size_t header = lp_case_header_size(loss), size = header + SHAPE * (size_t)loss->n_inputs + 8;
  lp_rng rng = {(uint64_t)_i};
  for (int i = 0; i < STRINGS; i++) {
    size_t taken;
    lp_arena_reset(arena);
    memset(bytes, 0, header);
    for (size_t k = header; k < size; k++) {
      bytes[k] = (uint8_t)lp_rng_below(&rng, (k - header) % SHAPE == 0 ? 4 : 3);
    }
    bytes[0] = (uint8_t)loss->n_shape_classes;
    const lp_case c = decode(loss, bytes, size);
    const char *changed = round_trip(&c, &taken, NULL);
    ck_assert_msg(!changed && taken > 0, "%s, shapes %d: %s changes", loss->name, i, changed ? changed : "size");
  }
}
END_TEST

START_TEST(no_bytes) {
  const lp_loss *loss = lp_registry_at(_i);
  size_t size;
  lp_case c = decode(loss, NULL, 0);
  ck_assert_str_eq(c.id, "fuzz");
  ck_assert_str_eq(c.tags, "");
  ck_assert_str_eq(c.hunts, "");
  ck_assert_str_eq(c.reduction_word, "mean");
  for (int i = 0; i < loss->n_params; i++) ck_assert_double_eq(c.params[i], loss->params[i].fallback);
  ck_assert_ptr_null(round_trip(&c, &size, NULL));
  for (size_t i = 0; i < lp_case_header_size(loss); i++) ck_assert_uint_eq(bytes[i], 0);
}
END_TEST

/* All bits of the last byte, and of each one before, are read: no byte of the elements is idle. */
START_TEST(every_byte_counts) {
  const lp_loss *loss = lp_registry_at(_i);
  const lp_case c = decode(loss, NULL, 0);
  const size_t size = lp_case_encode(bytes, sizeof bytes, &c);
  ck_assert_uint_gt(size, lp_case_header_size(loss));
  for (size_t i = lp_case_header_size(loss); i < size; i++) {
    bytes[i] ^= 1;
    const lp_case other = decode(loss, bytes, size);
    bytes[i] ^= 1;
    ck_assert_msg(difference(&c, &other) != NULL, "%s: byte %zu of %zu", loss->name, i, size);
  }
}
END_TEST

/* Cut anywhere, the elements that are whole stay. */
START_TEST(missing_bytes_are_zero) {
  const lp_loss *loss = lp_registry_at(_i);
  static uint8_t padded[LP_FUZZ_MAX_BYTES];
  lp_rng rng = {3};
  for (size_t size = 0; size < 200; size++) {
    for (size_t i = 0; i < 200; i++) bytes[i] = (uint8_t)lp_rng_next(&rng);
    memset(padded, 0, sizeof padded);
    memcpy(padded, bytes, size);
    const lp_case cut = decode(loss, bytes, size), whole = decode(loss, padded, sizeof padded);
    const char *differs = difference(&cut, &whole);
    ck_assert_msg(!differs, "%s, %zu bytes: %s", loss->name, size, differs);
  }
}
END_TEST

START_TEST(capacity) {
  const lp_loss *loss = lp_registry_at(_i);
  uint8_t small[8] = {0}, guard[8] = {0};
  const lp_case c = decode(loss, NULL, 0);
  const size_t size = lp_case_encode(bytes, sizeof bytes, &c);
  memset(small, 0xa5, sizeof small);
  memset(guard, 0xa5, sizeof guard);
  ck_assert_uint_eq(lp_case_encode(small, 4, &c), size);
  ck_assert_mem_eq(small + 4, guard, 4);
  ck_assert_uint_eq(lp_case_encode(NULL, 0, &c), size);
}
END_TEST

/* --- cases that are not written --- */

START_TEST(words) {
  static const struct {
    const char *word;
    bool fits;
  } rows[] = {{"average", true},
              {"Mean", true},
              {LP_ELEMENTWISE_MEAN, true},
              {"sum ", true},
              {"", true},
              {"a word of thirty-two characters.", true},
              {"a word of thirty-three characters", false},
              {"m\xc3\xa9"
               "an",
               false},
              {"\n", false}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    size_t size;
    lp_case c = decode(lp_registry_at(0), NULL, 0);
    c.reduction_word = rows[i].word;
    c.reduction = lp_reduction_from_name(rows[i].word);
    ck_assert_ptr_null(round_trip(&c, &size, NULL));
    ck_assert_msg((size > 0) == rows[i].fits, "\"%s\"", rows[i].word);
    c.reduction = c.reduction == LP_REDUCTION_SUM ? LP_REDUCTION_MEAN : LP_REDUCTION_SUM;
    ck_assert_uint_eq(lp_case_encode(bytes, sizeof bytes, &c), 0);
  }
}
END_TEST

START_TEST(what_does_not_fit) {
  const lp_loss *loss = lp_registry_at(_i);
  const lp_case c = decode(loss, NULL, 0);
  lp_case other = c;
  other.has_input[0] = false;
  ck_assert_uint_eq(lp_case_encode(bytes, sizeof bytes, &other), 0);
  other = c;
  other.inputs[0].rank = 1;
  other.inputs[0].shape[0] = other.inputs[0].numel = LP_FUZZ_MAX_EXTENT + 1;
  ck_assert_uint_eq(lp_case_encode(bytes, sizeof bytes, &other), 0);
  other = c;
  other.dtype = LP_INT32;
  ck_assert_uint_eq(lp_case_encode(bytes, sizeof bytes, &other), 0);
  other = c;
  other.has_grad_output = true;
  other.grad_output = (lp_tensor){.dtype = LP_INT64, .numel = 1, .i64 = &(int64_t){1}};
  ck_assert_uint_eq(lp_case_encode(bytes, sizeof bytes, &other), 0);
  for (int i = 0; i < loss->n_params; i++) {
    other = c;
    other.params[i] = 0.4;
    const bool flag = loss->params[i].type == LP_PARAM_BOOL;
    ck_assert_int_eq(lp_case_encode(bytes, sizeof bytes, &other) == 0, flag);
  }
}
END_TEST

START_TEST(memory_that_is_out) {
  const lp_loss *loss = lp_registry_at(_i);
  lp_rng rng = {(uint64_t)_i};
  for (int i = 0; i < 50; i++) {
    lp_status status = LP_NO_MEMORY;
    const size_t size = draw_bytes(bytes, &rng, loss);
    for (long after = 0; status != LP_OK; after++) {
      lp_case c;
      lp_error error;
      lp_arena_fail_after(after);
      status = lp_case_decode(&c, arena, loss, bytes, size, &error);
      lp_arena_fail_after(-1);
      ck_assert(status == LP_OK || status == LP_NO_MEMORY);
    }
  }
}
END_TEST

int main(int argc, char **argv) {
  int exit_status;
  if (lp_hdf5_serve_reader(&exit_status, argc, argv)) return exit_status;
  TCase *const tests = tcase_create("codec");
  const int losses = lp_registry_count();
  tcase_set_timeout(tests, 120);
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_loop_test(tests, fixtures, 0, losses);
  tcase_add_loop_test(tests, faults_are_seen, 0, sizeof faults / sizeof faults[0]);
  tcase_add_test(tests, any_bytes);
  tcase_add_loop_test(tests, small_shapes, 0, losses);
  tcase_add_loop_test(tests, no_bytes, 0, losses);
  tcase_add_loop_test(tests, every_byte_counts, 0, losses);
  tcase_add_loop_test(tests, missing_bytes_are_zero, 0, losses);
  tcase_add_loop_test(tests, capacity, 0, losses);
  tcase_add_test(tests, words);
  tcase_add_loop_test(tests, what_does_not_fit, 0, losses);
  tcase_add_loop_test(tests, memory_that_is_out, 0, losses);
  Suite *const suite = suite_create("codec");
  suite_add_tcase(suite, tests);
  SRunner *const runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
