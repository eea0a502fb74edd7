#include "harness/judge.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef enum number_class { FINITE, PLUS_INFINITY, MINUS_INFINITY, NOT_A_NUMBER } number_class;

static number_class classify(double x) {
  if (isnan(x)) return NOT_A_NUMBER;
  if (isinf(x)) return x > 0 ? PLUS_INFINITY : MINUS_INFINITY;
  return FINITE;
}

static const char *class_name(number_class class) {
  static const char *const names[] = {"a finite number", "+infinity", "-infinity", "NaN"};
  return names[class];
}

const char *lp_verdict_name(lp_verdict_kind kind) {
  static const char *const names[] = {"pass", "fail", "inconclusive", "unsupported", "waived"};
  return names[kind];
}

double lp_budget(lp_dtype dtype, double scale) {
  return LP_BUDGET_K * lp_dtype_unit_roundoff(dtype) * scale + LP_BUDGET_K * lp_dtype_smallest_subnormal(dtype);
}

double lp_ulp(lp_dtype dtype, double x) {
  const double eta = lp_dtype_smallest_subnormal(dtype);
  if (x == 0.0 || !isfinite(x)) return eta;
  int exponent;
  frexp(x, &exponent); /* |x| in [2^(exponent-1), 2^exponent) */
  return fmax(ldexp(2.0 * lp_dtype_unit_roundoff(dtype), exponent - 1), eta);
}

/* Infinity is what a number beyond the dtype becomes, so the two are the same. */
static bool both_overflow(lp_dtype dtype, double a, double b) {
  const double largest = lp_dtype_largest(dtype);
  return fabs(a) > largest && fabs(b) > largest && (isinf(a) || isinf(b)) && (a > 0) == (b > 0);
}

/* Compares one element; leaves kind, got, expected, error, budget and ratio in *v. */
static void compare(lp_verdict *v, lp_dtype dtype, double got, double expected, double scale) {
  const number_class g = classify(got), e = classify(expected);
  *v = (lp_verdict){.kind = LP_VERDICT_PASS, .got = got, .expected = expected, .budget = lp_budget(dtype, scale)};
  if (both_overflow(dtype, got, expected)) return;
  if (g != e) {
    v->kind = LP_VERDICT_FAIL;
    v->error = v->error_ulp = v->ratio = INFINITY;
    snprintf(v->reason, sizeof v->reason, "expected %s, got %s", class_name(e), class_name(g));
    return;
  }
  if (g != FINITE || got == expected) return;
  v->error = fabs(got - expected);
  v->error_ulp = v->error / lp_ulp(dtype, expected);
  if (!(scale < DBL_MAX) && v->error > lp_budget(dtype, fabs(expected))) { /* no scale is below |expected| */
    v->kind = LP_VERDICT_INCONCLUSIVE;
    snprintf(v->reason, sizeof v->reason, "the scale of the error is beyond the range of double");
    return;
  }
  v->ratio = scale < DBL_MAX ? v->error / v->budget : 0.0;
  if (v->ratio <= 1.0) return;
  v->kind = LP_VERDICT_FAIL;
  snprintf(v->reason, sizeof v->reason, "the error is %.3g times the budget", v->ratio);
}

/* How bad a verdict on an element is, for keeping the worst one of an output. */
static int severity(lp_verdict_kind kind) {
  static const int rank[] = {[LP_VERDICT_PASS] = 0, [LP_VERDICT_INCONCLUSIVE] = 1, [LP_VERDICT_FAIL] = 2};
  return rank[kind];
}

static bool worse(const lp_verdict *a, const lp_verdict *b) {
  if (severity(a->kind) != severity(b->kind)) return severity(a->kind) > severity(b->kind);
  return a->ratio > b->ratio;
}

/* Does not fail what the comparison cannot decide. */
static void be_lenient(lp_verdict *v, unsigned lenience) {
  const bool finite = classify(v->got) == FINITE && classify(v->expected) == FINITE;
  if (v->kind != LP_VERDICT_FAIL || !(lenience & (finite ? LP_LENIENT_KINK : LP_LENIENT_OPEN))) return;
  v->kind = LP_VERDICT_INCONCLUSIVE;
  v->lenient = true;
  v->ratio = 0.0;
  snprintf(v->reason, sizeof v->reason,
           finite ? "beside a kink: rounding decides the side" : "infinities of both signs meet: their order decides");
}

static lp_verdict wrong_shape(int input, const lp_tensor *got, const lp_tensor *expected) {
  lp_verdict v = {.kind = LP_VERDICT_FAIL, .input = input, .index = LP_WHOLE_OUTPUT};
  char found[64], wanted[64];
  v.error = v.ratio = v.error_ulp = INFINITY;
  snprintf(v.reason, sizeof v.reason, "expected shape %s, got %s",
           lp_tensor_shape_text(wanted, sizeof wanted, expected), lp_tensor_shape_text(found, sizeof found, got));
  return v;
}

static lp_verdict judge_output(const lp_output *got, const lp_output *expected, const lp_output *scale,
                               unsigned lenience) {
  const lp_tensor *g = &got->tensor, *e = &expected->tensor;
  const lp_tensor *s = scale && lp_tensor_same_shape(&scale->tensor, e) ? &scale->tensor : NULL;
  lp_verdict worst = {.kind = LP_VERDICT_PASS, .input = expected->input, .index = LP_WHOLE_OUTPUT};
  if (!lp_tensor_same_shape(g, e)) return wrong_shape(expected->input, g, e);
  for (int64_t i = 0; i < e->numel; i++) {
    lp_verdict v;
    compare(&v, s ? s->dtype : e->dtype, g->f64[i], e->f64[i], s ? s->f64[i] : INFINITY);
    v.input = expected->input;
    v.index = i;
    be_lenient(&v, lenience);
    if (i == 0 || worse(&v, &worst)) worst = v;
  }
  return worst;
}

static lp_verdict case_verdict(lp_verdict_kind kind, const char *reason) {
  lp_verdict v = {.kind = kind, .input = LP_OUTPUT_CASE, .index = LP_WHOLE_OUTPUT};
  if (kind == LP_VERDICT_FAIL) v.ratio = INFINITY;
  snprintf(v.reason, sizeof v.reason, "%s", reason);
  return v;
}

/* A verdict on acceptance with what the candidate said: a stranger's text, so only what any terminal takes. */
static lp_verdict refusal(const char *reason, const lp_outcome *candidate) {
  lp_verdict v = case_verdict(LP_VERDICT_FAIL, reason);
  const size_t used = strlen(v.reason);
  if (*candidate->message) snprintf(v.reason + used, sizeof v.reason - used, ": %s", candidate->message);
  for (char *at = v.reason; *at; at++) {
    if (*at < ' ' || *at > '~') *at = '?';
  }
  return v;
}

static lp_verdict judge_acceptance(const lp_case *c, const lp_outcome *candidate, const lp_outcome *expected) {
  switch (candidate->kind) {
    case LP_OUTCOME_UNSUPPORTED:
      return case_verdict(LP_VERDICT_UNSUPPORTED, "the candidate does not support it");
    case LP_OUTCOME_CRASHED:
      return refusal("the candidate crashed", candidate);
    case LP_OUTCOME_TIMED_OUT:
      return refusal("the candidate did not answer in time", candidate);
    case LP_OUTCOME_OK:
    case LP_OUTCOME_REJECTED:
      break;
  }
  if (candidate->kind == expected->kind || c->expect == LP_EXPECT_EITHER) return case_verdict(LP_VERDICT_PASS, "");
  return candidate->kind == LP_OUTCOME_OK ? case_verdict(LP_VERDICT_FAIL, "accepts what must be rejected")
                                          : refusal("rejects what must be accepted", candidate);
}

static lp_verdict missing_output(int input, const char *reason) {
  lp_verdict v = case_verdict(LP_VERDICT_FAIL, reason);
  v.input = input;
  return v;
}

int lp_judge(lp_verdict verdicts[LP_MAX_VERDICTS], const lp_case *c, const lp_outcome *candidate,
             const lp_outcome *expected, const lp_outcome *scale, unsigned lenience) {
  int n = 0;
  verdicts[n++] = judge_acceptance(c, candidate, expected);
  if (candidate->kind != LP_OUTCOME_OK || expected->kind != LP_OUTCOME_OK) return n;
  for (int input = LP_OUTPUT_LOSS; input < c->loss->n_inputs; input++) {
    const lp_output *got = lp_outcome_find(candidate, input), *want = lp_outcome_find(expected, input);
    if (!got && !want) continue;
    if (!got || !want) {
      verdicts[n++] = missing_output(input, got ? "an output that the loss does not have" : "the output is missing");
      continue;
    }
    verdicts[n] = judge_output(got, want, lp_outcome_find(scale, input), input >= 0 ? lenience : 0u);
    n++;
  }
  return n;
}
