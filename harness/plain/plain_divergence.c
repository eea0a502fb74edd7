/* poisson_nll and kl_div: losses with an exp or a log of an input. */
#include "harness/plain/plain_run.h"

enum { INPUT, TARGET };
enum { LOG_INPUT, FULL, EPS };
enum { LOG_TARGET };

static plain_jet poisson_of_log(plain_arith *a, double x, double t) {
  const double rate = plain_exp(a, x);
  return (plain_jet){plain_subtract(a, rate, plain_multiply(a, t, x)), {plain_subtract(a, rate, t), -x}};
}

static plain_jet poisson_of_rate(plain_arith *a, double x, double t, double eps) {
  const double rate = plain_add(a, x, eps), log = plain_log(a, rate);
  return (plain_jet){plain_subtract(a, x, plain_multiply(a, t, log)),
                     {plain_subtract(a, 1.0, plain_divide(a, t, rate)), -log}};
}

/* t log t - t + log(2 pi t) / 2 */
static double stirling(plain_arith *a, double t) {
  const double two_pi = plain_number(a, 0x1.921fb54442d18p+2);
  const double half = plain_multiply(a, 0.5, plain_log(a, plain_multiply(a, two_pi, t)));
  return plain_add(a, plain_subtract(a, plain_multiply(a, t, plain_log(a, t)), t), half);
}

static double stirling_slope(plain_arith *a, double t) {
  return plain_add(a, plain_log(a, t), plain_divide(a, 0.5, t));
}

static plain_jet poisson_nll(plain_arith *a, const double *params, const double *x) {
  const double t = x[TARGET];
  plain_jet jet =
      params[LOG_INPUT] != 0.0 ? poisson_of_log(a, x[INPUT], t) : poisson_of_rate(a, x[INPUT], t, params[EPS]);
  if (params[FULL] == 0.0 || !(t > 1.0)) return jet;
  jet.value = plain_add(a, jet.value, stirling(a, t));
  jet.slope[TARGET] = plain_add(a, jet.slope[TARGET], stirling_slope(a, t));
  return jet;
}

/* exp(t) (t - x) */
static plain_jet divergence_of_log(plain_arith *a, double x, double t) {
  const double p = plain_exp(a, t), d = plain_subtract(a, t, x);
  return (plain_jet){plain_multiply(a, p, d), {-p, plain_multiply(a, p, plain_add(a, d, 1.0))}};
}

/* t log t - t x, where 0 log 0 = 0 */
static plain_jet divergence(plain_arith *a, double x, double t) {
  const double log = plain_log(a, t), own = t == 0.0 ? 0.0 : plain_multiply(a, t, log);
  return (plain_jet){plain_subtract(a, own, plain_multiply(a, t, x)),
                     {-t, plain_subtract(a, plain_add(a, log, 1.0), x)}};
}

static plain_jet kl_div(plain_arith *a, const double *params, const double *x) {
  return params[LOG_TARGET] != 0.0 ? divergence_of_log(a, x[INPUT], x[TARGET]) : divergence(a, x[INPUT], x[TARGET]);
}

void plain_poisson_nll(plain_run *run) { plain_pointwise(run, poisson_nll, -1); }
void plain_kl_div(plain_run *run) { plain_pointwise(run, kl_div, -1); }
