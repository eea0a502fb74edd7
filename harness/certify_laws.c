/* The laws on one case: what is asked beside it, and what the answers prove. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/certify_internal.h"
#include "harness/derived.h"
#include "reference/exact/budget.h"

/* --- asking -------------------------------------------------------------------------------------------------- */

/* Why the candidate cannot be asked all of it, or NULL. */
static const char *why_not_asked(const lp_derivation *d, lp_arena *arena, const lp_certify_work *work) {
  char why[120];
  for (int k = 0; k < d->count && !work->lenient; k++) {
    if (lp_manifest_covers(work->manifest, &d->cases[k], why, sizeof why)) continue;
    const char *kept = lp_arena_format(arena, "a derived case is not declared: %s", why);
    return kept ? kept : "a derived case is not declared";
  }
  return NULL;
}

static lp_status derive_all(lp_unit *u, const lp_certify_work *work, lp_error *error) {
  const int n = lp_laws_count();
  u->derivations = lp_arena_alloc(u->arena, (size_t)n, sizeof *u->derivations);
  u->not_asked = lp_arena_alloc(u->arena, (size_t)n, sizeof *u->not_asked);
  if (!u->derivations || !u->not_asked) return lp_fail(error, LP_NO_MEMORY, "out of memory for derived cases");
  for (int k = 0; k < n; k++) {
    lp_derivation *d = &u->derivations[u->n_derivations];
    LP_TRY(lp_law_derive(d, u->arena, lp_laws_at(k), &u->result->entry->c, LP_DERIVED_SEED, error));
    if (d->count == 0) continue;
    u->not_asked[u->n_derivations++] = why_not_asked(d, u->arena, work);
  }
  return LP_OK;
}

lp_status lp_certify_derive(lp_unit *u, const lp_certify_work *work, lp_error *error) {
  if (lp_derived_is_turn(u->result->entry->c.id, work->options->laws_every)) LP_TRY(derive_all(u, work, error));
  size_t room = 1;
  for (int k = 0; k < u->n_derivations; k++) room += (size_t)u->derivations[k].count;
  u->questions = lp_arena_alloc(u->arena, room, sizeof *u->questions);
  u->answers = lp_arena_alloc(u->arena, room, sizeof *u->answers);
  if (!u->questions || !u->answers) return lp_fail(error, LP_NO_MEMORY, "out of memory for a case");
  u->questions[u->n_questions++] = &u->result->entry->c;
  for (int k = 0; k < u->n_derivations; k++) {
    for (int i = 0; i < u->derivations[k].count && !u->not_asked[k]; i++) {
      u->questions[u->n_questions++] = &u->derivations[k].cases[i];
    }
  }
  return LP_OK;
}

/* --- judging ------------------------------------------------------------------------------------------------- */

/* What is needed of each question of a law: the candidate's answer, the reference's, and the budget. */
typedef struct trial {
  const lp_derivation *d;
  bool deterministic;
  lp_outcome reference[1 + LP_LAW_MAX_CASES], budget[1 + LP_LAW_MAX_CASES];
  lp_law_answer candidate[1 + LP_LAW_MAX_CASES];
} trial;

static const lp_case *question(const trial *t, int k) { return t->d->plans[k].c; }

/* A budget that is certainly not too wide: the reference is within 2 u scale of the truth, so that k u scale is more
 * than 4 u times its number. A law that holds within this holds; otherwise the exact oracle is asked. */
static lp_status least_budget(lp_outcome *budget, lp_arena *arena, const lp_outcome *reference, lp_error *error) {
  LP_TRY(lp_arena_outcome(arena, budget, reference, error));
  for (int o = 0; o < budget->n_outputs; o++) {
    lp_tensor *t = &budget->outputs[o].tensor;
    const double part = 0.5 * LP_BUDGET_K * lp_dtype_unit_roundoff(t->dtype);
    const double least = LP_BUDGET_K * lp_dtype_smallest_subnormal(t->dtype);
    for (int64_t i = 0; i < t->numel; i++) {
      const double x = fabs(reference->outputs[o].tensor.f64[i]);
      t->f64[i] = isfinite(x) ? part * x + least : 0.0;
    }
  }
  return LP_OK;
}

static lp_status examine_cheaply(trial *t, lp_arena *arena, lp_error *error) {
  for (int k = 0; k <= t->d->count; k++) {
    lp_examination e;
    LP_TRY(lp_examine(&e, arena, question(t, k), error));
    t->reference[k] = e.reference;
    if (e.reference.kind == LP_OUTCOME_OK) LP_TRY(least_budget(&t->budget[k], arena, &e.reference, error));
    t->candidate[k].budget = e.reference.kind == LP_OUTCOME_OK ? &t->budget[k] : NULL;
  }
  return LP_OK;
}

static lp_status budget_from(trial *t, int k, lp_arena *arena, const lp_exact *exact, const lp_judging *how,
                             lp_error *error) {
  return lp_law_budget(&t->budget[k], arena, exact, &t->d->plans[k].outcome, how->profile == LP_PROFILE_MATH,
                       how->flushes_subnormals, error);
}

static lp_status examine_exactly(trial *t, lp_arena *arena, const lp_examination *own, const lp_judging *how,
                                 lp_error *error) {
  if (own->has_exact) LP_TRY(budget_from(t, 0, arena, &own->exact, how, error));
  for (int k = 1; k <= t->d->count; k++) {
    lp_examination e;
    if (t->d->unused[k - 1]) continue;
    LP_TRY(lp_examine_exactly(&e, arena, question(t, k), NULL, error));
    const lp_status status = e.has_exact ? budget_from(t, k, arena, &e.exact, how, error) : LP_OK;
    t->candidate[k].budget = e.has_exact ? &t->budget[k] : NULL;
    lp_examination_clear(&e);
    LP_TRY(status);
  }
  return LP_OK;
}

/* Does the reference break the law too? Then it, or the law, is at fault. */
static bool reference_breaks(const trial *t) {
  lp_law_answer own[1 + LP_LAW_MAX_CASES];
  lp_law_verdict verdict;
  for (int k = 0; k <= t->d->count; k++) own[k] = (lp_law_answer){&t->reference[k], t->candidate[k].budget};
  lp_law_check(&verdict, t->d, &own[0], &own[1], true);
  return verdict.kind == LP_LAW_BROKEN;
}

static lp_verdict broken(const lp_law_verdict *law) {
  lp_verdict v = lp_finding(LP_VERDICT_FAIL, LP_CAUSE_LAW, LP_OUTPUT_LAW, law->reason);
  if (law->index < 0) return v;
  v.index = law->index;
  v.got = law->got;
  v.at.truth = law->expected;
  v.at.got_class = lp_classify(law->got);
  v.at.true_class = lp_classify(law->expected);
  v.at.error = fabs(law->got - law->expected);
  v.at.budget = law->allowed;
  v.at.ratio = law->allowed > 0.0 ? v.at.error / law->allowed : (double)INFINITY;
  v.at.error_ulp = INFINITY;
  return v;
}

static void tell(lp_unit *u, const lp_derivation *d, const lp_verdict *v, unsigned off) {
  lp_findings_add(&u->findings, v, off, NULL, (lp_about){.id = d->cases[0].id, .law = d->law});
}

/* The first derived case whose outcome matters and is none. */
static const lp_outcome *unanswered(const trial *t) {
  for (int k = 1; k <= t->d->count; k++) {
    const lp_outcome *outcome = t->candidate[k].outcome;
    if (!t->d->unused[k - 1] && outcome->kind == LP_OUTCOME_UNSUPPORTED) return outcome;
  }
  return NULL;
}

static lp_status decide(lp_law_verdict *verdict, trial *t, lp_unit *u, const lp_examination *own, const lp_judging *how,
                        lp_error *error) {
  LP_TRY(examine_cheaply(t, u->arena, error));
  lp_law_check(verdict, t->d, &t->candidate[0], &t->candidate[1], t->deterministic);
  if (verdict->kind == LP_LAW_HOLDS) return LP_OK;
  LP_TRY(examine_exactly(t, u->arena, own, how, error));
  lp_law_check(verdict, t->d, &t->candidate[0], &t->candidate[1], t->deterministic);
  return LP_OK;
}

/* The erratum that already covers the answer to the case itself: what follows from that answer is not news. */
static const lp_erratum *erratum_of(const lp_findings *f) {
  for (int i = 0; i < f->n; i++) {
    if (f->verdicts[i].kind == LP_VERDICT_WAIVED) return f->errata[i];
  }
  return NULL;
}

static void tell_broken(lp_unit *u, const trial *t, const lp_certify_work *work, const lp_law_verdict *law) {
  const lp_erratum *erratum = erratum_of(&u->findings);
  const lp_about about = {.id = t->d->cases[0].id, .law = t->d->law};
  const unsigned own = reference_breaks(t) ? LP_OFF_REFERENCE : 0;
  lp_verdict v = broken(law);
  if (erratum) v.kind = LP_VERDICT_WAIVED;
  lp_findings_add(&u->findings, &v, (work->run->ours ? 0 : LP_OFF_CANDIDATE) | own, erratum, about);
}

static lp_status judge_law(lp_unit *u, trial *t, const lp_certify_work *work, const lp_examination *own,
                           const lp_judging *how, lp_error *error) {
  lp_law_verdict verdict;
  const lp_outcome *missing = unanswered(t);
  if (missing) {
    const lp_verdict v = lp_finding(LP_VERDICT_UNSUPPORTED, LP_CAUSE_UNSUPPORTED, LP_OUTPUT_LAW, missing->message);
    tell(u, t->d, &v, LP_OFF_NOBODY);
    return LP_OK;
  }
  LP_TRY(decide(&verdict, t, u, own, how, error));
  if (verdict.kind == LP_LAW_HOLDS) {
    const lp_verdict v = lp_finding(LP_VERDICT_PASS, LP_CAUSE_NONE, LP_OUTPUT_LAW, "");
    tell(u, t->d, &v, LP_OFF_NOBODY);
  } else if (verdict.kind == LP_LAW_BROKEN) {
    tell_broken(u, t, work, &verdict);
  }
  return LP_OK;
}

/* A candidate that is asked for less than the case has leaves the rest out of its relations. */
static lp_outcome *keep_declared(const lp_certify_work *work, lp_arena *arena, const lp_loss *loss,
                                 const lp_outcome *outcome) {
  lp_outcome *kept = lp_arena_alloc(arena, 1, sizeof *kept);
  if (!kept) return NULL;
  *kept = *outcome;
  kept->n_outputs = 0;
  for (int i = 0; i < outcome->n_outputs; i++) {
    const int input = outcome->outputs[i].input;
    const bool wanted = work->lenient || input < 0 || lp_manifest_wants(work->manifest, loss, input);
    if (wanted) kept->outputs[kept->n_outputs++] = outcome->outputs[i];
  }
  return kept;
}

static lp_status collect(trial *t, lp_unit *u, int first, const lp_certify_work *work, lp_error *error) {
  for (int k = 0; k <= t->d->count; k++) {
    const lp_answer *answer = &u->answers[k == 0 ? 0 : first + k - 1];
    t->candidate[k].outcome = keep_declared(work, u->arena, question(t, k)->loss, &answer->outcome);
    if (!t->candidate[k].outcome) return lp_fail(error, LP_NO_MEMORY, "out of memory for an answer");
  }
  return LP_OK;
}

lp_status lp_certify_judge_laws(lp_unit *u, const lp_certify_work *work, const lp_examination *own, lp_error *error) {
  const lp_capability *can = lp_manifest_find(work->manifest, u->result->entry->c.loss);
  lp_judging how = work->run->how;
  if (!work->lenient) how.flushes_subnormals = can->flushes_subnormals;
  if (u->answers[0].outcome.kind != LP_OUTCOME_OK) return LP_OK;
  for (int k = 0, next = 1; k < u->n_derivations; k++) {
    const lp_derivation *d = &u->derivations[k];
    if (u->not_asked[k]) {
      const lp_verdict v = lp_finding(LP_VERDICT_UNSUPPORTED, LP_CAUSE_UNSUPPORTED, LP_OUTPUT_LAW, u->not_asked[k]);
      tell(u, d, &v, LP_OFF_NOBODY);
      continue;
    }
    trial t = {.d = d, .deterministic = !work->lenient && can->deterministic};
    LP_TRY(collect(&t, u, next, work, error));
    LP_TRY(judge_law(u, &t, work, own, &how, error));
    next += d->count;
  }
  return LP_OK;
}
