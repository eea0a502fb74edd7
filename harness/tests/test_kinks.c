/* Choices of sides at kinks, on truths made up here: no loss is needed. */
#include "harness/kinks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference/tests/testing.h"

enum { ELEMENTS = 12, KINKS = 40, EFFECTS = 12 };

/* One gradient of `elements` numbers, all 0 with the scale 1, and what was got for it. */
typedef struct bench {
  lp_exact exact;
  lp_exact_number numbers[ELEMENTS];
  lp_kink kinks[KINKS];
  lp_kink_effect effects[KINKS][EFFECTS];
  lp_outcome candidate;
  double got[ELEMENTS];
  lp_judging how;
  lp_kink_answer answer;
} bench;

static bench *set_up(int elements, lp_dtype dtype, lp_profile profile) {
  const lp_tensor layout = {.dtype = dtype, .rank = 1, .shape = {elements}, .numel = elements};
  bench *b = calloc(1, sizeof *b);
  ck_assert_ptr_nonnull(b);
  b->exact.n_outputs = b->candidate.n_outputs = 1;
  b->exact.outputs[0] = (lp_exact_output){.input = 0, .layout = layout, .numbers = b->numbers};
  b->candidate.outputs[0].tensor = layout;
  b->candidate.outputs[0].tensor.f64 = b->got;
  b->exact.kinks = b->kinks;
  b->how.profile = profile;
  for (int i = 0; i < ELEMENTS; i++) {
    arb_init(&b->numbers[i].value);
    mag_init(&b->numbers[i].scale);
    mag_one(&b->numbers[i].scale);
    b->numbers[i].terms = 1;
  }
  return b;
}

static void tear_down(bench *b) {
  for (int i = 0; i < ELEMENTS; i++) lp_exact_number_clear(&b->numbers[i]);
  for (int k = 0; k < b->exact.n_kinks; k++) {
    for (int i = 0; i < b->kinks[k].n_effects; i++) {
      for (int side = 0; side < 3; side++) {
        arb_clear(&b->effects[k][i].change[side]);
        mag_clear(&b->effects[k][i].scale[side]);
      }
    }
  }
  free(b->answer.share);
  free(b);
}

static int kink(bench *b, lp_kink_state state) {
  const int k = b->exact.n_kinks++;
  ck_assert_int_lt(k, KINKS);
  b->kinks[k] = (lp_kink){.state = state, .effects = b->effects[k]};
  return k;
}

/* The kink adds these to element i, on the sides below and above. */
static void changes(bench *b, int k, int64_t i, double below, double above) {
  lp_kink_effect *e = &b->effects[k][b->kinks[k].n_effects++];
  const double of[] = {below, 0.0, above};
  ck_assert_int_le(b->kinks[k].n_effects, EFFECTS);
  e->index = i;
  for (int side = 0; side < 3; side++) {
    arb_init(&e->change[side]);
    mag_init(&e->scale[side]);
    arb_set_d(&e->change[side], of[side]);
    mag_set_d(&e->scale[side], fabs(of[side]));
  }
}

static lp_fit solve(bench *b) {
  lp_error error;
  free(b->answer.share);
  ck_assert_int_eq(lp_kinks_solve(&b->answer, &b->candidate, &b->exact, &b->how, &error), LP_OK);
  return b->answer.fit;
}

static lp_fit with(bench *b, double first, double second) {
  b->got[0] = first;
  b->got[1] = second;
  return solve(b);
}

static double share_of(const bench *b, int k, lp_side side) { return b->answer.share[3 * k + side + 1]; }

/* --- one kink, like that of |x - y| --- */

static bench *one(lp_kink_state state, lp_profile profile) {
  bench *b = set_up(2, LP_FLOAT64, profile);
  const int k = kink(b, state);
  changes(b, k, 0, -1.0, 1.0);
  changes(b, k, 1, 1.0, -1.0);
  return b;
}

START_TEST(one_side_of_one_kink) {
  bench *b = one(LP_KINK_NEAR, LP_PROFILE_PYTORCH);
  ck_assert_int_eq(with(b, 0.0, 0.0), LP_FITS);
  ck_assert_int_eq(with(b, 1.0, -1.0), LP_FITS);
  ck_assert_double_eq(share_of(b, 0, LP_ABOVE), 1.0);
  ck_assert_int_eq(with(b, -1.0, 1.0), LP_FITS);
  ck_assert_double_eq(share_of(b, 0, LP_BELOW), 1.0);
  ck_assert_int_eq(with(b, 1.0, 1.0), LP_FITS_NOT); /* sides that differ between components */
  ck_assert_int_eq(with(b, 1.0, 0.0), LP_FITS_NOT);
  ck_assert_int_eq(with(b, 0.5, -0.5), LP_FITS_NOT);
  ck_assert_int_eq(with(b, 0.0, NAN), LP_FITS_NOT);
  ck_assert_int_eq(b->answer.index, 1);
  ck_assert_int_eq(with(b, INFINITY, 0.0), LP_FITS_NOT);
  tear_down(b);
}
END_TEST

START_TEST(at_a_kink_pytorch_has_one_choice) {
  bench *b = one(LP_KINK_AT, LP_PROFILE_PYTORCH);
  ck_assert_int_eq(with(b, 0.0, 0.0), LP_FITS);
  ck_assert_int_eq(with(b, 1.0, -1.0), LP_FITS); /* nothing is open here: left to the judge's own comparison */
  b->kinks[0].state = LP_KINK_BLURRED;
  ck_assert_int_eq(with(b, 1.0, -1.0), LP_FITS);
  ck_assert_double_eq(share_of(b, 0, LP_ABOVE), 1.0);
  tear_down(b);
}
END_TEST

START_TEST(mixtures_of_one_kink) {
  bench *b = one(LP_KINK_AT, LP_PROFILE_MATH);
  for (int i = -4; i <= 4; i++) ck_assert_int_eq(with(b, 0.25 * i, -0.25 * i), LP_FITS);
  ck_assert_int_eq(with(b, 0.3, -0.3), LP_FITS);
  ck_assert_double_eq_tol(share_of(b, 0, LP_ABOVE) - share_of(b, 0, LP_BELOW), 0.3, 1e-15);
  ck_assert_int_eq(with(b, 0.3, -0.3 - 0x1p-49), LP_FITS);
  ck_assert_int_eq(with(b, 0.3, -0.3 - 0x1p-42), LP_FITS_NOT);
  ck_assert_int_eq(b->answer.index, 1);
  ck_assert_int_eq(with(b, 0.3, 0.3), LP_FITS_NOT);
  ck_assert_int_eq(with(b, 1.001, -1.001), LP_FITS_NOT);
  ck_assert_int_eq(b->answer.index, 0);
  ck_assert_int_eq(with(b, -1.001, 1.001), LP_FITS_NOT);
  ck_assert_int_eq(with(b, NAN, 0.0), LP_FITS_NOT);
  ck_assert_int_eq(with(b, INFINITY, -1.0), LP_FITS_NOT);
  ck_assert_int_eq(with(b, -INFINITY, 1.0), LP_FITS_NOT);
  tear_down(b);
}
END_TEST

/* A contradiction is proved only beyond what rounding here may cost: inside the budget nothing is refused. */
START_TEST(no_right_gradient_is_refused) {
  for (int i = 0; i < 200; i++) {
    const double s = -1.0 + 0.01 * i, budget = 8.0 * 0x1p-53 * (1.0 + fabs(s));
    bench *b = one(LP_KINK_AT, LP_PROFILE_MATH);
    ck_assert_int_ne(with(b, s + 0.99 * budget, -s + 0.99 * budget), LP_FITS_NOT);
    ck_assert_int_ne(with(b, s - 0.99 * budget, -s - 0.99 * budget), LP_FITS_NOT);
    tear_down(b);
  }
}
END_TEST

/* --- several kinks --- */

/* Three kinks of one element, with the changes 1, 2, 4 above. */
START_TEST(many_kinks_of_one_component) {
  for (int p = 0; p < 2; p++) {
    bench *b = set_up(1, LP_FLOAT64, (lp_profile)p);
    for (int k = 0; k < 3; k++) changes(b, kink(b, LP_KINK_NEAR), 0, 0.0, (double)(1 << k));
    for (int i = 0; i <= 7; i++) ck_assert_int_eq(with(b, i, 0.0), LP_FITS);
    ck_assert_int_eq(with(b, 2.5, 0.0), p == LP_PROFILE_MATH ? LP_FITS : LP_FITS_NOT);
    ck_assert_int_eq(with(b, 7.5, 0.0), LP_FITS_NOT);
    ck_assert_int_eq(with(b, -0.5, 0.0), LP_FITS_NOT);
    tear_down(b);
  }
}
END_TEST

/* As in multilabel_margin: kink (i, j) adds 1 to element i and takes 1 from element 3 + j. */
static bench *tangle(lp_profile profile) {
  bench *b = set_up(6, LP_FLOAT64, profile);
  for (int i = 0; i < 3; i++) {
    for (int j = 0; j < 3; j++) {
      const int k = kink(b, LP_KINK_NEAR);
      changes(b, k, i, 0.0, 1.0);
      changes(b, k, 3 + j, 0.0, -1.0);
    }
  }
  return b;
}

static lp_fit rows_and_columns(bench *b, const double row[3], const double column[3]) {
  for (int i = 0; i < 3; i++) {
    b->got[i] = row[i];
    b->got[3 + i] = -column[i];
  }
  return solve(b);
}

START_TEST(a_bipartite_tangle) {
  for (int p = 0; p < 2; p++) {
    bench *b = tangle((lp_profile)p);
    const bool math = p == LP_PROFILE_MATH;
    ck_assert_int_eq(rows_and_columns(b, (double[]){3, 1, 0}, (double[]){2, 1, 1}), LP_FITS);
    ck_assert_int_eq(rows_and_columns(b, (double[]){2, 2, 2}, (double[]){2, 2, 2}), LP_FITS);
    ck_assert_int_eq(rows_and_columns(b, (double[]){3, 3, 0}, (double[]){2, 2, 2}), LP_FITS);
    /* each sum alone is possible, all together are not: only search, or a sum over all of them, shows it */
    ck_assert_int_eq(rows_and_columns(b, (double[]){1, 1, 1}, (double[]){1, 1, 0}), LP_FITS_NOT);
    ck_assert_int_eq(b->answer.output, -1);
    ck_assert_int_eq(rows_and_columns(b, (double[]){3, 3, 0}, (double[]){3, 3, 0}), LP_FITS_NOT);
    const lp_fit halves = rows_and_columns(b, (double[]){1.5, 1.5, 1.5}, (double[]){1.5, 1.5, 1.5});
    ck_assert_int_eq(halves, math ? LP_FITS : LP_FITS_NOT);
    ck_assert_int_eq(rows_and_columns(b, (double[]){3.5, 0, 0}, (double[]){1, 1, 1}), LP_FITS_NOT);
    ck_assert_int_eq(b->answer.output, 0);
    ck_assert_int_eq(b->answer.index, 0);
    tear_down(b);
  }
}
END_TEST

/* Narrowing finds that a side is out and follows the consequences. */
START_TEST(a_chain_of_consequences) {
  bench *b = set_up(5, LP_FLOAT64, LP_PROFILE_PYTORCH);
  for (int k = 0; k < 4; k++) {
    kink(b, LP_KINK_NEAR);
    changes(b, k, k, 0.0, 1.0);
    changes(b, k, k + 1, 0.0, 1.0);
  }
  const double right[] = {1, 1, 1, 2, 1}, wrong[] = {1, 1, 1, 2, 0};
  memcpy(b->got, right, sizeof right);
  ck_assert_int_eq(solve(b), LP_FITS);
  ck_assert_double_eq(share_of(b, 0, LP_ABOVE) + share_of(b, 2, LP_ABOVE) + share_of(b, 3, LP_ABOVE), 3.0);
  ck_assert_double_eq(share_of(b, 1, LP_ABOVE), 0.0);
  memcpy(b->got, wrong, sizeof wrong);
  ck_assert_int_eq(solve(b), LP_FITS_NOT);
  tear_down(b);
}
END_TEST

/* 40 kinks with changes of no pattern at two elements: too many combinations to try. Never a pass, never a fail. */
START_TEST(beyond_the_search_nothing_is_claimed) {
  for (int p = 0; p < 2; p++) {
    bench *b = set_up(2, LP_FLOAT64, (lp_profile)p);
    double half[2] = {0.0, 0.0};
    for (int k = 0; k < KINKS; k++) {
      half[0] += 0.5 * sqrt(k + 2.0);
      half[1] += 0.5 * cbrt(k + 2.0);
      kink(b, LP_KINK_NEAR);
      changes(b, k, 0, 0.0, sqrt(k + 2.0));
      changes(b, k, 1, 0.0, cbrt(k + 2.0));
    }
    const lp_fit fit = with(b, half[0], half[1]); /* a mixture, but no combination that anyone knows */
    ck_assert_int_ne(fit, LP_FITS_NOT);
    if (p == LP_PROFILE_PYTORCH) ck_assert_int_eq(fit, LP_FITS_PERHAPS);
    tear_down(b);
  }
}
END_TEST

/* --- what kinks do not change --- */

START_TEST(classes_are_not_the_kinks_business) {
  for (int p = 0; p < 2; p++) {
    bench *b = one(LP_KINK_NEAR, (lp_profile)p);
    b->numbers[1].class = LP_PLUS_INFINITY;
    ck_assert_int_eq(with(b, 1.0, INFINITY), LP_FITS);
    ck_assert_double_eq(share_of(b, 0, LP_ABOVE), 1.0);
    b->numbers[1].class = LP_ANY;
    ck_assert_int_eq(with(b, -1.0, NAN), LP_FITS);
    ck_assert_int_eq(with(b, 2.0, NAN), LP_FITS_NOT);
    tear_down(b);
  }
}
END_TEST

/* Kink k gives its elements other classes on its sides; the number is the kink's term's alone. */
static void changes_class(bench *b, int k, int64_t i, lp_class held, lp_class above) {
  changes(b, k, i, 0.0, 0.0);
  lp_kink_effect *e = &b->effects[k][b->kinks[k].n_effects - 1];
  e->class[0] = e->class[1] = held;
  e->class[2] = above;
  e->terms = 1;
  b->numbers[i].class = held;
}

/* A hinge beside which the upstream gradient is NaN: 0 where it is shut, NaN where it is open, in all elements. */
START_TEST(other_classes_on_another_side) {
  for (int p = 0; p < 2; p++) {
    for (int shut = 0; shut < 2; shut++) {
      bench *b = set_up(2, LP_FLOAT64, (lp_profile)p);
      const int k = kink(b, LP_KINK_NEAR);
      for (int i = 0; i < 2; i++) changes_class(b, k, i, shut ? LP_FINITE : LP_NAN, shut ? LP_NAN : LP_FINITE);
      ck_assert_int_eq(with(b, 0.0, 0.0), LP_FITS);
      ck_assert_int_eq(with(b, NAN, NAN), LP_FITS);
      ck_assert_double_eq(share_of(b, k, LP_ABOVE), shut);
      ck_assert_int_ne(with(b, 0.0, NAN), LP_FITS);
      ck_assert_int_ne(with(b, NAN, 0.0), LP_FITS);
      ck_assert_int_ne(with(b, 1.0, 1.0), LP_FITS);
      if (p == LP_PROFILE_PYTORCH) {
        ck_assert_int_eq(with(b, 0.0, NAN), LP_FITS_NOT);
        ck_assert_int_eq(with(b, 1.0, 1.0), LP_FITS_NOT);
        ck_assert_int_eq(with(b, NAN, 1.0), LP_FITS_NOT);
      }
      ck_assert_int_eq(with(b, INFINITY, INFINITY), p == LP_PROFILE_PYTORCH ? LP_FITS_NOT : LP_FITS_PERHAPS);
      tear_down(b);
    }
    bench *b = set_up(1, LP_FLOAT64, (lp_profile)p);
    changes_class(b, kink(b, LP_KINK_NEAR), 0, LP_FINITE, LP_PLUS_INFINITY);
    ck_assert_int_eq(with(b, INFINITY, 0.0), LP_FITS);
    ck_assert_int_eq(with(b, NAN, 0.0), LP_FITS_NOT); /* a class that no side has */
    ck_assert_int_eq(b->answer.output, 0);
    tear_down(b);
  }
}
END_TEST

/* An infinite part here, another there: together nothing is claimed, and a NaN part wins over an infinite one. */
START_TEST(classes_of_two_terms) {
  bench *b = set_up(1, LP_FLOAT64, LP_PROFILE_PYTORCH);
  for (int k = 0; k < 2; k++) {
    changes_class(b, kink(b, LP_KINK_NEAR), 0, LP_FINITE, k ? LP_MINUS_INFINITY : LP_PLUS_INFINITY);
    b->kinks[k].term = k;
  }
  ck_assert_int_eq(with(b, INFINITY, 0.0), LP_FITS);
  ck_assert_int_eq(with(b, -INFINITY, 0.0), LP_FITS);
  ck_assert_int_eq(with(b, NAN, 0.0), LP_FITS);
  b->effects[1][0].class[2] = LP_NAN;
  ck_assert_int_eq(with(b, -INFINITY, 0.0), LP_FITS_NOT);
  ck_assert_int_eq(with(b, NAN, 0.0), LP_FITS);
  b->effects[1][0].class[2] = LP_PLUS_INFINITY;
  ck_assert_int_eq(with(b, NAN, 0.0), LP_FITS_NOT);
  b->kinks[1].term = 0; /* two of one term: what they do together is not known */
  ck_assert_int_eq(with(b, NAN, 0.0), LP_FITS_PERHAPS);
  tear_down(b);
}
END_TEST

/* Whether other parts are NaN too is not known here: neither a pass nor a fail. */
START_TEST(a_part_that_was_nan_among_others) {
  for (int p = 0; p < 2; p++) {
    bench *b = set_up(1, LP_FLOAT64, (lp_profile)p);
    changes_class(b, kink(b, LP_KINK_NEAR), 0, LP_NAN, LP_FINITE);
    b->numbers[0].terms = 2;
    ck_assert_int_eq(with(b, NAN, 0.0), LP_FITS);
    ck_assert_int_eq(with(b, 0.0, 0.0), LP_FITS_PERHAPS);
    tear_down(b);
  }
}
END_TEST

/* Elements of which not all is known contradict nothing; the others do. */
START_TEST(entangled_elements) {
  for (int p = 0; p < 2; p++) {
    bench *b = one(LP_KINK_NEAR, (lp_profile)p);
    b->numbers[1].entangled = true;
    ck_assert_int_eq(with(b, 1.0, -1.0), LP_FITS);
    ck_assert_int_eq(with(b, 1.0, 17.0), LP_FITS_PERHAPS);
    ck_assert_int_eq(with(b, 2.0, -1.0), LP_FITS_NOT);
    ck_assert_int_eq(b->answer.index, 0);
    tear_down(b);
  }
}
END_TEST

/* float16 ends at 65504: beyond 65520 infinity is right. */
START_TEST(overflow_on_another_side) {
  for (int p = 0; p < 2; p++) {
    bench *b = set_up(2, LP_FLOAT16, (lp_profile)p);
    const int k = kink(b, LP_KINK_NEAR);
    changes(b, k, 0, -70000.0, 70000.0);
    changes(b, k, 1, 0.0, 1.0);
    ck_assert_int_eq(with(b, INFINITY, 1.0), LP_FITS);
    ck_assert_int_ne(with(b, -INFINITY, 1.0), LP_FITS);
    ck_assert_int_ne(with(b, -INFINITY, 0.0), LP_FITS_NOT);
    tear_down(b);
    b = set_up(1, LP_FLOAT16, (lp_profile)p);
    changes(b, kink(b, LP_KINK_NEAR), 0, -40000.0, 40000.0);
    ck_assert_int_eq(with(b, INFINITY, 0.0), LP_FITS_NOT);
    ck_assert_int_eq(with(b, -INFINITY, 0.0), LP_FITS_NOT);
    tear_down(b);
  }
}
END_TEST

/* A change that is not known well enough decides nothing. */
START_TEST(wide_balls_are_inconclusive) {
  for (int p = 0; p < 2; p++) {
    bench *b = set_up(1, LP_FLOAT64, (lp_profile)p);
    const int k = kink(b, LP_KINK_UNDECIDED);
    changes(b, k, 0, -1.0, 1.0);
    arb_add_error_2exp_si(&b->effects[k][0].change[2], -20);
    ck_assert_int_eq(with(b, 1.0, 0.0), LP_FITS_PERHAPS);
    ck_assert_int_eq(with(b, 1.0 + 0x1p-10, 0.0), LP_FITS_NOT);
    tear_down(b);
  }
}
END_TEST

START_TEST(the_number_under_a_choice) {
  bench *b = one(LP_KINK_NEAR, LP_PROFILE_MATH);
  lp_exact_number n;
  const double share[] = {0.25, 0.0, 0.75};
  lp_kinks_apply(&n, &b->exact, 0, 1, share);
  ck_assert(arb_equal_si(&n.value, 0) == 0);
  ck_assert_double_eq(arf_get_d(arb_midref(&n.value), ARF_RND_NEAR), -0.5);
  ck_assert_double_ge(mag_get_d(&n.scale), 3.0);
  lp_exact_number_clear(&n);
  lp_kinks_apply(&n, &b->exact, 0, 1, NULL);
  ck_assert(arb_is_zero(&n.value));
  lp_exact_number_clear(&n);
  tear_down(b);
}
END_TEST

/* --- groups --- */

/* A norm's zero: a kink per component. */
static bench *ball(double dual, lp_kink_state state, lp_profile profile) {
  bench *b = set_up(3, LP_FLOAT64, profile);
  for (int i = 0; i < 3; i++) {
    const int k = kink(b, state);
    b->kinks[k].group = 1;
    b->kinks[k].dual = dual;
    changes(b, k, i, -1.0, 1.0);
  }
  return b;
}

static lp_fit with_three(bench *b, double x, double y, double z) {
  b->got[2] = z;
  return with(b, x, y);
}

START_TEST(the_dual_ball) {
  bench *b = ball(2.0, LP_KINK_AT, LP_PROFILE_MATH);
  ck_assert_int_eq(with_three(b, 0.6, 0.8, 0.0), LP_FITS);
  ck_assert_int_eq(with_three(b, 0.0, 0.0, 1.0), LP_FITS);
  ck_assert_int_eq(with_three(b, sqrt(1.0 / 3.0), -sqrt(1.0 / 3.0), sqrt(1.0 / 3.0)), LP_FITS);
  ck_assert_int_eq(with_three(b, 0.9, 0.9, 0.0), LP_FITS_NOT);
  ck_assert_int_eq(b->answer.output, -1);
  ck_assert_int_eq(with_three(b, 0.6, 0.8, 0.01), LP_FITS_NOT);
  tear_down(b);
  b = ball(INFINITY, LP_KINK_AT, LP_PROFILE_MATH);
  ck_assert_int_eq(with_three(b, 1.0, -1.0, 0.3), LP_FITS);
  ck_assert_int_eq(with_three(b, 1.0, -1.1, 0.3), LP_FITS_NOT);
  tear_down(b);
  b = ball(1.0, LP_KINK_AT, LP_PROFILE_MATH);
  ck_assert_int_eq(with_three(b, 0.25, -0.25, 0.5), LP_FITS);
  ck_assert_int_eq(with_three(b, 0.5, -0.25, 0.5), LP_FITS_NOT);
  tear_down(b);
}
END_TEST

/* Three components share a maximum; the numbers hold the first. A wasted side below must not pay for more above. */
START_TEST(the_simplex_of_extrema) {
  bench *b = set_up(3, LP_FLOAT64, LP_PROFILE_MATH);
  arb_one(&b->numbers[0].value);
  for (int i = 1; i < 3; i++) {
    const int k = kink(b, LP_KINK_AT);
    b->kinks[k].group = 7;
    b->kinks[k].dual = 1.0;
    changes(b, k, 0, 0.0, -1.0);
    changes(b, k, i, 0.0, 1.0);
  }
  ck_assert_int_eq(with_three(b, 1.0 / 3, 1.0 / 3, 1.0 / 3), LP_FITS);
  ck_assert_int_eq(with_three(b, 0.0, 0.0, 1.0), LP_FITS);
  ck_assert_int_eq(with_three(b, 0.0, 0.25, 0.75), LP_FITS);
  ck_assert_int_eq(with_three(b, -1.0, 1.0, 1.0), LP_FITS_NOT);
  ck_assert_int_eq(with_three(b, 0.5, 0.0, 0.0), LP_FITS_NOT);
  tear_down(b);
}
END_TEST

START_TEST(groups_under_profile_pytorch) {
  bench *b = ball(2.0, LP_KINK_BLURRED, LP_PROFILE_PYTORCH);
  ck_assert_int_eq(with_three(b, 0.0, 1.0, 0.0), LP_FITS);
  ck_assert_int_eq(with_three(b, 0.6, 0.8, 0.0), LP_FITS); /* rounding gives any direction */
  ck_assert_int_eq(with_three(b, 1.0, 1.0, 0.0), LP_FITS_NOT);
  tear_down(b);
  b = ball(INFINITY, LP_KINK_BLURRED, LP_PROFILE_PYTORCH);
  ck_assert_int_eq(with_three(b, 1.0, 1.0, -1.0), LP_FITS);
  tear_down(b);
}
END_TEST

/* Eleven components within rounding of an extremum, of which arithmetic finds `tied` at it; the numbers hold the
 * first. PyTorch shares evenly, mathematics as one likes. */
START_TEST(an_extremum_shared_after_rounding) {
  for (int tied = 2; tied <= 11; tied++) {
    bench *b = set_up(11, LP_FLOAT64, LP_PROFILE_PYTORCH);
    arb_one(&b->numbers[0].value);
    for (int i = 1; i < 11; i++) {
      const int k = kink(b, LP_KINK_NEAR);
      b->kinks[k].group = 1;
      b->kinks[k].dual = 1.0;
      changes(b, k, 0, 0.0, -1.0);
      changes(b, k, i, 0.0, 1.0);
    }
    for (int i = 0; i < tied; i++) b->got[i] = 1.0 / tied;
    ck_assert_int_eq(solve(b), LP_FITS);
    b->got[tied - 1] *= 1.0 + 0x1p-40;
    ck_assert_int_ne(solve(b), LP_FITS);
    b->got[tied - 1] = 2.0 / tied;
    ck_assert_int_ne(solve(b), LP_FITS);
    tear_down(b);
  }
}
END_TEST

/* The same where rows share the elements, so that none is a kink's own. */
START_TEST(an_even_split_that_no_element_shows_alone) {
  bench *b = set_up(3, LP_FLOAT64, LP_PROFILE_PYTORCH);
  for (int g = 1; g <= 2; g++) {
    for (int i = 0; i < 3; i++) {
      const int k = kink(b, LP_KINK_BLURRED);
      b->kinks[k].group = g;
      b->kinks[k].dual = 1.0;
      changes(b, k, i, 0.0, 1.0);
      changes(b, k, (i + 1) % 3, 0.0, 0.125 * g);
    }
  }
  const double each = (1.0 + 0.125 + 1.0 + 0.25) / 3.0;
  ck_assert_int_eq(with_three(b, each, each, each), LP_FITS);
  ck_assert_int_ne(with_three(b, 1.5 * each, 1.5 * each, each), LP_FITS);
  tear_down(b);
}
END_TEST

/* Two balls that feed one element, with elements of their own: as two norms of the same anchor at 0. */
START_TEST(two_dual_balls) {
  bench *b = set_up(6, LP_FLOAT64, LP_PROFILE_MATH);
  for (int g = 0; g < 2; g++) {
    for (int i = 0; i < 2; i++) {
      const int k = kink(b, LP_KINK_AT);
      b->kinks[k].group = 1 + g;
      b->kinks[k].dual = 2.0;
      changes(b, k, i, g ? 1.0 : -1.0, g ? -1.0 : 1.0);
      changes(b, k, 2 + 2 * g + i, -1.0, 1.0);
    }
  }
  const double right[] = {0.6 - 0.8, 0.8 + 0.6, 0.6, 0.8, 0.8, -0.6};
  memcpy(b->got, right, sizeof right);
  ck_assert_int_eq(solve(b), LP_FITS);
  b->got[2] = b->got[3] = 0.8;
  b->got[0] = 0.8 - 0.8;
  ck_assert_int_eq(solve(b), LP_FITS_NOT);
  tear_down(b);
}
END_TEST

/* A kink that is chosen alone takes one side, whatever the group beside it does. */
START_TEST(a_group_beside_a_kink_of_its_own) {
  bench *b = ball(2.0, LP_KINK_BLURRED, LP_PROFILE_PYTORCH);
  const int k = kink(b, LP_KINK_NEAR);
  changes(b, k, 0, 0.0, 10.0);
  changes(b, k, 3, 0.0, 1.0);
  b->exact.outputs[0].layout.numel = b->candidate.outputs[0].tensor.numel = 4;
  b->got[3] = 1.0;
  ck_assert_int_eq(with_three(b, 10.6, 0.8, 0.0), LP_FITS);
  b->got[3] = 0.0;
  ck_assert_int_eq(with_three(b, 0.6, 0.8, 0.0), LP_FITS);
  b->got[3] = 0.5;
  ck_assert_int_ne(with_three(b, 5.6, 0.8, 0.0), LP_FITS);
  tear_down(b);
}
END_TEST

/* Two simplices that feed the same elements: what one has no room for the other takes. */
START_TEST(two_simplices_of_the_same_elements) {
  bench *b = set_up(3, LP_FLOAT64, LP_PROFILE_MATH);
  for (int g = 1; g <= 2; g++) {
    for (int i = 0; i < 2; i++) {
      const int k = kink(b, LP_KINK_AT);
      b->kinks[k].group = g;
      b->kinks[k].dual = 1.0;
      changes(b, k, i, 0.0, 0.5 * g);
      changes(b, k, 2, 0.0, -0.5 * g);
    }
  }
  ck_assert_int_eq(with_three(b, 0.5, 0.5, -1.0), LP_FITS);
  ck_assert_int_ne(with_three(b, 1.0, 1.0, -2.0), LP_FITS);
  tear_down(b);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {one_side_of_one_kink,
                                at_a_kink_pytorch_has_one_choice,
                                mixtures_of_one_kink,
                                no_right_gradient_is_refused,
                                many_kinks_of_one_component,
                                a_bipartite_tangle,
                                a_chain_of_consequences,
                                beyond_the_search_nothing_is_claimed,
                                classes_are_not_the_kinks_business,
                                other_classes_on_another_side,
                                classes_of_two_terms,
                                a_part_that_was_nan_among_others,
                                entangled_elements,
                                overflow_on_another_side,
                                wide_balls_are_inconclusive,
                                the_number_under_a_choice,
                                the_dual_ball,
                                the_simplex_of_extrema,
                                groups_under_profile_pytorch,
                                an_extremum_shared_after_rounding,
                                an_even_split_that_no_element_shows_alone,
                                two_dual_balls,
                                a_group_beside_a_kink_of_its_own,
                                two_simplices_of_the_same_elements};
  const int status = run_tests("kinks", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return status;
}
