/* What a candidate says of itself when a pipe is opened. */
#include <stdio.h>
#include <string.h>

#include "golden/json_internal.h"

static lp_status unexpected(const char *where, const char *expected, const json_t *got, lp_error *error) {
  char quoted[LP_QUOTE_MAX];
  return lp_fail(error, LP_INVALID, "%s: expected %s, got %s", where, expected,
                 got ? lp_json_describe(quoted, got) : "nothing");
}

/* {"protocol": 1}: what else it says is its own business. */
static lp_status check_protocol(const json_t *hello, lp_error *error) {
  const json_t *about = json_object_get(hello, "lossproof");
  const json_t *protocol = json_object_get(about, "protocol");
  if (!json_is_object(about)) return unexpected("lossproof", "{\"protocol\": 1}", about, error);
  if (!json_is_integer(protocol)) return unexpected("lossproof.protocol", "1", protocol, error);
  if (json_integer_value(protocol) == LP_PROTOCOL) return LP_OK;
  return lp_fail(error, LP_INVALID, "lossproof.protocol: it speaks protocol %lld, and this program protocol %d",
                 (long long)json_integer_value(protocol), LP_PROTOCOL);
}

/* "" when the key is absent. One line of it: it is printed. */
static lp_status read_word(char word[LP_QUOTE_MAX], const json_t *hello, const char *key, lp_error *error) {
  const json_t *value = json_object_get(hello, key);
  word[0] = 0;
  if (!value || json_is_null(value)) return LP_OK;
  if (!json_is_string(value)) return unexpected(key, "a string", value, error);
  lp_json_quote(word, json_string_value(value));
  const size_t length = strlen(word) - 2;
  memmove(word, word + 1, length);
  word[length] = 0;
  return LP_OK;
}

static lp_status keep_manifest(lp_manifest *manifest, lp_arena *arena, const json_t *value, lp_error *error) {
  const size_t length = json_dumpb(value, NULL, 0, JSON_COMPACT);
  char *text = lp_arena_alloc(arena, length + 1, 1);
  if (!text) return lp_fail(error, LP_NO_MEMORY, "no memory for a manifest");
  (void)json_dumpb(value, text, length, JSON_COMPACT);
  manifest->text = text;
  return lp_json_read_manifest(manifest, arena, value, error);
}

static lp_status read_greeting(lp_manifest *manifest, lp_arena *arena, const json_t *hello, lp_error *error) {
  static const char *const keys[] = {"lossproof", "name", "version", "manifest"};
  char name[LP_QUOTE_MAX], version[LP_QUOTE_MAX];
  if (!json_is_object(hello)) return unexpected("greeting", "an object with \"lossproof\"", hello, error);
  LP_TRY(check_protocol(hello, error));
  LP_TRY(lp_json_check_keys(hello, "greeting", keys, 4, error));
  LP_TRY(read_word(name, hello, "name", error));
  LP_TRY(read_word(version, hello, "version", error));
  LP_TRY(lp_manifest_init(manifest, arena, name, version, 1u << LP_FLOAT64, error));
  const json_t *declared = json_object_get(hello, "manifest");
  return declared && !json_is_null(declared) ? keep_manifest(manifest, arena, declared, error) : LP_OK;
}

lp_status lp_json_read_greeting(lp_manifest *manifest, lp_arena *arena, const char *text, size_t length,
                                lp_error *error) {
  const json_t *hello;
  lp_arena *parsed = lp_arena_new(0);
  if (!parsed) return lp_fail(error, LP_NO_MEMORY, "no memory for a greeting");
  lp_status status = lp_json_parse(&hello, parsed, "greeting", text, length, error);
  if (status == LP_OK) status = read_greeting(manifest, arena, hello, error);
  lp_arena_free(parsed);
  return status;
}
