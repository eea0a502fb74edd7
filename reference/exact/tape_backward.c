/* The gradient of a number on a tape, written on the same tape: reverse accumulation. */
#include "reference/exact/tape_internal.h"

/* More contributions than a formula that names an operand a few times has: a sum over the elements of a row. */
enum { FEW_CONTRIBUTIONS = 4 };

static void contribute(lp_tape *t, int to, lp_x adjoint) {
  if (!t->nodes[to].needs) return;
  void *links = t->links;
  if (!lp_tape_grow(t, &links, &t->link_capacity, t->n_links + 1, sizeof(lp_link))) return;
  t->links = links;
  t->links[t->n_links] = (lp_link){adjoint.at, t->nodes[to].links};
  t->nodes[to].links = t->n_links++;
}

/* The sum of the contributions to a node's adjoint. */
static lp_x collect(lp_tape *t, int node) {
  int n = 0;
  for (int i = t->nodes[node].links; i >= 0; i = t->links[i].next) n++;
  if (n == 1) return (lp_x){t->links[t->nodes[node].links].contribution};
  lp_x few[FEW_CONTRIBUTIONS];
  if (n <= FEW_CONTRIBUTIONS) {
    int k = n;
    for (int i = t->nodes[node].links; i >= 0; i = t->links[i].next) few[--k] = (lp_x){t->links[i].contribution};
    return lp_x_sum_of(t, few, n, false);
  }
  return lp_x_sum_of_links(t, t->nodes[node].links, n);
}

static void through_product(lp_tape *t, const lp_node *n, lp_x adjoint) {
  if (t->nodes[n->a].needs) contribute(t, n->a, lp_x_multiply(t, adjoint, (lp_x){n->b}));
  if (t->nodes[n->b].needs) contribute(t, n->b, lp_x_multiply(t, adjoint, (lp_x){n->a}));
}

/* a/b: adjoint/b to a, -adjoint ((a/b)/b) to b */
static void through_quotient(lp_tape *t, const lp_node *n, int self, lp_x adjoint) {
  if (t->nodes[n->a].needs) contribute(t, n->a, lp_x_divide(t, adjoint, (lp_x){n->b}));
  if (!t->nodes[n->b].needs) return;
  const lp_x slope = lp_x_divide(t, (lp_x){self}, (lp_x){n->b});
  contribute(t, n->b, lp_x_negate(t, lp_x_multiply(t, adjoint, slope)));
}

/* exponent a^(exponent - 1) */
static lp_x slope_of_raise(lp_tape *t, const lp_node *n) {
  const lp_x exponent = {n->b};
  const lp_x less = lp_x_unrounded(t, lp_x_subtract(t, exponent, lp_x_constant(t, 1.0)));
  return lp_x_multiply(t, exponent, lp_x_raise(t, (lp_x){n->a}, less));
}

static void through_sum(lp_tape *t, const lp_node *n, lp_x adjoint) {
  for (int i = 0; i < n->b; i++) contribute(t, t->operands[n->a + i], adjoint);
}

static lp_x through_abs(lp_tape *t, const lp_node *n, lp_x adjoint) {
  return n->number == 0.0 ? lp_x_multiply(t, adjoint, lp_x_constant(t, 0.0)) : lp_x_scale(t, adjoint, n->number);
}

/* Writes what a node's adjoint contributes to its operands. n is a copy: the tape grows meanwhile. */
static void propagate(lp_tape *t, const lp_node *n, int self, lp_x g) {
  const lp_x a = {n->a}, value = {self};
  switch (n->op) { /* every operation is named: GCOVR_EXCL_BR_LINE */
    case LP_OP_NUMBER:
    case LP_OP_ELEMENT:
      break;
    case LP_OP_ADD:
      contribute(t, n->a, g);
      contribute(t, n->b, g);
      break;
    case LP_OP_SUBTRACT:
      contribute(t, n->a, g);
      if (t->nodes[n->b].needs) contribute(t, n->b, lp_x_negate(t, g));
      break;
    case LP_OP_MULTIPLY:
      through_product(t, n, g);
      break;
    case LP_OP_DIVIDE:
      through_quotient(t, n, self, g);
      break;
    case LP_OP_SQUARE:
      contribute(t, n->a, lp_x_multiply(t, g, lp_x_scale(t, a, 2.0)));
      break;
    case LP_OP_EXP:
      contribute(t, n->a, lp_x_multiply(t, g, value));
      break;
    case LP_OP_LOG:
      contribute(t, n->a, lp_x_divide(t, g, a));
      break;
    case LP_OP_SQRT:
      contribute(t, n->a, lp_x_divide(t, g, lp_x_scale(t, value, 2.0)));
      break;
    case LP_OP_RAISE:
      contribute(t, n->a, lp_x_multiply(t, g, slope_of_raise(t, n)));
      break;
    case LP_OP_SOFTPLUS:
      contribute(t, n->a, lp_x_multiply(t, g, lp_x_sigmoid(t, a)));
      break;
    case LP_OP_SIGMOID: /* the slope of softplus only; no loss differentiates it */
      t->failed = true;
      break;
    case LP_OP_SUM:
      through_sum(t, n, g);
      break;
    case LP_OP_SCALE:
      contribute(t, n->a, lp_x_scale(t, g, n->number));
      break;
    case LP_OP_ABS:
      contribute(t, n->a, through_abs(t, n, g));
      break;
    case LP_OP_MASK:
      contribute(t, n->a, lp_x_mask(t, g, n->number != 0.0));
      break;
  }
}

void lp_x_backward(lp_tape *t, lp_x of, lp_x seed) {
  contribute(t, of.at, seed);
  for (int i = of.at; i >= 0 && !t->failed; i--) {
    if (t->nodes[i].links < 0) continue;
    const lp_x adjoint = collect(t, i);
    t->nodes[i].adjoint = adjoint.at;
    const lp_node copy = t->nodes[i];
    propagate(t, &copy, i, adjoint);
  }
}

void lp_x_leaves(const lp_tape *t, void (*take)(void *context, const lp_leaf *leaf), void *context) {
  for (int i = 0; i < t->count; i++) {
    const lp_node *n = &t->nodes[i];
    if (n->op != LP_OP_ELEMENT || n->adjoint < 0) continue;
    const lp_leaf leaf = {n->input, n->index, {n->adjoint}};
    take(context, &leaf);
  }
}
