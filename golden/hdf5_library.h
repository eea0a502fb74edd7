/* libhdf5 as this room uses it: quiet, with its types and its own words for what went wrong. */
#ifndef LP_GOLDEN_HDF5_LIBRARY_H
#define LP_GOLDEN_HDF5_LIBRARY_H

/* Newer libraries then offer the functions of 1.10 under their names. */
#define H5_USE_110_API
#include <hdf5.h>

#include "golden/columns.h"

/* While it lasts, libhdf5 prints nothing and loads no filter from a shared object that a file names. */
typedef struct lp_hdf5_session {
  H5E_auto2_t print;
  void *print_data;
  unsigned plugins;
} lp_hdf5_session;

void lp_hdf5_begin(lp_hdf5_session *session);
void lp_hdf5_end(const lp_hdf5_session *session);

/* Fails with "PATH: WHAT (libhdf5: its innermost complaint)"; without "PATH: " when path is NULL. Call it directly
 * after the call to libhdf5 that failed. */
lp_status lp_hdf5_complain(lp_error *error, lp_status status, const char *path, const char *what);

/* The type of a cell in a file, little-endian; the caller closes it. Negative when libhdf5 fails. */
hid_t lp_hdf5_type(lp_cell cell, size_t width);

/* lp_hdf5_read without cases: a file's datasets and root attributes as columns, the seal not yet checked. The
 * message does not name the file. */
lp_status lp_hdf5_read_columns(lp_columns *columns, const char *path, lp_error *error) LP_MUST_USE;

/* The columns as a file. The message does not name it. */
lp_status lp_hdf5_write_columns(const lp_columns *columns, const char *path, lp_error *error) LP_MUST_USE;

#endif
