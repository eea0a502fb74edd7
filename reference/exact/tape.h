/* Formulas in ball arithmetic, written down as they are computed.
 *
 * A tape is a list of numbers, each an operation on earlier ones. Every number has
 *   a ball      that encloses its true real value, or a class (+inf, -inf, NaN) when it has none. Operations on
 *               infinities and NaN, and singular ones (1/0, log 0), follow IEEE 754, an exact 0 counting as +0;
 *   a reach     the sum over the rounded intermediates v_j before it, itself included, of |d number / d v_j| |v_j|,
 *               along all paths: a running error analysis (Higham, Accuracy and Stability, section 3.3) in units of u.
 *               Arithmetic with unit roundoff u gets it wrong by at most about u * reach. A number built from roundings
 *               only adds up |partial derivatives|, so that reach may exceed the sum of section "scale" by a small
 *               factor, never fall below it. Where the first order falls short, as rounding moves an operand by
 *               r = k/4 u D reach / |operand| of itself (budget.h), the reach allows for all of that: it is 1/(1 - r)
 *               times as large, and boundless where a pole is near (r >= 1/2). The reach of an infinity or NaN is
 *               boundless where rounding may make anything of it, else it means nothing;
 *   terms       how many terms the longest sum before it has, counted flat;
 *   sharp       true when no intermediate before it is rounded at all in the tape's dtype.
 * Backward writes the gradient on the same tape, so that gradients have reaches too.
 *
 * A loss writes its definition with these functions, naively: precision takes the place of stability. Where the
 * stable algorithm does not round an intermediate (1 + e inside log1p), lp_x_unrounded takes its share out of the
 * reach.
 */
#ifndef LP_EXACT_TAPE_H
#define LP_EXACT_TAPE_H

#include "reference/case.h"
#include "reference/exact/ball.h"

/* LP_ANY: nothing is claimed, in limits that do not exist (limits.h). No number on a tape has it.
 * LP_NOT_FINITE: an infinity of either sign or NaN, as rounding has it: infinity times a number that may as well be 0.
 */
typedef enum lp_class { LP_FINITE = 0, LP_PLUS_INFINITY, LP_MINUS_INFINITY, LP_NAN, LP_ANY, LP_NOT_FINITE } lp_class;

lp_class lp_classify(double x);
/* "a finite number", "+infinity", "-infinity", "NaN", "anything", "infinity or NaN" */
const char *lp_class_name(lp_class class);

/* A number on a tape. */
typedef struct lp_x {
  int at;
} lp_x;

/* On which side of 0 a switch function is. */
typedef enum lp_side { LP_BELOW = -1, LP_AT = 0, LP_ABOVE = 1, LP_UNORDERED = 2 } lp_side;

typedef enum lp_kink_state {
  LP_KINK_AT,        /* the switch is exactly 0 */
  LP_KINK_NEAR,      /* it is not, but rounding in the tape's dtype may put it on either side */
  LP_KINK_BLURRED,   /* it is exactly 0, but rounding may put it on either side */
  LP_KINK_UNDECIDED, /* the ball holds 0 at the highest precision */
} lp_kink_state;

/* A switch of the term on the tape at which more than one side must be considered. */
typedef struct lp_switch {
  lp_kink_state state;
  lp_side side; /* the true one; LP_AT when undecided */
  int group;    /* of switches whose sides are chosen jointly, 0: none; see lp_kink in exact.h */
  double dual;  /* exponent of the group */
  bool gate;    /* below 0 no other switch shows */
} lp_switch;

/* Displacements of the elements of an input, for differences: numel balls, or NULL. */
typedef struct lp_shift {
  const arb_struct *of[LP_MAX_INPUTS];
} lp_shift;

typedef struct lp_node lp_node;

typedef struct lp_tape {
  const lp_case *c;
  lp_dtype dtype; /* of the arithmetic that reaches and sharpness are about */
  slong precision;
  bool last_precision; /* switches that are undecided now will stay so */

  lp_node *nodes;
  int count, capacity;
  struct lp_link *links; /* of adjoints, during lp_x_backward */
  int n_links, link_capacity;
  int *operands; /* of sums */
  int n_operands, operand_capacity;
  bool failed; /* out of memory: numbers mean nothing */

  lp_switch *switches; /* that the current term has met, in order */
  int n_switches, switch_capacity;
  long near;    /* questions whether rounding may change a side that were answered yes, or not at all */
  int override; /* index of the switch that is to take the side below, or -1 */
  lp_side override_side;
  int n_groups;       /* of switches of the current term */
  bool next_is_gate;  /* the next switch is a gate */
  bool open_gates;    /* gates that would be below are above */
  bool shut;          /* a gate of the current term is below */
  bool float64_range; /* results beyond it are infinite or 0; see lp_x_limit_range */
  bool undecided;     /* a switch, or a singularity, was not decided at this precision */
  bool value_lost;    /* the term's value may be anything, its gradient is what the tape says */
  bool lost;          /* the side of a number that may be anything was asked for: so may the whole term be */
  uint64_t signature; /* hash of all sides taken */
  uint64_t entered;   /* regimes, bits of the loss's own enumeration in reference/exact */
  const lp_shift *shift;
  long stand_in;       /* 0: infinities are classes. h > 0: they are +-2^h, for limits ... */
  long stand_in_step;  /* ... and 2^(h + step k), k telling the elements of the inputs apart ... */
  long stand_in_ranks; /* ... modulo this; 0: all apart */
  int max_count;       /* highest count so far; nodes below it own initialized balls */
} lp_tape;

/* When t->failed afterwards, memory is out: nothing may be written on it, only lp_tape_clear called. */
void lp_tape_init(lp_tape *t, const lp_case *c, lp_dtype dtype);
void lp_tape_clear(lp_tape *t);

/* Forgets all numbers, switches and sides; keeps the memory, precision, override, shift. */
void lp_tape_restart(lp_tape *t);

/* --- leaves --- */

/* Element `index` (row-major) of an input, an exact number. Integers count as rounded where the dtype lacks them. */
lp_x lp_x_element(lp_tape *t, int input, int64_t index);
/* An exact constant of the formula. */
lp_x lp_x_constant(lp_tape *t, double value);
/* A parameter of the case, by position: exact; counts as rounded where the dtype lacks it. */
lp_x lp_x_parameter(lp_tape *t, int param);
/* An element of the upstream gradient, of this rank among them; exact. */
lp_x lp_x_upstream(lp_tape *t, double value, int64_t rank);
/* A number computed elsewhere. value may be NULL unless class is LP_FINITE. */
lp_x lp_x_number(lp_tape *t, const arb_t value, lp_class class, const mag_t reach, int64_t terms);

/* --- operations; each result counts as rounded --- */

lp_x lp_x_add(lp_tape *t, lp_x a, lp_x b);
lp_x lp_x_subtract(lp_tape *t, lp_x a, lp_x b);
lp_x lp_x_multiply(lp_tape *t, lp_x a, lp_x b);
lp_x lp_x_divide(lp_tape *t, lp_x a, lp_x b);
lp_x lp_x_square(lp_tape *t, lp_x a);
lp_x lp_x_exp(lp_tape *t, lp_x a);
lp_x lp_x_log(lp_tape *t, lp_x a);
lp_x lp_x_sqrt(lp_tape *t, lp_x a);
/* a^exponent for a > 0, or a = 0 (0, 1 or infinity as the exponent is > 0, 0 or < 0); its slope is
 * exponent a^(exponent - 1). The exponent depends on no input; a rounded one (1/3) adds its share to the reach. Where
 * rounding may move a far enough to matter at second order, even to 0, the reach allows for it. */
lp_x lp_x_raise(lp_tape *t, lp_x a, lp_x exponent);
/* log(1 + exp(a)), and 1 / (1 + exp(-a)), its slope. */
lp_x lp_x_softplus(lp_tape *t, lp_x a);
lp_x lp_x_sigmoid(lp_tape *t, lp_x a);
/* The sum of n numbers in any order; 0 when n is 0. Its reach holds every |term|. */
lp_x lp_x_sum(lp_tape *t, const lp_x *terms, int n);
/* The same for the few numbers of a formula, such as 1 - x + y: no reduction, one term. */
lp_x lp_x_sum_few(lp_tape *t, const lp_x *terms, int n);

/* --- operations without rounding --- */

lp_x lp_x_negate(lp_tape *t, lp_x a);
/* a times a power of 2. */
lp_x lp_x_scale(lp_tape *t, lp_x a, double power_of_two);
/* |a|: a, -a, or, at an exact 0 or NaN, slope 0. Meets the switch a. */
lp_x lp_x_abs(lp_tape *t, lp_x a);
/* a where keep, else 0; the adjoint likewise, so that what comes after it is multiplied by 0 (0 * inf is NaN). */
lp_x lp_x_mask(lp_tape *t, lp_x a, bool keep);
/* 0 in the place of an a that is not above 0, where max(0, a) is shut: a mask that keeps the reach of a where rounding
 * could have made a positive. */
lp_x lp_x_shut(lp_tape *t, lp_x a);
/* max(0, a) as torch.clamp_min takes it: at an exact 0 the slope is 1; NaN stays NaN and has the slope 0; where it is
 * shut, an infinite adjoint becomes 0. Meets the switch a. */
lp_x lp_x_clamp(lp_tape *t, lp_x a);
/* 0 whatever a is, even infinite or NaN; the adjoint is multiplied by 0, so that an infinite one becomes NaN. */
lp_x lp_x_erase(lp_tape *t, lp_x a);
/* The number a, whose adjoint goes to `carrier` unchanged: a value with a slope that is written separately. */
lp_x lp_x_carry(lp_tape *t, lp_x a, lp_x carrier);
/* The number a, with a slope to `of` of which nothing is known: NaN, or anything. */
lp_x lp_x_unknown_slope(lp_tape *t, lp_x a, lp_x of);
/* The number a as a constant: it has no slope. */
lp_x lp_x_detach(lp_tape *t, lp_x a);
/* The same number, known to be exact however it is computed. Use at once, before anything else refers to a. */
lp_x lp_x_sharpen(lp_tape *t, lp_x a);
/* The same number without a share of its own in the reach. Use at once, before anything else refers to a. */
lp_x lp_x_unrounded(lp_tape *t, lp_x a);

/* --- decisions --- */

/* On which side of 0 is the switch function s? Decided by its ball, at the precision of the tape; when rounding could
 * take it elsewhere, the switch is recorded, and taken the other way when the tape's override says so. LP_UNORDERED:
 * NaN. */
lp_side lp_x_side(lp_tape *t, lp_x s);
/* The same for an s whose sign the caller has decided exactly (LP_BELOW, LP_AT, LP_ABOVE). */
lp_side lp_x_side_known(lp_tape *t, lp_x s, lp_side sign);

/* On which side of b is a? The switch a - b; infinities of one sign are equal. */
lp_side lp_x_compare(lp_tape *t, lp_x a, lp_x b);

/* The side of a number that is no kink (a < or > test on an exact value): -1, 0, 1, or LP_UNORDERED. Not recorded. */
lp_side lp_x_sign(lp_tape *t, lp_x s);

/* The side asked for next is that of a gate, a hinge: below 0 the term is shut, and no other switch shows in its
 * gradient. Where rounding may open it the others are looked at behind the open gate. */
void lp_x_announce_gate(lp_tape *t);

/* May arithmetic in the tape's dtype put s on another side of 0? */
bool lp_x_is_near(lp_tape *t, lp_x s);

/* Switches that are chosen jointly: a subdifferential with more directions than the two sides of one switch. Begin a
 * group, then meet each of its switches: LP_AT, but LP_BELOW or LP_ABOVE when the tape's override says so. */
int lp_x_new_group(lp_tape *t);
lp_side lp_x_meet_in_group(lp_tape *t, int group, double dual, lp_kink_state state);

/* From now on, to the end of the term, results out of the range of float64 are infinite or 0. For terms with an
 * infinity or NaN in them, whose results have the class that float64 arithmetic gives. */
void lp_x_limit_range(lp_tape *t);

/* Makes a choice that no switch records (which of several is the largest) a part of the signature. */
void lp_x_note(lp_tape *t, int64_t choice);

void lp_x_enter(lp_tape *t, int regime);
/* Rounding may put the case into other regimes than those entered: a border that is no switch is near. */
void lp_x_doubt_regimes(lp_tape *t);

/* --- reading --- */

lp_class lp_x_class(const lp_tape *t, lp_x a);
const arb_struct *lp_x_ball(const lp_tape *t, lp_x a);
const mag_struct *lp_x_reach(const lp_tape *t, lp_x a);
int64_t lp_x_terms(const lp_tape *t, lp_x a);
/* May rounding make it any other number, an infinity or NaN? */
bool lp_x_is_boundless(const lp_tape *t, lp_x a);

/* Writes the gradient of `of`, times seed, on the tape. Then every element of an input that `of` depends on has an
 * adjoint, read with lp_x_leaves. */
void lp_x_backward(lp_tape *t, lp_x of, lp_x seed);

/* An element of an input and the adjoint that backward found for it. */
typedef struct lp_leaf {
  int input;
  int64_t index;
  lp_x adjoint;
} lp_leaf;

/* Calls take() for each element that has an adjoint, in the order in which they were written. */
void lp_x_leaves(const lp_tape *t, void (*take)(void *context, const lp_leaf *leaf), void *context);

#endif
