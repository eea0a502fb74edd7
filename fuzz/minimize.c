#include "fuzz/minimize.h"

#include <string.h>

#include "fuzz/codec.h"
#include "fuzz/minimize_tools.h"
#include "fuzz/mutate_tools.h"
#include "harness/compose.h"
#include "reference/plan.h"

/* What takes away most comes first. To add a kind of simplification: a function in the minimize_*.c of its kind, a line
 * in minimize_tools.h, a row here. */
static const struct {
  const char *name;
  lp_simplify *apply;
} table[] = {
    {"upstream gradient", lp_drop_upstream},
    {"optional inputs", lp_drop_input},
    {"rows, classes, frames", lp_fewer_slices},
    {"reduction", lp_plain_reduction},
    {"parameters", lp_plain_parameter},
    {"dtypes", lp_plain_dtype},
    {"axes", lp_fewer_axes},
    {"many values at once", lp_values_at_once},
    {"equal values together", lp_equal_values},
    {"single values", lp_single_value},
    {"values by the same step", lp_lower_both},
};
enum { KINDS = sizeof table / sizeof table[0] };
_Static_assert((int)KINDS <= (int)LP_MINIMIZE_MOST_STEPS, "every kind has its step");

/* --- which of two cases is simpler ------------------------------------------------------------------------------ */

/* What counts before the numbers, the weightiest first. */
enum { ELEMENTS, TENSORS, AXES, REDUCTION, PARAMETERS, DTYPES, MEASURES };

static int64_t reduction_cost(const lp_case *c) {
  static const int64_t costs[] = {[LP_REDUCTION_MEAN] = 0,
                                  [LP_REDUCTION_SUM] = 1,
                                  [LP_REDUCTION_NONE] = 2,
                                  [LP_REDUCTION_BATCHMEAN] = 3,
                                  [LP_REDUCTION_UNKNOWN] = 4};
  const bool plain = strcmp(c->reduction_word, lp_reduction_name(c->reduction)) == 0;
  return 2 * costs[c->reduction] + !plain;
}

static int64_t parameters_cost(const lp_case *c) {
  int64_t cost = 0;
  for (int i = 0; i < c->loss->n_params; i++) {
    const lp_param_spec *spec = &c->loss->params[i];
    if (!lp_same_real(c->params[i], spec->fallback)) {
      cost += 1 + lp_real_cost(LP_FLOAT64, c->params[i]);
    }
  }
  return cost;
}

static void measure(int64_t m[MEASURES], const lp_case *c) {
  memset(m, 0, MEASURES * sizeof *m);
  m[ELEMENTS] = lp_case_elements(c);
  m[REDUCTION] = reduction_cost(c);
  m[PARAMETERS] = parameters_cost(c);
  for (int i = 0; i < c->loss->n_inputs; i++) {
    const lp_dtype natural = c->loss->inputs[i].kind == LP_KIND_REAL ? c->dtype : LP_INT64;
    m[TENSORS] += c->has_input[i];
    m[AXES] += c->has_input[i] ? c->inputs[i].rank : 0;
    m[DTYPES] += c->has_input[i] && c->inputs[i].dtype != natural;
  }
  m[TENSORS] += c->has_grad_output;
  m[AXES] += c->has_grad_output ? c->grad_output.rank : 0;
  m[DTYPES] += c->has_grad_output && c->grad_output.dtype != c->dtype;
}

/* How much harder to read the numbers of b are than those of a, two tensors of one shape. */
static int64_t more_to_read(const lp_tensor *a, const lp_tensor *b) {
  int64_t more = 0;
  for (int64_t i = 0; i < a->numel; i++) {
    const bool same = a->f64 ? lp_same_real(a->f64[i], b->f64[i]) : a->i64[i] == b->i64[i];
    if (!same) more += lp_number_cost(b, i) - lp_number_cost(a, i);
  }
  return more;
}

static bool values_are_simpler(lp_case *a, lp_case *b) {
  int64_t more = 0;
  for (int i = 0; i <= a->loss->n_inputs; i++) {
    const lp_tensor *of_a = lp_case_tensor(a, i), *of_b = lp_case_tensor(b, i);
    if (!of_a || (of_a->f64 == of_b->f64 && of_a->i64 == of_b->i64)) continue; /* shared */
    more += more_to_read(of_a, of_b);
  }
  return more > 0;
}

static bool same_layout(lp_case *a, lp_case *b) {
  for (int i = 0; i <= a->loss->n_inputs; i++) {
    const lp_tensor *of_a = lp_case_tensor(a, i), *of_b = lp_case_tensor(b, i);
    if (!of_a != !of_b) return false;
    if (of_a && (of_a->dtype != of_b->dtype || !lp_tensor_same_shape(of_a, of_b))) return false;
  }
  return true;
}

/* An order without an endless way down, whatever a simplification does. */
static bool is_simpler(lp_case *a, lp_case *b) {
  int64_t of_a[MEASURES], of_b[MEASURES];
  measure(of_a, a);
  measure(of_b, b);
  for (int i = 0; i < MEASURES; i++) {
    if (of_a[i] != of_b[i]) return of_a[i] < of_b[i];
  }
  return same_layout(a, b) && values_are_simpler(a, b);
}

/* --- the search --------------------------------------------------------------------------------------------------- */

/* Three arenas in turn: that of the case as it is now, that of a variant, and one for the variant when it is kept. */
typedef struct search {
  lp_minimized *result;
  lp_still_fails *still_fails;
  void *context;
  int most;
  lp_arena *own, *room, *spare;
  lp_case now;
  bool expects_plan; /* `expect` says what the plan says, and is to go on doing so */
  lp_status planned;
  lp_reject reject;
} search;

static lp_status plan_of(lp_reject *reject, const lp_case *c) {
  lp_plan plan;
  lp_error why = {.reject = LP_REJECT_NONE};
  const lp_status status = lp_plan_init(&plan, c, &why);
  *reject = status == LP_REJECTED ? why.reject : LP_REJECT_NONE;
  return status;
}

static bool ask(search *s, const lp_case *c) {
  s->result->tries++;
  return s->still_fails(s->context, c);
}

/* The upstream gradient gets the loss's shape, unless its shape is what the case is about. */
static bool settle(search *s, lp_case *c) {
  lp_case without = *c;
  lp_plan plan;
  lp_rng rng = lp_rng_for_case(0, "minimize"); /* for tensors without elements */
  without.has_grad_output = false;
  if (c->has_grad_output && s->reject != LP_REJECT_GRAD_OUTPUT && lp_plan_init(&plan, &without, NULL) == LP_OK) {
    lp_tensor layout = plan.outcome.outputs[0].tensor;
    layout.dtype = c->grad_output.dtype;
    const bool same = lp_tensor_same_shape(&layout, &c->grad_output);
    if (!same && !lp_mutate_recast(&c->grad_output, s->room, &layout, &rng)) return false;
  }
  if (s->expects_plan) c->expect = lp_case_expectation(c);
  return true;
}

static bool is_candidate(search *s, lp_case *c) {
  lp_reject reject;
  return plan_of(&reject, c) == s->planned && reject == s->reject && is_simpler(c, &s->now);
}

static lp_status no_memory(lp_error *error) { return lp_fail(error, LP_NO_MEMORY, "no memory to minimize a case"); }

static lp_status keep(search *s, const lp_case *c, lp_error *error) {
  lp_case kept;
  LP_TRY(lp_case_copy(&kept, s->spare, c, error));
  lp_arena *const old = s->own;
  s->now = kept;
  s->own = s->spare;
  s->spare = old;
  lp_arena_reset(old);
  return LP_OK;
}

/* One variant. *end: there is no such variant, and none after it. */
static lp_status try_variant(search *s, bool *kept, bool *end, int kind, int64_t k, lp_error *error) {
  lp_case next = s->now;
  lp_arena_reset(s->room);
  *kept = false;
  const lp_variant variant = table[kind].apply(&next, s->room, &s->now, k);
  *end = variant == LP_VARIANT_END;
  if (variant == LP_VARIANT_NO_MEMORY) return no_memory(error);
  if (variant != LP_VARIANT_NEW) return LP_OK;
  if (!settle(s, &next)) return no_memory(error);
  if (!is_candidate(s, &next)) return LP_OK;
  *kept = ask(s, &next);
  s->result->steps[kind].tried++;
  s->result->steps[kind].kept += *kept;
  return *kept ? keep(s, &next, error) : LP_OK;
}

static bool is_spent(const search *s) { return s->result->tries >= s->most; }

/* All variants of one kind; where one was kept, the next in line may have moved to its number. */
static lp_status try_kind(search *s, bool *any, int kind, lp_error *error) {
  bool kept, end = false;
  *any = false;
  for (int64_t k = 0; !end && !is_spent(s); k += !kept) {
    LP_TRY(try_variant(s, &kept, &end, kind, k, error));
    *any = *any || kept;
  }
  return LP_OK;
}

/* Round and round, until all kinds in turn have found nothing. */
static lp_status descend(search *s, lp_error *error) {
  int idle = 0;
  bool any;
  for (int kind = 0; idle < KINDS && !is_spent(s); kind = (kind + 1) % KINDS) {
    LP_TRY(try_kind(s, &any, kind, error));
    idle = any ? 0 : idle + 1;
  }
  s->result->finished = idle == KINDS;
  return LP_OK;
}

static lp_status begin(search *s, const lp_case *c, lp_error *error) {
  lp_minimized *m = s->result;
  *m = (lp_minimized){.n_steps = KINDS};
  for (int i = 0; i < KINDS; i++) m->steps[i].name = table[i].name;
  if (!s->own || !s->room || !s->spare) return no_memory(error);
  s->planned = plan_of(&s->reject, c);
  if (s->planned == LP_INVALID) return lp_fail(error, LP_INVALID, "%s: it is not a case", c->id);
  s->expects_plan = c->expect == lp_case_expectation(c);
  return lp_case_copy(&s->now, s->own, c, error);
}

static lp_status run(search *s, const lp_case *c, lp_error *error) {
  LP_TRY(begin(s, c, error));
  s->result->fails = ask(s, &s->now);
  s->result->finished = !s->result->fails;
  return s->result->fails ? descend(s, error) : LP_OK;
}

lp_status lp_minimize(lp_minimized *result, lp_arena *arena, const lp_case *c, lp_still_fails *still_fails,
                      void *context, int tries, lp_error *error) {
  search s = {.result = result, .still_fails = still_fails, .context = context, .most = tries};
  s.own = lp_arena_new(0);
  s.room = lp_arena_new(0);
  s.spare = lp_arena_new(0);
  lp_status status = run(&s, c, error);
  if (status == LP_OK) status = lp_case_copy(&result->c, arena, &s.now, error);
  lp_arena_free(s.own);
  lp_arena_free(s.room);
  lp_arena_free(s.spare);
  return status;
}
