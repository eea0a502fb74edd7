#include "reference/draw.h"
#include "reference/exact/budget.h"
#include "reference/exact/ctc_reach.h"
#include "reference/exact/tests/asking.h"

#include <stdlib.h>

/* --- by hand --- */

static lp_trial *sequence(const char *shape, const double *log_probs, const char *targets, const int64_t *labels,
                          int64_t n_frames, int64_t n_labels) {
  lp_trial *t = trial_new("ctc");
  trial_reduction(t, "none");
  trial_real(t, "log_probs", shape, log_probs);
  trial_index(t, "targets", targets, labels);
  trial_index(t, "input_lengths", "", &n_frames);
  trial_index(t, "target_lengths", "", &n_labels);
  return t;
}

static const lp_exact_number *derivative_of(const lp_exact *e, int64_t i) {
  ck_assert(e->has_alternative);
  ck_assert_int_lt(i, e->alternative.layout.numel);
  return &e->alternative.numbers[i];
}

static void finish(lp_exact *e, lp_trial *t) {
  lp_exact_clear(e);
  trial_free(t);
}

/* Three frames, all weights 1: label [1] has the alignments 1bb b1b bb1 11b b11 111, Z = 6. */
START_TEST(counts_alignments) {
  lp_trial *t = sequence("3 2", NULL, "1", (int64_t[]){1}, 3, 1);
  lp_exact e;
  ask(&e, t);
  check_decimals(number_of(&e, t, NULL, 0), "-1.79175946922805500081247735838070227272299069");
  check_decimals(number_of(&e, t, "log_probs", 0), "0.5"); /* 1 - 3/6 */
  check_decimals(derivative_of(&e, 0), "-0.5");
  check_decimals(derivative_of(&e, 2), "-0.333333333333333333333333333333333333333333");
  check_decimals(derivative_of(&e, 3), "-0.666666666666666666666666666666666666666667");
  ck_assert(enters(&e, t, "feasible") && enters(&e, t, "unnormalised") && enters(&e, t, "unbatched"));
  ck_assert(!enters(&e, t, "infeasible") && !enters(&e, t, "repeats") && !enters(&e, t, "mean-by-length"));
  ck_assert_int_eq(e.n_kinks, 0);
  check_agreement(&e, t);
  finish(&e, t);
}
END_TEST

/* One frame, one label: loss -lp, F = |lp| + 1. */
START_TEST(one_frame) {
  lp_trial *t = sequence("1 2", (double[]){-1.0, -0.5}, "1", (int64_t[]){1}, 1, 1);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.5);
  check_scale(number_of(&e, t, NULL, 0), 0.5 + 0.5 + 1.0);
  check_decimals(number_of(&e, t, "log_probs", 0), "0.367879441171442321595523770161460867445811131");
  check_scale(number_of(&e, t, "log_probs", 0), 4.0 * exp(-1.0)); /* out, product, difference, exp */
  check_decimals(number_of(&e, t, "log_probs", 1), "-0.393469340287366576396200465008819546558081864");
  check_double(derivative_of(&e, 1), -1.0);
  /* r = 0: 1; collected + loss = lp; A + B = 2 lp; F and the like backwards; the loss: 1.5 */
  check_scale(derivative_of(&e, 1), 2.0 + 1.0 + 0.5 + 1.0 + 1.5 + 1.5 + 1.5);
  ck_assert(enters(&e, t, "single-alignment"));
  check_agreement(&e, t);
  finish(&e, t);
}
END_TEST

/* Two frames and an empty target: one alignment, nothing is merged: F = |A| + 1 + F. */
START_TEST(empty_target) {
  lp_trial *t = sequence("2 2", (double[]){-3.0, 7.0, 1.0, 7.0}, "0", NULL, 2, 0);
  lp_exact e;
  ask(&e, t);
  check_decimals(number_of(&e, t, NULL, 0), "2");
  check_scale(number_of(&e, t, NULL, 0), 2.0 + (2.0 + 1.0) + (3.0 + 1.0));
  ck_assert(enters(&e, t, "empty-target") && enters(&e, t, "exp-overflow") == false);
  check_agreement(&e, t);
  finish(&e, t);
}
END_TEST

/* Two merged: |A| + 1, |L| + 2 + log 2, means of F. All logarithms of weights are 0: A = L = log 2 in frame 1. */
START_TEST(scale_of_a_merge) {
  lp_trial *t = sequence("2 2", NULL, "1", (int64_t[]){1}, 2, 1);
  const double log2 = 0.6931471805599453, log3 = 1.0986122886681098;
  lp_exact e;
  ask(&e, t);
  check_decimals(number_of(&e, t, NULL, 0), "-1.09861228866810969139524523692252570464749056");
  /* states 1 (two ways, from F = 1) and 2 (one, from state 1) end */
  const double label = (log2 + 1.0) + (log2 + 2.0 + log2) + 1.0, blank = 1.0 + 1.0;
  check_scale(number_of(&e, t, NULL, 0), log3 + (log3 + 2.0 + log2) + (2.0 * label + blank) / 3.0);
  check_agreement(&e, t);
  finish(&e, t);
}
END_TEST

/* Equal neighbours need a blank between them. */
START_TEST(repeats) {
  lp_trial *t = sequence("3 2", NULL, "2", (int64_t[]){1, 1}, 3, 2);
  lp_exact e;
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.0);
  check_double(number_of(&e, t, "log_probs", 1), 0.0); /* 1 - 1, exactly: the frame has no other class */
  check_double(derivative_of(&e, 1), -1.0);
  check_double(derivative_of(&e, 0), 0.0);
  ck_assert(enters(&e, t, "repeats") && enters(&e, t, "single-alignment") && !enters(&e, t, "skips"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_index(t, "targets", "2", (int64_t[]){1, 0});
  ask(&e, t);
  ck_assert(enters(&e, t, "blank-in-target") && enters(&e, t, "blank-last") && enters(&e, t, "skips"));
  check_agreement(&e, t);
  finish(&e, t);
}
END_TEST

/* --- no alignment, zero_infinity, lengths of 0, frames past the end --- */

static void check_gradient(const lp_exact *e, const lp_trial *t, int64_t from, int64_t to, lp_class class) {
  for (int64_t i = from; i < to; i++) {
    check_class(number_of(e, t, "log_probs", i), class);
    if (class == LP_FINITE) check_double(number_of(e, t, "log_probs", i), 0.0);
    if (class == LP_FINITE) ck_assert(mag_is_zero(&number_of(e, t, "log_probs", i)->scale));
    check_class(derivative_of(e, i), class);
  }
}

START_TEST(infeasible) {
  lp_trial *t = sequence("3 2", (double[]){-1, -1, -1, -1, NAN, INFINITY}, "2", (int64_t[]){1, 1}, 2, 2);
  lp_exact e;
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_PLUS_INFINITY);
  check_gradient(&e, t, 0, 4, LP_NAN);
  check_gradient(&e, t, 4, 6, LP_FINITE);
  ck_assert(enters(&e, t, "infeasible") && enters(&e, t, "infinite") && enters(&e, t, "frames-past-end"));
  ck_assert(!enters(&e, t, "feasible") && !enters(&e, t, "impossible") && !enters(&e, t, "nan"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_param(t, "zero_infinity", 1.0);
  trial_upstream(t, "", (double[]){NAN});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.0);
  check_gradient(&e, t, 0, 6, LP_FINITE);
  ck_assert(enters(&e, t, "zeroed") && !enters(&e, t, "infinite"));
  check_agreement(&e, t);
  finish(&e, t);
}
END_TEST

START_TEST(no_frames) {
  lp_trial *t = sequence("1 2", (double[]){NAN, NAN}, "1", (int64_t[]){1}, 0, 1);
  lp_exact e;
  trial_upstream(t, "", (double[]){INFINITY});
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_PLUS_INFINITY);
  check_gradient(&e, t, 0, 2, LP_FINITE);
  ck_assert(enters(&e, t, "zero-input-length") && enters(&e, t, "infeasible"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_index(t, "targets", "0", NULL);
  trial_index(t, "target_lengths", "", (int64_t[]){0});
  ask(&e, t);
  check_double(number_of(&e, t, NULL, 0), 0.0);
  ck_assert(enters(&e, t, "both-lengths-zero") && enters(&e, t, "feasible"));
  check_agreement(&e, t);
  finish(&e, t);
}
END_TEST

/* --- infinities and NaN --- */

/* A -inf costs its alignments only; PyTorch's gradient there is NaN, the derivative 0. */
START_TEST(minus_infinity) {
  lp_trial *t = sequence("2 2", (double[]){-INFINITY, 0.0, 0.0, 0.0}, "1", (int64_t[]){1}, 2, 1);
  lp_exact e;
  ask(&e, t);
  check_decimals(number_of(&e, t, NULL, 0), "-0.69314718055994530941723212145817656807550014");
  check_class(number_of(&e, t, "log_probs", 0), LP_NAN);
  check_double(derivative_of(&e, 0), 0.0);
  check_double(derivative_of(&e, 1), -1.0);
  check_decimals(number_of(&e, t, "log_probs", 2), "0.5");
  ck_assert(enters(&e, t, "neg-inf") && enters(&e, t, "feasible"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  t->c.inputs[0].f64[1] = -INFINITY;
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_PLUS_INFINITY);
  ck_assert(enters(&e, t, "impossible") && enters(&e, t, "infinite") && !enters(&e, t, "infeasible"));
  check_agreement(&e, t);
  finish(&e, t);
}
END_TEST

START_TEST(nan_and_plus_infinity) {
  lp_trial *t = sequence("2 3", (double[]){0, 0, NAN, 0, 0, INFINITY}, "1", (int64_t[]){1}, 2, 1);
  lp_exact e;
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_FINITE);
  check_class(number_of(&e, t, "log_probs", 2), LP_NAN);
  check_class(number_of(&e, t, "log_probs", 5), LP_PLUS_INFINITY);
  check_decimals(number_of(&e, t, "log_probs", 0), "0.66666666666666666666666666666666666666666667");
  ck_assert(enters(&e, t, "nan-outside") && enters(&e, t, "nan") && enters(&e, t, "pos-inf"));
  check_agreement(&e, t);
  lp_exact_clear(&e);
  t->c.inputs[0].f64[1] = NAN;
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_NAN);
  check_class(derivative_of(&e, 0), LP_NAN);
  ck_assert(!enters(&e, t, "nan-outside"));
  check_agreement(&e, t);
  finish(&e, t);
}
END_TEST

/* inf times a slope is an infinity with its sign, NaN where the slope is 0, exactly or below double's range. */
START_TEST(infinite_upstream) {
  lp_trial *t = sequence("1 3", (double[]){-1.0, 0.0, -800.0}, "1", (int64_t[]){1}, 1, 1);
  lp_exact e;
  trial_upstream(t, "", (double[]){-INFINITY});
  ask(&e, t);
  check_class(number_of(&e, t, "log_probs", 0), LP_MINUS_INFINITY);
  check_class(number_of(&e, t, "log_probs", 1), LP_NAN);
  check_class(number_of(&e, t, "log_probs", 2), LP_NAN);
  check_class(derivative_of(&e, 1), LP_PLUS_INFINITY);
  check_class(derivative_of(&e, 0), LP_NAN);
  ck_assert(enters(&e, t, "exp-underflow"));
  check_agreement(&e, t);
  finish(&e, t);
}
END_TEST

/* --- reductions --- */

/* Lengths 2 and 1, both all alike in two frames: log 1 alignment, and 3. */
static lp_trial *pair(const char *targets, const int64_t *labels) {
  lp_trial *t = trial_new("ctc");
  trial_real(t, "log_probs", "2 2 3", NULL);
  trial_index(t, "targets", targets, labels);
  trial_index(t, "input_lengths", "2", (int64_t[]){2, 2});
  trial_index(t, "target_lengths", "2", (int64_t[]){2, 1});
  return t;
}

static void check_reduced(lp_trial *t, const char *word, const char *loss, const char *slope, int64_t terms) {
  lp_exact e;
  trial_reduction(t, word);
  ask(&e, t);
  check_decimals(number_of(&e, t, NULL, 0), loss);
  ck_assert_int_eq(number_of(&e, t, NULL, 0)->terms, terms);
  check_decimals(number_of(&e, t, "log_probs", 0), slope);
  check_agreement(&e, t);
  lp_exact_clear(&e);
}

START_TEST(reductions) {
  lp_trial *t = pair("2 2", (int64_t[]){1, 2, 1, -7});
  check_reduced(t, "sum", "-1.09861228866810969139524523692252570464749056", "1", 2);
  check_reduced(t, "mean", "-0.549306144334054845697622618461262852323745279", "0.25", 2);
  trial_upstream(t, "", (double[]){3.0});
  check_reduced(t, "mean", "-0.549306144334054845697622618461262852323745279", "0.75", 2);
  trial_index(t, "targets", "3", (int64_t[]){1, 2, 1});
  check_reduced(t, "mean", "-0.549306144334054845697622618461262852323745279", "0.75", 2);
  trial_no_upstream(t);
  trial_upstream(t, "2", (double[]){1.0, 5.0});
  trial_reduction(t, "none");
  lp_exact e;
  ask(&e, t);
  ck_assert_int_eq(number_of(&e, t, NULL, 0)->terms, 1);
  check_decimals(number_of(&e, t, "log_probs", 3), "3.3333333333333333333333333333333333333333333333");
  ck_assert(enters(&e, t, "concatenated") && !enters(&e, t, "padded"));
  check_agreement(&e, t);
  finish(&e, t);
}
END_TEST

/* One infinite loss makes the sum infinite, and leaves the other's gradient as it is. */
START_TEST(infinite_among_finite) {
  lp_trial *t = pair("2 2", (int64_t[]){1, 1, 1, 0});
  lp_exact e;
  trial_reduction(t, "mean");
  ask(&e, t);
  check_class(number_of(&e, t, NULL, 0), LP_PLUS_INFINITY);
  check_class(number_of(&e, t, "log_probs", 0), LP_NAN);
  check_class(number_of(&e, t, "log_probs", 3), LP_FINITE);
  check_agreement(&e, t);
  lp_exact_clear(&e);
  trial_param(t, "zero_infinity", 1.0);
  ask(&e, t);
  check_decimals(number_of(&e, t, NULL, 0), "-0.549306144334054845697622618461262852323745279");
  check_agreement(&e, t);
  finish(&e, t);
}
END_TEST

/* --- large numbers: precision rises, nothing overflows --- */

START_TEST(huge_numbers) {
  lp_trial *t = sequence("2 2", (double[]){1e300, -1e300, -1e300, 1e300}, "1", (int64_t[]){1}, 2, 1);
  lp_exact e;
  ask(&e, t);
  ck_assert_int_ge(e.precision, 512);
  check_class(number_of(&e, t, NULL, 0), LP_FINITE);
  ck_assert(arb_rel_accuracy_bits(&number_of(&e, t, NULL, 0)->value) > 100);
  check_agreement(&e, t);
  finish(&e, t);
}
END_TEST

/* Sums of logarithms beyond the largest double: only the reaches' unit knows of it. */
START_TEST(beyond_double) {
  lp_trial *t = sequence("4 1", (double[]){1.7e308, 1.7e308, 1.7e308, -1.7e308}, "0", NULL, 4, 0);
  lp_exact e;
  ask(&e, t);
  const lp_exact_number *loss = number_of(&e, t, NULL, 0);
  ck_assert_int_gt(arf_cmpabs_2exp_si(arb_midref(&loss->value), 1024), 0);
  ck_assert_int_ge(arf_cmpabs_mag(arb_midref(&loss->value), &loss->scale), -1);
  mag_t tenfold; /* 2 + (1 + 2 + 3 + 2) times 1.7e308 */
  mag_init(tenfold);
  mag_set_d(tenfold, 1.7e308);
  mag_mul_ui(tenfold, tenfold, 10);
  ck_assert_int_ge(mag_cmp(&loss->scale, tenfold), 0);
  mag_mul_ui(tenfold, tenfold, 1001);
  mag_div_ui(tenfold, tenfold, 1000);
  ck_assert_int_le(mag_cmp(&loss->scale, tenfold), 0);
  mag_clear(tenfold);
  finish(&e, t);
}
END_TEST

/* --- options --- */

/* Displaced by 1/2 in one place, and by 2^-200 in another: difference quotients give the derivative. */
START_TEST(displacements) {
  lp_trial *t = sequence("2 2", (double[]){-1.0, -0.5, -2.0, -0.25}, "1", (int64_t[]){1}, 2, 1);
  lp_exact there, e;
  arb_ptr shift = _arb_vec_init(4);
  arb_t quotient;
  const lp_shift displaced = {.of = {shift}};
  const lp_exact_options options = {.shift = &displaced, .value_only = true, .precision = 640};
  arb_init(quotient);
  ask(&e, t);
  arb_set_si(&shift[0], 1);
  arb_mul_2exp_si(&shift[0], &shift[0], -200);
  ck_assert_int_eq(lp_exact_evaluate(&there, &t->plan, &options, &t->error), LP_OK);
  arb_set(quotient, &there.outputs[0].numbers[0].value);
  lp_exact_clear(&there);
  arb_neg(&shift[0], &shift[0]);
  ck_assert_int_eq(lp_exact_evaluate(&there, &t->plan, &options, &t->error), LP_OK);
  arb_sub(quotient, quotient, &there.outputs[0].numbers[0].value, 640);
  check_class(&there.outputs[1].numbers[0], LP_FINITE);
  ck_assert(arb_is_zero(&there.outputs[1].numbers[0].value)); /* not asked for */
  lp_exact_clear(&there);
  arb_mul_2exp_si(quotient, quotient, 199);
  arb_sub(quotient, quotient, &derivative_of(&e, 0)->value, 640);
  ck_assert_int_lt(arf_cmpabs_2exp_si(arb_midref(quotient), -100), 0);
  lp_exact_clear(&e);
  arb_clear(quotient);
  arb_zero(&shift[0]);
  arb_one(&shift[3]);
  arb_mul_2exp_si(&shift[3], &shift[3], -1);
  const lp_exact_options moved = {.shift = &displaced};
  ck_assert_int_eq(lp_exact_evaluate(&there, &t->plan, &moved, &t->error), LP_OK);
  t->c.inputs[0].f64[3] += 0.5;
  ask(&e, t);
  for (int i = 0; i < 4; i++) {
    ck_assert(arb_overlaps(&there.outputs[1].numbers[i].value, &e.outputs[1].numbers[i].value));
  }
  lp_exact_clear(&there);
  _arb_vec_clear(shift, 4);
  finish(&e, t);
}
END_TEST

/* -inf as -2^20: the loss is what a frame of it costs. */
START_TEST(stand_ins) {
  lp_trial *t = sequence("1 2", (double[]){0.0, -INFINITY}, "1", (int64_t[]){1}, 1, 1);
  const lp_exact_options options = {.stand_in = 20};
  lp_exact e;
  ck_assert_int_eq(trial_run(t), LP_OK);
  ck_assert_int_eq(lp_exact_evaluate(&e, &t->plan, &options, &t->error), LP_OK);
  check_double(&e.outputs[0].numbers[0], 0x1p20);
  check_class(&e.outputs[1].numbers[1], LP_FINITE);
  check_double(derivative_of(&e, 1), -1.0);
  lp_exact_clear(&e);
  t->c.inputs[0].f64[1] = INFINITY;
  ck_assert_int_eq(trial_run(t), LP_OK);
  ck_assert_int_eq(lp_exact_evaluate(&e, &t->plan, &options, &t->error), LP_OK);
  check_double(&e.outputs[0].numbers[0], -0x1p20);
  finish(&e, t);
}
END_TEST

/* --- right implementations stay inside the budget --- */

/* Arithmetic of a dtype, one rounding for each operation. */
static double fl(lp_dtype dtype, double x) { return dtype == LP_FLOAT32 ? (double)(float)x : x; }

typedef struct machine {
  lp_dtype dtype;
  int64_t n_frames, n_classes, n_labels, n_states;
  const double *log_probs;
  const int64_t *labels;
  double *alpha, *gradient, *derivative, loss;
} machine;

static int64_t class_of(const machine *m, int64_t s) { return s % 2 ? m->labels[s / 2] : 0; }
static bool skips(const machine *m, int64_t s) { return s % 2 && s > 1 && class_of(m, s) != class_of(m, s - 2); }

static double log_add(lp_dtype d, double a, double b, double c) {
  const double most = fmax(a, fmax(b, c)), m = most == -INFINITY ? 0.0 : most;
  const double x = fl(d, exp(fl(d, a - m))), y = fl(d, exp(fl(d, b - m))), z = fl(d, exp(fl(d, c - m)));
  return fl(d, fl(d, log(fl(d, fl(d, x + y) + z))) + m);
}

static void log_forward(machine *m) {
  for (int64_t t = 0; t < m->n_frames; t++) {
    double *now = m->alpha + t * m->n_states, *before = now - m->n_states;
    for (int64_t s = 0; s < m->n_states; s++) {
      const double lp = m->log_probs[t * m->n_classes + class_of(m, s)];
      if (t == 0) {
        now[s] = s < 2 ? lp : -INFINITY;
      } else {
        const double sum =
            log_add(m->dtype, before[s], s > 0 ? before[s - 1] : -INFINITY, skips(m, s) ? before[s - 2] : -INFINITY);
        now[s] = fl(m->dtype, sum + lp);
      }
    }
  }
  const double *last = m->alpha + m->n_frames * m->n_states - 1;
  m->loss = -log_add(m->dtype, last[0], last[-1], -INFINITY);
}

static void log_backward(machine *m) {
  double *beta = calloc((size_t)m->n_states, sizeof *beta), *collected = calloc((size_t)m->n_classes, sizeof *beta);
  const lp_dtype d = m->dtype;
  for (int64_t t = m->n_frames - 1; t >= 0; t--) {
    const double *row = m->log_probs + t * m->n_classes;
    for (int64_t c = 0; c < m->n_classes; c++) collected[c] = -INFINITY;
    for (int64_t s = 0; s < m->n_states; s++) {
      const bool ends = s + 2 >= m->n_states;
      const double sum = t == m->n_frames - 1
                             ? (ends ? 0.0 : -INFINITY)
                             : log_add(d, beta[s], s + 1 < m->n_states ? beta[s + 1] : -INFINITY,
                                       s + 2 < m->n_states && skips(m, s + 2) ? beta[s + 2] : -INFINITY);
      beta[s] = fl(d, sum + row[class_of(m, s)]);
      double *to = &collected[class_of(m, s)];
      *to = log_add(d, *to, fl(d, m->alpha[t * m->n_states + s] + beta[s]), -INFINITY);
    }
    for (int64_t c = 0; c < m->n_classes; c++) {
      const double posterior = fl(d, exp(fl(d, fl(d, collected[c] + m->loss) - row[c])));
      m->derivative[t * m->n_classes + c] = -posterior;
      m->gradient[t * m->n_classes + c] = fl(d, fl(d, exp(row[c])) - posterior);
    }
  }
  free(beta);
  free(collected);
}

/* The linear domain, frames normalised by their sum. */
static void linear_forward(machine *m) {
  double log_z = 0.0;
  for (int64_t t = 0; t < m->n_frames; t++) {
    double *now = m->alpha + t * m->n_states, *before = now - m->n_states, sum = 0.0;
    for (int64_t s = 0; s < m->n_states; s++) {
      const double p = fl(m->dtype, exp(m->log_probs[t * m->n_classes + class_of(m, s)]));
      double e = t == 0 ? (s < 2 ? 1.0 : 0.0) : before[s];
      if (t > 0 && s > 0) e = fl(m->dtype, e + before[s - 1]);
      if (t > 0 && skips(m, s)) e = fl(m->dtype, e + before[s - 2]);
      now[s] = fl(m->dtype, e * p);
      sum = fl(m->dtype, sum + now[s]);
    }
    for (int64_t s = 0; s < m->n_states; s++) now[s] = fl(m->dtype, now[s] / sum);
    log_z = fl(m->dtype, log_z + fl(m->dtype, log(sum)));
  }
  const double *last = m->alpha + m->n_frames * m->n_states - 1;
  m->loss = -fl(m->dtype, log_z + fl(m->dtype, log(fl(m->dtype, last[0] + last[-1]))));
}

static void linear_backward(machine *m) {
  double *beta = calloc((size_t)m->n_states, sizeof *beta), *shares = calloc((size_t)m->n_classes, sizeof *beta);
  const lp_dtype d = m->dtype;
  for (int64_t t = m->n_frames - 1; t >= 0; t--) {
    const double *row = m->log_probs + t * m->n_classes;
    double sum = 0.0, whole = 0.0;
    for (int64_t c = 0; c < m->n_classes; c++) shares[c] = 0.0;
    for (int64_t s = 0; s < m->n_states; s++) {
      double e = t == m->n_frames - 1 ? (s + 2 >= m->n_states ? 1.0 : 0.0) : beta[s];
      if (t < m->n_frames - 1 && s + 1 < m->n_states) e = fl(d, e + beta[s + 1]);
      if (t < m->n_frames - 1 && s + 2 < m->n_states && skips(m, s + 2)) e = fl(d, e + beta[s + 2]);
      const double share = fl(d, m->alpha[t * m->n_states + s] * e);
      shares[class_of(m, s)] = fl(d, shares[class_of(m, s)] + share);
      whole = fl(d, whole + share);
      beta[s] = fl(d, e * fl(d, exp(row[class_of(m, s)])));
      sum = fl(d, sum + beta[s]);
    }
    for (int64_t s = 0; s < m->n_states; s++) beta[s] = fl(d, beta[s] / sum);
    for (int64_t c = 0; c < m->n_classes; c++) {
      m->derivative[t * m->n_classes + c] = -fl(d, shares[c] / whole);
      m->gradient[t * m->n_classes + c] = fl(d, fl(d, exp(row[c])) + m->derivative[t * m->n_classes + c]);
    }
  }
  free(beta);
  free(shares);
}

/* |got - n| over the budget, as a judge has it. */
static double ratio(const lp_exact_number *n, double got, lp_dtype dtype) {
  mag_t budget, error;
  arb_t difference;
  mag_init(budget);
  mag_init(error);
  arb_init(difference);
  arb_set_d(difference, got);
  arb_sub(difference, difference, &n->value, 5000);
  lp_budget_relative(budget, dtype, &n->scale, n->terms);
  mag_set_d(error, lp_budget_absolute(dtype, false));
  mag_add(budget, budget, error);
  arb_get_mag(error, difference);
  mag_div(error, error, budget);
  const double r = mag_get_d(error);
  mag_clear(budget);
  mag_clear(error);
  arb_clear(difference);
  return isfinite(got) ? r : (double)INFINITY;
}

typedef struct verdict {
  double loss, gradient, derivative;
} verdict;

static verdict put_to_test(const lp_exact *e, const machine *m) {
  verdict v = {ratio(&e->outputs[0].numbers[0], m->loss, m->dtype), 0.0, 0.0};
  for (int64_t i = 0; i < m->n_frames * m->n_classes; i++) {
    v.gradient = fmax(v.gradient, ratio(&e->outputs[1].numbers[i], m->gradient[i], m->dtype));
    v.derivative = fmax(v.derivative, ratio(&e->alternative.numbers[i], m->derivative[i], m->dtype));
  }
  return v;
}

static machine machine_for(const lp_trial *t) {
  const lp_tensor *x = &t->c.inputs[0];
  machine m = {.dtype = x->dtype, .n_frames = x->shape[0], .n_classes = x->shape[1]};
  m.n_labels = t->c.inputs[3].i64[0];
  m.n_states = 2 * m.n_labels + 1;
  m.log_probs = x->f64;
  m.labels = t->c.inputs[1].i64;
  m.alpha = calloc((size_t)(m.n_frames * m.n_states), sizeof(double));
  m.gradient = calloc((size_t)(m.n_frames * m.n_classes), sizeof(double));
  m.derivative = calloc((size_t)(m.n_frames * m.n_classes), sizeof(double));
  ck_assert(m.alpha && m.gradient && m.derivative);
  return m;
}

static verdict judge(const lp_trial *t, bool linear) {
  machine m = machine_for(t);
  lp_exact e;
  lp_error error;
  (linear ? linear_forward : log_forward)(&m);
  (linear ? linear_backward : log_backward)(&m);
  ck_assert_int_eq(lp_exact_evaluate(&e, &t->plan, NULL, &error), LP_OK);
  const verdict v = put_to_test(&e, &m);
  lp_exact_clear(&e);
  free(m.alpha);
  free(m.gradient);
  free(m.derivative);
  return v;
}

/* A random sequence with normalised rows. */
static lp_trial *speech(lp_dtype dtype, int64_t n_frames, int64_t n_classes, int64_t n_labels) {
  lp_rng rng = lp_rng_for_case(1, "speech");
  char shape[64], count[32];
  double *x = calloc((size_t)(n_frames * n_classes), sizeof *x);
  int64_t *labels = calloc((size_t)n_labels, sizeof *labels);
  for (int64_t t = 0; t < n_frames; t++) {
    double sum = 0.0;
    for (int64_t c = 0; c < n_classes; c++) sum += exp(x[t * n_classes + c] = 2.0 * lp_rng_normal(&rng));
    for (int64_t c = 0; c < n_classes; c++) x[t * n_classes + c] = fl(dtype, x[t * n_classes + c] - log(sum));
  }
  for (int64_t j = 0; j < n_labels; j++) labels[j] = 1 + lp_rng_below(&rng, n_classes - 1);
  snprintf(shape, sizeof shape, "%lld %lld", (long long)n_frames, (long long)n_classes);
  snprintf(count, sizeof count, "%lld", (long long)n_labels);
  lp_trial *t = sequence(shape, NULL, count, labels, n_frames, n_labels);
  trial_tensor(t, "log_probs", dtype, shape, x);
  ck_assert_int_eq(lp_plan_init(&t->plan, &t->c, &t->error), LP_OK);
  free(x);
  free(labels);
  return t;
}

static void check_right(lp_dtype dtype, int64_t n_frames, bool linear) {
  lp_trial *t = speech(dtype, n_frames, 5, n_frames / 40 + 3);
  const verdict v = judge(t, linear);
  ck_assert_double_le(v.loss, 1.0);
  ck_assert_double_le(v.gradient, 1.0);
  trial_free(t);
}

START_TEST(right_in_logarithms) {
  check_right(LP_FLOAT32, 50, false);
  check_right(LP_FLOAT32, 500, false);
  check_right(LP_FLOAT32, 4000, false);
  check_right(LP_FLOAT64, 50, false);
  check_right(LP_FLOAT64, 500, false);
}
END_TEST

START_TEST(right_in_the_linear_domain) {
  check_right(LP_FLOAT32, 50, true);
  check_right(LP_FLOAT64, 50, true);
  check_right(LP_FLOAT64, 500, true);
}
END_TEST

/* Log-probabilities of the size X, or of a usual one, where X cancels between frames on some paths and not on others.
 */
static void fill_cancelling(lp_trial *t, lp_rng *rng, double x) {
  lp_tensor *log_probs = &t->c.inputs[0];
  for (int64_t i = 0; i < log_probs->numel; i++) {
    const double big[] = {0.0, 0.0, x, -x, x + 40.0, -x - 30.0};
    log_probs->f64[i] = fl(log_probs->dtype, lp_rng_pick(rng, big, 6) + 10.0 * lp_rng_normal(rng));
  }
}

static verdict judge_cancelling(lp_dtype dtype, double x, int n) {
  lp_rng rng = lp_rng_for_case(2, "cancelling");
  lp_trial *t = speech(dtype, 6, 3, 2);
  verdict worst = {0.0, 0.0, 0.0};
  for (int i = 0; i < n; i++) {
    fill_cancelling(t, &rng, x);
    const verdict v = judge(t, false);
    worst.loss = fmax(worst.loss, v.loss);
    worst.derivative = fmax(worst.derivative, v.derivative);
  }
  trial_free(t);
  return worst;
}

/* While 2 u times the intermediates stays below 3; the loss always. Beyond, no digit of a posterior is right, and that
 * is seen. */
START_TEST(right_where_terms_cancel) {
  static const double sizes[] = {1e3, 1e9, 1e12, 1e14, 1e15, 3e15, 1e16, 1e17, 1e18, 1e20, 1e30};
  for (int i = 0; i < 11; i++) {
    const verdict of_64 = judge_cancelling(LP_FLOAT64, sizes[i], 100);
    const verdict of_32 = judge_cancelling(LP_FLOAT32, sizes[i] * 0x1p-29, 100);
    ck_assert_double_le(of_64.loss, 1.0);
    ck_assert_double_le(of_32.loss, 1.0);
    ck_assert(sizes[i] > 3e15 || (of_64.derivative <= 1.0 && of_32.derivative <= 1.0));
    ck_assert(sizes[i] < 1e17 || of_64.derivative > 1.0);
  }
}
END_TEST

/* Two paths meet in the last frame: one of weight 1, and one of weight exp(-28), whose logarithm rounding makes 0: 9 is
 * added four times to -10^17, a multiple of 16. To first order it would have no weight. */
START_TEST(errors_shift_the_weights) {
  static const double x = 1e17, dead = -1e19;
  const double log_probs[] = {dead, 0, dead, dead, -x, 0, dead, 9,      0, dead, 9,    0,
                              dead, 9, 0,    dead, 9,  0, dead, x - 64, 0, dead, dead, 0};
  lp_trial *t = sequence("8 3", log_probs, "2", (int64_t[]){1, 2}, 8, 2);
  lp_exact e;
  ck_assert_int_eq(trial_run(t), LP_OK);
  const lp_exact_options sharp = {.precision = 512};
  ck_assert_int_eq(lp_exact_evaluate(&e, &t->plan, &sharp, &t->error), LP_OK);
  machine m = machine_for(t);
  log_forward(&m);
  ck_assert_double_eq_tol(m.loss, -log(2.0), 1e-12);
  check_decimals(number_of(&e, t, NULL, 0), "-0.000000000000691440010693781256297064302610097960233371105");
  ck_assert_double_le(ratio(number_of(&e, t, NULL, 0), m.loss, LP_FLOAT64), 1.0);
  free(m.alpha);
  free(m.gradient);
  free(m.derivative);
  check_agreement(&e, t);
  finish(&e, t);
}
END_TEST

/* The weights of a merge as they are, and as errors of kappa F may make them. */
START_TEST(merged_reaches) {
  const lp_ctc_unit unit = lp_ctc_unit_for(LP_FLOAT64, 4, 10.0);
  lp_ctc_merge merge;
  arb_t one, small;
  mag_t total;
  lp_ctc_merge_init(&merge);
  arb_init(one);
  arb_init(small);
  mag_init(total);
  arb_one(one);
  arb_set_d(small, 0.25);
  mag_set_d(total, 1.25);
  ck_assert_double_eq(lp_ctc_merged_reach(&merge, total, &unit), 0.0);
  lp_ctc_merge_add(&merge, one, 3.0);
  ck_assert_double_eq(lp_ctc_merged_reach(&merge, total, &unit), 3.0);
  lp_ctc_merge_add(&merge, small, 13.0);
  ck_assert_double_eq_tol(lp_ctc_merged_reach(&merge, total, &unit), 5.0, 1e-7);
  const double huge = 0x1p60; /* kappa F = 2^8 */
  merge.reach[1] = huge;
  ck_assert_double_eq_tol(lp_ctc_merged_reach(&merge, total, &unit) / huge, 1.0 + log(0.2) / 256.0, 1e-9);
  merge.reach[0] = merge.reach[1] = huge;
  ck_assert_double_eq_tol(lp_ctc_merged_reach(&merge, total, &unit) / huge, 1.0, 1e-7);
  lp_ctc_merge_clear(&merge);
  arb_clear(one);
  arb_clear(small);
  mag_clear(total);
}
END_TEST

/* An implementation without the skip, with the wrong blank, or with float32 where float64 is promised, is outside. */
START_TEST(faults_are_seen) {
  lp_trial *t = speech(LP_FLOAT64, 50, 5, 6);
  machine m = machine_for(t);
  lp_exact e;
  lp_error error;
  ck_assert_int_eq(lp_exact_evaluate(&e, &t->plan, NULL, &error), LP_OK);
  log_forward(&m);
  log_backward(&m);
  ck_assert_double_le(put_to_test(&e, &m).gradient, 1.0);
  m.gradient[7] = (double)(float)m.gradient[7];
  ck_assert_double_gt(put_to_test(&e, &m).gradient, 1.0);
  m.loss = (double)(float)m.loss;
  ck_assert_double_gt(put_to_test(&e, &m).loss, 1.0);
  int64_t labels[6] = {0};
  memcpy(labels, m.labels, sizeof labels);
  labels[2] = labels[2] % 4 + 1;
  m.labels = labels;
  log_forward(&m);
  ck_assert_double_gt(put_to_test(&e, &m).loss, 1e9);
  free(m.alpha);
  free(m.gradient);
  free(m.derivative);
  finish(&e, t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {counts_alignments,
                                one_frame,
                                empty_target,
                                scale_of_a_merge,
                                repeats,
                                infeasible,
                                no_frames,
                                minus_infinity,
                                nan_and_plus_infinity,
                                infinite_upstream,
                                reductions,
                                infinite_among_finite,
                                huge_numbers,
                                beyond_double,
                                displacements,
                                stand_ins,
                                right_in_logarithms,
                                right_in_the_linear_domain,
                                right_where_terms_cancel,
                                errors_shift_the_weights,
                                merged_reaches,
                                faults_are_seen};
  const int code = run_tests("exact ctc", tests, (int)(sizeof tests / sizeof tests[0]));
  flint_cleanup();
  return code;
}
