#include "golden/manifest.h"

#include <string.h>

#include "reference/registry.h"

static unsigned differentiable_inputs(const lp_loss *loss, bool optional_only) {
  unsigned bits = 0;
  for (int i = 0; i < loss->n_inputs; i++) {
    const lp_input_spec *spec = &loss->inputs[i];
    if (optional_only ? spec->optional : spec->differentiable) bits |= 1u << i;
  }
  return bits;
}

static lp_capability everything(const lp_loss *loss, unsigned dtypes) {
  return (lp_capability){.loss = loss,
                         .supported = true,
                         .dtypes = dtypes,
                         .max_rank = LP_MAX_RANK,
                         .reductions = loss->reductions,
                         .optional_inputs = differentiable_inputs(loss, true),
                         .gradients = differentiable_inputs(loss, false),
                         .broadcasting = true,
                         .empty = true,
                         .mixed_dtypes = true,
                         .grad_output = true,
                         .special_values = true,
                         .validates = true};
}

lp_status lp_manifest_init(lp_manifest *manifest, lp_arena *arena, const char *name, const char *version,
                           unsigned dtypes, lp_error *error) {
  const int n = lp_registry_count();
  *manifest = (lp_manifest){.text = ""};
  manifest->name = lp_arena_text(arena, name, strlen(name));
  manifest->version = lp_arena_text(arena, version, strlen(version));
  manifest->losses = lp_arena_alloc(arena, (size_t)n, sizeof *manifest->losses);
  if (!manifest->name || !manifest->version || !manifest->losses) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  for (int i = 0; i < n; i++) manifest->losses[i] = everything(lp_registry_at(i), dtypes);
  return LP_OK;
}

const lp_capability *lp_manifest_find(const lp_manifest *manifest, const lp_loss *loss) {
  for (int i = 0; i < lp_registry_count(); i++) {
    if (manifest->losses[i].loss == loss) return &manifest->losses[i];
  }
  return NULL;
}
