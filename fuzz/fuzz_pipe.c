/* What a candidate writes down a pipe: answers, greetings and manifests. Any bytes are read or refused with a message,
 * never a crash; an answer that is read has the outputs that were asked for. The first byte says which, and to which
 * question. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/codec.h"
#include "fuzz/replay.h"
#include "golden/json.h"
#include "reference/plan.h"
#include "reference/registry.h"

enum { GREETING, MANIFEST, REFUSED, ACCEPTED, KINDS };

static void demand(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "fuzz_pipe: %s\n", what);
  abort();
}

static void read_manifest(lp_arena *arena, int kind, const char *text, size_t length) {
  lp_manifest manifest;
  lp_error error = {.message = ""};
  if (kind == MANIFEST && lp_manifest_init(&manifest, arena, "fuzz", "1", 1u << LP_FLOAT64, &error) != LP_OK) return;
  const lp_status status = kind == GREETING ? lp_json_read_greeting(&manifest, arena, text, length, &error)
                                            : lp_manifest_read(&manifest, arena, text, length, &error);
  demand(status == LP_OK || error.message[0], "a refusal without a message");
  if (status != LP_OK) return;
  for (int i = 0; i < lp_registry_count(); i++) {
    demand(lp_manifest_find(&manifest, lp_registry_at(i)) != NULL, "a manifest that lacks a loss");
  }
  demand(manifest.name && manifest.version && manifest.text, "a manifest without a text");
}

static void read_answer(lp_arena *arena, int kind, const lp_loss *loss, const char *text, size_t length) {
  lp_case c;
  lp_plan plan;
  lp_outcome outcome;
  lp_error error = {.message = ""};
  if (lp_case_decode(&c, arena, loss, NULL, 0, &error) != LP_OK || lp_plan_init(&plan, &c, &error) != LP_OK) return;
  const lp_status status =
      lp_json_read_answer(&outcome, arena, &c, kind == ACCEPTED ? &plan.outcome : NULL, text, length, &error);
  demand(status == LP_OK || error.message[0], "a refusal without a message");
  if (status != LP_OK) return;
  demand(outcome.message != NULL, "an outcome without a text");
  demand(outcome.kind == LP_OUTCOME_OK || outcome.n_outputs == 0, "outputs of a case that was not answered");
  for (int k = 0; k < outcome.n_outputs; k++) {
    const lp_tensor *t = &outcome.outputs[k].tensor;
    demand(t->f64 && lp_dtype_is_floating(t->dtype), "an output without numbers");
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0 || size > 1 << 16) return 0;
  const int kind = data[0] % KINDS;
  const lp_loss *loss = lp_registry_at(data[0] / KINDS % lp_registry_count());
  lp_arena *arena = lp_arena_new((size_t)1 << 28);
  if (!arena) return 0;
  if (kind <= MANIFEST) {
    read_manifest(arena, kind, (const char *)data + 1, size - 1);
  } else {
    read_answer(arena, kind, loss, (const char *)data + 1, size - 1);
  }
  lp_arena_free(arena);
  return 0;
}
