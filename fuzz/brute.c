#include "fuzz/brute.h"

#include <math.h>
#include <stdio.h>

#include "reference/exact/ctc_enumerate.h"

/* Bits; enough that what is far apart is seen to be, whatever the weights. */
enum { PRECISION = 256 };

enum { LOG_PROBS, TARGETS, INPUT_LENGTHS, TARGET_LENGTHS };
enum { BLANK, ZERO_INFINITY };

typedef struct comparison {
  const lp_plan *plan;
  const lp_exact *exact;
  char *why;
  size_t capacity;
  int64_t compared;
  arb_struct sum;  /* of the losses so far, divided */
  bool infinite;   /* one of them is */
  arb_struct room; /* for one expected number */
} comparison;

static bool small_enough(const lp_plan *plan, int64_t n_sequences, int64_t most) {
  int64_t total = 0;
  for (int64_t n = 0; n < n_sequences && total <= most; n++) total += lp_ctc_enumeration_size(plan, n);
  return total <= most;
}

static double divisor(const lp_case *c, int64_t n) {
  if (c->reduction != LP_REDUCTION_MEAN) return 1.0;
  return (double)c->inputs[INPUT_LENGTHS].numel * fmax((double)c->inputs[TARGET_LENGTHS].i64[n], 1.0);
}

static void disagree(comparison *k, const char *what, int64_t index, const lp_exact_number *number,
                     const char *expected) {
  if (k->why[0]) return;
  snprintf(k->why, k->capacity, "%s[%lld] is %s %.17g by the oracle, and %s by brute force", what, (long long)index,
           lp_class_name(number->class), arf_get_d(arb_midref(&number->value), ARF_RND_NEAR), expected);
}

/* The number is finite and may be the one that was worked out, unless exp left the balls behind. */
static void expect(comparison *k, const char *what, int64_t index, const lp_exact_number *number, const arb_t value) {
  char text[40];
  if (!arb_is_finite(value)) return;
  k->compared++;
  if (number->class == LP_FINITE && arb_overlaps(&number->value, value)) return;
  snprintf(text, sizeof text, "finite %.17g", arf_get_d(arb_midref(value), ARF_RND_NEAR));
  disagree(k, what, index, number, text);
}

static void expect_class(comparison *k, const char *what, int64_t index, const lp_exact_number *number,
                         lp_class class) {
  k->compared++;
  if (number->class != class) disagree(k, what, index, number, lp_class_name(class));
}

/* --- the loss ------------------------------------------------------------------------------------------------- */

static void add_loss(comparison *k, const lp_ctc_enumeration *paths, int64_t n) {
  const lp_case *c = k->plan->c;
  const lp_exact_number *loss = &k->exact->outputs[0].numbers[c->reduction == LP_REDUCTION_NONE ? n : 0];
  const bool none = c->reduction == LP_REDUCTION_NONE, impossible = arb_is_zero(&paths->total);
  if (impossible && c->params[ZERO_INFINITY] == 0.0) {
    k->infinite = true;
    if (none) expect_class(k, "loss", n, loss, LP_PLUS_INFINITY);
    return;
  }
  arb_zero(&k->room);
  if (!impossible) arb_log(&k->room, &paths->total, PRECISION);
  arb_neg(&k->room, &k->room);
  if (none) expect(k, "loss", n, loss, &k->room);
  arb_div_si(&k->room, &k->room, (slong)divisor(c, n), PRECISION);
  arb_add(&k->sum, &k->sum, &k->room, PRECISION);
}

static void compare_total(comparison *k) {
  const lp_exact_number *loss = &k->exact->outputs[0].numbers[0];
  if (k->plan->c->reduction == LP_REDUCTION_NONE) return;
  if (k->infinite) {
    expect_class(k, "loss", 0, loss, LP_PLUS_INFINITY);
  } else {
    expect(k, "loss", 0, loss, &k->sum);
  }
}

/* --- the gradient --------------------------------------------------------------------------------------------- */

/* PyTorch's gradient is the derivative and upstream * exp(log_probs). */
static void compare_share(comparison *k, const lp_ctc_enumeration *paths, int64_t n, int64_t share, int64_t index,
                          double upstream) {
  const double x = k->plan->c->inputs[LOG_PROBS].f64[index];
  arb_t factor;
  arb_init(factor);
  arb_set_d(factor, -upstream);
  arb_div_si(factor, factor, (slong)divisor(k->plan->c, n), PRECISION);
  arb_div(&k->room, &paths->shares[share], &paths->total, PRECISION);
  arb_mul(&k->room, &k->room, factor, PRECISION);
  expect(k, "derivative", index, &k->exact->alternative.numbers[index], &k->room);
  if (isfinite(x)) {
    arb_t weight;
    arb_init(weight);
    arb_set_d(weight, x);
    arb_exp(weight, weight, PRECISION);
    arb_submul(&k->room, weight, factor, PRECISION);
    expect(k, "grad/log_probs", index, &k->exact->outputs[1].numbers[index], &k->room);
    arb_clear(weight);
  }
  arb_clear(factor);
}

static void compare_gradient(comparison *k, const lp_ctc_enumeration *paths, int64_t n) {
  const lp_case *c = k->plan->c;
  const double upstream = lp_plan_upstream(k->plan, c->reduction == LP_REDUCTION_NONE ? n : 0);
  const int64_t batch = c->inputs[LOG_PROBS].rank == 2 ? 1 : c->inputs[LOG_PROBS].shape[1];
  if (k->exact->n_outputs < 2 || !k->exact->has_alternative) return;
  if (!isfinite(upstream) || arb_is_zero(&paths->total)) return;
  for (int64_t i = 0; i < paths->n_frames * paths->n_classes; i++) {
    const int64_t frame = i / paths->n_classes, class = i % paths->n_classes;
    compare_share(k, paths, n, i, (frame * batch + n) * paths->n_classes + class, upstream);
  }
}

/* --- both ----------------------------------------------------------------------------------------------------- */

static lp_status compare_sequences(comparison *k, int64_t n_sequences, lp_error *error) {
  for (int64_t n = 0; n < n_sequences; n++) {
    lp_ctc_enumeration paths;
    LP_TRY(lp_ctc_enumerate(&paths, k->plan, n, NULL, PRECISION, error));
    add_loss(k, &paths, n);
    compare_gradient(k, &paths, n);
    lp_ctc_enumeration_clear(&paths);
  }
  compare_total(k);
  return LP_OK;
}

lp_status lp_brute_ctc(char *why, size_t capacity, int64_t *compared, const lp_plan *plan, const lp_exact *exact,
                       int64_t most, lp_error *error) {
  comparison k = {.plan = plan, .exact = exact, .why = why, .capacity = capacity};
  const int64_t n_sequences = plan->c->inputs[INPUT_LENGTHS].numel;
  why[0] = '\0';
  *compared = 0;
  if (n_sequences == 0 || !small_enough(plan, n_sequences, most)) return LP_OK;
  arb_init(&k.sum);
  arb_init(&k.room);
  const lp_status status = compare_sequences(&k, n_sequences, error);
  arb_clear(&k.sum);
  arb_clear(&k.room);
  *compared = k.compared;
  return status;
}
