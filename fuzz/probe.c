#include "fuzz/probe.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fuzz/brute.h"
#include "fuzz/plant.h"
#include "harness/examine.h"
#include "harness/laws.h"
#include "reference/exact/differences.h"

typedef struct probing {
  lp_probe_result *result;
  lp_arena *arena;
  const lp_case *c;
  const lp_probe_options *options;
  lp_examination own;
  const lp_outcome *subject; /* what is judged: the reference's outcome, rounded, or the candidate's */
  lp_judging how;
} probing;

uint64_t lp_probe_seed(const uint8_t *bytes, size_t size) {
  uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a, and a last mix for the low bits */
  for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 0x100000001b3u;
  hash = (hash ^ hash >> 31) * 0x94d049bb133111ebu;
  return hash ^ hash >> 32;
}

/* The next finding, whose signature is the loss, a slash and the format; NULL when there is no room. */
static lp_probe_finding *add_finding(probing *p, const char *text, const char *format, ...) LP_PRINTF(3, 4);

static lp_probe_finding *add_finding(probing *p, const char *text, const char *format, ...) {
  if (p->result->n_findings == LP_PROBE_MOST_FINDINGS) return NULL;
  lp_probe_finding *f = &p->result->findings[p->result->n_findings++];
  va_list arguments;
  va_start(arguments, format);
  const int n = snprintf(f->signature, sizeof f->signature, "%s/", p->c->loss->name);
  vsnprintf(f->signature + n, sizeof f->signature - (size_t)n, format, arguments);
  va_end(arguments);
  snprintf(f->text, sizeof f->text, "%s", text);
  return f;
}

/* --- the judge -------------------------------------------------------------------------------------------------- */

enum { NUMBER_TEXT = 32 };

/* A NaN has no sign that anybody asks for. */
static const char *number_text(char text[NUMBER_TEXT], double x) {
  snprintf(text, NUMBER_TEXT, "%.17g", x);
  return isnan(x) ? "NaN" : text;
}

static void tell_verdict(probing *p, const lp_verdict *v) {
  char name[LP_NAME_MAX], text[LP_PROBE_TEXT], signature[LP_PROBE_SIGNATURE], got[NUMBER_TEXT], truth[NUMBER_TEXT];
  if (v->kind == LP_VERDICT_PASS) return;
  if (v->kind == LP_VERDICT_INCONCLUSIVE) {
    p->result->inconclusive++;
    return;
  }
  if (v->index >= 0) {
    snprintf(text, sizeof text, "%s[%lld] is %s, the truth is %s: %s", lp_output_name(name, p->c->loss, v->input),
             (long long)v->index, number_text(got, v->got), number_text(truth, v->at.truth), v->reason);
  } else {
    snprintf(text, sizeof text, "%s", v->reason);
  }
  lp_probe_finding *f = add_finding(p, text, "-");
  if (f) snprintf(f->signature, sizeof f->signature, "%s", lp_signature(signature, sizeof signature, p->c->loss, v));
}

/* An output that the candidate does not declare may be missing. */
static bool is_asked_for(const probing *p, const lp_verdict *v) {
  const lp_candidate *candidate = p->options->candidate;
  return !candidate || v->input < 0 || lp_manifest_wants(lp_candidate_manifest(candidate), p->c->loss, v->input);
}

static void note_ratio(lp_probe_result *result, const lp_verdict *v) {
  if (v->input == LP_OUTPUT_CASE || result->n_outputs == LP_MAX_OUTPUTS) return;
  result->outputs[result->n_outputs++] = (lp_probe_output){v->input, v->index, v->at.ratio};
}

static void judge(probing *p, const lp_outcome *outcome, bool first) {
  lp_verdict verdicts[LP_MAX_VERDICTS];
  const int n = lp_judge(verdicts, p->c, outcome, lp_examination_exact(&p->own), &p->how);
  for (int i = 0; i < n; i++) {
    if (!is_asked_for(p, &verdicts[i])) continue;
    if (first) note_ratio(p->result, &verdicts[i]);
    tell_verdict(p, &verdicts[i]);
  }
}

/* --- the reference's own -------------------------------------------------------------------------------------- */

static void check_acceptance(probing *p) {
  const lp_loss *loss = p->c->loss;
  const bool accepted = p->own.has_exact;
  if (accepted && p->c->expect == LP_EXPECT_REJECT)
    add_finding(p, "accepts what must be rejected", "acceptance/accepts");
  if (!accepted && p->c->expect == LP_EXPECT_ACCEPT) {
    add_finding(p, p->own.reference.message, "acceptance/rejects");
  }
  if (!accepted && !(loss->rejects >> p->own.reject & 1u)) {
    add_finding(p, p->own.reference.message, "acceptance/unlisted-%s", lp_reject_name(p->own.reject));
  }
  if (!accepted && !*p->own.reference.message) add_finding(p, "rejects without a message", "acceptance/silent");
}

/* Beside a switch the reference's regimes are those of its own rounding. */
static void check_regimes(probing *p) {
  const lp_exact *exact = &p->own.exact;
  const uint64_t other =
      exact->near_switches > 0 || exact->entangled ? 0 : (p->own.regimes ^ exact->regimes) & exact->regimes_known;
  for (int i = 0; i < p->c->loss->n_regimes; i++) {
    if (!(other >> i & 1u)) continue;
    add_finding(p,
                p->own.regimes >> i & 1u ? "the reference enters this regime, the exact oracle does not"
                                         : "the exact oracle enters this regime, the reference does not",
                "regimes/%s", p->c->loss->regimes[i].name);
  }
}

static bool is_turn_of_jacobian(const lp_probe_options *o) {
  return o->everything || o->seed / (uint64_t)lp_laws_count() % LP_PROBE_JACOBIAN_EVERY == 0;
}

static lp_status check_differences(probing *p, const lp_plan *plan, lp_error *error) {
  const lp_differences_options options = {.directions = is_turn_of_jacobian(p->options) ? 0 : LP_PROBE_DIRECTIONS,
                                          .seed = p->options->seed};
  lp_differences d;
  int64_t work = 0;
  for (int i = 0; i < p->c->loss->n_inputs; i++) work += p->c->has_input[i] ? p->c->inputs[i].numel : 0;
  if (work > LP_PROBE_MOST_WORK) return LP_OK;
  LP_TRY(lp_exact_differences(&d, plan, &options, error));
  if (d.wrong > 0) add_finding(p, d.first, "differences/wrong");
  if (d.hidden > 0) add_finding(p, d.first, "differences/hidden");
  if (d.unseen > 0) add_finding(p, d.first, "differences/unseen");
  return LP_OK;
}

static lp_status check_paths(probing *p, const lp_plan *plan, lp_error *error) {
  char why[LP_PROBE_TEXT];
  int64_t compared;
  if (strcmp(p->c->loss->name, "ctc") != 0) return LP_OK;
  LP_TRY(lp_brute_ctc(why, sizeof why, &compared, plan, &p->own.exact, LP_PROBE_MOST_PATHS, error));
  if (why[0]) add_finding(p, why, "brute-force");
  return LP_OK;
}

static lp_status check_own(probing *p, lp_error *error) {
  lp_plan plan;
  check_acceptance(p);
  if (!p->own.has_exact) return LP_OK;
  check_regimes(p);
  LP_TRY(lp_plan_init(&plan, p->c, error));
  LP_TRY(check_differences(p, &plan, error));
  return check_paths(p, &plan, error);
}

/* An answer is given in the dtypes of its outputs. */
static void round_outputs(lp_outcome *outcome) {
  for (int k = 0; k < outcome->n_outputs; k++) {
    lp_tensor *t = &outcome->outputs[k].tensor;
    for (int64_t i = 0; i < t->numel; i++) t->f64[i] = lp_dtype_round(t->dtype, t->f64[i]);
  }
}

/* --- laws ------------------------------------------------------------------------------------------------------- */

/* What is allowed on a question of a law, and, without a candidate, the reference's answer to it. */
static lp_status answer_law(probing *p, lp_law_answer *answer, const lp_case *c, lp_error *error) {
  lp_outcome *room = lp_arena_alloc(p->arena, 2, sizeof *room);
  lp_examination e;
  if (!room) return lp_fail(error, LP_NO_MEMORY, "out of memory for the answers to a law");
  const bool again = c != p->c;
  if (again) LP_TRY(lp_examine_exactly(&e, p->arena, c, NULL, error));
  const lp_examination *known = again ? &e : &p->own;
  const lp_outcome *layout = &known->reference;
  room[0] = known->reference;
  if (!p->options->candidate && again) round_outputs(&room[0]);
  if (!answer->outcome) answer->outcome = again ? &room[0] : p->subject;
  const lp_status status = known->has_exact
                               ? lp_law_budget(&room[1], p->arena, &known->exact, layout,
                                               p->how.profile == LP_PROFILE_MATH, p->how.flushes_subnormals, error)
                               : LP_OK;
  if (status == LP_OK && known->has_exact) answer->budget = &room[1];
  if (again) lp_examination_clear(&e);
  return status;
}

/* The candidate without what it does not declare. */
static lp_outcome *keep_declared(const probing *p, const lp_outcome *outcome) {
  const lp_manifest *manifest = lp_candidate_manifest(p->options->candidate);
  lp_outcome *kept = lp_arena_alloc(p->arena, 1, sizeof *kept);
  if (!kept) return NULL;
  *kept = *outcome;
  kept->n_outputs = 0;
  for (int i = 0; i < outcome->n_outputs; i++) {
    const int input = outcome->outputs[i].input;
    const bool wanted = input < 0 || lp_manifest_wants(manifest, p->c->loss, input);
    if (wanted) kept->outputs[kept->n_outputs++] = outcome->outputs[i];
  }
  return kept;
}

/* The case and its derived ones, in this order. *asked: whether all are declared and answered. */
static lp_status ask_law(probing *p, lp_law_answer *answers, const lp_derivation *d, bool *asked, lp_error *error) {
  lp_candidate *candidate = p->options->candidate;
  const lp_case *questions[1 + LP_LAW_MAX_CASES] = {p->c};
  lp_answer *said = lp_arena_alloc(p->arena, 1 + LP_LAW_MAX_CASES, sizeof *said);
  char why[120];
  *asked = true;
  for (int k = 1; k <= d->count; k++) {
    questions[k] = &d->cases[k - 1];
    *asked = *asked && lp_manifest_covers(lp_candidate_manifest(candidate), questions[k], why, sizeof why);
  }
  if (!said) return lp_fail(error, LP_NO_MEMORY, "out of memory for the answers to a law");
  if (!*asked) return LP_OK;
  LP_TRY(lp_candidate_ask(candidate, said, p->arena, questions, 1 + d->count, error));
  for (int k = 0; k <= d->count; k++) {
    answers[k].outcome = keep_declared(p, &said[k].outcome);
    if (!answers[k].outcome) return lp_fail(error, LP_NO_MEMORY, "out of memory for the answers to a law");
    *asked = *asked && said[k].outcome.kind != LP_OUTCOME_UNSUPPORTED;
  }
  return LP_OK;
}

static bool is_deterministic(const probing *p) {
  const lp_candidate *candidate = p->options->candidate;
  return !candidate || lp_manifest_find(lp_candidate_manifest(candidate), p->c->loss)->deterministic;
}

static lp_status check_law(probing *p, const lp_law *law, lp_error *error) {
  lp_derivation *d = lp_arena_alloc(p->arena, 1, sizeof *d);
  lp_law_answer answers[1 + LP_LAW_MAX_CASES] = {{NULL, NULL}};
  lp_law_verdict v;
  bool asked = true;
  if (!d) return lp_fail(error, LP_NO_MEMORY, "out of memory for a law");
  LP_TRY(lp_law_derive(d, p->arena, law, p->c, p->options->seed, error));
  if (d->count == 0) return LP_OK;
  if (p->options->candidate) LP_TRY(ask_law(p, answers, d, &asked, error));
  for (int k = 0; asked && k <= d->count; k++) {
    LP_TRY(answer_law(p, &answers[k], k == 0 ? p->c : &d->cases[k - 1], error));
  }
  if (!asked) return LP_OK;
  lp_law_check(&v, d, &answers[0], &answers[1], is_deterministic(p));
  if (v.kind == LP_LAW_BROKEN) add_finding(p, v.reason, "law/%s", law->name);
  return LP_OK;
}

static lp_status check_laws(probing *p, lp_error *error) {
  const int n = lp_laws_count(), drawn = (int)(p->options->seed % (uint64_t)n);
  if (!p->own.has_exact || p->subject->kind != LP_OUTCOME_OK) return LP_OK;
  for (int i = 0; i < n; i++) {
    if (p->options->everything || i == drawn) LP_TRY(check_law(p, lp_laws_at(i), error));
  }
  return LP_OK;
}

/* --- whom it concerns ----------------------------------------------------------------------------------------- */

static lp_status probe_reference(probing *p, lp_error *error) {
  round_outputs(&p->own.reference);
  p->result->planted = lp_plant(&p->own, p->c->loss);
  p->subject = &p->own.reference;
  judge(p, p->subject, true);
  return check_own(p, error);
}

/* A case that must be rejected is put only to those who say that they do. */
static bool is_declared(const probing *p) {
  const lp_manifest *manifest = lp_candidate_manifest(p->options->candidate);
  char why[120];
  const bool covered = lp_manifest_covers(manifest, p->c, why, sizeof why);
  return covered && (p->own.has_exact || lp_manifest_find(manifest, p->c->loss)->validates);
}

static void check_conduct(probing *p, const lp_answer *answer) {
  const bool died = answer->outcome.kind == LP_OUTCOME_CRASHED || answer->outcome.kind == LP_OUTCOME_TIMED_OUT;
  if (answer->conduct != LP_CONDUCT_GOOD && !died) {
    add_finding(p, answer->conduct_text, "conduct/%s", lp_conduct_name(answer->conduct));
  }
  for (int i = 0; i < answer->n_encores; i++) judge(p, &answer->encores[i], false);
}

static lp_status probe_candidate(probing *p, lp_error *error) {
  lp_answer *answer = lp_arena_alloc(p->arena, 1, sizeof *answer);
  if (!answer) return lp_fail(error, LP_NO_MEMORY, "out of memory for an answer");
  p->result->asked = is_declared(p);
  if (!p->result->asked) return LP_OK;
  LP_TRY(lp_candidate_ask(p->options->candidate, answer, p->arena, &p->c, 1, error));
  p->how.flushes_subnormals =
      lp_manifest_find(lp_candidate_manifest(p->options->candidate), p->c->loss)->flushes_subnormals;
  p->subject = &answer->outcome;
  judge(p, p->subject, true);
  check_conduct(p, answer);
  return LP_OK;
}

static lp_status probe(probing *p, lp_error *error) {
  p->result->asked = true;
  p->result->accepted = p->own.has_exact;
  p->result->reject = p->own.reject;
  p->result->regimes = p->own.regimes;
  LP_TRY(p->options->candidate ? probe_candidate(p, error) : probe_reference(p, error));
  return p->result->asked ? check_laws(p, error) : LP_OK;
}

lp_status lp_probe(lp_probe_result *result, lp_arena *arena, const lp_case *c, const lp_probe_options *options,
                   lp_error *error) {
  probing p = {.result = result, .arena = arena, .c = c, .options = options, .how = options->how};
  *result = (lp_probe_result){.reject = LP_REJECT_NONE};
  LP_TRY(lp_examine_exactly(&p.own, arena, c, NULL, error));
  const lp_status status = probe(&p, error);
  lp_examination_clear(&p.own);
  return status;
}
