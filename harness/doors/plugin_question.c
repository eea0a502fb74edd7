#include "harness/doors/plugin_question.h"

#include <string.h>

#include "golden/packed.h"
#include "harness/doors/door.h"
#include "harness/doors/lossproof/plugin.h"
#include "reference/plan.h"
#include "reference/registry.h"

/* --- what is asked for --- */

static void add_output(lp_outcome *layout, int input, const lp_tensor *shape, lp_dtype dtype) {
  lp_output *out = &layout->outputs[layout->n_outputs++];
  *out = (lp_output){.input = input, .tensor = *shape};
  out->tensor.dtype = dtype;
  out->tensor.f64 = NULL;
  out->tensor.i64 = NULL;
}

/* The dtype of the widest floating input. */
static lp_dtype widest(const lp_case *c) {
  lp_dtype dtype = LP_DTYPE_COUNT;
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!c->has_input[i] || c->loss->inputs[i].apart || !lp_dtype_is_floating(c->inputs[i].dtype)) continue;
    if (c->inputs[i].dtype < dtype) dtype = c->inputs[i].dtype;
  }
  return dtype < LP_DTYPE_COUNT ? dtype : c->dtype;
}

static void lay_out_rejected(lp_outcome *layout, const lp_case *c) {
  const lp_tensor scalar = {.numel = 1};
  const bool whole = c->reduction == LP_REDUCTION_NONE && c->has_input[0];
  *layout = (lp_outcome){.kind = LP_OUTCOME_OK, .message = ""};
  add_output(layout, LP_OUTPUT_LOSS, whole ? &c->inputs[0] : &scalar, widest(c));
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (c->has_input[i] && c->loss->inputs[i].differentiable && lp_dtype_is_floating(c->inputs[i].dtype)) {
      add_output(layout, i, &c->inputs[i], c->inputs[i].dtype);
    }
  }
}

static void keep_declared(lp_outcome *layout, const lp_capability *can) {
  int n = 0;
  for (int k = 0; k < layout->n_outputs; k++) {
    const int input = layout->outputs[k].input;
    if (input == LP_OUTPUT_LOSS || (can->gradients & (1u << input))) layout->outputs[n++] = layout->outputs[k];
  }
  layout->n_outputs = n;
}

lp_status lp_plugin_layout(lp_outcome *layout, const lp_case *c, const lp_capability *can, lp_error *error) {
  lp_plan plan;
  const lp_status status = lp_plan_init(&plan, c, error);
  if (status != LP_OK && status != LP_REJECTED) return status;
  *layout = plan.outcome;
  if (layout->n_outputs == 0) lay_out_rejected(layout, c);
  keep_declared(layout, can);
  return LP_OK;
}

/* --- questions --- */

static void put_tensor(lp_bytes *b, const lp_tensor *t) {
  lp_bytes_put_layout(b, t);
  unsigned char *room = lp_bytes_room(b, (size_t)t->numel * lp_dtype_size(t->dtype));
  if (room) lp_packed_put(room, t, 0, t->numel);
}

static void put_inputs(lp_bytes *b, const lp_case *c) {
  int n = 0;
  for (int i = 0; i < c->loss->n_inputs; i++) n += c->has_input[i];
  lp_bytes_put_number(b, n);
  for (int i = 0; i < c->loss->n_inputs; i++) {
    if (!c->has_input[i]) continue;
    lp_bytes_put_number(b, i);
    put_tensor(b, &c->inputs[i]);
  }
}

static int registry_index(const lp_loss *loss) {
  int i = 0;
  while (lp_registry_at(i) != loss) i++;
  return i;
}

void lp_plugin_put_question(lp_bytes *b, int number, const lp_case *c, const lp_outcome *layout, int runs) {
  const size_t frame = lp_bytes_begin_frame(b);
  lp_bytes_put_number(b, number);
  lp_bytes_put_number(b, runs);
  lp_bytes_put_number(b, registry_index(c->loss));
  lp_bytes_put_text(b, c->reduction_word);
  lp_bytes_put(b, c->params, (size_t)c->loss->n_params * sizeof c->params[0]);
  put_inputs(b, c);
  lp_bytes_put_number(b, c->has_grad_output);
  if (c->has_grad_output) put_tensor(b, &c->grad_output);
  lp_bytes_put_number(b, layout->n_outputs);
  for (int k = 0; k < layout->n_outputs; k++) {
    lp_bytes_put_number(b, layout->outputs[k].input);
    lp_bytes_put_layout(b, &layout->outputs[k].tensor);
  }
  lp_bytes_end_frame(b, frame);
}

/* --- answers --- */

static lp_status kept_text(const char **text, lp_arena *arena, lp_reading *r, lp_error *error) {
  char buffer[LP_PLUGIN_TEXT_MAX];
  lp_read_text(r, buffer, sizeof buffer);
  lp_make_printable(buffer);
  *text = lp_arena_text(arena, buffer, strlen(buffer));
  return *text ? LP_OK : lp_fail(error, LP_NO_MEMORY, "out of memory");
}

static lp_status read_outputs(lp_outcome *outcome, lp_arena *arena, const lp_outcome *layout, lp_reading *r,
                              lp_error *error) {
  LP_TRY(lp_arena_outcome(arena, outcome, layout, error));
  for (int k = 0; k < outcome->n_outputs; k++) {
    lp_tensor *t = &outcome->outputs[k].tensor;
    const unsigned char *bytes = lp_read_bytes(r, (size_t)t->numel * lp_dtype_size(t->dtype));
    if (!bytes) return lp_fail(error, LP_INVALID, "it is shorter than the outputs");
    LP_TRY(lp_packed_get(t, bytes, 0, t->numel, error));
  }
  return LP_OK;
}

static lp_outcome_kind kind_of(int code) {
  if (code == LOSSPROOF_OK) return LP_OUTCOME_OK;
  return code == LOSSPROOF_REJECTED ? LP_OUTCOME_REJECTED : LP_OUTCOME_UNSUPPORTED;
}

static bool is_known(int code) {
  return code == LOSSPROOF_OK || code == LOSSPROOF_REJECTED || code == LOSSPROOF_UNSUPPORTED;
}

typedef struct one_run {
  int run, code;
  lp_outcome outcome; /* when the code is known */
} one_run;

static lp_status read_run(one_run *one, lp_arena *arena, const lp_outcome *layout, lp_reading *r, lp_error *error) {
  const char *message;
  one->run = lp_read_number(r);
  one->code = lp_read_number(r);
  LP_TRY(kept_text(&message, arena, r, error));
  if (r->failed || one->run < 0 || one->run >= LP_RUN_COUNT) return lp_fail(error, LP_INVALID, "it is cut or mangled");
  one->outcome = (lp_outcome){.kind = kind_of(one->code), .message = message};
  if (one->code != LOSSPROOF_OK) return LP_OK;
  LP_TRY(read_outputs(&one->outcome, arena, layout, r, error));
  one->outcome.message = "";
  return LP_OK;
}

static const char *const encore_names[LP_RUN_COUNT] = {"", "buffers after a guard page", "strided inputs"};

/* Returns false when the code is none of the interface. */
static bool add_run(lp_answer *answer, const one_run *one) {
  if (!is_known(one->code)) return false;
  if (one->run == LP_RUN_HIGH) {
    answer->outcome = one->outcome;
  } else {
    answer->encore_names[answer->n_encores] = encore_names[one->run];
    answer->encores[answer->n_encores++] = one->outcome;
  }
  return true;
}

static lp_status answer_unknown(lp_answer *answer, lp_arena *arena, int code, lp_error *error) {
  const char *text = lp_arena_format(arena,
                                     "run() returned %d, which is none of LOSSPROOF_OK, LOSSPROOF_REJECTED and "
                                     "LOSSPROOF_UNSUPPORTED",
                                     code);
  if (!text) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  lp_answer_died(answer, LP_CONDUCT_GARBAGE, text);
  return LP_OK;
}

/* The gravest thing that the worker saw, and what only shows when its runs are compared. */
static lp_status read_conduct(lp_answer *answer, lp_arena *arena, const lp_capability *can, lp_reading *r,
                              lp_error *error) {
  const int conduct = lp_read_number(r);
  LP_TRY(kept_text(&answer->conduct_text, arena, r, error));
  const bool possible =
      conduct == LP_CONDUCT_GOOD || (conduct >= LP_CONDUCT_CHANGED_INPUT && conduct <= LP_CONDUCT_UNWRITTEN);
  if (r->failed || r->left > 0 || !possible) return lp_fail(error, LP_INVALID, "it is cut or mangled");
  answer->conduct = (lp_conduct)conduct;
  if (conduct == LP_CONDUCT_GOOD && can->deterministic && answer->n_encores > 0 &&
      strcmp(answer->encore_names[0], encore_names[LP_RUN_LOW]) == 0) {
    answer->conduct = LP_CONDUCT_UNSTABLE;
    answer->conduct_text =
        "declares itself deterministic, and answered the same question, its buffers elsewhere in "
        "memory, with other bits";
  }
  return LP_OK;
}

static lp_status read_runs(lp_answer *answer, lp_arena *arena, const lp_outcome *layout, const lp_capability *can,
                           lp_reading *r, lp_error *error) {
  const int n = lp_read_number(r);
  int unknown = LOSSPROOF_OK, before = -1;
  if (n < 1 || n > LP_RUN_COUNT) return lp_fail(error, LP_INVALID, "it is cut or mangled");
  for (int i = 0; i < n; i++) {
    one_run one;
    LP_TRY(read_run(&one, arena, layout, r, error));
    if (one.run <= before || (i == 0) != (one.run == LP_RUN_HIGH)) return lp_fail(error, LP_INVALID, "it is mangled");
    if (!add_run(answer, &one) && unknown == LOSSPROOF_OK) unknown = one.code;
    before = one.run;
  }
  LP_TRY(read_conduct(answer, arena, can, r, error));
  return unknown == LOSSPROOF_OK ? LP_OK : answer_unknown(answer, arena, unknown, error);
}

lp_status lp_plugin_read_answer(lp_answer *answer, bool *fault, lp_arena *arena, int number, const lp_outcome *layout,
                                const lp_capability *can, lp_reading *r, lp_error *error) {
  const int magic = lp_read_number(r), n = lp_read_number(r), kind = lp_read_number(r);
  *answer = (lp_answer){.conduct_text = ""};
  *fault = kind == LP_PLUGIN_FAULT;
  if (r->failed || magic != LP_PLUGIN_MAGIC || n != number || (kind != LP_PLUGIN_ANSWER && !*fault)) {
    return lp_fail(error, LP_INVALID, "something else was written into the pipe of answers");
  }
  if (!*fault) return read_runs(answer, arena, layout, can, r, error);
  const char *text;
  LP_TRY(kept_text(&text, arena, r, error));
  lp_answer_died(answer, LP_CONDUCT_OUT_OF_BOUNDS, text);
  return r->failed ? lp_fail(error, LP_INVALID, "it is cut or mangled") : LP_OK;
}
