/* generate: seeded cases as questions, in JSON Lines or HDF5. */
#include "harness/accumulator.h"

#include <stdlib.h>
#include <string.h>

#include "golden/hdf5.h"
#include "golden/json.h"
#include "harness/derived.h"
#include "reference/registry.h"
#include "tools/cli.h"
#include "tools/shared.h"

static int write_jsonl(const lp_suite *suite, const char *path, lp_json_style style) {
  lp_error error;
  FILE *out = lp_open_output(path);
  if (!out) return LP_EXIT_USAGE;
  lp_status status = LP_OK;
  for (int i = 0; i < suite->count && status == LP_OK; i++) {
    status = lp_json_write_case(out, &suite->entries[i].c, NULL, style, &error);
    fputc('\n', out);
  }
  const int exit_code = lp_close_output(out, path);
  return status == LP_OK ? exit_code : lp_cli_fail(&error);
}

static bool is_hdf5(const char *path) {
  const size_t n = strlen(path);
  return n > 3 && strcmp(path + n - 3, ".h5") == 0;
}

static int write_suite(lp_suite *suite, const lp_loss *only, const char *path, bool packed) {
  lp_error error;
  if (!is_hdf5(path)) return write_jsonl(suite, path, packed ? LP_JSON_PACKED : LP_JSON_READABLE);
  if (!only) return lp_cli_complain("generate: an HDF5 file holds one loss: give --loss, or write JSON Lines");
  return lp_hdf5_write(suite, only, path, &error) == LP_OK ? 0 : lp_cli_fail(&error);
}

static lp_status generate(lp_suite *suite, const lp_loss *loss, const lp_generate_options *o, lp_error *error) {
  const bool accumulator = strcmp(o->suite, LP_ACCUMULATOR_SUITE) == 0;
  return (accumulator ? lp_generate_accumulator : lp_generate)(suite, loss, o, error);
}

/* A loss that does not take the dtype has no cases of it: no reason to do without the others. */
static lp_status generate_or_skip(lp_suite *suite, const lp_loss *loss, const lp_generate_options *o, lp_error *error) {
  const lp_status status = generate(suite, loss, o, error);
  if (status != LP_REJECTED) return status;
  fprintf(stderr, "left out: %s\n", error->message);
  return LP_OK;
}

static lp_status generate_losses(lp_suite *suite, const lp_loss *only, const lp_generate_options *o, lp_error *error) {
  LP_TRY(lp_suite_init(suite, error));
  suite->origin.seed = o->seed;
  for (int i = 0; i < lp_registry_count(); i++) {
    const lp_loss *loss = lp_registry_at(i);
    if (!only) LP_TRY(generate_or_skip(suite, loss, o, error));
    if (only == loss) LP_TRY(generate(suite, loss, o, error));
    lp_cli_progress("generate", i + 1, lp_registry_count());
  }
  return LP_OK;
}

static lp_status generate_all(lp_suite *out, lp_suite *suite, const lp_loss *only, const lp_generate_options *o,
                              int laws_every, lp_error *error) {
  LP_TRY(lp_suite_init(out, error));
  LP_TRY(generate_losses(suite, only, o, error));
  return lp_derived_add(out, suite, laws_every, error);
}

static int generate_to(const lp_loss *only, const lp_generate_options *o, int laws_every, const char *path,
                       bool packed) {
  lp_suite suite = {0}, out = {0};
  lp_error error;
  int exit_code;
  if (generate_all(&out, &suite, only, o, laws_every, &error) == LP_OK) {
    fprintf(stderr, "%d cases, seed %llu\n", out.count, (unsigned long long)o->seed);
    exit_code = write_suite(&out, only, path, packed);
  } else {
    exit_code = lp_cli_fail(&error);
  }
  if (out.arena) lp_suite_clear(&out);
  if (suite.arena) lp_suite_clear(&suite);
  return exit_code;
}

/* The suite's name begins every id, and stands in file names and command lines. */
static bool is_suite_name(const char *name) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  const size_t length = strlen(name);
  return length > 0 && length <= 64 && strspn(name, allowed) == length;
}

int lp_verb_generate(int argc, char **argv) {
  lp_generate_options o = {.seed = LP_DEFAULT_SEED, .minimum = 400, .dtype = LP_FLOAT64, .suite = "core"};
  const char *loss_name = NULL, *dtype_name = "float64", *output = "-";
  bool packed = false, laws = false;
  int laws_every = 0;
  const lp_flag flags[] = {
      {"o", LP_FLAG_TEXT, &output, "FILE", "where to: FILE.h5 (one loss) or JSON Lines; default standard output"},
      {"loss", LP_FLAG_TEXT, &loss_name, "LOSS", "only this loss"},
      {"cases", LP_FLAG_COUNT, &o.minimum, "N",
       "at least N cases a loss (default 400; the covering array may need more)"},
      {"seed", LP_FLAG_SEED, &o.seed, "S", "seed of the run (default 1)"},
      {"dtype", LP_FLAG_TEXT, &dtype_name, "DTYPE", "float64 (default), float32, float16, bfloat16"},
      {"suite", LP_FLAG_TEXT, &o.suite, "NAME", "first part of the ids (default core); accumulator: see above"},
      {"laws", LP_FLAG_SWITCH, &laws, NULL, "also the derived cases of the laws, for answers in files: ID#LAW"},
      {"laws-every", LP_FLAG_NUMBER, &laws_every, "K", "the same, of one case in K (as certify: 8)"},
      {"packed", LP_FLAG_SWITCH, &packed, NULL, "JSON with base64 tensors instead of nested lists"},
  };
  const lp_command command = {
      "generate [options]",
      "Writes cases that cover every 3-way combination of options, shapes and values, as questions.\n"
      "--suite accumulator: instead, 2^24+7 and 2^25 equal terms (float32), 2^9+1 and 2^12+1 (float16, bfloat16),\n"
      "over which a single running accumulator of the dtype fails. Give --dtype; certify and judge take the file.",
      flags,
      sizeof flags / sizeof flags[0],
      0,
      0};
  int n, exit_code;
  const lp_loss *loss = NULL;
  if (lp_cli_parse(&command, argc, argv, NULL, &n, &exit_code) == LP_CLI_STOP) return exit_code;
  o.dtype = lp_dtype_from_name(dtype_name);
  if (o.dtype == LP_DTYPE_COUNT || !lp_dtype_is_floating(o.dtype)) {
    return lp_cli_complain("generate: --dtype: expected float64, float32, float16 or bfloat16, got \"%s\"", dtype_name);
  }
  if (!is_suite_name(o.suite)) {
    return lp_cli_complain("generate: --suite: expected 1 to 64 letters, digits, '_', '.' or '-', got \"%.80s\"",
                           o.suite);
  }
  if (loss_name && !(loss = lp_cli_loss(loss_name))) return LP_EXIT_USAGE;
  return generate_to(loss, &o, laws && laws_every == 0 ? 1 : laws_every, output, packed);
}
