/* One loss through all oracles (probe.h): bytes are a case, and any disagreement is a finding. The loss is
 * LP_FUZZ_LOSS. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/codec.h"
#include "fuzz/engine.h"
#include "fuzz/feedback.h"
#include "fuzz/replay.h"
#include "golden/json.h"
#include "reference/registry.h"

/* libFuzzer calls them by name. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t n_a, const uint8_t *b, size_t n_b, uint8_t *out,
                                 size_t capacity, unsigned seed);

static const lp_loss *the_loss(void) {
  const lp_loss *loss = lp_registry_find(LP_FUZZ_LOSS);
  if (loss) return loss;
  fprintf(stderr, "fuzz_loss: this build has no loss %s\n", LP_FUZZ_LOSS);
  exit(2);
}

static void show(const lp_case *c, const lp_probe_result *result) {
  lp_error error = {.message = ""};
  for (int i = 0; i < result->n_findings; i++) {
    fprintf(stderr, "finding%s %s\n  %s\n", result->planted ? " (planted)" : "", result->findings[i].signature,
            result->findings[i].text);
  }
  if (lp_json_write_case(stderr, c, NULL, LP_JSON_READABLE, &error) != LP_OK) fprintf(stderr, "%s", error.message);
  fprintf(stderr, "\n");
}

static void stop(const char *message) {
  fprintf(stderr, "fuzz_%s: %s\n", LP_FUZZ_LOSS, message);
  abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const lp_probe_options options = {.seed = lp_probe_seed(data, size)};
  lp_probe_result result;
  lp_case c;
  lp_error error = {.message = "out of memory"};
  lp_arena *arena = lp_arena_new(0);
  if (!arena || lp_case_decode(&c, arena, the_loss(), data, size, &error) != LP_OK ||
      lp_probe(&result, arena, &c, &options, &error) != LP_OK) {
    stop(error.message);
  }
  lp_feedback(&result, c.loss);
  if (result.n_findings > 0) {
    show(&c, &result);
    stop(result.findings[0].signature);
  }
  lp_arena_free(arena);
  return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed) {
  const lp_fuzz_subject subject = {.loss = the_loss()};
  const size_t written = lp_engine_mutate(data, size, capacity, &subject, seed);
  return written > 0 ? written : LLVMFuzzerMutate(data, size, capacity);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t n_a, const uint8_t *b, size_t n_b, uint8_t *out,
                                 size_t capacity, unsigned seed) {
  const lp_fuzz_subject subject = {.loss = the_loss()};
  return lp_engine_cross(out, capacity, &subject, a, n_a, b, n_b, seed);
}
