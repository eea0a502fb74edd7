#include "harness/selfcheck.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/examine.h"
#include "harness/generate.h"
#include "harness/kinks.h"
#include "harness/laws.h"
#include "harness/pool.h"
#include "reference/exact/differences.h"
#include "reference/registry.h"

/* --- errors of one witness ---------------------------------------------------------------------------------- */

static bool nothing_cancels(const lp_exact_number *n, const lp_comparison *r) {
  mag_t least;
  mag_init(least);
  arb_get_mag_lower(least, &n->value);
  mag_mul_ui(least, least, LP_NO_CANCELLATION);
  const bool clear = n->class == LP_FINITE && mag_cmp(&n->scale, least) <= 0;
  mag_clear(least);
  return clear && isfinite(r->error_ulp);
}

static void remember_element(lp_worst *where, const lp_worst *seen) {
  *where = *seen;
  snprintf(where->id, sizeof where->id, "%s", seen->c->id);
}

static void add_element(lp_errors *e, const lp_worst *seen, const lp_exact_number *truth) {
  const lp_comparison *r = &seen->at;
  if (r->fit == LP_FITS_PERHAPS && isinf(r->budget)) {
    e->at_kinks++;
    return;
  }
  e->compared++;
  e->outside += r->fit == LP_FITS_NOT;
  e->undecided += r->fit == LP_FITS_PERHAPS;
  if (nothing_cancels(truth, r) && r->error_ulp > e->ulp) e->ulp = r->error_ulp;
  if (r->fit != LP_FITS && !e->off.id[0]) remember_element(&e->off, seen);
  if (!isfinite(r->scaled_error) || (e->worst.id[0] && r->scaled_error <= e->worst.at.scaled_error)) return;
  remember_element(&e->worst, seen);
}

/* Keeps the worse of two, the first among equals. */
static void merge_errors(lp_errors *into, const lp_errors *from) {
  into->compared += from->compared;
  into->outside += from->outside;
  into->undecided += from->undecided;
  into->at_kinks += from->at_kinks;
  into->ulp = fmax(into->ulp, from->ulp);
  if (!into->off.id[0]) into->off = from->off;
  if (!from->worst.id[0]) return;
  if (!into->worst.id[0] || from->worst.at.scaled_error > into->worst.at.scaled_error) into->worst = from->worst;
}

/* How the kinks of a case explain an outcome. */
typedef struct explanation {
  double *share; /* of each side at each kink, or NULL: as the numbers are */
  bool open;     /* whether any choice explains it is undecided */
} explanation;

static explanation explain_by_kinks(const lp_outcome *outcome, const lp_exact *exact) {
  const lp_judging how = {.profile = LP_PROFILE_PYTORCH};
  lp_kink_answer answer;
  if (exact->n_kinks == 0) return (explanation){NULL, exact->entangled};
  if (lp_kinks_solve(&answer, outcome, exact, &how, NULL) == LP_OK && answer.fit == LP_FITS) {
    return (explanation){answer.share, false};
  }
  const bool open = answer.fit == LP_FITS_PERHAPS || exact->entangled;
  free(answer.share);
  return (explanation){NULL, open};
}

/* One element. Where it takes another side of a kink it is only counted: a mixture of sides was fitted to it, so that
 * the distance from that says nothing about accuracy. Where kinks nest no mixture may be the right one, as for the
 * judge.
 */
static void add_one(lp_errors *e, lp_worst *seen, const lp_exact *exact, int k, const explanation *why) {
  const lp_exact_output *truth = &exact->outputs[k];
  const lp_dtype dtype = truth->layout.dtype;
  lp_compare(&seen->at, seen->got, &truth->numbers[seen->index], dtype, false);
  const bool open = why->open || truth->numbers[seen->index].entangled;
  if (seen->at.fit == LP_FITS || truth->input == LP_OUTPUT_LOSS || (!why->share && !open)) {
    add_element(e, seen, &truth->numbers[seen->index]);
  } else if (!why->share) {
    e->at_kinks++;
  } else {
    lp_exact_number number;
    lp_kinks_apply(&number, exact, k, seen->index, why->share);
    lp_compare(&seen->at, seen->got, &number, dtype, false);
    const bool undecided = seen->at.fit == LP_FITS_NOT && truth->numbers[seen->index].entangled;
    e->at_kinks += undecided;
    e->compared += !undecided;
    e->outside += seen->at.fit == LP_FITS_NOT && !undecided;
    lp_exact_number_clear(&number);
  }
}

static void add_output(lp_errors *e, const lp_case *c, const lp_output *got, const lp_exact *exact, int k,
                       const explanation *why) {
  const lp_exact_output *truth = &exact->outputs[k];
  for (int64_t i = 0; i < truth->layout.numel; i++) {
    lp_worst seen = {.c = c, .input = truth->input, .index = i, .got = got->tensor.f64[i]};
    add_one(e, &seen, exact, k, why);
  }
}

/* Outputs of a wrong shape, or missing, count as one element outside. */
static void measure(lp_errors *value, lp_errors *gradient, const lp_case *c, const lp_outcome *outcome,
                    const lp_exact *exact, unsigned left_out) {
  bool shapes = true;
  for (int k = 0; k < exact->n_outputs; k++) {
    const lp_output *got = lp_outcome_find(outcome, exact->outputs[k].input);
    shapes = shapes && got && lp_tensor_same_shape(&got->tensor, &exact->outputs[k].layout);
  }
  if (!shapes) {
    value->outside++;
    return;
  }
  const explanation why = explain_by_kinks(outcome, exact);
  for (int k = 0; k < exact->n_outputs; k++) {
    const int input = exact->outputs[k].input;
    if (left_out >> k & 1u) continue;
    add_output(input == LP_OUTPUT_LOSS ? value : gradient, c, lp_outcome_find(outcome, input), exact, k, &why);
  }
  free(why.share);
}

/* --- one generated case ------------------------------------------------------------------------------------- */

typedef struct job {
  const lp_selfcheck_options *options;
  const lp_suite *suite;
  lp_selfcheck_row *found; /* one for each case */
} job;

static void remember(lp_selfcheck_row *row, const lp_case *c, const char *text) {
  if (!row->first[0]) snprintf(row->first, sizeof row->first, "%.90s: %.300s", c->id, text);
}

static void check_errors(lp_selfcheck_row *row, const lp_case *c, const lp_examination *e) {
  char name[LP_NAME_MAX], text[300];
  measure(&row->value, &row->gradient, c, &e->reference, &e->exact, 0);
  row->kinks = e->exact.n_kinks;
  /* Beside a switch the reference's regimes are those of its own rounding. */
  const bool beside = e->exact.near_switches > 0;
  const uint64_t other = beside ? 0 : (e->regimes ^ e->exact.regimes) & e->exact.regimes_known;
  row->regimes_differ = other != 0;
  for (int i = 0; i < c->loss->n_regimes; i++) {
    if (other >> i & 1u) snprintf(row->regime, sizeof row->regime, "%s, %s", c->id, c->loss->regimes[i].name);
  }
  const lp_errors *off = row->value.outside + row->value.undecided > 0 ? &row->value : &row->gradient;
  if (!off->off.id[0]) return;
  snprintf(text, sizeof text, "%s[%lld] of the reference is %.17g, the truth is %.17g",
           lp_output_name(name, c->loss, off->off.input), (long long)off->off.index, off->off.got, off->off.at.truth);
  remember(row, c, text);
}

static lp_status check_differences(lp_selfcheck_row *row, const lp_case *c, lp_error *error) {
  lp_plan plan;
  lp_differences d;
  LP_TRY(lp_plan_init(&plan, c, error));
  LP_TRY(lp_exact_differences(&d, &plan, NULL, error));
  row->differences = (long)d.compared;
  row->differences_silent = (long)d.silent;
  row->differences_wrong = (long)(d.wrong + d.hidden + d.unseen);
  row->digits = d.digits;
  if (!lp_differences_agree(&d)) remember(row, c, d.first);
  return LP_OK;
}

/* What the reference says of a case, and what it may be off by. */
static lp_status answer_law(lp_law_answer *answer, lp_outcome room[2], lp_arena *arena, const lp_case *c,
                            lp_error *error) {
  lp_examination e;
  LP_TRY(lp_examine_exactly(&e, arena, c, NULL, error));
  room[0] = e.reference;
  const lp_status status =
      e.has_exact ? lp_law_budget(&room[1], arena, &e.exact, &e.reference, false, false, error) : LP_OK;
  *answer = (lp_law_answer){&room[0], e.has_exact ? &room[1] : NULL};
  lp_examination_clear(&e);
  return status;
}

static lp_status check_law(lp_selfcheck_row *row, lp_arena *arena, const lp_law *law, const lp_case *c, uint64_t seed,
                           lp_error *error) {
  lp_derivation d;
  lp_law_verdict v;
  lp_law_answer answers[1 + LP_LAW_MAX_CASES];
  lp_outcome rooms[1 + LP_LAW_MAX_CASES][2];
  char text[400];
  LP_TRY(lp_law_derive(&d, arena, law, c, seed, error));
  if (d.count == 0) return LP_OK;
  for (int k = 0; k <= d.count; k++) {
    LP_TRY(answer_law(&answers[k], rooms[k], arena, k == 0 ? c : &d.cases[k - 1], error));
  }
  lp_law_check(&v, &d, &answers[0], &answers[1], true);
  row->laws += v.kind != LP_LAW_NOT_APPLICABLE;
  if (v.kind != LP_LAW_BROKEN) return LP_OK;
  row->laws_broken++;
  snprintf(text, sizeof text, "law %s: %s", law->name, v.reason);
  remember(row, c, text);
  return LP_OK;
}

static bool is_turn(int every, int index) { return every > 0 && index % every == 0; }

static lp_status check_accepted(lp_selfcheck_row *row, lp_arena *arena, const lp_case *c, int index,
                                const lp_selfcheck_options *o, lp_error *error) {
  if (is_turn(o->differences_every, index)) LP_TRY(check_differences(row, c, error));
  for (int k = 0; is_turn(o->laws_every, index) && k < lp_laws_count(); k++) {
    LP_TRY(check_law(row, arena, lp_laws_at(k), c, o->seed, error));
  }
  return LP_OK;
}

static lp_status check_case(lp_selfcheck_row *row, lp_arena *arena, const lp_case *c, int index,
                            const lp_selfcheck_options *o, lp_error *error) {
  lp_examination e;
  *row = (lp_selfcheck_row){.loss = c->loss, .cases = 1, .digits = INFINITY};
  LP_TRY(lp_examine_exactly(&e, arena, c, NULL, error));
  if (!e.has_exact) return LP_OK;
  row->accepted = 1;
  check_errors(row, c, &e);
  lp_examination_clear(&e);
  return check_accepted(row, arena, c, index, o, error);
}

static void check_one(void *context, int i) {
  job *j = context;
  lp_error error = {.message = "out of memory"};
  lp_arena *arena = lp_arena_new(0);
  const lp_status status =
      arena ? check_case(&j->found[i], arena, &j->suite->entries[i].c, i, j->options, &error) : LP_NO_MEMORY;
  lp_arena_free(arena);
  if (status == LP_OK) return;
  j->found[i].differences_wrong++;
  remember(&j->found[i], &j->suite->entries[i].c, error.message);
}

/* --- all of them -------------------------------------------------------------------------------------------- */

static void merge(lp_selfcheck_row *into, const lp_selfcheck_row *from) {
  into->cases += from->cases;
  into->accepted += from->accepted;
  merge_errors(&into->value, &from->value);
  merge_errors(&into->gradient, &from->gradient);
  into->kinks += from->kinks;
  into->regimes_differ += from->regimes_differ;
  into->differences += from->differences;
  into->differences_silent += from->differences_silent;
  into->differences_wrong += from->differences_wrong;
  into->digits = fmin(into->digits, from->digits);
  into->laws += from->laws;
  into->laws_broken += from->laws_broken;
  if (!into->first[0]) memcpy(into->first, from->first, sizeof into->first);
  if (!into->regime[0]) memcpy(into->regime, from->regime, sizeof into->regime);
}

bool lp_selfcheck_agrees(const lp_selfcheck_row *row) {
  return row->value.outside + row->value.undecided + row->gradient.outside + row->gradient.undecided == 0 &&
         row->differences_wrong == 0 && row->laws_broken == 0;
}

static lp_status check_suite(lp_selfcheck_row *row, const lp_suite *suite, const lp_selfcheck_options *o,
                             lp_error *error) {
  lp_selfcheck_row *found = calloc((size_t)suite->count + 1, sizeof *found);
  if (!found) return lp_fail(error, LP_NO_MEMORY, "out of memory for %d cases", suite->count);
  job j = {.options = o, .suite = suite, .found = found};
  lp_pool_run(o->jobs, suite->count, check_one, &j);
  for (int i = 0; i < suite->count; i++) merge(row, &found[i]);
  row->value.worst.c = row->gradient.worst.c = row->value.off.c = row->gradient.off.c = NULL;
  free(found);
  return LP_OK;
}

lp_status lp_selfcheck_loss(lp_selfcheck_row *row, const lp_loss *loss, const lp_selfcheck_options *o,
                            lp_error *error) {
  const lp_generate_options generate = {
      .seed = o->seed, .minimum = o->cases, .dtype = LP_FLOAT64, .suite = "selfcheck"};
  lp_suite suite;
  *row = (lp_selfcheck_row){.loss = loss, .digits = INFINITY};
  LP_TRY(lp_suite_init(&suite, error));
  lp_status status = lp_generate(&suite, loss, &generate, error);
  if (status == LP_OK) status = check_suite(row, &suite, o, error);
  lp_suite_clear(&suite);
  return status;
}

/* --- fixtures ----------------------------------------------------------------------------------------------- */

typedef struct fixture_job {
  const lp_suite *suite;
  const lp_errata *errata;
  lp_fixture_row *found; /* one for each entry */
} fixture_job;

/* Outputs that an erratum covers, as bits of positions. */
static unsigned known_outputs(const lp_case *c, const lp_exact *exact, const lp_errata *errata) {
  unsigned set = 0;
  for (int k = 0; k < exact->n_outputs; k++) {
    char name[LP_NAME_MAX];
    if (lp_errata_find(errata, c->id, lp_output_name(name, c->loss, exact->outputs[k].input))) set |= 1u << k;
  }
  return set;
}

static int count_bits(unsigned set) {
  int n = 0;
  for (; set; set &= set - 1) n++;
  return n;
}

static lp_status measure_fixture(lp_fixture_row *row, lp_arena *arena, const lp_suite_entry *entry,
                                 const lp_errata *errata, lp_error *error) {
  lp_examination e;
  *row = (lp_fixture_row){.loss = entry->c.loss, .cases = 1};
  if (!entry->has_outcome || entry->outcome.kind != LP_OUTCOME_OK) return LP_OK;
  LP_TRY(lp_examine_exactly(&e, arena, &entry->c, NULL, error));
  if (!e.has_exact) return LP_OK;
  const unsigned known = known_outputs(&entry->c, &e.exact, errata);
  row->errata = count_bits(known);
  measure(&row->value, &row->gradient, &entry->c, &entry->outcome, &e.exact, known);
  lp_examination_clear(&e);
  return LP_OK;
}

static void measure_one(void *context, int i) {
  fixture_job *j = context;
  lp_error error;
  lp_arena *arena = lp_arena_new(0);
  if (!arena || measure_fixture(&j->found[i], arena, &j->suite->entries[i], j->errata, &error) != LP_OK) {
    j->found[i].value.undecided++;
  }
  lp_arena_free(arena);
}

lp_status lp_fixture_errors(lp_fixture_row *rows, const lp_suite *suite, const lp_errata *errata, int jobs,
                            lp_error *error) {
  lp_fixture_row *found = calloc((size_t)suite->count + 1, sizeof *found);
  if (!found) return lp_fail(error, LP_NO_MEMORY, "out of memory for %d cases", suite->count);
  fixture_job j = {suite, errata, found};
  lp_pool_run(jobs, suite->count, measure_one, &j);
  for (int k = 0; k < lp_registry_count(); k++) {
    rows[k] = (lp_fixture_row){.loss = lp_registry_at(k)};
    for (int i = 0; i < suite->count; i++) {
      if (found[i].loss != rows[k].loss) continue;
      rows[k].cases++;
      rows[k].errata += found[i].errata;
      merge_errors(&rows[k].value, &found[i].value);
      merge_errors(&rows[k].gradient, &found[i].gradient);
    }
  }
  free(found);
  return LP_OK;
}
