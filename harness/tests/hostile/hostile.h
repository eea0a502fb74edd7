/* What the hostile plugins have in common: each answers l1 with reduction sum in float64 rightly, and does one wrong
 * thing when the first element of the input is 666. */
#ifndef LP_HARNESS_TESTS_HOSTILE_H
#define LP_HARNESS_TESTS_HOSTILE_H

#include <math.h>

#include "harness/doors/lossproof/plugin.h"

static inline double *hostile_data(const lossproof_tensor *t) { return (double *)t->data; }

static inline int hostile_is_trap(const lossproof_request *q) {
  return q->inputs[0].numel > 0 && hostile_data(&q->inputs[0])[0] == 666;
}

/* Rank 1, as the tests ask it. */
static inline int hostile_answer(const lossproof_request *q) {
  const lossproof_tensor *x = &q->inputs[0], *t = &q->inputs[1];
  double sum = 0;
  for (int64_t i = 0; i < x->numel; i++) {
    const double d = hostile_data(x)[i * x->strides[0]] - hostile_data(t)[i * t->strides[0]];
    const double sign = (double)((d > 0) - (d < 0));
    sum += fabs(d);
    hostile_data(&q->outputs[1])[i] = sign;
    hostile_data(&q->outputs[2])[i] = -sign;
  }
  hostile_data(&q->outputs[0])[0] = sum;
  return LOSSPROOF_OK;
}

#endif
