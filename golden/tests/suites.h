/* Random suites and their comparison, and a folder for files: scaffolding for the tests of readers and writers. */
#ifndef LP_GOLDEN_TESTS_SUITES_H
#define LP_GOLDEN_TESTS_SUITES_H

#include <check.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "golden/columns_schema.h"
#include "golden/packed.h"
#include "golden/suite.h"
#include "reference/draw.h"

/* A folder for the files of one test program: made before its tests are forked, removed after them. */

static char scratch_folder[256];

static inline void scratch_make(void) {
  const char *parent = getenv("TMPDIR");
  snprintf(scratch_folder, sizeof scratch_folder, "%s/lossproof-XXXXXX", parent && parent[0] ? parent : "/tmp");
  if (!mkdtemp(scratch_folder)) abort();
}

static inline const char *scratch(const char *name) {
  static char paths[4][512]; /* so that a few may be in use at a time */
  static int turn;
  char *path = paths[turn++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", scratch_folder, name);
  return path;
}

/* Whether the folder holds a file whose name contains `part`. */
static inline bool scratch_has(const char *part) {
  DIR *folder = opendir(scratch_folder);
  bool found = false;
  for (const struct dirent *e = readdir(folder); e; e = readdir(folder)) found = found || strstr(e->d_name, part);
  closedir(folder);
  return found;
}

static inline void scratch_remove(void) {
  DIR *folder = opendir(scratch_folder);
  for (const struct dirent *e = readdir(folder); e; e = readdir(folder)) {
    if (e->d_name[0] != '.') remove(scratch(e->d_name));
  }
  closedir(folder);
  remove(scratch_folder);
}

/* Files as bytes. */

static inline unsigned char *slurp(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  ck_assert_ptr_nonnull(file);
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  unsigned char *bytes = malloc(*size + 1);
  ck_assert_uint_eq(fread(bytes, 1, *size, file), *size);
  fclose(file);
  return bytes;
}

static inline void spill(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  ck_assert_ptr_nonnull(file);
  ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
  ck_assert_int_eq(fclose(file), 0);
}

/* Random suites. */

static inline double random_real(lp_rng *rng, lp_dtype dtype) {
  static const double special[] = {0.0, -0.0, 1.0, INFINITY, -INFINITY, NAN, 5e-324, 1e-40, 6e-8, 1e300, 65504.0};
  if (lp_rng_chance(rng, 0.3)) return lp_dtype_round(dtype, special[lp_rng_below(rng, 11)]);
  return lp_dtype_round(dtype, lp_rng_normal(rng) * lp_rng_uniform(rng));
}

static inline int64_t random_integer(lp_rng *rng, lp_dtype dtype) {
  const uint64_t low = (uint64_t)lp_packed_min(dtype), span = (uint64_t)lp_packed_max(dtype) - low;
  const uint64_t drawn = low + (span == UINT64_MAX ? lp_rng_next(rng) : lp_rng_next(rng) % (span + 1));
  int64_t value;
  memcpy(&value, &drawn, sizeof value);
  return value;
}

static inline void random_tensor(lp_tensor *tensor, lp_arena *arena, lp_rng *rng, int n_dtypes) {
  int64_t shape[LP_MAX_RANK];
  lp_error error;
  const int rank = lp_rng_chance(rng, 0.05) ? LP_MAX_RANK : (int)lp_rng_below(rng, 4);
  for (int i = 0; i < rank; i++) shape[i] = rank == LP_MAX_RANK ? 1 + lp_rng_below(rng, 2) : lp_rng_below(rng, 4);
  const lp_dtype dtype = (lp_dtype)lp_rng_below(rng, n_dtypes);
  ck_assert_int_eq(lp_tensor_init(tensor, dtype, rank, shape, &error), LP_OK);
  ck_assert_int_eq(lp_arena_tensor(arena, tensor, &error), LP_OK);
  for (int64_t k = 0; k < tensor->numel; k++) {
    if (lp_dtype_is_floating(dtype)) {
      tensor->f64[k] = random_real(rng, dtype);
    } else {
      tensor->i64[k] = random_integer(rng, dtype);
    }
  }
}

static inline const char *random_text(lp_arena *arena, lp_rng *rng, int most) {
  static const char *const pieces[] = {"a", " ", "=", "/", "é", "→", "𝄞", "\n", "\"", "\\"};
  char text[64] = "";
  const int n = (int)lp_rng_below(rng, most + 1);
  for (int i = 0; i < n; i++) strcat(text, pieces[lp_rng_below(rng, 10)]);
  return lp_arena_text(arena, text, strlen(text));
}

static inline double random_param(lp_rng *rng, lp_param_type type) {
  if (type == LP_PARAM_BOOL) return (double)lp_rng_below(rng, 2);
  return type == LP_PARAM_INT ? (double)lp_rng_below(rng, 100) - 50.0 : random_real(rng, LP_FLOAT64);
}

static inline void random_case(lp_case *c, lp_arena *arena, lp_rng *rng) {
  static const char *const words[] = {"none", "mean", "sum", "batchmean", "average", ""};
  c->hunts = random_text(arena, rng, 12);
  c->tags = random_text(arena, rng, 12);
  c->expect = (lp_expect)lp_rng_below(rng, 3);
  c->dtype = (lp_dtype)lp_rng_below(rng, 4);
  c->reduction_word = words[lp_rng_below(rng, 6)];
  c->reduction = lp_reduction_from_name(c->reduction_word);
  for (int i = 0; i < c->loss->n_params; i++) c->params[i] = random_param(rng, c->loss->params[i].type);
  for (int i = 0; i < c->loss->n_inputs; i++) {
    c->has_input[i] = !c->loss->inputs[i].optional || lp_rng_chance(rng, 0.5);
    if (c->has_input[i]) random_tensor(&c->inputs[i], arena, rng, LP_DTYPE_COUNT);
  }
  c->has_grad_output = lp_rng_chance(rng, 0.5);
  if (c->has_grad_output) random_tensor(&c->grad_output, arena, rng, LP_DTYPE_COUNT);
}

static inline void random_outcome(lp_outcome *outcome, const lp_loss *loss, lp_arena *arena, lp_rng *rng) {
  outcome->kind = (lp_outcome_kind)(lp_rng_chance(rng, 0.6) ? 0 : lp_rng_below(rng, LP_OUTCOME_TIMED_OUT + 1));
  outcome->message = outcome->kind == LP_OUTCOME_OK ? "" : random_text(arena, rng, 12);
  for (int i = LP_OUTPUT_LOSS; i < loss->n_inputs && outcome->kind == LP_OUTCOME_OK; i++) {
    if (i >= 0 && lp_rng_chance(rng, 0.3)) continue;
    lp_output *output = &outcome->outputs[outcome->n_outputs++];
    output->input = i;
    random_tensor(&output->tensor, arena, rng, LP_INT64);
  }
}

/* Appends n cases of the loss. halves: LP_HAS_CASES, LP_HAS_OUTCOMES or both. */
static inline void random_suite(lp_suite *suite, const lp_loss *loss, uint64_t seed, int n, unsigned halves) {
  lp_rng rng = {seed};
  suite->origin = (lp_suite_origin){"pytorch", "2.13.0", "0.1", "spread 1 ulp\n→ AVX2", seed ^ ((uint64_t)1 << 63)};
  for (int i = 0; i < n; i++) {
    lp_suite_entry *entry = lp_suite_add(suite);
    ck_assert_ptr_nonnull(entry);
    lp_case_init(&entry->c, loss);
    entry->c.id = lp_arena_format(suite->arena, "random/%s/%d", loss->name, i);
    if (halves & LP_HAS_CASES) random_case(&entry->c, suite->arena, &rng);
    entry->has_outcome = (halves & LP_HAS_OUTCOMES) != 0;
    if (entry->has_outcome) random_outcome(&entry->outcome, loss, suite->arena, &rng);
  }
}

/* Comparison, bit for bit. */

static inline bool same_tensor(const lp_tensor *a, const lp_tensor *b) {
  if (a->dtype != b->dtype || !lp_tensor_same_shape(a, b) || a->numel != b->numel) return false;
  if (a->numel == 0) return true;
  const bool floating = lp_dtype_is_floating(a->dtype);
  return memcmp(floating ? (void *)a->f64 : (void *)a->i64, floating ? (void *)b->f64 : (void *)b->i64,
                (size_t)a->numel * 8) == 0;
}

static inline bool same_case(const lp_case *a, const lp_case *b) {
  if (strcmp(a->id, b->id) != 0 || strcmp(a->hunts, b->hunts) != 0 || strcmp(a->tags, b->tags) != 0) return false;
  if (a->loss != b->loss || a->expect != b->expect || a->dtype != b->dtype || a->reduction != b->reduction)
    return false;
  if (strcmp(a->reduction_word, b->reduction_word) != 0) return false;
  if (memcmp(a->params, b->params, (size_t)a->loss->n_params * sizeof a->params[0]) != 0) return false;
  for (int i = 0; i < a->loss->n_inputs; i++) {
    if (a->has_input[i] != b->has_input[i]) return false;
    if (a->has_input[i] && !same_tensor(&a->inputs[i], &b->inputs[i])) return false;
  }
  if (a->has_grad_output != b->has_grad_output) return false;
  return !a->has_grad_output || same_tensor(&a->grad_output, &b->grad_output);
}

static inline bool same_outcome(const lp_outcome *a, const lp_outcome *b) {
  if (a->kind != b->kind || strcmp(a->message, b->message) != 0 || a->n_outputs != b->n_outputs) return false;
  for (int i = 0; i < a->n_outputs; i++) {
    if (a->outputs[i].input != b->outputs[i].input) return false;
    if (!same_tensor(&a->outputs[i].tensor, &b->outputs[i].tensor)) return false;
  }
  return true;
}

static inline bool same_origin(const lp_suite_origin *a, const lp_suite_origin *b) {
  return strcmp(a->producer, b->producer) == 0 && strcmp(a->producer_version, b->producer_version) == 0 &&
         strcmp(a->exporter_version, b->exporter_version) == 0 && strcmp(a->note, b->note) == 0 && a->seed == b->seed;
}

static inline bool same_suite(const lp_suite *a, const lp_suite *b) {
  if (a->count != b->count || !same_origin(&a->origin, &b->origin)) return false;
  for (int i = 0; i < a->count; i++) {
    const lp_suite_entry *x = &a->entries[i], *y = &b->entries[i];
    if (!same_case(&x->c, &y->c) || x->has_outcome != y->has_outcome || x->status != y->status) return false;
    if (x->has_outcome && !same_outcome(&x->outcome, &y->outcome)) return false;
  }
  return true;
}

#endif
