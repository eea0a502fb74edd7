/* Shared by differences*.c. */
#ifndef LP_EXACT_DIFFERENCES_INTERNAL_H
#define LP_EXACT_DIFFERENCES_INTERNAL_H

#include "reference/exact/differences.h"

enum {
  LP_DIFFERENCES_FAR = 64,        /* the far places are 2^-64 of the natural size away */
  LP_DIFFERENCES_RATIO = 32,      /* the near ones 2^-32 of that */
  LP_DIFFERENCES_LEAST = 2048,    /* a switch that is on another side still at 2^-LEAST of it is at 0 itself ... */
  LP_DIFFERENCES_DEEPEST = 4096,  /* ... but where that speaks against the claim, at 2^-DEEPEST: no place is nearer */
  LP_DIFFERENCES_TOLERANCE = 85,  /* bits, for each of two errors: 2^-84 is below 10^-25 */
  LP_DIFFERENCES_PRECISION = 256, /* the first that is tried */
};

enum { LP_ABOVE_ZERO, LP_BELOW_ZERO, LP_CENTRAL, LP_SIDES = 2 };

/* F at one place of the line, and the sides that the switches take. */
typedef struct lp_place {
  arb_struct value;
  uint64_t signature;
  bool finite;
} lp_place;

typedef struct lp_stencil {
  slong step; /* the far places are at +-2^step, the near ones at +-2^(step - RATIO) */
  slong precision;
  bool fresh;                  /* F at 0 and at the far places has been found for this step and precision */
  bool torn;                   /* the switches take other sides at 0 than anywhere beside it */
  bool cusp;                   /* so, or a kink is reported, or the one-sided derivatives differ: those are compared */
  bool open[LP_SIDES];         /* F is finite on that side */
  uint64_t expected[LP_SIDES]; /* the signature of the piece whose slope is wanted */
  lp_place zero, far[LP_SIDES], near[LP_SIDES];
} lp_stencil;

/* A slope, with a radius that is proven and a truncation error that is not. */
typedef struct lp_estimate {
  arb_struct value;
  mag_struct truncation;
  bool known;
} lp_estimate;

typedef struct lp_difference_run {
  const lp_plan *plan;
  const lp_differences_options *options;
  const lp_exact *claim;
  lp_differences *found;
  bool *counted;                    /* elements of the loss that F sums up */
  bool *excluded[LP_MAX_INPUTS];    /* elements that have no difference; NULL: the input has no gradient */
  double *weight[LP_MAX_INPUTS];    /* the line: what each element moves by per unit of s */
  arb_struct *shift[LP_MAX_INPUTS]; /* room for weight times s */
  slong start;                      /* 2^start is the natural size of s on the line */
  char name[LP_NAME_MAX + 32];      /* of the line, for messages */

  arb_struct slope;     /* that the claim gives the line */
  mag_struct size;      /* of the slope; of its scale where it is 0; of F's, of a secant, where that is 0 */
  mag_struct tolerance; /* 2^-TOLERANCE of that */

  lp_stencil stencil;
  lp_estimate estimates[3];
} lp_difference_run;

typedef enum lp_line_verdict {
  LP_LINE_AGREES,
  LP_LINE_SILENT,
  LP_LINE_WRONG,
  LP_LINE_HIDDEN,
  LP_LINE_UNSEEN
} lp_line_verdict;

int64_t lp_difference_numel(const lp_difference_run *r, int input);

/* Output number k of the claim; for ctc its derivative. */
const lp_exact_output *lp_difference_claimed(const lp_difference_run *r, int output);

/* The evaluation that is differenced. */
lp_status lp_difference_evaluate(const lp_difference_run *r, lp_exact *exact, const lp_exact_options *options,
                                 lp_error *error) LP_MUST_USE;

/* --- the stencil --- */

void lp_stencil_init(lp_stencil *s);
void lp_stencil_clear(lp_stencil *s);

/* |F(s) - F(0)| / |s| at the natural size of s, on either side. */
lp_status lp_line_secant(lp_difference_run *r, mag_t slope, lp_error *error) LP_MUST_USE;

/* Sets the step, where no switch changes side within the stencil if that can be with places no nearer than 2^-depth of
 * the natural size, FAR times a power of 2. */
lp_status lp_line_look_around(lp_difference_run *r, slong depth, lp_error *error) LP_MUST_USE;

/* Moves inwards and raises the precision until the estimates are certain, or cannot become so. */
lp_status lp_line_measure(lp_difference_run *r, lp_error *error) LP_MUST_USE;

/* Moves inwards by so many bits; false when it cannot. */
bool lp_line_move(lp_difference_run *r, slong bits);

/* Is it known to 25 digits? */
bool lp_estimate_is_certain(const lp_difference_run *r, const lp_estimate *e);

/* The ball that holds the slope if the truncation error is what it is taken to be. */
void lp_estimate_enclose(arb_t ball, const lp_estimate *e);

/* --- the comparison --- */

/* Does the claim report a kink at 0 that must show on the line? */
bool lp_line_has_kink(const lp_difference_run *r);

/* What the estimates say of the claim; *digits: to how many they agree. */
lp_status lp_line_judge(const lp_difference_run *r, lp_line_verdict *verdict, double *digits,
                        lp_error *error) LP_MUST_USE;

#endif
