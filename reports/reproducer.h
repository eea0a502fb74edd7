/* Reproducers: one case as a file that shows the fault without lossproof, or brings it back with it.
 *
 *   FILE.py    PyTorch: builds the tensors bit by bit, calls torch.nn.functional, and a function of the user's own
 *   FILE.c     a complete C99 program over lossproof/plugin.h: cc FILE.c mine.c -o repro
 *   FILE.json  the case with the outcome that is expected; FILE.h5 the same
 *
 * Every one holds what is expected, and how far each number may be off. */
#ifndef LP_REPORTS_REPRODUCER_H
#define LP_REPORTS_REPRODUCER_H

#include "harness/certify.h"

/* Elements that a script or a program holds, inputs and outputs together. */
enum { LP_REPRODUCER_ELEMENTS = 1 << 16 };

/* Writes one; the end of the path says which kind. LP_INVALID: another ending, no case, or a case that is too large for
 * a script or a program; LP_IO. */
lp_status lp_write_reproducer(const char *path, const lp_case *c, const lp_judging *how, lp_error *error) LP_MUST_USE;

/* The script for PyTorch alone, to a stream; nothing of a case that is too large for one. */
lp_status lp_write_script(FILE *out, const lp_case *c, const lp_judging *how, lp_error *error) LP_MUST_USE;

/* Writes all four kinds into the folder, which is made when it is not there, for the first finding of every signature:
 * "soft_margin-grad-input-class-NaN-for-finite.py". Cases that are too large get FILE.h5 and FILE.json only. */
lp_status lp_write_reproducers(int *signatures, const char *folder, const lp_certification *run,
                               lp_error *error) LP_MUST_USE;

#endif
