/* F at five places of a line, and the slopes that they give. */
#include "reference/exact/differences_internal.h"

enum { ATTEMPTS = 12 /* at moving inwards or raising the precision */ };

void lp_stencil_init(lp_stencil *s) {
  arb_init(&s->zero.value);
  for (int side = 0; side < LP_SIDES; side++) {
    arb_init(&s->far[side].value);
    arb_init(&s->near[side].value);
  }
}

void lp_stencil_clear(lp_stencil *s) {
  arb_clear(&s->zero.value);
  for (int side = 0; side < LP_SIDES; side++) {
    arb_clear(&s->far[side].value);
    arb_clear(&s->near[side].value);
  }
}

/* --- F --- */

static void set_place(const lp_difference_run *r, lp_place *at, const lp_exact *exact, slong precision) {
  const lp_exact_output *loss = &exact->outputs[0];
  arb_t upstream;
  arb_init(upstream);
  arb_zero(&at->value);
  at->finite = true;
  at->signature = exact->signature;
  for (int64_t i = 0; i < loss->layout.numel; i++) {
    if (!r->counted[i]) continue;
    at->finite = at->finite && loss->numbers[i].class == LP_FINITE;
    arb_set_d(upstream, lp_plan_upstream(r->plan, i));
    arb_addmul(&at->value, upstream, &loss->numbers[i].value, precision);
  }
  arb_clear(upstream);
}

/* The inputs move by their weights times sign * 2^exponent. */
static lp_shift displace(lp_difference_run *r, int sign, slong exponent) {
  lp_shift shift = {{NULL}};
  for (int input = 0; input < LP_MAX_INPUTS; input++) {
    if (!r->weight[input]) continue;
    for (int64_t i = 0; i < lp_difference_numel(r, input); i++) {
      arb_set_d(&r->shift[input][i], sign * r->weight[input][i]);
      arb_mul_2exp_si(&r->shift[input][i], &r->shift[input][i], exponent);
    }
    shift.of[input] = r->shift[input];
  }
  return shift;
}

static lp_status probe(lp_difference_run *r, lp_place *at, int sign, slong exponent, lp_error *error) {
  const lp_shift shift = displace(r, sign, exponent);
  const slong precision = r->stencil.precision;
  const lp_exact_options options = {.precision = precision, .shift = &shift, .value_only = true};
  lp_exact exact;
  LP_TRY(lp_difference_evaluate(r, &exact, &options, error));
  set_place(r, at, &exact, precision);
  lp_exact_clear(&exact);
  return LP_OK;
}

static lp_status probe_both(lp_difference_run *r, lp_place at[LP_SIDES], slong exponent, lp_error *error) {
  LP_TRY(probe(r, &at[LP_ABOVE_ZERO], 1, exponent, error));
  return probe(r, &at[LP_BELOW_ZERO], -1, exponent, error);
}

/* 2^shift |a - b| */
static void gap(mag_t truncation, const arb_t a, const arb_t b, slong shift, slong precision) {
  arb_t difference;
  arb_init(difference);
  arb_sub(difference, a, b, precision);
  arf_get_mag(truncation, arb_midref(difference));
  mag_mul_2exp_si(truncation, truncation, shift);
  arb_clear(difference);
}

lp_status lp_line_secant(lp_difference_run *r, mag_t slope, lp_error *error) {
  lp_stencil *s = &r->stencil;
  mag_t other;
  s->precision = LP_DIFFERENCES_PRECISION;
  LP_TRY(probe(r, &s->zero, 0, 0, error));
  LP_TRY(probe_both(r, s->far, r->start, error));
  mag_init(other);
  gap(slope, &s->far[LP_ABOVE_ZERO].value, &s->zero.value, -r->start, s->precision);
  gap(other, &s->far[LP_BELOW_ZERO].value, &s->zero.value, -r->start, s->precision);
  mag_max(slope, slope, other);
  mag_clear(other);
  return LP_OK;
}

/* --- where the places may lie --- */

static bool on_the_piece(const lp_stencil *s, const lp_place at[LP_SIDES], int side) {
  return s->open[side] && at[side].finite && at[side].signature == s->expected[side];
}

static bool both_on_the_piece(const lp_stencil *s, const lp_place at[LP_SIDES]) {
  bool on = true;
  for (int side = 0; side < LP_SIDES; side++) on = on && (!s->open[side] || on_the_piece(s, at, side));
  return on;
}

/* A switch changes side between 0 and the far places: at some distance, or at 0 itself? */
static lp_status look_closer(lp_difference_run *r, slong depth, lp_error *error) {
  lp_stencil *s = &r->stencil;
  LP_TRY(probe_both(r, s->far, r->start - depth, error));
  s->torn = !both_on_the_piece(s, s->far);
  for (int side = 0; side < LP_SIDES; side++) {
    s->open[side] = s->far[side].finite;
    s->expected[side] = s->far[side].signature;
  }
  for (slong distance = LP_DIFFERENCES_FAR; distance <= depth; distance *= 2) {
    s->step = r->start - distance;
    LP_TRY(probe_both(r, s->far, s->step, error));
    if (both_on_the_piece(s, s->far)) break;
  }
  return LP_OK;
}

lp_status lp_line_look_around(lp_difference_run *r, slong depth, lp_error *error) {
  lp_stencil *s = &r->stencil;
  s->precision = LP_DIFFERENCES_PRECISION;
  s->step = r->start - LP_DIFFERENCES_FAR;
  s->fresh = true;
  s->torn = false;
  LP_TRY(probe(r, &s->zero, 0, 0, error));
  for (int side = 0; side < LP_SIDES; side++) {
    s->open[side] = true;
    s->expected[side] = s->zero.signature;
  }
  LP_TRY(probe_both(r, s->far, s->step, error));
  return both_on_the_piece(s, s->far) ? LP_OK : look_closer(r, depth, error);
}

/* --- slopes --- */

/* (a - b) / 2^exponent */
static void quotient(arb_t q, const arb_t a, const arb_t b, slong exponent, slong precision) {
  arb_sub(q, a, b, precision);
  arb_mul_2exp_si(q, q, -exponent);
}

static void estimate_central(const lp_stencil *s, lp_estimate *e) {
  const lp_place *far = s->far, *near = s->near;
  arb_t wide;
  arb_init(wide);
  quotient(wide, &far[LP_ABOVE_ZERO].value, &far[LP_BELOW_ZERO].value, s->step + 1, s->precision);
  quotient(&e->value, &near[LP_ABOVE_ZERO].value, &near[LP_BELOW_ZERO].value, s->step - LP_DIFFERENCES_RATIO + 1,
           s->precision);
  gap(&e->truncation, wide, &e->value, -LP_DIFFERENCES_RATIO, s->precision);
  e->known = true;
  for (int side = 0; side < LP_SIDES; side++) {
    e->known = e->known && on_the_piece(s, far, side) && on_the_piece(s, near, side);
  }
  arb_clear(wide);
}

/* near + (near - far) / (2^RATIO - 1), with the sign of the side */
static void estimate_side(const lp_stencil *s, int side, lp_estimate *e) {
  arb_t near, far;
  arb_init(near);
  arb_init(far);
  quotient(near, &s->near[side].value, &s->zero.value, s->step - LP_DIFFERENCES_RATIO, s->precision);
  quotient(far, &s->far[side].value, &s->zero.value, s->step, s->precision);
  gap(&e->truncation, near, far, 1 - LP_DIFFERENCES_RATIO, s->precision);
  arb_sub(far, near, far, s->precision);
  arb_div_ui(far, far, (UWORD(1) << LP_DIFFERENCES_RATIO) - 1, s->precision);
  arb_add(&e->value, near, far, s->precision);
  if (side == LP_BELOW_ZERO) arb_neg(&e->value, &e->value);
  e->known = on_the_piece(s, s->far, side) && on_the_piece(s, s->near, side);
  arb_clear(near);
  arb_clear(far);
}

static lp_status fill(lp_difference_run *r, lp_error *error) {
  lp_stencil *s = &r->stencil;
  if (!s->fresh) {
    LP_TRY(probe(r, &s->zero, 0, 0, error));
    LP_TRY(probe_both(r, s->far, s->step, error));
  }
  LP_TRY(probe_both(r, s->near, s->step - LP_DIFFERENCES_RATIO, error));
  s->fresh = false;
  if (s->precision > r->found->precision) r->found->precision = s->precision;
  estimate_central(s, &r->estimates[LP_CENTRAL]);
  estimate_side(s, LP_ABOVE_ZERO, &r->estimates[LP_ABOVE_ZERO]);
  estimate_side(s, LP_BELOW_ZERO, &r->estimates[LP_BELOW_ZERO]);
  return LP_OK;
}

/* --- certainty --- */

void lp_estimate_enclose(arb_t ball, const lp_estimate *e) {
  arb_set(ball, &e->value);
  arb_add_error_mag(ball, &e->truncation);
}

/* 2^-TOLERANCE of the slope that is claimed or found, whichever is larger */
static void set_tolerance(mag_t tolerance, const lp_difference_run *r, const lp_estimate *e) {
  arb_get_mag_lower(tolerance, &e->value);
  mag_mul_2exp_si(tolerance, tolerance, -LP_DIFFERENCES_TOLERANCE);
  mag_max(tolerance, tolerance, &r->tolerance);
}

bool lp_estimate_is_certain(const lp_difference_run *r, const lp_estimate *e) {
  mag_t allowed, error;
  mag_init(allowed);
  mag_init(error);
  set_tolerance(allowed, r, e);
  mag_mul_2exp_si(allowed, allowed, 1);
  mag_add(error, arb_radref(&e->value), &e->truncation);
  const bool certain = e->known && mag_cmp(error, allowed) <= 0;
  mag_clear(allowed);
  mag_clear(error);
  return certain;
}

/* The bits by which an error exceeds the tolerance; 0: it does not. */
static slong excess(const mag_t error, const mag_t tolerance) {
  if (mag_cmp(error, tolerance) <= 0) return 0;
  const double bits = mag_get_d_log2_approx(error) - mag_get_d_log2_approx(tolerance);
  return bits < LP_EXACT_PRECISION_MAX ? (slong)bits + 1 : LP_EXACT_PRECISION_MAX;
}

static slong larger(slong a, slong b) { return a > b ? a : b; }

/* By how many bits the precision and the step should change for this estimate, whose truncation error goes down as
 * the step to this power. */
typedef struct wish {
  slong sharper, closer;
} wish;

static void ask(wish *w, const lp_difference_run *r, const lp_estimate *e, int order) {
  if (!e->known) return;
  mag_t tolerance;
  mag_init(tolerance);
  set_tolerance(tolerance, r, e);
  w->sharper = larger(w->sharper, excess(arb_radref(&e->value), tolerance));
  w->closer = larger(w->closer, (excess(&e->truncation, tolerance) + order - 1) / order);
  mag_clear(tolerance);
}

static wish ask_all(const lp_difference_run *r) {
  wish w = {0, 0};
  if (r->stencil.cusp) {
    ask(&w, r, &r->estimates[LP_ABOVE_ZERO], 1);
    ask(&w, r, &r->estimates[LP_BELOW_ZERO], 1);
  } else {
    ask(&w, r, &r->estimates[LP_CENTRAL], 2);
  }
  return w;
}

/* The precision that a step needs grows by a bit for every bit that it shrinks. */
static bool change(lp_difference_run *r, slong sharper, slong closer) {
  lp_stencil *s = &r->stencil;
  if (s->step - closer < r->start - LP_DIFFERENCES_DEEPEST) return false;
  if (s->precision + sharper + closer > LP_EXACT_PRECISION_MAX) return false;
  s->step -= closer;
  s->precision += sharper + closer;
  s->fresh = false;
  return true;
}

/* Sets a better step and precision. False when they are good enough, or cannot become better. */
static bool improve(lp_difference_run *r) {
  const wish w = ask_all(r);
  if (w.sharper == 0 && w.closer == 0) return false;
  return change(r, w.sharper + 8, w.closer > 0 ? w.closer + 8 : 0);
}

bool lp_line_move(lp_difference_run *r, slong bits) { return change(r, 8, bits); }

static lp_status sharpen(lp_difference_run *r, lp_error *error) {
  LP_TRY(fill(r, error));
  for (int attempt = 0; attempt < ATTEMPTS && improve(r); attempt++) LP_TRY(fill(r, error));
  return LP_OK;
}

static bool sides_differ(const lp_difference_run *r) {
  const lp_estimate *above = &r->estimates[LP_ABOVE_ZERO], *below = &r->estimates[LP_BELOW_ZERO];
  arb_t a, b;
  arb_init(a);
  arb_init(b);
  lp_estimate_enclose(a, above);
  lp_estimate_enclose(b, below);
  const bool differ = above->known && below->known && !arb_overlaps(a, b);
  arb_clear(a);
  arb_clear(b);
  return differ;
}

lp_status lp_line_measure(lp_difference_run *r, lp_error *error) {
  r->stencil.cusp = r->stencil.torn || lp_line_has_kink(r);
  LP_TRY(sharpen(r, error));
  if (r->stencil.cusp || !sides_differ(r)) return LP_OK;
  r->stencil.cusp = true; /* a kink that neither the signature nor the claim shows */
  for (int attempt = 0; attempt < ATTEMPTS && improve(r); attempt++) LP_TRY(fill(r, error));
  return LP_OK;
}
