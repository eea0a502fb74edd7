/* The register of errata: finite inputs at which PyTorch is proven wrong beyond rounding (golden/errata.json).
 * An erratum names the cases it covers and the outputs in which the fixture is wrong. golden/export/errata.py proves
 * and writes them. */
#ifndef LP_GOLDEN_ERRATA_H
#define LP_GOLDEN_ERRATA_H

#include "golden/arena.h"

/* One wrong output: its worst element, proven in high-precision arithmetic. */
typedef struct lp_erratum_proof {
  const char *case_id; /* "bugs/soft_margin/exp-overflow" */
  const char *output;  /* "loss", "grad/input" */
  int64_t index;       /* of the element, in row-major order */
  const char *pytorch; /* PyTorch's value: shortest decimal, or Infinity, -Infinity, NaN */
  const char *truth;   /* the definition's value to 20 significant digits */
  const char *ratio;   /* |pytorch - truth| over the budget, to 3 digits, or Infinity */
} lp_erratum_proof;

typedef struct lp_erratum {
  const char *name;         /* "soft_margin.overflow" */
  const char *summary;      /* what PyTorch computes, and what is true */
  const char *source;       /* the upstream function or report */
  const char *const *cases; /* ids of the fixtures it covers, sorted; n_cases of them */
  int n_cases;
  const lp_erratum_proof *proofs; /* sorted by case, then output; n_proofs of them, no two for one output of a case */
  int n_proofs;
} lp_erratum;

typedef struct lp_errata lp_errata;

/* Reads the register. The schema is closed and checked: names ascend, case ids ascend within an erratum, no output of a
 * case is covered twice. LP_IO: cannot be opened; LP_INVALID: not a register, *errata is NULL then. */
lp_status lp_errata_read(lp_errata **errata, const char *path, lp_error *error) LP_MUST_USE;
void lp_errata_free(lp_errata *errata); /* NULL is fine */
int lp_errata_count(const lp_errata *errata);
const lp_erratum *lp_errata_at(const lp_errata *errata, int index); /* in order of names; NULL outside 0..count-1 */

/* The PyTorch version that the register was proven against, "2.13.0". */
const char *lp_errata_pytorch(const lp_errata *errata);

/* The erratum that covers this output ("loss", "grad/input") of this case, or NULL. */
const lp_erratum *lp_errata_find(const lp_errata *errata, const char *case_id, const char *output);

/* Its proof for that output, or NULL when it covers no such output. */
const lp_erratum_proof *lp_erratum_proof_of(const lp_erratum *erratum, const char *case_id, const char *output);

#endif
