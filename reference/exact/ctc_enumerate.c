#include "reference/exact/ctc_enumerate.h"

#include <math.h>
#include <stdlib.h>

enum { LOG_PROBS, TARGETS, INPUT_LENGTHS, TARGET_LENGTHS };

/* Sequence n of the case, and the path that is looked at. */
typedef struct walk {
  const lp_case *c;
  int64_t n, batch, n_classes, n_frames, n_labels, blank;
  const int64_t *labels;
  bool by_states;                                  /* path holds states, not classes */
  int64_t n_choices;                               /* for each frame */
  int64_t path[LP_EXACT_CTC_MOST_FRAMES];          /* of each frame: the choice */
  arb_struct prefix[LP_EXACT_CTC_MOST_FRAMES + 1]; /* [t]: product of the weights of frames before t */
  arb_struct *weights;
} walk;

static int64_t labels_before(const lp_case *c, int64_t n) {
  int64_t sum = 0;
  for (int64_t i = 0; i < n; i++) sum += c->inputs[TARGET_LENGTHS].i64[i];
  return sum;
}

static walk start(const lp_plan *plan, int64_t n) {
  const lp_case *c = plan->c;
  const lp_tensor *x = &c->inputs[LOG_PROBS], *targets = &c->inputs[TARGETS];
  walk w = {.c = c, .n = n, .blank = (int64_t)c->params[0]};
  w.batch = x->rank == 2 ? 1 : x->shape[1];
  w.n_classes = x->rank == 2 ? x->shape[1] : x->shape[2];
  w.n_frames = c->inputs[INPUT_LENGTHS].i64[n];
  w.n_labels = c->inputs[TARGET_LENGTHS].i64[n];
  w.labels = targets->i64 + (targets->rank == 2 ? n * targets->shape[1] : labels_before(c, n));
  for (int64_t j = 0; j < w.n_labels; j++) w.by_states = w.by_states || w.labels[j] == w.blank;
  w.n_choices = w.by_states ? 2 * w.n_labels + 1 : w.n_classes;
  return w;
}

static int64_t position(const walk *w, int64_t t, int64_t class) {
  return (t * w->batch + w->n) * w->n_classes + class;
}

int64_t lp_ctc_enumeration_size(const lp_plan *plan, int64_t n) {
  const walk w = start(plan, n);
  int64_t size = 1;
  if (w.n_frames > LP_EXACT_CTC_MOST_FRAMES) return LP_EXACT_CTC_MOST_PATHS + 1;
  for (int64_t t = 0; t < w.n_frames && size <= LP_EXACT_CTC_MOST_PATHS; t++) {
    size *= w.n_choices;
    for (int64_t c = 0; c < w.n_classes; c++) {
      const double x = w.c->inputs[LOG_PROBS].f64[position(&w, t, c)];
      if (!(x < (double)INFINITY)) return LP_EXACT_CTC_MOST_PATHS + 1;
    }
  }
  return size <= LP_EXACT_CTC_MOST_PATHS ? size : LP_EXACT_CTC_MOST_PATHS + 1;
}

/* --- does a path count? --- */

/* Collapses a path of classes as it is read, and compares. */
static bool gives_the_labels(const walk *w) {
  int64_t found = 0, previous = -1;
  for (int64_t t = 0; t < w->n_frames; t++) {
    const int64_t class = w->path[t];
    if (class != previous && class != w->blank) {
      if (found == w->n_labels || w->labels[found] != class) return false;
      found++;
    }
    previous = class;
  }
  return found == w->n_labels;
}

static bool may_move(const walk *w, int64_t from, int64_t to) {
  if (to == from || to == from + 1) return true;
  return to == from + 2 && to % 2 == 1 && w->labels[to / 2] != w->labels[to / 2 - 1];
}

/* The same for a path of states. There is a label, so that without frames there is none. */
static bool goes_through(const walk *w) {
  if (w->n_frames == 0 || w->path[0] > 1) return false;
  for (int64_t t = 1; t < w->n_frames; t++) {
    if (!may_move(w, w->path[t - 1], w->path[t])) return false;
  }
  return w->path[w->n_frames - 1] >= 2 * w->n_labels - 1;
}

/* --- the walk --- */

static int64_t class_of(const walk *w, int64_t choice) {
  if (!w->by_states) return choice;
  return choice % 2 == 1 ? w->labels[choice / 2] : w->blank;
}

static void find_weights(walk *w, const lp_shift *shift, slong precision) {
  const double *log_probs = w->c->inputs[LOG_PROBS].f64;
  for (int64_t i = 0; i < w->n_frames * w->n_classes; i++) {
    const int64_t at = position(w, i / w->n_classes, i % w->n_classes);
    arb_struct *x = &w->weights[i];
    if (isinf(log_probs[at])) continue; /* weight 0 */
    arb_set_d(x, log_probs[at]);
    if (shift && shift->of[LOG_PROBS]) arb_add(x, x, &shift->of[LOG_PROBS][at], ARF_PREC_EXACT);
    arb_exp(x, x, precision);
  }
}

/* The products from frame t on, after the choice there has changed. */
static void multiply(walk *w, int64_t t, slong precision) {
  for (; t < w->n_frames; t++) {
    const arb_struct *weight = &w->weights[t * w->n_classes + class_of(w, w->path[t])];
    arb_mul(&w->prefix[t + 1], &w->prefix[t], weight, precision);
  }
}

/* Counts up, the last frame fastest. The first frame that changed, or -1 after the last path. */
static int64_t next(walk *w) {
  int64_t t = w->n_frames - 1;
  while (t >= 0 && w->path[t] == w->n_choices - 1) w->path[t--] = 0;
  if (t >= 0) w->path[t]++;
  return t;
}

static void count(lp_ctc_enumeration *e, const walk *w, slong precision) {
  const arb_struct *product = &w->prefix[w->n_frames];
  e->alignments++;
  arb_add(&e->total, &e->total, product, precision);
  for (int64_t t = 0; t < w->n_frames; t++) {
    arb_struct *share = &e->shares[t * w->n_classes + class_of(w, w->path[t])];
    arb_add(share, share, product, precision);
  }
}

static void visit_all(lp_ctc_enumeration *e, walk *w, slong precision) {
  int64_t changed = 0;
  do {
    multiply(w, changed, precision);
    e->paths++;
    if (w->by_states ? goes_through(w) : gives_the_labels(w)) count(e, w, precision);
    changed = next(w);
  } while (changed >= 0);
}

lp_status lp_ctc_enumerate(lp_ctc_enumeration *e, const lp_plan *plan, int64_t n, const lp_shift *shift,
                           slong precision, lp_error *error) {
  walk w = start(plan, n);
  const int64_t numbers = w.n_frames * w.n_classes;
  *e = (lp_ctc_enumeration){.n_frames = w.n_frames, .n_classes = w.n_classes};
  if (lp_ctc_enumeration_size(plan, n) > LP_EXACT_CTC_MOST_PATHS) {
    return lp_fail(error, LP_INTERNAL, "more than %d paths, or numbers that are none", LP_EXACT_CTC_MOST_PATHS);
  }
  w.weights = _arb_vec_init(numbers + 1);
  e->shares = _arb_vec_init(numbers + 1);
  arb_init(&e->total);
  for (int64_t t = 0; t <= LP_EXACT_CTC_MOST_FRAMES; t++) arb_init(&w.prefix[t]);
  arb_one(&w.prefix[0]);
  find_weights(&w, shift, precision);
  visit_all(e, &w, precision);
  for (int64_t t = 0; t <= LP_EXACT_CTC_MOST_FRAMES; t++) arb_clear(&w.prefix[t]);
  _arb_vec_clear(w.weights, numbers + 1);
  return LP_OK;
}

void lp_ctc_enumeration_clear(lp_ctc_enumeration *e) {
  _arb_vec_clear(e->shares, e->n_frames * e->n_classes + 1);
  arb_clear(&e->total);
}
