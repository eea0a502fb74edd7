#include "fuzz/shapes.h"

#include <string.h>

#include "fuzz/codec.h"

static const struct { uint8_t low, count; } usual[LP_N_LETTERS] = {{1, 5}, {2, 4}, {1, 7}, {1, 8}, {0, 5}, {1, 4}};

enum { FIRST_PLAIN = 240 }; /* bytes from here on are sizes from 0 on */

int64_t lp_letter_size(int letter, uint8_t byte) {
  return byte < FIRST_PLAIN ? usual[letter].low + byte % usual[letter].count : byte - FIRST_PLAIN;
}

bool lp_letter_byte(uint8_t *byte, int letter, int64_t size) {
  const int64_t from_low = size - usual[letter].low;
  if (from_low >= 0 && from_low < usual[letter].count) {
    *byte = (uint8_t)from_low;
  } else if (size >= 0 && size <= UINT8_MAX - FIRST_PLAIN) {
    *byte = (uint8_t)(FIRST_PLAIN + size);
  } else {
    return false;
  }
  return true;
}

static int letter_of(char c) {
  static const char letters[] = "NCDTS";
  const char *at = strchr(letters, c);
  return at ? (int)(at - letters) : LP_N_LETTERS - 1;
}

/* One extent of a class: letter + number, or number alone. */
typedef struct extent {
  int letter; /* -1: none */
  int64_t number;
} extent;

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static int64_t read_number(const char **at) {
  int64_t number = 0;
  for (; is_digit(**at); ++*at) number = 10 * number + (**at - '0');
  return number;
}

/* The next extent of a shape; false at its end. The registry's tests have seen that it can be read. */
static bool next_extent(extent *e, const char **at) {
  *e = (extent){.letter = -1};
  while (**at == ' ' || **at == '.') ++*at;
  if (**at == '\0') return false;
  if (!is_digit(**at)) e->letter = letter_of(*(*at)++);
  const bool less = **at == '-';
  if (less || **at == '+') ++*at;
  const int64_t number = read_number(at);
  e->number = less ? -number : number;
  return true;
}

void lp_shape_read(lp_tensor *tensor, const char *text, const int64_t sizes[LP_N_LETTERS]) {
  extent e;
  tensor->rank = 0;
  while (tensor->rank < LP_MAX_RANK && next_extent(&e, &text)) {
    const int64_t size = e.number + (e.letter >= 0 ? sizes[e.letter] : 0);
    tensor->shape[tensor->rank++] = size > 0 ? size : 0;
  }
}

void lp_shape_letters(int letters[LP_MAX_RANK], const char *text) {
  extent e;
  for (int axis = 0; axis < LP_MAX_RANK && next_extent(&e, &text); axis++) letters[axis] = e.letter;
}

static bool matches(int64_t sizes[LP_N_LETTERS], const char *text, const lp_tensor *tensor) {
  extent e;
  int axis = 0;
  for (; next_extent(&e, &text); axis++) {
    if (axis == tensor->rank) return false;
    int64_t size = tensor->shape[axis] - e.number;
    if (size < 0) return false;
    if (e.letter >= 0 && sizes[e.letter] < 0) sizes[e.letter] = size;
    if (e.letter >= 0) size -= sizes[e.letter];
    if (size != 0) return false;
  }
  return axis == tensor->rank;
}

static bool class_matches(int64_t sizes[LP_N_LETTERS], const lp_shape_class *shape, const lp_case *c) {
  for (int k = 0; k < LP_N_LETTERS; k++) sizes[k] = -1;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!c->has_input[i]) continue;
    if (shape->shapes[i][0] == '-' || !matches(sizes, shape->shapes[i], &c->inputs[i])) return false;
  }
  return true;
}

int lp_shape_class_of(int64_t sizes[LP_N_LETTERS], const lp_case *c) {
  for (int k = 0; k < c->loss->n_shape_classes; k++) {
    if (class_matches(sizes, &c->loss->shape_classes[k], c)) return k;
  }
  return -1;
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t elements(const lp_tensor *tensor, int64_t cap, int64_t most) {
  int64_t n = 1;
  for (int k = 0; k < tensor->rank; k++) n = smaller(n * smaller(tensor->shape[k], cap), most + 1);
  return n;
}

/* Of the shape to which all inputs would broadcast; extents of 0 count as 1. */
static int64_t terms(const lp_case *c, int64_t cap, int64_t most) {
  int64_t n = 1;
  for (int back = 1; back <= LP_MAX_RANK; back++) {
    int64_t widest = 1;
    for (int i = 0; i < c->loss->n_inputs; i++) {
      const lp_tensor *t = &c->inputs[i];
      if (!c->has_input[i] || back > t->rank) continue;
      const int64_t own = smaller(t->shape[t->rank - back], cap);
      if (own > widest) widest = own;
    }
    n = smaller(n * widest, most + 1);
  }
  return n;
}

static bool fit_under(const lp_case *c, int64_t cap) {
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (c->has_input[i] && elements(&c->inputs[i], cap, LP_FUZZ_MAX_ELEMENTS) > LP_FUZZ_MAX_ELEMENTS) return false;
  }
  return terms(c, cap, LP_FUZZ_MAX_TERMS) <= LP_FUZZ_MAX_TERMS;
}

static void cut_at(lp_tensor *tensor, int64_t cap) {
  tensor->numel = 1;
  for (int k = 0; k < tensor->rank; k++) {
    tensor->shape[k] = smaller(tensor->shape[k], cap);
    tensor->numel *= tensor->shape[k];
  }
}

bool lp_shapes_fit(const lp_case *c) {
  for (int i = 0; i < c->loss->n_inputs; i++) {
    for (int k = 0; c->has_input[i] && k < c->inputs[i].rank; k++) {
      if (c->inputs[i].shape[k] > LP_FUZZ_MAX_EXTENT) return false;
    }
  }
  return fit_under(c, LP_FUZZ_MAX_EXTENT);
}

void lp_shapes_cut(lp_case *c) {
  int64_t cap = LP_FUZZ_MAX_EXTENT;
  while (!fit_under(c, cap)) cap /= 2; /* 1 fits */
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (c->has_input[i]) cut_at(&c->inputs[i], cap);
  }
}

void lp_shape_cut(lp_tensor *tensor) {
  int64_t cap = LP_FUZZ_MAX_EXTENT;
  while (elements(tensor, cap, LP_FUZZ_MAX_ELEMENTS) > LP_FUZZ_MAX_ELEMENTS) cap /= 2;
  cut_at(tensor, cap);
}
