/* The columns of a file: what an HDF5 file of cases holds, without HDF5.
 *
 * The reader of a file and the reader of cases meet here. libhdf5 (in a child process, for files from outside) turns a
 * file into columns and back, and knows nothing of cases; columns_pack.h turns a suite into columns and back, trusts
 * nothing in them, and knows nothing of libhdf5. A root attribute is a column of rank 0 whose path begins with '@'. */
#ifndef LP_GOLDEN_COLUMNS_H
#define LP_GOLDEN_COLUMNS_H

#include "golden/arena.h"
#include "golden/sha256.h"

enum {
  LP_COLUMN_PATH_MAX = 96, /* bytes of a path, its closing zero included */
  LP_COLUMN_RANK_MAX = 2,
  LP_MAX_COLUMNS = 256,
  LP_CELL_TEXT_MAX = 8192, /* bytes of a fixed string */
};
#define LP_MAX_COLUMN_BYTES ((uint64_t)1 << 31) /* of all columns of a file together */

typedef enum lp_cell {
  LP_CELL_U8 = 0, /* characters of text, bool parameters */
  LP_CELL_U16,    /* bits of bfloat16 */
  LP_CELL_U64,
  LP_CELL_I64,
  LP_CELL_F16,
  LP_CELL_F32,
  LP_CELL_F64,
  LP_CELL_TEXT, /* a fixed string, filled up with zeros; its width is the column's own */
  LP_CELL_COUNT
} lp_cell;

typedef struct lp_column {
  char path[LP_COLUMN_PATH_MAX]; /* "cases/id_offset", "@loss" */
  lp_cell cell;
  size_t width; /* bytes of a cell */
  int rank;
  uint64_t extent[LP_COLUMN_RANK_MAX];
  size_t count;         /* cells: the product of the extents */
  unsigned char *bytes; /* count * width of them, little-endian; the columns own them */
  bool taken;           /* lp_columns_take has returned it */
} lp_column;

typedef struct lp_columns {
  lp_arena *arena;
  lp_column *items; /* LP_MAX_COLUMNS of them, so that pointers to items stay valid */
  int count;
  uint64_t bytes;
} lp_columns;

lp_status lp_columns_init(lp_columns *columns, lp_error *error) LP_MUST_USE;
void lp_columns_clear(lp_columns *columns);

/* NumPy's name of a cell: "<f8", "|u1" ...; "|S" for a fixed string. */
const char *lp_cell_name(lp_cell cell);

/* Bytes of a cell; 0 for LP_CELL_TEXT. */
size_t lp_cell_width(lp_cell cell);

/* Appends a column of this layout (path, cell, width, rank, extent) with zeroed bytes. LP_INVALID, with a message that
 * begins with the path, when the layout is impossible, a path is there twice, or a ceiling is passed. */
lp_status lp_columns_add(lp_column **column, lp_columns *columns, const lp_column *layout, lp_error *error) LP_MUST_USE;

/* NULL when there is none. `take` marks the column as known. */
const lp_column *lp_columns_find(const lp_columns *columns, const char *path);
const lp_column *lp_columns_take(lp_columns *columns, const char *path);

/* Whether some path begins with `prefix`. */
bool lp_columns_any(const lp_columns *columns, const char *prefix);

/* The first column that nobody has taken, or NULL. */
const lp_column *lp_columns_stranger(const lp_columns *columns);

/* Puts the columns in the order of their paths' bytes. */
void lp_columns_sort(lp_columns *columns);

/* The SHA-256 of the content: over all columns but "@sha256", in the order of their paths' bytes, each as the line
 * "PATH DTYPE EXTENTS\n" and then its bytes. DTYPE is NumPy's name ("<f8", "|S8"), EXTENTS are decimal and joined
 * with commas (none for an attribute). Sorts the columns. */
lp_status lp_columns_digest(char text[LP_SHA256_TEXT], lp_columns *columns, lp_error *error) LP_MUST_USE;

/* Appends the root attribute "@sha256"; checks that it is there and right. */
lp_status lp_columns_seal(lp_columns *columns, lp_error *error) LP_MUST_USE;
lp_status lp_columns_check_seal(lp_columns *columns, lp_error *error) LP_MUST_USE;

/* Puts "NAME: " before the message, and returns error's status (`status` when error is NULL). */
lp_status lp_blame(lp_error *error, lp_status status, const char *name);

#endif
