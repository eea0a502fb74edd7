#include "reports/terminal.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "reference/exact/budget.h"
#include "reference/registry.h"

static int bits_set(uint64_t x) {
  int n = 0;
  for (; x; x &= x - 1) n++;
  return n;
}

typedef struct judgement {
  const char *word;
  lp_paint paint;
} judgement;

static judgement judge_loss(const lp_loss_summary *s) {
  if (s->counts[LP_VERDICT_FAIL] > 0) return (judgement){"FAIL", LP_RED};
  if (s->counts[LP_VERDICT_INCONCLUSIVE] > 0) return (judgement){"inconclusive", LP_YELLOW};
  if (s->counts[LP_VERDICT_PASS] + s->counts[LP_VERDICT_WAIVED] == 0) return (judgement){"not run", LP_YELLOW};
  return (judgement){"pass", LP_GREEN};
}

static void print_tally(FILE *out, const lp_tally *t) {
  if (!t->worst) { /* nothing was judged, or nothing but non-finite errors */
    fprintf(out, "  %9s  %6s", "-", "-");
  } else {
    fprintf(out, "  %9.3g  %6.3g", t->worst_ulp, t->worst_ratio);
  }
}

static lp_grade worst_grade(const lp_loss_summary *s) {
  lp_grade worst = LP_GRADE_NONE;
  for (int d = 0; d <= LP_BFLOAT16; d++) worst = s->grades[d] > worst ? s->grades[d] : worst;
  return worst;
}

static void print_row(FILE *out, const lp_loss_summary *s, lp_style style) {
  const judgement j = judge_loss(s);
  const int wanted = s->loss->n_regimes + bits_set(s->loss->rejects);
  fprintf(out, "%-18s %6d %8d", s->loss->name, s->cases, s->rejected);
  print_tally(out, &s->value);
  print_tally(out, &s->gradient);
  fprintf(out, "  %5c", lp_grade_letter(worst_grade(s)));
  fprintf(out, "  %4d/%-4d %6ld  %s%s%s\n", bits_set(s->regimes) + bits_set(s->rejects & s->loss->rejects), wanted,
          s->errata, lp_paint_start(style, j.paint), j.word, lp_paint_stop(style));
}

static bool any_ran(const lp_certification *run) {
  for (int i = 0; i < run->n_losses; i++) {
    if (run->losses[i].ran > 0) return true;
  }
  return false;
}

/* The losses of which nothing ran, beside others that did: a line of names says it. */
static void print_absent(FILE *out, const lp_certification *run) {
  enum { WIDTH = 100, INDENT = 11 };
  int column = 0;
  for (int i = 0; i < run->n_losses; i++) {
    const char *name = run->losses[i].loss->name;
    if (run->losses[i].ran > 0) continue;
    const bool wraps = column > 0 && column + 2 + (int)strlen(name) > WIDTH;
    const char *before = column == 0 ? "" : wraps ? ",\n" : ", ";
    fprintf(out, "%s", before);
    if (column == 0 || wraps) fprintf(out, "%-*s", INDENT, wraps ? "" : "not run");
    column = (column == 0 || wraps ? INDENT : column + 2) + (int)strlen(name);
    fputs(name, out);
  }
  if (column > 0) fputc('\n', out);
}

static void print_rows(FILE *out, const lp_certification *run, lp_style style) {
  const bool some = any_ran(run);
  for (int i = 0; i < run->n_losses; i++) {
    if (run->losses[i].ran > 0 || !some) print_row(out, &run->losses[i], style);
  }
  if (some) print_absent(out, run);
}

static const char *conclusion(const lp_certification *run, lp_paint *p) {
  switch (lp_certification_exit_code(run)) {
    case 0:
      *p = run->n_results < run->n_selected ? LP_YELLOW : LP_GREEN;
      return run->n_results < run->n_selected ? "CUT SHORT, nothing found so far" : "CONFORMS";
    case 3:
      *p = LP_RED;
      return "HARNESS AT FAULT: our own witnesses disagree";
    case 4:
      *p = LP_YELLOW;
      return run->n_unmet > 0 ? "LESS RAN THAN IS REQUIRED" : "NOTHING RAN";
    case 5:
      *p = LP_YELLOW;
      return "INCONCLUSIVE";
    default:
      *p = LP_RED;
      return "DOES NOT CONFORM";
  }
}

static const lp_tally *worst_tally(const lp_certification *run) {
  const lp_tally *worst = NULL;
  for (int i = 0; i < run->n_losses; i++) {
    const lp_tally *both[] = {&run->losses[i].value, &run->losses[i].gradient};
    for (int k = 0; k < 2; k++) {
      if (both[k]->worst && (!worst || both[k]->worst_ratio > worst->worst_ratio)) worst = both[k];
    }
  }
  return worst;
}

/* "12 signal, 3 hang". */
static void print_conduct(FILE *out, const lp_certification *run) {
  const char *separator = "conduct    ";
  for (int k = LP_CONDUCT_GOOD + 1; k < LP_CONDUCT_COUNT; k++) {
    if (run->conduct[k] == 0) continue;
    fprintf(out, "%s%ld %s", separator, run->conduct[k], lp_conduct_name((lp_conduct)k));
    separator = ", ";
  }
  if (*separator == ',') fputc('\n', out);
}

static void print_laws(FILE *out, const lp_certification *run) {
  const lp_law_counts *l = &run->laws;
  if (l->hold + l->broken + l->unanswered == 0) return;
  fprintf(out, "laws       %ld hold, %ld broken", l->hold, l->broken);
  if (l->unanswered > 0) fprintf(out, ", %ld unanswered", l->unanswered);
  fputc('\n', out);
}

/* What did not run, and why, the most frequent reasons first. */
static void print_omissions(FILE *out, const lp_certification *run) {
  enum { SHOWN = 12 };
  const int total = run->n_selected;
  if (run->n_results < total) fprintf(out, "judged     %d of %d cases: the rest was left\n", run->n_results, total);
  if (run->n_omissions == 0) return;
  fprintf(out, "ran        %d of %d cases, %.1f%%\n", run->n_ran, total, total ? 100.0 * run->n_ran / total : 0.0);
  for (int i = 0; i < run->n_omissions && i < SHOWN; i++) {
    const lp_omission *o = &run->omissions[i];
    fprintf(out, "           %6d %s  %s\n", o->cases + o->outputs, o->cases > 0 ? "cases  " : "outputs", o->why);
  }
  if (run->n_omissions > SHOWN) fprintf(out, "           and %d more reasons\n", run->n_omissions - SHOWN);
}

static void print_unmet(FILE *out, const lp_certification *run) {
  for (int i = 0; i < run->n_unmet; i++) fprintf(out, "required   %s did not run whole\n", run->unmet[i]);
}

static bool conforms(const lp_certification *run) {
  return lp_certification_exit_code(run) == 0 && run->n_results == run->n_selected;
}

/* " on 43 of 8874 cases (0.5%)"; what is less than all never reads as 100.0%. */
static void print_share(FILE *out, const lp_certification *run) {
  const double percent = 100.0 * run->n_ran / run->n_results;
  if (run->n_ran == run->n_results) return;
  fprintf(out, " on %d of %d cases (%.1f%%)", run->n_ran, run->n_results, fmin(percent, 99.9));
}

/* Of the losses that ran: those of which gradients were wanted, and none was declared. */
static void print_undeclared(FILE *out, const lp_certification *run) {
  int ran = 0, values_only = 0;
  for (int i = 0; i < run->n_losses; i++) {
    const lp_loss_summary *s = &run->losses[i];
    ran += s->ran > 0;
    values_only += s->undeclared > 0 && s->gradient.judged == 0;
  }
  if (values_only == 0) return;
  if (values_only == ran) {
    fprintf(out, " (losses only; no gradients declared)");
  } else {
    fprintf(out, " (no gradients declared of %d of %d losses)", values_only, ran);
  }
}

/* The verdict, and how far it goes. */
static void print_conclusion(FILE *out, const lp_certification *run, lp_style style) {
  lp_paint p;
  const char *word = conclusion(run, &p);
  const int left = run->n_results - run->n_ran;
  fprintf(out, "%s%s%s", lp_paint_start(style, p), word, lp_paint_stop(style));
  if (conforms(run)) {
    print_share(out, run);
    print_undeclared(out, run);
  }
  fprintf(out, ": %s", run->candidate);
  if (left > 0 && !conforms(run)) fprintf(out, "; %d of %d cases unanswered or unsupported", left, run->n_results);
  fputc('\n', out);
}

static void print_summary(FILE *out, const lp_certification *run, lp_style style) {
  print_laws(out, run);
  print_conduct(out, run);
  print_omissions(out, run);
  print_unmet(out, run);
  fprintf(out, "%ld passed, %ld failed, %ld inconclusive, %ld unsupported, %ld waived by errata",
          run->counts[LP_VERDICT_PASS], run->counts[LP_VERDICT_FAIL], run->counts[LP_VERDICT_INCONCLUSIVE],
          run->counts[LP_VERDICT_UNSUPPORTED], run->counts[LP_VERDICT_WAIVED]);
  if (run->errata > 0) fprintf(out, "; %ld outputs where PyTorch is wrong", run->errata);
  if (run->other_sides > 0) fprintf(out, "; %ld gradients on another side of a kink", run->other_sides);
  const lp_tally *worst = worst_tally(run);
  if (worst) fprintf(out, "; worst %.3g of the budget at %s", worst->worst_ratio, worst->worst->entry->c.id);
  fprintf(out, "; %d losses, %d cases\n", run->n_losses, run->n_results);
  print_conclusion(out, run, style);
}

void lp_report_table(FILE *out, const lp_certification *run, const lp_suite *suite, lp_style style) {
  const lp_suite_origin *o = &suite->origin;
  fprintf(out, "candidate  %s\n", run->candidate);
  if (o->producer && *o->producer) fprintf(out, "fixtures   %s %s\n", o->producer, o->producer_version);
  if (run->dtypes) fprintf(out, "dtype      %s\n", run->dtypes);
  fprintf(out, "profile    %s\n", lp_profile_name(run->how.profile));
  fprintf(out, "budget     %d u D scale + %d eta around the exact value\n\n", LP_BUDGET_K, LP_BUDGET_K);
  fprintf(out, "%s%-18s %6s %8s  %9s  %6s  %9s  %6s  %5s  %9s %6s  %s%s\n", lp_paint_start(style, LP_BOLD), "loss",
          "cases", "rejected", "value ulp", "ratio", "grad. ulp", "ratio", "grade", "regimes", "errata", "verdict",
          lp_paint_stop(style));
  print_rows(out, run, style);
  fprintf(out, "\n");
  print_summary(out, run, style);
}
