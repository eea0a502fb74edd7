/* Every law against faults that it must see, and what laws derive from a case. That no right implementation breaks a
 * law is shown in test_laws_witnesses.c. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/laws_internal.h"
#include "reference/exact/exact.h"
#include "reference/tests/testing.h"

enum { SEED = 5 };

/* --- subjects: the reference, wrapped in a fault ------------------------------------------------------------- */

typedef struct fault {
  const char *name;
  void (*question)(lp_case *c);                          /* what it takes the question for; data may be changed */
  void (*answer)(lp_outcome *outcome, const lp_plan *p); /* what it makes of the right answer */
} fault;

static double memory; /* what a subject with state has seen */

static lp_outcome *answer(lp_arena *arena, const lp_case *c, const fault *f) {
  lp_outcome *outcome = lp_arena_alloc(arena, 1, sizeof *outcome);
  lp_case *own = lp_arena_alloc(arena, 1, sizeof *own);
  lp_plan plan;
  lp_error error = {.message = ""};
  ck_assert(outcome && own);
  *own = *c;
  if (own->has_grad_output) ck_assert_int_eq(lp_law_own(arena, &own->grad_output, NULL), LP_OK);
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (own->has_input[i]) ck_assert_int_eq(lp_law_own(arena, &own->inputs[i], NULL), LP_OK);
  }
  if (f && f->question) f->question(own);
  ck_assert_msg(lp_plan_init(&plan, own, &error) == LP_OK, "%s: %s", c->id, error.message);
  double *scratch = lp_arena_alloc(arena, plan.scratch + 1, sizeof *scratch);
  ck_assert_int_eq(lp_arena_outcome(arena, outcome, &plan.outcome, NULL), LP_OK);
  lp_reference_run(outcome, &plan, scratch);
  if (f && f->answer) f->answer(outcome, &plan);
  return outcome;
}

static lp_outcome *budget(lp_arena *arena, const lp_plan *plan) {
  lp_outcome *allowed = lp_arena_alloc(arena, 1, sizeof *allowed);
  lp_exact exact;
  ck_assert_ptr_nonnull(allowed);
  ck_assert_int_eq(lp_exact_evaluate(&exact, plan, NULL, NULL), LP_OK);
  ck_assert_int_eq(lp_law_budget(allowed, arena, &exact, &plan->outcome, false, false, NULL), LP_OK);
  lp_exact_clear(&exact);
  return allowed;
}

/* Derives, asks the subject in order, and checks. */
static lp_law_verdict check_law(const char *law, const lp_case *c, const fault *f) {
  lp_arena *arena = lp_arena_new(0);
  lp_derivation d;
  lp_law_verdict v;
  lp_law_answer answers[1 + LP_LAW_MAX_CASES];
  memory = 0.0;
  ck_assert_ptr_nonnull(arena);
  ck_assert_int_eq(lp_law_derive(&d, arena, lp_laws_find(law), c, SEED, NULL), LP_OK);
  for (int k = 0; k <= d.count; k++) {
    answers[k] = (lp_law_answer){answer(arena, d.plans[k].c ? d.plans[k].c : c, f), NULL};
    answers[k].budget = budget(arena, &d.plans[k]);
  }
  lp_law_check(&v, &d, &answers[0], &answers[1], true);
  lp_arena_free(arena);
  return v;
}

/* --- faults -------------------------------------------------------------------------------------------------- */

static double *loss_of(const lp_outcome *o) { return o->outputs[0].tensor.f64; }
static int64_t count_of(const lp_outcome *o) { return o->outputs[0].tensor.numel; }

static void forget_upstream(lp_case *c) { c->has_grad_output = false; }

static void for_upstream(lp_case *c, double (*change)(double g)) {
  for (int64_t i = 0; c->has_grad_output && i < c->grad_output.numel; i++) {
    c->grad_output.f64[i] = change(c->grad_output.f64[i]);
  }
}

static double clip(double g) { return fmax(-1.0, fmin(g, 1.0)); }
static void clip_upstream(lp_case *c) { for_upstream(c, clip); }
static void size_of_upstream(lp_case *c) { for_upstream(c, fabs); }

static void mean_upstream(lp_case *c) {
  double sum = 0.0;
  for (int64_t i = 0; c->has_grad_output && i < c->grad_output.numel; i++) sum += c->grad_output.f64[i];
  for (int64_t i = 0; c->has_grad_output && i < c->grad_output.numel; i++) {
    c->grad_output.f64[i] = sum / (double)c->grad_output.numel;
  }
}

static void scale_outputs(lp_outcome *o, int first, int last, double factor) {
  for (int k = first; k <= last && k < o->n_outputs; k++) {
    for (int64_t i = 0; i < o->outputs[k].tensor.numel; i++) o->outputs[k].tensor.f64[i] *= factor;
  }
}

static bool reduces(const lp_plan *p, lp_reduction reduction) { return p->c->reduction == reduction; }

static void sum_loses_gradient_factor(lp_outcome *o, const lp_plan *p) {
  if (reduces(p, LP_REDUCTION_SUM)) scale_outputs(o, 1, LP_MAX_OUTPUTS, 1.0 / (double)p->term.numel);
}

static void one_less(lp_outcome *o, const lp_plan *p) {
  const double n = (double)p->term.numel;
  if (reduces(p, LP_REDUCTION_MEAN)) scale_outputs(o, 0, LP_MAX_OUTPUTS, n / (n - 1.0));
}

static void one_less_in_gradients(lp_outcome *o, const lp_plan *p) {
  const double n = (double)p->term.numel;
  if (reduces(p, LP_REDUCTION_MEAN)) scale_outputs(o, 1, LP_MAX_OUTPUTS, n / (n - 1.0));
}

static void mean_without_lengths(lp_case *c) {
  if (c->reduction == LP_REDUCTION_MEAN) lp_law_set_reduction(c, LP_REDUCTION_SUM);
}

static void divide_by_batch(lp_outcome *o, const lp_plan *p) {
  if (reduces(p, LP_REDUCTION_SUM)) scale_outputs(o, 0, LP_MAX_OUTPUTS, 1.0 / (double)p->term.numel);
}

/* A weighted mean over the number of elements. */
static void mean_by_count(lp_outcome *o, const lp_plan *p) {
  double sum = 0.0;
  if (!reduces(p, LP_REDUCTION_MEAN)) return;
  for (int64_t i = 0; i < p->c->inputs[2].numel; i++) sum += p->c->inputs[2].f64[i];
  scale_outputs(o, 0, LP_MAX_OUTPUTS, sum / (double)p->term.numel);
}

/* The gradient to the weight without the part that goes through the divisor. */
static void divisor_is_constant(lp_outcome *o, const lp_plan *p) {
  double sum = 0.0;
  if (!reduces(p, LP_REDUCTION_MEAN)) return;
  for (int64_t i = 0; i < p->c->inputs[2].numel; i++) sum += p->c->inputs[2].f64[i];
  for (int64_t i = 0; i < o->outputs[3].tensor.numel; i++) o->outputs[3].tensor.f64[i] += loss_of(o)[0] / sum;
}

static void batchmean_is_mean(lp_case *c) {
  if (c->reduction == LP_REDUCTION_BATCHMEAN) lp_law_set_reduction(c, LP_REDUCTION_MEAN);
}

static void position_counts(lp_outcome *o, const lp_plan *p) {
  (void)p;
  for (int64_t i = 0; i < count_of(o); i++) loss_of(o)[i] += 1e-9 * (double)i;
}

static void first_row_twice(lp_outcome *o, const lp_plan *p) {
  if (!reduces(p, LP_REDUCTION_NONE)) loss_of(o)[0] += p->c->inputs[0].f64[0];
}

static void first_gradient_only(lp_outcome *o, const lp_plan *p) {
  (void)p;
  for (int64_t i = 1; i < o->outputs[1].tensor.numel; i++) o->outputs[1].tensor.f64[i] = 0.0;
}

static void shared_gradient_is_averaged(lp_outcome *o, const lp_plan *p) {
  scale_outputs(o, 1, 1, 1.0 / (double)p->term.numel);
}

static void largest_of_batch(lp_outcome *o, const lp_plan *p) {
  double most = -INFINITY;
  (void)p;
  for (int64_t i = 0; i < count_of(o); i++) most = fmax(most, loss_of(o)[i]);
  for (int64_t i = 0; i < count_of(o); i++) loss_of(o)[i] += 1e-9 * most;
}

static void mixes_with_next(lp_outcome *o, const lp_plan *p) {
  (void)p;
  for (int64_t i = 0; i + 1 < count_of(o); i++) loss_of(o)[i] += 1e-9 * loss_of(o)[i + 1];
}

static void mixes_all(lp_outcome *o, const lp_plan *p) {
  double all = 0.0;
  (void)p;
  for (int64_t i = 0; i < count_of(o); i++) all += loss_of(o)[i];
  for (int64_t i = 0; i < count_of(o); i++) loss_of(o)[i] += 1e-9 * all;
}

static void masks_by_zero(lp_outcome *o, const lp_plan *p) {
  double all = 0.0;
  (void)p;
  for (int64_t i = 0; i < count_of(o); i++) all += loss_of(o)[i];
  for (int64_t i = 0; i < count_of(o); i++) loss_of(o)[i] += 0.0 * all;
}

static void gradients_masked_by_zero(lp_outcome *o, const lp_plan *p) {
  double all = 0.0;
  (void)p;
  for (int64_t i = 0; i < o->outputs[1].tensor.numel; i++) all += 0.0 * o->outputs[1].tensor.f64[i];
  for (int64_t i = 0; i < o->outputs[1].tensor.numel; i++) o->outputs[1].tensor.f64[i] += all;
}

/* multilabel_margin: a -1 is skipped, and labels go on behind it. */
static void skips_minus_one(lp_case *c) {
  lp_tensor *t = &c->inputs[1];
  const int64_t width = t->shape[t->rank - 1];
  for (int64_t row = 0; row < t->numel; row += width) {
    int64_t kept = 0;
    for (int64_t i = 0; i < width; i++) {
      if (t->i64[row + i] >= 0) t->i64[row + kept++] = t->i64[row + i];
    }
    while (kept < width) t->i64[row + kept++] = -1;
  }
}

static void adds_zero_times_input(lp_outcome *o, const lp_plan *p, int input) {
  double all = 0.0;
  for (int64_t i = 0; i < p->c->inputs[input].numel; i++) all += 0.0 * lp_tensor_get(&p->c->inputs[input], i);
  for (int64_t i = 0; i < count_of(o); i++) loss_of(o)[i] += all;
}

static void frames_masked_by_zero(lp_outcome *o, const lp_plan *p) { adds_zero_times_input(o, p, 0); }
static void weights_masked_by_zero(lp_outcome *o, const lp_plan *p) { adds_zero_times_input(o, p, 2); }

static void gradient_of_all_frames(lp_outcome *o, const lp_plan *p) {
  for (int64_t i = 0; i < o->outputs[1].tensor.numel; i++) {
    if (isnan(p->c->inputs[0].f64[i])) o->outputs[1].tensor.f64[i] = (double)NAN;
  }
}

static void counts_padding(lp_outcome *o, const lp_plan *p) {
  for (int64_t i = 0; i < p->c->inputs[1].numel; i++) loss_of(o)[0] += 1e-9 * (double)p->c->inputs[1].i64[i];
}

static void never_twice(lp_outcome *o, const lp_plan *p) {
  (void)p;
  memory += 1.0;
  if (fmod(memory, 2.0) == 0.0) loss_of(o)[0] = nextafter(loss_of(o)[0], INFINITY);
}

static void buffer_is_not_cleared(lp_outcome *o, const lp_plan *p) {
  (void)p;
  loss_of(o)[0] += 0.0 * memory;
  memory = loss_of(o)[0];
}

static void flips_a_sign_of_zero(lp_outcome *o, const lp_plan *p) {
  (void)p;
  memory += 1.0;
  o->outputs[1].tensor.f64[1] = copysign(o->outputs[1].tensor.f64[1], memory - 1.5);
}

/* --- cases --------------------------------------------------------------------------------------------------- */

static const double values_a[] = {1.5, -2.0, 3.25, 0.125, -0.75, 2.5, 4.0, -1.25, 0.5, 7.0, -3.0, 1.0};
static const double values_b[] = {1.0, 1.0, -1.0, 0.5, 0.25, 2.5, -4.0, 1.25, 3.0, 2.0, 1.0, -2.0};
static const double weights[] = {1.0, 2.0, 0.5, 1.5, 1.0, 4.0};
static const double upstream[] = {1.0, -3.0, 0.5, 2.0, 1.25, -0.75};
static const double labels[] = {1.0, -1.0, -1.0, 1.0};

static lp_trial *trial_of(const char *loss, const char *reduction) {
  lp_trial *t = trial_new(loss);
  trial_reduction(t, reduction);
  t->c.id = "test/case";
  return t;
}

static lp_trial *pointwise(const char *reduction) {
  lp_trial *t = trial_of("smooth_l1", reduction);
  trial_real(t, "input", "3 2", values_a);
  trial_real(t, "target", "3 2", values_b);
  if (t->c.reduction == LP_REDUCTION_NONE) trial_upstream(t, "3 2", upstream);
  return t;
}

static lp_trial *unreduced(void) { return pointwise("none"); }
static lp_trial *summed(void) { return pointwise("sum"); }
static lp_trial *averaged(void) { return pointwise("mean"); }

static lp_trial *weighted(void) {
  lp_trial *t = trial_of("l1", "mean");
  trial_real(t, "input", "3 2", values_a);
  trial_real(t, "target", "3 2", values_b);
  trial_real(t, "weight", "3 2", weights);
  return t;
}

static lp_trial *divergence(void) {
  lp_trial *t = trial_of("kl_div", "batchmean");
  trial_real(t, "input", "2 3", values_a);
  trial_real(t, "target", "2 3", weights);
  return t;
}

/* One anchor that all rows share. */
static lp_trial *triplets(void) {
  lp_trial *t = trial_of("triplet_margin", "sum");
  trial_param(t, "margin", 20.0);
  trial_real(t, "anchor", "1 3", values_a);
  trial_real(t, "positive", "4 3", values_a);
  trial_real(t, "negative", "4 3", values_b);
  return t;
}

static lp_trial *cosines(void) {
  lp_trial *t = trial_of("cosine_embedding", "none");
  trial_real(t, "input1", "4 3", values_a);
  trial_real(t, "input2", "4 3", values_b);
  trial_real(t, "target", "4", labels);
  return t;
}

static lp_trial *multilabel(void) {
  lp_trial *t = trial_of("multilabel_margin", "none");
  trial_real(t, "input", "2 4", values_a);
  trial_index(t, "target", "2 4", (int64_t[]){3, -1, 0, 1, 2, 0, -1, -1});
  return t;
}

static lp_trial *classes(void) {
  lp_trial *t = trial_of("multi_margin", "mean");
  trial_real(t, "input", "2 4", values_a);
  trial_index(t, "target", "2", (int64_t[]){3, 1});
  trial_real(t, "weight", "4", weights);
  return t;
}

static lp_trial *sequences(const char *shape, const int64_t *targets) {
  lp_trial *t = trial_of("ctc", "mean");
  double log_probs[24];
  for (int i = 0; i < 24; i++) log_probs[i] = -1.0 - 0.125 * values_a[i % 11];
  trial_real(t, "log_probs", "4 2 3", log_probs);
  trial_index(t, "targets", shape, targets);
  trial_index(t, "input_lengths", "2", (int64_t[]){4, 3});
  trial_index(t, "target_lengths", "2", (int64_t[]){2, 1});
  return t;
}

static lp_trial *padded(void) { return sequences("2 2", (int64_t[]){1, 2, 2, 1}); }
static lp_trial *concatenated(void) { return sequences("3", (int64_t[]){1, 2, 2}); }

/* --- every law sees its faults ------------------------------------------------------------------------------- */

typedef struct experiment {
  const char *law;
  lp_trial *(*trial)(void);
  fault f;
} experiment;

static const experiment experiments[] = {
    {"upstream-zero", summed, {"ignores grad_output", forget_upstream, NULL}},
    {"upstream-zero", padded, {"ignores grad_output", forget_upstream, NULL}},
    {"upstream-double", averaged, {"ignores grad_output", forget_upstream, NULL}},
    {"upstream-double", triplets, {"clips grad_output", clip_upstream, NULL}},
    {"upstream-double", unreduced, {"clips grad_output", clip_upstream, NULL}},
    {"upstream-sum", summed, {"takes the size of grad_output", size_of_upstream, NULL}},
    {"upstream-sum", unreduced, {"clips grad_output", clip_upstream, NULL}},
    {"upstream-local", unreduced, {"takes the mean of grad_output", mean_upstream, NULL}},
    {"upstream-local", cosines, {"takes the mean of grad_output", mean_upstream, NULL}},
    {"reduction-sum", summed, {"divides gradients of a sum", NULL, sum_loses_gradient_factor}},
    {"reduction-sum", triplets, {"divides a sum", NULL, divide_by_batch}},
    {"reduction-mean", averaged, {"divides by one less", NULL, one_less}},
    {"reduction-mean", averaged, {"divides gradients by one less", NULL, one_less_in_gradients}},
    {"reduction-mean", weighted, {"divides by the count", NULL, mean_by_count}},
    {"reduction-mean", weighted, {"takes the divisor for constant", NULL, divisor_is_constant}},
    {"reduction-mean", padded, {"does not divide by lengths", mean_without_lengths, divide_by_batch}},
    {"reduction-mean", classes, {"divides by one less", NULL, one_less}},
    {"reduction-batchmean", divergence, {"takes the mean", batchmean_is_mean, NULL}},
    {"batch-permutation", unreduced, {"adds the position", NULL, position_counts}},
    {"batch-permutation", summed, {"counts the first row twice", NULL, first_row_twice}},
    {"batch-permutation", concatenated, {"gives a gradient to the first element only", NULL, first_gradient_only}},
    {"batch-duplication", averaged, {"divides by one less", NULL, one_less}},
    {"batch-duplication", classes, {"divides gradients by one less", NULL, one_less_in_gradients}},
    {"batch-duplication", triplets, {"averages a shared gradient", NULL, shared_gradient_is_averaged}},
    {"batch-split", triplets, {"averages a shared gradient", NULL, shared_gradient_is_averaged}},
    {"batch-split", cosines, {"takes the largest of the batch", NULL, largest_of_batch}},
    {"batch-split", weighted, {"divides by the count", NULL, mean_by_count}},
    {"batch-split", weighted, {"takes the divisor for constant", NULL, divisor_is_constant}},
    {"batch-split", padded, {"divides by one less", NULL, one_less_in_gradients}},
    {"row-independence", cosines, {"mixes rows", NULL, mixes_with_next}},
    {"row-independence", unreduced, {"mixes rows", NULL, mixes_all}},
    {"row-nan", cosines, {"masks other rows by a factor of 0", NULL, masks_by_zero}},
    {"row-nan", padded, {"masks gradients by a factor of 0", NULL, gradients_masked_by_zero}},
    {"ignored-elements", multilabel, {"goes on behind -1", skips_minus_one, NULL}},
    {"ignored-elements", padded, {"masks frames by a factor of 0", NULL, frames_masked_by_zero}},
    {"ignored-elements", padded, {"writes gradients of all frames", NULL, gradient_of_all_frames}},
    {"ignored-elements", padded, {"counts padding", NULL, counts_padding}},
    {"unused-weights", classes, {"masks weights by a factor of 0", NULL, weights_masked_by_zero}},
    {"repetition", averaged, {"differs in the last bit", NULL, never_twice}},
    {"repetition", multilabel, {"differs in the sign of 0", NULL, flips_a_sign_of_zero}},
    {"state", averaged, {"keeps what it has seen", NULL, buffer_is_not_cleared}},
    {"state", padded, {"keeps what it has seen", NULL, buffer_is_not_cleared}},
};

enum { N_EXPERIMENTS = sizeof experiments / sizeof experiments[0] };

START_TEST(a_fault_is_seen) {
  const experiment *e = &experiments[_i];
  lp_trial *t = e->trial();
  const lp_law_verdict right = check_law(e->law, &t->c, NULL), wrong = check_law(e->law, &t->c, &e->f);
  ck_assert_msg(right.kind == LP_LAW_HOLDS, "%s of %s: %s %s", e->law, t->c.loss->name, lp_law_kind_name(right.kind),
                right.reason);
  ck_assert_int_gt(right.compared, 0);
  ck_assert_msg(wrong.kind == LP_LAW_BROKEN, "%s does not see a %s that %s", e->law, t->c.loss->name, e->f.name);
  ck_assert_ptr_nonnull(strstr(wrong.reason, "test/case"));
  ck_assert_int_ge(wrong.index, 0);
  trial_free(t);
}
END_TEST

START_TEST(every_law_has_an_experiment) {
  for (int k = 0; k < lp_laws_count(); k++) {
    int seen = 0;
    for (int i = 0; i < N_EXPERIMENTS; i++) seen += strcmp(experiments[i].law, lp_laws_at(k)->name) == 0;
    ck_assert_msg(seen > 0, "%s", lp_laws_at(k)->name);
    ck_assert_ptr_eq(lp_laws_find(lp_laws_at(k)->name), lp_laws_at(k));
  }
  ck_assert_ptr_null(lp_laws_at(-1));
  ck_assert_ptr_null(lp_laws_at(lp_laws_count()));
  ck_assert_ptr_null(lp_laws_find("conservation"));
}
END_TEST

/* --- what is derived ------------------------------------------------------------------------------------------ */

typedef struct scene {
  lp_trial *t;
  lp_arena *arena;
  lp_derivation d;
} scene;

static void derive(scene *s, const char *law, lp_trial *t) {
  lp_error error = {.message = ""};
  s->t = t;
  s->arena = lp_arena_new(0);
  ck_assert_msg(lp_law_derive(&s->d, s->arena, lp_laws_find(law), &t->c, SEED, &error) == LP_OK, "%s", error.message);
}

static void leave(scene *s) {
  lp_arena_free(s->arena);
  trial_free(s->t);
}

static void check_idle(const char *law, lp_trial *t, const char *why) {
  scene s;
  derive(&s, law, t);
  ck_assert_int_eq(s.d.count, 0);
  ck_assert_msg(strstr(s.d.why_not, why) != NULL, "%s", s.d.why_not);
  lp_law_verdict v;
  lp_law_check(&v, &s.d, &(lp_law_answer){0}, NULL, true);
  ck_assert_int_eq(v.kind, LP_LAW_NOT_APPLICABLE);
  ck_assert_str_eq(v.reason, s.d.why_not);
  leave(&s);
}

START_TEST(cases_are_named_after_their_law) {
  scene s;
  derive(&s, "upstream-zero", summed());
  ck_assert_int_eq(s.d.count, 1);
  ck_assert_str_eq(s.d.cases[0].id, "test/case#upstream-zero");
  ck_assert_str_eq(s.d.cases[0].tags, "law=upstream-zero");
  ck_assert_str_eq(s.d.cases[0].hunts, lp_laws_find("upstream-zero")->about);
  ck_assert_int_eq(s.d.cases[0].expect, LP_EXPECT_ACCEPT);
  leave(&s);
  derive(&s, "batch-split", summed());
  ck_assert_int_eq(s.d.count, 2);
  ck_assert_str_eq(s.d.cases[1].id, "test/case#batch-split.2");
  leave(&s);
}
END_TEST

START_TEST(ids_that_would_be_too_long_are_not_made) {
  char id[201];
  lp_trial *t = summed();
  memset(id, 'x', 200);
  id[200] = '\0';
  t->c.id = id;
  check_idle("repetition", t, "too long");
}
END_TEST

START_TEST(upstream_gradients_are_what_the_law_says) {
  scene s;
  derive(&s, "upstream-double", unreduced());
  for (int i = 0; i < 6; i++) ck_assert_double_eq(s.d.cases[0].grad_output.f64[i], 2.0 * upstream[i]);
  leave(&s);
  derive(&s, "upstream-double", averaged()); /* ones, which the case does not spell out */
  ck_assert_int_eq(s.d.cases[0].grad_output.rank, 0);
  ck_assert_double_eq(s.d.cases[0].grad_output.f64[0], 2.0);
  leave(&s);
  derive(&s, "upstream-sum", unreduced());
  for (int i = 0; i < 6; i++) {
    const double a = s.d.cases[0].grad_output.f64[i], b = s.d.cases[1].grad_output.f64[i];
    ck_assert_double_eq(s.d.cases[2].grad_output.f64[i], a + b);
    ck_assert_double_eq(lp_dtype_round(LP_BFLOAT16, a + b), a + b);
  }
  leave(&s);
  lp_trial *t = summed();
  trial_upstream(t, "", (double[]){1e308});
  check_idle("upstream-double", t, "too large");
}
END_TEST

START_TEST(rows_move_together) {
  scene s;
  derive(&s, "batch-permutation", concatenated()); /* two sequences change places */
  const lp_case *c = &s.d.cases[0], *own = &s.t->c;
  const int64_t targets[] = {2, 1, 2}, target_lengths[] = {1, 2}, input_lengths[] = {3, 4};
  ck_assert_mem_eq(c->inputs[1].i64, targets, sizeof targets);
  ck_assert_mem_eq(c->inputs[2].i64, input_lengths, sizeof input_lengths);
  ck_assert_mem_eq(c->inputs[3].i64, target_lengths, sizeof target_lengths);
  for (int i = 0; i < 24; i++) {
    const int frame = i / 6, row = i / 3 % 2, class = i % 3;
    ck_assert_double_eq(c->inputs[0].f64[i], own->inputs[0].f64[frame * 6 + (1 - row) * 3 + class]);
  }
  leave(&s);
  derive(&s, "batch-duplication", triplets());
  ck_assert_int_eq(s.d.cases[0].inputs[0].shape[0], 1); /* the shared anchor */
  ck_assert_int_eq(s.d.cases[0].inputs[1].shape[0], 8);
  leave(&s);
}
END_TEST

START_TEST(reductions_are_taken_apart) {
  scene s;
  lp_trial *t = averaged();
  trial_upstream(t, "", (double[]){-3.0});
  derive(&s, "reduction-mean", t);
  ck_assert_int_eq(s.d.cases[0].reduction, LP_REDUCTION_NONE);
  ck_assert_str_eq(s.d.cases[0].reduction_word, "none");
  ck_assert_int_eq(s.d.cases[0].grad_output.numel, 6);
  ck_assert_double_eq(s.d.cases[0].grad_output.f64[5], -3.0);
  leave(&s);
}
END_TEST

START_TEST(only_what_is_ignored_is_changed) {
  scene s;
  derive(&s, "ignored-elements", padded());
  ck_assert_int_eq(s.d.count, 2);
  for (int i = 0; i < 24; i++) ck_assert_int_eq(isnan(s.d.cases[0].inputs[0].f64[i]), i / 6 == 3 && i / 3 % 2 == 1);
  const int64_t targets[] = {1, 2, 2, -1};
  ck_assert_mem_eq(s.d.cases[1].inputs[1].i64, targets, sizeof targets);
  leave(&s);
  derive(&s, "ignored-elements", multilabel());
  const int64_t *labelled = s.d.cases[0].inputs[1].i64, kept[] = {3, -1};
  ck_assert_mem_eq(labelled, kept, sizeof kept);
  ck_assert_int_ne(labelled[2], 0);
  ck_assert_int_eq(labelled[6], -1);
  ck_assert_int_ge(labelled[7], 0);
  leave(&s);
  derive(&s, "unused-weights", classes());
  for (int i = 0; i < 4; i++) ck_assert_int_eq(isnan(s.d.cases[0].inputs[2].f64[i]), i == 0 || i == 2);
  leave(&s);
}
END_TEST

START_TEST(the_same_seed_gives_the_same_cases) {
  scene a, b;
  derive(&a, "upstream-sum", unreduced());
  derive(&b, "upstream-sum", unreduced());
  for (int k = 0; k < 3; k++) {
    ck_assert_mem_eq(a.d.cases[k].grad_output.f64, b.d.cases[k].grad_output.f64, 6 * sizeof(double));
  }
  leave(&a);
  leave(&b);
}
END_TEST

START_TEST(laws_that_say_nothing_say_why) {
  check_idle("upstream-local", summed(), "reduced");
  check_idle("reduction-sum", unreduced(), "another reduction");
  check_idle("row-independence", weighted(), "sum of the weights");
  check_idle("ignored-elements", summed(), "ignores no elements");
  check_idle("unused-weights", cosines(), "no weights of classes");
  lp_trial *t = trial_of("l1", "mean"); /* 0-d */
  trial_real(t, "input", "", values_a);
  trial_real(t, "target", "", values_b);
  check_idle("batch-permutation", t, "no batch axis");
  t = trial_of("l1", "mean");
  trial_real(t, "input", "2", values_a);
  trial_real(t, "target", "2", values_b);
  trial_real(t, "weight", "2", (double[]){1.0, -1.0});
  check_idle("reduction-mean", t, "cancel");
  t = trial_of("l1", "mean");
  trial_real(t, "input", "0", NULL);
  trial_real(t, "target", "0", NULL);
  check_idle("reduction-mean", t, "divides by 0");
  t = trial_of("l1", "mean");
  trial_real(t, "input", "2", values_a);
  trial_real(t, "target", "3", values_b);
  check_idle("repetition", t, "PyTorch refuses");
  t = trial_of("l1", "sum"); /* integers */
  trial_tensor(t, "input", LP_INT8, "2", values_a);
  trial_tensor(t, "target", LP_INT8, "2", values_b);
  check_idle("reduction-sum", t, "integers");
  check_idle("unused-weights",
             (t = classes(), trial_index(t, "target", "2", (int64_t[]){0, 1}), trial_real(t, "input", "2 2", values_a),
              trial_real(t, "weight", "2", weights), t),
             "every class");
  t = trial_of("ctc", "sum"); /* lengths of a rank that the registry does not list */
  trial_real(t, "log_probs", "2 1 3", values_a);
  trial_index(t, "targets", "1 1", (int64_t[]){1});
  trial_index(t, "input_lengths", "1 1", (int64_t[]){2});
  trial_index(t, "target_lengths", "1", (int64_t[]){1});
  check_idle("batch-duplication", t, "does not name");
  t = trial_of("multi_margin", "mean"); /* a 0-d target, which cannot stand beside two rows */
  trial_real(t, "input", "1 4", values_a);
  trial_index(t, "target", "", (int64_t[]){1});
  check_idle("batch-duplication", t, "no batch axis");
  t = trial_of("multi_margin", "mean");
  trial_real(t, "input", "4", values_a);
  trial_index(t, "target", "1", (int64_t[]){1});
  check_idle("batch-duplication", t, "PyTorch would refuse");
}
END_TEST

/* --- answers that cannot be compared --------------------------------------------------------------------------- */

typedef struct bench {
  scene s;
  lp_law_answer answers[1 + LP_LAW_MAX_CASES];
  lp_outcome *outcomes[1 + LP_LAW_MAX_CASES];
} bench;

static void set_up(bench *b, const char *law, lp_trial *t) {
  derive(&b->s, law, t);
  for (int k = 0; k <= b->s.d.count; k++) {
    b->outcomes[k] = answer(b->s.arena, b->s.d.plans[k].c, NULL);
    b->answers[k] = (lp_law_answer){b->outcomes[k], budget(b->s.arena, &b->s.d.plans[k])};
  }
}

static lp_law_verdict judge(bench *b, bool deterministic) {
  lp_law_verdict v;
  lp_law_check(&v, &b->s.d, &b->answers[0], &b->answers[1], deterministic);
  return v;
}

START_TEST(answers_of_other_kinds) {
  bench b;
  set_up(&b, "upstream-zero", summed());
  b.outcomes[1]->kind = LP_OUTCOME_CRASHED;
  lp_law_verdict v = judge(&b, true);
  ck_assert_int_eq(v.kind, LP_LAW_BROKEN);
  ck_assert_ptr_nonnull(strstr(v.reason, "crashed"));
  ck_assert_int_eq(v.index, -1);
  b.outcomes[1]->kind = LP_OUTCOME_UNSUPPORTED;
  ck_assert_int_eq(judge(&b, true).kind, LP_LAW_NOT_APPLICABLE);
  b.outcomes[1]->kind = LP_OUTCOME_OK;
  b.outcomes[0]->kind = LP_OUTCOME_REJECTED;
  ck_assert_int_eq(judge(&b, true).kind, LP_LAW_NOT_APPLICABLE);
  leave(&b.s);
  set_up(&b, "state", summed());
  b.outcomes[1]->kind = LP_OUTCOME_REJECTED; /* the question in between: its answer plays no part */
  ck_assert_int_eq(judge(&b, true).kind, LP_LAW_HOLDS);
  leave(&b.s);
}
END_TEST

/* The weights of a part cancel, though those of the whole do not. */
START_TEST(parts_without_a_mean_say_nothing) {
  bench b;
  lp_trial *t = trial_of("mse", "mean");
  trial_real(t, "input", "2 2", values_a);
  trial_real(t, "target", "2 2", values_b);
  trial_real(t, "weight", "2 2", (double[]){1.0, -1.0, 2.0, 1.0});
  set_up(&b, "batch-split", t);
  const lp_law_verdict v = judge(&b, true);
  ck_assert_str_eq(lp_law_kind_name(v.kind), "not applicable");
  ck_assert_ptr_nonnull(strstr(v.reason, "cancel"));
  leave(&b.s);
}
END_TEST

START_TEST(outputs_of_other_shapes_or_none) {
  bench b;
  set_up(&b, "repetition", unreduced());
  b.outcomes[1]->outputs[1].tensor.shape[0] = 2;
  lp_law_verdict v = judge(&b, true);
  ck_assert_int_eq(v.kind, LP_LAW_BROKEN);
  ck_assert_ptr_nonnull(strstr(v.reason, "grad/input has shape (2, 2)"));
  b.outcomes[1]->n_outputs = 1;
  v = judge(&b, true);
  ck_assert_int_eq(v.kind, LP_LAW_HOLDS); /* of the loss */
  ck_assert_int_eq(v.compared, 6);
  b.outcomes[1]->n_outputs = 0;
  ck_assert_int_eq(judge(&b, true).kind, LP_LAW_NOT_APPLICABLE);
  leave(&b.s);
}
END_TEST

START_TEST(bits_budgets_and_neither) {
  bench b;
  set_up(&b, "repetition", averaged());
  loss_of(b.outcomes[1])[0] = nextafter(loss_of(b.outcomes[1])[0], INFINITY);
  ck_assert_int_eq(judge(&b, true).kind, LP_LAW_BROKEN);
  ck_assert_int_eq(judge(&b, false).kind, LP_LAW_HOLDS);
  b.answers[0].budget = NULL;
  ck_assert_int_eq(judge(&b, false).kind, LP_LAW_NOT_APPLICABLE);
  ck_assert_int_eq(judge(&b, true).kind, LP_LAW_BROKEN);
  leave(&b.s);
}
END_TEST

START_TEST(the_worst_number_is_named) {
  bench b;
  set_up(&b, "batch-permutation", unreduced());
  b.outcomes[1]->outputs[1].tensor.f64[2] += 1e-6;
  b.outcomes[1]->outputs[2].tensor.f64[3] += 1e-3;
  const lp_law_verdict v = judge(&b, true);
  ck_assert_int_eq(v.kind, LP_LAW_BROKEN);
  ck_assert_int_eq(v.derived, 0);
  ck_assert_int_eq(v.input, 1);
  ck_assert_int_eq(v.index, 3);
  ck_assert_double_eq(v.got, b.outcomes[1]->outputs[2].tensor.f64[3]);
  check_near(v.expected, v.got - 1e-3, 1e-15);
  ck_assert(v.allowed > 0.0 && v.allowed < 1e-12);
  leave(&b.s);
}
END_TEST

/* --- numbers that are not finite ------------------------------------------------------------------------------- */

static lp_law_kind compare(double got, double expected, double allowed, lp_dtype dtype) {
  lp_trial *t = summed();
  scene s;
  lp_law_verdict v = {.kind = LP_LAW_HOLDS};
  derive(&s, "repetition", t);
  lp_relation r = {.verdict = &v, .d = &s.d, .worst = -1.0};
  lp_law_equal(&r, (lp_law_place){1, LP_OUTPUT_LOSS, 0}, (lp_law_number){got, allowed, dtype},
               (lp_law_number){expected, allowed, dtype}, false);
  leave(&s);
  return v.compared ? v.kind : LP_LAW_NOT_APPLICABLE;
}

START_TEST(classes_are_compared_before_numbers) {
  const double inf = INFINITY, nan = NAN, b = 1e-9;
  ck_assert_int_eq(compare(nan, nan, 0.0, LP_FLOAT64), LP_LAW_HOLDS);
  ck_assert_int_eq(compare(inf, inf, 0.0, LP_FLOAT64), LP_LAW_HOLDS);
  ck_assert_int_eq(compare(inf, -inf, 0.0, LP_FLOAT64), LP_LAW_BROKEN);
  ck_assert_int_eq(compare(inf, nan, b, LP_FLOAT64), LP_LAW_BROKEN);
  ck_assert_int_eq(compare(nan, 1.0, b, LP_FLOAT64), LP_LAW_BROKEN);
  ck_assert_int_eq(compare(1.0, inf, b, LP_FLOAT64), LP_LAW_BROKEN);
  ck_assert_int_eq(compare(inf, 3.4e38, 1e33, LP_FLOAT32), LP_LAW_HOLDS); /* an overflow that rounding decides */
  ck_assert_int_eq(compare(3.4e38, inf, 1e33, LP_FLOAT32), LP_LAW_HOLDS);
  ck_assert_int_eq(compare(-inf, 3.4e38, 1e33, LP_FLOAT32), LP_LAW_BROKEN);
  ck_assert_int_eq(compare(inf, 3.4e38, 1e33, LP_FLOAT64), LP_LAW_BROKEN);
  ck_assert_int_eq(compare(inf, 0.0, 4e38, LP_FLOAT32), LP_LAW_HOLDS); /* 0 is as good as 4e38 */
  ck_assert_int_eq(compare(-inf, 1.0, 4e38, LP_FLOAT32), LP_LAW_HOLDS);
  ck_assert_int_eq(compare(inf, 0.0, 3e38, LP_FLOAT32), LP_LAW_BROKEN);
  ck_assert_int_eq(compare(inf, -3e38, 4e38, LP_FLOAT32), LP_LAW_BROKEN);
  ck_assert_int_eq(compare(1.0, 2.0, inf, LP_FLOAT64), LP_LAW_NOT_APPLICABLE); /* open */
  ck_assert_int_eq(compare(1.0, 2.0, 0.0, LP_FLOAT64), LP_LAW_NOT_APPLICABLE); /* the truth is not finite */
  ck_assert_int_eq(compare(0.0, -0.0, b, LP_FLOAT64), LP_LAW_HOLDS);
}
END_TEST

/* n times factor times x against sum, which is exact. */
static lp_law_kind compare_products(int n, double factor, double x, double sum) {
  lp_trial *t = summed();
  scene s;
  lp_law_verdict v = {.kind = LP_LAW_HOLDS};
  lp_law_side left = {0}, right = {0};
  derive(&s, "repetition", t);
  lp_relation r = {.verdict = &v, .d = &s.d, .worst = -1.0};
  for (int i = 0; i < n; i++) lp_side_add(&left, factor, (lp_law_number){x, 1e-15, LP_FLOAT64});
  lp_side_add(&right, sum, (lp_law_number){1.0, 1e-15, LP_FLOAT64});
  lp_law_compare(&r, (lp_law_place){1, LP_OUTPUT_LOSS, 0}, &left, &right);
  leave(&s);
  return v.kind;
}

/* 1.4 times the smallest number is 1 times that. */
START_TEST(products_that_underflow) {
  ck_assert_int_eq(compare_products(2, 0x1p-1073, 0.7, 3.0 * 0x1p-1074), LP_LAW_HOLDS);
  ck_assert_int_eq(compare_products(2, 0x1p-1073, 0.7, 10.0 * 0x1p-1074), LP_LAW_BROKEN);
  ck_assert_int_eq(compare_products(2, 1.0, 0.75, 1.5), LP_LAW_HOLDS);
  ck_assert_int_eq(compare_products(2, 1.0, 0.75, 1.5 + 0x1p-40), LP_LAW_BROKEN);
}
END_TEST

/* Twice the upstream gradient may overflow where it alone does not. */
START_TEST(a_part_that_overflows_makes_nan_of_an_infinity) {
  bench b;
  set_up(&b, "upstream-double", unreduced());
  double *const own = b.outcomes[0]->outputs[1].tensor.f64, *const twice = b.outcomes[1]->outputs[1].tensor.f64;
  for (int i = 0; i < 2; i++) {
    own[0] = -INFINITY;
    twice[0] = i == 0 ? (double)NAN : (double)INFINITY;
    ck_assert_int_eq(judge(&b, false).kind, i == 0 ? LP_LAW_HOLDS : LP_LAW_BROKEN);
  }
  leave(&b.s);
}
END_TEST

/* --- budgets and the registry ----------------------------------------------------------------------------------- */

START_TEST(budgets_are_open_beside_kinks_only) {
  lp_trial *t = trial_of("smooth_l1", "none"); /* |d| = beta, and not near it */
  lp_arena *arena = lp_arena_new(0);
  lp_outcome allowed;
  lp_exact exact;
  trial_real(t, "input", "2", (double[]){0.0, 5.0});
  trial_real(t, "target", "2", (double[]){0.0, 1.0});
  trial_param(t, "beta", 0.0);
  ck_assert_int_eq(trial_run(t), LP_OK);
  ck_assert_int_eq(lp_exact_evaluate(&exact, &t->plan, NULL, NULL), LP_OK);
  ck_assert_int_eq(lp_law_budget(&allowed, arena, &exact, &t->plan.outcome, false, false, NULL), LP_OK);
  ck_assert(isfinite(allowed.outputs[1].tensor.f64[0]));
  ck_assert_int_eq(lp_law_budget(&allowed, arena, &exact, &t->plan.outcome, true, false, NULL), LP_OK);
  ck_assert(isinf(allowed.outputs[1].tensor.f64[0]));
  ck_assert(allowed.outputs[1].tensor.f64[1] > 0.0 && allowed.outputs[1].tensor.f64[1] < 1e-12);
  lp_exact_clear(&exact);
  lp_arena_free(arena);
  trial_free(t);
}
END_TEST

/* The laws read the registry's words: a row that is worded otherwise would silence them. */
START_TEST(the_laws_understand_every_row) {
  for (int i = 0; i < lp_registry_count(); i++) {
    const lp_case c = {.loss = lp_registry_at(i), .reduction = LP_REDUCTION_MEAN};
    const lp_plan plan = {.c = &c, .term = {.numel = 1}};
    lp_divisor divisor;
    const bool none = strncmp(c.loss->ignored, "none", 4) == 0;
    const char *why = lp_divisor_of(&divisor, &plan);
    ck_assert_msg(!why, "%s: %s", c.loss->name, why);
    ck_assert_msg(none == (lp_laws_find("ignored-elements")->refusal(&plan) != NULL), "%s ignores %s", c.loss->name,
                  c.loss->ignored);
    for (int k = 0; k < c.loss->n_inputs; k++) {
      lp_batch batch;
      const lp_case empty = {.loss = c.loss};
      const lp_plan bare = {.c = &empty, .term = {.rank = 1, .numel = 1, .shape = {1}}};
      ck_assert_ptr_null(lp_batch_of(&batch, &bare));
    }
  }
}
END_TEST

static void sides(lp_trial *t, int *kinds) {
  lp_batch batch;
  ck_assert_msg(trial_run(t) == LP_OK, "%s", t->error.message);
  const char *why = lp_batch_of(&batch, &t->plan);
  ck_assert_msg(!why, "%s", why);
  for (int i = 0; i < t->c.loss->n_inputs; i++) kinds[i] = batch.kind[i] == LP_BATCH_AXIS ? batch.axis[i] : -1;
  trial_free(t);
}

START_TEST(rows_are_found_by_the_registry) {
  int k[LP_MAX_INPUTS] = {0};
  sides(weighted(), k);
  ck_assert(k[0] == 0 && k[1] == 0 && k[2] == 0);
  sides(triplets(), k);
  ck_assert(k[0] == -1 && k[1] == 0 && k[2] == 0);
  sides(classes(), k);
  ck_assert(k[0] == 0 && k[1] == 0 && k[2] == -1);
  sides(padded(), k);
  ck_assert(k[0] == 1 && k[1] == 0 && k[2] == 0 && k[3] == 0);
  lp_trial *t = trial_of("mse", "sum"); /* a target that all rows share */
  trial_real(t, "input", "3 2", values_a);
  trial_real(t, "target", "2", values_b);
  sides(t, k);
  ck_assert(k[0] == 0 && k[1] == -1);
}
END_TEST

START_TEST(memory_that_runs_out_is_reported) {
  lp_trial *t = triplets();
  for (int law = 0; law < lp_laws_count(); law++) {
    long left = -1;
    for (long n = 0; left <= 0 && n < 100; n++) {
      lp_arena *arena = lp_arena_new(0);
      lp_derivation d;
      lp_error error = {.message = ""};
      lp_arena_fail_after(n);
      const lp_status status = lp_law_derive(&d, arena, lp_laws_at(law), &t->c, SEED, &error);
      left = lp_arena_fail_after(-1);
      ck_assert_int_eq(status, status == LP_OK ? LP_OK : LP_NO_MEMORY);
      ck_assert(status == LP_OK || error.message[0]);
      lp_arena_free(arena);
      if (status == LP_OK) break;
    }
  }
  trial_free(t);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("laws");
  TCase *faults = tcase_create("faults"), *rest = tcase_create("rest");
  const TTest *const tests[] = {every_law_has_an_experiment,
                                cases_are_named_after_their_law,
                                ids_that_would_be_too_long_are_not_made,
                                upstream_gradients_are_what_the_law_says,
                                rows_move_together,
                                reductions_are_taken_apart,
                                only_what_is_ignored_is_changed,
                                the_same_seed_gives_the_same_cases,
                                laws_that_say_nothing_say_why,
                                answers_of_other_kinds,
                                parts_without_a_mean_say_nothing,
                                outputs_of_other_shapes_or_none,
                                bits_budgets_and_neither,
                                the_worst_number_is_named,
                                classes_are_compared_before_numbers,
                                products_that_underflow,
                                a_part_that_overflows_makes_nan_of_an_infinity,
                                budgets_are_open_beside_kinks_only,
                                the_laws_understand_every_row,
                                rows_are_found_by_the_registry,
                                memory_that_runs_out_is_reported};
  tcase_add_loop_test(faults, a_fault_is_seen, 0, N_EXPERIMENTS);
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) tcase_add_test(rest, tests[i]);
  suite_add_tcase(suite, faults);
  suite_add_tcase(suite, rest);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  flint_cleanup();
  return failed == 0 ? 0 : 1;
}
