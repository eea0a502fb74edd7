/* One case: the answer and its encores against what is true, who is off, errata, and how the candidate behaved. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/certify_internal.h"
#include "reference/exact/limits.h"

/* --- findings ------------------------------------------------------------------------------------------------ */

void lp_findings_add(lp_findings *f, const lp_verdict *verdict, unsigned off, const lp_erratum *erratum,
                     lp_about about) {
  if (f->n == LP_FINDINGS_MAX) return;
  f->verdicts[f->n] = *verdict;
  f->off[f->n] = off;
  f->errata[f->n] = erratum;
  f->about[f->n++] = about;
}

static void make_printable(char *text) {
  for (; *text; text++) {
    if (*text < ' ' || *text > '~') *text = '?';
  }
}

lp_verdict lp_finding(lp_verdict_kind kind, lp_cause cause, int input, const char *reason) {
  lp_verdict v = {.kind = kind, .cause = cause, .input = input, .index = LP_WHOLE_OUTPUT};
  if (kind == LP_VERDICT_FAIL) {
    v.at.fit = LP_FITS_NOT;
    v.at.ratio = INFINITY;
    v.grade = LP_GRADE_F;
  }
  snprintf(v.reason, sizeof v.reason, "%s", reason);
  make_printable(v.reason);
  return v;
}

/* --- who is off ---------------------------------------------------------------------------------------------- */

typedef struct witnesses {
  lp_examination own;
  const lp_outcome *fixture; /* NULL when the suite has none */
  bool has_limits; /* profile math, infinite inputs: what the candidate is judged by; the others follow PyTorch */
  lp_exact limits;
  lp_judging how;
  lp_verdict of_fixture[LP_MAX_VERDICTS], of_reference[LP_MAX_VERDICTS];
  int n_fixture, n_reference;
} witnesses;

/* No verdict: the witness has no such output. */
static bool is_off(const lp_verdict *verdicts, int n, int input) {
  for (int i = 0; i < n; i++) {
    if (verdicts[i].input == input) return verdicts[i].kind == LP_VERDICT_FAIL;
  }
  return false;
}

static unsigned who_is_off(const witnesses *w, const lp_verdict *v, bool ours) {
  unsigned off = LP_OFF_NOBODY;
  if (v->kind == LP_VERDICT_FAIL && !ours) off |= LP_OFF_CANDIDATE;
  if (is_off(w->of_fixture, w->n_fixture, v->input)) off |= LP_OFF_FIXTURE;
  if (is_off(w->of_reference, w->n_reference, v->input)) off |= LP_OFF_REFERENCE;
  return off;
}

static const char *verdict_output_name(char name[LP_NAME_MAX], const lp_loss *loss, int input) {
  return input == LP_OUTPUT_CASE ? "acceptance" : lp_output_name(name, loss, input);
}

/* Is every element either right or, within its budget, what the fixture says? */
static bool follows_fixture(const lp_output *got, const lp_output *fixture, const lp_exact_output *truth,
                            const lp_judging *how) {
  if (!got || !fixture || !truth || !lp_tensor_same_shape(&got->tensor, &fixture->tensor) ||
      !lp_tensor_same_shape(&got->tensor, &truth->layout)) {
    return false;
  }
  for (int64_t i = 0; i < truth->layout.numel; i++) {
    lp_comparison r;
    const double x = got->tensor.f64[i], y = fixture->tensor.f64[i];
    lp_compare(&r, x, &truth->numbers[i], truth->layout.dtype, how->flushes_subnormals);
    const bool alike = lp_classify(x) == lp_classify(y) && (lp_classify(x) != LP_FINITE || fabs(x - y) <= r.budget);
    if (r.fit != LP_FITS && !alike) return false;
  }
  return true;
}

/* An erratum must be a live one: the fixture is outside the budget of the definition, else it is stale. A candidate
 * that is wrong where PyTorch is, and as PyTorch is, is excused under profile pytorch. */
static void apply_erratum(lp_verdict *v, unsigned off, const witnesses *w, const lp_outcome *said) {
  if (!(off & LP_OFF_FIXTURE)) {
    v->kind = LP_VERDICT_FAIL;
    v->cause = LP_CAUSE_STALE;
    snprintf(v->reason, sizeof v->reason, "the registered erratum no longer shows: PyTorch agrees with the definition");
    return;
  }
  if (v->kind != LP_VERDICT_FAIL || w->how.profile != LP_PROFILE_PYTORCH || !w->own.has_exact) return;
  if (follows_fixture(lp_outcome_find(said, v->input), lp_outcome_find(w->fixture, v->input),
                      lp_exact_find(&w->own.exact, v->input), &w->how)) {
    v->kind = LP_VERDICT_WAIVED;
  }
}

/* --- one answer ---------------------------------------------------------------------------------------------- */

static bool is_wanted(const lp_certify_work *work, const lp_loss *loss, int input) {
  return work->lenient || input < 0 || lp_manifest_wants(work->manifest, loss, input);
}

/* A gradient that is not declared is neither missing nor looked at. */
static void leave_undeclared(lp_verdict *v, const lp_certify_work *work, const lp_loss *loss) {
  char why[160];
  if (is_wanted(work, loss, v->input)) return;
  snprintf(why, sizeof why, "not declared: the gradient of %s", loss->inputs[v->input].name);
  *v = lp_finding(LP_VERDICT_UNSUPPORTED, LP_CAUSE_UNSUPPORTED, v->input, why);
}

static lp_cause cause_of(lp_conduct conduct) {
  static const lp_cause causes[LP_CONDUCT_COUNT] = {
      [LP_CONDUCT_SIGNAL] = LP_CAUSE_CRASH,
      [LP_CONDUCT_OUT_OF_BOUNDS] = LP_CAUSE_OUT_OF_BOUNDS,
      [LP_CONDUCT_EXIT] = LP_CAUSE_EXIT,
      [LP_CONDUCT_HANG] = LP_CAUSE_TIMEOUT,
      [LP_CONDUCT_MEMORY] = LP_CAUSE_MEMORY,
      [LP_CONDUCT_CLOSED] = LP_CAUSE_CLOSED,
      [LP_CONDUCT_GARBAGE] = LP_CAUSE_GARBAGE,
      [LP_CONDUCT_OVERSIZED] = LP_CAUSE_OVERSIZED,
      [LP_CONDUCT_CHANGED_INPUT] = LP_CAUSE_CHANGED_INPUT,
      [LP_CONDUCT_STRAY_WRITE] = LP_CAUSE_STRAY_WRITE,
      [LP_CONDUCT_UNWRITTEN] = LP_CAUSE_UNWRITTEN,
      [LP_CONDUCT_UNSTABLE] = LP_CAUSE_UNSTABLE,
  };
  return causes[conduct];
}

static bool is_answered(lp_conduct conduct) {
  return conduct == LP_CONDUCT_GOOD || conduct >= LP_CONDUCT_CHANGED_INPUT;
}

static lp_verdict on_conduct(int input, const lp_answer *answer) {
  char text[400];
  snprintf(text, sizeof text, "%s: %s", lp_conduct_name(answer->conduct), answer->conduct_text);
  return lp_finding(LP_VERDICT_FAIL, cause_of(answer->conduct), input, text);
}

/* Silence: a file of answers, given without a manifest, has nothing to say about the case. */
static bool is_silent(const lp_outcome *said, const lp_certify_work *work) {
  return work->lenient && lp_outcome_is_left_out(said);
}

/* A refusal of what is declared is a fail, and a file of answers without a manifest declares everything. */
static void judge_refusal(lp_verdict *v, const lp_outcome *said, const lp_certify_work *work) {
  char why[300];
  const char *message = *said->message ? said->message : "no reason given";
  const bool silent = is_silent(said, work);
  if (said->kind != LP_OUTCOME_UNSUPPORTED || v->input != LP_OUTPUT_CASE) return;
  snprintf(why, sizeof why, "%s%s", silent ? "" : "declared, but answered as unsupported: ", message);
  *v = lp_finding(silent ? LP_VERDICT_UNSUPPORTED : LP_VERDICT_FAIL, LP_CAUSE_UNSUPPORTED, LP_OUTPUT_CASE, why);
}

static int judge_outcome(lp_verdict verdicts[LP_MAX_VERDICTS], unsigned off[LP_MAX_VERDICTS],
                         const lp_erratum *errata[LP_MAX_VERDICTS], const lp_case *c, const lp_outcome *said,
                         const witnesses *w, const lp_certify_work *work) {
  const lp_exact *exact = w->has_limits ? &w->limits : lp_examination_exact(&w->own);
  const int n = lp_judge(verdicts, c, said, exact, &w->how);
  for (int i = 0; i < n; i++) {
    char name[LP_NAME_MAX];
    leave_undeclared(&verdicts[i], work, c->loss);
    judge_refusal(&verdicts[i], said, work);
    off[i] = who_is_off(w, &verdicts[i], work->run->ours);
    errata[i] =
        w->fixture ? lp_errata_find(work->errata, c->id, verdict_output_name(name, c->loss, verdicts[i].input)) : NULL;
    if (errata[i]) apply_erratum(&verdicts[i], off[i], w, said);
  }
  return n;
}

static void judge_answer(lp_findings *f, const lp_case *c, const lp_answer *answer, const witnesses *w,
                         const lp_certify_work *work) {
  lp_verdict verdicts[LP_MAX_VERDICTS];
  unsigned off[LP_MAX_VERDICTS];
  const lp_erratum *errata[LP_MAX_VERDICTS];
  const int n = judge_outcome(verdicts, off, errata, c, &answer->outcome, w, work);
  if (!is_answered(answer->conduct)) {
    const lp_verdict v = on_conduct(LP_OUTPUT_CASE, answer);
    verdicts[0] = v;
  }
  for (int i = 0; i < n; i++) lp_findings_add(f, &verdicts[i], off[i], errata[i], (lp_about){.id = c->id});
}

/* --- encores ------------------------------------------------------------------------------------------------- */

static int severity(lp_verdict_kind kind) {
  static const int order[] = {[LP_VERDICT_PASS] = 0,
                              [LP_VERDICT_WAIVED] = 1,
                              [LP_VERDICT_UNSUPPORTED] = 1,
                              [LP_VERDICT_INCONCLUSIVE] = 2,
                              [LP_VERDICT_FAIL] = 3};
  return order[kind];
}

static bool is_worse(const lp_findings *f, int n_first, const lp_verdict *v) {
  for (int i = 0; i < n_first; i++) {
    if (f->verdicts[i].input == v->input) return severity(v->kind) > severity(f->verdicts[i].kind);
  }
  return severity(v->kind) > 0;
}

/* The same question, asked again elsewhere in memory: only what is worse than in the first answer is told. */
static void judge_encores(lp_findings *f, const lp_case *c, const lp_answer *answer, const witnesses *w,
                          const lp_certify_work *work) {
  const int n_first = f->n;
  for (int k = 0; k < answer->n_encores; k++) {
    lp_verdict verdicts[LP_MAX_VERDICTS];
    unsigned off[LP_MAX_VERDICTS];
    const lp_erratum *errata[LP_MAX_VERDICTS];
    const int n = judge_outcome(verdicts, off, errata, c, &answer->encores[k], w, work);
    for (int i = 0; i < n; i++) {
      char reason[sizeof verdicts[i].reason];
      if (!is_worse(f, n_first, &verdicts[i])) continue;
      snprintf(reason, sizeof reason, "%.90s (asked again: %.50s)", verdicts[i].reason, answer->encore_names[k]);
      memcpy(verdicts[i].reason, reason, sizeof reason);
      lp_findings_add(f, &verdicts[i], off[i], errata[i], (lp_about){.id = c->id, .encore = answer->encore_names[k]});
    }
  }
}

/* --- conduct ------------------------------------------------------------------------------------------------- */

/* Of what was answered nevertheless: the first question of each kind tells it. */
static void judge_conduct(lp_unit *u) {
  bool told[LP_CONDUCT_COUNT] = {false};
  for (int i = 0; i < u->n_questions; i++) {
    const lp_answer *a = &u->answers[i];
    if (a->conduct == LP_CONDUCT_GOOD || is_answered(a->conduct) == false || told[a->conduct]) continue;
    told[a->conduct] = true;
    const lp_verdict v = on_conduct(LP_OUTPUT_CONDUCT, a);
    lp_findings_add(&u->findings, &v, LP_OFF_CANDIDATE, NULL,
                    (lp_about){.id = u->questions[i]->id, .conduct = a->conduct});
  }
}

/* --- the case ------------------------------------------------------------------------------------------------ */

/* The exact oracle's, where it decides them; the rest are the reference's. */
static uint64_t regimes_of(const lp_examination *own) {
  if (!own->has_exact) return own->regimes;
  return (own->regimes & ~own->exact.regimes_known) | own->exact.regimes;
}

static lp_status find_limits(witnesses *w, const lp_case *c, lp_error *error) {
  lp_plan plan;
  if (!lp_exact_has_special(c)) return LP_OK;
  LP_TRY(lp_plan_init(&plan, c, error));
  LP_TRY(lp_exact_evaluate(&w->limits, &plan, NULL, error));
  w->has_limits = true;
  return lp_exact_take_limits(&w->limits, &plan, error);
}

static lp_judging judging_of(const lp_certify_work *work, const lp_loss *loss) {
  lp_judging how = work->run->how;
  if (work->lenient) return how;
  const lp_capability *can = lp_manifest_find(work->manifest, loss);
  how.flushes_subnormals = can->flushes_subnormals;
  how.convention = can->ctc_gradient == LP_CTC_POSTERIOR ? LP_CONVENTION_DERIVATIVE : LP_CONVENTION_PYTORCH;
  return how;
}

static void hear_witnesses(witnesses *w, const lp_case *c) {
  const lp_judging theirs = {.profile = LP_PROFILE_PYTORCH};
  const lp_exact *exact = lp_examination_exact(&w->own);
  w->n_reference = lp_judge(w->of_reference, c, &w->own.reference, exact, &theirs);
  if (w->fixture) w->n_fixture = lp_judge(w->of_fixture, c, w->fixture, exact, &theirs);
}

/* What did not run has entered no regime. */
static void judge_case(lp_unit *u, const witnesses *w, const lp_certify_work *work) {
  const lp_case *c = &u->result->entry->c;
  if (is_silent(&u->answers[0].outcome, work)) {
    u->result->not_run = u->answers[0].outcome.message;
  } else {
    u->result->regimes = regimes_of(&w->own);
    u->result->reject = w->own.reject;
  }
  judge_answer(&u->findings, c, &u->answers[0], w, work);
  judge_encores(&u->findings, c, &u->answers[0], w, work);
  judge_conduct(u);
}

lp_status lp_certify_judge_unit(lp_unit *u, const lp_certify_work *work, lp_error *error) {
  const lp_suite_entry *entry = u->result->entry;
  witnesses w = {.fixture = entry->has_outcome ? &entry->outcome : NULL, .how = judging_of(work, entry->c.loss)};
  LP_TRY(lp_examine_exactly(&w.own, u->arena, &entry->c, NULL, error));
  lp_status status = LP_OK;
  if (w.how.profile == LP_PROFILE_MATH && w.own.has_exact) status = find_limits(&w, &entry->c, error);
  if (status == LP_OK) {
    hear_witnesses(&w, &entry->c);
    judge_case(u, &w, work);
    status = lp_certify_judge_laws(u, work, &w.own, error);
  }
  if (w.has_limits) lp_exact_clear(&w.limits);
  lp_examination_clear(&w.own);
  return status;
}
