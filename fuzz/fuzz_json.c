/* The JSON reader never crashes, and what it accepts survives a round trip through both styles of the writer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/replay.h"
#include "golden/json.h"

static void demand(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "fuzz_json: %s\n", what);
  abort();
}

static char *written(const lp_suite_entry *entry, lp_json_style style, size_t *length) {
  char *text = NULL;
  lp_error error;
  FILE *out = open_memstream(&text, length);
  demand(out != NULL, "out of memory");
  demand(lp_json_write_case(out, &entry->c, entry->has_outcome ? &entry->outcome : NULL, style, &error) == LP_OK,
         "an accepted case cannot be written");
  fclose(out);
  return text;
}

/* Written, read and written again: the same bytes. */
static void check_round_trip(const lp_suite_entry *entry, lp_json_style style) {
  lp_suite again;
  lp_json_shape shape;
  lp_error error;
  size_t n1, n2;
  char *first = written(entry, style, &n1);
  demand(lp_suite_init(&again, &error) == LP_OK, "out of memory");
  demand(lp_json_read_text(&again, &shape, first, n1, "round trip", &error) == LP_OK, "a written case is not JSON");
  demand(again.count == 1 && again.entries[0].status == LP_OK, "a written case is refused");
  char *second = written(&again.entries[0], style, &n2);
  demand(n1 == n2 && memcmp(first, second, n1) == 0, "a round trip changes the case");
  free(first);
  free(second);
  lp_suite_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lp_suite suite;
  lp_json_shape shape;
  lp_error error = {0};
  if (size > 1 << 16 || lp_suite_init(&suite, &error) != LP_OK) return 0;
  const lp_status status = lp_json_read_text(&suite, &shape, (const char *)data, size, "fuzz", &error);
  demand(status == LP_OK || error.message[0] != '\0', "a refusal without a message");
  for (int i = 0; status == LP_OK && i < suite.count; i++) {
    if (suite.entries[i].status != LP_OK) continue;
    check_round_trip(&suite.entries[i], LP_JSON_READABLE);
    check_round_trip(&suite.entries[i], LP_JSON_PACKED);
  }
  lp_suite_clear(&suite);
  return 0;
}
