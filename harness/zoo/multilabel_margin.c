#include <math.h>

#include "harness/zoo/families.h"

enum { INPUT, TARGET };
enum { ROWS, CLASSES }; /* plan->extent */

static int64_t width(const lp_tensor *t) { return t->rank > 0 ? t->shape[t->rank - 1] : 1; }

/* Calls edit for the labels of each row. */
static void edit_rows(lp_case *c, void (*edit)(int64_t *labels, int64_t n)) {
  const lp_tensor *t = &c->inputs[TARGET];
  const int64_t n = width(t);
  for (int64_t at = 0; t->i64 && n > 0 && at + n <= t->numel; at += n) edit(t->i64 + at, n);
}

static void close_gaps(int64_t *labels, int64_t n) {
  int64_t kept = 0;
  for (int64_t i = 0; i < n; i++) {
    if (labels[i] >= 0) labels[kept++] = labels[i];
  }
  while (kept < n) labels[kept++] = -1;
}

static void wrap(int64_t *labels, int64_t n) {
  for (int64_t i = 0; i < n; i++) labels[i] = labels[i] == -1 ? n - 1 : labels[i];
}

static void clamp(int64_t *labels, int64_t n) {
  for (int64_t i = 0; i < n; i++) labels[i] = labels[i] < -1 ? 0 : labels[i] >= n ? n - 1 : labels[i];
}

static void cut_tail(int64_t *labels, int64_t n) {
  bool ended = false;
  for (int64_t i = 0; i < n; i++) {
    ended = ended || labels[i] == -1;
    if (ended) labels[i] = -1;
  }
}

static void keep_first(int64_t *labels, int64_t n) {
  for (int64_t i = 1; i < n; i++) labels[i] = -1;
}

static void drop_last(int64_t *labels, int64_t n) {
  int64_t end = 0;
  while (end < n && labels[end] >= 0) end++;
  if (end > 0) labels[end - 1] = -1;
}

static void drop_twins(int64_t *labels, int64_t n) {
  int64_t kept = 0;
  for (int64_t i = 0; i < n && labels[i] >= 0; i++) {
    bool seen = false;
    for (int64_t k = 0; k < kept; k++) seen = seen || labels[k] == labels[i];
    if (!seen) labels[kept++] = labels[i];
  }
  while (kept < n) labels[kept++] = -1;
}

static void gaps_closed(lp_case *c) { edit_rows(c, close_gaps); }
static void wrapped(lp_case *c) { edit_rows(c, wrap); }
static void clamped(lp_case *c) { edit_rows(c, clamp); }
static void tail_cut(lp_case *c) { edit_rows(c, cut_tail); }
static void first_kept(lp_case *c) { edit_rows(c, keep_first); }
static void last_dropped(lp_case *c) { edit_rows(c, drop_last); }
static void twins_dropped(lp_case *c) { edit_rows(c, drop_twins); }

static void not_divided(lp_outcome *outcome, const lp_plan *plan) {
  lp_zoo_scale(outcome, (double)plan->extent[CLASSES]);
}

static const lp_animal animals[] = {
    {"terminator-skipped", LP_ZOO_BOUNDARY, "-1 is skipped, labels after it count", "mlm-terminator-in-decomposition",
     .ask = gaps_closed},
    {"terminator-wraps", LP_ZOO_BOUNDARY, "-1 indexes the last class", "mlm-terminator-in-decomposition",
     .ask = wrapped},
    {"labels-clamped", LP_ZOO_ACCEPTS, "labels out of range are clamped", "mlm-oob-target-cuda", .lenient = true,
     .ask = clamped},
    {"tail-ignored", LP_ZOO_ACCEPTS, "what follows -1 is not validated", "mlm-validates-past-terminator",
     .lenient = true, .ask = tail_cut},
    {"first-label", LP_ZOO_VALUE, "one label a row", "mutant", .ask = first_kept},
    {"last-label-dropped", LP_ZOO_VALUE, "the loop over labels ends one early", "mutant", .ask = last_dropped},
    {"twins-dropped", LP_ZOO_BOUNDARY, "a label given twice counts once", "mutant", .ask = twins_dropped},
    {"not-divided", LP_ZOO_REDUCTION, "does not divide by C", "mutant", .tell = not_divided},
};

const lp_zoo_family lp_zoo_multilabel_margin = {"multilabel_margin", animals, sizeof animals / sizeof animals[0], NULL};
