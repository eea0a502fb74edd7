/* JUnit XML. A suite is a loss, a class its output in a dtype; findings are cases of their own, passes one for each
 * class, since many readers choke on tens of thousands. */
#include <libxml/xmlwriter.h>
#include <string.h>

#include "reports/render.h"

typedef struct junit {
  xmlTextWriterPtr writer;
  const lp_results *results;
  bool failed; /* memory is out */
} junit;

static void note(junit *j, int result) { j->failed = j->failed || result < 0; }

/* XML 1.0 has no other control characters; text that is not UTF-8 is taken byte by byte. */
static xmlChar *clean(const char *text) {
  xmlChar *copy = xmlStrdup((const xmlChar *)text);
  const bool utf8 = copy && xmlCheckUTF8(copy);
  for (xmlChar *c = copy; c && *c; c++) {
    const bool allowed = *c >= ' ' || *c == '\n' || *c == '\t';
    if (!allowed || *c == 0x7F || (!utf8 && *c > 0x7F)) *c = '?';
  }
  return copy;
}

static void attribute(junit *j, const char *name, const char *value) {
  xmlChar *text = clean(value);
  note(j, text ? xmlTextWriterWriteAttribute(j->writer, BAD_CAST name, text) : -1);
  xmlFree(text);
}

static void number(junit *j, const char *name, long value) {
  char text[32];
  snprintf(text, sizeof text, "%ld", value);
  attribute(j, name, text);
}

static void start(junit *j, const char *element) { note(j, xmlTextWriterStartElement(j->writer, BAD_CAST element)); }
static void end(junit *j) { note(j, xmlTextWriterEndElement(j->writer)); }

static void content(junit *j, const char *value) {
  xmlChar *text = clean(value);
  note(j, text ? xmlTextWriterWriteString(j->writer, text) : -1);
  xmlFree(text);
}

static void class_of(char *text, size_t size, const char *loss, const char *dtype, const char *output) {
  snprintf(text, size, "%s.%s.%s", loss, dtype, output);
}

static void property(junit *j, const char *name, const char *value) {
  start(j, "property");
  attribute(j, "name", name);
  attribute(j, "value", value);
  end(j);
}

/* What a class passed, as one case. */
static void passes(junit *j, const lp_group *g) {
  char class[256], name[128];
  const long n = g->counts.pass + g->counts.waived;
  if (n == 0) return;
  class_of(class, sizeof class, g->loss, g->dtype, g->output);
  snprintf(name, sizeof name, "%ld cases pass%s", n, g->counts.waived > 0 ? ", some waived by errata" : "");
  start(j, "testcase");
  attribute(j, "classname", class);
  attribute(j, "name", name);
  end(j);
}

static void failure(junit *j, const lp_record *r) {
  start(j, "failure");
  attribute(j, "type", r->signature);
  attribute(j, "message", r->reason);
  content(j, *r->screen ? r->screen : r->reason);
  end(j);
}

static void skipped(junit *j, const lp_record *r) {
  char message[512];
  snprintf(message, sizeof message, "%s: %s", r->verdict, r->reason);
  start(j, "skipped");
  attribute(j, "message", message);
  end(j);
}

static void single(junit *j, const lp_record *r) {
  char class[256];
  class_of(class, sizeof class, r->loss, r->dtype, r->output);
  start(j, "testcase");
  attribute(j, "classname", class);
  attribute(j, "name", *r->question ? r->question : r->id);
  if (lp_record_is(r, "fail")) {
    failure(j, r);
  } else {
    skipped(j, r);
  }
  end(j);
}

static bool is_single(const lp_record *r) { return !lp_record_is(r, "pass") && !lp_record_is(r, "waived"); }

static void suite(junit *j, const lp_group *loss, const lp_group *classes, int n_classes) {
  long passing = 0;
  for (int i = 0; i < n_classes; i++) {
    passing += classes[i].loss == loss->loss && classes[i].counts.pass + classes[i].counts.waived > 0;
  }
  const long skips = loss->counts.inconclusive + loss->counts.unsupported;
  start(j, "testsuite");
  attribute(j, "name", loss->loss);
  number(j, "tests", passing + loss->counts.fail + skips);
  number(j, "failures", loss->counts.fail);
  number(j, "errors", 0);
  number(j, "skipped", skips);
  for (int i = 0; i < n_classes; i++) {
    if (classes[i].loss == loss->loss) passes(j, &classes[i]);
  }
  for (int i = 0; i < j->results->n_records; i++) {
    const lp_record *r = &j->results->records[i];
    if (r->loss == loss->loss && is_single(r)) single(j, r);
  }
  end(j);
}

/* What is wrong with the run itself, as a suite of one error. */
static void troubles(junit *j) {
  const lp_results *r = j->results;
  if (r->whole && r->exit_code != 3 && r->n_unjudged == 0) return;
  start(j, "testsuite");
  attribute(j, "name", "harness");
  number(j, "tests", 1);
  number(j, "failures", 0);
  number(j, "errors", 1);
  number(j, "skipped", 0);
  start(j, "testcase");
  attribute(j, "classname", "lossproof.harness");
  attribute(j, "name", "the run");
  start(j, "error");
  attribute(j, "type", "harness");
  attribute(j, "message", lp_results_conclusion(r));
  end(j);
  end(j);
  end(j);
}

static void document(junit *j, const lp_group *losses, int n_losses, const lp_group *classes, int n_classes) {
  const lp_results *r = j->results;
  note(j, xmlTextWriterSetIndent(j->writer, 1));
  note(j, xmlTextWriterStartDocument(j->writer, "1.0", "UTF-8", NULL));
  start(j, "testsuites");
  attribute(j, "name", "lossproof");
  start(j, "testsuite");
  attribute(j, "name", "run");
  number(j, "tests", 0);
  number(j, "failures", 0);
  number(j, "errors", 0);
  number(j, "skipped", 0);
  start(j, "properties");
  property(j, "candidate", r->candidate);
  property(j, "profile", r->profile);
  property(j, "lossproof", r->program_version);
  property(j, "fixtures", r->fixtures_version);
  property(j, "conclusion", lp_results_conclusion(r));
  end(j);
  end(j);
  for (int i = 0; i < n_losses; i++) suite(j, &losses[i], classes, n_classes);
  troubles(j);
  end(j);
  note(j, xmlTextWriterEndDocument(j->writer));
}

lp_status lp_render_junit(FILE *out, const lp_results *r, const lp_results *base, lp_error *error) {
  (void)base;
  lp_group *losses, *classes;
  const int n_losses = lp_results_group(&losses, r, LP_GROUP_LOSS);
  const int n_classes = lp_results_group(&classes, r, LP_GROUP_LOSS | LP_GROUP_DTYPE | LP_GROUP_OUTPUT);
  xmlBufferPtr buffer = xmlBufferCreate();
  junit j = {.writer = buffer ? xmlNewTextWriterMemory(buffer, 0) : NULL, .results = r};
  j.failed = !losses || !classes || !j.writer;
  if (!j.failed) document(&j, losses, n_losses, classes, n_classes);
  if (j.writer) xmlFreeTextWriter(j.writer);
  if (!j.failed) fwrite(xmlBufferContent(buffer), 1, (size_t)xmlBufferLength(buffer), out);
  if (buffer) xmlBufferFree(buffer);
  return j.failed ? lp_fail(error, LP_NO_MEMORY, "out of memory for a report") : LP_OK;
}
