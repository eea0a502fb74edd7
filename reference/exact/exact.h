/* The exact oracle: encloses the true real value of every output of a case between proven bounds.
 *
 * Use:  lp_exact exact;
 *       if (lp_exact_evaluate(&exact, &plan, &options, &error) == LP_OK) { ... lp_exact_clear(&exact); }
 *
 * Each loss has a file here that writes its definition down naively (tape.h), independently of the kernels of
 * reference/; of those only acceptance and the shapes of the outputs (reference/plan.h) are shared. Precision doubles
 * from 128 bits until every ball is narrower than 2^-12 of its budget, up to LP_EXACT_PRECISION_MAX bits. */
#ifndef LP_EXACT_EXACT_H
#define LP_EXACT_EXACT_H

#include "reference/exact/tape.h"
#include "reference/plan.h"

enum { LP_EXACT_PRECISION_MAX = 4608, LP_EXACT_PRECISION_MIN = 128 };

/* One element of an output. */
typedef struct lp_exact_number {
  lp_class class;
  arb_struct value; /* meaningful when class is LP_FINITE */
  mag_struct scale; /* |value| + the reach of its rounded intermediates; likewise; of an infinity
                     * or NaN, boundless (budget.h) where rounding may make anything of it, else without meaning */
  int64_t terms;    /* of the longest sum on its way, counted flat; 1 when nothing is summed */
  double sizes[2];  /* while it is added up: of the finite terms below, above 0, in float64, ... */
  bool beyond[2];   /* ... and whether one of them is out of its range */
  bool entangled;   /* a term gives a part of it in which switches nest within rounding: effects are not all known */
} lp_exact_number;

typedef struct lp_exact_output {
  int input;        /* LP_OUTPUT_LOSS, or i: the gradient of input i */
  lp_tensor layout; /* dtype and shape; no data */
  lp_exact_number *numbers;
} lp_exact_output;

/* What a kink does to one element of a gradient: change[side + 1] is to be added to the number there when that side is
 * taken, and scale[side + 1] to its scale. Exactly 0 for the side that the numbers hold. Parts that are infinite or NaN
 * are no part of the change: class[side + 1] is that of the whole part that the kink's term gives to the element. */
typedef struct lp_kink_effect {
  int output;    /* position in lp_exact.outputs */
  int64_t index; /* element */
  int64_t terms; /* of the term's part, as the numbers hold it; those of the number when no other term has a part */
  lp_class class[3];
  arb_struct change[3];
  mag_struct scale[3];
} lp_kink_effect;

/* Kinks whose sides are chosen jointly have one group, in one term. With s = (share of the side above) - (share of the
 * side below) of each, sum |s|^dual <= 1 (the largest |s| <= 1 where dual is infinite): the dual ball at a norm's zero,
 * a kink per component whose sides are the slopes -1 and 1 in that component alone; or, where the sides below change
 * nothing, the simplex of the components that share an extremum, dual = 1. Taking them for independent accepts more. */
typedef struct lp_kink {
  lp_kink_state state;
  lp_side side;            /* that the numbers hold: the true one; at a kink, LP_AT, which is PyTorch's choice */
  int64_t term;            /* element of the unreduced loss that it belongs to */
  int group;               /* from 1 on; 0: the kink is chosen alone */
  double dual;             /* of the group, >= 1 */
  lp_kink_effect *effects; /* none where the gradient does not change, or not so that its budget would show it */
  int n_effects;
} lp_kink;

typedef struct lp_exact {
  int n_outputs;
  lp_exact_output outputs[LP_MAX_OUTPUTS]; /* as in plan->outcome */
  bool has_alternative; /* CTC: outputs[1], the gradient, has a second convention (the derivative itself) */
  lp_exact_output alternative;
  lp_kink *kinks;
  int n_kinks;
  bool entangled;         /* effects of kinks are not all known: switches nest within rounding, or are too many */
  long near_switches;     /* met whose side rounding may change, whether or not that changes a gradient */
  uint64_t regimes;       /* of loss->regimes, those that the loss's file here decides ... */
  uint64_t regimes_known; /* ... which are these */
  uint64_t signature;     /* hash of the sides of all switches */
  slong precision;        /* the highest that was needed */
} lp_exact;

typedef struct lp_exact_options {
  slong precision;       /* the first one tried, LP_EXACT_PRECISION_MIN or more; 0: that */
  const lp_shift *shift; /* displacements of the inputs, or NULL */
  bool value_only;       /* no gradients, no kinks */
  bool every_effect;     /* of kinks: even those that vanish within the budget of the gradient */
  bool no_kinks;         /* gradients, but not what other sides of switches would make of them */
  long stand_in;         /* infinite inputs, parameters and upstream gradients count as +-2^h; 0: as infinities */
  long stand_in_step;    /* those of different elements as 2^(h + step k), k modulo stand_in_ranks unless that is 0 */
  long stand_in_ranks;
} lp_exact_options;

/* LP_NO_MEMORY. *exact must be cleared after LP_OK only. options may be NULL. */
lp_status lp_exact_evaluate(lp_exact *exact, const lp_plan *plan, const lp_exact_options *options,
                            lp_error *error) LP_MUST_USE;
void lp_exact_clear(lp_exact *exact);

/* The class of a sum of two parts of a gradient. Infinities of both signs: what an implementation gets depends on
 * whether it adds before or after it multiplies, nothing is claimed. */
lp_class lp_exact_class_of_parts(lp_class a, lp_class b);

/* The output for `input` (or LP_OUTPUT_LOSS), or NULL. */
const lp_exact_output *lp_exact_find(const lp_exact *exact, int input);

/* --- for the files of the losses --- */

/* A loss's definition. reference/exact/NAME.c defines `const lp_exact_loss lp_exact_NAME`. */
typedef struct lp_exact_loss {
  const char *name;
  const char *const *regimes; /* names, in the order of the file's own enumeration, for lp_x_enter */
  int n_regimes;

  /* Writes element `index` of the unreduced loss on the tape and returns it. Reads the case through lp_x_element and
   * lp_x_parameter; works out itself which elements belong to the index (lp_exact_position for broadcasting). */
  lp_x (*term)(lp_tape *t, const lp_plan *plan, int64_t index);

  /* What `mean` and `batchmean` divide by; NULL: the number of elements of the unreduced loss. */
  double (*denominator)(const lp_plan *plan);
  /* One switch of a term may decide which others are met, or what they do: their effects need not add up. */
  bool nested;
  /* The input whose sum `mean` divides by instead, when the case has it; -1: none. */
  int weight;

  /* Regimes of the case as a whole (empty, weighted ...), bits of the file's enumeration; may be NULL. */
  uint64_t (*regimes_of)(const lp_plan *plan);

  /* For a loss that is no sum of terms on a tape (ctc): everything, at one precision; *enough tells whether every ball
   * is narrow enough (lp_exact_is_narrow). outputs are laid out and 0. term is NULL then. */
  lp_status (*evaluate)(lp_exact *exact, const lp_plan *plan, const lp_exact_options *options, slong precision,
                        bool *enough, lp_error *error);
} lp_exact_loss;

/* The exact oracle of a loss, by name; NULL when it has none (a build without it). */
const lp_exact_loss *lp_exact_loss_find(const char *name);

/* Row-major index into tensor `in` of element `index` of `out`'s shape, to which `in` broadcasts. */
int64_t lp_exact_position(const lp_tensor *in, const lp_tensor *out, int64_t index);

/* Is the ball narrower than 2^-12 of the smallest budget that its scale gives: k u (|value| + reach) + k eta? */
bool lp_exact_is_narrow(const arb_t value, const mag_t scale, lp_dtype dtype);

#endif
