#include "fuzz/feedback.h"

#include <math.h>

/* Buckets of the ratio: 0; below 2^-14; then one for each power of two; at the budget and beyond; not a number. */
enum { LEAST_EXPONENT = -14, POWERS = 1 - LEAST_EXPONENT, BUCKETS = POWERS + 3 };
enum { ALWAYS, REFUSED, FIRST_ACCEPTED = REFUSED + LP_REJECT_COUNT };

/* libFuzzer finds them by their section, and clears them before every input. It reads them behind the compiler's back:
 * were they not volatile, the stores would go. */
static volatile uint8_t counters[FIRST_ACCEPTED + LP_MAX_OUTPUTS * LP_MAX_REGIMES * BUCKETS]
    __attribute__((section("__libfuzzer_extra_counters")));

static int bucket_of(double ratio) {
  int exponent;
  if (ratio == 0.0) return 0;
  if (!(ratio < 1.0)) return isnan(ratio) ? BUCKETS - 1 : BUCKETS - 2;
  frexp(ratio, &exponent);
  return exponent < LEAST_EXPONENT ? 1 : 1 + exponent - LEAST_EXPONENT;
}

static void touch(int i) { counters[i] = 1; }

static void touch_output(int output, uint64_t regimes, int n_regimes, double ratio) {
  for (int r = 0; r < n_regimes; r++) {
    if (regimes >> r & 1u) touch(FIRST_ACCEPTED + (output * LP_MAX_REGIMES + r) * BUCKETS + bucket_of(ratio));
  }
}

void lp_feedback(const lp_probe_result *result, const lp_loss *loss) {
  touch(ALWAYS);
  if (!result->accepted) touch(REFUSED + (int)result->reject);
  for (int k = 0; result->accepted && k < result->n_outputs; k++) {
    touch_output(1 + result->outputs[k].input, result->regimes, loss->n_regimes, result->outputs[k].ratio);
  }
}
