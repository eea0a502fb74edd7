/* Rounding to every dtype, against rational reasoning: x is compared with the halves between neighbours. */
#include "reference/exact/round.h"

#include "reference/exact/tests/asking.h"

static const lp_dtype floating[] = {LP_FLOAT64, LP_FLOAT32, LP_FLOAT16, LP_BFLOAT16};
static const int places[] = {53, 24, 11, 8};

/* m 2^e + n 2^f, exactly, rounded. */
static double rounded(slong m, slong e, slong n, slong f, lp_dtype dtype) {
  arb_t x, y;
  arb_init(x);
  arb_init(y);
  arb_set_si(x, m);
  arb_mul_2exp_si(x, x, e);
  arb_set_si(y, n);
  arb_mul_2exp_si(y, y, f);
  arb_add(x, x, y, ARF_PREC_EXACT);
  const double result = lp_exact_round(arb_midref(x), dtype);
  arb_clear(x);
  arb_clear(y);
  return result;
}

/* Numbers of the dtype stay; halves go to the even neighbour; the least bit beyond a half decides, however far down. */
START_TEST(ties_and_beside_them) {
  for (int d = 0; d < 4; d++) {
    const lp_dtype dtype = floating[d];
    const int p = places[d];
    for (slong m = (slong)1 << (p - 1); m < ((slong)1 << (p - 1)) + 6; m++) {
      for (slong e = -p; e <= 3 - p; e++) {
        const double low = ldexp((double)m, (int)e), high = ldexp((double)(m + 1), (int)e);
        const double even = m % 2 == 0 ? low : high;
        for (int sign = -1; sign <= 1; sign += 2) {
          check_same(rounded(sign * m, e, 0, 0, dtype), sign * low);
          check_same(rounded(sign * (2 * m + 1), e - 1, 0, 0, dtype), sign * even);
          for (slong far = 2; far < 4000; far = 3 * far + 7) {
            check_same(rounded(sign * (2 * m + 1), e - 1, sign, e - 1 - far, dtype), sign * high);
            check_same(rounded(sign * (2 * m + 1), e - 1, -sign, e - 1 - far, dtype), sign * low);
          }
        }
      }
    }
  }
}
END_TEST

/* Just beyond a half of the small dtype, by less than float64 can see: rounding to float64 first makes it a tie. */
START_TEST(rounding_twice_is_seen) {
  for (int d = 1; d < 4; d++) {
    const slong p = places[d];
    const double one = rounded(1, 0, 0, 0, floating[d]), next = 1.0 + ldexp(1.0, (int)(1 - p));
    check_same(one, 1.0);
    const double once = rounded(((slong)1 << p) + 1, -p, 1, -80, floating[d]); /* 1 + 2^-p + 2^-80 */
    check_same(once, next);
    check_same(rounded(((slong)1 << p) + 1, -p, -1, -80, floating[d]), 1.0);
    check_same(rounded(((slong)1 << p) + 1, -p, 0, 0, floating[d]), 1.0);
    check_same(lp_dtype_round(floating[d], 1.0 + ldexp(1.0, (int)-p) + 0x1p-80), 1.0); /* the trap */
  }
}
END_TEST

START_TEST(subnormal_numbers) {
  for (int d = 0; d < 4; d++) {
    const lp_dtype dtype = floating[d];
    const double eta = lp_dtype_smallest_subnormal(dtype);
    int exponent;
    frexp(eta, &exponent);
    const slong e = exponent - 1; /* eta = 2^e */
    check_same(rounded(1, e - 1, 0, 0, dtype), 0.0);
    check_same(rounded(1, e - 1, 1, e - 3000, dtype), eta);
    check_same(rounded(1, e - 1, -1, e - 3000, dtype), 0.0);
    check_same(rounded(3, e - 1, 0, 0, dtype), 2.0 * eta);
    check_same(rounded(3, e - 1, -1, e - 200, dtype), eta);
    check_same(rounded(5, e - 1, 0, 0, dtype), 2.0 * eta);
    check_same(rounded(-5, e - 1, -1, e - 200, dtype), -3.0 * eta);
    check_same(rounded(0, 0, 1, -100000, dtype), 0.0);
    ck_assert(!signbit(rounded(0, 0, 0, 0, dtype)));
    const slong full = (slong)1 << (places[d] - 1); /* the largest subnormal, half, normal */
    check_same(rounded(2 * full - 1, e - 1, 0, 0, dtype), (double)full * eta);
    check_same(rounded(2 * full - 1, e - 1, -1, e - 90, dtype), (double)(full - 1) * eta);
  }
}
END_TEST

START_TEST(overflow) {
  for (int d = 0; d < 4; d++) {
    const lp_dtype dtype = floating[d];
    const double largest = lp_dtype_largest(dtype);
    int exponent;
    const slong p = places[d];
    const slong m = (slong)ldexp(frexp(largest, &exponent), (int)p); /* largest = m 2^(exponent - p) */
    const slong e = exponent - p;
    check_same(rounded(m, e, 0, 0, dtype), largest);
    check_same(rounded(2 * m + 1, e - 1, -1, e - 500, dtype), largest);
    check_same(rounded(2 * m + 1, e - 1, 0, 0, dtype), INFINITY);
    check_same(rounded(-(2 * m + 1), e - 1, 0, 0, dtype), -INFINITY);
    check_same(rounded(-(2 * m + 1), e - 1, 1, e - 500, dtype), -largest);
    check_same(rounded(1, 1024, 0, 0, dtype), INFINITY);
    check_same(rounded(-1, 100000, 0, 0, dtype), -INFINITY);
  }
}
END_TEST

START_TEST(both_ends) {
  lp_exact_number n = {.class = LP_FINITE};
  double low, high;
  arb_init(&n.value);
  mag_init(&n.scale);
  arb_set_d(&n.value, 1.0);
  lp_exact_ends(&low, &high, &n, LP_FLOAT64);
  ck_assert(low == 1.0 && high == 1.0);
  arb_add_error_2exp_si(&n.value, -60);
  lp_exact_ends(&low, &high, &n, LP_FLOAT64);
  ck_assert(low == 1.0 && high == 1.0);
  arb_add_error_2exp_si(&n.value, -30);
  lp_exact_ends(&low, &high, &n, LP_FLOAT64);
  ck_assert(low < 1.0 && high > 1.0);
  lp_exact_ends(&low, &high, &n, LP_FLOAT32);
  ck_assert(low == 1.0 && high == 1.0);
  const lp_class classes[] = {LP_PLUS_INFINITY, LP_MINUS_INFINITY, LP_NAN, LP_ANY, LP_NOT_FINITE};
  const double numbers[] = {INFINITY, -INFINITY, NAN, NAN, NAN};
  for (int i = 0; i < 5; i++) {
    n.class = classes[i];
    lp_exact_ends(&low, &high, &n, LP_FLOAT32);
    check_same(low, numbers[i]);
    check_same(high, numbers[i]);
  }
  arb_clear(&n.value);
  mag_clear(&n.scale);
}
END_TEST

static lp_trial *of_one(const char *loss, double x, double y) {
  lp_trial *t = trial_new(loss);
  trial_real(t, "input", "1", &x);
  trial_real(t, "target", "1", &y);
  trial_reduction(t, "sum");
  ck_assert_int_eq(trial_run(t), LP_OK);
  return t;
}

/* log(1 + exp(-1)) = 0.3132616875182228...; beside an infinity the class is told. */
START_TEST(a_case_rounded) {
  lp_exact exact;
  double low, high;
  lp_trial *t = of_one("soft_margin", 1.0, 1.0);
  ck_assert_int_eq(lp_exact_evaluate_rounded(&exact, &t->plan, NULL, &t->error), LP_OK);
  lp_exact_ends(&low, &high, &exact.outputs[0].numbers[0], LP_FLOAT64);
  check_same(low, 0x1.40c7abfbec124p-2);
  check_same(high, low);
  lp_exact_clear(&exact);
  trial_free(t);
  t = of_one("soft_margin", NAN, 1.0);
  ck_assert_int_eq(lp_exact_evaluate_rounded(&exact, &t->plan, NULL, &t->error), LP_OK);
  check_class(&exact.outputs[0].numbers[0], LP_NAN);
  lp_exact_clear(&exact);
  trial_free(t);
}
END_TEST

/* The gradient -1/(1 + exp(x)) at x = 2^-400 is -1/2 + 2^-402: beside a number of float64, not beside a tie. The value
 * log 2 - x/2 has no such neighbour. At 3 2^-54 the gradient is -1/2 + 3 2^-56 - ..., just off the tie at 2^-55 ... */
START_TEST(precision_rises_until_the_ends_round_alike) {
  lp_exact exact;
  const lp_exact_options low_precision = {.precision = 16};
  double low, high;
  lp_trial *t = of_one("soft_margin", 0x1.8p-52, 1.0);
  ck_assert_int_eq(lp_exact_evaluate_rounded(&exact, &t->plan, &low_precision, &t->error), LP_OK);
  for (int k = 0; k < exact.n_outputs; k++) {
    lp_exact_ends(&low, &high, &exact.outputs[k].numbers[0], LP_FLOAT64);
    check_same(low, high);
  }
  lp_exact_clear(&exact);
  trial_free(t);
  t = of_one("soft_margin", 0x1p-400, 1.0); /* gradient -1/2 + 2^-402 */
  ck_assert_int_eq(lp_exact_evaluate_rounded(&exact, &t->plan, NULL, &t->error), LP_OK);
  lp_exact_ends(&low, &high, &exact.outputs[1].numbers[0], LP_FLOAT64);
  check_same(low, -0.5);
  check_same(high, -0.5);
  lp_exact_clear(&exact);
  trial_free(t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {ties_and_beside_them,
                                rounding_twice_is_seen,
                                subnormal_numbers,
                                overflow,
                                both_ends,
                                a_case_rounded,
                                precision_rises_until_the_ends_round_alike};
  const int status = run_tests("exact round", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return status;
}
