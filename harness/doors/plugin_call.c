#include "harness/doors/plugin_call.h"

#include <fenv.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "reference/registry.h"

/* --- reading --- */

static void set_layout(lp_argument *a, const char *name, lp_reading *r) {
  lp_read_layout(r, &a->tensor);
  a->used = true;
  snprintf(a->name, sizeof a->name, "%s", name);
  a->element = lp_dtype_size(a->tensor.dtype);
  a->size = (size_t)a->tensor.numel * a->element;
  int64_t step = 1;
  for (int axis = a->tensor.rank - 1; axis >= 0; axis--) {
    a->dense[axis] = step;
    step *= a->tensor.shape[axis] > 0 ? a->tensor.shape[axis] : 1;
  }
}

static void read_tensor(lp_argument *a, const char *name, lp_reading *r) {
  set_layout(a, name, r);
  a->bytes = lp_read_bytes(r, a->size);
}

static void read_parameters(lp_call *call, lp_reading *r) {
  for (int i = 0; i < call->loss->n_params; i++) {
    call->parameters[i] = (lossproof_parameter){.name = call->loss->params[i].name, .value = lp_read_double(r)};
  }
}

static void read_inputs(lp_call *call, lp_reading *r) {
  call->n_inputs = lp_read_number(r);
  if (call->n_inputs < 0 || call->n_inputs > call->loss->n_inputs) r->failed = true;
  for (int i = 0; i < call->n_inputs && !r->failed; i++) {
    const int input = lp_read_number(r);
    if (input < 0 || input >= call->loss->n_inputs) r->failed = true;
    if (!r->failed) read_tensor(&call->arguments[LP_SLOT_INPUT + i], call->loss->inputs[input].name, r);
  }
  call->arguments[LP_SLOT_GRAD_OUTPUT].used = false;
  if (lp_read_number(r)) read_tensor(&call->arguments[LP_SLOT_GRAD_OUTPUT], "grad_output", r);
}

static void read_outputs(lp_call *call, lp_reading *r) {
  char name[LP_NAME_MAX];
  call->n_outputs = lp_read_number(r);
  if (call->n_outputs < 0 || call->n_outputs > LP_MAX_OUTPUTS) r->failed = true;
  for (int i = 0; i < call->n_outputs && !r->failed; i++) {
    const int input = lp_read_number(r);
    if (input < LP_OUTPUT_LOSS || input >= call->loss->n_inputs) r->failed = true;
    if (!r->failed) set_layout(&call->arguments[LP_SLOT_OUTPUT + i], lp_output_name(name, call->loss, input), r);
  }
}

bool lp_call_read(lp_call *call, lp_reading *r) {
  call->runs = lp_read_number(r);
  call->loss = lp_registry_at(lp_read_number(r));
  lp_read_text(r, call->reduction, sizeof call->reduction);
  if (!call->loss || r->failed) return false;
  read_parameters(call, r);
  read_inputs(call, r);
  if (!r->failed) read_outputs(call, r);
  return !r->failed;
}

/* --- conduct --- */

static void accuse(lp_call *call, lp_conduct conduct, const char *format, ...) LP_PRINTF(3, 4);

static void accuse(lp_call *call, lp_conduct conduct, const char *format, ...) {
  if (call->conduct != LP_CONDUCT_GOOD && call->conduct <= conduct) return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(call->text, sizeof call->text, format, arguments);
  va_end(arguments);
  call->conduct = conduct;
}

static size_t first_difference(const unsigned char *a, const unsigned char *b, size_t n) {
  if (n == 0 || memcmp(a, b, n) == 0) return n;
  size_t i = 0;
  while (a[i] == b[i]) i++;
  return i;
}

static void check_input(lp_call *call, int slot, const unsigned char *expected) {
  const lp_guarded *g = &call->slots[slot];
  const size_t at = first_difference(g->data, expected, g->size);
  if (at < g->size) accuse(call, LP_CONDUCT_CHANGED_INPUT, "changed %s, at element %zu", g->name, at / g->element);
}

static void check_beside(lp_call *call, int slot) {
  const lp_guarded *g = &call->slots[slot];
  ptrdiff_t offset;
  if (lp_guarded_is_clean(g, &offset)) return;
  if (offset < 0) {
    accuse(call, LP_CONDUCT_STRAY_WRITE, "wrote before the start of %s (%td bytes before it)", g->name, -offset);
  } else {
    accuse(call, LP_CONDUCT_STRAY_WRITE, "wrote past the end of %s (%td bytes behind it)", g->name,
           offset - (ptrdiff_t)g->size);
  }
}

/* --- canaries --- */

/* Two NaNs of each dtype that no arithmetic brings about: what an implementation leaves as it is, or adds to, cannot
 * pass for an answer. */
static const uint64_t canaries[2][LP_BFLOAT16 + 1] = {
    {0x7ff85a5a5a5a5a5a, 0x7fda5a5a, 0x7e5a, 0x7fda},
    {0xfffca5a5a5a5a5a5, 0xffe5a5a5, 0xffa5, 0xffe5},
};

static const unsigned char *canary(unsigned char bytes[8], lp_dtype dtype, int run) {
  memcpy(bytes, &canaries[run & 1][dtype], 8); /* of a little-endian machine, as all bytes here */
  return bytes;
}

static void fill(unsigned char *data, size_t size, const unsigned char *element, size_t width) {
  for (size_t i = 0; i < size; i += width) memcpy(data + i, element, width);
}

/* Elements that hold both canaries were left as they were. */
static void check_written(lp_call *call, int slot, const unsigned char *first) {
  const lp_guarded *second = &call->slots[slot];
  const size_t width = second->element;
  unsigned char a[8], b[8];
  canary(a, call->arguments[slot].tensor.dtype, LP_RUN_HIGH);
  canary(b, call->arguments[slot].tensor.dtype, LP_RUN_LOW);
  for (size_t i = 0, element = 0; i < second->size; i += width, element++) {
    if (memcmp(first + i, a, width) != 0 || memcmp(second->data + i, b, width) != 0) continue;
    accuse(call, LP_CONDUCT_UNWRITTEN, "left element %zu of %s as it was, or added to it", element, second->name);
    return;
  }
}

/* --- layouts --- */

static bool has_steps(const lp_argument *a) { return a->used && a->tensor.rank > 0 && a->tensor.numel > 1; }

/* Every second element of the last axis, and three unused ones between rows. Returns the elements spanned. */
static int64_t stride(int64_t strides[LP_MAX_RANK], const lp_tensor *t) {
  int64_t step = 2, span = 1;
  for (int axis = t->rank - 1; axis >= 0; axis--) {
    strides[axis] = step;
    span += (t->shape[axis] - 1) * step;
    step = step * t->shape[axis] + 3;
  }
  return span;
}

/* What lies in the gaps: NaN, or an integer that is no class and no length. */
static void gap_element(unsigned char bytes[8], lp_dtype dtype) {
  static const uint64_t integers[] = {0x3fffffffffffffff, 0x3fffffff, 0x3fff, 0x7d, 0xfd, 0x01};
  if (lp_dtype_is_floating(dtype)) {
    canary(bytes, dtype, 0);
  } else {
    memcpy(bytes, &integers[dtype - LP_INT64], 8);
  }
}

static int64_t position(const lp_tensor *t, const int64_t strides[LP_MAX_RANK], int64_t index) {
  int64_t at = 0;
  for (int axis = t->rank - 1; axis >= 0; axis--) {
    at += index % t->shape[axis] * strides[axis];
    index /= t->shape[axis];
  }
  return at;
}

/* Lays the input out in call->strided; NULL when memory is out. */
static const unsigned char *spread(lp_call *call, const lp_argument *a, const int64_t strides[LP_MAX_RANK],
                                   size_t size) {
  unsigned char gap[8];
  call->strided.size = 0;
  unsigned char *bytes = lp_bytes_room(&call->strided, size);
  if (!bytes) return NULL;
  gap_element(gap, a->tensor.dtype);
  fill(bytes, size, gap, a->element);
  for (int64_t i = 0; i < a->tensor.numel; i++) {
    memcpy(bytes + (size_t)position(&a->tensor, strides, i) * a->element, a->bytes + (size_t)i * a->element,
           a->element);
  }
  return bytes;
}

/* --- a run --- */

/* What is on the stack of one run. */
typedef struct stage {
  int run;
  int64_t strides[LP_SLOT_OUTPUT][LP_MAX_RANK];
  lossproof_tensor inputs[LP_MAX_INPUTS], grad_output, outputs[LP_MAX_OUTPUTS];
} stage;

static lp_flush flush_of(int run) { return run == LP_RUN_LOW ? LP_FLUSH_LOW : LP_FLUSH_HIGH; }

static bool is_strided(const stage *s, const lp_argument *a) { return s->run == LP_RUN_STRIDED && has_steps(a); }

static void describe(lossproof_tensor *t, const lp_call *call, int slot, const int64_t *strides) {
  const lp_argument *a = &call->arguments[slot];
  *t = (lossproof_tensor){.name = a->name,
                          .dtype = (int32_t)a->tensor.dtype,
                          .device = LOSSPROOF_DEVICE_CPU,
                          .rank = a->tensor.rank,
                          .shape = a->tensor.shape,
                          .strides = strides,
                          .numel = a->tensor.numel,
                          .data = call->slots[slot].data};
}

/* The bytes that an input's slot holds in this run, and how many. */
static const unsigned char *contents(lp_call *call, stage *s, int slot, size_t *size) {
  const lp_argument *a = &call->arguments[slot];
  if (!is_strided(s, a)) {
    *size = a->size;
    return a->bytes;
  }
  *size = (size_t)stride(s->strides[slot], &a->tensor) * a->element;
  return spread(call, a, s->strides[slot], *size);
}

static bool set_input(lp_call *call, stage *s, lossproof_tensor *t, int slot) {
  const lp_argument *a = &call->arguments[slot];
  size_t size;
  const unsigned char *bytes = contents(call, s, slot, &size);
  if (!bytes || !lp_guarded_place(&call->slots[slot], a->name, a->element, size, flush_of(s->run))) return false;
  memcpy(call->slots[slot].data, bytes, size);
  describe(t, call, slot, is_strided(s, a) ? s->strides[slot] : a->dense);
  return true;
}

static bool set_output(lp_call *call, stage *s, lossproof_tensor *t, int slot) {
  const lp_argument *a = &call->arguments[slot];
  unsigned char bytes[8];
  if (!lp_guarded_place(&call->slots[slot], a->name, a->element, a->size, flush_of(s->run))) return false;
  fill(call->slots[slot].data, a->size, canary(bytes, a->tensor.dtype, s->run), a->element);
  describe(t, call, slot, a->dense);
  return true;
}

static bool set_stage(lp_call *call, stage *s) {
  bool ok = true;
  for (int i = 0; i < call->n_inputs; i++) ok = ok && set_input(call, s, &s->inputs[i], LP_SLOT_INPUT + i);
  if (call->arguments[LP_SLOT_GRAD_OUTPUT].used) ok = ok && set_input(call, s, &s->grad_output, LP_SLOT_GRAD_OUTPUT);
  for (int i = 0; i < call->n_outputs; i++) ok = ok && set_output(call, s, &s->outputs[i], LP_SLOT_OUTPUT + i);
  lp_guarded *message = &call->slots[LP_SLOT_MESSAGE];
  ok = ok && lp_guarded_place(message, "message", 1, LOSSPROOF_MESSAGE_SIZE, flush_of(s->run));
  if (ok) memset(message->data, 0, message->size);
  return ok;
}

static int run(const lp_call *call, const stage *s) {
  const lossproof_request request = {.size = sizeof request,
                                     .loss = call->loss->name,
                                     .reduction = call->reduction,
                                     .parameters = call->parameters,
                                     .n_parameters = call->loss->n_params,
                                     .n_inputs = call->n_inputs,
                                     .inputs = s->inputs,
                                     .grad_output = call->arguments[LP_SLOT_GRAD_OUTPUT].used ? &s->grad_output : NULL,
                                     .outputs = s->outputs,
                                     .n_outputs = call->n_outputs,
                                     .message = (char *)call->slots[LP_SLOT_MESSAGE].data};
  fesetenv(FE_DFL_ENV); /* what it did to rounding modes and traps, when it was loaded or called, is over */
  return call->plugin->run(&request);
}

static void check_run(lp_call *call, stage *s) {
  for (int slot = 0; slot < LP_SLOT_OUTPUT; slot++) {
    const bool given = slot < LP_SLOT_GRAD_OUTPUT ? slot < call->n_inputs : call->arguments[slot].used;
    size_t size;
    const unsigned char *bytes = given ? contents(call, s, slot, &size) : NULL;
    if (bytes) check_input(call, slot, bytes);
    if (given) check_beside(call, slot);
  }
  for (int i = 0; i < call->n_outputs; i++) check_beside(call, LP_SLOT_OUTPUT + i);
  check_beside(call, LP_SLOT_MESSAGE);
}

static void put_run(lp_call *call, lp_bytes *answer, int run_number, int code) {
  char message[LOSSPROOF_MESSAGE_SIZE + 1];
  memcpy(message, call->slots[LP_SLOT_MESSAGE].data, LOSSPROOF_MESSAGE_SIZE);
  message[LOSSPROOF_MESSAGE_SIZE] = 0;
  lp_bytes_put_number(answer, run_number);
  lp_bytes_put_number(answer, code);
  lp_bytes_put_text(answer, message);
  if (run_number == LP_RUN_HIGH) call->first_outputs = answer->size;
  for (int i = 0; i < call->n_outputs && code == LOSSPROOF_OK; i++) {
    const lp_guarded *g = &call->slots[LP_SLOT_OUTPUT + i];
    lp_bytes_put(answer, g->data, g->size);
  }
}

/* --- runs compared --- */

static bool is_nan(const unsigned char *bytes, lp_dtype dtype) {
  static const uint64_t magnitude[] = {0x7fffffffffffffff, 0x7fffffff, 0x7fff, 0x7fff};
  static const uint64_t infinity[] = {0x7ff0000000000000, 0x7f800000, 0x7c00, 0x7f80};
  uint64_t bits = 0;
  memcpy(&bits, bytes, lp_dtype_size(dtype));
  return (bits & magnitude[dtype]) > infinity[dtype];
}

/* Equal bits, or NaN both times: which NaN it is, nobody promises. */
static bool same_output(const lp_argument *a, const unsigned char *x, const unsigned char *y) {
  if (memcmp(x, y, a->size) == 0) return true;
  for (size_t i = 0; i < a->size; i += a->element) {
    if (memcmp(x + i, y + i, a->element) == 0) continue;
    if (!is_nan(x + i, a->tensor.dtype) || !is_nan(y + i, a->tensor.dtype)) return false;
  }
  return true;
}

static bool same_outputs(const lp_call *call, const unsigned char *first) {
  for (int i = 0; i < call->n_outputs; i++) {
    const lp_argument *a = &call->arguments[LP_SLOT_OUTPUT + i];
    if (!same_output(a, first, call->slots[LP_SLOT_OUTPUT + i].data)) return false;
    first += a->size;
  }
  return true;
}

static void check_all_written(lp_call *call, const unsigned char *first) {
  for (int i = 0; i < call->n_outputs; i++) {
    check_written(call, LP_SLOT_OUTPUT + i, first);
    first += call->arguments[LP_SLOT_OUTPUT + i].size;
  }
}

static bool has_strided_input(const lp_call *call) {
  bool any = false;
  for (int slot = 0; slot < LP_SLOT_OUTPUT; slot++) {
    const bool given = slot < LP_SLOT_GRAD_OUTPUT ? slot < call->n_inputs : true;
    any = any || (given && has_steps(&call->arguments[slot]));
  }
  return any;
}

static bool is_wanted(const lp_call *call, int run_number) {
  if (run_number == LP_RUN_STRIDED && !has_strided_input(call)) return false;
  return run_number == LP_RUN_HIGH || (call->runs & 1 << run_number);
}

/* True when the run has been put into the answer. */
static bool add_run(lp_call *call, lp_bytes *answer, int run_number, int code) {
  if (run_number == LP_RUN_HIGH) {
    call->first_code = code;
    put_run(call, answer, run_number, code);
    return true;
  }
  const unsigned char *first = answer->failed ? NULL : answer->at + call->first_outputs;
  const bool both = first && code == LOSSPROOF_OK && call->first_code == LOSSPROOF_OK;
  if (both && run_number == LP_RUN_LOW) check_all_written(call, first);
  if (both ? same_outputs(call, first) : code == call->first_code) return false;
  put_run(call, answer, run_number, code);
  return true;
}

bool lp_call_run(lp_call *call, lp_bytes *answer) {
  const size_t count_at = answer->size;
  int32_t n_runs = 0;
  call->conduct = LP_CONDUCT_GOOD;
  call->text[0] = 0;
  lp_bytes_put_number(answer, 0);
  for (int i = 0; i < LP_RUN_COUNT; i++) {
    stage s = {.run = i};
    if (!is_wanted(call, i)) continue;
    if (!set_stage(call, &s)) return false;
    const int code = run(call, &s);
    check_run(call, &s);
    n_runs += add_run(call, answer, i, code);
  }
  lp_bytes_put_number(answer, (int32_t)call->conduct);
  lp_bytes_put_text(answer, call->text);
  if (!answer->failed) memcpy(answer->at + count_at, &n_runs, sizeof n_runs);
  return !answer->failed;
}
