/* One case through all oracles.
 *
 * Of the reference (no candidate):   acceptance, outputs against the exact oracle, regimes of both, the exact gradients
 *                                    against finite differences, ctc against brute force, and the laws.
 * Of a candidate:                    acceptance, outputs, conduct, and the laws.
 *
 * What is drawn (a law, directions) depends on the seed alone: the same case and seed, the same findings. */
#ifndef LP_FUZZ_PROBE_H
#define LP_FUZZ_PROBE_H

#include "harness/candidate.h"
#include "harness/judge.h"

enum {
  LP_PROBE_JACOBIAN_EVERY = 64, /* seeds: for one of so many, all of the Jacobian is differenced */
  LP_PROBE_DIRECTIONS = 2,      /* and for the others so many directions */
  LP_PROBE_MOST_WORK = 256,     /* elements of the inputs: with more there are no differences */
  LP_PROBE_MOST_PATHS = 256,    /* of ctc, by brute force */
  LP_PROBE_MOST_FINDINGS = 8,
  LP_PROBE_SIGNATURE = 128,
  LP_PROBE_TEXT = 400
};

typedef struct lp_probe_options {
  lp_candidate *candidate; /* NULL: the reference */
  lp_judging how;          /* of a candidate */
  uint64_t seed;
  bool everything; /* all laws, and all of the Jacobian */
} lp_probe_options;

/* Same fault, same signature, as those of reports: "soft_margin/grad/input/class/NaN-for-finite", "mse/law/rows",
 * "ctc/brute-force", "mse/differences/wrong", "mse/regimes/quadratic". */
typedef struct lp_probe_finding {
  char signature[LP_PROBE_SIGNATURE];
  char text[LP_PROBE_TEXT]; /* one sentence */
} lp_probe_finding;

/* The worst element of an output. */
typedef struct lp_probe_output {
  int input;     /* LP_OUTPUT_LOSS or the gradient's */
  int64_t index; /* LP_WHOLE_OUTPUT when no element was compared */
  double ratio;  /* of error to budget */
} lp_probe_output;

typedef struct lp_probe_result {
  bool asked; /* false: the candidate does not declare such a case */
  bool accepted;
  lp_reject reject; /* why not */
  uint64_t regimes; /* of the loss, that the reference enters */
  int n_outputs;
  lp_probe_output outputs[LP_MAX_OUTPUTS];
  int inconclusive; /* outputs */
  bool planted;     /* a fault was planted on purpose (plant.h) */
  int n_findings;
  lp_probe_finding findings[LP_PROBE_MOST_FINDINGS]; /* the first of them */
} lp_probe_result;

/* LP_NO_MEMORY; LP_INVALID: it is not a case; LP_IO: no worker of the candidate can be started any more. What the
 * result needs beyond itself lives in the arena. */
lp_status lp_probe(lp_probe_result *result, lp_arena *arena, const lp_case *c, const lp_probe_options *options,
                   lp_error *error) LP_MUST_USE;

/* The seed of an input of a fuzzer: a hash of its bytes. */
uint64_t lp_probe_seed(const uint8_t *bytes, size_t size);

#endif
