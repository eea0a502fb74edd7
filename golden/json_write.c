#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden/base64.h"
#include "golden/json.h"
#include "golden/packed.h"

/* ---- Numbers ---- */

/* |value| = 0.d1 d2 d3 ... * 10^(point), digits without trailing zeros. */
typedef struct decimal {
  char digits[18];
  int count, point;
} decimal;

enum { LEAST_SURE_DIGITS = 15, MOST_DIGITS = 17 };

/* The nearest decimal of `count` digits, in printf's "%e" form; with `bump`, the next one away from zero. */
static bool reads_back(char text[LP_NUMBER_TEXT], double magnitude, int count, bool bump) {
  snprintf(text, LP_NUMBER_TEXT, "%.*e", count - 1, magnitude);
  char *last = strchr(text, 'e') - 1;
  if (bump && *last != '9') ++*last;
  return strtod(text, NULL) == magnitude;
}

/* A normal number that some decimal of at most 15 digits names is printed by 15 digits as that decimal, so the search
 * begins there; among subnormals it begins at 1. The nearest decimal of n digits reads back if any does, except at
 * powers of two: the doubles below lie closer, and the next decimal up may do where the nearest does not. */
static void shortest_text(char text[LP_NUMBER_TEXT], double magnitude) {
  int exponent;
  const bool power_of_two = frexp(magnitude, &exponent) == 0.5;
  for (int count = magnitude >= 0x1p-1022 ? LEAST_SURE_DIGITS : 1; count < MOST_DIGITS; count++) {
    if (reads_back(text, magnitude, count, false)) return;
    if (power_of_two && reads_back(text, magnitude, count, true)) return;
  }
  snprintf(text, LP_NUMBER_TEXT, "%.*e", MOST_DIGITS - 1, magnitude);
}

/* Takes the digits out of the "%e" form, whatever the locale's decimal point. */
static decimal shortest_decimal(double magnitude) {
  char text[LP_NUMBER_TEXT];
  decimal d = {.count = 0};
  shortest_text(text, magnitude);
  const char *exponent = strchr(text, 'e');
  for (const char *c = text; c < exponent; c++) {
    if (*c >= '0' && *c <= '9') d.digits[d.count++] = *c;
  }
  while (d.count > 1 && d.digits[d.count - 1] == '0') d.count--;
  d.point = (int)strtol(exponent + 1, NULL, 10) + 1;
  return d;
}

static int smaller(int a, int b) { return a < b ? a : b; }
static int larger(int a, int b) { return a > b ? a : b; }

/* As Python's repr: plain from 0.0001 to below 1e16, otherwise with an exponent. A plain number has a digit before the
 * point and one behind it. */
static int layout(char *text, const decimal *d) {
  const bool plain = d->point > -4 && d->point <= 16;
  const int point = plain ? d->point : 1;
  const int end = plain ? larger(point + 1, d->count) : d->count;
  char *at = text;
  for (int i = smaller(point - 1, 0); i < end; i++) {
    if (i == point) *at++ = '.';
    *at++ = i >= 0 && i < d->count ? d->digits[i] : '0';
  }
  *at = '\0';
  return (int)(at - text) + (plain ? 0 : snprintf(at, 8, "e%+03d", d->point - 1));
}

int lp_json_number(char text[LP_NUMBER_TEXT], double value) {
  if (isnan(value)) return snprintf(text, LP_NUMBER_TEXT, "\"NaN\"");
  const int sign = signbit(value) ? 1 : 0;
  if (isinf(value)) return snprintf(text, LP_NUMBER_TEXT, "\"%sInfinity\"", sign ? "-" : "");
  if (sign) text[0] = '-';
  if (value == 0.0) return sign + snprintf(text + sign, 4, "0.0");
  const decimal d = shortest_decimal(fabs(value));
  return sign + layout(text + sign, &d);
}

static void write_number(FILE *out, double value) {
  char text[LP_NUMBER_TEXT];
  lp_json_number(text, value);
  fputs(text, out);
}

/* ---- Strings ---- */

static bool continuation(unsigned char c) { return (c & 0xC0) == 0x80; }

/* Bytes of the well-formed UTF-8 character at s (RFC 3629: no overlong forms, surrogates, nothing past U+10FFFF), or 0.
 * Reads no further than the terminator. */
static int character_bytes(const unsigned char *s) {
  if (s[0] < 0x80) return 1;
  if (s[0] < 0xC2 || s[0] > 0xF4 || !continuation(s[1])) return 0;
  if (s[0] < 0xE0) return 2;
  if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] >= 0xA0)) return 0;
  if ((s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] >= 0x90)) return 0;
  if (!continuation(s[2])) return 0;
  if (s[0] < 0xF0) return 3;
  return continuation(s[3]) ? 4 : 0;
}

/* An ASCII character. DEL needs no escape by RFC 8259, and gets one so that it does not reach a terminal. */
static void write_ascii(FILE *out, unsigned char c) {
  static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: a character, and its letter */
  for (const char *pair = short_forms; *pair; pair += 2) {
    if ((unsigned char)pair[0] != c) continue;
    putc('\\', out);
    putc(pair[1], out);
    return;
  }
  if (c < 0x20 || c == 0x7F) {
    fprintf(out, "\\u%04x", (unsigned)c);
  } else {
    putc(c, out);
  }
}

/* Bytes that are not UTF-8 become U+FFFD, one each. */
void lp_json_write_text(FILE *out, const char *text) {
  const unsigned char *s = (const unsigned char *)text;
  putc('"', out);
  while (*s) {
    const int bytes = character_bytes(s);
    if (bytes == 0) {
      fputs("\\ufffd", out);
    } else if (bytes == 1) {
      write_ascii(out, *s);
    } else {
      fwrite(s, 1, (size_t)bytes, out);
    }
    s += bytes ? bytes : 1;
  }
  putc('"', out);
}

/* ---- Tensors ---- */

static void write_element(FILE *out, const lp_tensor *t, int64_t i) {
  if (lp_dtype_is_floating(t->dtype)) {
    write_number(out, t->f64[i]);
  } else if (t->dtype == LP_BOOL) {
    fputs(t->i64[i] ? "true" : "false", out);
  } else {
    fprintf(out, "%lld", (long long)t->i64[i]);
  }
}

/* The part of the tensor below `axis` lists; *next is the first of its elements. */
static void write_lists(FILE *out, const lp_tensor *t, int axis, int64_t *next) {
  if (axis == t->rank) {
    write_element(out, t, (*next)++);
    return;
  }
  putc('[', out);
  for (int64_t i = 0; i < t->shape[axis]; i++) {
    if (i > 0) putc(',', out);
    write_lists(out, t, axis + 1, next);
  }
  putc(']', out);
}

/* Without elements, the lists say the shape as far as they can: [] for (0, 3), and for (10^8, 0) too. */
void lp_json_write_tensor(FILE *out, const lp_tensor *tensor) {
  int64_t next = 0;
  if (tensor->numel == 0) {
    fputs("[]", out);
  } else {
    write_lists(out, tensor, 0, &next);
  }
}

static void write_shape(FILE *out, const lp_tensor *t) {
  putc('[', out);
  for (int i = 0; i < t->rank; i++) fprintf(out, i ? ",%lld" : "%lld", (long long)t->shape[i]);
  putc(']', out);
}

enum { PACKED_ELEMENTS = 384 }; /* at a time: a multiple of 3, so that no padding falls between */

static void write_packed(FILE *out, const lp_tensor *t) {
  unsigned char bytes[PACKED_ELEMENTS * 8];
  char text[PACKED_ELEMENTS * 8 / 3 * 4];
  fprintf(out, "{\"dtype\":\"%s\",\"shape\":", lp_dtype_name(t->dtype));
  write_shape(out, t);
  fputs(",\"data\":\"", out);
  for (int64_t first = 0; first < t->numel; first += PACKED_ELEMENTS) {
    const int64_t count = t->numel - first < PACKED_ELEMENTS ? t->numel - first : PACKED_ELEMENTS;
    const size_t length = (size_t)count * lp_dtype_size(t->dtype);
    lp_packed_put(bytes, t, first, count);
    lp_base64_encode(text, bytes, length);
    fwrite(text, 1, lp_base64_length(length), out);
  }
  fputs("\"}", out);
}

static void write_tensor(FILE *out, const lp_tensor *t, lp_json_style style) {
  if (style == LP_JSON_PACKED) {
    write_packed(out, t);
  } else {
    lp_json_write_tensor(out, t);
  }
}

/* ---- Objects ---- */

/* A tensor with the name under which `dtypes` and `shapes` know it, and the dtype it has when they are silent. */
typedef struct named_tensor {
  const char *name;
  const lp_tensor *tensor;
  lp_dtype usual;
} named_tensor;

static void write_key(FILE *out, const char *separator, const char *key) {
  fputs(separator, out);
  lp_json_write_text(out, key);
  fputs(": ", out);
}

/* `, "dtypes": {...}` for the tensors whose dtype is not the usual one. */
static void write_dtypes(FILE *out, const named_tensor *tensors, int n) {
  bool first = true;
  for (int i = 0; i < n; i++) {
    const lp_dtype dtype = tensors[i].tensor->dtype;
    if (dtype == tensors[i].usual) continue;
    if (first) write_key(out, ", ", "dtypes");
    write_key(out, first ? "{" : ", ", tensors[i].name);
    lp_json_write_text(out, lp_dtype_name(dtype));
    first = false;
  }
  if (!first) putc('}', out);
}

/* `, "shapes": {...}` for the tensors whose shape [] does not say: all empty ones but those of shape (0). */
static void write_shapes(FILE *out, const named_tensor *tensors, int n) {
  bool first = true;
  for (int i = 0; i < n; i++) {
    const lp_tensor *t = tensors[i].tensor;
    if (t->numel > 0 || t->rank == 1) continue;
    if (first) write_key(out, ", ", "shapes");
    write_key(out, first ? "{" : ", ", tensors[i].name);
    write_shape(out, t);
    first = false;
  }
  if (!first) putc('}', out);
}

static void write_hints(FILE *out, const named_tensor *tensors, int n) {
  write_dtypes(out, tensors, n);
  write_shapes(out, tensors, n);
}

/* An integer parameter may hold what is none: a case that is there to be refused. */
static bool is_plain_integer(double value) {
  return fabs(value) <= 0x1p53 && value == floor(value) && !(value == 0.0 && signbit(value));
}

static void write_param(FILE *out, const lp_param_spec *spec, double value) {
  if (spec->type == LP_PARAM_BOOL && (value == 0.0 || value == 1.0)) {
    fputs(value == 1.0 ? "true" : "false", out);
  } else if (spec->type == LP_PARAM_INT && is_plain_integer(value)) {
    fprintf(out, "%lld", (long long)value);
  } else {
    write_number(out, value);
  }
}

static void write_params(FILE *out, const lp_case *c) {
  write_key(out, ", ", "params");
  write_key(out, "{", "reduction");
  lp_json_write_text(out, c->reduction_word ? c->reduction_word : lp_reduction_name(c->reduction));
  for (int i = 0; i < c->loss->n_params; i++) {
    write_key(out, ", ", c->loss->params[i].name);
    write_param(out, &c->loss->params[i], c->params[i]);
  }
  putc('}', out);
}

static void write_case_hints(FILE *out, const lp_case *c) {
  named_tensor tensors[LP_MAX_INPUTS + 1];
  int n = 0;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    const lp_input_spec *spec = &c->loss->inputs[i];
    const lp_dtype usual = spec->kind == LP_KIND_REAL ? c->dtype : LP_INT64;
    if (c->has_input[i]) tensors[n++] = (named_tensor){spec->name, &c->inputs[i], usual};
  }
  if (c->has_grad_output) tensors[n++] = (named_tensor){"grad_output", &c->grad_output, c->dtype};
  write_hints(out, tensors, n);
}

static void write_inputs(FILE *out, const lp_case *c, lp_json_style style) {
  const char *separator = "";
  write_key(out, ", ", "inputs");
  putc('{', out);
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!c->has_input[i]) continue;
    write_key(out, separator, c->loss->inputs[i].name);
    write_tensor(out, &c->inputs[i], style);
    separator = ", ";
  }
  putc('}', out);
  if (!c->has_grad_output) return;
  write_key(out, ", ", "grad_output");
  write_tensor(out, &c->grad_output, style);
}

/* The tensors of the outcome's outputs from..to, each under its own key. */
static void write_members(FILE *out, const lp_loss *loss, const lp_outcome *outcome, int from, int to,
                          lp_json_style style) {
  const char *separator = "";
  for (int i = from; i <= to; i++) {
    const lp_output *output = lp_outcome_find(outcome, i);
    if (!output) continue;
    write_key(out, separator, i == LP_OUTPUT_LOSS ? "loss" : loss->inputs[i].name);
    write_tensor(out, &output->tensor, style);
    separator = ", ";
  }
}

static void write_outputs(FILE *out, const lp_loss *loss, const lp_outcome *outcome, lp_json_style style) {
  write_members(out, loss, outcome, LP_OUTPUT_LOSS, LP_OUTPUT_LOSS, style);
  fputs(", \"grad\": {", out);
  write_members(out, loss, outcome, 0, loss->n_inputs - 1, style);
  putc('}', out);
}

void lp_json_write_outputs(FILE *out, const lp_loss *loss, const lp_outcome *outcome) {
  write_outputs(out, loss, outcome, LP_JSON_READABLE);
}

static void write_outcome(FILE *out, const lp_loss *loss, const lp_outcome *outcome, lp_json_style style) {
  named_tensor tensors[LP_MAX_OUTPUTS];
  char names[LP_MAX_OUTPUTS][LP_NAME_MAX];
  write_key(out, ", ", "outcome");
  write_key(out, "{", "status");
  lp_json_write_text(out, lp_outcome_kind_name(outcome->kind));
  if (outcome->message[0]) {
    write_key(out, ", ", "message");
    lp_json_write_text(out, outcome->message);
  }
  if (outcome->kind == LP_OUTCOME_OK) {
    for (int i = 0; i < outcome->n_outputs; i++) {
      const lp_output *o = &outcome->outputs[i];
      tensors[i] = (named_tensor){lp_output_name(names[i], loss, o->input), &o->tensor, LP_FLOAT64};
    }
    if (style == LP_JSON_READABLE) write_hints(out, tensors, outcome->n_outputs);
    fputs(", ", out);
    write_outputs(out, loss, outcome, style);
  }
  putc('}', out);
}

static void write_label(FILE *out, const char *key, const char *text) {
  if (text[0] == '\0') return;
  write_key(out, ", ", key);
  lp_json_write_text(out, text);
}

static void write_head(FILE *out, const lp_case *c, bool with_id) {
  putc('{', out);
  if (with_id) {
    write_key(out, "", "id");
    lp_json_write_text(out, c->id);
  }
  write_key(out, with_id ? ", " : "", "loss");
  lp_json_write_text(out, c->loss->name);
  write_key(out, ", ", "dtype");
  lp_json_write_text(out, lp_dtype_name(c->dtype));
}

static lp_status check_written(FILE *out, lp_error *error) {
  return ferror(out) ? lp_fail(error, LP_IO, "cannot write a case: %s", strerror(errno)) : LP_OK;
}

static void write_want(FILE *out, const lp_loss *loss, const lp_outcome *want) {
  write_key(out, ", ", "want");
  putc('{', out);
  for (int i = 0; i < want->n_outputs; i++) {
    char name[LP_NAME_MAX];
    write_key(out, i ? ", " : "", lp_output_name(name, loss, want->outputs[i].input));
    lp_json_write_text(out, lp_dtype_name(want->outputs[i].tensor.dtype));
  }
  putc('}', out);
}

lp_status lp_json_write_question(FILE *out, const lp_case *c, const lp_outcome *want, lp_error *error) {
  write_head(out, c, true);
  write_params(out, c);
  write_inputs(out, c, LP_JSON_PACKED);
  write_want(out, c->loss, want);
  putc('}', out);
  return check_written(out, error);
}

void lp_json_write_greeting(FILE *out, const char *version) {
  fprintf(out, "{\"lossproof\": {\"protocol\": %d, \"version\": ", LP_PROTOCOL);
  lp_json_write_text(out, version);
  fputs("}}", out);
}

lp_status lp_json_write_case(FILE *out, const lp_case *c, const lp_outcome *outcome, lp_json_style style,
                             lp_error *error) {
  write_head(out, c, c->id[0] != 0);
  write_params(out, c);
  if (style == LP_JSON_READABLE) write_case_hints(out, c);
  write_inputs(out, c, style);
  write_label(out, "hunts", c->hunts);
  write_label(out, "tags", c->tags);
  if (c->expect != LP_EXPECT_ACCEPT) write_label(out, "expect", c->expect == LP_EXPECT_REJECT ? "reject" : "either");
  if (outcome) write_outcome(out, c->loss, outcome, style);
  putc('}', out);
  return check_written(out, error);
}
