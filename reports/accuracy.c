#include "reports/accuracy.h"

#include <math.h>
#include <string.h>

/* --- selfcheck ---------------------------------------------------------------------------------------------- */

void lp_report_selfcheck_head(FILE *out, const lp_selfcheck_options *o) {
  fprintf(out, "reference against exact oracle, differences and laws; float64, seed %llu, at least %d cases a loss\n",
          (unsigned long long)o->seed, o->cases);
  fprintf(out,
          "ulp: worst where nothing cancels; u scale: worst error over u scale + eta; ratio: that of the budget\n\n");
  fprintf(out, "%-18s %6s  %-23s  %-23s  %-13s %7s  %s\n", "", "", "value", "gradient", "differences", "laws", "");
  fprintf(out, "%-18s %6s  %5s %8s %8s  %5s %8s %8s  %6s %6s %7s  %s\n", "loss", "cases", "ulp", "u scale", "ratio",
          "ulp", "u scale", "ratio", "number", "digits", "number", "worst value, worst gradient");
}

static void print_errors(FILE *out, const lp_errors *e) {
  fprintf(out, "  %5.2f %8.3f %8.4f", e->ulp, e->worst.at.scaled_error, e->worst.at.ratio);
}

/* The part of an id that tells cases of one loss apart. */
static const char *short_id(const char *id) {
  const char *last = strrchr(id, '/');
  return last ? last + 1 : "-";
}

static void print_faults(FILE *out, const lp_selfcheck_row *row) {
  fprintf(out, "  DISAGREES: %ld values and %ld gradients outside, %ld undecided, %ld differences, %ld laws\n",
          row->value.outside, row->gradient.outside, row->value.undecided + row->gradient.undecided,
          row->differences_wrong, row->laws_broken);
  fprintf(out, "  first: %s\n", row->first);
}

void lp_report_selfcheck_row(FILE *out, const lp_selfcheck_row *row) {
  fprintf(out, "%-18s %6d", row->loss->name, row->cases);
  print_errors(out, &row->value);
  print_errors(out, &row->gradient);
  fprintf(out, "  %6ld", row->differences);
  if (isfinite(row->digits)) {
    fprintf(out, " %6.1f", row->digits);
  } else {
    fprintf(out, " %6s", "-");
  }
  fprintf(out, " %7ld  %s, %s\n", row->laws, short_id(row->value.worst.id), short_id(row->gradient.worst.id));
  if (row->gradient.at_kinks > 0) {
    fprintf(out, "  note: %ld gradients are not decided: several kinks meet, or rounding may do anything\n",
            row->gradient.at_kinks);
  }
  if (row->regimes_differ > 0) {
    fprintf(out, "  note: %ld cases enter other regimes as the reference rounds; first %s\n", row->regimes_differ,
            row->regime);
  }
  if (!lp_selfcheck_agrees(row)) print_faults(out, row);
}

/* --- PyTorch ------------------------------------------------------------------------------------------------ */

enum { FEW_ELEMENTS = 6 };

static void print_tensor(FILE *out, const char *name, const lp_tensor *t) {
  fprintf(out, " %s ", name);
  if (t->numel > FEW_ELEMENTS) {
    char shape[64];
    fprintf(out, "%s", lp_tensor_shape_text(shape, sizeof shape, t));
    return;
  }
  if (t->rank > 0) fputc('[', out);
  for (int64_t i = 0; i < t->numel; i++) fprintf(out, "%s%.17g", i > 0 ? ", " : "", lp_tensor_get(t, i));
  if (t->rank > 0) fputc(']', out);
}

/* What the case is: inputs, when they are short, parameters that are not the default, reduction. */
static void print_case(FILE *out, const lp_case *c) {
  fprintf(out, "`%s`:", c->id);
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (c->has_input[i]) print_tensor(out, c->loss->inputs[i].name, &c->inputs[i]);
  }
  if (c->has_grad_output) print_tensor(out, "grad_output", &c->grad_output);
  for (int i = 0; i < c->loss->n_params; i++) {
    if (c->params[i] != c->loss->params[i].fallback) fprintf(out, " %s=%.9g", c->loss->params[i].name, c->params[i]);
  }
  fprintf(out, " reduction=%s", lp_reduction_name(c->reduction));
}

static void print_line(FILE *out, const lp_fixture_row *row, const char *kind, const lp_errors *e) {
  char name[LP_NAME_MAX];
  const lp_worst *w = &e->worst;
  if (!w->id[0]) return;
  fprintf(out, "| `%s` | %s | %ld | %.2f | %.3g | %.3f | `%s[%lld]` = %.17g for %.17g | ", row->loss->name, kind,
          e->compared, e->ulp, w->at.scaled_error, w->at.ratio, lp_output_name(name, row->loss, w->input),
          (long long)w->index, w->got, w->at.truth);
  if (w->c) print_case(out, w->c);
  fprintf(out, " |\n");
}

bool lp_report_fixture_errors(FILE *out, const lp_fixture_row *rows, int n, const lp_suite_origin *origin) {
  bool inside = true;
  long errata = 0;
  fprintf(out, "# How far %s %s is from the truth\n\n", origin->producer, origin->producer_version);
  fprintf(out,
          "float64 on a CPU, over the stored fixtures, against the exact oracle. *ulp*: the worst error in units in "
          "the last\n"
          "place where nothing cancels (scale at most %d times the value). *u scale*: the worst error over\n"
          "u scale + eta, which conditioning does not inflate; *budget*: that as a part of the budget. Outputs that a "
          "registered\n"
          "erratum covers are left out: there PyTorch is outside the budget altogether.\n\n",
          LP_NO_CANCELLATION);
  fprintf(out, "| loss | output | elements | ulp | u scale | budget | PyTorch's number for the true one | case |\n");
  fprintf(out, "|---|---|---:|---:|---:|---:|---|---|\n");
  for (int i = 0; i < n; i++) {
    const lp_fixture_row *r = &rows[i];
    if (r->cases == 0) continue;
    print_line(out, r, "value", &r->value);
    print_line(out, r, "gradient", &r->gradient);
    errata += r->errata;
    inside = inside && r->value.outside + r->gradient.outside == 0;
  }
  fprintf(out, "\n%ld outputs are covered by errata.%s\n", errata,
          inside ? "" : " SOME OUTPUTS ARE OUTSIDE WITHOUT ONE.");
  return inside;
}
