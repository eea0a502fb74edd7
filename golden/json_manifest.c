/* The capability manifest from parsed JSON. What stands at the top holds for every loss, and a loss's own object over
 * it. The keys are those of golden/README.md, and no others. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "golden/json_internal.h"
#include "reference/registry.h"

enum { MAX_VALUES = 64, MAX_NAMES = 16 };

/* Some losses to which an object applies: all of them, or one. */
typedef struct reading {
  lp_capability *losses;
  int n_losses;
  lp_arena *arena;
  lp_error *error;
} reading;

static lp_status unexpected(const reading *r, const char *where, const char *expected, const json_t *got) {
  char quoted[LP_QUOTE_MAX];
  return lp_fail(r->error, LP_INVALID, "%s: expected %s, got %s", where, expected, lp_json_describe(quoted, got));
}

static lp_status no_memory(const reading *r) { return lp_fail(r->error, LP_NO_MEMORY, "no memory for a manifest"); }

/* "WHERE[i]" and "WHERE.NAME". */
static const char *item(char here[LP_PATH_MAX], const char *where, size_t i) {
  snprintf(here, LP_PATH_MAX, "%.*s[%zu]", LP_PATH_MAX - 24, where, i);
  return here;
}

static const char *member(char here[LP_PATH_MAX], const char *where, const char *name) {
  snprintf(here, LP_PATH_MAX, "%.*s.%.40s", LP_PATH_MAX - 48, where, name);
  return here;
}

/* ---- Sets of words ---- */

/* A set of words as bits: what a loss has to offer under each. */
typedef struct vocabulary {
  int (*size)(const lp_loss *loss);
  const char *(*word)(const lp_loss *loss, int i); /* NULL: bit i is none of this loss's */
  bool may_be_empty;
} vocabulary;

static int index_of_word(const vocabulary *v, const lp_loss *loss, const char *word) {
  for (int i = 0; i < v->size(loss); i++) {
    const char *have = v->word(loss, i);
    if (have && strcmp(have, word) == 0) return i;
  }
  return -1;
}

/* The words that the losses at hand know, each once. */
static int list_words(const char *names[MAX_NAMES], const reading *r, const vocabulary *v) {
  int n = 0;
  for (int k = 0; k < r->n_losses; k++) {
    for (int i = 0; i < v->size(r->losses[k].loss); i++) {
      const char *word = v->word(r->losses[k].loss, i);
      int seen = 0;
      while (word && seen < n && strcmp(names[seen], word) != 0) seen++;
      if (word && seen == n && n < MAX_NAMES) names[n++] = word;
    }
  }
  return n;
}

static lp_status unknown_word(const reading *r, const vocabulary *v, const char *where, const json_t *got) {
  const char *names[MAX_NAMES];
  char known[256];
  const int n = list_words(names, r, v);
  lp_json_join_names(known, sizeof known, names, n);
  return unexpected(r, where, n > 0 ? known : "an empty list", got);
}

/* Reads a list of words into the bits at `offset` of each capability. */
static lp_status read_words(const reading *r, const json_t *value, const char *where, const vocabulary *v,
                            size_t offset) {
  if (!json_is_array(value)) return unexpected(r, where, "a list of names", value);
  if (json_array_size(value) == 0 && !v->may_be_empty) return unexpected(r, where, "at least one name", value);
  for (int k = 0; k < r->n_losses; k++) *(unsigned *)((char *)&r->losses[k] + offset) = 0;
  for (size_t i = 0; i < json_array_size(value); i++) {
    const json_t *word = json_array_get(value, i);
    bool known = false;
    for (int k = 0; json_is_string(word) && k < r->n_losses; k++) {
      const int bit = index_of_word(v, r->losses[k].loss, json_string_value(word));
      if (bit >= 0) *(unsigned *)((char *)&r->losses[k] + offset) |= 1u << bit;
      known |= bit >= 0;
    }
    char here[LP_PATH_MAX];
    item(here, where, i);
    if (!known) return unknown_word(r, v, here, word);
  }
  return LP_OK;
}

static int count_dtypes(const lp_loss *loss) {
  (void)loss;
  return LP_BFLOAT16 + 1;
}

static const char *dtype_word(const lp_loss *loss, int i) {
  (void)loss;
  return lp_dtype_name((lp_dtype)i);
}

static int count_reductions(const lp_loss *loss) {
  (void)loss;
  return LP_REDUCTION_UNKNOWN;
}

static const char *reduction_word(const lp_loss *loss, int i) {
  return loss->reductions & (1u << i) ? lp_reduction_name((lp_reduction)i) : NULL;
}

static int count_inputs(const lp_loss *loss) { return loss->n_inputs; }

static const char *optional_word(const lp_loss *loss, int i) {
  return loss->inputs[i].optional ? loss->inputs[i].name : NULL;
}

static const char *gradient_word(const lp_loss *loss, int i) {
  return loss->inputs[i].differentiable ? loss->inputs[i].name : NULL;
}

static lp_status read_dtypes(const reading *r, const json_t *value, const char *where) {
  static const vocabulary v = {count_dtypes, dtype_word, false};
  return read_words(r, value, where, &v, offsetof(lp_capability, dtypes));
}

static lp_status read_reductions(const reading *r, const json_t *value, const char *where) {
  static const vocabulary v = {count_reductions, reduction_word, false};
  return read_words(r, value, where, &v, offsetof(lp_capability, reductions));
}

static lp_status read_optional_inputs(const reading *r, const json_t *value, const char *where) {
  static const vocabulary v = {count_inputs, optional_word, true};
  return read_words(r, value, where, &v, offsetof(lp_capability, optional_inputs));
}

static lp_status read_gradients(const reading *r, const json_t *value, const char *where) {
  static const vocabulary v = {count_inputs, gradient_word, true};
  return read_words(r, value, where, &v, offsetof(lp_capability, gradients));
}

static lp_status read_layouts(const reading *r, const json_t *value, const char *where) {
  bool contiguous = false, strided = false;
  if (!json_is_array(value)) return unexpected(r, where, "a list of names", value);
  for (size_t i = 0; i < json_array_size(value); i++) {
    const json_t *word = json_array_get(value, i);
    const char *text = json_is_string(word) ? json_string_value(word) : "";
    char here[LP_PATH_MAX];
    item(here, where, i);
    if (strcmp(text, "contiguous") != 0 && strcmp(text, "strided") != 0) {
      return unexpected(r, here, "contiguous or strided", word);
    }
    contiguous |= text[0] == 'c';
    strided |= text[0] == 's';
  }
  if (!contiguous) return unexpected(r, where, "contiguous among the layouts", value);
  for (int k = 0; k < r->n_losses; k++) r->losses[k].strided = strided;
  return LP_OK;
}

/* ---- Ranges ---- */

/* {"min": a, "max": b}: each may be absent, and then keeps its value. */
static lp_status read_interval(const reading *r, double *lo, double *hi, const json_t *value, const char *where) {
  static const char *const keys[] = {"min", "max"};
  double *const ends[] = {lo, hi};
  LP_TRY(lp_json_check_keys(value, where, keys, 2, r->error));
  for (int i = 0; i < 2; i++) {
    const json_t *end = json_object_get(value, keys[i]);
    lp_json_numeral number;
    char here[LP_PATH_MAX];
    if (!end) continue;
    member(here, where, keys[i]);
    if (!lp_json_get_number(&number, end) || isnan(number.d)) return unexpected(r, here, "a number", end);
    *ends[i] = number.d;
  }
  if (*lo > *hi) return lp_fail(r->error, LP_INVALID, "%s: min is above max", where);
  return LP_OK;
}

static lp_status read_ranks(const reading *r, const json_t *value, const char *where) {
  double lo = 0, hi = LP_MAX_RANK;
  if (!json_is_object(value)) return unexpected(r, where, "{\"min\": RANK, \"max\": RANK}", value);
  LP_TRY(read_interval(r, &lo, &hi, value, where));
  if (lo != floor(lo) || hi != floor(hi) || lo < 0 || hi > LP_MAX_RANK) {
    return lp_fail(r->error, LP_INVALID, "%s: expected whole numbers from 0 to %d", where, LP_MAX_RANK);
  }
  for (int k = 0; k < r->n_losses; k++) {
    r->losses[k].min_rank = (int)lo;
    r->losses[k].max_rank = (int)hi;
  }
  return LP_OK;
}

static bool read_setting(double *setting, const json_t *value) {
  lp_json_numeral number;
  if (json_is_boolean(value)) {
    *setting = json_is_true(value);
    return true;
  }
  if (!lp_json_get_number(&number, value)) return false;
  *setting = number.d;
  return true;
}

static lp_status read_values(const reading *r, lp_parameter_range *range, const json_t *value, const char *where) {
  const size_t n = json_array_size(value);
  if (n == 0 || n > MAX_VALUES) return unexpected(r, where, "1 to 64 values", value);
  double *values = lp_arena_alloc(r->arena, n, sizeof *values);
  if (!values) return no_memory(r);
  for (size_t i = 0; i < n; i++) {
    char here[LP_PATH_MAX];
    item(here, where, i);
    if (!read_setting(&values[i], json_array_get(value, i))) {
      return unexpected(r, here, "a number, true or false", json_array_get(value, i));
    }
  }
  *range = (lp_parameter_range){.restricted = true, .values = values, .n_values = (int)n};
  return LP_OK;
}

static lp_status read_range(const reading *r, lp_parameter_range *range, const json_t *value, const char *where) {
  if (json_is_array(value)) return read_values(r, range, value, where);
  if (!json_is_object(value)) return unexpected(r, where, "a list of values, or {\"min\": A, \"max\": B}", value);
  *range = (lp_parameter_range){.restricted = true, .lo = -INFINITY, .hi = INFINITY};
  return read_interval(r, &range->lo, &range->hi, value, where);
}

static int count_params(const lp_loss *loss) { return loss->n_params; }
static const char *param_word(const lp_loss *loss, int i) { return loss->params[i].name; }

static lp_status read_params(const reading *r, const json_t *value, const char *where) {
  static const vocabulary v = {count_params, param_word, true};
  const char *names[MAX_NAMES];
  if (!json_is_object(value)) return unexpected(r, where, "an object", value);
  LP_TRY(lp_json_check_keys(value, where, names, list_words(names, r, &v), r->error));
  for (void *at = json_object_iter((json_t *)value); at; at = json_object_iter_next((json_t *)value, at)) {
    lp_parameter_range range;
    char here[LP_PATH_MAX];
    member(here, where, json_object_iter_key(at));
    LP_TRY(read_range(r, &range, json_object_iter_value(at), here));
    for (int k = 0; k < r->n_losses; k++) {
      const int i = index_of_word(&v, r->losses[k].loss, json_object_iter_key(at));
      if (i >= 0) r->losses[k].params[i] = range;
    }
  }
  return LP_OK;
}

/* ---- One word, and flags ---- */

static lp_status read_ctc_gradient(const reading *r, const json_t *value, const char *where) {
  static const char *const words[] = {"log_softmax", "posterior"};
  bool of_ctc = false;
  for (int k = 0; k < r->n_losses; k++) of_ctc |= r->n_losses > 1 || strcmp(r->losses[k].loss->name, "ctc") == 0;
  if (!of_ctc) return lp_fail(r->error, LP_INVALID, "%s: only ctc has this key", where);
  for (int i = 0; json_is_string(value) && i < 2; i++) {
    if (strcmp(json_string_value(value), words[i]) != 0) continue;
    for (int k = 0; k < r->n_losses; k++) r->losses[k].ctc_gradient = (lp_ctc_gradient)i;
    return LP_OK;
  }
  return unexpected(r, where, "log_softmax or posterior", value);
}

static lp_status read_flag(const reading *r, const json_t *value, const char *where, size_t offset) {
  if (!json_is_boolean(value)) return unexpected(r, where, "true or false", value);
  for (int k = 0; k < r->n_losses; k++) *(bool *)((char *)&r->losses[k] + offset) = json_is_true(value);
  return LP_OK;
}

/* ---- Objects ---- */

typedef struct key {
  const char *name;
  lp_status (*read)(const reading *r, const json_t *value, const char *where); /* NULL: a flag */
  size_t flag;
} key;

static const key keys[] = {
    {"dtypes", read_dtypes, 0},
    {"ranks", read_ranks, 0},
    {"reductions", read_reductions, 0},
    {"params", read_params, 0},
    {"optional_inputs", read_optional_inputs, 0},
    {"gradients", read_gradients, 0},
    {"layouts", read_layouts, 0},
    {"ctc_gradient", read_ctc_gradient, 0},
    {"broadcasting", NULL, offsetof(lp_capability, broadcasting)},
    {"empty", NULL, offsetof(lp_capability, empty)},
    {"mixed_dtypes", NULL, offsetof(lp_capability, mixed_dtypes)},
    {"grad_output", NULL, offsetof(lp_capability, grad_output)},
    {"special_values", NULL, offsetof(lp_capability, special_values)},
    {"validates", NULL, offsetof(lp_capability, validates)},
    {"deterministic", NULL, offsetof(lp_capability, deterministic)},
    {"flushes_subnormals", NULL, offsetof(lp_capability, flushes_subnormals)},
};

enum { N_KEYS = sizeof keys / sizeof keys[0] };

/* extra: one more key that is allowed, or NULL. */
static lp_status read_capabilities(const reading *r, const json_t *object, const char *where, const char *extra) {
  const char *names[N_KEYS + 1];
  for (int i = 0; i < N_KEYS; i++) names[i] = keys[i].name;
  names[N_KEYS] = extra;
  LP_TRY(lp_json_check_keys(object, where, names, N_KEYS + (extra != NULL), r->error));
  for (int i = 0; i < N_KEYS; i++) {
    const json_t *value = json_object_get(object, keys[i].name);
    char here[LP_PATH_MAX];
    if (!value) continue;
    member(here, where, keys[i].name);
    LP_TRY(keys[i].read ? keys[i].read(r, value, here) : read_flag(r, value, here, keys[i].flag));
  }
  return LP_OK;
}

/* own: what is declared of this loss alone, or NULL. */
static lp_status read_loss(const reading *r, const char *name, const json_t *own, const char *where) {
  const lp_loss *loss = lp_registry_find(name), *nearest = lp_registry_nearest(name);
  char quoted[LP_QUOTE_MAX];
  int k = 0;
  if (!loss) {
    return lp_fail(r->error, LP_INVALID, "%s: there is no loss %s%s%s%s", where, lp_json_quote(quoted, name),
                   nearest ? "; did you mean \"" : "", nearest ? nearest->name : "", nearest ? "\"?" : "");
  }
  while (r->losses[k].loss != loss) k++;
  if (r->losses[k].supported) return lp_fail(r->error, LP_INVALID, "%s: %s is declared twice", where, loss->name);
  r->losses[k].supported = true;
  const reading one = {&r->losses[k], 1, r->arena, r->error};
  if (own && !json_is_object(own)) return unexpected(r, where, "an object, {} when nothing is to be added", own);
  return own ? read_capabilities(&one, own, where, NULL) : LP_OK;
}

static lp_status read_loss_list(const reading *r, const json_t *list) {
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *name = json_array_get(list, i);
    char where[LP_PATH_MAX];
    item(where, "manifest.losses", i);
    if (!json_is_string(name)) return unexpected(r, where, "the name of a loss", name);
    LP_TRY(read_loss(r, json_string_value(name), NULL, where));
  }
  return LP_OK;
}

static lp_status read_loss_objects(const reading *r, const json_t *object) {
  for (void *at = json_object_iter((json_t *)object); at; at = json_object_iter_next((json_t *)object, at)) {
    const char *name = json_object_iter_key(at);
    char where[LP_PATH_MAX], quoted[LP_QUOTE_MAX];
    lp_json_quote(quoted, name);
    snprintf(where, sizeof where, "manifest.losses.%.*s", (int)strlen(quoted) - 2, quoted + 1);
    LP_TRY(read_loss(r, name, json_object_iter_value(at), where));
  }
  return LP_OK;
}

static lp_status read_losses(const reading *r, const json_t *value) {
  if (!value) return LP_OK;
  for (int k = 0; k < r->n_losses; k++) r->losses[k].supported = false;
  if (json_is_object(value) && json_object_size(value) > 0) return read_loss_objects(r, value);
  if (json_is_array(value) && json_array_size(value) > 0) return read_loss_list(r, value);
  return unexpected(r, "manifest.losses", "{\"NAME\": {...}, ...} or a list of names, at least one", value);
}

lp_status lp_json_read_manifest(lp_manifest *manifest, lp_arena *arena, const json_t *value, lp_error *error) {
  const reading all = {manifest->losses, lp_registry_count(), arena, error};
  if (!json_is_object(value)) return unexpected(&all, "manifest", "an object", value);
  LP_TRY(read_capabilities(&all, value, "manifest", "losses"));
  return read_losses(&all, json_object_get(value, "losses"));
}

lp_status lp_manifest_read(lp_manifest *manifest, lp_arena *arena, const char *text, size_t length, lp_error *error) {
  const json_t *value;
  lp_arena *parsed = lp_arena_new(0);
  manifest->text = lp_arena_text(arena, text, length);
  if (!parsed || !manifest->text) {
    lp_arena_free(parsed);
    return lp_fail(error, LP_NO_MEMORY, "no memory for a manifest");
  }
  lp_status status = lp_json_parse(&value, parsed, "manifest", text, length, error);
  if (status == LP_OK) status = lp_json_read_manifest(manifest, arena, value, error);
  lp_arena_free(parsed);
  return status;
}
