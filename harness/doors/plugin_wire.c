#include "harness/doors/plugin_wire.h"

#include <stdlib.h>
#include <string.h>

static bool grow(lp_bytes *b, size_t size) {
  const size_t least = b->size + size;
  if (least <= b->capacity) return true;
  const size_t capacity = least + least / 2 + 256;
  unsigned char *grown = realloc(b->at, capacity);
  if (!grown) return false;
  b->at = grown;
  b->capacity = capacity;
  return true;
}

unsigned char *lp_bytes_room(lp_bytes *b, size_t size) {
  if (b->failed || !grow(b, size)) {
    b->failed = true;
    return NULL;
  }
  unsigned char *room = b->at + b->size;
  b->size += size;
  return room;
}

void lp_bytes_put(lp_bytes *b, const void *from, size_t size) {
  unsigned char *room = lp_bytes_room(b, size);
  if (room && size > 0) memcpy(room, from, size);
}

void lp_bytes_put_number(lp_bytes *b, int32_t number) { lp_bytes_put(b, &number, sizeof number); }

void lp_bytes_put_text(lp_bytes *b, const char *text) {
  const size_t n = strnlen(text, LP_PLUGIN_MANIFEST_MAX);
  lp_bytes_put_number(b, (int32_t)n);
  lp_bytes_put(b, text, n);
}

void lp_bytes_put_layout(lp_bytes *b, const lp_tensor *t) {
  lp_bytes_put_number(b, (int32_t)t->dtype);
  lp_bytes_put_number(b, t->rank);
  lp_bytes_put(b, t->shape, (size_t)t->rank * sizeof t->shape[0]);
}

void lp_bytes_free(lp_bytes *b) {
  free(b->at);
  *b = (lp_bytes){.at = NULL};
}

size_t lp_bytes_begin_frame(lp_bytes *b) {
  const size_t begin = b->size;
  (void)lp_bytes_room(b, LP_PLUGIN_HEADER);
  lp_bytes_put_number(b, LP_PLUGIN_MAGIC);
  return begin;
}

void lp_bytes_end_frame(lp_bytes *b, size_t begin) {
  if (b->failed) return;
  const uint64_t size = b->size - begin - LP_PLUGIN_HEADER;
  for (int i = 0; i < LP_PLUGIN_HEADER; i++) b->at[begin + (size_t)i] = (unsigned char)(size >> (8 * i));
}

const unsigned char *lp_read_bytes(lp_reading *r, size_t size) {
  if (r->failed || size > r->left) {
    r->failed = true;
    return NULL;
  }
  const unsigned char *bytes = r->at;
  r->at += size;
  r->left -= size;
  return bytes;
}

int32_t lp_read_number(lp_reading *r) {
  int32_t number = 0;
  const unsigned char *bytes = lp_read_bytes(r, sizeof number);
  if (bytes) memcpy(&number, bytes, sizeof number);
  return number;
}

double lp_read_double(lp_reading *r) {
  double number = 0;
  const unsigned char *bytes = lp_read_bytes(r, sizeof number);
  if (bytes) memcpy(&number, bytes, sizeof number);
  return number;
}

void lp_read_text(lp_reading *r, char *text, size_t capacity) {
  const int32_t n = lp_read_number(r);
  text[0] = 0;
  if (n < 0) r->failed = true;
  const unsigned char *bytes = lp_read_bytes(r, n < 0 ? 0 : (size_t)n);
  if (!bytes) return;
  const size_t kept = (size_t)n < capacity ? (size_t)n : capacity - 1;
  memcpy(text, bytes, kept);
  text[kept] = 0;
}

void lp_read_layout(lp_reading *r, lp_tensor *tensor) {
  const int32_t dtype = lp_read_number(r), rank = lp_read_number(r);
  int64_t shape[LP_MAX_RANK];
  *tensor = (lp_tensor){.numel = 0};
  if (dtype < 0 || dtype >= LP_DTYPE_COUNT || rank < 0 || rank > LP_MAX_RANK) r->failed = true;
  const unsigned char *extents = lp_read_bytes(r, r->failed ? 0 : (size_t)rank * sizeof shape[0]);
  if (!extents) return;
  memcpy(shape, extents, (size_t)rank * sizeof shape[0]);
  if (lp_tensor_init(tensor, (lp_dtype)dtype, rank, shape, NULL) != LP_OK) r->failed = true;
}

void lp_make_printable(char *text) {
  for (char *p = text; *p; p++) {
    if (*p < ' ' || *p > '~') *p = *p == '\n' || *p == '\t' ? ' ' : '?';
  }
}
