/* What the readers of JSON share. Nothing outside golden/json_*.c, golden/errata.c and the tests of the reader includes
 * this. */
#ifndef LP_GOLDEN_JSON_INTERNAL_H
#define LP_GOLDEN_JSON_INTERNAL_H

#include <jansson.h>

#include "golden/json.h"

enum {
  LP_QUOTE_MAX = 64,       /* a value quoted in a message */
  LP_PATH_MAX = 160,       /* "inputs.target[1][2]" */
  LP_MAX_WORD_BYTES = 4096 /* of tags, hunts, a reduction */
};

/* Bytes that the parsed form of one case may take. */
#define LP_MAX_PARSED_BYTES ((size_t)8 << 30)

/* lp_json_read_text with another ceiling on the parsed form. */
lp_status lp_json_read_limited(lp_suite *suite, lp_json_shape *shape, const char *text, size_t length, const char *name,
                               size_t max_parsed, lp_error *error) LP_MUST_USE;

/* Parses one value. It lives in `parsed`, an arena, and is not to be released otherwise. LP_INVALID: the text is not
 * JSON, or takes more than the arena has; the message begins with "NAME:LINE:COLUMN: ". */
lp_status lp_json_parse(const json_t **value, lp_arena *parsed, const char *name, const char *text, size_t length,
                        lp_error *error) LP_MUST_USE;

/* A value as messages show it: a short string in quotes, a number, "a list of 3", "null" ...; on one line and
 * without control characters. Both return text. */
char *lp_json_quote(char text[LP_QUOTE_MAX], const char *string);
char *lp_json_describe(char text[LP_QUOTE_MAX], const json_t *value);

/* A JSON number, or a string that stands for one. */
typedef struct lp_json_numeral {
  bool integer; /* written as an integer: i is exact */
  int64_t i;
  double d; /* nearest double */
} lp_json_numeral;

/* False when the value is no number, or a hex-float beyond float64. */
bool lp_json_get_number(lp_json_numeral *number, const json_t *value);

/* LP_INVALID, naming the key, when `object` (NULL: without keys) has a key that is not among the `n` names. */
lp_status lp_json_check_keys(const json_t *object, const char *where, const char *const *names, int n,
                             lp_error *error) LP_MUST_USE;

/* "a, b or c", cut to fit. */
void lp_json_join_names(char *text, size_t capacity, const char *const *names, int n);

/* What lp_manifest_read does with a value that is parsed already. */
lp_status lp_json_read_manifest(lp_manifest *manifest, lp_arena *arena, const json_t *value,
                                lp_error *error) LP_MUST_USE;

/* What is known of a tensor before its data is seen. */
typedef struct lp_json_argument {
  char where[LP_PATH_MAX]; /* "inputs.target": for messages */
  lp_dtype dtype;
  bool dtype_named; /* by `dtypes`: a packed tensor must agree */
  bool shape_named; /* by `shapes`: the data must agree */
  int rank;
  int64_t shape[LP_MAX_RANK];
} lp_json_argument;

/* Fills in what `dtypes` and `shapes` (objects, or NULL) say under this name. */
lp_status lp_json_describe_argument(lp_json_argument *argument, const char *name, const json_t *dtypes,
                                    const json_t *shapes, lp_error *error) LP_MUST_USE;

/* A readable or packed tensor, with its data in the arena. */
lp_status lp_json_read_tensor(lp_tensor *tensor, lp_arena *arena, const json_t *value, const lp_json_argument *argument,
                              lp_error *error) LP_MUST_USE;

/* One case object. Whatever it returns, entry->c.id is set when the object has a valid id. */
lp_status lp_json_read_case(lp_suite_entry *entry, lp_arena *arena, const json_t *value, lp_error *error) LP_MUST_USE;

#endif
