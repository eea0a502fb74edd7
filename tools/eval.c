/* eval FILE|-: the right value and gradient of every case in a JSON text, in the same kind of text and order. */
#include <string.h>

#include "golden/json.h"
#include "harness/candidate.h"
#include "harness/examine.h"
#include "tools/cli.h"
#include "tools/shared.h"

typedef struct tally {
  int invalid, faults;
} tally;

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

static void answer_case(FILE *out, const lp_case *c, lp_candidate *with, tally *t) {
  lp_error error = {.message = "out of memory"};
  lp_examination e;
  lp_arena *arena = lp_arena_new(0);
  const lp_status status = arena ? lp_examine(&e, arena, c, &error) : LP_NO_MEMORY;
  if (status == LP_OK) {
    write_outcome(out, c->loss, &e.reference);
    if (with) write_with(out, with, arena, c);
  } else {
    t->invalid++;
    write_field(out, "status", "invalid");
    write_field(out, "message", error.message);
  }
  lp_arena_free(arena);
}

static void answer(FILE *out, const lp_suite_entry *entry, lp_candidate *with, tally *t) {
  fputs("{\"id\": ", out);
  lp_json_write_text(out, entry->c.id);
  if (entry->status == LP_OK) {
    answer_case(out, &entry->c, with, t);
  } else {
    t->invalid++;
    write_field(out, "status", "invalid");
    write_field(out, "message", entry->message);
  }
  fputc('}', out);
}

static void answer_all(FILE *out, const lp_suite *suite, lp_json_shape shape, lp_candidate *with, tally *t) {
  if (shape == LP_JSON_LIST) fputc('[', out);
  for (int i = 0; i < suite->count; i++) {
    if (i > 0) fputs(shape == LP_JSON_LIST ? ",\n " : "\n", out);
    answer(out, &suite->entries[i], with, t);
  }
  if (shape == LP_JSON_LIST) fputc(']', out);
  if (suite->count > 0 || shape == LP_JSON_LIST) fputc('\n', out);
}

static int eval_file(const char *path, const char *output, lp_candidate *with) {
  lp_error error;
  lp_suite suite = {0};
  lp_json_shape shape;
  tally t = {0};
  int exit_code = LP_EXIT_USAGE;
  if (lp_suite_init(&suite, &error) != LP_OK || lp_json_read_file(&suite, &shape, path, &error) != LP_OK) {
    exit_code = lp_cli_fail(&error);
    goto done;
  }
  FILE *out = lp_open_output(output);
  if (!out) goto done;
  answer_all(out, &suite, shape, with, &t);
  exit_code = lp_close_output(out, output);
  if (exit_code == 0 && t.invalid > 0) exit_code = LP_EXIT_USAGE;
done:
  if (suite.arena) lp_suite_clear(&suite);
  return exit_code;
}

int lp_verb_eval(int argc, char **argv) {
  const char *with_name = NULL, *output = "-", *profile = NULL;
  bool no_exact = false;
  const lp_flag flags[] = {
      {"o", LP_FLAG_TEXT, &output, "FILE", "write there instead of standard output"},
      {"with", LP_FLAG_TEXT, &with_name, "CANDIDATE", "add that candidate's outcome under \"with\""},
      {"profile", LP_FLAG_TEXT, &profile, "NAME", "pytorch (default)"},
      {"no-exact", LP_FLAG_SWITCH, &no_exact, NULL, "leave out \"exact\" (this version never writes it)"},
  };
  const lp_command command = {
      "eval FILE|- [options]",
      "Answers every case of a JSON object, list or JSON Lines with the true value and every gradient, in the same\n"
      "order. A case that PyTorch would refuse is answered \"rejected\", one that is no case \"invalid\".\n"
      "Exit code 0 when every case is ok or rejected, 2 when one is invalid or the text is not JSON.",
      flags,
      sizeof flags / sizeof flags[0],
      1,
      1};
  const char *path;
  int n, exit_code;
  lp_error error;
  lp_candidate *with = NULL;
  if (lp_cli_parse(&command, argc, argv, &path, &n, &exit_code) == LP_CLI_STOP) return exit_code;
  if (!lp_profile_known(profile)) return LP_EXIT_USAGE;
  if (with_name && lp_candidate_open(&with, with_name, &error) != LP_OK) {
    lp_cli_fail(&error);
    return LP_EXIT_NO_CANDIDATE;
  }
  exit_code = eval_file(path, output, with);
  lp_candidate_close(with);
  return exit_code;
}
