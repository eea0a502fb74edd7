#include "reference/exact/budget.h"
#include "reference/exact/tests/asking.h"

static lp_trial *triple(const char *shape, const double *a, const double *b, const double *c, double p) {
  lp_trial *t = trial_new("triplet_margin");
  trial_reduction(t, "none");
  trial_param(t, "p", p);
  trial_param(t, "eps", 0.0);
  trial_real(t, "anchor", shape, a);
  trial_real(t, "positive", shape, b);
  trial_real(t, "negative", shape, c);
  return t;
}

static const double origin[4] = {0, 0, 0, 0};

static double middle(const arb_struct *ball) { return arf_get_d(arb_midref(ball), ARF_RND_NEAR); }

/* near = |(1, 2)|_p, far = |(-3, 0)|_p = 3 for p > 0, and the slopes of near. */
START_TEST(norms_by_hand) {
  static const struct {
    double p;
    const char *loss, *first, *second; /* of positive: near's slopes for positive = -(1, 2) are negated */
  } rows[] = {
      {2.0, "0.23606797749978969640917366873127623544", "-0.44721359549995793928183473374625524709",
       "-0.89442719099991587856366946749251049418"},
      {1.0, "1", "-1", "-1"},
      {INFINITY, "0", "0", "-1"},
      {-INFINITY, "2", "-1", "0"},
      {3.0, "0.08008382305190411453005682435788538634", "-0.231120424783544901614450758261987265",
       "-0.924481699134179606457803033047949061"},
      {0.5, "3.82842712474619009760337744841939615714", "-2.41421356237309504880168872420969807857",
       "-1.70710678118654752440084436210484903928"},
      {-1.0, "1.66666666666666666666666666666666666667", "-0.44444444444444444444444444444444444444",
       "-0.11111111111111111111111111111111111111"},
      {0.0, "2", "0", "0"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    lp_trial *t = triple("2", origin, (double[]){-1, -2}, (double[]){3, 0}, rows[i].p);
    trial_param(t, "margin", 1.0);
    lp_exact e;
    ask(&e, t);
    check_decimals(number_of(&e, t, NULL, 0), rows[i].loss);
    check_decimals(number_of(&e, t, "positive", 0), rows[i].first);
    check_decimals(number_of(&e, t, "positive", 1), rows[i].second);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* eps is added to the signed difference: |0 - 3 + 0.5| = 2.5, |0 + 3 + 0.5| = 3.5. */
START_TEST(eps_has_a_sign) {
  lp_trial *t = triple("1", origin, (double[]){3}, (double[]){-3}, 2.0);
  lp_exact e;
  trial_param(t, "eps", 0.5);
  trial_param(t, "margin", 4.0);
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 3.0);
  check_double(number_of(&e, t, "anchor", 0), -2.0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(inactive) {
  lp_trial *t = triple("2", origin, (double[]){3, 4}, (double[]){-6, 8}, 2.0);
  lp_exact e;
  trial_upstream(t, "", (double[]){INFINITY});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.0);
  check_double(number_of(&e, t, "anchor", 0), 0.0);
  ck_assert(enters(&e, t, "inactive") && enters(&e, t, "special") && !enters(&e, t, "active"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* 1 + |(1, 2, 2)| = |(2, 2, 2, 2)|: the gradient passes, or does not. */
START_TEST(hinge_kink) {
  lp_trial *t = triple("4", origin, (double[]){1, 2, 2, 0}, (double[]){2, 2, 2, 2}, 2.0);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.0);
  check_decimals(number_of(&e, t, "negative", 3), "-0.5");
  ck_assert(enters(&e, t, "kink") && enters(&e, t, "active"));
  ck_assert_int_eq(e.n_kinks, 1);
  ck_assert_int_eq(e.kinks[0].state, LP_KINK_AT);
  ck_assert_double_eq_tol(middle(&effect_on(&e, t, 0, "negative")->change[0]), 0.5, 1e-15);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* 2^-70 + |(2^40, 0)| against |(2^40 + 2^-70, 0)|: squares of 220 bits. Then an ulp of the margin away. */
START_TEST(hinge_by_squaring) {
  const double big = 0x1p40, small = 0x1p-12;
  lp_trial *t = triple("3", origin, (double[]){big, 0, big}, (double[]){big, small, big}, 2.0);
  lp_exact e;
  trial_param(t, "margin", 0x1p-90); /* sqrt(2^81 + 2^-24) - sqrt(2^81) = 2^-65.5 */
  ask(&e, t);
  ck_assert(enters(&e, t, "inactive"));
  lp_exact_clear(&e);
  trial_param(t, "margin", 0x1p-60);
  ask(&e, t);
  ck_assert(enters(&e, t, "active") && !enters(&e, t, "kink"));
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* |(1, 7)|^2 = |(5, 5)|^2 = 50: equal though irrational, and decided at the first precision. */
START_TEST(swap_tie) {
  lp_trial *t = triple("2", (double[]){1, 7}, (double[]){5, 5}, origin, 2.0);
  lp_exact e;
  trial_param(t, "swap", 1);
  trial_param(t, "margin", 16.0);
  ask(&e, t);
  ck_assert(enters(&e, t, "swap-tie"));
  ck_assert_int_eq(e.precision, 128);
  ck_assert_int_eq(e.n_kinks, 1);
  ck_assert_int_eq(e.kinks[0].state, LP_KINK_BLURRED); /* sqrt(50) is rounded */
  const lp_kink_effect *effect = effect_on(&e, t, 0, "negative");
  /* far - swapped over 2, (1, 7) and (5, 5) over sqrt(50): by a quarter of sqrt(0.08) * 2 ... */
  ck_assert_double_eq_tol(middle(&effect->change[0]), -4.0 / (2.0 * sqrt(50.0)), 1e-15);
  ck_assert_double_eq_tol(middle(&effect->change[2]), 4.0 / (2.0 * sqrt(50.0)), 1e-15);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* The same |d_i| in another order are equal for every p. */
START_TEST(swap_tie_of_permutations) {
  static const double ps[] = {3.0, 0.5, 1.5, -1.0, 100.0, 1e-6};
  for (int i = 0; i < 6; i++) {
    lp_trial *t = triple("3", (double[]){1, 2, -3}, (double[]){3, -1, 2}, origin, ps[i]);
    lp_exact e;
    trial_param(t, "swap", 1);
    trial_param(t, "margin", 16.0);
    ask(&e, t);
    ck_assert(enters(&e, t, "swap-tie"));
    ck_assert_int_le(e.precision, 256);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

START_TEST(swap_takes_the_nearer) {
  lp_trial *t = triple("2", (double[]){0, 4}, (double[]){0, 1}, origin, 2.0);
  lp_exact e;
  trial_param(t, "swap", 1);
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 3.0);
  check_double(number_of(&e, t, "anchor", 1), 1.0);
  check_double(number_of(&e, t, "positive", 1), -2.0);
  ck_assert(enters(&e, t, "swap-positive") && !enters(&e, t, "swap-tie"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* 3^3 + 4^3 + 5^3 = 6^3, which no ball shows. */
START_TEST(undecided) {
  lp_trial *t = triple("3", origin, origin, (double[]){3, 4, 5}, 3.0);
  lp_exact e;
  trial_param(t, "margin", 6.0);
  ask(&e, t);
  ck_assert_int_eq(e.precision, LP_EXACT_PRECISION_MAX);
  bool found = false;
  for (int k = 0; k < e.n_kinks; k++) found = found || e.kinks[k].state == LP_KINK_UNDECIDED;
  ck_assert(found);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* 6 + 0 = |(6, 0, 0)|_3 is decided: one component is not 0. */
START_TEST(a_lone_component_is_decided) {
  lp_trial *t = triple("3", origin, origin, (double[]){0, 6, 0}, 3.0);
  lp_exact e;
  trial_param(t, "margin", 6.0);
  ask(&e, t);
  ck_assert(enters(&e, t, "kink"));
  ck_assert_int_eq(e.precision, 128);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* A norm of 0: slope 0, and for profile `math` a group of one kink a component. */
START_TEST(dual_balls) {
  static const struct {
    double p, dual;
  } rows[] = {{2.0, 2.0}, {3.0, 1.5}, {1.5, 3.0}, {INFINITY, 1.0}, {0.5, INFINITY}, {-1.0, 1.0}, {-INFINITY, 1.0}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    lp_trial *t = triple("3", origin, origin, (double[]){1, 0.5, 0.25}, rows[i].p);
    trial_param(t, "margin", 8.0);
    trial_upstream(t, "", (double[]){-2});
    lp_exact e;
    ask(&e, t);
    check_double(number_of(&e, t, "positive", 1), 0.0);
    ck_assert(enters(&e, t, "norm-zero"));
    ck_assert_int_eq(e.n_kinks, 3);
    for (int k = 0; k < 3; k++) {
      ck_assert_int_eq(e.kinks[k].state, LP_KINK_AT);
      ck_assert_int_eq(e.kinks[k].group, 1);
      ck_assert_double_eq(e.kinks[k].dual, rows[i].dual);
      const lp_kink_effect *effect = effect_on(&e, t, k, "positive");
      ck_assert_int_eq(effect->index, k);
      ck_assert_double_eq(middle(&effect->change[0]), -2.0);
      ck_assert_double_eq(middle(&effect->change[2]), 2.0);
      ck_assert_double_eq(middle(&effect_on(&e, t, k, "anchor")->change[2]), -2.0);
    }
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* Groups of several rows do not mix. */
START_TEST(groups_are_numbered) {
  lp_trial *t = triple("2 1", origin, origin, (double[]){1, 1}, 2.0);
  lp_exact e;
  trial_param(t, "margin", 8.0);
  ask(&e, t);
  ck_assert_int_eq(e.n_kinks, 2);
  ck_assert(e.kinks[0].group == 1 && e.kinks[1].group == 2);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* p = 1: each component that is 0 is a kink of its own. */
START_TEST(components_of_zero) {
  lp_trial *t = triple("2", origin, (double[]){0, -3}, (double[]){1, 1}, 1.0);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 2.0);
  check_double(number_of(&e, t, "positive", 0), 0.0);
  ck_assert_int_eq(e.n_kinks, 1);
  ck_assert_int_eq(e.kinks[0].group, 0);
  ck_assert_double_eq(middle(&effect_on(&e, t, 0, "positive")->change[2]), -1.0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* Of the |d_i| 2, 2, 1, 2 three share the slope; each of them may have it all. */
START_TEST(extremum_ties) {
  lp_trial *t = triple("4", origin, (double[]){-2, 2, -1, -2}, (double[]){1, 0, 0, 0}, INFINITY);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 2.0);
  check_decimals(number_of(&e, t, "positive", 0), "-0.33333333333333333333333333333333333333");
  check_decimals(number_of(&e, t, "positive", 1), "0.33333333333333333333333333333333333333");
  check_double(number_of(&e, t, "positive", 2), 0.0);
  ck_assert(enters(&e, t, "extremum-tie"));
  ck_assert_int_eq(e.n_kinks, 3);
  for (int k = 0; k < 3; k++) {
    ck_assert(e.kinks[k].group == 1 && e.kinks[k].dual == 1.0);
    const lp_kink_effect *effect = effect_on(&e, t, k, "positive");
    ck_assert(arb_contains_zero(&effect->change[0]));
    ck_assert_double_eq_tol(fabs(middle(&effect->change[2])), k == 0 ? 2.0 / 3.0 : 1.0 / 3.0, 1e-15);
  }
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* 1 and 1 + 2^-52 less eps: rounding may find them equal. The smaller has no slope, but may have all of it. */
START_TEST(extremum_nearly_tied) {
  lp_trial *t = triple("2", origin, (double[]){-1, -1 - 0x1p-52}, (double[]){1, 0}, INFINITY);
  lp_exact e;
  trial_param(t, "eps", 1e-6);
  ask(&e, t);
  check_double(number_of(&e, t, "positive", 0), 0.0);
  check_double(number_of(&e, t, "positive", 1), -1.0);
  ck_assert(!enters(&e, t, "extremum-tie"));
  ck_assert_int_eq(e.n_kinks, 1);
  ck_assert_int_eq(e.kinks[0].state, LP_KINK_NEAR);
  ck_assert_int_eq(e.kinks[0].group, 1);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* margin + near - far = -1e-310 or so, shut; rounding opens it, and then finds the swap tied too. Behind the open gate
 * the tie shows. */
START_TEST(kinks_behind_a_gate) {
  lp_trial *t = triple("1", origin, (double[]){-1e-40}, origin, 1.0);
  lp_exact e;
  trial_param(t, "eps", -1e-6);
  trial_param(t, "margin", 1e-300);
  trial_param(t, "swap", 1);
  ask(&e, t);
  ck_assert(enters(&e, t, "inactive") && enters(&e, t, "swap-anchor"));
  check_double(number_of(&e, t, "positive", 0), 0.0);
  ck_assert_int_eq(e.n_kinks, 2);
  ck_assert(!number_of(&e, t, "positive", 0)->entangled); /* a gate shuts all, or lets all through */
  /* open: the gradient of near alone, 1; with the swapped distance, another 1; with a tie, half of it */
  ck_assert_double_eq(middle(&effect_on(&e, t, 0, "positive")->change[2]), 1.0);
  ck_assert_double_eq(middle(&effect_on(&e, t, 1, "positive")->change[1]), 0.5);
  ck_assert_double_eq(middle(&effect_on(&e, t, 1, "positive")->change[2]), 1.0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* Classes of the slopes of near, as PyTorch 2.13 gives them for d, by torch.norm: F finite, I infinite, N NaN. far = 0.
 */
START_TEST(infinite_differences) {
  static const struct {
    double p, d[2];
    const char *loss, *slopes;
  } rows[] = {
      {2.0, {INFINITY, 1}, "I", "NF"},
      {2.0, {NAN, 1}, "N", "NN"},
      {1.0, {INFINITY, 1}, "I", "FF"},
      {1.0, {NAN, 1}, "N", "FF"},
      {3.0, {INFINITY, 1}, "I", "NF"},
      {1.5, {INFINITY, 0}, "I", "NF"},
      {0.5, {INFINITY, 1}, "I", "NI"},
      {0.5, {INFINITY, 0}, "I", "NN"},
      {-1.0, {INFINITY, 1}, "F", "FF"},
      {-1.0, {INFINITY, 0}, "F", "FF"},
      {-1.0, {INFINITY, 0x1p-1024}, "F", "FN"},
      {-1.0, {NAN, 0}, "N", "NN"},
      {INFINITY, {INFINITY, 1}, "I", "FF"},
      {INFINITY, {NAN, 1}, "N", "FF"},
      {-INFINITY, {INFINITY, 1}, "F", "FF"},
      {-1.0, {INFINITY, -INFINITY}, "I", "NN"},
      {NAN, {3, 1}, "N", "NN"},
      {0.0, {NAN, INFINITY}, "F", "FF"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    lp_trial *t = triple("2", origin, (double[]){-rows[i].d[0], -rows[i].d[1]}, origin, rows[i].p);
    lp_exact e;
    ask(&e, t);
    const lp_exact_number *numbers[] = {number_of(&e, t, NULL, 0), number_of(&e, t, "positive", 0),
                                        number_of(&e, t, "positive", 1)};
    const char expected[] = {rows[i].loss[0], rows[i].slopes[0], rows[i].slopes[1]};
    for (int k = 0; k < 3; k++) {
      const lp_class class = numbers[k]->class;
      const char got = class == LP_NAN ? 'N' : class == LP_FINITE ? 'F' : 'I';
      ck_assert_msg(got == expected[k], "p = %g, d = %g %g, number %d: %c, not %c", rows[i].p, rows[i].d[0],
                    rows[i].d[1], k, got, expected[k]);
    }
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* An infinite upstream gradient times the slope 0 of a norm of 0: NaN for p = 2 and 1, replaced for p = 3. */
START_TEST(infinite_upstream) {
  static const double ps[] = {2.0, 1.0, INFINITY, 0.5, -1.0, 3.0, 1.5};
  for (int i = 0; i < 7; i++) {
    lp_trial *t = triple("2", origin, origin, (double[]){1, 1}, ps[i]);
    trial_param(t, "margin", 8.0);
    trial_upstream(t, "", (double[]){INFINITY});
    lp_exact e;
    ask(&e, t);
    check_class(number_of(&e, t, "positive", 0), i < 5 ? LP_NAN : LP_FINITE);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* The loss of a finite row is the real one beside an infinite upstream gradient; slopes have PyTorch's classes. For p <
 * 0 a norm of 0 multiplies slopes by 0, infinite ones too. */
START_TEST(finite_rows_beside_an_infinite_upstream) {
  lp_trial *t = triple("2", origin, (double[]){1e200, 0}, (double[]){1, 1}, 2.0);
  lp_exact e;
  trial_upstream(t, "", (double[]){INFINITY});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 1e200);
  check_class(number_of(&e, t, "positive", 0), LP_NAN);
  check_class(number_of(&e, t, "negative", 0), LP_MINUS_INFINITY);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
  t = triple("3", origin, (double[]){INFINITY, 0, 1e-200}, (double[]){1, 1, 1}, -1.0);
  ask(&e, t);
  check_class(number_of(&e, t, "positive", 0), LP_FINITE);
  check_class(number_of(&e, t, "positive", 1), LP_FINITE);
  check_class(number_of(&e, t, "positive", 2), LP_NAN);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* Powers of 1e200 leave the range of float64, whatever the precision at which that shows: NaN, as PyTorch has it. */
START_TEST(powers_far_out_of_range) {
  for (int i = 0; i < 2; i++) {
    lp_trial *t = triple("1", origin, (double[]){2.5}, (double[]){1}, i == 0 ? -1e200 : 1e200);
    lp_exact e;
    trial_param(t, "margin", NAN);
    ask(&e, t);
    check_class(number_of(&e, t, "positive", 0), LP_NAN);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* d = 5e-324 - 0.5 + 0.5, which rounding makes 0, to the power -1e200: anything, however large the power is. */
START_TEST(boundless_beside_huge_powers) {
  lp_trial *t = triple("1", (double[]){0}, (double[]){5e-324}, (double[]){0.5}, -1e200);
  lp_exact e;
  trial_param(t, "margin", INFINITY);
  trial_param(t, "eps", 0.5);
  trial_param(t, "swap", 1);
  ask(&e, t);
  const lp_exact_number *slope = number_of(&e, t, "negative", 0);
  mag_t size;
  mag_init(size);
  arb_get_mag(size, &slope->value);
  ck_assert(lp_budget_is_boundless(&slope->scale, size));
  mag_clear(size);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* An infinity beside a row of no components is read by nobody. */
START_TEST(infinities_beside_no_components) {
  lp_trial *t = trial_new("triplet_margin");
  lp_exact e;
  trial_param(t, "p", 3.0);
  trial_real(t, "anchor", "1 0", NULL);
  trial_real(t, "positive", "1 1", (double[]){-7});
  trial_real(t, "negative", "1 1", (double[]){-INFINITY});
  ask(&e, t);
  ck_assert(!enters(&e, t, "special"));
  check_double(number_of(&e, t, NULL, 0), 1.0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* -1e-6 - 5e-23 + 1e-6 is 0 in doubles. */
START_TEST(components_in_doubt_beside_infinities) {
  for (int i = 0; i < 2; i++) {
    lp_trial *t = triple("1", (double[]){-1e-6}, (double[]){INFINITY}, (double[]){i == 0 ? 5e-23 : 1.0}, 2.0);
    lp_exact e;
    trial_param(t, "eps", 1e-6);
    ask(&e, t);
    ck_assert_int_eq(e.near_switches > 0, i == 0);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* near = far is 3^(1/p) 1e-6, beyond all precision: the regimes are in doubt, as the switch is. */
START_TEST(undecided_regimes) {
  static const double six[3] = {1e-6, 1e-6, 1e-6};
  lp_trial *t = triple("3", origin, six, six, 1.8e-307);
  lp_exact e;
  ask(&e, t);
  ck_assert_int_gt(e.n_kinks, 0);
  ck_assert_int_eq(e.kinks[0].state, LP_KINK_UNDECIDED);
  ck_assert_int_gt(e.near_switches, 0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* p = 0: far = swapped = 3, but 1 - 1e200 + 1e200 in the latter is 0 in doubles, and so the smaller count is 2. */
START_TEST(a_count_that_rounding_makes_the_smaller) {
  lp_trial *t = triple("3", (double[]){2, 3, 4}, (double[]){-2, -1, 1}, (double[]){3, 4, 1e200}, 0.0);
  lp_exact e;
  trial_param(t, "eps", 1e200);
  trial_param(t, "swap", 1);
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 1.0);
  ck_assert(mag_cmp_2exp_si(&number_of(&e, t, NULL, 0)->scale, 50) >= 0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* Beside an infinite margin squares overflow as PyTorch's do, but not over an axis of one component. */
START_TEST(range_beside_infinities) {
  lp_trial *t = triple("2", origin, (double[]){1e200, 1}, (double[]){1, 1}, 2.0);
  lp_exact e;
  trial_param(t, "margin", INFINITY);
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_PLUS_INFINITY);
  check_double(number_of(&e, t, "positive", 0), 0.0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_param(t, "margin", 1.0);
  ask(&e, t);
  check_double(number_of(&e, t, "positive", 0), 1.0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
  t = triple("1", origin, (double[]){1e200}, (double[]){1}, 2.0);
  trial_param(t, "margin", INFINITY);
  ask(&e, t);
  check_double(number_of(&e, t, "positive", 0), 1.0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* The loser of a swap has the upstream gradient 0, times a slope that powers take out of the range of float64, or that
 * is NaN for the exponent NaN but |d| = 1: NaN, as PyTorch has it. In a finite term there is no such slope. */
START_TEST(the_loser_of_a_swap_out_of_range) {
  static const struct {
    double margin, p, loser;
    lp_class class;
  } rows[] = {{NAN, 3.0, 1e200, LP_NAN},         {NAN, 3.0, 20.0, LP_FINITE},  {INFINITY, 100.0, 1e13, LP_NAN},
              {INFINITY, 2.0, 1e200, LP_FINITE}, {1.0, NAN, 1.5, LP_NAN},      {1.0, NAN, 1.0, LP_FINITE},
              {1.0, 3.0, 1e200, LP_FINITE},      {1.0, 100.0, 1e13, LP_FINITE}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    /* far = |0 - 0.5|, or 1 for p = NaN; swapped = loser; near = |c + loser|, too far out to compare slopes of */
    const double c = isnan(rows[i].p) ? 1.0 : 0.5;
    lp_trial *t = triple("1", origin, (double[]){c + rows[i].loser}, (double[]){c}, rows[i].p);
    lp_exact e;
    trial_param(t, "eps", 0.0);
    trial_param(t, "margin", rows[i].margin);
    trial_param(t, "swap", 1);
    ask(&e, t);
    check_class(number_of(&e, t, "negative", 0), rows[i].class);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* Row 0: the swap and a component of one of its distances are both within rounding of their kinks. Row 1 has none. */
START_TEST(only_the_terms_that_are_entangled) {
  lp_trial *t = triple("2 2", (double[]){1e-20, 0, 0, 0}, (double[]){0, 0, 1, 5}, (double[]){1, -1, 3, 0}, 1.0);
  lp_exact e;
  trial_param(t, "eps", 1.0);
  trial_param(t, "margin", 16.0);
  trial_param(t, "swap", 1);
  trial_reduction(t, "none");
  ask(&e, t);
  ck_assert_int_gt(e.n_kinks, 0);
  for (int i = 0; i < 4; i++) {
    ck_assert_int_eq(number_of(&e, t, "anchor", i)->entangled, i < 2);
    ck_assert_int_eq(number_of(&e, t, "negative", i)->entangled, i < 2);
  }
  lp_exact_clear(&e);
  trial_param(t, "swap", 0); /* the component alone */
  ask(&e, t);
  ck_assert_int_gt(e.n_kinks, 0);
  for (int i = 0; i < 4; i++) ck_assert(!number_of(&e, t, "anchor", i)->entangled);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* p = NaN: |d| over an axis of one component, NaN for numbers; slopes are NaN, but for |d| = 1. */
START_TEST(p_is_nan) {
  for (int axes = 0; axes < 2; axes++) {
    lp_trial *t = triple(axes ? "1" : "", origin, (double[]){2}, (double[]){1}, NAN);
    lp_exact e;
    ask(&e, t);
    check_class(number_of(&e, t, NULL, 0), axes ? LP_FINITE : LP_NAN);
    check_class(number_of(&e, t, "anchor", 0), LP_NAN);
    check_double(number_of(&e, t, "negative", 0), axes ? -1.0 : 0.0);
    ck_assert(enters(&e, t, "p=nan") && enters(&e, t, axes ? "unbatched" : "0-d"));
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* The anchor's number is stretched for near: |(1, 2)|^2 = 5, but far has one component. */
START_TEST(stretched_anchor) {
  lp_trial *t = trial_new("triplet_margin");
  trial_param(t, "eps", 0.0);
  trial_param(t, "margin", 4.0);
  trial_real(t, "anchor", "1 1", (double[]){1});
  trial_real(t, "positive", "2 2", (double[]){0, -1, 0, -1});
  trial_real(t, "negative", "2 1", (double[]){4, 4});
  lp_exact e;
  ask(&e, t);
  check_decimals(number_of(&e, t, NULL, 0), "3.23606797749978969640917366873127623544");
  check_decimals(number_of(&e, t, "anchor", 0), "2.34164078649987381784550420123876574126");
  ck_assert(enters(&e, t, "unequal-widths") && enters(&e, t, "broadcast"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(empty) {
  lp_trial *t = triple("2 0", NULL, NULL, NULL, 2.0);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 1), 1.0);
  ck_assert(enters(&e, t, "empty-vector") && enters(&e, t, "norm-zero"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
  t = triple("0 2", NULL, NULL, NULL, 2.0);
  trial_reduction(t, "mean");
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_NAN);
  ck_assert(enters(&e, t, "empty-batch"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* d = 3: 3, its square 2 * 3 * 3 + 9 (a lone one is no sum), the root 27/6 + 3 = 7.5; margin + near = 4 adds 4. d = 1:
 * 1, 2 + 1, 3/2 + 1 = 2.5. The difference is 3, once rounded and once as the value. */
START_TEST(scale_by_hand) {
  lp_trial *t = triple("1", origin, (double[]){-3}, (double[]){-1}, 2.0);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 3.0);
  check_scale(number_of(&e, t, NULL, 0), 7.5 + 4.0 + 2.5 + 3.0 + 3.0);
  lp_exact_clear(&e);
  trial_param(t, "p", 1.0);
  ask(&e, t);
  check_scale(number_of(&e, t, NULL, 0), 3.0 + 4.0 + 1.0 + 3.0 + 3.0);
  check_scale(number_of(&e, t, "positive", 0), 1.0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* In float32 eps = 1e-6 is a rounded number, and 1 - 1 + 1e-6 has its reach beside its own. */
START_TEST(narrow_dtypes) {
  static const lp_dtype dtypes[] = {LP_FLOAT32, LP_FLOAT16, LP_BFLOAT16};
  for (int i = 0; i < 3; i++) {
    lp_trial *t = triple("1", origin, origin, origin, 1.0);
    lp_exact e;
    trial_param(t, "eps", 1e-6);
    trial_tensor(t, "anchor", dtypes[i], "1", (double[]){1});
    trial_tensor(t, "positive", dtypes[i], "1", (double[]){1});
    trial_tensor(t, "negative", dtypes[i], "1", (double[]){0.5});
    ask(&e, t);
    check_decimals(number_of(&e, t, NULL, 0), "0.5");
    ck_assert_int_eq(e.outputs[0].layout.dtype, dtypes[i]);
    const lp_exact_number *slope = number_of(&e, t, "positive", 0);
    check_double(slope, -1.0);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* eps squared is 1e-12, 2^-40: as float32 squares of tiny rows underflow, the exponents are taken out first. */
START_TEST(tiny_rows) {
  lp_trial *t = triple("2", origin, (double[]){-3e-30, -4e-30}, (double[]){-1, 0}, 2.0);
  lp_exact e;
  trial_tensor(t, "positive", LP_FLOAT32, "2", (double[]){(double)-3e-30f, (double)-4e-30f});
  trial_tensor(t, "anchor", LP_FLOAT32, "2", origin);
  trial_tensor(t, "negative", LP_FLOAT32, "2", (double[]){-1, 0});
  ask(&e, t);
  const lp_exact_number *slope = number_of(&e, t, "positive", 0);
  ck_assert_double_eq_tol(middle(&slope->value), -0.6, 1e-6);
  ck_assert_double_le(mag_get_d(&slope->scale), 16.0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* Rows of 128 components; an eps left out of one distance is seen. */
START_TEST(a_planted_fault) {
  double a[128], b[128], c[128], near = 0, far = 0, without = 0;
  for (int i = 0; i < 128; i++) {
    a[i] = 0.125 * (i % 7 - 3);
    b[i] = 0.0625 * (i % 5 - 1);
    c[i] = 0.5 * (i % 3 - 1);
    near += (a[i] - b[i] + 1e-6) * (a[i] - b[i] + 1e-6);
    far += (a[i] - c[i] + 1e-6) * (a[i] - c[i] + 1e-6);
    without += (a[i] - c[i]) * (a[i] - c[i]);
  }
  lp_trial *t = triple("128", a, b, c, 2.0);
  trial_param(t, "eps", 1e-6);
  trial_param(t, "margin", 10.0);
  lp_exact e;
  ask(&e, t);
  check_agreement(&e, t);
  const lp_exact_number *loss = number_of(&e, t, NULL, 0);
  ck_assert_double_le(distance_in_scales(loss, 10.0 + sqrt(near) - sqrt(far), LP_FLOAT64), 8.0);
  ck_assert_double_gt(distance_in_scales(loss, 10.0 + sqrt(near) - sqrt(without), LP_FLOAT64), 1e4);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {norms_by_hand,
                                eps_has_a_sign,
                                inactive,
                                hinge_kink,
                                hinge_by_squaring,
                                swap_tie,
                                swap_tie_of_permutations,
                                swap_takes_the_nearer,
                                undecided,
                                a_lone_component_is_decided,
                                dual_balls,
                                groups_are_numbered,
                                components_of_zero,
                                extremum_ties,
                                extremum_nearly_tied,
                                kinks_behind_a_gate,
                                infinite_differences,
                                infinite_upstream,
                                finite_rows_beside_an_infinite_upstream,
                                powers_far_out_of_range,
                                boundless_beside_huge_powers,
                                infinities_beside_no_components,
                                components_in_doubt_beside_infinities,
                                undecided_regimes,
                                a_count_that_rounding_makes_the_smaller,
                                range_beside_infinities,
                                the_loser_of_a_swap_out_of_range,
                                only_the_terms_that_are_entangled,
                                p_is_nan,
                                stretched_anchor,
                                empty,
                                scale_by_hand,
                                narrow_dtypes,
                                tiny_rows,
                                a_planted_fault};
  const int failed = run_tests("exact triplet_margin", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return failed;
}
