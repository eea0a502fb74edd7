/* What the switches of a term do to its gradient: the term is written again with each switch taken the other ways. */
#include <stdlib.h>
#include <string.h>

#include "reference/exact/exact_internal.h"

lp_class lp_exact_class_of_parts(lp_class a, lp_class b) {
  if (a == LP_FINITE || a == b) return b;
  if (b == LP_FINITE) return a;
  if (a == LP_ANY || b == LP_ANY) return LP_ANY;
  return a == LP_NAN || b == LP_NAN ? LP_NAN : LP_ANY;
}

/* The gradient of one evaluation: an element of an output, what is added to it, and with what scale. */
typedef struct entry {
  int output;
  int64_t index, terms;
  lp_class class;
  arb_struct adjoint;
  mag_struct scale;
} entry;

typedef struct gradient {
  const lp_exact_run *run;
  entry *entries;
  int count, capacity;
  int near;       /* switches that rounding may change when the term is written so, gates apart; a group is one */
  bool near_gate; /* a gate is such a switch */
  bool failed;
} gradient;

static void take(void *context, const lp_leaf *leaf) {
  gradient *g = context;
  const lp_tape *t = &g->run->tape;
  const int output = lp_exact_output_of(g->run->exact, leaf->input);
  if (output < 0 || g->failed) return;
  if (g->count == g->capacity) {
    const int larger = g->capacity ? 2 * g->capacity : 16;
    entry *grown = realloc(g->entries, (size_t)larger * sizeof *grown);
    g->failed = !grown;
    if (!grown) return;
    g->entries = grown;
    g->capacity = larger;
  }
  entry *e = &g->entries[g->count++];
  *e = (entry){.output = output,
               .index = leaf->index,
               .terms = lp_x_terms(t, leaf->adjoint),
               .class = lp_x_class(t, leaf->adjoint)};
  arb_init(&e->adjoint);
  mag_init(&e->scale);
  arb_set(&e->adjoint, lp_x_ball(t, leaf->adjoint));
  arb_get_mag(&e->scale, &e->adjoint);
  mag_add(&e->scale, &e->scale, lp_x_reach(t, leaf->adjoint));
}

static void count_near_switches(gradient *g, const lp_tape *t) {
  for (int i = 0, group = 0; i < t->n_switches; i++) {
    const lp_switch *met = &t->switches[i];
    if (met->state == LP_KINK_AT || (met->group > 0 && met->group == group)) continue;
    group = met->group;
    g->near += !met->gate;
    g->near_gate = g->near_gate || met->gate;
  }
}

static void read_gradient(gradient *g, const lp_exact_run *run) {
  *g = (gradient){.run = run};
  count_near_switches(g, &run->tape);
  lp_x_leaves(&run->tape, take, g);
}

/* Where one switch decides what others do, effects that are found one at a time do not make up what several do. A gate
 * apart: it lets through what the others do, or nothing, unless it is another switch that brings it into doubt. */
static void entangle(const gradient *g, const gradient *base) {
  if (!g->run->loss->nested || !(g->near > 1 || (g->near_gate && !base->near_gate))) return;
  for (int i = 0; i < g->count; i++) {
    g->run->exact->outputs[g->entries[i].output].numbers[g->entries[i].index].entangled = true;
  }
}

static void clear_gradient(gradient *g) {
  for (int i = 0; i < g->count; i++) {
    arb_clear(&g->entries[i].adjoint);
    mag_clear(&g->entries[i].scale);
  }
  free(g->entries);
}

/* Makes room for one more item after `count`: arrays of items grow when count is 0 or a power of 2. */
static bool make_room(void **items, int count, size_t size) {
  if ((count & (count - 1)) != 0) return true;
  void *grown = realloc(*items, (count > 0 ? 2 * (size_t)count : 1) * size);
  if (grown) *items = grown;
  return grown != NULL;
}

static bool is_on(const lp_kink_effect *effect, const entry *e) {
  return effect->output == e->output && effect->index == e->index;
}

/* The effect on this element, made when there is none yet; NULL: out of memory. Gradients come in the same order most
 * of the time: it is probably the one at `guess`. */
static lp_kink_effect *effect_on(lp_kink *kink, const entry *e, int guess) {
  if (guess < kink->n_effects && is_on(&kink->effects[guess], e)) return &kink->effects[guess];
  for (int i = 0; i < kink->n_effects; i++) {
    if (is_on(&kink->effects[i], e)) return &kink->effects[i];
  }
  void *effects = kink->effects;
  if (!make_room(&effects, kink->n_effects, sizeof *kink->effects)) return NULL;
  kink->effects = effects;
  lp_kink_effect *made = &kink->effects[kink->n_effects++];
  made->output = e->output;
  made->index = e->index;
  made->terms = 0;
  for (int side = 0; side < 3; side++) {
    made->class[side] = LP_FINITE;
    arb_init(&made->change[side]);
    mag_init(&made->scale[side]);
  }
  return made;
}

/* Adds sign times the gradient to the changes of one side. Infinite or NaN parts show in the classes alone. */
static bool add_gradient(lp_kink *kink, const gradient *g, int side, int sign, slong precision) {
  for (int i = 0; i < g->count; i++) {
    const entry *e = &g->entries[i];
    lp_kink_effect *effect = effect_on(kink, e, i);
    if (!effect) return false;
    if (sign > 0) effect->class[side] = lp_exact_class_of_parts(effect->class[side], e -> class);
    if (e->class != LP_FINITE) continue;
    arb_addmul_si(&effect->change[side], &e->adjoint, sign, precision);
    if (sign > 0) mag_add(&effect->scale[side], &effect->scale[side], &e->scale);
  }
  return true;
}

/* The classes on the side that the numbers hold. */
static bool hold_classes(lp_kink *kink, const gradient *base) {
  const int held = kink->side + 1;
  for (int i = 0; i < base->count; i++) {
    const entry *e = &base->entries[i];
    lp_kink_effect *effect = effect_on(kink, e, i);
    if (!effect) return false;
    effect->class[held] = lp_exact_class_of_parts(effect->class[held], e -> class);
    effect->terms += e->terms;
  }
  return true;
}

/* Less than what a ball may be wide, with the scale that the number has on that side. Whether it is exactly 0 would
 * depend on the precision. */
static bool is_negligible(const lp_kink_effect *effect, int side, const mag_t scale, lp_dtype dtype) {
  arb_t size;
  mag_t both;
  arb_init(size);
  mag_init(both);
  arb_get_mag(arb_radref(size), &effect->change[side]);
  mag_add(both, scale, &effect->scale[side]);
  const bool negligible = lp_exact_is_narrow(size, both, dtype);
  arb_clear(size);
  mag_clear(both);
  return negligible;
}

/* As an exact function, budgets apart. */
static bool changes_exactly_nothing(const lp_kink *kink, const lp_kink_effect *effect) {
  bool nothing = true;
  for (int side = 0; side < 3; side++) {
    nothing = nothing && effect->class[side] == effect->class[kink->side + 1] && arb_is_zero(&effect->change[side]);
  }
  return nothing;
}

/* No other class, no change, and no more rounding on the other sides than the number's scale allows for: where a term
 * is shut and its number 0, what cancels behind the gate leaves rounding errors. */
static bool changes_nothing(const lp_exact_run *run, const lp_kink *kink, const lp_kink_effect *effect) {
  const lp_exact_output *out = &run->exact->outputs[effect->output];
  const mag_struct *scale = &out->numbers[effect->index].scale;
  if (run->options->every_effect) return changes_exactly_nothing(kink, effect);
  bool nothing = true;
  mag_t wide;
  mag_init(wide);
  mag_mul_2exp_si(wide, scale, 2);
  for (int side = 0; side < 3; side++) {
    const bool allowed = kink->state == LP_KINK_AT || mag_cmp(&effect->scale[side], wide) <= 0;
    nothing = nothing && effect->class[side] == effect->class[kink->side + 1];
    nothing = nothing && allowed && is_negligible(effect, side, scale, out->layout.dtype);
  }
  mag_clear(wide);
  return nothing;
}

static void clear_effect(lp_kink_effect *effect) {
  for (int side = 0; side < 3; side++) {
    arb_clear(&effect->change[side]);
    mag_clear(&effect->scale[side]);
  }
}

/* No more effects are added: keeps only the memory of those that there are. False: out of memory. */
static bool give_back_room(lp_kink *kink) {
  if (kink->n_effects == 0) {
    free(kink->effects);
    kink->effects = NULL;
    return true;
  }
  lp_kink_effect *less = realloc(kink->effects, (size_t)kink->n_effects * sizeof *less);
  if (less) kink->effects = less;
  return less != NULL;
}

static bool drop_idle_effects(const lp_exact_run *run, lp_kink *kink) {
  int kept = 0;
  for (int i = 0; i < kink->n_effects; i++) {
    if (changes_nothing(run, kink, &kink->effects[i])) {
      clear_effect(&kink->effects[i]);
    } else {
      kink->effects[kept++] = kink->effects[i];
    }
  }
  kink->n_effects = kept;
  return give_back_room(kink);
}

/* Adds what another evaluation has on this side, less the gradient as it is. */
static bool add_difference(lp_kink *kink, const gradient *other, lp_side side, const gradient *base, slong precision) {
  return add_gradient(kink, other, side + 1, 1, precision) && add_gradient(kink, base, side + 1, -1, precision);
}

/* The gradient with switch k on another side; the same at 0 too, when the loss does not tell the two apart. */
static bool try_side(lp_exact_run *run, lp_kink *kink, int k, lp_side side, bool and_at, const gradient *base) {
  const slong precision = run->tape.precision;
  gradient other;
  run->tape.override = k;
  run->tape.override_side = side;
  lp_exact_settle_term(run, precision);
  run->tape.override = -1;
  read_gradient(&other, run);
  entangle(&other, base);
  const slong sharper = run->tape.precision;
  const bool ok = !other.failed && add_difference(kink, &other, side, base, sharper) &&
                  (!and_at || add_difference(kink, &other, LP_AT, base, sharper));
  run->tape.precision = precision;
  clear_gradient(&other);
  return ok;
}

/* All sides but the one that the numbers hold. A strict switch has two, above 0 and not. */
static bool try_sides(lp_exact_run *run, lp_kink *kink, int k, const gradient *base) {
  const bool strict = run->loss->strict, held_above = kink->side == LP_ABOVE;
  bool ok = true;
  for (lp_side side = LP_BELOW; side <= LP_ABOVE && ok; side++) {
    if (side == kink->side || (strict && held_above && side == LP_AT)) continue;
    ok = strict && !held_above && side != LP_ABOVE ? add_difference(kink, base, side, base, run->tape.precision)
                                                   : try_side(run, kink, k, side, strict && held_above, base);
  }
  return ok;
}

static lp_status find_kink(lp_exact_run *run, int k, lp_switch met, const gradient *base, lp_error *error) {
  lp_exact *e = run->exact;
  void *kinks = e->kinks;
  if (!make_room(&kinks, e->n_kinks, sizeof *e->kinks)) return lp_fail(error, LP_NO_MEMORY, "out of memory for kinks");
  e->kinks = kinks;
  lp_kink *kink = &e->kinks[e->n_kinks++];
  *kink = (lp_kink){.state = met.state, .side = met.side, .term = run->term};
  if (met.group > 0) {
    kink->group = run->groups + met.group;
    kink->dual = met.dual;
  }
  const bool ok = hold_classes(kink, base) && try_sides(run, kink, k, base);
  if (!ok || !drop_idle_effects(run, kink)) return lp_fail(error, LP_NO_MEMORY, "out of memory for kinks");
  if (kink->n_effects == 0 && kink->state != LP_KINK_UNDECIDED) e->n_kinks--;
  return LP_OK;
}

/* The gradient behind a gate that is shut, but that rounding may open. */
static lp_status look_behind(lp_exact_run *run, gradient *open, lp_error *error) {
  run->tape.open_gates = true;
  lp_exact_settle_term(run, run->tape.precision);
  read_gradient(open, run);
  entangle(open, open);
  return open->failed ? lp_fail(error, LP_NO_MEMORY, "out of memory for kinks") : LP_OK;
}

/* The gate first, then the others with the gate as it is, or open when rounding may open it; when it is surely shut
 * they change nothing. */
static lp_status find_all(lp_exact_run *run, const lp_switch *met, int n, const gradient *base, lp_error *error) {
  const bool shut = run->tape.shut;
  gradient open = {0};
  bool near = false;
  lp_status status = LP_OK;
  for (int k = 0; k < n && status == LP_OK; k++) {
    if (met[k].gate) status = find_kink(run, k, met[k], base, error);
    near = near || met[k].gate;
  }
  run->tape.open_gates = !shut;
  if (shut && near && status == LP_OK) status = look_behind(run, &open, error);
  for (int k = 0; k < n && status == LP_OK && (near || !shut); k++) {
    if (!met[k].gate) status = find_kink(run, k, met[k], shut ? &open : base, error);
  }
  run->tape.open_gates = false;
  clear_gradient(&open);
  return status;
}

lp_status lp_exact_find_kinks(lp_exact_run *run, lp_error *error) {
  const int n = run->tape.n_switches, groups = run->tape.n_groups;
  gradient base;
  read_gradient(&base, run);
  entangle(&base, &base);
  lp_switch *met = malloc((size_t)n * sizeof *met);
  lp_status status = met && !base.failed ? LP_OK : lp_fail(error, LP_NO_MEMORY, "out of memory for kinks");
  if (met) memcpy(met, run->tape.switches, (size_t)n * sizeof *met);
  if (status == LP_OK) status = find_all(run, met, n, &base, error);
  run->groups += groups;
  free(met);
  clear_gradient(&base);
  return status;
}
