/* Finite differences of the exact values: right claims agree to 25 digits, planted faults are seen. */
#include <math.h>
#include <string.h>

#include "reference/exact/differences.h"
#include "reference/tests/testing.h"

static lp_differences look(lp_trial *t, const lp_differences_options *options) {
  lp_differences found;
  lp_error error;
  ck_assert_int_eq(lp_plan_init(&t->plan, &t->c, &error), LP_OK);
  ck_assert_int_eq(lp_exact_differences(&found, &t->plan, options, &error), LP_OK);
  return found;
}

static void check_counts(const lp_differences *found, int64_t compared, int64_t excluded, int64_t silent) {
  ck_assert_int_eq(found->compared, compared);
  ck_assert_int_eq(found->excluded, excluded);
  ck_assert_int_eq(found->silent, silent);
}

/* All compared, nothing against the claim. */
static void check_agrees(lp_trial *t, int64_t compared) {
  const lp_differences found = look(t, NULL);
  ck_assert_msg(lp_differences_agree(&found), "%s", found.first);
  check_counts(&found, compared, 0, 0);
  ck_assert_double_ge(found.digits, LP_DIFFERENCES_DIGITS);
  ck_assert_str_eq(found.first, "");
}

static void check_found(const lp_differences *found, int64_t wrong, int64_t hidden, int64_t unseen) {
  ck_assert_msg(found->wrong == wrong && found->hidden == hidden && found->unseen == unseen,
                "%lld wrong, %lld hidden, %lld unseen: %s", (long long)found->wrong, (long long)found->hidden,
                (long long)found->unseen, found->first);
  ck_assert_int_eq(lp_differences_agree(found), wrong + hidden + unseen == 0);
}

/* input beside target: |d| is 1/4, 3, 0.1 with beta = 1. */
static lp_trial *smooth(void) {
  lp_trial *t = trial_new("smooth_l1");
  trial_real(t, "input", "3", (double[]){0.25, -3.0, 0.1});
  trial_real(t, "target", "3", (double[]){0.0, 0.0, 0.0});
  return t;
}

/* One tie, beta = 0: |d| at 0. */
static lp_trial *tie(void) {
  lp_trial *t = trial_new("smooth_l1");
  trial_param(t, "beta", 0.0);
  trial_reduction(t, "sum");
  trial_real(t, "input", "2", (double[]){1.5, 0.7});
  trial_real(t, "target", "2", (double[]){1.5, 0.2});
  return t;
}

static void claim_of(lp_exact *claim, lp_trial *t) {
  lp_error error;
  const lp_exact_options options = {.precision = 512};
  ck_assert_int_eq(lp_plan_init(&t->plan, &t->c, &error), LP_OK);
  ck_assert_int_eq(lp_exact_evaluate(claim, &t->plan, &options, &error), LP_OK);
}

/* --- right claims --- */

START_TEST(gradients_agree) {
  lp_trial *t = smooth();
  check_agrees(t, 6);
  trial_reduction(t, "none");
  trial_upstream(t, "3", (double[]){2.0, 0.0, -0.3});
  check_agrees(t, 6);
  trial_free(t);
}
END_TEST

START_TEST(half_types_agree) {
  lp_trial *t = trial_new("poisson_nll");
  trial_tensor(t, "input", LP_BFLOAT16, "2", (double[]){0.5, -2.0});
  trial_tensor(t, "target", LP_BFLOAT16, "2", (double[]){3.0, 0.25});
  trial_param(t, "full", 1.0);
  check_agrees(t, 4);
  trial_free(t);
}
END_TEST

START_TEST(kinks_agree) {
  lp_trial *t = tie();
  check_agrees(t, 4);
  trial_free(t);
}
END_TEST

/* |d| = beta: the switch is at 0, value and slope pass through it. */
START_TEST(harmless_switch_agrees) {
  lp_trial *t = trial_new("smooth_l1");
  trial_real(t, "input", "1", (double[]){1.0});
  trial_real(t, "target", "1", (double[]){0.0});
  check_agrees(t, 2);
  trial_free(t);
}
END_TEST

/* A kink 2^-52 of |d| away, and one that is 2^-1074 away. */
START_TEST(near_kinks_agree) {
  lp_trial *t = tie();
  t->c.inputs[0].f64[0] = nextafter(1.5, 2.0);
  check_agrees(t, 4);
  t->c.inputs[0].f64[0] = 4.9406564584124654e-324;
  t->c.inputs[1].f64[0] = 0.0;
  check_agrees(t, 4);
  trial_free(t);
}
END_TEST

/* A target that three ties share: all of them are passed at once. */
START_TEST(shared_kinks_agree) {
  lp_trial *t = trial_new("l1");
  trial_real(t, "input", "4", (double[]){2.0, 2.0, 2.0, 5.0});
  trial_real(t, "target", "1", (double[]){2.0});
  check_agrees(t, 5);
  trial_free(t);
}
END_TEST

/* Slopes over 2^60 times those at the natural distance from 0. */
START_TEST(steep_slopes_agree) {
  lp_trial *t = trial_new("soft_margin");
  trial_real(t, "input", "2", (double[]){0.0, 1e-30});
  trial_real(t, "target", "2", (double[]){1e30, 1e30});
  check_agrees(t, 2);
  trial_free(t);
}
END_TEST

/* The weights of a weighted mean: one is 0, so that its natural size is far from the sum's, 2^-1000. */
START_TEST(tiny_denominator_agrees) {
  lp_trial *t = trial_new("mse");
  trial_real(t, "input", "2", (double[]){1.0, 0.5});
  trial_real(t, "target", "2", (double[]){0.0, 0.0});
  trial_real(t, "weight", "2", (double[]){0x1p-1000, 0.0});
  check_agrees(t, 6);
  trial_free(t);
}
END_TEST

/* Behind an upstream gradient of 1e-54 and under a scale that is boundless: kinks that no budget shows. */
START_TEST(kinks_within_their_budgets_agree) {
  lp_trial *t = trial_new("hinge_embedding");
  trial_param(t, "margin", 0.0);
  trial_real(t, "input", "2", (double[]){0.0, 0.5});
  trial_real(t, "target", "2", (double[]){-1.0, -1.0});
  trial_upstream(t, "", (double[]){1e-300});
  check_agrees(t, 2);
  trial_free(t);
  t = trial_new("cosine_embedding");
  trial_tensor(t, "input1", LP_FLOAT16, "1 1", (double[]){0.5});
  trial_tensor(t, "input2", LP_FLOAT16, "1 1", (double[]){0.0});
  trial_real(t, "target", "1", (double[]){-1.0});
  check_agrees(t, 2);
  trial_free(t);
}
END_TEST

/* What the first places are much too far away to see: a pole 2^-1020 beside the weights, a norm's bend at 5e-324. */
START_TEST(features_narrower_than_the_stencil_agree) {
  const lp_differences_options options = {.directions = 2};
  lp_trial *t = trial_new("mse");
  trial_real(t, "input", "2", (double[]){0.0, 0.0});
  trial_real(t, "target", "2", (double[]){0.0625, 0.0625});
  trial_real(t, "weight", "2", (double[]){0x1p-1022, 0x1p-1022});
  lp_differences found = look(t, &options);
  check_found(&found, 0, 0, 0);
  trial_free(t);
  t = trial_new("triplet_margin");
  trial_param(t, "eps", 0.0);
  trial_real(t, "anchor", "1 1", (double[]){0.0});
  trial_real(t, "positive", "1 1", (double[]){0.0});
  trial_real(t, "negative", "1 1", (double[]){5e-324});
  found = look(t, NULL);
  check_found(&found, 0, 0, 0);
  trial_free(t);
}
END_TEST

/* -target (input1 - input2) + margin is 0 where target is about 2^-2090; the cosine of vectors with such a product is 0
 * as near. */
START_TEST(features_as_narrow_as_products_agree) {
  lp_trial *t = trial_new("margin_ranking");
  trial_param(t, "margin", 5e-324);
  trial_real(t, "input1", "3", (double[]){-2.0, -0.25, 1e306});
  trial_real(t, "input2", "1", (double[]){-1e306});
  trial_real(t, "target", "3", (double[]){2.0, 0.0, 0.0});
  lp_trial *cosine = trial_new("cosine_embedding");
  trial_real(cosine, "input1", "1 2", (double[]){4.5e-312, 7e-304});
  trial_real(cosine, "input2", "1 2", (double[]){5e-324, 0.25});
  trial_real(cosine, "target", "2", (double[]){-1.0, 1.0});
  for (uint64_t seed = 0; seed < 8; seed++) {
    const lp_differences_options options = {.directions = 2, .seed = seed};
    lp_differences found = look(t, &options);
    check_found(&found, 0, 0, 0);
    found = look(cosine, &options);
    check_found(&found, 0, 0, 0);
  }
  trial_free(t);
  trial_free(cosine);
}
END_TEST

START_TEST(groups_agree) {
  lp_trial *t = trial_new("triplet_margin");
  trial_param(t, "eps", 0.0);
  trial_param(t, "margin", 4.0);
  trial_param(t, "p", INFINITY); /* three components share the extremum */
  trial_real(t, "anchor", "3", (double[]){1.0, -1.0, 1.0});
  trial_real(t, "positive", "3", (double[]){0.0, 0.0, 0.0});
  trial_real(t, "negative", "3", (double[]){0.5, 2.0, 0.0});
  check_agrees(t, 9);
  trial_param(t, "p", 2.0); /* a norm's zero */
  t->c.inputs[1].f64[0] = t->c.inputs[1].f64[2] = 1.0;
  t->c.inputs[1].f64[1] = -1.0;
  check_agrees(t, 9);
  trial_free(t);
}
END_TEST

/* The margin's kink and the swap's at one place: below, max(0, s - min(0, s)) stays at its kink. */
START_TEST(kinks_that_keep_each_other_agree) {
  lp_trial *t = trial_new("triplet_margin");
  trial_param(t, "eps", 0.0);
  trial_param(t, "margin", 0.25);
  trial_param(t, "p", 1.0);
  trial_param(t, "swap", 1.0);
  trial_real(t, "anchor", "3", (double[]){1.0, 2.0, 0.0});
  trial_real(t, "positive", "3", (double[]){1.5, 0.5, -1.5});
  trial_real(t, "negative", "3", (double[]){1.25, -0.25, 1.25});
  check_agrees(t, 9);
  trial_free(t);
}
END_TEST

/* The distance from the negative to the anchor is 1, and so is the one to the positive, which has a component at 0: on
 * either side it is the larger one. */
START_TEST(kinks_that_hide_each_other_agree) {
  lp_trial *t = trial_new("triplet_margin");
  trial_param(t, "eps", 0.0);
  trial_param(t, "p", 1.0);
  trial_param(t, "swap", 1.0);
  trial_real(t, "anchor", "1 1", (double[]){1.0});
  trial_real(t, "positive", "1 2", (double[]){0.0, -1.0});
  trial_real(t, "negative", "1 1", (double[]){0.0});
  const lp_differences found = look(t, NULL);
  check_found(&found, 0, 0, 0);
  trial_free(t);
}
END_TEST

static lp_trial *ctc(void) {
  static const double log_probs[] = {-1.2, -0.7, -1.5, -0.9, -2.0, -0.4, -1.1, -1.0, -1.3};
  lp_trial *t = trial_new("ctc");
  trial_real(t, "log_probs", "3 1 3", log_probs);
  trial_index(t, "targets", "1 2", (int64_t[]){1, 2});
  trial_index(t, "input_lengths", "1", (int64_t[]){3});
  trial_index(t, "target_lengths", "1", (int64_t[]){2});
  return t;
}

START_TEST(derivative_of_ctc_agrees) {
  lp_trial *t = ctc();
  check_agrees(t, 9);
  trial_free(t);
}
END_TEST

/* --- what cannot be said --- */

START_TEST(infinities_are_excluded) {
  lp_trial *t = smooth();
  t->c.inputs[0].f64[1] = NAN;
  lp_differences found = look(t, NULL);
  check_found(&found, 0, 0, 0);
  check_counts(&found, 0, 6, 0); /* the mean is NaN */
  ck_assert(isinf(found.digits));
  trial_reduction(t, "none");
  found = look(t, NULL);
  check_found(&found, 0, 0, 0);
  check_counts(&found, 4, 2, 0);
  t->c.inputs[0].f64[1] = INFINITY; /* the slope is 1, of no difference */
  found = look(t, NULL);
  check_counts(&found, 4, 2, 0);
  trial_free(t);
}
END_TEST

/* The first row's loss is infinite, and one of its pairs at the kink: no slope, but of no difference either. */
START_TEST(kinks_of_infinities_are_excluded) {
  lp_trial *t = trial_new("multilabel_margin");
  trial_reduction(t, "none");
  trial_real(t, "input", "2 3", (double[]){INFINITY, 0.0, -1.0, 0.5, 0.0, 0.25});
  trial_index(t, "target", "2 3", (int64_t[]){1, -1, -1, 1, -1, -1});
  const lp_differences found = look(t, NULL);
  check_found(&found, 0, 0, 0);
  check_counts(&found, 3, 3, 0);
  trial_free(t);
}
END_TEST

/* Two infinite losses depend on input2 with slopes that cancel. */
START_TEST(infinities_do_not_cancel) {
  lp_trial *t = trial_new("margin_ranking");
  trial_param(t, "margin", INFINITY);
  trial_reduction(t, "none");
  trial_upstream(t, "2", (double[]){0.0, 0.5});
  trial_real(t, "input1", "2", (double[]){1.0, 2.0});
  trial_real(t, "input2", "1", (double[]){0.25});
  trial_real(t, "target", "2", (double[]){1.0, -1.0});
  const lp_differences found = look(t, NULL);
  check_found(&found, 0, 0, 0);
  check_counts(&found, 0, 5, 0);
  trial_free(t);
}
END_TEST

/* exp(1e15) has more digits before the last term's than any precision here. */
START_TEST(hopeless_cancellation_is_silent) {
  lp_trial *t = trial_new("poisson_nll");
  trial_reduction(t, "sum");
  trial_real(t, "input", "2", (double[]){1e15, 1.0});
  trial_index(t, "target", "2", (int64_t[]){0, 0});
  const lp_differences found = look(t, NULL);
  check_found(&found, 0, 0, 0);
  check_counts(&found, 1, 0, 1);
  trial_free(t);
}
END_TEST

/* One element stands for all three components of a difference that is 0: its derivative is +-sqrt(3), no sum of +-1. */
START_TEST(stretched_zero_of_a_norm_is_silent) {
  lp_trial *t = trial_new("triplet_margin");
  trial_param(t, "eps", 0.0);
  trial_real(t, "anchor", "1 3", (double[]){0.5, 0.5, 0.5});
  trial_real(t, "positive", "1 1", (double[]){0.5});
  trial_real(t, "negative", "1 3", (double[]){0.5, 1.25, 0.0});
  const lp_differences found = look(t, NULL);
  check_found(&found, 0, 0, 0);
  check_counts(&found, 6, 0, 1);
  trial_free(t);
}
END_TEST

START_TEST(nothing_is_nothing) {
  lp_trial *t = trial_new("mse");
  trial_reduction(t, "none");
  trial_real(t, "input", "0", NULL);
  trial_real(t, "target", "0", NULL);
  const lp_differences found = look(t, NULL);
  check_found(&found, 0, 0, 0);
  check_counts(&found, 0, 0, 0);
  trial_free(t);
}
END_TEST

/* --- planted faults in the claim --- */

START_TEST(tampered_gradient_is_wrong) {
  lp_trial *t = smooth();
  lp_exact claim;
  arb_t fault;
  claim_of(&claim, t);
  arb_init(fault);
  arb_set_si(fault, 1);
  arb_mul_2exp_si(fault, fault, -70); /* of a gradient of -1/3 */
  arb_add(&claim.outputs[1].numbers[1].value, &claim.outputs[1].numbers[1].value, fault, 512);
  const lp_differences_options options = {.claim = &claim};
  const lp_differences found = look(t, &options);
  check_found(&found, 1, 0, 0);
  check_counts(&found, 6, 0, 0);
  check_near(found.digits, 20.5, 0.4);
  ck_assert_msg(strstr(found.first, "grad/input[1]: wrong gradient") != NULL, "%s", found.first);
  arb_clear(fault);
  lp_exact_clear(&claim);
  trial_free(t);
}
END_TEST

START_TEST(zero_in_place_of_a_gradient_is_wrong) {
  lp_trial *t = smooth();
  lp_exact claim;
  claim_of(&claim, t);
  arb_zero(&claim.outputs[2].numbers[0].value);
  const lp_differences_options options = {.claim = &claim};
  const lp_differences found = look(t, &options);
  check_found(&found, 1, 0, 0);
  lp_exact_clear(&claim);
  trial_free(t);
}
END_TEST

START_TEST(vague_claim_is_silent) {
  lp_trial *t = smooth();
  lp_exact claim;
  claim_of(&claim, t);
  mag_set_d(arb_radref(&claim.outputs[1].numbers[0].value), 1e-6);
  const lp_differences_options options = {.claim = &claim};
  const lp_differences found = look(t, &options);
  check_found(&found, 0, 0, 0);
  check_counts(&found, 5, 0, 1);
  lp_exact_clear(&claim);
  trial_free(t);
}
END_TEST

START_TEST(convention_of_ctc_is_wrong) {
  lp_trial *t = ctc();
  lp_exact claim;
  claim_of(&claim, t);
  arb_swap(&claim.alternative.numbers[4].value, &claim.outputs[1].numbers[4].value);
  const lp_differences_options options = {.claim = &claim};
  const lp_differences found = look(t, &options);
  check_found(&found, 1, 0, 0);
  lp_exact_clear(&claim);
  trial_free(t);
}
END_TEST

START_TEST(kink_left_out_is_hidden) {
  lp_trial *t = tie();
  lp_exact claim;
  claim_of(&claim, t);
  ck_assert_int_eq(claim.n_kinks, 1);
  claim.n_kinks = 0;
  const lp_differences_options options = {.claim = &claim};
  const lp_differences found = look(t, &options);
  check_found(&found, 0, 2, 0); /* through input[0] and target[0] */
  ck_assert_msg(strstr(found.first, "grad/input[0]: kink that is not reported") != NULL, "%s", found.first);
  claim.n_kinks = 1;
  lp_exact_clear(&claim);
  trial_free(t);
}
END_TEST

START_TEST(wrong_effect_is_wrong) {
  lp_trial *t = tie();
  lp_exact claim;
  claim_of(&claim, t);
  arb_struct *change = &claim.kinks[0].effects[0].change[2];
  arb_mul_2exp_si(change, change, 1);
  const lp_differences_options options = {.claim = &claim};
  const lp_differences found = look(t, &options);
  check_found(&found, 1, 0, 0);
  lp_exact_clear(&claim);
  trial_free(t);
}
END_TEST

/* The effect of the tie on input[0], claimed of input[1], which has none. */
START_TEST(invented_kink_is_unseen) {
  lp_trial *t = tie();
  lp_exact claim;
  claim_of(&claim, t);
  lp_kink_effect *effect = &claim.kinks[0].effects[0];
  ck_assert(effect->output == 1 && effect->index == 0);
  effect->index = 1;
  const lp_differences_options options = {.claim = &claim};
  const lp_differences found = look(t, &options);
  check_found(&found, 0, 1, 1);
  lp_exact_clear(&claim);
  trial_free(t);
}
END_TEST

/* --- planted faults in the function --- */

static void size_of(arb_t y, const arb_t x) { arb_abs(y, x); }

static void jump(arb_t y, const arb_t x) { arb_set_si(y, arb_is_positive(x)); }

static void jump_to_both_sides(arb_t y, const arb_t x) { arb_set_si(y, !arb_is_zero(x)); }

/* max(0, x - 2^-80) */
static void bend_beside(arb_t y, const arb_t x) {
  arb_set_si(y, 1);
  arb_mul_2exp_si(y, y, -80);
  arb_sub(y, x, y, LP_EXACT_PRECISION_MAX);
  if (!arb_is_positive(y)) arb_zero(y);
}

/* 2^-50 x: a fault in the value that no gradient knows of */
static void drift(arb_t y, const arb_t x) { arb_mul_2exp_si(y, x, -50); }

/* What tampered() adds to the loss, x being the shift of input[0]. */
static void (*added)(arb_t y, const arb_t x);

static lp_status tampered(lp_exact *exact, const lp_plan *plan, const lp_exact_options *options, lp_error *error) {
  arb_t y;
  LP_TRY(lp_exact_evaluate(exact, plan, options, error));
  if (!options->shift) return LP_OK;
  arb_struct *loss = &exact->outputs[0].numbers[0].value;
  arb_init(y);
  added(y, &options->shift->of[0][0]);
  arb_add(loss, loss, y, LP_EXACT_PRECISION_MAX);
  arb_clear(y);
  return LP_OK;
}

static lp_differences look_with(void (*fault)(arb_t y, const arb_t x)) {
  lp_trial *t = smooth();
  const lp_differences_options options = {.evaluate = tampered};
  added = fault;
  const lp_differences found = look(t, &options);
  trial_free(t);
  return found;
}

START_TEST(kink_without_a_switch_is_hidden) {
  const lp_differences found = look_with(size_of);
  check_found(&found, 0, 1, 0);
  ck_assert_msg(strstr(found.first, "grad/input[0]: kink that is not reported") != NULL, "%s", found.first);
}
END_TEST

START_TEST(kink_beside_does_no_harm) {
  const lp_differences found = look_with(bend_beside);
  check_found(&found, 0, 0, 0);
  check_counts(&found, 6, 0, 0);
}
END_TEST

/* Beside a jump the piece that 0 belongs to has a derivative; a point that belongs to neither has none. */
START_TEST(jumps_are_no_slopes) {
  const lp_differences found = look_with(jump);
  check_found(&found, 0, 0, 0);
  check_counts(&found, 6, 0, 0);
  const lp_differences lonely = look_with(jump_to_both_sides);
  check_found(&lonely, 0, 0, 0);
  check_counts(&lonely, 5, 0, 1);
}
END_TEST

START_TEST(drifting_value_is_wrong) {
  const lp_differences found = look_with(drift);
  check_found(&found, 1, 0, 0);
  check_near(found.digits, 14.0, 1.0);
}
END_TEST

static lp_status without_memory(lp_exact *exact, const lp_plan *plan, const lp_exact_options *options,
                                lp_error *error) {
  if (options->shift) return lp_fail(error, LP_NO_MEMORY, "planted");
  return lp_exact_evaluate(exact, plan, options, error);
}

START_TEST(failure_is_passed_on) {
  lp_trial *t = smooth();
  const lp_differences_options options = {.evaluate = without_memory};
  lp_differences found;
  lp_error error;
  ck_assert_int_eq(lp_plan_init(&t->plan, &t->c, &error), LP_OK);
  ck_assert_int_eq(lp_exact_differences(&found, &t->plan, &options, &error), LP_NO_MEMORY);
  ck_assert_str_eq(error.message, "planted");
  trial_free(t);
}
END_TEST

/* --- directions --- */

enum { MANY = 100 };

/* 100 residuals; every tenth is a tie. */
static lp_trial *many(void) {
  double input[MANY], target[MANY];
  for (int i = 0; i < MANY; i++) {
    input[i] = ldexp(0.5 + 0.01 * i, i % 7 - 3);
    target[i] = i % 10 == 0 ? input[i] : 0.3 * i - 7.0;
  }
  lp_trial *t = trial_new("l1");
  trial_real(t, "input", "100", input);
  trial_real(t, "target", "100", target);
  return t;
}

START_TEST(directions_agree) {
  lp_trial *t = many();
  check_agrees(t, LP_DIFFERENCES_DIRECTIONS + LP_DIFFERENCES_SAMPLE);
  trial_free(t);
  t = smooth();
  const lp_differences_options options = {.directions = 2, .seed = 3};
  const lp_differences found = look(t, &options);
  check_found(&found, 0, 0, 0);
  check_counts(&found, 2, 0, 0);
  trial_free(t);
}
END_TEST

START_TEST(directions_see_one_gradient) {
  lp_trial *t = many();
  lp_exact claim;
  claim_of(&claim, t);
  arb_neg(&claim.outputs[2].numbers[57].value, &claim.outputs[2].numbers[57].value);
  const lp_differences_options options = {.claim = &claim};
  const lp_differences found = look(t, &options);
  check_found(&found, LP_DIFFERENCES_DIRECTIONS, 0, 0);
  ck_assert_msg(strstr(found.first, "direction 0: wrong gradient") != NULL, "%s", found.first);
  lp_exact_clear(&claim);
  trial_free(t);
}
END_TEST

START_TEST(directions_see_one_hidden_kink) {
  lp_trial *t = many();
  lp_exact claim;
  claim_of(&claim, t);
  lp_kink *last = &claim.kinks[claim.n_kinks - 1];
  last->state = LP_KINK_NEAR; /* as if it were not at 0 */
  const lp_differences_options options = {.claim = &claim};
  const lp_differences found = look(t, &options);
  check_found(&found, 0, LP_DIFFERENCES_DIRECTIONS, 0);
  lp_exact_clear(&claim);
  trial_free(t);
}
END_TEST

START_TEST(excluded_elements_do_not_move) {
  lp_trial *t = many();
  trial_reduction(t, "none");
  t->c.inputs[0].f64[3] = NAN;
  const lp_differences found = look(t, NULL);
  check_found(&found, 0, 0, 0);
  check_counts(&found, LP_DIFFERENCES_DIRECTIONS + LP_DIFFERENCES_SAMPLE, 1, 0); /* target[3] has the gradient 0 */
  trial_reduction(t, "sum");
  const lp_differences none = look(t, NULL);
  check_counts(&none, 0, 2 * MANY, 0);
  trial_free(t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {gradients_agree,
                                half_types_agree,
                                kinks_agree,
                                harmless_switch_agrees,
                                near_kinks_agree,
                                shared_kinks_agree,
                                steep_slopes_agree,
                                tiny_denominator_agrees,
                                kinks_within_their_budgets_agree,
                                features_narrower_than_the_stencil_agree,
                                features_as_narrow_as_products_agree,
                                groups_agree,
                                kinks_that_keep_each_other_agree,
                                kinks_that_hide_each_other_agree,
                                derivative_of_ctc_agrees,
                                infinities_are_excluded,
                                kinks_of_infinities_are_excluded,
                                infinities_do_not_cancel,
                                hopeless_cancellation_is_silent,
                                stretched_zero_of_a_norm_is_silent,
                                nothing_is_nothing,
                                tampered_gradient_is_wrong,
                                zero_in_place_of_a_gradient_is_wrong,
                                vague_claim_is_silent,
                                convention_of_ctc_is_wrong,
                                kink_left_out_is_hidden,
                                wrong_effect_is_wrong,
                                invented_kink_is_unseen,
                                kink_without_a_switch_is_hidden,
                                kink_beside_does_no_harm,
                                jumps_are_no_slopes,
                                drifting_value_is_wrong,
                                failure_is_passed_on,
                                directions_agree,
                                directions_see_one_gradient,
                                directions_see_one_hidden_kink,
                                excluded_elements_do_not_move};
  const int status = run_tests("differences", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return status;
}
