#include "golden/columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct cell_row {
  const char *name;
  size_t width;
} cell_row;

static const cell_row cells[LP_CELL_COUNT] = {
    [LP_CELL_U8] = {"|u1", 1},  [LP_CELL_U16] = {"<u2", 2}, [LP_CELL_U64] = {"<u8", 8}, [LP_CELL_I64] = {"<i8", 8},
    [LP_CELL_F16] = {"<f2", 2}, [LP_CELL_F32] = {"<f4", 4}, [LP_CELL_F64] = {"<f8", 8}, [LP_CELL_TEXT] = {"|S", 0},
};

static const char seal_path[] = "@sha256";

const char *lp_cell_name(lp_cell cell) { return cells[cell].name; }

size_t lp_cell_width(lp_cell cell) { return cells[cell].width; }

lp_status lp_columns_init(lp_columns *columns, lp_error *error) {
  *columns = (lp_columns){.arena = lp_arena_new(0)};
  if (columns->arena) columns->items = lp_arena_alloc(columns->arena, LP_MAX_COLUMNS, sizeof *columns->items);
  if (columns->items) return LP_OK;
  lp_columns_clear(columns);
  return lp_fail(error, LP_NO_MEMORY, "no memory for the columns of a file");
}

void lp_columns_clear(lp_columns *columns) {
  lp_arena_free(columns->arena);
  *columns = (lp_columns){0};
}

static int index_of(const lp_columns *columns, const char *path) {
  for (int i = 0; i < columns->count; i++) {
    if (strcmp(columns->items[i].path, path) == 0) return i;
  }
  return -1;
}

const lp_column *lp_columns_find(const lp_columns *columns, const char *path) {
  const int index = index_of(columns, path);
  return index < 0 ? NULL : &columns->items[index];
}

const lp_column *lp_columns_take(lp_columns *columns, const char *path) {
  const int index = index_of(columns, path);
  if (index < 0) return NULL;
  columns->items[index].taken = true;
  return &columns->items[index];
}

bool lp_columns_any(const lp_columns *columns, const char *prefix) {
  for (int i = 0; i < columns->count; i++) {
    if (strncmp(columns->items[i].path, prefix, strlen(prefix)) == 0) return true;
  }
  return false;
}

const lp_column *lp_columns_stranger(const lp_columns *columns) {
  for (int i = 0; i < columns->count; i++) {
    if (!columns->items[i].taken) return &columns->items[i];
  }
  return NULL;
}

static bool printable(const char *path) {
  for (const char *p = path; *p != 0; p++) {
    if (*p <= ' ' || *p > '~') return false;
  }
  return path[0] != 0;
}

static lp_status check_layout(const lp_column *layout, lp_error *error) {
  if (!memchr(layout->path, 0, sizeof layout->path) || !printable(layout->path)) {
    return lp_fail(error, LP_INVALID, "the name of a dataset or attribute is empty, over %d bytes, or not printable",
                   LP_COLUMN_PATH_MAX - 1);
  }
  if (layout->rank < 0 || layout->rank > LP_COLUMN_RANK_MAX) {
    return lp_fail(error, LP_INVALID, "%s: has %d dimensions, expected at most %d", layout->path, layout->rank,
                   LP_COLUMN_RANK_MAX);
  }
  if ((int)layout->cell < 0 || layout->cell >= LP_CELL_COUNT) {
    return lp_fail(error, LP_INVALID, "%s: has cells of an unknown kind", layout->path);
  }
  const size_t most = layout->cell == LP_CELL_TEXT ? LP_CELL_TEXT_MAX : cells[layout->cell].width;
  const size_t least = layout->cell == LP_CELL_TEXT ? 1 : most;
  if (layout->width >= least && layout->width <= most) return LP_OK;
  return lp_fail(error, LP_INVALID, "%s: has cells of %zu bytes, expected %zu to %zu", layout->path, layout->width,
                 least, most);
}

/* Never above LP_MAX_COLUMN_BYTES, so the product cannot overflow. */
static lp_status measure(uint64_t *cells_out, const lp_columns *columns, const lp_column *layout, lp_error *error) {
  uint64_t count = 1;
  bool empty = false;
  for (int i = 0; i < layout->rank; i++) {
    const uint64_t extent = layout->extent[i] > 0 ? layout->extent[i] : 1;
    empty = empty || layout->extent[i] == 0;
    if (extent > (LP_MAX_COLUMN_BYTES - columns->bytes) / layout->width / count) {
      return lp_fail(
          error, LP_INVALID,
          "%s: with %llu cells of %zu bytes along axis %d the file would hold more than %llu bytes, the ceiling",
          layout->path, (unsigned long long)layout->extent[i], layout->width, i,
          (unsigned long long)LP_MAX_COLUMN_BYTES);
    }
    count *= extent;
  }
  *cells_out = empty ? 0 : count;
  return LP_OK;
}

lp_status lp_columns_add(lp_column **column, lp_columns *columns, const lp_column *layout, lp_error *error) {
  LP_TRY(check_layout(layout, error));
  if (index_of(columns, layout->path) >= 0) {
    return lp_fail(error, LP_INVALID, "%s: is there twice", layout->path);
  }
  if (columns->count == LP_MAX_COLUMNS) {
    return lp_fail(error, LP_INVALID, "%s: is one more than %d datasets and attributes, the ceiling", layout->path,
                   LP_MAX_COLUMNS);
  }
  uint64_t count = 0;
  LP_TRY(measure(&count, columns, layout, error));
  unsigned char *bytes = lp_arena_alloc(columns->arena, (size_t)count + 1, layout->width);
  if (!bytes)
    return lp_fail(error, LP_NO_MEMORY, "%s: no memory for its %llu cells", layout->path, (unsigned long long)count);
  lp_column *added = &columns->items[columns->count++];
  *added = *layout;
  added->count = (size_t)count;
  added->bytes = bytes;
  added->taken = false;
  columns->bytes += count * layout->width;
  *column = added;
  return LP_OK;
}

static int by_path(const void *a, const void *b) {
  return strcmp(((const lp_column *)a)->path, ((const lp_column *)b)->path);
}

void lp_columns_sort(lp_columns *columns) {
  qsort(columns->items, (size_t)columns->count, sizeof *columns->items, by_path);
}

static lp_status digest_column(lp_sha256 *hash, const lp_column *column, lp_error *error) {
  char width[24] = "", extents[48] = "", line[LP_COLUMN_PATH_MAX + 96];
  const unsigned long long e0 = column->extent[0], e1 = column->extent[1];
  if (column->cell == LP_CELL_TEXT) snprintf(width, sizeof width, "%zu", column->width);
  if (column->rank == 1) snprintf(extents, sizeof extents, "%llu", e0);
  if (column->rank == 2) snprintf(extents, sizeof extents, "%llu,%llu", e0, e1);
  const int length =
      snprintf(line, sizeof line, "%s %s%s %s\n", column->path, lp_cell_name(column->cell), width, extents);
  LP_TRY(lp_sha256_add(hash, line, (size_t)length, error));
  return lp_sha256_add(hash, column->bytes, column->count * column->width, error);
}

static lp_status digest_all(char text[LP_SHA256_TEXT], lp_sha256 *hash, const lp_columns *columns, lp_error *error) {
  for (int i = 0; i < columns->count; i++) {
    if (strcmp(columns->items[i].path, seal_path) == 0) continue;
    LP_TRY(digest_column(hash, &columns->items[i], error));
  }
  return lp_sha256_text(text, hash, error);
}

lp_status lp_columns_digest(char text[LP_SHA256_TEXT], lp_columns *columns, lp_error *error) {
  lp_columns_sort(columns);
  lp_sha256 *hash;
  LP_TRY(lp_sha256_new(&hash, error));
  const lp_status status = digest_all(text, hash, columns, error);
  lp_sha256_free(hash);
  return status;
}

lp_status lp_columns_seal(lp_columns *columns, lp_error *error) {
  char text[LP_SHA256_TEXT];
  LP_TRY(lp_columns_digest(text, columns, error));
  lp_column layout = {.cell = LP_CELL_TEXT, .width = LP_SHA256_TEXT - 1};
  memcpy(layout.path, seal_path, sizeof seal_path);
  lp_column *seal = NULL;
  const lp_status status = lp_columns_add(&seal, columns, &layout, error);
  if (!seal) return status;
  memcpy(seal->bytes, text, seal->width);
  return LP_OK;
}

lp_status lp_columns_check_seal(lp_columns *columns, lp_error *error) {
  char text[LP_SHA256_TEXT];
  LP_TRY(lp_columns_digest(text, columns, error));
  const lp_column *seal = lp_columns_take(columns, seal_path);
  if (!seal || seal->cell != LP_CELL_TEXT || seal->width != LP_SHA256_TEXT - 1) {
    return lp_fail(error, LP_INVALID, "%s: is missing, or not a fixed string of %d characters", seal_path,
                   LP_SHA256_TEXT - 1);
  }
  if (memcmp(seal->bytes, text, seal->width) == 0) return LP_OK;
  return lp_fail(error, LP_INVALID, "%s: is not the SHA-256 of the content, %s: the file was changed after it was made",
                 seal_path, text);
}

lp_status lp_blame(lp_error *error, lp_status status, const char *name) {
  if (!error) return status;
  char message[LP_MESSAGE_MAX];
  memcpy(message, error->message, sizeof message);
  return lp_fail(error, error->status, "%s: %s", name, message);
}
