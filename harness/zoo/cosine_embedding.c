#include <math.h>

#include "harness/zoo/families.h"

enum { INPUT1, INPUT2, TARGET };

static void map_labels(lp_case *c, double (*f)(double label)) {
  const lp_tensor *t = &c->inputs[TARGET];
  for (int64_t i = 0; i < t->numel; i++) {
    if (t->f64) t->f64[i] = f(t->f64[i]);
    if (t->i64) t->i64[i] = (int64_t)f((double)t->i64[i]);
  }
}

static double other_is_negative(double label) { return label == 1.0 ? 1.0 : -1.0; }
static double other_is_positive(double label) { return label == -1.0 ? -1.0 : 1.0; }
static double sign_alone(double label) { return label > 0.0 ? 1.0 : label < 0.0 ? -1.0 : 0.0; }
static double swapped(double label) { return -label; }

static void else_negative(lp_case *c) { map_labels(c, other_is_negative); }
static void else_positive(lp_case *c) { map_labels(c, other_is_positive); }
static void sign_of_label(lp_case *c) { map_labels(c, sign_alone); }
static void labels_swapped(lp_case *c) { map_labels(c, swapped); }

/* The norms without 1e-12: two numbers this large hide it. */
static void without_eps(lp_case *c) {
  for (int k = INPUT1; k <= INPUT2; k++) {
    for (int64_t i = 0; c->inputs[k].f64 && i < c->inputs[k].numel; i++) c->inputs[k].f64[i] *= 0x1p20;
  }
}

static const lp_animal animals[] = {
    {"else-negative", LP_ZOO_BOUNDARY, "labels other than 1 count as -1", "cosemb-label-else-is-negative",
     .ask = else_negative},
    {"else-positive", LP_ZOO_BOUNDARY, "labels other than -1 count as 1", "mutant", .ask = else_positive},
    {"sign-of-label", LP_ZOO_BOUNDARY, "the sign of the label decides", "mutant", .ask = sign_of_label},
    {"labels-swapped", LP_ZOO_VALUE, "1 and -1 exchanged", "mutant", .ask = labels_swapped},
    {"margin-dropped", LP_ZOO_PARAMETER, "margin is taken for 0", "hinge-margin-ignored", .ask = lp_zoo_default_first},
    {"scaled", LP_ZOO_GRADIENT, "inputs scaled by 2^20 for range, gradients not scaled back", "mutant",
     .ask = without_eps},
    {"first-constant", LP_ZOO_GRADIENT, "input1 has gradient 0", "mutant", .tell = lp_zoo_zero_first_gradient},
    {"refuses-broadcast", LP_ZOO_REJECTS, "shapes must be equal", "mse-mps-shape-check",
     .refuses = lp_zoo_refuses_broadcast},
};

const lp_zoo_family lp_zoo_cosine_embedding = {"cosine_embedding", animals, sizeof animals / sizeof animals[0], NULL};
