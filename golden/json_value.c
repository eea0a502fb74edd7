#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden/json_internal.h"

enum { QUOTED_BYTES = 40 };

static bool continues_character(char c) { return ((unsigned char)c & 0xC0) == 0x80; }

/* C0 and DEL, and C1 as the two bytes that UTF-8 makes of it: all that could steer a terminal. */
static int control_bytes(const char *s) {
  const unsigned char first = (unsigned char)s[0], second = (unsigned char)(first ? s[1] : 0);
  if (first < 0x20 || first == 0x7F) return 1;
  return first == 0xC2 && second >= 0x80 && second < 0xA0 ? 2 : 0;
}

char *lp_json_quote(char text[LP_QUOTE_MAX], const char *string) {
  size_t used = 0;
  text[used++] = '"';
  while (*string && (used <= QUOTED_BYTES || (used <= QUOTED_BYTES + 3 && continues_character(*string)))) {
    const int control = control_bytes(string);
    text[used++] = control ? '?' : *string;
    string += control ? control : 1;
  }
  snprintf(text + used, LP_QUOTE_MAX - used, "%s", *string ? "...\"" : "\"");
  return text;
}

char *lp_json_describe(char text[LP_QUOTE_MAX], const json_t *value) {
  switch (json_typeof(value)) {
    case JSON_OBJECT:
      snprintf(text, LP_QUOTE_MAX, "an object");
      break;
    case JSON_ARRAY:
      snprintf(text, LP_QUOTE_MAX, "a list of %zu", json_array_size(value));
      break;
    case JSON_STRING:
      return lp_json_quote(text, json_string_value(value));
    case JSON_INTEGER:
      snprintf(text, LP_QUOTE_MAX, "%lld", (long long)json_integer_value(value));
      break;
    case JSON_REAL:
      lp_json_number(text, json_real_value(value));
      break;
    case JSON_TRUE:
      snprintf(text, LP_QUOTE_MAX, "true");
      break;
    case JSON_FALSE:
      snprintf(text, LP_QUOTE_MAX, "false");
      break;
    default:
      snprintf(text, LP_QUOTE_MAX, "null");
      break;
  }
  return text;
}

static const char *after_digits(const char *s, int (*is_digit)(int)) {
  while (is_digit((unsigned char)*s)) s++;
  return s;
}

/* [+-] 0x HEX [. HEX] [p [+-] DECIMAL], with at least one hexadecimal digit. */
static bool is_hex_float(const char *s) {
  if (*s == '+' || *s == '-') s++;
  if (s[0] != '0' || (s[1] != 'x' && s[1] != 'X')) return false;
  const char *whole = s + 2;
  s = after_digits(whole, isxdigit);
  size_t digits = (size_t)(s - whole);
  if (*s == '.') {
    const char *fraction = s + 1;
    s = after_digits(fraction, isxdigit);
    digits += (size_t)(s - fraction);
  }
  if (digits == 0) return false;
  if (*s == 'p' || *s == 'P') {
    s += s[1] == '+' || s[1] == '-' ? 2 : 1;
    if (!isdigit((unsigned char)*s)) return false;
    s = after_digits(s, isdigit);
  }
  return *s == '\0';
}

static bool number_from_string(double *number, const char *s) {
  if (strcmp(s, "NaN") == 0) {
    *number = NAN;
  } else if (strcmp(s, "Infinity") == 0) {
    *number = INFINITY;
  } else if (strcmp(s, "-Infinity") == 0) {
    *number = -INFINITY;
  } else {
    if (!is_hex_float(s)) return false;
    *number = strtod(s, NULL);
    return isfinite(*number);
  }
  return true;
}

bool lp_json_get_number(lp_json_numeral *number, const json_t *value) {
  *number = (lp_json_numeral){.integer = json_is_integer(value)};
  if (number->integer) {
    number->i = json_integer_value(value);
    number->d = (double)number->i;
    return true;
  }
  if (json_is_string(value)) return number_from_string(&number->d, json_string_value(value));
  number->d = json_real_value(value);
  return json_is_real(value);
}

void lp_json_join_names(char *text, size_t capacity, const char *const *names, int n) {
  size_t used = 0;
  text[0] = '\0';
  for (int i = 0; i < n && used < capacity; i++) {
    const char *separator = i == 0 ? "" : i == n - 1 ? " or " : ", ";
    used += (size_t)snprintf(text + used, capacity - used, "%s%s", separator, names[i]);
  }
}

lp_status lp_json_check_keys(const json_t *object, const char *where, const char *const *names, int n,
                             lp_error *error) {
  for (void *at = json_object_iter((json_t *)object); at; at = json_object_iter_next((json_t *)object, at)) {
    const char *key = json_object_iter_key(at);
    int i = 0;
    while (i < n && strcmp(names[i], key) != 0) i++;
    if (i < n) continue;
    char quoted[LP_QUOTE_MAX], known[256];
    lp_json_join_names(known, sizeof known, names, n);
    return lp_fail(error, LP_INVALID, "%s: unknown key %s: expected %s", where, lp_json_quote(quoted, key),
                   n > 0 ? known : "no key at all");
  }
  return LP_OK;
}
