/* ctc against closed forms, enumerated alignments, central differences, and what PyTorch 2.13 was observed to do. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/draw.h"
#include "reference/tests/testing.h"

#define INF ((double)INFINITY)
#define NOT ((double)NAN)
#define THIRD (-1.0986122886681098)
#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* One unbatched sequence; shape is that of log_probs. */
static lp_trial *sequence(const char *shape, const double *log_probs, int n_frames, int n_labels,
                          const int64_t *labels) {
  char extent[16];
  lp_trial *t = trial_new("ctc");
  const int64_t frames = n_frames, targets = n_labels;
  snprintf(extent, sizeof extent, "%d", n_labels);
  trial_real(t, "log_probs", shape, log_probs);
  trial_index(t, "targets", extent, labels);
  trial_index(t, "input_lengths", "", &frames);
  trial_index(t, "target_lengths", "", &targets);
  trial_reduction(t, "none");
  return t;
}

static void fill(double *values, int n, double value) {
  for (int i = 0; i < n; i++) values[i] = value;
}

/* n_frames frames of n_classes equal log-probabilities. */
static lp_trial *uniform(int n_frames, int n_classes, int n_labels, const int64_t *labels) {
  char shape[32];
  double *log_probs = malloc(sizeof(double) * (size_t)(n_frames * n_classes));
  fill(log_probs, n_frames * n_classes, -log(n_classes));
  snprintf(shape, sizeof shape, "%d %d", n_frames, n_classes);
  lp_trial *t = sequence(shape, log_probs, n_frames, n_labels, labels);
  free(log_probs);
  return t;
}

static void run_ok(lp_trial *t) { ck_assert_msg(trial_run(t) == LP_OK, "%s", t->error.message); }

static void check_grads(const lp_trial *t, const double *expected, int n, double tolerance) {
  for (int i = 0; i < n; i++) check_near(trial_grad(t, "log_probs", i), expected[i], tolerance);
}

static double random_normal(lp_rng *rng) { return lp_rng_normal(rng); }

/* --- closed forms --- */

/* T frames, S labels that all differ from their neighbours: binomial(T + S, 2 S) alignments of weight C^-T. */
START_TEST(uniform_rows_count_alignments) {
  static const struct {
    int n_frames, n_labels;
    int64_t labels[3];
    double alignments;
  } rows[] = {{3, 1, {1}, 6},    {3, 2, {1, 2}, 5}, {5, 3, {1, 2, 1}, 28}, {3, 2, {1, 1}, 1},      {5, 3, {1, 1, 1}, 1},
              {4, 2, {1, 1}, 5}, {3, 0, {0}, 1},    {6, 3, {2, 2, 1}, 28}, {700, 1, {1}, 245350.0}};
  for (int i = 0; i < COUNT(rows); i++) {
    lp_trial *t = uniform(rows[i].n_frames, 3, rows[i].n_labels, rows[i].labels);
    run_ok(t);
    check_near(trial_loss(t, 0), rows[i].n_frames * log(3.0) - log(rows[i].alignments), 1e-12);
    trial_free(t);
  }
}
END_TEST

START_TEST(a_gradient_by_hand) {
  static const double expected[] = {-1.0 / 6, -1.0 / 6, 1.0 / 3, 0.0, -1.0 / 3, 1.0 / 3, -1.0 / 6, -1.0 / 6, 1.0 / 3};
  lp_trial *t = uniform(3, 3, 1, (const int64_t[]){1});
  run_ok(t);
  check_grads(t, expected, 9, 1e-15);
  trial_upstream(t, "", (const double[]){-3.0});
  run_ok(t);
  for (int i = 0; i < 9; i++) check_near(trial_grad(t, "log_probs", i), -3.0 * expected[i], 1e-15);
  trial_free(t);
}
END_TEST

/* A single alignment is a plain sum, exactly. */
START_TEST(single_alignment_is_a_sum) {
  static const double log_probs[] = {-9.0, -1e-10, -5.0, -3e-10, -7.0, -6.0, -2.0, -0x1p-40, -8.0};
  lp_trial *t = sequence("3 3", log_probs, 3, 2, (const int64_t[]){1, 1});
  run_ok(t);
  check_near(trial_loss(t, 0), 1e-10 + 3e-10 + 0x1p-40, 1e-25);
  ck_assert(trial_regime(t, "single-alignment") && trial_regime(t, "repeats") && trial_regime(t, "unnormalised"));
  trial_free(t);
}
END_TEST

/* What no alignment can meet, here the blanks, has no part in it. */
START_TEST(single_alignment_of_different_labels) {
  static const double log_probs[] = {3.1, -1e-10, 2.7, 3.3, 2.9, -3e-10};
  lp_trial *t = sequence("2 3", log_probs, 2, 2, (const int64_t[]){1, 2});
  run_ok(t);
  check_near(trial_loss(t, 0), 4e-10, 1e-25);
  ck_assert(trial_regime(t, "single-alignment") && trial_regime(t, "skips"));
  trial_free(t);
}
END_TEST

/* A weight that only hopeless alignments meet takes no bits from the others. */
START_TEST(hopeless_weights_cost_no_accuracy) {
  static const double hopeless[] = {170.0, 1e4, 8e18};
  for (int i = 0; i < COUNT(hopeless); i++) {
    const double h = hopeless[i];
    const double log_probs[] = {-0.3, -2 * h, -2 * h, -2 * h, -0.1, h, -2 * h, -2 * h, -0.2};
    lp_trial *t = sequence("3 3", log_probs, 3, 2, (const int64_t[]){1, 2});
    run_ok(t);
    check_near(trial_loss(t, 0), 0.6, 2e-16);
    check_near(trial_grad(t, "log_probs", 4), exp(-0.1) - 1.0, 1e-16);
    trial_free(t);
  }
}
END_TEST

/* Nothing normalises: zeros count the alignments, and the loss is -0 when there is one. */
START_TEST(unnormalised_rows) {
  const double zeros[9] = {0};
  lp_trial *t = sequence("2 3", zeros, 2, 1, (const int64_t[]){1});
  run_ok(t);
  check_near(trial_loss(t, 0), -THIRD * -1.0, 1e-15);
  ck_assert(trial_regime(t, "negative-loss"));
  trial_free(t);
  t = sequence("3 3", zeros, 3, 3, (const int64_t[]){1, 2, 1});
  run_ok(t);
  check_same(trial_loss(t, 0), -0.0);
  check_grads(t, (const double[]){1, 0, 1, 1, 1, 0, 1, 0, 1}, 9, 0.0);
  trial_upstream(t, "", (const double[]){-2.0});
  run_ok(t);
  check_same(trial_grad(t, "log_probs", 1), -0.0);
  trial_free(t);
}
END_TEST

/* --- enumerated alignments --- */

typedef struct sums {
  double total, posterior[5 * 3];
} sums;

/* Does the path, with repeats merged and blanks dropped, spell the labels? */
static bool spells(const int *path, int n_frames, const int64_t *labels, int n_labels) {
  int j = 0;
  for (int t = 0; t < n_frames; t++) {
    if (path[t] == 0 || (t > 0 && path[t] == path[t - 1])) continue;
    if (j == n_labels || labels[j] != path[t]) return false;
    j++;
  }
  return j == n_labels;
}

static void add_path(sums *s, const int *path, const double *log_probs, int n_frames) {
  double weight = 1.0;
  for (int t = 0; t < n_frames; t++) weight *= exp(log_probs[3 * t + path[t]]);
  s->total += weight;
  for (int t = 0; t < n_frames; t++) s->posterior[3 * t + path[t]] += weight;
}

static void enumerate(sums *s, const double *log_probs, int n_frames, const int64_t *labels, int n_labels) {
  int n_paths = 1;
  *s = (sums){.total = 0.0};
  for (int t = 0; t < n_frames; t++) n_paths *= 3;
  for (int p = 0; p < n_paths; p++) {
    int path[5], rest = p;
    for (int t = 0; t < n_frames; t++, rest /= 3) path[t] = rest % 3;
    if (spells(path, n_frames, labels, n_labels)) add_path(s, path, log_probs, n_frames);
  }
}

static void check_against_paths(const double *log_probs, int n_frames, const int64_t *labels, int n_labels) {
  sums s;
  char shape[16];
  snprintf(shape, sizeof shape, "%d 3", n_frames);
  enumerate(&s, log_probs, n_frames, labels, n_labels);
  lp_trial *t = sequence(shape, log_probs, n_frames, n_labels, labels);
  run_ok(t);
  check_near(trial_loss(t, 0), -log(s.total), 1e-13);
  for (int i = 0; i < 3 * n_frames; i++) {
    const double expected = s.total > 0.0 ? exp(log_probs[i]) - s.posterior[i] / s.total : NOT;
    check_near(trial_grad(t, "log_probs", i), expected, 1e-13);
  }
  trial_free(t);
}

START_TEST(all_alignments_of_all_short_targets) {
  lp_rng rng = {1};
  for (int n_labels = 0; n_labels <= 4; n_labels++) {
    for (int code = 0; code < 1 << n_labels; code++) {
      int64_t labels[4] = {0};
      for (int j = 0; j < n_labels; j++) labels[j] = 1 + ((code >> j) & 1);
      for (int n_frames = 1; n_frames <= 5; n_frames++) {
        double log_probs[15];
        for (int i = 0; i < 15; i++) log_probs[i] = 2.0 * random_normal(&rng);
        check_against_paths(log_probs, n_frames, labels, n_labels);
      }
    }
  }
}
END_TEST

/* --- differences --- */

/* The true derivative is -posterior: the gradient less the weight, times the upstream gradient. */
static void check_posteriors(lp_trial *t, int n, double upstream, double tolerance) {
  const double step = 0x1p-12;
  double *x = t->c.inputs[0].f64;
  for (int i = 0; i < n; i++) {
    const double kept = x[i];
    x[i] = kept + step;
    run_ok(t);
    const double above = trial_loss(t, 0);
    x[i] = kept - step;
    run_ok(t);
    const double below = trial_loss(t, 0);
    x[i] = kept;
    run_ok(t);
    const double slope = upstream * (exp(kept) + (above - below) / (2.0 * step));
    check_near(trial_grad(t, "log_probs", i), slope, tolerance);
  }
}

START_TEST(gradients_against_differences) {
  static const int64_t targets[][4] = {{1, 2, 3, 1}, {1, 1, 2, 2}, {0, 1, 0, 0}, {2, 0, 2, 0}};
  lp_rng rng = {2};
  for (int i = 0; i < COUNT(targets); i++) {
    double log_probs[7 * 4];
    for (int k = 0; k < 28; k++) log_probs[k] = random_normal(&rng);
    lp_trial *t = sequence("7 4", log_probs, 7, 4, targets[i]);
    check_posteriors(t, 28, 1.0, 1e-6);
    trial_upstream(t, "", (const double[]){-0.75});
    check_posteriors(t, 28, -0.75, 1e-6);
    trial_param(t, "blank", 3);
    check_posteriors(t, 28, -0.75, 1e-6);
    trial_free(t);
  }
}
END_TEST

/* --- batches --- */

enum { FRAMES = 5, BATCH = 3, CLASSES = 4, LABELS = 3 };
static const int64_t batch_targets[BATCH * LABELS] = {1, 2, 1, 3, 0, 0, 2, 2, 0};
static const int64_t batch_frames[BATCH] = {5, 4, 3}, batch_labels[BATCH] = {3, 1, 2};

static void draw_batch(double *log_probs) {
  lp_rng rng = {3};
  for (int i = 0; i < FRAMES * BATCH * CLASSES; i++) log_probs[i] = random_normal(&rng);
}

static lp_trial *batch(const double *log_probs, const char *reduction) {
  lp_trial *t = trial_new("ctc");
  trial_real(t, "log_probs", "5 3 4", log_probs);
  trial_index(t, "targets", "3 3", batch_targets);
  trial_index(t, "input_lengths", "3", batch_frames);
  trial_index(t, "target_lengths", "3", batch_labels);
  trial_reduction(t, reduction);
  return t;
}

/* Every sequence of the batch alone, unbatched, gives the same bits. */
START_TEST(a_batch_is_its_sequences) {
  double log_probs[FRAMES * BATCH * CLASSES];
  draw_batch(log_probs);
  lp_trial *whole = batch(log_probs, "none");
  run_ok(whole);
  ck_assert(trial_regime(whole, "padded") && trial_regime(whole, "labels-past-end"));
  for (int n = 0; n < BATCH; n++) {
    double own[FRAMES * CLASSES];
    for (int i = 0; i < FRAMES * CLASSES; i++) own[i] = log_probs[(i / CLASSES * BATCH + n) * CLASSES + i % CLASSES];
    lp_trial *t = sequence("5 4", own, (int)batch_frames[n], (int)batch_labels[n], batch_targets + n * LABELS);
    run_ok(t);
    ck_assert(trial_regime(t, "unbatched") && trial_regime(t, "concatenated"));
    check_same(trial_loss(whole, n), trial_loss(t, 0));
    for (int i = 0; i < FRAMES * CLASSES; i++) {
      const int64_t at = (i / CLASSES * BATCH + n) * CLASSES + i % CLASSES;
      check_same(trial_grad(whole, "log_probs", at), trial_grad(t, "log_probs", i));
    }
    trial_free(t);
  }
  trial_free(whole);
}
END_TEST

static void check_same_results(const lp_trial *a, const lp_trial *b, int n_losses) {
  for (int i = 0; i < n_losses; i++) check_same(trial_loss(a, i), trial_loss(b, i));
  for (int i = 0; i < FRAMES * BATCH * CLASSES; i++) {
    check_same(trial_grad(a, "log_probs", i), trial_grad(b, "log_probs", i));
  }
}

START_TEST(concatenated_targets_are_padded_ones) {
  double log_probs[FRAMES * BATCH * CLASSES];
  draw_batch(log_probs);
  lp_trial *padded = batch(log_probs, "none"), *concatenated = batch(log_probs, "none");
  trial_index(concatenated, "targets", "6", (const int64_t[]){1, 2, 1, 3, 2, 2});
  run_ok(padded);
  run_ok(concatenated);
  check_same_results(padded, concatenated, BATCH);
  trial_free(concatenated);
  trial_free(padded);
}
END_TEST

/* Labels past the target length, and frames past the input length, are not looked at. */
START_TEST(padding_is_not_read) {
  static const int64_t garbage[] = {1, 2, 1, 3, -1, 99, 2, 2, INT64_MIN};
  double log_probs[FRAMES * BATCH * CLASSES];
  draw_batch(log_probs);
  lp_trial *clean = batch(log_probs, "none"), *dirty = batch(log_probs, "none");
  trial_index(dirty, "targets", "3 3", garbage);
  for (int n = 1; n < BATCH; n++) {
    for (int t = (int)batch_frames[n]; t < FRAMES; t++) {
      for (int c = 0; c < CLASSES; c++) dirty->c.inputs[0].f64[(t * BATCH + n) * CLASSES + c] = c % 2 ? NOT : INF;
    }
  }
  run_ok(clean);
  run_ok(dirty);
  check_same_results(clean, dirty, BATCH);
  check_same(trial_grad(dirty, "log_probs", (4 * BATCH + 1) * CLASSES), 0.0);
  ck_assert(trial_regime(dirty, "frames-past-end") && !trial_regime(dirty, "nan"));
  trial_free(dirty);
  trial_free(clean);
}
END_TEST

START_TEST(reductions) {
  double log_probs[FRAMES * BATCH * CLASSES];
  draw_batch(log_probs);
  lp_trial *none = batch(log_probs, "none"), *sum = batch(log_probs, "sum"), *mean = batch(log_probs, "mean");
  trial_upstream(none, "3", (const double[]){1.5 / 9, 1.5 / 3, 1.5 / 6});
  trial_upstream(mean, "", (const double[]){1.5});
  run_ok(none);
  run_ok(sum);
  run_ok(mean);
  const double l0 = trial_loss(none, 0), l1 = trial_loss(none, 1), l2 = trial_loss(none, 2);
  check_near(trial_loss(sum, 0), l0 + l1 + l2, 1e-14);
  check_near(trial_loss(mean, 0), (l0 / 3 + l1 + l2 / 2) / 3, 1e-14);
  for (int i = 0; i < FRAMES * BATCH * CLASSES; i++) {
    check_near(trial_grad(mean, "log_probs", i), trial_grad(none, "log_probs", i), 1e-15);
  }
  ck_assert(trial_regime(mean, "mean-by-length") && !trial_regime(sum, "mean-by-length"));
  trial_free(mean);
  trial_free(sum);
  trial_free(none);
}
END_TEST

/* The mean is not that of the losses: 1.6864 / 2 and 1.5041 / 1. */
START_TEST(mean_divides_by_target_length) {
  double log_probs[18];
  fill(log_probs, 18, THIRD);
  lp_trial *t = trial_new("ctc");
  trial_real(t, "log_probs", "3 2 3", log_probs);
  trial_index(t, "targets", "2 2", (const int64_t[]){1, 2, 1, 0});
  trial_index(t, "input_lengths", "2", (const int64_t[]){3, 3});
  trial_index(t, "target_lengths", "2", (const int64_t[]){2, 1});
  run_ok(t);
  check_near(trial_loss(t, 0), (log(27.0 / 5) / 2 + log(27.0 / 6)) / 2, 1e-15);
  trial_index(t, "target_lengths", "2", (const int64_t[]){2, 0});
  run_ok(t);
  check_near(trial_loss(t, 0), (log(27.0 / 5) / 2 + log(27.0)) / 2, 1e-15);
  ck_assert(trial_regime(t, "mean-by-one") && trial_regime(t, "empty-target"));
  trial_free(t);
}
END_TEST

/* --- lengths --- */

START_TEST(without_frames) {
  for (int n_labels = 0; n_labels < 2; n_labels++) {
    double log_probs[9];
    fill(log_probs, 9, THIRD);
    lp_trial *t = sequence("3 3", log_probs, 0, n_labels, (const int64_t[]){1});
    trial_upstream(t, "", (const double[]){NOT});
    run_ok(t);
    check_same(trial_loss(t, 0), n_labels == 0 ? -0.0 : INF);
    check_grads(t, (const double[9]){0}, 9, 0.0);
    ck_assert(trial_regime(t, "zero-input-length"));
    ck_assert(trial_regime(t, "both-lengths-zero") == (n_labels == 0));
    trial_param(t, "zero_infinity", 1);
    run_ok(t);
    check_same(trial_loss(t, 0), n_labels == 0 ? -0.0 : 0.0);
    ck_assert(trial_regime(t, "zeroed") == (n_labels == 1));
    trial_free(t);
  }
}
END_TEST

START_TEST(too_few_frames) {
  static const double kept[] = {NOT, NOT, NOT, NOT, NOT, NOT, 0, 0, 0};
  double log_probs[9];
  fill(log_probs, 9, THIRD);
  lp_trial *t = sequence("3 3", log_probs, 2, 2, (const int64_t[]){1, 1});
  run_ok(t);
  check_same(trial_loss(t, 0), INF);
  check_grads(t, kept, 9, 0.0);
  ck_assert(trial_regime(t, "infeasible") && trial_regime(t, "infinite") && !trial_regime(t, "impossible"));
  trial_param(t, "zero_infinity", 1);
  trial_upstream(t, "", (const double[]){NOT});
  run_ok(t);
  check_same(trial_loss(t, 0), 0.0);
  check_grads(t, (const double[9]){0}, 9, 0.0);
  ck_assert(trial_regime(t, "zeroed") && !trial_regime(t, "infinite"));
  trial_free(t);
}
END_TEST

/* zero_infinity leaves the other sequences of the batch as they are. */
START_TEST(zeroing_one_of_two) {
  double log_probs[18];
  fill(log_probs, 18, THIRD);
  lp_trial *t = trial_new("ctc");
  trial_real(t, "log_probs", "3 2 3", log_probs);
  trial_index(t, "targets", "2 3", (const int64_t[]){1, 1, 1, 1, 0, 0});
  trial_index(t, "input_lengths", "2", (const int64_t[]){3, 3});
  trial_index(t, "target_lengths", "2", (const int64_t[]){3, 1});
  trial_param(t, "zero_infinity", 1);
  trial_reduction(t, "sum");
  run_ok(t);
  check_near(trial_loss(t, 0), log(27.0 / 6), 1e-15);
  for (int f = 0; f < 3; f++) {
    check_same(trial_grad(t, "log_probs", f * 6 + 1), 0.0);
    check_near(trial_grad(t, "log_probs", f * 6 + 5), 1.0 / 3, 1e-15);
  }
  trial_free(t);
}
END_TEST

/* --- infinities and NaN: all observed on PyTorch 2.13 --- */

typedef struct odd_case {
  const char *shape;
  double log_probs[16];
  int n_frames, n_labels;
  int64_t labels[3];
  double loss;
  double classes[16]; /* 0: finite */
} odd_case;

static void check_odd_case(const odd_case *row) {
  lp_trial *t = sequence(row->shape, row->log_probs, row->n_frames, row->n_labels, row->labels);
  run_ok(t);
  check_near(trial_loss(t, 0), row->loss, 1e-14);
  for (int64_t i = 0; i < t->c.inputs[0].numel; i++) {
    const double g = trial_grad(t, "log_probs", i);
    check_same(isfinite(g) ? 0.0 : g, row->classes[i]);
  }
  trial_free(t);
}

START_TEST(classes_of_odd_inputs) {
  static const double u = THIRD, n = NOT;
  const odd_case rows[] = {
      {"3 3", {-INF, 0, -INF, -INF, 0, -INF, -INF, 0, -INF}, 3, 1, {1}, -0.0, {n, 0, n, n, 0, n, n, 0, n}},
      {"3 3", {u, u, n, u, u, u, u, u, u}, 3, 1, {1}, 1.5040773967762742, {0, 0, n}},
      {"3 3", {u, n, u, u, u, u, u, u, u}, 3, 1, {1}, n, {n, n, n, n, n, n, n, n, n}},
      {"3 3", {u, u, n, u, u, u, u, u, u}, 3, 2, {1, 2}, 1.6863989535702286, {0, 0, n}},
      {"3 4", {u, u, u, u, u, n, u, u, u, u, u, u}, 3, 3, {1, 2, 3}, -3 * u, {n, n, 0, 0, 0, n}},
      {"3 4", {u, u, u, u, u, u, u, u, u, n, u, u}, 3, 3, {1, 2, 3}, -3 * u, {0, 0, 0, 0, 0, 0, 0, 0, 0, n}},
      {"1 4", {u, n, u, u}, 1, 2, {1, 2}, INF, {n, n, n, n}},
      {"3 2", {u, u, u, u, INF, u}, 3, 0, {0}, -INF, {n, 0, n, 0, n, 0}},
      {"3 2", {INF, u, u, u, u, u}, 3, 0, {0}, n, {n, n, n, n, n, n}},
      {"1 2", {INF, u}, 1, 0, {0}, -INF, {n, 0}},
      {"3 2", {u, u, u, u, u, INF}, 3, 1, {1}, n, {n, n, n, n, n, n}},
      {"2 3", {u, u, INF, u, u, u}, 2, 1, {1}, -u, {0, 0, INF}},
      {"3 3", {u, u, u, -INF, -INF, -INF, u, u, u}, 3, 1, {1}, INF, {n, n, n, n, n, n, n, n, n}},
      {"3 3", {u, u, u, u, u, u, n, INF, -INF}, 2, 1, {1}, -u, {0}},
  };
  for (int i = 0; i < COUNT(rows); i++) check_odd_case(&rows[i]);
}
END_TEST

/* What stays finite beside an infinite loss has no posterior to lose. */
START_TEST(weights_beside_an_infinite_loss) {
  lp_trial *t = sequence("2 2", (const double[]){-1.0, -2.0, INF, -3.0}, 2, 0, NULL);
  trial_upstream(t, "", (const double[]){2.0});
  run_ok(t);
  check_near(trial_grad(t, "log_probs", 1), 2.0 * exp(-2.0), 1e-16);
  check_near(trial_grad(t, "log_probs", 3), 2.0 * exp(-3.0), 1e-16);
  ck_assert(trial_regime(t, "pos-inf") && !trial_regime(t, "feasible"));
  trial_free(t);
}
END_TEST

START_TEST(odd_upstream_gradients) {
  static const double odd[] = {INF, -INF, NOT};
  for (int i = 0; i < 3; i++) {
    lp_trial *t = sequence("3 2", (const double[]){-1, -2, -1, -2, -1, -2}, 2, 1, (const int64_t[]){1});
    trial_upstream(t, "", &odd[i]);
    run_ok(t);
    check_same(trial_grad(t, "log_probs", 1), -odd[i]);
    check_same(trial_grad(t, "log_probs", 5), 0.0);
    trial_free(t);
  }
  lp_trial *t = sequence("1 3", (const double[]){0, 0, 0}, 1, 1, (const int64_t[]){1});
  trial_upstream(t, "", &odd[0]);
  run_ok(t);
  check_grads(t, (const double[]){INF, NOT, INF}, 3, 0.0);
  trial_free(t);
  t = sequence("1 3", (const double[]){-1.0, -745.0, -746.0}, 1, 0, NULL);
  trial_upstream(t, "", &odd[0]);
  run_ok(t);
  check_grads(t, (const double[]){-INF, INF, NOT}, 3, 0.0);
  trial_free(t);
  t = sequence("1 3", (const double[]){-1.0, -2.0, INF}, 1, 1, (const int64_t[]){1});
  trial_upstream(t, "", (const double[]){-2.0});
  run_ok(t);
  check_same(trial_grad(t, "log_probs", 2), -INF);
  trial_free(t);
}
END_TEST

/* --- finite inputs at which the plain recursion fails --- */

/* The last blank state counts although the label before it is in the same class. */
START_TEST(a_last_label_that_is_the_blank) {
  lp_trial *t = uniform(3, 3, 1, (const int64_t[]){0});
  run_ok(t);
  check_near(trial_loss(t, 0), log(27.0 / 6), 1e-15);
  for (int f = 0; f < 3; f++) check_grads(t, (const double[]){-2.0 / 3, 1.0 / 3, 1.0 / 3}, 3, 1e-15);
  check_near(trial_grad(t, "log_probs", 6), -2.0 / 3, 1e-15);
  ck_assert(trial_regime(t, "blank-last") && trial_regime(t, "blank-in-target"));
  trial_free(t);
}
END_TEST

START_TEST(exponentials_beyond_doubles) {
  lp_trial *t = sequence("1 2", (const double[]){720.0, -720.0}, 1, 1, (const int64_t[]){1});
  trial_upstream(t, "", (const double[]){1e-20});
  run_ok(t);
  check_same(trial_loss(t, 0), 720.0);
  check_near(trial_grad(t, "log_probs", 0) / 4.9e292, 1.0, 0.01);
  check_same(trial_grad(t, "log_probs", 1), -1e-20);
  ck_assert(trial_regime(t, "exp-overflow") && trial_regime(t, "exp-underflow"));
  trial_upstream(t, "", (const double[]){0.0});
  run_ok(t);
  check_same(trial_grad(t, "log_probs", 0), 0.0);
  trial_upstream(t, "", (const double[]){1.0});
  run_ok(t);
  check_same(trial_grad(t, "log_probs", 0), INF);
  trial_free(t);
}
END_TEST

/* exp(-720) has 7 bits as a double; with its factor it has them all. */
START_TEST(weights_below_doubles) {
  lp_trial *t = sequence("1 2", (const double[]){-730.0, -1.0}, 1, 1, (const int64_t[]){1});
  trial_upstream(t, "", (const double[]){0x1p1000});
  run_ok(t);
  check_near(trial_grad(t, "log_probs", 0) / (0x1p1000 * exp(-365.0) * exp(-365.0)), 1.0, 1e-15);
  trial_free(t);
}
END_TEST

START_TEST(logarithms_near_the_largest_double) {
  lp_trial *t = sequence("1 2", (const double[]){-1.0, -1.7e308}, 1, 1, (const int64_t[]){1});
  run_ok(t);
  check_same(trial_loss(t, 0), 1.7e308);
  check_same(trial_grad(t, "log_probs", 1), -1.0);
  trial_free(t);
  t = sequence("2 1", (const double[]){DBL_MAX, -1.0}, 2, 0, NULL);
  run_ok(t);
  check_same(trial_loss(t, 0), -DBL_MAX);
  trial_free(t);
  t = sequence("2 2", (const double[]){-1.0, -1.7e308, -2.0, -1.7e308}, 2, 2, (const int64_t[]){1, 0});
  run_ok(t);
  check_near(trial_loss(t, 0) / 1.7e308, 1.0, 1e-15);
  trial_free(t);
  t = sequence("2 2", (const double[]){-1.0, -1.0e308, -1.2e308, -1.0}, 2, 2, (const int64_t[]){1, 0});
  trial_reduction(t, "mean"); /* 2.2e308 / 2 */
  run_ok(t);
  check_near(trial_loss(t, 0) / 1.1e308, 1.0, 1e-15);
  trial_free(t);
  t = sequence("2 1", (const double[]){-1.7e308, -1.7e308}, 2, 0, NULL);
  run_ok(t);
  check_same(trial_loss(t, 0), INF);
  check_grads(t, (const double[]){-1.0, -1.0}, 2, 0.0);
  trial_param(t, "zero_infinity", 1);
  run_ok(t);
  check_grads(t, (const double[]){-1.0, -1.0}, 2, 0.0);
  trial_free(t);
}
END_TEST

/* Log-probabilities that add up beyond 10^310: the loss is the infinity it rounds to. */
START_TEST(beyond_all_exponents) {
  double log_probs[1600];
  for (int i = 0; i < 1600; i++) log_probs[i] = (i / 2 + i) % 2 ? -1.7e308 : 0.0;
  lp_trial *t = sequence("800 2", log_probs, 800, 1, (const int64_t[]){1});
  run_ok(t);
  check_same(trial_loss(t, 0), INF);
  for (int i = 0; i < 1600; i++) ck_assert(isfinite(trial_grad(t, "log_probs", i)));
  trial_free(t);
}
END_TEST

/* Of the five alignments three pass one gap of 10^4, the others two and three. */
START_TEST(gaps_that_underflow) {
  static const double log_probs[] = {-1e4, 0.0, 0.0, 0.0, -1e4, 0.0, -1e4, 0.0, -1e4};
  lp_trial *t = sequence("3 3", log_probs, 3, 2, (const int64_t[]){1, 2});
  run_ok(t);
  check_near(trial_loss(t, 0), 1e4 - log(3.0), 1e-11);
  check_grads(t, (const double[]){0, 0, 1, 2.0 / 3, 0, 1.0 / 3, -1.0 / 3, 1, -2.0 / 3}, 9, 1e-15);
  ck_assert(trial_regime(t, "wide"));
  trial_free(t);
}
END_TEST

/* A confident alignment: rows that add up to 1, and a loss that rounding does not bring below 0. */
START_TEST(confident_rows) {
  const double miss = exp(-20.0), hit = -log1p(2.0 * miss);
  double log_probs[12];
  for (int i = 0; i < 12; i++) log_probs[i] = i % 3 == 1 ? hit : hit - 20.0;
  lp_trial *t = sequence("4 3", log_probs, 4, 1, (const int64_t[]){1});
  run_ok(t);
  ck_assert(trial_regime(t, "confident") && trial_regime(t, "normalised"));
  check_near(trial_loss(t, 0), 6.0 * miss, 0x1p-53 * 4.1 * 4);
  trial_free(t);
}
END_TEST

/* 1000 frames: closed form, 400 labels that all differ from their neighbours. */
START_TEST(long_sequences) {
  enum { N_LABELS = 400, N_FRAMES = 1000 };
  int64_t labels[N_LABELS];
  double alignments = 0.0;
  for (int j = 0; j < N_LABELS; j++) labels[j] = 1 + j % 2;
  for (int k = 1; k <= 2 * N_LABELS; k++) alignments += log((N_FRAMES + N_LABELS - 2.0 * N_LABELS + k) / k);
  lp_trial *t = uniform(N_FRAMES, 3, N_LABELS, labels);
  ck_assert_int_eq(trial_run(t), LP_OK);
  check_near(trial_loss(t, 0), N_FRAMES * log(3.0) - alignments, 1e-9);
  for (int f = 0; f < N_FRAMES; f += 10) {
    double sum = 0.0;
    for (int c = 0; c < 3; c++) sum += trial_grad(t, "log_probs", 3 * f + c);
    check_near(sum, 0.0, 1e-14);
  }
  ck_assert(trial_regime(t, "wide"));
  trial_free(t);
}
END_TEST

/* --- log-probabilities beyond what the levels of a sum can hold --- */

/* Of three alignments (2^62 + 256, 2^62, 256) the first is all that counts, though a double does not tell the first two
 * apart. */
START_TEST(far_weights_leave_near_ones_their_say) {
  static const double rows[][4] = {{0, 0x1p62, 0, 256}, {0, 256, 0x1p62, 0}, {256, 0, 0, 0x1p62}};
  static const double shares[][4] = {{0, 1, 0, 1}, {0, 1, 1, 0}, {1, 0, 0, 1}};
  for (int i = 0; i < COUNT(rows); i++) {
    lp_trial *t = sequence("2 2", rows[i], 2, 1, (const int64_t[]){1});
    trial_param(t, "blank", 0);
    run_ok(t);
    check_same(trial_loss(t, 0), -0x1p62);
    for (int k = 0; k < 4; k++) {
      const double expected = rows[i][k] == 0x1p62 ? INF : exp(rows[i][k]) - shares[i][k];
      check_near(trial_grad(t, "log_probs", k), expected, expected / 0x1p52);
    }
    ck_assert(trial_regime(t, "wide"));
    trial_free(t);
  }
}
END_TEST

/* In one frame the classes are three apart, and the frames add up to 0. */
START_TEST(far_frames_that_cancel) {
  static const double log_probs[] = {0x1p54, 0x1p54 + 4, -0x1p54, -0x1p54, 1.0, 1.0};
  lp_trial *t = sequence("3 2", log_probs, 3, 1, (const int64_t[]){1});
  run_ok(t);
  const double begun = 3 * exp(4.0), total = begun + 3; /* alignments: label first 3, blank first 3 */
  check_near(trial_loss(t, 0), -1.0 - log(total), 1e-14);
  check_near(trial_grad(t, "log_probs", 2), -(exp(4.0) + 1) / total, 1e-15);
  check_near(trial_grad(t, "log_probs", 3), -(2 * exp(4.0) + 2) / total, 1e-15);
  check_near(trial_grad(t, "log_probs", 4), exp(1.0) - (2 * exp(4.0) + 1) / total, 1e-15);
  ck_assert(!trial_regime(t, "wide"));
  trial_free(t);
  t = sequence("3 1", (const double[]){1e300, -1e300, -3.0}, 3, 0, NULL);
  run_ok(t);
  check_same(trial_loss(t, 0), 3.0);
  check_same(trial_grad(t, "log_probs", 1), -1.0);
  trial_free(t);
}
END_TEST

/* A frame whose weights are all smaller by the same factor changes no share in any. */
static void check_moved_frames(const double *log_probs, int n_frames, const int64_t *labels, int n_labels) {
  char shape[16];
  double far[15], moved = 0.0;
  snprintf(shape, sizeof shape, "%d 3", n_frames);
  for (int i = 0; i < 3 * n_frames; i++) far[i] = log_probs[i] - (i / 3 % 2 ? 0x1p50 : 0x1p49);
  for (int f = 0; f < n_frames; f++) moved += f % 2 ? 0x1p50 : 0x1p49;
  lp_trial *near = sequence(shape, log_probs, n_frames, n_labels, labels);
  lp_trial *t = sequence(shape, far, n_frames, n_labels, labels);
  run_ok(near);
  run_ok(t);
  check_near(trial_loss(t, 0), trial_loss(near, 0) + moved, isfinite(trial_loss(near, 0)) ? 0x1p-52 * moved : 0.0);
  for (int i = 0; i < 3 * n_frames; i++) {
    check_near(trial_grad(t, "log_probs", i), trial_grad(near, "log_probs", i) - exp(log_probs[i]), 1e-13);
  }
  trial_free(t);
  trial_free(near);
}

START_TEST(far_sequences_are_near_ones_moved) {
  lp_rng rng = {4};
  for (int n_labels = 0; n_labels <= 3; n_labels++) {
    for (int code = 0; code < 1 << 2 * n_labels; code++) {
      int64_t labels[3] = {0};
      for (int j = 0; j < n_labels; j++) labels[j] = (code >> 2 * j & 3) % 3;
      for (int n_frames = 1; n_frames <= 5; n_frames++) {
        double log_probs[15];
        for (int i = 0; i < 15; i++) log_probs[i] = nearbyint(8.0 * random_normal(&rng)) / 4.0;
        check_moved_frames(log_probs, n_frames, labels, n_labels);
      }
    }
  }
}
END_TEST

START_TEST(far_weights_beside_infinities) {
  const double log_probs[] = {-1.0, -INF, -1e200, -2.0, -INF, -1e200};
  lp_trial *t = sequence("2 3", log_probs, 2, 1, (const int64_t[]){1});
  run_ok(t);
  check_same(trial_loss(t, 0), INF);
  ck_assert(trial_regime(t, "impossible") && !trial_regime(t, "wide"));
  trial_param(t, "zero_infinity", 1);
  run_ok(t);
  check_same(trial_loss(t, 0), 0.0);
  check_grads(t, (const double[6]){0}, 6, 0.0);
  trial_index(t, "targets", "1", (const int64_t[]){2});
  run_ok(t);
  check_same(trial_loss(t, 0), 1e200);
  const double share = 1.0 / (1.0 + exp(-1.0)); /* of -1 - 1e200, beside -1e200 - 2 and -2e200 */
  check_near(trial_grad(t, "log_probs", 0), exp(-1.0) - share, 1e-15);
  check_near(trial_grad(t, "log_probs", 2), share - 1.0, 1e-15);
  trial_free(t);
}
END_TEST

/* Losses that exceed doubles one by one, or in part, have sums and means that do not. */
START_TEST(far_losses_add_up) {
  lp_trial *t = trial_new("ctc");
  trial_real(t, "log_probs", "1 4 2", (const double[]){-1.7e308, 0, -1.7e308, 0, 1.7e308, 0, -2.0, 0});
  trial_index(t, "targets", "0", NULL);
  trial_index(t, "input_lengths", "4", (const int64_t[]){1, 1, 1, 1});
  trial_index(t, "target_lengths", "4", (const int64_t[]){0, 0, 0, 0});
  trial_reduction(t, "sum");
  run_ok(t);
  check_same(trial_loss(t, 0), 1.7e308);
  trial_reduction(t, "mean");
  run_ok(t);
  check_same(trial_loss(t, 0), 1.7e308 / 4);
  t->c.inputs[0].f64[4] = t->c.inputs[0].f64[6] = -INF;
  run_ok(t);
  check_same(trial_loss(t, 0), INF);
  trial_param(t, "zero_infinity", 1);
  run_ok(t);
  check_same(trial_loss(t, 0), 1.7e308 / 2);
  t->c.inputs[0].f64[0] = 1.7e308;
  t->c.inputs[0].f64[6] = -2.0;
  run_ok(t);
  check_same(trial_loss(t, 0), 0.5);
  trial_free(t);
}
END_TEST

/* An upstream gradient that the mean makes subnormal, or 0, before a weight makes it large again. */
START_TEST(upstream_gradients_below_doubles) {
  lp_trial *t = trial_new("ctc");
  trial_real(t, "log_probs", "1 2 1", (const double[]){3.0, 1e4});
  trial_index(t, "targets", "0", NULL);
  trial_index(t, "input_lengths", "2", (const int64_t[]){1, 1});
  trial_index(t, "target_lengths", "2", (const int64_t[]){0, 0});
  trial_upstream(t, "", (const double[]){-0x1p-1074});
  run_ok(t);
  check_same(trial_grad(t, "log_probs", 0), -10 * 0x1p-1074); /* (e^3 - 1) / 2 is 9.54 */
  check_same(trial_grad(t, "log_probs", 1), -INF);
  trial_upstream(t, "", (const double[]){0.0});
  run_ok(t);
  check_same(trial_grad(t, "log_probs", 0), 0.0);
  t->c.inputs[0].f64[0] = INF;
  trial_upstream(t, "", (const double[]){0x1p-1074});
  run_ok(t);
  check_same(trial_grad(t, "log_probs", 1), INF);
  trial_free(t);
}
END_TEST

/* --- what PyTorch refuses --- */

static lp_trial *ordinary(void) {
  double log_probs[24];
  fill(log_probs, 24, -1.0);
  lp_trial *t = trial_new("ctc");
  trial_real(t, "log_probs", "4 2 3", log_probs);
  trial_index(t, "targets", "2 2", (const int64_t[]){1, 2, 2, 1});
  trial_index(t, "input_lengths", "2", (const int64_t[]){4, 4});
  trial_index(t, "target_lengths", "2", (const int64_t[]){2, 2});
  return t;
}

static void expect_refusal(lp_trial *t, lp_reject reason, const char *text) {
  ck_assert_int_eq(trial_run(t), LP_REJECTED);
  check_refused(t, reason, text);
  trial_free(t);
}

static void refuse_real(const char *shape, lp_dtype dtype, lp_reject reason, const char *text) {
  lp_trial *t = ordinary();
  trial_tensor(t, "log_probs", dtype, shape, NULL);
  expect_refusal(t, reason, text);
}

static void refuse_index(const char *input, const char *shape, const int64_t *values, lp_reject reason,
                         const char *text) {
  lp_trial *t = ordinary();
  trial_index(t, input, shape, values);
  expect_refusal(t, reason, text);
}

static void refuse_blank(double blank, const char *text) {
  lp_trial *t = ordinary();
  trial_param(t, "blank", blank);
  expect_refusal(t, LP_REJECT_PARAMETER, text);
}

START_TEST(refused_log_probs) {
  refuse_real("4 2 3", LP_FLOAT16, LP_REJECT_DTYPE, "float64 or float32, got float16");
  refuse_real("4 2 3", LP_BFLOAT16, LP_REJECT_DTYPE, "float64 or float32, got bfloat16");
  refuse_real("4 2 3", LP_INT64, LP_REJECT_DTYPE, "log_probs");
  refuse_real("0 2 3", LP_FLOAT64, LP_REJECT_SHAPE, "not empty, got shape (0, 2, 3)");
  refuse_real("4 0 3", LP_FLOAT64, LP_REJECT_SHAPE, "not empty");
  refuse_real("4 2 0", LP_FLOAT64, LP_REJECT_SHAPE, "not empty");
  refuse_real("4", LP_FLOAT64, LP_REJECT_RANK, "log_probs");
  refuse_real("1 4 2 3", LP_FLOAT64, LP_REJECT_RANK, "log_probs");
  lp_trial *t = ordinary();
  trial_tensor(t, "log_probs", LP_FLOAT32, "4 2 3", NULL);
  run_ok(t);
  trial_free(t);
}
END_TEST

START_TEST(refused_blanks) {
  refuse_blank(-1.0, "blank: expected a class, an integer in 0..2, got -1");
  refuse_blank(3.0, "got 3");
  refuse_blank(0.5, "got 0.5");
  refuse_blank(NOT, "blank");
}
END_TEST

START_TEST(refused_lengths) {
  refuse_index("input_lengths", "2", (const int64_t[]){4, -1}, LP_REJECT_LENGTH, "0..4, got -1 at position 1");
  refuse_index("input_lengths", "2", (const int64_t[]){5, 4}, LP_REJECT_LENGTH, "0..4, got 5 at position 0");
  refuse_index("target_lengths", "2", (const int64_t[]){2, -512}, LP_REJECT_LENGTH, "target_lengths");
  refuse_index("target_lengths", "2", (const int64_t[]){3, 2}, LP_REJECT_LENGTH, "0..2, got 3");
  refuse_index("input_lengths", "3", (const int64_t[]){4, 4, 4}, LP_REJECT_SHAPE, "each of the 2 sequences");
  refuse_index("target_lengths", "1", (const int64_t[]){2}, LP_REJECT_SHAPE, "got shape (1)");
  lp_trial *t = ordinary();
  trial_tensor(t, "input_lengths", LP_FLOAT64, "2", NULL);
  expect_refusal(t, LP_REJECT_DTYPE, "input_lengths");
  t = ordinary();
  trial_index(t, "input_lengths", "2 1", (const int64_t[]){4, 4});
  trial_index(t, "target_lengths", "1 2", (const int64_t[]){2, 2});
  run_ok(t);
  trial_free(t);
}
END_TEST

START_TEST(refused_targets) {
  refuse_index("targets", "3 2", NULL, LP_REJECT_SHAPE, "each of the 2 sequences, got shape (3, 2)");
  refuse_index("targets", "5", NULL, LP_REJECT_SHAPE, "4 concatenated labels, the sum of target_lengths, got 5");
  refuse_index("targets", "3", NULL, LP_REJECT_SHAPE, "got 3");
  refuse_index("targets", "1", NULL, LP_REJECT_LENGTH, "target_lengths");
  refuse_index("targets", "", NULL, LP_REJECT_RANK, "targets");
  refuse_index("targets", "2 2 1", NULL, LP_REJECT_RANK, "targets");
  refuse_index("targets", "2 2", (const int64_t[]){1, 2, 2, 3}, LP_REJECT_INDEX,
               "0..2, got 3 at label 1 of sequence 1");
  refuse_index("targets", "4", (const int64_t[]){1, -1, 2, 2}, LP_REJECT_INDEX, "got -1 at label 1 of sequence 0");
  lp_trial *t = ordinary();
  trial_index(t, "targets", "2 2", (const int64_t[]){9, 9, 1, 2});
  trial_index(t, "input_lengths", "2", (const int64_t[]){0, 4});
  run_ok(t);
  trial_free(t);
}
END_TEST

START_TEST(refused_upstream_and_reduction) {
  lp_trial *t = ordinary();
  trial_reduction(t, "none");
  trial_upstream(t, "", NULL);
  expect_refusal(t, LP_REJECT_GRAD_OUTPUT, "(2)");
  t = ordinary();
  trial_reduction(t, "batchmean");
  expect_refusal(t, LP_REJECT_REDUCTION, "batchmean");
}
END_TEST

/* --- drawing --- */

typedef struct tally {
  uint64_t regimes;
  unsigned rejects;
  int accepted, refused;
} tally;

/* "T N+1 C" with numbers for its letters; "." is "". */
static void shape_of(char *text, const char *letters, const int64_t *sizes) {
  *text = '\0';
  for (const char *at = letters; *at && strcmp(letters, ".") != 0; at++) {
    if (*at < 'A' || *at > 'Z') {
      text += sprintf(text, "%c", *at);
    } else {
      text += sprintf(text, "%d", (int)sizes[*at - 'A'] + (at[1] == '+'));
      if (at[1] == '+') at += 2;
    }
  }
}

static lp_trial *drawn(const lp_loss *loss, int shape, int value, lp_rng *rng) {
  static const int64_t least[26] = {['C' - 'A'] = 2, ['N' - 'A'] = 1, ['T' - 'A'] = 1};
  int64_t sizes[26];
  lp_trial *t = trial_new("ctc");
  for (int i = 0; i < 26; i++) sizes[i] = least[i] + lp_rng_below(rng, i == 'T' - 'A' ? 8 : 4);
  for (int i = 0; i < 4; i++) {
    char text[64];
    shape_of(text, loss->shape_classes[shape].shapes[i], sizes);
    trial_tensor(t, loss->inputs[i].name, i == 0 ? LP_FLOAT32 : LP_INT64, text, NULL);
  }
  trial_param(t, "zero_infinity", (double)lp_rng_below(rng, 2));
  trial_param(t, "blank", (double)(lp_rng_chance(rng, 0.3) && t->c.inputs[0].rank == 3 ? 1 : 0));
  loss->draw(&t->c, rng, value);
  return t;
}

static void add_drawn(tally *sum, lp_trial *t) {
  const lp_status status = trial_run(t);
  ck_assert(status == LP_OK || status == LP_REJECTED);
  if (status == LP_OK) {
    sum->regimes |= t->regimes;
    sum->accepted++;
  } else {
    sum->rejects |= 1u << t->error.reject;
    sum->refused++;
  }
}

/* Every regime and every reason that values or shapes can give is met; nothing is left unwritten; float32 tensors hold
 * finite float32 numbers where finite ones were drawn. */
START_TEST(draws_reach_everything) {
  const lp_loss *loss = lp_registry_find("ctc");
  tally sum = {.regimes = 0};
  for (int round = 0; round < 25; round++) {
    for (int i = 0; i < loss->n_shape_classes * loss->n_value_classes; i++) {
      const int shape = i % loss->n_shape_classes, value = i / loss->n_shape_classes;
      const bool large = strpbrk(loss->shape_classes[shape].shapes[0], "046") != NULL;
      const bool huge = strlen(loss->shape_classes[shape].shapes[1]) > 4;
      if ((huge && value > 0) || (round > 0 && (large || loss->shape_classes[shape].rejects))) continue;
      lp_rng rng = {(uint64_t)(round * 1000 + i)};
      lp_trial *t = drawn(loss, shape, value, &rng);
      for (int64_t k = 0; k < t->c.inputs[0].numel; k++) {
        const double x = t->c.inputs[0].f64[k];
        ck_assert(isnan(x) || x == (double)(float)x);
        ck_assert(isfinite(x) || strcmp(loss->value_classes[value].name, "extreme") != 0);
      }
      add_drawn(&sum, t);
      trial_free(t);
    }
  }
  for (int i = 0; i < loss->n_regimes; i++) {
    ck_assert_msg((sum.regimes >> i) & 1u, "no draw enters %s", loss->regimes[i].name);
  }
  const unsigned drawn_rejects =
      loss->rejects & ~(1u << LP_REJECT_DTYPE | 1u << LP_REJECT_REDUCTION | 1u << LP_REJECT_GRAD_OUTPUT);
  ck_assert_uint_eq(sum.rejects & drawn_rejects, drawn_rejects);
}
END_TEST

START_TEST(draws_are_repeatable_and_fit_their_dtype) {
  static const lp_dtype dtypes[] = {LP_INT32, LP_INT16, LP_INT8, LP_UINT8};
  static const int64_t least[] = {INT32_MIN, INT16_MIN, INT8_MIN, 0};
  static const int64_t most[] = {INT32_MAX, INT16_MAX, INT8_MAX, UINT8_MAX};
  for (int i = 0; i < COUNT(dtypes); i++) {
    for (int seed = 0; seed < 8 * lp_registry_find("ctc")->n_value_classes; seed++) {
      const int value = seed / 8;
      lp_trial *t[2];
      for (int k = 0; k < 2; k++) {
        lp_rng rng = {(uint64_t)seed};
        t[k] = ordinary();
        trial_tensor(t[k], "targets", dtypes[i], "2 2", NULL);
        trial_tensor(t[k], "input_lengths", dtypes[i], "2", NULL);
        t[k]->c.loss->draw(&t[k]->c, &rng, value);
      }
      ck_assert_mem_eq(t[0]->c.inputs[0].f64, t[1]->c.inputs[0].f64, 24 * sizeof(double));
      ck_assert_mem_eq(t[0]->c.inputs[1].i64, t[1]->c.inputs[1].i64, 4 * sizeof(int64_t));
      for (int k = 0; k < 4; k++) {
        const int64_t label = t[0]->c.inputs[1].i64[k];
        ck_assert(label >= least[i] && label <= most[i]);
      }
      for (int k = 0; k < 2; k++) trial_free(t[k]);
    }
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {uniform_rows_count_alignments,
                                a_gradient_by_hand,
                                single_alignment_is_a_sum,
                                single_alignment_of_different_labels,
                                hopeless_weights_cost_no_accuracy,
                                unnormalised_rows,
                                all_alignments_of_all_short_targets,
                                gradients_against_differences,
                                a_batch_is_its_sequences,
                                concatenated_targets_are_padded_ones,
                                padding_is_not_read,
                                reductions,
                                mean_divides_by_target_length,
                                without_frames,
                                too_few_frames,
                                zeroing_one_of_two,
                                classes_of_odd_inputs,
                                weights_beside_an_infinite_loss,
                                odd_upstream_gradients,
                                a_last_label_that_is_the_blank,
                                exponentials_beyond_doubles,
                                weights_below_doubles,
                                logarithms_near_the_largest_double,
                                gaps_that_underflow,
                                beyond_all_exponents,
                                confident_rows,
                                long_sequences,
                                far_weights_leave_near_ones_their_say,
                                far_frames_that_cancel,
                                far_sequences_are_near_ones_moved,
                                far_weights_beside_infinities,
                                far_losses_add_up,
                                upstream_gradients_below_doubles,
                                refused_log_probs,
                                refused_blanks,
                                refused_lengths,
                                refused_targets,
                                refused_upstream_and_reduction,
                                draws_reach_everything,
                                draws_are_repeatable_and_fit_their_dtype};
  return run_tests("ctc", tests, COUNT(tests));
}
