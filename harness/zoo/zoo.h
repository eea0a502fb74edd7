/* The zoo: wrong implementations of every loss, and right but different ones, to see what the harness catches.
 *
 * An animal is one deviation: a small function that changes the question before it is answered, a step of the formula,
 * or the answer. Everything else is answered by the reference, so that whatever an animal is accused of comes from its
 * deviation alone. The right siblings compute by themselves (harness/plain). `certify zoo:LOSS.NAME` and
 * `selfcheck --zoo` put them to the same judge as any candidate. */
#ifndef LP_HARNESS_ZOO_ZOO_H
#define LP_HARNESS_ZOO_ZOO_H

#include "golden/arena.h"
#include "reference/plan.h"

typedef enum lp_zoo_kind {
  LP_ZOO_RIGHT = 0, /* must pass */
  LP_ZOO_VALUE,     /* a wrong formula, in value and gradient */
  LP_ZOO_GRADIENT,  /* value right, gradient wrong */
  LP_ZOO_BOUNDARY,  /* wrong at a threshold, a kink or a degenerate case */
  LP_ZOO_PARAMETER, /* a parameter or an optional input dropped or misapplied */
  LP_ZOO_REDUCTION, /* wrong reduction or denominator */
  LP_ZOO_UPSTREAM,  /* the upstream gradient dropped or misapplied */
  LP_ZOO_NONFINITE, /* overflow, underflow, infinities, NaN */
  LP_ZOO_PRECISION, /* too few digits */
  LP_ZOO_ACCEPTS,   /* answers what must be rejected */
  LP_ZOO_REJECTS,   /* rejects what must be answered */
  LP_ZOO_SHAPE,     /* a wrong shape of the answer, or wrong pairing of elements */
  LP_ZOO_STATE,     /* depends on earlier questions */
  LP_ZOO_KINDS
} lp_zoo_kind;

const char *lp_zoo_kind_name(lp_zoo_kind kind);

/* A term of a pointwise loss, and its slope in every input. */
typedef struct lp_zoo_jet {
  double value, slope[LP_MAX_INPUTS];
} lp_zoo_jet;

typedef struct lp_animal {
  const char *name;
  lp_zoo_kind kind;
  const char *does;   /* one line: what it does wrong (or otherwise) */
  const char *models; /* the report that it stands for, or "mutant" */
  const char *proof;  /* equivalent to the right one: why, in one line; NULL: it differs */

  bool math;               /* judged under profile math */
  void (*ask)(lp_case *c); /* changes the question, which is a copy of its own, after it was validated */
  bool float64_only;       /* right in every narrower dtype */
  bool lenient;            /* before it is validated, so that wrong questions become right ones */
  bool (*refuses)(const lp_plan *plan);
  void (*step)(lp_zoo_jet *jet, const double *x, const double *params); /* pointwise losses; 1 for a missing input */
  void (*tell)(lp_outcome *outcome, const lp_plan *plan);               /* changes the answer */
  lp_status (*answer)(lp_outcome *outcome, lp_arena *arena, const lp_plan *plan, lp_error *error); /* instead */
} lp_animal;

/* One file per loss. Each has the animals of common.c too, but for those that it leaves out, because they would be
 * right there. */
typedef struct lp_zoo_family {
  const char *loss;
  const lp_animal *animals;
  int n;
  const char *without; /* blank-separated names of common animals; NULL: none */
} lp_zoo_family;

int lp_zoo_family_count(void);
const lp_zoo_family *lp_zoo_family_at(int i);

/* Animal i of a loss, its own first; NULL past the last. */
const lp_animal *lp_zoo_animal(const lp_zoo_family *family, int i);

/* Those that every loss has. */
const lp_animal *lp_zoo_common(int *n);

/* "l1.no-abs"; NULL: no such animal. */
const lp_animal *lp_zoo_find(const char *name, const lp_zoo_family **family);

/* Rounds the answer to the dtypes of its outputs. LP_INVALID, LP_NO_MEMORY. */
lp_status lp_zoo_answer(const lp_animal *animal, lp_outcome *outcome, lp_arena *arena, const lp_case *c,
                        lp_error *error) LP_MUST_USE;

/* What the reference answers; a rejection is an outcome. */
lp_status lp_zoo_right(lp_outcome *outcome, lp_arena *arena, const lp_case *c, lp_error *error) LP_MUST_USE;

/* A copy with data of its own. */
lp_status lp_zoo_copy(lp_case *copy, lp_arena *arena, const lp_case *c, lp_error *error) LP_MUST_USE;

/* Only finite numbers among inputs, parameters and upstream gradient? */
bool lp_zoo_is_finite(const lp_case *c);

/* Deviations that more than one loss has. */
void lp_zoo_default_first(lp_case *c); /* the first parameter at its default */
void lp_zoo_default_second(lp_case *c);
void lp_zoo_no_weight(lp_case *c);
void lp_zoo_zero_first_gradient(lp_outcome *outcome, const lp_plan *plan);
void lp_zoo_zero_empty_mean(lp_outcome *outcome, const lp_plan *plan);
void lp_zoo_scale(lp_outcome *outcome, double by); /* all outputs */
bool lp_zoo_refuses_broadcast(const lp_plan *plan);
bool lp_zoo_refuses_numbers(const lp_plan *plan);

#endif
