/* Puts an animal through certify and says what became of it. */
#ifndef LP_HARNESS_ZOO_KEEPER_H
#define LP_HARNESS_ZOO_KEEPER_H

#include "harness/certify.h"
#include "harness/zoo/zoo.h"

/* What can see a fault. */
typedef enum lp_zoo_oracle {
  LP_ZOO_BY_ACCEPTANCE = 0, /* accepts or rejects wrongly */
  LP_ZOO_BY_VALUE,          /* the loss outside its budget */
  LP_ZOO_BY_GRADIENT,       /* a gradient outside its budget, or on no side of a kink */
  LP_ZOO_BY_CLASS,          /* finite, infinite or NaN where it is something else */
  LP_ZOO_BY_SHAPE,          /* an output missing, unwanted, or of another shape */
  LP_ZOO_BY_LAW,            /* answers that contradict one another: no oracle needed */
  LP_ZOO_BY_CONDUCT,
  LP_ZOO_ORACLES
} lp_zoo_oracle;

const char *lp_zoo_oracle_name(lp_zoo_oracle oracle);

typedef enum lp_zoo_fate {
  LP_ZOO_KILLED = 0, /* wrong, and seen */
  LP_ZOO_PASSES,     /* right, and not accused */
  LP_ZOO_EQUIVALENT, /* marked as no different, and not accused */
  LP_ZOO_SURVIVES,   /* wrong, and not seen: the harness is at fault */
  LP_ZOO_ACCUSED,    /* right, or marked as no different, and accused: likewise */
} lp_zoo_fate;

const char *lp_zoo_fate_name(lp_zoo_fate fate);

enum { LP_ZOO_ID_MAX = 256 };

typedef struct lp_zoo_row {
  const lp_animal *animal;
  lp_zoo_fate fate;
  int ran;                   /* cases that it answered */
  int after;                 /* the first case with a fail is the so-and-so-many-th that ran; 0: none */
  lp_zoo_oracle first;       /* what saw it there */
  char id[LP_ZOO_ID_MAX];    /* that case, or the derived one */
  char law[LP_NAME_MAX];     /* the first law that it breaks; "" */
  int failing, failing_core; /* cases with a fail; of those, of suite core */
  int inconclusive;          /* verdicts */
  long by[LP_ZOO_ORACLES];   /* verdicts */
} lp_zoo_row;

/* The oracle that kills it alone; LP_ZOO_ORACLES: none, or several. */
lp_zoo_oracle lp_zoo_only_oracle(const lp_zoo_row *row);

/* Certifies the candidate `name` ("zoo:l1.no-abs") and judges the result as that of `animal`. */
lp_status lp_zoo_keep(lp_zoo_row *row, const char *name, const lp_animal *animal, const lp_suite *suite,
                      const lp_errata *errata, const lp_certify_options *options, lp_error *error) LP_MUST_USE;

/* Is the harness at fault? */
bool lp_zoo_is_fault(lp_zoo_fate fate);

#endif
