#include <string.h>

#include "reference/tests/testing.h"

START_TEST(rows_are_sorted_and_bounded) {
  ck_assert_ptr_null(lp_registry_at(-1));
  ck_assert_ptr_null(lp_registry_at(lp_registry_count()));
  for (int i = 1; i < lp_registry_count(); i++) {
    ck_assert_int_lt(strcmp(lp_registry_at(i - 1)->name, lp_registry_at(i)->name), 0);
  }
}
END_TEST

START_TEST(losses_go_by_all_their_names) {
  const lp_loss *loss = lp_registry_find("smooth_l1");
  ck_assert_ptr_nonnull(loss);
  static const char *const names[] = {"smooth_l1_loss", "F.smooth_l1_loss", "torch.nn.functional.smooth_l1_loss",
                                      "SmoothL1Loss",   "nn.SmoothL1Loss",  "torch.nn.SmoothL1Loss"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) ck_assert_ptr_eq(lp_registry_find(names[i]), loss);
  ck_assert_ptr_null(lp_registry_find("smooth_l2"));
}
END_TEST

START_TEST(near_misses_are_suggested) {
  ck_assert_str_eq(lp_registry_nearest("smoth_l1")->name, "smooth_l1");
  ck_assert_str_eq(lp_registry_nearest("SmoothL1Lost")->name, "smooth_l1");
  ck_assert_ptr_null(lp_registry_nearest("perplexity"));
  char endless[200];
  memset(endless, 'x', sizeof endless - 1);
  endless[sizeof endless - 1] = '\0';
  ck_assert_ptr_null(lp_registry_nearest(endless));
}
END_TEST

/* What the rest of the project relies on in every row. */
static void check_texts(const lp_loss *l) {
  const char *const texts[] = {l->name,        l->functional, l->module,     l->summary,   l->definition,
                               l->denominator, l->ignored,    l->batch_axis, l->class_axis};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    ck_assert_msg(texts[i] && *texts[i], "%s: text %zu of the row is missing", l->name, i);
  }
}

static void check_sizes(const lp_loss *l) {
  ck_assert_msg(l->n_inputs >= 1 && l->n_inputs <= LP_MAX_INPUTS, "%s", l->name);
  ck_assert_msg(l->n_params >= 0 && l->n_params <= LP_MAX_PARAMS, "%s", l->name);
  ck_assert_msg(l->n_regimes >= 1 && l->n_regimes <= LP_MAX_REGIMES, "%s", l->name);
  ck_assert_msg(l->n_shape_classes >= 1 && l->shape_classes[0].ordinary && !l->shape_classes[0].rejects, "%s", l->name);
  ck_assert_msg(l->n_value_classes >= 1 && l->value_classes[0].ordinary && !l->value_classes[0].rejects, "%s", l->name);
  ck_assert_msg(l->pointwise || l->n_bench > 0, "%s: what should be timed?", l->name);
}

static void check_names_differ(const char *loss, const char *a, const char *b) {
  ck_assert_msg(strcmp(a, b) != 0, "%s: %s is named twice", loss, a);
}

static void check_names(const lp_loss *l) {
  for (int i = 0; i < l->n_regimes; i++) {
    for (int k = 0; k < i; k++) check_names_differ(l->name, l->regimes[i].name, l->regimes[k].name);
  }
  for (int i = 0; i < l->n_rules; i++) {
    for (int k = 0; k < i; k++) check_names_differ(l->name, l->rules[i].name, l->rules[k].name);
  }
  for (int i = 0; i < l->n_params; i++) {
    ck_assert_msg(l->params[i].n_values >= 1 && l->params[i].values[0] == l->params[i].fallback,
                  "%s: the first value of %s is not its default", l->name, l->params[i].name);
  }
}

START_TEST(every_row_is_complete) {
  for (int i = 0; i < lp_registry_count(); i++) {
    const lp_loss *l = lp_registry_at(i);
    check_texts(l);
    check_sizes(l);
    check_names(l);
    ck_assert(l->plan && l->run && l->regimes_of && l->draw);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {rows_are_sorted_and_bounded, losses_go_by_all_their_names, near_misses_are_suggested,
                                every_row_is_complete};
  return run_tests("registry", tests, sizeof tests / sizeof tests[0]);
}
