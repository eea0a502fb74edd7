/* Relations between numbers: sums with their budgets, and the worst that was found. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/laws_internal.h"

/* Rounding in this file: a coefficient or its product is wrong by u each, a compensated sum by less than the same of
 * its terms' sizes; twice that. */
static double own_rounding(void) { return 8.0 * lp_dtype_unit_roundoff(LP_FLOAT64); }

/* And by less than half the smallest number where it is subnormal, as what is left of it and its budget are. */
static double underflow(void) { return 2.0 * lp_dtype_smallest_subnormal(LP_FLOAT64); }

enum { ID_SHOWN = 90 };

const lp_output *lp_law_output(const lp_relation *r, int answer, int output) {
  return lp_outcome_find(r->answers[answer].outcome, output);
}

bool lp_law_has(const lp_relation *r, int output) {
  bool has = true;
  for (int k = 0; k <= r->d->count; k++) {
    has = has && ((k > 0 && r->d->unused[k - 1]) || lp_law_output(r, k, output) != NULL);
  }
  return has;
}

static double budget_at(const lp_relation *r, lp_law_place at) {
  const lp_outcome *budget = r->answers[at.answer].budget;
  const lp_output *out = budget ? lp_outcome_find(budget, at.output) : NULL;
  return out ? out->tensor.f64[at.index] : (double)INFINITY;
}

lp_law_number lp_law_at(const lp_relation *r, lp_law_place at) {
  const lp_tensor *tensor = &lp_law_output(r, at.answer, at.output)->tensor;
  return (lp_law_number){tensor->f64[at.index], budget_at(r, at), tensor->dtype};
}

void lp_side_add(lp_law_side *side, double coefficient, lp_law_number number) {
  const double product = coefficient * number.x;
  if (side->n++ == 0) {
    side->x = number.x;
    side->coefficient = coefficient;
  }
  side->open = side->open || !isfinite(number.budget) || (number.budget == 0.0 && isfinite(number.x));
  if (!isfinite(number.x)) {
    side->special += product;
    side->n_special++;
    side->ceiling = fabs(coefficient) * lp_dtype_largest(number.dtype);
    return;
  }
  lp_sum_add(&side->sum, product);
  lp_sum_add(&side->sum, fma(coefficient, number.x, -product));
  side->size += fabs(product);
  side->allowed += fabs(coefficient) * number.budget + underflow();
}

const char *lp_law_id(const lp_relation *r, int answer) {
  const char *id = r->d->plans[answer].c->id;
  const size_t length = strlen(id);
  return length > ID_SHOWN ? id + length - ID_SHOWN : id;
}

static bool same_bits(double a, double b) { return (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b)); }

/* What happened at this place, when nothing worse has. */
static void record(lp_relation *r, lp_law_place at, double got, double expected, double allowed, double ratio) {
  lp_law_verdict *v = r->verdict;
  if (!(ratio > r->worst)) return;
  char name[LP_NAME_MAX];
  r->worst = ratio;
  v->kind = LP_LAW_BROKEN;
  v->derived = at.answer - 1;
  v->input = at.output;
  v->index = at.index;
  v->got = got;
  v->expected = expected;
  v->allowed = allowed;
  lp_output_name(name, r->d->plans[0].c->loss, at.output);
  snprintf(v->reason, sizeof v->reason, "%.40s[%lld] of %.90s is %.17g; the law makes it %.17g%s (%.60s)", name,
           (long long)at.index, lp_law_id(r, at.answer), got, expected,
           allowed > 0.0 ? ", within the budgets of all" : ", exactly", r->d->law->about);
}

/* One side is not finite. A single number there may have overflowed: then the other side must be that large. Sums of
 * several numbers may meet infinities that are no more than overflow: nothing is known of them. So may the parts of one
 * number: where the sides differ in their factors a part may overflow on one side alone, and make NaN of an infinity.
 */
static bool classes_agree(const lp_law_side *special, const lp_law_side *other, double allowed) {
  const bool scaled = fabs(special->coefficient) != fabs(other->coefficient);
  if (scaled && other->n_special > 0 && isnan(special->special) != isnan(other->special)) return true;
  if (other->n_special > 0) return same_bits(special->special, other->special);
  const double sum = lp_sum_get(&other->sum), towards = special->special > 0.0 ? sum : -sum;
  return isinf(special->special) &&
         towards + allowed >= special->ceiling * (1.0 - 2.0 * lp_dtype_unit_roundoff(LP_BFLOAT16));
}

static bool comparable(const lp_law_side *left, const lp_law_side *right) {
  return (left->n_special == 0 || left->n == 1) && (right->n_special == 0 || right->n == 1) && !left->open &&
         !right->open;
}

void lp_law_compare(lp_relation *r, lp_law_place at, const lp_law_side *left, const lp_law_side *right) {
  if (!comparable(left, right)) return;
  const double allowed = left->allowed + right->allowed + own_rounding() * (left->size + right->size);
  if (!isfinite(allowed)) return;
  const double per = 1.0 / fabs(left->coefficient);
  r->verdict->compared++;
  if (left->n_special + right->n_special > 0) {
    const lp_law_side *special = left->n_special ? left : right, *other = left->n_special ? right : left;
    const double expected = right->n_special ? right->special : lp_sum_get(&right->sum) / left->coefficient;
    if (!classes_agree(special, other, allowed)) record(r, at, left->x, expected, allowed * per, (double)INFINITY);
    return;
  }
  lp_sum difference = left->sum;
  lp_sum_add(&difference, -right->sum.high);
  lp_sum_add(&difference, -right->sum.low);
  const double d = lp_sum_get(&difference);
  if (fabs(d) <= allowed) return;
  record(r, at, left->x, left->x - d / left->coefficient, allowed * per, allowed > 0.0 ? fabs(d) / allowed : INFINITY);
}

void lp_law_equal(lp_relation *r, lp_law_place at, lp_law_number got, lp_law_number expected, bool bitwise) {
  if (!bitwise || !r->deterministic) {
    lp_law_side left = {0}, right = {0};
    lp_side_add(&left, 1.0, got);
    lp_side_add(&right, 1.0, expected);
    lp_law_compare(r, at, &left, &right);
    return;
  }
  r->verdict->compared++;
  if (!same_bits(got.x, expected.x)) record(r, at, got.x, expected.x, 0.0, (double)INFINITY);
}

void lp_law_is_zero(lp_relation *r, lp_law_place at, lp_law_number got) {
  r->verdict->compared++;
  if (got.x != 0.0) record(r, at, got.x, 0.0, 0.0, (double)INFINITY);
}

void lp_law_same_output(lp_relation *r, int answer, int output, bool bitwise) {
  if (!lp_law_has(r, output)) return;
  const int64_t numel = lp_law_output(r, answer, output)->tensor.numel;
  for (int64_t i = 0; i < numel; i++) {
    const lp_law_place at = {answer, output, i}, own = {0, output, i};
    lp_law_equal(r, at, lp_law_at(r, at), lp_law_at(r, own), bitwise);
  }
}

void lp_law_same_outcome(lp_relation *r, int answer, bool bitwise) {
  const lp_outcome *layout = &r->d->plans[0].outcome;
  for (int k = 0; k < layout->n_outputs; k++) lp_law_same_output(r, answer, layout->outputs[k].input, bitwise);
}

void lp_law_give_up(lp_relation *r, const char *reason) {
  r->verdict->kind = LP_LAW_NOT_APPLICABLE;
  snprintf(r->verdict->reason, sizeof r->verdict->reason, "%s", reason);
}
