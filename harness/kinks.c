#include "harness/kinks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference/exact/budget.h"

enum {
  SIDES = 3,
  ALL_SIDES = 7,
  COMBINATIONS_MAX = 729, /* of sides, tried at one component: six kinks */
  TRIES_MAX = 200000,     /* of the search over several kinks: numbers compared */
  SWEEPS_MAX = 400,       /* of the descent over convex choices */
  DESCENTS_MAX = 81,      /* over combinations of the kinks that are not mixed */
  CORNERS_MAX = 16        /* of a polygon */
};

/* One effect of one kink on one component. */
typedef struct link {
  int kink;
  const lp_kink_effect *effect;
} link;

/* An element of a gradient that some open kink changes: links[first .. first + count). */
typedef struct component {
  int output;
  int64_t index;
  double got;
  int first, count;
  bool changes_class; /* on some side of some kink */
  bool vague;         /* what its number is on other sides is not known for sure: it contradicts nothing */
} component;

typedef struct problem {
  const lp_exact *exact;
  const lp_judging *how;
  unsigned outputs; /* that are asked about */
  bool *one_sided;  /* [n_kinks]: kinks that change classes, of which no mixture is made */
  link *links;
  int n_links;
  component *components;
  int n_components;
  int tries; /* left to the search */
} problem;

/* --- numbers under a choice --- */

static void init_number(lp_exact_number *n) {
  arb_init(&n->value);
  mag_init(&n->scale);
}

void lp_exact_number_clear(lp_exact_number *n) {
  arb_clear(&n->value);
  mag_clear(&n->scale);
}

static void start_number(lp_exact_number *n, const lp_exact_number *base) {
  n->class = base->class;
  n->terms = base->terms;
  arb_set(&n->value, &base->value);
  mag_set(&n->scale, &base->scale);
}

/* The class of a number of which one part changes its own. Where other parts are infinite or NaN too they may leave it
 * another one: such components are vague. */
static lp_class change_class(lp_class whole, lp_class from, lp_class to) {
  if (from == to) return whole;
  return from == LP_FINITE ? lp_exact_class_of_parts(whole, to) : to;
}

/* Adds the shares of one kink. */
static void add_effect(lp_exact_number *n, const lp_kink *kink, const lp_kink_effect *effect, const double *share) {
  arb_t part;
  arb_init(part);
  for (int side = 0; side < SIDES; side++) {
    if (share[side] == 0.0) continue;
    n->class = change_class(n->class, effect->class[kink->side + 1], effect -> class[side]);
    arb_set_d(part, share[side]);
    arb_addmul(&n->value, part, &effect->change[side], LP_EXACT_PRECISION_MAX);
    mag_add(&n->scale, &n->scale, &effect->scale[side]);
  }
  arb_clear(part);
}

void lp_kinks_apply(lp_exact_number *number, const lp_exact *exact, int output, int64_t index, const double *share) {
  init_number(number);
  start_number(number, &exact->outputs[output].numbers[index]);
  for (int k = 0; share && k < exact->n_kinks; k++) {
    for (int i = 0; i < exact->kinks[k].n_effects; i++) {
      const lp_kink_effect *effect = &exact->kinks[k].effects[i];
      if (effect->output == output && effect->index == index) {
        add_effect(number, &exact->kinks[k], effect, &share[SIDES * k]);
      }
    }
  }
}

/* A vague component fits for sure only by its own class. */
static lp_fit fit_of(const problem *p, const component *c, const lp_exact_number *number) {
  const lp_exact_output *out = &p->exact->outputs[c->output];
  lp_comparison r;
  lp_compare(&r, c->got, number, out->layout.dtype, p->how->flushes_subnormals);
  const bool sure = !c->vague || (r.fit == LP_FITS && number->class == out->numbers[c->index].class);
  return sure ? r.fit : LP_FITS_PERHAPS;
}

/* Does the component fit when every kink has these shares? */
static lp_fit fit_under(const problem *p, const component *c, const double *share) {
  lp_exact_number number;
  init_number(&number);
  start_number(&number, &p->exact->outputs[c->output].numbers[c->index]);
  for (int i = 0; i < c->count; i++) {
    const link *l = &p->links[c->first + i];
    add_effect(&number, &p->exact->kinks[l->kink], l->effect, &share[SIDES * l->kink]);
  }
  const lp_fit fit = fit_of(p, c, &number);
  lp_exact_number_clear(&number);
  return fit;
}

static lp_fit fit_of_all(const problem *p, const double *share) {
  lp_fit worst = LP_FITS;
  for (int i = 0; i < p->n_components && worst != LP_FITS_NOT; i++) {
    const lp_fit fit = fit_under(p, &p->components[i], share);
    if (fit != LP_FITS) worst = fit;
  }
  return worst;
}

/* --- the problem --- */

/* The sides that a profile allows at a kink, as bits. At a kink that is computed without rounding only one. Those of a
 * group are looked at one by one here, jointly in respects_groups. */
static unsigned allowed_sides(const lp_kink *kink, const lp_judging *how) {
  if (how->profile == LP_PROFILE_PYTORCH && kink->state == LP_KINK_AT) return 1u << (kink->side + 1);
  return ALL_SIDES;
}

static int by_element(const link *a, const link *b) {
  const lp_kink_effect *x = a->effect, *y = b->effect;
  if (x->output != y->output) return x->output < y->output ? -1 : 1;
  return x->index == y->index ? 0 : x->index < y->index ? -1 : 1;
}

static int by_place(const void *a, const void *b) {
  const link *x = a, *y = b;
  const int order = by_element(x, y);
  return order != 0 ? order : x->kink - y->kink;
}

static int count_effects(const lp_exact *exact) {
  int n = 0;
  for (int k = 0; k < exact->n_kinks; k++) n += exact->kinks[k].n_effects;
  return n;
}

static bool is_open(unsigned mask) { return (mask & (mask - 1)) != 0; }

static bool is_asked_about(const problem *p, const lp_kink_effect *e) {
  const bool claimed = p->exact->outputs[e->output].numbers[e->index].class != LP_ANY;
  return claimed && (p->outputs >> e->output & 1) != 0;
}

static void list_links(problem *p, const unsigned char *allowed) {
  for (int k = 0; k < p->exact->n_kinks; k++) {
    const lp_kink *kink = &p->exact->kinks[k];
    for (int i = 0; is_open(allowed[k]) && i < kink->n_effects; i++) {
      if (is_asked_about(p, &kink->effects[i])) p->links[p->n_links++] = (link){k, &kink->effects[i]};
    }
  }
  qsort(p->links, (size_t)p->n_links, sizeof *p->links, by_place);
}

static bool changes_class(const problem *p, const link *l) {
  const lp_class *class = l->effect->class, held = class[p->exact->kinks[l->kink].side + 1];
  return class[0] != held || class[1] != held || class[2] != held;
}

/* Is the number's class on other sides of a link that changes it unknown? A part that stops being infinite or NaN tells
 * only where it is the only part. */
static bool is_vague(const problem *p, const link *l) {
  const lp_exact_number *n = &p->exact->outputs[l->effect->output].numbers[l->effect->index];
  const lp_class own = l->effect->class[p->exact->kinks[l->kink].side + 1];
  return own != LP_FINITE && (n->terms != l->effect->terms || n->class != own);
}

/* Two links of one term that change classes: what they do together is not known. */
static void look_at_classes(problem *p, component *c) {
  int64_t term = -1;
  c->vague = p->exact->outputs[c->output].numbers[c->index].entangled;
  for (int i = c->first; i < c->first + c->count; i++) {
    const link *l = &p->links[i];
    if (!changes_class(p, l)) continue;
    c->vague = c->vague || is_vague(p, l) || p->exact->kinks[l->kink].term == term;
    c->changes_class = p->one_sided[l->kink] = true;
    term = p->exact->kinks[l->kink].term;
  }
}

/* Kinks change what is infinite or NaN only by its class: other components, with all their links, are left out. */
static void list_components(problem *p, const lp_outcome *candidate) {
  const int n = p->n_links;
  p->n_links = 0;
  for (int i = 0, next; i < n; i = next) {
    const lp_kink_effect *e = p->links[i].effect;
    const lp_output *out = lp_outcome_find(candidate, p->exact->outputs[e->output].input);
    component c = {e->output, e->index, out->tensor.f64[e->index], .first = p->n_links};
    for (next = i; next < n && by_element(&p->links[next], &p->links[i]) == 0; next++) c.count++;
    memmove(&p->links[c.first], &p->links[i], (size_t)c.count * sizeof *p->links);
    look_at_classes(p, &c);
    if (!c.changes_class && p->exact->outputs[c.output].numbers[c.index].class != LP_FINITE) continue;
    p->n_links += c.count;
    p->components[p->n_components++] = c;
  }
}

static void choose(double *share, int kink, int side) {
  for (int s = 0; s < SIDES; s++) share[SIDES * kink + s] = s == side ? 1.0 : 0.0;
}

/* The choice that the numbers hold. */
static void choose_held(double *share, const lp_exact *exact) {
  for (int k = 0; k < exact->n_kinks; k++) choose(share, k, exact->kinks[k].side + 1);
}

/* --- groups: sum |s|^dual <= 1 over the shares of their kinks' two sides --- */

/* A choice that another can do with less of is no reason to refuse it: both shares count, so that one side is taken. */
static double weight_of(const lp_kink *kink, const double *share) {
  return isinf(kink->dual) ? 0.0 : pow(share[0] + share[2], kink->dual);
}

/* Of the group that begins at kink `first`; the kinks of a group belong to one term and follow one another. */
static double weight_of_group(const lp_exact *exact, int first, const double *share) {
  double sum = 0.0;
  for (int k = first; k < exact->n_kinks && exact->kinks[k].group == exact->kinks[first].group; k++) {
    sum += weight_of(&exact->kinks[k], &share[SIDES * k]);
  }
  return sum;
}

static bool begins_group(const lp_exact *exact, int k) {
  return exact->kinks[k].group > 0 && (k == 0 || exact->kinks[k - 1].group != exact->kinks[k].group);
}

/* Shares of 0 and 1 only. */
static bool respects_groups(const lp_exact *exact, const double *share) {
  for (int k = 0; k < exact->n_kinks; k++) {
    if (begins_group(exact, k) && weight_of_group(exact, k, share) > 1.0) return false;
  }
  return true;
}

/* Draws shares in groups that have too much of them nearer to LP_AT. Was there any such group? */
static bool pull_in(const lp_exact *exact, double *share) {
  bool any = false;
  for (int first = 0; first < exact->n_kinks; first++) {
    const double weight = begins_group(exact, first) ? weight_of_group(exact, first, share) : 0.0;
    if (!(weight > 1.0)) continue;
    any = true;
    const double factor = pow(weight, -1.0 / exact->kinks[first].dual);
    for (int k = first; k < exact->n_kinks && exact->kinks[k].group == exact->kinks[first].group; k++) {
      double *s = &share[SIDES * k];
      s[0] *= factor;
      s[2] *= factor;
      s[1] = 1.0 - s[0] - s[2];
    }
  }
  return any;
}

/* --- one side per kink --- */

static int sides_in(unsigned mask) { return (int)((mask & 1) + (mask >> 1 & 1) + (mask >> 2 & 1)); }

static long combinations(const problem *p, const component *c, const unsigned char *allowed) {
  long n = 1;
  for (int i = 0; i < c->count && n <= COMBINATIONS_MAX; i++) n *= sides_in(allowed[p->links[c->first + i].kink]);
  return n;
}

/* Tries every combination of allowed sides at the links from `at` on; supported gathers the sides that can fit. */
static bool try_sides(problem *p, const component *c, const unsigned char *allowed, int at,
                      const lp_exact_number *so_far, unsigned char *supported) {
  if (at == c->count) {
    p->tries--;
    return fit_of(p, c, so_far) != LP_FITS_NOT;
  }
  const link *l = &p->links[c->first + at];
  bool any = false;
  for (int side = 0; side < SIDES; side++) {
    if (!(allowed[l->kink] >> side & 1)) continue;
    double share[SIDES] = {0};
    share[side] = 1.0;
    lp_exact_number number;
    init_number(&number);
    start_number(&number, so_far);
    add_effect(&number, &p->exact->kinks[l->kink], l->effect, share);
    if (try_sides(p, c, allowed, at + 1, &number, supported)) {
      supported[at] = (unsigned char)(supported[at] | 1u << side);
      any = true;
    }
    lp_exact_number_clear(&number);
  }
  return any;
}

typedef enum narrowing { UNCHANGED, NARROWED, IMPOSSIBLE } narrowing;

/* Leaves only sides that some combination at this component supports. */
static narrowing narrow_at(problem *p, const component *c, unsigned char *allowed) {
  unsigned char supported[COMBINATIONS_MAX] = {0};
  narrowing result = UNCHANGED;
  if (c->count > COMBINATIONS_MAX || combinations(p, c, allowed) > COMBINATIONS_MAX) return UNCHANGED;
  if (!try_sides(p, c, allowed, 0, &p->exact->outputs[c->output].numbers[c->index], supported)) return IMPOSSIBLE;
  for (int i = 0; i < c->count; i++) {
    unsigned char *mask = &allowed[p->links[c->first + i].kink];
    if (*mask == (*mask & supported[i])) continue;
    *mask = (unsigned char)(*mask & supported[i]);
    result = *mask ? NARROWED : IMPOSSIBLE;
  }
  return result;
}

/* The component that cannot be explained, or NULL. */
static const component *narrow(problem *p, unsigned char *allowed) {
  for (bool changed = true; changed && p->tries > 0;) {
    changed = false;
    for (int i = 0; i < p->n_components; i++) {
      const narrowing n = narrow_at(p, &p->components[i], allowed);
      if (n == IMPOSSIBLE) return &p->components[i];
      changed = changed || n == NARROWED;
    }
  }
  return NULL;
}

static int lowest_side(unsigned mask) { return mask & 1 ? 0 : mask & 2 ? 1 : 2; }

/* An open kink that has a link, or -1. */
static int open_kink(const problem *p, const unsigned char *allowed) {
  for (int i = 0; i < p->n_links; i++) {
    if (sides_in(allowed[p->links[i].kink]) > 1) return p->links[i].kink;
  }
  return -1;
}

static lp_fit search(problem *p, const unsigned char *before, double *share);

/* One side is left of every kink. */
static lp_fit conclude(problem *p, const unsigned char *allowed, double *share) {
  for (int k = 0; k < p->exact->n_kinks; k++) choose(share, k, lowest_side(allowed[k]));
  p->tries -= p->n_components;
  return respects_groups(p->exact, share) ? fit_of_all(p, share) : LP_FITS_NOT;
}

/* Each side of a kink in turn. room: as many as there are kinks. */
static lp_fit branch(problem *p, const unsigned char *before, unsigned char *room, int kink, double *share) {
  lp_fit best = LP_FITS_NOT;
  for (int side = 0; side < SIDES && best != LP_FITS; side++) {
    if (!(before[kink] >> side & 1)) continue;
    memcpy(room, before, (size_t)p->exact->n_kinks);
    room[kink] = (unsigned char)(1u << side);
    const lp_fit fit = narrow(p, room) ? LP_FITS_NOT : search(p, room, share);
    if (fit != LP_FITS_NOT) best = fit;
  }
  return best;
}

/* Depth-first over the sides of the open kinks, narrowing after each choice. */
static lp_fit search(problem *p, const unsigned char *before, double *share) {
  if (p->tries <= 0) return LP_FITS_PERHAPS;
  const int kink = open_kink(p, before);
  if (kink < 0) return conclude(p, before, share);
  unsigned char *room = calloc((size_t)p->exact->n_kinks, 1);
  if (!room) return LP_FITS_PERHAPS;
  const lp_fit best = branch(p, before, room, kink, share);
  free(room);
  return best;
}

static void blame(lp_kink_answer *answer, const component *c) {
  answer->fit = LP_FITS_NOT;
  answer->output = c->output;
  answer->index = c->index;
}

static void solve_sides(problem *p, unsigned char *allowed, lp_kink_answer *answer) {
  p->tries = TRIES_MAX;
  const component *stuck = narrow(p, allowed);
  if (stuck) {
    blame(answer, stuck);
  } else {
    answer->fit = search(p, allowed, answer->share);
  }
}

/* --- any mixture of sides --- */

/* A link in units of the component's budget: what each side adds. */
typedef struct slope {
  double of[SIDES];
} slope;

/* Mixtures of a kink: shares of the sides below and above; the rest is LP_AT's. */
typedef struct point {
  double below, above;
} point;

typedef struct polygon {
  point corners[CORNERS_MAX];
  int n;
} polygon;

typedef struct mixture {
  const problem *p;
  slope *slopes;     /* of every link */
  double *targets;   /* of every component, in units of its budget: what the kinks have to explain */
  double *residuals; /* what is left of it */
  double *slacks;    /* of every component, how far beyond +-1 the residual may be for all that is known here */
  polygon *of_kink;
  int *component_of; /* of every link */
  int *by_kink;      /* links in the order of their kinks: by_kink[start[k] .. start[k + 1]) are those of kink k */
  int *start;
} mixture;

static double over(const arb_t x, const mag_t budget) {
  arb_t q, b;
  arb_init(q);
  arb_init(b);
  arf_set_mag(arb_midref(b), budget);
  arb_div(q, x, b, 64);
  const double result = arf_get_d(arb_midref(q), ARF_RND_NEAR);
  arb_clear(q);
  arb_clear(b);
  return result;
}

/* The rounding here, a few units in the last place of what is added up, and the radius. */
static double slack_of(const arb_t x, const mag_t budget, double quotient) {
  mag_t r;
  mag_init(r);
  mag_div(r, arb_radref(x), budget);
  const double radius = mag_get_d(r);
  mag_clear(r);
  return radius + 32.0 * lp_dtype_unit_roundoff(LP_FLOAT64) * fabs(quotient);
}

/* The scale when every side may take part. */
static void widest_scale(mag_t scale, const problem *p, const component *c) {
  mag_set(scale, &p->exact->outputs[c->output].numbers[c->index].scale);
  for (int i = 0; i < c->count; i++) {
    for (int side = 0; side < SIDES; side++) mag_add(scale, scale, &p->links[c->first + i].effect->scale[side]);
  }
}

static void widest_budget(mag_t budget, const problem *p, const component *c) {
  const lp_exact_output *out = &p->exact->outputs[c->output];
  mag_t scale, absolute;
  mag_init(scale);
  mag_init(absolute);
  widest_scale(scale, p, c);
  lp_budget_relative(budget, out->layout.dtype, scale, out->numbers[c->index].terms);
  mag_set_d(absolute, lp_budget_absolute(out->layout.dtype, p->how->flushes_subnormals));
  mag_add(budget, budget, absolute);
  mag_clear(scale);
  mag_clear(absolute);
}

/* An infinite number is no equation, nor is one whose class kinks change: what must be true of it is left to
 * can_overflow, can_have_class and the last comparison. */
static bool is_equation(const component *c) { return isfinite(c->got) && !c->changes_class; }

static void set_up_component(mixture *m, int i) {
  const problem *p = m->p;
  const component *c = &p->components[i];
  m->targets[i] = 0.0;
  m->slacks[i] = 1.0;
  if (!is_equation(c)) return;
  mag_t budget;
  arb_t rest;
  mag_init(budget);
  arb_init(rest);
  widest_budget(budget, p, c);
  arb_set_d(rest, c->got);
  arb_sub(rest, rest, &p->exact->outputs[c->output].numbers[c->index].value, LP_EXACT_PRECISION_MAX);
  m->targets[i] = over(rest, budget);
  m->slacks[i] = 1.0 + slack_of(rest, budget, m->targets[i]);
  for (int k = c->first; k < c->first + c->count; k++) {
    for (int side = 0; side < SIDES; side++) {
      const arb_struct *change = &p->links[k].effect->change[side];
      m->slopes[k].of[side] = over(change, budget);
      m->slacks[i] += slack_of(change, budget, m->slopes[k].of[side]);
    }
  }
  mag_clear(budget);
  arb_clear(rest);
}

static double least_of(const slope *s) { return fmin(s->of[0], fmin(s->of[1], s->of[2])); }
static double most_of(const slope *s) { return fmax(s->of[0], fmax(s->of[1], s->of[2])); }

/* The number that is furthest towards an infinity, with the scale of all sides: does it fit? */
static bool can_overflow(const problem *p, const component *c) {
  lp_exact_number number;
  arb_t furthest;
  init_number(&number);
  arb_init(furthest);
  start_number(&number, &p->exact->outputs[c->output].numbers[c->index]);
  for (int i = 0; i < c->count; i++) {
    const arb_struct *change = p->links[c->first + i].effect->change;
    arb_set(furthest, &change[0]);
    for (int side = 1; side < SIDES; side++) {
      if (c->got > 0.0) {
        arb_max(furthest, furthest, &change[side], LP_EXACT_PRECISION_MAX);
      } else {
        arb_min(furthest, furthest, &change[side], LP_EXACT_PRECISION_MAX);
      }
    }
    arb_add(&number.value, &number.value, furthest, LP_EXACT_PRECISION_MAX);
  }
  widest_scale(&number.scale, p, c);
  const bool can = fit_of(p, c, &number) != LP_FITS_NOT;
  arb_clear(furthest);
  lp_exact_number_clear(&number);
  return can;
}

/* Does some choice of sides from link `at` on give the class of what was got? A finite number may overflow. */
static bool can_have_class(const problem *p, const component *c, int at, lp_class class) {
  const lp_class got = lp_classify(c->got);
  if (class == got || class == LP_ANY || (class == LP_FINITE && got != LP_NAN)) return true;
  for (int i = at; i < c->count; i++) {
    const link *l = &p->links[c->first + i];
    const lp_class held = l->effect->class[p->exact->kinks[l->kink].side + 1];
    for (int side = 0; side < SIDES && changes_class(p, l); side++) {
      const lp_class other = change_class(class, held, l->effect->class[side]);
      if (other != class && can_have_class(p, c, i + 1, other)) return true;
    }
  }
  return false;
}

/* Can no mixture explain this component even alone? */
static bool outside_hull(const mixture *m, int i) {
  const component *c = &m->p->components[i];
  if (c->vague) return false;
  if (c->changes_class) {
    return !can_have_class(m->p, c, 0, m->p->exact->outputs[c->output].numbers[c->index].class);
  }
  if (isinf(c->got)) return !can_overflow(m->p, c);
  double low = -m->slacks[i], high = m->slacks[i];
  for (int k = c->first; k < c->first + c->count; k++) {
    low += least_of(&m->slopes[k]);
    high += most_of(&m->slopes[k]);
  }
  return m->targets[i] < low || m->targets[i] > high;
}

/* --- a kink alone at several components: a triangle of mixtures, cut by two half planes for each --- */

/* Keeps where a * below + b * above <= c; everything when there is no room for another corner. */
static void cut(polygon *g, double a, double b, double c) {
  polygon kept = {.n = 0};
  for (int i = 0; i < g->n; i++) {
    const point p = g->corners[i], q = g->corners[(i + 1) % g->n];
    const double at_p = a * p.below + b * p.above - c, at_q = a * q.below + b * q.above - c;
    if (kept.n + 2 > CORNERS_MAX) return;
    if (at_p <= 0.0) kept.corners[kept.n++] = p;
    if ((at_p <= 0.0) != (at_q <= 0.0)) {
      const double f = at_p / (at_p - at_q);
      kept.corners[kept.n++] = (point){p.below + f * (q.below - p.below), p.above + f * (q.above - p.above)};
    }
  }
  *g = kept;
}

/* |residual - (below s0 + above s2 + (1 - below - above) s1)| <= slack */
static void cut_by(polygon *g, const slope *s, double residual, double slack) {
  const double a = s->of[0] - s->of[1], b = s->of[2] - s->of[1], rest = residual - s->of[1];
  cut(g, a, b, rest + slack);
  cut(g, -a, -b, -rest + slack);
}

/* A component of which no mixture of its only kink explains it together with that kink's other components; -1: none. */
static int contradiction(const mixture *m) {
  for (int k = 0; k < m->p->exact->n_kinks; k++) m->of_kink[k] = (polygon){{{0, 0}, {1, 0}, {0, 1}}, 3};
  for (int i = 0; i < m->p->n_components; i++) {
    const component *c = &m->p->components[i];
    if (c->count != 1 || c->vague) continue;
    polygon *g = &m->of_kink[m->p->links[c->first].kink];
    cut_by(g, &m->slopes[c->first], m->targets[i], m->slacks[i]);
    if (g->n == 0) return i;
  }
  return -1;
}

/* The least share away from LP_AT that the kink's own components leave it. */
static double least_share(const polygon *g) {
  double least = 1.0;
  for (int i = 0; i < g->n; i++) least = fmin(least, g->corners[i].below + g->corners[i].above);
  return fmax(least, 0.0);
}

/* Does some group need more than it has, even with the least share at every kink? */
static bool group_is_overdrawn(const mixture *m) {
  const lp_exact *exact = m->p->exact;
  for (int first = 0; first < exact->n_kinks; first++) {
    double sum = 0.0;
    if (!begins_group(exact, first)) continue;
    for (int k = first; k < exact->n_kinks && exact->kinks[k].group == exact->kinks[first].group; k++) {
      sum += weight_of(&exact->kinks[k], (double[]){least_share(&m->of_kink[k]), 0.0, 0.0});
    }
    if (sum > 1.0 + ldexp(1.0, -40)) return true;
  }
  return false;
}

/* --- descent: least squares over all mixtures, one kink and one corner of its triangle at a time --- */

/* What moving towards a corner changes at a link. */
static double towards(const mixture *m, int k, const double *share, int side) {
  const slope *s = &m->slopes[k];
  const double *now = &share[SIDES * m->p->links[k].kink];
  return s->of[side] - (now[0] * s->of[0] + now[1] * s->of[1] + now[2] * s->of[2]);
}

/* The best length of a step towards a corner, in 0..1. */
static double length_of_step(const mixture *m, int kink, const double *share, int side) {
  double along = 0.0, across = 0.0;
  for (int at = m->start[kink]; at < m->start[kink + 1]; at++) {
    const int k = m->by_kink[at];
    const double d = towards(m, k, share, side);
    along += d * m->residuals[m->component_of[k]];
    across += d * d;
  }
  return across > 0.0 ? fmin(1.0, fmax(0.0, along / across)) : 0.0;
}

/* How far a kink can go away from LP_AT in a simplex before pull_in would take from its other members. */
static double room_for_step(const lp_exact *exact, int kink, const double *share, int side) {
  const lp_kink *k = &exact->kinks[kink];
  const double own = share[SIDES * kink] + share[SIDES * kink + 2];
  int first = kink;
  if (k->group == 0 || k->dual != 1.0 || side == 1 || own >= 1.0) return 1.0;
  while (!begins_group(exact, first)) first--;
  return fmax(0.0, 1.0 - weight_of_group(exact, first, share)) / (1.0 - own);
}

static void move(mixture *m, int kink, double *share, int side) {
  const double room = room_for_step(m->p->exact, kink, share, side);
  const double length = fmin(room, length_of_step(m, kink, share, side));
  if (length == 0.0) return;
  for (int at = m->start[kink]; at < m->start[kink + 1]; at++) {
    const int k = m->by_kink[at];
    m->residuals[m->component_of[k]] -= length * towards(m, k, share, side);
  }
  for (int i = 0; i < SIDES; i++) {
    share[SIDES * kink + i] = (1.0 - length) * share[SIDES * kink + i] + (i == side ? length : 0.0);
  }
}

static bool all_explained(const mixture *m) {
  for (int i = 0; i < m->p->n_components; i++) {
    if (!(fabs(m->residuals[i]) <= 0.5)) return false;
  }
  return true;
}

static void settle_residuals(mixture *m, const double *share) {
  for (int i = 0; i < m->p->n_components; i++) {
    const component *c = &m->p->components[i];
    m->residuals[i] = m->targets[i];
    for (int k = c->first; k < c->first + c->count; k++) {
      const double *s = &share[SIDES * m->p->links[k].kink], *of = m->slopes[k].of;
      m->residuals[i] -= s[0] * of[0] + s[1] * of[1] + s[2] * of[2];
    }
  }
}

/* Kinks whose sides may be mixed: all, or under profile pytorch only those of groups. */
static bool mixes(const problem *p, int kink) {
  if (p->one_sided[kink]) return false;
  return p->how->profile == LP_PROFILE_MATH || p->exact->kinks[kink].group > 0;
}

/* Begins with the given choice. Every sweep ends within the groups. */
static bool descend(mixture *m, double *share) {
  settle_residuals(m, share);
  for (int sweep = 0; sweep < SWEEPS_MAX && !all_explained(m); sweep++) {
    for (int k = 0; k < m->p->exact->n_kinks; k++) {
      for (int side = 0; side < SIDES && mixes(m->p, k); side++) move(m, k, share, side);
    }
    if (pull_in(m->p->exact, share)) settle_residuals(m, share);
  }
  return fit_of_all(m->p, share) == LP_FITS;
}

/* The most that one kink adds to the weighted sum of the components. */
static double most_along(const mixture *m, int kink) {
  slope sum = {{0.0, 0.0, 0.0}};
  for (int at = m->start[kink]; at < m->start[kink + 1]; at++) {
    const int k = m->by_kink[at];
    for (int side = 0; side < SIDES; side++) sum.of[side] += m->residuals[m->component_of[k]] * m->slopes[k].of[side];
  }
  return most_of(&sum);
}

/* A proof by one weighted sum of the components, beyond the reach of all mixtures (Farkas). The weights are what
 * descent could not explain, the normal of a plane between the target and what can be reached, if there is one; any
 * weights would be right. */
static bool is_separated(const mixture *m) {
  double target = 0.0, reached = 0.0;
  for (int i = 0; i < m->p->n_components; i++) {
    if (m->p->components[i].vague) m->residuals[i] = 0.0;
    target += m->residuals[i] * m->targets[i];
    reached += fabs(m->residuals[i]) * m->slacks[i];
  }
  for (int k = 0; k < m->p->exact->n_kinks; k++) reached += most_along(m, k);
  return target > reached;
}

/* --- where descent begins --- */

/* Does rounding decide among switches that share, so that any number of them may tie? */
static bool has_open_group(const problem *p) {
  for (int i = 0; i < p->n_links; i++) {
    if (p->exact->kinks[p->links[i].kink].group > 0) return true;
  }
  return false;
}

/* Moves a part of a kink from the side that the numbers hold to another one. */
static void lend(const problem *p, double *share, int kink, int side, double part) {
  const int held = p->exact->kinks[kink].side + 1;
  choose(share, kink, held);
  if (side == held) return;
  share[SIDES * kink + side] = part;
  share[SIDES * kink + held] = 1.0 - part;
}

static void hold_mixed(const problem *p, double *share) {
  for (int k = 0; k < p->exact->n_kinks; k++) {
    if (mixes(p, k)) lend(p, share, k, p->exact->kinks[k].side + 1, 1.0);
  }
}

/* What a component that only this link changes says of its kink. */
static void read_off_link(const mixture *m, double *share, int l) {
  const int kink = m->p->links[l].kink;
  const double target = m->targets[m->component_of[l]];
  for (int side = 0; side < SIDES; side++) {
    const double part = target / m->slopes[l].of[side];
    if (part > 0.0 && isfinite(part)) lend(m->p, share, kink, side, fmin(part, 1.0));
  }
}

/* Reads the mixtures off the components that are one kink's own, as rows of a batch have them. */
static void read_off_mixed(const mixture *m, double *share) {
  hold_mixed(m->p, share);
  for (int l = 0; l < m->p->n_links; l++) {
    const component *c = &m->p->components[m->component_of[l]];
    if (c->count == 1 && is_equation(c) && mixes(m->p, m->p->links[l].kink)) read_off_link(m, share, l);
  }
  pull_in(m->p->exact, share);
}

/* PyTorch's choice for members of a group that tie after rounding: equal parts, of which the numbers' own choice has
 * `rest` too, where no kink stands for it. */
static void split_evenly(const problem *p, double *share, int rest) {
  const lp_exact *exact = p->exact;
  hold_mixed(p, share);
  for (int first = 0; first < exact->n_kinks; first++) {
    int members = 0;
    if (!begins_group(exact, first)) continue;
    while (first + members < exact->n_kinks && exact->kinks[first + members].group == exact->kinks[first].group) {
      members++;
    }
    for (int k = first; k < first + members; k++) {
      if (mixes(p, k)) lend(p, share, k, LP_ABOVE + 1, 1.0 / (members + rest));
    }
  }
}

/* The next kink, from this one on, that must take one of its sides; n_kinks: none. */
static int next_alone(const mixture *m, int kink) {
  while (kink < m->p->exact->n_kinks && (mixes(m->p, kink) || m->start[kink] == m->start[kink + 1])) kink++;
  return kink;
}

/* The numbers' own choice comes last: the residuals that it leaves separate best what cannot be reached. */
static bool descend_from_each(mixture *m, double *share) {
  read_off_mixed(m, share);
  if (descend(m, share)) return true;
  for (int rest = 0; rest < 2 && has_open_group(m->p); rest++) {
    split_evenly(m->p, share, rest);
    if (descend(m, share)) return true;
  }
  hold_mixed(m->p, share);
  return descend(m, share);
}

/* Every combination of sides of the kinks that are chosen alone, as far as `descents` last; mixtures of the others. */
static bool descend_everywhere(mixture *m, int from, int *descents, double *share) {
  const int kink = next_alone(m, from);
  if (kink == m->p->exact->n_kinks) return (*descents)-- > 0 && descend_from_each(m, share);
  for (int side = 0; side<SIDES && * descents> 0; side++) {
    choose(share, kink, side);
    if (descend_everywhere(m, kink + 1, descents, share)) return true;
  }
  return false;
}

/* --- */

static void index_links(mixture *m) {
  const problem *p = m->p;
  for (int i = 0; i < p->n_components; i++) {
    for (int k = 0; k < p->components[i].count; k++) m->component_of[p->components[i].first + k] = i;
  }
  for (int k = 0; k < p->n_links; k++) m->start[p->links[k].kink + 2]++;
  for (int k = 2; k < p->exact->n_kinks + 2; k++) m->start[k] += m->start[k - 1];
  for (int k = 0; k < p->n_links; k++) m->by_kink[m->start[p->links[k].kink + 1]++] = k;
}

/* A proof that no mixture will do, or LP_FITS_PERHAPS. */
static void refute(mixture *m, lp_kink_answer *answer) {
  const problem *p = m->p;
  answer->fit = LP_FITS_PERHAPS;
  for (int i = 0; i < p->n_components; i++) {
    set_up_component(m, i);
    if (outside_hull(m, i)) {
      blame(answer, &p->components[i]);
      return;
    }
  }
  const int stuck = contradiction(m);
  if (stuck >= 0) {
    blame(answer, &p->components[stuck]);
  } else if (group_is_overdrawn(m)) {
    answer->fit = LP_FITS_NOT;
  }
}

static void mix(mixture *m, lp_kink_answer *answer) {
  index_links(m);
  refute(m, answer);
  if (answer->fit == LP_FITS_NOT) return;
  int descents = DESCENTS_MAX;
  if (descend_everywhere(m, 0, &descents, answer->share)) {
    answer->fit = LP_FITS;
  } else if (is_separated(m)) {
    answer->fit = LP_FITS_NOT;
  }
}

static lp_status solve_mixture(const problem *p, lp_kink_answer *answer, lp_error *error) {
  const size_t links = (size_t)p->n_links + 1, components = (size_t)p->n_components + 1;
  const size_t kinks = (size_t)p->exact->n_kinks + 2;
  mixture m = {.p = p,
               .slopes = calloc(links, sizeof(slope)),
               .targets = calloc(components, sizeof(double)),
               .residuals = calloc(components, sizeof(double)),
               .slacks = calloc(components, sizeof(double)),
               .of_kink = calloc(kinks, sizeof(polygon)),
               .component_of = calloc(links, sizeof(int)),
               .by_kink = calloc(links, sizeof(int)),
               .start = calloc(kinks, sizeof(int))};
  const bool ok =
      m.slopes && m.targets && m.residuals && m.slacks && m.of_kink && m.component_of && m.by_kink && m.start;
  if (ok) mix(&m, answer);
  free(m.slopes);
  free(m.targets);
  free(m.residuals);
  free(m.slacks);
  free(m.of_kink);
  free(m.component_of);
  free(m.by_kink);
  free(m.start);
  return ok ? LP_OK : lp_fail(error, LP_NO_MEMORY, "out of memory for the kinks of a case");
}

/* Beside a norm's zero rounding gives any direction, and members that tie after rounding share evenly: where no one
 * side of each explains the gradient and groups are open, mixtures of these are tried. */
static lp_status solve_rounded(problem *p, unsigned char *allowed, lp_kink_answer *answer, lp_error *error) {
  solve_sides(p, allowed, answer);
  if (answer->fit == LP_FITS || !has_open_group(p)) return LP_OK;
  choose_held(answer->share, p->exact);
  answer->output = -1;
  return solve_mixture(p, answer, error);
}

/* A component that is NaN, which no choice is, or NULL. */
static const component *find_nan(const problem *p) {
  for (int i = 0; i < p->n_components; i++) {
    const component *c = &p->components[i];
    if (isnan(c->got) && !c->changes_class && !c->vague) return c;
  }
  return NULL;
}

static lp_status solve(problem *p, unsigned char *allowed, const lp_outcome *candidate, lp_kink_answer *answer,
                       lp_error *error) {
  for (int k = 0; k < p->exact->n_kinks; k++) allowed[k] = (unsigned char)allowed_sides(&p->exact->kinks[k], p->how);
  choose_held(answer->share, p->exact);
  list_links(p, allowed);
  list_components(p, candidate);
  answer->fit = fit_of_all(p, answer->share);
  if (answer->fit == LP_FITS || p->n_links == 0) return LP_OK;
  const component *nan = find_nan(p);
  if (nan) {
    blame(answer, nan);
    return LP_OK;
  }
  if (p->how->profile == LP_PROFILE_MATH) return solve_mixture(p, answer, error);
  return solve_rounded(p, allowed, answer, error);
}

lp_status lp_kinks_solve(lp_kink_answer *answer, const lp_outcome *candidate, const lp_exact *exact,
                         const lp_judging *how, lp_error *error) {
  return lp_kinks_solve_some(answer, candidate, exact, how, ~0u, error);
}

lp_status lp_kinks_solve_some(lp_kink_answer *answer, const lp_outcome *candidate, const lp_exact *exact,
                              const lp_judging *how, unsigned outputs, lp_error *error) {
  const size_t n = (size_t)count_effects(exact) + 1;
  link *const links = calloc(n, sizeof *links);
  component *const components = calloc(n, sizeof *components);
  bool *const one_sided = calloc((size_t)exact->n_kinks + 1, sizeof *one_sided);
  problem p = {
      .exact = exact, .how = how, .outputs = outputs, .one_sided = one_sided, .links = links, .components = components};
  unsigned char *allowed = calloc((size_t)exact->n_kinks + 1, 1);
  *answer = (lp_kink_answer){.fit = LP_FITS_PERHAPS, .output = -1};
  answer->share = calloc((size_t)exact->n_kinks + 1, SIDES * sizeof(double));
  lp_status status = lp_fail(error, LP_NO_MEMORY, "out of memory for the kinks of a case");
  if (links && components && one_sided && allowed && answer->share) {
    status = solve(&p, allowed, candidate, answer, error);
  }
  free(links);
  free(components);
  free(one_sided);
  free(allowed);
  return status;
}
