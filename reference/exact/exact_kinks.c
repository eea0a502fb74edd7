/* What the switches of a term do to its gradient: the term is written again with each switch taken the other ways. */
#include <stdlib.h>
#include <string.h>

#include "reference/exact/exact_internal.h"

/* The gradient of one evaluation: an element of an output, what is added to it, and with what scale. */
typedef struct entry {
  int output;
  int64_t index;
  lp_class class;
  arb_struct adjoint;
  mag_struct scale;
} entry;

typedef struct gradient {
  const lp_exact_run *run;
  entry *entries;
  int count, capacity;
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
  *e = (entry){.output = output, .index = leaf->index, .class = lp_x_class(t, leaf->adjoint)};
  arb_init(&e->adjoint);
  mag_init(&e->scale);
  arb_set(&e->adjoint, lp_x_ball(t, leaf->adjoint));
  arb_get_mag(&e->scale, &e->adjoint);
  mag_add(&e->scale, &e->scale, lp_x_reach(t, leaf->adjoint));
}

static void read_gradient(gradient *g, const lp_exact_run *run) {
  *g = (gradient){.run = run};
  lp_x_leaves(&run->tape, take, g);
}

static void clear_gradient(gradient *g) {
  for (int i = 0; i < g->count; i++) {
    arb_clear(&g->entries[i].adjoint);
    mag_clear(&g->entries[i].scale);
  }
  free(g->entries);
}

/* The effect on this element, made when there is none yet; NULL: out of memory. */
static lp_kink_effect *effect_on(lp_kink *kink, const entry *e) {
  for (int i = 0; i < kink->n_effects; i++) {
    if (kink->effects[i].output == e->output && kink->effects[i].index == e->index) return &kink->effects[i];
  }
  lp_kink_effect *grown = realloc(kink->effects, ((size_t)kink->n_effects + 1) * sizeof *grown);
  if (!grown) return NULL;
  kink->effects = grown;
  lp_kink_effect *made = &grown[kink->n_effects++];
  made->output = e->output;
  made->index = e->index;
  for (int side = 0; side < 3; side++) {
    arb_init(&made->change[side]);
    mag_init(&made->scale[side]);
  }
  return made;
}

/* Adds sign times the gradient to the changes of one side. Infinite or NaN parts are left to the numbers' classes. */
static bool add_gradient(lp_kink *kink, const gradient *g, int side, int sign, slong precision) {
  for (int i = 0; i < g->count; i++) {
    const entry *e = &g->entries[i];
    lp_kink_effect *effect = effect_on(kink, e);
    if (!effect) return false;
    if (e->class != LP_FINITE) continue;
    arb_addmul_si(&effect->change[side], &e->adjoint, sign, precision);
    if (sign > 0) mag_add(&effect->scale[side], &effect->scale[side], &e->scale);
  }
  return true;
}

static bool changes_nothing(const lp_exact_run *run, const lp_kink_effect *effect) {
  const lp_exact_output *out = &run->exact->outputs[effect->output];
  bool nothing = true;
  for (int side = 0; side < 3; side++) {
    const arb_struct *change = &effect->change[side];
    nothing = nothing && arb_contains_zero(change) &&
              lp_exact_is_narrow(change, &out->numbers[effect->index].scale, out->layout.dtype);
  }
  return nothing;
}

static void clear_effect(lp_kink_effect *effect) {
  for (int side = 0; side < 3; side++) {
    arb_clear(&effect->change[side]);
    mag_clear(&effect->scale[side]);
  }
}

static void drop_idle_effects(const lp_exact_run *run, lp_kink *kink) {
  int kept = 0;
  for (int i = 0; i < kink->n_effects; i++) {
    if (changes_nothing(run, &kink->effects[i])) {
      clear_effect(&kink->effects[i]);
    } else {
      kink->effects[kept++] = kink->effects[i];
    }
  }
  kink->n_effects = kept;
}

/* The gradient with switch k on another side, less the gradient as it is. */
static bool try_side(lp_exact_run *run, lp_kink *kink, int k, lp_side side, const gradient *base) {
  gradient other;
  run->tape.override = k;
  run->tape.override_side = side;
  lp_exact_write_term(run);
  run->tape.override = -1;
  read_gradient(&other, run);
  const slong precision = run->tape.precision;
  const bool ok = !other.failed && add_gradient(kink, &other, side + 1, 1, precision) &&
                  add_gradient(kink, base, side + 1, -1, precision);
  clear_gradient(&other);
  return ok;
}

static lp_status find_kink(lp_exact_run *run, int k, lp_switch met, const gradient *base, lp_error *error) {
  lp_exact *e = run->exact;
  lp_kink *grown = realloc(e->kinks, ((size_t)e->n_kinks + 1) * sizeof *grown);
  if (!grown) return lp_fail(error, LP_NO_MEMORY, "out of memory for kinks");
  e->kinks = grown;
  lp_kink *kink = &grown[e->n_kinks++];
  *kink = (lp_kink){.state = met.state, .side = met.side, .term = run->term};
  for (lp_side side = LP_BELOW; side <= LP_ABOVE; side++) {
    if (side != met.side && !try_side(run, kink, k, side, base)) {
      return lp_fail(error, LP_NO_MEMORY, "out of memory for kinks");
    }
  }
  drop_idle_effects(run, kink);
  if (kink->n_effects == 0 && kink->state != LP_KINK_UNDECIDED) {
    free(kink->effects);
    e->n_kinks--;
  }
  return LP_OK;
}

lp_status lp_exact_find_kinks(lp_exact_run *run, lp_error *error) {
  const int n = run->tape.n_switches;
  gradient base;
  read_gradient(&base, run);
  lp_switch *met = malloc((size_t)n * sizeof *met);
  lp_status status = met && !base.failed ? LP_OK : lp_fail(error, LP_NO_MEMORY, "out of memory for kinks");
  if (met) memcpy(met, run->tape.switches, (size_t)n * sizeof *met);
  for (int k = 0; k < n && status == LP_OK; k++) status = find_kink(run, k, met[k], &base, error);
  free(met);
  clear_gradient(&base);
  return status;
}
