#include "harness/accumulator.h"

#include <string.h>

#include "reference/plan.h"

/* How many terms, as rows times columns. */
typedef struct outer {
  int64_t rows, columns;
} outer;

static const outer in_float32[] = {{113, 148471}, {4096, 8192}}, in_halves[] = {{27, 19}, {17, 241}};
enum { SIZES = 2 };

/* Terms of a value whose multiples need more and more bits. */
static const double values[] = {0.1, 0.5};

static const lp_reduction reductions[] = {LP_REDUCTION_SUM, LP_REDUCTION_MEAN};
enum { REDUCTIONS = 2 };

static bool suits(const lp_loss *loss) {
  if (!loss->pointwise) return false;
  for (int i = 0; i < loss->n_inputs; i++) {
    const lp_input_spec *const spec = &loss->inputs[i];
    if (!spec->differentiable || spec->optional != (i >= 2)) return false;
  }
  return loss->n_inputs >= 2;
}

static lp_status give(lp_case *c, lp_arena *arena, int input, int64_t rows, int64_t columns, lp_error *error) {
  lp_tensor *const x = &c->inputs[input];
  const int64_t shape[] = {rows, columns};
  LP_TRY(lp_tensor_init(x, c->dtype, 2, shape, error));
  LP_TRY(lp_arena_tensor(arena, x, error));
  for (int64_t i = 0; i < x->numel; i++) x->f64[i] = lp_dtype_round(c->dtype, values[input]);
  c->has_input[input] = true;
  return LP_OK;
}

static lp_status add_case(lp_suite *suite, const lp_loss *loss, const lp_generate_options *o, outer size,
                          lp_reduction reduction, lp_error *error) {
  lp_plan plan;
  lp_suite_entry *const entry = lp_suite_add(suite);
  if (entry == NULL) return lp_fail(error, LP_NO_MEMORY, "%s: no room in the list of cases", loss->name);
  lp_case *const c = &entry->c;
  lp_case_init(c, loss);
  c->dtype = o->dtype;
  c->reduction = reduction;
  c->reduction_word = lp_reduction_name(reduction);
  c->expect = LP_EXPECT_ACCEPT;
  LP_TRY(give(c, suite->arena, 0, size.rows, 1, error));
  LP_TRY(give(c, suite->arena, 1, 1, size.columns, error));
  const long long elements = (long long)size.rows * (long long)size.columns;
  c->id = lp_arena_format(suite->arena, "%s/%s/%s-%lld-%s", o->suite, loss->name, lp_dtype_name(o->dtype), elements,
                          c->reduction_word);
  c->hunts = "a single running accumulator, which stops growing or drifts over so many equal terms";
  c->tags = "shape=outer value=equal grad=none";
  if (c->id == NULL) return lp_fail(error, LP_NO_MEMORY, "%s: no memory for a case's texts", loss->name);
  return lp_plan_init(&plan, c, error);
}

lp_status lp_generate_accumulator(lp_suite *suite, const lp_loss *loss, const lp_generate_options *options,
                                  lp_error *error) {
  const outer *const sizes = options->dtype == LP_FLOAT32 ? in_float32 : in_halves;
  const int before = suite->count;
  if (options->dtype == LP_FLOAT64) {
    return lp_refuse(error, LP_REJECT_DTYPE, "%s: accumulators of float64 are too long to be seen: give --dtype",
                     loss->name);
  }
  if (!suits(loss)) {
    return lp_refuse(error, LP_REJECT_SHAPE, "%s: there are no accumulator cases of losses without elementwise terms",
                     loss->name);
  }
  lp_status status = LP_OK;
  for (int i = 0; i < SIZES * REDUCTIONS && status == LP_OK; i++) {
    status = add_case(suite, loss, options, sizes[i / REDUCTIONS], reductions[i % REDUCTIONS], error);
  }
  if (status != LP_OK) suite->count = before;
  return status;
}
