/* Cases and outcomes as HDF5 columns, one loss a file. golden/README.md documents every dataset. */
#ifndef LP_GOLDEN_HDF5_H
#define LP_GOLDEN_HDF5_H

#include "golden/suite.h"

/* Appends the file's cases and outcomes to the suite; sets suite->origin from its attributes.
 * Everything is verified before use: format name and version, closed set of datasets, dtypes and lengths, offsets that
 * ascend and end at the data, checksums, and the SHA-256 of the content.
 * LP_IO: cannot be opened. LP_INVALID: truncated, corrupt, foreign, oversized, inconsistent; the message names the
 * file and the dataset. On failure the suite is as it was before the call. */
lp_status lp_hdf5_read(lp_suite *suite, const char *path, lp_error *error) LP_MUST_USE;

/* The same, for files from outside: libhdf5 runs in a child process with limits on time and memory, whose death is
 * LP_INVALID too. The child sends the columns of the file back over a pipe, and this process checks them as if it had
 * read them itself.
 *
 * The child is a program of ours, spawned and never forked, so that threads, open files and loaded libraries of this
 * process are not in it. Which program: this one, when its main begins with lp_hdf5_serve_reader; another one, when a
 * library without a main of its own has named it with lp_hdf5_set_reader_program. LP_INTERNAL when neither was done. */
lp_status lp_hdf5_read_isolated(lp_suite *suite, const char *path, lp_error *error) LP_MUST_USE;

/* To be called at the beginning of main. True: this process is such a child, has done its work, and main must return
 * *exit_status. False: it is not; from now on lp_hdf5_read_isolated runs this program as its child. */
bool lp_hdf5_serve_reader(int *exit_status, int argc, char *const *argv);

/* The path of a program whose main begins with lp_hdf5_serve_reader. NULL forgets it. Not to be called while another
 * thread reads. */
void lp_hdf5_set_reader_program(const char *path);

/* Writes the entries of one loss: all with inputs or none, all with an outcome or none. Texts must be UTF-8, ids unlike
 * each other. With the same entries and the same libhdf5 the bytes are the same. The file appears under its name only
 * when it is complete. LP_INVALID: the entries cannot be one file. LP_IO: the disk is full ... */
lp_status lp_hdf5_write(const lp_suite *suite, const lp_loss *loss, const char *path, lp_error *error) LP_MUST_USE;

#endif
