#include "golden/columns_schema.h"

#include <stdio.h>
#include <string.h>

static const char *expect_name(int value) {
  static const char *const names[] = {"accept", "reject", "either"};
  return names[value];
}

static const char *dtype_name(int value) { return lp_dtype_name((lp_dtype)value); }

static const char *outcome_name(int value) { return lp_outcome_kind_name((lp_outcome_kind)value); }

const lp_text_column lp_text_columns[] = {
    {"cases/id", LP_HAS_EITHER, offsetof(lp_suite_entry, c.id)},
    {"cases/hunts", LP_HAS_CASES, offsetof(lp_suite_entry, c.hunts)},
    {"cases/tags", LP_HAS_CASES, offsetof(lp_suite_entry, c.tags)},
    {"cases/reduction", LP_HAS_CASES, offsetof(lp_suite_entry, c.reduction_word)},
    {"outcomes/message", LP_HAS_OUTCOMES, offsetof(lp_suite_entry, outcome.message)},
};
const int lp_n_text_columns = sizeof lp_text_columns / sizeof lp_text_columns[0];

const lp_word_column lp_word_columns[] = {
    {"cases/expect", LP_HAS_CASES, offsetof(lp_suite_entry, c.expect), expect_name, LP_EXPECT_EITHER + 1},
    {"cases/dtype", LP_HAS_CASES, offsetof(lp_suite_entry, c.dtype), dtype_name, LP_BFLOAT16 + 1},
    {"outcomes/kind", LP_HAS_OUTCOMES, offsetof(lp_suite_entry, outcome.kind), outcome_name, LP_OUTCOME_TIMED_OUT + 1},
};
const int lp_n_word_columns = sizeof lp_word_columns / sizeof lp_word_columns[0];

const lp_origin_column lp_origin_columns[] = {
    {"@producer", offsetof(lp_suite_origin, producer)},
    {"@producer_version", offsetof(lp_suite_origin, producer_version)},
    {"@exporter_version", offsetof(lp_suite_origin, exporter_version)},
    {"@note", offsetof(lp_suite_origin, note)},
};
const int lp_n_origin_columns = sizeof lp_origin_columns / sizeof lp_origin_columns[0];

const lp_pool lp_pools[LP_POOL_COUNT] = {
    {"float64", LP_CELL_F64},  {"float32", LP_CELL_F32}, {"float16", LP_CELL_F16},
    {"bfloat16", LP_CELL_U16}, {"int64", LP_CELL_I64},
};

static const char *const kinds[] = {"", "questions", "answers", "fixtures"};

const char *lp_kind_name(unsigned halves) { return kinds[halves]; }

unsigned lp_kind_from_name(const char *name) {
  unsigned halves = LP_HAS_EITHER;
  while (halves > 0 && strcmp(kinds[halves], name) != 0) halves--;
  return halves;
}

static lp_slot *add_slot(lp_slot *slot, lp_slot_role role, int input) {
  slot->role = role;
  slot->input = input;
  slot->halves = role == LP_SLOT_OUTPUT ? LP_HAS_OUTCOMES : LP_HAS_CASES;
  return slot;
}

int lp_schema_slots(lp_slot slots[LP_MAX_SLOTS], const lp_loss *loss) {
  char name[LP_NAME_MAX];
  int n = 0;
  for (int i = 0; i < loss->n_inputs; i++) {
    lp_slot *slot = add_slot(&slots[n++], LP_SLOT_INPUT, i);
    snprintf(slot->path, sizeof slot->path, "inputs/%s", loss->inputs[i].name);
  }
  lp_slot *slot = add_slot(&slots[n++], LP_SLOT_GRAD_OUTPUT, 0);
  snprintf(slot->path, sizeof slot->path, "grad_output");
  for (int i = LP_OUTPUT_LOSS; i < loss->n_inputs; i++) {
    slot = add_slot(&slots[n++], LP_SLOT_OUTPUT, i);
    snprintf(slot->path, sizeof slot->path, "outcomes/%s", lp_output_name(name, loss, i));
  }
  return n;
}

const lp_tensor *lp_slot_tensor(const lp_slot *slot, const lp_suite_entry *entry) {
  if (slot->role == LP_SLOT_INPUT) return entry->c.has_input[slot->input] ? &entry->c.inputs[slot->input] : NULL;
  if (slot->role == LP_SLOT_GRAD_OUTPUT) return entry->c.has_grad_output ? &entry->c.grad_output : NULL;
  const lp_output *output = lp_outcome_find(&entry->outcome, slot->input);
  return output ? &output->tensor : NULL;
}

lp_tensor *lp_slot_place(const lp_slot *slot, lp_suite_entry *entry) {
  if (slot->role == LP_SLOT_INPUT) {
    entry->c.has_input[slot->input] = true;
    return &entry->c.inputs[slot->input];
  }
  if (slot->role == LP_SLOT_GRAD_OUTPUT) {
    entry->c.has_grad_output = true;
    return &entry->c.grad_output;
  }
  lp_output *output = &entry->outcome.outputs[entry->outcome.n_outputs++];
  output->input = slot->input;
  return &output->tensor;
}

int lp_pool_of(lp_dtype dtype) { return dtype < LP_INT64 ? (int)dtype : LP_POOL_COUNT - 1; }

lp_cell lp_param_cell(lp_param_type type) { return type == LP_PARAM_BOOL ? LP_CELL_U8 : LP_CELL_F64; }

/* Bytes of the sequence that begins here, or 0. The second byte alone decides overlong forms, surrogates and the
 * end of Unicode (RFC 3629, section 4). */
static size_t sequence_length(const unsigned char *text, size_t left) {
  static const struct {
    unsigned char first_low, first_high, second_low, second_high;
    size_t length;
  } forms[] = {
      {0x01, 0x7f, 0x00, 0xff, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
      {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
      {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
  };
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    if (text[0] < forms[i].first_low || text[0] > forms[i].first_high || forms[i].length > left) continue;
    if (forms[i].length == 1) return 1;
    if (text[1] < forms[i].second_low || text[1] > forms[i].second_high) return 0;
    for (size_t k = 2; k < forms[i].length; k++) {
      if ((text[k] & 0xc0) != 0x80) return 0;
    }
    return forms[i].length;
  }
  return 0;
}

bool lp_text_is_clean(const unsigned char *text, size_t length) {
  for (size_t i = 0; i < length;) {
    const size_t step = sequence_length(text + i, length - i);
    if (step == 0) return false;
    i += step;
  }
  return true;
}
