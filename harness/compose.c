#include "harness/compose.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/plan.h"

enum { N_LETTERS = 128, SIZE_TRIES = 50, HUNTS_MAX = 600 };

static const lp_level *level_of(const lp_recipe *recipe, int factor) {
  return &recipe->factors->factors[factor].levels[recipe->row[factor]];
}

static const lp_level *find_level(const lp_recipe *recipe, lp_factor_kind kind, int index) {
  const int factor = lp_factors_find(recipe->factors, kind, index);
  return factor < 0 ? NULL : level_of(recipe, factor);
}

static const lp_shape_class *shape_class_of(const lp_recipe *recipe) {
  return &recipe->factors->loss->shape_classes[(int)find_level(recipe, LP_FACTOR_SHAPE, 0)->value];
}

/* --- shapes --- */

/* The sizes that a letter may stand for, see loss.h. */
static int64_t draw_size(lp_rng *rng, int letter) {
  switch (letter) {
    case 'N':
      return 1 + lp_rng_below(rng, 5);
    case 'C':
      return 2 + lp_rng_below(rng, 4);
    case 'D':
      return 1 + lp_rng_below(rng, 7);
    case 'T':
      return 1 + lp_rng_below(rng, 8);
    case 'S':
      return lp_rng_below(rng, 5);
    default:
      return 1 + lp_rng_below(rng, 4);
  }
}

static void draw_sizes(int64_t sizes[N_LETTERS], lp_rng *rng) {
  for (int letter = 0; letter < N_LETTERS; ++letter) sizes[letter] = isalpha(letter) ? draw_size(rng, letter) : -1;
}

/* Reads one extent, "3", "N" or "N+1", and moves *at behind it; false when it is none of these. */
static bool read_extent(int64_t *extent, const char **at, const int64_t sizes[N_LETTERS]) {
  char *end = NULL;
  const unsigned char first = (unsigned char)**at, second = (unsigned char)(*at)[1];
  if (isdigit(first)) {
    *extent = strtoll(*at, &end, 10);
    *at = end;
  } else if (first < N_LETTERS && isalpha(first)) {
    const bool shifted = second == '+' || second == '-';
    const long long by = shifted ? strtoll(*at + 1, &end, 10) : 0;
    *extent = sizes[first] + by > 0 ? sizes[first] + by : 0;
    *at = shifted ? end : *at + 1;
  } else {
    return false;
  }
  return **at == ' ' || **at == '\0';
}

static lp_status read_shape(lp_tensor *tensor, lp_dtype dtype, const char *text, const int64_t sizes[N_LETTERS],
                            lp_error *error) {
  int64_t shape[LP_MAX_RANK];
  int rank = 0;
  const char *at = strcmp(text, ".") == 0 ? "" : text + strspn(text, " ");
  while (*at != '\0') {
    if (rank == LP_MAX_RANK || !read_extent(&shape[rank], &at, sizes)) {
      return lp_fail(error, LP_INTERNAL, "shape \"%s\": expected at most %d extents, each a number or a letter", text,
                     LP_MAX_RANK);
    }
    ++rank;
    at += strspn(at, " ");
  }
  return lp_tensor_init(tensor, dtype, rank, shape, error);
}

static bool is_given(const lp_recipe *recipe, int input) {
  const lp_level *const given = find_level(recipe, LP_FACTOR_GIVEN, input);
  return !lp_shape_leaves_out(shape_class_of(recipe), input) && (given == NULL || given->value != 0);
}

/* The dtype in which values are drawn: that of the setting unless the setting is to be rejected. */
static lp_dtype drawn_dtype(const lp_recipe *recipe, int input) {
  const lp_level *level = find_level(recipe, LP_FACTOR_DTYPE, input);
  const int natural = lp_factors_find(recipe->factors, LP_FACTOR_DTYPE, input);
  if (level->use == LP_LEVEL_REJECT) level = &recipe->factors->factors[natural].levels[0];
  return level->value == LP_DTYPE_COUNT ? recipe->dtype : (lp_dtype)level->value;
}

static lp_status lay_out_once(lp_case *c, int64_t *largest, const lp_recipe *recipe, lp_rng *rng, lp_error *error) {
  int64_t sizes[N_LETTERS];
  draw_sizes(sizes, rng);
  *largest = 0;
  for (int i = 0; i < c->loss->n_inputs; ++i) {
    c->has_input[i] = is_given(recipe, i);
    if (!c->has_input[i]) continue;
    LP_TRY(read_shape(&c->inputs[i], drawn_dtype(recipe, i), shape_class_of(recipe)->shapes[i], sizes, error));
    if (c->inputs[i].numel > *largest) *largest = c->inputs[i].numel;
  }
  return LP_OK;
}

/* Small on purpose: sizes are drawn again while a tensor is large, which is no use where the class itself says so. */
static lp_status lay_out(lp_case *c, lp_arena *arena, const lp_recipe *recipe, lp_rng *rng, lp_error *error) {
  int64_t largest = INT64_MAX;
  for (int i = 0; i < SIZE_TRIES && largest > LP_LARGEST_TENSOR; ++i) {
    LP_TRY(lay_out_once(c, &largest, recipe, rng, error));
  }
  for (int i = 0; i < c->loss->n_inputs; ++i) {
    if (c->has_input[i]) LP_TRY(lp_arena_tensor(arena, &c->inputs[i], error));
  }
  return LP_OK;
}

/* --- values --- */

/* A draw hook may write -1 (a terminator, a label) whatever the dtype: what is unsigned begins at 0. */
static void fit_to_dtype(lp_tensor *tensor) {
  const bool is_unsigned = tensor->dtype == LP_UINT8 || tensor->dtype == LP_BOOL;
  for (int64_t i = 0; i < tensor->numel; ++i) {
    if (tensor->f64 != NULL) {
      tensor->f64[i] = lp_dtype_round(tensor->dtype, tensor->f64[i]);
    } else if (is_unsigned && tensor->i64[i] < 0) {
      tensor->i64[i] = 0;
    }
  }
}

/* Gives a tensor a dtype that is to be rejected, after its values were drawn; ordinary values, which fit. */
static lp_status convert(lp_tensor *tensor, lp_arena *arena, lp_dtype dtype, lp_error *error) {
  lp_tensor other = *tensor;
  other.dtype = dtype;
  other.f64 = NULL;
  other.i64 = NULL;
  LP_TRY(lp_arena_tensor(arena, &other, error));
  for (int64_t i = 0; i < tensor->numel; ++i) {
    if (other.f64 != NULL) {
      other.f64[i] = lp_tensor_get(tensor, i);
    } else {
      other.i64[i] = (int64_t)fmax(-100.0, fmin(100.0, lp_tensor_get(tensor, i)));
    }
  }
  *tensor = other;
  return LP_OK;
}

static lp_status fill(lp_case *c, lp_arena *arena, const lp_recipe *recipe, lp_rng *rng, lp_error *error) {
  c->loss->draw(c, rng, (int)find_level(recipe, LP_FACTOR_VALUE, 0)->value);
  for (int i = 0; i < c->loss->n_inputs; ++i) {
    if (!c->has_input[i]) continue;
    const lp_level *const level = find_level(recipe, LP_FACTOR_DTYPE, i);
    const lp_dtype dtype = level->value == LP_DTYPE_COUNT ? recipe->dtype : (lp_dtype)level->value;
    if (dtype != c->inputs[i].dtype) LP_TRY(convert(&c->inputs[i], arena, dtype, error));
    fit_to_dtype(&c->inputs[i]);
  }
  return LP_OK;
}

/* --- the upstream gradient --- */

static double draw_upstream(lp_rng *rng, lp_grad_class grad, int64_t numel) {
  static const double negative[] = {-1.0, -3.0, -0.5, -2.5};
  switch (grad) {
    case LP_GRAD_ONE:
      return 1.0;
    case LP_GRAD_ZERO:
      return 0.0;
    case LP_GRAD_NEGATIVE:
      return lp_rng_pick(rng, negative, 4);
    default:
      return numel > 1 && lp_rng_chance(rng, 0.25) ? 0.0 : lp_rng_normal(rng);
  }
}

/* The loss's shape, or one beside it. */
static lp_status shape_upstream(lp_tensor *upstream, const lp_tensor *loss, lp_grad_class grad, lp_error *error) {
  int64_t shape[LP_MAX_RANK + 1];
  int rank = loss->rank;
  for (int i = 0; i < rank; ++i) shape[i] = loss->shape[i];
  if (grad == LP_GRAD_LONG && rank > 0) ++shape[rank - 1];
  if (grad == LP_GRAD_LONG && rank == 0) shape[rank++] = 2;
  if (grad == LP_GRAD_AXIS) shape[rank++] = 1;
  return lp_tensor_init(upstream, loss->dtype, rank, shape, error);
}

static lp_status add_upstream(lp_case *c, lp_arena *arena, const lp_tensor *loss, lp_grad_class grad, lp_rng *rng,
                              lp_error *error) {
  static const double special[] = {INFINITY, -INFINITY, NAN};
  lp_tensor *const upstream = &c->grad_output;
  LP_TRY(shape_upstream(upstream, loss, grad, error));
  LP_TRY(lp_arena_tensor(arena, upstream, error));
  for (int64_t i = 0; i < upstream->numel; ++i) {
    upstream->f64[i] = lp_dtype_round(upstream->dtype, draw_upstream(rng, grad, upstream->numel));
  }
  if (grad == LP_GRAD_SPECIAL && upstream->numel > 0) {
    const int64_t index = lp_rng_below(rng, upstream->numel);
    upstream->f64[index] = lp_rng_pick(rng, special, 3);
  }
  c->has_grad_output = true;
  return LP_OK;
}

/* --- what the case hunts --- */

typedef struct text {
  char at[HUNTS_MAX];
  size_t length;
} text;

static void append(text *t, const char *format, ...) LP_PRINTF(2, 3);

static void append(text *t, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int n = vsnprintf(t->at + t->length, sizeof t->at - t->length, format, arguments);
  va_end(arguments);
  t->length += (size_t)n;
  if (t->length >= sizeof t->at) t->length = sizeof t->at - 1;
}

static void append_setting(text *t, const lp_factor *factor, const lp_level *level) {
  switch (factor->kind) {
    case LP_FACTOR_GIVEN:
      append(t, "%s given", factor->name);
      break;
    case LP_FACTOR_DTYPE:
      append(t, "%s of %s dtype", factor->name, level->word);
      break;
    case LP_FACTOR_GRAD:
      append(t, "grad_output %s", level->word);
      break;
    default:
      if (level->word != NULL) append(t, "%s=%s", factor->name, level->word);
      if (level->word == NULL) append(t, "%s=%g", factor->name, level->value);
  }
}

/* Does the case hold what the setting says? The settings of an input need the input. */
static bool is_held(const lp_factor *factor, const lp_case *c) {
  switch (factor->kind) {
    case LP_FACTOR_GRAD:
      return c->has_grad_output;
    case LP_FACTOR_GIVEN:
    case LP_FACTOR_DTYPE:
      return c->has_input[factor->index];
    case LP_FACTOR_SHAPE:
    case LP_FACTOR_VALUE:
      return false; /* said by their own texts */
    default:
      return true;
  }
}

/* `before`, then the settings that are not the default: "beta=0.5, grad_output random". */
static void append_options(text *t, const lp_recipe *recipe, const lp_case *c, const char *before) {
  for (int f = 0; f < recipe->factors->n; ++f) {
    const lp_factor *const factor = &recipe->factors->factors[f];
    if (recipe->row[f] == 0 || !is_held(factor, c)) continue;
    append(t, "%s", before);
    append_setting(t, factor, level_of(recipe, f));
    before = ", ";
  }
}

/* What the values hunt, and what the shapes hunt when they are not the usual ones. */
static void append_classes(text *t, const lp_recipe *recipe) {
  const lp_shape_class *const shape = shape_class_of(recipe);
  append(t, "%s", recipe->factors->loss->value_classes[(int)find_level(recipe, LP_FACTOR_VALUE, 0)->value].hunts);
  if (!shape->ordinary) append(t, "; %s", shape->hunts);
}

/* The factor with a setting to be rejected, or -1. */
static int rejected_factor(const lp_recipe *recipe) {
  for (int f = 0; f < recipe->factors->n; ++f) {
    if (level_of(recipe, f)->use == LP_LEVEL_REJECT) return f;
  }
  return -1;
}

static void describe_rejection(text *t, const lp_recipe *recipe, int factor) {
  const lp_factor *const f = &recipe->factors->factors[factor];
  const lp_level *const level = level_of(recipe, factor);
  const char *hunts = "";
  if (f->kind == LP_FACTOR_SHAPE) hunts = recipe->factors->loss->shape_classes[(int)level->value].hunts;
  if (f->kind == LP_FACTOR_VALUE) hunts = recipe->factors->loss->value_classes[(int)level->value].hunts;
  append(t, "accepting what PyTorch refuses: ");
  append_setting(t, f, level);
  if (hunts[0] != '\0') append(t, ": %s", hunts);
}

static lp_status describe(lp_case *c, lp_arena *arena, const lp_recipe *recipe, bool refused, lp_error *error) {
  text t = {.length = 0};
  const int rejected = rejected_factor(recipe);
  if (rejected >= 0) {
    describe_rejection(&t, recipe, rejected);
  } else if (refused) {
    append(&t, "accepting what PyTorch refuses together: shape=%s", shape_class_of(recipe)->name);
    append_options(&t, recipe, c, ", ");
  } else {
    append_classes(&t, recipe);
    append_options(&t, recipe, c, "; an option dropped or mistaken: ");
  }
  c->hunts = lp_arena_text(arena, t.at, t.length);
  const lp_grad_class grad = (lp_grad_class)find_level(recipe, LP_FACTOR_GRAD, 0)->value;
  c->tags = lp_arena_format(arena, "shape=%s value=%s grad=%s", find_level(recipe, LP_FACTOR_SHAPE, 0)->word,
                            find_level(recipe, LP_FACTOR_VALUE, 0)->word,
                            lp_grad_class_name(c->has_grad_output ? grad : LP_GRAD_NONE));
  return c->hunts != NULL && c->tags != NULL ? LP_OK : lp_fail(error, LP_NO_MEMORY, "no memory for a case's texts");
}

/* --- the case --- */

static void set_options(lp_case *c, const lp_recipe *recipe) {
  const lp_level *const reduction = find_level(recipe, LP_FACTOR_REDUCTION, 0);
  c->dtype = recipe->dtype;
  c->reduction = (lp_reduction)reduction->value;
  c->reduction_word = reduction->word;
  for (int i = 0; i < c->loss->n_params; ++i) c->params[i] = find_level(recipe, LP_FACTOR_PARAM, i)->value;
}

lp_status lp_compose(lp_case *c, lp_arena *arena, const lp_recipe *recipe, lp_rng *rng, lp_error *error) {
  lp_plan plan;
  lp_error reason;
  lp_case_init(c, recipe->factors->loss);
  set_options(c, recipe);
  LP_TRY(lay_out(c, arena, recipe, rng, error));
  LP_TRY(fill(c, arena, recipe, rng, error));
  const lp_grad_class grad = (lp_grad_class)find_level(recipe, LP_FACTOR_GRAD, 0)->value;
  const bool refused = lp_plan_init(&plan, c, &reason) != LP_OK;
  if (grad != LP_GRAD_NONE && !refused) {
    LP_TRY(add_upstream(c, arena, &plan.outcome.outputs[0].tensor, grad, rng, error));
  }
  return describe(c, arena, recipe, refused, error);
}

/* --- copies --- */

static lp_status copy_tensor(lp_tensor *copy, lp_arena *arena, const lp_tensor *tensor, lp_error *error) {
  *copy = *tensor;
  copy->f64 = NULL;
  copy->i64 = NULL;
  LP_TRY(lp_arena_tensor(arena, copy, error));
  const size_t n = (size_t)tensor->numel;
  if (tensor->f64 != NULL) memcpy(copy->f64, tensor->f64, n * sizeof *copy->f64);
  if (tensor->i64 != NULL) memcpy(copy->i64, tensor->i64, n * sizeof *copy->i64);
  return LP_OK;
}

lp_status lp_case_copy(lp_case *copy, lp_arena *arena, const lp_case *c, lp_error *error) {
  *copy = *c;
  copy->id = lp_arena_text(arena, c->id, strlen(c->id));
  copy->hunts = lp_arena_text(arena, c->hunts, strlen(c->hunts));
  copy->tags = lp_arena_text(arena, c->tags, strlen(c->tags));
  copy->reduction_word = lp_arena_text(arena, c->reduction_word, strlen(c->reduction_word));
  if (copy->id == NULL || copy->hunts == NULL || copy->tags == NULL || copy->reduction_word == NULL) {
    return lp_fail(error, LP_NO_MEMORY, "no memory for a case's texts");
  }
  for (int i = 0; i < c->loss->n_inputs; ++i) {
    if (c->has_input[i]) LP_TRY(copy_tensor(&copy->inputs[i], arena, &c->inputs[i], error));
  }
  return c->has_grad_output ? copy_tensor(&copy->grad_output, arena, &c->grad_output, error) : LP_OK;
}
