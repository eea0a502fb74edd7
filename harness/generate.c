/* The generator, see generate.h. In order, the cases of a loss are:
 *   1. the covering array of the crossed settings;
 *   2. settings worth a few cases of their own (a special upstream gradient, further values of a parameter ...);
 *   3. settings that PyTorch rejects, each alone in otherwise ordinary cases;
 *   4. cases found by seeded search for regimes that fewer than REGIME_CASES cases enter so far;
 *   5. ordinary cases, and random rows, up to the numbers that there should be.
 * What a case holds depends on nothing but the loss's row, the run's seed and its id, so that a change to one loss
 * leaves the cases of the others alone. */
#include "harness/generate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/compose.h"
#include "harness/fate.h"
#include "harness/settings.h"
#include "reference/plan.h"

enum {
  ROW_TRIES = 200,     /* draws of sizes and values until a row of settings is accepted or rejected as declared */
  OPTIONAL_TRIES = 5,  /* the same where nothing is lost without the case */
  SEARCH_TRIES = 3000, /* random rows for a regime that few cases enter */
  REGIME_CASES = 3,    /* cases that a regime should have */
  ORDINARY_CASES = 48,
  GROUP_LIMIT = 3, /* stored cases that may share everything but their numbers */
  MAX_GROUPS = 1 << 18,
  ID_MAX = 2 * LP_NAME_MAX
};
#define ARRAY_SEED UINT64_C(0x6c6f737370726f6f)

typedef struct group {
  uint64_t hash;
  int n; /* 0: free */
} group;

typedef struct generator {
  lp_suite *suite;
  const lp_generate_options *options;
  const lp_loss *loss;
  lp_settings settings;
  lp_space space;
  lp_rows array;
  group *groups; /* open addressing */
  int n_cases, ordinary_cases;
  int regime_cases[LP_MAX_REGIMES];
} generator;

typedef enum demand { ACCEPTED, REJECTED, EITHER } demand;
typedef enum found { NOT_MET, GROUP_FULL, KEPT } found;

/* Which case is looked for, and how long. */
typedef struct quest {
  const int8_t *row; /* NULL: a random row of crossed settings at every try */
  bool ordinary;     /* of a random row: all its settings are */
  demand demand;
  lp_factor_kind kind; /* of the setting that may be rejected */
  bool rare;           /* only a case that enters a regime with too few cases will do */
  int tries;
} quest;

/* --- rows of settings --- */

static const lp_factor *factor_at(const generator *g, int factor) { return &g->settings.factors.factors[factor]; }

static int8_t random_level(const lp_factor *factor, lp_rng *rng) {
  return (int8_t)lp_rng_below(rng, factor->n_crossed);
}

/* Tries a random crossed level, an ordinary one if asked, and takes it back when the constraints forbid it. */
static void vary(int8_t *row, const generator *g, bool ordinary, int f, lp_rng *rng) {
  const int8_t before = row[f], level = random_level(factor_at(g, f), rng);
  if (ordinary && !factor_at(g, f)->levels[level].ordinary) return;
  row[f] = level;
  if (!lp_space_allows(&g->space, row)) row[f] = before;
}

/* A row of the array, or the row of all defaults, with settings changed where the constraints allow it. */
static void random_row(int8_t *row, const generator *g, bool ordinary, lp_rng *rng) {
  const int from = (int)lp_rng_below(rng, g->array.n);
  memcpy(row, lp_rows_at(&g->array, from), (size_t)g->settings.factors.n);
  if (ordinary) memset(row, 0, (size_t)g->settings.factors.n);
  for (int f = 0; f < g->settings.factors.n; ++f) {
    if (ordinary || lp_rng_chance(rng, 0.5)) vary(row, g, ordinary, f, rng);
  }
}

static bool is_ordinary_row(const generator *g, const int8_t *row) {
  for (int f = 0; f < g->settings.factors.n; ++f) {
    if (!factor_at(g, f)->levels[row[f]].ordinary) return false;
  }
  return true;
}

/* --- one case --- */

static group *group_of(const generator *g, uint64_t hash) {
  uint64_t at = hash % MAX_GROUPS;
  while (g->groups[at].n > 0 && g->groups[at].hash != hash) at = (at + 1) % MAX_GROUPS;
  g->groups[at].hash = hash;
  return &g->groups[at];
}

/* Is one of these regimes entered by too few cases? */
static bool is_rare(const generator *g, uint64_t regimes) {
  for (int i = 0; i < g->loss->n_regimes; ++i) {
    if (((regimes >> i) & 1u) && g->regime_cases[i] < REGIME_CASES) return true;
  }
  return false;
}

/* Is this the reason for which the plan should reject the setting? Shapes and values may have any of the others. */
static bool is_reason(lp_factor_kind kind, lp_reject reject) {
  switch (kind) {
    case LP_FACTOR_REDUCTION:
      return reject == LP_REJECT_REDUCTION;
    case LP_FACTOR_DTYPE:
      return reject == LP_REJECT_DTYPE;
    case LP_FACTOR_GRAD:
      return reject == LP_REJECT_GRAD_OUTPUT;
    default:
      return reject != LP_REJECT_REDUCTION && reject != LP_REJECT_DTYPE && reject != LP_REJECT_GRAD_OUTPUT;
  }
}

static bool meets(const generator *g, const quest *q, const lp_fate *fate) {
  if (fate->rejected) return q->demand != ACCEPTED && is_reason(q->kind, fate->reject);
  return q->demand != REJECTED && (!q->rare || is_rare(g, fate->regimes));
}

/* A finite parameter that the case's dtype makes infinite: PyTorch takes it in some losses, and in others refuses to
 * convert it (margin of hinge_embedding and multi_margin, p of triplet_margin). */
static bool parameter_overflows(const lp_case *c) {
  for (int i = 0; i < c->loss->n_params; ++i) {
    if (isfinite(c->params[i]) && isinf(lp_dtype_round(c->dtype, c->params[i]))) return true;
  }
  return false;
}

/* Refused for a dtype that PyTorch happens to take: either is right. */
static lp_expect expectation(const lp_case *c, const lp_fate *fate) {
  if (!fate->rejected) return parameter_overflows(c) ? LP_EXPECT_EITHER : LP_EXPECT_ACCEPT;
  for (int i = 0; fate->reject == LP_REJECT_DTYPE && i < c->loss->n_inputs; ++i) {
    const lp_input_spec *const spec = &c->loss->inputs[i];
    const bool usual = lp_dtype_is_floating(c->inputs[i].dtype) == (spec->kind == LP_KIND_REAL);
    if (c->has_input[i] && spec->dtype_open && !usual) return LP_EXPECT_EITHER;
  }
  return LP_EXPECT_REJECT;
}

static lp_status keep(generator *g, const lp_case *c, const lp_fate *fate, lp_error *error) {
  lp_suite_entry *const entry = lp_suite_add(g->suite);
  if (entry == NULL) return lp_fail(error, LP_NO_MEMORY, "case %s: no room in the list of cases", c->id);
  LP_TRY(lp_case_copy(&entry->c, g->suite->arena, c, error));
  entry->c.expect = expectation(&entry->c, fate);
  ++group_of(g, lp_fate_group(c, fate))->n;
  ++g->n_cases;
  for (int i = 0; i < g->loss->n_regimes; ++i) g->regime_cases[i] += (int)((fate->regimes >> i) & 1u);
  return LP_OK;
}

/* One draw, in an arena of its own. */
static lp_status attempt(found *result, generator *g, lp_arena *arena, const quest *q, const char *id, lp_rng *rng,
                         lp_error *error) {
  int8_t row[LP_MAX_FACTORS];
  lp_case c;
  lp_fate fate;
  if (q->row == NULL) random_row(row, g, q->ordinary, rng);
  const lp_recipe recipe = {&g->settings.factors, q->row != NULL ? q->row : row, g->options->dtype};
  LP_TRY(lp_compose(&c, arena, &recipe, rng, error));
  c.id = id;
  LP_TRY(lp_fate_of(&fate, arena, &c, error));
  if (!meets(g, q, &fate)) return LP_OK;
  *result = group_of(g, lp_fate_group(&c, &fate))->n < GROUP_LIMIT ? KEPT : GROUP_FULL;
  g->ordinary_cases += *result == KEPT && !fate.rejected && is_ordinary_row(g, recipe.row);
  return *result == KEPT ? keep(g, &c, &fate, error) : LP_OK;
}

/* Draws the next case until one is kept, or the tries are used up. */
static lp_status find_case(found *result, generator *g, const quest *q, lp_error *error) {
  char id[ID_MAX];
  snprintf(id, sizeof id, "%s/%s/%04d", g->options->suite, g->loss->name, g->n_cases);
  lp_rng rng = lp_rng_for_case(g->options->seed, id);
  lp_status status = LP_OK;
  *result = NOT_MET;
  for (int i = 0; i < q->tries && status == LP_OK && *result != KEPT; ++i) {
    lp_arena *const arena = lp_arena_new(0);
    if (arena == NULL) return lp_fail(error, LP_NO_MEMORY, "case %s: no memory", id);
    status = attempt(result, g, arena, q, id, &rng, error);
    lp_arena_free(arena);
  }
  return status;
}

/* "reduction=mean, beta=0.5, ...", for the message below. */
static void format_row(char *text, size_t capacity, const generator *g, const int8_t *row) {
  size_t length = 0;
  for (int f = 0; f < g->settings.factors.n && length < capacity; ++f) {
    const lp_factor *const factor = factor_at(g, f);
    const lp_level *const level = &factor->levels[row[f]];
    char number[32];
    snprintf(number, sizeof number, "%g", level->value);
    length += (size_t)snprintf(text + length, capacity - length, "%s%s=%s", f > 0 ? ", " : "", factor->name,
                               level->word != NULL ? level->word : number);
  }
}

/* A case with these settings, which must be accepted or rejected as declared: the loss's row is wrong otherwise. */
static lp_status add_row(generator *g, const int8_t *row, demand declared, lp_factor_kind kind, lp_error *error) {
  found result;
  const quest q = {.row = row, .demand = declared, .kind = kind, .tries = ROW_TRIES};
  LP_TRY(find_case(&result, g, &q, error));
  if (result != NOT_MET) return LP_OK;
  char text[LP_MESSAGE_MAX / 2];
  format_row(text, sizeof text, g, row);
  return lp_fail(error, LP_INTERNAL, "%s: declared to be %s, but no draw is: %s", g->loss->name,
                 declared == ACCEPTED ? "accepted" : "rejected", text);
}

/* --- 1. the array --- */

static lp_status add_array(generator *g, lp_error *error) {
  for (int i = 0; i < g->array.n; ++i)
    LP_TRY(add_row(g, lp_rows_at(&g->array, i), ACCEPTED, LP_FACTOR_REDUCTION, error));
  return LP_OK;
}

/* --- 2. and 3. settings on their own --- */

/* Settings that a row for one factor's level has to have. */
typedef struct frame {
  int factor, level;
  bool ordinary; /* other settings are ordinary ones */
} frame;

static const lp_shape_class *shape_of(const generator *g, int shape_factor, int level) {
  return &g->loss->shape_classes[(int)factor_at(g, shape_factor)->levels[level].value];
}

static bool has_empty_input(const generator *g, const lp_shape_class *shape) {
  for (int i = 0; i < g->loss->n_inputs; ++i) {
    if (lp_shape_is_empty(shape, i)) return true;
  }
  return false;
}

/* May the row's shape class stand beside the framed setting? The dtype of an input needs the input, and with empty
 * tensors PyTorch does not look at it everywhere. */
static bool suits(const generator *g, const frame *around, int shape_factor, int shape_level) {
  const lp_factor *const framed = factor_at(g, around->factor);
  const lp_shape_class *const shape = shape_of(g, shape_factor, shape_level);
  if (around->ordinary && !factor_at(g, shape_factor)->levels[shape_level].ordinary) return false;
  if (framed->kind != LP_FACTOR_DTYPE) return true;
  return !lp_shape_leaves_out(shape, framed->index) && !has_empty_input(g, shape);
}

/* Random among the crossed levels that suit; the first one when none does. */
static int8_t pick_shape(const generator *g, const frame *around, int shape_factor, lp_rng *rng) {
  int8_t levels[LP_MAX_LEVELS] = {0};
  int n = 0;
  for (int l = 0; l < factor_at(g, shape_factor)->n_crossed; ++l) {
    if (suits(g, around, shape_factor, l)) levels[n++] = (int8_t)l;
  }
  return n > 0 ? levels[lp_rng_below(rng, n)] : 0;
}

/* A rejected setting of an input shows only when the input is there, and a rejected shape or value may be any input's:
 * every optional input that the shape class provides is given. */
static void give_inputs(int8_t *row, const generator *g, const frame *around, int shape_factor) {
  const lp_level_use use = factor_at(g, around->factor)->levels[around->level].use;
  const lp_shape_class *const shape = shape_of(g, shape_factor, row[shape_factor]);
  for (int f = 0; f < g->settings.factors.n; ++f) {
    const lp_factor *const factor = factor_at(g, f);
    if (factor->kind != LP_FACTOR_GIVEN || lp_shape_leaves_out(shape, factor->index)) continue;
    const lp_factor *const framed = factor_at(g, around->factor);
    const bool own = framed->kind == LP_FACTOR_DTYPE && framed->index == factor->index;
    if (own || use == LP_LEVEL_REJECT) row[f] = 1;
  }
}

static void frame_row(int8_t *row, const generator *g, const frame *around, int8_t reduction, lp_rng *rng) {
  const int shape = lp_factors_find(&g->settings.factors, LP_FACTOR_SHAPE, 0);
  const lp_factor_kind kind = factor_at(g, around->factor)->kind;
  memset(row, 0, (size_t)g->settings.factors.n);
  row[lp_factors_find(&g->settings.factors, LP_FACTOR_REDUCTION, 0)] = reduction;
  row[shape] = pick_shape(g, around, shape, rng);
  row[around->factor] = (int8_t)around->level;
  give_inputs(row, g, around, shape);
  for (int f = 0; f < g->settings.factors.n; ++f) {
    const lp_factor_kind own = factor_at(g, f)->kind;
    const bool settled = f == around->factor || own == LP_FACTOR_REDUCTION || own == LP_FACTOR_SHAPE;
    /* a second integer tensor would be another setting: PyTorch's integer arithmetic, with an integer for a loss */
    if (settled || (own == LP_FACTOR_DTYPE && kind == LP_FACTOR_DTYPE)) continue;
    if (own == LP_FACTOR_GIVEN && row[f] == 1) continue;
    vary(row, g, around->ordinary, f, rng);
  }
}

/* For each reduction. A shape on its own is a large one, and once is enough. */
static int alone_cases(lp_factor_kind kind) {
  if (kind == LP_FACTOR_SHAPE) return 1;
  return kind == LP_FACTOR_DTYPE ? 2 : 3;
}

/* Once in an ordinary case, where it must be accepted, and then where shape and values are any; but an infinite or NaN
 * upstream gradient only meets ordinary ones, so that what is not finite in the answer has one cause. */
static lp_status add_alone(generator *g, int factor, int level, int8_t reduction, lp_rng *rng, lp_error *error) {
  int8_t row[LP_MAX_FACTORS];
  const lp_factor_kind kind = factor_at(g, factor)->kind;
  const demand declared = factor_at(g, factor)->levels[level].use == LP_LEVEL_ALONE ? ACCEPTED : EITHER;
  const frame ordinary = {factor, level, true}, any = {factor, level, kind == LP_FACTOR_GRAD};
  frame_row(row, g, &ordinary, reduction, rng);
  LP_TRY(add_row(g, row, declared, kind, error));
  for (int i = 1; i < alone_cases(kind); ++i) {
    found result;
    frame_row(row, g, &any, reduction, rng);
    const quest q = {.row = row, .demand = declared, .kind = kind, .tries = OPTIONAL_TRIES};
    LP_TRY(find_case(&result, g, &q, error));
  }
  return LP_OK;
}

/* Once in an ordinary case, where it must be rejected, and once where shape and values are any: a degenerate shape may
 * excuse it (no index of an empty tensor is out of range). */
static lp_status add_reject(generator *g, int factor, int level, int8_t reduction, lp_rng *rng, lp_error *error) {
  found excused;
  int8_t row[LP_MAX_FACTORS];
  const lp_factor_kind kind = factor_at(g, factor)->kind;
  const frame ordinary = {factor, level, true}, any = {factor, level, false};
  frame_row(row, g, &ordinary, reduction, rng);
  LP_TRY(add_row(g, row, REJECTED, kind, error));
  frame_row(row, g, &any, reduction, rng);
  const quest excusable = {.row = row, .demand = REJECTED, .kind = kind, .tries = OPTIONAL_TRIES};
  return find_case(&excused, g, &excusable, error);
}

/* The setting with every reduction; a reduction that is the setting itself, once for each that there is as well. */
static lp_status add_level(generator *g, int factor, int level, lp_rng *rng, lp_error *error) {
  const lp_level_use use = factor_at(g, factor)->levels[level].use;
  const int reduction = lp_factors_find(&g->settings.factors, LP_FACTOR_REDUCTION, 0);
  for (int r = 0; r < factor_at(g, reduction)->n_crossed; ++r) {
    if (use == LP_LEVEL_REJECT) {
      LP_TRY(add_reject(g, factor, level, (int8_t)r, rng, error));
    } else {
      LP_TRY(add_alone(g, factor, level, (int8_t)r, rng, error));
    }
  }
  return LP_OK;
}

static lp_status add_uncrossed(generator *g, bool rejects, lp_error *error) {
  lp_rng rng = lp_rng_for_case(g->options->seed, g->loss->name);
  for (int f = 0; f < g->settings.factors.n; ++f) {
    const lp_factor *const factor = factor_at(g, f);
    for (int l = factor->n_crossed; l < factor->n_levels; ++l) {
      if ((factor->levels[l].use == LP_LEVEL_REJECT) == rejects) LP_TRY(add_level(g, f, l, &rng, error));
    }
  }
  return LP_OK;
}

/* A value of a parameter and a shape class that exclude each other are a setting to be rejected too. */
static lp_status add_pair(generator *g, const lp_forbidden *pair, int8_t reduction, lp_error *error) {
  int8_t row[LP_MAX_FACTORS] = {0};
  row[lp_factors_find(&g->settings.factors, LP_FACTOR_REDUCTION, 0)] = reduction;
  for (int side = 0; side < 2; ++side) row[pair->factor[side]] = pair->level[side];
  return add_row(g, row, REJECTED, LP_FACTOR_PARAM, error);
}

static lp_status add_pairs(generator *g, lp_error *error) {
  const int reduction = lp_factors_find(&g->settings.factors, LP_FACTOR_REDUCTION, 0);
  for (int i = g->settings.n_declared; i < g->settings.factors.n_forbidden; ++i) {
    for (int r = 0; r < factor_at(g, reduction)->n_crossed; ++r) {
      LP_TRY(add_pair(g, &g->settings.factors.forbidden[i], (int8_t)r, error));
    }
  }
  return LP_OK;
}

/* --- 4. and 5. searches --- */

static lp_status add_rare_regimes(generator *g, lp_error *error) {
  const quest rare = {.demand = ACCEPTED, .rare = true, .tries = SEARCH_TRIES};
  found last = KEPT;
  while (last == KEPT && is_rare(g, UINT64_MAX)) LP_TRY(find_case(&last, g, &rare, error));
  return LP_OK;
}

/* The fewer shapes and values of a loss are ordinary, the fewer such cases the array has. */
static lp_status add_ordinary(generator *g, lp_error *error) {
  const quest ordinary = {.demand = ACCEPTED, .ordinary = true, .tries = ROW_TRIES};
  found last = KEPT;
  while (last == KEPT && g->ordinary_cases < ORDINARY_CASES) LP_TRY(find_case(&last, g, &ordinary, error));
  return LP_OK;
}

static lp_status top_up(generator *g, lp_error *error) {
  const quest any = {.demand = ACCEPTED, .tries = SEARCH_TRIES};
  while (g->n_cases < g->options->minimum) {
    found last;
    LP_TRY(find_case(&last, g, &any, error));
    if (last == KEPT) continue;
    return lp_fail(error, LP_INTERNAL, "%s: %d cases were asked for, but only %d differ enough", g->loss->name,
                   g->options->minimum, g->n_cases);
  }
  return LP_OK;
}

/* Does the loss take the dtype at all? The most ordinary case says. */
static lp_status check_dtype(const generator *g, lp_arena *work, lp_error *error) {
  const int8_t row[LP_MAX_FACTORS] = {0};
  const lp_recipe recipe = {&g->settings.factors, row, g->options->dtype};
  lp_rng rng = {0};
  lp_case c;
  lp_plan plan;
  lp_error reason;
  LP_TRY(lp_compose(&c, work, &recipe, &rng, error));
  if (lp_plan_init(&plan, &c, &reason) != LP_REJECTED || reason.reject != LP_REJECT_DTYPE) return LP_OK;
  return lp_refuse(error, LP_REJECT_DTYPE, "%s: there are no cases of dtype %s: %.200s", g->loss->name,
                   lp_dtype_name(g->options->dtype), reason.message);
}

static lp_status generate(generator *g, lp_arena *work, lp_error *error) {
  LP_TRY(lp_settings_of(&g->settings, g->loss, error));
  LP_TRY(check_dtype(g, work, error));
  g->space = lp_factors_space(&g->settings.factors);
  LP_TRY(lp_covering_build(&g->array, work, &g->space, ARRAY_SEED, error));
  g->groups = lp_arena_alloc(work, MAX_GROUPS, sizeof *g->groups);
  if (g->groups == NULL) return lp_fail(error, LP_NO_MEMORY, "%s: no memory to generate its cases", g->loss->name);
  LP_TRY(add_array(g, error));
  LP_TRY(add_uncrossed(g, false, error));
  LP_TRY(add_uncrossed(g, true, error));
  LP_TRY(add_pairs(g, error));
  LP_TRY(add_rare_regimes(g, error));
  LP_TRY(add_ordinary(g, error));
  return top_up(g, error);
}

lp_status lp_generate(lp_suite *suite, const lp_loss *loss, const lp_generate_options *options, lp_error *error) {
  generator g = {.suite = suite, .options = options, .loss = loss};
  const int before = suite->count;
  lp_arena *const work = lp_arena_new(0);
  if (work == NULL) return lp_fail(error, LP_NO_MEMORY, "%s: no memory to generate its cases", loss->name);
  const lp_status status = generate(&g, work, error);
  lp_arena_free(work);
  if (status != LP_OK) suite->count = before;
  return status;
}
