/* Deliberately false answers: what came through a door, changed in a way that the judge must see. For doctor, which
 * shows with them that a candidate's door lets no wrong answer pass. */
#ifndef LP_HARNESS_TAMPER_H
#define LP_HARNESS_TAMPER_H

#include "harness/candidate.h"

typedef enum lp_tampering {
  LP_TAMPER_NONE = 0,
  LP_TAMPER_GRADIENT, /* the largest component of the last gradient, by a part in a thousand, or what its dtype shows */
  LP_TAMPER_NAN,      /* the first element of the loss becomes NaN */
  LP_TAMPER_SWAP,     /* the loss and the first gradient change places */
  LP_TAMPER_COUNT
} lp_tampering;

/* "a gradient that is off by a part in a thousand" ... */
const char *lp_tampering_name(lp_tampering how);

/* Changes an answer; what it changes is copied into the arena first. False: it has nothing to change. LP_NO_MEMORY
 * counts as that. */
bool lp_tamper_answer(lp_answer *answer, lp_arena *arena, lp_tampering how);

#endif
