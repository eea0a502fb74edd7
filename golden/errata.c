/* errata.json:
 *   {"format": "lossproof errata 1", "pytorch": "2.13.0", "errata": [
 *     {"name": ..., "summary": ..., "source": ..., "cases": {CASE: {OUTPUT: {"index": 0, "pytorch": "Infinity",
 *      "true": "800", "ratio": "Infinity"}}}}]}
 * Lists and keys are sorted, so that two readings of one register are the same text. */
#include "golden/errata.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/json_internal.h"

#define FORMAT "lossproof errata 1"

struct lp_errata {
  lp_arena *arena; /* owns everything, this struct included */
  const char *pytorch;
  lp_erratum *list;
  int count;
};

typedef struct reading {
  lp_arena *arena;
  const char *path;
  lp_error *error;
} reading;

static lp_status no_memory(const reading *r) {
  return lp_fail(r->error, LP_NO_MEMORY, "%s: no memory for the register of errata", r->path);
}

static lp_status unexpected(const reading *r, const char *where, const char *key, const char *expected,
                            const json_t *got) {
  char text[LP_QUOTE_MAX];
  return lp_fail(r->error, LP_INVALID, "%s: %s%s%s: expected %s, got %s", r->path, where, *where && *key ? " " : "",
                 key, expected, got ? lp_json_describe(text, got) : "nothing");
}

/* A non-empty string under `key`, copied. */
static lp_status read_text(const reading *r, const char **text, const char *where, const json_t *object,
                           const char *key) {
  const json_t *value = json_object_get(object, key);
  if (!json_is_string(value) || json_string_length(value) == 0) return unexpected(r, where, key, "a text", value);
  *text = lp_arena_text(r->arena, json_string_value(value), json_string_length(value));
  return *text ? LP_OK : no_memory(r);
}

/* An object with exactly these keys. */
static lp_status check_object(const reading *r, const char *where, const json_t *value, const char *const *keys,
                              int n_keys) {
  lp_error inner;
  if (!json_is_object(value)) return unexpected(r, where, "", "an object", value);
  if (lp_json_check_keys(value, where, keys, n_keys, &inner) == LP_OK) return LP_OK;
  return lp_fail(r->error, LP_INVALID, "%s: %s", r->path, inner.message);
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* The object's keys, copied and sorted. */
static lp_status read_keys(const reading *r, const char ***keys, const char *where, json_t *object) {
  if (!json_is_object(object) || json_object_size(object) == 0) {
    return unexpected(r, where, "", "an object that is not empty", object);
  }
  *keys = lp_arena_alloc(r->arena, json_object_size(object), sizeof **keys);
  if (!*keys) return no_memory(r);
  size_t n = 0;
  for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
    const char *key = json_object_iter_key(at);
    (*keys)[n] = lp_arena_text(r->arena, key, strlen(key));
    if (!(*keys)[n++]) return no_memory(r);
  }
  qsort(*keys, n, sizeof **keys, by_text);
  return LP_OK;
}

static lp_status read_proof(const reading *r, lp_erratum_proof *proof, const json_t *object) {
  static const char *const keys[] = {"index", "pytorch", "true", "ratio"};
  const char *where = lp_arena_format(r->arena, "%s %s", proof->case_id, proof->output);
  if (!where) return no_memory(r);
  LP_TRY(check_object(r, where, object, keys, 4));
  const json_t *index = json_object_get(object, "index");
  if (!json_is_integer(index) || json_integer_value(index) < 0) return unexpected(r, where, "index", "a count", index);
  proof->index = json_integer_value(index);
  LP_TRY(read_text(r, &proof->pytorch, where, object, "pytorch"));
  LP_TRY(read_text(r, &proof->truth, where, object, "true"));
  return read_text(r, &proof->ratio, where, object, "ratio");
}

/* Appends the proofs of one case. */
static lp_status read_case(const reading *r, lp_erratum_proof *proofs, int *n_proofs, const char *id, json_t *outputs) {
  const char **names;
  LP_TRY(read_keys(r, &names, id, outputs));
  for (size_t i = 0; i < json_object_size(outputs); i++) {
    lp_erratum_proof *proof = &proofs[(*n_proofs)++];
    proof->case_id = id;
    proof->output = names[i];
    LP_TRY(read_proof(r, proof, json_object_get(outputs, names[i])));
  }
  return LP_OK;
}

static size_t count_outputs(json_t *cases) {
  size_t n = 0;
  for (void *at = json_object_iter(cases); at; at = json_object_iter_next(cases, at)) {
    n += json_object_size(json_object_iter_value(at));
  }
  return n;
}

static lp_status read_cases(const reading *r, lp_erratum *erratum, json_t *cases) {
  const char **ids;
  LP_TRY(read_keys(r, &ids, erratum->name, cases));
  lp_erratum_proof *proofs = lp_arena_alloc(r->arena, count_outputs(cases), sizeof *proofs);
  if (!proofs) return no_memory(r);
  erratum->cases = ids;
  erratum->n_cases = (int)json_object_size(cases);
  erratum->proofs = proofs;
  for (int i = 0; i < erratum->n_cases; i++) {
    LP_TRY(read_case(r, proofs, &erratum->n_proofs, ids[i], json_object_get(cases, ids[i])));
  }
  return LP_OK;
}

static lp_status read_erratum(const reading *r, lp_erratum *erratum, const json_t *object) {
  static const char *const keys[] = {"name", "summary", "source", "cases"};
  LP_TRY(check_object(r, "errata", object, keys, 4));
  LP_TRY(read_text(r, &erratum->name, "errata", object, "name"));
  LP_TRY(read_text(r, &erratum->summary, "errata", object, "summary"));
  LP_TRY(read_text(r, &erratum->source, "errata", object, "source"));
  return read_cases(r, erratum, json_object_get(object, "cases"));
}

/* Names ascend, and no earlier erratum covers an output of this one. */
static lp_status check_new(const reading *r, const lp_errata *errata, const lp_erratum *erratum) {
  const lp_erratum *last = errata->count > 0 ? &errata->list[errata->count - 1] : NULL;
  if (last && strcmp(last->name, erratum->name) >= 0) {
    return lp_fail(r->error, LP_INVALID, "%s: errata: \"%s\" stands after \"%s\", but names must ascend", r->path,
                   erratum->name, last->name);
  }
  for (int i = 0; i < erratum->n_proofs; i++) {
    const lp_erratum_proof *proof = &erratum->proofs[i];
    const lp_erratum *other = lp_errata_find(errata, proof->case_id, proof->output);
    if (!other) continue;
    return lp_fail(r->error, LP_INVALID, "%s: %s of %s is covered by \"%s\" and by \"%s\"", r->path, proof->output,
                   proof->case_id, other->name, erratum->name);
  }
  return LP_OK;
}

static lp_status read_list(const reading *r, lp_errata *errata, const json_t *list) {
  if (!json_is_array(list)) return unexpected(r, "", "errata", "a list", list);
  errata->list = lp_arena_alloc(r->arena, json_array_size(list), sizeof *errata->list);
  if (!errata->list) return no_memory(r);
  for (size_t i = 0; i < json_array_size(list); i++) {
    LP_TRY(read_erratum(r, &errata->list[i], json_array_get(list, i)));
    LP_TRY(check_new(r, errata, &errata->list[i]));
    errata->count++;
  }
  return LP_OK;
}

static lp_status read_register(const reading *r, lp_errata *errata, const json_t *root) {
  static const char *const keys[] = {"format", "pytorch", "errata"};
  const char *format;
  LP_TRY(check_object(r, "the register", root, keys, 3));
  LP_TRY(read_text(r, &format, "", root, "format"));
  if (strcmp(format, FORMAT) != 0) {
    return unexpected(r, "", "format", "\"" FORMAT "\"", json_object_get(root, "format"));
  }
  LP_TRY(read_text(r, &errata->pytorch, "", root, "pytorch"));
  return read_list(r, errata, json_object_get(root, "errata"));
}

static lp_status parse(const reading *r, json_t **root) {
  json_error_t e;
  FILE *file = fopen(r->path, "rb");
  if (!file) return lp_fail(r->error, LP_IO, "%s: %s", r->path, strerror(errno));
  *root = json_loadf(file, JSON_REJECT_DUPLICATES, &e);
  fclose(file);
  if (*root) return LP_OK;
  if (!*e.text || json_error_code(&e) == json_error_out_of_memory) return no_memory(r);
  return lp_fail(r->error, LP_INVALID, "%s:%d:%d: %s", r->path, e.line, e.column, e.text);
}

lp_status lp_errata_read(lp_errata **errata, const char *path, lp_error *error) {
  const reading r = {.arena = lp_arena_new(0), .path = path, .error = error};
  json_t *root = NULL;
  *errata = r.arena ? lp_arena_alloc(r.arena, 1, sizeof **errata) : NULL;
  if (*errata) (*errata)->arena = r.arena;
  lp_status status = *errata ? parse(&r, &root) : no_memory(&r);
  if (status == LP_OK) status = read_register(&r, *errata, root);
  json_decref(root);
  if (status == LP_OK) return LP_OK;
  lp_arena_free(r.arena);
  *errata = NULL;
  return status;
}

void lp_errata_free(lp_errata *errata) {
  if (errata) lp_arena_free(errata->arena);
}

int lp_errata_count(const lp_errata *errata) { return errata->count; }

const lp_erratum *lp_errata_at(const lp_errata *errata, int index) {
  return index >= 0 && index < errata->count ? &errata->list[index] : NULL;
}

const char *lp_errata_pytorch(const lp_errata *errata) { return errata->pytorch; }

static int compare_place(const lp_erratum_proof *proof, const char *case_id, const char *output) {
  const int by_case = strcmp(proof->case_id, case_id);
  return by_case ? by_case : strcmp(proof->output, output);
}

const lp_erratum_proof *lp_erratum_proof_of(const lp_erratum *erratum, const char *case_id, const char *output) {
  int low = 0, high = erratum->n_proofs;
  while (low < high) {
    const int middle = low + (high - low) / 2;
    const int order = compare_place(&erratum->proofs[middle], case_id, output);
    if (order == 0) return &erratum->proofs[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

const lp_erratum *lp_errata_find(const lp_errata *errata, const char *case_id, const char *output) {
  for (int i = 0; i < errata->count; i++) {
    if (lp_erratum_proof_of(&errata->list[i], case_id, output)) return &errata->list[i];
  }
  return NULL;
}
