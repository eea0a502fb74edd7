#include "reports/answers.h"

#include <math.h>

#include "harness/examine.h"
#include "reference/exact/round.h"

typedef struct writer {
  FILE *out;
  bool exact;
  lp_candidate *with;
  int invalid;
} writer;

static void write_field(FILE *out, const char *name, const char *value) {
  fprintf(out, ", \"%s\": ", name);
  lp_json_write_text(out, value);
}

static void write_outcome(FILE *out, const lp_loss *loss, const lp_outcome *o) {
  write_field(out, "status", lp_outcome_kind_name(o->kind));
  if (o->kind != LP_OUTCOME_OK) {
    write_field(out, "message", o->message);
    return;
  }
  fputs(", ", out);
  lp_json_write_outputs(out, loss, o);
}

/* --- exact values ------------------------------------------------------------------------------------------- */

static void write_number(FILE *out, double x) {
  const lp_tensor scalar = {.dtype = LP_FLOAT64, .numel = 1, .f64 = &x};
  lp_json_write_tensor(out, &scalar);
}

static void write_enclosure(FILE *out, const lp_exact_number *n, lp_dtype dtype) {
  double low, high;
  lp_exact_ends(&low, &high, n, dtype);
  if (low == high || isnan(low)) {
    write_number(out, low);
    return;
  }
  fputs("{\"lo\": ", out);
  write_number(out, low);
  fputs(", \"hi\": ", out);
  write_number(out, high);
  fputc('}', out);
}

/* Nested lists from axis `axis` on, as lp_json_write_tensor writes them; returns the element after the last one. */
static int64_t write_axis(FILE *out, const lp_exact_output *o, int axis, int64_t at) {
  if (axis == o->layout.rank) {
    write_enclosure(out, &o->numbers[at], o->layout.dtype);
    return at + 1;
  }
  fputc('[', out);
  for (int64_t i = 0; i < o->layout.shape[axis]; i++) {
    if (i > 0) fputc(',', out);
    at = write_axis(out, o, axis + 1, at);
  }
  fputc(']', out);
  return at;
}

static void write_exact(FILE *out, const lp_loss *loss, const lp_exact *exact) {
  fputs(", \"exact\": {\"loss\": ", out);
  write_axis(out, &exact->outputs[0], 0, 0);
  fputs(", \"grad\": {", out);
  for (int k = 1; k < exact->n_outputs; k++) {
    if (k > 1) fputs(", ", out);
    lp_json_write_text(out, loss->inputs[exact->outputs[k].input].name);
    fputs(": ", out);
    write_axis(out, &exact->outputs[k], 0, 0);
  }
  fputs("}}", out);
}

/* --- answers ------------------------------------------------------------------------------------------------ */

static void write_with(FILE *out, lp_candidate *with, lp_arena *arena, const lp_case *c) {
  lp_outcome outcome;
  lp_error error;
  if (lp_candidate_answer(with, &outcome, arena, c, &error) != LP_OK) {
    outcome = (lp_outcome){.kind = LP_OUTCOME_CRASHED, .message = error.message};
  }
  fputs(", \"with\": {\"candidate\": ", out);
  lp_json_write_text(out, lp_candidate_name(with));
  write_outcome(out, c->loss, &outcome);
  fputc('}', out);
}

static void refuse(writer *w, const char *message) {
  w->invalid++;
  write_field(w->out, "status", "invalid");
  write_field(w->out, "message", message);
}

static void answer_case(writer *w, const lp_case *c) {
  const lp_exact_options plain = {.no_kinks = true};
  lp_error error = {.message = "out of memory"};
  lp_examination e = {.has_exact = false};
  lp_arena *arena = lp_arena_new(0);
  lp_status status = LP_NO_MEMORY;
  if (arena) status = w->exact ? lp_examine_rounded(&e, arena, c, &plain, &error) : lp_examine(&e, arena, c, &error);
  if (status == LP_OK) {
    write_outcome(w->out, c->loss, &e.reference);
    if (e.has_exact) write_exact(w->out, c->loss, &e.exact);
    if (w->with) write_with(w->out, w->with, arena, c);
    lp_examination_clear(&e);
  } else {
    refuse(w, error.message);
  }
  lp_arena_free(arena);
}

static void answer(writer *w, const lp_suite_entry *entry) {
  fputs("{\"id\": ", w->out);
  lp_json_write_text(w->out, entry->c.id);
  if (entry->status == LP_OK) {
    answer_case(w, &entry->c);
  } else {
    refuse(w, entry->message);
  }
  fputc('}', w->out);
}

int lp_write_answers(FILE *out, const lp_suite *suite, lp_json_shape shape, bool exact, lp_candidate *with) {
  writer w = {.out = out, .exact = exact, .with = with};
  if (shape == LP_JSON_LIST) fputc('[', out);
  for (int i = 0; i < suite->count; i++) {
    if (i > 0) fputs(shape == LP_JSON_LIST ? ",\n " : "\n", out);
    answer(&w, &suite->entries[i]);
  }
  if (shape == LP_JSON_LIST) fputc(']', out);
  if (suite->count > 0 || shape == LP_JSON_LIST) fputc('\n', out);
  return w.invalid;
}
