/* multilabel_margin, from its definition, for a row x of C scores and the labels t_0 .. t_{T-1} before the first -1 of
 * its row of the target (T = C when there is none):
 *   (1/C) sum over j < T and the classes d that are none of these labels of max(0, z_jd),   z_jd = 1 - x_{t_j} + x_d
 * A label that is repeated counts every time. What follows the first -1 is ignored.
 * Rounded intermediates: 1 - x_t, z, the sum over the pairs, the quotient by C; in the gradient the sum of the shares
 * of all pairs that a class takes part in. Switches: z. PyTorch tests z > 0: at 0 the slope is 0, on the other side 1.
 * Degenerate: a NaN z is not above 0, so that the pair contributes nothing. PyTorch's kernel writes the gradient
 * without the upstream gradient and multiplies afterwards: a component without active pairs, of a label or not, is 0
 * times the upstream gradient, NaN where that is infinite. An empty sum is 0, also where PyTorch leaves memory
 * unwritten. */
#include <math.h>
#include <stdlib.h>

#include "reference/exact/exact.h"

extern const lp_exact_loss lp_exact_multilabel_margin;

enum { INPUT, TARGET };
enum {
  ACTIVE,
  INACTIVE,
  KINK,
  TERMINATED,
  UNTERMINATED,
  NO_LABEL,
  ALL_LABELS,
  REPEATED,
  AFTER_TERMINATOR,
  SINGLE_CLASS,
  UNBATCHED,
  ZERO_D,
  EMPTY,
  SPECIAL,
  N_REGIMES
};

static const char *const regimes[N_REGIMES] = {
    "active",   "inactive",         "kink",         "terminated", "unterminated", "no-label", "all-labels",
    "repeated", "after-terminator", "single-class", "unbatched",  "0-d",          "empty",    "special"};

typedef struct class {
  lp_x score;
  int times;         /* how often it is a label */
  bool paired;       /* its pairs, as a label's, are on the tape */
  int surely, maybe; /* active pairs that it takes part in: those that rounding may make inactive apart */
} class;

typedef struct row {
  const int64_t *target; /* C entries, of which the first `labels` count */
  int64_t classes, labels;
  class *of;   /* C */
  lp_x *terms; /* room for a number per pair, and for one per class */
  int n_terms;
} row;

static int64_t classes_of(const lp_plan *plan) {
  const lp_tensor *input = &plan->c->inputs[INPUT];
  return input->rank == 0 ? 1 : input->shape[input->rank - 1];
}

/* --- regimes --- */

static void enter_if(lp_tape *t, bool entered, int regime) {
  if (entered) lp_x_enter(t, regime);
}

static void enter_side(lp_tape *t, lp_x z) {
  const lp_side side = lp_x_sign(t, z);
  enter_if(t, side == LP_ABOVE, ACTIVE);
  enter_if(t, side == LP_AT, KINK);
  enter_if(t, side == LP_BELOW, INACTIVE);
}

static void enter_labels(lp_tape *t, const row *r) {
  bool all = true;
  for (int64_t d = 0; d < r->classes; d++) {
    enter_if(t, r->of[d].times > 1, REPEATED);
    all = all && r->of[d].times > 0;
  }
  for (int64_t j = r->labels; j < r->classes; j++) enter_if(t, r->target[j] >= 0, AFTER_TERMINATOR);
  enter_if(t, all, ALL_LABELS);
  enter_if(t, r->labels == 0, NO_LABEL);
  lp_x_enter(t, r->labels < r->classes ? TERMINATED : UNTERMINATED);
}

/* --- the formula --- */

static void read_scores(lp_tape *t, row *r, int64_t first) {
  for (int64_t d = 0; d < r->classes; d++) {
    r->of[d] = (class){.score = lp_x_element(t, INPUT, first + d)};
    enter_if(t, lp_x_class(t, r->of[d].score) != LP_FINITE, SPECIAL);
  }
}

static void read_labels(row *r) {
  for (r->labels = 0; r->labels < r->classes && r->target[r->labels] != -1; r->labels++) {
    r->of[r->target[r->labels]].times++;
  }
}

static void count_active(class *of, bool maybe) {
  of->surely += !maybe;
  of->maybe += maybe;
}

/* The pair is in the sum as often as its label is repeated. z is the same number every time, and so is its side. */
static void add_pair(lp_tape *t, row *r, lp_x minus_score, class *label, class *other) {
  const lp_x z = lp_x_sum_few(t, (lp_x[]){lp_x_constant(t, 1.0), minus_score, other->score}, 3);
  enter_side(t, z);
  const bool active = lp_x_side(t, z) == LP_ABOVE;
  const lp_x part = active ? z : lp_x_shut(t, z);
  const bool counts = active || !mag_is_zero(lp_x_reach(t, part));
  for (int i = 0; i < label->times && counts; i++) r->terms[r->n_terms++] = part;
  if (!active) return;
  const bool maybe = lp_x_is_near(t, z);
  count_active(label, maybe);
  count_active(other, maybe);
}

/* All pairs of a label with the classes that are none. */
static void add_label(lp_tape *t, row *r, class *label) {
  if (label->paired) return;
  label->paired = true;
  const lp_x minus_score = lp_x_negate(t, label->score);
  for (int64_t d = 0; d < r->classes; d++) {
    if (r->of[d].times == 0) add_pair(t, r, minus_score, label, &r->of[d]);
  }
}

static bool is_active(const class *of) { return of->surely + of->maybe > 0; }

/* Beside an infinite upstream gradient a component is NaN when all of its pairs are inactive: where rounding may make
 * several of them so, one at a time does not show it, and nothing is claimed of the row. */
static void doubt_idleness(lp_tape *t, const row *r) {
  for (int64_t d = 0; d < r->classes; d++) {
    if (r->of[d].surely == 0 && r->of[d].maybe > 1) t->lost = true;
  }
}

/* 0, on which the components without active pairs depend. */
static lp_x idle_classes(lp_tape *t, row *r) {
  r->n_terms = 0;
  for (int64_t d = 0; d < r->classes; d++) {
    if (!is_active(&r->of[d])) r->terms[r->n_terms++] = lp_x_erase(t, r->of[d].score);
  }
  return lp_x_sum(t, r->terms, r->n_terms);
}

static lp_x sum_of_pairs(lp_tape *t, row *r) {
  r->n_terms = 0;
  for (int64_t j = 0; j < r->labels; j++) add_label(t, r, &r->of[r->target[j]]);
  const lp_x sum = lp_x_sum(t, r->terms, r->n_terms);
  return lp_x_unrounded(t, lp_x_add(t, sum, idle_classes(t, r)));
}

/* --- */

static double upstream(const lp_plan *plan, int64_t index) {
  const bool reduced = plan->c->reduction != LP_REDUCTION_NONE;
  return plan->c->has_grad_output ? plan->c->grad_output.f64[reduced ? 0 : index] : 1.0;
}

static lp_x row_on_tape(lp_tape *t, const lp_plan *plan, int64_t index, row *r) {
  const bool infinite = !isfinite(upstream(plan, index));
  enter_if(t, infinite, SPECIAL);
  read_scores(t, r, index * r->classes);
  read_labels(r);
  enter_labels(t, r);
  const lp_x sum = sum_of_pairs(t, r);
  if (infinite && t->stand_in == 0) doubt_idleness(t, r);
  return lp_x_divide(t, sum, lp_x_constant(t, (double)r->classes));
}

/* There are at most C C pairs, since a label may be repeated. */
static lp_x term(lp_tape *t, const lp_plan *plan, int64_t index) {
  const int64_t classes = classes_of(plan);
  row r = {.target = plan->c->inputs[TARGET].i64 + index * classes, .classes = classes};
  r.of = malloc((size_t)classes * sizeof *r.of);
  r.terms = malloc((size_t)(classes * classes) * sizeof *r.terms);
  const bool ok = r.of && r.terms;
  t->failed = t->failed || !ok;
  const lp_x loss = ok ? row_on_tape(t, plan, index, &r) : lp_x_constant(t, 0.0);
  free(r.terms);
  free(r.of);
  return loss;
}

static uint64_t bit_if(bool entered, int regime) { return entered ? UINT64_C(1) << regime : 0; }

static uint64_t regimes_of(const lp_plan *plan) {
  const int rank = plan->c->inputs[INPUT].rank;
  return bit_if(classes_of(plan) == 1, SINGLE_CLASS) | bit_if(rank == 1, UNBATCHED) | bit_if(rank == 0, ZERO_D) |
         bit_if(plan->term.numel == 0, EMPTY);
}

const lp_exact_loss lp_exact_multilabel_margin = {
    .name = "multilabel_margin",
    .regimes = regimes,
    .n_regimes = N_REGIMES,
    .term = term,
    .strict = true,
    .weight = -1,
    .regimes_of = regimes_of,
};
