/* What a number on a tape is made of. For tape*.c only. */
#ifndef LP_EXACT_TAPE_INTERNAL_H
#define LP_EXACT_TAPE_INTERNAL_H

#include "reference/exact/tape.h"

typedef enum lp_op {
  LP_OP_NUMBER, /* constants, parameters, numbers computed elsewhere */
  LP_OP_ELEMENT,
  LP_OP_ADD,
  LP_OP_SUBTRACT,
  LP_OP_MULTIPLY,
  LP_OP_DIVIDE,
  LP_OP_SQUARE,
  LP_OP_EXP,
  LP_OP_LOG,
  LP_OP_SQRT,
  LP_OP_RAISE,
  LP_OP_SOFTPLUS,
  LP_OP_SIGMOID,
  LP_OP_SUM,
  LP_OP_SCALE,
  LP_OP_ABS,
  LP_OP_MASK,
} lp_op;

struct lp_node {
  arb_struct value;
  mag_struct inherited; /* the reach without its own rounding */
  mag_struct reach;
  int64_t terms;
  lp_class class;
  lp_op op;
  bool sharp;
  bool needs;    /* depends on an element of an input */
  int a, b;      /* operands; of a sum, the first of b operands in tape->operands */
  double number; /* factor of a scale, side of an abs, keep of a mask */
  int input;     /* of an element */
  int64_t index;
  int links;   /* the last contribution to its adjoint, or -1 */
  int adjoint; /* the node that holds its adjoint, or -1 */
};

typedef struct lp_link {
  int contribution, next;
} lp_link;

/* A new number of class LP_FINITE, sharp, with one term; its ball and reaches are stale. */
lp_node *lp_tape_new(lp_tape *t, lp_op op, int a, int b);
static inline lp_x lp_tape_last(const lp_tape *t) { return (lp_x){t->count - 1}; }
static inline lp_node *lp_tape_at(const lp_tape *t, lp_x a) { return &t->nodes[a.at]; }

/* Makes room for `wanted` items; false when memory is out. */
bool lp_tape_grow(lp_tape *t, void **items, int *capacity, int wanted, size_t size);

/* The numbers of a floating dtype: m 2^e with |m| < 2^places, e >= lowest, below 2^largest. u = 2^-places. */
typedef struct lp_range {
  slong places, lowest, largest;
} lp_range;

const lp_range *lp_range_of(lp_dtype dtype);

/* Can arithmetic in this dtype hold the ball's number exactly? */
bool lp_is_representable(const arb_t value, lp_dtype dtype);

/* May arithmetic in the tape's dtype put the number on the other side of 0? */
bool lp_tape_within_rounding(lp_tape *t, const lp_node *n);

/* The sum for adjoints: n terms that count as a reduction only when there are many. */
lp_x lp_x_sum_of(lp_tape *t, const lp_x *terms, int n, bool reduction);
/* The same for many, given as a chain of t->links. */
lp_x lp_x_sum_of_links(lp_tape *t, int link, int n);

#endif
