/* bench: times the reference, or the exact oracle, value and every gradient in one pass, one thread; or a door. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "golden/json.h"
#include "reference/draw.h"
#include "reference/exact/exact.h"
#include "reference/plan.h"
#include "reference/registry.h"
#include "tools/cli.h"
#include "tools/shared.h"

enum {
  MAX_REPEATS = 1000,
  /* The exact oracle is timed on less: the first extent at most this. */
  EXACT_ELEMENTS = 16384,
  EXACT_ROWS = 64
};

static const lp_bench_shape pointwise_shape = {"2^20 elements",
                                               {"1048576", "1048576", "1048576", "1048576", "1048576"}};

/* A case to be timed, with everything it needs. */
typedef struct subject {
  lp_arena *arena;
  lp_case c;
  lp_outcome outcome;
  double *scratch;
  bool exact; /* the exact oracle is timed, not the reference */
} subject;

static lp_status add_input(subject *s, int i, const char *shape, lp_error *error) {
  int64_t extents[LP_MAX_RANK];
  int rank = 0;
  char *end = NULL;
  for (const char *p = shape; *p && rank < LP_MAX_RANK; p = end + strspn(end, " "))
    extents[rank++] = strtoll(p, &end, 10);
  const int64_t most = s->c.loss->bench ? EXACT_ROWS : EXACT_ELEMENTS;
  if (s->exact && rank > 0 && rank < 3 && extents[0] > most) extents[0] = most;
  const lp_dtype dtype = s->c.loss->inputs[i].kind == LP_KIND_REAL ? LP_FLOAT64 : LP_INT64;
  LP_TRY(lp_tensor_init(&s->c.inputs[i], dtype, rank, extents, error));
  LP_TRY(lp_arena_tensor(s->arena, &s->c.inputs[i], error));
  s->c.has_input[i] = true;
  return LP_OK;
}

static lp_status build(subject *s, const lp_loss *loss, const lp_bench_shape *shape, uint64_t seed, lp_error *error) {
  lp_plan plan;
  lp_case_init(&s->c, loss);
  s->c.id = lp_arena_format(s->arena, "bench/%s/%s", loss->name, shape->name);
  if (!s->c.id) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  for (int i = 0; i < loss->n_inputs; i++) {
    if (!loss->inputs[i].optional) LP_TRY(add_input(s, i, shape->shapes[i], error));
  }
  lp_rng rng = lp_rng_for_case(seed, s->c.id);
  loss->draw(&s->c, &rng, 0);
  LP_TRY(lp_plan_init(&plan, &s->c, error));
  LP_TRY(lp_arena_outcome(s->arena, &s->outcome, &plan.outcome, error));
  s->scratch = lp_arena_alloc(s->arena, plan.scratch + 1, sizeof(double));
  return s->scratch ? LP_OK : lp_fail(error, LP_NO_MEMORY, "out of memory");
}

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void run_once(subject *s) {
  lp_plan plan;
  lp_exact exact;
  if (lp_plan_init(&plan, &s->c, NULL) != LP_OK) return;
  if (!s->exact) {
    lp_reference_run(&s->outcome, &plan, s->scratch);
  } else if (lp_exact_evaluate(&exact, &plan, NULL, NULL) == LP_OK) {
    lp_exact_clear(&exact);
  }
}

/* Median milliseconds of one checked value-and-gradient pass. */
static double median_ms(subject *s, int repeats) {
  static double times[MAX_REPEATS];
  const int n = repeats < MAX_REPEATS ? repeats : MAX_REPEATS;
  for (int i = 0; i < n; i++) {
    const double start = seconds();
    run_once(s);
    times[i] = 1e3 * (seconds() - start);
  }
  qsort(times, (size_t)n, sizeof *times, by_value);
  return times[n / 2];
}

typedef struct options {
  const char *save, *door;
  int repeats, cases;
  uint64_t seed;
  bool json, exact, fuzz;
} options;

static int save_case(const subject *s, const char *folder, int number) {
  char path[4096];
  lp_error error;
  snprintf(path, sizeof path, "%s/%s.%d.json", folder, s->c.loss->name, number);
  FILE *out = lp_open_output(path);
  if (!out) return LP_EXIT_USAGE;
  const lp_status status = lp_json_write_case(out, &s->c, NULL, LP_JSON_PACKED, &error);
  const int exit_code = lp_close_output(out, path);
  return status == LP_OK ? exit_code : lp_cli_fail(&error);
}

static void print_time(const subject *s, const lp_bench_shape *whole, double ms, const options *o) {
  const double elements = (double)s->c.inputs[0].numel;
  char text[64];
  const bool smaller = s->exact && s->c.inputs[0].rank < 3;
  lp_bench_shape own = {.name = smaller ? lp_tensor_shape_text(text, sizeof text, &s->c.inputs[0]) : whole->name};
  const lp_bench_shape *shape = &own;
  if (o->json) {
    printf("{\"loss\": \"%s\", \"shape\": \"%s\", \"milliseconds\": %.6g, \"ns_per_element\": %.4g}\n", s->c.loss->name,
           shape->name, ms, 1e6 * ms / elements);
  } else {
    printf("%-18s %-24s %10.3f ms %9.2f ns/element\n", s->c.loss->name, shape->name, ms, 1e6 * ms / elements);
  }
  fflush(stdout);
}

static int bench_shape(const lp_loss *loss, const lp_bench_shape *shape, int number, const options *o) {
  lp_error error = {.message = "out of memory"};
  subject s = {.arena = lp_arena_new(0), .exact = o->exact};
  int exit_code = 0;
  if (!s.arena || build(&s, loss, shape, o->seed, &error) != LP_OK) {
    exit_code = lp_cli_fail(&error);
  } else if (o->save) {
    exit_code = save_case(&s, o->save, number);
  } else {
    print_time(&s, shape, median_ms(&s, o->repeats), o);
  }
  lp_arena_free(s.arena);
  return exit_code;
}

static int bench_loss(const lp_loss *loss, const options *o) {
  if (!loss->bench) return bench_shape(loss, &pointwise_shape, 0, o);
  for (int i = 0; i < loss->n_bench; i++) {
    const int exit_code = bench_shape(loss, &loss->bench[i], i, o);
    if (exit_code) return exit_code;
  }
  return 0;
}

int lp_verb_bench(int argc, char **argv) {
  options o = {.repeats = 15, .cases = 20000, .seed = 1};
  const char *loss_name = NULL;
  const lp_flag flags[] = {
      {"loss", LP_FLAG_TEXT, &loss_name, "LOSS", "only this loss"},
      {"repeat", LP_FLAG_COUNT, &o.repeats, "N", "passes; the median is printed (default 15, at most 1000)"},
      {"seed", LP_FLAG_SEED, &o.seed, "S", "seed of the data (default 1)"},
      {"exact", LP_FLAG_SWITCH, &o.exact, NULL, "time the exact oracle instead, on smaller shapes"},
      {"doors", LP_FLAG_TEXT, &o.door, "CANDIDATE", "time the way to this candidate and back instead, on small cases"},
      {"fuzz", LP_FLAG_SWITCH, &o.fuzz, NULL, "time the fuzzer, from nothing, through all oracles, on small cases"},
      {"cases", LP_FLAG_COUNT, &o.cases, "N", "of them, with --doors and --fuzz (default 20000)"},
      {"json", LP_FLAG_SWITCH, &o.json, NULL, "one JSON object a line"},
      {"save", LP_FLAG_TEXT, &o.save, "FOLDER", "write the timed cases there as packed JSON, and time nothing"},
  };
  const lp_command command = {"bench [options]",
                              "Times the reference: checking, value and every gradient, reduction mean, float64, one\n"
                              "thread. tools/bench/versus_torch.py compares with PyTorch on the same data.",
                              flags,
                              sizeof flags / sizeof flags[0],
                              0,
                              0};
  int n, exit_code;
  if (lp_cli_parse(&command, argc, argv, NULL, &n, &exit_code) == LP_CLI_STOP) return exit_code;
  const lp_loss *loss = loss_name ? lp_cli_loss(loss_name) : NULL;
  if (loss_name && !loss) return LP_EXIT_USAGE;
  if (o.door) return lp_bench_doors(o.door, loss, o.cases, o.json);
  if (o.fuzz) return lp_bench_fuzz(loss, o.cases, o.json);
  if (loss) return bench_loss(loss, &o);
  for (int i = 0; i < lp_registry_count(); i++) {
    exit_code = bench_loss(lp_registry_at(i), &o);
    if (exit_code) return exit_code;
  }
  return 0;
}
