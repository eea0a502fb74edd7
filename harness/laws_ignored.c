/* What the definition does not look at leaks nothing: NaN, or another label, is put there. */
#include <math.h>
#include <string.h>

#include "harness/laws_internal.h"

/* Each changes what is ignored in *c, and tells whether there was anything. */
typedef lp_status (*lp_poke)(lp_case *c, lp_arena *arena, lp_rng *rng, bool *any, lp_error *error);

/* Another class, in the range that PyTorch checks. */
static int64_t other_class(lp_rng *rng, int64_t label, int64_t n_classes) {
  const int64_t other = lp_rng_below(rng, n_classes);
  return other == label ? (other + 1) % n_classes : other;
}

/* multilabel_margin: labels after the first -1 of a row. */
static lp_status poke_after_terminator(lp_case *c, lp_arena *arena, lp_rng *rng, bool *any, lp_error *error) {
  lp_tensor *target = &c->inputs[lp_loss_input_index(c->loss, "target")];
  const int64_t width = target->rank > 0 ? target->shape[target->rank - 1] : 1;
  bool over = false;
  LP_TRY(lp_law_own(arena, target, error));
  for (int64_t i = 0; i < target->numel; i++) {
    over = over && i % width != 0;
    if (over) {
      target->i64[i] = other_class(rng, target->i64[i], width);
      *any = true;
    } else {
      over = target->i64[i] == -1;
    }
  }
  return LP_OK;
}

/* ctc: frames from a sequence's input_length on. */
static lp_status poke_frames(lp_case *c, lp_arena *arena, lp_rng *rng, bool *any, lp_error *error) {
  (void)rng;
  lp_tensor *x = &c->inputs[lp_loss_input_index(c->loss, "log_probs")];
  const lp_tensor *lengths = &c->inputs[lp_loss_input_index(c->loss, "input_lengths")];
  const int64_t n_classes = x->shape[x->rank - 1], batch = x->rank == 3 ? x->shape[1] : 1;
  LP_TRY(lp_law_own(arena, x, error));
  for (int64_t i = 0; i < x->numel; i++) {
    const int64_t frame = i / n_classes / batch, row = i / n_classes % batch;
    if (frame < lengths->i64[row]) continue;
    x->f64[i] = (double)NAN;
    *any = true;
  }
  return LP_OK;
}

/* ctc: labels of a padded row from its target_length on. Padding is often -1. */
static lp_status poke_padding(lp_case *c, lp_arena *arena, lp_rng *rng, bool *any, lp_error *error) {
  (void)rng;
  lp_tensor *targets = &c->inputs[lp_loss_input_index(c->loss, "targets")];
  const lp_tensor *lengths = &c->inputs[lp_loss_input_index(c->loss, "target_lengths")];
  if (targets->rank != 2) return LP_OK;
  const int64_t padding = targets->dtype == LP_UINT8 ? 0 : -1;
  LP_TRY(lp_law_own(arena, targets, error));
  for (int64_t i = 0; i < targets->numel; i++) {
    if (i % targets->shape[1] < lengths->i64[i / targets->shape[1]]) continue;
    targets->i64[i] = targets->i64[i] == padding ? padding + 1 : padding;
    *any = true;
  }
  return LP_OK;
}

/* The registry's words for what is ignored. */
static const struct {
  const char *words;
  lp_poke poke;
} pokes[] = {
    {"entries of target from the first -1 of a row on", poke_after_terminator},
    {"frames past input_lengths", poke_frames},
    {"labels past target_lengths", poke_padding},
};

static const char *refuse_ignored(const lp_plan *plan) {
  for (size_t i = 0; i < sizeof pokes / sizeof pokes[0]; i++) {
    if (strstr(plan->c->loss->ignored, pokes[i].words)) return NULL;
  }
  return "the loss ignores no elements";
}

static lp_status poke_case(lp_derivation *d, lp_arena *arena, lp_rng *rng, lp_poke poke, lp_error *error) {
  bool any = false;
  LP_TRY(poke(lp_law_add(d, d->plans[0].c), arena, rng, &any, error));
  if (!any) d->count--;
  return LP_OK;
}

static lp_status derive_ignored(lp_derivation *d, lp_arena *arena, lp_rng *rng, lp_error *error) {
  for (size_t i = 0; i < sizeof pokes / sizeof pokes[0]; i++) {
    if (!strstr(d->plans[0].c->loss->ignored, pokes[i].words)) continue;
    LP_TRY(poke_case(d, arena, rng, pokes[i].poke, error));
  }
  if (d->count == 0) d->why_not = "no element of this case is ignored";
  return LP_OK;
}

static void relate_same(lp_relation *r) {
  for (int k = 1; k <= r->d->count; k++) lp_law_same_outcome(r, k, true);
}

const lp_law lp_law_ignored_elements = {"ignored-elements",
                                        "what the loss ignores may hold anything and changes nothing", refuse_ignored,
                                        derive_ignored, relate_same};

/* --- weights of absent classes ------------------------------------------------------------------------------ */

/* A weight (C) beside a target of classes, one a row: each row takes the weight of its class. Smoothed labels take all.
 */
static const char *refuse_weights(const lp_plan *plan) {
  const lp_case *c = plan->c;
  const int weight = lp_loss_input_index(c->loss, "weight"), target = lp_loss_input_index(c->loss, "target");
  const int smoothing = lp_loss_param_index(c->loss, "label_smoothing");
  if (weight < 0 || target < 0 || c->loss->inputs[target].kind != LP_KIND_INDEX ||
      strcmp(c->loss->inputs[weight].shape, "(C)") != 0) {
    return "the loss has no weights of classes";
  }
  if (!c->has_input[weight] || !c->inputs[weight].f64 || !c->inputs[target].i64) return "the case has no weights";
  return smoothing >= 0 && c->params[smoothing] != 0.0 ? "every row takes the weights of all classes" : NULL;
}

static bool is_present(const lp_tensor *target, int64_t class) {
  bool present = false;
  for (int64_t i = 0; i < target->numel; i++) present = present || target->i64[i] == class;
  return present;
}

static lp_status derive_weights(lp_derivation *d, lp_arena *arena, lp_rng *rng, lp_error *error) {
  (void)rng;
  lp_case *c = lp_law_add(d, d->plans[0].c);
  lp_tensor *weight = &c->inputs[lp_loss_input_index(c->loss, "weight")];
  const lp_tensor *target = &c->inputs[lp_loss_input_index(c->loss, "target")];
  bool any = false;
  LP_TRY(lp_law_own(arena, weight, error));
  for (int64_t k = 0; k < weight->numel; k++) {
    if (is_present(target, k)) continue;
    weight->f64[k] = (double)NAN;
    any = true;
  }
  if (any) return LP_OK;
  d->count = 0;
  d->why_not = "every class is the target of a row";
  return LP_OK;
}

const lp_law lp_law_unused_weights = {"unused-weights", "the weight of a class that is no row's target may be anything",
                                      refuse_weights, derive_weights, relate_same};
