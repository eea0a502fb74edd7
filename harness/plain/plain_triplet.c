/* triplet_margin: distances between rows in a p-norm, scaled by the largest component so that powers stay in range. */
#include <math.h>

#include "harness/plain/plain_run.h"

enum { ANCHOR, POSITIVE, NEGATIVE };
enum { MARGIN, P, EPS, SWAP };

/* |x - y + eps| in the norm, for one row of two inputs. */
typedef struct distance {
  int first, second;        /* inputs */
  int64_t at[2], stride[2]; /* where their rows begin; stride 0 where a row of one component is stretched */
  int64_t n;
  double *d, *slope;
  double norm;
} distance;

/* --- norms: norm and slope of v->n components, at least one of them not 0 --- */

/* The component that everything is divided by, so that powers lie between 0 and 1. */
static double unit_of(const distance *v, bool largest) {
  double unit = fabs(v->d[0]);
  for (int64_t i = 1; i < v->n; i++) unit = largest ? fmax(unit, fabs(v->d[i])) : fmin(unit, fabs(v->d[i]));
  return unit;
}

static void extreme_norm(plain_arith *a, distance *v, double unit) {
  double ties = 0.0;
  v->norm = unit;
  for (int64_t i = 0; i < v->n; i++) ties += fabs(v->d[i]) == unit ? 1.0 : 0.0;
  for (int64_t i = 0; i < v->n; i++) {
    const double share = fabs(v->d[i]) == unit ? plain_divide(a, 1.0, plain_number(a, ties)) : 0.0;
    v->slope[i] = copysign(share, v->d[i]);
  }
}

static void counting_norm(plain_arith *a, distance *v) {
  double count = 0.0;
  for (int64_t i = 0; i < v->n; i++) count += v->d[i] != 0.0 ? 1.0 : 0.0;
  for (int64_t i = 0; i < v->n; i++) v->slope[i] = 0.0;
  v->norm = plain_number(a, count);
}

static void sum_norm(plain_arith *a, distance *v) {
  for (int64_t i = 0; i < v->n; i++) v->slope[i] = fabs(v->d[i]);
  v->norm = plain_sum(a, v->slope, v->n);
  for (int64_t i = 0; i < v->n; i++) v->slope[i] = v->d[i] == 0.0 ? 0.0 : copysign(1.0, v->d[i]);
}

static void euclidean_norm(plain_arith *a, distance *v, double unit) {
  for (int64_t i = 0; i < v->n; i++) {
    const double r = plain_divide(a, v->d[i], unit);
    v->slope[i] = plain_multiply(a, r, r);
  }
  v->norm = plain_multiply(a, unit, plain_sqrt(a, plain_sum(a, v->slope, v->n)));
  for (int64_t i = 0; i < v->n; i++) v->slope[i] = plain_divide(a, v->d[i], v->norm);
}

/* The slope of a component is its sign times (|d| / norm)^(p - 1). */
static void power_norm(plain_arith *a, distance *v, double p, double unit) {
  for (int64_t i = 0; i < v->n; i++) v->slope[i] = plain_power(a, plain_divide(a, fabs(v->d[i]), unit), p);
  const double sum = plain_sum(a, v->slope, v->n), root = plain_power(a, sum, plain_divide(a, 1.0, p));
  v->norm = plain_multiply(a, unit, root);
  for (int64_t i = 0; i < v->n; i++) {
    const double share = plain_divide(a, fabs(v->d[i]), v->norm);
    const double size = share == 0.0 ? 0.0 : plain_power(a, share, plain_subtract(a, p, 1.0));
    v->slope[i] = copysign(size, v->d[i]);
  }
}

static void zero_norm(distance *v) {
  v->norm = 0.0;
  for (int64_t i = 0; i < v->n; i++) v->slope[i] = 0.0;
}

static void set_norm(plain_arith *a, distance *v, double p) {
  if (p == 0.0) {
    counting_norm(a, v);
    return;
  }
  const double unit = v->n > 0 ? unit_of(v, !(p < 0.0)) : 0.0;
  if (unit == 0.0) {
    zero_norm(v);
  } else if (isinf(p)) {
    extreme_norm(a, v, unit);
  } else if (p == 1.0) {
    sum_norm(a, v);
  } else if (p == 2.0) {
    euclidean_norm(a, v, unit);
  } else {
    power_norm(a, v, p, unit);
  }
}

/* --- rows --- */

static int64_t width(const lp_tensor *t) { return t->rank > 0 ? t->shape[t->rank - 1] : 1; }

static distance new_distance(plain_run *run, int first, int second) {
  const lp_case *c = run->plan->c;
  const int64_t w[2] = {width(&c->inputs[first]), width(&c->inputs[second])}, n = w[0] == 1 ? w[1] : w[0];
  distance v = {.first = first, .second = second, .stride = {w[0] != 1, w[1] != 1}, .n = n};
  v.d = plain_room(run, n);
  v.slope = plain_room(run, n);
  return v;
}

/* The norm of a number is its size, for every p but 0. */
static void measure(plain_run *run, distance *v, int64_t row) {
  plain_arith *a = &run->arith;
  const double p = run->plan->c->params[P], eps = run->params[EPS];
  v->at[0] = plain_position(run->plan, v->first, row);
  v->at[1] = plain_position(run->plan, v->second, row);
  for (int64_t i = 0; i < v->n; i++) {
    const double x = plain_element(run, v->first, v->at[0] + i * v->stride[0]);
    const double y = plain_element(run, v->second, v->at[1] + i * v->stride[1]);
    v->d[i] = plain_add(a, plain_subtract(a, x, y), eps);
  }
  set_norm(a, v, run->plan->c->inputs[ANCHOR].rank == 0 && p != 0.0 ? 1.0 : run->params[P]);
}

static void differentiate(plain_run *run, const distance *v, double gain) {
  for (int64_t i = 0; i < v->n; i++) {
    const double share = plain_multiply(&run->arith, gain, v->slope[i]);
    plain_contribute(run, v->first, v->at[0] + i * v->stride[0], share);
    plain_contribute(run, v->second, v->at[1] + i * v->stride[1], -share);
  }
}

/* With swap the smaller distance to the negative counts; equal ones get half each. */
static void differentiate_far(plain_run *run, const distance *far, const distance *swapped, bool swap, double gain) {
  const double half = plain_multiply(&run->arith, 0.5, gain);
  if (!swap || far->norm < swapped->norm) {
    differentiate(run, far, -gain);
  } else if (swapped->norm < far->norm) {
    differentiate(run, swapped, -gain);
  } else {
    differentiate(run, far, -half);
    differentiate(run, swapped, -half);
  }
}

void plain_triplet_margin(plain_run *run) {
  plain_arith *a = &run->arith;
  const bool swap = run->params[SWAP] != 0.0;
  distance near = new_distance(run, ANCHOR, POSITIVE), far = new_distance(run, ANCHOR, NEGATIVE);
  distance swapped = new_distance(run, POSITIVE, NEGATIVE);
  for (int64_t row = 0; !run->failed && row < run->plan->term.numel; row++) {
    measure(run, &near, row);
    measure(run, &far, row);
    if (swap) measure(run, &swapped, row);
    const double least = swap ? fmin(far.norm, swapped.norm) : far.norm;
    const double z = plain_subtract(a, plain_add(a, run->params[MARGIN], near.norm), least);
    run->values[row] = z < 0.0 ? 0.0 : z;
    if (!(z >= 0.0)) continue;
    const double gain = plain_gain(run, row);
    differentiate(run, &near, gain);
    differentiate_far(run, &far, &swapped, swap, gain);
  }
}
