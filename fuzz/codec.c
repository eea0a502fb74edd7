/* The bytes of a case:
 *
 *   shape class   an index; one past the last: shapes are written out
 *   sizes         of the letters N, C, D, T, S and any other, a byte each
 *   dtype         of floating tensors
 *   reduction     an index of `words`; the last: the word is written out
 *   given         bit i: input i, if optional
 *   upstream      absent, of the loss's shape, of a shape that is written out
 *   its dtype
 *   input dtypes  a byte each: the natural one, or any of the ten; integers narrow or wide
 *   parameters    a byte each: an index of the row's values and rejects; one past the last: the number
 *   numbers       8 bytes for each parameter that is not a flag, read where the byte before says so
 *                 -- up to here the places are the same in all cases of a loss
 *   [word]        its length, its characters
 *   [shapes]      of all inputs: the rank, 8 extents
 *   [shape]       of the upstream gradient
 *   elements      of every given input, then of the upstream gradient: floating ones as they lie in memory, integers a
 *                 byte each, or wide as they lie in memory
 *
 * Every choice is taken modulo its range, unevenly, so that most random bytes make an ordinary case. The encoder
 * writes the least byte that means what it has to. */
#include "fuzz/codec.h"

#include <string.h>

#include "fuzz/shapes.h"
#include "golden/bits.h"
#include "golden/packed.h"
#include "reference/plan.h"

enum { UPSTREAM_NONE = 0, UPSTREAM_OF_LOSS, UPSTREAM_SHAPED, UPSTREAM_KINDS };
enum { FIRST_DTYPE = 192, FIRST_WIDE = FIRST_DTYPE + LP_DTYPE_COUNT, PAST_WIDE = FIRST_WIDE + LP_DTYPE_COUNT };
enum { FIRST_CHARACTER = 0x20, CHARACTERS = 95, N_FLOATING = LP_BFLOAT16 + 1 };

static const char *const words[] = {"mean", "sum",       "none",      "mean", "sum",     "none", "mean",
                                    "sum",  "none",      "batchmean", "mean", "average", "Mean", LP_ELEMENTWISE_MEAN,
                                    "sum",  "batchmean", NULL};
enum { N_WORDS = sizeof words / sizeof words[0] };

/* --- reading --- */

typedef struct reader {
  const uint8_t *at;
  size_t left;
} reader;

static uint8_t read_byte(reader *r) {
  if (r->left == 0) return 0;
  r->left--;
  return *r->at++;
}

static uint64_t read_word(reader *r, size_t width) {
  uint64_t word = 0;
  for (size_t i = 0; i < width; i++) word |= (uint64_t)read_byte(r) << (8 * i);
  return word;
}

/* The choices that say how to read on. */
typedef struct choices {
  int shape_class;
  int64_t sizes[LP_N_LETTERS];
  bool word_follows;
  int upstream;
  uint8_t upstream_dtype;
  uint8_t dtypes[LP_MAX_INPUTS];
} choices;

static bool has_number(const lp_param_spec *spec) { return spec->type != LP_PARAM_BOOL; }

size_t lp_case_header_size(const lp_loss *loss) {
  size_t size = 1 + LP_N_LETTERS + 5 + (size_t)loss->n_inputs + (size_t)loss->n_params;
  for (int i = 0; i < loss->n_params; i++) size += has_number(&loss->params[i]) ? sizeof(double) : 0;
  return size;
}

static bool is_wide(uint8_t byte) { return byte >= FIRST_WIDE && byte < PAST_WIDE; }

static lp_dtype input_dtype(const lp_case *c, int input, uint8_t byte) {
  const lp_dtype natural = c->loss->inputs[input].kind == LP_KIND_REAL ? c->dtype : LP_INT64;
  return byte < FIRST_DTYPE || byte >= PAST_WIDE ? natural : (lp_dtype)((byte - FIRST_DTYPE) % LP_DTYPE_COUNT);
}

static lp_dtype upstream_dtype(lp_dtype natural, uint8_t byte) {
  return byte < FIRST_DTYPE ? natural : (lp_dtype)(byte % N_FLOATING);
}

static void read_params(lp_case *c, reader *r) {
  const lp_loss *loss = c->loss;
  bool follows[LP_MAX_PARAMS];
  for (int i = 0; i < loss->n_params; i++) {
    const lp_param_spec *spec = &loss->params[i];
    const int known = spec->n_values + spec->n_rejects;
    const int choice = read_byte(r) % (known + has_number(spec));
    follows[i] = choice == known;
    if (!follows[i]) {
      c->params[i] = choice < spec->n_values ? spec->values[choice] : spec->rejects[choice - spec->n_values];
    }
  }
  for (int i = 0; i < loss->n_params; i++) {
    if (!has_number(&loss->params[i])) continue;
    const uint64_t bits = read_word(r, sizeof(double));
    if (follows[i]) c->params[i] = lp_float_from_bits(LP_FLOAT64, bits);
  }
}

static void read_choices(lp_case *c, choices *k, reader *r) {
  const lp_loss *loss = c->loss;
  k->shape_class = read_byte(r) % (loss->n_shape_classes + 1);
  for (int i = 0; i < LP_N_LETTERS; i++) k->sizes[i] = lp_letter_size(i, read_byte(r));
  c->dtype = (lp_dtype)(read_byte(r) % N_FLOATING);
  const char *word = words[read_byte(r) % N_WORDS];
  k->word_follows = !word;
  if (word) c->reduction_word = word;
  const unsigned given = read_byte(r);
  k->upstream = read_byte(r) % UPSTREAM_KINDS;
  k->upstream_dtype = read_byte(r);
  for (int i = 0; i < loss->n_inputs; i++) {
    k->dtypes[i] = read_byte(r);
    c->has_input[i] = !loss->inputs[i].optional || (given >> i & 1u);
  }
  read_params(c, r);
}

static lp_status read_reduction(lp_case *c, lp_arena *arena, const choices *k, reader *r, lp_error *error) {
  if (k->word_follows) {
    char word[LP_FUZZ_MAX_WORD];
    const size_t length = read_byte(r) % (LP_FUZZ_MAX_WORD + 1);
    for (size_t i = 0; i < length; i++) word[i] = (char)(FIRST_CHARACTER + read_byte(r) % CHARACTERS);
    c->reduction_word = lp_arena_text(arena, word, length);
    if (!c->reduction_word) return lp_fail(error, LP_NO_MEMORY, "no memory for a reduction of %zu bytes", length);
  }
  c->reduction = lp_reduction_from_name(c->reduction_word);
  return LP_OK;
}

static void read_shape(lp_tensor *tensor, reader *r) {
  tensor->rank = read_byte(r) % (LP_MAX_RANK + 1);
  for (int i = 0; i < LP_MAX_RANK; i++) {
    const int64_t extent = read_byte(r);
    if (i < tensor->rank) tensor->shape[i] = extent;
  }
}

static void read_shapes(lp_case *c, const choices *k, reader *r) {
  const lp_loss *loss = c->loss;
  for (int i = 0; i < loss->n_inputs; i++) {
    lp_tensor *tensor = &c->inputs[i];
    tensor->dtype = input_dtype(c, i, k->dtypes[i]);
    if (k->shape_class == loss->n_shape_classes) {
      read_shape(tensor, r);
    } else if (loss->shape_classes[k->shape_class].shapes[i][0] == '-') {
      c->has_input[i] = false;
    } else {
      lp_shape_read(tensor, loss->shape_classes[k->shape_class].shapes[i], k->sizes);
    }
    if (!c->has_input[i]) *tensor = (lp_tensor){.numel = 0};
  }
  lp_shapes_cut(c);
}

static int64_t narrow_integer(lp_dtype dtype, uint8_t byte) {
  if (dtype == LP_BOOL) return byte & 1;
  if (dtype == LP_UINT8 || byte <= INT8_MAX) return byte;
  return byte - (UINT8_MAX + 1);
}

/* What is missing stays 0, as the arena has made it. */
static lp_status read_elements(lp_tensor *tensor, lp_arena *arena, reader *r, bool wide, lp_error *error) {
  LP_TRY(lp_arena_tensor(arena, tensor, error));
  int64_t i = 0;
  if (tensor->f64 || (wide && tensor->dtype != LP_BOOL)) {
    const size_t size = lp_dtype_size(tensor->dtype), whole = r->left / size;
    i = whole < (size_t)tensor->numel ? (int64_t)whole : tensor->numel;
    LP_TRY(lp_packed_get(tensor, r->at, 0, i, error));
    r->at += (size_t)i * size;
    r->left -= (size_t)i * size;
    uint8_t last[sizeof(double)] = {0};
    if (i < tensor->numel && r->left > 0) {
      lp_store_le(last, sizeof last, read_word(r, size));
      LP_TRY(lp_packed_get(tensor, last, i, 1, error));
    }
  } else {
    for (; i < tensor->numel && r->left > 0; i++) tensor->i64[i] = narrow_integer(tensor->dtype, read_byte(r));
  }
  return LP_OK;
}

static bool is_open(const lp_case *c, int input) {
  const lp_input_spec *spec = &c->loss->inputs[input];
  return c->has_input[input] && spec->dtype_open &&
         lp_dtype_is_floating(c->inputs[input].dtype) != (spec->kind == LP_KIND_REAL);
}

static lp_expect expectation(const lp_case *c, lp_status status, lp_reject reject) {
  if (status == LP_OK) return LP_EXPECT_ACCEPT;
  for (int i = 0; reject == LP_REJECT_DTYPE && i < c->loss->n_inputs; i++) {
    if (is_open(c, i)) return LP_EXPECT_EITHER;
  }
  return LP_EXPECT_REJECT;
}

lp_expect lp_case_expectation(const lp_case *c) {
  lp_plan plan;
  lp_error why = {.reject = LP_REJECT_NONE};
  const lp_status status = lp_plan_init(&plan, c, &why);
  return expectation(c, status, why.reject);
}

/* Sets the shape and dtype of the upstream gradient; a rejected case has none of the loss's shape. */
static void shape_upstream(lp_case *c, const choices *k, const lp_plan *plan, lp_status planned, reader *r) {
  lp_tensor *upstream = &c->grad_output;
  c->has_grad_output = k->upstream == UPSTREAM_SHAPED || (k->upstream == UPSTREAM_OF_LOSS && planned == LP_OK);
  if (!c->has_grad_output) return;
  lp_dtype natural = c->dtype;
  if (k->upstream == UPSTREAM_SHAPED) {
    read_shape(upstream, r);
    lp_shape_cut(upstream);
  } else {
    *upstream = plan->outcome.outputs[0].tensor;
    natural = upstream->dtype;
  }
  upstream->dtype = upstream_dtype(natural, k->upstream_dtype);
}

/* The elements of inputs come before the plan, which reads labels and lengths. */
static lp_status read_tensors(lp_case *c, lp_arena *arena, const choices *k, reader *r, lp_error *error) {
  lp_plan plan;
  lp_error why = {.reject = LP_REJECT_NONE};
  uint8_t shape[1 + LP_MAX_RANK] = {0};
  for (size_t i = 0; k->upstream == UPSTREAM_SHAPED && i < sizeof shape; i++) shape[i] = read_byte(r);
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (c->has_input[i]) LP_TRY(read_elements(&c->inputs[i], arena, r, is_wide(k->dtypes[i]), error));
  }
  const lp_status planned = lp_plan_init(&plan, c, &why);
  c->expect = expectation(c, planned, why.reject);
  reader of_shape = {shape, sizeof shape};
  shape_upstream(c, k, &plan, planned, &of_shape);
  if (!c->has_grad_output) return LP_OK;
  if (planned == LP_OK && !lp_tensor_same_shape(&c->grad_output, &plan.outcome.outputs[0].tensor)) {
    c->expect = LP_EXPECT_REJECT;
  }
  return read_elements(&c->grad_output, arena, r, false, error);
}

lp_status lp_case_decode(lp_case *c, lp_arena *arena, const lp_loss *loss, const uint8_t *bytes, size_t size,
                         lp_error *error) {
  static const uint8_t nothing[1] = {0};
  reader r = {size > 0 ? bytes : nothing, size};
  choices k;
  lp_case_init(c, loss);
  c->id = "fuzz";
  read_choices(c, &k, &r);
  LP_TRY(read_reduction(c, arena, &k, &r, error));
  read_shapes(c, &k, &r);
  return read_tensors(c, arena, &k, &r, error);
}

/* --- writing --- */

typedef struct writer {
  uint8_t *bytes;
  size_t used, capacity;
} writer;

static void write_byte(writer *w, int64_t byte) {
  if (w->used < w->capacity) w->bytes[w->used] = (uint8_t)byte;
  w->used++;
}

static void write_word(writer *w, size_t width, uint64_t word) {
  if (w->used + width <= w->capacity) lp_store_le(w->bytes + w->used, width, word);
  w->used += width;
}

static bool same_bits(double a, double b) { return lp_float_bits(LP_FLOAT64, a) == lp_float_bits(LP_FLOAT64, b); }

static int find_setting(const lp_param_spec *spec, double value) {
  int i = 0;
  while (i < spec->n_values && !same_bits(spec->values[i], value)) i++;
  if (i < spec->n_values) return i;
  while (i < spec->n_values + spec->n_rejects && !same_bits(spec->rejects[i - spec->n_values], value)) i++;
  return i;
}

static bool write_params(writer *w, const lp_case *c) {
  const lp_loss *loss = c->loss;
  int found[LP_MAX_PARAMS];
  for (int i = 0; i < loss->n_params; i++) {
    const lp_param_spec *spec = &loss->params[i];
    found[i] = find_setting(spec, c->params[i]);
    if (found[i] == spec->n_values + spec->n_rejects && !has_number(spec)) return false;
    write_byte(w, found[i]);
  }
  for (int i = 0; i < loss->n_params; i++) {
    const lp_param_spec *spec = &loss->params[i];
    if (!has_number(spec)) continue;
    const bool follows = found[i] == spec->n_values + spec->n_rejects;
    write_word(w, sizeof(double), follows ? lp_float_bits(LP_FLOAT64, c->params[i]) : 0);
  }
  return true;
}

/* Index of the word; N_WORDS - 1 when it is to be written out; -1 when it cannot be. */
static int find_word(const lp_case *c) {
  const char *word = c->reduction_word;
  if (lp_reduction_from_name(word) != c->reduction || strlen(word) > LP_FUZZ_MAX_WORD) return -1;
  for (const char *at = word; *at; at++) {
    if (*at < FIRST_CHARACTER || *at >= FIRST_CHARACTER + CHARACTERS) return -1;
  }
  int i = 0;
  while (words[i] && strcmp(words[i], word) != 0) i++;
  return i;
}

/* The class of the case when its sizes are bytes as well; otherwise n_shape_classes. */
static int find_class(uint8_t sizes[LP_N_LETTERS], const lp_case *c) {
  int64_t found[LP_N_LETTERS];
  const int shape_class = lp_shape_class_of(found, c);
  bool known = shape_class >= 0;
  memset(sizes, 0, LP_N_LETTERS);
  for (int i = 0; known && i < LP_N_LETTERS; i++) known = found[i] < 0 || lp_letter_byte(&sizes[i], i, found[i]);
  return known ? shape_class : c->loss->n_shape_classes;
}

static bool is_narrow(const lp_tensor *tensor) {
  const int64_t low = tensor->dtype == LP_UINT8 ? 0 : INT8_MIN, high = tensor->dtype == LP_UINT8 ? UINT8_MAX : INT8_MAX;
  for (int64_t i = 0; i < tensor->numel; i++) {
    if (tensor->i64[i] < low || tensor->i64[i] > high) return false;
  }
  return true;
}

static int64_t find_dtype(const lp_case *c, int input) {
  const lp_tensor *tensor = &c->inputs[input];
  if (!c->has_input[input]) return 0;
  if (!tensor->f64 && !is_narrow(tensor)) return FIRST_WIDE + tensor->dtype;
  return tensor->dtype == input_dtype(c, input, 0) ? 0 : FIRST_DTYPE + tensor->dtype;
}

static void write_shape(writer *w, const lp_tensor *tensor) {
  write_byte(w, tensor->rank);
  for (int i = 0; i < LP_MAX_RANK; i++) write_byte(w, i < tensor->rank ? tensor->shape[i] : 0);
}

static void write_elements(writer *w, const lp_tensor *tensor, bool wide) {
  const size_t size = lp_dtype_size(tensor->dtype);
  for (int64_t i = 0; i < tensor->numel; i++) {
    if (tensor->f64) {
      write_word(w, size, lp_float_bits(tensor->dtype, tensor->f64[i]));
    } else if (wide) {
      write_word(w, size, (uint64_t)tensor->i64[i]);
    } else {
      write_byte(w, tensor->i64[i]);
    }
  }
}

/* The upstream gradient's choices, as decode will make them. */
typedef struct upstream {
  int kind;
  uint8_t dtype;
} upstream;

static upstream find_upstream(const lp_case *c) {
  if (!c->has_grad_output) return (upstream){UPSTREAM_NONE, 0};
  const lp_tensor *given = &c->grad_output;
  lp_case without = *c;
  lp_plan plan;
  without.has_grad_output = false;
  const bool accepted = lp_plan_init(&plan, &without, NULL) == LP_OK;
  const lp_tensor *loss = &plan.outcome.outputs[0].tensor;
  const bool fits = accepted && lp_tensor_same_shape(given, loss);
  const lp_dtype natural = fits ? loss->dtype : c->dtype;
  return (upstream){fits ? UPSTREAM_OF_LOSS : UPSTREAM_SHAPED,
                    (uint8_t)(given->dtype == natural ? 0 : FIRST_DTYPE + given->dtype)};
}

static bool can_be_written(const lp_case *c) {
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!c->has_input[i] && !c->loss->inputs[i].optional) return false;
  }
  if (c->has_grad_output) {
    lp_tensor cut = c->grad_output;
    lp_shape_cut(&cut);
    const bool small = lp_tensor_same_shape(&cut, &c->grad_output);
    if (!lp_dtype_is_floating(c->grad_output.dtype)) return false;
    if (!small && find_upstream(c).kind != UPSTREAM_OF_LOSS) return false;
  }
  return lp_dtype_is_floating(c->dtype) && lp_shapes_fit(c);
}

static void write_word_and_shapes(writer *w, const lp_case *c, bool word, bool shapes, upstream up) {
  const size_t length = strlen(c->reduction_word);
  if (word) write_byte(w, (int64_t)length);
  for (size_t i = 0; word && i < length; i++) write_byte(w, c->reduction_word[i] - FIRST_CHARACTER);
  for (int i = 0; shapes && i < c->loss->n_inputs; i++) {
    const lp_tensor none = {.rank = 0};
    write_shape(w, c->has_input[i] ? &c->inputs[i] : &none);
  }
  if (up.kind == UPSTREAM_SHAPED) write_shape(w, &c->grad_output);
}

size_t lp_case_encode(uint8_t *bytes, size_t capacity, const lp_case *c) {
  const lp_loss *loss = c->loss;
  writer w = {bytes, 0, capacity};
  const int word = find_word(c);
  if (word < 0 || !can_be_written(c)) return 0;
  uint8_t sizes[LP_N_LETTERS];
  const int shape_class = find_class(sizes, c);
  const upstream up = find_upstream(c);
  unsigned given = 0;
  for (int i = 0; i < loss->n_inputs; i++) given |= (unsigned)(loss->inputs[i].optional && c->has_input[i]) << i;
  write_byte(&w, shape_class);
  for (int i = 0; i < LP_N_LETTERS; i++) write_byte(&w, sizes[i]);
  write_byte(&w, c->dtype);
  write_byte(&w, word);
  write_byte(&w, given);
  write_byte(&w, up.kind);
  write_byte(&w, up.dtype);
  for (int i = 0; i < loss->n_inputs; i++) write_byte(&w, find_dtype(c, i));
  if (!write_params(&w, c)) return 0;
  write_word_and_shapes(&w, c, word == N_WORDS - 1, shape_class == loss->n_shape_classes, up);
  for (int i = 0; i < loss->n_inputs; i++) {
    if (c->has_input[i]) write_elements(&w, &c->inputs[i], !c->inputs[i].f64 && !is_narrow(&c->inputs[i]));
  }
  if (c->has_grad_output) write_elements(&w, &c->grad_output, false);
  return w.used;
}
