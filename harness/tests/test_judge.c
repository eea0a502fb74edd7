/* Every verdict, every non-finite class, and the faults that the judge must see. */
#include "harness/judge.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "reference/tests/testing.h"

enum { N = 3 };

/* A case of l1 with three outputs elements, and two outcomes that begin equal. */
typedef struct bench {
  lp_trial *t;
  double got[LP_MAX_OUTPUTS][N];
  lp_outcome candidate;
  lp_verdict verdicts[LP_MAX_VERDICTS];
  int n;
} bench;

static void set_up(bench *b) {
  b->t = trial_new("l1");
  trial_real(b->t, "input", "3", (double[]){1.5, -2.0, 3.0});
  trial_real(b->t, "target", "3", (double[]){1.0, 1.0, 1.0});
  trial_reduction(b->t, "none");
  ck_assert_int_eq(trial_run(b->t), LP_OK);
  b->candidate = b->t->outcome;
  for (int k = 0; k < b->candidate.n_outputs; k++) {
    memcpy(b->got[k], b->t->outcome.outputs[k].tensor.f64, sizeof b->got[k]);
    b->candidate.outputs[k].tensor.f64 = b->got[k];
  }
}

static void judge(bench *b, unsigned lenience) {
  b->n = lp_judge(b->verdicts, &b->t->c, &b->candidate, &b->t->outcome, &b->t->scale, lenience);
}

static const lp_verdict *of(const bench *b, int input) {
  for (int i = 0; i < b->n; i++) {
    if (b->verdicts[i].input == input) return &b->verdicts[i];
  }
  ck_abort_msg("no verdict");
  return NULL;
}

static void check_loss(double got, double expected, lp_verdict_kind kind) {
  bench b;
  set_up(&b);
  b.got[0][1] = got;
  lp_outcome_loss(&b.t->outcome)[1] = expected;
  judge(&b, 0);
  ck_assert_msg(of(&b, LP_OUTPUT_LOSS)->kind == kind, "got %g, expected %g: %s (%s)", got, expected,
                lp_verdict_name(of(&b, LP_OUTPUT_LOSS)->kind), of(&b, LP_OUTPUT_LOSS)->reason);
  trial_free(b.t);
}

START_TEST(equal_outcomes_pass) {
  bench b;
  set_up(&b);
  judge(&b, 0);
  ck_assert_int_eq(b.n, 4); /* acceptance, loss, two gradients */
  for (int i = 0; i < b.n; i++) ck_assert_int_eq(b.verdicts[i].kind, LP_VERDICT_PASS);
  trial_free(b.t);
}
END_TEST

START_TEST(every_class_is_told_from_the_others) {
  const double values[] = {1.0, INFINITY, -INFINITY, NAN};
  for (int i = 0; i < 4; i++) {
    for (int k = 0; k < 4; k++) check_loss(values[i], values[k], i == k ? LP_VERDICT_PASS : LP_VERDICT_FAIL);
  }
}
END_TEST

/* Element 1 is |−2 − 1| = 3 with its scale: inside the budget passes, the next number outside fails. */
START_TEST(the_budget_is_sharp) {
  bench b;
  set_up(&b);
  const double scale = b.t->scale.outputs[0].tensor.f64[1], budget = lp_budget(LP_FLOAT64, scale);
  const double ulp = lp_ulp(LP_FLOAT64, 3.0);
  const double inside = floor(budget / ulp) * ulp;
  trial_free(b.t);
  check_loss(3.0 + inside, 3.0, LP_VERDICT_PASS);
  check_loss(3.0 - inside, 3.0, LP_VERDICT_PASS);
  check_loss(3.0 + inside + ulp, 3.0, LP_VERDICT_FAIL);
  check_loss(3.0 - inside - ulp, 3.0, LP_VERDICT_FAIL);
  check_loss(0.0, 3.0, LP_VERDICT_FAIL);
}
END_TEST

START_TEST(the_worst_element_is_reported) {
  bench b;
  set_up(&b);
  b.got[0][0] += 1e-12;
  b.got[0][2] += 1e-9;
  judge(&b, 0);
  ck_assert_int_eq(of(&b, LP_OUTPUT_LOSS)->index, 2);
  ck_assert(of(&b, LP_OUTPUT_LOSS)->ratio > 1.0);
  ck_assert(of(&b, LP_OUTPUT_LOSS)->error_ulp > 1e3);
  b.got[0][1] = NAN; /* a wrong class is worse than any number */
  judge(&b, 0);
  ck_assert_int_eq(of(&b, LP_OUTPUT_LOSS)->index, 1);
  trial_free(b.t);
}
END_TEST

START_TEST(gradients_are_judged_apart_from_the_value) {
  bench b;
  set_up(&b);
  b.got[1][0] = -b.got[1][0];
  judge(&b, 0);
  ck_assert_int_eq(of(&b, LP_OUTPUT_LOSS)->kind, LP_VERDICT_PASS);
  ck_assert_int_eq(of(&b, 0)->kind, LP_VERDICT_FAIL);
  ck_assert_int_eq(of(&b, 1)->kind, LP_VERDICT_PASS);
  trial_free(b.t);
}
END_TEST

START_TEST(undecided_gradients_are_inconclusive_values_are_not) {
  bench b;
  set_up(&b);
  b.got[1][0] = -b.got[1][0];
  judge(&b, LP_LENIENT_KINK);
  ck_assert_int_eq(of(&b, 0)->kind, LP_VERDICT_INCONCLUSIVE);
  ck_assert(of(&b, 0)->lenient && !of(&b, 1)->lenient);
  judge(&b, LP_LENIENT_OPEN); /* finite numbers are not open */
  ck_assert_int_eq(of(&b, 0)->kind, LP_VERDICT_FAIL);
  b.got[1][0] = NAN;
  judge(&b, LP_LENIENT_KINK); /* beside a kink both sides are finite */
  ck_assert_int_eq(of(&b, 0)->kind, LP_VERDICT_FAIL);
  judge(&b, LP_LENIENT_OPEN);
  ck_assert_int_eq(of(&b, 0)->kind, LP_VERDICT_INCONCLUSIVE);
  b.got[0][0] += 1.0;
  judge(&b, LP_LENIENT_KINK | LP_LENIENT_OPEN);
  ck_assert_int_eq(of(&b, LP_OUTPUT_LOSS)->kind, LP_VERDICT_FAIL);
  trial_free(b.t);
}
END_TEST

START_TEST(an_infinite_scale_decides_nothing) {
  bench b;
  set_up(&b);
  b.t->scale.outputs[0].tensor.f64[0] = INFINITY;
  judge(&b, 0);
  ck_assert_int_eq(of(&b, LP_OUTPUT_LOSS)->kind, LP_VERDICT_PASS); /* equal numbers need no budget */
  b.got[0][0] += 1.0;
  judge(&b, 0);
  ck_assert_int_eq(of(&b, LP_OUTPUT_LOSS)->kind, LP_VERDICT_INCONCLUSIVE);
  b.t->scale.outputs[0].tensor.f64[0] = DBL_MAX; /* what a scale beyond the range is written as */
  judge(&b, 0);
  ck_assert_int_eq(of(&b, LP_OUTPUT_LOSS)->kind, LP_VERDICT_INCONCLUSIVE);
  trial_free(b.t);
}
END_TEST

/* A scale is never below |expected|, so what is inside that budget passes under any scale. */
START_TEST(an_infinite_scale_decides_what_the_value_alone_decides) {
  bench b;
  set_up(&b);
  b.t->scale.outputs[0].tensor.f64[1] = NAN;
  b.got[0][1] = 3.0 + 4 * lp_ulp(LP_FLOAT64, 3.0);
  judge(&b, 0);
  ck_assert_int_eq(of(&b, LP_OUTPUT_LOSS)->kind, LP_VERDICT_PASS);
  b.got[0][1] = 3.0 + 64 * lp_ulp(LP_FLOAT64, 3.0);
  judge(&b, 0);
  ck_assert_int_eq(of(&b, LP_OUTPUT_LOSS)->kind, LP_VERDICT_INCONCLUSIVE);
  trial_free(b.t);
}
END_TEST

static lp_verdict_kind in_dtype(lp_dtype dtype, double got, double expected) {
  bench b;
  set_up(&b);
  b.t->scale.outputs[0].tensor.dtype = dtype;
  b.t->scale.outputs[0].tensor.f64[1] = fabs(expected);
  b.got[0][1] = got;
  lp_outcome_loss(&b.t->outcome)[1] = expected;
  judge(&b, 0);
  const lp_verdict_kind kind = of(&b, LP_OUTPUT_LOSS)->kind;
  trial_free(b.t);
  return kind;
}

START_TEST(beyond_the_dtype_s_largest_infinity_is_right) {
  const lp_dtype dtypes[] = {LP_FLOAT32, LP_FLOAT16, LP_BFLOAT16};
  for (int k = 0; k < 3; k++) {
    const lp_dtype d = dtypes[k];
    const double largest = lp_dtype_largest(d), beyond = 4.0 * largest;
    ck_assert_int_eq(in_dtype(d, INFINITY, beyond), LP_VERDICT_PASS);
    ck_assert_int_eq(in_dtype(d, beyond, INFINITY), LP_VERDICT_PASS); /* the reference against a fixture */
    ck_assert_int_eq(in_dtype(d, beyond, beyond), LP_VERDICT_PASS);
    ck_assert_int_eq(in_dtype(d, -INFINITY, -beyond), LP_VERDICT_PASS);
    ck_assert_int_eq(in_dtype(d, -INFINITY, beyond), LP_VERDICT_FAIL);
    ck_assert_int_eq(in_dtype(d, NAN, beyond), LP_VERDICT_FAIL);
    ck_assert_int_eq(in_dtype(d, largest, beyond), LP_VERDICT_FAIL);
    ck_assert_int_eq(in_dtype(d, INFINITY, largest), LP_VERDICT_FAIL);
    ck_assert_int_eq(in_dtype(d, INFINITY, 1.0), LP_VERDICT_FAIL);
  }
  ck_assert_int_eq(in_dtype(LP_FLOAT64, INFINITY, 1e300), LP_VERDICT_FAIL);
}
END_TEST

/* A fixture that contradicts the reference has no scale, or one of another shape. */
START_TEST(without_a_scale_only_equality_passes) {
  for (int way = 0; way < 2; way++) {
    bench b;
    set_up(&b);
    const int n_scales = b.t->scale.n_outputs;
    if (way == 0) b.t->scale.n_outputs = 0;
    if (way == 1) b.t->scale.outputs[0].tensor.shape[0] = 1;
    judge(&b, 0);
    ck_assert_int_eq(of(&b, LP_OUTPUT_LOSS)->kind, LP_VERDICT_PASS);
    b.got[0][2] += 1.0;
    judge(&b, 0);
    ck_assert_int_eq(of(&b, LP_OUTPUT_LOSS)->kind, LP_VERDICT_INCONCLUSIVE);
    b.t->scale.n_outputs = n_scales;
    trial_free(b.t);
  }
}
END_TEST

START_TEST(a_refusal_is_quoted_on_one_line) {
  bench b;
  set_up(&b);
  b.candidate.kind = LP_OUTCOME_REJECTED;
  b.candidate.message = "no\n\033[31mway \xff";
  judge(&b, 0);
  ck_assert_str_eq(b.verdicts[0].reason, "rejects what must be accepted: no??[31mway ?");
  trial_free(b.t);
}
END_TEST

START_TEST(outputs_must_be_the_same_set_of_the_same_shape) {
  bench b;
  set_up(&b);
  b.candidate.n_outputs = 2;
  judge(&b, 0);
  ck_assert_int_eq(of(&b, 1)->kind, LP_VERDICT_FAIL);
  ck_assert_ptr_nonnull(strstr(of(&b, 1)->reason, "missing"));
  b.candidate.n_outputs = 3;
  b.t->outcome.n_outputs = 2;
  judge(&b, 0);
  ck_assert_ptr_nonnull(strstr(of(&b, 1)->reason, "does not have"));
  b.t->outcome.n_outputs = 3;
  b.candidate.outputs[0].tensor.shape[0] = 2;
  judge(&b, 0);
  ck_assert_int_eq(of(&b, LP_OUTPUT_LOSS)->kind, LP_VERDICT_FAIL);
  ck_assert_ptr_nonnull(strstr(of(&b, LP_OUTPUT_LOSS)->reason, "expected shape (3), got (2)"));
  ck_assert_int_eq(of(&b, LP_OUTPUT_LOSS)->index, LP_WHOLE_OUTPUT);
  trial_free(b.t);
}
END_TEST

static lp_verdict_kind acceptance(lp_outcome_kind candidate, lp_outcome_kind expected, lp_expect expect) {
  bench b;
  set_up(&b);
  b.candidate.kind = candidate;
  b.t->outcome.kind = expected;
  b.t->c.expect = expect;
  judge(&b, 0);
  const lp_verdict_kind kind = b.verdicts[0].kind;
  trial_free(b.t);
  return kind;
}

START_TEST(acceptance_is_judged) {
  const lp_expect accept = LP_EXPECT_ACCEPT;
  ck_assert_int_eq(acceptance(LP_OUTCOME_OK, LP_OUTCOME_REJECTED, accept), LP_VERDICT_FAIL);
  ck_assert_int_eq(acceptance(LP_OUTCOME_REJECTED, LP_OUTCOME_OK, accept), LP_VERDICT_FAIL);
  ck_assert_int_eq(acceptance(LP_OUTCOME_REJECTED, LP_OUTCOME_REJECTED, accept), LP_VERDICT_PASS);
  ck_assert_int_eq(acceptance(LP_OUTCOME_REJECTED, LP_OUTCOME_OK, LP_EXPECT_EITHER), LP_VERDICT_PASS);
  ck_assert_int_eq(acceptance(LP_OUTCOME_OK, LP_OUTCOME_REJECTED, LP_EXPECT_EITHER), LP_VERDICT_PASS);
  ck_assert_int_eq(acceptance(LP_OUTCOME_UNSUPPORTED, LP_OUTCOME_OK, accept), LP_VERDICT_UNSUPPORTED);
  ck_assert_int_eq(acceptance(LP_OUTCOME_CRASHED, LP_OUTCOME_OK, accept), LP_VERDICT_FAIL);
  ck_assert_int_eq(acceptance(LP_OUTCOME_TIMED_OUT, LP_OUTCOME_REJECTED, accept), LP_VERDICT_FAIL);
}
END_TEST

START_TEST(ulps_are_the_spacing_of_the_format) {
  check_same(lp_ulp(LP_FLOAT64, 1.0), 0x1p-52);
  check_same(lp_ulp(LP_FLOAT64, nextafter(1.0, 0.0)), 0x1p-53);
  check_same(lp_ulp(LP_FLOAT32, -3.0), 0x1p-22);
  check_same(lp_ulp(LP_FLOAT64, 0x1p-1060), 0x1p-1074);
  check_same(lp_ulp(LP_FLOAT16, 0.0), 0x1p-24);
  check_same(lp_ulp(LP_FLOAT64, INFINITY), 0x1p-1074);
}
END_TEST

/* A tighter budget never turns a fail into a pass: the verdict is monotone in the scale. */
START_TEST(the_verdict_is_monotone_in_the_scale) {
  for (double error = 1e-18; error < 1.0; error *= 3.7) {
    bool failed = false;
    for (double scale = 1e9; scale > 1e-9; scale /= 2.0) {
      bench b;
      set_up(&b);
      b.got[0][1] = 3.0 + error;
      b.t->scale.outputs[0].tensor.f64[1] = scale;
      judge(&b, 0);
      const bool fails = of(&b, LP_OUTPUT_LOSS)->kind == LP_VERDICT_FAIL;
      ck_assert(fails || !failed);
      failed = fails;
      trial_free(b.t);
    }
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {equal_outcomes_pass,
                                every_class_is_told_from_the_others,
                                the_budget_is_sharp,
                                the_worst_element_is_reported,
                                gradients_are_judged_apart_from_the_value,
                                undecided_gradients_are_inconclusive_values_are_not,
                                an_infinite_scale_decides_nothing,
                                an_infinite_scale_decides_what_the_value_alone_decides,
                                beyond_the_dtype_s_largest_infinity_is_right,
                                without_a_scale_only_equality_passes,
                                a_refusal_is_quoted_on_one_line,
                                outputs_must_be_the_same_set_of_the_same_shape,
                                acceptance_is_judged,
                                ulps_are_the_spacing_of_the_format,
                                the_verdict_is_monotone_in_the_scale};
  return run_tests("judge", tests, sizeof tests / sizeof tests[0]);
}
