/* Scaffolding for unit tests: a case built in a few lines, run by the reference, looked at by name.
 *
 *   lp_trial *t = trial_new("kl_div");
 *   trial_real(t, "input", "2 3", (double[]){...});
 *   trial_param(t, "log_target", 1);
 *   ck_assert_int_eq(trial_run(t), LP_OK);
 *   check_near(trial_loss(t, 0), -0.3335, 1e-4);
 *   trial_free(t);
 *
 * Anything that cannot be done (unknown name, out of memory) fails the test. Data are copied. */
#ifndef LP_REFERENCE_TESTS_TESTING_H
#define LP_REFERENCE_TESTS_TESTING_H

#include <check.h>

#include "reference/plan.h"
#include "reference/registry.h"

typedef struct lp_trial {
  lp_case c;
  lp_plan plan;
  lp_outcome outcome;
  uint64_t regimes;
  double *scratch;
  lp_error error;
} lp_trial;

/* A case of this loss with PyTorch's defaults and no inputs. */
lp_trial *trial_new(const char *loss);
void trial_free(lp_trial *t);

void trial_param(lp_trial *t, const char *name, double value);
void trial_reduction(lp_trial *t, const char *word);

/* Sets an input. shape: blank-separated extents, "" for a 0-d tensor. values: as many as the shape says, NULL: zeros.
 */
void trial_real(lp_trial *t, const char *input, const char *shape, const double *values);
void trial_index(lp_trial *t, const char *input, const char *shape, const int64_t *values); /* int64 */
void trial_tensor(lp_trial *t, const char *input, lp_dtype dtype, const char *shape, const double *values);
void trial_upstream(lp_trial *t, const char *shape, const double *values);
void trial_no_upstream(lp_trial *t);

/* Plans the case and, when it is accepted, runs value, gradients and regimes; may be called again after changes.
 * Every output is filled with NaN before the run, so that an element which is not written shows. */
lp_status trial_run(lp_trial *t);

/* Element i of an output. */
double trial_loss(const lp_trial *t, int64_t i);
double trial_grad(const lp_trial *t, const char *input, int64_t i);
bool trial_has_grad(const lp_trial *t, const char *input);

/* Did the last run enter the regime of this name? Fails the test when the loss has none of this name. */
bool trial_regime(const lp_trial *t, const char *name);

/* |got - expected| <= tolerance, equal non-finite class, or the test fails and prints both. */
void check_near(double got, double expected, double tolerance);

/* Same double, NaN equal to NaN, 0.0 unlike -0.0. */
void check_same(double got, double expected);

/* Every gradient of the last run agrees with central differences of the loss (upstream weighted), to `tolerance`
 * relative to 1 + its size, with this step. Away from kinks only. */
void check_gradients(lp_trial *t, double step, double tolerance);

/* The last run was refused for this reason with a message that contains `text`. */
void check_refused(const lp_trial *t, lp_reject reason, const char *text);

/* Runs the tests of one suite, prints Check's summary, returns main's exit code. Each test is a START_TEST name. */
int run_tests(const char *suite, const TTest *const *tests, int n_tests);

#endif
