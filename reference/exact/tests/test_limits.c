/* What cases with infinite inputs tend to, and where nothing is claimed. */
#include "reference/exact/limits.h"

#include <stdio.h>

#include "reference/exact/tests/asking.h"

typedef struct bench {
  lp_trial *t;
  lp_exact exact;
} bench;

static bench take(lp_trial *t) {
  bench b = {.t = t};
  ck_assert_int_eq(trial_run(t), LP_OK);
  ck_assert(lp_exact_has_special(&t->c));
  ck_assert_int_eq(lp_exact_evaluate(&b.exact, &t->plan, NULL, &t->error), LP_OK);
  ck_assert_int_eq(lp_exact_take_limits(&b.exact, &t->plan, &t->error), LP_OK);
  return b;
}

static void done(bench *b) {
  lp_exact_clear(&b->exact);
  trial_free(b->t);
}

static const lp_exact_number *at(const bench *b, const char *input, int64_t i) {
  return number_of(&b->exact, b->t, input, i);
}

static void is(const bench *b, const char *input, int64_t i, lp_class class) { check_class(at(b, input, i), class); }

/* The limit is this number: it is in a ball that is far narrower than any budget. */
static void is_number(const bench *b, const char *input, int64_t i, double x) {
  const lp_exact_number *n = at(b, input, i);
  arb_t expected;
  check_class(n, LP_FINITE);
  arb_init(expected);
  arb_set_d(expected, x);
  ck_assert_msg(arb_contains(&n->value, expected), "%s: not %.17g", input ? input : "loss", x);
  ck_assert(mag_cmp_2exp_si(arb_radref(&n->value), -80) < 0);
  arb_clear(expected);
}

static lp_trial *pair(const char *loss, int n, const double *x, const double *y, const char *reduction) {
  char shape[12];
  lp_trial *t = trial_new(loss);
  snprintf(shape, sizeof shape, "%d", n);
  trial_real(t, "input", shape, x);
  trial_real(t, "target", shape, y);
  trial_reduction(t, reduction);
  return t;
}

static lp_trial *single(const char *loss, double x, double y) { return pair(loss, 1, &x, &y, "sum"); }

START_TEST(what_is_special) {
  lp_trial *t = single("l1", 1.0, 2.0);
  ck_assert(!lp_exact_has_special(&t->c));
  trial_upstream(t, "", (double[]){INFINITY});
  ck_assert(lp_exact_has_special(&t->c));
  trial_upstream(t, "", (double[]){2.0});
  ck_assert(!lp_exact_has_special(&t->c));
  trial_real(t, "target", "1", (double[]){NAN});
  ck_assert(lp_exact_has_special(&t->c));
  trial_free(t);
  t = single("hinge_embedding", 1.0, -1.0);
  trial_param(t, "margin", INFINITY);
  ck_assert(lp_exact_has_special(&t->c));
  trial_free(t);
}
END_TEST

START_TEST(soft_margin_at_infinity) {
  bench b = take(single("soft_margin", -INFINITY, 1.0));
  is(&b, NULL, 0, LP_PLUS_INFINITY);
  is_number(&b, "input", 0, -1.0);
  done(&b);
  b = take(single("soft_margin", -INFINITY, 2.0));
  is_number(&b, "input", 0, -2.0);
  done(&b);
  b = take(single("soft_margin", INFINITY, 1.0));
  is_number(&b, NULL, 0, 0.0);
  is_number(&b, "input", 0, 0.0);
  done(&b);
}
END_TEST

START_TEST(one_infinity_in_l1) {
  bench b = take(pair("l1", 3, (double[]){1.0, -INFINITY, 5.0}, (double[]){2.0, 0.0, 1.0}, "mean"));
  is(&b, NULL, 0, LP_PLUS_INFINITY);
  const double third = 1.0 / 3.0;
  for (int i = 0; i < 3; i++) check_class(at(&b, "input", i), LP_FINITE);
  ck_assert_double_eq(arf_get_d(arb_midref(&at(&b, "input", 1)->value), ARF_RND_NEAR), -third);
  ck_assert_double_eq(arf_get_d(arb_midref(&at(&b, "target", 1)->value), ARF_RND_NEAR), third);
  ck_assert_double_eq(arf_get_d(arb_midref(&at(&b, "input", 2)->value), ARF_RND_NEAR), third);
  done(&b);
}
END_TEST

/* |x - y| of two infinities of one sign may be anything; of two signs it is infinite. */
START_TEST(differences_of_infinities) {
  bench b = take(single("l1", INFINITY, INFINITY));
  is(&b, NULL, 0, LP_ANY);
  is(&b, "input", 0, LP_ANY);
  is(&b, "target", 0, LP_ANY);
  done(&b);
  b = take(single("l1", -INFINITY, INFINITY));
  is(&b, NULL, 0, LP_PLUS_INFINITY);
  is_number(&b, "input", 0, -1.0);
  done(&b);
}
END_TEST

/* Wherever two infinities stand in their tensors, they are apart. */
START_TEST(infinities_far_apart) {
  double x[70] = {0.0}, y[70] = {0.0};
  for (int second = 0; second < 70; second++) {
    lp_trial *t = trial_new("l1");
    x[second] = INFINITY;
    trial_real(t, "input", "70", x);
    trial_real(t, "target", "1", (double[]){INFINITY});
    trial_reduction(t, "none");
    bench b = take(t);
    is(&b, NULL, second, LP_ANY);
    is(&b, NULL, (second + 1) % 70, LP_PLUS_INFINITY);
    done(&b);
    x[second] = 0.0;
  }
  /* y (log y - x) with y = 1 at two places: infinities of both signs in one sum */
  x[0] = INFINITY;
  y[0] = 1.0;
  for (int second = 1; second < 70; second++) {
    x[second] = -INFINITY;
    y[second] = 1.0;
    bench b = take(pair("kl_div", 70, x, y, "sum"));
    is(&b, NULL, 0, LP_ANY);
    done(&b);
    x[second] = y[second] = 0.0;
  }
}
END_TEST

/* max(0, margin - x) + x is the larger of the two: infinite, but which of them leads nobody knows. */
START_TEST(hinge_embedding_with_an_infinite_margin) {
  for (int y = -1; y <= 0; y++) {
    lp_trial *t = single("hinge_embedding", INFINITY, y);
    trial_param(t, "margin", INFINITY);
    bench b = take(t);
    is(&b, NULL, 0, y == 0 ? LP_PLUS_INFINITY : LP_ANY);
    is(&b, "input", 0, LP_ANY);
    done(&b);
    t = single("hinge_embedding", 1.0, y);
    trial_param(t, "margin", INFINITY);
    b = take(t);
    is(&b, NULL, 0, LP_PLUS_INFINITY);
    is_number(&b, "input", 0, y == 0 ? 0.0 : -1.0);
    done(&b);
  }
}
END_TEST

/* margin - x_0 + x_j: of three infinities x_0 may lead, too. */
START_TEST(three_infinities) {
  lp_trial *t = trial_new("multi_margin");
  trial_real(t, "input", "1 3", (double[]){INFINITY, 0.0, INFINITY});
  trial_index(t, "target", "1", (int64_t[]){0});
  trial_param(t, "margin", INFINITY);
  trial_reduction(t, "sum");
  bench b = take(t);
  is(&b, NULL, 0, LP_ANY);
  is(&b, "input", 2, LP_ANY);
  done(&b);
}
END_TEST

START_TEST(nan_claims_nothing) {
  bench b = take(pair("mse", 2, (double[]){NAN, 1.0}, (double[]){0.0, 3.0}, "none"));
  is(&b, NULL, 0, LP_ANY);
  is(&b, "input", 0, LP_ANY);
  is_number(&b, NULL, 1, 4.0);
  is_number(&b, "input", 1, -4.0);
  done(&b);
  b = take(pair("mse", 2, (double[]){NAN, 1.0}, (double[]){0.0, 3.0}, "sum"));
  is(&b, NULL, 0, LP_ANY);
  is_number(&b, "input", 1, -4.0);
  done(&b);
}
END_TEST

/* 0 times what grows is 0, where PyTorch has NaN. */
START_TEST(a_factor_of_zero) {
  lp_trial *t = single("mse", INFINITY, 1.0);
  trial_upstream(t, "", (double[]){0.0});
  bench b = take(t);
  is(&b, NULL, 0, LP_PLUS_INFINITY);
  is_number(&b, "input", 0, 0.0);
  done(&b);
  t = single("mse", 1.0, 1.0);
  trial_upstream(t, "", (double[]){INFINITY});
  b = take(t);
  is_number(&b, NULL, 0, 0.0);
  is_number(&b, "input", 0, 0.0);
  done(&b);
  t = single("kl_div", 0.3, -743.0); /* exp(-743) may be 0 in float64, or not, times what grows */
  trial_param(t, "log_target", 1.0);
  trial_upstream(t, "", (double[]){INFINITY});
  b = take(t);
  is(&b, "input", 0, LP_ANY);
  done(&b);
  t = single("mse", 3.0, 1.0);
  trial_upstream(t, "", (double[]){-INFINITY});
  b = take(t);
  is(&b, "input", 0, LP_MINUS_INFINITY);
  done(&b);
}
END_TEST

/* y (log y - x) */
START_TEST(kl_div_limits) {
  bench b = take(single("kl_div", INFINITY, 2.0));
  is(&b, NULL, 0, LP_MINUS_INFINITY);
  is_number(&b, "input", 0, -2.0);
  is(&b, "target", 0, LP_MINUS_INFINITY);
  done(&b);
  b = take(single("kl_div", -INFINITY, 2.0));
  is(&b, NULL, 0, LP_PLUS_INFINITY);
  done(&b);
  b = take(single("kl_div", -INFINITY, 0.0));
  is_number(&b, NULL, 0, 0.0);
  done(&b);
  b = take(single("kl_div", 1.0, INFINITY));
  is(&b, NULL, 0, LP_PLUS_INFINITY);
  is(&b, "input", 0, LP_MINUS_INFINITY);
  is(&b, "target", 0, LP_PLUS_INFINITY);
  done(&b);
}
END_TEST

/* exp(x) - y x, or x - y log(x + eps) */
START_TEST(poisson_nll_limits) {
  bench b = take(single("poisson_nll", -INFINITY, 2.0));
  is(&b, NULL, 0, LP_PLUS_INFINITY);
  is_number(&b, "input", 0, -2.0);
  is(&b, "target", 0, LP_PLUS_INFINITY);
  done(&b);
  b = take(single("poisson_nll", -INFINITY, 0.0));
  is_number(&b, NULL, 0, 0.0);
  done(&b);
  lp_trial *t = single("poisson_nll", INFINITY, 2.0);
  trial_param(t, "log_input", 0.0);
  b = take(t);
  is(&b, NULL, 0, LP_PLUS_INFINITY);
  is_number(&b, "input", 0, 1.0);
  done(&b);
}
END_TEST

/* -inf is the logarithm of a probability of 0: ctc's own definition holds there. */
START_TEST(ctc_keeps_minus_infinity) {
  lp_trial *t = trial_new("ctc");
  trial_real(t, "log_probs", "1 1 2", (double[]){-INFINITY, 0.0});
  trial_index(t, "targets", "1 1", (int64_t[]){1});
  trial_index(t, "input_lengths", "1", (int64_t[]){1});
  trial_index(t, "target_lengths", "1", (int64_t[]){1});
  trial_reduction(t, "sum");
  bench b = take(t);
  is_number(&b, NULL, 0, 0.0);
  done(&b);
  t = trial_new("ctc");
  trial_real(t, "log_probs", "1 1 2", (double[]){NAN, NAN});
  trial_index(t, "targets", "1 1", (int64_t[]){1});
  trial_index(t, "input_lengths", "1", (int64_t[]){1});
  trial_index(t, "target_lengths", "1", (int64_t[]){1});
  trial_reduction(t, "sum");
  b = take(t);
  is(&b, NULL, 0, LP_ANY);
  done(&b);
}
END_TEST

/* log(2^h) grows slowly, but grows; the logarithm of the stand-ins' ratio is not claimed. */
START_TEST(slow_growth) {
  lp_trial *t = single("poisson_nll", INFINITY, 0.0);
  trial_param(t, "log_input", 0.0);
  bench b = take(t);
  is(&b, "target", 0, LP_MINUS_INFINITY); /* -log(x + eps) */
  done(&b);
  t = single("poisson_nll", INFINITY, INFINITY);
  trial_param(t, "log_input", 0.0);
  b = take(t);
  is(&b, NULL, 0, LP_ANY); /* x - y log x */
  is(&b, "target", 0, LP_MINUS_INFINITY);
  done(&b);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {what_is_special,      soft_margin_at_infinity,
                                one_infinity_in_l1,   differences_of_infinities,
                                infinities_far_apart, hinge_embedding_with_an_infinite_margin,
                                three_infinities,     nan_claims_nothing,
                                a_factor_of_zero,     kl_div_limits,
                                poisson_nll_limits,   ctc_keeps_minus_infinity,
                                slow_growth};
  const int status = run_tests("exact limits", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return status;
}
