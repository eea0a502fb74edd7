#include "reference/exact/tests/asking.h"

#define E 0x1.197998p-40 /* 1e-12 in float32 */

static lp_trial *pair_of(lp_dtype dtype, const char *shape, const double *x, const double *y, double label,
                         double margin) {
  lp_trial *t = trial_new("cosine_embedding");
  trial_reduction(t, "none");
  trial_param(t, "margin", margin);
  trial_tensor(t, "input1", dtype, shape, x);
  trial_tensor(t, "input2", dtype, shape, y);
  trial_tensor(t, "target", dtype, "", &label);
  return t;
}

static const double three_four[] = {3, 4}, four_three[] = {4, 3};

/* The number is a / (25 + E) + b / (25 + E)^2 + c. */
static void check_formula(const lp_exact_number *n, double a, double b, double c) {
  arb_t norm, part, sum;
  arb_init(norm);
  arb_init(part);
  arb_init(sum);
  arb_set_d(norm, E);
  arb_add_ui(norm, norm, 25, 400);
  arb_set_d(part, b);
  arb_div(part, part, norm, 400);
  arb_set_d(sum, a);
  arb_add(part, part, sum, 400);
  arb_div(part, part, norm, 400);
  arb_set_d(sum, c);
  arb_add(sum, sum, part, 400);
  ck_assert(n->class == LP_FINITE && arb_overlaps(sum, &n->value));
  ck_assert_int_ge(arb_rel_accuracy_bits(&n->value), 100);
  arb_clear(norm);
  arb_clear(part);
  arb_clear(sum);
}

/* Both squared norms are 25 + E, the product 24. */
START_TEST(by_hand) {
  lp_trial *t = pair_of(LP_FLOAT64, "2", three_four, four_three, 1.0, 0.0);
  lp_exact e;
  ask(&e, t);
  check_formula(number_of(&e, t, NULL, 0), -24.0, 0.0, 1.0);
  check_formula(number_of(&e, t, "input1", 0), -4.0, 24.0 * 3.0, 0.0);
  check_formula(number_of(&e, t, "input1", 1), -3.0, 24.0 * 4.0, 0.0);
  check_formula(number_of(&e, t, "input2", 0), -3.0, 24.0 * 4.0, 0.0);
  ck_assert(enters(&e, t, "target=1") && enters(&e, t, "unbatched") && !enters(&e, t, "active"));
  ck_assert(!enters(&e, t, "broadcast") && !enters(&e, t, "zero-vector") && !enters(&e, t, "special"));
  ck_assert_int_eq(e.n_kinks, 0);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(hinge_by_hand) {
  lp_trial *t = pair_of(LP_FLOAT64, "2", three_four, four_three, -1.0, 0.25);
  lp_exact e;
  ask(&e, t);
  check_formula(number_of(&e, t, NULL, 0), 24.0, 0.0, -0.25);
  check_formula(number_of(&e, t, "input2", 1), 4.0, -24.0 * 3.0, 0.0);
  ck_assert(enters(&e, t, "target=-1") && enters(&e, t, "active") && !enters(&e, t, "inactive"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_param(t, "margin", 0.97);
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.0);
  check_double(number_of(&e, t, "input1", 0), 0.0);
  ck_assert(enters(&e, t, "inactive") && !enters(&e, t, "kink"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(other_labels) {
  static const double labels[] = {0.0, 2.0, -0.5};
  for (int i = 0; i < 3; i++) {
    lp_trial *t = pair_of(LP_FLOAT64, "2", three_four, four_three, labels[i], 0.0);
    lp_exact e;
    ask(&e, t);
    check_double(number_of(&e, t, NULL, 0), 0.0);
    check_double(number_of(&e, t, "input1", 0), 0.0);
    ck_assert(enters(&e, t, "target-other"));
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* Orthogonal rows and margin 0: the gradient passes, or does not, in profile `math`. */
START_TEST(kink_at_a_right_angle) {
  lp_trial *t = pair_of(LP_FLOAT64, "2", (double[]){0, 2}, (double[]){1, 0}, -1.0, 0.0);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.0);
  ck_assert(enters(&e, t, "kink") && enters(&e, t, "active"));
  ck_assert_int_eq(e.n_kinks, 1);
  ck_assert_int_eq(e.kinks[0].state, LP_KINK_AT);
  ck_assert_int_eq(e.kinks[0].group, 0);
  const lp_kink_effect *effect = effect_on(&e, t, 0, "input1");
  const double slope = arf_get_d(arb_midref(&number_of(&e, t, "input1", 0)->value), ARF_RND_NEAR);
  ck_assert_double_eq_tol(slope, 0.5, 1e-11);
  ck_assert_int_eq(effect->index, 0);
  ck_assert_double_eq(arf_get_d(arb_midref(&effect->change[0]), ARF_RND_NEAR), -slope);
  ck_assert(arb_contains_zero(&effect->change[2]));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* cos = 1 - E/2^2 beside margin 1: inactive by 2^-42 of 1; for a row of 1e160 by 1e-332, less than any rounding. */
START_TEST(near_the_margin) {
  lp_trial *t = pair_of(LP_FLOAT64, "1", (double[]){2}, (double[]){2}, -1.0, 1.0);
  lp_exact e;
  ask(&e, t);
  ck_assert(enters(&e, t, "inactive"));
  ck_assert_int_eq(e.n_kinks, 0);
  lp_exact_clear(&e);
  trial_real(t, "input1", "1", (double[]){1e160});
  trial_real(t, "input2", "1", (double[]){1e160});
  ask(&e, t);
  ck_assert(enters(&e, t, "inactive") && !enters(&e, t, "kink"));
  check_double(number_of(&e, t, NULL, 0), 0.0);
  ck_assert_int_eq(e.precision, 128);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* The slope of a row of zeros is y / sqrt(E (y.y + E)). */
START_TEST(zero_vector) {
  lp_trial *t = pair_of(LP_FLOAT64, "1", (double[]){0}, (double[]){1}, 1.0, 0.0);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 1.0);
  arb_t slope, one;
  arb_init(slope);
  arb_init(one);
  arb_set_d(slope, E);
  arb_add_ui(one, slope, 1, 400);
  arb_mul(slope, slope, one, 400);
  arb_rsqrt(slope, slope, 400);
  arb_neg(slope, slope);
  ck_assert(arb_overlaps(slope, &number_of(&e, t, "input1", 0)->value));
  arb_clear(slope);
  arb_clear(one);
  ck_assert(enters(&e, t, "zero-vector") && enters(&e, t, "epsilon-dominates"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* Squares of int8 wrap: 16 * 16 = 0, 12 * 12 = -112 of which there is no root; 9 * 9 = 81 does not. */
START_TEST(integers_wrap) {
  static const double x[] = {9, 16, 12};
  for (int i = 0; i < 3; i++) {
    lp_trial *t = pair_of(LP_FLOAT64, "1", (double[]){1}, (double[]){1}, 1.0, 0.0);
    trial_tensor(t, "input2", LP_INT8, "1", &x[i]);
    lp_exact e;
    ask(&e, t);
    ck_assert(enters(&e, t, "integer-input"));
    ck_assert(enters(&e, t, "special") == (i == 2));
    const lp_exact_number *loss = number_of(&e, t, NULL, 0);
    const double value = arf_get_d(arb_midref(&loss->value), ARF_RND_NEAR);
    if (i == 0) ck_assert_double_eq_tol(value, 1.0 - 1.0 / sqrt(1.0 + E), 1e-15);
    if (i == 1) ck_assert_double_eq_tol(value, 1.0 - 16.0 / sqrt((1.0 + E) * E), 1e-6);
    if (i == 2) check_class(loss, LP_NAN);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

START_TEST(other_integers) {
  static const lp_dtype dtypes[] = {LP_BOOL, LP_UINT8, LP_INT16, LP_INT32, LP_INT64};
  static const double x[] = {1, 17, 200, 70000, 4294967296.0}, squares[] = {1, 33, -25536, 605032704, 0};
  for (int i = 0; i < 5; i++) {
    lp_trial *t = pair_of(LP_FLOAT64, "1", (double[]){0.5}, (double[]){1}, 1.0, 0.0);
    trial_tensor(t, "input2", dtypes[i], "1", &x[i]);
    lp_exact e;
    ask(&e, t);
    const double norm = squares[i] == 0 ? E : squares[i], cosine = 0.5 * x[i] / sqrt((0.25 + E) * norm);
    const lp_exact_number *loss = number_of(&e, t, NULL, 0);
    if (squares[i] < 0) check_class(loss, LP_NAN);
    const double value = arf_get_d(arb_midref(&loss->value), ARF_RND_NEAR);
    if (squares[i] >= 0) ck_assert_double_eq_tol(value, 1.0 - cosine, 1e-9 * (1.0 + cosine));
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* The second norm sums over one component, the product over two: cos = 2 * 1 / sqrt((2 + E) (1 + E)). */
START_TEST(stretched_rows) {
  const double label = 1.0;
  lp_trial *t = trial_new("cosine_embedding");
  trial_real(t, "input1", "3 2", (double[]){1, 1, 1, 1, 1, 1});
  trial_real(t, "input2", "1 1", (double[]){1});
  trial_real(t, "target", "1", &label);
  lp_exact e;
  ask(&e, t);
  const double value = arf_get_d(arb_midref(&number_of(&e, t, NULL, 0)->value), ARF_RND_NEAR);
  ck_assert_double_eq_tol(value, 1.0 - sqrt(2.0), 1e-11);
  ck_assert(enters(&e, t, "unequal-widths") && enters(&e, t, "broadcast") && !enters(&e, t, "unbatched"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(empty) {
  lp_trial *t = trial_new("cosine_embedding");
  lp_exact e;
  trial_real(t, "input1", "2 0", NULL);
  trial_real(t, "input2", "2 0", NULL);
  trial_real(t, "target", "2", (double[]){1, -1});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.5);
  ck_assert(enters(&e, t, "empty-vector") && !enters(&e, t, "empty-batch"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_real(t, "input1", "0 2", NULL);
  trial_real(t, "input2", "0 2", NULL);
  trial_real(t, "target", "0", NULL);
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_NAN);
  ck_assert(enters(&e, t, "empty-batch"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* 0 * NaN: an infinity in a row spoils the gradients of both rows whatever the label is. */
START_TEST(infinities) {
  static const double labels[] = {1.0, -1.0, 0.0};
  for (int i = 0; i < 3; i++) {
    lp_trial *t = pair_of(LP_FLOAT64, "2", (double[]){INFINITY, 1}, three_four, labels[i], 0.0);
    lp_exact e;
    ask(&e, t);
    check_class(number_of(&e, t, NULL, 0), labels[i] == 0.0 ? LP_FINITE : LP_NAN);
    check_class(number_of(&e, t, "input1", 1), LP_NAN);
    check_class(number_of(&e, t, "input2", 0), LP_NAN);
    ck_assert(enters(&e, t, "special"));
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
  lp_trial *t = pair_of(LP_FLOAT64, "2", three_four, four_three, -1.0, 0.99);
  trial_upstream(t, "", (double[]){INFINITY});
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, "input1", 0), 0.0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* Where an infinite upstream gradient passes, PyTorch's classes: inf / inf where squares overflow, inf or NaN where the
 * dot product may have underflowed. The value is the true one, and so is 0 behind the hinge. */
START_TEST(infinite_upstream) {
  static const double x[][2] = {{1e200, 1}, {-1e-200, 1}}, y[][2] = {{1, 2}, {1e-200, 0}};
  static const lp_class classes[] = {LP_NAN, LP_NOT_FINITE};
  for (int i = 0; i < 2; i++) {
    lp_trial *t = pair_of(LP_FLOAT64, "2", x[i], y[i], 1.0, 0.0);
    trial_upstream(t, "", (double[]){INFINITY});
    lp_exact e;
    ask(&e, t);
    check_class(number_of(&e, t, NULL, 0), LP_FINITE);
    check_class(number_of(&e, t, "input1", 0), classes[i]);
    check_agreement(&e, t);
    lp_exact_clear(&e);
    trial_free(t);
  }
  lp_trial *t = pair_of(LP_FLOAT64, "2", x[0], y[0], -1.0, 0.5);
  trial_upstream(t, "", (double[]){INFINITY});
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, "input1", 0), 0.0);
  lp_exact_clear(&e);
  trial_param(t, "margin", 0.25);
  ask(&e, t);
  check_class(number_of(&e, t, "input1", 0), LP_NAN);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* One component, x = y = 1, E next to nothing. Each squared norm: 1 for the square, 1 with E; so 2. Their product
 * 2 + 2 + 1, its root 5/2 + 1. The dot product, of powers of 2, is exact: cos 7/2 + 1, 1 - cos as much and |1 - cos|,
 * which is nothing. */
START_TEST(scale_by_hand) {
  lp_trial *t = pair_of(LP_FLOAT64, "1", (double[]){1}, (double[]){1}, 1.0, 0.0);
  lp_exact e;
  ask(&e, t);
  ck_assert_double_eq_tol(mag_get_d(&number_of(&e, t, NULL, 0)->scale), 4.5, 1e-6);
  ck_assert_int_eq(number_of(&e, t, NULL, 0)->terms, 1);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

/* In narrow dtypes the same truth; rounding decides fewer switches. 0.96 is 2^-9 above 0.958. */
START_TEST(narrow_dtypes) {
  static const lp_dtype dtypes[] = {LP_FLOAT32, LP_FLOAT16, LP_BFLOAT16};
  for (int i = 0; i < 3; i++) {
    lp_trial *t = pair_of(dtypes[i], "2", three_four, four_three, -1.0, 0.958);
    lp_exact e;
    ask(&e, t);
    ck_assert(enters(&e, t, "active"));
    ck_assert_int_eq(e.n_kinks, i == 0 ? 0 : 1);
    if (i > 0) ck_assert_int_eq(e.kinks[0].state, LP_KINK_NEAR);
    check_formula(number_of(&e, t, "input1", 0), 4.0, -24.0 * 3.0, 0.0);
    lp_exact_clear(&e);
    trial_free(t);
  }
}
END_TEST

/* 128 components: E left out of one norm moves the value by 2^-43 of 1, which is seen. */
START_TEST(a_planted_fault) {
  double x[128], y[128];
  for (int i = 0; i < 128; i++) {
    x[i] = 0.125 * (i % 7 - 3);
    y[i] = 0.0625 * (i % 5 - 1);
  }
  lp_trial *t = pair_of(LP_FLOAT64, "128", x, y, 1.0, 0.0);
  lp_exact e;
  ask(&e, t);
  check_agreement(&e, t);
  const lp_exact_number *loss = number_of(&e, t, NULL, 0);
  double xx = 0, yy = 0, xy = 0;
  for (int i = 0; i < 128; i++) {
    xx += x[i] * x[i];
    yy += y[i] * y[i];
    xy += x[i] * y[i];
  }
  ck_assert_double_le(distance_in_scales(loss, 1.0 - xy / sqrt((xx + E) * (yy + E)), LP_FLOAT64), 2.0);
  ck_assert_double_gt(distance_in_scales(loss, 1.0 - xy / sqrt((xx + 100 * E) * (yy + E)), LP_FLOAT64), 10.0);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {by_hand,     hinge_by_hand,     other_labels,   kink_at_a_right_angle, near_the_margin,
                                zero_vector, integers_wrap,     other_integers, stretched_rows,        empty,
                                infinities,  infinite_upstream, scale_by_hand,  narrow_dtypes,         a_planted_fault};
  const int failed = run_tests("exact cosine_embedding", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return failed;
}
