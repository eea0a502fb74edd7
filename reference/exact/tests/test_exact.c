/* The driver, on toy losses whose answers are worked out by hand: reductions, precision, kinks, memory that ends. */
#include "reference/exact/exact.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference/exact/budget.h"
#include "reference/exact/exact_internal.h"
#include "reference/tests/testing.h"

/* --- memory that may end, a registry with a toy: the linker puts these in the place of the real ones --- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *block, size_t size);
const lp_exact_loss *__real_lp_exact_loss_find(const char *name);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *block, size_t size);
const lp_exact_loss *__wrap_lp_exact_loss_find(const char *name);

/* Check allocates too: never test anything while memory is out. */
static long allocations_left = LONG_MAX;
static bool only_once; /* what follows the allocation that fails succeeds */

static bool may_allocate(void) {
  if (allocations_left > 0) return allocations_left-- > 0;
  if (only_once) allocations_left = LONG_MAX;
  return false;
}

void *__wrap_malloc(size_t size) { return may_allocate() ? __real_malloc(size) : NULL; }
void *__wrap_calloc(size_t n, size_t size) { return may_allocate() ? __real_calloc(n, size) : NULL; }
void *__wrap_realloc(void *block, size_t size) { return may_allocate() ? __real_realloc(block, size) : NULL; }

static lp_exact_loss toy; /* set by each test; no name: not there */

const lp_exact_loss *__wrap_lp_exact_loss_find(const char *name) {
  if (strcmp(name, "toy") != 0) return __real_lp_exact_loss_find(name);
  return toy.name ? &toy : NULL;
}

/* --- the toy --- */

enum { X, Y, W, N_INPUTS };
enum { ALPHA, OTHER, LAST, N_REGIMES };

static const lp_input_spec inputs[N_INPUTS] = {
    {.name = "x", .kind = LP_KIND_REAL, .differentiable = true, .integer_ok = true, .max_rank = 4},
    {.name = "y", .kind = LP_KIND_REAL, .differentiable = true, .integer_ok = true, .max_rank = 4},
    {.name = "w", .kind = LP_KIND_REAL, .optional = true, .differentiable = true, .max_rank = 4}};
static const lp_param_spec params[] = {{.name = "p", .type = LP_PARAM_REAL, .fallback = 1.0}};
static const lp_regime regimes[N_REGIMES] = {{"alpha", ""}, {"other", ""}, {"last", ""}};

static lp_status plan_toy(lp_plan *plan, lp_error *error) {
  return lp_plan_broadcast(plan, 1u << X | 1u << Y | 1u << W, error);
}

static const lp_loss toy_loss = {.name = "toy",
                                 .reductions = LP_CAN_USUAL | LP_CAN_BATCHMEAN,
                                 .inputs = inputs,
                                 .n_inputs = N_INPUTS,
                                 .params = params,
                                 .n_params = 1,
                                 .regimes = regimes,
                                 .n_regimes = N_REGIMES,
                                 .plan = plan_toy};

/* --- trials --- */

typedef struct trial {
  lp_case c;
  lp_plan plan;
  lp_exact exact;
  lp_exact_options options;
  lp_error error;
} trial;

static void put_shape(lp_tensor *tensor, lp_dtype dtype, const char *shape) {
  int64_t extents[LP_MAX_RANK];
  int rank = 0;
  for (char *end; *shape; shape = end) {
    extents[rank++] = strtoll(shape, &end, 10);
    while (*end == ' ') end++;
  }
  ck_assert_int_eq(lp_tensor_init(tensor, dtype, rank, extents, NULL), LP_OK);
}

static void give(trial *t, int input, const char *shape, double *values) {
  put_shape(&t->c.inputs[input], t->c.dtype, shape);
  t->c.inputs[input].f64 = values;
  t->c.has_input[input] = true;
}

static void set_reduction(trial *t, const char *word) {
  t->c.reduction_word = word;
  t->c.reduction = lp_reduction_from_name(word);
}

static void set_upstream(trial *t, const char *shape, double *values) {
  put_shape(&t->c.grad_output, t->c.dtype, shape);
  t->c.grad_output.f64 = values;
  t->c.has_grad_output = true;
}

/* A case of x and y, reduction none, in float64. */
static trial trial_of(lp_x (*term)(lp_tape *t, const lp_plan *plan, int64_t index), const char *shape, double *x,
                      double *y) {
  trial t = {.c = {.id = NULL}};
  lp_case_init(&t.c, &toy_loss);
  set_reduction(&t, "none");
  give(&t, X, shape, x);
  give(&t, Y, shape, y);
  toy = (lp_exact_loss){.name = "toy", .term = term, .weight = -1};
  return t;
}

static lp_status try_to_ask(trial *t) {
  ck_assert_msg(lp_plan_init(&t->plan, &t->c, &t->error) == LP_OK, "%s", t->error.message);
  return lp_exact_evaluate(&t->exact, &t->plan, &t->options, &t->error);
}

static void ask(trial *t) { ck_assert_msg(try_to_ask(t) == LP_OK, "%s", t->error.message); }

static const lp_exact_number *number(const trial *t, int input, int64_t i) {
  const lp_exact_output *out = lp_exact_find(&t->exact, input);
  ck_assert_ptr_nonnull(out);
  ck_assert_int_lt(i, out->layout.numel);
  return &out->numbers[i];
}

/* The number is this double exactly (to 2^-100 where it is not dyadic), with this scale and these terms. */
static void check_number(const trial *t, int input, int64_t i, double value, double scale, int64_t terms) {
  const lp_exact_number *n = number(t, input, i);
  ck_assert_int_eq(n->class, LP_FINITE);
  ck_assert_double_le(fabs(arf_get_d(arb_midref(&n->value), ARF_RND_NEAR) - value), 1e-14 * fabs(value));
  const double got = mag_get_d(&n->scale);
  ck_assert_msg(got >= scale * (1 - 1e-12) && got <= scale * (1 + 1e-6), "scale %.12g, by hand %.12g", got, scale);
  ck_assert_int_eq(n->terms, terms);
}

static void check_class(const trial *t, int input, int64_t i, lp_class class) {
  ck_assert_str_eq(lp_class_name(number(t, input, i)->class), lp_class_name(class));
}

/* --- formulas --- */

static lp_x read(lp_tape *t, const lp_plan *plan, int input, int64_t index) {
  return lp_x_element(t, input, lp_exact_position(&plan->c->inputs[input], &plan->term, index));
}

/* x y, times w where there is one */
static lp_x product(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x x = read(t, plan, X, index), y = read(t, plan, Y, index);
  const lp_x both = lp_x_multiply(t, x, y);
  lp_x_enter(t, lp_x_class(t, both) == LP_FINITE ? ALPHA : OTHER);
  return plan->c->has_input[W] ? lp_x_multiply(t, both, read(t, plan, W, index)) : both;
}

/* |x - y| */
static lp_x distance(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x x = read(t, plan, X, index);
  return lp_x_abs(t, lp_x_subtract(t, x, read(t, plan, Y, index)));
}

/* exp(x) - 1 without its roundings: at a small x only many bits see that it is not 0 */
static lp_x excess(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x e = lp_x_unrounded(t, lp_x_exp(t, read(t, plan, X, index)));
  return lp_x_subtract(t, e, lp_x_constant(t, 1.0));
}

/* --- values and gradients --- */

static double threes[] = {3, 3, 3, 3, 3, 3}, counts[] = {1, 2, 3, 4, 5, 6}, ones[] = {1, 1, 1, 1, 1, 1};

/* x y = 3 n, rounded once: scale |xy| + |xy|; the gradient 1 y is rounded once too. */
START_TEST(unreduced) {
  trial t = trial_of(product, "2 3", threes, counts);
  ask(&t);
  ck_assert_int_eq(t.exact.n_outputs, 3);
  for (int i = 0; i < 6; i++) {
    const double n = i + 1;
    check_number(&t, LP_OUTPUT_LOSS, i, 3 * n, (n == 1 || n == 2 || n == 4 ? 1 : 2) * 3 * n, 1);
    check_number(&t, X, i, n, n, 1); /* the upstream gradient is 1, a power of 2: no rounding */
    check_number(&t, Y, i, 3, 3, 1);
  }
  ck_assert_int_eq(t.exact.precision, LP_EXACT_PRECISION_MIN);
  ck_assert_int_eq(t.exact.n_kinks, 0);
  ck_assert_ptr_null(lp_exact_find(&t.exact, W));
  lp_exact_clear(&t.exact);
}
END_TEST

START_TEST(upstream_gradients_multiply) {
  double g[] = {3, -5, 0, INFINITY, NAN, 7};
  trial t = trial_of(product, "2 3", threes, counts);
  set_upstream(&t, "2 3", g);
  ask(&t);
  check_number(&t, X, 0, 3, 3, 1);
  check_number(&t, X, 1, -10, 10, 1);
  check_number(&t, Y, 1, -15, 30, 1);
  check_number(&t, Y, 2, 0, 0, 1);
  check_class(&t, X, 3, LP_PLUS_INFINITY);
  check_class(&t, X, 4, LP_NAN);
  check_number(&t, X, 5, 42, 84, 1);
  lp_exact_clear(&t.exact);
}
END_TEST

/* Sum: every term's size and reach; terms are counted. */
START_TEST(summed) {
  double g[] = {-3};
  trial t = trial_of(product, "2 3", threes, counts);
  set_reduction(&t, "sum");
  set_upstream(&t, "", g);
  ask(&t);
  const double sizes = 3 * (1 + 2 + 3 + 4 + 5 + 6), rounded = 3 * (3 + 5 + 6);
  check_number(&t, LP_OUTPUT_LOSS, 0, 63, sizes + rounded, 6);
  check_number(&t, X, 2, -9, 18, 1);
  lp_exact_clear(&t.exact);
}
END_TEST

/* Mean: the quotient by 6 is rounded, and the upstream gradient over 6. */
START_TEST(averaged) {
  trial t = trial_of(product, "2 3", threes, counts);
  set_reduction(&t, "mean");
  ask(&t);
  check_number(&t, LP_OUTPUT_LOSS, 0, 63 / 6.0, (63 + 42) / 6.0 + 2 * 63 / 6.0, 6);
  /* (1/6) 3: reach 3 (1/6) and the product, and its size */
  check_number(&t, Y, 0, 0.5, 1.5, 1);
  lp_exact_clear(&t.exact);
}
END_TEST

static double half_the_elements(const lp_plan *plan) { return (double)plan->term.numel / 2; }

START_TEST(other_denominators) {
  trial t = trial_of(product, "2 3", threes, counts);
  toy.denominator = half_the_elements;
  set_reduction(&t, "batchmean");
  ask(&t);
  check_number(&t, LP_OUTPUT_LOSS, 0, 21, 35 + 42, 6);
  lp_exact_clear(&t.exact);
  set_reduction(&t, "sum");
  ask(&t);
  check_number(&t, LP_OUTPUT_LOSS, 0, 63, 105, 6);
  lp_exact_clear(&t.exact);
}
END_TEST

/* y of shape (3) under x of shape (2, 3): each of its gradients adds two terms. */
START_TEST(broadcast) {
  double y[] = {1, 3, 5};
  trial t = trial_of(product, "2 3", counts, counts);
  give(&t, Y, "3", y);
  ask(&t);
  check_number(&t, LP_OUTPUT_LOSS, 4, 15, 30, 1);
  check_number(&t, X, 4, 3, 3, 1);
  check_number(&t, Y, 1, 2 + 5, 2 + 5, 2);
  lp_exact_clear(&t.exact);
}
END_TEST

/* L = sum w x y / sum w; with respect to a weight (x y - L) / W. */
START_TEST(weighted_mean) {
  double w[] = {1, 2, 5};
  trial t = trial_of(product, "3", threes, counts);
  give(&t, W, "3", w);
  toy.weight = W;
  set_reduction(&t, "mean");
  ask(&t);
  const double loss = (3 + 12 + 45) / 8.0;
  ck_assert_double_eq(arf_get_d(arb_midref(&number(&t, LP_OUTPUT_LOSS, 0)->value), ARF_RND_NEAR), loss);
  ck_assert_int_eq(number(&t, LP_OUTPUT_LOSS, 0)->terms, 3);
  for (int i = 0; i < 3; i++) {
    const lp_exact_number *n = number(&t, W, i);
    ck_assert_double_eq(arf_get_d(arb_midref(&n->value), ARF_RND_NEAR), (3 * counts[i] - loss) / 8.0);
    ck_assert_double_ge(mag_get_d(&n->scale), (3 * counts[i] + loss) / 8.0);
  }
  check_class(&t, X, 0, LP_FINITE);
  lp_exact_clear(&t.exact);
  t.options.value_only = true;
  ask(&t);
  ck_assert(arb_is_zero(&number(&t, W, 0)->value));
  lp_exact_clear(&t.exact);
  t.options.value_only = false;
  set_reduction(&t, "sum"); /* no denominator: the weight is a factor alone */
  ask(&t);
  ck_assert_double_eq(arf_get_d(arb_midref(&number(&t, W, 1)->value), ARF_RND_NEAR), 6.0);
  lp_exact_clear(&t.exact);
  set_reduction(&t, "mean");
  t.c.has_input[W] = false; /* no weights: the number of elements */
  ask(&t);
  ck_assert_double_eq(arf_get_d(arb_midref(&number(&t, LP_OUTPUT_LOSS, 0)->value), ARF_RND_NEAR), 6.0);
  lp_exact_clear(&t.exact);
}
END_TEST

/* Weights whose sum is 0, to the last bit, or infinite. */
START_TEST(weights_without_a_mean) {
  double w[] = {0x1p1000, 0x1p-1074, -0x1p1000};
  trial t = trial_of(product, "3", threes, ones);
  give(&t, W, "3", w);
  toy.weight = W;
  set_reduction(&t, "mean");
  ask(&t);
  check_class(&t, LP_OUTPUT_LOSS, 0, LP_FINITE); /* the sum is 2^-1074 */
  arb_t slope;
  arb_init(slope);
  arb_one(slope);
  arb_mul_2exp_si(slope, slope, 1000 + 1074);
  ck_assert(arb_equal(&number(&t, X, 0)->value, slope));
  arb_clear(slope);
  lp_exact_clear(&t.exact);
  w[1] = 0;
  ask(&t);
  check_class(&t, LP_OUTPUT_LOSS, 0, LP_NAN);
  lp_exact_clear(&t.exact);
  w[1] = INFINITY;
  ask(&t);
  check_class(&t, LP_OUTPUT_LOSS, 0, LP_NAN);
  check_class(&t, X, 0, LP_FINITE); /* 2^1000 / inf */
  lp_exact_clear(&t.exact);
}
END_TEST

START_TEST(empty_cases) {
  static const struct {
    const char *word;
    lp_class class;
  } of[] = {{"mean", LP_NAN}, {"sum", LP_FINITE}};
  double nothing[1];
  for (int i = 0; i < 2; i++) {
    trial t = trial_of(product, "0 3", nothing, nothing);
    set_reduction(&t, of[i].word);
    ask(&t);
    check_class(&t, LP_OUTPUT_LOSS, 0, of[i].class);
    ck_assert(arb_is_zero(&number(&t, LP_OUTPUT_LOSS, 0)->value));
    ck_assert_int_eq(lp_exact_find(&t.exact, X)->layout.numel, 0);
    lp_exact_clear(&t.exact);
  }
  trial t = trial_of(product, "0", nothing, nothing);
  ask(&t);
  ck_assert_int_eq(lp_exact_find(&t.exact, LP_OUTPUT_LOSS)->layout.numel, 0);
  lp_exact_clear(&t.exact);
}
END_TEST

START_TEST(classes_add_up) {
  static const struct {
    double a, b, c;
    lp_class sum;
  } of[] = {{1, INFINITY, 2, LP_PLUS_INFINITY},
            {-INFINITY, 1, 2, LP_MINUS_INFINITY},
            {-INFINITY, -INFINITY, 2, LP_MINUS_INFINITY},
            {INFINITY, -INFINITY, 2, LP_NAN},
            {1, NAN, INFINITY, LP_NAN},
            {INFINITY, NAN, 3, LP_NAN},
            {1, 2, 3, LP_FINITE}};
  for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
    double x[] = {of[i].a, of[i].b, of[i].c};
    trial t = trial_of(product, "3", x, ones);
    set_reduction(&t, i % 2 ? "mean" : "sum");
    ask(&t);
    check_class(&t, LP_OUTPUT_LOSS, 0, of[i].sum);
    lp_exact_clear(&t.exact);
  }
}
END_TEST

/* Beside an infinity a sum beyond float64 is infinite, as PyTorch's is. */
START_TEST(classes_beyond_float64) {
  double x[] = {0x1p1000, 0x1p1000, -INFINITY}, y[] = {0x1p1000, 0x1p1000, 1};
  trial t = trial_of(product, "3", x, y);
  set_reduction(&t, "sum");
  ask(&t);
  check_class(&t, LP_OUTPUT_LOSS, 0, LP_NAN);
  lp_exact_clear(&t.exact);
  x[0] = -0x1p1000;
  x[1] = 1;
  ask(&t);
  check_class(&t, LP_OUTPUT_LOSS, 0, LP_MINUS_INFINITY);
  lp_exact_clear(&t.exact);
  x[2] = 1;
  ask(&t);
  check_class(&t, LP_OUTPUT_LOSS, 0, LP_FINITE); /* 2^2000: what becomes of it is the judge's to say */
  lp_exact_clear(&t.exact);
}
END_TEST

/* It does not matter in which order they come; where the sum of several terms alone is out of range it does. */
START_TEST(sums_beyond_the_range_beside_infinities) {
  static const struct {
    double x[4];
    lp_class class;
  } of[] = {{{0x1p1000, -0x1p1000, -INFINITY, 1}, LP_NAN},
            {{-INFINITY, 1, 0x1p1000, 1}, LP_NAN},
            {{INFINITY, 1, 0x1p1000, 1}, LP_PLUS_INFINITY},
            {{INFINITY, 1, -0x1p23, -0x1p23}, LP_NOT_FINITE},
            {{0x1p23, -0x1p22, 0x1p23, -INFINITY}, LP_NOT_FINITE},
            {{0x1p22, 0x1p22, -0x1p23, -INFINITY}, LP_MINUS_INFINITY},
            {{NAN, 0x1p23, 0x1p23, -INFINITY}, LP_NAN}};
  for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
    double x[4], y[] = {0x1p1000, 0x1p1000, 0x1p1000, 0x1p1000};
    memcpy(x, of[i].x, sizeof x);
    trial t = trial_of(product, "4", x, y);
    set_reduction(&t, "sum");
    ask(&t);
    check_class(&t, LP_OUTPUT_LOSS, 0, of[i].class);
    lp_exact_clear(&t.exact);
    double one[] = {0x1p1000};
    give(&t, Y, "", one);
    set_reduction(&t, "none");
    set_upstream(&t, "4", y);
    ask(&t);
    check_class(&t, Y, 0, of[i].class == LP_NAN && i < 2 ? LP_ANY : of[i].class);
    lp_exact_clear(&t.exact);
  }
}
END_TEST

/* Infinities of both signs meet in an element that terms share: nothing is claimed, whatever comes after. */
START_TEST(shared_elements_beside_infinities) {
  static const struct {
    double a, b, c;
    lp_class class;
  } of[] = {{INFINITY, -INFINITY, 1, LP_ANY},
            {INFINITY, -INFINITY, INFINITY, LP_ANY},
            {INFINITY, 1, INFINITY, LP_PLUS_INFINITY},
            {-INFINITY, 3, 2, LP_MINUS_INFINITY},
            {NAN, INFINITY, 1, LP_NAN},
            {3, -INFINITY, NAN, LP_NAN}};
  for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
    double x[] = {of[i].a, of[i].b, of[i].c}, y[] = {2};
    trial t = trial_of(product, "3", x, x);
    give(&t, Y, "", y);
    ask(&t);
    check_class(&t, Y, 0, of[i].class);
    lp_exact_clear(&t.exact);
  }
}
END_TEST

/* x exp(y), cut off at 0 from below where `cut` */
static bool cut;

static lp_x scaled(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x product = lp_x_multiply(t, read(t, plan, X, index), lp_x_exp(t, read(t, plan, Y, index)));
  return cut ? lp_x_clamp(t, product) : product;
}

/* Infinity times exp(-800) is an infinity or NaN. */
START_TEST(what_is_not_finite_adds_up) {
  static const struct {
    double a, b;
    lp_class sum;
  } of[] = {{1, 2, LP_NOT_FINITE},
            {INFINITY, 1, LP_NOT_FINITE},
            {2, -INFINITY, LP_NOT_FINITE},
            {1, NAN, LP_NAN},
            {NAN, 1, LP_NAN}};
  cut = false;
  for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
    double x[] = {of[i].a, INFINITY, of[i].b}, y[] = {0, -800, 0};
    trial t = trial_of(scaled, "3", x, y);
    set_reduction(&t, "sum");
    ask(&t);
    check_class(&t, LP_OUTPUT_LOSS, 0, of[i].sum);
    ck_assert(!mag_is_inf(&number(&t, LP_OUTPUT_LOSS, 0)->scale));
    ck_assert(mag_cmp_2exp_si(&number(&t, LP_OUTPUT_LOSS, 0)->scale, 4096) < 0);
    lp_exact_clear(&t.exact);
  }
}
END_TEST

/* Whether such a number is above 0 decides the whole term: its value and slopes may be anything. */
START_TEST(terms_whose_side_is_unknown) {
  cut = true;
  for (int k = 0; k < 2; k++) {
    double x[] = {INFINITY}, y[] = {k == 0 ? -800 : -700};
    trial t = trial_of(scaled, "1", x, y);
    ask(&t);
    for (int input = LP_OUTPUT_LOSS; input <= Y; input++) {
      ck_assert_int_eq(mag_cmp_2exp_si(&number(&t, input, 0)->scale, 4096) > 0, k == 0);
    }
    lp_exact_clear(&t.exact);
  }
}
END_TEST

/* --- positions --- */

/* Index by index, as numpy explains it. */
static int64_t naive_position(const lp_tensor *in, const lp_tensor *out, int64_t index) {
  int64_t at[LP_MAX_RANK], position = 0;
  for (int k = out->rank - 1; k >= 0; k--) {
    at[k] = index % out->shape[k];
    index /= out->shape[k];
  }
  for (int k = 0; k < in->rank; k++) {
    const int64_t own = at[k + out->rank - in->rank];
    position = position * in->shape[k] + (in->shape[k] == 1 ? 0 : own);
  }
  return position;
}

START_TEST(positions) {
  static const char *const shapes[][2] = {{"2 3 4", "2 3 4"},
                                          {"2 3 4", "3 4"},
                                          {"2 3 4", "4"},
                                          {"2 3 4", ""},
                                          {"2 3 4", "1"},
                                          {"2 3 4", "3 1"},
                                          {"2 3 4", "2 1 4"},
                                          {"2 3 4", "1 3 1"},
                                          {"2 3 4", "1 1 1"},
                                          {"5", "5"},
                                          {"5", "1"},
                                          {"", ""},
                                          {"1 1", "1"},
                                          {"3 1 2 2", "1 1 2 1"},
                                          {"1 2 1 3 1 2 1 2", "3 1 1 2"}};
  for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
    lp_tensor in, out;
    put_shape(&out, LP_FLOAT64, shapes[s][0]);
    put_shape(&in, LP_FLOAT64, shapes[s][1]);
    for (int64_t i = 0; i < out.numel; i++) {
      ck_assert_int_eq(lp_exact_position(&in, &out, i), naive_position(&in, &out, i));
    }
  }
}
END_TEST

/* --- precision --- */

START_TEST(narrowness) {
  arb_t x;
  mag_t scale;
  arb_init(x);
  mag_init(scale);
  arb_set_d(x, 0.1);
  ck_assert(lp_exact_is_narrow(x, scale, LP_FLOAT64)); /* exact, whatever the scale */
  mag_set_d(arb_radref(x), 0x1p-62);                   /* 2^-12 8 u */
  mag_set_ui(scale, 1);
  ck_assert(lp_exact_is_narrow(x, scale, LP_FLOAT64));
  mag_set_d(arb_radref(x), 0x1.01p-62);
  ck_assert(!lp_exact_is_narrow(x, scale, LP_FLOAT64));
  ck_assert(lp_exact_is_narrow(x, scale, LP_FLOAT32));
  mag_set_ui_2exp_si(scale, 1, -100);
  mag_set_d(arb_radref(x), 0x1p-160);
  ck_assert(lp_exact_is_narrow(x, scale, LP_FLOAT32)); /* what float32 can tell apart: 2^-12 8 eta */
  ck_assert(!lp_exact_is_narrow(x, scale, LP_FLOAT64) || lp_dtype_unit_roundoff(LP_FLOAT64) > 0x1p-51);
  mag_set_d(arb_radref(x), 0x1p-157);
  ck_assert(!lp_exact_is_narrow(x, scale, LP_FLOAT32) || lp_dtype_unit_roundoff(LP_FLOAT32) > 0x1p-48);
  mag_inf(scale);
  ck_assert(!lp_exact_is_narrow(x, scale, LP_FLOAT64)); /* an infinite scale makes nothing narrow */
  mag_set_ui(scale, 1);
  arb_zero_pm_inf(x);
  ck_assert(!lp_exact_is_narrow(x, scale, LP_FLOAT64));
  arb_indeterminate(x);
  ck_assert(!lp_exact_is_narrow(x, scale, LP_FLOAT64));
  arb_clear(x);
  mag_clear(scale);
}
END_TEST

/* exp(x) - 1 at x = 1.33 2^-k, of 53 bits, needs k + 53 bits, so that 1 + x is exact. */
START_TEST(precision_doubles_until_narrow) {
  static const struct {
    double x;
    slong precision;
  } of[] = {{0x1.5555555555555p-10, 128},  {0x1.5555555555555p-100, 256},  {0x1.5555555555555p-190, 256},
            {0x1.5555555555555p-230, 512}, {0x1.5555555555555p-500, 1024}, {0x1.5555555555555p-1000, 2048}};
  for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
    double x[] = {of[i].x};
    trial t = trial_of(excess, "", x, ones);
    ask(&t);
    ck_assert_int_eq(t.exact.precision, of[i].precision);
    const lp_exact_number *n = number(&t, LP_OUTPUT_LOSS, 0);
    ck_assert(arb_is_positive(&n->value));
    ck_assert(lp_exact_is_narrow(&n->value, &n->scale, LP_FLOAT64));
    lp_exact_clear(&t.exact);
    t.options.precision = 300;
    ask(&t);
    ck_assert_int_ge(t.exact.precision, 300);
    ck_assert_int_eq(t.exact.precision % 300, 0);
    lp_exact_clear(&t.exact);
  }
}
END_TEST

/* 1 + v x with v = (1 + y) - 1: the value is narrow long before the gradient v of x. */
static lp_x wide_gradient(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x one = lp_x_constant(t, 1.0), x = read(t, plan, X, index), y = read(t, plan, Y, index);
  const lp_x v = lp_x_unrounded(t, lp_x_subtract(t, lp_x_unrounded(t, lp_x_add(t, one, y)), one));
  return lp_x_add(t, one, lp_x_multiply(t, v, x));
}

START_TEST(gradients_are_narrow_too) {
  double x[] = {1}, y[] = {0x1.5555555555555p-230};
  trial t = trial_of(wide_gradient, "", x, y);
  ask(&t);
  ck_assert_int_eq(t.exact.precision, 512);
  const lp_exact_number *n = number(&t, X, 0);
  ck_assert(lp_exact_is_narrow(&n->value, &n->scale, LP_FLOAT64));
  lp_exact_clear(&t.exact);
  t.options.value_only = true;
  ask(&t);
  ck_assert_int_eq(t.exact.precision, 128);
  lp_exact_clear(&t.exact);
}
END_TEST

/* Each term has the precision that it needs: the highest is reported. */
START_TEST(precision_is_the_highest) {
  double x[] = {1.0, 0x1.5555555555555p-230, 1.0};
  trial t = trial_of(excess, "3", x, ones);
  ask(&t);
  ck_assert_int_eq(t.exact.precision, 512);
  ck_assert_int_lt(arb_bits(&number(&t, LP_OUTPUT_LOSS, 2)->value), 200);
  lp_exact_clear(&t.exact);
}
END_TEST

/* ((1 + x^5) - 1) / x^5 without its roundings: at 2^-1000 no precision is enough */
static lp_x hopeless(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x x = read(t, plan, X, index), power = lp_x_unrounded(t, lp_x_raise(t, x, lp_x_constant(t, 5.0)));
  const lp_x sum = lp_x_unrounded(t, lp_x_add(t, lp_x_constant(t, 1.0), power));
  return lp_x_divide(t, lp_x_unrounded(t, lp_x_subtract(t, sum, lp_x_constant(t, 1.0))), power);
}

START_TEST(precision_has_an_end) {
  double x[] = {0x1p-1000};
  trial t = trial_of(hopeless, "", x, ones);
  static const slong from[] = {0, 1, 100, 4607, 4608, 1000000};
  for (int i = 0; i < 6; i++) {
    t.options.precision = from[i];
    ask(&t);
    ck_assert_int_eq(t.exact.precision, LP_EXACT_PRECISION_MAX);
    const lp_exact_number *n = number(&t, LP_OUTPUT_LOSS, 0);
    ck_assert(arb_contains_si(&n->value, 1) && arb_contains_si(&n->value, 2)); /* honest: it does not know */
    lp_exact_clear(&t.exact);
  }
}
END_TEST

/* log(x) exp(y) / (1 + x^2) + |x - y|: any precision to begin with gives one answer. */
static lp_x mixture(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x x = read(t, plan, X, index), y = read(t, plan, Y, index);
  const lp_x over = lp_x_add(t, lp_x_constant(t, 1.0), lp_x_square(t, x));
  const lp_x first = lp_x_divide(t, lp_x_multiply(t, lp_x_log(t, x), lp_x_exp(t, y)), over);
  return lp_x_add(t, first, lp_x_abs(t, lp_x_subtract(t, lp_x_sqrt(t, x), y)));
}

/* a <= b (1 + 2^-20) */
static bool hardly_above(const mag_t a, const mag_t b) {
  mag_t more;
  mag_init(more);
  mag_mul_2exp_si(more, b, -20);
  mag_add(more, more, b);
  const bool result = mag_cmp(a, more) <= 0;
  mag_clear(more);
  return result;
}

static bool nearly_same(const mag_t a, const mag_t b) { return hardly_above(a, b) && hardly_above(b, a); }

static void check_same_answer(const lp_exact *a, const lp_exact *b) {
  for (int k = 0; k < a->n_outputs; k++) {
    for (int64_t i = 0; i < a->outputs[k].layout.numel; i++) {
      const lp_exact_number *x = &a->outputs[k].numbers[i], *y = &b->outputs[k].numbers[i];
      ck_assert_int_eq(x->class, y->class);
      ck_assert_int_eq(x->terms, y->terms);
      ck_assert(arb_overlaps(&x->value, &y->value));
      ck_assert_msg(nearly_same(&x->scale, &y->scale), "scales %.12g, %.12g of output %d[%d]", mag_get_d(&x->scale),
                    mag_get_d(&y->scale), k, (int)i);
    }
  }
  ck_assert_int_eq(a->n_kinks, b->n_kinks);
  ck_assert_uint_eq(a->signature, b->signature);
  ck_assert_uint_eq(a->regimes, b->regimes);
  for (int k = 0; k < a->n_kinks; k++) {
    ck_assert_int_eq(a->kinks[k].state, b->kinks[k].state);
    ck_assert_int_eq(a->kinks[k].side, b->kinks[k].side);
    ck_assert_int_eq(a->kinks[k].n_effects, b->kinks[k].n_effects);
  }
}

START_TEST(answers_do_not_depend_on_precision) {
  double x[] = {0.5, 4, 2, 1e300, 0x1p-1074, 1}, y[] = {-700, 2, 0x1.6a09e667f3bcdp+0, 1e150, 3, 700};
  static const slong from[] = {64, 100, 256, 1000, 4608};
  static const lp_dtype dtypes[] = {LP_FLOAT64, LP_FLOAT32, LP_BFLOAT16};
  for (int d = 0; d < 3; d++) {
    trial first = trial_of(mixture, "2 3", x, y);
    first.c.dtype = dtypes[d];
    give(&first, X, "2 3", x);
    give(&first, Y, "2 3", y);
    set_reduction(&first, d % 2 ? "none" : "mean");
    ask(&first);
    for (int i = 0; i < 5; i++) {
      trial other = first;
      other.options.precision = from[i];
      ask(&other);
      check_same_answer(&first.exact, &other.exact);
      lp_exact_clear(&other.exact);
    }
    lp_exact_clear(&first.exact);
  }
}
END_TEST

/* --- options --- */

START_TEST(values_alone) {
  double x[] = {1, 1}, y[] = {1, 3};
  trial t = trial_of(distance, "2", x, y);
  t.options.value_only = true;
  ask(&t);
  ck_assert_int_eq(t.exact.n_kinks, 0);
  check_number(&t, LP_OUTPUT_LOSS, 1, 2, 4, 1);
  ck_assert(arb_is_zero(&number(&t, X, 1)->value) && mag_is_zero(&number(&t, X, 1)->scale));
  lp_exact_clear(&t.exact);
}
END_TEST

/* The shifted value, and a signature that tells when a switch was passed. */
START_TEST(shifts_and_signatures) {
  double x[] = {5}, y[] = {3};
  arb_struct by[1];
  lp_shift shift = {{by}};
  trial t = trial_of(distance, "", x, y);
  arb_init(&by[0]);
  ask(&t);
  const uint64_t here = t.exact.signature;
  lp_exact_clear(&t.exact);
  t.options.shift = &shift;
  for (int k = 1; k >= -3; k -= 4) {
    arb_set_si(&by[0], k);
    ask(&t);
    ck_assert_double_eq(arf_get_d(arb_midref(&number(&t, LP_OUTPUT_LOSS, 0)->value), ARF_RND_NEAR), k == 1 ? 3 : 1);
    ck_assert_int_eq(t.exact.signature == here, k == 1);
    lp_exact_clear(&t.exact);
  }
  arb_clear(&by[0]);
}
END_TEST

START_TEST(infinities_that_stand_for_large_numbers) {
  double x[] = {INFINITY}, y[] = {-3};
  trial t = trial_of(product, "", x, y);
  t.options.stand_in = 100;
  ask(&t);
  check_number(&t, LP_OUTPUT_LOSS, 0, -3 * 0x1p100, 3 * 0x1p100, 1);
  lp_exact_clear(&t.exact);
}
END_TEST

START_TEST(no_options_are_the_usual_ones) {
  trial t = trial_of(product, "6", threes, counts);
  ck_assert_int_eq(lp_plan_init(&t.plan, &t.c, &t.error), LP_OK);
  ck_assert_int_eq(lp_exact_evaluate(&t.exact, &t.plan, NULL, &t.error), LP_OK);
  check_number(&t, X, 5, 6, 6, 1);
  lp_exact_clear(&t.exact);
  ck_assert_int_eq(t.exact.n_outputs, 0);
}
END_TEST

START_TEST(a_loss_without_oracle) {
  trial t = trial_of(product, "6", threes, counts);
  toy.name = NULL;
  ck_assert_int_eq(try_to_ask(&t), LP_INTERNAL);
  ck_assert_ptr_nonnull(strstr(t.error.message, "toy has no exact oracle"));
  ck_assert_ptr_null(lp_exact_loss_find("no such loss"));
  for (int i = 0; lp_registry_at(i); i++) {
    const lp_exact_loss *found = lp_exact_loss_find(lp_registry_at(i)->name);
    if (found) ck_assert_str_eq(found->name, lp_registry_at(i)->name);
  }
}
END_TEST

/* --- regimes --- */

static const char *const own_regimes[] = {"last", "unheard-of", "alpha"};
static uint64_t regimes_of_case(const lp_plan *plan) { return plan->term.numel > 1 ? 1 : 2; }

static lp_x enter_third(lp_tape *t, const lp_plan *plan, int64_t index) {
  lp_x_enter(t, 2);
  return read(t, plan, X, index);
}

/* By name: the file's own order is another, and it may decide fewer. */
START_TEST(regimes_by_name) {
  trial t = trial_of(enter_third, "6", threes, counts);
  toy.regimes = own_regimes;
  toy.n_regimes = 3;
  ask(&t);
  ck_assert_uint_eq(t.exact.regimes, 1u << ALPHA);
  ck_assert_uint_eq(t.exact.regimes_known, 1u << ALPHA | 1u << LAST);
  lp_exact_clear(&t.exact);
  toy.regimes_of = regimes_of_case;
  ask(&t);
  ck_assert_uint_eq(t.exact.regimes, 1u << ALPHA | 1u << LAST);
  lp_exact_clear(&t.exact);
}
END_TEST

/* --- kinks --- */

static double change(const lp_kink_effect *effect, lp_side side) {
  return arf_get_d(arb_midref(&effect->change[side + 1]), ARF_RND_NEAR);
}

static const lp_kink_effect *effect_on(const trial *t, int kink, int input, int64_t index) {
  const lp_kink *k = &t->exact.kinks[kink];
  for (int i = 0; i < k->n_effects; i++) {
    if (t->exact.outputs[k->effects[i].output].input == input && k->effects[i].index == index) return &k->effects[i];
  }
  ck_abort_msg("kink %d leaves input %d alone", kink, input);
  return NULL;
}

/* |x - y| at x = y: 0 held, -1 and 1 on the sides, times the upstream gradient. */
START_TEST(kink_at_zero) {
  double x[] = {1, 2, 7}, y[] = {1, 5, 7}, g[] = {3, 1, -2};
  trial t = trial_of(distance, "3", x, y);
  set_upstream(&t, "3", g);
  ask(&t);
  ck_assert_int_eq(t.exact.n_kinks, 2);
  for (int k = 0; k < 2; k++) {
    const int at = k ? 2 : 0;
    ck_assert_int_eq(t.exact.kinks[k].state, LP_KINK_AT);
    ck_assert_int_eq(t.exact.kinks[k].side, LP_AT);
    ck_assert_int_eq(t.exact.kinks[k].term, at);
    ck_assert_int_eq(t.exact.kinks[k].group, 0);
    ck_assert_int_eq(t.exact.kinks[k].n_effects, 2);
    for (int side = -1; side <= 1; side++) {
      ck_assert_double_eq(change(effect_on(&t, k, X, at), (lp_side)side), side * g[at]);
      ck_assert_double_eq(change(effect_on(&t, k, Y, at), (lp_side)side), -side * g[at]);
      const double scale = mag_get_d(&effect_on(&t, k, X, at)->scale[side + 1]);
      ck_assert_double_le(fabs(scale - fabs(side * g[at])), 1e-8 * scale);
    }
  }
  check_number(&t, X, 1, -1, 1, 1);
  lp_exact_clear(&t.exact);
}
END_TEST

/* In float32 1 - (1 - 2^-60) may be 0 or on either side: near, and the numbers hold the true side. */
START_TEST(kink_near_zero) {
  double x[] = {1}, y[] = {1 - 0x1p-50};
  trial t = trial_of(distance, "", x, y);
  ask(&t);
  ck_assert_int_eq(t.exact.n_kinks, 0); /* float64 is exact there */
  lp_exact_clear(&t.exact);
  t.c.dtype = LP_FLOAT32;
  x[0] = 0x1p-30;
  y[0] = 0x1p-30 - 0x1p-54;
  give(&t, X, "", x);
  give(&t, Y, "", y);
  ask(&t);
  ck_assert_int_eq(t.exact.n_kinks, 0); /* as is float32 */
  lp_exact_clear(&t.exact);
}
END_TEST

/* | x y - 1 | where x y rounds */
static lp_x product_distance(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x both = lp_x_multiply(t, read(t, plan, X, index), read(t, plan, Y, index));
  return lp_x_abs(t, lp_x_subtract(t, both, lp_x_constant(t, 1.0)));
}

START_TEST(kink_within_rounding) {
  double x[] = {1 + 0x1p-30}, y[] = {1 - 0x1p-30};
  trial t = trial_of(product_distance, "", x, y);
  ask(&t);
  ck_assert_int_eq(t.exact.n_kinks, 1);
  ck_assert_int_eq(t.exact.kinks[0].state, LP_KINK_NEAR);
  ck_assert_int_eq(t.exact.kinks[0].side, LP_BELOW); /* 1 - 2^-60 */
  const lp_kink_effect *e = effect_on(&t, 0, X, 0);
  ck_assert_double_eq(change(e, LP_BELOW), 0.0);
  ck_assert_double_eq(change(e, LP_AT), y[0]);
  ck_assert_double_eq(change(e, LP_ABOVE), 2 * y[0]);
  lp_exact_clear(&t.exact);
}
END_TEST

/* | sqrt(x)^2 - x |: exactly 0, which no precision shows, unless x is a square */
static lp_x root_distance(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x x = read(t, plan, X, index), back = lp_x_square(t, lp_x_sqrt(t, x));
  return lp_x_abs(t, lp_x_subtract(t, back, read(t, plan, Y, index)));
}

START_TEST(kink_blurred_and_undecided) {
  double x[] = {4, 2}, y[] = {4, 2};
  trial t = trial_of(root_distance, "2", x, y);
  ask(&t);
  ck_assert_int_eq(t.exact.n_kinks, 2);
  ck_assert_int_eq(t.exact.kinks[0].state, LP_KINK_AT);
  ck_assert_int_eq(t.exact.kinks[1].state, LP_KINK_UNDECIDED);
  ck_assert_int_eq(t.exact.kinks[1].side, LP_AT);
  ck_assert_int_eq(t.exact.kinks[1].n_effects, 2);
  ck_assert_double_eq(change(effect_on(&t, 1, Y, 1), LP_ABOVE), -1.0);
  ck_assert_int_eq(t.exact.precision, LP_EXACT_PRECISION_MAX);
  lp_exact_clear(&t.exact);
  x[0] = y[0] = 4;
  t.c.dtype = LP_BFLOAT16;
  t.c.inputs[X].dtype = t.c.inputs[Y].dtype = LP_BFLOAT16;
  x[1] = y[1] = 0x1p-80 * 257 * 257; /* a square that bfloat16 lacks, of a root that it lacks */
  ask(&t);
  ck_assert_int_eq(t.exact.n_kinks, 2);
  ck_assert_int_eq(t.exact.kinks[1].state, LP_KINK_BLURRED);
  lp_exact_clear(&t.exact);
}
END_TEST

/* Meets a switch that does nothing: x on both sides. */
static lp_x idle(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x x = read(t, plan, X, index), y = read(t, plan, Y, index);
  lp_x_side(t, lp_x_subtract(t, x, y));
  return x;
}

/* A switch that cannot be decided stays, even without effects: it was not decided. */
static lp_x idle_undecided(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x x = read(t, plan, X, index);
  lp_x_side(t, lp_x_subtract(t, lp_x_square(t, lp_x_sqrt(t, x)), x));
  return x;
}

START_TEST(switches_without_effect) {
  double x[] = {2, 3, 5}, y[] = {2, 3, 1};
  trial t = trial_of(idle, "3", x, y);
  ask(&t);
  ck_assert_int_eq(t.exact.n_kinks, 0);
  lp_exact_clear(&t.exact);
  toy.term = idle_undecided;
  ask(&t);
  ck_assert_int_eq(t.exact.n_kinks, 3);
  ck_assert_int_eq(t.exact.kinks[2].n_effects, 0);
  ck_assert_int_eq(t.exact.kinks[2].state, LP_KINK_UNDECIDED);
  lp_exact_clear(&t.exact);
}
END_TEST

/* x, but at and above x = y with a slope that is 2^-70 or 2^-30 larger */
static lp_x bent(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x x = read(t, plan, X, index), y = read(t, plan, Y, index);
  if (lp_x_side(t, lp_x_subtract(t, x, y)) == LP_AT) return x;
  const double more = index == 0 ? 0x1p-70 : 0x1p-30;
  return lp_x_add(t, x, lp_x_multiply(t, lp_x_constant(t, more), x));
}

/* A change far below the budget is none, at any precision. */
START_TEST(changes_that_no_budget_sees) {
  trial t = trial_of(bent, "2", threes, threes);
  for (slong precision = 128; precision <= 4608; precision *= 6) {
    t.options.precision = precision;
    ask(&t);
    ck_assert_int_eq(t.exact.n_kinks, 1);
    ck_assert_int_eq(t.exact.kinks[0].term, 1);
    ck_assert_double_eq(change(effect_on(&t, 0, X, 1), LP_ABOVE), 0x1p-30);
    lp_exact_clear(&t.exact);
  }
}
END_TEST

/* x, but above x = y sqrt((1 + x) - 1), which needs many bits */
static lp_x steep(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x x = read(t, plan, X, index), y = read(t, plan, Y, index), one = lp_x_constant(t, 1.0);
  if (lp_x_side(t, lp_x_subtract(t, x, y)) != LP_ABOVE) return x;
  return lp_x_sqrt(t, lp_x_unrounded(t, lp_x_subtract(t, lp_x_unrounded(t, lp_x_add(t, one, x)), one)));
}

/* The other sides are worked out as precisely as the side that is true. */
START_TEST(other_sides_need_more_bits) {
  double x[] = {0x1p-400};
  trial t = trial_of(steep, "", x, x);
  ask(&t);
  ck_assert_int_eq(t.exact.precision, 128);
  ck_assert_int_eq(t.exact.n_kinks, 1);
  const lp_kink_effect *e = effect_on(&t, 0, X, 0);
  ck_assert_double_eq(change(e, LP_ABOVE), 0x1p199);
  ck_assert_int_ge(arb_rel_accuracy_bits(&e->change[LP_ABOVE + 1]), 60);
  ck_assert_double_eq(change(e, LP_BELOW), 0.0);
  lp_exact_clear(&t.exact);
}
END_TEST

/* Where x = y: a formula of x alone below, of y alone above, of both (in another order) at 0. */
static lp_x branches(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x x = read(t, plan, X, index), y = read(t, plan, Y, index);
  const lp_side side = lp_x_side(t, lp_x_subtract(t, x, y));
  if (side == LP_BELOW) return lp_x_multiply(t, x, lp_x_constant(t, 3.0));
  if (side == LP_ABOVE) return lp_x_multiply(t, lp_x_constant(t, 5.0), y);
  const lp_x again = read(t, plan, Y, index), other = read(t, plan, X, index);
  return lp_x_add(t, lp_x_scale(t, again, 2.0), lp_x_add(t, other, lp_x_scale(t, other, 8.0)));
}

START_TEST(effects_by_element) {
  double x[] = {7}, y[] = {7};
  trial t = trial_of(branches, "", x, y);
  ask(&t);
  ck_assert_int_eq(t.exact.n_kinks, 1);
  ck_assert_int_eq(t.exact.kinks[0].n_effects, 2);
  const lp_kink_effect *on_x = effect_on(&t, 0, X, 0), *on_y = effect_on(&t, 0, Y, 0);
  ck_assert_double_eq(change(on_x, LP_BELOW), 3 - 9);
  ck_assert_double_eq(change(on_y, LP_BELOW), -2);
  ck_assert_double_eq(change(on_x, LP_ABOVE), -9);
  ck_assert_double_eq(change(on_y, LP_ABOVE), 5 - 2);
  ck_assert_double_eq(mag_get_d(&on_y->scale[LP_BELOW + 1]), 0.0);
  lp_exact_clear(&t.exact);
}
END_TEST

/* The same element twice in a term, and in two terms: changes of one element add up. */
static lp_x doubled(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x first = distance(t, plan, index);
  return lp_x_add(t, first, lp_x_abs(t, read(t, plan, Y, index)));
}

START_TEST(effects_on_shared_elements) {
  double x[] = {0, 0}, y[] = {0};
  trial t = trial_of(doubled, "2", x, y);
  give(&t, Y, "", y);
  ask(&t);
  ck_assert_int_eq(t.exact.n_kinks, 4);
  ck_assert_int_eq(t.exact.kinks[1].n_effects, 1);
  ck_assert_double_eq(change(effect_on(&t, 0, Y, 0), LP_ABOVE), -1);
  ck_assert_double_eq(change(effect_on(&t, 1, Y, 0), LP_ABOVE), 1);
  ck_assert_double_eq(change(effect_on(&t, 2, Y, 0), LP_ABOVE), -1);
  ck_assert_int_eq(t.exact.kinks[3].term, 1);
  lp_exact_clear(&t.exact);
}
END_TEST

/* Infinite and NaN parts of a gradient make no change: there the classes speak. Where they are the same on all sides
 * there is no effect. */
START_TEST(effects_have_no_infinities) {
  double x[] = {1}, y[] = {1}, g[] = {INFINITY};
  trial t = trial_of(distance, "", x, y);
  set_upstream(&t, "", g);
  ask(&t);
  check_class(&t, X, 0, LP_NAN); /* 0 times infinity */
  ck_assert_int_eq(t.exact.n_kinks, 1);
  const lp_kink_effect *on_x = effect_on(&t, 0, X, 0), *on_y = effect_on(&t, 0, Y, 0);
  for (int side = 0; side < 3; side++) {
    static const lp_class of_x[] = {LP_MINUS_INFINITY, LP_NAN, LP_PLUS_INFINITY};
    ck_assert_int_eq(on_x->class[side], of_x[side]);
    ck_assert_int_eq(on_y->class[side], of_x[2 - side]);
    ck_assert(arb_is_zero(&on_x->change[side]) && arb_is_zero(&on_y->change[side]));
  }
  ck_assert_int_eq(on_x->terms, number(&t, X, 0)->terms);
  lp_exact_clear(&t.exact);
  g[0] = NAN;
  ask(&t);
  check_class(&t, X, 0, LP_NAN);
  ck_assert_int_eq(t.exact.n_kinks, 0);
  lp_exact_clear(&t.exact);
}
END_TEST

/* More kinks and effects than any first piece of memory: sum of |x_i| over a row, all 0. */
static lp_x row_of_zeros(lp_tape *t, const lp_plan *plan, int64_t index) {
  lp_x terms[40];
  const int64_t n = plan->c->inputs[X].numel;
  for (int64_t i = 0; i < n; i++) terms[i] = lp_x_abs(t, lp_x_element(t, X, (i + index) % n));
  return lp_x_sum(t, terms, (int)n);
}

START_TEST(terms_of_nested_sums) {
  double x[] = {1, 2, 3};
  trial t = trial_of(row_of_zeros, "3", x, x);
  set_reduction(&t, "sum");
  ask(&t);
  ck_assert_int_eq(number(&t, LP_OUTPUT_LOSS, 0)->terms, 9);
  ck_assert_int_eq(number(&t, X, 0)->terms, 3);
  lp_exact_clear(&t.exact);
}
END_TEST

START_TEST(many_kinks) {
  double x[40] = {0}, y[40] = {0};
  trial t = trial_of(row_of_zeros, "40", x, y);
  ask(&t);
  ck_assert_int_eq(t.exact.n_kinks, 40 * 40);
  for (int k = 0; k < 1600; k++) {
    ck_assert_int_eq(t.exact.kinks[k].n_effects, 1);
    ck_assert_int_eq(t.exact.kinks[k].effects[0].index, (k % 40 + k / 40) % 40);
    ck_assert_int_eq(t.exact.kinks[k].term, k / 40);
  }
  lp_exact_clear(&t.exact);
}
END_TEST

/* Two groups in every term: they get numbers of their own. */
static lp_x grouped(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x x = read(t, plan, X, index);
  lp_x sum = lp_x_constant(t, 0.0);
  for (int g = 0; g < 2; g++) {
    const int group = lp_x_new_group(t);
    for (int k = 0; k < 2; k++) {
      const lp_side side = lp_x_meet_in_group(t, group, 2.0 + g, LP_KINK_AT);
      sum = lp_x_add(t, sum, lp_x_multiply(t, x, lp_x_constant(t, side)));
    }
  }
  return sum;
}

START_TEST(groups_are_numbered) {
  double x[] = {3, 5};
  trial t = trial_of(grouped, "2", x, ones);
  ask(&t);
  ck_assert_int_eq(t.exact.n_kinks, 8);
  for (int k = 0; k < 8; k++) {
    ck_assert_int_eq(t.exact.kinks[k].group, 1 + k / 2);
    ck_assert_double_eq(t.exact.kinks[k].dual, 2.0 + k / 2 % 2);
    ck_assert_double_eq(change(effect_on(&t, k, X, k / 4), LP_BELOW), -1);
  }
  lp_exact_clear(&t.exact);
}
END_TEST

/* A hinge over x (1 - 2^-30) - 1 + |y|: the kink of |y| lies behind the gate. */
static lp_x gated(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x y = lp_x_abs(t, read(t, plan, Y, index));
  const lp_x both = lp_x_multiply(t, read(t, plan, X, index), lp_x_constant(t, 1 - 0x1p-30));
  const lp_x room = lp_x_subtract(t, both, lp_x_constant(t, 1.0));
  lp_x_announce_gate(t);
  return lp_x_clamp(t, lp_x_add(t, room, y));
}

static void check_signs_of_y(const trial *t, int kink) {
  ck_assert_double_eq(change(effect_on(t, kink, Y, 0), LP_ABOVE), 1);
  ck_assert_double_eq(change(effect_on(t, kink, Y, 0), LP_BELOW), -1);
}

/* Shut by less than rounding: the kink of |y| shows behind the open gate. Shut for sure: nothing shows. */
START_TEST(kinks_behind_a_gate) {
  double x[] = {1 + 0x1p-30}, y[] = {0};
  trial t = trial_of(gated, "", x, y);
  ask(&t);
  ck_assert_int_eq(t.exact.n_kinks, 2);
  ck_assert_int_eq(t.exact.kinks[0].state, LP_KINK_NEAR); /* the gate comes first */
  ck_assert_int_eq(t.exact.kinks[0].side, LP_BELOW);
  ck_assert_int_eq(t.exact.kinks[1].state, LP_KINK_AT);
  check_signs_of_y(&t, 1);
  lp_exact_clear(&t.exact);
  x[0] = 0.5;
  ask(&t);
  ck_assert_int_eq(t.exact.n_kinks, 0);
  lp_exact_clear(&t.exact);
  x[0] = 2;
  ask(&t);
  ck_assert_int_eq(t.exact.n_kinks, 1);
  check_signs_of_y(&t, 0);
  lp_exact_clear(&t.exact);
  x[0] = 1 + 0x1p-30 + 0x1p-51; /* open by less than rounding */
  ask(&t);
  ck_assert_int_eq(t.exact.kinks[0].side, LP_ABOVE);
  lp_exact_clear(&t.exact);
}
END_TEST

/* A gate that was opened to look behind is itself again in the next term. */
START_TEST(gates_are_closed_again) {
  double x[] = {1 + 0x1p-30, 0.5}, y[] = {0, 0.25};
  trial t = trial_of(gated, "2", x, y);
  ask(&t);
  check_number(&t, LP_OUTPUT_LOSS, 1, 0, 0, 1);
  check_number(&t, Y, 1, 0, 0, 1);
  lp_exact_clear(&t.exact);
}
END_TEST

/* --- a loss that is no sum of terms --- */

static slong enough_from;
static int calls;
static bool began_empty;

static lp_status whole(lp_exact *exact, const lp_plan *plan, const lp_exact_options *options, slong precision,
                       bool *enough, lp_error *error) {
  (void)options;
  calls++;
  began_empty = exact->regimes == 0;
  for (int k = 0; k < exact->n_outputs; k++) {
    const lp_exact_number *n = exact->outputs[k].numbers;
    began_empty = began_empty && n->terms == 0 && n->class == LP_FINITE && arb_is_zero(&n->value);
  }
  exact->outputs[0].numbers[0].terms = 7;
  exact->outputs[0].numbers[0].class = LP_NAN;
  arb_set_si(&exact->outputs[0].numbers[0].value, precision);
  if (exact->has_alternative) exact->alternative.numbers[0].terms = precision;
  exact->regimes = 1;
  *enough = precision >= enough_from;
  if (plan->c->params[0] < 0) return lp_fail(error, LP_NO_MEMORY, "the toy gives up");
  return LP_OK;
}

START_TEST(losses_as_a_whole) {
  static const struct {
    slong from, enough, precision;
    int calls;
  } of[] = {{0, 1, 128, 1}, {0, 500, 512, 3}, {0, LONG_MAX, LP_EXACT_PRECISION_MAX, 7}, {9000, 1, 4608, 1}};
  for (int i = 0; i < 4; i++) {
    trial t = trial_of(NULL, "6", threes, counts);
    toy.evaluate = whole;
    t.options.precision = of[i].from;
    enough_from = of[i].enough;
    calls = 0;
    ask(&t);
    ck_assert_int_eq(t.exact.precision, of[i].precision);
    ck_assert_int_eq(calls, of[i].calls);
    ck_assert(began_empty);
    ck_assert_int_eq(number(&t, LP_OUTPUT_LOSS, 0)->terms, 7);
    ck_assert(t.exact.has_alternative);
    ck_assert_int_eq(t.exact.alternative.numbers[0].terms, of[i].precision);
    lp_exact_clear(&t.exact);
    t.c.params[0] = -1;
    ck_assert_int_eq(try_to_ask(&t), LP_NO_MEMORY);
    ck_assert_str_eq(t.error.message, "the toy gives up");
  }
}
END_TEST

static void make_integer(trial *t, int input, int64_t *values) {
  t->c.inputs[input].dtype = LP_INT64;
  t->c.inputs[input].f64 = NULL;
  t->c.inputs[input].i64 = values;
}

/* Inputs of integers have no gradients: no alternative either. */
START_TEST(losses_without_gradients) {
  int64_t seven[] = {7};
  double y[] = {1};
  trial t = trial_of(NULL, "", y, y);
  make_integer(&t, X, seven);
  make_integer(&t, Y, seven);
  toy.evaluate = whole;
  ask(&t);
  ck_assert_int_eq(t.exact.n_outputs, 1);
  ck_assert(!t.exact.has_alternative);
  lp_exact_clear(&t.exact);
  toy.evaluate = NULL;
  give(&t, W, "", y);
  toy.term = product;
  ask(&t);
  ck_assert_ptr_null(lp_exact_find(&t.exact, X));
  ck_assert_int_eq(lp_exact_output_of(&t.exact, X), -1);
  check_number(&t, W, 0, 49, 98, 1);
  lp_exact_clear(&t.exact);
}
END_TEST

/* A kink shows in the gradients that there are. */
START_TEST(kinks_of_integers) {
  int64_t seven[] = {7};
  double y[] = {7};
  trial t = trial_of(distance, "", y, y);
  make_integer(&t, X, seven);
  ask(&t);
  ck_assert_int_eq(t.exact.n_kinks, 1);
  ck_assert_int_eq(t.exact.kinks[0].n_effects, 1);
  ck_assert_double_eq(change(effect_on(&t, 0, Y, 0), LP_BELOW), 1);
  lp_exact_clear(&t.exact);
}
END_TEST

/* --- memory --- */

/* Memory ends after n allocations, for every n: for good, or for one allocation. */
static long fail_everywhere(trial *t) {
  long n = 0;
  lp_status status = LP_NO_MEMORY;
  ck_assert_int_eq(lp_plan_init(&t->plan, &t->c, &t->error), LP_OK);
  for (; status != LP_OK; n++) {
    allocations_left = n;
    status = lp_exact_evaluate(&t->exact, &t->plan, &t->options, &t->error);
    allocations_left = LONG_MAX;
    ck_assert(status == LP_OK || status == LP_NO_MEMORY);
    if (status != LP_OK) ck_assert_ptr_nonnull(strstr(t->error.message, "out of memory"));
  }
  lp_exact_clear(&t->exact);
  return n;
}

/* A hinge whose gate comes before another switch. */
static lp_x gate_first(lp_tape *t, const lp_plan *plan, int64_t index) {
  const lp_x both = lp_x_multiply(t, read(t, plan, X, index), lp_x_constant(t, 1 - 0x1p-30));
  lp_x_announce_gate(t);
  const lp_x open = lp_x_clamp(t, lp_x_subtract(t, both, lp_x_constant(t, 1.0)));
  return lp_x_multiply(t, open, lp_x_abs(t, read(t, plan, Y, index)));
}

START_TEST(memory_may_end_anywhere) {
  double zeros[12] = {0}, more[12] = {0, 1, 0, 2, 0, 3}, x[] = {1 + 0x1p-30};
  for (int once = 0; once < 2; once++) {
    only_once = once;
    trial t = trial_of(row_of_zeros, "12", zeros, more);
    set_reduction(&t, "mean");
    ck_assert_int_ge(fail_everywhere(&t), 20);
    t = trial_of(product, "6", threes, counts);
    ck_assert_int_ge(fail_everywhere(&t), 4);
    t = trial_of(branches, "2", zeros, zeros);
    ck_assert_int_ge(fail_everywhere(&t), 10);
    t = trial_of(gated, "", x, zeros);
    ck_assert_int_ge(fail_everywhere(&t), 8);
    t = trial_of(gate_first, "", x, zeros);
    ck_assert_int_ge(fail_everywhere(&t), 8);
    t = trial_of(NULL, "2", threes, counts);
    toy.evaluate = whole;
    enough_from = 1;
    ck_assert_int_ge(fail_everywhere(&t), 4);
  }
}
END_TEST

/* What parts of these classes add up to; PyTorch's rule for two infinities of different signs is not the math's. */
START_TEST(classes_of_parts) {
  static const struct {
    lp_class a, b, sum;
  } table[] = {
      {LP_FINITE, LP_FINITE, LP_FINITE},
      {LP_FINITE, LP_NAN, LP_NAN},
      {LP_NAN, LP_NAN, LP_NAN},
      {LP_PLUS_INFINITY, LP_FINITE, LP_PLUS_INFINITY},
      {LP_PLUS_INFINITY, LP_PLUS_INFINITY, LP_PLUS_INFINITY},
      {LP_PLUS_INFINITY, LP_NAN, LP_NAN},
      {LP_PLUS_INFINITY, LP_MINUS_INFINITY, LP_ANY},
      {LP_PLUS_INFINITY, LP_ANY, LP_ANY},
      {LP_NAN, LP_ANY, LP_ANY},
      {LP_FINITE, LP_ANY, LP_ANY},
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    ck_assert_int_eq(lp_exact_class_of_parts(table[i].a, table[i].b), table[i].sum);
    ck_assert_int_eq(lp_exact_class_of_parts(table[i].b, table[i].a), table[i].sum);
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {classes_of_parts,
                                unreduced,
                                upstream_gradients_multiply,
                                summed,
                                averaged,
                                other_denominators,
                                broadcast,
                                weighted_mean,
                                weights_without_a_mean,
                                empty_cases,
                                classes_add_up,
                                classes_beyond_float64,
                                sums_beyond_the_range_beside_infinities,
                                shared_elements_beside_infinities,
                                what_is_not_finite_adds_up,
                                terms_whose_side_is_unknown,
                                positions,
                                narrowness,
                                precision_doubles_until_narrow,
                                gradients_are_narrow_too,
                                precision_is_the_highest,
                                precision_has_an_end,
                                answers_do_not_depend_on_precision,
                                values_alone,
                                shifts_and_signatures,
                                infinities_that_stand_for_large_numbers,
                                no_options_are_the_usual_ones,
                                a_loss_without_oracle,
                                regimes_by_name,
                                kink_at_zero,
                                kink_near_zero,
                                kink_within_rounding,
                                kink_blurred_and_undecided,
                                switches_without_effect,
                                changes_that_no_budget_sees,
                                other_sides_need_more_bits,
                                effects_by_element,
                                effects_on_shared_elements,
                                effects_have_no_infinities,
                                terms_of_nested_sums,
                                many_kinks,
                                groups_are_numbered,
                                kinks_behind_a_gate,
                                gates_are_closed_again,
                                losses_as_a_whole,
                                losses_without_gradients,
                                kinks_of_integers,
                                memory_may_end_anywhere};
  const int result = run_tests("exact", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return result;
}
