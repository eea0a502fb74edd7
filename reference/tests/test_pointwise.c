/* The driver, around a loss of its own: v = w a b + k, with a second table of functions for each of its options. */
#include "reference/pointwise.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference/tests/testing.h"
#include "reference/vecmath.h"

enum { A, B, K, W, N_INPUTS };
enum { TABLE, SIZE, N_PARAMS };
enum { PLAIN, BIG, GATED, WEIGHTED, WILD, N_TABLES };

static double weight_at(const lp_run *run, int i) { return run->x[W] == NULL ? 1.0 : run->x[W][i]; }

static double shift_at(const lp_run *run, int i) { return run->x[K] == NULL ? 0.0 : run->x[K][i]; }

/* The slope to a is handed in as a float32 and the rest, the value with its rounding error. */
static void terms(const lp_run *run) {
  for (int i = 0; i < run->n; i++) {
    const double a = run->x[A][i], b = run->x[B][i], w = weight_at(run, i);
    const lp_pair product = lp_two_product(w * a, b), value = lp_two_sum(product.high, shift_at(run, i));
    const bool fits = fabs(w * b) < 1e38;
    run->value[i] = value.high;
    run->value_low[i] = isfinite(value.high) ? value.low + product.low : 0.0;
    run->slope[A][i] = fits ? (double)(float)(w * b) : w * b;
    run->slope_low[A][i] = fits ? w * b - (double)(float)(w * b) : 0.0;
    run->slope[B][i] = w * a;
    run->slope[W][i] = a * b;
    if (run->params[TABLE] == GATED) run->gate[i] = a >= 0.0 ? 1.0 : 0.0;
    ck_assert(run->integers[K] == NULL || (double)run->integers[K][i] == run->x[K][i]);
    ck_assert(run->integers[A] == NULL && run->slope[K] == NULL);
  }
}

static void big(lp_big_term *term, const lp_run *run, int i) {
  const lp_big a = lp_big_of(run->x[A][i]), b = lp_big_of(run->x[B][i]), w = lp_big_of(weight_at(run, i));
  const lp_big product = lp_big_multiply(lp_big_multiply(w, a), b), k = lp_big_of(shift_at(run, i));
  term->value = lp_big_add(product, k);
  term->slope[A] = lp_big_multiply(w, b);
  term->slope[B] = lp_big_multiply(w, a);
  term->slope[W] = lp_big_multiply(a, b);
  term->shut = run->params[TABLE] == GATED && !(run->x[A][i] >= 0.0);
  term->literal[B] = run->params[TABLE] == WILD && !isfinite(run->x[A][i]);
}

/* The slope to a in two halves of opposite sign; a zero upstream gradient does not meet the slope to b. */
static void literally(double *products, const lp_run *run, int i, double g) {
  products[A] = g * (2.0 * run->x[B][i]) - g * run->x[B][i];
  products[B] = g == 0.0 ? 0.0 : g * run->x[A][i];
}

static void add_exactly(lp_long_sum *sum, const lp_run *run, int i) {
  lp_long_sum_add(sum, run->x[W][i], run->x[A][i], run->x[B][i]);
  lp_long_sum_add(sum, shift_at(run, i), 1.0, 1.0);
}

/* As if a = 7 needed big arithmetic. */
static bool wild(const lp_run *run) {
  bool any = false;
  for (int i = 0; i < run->n; i++) any = any || run->x[A][i] == 7.0;
  return any;
}

enum { NEGATIVE, EMPTY, N_REGIMES };

static uint64_t regimes_of_run(const lp_run *run) {
  uint64_t set = 0;
  for (int i = 0; i < run->n; i++) set |= run->x[A][i] < 0.0 ? UINT64_C(1) << NEGATIVE : 0;
  return set;
}

static const lp_pointwise tables[N_TABLES] = {
    [PLAIN] = {terms, regimes_of_run, UINT64_C(1) << EMPTY, .big = NULL},
    [BIG] = {terms, regimes_of_run, UINT64_C(1) << EMPTY, .big = big},
    [GATED] = {terms, regimes_of_run, UINT64_C(1) << EMPTY, .big = big, .gated = true},
    [WEIGHTED] = {terms, regimes_of_run, UINT64_C(1) << EMPTY, .big = big, .add = add_exactly, .weight = W},
    [WILD] = {terms, regimes_of_run, UINT64_C(1) << EMPTY, .big = big, .wild = wild, .literally = literally},
};

static const lp_pointwise *table_of(const lp_plan *p) { return &tables[(int)p->c->params[TABLE]]; }

static lp_status plan(lp_plan *p, lp_error *error) {
  LP_TRY(lp_plan_broadcast(p, 1u << A | 1u << B | 1u << K | 1u << W, error));
  p->scratch = lp_pointwise_scratch(p);
  return LP_OK;
}

static void run_case(lp_outcome *outcome, const lp_plan *p, double *scratch) {
  lp_pointwise_run(outcome, p, table_of(p), scratch);
}

static uint64_t regimes_of_case(const lp_plan *p, double *scratch) {
  return lp_pointwise_regimes(p, table_of(p), scratch);
}

static const lp_input_spec inputs[N_INPUTS] = {
    [A] = {.name = "a", .differentiable = true, .max_rank = LP_MAX_RANK, .shape = "(*)"},
    [B] = {.name = "b", .differentiable = true, .integer_ok = true, .max_rank = LP_MAX_RANK, .shape = "(*)"},
    [K] = {.name = "k", .optional = true, .integer_ok = true, .max_rank = LP_MAX_RANK, .shape = "(*)"},
    [W] = {.name = "w", .optional = true, .differentiable = true, .max_rank = LP_MAX_RANK, .shape = "(*)"},
};

static const lp_param_spec params[N_PARAMS] = {{.name = "table"}, {.name = "size", .fallback = 1.0}};
static const lp_regime regimes[N_REGIMES] = {{"negative", ""}, {"empty", ""}};

static const lp_loss loss = {
    .name = "bilinear",
    .reductions = LP_CAN_USUAL | LP_CAN_BATCHMEAN,
    .inputs = inputs,
    .n_inputs = N_INPUTS,
    .params = params,
    .n_params = N_PARAMS,
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .plan = plan,
    .run = run_case,
    .regimes_of = regimes_of_case,
};

static lp_trial *trial(int table, const char *reduction) {
  lp_trial *t = calloc(1, sizeof *t);
  ck_assert(t != NULL);
  lp_case_init(&t->c, &loss);
  t->c.params[TABLE] = table;
  trial_reduction(t, reduction);
  return t;
}

static void run(lp_trial *t) { ck_assert_msg(trial_run(t) == LP_OK, "%s", t->error.message); }

/* ---- The outputs again, straight from their definition ---- */

static int64_t offset_of(const lp_trial *t, int k, int64_t position) {
  int64_t at = 0;
  for (int axis = t->plan.term.rank - 1; axis >= 0; axis--) {
    at += position % t->plan.term.shape[axis] * t->plan.stride[k][axis];
    position /= t->plan.term.shape[axis];
  }
  return at;
}

static double read(const lp_trial *t, int k, int64_t position, double absent) {
  return t->c.has_input[k] ? lp_tensor_get(&t->c.inputs[k], offset_of(t, k, position)) : absent;
}

static double divisor(const lp_trial *t) {
  double sum = 0.0;
  if (t->c.reduction == LP_REDUCTION_BATCHMEAN) return t->c.inputs[A].rank > 0 ? (double)t->c.inputs[A].shape[0] : 1.0;
  if (t->c.reduction != LP_REDUCTION_MEAN) return 1.0;
  if (t->c.params[TABLE] != WEIGHTED || !t->c.has_input[W]) return (double)t->plan.term.numel;
  for (int64_t i = 0; i < t->c.inputs[W].numel; i++) sum += t->c.inputs[W].f64[i];
  return sum;
}

/* A number, and the size of the terms that it is the sum of. */
typedef struct estimate {
  double value, size;
} estimate;

static void add(estimate *sum, double term) {
  sum->value += term;
  sum->size += fabs(term);
}

static estimate expected_loss(const lp_trial *t, int64_t position) {
  const double k = read(t, K, position, 0.0);
  estimate sum = {k, fabs(k)};
  add(&sum, read(t, W, position, 1.0) * read(t, A, position, 0.0) * read(t, B, position, 0.0));
  return sum;
}

static estimate expected_mean(const lp_trial *t) {
  estimate sum = {0.0, 0.0};
  for (int64_t p = 0; p < t->plan.term.numel; p++) {
    const estimate one = expected_loss(t, p);
    sum.value += one.value;
    sum.size += one.size;
  }
  return (estimate){sum.value / divisor(t), sum.size / fabs(divisor(t))};
}

static estimate expected_grad(const lp_trial *t, int k, int64_t element) {
  const bool none = t->c.reduction == LP_REDUCTION_NONE;
  const bool later = t->c.params[TABLE] == WEIGHTED && k == W && t->c.reduction == LP_REDUCTION_MEAN;
  const estimate mean = expected_mean(t);
  const double g = lp_plan_upstream(&t->plan, 0) / divisor(t);
  estimate sum = {later ? -g * mean.value : 0.0, later ? fabs(g) * mean.size : 0.0};
  for (int64_t p = 0; p < t->plan.term.numel; p++) {
    if (offset_of(t, k, p) != element) continue;
    const double a = read(t, A, p, 0.0), b = read(t, B, p, 0.0), w = read(t, W, p, 1.0);
    if (t->c.params[TABLE] == GATED && a < 0.0) continue;
    add(&sum, lp_plan_upstream(&t->plan, none ? p : 0) / divisor(t) * (k == A ? w * b : k == B ? w * a : a * b));
  }
  return sum;
}

static void check_expected(double got, estimate e, double tolerance) {
  check_near(got, e.value, isfinite(e.size) ? tolerance * e.size : 0.0);
}

static void check_outputs(lp_trial *t) {
  static const char *const names[N_INPUTS] = {"a", "b", "k", "w"};
  run(t);
  if (t->c.reduction != LP_REDUCTION_NONE) check_expected(trial_loss(t, 0), expected_mean(t), 1e-12);
  for (int64_t p = 0; t->c.reduction == LP_REDUCTION_NONE && p < t->plan.term.numel; p++) {
    check_expected(trial_loss(t, p), expected_loss(t, p), 1e-13);
  }
  for (int k = 0; k < N_INPUTS; k++) {
    for (int64_t j = 0; t->c.has_input[k] && trial_has_grad(t, names[k]) && j < t->c.inputs[k].numel; j++) {
      check_expected(trial_grad(t, names[k], j), expected_grad(t, k, j), 1e-12);
    }
  }
}

/* Pseudo-random numbers in (-1, 1), scaled. */
static double noise(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return (double)*state * 0x1p-31 - 1.0;
}

static double *fill(int n, double size, uint32_t seed) {
  double *x = malloc(sizeof *x * (size_t)(n + 1));
  ck_assert(x != NULL);
  for (int i = 0; i < n; i++) x[i] = size * noise(&seed);
  return x;
}

static void real(lp_trial *t, const char *name, const char *shape, double size, uint32_t seed) {
  double *x = fill(4096, size, seed);
  trial_real(t, name, shape, x);
  free(x);
}

typedef struct shapes {
  const char *a, *b, *k, *w, *term;
} shapes;

static const char *const words[] = {"none", "mean", "sum", "batchmean"};

static void check_shapes(const shapes *s, int table, const char *word, double size) {
  lp_trial *t = trial(table, word);
  real(t, "a", s->a, 1.0, 1);
  real(t, "b", s->b, size, 2);
  if (s->w != NULL) real(t, "w", s->w, 1.0, 3);
  if (s->k != NULL) trial_tensor(t, "k", LP_INT32, s->k, (double[]){3, -4, 5, 1, 2, 6, 7, -8, 9, 10, 11, 12});
  check_outputs(t);
  double *g = fill(4096, 2.0, 4);
  trial_upstream(t, strcmp(word, "none") == 0 ? s->term : "", g);
  free(g);
  check_outputs(t);
  trial_free(t);
}

/* Every reduction and table, in double and (with numbers of 1e100) in big arithmetic. */
START_TEST(shapes_that_broadcast) {
  static const shapes all[] = {
      {"2 3", "2 3", NULL, NULL, "2 3"},
      {"2 3", "3", "2 3", "2 3", "2 3"},
      {"", "4", "", "", "4"},
      {"2 1 3", "4 1", "3", "2 1 3", "2 4 3"},
      {"", "", NULL, "", ""},
      {"1 1", "1", "1", NULL, "1 1"},
      {"3 1", "1 2", NULL, "3 2", "3 2"},
      {"1", "2 2 2", "2", "1", "2 2 2"},
  };
  for (size_t s = 0; s < sizeof all / sizeof all[0]; s++) {
    for (int table = 0; table < N_TABLES; table++) {
      for (int r = 0; r < 4; r++) {
        check_shapes(&all[s], table, words[r], 1.0);
        check_shapes(&all[s], table, words[r], 1e100);
      }
    }
  }
}
END_TEST

START_TEST(lengths_around_a_chunk) {
  static const char *const lengths[] = {"1", "7", "31", "32", "33", "127", "128", "129", "256", "300"};
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    for (int r = 0; r < 4; r++) {
      const shapes direct = {lengths[i], lengths[i], "1", lengths[i], lengths[i]};
      const shapes broadcast = {lengths[i], "1", NULL, NULL, lengths[i]};
      check_shapes(&direct, WEIGHTED, words[r], 1.0);
      check_shapes(&broadcast, PLAIN, words[r], 1.0);
    }
  }
}
END_TEST

START_TEST(an_integer_tensor_has_no_gradient) {
  lp_trial *t = trial(PLAIN, "sum");
  trial_real(t, "a", "3", (double[]){1, 2, 3});
  trial_tensor(t, "b", LP_INT64, "3", (double[]){4, 5, -6});
  check_outputs(t);
  ck_assert(!trial_has_grad(t, "b"));
  check_same(trial_loss(t, 0), -4.0);
  check_same(trial_grad(t, "a", 2), -6.0);
  trial_free(t);
}
END_TEST

START_TEST(empty_means_are_nan_and_empty_sums_zero) {
  static const double expected[] = {0.0, NAN, 0.0, NAN};
  for (int table = 0; table < N_TABLES; table++) {
    for (int r = 1; r < 4; r++) {
      lp_trial *t = trial(table, words[r]);
      trial_real(t, "a", "0 2", NULL);
      trial_real(t, "b", "1 2", (double[]){1, 2});
      run(t);
      check_same(trial_loss(t, 0), expected[r]);
      check_same(trial_grad(t, "b", 1), 0.0);
      ck_assert(trial_regime(t, "empty") && !trial_regime(t, "negative"));
      trial_free(t);
    }
  }
}
END_TEST

/* A mean over no positions whose weights sum to 2 is 0/2. */
START_TEST(weights_without_positions) {
  lp_trial *t = trial(WEIGHTED, "mean");
  trial_real(t, "a", "0", NULL);
  trial_real(t, "b", "1", (double[]){1});
  trial_real(t, "w", "1", (double[]){2});
  run(t);
  check_same(trial_loss(t, 0), 0.0);
  check_same(trial_grad(t, "w", 0), 0.0);
  trial_upstream(t, "", (double[]){INFINITY});
  run(t);
  check_same(trial_grad(t, "b", 0), 0.0);
  check_same(trial_grad(t, "w", 0), NAN);
  trial_free(t);
}
END_TEST

START_TEST(regimes_are_collected_over_all_chunks) {
  lp_trial *t = trial(PLAIN, "sum");
  double x[300] = {0.0};
  trial_real(t, "a", "300", x);
  trial_real(t, "b", "300", x);
  run(t);
  ck_assert(!trial_regime(t, "negative") && !trial_regime(t, "empty"));
  t->c.inputs[A].f64[299] = -1.0;
  run(t);
  ck_assert(trial_regime(t, "negative"));
  trial_free(t);
}
END_TEST

/* ---- Accuracy ---- */

START_TEST(sums_are_compensated) {
  lp_trial *t = trial(PLAIN, "sum");
  trial_real(t, "a", "4", (double[]){1e16, 1.0, 1.0, -1e16});
  trial_real(t, "b", "", (double[]){1.0});
  run(t);
  check_same(trial_loss(t, 0), 2.0);
  check_same(trial_grad(t, "b", 0), 2.0);
  trial_free(t);
}
END_TEST

/* 0.1 * 0.1 - 0.01 and the rounding error of 0.1 * 0.1 are seen through the low parts alone. */
START_TEST(low_parts_count) {
  lp_trial *t = trial(PLAIN, "sum");
  trial_real(t, "a", "2", (double[]){0.1, -1.0});
  trial_real(t, "b", "2", (double[]){0.1, 0.1 * 0.1});
  run(t);
  check_same(trial_loss(t, 0), lp_two_product(0.1, 0.1).low);
  trial_reduction(t, "none");
  trial_upstream(t, "2", (double[]){3.0, 1.0 / 3.0});
  run(t);
  check_same(trial_grad(t, "a", 0), 3.0 * 0.1); /* the slope was 0.1 as a float32, and the rest */
  trial_free(t);
}
END_TEST

/* k/49 is k times 1/49, held as a pair: the nearest double where 48 zeros are added to it, which takes its rounding
 * error along; within 1 ulp, and mostly the nearest, where it is written at once. */
START_TEST(means_divide_once) {
  int nearest = 0;
  lp_trial *t = trial(PLAIN, "mean");
  trial_real(t, "a", "49", NULL);
  trial_real(t, "b", "", NULL);
  for (int k = 1; k < 49; k++) {
    t->c.inputs[A].f64[k] = k;
    t->c.inputs[A].f64[k - 1] = 0.0;
    run(t);
    check_same(trial_grad(t, "b", 0), k / 49.0);
  }
  trial_real(t, "b", "49", NULL);
  for (int k = 0; k < 49; k++) t->c.inputs[A].f64[k] = k;
  run(t);
  for (int k = 0; k < 49; k++) {
    check_near(trial_grad(t, "b", k), k / 49.0, nextafter(k / 49.0, 1.0) - k / 49.0);
    nearest += trial_grad(t, "b", k) == k / 49.0;
  }
  ck_assert_int_ge(nearest, 32);
  trial_free(t);
}
END_TEST

/* The terms x and (1 - x)/2 with weights 1 and 2 have the mean 1/3, which does not fit a double. */
START_TEST(a_weighted_mean_keeps_its_low_part) {
  const double x = (double)(1.0f / 3.0f);
  lp_trial *t = trial(WEIGHTED, "mean");
  trial_real(t, "a", "2", (double[]){x, (1.0 - x) / 2.0});
  trial_real(t, "b", "2", (double[]){1.0, 1.0});
  trial_real(t, "w", "2", (double[]){1.0, 2.0});
  run(t);
  check_same(trial_loss(t, 0), 1.0 / 3.0);
  check_near(trial_grad(t, "w", 0), fma(3.0, x, -1.0) / 9.0, 1e-24);
  trial_free(t);
}
END_TEST

/* ---- Infinities and gates ---- */

START_TEST(infinities_follow_the_chain_rule) {
  for (int table = PLAIN; table <= BIG; table++) {
    lp_trial *t = trial(table, "sum");
    trial_real(t, "a", "3", (double[]){0.0, 1.0, INFINITY});
    trial_real(t, "b", "3", (double[]){2.0, -0.0, 1.0});
    trial_upstream(t, "", (double[]){INFINITY});
    run(t);
    check_same(trial_loss(t, 0), INFINITY);
    check_same(trial_grad(t, "a", 0), INFINITY);
    check_same(trial_grad(t, "a", 1), NAN);
    check_same(trial_grad(t, "b", 0), NAN);
    check_same(trial_grad(t, "b", 2), INFINITY);
    trial_upstream(t, "", (double[]){0.0});
    run(t);
    check_same(trial_grad(t, "a", 1), -0.0);
    check_same(trial_grad(t, "b", 2), NAN);
    trial_upstream(t, "", (double[]){NAN});
    run(t);
    check_same(trial_grad(t, "a", 0), NAN);
    trial_free(t);
  }
}
END_TEST

/* 1e-200 * 1e-200 is 0 in PyTorch, and so 0 * inf; big arithmetic knows better, but not here. */
START_TEST(an_underflowed_slope_meets_infinity) {
  lp_trial *t = trial(BIG, "sum");
  trial_real(t, "a", "", (double[]){1e-200});
  trial_real(t, "b", "", (double[]){1.0});
  trial_real(t, "w", "", (double[]){1e-200});
  trial_upstream(t, "", (double[]){INFINITY});
  run(t);
  check_same(trial_grad(t, "b", 0), NAN);
  check_same(trial_grad(t, "w", 0), INFINITY);
  trial_free(t);
}
END_TEST

START_TEST(a_broadcast_gradient_multiplies_each_term) {
  lp_trial *t = trial(PLAIN, "sum");
  trial_real(t, "a", "2", (double[]){1.0, 0.0});
  trial_real(t, "b", "", (double[]){1.0});
  trial_upstream(t, "", (double[]){INFINITY});
  run(t);
  check_same(trial_grad(t, "b", 0), NAN); /* inf * 1 + inf * 0, not inf * (1 + 0) */
  trial_free(t);
}
END_TEST

/* b = 1e100 takes the same case to big arithmetic. */
START_TEST(a_shut_gate_stops_infinite_gradients) {
  const double sizes[] = {1.0, 1e100};
  for (int i = 0; i < 2; i++) {
    for (int r = 0; r < 3; r++) {
      lp_trial *t = trial(GATED, words[r]);
      trial_real(t, "a", "2", (double[]){-1.0, 1.0});
      trial_real(t, "b", "2", (double[]){sizes[i], sizes[i]});
      trial_upstream(t, r == 0 ? "2" : "", (double[]){INFINITY, INFINITY});
      run(t);
      check_same(trial_grad(t, "a", 0), 0.0);
      check_same(trial_grad(t, "a", 1), INFINITY);
      check_same(trial_grad(t, "b", 0), -0.0);
      trial_free(t);
    }
  }
}
END_TEST

/* ---- The weighted mean ---- */

START_TEST(weights_that_sum_to_zero) {
  const double sizes[] = {1.0, 1e100};
  for (int i = 0; i < 2; i++) {
    lp_trial *t = trial(WEIGHTED, "mean");
    trial_real(t, "a", "2", (double[]){1.0, 3.0});
    trial_real(t, "b", "2", (double[]){sizes[i], sizes[i]});
    trial_real(t, "w", "2", (double[]){1.0, -1.0});
    run(t);
    check_same(trial_loss(t, 0), -INFINITY);
    check_same(trial_grad(t, "a", 0), INFINITY);
    check_same(trial_grad(t, "w", 0), INFINITY); /* inf * v + inf */
    trial_upstream(t, "", (double[]){-1.0});
    run(t);
    check_same(trial_grad(t, "w", 0), -INFINITY);
    trial_real(t, "w", "2", (double[]){0.0, 0.0});
    run(t);
    check_same(trial_loss(t, 0), NAN);
    check_same(trial_grad(t, "w", 0), NAN);
    trial_free(t);
  }
}
END_TEST

START_TEST(a_mean_that_is_infinite) {
  lp_trial *t = trial(WEIGHTED, "mean");
  trial_real(t, "a", "2", (double[]){INFINITY, 3.0});
  trial_real(t, "b", "2", (double[]){1.0, 1.0});
  trial_real(t, "w", "2", (double[]){1.0, 1.0});
  run(t);
  check_same(trial_loss(t, 0), INFINITY);
  check_same(trial_grad(t, "w", 0), NAN);
  check_same(trial_grad(t, "w", 1), -INFINITY);
  t->c.inputs[B].f64[1] = 1e100;
  run(t);
  check_same(trial_grad(t, "w", 0), NAN);
  check_same(trial_grad(t, "w", 1), -INFINITY);
  trial_free(t);
}
END_TEST

START_TEST(one_huge_weight_cancels_exactly) {
  lp_trial *t = trial(WEIGHTED, "mean");
  trial_real(t, "a", "", (double[]){3e200});
  trial_real(t, "b", "", (double[]){1e200});
  trial_real(t, "w", "", (double[]){1.3e-120});
  run(t);
  check_same(trial_grad(t, "w", 0), 0.0);
  trial_free(t);
}
END_TEST

/* ---- Big arithmetic ---- */

START_TEST(intermediate_overflow_and_underflow) {
  lp_trial *t = trial(BIG, "none");
  trial_real(t, "a", "3", (double[]){1e200, 1e-200, 1e160});
  trial_real(t, "b", "3", (double[]){1e200, 1e-200, 1e160});
  trial_real(t, "w", "3", (double[]){1e-300, 1e300, 1e-20});
  run(t);
  check_near(trial_loss(t, 0), 1e100, 1e85);
  check_near(trial_loss(t, 1), 1e-100, 1e-115);
  check_near(trial_loss(t, 2), 1e300, 1e285);
  check_same(trial_grad(t, "w", 0), INFINITY);
  trial_upstream(t, "3", (double[]){1e-200, 0.0, 1e-200});
  run(t);
  check_near(trial_grad(t, "w", 0), 1e200, 1e185);
  check_same(trial_grad(t, "w", 1), 0.0);
  trial_free(t);
}
END_TEST

START_TEST(upstream_gradients_and_parameters_out_of_range) {
  lp_trial *t = trial(BIG, "mean");
  trial_real(t, "a", "3", (double[]){1e180, 1.0, 1.0});
  trial_real(t, "b", "3", (double[]){1e180, 1.0, 1.0});
  trial_upstream(t, "", (double[]){1e-300});
  run(t);
  check_near(trial_grad(t, "a", 0), 1e-120 / 3.0, 1e-135);
  trial_real(t, "a", "3", (double[]){1.0, 1.0, 1.0});
  trial_real(t, "b", "3", (double[]){1.0, 1.0, 1.0});
  trial_upstream(t, "", (double[]){0x1p-1074});
  run(t);
  check_same(trial_loss(t, 0), 1.0);
  check_same(trial_grad(t, "a", 0), 0.0);
  trial_no_upstream(t);
  t->c.params[SIZE] = 1e-250;
  run(t);
  check_same(trial_loss(t, 0), 1.0);
  trial_reduction(t, "none");
  t->c.params[SIZE] = 1.0;
  trial_upstream(t, "3", (double[]){1.0, 1e100, 2.0});
  run(t);
  check_same(trial_grad(t, "a", 1), 1e100);
  trial_free(t);
}
END_TEST

/* Infinities and NaN alone are no reason to go to big arithmetic, and zeros are in range. */
START_TEST(special_numbers_beside_huge_ones) {
  lp_trial *t = trial(BIG, "none");
  trial_real(t, "a", "4", (double[]){INFINITY, NAN, 0.0, 1.0});
  trial_real(t, "b", "4", (double[]){1.0, 1.0, 1.0, 1e150});
  for (int i = 0; i < 2; i++) {
    run(t);
    check_same(trial_loss(t, 0), INFINITY);
    check_same(trial_loss(t, 1), NAN);
    check_same(trial_loss(t, 2), 0.0);
    check_same(trial_grad(t, "b", 0), INFINITY);
    t->c.inputs[B].f64[3] = 1.0;
  }
  trial_free(t);
}
END_TEST

START_TEST(a_sum_that_overflows_on_the_way) {
  lp_trial *t = trial(PLAIN, "mean");
  trial_real(t, "a", "3", (double[]){1.5e308, 1.5e308, 1.2e308});
  trial_real(t, "b", "3", (double[]){1.0, 1.0, 1.0});
  run(t);
  check_near(trial_loss(t, 0), 1.4e308, 1e293);
  trial_reduction(t, "sum");
  run(t);
  check_same(trial_loss(t, 0), INFINITY);
  t->c.inputs[B].f64[1] = -1.0;
  run(t);
  check_near(trial_loss(t, 0), 1.2e308, 1e293);
  t->c.inputs[B].f64[1] = INFINITY;
  run(t);
  check_same(trial_loss(t, 0), INFINITY);
  trial_free(t);
}
END_TEST

/* ---- The hook `wild` and what comes with it ---- */

START_TEST(a_loss_may_call_for_big_arithmetic_itself) {
  lp_trial *t = trial(WILD, "sum");
  trial_real(t, "a", "2", (double[]){7.0, 1.0});
  trial_real(t, "b", "2", (double[]){2.0, -1.0});
  check_outputs(t);
  trial_upstream(t, "", (double[]){INFINITY});
  run(t);
  check_same(trial_grad(t, "a", 0), NAN); /* inf - inf */
  check_same(trial_grad(t, "b", 0), INFINITY);
  trial_real(t, "a", "2", (double[]){INFINITY, 1.0});
  trial_real(t, "b", "2", (double[]){1e100, 1.0});
  trial_upstream(t, "", (double[]){0.0});
  run(t);
  check_same(trial_grad(t, "b", 0), 0.0); /* where 0 * inf is NaN */
  trial_reduction(t, "none");
  trial_upstream(t, "2", (double[]){1.0, NAN});
  trial_real(t, "b", "2", (double[]){1.0, 1.0});
  run(t);
  check_same(trial_grad(t, "a", 0), 1.0);
  check_same(trial_grad(t, "a", 1), NAN);
  trial_free(t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {shapes_that_broadcast,
                                lengths_around_a_chunk,
                                an_integer_tensor_has_no_gradient,
                                empty_means_are_nan_and_empty_sums_zero,
                                weights_without_positions,
                                regimes_are_collected_over_all_chunks,
                                sums_are_compensated,
                                low_parts_count,
                                means_divide_once,
                                a_weighted_mean_keeps_its_low_part,
                                infinities_follow_the_chain_rule,
                                an_underflowed_slope_meets_infinity,
                                a_broadcast_gradient_multiplies_each_term,
                                a_shut_gate_stops_infinite_gradients,
                                weights_that_sum_to_zero,
                                a_mean_that_is_infinite,
                                one_huge_weight_cancels_exactly,
                                intermediate_overflow_and_underflow,
                                upstream_gradients_and_parameters_out_of_range,
                                special_numbers_beside_huge_ones,
                                a_sum_that_overflows_on_the_way,
                                a_loss_may_call_for_big_arithmetic_itself};
  return run_tests("pointwise", tests, sizeof tests / sizeof tests[0]);
}
