/* The list of losses, generated at configure time from the files reference/NAME.c that define lp_loss_NAME. */
#ifndef LP_REFERENCE_REGISTRY_H
#define LP_REFERENCE_REGISTRY_H

#include "reference/loss.h"

int lp_registry_count(void);

/* Row `index`, in alphabetical order of names; NULL outside 0..count-1. */
const lp_loss *lp_registry_at(int index);

/* Finds a loss by its name, its functional name (with or without "torch.nn.functional." or "F.") or its module name
 * (with or without "torch.nn." or "nn."); NULL when there is none. */
const lp_loss *lp_registry_find(const char *name);

/* The name nearest to `name` in edit distance, for "did you mean"; NULL when none is near. */
const lp_loss *lp_registry_nearest(const char *name);

#endif
