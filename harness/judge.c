#include "harness/judge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/kinks.h"

const char *lp_profile_name(lp_profile profile) { return profile == LP_PROFILE_MATH ? "math" : "pytorch"; }

const char *lp_verdict_name(lp_verdict_kind kind) {
  static const char *const names[] = {"pass", "fail", "inconclusive", "unsupported", "waived"};
  return names[kind];
}

const char *lp_cause_name(lp_cause cause) {
  static const char *const names[] = {"none",          "value",         "class",       "kink",      "shape",
                                      "missing",       "unwanted",      "accepts",     "rejects",   "crash",
                                      "timeout",       "unsupported",   "wide",        "stale",     "law",
                                      "out-of-bounds", "exit",          "memory",      "closed",    "garbage",
                                      "oversized",     "changed-input", "stray-write", "unwritten", "unstable"};
  return names[cause];
}

char lp_grade_letter(lp_grade grade) { return "-ABCF"[grade]; }

/* --- one output --------------------------------------------------------------------------------------------- */

static lp_grade grade_of(const lp_comparison *r) {
  if (r->fit != LP_FITS) return LP_GRADE_F;
  if (r->pairwise_ratio <= 0.25) return LP_GRADE_A;
  return r->pairwise_ratio <= 1.0 ? LP_GRADE_B : LP_GRADE_C;
}

/* How bad a fit is, for keeping the worst element of an output. */
static int severity(lp_fit fit) { return fit == LP_FITS ? 0 : fit == LP_FITS_PERHAPS ? 1 : 2; }

static bool worse(const lp_comparison *a, const lp_comparison *b) {
  if (severity(a->fit) != severity(b->fit)) return severity(a->fit) > severity(b->fit);
  return a->ratio > b->ratio;
}

static void describe(lp_verdict *v) {
  const lp_comparison *r = &v->at;
  if (r->fit == LP_FITS) return;
  v->kind = r->fit == LP_FITS_NOT ? LP_VERDICT_FAIL : LP_VERDICT_INCONCLUSIVE;
  if (r->fit == LP_FITS_PERHAPS) {
    v->cause = LP_CAUSE_WIDE;
    snprintf(v->reason, sizeof v->reason, "the true value is enclosed too widely to decide");
  } else if (r->got_class == LP_FINITE && r->true_class == LP_FINITE) {
    v->cause = LP_CAUSE_VALUE;
    snprintf(v->reason, sizeof v->reason, "the error is %.3g times the budget", r->ratio);
  } else {
    v->cause = LP_CAUSE_CLASS;
    snprintf(v->reason, sizeof v->reason, "expected %s, got %s", lp_class_name(r->true_class),
             lp_class_name(r->got_class));
  }
}

/* Where switches that nest are within rounding of one another, the effects that are known do not make up all gradients
 * that a right implementation may give: a finite one that they do not explain is no proof of a fault. */
static const char *const careful = "several kinks nest within rounding: what they allow together is not known";

/* Was it a proof but for that? */
static bool doubt_entangled(lp_comparison *r, const lp_exact_number *number) {
  const bool finite = r->got_class == LP_FINITE && r->true_class == LP_FINITE;
  if (!number->entangled || !finite || r->fit != LP_FITS_NOT) return false;
  r->fit = LP_FITS_PERHAPS;
  return true;
}

/* The worst element of an output under a choice at the kinks (NULL: as the numbers are). */
static lp_verdict judge_output(const lp_output *got, const lp_exact *exact, int output, const lp_judging *how,
                               const double *share) {
  const lp_exact_output *want = &exact->outputs[output];
  lp_verdict v = {.kind = LP_VERDICT_PASS, .input = want->input, .index = LP_WHOLE_OUTPUT};
  bool doubted = false;
  for (int64_t i = 0; i < want->layout.numel; i++) {
    lp_comparison r;
    lp_compare(&r, got->tensor.f64[i], &want->numbers[i], want->layout.dtype, how->flushes_subnormals);
    if (share && r.fit != LP_FITS) {
      lp_exact_number number;
      lp_kinks_apply(&number, exact, output, i, share);
      lp_compare(&r, got->tensor.f64[i], &number, want->layout.dtype, how->flushes_subnormals);
      lp_exact_number_clear(&number);
      v.other_side = true;
    }
    const bool doubt = doubt_entangled(&r, &want->numbers[i]);
    const lp_grade grade = grade_of(&r);
    if (grade > v.grade) v.grade = grade;
    if (i > 0 && !worse(&r, &v.at)) continue;
    v.index = i;
    doubted = doubt;
    v.got = got->tensor.f64[i];
    v.at = r;
  }
  describe(&v);
  if (doubted) snprintf(v.reason, sizeof v.reason, "%s", careful);
  return v;
}

static lp_verdict wrong_shape(const lp_output *got, const lp_exact_output *want) {
  lp_verdict v = {.kind = LP_VERDICT_FAIL, .cause = LP_CAUSE_SHAPE, .input = want->input, .index = LP_WHOLE_OUTPUT};
  char found[64], wanted[64];
  v.at.fit = LP_FITS_NOT;
  v.at.ratio = INFINITY;
  v.grade = LP_GRADE_F;
  snprintf(v.reason, sizeof v.reason, "expected shape %s, got %s",
           lp_tensor_shape_text(wanted, sizeof wanted, &want->layout),
           lp_tensor_shape_text(found, sizeof found, &got->tensor));
  return v;
}

/* --- acceptance --------------------------------------------------------------------------------------------- */

static lp_verdict whole(lp_verdict_kind kind, lp_cause cause, int input, const char *reason) {
  lp_verdict v = {.kind = kind, .cause = cause, .input = input, .index = LP_WHOLE_OUTPUT};
  if (kind == LP_VERDICT_FAIL) {
    v.at.fit = LP_FITS_NOT;
    v.at.ratio = INFINITY;
    v.grade = LP_GRADE_F;
  }
  snprintf(v.reason, sizeof v.reason, "%s", reason);
  return v;
}

/* A verdict on acceptance with what the candidate said: a stranger's text, so only what any terminal takes. */
static lp_verdict refusal(lp_cause cause, const char *reason, const lp_outcome *candidate) {
  lp_verdict v = whole(LP_VERDICT_FAIL, cause, LP_OUTPUT_CASE, reason);
  const size_t used = strlen(v.reason);
  if (*candidate->message) snprintf(v.reason + used, sizeof v.reason - used, ": %s", candidate->message);
  for (char *at = v.reason; *at; at++) {
    if (*at < ' ' || *at > '~') *at = '?';
  }
  return v;
}

static lp_verdict judge_acceptance(const lp_case *c, const lp_outcome *candidate, bool accepted) {
  switch (candidate->kind) {
    case LP_OUTCOME_UNSUPPORTED:
      return whole(LP_VERDICT_UNSUPPORTED, LP_CAUSE_UNSUPPORTED, LP_OUTPUT_CASE, "the candidate does not support it");
    case LP_OUTCOME_CRASHED:
      return refusal(LP_CAUSE_CRASH, "the candidate crashed", candidate);
    case LP_OUTCOME_TIMED_OUT:
      return refusal(LP_CAUSE_TIMEOUT, "the candidate did not answer in time", candidate);
    case LP_OUTCOME_OK:
    case LP_OUTCOME_REJECTED:
      break;
  }
  if ((candidate->kind == LP_OUTCOME_OK) == accepted || c->expect == LP_EXPECT_EITHER) {
    return whole(LP_VERDICT_PASS, LP_CAUSE_NONE, LP_OUTPUT_CASE, "");
  }
  if (!accepted) return whole(LP_VERDICT_FAIL, LP_CAUSE_ACCEPTS, LP_OUTPUT_CASE, "accepts what must be rejected");
  return refusal(LP_CAUSE_REJECTS, "rejects what must be accepted", candidate);
}

/* --- all outputs -------------------------------------------------------------------------------------------- */

static bool shapes_agree(const lp_outcome *candidate, const lp_exact *exact) {
  for (int k = 0; k < exact->n_outputs; k++) {
    const lp_output *got = lp_outcome_find(candidate, exact->outputs[k].input);
    if (!got || !lp_tensor_same_shape(&got->tensor, &exact->outputs[k].layout)) return false;
  }
  return true;
}

/* The verdicts on all outputs under one choice at the kinks. */
static int judge_outputs(lp_verdict *verdicts, const lp_case *c, const lp_outcome *candidate, const lp_exact *exact,
                         const lp_judging *how, const double *share) {
  int n = 0;
  for (int input = LP_OUTPUT_LOSS; input < c->loss->n_inputs; input++) {
    const lp_output *got = lp_outcome_find(candidate, input);
    const lp_exact_output *want = lp_exact_find(exact, input);
    if (got && want) {
      verdicts[n++] = lp_tensor_same_shape(&got->tensor, &want->layout)
                          ? judge_output(got, exact, (int)(want - exact->outputs), how, share)
                          : wrong_shape(got, want);
    } else if (want) {
      verdicts[n++] = whole(LP_VERDICT_FAIL, LP_CAUSE_MISSING, input, "the output is missing");
    } else if (got) {
      verdicts[n++] = whole(LP_VERDICT_FAIL, LP_CAUSE_UNWANTED, input, "an output that the loss does not have");
    }
  }
  return n;
}

/* Is an element of a gradient off? No kink excuses an output that is missing or that the loss does not have. */
static bool is_off(const lp_verdict *v) {
  return v->input >= 0 && v->kind != LP_VERDICT_PASS && v->index != LP_WHOLE_OUTPUT;
}

static bool any_gradient_off(const lp_verdict *verdicts, int n) {
  for (int i = 0; i < n; i++) {
    if (is_off(&verdicts[i])) return true;
  }
  return false;
}

/* The elements that some kink changes. */
static bool *list_changeable(const lp_exact *exact, int output) {
  bool *list = calloc((size_t)exact->outputs[output].layout.numel + 1, sizeof *list);
  for (int k = 0; list && k < exact->n_kinks; k++) {
    for (int i = 0; i < exact->kinks[k].n_effects; i++) {
      const lp_kink_effect *e = &exact->kinks[k].effects[i];
      if (e->output == output) list[e->index] = true;
    }
  }
  return list;
}

/* Is an element wrong that no kink changes? */
static bool is_off_apart_from_kinks(const lp_outcome *candidate, const lp_exact *exact, int input,
                                    const lp_judging *how) {
  const lp_exact_output *want = lp_exact_find(exact, input);
  const lp_output *got = lp_outcome_find(candidate, input);
  bool *changeable = list_changeable(exact, (int)(want - exact->outputs)), off = false;
  for (int64_t i = 0; changeable && i < want->layout.numel && !off; i++) {
    lp_comparison r;
    lp_compare(&r, got->tensor.f64[i], &want->numbers[i], want->layout.dtype, how->flushes_subnormals);
    doubt_entangled(&r, &want->numbers[i]);
    off = !changeable[i] && r.fit == LP_FITS_NOT;
  }
  free(changeable);
  return off;
}

static unsigned bit_of(const lp_exact *exact, const lp_verdict *v) {
  return 1u << (lp_exact_find(exact, v->input) - exact->outputs);
}

/* The gradients of an outcome that is judged again on other sides of the kinks. */
typedef struct retrial {
  lp_verdict *verdicts;
  int n;
  const lp_case *c;
  const lp_outcome *candidate;
  const lp_exact *exact;
  const lp_judging *how;
  unsigned open; /* of exact->outputs, as bits: those whose elements may all be explained by the kinks */
} retrial;

/* Is there a choice for these outputs? Where there is, they are judged by it. */
static lp_fit try_outputs(const retrial *r, unsigned outputs, bool accept) {
  lp_kink_answer answer;
  lp_verdict again[LP_MAX_VERDICTS];
  lp_fit fit = LP_FITS_PERHAPS;
  if (lp_kinks_solve_some(&answer, r->candidate, r->exact, r->how, outputs, NULL) == LP_OK) fit = answer.fit;
  if (accept && fit == LP_FITS) judge_outputs(again, r->c, r->candidate, r->exact, r->how, answer.share);
  for (int i = 0; i < r->n && accept && fit == LP_FITS; i++) {
    if (is_off(&r->verdicts[i]) && (bit_of(r->exact, &r->verdicts[i]) & outputs)) r->verdicts[i] = again[i];
  }
  free(answer.share);
  return fit;
}

/* A wrong class is told as such. */
static void refuse(lp_verdict *v, const char *reason) {
  v->kind = LP_VERDICT_FAIL;
  if (v->cause == LP_CAUSE_CLASS) return;
  v->cause = LP_CAUSE_KINK;
  snprintf(v->reason, sizeof v->reason, "%s", reason);
}

/* The outputs for which there is no choice even alone fail and are left out of what follows. Were there any? */
static bool refuse_alone(retrial *r) {
  bool any = false;
  for (int i = 0; i < r->n; i++) {
    lp_verdict *v = &r->verdicts[i];
    if (!is_off(v) || !(bit_of(r->exact, v) & r->open)) continue;
    if (try_outputs(r, bit_of(r->exact, v), false) != LP_FITS_NOT) continue;
    refuse(v, "no choice of sides at the kinks of the case gives this gradient");
    r->open &= ~bit_of(r->exact, v);
    any = true;
  }
  return any;
}

static void refuse_together(const retrial *r) {
  for (int i = 0; i < r->n; i++) {
    lp_verdict *v = &r->verdicts[i];
    if (!is_off(v) || !(bit_of(r->exact, v) & r->open)) continue;
    refuse(v, "some choice of sides at the kinks gives this gradient, but none gives all gradients of the case");
  }
}

static void leave_undecided(const retrial *r) {
  for (int i = 0; i < r->n; i++) {
    lp_verdict *v = &r->verdicts[i];
    if (!is_off(v) || !(bit_of(r->exact, v) & r->open)) continue;
    const bool doubted = lp_exact_find(r->exact, v->input)->numbers[v->index].entangled;
    v->kind = LP_VERDICT_INCONCLUSIVE;
    v->cause = LP_CAUSE_WIDE;
    snprintf(v->reason, sizeof v->reason, "%s",
             doubted ? careful : "too many kinks meet to decide whether some choice of sides gives this");
  }
}

/* A gradient that is off although the case has kinks may be right on other sides of them. Those that are off where no
 * kink is, or that no choice explains, say nothing against the others. */
static void reconsider(lp_verdict *verdicts, int n, const lp_case *c, const lp_outcome *candidate,
                       const lp_exact *exact, const lp_judging *how) {
  retrial r = {verdicts, n, c, candidate, exact, how, ~0u};
  lp_fit fit = LP_FITS_NOT;
  for (int i = 0; i < n; i++) {
    const bool apart = is_off(&verdicts[i]) && is_off_apart_from_kinks(candidate, exact, verdicts[i].input, how);
    if (apart) r.open &= ~bit_of(exact, &verdicts[i]);
  }
  while ((fit = try_outputs(&r, r.open, true)) == LP_FITS_NOT && refuse_alone(&r)) continue;
  if (fit == LP_FITS_NOT) refuse_together(&r);
  if (fit == LP_FITS_PERHAPS) leave_undecided(&r);
}

static void be_careful(lp_verdict *verdicts, int n) {
  for (int i = 0; i < n; i++) {
    lp_verdict *v = &verdicts[i];
    if (v->input < 0 || v->kind != LP_VERDICT_FAIL || (v->cause != LP_CAUSE_VALUE && v->cause != LP_CAUSE_KINK))
      continue;
    v->kind = LP_VERDICT_INCONCLUSIVE;
    v->cause = LP_CAUSE_WIDE;
    snprintf(v->reason, sizeof v->reason, "%s", careful);
  }
}

/* Where a loss has a second convention for its gradient, profile math takes either, whole, or the declared one. */
static void try_alternative(lp_verdict *verdicts, int n, const lp_outcome *candidate, const lp_exact *exact,
                            const lp_judging *how) {
  lp_exact other = *exact;
  other.outputs[1] = exact->alternative;
  const lp_output *got = lp_outcome_find(candidate, exact->alternative.input);
  if (!got || !lp_tensor_same_shape(&got->tensor, &exact->alternative.layout)) return;
  for (int i = 0; i < n; i++) {
    const bool only = how->convention == LP_CONVENTION_DERIVATIVE;
    if (verdicts[i].input != exact->alternative.input || (verdicts[i].kind == LP_VERDICT_PASS && !only)) continue;
    const lp_verdict v = judge_output(got, &other, 1, how, NULL);
    if (v.kind == LP_VERDICT_PASS || only) verdicts[i] = v;
  }
}

int lp_judge(lp_verdict verdicts[LP_MAX_VERDICTS], const lp_case *c, const lp_outcome *candidate, const lp_exact *exact,
             const lp_judging *how) {
  verdicts[0] = judge_acceptance(c, candidate, exact != NULL);
  if (candidate->kind != LP_OUTCOME_OK || !exact) return 1;
  lp_verdict *outputs = verdicts + 1;
  const int n = judge_outputs(outputs, c, candidate, exact, how, NULL);
  if (exact->n_kinks > 0 && shapes_agree(candidate, exact) && any_gradient_off(outputs, n)) {
    reconsider(outputs, n, c, candidate, exact, how);
  }
  if (exact->entangled) be_careful(outputs, n);
  const bool either = how->profile == LP_PROFILE_MATH && how->convention != LP_CONVENTION_PYTORCH;
  if (exact->has_alternative && either) try_alternative(outputs, n, candidate, exact, how);
  return 1 + n;
}

/* --- signatures --------------------------------------------------------------------------------------------- */

char *lp_signature(char *text, size_t capacity, const lp_loss *loss, const lp_verdict *v) {
  static const char *const classes[] = {"finite", "+inf", "-inf", "NaN"};
  char name[LP_NAME_MAX] = "acceptance";
  if (v->input != LP_OUTPUT_CASE) lp_output_name(name, loss, v->input);
  const int n = snprintf(text, capacity, "%s/%s/%s", loss->name, name, lp_cause_name(v->cause));
  if (v->cause == LP_CAUSE_CLASS && n >= 0 && (size_t)n < capacity) {
    snprintf(text + n, capacity - (size_t)n, "/%s-for-%s", classes[v->at.got_class], classes[v->at.true_class]);
  }
  return text;
}
