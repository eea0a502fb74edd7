/* Adding up. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/certify_internal.h"
#include "reference/registry.h"

static void tally(lp_tally *t, const lp_verdict *v, const lp_result *r) {
  t->judged++;
  if (!isfinite(v->at.ratio) || (t->worst && v->at.ratio <= t->worst_ratio)) return;
  t->worst_ratio = v->at.ratio;
  t->worst_ulp = v->at.error_ulp;
  t->worst = r;
}

static void add_grade(lp_loss_summary *s, const lp_verdict *v, lp_dtype dtype) {
  if (lp_dtype_is_floating(dtype) && v->grade > s->grades[dtype]) s->grades[dtype] = v->grade;
}

static void add_law(lp_certification *run, const lp_verdict *v) {
  run->laws.hold += v->kind == LP_VERDICT_PASS;
  run->laws.broken += v->kind == LP_VERDICT_FAIL;
  run->laws.unanswered += v->kind == LP_VERDICT_UNSUPPORTED;
}

static void add_count(lp_certification *run, lp_loss_summary *s, lp_verdict_kind kind) {
  s->counts[kind]++;
  run->counts[kind]++;
}

static void add_answer(lp_certification *run, lp_loss_summary *s, const lp_result *r, int i) {
  const lp_verdict *v = &r->verdicts[i];
  run->other_sides += v->other_side && v->kind == LP_VERDICT_PASS;
  run->stale_errata += v->cause == LP_CAUSE_STALE;
  run->errata += r->errata[i] != NULL;
  s->errata += r->errata[i] != NULL;
  s->undeclared += v->kind == LP_VERDICT_UNSUPPORTED && v->input >= 0;
  if (v->input == LP_OUTPUT_CASE || v->kind == LP_VERDICT_UNSUPPORTED) return;
  add_grade(s, v, r->entry->c.dtype);
  tally(v->input == LP_OUTPUT_LOSS ? &s->value : &s->gradient, v, r);
}

static void add_verdict(lp_certification *run, lp_loss_summary *s, const lp_result *r, int i) {
  const lp_verdict *v = &r->verdicts[i];
  run->harness_faults += lp_result_is_harness_fault(r, i);
  if (v->input == LP_OUTPUT_LAW) {
    add_law(run, v);
  } else if (v->input == LP_OUTPUT_CONDUCT) {
    run->conduct[r->about[i].conduct]++;
  } else if (!r->about[i].encore) {
    add_answer(run, s, r, i);
  }
  const bool is_answer = v->input >= LP_OUTPUT_CASE && !r->about[i].encore;
  if (is_answer || v->kind == LP_VERDICT_FAIL || v->kind == LP_VERDICT_INCONCLUSIVE) add_count(run, s, v->kind);
}

/* Those that it did not live to answer. */
static void add_death(lp_certification *run, const lp_result *r) {
  static const struct {
    lp_cause cause;
    lp_conduct conduct;
  } deaths[] = {{LP_CAUSE_CRASH, LP_CONDUCT_SIGNAL},    {LP_CAUSE_OUT_OF_BOUNDS, LP_CONDUCT_OUT_OF_BOUNDS},
                {LP_CAUSE_EXIT, LP_CONDUCT_EXIT},       {LP_CAUSE_TIMEOUT, LP_CONDUCT_HANG},
                {LP_CAUSE_MEMORY, LP_CONDUCT_MEMORY},   {LP_CAUSE_CLOSED, LP_CONDUCT_CLOSED},
                {LP_CAUSE_GARBAGE, LP_CONDUCT_GARBAGE}, {LP_CAUSE_OVERSIZED, LP_CONDUCT_OVERSIZED}};
  for (size_t k = 0; r->n_verdicts > 0 && k < sizeof deaths / sizeof deaths[0]; k++) {
    run->conduct[deaths[k].conduct] += r->verdicts[0].cause == deaths[k].cause;
  }
}

static void add_result(lp_certification *run, lp_loss_summary *s, const lp_result *r) {
  const bool ran = !r->not_run && r->status == LP_OK;
  s->cases++;
  s->ran += ran;
  run->n_ran += ran;
  s->rejected += r->reject != LP_REJECT_NONE;
  s->regimes |= r->regimes;
  if (r->reject != LP_REJECT_NONE) s->rejects |= 1u << r->reject;
  if (r->status != LP_OK) run->harness_faults++;
  add_death(run, r);
  for (int i = 0; i < r->n_verdicts; i++) add_verdict(run, s, r, i);
}

/* --- what was left out --------------------------------------------------------------------------------------- */

enum { MAX_OMISSIONS = 256 };

typedef struct omissions {
  lp_omission *list;
  int n;
} omissions;

/* Past the ceiling all else counts under the last reason. */
static lp_omission *omission_of(omissions *o, const char *why) {
  for (int i = 0; i < o->n; i++) {
    if (strcmp(o->list[i].why, why) == 0) return &o->list[i];
  }
  if (o->n == MAX_OMISSIONS) return &o->list[MAX_OMISSIONS - 1];
  o->list[o->n] = (lp_omission){.why = o->n == MAX_OMISSIONS - 1 ? "other reasons" : why};
  return &o->list[o->n++];
}

static void list_result(omissions *o, const lp_result *r) {
  if (r->not_run) {
    omission_of(o, r->not_run)->cases++;
    return;
  }
  for (int i = 0; i < r->n_verdicts; i++) {
    const lp_verdict *v = &r->verdicts[i];
    if (v->kind == LP_VERDICT_UNSUPPORTED && v->input >= 0) omission_of(o, v->reason)->outputs++;
  }
}

static int more_frequent(const void *a, const void *b) {
  const lp_omission *x = a, *y = b;
  const int dx = x->cases + x->outputs, dy = y->cases + y->outputs;
  return dx != dy ? (dx < dy) - (dx > dy) : strcmp(x->why, y->why);
}

static lp_status list_omissions(lp_certification *run, lp_error *error) {
  omissions o = {.list = lp_arena_alloc(run->arena, MAX_OMISSIONS, sizeof *o.list)};
  if (!o.list) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  for (int i = 0; i < run->n_results; i++) list_result(&o, &run->results[i]);
  qsort(o.list, (size_t)o.n, sizeof *o.list, more_frequent);
  run->omissions = o.list;
  run->n_omissions = o.n;
  return LP_OK;
}

lp_status lp_certify_summarize(lp_certification *run, lp_error *error) {
  for (int k = 0; k < lp_registry_count(); k++) {
    lp_loss_summary *s = &run->losses[run->n_losses];
    *s = (lp_loss_summary){.loss = lp_registry_at(k)};
    for (int i = 0; i < run->n_results; i++) {
      if (run->results[i].entry->c.loss == s->loss) add_result(run, s, &run->results[i]);
    }
    run->n_losses += s->cases > 0;
  }
  return list_omissions(run, error);
}
