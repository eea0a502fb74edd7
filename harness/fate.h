/* What becomes of a case: accepted, with the regimes that it enters, or rejected for a reason. */
#ifndef LP_HARNESS_FATE_H
#define LP_HARNESS_FATE_H

#include "golden/arena.h"

typedef struct lp_fate {
  bool rejected;
  lp_reject reject; /* LP_REJECT_NONE when accepted */
  uint64_t regimes; /* of loss->regimes; 0 when rejected */
} lp_fate;

/* Plans the case and asks for its regimes. The arena lends the scratch. LP_INVALID when it is not a case. */
lp_status lp_fate_of(lp_fate *fate, lp_arena *arena, const lp_case *c, lp_error *error) LP_MUST_USE;

/* A hash of what at most three stored cases may share: options (reduction, parameters, inputs given, their dtypes,
 * class of the upstream gradient), shape class, regimes, and what the case hunts. Classes are read from the tags. */
uint64_t lp_fate_group(const lp_case *c, const lp_fate *fate);

/* Copies the word after "KEY=" in blank-separated tags into word[LP_NAME_MAX], "" when there is none. */
char *lp_tag_value(char word[LP_NAME_MAX], const char *tags, const char *key);

#endif
