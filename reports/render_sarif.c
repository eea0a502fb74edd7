/* SARIF 2.1.0 for code scanning. A rule is a loss and a cause, a fingerprint the signature, so that a service
 * recognises a kind of finding from one run to the next. Within the limits of GitHub's uploads. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "reports/render.h"

enum { MOST_RESULTS = 25000, LONGEST_MESSAGE = 1000 };

/* Where the findings are shown: the candidate's file, as far as its description names one. */
static const char *artifact(const lp_results *r) {
  static const char *const doors[] = {"plugin:", "exec:", "outcomes:"};
  const char *name = r->candidate;
  for (size_t i = 0; i < sizeof doors / sizeof doors[0]; i++) {
    if (strncmp(name, doors[i], strlen(doors[i])) == 0) name += strlen(doors[i]);
  }
  while (strncmp(name, "./", 2) == 0) name += 2;
  return name;
}

/* A relative reference: what a URI does not take is percent-encoded. */
static json_t *uri(const char *path) {
  static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  char text[3 * 512 + 1];
  size_t n = 0;
  for (int i = 0; path[i] && i < 512; i++) {
    if (strchr(plain, path[i])) {
      text[n++] = path[i];
    } else {
      n += (size_t)snprintf(text + n, sizeof text - n, "%%%02X", (unsigned char)path[i]);
    }
  }
  text[n] = '\0';
  return json_string(*text ? text : "candidate");
}

/* "mse/grad/input/value/..." of which loss and the part behind the output: "mse/value", "mse/law/row-nan". */
static void rule_of(char *text, size_t size, const lp_record *r) {
  const size_t skip = strlen(r->loss) + 1 + strlen(r->output) + 1;
  const bool law = strncmp(r->output, "law/", 4) == 0;
  const char *cause = law ? r->output : strlen(r->signature) > skip ? r->signature + skip : "finding";
  snprintf(text, size, "%s/%.*s", r->loss, law ? (int)strlen(cause) : (int)strcspn(cause, "/"), cause);
}

static json_t *text_of(const char *text) {
  char cut[LONGEST_MESSAGE + 1];
  snprintf(cut, sizeof cut, "%s", text);
  json_t *string = json_string(cut);
  for (size_t n = strlen(cut); !string && n > 0; string = json_string(cut)) cut[--n] = '\0'; /* no half of a letter */
  return json_pack("{s:o}", "text", string);
}

static json_t *location(const lp_results *r) {
  return json_pack("{s:{s:{s:o},s:{s:i}}}", "physicalLocation", "artifactLocation", "uri", uri(artifact(r)), "region",
                   "startLine", 1);
}

static json_t *result(const lp_results *all, const lp_record *r) {
  char rule[256], message[LONGEST_MESSAGE];
  const bool waived = lp_record_is(r, "waived");
  rule_of(rule, sizeof rule, r);
  snprintf(message, sizeof message, "%s, %s: %s%s%s", *r->question ? r->question : r->id, r->output, r->reason,
           *r->replay ? ". " : "", r->replay);
  json_t *one = json_pack("{s:s,s:s,s:o,s:[o],s:{s:s},s:{s:s,s:s,s:s}}", "ruleId", rule, "level",
                          lp_record_is(r, "fail") ? "error" : "warning", "message", text_of(message), "locations",
                          location(all), "partialFingerprints", "lossproof/v1", r->signature, "properties", "case",
                          r->id, "output", r->output, "dtype", r->dtype);
  if (one && waived) {
    json_object_set_new(one, "suppressions", json_pack("[{s:s,s:s}]", "kind", "external", "justification", r->erratum));
  }
  return one;
}

static bool has_rule(const json_t *rules, const char *id) {
  for (size_t i = 0; i < json_array_size(rules); i++) {
    if (strcmp(json_string_value(json_object_get(json_array_get(rules, i), "id")), id) == 0) return true;
  }
  return false;
}

static void add_rule(json_t *rules, const lp_record *r) {
  char id[256], text[400];
  rule_of(id, sizeof id, r);
  if (has_rule(rules, id)) return;
  snprintf(text, sizeof text, "%s of %s", strchr(id, '/') + 1, r->loss);
  json_array_append_new(rules, json_pack("{s:s,s:{s:s}}", "id", id, "shortDescription", "text", text));
}

/* Fails first: what is beyond the limit is the least. */
static bool fill(json_t *rules, json_t *results, const lp_results *r) {
  static const char *const order[] = {"fail", "inconclusive", "waived"};
  for (int k = 0; k < 3; k++) {
    for (int i = 0; i < r->n_records && json_array_size(results) < MOST_RESULTS; i++) {
      if (!lp_record_is(&r->records[i], order[k])) continue;
      add_rule(rules, &r->records[i]);
      json_t *one = result(r, &r->records[i]);
      if (!one || json_array_append_new(results, one) != 0) return false;
    }
  }
  return true;
}

static json_t *document(const lp_results *r) {
  json_t *rules = json_array(), *results = json_array();
  if (!rules || !results || !fill(rules, results, r)) {
    json_decref(rules);
    json_decref(results);
    return NULL;
  }
  return json_pack("{s:s,s:s,s:[{s:{s:{s:s,s:s,s:o}},s:[{s:b,s:i}],s:o}]}", "$schema",
                   "https://json.schemastore.org/sarif-2.1.0.json", "version", "2.1.0", "runs", "tool", "driver",
                   "name", "lossproof", "version", *r->program_version ? r->program_version : "0", "rules", rules,
                   "invocations", "executionSuccessful", r->whole && r->exit_code != 3, "exitCode",
                   r->exit_code < 0 ? 130 : r->exit_code, "results", results);
}

static int put(const char *text, size_t size, void *out) { return fwrite(text, 1, size, out) == size ? 0 : -1; }

lp_status lp_render_sarif(FILE *out, const lp_results *r, const lp_results *base, lp_error *error) {
  (void)base;
  json_t *whole = document(r);
  if (!whole) return lp_fail(error, LP_NO_MEMORY, "out of memory for a report");
  (void)json_dump_callback(whole, put, out, JSON_INDENT(1)); /* the caller looks at the stream */
  fputc('\n', out);
  json_decref(whole);
  return LP_OK;
}
