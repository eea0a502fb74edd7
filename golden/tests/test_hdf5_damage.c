/* Files that are truncated, damaged, foreign, or too big: each is refused in one sentence, or holds what it held. */
#include "golden/hdf5.h"
#include "golden/hdf5_library.h"
#include "golden/tests/fake_losses.h"
#include "golden/tests/suites.h"
#include "reference/tests/testing.h"

/* libhdf5 1.10 loses memory of its own over a damaged file. LeakSanitizer asks a program for such exceptions by this
 * name; ours alone would still be seen. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libhdf5"; }

typedef struct original {
  lp_suite suite;
  unsigned char *bytes;
  size_t size;
} original;

static void make_original(original *o, int n) {
  ck_assert_int_eq(lp_suite_init(&o->suite, NULL), LP_OK);
  random_suite(&o->suite, &fake_losses[0], 21, n, LP_HAS_EITHER);
  ck_assert_int_eq(lp_hdf5_write(&o->suite, &fake_losses[0], scratch("original.h5"), NULL), LP_OK);
  o->bytes = slurp(scratch("original.h5"), &o->size);
}

static void free_original(original *o) {
  lp_suite_clear(&o->suite);
  free(o->bytes);
}

/* Reads a damaged file. True: it was refused, with a message that names it, and the suite is empty. False: it was read,
 * and holds exactly what it held before. */
static bool refused(const char *path, const original *o) {
  lp_suite suite;
  lp_error error = {.message = ""};
  ck_assert_int_eq(lp_suite_init(&suite, NULL), LP_OK);
  const lp_status status = lp_hdf5_read(&suite, path, &error);
  if (status == LP_OK) {
    ck_assert(same_suite(&suite, &o->suite));
  } else {
    ck_assert_msg(status == LP_INVALID || status == LP_IO, "status %d: %s", (int)status, error.message);
    ck_assert_msg(strncmp(error.message, path, strlen(path)) == 0 && error.message[strlen(path)] == ':', "%s",
                  error.message);
    ck_assert_int_eq(suite.count, 0);
  }
  lp_suite_clear(&suite);
  return status != LP_OK;
}

static void check_refused_as(const char *path, const char *text) {
  lp_suite suite;
  lp_error error = {.message = ""};
  ck_assert_int_eq(lp_suite_init(&suite, NULL), LP_OK);
  ck_assert_int_eq(lp_hdf5_read(&suite, path, &error), LP_INVALID);
  ck_assert_msg(strstr(error.message, text) != NULL, "expected \"%s\" in: %s", text, error.message);
  ck_assert_int_eq(suite.count, 0);
  lp_suite_clear(&suite);
}

/* Truncated and extended. */

START_TEST(truncated_files) {
  original o;
  make_original(&o, 12);
  const char *path = scratch("truncated.h5");
  for (size_t k = 0; k < 128; k++) {
    const size_t size = k < 64 ? k : o.size - 1 - (k - 64) * (o.size - 1) / 64;
    spill(path, o.bytes, size);
    check_refused_as(path, size < 8 ? "is not an HDF5 file" : "is truncated: it has");
  }
  free_original(&o);
}
END_TEST

START_TEST(extended_files) {
  original o;
  make_original(&o, 12);
  unsigned char *longer = calloc(1, o.size + 64);
  memcpy(longer, o.bytes, o.size);
  for (size_t extra = 1; extra <= 64; extra += 21) {
    spill(scratch("extended.h5"), longer, o.size + extra);
    check_refused_as(scratch("extended.h5"), "is followed by other data");
  }
  free(longer);
  free_original(&o);
}
END_TEST

/* Truncated where the superblock has been made to agree, so that libhdf5 itself must find out. */
START_TEST(pieces_cut_out) {
  original o;
  make_original(&o, 12);
  lp_rng rng = {5};
  int n_refused = 0;
  unsigned char *copy = malloc(o.size);
  for (int i = 0; i < 60; i++) {
    const size_t from = 48 + (size_t)lp_rng_below(&rng, (int64_t)o.size - 200);
    const size_t length = 1 + (size_t)lp_rng_below(&rng, 150);
    memcpy(copy, o.bytes, from);
    memcpy(copy + from, o.bytes + from + length, o.size - from - length);
    memset(copy + o.size - length, 0, length);
    spill(scratch("cut.h5"), copy, o.size);
    n_refused += refused(scratch("cut.h5"), &o);
  }
  ck_assert_int_gt(n_refused, 50);
  free(copy);
  free_original(&o);
}
END_TEST

/* Flipped bits: over the whole file, and all of the superblock and root group. */

START_TEST(flipped_bits) {
  original o;
  make_original(&o, 12);
  lp_rng rng = {6};
  int n_refused = 0, n_flips = 0;
  for (size_t k = 0; k < 700; k++, n_flips++) {
    const size_t at = k < 300 ? k : (size_t)lp_rng_below(&rng, (int64_t)o.size);
    const unsigned char mask = (unsigned char)(1u << lp_rng_below(&rng, 8));
    o.bytes[at] ^= mask;
    spill(scratch("flipped.h5"), o.bytes, o.size);
    n_refused += refused(scratch("flipped.h5"), &o);
    o.bytes[at] ^= mask;
  }
  ck_assert_msg(n_refused > n_flips * 9 / 10, "%d of %d", n_refused, n_flips);
  free_original(&o);
}
END_TEST

START_TEST(damaged_blocks) {
  original o;
  make_original(&o, 12);
  lp_rng rng = {8};
  int n_refused = 0;
  unsigned char *copy = malloc(o.size);
  for (int i = 0; i < 120; i++) {
    memcpy(copy, o.bytes, o.size);
    const size_t length = 1 + (size_t)lp_rng_below(&rng, 512);
    const size_t at = 12 + (size_t)lp_rng_below(&rng, (int64_t)(o.size - length - 12));
    for (size_t k = 0; k < length; k++) copy[at + k] = (unsigned char)(i % 3 == 0 ? 0 : lp_rng_next(&rng));
    spill(scratch("damaged.h5"), copy, o.size);
    n_refused += refused(scratch("damaged.h5"), &o);
  }
  ck_assert_int_gt(n_refused, 110);
  free(copy);
  free_original(&o);
}
END_TEST

/* The stored bytes of every dataset, one flip each: Fletcher32 sees it before zlib does. */
START_TEST(damaged_data) {
  original o;
  make_original(&o, 60);
  const hid_t file = H5Fopen(scratch("original.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
  static const char *const paths[] = {"cases/id",           "cases/hunts",    "inputs/input/float64",
                                      "inputs/input/shape", "params/margin",  "outcomes/loss/float64",
                                      "outcomes/kind",      "cases/id_offset"};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    haddr_t address;
    hsize_t size, offset[2];
    unsigned mask;
    const hid_t dataset = H5Dopen2(file, paths[i], H5P_DEFAULT);
    const hid_t space = H5Dget_space(dataset);
    ck_assert(H5Dget_chunk_info(dataset, space, 0, offset, &mask, &address, &size) >= 0);
    H5Sclose(space);
    H5Dclose(dataset);
    for (hsize_t k = 0; k < size; k += 1 + size / 8) {
      o.bytes[address + k] ^= 0x10;
      spill(scratch("data.h5"), o.bytes, o.size);
      o.bytes[address + k] ^= 0x10;
      check_refused_as(scratch("data.h5"), paths[i]);
      check_refused_as(scratch("data.h5"), "cannot be read (libhdf5: data error detected by Fletcher32 checksum)");
    }
  }
  H5Fclose(file);
  free_original(&o);
}
END_TEST

/* Files that HDF5 is happy with. */

typedef struct layout {
  H5F_libver_t version;
  hid_t type;
  int rank;
  hsize_t extent[3], chunk[3]; /* chunk[0] == 0: contiguous */
  bool fletcher, deflate, scaleoffset;
} layout;

static hid_t open_new(const char *path, H5F_libver_t version) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_libver_bounds(access, version, H5F_LIBVER_V110);
  const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
  ck_assert(file >= 0);
  H5Pclose(access);
  return file;
}

static hid_t add_dataset(hid_t file, const char *name, const layout *l) {
  const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  const hid_t space = l->rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(l->rank, l->extent, NULL);
  if (l->chunk[0] > 0) H5Pset_chunk(list, l->rank, l->chunk);
  if (l->deflate) H5Pset_deflate(list, 6);
  if (l->scaleoffset) H5Pset_scaleoffset(list, H5Z_SO_INT, 0);
  if (l->fletcher) H5Pset_fletcher32(list);
  const hid_t dataset = H5Dcreate2(file, name, l->type, space, H5P_DEFAULT, list, H5P_DEFAULT);
  ck_assert(dataset >= 0);
  H5Sclose(space);
  H5Pclose(list);
  return dataset;
}

static void make_file(const char *path, const layout *l) {
  const hid_t file = open_new(path, l->version);
  H5Dclose(add_dataset(file, "data", l));
  H5Fclose(file);
}

static hid_t string_type(size_t size, H5T_str_t padding) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, size);
  if (size != H5T_VARIABLE) H5Tset_strpad(type, padding);
  return type;
}

static hid_t compound_type(void) {
  const hid_t type = H5Tcreate(H5T_COMPOUND, 16);
  H5Tinsert(type, "a", 0, H5T_STD_I64LE);
  H5Tinsert(type, "b", 8, H5T_IEEE_F64LE);
  return type;
}

static hid_t enumeration_type(void) {
  const hid_t type = H5Tenum_create(H5T_STD_U8LE);
  H5Tenum_insert(type, "no", (unsigned char[]){0});
  H5Tenum_insert(type, "yes", (unsigned char[]){1});
  return type;
}

static hid_t odd_float(size_t exponent_bias) {
  const hid_t type = H5Tcopy(H5T_IEEE_F64LE);
  H5Tset_ebias(type, exponent_bias);
  return type;
}

enum { N_TYPES = 24 };

/* Types of which no dataset of the format is made; the caller closes them. */
static hid_t foreign_type(int index, const char **text) {
  static const char other[] = "has a datatype that no dataset of this format has";
  const hsize_t three = 3;
  *text = other;
  switch (index) {
    case 0:
      return H5Tcopy(H5T_STD_I8LE);
    case 1:
      return H5Tcopy(H5T_STD_I16LE);
    case 2:
      return H5Tcopy(H5T_STD_I32LE);
    case 3:
      return H5Tcopy(H5T_STD_U32LE);
    case 4:
      return H5Tcopy(H5T_STD_I64BE);
    case 5:
      return H5Tcopy(H5T_STD_U64BE);
    case 6:
      return H5Tcopy(H5T_STD_U16BE);
    case 7:
      return H5Tcopy(H5T_IEEE_F32BE);
    case 8:
      return H5Tcopy(H5T_IEEE_F64BE);
    case 9:
      return H5Tcopy(H5T_NATIVE_LDOUBLE);
    case 10:
      return H5Tcopy(H5T_STD_B8LE);
    case 11:
      return H5Tcopy(H5T_STD_B64LE);
    case 12:
      return H5Tcopy(H5T_STD_REF_OBJ);
    case 13:
      return H5Tcopy(H5T_STD_REF_DSETREG);
    case 14:
      return H5Tcreate(H5T_OPAQUE, 8);
    case 15:
      return compound_type();
    case 16:
      return enumeration_type();
    case 17:
      return H5Tvlen_create(H5T_IEEE_F64LE);
    case 18:
      return H5Tarray_create2(H5T_IEEE_F64LE, 1, &three);
    case 19:
      return odd_float(1000);
    case 20:
      return H5Tcopy(H5T_UNIX_D32LE);
    case 21:
      *text = "is a string of variable length";
      return string_type(H5T_VARIABLE, H5T_STR_NULLTERM);
    case 22:
      *text = "is a string filled up with blanks";
      return string_type(5, H5T_STR_SPACEPAD);
    default:
      *text = "has cells of 9000 bytes";
      return string_type(9000, H5T_STR_NULLPAD);
  }
}

START_TEST(datasets_of_foreign_types) {
  for (int i = 0; i < N_TYPES; i++) {
    const char *text;
    layout l = {.version = H5F_LIBVER_V110, .rank = 1, .extent = {2}};
    l.type = foreign_type(i, &text);
    ck_assert(l.type >= 0);
    make_file(scratch("foreign.h5"), &l);
    check_refused_as(scratch("foreign.h5"), "foreign.h5: data: ");
    check_refused_as(scratch("foreign.h5"), text);
    H5Tclose(l.type);
  }
}
END_TEST

static void add_attribute(hid_t object, const char *name, hid_t type, hid_t space) {
  const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  ck_assert(attribute >= 0);
  H5Aclose(attribute);
}

START_TEST(attributes_of_foreign_types) {
  for (int i = 0; i < N_TYPES; i++) {
    const char *text;
    const hid_t type = foreign_type(i, &text), space = H5Screate(H5S_SCALAR);
    const hid_t file = open_new(scratch("attribute.h5"), H5F_LIBVER_V110);
    add_attribute(file, "loss", type, space);
    H5Fclose(file);
    check_refused_as(scratch("attribute.h5"), "attribute.h5: @loss: ");
    check_refused_as(scratch("attribute.h5"), text);
    H5Sclose(space);
    H5Tclose(type);
  }
}
END_TEST

START_TEST(datasets_of_foreign_layouts) {
  const layout base = {.version = H5F_LIBVER_V110, .type = H5T_IEEE_F64LE, .rank = 1, .extent = {4}, .fletcher = true};
  const struct {
    layout change;
    const char *text;
  } bad[] = {
      {{.rank = 0}, "data: has 0 dimensions, expected 1 or 2"},
      {{.rank = 3, .extent = {1, 1, 1}, .chunk = {1, 1, 1}}, "data: has 3 dimensions, expected 1 or 2"},
      {{.rank = 1, .extent = {4}}, "data: has no checksum"},
      {{.rank = 1, .extent = {4}, .chunk = {4}}, "data: has no checksum"},
      {{.rank = 1, .extent = {4}, .chunk = {4}, .deflate = true}, "data: has no checksum"},
      {{.rank = 1, .extent = {4}, .chunk = {4}, .fletcher = true},
       "data: claims 4 cells of 8 bytes, but stores only 0"},
      {{.rank = 2, .extent = {4, 5}, .chunk = {4, 2}, .fletcher = true},
       "data: claims 20 cells of 8 bytes, but stores"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    layout l = bad[i].change;
    l.version = base.version;
    l.type = base.type;
    make_file(scratch("layout.h5"), &l);
    check_refused_as(scratch("layout.h5"), bad[i].text);
  }
  const layout scaled = {.version = H5F_LIBVER_V110,
                         .type = H5T_STD_I64LE,
                         .rank = 1,
                         .extent = {4},
                         .chunk = {4},
                         .fletcher = true,
                         .scaleoffset = true};
  make_file(scratch("layout.h5"), &scaled);
  check_refused_as(scratch("layout.h5"), "data: has filter 6, expected only shuffle, deflate and fletcher32");
}
END_TEST

START_TEST(files_without_checksums) {
  const layout l = {
      .version = H5F_LIBVER_EARLIEST, .type = H5T_IEEE_F64LE, .rank = 1, .extent = {4}, .chunk = {4}, .fletcher = true};
  make_file(scratch("early.h5"), &l);
  check_refused_as(scratch("early.h5"), "has superblock version 0, whose metadata has no checksums");
}
END_TEST

static void expect_foreign(hid_t file, const char *path, const char *text) {
  H5Fclose(file);
  check_refused_as(path, text);
}

START_TEST(foreign_structures) {
  const char *path = scratch("structure.h5");
  const hid_t space = H5Screate(H5S_SCALAR), null = H5Screate(H5S_NULL);
  const hsize_t two = 2;
  const hid_t pair = H5Screate_simple(1, &two, NULL);
  hid_t file = open_new(path, H5F_LIBVER_V110);
  expect_foreign(file, path, "@format: the root attribute is missing");

  file = open_new(path, H5F_LIBVER_V110);
  H5Lcreate_soft("/nowhere", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
  expect_foreign(file, path, "soft: is a soft or external link");

  file = open_new(path, H5F_LIBVER_V110);
  H5Lcreate_external("/etc/passwd", "/", file, "external", H5P_DEFAULT, H5P_DEFAULT);
  expect_foreign(file, path, "external: is a soft or external link");

  file = open_new(path, H5F_LIBVER_V110);
  const hid_t group = H5Gcreate2(file, "cycle", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_hard(file, "/", group, "again", H5P_DEFAULT, H5P_DEFAULT);
  H5Gclose(group);
  expect_foreign(file, path, "cycle/again/cycle/again: is a group too deep");

  file = open_new(path, H5F_LIBVER_V110);
  const hid_t type = H5Tcopy(H5T_STD_I64LE);
  H5Tcommit2(file, "type", type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Tclose(type);
  expect_foreign(file, path, "type: is neither a group nor a dataset");

  file = open_new(path, H5F_LIBVER_V110);
  const hid_t named = H5Gcreate2(file, "cases", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  add_attribute(named, "units", H5T_STD_I64LE, space);
  H5Gclose(named);
  expect_foreign(file, path, "cases: has attributes, expected them at the root only");

  file = open_new(path, H5F_LIBVER_V110);
  const layout l = {.type = H5T_STD_I64LE, .rank = 1, .extent = {0}, .chunk = {1}, .fletcher = true};
  const hid_t dataset = add_dataset(file, "data", &l);
  add_attribute(dataset, "units", H5T_STD_I64LE, space);
  H5Dclose(dataset);
  expect_foreign(file, path, "data: has attributes, expected them at the root only");

  file = open_new(path, H5F_LIBVER_V110);
  add_attribute(file, "loss", H5T_STD_I64LE, pair);
  expect_foreign(file, path, "@loss: is not a single value");

  file = open_new(path, H5F_LIBVER_V110);
  add_attribute(file, "loss", H5T_STD_I64LE, null);
  expect_foreign(file, path, "@loss: is not a single value");

  file = open_new(path, H5F_LIBVER_V110);
  H5Dclose(add_dataset(file, "@loss", &l));
  expect_foreign(file, path, "@loss: is not a name of this format");

  file = open_new(path, H5F_LIBVER_V110);
  H5Dclose(add_dataset(file, "a b", &l));
  expect_foreign(file, path, "not printable");
  H5Sclose(pair);
  H5Sclose(null);
  H5Sclose(space);
}
END_TEST

START_TEST(names_over_the_ceiling) {
  char name[200];
  const char *path = scratch("names.h5");
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = 0;
  const hid_t space = H5Screate(H5S_SCALAR);
  hid_t file = open_new(path, H5F_LIBVER_V110);
  add_attribute(file, name, H5T_STD_I64LE, space);
  expect_foreign(file, path, "a root attribute has a name of 199 bytes");
  file = open_new(path, H5F_LIBVER_V110);
  H5Gclose(H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  expect_foreign(file, path, "a name in this group cannot be read, or is too long");
  name[60] = 0;
  file = open_new(path, H5F_LIBVER_V110);
  const hid_t group = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Gclose(H5Gcreate2(group, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Gclose(group);
  expect_foreign(file, path, "is not a name of this format");
  H5Sclose(space);
}
END_TEST

START_TEST(too_many_of_everything) {
  char name[32];
  const char *path = scratch("many.h5");
  const hid_t space = H5Screate(H5S_SCALAR);
  const layout l = {.type = H5T_STD_I64LE, .rank = 1, .extent = {0}, .chunk = {1}, .fletcher = true};
  hid_t file = open_new(path, H5F_LIBVER_V110);
  for (int i = 0; i < 300; i++) {
    snprintf(name, sizeof name, "d%d", i);
    H5Dclose(add_dataset(file, name, &l));
  }
  expect_foreign(file, path, "is one more than 256 datasets and attributes");
  file = open_new(path, H5F_LIBVER_V110);
  for (int i = 0; i < 600; i++) {
    snprintf(name, sizeof name, "g%d", i);
    H5Gclose(H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  }
  expect_foreign(file, path, "is one more than 512 groups and datasets");
  file = open_new(path, H5F_LIBVER_V110);
  for (int i = 0; i < 300; i++) {
    snprintf(name, sizeof name, "a%d", i);
    add_attribute(file, name, H5T_STD_I64LE, space);
  }
  expect_foreign(file, path, "the root attributes are broken");
  H5Sclose(space);
}
END_TEST

/* Claims: refused for what they claim, which is before memory is asked for. */

static void check_claim_refused(const char *path) {
  lp_suite suite;
  lp_error error = {.message = ""};
  ck_assert_int_eq(lp_suite_init(&suite, NULL), LP_OK);
  ck_assert_int_eq(lp_hdf5_read(&suite, path, &error), LP_INVALID);
  ck_assert_msg(strstr(error.message, "data: claims ") || strstr(error.message, "data: has more than 65536 chunks") ||
                    strstr(error.message, "data: has chunks of more than"),
                "%s", error.message);
  lp_suite_clear(&suite);
}

START_TEST(oversized_claims) {
  static const hsize_t extents[] = {1000000,        100000000,        (hsize_t)1 << 31, (hsize_t)1 << 32,
                                    1000000000000u, (hsize_t)1 << 50, (hsize_t)1 << 60, ((hsize_t)1 << 62) + 1};
  static const hsize_t chunks[] = {1, 1000, 1 << 20, (1 << 23) + 1, 1 << 28};
  const hid_t types[] = {H5T_STD_U8LE, H5T_IEEE_F64LE};
  int n = 0;
  for (size_t e = 0; e < sizeof extents / sizeof extents[0]; e++) {
    for (size_t c = 0; c < sizeof chunks / sizeof chunks[0]; c++) {
      for (size_t t = 0; t < 2; t++, n++) {
        layout l = {.version = H5F_LIBVER_V110, .type = types[t], .rank = 1, .extent = {extents[e]}, .fletcher = true};
        l.chunk[0] = chunks[c] < extents[e] ? chunks[c] : extents[e];
        make_file(scratch("claims.h5"), &l);
        check_claim_refused(scratch("claims.h5"));
      }
    }
  }
  ck_assert_int_ge(n, 80);
}
END_TEST

START_TEST(oversized_claims_of_two_axes) {
  static const hsize_t extents[] = {1, 1 << 16, (hsize_t)1 << 31, (hsize_t)1 << 40, (hsize_t)1 << 60};
  for (size_t i = 0; i < 5; i++) {
    for (size_t k = 0; k < 5; k++) {
      const layout l = {.version = H5F_LIBVER_V110,
                        .type = H5T_STD_I64LE,
                        .rank = 2,
                        .extent = {extents[i], extents[k]},
                        .chunk = {1, 1},
                        .fletcher = true};
      if (i < 4 || k == 0) make_file(scratch("claims.h5"), &l);
      check_claim_refused(scratch("claims.h5"));
    }
  }
}
END_TEST

/* Zeros that deflate to next to nothing, but are backed by stored chunks: the content is refused by its ceilings. */
START_TEST(zeros_by_the_megabyte) {
  enum { CELLS = 1 << 22 };
  const layout l = {.version = H5F_LIBVER_V110,
                    .type = H5T_STD_I64LE,
                    .rank = 1,
                    .extent = {CELLS},
                    .chunk = {1 << 20},
                    .fletcher = true,
                    .deflate = true};
  const hid_t file = open_new(scratch("zeros.h5"), H5F_LIBVER_V110);
  int64_t *zeros = calloc(CELLS, sizeof *zeros);
  const hid_t dataset = add_dataset(file, "zeros", &l);
  ck_assert(H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros) >= 0);
  free(zeros);
  H5Dclose(dataset);
  expect_foreign(file, scratch("zeros.h5"), "@format: the root attribute is missing");
}
END_TEST

int main(void) {
  const TTest *const tests[] = {truncated_files,
                                extended_files,
                                pieces_cut_out,
                                flipped_bits,
                                damaged_blocks,
                                damaged_data,
                                datasets_of_foreign_types,
                                attributes_of_foreign_types,
                                datasets_of_foreign_layouts,
                                files_without_checksums,
                                foreign_structures,
                                names_over_the_ceiling,
                                too_many_of_everything,
                                oversized_claims,
                                oversized_claims_of_two_axes,
                                zeros_by_the_megabyte};
  scratch_make();
  const int result = run_tests("hdf5_damage", tests, sizeof tests / sizeof tests[0]);
  scratch_remove();
  return result;
}
