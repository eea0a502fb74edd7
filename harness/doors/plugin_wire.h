/* What the two halves of the plugin door say to each other. Both are the same program on the same machine: numbers are
 * in its byte order, losses are indices into the registry, tensors are the bytes that a plugin sees (little-endian).
 *
 * The worker's half shares its memory with a plugin. The other half trusts nothing that it says.
 *
 *   hello     MAGIC HELLO
 *   welcome   MAGIC status(lp_status) text: why it cannot be loaded; name version has_manifest manifest
 *   question  MAGIC number flags loss reduction(text) parameters(double each) n_inputs (index tensor)...
 *             has_grad_output (tensor) n_outputs (input-or-minus-one tensor without data)...
 *   answer    MAGIC number ANSWER n_runs (run code message outputs' bytes)... conduct text
 *   fault     MAGIC number FAULT text                  from the signal handler, before the worker ends
 *   tensor    dtype rank extents(int64 each) data
 * Numbers are 32 bits wide where nothing else is said; a text is its length and its bytes. */
#ifndef LP_HARNESS_DOORS_PLUGIN_WIRE_H
#define LP_HARNESS_DOORS_PLUGIN_WIRE_H

#include "reference/case.h"

#define LP_PLUGIN_VERB "--lossproof-plugin-worker" /* PATH */
#define LP_PLUGIN_SYMBOL "lossproof_plugin"

enum {
  LP_PLUGIN_MAGIC = 0x6c70706c,
  LP_PLUGIN_HELLO = 1, /* version of the wire */
  LP_PLUGIN_HEARS_ON = 3,
  LP_PLUGIN_ANSWERS_ON = 4,
  LP_PLUGIN_HEADER = 8, /* the length that frames a message */
  LP_PLUGIN_TEXT_MAX = 400,
  LP_PLUGIN_MANIFEST_MAX = 1 << 20
};

enum { LP_PLUGIN_ANSWER = 1, LP_PLUGIN_FAULT = 2 };

/* The runs of one question; its flags hold bit (1 << run) of those wanted. */
enum { LP_RUN_HIGH = 0, LP_RUN_LOW = 1, LP_RUN_STRIDED = 2, LP_RUN_COUNT = 3 };

/* Bytes that grow. */
typedef struct lp_bytes {
  unsigned char *at;
  size_t size, capacity;
  bool failed; /* memory is out; everything after it is ignored */
} lp_bytes;

void lp_bytes_put(lp_bytes *b, const void *from, size_t size);
void lp_bytes_put_number(lp_bytes *b, int32_t number);
void lp_bytes_put_text(lp_bytes *b, const char *text);  /* cut at LP_PLUGIN_MANIFEST_MAX */
unsigned char *lp_bytes_room(lp_bytes *b, size_t size); /* uninitialized; NULL when memory is out */
void lp_bytes_free(lp_bytes *b);

/* A frame: begin it, put the message, end it. */
size_t lp_bytes_begin_frame(lp_bytes *b);
void lp_bytes_end_frame(lp_bytes *b, size_t begin);

/* Bytes that are read. */
typedef struct lp_reading {
  const unsigned char *at;
  size_t left;
  bool failed; /* fewer bytes than expected */
} lp_reading;

const unsigned char *lp_read_bytes(lp_reading *r, size_t size); /* NULL, and failed, past the end */
int32_t lp_read_number(lp_reading *r);                          /* 0 past the end */
double lp_read_double(lp_reading *r);
/* Into text[capacity], cut. */
void lp_read_text(lp_reading *r, char *text, size_t capacity);
/* dtype, rank and extents, checked; no data. */
void lp_read_layout(lp_reading *r, lp_tensor *tensor);
void lp_bytes_put_layout(lp_bytes *b, const lp_tensor *tensor);

/* Replaces what is not printable ASCII. */
void lp_make_printable(char *text);

#endif
