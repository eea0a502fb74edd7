/* A header: the path (LP_COLUMN_PATH_MAX bytes, zeros at its end), the kind, rank and cell (one byte each), a zero,
 * the width (4 bytes), two extents (8 bytes each), and 8 bytes that say "LPCOLUMN". Integers are little-endian. The
 * kind of a failure has the status in place of the cell, and its message follows as a column of characters would. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "golden/bits.h"
#include "golden/hdf5_isolated.h"

enum { KIND_COLUMN = 1, KIND_END, KIND_FAILURE };
enum { AT_KIND = LP_COLUMN_PATH_MAX, AT_RANK, AT_CELL, AT_WIDTH = AT_KIND + 4, AT_EXTENTS = AT_WIDTH + 4 };
enum { AT_MAGIC = AT_EXTENTS + 8 * LP_COLUMN_RANK_MAX };
_Static_assert(AT_MAGIC + 8 == LP_WIRE_HEADER, "the header's fields fill it");

static const char magic[8] = {'L', 'P', 'C', 'O', 'L', 'U', 'M', 'N'};

/* Sending. */

static bool send_bytes(int pipe, const unsigned char *bytes, size_t count) {
  while (count > 0) {
    const ssize_t n = write(pipe, bytes, count);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    count -= (size_t)n;
  }
  return true;
}

static bool send_header(int pipe, const lp_column *column, int kind, int cell) {
  unsigned char header[LP_WIRE_HEADER] = {0};
  memcpy(header, column->path, LP_COLUMN_PATH_MAX);
  header[AT_KIND] = (unsigned char)kind;
  header[AT_RANK] = (unsigned char)column->rank;
  header[AT_CELL] = (unsigned char)cell;
  lp_store_le(header + AT_WIDTH, 4, column->width);
  for (int i = 0; i < LP_COLUMN_RANK_MAX; i++) lp_store_le(header + AT_EXTENTS + 8 * i, 8, column->extent[i]);
  memcpy(header + AT_MAGIC, magic, sizeof magic);
  return send_bytes(pipe, header, sizeof header);
}

static bool send_column(int pipe, const lp_column *column) {
  return send_header(pipe, column, KIND_COLUMN, (int)column->cell) &&
         send_bytes(pipe, column->bytes, column->count * column->width);
}

static bool send_failure(int pipe, lp_status status, const char *message) {
  const lp_column note = {.rank = 1, .width = 1, .extent = {strlen(message)}};
  return send_header(pipe, &note, KIND_FAILURE, (int)status) &&
         send_bytes(pipe, (const unsigned char *)message, strlen(message));
}

bool lp_wire_send(int pipe, const lp_columns *columns, lp_status status, const lp_error *error) {
  if (status != LP_OK) return send_failure(pipe, status, error->message);
  for (int i = 0; i < columns->count; i++) {
    if (!send_column(pipe, &columns->items[i])) return false;
  }
  const lp_column none = {.rank = 0};
  return send_header(pipe, &none, KIND_END, 0);
}

/* Receiving. */

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Waits until the pipe has something to say, its end included. */
static bool wait_for(int pipe, double deadline) {
  for (;;) {
    const double left = deadline - now();
    if (left <= 0.0) return false;
    struct pollfd watched = {.fd = pipe, .events = POLLIN};
    const int n = poll(&watched, 1, left > 1.0 ? 1000 : (int)(left * 1000.0) + 1);
    if (n > 0) return true;
    if (n < 0 && errno != EINTR) return false;
  }
}

static bool receive_bytes(unsigned char *bytes, size_t count, lp_wire_end *end, int pipe, double deadline) {
  while (count > 0) {
    if (!wait_for(pipe, deadline)) {
      end->late = true;
      return false;
    }
    const ssize_t n = read(pipe, bytes, count);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      end->early = true;
      return false;
    }
    bytes += n;
    count -= (size_t)n;
  }
  return true;
}

static lp_status ended(lp_error *error) { return lp_fail(error, LP_INVALID, "the reader of the file ended early"); }

static lp_status receive_failure(const lp_column *layout, int status, lp_wire_end *end, int pipe, double deadline,
                                 lp_error *error) {
  unsigned char message[LP_MESSAGE_MAX] = {0};
  const size_t length = layout->extent[0] < sizeof message ? (size_t)layout->extent[0] : sizeof message - 1;
  if (!receive_bytes(message, length, end, pipe, deadline)) return ended(error);
  const bool known = status == LP_IO || status == LP_NO_MEMORY || status == LP_INTERNAL;
  return lp_fail(error, known ? (lp_status)status : LP_INVALID, "%s", (const char *)message);
}

static lp_status receive_column(lp_columns *columns, const lp_column *layout, lp_wire_end *end, int pipe,
                                double deadline, lp_error *error) {
  lp_column *column;
  LP_TRY(lp_columns_add(&column, columns, layout, error));
  return receive_bytes(column->bytes, column->count * column->width, end, pipe, deadline) ? LP_OK : ended(error);
}

static void parse_header(lp_column *layout, const unsigned char header[LP_WIRE_HEADER]) {
  *layout = (lp_column){.rank = header[AT_RANK], .cell = (lp_cell)header[AT_CELL]};
  memcpy(layout->path, header, LP_COLUMN_PATH_MAX);
  layout->width = (size_t)lp_load_le(header + AT_WIDTH, 4);
  for (int i = 0; i < LP_COLUMN_RANK_MAX; i++) layout->extent[i] = lp_load_le(header + AT_EXTENTS + 8 * i, 8);
}

/* *done: that was the end. */
static lp_status receive_item(bool *done, lp_columns *columns, lp_wire_end *end, int pipe, double deadline,
                              lp_error *error) {
  unsigned char header[LP_WIRE_HEADER];
  lp_column layout;
  if (!receive_bytes(header, sizeof header, end, pipe, deadline)) return ended(error);
  if (memcmp(header + AT_MAGIC, magic, sizeof magic) != 0) {
    return lp_fail(error, LP_INVALID, "the reader of the file sent something else than columns");
  }
  parse_header(&layout, header);
  switch (header[AT_KIND]) {
    case KIND_COLUMN:
      return receive_column(columns, &layout, end, pipe, deadline, error);
    case KIND_END:
      *done = true;
      return LP_OK;
    default:
      return receive_failure(&layout, header[AT_CELL], end, pipe, deadline, error);
  }
}

/* After the last column the other side must end. */
static lp_status receive_silence(lp_wire_end *end, int pipe, double deadline, lp_error *error) {
  unsigned char extra;
  if (receive_bytes(&extra, 1, end, pipe, deadline)) {
    return lp_fail(error, LP_INVALID, "the reader of the file sent more than columns");
  }
  end->early = false;
  return end->late ? ended(error) : LP_OK;
}

lp_status lp_wire_receive(lp_columns *columns, lp_wire_end *end, int pipe, double seconds, lp_error *error) {
  const double deadline = now() + seconds;
  *end = (lp_wire_end){0};
  bool done = false;
  while (!done) LP_TRY(receive_item(&done, columns, end, pipe, deadline, error));
  return receive_silence(end, pipe, deadline, error);
}
