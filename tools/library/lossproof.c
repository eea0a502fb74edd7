#include "tools/library/lossproof.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/answers.h"

const char *lossproof_version(void) { return LOSSPROOF_VERSION; }

void lossproof_free(char *text) { free(text); }

/* Reads the cases and writes their answers to an open stream; *exit_code is that of `eval`. */
static lp_status answer_text(int *exit_code, FILE *out, const char *text, size_t length, lp_error *error) {
  lp_suite suite = {0};
  lp_json_shape shape;
  LP_TRY(lp_suite_init(&suite, error));
  const lp_status status = lp_json_read_text(&suite, &shape, text, length, "text", error);
  if (status == LP_OK) *exit_code = lp_write_answers(out, &suite, shape, true, NULL) > 0 ? 2 : 0;
  lp_suite_clear(&suite);
  return status;
}

int lossproof_eval(char **answer, char **message, const char *text, size_t length) {
  lp_error error = {.message = "out of memory"};
  size_t written = 0;
  int exit_code = 2;
  *answer = NULL;
  *message = NULL;
  FILE *out = open_memstream(answer, &written);
  const lp_status status = out ? answer_text(&exit_code, out, text, length, &error) : LP_NO_MEMORY;
  const bool closed = out && fclose(out) == 0;
  if (closed && status == LP_OK) return exit_code;
  free(*answer);
  *answer = NULL;
  *message = strdup(closed ? error.message : "out of memory");
  return 2;
}
