/* exec:COMMAND: a program that answers JSON Lines. README.md is the protocol.
 *
 * Questions go in groups, without waiting. When a program dies over a group it is not known which question killed it:
 * answers may have stood in a buffer of its own. So those that are open are put again one at a time, to fresh programs,
 * until the culprit has shown itself; if none does, the death counts against the first that was open. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/json.h"
#include "harness/doors/door.h"
#include "harness/doors/worker.h"
#include "reference/plan.h"

enum {
  GROUP = 64,        /* questions sent at once: a bound on what one crash costs */
  QUOTED_BYTES = 80, /* of an answer that is none */
  REASON_MAX = 200   /* lp_take_answer */
};

#define LONGEST_ANSWER ((size_t)256 << 20)

typedef struct program {
  lp_worker_spec spec;
  lp_workers *workers;
  const char *argv[4];
  const char *command;         /* as it was given */
  const lp_manifest *manifest; /* of the candidate, who keeps it */
} program;

/* ---- Starting ---- */

/* A plain command takes the shell's place, so that signals and exit codes are its own. */
static const char *shell_command(lp_arena *arena, const char *command) {
  const size_t word = strcspn(command, " \t");
  const bool plain = strpbrk(command, ";&|<>(){}`!\n") == NULL && memchr(command, '=', word) == NULL;
  return lp_arena_format(arena, "%s%s", plain ? "exec " : "", command);
}

/* WHY, and how what it wrote begins. */
static void explain_garbage(char why[REASON_MAX], const char *reason, const unsigned char *bytes, size_t size) {
  char shown[QUOTED_BYTES + 1];
  const size_t n = size < QUOTED_BYTES ? size : QUOTED_BYTES;
  for (size_t i = 0; i < n; i++) shown[i] = (char)(isprint(bytes[i]) ? bytes[i] : '?');
  shown[n] = 0;
  snprintf(why, REASON_MAX, "%.105s: \"%s%s\"", reason, shown, size > n ? "..." : "");
}

/* ---- The greeting ---- */

typedef struct greeting {
  lp_manifest *manifest;
  lp_arena *arena;
  lp_status status;
} greeting;

static bool take_greeting(void *context, int k, const unsigned char *bytes, size_t size, char why[REASON_MAX]) {
  greeting *g = context;
  lp_error error;
  (void)k;
  g->status = lp_json_read_greeting(g->manifest, g->arena, (const char *)bytes, size, &error);
  if (g->status != LP_OK) explain_garbage(why, error.message, bytes, size);
  return g->status == LP_OK;
}

static lp_status greet(const program *p, lp_worker *worker, greeting *g, lp_error *error) {
  char *text = NULL;
  size_t size = 0;
  lp_worker_end end;
  FILE *out = open_memstream(&text, &size);
  if (!out) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  lp_json_write_greeting(out, LOSSPROOF_VERSION);
  putc('\n', out);
  if (fclose(out) != 0) {
    free(text);
    return lp_fail(error, LP_NO_MEMORY, "out of memory");
  }
  const lp_message message = {(const unsigned char *)text, size};
  lp_worker_exchange(worker, &end, &message, 1, p->spec.limits.load_timeout, take_greeting, g);
  free(text);
  if (end.conduct == LP_CONDUCT_GOOD) return LP_OK;
  const lp_status status = end.conduct == LP_CONDUCT_GARBAGE ? LP_INVALID : LP_IO;
  return lp_fail(error, status, "no greeting from exec:%.100s: %s", p->command, end.text);
}

/* A worker that has shaken hands. A new one may not have changed its mind: what it declares is not read again. */
static lp_status take_worker(const program *p, lp_worker **worker, lp_error *error) {
  bool fresh;
  lp_manifest again;
  LP_TRY(lp_workers_take(p->workers, worker, &fresh, error));
  if (!fresh) return LP_OK;
  greeting g = {.manifest = &again, .arena = lp_arena_new(0), .status = LP_OK};
  const lp_status status = g.arena ? greet(p, *worker, &g, error) : lp_fail(error, LP_NO_MEMORY, "out of memory");
  lp_arena_free(g.arena);
  if (status != LP_OK) lp_workers_give_back(p->workers, *worker, false);
  return status;
}

static lp_status greet_first(program *p, lp_manifest *manifest, lp_arena *arena, lp_error *error) {
  lp_worker *worker;
  bool fresh;
  greeting g = {.manifest = manifest, .arena = arena, .status = LP_OK};
  LP_TRY(lp_workers_take(p->workers, &worker, &fresh, error));
  const lp_status status = greet(p, worker, &g, error);
  lp_workers_give_back(p->workers, worker, status == LP_OK);
  return status;
}

static void close_program(void *state) {
  program *p = state;
  lp_workers_free(p->workers);
  free(p);
}

static lp_status open_program(void **state, lp_manifest *manifest, lp_arena *arena, const char *rest,
                              const lp_candidate_options *options, lp_error *error) {
  if (rest[strspn(rest, " \t\n")] == 0) return lp_fail(error, LP_INVALID, "exec: expected a command, exec:COMMAND");
  program *p = calloc(1, sizeof *p);
  const char *command = shell_command(arena, rest);
  if (!p || !command) {
    free(p);
    return lp_fail(error, LP_NO_MEMORY, "out of memory");
  }
  *p = (program){.argv = {"sh", "-c", command, NULL}, .command = rest, .manifest = manifest};
  p->spec = (lp_worker_spec){.program = "/bin/sh",
                             .argv = p->argv,
                             .framing = LP_FRAME_LINES,
                             .hears_on = 0,
                             .answers_on = 1,
                             .longest_answer = LONGEST_ANSWER,
                             .limits = *options};
  lp_status status = lp_workers_new(&p->workers, &p->spec, error);
  if (status == LP_OK) status = greet_first(p, manifest, arena, error);
  if (status != LP_OK) close_program(p);
  *state = p;
  return status;
}

/* ---- Questions ---- */

/* A group of questions and where their answers go. */
typedef struct group {
  const lp_case *const *cases;
  const lp_plan *plans; /* of each case */
  const bool *is_right; /* of each case: its plan is valid; else it must be rejected */
  lp_message *messages;
  lp_answer *answers;
  lp_arena *arena;
  int n;
  int first; /* of those that are being put */
  lp_status status;
} group;

/* What a right answer holds; of a case that must be rejected, what it would hold as far as that can be said. */
static lp_outcome outputs_of(const lp_plan *plan, bool is_right) {
  const lp_case *c = plan->c;
  if (is_right) return plan->outcome;
  lp_outcome all = {.message = "", .n_outputs = 1, .outputs[0] = {LP_OUTPUT_LOSS, {.dtype = c->dtype}}};
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!c->has_input[i] || !c->loss->inputs[i].differentiable || !lp_dtype_is_floating(c->inputs[i].dtype)) continue;
    all.outputs[all.n_outputs++] = (lp_output){i, {.dtype = c->inputs[i].dtype}};
  }
  return all;
}

static lp_outcome outputs_wanted(const lp_manifest *manifest, const lp_plan *plan, bool is_right) {
  const lp_outcome all = outputs_of(plan, is_right);
  lp_outcome wanted = {.message = ""};
  for (int k = 0; k < all.n_outputs; k++) {
    if (lp_manifest_wants(manifest, plan->c->loss, all.outputs[k].input)) {
      wanted.outputs[wanted.n_outputs++] = all.outputs[k];
    }
  }
  return wanted;
}

/* An answer in other dtypes than were asked for is none, whatever its numbers are. */
static bool has_right_dtypes(const lp_outcome *outcome, const lp_plan *plan, const lp_loss *loss, char *why,
                             size_t capacity) {
  for (int i = 0; i < outcome->n_outputs; i++) {
    const lp_output *got = &outcome->outputs[i], *want = lp_outcome_find(&plan->outcome, got->input);
    char name[LP_NAME_MAX];
    if (!want || want->tensor.dtype == got->tensor.dtype) continue;
    snprintf(why, capacity, "%s: expected %s, got %s", lp_output_name(name, loss, got->input),
             lp_dtype_name(want->tensor.dtype), lp_dtype_name(got->tensor.dtype));
    return false;
  }
  return true;
}

static bool take_answer(void *context, int k, const unsigned char *bytes, size_t size, char why[REASON_MAX]) {
  group *g = context;
  const int i = g->first + k;
  const lp_case *c = g->cases[i];
  const lp_outcome *layout = g->is_right[i] ? &g->plans[i].outcome : NULL;
  lp_answer *answer = &g->answers[i];
  lp_error error;
  *answer = (lp_answer){.conduct_text = ""};
  const lp_status status =
      lp_json_read_answer(&answer->outcome, g->arena, c, layout, (const char *)bytes, size, &error);
  if (status != LP_OK) {
    if (status != LP_INVALID) g->status = status;
    explain_garbage(why, error.message, bytes, size);
    return false;
  }
  if (layout && !has_right_dtypes(&answer->outcome, &g->plans[i], c->loss, why, REASON_MAX)) {
    const char *text = lp_arena_text(g->arena, why, strlen(why));
    lp_answer_died(answer, LP_CONDUCT_GARBAGE, text ? text : "an output of another dtype");
  }
  return true;
}

/* Puts questions first .. first+n-1 to one program. */
static lp_status put(const program *p, group *g, int first, int n, lp_worker_end *end, lp_error *error) {
  lp_worker *worker;
  LP_TRY(take_worker(p, &worker, error));
  g->first = first;
  lp_worker_exchange(worker, end, g->messages + first, n, p->spec.limits.timeout, take_answer, g);
  lp_workers_give_back(p->workers, worker, end->conduct == LP_CONDUCT_GOOD);
  return g->status == LP_OK ? LP_OK : lp_fail(error, g->status, "out of memory over an answer");
}

static lp_status blame(group *g, int i, const lp_worker_end *end, lp_error *error) {
  const char *text = lp_arena_text(g->arena, end->text, strlen(end->text));
  if (!text) return lp_fail(error, LP_NO_MEMORY, "out of memory over an answer");
  lp_answer_died(&g->answers[i], end->conduct, text);
  return LP_OK;
}

/* The program died with the answers to first .. first+n-1 open. *done: how many of them have one now. */
static lp_status find_culprit(const program *p, group *g, int first, int n, const lp_worker_end *death, int *done,
                              lp_error *error) {
  for (*done = 0; *done < n;) {
    lp_worker_end end;
    const int i = first + (*done)++;
    LP_TRY(put(p, g, i, 1, &end, error));
    if (end.conduct != LP_CONDUCT_GOOD) return blame(g, i, &end, error);
  }
  return blame(g, first, death, error);
}

static lp_status put_all(const program *p, group *g, lp_error *error) {
  for (int first = 0; first < g->n;) {
    lp_worker_end end;
    const int n = g->n - first;
    LP_TRY(put(p, g, first, n, &end, error));
    first += end.answered;
    if (end.conduct == LP_CONDUCT_GOOD) continue;
    int done = 1;
    if (n == 1) {
      LP_TRY(blame(g, first, &end, error));
    } else {
      LP_TRY(find_culprit(p, g, first, n - end.answered, &end, &done, error));
    }
    first += done;
  }
  return LP_OK;
}

/* ---- Groups ---- */

static lp_status write_questions(const program *p, const lp_plan *plans, const bool *is_right, int n, FILE *out,
                                 long ends[GROUP], lp_error *error) {
  for (int i = 0; i < n; i++) {
    const lp_outcome wanted = outputs_wanted(p->manifest, &plans[i], is_right[i]);
    LP_TRY(lp_json_write_question(out, plans[i].c, &wanted, error));
    putc('\n', out);
    ends[i] = ftell(out);
  }
  return LP_OK;
}

static void cut_messages(lp_message messages[GROUP], const char *text, const long ends[GROUP], int n) {
  for (int i = 0; i < n; i++) {
    const long begin = i == 0 ? 0 : ends[i - 1];
    messages[i] = (lp_message){(const unsigned char *)text + begin, (size_t)(ends[i] - begin)};
  }
}

static lp_status ask_group(const program *p, lp_answer *answers, lp_arena *arena, const lp_case *const *cases, int n,
                           lp_error *error) {
  lp_plan plans[GROUP];
  bool is_right[GROUP];
  lp_message messages[GROUP];
  long ends[GROUP];
  char *text = NULL;
  size_t size = 0;
  for (int i = 0; i < n; i++) is_right[i] = lp_plan_init(&plans[i], cases[i], NULL) == LP_OK;
  FILE *out = open_memstream(&text, &size);
  if (!out) return lp_fail(error, LP_NO_MEMORY, "out of memory over a question");
  lp_status status = write_questions(p, plans, is_right, n, out, ends, error);
  if (fclose(out) != 0 && status == LP_OK) status = lp_fail(error, LP_NO_MEMORY, "out of memory over a question");
  if (status == LP_OK) {
    cut_messages(messages, text, ends, n);
    group g = {cases, plans, is_right, messages, answers, arena, n, 0, LP_OK};
    status = put_all(p, &g, error);
  }
  free(text);
  return status;
}

static lp_status ask_program(void *state, lp_answer *answers, lp_arena *arena, const lp_case *const *cases, int n,
                             lp_error *error) {
  for (int first = 0; first < n; first += GROUP) {
    const int count = n - first < GROUP ? n - first : GROUP;
    LP_TRY(ask_group(state, answers + first, arena, cases + first, count, error));
  }
  return LP_OK;
}

const lp_door lp_door_exec = {"exec:", false, open_program, ask_program, close_program};
