/* triplet_margin, from its definition. For rows a (anchor), b (positive), c (negative):
 *   D(x, y) = |x - y + eps|_p, over the two rows broadcast;  |d|_p = (sum |d_i|^p)^(1/p) for any p but
 *   |d|_inf = max |d_i|, |d|_-inf = min |d_i|, |d|_0 = how many d_i are not 0; 0 for p < 0 where some d_i is 0
 *   near = D(a, b), far = D(a, c) or, with swap, min(D(a, c), D(b, c))
 *   loss = max(0, margin + near - far)
 * Integer rows count as the real numbers that they are.
 *
 * Rounded intermediates: x - y, d, the powers, their sum, 1/p, the norm, margin + near, the difference; p and eps where
 * the dtype lacks them. Terms with an infinity or NaN in them are kept in the range of float64, as PyTorch's are.
 *
 * Switches, and PyTorch's choice at 0:
 *   margin + near - far              the gradient passes
 *   D(a, c) - D(b, c)                half of the gradient each
 *   d_i, for p < 2                   slope 0; for p < 1 slopes of components next to 0 grow without bound
 *   components at an extremum        each has the same share of the slope
 *   |d|_p = 0                        slope 0
 * The last two are groups of kinks (exact.h): the simplex of those that share; the dual ball, with 1/p + 1/q = 1, or
 * q = inf for p < 1, where |d|_p >= |d|_1, or q = 1 for p < 0, between the components that are 0. The first two are
 * decided exactly near 0 where squaring does it (p = 2), where the norms are rational (p = 1, inf, -inf, one
 * component that is not 0), and for equal distances where the |d_i| of both are the same numbers.
 * p = 0 has no gradient. A count within rounding of another one has a reach that covers it.
 *
 * What PyTorch multiplies by 0, and what it replaces by 0, when an adjoint is infinite: inactive rows and the loser of
 * a swap replace; so does the slope of a norm that is 0 for p > 1 but 2. All others multiply, and give NaN: components
 * that are 0, that are not at the extremum, or are NaN for p = 1 and +-inf, where the norm is NaN.
 * p = NaN: powers are NaN, but those of 1; the norm over an axis of one component is |d|. */
#include <math.h>
#include <stdlib.h>

#include "reference/exact/exact.h"

extern const lp_exact_loss lp_exact_triplet_margin;

enum { ANCHOR, POSITIVE, NEGATIVE, N_INPUTS };
enum { MARGIN, P, EPS, SWAP };
enum { NEAR, FAR, SWAPPED, N_LEGS };
enum {
  P_IS_2,
  P_IS_1,
  P_IS_0,
  P_IS_INF,
  P_IS_MINUS_INF,
  P_BELOW_0,
  P_BELOW_1,
  P_ABOVE_1,
  P_IS_NAN,
  ACTIVE,
  INACTIVE,
  KINK,
  SWAP_ANCHOR,
  SWAP_POSITIVE,
  SWAP_TIE,
  NORM_ZERO,
  COMPONENT_ZERO,
  EXTREMUM_TIE,
  UNEQUAL_WIDTHS,
  BROADCAST,
  UNBATCHED,
  ZERO_D,
  EMPTY_BATCH,
  EMPTY_VECTOR,
  SPECIAL,
  N_REGIMES
};

static const char *const regimes[N_REGIMES] = {"p=2",
                                               "p=1",
                                               "p=0",
                                               "p=inf",
                                               "p=-inf",
                                               "p<0",
                                               "p<1",
                                               "p>1",
                                               "p=nan",
                                               "active",
                                               "inactive",
                                               "kink",
                                               "swap-anchor",
                                               "swap-positive",
                                               "swap-tie",
                                               "norm-zero",
                                               "component-zero",
                                               "extremum-tie",
                                               "unequal-widths",
                                               "broadcast",
                                               "unbatched",
                                               "0-d",
                                               "empty-batch",
                                               "empty-vector",
                                               "special"};

static const int operands[N_LEGS][2] = {{ANCHOR, POSITIVE}, {ANCHOR, NEGATIVE}, {POSITIVE, NEGATIVE}};

/* --- rows --- */

typedef struct vector {
  lp_x *x; /* its own elements, which may be one where others have more */
  int64_t width;
} vector;

/* A distance between two of the rows. */
typedef struct leg {
  const vector *first, *second;
  int64_t n; /* components after broadcasting */
  lp_x *d;   /* differences with eps */
  lp_x *room;
  bool single;            /* an axis of one component; a 0-d tensor has none */
  bool finite, unordered; /* every d_i is finite; some d_i is NaN */
  int64_t zeros;
  lp_x norm;
} leg;

typedef struct triplet {
  double p;
  bool adds_eps;
  lp_x margin, eps;
  vector rows[N_INPUTS];
  leg legs[N_LEGS];
  int n_legs;
} triplet;

static int legs_of(const lp_case *c) { return c->params[SWAP] != 0.0 ? 3 : 2; }

static int64_t width_of(const lp_tensor *in) { return in->rank == 0 ? 1 : in->shape[in->rank - 1]; }

static int64_t components(const lp_case *c, int which) {
  const int64_t a = width_of(&c->inputs[operands[which][0]]), b = width_of(&c->inputs[operands[which][1]]);
  return a == 1 ? b : a;
}

static lp_x at(const vector *v, int64_t i) { return v->x[v->width == 1 ? 0 : i]; }

static vector read_vector(lp_tape *t, const lp_plan *plan, int input, int64_t index, lp_x *room) {
  const lp_tensor *in = &plan->c->inputs[input];
  const vector v = {.x = room, .width = width_of(in)};
  lp_tensor leading = *in;
  leading.rank = in->rank == 0 ? 0 : in->rank - 1;
  const int64_t offset = lp_exact_position(&leading, &plan->term, index) * v.width;
  for (int64_t i = 0; i < v.width; i++) v.x[i] = lp_x_element(t, input, offset + i);
  return v;
}

/* Adding an eps of 0 is no rounding. */
static lp_x difference(lp_tape *t, const triplet *tr, const leg *l, int64_t i) {
  const lp_x d = lp_x_add(t, lp_x_subtract(t, at(l->first, i), at(l->second, i)), tr->eps);
  return tr->adds_eps ? d : lp_x_unrounded(t, d);
}

static bool is_zero(lp_tape *t, lp_x d) { return lp_x_class(t, d) == LP_FINITE && lp_x_sign(t, d) == LP_AT; }

static void set_differences(lp_tape *t, const triplet *tr, leg *l) {
  l->finite = true;
  for (int64_t i = 0; i < l->n; i++) {
    l->d[i] = difference(t, tr, l, i);
    l->finite = l->finite && lp_x_class(t, l->d[i]) == LP_FINITE;
    l->unordered = l->unordered || lp_x_class(t, l->d[i]) == LP_NAN;
    l->zeros += is_zero(t, l->d[i]);
  }
}

/* --- norms --- */

/* 0, with the slope 0 in all components but those of which d_i is listed in l->room. */
static lp_x erase_all_but(lp_tape *t, const leg *l, const lp_x *kept, int64_t n_kept) {
  lp_x sum = lp_x_constant(t, 0.0);
  for (int64_t i = 0, k = 0; i < l->n; i++) {
    if (k < n_kept && kept[k].at == l->d[i].at) {
      k++;
    } else {
      sum = lp_x_add(t, sum, lp_x_erase(t, l->d[i]));
    }
  }
  return sum;
}

/* Every reach of a component that rounding may move away from 0. */
static lp_x doubt(lp_tape *t, const leg *l) {
  arb_t zero;
  mag_t reach;
  arb_init(zero);
  mag_init(reach);
  for (int64_t i = 0; i < l->n; i++) {
    if (lp_x_is_near(t, l->d[i])) mag_add(reach, reach, lp_x_reach(t, l->d[i]));
  }
  const lp_x number = lp_x_number(t, zero, LP_FINITE, reach, 1);
  arb_clear(zero);
  mag_clear(reach);
  return number;
}

static lp_kink_state state_of(lp_tape *t, lp_x zero) { return lp_x_is_near(t, zero) ? LP_KINK_BLURRED : LP_KINK_AT; }

/* |d| without a switch. */
static lp_x size_of(lp_tape *t, lp_x d) { return lp_x_sign(t, d) == LP_BELOW ? lp_x_negate(t, d) : d; }

/* sign(d) |d|^(p-1), with PyTorch's d |d|^(p-2) for p > 2 or NaN; 0 for p < 1 where d is 0. */
static lp_x unscaled_slope(lp_tape *t, lp_x d, double p) {
  const lp_x fixed = lp_x_detach(t, d), size = size_of(t, fixed);
  if (p < 1.0 && is_zero(t, d)) return lp_x_constant(t, 0.0);
  if (p > 2.0 || isnan(p)) return lp_x_multiply(t, fixed, lp_x_raise(t, size, lp_x_constant(t, p - 2.0)));
  const lp_side side = is_zero(t, d) ? LP_AT : lp_x_side(t, d);
  const lp_x sign = lp_x_constant(t, side == LP_UNORDERED ? 0.0 : (double)side);
  return lp_x_multiply(t, sign, lp_x_raise(t, size, lp_x_constant(t, p - 1.0)));
}

/* Something whose slope is that of the norm, with the products and quotients of PyTorch's norm_backward. */
static lp_x carrier_of(lp_tape *t, const leg *l, double p, lp_x norm) {
  const lp_x fixed = lp_x_detach(t, norm);
  const lp_x power = p == 2.0 ? fixed : lp_x_raise(t, fixed, lp_x_constant(t, p < 1.0 ? 1.0 - p : p - 1.0));
  for (int64_t i = 0; i < l->n; i++) {
    const lp_x d = l->d[i];
    if (p == 2.0) {
      l->room[i] = lp_x_multiply(t, d, lp_x_divide(t, lp_x_detach(t, d), fixed));
    } else {
      l->room[i] = lp_x_multiply(t, p < 1.0 ? lp_x_multiply(t, d, power) : d, unscaled_slope(t, d, p));
    }
  }
  const lp_x sum = lp_x_sum(t, l->room, (int)l->n);
  return p < 1.0 || p == 2.0 ? sum : lp_x_divide(t, sum, power);
}

/* What PyTorch multiplies and replaces, where |d|_p = 0. In the range of float64 the slopes for p < 1 are products with
 * 0, NaN where |d_i|^(p-1) overflows. */
static lp_x zero_slopes(lp_tape *t, const leg *l, double p) {
  const bool replaces = p > 1.0 && p != 2.0 && !isinf(p);
  lp_x sum = lp_x_constant(t, 0.0);
  if (t->float64_range && p < 1.0 && !isinf(p)) return lp_x_carry(t, sum, carrier_of(t, l, p, sum));
  for (int64_t i = 0; i < l->n; i++) {
    sum = lp_x_add(t, sum, replaces ? lp_x_mask(t, l->d[i], false) : lp_x_erase(t, l->d[i]));
  }
  return sum;
}

static double dual_of(double p) { return isinf(p) || p < 0.0 ? 1.0 : p > 1.0 ? p / (p - 1.0) : INFINITY; }

/* The norm is 0: slope 0, or any one in the dual ball of the components that are 0. */
static lp_x zero_norm(lp_tape *t, const leg *l, double p) {
  const int group = lp_x_new_group(t);
  lp_x taken = {-1};
  lp_side side = LP_AT;
  for (int64_t i = 0; i < l->n; i++) {
    const bool zero = is_zero(t, l->d[i]);
    const lp_side own = zero ? lp_x_meet_in_group(t, group, dual_of(p), state_of(t, l->d[i])) : LP_AT;
    if (own != LP_AT) taken = l->d[i];
    if (own != LP_AT) side = own;
  }
  return side == LP_AT ? lp_x_add(t, doubt(t, l), zero_slopes(t, l, p)) : lp_x_scale(t, taken, (double)side);
}

static lp_side order(lp_tape *t, lp_x a, lp_x b) {
  const bool infinite = lp_x_class(t, a) == LP_PLUS_INFINITY && lp_x_class(t, b) == LP_PLUS_INFINITY;
  return infinite ? LP_AT : lp_x_sign(t, lp_x_subtract(t, a, b));
}

/* How component i stands to the extremum. */
typedef struct standing {
  bool tied, near;
} standing;

static standing standing_of(lp_tape *t, lp_x size, lp_x extremum) {
  if (order(t, size, extremum) == LP_AT) {
    const bool finite = lp_x_class(t, size) == LP_FINITE && size.at != extremum.at;
    return (standing){true, finite && lp_x_is_near(t, lp_x_subtract(t, size, extremum))};
  }
  return (standing){false, lp_x_is_near(t, lp_x_subtract(t, size, extremum))};
}

static lp_x extremum_of(lp_tape *t, const leg *l, lp_side better) {
  int64_t best = 0;
  for (int64_t i = 1; i < l->n; i++) {
    if (order(t, l->room[i], l->room[best]) == better) best = i;
  }
  lp_x_note(t, best);
  return l->room[best];
}

/* 1, as a number that is rounded. */
static lp_x rounded_one(lp_tape *t) {
  arb_t one;
  mag_t reach;
  arb_init(one);
  mag_init(reach);
  arb_one(one);
  mag_one(reach);
  const lp_x number = lp_x_number(t, one, LP_FINITE, reach, 1);
  arb_clear(one);
  mag_clear(reach);
  return number;
}

/* The mean of the |d_i|, which are equal, and 0 of all others. A lone one has its share of 1 rounded when others are so
 * near that arithmetic may find several. */
static lp_x share_evenly(lp_tape *t, const leg *l, const lp_x *d, int64_t n, bool alone) {
  const lp_x count = lp_x_constant(t, (double)n);
  lp_x sum = erase_all_but(t, l, d, n);
  for (int64_t i = 0; i < n; i++) {
    const lp_x size = lp_x_abs(t, d[i]),
               share = n == 1 ? lp_x_multiply(t, size, rounded_one(t)) : lp_x_divide(t, size, count);
    sum = lp_x_unrounded(t, lp_x_add(t, sum, alone ? size : lp_x_unrounded(t, share)));
  }
  return sum;
}

static lp_kink_state state_of_tie(standing s) {
  return s.tied ? (s.near ? LP_KINK_BLURRED : LP_KINK_AT) : LP_KINK_NEAR;
}

/* Those that are at the extremum go to the front of the room; when several are there or near, each may have it all. */
static lp_x settle_ties(lp_tape *t, const leg *l, lp_x extremum) {
  int64_t members = 0, ties = 0, taken = -1;
  for (int64_t i = 0; i < l->n; i++) {
    const standing s = standing_of(t, l->room[i], extremum);
    members += s.tied || s.near;
  }
  const int group = members > 1 ? lp_x_new_group(t) : 0;
  for (int64_t i = 0; i < l->n; i++) {
    const standing s = standing_of(t, l->room[i], extremum);
    if (s.tied) l->room[ties++] = l->d[i];
    if (group == 0 || !(s.tied || s.near)) continue;
    if (lp_x_meet_in_group(t, group, 1.0, state_of_tie(s)) == LP_ABOVE) taken = i;
  }
  if (ties > 1) lp_x_enter(t, EXTREMUM_TIE);
  return taken < 0 ? share_evenly(t, l, l->room, ties, members == 1) : share_evenly(t, l, &l->d[taken], 1, false);
}

/* Only the components that are NaN are at the extremum, and their slope is 0. */
static lp_x unordered_extremum(lp_tape *t, const leg *l) {
  int64_t n = 0;
  for (int64_t i = 0; i < l->n; i++) {
    if (lp_x_class(t, l->d[i]) == LP_NAN) l->room[n++] = l->d[i];
  }
  return share_evenly(t, l, l->room, n, n == 1);
}

static lp_x extremum(lp_tape *t, const leg *l, double p) {
  if (l->unordered) return unordered_extremum(t, l);
  for (int64_t i = 0; i < l->n; i++) l->room[i] = size_of(t, l->d[i]);
  const lp_x best = extremum_of(t, l, p > 0.0 ? LP_ABOVE : LP_BELOW);
  if (!is_zero(t, best)) return settle_ties(t, l, best);
  if (l->zeros > 1) lp_x_enter(t, EXTREMUM_TIE);
  return zero_norm(t, l, p);
}

static lp_x sum_of_sizes(lp_tape *t, const leg *l) {
  for (int64_t i = 0; i < l->n; i++) l->room[i] = lp_x_abs(t, l->d[i]);
  return lp_x_sum(t, l->room, (int)l->n);
}

/* The power of 2 next to the component that counts most, the largest or for p < 0 the smallest, by which a stable
 * algorithm divides where powers could leave the range of the dtype; else 0. */
static int exponent_of(const lp_tape *t, const leg *l, double p) {
  const double normal = lp_dtype_smallest_subnormal(t->dtype) / (2.0 * lp_dtype_unit_roundoff(t->dtype));
  slong exponent = 0;
  bool any = false;
  for (int64_t i = 0; i < l->n && !t->float64_range; i++) {
    const arf_struct *d = arb_midref(lp_x_ball(t, l->d[i]));
    if (arf_is_zero(d)) continue;
    const slong own = arf_abs_bound_lt_2exp_si(d);
    if (!any || (p > 0.0 ? own > exponent : own < exponent)) exponent = own;
    any = true;
  }
  if (labs(exponent) > 1000) exponent = exponent > 0 ? 1000 : -1000;
  return (double)labs(exponent) * fmax(1.0, fabs(p)) > -0.5 * ilogb(normal) ? (int)exponent : 0;
}

static lp_x scaled(lp_tape *t, lp_x a, int exponent) {
  return exponent == 0 ? a : lp_x_scale(t, a, ldexp(1.0, exponent));
}

static lp_x euclidean(lp_tape *t, const leg *l) {
  const int exponent = exponent_of(t, l, 2.0);
  for (int64_t i = 0; i < l->n; i++) l->room[i] = lp_x_square(t, scaled(t, l->d[i], -exponent));
  return scaled(t, lp_x_sqrt(t, lp_x_sum(t, l->room, (int)l->n)), exponent);
}

/* Where p > 2 the slope is smooth enough at 0 for its reach to cover both sides. */
static lp_x power_of(lp_tape *t, lp_x d, double p, lp_x exponent) {
  if (is_zero(t, d) && !isnan(p)) return lp_x_erase(t, d);
  return lp_x_raise(t, p < 2.0 || lp_x_class(t, d) == LP_NAN ? lp_x_abs(t, d) : size_of(t, d), exponent);
}

static lp_x root_of_powers(lp_tape *t, const leg *l, double p) {
  const lp_x exponent = lp_x_parameter(t, P), inverse = lp_x_divide(t, lp_x_constant(t, 1.0), exponent);
  const int shift = exponent_of(t, l, p);
  for (int64_t i = 0; i < l->n; i++) l->room[i] = power_of(t, scaled(t, l->d[i], -shift), p, exponent);
  return scaled(t, lp_x_raise(t, lp_x_sum(t, l->room, (int)l->n), inverse), shift);
}

/* p = 0 */
static lp_x count(lp_tape *t, const leg *l) {
  arb_t value;
  mag_t reach;
  arb_init(value);
  mag_init(reach);
  mag_set_d(reach, 1.0 / (8.0 * lp_dtype_unit_roundoff(t->dtype)));
  int64_t near = 0;
  for (int64_t i = 0; i < l->n; i++) near += lp_x_is_near(t, l->d[i]);
  mag_mul_ui(reach, reach, (ulong)near);
  arb_set_si(value, l->n - l->zeros);
  const lp_x number = lp_x_number(t, value, LP_FINITE, reach, 1);
  arb_clear(value);
  mag_clear(reach);
  return number;
}

/* --- norms in terms with an infinity or NaN --- */

/* The norm over an axis of one component is |d|; its slope is not simplified. 1 to the power NaN is 1. */
static lp_x special_norm(lp_tape *t, const leg *l, double p) {
  const lp_x norm = l->single ? size_of(t, l->d[0]) : p == 2.0 ? euclidean(t, l) : root_of_powers(t, l, p);
  if (is_zero(t, norm) && !isnan(p)) return zero_norm(t, l, p);
  return lp_x_carry(t, norm, carrier_of(t, l, p, norm));
}

static bool is_zero_norm(const leg *l, double p) {
  return !l->unordered && (p < 0.0 ? l->zeros > 0 : l->zeros == l->n);
}

static lp_x norm_of(lp_tape *t, const leg *l, double p) {
  if (l->n == 0) return lp_x_constant(t, 0.0);
  if (isnan(p)) return special_norm(t, l, p);
  if (p == 0.0) return count(t, l);
  if (isinf(p)) return extremum(t, l, p);
  if (p == 1.0) return sum_of_sizes(t, l);
  if (is_zero_norm(l, p)) return zero_norm(t, l, p);
  if (t->float64_range) return special_norm(t, l, p);
  return p == 2.0 ? euclidean(t, l) : root_of_powers(t, l, p);
}

/* --- switches, exactly --- */

static void exact_difference(arb_t d, const lp_tape *t, const triplet *tr, const leg *l, int64_t i) {
  arb_sub(d, lp_x_ball(t, at(l->first, i)), lp_x_ball(t, at(l->second, i)), ARF_PREC_EXACT);
  arb_add(d, d, lp_x_ball(t, tr->eps), ARF_PREC_EXACT);
}

static void exact_sum_of_squares(arb_t sum, const lp_tape *t, const triplet *tr, const leg *l) {
  arb_t d;
  arb_init(d);
  arb_zero(sum);
  for (int64_t i = 0; i < l->n; i++) {
    exact_difference(d, t, tr, l, i);
    arb_addmul(sum, d, d, ARF_PREC_EXACT);
  }
  arb_clear(d);
}

/* Is the norm the sum or an extremum of the |d_i|? One component that is not 0 has the norm |d_i|. */
static bool is_rational(const triplet *tr, const leg *l) {
  return tr->p == 1.0 || isinf(tr->p) || l->n == 1 || (tr->p > 0.0 && l->n - l->zeros <= 1);
}

static void exact_norm(arb_t norm, const lp_tape *t, const triplet *tr, const leg *l) {
  arb_t d;
  arb_init(d);
  arb_zero(norm);
  for (int64_t i = 0; i < l->n; i++) {
    exact_difference(d, t, tr, l, i);
    arb_abs(d, d);
    const int order_of_sizes = arf_cmp(arb_midref(d), arb_midref(norm));
    if (!isinf(tr->p)) {
      arb_add(norm, norm, d, ARF_PREC_EXACT);
    } else if (i == 0 || (tr->p > 0.0 ? order_of_sizes > 0 : order_of_sizes < 0)) {
      arb_set(norm, d);
    }
  }
  arb_clear(d);
}

/* The sign of margin + sqrt(a) - sqrt(b), margin >= 0: of (margin + sqrt(a))^2 - b = 2 margin sqrt(a) - rest. */
static void squared_hinge(arb_t s, const arb_t margin, const arb_t a, const arb_t b) {
  arb_t rest, root;
  arb_init(rest);
  arb_init(root);
  arb_mul(root, margin, margin, ARF_PREC_EXACT);
  arb_sub(rest, b, a, ARF_PREC_EXACT);
  arb_sub(rest, rest, root, ARF_PREC_EXACT);
  if (arb_is_negative(rest)) {
    arb_neg(s, rest);
  } else {
    arb_mul(root, root, a, ARF_PREC_EXACT);
    arb_mul_2exp_si(root, root, 2);
    arb_mul(rest, rest, rest, ARF_PREC_EXACT);
    arb_sub(s, root, rest, ARF_PREC_EXACT);
  }
  arb_clear(rest);
  arb_clear(root);
}

static int by_size(const void *a, const void *b) {
  return -arf_cmpabs(arb_midref((const arb_struct *)a), arb_midref((const arb_struct *)b));
}

/* The |d_i|, the largest first; NULL: out of memory. */
static arb_ptr sorted_sizes(const lp_tape *t, const triplet *tr, const leg *l) {
  arb_ptr sizes = _arb_vec_init(l->n);
  for (int64_t i = 0; i < l->n; i++) {
    exact_difference(&sizes[i], t, tr, l, i);
    arb_abs(&sizes[i], &sizes[i]);
  }
  qsort(sizes, (size_t)l->n, sizeof *sizes, by_size);
  return sizes;
}

/* Are the |d_i| of two distances the same numbers, but for zeros when p > 0? */
static bool same_sizes(const lp_tape *t, const triplet *tr, const leg *a, const leg *b) {
  const int64_t n = a->n < b->n ? a->n : b->n;
  bool same = tr->p > 0.0 ? a->n - a->zeros == b->n - b->zeros : a->n == b->n;
  arb_ptr x = sorted_sizes(t, tr, a), y = sorted_sizes(t, tr, b);
  for (int64_t i = 0; i < n && same; i++) same = arb_is_exact(&x[i]) && arb_equal(&x[i], &y[i]);
  _arb_vec_clear(x, a->n);
  _arb_vec_clear(y, b->n);
  return same;
}

/* Sets s to a number of the sign of a switch, when algebra gives it: margin + near - far, or far - near without margin.
 */
static bool exact_switch(arb_t s, const lp_tape *t, const triplet *tr, const arb_t margin, const leg *a, const leg *b) {
  const bool squared = tr->p == 2.0 && !(is_rational(tr, a) && is_rational(tr, b));
  if (!squared && !(is_rational(tr, a) && is_rational(tr, b))) {
    arb_zero(s);
    return arb_is_zero(margin) && same_sizes(t, tr, a, b);
  }
  arb_t x, y;
  arb_init(x);
  arb_init(y);
  (squared ? exact_sum_of_squares : exact_norm)(x, t, tr, a);
  (squared ? exact_sum_of_squares : exact_norm)(y, t, tr, b);
  if (squared) {
    squared_hinge(s, margin, x, y);
  } else {
    arb_add(s, margin, x, ARF_PREC_EXACT);
    arb_sub(s, s, y, ARF_PREC_EXACT);
  }
  arb_clear(x);
  arb_clear(y);
  return arb_is_exact(s);
}

static bool is_open(const lp_tape *t, lp_x s) {
  const arb_struct *ball = lp_x_ball(t, s);
  return lp_x_class(t, s) == LP_FINITE && arb_contains_zero(ball) && !arb_is_zero(ball);
}

/* The side of s = margin + |a| - |b|. */
static lp_side side_of(lp_tape *t, const triplet *tr, lp_x s, const arb_t margin, const leg *a, const leg *b) {
  arb_t exact;
  if (!is_open(t, s)) return lp_x_side(t, s);
  arb_init(exact);
  const bool decided = exact_switch(exact, t, tr, margin, a, b);
  const int sign = arf_sgn(arb_midref(exact));
  arb_clear(exact);
  return decided ? lp_x_side_known(t, s, (lp_side)sign) : lp_x_side(t, s);
}

/* --- the loss of a triplet --- */

/* 0, as far as a loser of the swap takes part: its slopes, when they are infinite or NaN, are multiplied by 0. In a
 * finite loser they may be so too: powers leave the range of float64, and those with the exponent NaN are NaN. */
static lp_x beside(lp_tape *t, lp_x winner, const leg *loser) {
  if (!t->float64_range && loser->finite && lp_x_class(t, loser->norm) == LP_FINITE) return winner;
  return lp_x_unrounded(t, lp_x_add(t, winner, lp_x_mask(t, loser->norm, false)));
}

static lp_side side_of_swap(lp_tape *t, const triplet *tr) {
  const leg *a = &tr->legs[FAR], *b = &tr->legs[SWAPPED];
  arb_t none;
  if (lp_x_class(t, a->norm) != LP_FINITE && lp_x_class(t, b->norm) != LP_FINITE) {
    return lp_x_compare(t, a->norm, b->norm);
  }
  arb_init(none);
  const lp_side side = side_of(t, tr, lp_x_subtract(t, a->norm, b->norm), none, a, b);
  arb_clear(none);
  return side;
}

/* The smaller of two norms, of which rounding may take the other: by as much as it errs in either. */
static lp_x allow_for_other(lp_tape *t, lp_x least, lp_x a, lp_x b) {
  if (!lp_x_is_near(t, lp_x_subtract(t, a, b))) return least;
  arb_t zero;
  mag_t reach;
  arb_init(zero);
  mag_init(reach);
  mag_max(reach, lp_x_reach(t, a), lp_x_reach(t, b));
  mag_sub(reach, reach, lp_x_reach(t, least));
  const lp_x sum = lp_x_add(t, least, lp_x_number(t, zero, LP_FINITE, reach, 1));
  arb_clear(zero);
  mag_clear(reach);
  return lp_x_unrounded(t, sum);
}

/* The far distance when it lies on this side of the swapped one. */
static lp_x nearer(lp_tape *t, const triplet *tr, lp_side side) {
  const leg *a = &tr->legs[FAR], *b = &tr->legs[SWAPPED];
  if (side == LP_UNORDERED) return lp_x_add(t, a->norm, b->norm);
  if (side == LP_BELOW) return beside(t, a->norm, b);
  if (side == LP_ABOVE) return beside(t, b->norm, a);
  return lp_x_unrounded(t, lp_x_add(t, lp_x_scale(t, a->norm, 0.5), lp_x_scale(t, b->norm, 0.5)));
}

static lp_side side_of_hinge(lp_tape *t, const triplet *tr, lp_x s, lp_side swap) {
  const leg *far = &tr->legs[swap == LP_ABOVE ? SWAPPED : FAR];
  return side_of(t, tr, s, lp_x_ball(t, tr->margin), &tr->legs[NEAR], far);
}

static void enter_sides(lp_tape *t, const triplet *tr, lp_side swap, lp_side hinge) {
  static const int of_swap[] = {SWAP_ANCHOR, SWAP_TIE, SWAP_POSITIVE};
  if (tr->n_legs == N_LEGS && swap != LP_UNORDERED) lp_x_enter(t, of_swap[swap + 1]);
  lp_x_enter(t, hinge == LP_AT || hinge == LP_ABOVE ? ACTIVE : INACTIVE);
  if (hinge == LP_AT) lp_x_enter(t, KINK);
}

static lp_x hinge_of(lp_tape *t, const triplet *tr) {
  const bool swaps = tr->n_legs == N_LEGS;
  const lp_side swap = swaps ? side_of_swap(t, tr) : LP_BELOW;
  const lp_x first = tr->legs[FAR].norm, second = tr->legs[SWAPPED].norm;
  const lp_x far = swaps ? allow_for_other(t, nearer(t, tr, swap), first, second) : first;
  const lp_x s = lp_x_subtract(t, lp_x_add(t, tr->margin, tr->legs[NEAR].norm), far);
  lp_x_announce_gate(t);
  const lp_side hinge = side_of_hinge(t, tr, s, swap);
  enter_sides(t, tr, swap, hinge);
  if (hinge == LP_UNORDERED) return lp_x_add(t, lp_x_mask(t, s, false), lp_x_constant(t, NAN));
  return hinge == LP_BELOW ? lp_x_shut(t, s) : s;
}

/* A norm below the smallest double (many components to the power of a tiny negative p) is 0 in doubles. */
static void enter_norm_zero(lp_tape *t, lp_x norm) {
  const arb_struct *ball = lp_x_ball(t, norm);
  if (lp_x_class(t, norm) != LP_FINITE) return;
  if (arb_is_zero(ball)) {
    lp_x_enter(t, NORM_ZERO);
  } else if (arf_cmpabs_2exp_si(arb_midref(ball), -1074) < 0) {
    lp_x_doubt_regimes(t);
  }
}

/* Beside an infinity or NaN differences are those of doubles, as PyTorch's are. */
static void doubt_components(lp_tape *t, const leg *l) {
  for (int64_t i = 0; i < l->n && t->float64_range; i++) {
    if (lp_x_is_near(t, l->d[i])) lp_x_doubt_regimes(t);
  }
}

static void enter_regimes_of_leg(lp_tape *t, const leg *l) {
  doubt_components(t, l);
  enter_norm_zero(t, l->norm);
  if (l->zeros > 0) lp_x_enter(t, COMPONENT_ZERO);
}

/* An infinity or NaN takes part; one that is stretched to no components does not. */
static bool is_special(const lp_tape *t, const triplet *tr, const lp_plan *plan) {
  const double *params = plan->c->params;
  bool special = isnan(tr->p) || !isfinite(params[MARGIN]) || !isfinite(params[EPS]);
  for (int k = 0; k < tr->n_legs; k++) {
    const leg *l = &tr->legs[k];
    for (int64_t i = 0; i < l->n; i++) {
      special = special || lp_x_class(t, at(l->first, i)) != LP_FINITE || lp_x_class(t, at(l->second, i)) != LP_FINITE;
    }
  }
  return special;
}

static lp_x loss_of(lp_tape *t, triplet *tr) {
  for (int k = 0; k < tr->n_legs; k++) {
    leg *l = &tr->legs[k];
    set_differences(t, tr, l);
    l->norm = norm_of(t, l, tr->p);
    enter_regimes_of_leg(t, l);
  }
  return hinge_of(t, tr);
}

/* A finite row has its real loss, whatever its gradient is multiplied by: that alone is kept in the range of float64.
 */
static lp_x loss_beside_upstream(lp_tape *t, triplet *tr) {
  triplet limited = *tr;
  const lp_x loss = loss_of(t, tr);
  const uint64_t entered = t->entered;
  lp_x_limit_range(t);
  const lp_x carrier = loss_of(t, &limited);
  t->entered = entered;
  return lp_x_carry(t, loss, carrier);
}

static lp_x loss_in_range(lp_tape *t, triplet *tr, const lp_plan *plan, int64_t index) {
  const bool special = is_special(t, tr, plan);
  const double upstream = lp_plan_upstream(plan, plan->c->reduction == LP_REDUCTION_NONE ? index : 0);
  if (!special && isfinite(upstream)) return loss_of(t, tr);
  lp_x_enter(t, SPECIAL);
  if (t->stand_in != 0) return loss_of(t, tr);
  if (!special) return loss_beside_upstream(t, tr);
  lp_x_limit_range(t);
  return loss_of(t, tr);
}

static lp_x triplet_of(lp_tape *t, const lp_plan *plan, int64_t index, lp_x *room) {
  const lp_case *c = plan->c;
  triplet tr = {.p = c->params[P], .adds_eps = c->params[EPS] != 0.0, .n_legs = legs_of(c)};
  tr.margin = lp_x_parameter(t, MARGIN);
  tr.eps = lp_x_parameter(t, EPS);
  for (int v = 0; v < N_INPUTS; v++) {
    tr.rows[v] = read_vector(t, plan, v, index, room);
    room += tr.rows[v].width;
  }
  for (int k = 0; k < tr.n_legs; k++) {
    const int64_t n = components(c, k);
    tr.legs[k] = (leg){&tr.rows[operands[k][0]], &tr.rows[operands[k][1]], .n = n, .d = room, .room = room + n};
    tr.legs[k].single = n == 1 && c->inputs[ANCHOR].rank > 0;
    room += 2 * n;
  }
  return loss_in_range(t, &tr, plan, index);
}

static lp_x term(lp_tape *t, const lp_plan *plan, int64_t index) {
  int64_t size = 1;
  for (int v = 0; v < N_INPUTS; v++) size += width_of(&plan->c->inputs[v]);
  for (int k = 0; k < legs_of(plan->c); k++) size += 2 * components(plan->c, k);
  lp_x *room = calloc((size_t)size, sizeof *room);
  if (!room) {
    t->failed = true;
    return lp_x_constant(t, 0.0);
  }
  const lp_x loss = triplet_of(t, plan, index, room);
  free(room);
  return loss;
}

/* --- regimes of the case --- */

static uint64_t bit(int regime) { return UINT64_C(1) << regime; }
static uint64_t bit_if(bool entered, int regime) { return entered ? bit(regime) : 0; }

static uint64_t regime_of_power(double p) {
  if (isnan(p)) return bit(P_IS_NAN);
  if (isinf(p)) return bit(p > 0.0 ? P_IS_INF : P_IS_MINUS_INF);
  if (p == 0.0) return bit(P_IS_0);
  if (p == 1.0 || p == 2.0) return bit(p == 1.0 ? P_IS_1 : P_IS_2);
  return bit(p < 0.0 ? P_BELOW_0 : p < 1.0 ? P_BELOW_1 : P_ABOVE_1);
}

/* Is a row read by several terms? */
static bool is_shared(const lp_tensor *in, const lp_tensor *term_shape) {
  int64_t rows = 1;
  for (int k = 0; k + 1 < in->rank; k++) rows *= in->shape[k];
  return rows != term_shape->numel && in->numel > 0;
}

static uint64_t regimes_of(const lp_plan *plan) {
  const lp_tensor *in = plan->c->inputs;
  bool shared = false, unequal = false, empty = false;
  for (int v = 0; v < N_INPUTS; v++) {
    shared = shared || is_shared(&in[v], &plan->term);
    unequal = unequal || width_of(&in[v]) != width_of(&in[ANCHOR]);
  }
  for (int k = 0; k < legs_of(plan->c); k++) empty = empty || components(plan->c, k) == 0;
  return regime_of_power(plan->c->params[P]) | bit_if(unequal, UNEQUAL_WIDTHS) | bit_if(shared, BROADCAST) |
         bit_if(in[ANCHOR].rank == 1, UNBATCHED) | bit_if(in[ANCHOR].rank == 0, ZERO_D) |
         bit_if(plan->term.numel == 0, EMPTY_BATCH) | bit_if(empty, EMPTY_VECTOR);
}

const lp_exact_loss lp_exact_triplet_margin = {
    .name = "triplet_margin",
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .term = term,
    .nested = true,
    .weight = -1,
    .regimes_of = regimes_of,
};
