#include "reports/terminal.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reference/exact/budget.h"
#include "reference/registry.h"

typedef enum paint { PLAIN, GREEN, RED, YELLOW, DIM, BOLD } paint;

lp_style lp_style_for(FILE *stream) {
  const char *off = getenv("NO_COLOR");
  return (lp_style){.color = isatty(fileno(stream)) && !(off && *off)};
}

static const char *start(lp_style style, paint p) {
  static const char *const codes[] = {"", "\033[32m", "\033[31m", "\033[33m", "\033[2m", "\033[1m"};
  return style.color ? codes[p] : "";
}

static const char *stop(lp_style style) { return style.color ? "\033[0m" : ""; }

static int bits_set(uint64_t x) {
  int n = 0;
  for (; x; x &= x - 1) n++;
  return n;
}

typedef struct judgement {
  const char *word;
  paint paint;
} judgement;

static judgement judge_loss(const lp_loss_summary *s) {
  if (s->counts[LP_VERDICT_FAIL] > 0) return (judgement){"FAIL", RED};
  if (s->counts[LP_VERDICT_INCONCLUSIVE] > 0) return (judgement){"inconclusive", YELLOW};
  if (s->counts[LP_VERDICT_PASS] + s->counts[LP_VERDICT_WAIVED] == 0) return (judgement){"not run", YELLOW};
  return (judgement){"pass", GREEN};
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
          s->errata, start(style, j.paint), j.word, stop(style));
}

static const char *conclusion(const lp_certification *run, paint *p) {
  switch (lp_certification_exit_code(run)) {
    case 0:
      *p = GREEN;
      return "CONFORMS";
    case 3:
      *p = RED;
      return "HARNESS AT FAULT: our own witnesses disagree";
    case 4:
      *p = YELLOW;
      return "NOTHING RAN";
    case 5:
      *p = YELLOW;
      return "INCONCLUSIVE";
    default:
      *p = RED;
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

static void print_summary(FILE *out, const lp_certification *run, lp_style style) {
  paint p;
  const char *word = conclusion(run, &p);
  fprintf(out, "%ld passed, %ld failed, %ld inconclusive, %ld unsupported, %ld waived by errata",
          run->counts[LP_VERDICT_PASS], run->counts[LP_VERDICT_FAIL], run->counts[LP_VERDICT_INCONCLUSIVE],
          run->counts[LP_VERDICT_UNSUPPORTED], run->counts[LP_VERDICT_WAIVED]);
  if (run->errata > 0) fprintf(out, "; %ld outputs where PyTorch is wrong", run->errata);
  if (run->other_sides > 0) fprintf(out, "; %ld gradients on another side of a kink", run->other_sides);
  const lp_tally *worst = worst_tally(run);
  if (worst) fprintf(out, "; worst %.3g of the budget at %s", worst->worst_ratio, worst->worst->entry->c.id);
  fprintf(out, "; %d losses, %d cases\n", run->n_losses, run->n_results);
  fprintf(out, "%s%s%s: %s", start(style, p), word, stop(style), run->candidate);
  const long unsupported = run->counts[LP_VERDICT_UNSUPPORTED]; /* one verdict a case */
  if (unsupported > 0) fprintf(out, "; %ld of %d cases unanswered or unsupported", unsupported, run->n_results);
  fputc('\n', out);
}

void lp_report_table(FILE *out, const lp_certification *run, const lp_suite *suite, lp_style style) {
  const lp_suite_origin *o = &suite->origin;
  fprintf(out, "candidate  %s\n", run->candidate);
  if (o->producer && *o->producer) fprintf(out, "fixtures   %s %s\n", o->producer, o->producer_version);
  fprintf(out, "profile    %s\n", lp_profile_name(run->how.profile));
  fprintf(out, "budget     %d u D scale + %d eta around the exact value\n\n", LP_BUDGET_K, LP_BUDGET_K);
  fprintf(out, "%s%-18s %6s %8s  %9s  %6s  %9s  %6s  %5s  %9s %6s  %s%s\n", start(style, BOLD), "loss", "cases",
          "rejected", "value ulp", "ratio", "grad. ulp", "ratio", "grade", "regimes", "errata", "verdict", stop(style));
  for (int i = 0; i < run->n_losses; i++) print_row(out, &run->losses[i], style);
  fprintf(out, "\n");
  print_summary(out, run, style);
}

/* --- the failure screen --------------------------------------------------------------------------------------- */

static uint64_t bits_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static void print_number(FILE *out, const char *label, double x) {
  char decimal[40], hexadecimal[40];
  snprintf(decimal, sizeof decimal, "%.17g", x);
  snprintf(hexadecimal, sizeof hexadecimal, "%a", x);
  const char *word = isnan(x) ? "NaN" : x > 0 ? "Infinity" : "-Infinity";
  fprintf(out, "  %-9s %-25s %-24s 0x%016llx\n", label, isfinite(x) ? decimal : word, isfinite(x) ? hexadecimal : "",
          (unsigned long long)bits_of(x));
}

/* A stranger's text on one line, without what would steer the terminal. */
static void print_line(FILE *out, const char *text) {
  for (; *text; text++) fputc((unsigned char)*text < ' ' || *text == 0x7F ? '?' : *text, out);
}

/* In single quotes where the shell would read it otherwise. */
static void print_word(FILE *out, const char *word) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=,+-";
  const bool quote = !*word || word[strspn(word, plain)];
  if (quote) fputc('\'', out);
  for (; *word; word++) fprintf(out, *word == '\'' ? "'\\''" : "%c", *word);
  if (quote) fputc('\'', out);
}

static const double *element_of(const lp_outcome *outcome, const lp_verdict *v) {
  const lp_output *found = outcome ? lp_outcome_find(outcome, v->input) : NULL;
  return found && v->index >= 0 && v->index < found->tensor.numel ? &found->tensor.f64[v->index] : NULL;
}

static void print_witness(FILE *out, const char *name, const lp_outcome *outcome, const lp_verdict *v) {
  if (!outcome) return;
  const double *x = element_of(outcome, v);
  if (x) {
    print_number(out, name, *x);
    return;
  }
  fprintf(out, "  %-9s %s%s", name, lp_outcome_kind_name(outcome->kind), *outcome->message ? ": " : "");
  print_line(out, outcome->message);
  fputc('\n', out);
}

static void print_regimes(FILE *out, const lp_result *r) {
  fprintf(out, "  regimes  ");
  for (int i = 0; i < r->entry->c.loss->n_regimes; i++) {
    if ((r->regimes >> i) & 1u) fprintf(out, " %s", r->entry->c.loss->regimes[i].name);
  }
  if (r->reject != LP_REJECT_NONE) fprintf(out, " %s", lp_reject_name(r->reject));
  fprintf(out, "\n");
}

static void print_heading(FILE *out, const lp_result *r, int verdict, lp_style style) {
  const lp_verdict *v = &r->verdicts[verdict];
  char name[LP_NAME_MAX];
  const paint p = v->kind == LP_VERDICT_FAIL ? RED : YELLOW;
  const char *word = v->kind == LP_VERDICT_FAIL ? "FAIL" : lp_verdict_name(v->kind);
  fprintf(out, "\n%s%s%s  %s", start(style, p), lp_result_is_harness_fault(r, verdict) ? "HARNESS AT FAULT" : word,
          stop(style), r->entry->c.id);
  fprintf(out, "  %s", v->input == LP_OUTPUT_CASE ? "acceptance" : lp_output_name(name, r->entry->c.loss, v->input));
  if (v->index != LP_WHOLE_OUTPUT) fprintf(out, "[%lld]", (long long)v->index);
  fputc('\n', out);
  fprintf(out, "  what      %s\n", *v->reason ? v->reason : "a witness of our own is outside the budget");
}

static void print_replay(FILE *out, const lp_certification *run, const char *id) {
  fputs("  replay    lossproof certify ", out);
  print_word(out, run->candidate);
  for (int i = 0; i < run->n_files; i++) {
    fputc(' ', out);
    print_word(out, run->files[i]);
  }
  fputs(" --case ", out);
  print_word(out, id);
  fputc('\n', out);
}

lp_status lp_report_failure(FILE *out, const lp_certification *run, const lp_result *r, int verdict, lp_style style,
                            lp_error *error) {
  const lp_verdict *v = &r->verdicts[verdict];
  const lp_case *c = &r->entry->c;
  lp_arena *arena = lp_arena_new(0);
  lp_examination own;
  lp_status status = arena ? lp_examine(&own, arena, c, error) : lp_fail(error, LP_NO_MEMORY, "out of memory");
  if (status != LP_OK) goto done;
  print_heading(out, r, verdict, style);
  if (v->index != LP_WHOLE_OUTPUT) {
    print_number(out, "got", v->got);
    print_number(out, "expected", v->at.truth);
    if (isfinite(v->at.error)) {
      fprintf(out, "  error     %.3g ulp, %.3g times the budget of %.3g\n", v->at.error_ulp, v->at.ratio, v->at.budget);
    }
  }
  print_witness(out, "reference", &own.reference, v);
  print_witness(out, "fixture", r->entry->has_outcome ? &r->entry->outcome : NULL, v);
  fprintf(out, "  alone     %s\n", lp_off_name(r->off[verdict]));
  print_regimes(out, r);
  if (r->errata[verdict]) fprintf(out, "  erratum   %s: %s\n", r->errata[verdict]->name, r->errata[verdict]->summary);
  if (*c->hunts) fprintf(out, "  why       %s\n", c->hunts);
  print_replay(out, run, c->id);
done:
  lp_arena_free(arena);
  return status;
}
