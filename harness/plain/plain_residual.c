/* Losses of the residual d = input - target. */
#include <math.h>

#include "harness/plain/plain_run.h"

enum { INPUT, TARGET, WEIGHT };
enum { BETA };

static double sign(double d) { return (d > 0.0 ? 1.0 : 0.0) - (d < 0.0 ? 1.0 : 0.0); }

static plain_jet l1(plain_arith *a, const double *params, const double *x) {
  (void)params;
  const double d = plain_subtract(a, x[INPUT], x[TARGET]), slope = plain_multiply(a, x[WEIGHT], sign(d));
  return (plain_jet){plain_multiply(a, x[WEIGHT], fabs(d)), {slope, -slope, fabs(d)}};
}

static plain_jet mse(plain_arith *a, const double *params, const double *x) {
  (void)params;
  const double d = plain_subtract(a, x[INPUT], x[TARGET]), square = plain_multiply(a, d, d);
  const double slope = plain_multiply(a, x[WEIGHT], plain_multiply(a, 2.0, d));
  return (plain_jet){plain_multiply(a, x[WEIGHT], square), {slope, -slope, square}};
}

static plain_jet quadratic(plain_arith *a, double d, double beta) {
  const double half = plain_multiply(a, 0.5, plain_multiply(a, d, d)), slope = plain_divide(a, d, beta);
  return (plain_jet){plain_divide(a, half, beta), {slope, -slope}};
}

static plain_jet linear(plain_arith *a, double d, double beta) {
  const double half = plain_multiply(a, 0.5, beta);
  return (plain_jet){plain_subtract(a, fabs(d), half), {sign(d), -sign(d)}};
}

static plain_jet smooth_l1(plain_arith *a, const double *params, const double *x) {
  const double d = plain_subtract(a, x[INPUT], x[TARGET]);
  return fabs(d) < params[BETA] ? quadratic(a, d, params[BETA]) : linear(a, d, params[BETA]);
}

void plain_l1(plain_run *run) { plain_pointwise(run, l1, WEIGHT); }
void plain_mse(plain_run *run) { plain_pointwise(run, mse, WEIGHT); }
void plain_smooth_l1(plain_run *run) { plain_pointwise(run, smooth_l1, -1); }
