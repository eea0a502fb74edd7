/* Losses with a hinge, sharp or soft, at every position. */
#include <math.h>

#include "harness/plain/plain_run.h"

enum { MARGIN };

static double hinge(double z) { return z < 0.0 ? 0.0 : z; }

/* max(0, margin - y (x1 - x2)); the gradient passes at 0 */
static plain_jet margin_ranking(plain_arith *a, const double *params, const double *x) {
  const double y = x[2], d = plain_subtract(a, x[0], x[1]);
  const double z = plain_add(a, plain_multiply(a, -y, d), params[MARGIN]), pass = z >= 0.0 ? 1.0 : 0.0;
  return (plain_jet){hinge(z), {-y * pass, y * pass, -d * pass}};
}

/* y = 1: x; y = -1: max(0, margin - x); any other y: both */
static plain_jet hinge_embedding(plain_arith *a, const double *params, const double *x) {
  const double y = x[1], z = plain_subtract(a, params[MARGIN], x[0]), slope = z >= 0.0 ? -1.0 : 0.0;
  if (y == 1.0) return (plain_jet){x[0], {1.0}};
  if (y == -1.0) return (plain_jet){hinge(z), {slope}};
  return (plain_jet){plain_add(a, hinge(z), x[0]), {slope + 1.0}};
}

/* log(1 + exp(z)) with z = -y x; e = exp(-|z|) cannot overflow */
static plain_jet soft_margin(plain_arith *a, const double *params, const double *x) {
  (void)params;
  const double y = x[1], z = plain_multiply(a, -y, x[0]), e = plain_exp(a, -fabs(z));
  const double sigmoid = plain_divide(a, z >= 0.0 ? 1.0 : e, plain_add(a, 1.0, e));
  return (plain_jet){plain_add(a, hinge(z), plain_log1p(a, e)), {plain_multiply(a, -y, sigmoid)}};
}

void plain_margin_ranking(plain_run *run) { plain_pointwise(run, margin_ranking, -1); }
void plain_hinge_embedding(plain_run *run) { plain_pointwise(run, hinge_embedding, -1); }
void plain_soft_margin(plain_run *run) { plain_pointwise(run, soft_margin, -1); }
