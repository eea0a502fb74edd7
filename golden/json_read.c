/* Text to cases: one value at a time is cut out of the text, parsed by jansson, turned into an entry and dropped, so
 * that memory is bounded by the largest case and a mistake in one case leaves the others alone. */
#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "golden/json_internal.h"

/* ---- Memory of the parsed form ---- */

/* jansson has no ceiling, and does not survive every failure of its allocator: a number's text may be cut short unseen,
 * or an assertion fail. So while a thread of ours parses, jansson's memory comes from an arena, and when that has no
 * more the parser is left by longjmp and its memory dropped with the arena. jansson's allocator is replaced for this
 * once and for all; whoever else uses it gets memory from the same place as before. */
typedef struct parsing {
  lp_arena *arena;
  size_t refused; /* bytes of the request that could not be met; 0: all were met */
  jmp_buf escape;
} parsing;

static _Thread_local parsing *current; /* NULL: this thread is not parsing */
static json_malloc_t usual_malloc;
static json_free_t usual_free;

static void *parsing_malloc(size_t size) {
  if (!current) return usual_malloc(size);
  void *memory = lp_arena_alloc(current->arena, size, 1);
  if (memory) return memory;
  current->refused = size;
  longjmp(current->escape, 1);
}

static void parsing_free(void *memory) {
  if (!current) usual_free(memory);
}

static void take_over_allocation(void) {
  json_malloc_t allocate;
  json_free_t release;
  json_get_alloc_funcs(&allocate, &release);
  if (allocate == parsing_malloc) return;
  usual_malloc = allocate;
  usual_free = release;
  json_set_alloc_funcs(parsing_malloc, parsing_free);
}

/* As json_loadb. What it returns lives in the arena, and is not to be released otherwise. */
static json_t *load(parsing *p, const char *text, size_t length, size_t flags, json_error_t *e) {
  take_over_allocation();
  current = p;
  if (setjmp(p->escape) != 0) {
    current = NULL;
    return NULL;
  }
  json_t *value = json_loadb(text, length, flags, e);
  current = NULL;
  return value;
}

/* ---- Places in the text ---- */

typedef struct reader {
  lp_suite *suite;
  const char *name; /* of the file, for messages */
  const char *text;
  size_t length, max_parsed;
  size_t at; /* bytes read so far */
  size_t line, line_start;
  int position; /* of the next case in the file */
  lp_error *error;
} reader;

static void advance(reader *r, size_t to) {
  for (; r->at < to; r->at++) {
    if (r->text[r->at] != '\n') continue;
    r->line++;
    r->line_start = r->at + 1;
  }
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static void skip_blanks(reader *r) {
  while (r->at < r->length && is_blank(r->text[r->at])) r->at++;
}

static void skip_space(reader *r) {
  while (r->at < r->length && (is_blank(r->text[r->at]) || r->text[r->at] == '\n')) advance(r, r->at + 1);
}

static bool at_end(const reader *r) { return r->at == r->length; }

/* "NAME:LINE:COLUMN: what" for where the reader is; columns count bytes from 1. */
static lp_status fail_here(const reader *r, const char *what) {
  return lp_fail(r->error, LP_INVALID, "%s:%zu:%zu: %s", r->name, r->line, r->at - r->line_start + 1, what);
}

/* Where a value ends, as far as brackets and strings tell. */
typedef struct extent {
  size_t end;
  bool closed; /* false: the text ends before it */
} extent;

static extent value_extent(const char *text, size_t length, size_t at) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = at; i < length; i++) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') i++;
      in_string = c != '"';
      if (!in_string && depth == 0) return (extent){i + 1, true};
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      depth++;
    } else if (c == '}' || c == ']') {
      if (depth <= 1) return (extent){depth == 0 ? i : i + 1, true};
      depth--;
    } else if (depth == 0 && (c == ',' || c == '\n' || is_blank(c))) {
      return (extent){i, true};
    }
  }
  return (extent){length, depth == 0 && !in_string};
}

/* ---- Values ---- */

/* Text of jansson's that quotes the input is made fit for one line. */
static void make_one_line(char *text) {
  for (; *text; text++) {
    if ((unsigned char)*text < 0x20 || *text == 0x7F) *text = '?';
  }
}

/* A mistake that concerns the value alone: the text is JSON, or near enough that what follows can be read. */
static bool concerns_value_only(enum json_error_code code) {
  switch (code) {
    case json_error_numeric_overflow:
    case json_error_duplicate_key:
    case json_error_null_character:
    case json_error_null_byte_in_key:
    case json_error_stack_overflow:
      return true;
    default:
      return false;
  }
}

/* jansson's words, but where they would not help. */
static const char *explain(const json_error_t *e) {
  switch (json_error_code(e)) {
    case json_error_numeric_overflow:
      return "a number is beyond float64; infinity is written \"Infinity\"";
    case json_error_stack_overflow:
      return "lists or objects are nested too deep";
    case json_error_null_character:
    case json_error_null_byte_in_key:
      return "a string may not hold \\u0000";
    default:
      return e->text;
  }
}

/* What Python's json module writes for non-finite numbers is the mistake to expect. */
static const char *advice(const json_error_t *e) {
  const bool number = strstr(e->text, "near 'NaN") || strstr(e->text, "near 'Infinity") || strstr(e->text, "near '-'");
  return number ? " (not JSON: write \"NaN\", \"Infinity\" or \"-Infinity\", with the quotes)" : "";
}

/* What jansson says of the value that begins here, with the place in the whole text. */
static lp_status parse_error(const reader *r, json_error_t *e) {
  reader place = *r;
  const size_t consumed = e->position > 0 ? (size_t)e->position : 1;
  advance(&place, r->at + consumed - 1 < r->length ? r->at + consumed - 1 : r->length);
  make_one_line(e->text);
  return lp_fail(r->error, LP_INVALID, "%s:%zu:%zu: %s%s", r->name, place.line, place.at - place.line_start + 1,
                 explain(e), advice(e));
}

/* No memory for a value: because it is too large, or because there is none. */
static lp_status parse_refused(const reader *r, const parsing *p) {
  if (lp_arena_used(p->arena) + p->refused <= r->max_parsed) {
    return lp_fail(r->error, LP_NO_MEMORY, "%s: no memory to parse a case", r->name);
  }
  return fail_here(r, "this case has too many values to read them as text; use packed tensors");
}

/* Parses the value that begins here. *value is NULL with LP_OK when a mistake concerns this value alone; then, and when
 * another status is returned, the error says what it is. */
static lp_status parse(const reader *r, extent x, lp_arena *arena, const json_t **value) {
  const char *text = r->text + r->at;
  const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY;
  parsing p = {.arena = arena};
  json_error_t e;
  *value = load(&p, text, x.end - r->at, flags, &e);
  if (!*value && p.refused == 0 && json_error_code(&e) == json_error_numeric_overflow) {
    /* An integer beyond int64 is a number like any other where a float is wanted. */
    *value = load(&p, text, x.end - r->at, flags | JSON_DECODE_INT_AS_REAL, &e);
  }
  if (p.refused > 0) return parse_refused(r, &p);
  if (*value) return LP_OK;
  parse_error(r, &e);
  return x.closed && concerns_value_only(json_error_code(&e)) ? LP_OK : LP_INVALID;
}

lp_status lp_json_parse(const json_t **value, lp_arena *parsed, const char *name, const char *text, size_t length,
                        lp_error *error) {
  lp_error scratch;
  const reader r = {.name = name,
                    .text = text,
                    .length = length,
                    .max_parsed = LP_MAX_PARSED_BYTES,
                    .line = 1,
                    .error = error ? error : &scratch};
  LP_TRY(parse(&r, (extent){length, true}, parsed, value));
  return *value ? LP_OK : LP_INVALID;
}

/* ---- Entries ---- */

static lp_status out_of_memory(const reader *r) {
  return lp_fail(r->error, LP_NO_MEMORY, "%s: no memory for case %d", r->name, r->position);
}

static lp_status add_entry(const reader *r, lp_suite_entry **entry) {
  if (r->suite->count >= LP_MAX_CASES) {
    return lp_fail(r->error, LP_INVALID, "%s:%zu: more than %d cases, the ceiling", r->name, r->line, LP_MAX_CASES);
  }
  *entry = lp_suite_add(r->suite);
  return *entry ? LP_OK : out_of_memory(r);
}

/* The entry of something that is not a case: nothing but its id, and why. */
static lp_status mark_invalid(const reader *r, lp_suite_entry *entry) {
  const char *message = lp_arena_format(r->suite->arena, "%s", r->error->message);
  if (!message) return out_of_memory(r);
  *entry = (lp_suite_entry){.c = {.id = entry->c.id, .hunts = "", .tags = "", .reduction_word = ""},
                            .outcome = {.message = ""},
                            .status = LP_INVALID,
                            .message = message};
  return LP_OK;
}

/* value: NULL when it could not be parsed, for the reason in *r->error. */
static lp_status fill_entry(const reader *r, lp_suite_entry *entry, const json_t *value) {
  const lp_status status = value ? lp_json_read_case(entry, r->suite->arena, value, r->error) : LP_INVALID;
  if (status != LP_OK && status != LP_INVALID) return status;
  if (!entry->c.id) entry->c.id = lp_arena_format(r->suite->arena, "%d", r->position);
  if (!entry->c.id) return out_of_memory(r);
  return status == LP_OK ? LP_OK : mark_invalid(r, entry);
}

static lp_status read_value(const reader *r, extent x, lp_suite_entry *entry) {
  const json_t *value;
  lp_arena *parsed = lp_arena_new(r->max_parsed);
  if (!parsed) return out_of_memory(r);
  lp_status status = parse(r, x, parsed, &value);
  if (status == LP_OK) status = fill_entry(r, entry, value);
  lp_arena_free(parsed);
  return status;
}

/* Reads the value that begins here as a case. */
static lp_status read_entry(reader *r) {
  const extent x = value_extent(r->text, r->length, r->at);
  lp_suite_entry *entry;
  if (x.end == r->at) return fail_here(r, "expected a case object");
  LP_TRY(add_entry(r, &entry));
  LP_TRY(read_value(r, x, entry));
  r->position++;
  advance(r, x.end);
  return LP_OK;
}

/* ---- Texts ---- */

static lp_status read_list(reader *r) {
  r->at++; /* the bracket */
  skip_space(r);
  bool more = at_end(r) || r->text[r->at] != ']';
  while (more) {
    LP_TRY(read_entry(r));
    skip_space(r);
    more = !at_end(r) && r->text[r->at] == ',';
    if (more) r->at++;
    skip_space(r);
  }
  if (at_end(r) || r->text[r->at] != ']') return fail_here(r, "expected ',' or ']' after a case of the list");
  r->at++;
  skip_space(r);
  return at_end(r) ? LP_OK : fail_here(r, "expected the end of the text after the list");
}

/* The rest of a line behind a case. */
static lp_status end_line(reader *r) {
  skip_blanks(r);
  if (!at_end(r) && r->text[r->at] != '\n') return fail_here(r, "expected the end of the line after a case");
  skip_space(r);
  return LP_OK;
}

/* One object, or one a line. */
static lp_status read_lines(reader *r, lp_json_shape *shape) {
  *shape = LP_JSON_OBJECT;
  for (bool first = true; !at_end(r); first = false) {
    const size_t line = r->line;
    LP_TRY(read_entry(r));
    const bool one_line = r->line == line;
    LP_TRY(end_line(r));
    if (!first || !at_end(r)) *shape = LP_JSON_LINES;
    if (*shape == LP_JSON_LINES && !one_line) {
      return lp_fail(r->error, LP_INVALID,
                     "%s:%zu: in JSON Lines a case stands on one line; use a list for cases of several", r->name, line);
    }
  }
  return LP_OK;
}

static lp_status read_whole(reader *r, lp_json_shape *shape) {
  static const char byte_order_mark[] = "\xEF\xBB\xBF";
  if (r->length >= 3 && memcmp(r->text, byte_order_mark, 3) == 0) r->at = r->line_start = 3;
  skip_space(r);
  if (at_end(r)) return fail_here(r, "no text: expected a case object, a list of them, or JSON Lines");
  if (r->text[r->at] != '[') return read_lines(r, shape);
  *shape = LP_JSON_LIST;
  return read_list(r);
}

static const char *shown_name(const char *path) { return strcmp(path, "-") == 0 ? "standard input" : path; }

static lp_status too_long(const char *name, lp_error *error) {
  return lp_fail(error, LP_INVALID, "%s: more than %zu bytes, the ceiling", name, LP_MAX_FILE_BYTES);
}

lp_status lp_json_read_limited(lp_suite *suite, lp_json_shape *shape, const char *text, size_t length, const char *name,
                               size_t max_parsed, lp_error *error) {
  lp_error scratch;
  const int before = suite->count;
  const char *shown = shown_name(name);
  reader r = {.suite = suite,
              .name = shown,
              .text = text,
              .length = length,
              .max_parsed = max_parsed,
              .line = 1,
              .error = error ? error : &scratch};
  if (length > LP_MAX_FILE_BYTES) return too_long(shown, error);
  const lp_status status = read_whole(&r, shape);
  if (status != LP_OK) suite->count = before;
  return status;
}

lp_status lp_json_read_text(lp_suite *suite, lp_json_shape *shape, const char *text, size_t length, const char *name,
                            lp_error *error) {
  return lp_json_read_limited(suite, shape, text, length, name, LP_MAX_PARSED_BYTES, error);
}

/* ---- Files ---- */

enum { FIRST_CAPACITY = 1 << 16 };

/* What a regular file holds and a byte more, to see its end; otherwise something to begin with. */
static size_t likely_size(FILE *file) {
  struct stat about;
  const bool known = fstat(fileno(file), &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0;
  return known ? (size_t)about.st_size + 1 : FIRST_CAPACITY;
}

static bool widen(lp_arena *arena, char **text, size_t length, size_t capacity) {
  char *wider = lp_arena_alloc(arena, capacity, 1);
  if (!wider) return false;
  if (length > 0) memcpy(wider, *text, length);
  *text = wider;
  return true;
}

/* Reads to the end of the file, unless that lies past the ceiling. */
static lp_status read_all(lp_arena *arena, char **text, size_t *length, FILE *file, const char *name, lp_error *error) {
  const size_t limit = LP_MAX_FILE_BYTES + 1;
  size_t capacity = likely_size(file);
  *length = 0;
  while (capacity <= limit) {
    if (!widen(arena, text, *length, capacity)) return lp_fail(error, LP_NO_MEMORY, "%s: no memory to read it", name);
    errno = 0;
    *length += fread(*text + *length, 1, capacity - *length, file);
    if (ferror(file)) return lp_fail(error, LP_IO, "%s: cannot read: %s", name, strerror(errno));
    if (*length < capacity) return LP_OK;
    capacity = capacity < limit / 2 ? 2 * capacity : capacity < limit ? limit : limit + 1;
  }
  return too_long(name, error);
}

static lp_status read_open_file(lp_suite *suite, lp_json_shape *shape, FILE *file, const char *path, lp_error *error) {
  char *text = NULL;
  size_t length;
  lp_arena *arena = lp_arena_new(0);
  if (!arena) return lp_fail(error, LP_NO_MEMORY, "%s: no memory to read it", shown_name(path));
  lp_status status = read_all(arena, &text, &length, file, shown_name(path), error);
  if (status == LP_OK) status = lp_json_read_text(suite, shape, text, length, path, error);
  lp_arena_free(arena);
  return status;
}

lp_status lp_json_read_file(lp_suite *suite, lp_json_shape *shape, const char *path, lp_error *error) {
  if (strcmp(path, "-") == 0) return read_open_file(suite, shape, stdin, path, error);
  FILE *file = fopen(path, "rb");
  if (!file) return lp_fail(error, LP_IO, "%s: cannot open: %s", path, strerror(errno));
  const lp_status status = read_open_file(suite, shape, file, path, error);
  fclose(file);
  return status;
}
