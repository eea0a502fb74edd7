/* The table of columns: which paths a file of a loss has, of which cells, and where each lives in a suite.
 * It drives the packer and the unpacker alike; golden/README.md says the same to people. */
#ifndef LP_GOLDEN_COLUMNS_SCHEMA_H
#define LP_GOLDEN_COLUMNS_SCHEMA_H

#include "golden/columns.h"
#include "golden/suite.h"

enum { LP_FORMAT_VERSION = 1, LP_SHAPE_WIDTH = LP_MAX_RANK };

/* Which halves of a suite's entries a file holds. */
enum { LP_HAS_CASES = 1, LP_HAS_OUTCOMES = 2, LP_HAS_EITHER = 3 };

/* "questions" (cases), "answers" (ids and outcomes), "fixtures" (both). */
const char *lp_kind_name(unsigned halves);
unsigned lp_kind_from_name(const char *name); /* 0 when there is none of this name */

/* Text of any length: PATH (u1, the characters of all cases) and PATH_offset (i8, n + 1 of them). */
typedef struct lp_text_column {
  const char *path;
  unsigned halves; /* it is in files that have one of these */
  size_t offset;   /* of a `const char *` in lp_suite_entry */
} lp_text_column;

/* One word of a closed list for each case: PATH (fixed string, n of them). */
typedef struct lp_word_column {
  const char *path;
  unsigned halves;
  size_t offset; /* of an enumeration in lp_suite_entry */
  const char *(*name)(int value);
  int n_names;
} lp_word_column;

/* A root attribute that is text: where it lives in lp_suite_origin. */
typedef struct lp_origin_column {
  const char *path;
  size_t offset;
} lp_origin_column;

extern const lp_text_column lp_text_columns[];
extern const int lp_n_text_columns;
extern const lp_word_column lp_word_columns[];
extern const int lp_n_word_columns;
extern const lp_origin_column lp_origin_columns[];
extern const int lp_n_origin_columns;

/* A tensor that every case or outcome may have: PATH/dtype, PATH/rank, PATH/shape, and a pool for each storage class:
 * PATH/float64 with PATH/float64_offset ... Left out altogether when no case has it. */
typedef enum lp_slot_role { LP_SLOT_INPUT, LP_SLOT_GRAD_OUTPUT, LP_SLOT_OUTPUT } lp_slot_role;

typedef struct lp_slot {
  char path[LP_NAME_MAX + 16];
  unsigned halves;
  lp_slot_role role;
  int input; /* index, or LP_OUTPUT_LOSS */
} lp_slot;

enum { LP_MAX_SLOTS = LP_MAX_INPUTS + 1 + LP_MAX_OUTPUTS };

/* In the order of an outcome's outputs. Returns how many. */
int lp_schema_slots(lp_slot slots[LP_MAX_SLOTS], const lp_loss *loss);

/* The tensor of an entry in this slot, or NULL. */
const lp_tensor *lp_slot_tensor(const lp_slot *slot, const lp_suite_entry *entry);

/* Makes room for it in the entry. The outputs of an entry must be placed in the order of the slots. */
lp_tensor *lp_slot_place(const lp_slot *slot, lp_suite_entry *entry);

/* Storage classes: where the elements of a dtype are kept. */
typedef struct lp_pool {
  const char *name; /* "float64" ... "int64" */
  lp_cell cell;
} lp_pool;

enum { LP_POOL_COUNT = 5 };
extern const lp_pool lp_pools[LP_POOL_COUNT];
int lp_pool_of(lp_dtype dtype);

/* A parameter is a column "params/NAME": u1 for a bool, f8 for all others, integers too, since a case may ask what
 * PyTorch says of p = 1.5. */
lp_cell lp_param_cell(lp_param_type type);

/* Well-formed UTF-8 (RFC 3629) without a zero byte. */
bool lp_text_is_clean(const unsigned char *text, size_t length);

#endif
