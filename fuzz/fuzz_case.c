/* The reference on any case that the JSON reader accepts: every output is written, twice the same, and nothing outside
 * the buffers is touched (the sanitizers watch). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/replay.h"
#include "golden/json.h"
#include "harness/examine.h"

static void demand(int holds, const char *what, const lp_case *c) {
  if (holds) return;
  fprintf(stderr, "fuzz_case: %s: %s\n", c->loss->name, what);
  abort();
}

static uint64_t bits_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static int same_bits(const lp_tensor *a, const lp_tensor *b) {
  for (int64_t i = 0; i < a->numel; i++) {
    if (isnan(a->f64[i]) && isnan(b->f64[i])) continue;
    if (bits_of(a->f64[i]) != bits_of(b->f64[i])) return 0;
  }
  return 1;
}

static void check_case(const lp_case *c) {
  lp_arena *arena = lp_arena_new((size_t)1 << 28);
  lp_examination a, b;
  lp_error error;
  if (arena && lp_examine(&a, arena, c, &error) == LP_OK && a.reference.kind == LP_OUTCOME_OK &&
      lp_examine(&b, arena, c, &error) == LP_OK) {
    for (int k = 0; k < a.reference.n_outputs; k++) {
      const lp_tensor *out = &a.reference.outputs[k].tensor;
      demand(same_bits(out, &b.reference.outputs[k].tensor), "two runs differ", c);
    }
  }
  lp_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lp_suite suite;
  lp_json_shape shape;
  lp_error error;
  if (size > 1 << 14 || lp_suite_init(&suite, &error) != LP_OK) return 0;
  if (lp_json_read_text(&suite, &shape, (const char *)data, size, "fuzz", &error) == LP_OK) {
    for (int i = 0; i < suite.count; i++) {
      if (suite.entries[i].status == LP_OK) check_case(&suite.entries[i].c);
    }
  }
  lp_suite_clear(&suite);
  return 0;
}
