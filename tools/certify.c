/* certify CANDIDATE: every case of the suites, judged; a table and one exit code. */
#include "harness/certify.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/doors/worker.h"
#include "harness/generate.h"
#include "harness/recast.h"
#include "reference/registry.h"
#include "reports/jsonl.h"
#include "reports/terminal.h"
#include "tools/cli.h"
#include "tools/shared.h"

typedef struct options {
  lp_certify_options run;
  lp_outputs outputs;
  lp_isolation isolation;
  lp_text_list require;
  const char *candidate;
  const char *profile, *dtype, *shard, *answers, *manifest;
  int generated;
  uint64_t seed;
  bool resume;
  unsigned dtypes; /* asked for: bits; 0: the candidate's choice */
} options;

/* --- interruptions -------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted, judging;

/* While cases are judged the first one ends the run in good order; the second, or one that comes earlier, at once.
 * Workers lead groups of their own, which no terminal's signal reaches: they are ended by us. */
static void interrupt(int signal) {
  static const char message[] = "\nlossproof: interrupted\n";
  (void)signal;
  if (interrupted || !judging) {
    (void)!write(STDERR_FILENO, message, sizeof message - 1);
    lp_workers_end(LP_EXIT_INTERRUPTED);
  }
  interrupted = 1;
}

/* A hangup that is ignored (nohup) stays so. */
static void watch_for_interruptions(void) {
  struct sigaction action, hangup;
  memset(&action, 0, sizeof action);
  action.sa_handler = interrupt;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL);
}

/* --- the cases ------------------------------------------------------------------------------------------------ */

typedef struct dtype_choice {
  const lp_manifest *manifest; /* NULL: none, cases stay as they are */
  unsigned asked;
  bool narrowed; /* some loss does not come in float64 */
} dtype_choice;

static unsigned first_of(unsigned dtypes) { return dtypes & (~dtypes + 1u); }

/* Those asked for; else as stored where the candidate declares float64, and its first dtype where it does not. */
static unsigned choose_dtypes(const void *context, const lp_loss *loss) {
  const dtype_choice *choice = context;
  if (choice->asked || !choice->manifest) return choice->asked;
  const lp_capability *can = lp_manifest_find(choice->manifest, loss);
  if (!can->supported || can->dtypes & (1u << LP_FLOAT64)) return 0;
  return first_of(can->dtypes);
}

static lp_status generate_in(lp_suite *suite, const lp_loss *loss, const options *o, lp_dtype dtype, lp_error *error) {
  char name[40];
  snprintf(name, sizeof name, "generated-%s", lp_dtype_name(dtype));
  const char *kept = lp_arena_text(suite->arena, name, strlen(name));
  const lp_generate_options how = {.seed = o->seed, .minimum = o->generated, .dtype = dtype, .suite = kept};
  if (!kept) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  const lp_status status = lp_generate(suite, loss, &how, error);
  if (status != LP_REJECTED) return status; /* a loss that does not take the dtype has no cases of it */
  fprintf(stderr, "left out: %s\n", error->message);
  return LP_OK;
}

static lp_status add_generated(lp_suite *suite, const options *o, const dtype_choice *choice, lp_error *error) {
  for (int i = 0; i < lp_registry_count() && o->generated > 0; i++) {
    const lp_loss *loss = lp_registry_at(i);
    if (o->run.loss && strcmp(o->run.loss, loss->name) != 0) continue;
    const unsigned chosen = choose_dtypes(choice, loss), dtypes = chosen ? chosen : 1u << LP_FLOAT64;
    for (int d = LP_FLOAT64; d <= LP_BFLOAT16; d++) {
      if (dtypes & (1u << d)) LP_TRY(generate_in(suite, loss, o, (lp_dtype)d, error));
    }
  }
  return LP_OK;
}

/* In words, for the head of the table; NULL: as stored. */
static const char *describe_dtypes(const dtype_choice *choice, const options *o) {
  bool narrowed = false;
  for (int i = 0; i < lp_registry_count() && !choice->asked; i++) {
    narrowed |= choose_dtypes(choice, lp_registry_at(i)) != 0;
  }
  return choice->asked ? o->dtype : narrowed ? "the first that it declares, where it does not declare float64" : NULL;
}

/* stored: where the cases that are read live; out: those that are asked. */
static lp_status gather(lp_suite *out, lp_suite *stored, options *o, const lp_manifest *manifest, lp_error *error) {
  const dtype_choice choice = {.manifest = manifest, .asked = o->dtypes};
  int left_out;
  o->run.dtypes = describe_dtypes(&choice, o);
  LP_TRY(lp_suite_init(stored, error));
  LP_TRY(lp_suite_init(out, error));
  LP_TRY(lp_cli_read(stored, o->run.files, o->run.n_files, o->run.loss, error));
  LP_TRY(lp_recast_suite(out, &left_out, stored, choose_dtypes, &choice, error));
  if (left_out > 0) fprintf(stderr, "left out: %d cases that PyTorch takes in their own dtype alone\n", left_out);
  return add_generated(out, o, &choice, error);
}

/* --- the run -------------------------------------------------------------------------------------------------- */

/* The records tell that the run was interrupted; the table judges what there is. */
static int report_interrupted(lp_certification *run, const lp_suite *suite, const options *o) {
  lp_error error;
  lp_outputs outputs = o->outputs;
  if (outputs.json && lp_report_jsonl(outputs.json, run, suite, &error) != LP_OK) (void)lp_cli_fail(&error);
  outputs.json = NULL;
  run->interrupted = false;
  (void)lp_report_everything(run, suite, &outputs);
  fprintf(stderr, "lossproof: interrupted after %d of %d cases%s\n", run->n_results, run->n_selected,
          o->answers ? "; --resume goes on from there" : "");
  return LP_EXIT_INTERRUPTED;
}

static int report(lp_certification *run, const lp_suite *suite, const options *o) {
  return run->interrupted ? report_interrupted(run, suite, o) : lp_report_everything(run, suite, &o->outputs);
}

/* The suites that a case's id may begin with, in the order in which they come. */
static void print_suites(FILE *out, const lp_suite *suite) {
  enum { MOST = 32 };
  const char *seen[MOST];
  int n = 0;
  for (int i = 0; i < suite->count && n < MOST; i++) {
    const char *id = suite->entries[i].c.id;
    const size_t length = strcspn(id, "/") + 1;
    bool is_new = true;
    for (int k = 0; k < n && is_new; k++) is_new = strncmp(seen[k], id, length) != 0;
    if (!is_new) continue;
    fprintf(out, "%s%.*s", n > 0 ? ", " : "", (int)length - 1, id);
    seen[n++] = id;
  }
}

/* A word that names nothing is probably misspelled. */
static void hint_at_names(const lp_certification *run, const lp_suite *suite, const options *o) {
  if (run->n_selected > 0 || suite->count == 0) return;
  if (o->run.id) {
    fprintf(stderr, "hint: none of %d cases is called \"%s\"; their names begin like %s\n", suite->count, o->run.id,
            suite->entries[0].c.id);
  } else if (o->run.suite) {
    fprintf(stderr, "hint: no case is of suite \"%s\"; there are ", o->run.suite);
    print_suites(stderr, suite);
    fputs("\n", stderr);
  }
}

static int certify_suite(lp_candidate *candidate, const lp_suite *suite, const lp_errata *errata, const options *o) {
  lp_error error;
  lp_certification run;
  judging = 1;
  const lp_status status = lp_certify(&run, candidate, suite, errata, &o->run, &error);
  if (status != LP_OK) {
    const int exit_code = lp_cli_fail(&error);
    return status == LP_IO ? LP_EXIT_NO_CANDIDATE : exit_code;
  }
  const int exit_code = report(&run, suite, o);
  hint_at_names(&run, suite, o);
  lp_certification_clear(&run);
  return exit_code;
}

static int certify_stored(lp_candidate *candidate, const lp_suite *suite, const lp_errata *errata, options *o) {
  lp_error error;
  if (o->answers && lp_answer_store_open(&o->run.store, o->answers, o->resume, candidate, &error) != LP_OK) {
    return lp_cli_fail(&error);
  }
  if (o->resume) fprintf(stderr, "resuming with %d answers\n", lp_answer_store_count(o->run.store));
  const int exit_code = certify_suite(candidate, suite, errata, o);
  const lp_status closed = lp_answer_store_close(o->run.store, &error);
  return closed == LP_OK ? exit_code : lp_cli_fail(&error);
}

static int gather_and_certify(lp_candidate *candidate, const lp_manifest *manifest, options *o) {
  lp_error error;
  lp_suite suite = {0}, stored = {0};
  lp_errata *errata = NULL;
  int exit_code;
  if (gather(&suite, &stored, o, manifest, &error) == LP_OK &&
      lp_errata_read(&errata, lp_cli_errata(), &error) == LP_OK) {
    exit_code = certify_stored(candidate, &suite, errata, o);
  } else {
    exit_code = lp_cli_fail(&error);
  }
  lp_errata_free(errata);
  if (suite.arena) lp_suite_clear(&suite);
  if (stored.arena) lp_suite_clear(&stored);
  return exit_code;
}

/* --- a manifest from a file, for candidates that bring none --------------------------------------------------- */

static lp_status slurp(char **text, size_t *length, lp_arena *arena, const char *path, lp_error *error) {
  enum { MOST = 1 << 20 };
  *text = lp_arena_alloc(arena, MOST, 1);
  FILE *file = fopen(path, "rb");
  if (!file) return lp_fail(error, LP_IO, "%s: %s", path, strerror(errno));
  *length = *text ? fread(*text, 1, MOST, file) : 0;
  fclose(file);
  if (!*text) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  return *length < MOST ? LP_OK : lp_fail(error, LP_INVALID, "%s: a manifest is shorter than 1 MiB", path);
}

static lp_status read_manifest(lp_manifest *manifest, lp_arena *arena, const lp_candidate *candidate, const char *path,
                               lp_error *error) {
  char *text;
  size_t length = 0;
  const lp_manifest *own = lp_candidate_manifest(candidate);
  if (!arena) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  LP_TRY(slurp(&text, &length, arena, path, error));
  LP_TRY(lp_manifest_init(manifest, arena, own->name, own->version, 1u << LP_FLOAT64, error));
  return lp_manifest_read(manifest, arena, text, length, error);
}

static int certify_candidate(lp_candidate *candidate, options *o) {
  lp_error error;
  lp_manifest given;
  const lp_manifest *manifest = lp_candidate_goes_by_id(candidate) ? NULL : lp_candidate_manifest(candidate);
  if (!o->manifest) return gather_and_certify(candidate, manifest, o);
  lp_arena *arena = lp_arena_new(0);
  int exit_code;
  if (read_manifest(&given, arena, candidate, o->manifest, &error) == LP_OK) {
    o->run.manifest = &given;
    exit_code = gather_and_certify(candidate, &given, o);
    o->run.manifest = NULL;
  } else {
    exit_code = lp_cli_fail(&error);
  }
  lp_arena_free(arena);
  return exit_code;
}

/* --- options -------------------------------------------------------------------------------------------------- */

static bool parse_shard(options *o) {
  if (!o->shard) return true;
  char *slash, *end;
  const long shard = strtol(o->shard, &slash, 10), shards = *slash == '/' ? strtol(slash + 1, &end, 10) : 0;
  if (shard >= 1 && shard <= shards && shards <= INT_MAX && *end == '\0') {
    o->run.shard = (int)shard;
    o->run.shards = (int)shards;
    return true;
  }
  lp_cli_complain("certify: --shard: expected I/N with 1 <= I <= N, got \"%s\"", o->shard);
  return false;
}

/* "core/l1/0001@float32#row-nan": the case in that dtype, with its laws. name[]: its own room. */
static void parse_case(options *o, char name[LP_MAX_ID_BYTES + 1]) {
  lp_error ignored;
  if (!o->run.id || strlen(o->run.id) > LP_MAX_ID_BYTES) return;
  snprintf(name, LP_MAX_ID_BYTES + 1, "%s", o->run.id);
  char *law = strchr(name, '#');
  if (law) {
    *law = '\0';
    o->run.laws_every = 1;
  }
  o->run.id = name;
  const char *at = strrchr(name, '@');
  unsigned dtypes;
  if (at && !o->dtype && lp_dtypes_parse(&dtypes, at + 1, &ignored) == LP_OK) {
    o->dtype = at + 1;
    o->dtypes = dtypes;
  }
}

static bool parse_dtypes(options *o) {
  lp_error error;
  if (!o->dtype || lp_dtypes_parse(&o->dtypes, o->dtype, &error) == LP_OK) return true;
  lp_cli_complain("certify: --dtype: %s", error.message);
  return false;
}

static bool parse_words(options *o) {
  if (!lp_profile_find(&o->run.how.profile, o->profile) || !parse_dtypes(o) || !parse_shard(o)) return false;
  if (o->resume && !o->answers) {
    lp_cli_complain("certify: --resume: from which file? give --answers FILE");
    return false;
  }
  if (o->run.loss) {
    const lp_loss *loss = lp_cli_loss(o->run.loss);
    if (!loss) return false;
    o->run.loss = loss->name;
  }
  o->run.require = o->require.items;
  o->run.n_require = o->require.count;
  return true;
}

static int open_and_certify(options *o) {
  char name[LP_MAX_ID_BYTES + 1];
  if (!parse_words(o)) return LP_EXIT_USAGE;
  parse_case(o, name);
  watch_for_interruptions();
  lp_candidate *candidate = lp_open_candidate(o->candidate, &o->isolation);
  if (!candidate) return LP_EXIT_NO_CANDIDATE;
  const int exit_code = certify_candidate(candidate, o);
  lp_candidate_close(candidate);
  return exit_code;
}

/* "outcomes:ANSWERS" for judge; its only question file comes first. */
static int take_words(options *o, const char **words, int n, bool by_files) {
  static char candidate[4200];
  o->candidate = words[0];
  o->run.files = words + 1;
  o->run.n_files = n - 1;
  if (!by_files) return 0;
  if (snprintf(candidate, sizeof candidate, "outcomes:%s", words[1]) >= (int)sizeof candidate) {
    return lp_cli_complain("judge: the path of the answers is too long");
  }
  o->candidate = candidate;
  o->run.files = words;
  o->run.n_files = 1;
  return 0;
}

static const char about_certify[] =
    "Puts every case to the candidate and judges its value and every gradient component.\n"
    "CANDIDATE is reference, exact, plugin:PATH.so, exec:COMMAND or outcomes:FILE. FILE: cases or fixtures (default:\n"
    "the golden fixtures).";
static const char about_judge[] =
    "Judges answers that were computed anywhere. QUESTIONS and ANSWERS are HDF5 files or JSON Lines; answers are\n"
    "found by case id. A question without an answer counts as unsupported.";

int lp_cli_certify(int argc, char **argv, bool by_files) {
  options o = {
      .run = {.jobs = 1, .progress = lp_cli_progress, .context = argv[0], .laws_every = 8, .stop = &interrupted},
      .outputs = {.max_failures = 10},
      .seed = LP_DEFAULT_SEED};
  lp_flag flags[] = {
      {"loss", LP_FLAG_TEXT, &o.run.loss, "LOSS", "only this loss"},
      {"suite", LP_FLAG_TEXT, &o.run.suite, "SUITE", "only this suite: core, bugs, tutorial ..."},
      {"case", LP_FLAG_TEXT, &o.run.id, "ID", "only this case; ID@float32, ID#LAW: recast, with its laws"},
      {"dtype", LP_FLAG_TEXT, &o.dtype, "D[,D]", "recast the cases (default: as stored, or what it declares)"},
      {"profile", LP_FLAG_TEXT, &o.profile, "NAME",
       "pytorch (default), or math: any valid subgradient, the limit at infinities"},
      {"require", LP_FLAG_EACH, &o.require, "NAME", "every case of this suite or loss must run, else exit code 4"},
      {"generated", LP_FLAG_NUMBER, &o.generated, "N", "also at least N generated cases a loss and dtype"},
      {"seed", LP_FLAG_SEED, &o.seed, "S", "seed of the generated cases (default 1)"},
      {"laws-every", LP_FLAG_NUMBER, &o.run.laws_every, "K", "laws on one case in K (default 8; 1 all, 0 none)"},
      {"manifest", LP_FLAG_TEXT, &o.manifest, "FILE", "what the candidate declares, in place of its own word"},
      {"jobs", LP_FLAG_COUNT, &o.run.jobs, "N", "threads, each with a worker of its own (default 1)"},
      {"shard", LP_FLAG_TEXT, &o.shard, "I/N", "only part I of N, by a hash of the ids"},
      {"fail-fast", LP_FLAG_SWITCH, &o.run.fail_fast, NULL, "end with the first case that has a finding"},
      {"max-failures", LP_FLAG_NUMBER, &o.outputs.max_failures, "N", "failures shown in full (default 10)"},
      {"json", LP_FLAG_TEXT, &o.outputs.json, "FILE", "also write results as JSON Lines"},
      {"reproducers", LP_FLAG_TEXT, &o.outputs.reproducers, "DIR", "and a reproducer of every kind of finding"},
      {"verdicts", LP_FLAG_TEXT, &o.outputs.verdicts, "FILE", "also the sorted verdicts, alike for every door"},
      {"hygiene", LP_FLAG_TEXT, &o.outputs.hygiene, "FILE", "also what was found of its conduct"},
      {"answers", LP_FLAG_TEXT, &o.answers, "FILE", "keep each answer as it comes"},
      {"resume", LP_FLAG_SWITCH, &o.resume, NULL, "take the answers that are in that file already"},
      {0},
      {0},
      {0},
  };
  enum { N_FLAGS = sizeof flags / sizeof flags[0] };
  lp_isolation_flags(flags + N_FLAGS - LP_ISOLATION_FLAGS, &o.isolation);
  const lp_command command = {by_files ? "judge QUESTIONS ANSWERS [options]" : "certify CANDIDATE [FILE ...] [options]",
                              by_files ? about_judge : about_certify,
                              flags,
                              N_FLAGS,
                              by_files ? 2 : 1,
                              by_files ? 2 : LP_EACH_MAX};
  const char *words[LP_EACH_MAX];
  int n, exit_code;
  if (lp_cli_parse(&command, argc, argv, words, &n, &exit_code) == LP_CLI_STOP) return exit_code;
  exit_code = take_words(&o, words, n, by_files);
  return exit_code ? exit_code : open_and_certify(&o);
}

int lp_verb_certify(int argc, char **argv) { return lp_cli_certify(argc, argv, false); }
