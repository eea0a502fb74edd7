#include "reports/results.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- texts that many records share, kept once ------------------------------------------------------------------- */

typedef struct pool {
  const char **slots;
  size_t size, used; /* size: a power of two */
} pool;

static size_t hash_of(const char *text) {
  size_t h = (size_t)0xcbf29ce484222325u;
  for (; *text; text++) h = (h ^ (unsigned char)*text) * (size_t)0x100000001b3u;
  return h;
}

static size_t slot_of(const pool *p, const char *text) {
  size_t at = hash_of(text) & (p->size - 1);
  while (p->slots[at] && strcmp(p->slots[at], text) != 0) at = (at + 1) & (p->size - 1);
  return at;
}

static bool make_room(pool *p) {
  if (2 * (p->used + 1) < p->size) return true;
  pool larger = {.size = p->size ? 2 * p->size : 1024};
  larger.slots = calloc(larger.size, sizeof *larger.slots);
  if (!larger.slots) return false;
  for (size_t i = 0; i < p->size; i++) {
    if (p->slots[i]) larger.slots[slot_of(&larger, p->slots[i])] = p->slots[i];
  }
  larger.used = p->used;
  free(p->slots);
  *p = larger;
  return true;
}

/* NULL when memory is out. */
static const char *intern(pool *p, lp_arena *arena, const char *text) {
  if (!make_room(p)) return NULL;
  const size_t at = slot_of(p, text);
  if (!p->slots[at]) {
    p->slots[at] = lp_arena_text(arena, text, strlen(text));
    p->used += p->slots[at] != NULL;
  }
  return p->slots[at];
}

/* --- a line ----------------------------------------------------------------------------------------------------- */

typedef struct reading {
  lp_results *results;
  pool texts;
  int record_room, unjudged_room;
  long line;
  lp_error *error;
} reading;

static lp_status complain(const reading *r, const char *format, ...) LP_PRINTF(2, 3);

static lp_status complain(const reading *r, const char *format, ...) {
  char what[LP_MESSAGE_MAX / 2];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  return lp_fail(r->error, LP_INVALID, "%s:%ld: %s", r->results->path, r->line, what);
}

static lp_status out_of_memory(const reading *r) {
  return lp_fail(r->error, LP_NO_MEMORY, "out of memory for results");
}

/* What a key of a record holds. */
typedef enum field_kind { FIELD_TEXT, FIELD_COUNT, FIELD_REAL, FIELD_GRADE, FIELD_NAMES, FIELD_SKIPPED } field_kind;

typedef struct field {
  const char *key;
  field_kind kind;
  size_t offset; /* in the struct that the record becomes */
} field;

static bool read_real(double *x, const char *text) {
  char *end;
  *x = strtod(text, &end);
  return *text != '\0' && *end == '\0';
}

/* Names with blanks between them. */
static lp_status read_names(reading *r, const char **out, const json_t *list, const char *key) {
  char text[2048] = "";
  size_t n = 0;
  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *name = json_string_value(json_array_get(list, i));
    if (!name || n + strlen(name) + 2 > sizeof text) return complain(r, "%s: expected a list of short names", key);
    n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n > 0 ? " " : "", name);
  }
  *out = intern(&r->texts, r->results->arena, text);
  return *out ? LP_OK : out_of_memory(r);
}

static lp_status take_text(reading *r, const char **out, const field *f, const json_t *value) {
  const char *text = json_string_value(value);
  if (!text) return complain(r, "%s: expected text", f->key);
  *out = intern(&r->texts, r->results->arena, text);
  return *out ? LP_OK : out_of_memory(r);
}

static lp_status take_count(reading *r, long *out, const field *f, const json_t *value) {
  if (!json_is_integer(value)) return complain(r, "%s: expected a whole number", f->key);
  *out = (long)json_integer_value(value);
  return LP_OK;
}

static lp_status take_real(reading *r, double *out, const field *f, const json_t *value) {
  const char *text = json_string_value(value);
  if (text && read_real(out, text)) return LP_OK;
  return complain(r, "%s: expected a number as text, as in \"0x1.8p+0\"", f->key);
}

static lp_status take(reading *r, void *record, const field *f, const json_t *value) {
  char *at = (char *)record + f->offset;
  switch (f->kind) {
    case FIELD_TEXT:
      return take_text(r, (const char **)(void *)at, f, value);
    case FIELD_COUNT:
      return take_count(r, (long *)(void *)at, f, value);
    case FIELD_REAL:
      return take_real(r, (double *)(void *)at, f, value);
    case FIELD_GRADE:
      if (!json_is_string(value) || json_string_length(value) != 1) return complain(r, "%s: expected a letter", f->key);
      *at = json_string_value(value)[0];
      return LP_OK;
    case FIELD_NAMES:
      return json_is_array(value) ? read_names(r, (const char **)(void *)at, value, f->key)
                                  : complain(r, "%s: expected a list", f->key);
    case FIELD_SKIPPED:
      break;
  }
  return LP_OK;
}

static const field *find(const field *fields, size_t n, const char *key) {
  for (size_t i = 0; i < n; i++) {
    if (strcmp(fields[i].key, key) == 0) return &fields[i];
  }
  return NULL;
}

/* Every key is known, and is there once; which must be there is the caller's to ask. */
static lp_status take_all(reading *r, void *record, const field *fields, size_t n, json_t *object) {
  const char *key;
  json_t *value;
  json_object_foreach(object, key, value) {
    const field *f = find(fields, n, key);
    if (strcmp(key, "record") == 0) continue;
    if (!f) return complain(r, "unknown key \"%.40s\"", key);
    LP_TRY(take(r, record, f, value));
  }
  return LP_OK;
}

/* --- records ---------------------------------------------------------------------------------------------------- */

static bool grow(void **items, int *room, int n, size_t size) {
  if (n < *room) return true;
  const int wanted = *room > 0 ? 2 * *room : 256;
  void *larger = realloc(*items, (size_t)wanted * size);
  if (!larger) return false;
  *items = larger;
  *room = wanted;
  return true;
}

#define AT(type, member) offsetof(type, member)

static lp_status take_run(reading *r, json_t *object) {
  static const field own[] = {
      {"candidate", FIELD_TEXT, AT(lp_results, candidate)},
      {"profile", FIELD_TEXT, AT(lp_results, profile)},
      {"fixtures", FIELD_TEXT, AT(lp_results, fixtures)},
      {"fixtures_version", FIELD_TEXT, AT(lp_results, fixtures_version)},
      {"program", FIELD_TEXT, AT(lp_results, program_version)},
      {"cases", FIELD_COUNT, AT(lp_results, selected)},
      {"format", FIELD_SKIPPED, 0},
      {"version", FIELD_SKIPPED, 0},
  };
  const char *format = json_string_value(json_object_get(object, "format"));
  const json_int_t version = json_integer_value(json_object_get(object, "version"));
  if (r->line != 1) return complain(r, "a second run: merge or report files one by one");
  if (!format || strcmp(format, "lossproof-results") != 0) return complain(r, "expected lossproof-results");
  if (version != 1) return complain(r, "expected version 1, got %lld", (long long)version);
  return take_all(r, r->results, own, sizeof own / sizeof own[0], object);
}

static lp_status take_result(reading *r, json_t *object) {
  static const field own[] = {
      {"case", FIELD_TEXT, AT(lp_record, id)},
      {"loss", FIELD_TEXT, AT(lp_record, loss)},
      {"dtype", FIELD_TEXT, AT(lp_record, dtype)},
      {"output", FIELD_TEXT, AT(lp_record, output)},
      {"verdict", FIELD_TEXT, AT(lp_record, verdict)},
      {"index", FIELD_SKIPPED, 0},
      {"got", FIELD_REAL, AT(lp_record, got)},
      {"expected", FIELD_REAL, AT(lp_record, expected)},
      {"error", FIELD_REAL, AT(lp_record, error)},
      {"error_ulp", FIELD_REAL, AT(lp_record, error_ulp)},
      {"budget", FIELD_REAL, AT(lp_record, budget)},
      {"ratio", FIELD_REAL, AT(lp_record, ratio)},
      {"grade", FIELD_GRADE, AT(lp_record, grade)},
      {"regimes", FIELD_NAMES, AT(lp_record, regimes)},
      {"alone", FIELD_TEXT, AT(lp_record, alone)},
      {"erratum", FIELD_TEXT, AT(lp_record, erratum)},
      {"question", FIELD_TEXT, AT(lp_record, question)},
      {"encore", FIELD_TEXT, AT(lp_record, encore)},
      {"signature", FIELD_TEXT, AT(lp_record, signature)},
      {"reason", FIELD_TEXT, AT(lp_record, reason)},
      {"hunts", FIELD_TEXT, AT(lp_record, hunts)},
      {"screen", FIELD_TEXT, AT(lp_record, screen)},
      {"script", FIELD_TEXT, AT(lp_record, script)},
      {"replay", FIELD_TEXT, AT(lp_record, replay)},
  };
  static const char *const verdicts[] = {"pass", "fail", "inconclusive", "unsupported", "waived"};
  lp_results *out = r->results;
  if (out->n_records == LP_RESULTS_MOST) return complain(r, "more than %d results", LP_RESULTS_MOST);
  if (!grow((void **)&out->records, &r->record_room, out->n_records, sizeof *out->records)) return out_of_memory(r);
  lp_record *record = &out->records[out->n_records];
  *record = (lp_record){.id = "",
                        .loss = "",
                        .output = "",
                        .dtype = "",
                        .verdict = "",
                        .signature = "",
                        .reason = "",
                        .alone = "",
                        .erratum = "",
                        .question = "",
                        .encore = "",
                        .regimes = "",
                        .grade = '-',
                        .hunts = "",
                        .screen = "",
                        .script = "",
                        .replay = ""};
  LP_TRY(take_all(r, record, own, sizeof own / sizeof own[0], object));
  bool known = false;
  for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) known |= strcmp(record->verdict, verdicts[i]) == 0;
  if (!known) return complain(r, "verdict: expected pass, fail, inconclusive, unsupported or waived");
  if (!*record->id || !*record->loss || !*record->output) return complain(r, "a result without case, loss or output");
  const json_t *index = json_object_get(object, "index");
  record->compared = index != NULL;
  record->index = (int64_t)json_integer_value(index);
  out->n_records++;
  return LP_OK;
}

static lp_status take_unjudged(reading *r, json_t *object) {
  static const field own[] = {{"case", FIELD_TEXT, AT(lp_unjudged, id)},
                              {"reason", FIELD_TEXT, AT(lp_unjudged, reason)}};
  lp_results *out = r->results;
  if (!grow((void **)&out->unjudged, &r->unjudged_room, out->n_unjudged, sizeof *out->unjudged))
    return out_of_memory(r);
  out->unjudged[out->n_unjudged] = (lp_unjudged){"", ""};
  LP_TRY(take_all(r, &out->unjudged[out->n_unjudged], own, 2, object));
  out->n_unjudged++;
  return LP_OK;
}

static lp_status take_not_run(reading *r, const json_t *list) {
  static const field own[] = {{"cases", FIELD_COUNT, AT(lp_not_run, cases)},
                              {"outputs", FIELD_COUNT, AT(lp_not_run, outputs)},
                              {"reason", FIELD_TEXT, AT(lp_not_run, reason)}};
  lp_results *out = r->results;
  if (!json_is_array(list)) return complain(r, "not_run: expected a list");
  out->not_run = lp_arena_alloc(out->arena, json_array_size(list), sizeof *out->not_run);
  if (!out->not_run) return out_of_memory(r);
  for (size_t i = 0; i < json_array_size(list); i++) {
    out->not_run[i].reason = "";
    LP_TRY(take_all(r, &out->not_run[i], own, 3, json_array_get(list, i)));
    out->n_not_run++;
  }
  return LP_OK;
}

static lp_status take_summary(reading *r, json_t *object) {
  static const field own[] = {
      {"judged", FIELD_COUNT, AT(lp_results, judged)},
      {"ran", FIELD_COUNT, AT(lp_results, ran)},
      {"laws_hold", FIELD_COUNT, AT(lp_results, laws_hold)},
      {"laws_broken", FIELD_COUNT, AT(lp_results, laws_broken)},
      {"laws_unanswered", FIELD_COUNT, AT(lp_results, laws_unanswered)},
      {"harness_faults", FIELD_COUNT, AT(lp_results, harness_faults)},
      {"losses", FIELD_SKIPPED, 0},
      {"cases", FIELD_SKIPPED, 0},
      {"pass", FIELD_SKIPPED, 0},
      {"fail", FIELD_SKIPPED, 0},
      {"inconclusive", FIELD_SKIPPED, 0},
      {"unsupported", FIELD_SKIPPED, 0},
      {"waived", FIELD_SKIPPED, 0},
      {"conduct", FIELD_SKIPPED, 0},
      {"not_run", FIELD_SKIPPED, 0},
      {"exit_code", FIELD_SKIPPED, 0},
  };
  LP_TRY(take_all(r, r->results, own, sizeof own / sizeof own[0], object));
  const json_t *code = json_object_get(object, "exit_code");
  if (!json_is_integer(code)) return complain(r, "exit_code: expected a whole number");
  r->results->exit_code = (int)json_integer_value(code);
  r->results->whole = true;
  return take_not_run(r, json_object_get(object, "not_run"));
}

static lp_status take_object(reading *r, json_t *object) {
  const char *kind = json_string_value(json_object_get(object, "record"));
  if (!kind) return complain(r, "expected an object with \"record\"");
  if (r->results->whole) return complain(r, "something comes after the summary");
  if (strcmp(kind, "run") == 0) return take_run(r, object);
  if (r->line == 1) return complain(r, "expected the record of a run first");
  if (strcmp(kind, "result") == 0) return take_result(r, object);
  if (strcmp(kind, "unjudged") == 0) return take_unjudged(r, object);
  if (strcmp(kind, "summary") == 0) return take_summary(r, object);
  return complain(r, "expected a record run, result, unjudged or summary, got \"%.40s\"", kind);
}

static lp_status take_line(reading *r, const char *line, size_t length) {
  json_error_t why;
  json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, &why);
  if (!object) return complain(r, "not JSON: %s", why.text);
  const lp_status status = json_is_object(object) ? take_object(r, object) : complain(r, "expected an object");
  json_decref(object);
  return status;
}

/* --- the file --------------------------------------------------------------------------------------------------- */

/* A line that does not end was being written when the run was killed. */
static lp_status read_lines(reading *r, FILE *in) {
  char *line = NULL;
  size_t room = 0;
  lp_status status = LP_OK;
  for (ssize_t n; status == LP_OK && (n = getline(&line, &room, in)) > 0;) {
    if (line[n - 1] != '\n') break;
    r->line++;
    status = take_line(r, line, (size_t)n - 1);
  }
  free(line);
  if (status == LP_OK && ferror(in)) return lp_fail(r->error, LP_IO, "%s: could not be read", r->results->path);
  if (status == LP_OK && r->line == 0) {
    return lp_fail(r->error, LP_INVALID, "%s: expected results as JSON Lines, got nothing", r->results->path);
  }
  return status;
}

lp_status lp_results_read(lp_results *results, const char *path, lp_error *error) {
  const bool standard = strcmp(path, "-") == 0;
  *results = (lp_results){.arena = lp_arena_new(0),
                          .path = standard ? "standard input" : path,
                          .candidate = "",
                          .profile = "",
                          .fixtures = "",
                          .fixtures_version = "",
                          .program_version = "",
                          .exit_code = -1};
  reading r = {.results = results, .error = error};
  if (!results->arena) return out_of_memory(&r);
  FILE *in = standard ? stdin : fopen(path, "rb");
  if (!in) return lp_fail(error, LP_IO, "%s: %s", path, strerror(errno));
  const lp_status status = read_lines(&r, in);
  if (!standard) fclose(in);
  free(r.texts.slots);
  return status;
}

void lp_results_clear(lp_results *results) {
  lp_arena_free(results->arena);
  free(results->records);
  free(results->unjudged);
  *results = (lp_results){0};
}

/* --- what it comes to ------------------------------------------------------------------------------------------- */

void lp_counts_add(lp_counts *c, const lp_record *r) {
  c->pass += lp_record_is(r, "pass");
  c->fail += lp_record_is(r, "fail");
  c->inconclusive += lp_record_is(r, "inconclusive");
  c->unsupported += lp_record_is(r, "unsupported");
  c->waived += lp_record_is(r, "waived");
}

lp_counts lp_results_count(const lp_results *results) {
  lp_counts c = {0};
  for (int i = 0; i < results->n_records; i++) lp_counts_add(&c, &results->records[i]);
  return c;
}

const char *lp_results_conclusion(const lp_results *results) {
  if (!results->whole) return "CUT SHORT";
  switch (results->exit_code) {
    case 0:
      return "CONFORMS";
    case 1:
      return "DOES NOT CONFORM";
    case 3:
      return "HARNESS AT FAULT";
    case 4:
      return "TOO LITTLE RAN";
    case 5:
      return "INCONCLUSIVE";
    default:
      return "CUT SHORT";
  }
}

bool lp_record_is_finding(const lp_record *r) {
  const bool ours = strstr(r->alone, "reference") != NULL;
  return lp_record_is(r, "fail") || lp_record_is(r, "inconclusive") || (ours && !lp_record_is(r, "unsupported"));
}
