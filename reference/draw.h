/* Seeded values for the generator, beside the types they fill: ordinary values, values from the lattice where losses
 * break, and their neighbours. Portable: the same seed gives the same bits on every machine (no libm calls). */
#ifndef LP_REFERENCE_DRAW_H
#define LP_REFERENCE_DRAW_H

#include "reference/case.h"

/* SplitMix64 (Steele, Lea, Flood 2014): 64 bits of state, period 2^64. */
typedef struct lp_rng {
  uint64_t state;
} lp_rng;

/* The seed of a case: a hash (FNV-1a, then the SplitMix64 finalizer) of the run's seed and the case's id. */
lp_rng lp_rng_for_case(uint64_t run_seed, const char *id);

uint64_t lp_rng_next(lp_rng *rng);
int64_t lp_rng_below(lp_rng *rng, int64_t n); /* uniform in 0..n-1, n >= 1 */
bool lp_rng_chance(lp_rng *rng, double probability);
double lp_rng_uniform(lp_rng *rng); /* in [0, 1), 53 bits */
double lp_rng_normal(lp_rng *rng);  /* mean 0, variance 1: the sum of 12 uniforms less 6, rounded to float32 */
double lp_rng_pick(lp_rng *rng, const double *values, int n);

/* The neighbour of x that is `steps` (any sign) representable doubles away; infinities and NaN unchanged. */
double lp_ulp_step(double x, int steps);

/* The value classes that suit every pointwise loss, in this order. A loss without structure of its own uses this
 * table and lp_draw_pointwise. */
enum {
  LP_VALUES_ORDINARY, /* normal values rounded to float32 */
  LP_VALUES_BOUNDARY, /* from the loss's lattice, or one to two ulp beside it */
  LP_VALUES_EQUAL,    /* inputs equal to each other at most positions: ties and zero residuals */
  LP_VALUES_TINY,     /* signed zeros, subnormals, 1e-300 ... 1e-6, mixed with ordinary values */
  LP_VALUES_HUGE,     /* edges of exp, log and overflow: 17, 88.7, 709.7, 745, 1e10, 1e19, 1e154, 1e155, 1e300 ... */
  LP_VALUES_SPECIAL,  /* +-inf and NaN, one or two among ordinary values */
  LP_VALUES_COMMON_COUNT
};
extern const lp_value_class lp_common_value_classes[LP_VALUES_COMMON_COUNT];

/* Where a loss changes branch: writes up to `capacity` values (capacity >= 16) that input `input` could take at one
 * position so that a regime boundary is met exactly, given the parameters and the values already drawn at that
 * position for inputs 0..input-1, and returns how many. */
typedef int (*lp_lattice)(double *values, int capacity, const double *params, int input, const double *earlier);

/* What a target that is a label may be: for these inputs ordinary draws come from `labels` and the other classes mix
 * in `odd`. NULL: an ordinary number. */
typedef struct lp_labels {
  const double *usual;
  int n_usual;
  const double *odd;
  int n_odd;
} lp_labels;

/* Fills every LP_KIND_REAL input of a pointwise loss. labels: n_inputs entries, or NULL when none is a label.
 * Values for integer tensors are rounded to integers and clamped to the dtype. */
void lp_draw_pointwise(lp_case *c, lp_rng *rng, int value_class, lp_lattice lattice, const lp_labels *labels);

/* Fills one tensor with the given common value class, for losses with structure. There is no lattice: BOUNDARY means
 * multiples of 1/4, whose sums and differences are exact, EQUAL that most elements are the same. */
void lp_draw_real(lp_tensor *tensor, lp_rng *rng, int value_class);

#endif
