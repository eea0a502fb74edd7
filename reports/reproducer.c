#include "reports/reproducer.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "golden/hdf5.h"
#include "golden/json.h"
#include "harness/laws.h"
#include "reports/reproducer_internal.h"

/* --- what is expected --------------------------------------------------------------------------------------- */

static double number_of_class(lp_class class) {
  static const double numbers[] = {0.0, INFINITY, -INFINITY, NAN, NAN};
  return numbers[class];
}

/* value + rest is the middle of the enclosure, to twice a double's precision. */
static void split(double *value, double *rest, const lp_exact_number *n) {
  *value = n->class == LP_FINITE ? arf_get_d(arb_midref(&n->value), ARF_RND_NEAR) : number_of_class(n->class);
  *rest = 0.0;
  if (n->class != LP_FINITE || !isfinite(*value)) return;
  arf_t left, head;
  arf_init(left);
  arf_init(head);
  arf_set_d(head, *value);
  arf_sub(left, arb_midref(&n->value), head, 64, ARF_RND_NEAR);
  *rest = arf_get_d(left, ARF_RND_NEAR);
  arf_clear(left);
  arf_clear(head);
}

/* lp_law_budget knows what is open; its numbers end at 2^-1000. */
static void sharpen(double *budget, const lp_exact_number *n, lp_dtype dtype, bool flushes) {
  lp_comparison at_zero;
  if (n->class != LP_FINITE || !isfinite(*budget)) return;
  lp_compare(&at_zero, 0.0, n, dtype, flushes);
  *budget = at_zero.budget;
}

static void split_all(lp_expected *x, const lp_exact *exact, bool flushes) {
  for (int k = 0; k < x->value.n_outputs; k++) {
    const lp_exact_output *from = lp_exact_find(exact, x->value.outputs[k].input);
    const lp_tensor *value = &x->value.outputs[k].tensor, *rest = &x->rest.outputs[k].tensor;
    double *budget = x->budget.outputs[k].tensor.f64;
    for (int64_t i = 0; from && i < value->numel; i++) {
      split(&value->f64[i], &rest->f64[i], &from->numbers[i]);
      sharpen(&budget[i], &from->numbers[i], value->dtype, flushes);
    }
  }
}

static lp_status expect(lp_expected *x, lp_arena *arena, const lp_case *c, const lp_judging *how, lp_error *error) {
  lp_examination e;
  LP_TRY(lp_examine_exactly(&e, arena, c, NULL, error));
  *x = (lp_expected){.c = c, .rejected = !e.has_exact, .either = c->expect == LP_EXPECT_EITHER};
  x->message = e.reference.message;
  if (!e.has_exact) return LP_OK;
  lp_status status = lp_arena_outcome(arena, &x->value, &e.reference, error);
  if (status == LP_OK) status = lp_arena_outcome(arena, &x->rest, &e.reference, error);
  if (status == LP_OK) {
    status = lp_law_budget(&x->budget, arena, &e.exact, &e.reference, how->profile == LP_PROFILE_MATH,
                           how->flushes_subnormals, error);
  }
  if (status == LP_OK) split_all(x, &e.exact, how->flushes_subnormals);
  lp_examination_clear(&e);
  return status;
}

/* As an answer: each number rounded to its dtype. */
static lp_outcome answer_of(const lp_expected *x) {
  lp_outcome answer = x->value;
  if (x->rejected) return (lp_outcome){.kind = LP_OUTCOME_REJECTED, .message = x->message};
  for (int k = 0; k < answer.n_outputs; k++) {
    lp_tensor *t = &answer.outputs[k].tensor;
    for (int64_t i = 0; i < t->numel; i++) t->f64[i] = lp_dtype_round(t->dtype, t->f64[i]);
  }
  return answer;
}

/* --- one file ----------------------------------------------------------------------------------------------- */

static int64_t elements(const lp_expected *x) {
  int64_t n = x->c->has_grad_output ? x->c->grad_output.numel : 0;
  for (int i = 0; i < x->c->loss->n_inputs; i++) n += x->c->has_input[i] ? x->c->inputs[i].numel : 0;
  for (int k = 0; k < x->value.n_outputs; k++) n += x->value.outputs[k].tensor.numel;
  return n;
}

static lp_status write_json(FILE *out, const lp_expected *x, lp_error *error) {
  enum { READABLE = 1024 };
  const lp_outcome answer = answer_of(x);
  const lp_json_style style = elements(x) <= READABLE ? LP_JSON_READABLE : LP_JSON_PACKED;
  LP_TRY(lp_json_write_case(out, x->c, &answer, style, error));
  fputc('\n', out);
  return LP_OK;
}

static lp_status write_hdf5(const char *path, const lp_expected *x, lp_error *error) {
  lp_suite suite;
  LP_TRY(lp_suite_init(&suite, error));
  lp_suite_entry *entry = lp_suite_add(&suite);
  lp_status status = LP_NO_MEMORY;
  if (entry) {
    *entry = (lp_suite_entry){.c = *x->c, .has_outcome = true, .outcome = answer_of(x), .message = ""};
    suite.origin.producer = "lossproof";
    suite.origin.producer_version = LOSSPROOF_VERSION;
    status = lp_hdf5_write(&suite, x->c->loss, path, error);
  } else {
    lp_fail(error, status, "out of memory");
  }
  lp_suite_clear(&suite);
  return status;
}

typedef lp_status text_writer(FILE *out, const lp_expected *x, lp_error *error);

static lp_status write_text(const char *path, const lp_expected *x, text_writer *write, lp_error *error) {
  FILE *out = fopen(path, "wb");
  if (!out) return lp_fail(error, LP_IO, "%s: %s", path, strerror(errno));
  lp_status status = write(out, x, error);
  const bool failed = ferror(out) != 0;
  if ((fclose(out) != 0 || failed) && status == LP_OK) {
    status = lp_fail(error, LP_IO, "%s: could not be written completely", path);
  }
  if (status != LP_OK) remove(path);
  return status;
}

static lp_status fits_a_script(const lp_expected *x, lp_error *error) {
  const int64_t n = elements(x);
  if (n <= LP_REPRODUCER_ELEMENTS) return LP_OK;
  return lp_fail(error, LP_INVALID,
                 "%s: %lld elements are too many for a script or a program (at most %d): write FILE.h5", x->c->id,
                 (long long)n, LP_REPRODUCER_ELEMENTS);
}

static lp_status write_python(FILE *out, const lp_expected *x, lp_error *error) {
  LP_TRY(fits_a_script(x, error));
  lp_reproducer_python(out, x);
  return LP_OK;
}

static lp_status write_c(FILE *out, const lp_expected *x, lp_error *error) {
  LP_TRY(fits_a_script(x, error));
  lp_reproducer_c(out, x);
  return LP_OK;
}

static bool ends_with(const char *path, const char *suffix) {
  const size_t n = strlen(path), s = strlen(suffix);
  return n > s && strcmp(path + n - s, suffix) == 0;
}

static lp_status write_expected(const char *path, const lp_expected *x, lp_error *error) {
  if (ends_with(path, ".h5")) return write_hdf5(path, x, error);
  if (ends_with(path, ".json")) return write_text(path, x, write_json, error);
  if (ends_with(path, ".py")) return write_text(path, x, write_python, error);
  if (ends_with(path, ".c")) return write_text(path, x, write_c, error);
  return lp_fail(error, LP_INVALID, "%s: expected a name that ends with .py, .c, .json or .h5", path);
}

lp_status lp_write_reproducer(const char *path, const lp_case *c, const lp_judging *how, lp_error *error) {
  lp_expected x;
  lp_arena *arena = lp_arena_new(0);
  if (!arena) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  lp_status status = expect(&x, arena, c, how, error);
  if (status == LP_OK) status = write_expected(path, &x, error);
  lp_arena_free(arena);
  return status;
}

lp_status lp_write_script(FILE *out, const lp_case *c, const lp_judging *how, lp_error *error) {
  lp_expected x;
  lp_arena *arena = lp_arena_new(0);
  if (!arena) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  const lp_status status = expect(&x, arena, c, how, error);
  if (status == LP_OK && elements(&x) <= LP_REPRODUCER_ELEMENTS) lp_reproducer_python(out, &x);
  lp_arena_free(arena);
  return status;
}

lp_status lp_reproducer_kinds(const char *folder, const char *name, const lp_case *c, const lp_judging *how,
                              lp_error *error) {
  static const char *const kinds[] = {"json", "h5", "py", "c"};
  lp_expected x;
  lp_arena *arena = lp_arena_new(0);
  if (!arena) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  lp_status status = expect(&x, arena, c, how, error);
  const int n = status == LP_OK && elements(&x) > LP_REPRODUCER_ELEMENTS ? 2 : 4;
  for (int i = 0; i < n && status == LP_OK; i++) {
    const char *path = lp_arena_format(arena, "%s/%s.%s", folder, name, kinds[i]);
    status = path ? write_expected(path, &x, error) : lp_fail(error, LP_NO_MEMORY, "out of memory");
  }
  lp_arena_free(arena);
  return status;
}

/* --- for the writers of scripts and programs ---------------------------------------------------------------- */

void lp_reproducer_comment(FILE *out, const char *text) {
  for (char last = ' '; *text; text++) {
    const char c = (unsigned char)*text < ' ' || *text == 0x7F || (*text == '?' && last == '?') ? '.' : *text;
    if ((last == '*' && c == '/') || (last == '/' && c == '*')) fputc(' ', out);
    fputc(last = c, out);
  }
}

double lp_reproducer_overflow(lp_dtype dtype) {
  const double largest = lp_dtype_largest(dtype);
  return largest + (dtype == LP_FLOAT64 ? 0.0 : 0.5 * lp_ulp(dtype, largest));
}
