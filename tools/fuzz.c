/* fuzz CANDIDATE: libFuzzer looks for cases that it gets wrong, and for the worst error of those that it gets right. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz/hunters.h"
#include "harness/generate.h"
#include "harness/recast.h"
#include "reference/registry.h"
#include "tools/cli.h"
#include "tools/fuzz_report.h"
#include "tools/shared.h"

typedef struct options {
  const char *candidate, *time, *dtype, *profile, *corpus, *output, *json;
  lp_text_list losses;
  int jobs, executions, most_elements;
  uint64_t seed;
  bool empty, stop_at_first;
  lp_isolation isolation;
  /* worked out of these */
  int seconds;
  unsigned dtypes; /* 0: the candidate's choice */
  lp_judging how;
} options;

/* --- interruptions ---------------------------------------------------------------------------------------------- */

static volatile int interrupted;

static void interrupt(int signal) {
  (void)signal;
  interrupted = 1;
}

/* The first one ends the hunt in good order, the second at once: hunters end when nobody reads their records. */
static void watch_for_interruptions(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = interrupt;
  action.sa_flags = (int)(SA_RESTART | SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

static bool is_interrupted(void) { return interrupted != 0; }

/* --- folders ---------------------------------------------------------------------------------------------------- */

static lp_status make_folder(const char *path, lp_error *error) {
  if (mkdir(path, 0777) == 0 || errno == EEXIST) return LP_OK;
  return lp_fail(error, LP_IO, "%s: %s", path, strerror(errno));
}

static bool is_folder(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

typedef struct folders {
  char corpus[PATH_MAX], start[PATH_MAX], remains[PATH_MAX];
  char temporary[PATH_MAX]; /* to be removed, or "" */
} folders;

static lp_status join(char path[PATH_MAX], const char *a, const char *b, const char *c, lp_error *error) {
  if (snprintf(path, PATH_MAX, "%s%s%s", a, b, c) < PATH_MAX) return LP_OK;
  return lp_fail(error, LP_INVALID, "%.64s...: the path is too long", a);
}

/* One loss: the folder given. Several: a folder of each in it. None given: one that goes away. */
static lp_status make_corpus(folders *f, const options *o, const lp_loss *loss, bool alone, lp_error *error) {
  const char *temporary = getenv("TMPDIR");
  if (o->corpus) {
    LP_TRY(make_folder(o->corpus, error));
    LP_TRY(join(f->corpus, o->corpus, alone ? "" : "/fuzz_", alone ? "" : loss->name, error));
    return make_folder(f->corpus, error);
  }
  LP_TRY(join(f->temporary, temporary && *temporary ? temporary : "/tmp", "/lossproof-fuzz-XXXXXX", "", error));
  if (!mkdtemp(f->temporary)) {
    const int why = errno;
    f->temporary[0] = '\0';
    return lp_fail(error, LP_IO, "cannot make a folder for the corpus: %s", strerror(why));
  }
  memcpy(f->corpus, f->temporary, sizeof f->corpus);
  return LP_OK;
}

static lp_status make_folders(folders *f, const options *o, const lp_loss *loss, bool alone, lp_error *error) {
  *f = (folders){.corpus = ""};
  LP_TRY(make_folder(o->output, error));
  LP_TRY(join(f->remains, o->output, "/harness-", "", error));
  LP_TRY(join(f->start, lp_cli_corpora(), "/fuzz_", loss->name, error));
  if (o->empty || !is_folder(f->start)) f->start[0] = '\0';
  return make_corpus(f, o, loss, alone, error);
}

/* --- one loss --------------------------------------------------------------------------------------------------- */

static void show_progress(void *context, const lp_hunt_result *r, double seconds) {
  if (!isatty(STDERR_FILENO)) return;
  fprintf(stderr, "\r%s: %.0f s, %lld executions, %d kinds of finding\033[K", (const char *)context, seconds,
          r->executions, r->n_findings);
}

static lp_hunt_order order_for(const options *o, const lp_loss *loss, const folders *f, unsigned dtypes) {
  const unsigned seed = (unsigned)(o->seed % INT_MAX); /* a number of libFuzzer, for which 0 means a drawn one */
  return (lp_hunt_order){.loss = loss,
                         .candidate = o->candidate,
                         .dtypes = dtypes,
                         .profile = o->how.profile,
                         .isolation = o->isolation.options,
                         .seconds = o->seconds,
                         .executions = o->executions,
                         .most_elements = o->most_elements,
                         .seed = seed > 0 ? seed : 1,
                         .stop_at_first = o->stop_at_first,
                         .shares_corpus = o->jobs > 1,
                         .corpus = f->corpus,
                         .start = f->start,
                         .remains = f->remains};
}

/* What the hunt comes to, of the codes with their precedence: 3, 99, 4, 1, 0. */
static int exit_code_of(const lp_hunt_result *r, bool ours) {
  if (r->died > 0 || (ours && r->n_findings > 0)) return LP_EXIT_HARNESS;
  if (*r->message) return LP_EXIT_NO_CANDIDATE;
  if (r->asked == 0) return LP_EXIT_VACUOUS;
  return r->n_findings > 0 ? LP_EXIT_FINDINGS : LP_EXIT_CONFORMS;
}

static int hunt_in(const options *o, const lp_loss *loss, unsigned dtypes, const folders *f, lp_candidate *candidate,
                   FILE *json) {
  lp_error error;
  lp_hunt_result result;
  const lp_hunt_order order = order_for(o, loss, f, dtypes);
  char label[LP_NAME_MAX];
  snprintf(label, sizeof label, "%s", loss->name);
  const lp_status status = lp_hunt(&result, &order, o->jobs, &interrupted, show_progress, label, &error);
  if (isatty(STDERR_FILENO)) fprintf(stderr, "\r\033[K");
  int exit_code = status == LP_OK ? exit_code_of(&result, !candidate) : lp_cli_fail(&error);
  const lp_fuzz_report report = {.order = &order,
                                 .result = &result,
                                 .candidate = candidate,
                                 .how = o->how,
                                 .folder = o->output,
                                 .json = json,
                                 .interrupted = is_interrupted};
  if (status == LP_OK && lp_fuzz_tell(&report, &error) != LP_OK) exit_code = lp_cli_fail(&error);
  lp_hunt_result_clear(&result);
  return exit_code;
}

static int hunt_loss(const options *o, const lp_loss *loss, bool alone, unsigned dtypes, lp_candidate *candidate,
                     FILE *json) {
  lp_error error;
  folders f;
  const int exit_code = make_folders(&f, o, loss, alone, &error) == LP_OK
                            ? hunt_in(o, loss, dtypes, &f, candidate, json)
                            : lp_cli_fail(&error);
  lp_remove_corpus(f.temporary);
  (void)rmdir(o->output); /* stays when there is something in it */
  return exit_code;
}

/* --- all of them ------------------------------------------------------------------------------------------------ */

static unsigned floating_dtypes(void) {
  unsigned bits = 0;
  for (int d = 0; d < LP_DTYPE_COUNT; d++) bits |= lp_dtype_is_floating((lp_dtype)d) ? 1u << d : 0u;
  return bits;
}

/* The dtypes in which this candidate is asked for the loss; 0: it does not declare it. */
static unsigned dtypes_for(const options *o, const lp_candidate *candidate, const lp_loss *loss) {
  const unsigned wanted = o->dtypes ? o->dtypes : floating_dtypes();
  const lp_capability *declared = candidate ? lp_manifest_find(lp_candidate_manifest(candidate), loss) : NULL;
  if (!candidate) return wanted;
  return declared->supported ? wanted & declared->dtypes : 0;
}

static bool is_chosen(const options *o, const lp_loss *loss) {
  bool chosen = o->losses.count == 0;
  for (int i = 0; i < o->losses.count; i++) chosen = chosen || lp_registry_find(o->losses.items[i]) == loss;
  return chosen;
}

/* The first of two exit codes in their order of precedence. */
static int graver(int a, int b) {
  static const int order[] = {LP_EXIT_HARNESS, LP_EXIT_NO_CANDIDATE, LP_EXIT_USAGE, LP_EXIT_VACUOUS, LP_EXIT_FINDINGS};
  for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
    if (a == order[i] || b == order[i]) return order[i];
  }
  return LP_EXIT_CONFORMS;
}

static int hunt_all(const options *o, lp_candidate *candidate, FILE *json) {
  int n = 0, exit_code = LP_EXIT_CONFORMS;
  for (int i = 0; i < lp_registry_count(); i++) n += dtypes_for(o, candidate, lp_registry_at(i)) != 0;
  const bool alone = o->losses.count == 1 || n == 1;
  for (int i = 0; i < lp_registry_count() && !interrupted; i++) {
    const lp_loss *loss = lp_registry_at(i);
    const unsigned dtypes = is_chosen(o, loss) ? dtypes_for(o, candidate, loss) : 0;
    if (dtypes) {
      exit_code = graver(exit_code, hunt_loss(o, loss, alone, dtypes, candidate, json));
    } else if (is_chosen(o, loss) && o->losses.count > 0) {
      lp_cli_complain("fuzz: %s does not declare %s%s", o->candidate, loss->name, o->dtypes ? " in such a dtype" : "");
      exit_code = graver(exit_code, LP_EXIT_VACUOUS);
    }
  }
  if (n == 0 && o->losses.count == 0) {
    lp_cli_complain("fuzz: %s declares no loss%s", o->candidate, o->dtypes ? " in such a dtype" : "");
    exit_code = LP_EXIT_VACUOUS;
  }
  return interrupted ? LP_EXIT_INTERRUPTED : exit_code;
}

static int hunt_and_write(const options *o, lp_candidate *candidate) {
  FILE *json = o->json ? lp_open_output(o->json) : NULL;
  if (o->json && !json) return LP_EXIT_USAGE;
  const int exit_code = hunt_all(o, candidate, json);
  const int unwritten = json ? lp_close_output(json, o->json) : 0;
  return unwritten ? unwritten : exit_code;
}

static int open_and_hunt(options *o) {
  o->isolation.options.memory = (int64_t)o->isolation.memory << 20;
  if (strcmp(o->candidate, "reference") == 0) return hunt_and_write(o, NULL);
  lp_candidate *candidate = lp_open_candidate(o->candidate, &o->isolation);
  if (!candidate) return LP_EXIT_NO_CANDIDATE;
  const int exit_code = lp_candidate_goes_by_id(candidate)
                            ? lp_cli_complain(
                                  "fuzz: a file of answers knows no new questions; its author runs fuzz "
                                  "through plugin: or exec:")
                            : hunt_and_write(o, candidate);
  lp_candidate_close(candidate);
  return exit_code;
}

/* --- options ---------------------------------------------------------------------------------------------------- */

/* "90", "90s", "10m", "2h"; at most a week. */
static bool parse_time(options *o) {
  enum { WEEK = 7 * 24 * 3600 };
  char *end;
  if (!o->time) return true;
  double seconds = strtod(o->time, &end);
  const char unit = *end ? *end : 's';
  seconds *= unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : -1;
  if (end != o->time && (!*end || !end[1]) && seconds >= 1 && seconds <= WEEK) {
    o->seconds = (int)seconds;
    return true;
  }
  lp_cli_complain("fuzz: --time: expected 60s, 10m or 2h, from 1 second to a week, got \"%s\"", o->time);
  return false;
}

/* "float32", or "f32". */
static bool parse_dtypes(options *o) {
  static const char *const shorts[][2] = {
      {"f64", "float64"}, {"f32", "float32"}, {"f16", "float16"}, {"bf16", "bfloat16"}};
  lp_error error;
  if (!o->dtype) return true;
  for (size_t i = 0; i < sizeof shorts / sizeof shorts[0]; i++) {
    if (strcmp(o->dtype, shorts[i][0]) == 0) o->dtype = shorts[i][1];
  }
  if (lp_dtypes_parse(&o->dtypes, o->dtype, &error) == LP_OK) return true;
  lp_cli_complain("fuzz: --dtype: %s", error.message);
  return false;
}

static bool parse_words(options *o) {
  if (!parse_time(o) || !parse_dtypes(o) || !lp_profile_find(&o->how.profile, o->profile)) return false;
  for (int i = 0; i < o->losses.count; i++) {
    if (!lp_cli_loss(o->losses.items[i])) return false;
  }
  if (o->jobs > LP_HUNT_MOST_JOBS) {
    lp_cli_complain("fuzz: --jobs: expected at most %d, got %d", LP_HUNT_MOST_JOBS, o->jobs);
    return false;
  }
  if (!o->time) o->seconds = o->executions > 0 ? 0 : 60;
  return true;
}

int lp_verb_fuzz(int argc, char **argv) {
  options o = {.jobs = 1, .seed = LP_DEFAULT_SEED, .output = "findings"};
  lp_flag flags[13 + LP_ISOLATION_FLAGS] = {
      {"loss", LP_FLAG_EACH, &o.losses, "LOSS", "this loss; may be repeated (default: each that it declares)"},
      {"time", LP_FLAG_TEXT, &o.time, "T", "for each loss: 60s (default), 10m, 2h"},
      {"executions", LP_FLAG_NUMBER, &o.executions, "N", "for each loss and job at most; alone, no limit of time"},
      {"dtype", LP_FLAG_TEXT, &o.dtype, "D[,D]", "only these dtypes: float32, or f32 (default: what it declares)"},
      {"elements", LP_FLAG_NUMBER, &o.most_elements, "N", "only cases whose tensors have at most N elements"},
      {"jobs", LP_FLAG_COUNT, &o.jobs, "N", "hunters at once, which share what they learn (default 1)"},
      {"corpus", LP_FLAG_TEXT, &o.corpus, "DIR", "keep what was learnt, and go on from there"},
      {"empty", LP_FLAG_SWITCH, &o.empty, NULL, "do not start from the corpora that come with lossproof"},
      {"output", LP_FLAG_TEXT, &o.output, "DIR", "findings and worst cases go there (default: findings)"},
      {"json", LP_FLAG_TEXT, &o.json, "FILE", "also a line of JSON for each loss"},
      {"profile", LP_FLAG_TEXT, &o.profile, "NAME", "pytorch (default) or math"},
      {"seed", LP_FLAG_SEED, &o.seed, "S", "of the hunters (default 1)"},
      {"stop-at-first", LP_FLAG_SWITCH, &o.stop_at_first, NULL, "end a loss with its first finding"},
  };
  lp_isolation_flags(flags + 13, &o.isolation);
  const lp_command command = {
      "fuzz CANDIDATE [--loss LOSS] [options]",
      "Looks for cases that the candidate gets wrong, and climbs towards its worst error. CANDIDATE is "
      "plugin:PATH.so,\n"
      "exec:COMMAND, exact, or reference, which goes through all oracles: exact enclosures, differences, laws, brute\n"
      "force. Findings are told apart by their signatures, minimized, and written as JSON, HDF5 and PyTorch script.\n"
      "Exit codes: 0 nothing was found, 1 findings, 3 the harness is at fault, 4 nothing was asked, 99 no candidate.",
      flags,
      sizeof flags / sizeof flags[0],
      1,
      1};
  int n, exit_code;
  if (lp_cli_parse(&command, argc, argv, &o.candidate, &n, &exit_code) == LP_CLI_STOP) return exit_code;
  if (!parse_words(&o)) return LP_EXIT_USAGE;
  watch_for_interruptions();
  return open_and_hunt(&o);
}
