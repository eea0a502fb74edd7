/* A tensor as the harness holds it: dense, row-major, of any dtype in section "dtype.h".
 *
 * Elements of every floating dtype are held as double (each float32, float16 and bfloat16 number is one exactly);
 * elements of every integer dtype as int64_t. `dtype` says what the numbers are to a candidate. */
#ifndef LP_REFERENCE_TENSOR_H
#define LP_REFERENCE_TENSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "reference/dtype.h"
#include "reference/status.h"

/* Ceilings on what comes from outside. */
enum { LP_MAX_RANK = 8 };
#define LP_MAX_ELEMENTS ((int64_t)100000000) /* per tensor */

typedef struct lp_tensor {
  lp_dtype dtype;
  int rank; /* 0: a single number */
  int64_t shape[LP_MAX_RANK];
  int64_t numel; /* product of shape, 1 for rank 0 */
  double *f64;   /* numel elements when dtype is floating, otherwise NULL; owned by whoever made the tensor */
  int64_t *i64;  /* numel elements when dtype is an integer or bool, otherwise NULL */
} lp_tensor;

/* Sets dtype, rank, shape and numel, and leaves both data pointers NULL.
 * Fails with LP_INVALID on a negative extent, or more than LP_MAX_RANK dimensions or LP_MAX_ELEMENTS elements. */
lp_status lp_tensor_init(lp_tensor *tensor, lp_dtype dtype, int rank, const int64_t *shape,
                         lp_error *error) LP_MUST_USE;

bool lp_tensor_same_shape(const lp_tensor *a, const lp_tensor *b);

/* Element `index` as a double, whatever the dtype (integers beyond 2^53 round to nearest, as PyTorch's promotion). */
double lp_tensor_get(const lp_tensor *tensor, int64_t index);

/* Writes "(2, 3)", "()" ... into text, cut at capacity - 1 bytes; returns text. For messages. */
char *lp_tensor_shape_text(char *text, size_t capacity, const lp_tensor *tensor);

#endif
