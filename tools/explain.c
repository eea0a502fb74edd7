/* explain LOSS|CASE: what a loss is, or what is right at a case, and why it is there. */
#include <math.h>
#include <string.h>

#include "golden/errata.h"
#include "golden/json.h"
#include "harness/examine.h"
#include "harness/judge.h"
#include "reference/registry.h"
#include "tools/cli.h"

enum { SHOWN = 12 };

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

static void explain_output(const lp_suite_entry *entry, const lp_examination *e, int k, const lp_errata *errata) {
  const lp_output *ours = &e->reference.outputs[k];
  const lp_output *theirs = entry->has_outcome ? lp_outcome_find(&entry->outcome, ours->input) : NULL;
  char name[LP_NAME_MAX], shape[96];
  lp_output_name(name, entry->c.loss, ours->input);
  const lp_erratum *erratum = lp_errata_find(errata, entry->c.id, name);
  printf("\n%s  %s\n", name, lp_tensor_shape_text(shape, sizeof shape, &ours->tensor));
  printf("  %6s  %-24s %-24s %-12s %s\n", "", "reference", "PyTorch", "scale", "budget");
  for (int64_t i = 0; i < ours->tensor.numel && i < SHOWN; i++) {
    const double scale = e->scale.outputs[k].tensor.f64[i];
    char fixture[32] = "-";
    if (theirs && i < theirs->tensor.numel) snprintf(fixture, sizeof fixture, "%.17g", theirs->tensor.f64[i]);
    printf("  [%4lld]  %-24.17g %-24s %-12.3g %.3g\n", (long long)i, ours->tensor.f64[i], fixture, scale,
           lp_budget(ours->tensor.dtype, scale));
  }
  if (ours->tensor.numel > SHOWN) printf("  ... %lld more\n", (long long)(ours->tensor.numel - SHOWN));
  if (erratum) printf("  erratum  %s: %s\n", erratum->name, erratum->summary);
}

static void explain_regimes(const lp_case *c, const lp_examination *e) {
  printf("\nregimes\n");
  for (int i = 0; i < c->loss->n_regimes; i++) {
    if ((e->regimes >> i) & 1u) printf("  %-22s %s\n", c->loss->regimes[i].name, c->loss->regimes[i].about);
  }
}

static lp_status explain_case(const lp_suite_entry *entry, const lp_errata *errata, lp_error *error) {
  const lp_case *c = &entry->c;
  lp_examination e;
  lp_arena *arena = lp_arena_new(0);
  lp_status status = arena ? lp_examine(&e, arena, c, error) : lp_fail(error, LP_NO_MEMORY, "out of memory");
  if (status != LP_OK) goto done;
  printf("%s  (%s)\n  hunts  %s\n", c->id, c->loss->name, *c->hunts ? c->hunts : "(not said)");
  if (*c->tags) printf("  tags   %s\n", c->tags);
  explain_settings(c);
  if (e.reference.kind == LP_OUTCOME_OK) {
    for (int k = 0; k < e.reference.n_outputs; k++) explain_output(entry, &e, k, errata);
    const lp_dtype dtype = e.reference.outputs[0].tensor.dtype;
    printf("\nbudget  %d u scale + %d eta, u = 2^%d, eta = 2^%d of %s (provisional)\n", LP_BUDGET_K, LP_BUDGET_K,
           ilogb(lp_dtype_unit_roundoff(dtype)), ilogb(lp_dtype_smallest_subnormal(dtype)), lp_dtype_name(dtype));
    explain_regimes(c, &e);
  } else {
    printf("\nrefused  %s\n  reference  %s\n", lp_reject_name(e.reject), e.reference.message);
    if (entry->has_outcome) {
      printf("  PyTorch    %s  %s\n", lp_outcome_kind_name(entry->outcome.kind), entry->outcome.message);
    }
  }
done:
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
      "decimal and hexadecimal, the right outputs, what PyTorch says, and the budget.",
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
