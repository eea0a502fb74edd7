/* The generator's values: the bits are pinned, the classes hold what they promise, broadcasting pairs are met. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference/draw.h"

enum { MOST = 4000 };

/* A pair of inputs with a label beside them, and an index input that drawing leaves alone. */
static const lp_input_spec pair_inputs[] = {
    {.name = "input", .kind = LP_KIND_REAL, .differentiable = true, .max_rank = 8},
    {.name = "target", .kind = LP_KIND_REAL, .integer_ok = true, .max_rank = 8},
    {.name = "index", .kind = LP_KIND_INDEX, .optional = true, .max_rank = 8},
    {.name = "weight", .kind = LP_KIND_REAL, .optional = true, .max_rank = 8},
};
static const lp_loss pair = {.name = "pair", .inputs = pair_inputs, .n_inputs = 4};

static double store[LP_MAX_INPUTS][MOST];
static int64_t integer_store[LP_MAX_INPUTS][MOST];

static void give(lp_case *c, int input, lp_dtype dtype, int rank, const int64_t *shape) {
  lp_error error;
  ck_assert_int_eq(lp_tensor_init(&c->inputs[input], dtype, rank, shape, &error), LP_OK);
  ck_assert_int_le((int)c->inputs[input].numel, MOST);
  c->has_input[input] = true;
  if (lp_dtype_is_floating(dtype)) {
    c->inputs[input].f64 = store[input];
  } else {
    c->inputs[input].i64 = integer_store[input];
  }
}

static void give_flat(lp_case *c, int input, lp_dtype dtype, int64_t n) { give(c, input, dtype, 1, &n); }

static lp_case pair_of(lp_dtype input, lp_dtype target, int64_t n) {
  lp_case c;
  memset(&c, 0, sizeof c);
  c.loss = &pair;
  give_flat(&c, 0, input, n);
  give_flat(&c, 1, target, n);
  return c;
}

START_TEST(seed_is_pinned) {
  /* SplitMix64 from state 1234567, as published with the algorithm. */
  lp_rng rng = {1234567};
  ck_assert_uint_eq(lp_rng_next(&rng), UINT64_C(6457827717110365317));
  ck_assert_uint_eq(lp_rng_next(&rng), UINT64_C(3203168211198807973));
  const lp_rng a = lp_rng_for_case(1, "core/kl_div/0017"), b = lp_rng_for_case(1, "core/kl_div/0017");
  ck_assert_uint_eq(a.state, b.state);
  ck_assert_uint_ne(a.state, lp_rng_for_case(2, "core/kl_div/0017").state);
  ck_assert_uint_ne(a.state, lp_rng_for_case(1, "core/kl_div/0018").state);
  /* FNV-1a of eight zero bytes and "a", then the finalizer: computed independently. */
  ck_assert_uint_eq(lp_rng_for_case(0, "a").state, UINT64_C(952744179923471490));
}
END_TEST

START_TEST(below_is_uniform_and_in_range) {
  lp_rng rng = {1};
  int count[3] = {0, 0, 0};
  for (int i = 0; i < 3000; ++i) ++count[lp_rng_below(&rng, 3)];
  for (int i = 0; i < 3; ++i) ck_assert(count[i] > 900 && count[i] < 1100);
  ck_assert_int_eq(lp_rng_below(&rng, 1), 0);
  /* A quarter of all draws lies above the last multiple of 2^62 + 1 and must be thrown away. */
  const int64_t n = (INT64_C(1) << 62) + 1;
  for (int i = 0; i < 100; ++i) {
    const int64_t x = lp_rng_below(&rng, n);
    ck_assert(x >= 0 && x < n);
  }
}
END_TEST

START_TEST(uniform_normal_chance_pick) {
  lp_rng rng = {7};
  double sum = 0.0, squares = 0.0;
  int hits = 0;
  for (int i = 0; i < 4000; ++i) {
    const double u = lp_rng_uniform(&rng), z = lp_rng_normal(&rng);
    ck_assert(u >= 0.0 && u < 1.0);
    ck_assert_double_eq(z, (double)(float)z);
    sum += z;
    squares += z * z;
    hits += lp_rng_chance(&rng, 0.25);
  }
  ck_assert_double_eq_tol(sum / 4000, 0.0, 0.06);
  ck_assert_double_eq_tol(squares / 4000, 1.0, 0.08);
  ck_assert(hits > 900 && hits < 1100);
  ck_assert(!lp_rng_chance(&rng, 0.0) && lp_rng_chance(&rng, 1.0));
  const double values[] = {2.0, 3.0};
  int twos = 0;
  for (int i = 0; i < 1000; ++i) twos += lp_rng_pick(&rng, values, 2) < 2.5;
  ck_assert(twos > 400 && twos < 600);
}
END_TEST

START_TEST(ulp_steps) {
  const double largest = lp_dtype_largest(LP_FLOAT64), eta = lp_dtype_smallest_subnormal(LP_FLOAT64);
  static const double from[] = {1.0, -1.0, 0.1, 0x1p-1022, 0x1p-1074, 0.0, -0.0, -0x1p-1074, 1e300};
  for (size_t i = 0; i < sizeof from / sizeof from[0]; ++i) {
    ck_assert_double_eq(lp_ulp_step(from[i], 1), nextafter(from[i], INFINITY));
    ck_assert_double_eq(lp_ulp_step(from[i], -1), nextafter(from[i], -INFINITY));
    ck_assert_double_eq(lp_ulp_step(lp_ulp_step(from[i], 5), -5), from[i]);
  }
  ck_assert_double_eq(lp_ulp_step(0.0, 3), 3 * eta);
  ck_assert(signbit(lp_ulp_step(-0.0, 0)));
  ck_assert_double_eq(lp_ulp_step(largest, 1), INFINITY);
  ck_assert_double_eq(lp_ulp_step(largest, 5), INFINITY);
  ck_assert_double_eq(lp_ulp_step(-largest, -1), -INFINITY);
  ck_assert_double_eq(lp_ulp_step(-largest, -5), -INFINITY);
  ck_assert_double_eq(lp_ulp_step(INFINITY, -1), INFINITY);
  ck_assert_double_eq(lp_ulp_step(-INFINITY, 1), -INFINITY);
  ck_assert_double_nan(lp_ulp_step(NAN, 1));
}
END_TEST

/* Two boundary values: 1 and -1 for the first input, x and x + 1 for the second, where x is the first. */
static int two_points(double *values, int capacity, const double *params, int input, const double *earlier) {
  ck_assert_int_ge(capacity, 16);
  ck_assert_double_eq(params[0], 0.5);
  const double base = input == 0 ? -1.0 : earlier[0];
  values[0] = base;
  values[1] = input == 0 ? 1.0 : base + 1.0;
  return 2;
}

/* How many dtype-neighbours x is from `point`: 0, 1 or 2; 3 when further. */
static int steps_from(lp_dtype dtype, double x, double point) {
  const double r = lp_dtype_round(dtype, point);
  double up = r, down = r;
  for (int k = 0; k < 3; ++k) {
    if (x == up || x == down) return k;
    /* The neighbours by search: the first larger (smaller) number that survives rounding. */
    double width = lp_dtype_smallest_subnormal(dtype);
    while (lp_dtype_round(dtype, up + width) == up) width *= 2;
    up = lp_dtype_round(dtype, up + width);
    width = lp_dtype_smallest_subnormal(dtype);
    while (lp_dtype_round(dtype, down - width) == down) width *= 2;
    down = lp_dtype_round(dtype, down - width);
  }
  return 3;
}

START_TEST(boundaries_and_their_neighbours) {
  const lp_dtype dtype = (lp_dtype)_i;
  lp_case c = pair_of(dtype, dtype, 2000);
  c.params[0] = 0.5;
  lp_rng rng = {3};
  lp_draw_pointwise(&c, &rng, LP_VALUES_BOUNDARY, two_points, NULL);
  int at[4] = {0, 0, 0, 0};
  for (int i = 0; i < 2000; ++i) {
    const double x = store[0][i], t = store[1][i];
    const int first = steps_from(dtype, fabs(x), 1.0), same = steps_from(dtype, t, x),
              next = steps_from(dtype, t, x + 1);
    ++at[first];
    ++at[same < next ? same : next];
  }
  for (int k = 0; k < 4; ++k) ck_assert_int_gt(at[k], 300); /* on the point, one step, two steps, elsewhere */
}
END_TEST

START_TEST(boundary_without_lattice_and_for_integers) {
  lp_case c = pair_of(LP_FLOAT64, LP_INT32, 500);
  c.params[0] = 0.5;
  lp_rng rng = {3};
  lp_draw_pointwise(&c, &rng, LP_VALUES_BOUNDARY, two_points, NULL);
  int beside = 0;
  for (int i = 0; i < 500; ++i) {
    ck_assert_int_le(integer_store[1][i], 10);
    beside += integer_store[1][i] != lround(store[0][i]) && integer_store[1][i] != lround(store[0][i] + 1);
  }
  ck_assert_int_gt(beside, 100);
  lp_draw_pointwise(&c, &rng, LP_VALUES_BOUNDARY, NULL, NULL);
  int ones = 0;
  for (int i = 0; i < 500; ++i) ones += fabs(store[0][i]) == 1.0;
  ck_assert_int_eq(ones, 0);
}
END_TEST

/* One ulp beside the smallest normal number, and beside zero, is one eta in every dtype. */
static int at_the_bottom(double *values, int capacity, const double *params, int input, const double *earlier) {
  (void)capacity, (void)params, (void)earlier;
  values[0] = input == 0 ? 0.0 : 0x1p-14; /* float16's smallest normal number */
  return 1;
}

START_TEST(neighbours_of_subnormals) {
  lp_case c = pair_of(LP_FLOAT16, LP_FLOAT16, 300);
  lp_rng rng = {5};
  lp_draw_pointwise(&c, &rng, LP_VALUES_BOUNDARY, at_the_bottom, NULL);
  int zero = 0, normal = 0;
  for (int i = 0; i < 300; ++i) {
    zero += fabs(store[0][i]) == 0x1p-24;
    normal += store[1][i] == 0x1p-14 - 0x1p-24 || store[1][i] == 0x1p-14 + 0x1p-24;
  }
  ck_assert_int_gt(zero, 20);
  ck_assert_int_gt(normal, 20);
}
END_TEST

START_TEST(equal_inputs_over_broadcast_positions) {
  lp_case c = pair_of(LP_FLOAT64, LP_FLOAT64, 1);
  give(&c, 0, LP_FLOAT64, 2, (const int64_t[]){1, 40});
  give(&c, 1, LP_FLOAT64, 2, (const int64_t[]){30, 1});
  lp_rng rng = {9};
  lp_draw_pointwise(&c, &rng, LP_VALUES_EQUAL, NULL, NULL);
  int equal = 0;
  for (int i = 0; i < 30; ++i) equal += store[1][i] == store[0][0]; /* row i meets column 0 first */
  ck_assert(equal > 15 && equal < 30);

  give(&c, 1, LP_FLOAT64, 3, (const int64_t[]){2, 3, 40});
  lp_draw_pointwise(&c, &rng, LP_VALUES_EQUAL, NULL, NULL);
  equal = 0;
  for (int i = 0; i < 240; ++i) equal += store[1][i] == store[0][i % 40];
  ck_assert(equal > 150 && equal < 210);

  give(&c, 0, LP_FLOAT64, 2, (const int64_t[]){2, 5}); /* a target of fewer dimensions meets row 0 */
  give(&c, 1, LP_FLOAT64, 1, (const int64_t[]){5});
  equal = 0;
  for (int round = 0; round < 20; ++round) {
    lp_draw_pointwise(&c, &rng, LP_VALUES_EQUAL, NULL, NULL);
    for (int i = 0; i < 5; ++i) equal += store[1][i] == store[0][i];
  }
  ck_assert(equal > 60 && equal < 90);

  give(&c, 0, LP_FLOAT64, 1, (const int64_t[]){7}); /* does not broadcast with 40: wraps, for cases to be rejected */
  lp_draw_pointwise(&c, &rng, LP_VALUES_EQUAL, NULL, NULL);
}
END_TEST

START_TEST(equal_without_a_twin_is_ordinary) {
  static const double sign[] = {1.0, -1.0};
  static const lp_labels labels[4] = {{sign, 2, NULL, 0}};
  lp_case c = pair_of(LP_FLOAT64, LP_FLOAT64, 100);
  lp_rng rng = {9};
  lp_draw_pointwise(&c, &rng, LP_VALUES_EQUAL, NULL, labels);
  int equal = 0, unit = 0;
  for (int i = 0; i < 100; ++i) {
    equal += store[1][i] == store[0][i];
    unit += fabs(store[0][i]) == 1.0;
  }
  ck_assert_int_eq(equal, 0);
  ck_assert_int_eq(unit, 100);

  /* An absent first input and an index input are no twins either; the absent value reads 0. */
  c = pair_of(LP_FLOAT64, LP_FLOAT64, 50);
  c.has_input[0] = false;
  give_flat(&c, 2, LP_INT64, 50);
  give_flat(&c, 3, LP_FLOAT64, 50);
  integer_store[2][7] = 12345;
  lp_draw_pointwise(&c, &rng, LP_VALUES_EQUAL, NULL, NULL);
  for (int i = 0; i < 50; ++i) equal += store[3][i] == store[1][i];
  ck_assert(equal > 25 && equal < 50);
  ck_assert_int_eq(integer_store[2][7], 12345);
  c.has_input[1] = false;
  lp_draw_pointwise(&c, &rng, LP_VALUES_EQUAL, NULL, NULL);
  for (int i = 0; i < 50; ++i) ck_assert(store[3][i] != 0.0 && store[3][i] != (double)integer_store[2][i]);
}
END_TEST

START_TEST(an_empty_input_reads_as_zero) {
  lp_case c = pair_of(LP_FLOAT64, LP_FLOAT64, 40);
  give_flat(&c, 0, LP_FLOAT64, 0);
  lp_rng rng = {9};
  lp_draw_pointwise(&c, &rng, LP_VALUES_EQUAL, NULL, NULL);
  int zeros = 0;
  for (int i = 0; i < 40; ++i) zeros += store[1][i] == 0.0;
  ck_assert(zeros > 20 && zeros < 40);
}
END_TEST

START_TEST(labels_usual_and_odd) {
  static const double usual[] = {1.0, -1.0}, odd[] = {0.0, 2.5};
  static const lp_labels labels[4] = {{NULL, 0, NULL, 0}, {usual, 2, odd, 2}};
  lp_case c = pair_of(LP_FLOAT64, LP_FLOAT64, 400);
  lp_rng rng = {11};
  lp_draw_pointwise(&c, &rng, LP_VALUES_ORDINARY, NULL, labels);
  for (int i = 0; i < 400; ++i) ck_assert_double_eq(fabs(store[1][i]), 1.0);
  lp_draw_pointwise(&c, &rng, LP_VALUES_TINY, NULL, labels);
  int odds = 0;
  for (int i = 0; i < 400; ++i) odds += fabs(store[1][i]) != 1.0;
  ck_assert(odds > 50 && odds < 150);
}
END_TEST

START_TEST(tiny_and_huge) {
  const lp_dtype dtype = (lp_dtype)_i;
  lp_case c = pair_of(dtype, dtype, 2000);
  lp_rng rng = {13};
  lp_draw_pointwise(&c, &rng, LP_VALUES_TINY, NULL, NULL);
  int plus = 0, minus = 0, tiny = 0;
  for (int i = 0; i < 2000; ++i) {
    const double x = store[0][i];
    plus += x == 0.0 && !signbit(x);
    minus += x == 0.0 && signbit(x);
    tiny += x != 0.0 && fabs(x) <= 1.1e-6;
    ck_assert_double_eq(x, lp_dtype_round(dtype, x));
  }
  ck_assert(plus > 20 && minus > 20 && tiny > 100);
  lp_draw_pointwise(&c, &rng, LP_VALUES_HUGE, NULL, NULL);
  int huge = 0, negative = 0;
  for (int i = 0; i < 2000; ++i) {
    const double x = store[1][i];
    ck_assert(isfinite(x));
    huge += fabs(x) > 16.0;
    negative += x < -16.0;
  }
  ck_assert(huge > 1000 && negative > 450 && huge - negative > 450);
}
END_TEST

START_TEST(integers_are_rounded_and_clamped) {
  static const struct {
    lp_dtype dtype;
    int64_t low, high;
  } limits[] = {{LP_INT64, -INT64_C(0x7ffffffffffffc00), INT64_C(0x7ffffffffffffc00)},
                {LP_INT32, -2147483647, 2147483647},
                {LP_INT16, -32767, 32767},
                {LP_INT8, -127, 127},
                {LP_UINT8, 0, 255},
                {LP_BOOL, 0, 1}};
  lp_rng rng = {17};
  for (size_t k = 0; k < sizeof limits / sizeof limits[0]; ++k) {
    lp_case c = pair_of(LP_FLOAT64, limits[k].dtype, 800);
    lp_draw_pointwise(&c, &rng, LP_VALUES_HUGE, NULL, NULL);
    bool low = false, high = false;
    for (int i = 0; i < 800; ++i) {
      const int64_t x = integer_store[1][i];
      ck_assert(x >= limits[k].low && x <= limits[k].high);
      low = low || x == limits[k].low;
      high = high || x == limits[k].high;
    }
    ck_assert(low && high);
  }
  static const double halves[] = {0.5, -0.5, 0.49999999999999994, 1.5, -2.75};
  static const lp_labels labels[4] = {{NULL, 0, NULL, 0}, {halves, 5, NULL, 0}};
  lp_case c = pair_of(LP_FLOAT64, LP_INT64, 200);
  lp_draw_pointwise(&c, &rng, LP_VALUES_EQUAL, NULL, labels);
  int seen[7] = {0};
  for (int i = 0; i < 200; ++i) {
    ck_assert(integer_store[1][i] >= -3 && integer_store[1][i] <= 2);
    ++seen[integer_store[1][i] + 3];
  }
  ck_assert(seen[0] > 0 && seen[1] == 0 && seen[2] > 0 && seen[3] > 0 && seen[4] > 0 && seen[5] > 0);
}
END_TEST

START_TEST(specials_among_ordinary_values) {
  lp_rng rng = {19};
  int none = 0, pairs = 0, seen[3] = {0, 0, 0};
  for (int round = 0; round < 300; ++round) {
    lp_case c = pair_of(LP_FLOAT64, LP_FLOAT64, 10);
    lp_draw_pointwise(&c, &rng, LP_VALUES_SPECIAL, NULL, NULL);
    int specials = 0;
    for (int i = 0; i < 10; ++i) {
      const double x = store[0][i], t = store[1][i];
      specials += !isfinite(x) + !isfinite(t);
      pairs += !isfinite(x) && !isfinite(t);
      seen[0] += isnan(x);
      seen[1] += x > 1e300;
      seen[2] += x < -1e300;
    }
    ck_assert(specials == 1 || specials == 2);
    none += specials == 0;
  }
  ck_assert(none == 0 && pairs > 30 && seen[0] > 30 && seen[1] > 30 && seen[2] > 30);
}
END_TEST

START_TEST(specials_need_a_floating_element) {
  lp_rng rng = {19};
  lp_case c = pair_of(LP_FLOAT64, LP_INT64, 10);
  c.has_input[0] = false;
  lp_draw_pointwise(&c, &rng, LP_VALUES_SPECIAL, NULL, NULL);
  c = pair_of(LP_FLOAT64, LP_FLOAT64, 0);
  lp_draw_pointwise(&c, &rng, LP_VALUES_SPECIAL, NULL, NULL);
}
END_TEST

START_TEST(draw_real_classes) {
  lp_rng rng = {23};
  const int64_t n = 400;
  lp_case c = pair_of(LP_FLOAT64, LP_FLOAT64, n);
  lp_tensor *const t = &c.inputs[0];
  lp_draw_real(t, &rng, LP_VALUES_ORDINARY);
  for (int i = 0; i < n; ++i) ck_assert_double_eq(store[0][i], (double)(float)store[0][i]);
  lp_draw_real(t, &rng, LP_VALUES_BOUNDARY);
  int zeros = 0;
  for (int i = 0; i < n; ++i) {
    ck_assert_double_eq(store[0][i] * 4, floor(store[0][i] * 4));
    zeros += store[0][i] == 0.0;
  }
  ck_assert_int_gt(zeros, 10);
  lp_draw_real(t, &rng, LP_VALUES_EQUAL);
  int most = 0;
  for (int i = 0; i < n; ++i) {
    int same = 0;
    for (int j = 0; j < n; ++j) same += store[0][i] == store[0][j];
    most = same > most ? same : most;
  }
  ck_assert(most > 270 && most < 330);
  lp_draw_real(t, &rng, LP_VALUES_HUGE);
  int huge = 0;
  for (int i = 0; i < n; ++i) huge += fabs(store[0][i]) > 16;
  ck_assert_int_gt(huge, 150);
}
END_TEST

START_TEST(draw_real_specials) {
  lp_rng rng = {29};
  lp_case c = pair_of(LP_FLOAT64, LP_FLOAT64, 20);
  int ones = 0, twos = 0;
  for (int round = 0; round < 100; ++round) {
    lp_draw_real(&c.inputs[0], &rng, LP_VALUES_SPECIAL);
    int specials = 0;
    for (int i = 0; i < 20; ++i) specials += !isfinite(store[0][i]);
    ones += specials == 1;
    twos += specials == 2;
  }
  ck_assert_int_eq(ones + twos, 100);
  ck_assert(ones > 30 && twos > 30);
  give_flat(&c, 0, LP_FLOAT64, 0);
  lp_draw_real(&c.inputs[0], &rng, LP_VALUES_SPECIAL);
  give_flat(&c, 1, LP_INT8, 20); /* NaN becomes 0 and infinities the ends of the dtype */
  for (int round = 0; round < 20; ++round) lp_draw_real(&c.inputs[1], &rng, LP_VALUES_SPECIAL);
  for (int i = 0; i < 20; ++i) ck_assert(integer_store[1][i] >= -127 && integer_store[1][i] <= 127);
}
END_TEST

START_TEST(same_seed_same_bits) {
  static double copy[2][100];
  for (int k = 0; k < LP_VALUES_COMMON_COUNT; ++k) {
    for (int round = 0; round < 2; ++round) {
      lp_case c = pair_of(LP_FLOAT64, LP_FLOAT64, 100);
      c.params[0] = 0.5;
      lp_rng rng = lp_rng_for_case(1, "core/pair/0001");
      lp_draw_pointwise(&c, &rng, k, two_points, NULL);
      memcpy(copy[round], store[1], sizeof copy[round]);
    }
    ck_assert_mem_eq(copy[0], copy[1], sizeof copy[0]);
    ck_assert_ptr_nonnull(lp_common_value_classes[k].hunts);
  }
}
END_TEST

int main(void) {
  TCase *const tests = tcase_create("draw");
  tcase_add_test(tests, seed_is_pinned);
  tcase_add_test(tests, below_is_uniform_and_in_range);
  tcase_add_test(tests, uniform_normal_chance_pick);
  tcase_add_test(tests, ulp_steps);
  tcase_add_loop_test(tests, boundaries_and_their_neighbours, LP_FLOAT64, LP_BFLOAT16 + 1);
  tcase_add_test(tests, boundary_without_lattice_and_for_integers);
  tcase_add_test(tests, neighbours_of_subnormals);
  tcase_add_test(tests, equal_inputs_over_broadcast_positions);
  tcase_add_test(tests, equal_without_a_twin_is_ordinary);
  tcase_add_test(tests, an_empty_input_reads_as_zero);
  tcase_add_test(tests, labels_usual_and_odd);
  tcase_add_loop_test(tests, tiny_and_huge, LP_FLOAT64, LP_BFLOAT16 + 1);
  tcase_add_test(tests, integers_are_rounded_and_clamped);
  tcase_add_test(tests, specials_among_ordinary_values);
  tcase_add_test(tests, specials_need_a_floating_element);
  tcase_add_test(tests, draw_real_classes);
  tcase_add_test(tests, draw_real_specials);
  tcase_add_test(tests, same_seed_same_bits);
  Suite *const suite = suite_create("draw");
  suite_add_tcase(suite, tests);
  SRunner *const runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
