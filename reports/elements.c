#include "reports/elements.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/numbers.h"

enum { WIDTH = 100, SMALL = 32, WORST = 12, DIGITS = 17 };

/* --- inputs ------------------------------------------------------------------------------------------------- */

static int element_text(char text[LP_DECIMAL_TEXT], const lp_tensor *t, int64_t i) {
  if (t->f64) {
    lp_decimal(text, t->f64[i], t->dtype);
  } else {
    snprintf(text, LP_DECIMAL_TEXT, "%lld", (long long)t->i64[i]);
  }
  return (int)strlen(text);
}

void lp_report_tensor(FILE *out, const char *name, const lp_tensor *t, lp_style style) {
  char shape[96], text[LP_DECIMAL_TEXT], head[160];
  snprintf(head, sizeof head, "%s %s", lp_dtype_name(t->dtype), lp_tensor_shape_text(shape, sizeof shape, t));
  fprintf(out, "  %s%-15s%s %-*s", lp_paint_start(style, LP_DIM), name, lp_paint_stop(style), t->numel > 0 ? 16 : 0,
          head);
  for (int64_t i = 0, used = strlen(head) > 16 ? 18 + (int64_t)strlen(head) : 34; i < t->numel; i++) {
    used += 1 + element_text(text, t, i);
    if (used > WIDTH - 4) {
      fputs(" ...", out);
      break;
    }
    fprintf(out, " %s", text);
  }
  fputc('\n', out);
}

/* --- outputs ------------------------------------------------------------------------------------------------ */

typedef struct element {
  int64_t index;
  lp_comparison at;
} element;

static int severity(const element *e) { return e->at.fit == LP_FITS ? 0 : e->at.fit == LP_FITS_PERHAPS ? 1 : 2; }

/* Worst first; in order where they are alike. */
static int by_badness(const void *a, const void *b) {
  const element *x = a, *y = b;
  if (severity(x) != severity(y)) return severity(y) - severity(x);
  if (x->at.ratio != y->at.ratio) return x->at.ratio < y->at.ratio ? 1 : -1;
  return x->index < y->index ? -1 : 1;
}

static void print_element(FILE *out, const element *e, const lp_tensor *got, const lp_exact_output *want,
                          lp_style style) {
  static const char *const words[] = {"pass", "OUTSIDE", "undecided"};
  static const lp_paint paints[] = {LP_PLAIN, LP_RED, LP_YELLOW};
  char place[LP_PLACE_TEXT], decimal[LP_DECIMAL_TEXT], exact[LP_EXACT_TEXT];
  fprintf(out, "  %-10s %-25s %-25s", lp_place(place, got, e->index),
          lp_decimal(decimal, got->f64[e->index], got->dtype),
          lp_exact_decimal(exact, &want->numbers[e->index], DIGITS));
  if (e->at.true_class == LP_FINITE) {
    fprintf(out, " %-10.3g %-10.3g", e->at.budget, e->at.ratio);
  } else {
    fprintf(out, " %-10s %-10s", "-", "-");
  }
  fprintf(out, " %s%s%s\n", lp_paint_start(style, paints[e->at.fit]), words[e->at.fit], lp_paint_stop(style));
}

static lp_status print_output(FILE *out, const char *name, const lp_tensor *got, const lp_exact_output *want,
                              const lp_judging *how, lp_style style, lp_error *error) {
  char shape[96];
  const int64_t n = got->numel, shown = n <= SMALL ? n : WORST;
  element *list = calloc((size_t)n + 1, sizeof *list);
  if (!list) return lp_fail(error, LP_NO_MEMORY, "out of memory for %lld elements", (long long)n);
  for (int64_t i = 0; i < n; i++) {
    list[i].index = i;
    lp_compare(&list[i].at, got->f64[i], &want->numbers[i], want->layout.dtype, how->flushes_subnormals);
  }
  if (shown < n) qsort(list, (size_t)n, sizeof *list, by_badness);
  fprintf(out, "\n%s%s%s  %s %s\n", lp_paint_start(style, LP_BOLD), name, lp_paint_stop(style),
          lp_dtype_name(got->dtype), lp_tensor_shape_text(shape, sizeof shape, got));
  if (n > 0) fprintf(out, "  %-10s %-25s %-25s %-10s ratio\n", "", "got", "exact", "budget");
  for (int64_t i = 0; i < shown; i++) print_element(out, &list[i], got, want, style);
  if (shown < n) fprintf(out, "  the worst %lld of %lld elements\n", (long long)shown, (long long)n);
  free(list);
  return LP_OK;
}

static lp_status print_outputs(FILE *out, const lp_case *c, const lp_outcome *got, const lp_exact *exact,
                               const lp_judging *how, lp_style style, lp_error *error) {
  for (int k = 0; k < exact->n_outputs; k++) {
    char name[LP_NAME_MAX];
    const lp_exact_output *want = &exact->outputs[k];
    const lp_output *found = lp_outcome_find(got, want->input);
    lp_output_name(name, c->loss, want->input);
    if (!found || !lp_tensor_same_shape(&found->tensor, &want->layout)) {
      fprintf(out, "\n%s  %s\n", name, found ? "of another shape" : "missing");
    } else {
      LP_TRY(print_output(out, name, &found->tensor, want, how, style, error));
    }
  }
  return LP_OK;
}

lp_status lp_report_elements(FILE *out, const lp_case *c, const lp_outcome *got, const lp_judging *how, lp_style style,
                             lp_error *error) {
  const lp_exact_options plain = {.no_kinks = true};
  lp_examination own;
  if (got->kind != LP_OUTCOME_OK) return LP_OK;
  lp_arena *arena = lp_arena_new(0);
  if (!arena) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  lp_status status = lp_examine_rounded(&own, arena, c, &plain, error);
  if (status == LP_OK) {
    if (own.has_exact) status = print_outputs(out, c, got, &own.exact, how, style, error);
    lp_examination_clear(&own);
  }
  lp_arena_free(arena);
  return status;
}
