/* The register of errata: finite inputs at which PyTorch is proven wrong beyond rounding (golden/errata.json).
 * An erratum names the cases it covers and the outputs in which the fixture is wrong. */
#ifndef LP_GOLDEN_ERRATA_H
#define LP_GOLDEN_ERRATA_H

#include "golden/arena.h"

typedef struct lp_erratum {
  const char *name;      /* "soft_margin.overflow" */
  const char *summary;   /* what PyTorch computes, and what is true */
  const char *source;    /* the upstream function or report */
  const char *const *cases; /* ids of the fixtures it covers, sorted; n_cases of them */
  int n_cases;
} lp_erratum;

typedef struct lp_errata lp_errata;

lp_status lp_errata_read(lp_errata **errata, const char *path, lp_error *error) LP_MUST_USE;
void lp_errata_free(lp_errata *errata);
int lp_errata_count(const lp_errata *errata);
const lp_erratum *lp_errata_at(const lp_errata *errata, int index);

/* The erratum that covers this output ("loss", "grad/input") of this case, or NULL. */
const lp_erratum *lp_errata_find(const lp_errata *errata, const char *case_id, const char *output);

#endif
