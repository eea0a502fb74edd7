/* A registry of two made-up losses, so that the tests of readers and writers stand on no real loss. Including this file
 * defines the functions of reference/registry.h; a program includes it once and links none of the real registry. */
#ifndef LP_GOLDEN_TESTS_FAKE_LOSSES_H
#define LP_GOLDEN_TESTS_FAKE_LOSSES_H

#include <string.h>

#include "reference/case.h"
#include "reference/registry.h"

static const lp_input_spec fake_inputs[] = {
    {.name = "input", .kind = LP_KIND_REAL, .differentiable = true, .max_rank = LP_MAX_RANK},
    {.name = "target", .kind = LP_KIND_REAL, .differentiable = true, .integer_ok = true, .max_rank = LP_MAX_RANK},
    {.name = "labels", .kind = LP_KIND_INDEX, .optional = true, .max_rank = LP_MAX_RANK},
    {.name = "weight", .kind = LP_KIND_REAL, .optional = true, .differentiable = true, .max_rank = LP_MAX_RANK},
};

static const lp_param_spec fake_params[] = {
    {.name = "margin", .type = LP_PARAM_REAL, .fallback = 1.0, .domain = "a number"},
    {.name = "p", .type = LP_PARAM_INT, .fallback = 2.0, .domain = "1 or 2"},
    {.name = "full", .type = LP_PARAM_BOOL, .fallback = 0.0, .domain = "true or false"},
};

static const lp_loss fake_losses[] = {
    {.name = "plain",
     .functional = "plain_loss",
     .module = "PlainLoss",
     .reductions = LP_CAN_USUAL,
     .legacy_reduction = true,
     .inputs = fake_inputs,
     .n_inputs = 4,
     .params = fake_params,
     .n_params = 3},
    {.name = "modern",
     .functional = "modern_loss",
     .module = "ModernLoss",
     .reductions = LP_CAN_USUAL,
     .inputs = fake_inputs,
     .n_inputs = 2},
};

int lp_registry_count(void) { return 2; }

const lp_loss *lp_registry_at(int index) { return index >= 0 && index < 2 ? &fake_losses[index] : NULL; }

const lp_loss *lp_registry_find(const char *name) {
  for (int i = 0; i < 2; i++) {
    const lp_loss *l = &fake_losses[i];
    if (!strcmp(name, l->name) || !strcmp(name, l->functional) || !strcmp(name, l->module)) return l;
  }
  return NULL;
}

/* Near: the same first letter. */
const lp_loss *lp_registry_nearest(const char *name) {
  return name[0] == 'p' ? &fake_losses[0] : name[0] == 'm' ? &fake_losses[1] : NULL;
}

#endif
