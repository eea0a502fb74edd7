/* Cases and outcomes as JSON (RFC 8259), JSON Lines, readable or packed. golden/README.md documents the format.
 *
 * Schemas are closed: an unknown key is an error that names it. Ceilings: LP_MAX_FILE_BYTES of text, LP_MAX_CASES
 * cases, LP_MAX_ELEMENTS elements a tensor, LP_MAX_RANK nested lists. */
#ifndef LP_GOLDEN_JSON_H
#define LP_GOLDEN_JSON_H

#include <stdio.h>

#include "golden/manifest.h"
#include "golden/suite.h"

typedef enum lp_json_shape { LP_JSON_OBJECT, LP_JSON_LIST, LP_JSON_LINES } lp_json_shape;

/* Reads one case object, a list of them, or JSON Lines, and appends them to the suite. *shape says which it was.
 *
 * A case object that is not a case (unknown key or loss, ragged data, data against `shapes`, missing `inputs`) becomes
 * an entry with status LP_INVALID and a message, in its place; its id is kept when it has one, else its position
 * ("0", "1", ...). Text that is not JSON at all, or over a ceiling, fails the whole call with LP_INVALID and a message
 * "NAME:LINE:COLUMN: ...". `name` is the file's name for messages ("-" reads "standard input").
 * A case object may hold "outcome" (packed or readable), which fills entry.outcome. */
lp_status lp_json_read_text(lp_suite *suite, lp_json_shape *shape, const char *text, size_t length, const char *name,
                            lp_error *error) LP_MUST_USE;

/* The same from a path; "-" is standard input. LP_IO when it cannot be read. */
lp_status lp_json_read_file(lp_suite *suite, lp_json_shape *shape, const char *path, lp_error *error) LP_MUST_USE;

typedef enum lp_json_style { LP_JSON_READABLE, LP_JSON_PACKED } lp_json_style;

/* Writes the case (and its outcome, when not NULL, under "outcome") as one line without its newline.
 * Readable numbers are the shortest decimals that read back to the same double; -0.0 keeps its sign; non-finite
 * numbers are the strings "NaN", "Infinity", "-Infinity". Reading it back gives the same case, bit for bit. */
lp_status lp_json_write_case(FILE *out, const lp_case *c, const lp_outcome *outcome, lp_json_style style,
                             lp_error *error) LP_MUST_USE;

/* The pipe protocol, of which harness/doors/README.md speaks: what goes over it, a line each.
 *
 * A question is a packed case with "want", the outputs that are asked for and the dtype of each, and without what would
 * give the answer away (hunts, tags, expect). Of `want` only the inputs and dtypes of its outputs matter. */
lp_status lp_json_write_question(FILE *out, const lp_case *c, const lp_outcome *want, lp_error *error) LP_MUST_USE;

/* Reads the answer to this case. layout: what its outputs should be like (plan.outcome), or NULL when it is to be
 * rejected: readable numbers are rounded once to the dtype that it says. Their dtypes, where they are packed, and their
 * shapes are not held against it. LP_INVALID: it is no answer, or one to another question. */
lp_status lp_json_read_answer(lp_outcome *outcome, lp_arena *arena, const lp_case *c, const lp_outcome *layout,
                              const char *text, size_t length, lp_error *error) LP_MUST_USE;

enum { LP_PROTOCOL = 1 };

void lp_json_write_greeting(FILE *out, const char *version);

/* Reads a candidate's answer to the greeting into a manifest, whose memory comes from the arena. LP_INVALID. */
lp_status lp_json_read_greeting(lp_manifest *manifest, lp_arena *arena, const char *text, size_t length,
                                lp_error *error) LP_MUST_USE;

/* Pieces that other writers share. */

/* A number as described above, into text; returns its length. */
enum { LP_NUMBER_TEXT = 32 };
int lp_json_number(char text[LP_NUMBER_TEXT], double value);
void lp_json_write_text(FILE *out, const char *text);          /* a quoted, escaped string */
void lp_json_write_tensor(FILE *out, const lp_tensor *tensor); /* nested lists; a bare number for rank 0 */
/* "loss": ..., "grad": {...}: two members, without braces around them. */
void lp_json_write_outputs(FILE *out, const lp_loss *loss, const lp_outcome *outcome);

#endif
