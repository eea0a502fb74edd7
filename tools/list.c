/* list: the losses, as a table or as JSON; --coverage measures the stored suites. */
#include <string.h>

#include "golden/json.h"
#include "harness/generate.h"
#include "reference/registry.h"
#include "tools/cli.h"

static int count_bits(uint64_t x) {
  int n = 0;
  for (; x; x &= x - 1) n++;
  return n;
}

static const char *const reduction_words[] = {"none", "mean", "sum", "batchmean"};

/* --- the table ------------------------------------------------------------------------------------------------ */

static const char *inputs_text(char *text, size_t capacity, const lp_loss *loss) {
  size_t used = 0;
  text[0] = '\0';
  for (int i = 0; i < loss->n_inputs && used < capacity; i++) {
    used += (size_t)snprintf(text + used, capacity - used, "%s%s%s", i ? ", " : "", loss->inputs[i].name,
                             loss->inputs[i].optional ? "?" : "");
  }
  return text;
}

static void print_params(const lp_loss *loss) {
  for (int i = 0; i < loss->n_params; i++) {
    const lp_param_spec *p = &loss->params[i];
    char number[LP_NUMBER_TEXT];
    lp_json_number(number, p->fallback);
    const char *value = p->type == LP_PARAM_BOOL ? (p->fallback != 0 ? "true" : "false") : number;
    const size_t length = strlen(value);
    const bool whole = p->type != LP_PARAM_BOOL && length > 2 && strcmp(value + length - 2, ".0") == 0;
    printf("%s%s=%.*s", i ? ", " : "", p->name, (int)(whole ? length - 2 : length), value);
  }
}

static int print_table(void) {
  printf("%-18s %-24s %-58s %s\n", "loss", "torch.nn", "inputs", "parameters");
  for (int i = 0; i < lp_registry_count(); i++) {
    const lp_loss *loss = lp_registry_at(i);
    char inputs[128];
    printf("%-18s %-24s %-58s ", loss->name, loss->module, inputs_text(inputs, sizeof inputs, loss));
    print_params(loss);
    printf("\n");
  }
  return 0;
}

/* --- JSON ------------------------------------------------------------------------------------------------------ */

static void text(const char *name, const char *value) {
  printf("\"%s\": ", name);
  lp_json_write_text(stdout, value);
}

static void flag(const char *name, bool value) { printf(", \"%s\": %s", name, value ? "true" : "false"); }

static const char *kind_name(lp_kind kind) {
  static const char *const names[] = {"real", "index", "length"};
  return names[kind];
}

static const char *param_type_name(lp_param_type type) {
  static const char *const names[] = {"real", "int", "bool"};
  return names[type];
}

static void json_input(const lp_input_spec *s) {
  printf("{");
  text("name", s->name);
  printf(", ");
  text("kind", kind_name(s->kind));
  flag("optional", s->optional);
  flag("differentiable", s->differentiable);
  flag("integer_ok", s->integer_ok);
  printf(", \"min_rank\": %d, \"max_rank\": %d, ", s->min_rank, s->max_rank);
  text("shape", s->shape);
  printf(", ");
  text("about", s->about);
  printf("}");
}

static void json_param(const lp_param_spec *s) {
  char number[LP_NUMBER_TEXT];
  lp_json_number(number, s->fallback);
  printf("{");
  text("name", s->name);
  printf(", ");
  text("type", param_type_name(s->type));
  printf(", \"default\": %s, ", s->type == LP_PARAM_BOOL ? (s->fallback != 0 ? "true" : "false") : number);
  text("domain", s->domain);
  printf(", ");
  text("about", s->about);
  printf("}");
}

static void json_named(const char *name, const char *about, bool last) {
  printf("{");
  text("name", name);
  printf(", ");
  text("about", about);
  printf(last ? "}" : "}, ");
}

static void json_rows(const lp_loss *loss) {
  printf(",\n   \"inputs\": [");
  for (int i = 0; i < loss->n_inputs; i++) {
    if (i) printf(", ");
    json_input(&loss->inputs[i]);
  }
  printf("],\n   \"parameters\": [");
  for (int i = 0; i < loss->n_params; i++) {
    if (i) printf(", ");
    json_param(&loss->params[i]);
  }
  printf("],\n   \"regimes\": [");
  for (int i = 0; i < loss->n_regimes; i++) {
    json_named(loss->regimes[i].name, loss->regimes[i].about, i == loss->n_regimes - 1);
  }
  printf("],\n   \"rules\": [");
  for (int i = 0; i < loss->n_rules; i++) {
    json_named(loss->rules[i].name, loss->rules[i].about, i == loss->n_rules - 1);
  }
  printf("]");
}

static void json_words(const lp_loss *loss) {
  printf(", \"reductions\": [");
  const char *comma = "";
  for (int r = 0; r < LP_REDUCTION_UNKNOWN; r++) {
    if (!(loss->reductions & (1u << r))) continue;
    printf("%s\"%s\"", comma, reduction_words[r]);
    comma = ", ";
  }
  printf("], \"rejects\": [");
  comma = "";
  for (int r = 1; r < LP_REJECT_COUNT; r++) {
    if (!(loss->rejects & (1u << r))) continue;
    printf("%s\"%s\"", comma, lp_reject_name((lp_reject)r));
    comma = ", ";
  }
  printf("]");
}

static void json_loss(const lp_loss *loss) {
  const struct {
    const char *key, *value;
  } texts[] = {
      {"name", loss->name},       {"functional", loss->functional}, {"module", loss->module},
      {"summary", loss->summary}, {"definition", loss->definition}, {"denominator", loss->denominator},
      {"ignored", loss->ignored}, {"batch_axis", loss->batch_axis}, {"class_axis", loss->class_axis},
  };
  printf("  {");
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    if (i) printf(", ");
    text(texts[i].key, texts[i].value);
  }
  flag("pointwise", loss->pointwise);
  flag("legacy_reduction", loss->legacy_reduction);
  json_words(loss);
  json_rows(loss);
  printf("}");
}

static int print_json(void) {
  printf("[\n");
  for (int i = 0; i < lp_registry_count(); i++) {
    if (i) printf(",\n");
    json_loss(lp_registry_at(i));
  }
  printf("\n]\n");
  return 0;
}

/* --- coverage --------------------------------------------------------------------------------------------------- */

static void print_missing(const lp_loss *loss, const lp_coverage *c) {
  for (int i = 0; i < loss->n_regimes; i++) {
    if (!((c->regimes_hit >> i) & 1u))
      printf("  %s: no case enters the regime %s\n", loss->name, loss->regimes[i].name);
  }
  for (int r = 1; r < LP_REJECT_COUNT; r++) {
    const unsigned bit = 1u << r;
    if ((loss->rejects & bit) && !(c->rejects_hit & bit)) {
      printf("  %s: no case is refused by %s\n", loss->name, lp_reject_name((lp_reject)r));
    }
  }
}

/* Holes, in triples, regimes and reject reasons together. */
static long print_coverage_row(const lp_loss *loss, const lp_coverage *c) {
  const int regimes = count_bits(c->regimes_hit), rejects = count_bits(c->rejects_hit & loss->rejects);
  const int wanted = loss->n_regimes + count_bits(loss->rejects);
  const long holes = c->triples_wanted - c->triples_hit;
  printf("%-18s %6d %9d %9d %9ld %6ld %6d/%-4d %8d\n", loss->name, c->cases, c->cases - c->ordinary, c->rejected,
         c->triples_wanted, holes, regimes + rejects, wanted, c->largest_group);
  return holes + (wanted - regimes - rejects);
}

static int print_coverage(const char *const *paths, int n_paths) {
  lp_suite suite = {0};
  lp_error error;
  long holes = 0;
  int exit_code = 0;
  if (lp_suite_init(&suite, &error) != LP_OK || lp_cli_read(&suite, paths, n_paths, NULL, &error) != LP_OK) {
    exit_code = lp_cli_fail(&error);
    goto done;
  }
  printf("%-18s %6s %9s %9s %9s %6s %11s %8s\n", "loss", "cases", "unusual", "rejected", "triples", "holes", "regimes",
         "sharing");
  lp_coverage coverage[64];
  const int n = lp_registry_count() < 64 ? lp_registry_count() : 64;
  for (int i = 0; i < n; i++) {
    if (lp_coverage_measure(&coverage[i], &suite, lp_registry_at(i), &error) != LP_OK) {
      exit_code = lp_cli_fail(&error);
      goto done;
    }
    holes += print_coverage_row(lp_registry_at(i), &coverage[i]);
  }
  for (int i = 0; i < n; i++) print_missing(lp_registry_at(i), &coverage[i]);
  printf("%d cases, %ld holes\n", suite.count, holes);
  if (holes > 0) exit_code = LP_EXIT_VACUOUS;
done:
  if (suite.arena) lp_suite_clear(&suite);
  return exit_code;
}

int lp_verb_list(int argc, char **argv) {
  bool json = false, coverage = false;
  const lp_flag flags[] = {
      {"json", LP_FLAG_SWITCH, &json, NULL, "every row of the registry as JSON"},
      {"coverage", LP_FLAG_SWITCH, &coverage, NULL, "how the stored cases cover options, shapes, values and regimes"},
  };
  const lp_command command = {"list [options] [FILE ...]",
                              "Names the losses. With --coverage, measures the fixtures (or the given files): cases,\n"
                              "3-way combinations and their holes, regimes, and the most cases that share a purpose.",
                              flags,
                              sizeof flags / sizeof flags[0],
                              0,
                              LP_EACH_MAX};
  const char *words[LP_EACH_MAX];
  int n, exit_code;
  if (lp_cli_parse(&command, argc, argv, words, &n, &exit_code) == LP_CLI_STOP) return exit_code;
  if (n > 0 && !coverage) return lp_cli_complain("list: \"%s\": files are only measured with --coverage", words[0]);
  if (coverage) return print_coverage(words, n);
  return json ? print_json() : print_table();
}
