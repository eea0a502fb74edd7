#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "golden/bits.h"
#include "golden/columns_pack.h"
#include "golden/hdf5.h"
#include "golden/hdf5_library.h"

enum {
  CHUNK_BYTES = 1 << 20,  /* a column of up to this size is one chunk */
  COMPACT_ENTRIES = 1024, /* links of a group and attributes stay in its header, which is smaller than a heap */
  DEFLATE_LEVEL = 9,
  MEMORY_STEP = 1 << 20, /* by which the file grows in memory */
};

/* The file is made in memory and written by this code: libhdf5 1.10 crashes when the disk is full. Its driver for files
 * in memory hands its buffer to `release` at the end, whole and final, unlike H5Fget_file_image, which in 1.10 leaves a
 * wrong checksum in the superblock. */

typedef struct image {
  unsigned char *bytes;
  size_t capacity;
} image;

static void *grow(void *bytes, size_t size, H5FD_file_image_op_t operation, void *target) {
  (void)operation;
  void *grown = realloc(bytes, size);
  if (grown) ((image *)target)->capacity = size;
  return grown;
}

static herr_t release(void *bytes, H5FD_file_image_op_t operation, void *target) {
  if (operation == H5FD_FILE_IMAGE_OP_FILE_CLOSE) {
    ((image *)target)->bytes = bytes;
  } else {
    free(bytes);
  }
  return 0;
}

static void *share(void *target) { return target; }

static herr_t forget(void *target) {
  (void)target;
  return 0;
}

static bool keep_in_memory(hid_t access, image *target) {
  H5FD_file_image_callbacks_t callbacks = {
      .image_realloc = grow, .image_free = release, .udata_copy = share, .udata_free = forget, .udata = target};
  return H5Pset_fapl_core(access, MEMORY_STEP, false) >= 0 && H5Pset_file_image_callbacks(access, &callbacks) >= 0;
}

/* Property lists and groups. */

/* No time stamps, and all links in the header: the same content is the same bytes. */
static bool set_object_properties(hid_t list) {
  return H5Pset_obj_track_times(list, false) >= 0 && H5Pset_link_phase_change(list, COMPACT_ENTRIES, 0) >= 0;
}

static hid_t create_file(image *target) {
  const hid_t creation = H5Pcreate(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
  hid_t file = H5I_INVALID_HID;
  if (creation >= 0 && access >= 0 && keep_in_memory(access, target) && set_object_properties(creation) &&
      H5Pset_attr_phase_change(creation, COMPACT_ENTRIES, 0) >= 0 &&
      H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110) >= 0 &&
      H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0) {
    file = H5Fcreate("columns", H5F_ACC_TRUNC, creation, access);
  }
  if (creation >= 0) H5Pclose(creation);
  if (access >= 0) H5Pclose(access);
  return file;
}

static lp_status make_group(hid_t file, const char *path, lp_error *error) {
  if (H5Lexists(file, path, H5P_DEFAULT) > 0) return LP_OK;
  const hid_t creation = H5Pcreate(H5P_GROUP_CREATE);
  hid_t group = H5I_INVALID_HID;
  if (creation >= 0 && set_object_properties(creation)) {
    group = H5Gcreate2(file, path, H5P_DEFAULT, creation, H5P_DEFAULT);
  }
  if (creation >= 0) H5Pclose(creation);
  if (group < 0) return lp_hdf5_complain(error, LP_NO_MEMORY, path, "cannot make the group");
  H5Gclose(group);
  return LP_OK;
}

static lp_status make_parents(hid_t file, const char *path, lp_error *error) {
  char parent[LP_COLUMN_PATH_MAX];
  for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
    snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
    LP_TRY(make_group(file, parent, error));
  }
  return LP_OK;
}

/* Datasets and attributes. */

static void choose_chunk(hsize_t chunk[LP_COLUMN_RANK_MAX], const lp_column *column) {
  const hsize_t row = (column->rank == 2 && column->extent[1] > 0 ? column->extent[1] : 1) * column->width;
  const hsize_t most = row < CHUNK_BYTES ? CHUNK_BYTES / row : 1;
  for (int i = 0; i < column->rank; i++) chunk[i] = column->extent[i] > 0 ? column->extent[i] : 1;
  if (chunk[0] > most) chunk[0] = most;
}

/* Fletcher32 comes last, so that it covers the compressed bytes and is checked before they are inflated. */
static hid_t dataset_properties(const lp_column *column) {
  hsize_t chunk[LP_COLUMN_RANK_MAX] = {0};
  choose_chunk(chunk, column);
  const hid_t list = H5Pcreate(H5P_DATASET_CREATE);
  if (list < 0) return list;
  if (H5Pset_chunk(list, column->rank, chunk) >= 0 && H5Pset_shuffle(list) >= 0 &&
      H5Pset_deflate(list, DEFLATE_LEVEL) >= 0 && H5Pset_fletcher32(list) >= 0 &&
      H5Pset_obj_track_times(list, false) >= 0) {
    return list;
  }
  H5Pclose(list);
  return H5I_INVALID_HID;
}

static bool write_dataset(hid_t file, const lp_column *column, hid_t type) {
  hsize_t extent[LP_COLUMN_RANK_MAX];
  for (int i = 0; i < LP_COLUMN_RANK_MAX; i++) extent[i] = column->extent[i];
  const hid_t space = H5Screate_simple(column->rank, extent, NULL), list = dataset_properties(column);
  hid_t dataset = H5I_INVALID_HID;
  if (space >= 0 && list >= 0) dataset = H5Dcreate2(file, column->path, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
  const bool done = dataset >= 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, column->bytes) >= 0;
  const bool closed = dataset >= 0 && H5Dclose(dataset) >= 0;
  if (list >= 0) H5Pclose(list);
  if (space >= 0) H5Sclose(space);
  return done && closed;
}

static bool write_attribute(hid_t file, const lp_column *column, hid_t type) {
  const hid_t space = H5Screate(H5S_SCALAR);
  hid_t attribute = H5I_INVALID_HID;
  if (space >= 0) attribute = H5Acreate2(file, column->path + 1, type, space, H5P_DEFAULT, H5P_DEFAULT);
  const bool done = attribute >= 0 && H5Awrite(attribute, type, column->bytes) >= 0;
  if (attribute >= 0) H5Aclose(attribute);
  if (space >= 0) H5Sclose(space);
  return done;
}

static lp_status write_column(hid_t file, const lp_column *column, lp_error *error) {
  LP_TRY(make_parents(file, column->path, error));
  const hid_t type = lp_hdf5_type(column->cell, column->width);
  const bool done = type >= 0 && (column->rank == 0 ? write_attribute : write_dataset)(file, column, type);
  const lp_status status = done ? LP_OK : lp_hdf5_complain(error, LP_NO_MEMORY, column->path, "cannot write it");
  if (type >= 0) H5Tclose(type);
  return status;
}

static lp_status write_all(hid_t file, const lp_columns *columns, lp_error *error) {
  for (int i = 0; i < columns->count; i++) LP_TRY(write_column(file, &columns->items[i], error));
  return LP_OK;
}

static lp_status make_image(image *target, const lp_columns *columns, lp_error *error) {
  const hid_t file = create_file(target);
  if (file < 0) return lp_hdf5_complain(error, LP_NO_MEMORY, NULL, "cannot make the file in memory");
  lp_status status = write_all(file, columns, error);
  if (H5Fclose(file) < 0 && status == LP_OK) {
    status = lp_hdf5_complain(error, LP_NO_MEMORY, NULL, "cannot finish the file in memory");
  }
  return status;
}

/* The superblock says where the file ends. */
static size_t image_size(const image *made) {
  const uint64_t end = made->capacity >= 48 ? lp_load_le(made->bytes + 28, 8) : 0;
  return end <= made->capacity ? (size_t)end : 0;
}

static lp_status write_bytes(int file, const unsigned char *bytes, size_t count, lp_error *error) {
  while (count > 0) {
    const ssize_t n = write(file, bytes, count);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return lp_fail(error, LP_IO, "cannot be written: %s", strerror(errno));
    bytes += n;
    count -= (size_t)n;
  }
  return fsync(file) == 0 ? LP_OK : lp_fail(error, LP_IO, "cannot be flushed to the disk: %s", strerror(errno));
}

static lp_status write_image(const image *made, const char *path, lp_error *error) {
  const size_t size = image_size(made);
  if (size == 0 || size > LP_MAX_FILE_BYTES) {
    return lp_fail(error, LP_INVALID, "would have %zu bytes, expected 1 to %zu", size, LP_MAX_FILE_BYTES);
  }
  const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return lp_fail(error, LP_IO, "cannot be created: %s", strerror(errno));
  const lp_status status = write_bytes(file, made->bytes, size, error);
  if (close(file) != 0 && status == LP_OK) return lp_fail(error, LP_IO, "cannot be closed: %s", strerror(errno));
  return status;
}

lp_status lp_hdf5_write_columns(const lp_columns *columns, const char *path, lp_error *error) {
  image made = {0};
  lp_hdf5_session session;
  lp_hdf5_begin(&session);
  lp_status status = make_image(&made, columns, error);
  lp_hdf5_end(&session);
  if (status == LP_OK) status = write_image(&made, path, error);
  free(made.bytes);
  return status;
}

/* The file takes its name when it is complete. */

static lp_status check_target(const char *path, lp_error *error) {
  struct stat about;
  if (stat(path, &about) != 0 || S_ISREG(about.st_mode)) return LP_OK;
  return lp_fail(error, LP_INVALID, "is there already, and is not a regular file");
}

static lp_status write_part(const lp_columns *columns, const char *part, const char *path, lp_error *error) {
  LP_TRY(check_target(path, error));
  LP_TRY(lp_hdf5_write_columns(columns, part, error));
  if (rename(part, path) == 0) return LP_OK;
  return lp_fail(error, LP_IO, "cannot give the file its name: %s", strerror(errno));
}

static lp_status write_suite(lp_columns *columns, const lp_suite *suite, const lp_loss *loss, const char *path,
                             lp_error *error) {
  LP_TRY(lp_columns_pack(columns, suite, loss, error));
  const char *part = lp_arena_format(columns->arena, "%s.%ld.part", path, (long)getpid());
  if (!part) return lp_fail(error, LP_NO_MEMORY, "no memory for a file name");
  const lp_status status = write_part(columns, part, path, error);
  if (status != LP_OK) remove(part);
  return status;
}

lp_status lp_hdf5_write(const lp_suite *suite, const lp_loss *loss, const char *path, lp_error *error) {
  lp_columns columns;
  lp_status status = lp_columns_init(&columns, error);
  if (status == LP_OK) status = write_suite(&columns, suite, loss, path, error);
  lp_columns_clear(&columns);
  return status == LP_OK ? LP_OK : lp_blame(error, status, path);
}
