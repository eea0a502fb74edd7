#include "reference/draw.h"
#include "reference/tests/testing.h"

typedef struct options {
  bool log_input, full;
  double eps;
} options;

typedef struct expected {
  double value, slope_x, slope_t;
} expected;

static lp_trial *trial_of(options o, const char *reduction) {
  lp_trial *t = trial_new("poisson_nll");
  trial_param(t, "log_input", o.log_input);
  trial_param(t, "full", o.full);
  trial_param(t, "eps", o.eps);
  trial_reduction(t, reduction);
  return t;
}

static lp_trial *single(options o, double x, double target) {
  lp_trial *t = trial_of(o, "none");
  trial_real(t, "input", "", &x);
  trial_real(t, "target", "", &target);
  ck_assert_int_eq(trial_run(t), LP_OK);
  return t;
}

/* Within 1 ulp, 2^-54 of `size` forgiven where terms cancel. */
static void check_close(double got, double wanted, double size) {
  const bool near = nextafter(got, INFINITY) >= wanted && nextafter(got, -INFINITY) <= wanted;
  ck_assert_msg(near || fabs(got - wanted) <= 0x1p-54 * size, "got %a, expected %a", got, wanted);
}

/* The sizes of what value and gradients are sums of. */
static expected sizes_of(options o, double x, double t) {
  const double s = x + o.eps, log_rate = fabs(o.log_input ? x : log(s)), log_t = o.full && t > 1.0 ? log(t) : 0.0;
  const double rate = o.log_input ? exp(x) * (1.0 + fabs(x)) : fabs(x);
  return (expected){rate + fabs(t) * (2.0 + 2.0 * log_rate + 3.0 * log_t),
                    o.log_input ? rate + fabs(t) : 1.0 + 2.0 * fabs(t / s), 3.0 + log_rate + log_t};
}

/* Expected numbers from 6000-bit arithmetic. */
static void check_single(options o, double x, double target, expected e, const char *regime) {
  lp_trial *t = single(o, x, target);
  const expected sizes = sizes_of(o, x, target);
  check_close(trial_loss(t, 0), e.value, sizes.value);
  check_close(trial_grad(t, "input", 0), e.slope_x, sizes.slope_x);
  check_close(trial_grad(t, "target", 0), e.slope_t, sizes.slope_t);
  ck_assert_msg(trial_regime(t, regime), "%g, %g: not in regime %s", x, target, regime);
  trial_free(t);
}

START_TEST(logarithms_of_rates) {
  check_single((options){1, 0, 1e-08}, 0.5, 2.0,
               (expected){0x1.4c2531c3c0d38p-1, -0x1.67b59c787e591p-2, -0x1.0000000000000p-1}, "log-input");
  check_single((options){1, 0, 1e-08}, -0.5, 3.0,
               (expected){0x1.0da2cbf1be582p+1, -0x1.325d340e41a7ep+1, 0x1.0000000000000p-1}, "log-input");
  check_single((options){1, 0, 1e-08}, 1.25, -2.5,
               (expected){0x1.a761c76d87d78p+2, 0x1.7f61c76d87d78p+2, -0x1.4000000000000p+0}, "target-negative");
  check_single((options){1, 0, 1e-08}, 5.0, 0.0,
               (expected){0x1.28d389970338fp+7, 0x1.28d389970338fp+7, -0x1.4000000000000p+2}, "target-zero");
  check_single((options){1, 0, 1e-08}, -20.0, 0.001,
               (expected){0x1.47ae16b172127p-6, -0x1.0624b9c60df3ep-10, 0x1.4000000000000p+4}, "log-input");
  check_single((options){1, 0, 1e-08}, 300.0, 7.0,
               (expected){0x1.c05c0a7166b4ap+432, 0x1.c05c0a7166b4ap+432, -0x1.2c00000000000p+8}, "log-input");
  check_single((options){1, 0, 1e-08}, -800.0, 0.5,
               (expected){0x1.9000000000000p+8, -0x1.0000000000000p-1, 0x1.9000000000000p+9}, "exp-underflow");
  check_single((options){1, 0, 1e-08}, 800.0, 2.0, (expected){INFINITY, INFINITY, -0x1.9000000000000p+9},
               "exp-overflow");
  check_single((options){1, 0, 1e-08}, 709.9, 1e+305,
               (expected){0x1.7587371764190p+1023, INFINITY, -0x1.62f3333333333p+9}, "exp-overflow");
  check_single((options){1, 0, 1e-08}, 710.0, 1.7e+308,
               (expected){-INFINITY, 0x1.302c6b825a8f9p+1022, -0x1.6300000000000p+9}, "exp-overflow");
  check_single((options){1, 0, 1e-08}, 10000000000.0, 1e+300, (expected){INFINITY, INFINITY, -0x1.2a05f20000000p+33},
               "exp-overflow");
  check_single((options){1, 0, 1e-08}, -1e+200, 1e+200,
               (expected){INFINITY, -0x1.4e718d7d7625ap+664, 0x1.4e718d7d7625ap+664}, "exp-underflow");
  check_single((options){1, 0, 1e-08}, 1e-300, 1e-300,
               (expected){0x1.0000000000000p+0, 0x1.0000000000000p+0, -0x1.56e1fc2f8f359p-997}, "log-input");
}
END_TEST

START_TEST(rates) {
  check_single((options){0, 0, 1e-08}, 1.0, 2.0,
               (expected){0x1.ffffff5433890p-1, -0x1.ffffff5433891p-1, -0x1.5798ee0636111p-27}, "rate-input");
  check_single((options){0, 0, 1e-08}, 0.0, 1.0,
               (expected){0x1.26bb1bbb55516p+4, -0x1.7d783fc000000p+26, 0x1.26bb1bbb55516p+4}, "rate-input");
  check_single((options){0, 0, 1e-08}, 3.7, 0.3,
               (expected){0x1.a75c2a3ef4e70p+1, 0x1.d67c8a62bf4b9p-1, -0x1.4eeee65c49fc2p+0}, "rate-input");
  check_single((options){0, 0, 1.0}, 0.5, -3.0,
               (expected){0x1.b765af18fb239p+0, 0x1.8000000000000p+1, -0x1.9f323ecbf984cp-2}, "target-negative");
  check_single((options){0, 0, 0.0}, 2.5, 2.5, (expected){0x1.ac97697373b54p-3, 0x0.0p+0, -0x1.d5240f0e0e078p-1},
               "rate-input");
  check_single((options){0, 0, 0.001}, 0.001, 7.0,
               (expected){0x1.5c06ab7164739p+5, -0x1.b560000000000p+11, 0x1.8dbc239b0b862p+2}, "rate-input");
  check_single((options){0, 0, 1e-08}, 100000.0, 3.0,
               (expected){0x1.867d7612c00c0p+16, 0x1.fffc115df6556p-1, -0x1.7069e2aa2aa93p+3}, "rate-input");
  check_single((options){0, 0, 1e-300}, 0.0, 4.0,
               (expected){0x1.5963447f87fb5p+11, -0x1.7e43c8800759bp+998, 0x1.5963447f87fb5p+9}, "rate-input");
  check_single((options){0, 0, 1e+308}, 1.5e+308, 1.0,
               (expected){0x1.ab36d48e1acf0p+1023, 0x1.0000000000000p+0, -0x1.630e666126296p+9}, "rate-input");
  check_single((options){0, 0, 1e-08}, 1.7e+308, 1.7e+308,
               (expected){-INFINITY, 0x0.0000000b5abdfp-1022, -0x1.62dd08fdc6f88p+9}, "rate-input");
  check_single((options){0, 0, 0.0}, 5e-324, 1e-10, (expected){0x1.3fbc0d30cec3fp-24, -INFINITY, 0x1.74385446d71c3p+9},
               "rate-input");
}
END_TEST

/* At a target of 1 the term is masked, an ulp above it counts. At 0 and below PyTorch's gradient is NaN. */
START_TEST(stirlings_term) {
  check_single((options){1, 1, 1e-08}, 0.5, 1.0,
               (expected){0x1.261298e1e069cp+0, 0x1.4c2531c3c0d38p-1, -0x1.0000000000000p-1}, "stirling-masked");
  check_single((options){1, 1, 1e-08}, 0.5, 1.0000000000000002,
               (expected){0x1.11522725065f6p+0, 0x1.4c2531c3c0d36p-1, 0x1.0000000000000p-53}, "stirling");
  check_single((options){1, 1, 1e-08}, 0.5, 2.0,
               (expected){0x1.4cef631092e61p+0, -0x1.67b59c787e591p-2, 0x1.c5c85fdf473dep-2}, "stirling");
  check_single((options){1, 1, 1e-08}, 0.5, 3.0,
               (expected){0x1.e9ad71fadf09bp+0, -0x1.59ed671e1f964p+0, 0x1.87d2a4aaf5b6bp-1}, "stirling");
  check_single((options){0, 1, 0.0}, 3.0, 5.0,
               (expected){0x1.238e7a935ec60p+1, -0x1.5555555555555p-1, 0x1.38be22db44785p-1}, "stirling");
  check_single((options){0, 1, 0.0}, 3.0, 0.5,
               (expected){0x1.39b056154bf3dp+1, 0x1.aaaaaaaaaaaabp-1, -0x1.193ea7aad030bp+0}, "stirling-masked");
  check_single((options){0, 1, 0.0}, 3.0, 20.0,
               (expected){0x1.75bf4d143d94dp+4, -0x1.6aaaaaaaaaaabp+2, 0x1.ec100e2a12a7ep+0}, "stirling");
  check_single((options){1, 1, 1e-08}, 2.0, 2.718281828459045,
               (expected){0x1.af8b0cd9a3c36p+1, 0x1.2aedf734ab1f9p+2, -0x1.a1d2a7274c432p-1}, "stirling");
  check_single((options){1, 1, 1e-08}, 1.0, 0.0,
               (expected){0x1.5bf0a8b145769p+1, 0x1.5bf0a8b145769p+1, -0x1.0000000000000p+0}, "stirling-masked");
  check_single((options){1, 1, 1e-08}, 1.0, -2.0,
               (expected){0x1.2df85458a2bb5p+2, 0x1.2df85458a2bb5p+2, -0x1.0000000000000p+0}, "stirling-masked");
  check_single((options){0, 1, 1e-08}, 2.0, 0.0,
               (expected){0x1.0000000000000p+1, 0x1.0000000000000p+0, -0x1.62e4301a96bcbp-1}, "stirling-masked");
  check_single((options){1, 1, 1e-08}, 700.0, 1e+306,
               (expected){0x1.4835466a9cb82p+1018, -0x1.68dbd0e399e50p+1016, 0x1.25d392f5fd9dbp+2}, "stirling");
  check_single((options){0, 1, 1e-08}, 100000.0, 1000000000.0,
               (expected){0x1.e96160bf41b41p+32, -0x1.3877ffffffddap+13, 0x1.26bb1bbb9a060p+3}, "stirling");
  check_single((options){1, 1, 1e-08}, 1e-300, 1e-300,
               (expected){0x1.0000000000000p+0, 0x1.0000000000000p+0, -0x1.56e1fc2f8f359p-997}, "stirling-masked");
}
END_TEST

static void check_special(options o, double x, double target, expected e, const char *regime) {
  lp_trial *t = single(o, x, target);
  check_same(trial_loss(t, 0), e.value);
  check_same(trial_grad(t, "input", 0), e.slope_x);
  check_same(trial_grad(t, "target", 0), e.slope_t);
  ck_assert_msg(trial_regime(t, regime), "%g, %g: not in regime %s", x, target, regime);
  trial_free(t);
}

START_TEST(rates_that_are_not_positive_follow_pytorch) {
  const options plain = {false, false, 1e-8}, full = {false, true, 1e-8};
  check_special(plain, -1e-8, 0.0, (expected){NAN, NAN, INFINITY}, "rate-zero");
  check_special(plain, -1e-8, 0.5, (expected){INFINITY, -INFINITY, INFINITY}, "rate-zero");
  check_special(plain, -1e-8, -1.0, (expected){-INFINITY, INFINITY, INFINITY}, "rate-zero");
  check_special(full, -1e-8, 0.0, (expected){NAN, NAN, NAN}, "rate-zero");
  check_special(full, -1e-8, 2.0, (expected){INFINITY, -INFINITY, INFINITY}, "rate-zero");
  check_special((options){false, false, 0.0}, -1.0, 1.0, (expected){NAN, 2.0, NAN}, "rate-negative");
  check_special((options){false, true, 0.0}, -2.0, -1.0, (expected){NAN, 0.5, NAN}, "rate-negative");
  check_special((options){false, false, -3.0}, 1.0, 1.0, (expected){NAN, 1.5, NAN}, "rate-negative");
}
END_TEST

/* At x + eps = 0 PyTorch divides the product of t and the upstream gradient by 0. */
START_TEST(a_pole_whose_numerator_underflows) {
  lp_trial *t = trial_new("poisson_nll");
  trial_param(t, "log_input", 0);
  trial_reduction(t, "none");
  trial_real(t, "input", "2", (double[]){-1e-8, -1e-8});
  trial_real(t, "target", "2", (double[]){0x1p-1074, 0x1p-1074});
  trial_upstream(t, "2", (double[]){0.25, 1.0});
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_grad(t, "input", 0), NAN);
  check_same(trial_grad(t, "input", 1), -INFINITY);
  trial_free(t);
}
END_TEST

START_TEST(non_finite_inputs_follow_pytorch) {
  const options log = {true, false, 1e-8}, log_full = {true, true, 1e-8}, rate = {false, false, 1e-8};
  check_special(log, INFINITY, 0.0, (expected){NAN, INFINITY, -INFINITY}, "non-finite");
  check_special(log, INFINITY, -1.0, (expected){INFINITY, INFINITY, -INFINITY}, "non-finite");
  check_special(log, -INFINITY, 0.5, (expected){INFINITY, -0.5, INFINITY}, "non-finite");
  check_special(log, -INFINITY, 0.0, (expected){NAN, 0.0, INFINITY}, "non-finite");
  check_special(log, 1.0, INFINITY, (expected){-INFINITY, -INFINITY, -1.0}, "non-finite");
  check_special(log, 1.0, NAN, (expected){NAN, NAN, -1.0}, "non-finite");
  check_special(log, NAN, 1.0, (expected){NAN, NAN, NAN}, "non-finite");
  check_special(log_full, 1.0, INFINITY, (expected){NAN, -INFINITY, NAN}, "non-finite");
  check_special(log_full, INFINITY, 0.0, (expected){NAN, INFINITY, NAN}, "non-finite");
  check_special(log_full, INFINITY, 0.5, (expected){NAN, INFINITY, -INFINITY}, "non-finite");
  check_special(rate, INFINITY, 0.5, (expected){NAN, 1.0, -INFINITY}, "non-finite");
  check_special(rate, INFINITY, -INFINITY, (expected){INFINITY, NAN, -INFINITY}, "non-finite");
  check_special(rate, -INFINITY, 0.0, (expected){NAN, 1.0, NAN}, "non-finite");
  check_special((options){false, false, INFINITY}, 1.0, 2.0, (expected){-INFINITY, 1.0, -INFINITY}, "non-finite");
  check_special((options){false, false, NAN}, 1.0, 2.0, (expected){NAN, NAN, NAN}, "non-finite");
  check_single((options){true, false, NAN}, 0.0, 2.0, (expected){1.0, -1.0, -0.0}, "log-input");
}
END_TEST

static void check_upstream(options o, double g, double x, double target, double slope_x, double slope_t) {
  lp_trial *t = single(o, x, target);
  trial_upstream(t, "", &g);
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_grad(t, "input", 0), slope_x);
  check_same(trial_grad(t, "target", 0), slope_t);
  trial_free(t);
}

START_TEST(upstream_gradients_meet_every_part_of_a_slope) {
  const options log = {true, false, 1e-8}, log_full = {true, true, 1e-8}, rate = {false, false, 0.0};
  check_upstream(log, INFINITY, 1.0, 1.0, NAN, -INFINITY);
  check_upstream(log, INFINITY, 1.0, -1.0, INFINITY, -INFINITY);
  check_upstream(log, INFINITY, 1.0, 0.0, NAN, -INFINITY);
  check_upstream(log, INFINITY, -800.0, -1.0, NAN, INFINITY);
  check_upstream(log, INFINITY, 0.0, -1.0, INFINITY, NAN);
  check_upstream(log, NAN, 1.0, -1.0, NAN, NAN);
  check_upstream(log_full, INFINITY, 1.0, 3.0, NAN, NAN);
  check_upstream(log_full, INFINITY, 1.0, 1.0, NAN, -INFINITY);
  check_upstream(rate, INFINITY, 2.0, 1.0, NAN, -INFINITY);
  check_upstream(rate, INFINITY, 2.0, -1.0, INFINITY, -INFINITY);
  check_upstream(rate, INFINITY, -2.0, 1.0, INFINITY, NAN);
  check_upstream(rate, INFINITY, INFINITY, -1.0, NAN, -INFINITY);
  check_upstream(log, 0.0, 800.0, 1.0, 0.0, -0.0);
  check_upstream(log, -1e300, 700.0, INFINITY, NAN, 1e300 * 700.0);
  check_upstream(rate, 1e300, -INFINITY, -1e200, NAN, NAN);
  check_upstream(rate, -INFINITY, 0.0, -INFINITY, -INFINITY, -INFINITY); /* -inf - inf / 0 */
}
END_TEST

START_TEST(reductions_and_gradients) {
  const char *const words[] = {"none", "mean", "sum"}, *const shapes[] = {"2 3", "3", "2 1", ""};
  const double x[] = {0.7, 1.2, 0.4, 2.3, 0.9, 1.5}, target[] = {2.0, 0.5, 3.0, 0.0, 7.0, 1.5};
  const double g[] = {1.0, -2.0, 0.0, 3.0, 0.5, 1.0};
  for (int i = 0; i < 48; i++) {
    lp_trial *t = trial_of((options){i % 2, i / 2 % 2, 1e-3}, words[i / 4 % 3]);
    trial_real(t, "input", shapes[i / 12], x);
    trial_real(t, "target", "2 3", target);
    trial_upstream(t, i / 4 % 3 == 0 ? "2 3" : "", g);
    ck_assert_int_eq(trial_run(t), LP_OK);
    check_gradients(t, 1e-5, 1e-8);
    trial_free(t);
  }
}
END_TEST

START_TEST(means_and_empty_tensors) {
  lp_trial *t = trial_of((options){true, false, 1e-8}, "mean");
  trial_real(t, "input", "2", (double[]){0.0, 1.0});
  trial_real(t, "target", "", (double[]){2.0});
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_near(trial_loss(t, 0), (1.0 + 2.718281828459045 - 2.0) / 2.0, 1e-15);
  check_near(trial_grad(t, "target", 0), -0.5, 1e-15);
  trial_real(t, "input", "0", NULL);
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_same(trial_loss(t, 0), NAN);
  check_same(trial_grad(t, "target", 0), 0.0);
  ck_assert(trial_regime(t, "empty"));
  trial_free(t);
}
END_TEST

static void check_bool(options o, lp_dtype input, lp_dtype target, const char *refusal) {
  lp_trial *t = trial_of(o, "mean");
  trial_tensor(t, "input", input, "2", NULL);
  trial_tensor(t, "target", target, "2", NULL);
  const lp_status status = trial_run(t);
  if (refusal != NULL) {
    check_refused(t, LP_REJECT_DTYPE, refusal);
  } else {
    ck_assert_int_eq(status, LP_OK);
  }
  trial_free(t);
}

START_TEST(bool_tensors_are_not_subtracted) {
  const options log = {true, false, 1e-8}, log_full = {true, true, 1e-8}, rate = {false, false, 1e-8};
  check_bool(log, LP_FLOAT64, LP_BOOL, NULL);
  check_bool(log, LP_BOOL, LP_FLOAT64, NULL);
  check_bool(log, LP_BOOL, LP_INT64, NULL);
  check_bool(log, LP_BOOL, LP_BOOL, "target");
  check_bool(log_full, LP_FLOAT64, LP_BOOL, "target");
  check_bool(log_full, LP_BOOL, LP_UINT8, NULL);
  check_bool(rate, LP_FLOAT64, LP_BOOL, NULL);
  check_bool(rate, LP_BOOL, LP_FLOAT64, "input");
}
END_TEST

START_TEST(rejections) {
  lp_trial *t = trial_of((options){true, false, 1e-8}, "batchmean");
  trial_real(t, "input", "3", NULL);
  trial_real(t, "target", "3", NULL);
  trial_run(t);
  check_refused(t, LP_REJECT_REDUCTION, "batchmean");
  trial_reduction(t, "elementwise_mean");
  trial_run(t);
  check_refused(t, LP_REJECT_REDUCTION, "elementwise_mean");
  trial_reduction(t, "sum");
  trial_real(t, "target", "2", NULL);
  trial_run(t);
  check_refused(t, LP_REJECT_SHAPE, "(2)");
  trial_real(t, "target", "3", NULL);
  trial_upstream(t, "3", NULL);
  trial_run(t);
  check_refused(t, LP_REJECT_GRAD_OUTPUT, "(3)");
  trial_free(t);
}
END_TEST

START_TEST(drawn_cases_reach_every_regime) {
  const lp_loss *loss = lp_registry_find("poisson_nll");
  uint64_t seen = 0;
  for (int i = 0; i < 1500; i++) {
    lp_trial *t = trial_of((options){i % 2, i / 2 % 2, loss->params[2].values[i % 5]}, "none");
    lp_rng rng = {(uint64_t)i};
    trial_tensor(t, "input", LP_FLOAT64, i % 50 ? "3" : "0", NULL);
    trial_tensor(t, "target", i % 3 ? LP_FLOAT64 : LP_INT64, i % 50 == 0 ? "0" : i % 7 ? "3" : "2 3", NULL);
    loss->draw(&t->c, &rng, i / 4 % loss->n_value_classes);
    ck_assert_int_eq(trial_run(t), LP_OK);
    seen |= t->regimes;
    trial_free(t);
  }
  ck_assert_uint_eq(seen, (UINT64_C(1) << loss->n_regimes) - 1);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {logarithms_of_rates,
                                rates,
                                stirlings_term,
                                rates_that_are_not_positive_follow_pytorch,
                                a_pole_whose_numerator_underflows,
                                non_finite_inputs_follow_pytorch,
                                upstream_gradients_meet_every_part_of_a_slope,
                                reductions_and_gradients,
                                means_and_empty_tensors,
                                bool_tensors_are_not_subtracted,
                                rejections,
                                drawn_cases_reach_every_regime};
  return run_tests("poisson_nll", tests, sizeof tests / sizeof tests[0]);
}
