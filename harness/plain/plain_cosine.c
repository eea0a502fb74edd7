/* cosine_embedding: 1 - cos, or max(0, cos - margin), of two rows. Squares of large components overflow. */
#include <math.h>

#include "harness/plain/plain_run.h"

enum { INPUT1, INPUT2, TARGET };
enum { MARGIN };
enum { COMPONENTS }; /* plan->extent */

typedef struct vector {
  int input;
  int64_t at, stride, width; /* where its row begins; stride 0 where its one component is stretched */
  double square;             /* its squared norm plus epsilon */
} vector;

static double component(plain_run *run, const vector *v, int64_t i) {
  return plain_element(run, v->input, v->at + i * v->stride);
}

static double dot(plain_run *run, const vector *x, const vector *y, int64_t n, double *room) {
  for (int64_t i = 0; i < n; i++) {
    room[i] = plain_multiply(&run->arith, component(run, x, i), component(run, y, i));
  }
  return plain_sum(&run->arith, room, n);
}

/* In a dtype without 1e-12 it counts as 0, which is no loss beside any square that is not tiny itself. */
static double add_epsilon(plain_arith *a, double square) {
  static const double epsilon = 0x1.197998p-40; /* 1e-12 in float32, as PyTorch has it */
  const double rounded = lp_dtype_round(a->dtype, epsilon), u = lp_dtype_unit_roundoff(a->dtype);
  a->underflowed = a->underflowed || fabs(rounded - epsilon) > u * (square + epsilon);
  return plain_add(a, square, rounded);
}

static vector vector_at(plain_run *run, int input, int64_t row, double *room) {
  const lp_tensor *t = &run->plan->c->inputs[input];
  const int64_t width = t->shape[t->rank - 1];
  vector v = {input, plain_position(run->plan, input, row), width != 1, width, 0.0};
  v.square = add_epsilon(&run->arith, dot(run, &v, &v, width, room));
  return v;
}

/* d cos / dx_i = y_i / (|x| |y|) - cos x_i / |x|^2; the second part once for every component that x itself has. */
static void differentiate(plain_run *run, const vector *x, const vector *y, int64_t n, double of_y, double of_x) {
  plain_arith *a = &run->arith;
  const double by_square = plain_divide(a, of_x, x->square);
  for (int64_t i = 0; i < n; i++) {
    plain_contribute(run, x->input, x->at + i * x->stride, plain_multiply(a, of_y, component(run, y, i)));
  }
  for (int64_t i = 0; i < x->width; i++) {
    plain_contribute(run, x->input, x->at + i, -plain_multiply(a, by_square, component(run, x, i)));
  }
}

/* The loss of one row; its derivative by the cosine in *slope. */
static double loss_of(plain_run *run, double cosine, double label, double *slope) {
  plain_arith *a = &run->arith;
  const double over = plain_subtract(a, cosine, run->params[MARGIN]);
  *slope = label == 1.0 ? -1.0 : label == -1.0 && over >= 0.0 ? 1.0 : 0.0;
  if (label == 1.0) return plain_subtract(a, 1.0, cosine);
  return label == -1.0 && !(over < 0.0) ? over : 0.0;
}

static void answer_row(plain_run *run, int64_t row, double *room) {
  plain_arith *a = &run->arith;
  const int64_t n = run->plan->extent[COMPONENTS];
  const vector x = vector_at(run, INPUT1, row, room), y = vector_at(run, INPUT2, row, room);
  const double size = plain_multiply(a, plain_sqrt(a, x.square), plain_sqrt(a, y.square));
  const double cosine = plain_divide(a, dot(run, &x, &y, n, room), size);
  double slope;
  run->values[row] = loss_of(run, cosine, plain_element(run, TARGET, plain_position(run->plan, TARGET, row)), &slope);
  if (slope == 0.0) return;
  const double gain = plain_multiply(a, plain_gain(run, row), slope), of_y = plain_divide(a, gain, size);
  const double of_x = plain_multiply(a, gain, cosine);
  differentiate(run, &x, &y, n, of_y, of_x);
  differentiate(run, &y, &x, n, of_y, of_x);
}

void plain_cosine_embedding(plain_run *run) {
  double *room = plain_room(run, run->plan->extent[COMPONENTS] + 1);
  for (int64_t row = 0; !run->failed && row < run->plan->term.numel; row++) answer_row(run, row, room);
}
