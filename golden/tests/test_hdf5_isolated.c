/* Reading in a child process: the same answers as without, and whatever becomes of the child, an answer. */
#include "golden/hdf5_isolated.h"

#include <signal.h>
#include <sys/stat.h>

#include "golden/bits.h"
#include "golden/columns_pack.h"
#include "golden/hdf5.h"
#include "golden/hdf5_library.h"
#include "golden/tests/fake_losses.h"
#include "golden/tests/suites.h"
#include "reference/tests/testing.h"

/* libhdf5 1.10 loses memory of its own over a damaged file. LeakSanitizer asks a program for such exceptions by this
 * name; ours alone would still be seen. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libhdf5"; }

static void check_message(const lp_error *error, const char *text) {
  ck_assert_msg(strstr(error->message, text) != NULL, "expected \"%s\" in: %s", text, error->message);
}

/* This program is its own child, whatever the test before said. */
static void be_the_reader(void) {
  int exit_status;
  ck_assert(!lp_hdf5_serve_reader(&exit_status, 0, NULL));
}

static void make_file(lp_suite *suite, const char *path, int n, unsigned halves) {
  ck_assert_int_eq(lp_suite_init(suite, NULL), LP_OK);
  random_suite(suite, &fake_losses[0], 31, n, halves);
  be_the_reader();
  ck_assert_int_eq(lp_hdf5_write(suite, &fake_losses[0], path, NULL), LP_OK);
}

START_TEST(good_files) {
  for (unsigned halves = 1; halves <= LP_HAS_EITHER; halves++) {
    lp_suite suite, copy;
    lp_error error = {.message = ""};
    make_file(&suite, scratch("good.h5"), 25, halves);
    ck_assert_int_eq(lp_suite_init(&copy, NULL), LP_OK);
    const lp_status status = lp_hdf5_read_isolated(&copy, scratch("good.h5"), &error);
    ck_assert_msg(status == LP_OK, "%s", error.message);
    ck_assert(same_suite(&suite, &copy));
    lp_suite_clear(&copy);
    lp_suite_clear(&suite);
  }
}
END_TEST

/* Far more than a pipe holds at a time. */
START_TEST(a_large_file) {
  lp_suite suite, copy;
  be_the_reader();
  ck_assert_int_eq(lp_suite_init(&suite, NULL), LP_OK);
  random_suite(&suite, &fake_losses[0], 31, 2, LP_HAS_CASES);
  lp_tensor *tensor = &suite.entries[1].c.inputs[0];
  ck_assert_int_eq(lp_tensor_init(tensor, LP_FLOAT64, 1, (int64_t[]){1000000}, NULL), LP_OK);
  ck_assert_int_eq(lp_arena_tensor(suite.arena, tensor, NULL), LP_OK);
  for (int k = 0; k < 1000000; k++) tensor->f64[k] = (double)k;
  ck_assert_int_eq(lp_hdf5_write(&suite, &fake_losses[0], scratch("large.h5"), NULL), LP_OK);
  ck_assert_int_eq(lp_suite_init(&copy, NULL), LP_OK);
  ck_assert_int_eq(lp_hdf5_read_isolated(&copy, scratch("large.h5"), NULL), LP_OK);
  ck_assert(same_suite(&suite, &copy));
  lp_suite_clear(&copy);
  lp_suite_clear(&suite);
}
END_TEST

/* Status and message are those of lp_hdf5_read. */
static void expect_same_failure(const char *path) {
  lp_suite suite;
  lp_error near, far;
  ck_assert_int_eq(lp_suite_init(&suite, NULL), LP_OK);
  const lp_status status = lp_hdf5_read(&suite, path, &near);
  ck_assert_int_ne(status, LP_OK);
  ck_assert_int_eq(lp_hdf5_read_isolated(&suite, path, &far), status);
  ck_assert_str_eq(near.message, far.message);
  ck_assert_int_eq(suite.count, 0);
  lp_suite_clear(&suite);
}

START_TEST(bad_files) {
  lp_suite suite;
  size_t size;
  make_file(&suite, scratch("good.h5"), 25, LP_HAS_EITHER);
  unsigned char *bytes = slurp(scratch("good.h5"), &size);
  expect_same_failure(scratch("absent.h5"));
  expect_same_failure(scratch_folder);
  spill(scratch("bad.h5"), bytes, size / 2);
  expect_same_failure(scratch("bad.h5"));
  bytes[size / 2] ^= 1;
  spill(scratch("bad.h5"), bytes, size);
  expect_same_failure(scratch("bad.h5"));
  spill(scratch("bad.h5"), "text", 4);
  expect_same_failure(scratch("bad.h5"));
  free(bytes);
  lp_suite_clear(&suite);
}
END_TEST

/* A file whose checksums are right and whose seal is not: found here, not in the child. */
START_TEST(a_broken_seal) {
  lp_suite suite;
  lp_columns columns;
  make_file(&suite, scratch("good.h5"), 25, LP_HAS_EITHER);
  ck_assert_int_eq(lp_columns_init(&columns, NULL), LP_OK);
  ck_assert_int_eq(lp_columns_pack(&columns, &suite, &fake_losses[0], NULL), LP_OK);
  columns.items[columns.count - 1].bytes[0] ^= 1;
  ck_assert_int_eq(lp_hdf5_write_columns(&columns, scratch("broken.h5"), NULL), LP_OK);
  expect_same_failure(scratch("broken.h5"));
  lp_columns_clear(&columns);
  lp_suite_clear(&suite);
}
END_TEST

/* Forged metadata: bytes of an object header are changed and its checksum is made right again, which no accident does.
 * libhdf5 may do what it likes with it, in the child. */

static uint32_t rotate(uint32_t x, int k) { return x << k | x >> (32 - k); }

/* Bob Jenkins's lookup3, hashlittle with initial value 0: the checksum of HDF5's metadata. */
static uint32_t lookup3(const unsigned char *key, size_t length) {
  unsigned char last[12] = {0};
  uint32_t a = 0xdeadbeef + (uint32_t)length, b = a, c = a;
  for (; length > 12; key += 12, length -= 12) {
    a += (uint32_t)lp_load_le(key, 4);
    b += (uint32_t)lp_load_le(key + 4, 4);
    c += (uint32_t)lp_load_le(key + 8, 4);
    a -= c, a ^= rotate(c, 4), c += b;
    b -= a, b ^= rotate(a, 6), a += c;
    c -= b, c ^= rotate(b, 8), b += a;
    a -= c, a ^= rotate(c, 16), c += b;
    b -= a, b ^= rotate(a, 19), a += c;
    c -= b, c ^= rotate(b, 4), b += a;
  }
  if (length == 0) return c;
  memcpy(last, key, length);
  a += (uint32_t)lp_load_le(last, 4);
  b += (uint32_t)lp_load_le(last + 4, 4);
  c += (uint32_t)lp_load_le(last + 8, 4);
  c ^= b, c -= rotate(b, 14);
  a ^= c, a -= rotate(c, 11);
  b ^= a, b -= rotate(a, 25);
  c ^= b, c -= rotate(b, 16);
  a ^= c, a -= rotate(c, 4);
  b ^= a, b -= rotate(a, 14);
  c ^= b, c -= rotate(b, 24);
  return c;
}

/* The version 2 object header at `at`: where its messages begin, and their length. False when it is none. */
static bool object_header(size_t *begin, size_t *length, const unsigned char *bytes, size_t size, size_t at) {
  if (at + 16 > size || memcmp(bytes + at, "OHDR\2", 5) != 0) return false;
  const unsigned flags = bytes[at + 5];
  size_t next = at + 6 + (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0);
  const size_t width = (size_t)1 << (flags & 3);
  *length = (size_t)lp_load_le(bytes + next, width);
  *begin = next + width;
  return *begin + *length + 4 <= size &&
         lookup3(bytes + at, *begin + *length - at) == lp_load_le(bytes + *begin + *length, 4);
}

static void forge(unsigned char *bytes, size_t at, size_t begin, size_t length, lp_rng *rng) {
  const int n = 1 + (int)lp_rng_below(rng, 3);
  for (int i = 0; i < n; i++)
    bytes[begin + (size_t)lp_rng_below(rng, (int64_t)length)] = (unsigned char)lp_rng_next(rng);
  lp_store_le(bytes + begin + length, 4, lookup3(bytes + at, begin + length - at));
}

START_TEST(forged_metadata) {
  lp_suite suite;
  lp_rng rng = {17};
  size_t size, begin, length, headers[128];
  int n = 0, n_refused = 0;
  make_file(&suite, scratch("good.h5"), 10, LP_HAS_EITHER);
  unsigned char *bytes = slurp(scratch("good.h5"), &size), *copy = malloc(size);
  for (size_t at = 0; at < size && n < 128; at++) {
    if (object_header(&begin, &length, bytes, size, at)) headers[n++] = at;
  }
  ck_assert_int_gt(n, 30);
  for (int i = 0; i < 120; i++) {
    lp_suite read;
    lp_error error = {.message = ""};
    const size_t at = headers[i < 30 ? 0 : lp_rng_below(&rng, n)];
    memcpy(copy, bytes, size);
    ck_assert(object_header(&begin, &length, bytes, size, at));
    forge(copy, at, begin, length, &rng);
    spill(scratch("forged.h5"), copy, size);
    ck_assert_int_eq(lp_suite_init(&read, NULL), LP_OK);
    const lp_status status = lp_hdf5_read_isolated(&read, scratch("forged.h5"), &error);
    ck_assert_msg(status == LP_OK || status == LP_INVALID || status == LP_NO_MEMORY, "%d: %s", (int)status,
                  error.message);
    ck_assert(status == LP_OK ? same_suite(&read, &suite) : error.message[0] != 0);
    n_refused += status != LP_OK;
    lp_suite_clear(&read);
  }
  ck_assert_int_gt(n_refused, 60);
  free(copy);
  free(bytes);
  lp_suite_clear(&suite);
}
END_TEST

/* Children that are not what they should be: scripts in the place of the program. */

static void expect_fetch_failure(int seconds, lp_status expected, const char *text) {
  lp_columns columns;
  lp_error error = {.message = ""};
  ck_assert_int_eq(lp_columns_init(&columns, NULL), LP_OK);
  const lp_reader_limits limits = {.seconds = seconds, .mebibytes = 1024};
  ck_assert_int_eq(lp_hdf5_fetch_columns(&columns, "x.h5", limits, &error), expected);
  check_message(&error, text);
  lp_columns_clear(&columns);
}

static void stand_in(const char *script) {
  const char *path = scratch("reader");
  spill(path, script, strlen(script));
  ck_assert_int_eq(chmod(path, 0700), 0);
  lp_hdf5_set_reader_program(path);
}

START_TEST(strange_children) {
  static const struct {
    const char *script, *text;
  } strange[] = {
      {"#!/bin/sh\nkill -SEGV $$\n", "reading it crashed (signal 11"},
      {"#!/bin/sh\nkill -ABRT $$\n", "reading it crashed (signal 6"},
      {"#!/bin/sh\nkill -KILL $$\n", "reading it crashed (signal 9"},
      {"#!/bin/sh\nkill -XCPU $$\n", "reading it took more than 60 seconds"},
      {"#!/bin/sh\nexit 0\n", "reading it ended early (exit status 0)"},
      {"#!/bin/sh\nexit 7\n", "reading it ended early (exit status 7)"},
      {"#!/bin/sh\necho half a header\n", "reading it ended early (exit status 0)"},
      {"#!/bin/sh\nyes\n", "sent something else than columns"},
      {"#!/bin/sh\nexec cat /dev/zero\n", "sent something else than columns"},
      {"#!/bin/sh\n[ \"$1 $2 $3 $4\" = \"--lossproof-read-hdf5 60 1024 x.h5\" ] && exit 9\n", "exit status 9"},
  };
  for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
    stand_in(strange[i].script);
    expect_fetch_failure(60, LP_INVALID, strange[i].text);
  }
}
END_TEST

START_TEST(a_child_that_never_ends) {
  stand_in("#!/bin/sh\nexec sleep 600\n");
  expect_fetch_failure(1, LP_INVALID, "reading it took more than 1 seconds, and was stopped");
}
END_TEST

START_TEST(no_child) {
  lp_hdf5_set_reader_program(NULL);
  expect_fetch_failure(60, LP_INTERNAL, "main must begin with lp_hdf5_serve_reader");
  lp_hdf5_set_reader_program(scratch("absent"));
  expect_fetch_failure(60, LP_INTERNAL, "absent: No such file");
}
END_TEST

/* SIGCHLD ignored by the host: then nobody can say how the child ended, but all that it sent counts. */
START_TEST(children_that_vanish) {
  lp_suite suite, copy;
  struct sigaction usual;
  const struct sigaction ignore = {.sa_handler = SIG_IGN};
  make_file(&suite, scratch("good.h5"), 25, LP_HAS_EITHER);
  ck_assert_int_eq(lp_suite_init(&copy, NULL), LP_OK);
  ck_assert_int_eq(sigaction(SIGCHLD, &ignore, &usual), 0);
  ck_assert_int_eq(lp_hdf5_read_isolated(&copy, scratch("good.h5"), NULL), LP_OK);
  ck_assert_int_eq(sigaction(SIGCHLD, &usual, NULL), 0);
  ck_assert(same_suite(&suite, &copy));
  lp_suite_clear(&copy);
  lp_suite_clear(&suite);
}
END_TEST

/* The child obeys its limit on memory; under AddressSanitizer it has none. */
START_TEST(memory_is_limited) {
  lp_suite suite;
  lp_columns columns;
  lp_error error = {.message = ""};
  make_file(&suite, scratch("good.h5"), 25, LP_HAS_EITHER);
  ck_assert_int_eq(lp_columns_init(&columns, NULL), LP_OK);
  const lp_reader_limits limits = {.seconds = 60, .mebibytes = 1};
  const lp_status status = lp_hdf5_fetch_columns(&columns, scratch("good.h5"), limits, &error);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
  ck_assert_msg(status != LP_OK && error.message[0] != 0, "%s", error.message);
#else
  (void)status;
#endif
  lp_columns_clear(&columns);
  lp_suite_clear(&suite);
}
END_TEST

/* The wire itself, through a pipe of this process. */

static void open_pipe(int ends[2]) { ck_assert_int_eq(pipe(ends), 0); }

static lp_status receive(lp_columns *columns, lp_wire_end *end, int from, lp_error *error) {
  ck_assert_int_eq(lp_columns_init(columns, NULL), LP_OK);
  return lp_wire_receive(columns, end, from, 60.0, error);
}

START_TEST(wire_round_trip) {
  lp_columns sent, received;
  lp_column *column;
  lp_wire_end end;
  int ends[2];
  open_pipe(ends);
  ck_assert_int_eq(lp_columns_init(&sent, NULL), LP_OK);
  const lp_column layout = {.path = "a/b", .cell = LP_CELL_TEXT, .width = 3, .rank = 2, .extent = {2, 5}};
  ck_assert_int_eq(lp_columns_add(&column, &sent, &layout, NULL), LP_OK);
  memset(column->bytes, 'x', 30);
  ck_assert(lp_wire_send(ends[1], &sent, LP_OK, NULL));
  close(ends[1]);
  ck_assert_int_eq(receive(&received, &end, ends[0], NULL), LP_OK);
  const lp_column *got = lp_columns_find(&received, "a/b");
  ck_assert_ptr_nonnull(got);
  ck_assert(got->cell == LP_CELL_TEXT && got->width == 3 && got->rank == 2 && got->extent[1] == 5 && got->count == 10);
  ck_assert_int_eq(memcmp(got->bytes, column->bytes, 30), 0);
  close(ends[0]);
  lp_columns_clear(&received);
  lp_columns_clear(&sent);
}
END_TEST

START_TEST(wire_failures_come_back) {
  static const lp_status statuses[] = {LP_INVALID, LP_IO, LP_NO_MEMORY, LP_INTERNAL};
  for (int i = 0; i < 4; i++) {
    lp_columns received;
    lp_wire_end end;
    int ends[2];
    lp_error error = {.message = "why not"}, got;
    open_pipe(ends);
    ck_assert(lp_wire_send(ends[1], NULL, statuses[i], &error));
    close(ends[1]);
    ck_assert_int_eq(receive(&received, &end, ends[0], &got), statuses[i]);
    ck_assert_str_eq(got.message, "why not");
    close(ends[0]);
    lp_columns_clear(&received);
  }
}
END_TEST

/* Headers that a child could send when a file has taken it over. */
START_TEST(wire_trusts_nothing) {
  enum { KIND = LP_COLUMN_PATH_MAX, RANK, CELL, WIDTH = KIND + 4, EXTENT = WIDTH + 4, MAGIC = EXTENT + 16 };
  static const struct {
    int at, width;
    uint64_t value;
    const char *text;
  } bad[] = {
      {MAGIC, 1, 'X', "something else than columns"},
      {CELL, 1, 200, "cells of an unknown kind"},
      {RANK, 1, 77, "has 77 dimensions"},
      {WIDTH, 4, 3, "has cells of 3 bytes"},
      {EXTENT, 8, UINT64_MAX, "the ceiling"},
      {EXTENT, 8, (uint64_t)1 << 40, "the ceiling"},
      {EXTENT, 8, 1000, "ended early"},
      {0, 1, 0, "the name of a dataset"},
      {KIND, 1, 3, "ended early"},
      {KIND, 1, 99, "ended early"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    unsigned char header[LP_WIRE_HEADER] = {'a'};
    lp_columns received;
    lp_wire_end end;
    lp_error error = {.message = ""};
    int ends[2];
    header[KIND] = 1;
    header[RANK] = 1;
    lp_store_le(header + WIDTH, 4, 1);
    lp_store_le(header + EXTENT, 8, 5);
    memcpy(header + MAGIC, "LPCOLUMN", 8);
    lp_store_le(header + bad[i].at, (size_t)bad[i].width, bad[i].value);
    open_pipe(ends);
    ck_assert_int_eq(write(ends[1], header, sizeof header), LP_WIRE_HEADER);
    close(ends[1]);
    ck_assert_int_eq(receive(&received, &end, ends[0], &error), LP_INVALID);
    check_message(&error, bad[i].text);
    close(ends[0]);
    lp_columns_clear(&received);
  }
}
END_TEST

START_TEST(wire_must_fall_silent) {
  lp_columns none, received;
  lp_wire_end end;
  lp_error error;
  int ends[2];
  open_pipe(ends);
  ck_assert_int_eq(lp_columns_init(&none, NULL), LP_OK);
  ck_assert(lp_wire_send(ends[1], &none, LP_OK, NULL));
  ck_assert_int_eq(write(ends[1], "more", 4), 4);
  close(ends[1]);
  ck_assert_int_eq(receive(&received, &end, ends[0], &error), LP_INVALID);
  check_message(&error, "sent more than columns");
  close(ends[0]);
  lp_columns_clear(&received);
  lp_columns_clear(&none);
}
END_TEST

START_TEST(a_deadline_passes) {
  lp_columns received;
  lp_wire_end end;
  lp_error error;
  int ends[2];
  open_pipe(ends);
  ck_assert_int_eq(lp_columns_init(&received, NULL), LP_OK);
  ck_assert_int_eq(lp_wire_receive(&received, &end, ends[0], 0.0, &error), LP_INVALID);
  ck_assert(end.late && !end.early);
  close(ends[0]);
  close(ends[1]);
  lp_columns_clear(&received);
}
END_TEST

START_TEST(a_broken_pipe) {
  struct sigaction usual;
  const struct sigaction ignore = {.sa_handler = SIG_IGN};
  lp_columns none;
  int ends[2];
  ck_assert_int_eq(sigaction(SIGPIPE, &ignore, &usual), 0);
  open_pipe(ends);
  close(ends[0]);
  ck_assert_int_eq(lp_columns_init(&none, NULL), LP_OK);
  ck_assert(!lp_wire_send(ends[1], &none, LP_OK, NULL));
  ck_assert_int_eq(sigaction(SIGPIPE, &usual, NULL), 0);
  close(ends[1]);
  lp_columns_clear(&none);
}
END_TEST

int main(int argc, char **argv) {
  int exit_status;
  if (lp_hdf5_serve_reader(&exit_status, argc, argv)) return exit_status;
  const TTest *const tests[] = {good_files,
                                a_large_file,
                                bad_files,
                                a_broken_seal,
                                forged_metadata,
                                strange_children,
                                a_child_that_never_ends,
                                no_child,
                                children_that_vanish,
                                memory_is_limited,
                                wire_round_trip,
                                wire_failures_come_back,
                                wire_trusts_nothing,
                                wire_must_fall_silent,
                                a_deadline_passes,
                                a_broken_pipe};
  scratch_make();
  const int result = run_tests("hdf5_isolated", tests, sizeof tests / sizeof tests[0]);
  scratch_remove();
  return result;
}
