/* The implementation under test, behind one interface.
 *
 *   reference          the built-in double-precision reference, rounded once to the dtype of each output
 *   exact              the exact oracle, rounded once likewise
 *   plugin:PATH.so     a shared object that exports lossproof_plugin(); see doors/lossproof/plugin.h
 *   exec:COMMAND       a program that answers JSON Lines; see doors/README.md
 *   outcomes:FILE      answers that were computed elsewhere, found by case id
 *
 * Plugins and programs run in processes of their own, which are watched: whatever they do becomes an answer. */
#ifndef LP_HARNESS_CANDIDATE_H
#define LP_HARNESS_CANDIDATE_H

#include "golden/manifest.h"
#include "golden/suite.h"

typedef struct lp_candidate lp_candidate;

typedef struct lp_candidate_options {
  double timeout;      /* seconds for one case */
  double load_timeout; /* seconds until the handshake */
  int64_t memory;      /* bytes of resident memory of a worker and its children */
  bool careless;       /* plugin: one run a case, without the checks of conduct that need a second */
} lp_candidate_options;

#define LP_CANDIDATE_DEFAULTS \
  ((lp_candidate_options){.timeout = 10, .load_timeout = 120, .memory = (int64_t)8 << 30, .careless = false})

/* How a candidate behaved, beside what it answered. */
typedef enum lp_conduct {
  LP_CONDUCT_GOOD = 0,
  /* It did not live to answer: the outcome is crashed or timed_out. */
  LP_CONDUCT_SIGNAL,        /* killed by a signal of its own making */
  LP_CONDUCT_OUT_OF_BOUNDS, /* of these, one at a guard page */
  LP_CONDUCT_EXIT,          /* ended by itself */
  LP_CONDUCT_HANG,          /* no answer in time */
  LP_CONDUCT_MEMORY,        /* more resident memory than allowed */
  LP_CONDUCT_CLOSED,        /* closed its end of the pipe and lives on */
  LP_CONDUCT_GARBAGE,       /* what it wrote is no answer, or one in another dtype */
  LP_CONDUCT_OVERSIZED,     /* or longer than any answer can be */
  /* It answered, and the answer is judged, but: */
  LP_CONDUCT_CHANGED_INPUT, /* wrote into an input */
  LP_CONDUCT_STRAY_WRITE,   /* wrote beside an output */
  LP_CONDUCT_UNWRITTEN,     /* left elements of an output as they were */
  LP_CONDUCT_UNSTABLE,      /* declares itself deterministic, and gave two answers to one question */
  LP_CONDUCT_COUNT
} lp_conduct;

/* "good", "signal", "out-of-bounds" ... */
const char *lp_conduct_name(lp_conduct conduct);

enum { LP_MAX_ENCORES = 2 };

typedef struct lp_answer {
  lp_outcome outcome;
  lp_conduct conduct;
  const char *conduct_text; /* one sentence; "" when GOOD */
  /* The same question again: other places in memory, other strides. Only answers that differ from `outcome`. */
  int n_encores;
  lp_outcome encores[LP_MAX_ENCORES];
  const char *encore_names[LP_MAX_ENCORES]; /* "buffers after a guard page" ... */
} lp_answer;

/* Opens a candidate by its description, and shakes hands with it. options: NULL for the defaults.
 * LP_INVALID: no such kind, or its handshake or manifest is wrong; LP_IO: it is missing or cannot be started. */
lp_status lp_candidate_open(lp_candidate **candidate, const char *description, const lp_candidate_options *options,
                            lp_error *error) LP_MUST_USE;
void lp_candidate_close(lp_candidate *candidate); /* NULL is fine; ends its workers */

const char *lp_candidate_name(const lp_candidate *candidate); /* its description */
const lp_manifest *lp_candidate_manifest(const lp_candidate *candidate);

/* True when the candidate is our own reference: a disagreement is then the harness's fault. */
bool lp_candidate_is_ours(const lp_candidate *candidate);

/* True when answers are found by id alone, so that no two questions may share one. */
bool lp_candidate_goes_by_id(const lp_candidate *candidate);

/* Puts cases to one and the same worker, in this order. A worker that dies is replaced: every case has its answer, and
 * what killed it is the answer of the case that was being answered. The memory of the answers comes from the arena.
 * LP_INVALID: it was answered as a case of another loss. LP_IO: no worker can be started any more. Safe to call from
 * several threads at once. */
lp_status lp_candidate_ask(lp_candidate *candidate, lp_answer *answers, lp_arena *arena, const lp_case *const *cases,
                           int n, lp_error *error) LP_MUST_USE;

/* Is this what stands for the answer to a case that a file of answers leaves out? A file that says so in the same words
 * has left it out as well. */
bool lp_outcome_is_left_out(const lp_outcome *outcome);

/* From now on every answer is changed before it is seen (an lp_tampering, harness/tamper.h; 0: not any more). */
void lp_candidate_tamper(lp_candidate *candidate, int how);

/* One case, and only its outcome. */
lp_status lp_candidate_answer(lp_candidate *candidate, lp_outcome *outcome, lp_arena *arena, const lp_case *c,
                              lp_error *error) LP_MUST_USE;

#endif
