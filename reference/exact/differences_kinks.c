/* The slopes of a line against what is claimed: the gradient, and beside a kink the effects of kinks. */
#include <math.h>
#include <stdlib.h>

#include "reference/exact/differences_internal.h"

enum { MOST_SUMS = 256 };

static const double log10_of_2 = 0.30102999566398120, fewest_digits = 12.0;

/* The digits to which a difference and a claim agree, of the claim, or of its scale where it is 0. */
static double count_digits(const lp_difference_run *r, const arb_t difference, const arb_t slope) {
  double digits = INFINITY;
  arb_t rest;
  mag_t most, size;
  arb_init(rest);
  mag_init(most);
  mag_init(size);
  arb_sub(rest, difference, slope, LP_EXACT_PRECISION_MAX);
  arb_get_mag(most, rest);
  arb_get_mag_lower(size, slope);
  mag_max(size, size, &r->size);
  if (!mag_is_zero(most)) digits = log10_of_2 * (mag_get_d_log2_approx(size) - mag_get_d_log2_approx(most));
  arb_clear(rest);
  mag_clear(most);
  mag_clear(size);
  return fmax(digits, 0.0);
}

/* A claim of which so little is known can neither be right nor wrong. */
static lp_line_verdict agrees(double digits) { return digits < fewest_digits ? LP_LINE_SILENT : LP_LINE_AGREES; }

/* --- sums of the effects of kinks --- */

/* What the slope becomes above and below, for all ways in which the kinks can be passed. */
typedef struct sums {
  arb_struct of[MOST_SUMS][LP_SIDES];
  int count;
  bool overflow;
  int kinks;  /* that affect the line */
  bool joint; /* several of one group do */
} sums;

static sums *new_sums(const arb_t slope) {
  sums *s = malloc(sizeof *s);
  if (!s) return NULL;
  for (int i = 0; i < MOST_SUMS; i++) {
    for (int side = 0; side < LP_SIDES; side++) arb_init(&s->of[i][side]);
  }
  for (int side = 0; side < LP_SIDES; side++) arb_set(&s->of[0][side], slope);
  s->count = 1;
  s->overflow = s->joint = false;
  s->kinks = 0;
  return s;
}

static void free_sums(sums *s) {
  for (int i = 0; s && i < MOST_SUMS; i++) {
    for (int side = 0; side < LP_SIDES; side++) arb_clear(&s->of[i][side]);
  }
  free(s);
}

/* Most effects are exact numbers, that are soon compared. */
static bool same_number(const arb_t a, const arb_t b) {
  return arb_is_exact(a) && arb_is_exact(b) ? arf_equal(arb_midref(a), arb_midref(b)) : arb_overlaps(a, b);
}

static bool same_sum(const arb_struct a[LP_SIDES], const arb_struct b[LP_SIDES]) {
  return same_number(&a[0], &b[0]) && same_number(&a[1], &b[1]);
}

/* Adds one more sum, unless there is the same already. */
static void add_sum(sums *s, const arb_struct from[LP_SIDES], const arb_t above, const arb_t below) {
  s->overflow = s->overflow || s->count == MOST_SUMS;
  if (s->overflow) return;
  arb_struct *to = s->of[s->count];
  arb_add(&to[LP_ABOVE_ZERO], &from[LP_ABOVE_ZERO], above, LP_EXACT_PRECISION_MAX);
  arb_add(&to[LP_BELOW_ZERO], &from[LP_BELOW_ZERO], below, LP_EXACT_PRECISION_MAX);
  for (int i = 0; i < s->count; i++) {
    if (same_sum(s->of[i], to)) return;
  }
  s->count++;
}

/* How a kink may be passed: change[side] above and below; 2: the switch is above 0 there, 0: below, 1: it stays at 0.
 */
typedef struct passage {
  int above, below;
} passage;

/* The first two cross it; a kink that may be none also stays; several at one place may let each other stay on one side
 * (max(0, s - min(0, s)) does not leave its kink below) or be touched. */
static const passage passages[] = {{2, 0}, {0, 2}, {1, 1}, {1, 2}, {2, 1}, {1, 0}, {0, 1}, {2, 2}, {0, 0}};
enum { CROSSING = 2, OR_STAYING = 3, ANY_PASSAGE = sizeof passages / sizeof passages[0] };

/* NULL: out of memory. */
static sums *extend(sums *old, const arb_struct change[3], int n_passages) {
  sums *s = new_sums(&old->of[0][0]);
  if (!s) {
    free_sums(old);
    return NULL;
  }
  s->count = 0;
  for (int i = 0; i < old->count; i++) {
    for (int k = 0; k < n_passages; k++) {
      add_sum(s, old->of[i], &change[passages[k].above], &change[passages[k].below]);
    }
  }
  s->kinks = old->kinks + 1;
  s->overflow = s->overflow || old->overflow;
  s->joint = old->joint;
  free_sums(old);
  return s;
}

/* The change of the slope on each side of a kink. False: it affects no element that the line moves. */
static bool effect_on_line(const lp_difference_run *r, const lp_kink *kink, arb_struct change[3]) {
  arb_t weight;
  bool any = false;
  arb_init(weight);
  for (int side = 0; side < 3; side++) arb_zero(&change[side]);
  for (int i = 0; i < kink->n_effects; i++) {
    const lp_kink_effect *effect = &kink->effects[i];
    const double w = r->weight[r->claim->outputs[effect->output].input][effect->index];
    any = any || w != 0.0;
    arb_set_d(weight, w);
    for (int side = 0; side < 3; side++) {
      arb_addmul(&change[side], weight, &effect->change[side], LP_EXACT_PRECISION_MAX);
    }
  }
  arb_clear(weight);
  return any;
}

bool lp_line_has_kink(const lp_difference_run *r) {
  arb_struct change[3];
  bool any = false;
  for (int side = 0; side < 3; side++) arb_init(&change[side]);
  for (int k = 0; k < r->claim->n_kinks; k++) {
    const lp_kink *kink = &r->claim->kinks[k];
    const bool at_0 = kink->state == LP_KINK_AT || kink->state == LP_KINK_BLURRED;
    any = any || (at_0 && effect_on_line(r, kink, change));
  }
  for (int side = 0; side < 3; side++) arb_clear(&change[side]);
  return any;
}

/* Does an earlier kink of the same group affect the line too? */
static bool joins(const lp_difference_run *r, int k, arb_struct change[3]) {
  const lp_kink *kinks = r->claim->kinks;
  bool found = false;
  for (int i = 0; i < k && kinks[k].group != 0; i++) {
    const bool same = kinks[i].term == kinks[k].term && kinks[i].group == kinks[k].group;
    found = found || (same && effect_on_line(r, &kinks[i], change));
  }
  return found;
}

/* Is there another kink in the same term that may hide it? One beside 0: behind a gate that only rounding may open,
 * kinks are reported that the real function does not have. Where switches nest, also one at 0: of two distances that
 * tie, the one with a component at 0 is the larger one on either side. */
static bool is_behind_another(const lp_difference_run *r, const lp_kink *kink) {
  const bool nested = lp_exact_loss_find(r->plan->c->loss->name)->nested;
  bool behind = false;
  for (int i = 0; i < r->claim->n_kinks; i++) {
    const lp_kink *other = &r->claim->kinks[i];
    const bool hides = other->state == LP_KINK_NEAR || (nested && other != kink);
    behind = behind || (hides && other->term == kink->term);
  }
  return behind;
}

static bool may_stay(const lp_difference_run *r, const lp_kink *kink) {
  return kink->state == LP_KINK_UNDECIDED || kink->group != 0 || is_behind_another(r, kink);
}

/* All sums, of kinks at 0, passed in so many ways; NULL: out of memory. Of a group not all need be passed: of those
 * that share an extremum one is. */
static sums *sum_effects(const lp_difference_run *r, int n_passages) {
  sums *s = new_sums(&r->slope);
  arb_struct change[3];
  for (int side = 0; side < 3; side++) arb_init(&change[side]);
  for (int k = 0; s && k < r->claim->n_kinks && !s->overflow; k++) {
    const lp_kink *kink = &r->claim->kinks[k];
    if (kink->state == LP_KINK_NEAR || !effect_on_line(r, kink, change)) continue;
    s = extend(s, change, n_passages < OR_STAYING && may_stay(r, kink) ? OR_STAYING : n_passages);
    if (s && joins(r, k, change)) s->joint = true;
  }
  for (int side = 0; side < 3; side++) arb_clear(&change[side]);
  return s;
}

/* --- one-sided derivatives --- */

typedef struct derivatives {
  arb_struct ball[LP_SIDES];
  bool known[LP_SIDES];
} derivatives;

static derivatives read_derivatives(const lp_difference_run *r) {
  derivatives d;
  for (int side = 0; side < LP_SIDES; side++) {
    arb_init(&d.ball[side]);
    lp_estimate_enclose(&d.ball[side], &r->estimates[side]);
    d.known[side] = lp_estimate_is_certain(r, &r->estimates[side]);
  }
  return d;
}

/* The sum that agrees with both derivatives, or -1. */
static int find_sum(const sums *s, const derivatives *d) {
  for (int i = 0; i < s->count; i++) {
    bool same = true;
    for (int side = 0; side < LP_SIDES; side++) {
      same = same && (!d->known[side] || arb_overlaps(&s->of[i][side], &d->ball[side]));
    }
    if (same) return i;
  }
  return -1;
}

/* No way of crossing the kinks gives these derivatives: why? `any`: the sums where they need not be crossed. */
static lp_line_verdict blame(const sums *any, const derivatives *d) {
  const bool differ = d->known[0] && d->known[1] && !arb_overlaps(&d->ball[0], &d->ball[1]);
  if (any->kinks == 1 && find_sum(any, d) >= 0) return LP_LINE_UNSEEN;
  return any->kinks == 0 && differ ? LP_LINE_HIDDEN : LP_LINE_WRONG;
}

static double fewest_digits_of(const lp_difference_run *r, const derivatives *d, const arb_struct sum[LP_SIDES]) {
  double digits = INFINITY;
  for (int side = 0; side < LP_SIDES; side++) {
    if (d->known[side]) digits = fmin(digits, count_digits(r, &d->ball[side], &sum[side]));
  }
  return digits;
}

/* When no way of crossing all kinks gives these derivatives. A line that moves several kinks of a group together (the
 * rows of a norm at its zero, stretched from one element) has the norm of their effects for a derivative, which is no
 * sum of them. */
static lp_line_verdict compare_others(const lp_difference_run *r, const sums *crossed, const sums *any,
                                      const derivatives *d, double *digits) {
  const int match = any->kinks > 1 ? find_sum(any, d) : -1;
  *digits = match < 0 ? 0.0 : fewest_digits_of(r, d, any->of[match]);
  if (match >= 0) return agrees(*digits);
  return (any->kinks > 1 ? any : crossed)->overflow || any->joint ? LP_LINE_SILENT : blame(any, d);
}

/* The many ways of not crossing them are written down where they are needed only. False: out of memory. */
static bool compare(const lp_difference_run *r, const sums *crossed, const derivatives *d, lp_line_verdict *verdict,
                    double *digits) {
  const int match = find_sum(crossed, d);
  if (match >= 0) {
    *digits = fewest_digits_of(r, d, crossed->of[match]);
    *verdict = agrees(*digits);
    return true;
  }
  sums *any = sum_effects(r, ANY_PASSAGE);
  if (any) *verdict = compare_others(r, crossed, any, d, digits);
  free_sums(any);
  return any != NULL;
}

static lp_status judge_cusp(const lp_difference_run *r, lp_line_verdict *verdict, double *digits, lp_error *error) {
  derivatives d = read_derivatives(r);
  *verdict = LP_LINE_SILENT;
  bool ok = true;
  if (d.known[0] || d.known[1]) {
    sums *crossed = sum_effects(r, CROSSING);
    ok = crossed && compare(r, crossed, &d, verdict, digits);
    free_sums(crossed);
  }
  for (int side = 0; side < LP_SIDES; side++) arb_clear(&d.ball[side]);
  return ok ? LP_OK : lp_fail(error, LP_NO_MEMORY, "out of memory for differences");
}

static void judge_smooth(const lp_difference_run *r, lp_line_verdict *verdict, double *digits) {
  const lp_estimate *e = &r->estimates[LP_CENTRAL];
  arb_t ball;
  arb_init(ball);
  lp_estimate_enclose(ball, e);
  *digits = count_digits(r, ball, &r->slope);
  *verdict = lp_estimate_is_certain(r, e) ? agrees(*digits) : LP_LINE_SILENT;
  if (e->known && !arb_overlaps(ball, &r->slope)) *verdict = LP_LINE_WRONG;
  arb_clear(ball);
}

lp_status lp_line_judge(const lp_difference_run *r, lp_line_verdict *verdict, double *digits, lp_error *error) {
  *digits = INFINITY;
  if (r->stencil.cusp) return judge_cusp(r, verdict, digits, error);
  judge_smooth(r, verdict, digits);
  return LP_OK;
}
