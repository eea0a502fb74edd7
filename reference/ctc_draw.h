/* Seeded values for ctc: lengths, labels and log-probabilities that fit together. */
#ifndef LP_REFERENCE_CTC_DRAW_H
#define LP_REFERENCE_CTC_DRAW_H

#include "reference/draw.h"

enum { LP_CTC_VALUE_CLASSES = 19 };
extern const lp_value_class lp_ctc_value_classes[LP_CTC_VALUE_CLASSES];

/* The draw hook. Shapes that PyTorch refuses are filled too. */
void lp_ctc_draw(lp_case *c, lp_rng *rng, int value_class);

#endif
