/* zoo:LOSS.NAME, a candidate of one loss. */
#include "harness/doors/door.h"
#include "harness/zoo/zoo.h"
#include "reference/registry.h"

typedef struct cage {
  const lp_animal *animal;
} cage;

static lp_status open_cage(void **state, lp_manifest *manifest, lp_arena *arena, const char *rest,
                           const lp_candidate_options *options, lp_error *error) {
  (void)options;
  const lp_zoo_family *family;
  cage *own = lp_arena_alloc(arena, 1, sizeof *own);
  if (!own) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  own->animal = lp_zoo_find(rest, &family);
  if (!own->animal) return lp_fail(error, LP_INVALID, "no animal \"%s\": `selfcheck --zoo` lists them", rest);
  *state = own;
  LP_TRY(lp_manifest_init(manifest, arena, rest, LOSSPROOF_VERSION, 1u << LP_FLOAT64 | 1u << LP_FLOAT32, error));
  for (int i = 0; i < lp_registry_count(); i++) {
    manifest->losses[i].supported = lp_registry_at(i) == lp_registry_find(family->loss);
  }
  return LP_OK;
}

static void close_cage(void *state) { (void)state; }

static lp_status ask_animal(void *state, lp_answer *answers, lp_arena *arena, const lp_case *const *cases, int n,
                            lp_error *error) {
  const cage *own = state;
  for (int i = 0; i < n; i++) {
    answers[i] = (lp_answer){.conduct_text = ""};
    LP_TRY(lp_zoo_answer(own->animal, &answers[i].outcome, arena, cases[i], error));
    if (!answers[i].outcome.message) answers[i].outcome.message = "";
  }
  return LP_OK;
}

const lp_door lp_door_zoo = {"zoo:", false, open_cage, ask_animal, close_cage};
