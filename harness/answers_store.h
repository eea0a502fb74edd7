/* Answers kept in a file while they come in, so that a run that was cut off can go on where it stopped.
 *
 * JSON Lines: a head that names the candidate, then one object for every question answered:
 *   {"id": ..., "digest": ..., "conduct": ..., "answers": [the answer, and the encores], "said": ..., "encores": [...]}
 * Each answer is a case object with an outcome (golden/json.h), its tensors packed. A line is written whole and
 * flushed. A last line that is none of these (a torn one, after a crash) is dropped. What a candidate answered is kept
 * under its name and version: after a change of its code that changes neither, begin a new file. */
#ifndef LP_HARNESS_ANSWERS_STORE_H
#define LP_HARNESS_ANSWERS_STORE_H

#include "golden/sha256.h"
#include "harness/candidate.h"

typedef struct lp_answer_store lp_answer_store;

/* resume: keep what the file holds, and go on behind it; a file that is not there is begun. Otherwise the file is
 * new. LP_IO; LP_INVALID: it is there already, no such file, broken in the middle, or another candidate's. */
lp_status lp_answer_store_open(lp_answer_store **store, const char *path, bool resume, const lp_candidate *candidate,
                               lp_error *error) LP_MUST_USE;

/* Answers that were found in the file. */
int lp_answer_store_count(const lp_answer_store *store);

/* The answer to this very question, or NULL. It lives as long as the store. LP_NO_MEMORY. */
lp_status lp_answer_store_find(const lp_answer **answer, const lp_answer_store *store, const lp_case *c,
                               lp_error *error) LP_MUST_USE;

/* Writes one more, at once. Safe from several threads. LP_IO. */
lp_status lp_answer_store_add(lp_answer_store *store, const lp_case *c, const lp_answer *answer,
                              lp_error *error) LP_MUST_USE;

/* LP_IO: something could not be written. NULL is fine. */
lp_status lp_answer_store_close(lp_answer_store *store, lp_error *error) LP_MUST_USE;

/* SHA-256 of what a candidate is asked: everything but id, tags and expectation. */
lp_status lp_question_digest(char digest[LP_SHA256_TEXT], const lp_case *c, lp_error *error) LP_MUST_USE;

#endif
