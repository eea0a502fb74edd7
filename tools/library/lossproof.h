/* liblossproof: the program's answers, for other languages to bind to. C99, C++-safe, no types but plain ones.
 *
 * Texts are UTF-8. A text that is returned belongs to the caller, who gives it back with lossproof_free. The functions
 * may be called from several threads at once. */
#ifndef LOSSPROOF_H
#define LOSSPROOF_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0"; not to be freed. */
const char *lossproof_version(void);

/* Answers the cases of a JSON object, list or JSON Lines as `lossproof eval` does: the true value and every gradient.
 * *answer: the same kind of text, in the same order; NULL when the text is not JSON, and then *message says why.
 * Returns the exit code that `eval` would have: 0, or 2 when a case is invalid or the text is not JSON, or memory is
 * out. answer and message must not be NULL; both receive NULL or a text to be freed. */
int lossproof_eval(char **answer, char **message, const char *text, size_t length);

/* Frees a text; NULL is fine. */
void lossproof_free(char *text);

#ifdef __cplusplus
}
#endif

#endif
