#include "harness/difference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden/arena.h"
#include "reference/exact/budget.h"
#include "reference/exact/exact.h"

enum { TRIES = 80 /* of steps */, COLUMNS = 6 /* entries of a row: extrapolations of order 2 .. 12 */ };

static const double ratio = 2.0, information = 1000.0, hopeless = 1024.0;

/* What arithmetic in doubles adds. */
static double rounding(double operations, double size) {
  return 2.0 * operations * lp_dtype_unit_roundoff(LP_FLOAT64) * size;
}

/* --- the table --- */

/* One entry of the table: an estimate, and how far the budgets of the values may move it. */
typedef struct entry {
  double slope, noise;
} entry;

typedef struct row {
  entry of[COLUMNS];
  int count;
  double step;
  double variation;         /* how steep F is on both sides, on average: more than |slope| where it turns */
  double best, uncertainty; /* of the entry with the smallest uncertainty; infinite for a row of one entry */
} row;

typedef struct table {
  lp_value_at at;
  void *context;
  lp_dtype dtype;
  double x;
  lp_place_value middle;
  row rows[TRIES];
  int count;
  int values;
  bool left_regime; /* at a step below one that had not */
} table;

static bool value_at(table *t, double x, lp_place_value *place) {
  t->values++;
  return t->at(t->context, x, place) && isfinite(place->value) && isfinite(place->budget);
}

/* The middle of the places is not x: by how much the slope changes on the way, from the second divided difference. */
static double skew(const table *t, const lp_place_value *above, const lp_place_value *below, double up, double down) {
  const double rise = (above->value - t->middle.value) / up, fall = (t->middle.value - below->value) / down;
  const double noise = (above->budget + t->middle.budget) / up + (t->middle.budget + below->budget) / down;
  return up == down ? 0.0 : fabs(up - down) / (up + down) * (fabs(rise - fall) + noise);
}

/* The central difference about x with a step near h. False: a place is another regime's, has no value, or is x. */
static bool central(table *t, double h, row *r) {
  const double above = lp_dtype_round(t->dtype, t->x + h), below = lp_dtype_round(t->dtype, t->x - h);
  const double up = above - t->x, down = t->x - below, width = above - below;
  lp_place_value a, b;
  if (!(up > 0.0 && down > 0.0) || !isfinite(width)) return false;
  if (!value_at(t, above, &a) || !value_at(t, below, &b)) return false;
  if (a.regime != t->middle.regime || b.regime != t->middle.regime) return false;
  const double slope = (a.value - b.value) / width;
  const double noise = (a.budget + b.budget) / width + skew(t, &a, &b, up, down) + rounding(4.0, fabs(slope));
  const double variation = (fabs(a.value - t->middle.value) + fabs(t->middle.value - b.value)) / width;
  *r = (row){{{slope, noise}}, .count = 1, .step = width / 2.0, .variation = variation, .uncertainty = INFINITY};
  return isfinite(slope) && isfinite(noise);
}

/* Extrapolates from two entries whose steps have the ratio c^(1/2). */
static entry extrapolate(entry fine, entry coarse, double c) {
  return (entry){fine.slope + (fine.slope - coarse.slope) / (c - 1.0), (c * fine.noise + coarse.noise) / (c - 1.0)};
}

/* Twice the largest of the steps to an entry from its neighbours: the two that it is made of, and the one before it in
 * its own column, so that one coincidence is not taken for convergence. */
static double uncertainty(const entry *e, const entry *fine, const entry *coarse, const entry *above) {
  const double made_of = fmax(fabs(e->slope - fine->slope), fabs(e->slope - coarse->slope));
  return 2.0 * fmax(made_of, fabs(e->slope - above->slope)) + e->noise;
}

/* Completes the row of a step from the rows of larger ones. */
static void complete(table *t, int k) {
  row *r = &t->rows[k];
  for (int j = 1; j < COLUMNS && j <= k && j <= t->rows[k - 1].count; j++) {
    const row *before = &t->rows[k - 1];
    const double quotient = t->rows[k - j].step / r->step;
    const entry fine = r->of[j - 1], coarse = before->of[j - 1], e = extrapolate(fine, coarse, quotient * quotient);
    r->of[r->count++] = e;
    const double u = j < before->count ? uncertainty(&e, &fine, &coarse, &before->of[j]) : INFINITY;
    if (u < r->uncertainty) {
      r->uncertainty = u;
      r->best = e.slope;
    }
  }
}

/* The first step: about |x|, at least 1/4. */
static double largest_step(double x) {
  int exponent = 0;
  frexp(x, &exponent);
  return ldexp(1.0, exponent > 0 ? exponent - 1 : -2);
}

static int best_row(const table *t) {
  int best = -1;
  for (int k = 0; k < t->count; k++) {
    if (isfinite(t->rows[k].uncertainty) && (best < 0 || t->rows[k].uncertainty < t->rows[best].uncertainty)) best = k;
  }
  return best;
}

/* Are the budgets of places so near far beyond what is known already, and beyond any slope that they show? */
static bool is_hopeless(const table *t, int best) {
  const row *last = &t->rows[t->count - 1];
  const double noise = last->of[0].noise;
  return best >= 0 && noise > last->variation && noise > hopeless * t->rows[best].uncertainty;
}

static void fill(table *t, double largest) {
  for (int k = 0; k < TRIES; k++) {
    const double h = largest * pow(ratio, -k);
    if (!(lp_dtype_round(t->dtype, t->x + h) > t->x && lp_dtype_round(t->dtype, t->x - h) < t->x)) return;
    if (central(t, h, &t->rows[t->count])) {
      complete(t, t->count++);
      if (is_hopeless(t, best_row(t))) return;
    } else if (t->count > 0) {
      t->left_regime = true;
      return;
    }
  }
}

/* --- the result --- */

/* Do the estimates from smaller steps agree with this one? Where F has a smaller size than the first steps, the table
 * may seem to converge before it does. */
static bool stays(const table *t, int best) {
  const row *b = &t->rows[best];
  for (int k = best + 1; k < t->count; k++) {
    const row *r = &t->rows[k];
    if (fabs(r->best - b->best) > r->uncertainty + b->uncertainty) return false;
  }
  return true;
}

lp_difference lp_difference_of(lp_value_at at, void *context, lp_dtype dtype, double x) {
  table t = {.at = at, .context = context, .dtype = dtype, .x = x};
  lp_difference d = {0};
  if (isfinite(x) && value_at(&t, x, &t.middle)) {
    fill(&t, largest_step(x));
    if (t.count == 0 && x != 0.0) fill(&t, fabs(x) / 2.0);
  }
  const int best = best_row(&t);
  d.values = t.values;
  if (best < 0 || t.left_regime || !stays(&t, best)) return d;
  d.known = true;
  d.slope = t.rows[best].best;
  d.uncertainty = t.rows[best].uncertainty;
  d.step = t.rows[best < COLUMNS ? 0 : best - COLUMNS + 1].step;
  return d;
}

lp_difference_verdict lp_difference_judge(const lp_difference *d, double gradient, double budget, double scale) {
  if (!d->known || !(information * d->uncertainty <= scale)) return LP_DIFFERENCE_NO_INFORMATION;
  const bool near = fabs(gradient - d->slope) <= budget + d->uncertainty;
  return near ? LP_DIFFERENCE_AGREES : LP_DIFFERENCE_CONTRADICTS;
}

const char *lp_difference_verdict_name(lp_difference_verdict verdict) {
  static const char *const names[] = {"agrees", "contradicts", "no information"};
  return names[verdict];
}

bool lp_difference_decides(const lp_loss *loss) { return lp_exact_loss_find(loss->name) == NULL; }

/* --- over a case --- */

typedef struct probe {
  lp_case c; /* with an input of its own, in the arena */
  double *element;
  lp_forward forward;
  void *forward_context;
  lp_arena *arena;
  double *loss, *budget;
  lp_status status; /* the first failure that is not the case's fault */
  lp_error *error;
} probe;

static double budget_of(double scale, int64_t terms, lp_dtype dtype) {
  return lp_budget_factor(dtype, lp_budget_depth(terms)) * scale + lp_budget_absolute(dtype, false);
}

static bool by_exact(probe *p, const lp_plan *plan, uint64_t *regime) {
  const lp_exact_options options = {.value_only = true};
  lp_exact exact;
  p->status = lp_exact_evaluate(&exact, plan, &options, p->error);
  if (p->status != LP_OK) return false;
  const lp_exact_output *loss = &exact.outputs[0];
  bool finite = true;
  for (int64_t i = 0; i < loss->layout.numel; i++) {
    const lp_exact_number *n = &loss->numbers[i];
    finite = finite && n->class == LP_FINITE;
    p->budget[i] = budget_of(mag_get_d(&n->scale), n->terms, loss->layout.dtype);
  }
  *regime = exact.signature;
  lp_exact_clear(&exact);
  return finite;
}

/* Sums up grad_output * loss, and the budgets. Adding up rounds, in doubles. */
static void sum_up(const probe *p, const lp_plan *plan, lp_place_value *place) {
  double value = 0.0, budget = 0.0, size = 0.0;
  const int64_t numel = plan->outcome.outputs[0].tensor.numel;
  for (int64_t i = 0; i < numel; i++) {
    const double upstream = lp_plan_upstream(plan, i);
    if (upstream == 0.0) continue;
    value += upstream * p->loss[i];
    size += fabs(upstream * p->loss[i]);
    budget += fabs(upstream) * p->budget[i];
  }
  place->value = value;
  place->budget = budget + rounding((double)numel - 1.0, size);
}

static bool probe_at(void *context, double x, lp_place_value *place) {
  probe *p = context;
  lp_plan plan;
  if (p->status != LP_OK) return false;
  *p->element = x;
  if (lp_plan_init(&plan, &p->c, NULL) != LP_OK) return false;
  if (!by_exact(p, &plan, &place->regime)) return false;
  if (!p->forward(p->forward_context, p->loss, &p->c)) return false;
  sum_up(p, &plan, place);
  return true;
}

static lp_status init_probe(probe *p, const lp_case *c, int input, int64_t index, lp_error *error) {
  lp_tensor *own = &p->c.inputs[input];
  lp_plan plan;
  LP_TRY(lp_plan_init(&plan, c, error));
  const size_t numel = (size_t)plan.outcome.outputs[0].tensor.numel;
  p->c = *c;
  p->loss = lp_arena_alloc(p->arena, numel, sizeof(double));
  p->budget = lp_arena_alloc(p->arena, numel, sizeof(double));
  if (!p->loss || !p->budget) return lp_fail(error, LP_NO_MEMORY, "out of memory for a difference");
  LP_TRY(lp_arena_tensor(p->arena, own, error));
  memcpy(own->f64, c->inputs[input].f64, (size_t)own->numel * sizeof(double));
  p->element = &own->f64[index];
  return LP_OK;
}

lp_status lp_difference_case(lp_difference *d, const lp_case *c, int input, int64_t index, lp_forward forward,
                             void *context, lp_error *error) {
  probe p = {.forward = forward, .forward_context = context, .arena = lp_arena_new(0), .error = error};
  *d = (lp_difference){0};
  if (!p.arena) return lp_fail(error, LP_NO_MEMORY, "out of memory for a difference");
  lp_status status = init_probe(&p, c, input, index, error);
  if (status == LP_OK) {
    *d = lp_difference_of(probe_at, &p, c->inputs[input].dtype, *p.element);
    status = p.status;
  }
  lp_arena_free(p.arena);
  return status;
}
