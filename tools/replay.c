/* replay CASE --with CANDIDATE: one case, put to a candidate again, and every number of the answer. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/certify.h"
#include "harness/derived.h"
#include "reference/registry.h"
#include "reports/elements.h"
#include "reports/numbers.h"
#include "reports/reproducer.h"
#include "tools/cli.h"
#include "tools/one_case.h"
#include "tools/shared.h"

typedef struct options {
  const char *name, *with, *dtype, *profile;
  const char *const *files;
  int n_files;
  lp_text_list write;
  lp_judging how;
  lp_isolation isolation;
} options;

/* --- which case ----------------------------------------------------------------------------------------------- */

/* "core/l1/0001@float32#row-nan" as its parts; dtype and law are "" when it has none. */
typedef struct address {
  char id[LP_MAX_ID_BYTES + 1], dtype[LP_NAME_MAX], law[LP_NAME_MAX];
} address;

static void part(char *text, size_t capacity, const char *from, size_t length) {
  snprintf(text, capacity, "%.*s", (int)length, from);
}

static void parse_address(address *a, const char *name) {
  const size_t base = strcspn(name, "@#");
  const char *at = name + base;
  *a = (address){.id = ""};
  part(a->id, sizeof a->id, name, base);
  if (*at == '@') {
    const size_t n = strcspn(at + 1, "#");
    part(a->dtype, sizeof a->dtype, at + 1, n);
    at += 1 + n;
  }
  if (*at == '#') part(a->law, sizeof a->law, at + 1, strlen(at + 1));
}

/* FILE, FILE#ID, or an id of the fixtures or of the files given. wanted: the id, or "" for the only case of the file.
 */
static lp_status read_cases(lp_suite *suite, const char **wanted, const options *o, lp_error *error) {
  const size_t stem = strcspn(o->name, "#");
  char *file = lp_arena_text(suite->arena, o->name, stem);
  if (!file) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  *wanted = o->name;
  if (o->n_files > 0 || access(file, F_OK) != 0) return lp_cli_read(suite, o->files, o->n_files, NULL, error);
  const char *const only[] = {file};
  *wanted = o->name[stem] ? o->name + stem + 1 : "";
  return lp_cli_read(suite, only, 1, NULL, error);
}

static const lp_suite_entry *choose(const lp_suite *suite, address *a, const char *wanted, int *exit_code) {
  *a = (address){.id = ""};
  if (!*wanted) {
    if (suite->count == 1) return &suite->entries[0];
    *exit_code = lp_cli_complain("replay: the file holds %d cases: say which, as FILE#ID", suite->count);
    return NULL;
  }
  const lp_suite_entry *entry = lp_case_by_id(suite, wanted);
  if (entry) return entry;
  parse_address(a, wanted);
  entry = lp_case_by_id(suite, a->id);
  if (!entry) *exit_code = lp_complain_of_id("replay", suite, wanted);
  return entry;
}

/* --- as it is asked ------------------------------------------------------------------------------------------- */

static const lp_law *law_of(const char *word) {
  char name[LP_NAME_MAX];
  part(name, sizeof name, word, strcspn(word, "."));
  return lp_laws_find(name);
}

/* The derived case of this law, "row-nan" or "row-nan.2". */
static lp_status derive(lp_suite_entry *entry, lp_arena *arena, const char *word, lp_error *error) {
  const lp_law *law = law_of(word);
  lp_derivation *d = lp_arena_alloc(arena, 1, sizeof *d);
  lp_case *from = lp_arena_alloc(arena, 1, sizeof *from);
  if (!law) return lp_fail(error, LP_INVALID, "replay: no law is called \"%s\"", word);
  if (!d || !from) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  *from = entry->c;
  LP_TRY(lp_law_derive(d, arena, law, from, LP_DERIVED_SEED, error));
  for (int i = 0; i < d->count; i++) {
    const char *suffix = strchr(d->cases[i].id, '#');
    if (!suffix || strcmp(suffix + 1, word) != 0) continue;
    *entry = (lp_suite_entry){.c = d->cases[i], .message = ""};
    return LP_OK;
  }
  return lp_fail(error, LP_INVALID, "replay: %s has no case derived by %s%s%s", from->id, word, *d->why_not ? ": " : "",
                 d->why_not);
}

/* A suite of the one case. */
static lp_status prepare(lp_suite *one, const lp_suite_entry *entry, const address *a, const options *o,
                         lp_error *error) {
  LP_TRY(lp_suite_init(one, error));
  lp_suite_entry *only = lp_suite_add(one);
  if (!only) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  *only = *entry;
  const char *dtype = o->dtype ? o->dtype : a->dtype;
  if (*dtype) LP_TRY(lp_recast_entry("replay", only, one->arena, dtype, error));
  return *a->law ? derive(only, one->arena, a->law, error) : LP_OK;
}

/* --- what came of it ------------------------------------------------------------------------------------------ */

typedef struct watcher {
  const lp_judging *how;
  lp_style style;
  bool seen;
  lp_status status;
  lp_error error;
} watcher;

static void show_answer(void *context, const lp_case *c, const lp_answer *answer) {
  watcher *w = context;
  const lp_outcome *o = &answer->outcome;
  w->seen = true;
  printf("  %s%-15s%s %s%s", lp_paint_start(w->style, LP_DIM), "answer", lp_paint_stop(w->style),
         lp_outcome_kind_name(o->kind), *o->message ? ": " : "");
  lp_write_line(stdout, o->message, 200);
  printf("\n");
  if (answer->conduct != LP_CONDUCT_GOOD) {
    printf("  %s%-15s%s %s: ", lp_paint_start(w->style, LP_DIM), "conduct", lp_paint_stop(w->style),
           lp_conduct_name(answer->conduct));
    lp_write_line(stdout, answer->conduct_text, 300);
    printf("\n");
  }
  w->status = lp_report_elements(stdout, c, o, w->how, w->style, &w->error);
}

static void show_case(const lp_case *c, lp_style style) {
  printf("%s%s%s  %s, %s, reduction=%s", lp_paint_start(style, LP_BOLD), c->id, lp_paint_stop(style), c->loss->name,
         lp_dtype_name(c->dtype), c->reduction_word);
  for (int i = 0; i < c->loss->n_params; i++) {
    char text[LP_DECIMAL_TEXT];
    printf(", %s=%s", c->loss->params[i].name, lp_decimal(text, c->params[i], LP_FLOAT64));
  }
  printf("\n");
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (c->has_input[i]) lp_report_tensor(stdout, c->loss->inputs[i].name, &c->inputs[i], style);
  }
  if (c->has_grad_output) lp_report_tensor(stdout, "grad_output", &c->grad_output, style);
}

static void show_verdict(const lp_result *r, int i, lp_style style) {
  static const lp_paint paints[] = {LP_GREEN, LP_RED, LP_YELLOW, LP_YELLOW, LP_GREEN};
  const lp_verdict *v = &r->verdicts[i];
  char name[LP_NAME_MAX];
  printf("  %s%-13s%s %s", lp_paint_start(style, paints[v->kind]), lp_verdict_name(v->kind), lp_paint_stop(style),
         lp_result_output(name, r, i));
  if (*v->reason) printf(": %s", v->reason);
  if (r->about[i].encore) printf(" (asked again: %s)", r->about[i].encore);
  if (v->other_side && v->kind == LP_VERDICT_PASS) printf(", by another side of a kink");
  if (r->errata[i]) printf(" (erratum %s)", r->errata[i]->name);
  if (lp_result_is_harness_fault(r, i)) printf(" HARNESS AT FAULT: %s off", lp_off_name(r->off[i]));
  printf("\n");
}

static int show_run(const lp_certification *run, const watcher *w) {
  const lp_result *r = &run->results[0];
  printf("\n");
  if (r->not_run) printf("  not asked: %s\n", r->not_run);
  if (r->status != LP_OK) printf("  not judged: %s\n", r->message);
  for (int i = 0; i < r->n_verdicts; i++) {
    if (r->verdicts[i].input != LP_OUTPUT_LAW || r->verdicts[i].kind != LP_VERDICT_UNSUPPORTED) {
      show_verdict(r, i, w->style);
    }
  }
  return lp_certification_exit_code(run);
}

static int judge(lp_candidate *candidate, const lp_suite *one, const lp_errata *errata, const options *o) {
  lp_error error;
  lp_certification run;
  watcher w = {.how = &o->how, .style = lp_style_for(stdout)};
  const lp_case *c = &one->entries[0].c;
  const lp_certify_options how = {.jobs = 1,
                                  .how = o->how,
                                  .laws_every = lp_derived_is_derived(c->id) ? 0 : 1,
                                  .answered = show_answer,
                                  .answered_context = &w};
  show_case(c, w.style);
  const lp_status status = lp_certify(&run, candidate, one, errata, &how, &error);
  if (status != LP_OK) {
    const int exit_code = lp_cli_fail(&error);
    return status == LP_IO ? LP_EXIT_NO_CANDIDATE : exit_code;
  }
  const int exit_code = w.status == LP_OK ? show_run(&run, &w) : lp_cli_fail(&w.error);
  lp_certification_clear(&run);
  return exit_code;
}

static int write_and_judge(const lp_suite *one, const options *o) {
  lp_error error;
  lp_errata *errata;
  for (int i = 0; i < o->write.count; i++) {
    if (lp_write_reproducer(o->write.items[i], &one->entries[0].c, &o->how, &error) != LP_OK) {
      return lp_cli_fail(&error);
    }
    fprintf(stderr, "wrote %s\n", o->write.items[i]);
  }
  if (!o->with) return LP_EXIT_CONFORMS;
  if (lp_errata_read(&errata, lp_cli_errata(), &error) != LP_OK) return lp_cli_fail(&error);
  lp_isolation isolation = o->isolation;
  lp_candidate *candidate = lp_open_candidate(o->with, &isolation);
  const int exit_code = candidate ? judge(candidate, one, errata, o) : LP_EXIT_NO_CANDIDATE;
  lp_candidate_close(candidate);
  lp_errata_free(errata);
  return exit_code;
}

static int replay(const options *o) {
  lp_error error;
  lp_suite suite = {0}, one = {0};
  address a;
  const char *wanted = "";
  int exit_code = LP_EXIT_USAGE;
  if (lp_suite_init(&suite, &error) != LP_OK || read_cases(&suite, &wanted, o, &error) != LP_OK) {
    exit_code = lp_cli_fail(&error);
    goto done;
  }
  const lp_suite_entry *entry = choose(&suite, &a, wanted, &exit_code);
  if (!entry) goto done;
  exit_code = prepare(&one, entry, &a, o, &error) == LP_OK ? write_and_judge(&one, o) : lp_cli_fail(&error);
done:
  if (one.arena) lp_suite_clear(&one);
  if (suite.arena) lp_suite_clear(&suite);
  return exit_code;
}

int lp_verb_replay(int argc, char **argv) {
  options o = {.with = NULL};
  lp_flag flags[4 + LP_ISOLATION_FLAGS] = {
      {"with", LP_FLAG_TEXT, &o.with, "CANDIDATE", "who is asked"},
      {"dtype", LP_FLAG_TEXT, &o.dtype, "DTYPE", "ask in float64, float32, float16 or bfloat16"},
      {"profile", LP_FLAG_TEXT, &o.profile, "NAME", "pytorch (default) or math"},
      {"write", LP_FLAG_EACH, &o.write, "FILE", "write a reproducer: FILE.py, FILE.c, FILE.json or FILE.h5"},
  };
  lp_isolation_flags(flags + 4, &o.isolation);
  const lp_command command = {
      "replay CASE [FILE ...] --with CANDIDATE [options]",
      "Puts one case to a candidate and shows every number: got, exact, budget, ratio, verdict.\n"
      "CASE is the id of a fixture, or of a case in the files given; or FILE or FILE#ID. ID@float32 is that case in\n"
      "float32, ID#LAW the one that a law derives from it. --write alone, without --with, asks nobody.\n"
      "Exit codes as those of certify.",
      flags,
      sizeof flags / sizeof flags[0],
      1,
      LP_EACH_MAX};
  const char *words[LP_EACH_MAX];
  int n, exit_code;
  if (lp_cli_parse(&command, argc, argv, words, &n, &exit_code) == LP_CLI_STOP) return exit_code;
  if (!lp_profile_find(&o.how.profile, o.profile)) return LP_EXIT_USAGE;
  if (!o.with && o.write.count == 0) return lp_cli_complain("replay: --with CANDIDATE or --write FILE is missing");
  o.name = words[0];
  o.files = words + 1;
  o.n_files = n - 1;
  return replay(&o);
}
