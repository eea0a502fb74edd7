#include "reports/failure.h"

#include <math.h>
#include <string.h>

#include "harness/difference.h"
#include "reference/exact/budget.h"
#include "reference/exact/round.h"
#include "reports/elements.h"
#include "reports/numbers.h"

enum { WIDTH = 100, LABEL = 12, DIGITS = 25, LINES_OF_TEXT = 3, WITNESS_TEXT = 70, CHEAP = 64 };

/* A failure, with all that there is to know about it. */
typedef struct screen {
  FILE *out;
  lp_style style;
  const lp_certification *run;
  const lp_result *r;
  int verdict;
  const lp_verdict *v;
  const lp_case *c;
  lp_examination own;
  const lp_exact_output *layout; /* of the output; NULL when the verdict is about none */
  const lp_exact_number *truth;  /* at the element; likewise */
} screen;

/* --- lines -------------------------------------------------------------------------------------------------- */

static void label(const screen *s, const char *name) {
  fprintf(s->out, "  %s%-9s%s ", lp_paint_start(s->style, LP_DIM), name, lp_paint_stop(s->style));
}

static void gap(const screen *s) { fputc('\n', s->out); }

/* Where a line of at most `width` characters may end. */
static size_t break_of(const char *text, size_t width) {
  const size_t n = strlen(text);
  if (n <= width) return n;
  size_t at = width;
  while (at > 0 && text[at] != ' ') at--;
  return at > 0 ? at : width;
}

/* Text of our own or of a stranger's, in a few lines under its label. */
static void paragraph(const screen *s, const char *name, const char *text) {
  for (int line = 0; *text; line++) {
    const size_t n = break_of(text, WIDTH - LABEL - 4);
    const bool last = line == LINES_OF_TEXT - 1 && text[n];
    char piece[WIDTH];
    snprintf(piece, sizeof piece, "%.*s%s", (int)n, text, last ? " ..." : "");
    label(s, line == 0 ? name : "");
    lp_write_line(s->out, piece, WIDTH);
    gap(s);
    if (last) return;
    for (text += n; *text == ' '; text++) continue;
  }
}

/* --- what it is about --------------------------------------------------------------------------------------- */

static void heading(const screen *s) {
  char name[LP_NAME_MAX], place[LP_PLACE_TEXT] = "";
  const bool ours = lp_result_is_harness_fault(s->r, s->verdict);
  const lp_paint p = s->v->kind == LP_VERDICT_FAIL || ours ? LP_RED : LP_YELLOW;
  const char *word = s->v->kind == LP_VERDICT_FAIL ? "FAIL" : lp_verdict_name(s->v->kind);
  if (s->truth) lp_place(place, &s->layout->layout, s->v->index);
  fprintf(s->out, "\n%s%s%s  %s  %s%s\n  ", lp_paint_start(s->style, p), ours ? "HARNESS AT FAULT" : word,
          lp_paint_stop(s->style), s->c->id, lp_result_output(name, s->r, s->verdict), place);
  lp_write_line(s->out, *s->v->reason ? s->v->reason : "a witness of our own is outside the budget", WIDTH - 5);
  gap(s);
}

static void settings(const screen *s) {
  label(s, "case");
  fprintf(s->out, "%s, %s, reduction=", s->c->loss->name, lp_dtype_name(s->c->dtype));
  lp_write_line(s->out, s->c->reduction_word, 24);
  for (int i = 0; i < s->c->loss->n_params; i++) {
    char text[LP_DECIMAL_TEXT];
    fprintf(s->out, ", %s=%s", s->c->loss->params[i].name, lp_decimal(text, s->c->params[i], LP_FLOAT64));
  }
  gap(s);
}

static void regimes(const screen *s) {
  int used = LABEL;
  label(s, "regime");
  for (int i = 0; i < s->c->loss->n_regimes; i++) {
    const char *name = s->c->loss->regimes[i].name;
    if (!((s->r->regimes >> i) & 1u)) continue;
    used += 2 + (int)strlen(name);
    if (used > WIDTH - 4) {
      fputs(" ...", s->out);
      break;
    }
    fprintf(s->out, "%s%s", used == LABEL + 2 + (int)strlen(name) ? "" : ", ", name);
  }
  if (s->r->reject != LP_REJECT_NONE) fputs(lp_reject_name(s->r->reject), s->out);
  gap(s);
}

/* What beside the plain answer is at fault: another time that it was asked, or a law. */
static void circumstances(const screen *s) {
  const lp_about *about = &s->r->about[s->verdict];
  if (about->encore) paragraph(s, "asked", about->encore);
  if (!about->law) return;
  paragraph(s, "law", about->law->about);
  label(s, "cases");
  fprintf(s->out, "%s and %s\n", s->c->id, about->id);
}

static void number(const screen *s, const char *name, double x, lp_dtype dtype) {
  label(s, name);
  lp_write_number(s->out, x, dtype);
}

/* Of a broken law: a number, and what the other answers make of it. */
static void law_numbers(const screen *s) {
  if (!s->r->about[s->verdict].law || s->v->index < 0) return;
  number(s, "got", s->v->got, s->c->dtype);
  gap(s);
  number(s, "follows", s->v->at.truth, s->c->dtype);
  fprintf(s->out, "\n%*sfrom the other answers; they may differ by %.3g\n\n", LABEL, "", s->v->at.budget);
}

/* --- numbers ------------------------------------------------------------------------------------------------ */

static double scale_of(const lp_exact_number *n) {
  arf_t scale;
  arf_init_set_mag_shallow(scale, &n->scale);
  return arf_get_d(scale, ARF_RND_UP);
}

static void budget(const screen *s) {
  const lp_dtype dtype = s->layout->layout.dtype;
  label(s, "budget");
  fprintf(s->out, "%.3g = %d u D scale + %d eta: u 2^%d, scale %.3g, D %g of %lld term%s\n", s->v->at.budget,
          LP_BUDGET_K, LP_BUDGET_K, ilogb(lp_dtype_unit_roundoff(dtype)), scale_of(s->truth),
          lp_budget_depth(s->truth->terms), (long long)s->truth->terms, s->truth->terms == 1 ? "" : "s");
}

static void got_and_expected(const screen *s) {
  const lp_dtype dtype = s->layout->layout.dtype;
  const bool same = s->truth->class == LP_FINITE && s->v->at.true_class == LP_FINITE && !s->v->other_side;
  number(s, "got", s->v->got, dtype);
  gap(s);
  number(s, "expected", same ? lp_exact_round(arb_midref(&s->truth->value), dtype) : s->v->at.truth, dtype);
  gap(s);
  if (isfinite(s->v->at.error)) {
    label(s, "error");
    if (isfinite(s->v->at.ratio)) {
      fprintf(s->out, "%.3g ulp, %.3g times the budget\n", s->v->at.error_ulp, s->v->at.ratio);
    } else {
      fprintf(s->out, "%.3g, where there is next to no budget\n", s->v->at.error);
    }
  }
  if (s->truth->class == LP_FINITE) budget(s);
}

/* --- witnesses ---------------------------------------------------------------------------------------------- */

static void exact_witness(const screen *s) {
  char text[LP_EXACT_TEXT];
  label(s, "exact");
  fprintf(s->out, "%s\n", lp_exact_decimal(text, s->truth, DIGITS));
}

static const double *element_of(const lp_outcome *outcome, const lp_verdict *v) {
  const lp_output *found = lp_outcome_find(outcome, v->input);
  return found && v->index >= 0 && v->index < found->tensor.numel ? &found->tensor.f64[v->index] : NULL;
}

/* Both witnesses compute in double, whatever the dtype of the output. */
static void number_witness(const screen *s, const char *name, double x) {
  lp_comparison r;
  lp_compare(&r, x, s->truth, s->layout->layout.dtype, false);
  number(s, name, x, LP_FLOAT64);
  if (r.fit == LP_FITS) fputs("  agrees\n", s->out);
  if (r.fit == LP_FITS_PERHAPS) fputs("  undecided\n", s->out);
  if (r.fit == LP_FITS_NOT && isfinite(r.ratio)) fprintf(s->out, "  off: %.3g budgets\n", r.ratio);
  if (r.fit == LP_FITS_NOT && !isfinite(r.ratio)) fputs("  off\n", s->out);
}

static void witness(const screen *s, const char *name, const lp_outcome *outcome) {
  const double *x = s->truth ? element_of(outcome, s->v) : NULL;
  if (x) {
    number_witness(s, name, *x);
    return;
  }
  label(s, name);
  fprintf(s->out, "%s%s", outcome->kind == LP_OUTCOME_OK ? "accepts" : lp_outcome_kind_name(outcome->kind),
          *outcome->message ? ": " : "");
  lp_write_line(s->out, outcome->message, WITNESS_TEXT);
  gap(s);
}

static bool forward(void *context, double *loss, const lp_case *c) {
  (void)context;
  lp_examination e;
  lp_arena *arena = lp_arena_new(0);
  const bool known = arena && lp_examine(&e, arena, c, NULL) == LP_OK && e.reference.kind == LP_OUTCOME_OK;
  if (known) {
    const lp_tensor *t = &e.reference.outputs[0].tensor;
    memcpy(loss, t->f64, (size_t)t->numel * sizeof *loss);
  }
  lp_arena_free(arena);
  return known;
}

static int64_t size_of(const lp_case *c) {
  int64_t n = 0;
  for (int i = 0; i < c->loss->n_inputs; i++) n += c->has_input[i] ? c->inputs[i].numel : 0;
  return n;
}

/* The slope of the reference's own values: a gradient that no derivation had a part in. */
static void slope_witness(const screen *s) {
  lp_difference d;
  const double scale = scale_of(s->truth);
  if (s->v->input < 0 || s->truth->class != LP_FINITE || size_of(s->c) > CHEAP) return;
  if (lp_difference_case(&d, s->c, s->v->input, s->v->index, forward, NULL, NULL) != LP_OK || !d.known) return;
  if (lp_difference_judge(&d, s->v->at.truth, s->v->at.budget, scale) == LP_DIFFERENCE_NO_INFORMATION) return;
  label(s, "slope");
  fprintf(s->out, "%.10g +- %.1g, by differences of the reference's values\n", d.slope, d.uncertainty);
}

static const char *standing(unsigned off) {
  static const char *const about[] = {": every witness is within the budget",
                                      ": the others agree with the definition",
                                      ": an erratum of PyTorch, or of the fixture",
                                      ": both are outside the budget of the definition",
                                      ": our bug",
                                      ": our bug, at least",
                                      ": our bug, at least",
                                      ": our bug, at least"};
  return about[off & 7u];
}

static void witnesses(const screen *s) {
  const unsigned off = s->r->off[s->verdict];
  if (s->truth) exact_witness(s);
  if (s->r->entry->has_outcome) witness(s, "PyTorch", &s->r->entry->outcome);
  witness(s, "reference", &s->own.reference);
  if (s->truth) slope_witness(s);
  label(s, "alone");
  fprintf(s->out, "%s%s\n", lp_off_name(off), standing(off));
  if (s->r->errata[s->verdict]) {
    char text[600];
    snprintf(text, sizeof text, "%s: %s", s->r->errata[s->verdict]->name, s->r->errata[s->verdict]->summary);
    paragraph(s, "erratum", text);
  }
}

/* --- inputs, and how to see it again ------------------------------------------------------------------------ */

static void inputs(const screen *s) {
  for (int i = 0; i < s->c->loss->n_inputs; i++) {
    if (s->c->has_input[i]) lp_report_tensor(s->out, s->c->loss->inputs[i].name, &s->c->inputs[i], s->style);
  }
  if (s->c->has_grad_output) lp_report_tensor(s->out, "grad_output", &s->c->grad_output, s->style);
}

void lp_report_replay(FILE *out, const lp_certification *run, const lp_result *r) {
  fputs("lossproof replay ", out);
  lp_write_word(out, r->entry->c.id);
  for (int i = 0; i < run->n_files; i++) {
    fputc(' ', out);
    lp_write_word(out, run->files[i]);
  }
  fputs(" --with ", out);
  lp_write_word(out, run->candidate);
  if (run->how.profile != LP_PROFILE_PYTORCH) fprintf(out, " --profile %s", lp_profile_name(run->how.profile));
}

static void replay(const screen *s) {
  label(s, "replay");
  lp_report_replay(s->out, s->run, s->r);
  gap(s);
}

/* --- the screen --------------------------------------------------------------------------------------------- */

static void find_truth(screen *s) {
  s->layout = s->own.has_exact && s->v->input >= LP_OUTPUT_LOSS ? lp_exact_find(&s->own.exact, s->v->input) : NULL;
  const bool counted = s->layout && s->v->index >= 0 && s->v->index < s->layout->layout.numel;
  s->truth = counted ? &s->layout->numbers[s->v->index] : NULL;
}

static void show(const screen *s) {
  heading(s);
  gap(s);
  settings(s);
  regimes(s);
  if (*s->c->hunts) paragraph(s, "hunts", s->c->hunts);
  circumstances(s);
  gap(s);
  if (s->truth) {
    got_and_expected(s);
    gap(s);
  }
  law_numbers(s);
  witnesses(s);
  gap(s);
  inputs(s);
  replay(s);
}

lp_status lp_report_failure(FILE *out, const lp_certification *run, const lp_result *r, int verdict, lp_style style,
                            lp_error *error) {
  const lp_exact_options plain = {.no_kinks = true};
  screen s = {.out = out, .style = style, .run = run, .r = r, .verdict = verdict, .v = &r->verdicts[verdict]};
  s.c = &r->entry->c;
  lp_arena *arena = lp_arena_new(0);
  if (!arena) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  const lp_status status = lp_examine_rounded(&s.own, arena, s.c, &plain, error);
  if (status == LP_OK) {
    find_truth(&s);
    show(&s);
    lp_examination_clear(&s.own);
  }
  lp_arena_free(arena);
  return status;
}
