/* The losses of the zoo, one file each. */
#ifndef LP_HARNESS_ZOO_FAMILIES_H
#define LP_HARNESS_ZOO_FAMILIES_H

#include "harness/zoo/zoo.h"

extern const lp_zoo_family lp_zoo_l1, lp_zoo_mse, lp_zoo_smooth_l1, lp_zoo_poisson_nll, lp_zoo_kl_div,
    lp_zoo_margin_ranking, lp_zoo_hinge_embedding, lp_zoo_soft_margin, lp_zoo_multi_margin, lp_zoo_multilabel_margin,
    lp_zoo_triplet_margin, lp_zoo_cosine_embedding, lp_zoo_ctc;

#endif
