/* False answers are false, and the judge sees each of them, in every dtype. */
#include "harness/tamper.h"

#include <math.h>
#include <string.h>

#include "harness/certify.h"
#include "harness/handmade.h"
#include "reference/tests/testing.h"

static const lp_handmade *plain(const char *loss) {
  for (int i = 0; i < lp_handmade_count(); i++) {
    if (strcmp(lp_handmade_at(i)->loss, loss) == 0) return lp_handmade_at(i);
  }
  ck_abort_msg("no plain case of %s", loss);
  return NULL;
}

/* The kinds of verdict that the answer to one plain case gets under a lie. */
static long fails(const char *loss, lp_dtype dtype, lp_tampering how) {
  lp_suite suite;
  lp_candidate *candidate;
  lp_certification run;
  lp_error error = {0};
  const lp_certify_options options = {.jobs = 1};
  ck_assert_int_eq(lp_suite_init(&suite, &error), LP_OK);
  ck_assert_int_eq(lp_handmade_add(&suite, plain(loss), dtype, LP_REDUCTION_MEAN, 1.0, &error), LP_OK);
  ck_assert_int_eq(lp_candidate_open(&candidate, "exact", NULL, &error), LP_OK);
  lp_candidate_tamper(candidate, (int)how);
  ck_assert_msg(lp_certify(&run, candidate, &suite, NULL, &options, &error) == LP_OK, "%s", error.message);
  const long n = run.counts[LP_VERDICT_FAIL];
  lp_certification_clear(&run);
  lp_candidate_close(candidate);
  lp_suite_clear(&suite);
  return n;
}

START_TEST(every_lie_is_seen) {
  static const char *const losses[] = {"l1", "mse", "smooth_l1", "margin_ranking", "soft_margin", "cosine_embedding"};
  for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
    for (int d = LP_FLOAT64; d <= LP_BFLOAT16; d++) {
      ck_assert_int_eq(fails(losses[i], (lp_dtype)d, LP_TAMPER_NONE), 0);
      for (int how = 1; how < LP_TAMPER_COUNT; how++) {
        ck_assert_msg(fails(losses[i], (lp_dtype)d, (lp_tampering)how) > 0, "%s in %s: %s", losses[i],
                      lp_dtype_name((lp_dtype)d), lp_tampering_name((lp_tampering)how));
      }
    }
  }
}
END_TEST

/* The memory of the answer may be somebody's. */
START_TEST(what_was_answered_is_not_touched) {
  double loss = 1.0, slopes[] = {0.5, -0.25};
  lp_arena *arena = lp_arena_new(0);
  lp_answer answer = {.conduct_text = "", .outcome = {.message = "", .n_outputs = 2}};
  answer.outcome.outputs[0] = (lp_output){LP_OUTPUT_LOSS, {.dtype = LP_FLOAT64, .numel = 1, .f64 = &loss}};
  answer.outcome.outputs[1] = (lp_output){0, {.dtype = LP_FLOAT64, .rank = 1, .shape = {2}, .numel = 2, .f64 = slopes}};
  ck_assert(lp_tamper_answer(&answer, arena, LP_TAMPER_GRADIENT));
  ck_assert(answer.outcome.outputs[1].tensor.f64[0] == 0.5 * (1.0 + 0x1p-10));
  ck_assert(lp_tamper_answer(&answer, arena, LP_TAMPER_NAN));
  ck_assert(isnan(answer.outcome.outputs[0].tensor.f64[0]));
  ck_assert(lp_tamper_answer(&answer, arena, LP_TAMPER_SWAP));
  ck_assert_int_eq(answer.outcome.outputs[0].tensor.numel, 2);
  ck_assert(loss == 1.0 && slopes[0] == 0.5 && slopes[1] == -0.25);
  lp_arena_free(arena);
}
END_TEST

START_TEST(nothing_to_change_is_said) {
  double zero = 0.0;
  lp_arena *arena = lp_arena_new(0);
  lp_answer answer = {.conduct_text = "", .outcome = {.kind = LP_OUTCOME_REJECTED, .message = "no"}};
  for (int how = 0; how <= LP_TAMPER_COUNT; how++) ck_assert(!lp_tamper_answer(&answer, arena, (lp_tampering)how));
  answer.outcome = (lp_outcome){.message = "", .n_outputs = 1};
  answer.outcome.outputs[0] = (lp_output){LP_OUTPUT_LOSS, {.dtype = LP_FLOAT64, .numel = 1, .f64 = &zero}};
  ck_assert(!lp_tamper_answer(&answer, arena, LP_TAMPER_GRADIENT));
  ck_assert(!lp_tamper_answer(&answer, arena, LP_TAMPER_SWAP));
  ck_assert(!lp_tamper_answer(&answer, arena, LP_TAMPER_COUNT));
  lp_arena_free(arena);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_lie_is_seen, what_was_answered_is_not_touched, nothing_to_change_is_said};
  return run_tests("tamper", tests, sizeof tests / sizeof tests[0]);
}
