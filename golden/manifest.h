/* What a candidate declares that it can do: its capability manifest. golden/README.md documents the JSON.
 *
 * A declared case that the candidate refuses is a fail; a case outside the declaration is not put to it, counts as
 * unsupported, and is listed. What the manifest leaves out is not restricted, except dtypes (float64 alone) and layouts
 * (contiguous alone). */
#ifndef LP_GOLDEN_MANIFEST_H
#define LP_GOLDEN_MANIFEST_H

#include "golden/arena.h"

/* The gradient of ctc with respect to log_probs: exp(log_probs) - posterior (through log_softmax, as PyTorch), or the
 * true derivative -posterior. */
typedef enum lp_ctc_gradient { LP_CTC_LOG_SOFTMAX = 0, LP_CTC_POSTERIOR } lp_ctc_gradient;

/* A closed interval, or a list of values, that a parameter may take. */
typedef struct lp_parameter_range {
  bool restricted;
  double lo, hi;        /* when n_values is 0 */
  const double *values; /* in the arena */
  int n_values;
} lp_parameter_range;

/* What is declared of one loss. */
typedef struct lp_capability {
  const lp_loss *loss;
  bool supported;
  unsigned dtypes;                     /* bit (1u << lp_dtype), of every floating tensor */
  int min_rank, max_rank;              /* of every input */
  unsigned reductions;                 /* LP_CAN_... bits */
  unsigned optional_inputs, gradients; /* bit (1u << input): may be given; is differentiated */
  bool broadcasting, empty, mixed_dtypes, grad_output;
  bool strided;        /* inputs may have any strides; else they are row-major and dense */
  bool special_values; /* infinities and NaN among the inputs */
  bool validates;      /* rejects what PyTorch rejects */
  bool deterministic;  /* equal questions get equal bits */
  bool flushes_subnormals;
  lp_ctc_gradient ctc_gradient;
  lp_parameter_range params[LP_MAX_PARAMS];
} lp_capability;

typedef struct lp_manifest {
  const char *name, *version; /* of the candidate; never NULL */
  const char *text;           /* the JSON as it was given; "" when there was none */
  lp_capability *losses;      /* one for every loss of the registry, in its order; in the arena */
} lp_manifest;

/* Every loss, as far as PyTorch goes, in these dtypes (bits). Texts are copied into the arena. LP_NO_MEMORY. */
lp_status lp_manifest_init(lp_manifest *manifest, lp_arena *arena, const char *name, const char *version,
                           unsigned dtypes, lp_error *error) LP_MUST_USE;

/* Reads the JSON object `text` over an initialized manifest, and keeps it as manifest->text. LP_INVALID: not JSON, an
 * unknown key, a value of another type or outside its domain; the message names the key ("manifest.losses.l1.dtypes[1]:
 * expected float64, float32, float16 or bfloat16, got "double""), and the manifest is not to be used. */
lp_status lp_manifest_read(lp_manifest *manifest, lp_arena *arena, const char *text, size_t length,
                           lp_error *error) LP_MUST_USE;

const lp_capability *lp_manifest_find(const lp_manifest *manifest, const lp_loss *loss);

/* Is the candidate asked for this output (LP_OUTPUT_LOSS: always; an input: its gradient), where the case has it? */
bool lp_manifest_wants(const lp_manifest *manifest, const lp_loss *loss, int input);

/* Does the declaration cover the case? If not, why[capacity] says in a few words what it does not ("dtype float16",
 * "rank 5 of input"): equal reasons have equal texts. */
bool lp_manifest_covers(const lp_manifest *manifest, const lp_case *c, char *why, size_t capacity);

#endif
