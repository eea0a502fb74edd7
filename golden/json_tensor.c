/* Tensors from JSON: nested lists of numbers, a bare number, or the packed form. The extents of nested lists are
 * settled before memory is asked for, so that a short text cannot ask for much. */
#include <math.h>
#include <string.h>

#include "golden/base64.h"
#include "golden/json_internal.h"
#include "golden/packed.h"

static lp_status read_dtype(lp_dtype *dtype, const json_t *value, const char *where, const char *name,
                            lp_error *error) {
  char quoted[LP_QUOTE_MAX];
  *dtype = json_is_string(value) ? lp_dtype_from_name(json_string_value(value)) : LP_DTYPE_COUNT;
  if (*dtype != LP_DTYPE_COUNT) return LP_OK;
  return lp_fail(
      error, LP_INVALID,
      "%s.%s: expected float64, float32, float16, bfloat16, int64, int32, int16, int8, uint8 or bool, got %s", where,
      name, lp_json_describe(quoted, value));
}

static lp_status read_extent(int64_t *extent, const json_t *value, const char *where, const char *name,
                             lp_error *error) {
  lp_json_numeral number;
  char quoted[LP_QUOTE_MAX];
  const bool is_number = lp_json_get_number(&number, value);
  if (!is_number || !(number.d >= 0.0 && number.d <= 0x1p53) || number.d != floor(number.d)) {
    return lp_fail(error, LP_INVALID, "%s.%s: an extent is an integer >= 0, got %s", where, name,
                   lp_json_describe(quoted, value));
  }
  *extent = (int64_t)number.d;
  return LP_OK;
}

/* A list of at most LP_MAX_RANK extents. */
static lp_status read_shape(int *rank, int64_t shape[LP_MAX_RANK], const json_t *value, const char *where,
                            const char *name, lp_error *error) {
  char quoted[LP_QUOTE_MAX];
  const size_t n = json_array_size(value);
  if (!json_is_array(value) || n > LP_MAX_RANK) {
    return lp_fail(error, LP_INVALID, "%s.%s: expected a list of at most %d extents, got %s", where, name, LP_MAX_RANK,
                   lp_json_describe(quoted, value));
  }
  for (size_t i = 0; i < n; i++) LP_TRY(read_extent(&shape[i], json_array_get(value, i), where, name, error));
  *rank = (int)n;
  return LP_OK;
}

static bool given(const json_t *value) { return value && !json_is_null(value); }

lp_status lp_json_describe_argument(lp_json_argument *argument, const char *name, const json_t *dtypes,
                                    const json_t *shapes, lp_error *error) {
  const json_t *dtype = json_object_get(dtypes, name);
  const json_t *shape = json_object_get(shapes, name);
  argument->dtype_named = given(dtype);
  argument->shape_named = given(shape);
  if (argument->dtype_named) LP_TRY(read_dtype(&argument->dtype, dtype, "dtypes", name, error));
  if (argument->shape_named) LP_TRY(read_shape(&argument->rank, argument->shape, shape, "shapes", name, error));
  return LP_OK;
}

static lp_status check_agreement(const lp_tensor *tensor, const lp_json_argument *argument, lp_error *error) {
  lp_tensor named = {.rank = argument->rank};
  memcpy(named.shape, argument->shape, sizeof named.shape);
  if (!argument->shape_named || lp_tensor_same_shape(tensor, &named)) return LP_OK;
  char expected[96], found[96];
  return lp_fail(error, LP_INVALID, "%s: the data has shape %s, but shapes says %s", argument->where,
                 lp_tensor_shape_text(found, sizeof found, tensor),
                 lp_tensor_shape_text(expected, sizeof expected, &named));
}

/* ---- Packed: {"dtype": ..., "shape": [...], "data": "<base64>"} ---- */

/* The bytes are decoded into the end of the tensor's own data and spread out from the front: elements take at least the
 * room of their bytes, so that none is overwritten before it is read. */
static lp_status unpack(lp_tensor *tensor, const char *text, size_t length, lp_error *error) {
  const size_t width = lp_dtype_is_floating(tensor->dtype) ? sizeof *tensor->f64 : sizeof *tensor->i64;
  unsigned char *data = tensor->f64 ? (unsigned char *)tensor->f64 : (unsigned char *)tensor->i64;
  unsigned char *bytes = data + (size_t)tensor->numel * (width - lp_dtype_size(tensor->dtype));
  LP_TRY(lp_base64_decode(bytes, text, length, error));
  return lp_packed_get(tensor, bytes, 0, tensor->numel, error);
}

/* The text stands for exactly the bytes that the dtype and the shape ask for. */
static lp_status check_packed_size(const lp_tensor *tensor, const char *text, size_t length, lp_error *error) {
  size_t bytes;
  LP_TRY(lp_base64_size(&bytes, text, length, error));
  const size_t expected = (size_t)tensor->numel * lp_dtype_size(tensor->dtype);
  if (bytes == expected) return LP_OK;
  char shape[96];
  return lp_fail(error, LP_INVALID, "%zu bytes of data: expected %zu for shape %s of %s", bytes, expected,
                 lp_tensor_shape_text(shape, sizeof shape, tensor), lp_dtype_name(tensor->dtype));
}

static lp_status read_packed_data(lp_tensor *tensor, lp_arena *arena, const json_t *data,
                                  const lp_json_argument *argument, lp_error *error) {
  const char *text = json_string_value(data);
  const size_t length = json_string_length(data);
  lp_error inner;
  if (!text) return lp_fail(error, LP_INVALID, "%s.data: expected base64 text", argument->where);
  lp_status status = check_packed_size(tensor, text, length, &inner);
  if (status == LP_OK) status = lp_arena_tensor(arena, tensor, &inner);
  if (status == LP_OK) status = unpack(tensor, text, length, &inner);
  return status == LP_OK ? LP_OK : lp_fail(error, status, "%s.data: %s", argument->where, inner.message);
}

static lp_status read_packed(lp_tensor *tensor, lp_arena *arena, const json_t *object, const lp_json_argument *argument,
                             lp_error *error) {
  static const char *const keys[] = {"dtype", "shape", "data"};
  LP_TRY(lp_json_check_keys(object, argument->where, keys, 3, error));
  for (int i = 0; i < 3; i++) {
    if (!given(json_object_get(object, keys[i]))) {
      return lp_fail(error, LP_INVALID, "%s: a packed tensor needs \"%s\"", argument->where, keys[i]);
    }
  }
  lp_dtype dtype;
  int rank;
  int64_t shape[LP_MAX_RANK];
  LP_TRY(read_dtype(&dtype, json_object_get(object, "dtype"), argument->where, "dtype", error));
  LP_TRY(read_shape(&rank, shape, json_object_get(object, "shape"), argument->where, "shape", error));
  if (argument->dtype_named && dtype != argument->dtype) {
    return lp_fail(error, LP_INVALID, "%s: the packed tensor is %s, but dtypes says %s", argument->where,
                   lp_dtype_name(dtype), lp_dtype_name(argument->dtype));
  }
  lp_error inner;
  const lp_status status = lp_tensor_init(tensor, dtype, rank, shape, &inner);
  if (status != LP_OK) return lp_fail(error, status, "%s: %s", argument->where, inner.message);
  LP_TRY(check_agreement(tensor, argument, error));
  return read_packed_data(tensor, arena, json_object_get(object, "data"), argument, error);
}

/* ---- Readable: nested lists ---- */

typedef struct walk {
  const lp_json_argument *argument;
  lp_tensor *tensor;
  int rank; /* depth of the lists, and their lengths as the first of each level shows them */
  int64_t shape[LP_MAX_RANK];
  int64_t index[LP_MAX_RANK]; /* where the walk is */
  int64_t next;               /* element to fill */
  lp_error *error;
} walk;

/* "inputs.target[1][2]": where the walk is, `depth` lists down. */
static const char *here(char path[LP_PATH_MAX], const walk *w, int depth) {
  size_t used = (size_t)snprintf(path, LP_PATH_MAX, "%s", w->argument->where);
  for (int i = 0; i < depth && used < LP_PATH_MAX; i++) {
    used += (size_t)snprintf(path + used, LP_PATH_MAX - used, "[%lld]", (long long)w->index[i]);
  }
  return path;
}

/* Rank and extents as the first element of each level shows them. */
static lp_status measure(walk *w, const json_t *node) {
  for (w->rank = 0; json_is_array(node); node = json_array_get(node, 0)) {
    if (w->rank == LP_MAX_RANK) {
      return lp_fail(w->error, LP_INVALID, "%s: lists are nested more than %d deep", w->argument->where, LP_MAX_RANK);
    }
    w->shape[w->rank++] = (int64_t)json_array_size(node);
    if (json_array_size(node) == 0) break;
  }
  return LP_OK;
}

static lp_status ragged(const walk *w, const json_t *node, int axis) {
  char path[LP_PATH_MAX], quoted[LP_QUOTE_MAX];
  return lp_fail(w->error, LP_INVALID, "%s: expected a list of %lld like its neighbours, got %s (ragged)",
                 here(path, w, axis), (long long)w->shape[axis], lp_json_describe(quoted, node));
}

static lp_status check_lists(walk *w, const json_t *node, int axis) {
  if (axis == w->rank) {
    char path[LP_PATH_MAX], quoted[LP_QUOTE_MAX];
    if (!json_is_array(node)) return LP_OK;
    return lp_fail(w->error, LP_INVALID, "%s: expected a number like its neighbours, got %s (ragged)",
                   here(path, w, axis), lp_json_describe(quoted, node));
  }
  if (!json_is_array(node) || (int64_t)json_array_size(node) != w->shape[axis]) return ragged(w, node, axis);
  for (int64_t i = 0; i < w->shape[axis]; i++) {
    w->index[axis] = i;
    LP_TRY(check_lists(w, json_array_get(node, (size_t)i), axis + 1));
  }
  return LP_OK;
}

static lp_status bad_element(const walk *w, const json_t *node) {
  const lp_dtype dtype = w->tensor->dtype;
  char path[LP_PATH_MAX], quoted[LP_QUOTE_MAX];
  here(path, w, w->rank);
  lp_json_describe(quoted, node);
  if (dtype == LP_BOOL) return lp_fail(w->error, LP_INVALID, "%s: expected true, false, 0 or 1, got %s", path, quoted);
  if (lp_dtype_is_floating(dtype)) {
    return lp_fail(w->error, LP_INVALID,
                   "%s: expected a number, \"NaN\", \"Infinity\", \"-Infinity\" or a hex-float string, got %s", path,
                   quoted);
  }
  return lp_fail(w->error, LP_INVALID, "%s: expected an integer of %s (%lld to %lld), got %s", path,
                 lp_dtype_name(dtype), (long long)lp_packed_min(dtype), (long long)lp_packed_max(dtype), quoted);
}

/* An integer of this dtype. A number with a point or an exponent stands for an integer when it is exactly one. */
static bool read_integer(int64_t *integer, lp_dtype dtype, const json_t *node) {
  lp_json_numeral number;
  if (dtype == LP_BOOL && json_is_boolean(node)) {
    *integer = json_is_true(node);
    return true;
  }
  if (!lp_json_get_number(&number, node)) return false;
  if (!number.integer && (!(fabs(number.d) <= 0x1p53) || number.d != floor(number.d))) return false;
  *integer = number.integer ? number.i : (int64_t)number.d;
  return *integer >= lp_packed_min(dtype) && *integer <= lp_packed_max(dtype);
}

static lp_status fill_element(walk *w, const json_t *node) {
  const lp_dtype dtype = w->tensor->dtype;
  const int64_t at = w->next++;
  lp_json_numeral number;
  if (!lp_dtype_is_floating(dtype)) {
    return read_integer(&w->tensor->i64[at], dtype, node) ? LP_OK : bad_element(w, node);
  }
  if (!lp_json_get_number(&number, node)) return bad_element(w, node);
  w->tensor->f64[at] = lp_dtype_round(dtype, number.d);
  return LP_OK;
}

static lp_status fill(walk *w, const json_t *node, int axis) {
  if (axis == w->rank) return fill_element(w, node);
  for (int64_t i = 0; i < w->shape[axis]; i++) {
    w->index[axis] = i;
    LP_TRY(fill(w, json_array_get(node, (size_t)i), axis + 1));
  }
  return LP_OK;
}

/* `shapes` may say more than nested lists can: a flat list of all elements, and what follows an extent of 0. */
static bool shape_completes(const walk *w, const lp_tensor *named) {
  if (w->rank == 0 || named->rank < w->rank) return false;
  const int64_t last = w->shape[w->rank - 1];
  const bool flat = w->rank == 1 && last == named->numel;
  const bool cut_short = last == 0 && memcmp(w->shape, named->shape, (size_t)w->rank * sizeof *w->shape) == 0;
  return flat || cut_short;
}

static lp_status settle_shape(walk *w) {
  const lp_json_argument *a = w->argument;
  lp_tensor named;
  lp_error inner;
  lp_status status = lp_tensor_init(w->tensor, a->dtype, w->rank, w->shape, &inner);
  if (status == LP_OK && a->shape_named) status = lp_tensor_init(&named, a->dtype, a->rank, a->shape, &inner);
  if (status != LP_OK) return lp_fail(w->error, status, "%s: %s", a->where, inner.message);
  if (a->shape_named && shape_completes(w, &named)) {
    *w->tensor = named;
    return LP_OK;
  }
  return check_agreement(w->tensor, a, w->error);
}

lp_status lp_json_read_tensor(lp_tensor *tensor, lp_arena *arena, const json_t *value, const lp_json_argument *argument,
                              lp_error *error) {
  if (json_is_object(value)) return read_packed(tensor, arena, value, argument, error);
  walk w = {.argument = argument, .tensor = tensor, .error = error};
  LP_TRY(measure(&w, value));
  LP_TRY(check_lists(&w, value, 0));
  LP_TRY(settle_shape(&w));
  LP_TRY(lp_arena_tensor(arena, tensor, error));
  return fill(&w, value, 0);
}
