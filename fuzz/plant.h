/* Faults planted on purpose, to see the targets find them. Only a build with LOSSPROOF_PLANT=ON has them. */
#ifndef LP_FUZZ_PLANT_H
#define LP_FUZZ_PLANT_H

#include "harness/examine.h"

#ifdef LOSSPROOF_PLANT
/* In cases of the regime that the environment's LOSSPROOF_PLANT names ("quadratic"), moves the first number of the
 * reference's outcome that is finite just beyond its budget: to the nearest number of its dtype that is outside. True:
 * there was one. */
bool lp_plant(lp_examination *e, const lp_loss *loss);
#else
static inline bool lp_plant(const lp_examination *e, const lp_loss *loss) {
  (void)e;
  (void)loss;
  return false;
}
#endif

#endif
