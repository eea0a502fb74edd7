#include "reference/tensor.h"

#include <stdio.h>

lp_status lp_tensor_init(lp_tensor *tensor, lp_dtype dtype, int rank, const int64_t *shape, lp_error *error) {
  if (rank < 0 || rank > LP_MAX_RANK) {
    return lp_fail(error, LP_INVALID, "a tensor has %d dimensions: at most %d are supported", rank, LP_MAX_RANK);
  }
  *tensor = (lp_tensor){.dtype = dtype, .rank = rank, .numel = 1};
  bool empty = false;
  int64_t numel = 1; /* product of the extents that are not 0, so that (0, 10^9, 10^9) is refused as well */
  for (int i = 0; i < rank; i++) {
    if (shape[i] < 0)
      return lp_fail(error, LP_INVALID, "extent %d of a shape is %lld: expected >= 0", i, (long long)shape[i]);
    tensor->shape[i] = shape[i];
    empty = empty || shape[i] == 0;
    const int64_t extent = shape[i] > 0 ? shape[i] : 1;
    if (extent > LP_MAX_ELEMENTS / numel) {
      return lp_fail(error, LP_INVALID, "a tensor would have more than %lld elements, the ceiling",
                     (long long)LP_MAX_ELEMENTS);
    }
    numel *= extent;
  }
  tensor->numel = empty ? 0 : numel;
  return LP_OK;
}

bool lp_tensor_same_shape(const lp_tensor *a, const lp_tensor *b) {
  bool same = a->rank == b->rank;
  for (int i = 0; same && i < a->rank; i++) same = a->shape[i] == b->shape[i];
  return same;
}

double lp_tensor_get(const lp_tensor *tensor, int64_t index) {
  return lp_dtype_is_floating(tensor->dtype) ? tensor->f64[index] : (double)tensor->i64[index];
}

char *lp_tensor_shape_text(char *text, size_t capacity, const lp_tensor *tensor) {
  size_t used = (size_t)snprintf(text, capacity, "(");
  for (int i = 0; i < tensor->rank && used < capacity; i++) {
    used += (size_t)snprintf(text + used, capacity - used, i ? ", %lld" : "%lld", (long long)tensor->shape[i]);
  }
  if (used < capacity) snprintf(text + used, capacity - used, ")");
  return text;
}
