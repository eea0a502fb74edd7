/* Every verdict, every cause, kinks under both profiles, and the faults that the judge must see. */
#include "harness/judge.h"

#include <math.h>
#include <string.h>

#include "reference/tests/testing.h"

enum { ROOM = 16 };

/* A case, what is true of it, and an outcome that begins as the reference's. */
typedef struct bench {
  lp_trial *t;
  lp_exact exact;
  double got[LP_MAX_OUTPUTS][ROOM];
  lp_outcome candidate;
  lp_judging how;
  lp_verdict verdicts[LP_MAX_VERDICTS];
  int n;
} bench;

static void set_up(bench *b, lp_trial *t) {
  memset(b, 0, sizeof *b);
  b->t = t;
  ck_assert_int_eq(trial_run(t), LP_OK);
  ck_assert_int_eq(lp_exact_evaluate(&b->exact, &t->plan, NULL, &t->error), LP_OK);
  b->candidate = t->outcome;
  for (int k = 0; k < b->candidate.n_outputs; k++) {
    lp_tensor *out = &b->candidate.outputs[k].tensor;
    ck_assert_int_le(out->numel, ROOM);
    for (int64_t i = 0; i < out->numel; i++) b->got[k][i] = out->f64[i];
    out->f64 = b->got[k];
  }
}

static void tear_down(bench *b) {
  lp_exact_clear(&b->exact);
  trial_free(b->t);
}

static lp_trial *three_of(const char *loss) {
  lp_trial *t = trial_new(loss);
  trial_real(t, "input", "3", (double[]){1.5, -2.0, 3.0});
  trial_real(t, "target", "3", (double[]){1.0, 1.0, 1.0});
  trial_reduction(t, "none");
  return t;
}

static void judge(bench *b) { b->n = lp_judge(b->verdicts, &b->t->c, &b->candidate, &b->exact, &b->how); }

static const lp_verdict *of(const bench *b, int input) {
  for (int i = 0; i < b->n; i++) {
    if (b->verdicts[i].input == input) return &b->verdicts[i];
  }
  ck_abort_msg("no verdict");
  return NULL;
}

static void expect(const bench *b, int input, lp_verdict_kind kind, lp_cause cause) {
  const lp_verdict *v = of(b, input);
  ck_assert_msg(v->kind == kind && v->cause == cause, "output %d: %s, %s (%s)", input, lp_verdict_name(v->kind),
                lp_cause_name(v->cause), v->reason);
  ck_assert_int_eq(v->reason[0] == '\0', kind == LP_VERDICT_PASS);
}

START_TEST(the_reference_s_outcome_passes) {
  bench b;
  set_up(&b, three_of("l1"));
  judge(&b);
  ck_assert_int_eq(b.n, 4); /* acceptance, loss, two gradients */
  for (int i = 0; i < b.n; i++) ck_assert_int_eq(b.verdicts[i].kind, LP_VERDICT_PASS);
  ck_assert_int_eq(of(&b, 0)->grade, LP_GRADE_A);
  ck_assert_int_eq(b.verdicts[0].grade, LP_GRADE_NONE);
  tear_down(&b);
}
END_TEST

START_TEST(the_worst_element_is_reported) {
  bench b;
  set_up(&b, three_of("l1"));
  b.got[0][0] += 1e-12;
  b.got[0][2] += 1e-9;
  judge(&b);
  expect(&b, LP_OUTPUT_LOSS, LP_VERDICT_FAIL, LP_CAUSE_VALUE);
  ck_assert_int_eq(of(&b, LP_OUTPUT_LOSS)->index, 2);
  ck_assert(of(&b, LP_OUTPUT_LOSS)->at.ratio > 1.0);
  ck_assert_int_eq(of(&b, LP_OUTPUT_LOSS)->grade, LP_GRADE_F);
  b.got[0][1] = NAN; /* a wrong class is worse than any number */
  judge(&b);
  expect(&b, LP_OUTPUT_LOSS, LP_VERDICT_FAIL, LP_CAUSE_CLASS);
  ck_assert_int_eq(of(&b, LP_OUTPUT_LOSS)->index, 1);
  tear_down(&b);
}
END_TEST

START_TEST(grades_follow_the_error) {
  const double u = 0x1p-53;
  const double errors[] = {0.0, 2 * u, 4 * u, 6 * u, 8 * u, 10 * u}; /* of the gradient 1, whose budget is 8 u */
  const lp_grade grades[] = {LP_GRADE_A, LP_GRADE_A, LP_GRADE_B, LP_GRADE_B, LP_GRADE_B, LP_GRADE_F};
  for (int i = 0; i < 6; i++) {
    bench b;
    set_up(&b, three_of("l1"));
    b.got[1][0] += errors[i];
    judge(&b);
    const lp_grade grade = of(&b, 0)->grade;
    ck_assert_msg(grade == grades[i], "error %d: grade %c, ratio %.17g", i, lp_grade_letter(grade),
                  of(&b, 0)->at.ratio);
    tear_down(&b);
  }
}
END_TEST

START_TEST(a_sum_at_running_depth_is_grade_c) {
  lp_trial *t = trial_new("l1");
  double ones[ROOM];
  for (int i = 0; i < ROOM; i++) ones[i] = 1.0 + i * 0x1p-20;
  trial_real(t, "input", "16", ones);
  trial_real(t, "target", "16", NULL);
  trial_reduction(t, "sum");
  bench b;
  set_up(&b, t);
  const lp_exact_number *n = &b.exact.outputs[0].numbers[0];
  ck_assert_int_eq(n->terms, 16);
  b.got[0][0] += 12 * 8 * 0x1p-53 * 16.0; /* pairwise depth 4, running depth 20 */
  judge(&b);
  expect(&b, LP_OUTPUT_LOSS, LP_VERDICT_PASS, LP_CAUSE_NONE);
  ck_assert_int_eq(of(&b, LP_OUTPUT_LOSS)->grade, LP_GRADE_C);
  b.got[0][0] += 60 * 8 * 0x1p-53 * 16.0;
  judge(&b);
  expect(&b, LP_OUTPUT_LOSS, LP_VERDICT_FAIL, LP_CAUSE_VALUE);
  tear_down(&b);
}
END_TEST

START_TEST(gradients_are_judged_apart_from_the_value) {
  bench b;
  set_up(&b, three_of("l1"));
  b.got[1][0] = -b.got[1][0];
  judge(&b);
  expect(&b, LP_OUTPUT_LOSS, LP_VERDICT_PASS, LP_CAUSE_NONE);
  expect(&b, 0, LP_VERDICT_FAIL, LP_CAUSE_VALUE);
  expect(&b, 1, LP_VERDICT_PASS, LP_CAUSE_NONE);
  tear_down(&b);
}
END_TEST

START_TEST(outputs_must_be_the_same_set_of_the_same_shape) {
  bench b;
  set_up(&b, three_of("l1"));
  b.candidate.n_outputs = 2;
  judge(&b);
  expect(&b, 1, LP_VERDICT_FAIL, LP_CAUSE_MISSING);
  b.candidate.n_outputs = 3;
  b.candidate.outputs[2].input = 2;
  judge(&b);
  expect(&b, 1, LP_VERDICT_FAIL, LP_CAUSE_MISSING);
  expect(&b, 2, LP_VERDICT_FAIL, LP_CAUSE_UNWANTED);
  b.candidate.outputs[2].input = 1;
  b.candidate.outputs[0].tensor.shape[0] = 2;
  judge(&b);
  expect(&b, LP_OUTPUT_LOSS, LP_VERDICT_FAIL, LP_CAUSE_SHAPE);
  ck_assert_str_eq(of(&b, LP_OUTPUT_LOSS)->reason, "expected shape (3), got (2)");
  ck_assert_int_eq(of(&b, LP_OUTPUT_LOSS)->index, LP_WHOLE_OUTPUT);
  tear_down(&b);
}
END_TEST

static lp_verdict acceptance(lp_outcome_kind candidate, bool accepted, lp_expect expectation) {
  bench b;
  set_up(&b, three_of("l1"));
  b.candidate.kind = candidate;
  b.candidate.message = "no\n\033[31mway \xff";
  b.t->c.expect = expectation;
  b.n = lp_judge(b.verdicts, &b.t->c, &b.candidate, accepted ? &b.exact : NULL, &b.how);
  const lp_verdict v = b.verdicts[0];
  if (candidate != LP_OUTCOME_OK || !accepted) ck_assert_int_eq(b.n, 1);
  tear_down(&b);
  return v;
}

START_TEST(acceptance_is_judged) {
  const lp_expect accept = LP_EXPECT_ACCEPT;
  ck_assert_int_eq(acceptance(LP_OUTCOME_OK, false, accept).cause, LP_CAUSE_ACCEPTS);
  ck_assert_int_eq(acceptance(LP_OUTCOME_REJECTED, true, accept).cause, LP_CAUSE_REJECTS);
  ck_assert_int_eq(acceptance(LP_OUTCOME_REJECTED, false, accept).kind, LP_VERDICT_PASS);
  ck_assert_int_eq(acceptance(LP_OUTCOME_OK, true, accept).kind, LP_VERDICT_PASS);
  ck_assert_int_eq(acceptance(LP_OUTCOME_REJECTED, true, LP_EXPECT_EITHER).kind, LP_VERDICT_PASS);
  ck_assert_int_eq(acceptance(LP_OUTCOME_OK, false, LP_EXPECT_EITHER).kind, LP_VERDICT_PASS);
  ck_assert_int_eq(acceptance(LP_OUTCOME_UNSUPPORTED, true, accept).kind, LP_VERDICT_UNSUPPORTED);
  ck_assert_int_eq(acceptance(LP_OUTCOME_CRASHED, true, accept).cause, LP_CAUSE_CRASH);
  ck_assert_int_eq(acceptance(LP_OUTCOME_TIMED_OUT, false, accept).cause, LP_CAUSE_TIMEOUT);
}
END_TEST

START_TEST(a_refusal_is_quoted_on_one_line) {
  ck_assert_str_eq(acceptance(LP_OUTCOME_REJECTED, true, LP_EXPECT_ACCEPT).reason,
                   "rejects what must be accepted: no??[31mway ?");
}
END_TEST

/* --- kinks --- */

static lp_trial *at_tie(void) {
  lp_trial *t = trial_new("l1");
  trial_real(t, "input", "2", (double[]){1.0, 5.0});
  trial_real(t, "target", "2", (double[]){1.0, 2.0});
  trial_reduction(t, "none");
  return t;
}

static lp_verdict_kind at_tie_with(lp_profile profile, double to_input, double to_target) {
  bench b;
  set_up(&b, at_tie());
  ck_assert_int_eq(b.exact.n_kinks, 1);
  ck_assert_int_eq(b.exact.kinks[0].state, LP_KINK_AT);
  b.how.profile = profile;
  b.got[1][0] = to_input;
  b.got[2][0] = to_target;
  judge(&b);
  const lp_verdict_kind kinds[] = {of(&b, 0)->kind, of(&b, 1)->kind};
  ck_assert_int_eq(of(&b, LP_OUTPUT_LOSS)->kind, LP_VERDICT_PASS);
  tear_down(&b);
  return kinds[0] > kinds[1] ? kinds[0] : kinds[1];
}

/* At |d| = 0 PyTorch chose 0; mathematics takes any number in [-1, 1], the same for input and target. */
START_TEST(at_a_kink_the_profile_decides) {
  ck_assert_int_eq(at_tie_with(LP_PROFILE_PYTORCH, 0.0, 0.0), LP_VERDICT_PASS);
  ck_assert_int_eq(at_tie_with(LP_PROFILE_PYTORCH, 1.0, -1.0), LP_VERDICT_FAIL);
  ck_assert_int_eq(at_tie_with(LP_PROFILE_PYTORCH, 0.3, -0.3), LP_VERDICT_FAIL);
  ck_assert_int_eq(at_tie_with(LP_PROFILE_MATH, 0.0, 0.0), LP_VERDICT_PASS);
  ck_assert_int_eq(at_tie_with(LP_PROFILE_MATH, 1.0, -1.0), LP_VERDICT_PASS);
  ck_assert_int_eq(at_tie_with(LP_PROFILE_MATH, 0.3, -0.3), LP_VERDICT_PASS);
  ck_assert_int_eq(at_tie_with(LP_PROFILE_MATH, -1.0, 1.0), LP_VERDICT_PASS);
  ck_assert_int_eq(at_tie_with(LP_PROFILE_MATH, 1.5, -1.5), LP_VERDICT_FAIL);
  ck_assert_int_eq(at_tie_with(LP_PROFILE_MATH, 0.3, -0.4), LP_VERDICT_FAIL);
  ck_assert_int_eq(at_tie_with(LP_PROFILE_MATH, 0.3, NAN), LP_VERDICT_FAIL);
}
END_TEST

/* margin - (x1 - x2) with rounding in x1 - x2: beside its kink. */
static lp_trial *beside_hinge(void) {
  lp_trial *t = trial_new("margin_ranking");
  trial_real(t, "input1", "1", (double[]){1.0 + 0x1p-52});
  trial_real(t, "input2", "1", (double[]){0x1.8p-54});
  trial_real(t, "target", "1", (double[]){1.0});
  trial_param(t, "margin", 1.0);
  trial_reduction(t, "none");
  return t;
}

static lp_verdict_kind beside_hinge_with(lp_profile profile, double first, double second) {
  bench b;
  set_up(&b, beside_hinge());
  ck_assert_int_eq(b.exact.n_kinks, 1);
  ck_assert_int_eq(b.exact.kinks[0].state, LP_KINK_NEAR);
  b.how.profile = profile;
  b.got[1][0] = first;
  b.got[2][0] = second;
  b.got[3][0] = first; /* to target: x1 - x2 is about 1 */
  judge(&b);
  const lp_verdict_kind kinds[] = {of(&b, 0)->kind, of(&b, 1)->kind};
  tear_down(&b);
  return kinds[0] > kinds[1] ? kinds[0] : kinds[1];
}

START_TEST(beside_a_kink_either_side_is_right_for_all_components_at_once) {
  for (int p = 0; p < 2; p++) {
    const lp_profile profile = (lp_profile)p;
    ck_assert_int_eq(beside_hinge_with(profile, 0.0, 0.0), LP_VERDICT_PASS);
    ck_assert_int_eq(beside_hinge_with(profile, -1.0, 1.0), LP_VERDICT_PASS);
    ck_assert_int_eq(beside_hinge_with(profile, 0.0, 1.0), LP_VERDICT_FAIL);
    ck_assert_int_eq(beside_hinge_with(profile, -2.0, 2.0), LP_VERDICT_FAIL);
    ck_assert_int_eq(beside_hinge_with(profile, 1.0, -1.0), LP_VERDICT_FAIL);
    ck_assert_int_eq(beside_hinge_with(profile, -0.5, 0.5),
                     profile == LP_PROFILE_MATH ? LP_VERDICT_PASS : LP_VERDICT_FAIL);
  }
}
END_TEST

/* Where the upstream gradient is NaN the side of a hinge decides between 0 and NaN. */
START_TEST(beside_a_kink_either_class_is_right_for_all_components_at_once) {
  static const struct {
    double first, second;
    lp_verdict_kind kind;
  } rows[] = {{0.0, 0.0, LP_VERDICT_PASS}, {NAN, NAN, LP_VERDICT_PASS},           {0.0, NAN, LP_VERDICT_FAIL},
              {NAN, 0.0, LP_VERDICT_FAIL}, {INFINITY, INFINITY, LP_VERDICT_FAIL}, {1.0, -1.0, LP_VERDICT_FAIL}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    for (int far = 0; far < 2; far++) {
      bench b;
      lp_trial *t = beside_hinge();
      trial_upstream(t, "1", (double[]){NAN});
      if (far) trial_param(t, "margin", 0.5); /* shut for sure */
      set_up(&b, t);
      b.got[1][0] = rows[i].first;
      b.got[2][0] = rows[i].second;
      b.got[3][0] = rows[i].first;
      judge(&b);
      const lp_verdict_kind worst = of(&b, 0)->kind > of(&b, 1)->kind ? of(&b, 0)->kind : of(&b, 1)->kind;
      ck_assert_int_eq(worst, far && i > 0 ? LP_VERDICT_FAIL : rows[i].kind);
      tear_down(&b);
    }
  }
}
END_TEST

/* Which gradients are to blame: those that no choice explains, not those beside them; all, where only all together
 * contradict one another. */
START_TEST(blame_is_told_honestly) {
  bench b;
  set_up(&b, at_tie());
  b.how.profile = LP_PROFILE_MATH;
  b.got[1][0] = 3.0;
  b.got[2][0] = 0.25;
  judge(&b);
  expect(&b, 0, LP_VERDICT_FAIL, LP_CAUSE_KINK);
  ck_assert_ptr_nonnull(strstr(of(&b, 0)->reason, "no choice of sides"));
  expect(&b, 1, LP_VERDICT_PASS, LP_CAUSE_NONE);
  ck_assert(of(&b, 1)->other_side);
  b.got[1][0] = NAN;
  judge(&b);
  expect(&b, 0, LP_VERDICT_FAIL, LP_CAUSE_CLASS);
  expect(&b, 1, LP_VERDICT_PASS, LP_CAUSE_NONE);
  b.got[1][0] = 0.25;
  judge(&b);
  for (int input = 0; input < 2; input++) {
    expect(&b, input, LP_VERDICT_FAIL, LP_CAUSE_KINK);
    ck_assert_ptr_nonnull(strstr(of(&b, input)->reason, "none gives all gradients"));
  }
  b.got[1][1] += 1.0; /* off where no kink is */
  judge(&b);
  expect(&b, 0, LP_VERDICT_FAIL, LP_CAUSE_VALUE);
  expect(&b, 1, LP_VERDICT_PASS, LP_CAUSE_NONE);
  tear_down(&b);
}
END_TEST

START_TEST(kinks_excuse_no_unwanted_output) {
  bench b;
  set_up(&b, at_tie());
  b.how.profile = LP_PROFILE_MATH;
  b.candidate.outputs[3] = b.candidate.outputs[2];
  b.candidate.outputs[3].input = 2;
  b.candidate.n_outputs = 4;
  for (int side = -1; side <= 2; side++) {
    b.got[1][0] = side;
    b.got[2][0] = -side;
    judge(&b);
    ck_assert_int_eq(of(&b, 0)->kind, side < 2 ? LP_VERDICT_PASS : LP_VERDICT_FAIL);
    expect(&b, 2, LP_VERDICT_FAIL, LP_CAUSE_UNWANTED);
  }
  tear_down(&b);
}
END_TEST

START_TEST(away_from_kinks_sides_are_not_free) {
  bench b;
  lp_trial *t = beside_hinge();
  trial_real(t, "input2", "1", (double[]){0x1p-30});
  set_up(&b, t);
  ck_assert_int_eq(b.exact.n_kinks, 0);
  b.got[1][0] = b.got[1][0] == 0.0 ? -1.0 : 0.0;
  judge(&b);
  expect(&b, 0, LP_VERDICT_FAIL, LP_CAUSE_VALUE);
  tear_down(&b);
}
END_TEST

/* What the kink does is hardly known: whatever got there may be right. What no kink touches is still wrong. */
START_TEST(undecided_kinks_excuse_nothing_else) {
  bench b;
  set_up(&b, at_tie());
  for (int i = 0; i < b.exact.kinks[0].n_effects; i++) {
    arb_add_error_2exp_si(&b.exact.kinks[0].effects[i].change[2], -10);
  }
  b.how.profile = LP_PROFILE_MATH;
  b.got[1][0] = 1.0 + 0x1p-20;
  b.got[2][0] = -1.0;
  judge(&b);
  expect(&b, 0, LP_VERDICT_INCONCLUSIVE, LP_CAUSE_WIDE);
  expect(&b, 1, LP_VERDICT_INCONCLUSIVE, LP_CAUSE_WIDE);
  b.got[1][1] = 0.5;
  judge(&b);
  ck_assert_int_eq(of(&b, 0)->kind, LP_VERDICT_FAIL);
  expect(&b, 1, LP_VERDICT_INCONCLUSIVE, LP_CAUSE_WIDE);
  tear_down(&b);
}
END_TEST

START_TEST(nested_kinks_within_rounding_are_not_decided) {
  bench b;
  set_up(&b, three_of("l1"));
  b.exact.entangled = true;
  judge(&b);
  for (int i = 0; i < b.n; i++) ck_assert_int_eq(b.verdicts[i].kind, LP_VERDICT_PASS);
  b.got[0][0] += 1.0;
  b.got[1][0] += 1.0;
  b.got[2][0] = NAN;
  judge(&b);
  expect(&b, LP_OUTPUT_LOSS, LP_VERDICT_FAIL, LP_CAUSE_VALUE);
  expect(&b, 0, LP_VERDICT_INCONCLUSIVE, LP_CAUSE_WIDE);
  expect(&b, 1, LP_VERDICT_FAIL, LP_CAUSE_CLASS);
  tear_down(&b);
}
END_TEST

/* Only the elements of the terms in which they nest are treated so. */
START_TEST(nested_kinks_elsewhere_excuse_nothing) {
  bench b;
  set_up(&b, three_of("l1"));
  b.exact.outputs[1].numbers[1].entangled = true;
  b.got[1][1] += 1.0;
  b.got[2][1] += 1.0;
  judge(&b);
  expect(&b, LP_OUTPUT_LOSS, LP_VERDICT_PASS, LP_CAUSE_NONE);
  expect(&b, 0, LP_VERDICT_INCONCLUSIVE, LP_CAUSE_WIDE);
  ck_assert_ptr_nonnull(strstr(of(&b, 0)->reason, "nest within rounding"));
  expect(&b, 1, LP_VERDICT_FAIL, LP_CAUSE_VALUE);
  b.got[1][0] += 1.0;
  judge(&b);
  expect(&b, 0, LP_VERDICT_FAIL, LP_CAUSE_VALUE);
  ck_assert_int_eq(of(&b, 0)->index, 0);
  b.got[1][0] -= 1.0;
  b.got[1][1] = NAN;
  judge(&b);
  expect(&b, 0, LP_VERDICT_FAIL, LP_CAUSE_CLASS);
  tear_down(&b);
}
END_TEST

START_TEST(a_truth_that_is_not_known_well_enough) {
  bench b;
  set_up(&b, three_of("l1"));
  arb_add_error_2exp_si(&b.exact.outputs[0].numbers[1].value, -20);
  judge(&b);
  expect(&b, LP_OUTPUT_LOSS, LP_VERDICT_INCONCLUSIVE, LP_CAUSE_WIDE);
  tear_down(&b);
}
END_TEST

/* One frame, one label, both classes at log 1/2: the derivative is -posterior, PyTorch's is exp(log_probs) more. */
static lp_verdict_kind ctc_gradient(lp_profile profile, double blank, double label) {
  bench b;
  lp_trial *t = trial_new("ctc");
  trial_real(t, "log_probs", "1 1 2", (double[]){-0.5, -1.0});
  trial_index(t, "targets", "1 1", (int64_t[]){1});
  trial_index(t, "input_lengths", "1", (int64_t[]){1});
  trial_index(t, "target_lengths", "1", (int64_t[]){1});
  trial_reduction(t, "sum");
  set_up(&b, t);
  b.how.profile = profile;
  b.got[1][0] = blank;
  b.got[1][1] = label;
  judge(&b);
  const lp_verdict_kind kind = of(&b, 0)->kind;
  tear_down(&b);
  return kind;
}

START_TEST(either_convention_whole) {
  const double half = exp(-0.5), less = exp(-1.0) - 1.0;
  for (int p = 0; p < 2; p++) {
    const lp_verdict_kind other = p == LP_PROFILE_MATH ? LP_VERDICT_PASS : LP_VERDICT_FAIL;
    ck_assert_int_eq(ctc_gradient((lp_profile)p, half, less), LP_VERDICT_PASS);
    ck_assert_int_eq(ctc_gradient((lp_profile)p, 0.0, -1.0), other);
    ck_assert_int_eq(ctc_gradient((lp_profile)p, half, -1.0), LP_VERDICT_FAIL);
    ck_assert_int_eq(ctc_gradient((lp_profile)p, 0.0, less), LP_VERDICT_FAIL);
  }
}
END_TEST

START_TEST(names) {
  ck_assert_str_eq(lp_profile_name(LP_PROFILE_PYTORCH), "pytorch");
  ck_assert_str_eq(lp_profile_name(LP_PROFILE_MATH), "math");
  ck_assert_str_eq(lp_verdict_name(LP_VERDICT_WAIVED), "waived");
  ck_assert_str_eq(lp_cause_name(LP_CAUSE_STALE), "stale");
  ck_assert_int_eq(lp_grade_letter(LP_GRADE_NONE), '-');
  ck_assert_int_eq(lp_grade_letter(LP_GRADE_F), 'F');
}
END_TEST

/* --- signatures --- */

START_TEST(signatures_name_the_fault_and_nothing_else) {
  char text[160];
  bench b;
  set_up(&b, three_of("l1"));
  b.got[0][1] = NAN;
  b.got[1][0] = 7.0;
  judge(&b);
  ck_assert_str_eq(lp_signature(text, sizeof text, b.t->c.loss, of(&b, LP_OUTPUT_LOSS)),
                   "l1/loss/class/NaN-for-finite");
  ck_assert_str_eq(lp_signature(text, sizeof text, b.t->c.loss, of(&b, 0)), "l1/grad/input/value");
  b.candidate.kind = LP_OUTCOME_CRASHED;
  judge(&b);
  ck_assert_str_eq(lp_signature(text, sizeof text, b.t->c.loss, of(&b, LP_OUTPUT_CASE)), "l1/acceptance/crash");
  tear_down(&b);
}
END_TEST

/* The verdict on a case does not depend on the cases before it. */
START_TEST(the_order_of_cases_changes_nothing) {
  lp_verdict first[LP_MAX_VERDICTS];
  for (int round = 0; round < 2; round++) {
    if (round == 1) {
      at_tie_with(LP_PROFILE_MATH, 0.3, -0.4);
      beside_hinge_with(LP_PROFILE_PYTORCH, 0.0, 1.0);
    }
    bench b;
    set_up(&b, three_of("mse"));
    b.got[0][1] += 1e-15;
    judge(&b);
    if (round == 1) {
      for (int i = 0; i < b.n; i++) {
        ck_assert_int_eq(first[i].kind, b.verdicts[i].kind);
        check_same(first[i].at.error, b.verdicts[i].at.error);
        check_same(first[i].at.budget, b.verdicts[i].at.budget);
      }
    }
    memcpy(first, b.verdicts, sizeof first);
    tear_down(&b);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {the_reference_s_outcome_passes,
                                the_worst_element_is_reported,
                                grades_follow_the_error,
                                a_sum_at_running_depth_is_grade_c,
                                gradients_are_judged_apart_from_the_value,
                                outputs_must_be_the_same_set_of_the_same_shape,
                                acceptance_is_judged,
                                a_refusal_is_quoted_on_one_line,
                                at_a_kink_the_profile_decides,
                                beside_a_kink_either_side_is_right_for_all_components_at_once,
                                beside_a_kink_either_class_is_right_for_all_components_at_once,
                                blame_is_told_honestly,
                                kinks_excuse_no_unwanted_output,
                                away_from_kinks_sides_are_not_free,
                                undecided_kinks_excuse_nothing_else,
                                nested_kinks_within_rounding_are_not_decided,
                                nested_kinks_elsewhere_excuse_nothing,
                                a_truth_that_is_not_known_well_enough,
                                either_convention_whole,
                                names,
                                signatures_name_the_fault_and_nothing_else,
                                the_order_of_cases_changes_nothing};
  const int status = run_tests("judge", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return status;
}
