#include "reference/exact/ctc_sequence.h"

#include <math.h>

int64_t lp_exact_ctc_batch(const lp_plan *plan) {
  const lp_tensor *x = &plan->c->inputs[LP_EXACT_CTC_LOG_PROBS];
  return x->rank == 3 ? x->shape[1] : 1;
}

static int64_t classes(const lp_plan *plan) {
  const lp_tensor *x = &plan->c->inputs[LP_EXACT_CTC_LOG_PROBS];
  return x->shape[x->rank - 1];
}

int64_t lp_exact_ctc_offset(const lp_plan *plan, int64_t n) { return n * classes(plan); }

/* Rows of a padded tensor; otherwise one after another. */
static int64_t first_label(const lp_plan *plan, int64_t n) {
  const lp_tensor *targets = &plan->c->inputs[LP_EXACT_CTC_TARGETS];
  const int64_t *lengths = plan->c->inputs[LP_EXACT_CTC_TARGET_LENGTHS].i64;
  int64_t before = 0;
  if (targets->rank == 2) return n * targets->shape[1];
  for (int64_t i = 0; i < n; i++) before += lengths[i];
  return before;
}

lp_exact_ctc_sequence lp_exact_ctc_read(const lp_plan *plan, const lp_exact_options *options, int64_t n) {
  const lp_case *c = plan->c;
  const int64_t offset = lp_exact_ctc_offset(plan, n);
  const arb_struct *shift = options->shift ? options->shift->of[LP_EXACT_CTC_LOG_PROBS] : NULL;
  return (lp_exact_ctc_sequence){
      .log_probs = c->inputs[LP_EXACT_CTC_LOG_PROBS].f64 + offset,
      .shift = shift ? shift + offset : NULL,
      .stand_in = options->stand_in,
      .stride = lp_exact_ctc_batch(plan) * classes(plan),
      .n_classes = classes(plan),
      .n_frames = c->inputs[LP_EXACT_CTC_INPUT_LENGTHS].i64[n],
      .labels = c->inputs[LP_EXACT_CTC_TARGETS].i64 + first_label(plan, n),
      .n_labels = c->inputs[LP_EXACT_CTC_TARGET_LENGTHS].i64[n],
      .blank = (int64_t)c->params[LP_EXACT_CTC_BLANK],
  };
}

double lp_exact_ctc_class(const lp_exact_ctc_sequence *q, int64_t t, int64_t c) {
  const double x = q->log_probs[t * q->stride + c];
  return isfinite(x) || (isinf(x) && q->stand_in != 0) ? 0.0 : x;
}

lp_class lp_exact_ctc_log_prob(arb_t x, const lp_exact_ctc_sequence *q, int64_t t, int64_t c) {
  const double value = q->log_probs[t * q->stride + c], special = lp_exact_ctc_class(q, t, c);
  if (special != 0.0) {
    arb_zero(x);
    return lp_classify(special);
  }
  if (isinf(value)) {
    arb_set_si(x, value > 0.0 ? 1 : -1);
    arb_mul_2exp_si(x, x, q->stand_in);
  } else {
    arb_set_d(x, value);
  }
  if (q->shift) arb_add(x, x, &q->shift[t * q->stride + c], ARF_PREC_EXACT);
  return LP_FINITE;
}

int64_t lp_exact_ctc_needed(const lp_exact_ctc_sequence *q) {
  int64_t needed = q->n_labels;
  for (int64_t j = 1; j < q->n_labels; j++) needed += q->labels[j] == q->labels[j - 1];
  return needed;
}
