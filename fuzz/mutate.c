#include "fuzz/mutate.h"

#include <string.h>

#include "fuzz/codec.h"
#include "fuzz/mutate_tools.h"
#include "fuzz/shapes.h"
#include "harness/compose.h"
#include "reference/plan.h"

enum { MOST_MUTATIONS = 4, TRIES = 24 };

static const lp_mutation mutations[] = {
    {"shape-class", lp_mutate_shape_class},
    {"grow-extent", lp_mutate_grow_extent},
    {"shrink-extent", lp_mutate_shrink_extent},
    {"one-extent", lp_mutate_one_extent},
    {"toggle-input", lp_mutate_toggle_input},
    {"case-dtype", lp_mutate_case_dtype},
    {"input-dtype", lp_mutate_input_dtype},
    {"reduction", lp_mutate_reduction},
    {"setting", lp_mutate_setting},
    {"setting-near", lp_mutate_setting_near},
    {"setting-ulp", lp_mutate_setting_ulp},
    {"upstream", lp_mutate_upstream},
    {"redraw", lp_mutate_redraw},
    {"redraw-element", lp_mutate_redraw_element},
    {"special", lp_mutate_special},
    {"small-number", lp_mutate_small_number},
    {"one-ulp", lp_mutate_one_ulp},
    {"negate", lp_mutate_negate},
    {"copy-element", lp_mutate_copy_element},
    {"scale", lp_mutate_scale},
    {"add-setting", lp_mutate_add_setting},
    {"boundary", lp_mutate_boundary},
    {"copy-row", lp_mutate_copy_row},
    {"tie-rows", lp_mutate_tie_rows},
    {"permute", lp_mutate_permute},
    {"special-row", lp_mutate_special_row},
    {"label", lp_mutate_label},
    {"duplicate-label", lp_mutate_duplicate_label},
    {"length", lp_mutate_length},
    {"margin", lp_mutate_margin},
    {"repair", lp_mutate_repair},
};
enum { N_MUTATIONS = sizeof mutations / sizeof mutations[0] };

int lp_mutations_count(void) { return N_MUTATIONS; }

const lp_mutation *lp_mutations_at(int index) { return index >= 0 && index < N_MUTATIONS ? &mutations[index] : NULL; }

/* A refused case keeps its gradient only when it fits the limits. */
static lp_status settle_upstream(lp_case *c, lp_arena *arena, lp_rng *rng, lp_error *error) {
  lp_case without = *c;
  lp_plan plan;
  without.has_grad_output = false;
  if (!c->has_grad_output) return LP_OK;
  const bool accepted = lp_plan_init(&plan, &without, NULL) == LP_OK;
  lp_tensor layout = accepted ? plan.outcome.outputs[0].tensor : c->grad_output;
  const bool same = lp_tensor_same_shape(&layout, &c->grad_output);
  const bool large = c->grad_output.numel > LP_FUZZ_MAX_ELEMENTS;
  if (!accepted && large) c->has_grad_output = false;
  if (!c->has_grad_output || (same && (accepted || !large)) || (!large && lp_rng_chance(rng, 0.05))) return LP_OK;
  layout.dtype = c->grad_output.dtype;
  if (lp_mutate_recast(&c->grad_output, arena, &layout, rng)) return LP_OK;
  c->has_grad_output = false;
  return lp_fail(error, LP_NO_MEMORY, "no memory for an upstream gradient");
}

lp_status lp_mutate_settle(lp_case *c, lp_arena *arena, lp_rng *rng, lp_error *error) {
  const lp_status status = settle_upstream(c, arena, rng, error);
  c->expect = lp_case_expectation(c);
  return status;
}

lp_status lp_mutate_case(lp_case *c, lp_arena *arena, lp_rng *rng, lp_error *error) {
  int left = 1 + (int)(lp_rng_below(rng, MOST_MUTATIONS) * lp_rng_below(rng, 2));
  for (int tries = TRIES; left > 0 && tries > 0; tries--) {
    left -= mutations[lp_rng_below(rng, N_MUTATIONS)].apply(c, arena, rng);
  }
  LP_TRY(lp_mutate_settle(c, arena, rng, error));
  const bool repaired = c->expect != LP_EXPECT_ACCEPT && lp_rng_chance(rng, 0.5) && lp_mutate_repair(c, arena, rng);
  return repaired ? lp_mutate_settle(c, arena, rng, error) : LP_OK;
}

/* --- two cases --- */

static lp_status take_options(lp_case *child, lp_arena *arena, const lp_case *from, lp_rng *rng, lp_error *error) {
  const bool all = lp_rng_chance(rng, 0.5);
  for (int i = 0; i < child->loss->n_params; i++) {
    if (all || lp_rng_chance(rng, 0.5)) child->params[i] = from->params[i];
  }
  if (!all && lp_rng_chance(rng, 0.5)) return LP_OK;
  const char *word = lp_arena_text(arena, from->reduction_word, strlen(from->reduction_word));
  if (!word) return lp_fail(error, LP_NO_MEMORY, "no memory for the word of a reduction");
  child->reduction = from->reduction;
  child->reduction_word = word;
  return LP_OK;
}

/* Elements of `from`, in turn, into all or some of the child's. */
static void take_values(lp_tensor *to, const lp_tensor *from, lp_rng *rng) {
  if (to->numel == 0 || from->numel == 0) return;
  const int64_t first = lp_rng_chance(rng, 0.5) ? 0 : lp_rng_below(rng, to->numel);
  const int64_t end = lp_rng_chance(rng, 0.5) ? to->numel : first + 1 + lp_rng_below(rng, to->numel - first);
  for (int64_t i = first; i < end; i++) lp_mutate_put(to, i, lp_tensor_get(from, i % from->numel));
}

static void take_inputs(lp_case *child, const lp_case *from, lp_rng *rng) {
  const int only = (int)lp_rng_below(rng, child->loss->n_inputs);
  const bool all = lp_rng_chance(rng, 0.3);
  for (int i = 0; i < child->loss->n_inputs; i++) {
    const bool both = child->has_input[i] && from->has_input[i];
    if (both && (all || i == only)) take_values(&child->inputs[i], &from->inputs[i], rng);
  }
}

lp_status lp_cross_cases(lp_case *child, lp_arena *arena, const lp_case *a, const lp_case *b, lp_rng *rng,
                         lp_error *error) {
  const bool turned = lp_rng_chance(rng, 0.5);
  const lp_case *body = turned ? b : a, *other = turned ? a : b;
  const int64_t kind = lp_rng_below(rng, 3);
  LP_TRY(lp_case_copy(child, arena, body, error));
  if (kind != 0) LP_TRY(take_options(child, arena, other, rng, error));
  if (kind != 1) take_inputs(child, other, rng);
  return lp_mutate_settle(child, arena, rng, error);
}
