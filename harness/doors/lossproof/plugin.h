/* lossproof/plugin.h: how an implementation of a loss is put before lossproof as a shared object.
 *
 * A plugin exports one function, lossproof_plugin(), which returns a descriptor. lossproof loads the object in a
 * process of its own, asks for the descriptor once, and calls run() once for every question:
 *
 *     #include <lossproof/plugin.h>
 *
 *     static int run(const lossproof_request *q) { ...; return LOSSPROOF_OK; }
 *     static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "mine", "1.0", manifest, run};
 *     const lossproof_descriptor *lossproof_plugin(void) { return &me; }
 *
 *     cc -shared -fPIC $(pkg-config --cflags lossproof) mine.c -o mine.so && lossproof certify plugin:./mine.so
 *
 * C99 and C++98, nothing but the standard headers. All memory belongs to lossproof and lives until run() returns.
 * Nothing else is promised about it: a buffer is aligned to its element only, and what stands before or after it may
 * not be touched. Inputs may not be written. Every element of every output must be. */
#ifndef LOSSPROOF_PLUGIN_H
#define LOSSPROOF_PLUGIN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changes when a plugin that was built for the old one could not be run any more. New members come at the end of a
 * struct, behind the size that it begins with. */
#define LOSSPROOF_PLUGIN_ABI 1u

enum lossproof_dtype {
  LOSSPROOF_FLOAT64 = 0,  /* double */
  LOSSPROOF_FLOAT32 = 1,  /* float */
  LOSSPROOF_FLOAT16 = 2,  /* uint16_t: IEEE 754 binary16 */
  LOSSPROOF_BFLOAT16 = 3, /* uint16_t: the upper half of a binary32 */
  LOSSPROOF_INT64 = 4,
  LOSSPROOF_INT32 = 5,
  LOSSPROOF_INT16 = 6,
  LOSSPROOF_INT8 = 7,
  LOSSPROOF_UINT8 = 8,
  LOSSPROOF_BOOL = 9 /* uint8_t: 0 or 1 */
};

/* What run() returns. */
enum lossproof_answer {
  LOSSPROOF_OK = 0,         /* every output is written */
  LOSSPROOF_REJECTED = 1,   /* the question is not a valid one (PyTorch would raise); say why in q->message */
  LOSSPROOF_UNSUPPORTED = 2 /* valid, but outside what the manifest declares */
};

enum { LOSSPROOF_DEVICE_CPU = 0 };

typedef struct lossproof_tensor {
  const char *name;       /* of an input "target"; of an output "loss" or "grad/input" */
  int32_t dtype;          /* enum lossproof_dtype */
  int32_t device;         /* LOSSPROOF_DEVICE_CPU */
  int32_t rank;           /* 0: a single number */
  int32_t reserved;       /* 0 */
  const int64_t *shape;   /* rank extents; any may be 0 */
  const int64_t *strides; /* rank steps in elements, row-major and dense unless the manifest allows "strided" inputs;
                             outputs are always dense */
  int64_t numel;          /* product of the shape */
  void *data;             /* element 0; never NULL, not even when numel is 0 */
} lossproof_tensor;

typedef struct lossproof_parameter {
  const char *name; /* "beta"; PyTorch's name */
  double value;     /* bool: 0 or 1 */
} lossproof_parameter;

enum { LOSSPROOF_MESSAGE_SIZE = 256 };

typedef struct lossproof_request {
  size_t size;           /* of this struct, as the program that calls knows it */
  const char *loss;      /* "smooth_l1": torch.nn.functional's name without _loss, as `lossproof list` prints it */
  const char *reduction; /* "none", "mean", "sum", "batchmean"; or a word that must be rejected */
  const lossproof_parameter *parameters; /* all that the loss has, whether at their defaults or not */
  int32_t n_parameters;
  int32_t n_inputs;
  const lossproof_tensor *inputs;      /* those given, in the order of `lossproof list LOSS` */
  const lossproof_tensor *grad_output; /* the upstream gradient, in the shape of the loss; NULL: ones */
  const lossproof_tensor *outputs;     /* those wanted: "loss" first, then "grad/NAME" in the order of the inputs */
  int32_t n_outputs;
  int32_t reserved;
  char *message; /* LOSSPROOF_MESSAGE_SIZE bytes, empty: why it is rejected or unsupported */
} lossproof_request;

typedef struct lossproof_descriptor {
  size_t size;          /* sizeof(lossproof_descriptor) */
  uint32_t abi;         /* LOSSPROOF_PLUGIN_ABI */
  const char *name;     /* of the implementation; printed, and written into certificates */
  const char *version;  /* likewise */
  const char *manifest; /* what it can do, in JSON; NULL: every loss, in float64 */
  int (*run)(const lossproof_request *request);
} lossproof_descriptor;

#if defined(_WIN32)
#define LOSSPROOF_EXPORT __declspec(dllexport)
#elif defined(__GNUC__)
#define LOSSPROOF_EXPORT __attribute__((visibility("default")))
#else
#define LOSSPROOF_EXPORT
#endif

/* What a plugin defines. Called once, before any other thing. */
LOSSPROOF_EXPORT const lossproof_descriptor *lossproof_plugin(void);

/* Conveniences. */

/* The input of this name, or NULL when it was not given. */
static inline const lossproof_tensor *lossproof_input(const lossproof_request *q, const char *name) {
  int32_t i;
  for (i = 0; i < q->n_inputs; i++) {
    if (strcmp(q->inputs[i].name, name) == 0) return &q->inputs[i];
  }
  return NULL;
}

/* The output of this name, or NULL when it is not wanted. */
static inline const lossproof_tensor *lossproof_output(const lossproof_request *q, const char *name) {
  int32_t i;
  for (i = 0; i < q->n_outputs; i++) {
    if (strcmp(q->outputs[i].name, name) == 0) return &q->outputs[i];
  }
  return NULL;
}

/* The parameter of this name, or `otherwise` when the loss has none. */
static inline double lossproof_parameter_or(const lossproof_request *q, const char *name, double otherwise) {
  int32_t i;
  for (i = 0; i < q->n_parameters; i++) {
    if (strcmp(q->parameters[i].name, name) == 0) return q->parameters[i].value;
  }
  return otherwise;
}

/* Fills in q->message and returns LOSSPROOF_REJECTED. */
static inline int lossproof_reject(const lossproof_request *q, const char *why) {
  size_t i;
  for (i = 0; why[i] != 0 && i + 1 < LOSSPROOF_MESSAGE_SIZE; i++) q->message[i] = why[i];
  q->message[i] = 0;
  return LOSSPROOF_REJECTED;
}

#ifdef __cplusplus
}
#endif

#endif
