/* The judge: from a candidate's outcome and the exact enclosures to a verdict for each output.
 *
 * A fail is a proof: some element lies outside its budget however the enclosure, and however the kinks of the case, are
 * taken. A pass is one too. What remains is inconclusive. */
#ifndef LP_HARNESS_JUDGE_H
#define LP_HARNESS_JUDGE_H

#include "golden/suite.h"
#include "harness/compare.h"

typedef enum lp_profile {
  LP_PROFILE_PYTORCH = 0, /* PyTorch's observed choice wherever mathematics leaves one */
  LP_PROFILE_MATH,        /* any valid subgradient; the limit at infinities */
} lp_profile;

const char *lp_profile_name(lp_profile profile); /* "pytorch", "math" */

typedef enum lp_verdict_kind {
  LP_VERDICT_PASS = 0,
  LP_VERDICT_FAIL,
  LP_VERDICT_INCONCLUSIVE,
  LP_VERDICT_UNSUPPORTED,
  LP_VERDICT_WAIVED, /* outside, but PyTorch is too: covered by a registered erratum */
} lp_verdict_kind;

/* How good a number is. A: within a quarter of the budget at the depth of pairwise summation; B: within the budget at
 * that depth; C: within the budget; F: outside. */
typedef enum lp_grade { LP_GRADE_NONE = 0, LP_GRADE_A, LP_GRADE_B, LP_GRADE_C, LP_GRADE_F } lp_grade;

/* What is wrong, in the words of signatures. */
typedef enum lp_cause {
  LP_CAUSE_NONE = 0,
  LP_CAUSE_VALUE,    /* a finite number outside the budget */
  LP_CAUSE_CLASS,    /* infinite or NaN where it should not be, or the reverse */
  LP_CAUSE_KINK,     /* no choice of sides at the case's kinks gives this gradient */
  LP_CAUSE_SHAPE,    /* an output of another shape */
  LP_CAUSE_MISSING,  /* no such output */
  LP_CAUSE_UNWANTED, /* an output that the loss does not have */
  LP_CAUSE_ACCEPTS,  /* accepts what must be rejected */
  LP_CAUSE_REJECTS,  /* rejects what must be accepted */
  LP_CAUSE_CRASH,
  LP_CAUSE_TIMEOUT,
  LP_CAUSE_UNSUPPORTED,
  LP_CAUSE_WIDE,  /* inconclusive: the enclosure is too wide */
  LP_CAUSE_STALE, /* a registered erratum that no longer shows */
  LP_CAUSE_LAW,   /* the answers to derived cases contradict one another */
  /* How the candidate behaved, in the words of lp_conduct; LP_CAUSE_CRASH is a signal, LP_CAUSE_TIMEOUT a hang. */
  LP_CAUSE_OUT_OF_BOUNDS,
  LP_CAUSE_EXIT,
  LP_CAUSE_MEMORY,
  LP_CAUSE_CLOSED,
  LP_CAUSE_GARBAGE,
  LP_CAUSE_OVERSIZED,
  LP_CAUSE_CHANGED_INPUT,
  LP_CAUSE_STRAY_WRITE,
  LP_CAUSE_UNWRITTEN,
  LP_CAUSE_UNSTABLE,
} lp_cause;

typedef struct lp_verdict {
  lp_verdict_kind kind;
  lp_cause cause;
  lp_grade grade;   /* of the worst element; NONE when nothing was compared */
  int input;        /* LP_OUTPUT_LOSS or the index of the gradient's input, or one of those below */
  int64_t index;    /* element with the worst ratio; LP_WHOLE_OUTPUT when no element was compared */
  double got;       /* at that element */
  lp_comparison at; /* likewise */
  bool other_side;  /* passes at a kink by another side than the one the numbers hold */
  char reason[160]; /* one sentence when kind is not PASS */
} lp_verdict;

/* Beside the outputs: accept or reject; the conduct; a law. */
enum { LP_OUTPUT_CASE = -2, LP_OUTPUT_CONDUCT = -3, LP_OUTPUT_LAW = -4 };

enum { LP_WHOLE_OUTPUT = -1, LP_MAX_VERDICTS = 2 + LP_MAX_OUTPUTS };

/* Where a loss has two conventions for a gradient (ctc), under profile math. */
typedef enum lp_convention { LP_CONVENTION_ANY = 0, LP_CONVENTION_PYTORCH, LP_CONVENTION_DERIVATIVE } lp_convention;

typedef struct lp_judging {
  lp_profile profile;
  bool flushes_subnormals;  /* the candidate declares that its arithmetic does */
  lp_convention convention; /* likewise */
} lp_judging;

/* Judges `candidate`. exact: what is true, or NULL when the case must be rejected. Returns how many verdicts it wrote:
 * one for acceptance, then one per output when both sides accepted. */
int lp_judge(lp_verdict verdicts[LP_MAX_VERDICTS], const lp_case *c, const lp_outcome *candidate, const lp_exact *exact,
             const lp_judging *how);

const char *lp_verdict_name(lp_verdict_kind kind);
const char *lp_cause_name(lp_cause cause);
char lp_grade_letter(lp_grade grade); /* '-' for NONE */

/* Same fault, same text: "soft_margin/grad/input/class/NaN-for-finite". No case, no numbers. Into text[capacity]. */
char *lp_signature(char *text, size_t capacity, const lp_loss *loss, const lp_verdict *v);

#endif
