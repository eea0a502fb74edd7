#include "tools/fuzz_report.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "fuzz/codec.h"
#include "fuzz/engine.h"
#include "fuzz/minimize.h"
#include "fuzz/recurs.h"
#include "golden/json.h"
#include "reports/numbers.h"
#include "reports/paint.h"
#include "reports/reproducer.h"
#include "tools/finding_files.h"

enum { SECONDS_A_FINDING = 20, TRIES_A_FINDING = 2000, PATH = 4200 };

static const char *candidate_name(const lp_fuzz_report *t) {
  return t->candidate ? lp_candidate_name(t->candidate) : "reference";
}

static lp_status decode(lp_case *c, lp_arena *arena, const lp_fuzz_report *t, const lp_quarry *input, lp_error *error) {
  const lp_fuzz_subject subject = {.loss = t->order->loss, .dtypes = t->order->dtypes};
  bool wanted;
  return lp_engine_decode(c, &wanted, arena, &subject, input->bytes, input->size, error);
}

static long long elements(const lp_case *c) {
  long long n = c->has_grad_output ? (long long)c->grad_output.numel : 0;
  for (int i = 0; i < c->loss->n_inputs; i++) n += c->has_input[i] ? (long long)c->inputs[i].numel : 0;
  return n;
}

/* --- findings made small ---------------------------------------------------------------------------------------- */

typedef struct minimizing {
  lp_recurrence recurrence;
  const lp_fuzz_report *report;
  double until;
} minimizing;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Out of time, no case fails any more: what is small by then stays. */
static bool still_fails(void *context, const lp_case *c) {
  minimizing *m = context;
  if (now() > m->until || m->report->interrupted()) return false;
  return lp_recurs(&m->recurrence, c);
}

typedef struct small_finding {
  lp_case c; /* in the arena */
  char text[LP_PROBE_TEXT];
  long long before, after; /* elements */
  bool recurs;             /* false: it showed once, and the case is as it was found */
} small_finding;

static lp_status make_small(small_finding *s, lp_arena *arena, const lp_fuzz_report *t, const lp_hunted *f,
                            lp_error *error) {
  minimizing m = {.report = t, .until = now() + SECONDS_A_FINDING};
  lp_probe_result found;
  lp_minimized smallest;
  lp_case c;
  m.recurrence = (lp_recurrence){.candidate = t->candidate, .how = t->how};
  memcpy(m.recurrence.signature, f->signature, sizeof m.recurrence.signature);
  LP_TRY(decode(&c, arena, t, &f->input, error));
  *s = (small_finding){.c = c, .before = elements(&c), .after = elements(&c)};
  memcpy(s->text, f->text, sizeof s->text);
  LP_TRY(lp_recurrence_find(&m.recurrence, &s->recurs, &found, &c, error));
  if (!s->recurs) return LP_OK;
  LP_TRY(lp_minimize(&smallest, arena, &c, still_fails, &m, TRIES_A_FINDING, error));
  if (m.recurrence.status != LP_OK) return lp_fail(error, m.recurrence.status, "%s", m.recurrence.error.message);
  if (smallest.fails) s->c = smallest.c;
  s->after = elements(&s->c);
  memcpy(s->text, m.recurrence.text, sizeof s->text);
  return LP_OK;
}

/* --- the line of JSON ------------------------------------------------------------------------------------------- */

static void json_text(FILE *out, const char *key, const char *text) {
  fprintf(out, "\"%s\": ", key);
  lp_json_write_text(out, text);
}

static lp_status json_case(FILE *out, const lp_case *c, lp_error *error) {
  fprintf(out, ", \"case\": ");
  return lp_json_write_case(out, c, NULL, LP_JSON_READABLE, error);
}

static void json_begin(const lp_fuzz_report *t) {
  const lp_hunt_result *r = t->result;
  const lp_loss *loss = t->order->loss;
  const char *comma = "";
  fprintf(t->json, "{");
  json_text(t->json, "candidate", candidate_name(t));
  fprintf(t->json, ", ");
  json_text(t->json, "loss", loss->name);
  fprintf(t->json, ", \"seed\": %u, \"seconds\": %.1f, \"executions\": %lld, \"asked\": %lld, \"accepted\": %lld, ",
          t->order->seed, r->seconds, r->executions, r->asked, r->accepted);
  fprintf(t->json, "\"died\": %d, \"interrupted\": %s, \"regimes\": [", r->died, r->interrupted ? "true" : "false");
  for (int i = 0; i < loss->n_regimes; i++) {
    if (!(r->regimes >> i & 1u)) continue;
    fprintf(t->json, "%s", comma);
    lp_json_write_text(t->json, loss->regimes[i].name);
    comma = ", ";
  }
  fprintf(t->json, "], \"regimes_of\": %d", loss->n_regimes);
}

static lp_status json_finding(FILE *out, const lp_hunted *f, const small_finding *s, const char *comma,
                              lp_error *error) {
  fprintf(out, "%s{", comma);
  json_text(out, "signature", f->signature);
  fprintf(out, ", ");
  json_text(out, "text", s->text);
  fprintf(out, ", \"executions\": %lld, \"seconds\": %.2f, \"recurs\": %s", f->executions, f->seconds,
          s->recurs ? "true" : "false");
  LP_TRY(json_case(out, &s->c, error));
  fprintf(out, "}");
  return LP_OK;
}

/* --- the summary ------------------------------------------------------------------------------------------------ */

static void heading(lp_style style, const char *name) {
  printf("  %s%-11s%s ", lp_paint_start(style, LP_DIM), name, lp_paint_stop(style));
}

static void show_numbers(const lp_fuzz_report *t, lp_style style) {
  const lp_hunt_result *r = t->result;
  const char *comma = "";
  printf("%s%s%s  %s", lp_paint_start(style, LP_BOLD), t->order->loss->name, lp_paint_stop(style), candidate_name(t));
  for (int d = 0; d < LP_DTYPE_COUNT; d++) {
    if (!(t->order->dtypes >> d & 1u)) continue;
    printf("%s%s", *comma ? comma : ", ", lp_dtype_name((lp_dtype)d));
    comma = "/";
  }
  printf(", profile %s, seed %u\n", lp_profile_name(t->how.profile), t->order->seed);
  heading(style, "executions");
  printf("%lld in %.1f s, %.0f a second; asked %lld, to be accepted %lld\n", r->executions, r->seconds,
         (double)r->executions / fmax(r->seconds, 0.001), r->asked, r->accepted);
}

static void show_regimes(const lp_fuzz_report *t, lp_style style) {
  const lp_loss *loss = t->order->loss;
  int reached = 0;
  for (int i = 0; i < loss->n_regimes; i++) reached += (t->result->regimes >> i & 1u) != 0;
  heading(style, "regimes");
  printf("%d of %d", reached, loss->n_regimes);
  const char *before = "; not reached: ";
  for (int i = 0; i < loss->n_regimes; i++) {
    if (t->result->regimes >> i & 1u) continue;
    printf("%s%s", before, loss->regimes[i].name);
    before = ", ";
  }
  printf("\n");
}

static lp_status write_worst(const lp_fuzz_report *t, const lp_worst *w, const char *output, char path[PATH],
                             lp_error *error) {
  char name[LP_FINDING_NAME], folder[PATH], id[LP_FINDING_NAME + 16];
  lp_case c;
  snprintf(folder, sizeof folder, "%s/worst", t->folder);
  snprintf(id, sizeof id, "worst/%s-%s", t->order->loss->name, lp_finding_name(name, output));
  if (snprintf(path, PATH, "%s/%s.json", t->folder, id) >= PATH) {
    return lp_fail(error, LP_INVALID, "%.64s...: the path is too long", t->folder);
  }
  if (mkdir(folder, 0777) != 0 && errno != EEXIST) return lp_fail(error, LP_IO, "%s: %s", folder, strerror(errno));
  lp_arena *arena = lp_arena_new(0);
  if (!arena) return lp_fail(error, LP_NO_MEMORY, "no memory for the worst case of an output");
  lp_status status = decode(&c, arena, t, &w->input, error);
  c.id = id;
  if (status == LP_OK) status = lp_write_reproducer(path, &c, &t->how, error);
  if (status == LP_OK && t->json) status = json_case(t->json, &c, error);
  lp_arena_free(arena);
  return status;
}

static lp_status show_worst(const lp_fuzz_report *t, lp_style style, lp_error *error) {
  const char *comma = "";
  if (t->json) fprintf(t->json, ", \"worst\": [");
  for (int k = 0; k <= t->order->loss->n_inputs; k++) {
    const lp_worst *w = &t->result->worst[k];
    char output[LP_NAME_MAX], path[PATH];
    if (w->ratio < 0.0) continue;
    lp_output_name(output, t->order->loss, k - 1);
    if (t->json) {
      fprintf(t->json, "%s{\"output\": \"%s\", \"index\": %lld, \"ratio\": \"%a\"", comma, output, w->index, w->ratio);
    }
    LP_TRY(write_worst(t, w, output, path, error));
    if (t->json) fprintf(t->json, "}");
    heading(style, *comma ? "" : "worst error");
    printf("%-18s %.3g of the budget  %s\n", output, w->ratio, path);
    comma = ", ";
  }
  if (t->json) fprintf(t->json, "]");
  return LP_OK;
}

static void show_finding(const lp_fuzz_report *t, const lp_hunted *f, const small_finding *s, lp_style style) {
  char name[LP_FINDING_NAME];
  printf("\n  %s%s%s\n", lp_paint_start(style, LP_RED), f->signature, lp_paint_stop(style));
  heading(style, "  found");
  printf("after %lld executions, %.1f s", f->executions, f->seconds);
  if (!s->recurs) {
    printf("; it did not show again when asked alone\n");
  } else if (s->after < s->before) {
    printf("; %lld numbers made of %lld\n", s->after, s->before);
  } else {
    printf("; %lld numbers\n", s->after);
  }
  heading(style, "  what");
  lp_write_line(stdout, s->text, LP_PROBE_TEXT);
  printf("\n");
  heading(style, "  replay");
  lp_finding_name(name, f->signature);
  printf("lossproof replay ");
  char path[PATH];
  snprintf(path, sizeof path, "%s/%s.json", t->folder, name);
  lp_write_word(stdout, path);
  printf(" --with ");
  lp_write_word(stdout, candidate_name(t));
  printf("\n");
}

static lp_status tell_finding(const lp_fuzz_report *t, const lp_hunted *f, const char *comma, lp_style style,
                              lp_error *error) {
  small_finding s;
  lp_arena *arena = lp_arena_new(0);
  if (!arena) return lp_fail(error, LP_NO_MEMORY, "no memory for a finding");
  lp_status status = make_small(&s, arena, t, f, error);
  if (status == LP_OK) status = lp_write_finding(t->folder, f->signature, s.text, &s.c, &t->how, error);
  if (status == LP_OK) show_finding(t, f, &s, style);
  if (status == LP_OK && t->json) status = json_finding(t->json, f, &s, comma, error);
  lp_arena_free(arena);
  return status;
}

static lp_status tell_findings(const lp_fuzz_report *t, lp_style style, lp_error *error) {
  const lp_hunt_result *r = t->result;
  heading(style, "findings");
  printf("%d kind%s", r->n_findings, r->n_findings == 1 ? "" : "s");
  if (r->n_findings > 0) printf(", each as .json, .h5 and .py in %s", t->folder);
  printf("\n");
  if (t->json) fprintf(t->json, ", \"findings\": [");
  for (int i = 0; i < r->n_findings; i++) LP_TRY(tell_finding(t, &r->findings[i], i > 0 ? ", " : "", style, error));
  if (t->json) fprintf(t->json, "]}\n");
  printf("\n");
  return LP_OK;
}

static void show_troubles(const lp_hunt_result *r, const lp_fuzz_report *t) {
  if (r->died > 0) {
    printf("  THE HARNESS ITSELF DIED %d time%s: %s; the inputs are %s/harness-*\n", r->died, r->died == 1 ? "" : "s",
           r->end, t->folder);
  }
  if (*r->message) {
    printf("  gave up: ");
    lp_write_line(stdout, r->message, LP_MESSAGE_MAX);
    printf("\n");
  }
  if (r->interrupted) printf("  interrupted\n");
}

lp_status lp_fuzz_tell(const lp_fuzz_report *t, lp_error *error) {
  const lp_style style = lp_style_for(stdout);
  if (t->json) json_begin(t);
  show_numbers(t, style);
  show_regimes(t, style);
  LP_TRY(show_worst(t, style, error));
  show_troubles(t->result, t);
  return tell_findings(t, style, error);
}
