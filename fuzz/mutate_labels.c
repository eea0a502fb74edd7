/* Labels and lengths: integers that mean places. */
#include "fuzz/mutate_tools.h"
#include "golden/packed.h"
#include "reference/ctc_lattice.h"

/* The n-th input of this kind, when it holds integers and has elements; NULL otherwise. */
static lp_tensor *find(lp_case *c, lp_kind kind, int n) {
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (c->loss->inputs[i].kind != kind || n-- > 0) continue;
    return c->has_input[i] && c->inputs[i].i64 && c->inputs[i].numel > 0 ? &c->inputs[i] : NULL;
  }
  return NULL;
}

static void put(lp_tensor *t, int64_t at, int64_t value) {
  const int64_t low = lp_packed_min(t->dtype), high = lp_packed_max(t->dtype);
  t->i64[at] = value < low ? low : value > high ? high : value;
}

/* A class, the terminator, or, seldom, what is neither. Classes lie on the last axis of the first input. */
bool lp_mutate_label(lp_case *c, lp_arena *arena, lp_rng *rng) {
  (void)arena;
  lp_tensor *t = find(c, LP_KIND_INDEX, 0);
  if (!t) return false;
  const lp_tensor *scores = &c->inputs[0];
  const int64_t classes = scores->rank > 0 ? scores->shape[scores->rank - 1] : 1;
  const int64_t odd[] = {classes, classes + 1, -2, INT32_MAX, INT64_MIN, INT64_MAX};
  const int64_t at = lp_rng_below(rng, t->numel), pick = lp_rng_below(rng, 6);
  int64_t value = lp_rng_below(rng, classes > 0 ? classes : 1);
  if (lp_rng_chance(rng, 0.3)) value = -1;
  if (lp_rng_chance(rng, 0.1)) value = classes - 1;
  if (lp_rng_chance(rng, 0.1)) value = odd[pick];
  put(t, at, value);
  return true;
}

bool lp_mutate_duplicate_label(lp_case *c, lp_arena *arena, lp_rng *rng) {
  (void)arena;
  lp_tensor *t = find(c, LP_KIND_INDEX, 0);
  if (!t || t->numel < 2) return false;
  const int64_t at = 1 + lp_rng_below(rng, t->numel - 1), from = lp_rng_below(rng, t->numel);
  t->i64[at] = t->i64[lp_rng_chance(rng, 0.6) ? at - 1 : from];
  return true;
}

/* One length: one more, one less, nothing, all, or, seldom, one that is refused. */
bool lp_mutate_length(lp_case *c, lp_arena *arena, lp_rng *rng) {
  static const int64_t odd[] = {-1, -5, INT64_MIN, INT32_MAX};
  (void)arena;
  lp_tensor *t = find(c, LP_KIND_LENGTH, (int)lp_rng_below(rng, 2));
  if (!t) return false;
  const int64_t at = lp_rng_below(rng, t->numel), pick = lp_rng_below(rng, 4), now = t->i64[at];
  int64_t value = now < INT64_MAX && now > INT64_MIN ? now + (pick < 2 ? 1 : -1) : 0;
  if (pick == 3) value = lp_rng_below(rng, 5);
  if (lp_rng_chance(rng, 0.05)) value = odd[pick];
  put(t, at, value);
  return true;
}

/* Labels of sequence n: padded rows, or one after another; false when the lengths do not make sense. */
static bool locate(int64_t *from, int64_t *most, const lp_tensor *targets, const lp_tensor *lengths, int64_t n) {
  *from = n * lp_mutate_row_size(targets);
  *most = lp_mutate_row_size(targets);
  if (targets->rank != 2) {
    *from = 0;
    for (int64_t i = 0; i < n; i++) {
      if (lengths->i64[i] < 0 || lengths->i64[i] > targets->numel) return false;
      *from += lengths->i64[i];
    }
    *most = targets->numel - *from;
  }
  return *from >= 0 && *most >= 0 && *from + *most <= targets->numel;
}

/* As many frames as the labels of one sequence need, and -2 to 2 more. */
bool lp_mutate_margin(lp_case *c, lp_arena *arena, lp_rng *rng) {
  (void)arena;
  lp_tensor *frames = find(c, LP_KIND_LENGTH, 0), *lengths = find(c, LP_KIND_LENGTH, 1);
  const lp_tensor *targets = find(c, LP_KIND_INDEX, 0), *scores = &c->inputs[0];
  if (!frames || !lengths || !targets || frames->numel != lengths->numel || scores->rank == 0) return false;
  const int64_t n = lp_rng_below(rng, frames->numel);
  int64_t from, most;
  if (!locate(&from, &most, targets, lengths, n)) return false;
  const bool padded = targets->rank == 2;
  const int64_t drawn = lp_rng_below(rng, most + 1), labels = padded || n + 1 < lengths->numel ? drawn : most;
  const lp_ctc_sequence q = {.labels = targets->i64 + from, .n_labels = labels};
  const int64_t wanted = lp_ctc_frames_needed(&q) - 2 + lp_rng_below(rng, 5), all = scores->shape[0];
  put(frames, n, wanted < 0 ? 0 : wanted > all ? all : wanted);
  put(lengths, n, labels);
  if (!padded && n + 1 < lengths->numel) { /* the last one takes what is left */
    int64_t used = 0;
    for (int64_t i = 0; i + 1 < lengths->numel && lengths->i64[i] >= 0 && used <= targets->numel; i++) {
      used += lengths->i64[i] < targets->numel ? lengths->i64[i] : targets->numel;
    }
    put(lengths, lengths->numel - 1, used < targets->numel ? targets->numel - used : 0);
  }
  return true;
}
