/* Every loss as an ordinary programmer writes it (plain/), behind a pipe: the twin of plain_plugin.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "golden/json.h"
#include "harness/plain/plain.h"

static const char greeting[] =
    "{\"lossproof\": {\"protocol\": 1}, \"name\": \"plain\", \"version\": \"1.0\", \"manifest\": {\"dtypes\": "
    "[\"float64\", \"float32\", \"float16\", \"bfloat16\"], \"deterministic\": true}}";

static void answer_case(lp_outcome *outcome, lp_arena *arena, const lp_case *c) {
  lp_plan plan;
  lp_error error = {.message = ""};
  plain_answer a;
  const plain_options options = {.summation = PLAIN_PAIRWISE, .inside_float32 = true};
  lp_status status = lp_plan_init(&plan, c, &error);
  if (status == LP_OK) status = plain_answer_case(&a, arena, &plan, options, &error);
  if (status != LP_OK && status != LP_REJECTED) abort();
  *outcome = a.outcome;
  if (status == LP_REJECTED) {
    const char *why = lp_arena_text(arena, error.message, strlen(error.message));
    *outcome = (lp_outcome){.kind = LP_OUTCOME_REJECTED, .message = why ? why : ""};
  }
}

/* The outcome as golden/json.h writes it beside a case, which is an answer but for the id. */
static json_t *outcome_as_json(const lp_case *c, const lp_outcome *outcome) {
  char *text;
  size_t size;
  lp_error error;
  FILE *out = open_memstream(&text, &size);
  if (!out || lp_json_write_case(out, c, outcome, LP_JSON_PACKED, &error) != LP_OK || fclose(out) != 0) abort();
  json_t *written = json_loadb(text, size, 0, NULL), *answer = json_incref(json_object_get(written, "outcome"));
  json_decref(written);
  free(text);
  json_object_set_new(answer, "id", json_string(c->id));
  return answer;
}

static void answer_question(json_t *question) {
  lp_suite suite;
  lp_json_shape shape;
  lp_error error;
  lp_outcome outcome;
  json_object_del(question, "want");
  char *text = json_dumps(question, JSON_COMPACT | JSON_REAL_PRECISION(17));
  if (!text || lp_suite_init(&suite, &error) != LP_OK) abort();
  if (lp_json_read_text(&suite, &shape, text, strlen(text), "question", &error) != LP_OK) abort();
  answer_case(&outcome, suite.arena, &suite.entries[0].c);
  json_t *answer = outcome_as_json(&suite.entries[0].c, &outcome);
  json_dumpf(answer, stdout, JSON_COMPACT);
  json_decref(answer);
  lp_suite_clear(&suite);
  free(text);
}

/* PLAIN_PIPE_DELAY: milliseconds before every answer, for tests that interrupt. */
static void wait_a_little(void) {
  const char *delay = getenv("PLAIN_PIPE_DELAY");
  const struct timespec t = {.tv_nsec = delay ? strtol(delay, NULL, 10) * 1000000 : 0};
  if (delay) nanosleep(&t, NULL);
}

int main(void) {
  char *line = NULL;
  size_t capacity = 0;
  for (ssize_t n; (n = getline(&line, &capacity, stdin)) > 0;) {
    json_t *asked = json_loadb(line, (size_t)n, 0, NULL);
    if (!asked) return 1;
    if (json_object_get(asked, "lossproof")) {
      fputs(greeting, stdout);
    } else {
      wait_a_little();
      answer_question(asked);
    }
    putchar('\n');
    fflush(stdout);
    json_decref(asked);
  }
  free(line);
  return 0;
}
