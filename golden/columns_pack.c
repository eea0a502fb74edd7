#include "golden/columns_pack.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "golden/bits.h"
#include "golden/columns_schema.h"
#include "golden/packed.h"

typedef struct packer {
  lp_columns *columns;
  const lp_loss *loss;
  const lp_suite_entry **entries; /* those of the loss; n of them */
  int n;
  unsigned halves;
} packer;

/* Characters without a zero behind them. */
static void put_text(unsigned char *bytes, const char *text, size_t length) { memcpy(bytes, text, length); }

/* Columns and their paths. */

static lp_status add(unsigned char **bytes, const packer *p, const char *path, lp_cell cell, uint64_t count,
                     lp_error *error) {
  lp_column layout = {.cell = cell, .width = lp_cell_width(cell), .rank = 1, .extent = {count}};
  snprintf(layout.path, sizeof layout.path, "%s", path);
  lp_column *column;
  LP_TRY(lp_columns_add(&column, p->columns, &layout, error));
  *bytes = column->bytes;
  return LP_OK;
}

static lp_status add_words(unsigned char **bytes, const packer *p, const char *path, size_t width, lp_error *error) {
  lp_column layout = {.cell = LP_CELL_TEXT, .width = width, .rank = 1, .extent = {(uint64_t)p->n}};
  snprintf(layout.path, sizeof layout.path, "%s", path);
  lp_column *column;
  LP_TRY(lp_columns_add(&column, p->columns, &layout, error));
  *bytes = column->bytes;
  return LP_OK;
}

static lp_status join(char path[LP_COLUMN_PATH_MAX], const char *before, const char *separator, const char *after,
                      lp_error *error) {
  if (snprintf(path, LP_COLUMN_PATH_MAX, "%s%s%s", before, separator, after) < LP_COLUMN_PATH_MAX) return LP_OK;
  return lp_fail(error, LP_INVALID, "%s: the name of the column is longer than %d bytes", before,
                 LP_COLUMN_PATH_MAX - 1);
}

/* Root attributes. */

static lp_status add_text_attribute(const packer *p, const char *path, const char *text, lp_error *error) {
  const size_t length = strlen(text);
  if (!lp_text_is_clean((const unsigned char *)text, length)) {
    return lp_fail(error, LP_INVALID, "%s: is not UTF-8", path);
  }
  lp_column layout = {.cell = LP_CELL_TEXT, .width = length > 0 ? length : 1};
  snprintf(layout.path, sizeof layout.path, "%s", path);
  lp_column *column;
  LP_TRY(lp_columns_add(&column, p->columns, &layout, error));
  put_text(column->bytes, text, length);
  return LP_OK;
}

static lp_status add_number_attribute(const packer *p, const char *path, lp_cell cell, uint64_t value,
                                      lp_error *error) {
  lp_column layout = {.cell = cell, .width = lp_cell_width(cell)};
  snprintf(layout.path, sizeof layout.path, "%s", path);
  lp_column *column;
  LP_TRY(lp_columns_add(&column, p->columns, &layout, error));
  lp_store_le(column->bytes, column->width, value);
  return LP_OK;
}

static lp_status pack_attributes(const packer *p, const lp_suite_origin *origin, lp_error *error) {
  LP_TRY(add_text_attribute(p, "@format", "lossproof", error));
  LP_TRY(add_number_attribute(p, "@format_version", LP_CELL_I64, LP_FORMAT_VERSION, error));
  LP_TRY(add_text_attribute(p, "@kind", lp_kind_name(p->halves), error));
  LP_TRY(add_text_attribute(p, "@loss", p->loss->name, error));
  LP_TRY(add_number_attribute(p, "@cases", LP_CELL_I64, (uint64_t)p->n, error));
  LP_TRY(add_number_attribute(p, "@seed", LP_CELL_U64, origin->seed, error));
  for (int i = 0; i < lp_n_origin_columns; i++) {
    const char *text;
    memcpy(&text, (const char *)origin + lp_origin_columns[i].offset, sizeof text);
    LP_TRY(add_text_attribute(p, lp_origin_columns[i].path, text ? text : "", error));
  }
  return LP_OK;
}

/* Texts and words. */

static const char *text_at(const lp_suite_entry *entry, size_t offset) {
  const char *text;
  memcpy(&text, (const char *)entry + offset, sizeof text);
  return text ? text : "";
}

static lp_status pack_text(const packer *p, const lp_text_column *spec, lp_error *error) {
  char path[LP_COLUMN_PATH_MAX];
  uint64_t total = 0;
  for (int i = 0; i < p->n; i++) total += strlen(text_at(p->entries[i], spec->offset));
  unsigned char *pool, *offsets;
  LP_TRY(join(path, spec->path, "_", "offset", error));
  LP_TRY(add(&pool, p, spec->path, LP_CELL_U8, total, error));
  LP_TRY(add(&offsets, p, path, LP_CELL_I64, (uint64_t)p->n + 1, error));
  uint64_t end = 0;
  for (int i = 0; i < p->n; i++) {
    const char *text = text_at(p->entries[i], spec->offset);
    const size_t length = strlen(text);
    put_text(pool + end, text, length);
    if (!lp_text_is_clean(pool + end, length)) {
      return lp_fail(error, LP_INVALID, "%s: the text of case %s is not UTF-8", spec->path, p->entries[i]->c.id);
    }
    end += length;
    lp_store_le(offsets + 8 * (size_t)(i + 1), 8, end);
  }
  return LP_OK;
}

static lp_status pack_word(const packer *p, const lp_word_column *spec, lp_error *error) {
  size_t width = 0;
  for (int k = 0; k < spec->n_names; k++) width = strlen(spec->name(k)) > width ? strlen(spec->name(k)) : width;
  unsigned char *words;
  LP_TRY(add_words(&words, p, spec->path, width, error));
  for (int i = 0; i < p->n; i++) {
    int value;
    memcpy(&value, (const char *)p->entries[i] + spec->offset, sizeof value);
    if (value < 0 || value >= spec->n_names) {
      return lp_fail(error, LP_INVALID, "%s: case %s has the number %d, expected 0 to %d", spec->path,
                     p->entries[i]->c.id, value, spec->n_names - 1);
    }
    const char *word = spec->name(value);
    put_text(words + (size_t)i * width, word, strlen(word));
  }
  return LP_OK;
}

/* Parameters. */

static lp_status pack_param(const packer *p, int index, lp_error *error) {
  const lp_param_spec *spec = &p->loss->params[index];
  const lp_cell cell = lp_param_cell(spec->type);
  const size_t width = lp_cell_width(cell);
  char path[LP_COLUMN_PATH_MAX];
  unsigned char *bytes;
  LP_TRY(join(path, "params", "/", spec->name, error));
  LP_TRY(add(&bytes, p, path, cell, (uint64_t)p->n, error));
  for (int i = 0; i < p->n; i++) {
    const double value = p->entries[i]->c.params[index];
    if (cell == LP_CELL_U8 && value != 0.0 && value != 1.0) {
      return lp_fail(error, LP_INVALID, "%s: case %s has %.17g, expected 0 or 1", path, p->entries[i]->c.id, value);
    }
    lp_store_le(bytes + (size_t)i * width, width, cell == LP_CELL_U8 ? value != 0.0 : lp_float_bits(LP_FLOAT64, value));
  }
  return LP_OK;
}

/* Tensors. */

typedef struct slot_bytes {
  unsigned char *dtype, *rank, *shape;
  unsigned char *pool[LP_POOL_COUNT], *offset[LP_POOL_COUNT]; /* NULL: no element of this class */
  uint64_t size[LP_POOL_COUNT];
} slot_bytes;

enum { DTYPE_WIDTH = 8 };

static bool measure_slot(uint64_t size[LP_POOL_COUNT], const packer *p, const lp_slot *slot) {
  bool any = false;
  for (int i = 0; i < p->n; i++) {
    const lp_tensor *tensor = lp_slot_tensor(slot, p->entries[i]);
    any = any || tensor != NULL;
    if (tensor) size[lp_pool_of(tensor->dtype)] += (uint64_t)tensor->numel;
  }
  return any;
}

static lp_status add_shape(unsigned char **bytes, const packer *p, const lp_slot *slot, lp_error *error) {
  lp_column layout = {.cell = LP_CELL_I64, .width = 8, .rank = 2, .extent = {(uint64_t)p->n, LP_SHAPE_WIDTH}};
  LP_TRY(join(layout.path, slot->path, "/", "shape", error));
  lp_column *column;
  LP_TRY(lp_columns_add(&column, p->columns, &layout, error));
  *bytes = column->bytes;
  return LP_OK;
}

static lp_status add_pool(slot_bytes *bytes, const packer *p, const lp_slot *slot, int pool, lp_error *error) {
  char path[LP_COLUMN_PATH_MAX], offset_path[LP_COLUMN_PATH_MAX];
  LP_TRY(join(path, slot->path, "/", lp_pools[pool].name, error));
  LP_TRY(join(offset_path, path, "_", "offset", error));
  LP_TRY(add(&bytes->pool[pool], p, path, lp_pools[pool].cell, bytes->size[pool], error));
  return add(&bytes->offset[pool], p, offset_path, LP_CELL_I64, (uint64_t)p->n + 1, error);
}

static lp_status add_slot(slot_bytes *bytes, const packer *p, const lp_slot *slot, lp_error *error) {
  char path[LP_COLUMN_PATH_MAX];
  LP_TRY(join(path, slot->path, "/", "dtype", error));
  LP_TRY(add_words(&bytes->dtype, p, path, DTYPE_WIDTH, error));
  LP_TRY(join(path, slot->path, "/", "rank", error));
  LP_TRY(add(&bytes->rank, p, path, LP_CELL_U8, (uint64_t)p->n, error));
  LP_TRY(add_shape(&bytes->shape, p, slot, error));
  for (int pool = 0; pool < LP_POOL_COUNT; pool++) {
    if (bytes->size[pool] > 0) LP_TRY(add_pool(bytes, p, slot, pool, error));
  }
  return LP_OK;
}

/* Whether the element is a number of the tensor's dtype; its bits. */
static bool element_bits(uint64_t *bits, const lp_tensor *tensor, int64_t k) {
  if (!lp_dtype_is_floating(tensor->dtype)) {
    const int64_t value = tensor->i64[k];
    *bits = (uint64_t)value;
    return value >= lp_packed_min(tensor->dtype) && value <= lp_packed_max(tensor->dtype);
  }
  const double value = tensor->f64[k];
  *bits = lp_float_bits(tensor->dtype, value);
  return isnan(value) || lp_float_from_bits(tensor->dtype, *bits) == value;
}

static lp_status store_elements(unsigned char *bytes, const lp_tensor *tensor, size_t width, const char *path,
                                const char *id, lp_error *error) {
  if (tensor->numel > 0 && !(lp_dtype_is_floating(tensor->dtype) ? (void *)tensor->f64 : (void *)tensor->i64)) {
    return lp_fail(error, LP_INTERNAL, "%s: the tensor of case %s has no data", path, id);
  }
  for (int64_t k = 0; k < tensor->numel; k++) {
    uint64_t bits;
    if (!element_bits(&bits, tensor, k)) {
      return lp_fail(error, LP_INVALID, "%s: element %lld of case %s is %.17g, which is not a number of dtype %s", path,
                     (long long)k, id, lp_tensor_get(tensor, k), lp_dtype_name(tensor->dtype));
    }
    lp_store_le(bytes + (size_t)k * width, width, bits);
  }
  return LP_OK;
}

/* `next`: where in each pool the next elements go. */
static lp_status store_tensor(slot_bytes *bytes, uint64_t next[LP_POOL_COUNT], size_t row, const lp_tensor *tensor,
                              const char *path, const char *id, lp_error *error) {
  const char *dtype = lp_dtype_name(tensor->dtype);
  put_text(bytes->dtype + DTYPE_WIDTH * row, dtype, strlen(dtype));
  bytes->rank[row] = (unsigned char)tensor->rank;
  for (int axis = 0; axis < tensor->rank; axis++) {
    lp_store_le(bytes->shape + 8 * (LP_SHAPE_WIDTH * row + (size_t)axis), 8, (uint64_t)tensor->shape[axis]);
  }
  if (tensor->numel == 0) return LP_OK;
  const int pool = lp_pool_of(tensor->dtype);
  const size_t width = lp_cell_width(lp_pools[pool].cell);
  LP_TRY(store_elements(bytes->pool[pool] + next[pool] * width, tensor, width, path, id, error));
  next[pool] += (uint64_t)tensor->numel;
  return LP_OK;
}

static lp_status pack_slot(const packer *p, const lp_slot *slot, lp_error *error) {
  slot_bytes bytes = {0};
  uint64_t next[LP_POOL_COUNT] = {0};
  if (!measure_slot(bytes.size, p, slot)) return LP_OK;
  LP_TRY(add_slot(&bytes, p, slot, error));
  for (int i = 0; i < p->n; i++) {
    const lp_tensor *tensor = lp_slot_tensor(slot, p->entries[i]);
    if (tensor) LP_TRY(store_tensor(&bytes, next, (size_t)i, tensor, slot->path, p->entries[i]->c.id, error));
    for (int pool = 0; pool < LP_POOL_COUNT; pool++) {
      if (bytes.offset[pool]) lp_store_le(bytes.offset[pool] + 8 * (size_t)(i + 1), 8, next[pool]);
    }
  }
  return LP_OK;
}

/* The whole. */

static lp_status choose_entries(packer *p, const lp_suite *suite, lp_error *error) {
  p->entries = lp_arena_alloc(p->columns->arena, (size_t)suite->count + 1, sizeof(lp_suite_entry *));
  if (!p->entries) return lp_fail(error, LP_NO_MEMORY, "no memory for a list of %d cases", suite->count);
  for (int i = 0; i < suite->count; i++) {
    const lp_suite_entry *entry = &suite->entries[i];
    if (entry->c.loss != p->loss) continue;
    if (entry->status != LP_OK) {
      return lp_fail(error, LP_INVALID, "entry %d is not a case (%s), and cannot be written", i, entry->message);
    }
    p->entries[p->n++] = entry;
  }
  return LP_OK;
}

/* The first entry says what kind of file it is; lp_entries_check holds the others to it. */
static lp_status choose_halves(packer *p, lp_error *error) {
  p->halves = LP_HAS_CASES;
  if (p->n == 0) return LP_OK;
  const lp_suite_entry *first = p->entries[0];
  bool inputs = false;
  for (int i = 0; i < p->loss->n_inputs; i++) inputs = inputs || first->c.has_input[i];
  p->halves = (inputs ? LP_HAS_CASES : 0u) | (first->has_outcome ? LP_HAS_OUTCOMES : 0u);
  if (p->halves != 0) return LP_OK;
  return lp_fail(error, LP_INVALID, "case %s: has neither inputs nor an outcome", first->c.id);
}

static lp_status pack_cases(const packer *p, lp_error *error) {
  for (int i = 0; i < lp_n_text_columns; i++) {
    if (lp_text_columns[i].halves & p->halves) LP_TRY(pack_text(p, &lp_text_columns[i], error));
  }
  for (int i = 0; i < lp_n_word_columns; i++) {
    if (lp_word_columns[i].halves & p->halves) LP_TRY(pack_word(p, &lp_word_columns[i], error));
  }
  if (!(p->halves & LP_HAS_CASES)) return LP_OK;
  for (int i = 0; i < p->loss->n_params; i++) LP_TRY(pack_param(p, i, error));
  return LP_OK;
}

static lp_status pack_tensors(const packer *p, lp_error *error) {
  lp_slot slots[LP_MAX_SLOTS];
  const int n = lp_schema_slots(slots, p->loss);
  for (int i = 0; i < n; i++) {
    if (slots[i].halves & p->halves) LP_TRY(pack_slot(p, &slots[i], error));
  }
  return LP_OK;
}

lp_status lp_columns_pack(lp_columns *columns, const lp_suite *suite, const lp_loss *loss, lp_error *error) {
  packer p = {.columns = columns, .loss = loss};
  LP_TRY(choose_entries(&p, suite, error));
  LP_TRY(choose_halves(&p, error));
  LP_TRY(lp_entries_check(p.entries, p.n, p.halves, columns->arena, error));
  LP_TRY(pack_attributes(&p, &suite->origin, error));
  LP_TRY(pack_cases(&p, error));
  LP_TRY(pack_tensors(&p, error));
  return lp_columns_seal(columns, error);
}
