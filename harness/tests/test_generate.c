/* The generator on a toy loss: what it must hold, the same bytes every time, and faulty rows that it must refuse. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/fate.h"
#include "harness/generate.h"
#include "harness/tests/toy_loss.h"

static const lp_generate_options usual = {.seed = 1, .minimum = 0, .dtype = LP_FLOAT64, .suite = "core"};

static lp_suite generate(const lp_loss *loss, const lp_generate_options *options) {
  lp_suite suite;
  lp_error error;
  ck_assert_int_eq(lp_suite_init(&suite, &error), LP_OK);
  const lp_status status = lp_generate(&suite, loss, options, &error);
  ck_assert_msg(status == LP_OK, "%s", error.message);
  return suite;
}

static void same_tensor(const lp_tensor *a, const lp_tensor *b) {
  ck_assert_int_eq(a->dtype, b->dtype);
  ck_assert(lp_tensor_same_shape(a, b));
  ck_assert((a->f64 == NULL) == (b->f64 == NULL));
  const size_t n = (size_t)a->numel;
  if (a->f64 != NULL && n > 0) ck_assert_mem_eq(a->f64, b->f64, n * sizeof *a->f64);
  if (a->i64 != NULL && n > 0) ck_assert_mem_eq(a->i64, b->i64, n * sizeof *a->i64);
}

static void same_case(const lp_case *a, const lp_case *b) {
  ck_assert_str_eq(a->id, b->id);
  ck_assert_str_eq(a->hunts, b->hunts);
  ck_assert_str_eq(a->tags, b->tags);
  ck_assert_str_eq(a->reduction_word, b->reduction_word);
  ck_assert_int_eq(a->expect, b->expect);
  ck_assert_mem_eq(a->params, b->params, sizeof a->params);
  ck_assert_mem_eq(a->has_input, b->has_input, sizeof a->has_input);
  for (int i = 0; i < TOY_INPUTS; ++i) {
    if (a->has_input[i]) same_tensor(&a->inputs[i], &b->inputs[i]);
  }
  ck_assert_int_eq(a->has_grad_output, b->has_grad_output);
  if (a->has_grad_output) same_tensor(&a->grad_output, &b->grad_output);
}

START_TEST(same_seed_same_bytes) {
  lp_suite a = generate(&toy_loss, &usual), b = generate(&toy_loss, &usual);
  ck_assert_int_eq(a.count, b.count);
  for (int i = 0; i < a.count; ++i) same_case(&a.entries[i].c, &b.entries[i].c);
  lp_suite_clear(&b);

  lp_generate_options other = usual;
  other.seed = 2;
  b = generate(&toy_loss, &other);
  int different = 0;
  for (int i = 0; i < 20; ++i) {
    const lp_tensor *const x = &a.entries[i].c.inputs[TOY_INPUT], *const y = &b.entries[i].c.inputs[TOY_INPUT];
    ck_assert_str_eq(a.entries[i].c.tags, b.entries[i].c.tags); /* the array is the same, its numbers are not */
    different += !lp_tensor_same_shape(x, y) || memcmp(x->f64, y->f64, (size_t)x->numel * sizeof *x->f64) != 0;
  }
  ck_assert_int_ge(different, 19);
  lp_suite_clear(&a);
  lp_suite_clear(&b);
}
END_TEST

START_TEST(ids_do_not_depend_on_other_losses) {
  lp_suite alone = generate(&toy_loss, &usual);
  lp_loss first = toy_loss;
  first.name = "first";
  lp_error error;
  lp_suite both = generate(&first, &usual);
  const int offset = both.count;
  ck_assert_int_eq(lp_generate(&both, &toy_loss, &usual, &error), LP_OK);
  ck_assert_int_eq(both.count - offset, alone.count);
  for (int i = 0; i < alone.count; ++i) same_case(&both.entries[offset + i].c, &alone.entries[i].c);
  ck_assert_str_eq(alone.entries[0].c.id, "core/toy/0000");
  ck_assert_str_eq(alone.entries[17].c.id, "core/toy/0017");
  lp_suite_clear(&alone);
  lp_suite_clear(&both);
}
END_TEST

/* The settings of a case that PyTorch refuses. */
enum { BAD_WORD, BAD_BETA, BAD_SHAPE, BAD_VALUE, BAD_GRAD, BAD_DTYPE, BAD_KINDS };

static void find_bad(bool bad[BAD_KINDS], const lp_case *c) {
  char word[LP_NAME_MAX];
  lp_tag_value(word, c->tags, "shape");
  bad[BAD_WORD] = c->reduction > LP_REDUCTION_SUM;
  bad[BAD_BETA] = !(c->params[0] >= 0.0);
  bad[BAD_SHAPE] = strcmp(word, "mismatch") == 0 || strcmp(word, "wrong-rank") == 0;
  bad[BAD_VALUE] = strstr(c->tags, "value=range") != NULL;
  bad[BAD_GRAD] = strstr(c->tags, "grad=extra-axis") != NULL || strstr(c->tags, "grad=too-long") != NULL;
  bad[BAD_DTYPE] =
      !lp_dtype_is_floating(c->inputs[TOY_INPUT].dtype) || lp_dtype_is_floating(c->inputs[TOY_LABEL].dtype);
}

START_TEST(every_rejection_is_alone_and_foreseen) {
  lp_suite suite = generate(&toy_loss, &usual);
  int count[BAD_KINDS] = {0}, by_reduction[3] = {0};
  for (int i = 0; i < suite.count; ++i) {
    const lp_case *const c = &suite.entries[i].c;
    lp_plan plan;
    lp_error error;
    bool bad[BAD_KINDS];
    int n = 0;
    find_bad(bad, c);
    for (int k = 0; k < BAD_KINDS; ++k) {
      n += bad[k];
      count[k] += bad[k];
    }
    const lp_status status = lp_plan_init(&plan, c, &error);
    ck_assert_int_eq(n, status == LP_REJECTED);
    ck_assert_int_eq(c->expect, status == LP_REJECTED ? LP_EXPECT_REJECT : LP_EXPECT_ACCEPT);
    ck_assert_int_eq(strncmp(c->hunts, "accepting what PyTorch refuses: ", 32) == 0, status == LP_REJECTED);
    if (bad[BAD_BETA]) ++by_reduction[c->reduction];
  }
  /* Settings x reductions x 2; an index out of range needs an index, so that a degenerate shape may excuse it. */
  ck_assert_int_eq(count[BAD_WORD], 3 * 3 * 2);
  ck_assert_int_eq(count[BAD_BETA], 2 * 3 * 2);
  ck_assert_int_eq(count[BAD_SHAPE], 2 * 3 * 2);
  ck_assert(count[BAD_VALUE] >= 3 && count[BAD_VALUE] <= 6);
  ck_assert_int_eq(count[BAD_GRAD], 2 * 3 * 2);
  ck_assert_int_eq(count[BAD_DTYPE], 2 * 3 * 2);
  for (int r = 0; r < 3; ++r) ck_assert_int_eq(by_reduction[r], 4);
  lp_suite_clear(&suite);
}
END_TEST

START_TEST(covers_everything_that_can_be_covered) {
  lp_suite suite = generate(&toy_loss, &usual);
  lp_coverage coverage;
  lp_error error;
  ck_assert_int_eq(lp_coverage_measure(&coverage, &suite, &toy_loss, &error), LP_OK);
  ck_assert_int_eq(coverage.cases, suite.count);
  ck_assert_int_eq(coverage.triples_hit, coverage.triples_wanted);
  ck_assert_int_gt(coverage.triples_wanted, 1000);
  ck_assert_uint_eq(coverage.regimes_hit, (1u << TOY_NEVER) - 1);
  ck_assert_uint_eq(coverage.rejects_hit, toy_loss.rejects);
  ck_assert_int_le(coverage.largest_group, 3);
  ck_assert_int_ge(coverage.ordinary, 48);
  ck_assert_int_le(4 * coverage.ordinary, 3 * coverage.cases);
  lp_suite_clear(&suite);
}
END_TEST

/* Cases that enter this regime. */
static int in_regime(const lp_suite *suite, int regime) {
  int n = 0;
  for (int i = 0; i < suite->count; ++i) {
    lp_fate fate;
    lp_error error;
    ck_assert_int_eq(lp_fate_of(&fate, suite->arena, &suite->entries[i].c, &error), LP_OK);
    n += (int)((fate.regimes >> regime) & 1u);
  }
  return n;
}

/* Five settings that the array of triples has no reason to put together. */
static uint64_t rare_regimes_of(const lp_plan *plan, double *scratch) {
  const lp_case *const c = plan->c;
  (void)scratch;
  const bool odd = c->params[0] == 2.0 && c->params[1] == 1.0 && c->reduction == LP_REDUCTION_SUM &&
                   c->inputs[TOY_INPUT].rank == 0 && isnan(c->inputs[TOY_INPUT].f64[0]);
  return odd ? 1u << TOY_ODD : 0;
}

START_TEST(rare_regimes_are_searched_for) {
  lp_loss rare = toy_loss;
  rare.regimes_of = rare_regimes_of;
  lp_suite suite = generate(&rare, &usual);
  ck_assert_int_eq(in_regime(&suite, TOY_ODD), 3);
  lp_suite_clear(&suite);
  rare.n_regimes = 0;
  suite = generate(&rare, &usual);
  ck_assert_int_lt(in_regime(&suite, TOY_ODD), 3);
  lp_suite_clear(&suite);
}
END_TEST

START_TEST(cases_are_small_and_say_what_they_hunt) {
  lp_suite suite = generate(&toy_loss, &usual);
  int large = 0, integer_targets = 0, int32_labels = 0, weighted = 0, special_upstream = 0;
  for (int i = 0; i < suite.count; ++i) {
    const lp_case *const c = &suite.entries[i].c;
    const bool is_long = strstr(c->tags, "shape=long") != NULL;
    ck_assert_int_gt((int)strlen(c->hunts), 8);
    for (int k = 0; k < TOY_INPUTS; ++k) ck_assert(is_long || c->inputs[k].numel <= 64);
    large += is_long;
    integer_targets += c->inputs[TOY_TARGET].i64 != NULL;
    int32_labels += c->inputs[TOY_LABEL].dtype == LP_INT32;
    weighted += c->has_input[TOY_WEIGHT];
    if (strstr(c->tags, "grad=special") == NULL) continue;
    ++special_upstream;
    for (int64_t j = 0, bad = 0; j < c->grad_output.numel; ++j) {
      bad += !isfinite(c->grad_output.f64[j]);
      ck_assert(j + 1 < c->grad_output.numel || bad == 1);
    }
  }
  ck_assert_int_eq(large, 3);
  ck_assert_int_gt(integer_targets, suite.count / 4);
  ck_assert_int_eq(int32_labels, 2 * 3);
  ck_assert_int_eq(special_upstream, 9);
  ck_assert_int_gt(weighted, suite.count / 4);
  lp_suite_clear(&suite);
}
END_TEST

START_TEST(hunts_name_the_class_and_the_option) {
  lp_suite suite = generate(&toy_loss, &usual);
  int found = 0;
  for (int i = 0; i < suite.count; ++i) {
    const lp_case *const c = &suite.entries[i].c;
    if (c->expect == LP_EXPECT_REJECT || c->params[0] != 0.5) continue;
    ck_assert_msg(strstr(c->hunts, "beta=0.5") != NULL, "%s", c->hunts);
    ck_assert_int_eq(strstr(c->tags, "shape=row") != NULL, strstr(c->hunts, "a target that broadcasts") != NULL);
    ck_assert_int_eq(strstr(c->tags, "value=special") != NULL, strstr(c->hunts, "infinities and NaN") != NULL);
    ck_assert_int_eq(c->has_input[TOY_WEIGHT], strstr(c->hunts, "weight given") != NULL);
    ++found;
  }
  ck_assert_int_gt(found, 20);
  lp_suite_clear(&suite);
}
END_TEST

START_TEST(values_are_rounded_to_the_dtype) {
  lp_generate_options half = usual;
  half.dtype = LP_FLOAT16;
  lp_suite suite = generate(&toy_loss, &half);
  for (int i = 0; i < suite.count; ++i) {
    const lp_case *const c = &suite.entries[i].c;
    ck_assert_int_eq(c->dtype, LP_FLOAT16);
    for (int k = 0; k < TOY_INPUTS; ++k) {
      const lp_tensor *const t = &c->inputs[k];
      if (!c->has_input[k] || t->f64 == NULL) continue;
      ck_assert_int_eq(t->dtype, LP_FLOAT16);
      for (int64_t j = 0; j < t->numel; ++j) {
        ck_assert(isnan(t->f64[j]) || t->f64[j] == lp_dtype_round(LP_FLOAT16, t->f64[j]));
      }
    }
    if (c->has_grad_output) ck_assert_int_eq(c->grad_output.dtype, LP_FLOAT16);
  }
  lp_suite_clear(&suite);
}
END_TEST

static lp_status plan_without_halves(lp_plan *plan, lp_error *error) {
  const lp_dtype dtype = plan->c->inputs[TOY_INPUT].dtype;
  if (dtype == LP_FLOAT16) return lp_refuse(error, LP_REJECT_DTYPE, "input: expected a wider dtype");
  return toy_plan(plan, error);
}

START_TEST(a_dtype_that_the_loss_does_not_take) {
  lp_loss loss = toy_loss;
  loss.plan = plan_without_halves;
  lp_suite suite = generate(&loss, &usual);
  const int before = suite.count;
  lp_generate_options half = usual;
  half.dtype = LP_FLOAT16;
  lp_error error;
  ck_assert_int_eq(lp_generate(&suite, &loss, &half, &error), LP_REJECTED);
  ck_assert_int_eq(error.reject, LP_REJECT_DTYPE);
  ck_assert_str_eq(error.message, "toy: there are no cases of dtype float16: input: expected a wider dtype");
  ck_assert_int_eq(suite.count, before);
  lp_suite_clear(&suite);
}
END_TEST

START_TEST(the_minimum_is_topped_up) {
  lp_suite few = generate(&toy_loss, &usual);
  lp_generate_options more = usual;
  more.minimum = few.count + 1500;
  lp_suite many = generate(&toy_loss, &more);
  lp_coverage coverage;
  lp_error error;
  ck_assert_int_eq(many.count, few.count + 1500);
  for (int i = 0; i < few.count; ++i) same_case(&few.entries[i].c, &many.entries[i].c);
  ck_assert_int_eq(lp_coverage_measure(&coverage, &many, &toy_loss, &error), LP_OK);
  ck_assert_int_le(coverage.largest_group, 3);
  lp_suite_clear(&few);
  lp_suite_clear(&many);
}
END_TEST

/* Fewer settings and no numbers: groups fill up. */
static const lp_shape_class one_shape[] = {{"scalar", {".", ".", ".", "-"}, true, false, ""}};

START_TEST(groups_are_limited) {
  lp_loss small = toy_loss;
  small.n_params = 0;
  small.shape_classes = one_shape;
  small.n_shape_classes = 1;
  small.n_value_classes = 1;
  small.n_regimes = 0;
  small.reductions = LP_CAN_MEAN;
  small.regimes_of = rare_regimes_of;
  lp_generate_options many = usual;
  many.minimum = 5000;
  lp_suite suite;
  lp_error error;
  ck_assert_int_eq(lp_suite_init(&suite, &error), LP_OK);
  ck_assert_int_eq(lp_generate(&suite, &small, &many, &error), LP_INTERNAL);
  ck_assert_msg(strstr(error.message, "5000 cases were asked for, but only ") != NULL, "%s", error.message);
  ck_assert_int_eq(suite.count, 0);
  many.minimum = 0;
  ck_assert_int_eq(lp_generate(&suite, &small, &many, &error), LP_OK);
  lp_coverage coverage;
  ck_assert_int_eq(lp_coverage_measure(&coverage, &suite, &small, &error), LP_OK);
  ck_assert_int_eq(coverage.largest_group, 3);
  lp_suite_clear(&suite);
}
END_TEST

/* Generates with a faulty row of the loss; the suite stays as it was. */
static void refuses(const lp_loss *loss, const char *text) {
  lp_suite suite = generate(&toy_loss, &usual);
  const int before = suite.count;
  lp_error error;
  ck_assert_int_eq(lp_generate(&suite, loss, &usual, &error), LP_INTERNAL);
  ck_assert_msg(strstr(error.message, text) != NULL, "%s", error.message);
  ck_assert_int_eq(suite.count, before);
  lp_suite_clear(&suite);
}

START_TEST(faulty_declarations_are_refused) {
  static const lp_shape_class accepted[] = {{"matrix", {"N C", "N C", "N", "C"}, true, false, ""},
                                            {"fine", {"N C", "C", "N", "C"}, false, true, ""}};
  static const lp_shape_class rejected[] = {{"wrong", {"2 3", "2 4", "2", "-"}, true, false, ""}};
  static const double minus[] = {1.0, -1.0}, two[] = {2.0};
  static const lp_param_spec bad_value[] = {{"beta", LP_PARAM_REAL, 1.0, "a number >= 0", "", minus, 2, NULL, 0}};
  static const lp_param_spec good_reject[] = {{"beta", LP_PARAM_REAL, 1.0, "a number >= 0", "", toy_betas, 4, two, 1}};
  lp_loss loss = toy_loss;
  loss.shape_classes = accepted;
  loss.n_shape_classes = 2;
  refuses(&loss, "toy: declared to be rejected, but no draw is: ");
  refuses(&loss, "shape=fine");
  loss.shape_classes = rejected;
  loss.n_shape_classes = 1;
  refuses(&loss, "toy: declared to be accepted, but no draw is: ");
  loss = toy_loss;
  loss.n_params = 1;
  loss.params = bad_value;
  refuses(&loss, "beta=-1");
  loss.params = good_reject;
  refuses(&loss, "beta=2");
}
END_TEST

static lp_reject reason;

static lp_status refuses_for_this_reason(lp_plan *plan, lp_error *error) {
  if (!(plan->c->params[0] >= 0.0)) return lp_refuse(error, reason, "beta");
  return toy_plan(plan, error);
}

START_TEST(a_rejection_for_another_reason_is_refused) {
  static const lp_reject others[] = {LP_REJECT_REDUCTION, LP_REJECT_DTYPE, LP_REJECT_GRAD_OUTPUT};
  lp_loss loss = toy_loss;
  loss.plan = refuses_for_this_reason;
  for (int i = 0; i < 3; ++i) {
    reason = others[i];
    refuses(&loss, "declared to be rejected");
  }
  reason = LP_REJECT_INDEX;
  lp_suite suite = generate(&loss, &usual);
  lp_suite_clear(&suite);
}
END_TEST

START_TEST(malformed_rows_are_refused) {
  static char name[1000];
  static const double two[] = {2.0};
  static lp_param_spec wordy[1];
  memset(name, 'x', sizeof name - 1);
  wordy[0] = (lp_param_spec){name, LP_PARAM_REAL, 1.0, "", "", toy_betas, 4, two, 1};
  lp_loss loss = toy_loss;
  loss.params = wordy;
  loss.n_params = 1;
  refuses(&loss, "toy: declared to be rejected, but no draw is: reduction=mean, xxx");
  loss.n_value_classes = 0;
  refuses(&loss, "expected a shape class and a value class");
}
END_TEST

static lp_status is_no_case(lp_plan *plan, lp_error *error) {
  (void)plan;
  return lp_fail(error, LP_INVALID, "no case");
}

START_TEST(an_invalid_case_is_an_error) {
  lp_loss loss = toy_loss;
  loss.plan = is_no_case;
  lp_suite suite;
  lp_error error;
  ck_assert_int_eq(lp_suite_init(&suite, &error), LP_OK);
  ck_assert_int_eq(lp_generate(&suite, &loss, &usual, &error), LP_INVALID);
  ck_assert_str_eq(error.message, "case toy: no case");
  ck_assert_int_eq(suite.count, 0);
  lp_suite_clear(&suite);
}
END_TEST

/* Every allocation fails once: always LP_NO_MEMORY, and the suite stays as it was. */
START_TEST(memory_that_is_out) {
  lp_loss small = toy_loss;
  small.n_params = 0;
  small.shape_classes = one_shape;
  small.n_shape_classes = 1;
  small.n_regimes = 0;
  lp_suite suite;
  lp_error error;
  ck_assert_int_eq(lp_suite_init(&suite, &error), LP_OK);
  lp_status status = LP_NO_MEMORY;
  int failures = 0;
  lp_generate_options more = usual;
  more.minimum = 160;
  for (long after = 0; status != LP_OK; after += after < 40 ? 1 : 13) {
    lp_arena_fail_after(after);
    status = lp_generate(&suite, &small, &more, &error);
    lp_arena_fail_after(-1);
    ck_assert(status == LP_NO_MEMORY || status == LP_OK);
    ck_assert(status == LP_OK || suite.count == 0);
    failures += status != LP_OK;
  }
  ck_assert_int_gt(failures, 100);
  ck_assert_int_eq(suite.count, 160);
  lp_suite_clear(&suite);
}
END_TEST

/* With one ordinary shape class, so that ordinary cases have to be searched for. */
static lp_status generate_with(long requests, long *left) {
  static lp_shape_class shapes[sizeof toy_shapes / sizeof toy_shapes[0]];
  memcpy(shapes, toy_shapes, sizeof shapes);
  shapes[2].ordinary = false;
  lp_loss loss = toy_loss;
  loss.shape_classes = shapes;
  lp_suite suite;
  lp_error error;
  ck_assert_int_eq(lp_suite_init(&suite, &error), LP_OK);
  lp_arena_fail_after(requests);
  const lp_status status = lp_generate(&suite, &loss, &usual, &error);
  *left = lp_arena_fail_after(-1);
  ck_assert_int_eq(suite.count > 0, status == LP_OK);
  lp_suite_clear(&suite);
  return status;
}

/* The searches at the end fail too: for the regime that no case enters, and for ordinary cases. */
START_TEST(memory_that_is_out_late) {
  enum { PLENTY = 1000000000 };
  long left;
  ck_assert_int_eq(generate_with(PLENTY, &left), LP_OK);
  const long needed = PLENTY - left, late[] = {needed / 2, needed * 3 / 4, needed - 100, needed - 1};
  for (int i = 0; i < 4; ++i) ck_assert_int_eq(generate_with(late[i], &left), LP_NO_MEMORY);
  ck_assert_int_eq(generate_with(needed, &left), LP_OK);
}
END_TEST

/* PyTorch may refuse to convert a finite parameter that the dtype cannot hold; infinity it takes. */
START_TEST(parameters_beyond_the_dtype) {
  static const double betas[] = {1.0, 7e4, INFINITY};
  lp_param_spec params[] = {toy_loss.params[0], toy_loss.params[1]};
  params[0].values = betas;
  params[0].n_values = 3;
  lp_loss loss = toy_loss;
  loss.params = params;
  for (int k = 0; k < 2; ++k) {
    lp_generate_options options = usual;
    options.dtype = k == 0 ? LP_FLOAT32 : LP_FLOAT16;
    lp_suite suite = generate(&loss, &options);
    int either = 0;
    for (int i = 0; i < suite.count; ++i) {
      const lp_case *const c = &suite.entries[i].c;
      either += c->expect == LP_EXPECT_EITHER;
      if (c->expect == LP_EXPECT_EITHER) ck_assert(c->params[0] == 7e4);
      if (k == 1 && c->params[0] == 7e4) ck_assert_int_ne(c->expect, LP_EXPECT_ACCEPT);
    }
    ck_assert_int_eq(either > 0, k == 1);
    lp_suite_clear(&suite);
  }
}
END_TEST

START_TEST(a_full_suite) {
  lp_suite suite;
  lp_error error;
  ck_assert_int_eq(lp_suite_init(&suite, &error), LP_OK);
  while (suite.count < LP_MAX_CASES - 5) ck_assert_ptr_nonnull(lp_suite_add(&suite));
  ck_assert_int_eq(lp_generate(&suite, &toy_loss, &usual, &error), LP_NO_MEMORY);
  ck_assert_str_eq(error.message, "case core/toy/0005: no room in the list of cases");
  ck_assert_int_eq(suite.count, LP_MAX_CASES - 5);
  lp_suite_clear(&suite);
}
END_TEST

int main(void) {
  TCase *const tests = tcase_create("generate");
  tcase_set_timeout(tests, 60);
  tcase_add_test(tests, same_seed_same_bytes);
  tcase_add_test(tests, ids_do_not_depend_on_other_losses);
  tcase_add_test(tests, every_rejection_is_alone_and_foreseen);
  tcase_add_test(tests, covers_everything_that_can_be_covered);
  tcase_add_test(tests, rare_regimes_are_searched_for);
  tcase_add_test(tests, cases_are_small_and_say_what_they_hunt);
  tcase_add_test(tests, hunts_name_the_class_and_the_option);
  tcase_add_test(tests, values_are_rounded_to_the_dtype);
  tcase_add_test(tests, a_dtype_that_the_loss_does_not_take);
  tcase_add_test(tests, the_minimum_is_topped_up);
  tcase_add_test(tests, groups_are_limited);
  tcase_add_test(tests, faulty_declarations_are_refused);
  tcase_add_test(tests, a_rejection_for_another_reason_is_refused);
  tcase_add_test(tests, malformed_rows_are_refused);
  tcase_add_test(tests, an_invalid_case_is_an_error);
  tcase_add_test(tests, memory_that_is_out);
  tcase_add_test(tests, memory_that_is_out_late);
  tcase_add_test(tests, parameters_beyond_the_dtype);
  tcase_add_test(tests, a_full_suite);
  Suite *const suite = suite_create("generate");
  suite_add_tcase(suite, tests);
  SRunner *const runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
