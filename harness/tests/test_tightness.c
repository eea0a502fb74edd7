/* The budgets against plain right implementations: whatever these answer must be inside, in every dtype, with running
 * and with pairwise sums; and somewhere they must come near, or a budget or a scale is wider than anybody needs.
 *
 * Cases are generated in each dtype, and the fixtures' are rounded to it. Prints a table: loss, dtype, output, numbers
 * looked at, the worst error over its budget, and where. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/hdf5.h"
#include "harness/compose.h"
#include "harness/generate.h"
#include "harness/plain/plain.h"
#include "reference/exact/budget.h"
#include "reference/exact/exact.h"
#include "reference/registry.h"

/* MOST_ROOM keeps out the few cases that take longer than all others together. */
enum { GENERATED = 1000, MOST_ROUNDS = 4, STEPS = 1000, MOST_ROOM = 20000, FEWEST_CASES = 400, TIGHT = 64 };

static const lp_dtype dtypes[] = {LP_FLOAT64, LP_FLOAT32, LP_FLOAT16, LP_BFLOAT16};
enum { N_DTYPES = sizeof dtypes / sizeof dtypes[0] };

/* --- what was found --- */

/* The worst number of one output. */
typedef struct worst {
  double ratio;
  bool fresh;   /* found in the case at hand */
  lp_case best; /* where it was found, in the arena of the findings; its loss is NULL when there is none */
  long numbers;
  int outside; /* numbers that are not in the budget */
  char where[256], first_outside[256];
} worst;

typedef struct findings {
  lp_arena *arena;
  worst of[LP_MAX_OUTPUTS]; /* the loss, then the gradients by input */
  long kinked;              /* numbers beside a kink: left to the judge */
  long excused;             /* outside after an overflow or underflow on the way */
  int cases;
} findings;

typedef struct variant {
  const char *name;
  plain_options options;
} variant;

static const variant variants[] = {
    {"running", {PLAIN_RUNNING, false}},
    {"pairwise", {PLAIN_PAIRWISE, false}},
    {"inside float32", {PLAIN_RUNNING, true}},
};

/* --- one case --- */

typedef struct trial {
  findings *f;
  const lp_plan *plan;
  const lp_exact *exact;
  bool *beside_kink[LP_MAX_OUTPUTS];
  const variant *variant;
  plain_answer answer;
} trial;

/* |got - truth| / budget, rounded up. */
static double ratio_of(double got, const lp_exact_number *truth, lp_dtype dtype) {
  arb_t error;
  mag_t size, budget, absolute;
  arb_init(error);
  mag_init(size);
  mag_init(budget);
  mag_init(absolute);
  arb_set_d(error, got);
  arb_sub(error, error, &truth->value, LP_EXACT_PRECISION_MAX);
  arb_get_mag(size, error);
  lp_budget_relative(budget, dtype, &truth->scale, truth->terms);
  mag_set_d(absolute, lp_budget_absolute(dtype, false));
  mag_add(budget, budget, absolute);
  mag_div(size, size, budget);
  const double ratio = mag_get_d(size);
  arb_clear(error);
  mag_clear(size);
  mag_clear(budget);
  mag_clear(absolute);
  return ratio;
}

static void describe(char *text, size_t capacity, const trial *t, const lp_exact_number *truth, int64_t i, double got) {
  const double value = arf_get_d(arb_midref(&truth->value), ARF_RND_NEAR), scale = mag_get_d(&truth->scale);
  snprintf(text, capacity, "%s [%lld] %s: got %.9g for %.9g, scale %.3g, terms %lld", t->plan->c->id, (long long)i,
           t->variant->name, got, value, scale, (long long)truth->terms);
}

static bool is_excused(const trial *t) { return t->answer.overflowed || t->answer.underflowed; }

/* One running accumulator in the dtype itself is no right way to add up so many terms. */
static bool is_accumulator_too_short(const trial *t, const lp_exact_number *truth, lp_dtype dtype) {
  const plain_options o = t->variant->options;
  const double u = lp_dtype_unit_roundoff(o.inside_float32 ? LP_FLOAT32 : dtype);
  return o.summation == PLAIN_RUNNING && (double)(truth->terms - 1) * u > 0.125;
}

/* Is the budget hardly more than the few smallest numbers that underflow may cost? It shows nothing of the scale. */
static bool is_tiny(const lp_exact_number *truth, lp_dtype dtype) {
  return mag_cmp_2exp_si(&truth->scale,
                         ilogb(8.0 * lp_dtype_smallest_subnormal(dtype) / lp_dtype_unit_roundoff(dtype))) < 0;
}

static void look_at(const trial *t, worst *w, const lp_exact_output *out, int64_t i, double got) {
  const lp_exact_number *truth = &out->numbers[i];
  const double ratio = isfinite(got) ? ratio_of(got, truth, out->layout.dtype) : INFINITY;
  if (is_accumulator_too_short(t, truth, out->layout.dtype)) return;
  w->numbers++;
  if (ratio > 1.0 && is_excused(t)) {
    t->f->excused++;
  } else if (ratio > 1.0) {
    if (w->outside++ == 0) describe(w->first_outside, sizeof w->first_outside, t, truth, i, got);
  } else if (ratio > w->ratio && !is_excused(t) && !is_tiny(truth, out->layout.dtype)) {
    describe(w->where, sizeof w->where, t, truth, i, got);
    w->ratio = ratio;
    w->fresh = true;
  }
}

static void look_at_output(const trial *t, int k) {
  const lp_exact_output *out = &t->exact->outputs[k];
  const lp_tensor *got = &t->answer.outcome.outputs[k].tensor;
  for (int64_t i = 0; i < got->numel; i++) {
    if (out->numbers[i].class != LP_FINITE) continue;
    if (t->beside_kink[k][i]) {
      t->f->kinked++;
    } else {
      look_at(t, &t->f->of[out->input + 1], out, i, got->f64[i]);
    }
  }
}

/* In triplet_margin one kink may hide another (components that nearly tie in the distance that swap leaves out), so
 * that together they change more than each of them: then all gradients are left to the judge. */
static bool hides_kinks(const trial *t) {
  return t->exact->n_kinks > 0 && strcmp(t->plan->c->loss->name, "triplet_margin") == 0;
}

static void mark_kinks(trial *t, lp_arena *arena) {
  for (int k = 0; k < t->exact->n_outputs; k++) {
    const size_t n = (size_t)t->exact->outputs[k].layout.numel;
    t->beside_kink[k] = lp_arena_alloc(arena, n, sizeof(bool));
    ck_assert_ptr_nonnull(t->beside_kink[k]);
    if (k > 0 && n > 0) memset(t->beside_kink[k], hides_kinks(t), n);
  }
  for (int i = 0; i < t->exact->n_kinks; i++) {
    const lp_kink *kink = &t->exact->kinks[i];
    for (int e = 0; e < kink->n_effects; e++) t->beside_kink[kink->effects[e].output][kink->effects[e].index] = true;
  }
}

static void try_variants(trial *t, lp_arena *arena) {
  const bool half = t->plan->outcome.outputs[0].tensor.dtype > LP_FLOAT32;
  lp_error error;
  for (size_t v = 0; v < sizeof variants / sizeof variants[0]; v++) {
    t->variant = &variants[v];
    if (t->variant->options.inside_float32 && !half) continue;
    const lp_status status = plain_answer_case(&t->answer, arena, t->plan, t->variant->options, &error);
    ck_assert_msg(status == LP_OK, "%s", error.message);
    for (int k = 0; k < t->answer.outcome.n_outputs; k++) look_at_output(t, k);
  }
}

static bool all_finite(const double *x, int64_t n) {
  for (int64_t i = 0; x && i < n; i++) {
    if (!isfinite(x[i])) return false;
  }
  return true;
}

/* Infinities and NaN are a matter of classes, not of budgets; but a parameter may be infinite (the norm of triplet). */
static bool is_finite(const lp_case *c) {
  bool finite = true;
  for (int i = 0; i < c->loss->n_params; i++) finite = finite && !isnan(c->params[i]);
  for (int i = 0; i < c->loss->n_inputs; i++) {
    finite = finite && (!c->has_input[i] || all_finite(c->inputs[i].f64, c->inputs[i].numel));
  }
  return finite && (!c->has_grad_output || all_finite(c->grad_output.f64, c->grad_output.numel));
}

/* Keeps the case where one of the worst numbers is from it. */
static void keep_case(findings *f, const lp_case *c) {
  lp_error error;
  for (int k = 0; k < LP_MAX_OUTPUTS; k++) {
    if (f->of[k].fresh) ck_assert_int_eq(lp_case_copy(&f->of[k].best, f->arena, c, &error), LP_OK);
    f->of[k].fresh = false;
  }
}

static void try_case(findings *f, const lp_case *c, bool whatever_it_costs) {
  lp_arena *arena = lp_arena_new(0);
  lp_plan plan;
  lp_exact exact;
  lp_error error;
  trial t = {.f = f, .plan = &plan, .exact = &exact};
  ck_assert_ptr_nonnull(arena);
  if (lp_plan_init(&plan, c, &error) == LP_OK && is_finite(c) && (plan.scratch <= MOST_ROOM || whatever_it_costs)) {
    ck_assert_msg(lp_exact_evaluate(&exact, &plan, NULL, &error) == LP_OK, "%s: %s", c->id, error.message);
    mark_kinks(&t, arena);
    try_variants(&t, arena);
    lp_exact_clear(&exact);
    keep_case(f, c);
    f->cases++;
  }
  lp_arena_free(arena);
}

/* --- cases --- */

/* By how much of themselves numbers change at most. */
typedef struct jitter {
  lp_rng rng;
  double most;
} jitter;

static double jittered(double x, jitter *j) { return x * (1.0 + (2.0 * lp_rng_uniform(&j->rng) - 1.0) * j->most); }

static void round_tensor(lp_tensor *t, lp_arena *arena, lp_dtype dtype, jitter *j) {
  lp_tensor rounded = *t;
  lp_error error;
  rounded.dtype = dtype;
  rounded.i64 = NULL;
  ck_assert_int_eq(lp_arena_tensor(arena, &rounded, &error), LP_OK);
  for (int64_t i = 0; i < t->numel; i++) rounded.f64[i] = lp_dtype_round(dtype, jittered(lp_tensor_get(t, i), j));
  *t = rounded;
}

/* The case with its numbers rounded to the dtype. What is not differentiable may be a label and is not jittered. */
static void try_rounded(findings *f, const lp_case *c, lp_dtype dtype, jitter j) {
  jitter still = {j.rng, 0.0};
  lp_arena *arena = lp_arena_new(0);
  lp_case rounded;
  lp_error error;
  ck_assert_int_eq(lp_case_copy(&rounded, arena, c, &error), LP_OK);
  rounded.dtype = dtype;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!c->has_input[i] || c->loss->inputs[i].kind != LP_KIND_REAL) continue;
    round_tensor(&rounded.inputs[i], arena, dtype, c->loss->inputs[i].differentiable ? &j : &still);
  }
  if (c->has_grad_output) round_tensor(&rounded.grad_output, arena, dtype, &j);
  try_case(f, &rounded, false);
  lp_arena_free(arena);
}

/* Most numbers of the fixtures have the bits of a float32, so that sums and products are exact in float64: every other
 * one gets more. Later rounds change them by up to an eighth. */
static double jitter_of(uint64_t round, int i) {
  if (round > 0) return 0.125;
  return i % 2 ? 0x1p-20 : 0.0;
}

static void try_fixtures(findings *f, const lp_suite *fixtures, lp_dtype dtype, uint64_t round) {
  for (int i = 0; i < fixtures->count; i++) {
    const lp_case *c = &fixtures->entries[i].c;
    const jitter j = {lp_rng_for_case(round, c->id), jitter_of(round, i)};
    if (c->expect == LP_EXPECT_ACCEPT) try_rounded(f, c, dtype, j);
  }
}

static void try_generated(findings *f, const lp_loss *loss, lp_dtype dtype, uint64_t seed) {
  const lp_generate_options options = {.seed = seed, .minimum = GENERATED, .dtype = dtype, .suite = "tight"};
  lp_suite suite;
  lp_error error;
  ck_assert_int_eq(lp_suite_init(&suite, &error), LP_OK);
  const lp_status status = lp_generate(&suite, loss, &options, &error);
  ck_assert_msg(status == LP_OK || status == LP_REJECTED, "%s", error.message);
  for (int i = 0; i < suite.count; i++) try_case(f, &suite.entries[i].c, false);
  ck_assert_int_ge(f->cases, status == LP_OK ? FEWEST_CASES : 0);
  lp_suite_clear(&suite);
}

static void read_fixtures(lp_suite *fixtures, const lp_loss *loss) {
  char path[512];
  lp_error error;
  snprintf(path, sizeof path, "%s/golden/fixtures/%s.h5", LOSSPROOF_SOURCE_DIR, loss->name);
  ck_assert_int_eq(lp_suite_init(fixtures, &error), LP_OK);
  ck_assert_msg(lp_hdf5_read(fixtures, path, &error) == LP_OK, "%s", error.message);
}

/* --- the table --- */

static void print_row(const lp_loss *loss, lp_dtype dtype, int kind, const worst *w) {
  char name[LP_NAME_MAX];
  lp_output_name(name, loss, kind - 1);
  printf("%-18s %-9s %-16s %8ld %7.4f  %s\n", loss->name, lp_dtype_name(dtype), name, w->numbers, w->ratio, w->where);
  if (w->outside > 0) printf("  OUTSIDE %d, first %s\n", w->outside, w->first_outside);
}

static bool is_tight(const worst *w) { return w->numbers == 0 || w->ratio * TIGHT >= 1.0; }

static void check_row(const lp_loss *loss, lp_dtype dtype, int kind, const worst *w, bool tight) {
  char name[LP_NAME_MAX];
  lp_output_name(name, loss, kind - 1);
  ck_assert_msg(w->outside == 0, "%s %s %s: %d numbers of a right implementation are outside the budget, first %s",
                loss->name, lp_dtype_name(dtype), name, w->outside, w->first_outside);
  ck_assert_msg(!tight || is_tight(w), "%s %s %s: no right implementation needs more than %.3g of the budget",
                loss->name, lp_dtype_name(dtype), name, w->ratio);
}

static void print_findings(const lp_loss *loss, lp_dtype dtype, const findings *f) {
  for (int k = 0; k < LP_MAX_OUTPUTS; k++) {
    if (f->of[k].numbers > 0) print_row(loss, dtype, k, &f->of[k]);
  }
  printf("%-18s %-9s %d cases; %ld numbers beside kinks, %ld excused after an overflow or underflow\n", loss->name,
         lp_dtype_name(dtype), f->cases, f->kinked, f->excused);
  fflush(stdout);
}

static bool all_tight(const findings *f) {
  bool tight = true;
  for (int k = 0; k < LP_MAX_OUTPUTS; k++) tight = tight && is_tight(&f->of[k]);
  return tight;
}

/* Looks for more beside the worst case of an output that did not come near its budget, and of the other outputs. */
static void climb(findings *f, int output, lp_dtype dtype, uint64_t round) {
  jitter j = {lp_rng_for_case(round, "climb"), 0.0};
  for (int step = 0; step < STEPS && !is_tight(&f->of[output]); step++) {
    const lp_case from = f->of[step % 2 ? output : step / 2 % LP_MAX_OUTPUTS].best;
    lp_rng_next(&j.rng);
    j.most = step % 2 ? 0x1p-5 : 0x1p-3;
    if (from.loss) try_rounded(f, &from, dtype, j);
  }
}

/* The fixtures and generated cases; more of both as long as no number came near its budget. */
static void try_dtype(findings *f, const lp_loss *loss, const lp_suite *fixtures, lp_dtype dtype) {
  for (uint64_t round = 0; round < MOST_ROUNDS && (round == 0 || !all_tight(f)); round++) {
    try_fixtures(f, fixtures, dtype, round);
    try_generated(f, loss, dtype, 7 + round);
    for (int k = 0; k < LP_MAX_OUTPUTS; k++) climb(f, k, dtype, round);
  }
  print_findings(loss, dtype, f);
}

static void try_loss(const lp_loss *loss) {
  findings of_dtype[N_DTYPES] = {0};
  lp_suite fixtures;
  read_fixtures(&fixtures, loss);
  for (int i = 0; i < N_DTYPES; i++) {
    of_dtype[i].arena = fixtures.arena;
    try_dtype(&of_dtype[i], loss, &fixtures, dtypes[i]);
  }
  lp_suite_clear(&fixtures);
  for (int i = 0; i < N_DTYPES; i++) {
    for (int k = 0; k <= loss->n_inputs; k++) check_row(loss, dtypes[i], k, &of_dtype[i].of[k], true);
  }
}

START_TEST(budgets_are_met_and_tight) {
  const lp_loss *loss = lp_registry_at(_i);
  ck_assert_ptr_nonnull(lp_exact_loss_find(loss->name));
  try_loss(loss);
}
END_TEST

/* --- long sequences --- */

enum { LOG_PROBS, TARGETS, INPUT_LENGTHS, TARGET_LENGTHS };

static lp_tensor *new_input(lp_case *c, lp_arena *arena, int input, lp_dtype dtype, int rank, const int64_t *shape) {
  lp_error error;
  c->has_input[input] = true;
  ck_assert_int_eq(lp_tensor_init(&c->inputs[input], dtype, rank, shape, &error), LP_OK);
  ck_assert_int_eq(lp_arena_tensor(arena, &c->inputs[input], &error), LP_OK);
  return &c->inputs[input];
}

/* log_softmax of normal numbers. */
static void draw_log_probs(lp_tensor *t, int64_t classes, lp_rng *rng) {
  for (int64_t first = 0; first < t->numel; first += classes) {
    double sum = 0.0;
    for (int64_t i = first; i < first + classes; i++) t->f64[i] = 2.0 * lp_rng_normal(rng);
    for (int64_t i = first; i < first + classes; i++) sum += exp(t->f64[i]);
    for (int64_t i = first; i < first + classes; i++) t->f64[i] = lp_dtype_round(t->dtype, t->f64[i] - log(sum));
  }
}

/* All sequences have all frames and labels. */
static void make_sequences(lp_case *c, lp_arena *arena, lp_dtype dtype, int64_t frames, int64_t batch) {
  const int64_t classes = 25, labels = frames < 60 ? frames / 2 : 30;
  lp_rng rng = lp_rng_for_case((uint64_t)frames, "long");
  lp_case_init(c, lp_registry_find("ctc"));
  c->dtype = dtype;
  draw_log_probs(new_input(c, arena, LOG_PROBS, dtype, 3, (int64_t[]){frames, batch, classes}), classes, &rng);
  lp_tensor *targets = new_input(c, arena, TARGETS, LP_INT64, 2, (int64_t[]){batch, labels});
  for (int64_t i = 0; i < targets->numel; i++) targets->i64[i] = 1 + lp_rng_below(&rng, classes - 1);
  const lp_tensor *of_input = new_input(c, arena, INPUT_LENGTHS, LP_INT64, 1, &batch);
  const lp_tensor *of_target = new_input(c, arena, TARGET_LENGTHS, LP_INT64, 1, &batch);
  for (int64_t n = 0; n < batch; n++) of_input->i64[n] = frames;
  for (int64_t n = 0; n < batch; n++) of_target->i64[n] = labels;
}

/* Errors of the recursion in logarithms grow with the number of frames, and so must the scale. */
START_TEST(long_sequences) {
  static const int64_t lengths[] = {50, 500, 4000};
  const int64_t frames = lengths[_i];
  if (!lp_registry_find("ctc")) return; /* a build without it */
  lp_arena *arena = lp_arena_new(0);
  findings f = {.arena = arena};
  lp_case c;
  make_sequences(&c, arena, LP_FLOAT32, frames, frames > 1000 ? 1 : 2);
  c.id = lp_arena_format(arena, "T=%lld", (long long)frames);
  try_case(&f, &c, true);
  for (int k = 0; k <= 1; k++) {
    print_row(c.loss, LP_FLOAT32, k, &f.of[k]);
    check_row(c.loss, LP_FLOAT32, k, &f.of[k], false);
  }
  ck_assert_int_eq(f.of[1].numbers, 2 * c.inputs[LOG_PROBS].numel);
  lp_arena_free(arena);
}
END_TEST

/* --- that all this can fail --- */

/* The sum of n equal residuals by one variant, over its budget. */
static double ratio_of_equal_sum(lp_dtype dtype, int64_t n, plain_summation summation) {
  lp_arena *arena = lp_arena_new(0);
  lp_case c;
  lp_plan plan;
  lp_exact exact;
  lp_error error;
  plain_answer answer;
  lp_case_init(&c, lp_registry_find("l1"));
  c.reduction = LP_REDUCTION_SUM;
  c.reduction_word = "sum";
  const lp_tensor *x = new_input(&c, arena, 0, dtype, 1, &n);
  new_input(&c, arena, 1, dtype, 1, &n);
  for (int64_t i = 0; i < n; i++) x->f64[i] = 1.0;
  ck_assert_int_eq(lp_plan_init(&plan, &c, &error), LP_OK);
  ck_assert_int_eq(lp_exact_evaluate(&exact, &plan, NULL, &error), LP_OK);
  ck_assert_int_eq(plain_answer_case(&answer, arena, &plan, (plain_options){summation, false}, &error), LP_OK);
  const double ratio = ratio_of(answer.outcome.outputs[0].tensor.f64[0], exact.outputs[0].numbers, dtype);
  lp_exact_clear(&exact);
  lp_arena_free(arena);
  return ratio;
}

START_TEST(an_accumulator_that_is_stuck_is_outside) {
  if (!lp_registry_find("l1")) return; /* a build without it */
  ck_assert_double_gt(ratio_of_equal_sum(LP_BFLOAT16, 513, PLAIN_RUNNING), 1.0);
  ck_assert_double_gt(ratio_of_equal_sum(LP_FLOAT16, 4097, PLAIN_RUNNING), 1.0);
  ck_assert_double_lt(ratio_of_equal_sum(LP_BFLOAT16, 513, PLAIN_PAIRWISE), 1.0);
  ck_assert_double_lt(ratio_of_equal_sum(LP_FLOAT16, 4097, PLAIN_PAIRWISE), 1.0);
}
END_TEST

START_TEST(a_ratio_is_error_over_budget) {
  lp_exact_number n = {.terms = 1};
  arb_init(&n.value);
  mag_init(&n.scale);
  arb_set_d(&n.value, 1.0);
  mag_set_ui(&n.scale, 2); /* the budget is 16 u */
  ck_assert_double_eq(ratio_of(1.0, &n, LP_FLOAT32), 0.0);
  ck_assert_double_eq_tol(ratio_of(1.0 + 0x1p-21, &n, LP_FLOAT32), 0.5, 1e-6);
  ck_assert_double_eq_tol(ratio_of(1.0 - 0x1p-19, &n, LP_FLOAT32), 2.0, 1e-6);
  arb_clear(&n.value);
  mag_clear(&n.scale);
  ck_assert(is_tight(&(worst){.numbers = 1, .ratio = 1.0 / TIGHT}));
  ck_assert(!is_tight(&(worst){.numbers = 1, .ratio = 0.99 / TIGHT}));
}
END_TEST

START_TEST(arithmetic_rounds_and_tells) {
  plain_arith a = {.dtype = LP_FLOAT16};
  ck_assert_double_eq(plain_add(&a, 2048.0, 1.0), 2048.0);
  ck_assert_double_eq(plain_multiply(&a, 1.0 + 0x1p-10, 1.0 + 0x1p-10), 1.0 + 0x1p-9);
  ck_assert_double_eq(plain_subtract(&a, 0x1p-14, 0x1p-14 - 0x1p-24), 0x1p-24);
  ck_assert(!a.overflowed && !a.underflowed);
  ck_assert_double_eq(plain_multiply(&a, 0x1p-20, 0.3125), 0x1p-24 * 5.0);
  ck_assert(!a.underflowed); /* exact */
  ck_assert_double_eq(plain_multiply(&a, 0x1p-20, 0.34375), 0x1p-24 * 6.0);
  ck_assert(!a.overflowed && a.underflowed);
  ck_assert_double_eq(plain_exp(&a, 12.0), INFINITY);
  ck_assert(a.overflowed);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("tightness");
  TCase *tcase = tcase_create("budgets");
  tcase_set_timeout(tcase, 120);
  tcase_add_loop_test(tcase, budgets_are_met_and_tight, 0, lp_registry_count());
  tcase_add_loop_test(tcase, long_sequences, 0, 3);
  tcase_add_test(tcase, an_accumulator_that_is_stuck_is_outside);
  tcase_add_test(tcase, a_ratio_is_error_over_budget);
  tcase_add_test(tcase, arithmetic_rounds_and_tells);
  suite_add_tcase(suite, tcase);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  flint_cleanup();
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
