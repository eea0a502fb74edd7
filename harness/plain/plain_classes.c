/* multi_margin and multilabel_margin: a row of class scores against one class or several. */
#include "harness/plain/plain_run.h"

enum { INPUT, TARGET, WEIGHT };
enum { P, MARGIN };
enum { ROWS, CLASSES }; /* plan->extent */

typedef struct row {
  plain_run *run;
  int64_t begin, classes; /* of the scores */
  double gain;            /* upstream / number of classes */
  double *terms;          /* room for those of one row */
  int64_t count;
} row;

static double score(const row *r, int64_t d) { return plain_element(r->run, INPUT, r->begin + d); }

/* A pair: the value, and its slope that score `up` gains and score `down` loses. */
static void add_pair(row *r, double value, double slope, int64_t up, int64_t down) {
  r->terms[r->count++] = value;
  plain_contribute(r->run, INPUT, r->begin + up, slope);
  plain_contribute(r->run, INPUT, r->begin + down, -slope);
}

static double margin_of(row *r, double margin, int64_t label, int64_t d) {
  plain_arith *a = &r->run->arith;
  return plain_add(a, plain_subtract(a, margin, score(r, label)), score(r, d));
}

static void answer_rows(plain_run *run, int64_t pairs, void (*pairs_of_row)(row *r, int64_t i)) {
  const lp_plan *plan = run->plan;
  plain_arith *a = &run->arith;
  row r = {.run = run, .classes = plan->extent[CLASSES], .terms = plain_room(run, pairs)};
  const double classes = plain_number(a, (double)r.classes);
  for (int64_t i = 0; r.terms && i < plan->extent[ROWS]; i++) {
    r.begin = i * r.classes;
    r.count = 0;
    r.gain = plain_divide(a, plain_gain(run, i), classes);
    pairs_of_row(&r, i);
    run->values[i] = plain_divide(a, plain_sum(a, r.terms, r.count), classes);
  }
}

/* --- multi_margin --- */

static double weight_of(row *r, int64_t label) {
  return r->run->plan->c->has_input[WEIGHT] ? plain_element(r->run, WEIGHT, label) : 1.0;
}

static void multi_margin_pair(row *r, int64_t label, int64_t d, double z) {
  plain_arith *a = &r->run->arith;
  const double w = weight_of(r, label);
  if (r->run->params[P] == 1.0) {
    add_pair(r, plain_multiply(a, w, z), plain_multiply(a, w, r->gain), d, label);
  } else {
    const double slope = plain_multiply(a, plain_multiply(a, 2.0, r->gain), z);
    add_pair(r, plain_multiply(a, w, plain_multiply(a, z, z)), plain_multiply(a, w, slope), d, label);
  }
}

static void multi_margin_row(row *r, int64_t i) {
  const int64_t label = r->run->plan->c->inputs[TARGET].i64[i];
  for (int64_t d = 0; d < r->classes; d++) {
    const double z = d == label ? 0.0 : margin_of(r, r->run->params[MARGIN], label, d);
    if (z > 0.0) multi_margin_pair(r, label, d, z);
  }
}

void plain_multi_margin(plain_run *run) { answer_rows(run, run->plan->extent[CLASSES], multi_margin_row); }

/* --- multilabel_margin --- */

static bool is_label(const int64_t *labels, int64_t classes, int64_t d) {
  for (int64_t j = 0; j < classes && labels[j] >= 0; j++) {
    if (labels[j] == d) return true;
  }
  return false;
}

static void multilabel_margin_row(row *r, int64_t i) {
  const int64_t *labels = r->run->plan->c->inputs[TARGET].i64 + i * r->classes;
  for (int64_t j = 0; j < r->classes && labels[j] >= 0; j++) {
    for (int64_t d = 0; d < r->classes; d++) {
      const double z = is_label(labels, r->classes, d) ? 0.0 : margin_of(r, 1.0, labels[j], d);
      if (z > 0.0) add_pair(r, z, r->gain, d, labels[j]);
    }
  }
}

void plain_multilabel_margin(plain_run *run) {
  const int64_t classes = run->plan->extent[CLASSES];
  answer_rows(run, classes * classes, multilabel_margin_row);
}
