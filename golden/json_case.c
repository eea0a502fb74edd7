/* Cases and outcomes from parsed JSON. The keys are those of golden/README.md, and no others. */
#include <math.h>
#include <string.h>

#include "golden/json_internal.h"
#include "reference/registry.h"

enum { MAX_NAMES = LP_MAX_PARAMS + LP_MAX_INPUTS + 3 };

typedef struct reading {
  lp_suite_entry *entry;
  lp_arena *arena;
  const json_t *object; /* the case object */
  lp_error *error;
  const char *outcome;      /* the object of the outcome, in messages: "outcome", "answer" */
  const lp_outcome *layout; /* what the outputs should be like; NULL: not known */
} reading;

/* The value of a key; NULL when it is absent or null, which mean the same. */
static const json_t *get(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  return json_is_null(value) ? NULL : value;
}

static lp_status unexpected(const reading *r, const char *where, const char *expected, const json_t *got) {
  char quoted[LP_QUOTE_MAX];
  return lp_fail(r->error, LP_INVALID, "%s: expected %s, got %s", where, expected, lp_json_describe(quoted, got));
}

/* ---- Words ---- */

static bool is_one_line(const char *text) {
  while ((unsigned char)*text >= 0x20 && *text != 0x7F) text++;
  return *text == '\0';
}

static lp_status keep_text(const reading *r, const char **out, const json_t *value) {
  *out = lp_arena_text(r->arena, json_string_value(value), json_string_length(value));
  return *out ? LP_OK : lp_fail(r->error, LP_NO_MEMORY, "no memory for the text of a case");
}

/* One line of text under a key of the case; *out is left alone when the key is absent. */
static lp_status read_line(const reading *r, const char **out, const char *key, size_t max) {
  const json_t *value = get(r->object, key);
  if (!value) return LP_OK;
  if (!json_is_string(value)) return unexpected(r, key, "a string", value);
  if (json_string_length(value) > max || !is_one_line(json_string_value(value))) {
    return lp_fail(r->error, LP_INVALID, "%s: expected one line of at most %zu bytes without control characters", key,
                   max);
  }
  return keep_text(r, out, value);
}

static lp_status read_id(const reading *r) {
  const json_t *value = get(r->object, "id");
  if (json_is_string(value) && json_string_length(value) == 0) return unexpected(r, "id", "a name", value);
  return read_line(r, &r->entry->c.id, "id", LP_MAX_ID_BYTES);
}

static lp_status read_expect(const reading *r) {
  static const char *const words[] = {"accept", "reject", "either"};
  const json_t *value = get(r->object, "expect");
  for (int i = 0; value && i < 3; i++) {
    if (!json_is_string(value) || strcmp(json_string_value(value), words[i]) != 0) continue;
    r->entry->c.expect = (lp_expect)i;
    return LP_OK;
  }
  return value ? unexpected(r, "expect", "accept, reject or either", value) : LP_OK;
}

/* ---- The loss and its parameters ---- */

static lp_status unknown_loss(const reading *r, const char *name) {
  const lp_loss *nearest = lp_registry_nearest(name);
  char quoted[LP_QUOTE_MAX];
  lp_json_quote(quoted, name);
  if (!nearest) return lp_fail(r->error, LP_INVALID, "loss: there is no loss %s", quoted);
  return lp_fail(r->error, LP_INVALID, "loss: there is no loss %s; did you mean \"%s\"?", quoted, nearest->name);
}

static lp_status read_loss(const reading *r, const lp_loss **loss) {
  const json_t *value = get(r->object, "loss");
  if (!value) return lp_fail(r->error, LP_INVALID, "loss: the key is missing; a case needs \"loss\" and \"inputs\"");
  if (!json_is_string(value)) return unexpected(r, "loss", "the name of a loss", value);
  *loss = lp_registry_find(json_string_value(value));
  return *loss ? LP_OK : unknown_loss(r, json_string_value(value));
}

/* 0 or 1 from false, true, 0 or 1. */
static bool read_flag(double *flag, const json_t *value) {
  lp_json_numeral number;
  if (json_is_boolean(value)) {
    *flag = json_is_true(value) ? 1.0 : 0.0;
    return true;
  }
  if (!lp_json_get_number(&number, value) || (number.d != 0.0 && number.d != 1.0)) return false;
  *flag = number.d == 1.0 ? 1.0 : 0.0;
  return true;
}

/* A number where an integer belongs (p = 1.5) is a case all the same: PyTorch's refusal of it is the loss's business.
 */
static lp_status read_param(const reading *r, const json_t *params, int i) {
  const lp_param_spec *spec = &r->entry->c.loss->params[i];
  const json_t *value = get(params, spec->name);
  double *param = &r->entry->c.params[i];
  char where[LP_PATH_MAX];
  lp_json_numeral number;
  if (!value) return LP_OK;
  snprintf(where, sizeof where, "params.%s", spec->name);
  if (spec->type == LP_PARAM_BOOL) {
    return read_flag(param, value) ? LP_OK : unexpected(r, where, "true or false", value);
  }
  if (!lp_json_get_number(&number, value)) return unexpected(r, where, spec->domain, value);
  *param = number.d;
  return LP_OK;
}

/* -1 for null: PyTorch's None. */
static lp_status read_legacy(const reading *r, const json_t *params, const char *key, int *flag) {
  const json_t *value = get(params, key);
  double number = -1.0;
  char where[LP_PATH_MAX];
  snprintf(where, sizeof where, "params.%s", key);
  if (value && !read_flag(&number, value)) return unexpected(r, where, "true, false or null", value);
  *flag = (int)number;
  return LP_OK;
}

/* PyTorch lets size_average and reduce, when either is given, override reduction. */
static lp_status read_reduction(const reading *r, const json_t *params) {
  lp_case *c = &r->entry->c;
  int size_average, reduce;
  const json_t *word = get(params, "reduction");
  if (word && !json_is_string(word)) return unexpected(r, "params.reduction", "a word", word);
  LP_TRY(read_legacy(r, params, "size_average", &size_average));
  LP_TRY(read_legacy(r, params, "reduce", &reduce));
  if (size_average >= 0 || reduce >= 0) {
    c->reduction = lp_reduction_from_legacy(size_average, reduce);
    c->reduction_word = lp_reduction_name(c->reduction);
  } else if (word) {
    c->reduction = lp_reduction_from_name(json_string_value(word));
    return keep_text(r, &c->reduction_word, word);
  }
  return LP_OK;
}

static lp_status read_params(const reading *r) {
  const lp_loss *loss = r->entry->c.loss;
  const json_t *params = get(r->object, "params");
  const char *names[MAX_NAMES] = {"reduction"};
  int n = 1;
  if (!params) return LP_OK;
  if (!json_is_object(params)) return unexpected(r, "params", "an object", params);
  for (int i = 0; i < loss->n_params; i++) names[n++] = loss->params[i].name;
  if (loss->legacy_reduction) {
    names[n++] = "size_average";
    names[n++] = "reduce";
  }
  LP_TRY(lp_json_check_keys(params, "params", names, n, r->error));
  for (int i = 0; i < loss->n_params; i++) LP_TRY(read_param(r, params, i));
  return read_reduction(r, params);
}

/* ---- Tensors ---- */

/* The objects `dtypes` and `shapes` of a case or an outcome, with only these keys. */
static lp_status read_hints(const reading *r, const json_t **hints, const json_t *object, const char *key,
                            const char *const *names, int n) {
  *hints = get(object, key);
  if (*hints && !json_is_object(*hints)) return unexpected(r, key, "an object", *hints);
  return lp_json_check_keys(*hints, key, names, n, r->error);
}

/* A tensor under `key` of `object`; *present says whether it is there. A shape for a tensor that is not is a mistake.
 */
static lp_status read_tensor(const reading *r, lp_tensor *tensor, bool *present, const json_t *object, const char *key,
                             const lp_json_argument *argument) {
  const json_t *value = get(object, key);
  *present = value != NULL;
  if (value) return lp_json_read_tensor(tensor, r->arena, value, argument, r->error);
  if (!argument->shape_named) return LP_OK;
  return lp_fail(r->error, LP_INVALID, "%s: shapes gives its shape, but it is absent", argument->where);
}

static lp_status read_case_dtype(const reading *r) {
  const json_t *value = get(r->object, "dtype");
  if (!value) return LP_OK;
  const lp_dtype dtype = json_is_string(value) ? lp_dtype_from_name(json_string_value(value)) : LP_DTYPE_COUNT;
  if (dtype == LP_DTYPE_COUNT || !lp_dtype_is_floating(dtype)) {
    return unexpected(r, "dtype", "float64, float32, float16 or bfloat16 (integer dtypes go into dtypes)", value);
  }
  r->entry->c.dtype = dtype;
  return LP_OK;
}

static lp_status read_input(const reading *r, int i, const json_t *inputs, const json_t *dtypes, const json_t *shapes) {
  lp_case *c = &r->entry->c;
  const lp_input_spec *spec = &c->loss->inputs[i];
  lp_json_argument argument = {.dtype = spec->kind == LP_KIND_REAL ? c->dtype : LP_INT64};
  snprintf(argument.where, sizeof argument.where, "inputs.%s", spec->name);
  LP_TRY(lp_json_describe_argument(&argument, spec->name, dtypes, shapes, r->error));
  return read_tensor(r, &c->inputs[i], &c->has_input[i], inputs, spec->name, &argument);
}

static lp_status read_grad_output(const reading *r, const json_t *dtypes, const json_t *shapes) {
  lp_case *c = &r->entry->c;
  lp_json_argument argument = {.where = "grad_output", .dtype = c->dtype};
  LP_TRY(lp_json_describe_argument(&argument, "grad_output", dtypes, shapes, r->error));
  return read_tensor(r, &c->grad_output, &c->has_grad_output, r->object, "grad_output", &argument);
}

/* An answer (an outcome and the id of its question) may go without inputs. */
static lp_status get_inputs(const reading *r, const json_t **inputs) {
  *inputs = get(r->object, "inputs");
  if (!*inputs && !get(r->object, "outcome")) {
    return lp_fail(r->error, LP_INVALID, "inputs: the key is missing; a case needs \"loss\" and \"inputs\"");
  }
  return *inputs && !json_is_object(*inputs) ? unexpected(r, "inputs", "an object", *inputs) : LP_OK;
}

static lp_status read_inputs(const reading *r) {
  const lp_loss *loss = r->entry->c.loss;
  const char *names[MAX_NAMES];
  const json_t *inputs, *dtypes, *shapes;
  for (int i = 0; i < loss->n_inputs; i++) names[i] = loss->inputs[i].name;
  names[loss->n_inputs] = "grad_output";
  LP_TRY(get_inputs(r, &inputs));
  LP_TRY(lp_json_check_keys(inputs, "inputs", names, loss->n_inputs, r->error));
  LP_TRY(read_hints(r, &dtypes, r->object, "dtypes", names, loss->n_inputs + 1));
  LP_TRY(read_hints(r, &shapes, r->object, "shapes", names, loss->n_inputs + 1));
  for (int i = 0; i < loss->n_inputs; i++) LP_TRY(read_input(r, i, inputs, dtypes, shapes));
  return read_grad_output(r, dtypes, shapes);
}

/* ---- Outcomes ---- */

static lp_status outcome_fault(const reading *r, const char *what) {
  return lp_fail(r->error, LP_INVALID, "%s%s", r->outcome, what);
}

static lp_status outcome_unexpected(const reading *r, const char *key, const char *expected, const json_t *got) {
  char where[LP_PATH_MAX];
  snprintf(where, sizeof where, "%s.%s", r->outcome, key);
  return unexpected(r, where, expected, got);
}

/* Readable numbers are of the dtype that is expected, and [] is of the shape that is, when that has no elements. */
static void expect_output(lp_json_argument *argument, const reading *r, int input, const json_t *value) {
  const lp_output *expected = r->layout ? lp_outcome_find(r->layout, input) : NULL;
  if (!expected) return;
  if (!argument->dtype_named) argument->dtype = expected->tensor.dtype;
  const bool nothing = json_is_array(value) && json_array_size(value) == 0 && expected->tensor.numel == 0;
  if (argument->shape_named || !nothing) return;
  argument->shape_named = true;
  argument->rank = expected->tensor.rank;
  memcpy(argument->shape, expected->tensor.shape, sizeof argument->shape);
}

static lp_status read_output(const reading *r, const json_t *outcome, const json_t *values, int input,
                             const json_t *dtypes, const json_t *shapes) {
  const lp_loss *loss = r->entry->c.loss;
  lp_outcome *out = &r->entry->outcome;
  lp_output output = {.input = input};
  lp_json_argument argument = {.dtype = LP_FLOAT64};
  char name[LP_NAME_MAX];
  bool present;
  lp_output_name(name, loss, input);
  snprintf(argument.where, sizeof argument.where, "%s.%s", r->outcome, name);
  LP_TRY(lp_json_describe_argument(&argument, name, dtypes, shapes, r->error));
  const char *key = input == LP_OUTPUT_LOSS ? "loss" : loss->inputs[input].name;
  const json_t *object = input == LP_OUTPUT_LOSS ? outcome : values;
  expect_output(&argument, r, input, get(object, key));
  LP_TRY(read_tensor(r, &output.tensor, &present, object, key, &argument));
  if (!present) return LP_OK;
  if (!lp_dtype_is_floating(output.tensor.dtype)) {
    return lp_fail(r->error, LP_INVALID, "%s: expected a floating dtype, got %s", argument.where,
                   lp_dtype_name(output.tensor.dtype));
  }
  if (!argument.dtype_named && !json_is_object(get(object, key))) out->unstated |= 1u << out->n_outputs;
  out->outputs[out->n_outputs++] = output;
  return LP_OK;
}

/* "loss" and "grad", with their own "dtypes" and "shapes" by the names of the outputs. */
static lp_status read_outputs(const reading *r, const json_t *outcome) {
  const lp_loss *loss = r->entry->c.loss;
  char text[LP_MAX_OUTPUTS][LP_NAME_MAX], where[LP_PATH_MAX];
  const char *names[LP_MAX_OUTPUTS], *inputs[LP_MAX_OUTPUTS];
  const json_t *dtypes, *shapes, *grad = get(outcome, "grad");
  for (int i = LP_OUTPUT_LOSS; i < loss->n_inputs; i++) names[i + 1] = lp_output_name(text[i + 1], loss, i);
  for (int i = 0; i < loss->n_inputs; i++) inputs[i] = loss->inputs[i].name;
  if (!get(outcome, "loss")) return outcome_fault(r, ": an outcome that is ok needs \"loss\"");
  if (grad && !json_is_object(grad)) return outcome_unexpected(r, "grad", "an object", grad);
  snprintf(where, sizeof where, "%s.grad", r->outcome);
  LP_TRY(lp_json_check_keys(grad, where, inputs, loss->n_inputs, r->error));
  LP_TRY(read_hints(r, &dtypes, outcome, "dtypes", names, loss->n_inputs + 1));
  LP_TRY(read_hints(r, &shapes, outcome, "shapes", names, loss->n_inputs + 1));
  for (int i = LP_OUTPUT_LOSS; i < loss->n_inputs; i++) LP_TRY(read_output(r, outcome, grad, i, dtypes, shapes));
  return LP_OK;
}

static lp_status read_outcome_kind(const reading *r, const json_t *outcome) {
  const json_t *value = get(outcome, "status");
  const char *word = json_string_value(value);
  for (int i = LP_OUTCOME_OK; word && i <= LP_OUTCOME_TIMED_OUT; i++) {
    if (strcmp(word, lp_outcome_kind_name((lp_outcome_kind)i)) != 0) continue;
    r->entry->outcome.kind = (lp_outcome_kind)i;
    return LP_OK;
  }
  if (!value) return outcome_fault(r, ".status: the key is missing");
  return outcome_unexpected(r, "status", "ok, rejected, unsupported, crashed or timed_out", value);
}

static lp_status read_outcome_members(const reading *r, const json_t *outcome) {
  lp_outcome *out = &r->entry->outcome;
  LP_TRY(read_outcome_kind(r, outcome));
  const json_t *message = get(outcome, "message");
  if (message && !json_is_string(message)) return outcome_unexpected(r, "message", "a string", message);
  if (message) LP_TRY(keep_text(r, &out->message, message));
  r->entry->has_outcome = true;
  if (out->kind == LP_OUTCOME_OK) return read_outputs(r, outcome);
  if (!get(outcome, "loss") && !get(outcome, "grad")) return LP_OK;
  return outcome_fault(r, ": only an outcome that is ok has \"loss\" and \"grad\"");
}

static lp_status read_outcome(const reading *r) {
  static const char *const keys[] = {"status", "message", "dtypes", "shapes", "loss", "grad"};
  const json_t *outcome = get(r->object, "outcome");
  if (!outcome) return LP_OK;
  if (!json_is_object(outcome)) return unexpected(r, "outcome", "an object", outcome);
  LP_TRY(lp_json_check_keys(outcome, "outcome", keys, 6, r->error));
  return read_outcome_members(r, outcome);
}

/* ---- One answer ---- */

static lp_status check_answer_id(const reading *r) {
  const json_t *value = get(r->object, "id");
  const char *asked = r->entry->c.id;
  char expected[LP_QUOTE_MAX + 24] = "the id of the question, ";
  if (json_is_string(value) && strcmp(json_string_value(value), asked) == 0) return LP_OK;
  if (!value) return lp_fail(r->error, LP_INVALID, "answer.id: the key is missing");
  lp_json_quote(expected + strlen(expected), asked);
  return unexpected(r, "answer.id", expected, value);
}

static lp_status read_answer(const reading *r) {
  static const char *const keys[] = {"id", "status", "message", "dtypes", "shapes", "loss", "grad"};
  if (!json_is_object(r->object)) return unexpected(r, "answer", "an object with \"id\" and \"status\"", r->object);
  LP_TRY(lp_json_check_keys(r->object, "answer", keys, 7, r->error));
  LP_TRY(check_answer_id(r));
  return read_outcome_members(r, r->object);
}

lp_status lp_json_read_answer(lp_outcome *outcome, lp_arena *arena, const lp_case *c, const lp_outcome *layout,
                              const char *text, size_t length, lp_error *error) {
  lp_suite_entry entry = {.c = *c, .outcome = {.message = ""}};
  reading r = {.entry = &entry, .arena = arena, .error = error, .outcome = "answer", .layout = layout};
  lp_arena *parsed = lp_arena_new(0);
  if (!parsed) return lp_fail(error, LP_NO_MEMORY, "no memory for an answer");
  lp_status status = lp_json_parse(&r.object, parsed, "answer", text, length, error);
  if (status == LP_OK) status = read_answer(&r);
  lp_arena_free(parsed);
  *outcome = entry.outcome;
  return status;
}

/* ---- The case ---- */

static lp_status read_members(const reading *r) {
  static const char *const keys[] = {"id",     "loss",        "dtype", "dtypes", "shapes", "params",
                                     "inputs", "grad_output", "hunts", "tags",   "expect", "outcome"};
  lp_case *c = &r->entry->c;
  const lp_loss *loss = NULL;
  LP_TRY(lp_json_check_keys(r->object, "case", keys, (int)(sizeof keys / sizeof *keys), r->error));
  LP_TRY(read_loss(r, &loss));
  const char *id = c->id;
  lp_case_init(c, loss);
  c->id = id;
  LP_TRY(read_line(r, &c->hunts, "hunts", LP_MAX_WORD_BYTES));
  LP_TRY(read_line(r, &c->tags, "tags", LP_MAX_WORD_BYTES));
  LP_TRY(read_expect(r));
  LP_TRY(read_case_dtype(r));
  LP_TRY(read_params(r));
  LP_TRY(read_inputs(r));
  return read_outcome(r);
}

lp_status lp_json_read_case(lp_suite_entry *entry, lp_arena *arena, const json_t *value, lp_error *error) {
  const reading r = {.entry = entry, .arena = arena, .object = value, .error = error, .outcome = "outcome"};
  if (!json_is_object(value)) {
    return unexpected(&r, "case", "an object with \"loss\" and \"inputs\"", value);
  }
  LP_TRY(read_id(&r));
  return read_members(&r);
}
