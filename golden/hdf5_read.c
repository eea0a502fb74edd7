#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "golden/bits.h"
#include "golden/columns_pack.h"
#include "golden/hdf5.h"
#include "golden/hdf5_library.h"

enum {
  MAX_DEPTH = 4,                  /* outcomes/grad/input/dtype */
  MAX_LINKS = 2 * LP_MAX_COLUMNS, /* of all groups together */
  MAX_CHUNK_BYTES = 1 << 26,
  MAX_CHUNKS = 1 << 16, /* of a dataset */
  MAX_DEFLATION = 1040, /* deflate cannot shrink anything further than 1032 : 1 */
};

typedef struct file_bytes {
  lp_arena *arena; /* owns them */
  unsigned char *bytes;
  size_t size;
} file_bytes;

typedef struct reader {
  lp_columns *columns;
  uint64_t file_bytes;
  int links;
} reader;

/* The file's bytes. They are read once and then parsed from memory, so that nobody can change them in between, and no
 * file lock is needed. */

static lp_status read_bytes(unsigned char *bytes, size_t size, int file, lp_error *error) {
  for (size_t done = 0; done < size;) {
    const ssize_t n = read(file, bytes + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return lp_fail(error, LP_IO, "cannot be read: %s", strerror(errno));
    if (n == 0) return lp_fail(error, LP_IO, "became shorter while it was read");
    done += (size_t)n;
  }
  return LP_OK;
}

static lp_status measure_file(size_t *size, int file, lp_error *error) {
  struct stat about;
  if (fstat(file, &about) != 0) return lp_fail(error, LP_IO, "cannot be examined: %s", strerror(errno));
  if (!S_ISREG(about.st_mode)) {
    return lp_fail(error, LP_INVALID, "is %s, expected a regular file",
                   S_ISDIR(about.st_mode) ? "a directory" : "a device, pipe or socket");
  }
  if ((uint64_t)about.st_size > LP_MAX_FILE_BYTES) {
    return lp_fail(error, LP_INVALID, "has %lld bytes, the ceiling is %zu", (long long)about.st_size,
                   LP_MAX_FILE_BYTES);
  }
  *size = (size_t)about.st_size;
  return LP_OK;
}

static lp_status load_open_file(file_bytes *loaded, int file, lp_error *error) {
  LP_TRY(measure_file(&loaded->size, file, error));
  loaded->arena = lp_arena_new(0);
  if (loaded->arena) loaded->bytes = lp_arena_alloc(loaded->arena, loaded->size, 1);
  if (!loaded->bytes) return lp_fail(error, LP_NO_MEMORY, "no memory for its %zu bytes", loaded->size);
  return read_bytes(loaded->bytes, loaded->size, file, error);
}

/* O_NONBLOCK: a pipe without a writer must not hold us up before fstat has seen what it is. */
static lp_status load_file(file_bytes *loaded, const char *path, lp_error *error) {
  const int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return lp_fail(error, LP_IO, "cannot be opened: %s", strerror(errno));
  const lp_status status = load_open_file(loaded, file, error);
  close(file);
  return status;
}

static void unload(file_bytes *loaded) {
  lp_arena_free(loaded->arena);
  *loaded = (file_bytes){.size = loaded->size};
}

/* Superblock version 2 or 3 at the beginning of the file: format specification 3.0, section II.A. */
static lp_status check_superblock(const unsigned char *bytes, size_t size, lp_error *error) {
  static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
  enum { VERSION = 8, OFFSET_SIZE = 9, LENGTH_SIZE = 10, FLAGS = 11, BASE = 12, END = 28, SUPERBLOCK_BYTES = 48 };
  if (size < sizeof signature || memcmp(bytes, signature, sizeof signature) != 0) {
    return lp_fail(error, LP_INVALID, "is not an HDF5 file");
  }
  if (size < SUPERBLOCK_BYTES) return lp_fail(error, LP_INVALID, "is truncated: it has only %zu bytes", size);
  if (bytes[VERSION] != 2 && bytes[VERSION] != 3) {
    return lp_fail(error, LP_INVALID,
                   "has superblock version %d, whose metadata has no checksums: expected 2 or 3 (in h5py, open it for "
                   "writing with libver=('v110', 'v110'))",
                   bytes[VERSION]);
  }
  if (bytes[OFFSET_SIZE] != 8 || bytes[LENGTH_SIZE] != 8 || lp_load_le(bytes + BASE, 8) != 0) {
    return lp_fail(error, LP_INVALID, "has an unusual superblock: expected offsets and lengths of 8 bytes, base 0");
  }
  if (bytes[FLAGS] != 0) return lp_fail(error, LP_INVALID, "was not closed by the program that wrote it");
  const unsigned long long end = lp_load_le(bytes + END, 8);
  if (end == size) return LP_OK;
  return lp_fail(error, LP_INVALID, "is %s: it has %zu bytes, its superblock says %llu",
                 size < end ? "truncated" : "followed by other data", size, end);
}

/* Types, properties and contents of one dataset or attribute. */

static lp_status identify_string(lp_column *layout, hid_t type, lp_error *error) {
  if (H5Tis_variable_str(type) != 0) {
    return lp_fail(error, LP_INVALID, "%s: is a string of variable length, expected a fixed one (numpy.bytes_)",
                   layout->path);
  }
  if (H5Tget_strpad(type) == H5T_STR_SPACEPAD) {
    return lp_fail(error, LP_INVALID, "%s: is a string filled up with blanks, expected zeros", layout->path);
  }
  layout->cell = LP_CELL_TEXT;
  layout->width = H5Tget_size(type);
  if (layout->width >= 1 && layout->width <= LP_CELL_TEXT_MAX) return LP_OK;
  return lp_fail(error, LP_INVALID, "%s: has cells of %zu bytes, expected 1 to %d", layout->path, layout->width,
                 LP_CELL_TEXT_MAX);
}

static bool is_cell(hid_t type, lp_cell cell) {
  const hid_t wanted = lp_hdf5_type(cell, 1);
  const bool same = wanted >= 0 && H5Tequal(type, wanted) > 0;
  if (wanted >= 0) H5Tclose(wanted);
  return same;
}

static lp_status identify_type(lp_column *layout, hid_t type, lp_error *error) {
  if (H5Tget_class(type) == H5T_STRING) return identify_string(layout, type, error);
  int cell = LP_CELL_TEXT - 1;
  while (cell >= 0 && !is_cell(type, (lp_cell)cell)) cell--;
  if (cell < 0) {
    return lp_fail(error, LP_INVALID,
                   "%s: has a datatype that no dataset of this format has (expected one of |u1 <u2 "
                   "<u8 <i8 <f2 <f4 <f8 or a fixed string)",
                   layout->path);
  }
  layout->cell = (lp_cell)cell;
  layout->width = lp_cell_width(layout->cell);
  return LP_OK;
}

static lp_status identify_extents(lp_column *layout, hid_t space, lp_error *error) {
  hsize_t extent[H5S_MAX_RANK];
  const int rank = H5Sget_simple_extent_ndims(space);
  if (H5Sget_simple_extent_type(space) != H5S_SIMPLE || rank < 1 || rank > LP_COLUMN_RANK_MAX ||
      H5Sget_simple_extent_dims(space, extent, NULL) != rank) {
    return lp_fail(error, LP_INVALID, "%s: has %d dimensions, expected 1 or %d", layout->path, rank,
                   LP_COLUMN_RANK_MAX);
  }
  layout->rank = rank;
  for (int i = 0; i < rank; i++) layout->extent[i] = extent[i];
  return LP_OK;
}

static lp_status check_filters(hid_t list, const char *path, lp_error *error) {
  const int n = H5Pget_nfilters(list);
  bool fletcher = false;
  for (int i = 0; i < n; i++) {
    unsigned flags;
    size_t n_values = 0;
    const H5Z_filter_t filter = H5Pget_filter2(list, (unsigned)i, &flags, &n_values, NULL, 0, NULL, NULL);
    fletcher = fletcher || filter == H5Z_FILTER_FLETCHER32;
    if (filter != H5Z_FILTER_FLETCHER32 && filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE) {
      return lp_fail(error, LP_INVALID, "%s: has filter %d, expected only shuffle, deflate and fletcher32", path,
                     (int)filter);
    }
  }
  if (fletcher) return LP_OK;
  return lp_fail(error, LP_INVALID, "%s: has no checksum (in h5py: fletcher32=True)", path);
}

/* Against chunks that would cost memory or time out of all proportion to the data. */
static lp_status check_chunks(hid_t list, const lp_column *layout, lp_error *error) {
  hsize_t chunk[H5S_MAX_RANK];
  if (H5Pget_layout(list) != H5D_CHUNKED || H5Pget_chunk(list, H5S_MAX_RANK, chunk) != layout->rank) {
    return lp_fail(error, LP_INVALID, "%s: is not stored in chunks", layout->path);
  }
  uint64_t bytes = layout->width, count = 1;
  for (int i = 0; i < layout->rank; i++) {
    if (chunk[i] == 0 || chunk[i] > MAX_CHUNK_BYTES / bytes) {
      return lp_fail(error, LP_INVALID, "%s: has chunks of more than %d bytes, the ceiling", layout->path,
                     MAX_CHUNK_BYTES);
    }
    bytes *= chunk[i];
    const uint64_t along = layout->extent[i] / chunk[i] + (layout->extent[i] % chunk[i] != 0);
    if (along > MAX_CHUNKS / count) {
      return lp_fail(error, LP_INVALID, "%s: has more than %d chunks, the ceiling", layout->path, MAX_CHUNKS);
    }
    count *= along > 0 ? along : 1;
  }
  return LP_OK;
}

static lp_status check_creation(hid_t dataset, const lp_column *layout, lp_error *error) {
  const hid_t list = H5Dget_create_plist(dataset);
  if (list < 0) return lp_hdf5_complain(error, LP_INVALID, layout->path, "has no properties");
  lp_status status = check_filters(list, layout->path, error);
  if (status == LP_OK) status = check_chunks(list, layout, error);
  H5Pclose(list);
  return status;
}

/* What is claimed must be backed by bytes in the file: missing chunks read as zeros, and cost nothing to claim. */
static lp_status check_backing(const reader *r, hid_t dataset, const lp_column *layout, lp_error *error) {
  uint64_t cells = 1;
  for (int i = 0; i < layout->rank; i++) {
    if (layout->extent[i] > LP_MAX_COLUMN_BYTES / layout->width) {
      return lp_fail(error, LP_INVALID, "%s: claims %llu cells along axis %d: expected at most %llu bytes in all",
                     layout->path, (unsigned long long)layout->extent[i], i, (unsigned long long)LP_MAX_COLUMN_BYTES);
    }
    cells *= layout->extent[i]; /* rank is at most 2, so below 2^62 */
  }
  const uint64_t stored = H5Dget_storage_size(dataset);
  if (stored > r->file_bytes) {
    return lp_fail(error, LP_INVALID, "%s: claims %llu stored bytes, more than the file has", layout->path,
                   (unsigned long long)stored);
  }
  if (cells <= stored * MAX_DEFLATION / layout->width) return LP_OK;
  return lp_fail(error, LP_INVALID, "%s: claims %llu cells of %zu bytes, but stores only %llu bytes", layout->path,
                 (unsigned long long)cells, layout->width, (unsigned long long)stored);
}

static lp_status describe_dataset(lp_column *layout, hid_t dataset, lp_error *error) {
  const hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
  lp_status status = type < 0 || space < 0 ? lp_hdf5_complain(error, LP_INVALID, layout->path, "has no type or space")
                                           : identify_type(layout, type, error);
  if (status == LP_OK) status = identify_extents(layout, space, error);
  if (space >= 0) H5Sclose(space);
  if (type >= 0) H5Tclose(type);
  return status;
}

static lp_status check_no_attributes(hid_t object, const char *path, lp_error *error) {
  if (H5Aget_num_attrs(object) == 0) return LP_OK;
  return lp_fail(error, LP_INVALID, "%s: has attributes, expected them at the root only", path);
}

static lp_status fill_dataset(lp_column *column, hid_t dataset, lp_error *error) {
  if (column->count == 0) return LP_OK;
  const hid_t type = lp_hdf5_type(column->cell, column->width);
  if (type < 0) return lp_hdf5_complain(error, LP_INTERNAL, column->path, "has no type in memory");
  const bool done = H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, column->bytes) >= 0;
  const lp_status status = done ? LP_OK : lp_hdf5_complain(error, LP_INVALID, column->path, "cannot be read");
  H5Tclose(type);
  return status;
}

static lp_status read_dataset(reader *r, hid_t dataset, const char *path, lp_error *error) {
  lp_column layout = {.rank = 0}, *column;
  snprintf(layout.path, sizeof layout.path, "%s", path);
  LP_TRY(check_no_attributes(dataset, path, error));
  LP_TRY(describe_dataset(&layout, dataset, error));
  LP_TRY(check_creation(dataset, &layout, error));
  LP_TRY(check_backing(r, dataset, &layout, error));
  LP_TRY(lp_columns_add(&column, r->columns, &layout, error));
  return fill_dataset(column, dataset, error);
}

/* Root attributes. */

static lp_status describe_attribute(lp_column *layout, hid_t attribute, hid_t type, lp_error *error) {
  const hid_t space = H5Aget_space(attribute);
  const bool scalar = space >= 0 && H5Sget_simple_extent_type(space) == H5S_SCALAR;
  if (space >= 0) H5Sclose(space);
  if (!scalar) return lp_fail(error, LP_INVALID, "%s: is not a single value", layout->path);
  return identify_type(layout, type, error);
}

static lp_status fill_attribute(reader *r, const lp_column *layout, hid_t attribute, lp_error *error) {
  lp_column *column;
  LP_TRY(lp_columns_add(&column, r->columns, layout, error));
  const hid_t type = lp_hdf5_type(column->cell, column->width);
  const bool done = type >= 0 && H5Aread(attribute, type, column->bytes) >= 0;
  const lp_status status = done ? LP_OK : lp_hdf5_complain(error, LP_INVALID, column->path, "cannot be read");
  if (type >= 0) H5Tclose(type);
  return status;
}

static lp_status read_attribute(reader *r, hid_t attribute, lp_error *error) {
  lp_column layout = {.path = "@"};
  const ssize_t length = H5Aget_name(attribute, sizeof layout.path - 1, layout.path + 1);
  if (length <= 0 || length >= LP_COLUMN_PATH_MAX - 1) {
    return lp_fail(error, LP_INVALID, "a root attribute has a name of %lld bytes, expected 1 to %d", (long long)length,
                   LP_COLUMN_PATH_MAX - 2);
  }
  const hid_t type = H5Aget_type(attribute);
  if (type < 0) return lp_hdf5_complain(error, LP_INVALID, layout.path, "has no type");
  lp_status status = describe_attribute(&layout, attribute, type, error);
  if (status == LP_OK) status = fill_attribute(r, &layout, attribute, error);
  H5Tclose(type);
  return status;
}

static lp_status read_attributes(reader *r, hid_t root, lp_error *error) {
  const int n = H5Aget_num_attrs(root);
  if (n < 0 || n > LP_MAX_COLUMNS) return lp_hdf5_complain(error, LP_INVALID, NULL, "the root attributes are broken");
  for (int i = 0; i < n; i++) {
    const hid_t attribute = H5Aopen_by_idx(root, ".", H5_INDEX_NAME, H5_ITER_INC, (hsize_t)i, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0) return lp_hdf5_complain(error, LP_INVALID, NULL, "a root attribute cannot be opened");
    const lp_status status = read_attribute(r, attribute, error);
    H5Aclose(attribute);
    if (status != LP_OK) return status;
  }
  return LP_OK;
}

/* The tree of groups. */

static lp_status read_group(reader *r, hid_t group, const char *path, int depth, lp_error *error);

static lp_status read_object(reader *r, hid_t object, const char *path, int depth, lp_error *error) {
  switch (H5Iget_type(object)) {
    case H5I_DATASET:
      return read_dataset(r, object, path, error);
    case H5I_GROUP:
      LP_TRY(check_no_attributes(object, path, error));
      return read_group(r, object, path, depth, error);
    default:
      return lp_fail(error, LP_INVALID, "%s: is neither a group nor a dataset", path);
  }
}

/* Soft and external links could lead anywhere. Hard links can form a cycle, which ends at MAX_DEPTH or MAX_LINKS. */
static lp_status read_link(reader *r, hid_t group, const char *name, const char *path, int depth, lp_error *error) {
  H5L_info_t about;
  if (++r->links > MAX_LINKS) {
    return lp_fail(error, LP_INVALID, "%s: is one more than %d groups and datasets, the ceiling", path, MAX_LINKS);
  }
  if (H5Lget_info(group, name, &about, H5P_DEFAULT) < 0 || about.type != H5L_TYPE_HARD) {
    return lp_fail(error, LP_INVALID, "%s: is a soft or external link", path);
  }
  const hid_t object = H5Oopen(group, name, H5P_DEFAULT);
  if (object < 0) return lp_hdf5_complain(error, LP_INVALID, path, "cannot be opened");
  const lp_status status = read_object(r, object, path, depth, error);
  H5Oclose(object);
  return status;
}

static lp_status read_member(reader *r, hid_t group, hsize_t index, const char *path, int depth, lp_error *error) {
  char name[LP_COLUMN_PATH_MAX], full[LP_COLUMN_PATH_MAX];
  const ssize_t length =
      H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, index, name, sizeof name, H5P_DEFAULT);
  if (length <= 0 || length >= LP_COLUMN_PATH_MAX) {
    return lp_hdf5_complain(error, LP_INVALID, path, "a name in this group cannot be read, or is too long");
  }
  const int used = snprintf(full, sizeof full, "%s%s%s", path, path[0] ? "/" : "", name);
  if (used >= LP_COLUMN_PATH_MAX || name[0] == '@') {
    return lp_fail(error, LP_INVALID, "%s: is not a name of this format", name);
  }
  return read_link(r, group, name, full, depth + 1, error);
}

static lp_status read_group(reader *r, hid_t group, const char *path, int depth, lp_error *error) {
  H5G_info_t about;
  if (depth >= MAX_DEPTH) return lp_fail(error, LP_INVALID, "%s: is a group too deep", path);
  if (H5Gget_info(group, &about) < 0) return lp_hdf5_complain(error, LP_INVALID, path, "cannot be listed");
  for (hsize_t i = 0; i < about.nlinks; i++) LP_TRY(read_member(r, group, i, path, depth, error));
  return LP_OK;
}

static lp_status read_root(reader *r, hid_t file, lp_error *error) {
  const hid_t root = H5Gopen2(file, "/", H5P_DEFAULT);
  if (root < 0) return lp_hdf5_complain(error, LP_INVALID, NULL, "its root group cannot be opened");
  lp_status status = read_attributes(r, root, error);
  if (status == LP_OK) status = read_group(r, root, "", 0, error);
  H5Gclose(root);
  return status;
}

/* The whole. */

/* libhdf5 gets a copy of its own, so that ours can go before it makes another. */
static hid_t open_image(file_bytes *loaded) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  hid_t file = H5I_INVALID_HID;
  if (access >= 0 && H5Pset_fapl_core(access, 1 << 16, false) >= 0 &&
      H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0 &&
      H5Pset_file_image(access, loaded->bytes, loaded->size) >= 0) {
    unload(loaded);
    file = H5Fopen("columns", H5F_ACC_RDONLY, access);
  }
  if (access >= 0) H5Pclose(access);
  return file;
}

static lp_status read_image(reader *r, file_bytes *loaded, lp_error *error) {
  lp_hdf5_session session;
  lp_hdf5_begin(&session);
  const hid_t file = open_image(loaded);
  lp_status status = file < 0 ? lp_hdf5_complain(error, LP_INVALID, NULL, "is damaged") : read_root(r, file, error);
  if (file >= 0) H5Fclose(file);
  lp_hdf5_end(&session);
  return status;
}

lp_status lp_hdf5_read_columns(lp_columns *columns, const char *path, lp_error *error) {
  reader r = {.columns = columns};
  file_bytes loaded = {0};
  lp_status status = load_file(&loaded, path, error);
  r.file_bytes = loaded.size;
  if (status == LP_OK) status = check_superblock(loaded.bytes, loaded.size, error);
  if (status == LP_OK) status = read_image(&r, &loaded, error);
  unload(&loaded);
  return status;
}

static lp_status read_suite(lp_columns *columns, lp_suite *suite, const char *path, lp_error *error) {
  LP_TRY(lp_hdf5_read_columns(columns, path, error));
  return lp_columns_unpack(suite, columns, error);
}

lp_status lp_hdf5_read(lp_suite *suite, const char *path, lp_error *error) {
  lp_columns columns;
  lp_status status = lp_columns_init(&columns, error);
  if (status == LP_OK) status = read_suite(&columns, suite, path, error);
  lp_columns_clear(&columns);
  return status == LP_OK ? LP_OK : lp_blame(error, status, path);
}
