/* The candidates that we bring along: the reference and the exact oracle, each rounded once to the dtypes of a case. */
#include <math.h>

#include "harness/doors/door.h"
#include "harness/examine.h"
#include "reference/exact/round.h"
#include "reference/registry.h"

static lp_status open_own(void **state, lp_manifest *manifest, lp_arena *arena, const char *rest,
                          const lp_candidate_options *options, lp_error *error) {
  (void)rest;
  (void)options;
  *state = NULL;
  LP_TRY(lp_manifest_init(manifest, arena, "lossproof", LOSSPROOF_VERSION,
                          1u << LP_FLOAT64 | 1u << LP_FLOAT32 | 1u << LP_FLOAT16 | 1u << LP_BFLOAT16, error));
  for (int i = 0; i < lp_registry_count(); i++) manifest->losses[i].deterministic = true;
  return LP_OK;
}

static void close_own(void *state) { (void)state; }

/* An answer is given in the dtypes of its outputs. */
static void round_outputs(lp_outcome *outcome) {
  for (int k = 0; k < outcome->n_outputs; k++) {
    lp_tensor *t = &outcome->outputs[k].tensor;
    for (int64_t i = 0; i < t->numel; i++) t->f64[i] = lp_dtype_round(t->dtype, t->f64[i]);
  }
}

static double rounded(const lp_exact_number *n, lp_dtype dtype) {
  static const double of_class[] = {0.0, INFINITY, -INFINITY, NAN, NAN, NAN};
  return n->class == LP_FINITE ? lp_exact_round(arb_midref(&n->value), dtype) : of_class[n->class];
}

static lp_status exact_answer(lp_outcome *outcome, lp_arena *arena, const lp_case *c, lp_error *error) {
  const lp_exact_options plain = {.no_kinks = true};
  lp_examination e;
  LP_TRY(lp_examine_rounded(&e, arena, c, &plain, error));
  *outcome = e.reference;
  for (int k = 0; e.has_exact && k < outcome->n_outputs; k++) {
    lp_tensor *t = &outcome->outputs[k].tensor;
    for (int64_t i = 0; i < t->numel; i++) t->f64[i] = rounded(&e.exact.outputs[k].numbers[i], t->dtype);
  }
  lp_examination_clear(&e);
  return LP_OK;
}

static lp_status reference_answer(lp_outcome *outcome, lp_arena *arena, const lp_case *c, lp_error *error) {
  lp_examination e;
  LP_TRY(lp_examine(&e, arena, c, error));
  *outcome = e.reference;
  round_outputs(outcome);
  return LP_OK;
}

typedef lp_status (*answer_one)(lp_outcome *outcome, lp_arena *arena, const lp_case *c, lp_error *error);

static lp_status ask_each(answer_one one, lp_answer *answers, lp_arena *arena, const lp_case *const *cases, int n,
                          lp_error *error) {
  for (int i = 0; i < n; i++) {
    answers[i] = (lp_answer){.conduct_text = ""};
    LP_TRY(one(&answers[i].outcome, arena, cases[i], error));
  }
  return LP_OK;
}

static lp_status ask_reference(void *state, lp_answer *answers, lp_arena *arena, const lp_case *const *cases, int n,
                               lp_error *error) {
  (void)state;
  return ask_each(reference_answer, answers, arena, cases, n, error);
}

static lp_status ask_exact(void *state, lp_answer *answers, lp_arena *arena, const lp_case *const *cases, int n,
                           lp_error *error) {
  (void)state;
  return ask_each(exact_answer, answers, arena, cases, n, error);
}

const lp_door lp_door_reference = {"reference", false, open_own, ask_reference, close_own};
const lp_door lp_door_exact = {"exact", false, open_own, ask_exact, close_own};
