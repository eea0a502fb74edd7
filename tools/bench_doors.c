/* bench --doors CANDIDATE: how many small cases a second go through the door of a candidate, and are judged. */
#include <sys/resource.h>
#include <time.h>

#include "harness/certify.h"
#include "harness/generate.h"
#include "reference/registry.h"
#include "tools/cli.h"

enum { SMALL = 4, CHUNK = 64 };

static double wall(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double of(struct timeval t) { return (double)t.tv_sec + 1e-6 * (double)t.tv_usec; }

/* Of this process and of those that have ended. */
static double processor_time(void) {
  struct rusage self, children;
  getrusage(RUSAGE_SELF, &self);
  getrusage(RUSAGE_CHILDREN, &children);
  return of(self.ru_utime) + of(self.ru_stime) + of(children.ru_utime) + of(children.ru_stime);
}

/* Four elements or nearly, in the largest input; none of them empty. */
static bool is_small(const lp_case *c, const lp_manifest *manifest) {
  char why[160];
  int64_t most = 0;
  bool small = c->expect == LP_EXPECT_ACCEPT && lp_manifest_covers(manifest, c, why, sizeof why);
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!c->has_input[i]) continue;
    small = small && c->inputs[i].numel > 0;
    if (c->inputs[i].numel > most) most = c->inputs[i].numel;
  }
  return small && most >= SMALL - 1 && most <= SMALL;
}

/* Keeps the first `count` small cases, in turn if there are fewer. */
static lp_status keep_small(lp_suite *small, const lp_suite *all, const lp_manifest *manifest, int count,
                            lp_error *error) {
  bool any = true;
  for (int round = 0; any && small->count < count; round++) {
    any = false;
    for (int i = 0; i < all->count && small->count < count; i++) {
      if (!is_small(&all->entries[i].c, manifest)) continue;
      lp_suite_entry *entry = lp_suite_add(small);
      if (!entry) return lp_fail(error, LP_NO_MEMORY, "out of memory");
      *entry = all->entries[i];
      entry->c.id = lp_arena_format(small->arena, "%s.%d", entry->c.id, round);
      if (!entry->c.id) return lp_fail(error, LP_NO_MEMORY, "out of memory");
      any = true;
    }
  }
  return any ? LP_OK : lp_fail(error, LP_INVALID, "no case of at most %d elements is within its manifest", SMALL);
}

static lp_status make_cases(lp_suite *small, lp_suite *all, const lp_manifest *manifest, const lp_loss *loss, int count,
                            lp_error *error) {
  const lp_generate_options options = {.seed = LP_DEFAULT_SEED, .dtype = LP_FLOAT64, .suite = "bench"};
  for (int i = 0; i < lp_registry_count(); i++) {
    if (!loss || lp_registry_at(i) == loss) LP_TRY(lp_generate(all, lp_registry_at(i), &options, error));
  }
  return keep_small(small, all, manifest, count, error);
}

static lp_status run_all(lp_candidate *candidate, const lp_suite *suite, lp_error *error) {
  const lp_case *cases[CHUNK];
  lp_answer answers[CHUNK];
  for (int begin = 0; begin < suite->count; begin += CHUNK) {
    const int n = suite->count - begin < CHUNK ? suite->count - begin : CHUNK;
    lp_arena *arena = lp_arena_new(0);
    if (!arena) return lp_fail(error, LP_NO_MEMORY, "out of memory");
    for (int i = 0; i < n; i++) cases[i] = &suite->entries[begin + i].c;
    const lp_status status = lp_candidate_ask(candidate, answers, arena, cases, n, error);
    lp_arena_free(arena);
    LP_TRY(status);
  }
  return LP_OK;
}

static lp_status judge_all(lp_candidate *candidate, const lp_suite *suite, lp_error *error) {
  const lp_certify_options options = {.jobs = 1};
  lp_certification run;
  lp_errata *errata;
  LP_TRY(lp_errata_read(&errata, lp_cli_errata(), error));
  const lp_status status = lp_certify(&run, candidate, suite, errata, &options, error);
  lp_errata_free(errata);
  LP_TRY(status);
  const int ran = run.n_ran, exit_code = lp_certification_exit_code(&run);
  lp_certification_clear(&run);
  if (ran == suite->count && exit_code != LP_EXIT_HARNESS) return LP_OK; /* findings take no less time */
  return lp_fail(error, LP_INVALID, "%d of %d cases ran, with exit code %d", ran, suite->count, exit_code);
}

typedef struct measurement {
  const char *what;
  bool careless, judged;
} measurement;

static const measurement measurements[] = {
    {"run once", true, false}, {"run with every check", false, false}, {"judged with every check", false, true}};

static lp_status measure(const measurement *m, const char *description, const lp_suite *suite, bool json,
                         lp_error *error) {
  lp_candidate_options options = LP_CANDIDATE_DEFAULTS;
  lp_candidate *candidate;
  options.careless = m->careless;
  const double before = processor_time();
  LP_TRY(lp_candidate_open(&candidate, description, &options, error));
  const double start = wall();
  const lp_status status = (m->judged ? judge_all : run_all)(candidate, suite, error);
  const double took = wall() - start;
  lp_candidate_close(candidate);
  const double used = processor_time() - before;
  LP_TRY(status);
  const char *format = json ? "{\"candidate\": \"%s\", \"what\": \"%s\", \"cases\": %d, \"cases_per_second\": %.0f, "
                              "\"cases_per_second_of_processor\": %.0f}\n"
                            : "%-34s %-26s %6d cases %9.0f a second %9.0f a second of processor time\n";
  printf(format, description, m->what, suite->count, suite->count / took, suite->count / used);
  fflush(stdout);
  return LP_OK;
}

static lp_status measure_all(lp_suite *small, lp_suite *all, const char *description, const lp_loss *loss, int count,
                             bool json, lp_error *error) {
  lp_candidate *candidate;
  LP_TRY(lp_candidate_open(&candidate, description, NULL, error));
  const lp_status status = make_cases(small, all, lp_candidate_manifest(candidate), loss, count, error);
  lp_candidate_close(candidate);
  LP_TRY(status);
  for (size_t i = 0; i < sizeof measurements / sizeof measurements[0]; i++) {
    LP_TRY(measure(&measurements[i], description, small, json, error));
  }
  return LP_OK;
}

int lp_bench_doors(const char *description, const lp_loss *loss, int count, bool json) {
  lp_error error;
  lp_suite small = {.arena = NULL}, all = {.arena = NULL};
  lp_status status = lp_suite_init(&small, &error);
  if (status == LP_OK) status = lp_suite_init(&all, &error);
  if (status == LP_OK) status = measure_all(&small, &all, description, loss, count, json, &error);
  if (small.arena) lp_suite_clear(&small);
  if (all.arena) lp_suite_clear(&all);
  return status == LP_OK ? 0 : lp_cli_fail(&error);
}
