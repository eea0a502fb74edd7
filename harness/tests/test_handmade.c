/* The plain cases of doctor: the answers in the table are those of the exact oracle, and a choice is spread. */
#include "harness/handmade.h"

#include <math.h>
#include <string.h>

#include "harness/examine.h"
#include "reference/tests/testing.h"

static void check_one(const lp_handmade *made) {
  lp_suite suite;
  lp_examination e;
  lp_error error = {0};
  ck_assert_int_eq(lp_suite_init(&suite, &error), LP_OK);
  ck_assert_msg(lp_handmade_add(&suite, made, LP_FLOAT64, LP_REDUCTION_NONE, 1.0, &error) == LP_OK, "%s",
                error.message);
  ck_assert_msg(lp_examine_rounded(&e, suite.arena, &suite.entries[0].c, NULL, &error) == LP_OK, "%s", error.message);
  ck_assert_msg(e.has_exact, "%s: %s", made->loss, e.reference.message);
  const lp_exact_output *loss = &e.exact.outputs[0];
  ck_assert_int_eq(loss->layout.numel, made->n);
  for (int i = 0; i < made->n; i++) {
    check_near(arf_get_d(arb_midref(&loss->numbers[i].value), ARF_RND_NEAR), made->values[i], 1e-9);
  }
  ck_assert_int_eq(e.exact.n_kinks, 0);
  lp_examination_clear(&e);
  lp_suite_clear(&suite);
}

START_TEST(the_table_is_right) {
  for (int i = 0; i < lp_handmade_count(); i++) check_one(lp_handmade_at(i));
  ck_assert_ptr_null(lp_handmade_at(-1));
  ck_assert_ptr_null(lp_handmade_at(lp_handmade_count()));
}
END_TEST

START_TEST(every_loss_has_three) {
  for (int k = 0; k < lp_registry_count(); k++) {
    int n = 0;
    for (int i = 0; i < lp_handmade_count(); i++) n += strcmp(lp_handmade_at(i)->loss, lp_registry_at(k)->name) == 0;
    ck_assert_msg(n == 3, "%s has %d", lp_registry_at(k)->name, n);
  }
}
END_TEST

enum { MOST = 20 };

static int choose(const char *manifest_text, lp_suite *suite) {
  const lp_handmade *made[MOST] = {NULL};
  lp_manifest m;
  lp_error error = {0};
  ck_assert_int_eq(lp_suite_init(suite, &error), LP_OK);
  ck_assert_int_eq(lp_manifest_init(&m, suite->arena, "m", "1", 1u << LP_FLOAT64 | 1u << LP_BFLOAT16, &error), LP_OK);
  if (manifest_text) {
    ck_assert_msg(lp_manifest_read(&m, suite->arena, manifest_text, strlen(manifest_text), &error) == LP_OK, "%s",
                  error.message);
  }
  ck_assert_int_eq(lp_handmade_choose(suite, made, MOST, &m, &error), LP_OK);
  for (int i = 0; i < suite->count; i++) ck_assert_str_eq(made[i]->loss, suite->entries[i].c.loss->name);
  return suite->count;
}

START_TEST(a_choice_is_spread) {
  lp_suite suite;
  unsigned dtypes = 0;
  ck_assert_int_eq(choose(NULL, &suite), MOST);
  for (int i = 0; i < lp_registry_count(); i++) {
    for (int k = 0; k < i; k++) ck_assert_ptr_ne(suite.entries[i].c.loss, suite.entries[k].c.loss);
  }
  for (int i = 0; i < MOST; i++) dtypes |= 1u << suite.entries[i].c.dtype;
  ck_assert_uint_eq(dtypes, 1u << LP_FLOAT64 | 1u << LP_BFLOAT16);
  lp_suite_clear(&suite);
}
END_TEST

START_TEST(one_loss_has_twenty_of_its_own) {
  lp_suite suite;
  ck_assert_int_eq(choose("{\"losses\": {\"ctc\": {\"dtypes\": [\"float64\"]}}}", &suite), MOST);
  for (int i = 0; i < MOST; i++) {
    const lp_case *c = &suite.entries[i].c;
    ck_assert_str_eq(c->loss->name, "ctc");
    for (int k = 0; k < i; k++) {
      const lp_case *d = &suite.entries[k].c;
      const bool same = c->inputs[0].numel == d->inputs[0].numel && c->reduction == d->reduction &&
                        c->has_grad_output == d->has_grad_output &&
                        (!c->has_grad_output || c->grad_output.f64[0] == d->grad_output.f64[0]) &&
                        strcmp(c->hunts, d->hunts) == 0;
      ck_assert_msg(!same, "cases %d and %d are one", i, k);
    }
  }
  lp_suite_clear(&suite);
}
END_TEST

START_TEST(what_is_not_declared_is_not_asked) {
  lp_suite suite;
  choose("{\"losses\": {\"l1\": {\"dtypes\": [\"float64\"], \"reductions\": [\"sum\"], \"grad_output\": false}}}",
         &suite);
  ck_assert_int_gt(suite.count, 0);
  for (int i = 0; i < suite.count; i++) {
    ck_assert_int_eq(suite.entries[i].c.reduction, LP_REDUCTION_SUM);
    ck_assert(!suite.entries[i].c.has_grad_output);
  }
  lp_suite_clear(&suite);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {the_table_is_right, every_loss_has_three, a_choice_is_spread,
                                one_loss_has_twenty_of_its_own, what_is_not_declared_is_not_asked};
  return run_tests("handmade", tests, sizeof tests / sizeof tests[0]);
}
