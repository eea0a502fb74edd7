#include "harness/recast.h"

#include <math.h>
#include <string.h>

#include "reference/plan.h"

static unsigned find_dtype(const char *word, size_t length) {
  for (int d = LP_FLOAT64; d <= LP_BFLOAT16; d++) {
    const char *name = lp_dtype_name((lp_dtype)d);
    if (strlen(name) == length && strncmp(name, word, length) == 0) return 1u << d;
  }
  return 0;
}

lp_status lp_dtypes_parse(unsigned *dtypes, const char *words, lp_error *error) {
  *dtypes = 0;
  for (const char *word = words;; word++) {
    const size_t length = strcspn(word, ",");
    const unsigned found = find_dtype(word, length);
    if (!found) {
      return lp_fail(error, LP_INVALID,
                     "expected float64, float32, float16 or bfloat16, or several with commas, got "
                     "\"%.40s\"",
                     words);
    }
    *dtypes |= found;
    word += length;
    if (!*word) return LP_OK;
  }
}

/* "core/l1/0001#law" to "core/l1/0001@float32#law". */
static lp_status name_recast(lp_case *out, lp_arena *arena, const char *id, lp_dtype dtype, lp_error *error) {
  const size_t stem = strcspn(id, "#");
  out->id = lp_arena_format(arena, "%.*s@%s%s", (int)stem, id, lp_dtype_name(dtype), id + stem);
  if (!out->id) return lp_fail(error, LP_NO_MEMORY, "out of memory for the id of a recast case");
  if (strlen(out->id) <= LP_MAX_ID_BYTES) return LP_OK;
  return lp_fail(error, LP_INVALID, "case %.100s...: no room in the id for \"@%s\": %d bytes at most", id,
                 lp_dtype_name(dtype), LP_MAX_ID_BYTES);
}

static lp_status recast_tensor(lp_tensor *tensor, lp_arena *arena, lp_dtype from, lp_dtype to, lp_error *error) {
  if (tensor->dtype != from) return LP_OK;
  const double *values = tensor->f64;
  tensor->dtype = to;
  LP_TRY(lp_arena_tensor(arena, tensor, error));
  for (int64_t i = 0; i < tensor->numel; i++) tensor->f64[i] = lp_dtype_round(to, values[i]);
  return LP_OK;
}

static lp_status recast_tensors(lp_case *out, lp_arena *arena, lp_dtype from, lp_dtype to, lp_error *error) {
  for (int i = 0; i < out->loss->n_inputs; i++) {
    if (out->has_input[i]) LP_TRY(recast_tensor(&out->inputs[i], arena, from, to, error));
  }
  return out->has_grad_output ? recast_tensor(&out->grad_output, arena, from, to, error) : LP_OK;
}

/* A number that the dtype cannot hold at all: "value cannot be converted to type float without overflow". */
static bool parameters_overflow(const lp_case *c) {
  bool overflow = false;
  for (int i = 0; i < c->loss->n_params; i++) {
    const double x = c->params[i];
    overflow |= c->loss->params[i].type == LP_PARAM_REAL && isfinite(x) && fabs(x) > lp_dtype_largest(c->dtype);
  }
  return overflow;
}

/* What PyTorch refuses in both dtypes for one reason stays a case; what it refuses for the new dtype alone does not. */
static bool expect(lp_case *out, const lp_case *c) {
  lp_plan plan;
  lp_error before = {.reject = LP_REJECT_NONE}, after = {.reject = LP_REJECT_NONE};
  const lp_status was = lp_plan_init(&plan, c, &before), is = lp_plan_init(&plan, out, &after);
  if (is != LP_OK && is != LP_REJECTED) return true; /* no question at all: said when it is to be asked */
  if (is == LP_REJECTED && after.reject == LP_REJECT_DTYPE && (was == LP_OK || before.reject != LP_REJECT_DTYPE)) {
    return false;
  }
  if (is == LP_OK && out->has_grad_output && out->grad_output.dtype == out->dtype) {
    out->grad_output.dtype = plan.outcome.outputs[0].tensor.dtype; /* wider where another tensor's dtype is */
  }
  if (parameters_overflow(out)) {
    out->expect = LP_EXPECT_EITHER;
  } else if (c->expect != LP_EXPECT_EITHER) {
    out->expect = is == LP_REJECTED ? LP_EXPECT_REJECT : LP_EXPECT_ACCEPT;
  }
  return true;
}

lp_status lp_recast_case(lp_case *out, bool *exists, lp_arena *arena, const lp_case *c, lp_dtype dtype,
                         lp_error *error) {
  *out = *c;
  out->dtype = dtype;
  LP_TRY(name_recast(out, arena, c->id, dtype, error));
  LP_TRY(recast_tensors(out, arena, c->dtype, dtype, error));
  *exists = expect(out, c);
  return LP_OK;
}

static lp_status add(lp_suite *out, const lp_suite_entry *entry, lp_error *error) {
  lp_suite_entry *added = lp_suite_add(out);
  if (!added) return lp_fail(error, LP_NO_MEMORY, "no room for case %s: %d cases at most", entry->c.id, LP_MAX_CASES);
  *added = *entry;
  return LP_OK;
}

static lp_status add_recast(lp_suite *out, int *left_out, const lp_suite_entry *entry, lp_dtype dtype,
                            lp_error *error) {
  lp_suite_entry recast = {.message = "", .outcome = {.message = ""}};
  bool exists;
  if (entry->c.dtype == dtype) return add(out, entry, error);
  LP_TRY(lp_recast_case(&recast.c, &exists, out->arena, &entry->c, dtype, error));
  if (exists) return add(out, &recast, error);
  ++*left_out;
  return LP_OK;
}

lp_status lp_recast_suite(lp_suite *out, int *left_out, const lp_suite *in, lp_recast_choice choice,
                          const void *context, lp_error *error) {
  *left_out = 0;
  out->origin = in->origin;
  for (int i = 0; i < in->count; i++) {
    const lp_suite_entry *entry = &in->entries[i];
    const unsigned dtypes = choice(context, entry->c.loss);
    if (dtypes == 0) LP_TRY(add(out, entry, error));
    for (int d = LP_FLOAT64; d <= LP_BFLOAT16; d++) {
      if (dtypes & (1u << d)) LP_TRY(add_recast(out, left_out, entry, (lp_dtype)d, error));
    }
  }
  return LP_OK;
}
