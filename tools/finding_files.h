/* A finding as files: the case as JSON and HDF5, and as a PyTorch script, named after the signature. */
#ifndef LP_TOOLS_FINDING_FILES_H
#define LP_TOOLS_FINDING_FILES_H

#include "golden/arena.h"
#include "harness/judge.h"

enum { LP_FINDING_NAME = 200 };

/* A signature as the name of a file: letters, digits, "_", "+", "." and "-", no dot in front, never empty. */
char *lp_finding_name(char name[LP_FINDING_NAME], const char *signature);

/* *named is the case under the name of its finding: id "findings/NAME", hunts the signature and the text (one sentence,
 * or ""), no tags. Its texts are in the arena, its tensors shared. LP_NO_MEMORY. */
lp_status lp_name_finding(lp_case *named, lp_arena *arena, const char *signature, const char *text, const lp_case *c,
                          lp_error *error) LP_MUST_USE;

/* Writes FOLDER/NAME.json, .h5 and, unless the case is too large for a script, .py, of the case so named; the folder is
 * made when it is not there. What stands there already is replaced. LP_IO, LP_NO_MEMORY; LP_INVALID: it is not a case.
 */
lp_status lp_write_finding(const char *folder, const char *signature, const char *text, const lp_case *c,
                           const lp_judging *how, lp_error *error) LP_MUST_USE;

#endif
