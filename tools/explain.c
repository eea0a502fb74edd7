/* explain LOSS|CASE: what a loss is, or what is right at a case, and why it is there. */
#include <math.h>
#include <string.h>

#include "golden/errata.h"
#include "golden/json.h"
#include "harness/examine.h"
#include "harness/judge.h"
#include "reference/exact/budget.h"
#include "reference/registry.h"
#include "tools/cli.h"

enum { SHOWN = 12, DIGITS = 30 };

/* --- a loss ------------------------------------------------------------------------------------------------------ */

static void explain_inputs(const lp_loss *loss) {
  printf("\ninputs\n");
  for (int i = 0; i < loss->n_inputs; i++) {
    const lp_input_spec *s = &loss->inputs[i];
    printf("  %-15s %s%s%s\n  %-15s %s\n", s->name, s->shape, s->optional ? "; optional" : "",
           s->differentiable ? "; differentiated" : "", "", s->about);
  }
}

static void explain_params(const lp_loss *loss) {
  printf("\nparameters\n");
  for (int i = 0; i < loss->n_params; i++) {
    const lp_param_spec *s = &loss->params[i];
    printf("  %-15s default %g; %s\n  %-15s %s\n", s->name, s->fallback, s->domain, "", s->about);
  }
  printf("  %-15s default mean; none, mean, sum%s; mean divides by %s\n", "reduction",
         loss->reductions & LP_CAN_BATCHMEAN ? ", batchmean" : "", loss->denominator);
}

static int explain_loss(const lp_loss *loss) {
  printf("%s  (torch.nn.functional.%s, torch.nn.%s)\n  %s\n\ndefinition\n  %s\n  ignored: %s\n", loss->name,
         loss->functional, loss->module, loss->summary, loss->definition, loss->ignored);
  explain_inputs(loss);
  explain_params(loss);
  printf("\nregimes\n");
  for (int i = 0; i < loss->n_regimes; i++) printf("  %-22s %s\n", loss->regimes[i].name, loss->regimes[i].about);
  printf("\nrules\n");
  for (int i = 0; i < loss->n_rules; i++)
    printf("  %s.%s\n      %s\n", loss->name, loss->rules[i].name, loss->rules[i].about);
  printf("\nrefused by");
  for (int r = 1; r < LP_REJECT_COUNT; r++) {
    if (loss->rejects & (1u << r)) printf("  %s", lp_reject_name((lp_reject)r));
  }
  printf("\n");
  return 0;
}

/* --- a case ------------------------------------------------------------------------------------------------------ */

static void explain_tensor(const char *name, const lp_tensor *t) {
  char shape[96];
  printf("  %s  %s %s\n", name, lp_dtype_name(t->dtype), lp_tensor_shape_text(shape, sizeof shape, t));
  for (int64_t i = 0; i < t->numel && i < SHOWN; i++) {
    if (t->f64) {
      printf("    [%lld]  %-25.17g %a\n", (long long)i, t->f64[i], t->f64[i]);
    } else {
      printf("    [%lld]  %lld\n", (long long)i, (long long)t->i64[i]);
    }
  }
  if (t->numel > SHOWN) printf("    ... %lld more\n", (long long)(t->numel - SHOWN));
}

static void explain_settings(const lp_case *c) {
  printf("\nparameters\n");
  for (int i = 0; i < c->loss->n_params; i++) printf("  %-15s %.17g\n", c->loss->params[i].name, c->params[i]);
  printf("  %-15s %s\n\ninputs\n", "reduction", c->reduction_word);
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (c->has_input[i]) explain_tensor(c->loss->inputs[i].name, &c->inputs[i]);
  }
  if (c->has_grad_output) explain_tensor("grad_output", &c->grad_output);
}

/* --- what is true, and what the witnesses say --- */

/* To 30 digits; "0.1234... +- r" when the enclosure is wider than that. */
static void print_exact(const lp_exact_number *n) {
  if (n->class != LP_FINITE) {
    printf("%s\n", lp_class_name(n->class));
    return;
  }
  char *text = arb_get_str(&n->value, DIGITS, arb_rel_accuracy_bits(&n->value) > 4 * DIGITS ? ARB_STR_NO_RADIUS : 0);
  printf("%s\n", text);
  flint_free(text);
}

static void print_witness(const char *name, const lp_output *out, int64_t i, const lp_exact_number *truth,
                          lp_dtype dtype) {
  lp_comparison r;
  if (!out || i >= out->tensor.numel) return;
  lp_compare(&r, out->tensor.f64[i], truth, dtype, false);
  printf("          %-10s %-25.17g", name, out->tensor.f64[i]);
  if (r.got_class == LP_FINITE && r.true_class == LP_FINITE) {
    printf(" off by %.3g ulp, %.3g u scale, %.3g of the budget", r.error_ulp, r.scaled_error, r.ratio);
  }
  printf("%s\n", r.fit == LP_FITS ? "" : r.fit == LP_FITS_NOT ? "  OUTSIDE" : "  undecided");
}

static double scale_of(const lp_exact_number *n) {
  arf_t scale;
  arf_init_set_mag_shallow(scale, &n->scale);
  return arf_get_d(scale, ARF_RND_UP);
}

static void explain_element(const lp_suite_entry *entry, const lp_examination *e, int k, int64_t i) {
  const lp_exact_output *truth = &e->exact.outputs[k];
  const lp_exact_number *n = &truth->numbers[i];
  const lp_dtype dtype = truth->layout.dtype;
  printf("  [%4lld]  exact      ", (long long)i);
  print_exact(n);
  print_witness("reference", &e->reference.outputs[k], i, n, dtype);
  if (entry->has_outcome) print_witness("PyTorch", lp_outcome_find(&entry->outcome, truth->input), i, n, dtype);
  if (n->class != LP_FINITE) return;
  lp_comparison r;
  lp_compare(&r, 0.0, n, dtype, false);
  printf("          budget     %.6g = %d u D scale + %d eta: scale %.6g, D %g of %lld terms\n", r.budget, LP_BUDGET_K,
         LP_BUDGET_K, scale_of(n), lp_budget_depth(n->terms), (long long)n->terms);
}

static void explain_output(const lp_suite_entry *entry, const lp_examination *e, int k, const lp_errata *errata) {
  const lp_exact_output *out = &e->exact.outputs[k];
  char name[LP_NAME_MAX], shape[96];
  lp_output_name(name, entry->c.loss, out->input);
  const lp_erratum *erratum = lp_errata_find(errata, entry->c.id, name);
  printf("\n%s  %s %s\n", name, lp_dtype_name(out->layout.dtype),
         lp_tensor_shape_text(shape, sizeof shape, &out->layout));
  for (int64_t i = 0; i < out->layout.numel && i < SHOWN; i++) explain_element(entry, e, k, i);
  if (out->layout.numel > SHOWN) printf("  ... %lld more\n", (long long)(out->layout.numel - SHOWN));
  if (erratum) printf("  erratum  %s: %s\n", erratum->name, erratum->summary);
}

static void explain_kinks(const lp_case *c, const lp_exact *exact) {
  static const char *const states[] = {"exactly at its kink", "within rounding of its kink",
                                       "exactly at its kink, which rounding may miss", "undecided at 4608 bits"};
  static const char *const sides[] = {"below", "at", "above"};
  if (exact->n_kinks == 0) return;
  printf("\nkinks\n");
  for (int k = 0; k < exact->n_kinks && k < SHOWN; k++) {
    const lp_kink *kink = &exact->kinks[k];
    printf("  term %lld  %s: the gradient above is that of side \"%s\"", (long long)kink->term, states[kink->state],
           sides[kink->side + 1]);
    if (kink->n_effects > 0) {
      char name[LP_NAME_MAX];
      const lp_kink_effect *effect = &kink->effects[0];
      printf("; %s[%lld] changes by", lp_output_name(name, c->loss, exact->outputs[effect->output].input),
             (long long)effect->index);
      for (int side = 0; side < 3; side++) {
        if (side == kink->side + 1) continue;
        printf(" %.6g %s", arf_get_d(arb_midref(&effect->change[side]), ARF_RND_NEAR), sides[side]);
      }
    }
    printf("\n");
  }
  if (exact->n_kinks > SHOWN) printf("  ... %d more\n", exact->n_kinks - SHOWN);
}

static void explain_regimes(const lp_case *c, const lp_examination *e) {
  printf("\nregimes\n");
  for (int i = 0; i < c->loss->n_regimes; i++) {
    if ((e->regimes >> i) & 1u) printf("  %-22s %s\n", c->loss->regimes[i].name, c->loss->regimes[i].about);
  }
}

static void explain_accepted(const lp_suite_entry *entry, const lp_examination *e, const lp_errata *errata) {
  const lp_dtype dtype = e->exact.outputs[0].layout.dtype;
  for (int k = 0; k < e->exact.n_outputs; k++) explain_output(entry, e, k, errata);
  printf(
      "\nbudget  u = 2^%d and eta = 2^%d of %s; scale = |value| + what rounding its intermediates can add, in units\n"
      "        of u; D = min(n, %d) + ceil(log2 n) for n terms summed, 1 for one\n",
      ilogb(lp_dtype_unit_roundoff(dtype)), ilogb(lp_dtype_smallest_subnormal(dtype)), lp_dtype_name(dtype),
      LP_BUDGET_LONGEST_SUM);
  explain_kinks(&entry->c, &e->exact);
  explain_regimes(&entry->c, e);
}

static void explain_refused(const lp_suite_entry *entry, const lp_examination *e) {
  printf("\nrefused  %s\n  reference  %s\n", lp_reject_name(e->reject), e->reference.message);
  if (!entry->has_outcome) return;
  printf("  PyTorch    %s  %s\n", lp_outcome_kind_name(entry->outcome.kind), entry->outcome.message);
}

static lp_status explain_case(const lp_suite_entry *entry, const lp_errata *errata, lp_error *error) {
  const lp_exact_options precise = {.precision = 256};
  const lp_case *c = &entry->c;
  lp_examination e = {.has_exact = false};
  lp_arena *arena = lp_arena_new(0);
  const lp_status status =
      arena ? lp_examine_rounded(&e, arena, c, &precise, error) : lp_fail(error, LP_NO_MEMORY, "out of memory");
  if (status == LP_OK) {
    printf("%s  (%s)\n  hunts  %s\n", c->id, c->loss->name, *c->hunts ? c->hunts : "(not said)");
    if (*c->tags) printf("  tags   %s\n", c->tags);
    explain_settings(c);
    if (e.has_exact) {
      explain_accepted(entry, &e, errata);
    } else {
      explain_refused(entry, &e);
    }
    lp_examination_clear(&e);
  }
  lp_arena_free(arena);
  return status;
}

static const lp_suite_entry *find_case(const lp_suite *suite, const char *id) {
  for (int i = 0; i < suite->count; i++) {
    if (strcmp(suite->entries[i].c.id, id) == 0) return &suite->entries[i];
  }
  return NULL;
}

static int explain_id(const char *id, const char *const *paths, int n_paths) {
  lp_suite suite = {0};
  lp_errata *errata = NULL;
  lp_error error;
  int exit_code = 0;
  if (lp_suite_init(&suite, &error) != LP_OK || lp_cli_read(&suite, paths, n_paths, NULL, &error) != LP_OK ||
      lp_errata_read(&errata, lp_cli_errata(), &error) != LP_OK) {
    exit_code = lp_cli_fail(&error);
    goto done;
  }
  const lp_suite_entry *entry = find_case(&suite, id);
  if (!entry) {
    exit_code = lp_cli_complain("explain: neither a loss nor a stored case is called \"%s\"", id);
  } else if (explain_case(entry, errata, &error) != LP_OK) {
    exit_code = lp_cli_fail(&error);
  }
done:
  lp_errata_free(errata);
  if (suite.arena) lp_suite_clear(&suite);
  return exit_code;
}

int lp_verb_explain(int argc, char **argv) {
  const lp_command command = {
      "explain LOSS | CASE [FILE ...]",
      "A loss: definition, inputs, parameters, regimes, rules.\n"
      "A case, by its id (in the fixtures, or in the given files): what it hunts, its inputs in\n"
      "decimal and hexadecimal, the exact outputs to 30 digits, what the reference and PyTorch say, the budget\n"
      "and what it is made of, kinks and regimes.",
      NULL,
      0,
      1,
      LP_EACH_MAX};
  const char *words[LP_EACH_MAX];
  int n, exit_code;
  if (lp_cli_parse(&command, argc, argv, words, &n, &exit_code) == LP_CLI_STOP) return exit_code;
  const lp_loss *loss = lp_registry_find(words[0]);
  return loss ? explain_loss(loss) : explain_id(words[0], words + 1, n - 1);
}
