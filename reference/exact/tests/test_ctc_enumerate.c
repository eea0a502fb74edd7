#include "reference/draw.h"
#include "reference/exact/ctc_enumerate.h"
#include "reference/exact/tests/asking.h"

/* --- by hand --- */

static lp_trial *sequence(const char *shape, const double *log_probs, const char *targets, const int64_t *labels,
                          int64_t n_frames, int64_t n_labels) {
  lp_trial *t = trial_new("ctc");
  trial_reduction(t, "none");
  trial_real(t, "log_probs", shape, log_probs);
  trial_index(t, "targets", targets, labels);
  trial_index(t, "input_lengths", "", &n_frames);
  trial_index(t, "target_lengths", "", &n_labels);
  ck_assert_int_eq(lp_plan_init(&t->plan, &t->c, &t->error), LP_OK);
  return t;
}

static void check_counts(const char *targets, const int64_t *labels, int64_t n_labels, int64_t paths,
                         int64_t alignments) {
  lp_trial *t = sequence("3 3", NULL, targets, labels, 3, n_labels);
  lp_ctc_enumeration e;
  ck_assert_int_eq(lp_ctc_enumeration_size(&t->plan, 0), paths);
  ck_assert_int_eq(lp_ctc_enumerate(&e, &t->plan, 0, NULL, 128, &t->error), LP_OK);
  ck_assert_int_eq(e.paths, paths);
  ck_assert_int_eq(e.alignments, alignments);
  ck_assert(arb_equal_si(&e.total, alignments)); /* all weights are 1 */
  lp_ctc_enumeration_clear(&e);
  trial_free(t);
}

START_TEST(counts) {
  check_counts("0", NULL, 0, 27, 1);
  check_counts("1", (int64_t[]){1}, 1, 27, 6);
  check_counts("2", (int64_t[]){1, 2}, 2, 27, 5); /* 112 122 b12 1b2 12b */
  check_counts("2", (int64_t[]){1, 1}, 2, 27, 1);
  check_counts("3", (int64_t[]){2, 1, 2}, 3, 27, 1);
  check_counts("1", (int64_t[]){0}, 1, 27, 6);     /* states: 000 is no alignment, bbb is six */
  check_counts("2", (int64_t[]){1, 0}, 2, 125, 5); /* as for labels that differ */
  check_counts("3", (int64_t[]){1, 1, 1}, 3, 27, 0);
}
END_TEST

START_TEST(shares) {
  const double log_probs[] = {0.0, -INFINITY, 0.0, 1.0};
  lp_trial *t = sequence("2 2", log_probs, "1", (int64_t[]){1}, 2, 1);
  lp_ctc_enumeration e;
  ck_assert_int_eq(lp_ctc_enumerate(&e, &t->plan, 0, NULL, 128, &t->error), LP_OK);
  ck_assert_int_eq(e.alignments, 3); /* b1; 1b and 11 have the weight 0 */
  ck_assert_double_eq_tol(arf_get_d(arb_midref(&e.total), ARF_RND_NEAR), exp(1.0), 1e-15);
  ck_assert(arb_equal(&e.shares[0], &e.total) && arb_is_zero(&e.shares[1]));
  ck_assert(arb_is_zero(&e.shares[2]) && arb_equal(&e.shares[3], &e.total));
  lp_ctc_enumeration_clear(&e);
  trial_free(t);
}
END_TEST

START_TEST(too_much) {
  lp_trial *t = sequence("13 3", NULL, "1", (int64_t[]){1}, 13, 1);
  lp_ctc_enumeration e;
  ck_assert_int_gt(lp_ctc_enumeration_size(&t->plan, 0), LP_EXACT_CTC_MOST_PATHS);
  ck_assert_int_eq(lp_ctc_enumerate(&e, &t->plan, 0, NULL, 128, &t->error), LP_INTERNAL);
  trial_free(t);
  t = sequence("21 1", NULL, "0", NULL, 21, 0);
  ck_assert_int_gt(lp_ctc_enumeration_size(&t->plan, 0), LP_EXACT_CTC_MOST_PATHS);
  trial_free(t);
  t = sequence("1 2", (double[]){0.0, NAN}, "0", NULL, 1, 0);
  ck_assert_int_gt(lp_ctc_enumeration_size(&t->plan, 0), LP_EXACT_CTC_MOST_PATHS);
  trial_free(t);
}
END_TEST

/* --- against the lattice: many small batches, all options --- */

typedef struct sizes {
  int64_t frames, batch, classes, labels;
  bool padded, unbatched;
} sizes;

static sizes draw_sizes(lp_rng *rng) {
  sizes z = {
      1 + lp_rng_below(rng, 5), 1 + lp_rng_below(rng, 3), 1 + lp_rng_below(rng, 4), lp_rng_below(rng, 4), false, false};
  z.padded = lp_rng_chance(rng, 0.5);
  z.unbatched = z.batch == 1 && lp_rng_chance(rng, 0.5);
  return z;
}

static void draw_log_probs(lp_trial *t, const sizes *z, lp_rng *rng) {
  static const double large[] = {800.0, -800.0, 1e5, -1e10, 0.0, -INFINITY, -INFINITY};
  char shape[64];
  if (z->unbatched) {
    snprintf(shape, sizeof shape, "%d %d", (int)z->frames, (int)z->classes);
  } else {
    snprintf(shape, sizeof shape, "%d %d %d", (int)z->frames, (int)z->batch, (int)z->classes);
  }
  trial_real(t, "log_probs", shape, NULL);
  lp_tensor *x = &t->c.inputs[0];
  const double share = lp_rng_chance(rng, 0.5) ? 0.0 : 0.2;
  for (int64_t i = 0; i < x->numel; i++) {
    x->f64[i] = lp_rng_chance(rng, share) ? lp_rng_pick(rng, large, 7) : 2.0 * lp_rng_normal(rng);
  }
}

/* Lengths first; a concatenated batch has just their sum of labels. */
static void draw_labels(lp_trial *t, const sizes *z, lp_rng *rng) {
  char shape[64];
  int64_t lengths[3] = {0}, frames[3] = {0}, total = 0;
  for (int64_t n = 0; n < z->batch; n++) {
    lengths[n] = lp_rng_below(rng, z->labels + 1);
    frames[n] = lp_rng_chance(rng, 0.6) ? z->frames : lp_rng_below(rng, z->frames + 1);
    total += lengths[n];
  }
  if (z->padded) {
    snprintf(shape, sizeof shape, "%d %d", (int)z->batch, (int)z->labels);
  } else {
    snprintf(shape, sizeof shape, "%d", (int)total);
  }
  trial_index(t, "targets", shape, NULL);
  for (int64_t i = 0; i < t->c.inputs[1].numel; i++) t->c.inputs[1].i64[i] = lp_rng_below(rng, z->classes);
  snprintf(shape, sizeof shape, "%d", (int)z->batch);
  trial_index(t, "input_lengths", shape, frames);
  trial_index(t, "target_lengths", shape, lengths);
}

static lp_trial *draw_case(lp_rng *rng) {
  static const char *const words[] = {"none", "sum", "mean"};
  const double upstream[3] = {-2.5, 0.3, 1e-3};
  lp_trial *t = trial_new("ctc");
  const sizes z = draw_sizes(rng);
  draw_log_probs(t, &z, rng);
  draw_labels(t, &z, rng);
  trial_param(t, "blank", (double)lp_rng_below(rng, z.classes));
  trial_param(t, "zero_infinity", (double)lp_rng_below(rng, 2));
  trial_reduction(t, words[lp_rng_below(rng, 3)]);
  char shape[16] = "";
  if (t->c.reduction == LP_REDUCTION_NONE && !z.unbatched) snprintf(shape, sizeof shape, "%d", (int)z.batch);
  if (lp_rng_chance(rng, 0.5)) trial_upstream(t, shape, upstream);
  return t;
}

/* What the definition makes of an enumeration, at twice the precision. */
enum { PRECISION = 600 };

static bool is_infinite(const lp_ctc_enumeration *x) { return arb_is_zero(&x->total); }

static void loss_of(arb_t loss, const lp_ctc_enumeration *x) {
  arb_log(loss, &x->total, PRECISION);
  arb_neg(loss, loss);
}

static int64_t divisor(const lp_trial *t, int64_t n) {
  const int64_t length = t->c.inputs[3].i64[n];
  return t->c.reduction == LP_REDUCTION_MEAN ? t->c.inputs[2].numel * (length > 1 ? length : 1) : 1;
}

static void check_overlap(const lp_exact_number *n, const arb_t expected) {
  check_class(n, LP_FINITE);
  ck_assert(arb_overlaps(&n->value, expected));
  ck_assert(arb_is_exact(&n->value) || arb_rel_accuracy_bits(&n->value) > 60 || arb_contains_zero(&n->value));
}

static void check_element(const lp_trial *t, const lp_exact *e, const lp_ctc_enumeration *x, int64_t frame, int64_t n,
                          int64_t c) {
  const lp_tensor *lp = &t->c.inputs[0];
  const int64_t batch = t->c.inputs[2].numel, i = (frame * batch + n) * x->n_classes + c;
  const double g = t->c.has_grad_output ? t->c.grad_output.f64[t->c.reduction == LP_REDUCTION_NONE ? n : 0] : 1.0;
  arb_t expected, weight;
  arb_init(expected);
  arb_init(weight);
  arb_div(expected, &x->shares[frame * x->n_classes + c], &x->total, PRECISION);
  arb_neg(expected, expected);
  arb_set_d(weight, g);
  arb_div_si(weight, weight, divisor(t, n), PRECISION);
  arb_mul(expected, expected, weight, PRECISION);
  check_overlap(&e->alternative.numbers[i], expected);
  if (isinf(lp->f64[i])) {
    check_class(&e->outputs[1].numbers[i], LP_NAN);
  } else {
    arb_t exponential;
    arb_init(exponential);
    arb_set_d(exponential, lp->f64[i]);
    arb_exp(exponential, exponential, PRECISION);
    arb_addmul(expected, exponential, weight, PRECISION);
    check_overlap(&e->outputs[1].numbers[i], expected);
    arb_clear(exponential);
  }
  arb_clear(expected);
  arb_clear(weight);
}

static void check_gradient(const lp_trial *t, const lp_exact *e, const lp_ctc_enumeration *x, int64_t n) {
  const int64_t batch = t->c.inputs[2].numel, frames = t->c.inputs[0].shape[0];
  const bool zeroed = t->c.params[1] != 0.0 && is_infinite(x);
  for (int64_t k = 0; k < frames * x->n_classes; k++) {
    const int64_t frame = k / x->n_classes, c = k % x->n_classes, i = (frame * batch + n) * x->n_classes + c;
    if (zeroed || frame >= x->n_frames) {
      check_double(&e->outputs[1].numbers[i], 0.0);
      check_double(&e->alternative.numbers[i], 0.0);
    } else if (is_infinite(x)) {
      check_class(&e->outputs[1].numbers[i], LP_NAN);
      check_class(&e->alternative.numbers[i], LP_NAN);
    } else {
      check_element(t, e, x, frame, n, c);
    }
  }
}

/* Adds the sequence's part to the sum; false where it is infinite. */
static bool check_loss(arb_t sum, const lp_trial *t, const lp_exact *e, const lp_ctc_enumeration *x, int64_t n) {
  const bool none = t->c.reduction == LP_REDUCTION_NONE, zeroed = t->c.params[1] != 0.0;
  arb_t loss;
  if (is_infinite(x)) {
    if (none && zeroed) check_double(&e->outputs[0].numbers[n], 0.0);
    if (none && !zeroed) check_class(&e->outputs[0].numbers[n], LP_PLUS_INFINITY);
    return zeroed;
  }
  arb_init(loss);
  loss_of(loss, x);
  if (none) check_overlap(&e->outputs[0].numbers[n], loss);
  arb_div_si(loss, loss, divisor(t, n), PRECISION);
  arb_add(sum, sum, loss, PRECISION);
  arb_clear(loss);
  return true;
}

static void check_case(lp_trial *t) {
  lp_exact e;
  bool finite = true;
  arb_t sum;
  ask(&e, t);
  check_agreement(&e, t);
  arb_init(sum);
  for (int64_t n = 0; n < t->c.inputs[2].numel; n++) {
    lp_ctc_enumeration x;
    ck_assert_int_le(lp_ctc_enumeration_size(&t->plan, n), LP_EXACT_CTC_MOST_PATHS);
    ck_assert_int_eq(lp_ctc_enumerate(&x, &t->plan, n, NULL, PRECISION, &t->error), LP_OK);
    finite = check_loss(sum, t, &e, &x, n) && finite;
    check_gradient(t, &e, &x, n);
    lp_ctc_enumeration_clear(&x);
  }
  if (t->c.reduction != LP_REDUCTION_NONE && finite) check_overlap(&e.outputs[0].numbers[0], sum);
  if (t->c.reduction != LP_REDUCTION_NONE && !finite) check_class(&e.outputs[0].numbers[0], LP_PLUS_INFINITY);
  arb_clear(sum);
  lp_exact_clear(&e);
}

START_TEST(agrees_with_the_lattice) {
  lp_rng rng = lp_rng_for_case(1, "enumerate");
  for (int i = 0; i < 400; i++) {
    lp_trial *t = draw_case(&rng);
    check_case(t);
    trial_free(t);
  }
}
END_TEST

/* Displaced in one place, the enumeration and the lattice still agree. */
START_TEST(displacements) {
  lp_trial *t = sequence("3 2", (double[]){-1.0, -0.5, -2.0, -0.25, 0.5, 0.125}, "1", (int64_t[]){1}, 3, 1);
  arb_ptr shift = _arb_vec_init(6);
  const lp_shift displaced = {.of = {shift}};
  const lp_exact_options options = {.shift = &displaced};
  lp_exact e;
  lp_ctc_enumeration x;
  arb_t loss;
  arb_init(loss);
  arb_set_d(&shift[3], 0x1p-40);
  ck_assert_int_eq(lp_exact_evaluate(&e, &t->plan, &options, &t->error), LP_OK);
  ck_assert_int_eq(lp_ctc_enumerate(&x, &t->plan, 0, &displaced, PRECISION, &t->error), LP_OK);
  loss_of(loss, &x);
  ck_assert(arb_overlaps(loss, &e.outputs[0].numbers[0].value));
  lp_ctc_enumeration_clear(&x);
  ck_assert_int_eq(lp_ctc_enumerate(&x, &t->plan, 0, NULL, PRECISION, &t->error), LP_OK);
  loss_of(loss, &x);
  ck_assert(!arb_overlaps(loss, &e.outputs[0].numbers[0].value));
  lp_ctc_enumeration_clear(&x);
  arb_clear(loss);
  _arb_vec_clear(shift, 6);
  lp_exact_clear(&e);
  trial_free(t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {counts, shares, too_much, agrees_with_the_lattice, displacements};
  const int failed = run_tests("exact ctc enumeration", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return failed;
}
