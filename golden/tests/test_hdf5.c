/* Files: what is written is read back bit for bit, the same content is the same bytes, and nothing is left behind. */
#include "golden/hdf5.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "golden/hdf5_library.h"
#include "golden/tests/fake_losses.h"
#include "golden/tests/suites.h"
#include "reference/tests/testing.h"

static void make_suite(lp_suite *suite, uint64_t seed, int n, unsigned halves) {
  ck_assert_int_eq(lp_suite_init(suite, NULL), LP_OK);
  random_suite(suite, &fake_losses[0], seed, n, halves);
}

static void write_suite(const lp_suite *suite, const char *path) {
  lp_error error = {.message = ""};
  const lp_status status = lp_hdf5_write(suite, &fake_losses[0], path, &error);
  ck_assert_msg(status == LP_OK, "%s", error.message);
}

static void check_file_holds(const lp_suite *suite, const char *path) {
  lp_suite copy;
  lp_error error = {.message = ""};
  ck_assert_int_eq(lp_suite_init(&copy, NULL), LP_OK);
  const lp_status status = lp_hdf5_read(&copy, path, &error);
  ck_assert_msg(status == LP_OK, "%s", error.message);
  ck_assert(same_suite(suite, &copy));
  lp_suite_clear(&copy);
}

static void check_message(const lp_error *error, const char *text) {
  ck_assert_msg(strstr(error->message, text) != NULL, "expected \"%s\" in: %s", text, error->message);
}

START_TEST(round_trips) {
  const char *path = scratch("suite.h5");
  for (int n = 0; n < 40; n = 3 * n + 1) {
    for (unsigned halves = n == 0 ? LP_HAS_CASES : 1; halves <= (n == 0 ? LP_HAS_CASES : LP_HAS_EITHER); halves++) {
      lp_suite suite;
      make_suite(&suite, (uint64_t)n, n, halves);
      write_suite(&suite, path);
      check_file_holds(&suite, path);
      lp_suite_clear(&suite);
    }
  }
}
END_TEST

/* Texts of a megabyte, and a tensor of several chunks. */
START_TEST(large_round_trip) {
  enum { LONG = 1 << 20, ELEMENTS = 400000 };
  lp_suite suite;
  make_suite(&suite, 3, 3, LP_HAS_EITHER);
  char *text = malloc(LONG);
  memset(text, 'x', LONG - 1);
  text[LONG - 1] = 0;
  suite.entries[1].c.hunts = text;
  lp_tensor *tensor = &suite.entries[2].c.inputs[0];
  ck_assert_int_eq(lp_tensor_init(tensor, LP_FLOAT64, 2, (int64_t[]){ELEMENTS, 1}, NULL), LP_OK);
  ck_assert_int_eq(lp_arena_tensor(suite.arena, tensor, NULL), LP_OK);
  for (int k = 0; k < ELEMENTS; k++) tensor->f64[k] = 1.0 / (k + 1);
  write_suite(&suite, scratch("large.h5"));
  check_file_holds(&suite, scratch("large.h5"));
  free(text);
  lp_suite_clear(&suite);
}
END_TEST

START_TEST(same_content_same_bytes) {
  lp_suite suite, other;
  size_t sizes[3];
  unsigned char *bytes[3];
  make_suite(&suite, 9, 30, LP_HAS_EITHER);
  make_suite(&other, 10, 30, LP_HAS_EITHER);
  for (int i = 0; i < 3; i++) {
    write_suite(i == 1 ? &other : &suite, scratch("same.h5"));
    if (i == 0) sleep(1); /* a time stamp, were there one, would differ now */
    bytes[i] = slurp(scratch("same.h5"), &sizes[i]);
  }
  ck_assert_uint_eq(sizes[0], sizes[2]);
  ck_assert(memcmp(bytes[0], bytes[2], sizes[0]) == 0);
  ck_assert(sizes[0] != sizes[1] || memcmp(bytes[0], bytes[1], sizes[0]) != 0);
  for (int i = 0; i < 3; i++) free(bytes[i]);
  lp_suite_clear(&other);
  lp_suite_clear(&suite);
}
END_TEST

START_TEST(files_append_to_a_suite) {
  lp_suite suite, both;
  lp_error error;
  make_suite(&suite, 4, 5, LP_HAS_EITHER);
  write_suite(&suite, scratch("one.h5"));
  ck_assert_int_eq(lp_suite_init(&both, NULL), LP_OK);
  ck_assert_int_eq(lp_hdf5_read(&both, scratch("one.h5"), &error), LP_OK);
  ck_assert_int_eq(lp_hdf5_read(&both, scratch("one.h5"), &error), LP_OK);
  ck_assert_int_eq(both.count, 10);
  ck_assert(same_case(&both.entries[1].c, &both.entries[6].c));
  lp_suite_clear(&both);
  lp_suite_clear(&suite);
}
END_TEST

START_TEST(only_the_entries_of_the_loss) {
  lp_suite suite, copy;
  ck_assert_int_eq(lp_suite_init(&suite, NULL), LP_OK);
  random_suite(&suite, &fake_losses[1], 1, 4, LP_HAS_CASES);
  random_suite(&suite, &fake_losses[0], 2, 3, LP_HAS_CASES);
  write_suite(&suite, scratch("some.h5"));
  ck_assert_int_eq(lp_suite_init(&copy, NULL), LP_OK);
  ck_assert_int_eq(lp_hdf5_read(&copy, scratch("some.h5"), NULL), LP_OK);
  ck_assert_int_eq(copy.count, 3);
  ck_assert(same_case(&copy.entries[0].c, &suite.entries[4].c));
  lp_suite_clear(&copy);
  lp_suite_clear(&suite);
}
END_TEST

/* What a reader of the format relies on: no time stamps, checksums everywhere, and one chunk for small columns. */
START_TEST(properties_of_the_file) {
  lp_suite suite;
  make_suite(&suite, 5, 20, LP_HAS_EITHER);
  write_suite(&suite, scratch("properties.h5"));
  size_t size;
  unsigned char *bytes = slurp(scratch("properties.h5"), &size);
  ck_assert_int_eq(bytes[8], 3); /* superblock version: with checksums */
  free(bytes);
  const hid_t file = H5Fopen(scratch("properties.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t dataset = H5Dopen2(file, "inputs/input/float64", H5P_DEFAULT);
  const hid_t list = H5Dget_create_plist(dataset), space = H5Dget_space(dataset);
  hsize_t chunk, extent;
  hbool_t times = true;
  ck_assert_int_eq(H5Pget_chunk(list, 1, &chunk), 1);
  H5Sget_simple_extent_dims(space, &extent, NULL);
  ck_assert_uint_eq(chunk, extent);
  ck_assert_int_eq(H5Pget_nfilters(list), 3);
  ck_assert_int_eq(H5Pget_filter2(list, 2, NULL, NULL, NULL, 0, NULL, NULL), H5Z_FILTER_FLETCHER32);
  ck_assert(H5Pget_obj_track_times(list, &times) >= 0);
  ck_assert(!times);
  H5Sclose(space);
  H5Pclose(list);
  H5Dclose(dataset);
  H5Fclose(file);
  lp_suite_clear(&suite);
}
END_TEST

static void expect_read_failure(const char *path, lp_status expected, const char *text) {
  lp_suite suite;
  lp_error error = {.message = ""};
  ck_assert_int_eq(lp_suite_init(&suite, NULL), LP_OK);
  ck_assert_int_eq(lp_hdf5_read(&suite, path, &error), expected);
  check_message(&error, path);
  check_message(&error, text);
  ck_assert_int_eq(suite.count, 0);
  lp_suite_clear(&suite);
}

START_TEST(what_is_no_file) {
  expect_read_failure(scratch("absent.h5"), LP_IO, "cannot be opened: No such file");
  expect_read_failure(scratch_folder, LP_INVALID, "is a directory");
  expect_read_failure("/dev/null", LP_INVALID, "is a device");
  ck_assert_int_eq(mkfifo(scratch("fifo"), 0600), 0);
  expect_read_failure(scratch("fifo"), LP_INVALID, "is a device, pipe or socket");
  spill(scratch("empty.h5"), "", 0);
  expect_read_failure(scratch("empty.h5"), LP_INVALID, "is not an HDF5 file");
  spill(scratch("text.h5"), "{\"loss\": \"l1\"}\n", 15);
  expect_read_failure(scratch("text.h5"), LP_INVALID, "is not an HDF5 file");
}
END_TEST

/* A sparse file: its size is refused before anything is read. */
START_TEST(a_file_over_the_ceiling) {
  spill(scratch("huge.h5"), "\x89HDF\r\n\x1a\n", 8);
  ck_assert_int_eq(truncate(scratch("huge.h5"), (off_t)LP_MAX_FILE_BYTES + 1), 0);
  expect_read_failure(scratch("huge.h5"), LP_INVALID, "the ceiling is 536870912");
}
END_TEST

static void expect_write_failure(const lp_suite *suite, const char *path, lp_status expected, const char *text) {
  lp_error error = {.message = ""};
  ck_assert_int_eq(lp_hdf5_write(suite, &fake_losses[0], path, &error), expected);
  check_message(&error, path);
  check_message(&error, text);
  ck_assert(!scratch_has(".part"));
}

START_TEST(places_where_no_file_can_be) {
  lp_suite suite;
  make_suite(&suite, 5, 20, LP_HAS_EITHER);
  expect_write_failure(&suite, scratch("no/folder.h5"), LP_IO, "no/folder.h5: cannot be created: No such file");
  ck_assert_int_eq(mkdir(scratch("folder.h5"), 0700), 0);
  expect_write_failure(&suite, scratch("folder.h5"), LP_INVALID, "not a regular file");
  expect_write_failure(&suite, "/dev/null", LP_INVALID, "not a regular file");
  lp_suite_clear(&suite);
}
END_TEST

START_TEST(an_older_file_survives_a_failure) {
  lp_suite suite;
  make_suite(&suite, 5, 20, LP_HAS_EITHER);
  write_suite(&suite, scratch("older.h5"));
  suite.entries[0].c.id = suite.entries[1].c.id;
  expect_write_failure(&suite, scratch("older.h5"), LP_INVALID, "two cases have the id");
  suite.entries[0].c.id = "random/plain/0";
  check_file_holds(&suite, scratch("older.h5"));
  lp_suite_clear(&suite);
}
END_TEST

/* The disk is full: files may not grow past 4000 bytes. */
START_TEST(a_full_disk) {
  lp_suite suite;
  struct sigaction handler, ignore = {.sa_handler = SIG_IGN};
  struct rlimit usual, small;
  make_suite(&suite, 5, 200, LP_HAS_EITHER);
  ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &usual), 0);
  small = usual;
  small.rlim_cur = 4000;
  ck_assert_int_eq(sigaction(SIGXFSZ, &ignore, &handler), 0);
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_write_failure(&suite, scratch("full.h5"), LP_IO, "full.h5: cannot be written: File too large");
  ck_assert(!scratch_has("full.h5"));
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &usual), 0);
  ck_assert_int_eq(sigaction(SIGXFSZ, &handler, NULL), 0);
  lp_suite_clear(&suite);
}
END_TEST

/* A part of a file that a killed process of the same number left behind is no obstacle. */
START_TEST(a_part_left_behind) {
  lp_suite suite;
  char part[600];
  make_suite(&suite, 5, 20, LP_HAS_EITHER);
  snprintf(part, sizeof part, "%s.%ld.part", scratch("again.h5"), (long)getpid());
  spill(part, "x", 1);
  write_suite(&suite, scratch("again.h5"));
  check_file_holds(&suite, scratch("again.h5"));
  ck_assert(!scratch_has(".part"));
  lp_suite_clear(&suite);
}
END_TEST

/* libhdf5's own printing of errors is as it was afterwards. */
START_TEST(libhdf5_is_left_as_it_was) {
  H5E_auto2_t before, after;
  void *data_before, *data_after;
  unsigned plugins_before, plugins_after;
  H5Eget_auto2(H5E_DEFAULT, &before, &data_before);
  H5PLget_loading_state(&plugins_before);
  ck_assert(before != NULL);
  spill(scratch("bad.h5"), "\x89HDF\r\n\x1a\n", 8);
  expect_read_failure(scratch("bad.h5"), LP_INVALID, "is truncated");
  H5Eget_auto2(H5E_DEFAULT, &after, &data_after);
  H5PLget_loading_state(&plugins_after);
  ck_assert(before == after && data_before == data_after && plugins_before == plugins_after);
}
END_TEST

START_TEST(memory_may_end_anywhere) {
  lp_suite suite;
  make_suite(&suite, 5, 4, LP_HAS_EITHER);
  lp_status status = LP_NO_MEMORY;
  for (long n = 0; status != LP_OK; n++) {
    lp_suite copy;
    lp_error error = {.message = ""};
    ck_assert_int_eq(lp_suite_init(&copy, NULL), LP_OK);
    lp_arena_fail_after(n);
    status = lp_hdf5_write(&suite, &fake_losses[0], scratch("memory.h5"), &error);
    lp_arena_fail_after(-1);
    ck_assert(status == LP_OK || status == LP_NO_MEMORY);
    ck_assert(!scratch_has(".part"));
    lp_suite_clear(&copy);
  }
  status = LP_NO_MEMORY;
  for (long n = 0; status != LP_OK; n++) {
    lp_suite copy;
    lp_error error = {.message = ""};
    ck_assert_int_eq(lp_suite_init(&copy, NULL), LP_OK);
    lp_arena_fail_after(n);
    status = lp_hdf5_read(&copy, scratch("memory.h5"), &error);
    lp_arena_fail_after(-1);
    ck_assert(status == LP_OK || status == LP_NO_MEMORY);
    ck_assert_int_eq(copy.count, status == LP_OK ? 4 : 0);
    lp_suite_clear(&copy);
  }
  lp_suite_clear(&suite);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {round_trips,
                                large_round_trip,
                                same_content_same_bytes,
                                files_append_to_a_suite,
                                only_the_entries_of_the_loss,
                                properties_of_the_file,
                                what_is_no_file,
                                a_file_over_the_ceiling,
                                places_where_no_file_can_be,
                                an_older_file_survives_a_failure,
                                a_full_disk,
                                a_part_left_behind,
                                libhdf5_is_left_as_it_was,
                                memory_may_end_anywhere};
  scratch_make();
  const int result = run_tests("hdf5", tests, sizeof tests / sizeof tests[0]);
  scratch_remove();
  return result;
}
