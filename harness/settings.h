/* The factors of a loss, with the constraints that only trying shows. */
#ifndef LP_HARNESS_SETTINGS_H
#define LP_HARNESS_SETTINGS_H

#include "golden/arena.h"
#include "harness/factors.h"

typedef struct lp_settings {
  lp_factors factors;
  int n_declared; /* factors.forbidden from here on: pairs that were tried, and are cases to be rejected themselves */
} lp_settings;

/* lp_factors_init, then every crossed value of every parameter is tried with every crossed shape class: a domain may
 * depend on the shape (a blank needs as many classes, an infinite norm a component). A pair that is rejected at every
 * draw, while the parameter's default is not, becomes a constraint. Deterministic. */
lp_status lp_settings_of(lp_settings *settings, const lp_loss *loss, lp_error *error) LP_MUST_USE;

#endif
