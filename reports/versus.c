#include "reports/versus.h"

#include <stdlib.h>
#include <string.h>

const char *lp_versus_name(lp_versus_kind kind) {
  static const char *const names[] = {"new", "changed", "still failing", "fixed", "gone"};
  return names[kind];
}

static const char *question(const lp_record *r) { return *r->question ? r->question : r->id; }

static int by_key(const lp_record *a, const lp_record *b) {
  int order = strcmp(question(a), question(b));
  if (order == 0) order = strcmp(a->output, b->output);
  return order ? order : strcmp(a->encore, b->encore);
}

static int by_key_indirect(const void *a, const void *b) {
  return by_key(*(const lp_record *const *)a, *(const lp_record *const *)b);
}

/* The records in order of their keys; NULL when memory is out. */
static const lp_record **sorted(const lp_results *r) {
  const lp_record **all = calloc((size_t)r->n_records + 1, sizeof *all);
  for (int i = 0; all && i < r->n_records; i++) all[i] = &r->records[i];
  if (all && r->n_records > 0) qsort(all, (size_t)r->n_records, sizeof *all, by_key_indirect);
  return all;
}

/* False: neither is a finding. */
static bool classify(lp_versus_kind *kind, const lp_record *before, const lp_record *after) {
  const bool was = before && lp_record_is_finding(before), is = after && lp_record_is_finding(after);
  if (is && was) {
    *kind = strcmp(before->signature, after->signature) == 0 ? LP_VERSUS_STILL : LP_VERSUS_CHANGED;
  } else if (is) {
    *kind = LP_VERSUS_NEW;
  } else if (was) {
    *kind = after && !lp_record_is(after, "unsupported") ? LP_VERSUS_FIXED : LP_VERSUS_GONE;
  }
  return is || was;
}

static int by_kind(const void *a, const void *b) {
  const lp_versus_row *x = a, *y = b;
  if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
  return by_key(x->after ? x->after : x->before, y->after ? y->after : y->before);
}

static void pair(lp_versus *v, const lp_record **before, int n_before, const lp_record **after, int n_after) {
  for (int i = 0, k = 0; i < n_before || k < n_after;) {
    const int order = i == n_before ? 1 : k == n_after ? -1 : by_key(before[i], after[k]);
    const lp_record *b = order <= 0 ? before[i++] : NULL, *a = order >= 0 ? after[k++] : NULL;
    lp_versus_kind kind;
    if (!classify(&kind, b, a)) continue;
    v->rows[v->n++] = (lp_versus_row){kind, b, a};
    v->counts[kind]++;
  }
}

static int findings(const lp_results *r) {
  int n = 0;
  for (int i = 0; i < r->n_records; i++) n += lp_record_is_finding(&r->records[i]);
  return n;
}

lp_status lp_versus_compare(lp_versus *v, const lp_results *base, const lp_results *now, lp_error *error) {
  const lp_record **before = sorted(base), **after = sorted(now);
  *v = (lp_versus){.n = 0};
  v->rows = lp_arena_alloc(now->arena, (size_t)findings(base) + (size_t)findings(now), sizeof *v->rows);
  const bool room = before && after && v->rows;
  if (room) pair(v, before, base->n_records, after, now->n_records);
  if (room && v->n > 0) qsort(v->rows, (size_t)v->n, sizeof *v->rows, by_kind);
  free(before);
  free(after);
  return room ? LP_OK : lp_fail(error, LP_NO_MEMORY, "out of memory to compare two runs");
}
