#include "harness/fate.h"

#include <stdio.h>
#include <string.h>

#include "reference/draw.h"
#include "reference/plan.h"

lp_status lp_fate_of(lp_fate *fate, lp_arena *arena, const lp_case *c, lp_error *error) {
  lp_plan plan;
  lp_error reason;
  *fate = (lp_fate){.rejected = false};
  const lp_status status = lp_plan_init(&plan, c, &reason);
  if (status == LP_REJECTED) {
    *fate = (lp_fate){.rejected = true, .reject = reason.reject};
    return LP_OK;
  }
  if (status != LP_OK) return lp_fail(error, status, "case %s: %s", c->id, reason.message);
  double *const scratch = lp_arena_alloc(arena, plan.scratch, sizeof *scratch);
  if (scratch == NULL) return lp_fail(error, LP_NO_MEMORY, "case %s: no memory for its regimes", c->id);
  fate->regimes = lp_reference_regimes(&plan, scratch);
  return LP_OK;
}

char *lp_tag_value(char word[LP_NAME_MAX], const char *tags, const char *key) {
  const size_t length = strlen(key);
  word[0] = '\0';
  for (const char *at = tags; at != NULL; at = strchr(at, ' ')) {
    at += *at == ' ';
    if (strncmp(at, key, length) != 0 || at[length] != '=') continue;
    snprintf(word, LP_NAME_MAX, "%.*s", (int)strcspn(at + length + 1, " "), at + length + 1);
    break;
  }
  return word;
}

/* Hashing is chained: the state so far is the seed of the next piece. */
static uint64_t hash_text(uint64_t hash, const char *text) { return lp_rng_for_case(hash, text).state; }

static uint64_t hash_number(uint64_t hash, double number) {
  char text[64];
  snprintf(text, sizeof text, "%a", number);
  return hash_text(hash, text);
}

uint64_t lp_fate_group(const lp_case *c, const lp_fate *fate) {
  char word[LP_NAME_MAX];
  uint64_t hash = hash_text(0, c->reduction_word);
  for (int i = 0; i < c->loss->n_params; ++i) hash = hash_number(hash, c->params[i]);
  for (int i = 0; i < c->loss->n_inputs; ++i) {
    hash = hash_text(hash, c->has_input[i] ? lp_dtype_name(c->inputs[i].dtype) : "-");
  }
  hash = hash_text(hash, lp_tag_value(word, c->tags, "grad"));
  hash = hash_text(hash, lp_tag_value(word, c->tags, "shape"));
  snprintf(word, sizeof word, "%d %llu", (int)fate->reject, (unsigned long long)fate->regimes);
  hash = hash_text(hash, word);
  return hash_text(hash, c->hunts);
}
