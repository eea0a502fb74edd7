#include "reports/numbers.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden/bits.h"

enum { MOST_DIGITS = 17 };

static char *keep(char text[LP_DECIMAL_TEXT], const char *word) {
  snprintf(text, LP_DECIMAL_TEXT, "%s", word);
  return text;
}

/* The number that is printed is one of the dtype, so the first decimal that rounds to it will do. */
char *lp_decimal(char text[LP_DECIMAL_TEXT], double x, lp_dtype dtype) {
  if (isnan(x)) return keep(text, "NaN");
  if (isinf(x)) return keep(text, x > 0 ? "Infinity" : "-Infinity");
  for (int digits = 1; digits <= MOST_DIGITS; digits++) {
    snprintf(text, LP_DECIMAL_TEXT, "%.*g", digits, x);
    if (lp_dtype_round(dtype, strtod(text, NULL)) == x) break;
  }
  return text;
}

char *lp_hexfloat(char text[LP_HEXFLOAT_TEXT], double x) {
  text[0] = '\0';
  if (isfinite(x)) snprintf(text, LP_HEXFLOAT_TEXT, "%a", x);
  return text;
}

char *lp_bits(char text[LP_BITS_TEXT], double x, lp_dtype dtype) {
  const int digits = 2 * (int)lp_dtype_size(dtype);
  snprintf(text, LP_BITS_TEXT, "0x%0*" PRIx64, digits, lp_float_bits(dtype, lp_dtype_round(dtype, x)));
  return text;
}

void lp_write_number(FILE *out, double x, lp_dtype dtype) {
  char decimal[LP_DECIMAL_TEXT], hexadecimal[LP_HEXFLOAT_TEXT], bits[LP_BITS_TEXT];
  fprintf(out, "%-24s %-24s %s", lp_decimal(decimal, x, dtype), lp_hexfloat(hexadecimal, x), lp_bits(bits, x, dtype));
}

char *lp_exact_decimal(char text[LP_EXACT_TEXT], const lp_exact_number *n, int digits) {
  if (n->class != LP_FINITE) return keep(text, lp_class_name(n->class));
  const bool sharp = arb_rel_accuracy_bits(&n->value) > 4 * digits;
  char *decimal = arb_get_str(&n->value, digits, sharp ? ARB_STR_NO_RADIUS : 0);
  snprintf(text, LP_EXACT_TEXT, "%s", decimal);
  flint_free(decimal);
  return text;
}

char *lp_place(char text[LP_PLACE_TEXT], const lp_tensor *t, int64_t index) {
  int64_t at[LP_MAX_RANK];
  for (int axis = t->rank - 1; axis >= 0; axis--) {
    at[axis] = index % t->shape[axis];
    index /= t->shape[axis];
  }
  text[0] = '\0';
  size_t used = 0;
  for (int axis = 0; axis < t->rank; axis++) {
    used += (size_t)snprintf(text + used, LP_PLACE_TEXT - used, "%c%" PRId64, axis ? ',' : '[', at[axis]);
  }
  if (t->rank > 0) snprintf(text + used, LP_PLACE_TEXT - used, "]");
  return text;
}

void lp_write_line(FILE *out, const char *text, int limit) {
  for (int n = 0; *text; text++, n++) {
    if (n == limit) {
      fputs("...", out);
      return;
    }
    fputc((unsigned char)*text < ' ' || *text == 0x7F ? '?' : *text, out);
  }
}

void lp_write_word(FILE *out, const char *word) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=,+-@";
  const bool quote = !*word || word[strspn(word, plain)];
  if (quote) fputc('\'', out);
  for (; *word; word++) fprintf(out, *word == '\'' ? "'\\''" : "%c", *word);
  if (quote) fputc('\'', out);
}
