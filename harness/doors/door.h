/* What every kind of candidate gives to candidate.c: one table of functions. */
#ifndef LP_HARNESS_DOORS_DOOR_H
#define LP_HARNESS_DOORS_DOOR_H

#include "harness/candidate.h"

typedef struct lp_door {
  const char *prefix; /* "plugin:"; without a colon: the whole description */
  bool goes_by_id;

  /* rest: what follows the prefix. Fills in the manifest, whose memory comes from the arena (which lives as long as the
   * candidate). On failure *state needs no close. */
  lp_status (*open)(void **state, lp_manifest *manifest, lp_arena *arena, const char *rest,
                    const lp_candidate_options *options, lp_error *error);
  /* As lp_candidate_ask. */
  lp_status (*ask)(void *state, lp_answer *answers, lp_arena *arena, const lp_case *const *cases, int n,
                   lp_error *error);
  void (*close)(void *state);
} lp_door;

extern const lp_door lp_door_reference, lp_door_exact, lp_door_outcomes, lp_door_plugin, lp_door_exec, lp_door_zoo;

/* The outcome of a case that no answer came to; LP_CONDUCT_GOOD is not meant. message is kept. */
void lp_answer_died(lp_answer *answer, lp_conduct conduct, const char *message);

#endif
