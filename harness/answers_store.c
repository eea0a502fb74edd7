#include "harness/answers_store.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "golden/json.h"

static const char format_name[] = "lossproof-answers";

typedef struct kept {
  const char *id, *digest;
  lp_answer answer;
} kept;

struct lp_answer_store {
  char *path;
  FILE *file;
  pthread_mutex_t lock;
  lp_suite suite; /* of the answers that were found; only its arena outlives the reading */
  kept *found;    /* sorted by id and digest when reading is done */
  int count, capacity;
};

/* --- the question -------------------------------------------------------------------------------------------- */

static lp_status add_text(lp_sha256 *hash, const char *text, lp_error *error) {
  return lp_sha256_add(hash, text, strlen(text) + 1, error);
}

static lp_status add_tensor(lp_sha256 *hash, bool present, const lp_tensor *t, lp_error *error) {
  LP_TRY(lp_sha256_add(hash, &present, sizeof present, error));
  if (!present) return LP_OK;
  LP_TRY(add_text(hash, lp_dtype_name(t->dtype), error));
  LP_TRY(lp_sha256_add(hash, t->shape, (size_t)t->rank * sizeof *t->shape, error));
  LP_TRY(lp_sha256_add(hash, &t->rank, sizeof t->rank, error));
  const void *data = t->f64 ? (const void *)t->f64 : (const void *)t->i64;
  return t->numel > 0 && data ? lp_sha256_add(hash, data, (size_t)t->numel * sizeof(double), error) : LP_OK;
}

static lp_status add_question(lp_sha256 *hash, const lp_case *c, lp_error *error) {
  LP_TRY(add_text(hash, c->loss->name, error));
  LP_TRY(add_text(hash, lp_dtype_name(c->dtype), error));
  LP_TRY(add_text(hash, c->reduction_word ? c->reduction_word : "", error));
  LP_TRY(lp_sha256_add(hash, c->params, (size_t)c->loss->n_params * sizeof *c->params, error));
  for (int i = 0; i < c->loss->n_inputs; i++) LP_TRY(add_tensor(hash, c->has_input[i], &c->inputs[i], error));
  return add_tensor(hash, c->has_grad_output, &c->grad_output, error);
}

lp_status lp_question_digest(char digest[LP_SHA256_TEXT], const lp_case *c, lp_error *error) {
  lp_sha256 *hash;
  LP_TRY(lp_sha256_new(&hash, error));
  lp_status status = add_question(hash, c, error);
  if (status == LP_OK) status = lp_sha256_text(digest, hash, error);
  lp_sha256_free(hash);
  return status;
}

/* --- reading ------------------------------------------------------------------------------------------------- */

static const char *string_of(const json_t *object, const char *key) {
  return json_string_value(json_object_get(object, key));
}

static const char *keep_text(lp_answer_store *store, const char *text) {
  return text ? lp_arena_text(store->suite.arena, text, strlen(text)) : NULL;
}

static bool find_conduct(lp_conduct *conduct, const char *name) {
  for (int k = 0; name && k < LP_CONDUCT_COUNT; k++) {
    *conduct = (lp_conduct)k;
    if (strcmp(lp_conduct_name(*conduct), name) == 0) return true;
  }
  return false;
}

/* One answer, written as a case without inputs. Its strings and numbers go to the store's arena. */
static bool read_outcome(lp_answer_store *store, lp_outcome *outcome, const json_t *value) {
  lp_json_shape shape;
  lp_error error;
  char *text = json_dumps(value, JSON_COMPACT);
  const int before = store->suite.count;
  const bool read = text && lp_json_read_text(&store->suite, &shape, text, strlen(text), "answer", &error) == LP_OK &&
                    store->suite.count == before + 1 && store->suite.entries[before].status == LP_OK &&
                    store->suite.entries[before].has_outcome;
  if (read) *outcome = store->suite.entries[before].outcome;
  store->suite.count = before;
  free(text);
  return read;
}

static bool read_encores(lp_answer_store *store, lp_answer *answer, const json_t *answers, const json_t *names) {
  const size_t n = json_array_size(names);
  if (n > LP_MAX_ENCORES || json_array_size(answers) != n + 1) return false;
  for (size_t i = 0; i < n; i++) {
    answer->encore_names[i] = keep_text(store, json_string_value(json_array_get(names, i)));
    if (!answer->encore_names[i] || !read_outcome(store, &answer->encores[i], json_array_get(answers, i + 1)))
      return false;
  }
  answer->n_encores = (int)n;
  return true;
}

static bool read_answer(lp_answer_store *store, kept *k, const json_t *line) {
  const json_t *answers = json_object_get(line, "answers");
  *k = (kept){.id = keep_text(store, string_of(line, "id")), .digest = keep_text(store, string_of(line, "digest"))};
  k->answer.conduct_text = keep_text(store, string_of(line, "said"));
  return k->id && k->digest && k->answer.conduct_text && find_conduct(&k->answer.conduct, string_of(line, "conduct")) &&
         read_outcome(store, &k->answer.outcome, json_array_get(answers, 0)) &&
         read_encores(store, &k->answer, answers, json_object_get(line, "encores"));
}

static bool grow(lp_answer_store *store) {
  if (store->count < store->capacity) return true;
  const int capacity = store->capacity == 0 ? 1024 : 2 * store->capacity;
  kept *found = realloc(store->found, (size_t)capacity * sizeof *found);
  if (!found) return false;
  store->found = found;
  store->capacity = capacity;
  return true;
}

static bool read_line(lp_answer_store *store, const char *text, size_t length) {
  json_t *line = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
  const bool read = line && grow(store) && read_answer(store, &store->found[store->count], line);
  store->count += read;
  json_decref(line);
  return read;
}

static lp_status check_head(const lp_answer_store *store, const lp_candidate *candidate, const char *text,
                            size_t length, lp_error *error) {
  const lp_manifest *m = lp_candidate_manifest(candidate);
  json_t *head = json_loadb(text, length, 0, NULL);
  const char *format = string_of(head, "format"), *name = string_of(head, "candidate");
  const char *version = string_of(head, "candidate_version");
  lp_status status = LP_OK;
  if (!format || strcmp(format, format_name) != 0 || !name || !version) {
    status =
        lp_fail(error, LP_INVALID, "%s: it does not begin as a file of answers does; is it another file?", store->path);
  } else if (strcmp(name, lp_candidate_name(candidate)) != 0 || strcmp(version, m->version) != 0) {
    status = lp_fail(error, LP_INVALID, "%s: these are answers of %.80s %.40s, not of %.80s %.40s", store->path, name,
                     version, lp_candidate_name(candidate), m->version);
  }
  json_decref(head);
  return status;
}

static int compare(const void *a, const void *b) {
  const kept *x = a, *y = b;
  const int by_id = strcmp(x->id, y->id);
  return by_id ? by_id : strcmp(x->digest, y->digest);
}

/* How much of the text is lines that are what they should be: all, or all but the last. */
static lp_status read_lines(lp_answer_store *store, size_t *valid, const lp_candidate *candidate, const char *text,
                            size_t length, lp_error *error) {
  *valid = 0;
  for (size_t at = 0; at < length;) {
    const char *end = memchr(text + at, '\n', length - at);
    if (!end) break; /* torn */
    const size_t n = (size_t)(end - (text + at));
    if (at == 0) LP_TRY(check_head(store, candidate, text, n, error));
    const bool read = at == 0 || read_line(store, text + at, n);
    at += n + 1;
    if (read) {
      *valid = at;
    } else if (at < length) {
      return lp_fail(error, LP_INVALID, "%s: line %d is no answer, and others follow; mend it or take it out",
                     store->path, store->count + 2);
    }
  }
  if (store->count > 0) qsort(store->found, (size_t)store->count, sizeof *store->found, compare);
  return LP_OK;
}

static lp_status slurp(char **text, size_t *length, const char *path, lp_error *error) {
  *text = NULL;
  *length = 0;
  FILE *file = fopen(path, "rb");
  if (!file && errno == ENOENT) return LP_OK;
  if (!file) return lp_fail(error, LP_IO, "%s: %s", path, strerror(errno));
  long size = -1;
  if (fseek(file, 0, SEEK_END) == 0) size = ftell(file);
  if (size >= 0 && (*text = malloc((size_t)size + 1))) {
    rewind(file);
    *length = fread(*text, 1, (size_t)size, file);
  }
  fclose(file);
  if (size < 0) return lp_fail(error, LP_IO, "%s: it cannot be read twice, as --resume has to", path);
  return *text ? LP_OK : lp_fail(error, LP_NO_MEMORY, "%s: out of memory", path);
}

/* --- writing ------------------------------------------------------------------------------------------------- */

/* The case without its inputs: an answer. */
static lp_status write_outcome(FILE *out, const lp_case *c, const lp_outcome *outcome, lp_error *error) {
  lp_case stub;
  lp_case_init(&stub, c->loss);
  stub.id = c->id;
  return lp_json_write_case(out, &stub, outcome, LP_JSON_PACKED, error);
}

static void write_member(FILE *out, const char *separator, const char *key, const char *text) {
  fprintf(out, "%s\"%s\": ", separator, key);
  lp_json_write_text(out, text);
}

static lp_status write_line(FILE *out, const lp_case *c, const lp_answer *a, lp_error *error) {
  char digest[LP_SHA256_TEXT];
  LP_TRY(lp_question_digest(digest, c, error));
  write_member(out, "{", "id", c->id);
  write_member(out, ", ", "digest", digest);
  write_member(out, ", ", "conduct", lp_conduct_name(a->conduct));
  fputs(", \"answers\": [", out);
  LP_TRY(write_outcome(out, c, &a->outcome, error));
  for (int i = 0; i < a->n_encores; i++) {
    fputs(", ", out);
    LP_TRY(write_outcome(out, c, &a->encores[i], error));
  }
  write_member(out, "], ", "said", a->conduct_text);
  fputs(", \"encores\": [", out);
  for (int i = 0; i < a->n_encores; i++) {
    fputs(i > 0 ? ", " : "", out);
    lp_json_write_text(out, a->encore_names[i]);
  }
  fputs("]}\n", out);
  return LP_OK;
}

static lp_status flush(lp_answer_store *store, lp_error *error) {
  if (fflush(store->file) == 0 && !ferror(store->file)) return LP_OK;
  return lp_fail(error, LP_IO, "%s: could not be written completely", store->path);
}

static lp_status write_head(lp_answer_store *store, const lp_candidate *candidate, lp_error *error) {
  write_member(store->file, "{", "format", format_name);
  fputs(", \"version\": 1", store->file);
  write_member(store->file, ", ", "candidate", lp_candidate_name(candidate));
  write_member(store->file, ", ", "candidate_version", lp_candidate_manifest(candidate)->version);
  fputs("}\n", store->file);
  return flush(store, error);
}

/* Opens the file behind its valid part. */
static lp_status reopen(lp_answer_store *store, size_t valid, const lp_candidate *candidate, lp_error *error) {
  store->file = fopen(store->path, valid > 0 ? "r+b" : "wb");
  if (!store->file) return lp_fail(error, LP_IO, "%s: %s", store->path, strerror(errno));
  if (valid == 0) return write_head(store, candidate, error);
  if (ftruncate(fileno(store->file), (off_t)valid) == 0 && fseek(store->file, 0, SEEK_END) == 0) return LP_OK;
  return lp_fail(error, LP_IO, "%s: %s", store->path, strerror(errno));
}

/* A file of answers may be the work of hours. */
static lp_status check_new(const char *path, lp_error *error) {
  struct stat there;
  if (stat(path, &there) != 0 || !S_ISREG(there.st_mode) || there.st_size == 0) return LP_OK;
  return lp_fail(error, LP_INVALID, "%s: it is there already; --resume goes on with it", path);
}

/* --- the store ----------------------------------------------------------------------------------------------- */

static void discard(lp_answer_store *store) {
  if (store->suite.arena) lp_suite_clear(&store->suite);
  pthread_mutex_destroy(&store->lock);
  free(store->found);
  free(store->path);
  free(store);
}

static lp_status open_store(lp_answer_store *store, bool resume, const lp_candidate *candidate, lp_error *error) {
  char *text = NULL;
  size_t length = 0, valid = 0;
  LP_TRY(lp_suite_init(&store->suite, error));
  if (!resume) LP_TRY(check_new(store->path, error));
  if (resume) LP_TRY(slurp(&text, &length, store->path, error));
  lp_status status = read_lines(store, &valid, candidate, text, length, error);
  if (status == LP_OK) status = reopen(store, valid, candidate, error);
  free(text);
  return status;
}

lp_status lp_answer_store_open(lp_answer_store **out, const char *path, bool resume, const lp_candidate *candidate,
                               lp_error *error) {
  *out = NULL;
  lp_answer_store *store = calloc(1, sizeof *store);
  if (!store) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  pthread_mutex_init(&store->lock, NULL);
  store->path = strdup(path);
  const lp_status status =
      store->path ? open_store(store, resume, candidate, error) : lp_fail(error, LP_NO_MEMORY, "out of memory");
  if (status != LP_OK) {
    if (store->file) fclose(store->file);
    discard(store);
    return status;
  }
  *out = store;
  return LP_OK;
}

int lp_answer_store_count(const lp_answer_store *store) { return store->count; }

lp_status lp_answer_store_find(const lp_answer **answer, const lp_answer_store *store, const lp_case *c,
                               lp_error *error) {
  char digest[LP_SHA256_TEXT];
  *answer = NULL;
  if (store->count == 0) return LP_OK;
  LP_TRY(lp_question_digest(digest, c, error));
  const kept key = {.id = c->id, .digest = digest};
  const kept *found = bsearch(&key, store->found, (size_t)store->count, sizeof *store->found, compare);
  if (found) *answer = &found->answer;
  return LP_OK;
}

lp_status lp_answer_store_add(lp_answer_store *store, const lp_case *c, const lp_answer *answer, lp_error *error) {
  pthread_mutex_lock(&store->lock);
  lp_status status = write_line(store->file, c, answer, error);
  if (status == LP_OK) status = flush(store, error);
  pthread_mutex_unlock(&store->lock);
  return status;
}

lp_status lp_answer_store_close(lp_answer_store *store, lp_error *error) {
  if (!store) return LP_OK;
  lp_status status = flush(store, error);
  if (fclose(store->file) != 0 && status == LP_OK) {
    status = lp_fail(error, LP_IO, "%s: could not be written completely", store->path);
  }
  discard(store);
  return status;
}
