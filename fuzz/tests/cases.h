/* Are two cases the same, bit for bit? For the tests of the codec and of the mutations. */
#ifndef LP_FUZZ_TESTS_CASES_H
#define LP_FUZZ_TESTS_CASES_H

#include <stdio.h>
#include <string.h>

#include "golden/packed.h"
#include "reference/case.h"

static inline bool same_tensor(const lp_tensor *a, const lp_tensor *b) {
  if (a->dtype != b->dtype || !lp_tensor_same_shape(a, b) || a->numel != b->numel) return false;
  const size_t n = (size_t)a->numel;
  if (!a->f64 != !b->f64 || !a->i64 != !b->i64) return false;
  return a->f64 ? memcmp(a->f64, b->f64, n * sizeof *a->f64) == 0 : memcmp(a->i64, b->i64, n * sizeof *a->i64) == 0;
}

/* What differs first, NULL when nothing does. Ids and texts are not compared. */
static inline const char *difference(const lp_case *a, const lp_case *b) {
  if (a->loss != b->loss) return "loss";
  if (a->dtype != b->dtype) return "dtype";
  if (a->reduction != b->reduction || strcmp(a->reduction_word, b->reduction_word) != 0) return "reduction";
  if (memcmp(a->params, b->params, (size_t)a->loss->n_params * sizeof *a->params) != 0) return "params";
  for (int i = 0; i < a->loss->n_inputs; i++) {
    if (a->has_input[i] != b->has_input[i]) return "given inputs";
    if (a->has_input[i] && !same_tensor(&a->inputs[i], &b->inputs[i])) return a->loss->inputs[i].name;
  }
  if (a->has_grad_output != b->has_grad_output) return "whether grad_output is given";
  if (a->has_grad_output && !same_tensor(&a->grad_output, &b->grad_output)) return "grad_output";
  return NULL;
}

static inline bool is_representable(const lp_tensor *t) {
  for (int64_t i = 0; i < t->numel; i++) {
    if (t->i64 && (t->i64[i] < lp_packed_min(t->dtype) || t->i64[i] > lp_packed_max(t->dtype))) return false;
    if (!t->f64) continue;
    const double rounded = lp_dtype_round(t->dtype, t->f64[i]);
    if (memcmp(&rounded, &t->f64[i], sizeof rounded) != 0) return false;
  }
  return true;
}

#endif
