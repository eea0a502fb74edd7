#include <string.h>

#include "reference/tests/testing.h"

static lp_trial *l1(const char *input, const char *target) {
  lp_trial *t = trial_new("l1");
  trial_real(t, "input", input, NULL);
  trial_real(t, "target", target, NULL);
  return t;
}

static void check_term(const char *input, const char *target, const char *expected) {
  lp_trial *t = l1(input, target);
  char text[64];
  ck_assert_int_eq(trial_run(t), LP_OK);
  ck_assert_str_eq(lp_tensor_shape_text(text, sizeof text, &t->plan.term), expected);
  trial_free(t);
}

START_TEST(shapes_broadcast_as_numpy) {
  check_term("", "", "()");
  check_term("2 3", "3", "(2, 3)");
  check_term("", "2 3", "(2, 3)");
  check_term("2 1", "1 4", "(2, 4)");
  check_term("0", "1", "(0)");
  check_term("5 1 3", "4 1", "(5, 4, 3)");
}
END_TEST

static void check_does_not_broadcast(const char *input, const char *target) {
  lp_trial *t = l1(input, target);
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_SHAPE, "does not broadcast");
  trial_free(t);
}

START_TEST(other_shapes_are_refused) {
  check_does_not_broadcast("2", "3");
  check_does_not_broadcast("0", "2");
  check_does_not_broadcast("2 3", "2");
}
END_TEST

START_TEST(strides_are_zero_where_broadcast) {
  lp_trial *t = l1("5 1 3", "4 1");
  ck_assert_int_eq(trial_run(t), LP_OK);
  const int64_t input[] = {3, 0, 1}, target[] = {0, 1, 0};
  for (int axis = 0; axis < 3; axis++) {
    ck_assert_int_eq(t->plan.stride[0][axis], input[axis]);
    ck_assert_int_eq(t->plan.stride[1][axis], target[axis]);
  }
  trial_free(t);
}
END_TEST

/* An input that the caller leaves out of the mask has no say, whatever its shape. */
START_TEST(only_the_chosen_inputs_broadcast) {
  lp_trial *t = l1("2 3", "7");
  lp_plan plan = {.c = &t->c};
  ck_assert_int_eq(lp_plan_broadcast(&plan, 1u << 0, &t->error), LP_OK);
  ck_assert_int_eq(plan.term.numel, 6);
  ck_assert_int_eq(lp_plan_broadcast(&plan, 1u << 0 | 1u << 1, &t->error), LP_REJECTED);
  trial_free(t);
}
END_TEST

START_TEST(a_huge_broadcast_meets_the_ceiling) {
  lp_trial *t = trial_new("l1");
  trial_real(t, "input", "100000 1", NULL);
  trial_real(t, "target", "100000", NULL);
  ck_assert_int_eq(trial_run(t), LP_INVALID);
  trial_free(t);
}
END_TEST

START_TEST(a_missing_input_is_no_case) {
  lp_trial *t = trial_new("l1");
  trial_real(t, "input", "2", NULL);
  ck_assert_int_eq(trial_run(t), LP_INVALID);
  ck_assert_ptr_nonnull(strstr(t->error.message, "target"));
  trial_free(t);
}
END_TEST

START_TEST(dtypes_are_checked_by_kind) {
  lp_trial *t = trial_new("multi_margin");
  trial_real(t, "input", "2 3", NULL);
  trial_real(t, "target", "2", NULL);
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_DTYPE, "target: expected an integer dtype, got float64");
  trial_tensor(t, "target", LP_BOOL, "2", NULL);
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_DTYPE, "got bool");
  trial_index(t, "target", "2", NULL);
  trial_tensor(t, "input", LP_INT64, "2 3", NULL);
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_DTYPE, "input: expected a floating dtype, got int64");
  trial_free(t);
}
END_TEST

START_TEST(reductions_are_checked) {
  lp_trial *t = l1("2", "2");
  trial_reduction(t, "average");
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_REDUCTION, "expected none, mean or sum, got \"average\"");
  trial_reduction(t, "batchmean");
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  trial_free(t);
  t = trial_new("kl_div");
  trial_real(t, "input", "2", NULL);
  trial_real(t, "target", "2", NULL);
  trial_reduction(t, "batch");
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_REDUCTION, "mean, batchmean or sum");
  trial_free(t);
}
END_TEST

START_TEST(the_upstream_gradient_has_the_shape_of_the_loss) {
  lp_trial *t = l1("2", "2");
  trial_upstream(t, "2", (double[]){1, 1});
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, LP_REJECT_GRAD_OUTPUT, "expected the loss's shape (), got (2)");
  trial_reduction(t, "none");
  ck_assert_int_eq(trial_run(t), LP_OK);
  trial_upstream(t, "", (double[]){1});
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  trial_no_upstream(t);
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(lp_plan_upstream(&t->plan, 1), 1.0);
  trial_free(t);
}
END_TEST

static lp_dtype loss_dtype(lp_dtype input, lp_dtype target) {
  lp_trial *t = trial_new("l1");
  trial_tensor(t, "input", input, "2", NULL);
  trial_tensor(t, "target", target, "2", NULL);
  ck_assert_int_eq(trial_run(t), LP_OK);
  const lp_dtype dtype = t->outcome.outputs[0].tensor.dtype;
  trial_free(t);
  return dtype;
}

START_TEST(mixed_dtypes_promote_as_pytorch) {
  ck_assert_int_eq(loss_dtype(LP_FLOAT32, LP_FLOAT64), LP_FLOAT64);
  ck_assert_int_eq(loss_dtype(LP_FLOAT16, LP_FLOAT32), LP_FLOAT32);
  ck_assert_int_eq(loss_dtype(LP_BFLOAT16, LP_BFLOAT16), LP_BFLOAT16);
  ck_assert_int_eq(loss_dtype(LP_FLOAT16, LP_BFLOAT16), LP_FLOAT32);
  ck_assert_int_eq(loss_dtype(LP_BFLOAT16, LP_FLOAT16), LP_FLOAT32);
  ck_assert_int_eq(loss_dtype(LP_FLOAT16, LP_INT64), LP_FLOAT16);
}
END_TEST

START_TEST(outputs_follow_the_inputs) {
  lp_trial *t = trial_new("l1");
  trial_real(t, "input", "2", NULL);
  trial_tensor(t, "target", LP_INT64, "2", NULL);
  ck_assert_int_eq(trial_run(t), LP_OK);
  ck_assert(trial_has_grad(t, "input") && !trial_has_grad(t, "target"));
  ck_assert_ptr_nonnull(lp_outcome_grad(&t->outcome, 0));
  ck_assert_ptr_null(lp_outcome_grad(&t->outcome, 1));
  ck_assert_ptr_nonnull(lp_outcome_loss(&t->outcome));
  trial_free(t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {shapes_broadcast_as_numpy,
                                other_shapes_are_refused,
                                strides_are_zero_where_broadcast,
                                only_the_chosen_inputs_broadcast,
                                a_huge_broadcast_meets_the_ceiling,
                                a_missing_input_is_no_case,
                                dtypes_are_checked_by_kind,
                                reductions_are_checked,
                                the_upstream_gradient_has_the_shape_of_the_loss,
                                mixed_dtypes_promote_as_pytorch,
                                outputs_follow_the_inputs};
  return run_tests("plan", tests, sizeof tests / sizeof tests[0]);
}
