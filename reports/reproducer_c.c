/* A reproducer in C99 over lossproof/plugin.h. Floating numbers are hex-floats, those of 16 bits their bits. */
#include <inttypes.h>
#include <math.h>

#include "golden/bits.h"
#include "reports/reproducer_internal.h"

enum { PER_LINE = 6 };

static void text_literal(FILE *out, const char *text) {
  fputc('"', out);
  for (; *text; text++) {
    const unsigned char c = (unsigned char)*text;
    const bool plain = c >= ' ' && c < 0x7F && c != '"' && c != '\\' && c != '?';
    fprintf(out, plain ? "%c" : "\\%03o", c);
  }
  fputc('"', out);
}

static void real(FILE *out, double x, const char *suffix) {
  if (isnan(x)) {
    fputs("NAN", out);
  } else if (isinf(x)) {
    fputs(x > 0 ? "INFINITY" : "-INFINITY", out);
  } else {
    fprintf(out, "%a%s", x, suffix);
  }
}

/* INT64_MIN is no literal. */
static void integer(FILE *out, int64_t x) {
  if (x == INT64_MIN) {
    fputs("(-9223372036854775807LL - 1)", out);
  } else {
    fprintf(out, x > INT32_MAX || x < -INT32_MAX ? "%" PRId64 "LL" : "%" PRId64, x);
  }
}

static const char *type_of(lp_dtype dtype) {
  static const char *const types[LP_DTYPE_COUNT] = {"double",  "float",   "uint16_t", "uint16_t", "int64_t",
                                                    "int32_t", "int16_t", "int8_t",   "uint8_t",  "uint8_t"};
  return types[dtype];
}

static const char *token_of(lp_dtype dtype) {
  static const char *const tokens[LP_DTYPE_COUNT] = {
      "LOSSPROOF_FLOAT64", "LOSSPROOF_FLOAT32", "LOSSPROOF_FLOAT16", "LOSSPROOF_BFLOAT16", "LOSSPROOF_INT64",
      "LOSSPROOF_INT32",   "LOSSPROOF_INT16",   "LOSSPROOF_INT8",    "LOSSPROOF_UINT8",    "LOSSPROOF_BOOL"};
  return tokens[dtype];
}

static void element(FILE *out, const lp_tensor *t, int64_t i) {
  if (!t->f64) {
    integer(out, t->i64[i]);
  } else if (t->dtype == LP_FLOAT64 || t->dtype == LP_FLOAT32) {
    real(out, t->f64[i], t->dtype == LP_FLOAT32 ? "f" : "");
  } else {
    fprintf(out, "0x%04x", (unsigned)lp_float_bits(t->dtype, t->f64[i]));
  }
}

/* Arrays have at least one element. */
static void values(FILE *out, const char *name, const lp_tensor *t) {
  fprintf(out, "static %s %s[] = {", type_of(t->dtype), name);
  for (int64_t i = 0; i < t->numel; i++) {
    fputs(i == 0 ? "" : i % PER_LINE == 0 ? ",\n    " : ", ", out);
    element(out, t, i);
  }
  fputs(t->numel == 0 ? "0};\n" : "};\n", out);
}

static void extents(FILE *out, const char *what, const char *name, const lp_tensor *t) {
  fprintf(out, "static const int64_t %s_%s[] = {", what, name);
  for (int i = 0; i < t->rank; i++) {
    int64_t x = t->shape[i];
    if (what[1] == 't') { /* strides */
      x = 1;
      for (int j = i + 1; j < t->rank; j++) x *= t->shape[j];
    }
    fprintf(out, "%s%" PRId64, i ? ", " : "", x);
  }
  fputs(t->rank == 0 ? "0};\n" : "};\n", out);
}

/* One lossproof_tensor, as an initializer. */
static void descriptor(FILE *out, const char *name, const char *variable, const lp_tensor *t) {
  fprintf(out, "{\"%s\", %s, LOSSPROOF_DEVICE_CPU, %d, 0,\n     shape_%s, strides_%s, %" PRId64 ", %s}", name,
          token_of(t->dtype), t->rank, variable, variable, t->numel, variable);
}

static void head(FILE *out, const lp_case *c) {
  fputs("/* ", out);
  lp_reproducer_comment(out, c->id);
  if (*c->hunts) {
    fputs("\n * hunts: ", out);
    lp_reproducer_comment(out, c->hunts);
  }
  fprintf(out,
          "\n *\n * cc -std=c99 $(pkg-config --cflags lossproof) THIS.c YOUR_PLUGIN.c -lm -o repro && ./repro\n"
          " *\n * Prints every number beside the right one; the exit code is 1 when one is outside its budget.\n"
          " * What is right was proven by lossproof %s in ball arithmetic. */\n"
          "#include <lossproof/plugin.h>\n#include <math.h>\n#include <stdio.h>\n\n",
          LOSSPROOF_VERSION);
}

static void given(FILE *out, const char *variable, const lp_tensor *t) {
  values(out, variable, t);
  extents(out, "shape", variable, t);
  extents(out, "strides", variable, t);
}

static void question(FILE *out, const lp_case *c) {
  char variable[LP_NAME_MAX + 8];
  for (int i = 0; i < c->loss->n_inputs; i++) {
    snprintf(variable, sizeof variable, "in_%s", c->loss->inputs[i].name);
    if (c->has_input[i]) given(out, variable, &c->inputs[i]);
  }
  if (c->has_grad_output) given(out, "grad_output", &c->grad_output);
  fputs("\nstatic const lossproof_tensor inputs[] = {\n", out);
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!c->has_input[i]) continue;
    snprintf(variable, sizeof variable, "in_%s", c->loss->inputs[i].name);
    fputs("    ", out);
    descriptor(out, c->loss->inputs[i].name, variable, &c->inputs[i]);
    fputs(",\n", out);
  }
  fputs("};\n", out);
  if (c->has_grad_output) {
    fputs("static const lossproof_tensor upstream =\n    ", out);
    descriptor(out, "grad_output", "grad_output", &c->grad_output);
    fputs(";\n", out);
  }
  fputs("static const lossproof_parameter parameters[] = {", out);
  for (int i = 0; i < c->loss->n_params; i++) {
    fprintf(out, "%s{\"%s\", ", i ? ", " : "", c->loss->params[i].name);
    real(out, c->params[i], "");
    fputc('}', out);
  }
  fputs(c->loss->n_params == 0 ? "{\"\", 0}};\n\n" : "};\n\n", out);
}

static void wide(FILE *out, const char *what, int k, const lp_tensor *t) {
  char name[32];
  lp_tensor doubles = *t;
  doubles.dtype = LP_FLOAT64;
  snprintf(name, sizeof name, "%s_%d", what, k);
  values(out, name, &doubles);
}

static void answer(FILE *out, const lp_expected *x) {
  char name[LP_NAME_MAX], variable[32];
  fputs("/* The true number is value + rest; a budget of INFINITY claims nothing. */\n", out);
  for (int k = 0; k < x->value.n_outputs; k++) {
    const lp_tensor *t = &x->value.outputs[k].tensor;
    wide(out, "value", k, t);
    wide(out, "rest", k, &x->rest.outputs[k].tensor);
    wide(out, "budget", k, &x->budget.outputs[k].tensor);
    fprintf(out, "static %s got_%d[%" PRId64 "];\n", type_of(t->dtype), k, t->numel > 0 ? t->numel : 1);
    snprintf(variable, sizeof variable, "got_%d", k);
    extents(out, "shape", variable, t);
    extents(out, "strides", variable, t);
  }
  fputs("static const lossproof_tensor outputs[] = {\n", out);
  for (int k = 0; k < x->value.n_outputs; k++) {
    snprintf(variable, sizeof variable, "got_%d", k);
    fputs("    ", out);
    descriptor(out, lp_output_name(name, x->c->loss, x->value.outputs[k].input), variable, &x->value.outputs[k].tensor);
    fputs(",\n", out);
  }
  fputs("};\nstatic const struct {\n  const double *value, *rest, *budget;\n  double overflow;\n} expected[] = {\n",
        out);
  for (int k = 0; k < x->value.n_outputs; k++) {
    fprintf(out, "    {value_%d, rest_%d, budget_%d, %a},\n", k, k, k,
            lp_reproducer_overflow(x->value.outputs[k].tensor.dtype));
  }
  fputs("};\n\n", out);
}

static void machinery(FILE *out) {
  fputs(
      "/* Element i, whatever its dtype. */\n"
      "static double element(const lossproof_tensor *t, int64_t i) {\n"
      "  if (t->dtype == LOSSPROOF_FLOAT64) return ((const double *)t->data)[i];\n"
      "  if (t->dtype == LOSSPROOF_FLOAT32) return ((const float *)t->data)[i];\n"
      "  const int bits = ((const uint16_t *)t->data)[i], fraction = t->dtype == LOSSPROOF_FLOAT16 ? 10 : 7;\n"
      "  const int top = (1 << (15 - fraction)) - 1, power = (bits >> fraction) & top, low = bits & ((1 << fraction) - "
      "1);\n"
      "  double x = power == top ? (low ? NAN : INFINITY)\n"
      "                          : ldexp(power ? low + (1 << fraction) : low, (power ? power : 1) - top / 2 - "
      "fraction);\n"
      "  return bits >> 15 ? -x : x;\n"
      "}\n\n"
      "static int right(double got, int k, int64_t i) {\n"
      "  const double value = expected[k].value[i], budget = expected[k].budget[i];\n"
      "  if (isinf(budget)) return 1;\n"
      "  if (isnan(value) || isnan(got)) return isnan(value) && isnan(got);\n"
      "  if (isinf(got) && !isinf(value)) /* what the dtype makes of a number that is too large */\n"
      "    return (got > 0) == (value > 0) && fabs(value) + budget >= expected[k].overflow;\n"
      "  return got == value || fabs((got - value) - expected[k].rest[i]) <= budget;\n"
      "}\n\n"
      "static int compare(int k) {\n"
      "  const lossproof_tensor *t = &outputs[k];\n"
      "  int64_t i;\n"
      "  int wrong = 0;\n"
      "  for (i = 0; i < t->numel; i++) {\n"
      "    const double got = element(t, i);\n"
      "    const int fine = right(got, k, i);\n"
      "    wrong += !fine;\n"
      "    if (fine && t->numel > 64) continue;\n"
      "    printf(\"%s[%lld]  got %.17g  expected %.17g  budget %.3g%s\\n\", t->name, (long long)i, got,\n"
      "           expected[k].value[i], expected[k].budget[i], fine ? \"\" : \"  WRONG\");\n"
      "  }\n"
      "  return wrong;\n"
      "}\n\n",
      out);
}

static void request(FILE *out, const lp_expected *x) {
  int n_inputs = 0;
  for (int i = 0; i < x->c->loss->n_inputs; i++) n_inputs += x->c->has_input[i];
  fputs(
      "int main(void) {\n"
      "  static char message[LOSSPROOF_MESSAGE_SIZE];\n"
      "  const lossproof_request request = {sizeof request, ",
      out);
  text_literal(out, x->c->loss->name);
  fputs(", ", out);
  text_literal(out, x->c->reduction_word);
  fprintf(out, ", parameters, %d, %d,\n                                     inputs, %s, %s, %d, 0, message};\n",
          x->c->loss->n_params, n_inputs, x->c->has_grad_output ? "&upstream" : "NULL",
          x->rejected ? "NULL" : "outputs", x->value.n_outputs);
}

static void main_of_refusal(FILE *out, const lp_expected *x) {
  request(out, x);
  fputs("  const int answer = lossproof_plugin()->run(&request);\n", out);
  fputs("  printf(\"expected: rejected (%s)\\n\", ", out);
  text_literal(out, x->message);
  fprintf(
      out,
      ");\n  printf(\"got: %%s %%s\\n\", answer == LOSSPROOF_REJECTED ? \"rejected\" : \"not rejected\", message);\n"
      "  return %s;\n}\n",
      x->either ? "0 * answer" : "answer != LOSSPROOF_REJECTED");
}

static void main_of_answer(FILE *out, const lp_expected *x) {
  request(out, x);
  fputs("  int k, wrong = 0;\n", out);
  for (int k = 0; k < x->value.n_outputs; k++) fprintf(out, "  memset(got_%d, 0xFF, sizeof got_%d);\n", k, k);
  fprintf(out,
          "  const int answer = lossproof_plugin()->run(&request);\n"
          "  if (answer != LOSSPROOF_OK) {\n"
          "    printf(\"%%s: %%s\\n\", answer == LOSSPROOF_REJECTED ? \"rejected\" : \"not answered\", message);\n"
          "    return %s;\n"
          "  }\n"
          "  for (k = 0; k < request.n_outputs; k++) wrong += compare(k);\n"
          "  printf(\"%%d wrong\\n\", wrong);\n"
          "  return wrong > 0;\n"
          "}\n",
          x->either ? "answer != LOSSPROOF_REJECTED" : "1");
}

void lp_reproducer_c(FILE *out, const lp_expected *x) {
  head(out, x->c);
  question(out, x->c);
  if (x->rejected) {
    main_of_refusal(out, x);
    return;
  }
  answer(out, x);
  machinery(out);
  main_of_answer(out, x);
}
