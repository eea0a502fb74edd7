/* doctor CANDIDATE: step by step, is it ready to be certified? */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "harness/certify.h"
#include "harness/handmade.h"
#include "harness/tamper.h"
#include "reference/registry.h"
#include "reports/numbers.h"
#include "reports/paint.h"
#include "tools/cli.h"
#include "tools/shared.h"

enum { WIDTH = 98, PLAIN = 20, SHOWN_VALUES = 3, N_LIES = LP_TAMPER_COUNT - 1 };

typedef struct visit {
  const char *description;
  lp_style style;
  lp_candidate *candidate;
  lp_suite suite;
  const lp_handmade *made[PLAIN];
  bool right[PLAIN];
  char got[PLAIN][64]; /* the loss that was answered, for the list */
  int wrong;
  const char *hinted[8]; /* hints that were given */
} visit;

/* --- lines ---------------------------------------------------------------------------------------------------- */

static void tick(const visit *v, bool good, const char *step) {
  printf("%s%s%s %-10s ", lp_paint_start(v->style, good ? LP_GREEN : LP_RED), good ? "ok  " : "FAIL",
         lp_paint_stop(v->style), step);
}

static void hint(const visit *v, const char *text) {
  printf("     %shint: %s%s\n", lp_paint_start(v->style, LP_DIM), text, lp_paint_stop(v->style));
}

/* The same hint is given once. */
static void hint_once(visit *v, const char *text) {
  int n = 0;
  while (n < 8 && v->hinted[n] && v->hinted[n] != text) n++;
  if (n == 8 || v->hinted[n]) return;
  v->hinted[n] = text;
  printf("     ");
  hint(v, text);
}

/* --- the door ------------------------------------------------------------------------------------------------- */

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

static const char *door_of(const visit *v) {
  if (begins(v->description, "plugin:")) return "shared object, lossproof/plugin.h, ABI 1";
  if (begins(v->description, "exec:")) return "program, JSON Lines on standard input and output";
  if (begins(v->description, "outcomes:")) return "file of answers";
  return "built in";
}

/* What to look at when it does not open. */
static const char *why_not_open(const visit *v) {
  const char *path = strchr(v->description, ':');
  if (begins(v->description, "plugin:") && access(path + 1, R_OK) != 0) {
    return "there is no such file: give the path, as plugin:./mine.so";
  }
  if (begins(v->description, "plugin:")) {
    return "is it a shared object (cc -shared -fPIC) that exports lossproof_plugin()? nm -D FILE lists what it exports";
  }
  if (begins(v->description, "exec:")) {
    return "run the command by hand: it must answer the first line with its own greeting; what it prints besides "
           "belongs on standard error";
  }
  if (begins(v->description, "outcomes:")) return "a file that lossproof run or an adapter wrote: HDF5, or JSON Lines";
  return "CANDIDATE is reference, exact, plugin:PATH.so, exec:COMMAND or outcomes:FILE";
}

static bool open_candidate(visit *v, lp_isolation *isolation) {
  lp_error error;
  isolation->options.memory = (int64_t)isolation->memory << 20;
  const bool open = lp_candidate_open(&v->candidate, v->description, &isolation->options, &error) == LP_OK;
  tick(v, open, "door");
  lp_write_line(stdout, open ? door_of(v) : error.message, LP_MESSAGE_MAX);
  printf("\n");
  if (!open) hint(v, why_not_open(v));
  return open;
}

static void greet(const visit *v) {
  const lp_manifest *m = lp_candidate_manifest(v->candidate);
  tick(v, true, "handshake");
  lp_write_line(stdout, *m->name ? m->name : "(no name)", 60);
  printf(" ");
  lp_write_line(stdout, *m->version ? m->version : "(no version)", 40);
  printf("\n");
}

/* --- the manifest in words ------------------------------------------------------------------------------------ */

static void print_dtypes(unsigned dtypes) {
  for (int d = LP_FLOAT64; d <= LP_BFLOAT16; d++) {
    if (dtypes & (1u << d)) printf(" %s", lp_dtype_name((lp_dtype)d));
  }
}

static bool is_first_with(const lp_manifest *m, int i) {
  for (int k = 0; k < i; k++) {
    if (m->losses[k].supported && m->losses[k].dtypes == m->losses[i].dtypes) return false;
  }
  return m->losses[i].supported;
}

/* The losses that have the same dtypes on one line. */
static void print_losses(const lp_manifest *m) {
  for (int i = 0; i < lp_registry_count(); i++) {
    if (!is_first_with(m, i)) continue;
    int column = WIDTH;
    printf("     in");
    print_dtypes(m->losses[i].dtypes);
    for (int k = i; k < lp_registry_count(); k++) {
      const char *name = m->losses[k].loss->name;
      if (!m->losses[k].supported || m->losses[k].dtypes != m->losses[i].dtypes) continue;
      column += 1 + (int)strlen(name);
      if (column > WIDTH) column = printf("\n        ") + (int)strlen(name);
      printf(" %s", name);
    }
    printf("\n");
  }
}

static void print_missing(const lp_manifest *m) {
  int column = 0;
  for (int i = 0; i < lp_registry_count(); i++) {
    const char *name = m->losses[i].loss->name;
    if (m->losses[i].supported) continue;
    if (column == 0) column = printf("     not declared:");
    column += 1 + (int)strlen(name);
    if (column > WIDTH) column = printf("\n        ") + (int)strlen(name);
    printf(" %s", name);
  }
  if (column > 0) printf("\n");
}

typedef bool property(const lp_capability *can);
static bool broadcasts(const lp_capability *can) { return can->broadcasting; }
static bool takes_empty(const lp_capability *can) { return can->empty; }
static bool takes_specials(const lp_capability *can) { return can->special_values; }
static bool takes_upstream(const lp_capability *can) { return can->grad_output; }
static bool validates(const lp_capability *can) { return can->validates; }
static bool deterministic(const lp_capability *can) { return can->deterministic; }
static bool flushes(const lp_capability *can) { return can->flushes_subnormals; }
static bool strided(const lp_capability *can) { return can->strided; }

static const struct {
  property *has;
  const char *words;
  bool usual; /* said only of losses that differ from it */
} properties[] = {
    {broadcasts, "broadcasting", true},           {takes_empty, "empty tensors", true},
    {takes_specials, "infinities and NaN", true}, {takes_upstream, "upstream gradients", true},
    {validates, "rejecting bad input", true},     {strided, "strided inputs", false},
    {deterministic, "deterministic", false},      {flushes, "flushes subnormal numbers to 0", false},
};

/* "no broadcasting (l1 mse)": the losses are named when they are not all. */
static void print_property(const lp_manifest *m, property *has, const char *words, bool usual) {
  int with = 0, all = 0;
  for (int i = 0; i < lp_registry_count(); i++) {
    all += m->losses[i].supported;
    with += m->losses[i].supported && has(&m->losses[i]) != usual;
  }
  if (with == 0) return;
  printf("     %s%s", usual ? "without " : "", words);
  for (int i = 0; i < lp_registry_count() && with < all; i++) {
    if (m->losses[i].supported && has(&m->losses[i]) != usual) printf(" %s", m->losses[i].loss->name);
  }
  printf("\n");
}

static void read_out_manifest(const visit *v) {
  const lp_manifest *m = lp_candidate_manifest(v->candidate);
  int supported = 0;
  for (int i = 0; i < lp_registry_count(); i++) supported += m->losses[i].supported;
  tick(v, supported > 0, "manifest");
  printf("%d of %d losses%s\n", supported, lp_registry_count(), *m->text ? "" : "; no manifest was given");
  print_losses(m);
  print_missing(m);
  for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++) {
    print_property(m, properties[i].has, properties[i].words, properties[i].usual);
  }
  if (supported == 0) hint(v, "the manifest's \"losses\" name none; golden/README.md shows one");
}

/* --- plain cases ---------------------------------------------------------------------------------------------- */

static void keep_values(char text[64], const lp_tensor *t) {
  size_t used = 0;
  for (int64_t i = 0; i < t->numel && i < SHOWN_VALUES; i++) {
    used += (size_t)snprintf(text + used, 64 - used, "%s%.6g", i ? ", " : "", t->f64[i]);
  }
}

static void keep_answer(void *context, const lp_case *c, const lp_answer *answer) {
  visit *v = context;
  for (int i = 0; i < v->suite.count; i++) {
    if (strcmp(v->suite.entries[i].c.id, c->id) != 0) continue;
    const lp_outcome *o = &answer->outcome;
    if (o->kind == LP_OUTCOME_OK && o->n_outputs > 0) {
      keep_values(v->got[i], &o->outputs[0].tensor);
    } else {
      snprintf(v->got[i], sizeof v->got[i], "%s", lp_outcome_kind_name(o->kind));
    }
  }
}

static lp_status expected_values(char text[64], const lp_case *c, lp_error *error) {
  lp_examination e;
  lp_arena *arena = lp_arena_new(0);
  if (!arena) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  const lp_status status = lp_examine(&e, arena, c, error);
  if (status == LP_OK && e.reference.n_outputs > 0) keep_values(text, &e.reference.outputs[0].tensor);
  lp_arena_free(arena);
  return status;
}

/* The first verdict that is no pass, or NULL. */
static const lp_verdict *complaint(const lp_result *r, char name[LP_NAME_MAX]) {
  for (int i = 0; i < r->n_verdicts; i++) {
    if (r->verdicts[i].kind == LP_VERDICT_PASS) continue;
    lp_result_output(name, r, i);
    return &r->verdicts[i];
  }
  return NULL;
}

static const char *hint_for(lp_cause cause) {
  switch (cause) {
    case LP_CAUSE_REJECTS:
      return "it refuses what PyTorch takes: read the message; are all parameters read by PyTorch's names?";
    case LP_CAUSE_MISSING:
      return "gradients are outputs of their own: \"grad/input\" and so on, for every input that is differentiated";
    case LP_CAUSE_SHAPE:
      return "the loss has the shape of the reduction; a gradient has the shape of its input";
    case LP_CAUSE_CRASH:
    case LP_CAUSE_EXIT:
    case LP_CAUSE_OUT_OF_BOUNDS:
      return "it dies on an ordinary question: run it under a debugger with the reproducer that replay --write makes";
    case LP_CAUSE_TIMEOUT:
      return "no answer came: does it flush its output after every line?";
    case LP_CAUSE_UNWRITTEN:
      return "every element of every output has to be written, zeros too";
    case LP_CAUSE_VALUE:
      return "denominator of the mean, upstream gradient, dtype of the arithmetic: one of these most of the time";
    default:
      return "lossproof replay shows every number of a case";
  }
}

static lp_status show_plain(visit *v, const lp_result *r, int i, lp_error *error) {
  const lp_case *c = &v->suite.entries[i].c;
  char expected[64] = "", name[LP_NAME_MAX], text[120], times[32] = "";
  const lp_verdict *wrong = complaint(r, name);
  v->right[i] = r->status == LP_OK && !wrong && !r->not_run;
  v->wrong += !v->right[i];
  LP_TRY(expected_values(expected, c, error));
  if (c->has_grad_output) snprintf(times, sizeof times, " x %g", lp_tensor_get(&c->grad_output, 0));
  snprintf(text, sizeof text, "%s %s %s%s: %s", c->loss->name, lp_dtype_name(c->dtype), c->reduction_word, times,
           v->made[i]->words);
  printf("     %s%s%s %-64.64s %-12s ", lp_paint_start(v->style, v->right[i] ? LP_GREEN : LP_RED),
         v->right[i] ? "ok  " : "FAIL", lp_paint_stop(v->style), text, expected);
  lp_write_line(stdout, v->got[i], 40);
  printf("\n");
  if (!wrong) return LP_OK;
  printf("          %s: ", name);
  lp_write_line(stdout, wrong->reason, 160);
  printf("\n");
  hint_once(v, hint_for(wrong->cause));
  return LP_OK;
}

static lp_status judge_suite(lp_certification *run, visit *v, const lp_suite *suite, bool keep, lp_error *error) {
  const lp_certify_options how = {.jobs = 1, .answered = keep ? keep_answer : NULL, .answered_context = v};
  return lp_certify(run, v->candidate, suite, NULL, &how, error);
}

static lp_status ask_plain(visit *v, lp_error *error) {
  lp_certification run;
  LP_TRY(lp_suite_init(&v->suite, error));
  LP_TRY(lp_handmade_choose(&v->suite, v->made, PLAIN, lp_candidate_manifest(v->candidate), error));
  LP_TRY(judge_suite(&run, v, &v->suite, true, error));
  printf("%10s%-64s %-12s %s\n", "", "plain cases", "expected", "got");
  lp_status status = LP_OK;
  for (int i = 0; i < run.n_results && status == LP_OK; i++) status = show_plain(v, &run.results[i], i, error);
  tick(v, v->wrong == 0 && run.n_results > 0, "plain");
  printf("%d of %d plain cases right, value and gradients\n", run.n_results - v->wrong, run.n_results);
  lp_certification_clear(&run);
  return status;
}

/* --- false answers -------------------------------------------------------------------------------------------- */

/* A case that was answered rightly, and whose answer this lie can change: the loss is one number, a gradient several.
 */
static const lp_suite_entry *victim(const visit *v, int *from) {
  for (; *from < v->suite.count; ++*from) {
    const lp_suite_entry *e = &v->suite.entries[*from];
    char expected[64] = "";
    if (!v->right[*from] || e->c.reduction == LP_REDUCTION_NONE || e->c.inputs[0].numel < 2) continue;
    if (expected_values(expected, &e->c, NULL) != LP_OK || expected[0] == '0') continue;
    ++*from;
    return e;
  }
  return NULL;
}

/* Asks the case again while the door lies. *seen: the judge noticed. */
static lp_status lie(visit *v, bool *seen, const lp_suite_entry *entry, lp_tampering how, lp_error *error) {
  lp_suite one = {0};
  lp_certification run;
  *seen = false;
  LP_TRY(lp_suite_init(&one, error));
  lp_suite_entry *only = lp_suite_add(&one);
  lp_status status = only ? LP_OK : lp_fail(error, LP_NO_MEMORY, "out of memory");
  if (only) *only = *entry;
  lp_candidate_tamper(v->candidate, (int)how);
  if (status == LP_OK) status = judge_suite(&run, v, &one, false, error);
  lp_candidate_tamper(v->candidate, LP_TAMPER_NONE);
  if (status == LP_OK) {
    *seen = run.counts[LP_VERDICT_FAIL] > 0;
    lp_certification_clear(&run);
  }
  lp_suite_clear(&one);
  return status;
}

static lp_status tell_lies(visit *v, int *missed, lp_error *error) {
  int from = 0;
  *missed = 0;
  for (int how = 1; how <= N_LIES; how++) {
    bool seen;
    const lp_suite_entry *entry = victim(v, &from);
    if (!entry) {
      tick(v, false, "false");
      printf("%s: no right answer to spoil\n", lp_tampering_name((lp_tampering)how));
      continue;
    }
    LP_TRY(lie(v, &seen, entry, (lp_tampering)how, error));
    *missed += !seen;
    tick(v, seen, "false");
    printf("%s (%s): %s\n", lp_tampering_name((lp_tampering)how), entry->c.loss->name,
           seen ? "rejected, as it should be" : "NOT REJECTED: the harness is at fault");
  }
  return LP_OK;
}

/* --- the visit ------------------------------------------------------------------------------------------------ */

static int conclude(const visit *v, int missed) {
  const int exit_code = missed > 0            ? LP_EXIT_HARNESS
                        : v->suite.count == 0 ? LP_EXIT_VACUOUS
                        : v->wrong > 0        ? LP_EXIT_FINDINGS
                                              : LP_EXIT_CONFORMS;
  const bool healthy = exit_code == LP_EXIT_CONFORMS;
  printf("\n%s%s%s: ", lp_paint_start(v->style, healthy ? LP_GREEN : LP_RED), healthy ? "HEALTHY" : "NOT HEALTHY",
         lp_paint_stop(v->style));
  lp_write_line(stdout, v->description, 200);
  if (healthy) {
    printf("; next: lossproof certify ");
    lp_write_word(stdout, v->description);
  }
  printf("\n");
  return exit_code;
}

/* Answers in a file are to questions of their own. */
static int visit_file(const visit *v) {
  tick(v, true, "answers");
  printf("found by case id\n");
  hint(v, "plain questions cannot be put to a file: lossproof judge QUESTIONS ANSWERS says how good it is");
  return LP_EXIT_VACUOUS;
}

static int examine(visit *v) {
  lp_error error;
  int missed;
  greet(v);
  if (lp_candidate_goes_by_id(v->candidate)) return visit_file(v);
  read_out_manifest(v);
  if (ask_plain(v, &error) != LP_OK || tell_lies(v, &missed, &error) != LP_OK) return lp_cli_fail(&error);
  return conclude(v, missed);
}

int lp_verb_doctor(int argc, char **argv) {
  lp_isolation isolation;
  lp_flag flags[LP_ISOLATION_FLAGS];
  lp_isolation_flags(flags, &isolation);
  const lp_command command = {
      "doctor CANDIDATE [options]",
      "Is it ready to be certified? Opens it, shakes hands, reads its manifest out, asks twenty questions that a\n"
      "person can check with a pencil, and feeds three false answers through its door, which must be noticed.\n"
      "Exit codes: 0 healthy, 1 a plain case is wrong, 3 a false answer was not noticed, 4 nothing could be asked,\n"
      "99 it cannot be loaded.",
      flags,
      LP_ISOLATION_FLAGS,
      1,
      1};
  const char *word;
  int n, exit_code;
  if (lp_cli_parse(&command, argc, argv, &word, &n, &exit_code) == LP_CLI_STOP) return exit_code;
  if (!(isolation.options.timeout > 0.0 && isolation.options.load_timeout > 0.0)) {
    return lp_cli_complain("doctor: --timeout and --load-timeout: expected more than 0 seconds");
  }
  visit v = {.description = word, .style = lp_style_for(stdout)};
  exit_code = open_candidate(&v, &isolation) ? examine(&v) : LP_EXIT_NO_CANDIDATE;
  if (v.suite.arena) lp_suite_clear(&v.suite);
  lp_candidate_close(v.candidate);
  return exit_code;
}
