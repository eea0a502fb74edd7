/* A hunt: libFuzzer over cases of one loss, in a child process, whose findings do not end it.
 *
 * The child is this program again (LLVMFuzzerRunDriver exits rather than returns, and what kills it must not kill us).
 * On its standard output it writes a record a line, its fields between tabs, bytes in hexadecimal:
 *   S executions asked accepted regimes        how far it is, twice a second and at the end
 *   W output index ratio bytes                 the worst ratio of error to budget of an output so far
 *   F executions signature text bytes          a signature that is new, or has shorter bytes than before
 *   E message                                  it cannot go on
 * hunters.h has the parent. */
#ifndef LP_FUZZ_HUNT_H
#define LP_FUZZ_HUNT_H

#include "fuzz/probe.h"

/* What a hunter is told. */
typedef struct lp_hunt_order {
  const lp_loss *loss;
  const char *candidate; /* its description; "reference" goes through all oracles */
  unsigned dtypes;       /* bits (1u << lp_dtype); never 0 */
  lp_profile profile;
  lp_candidate_options isolation;
  int seconds;         /* to hunt; 0: until the executions are done */
  int executions;      /* at most; 0: any number */
  int most_elements;   /* of any tensor of a case; 0: any number */
  unsigned seed;       /* of libFuzzer; not 0, which would be drawn */
  bool stop_at_first;  /* end with the first finding */
  bool shares_corpus;  /* with other hunters: their inputs are read as they come */
  const char *corpus;  /* a folder that grows */
  const char *start;   /* a folder of inputs to start from, or "" */
  const char *remains; /* where an input goes that kills the hunter itself: a folder, with a slash at the end */
} lp_hunt_order;

enum { LP_HUNT_WORDS = 18, LP_HUNT_WORD = 4096, LP_HUNT_MOST_FINDINGS = 256 };

/* Whether an engine is built in. */
bool lp_hunt_is_possible(void);

/* The command line of a hunter, from its program's name on: LP_HUNT_WORDS words. LP_INVALID: one is too long. */
lp_status lp_hunt_write_order(char words[LP_HUNT_WORDS][LP_HUNT_WORD], const lp_hunt_order *order,
                              lp_error *error) LP_MUST_USE;

/* main begins with lp_serve_worker and then this: true when this process is a hunter that could not hunt; the others
 * end by themselves. */
bool lp_serve_hunter(int *exit_status, int argc, char *const *argv);

#endif
