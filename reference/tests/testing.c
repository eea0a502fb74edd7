#include "reference/tests/testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

lp_trial *trial_new(const char *loss) {
  lp_trial *t = calloc(1, sizeof *t);
  const lp_loss *row = lp_registry_find(loss);
  ck_assert_msg(t != NULL, "out of memory");
  ck_assert_msg(row != NULL, "no loss is called %s", loss);
  lp_case_init(&t->c, row);
  return t;
}

static void free_outcome(lp_outcome *o) {
  for (int i = 0; i < o->n_outputs; i++) free(o->outputs[i].tensor.f64);
  o->n_outputs = 0;
}

static void free_tensor(lp_tensor *t) {
  free(t->f64);
  free(t->i64);
  t->f64 = NULL;
  t->i64 = NULL;
}

static void free_results(lp_trial *t) {
  free_outcome(&t->outcome);
  free(t->scratch);
  t->scratch = NULL;
}

void trial_free(lp_trial *t) {
  free_results(t);
  for (int i = 0; i < LP_MAX_INPUTS; i++) free_tensor(&t->c.inputs[i]);
  free_tensor(&t->c.grad_output);
  free(t);
}

static int input_index(const lp_trial *t, const char *name) {
  const int i = lp_loss_input_index(t->c.loss, name);
  ck_assert_msg(i >= 0, "%s has no input %s", t->c.loss->name, name);
  return i;
}

void trial_param(lp_trial *t, const char *name, double value) {
  const int i = lp_loss_param_index(t->c.loss, name);
  ck_assert_msg(i >= 0, "%s has no parameter %s", t->c.loss->name, name);
  t->c.params[i] = value;
}

void trial_reduction(lp_trial *t, const char *word) {
  t->c.reduction = lp_reduction_from_name(word);
  t->c.reduction_word = word;
}

static void shape_tensor(lp_tensor *tensor, lp_dtype dtype, const char *shape) {
  int64_t extents[LP_MAX_RANK];
  int rank = 0;
  char *end;
  for (const char *p = shape; *p && rank < LP_MAX_RANK; p = end + strspn(end, " ")) {
    extents[rank++] = strtoll(p, &end, 10);
    ck_assert_msg(end != p, "bad shape \"%s\"", shape);
  }
  free_tensor(tensor);
  lp_error error;
  ck_assert_msg(lp_tensor_init(tensor, dtype, rank, extents, &error) == LP_OK, "bad shape \"%s\"", shape);
  const size_t bytes = (size_t)tensor->numel * sizeof(double);
  void *data = calloc(1, bytes + 1);
  ck_assert(data != NULL);
  if (lp_dtype_is_floating(dtype)) {
    tensor->f64 = data;
  } else {
    tensor->i64 = data;
  }
}

static void fill_tensor(lp_tensor *tensor, lp_dtype dtype, const char *shape, const double *values) {
  shape_tensor(tensor, dtype, shape);
  for (int64_t i = 0; values && i < tensor->numel; i++) {
    if (tensor->f64) {
      tensor->f64[i] = values[i];
    } else {
      tensor->i64[i] = (int64_t)values[i];
    }
  }
}

void trial_tensor(lp_trial *t, const char *input, lp_dtype dtype, const char *shape, const double *values) {
  const int i = input_index(t, input);
  fill_tensor(&t->c.inputs[i], dtype, shape, values);
  t->c.has_input[i] = true;
}

void trial_real(lp_trial *t, const char *input, const char *shape, const double *values) {
  trial_tensor(t, input, LP_FLOAT64, shape, values);
}

void trial_index(lp_trial *t, const char *input, const char *shape, const int64_t *values) {
  const int i = input_index(t, input);
  shape_tensor(&t->c.inputs[i], LP_INT64, shape);
  if (values) memcpy(t->c.inputs[i].i64, values, (size_t)t->c.inputs[i].numel * sizeof *values);
  t->c.has_input[i] = true;
}

void trial_upstream(lp_trial *t, const char *shape, const double *values) {
  fill_tensor(&t->c.grad_output, LP_FLOAT64, shape, values);
  t->c.has_grad_output = true;
}

void trial_no_upstream(lp_trial *t) { t->c.has_grad_output = false; }

static void allocate_outcome(lp_outcome *o, const lp_outcome *layout) {
  *o = *layout;
  for (int i = 0; i < o->n_outputs; i++) {
    lp_tensor *tensor = &o->outputs[i].tensor;
    tensor->f64 = malloc((size_t)tensor->numel * sizeof(double) + 1);
    ck_assert(tensor->f64 != NULL);
    for (int64_t k = 0; k < tensor->numel; k++) tensor->f64[k] = NAN;
  }
}

lp_status trial_run(lp_trial *t) {
  free_results(t);
  const lp_status status = lp_plan_init(&t->plan, &t->c, &t->error);
  if (status != LP_OK) return status;
  allocate_outcome(&t->outcome, &t->plan.outcome);
  t->scratch = malloc(t->plan.scratch * sizeof(double) + 1);
  ck_assert(t->scratch != NULL);
  for (size_t i = 0; i < t->plan.scratch; i++) t->scratch[i] = NAN;
  lp_reference_run(&t->outcome, &t->plan, t->scratch);
  t->regimes = lp_reference_regimes(&t->plan, t->scratch);
  return LP_OK;
}

static double element(const lp_outcome *o, int input, int64_t i) {
  const lp_output *out = lp_outcome_find(o, input);
  ck_assert_msg(out != NULL, "the case has no such output");
  ck_assert_msg(i >= 0 && i < out->tensor.numel, "output has %lld elements", (long long)out->tensor.numel);
  return out->tensor.f64[i];
}

double trial_loss(const lp_trial *t, int64_t i) { return element(&t->outcome, LP_OUTPUT_LOSS, i); }

double trial_grad(const lp_trial *t, const char *input, int64_t i) {
  return element(&t->outcome, input_index(t, input), i);
}

bool trial_has_grad(const lp_trial *t, const char *input) {
  return lp_outcome_find(&t->outcome, input_index(t, input)) != NULL;
}

bool trial_regime(const lp_trial *t, const char *name) {
  int found = -1;
  for (int i = 0; i < t->c.loss->n_regimes; i++) {
    if (strcmp(t->c.loss->regimes[i].name, name) == 0) found = i;
  }
  ck_assert_msg(found >= 0, "%s has no regime %s", t->c.loss->name, name);
  return (t->regimes >> found) & 1u;
}

void check_near(double got, double expected, double tolerance) {
  const bool same_class = isnan(expected)   ? isnan(got)
                          : isinf(expected) ? got == expected
                                            : fabs(got - expected) <= tolerance;
  ck_assert_msg(same_class, "got %.17g, expected %.17g within %g", got, expected, tolerance);
}

void check_same(double got, double expected) {
  const bool same = isnan(expected) ? isnan(got) : got == expected && signbit(got) == signbit(expected);
  ck_assert_msg(same, "got %.17g (%a), expected %.17g (%a)", got, got, expected, expected);
}

/* The loss weighted by the upstream gradient: the scalar whose derivative the gradients are. */
static double weighted_loss(lp_trial *t) {
  lp_reference_run(&t->outcome, &t->plan, t->scratch);
  const lp_tensor *loss = &lp_outcome_find(&t->outcome, LP_OUTPUT_LOSS)->tensor;
  double sum = 0.0;
  for (int64_t i = 0; i < loss->numel; i++) sum += lp_plan_upstream(&t->plan, i) * loss->f64[i];
  return sum;
}

static double central_difference(lp_trial *t, double *x, double step) {
  const double kept = *x;
  *x = kept + step;
  const double above = weighted_loss(t);
  *x = kept - step;
  const double below = weighted_loss(t);
  *x = kept;
  return (above - below) / (2.0 * step);
}

void check_gradients(lp_trial *t, double step, double tolerance) {
  for (int k = 1; k < t->outcome.n_outputs; k++) {
    const int input = t->outcome.outputs[k].input;
    lp_tensor *x = &t->c.inputs[input];
    for (int64_t i = 0; i < x->numel; i++) {
      const double difference = central_difference(t, &x->f64[i], step);
      lp_reference_run(&t->outcome, &t->plan, t->scratch);
      const double gradient = t->outcome.outputs[k].tensor.f64[i];
      const double allowed = tolerance * (1.0 + fabs(gradient));
      ck_assert_msg(fabs(gradient - difference) <= allowed, "grad/%s[%lld]: got %.17g, difference %.17g",
                    t->c.loss->inputs[input].name, (long long)i, gradient, difference);
    }
  }
}

void check_refused(const lp_trial *t, lp_reject reason, const char *text) {
  ck_assert_msg(t->error.status == LP_REJECTED && t->error.reject == reason, "expected %s, got %s (%s)",
                lp_reject_name(reason), lp_reject_name(t->error.reject), t->error.message);
  ck_assert_msg(strstr(t->error.message, text) != NULL, "expected \"%s\" in: %s", text, t->error.message);
}

int run_tests(const char *suite_name, const TTest *const *tests, int n_tests) {
  Suite *suite = suite_create(suite_name);
  TCase *tcase = tcase_create("all");
  tcase_set_timeout(tcase, 120);
  for (int i = 0; i < n_tests; i++) tcase_add_test(tcase, tests[i]);
  suite_add_tcase(suite, tcase);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
