#include "reports/answers.h"

#include "harness/examine.h"

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

static void answer_case(FILE *out, const lp_case *c, lp_candidate *with, int *invalid) {
  lp_error error = {.message = "out of memory"};
  lp_examination e;
  lp_arena *arena = lp_arena_new(0);
  const lp_status status = arena ? lp_examine(&e, arena, c, &error) : LP_NO_MEMORY;
  if (status == LP_OK) {
    write_outcome(out, c->loss, &e.reference);
    if (with) write_with(out, with, arena, c);
  } else {
    ++*invalid;
    write_field(out, "status", "invalid");
    write_field(out, "message", error.message);
  }
  lp_arena_free(arena);
}

static void answer(FILE *out, const lp_suite_entry *entry, lp_candidate *with, int *invalid) {
  fputs("{\"id\": ", out);
  lp_json_write_text(out, entry->c.id);
  if (entry->status == LP_OK) {
    answer_case(out, &entry->c, with, invalid);
  } else {
    ++*invalid;
    write_field(out, "status", "invalid");
    write_field(out, "message", entry->message);
  }
  fputc('}', out);
}

int lp_write_answers(FILE *out, const lp_suite *suite, lp_json_shape shape, lp_candidate *with) {
  int invalid = 0;
  if (shape == LP_JSON_LIST) fputc('[', out);
  for (int i = 0; i < suite->count; i++) {
    if (i > 0) fputs(shape == LP_JSON_LIST ? ",\n " : "\n", out);
    answer(out, &suite->entries[i], with, &invalid);
  }
  if (shape == LP_JSON_LIST) fputc(']', out);
  if (suite->count > 0 || shape == LP_JSON_LIST) fputc('\n', out);
  return invalid;
}
