/* Every loss as an ordinary programmer writes it (plain/), behind the interface of plugins: a right implementation for
 * the tests and timings of the plugin door. It lacks only what PyTorch computes in integers. */
#include <stdlib.h>

#include "golden/packed.h"
#include "harness/doors/lossproof/plugin.h"
#include "harness/plain/plain.h"
#include "reference/registry.h"

/* A dense copy of a tensor whose elements may stand anywhere. */
static void gather(unsigned char *dense, const lossproof_tensor *t, size_t width) {
  const unsigned char *data = t->data;
  for (int64_t i = 0; i < t->numel; i++) {
    int64_t rest = i, at = 0;
    for (int32_t axis = t->rank - 1; axis >= 0; axis--) {
      at += rest % t->shape[axis] * t->strides[axis];
      rest /= t->shape[axis];
    }
    memcpy(dense + (size_t)i * width, data + (size_t)at * width, width);
  }
}

static lp_status read_tensor(lp_tensor *tensor, lp_arena *arena, const lossproof_tensor *t, lp_error *error) {
  const size_t width = lp_dtype_size((lp_dtype)t->dtype);
  LP_TRY(lp_tensor_init(tensor, (lp_dtype)t->dtype, t->rank, t->shape, error));
  LP_TRY(lp_arena_tensor(arena, tensor, error));
  unsigned char *dense = lp_arena_alloc(arena, (size_t)t->numel, width);
  if (!dense) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  gather(dense, t, width);
  return lp_packed_get(tensor, dense, 0, t->numel, error);
}

static lp_status read_inputs(lp_case *c, lp_arena *arena, const lossproof_request *q, lp_error *error) {
  for (int32_t i = 0; i < q->n_inputs; i++) {
    const int input = lp_loss_input_index(c->loss, q->inputs[i].name);
    if (input < 0) return lp_fail(error, LP_INVALID, "no input %s", q->inputs[i].name);
    LP_TRY(read_tensor(&c->inputs[input], arena, &q->inputs[i], error));
    c->has_input[input] = true;
    if (i == 0 && lp_dtype_is_floating(c->inputs[input].dtype)) c->dtype = c->inputs[input].dtype;
  }
  c->has_grad_output = q->grad_output != NULL;
  return q->grad_output ? read_tensor(&c->grad_output, arena, q->grad_output, error) : LP_OK;
}

static lp_status read_case(lp_case *c, lp_arena *arena, const lossproof_request *q, lp_error *error) {
  const lp_loss *loss = lp_registry_find(q->loss);
  if (!loss) return lp_fail(error, LP_INVALID, "no loss %s", q->loss);
  lp_case_init(c, loss);
  c->reduction_word = q->reduction;
  c->reduction = lp_reduction_from_name(q->reduction);
  for (int32_t i = 0; i < q->n_parameters; i++) {
    const int param = lp_loss_param_index(loss, q->parameters[i].name);
    if (param >= 0) c->params[param] = q->parameters[i].value;
  }
  return read_inputs(c, arena, q, error);
}

static void write_outputs(const lossproof_request *q, const lp_case *c, const lp_outcome *outcome) {
  char name[LP_NAME_MAX];
  for (int k = 0; k < outcome->n_outputs; k++) {
    const lp_tensor *t = &outcome->outputs[k].tensor;
    const lossproof_tensor *out = lossproof_output(q, lp_output_name(name, c->loss, outcome->outputs[k].input));
    if (out) lp_packed_put(out->data, t, 0, t->numel);
  }
}

static lp_status answer(lp_outcome_kind *kind, lp_arena *arena, const lossproof_request *q, lp_error *error) {
  lp_case c;
  lp_plan plan;
  plain_answer a;
  LP_TRY(read_case(&c, arena, q, error));
  LP_TRY(lp_plan_init(&plan, &c, error));
  LP_TRY(
      plain_answer_case(&a, arena, &plan, (plain_options){.summation = PLAIN_PAIRWISE, .inside_float32 = true}, error));
  *kind = a.outcome.kind;
  if (*kind == LP_OUTCOME_OK) write_outputs(q, &c, &a.outcome);
  return LP_OK;
}

static int run(const lossproof_request *q) {
  lp_error error = {.message = ""};
  lp_outcome_kind kind = LP_OUTCOME_UNSUPPORTED;
  lp_arena *arena = lp_arena_new(0);
  const lp_status status = arena ? answer(&kind, arena, q, &error) : LP_NO_MEMORY;
  lp_arena_free(arena);
  if (status == LP_OK) return kind == LP_OUTCOME_OK ? LOSSPROOF_OK : LOSSPROOF_UNSUPPORTED;
  if (status == LP_REJECTED) return lossproof_reject(q, error.message);
  abort();
}

static const char manifest[] =
    "{\"dtypes\": [\"float64\", \"float32\", \"float16\", \"bfloat16\"], \"layouts\": [\"contiguous\", \"strided\"],"
    " \"deterministic\": true}";

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "plain", "1.0", manifest, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
