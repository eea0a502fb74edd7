#include <stdio.h>
#include <string.h>

#include "golden/bits.h"
#include "golden/columns_pack.h"
#include "golden/columns_schema.h"
#include "golden/packed.h"
#include "reference/registry.h"

enum { ANY = -1 };

typedef struct unpacker {
  lp_columns *columns;
  lp_suite *suite;
  lp_suite_entry *entries; /* the n new ones */
  const lp_loss *loss;
  int n;
  unsigned halves;
} unpacker;

/* Taking columns of an expected layout. */

static int64_t integer_at(const lp_column *column, size_t i) {
  return (int64_t)lp_load_le(column->bytes + i * column->width, column->width);
}

static lp_status check_cell(const lp_column *column, lp_cell cell, int rank, lp_error *error) {
  if (column->cell == cell && column->rank == rank) return LP_OK;
  return lp_fail(error, LP_INVALID, "%s: is of dtype %s and rank %d, expected %s and rank %d", column->path,
                 lp_cell_name(column->cell), column->rank, lp_cell_name(cell), rank);
}

/* The status spelled out, here and below, for the static analyser, which does not see into lp_fail. */
static lp_status missing(const char *path, const char *what, lp_error *error) {
  (void)lp_fail(error, LP_INVALID, "%s: %s is missing", path, what);
  return LP_INVALID;
}

/* A dataset of one axis; `count` may be ANY. */
static lp_status take(const lp_column **column, const unpacker *u, const char *path, lp_cell cell, int64_t count,
                      lp_error *error) {
  *column = lp_columns_take(u->columns, path);
  if (!*column) return missing(path, "the dataset", error);
  LP_TRY(check_cell(*column, cell, 1, error));
  if (count == ANY || (*column)->count == (size_t)count) return LP_OK;
  return lp_fail(error, LP_INVALID, "%s: has %zu cells, expected %lld for %d cases", path, (*column)->count,
                 (long long)count, u->n);
}

static void join(char path[LP_COLUMN_PATH_MAX], const char *before, const char *separator, const char *after) {
  snprintf(path, LP_COLUMN_PATH_MAX, "%.*s%s%s", LP_COLUMN_PATH_MAX - 32, before, separator, after);
}

/* n + 1 offsets that begin at 0, never descend, and end at the pool's size. */
static lp_status take_offsets(const lp_column **offsets, const unpacker *u, const lp_column *pool, lp_error *error) {
  char path[LP_COLUMN_PATH_MAX];
  join(path, pool->path, "_", "offset");
  LP_TRY(take(offsets, u, path, LP_CELL_I64, (int64_t)u->n + 1, error));
  int64_t before = 0;
  for (int i = 0; i <= u->n; i++) {
    const int64_t offset = integer_at(*offsets, (size_t)i);
    if (offset < before || (i == 0 && offset != 0) || (uint64_t)offset > pool->count) {
      return lp_fail(error, LP_INVALID,
                     "%s: offset %d is %lld after %lld: expected to begin at 0, ascend, and end at %zu", path, i,
                     (long long)offset, (long long)before, pool->count);
    }
    before = offset;
  }
  if ((size_t)before == pool->count) return LP_OK;
  return lp_fail(error, LP_INVALID, "%s: ends at %lld, but %s has %zu cells", path, (long long)before, pool->path,
                 pool->count);
}

/* A fixed string: clean text, then zeros to its width. */
static lp_status read_word(char *word, size_t capacity, const lp_column *column, size_t i, lp_error *error) {
  const unsigned char *bytes = column->bytes + i * column->width;
  const unsigned char *zero = memchr(bytes, 0, column->width);
  const size_t length = zero ? (size_t)(zero - bytes) : column->width;
  bool clean = length < capacity && lp_text_is_clean(bytes, length);
  for (size_t k = length; k < column->width; k++) clean = clean && bytes[k] == 0;
  if (!clean) {
    return lp_fail(error, LP_INVALID, "%s: string %zu is not UTF-8 of at most %zu bytes filled up with zeros",
                   column->path, i, capacity - 1);
  }
  memcpy(word, bytes, length);
  word[length] = 0;
  return LP_OK;
}

/* Root attributes. */

static lp_status take_attribute(const lp_column **column, const unpacker *u, const char *path, lp_cell cell,
                                lp_error *error) {
  *column = lp_columns_take(u->columns, path);
  if (!*column) return missing(path, "the root attribute", error);
  return check_cell(*column, cell, 0, error);
}

static lp_status take_text_attribute(char *text, size_t capacity, const unpacker *u, const char *path,
                                     lp_error *error) {
  const lp_column *column;
  LP_TRY(take_attribute(&column, u, path, LP_CELL_TEXT, error));
  return read_word(text, capacity, column, 0, error);
}

static lp_status check_format(const unpacker *u, lp_error *error) {
  char format[16];
  const lp_column *version;
  LP_TRY(take_text_attribute(format, sizeof format, u, "@format", error));
  if (strcmp(format, "lossproof") != 0) {
    return lp_fail(error, LP_INVALID, "@format: is '%s', expected 'lossproof'", format);
  }
  LP_TRY(take_attribute(&version, u, "@format_version", LP_CELL_I64, error));
  if (integer_at(version, 0) == LP_FORMAT_VERSION) return LP_OK;
  return lp_fail(error, LP_INVALID, "@format_version: is %lld, this program reads %d",
                 (long long)integer_at(version, 0), LP_FORMAT_VERSION);
}

static lp_status take_loss(unpacker *u, lp_error *error) {
  char name[LP_NAME_MAX];
  LP_TRY(take_text_attribute(name, sizeof name, u, "@loss", error));
  u->loss = lp_registry_find(name);
  if (u->loss && strcmp(u->loss->name, name) == 0) return LP_OK;
  const lp_loss *near = lp_registry_nearest(name);
  return lp_fail(error, LP_INVALID, "@loss: there is no loss '%s'%s%s%s", name, near ? " (did you mean '" : "",
                 near ? near->name : "", near ? "'?)" : "");
}

static lp_status take_kind_and_count(unpacker *u, lp_error *error) {
  char kind[16];
  const lp_column *count;
  LP_TRY(take_text_attribute(kind, sizeof kind, u, "@kind", error));
  u->halves = lp_kind_from_name(kind);
  if (u->halves == 0) {
    return lp_fail(error, LP_INVALID, "@kind: is '%s', expected 'questions', 'answers' or 'fixtures'", kind);
  }
  LP_TRY(take_attribute(&count, u, "@cases", LP_CELL_I64, error));
  const int64_t n = integer_at(count, 0);
  if (n < 0 || n > LP_MAX_CASES) {
    return lp_fail(error, LP_INVALID, "@cases: is %lld, expected 0 to %d", (long long)n, LP_MAX_CASES);
  }
  u->n = (int)n;
  return LP_OK;
}

static lp_status take_origin(lp_suite_origin *origin, const unpacker *u, lp_error *error) {
  char text[LP_CELL_TEXT_MAX + 1];
  const lp_column *seed;
  LP_TRY(take_attribute(&seed, u, "@seed", LP_CELL_U64, error));
  origin->seed = lp_load_le(seed->bytes, 8);
  for (int i = 0; i < lp_n_origin_columns; i++) {
    LP_TRY(take_text_attribute(text, sizeof text, u, lp_origin_columns[i].path, error));
    const char *copy = lp_arena_text(u->suite->arena, text, strlen(text));
    if (!copy) return lp_fail(error, LP_NO_MEMORY, "%s: no memory for it", lp_origin_columns[i].path);
    memcpy((char *)origin + lp_origin_columns[i].offset, &copy, sizeof copy);
  }
  return LP_OK;
}

/* Texts and words. */

static lp_status unpack_text(const unpacker *u, const lp_text_column *spec, lp_error *error) {
  const lp_column *pool, *offsets;
  LP_TRY(take(&pool, u, spec->path, LP_CELL_U8, ANY, error));
  LP_TRY(take_offsets(&offsets, u, pool, error));
  for (int i = 0; i < u->n; i++) {
    const size_t begin = (size_t)integer_at(offsets, (size_t)i);
    const size_t length = (size_t)integer_at(offsets, (size_t)i + 1) - begin;
    if (!lp_text_is_clean(pool->bytes + begin, length)) {
      return lp_fail(error, LP_INVALID, "%s: the text of case %d is not UTF-8, or holds a zero byte", spec->path, i);
    }
    const char *text = lp_arena_text(u->suite->arena, (const char *)pool->bytes + begin, length);
    if (!text) return lp_fail(error, LP_NO_MEMORY, "%s: no memory for the text of case %d", spec->path, i);
    memcpy((char *)&u->entries[i] + spec->offset, &text, sizeof text);
  }
  return LP_OK;
}

static lp_status unpack_word(const unpacker *u, const lp_word_column *spec, lp_error *error) {
  const lp_column *column;
  LP_TRY(take(&column, u, spec->path, LP_CELL_TEXT, u->n, error));
  for (int i = 0; i < u->n; i++) {
    char word[32];
    LP_TRY(read_word(word, sizeof word, column, (size_t)i, error));
    int value = spec->n_names - 1;
    while (value >= 0 && strcmp(spec->name(value), word) != 0) value--;
    if (value < 0) {
      return lp_fail(error, LP_INVALID, "%s: case %d has '%s', expected a word such as '%s'", spec->path, i, word,
                     spec->name(0));
    }
    memcpy((char *)&u->entries[i] + spec->offset, &value, sizeof value);
  }
  return LP_OK;
}

/* Parameters. */

static lp_status unpack_param(const unpacker *u, int index, lp_error *error) {
  const lp_param_spec *spec = &u->loss->params[index];
  const lp_cell cell = lp_param_cell(spec->type);
  char path[LP_COLUMN_PATH_MAX];
  const lp_column *column;
  join(path, "params", "/", spec->name);
  LP_TRY(take(&column, u, path, cell, u->n, error));
  for (int i = 0; i < u->n; i++) {
    const uint64_t bits = lp_load_le(column->bytes + (size_t)i * column->width, column->width);
    if (cell == LP_CELL_U8 && bits > 1) {
      return lp_fail(error, LP_INVALID, "%s: case %d has %d, expected 0 or 1", path, i, (int)bits);
    }
    u->entries[i].c.params[index] = cell == LP_CELL_U8 ? (double)bits : lp_float_from_bits(LP_FLOAT64, bits);
  }
  return LP_OK;
}

/* Tensors. */

typedef struct slot_columns {
  const lp_slot *slot;
  const lp_column *dtype, *rank, *shape;
  const lp_column *pool[LP_POOL_COUNT], *offset[LP_POOL_COUNT]; /* NULL: no element of this class */
} slot_columns;

static lp_status take_shape(slot_columns *s, const unpacker *u, lp_error *error) {
  char path[LP_COLUMN_PATH_MAX];
  join(path, s->slot->path, "/", "shape");
  s->shape = lp_columns_take(u->columns, path);
  if (!s->shape) return missing(path, "the dataset", error);
  LP_TRY(check_cell(s->shape, LP_CELL_I64, 2, error));
  const unsigned long long rows = s->shape->extent[0], columns = s->shape->extent[1];
  if (rows == (unsigned long long)u->n && columns == LP_SHAPE_WIDTH) return LP_OK;
  return lp_fail(error, LP_INVALID, "%s: is of shape (%llu, %llu), expected (%d, %d)", path, rows, columns, u->n,
                 LP_SHAPE_WIDTH);
}

static lp_status take_pool(slot_columns *s, const unpacker *u, int pool, lp_error *error) {
  char path[LP_COLUMN_PATH_MAX];
  join(path, s->slot->path, "/", lp_pools[pool].name);
  if (!lp_columns_find(u->columns, path)) return LP_OK;
  LP_TRY(take(&s->pool[pool], u, path, lp_pools[pool].cell, ANY, error));
  return take_offsets(&s->offset[pool], u, s->pool[pool], error);
}

static lp_status take_slot(slot_columns *s, const unpacker *u, lp_error *error) {
  char path[LP_COLUMN_PATH_MAX];
  join(path, s->slot->path, "/", "dtype");
  LP_TRY(take(&s->dtype, u, path, LP_CELL_TEXT, u->n, error));
  join(path, s->slot->path, "/", "rank");
  LP_TRY(take(&s->rank, u, path, LP_CELL_U8, u->n, error));
  LP_TRY(take_shape(s, u, error));
  for (int pool = 0; pool < LP_POOL_COUNT; pool++) LP_TRY(take_pool(s, u, pool, error));
  return LP_OK;
}

/* The elements of case i in a pool: from *begin, as many as returned. */
static size_t pool_span(size_t *begin, const slot_columns *s, int pool, size_t i) {
  if (!s->pool[pool]) return 0;
  *begin = (size_t)integer_at(s->offset[pool], i);
  return (size_t)integer_at(s->offset[pool], i + 1) - *begin;
}

/* Every pool must hold as many elements of case i as its tensor says: `numel` in the pool of its dtype (-1: it has no
 * tensor), none in the others. */
static lp_status check_spans(const slot_columns *s, size_t i, int home, int64_t numel, lp_error *error) {
  for (int pool = 0; pool < LP_POOL_COUNT; pool++) {
    size_t begin;
    const size_t found = pool_span(&begin, s, pool, i);
    const size_t expected = pool == home ? (size_t)numel : 0;
    if (found != expected) {
      return lp_fail(error, LP_INVALID, "%s/%s: case %zu has %zu elements here, but its dtype and shape say %zu",
                     s->slot->path, lp_pools[pool].name, i, found, expected);
    }
  }
  return LP_OK;
}

static lp_status read_shape(int64_t shape[LP_MAX_RANK], const slot_columns *s, size_t i, int rank, lp_error *error) {
  for (int axis = 0; axis < LP_MAX_RANK; axis++) {
    shape[axis] = integer_at(s->shape, LP_SHAPE_WIDTH * i + (size_t)axis);
    if (axis >= rank && shape[axis] != 0) {
      return lp_fail(error, LP_INVALID, "%s: row %zu has %lld beyond the %d dimensions of the tensor, expected 0",
                     s->shape->path, i, (long long)shape[axis], rank);
    }
  }
  return LP_OK;
}

static lp_status read_elements(lp_tensor *tensor, const slot_columns *s, size_t i, lp_error *error) {
  const int pool = lp_pool_of(tensor->dtype);
  size_t begin = 0;
  if (pool_span(&begin, s, pool, i) == 0) return LP_OK;
  const size_t width = s->pool[pool]->width;
  const unsigned char *bytes = s->pool[pool]->bytes + begin * width;
  if (lp_dtype_is_floating(tensor->dtype)) return lp_packed_get(tensor, bytes, 0, tensor->numel, error);
  for (int64_t k = 0; k < tensor->numel; k++) {
    const int64_t value = (int64_t)lp_load_le(bytes + 8 * (size_t)k, 8);
    if (value < lp_packed_min(tensor->dtype) || value > lp_packed_max(tensor->dtype)) {
      return lp_fail(error, LP_INVALID, "%s: case %zu has the element %lld, which is not a number of dtype %s",
                     s->pool[pool]->path, i, (long long)value, lp_dtype_name(tensor->dtype));
    }
    tensor->i64[k] = value;
  }
  return LP_OK;
}

static lp_status check_absent(const slot_columns *s, size_t i, lp_error *error) {
  int64_t shape[LP_MAX_RANK];
  if (s->rank->bytes[i] != 0) {
    return lp_fail(error, LP_INVALID, "%s: case %zu has rank %d, but no dtype", s->rank->path, i, s->rank->bytes[i]);
  }
  LP_TRY(read_shape(shape, s, i, 0, error));
  return check_spans(s, i, -1, 0, error);
}

/* float64 is how answers of every dtype may be stored, as PyTorch's are in the fixtures: it claims none. */
static void note_unstated(lp_outcome *outcome) { outcome->unstated |= 1u << (outcome->n_outputs - 1); }

static lp_status unpack_tensor(const unpacker *u, const slot_columns *s, size_t i, lp_error *error) {
  char word[16];
  int64_t shape[LP_MAX_RANK];
  LP_TRY(read_word(word, sizeof word, s->dtype, i, error));
  if (word[0] == 0) return check_absent(s, i, error);
  const lp_dtype dtype = lp_dtype_from_name(word);
  if (dtype == LP_DTYPE_COUNT || (s->slot->role == LP_SLOT_OUTPUT && !lp_dtype_is_floating(dtype))) {
    return lp_fail(error, LP_INVALID, "%s: case %zu has '%s', expected %s such as 'float64'", s->dtype->path, i, word,
                   dtype == LP_DTYPE_COUNT ? "a dtype" : "a floating dtype");
  }
  const int rank = s->rank->bytes[i];
  LP_TRY(read_shape(shape, s, i, rank, error));
  lp_tensor *tensor = lp_slot_place(s->slot, &u->entries[i]);
  if (s->slot->role == LP_SLOT_OUTPUT && dtype == LP_FLOAT64) note_unstated(&u->entries[i].outcome);
  lp_status status = lp_tensor_init(tensor, dtype, rank, shape, error);
  if (status != LP_OK) return lp_blame(error, status, s->shape->path);
  LP_TRY(check_spans(s, i, lp_pool_of(dtype), tensor->numel, error));
  status = lp_arena_tensor(u->suite->arena, tensor, error);
  if (status != LP_OK) return lp_blame(error, status, s->slot->path);
  return read_elements(tensor, s, i, error);
}

/* A slot that no case uses is left out of the file. */
static lp_status unpack_slot(const unpacker *u, const lp_slot *slot, lp_error *error) {
  char group[LP_COLUMN_PATH_MAX];
  slot_columns s = {.slot = slot};
  join(group, slot->path, "/", "");
  if (!lp_columns_any(u->columns, group)) return LP_OK;
  LP_TRY(take_slot(&s, u, error));
  for (int i = 0; i < u->n; i++) LP_TRY(unpack_tensor(u, &s, (size_t)i, error));
  return LP_OK;
}

/* The whole. */

/* The offsets of the ids come first: a number of cases that nothing backs must not cost memory. */
static lp_status append_entries(unpacker *u, lp_error *error) {
  const lp_column *ids;
  LP_TRY(take(&ids, u, "cases/id_offset", LP_CELL_I64, (int64_t)u->n + 1, error));
  for (int i = 0; i < u->n; i++) {
    lp_suite_entry *entry = lp_suite_add(u->suite);
    if (!entry) {
      (void)lp_fail(error, LP_NO_MEMORY, "@cases: no room for %d cases beside the %d that were read before", u->n,
                    u->suite->count - i);
      return LP_NO_MEMORY;
    }
    lp_case_init(&entry->c, u->loss);
    entry->has_outcome = (u->halves & LP_HAS_OUTCOMES) != 0;
    entry->message = entry->outcome.message = "";
  }
  if (u->n > 0) u->entries = &u->suite->entries[u->suite->count - u->n];
  return LP_OK;
}

static lp_status unpack_cases(const unpacker *u, lp_error *error) {
  for (int i = 0; i < lp_n_text_columns; i++) {
    if (lp_text_columns[i].halves & u->halves) LP_TRY(unpack_text(u, &lp_text_columns[i], error));
  }
  for (int i = 0; i < lp_n_word_columns; i++) {
    if (lp_word_columns[i].halves & u->halves) LP_TRY(unpack_word(u, &lp_word_columns[i], error));
  }
  if (!(u->halves & LP_HAS_CASES)) return LP_OK;
  for (int i = 0; i < u->n; i++) {
    u->entries[i].c.reduction = lp_reduction_from_name(u->entries[i].c.reduction_word);
  }
  for (int i = 0; i < u->loss->n_params; i++) LP_TRY(unpack_param(u, i, error));
  return LP_OK;
}

static lp_status unpack_tensors(const unpacker *u, lp_error *error) {
  lp_slot slots[LP_MAX_SLOTS];
  const int n = lp_schema_slots(slots, u->loss);
  for (int i = 0; i < n; i++) {
    if (slots[i].halves & u->halves) LP_TRY(unpack_slot(u, &slots[i], error));
  }
  return LP_OK;
}

static lp_status check_closed(const unpacker *u, lp_error *error) {
  const lp_column *stranger = lp_columns_stranger(u->columns);
  if (!stranger) return LP_OK;
  return lp_fail(error, LP_INVALID, "%s: is not part of a file of %s for %s", stranger->path, lp_kind_name(u->halves),
                 u->loss->name);
}

static lp_status check_entries(const unpacker *u, lp_error *error) {
  const lp_suite_entry **list = lp_arena_alloc(u->columns->arena, (size_t)u->n + 1, sizeof(lp_suite_entry *));
  if (!list) return lp_fail(error, LP_NO_MEMORY, "no memory for a list of %d cases", u->n);
  for (int i = 0; i < u->n; i++) list[i] = &u->entries[i];
  return lp_entries_check(list, u->n, u->halves, u->columns->arena, error);
}

/* The format first: of a foreign file one wants to hear that, and not that it has no seal. */
static lp_status unpack_all(unpacker *u, lp_error *error) {
  lp_suite_origin origin = {0};
  LP_TRY(check_format(u, error));
  LP_TRY(lp_columns_check_seal(u->columns, error));
  LP_TRY(take_loss(u, error));
  LP_TRY(take_kind_and_count(u, error));
  LP_TRY(take_origin(&origin, u, error));
  LP_TRY(append_entries(u, error));
  LP_TRY(unpack_cases(u, error));
  LP_TRY(unpack_tensors(u, error));
  LP_TRY(check_closed(u, error));
  LP_TRY(check_entries(u, error));
  u->suite->origin = origin;
  return LP_OK;
}

lp_status lp_columns_unpack(lp_suite *suite, lp_columns *columns, lp_error *error) {
  unpacker u = {.columns = columns, .suite = suite};
  const int before = suite->count;
  const lp_status status = unpack_all(&u, error);
  if (status != LP_OK) suite->count = before;
  return status;
}
