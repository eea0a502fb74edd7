/* Laws: relations between the outcomes of related cases, which hold whatever the right numbers are.
 *
 * Use, for a case and each law:
 *   lp_derivation d;
 *   lp_law_derive(&d, arena, law, c, seed, &error)       makes d.count cases: ID#LAW, or ID#LAW.1, ID#LAW.2 ...
 *   ... put c and then d.cases[0], d.cases[1] ... to the candidate, in this order ...
 *   lp_law_check(&verdict, &d, &base, derived, deterministic)
 * Derived cases are ordinary cases that PyTorch accepts. They borrow texts and data from c, which must outlive them.
 *
 * The relations are theorems about the definition: a broken law proves that one of the outcomes is wrong, without
 * saying which. Two kinds of comparison:
 *   bit by bit  where the questions differ in nothing that the definition looks at (the same case again, ignored
 *               elements), or by a power of 2 in the upstream gradient, for a candidate that declares itself
 *               deterministic;
 *   budgets     everywhere else: sum of a_i x_i = sum of b_j y_j within sum |a_i| budget(x_i) + sum |b_j| budget(y_j).
 * Infinities and NaN are compared by class where single numbers are equal, and leave sums of several numbers open. */
#ifndef LP_HARNESS_LAWS_H
#define LP_HARNESS_LAWS_H

#include "golden/arena.h"
#include "reference/plan.h"

enum { LP_LAW_MAX_CASES = 3 };

struct lp_relation;
struct lp_derivation;
struct lp_rng;

typedef struct lp_law {
  const char *name;  /* "upstream-zero": the word in ids and reports */
  const char *about; /* one sentence, true of every correct implementation */

  /* Why the law says nothing about the case, or NULL when it does. */
  const char *(*refusal)(const lp_plan *plan);

  /* Adds the derived cases. Leaves none, with d->why_not, when the values of the case give nothing to derive. */
  lp_status (*derive)(struct lp_derivation *d, lp_arena *arena, struct lp_rng *rng, lp_error *error);

  /* Compares the outcomes. */
  void (*relate)(struct lp_relation *r);
} lp_law;

int lp_laws_count(void);
const lp_law *lp_laws_at(int index);          /* NULL outside 0..count-1 */
const lp_law *lp_laws_find(const char *name); /* NULL when there is none of this name */

/* What a law made of a case. */
typedef struct lp_derivation {
  const lp_law *law;
  const char *why_not; /* why there are no cases; "" when there are */
  int count;
  lp_case *cases;                        /* in the arena */
  lp_plan plans[1 + LP_LAW_MAX_CASES];   /* of the case itself, and of the derived ones */
  bool unused[LP_LAW_MAX_CASES];         /* has to be asked, but its outcome plays no part */
  const int64_t *rows[LP_LAW_MAX_CASES]; /* row i of the derived batch is row rows[k][i] of the case; NULL: i */
  const bool *changed[LP_LAW_MAX_CASES]; /* rows that the law has changed; NULL: none */
} lp_derivation;

/* LP_NO_MEMORY. The case may be any: one that PyTorch refuses has no derived cases. The same seed, law and id give the
 * same cases. */
lp_status lp_law_derive(lp_derivation *d, lp_arena *arena, const lp_law *law, const lp_case *c, uint64_t seed,
                        lp_error *error) LP_MUST_USE;

/* What the candidate said of one case, and the error that each of its numbers is allowed.
 * budget: laid out as outcome; an element that is infinite or NaN is open (not compared): beside a kink, for instance.
 * 0 says that the true number is not finite, and that a finite one there is open. NULL: nothing is known, only
 * comparisons bit by bit are made. */
typedef struct lp_law_answer {
  const lp_outcome *outcome;
  const lp_outcome *budget;
} lp_law_answer;

typedef enum lp_law_kind { LP_LAW_HOLDS = 0, LP_LAW_BROKEN, LP_LAW_NOT_APPLICABLE } lp_law_kind;

enum { LP_LAW_BASE = -1 };

typedef struct lp_law_verdict {
  lp_law_kind kind;
  long compared; /* comparisons made; 0 only when not applicable, or broken before any number was looked at */
  /* Of the comparison that is worst, when broken: */
  int derived;          /* the case `got` belongs to: position in d->cases, or LP_LAW_BASE */
  int input;            /* its output: LP_OUTPUT_LOSS or the input whose gradient it is */
  int64_t index;        /* its element; -1 when no number is at fault */
  double got, expected; /* expected: what the other numbers of the relation make of it */
  double allowed;       /* 0 for a comparison bit by bit */
  char reason[320];     /* one sentence when broken or not applicable */
} lp_law_verdict;

const char *lp_law_kind_name(lp_law_kind kind); /* "holds", "broken", "not applicable" */

/* derived: d->count answers. deterministic: the candidate declares that equal questions get equal bits. */
void lp_law_check(lp_law_verdict *verdict, const lp_derivation *d, const lp_law_answer *base,
                  const lp_law_answer *derived, bool deterministic);

struct lp_exact;

/* The budgets of a case, from the exact oracle: k u D scale + k eta; 0 where the true number is not finite, infinity
 * where it may be anything and at gradients beside a kink, whose side rounding decides. at_kinks_too: also where a
 * switch is exactly 0, for candidates that may choose there. layout: plan.outcome. */
lp_status lp_law_budget(lp_outcome *budget, lp_arena *arena, const struct lp_exact *exact, const lp_outcome *layout,
                        bool at_kinks_too, bool flushes_subnormals, lp_error *error) LP_MUST_USE;

#endif
