#include <math.h>

#include "harness/zoo/families.h"

enum { LOG_PROBS, TARGETS, INPUT_LENGTHS, TARGET_LENGTHS };
enum { BLANK, ZERO_INFINITY };
enum { FRAMES, BATCH, CLASSES }; /* plan->extent */

static void never_zero(lp_case *c) { c->params[ZERO_INFINITY] = 0.0; }
static void always_zero(lp_case *c) { c->params[ZERO_INFINITY] = 1.0; }

static void blank_last(lp_case *c) {
  const lp_tensor *x = &c->inputs[LOG_PROBS];
  c->params[BLANK] = (double)(x->shape[x->rank - 1] - 1);
}

static void all_frames(lp_case *c) {
  const lp_tensor *lengths = &c->inputs[INPUT_LENGTHS];
  for (int64_t i = 0; i < lengths->numel; i++) lengths->i64[i] = c->inputs[LOG_PROBS].shape[0];
}

static void no_negative(lp_case *c) {
  for (int k = INPUT_LENGTHS; k <= TARGET_LENGTHS; k++) {
    const lp_tensor *t = &c->inputs[k];
    for (int64_t i = 0; t->i64 && i < t->numel; i++) t->i64[i] = t->i64[i] < 0 ? 0 : t->i64[i];
  }
}

static void known_classes(lp_case *c) {
  const lp_tensor *x = &c->inputs[LOG_PROBS], *t = &c->inputs[TARGETS];
  const int64_t classes = x->rank > 0 ? x->shape[x->rank - 1] : 1;
  for (int64_t i = 0; t->i64 && i < t->numel; i++) {
    t->i64[i] = t->i64[i] < 0 ? 0 : t->i64[i] >= classes ? classes - 1 : t->i64[i];
  }
}

static void not_negative(lp_outcome *outcome, const lp_plan *plan) {
  const lp_tensor *t = &outcome->outputs[0].tensor;
  for (int64_t i = 0; i < t->numel; i++) t->f64[i] = t->f64[i] < 0.0 ? 0.0 : t->f64[i];
  (void)plan;
}

static void sentinel(lp_outcome *outcome, const lp_plan *plan) {
  const lp_tensor *t = &outcome->outputs[0].tensor;
  for (int64_t i = 0; i < t->numel; i++) t->f64[i] = t->f64[i] == INFINITY ? 1e5 : t->f64[i];
  (void)plan;
}

/* exp(lp) - posterior becomes -posterior, for an upstream gradient of 1. */
static void derivative(lp_outcome *outcome, const lp_plan *plan) {
  const lp_case *c = plan->c;
  if (c->has_grad_output || c->reduction == LP_REDUCTION_MEAN || outcome->n_outputs < 2) return;
  const lp_tensor *g = &outcome->outputs[1].tensor;
  for (int64_t i = 0; i < g->numel; i++) {
    if (g->f64[i] != 0.0) g->f64[i] -= exp(c->inputs[LOG_PROBS].f64[i]);
  }
}

/* A batch of several: the frames past input_length hold what was there before. */
static void stale_padding(lp_outcome *outcome, const lp_plan *plan) {
  const lp_case *c = plan->c;
  if (outcome->n_outputs < 2 || c->inputs[LOG_PROBS].rank != 3) return;
  const int64_t row = plan->extent[CLASSES], frame = plan->extent[BATCH] * row;
  for (int64_t n = 0; n < plan->extent[BATCH]; n++) {
    for (int64_t t = c->inputs[INPUT_LENGTHS].i64[n]; t < plan->extent[FRAMES]; t++) {
      outcome->outputs[1].tensor.f64[t * frame + n * row] = 1.0;
    }
  }
}

/* The mean of the losses, not divided by the lengths of their targets. */
static lp_status plain_mean(lp_outcome *outcome, lp_arena *arena, const lp_plan *plan, lp_error *error) {
  lp_case total = *plan->c;
  total.reduction = plan->c->reduction == LP_REDUCTION_MEAN ? LP_REDUCTION_SUM : plan->c->reduction;
  total.reduction_word = lp_reduction_name(total.reduction);
  LP_TRY(lp_zoo_right(outcome, arena, &total, error));
  if (plan->c->reduction == LP_REDUCTION_MEAN) lp_zoo_scale(outcome, 1.0 / (double)plan->extent[BATCH]);
  return LP_OK;
}

static bool refuses_no_labels(const lp_plan *plan) {
  const lp_tensor *lengths = &plan->c->inputs[TARGET_LENGTHS];
  for (int64_t i = 0; i < lengths->numel; i++) {
    if (lengths->i64[i] == 0) return true;
  }
  return false;
}

/* T > 2 S + 1 */
static bool refuses_tight(const lp_plan *plan) {
  const lp_tensor *frames = &plan->c->inputs[INPUT_LENGTHS], *labels = &plan->c->inputs[TARGET_LENGTHS];
  for (int64_t i = 0; i < labels->numel; i++) {
    if (frames->i64[i] <= 2 * labels->i64[i] + 1) return true;
  }
  return false;
}

static bool refuses_blank_label(const lp_plan *plan) {
  const lp_tensor *t = &plan->c->inputs[TARGETS];
  for (int64_t i = 0; i < t->numel; i++) {
    if ((double)t->i64[i] == plan->c->params[BLANK]) return true;
  }
  return false;
}

static const lp_animal animals[] = {
    {"blank-dropped", LP_ZOO_PARAMETER, "blank is taken for 0", "ctc-blank-index-default", .ask = lp_zoo_default_first},
    {"blank-last", LP_ZOO_PARAMETER, "blank is taken for C - 1", "ctc-blank-index-default", .ask = blank_last},
    {"never-zero", LP_ZOO_PARAMETER, "zero_infinity has no effect", "ce-param-not-forwarded", .ask = never_zero},
    {"always-zero", LP_ZOO_PARAMETER, "zero_infinity is taken for true", "mutant", .ask = always_zero},
    {"all-frames", LP_ZOO_BOUNDARY, "input_lengths are taken for T", "ctc-padding-frame-grad", .ask = all_frames},
    {"stale-padding", LP_ZOO_GRADIENT, "frames past input_length are not written", "ctc-padding-frame-grad",
     .tell = stale_padding},
    {"negative-lengths", LP_ZOO_ACCEPTS, "negative lengths count as 0", "ctc-negative-lengths", .lenient = true,
     .ask = no_negative},
    {"labels-clamped", LP_ZOO_ACCEPTS, "labels out of range are clamped", "ctc-label-dtype", .lenient = true,
     .ask = known_classes},
    {"not-negative", LP_ZOO_BOUNDARY, "losses below 0 are clamped to 0", "ctc-unnormalised-negative",
     .tell = not_negative},
    {"sentinel", LP_ZOO_NONFINITE, "1e5 for infinity", "ctc-infeasible-finite-sentinel", .tell = sentinel},
    {"derivative", LP_ZOO_GRADIENT, "-posterior for exp(lp) - posterior", "ctc-grad-assumes-log-softmax",
     .tell = derivative},
    {"plain-mean", LP_ZOO_REDUCTION, "the mean is not divided by the target lengths", "ctc-mean-semantics",
     .answer = plain_mean},
    {"refuses-no-labels", LP_ZOO_REJECTS, "an empty target is refused", "ctc-all-blank-unsupported",
     .refuses = refuses_no_labels},
    {"refuses-tight", LP_ZOO_REJECTS, "frames must exceed 2 S + 1", "ctc-repeat-count-ignored",
     .refuses = refuses_tight},
    {"refuses-blank-label", LP_ZOO_REJECTS, "a blank among the labels is refused", "ctc-blank-inside-target",
     .refuses = refuses_blank_label},
};

const lp_zoo_family lp_zoo_ctc = {"ctc", animals, sizeof animals / sizeof animals[0], "refuses-empty"};
