/* No law is broken by an implementation that is right: not by the reference, bit by bit, over the fixtures, nor by the
 * plain implementations in any dtype, within the budgets of the exact oracle.
 *
 * Usually every few cases are looked at; LOSSPROOF_ALL_CASES=1 takes all. LOSSPROOF_LOSS=NAME takes one loss. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/hdf5.h"
#include "harness/laws.h"
#include "harness/plain/plain.h"
#include "reference/exact/exact.h"
#include "reference/registry.h"
#include "reference/tests/testing.h"

enum { MOST_ELEMENTS = 3000, MOST_LAWS = 32, SEED = 11 };

typedef struct tally {
  long holds[MOST_LAWS], broken[MOST_LAWS], compared[MOST_LAWS], idle[MOST_LAWS];
  char first[MOST_LAWS][512];
  int cases;
} tally;

/* An implementation that is asked: gives false when it does not answer this case. NULL: the exact oracle. */
typedef bool (*subject)(lp_outcome *outcome, lp_arena *arena, const lp_plan *plan);

static bool all_cases(void) { return getenv("LOSSPROOF_ALL_CASES") != NULL; }

static bool is_wanted(const lp_loss *loss) {
  const char *only = getenv("LOSSPROOF_LOSS");
  return !only || strcmp(only, loss->name) == 0;
}

static double truth(const lp_exact_number *number) {
  static const double special[] = {[LP_PLUS_INFINITY] = INFINITY,
                                   [LP_MINUS_INFINITY] = -INFINITY,
                                   [LP_NAN] = NAN,
                                   [LP_ANY] = NAN,
                                   [LP_NOT_FINITE] = NAN};
  return number->class == LP_FINITE ? arf_get_d(arb_midref(&number->value), ARF_RND_NEAR) : special[number->class];
}

/* The truth itself: the relations hold with no more room than the width of its enclosures and one rounding. */
static void answer_exactly(lp_outcome rooms[2], const lp_exact *exact) {
  for (int o = 0; o < rooms[0].n_outputs; o++) {
    const lp_exact_output *out = lp_exact_find(exact, rooms[0].outputs[o].input);
    for (int64_t i = 0; i < out->layout.numel; i++) {
      const lp_exact_number *number = &out->numbers[i];
      const double x = truth(number), width = mag_get_d(arb_radref(&number->value)) + 0x1p-53 * fabs(x) + 0x1p-1074;
      rooms[0].outputs[o].tensor.f64[i] = x;
      rooms[1].outputs[o].tensor.f64[i] =
          number->class == LP_ANY || number->class == LP_NOT_FINITE ? (double)INFINITY : width;
    }
  }
}

static void round_outputs(lp_outcome *outcome) {
  for (int k = 0; k < outcome->n_outputs; k++) {
    lp_tensor *t = &outcome->outputs[k].tensor;
    for (int64_t i = 0; i < t->numel; i++) t->f64[i] = lp_dtype_round(t->dtype, t->f64[i]);
  }
}

static bool ask_reference(lp_outcome *outcome, lp_arena *arena, const lp_plan *plan) {
  double *scratch = lp_arena_alloc(arena, plan->scratch + 1, sizeof *scratch);
  ck_assert_ptr_nonnull(scratch);
  ck_assert_int_eq(lp_arena_outcome(arena, outcome, &plan->outcome, NULL), LP_OK);
  lp_reference_run(outcome, plan, scratch);
  round_outputs(outcome);
  return true;
}

static bool ask_plain(lp_outcome *outcome, lp_arena *arena, const lp_plan *plan) {
  plain_answer answer;
  ck_assert_int_eq(plain_answer_case(&answer, arena, plan, (plain_options){PLAIN_RUNNING, false}, NULL), LP_OK);
  *outcome = answer.outcome;
  return outcome->kind == LP_OUTCOME_OK && !answer.overflowed && !answer.underflowed;
}

static bool answer_question(lp_law_answer *answer, lp_arena *arena, const lp_plan *plan, subject ask) {
  lp_outcome *rooms = lp_arena_alloc(arena, 2, sizeof *rooms);
  lp_exact exact;
  ck_assert_ptr_nonnull(rooms);
  if (ask && !ask(&rooms[0], arena, plan)) return false;
  *answer = (lp_law_answer){&rooms[0], &rooms[1]};
  ck_assert_int_eq(lp_exact_evaluate(&exact, plan, NULL, NULL), LP_OK);
  ck_assert_int_eq(lp_law_budget(&rooms[1], arena, &exact, &plan->outcome, false, false, NULL), LP_OK);
  if (!ask) {
    ck_assert_int_eq(lp_arena_outcome(arena, &rooms[0], &plan->outcome, NULL), LP_OK);
    answer_exactly(rooms, &exact);
  }
  lp_exact_clear(&exact);
  return true;
}

static void try_law(tally *t, const lp_case *c, int which, subject ask, bool deterministic) {
  lp_law_answer answers[1 + LP_LAW_MAX_CASES];
  lp_law_verdict v;
  lp_derivation d;
  lp_error error = {.message = ""};
  lp_arena *arena = lp_arena_new(0);
  ck_assert_ptr_nonnull(arena);
  ck_assert_msg(lp_law_derive(&d, arena, lp_laws_at(which), c, SEED, &error) == LP_OK, "%s: %s", c->id, error.message);
  bool answered = d.count > 0;
  for (int k = 0; answered && k <= d.count; k++) {
    if (k > 0 && d.unused[k - 1]) continue;
    answered = answer_question(&answers[k], arena, &d.plans[k], ask);
  }
  if (answered) {
    lp_law_check(&v, &d, &answers[0], &answers[1], deterministic);
    t->compared[which] += v.compared;
    t->holds[which] += v.kind == LP_LAW_HOLDS;
    t->idle[which] += v.kind == LP_LAW_NOT_APPLICABLE;
    if (v.kind == LP_LAW_BROKEN && t->broken[which]++ == 0) snprintf(t->first[which], 512, "%s", v.reason);
    if (v.kind == LP_LAW_BROKEN && getenv("LOSSPROOF_ALL_BROKEN"))
      printf("%s: %s\n", lp_laws_at(which)->name, v.reason);
  }
  lp_arena_free(arena);
}

static int64_t elements(const lp_case *c) {
  int64_t n = 0;
  for (int i = 0; i < c->loss->n_inputs; i++) n += c->has_input[i] ? c->inputs[i].numel : 0;
  return n;
}

static void try_case(tally *t, const lp_case *c, subject ask, bool deterministic) {
  lp_plan plan;
  if (lp_plan_init(&plan, c, NULL) != LP_OK || elements(c) > MOST_ELEMENTS) return;
  t->cases++;
  for (int which = 0; which < lp_laws_count(); which++) try_law(t, c, which, ask, deterministic);
}

static void read_fixtures(lp_suite *suite, const lp_loss *loss) {
  char path[512];
  lp_error error = {.message = ""};
  snprintf(path, sizeof path, LOSSPROOF_SOURCE_DIR "/golden/fixtures/%s.h5", loss->name);
  ck_assert_int_eq(lp_suite_init(suite, &error), LP_OK);
  ck_assert_msg(lp_hdf5_read(suite, path, &error) == LP_OK, "%s", error.message);
}

static void report(const tally *t, const char *who) {
  long broken = 0;
  printf("%s: %d cases\n", who, t->cases);
  for (int k = 0; k < lp_laws_count(); k++) {
    printf("  %-20s holds %6ld, idle %5ld, broken %4ld, %9ld comparisons%s%s\n", lp_laws_at(k)->name, t->holds[k],
           t->idle[k], t->broken[k], t->compared[k], t->broken[k] ? "; " : "", t->first[k]);
    broken += t->broken[k];
  }
  ck_assert_msg(broken == 0, "%s breaks %ld laws", who, broken);
}

static void try_fixtures(subject ask, bool deterministic, int step, const char *who) {
  tally *t = calloc(1, sizeof *t);
  ck_assert_ptr_nonnull(t);
  for (int l = 0; l < lp_registry_count(); l++) {
    lp_suite suite;
    if (!is_wanted(lp_registry_at(l))) continue;
    read_fixtures(&suite, lp_registry_at(l));
    for (int i = 0; i < suite.count; i += all_cases() ? 1 : step) try_case(t, &suite.entries[i].c, ask, deterministic);
    lp_suite_clear(&suite);
  }
  report(t, who);
  free(t);
}

START_TEST(the_truth_breaks_no_law) { try_fixtures(NULL, false, 23, "the exact oracle"); }
END_TEST

START_TEST(the_reference_breaks_no_law) { try_fixtures(ask_reference, true, 19, "the reference"); }
END_TEST

/* The case with its floating tensors in another dtype. */
static void recast(lp_case *c, lp_arena *arena, lp_dtype dtype) {
  for (int i = 0; i <= c->loss->n_inputs; i++) {
    lp_tensor *t = i < c->loss->n_inputs ? &c->inputs[i] : &c->grad_output;
    const bool has = i < c->loss->n_inputs ? c->has_input[i] : c->has_grad_output;
    if (!has || !t->f64) continue;
    const double *given = t->f64;
    t->dtype = dtype;
    ck_assert_int_eq(lp_arena_tensor(arena, t, NULL), LP_OK);
    for (int64_t e = 0; e < t->numel; e++) t->f64[e] = lp_dtype_round(dtype, given[e]);
  }
  c->dtype = dtype;
}

static bool is_finite(const lp_case *c) {
  bool finite = true;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    for (int64_t e = 0; c->has_input[i] && e < c->inputs[i].numel; e++) {
      finite = finite && isfinite(lp_tensor_get(&c->inputs[i], e));
    }
  }
  return finite;
}

/* The plain implementations do not follow PyTorch at infinities. */
static void try_plain(lp_dtype dtype, int step) {
  tally *t = calloc(1, sizeof *t);
  ck_assert_ptr_nonnull(t);
  for (int l = 0; l < lp_registry_count(); l++) {
    lp_suite suite;
    if (!is_wanted(lp_registry_at(l))) continue;
    read_fixtures(&suite, lp_registry_at(l));
    for (int i = 0; i < suite.count; i += all_cases() ? 1 : step) {
      lp_case c = suite.entries[i].c;
      recast(&c, suite.arena, dtype);
      if (is_finite(&c)) try_case(t, &c, ask_plain, true);
    }
    lp_suite_clear(&suite);
  }
  report(t, lp_dtype_name(dtype));
  free(t);
}

START_TEST(plain_float64_breaks_no_law) { try_plain(LP_FLOAT64, 29); }
END_TEST

START_TEST(plain_float32_breaks_no_law) { try_plain(LP_FLOAT32, 31); }
END_TEST

START_TEST(plain_float16_breaks_no_law) { try_plain(LP_FLOAT16, 37); }
END_TEST

START_TEST(plain_bfloat16_breaks_no_law) { try_plain(LP_BFLOAT16, 41); }
END_TEST

int main(void) {
  const TTest *const tests[] = {the_truth_breaks_no_law,     the_reference_breaks_no_law, plain_float64_breaks_no_law,
                                plain_float32_breaks_no_law, plain_float16_breaks_no_law, plain_bfloat16_breaks_no_law};
  const int status = run_tests("laws, by witnesses", tests, (int)(sizeof tests / sizeof tests[0]));
  flint_cleanup();
  return status;
}
