#include "reference/tests/testing.h"

START_TEST(a_new_case_has_pytorch_defaults) {
  lp_case c;
  const lp_loss *loss = lp_registry_find("smooth_l1");
  lp_case_init(&c, loss);
  ck_assert_ptr_eq(c.loss, loss);
  ck_assert_int_eq(c.reduction, LP_REDUCTION_MEAN);
  ck_assert_str_eq(c.reduction_word, "mean");
  check_same(c.params[lp_loss_param_index(loss, "beta")], 1.0);
  ck_assert(!c.has_grad_output && !c.has_input[0]);
  ck_assert_str_eq(c.id, "");
}
END_TEST

START_TEST(names_are_found) {
  const lp_loss *loss = lp_registry_find("smooth_l1");
  ck_assert_int_eq(lp_loss_input_index(loss, "target"), 1);
  ck_assert_int_eq(lp_loss_input_index(loss, "tarjet"), -1);
  ck_assert_int_eq(lp_loss_param_index(loss, "gamma"), -1);
}
END_TEST

START_TEST(reduction_words) {
  for (int r = 0; r < LP_REDUCTION_UNKNOWN; r++) {
    ck_assert_int_eq(lp_reduction_from_name(lp_reduction_name((lp_reduction)r)), r);
  }
  ck_assert_int_eq(lp_reduction_from_name("average"), LP_REDUCTION_UNKNOWN);
  ck_assert_int_eq(lp_reduction_from_name("elementwise_mean"), LP_REDUCTION_MEAN);
}
END_TEST

/* torch.nn._reduction.legacy_get_string: None counts as true. */
START_TEST(legacy_reductions_mean_what_pytorch_says) {
  const int none = -1;
  ck_assert_int_eq(lp_reduction_from_legacy(none, none), LP_REDUCTION_MEAN);
  ck_assert_int_eq(lp_reduction_from_legacy(1, 1), LP_REDUCTION_MEAN);
  ck_assert_int_eq(lp_reduction_from_legacy(1, none), LP_REDUCTION_MEAN);
  ck_assert_int_eq(lp_reduction_from_legacy(0, 1), LP_REDUCTION_SUM);
  ck_assert_int_eq(lp_reduction_from_legacy(0, none), LP_REDUCTION_SUM);
  ck_assert_int_eq(lp_reduction_from_legacy(1, 0), LP_REDUCTION_NONE);
  ck_assert_int_eq(lp_reduction_from_legacy(0, 0), LP_REDUCTION_NONE);
  ck_assert_int_eq(lp_reduction_from_legacy(none, 0), LP_REDUCTION_NONE);
}
END_TEST

START_TEST(outputs_are_named_and_found) {
  char name[LP_NAME_MAX];
  const lp_loss *loss = lp_registry_find("smooth_l1");
  ck_assert_str_eq(lp_output_name(name, loss, LP_OUTPUT_LOSS), "loss");
  ck_assert_str_eq(lp_output_name(name, loss, 1), "grad/target");
  const lp_outcome outcome = {.n_outputs = 1, .outputs = {{.input = 1}}};
  ck_assert_ptr_eq(lp_outcome_find(&outcome, 1), &outcome.outputs[0]);
  ck_assert_ptr_null(lp_outcome_find(&outcome, LP_OUTPUT_LOSS));
  ck_assert_str_eq(lp_outcome_kind_name(LP_OUTCOME_TIMED_OUT), "timed_out");
}
END_TEST

int main(void) {
  const TTest *const tests[] = {a_new_case_has_pytorch_defaults, names_are_found, reduction_words,
                                legacy_reductions_mean_what_pytorch_says, outputs_are_named_and_found};
  return run_tests("case", tests, sizeof tests / sizeof tests[0]);
}
