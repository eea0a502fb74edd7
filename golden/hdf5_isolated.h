/* The two ends of the pipe between lp_hdf5_read_isolated and its child. */
#ifndef LP_GOLDEN_HDF5_ISOLATED_H
#define LP_GOLDEN_HDF5_ISOLATED_H

#include "golden/columns.h"

typedef struct lp_reader_limits {
  int seconds;   /* of wall-clock time, and of processor time */
  int mebibytes; /* of address space; not under AddressSanitizer, which reserves terabytes */
} lp_reader_limits;

#define LP_READER_LIMITS ((lp_reader_limits){.seconds = 120, .mebibytes = 6144})

/* lp_hdf5_read_columns in a child process. */
lp_status lp_hdf5_fetch_columns(lp_columns *columns, const char *path, lp_reader_limits limits,
                                lp_error *error) LP_MUST_USE;

/* The wire: a header of LP_WIRE_HEADER bytes before each column's bytes, an empty path after the last one, or a
 * failure in place of a column. */
enum { LP_WIRE_HEADER = LP_COLUMN_PATH_MAX + 32 };

/* Sends the columns, or, when status is not LP_OK, the failure. False when the pipe is broken. */
bool lp_wire_send(int pipe, const lp_columns *columns, lp_status status, const lp_error *error);

/* Receives into empty columns what lp_wire_send sent, in at most so many seconds.
 * *ended_early: the pipe was closed, or the time was up (*late), before the end of the message. A failure that was
 * sent comes back as it was. Nothing received is trusted: LP_INVALID for every impossible header. */
typedef struct lp_wire_end {
  bool early, late;
} lp_wire_end;

lp_status lp_wire_receive(lp_columns *columns, lp_wire_end *end, int pipe, double seconds, lp_error *error) LP_MUST_USE;

#endif
