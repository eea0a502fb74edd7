/* Error as coverage: what a probe found, as extra counters of libFuzzer.
 *
 * A counter for every output, regime and power of two that the ratio of error to budget lies in: an input whose error
 * is twice as large as any before, in some regime, is new, and the fuzzer climbs from there. Works for any subject,
 * whether or not it is instrumented. Without libFuzzer the counters are counted for nobody. */
#ifndef LP_FUZZ_FEEDBACK_H
#define LP_FUZZ_FEEDBACK_H

#include "fuzz/probe.h"

/* Counts the result; of a refusal, its reason. One counter is touched whatever it is. */
void lp_feedback(const lp_probe_result *result, const lp_loss *loss);

#endif
