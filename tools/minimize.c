/* minimize FILE: a failing case as small as it gets, with the same signature. */
#include <errno.h>
#include <string.h>

#include "fuzz/codec.h"
#include "fuzz/minimize.h"
#include "fuzz/recurs.h"
#include "golden/json.h"
#include "reports/elements.h"
#include "reports/numbers.h"
#include "reports/reproducer.h"
#include "tools/cli.h"
#include "tools/finding_files.h"
#include "tools/one_case.h"
#include "tools/shared.h"

typedef struct options {
  const char *file, *id, *candidate, *signature, *output, *dtype, *loss, *profile;
  int tries;
  lp_judging how;
  lp_isolation isolation;
} options;

/* --- which case --------------------------------------------------------------------------------------------------- */

static lp_status read_whole(uint8_t **bytes, size_t *size, lp_arena *arena, const char *path, lp_error *error) {
  FILE *in = fopen(path, "rb");
  if (!in) return lp_fail(error, LP_IO, "%s: %s", path, strerror(errno));
  *bytes = lp_arena_alloc(arena, LP_FUZZ_MAX_BYTES + 1, 1);
  *size = *bytes ? fread(*bytes, 1, LP_FUZZ_MAX_BYTES + 1, in) : 0;
  const bool failed = ferror(in) != 0;
  fclose(in);
  if (!*bytes) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  if (failed) return lp_fail(error, LP_IO, "%s: could not be read", path);
  if (*size <= LP_FUZZ_MAX_BYTES) return LP_OK;
  return lp_fail(error, LP_INVALID, "%s: expected a fuzzer's input, at most %d bytes", path, LP_FUZZ_MAX_BYTES);
}

static lp_status read_bytes(lp_suite *suite, const options *o, const lp_loss *loss, lp_error *error) {
  uint8_t *bytes = NULL;
  size_t size = 0;
  LP_TRY(read_whole(&bytes, &size, suite->arena, o->file, error));
  lp_suite_entry *entry = lp_suite_add(suite);
  if (!entry) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  *entry = (lp_suite_entry){.message = ""};
  return lp_case_decode(&entry->c, suite->arena, loss, bytes, size, error);
}

static lp_status read_cases(lp_suite *suite, const options *o, const lp_loss *loss, lp_error *error) {
  LP_TRY(lp_suite_init(suite, error));
  if (loss) return read_bytes(suite, o, loss, error);
  const lp_status status = lp_suite_read(suite, o->file, error);
  if (status == LP_INVALID) fprintf(stderr, "lossproof: (the bytes of a fuzzer's input need --loss)\n");
  return status;
}

/* The case of the name given, or the only one; NULL, with a complaint, when there is none. */
static lp_suite_entry *choose(lp_suite *suite, const options *o) {
  if (!o->id && suite->count == 1) return &suite->entries[0];
  if (!o->id) {
    lp_cli_complain("minimize: %s holds %d cases: say which, with --case ID", o->file, suite->count);
    return NULL;
  }
  const lp_suite_entry *found = lp_case_by_id(suite, o->id);
  if (!found) lp_complain_of_id("minimize", suite, o->id);
  return found ? &suite->entries[found - suite->entries] : NULL;
}

/* --- what it came to ---------------------------------------------------------------------------------------------- */

static void write_sizes(const lp_case *c) {
  char shape[LP_PLACE_TEXT];
  printf("%s, reduction=%s", lp_dtype_name(c->dtype), c->reduction_word);
  for (int i = 0; i < c->loss->n_params; i++) {
    char number[LP_DECIMAL_TEXT];
    if (c->params[i] == c->loss->params[i].fallback) continue;
    printf(", %s=%s", c->loss->params[i].name, lp_decimal(number, c->params[i], LP_FLOAT64));
  }
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!c->has_input[i]) continue;
    printf(", %s %s", c->loss->inputs[i].name, lp_tensor_shape_text(shape, sizeof shape, &c->inputs[i]));
  }
  if (c->has_grad_output) printf(", grad_output %s", lp_tensor_shape_text(shape, sizeof shape, &c->grad_output));
  printf("\n");
}

static void write_line(lp_style style, const char *name, const char *text) {
  printf("  %s%-10s%s ", lp_paint_start(style, LP_DIM), name, lp_paint_stop(style));
  lp_write_line(stdout, text, LP_PROBE_TEXT);
  printf("\n");
}

static void show_steps(const lp_minimized *m, lp_style style) {
  printf("\n  %s%-24s %8s %8s%s\n", lp_paint_start(style, LP_DIM), "simplification", "tried", "kept",
         lp_paint_stop(style));
  for (int i = 0; i < m->n_steps; i++) {
    if (m->steps[i].tried > 0) printf("  %-24s %8d %8d\n", m->steps[i].name, m->steps[i].tried, m->steps[i].kept);
  }
  printf("  %-24s %8d\n\n", m->finished ? "all" : "all: no tries left", m->tries);
}

static void show(const lp_case *before, const lp_minimized *m, const lp_recurrence *r) {
  const lp_style style = lp_style_for(stdout);
  printf("%s%s%s\n", lp_paint_start(style, LP_BOLD), r->signature, lp_paint_stop(style));
  write_line(style, "case", before->id);
  write_line(style, "candidate", r->candidate ? lp_candidate_name(r->candidate) : "reference, through all oracles");
  show_steps(m, style);
  printf("  %s%-10s%s ", lp_paint_start(style, LP_DIM), "before", lp_paint_stop(style));
  write_sizes(before);
  printf("  %s%-10s%s ", lp_paint_start(style, LP_DIM), "after", lp_paint_stop(style));
  write_sizes(&m->c);
  write_line(style, "finding", r->text);
  for (int i = 0; i < m->c.loss->n_inputs; i++) {
    if (m->c.has_input[i]) lp_report_tensor(stdout, m->c.loss->inputs[i].name, &m->c.inputs[i], style);
  }
  if (m->c.has_grad_output) lp_report_tensor(stdout, "grad_output", &m->c.grad_output, style);
}

static bool is_one_file(const char *path) {
  static const char *const kinds[] = {".json", ".h5", ".py", ".c"};
  const size_t n = strlen(path);
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    const size_t s = strlen(kinds[i]);
    if (n > s && strcmp(path + n - s, kinds[i]) == 0) return true;
  }
  return false;
}

/* Without --output: the case itself, on a line of its own. */
static lp_status write_result(const options *o, const lp_case *c, lp_arena *arena, const lp_recurrence *r,
                              lp_error *error) {
  char name[LP_FINDING_NAME];
  lp_case named;
  LP_TRY(lp_name_finding(&named, arena, r->signature, r->text, c, error));
  if (!o->output) {
    printf("\n");
    LP_TRY(lp_json_write_case(stdout, &named, NULL, LP_JSON_READABLE, error));
    printf("\n");
    return LP_OK;
  }
  if (is_one_file(o->output)) {
    LP_TRY(lp_write_reproducer(o->output, &named, &r->how, error));
    fprintf(stderr, "wrote %s\n", o->output);
    return LP_OK;
  }
  LP_TRY(lp_write_finding(o->output, r->signature, r->text, c, &r->how, error));
  fprintf(stderr, "wrote %s/%s.json, .h5 and .py\n", o->output, lp_finding_name(name, r->signature));
  return LP_OK;
}

/* --- the run ------------------------------------------------------------------------------------------------------ */

static int say_that_it_passes(const lp_case *c, const lp_recurrence *r, const lp_probe_result *found) {
  char all[LP_PROBE_MOST_FINDINGS * (LP_PROBE_SIGNATURE + 2)] = "";
  size_t n = 0;
  if (!found->asked) {
    char why[120] = "such cases";
    (void)lp_manifest_covers(lp_candidate_manifest(r->candidate), c, why, sizeof why);
    return lp_cli_complain("minimize: the candidate cannot be asked for case %s: it does not declare %s", c->id, why);
  }
  if (found->n_findings == 0) {
    return lp_cli_complain("minimize: %s %s: there is nothing to minimize", c->id,
                           found->inconclusive > 0 ? "is inconclusive and does not fail" : "does not fail");
  }
  for (int i = 0; i < found->n_findings; i++) {
    n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i > 0 ? ", " : "", found->findings[i].signature);
  }
  return lp_cli_complain("minimize: %s does not fail with %s; it fails with %s", c->id, r->signature, all);
}

static int minimize_case(const options *o, const lp_case *c, lp_arena *arena, lp_recurrence *r) {
  lp_error error;
  lp_probe_result found;
  lp_minimized m;
  bool shows;
  if (lp_recurrence_find(r, &shows, &found, c, &error) != LP_OK) return lp_cli_fail(&error);
  if (!shows) return say_that_it_passes(c, r, &found);
  if (lp_minimize(&m, arena, c, lp_recurs, r, o->tries, &error) != LP_OK) return lp_cli_fail(&error);
  if (r->status != LP_OK) {
    const int exit_code = lp_cli_fail(&r->error);
    return r->status == LP_IO ? LP_EXIT_NO_CANDIDATE : exit_code;
  }
  if (!m.fails) return lp_cli_complain("minimize: %s fails at times only: asked again, it passes", c->id);
  show(c, &m, r);
  return write_result(o, &m.c, arena, r, &error) == LP_OK ? LP_EXIT_CONFORMS : lp_cli_fail(&error);
}

static int ask_candidate(const options *o, const lp_case *c, lp_arena *arena) {
  lp_recurrence r = {.how = o->how, .signature = ""};
  lp_isolation isolation = o->isolation;
  if (o->signature) snprintf(r.signature, sizeof r.signature, "%s", o->signature);
  if (o->candidate && strcmp(o->candidate, "reference") != 0) {
    r.candidate = lp_open_candidate(o->candidate, &isolation);
    if (!r.candidate) return LP_EXIT_NO_CANDIDATE;
  }
  const bool by_id = r.candidate && lp_candidate_goes_by_id(r.candidate);
  const int exit_code = by_id ? lp_cli_complain("minimize: %s answers what it was asked, and no simpler case",
                                                lp_candidate_name(r.candidate))
                              : minimize_case(o, c, arena, &r);
  lp_candidate_close(r.candidate);
  return exit_code;
}

static int minimize(const options *o, const lp_loss *loss) {
  lp_error error;
  lp_suite suite = {0};
  int exit_code = LP_EXIT_USAGE;
  if (read_cases(&suite, o, loss, &error) != LP_OK) {
    exit_code = lp_cli_fail(&error);
    goto done;
  }
  lp_suite_entry *entry = choose(&suite, o);
  if (!entry) goto done;
  if (o->dtype && lp_recast_entry("minimize", entry, suite.arena, o->dtype, &error) != LP_OK) {
    exit_code = lp_cli_fail(&error);
    goto done;
  }
  exit_code = ask_candidate(o, &entry->c, suite.arena);
done:
  if (suite.arena) lp_suite_clear(&suite);
  return exit_code;
}

int lp_verb_minimize(int argc, char **argv) {
  options o = {.tries = LP_MINIMIZE_TRIES};
  lp_flag flags[8 + LP_ISOLATION_FLAGS] = {
      {"case", LP_FLAG_TEXT, &o.id, "ID", "which case, where the file holds several"},
      {"candidate", LP_FLAG_TEXT, &o.candidate, "CANDIDATE", "who is asked (default: the reference, by all oracles)"},
      {"signature", LP_FLAG_TEXT, &o.signature, "S", "the finding to keep (default: the first)"},
      {"output", LP_FLAG_TEXT, &o.output, "FILE", "FILE.json, .h5, .py or .c; or a folder, for all but .c"},
      {"tries", LP_FLAG_COUNT, &o.tries, "N", "simpler cases that are asked at most (default 20000)"},
      {"dtype", LP_FLAG_TEXT, &o.dtype, "DTYPE", "first in float64, float32, float16 or bfloat16"},
      {"loss", LP_FLAG_TEXT, &o.loss, "LOSS", "the file is a fuzzer's input: bytes of a case of this loss"},
      {"profile", LP_FLAG_TEXT, &o.profile, "NAME", "pytorch (default) or math"},
  };
  lp_isolation_flags(flags + 8, &o.isolation);
  const lp_command command = {
      "minimize FILE [--candidate CANDIDATE] [options]",
      "Makes a failing case as small as a person would: fewer rows, classes and frames, options at their defaults,\n"
      "optional inputs left out, numbers that are 0, 1, small integers, powers of two or short decimals; the "
      "signature\n"
      "of the finding stays. FILE holds cases in JSON, JSON Lines or HDF5; with --loss, the bytes of a fuzzer's "
      "input.\n"
      "Exit codes: 0 it is minimized; 2 it does not fail, or bad input; 99 candidate missing.",
      flags,
      sizeof flags / sizeof flags[0],
      1,
      1};
  int n, exit_code;
  if (lp_cli_parse(&command, argc, argv, &o.file, &n, &exit_code) == LP_CLI_STOP) return exit_code;
  if (!lp_profile_find(&o.how.profile, o.profile)) return LP_EXIT_USAGE;
  if (o.signature && strlen(o.signature) >= LP_PROBE_SIGNATURE) {
    return lp_cli_complain("--signature: expected at most %d characters", LP_PROBE_SIGNATURE - 1);
  }
  const lp_loss *loss = o.loss ? lp_cli_loss(o.loss) : NULL;
  return o.loss && !loss ? LP_EXIT_USAGE : minimize(&o, loss);
}
