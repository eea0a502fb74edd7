#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference/exact/budget.h"
#include "reference/exact/tape_internal.h"

lp_class lp_classify(double x) {
  if (isnan(x)) return LP_NAN;
  return isinf(x) ? (x > 0 ? LP_PLUS_INFINITY : LP_MINUS_INFINITY) : LP_FINITE;
}

const char *lp_class_name(lp_class class) {
  static const char *const names[] = {"a finite number", "+infinity",      "-infinity", "NaN",
                                      "anything",        "infinity or NaN"};
  return names[class];
}

/* --- memory --- */

void lp_tape_init(lp_tape *t, const lp_case *c, lp_dtype dtype) {
  *t = (lp_tape){.c = c, .dtype = dtype, .precision = 128, .override = -1};
  void *nodes = NULL;
  if (lp_tape_grow(t, &nodes, &t->capacity, 1, sizeof(lp_node))) t->nodes = nodes;
  lp_tape_restart(t);
}

void lp_tape_clear(lp_tape *t) {
  for (int i = 0; i < t->max_count; i++) {
    arb_clear(&t->nodes[i].value);
    mag_clear(&t->nodes[i].inherited);
    mag_clear(&t->nodes[i].reach);
  }
  free(t->nodes);
  free(t->links);
  free(t->operands);
  free(t->switches);
  *t = (lp_tape){0};
}

void lp_tape_restart(lp_tape *t) {
  t->count = t->n_links = t->n_operands = t->n_switches = t->n_groups = 0;
  t->undecided = t->float64_range = t->next_is_gate = t->shut = t->lost = t->value_lost = false;
  t->signature = UINT64_C(0xcbf29ce484222325);
  t->entered = 0;
  t->near = 0;
}

bool lp_tape_grow(lp_tape *t, void **items, int *capacity, int wanted, size_t size) {
  if (wanted <= *capacity) return true;
  const int larger = wanted < 64 ? 64 : wanted > INT_MAX / 2 ? INT_MAX : 2 * wanted;
  void *grown = realloc(*items, (size_t)larger * size);
  if (!grown) {
    t->failed = true;
    return false;
  }
  *items = grown;
  *capacity = larger;
  return true;
}

/* When memory is out the last number is given away again: meaningless, but safe to refer to. */
lp_node *lp_tape_new(lp_tape *t, lp_op op, int a, int b) {
  void *nodes = t->nodes;
  if (lp_tape_grow(t, &nodes, &t->capacity, t->count + 1, sizeof(lp_node))) {
    t->nodes = nodes;
    t->count++;
  }
  lp_node *n = &t->nodes[t->count - 1];
  if (t->count > t->max_count) {
    arb_init(&n->value);
    mag_init(&n->inherited);
    mag_init(&n->reach);
    t->max_count = t->count;
  }
  n->terms = 1;
  n->class = LP_FINITE;
  n->op = op;
  n->sharp = true;
  n->needs = false;
  n->a = a;
  n->b = b;
  n->links = n->adjoint = -1;
  return n;
}

/* --- leaves --- */

static const lp_range ranges[LP_DTYPE_COUNT] = {
    [LP_FLOAT64] = {53, -1074, 1024},
    [LP_FLOAT32] = {24, -149, 128},
    [LP_FLOAT16] = {11, -24, 16},
    [LP_BFLOAT16] = {8, -133, 128},
};

const lp_range *lp_range_of(lp_dtype dtype) { return &ranges[dtype]; }

bool lp_is_representable(const arb_t value, lp_dtype dtype) {
  const arf_struct *x = arb_midref(value);
  if (!arb_is_exact(value)) return false;
  if (arf_is_zero(x)) return true;
  const lp_range *r = &ranges[dtype];
  const slong bits = arf_bits(x);
  if (bits > r->places) return false;
  return arf_cmpabs_2exp_si(x, r->largest) < 0 && fmpz_cmp_si(ARF_EXPREF(x), r->lowest + bits) >= 0;
}

/* A leaf is exact; when the dtype lacks it, it counts as rounded. */
static void settle_leaf(const lp_tape *t, lp_node *n) {
  mag_zero(&n->inherited);
  mag_zero(&n->reach);
  n->sharp = n->class != LP_FINITE || lp_is_representable(&n->value, t->dtype);
  if (!n->sharp) arb_get_mag(&n->reach, &n->value);
}

/* A tape begins with a leaf, for which lp_tape_init has made room: there is a node for later ones to fall back on. */
static lp_node *new_leaf(lp_tape *t, lp_op op) { return lp_tape_new(t, op, -1, -1); }

/* Ranks of infinities: parameters 0, 1 ..., elements and upstream gradients apart from them and from each other. */
enum { RANKS_OF_PARAMETERS = LP_MAX_PARAMS, RANKS_OF_AN_INDEX = LP_MAX_INPUTS + 1, UPSTREAM_RANK = LP_MAX_INPUTS };

static int64_t rank_of(int64_t index, int of) { return RANKS_OF_PARAMETERS + RANKS_OF_AN_INDEX * index + of; }

static slong stand_in_for(const lp_tape *t, int64_t rank) {
  return t->stand_in + t->stand_in_step * (slong)(t->stand_in_ranks > 0 ? rank % t->stand_in_ranks : rank);
}

/* rank: which stand-in an infinity gets. */
static void set_double(const lp_tape *t, lp_node *n, double x, int64_t rank) {
  n->class = lp_classify(x);
  if (n->class == LP_FINITE) {
    arb_set_d(&n->value, x);
  } else if (n->class != LP_NAN && t->stand_in != 0) {
    n->class = LP_FINITE;
    arb_set_si(&n->value, x > 0 ? 1 : -1);
    arb_mul_2exp_si(&n->value, &n->value, stand_in_for(t, rank));
  } else {
    arb_zero(&n->value);
  }
}

lp_x lp_x_element(lp_tape *t, int input, int64_t index) {
  const lp_tensor *in = &t->c->inputs[input];
  lp_node *n = new_leaf(t, LP_OP_ELEMENT);
  if (in->i64) {
    arb_set_si(&n->value, in->i64[index]);
  } else {
    set_double(t, n, in->f64[index], rank_of(index, input));
  }
  if (t->shift && t->shift->of[input]) arb_add(&n->value, &n->value, &t->shift->of[input][index], ARF_PREC_EXACT);
  n->input = input;
  n->index = index;
  n->needs = true;
  settle_leaf(t, n);
  return lp_tape_last(t);
}

lp_x lp_x_constant(lp_tape *t, double value) {
  lp_node *n = new_leaf(t, LP_OP_NUMBER);
  n->class = lp_classify(value);
  if (n->class == LP_FINITE) {
    arb_set_d(&n->value, value);
  } else {
    arb_zero(&n->value);
  }
  mag_zero(&n->inherited);
  mag_zero(&n->reach);
  return lp_tape_last(t);
}

lp_x lp_x_upstream(lp_tape *t, double value, int64_t rank) {
  lp_node *n = new_leaf(t, LP_OP_NUMBER);
  set_double(t, n, value, rank_of(rank, UPSTREAM_RANK));
  mag_zero(&n->inherited);
  mag_zero(&n->reach);
  return lp_tape_last(t);
}

lp_x lp_x_parameter(lp_tape *t, int param) {
  lp_node *n = new_leaf(t, LP_OP_NUMBER);
  set_double(t, n, t->c->params[param], param);
  settle_leaf(t, n);
  return lp_tape_last(t);
}

lp_x lp_x_number(lp_tape *t, const arb_t value, lp_class class, const mag_t reach, int64_t terms) {
  lp_node *n = new_leaf(t, LP_OP_NUMBER);
  n->class = class;
  if (class == LP_FINITE) {
    arb_set(&n->value, value);
  } else {
    arb_zero(&n->value);
  }
  mag_set(&n->inherited, reach);
  mag_set(&n->reach, reach);
  n->sharp = mag_is_zero(reach);
  n->terms = terms;
  return lp_tape_last(t);
}

lp_x lp_x_sharpen(lp_tape *t, lp_x a) {
  lp_tape_at(t, a)->sharp = true;
  return a;
}

lp_x lp_x_unrounded(lp_tape *t, lp_x a) {
  lp_node *n = lp_tape_at(t, a);
  mag_set(&n->reach, &n->inherited);
  return a;
}

/* --- decisions --- */

lp_side lp_x_sign(lp_tape *t, lp_x s) {
  const lp_node *n = lp_tape_at(t, s);
  t->lost = t->lost || n->class == LP_NOT_FINITE || (n->class != LP_FINITE && lp_x_is_boundless(t, s));
  if (n->class == LP_NAN || n->class == LP_NOT_FINITE) return LP_UNORDERED;
  if (n->class != LP_FINITE) return n->class == LP_PLUS_INFINITY ? LP_ABOVE : LP_BELOW;
  if (arb_is_positive(&n->value)) return LP_ABOVE;
  if (arb_is_negative(&n->value)) return LP_BELOW;
  if (!arb_is_zero(&n->value)) t->undecided = true;
  return LP_AT;
}

bool lp_tape_within_rounding(lp_tape *t, const lp_node *n) {
  if (n->sharp) return false;
  mag_t size, allowed;
  mag_init(size);
  mag_init(allowed);
  arb_get_mag_lower(size, &n->value);
  lp_budget_relative(allowed, t->dtype, &n->reach, n->terms);
  const bool within = mag_cmp(size, allowed) <= 0;
  mag_clear(size);
  mag_clear(allowed);
  t->near += within;
  return within;
}

static lp_side pass(lp_tape *t, lp_side side) {
  if (t->next_is_gate && t->open_gates && side == LP_BELOW) side = LP_ABOVE;
  if (t->next_is_gate) t->shut = side == LP_BELOW;
  t->next_is_gate = false;
  t->signature = (t->signature ^ (uint64_t)(side + 2)) * UINT64_C(0x100000001b3);
  return side;
}

static lp_side meet_switch(lp_tape *t, lp_switch met) {
  void *switches = t->switches;
  met.gate = t->next_is_gate;
  if (!lp_tape_grow(t, &switches, &t->switch_capacity, t->n_switches + 1, sizeof(lp_switch))) return met.side;
  t->switches = switches;
  t->switches[t->n_switches] = met;
  return pass(t, t->n_switches++ == t->override ? t->override_side : met.side);
}

static lp_side meet(lp_tape *t, lp_kink_state state, lp_side side) {
  return meet_switch(t, (lp_switch){.state = state, .side = side});
}

static lp_side side_of(lp_tape *t, lp_x s, lp_side sign, bool decided) {
  const lp_node *n = lp_tape_at(t, s);
  if (n->class != LP_FINITE) return pass(t, sign);
  if (!decided) {
    t->undecided = true;
    t->near++;
    return meet(t, LP_KINK_UNDECIDED, LP_AT);
  }
  const bool within = lp_tape_within_rounding(t, n);
  if (sign == LP_AT) return meet(t, within ? LP_KINK_BLURRED : LP_KINK_AT, sign);
  return within ? meet(t, LP_KINK_NEAR, sign) : pass(t, sign);
}

lp_side lp_x_side(lp_tape *t, lp_x s) {
  const lp_node *n = lp_tape_at(t, s);
  const bool decided = n->class != LP_FINITE || !arb_contains_zero(&n->value) || arb_is_zero(&n->value);
  return side_of(t, s, decided ? lp_x_sign(t, s) : LP_AT, decided);
}

lp_side lp_x_side_known(lp_tape *t, lp_x s, lp_side sign) { return side_of(t, s, sign, true); }

lp_side lp_x_compare(lp_tape *t, lp_x a, lp_x b) {
  const lp_class class = lp_x_class(t, a);
  if (class != LP_FINITE && class != LP_NAN && class == lp_x_class(t, b)) return pass(t, LP_AT);
  return lp_x_side(t, lp_x_subtract(t, a, b));
}

void lp_x_announce_gate(lp_tape *t) { t->next_is_gate = true; }

bool lp_x_is_near(lp_tape *t, lp_x s) {
  const lp_node *n = lp_tape_at(t, s);
  return n->class == LP_FINITE && lp_tape_within_rounding(t, n);
}

int lp_x_new_group(lp_tape *t) { return ++t->n_groups; }

lp_side lp_x_meet_in_group(lp_tape *t, int group, double dual, lp_kink_state state) {
  return meet_switch(t, (lp_switch){.state = state, .side = LP_AT, .group = group, .dual = dual});
}

void lp_x_limit_range(lp_tape *t) { t->float64_range = true; }

void lp_x_note(lp_tape *t, int64_t choice) {
  t->signature = (t->signature ^ (uint64_t)choice) * UINT64_C(0x100000001b3);
}

void lp_x_enter(lp_tape *t, int regime) { t->entered |= UINT64_C(1) << regime; }

void lp_x_doubt_regimes(lp_tape *t) { t->near++; }

/* --- reading --- */

lp_class lp_x_class(const lp_tape *t, lp_x a) { return lp_tape_at(t, a)->class; }
const arb_struct *lp_x_ball(const lp_tape *t, lp_x a) { return &lp_tape_at(t, a)->value; }
const mag_struct *lp_x_reach(const lp_tape *t, lp_x a) { return &lp_tape_at(t, a)->reach; }
int64_t lp_x_terms(const lp_tape *t, lp_x a) { return lp_tape_at(t, a)->terms; }

bool lp_x_is_boundless(const lp_tape *t, lp_x a) {
  const lp_node *n = lp_tape_at(t, a);
  mag_t size;
  mag_init(size);
  arb_get_mag(size, &n->value);
  const bool boundless = lp_budget_is_boundless(&n->reach, size);
  mag_clear(size);
  return boundless;
}
