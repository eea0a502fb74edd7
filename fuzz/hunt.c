#include "fuzz/hunt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fuzz/engine.h"
#include "fuzz/feedback.h"
#include "reference/registry.h"

static const char verb[] = "--lossproof-hunt";

bool lp_hunt_is_possible(void) {
#ifdef LOSSPROOF_ENGINE
  return true;
#else
  return false;
#endif
}

lp_status lp_hunt_write_order(char words[LP_HUNT_WORDS][LP_HUNT_WORD], const lp_hunt_order *o, lp_error *error) {
  const char *const texts[] = {"lossproof", verb, o->loss->name, o->candidate, o->corpus, o->start, o->remains};
  const double numbers[] = {o->dtypes,
                            o->profile,
                            o->isolation.timeout,
                            o->isolation.load_timeout,
                            (double)o->isolation.memory,
                            o->seconds,
                            o->executions,
                            o->most_elements,
                            o->seed,
                            o->stop_at_first,
                            o->shares_corpus};
  enum { N_TEXTS = sizeof texts / sizeof texts[0], N_NUMBERS = sizeof numbers / sizeof numbers[0] };
  _Static_assert(N_TEXTS + N_NUMBERS == LP_HUNT_WORDS, "one word each");
  for (int i = 0; i < N_TEXTS; i++) {
    if (snprintf(words[i], LP_HUNT_WORD, "%s", texts[i]) >= LP_HUNT_WORD) {
      return lp_fail(error, LP_INVALID, "longer than %d bytes: \"%.40s...\"", LP_HUNT_WORD - 1, texts[i]);
    }
  }
  for (int i = 0; i < N_NUMBERS; i++) snprintf(words[N_TEXTS + i], LP_HUNT_WORD, "%.17g", numbers[i]);
  return LP_OK;
}

#ifdef LOSSPROOF_ENGINE

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t capacity);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t n_a, const uint8_t *b, size_t n_b, uint8_t *out,
                                 size_t capacity, unsigned seed);

typedef struct known_finding {
  char signature[LP_PROBE_SIGNATURE];
  size_t size; /* of the bytes that were told */
} known_finding;

/* libFuzzer gives its callbacks no context. */
static struct hunter {
  lp_hunt_order order;
  lp_fuzz_subject subject;
  lp_candidate *candidate; /* NULL: the reference */
  long long executions, asked, accepted;
  uint64_t regimes;
  double worst[1 + LP_MAX_INPUTS];
  double told_at;
  int n_known;
  known_finding known[LP_HUNT_MOST_FINDINGS];
} hunter;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- records ---------------------------------------------------------------------------------------------------- */

static void tell_bytes(const uint8_t *data, size_t size) {
  for (size_t i = 0; i < size; i++) printf("%02x", data[i]);
  printf("\n");
  fflush(stdout);
}

/* A field of text: what would end it becomes a blank. */
static void tell_text(const char *text) {
  for (; *text; text++) putchar((unsigned char)*text < ' ' ? ' ' : *text);
}

static void tell_progress(void) {
  hunter.told_at = now();
  printf("S\t%lld\t%lld\t%lld\t%llx\n", hunter.executions, hunter.asked, hunter.accepted,
         (unsigned long long)hunter.regimes);
  fflush(stdout);
}

static void give_up(const char *message) {
  tell_progress();
  printf("E\t");
  tell_text(message);
  printf("\n");
  fflush(stdout);
  _Exit(EXIT_FAILURE);
}

static void tell_worst(const lp_probe_output *o, const uint8_t *data, size_t size) {
  double *worst = &hunter.worst[1 + o->input];
  if (!(o->ratio > *worst)) return;
  *worst = o->ratio;
  printf("W\t%d\t%lld\t%a\t", o->input, (long long)o->index, o->ratio);
  tell_bytes(data, size);
}

/* Is it new, or shorter than before? Then it is known from now on. */
static bool is_news(const char *signature, size_t size) {
  int i = 0;
  while (i < hunter.n_known && strcmp(hunter.known[i].signature, signature) != 0) i++;
  if (i == LP_HUNT_MOST_FINDINGS || (i < hunter.n_known && size >= hunter.known[i].size)) return false;
  if (i == hunter.n_known) hunter.n_known++;
  snprintf(hunter.known[i].signature, sizeof hunter.known[i].signature, "%s", signature);
  hunter.known[i].size = size;
  return true;
}

static void tell_finding(const lp_probe_finding *f, const uint8_t *data, size_t size) {
  if (!is_news(f->signature, size)) return;
  printf("F\t%lld\t", hunter.executions);
  tell_text(f->signature);
  printf("\t");
  tell_text(f->text);
  printf("\t");
  tell_bytes(data, size);
}

/* --- an execution ----------------------------------------------------------------------------------------------- */

static void take(const lp_probe_result *result, const uint8_t *data, size_t size) {
  lp_feedback(result, hunter.subject.loss);
  if (!result->asked) return;
  hunter.asked++;
  if (result->accepted) {
    hunter.accepted++;
    hunter.regimes |= result->regimes;
  }
  for (int k = 0; k < result->n_outputs; k++) tell_worst(&result->outputs[k], data, size);
  for (int k = 0; k < result->n_findings; k++) tell_finding(&result->findings[k], data, size);
  if (result->n_findings > 0 && hunter.order.stop_at_first) {
    tell_progress();
    _Exit(EXIT_SUCCESS);
  }
}

static int execute(const uint8_t *data, size_t size) {
  const lp_probe_options options = {
      .candidate = hunter.candidate, .how = {.profile = hunter.order.profile}, .seed = lp_probe_seed(data, size)};
  lp_probe_result result = {.reject = LP_REJECT_NONE};
  lp_case c;
  bool wanted = false;
  lp_error error = {.message = "out of memory"};
  lp_arena *arena = lp_arena_new(0);
  hunter.executions++;
  if (!arena || lp_engine_decode(&c, &wanted, arena, &hunter.subject, data, size, &error) != LP_OK ||
      (wanted && lp_probe(&result, arena, &c, &options, &error) != LP_OK)) {
    give_up(error.message);
  }
  take(&result, data, size);
  lp_arena_free(arena);
  if (hunter.executions % 64 == 0 && now() - hunter.told_at > 0.5) tell_progress();
  return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed) {
  const size_t written = lp_engine_mutate(data, size, capacity, &hunter.subject, seed);
  return written > 0 ? written : LLVMFuzzerMutate(data, size, capacity);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t n_a, const uint8_t *b, size_t n_b, uint8_t *out,
                                 size_t capacity, unsigned seed) {
  return lp_engine_cross(out, capacity, &hunter.subject, a, n_a, b, n_b, seed);
}

/* --- the hunt --------------------------------------------------------------------------------------------------- */

static double number(const char *text) { return strtod(text, NULL); }

static void read_order(lp_hunt_order *o, char *const *w) {
  *o = (lp_hunt_order){
      .loss = lp_registry_find(w[2]),
      .candidate = w[3],
      .corpus = w[4],
      .start = w[5],
      .remains = w[6],
      .dtypes = (unsigned)number(w[7]),
      .profile = (lp_profile)(int)number(w[8]),
      .isolation = {.timeout = number(w[9]), .load_timeout = number(w[10]), .memory = (int64_t)number(w[11])},
      .seconds = (int)number(w[12]),
      .executions = (int)number(w[13]),
      .most_elements = (int)number(w[14]),
      .seed = (unsigned)number(w[15]),
      .stop_at_first = number(w[16]) != 0,
      .shares_corpus = number(w[17]) != 0};
}

static bool open_candidate(lp_error *error) {
  const lp_hunt_order *o = &hunter.order;
  return strcmp(o->candidate, "reference") == 0 ||
         lp_candidate_open(&hunter.candidate, o->candidate, &o->isolation, error) == LP_OK;
}

/* Ends the process. A case takes at most a few exchanges with the candidate, each of which has its own clock. */
static int drive(const lp_hunt_order *o) {
  enum { N = 12, WORD = LP_HUNT_WORD + 32, SLOWEST = 120 };
  static char words[N][WORD];
  char *arguments[N + 1] = {NULL};
  char **argv = arguments;
  int n = 0;
  snprintf(words[n++], WORD, "lossproof");
  snprintf(words[n++], WORD, "-seed=%u", o->seed);
  snprintf(words[n++], WORD, "-max_len=%d", 2048);
  snprintf(words[n++], WORD, "-timeout=%d", SLOWEST + (int)ceil(8 * o->isolation.timeout));
  snprintf(words[n++], WORD, "-rss_limit_mb=4096");
  snprintf(words[n++], WORD, "-artifact_prefix=%s", o->remains);
  snprintf(words[n++], WORD, "-reload=%d", o->shares_corpus);
  snprintf(words[n++], WORD, "-max_total_time=%d", o->seconds);
  snprintf(words[n++], WORD, "-runs=%d", o->executions > 0 ? o->executions : -1);
  snprintf(words[n++], WORD, "%s", o->corpus);
  if (*o->start) snprintf(words[n++], WORD, "%s", o->start);
  for (int i = 0; i < n; i++) arguments[i] = words[i];
  return LLVMFuzzerRunDriver(&n, &argv, execute);
}

static int hunt(char *const *argv) {
  lp_error error = {.message = ""};
  read_order(&hunter.order, argv);
  for (int i = 0; i <= LP_MAX_INPUTS; i++) hunter.worst[i] = -1;
  hunter.subject = (lp_fuzz_subject){
      .loss = hunter.order.loss, .dtypes = hunter.order.dtypes, .most_elements = hunter.order.most_elements};
  if (!hunter.order.loss) give_up("this build has no such loss");
  if (!open_candidate(&error)) give_up(error.message);
  atexit(tell_progress);
  return drive(&hunter.order);
}

#else

static int hunt(char *const *argv) {
  fprintf(stderr, "lossproof: %s: built without libFuzzer\n", argv[1]);
  return EXIT_FAILURE;
}

#endif

bool lp_serve_hunter(int *exit_status, int argc, char *const *argv) {
  if (argc != LP_HUNT_WORDS || strcmp(argv[1], verb) != 0) return false;
  *exit_status = hunt(argv);
  return true;
}
