/* Every format of one failing and one passing candidate, byte for byte, against golden/; and results that are no
 * results. After a change on purpose: LOSSPROOF_WRITE_GOLDEN=1 test_reports_render writes them anew, to be looked at.
 */
#include "reports/render.h"

#include "reports/jsonl.h"
#include "reports/tests/certified.h"
#include "reports/versus.h"

static const char golden[] = LOSSPROOF_SOURCE_DIR "/reports/tests/golden";

/* Page and data are tests of their own (browser): what is compared is the data. */
static char *data_of(char *page) {
  static const char before[] = "id=\"data\">";
  char *begin = strstr(page, before);
  ck_assert_ptr_nonnull(begin);
  begin += sizeof before - 1;
  char *end = strstr(begin, "</script>");
  ck_assert_ptr_nonnull(end);
  *end = '\0';
  return begin;
}

static char *slurp(const char *path) {
  FILE *file = fopen(path, "rb");
  ck_assert_msg(file != NULL, "%s is missing", path);
  return certified_slurp(file);
}

static void check_text(const char *text, const char *who, const char *format) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s.%s", golden, who, format);
  if (getenv("LOSSPROOF_WRITE_GOLDEN")) {
    certified_write(path, text);
    return;
  }
  char *expected = slurp(path);
  if (strcmp(text, expected) != 0) {
    size_t at = 0;
    while (text[at] && text[at] == expected[at]) at++;
    ck_abort_msg("%s differs at byte %zu: \"%.60s\", expected \"%.60s\"", path, at, text + at, expected + at);
  }
  free(expected);
}

static void check_format(const lp_format *format, const char *who, const lp_results *r, const lp_results *base) {
  lp_error error;
  FILE *out = tmpfile();
  ck_assert_ptr_nonnull(out);
  ck_assert_int_eq(format->render(out, r, base, &error), LP_OK);
  char *text = certified_slurp(out);
  check_text(strcmp(format->name, "html") == 0 ? data_of(text) : text, who, format->name);
  free(text);
}

/* The results of certifying these answers, and, before they go, a copy of the file. */
static void certify(const char *answers, const char *who, const char *keep) {
  certified s;
  lp_error error;
  certified_set_up(&s, questions_text, answers);
  ck_assert_int_eq(lp_report_jsonl("results.jsonl", &s.run, &s.suite, &error), LP_OK);
  char *text = slurp("results.jsonl");
  check_text(text, who, "jsonl");
  certified_write(keep, text);
  free(text);
  certified_tear_down(&s);
}

static void read_results(lp_results *r, const char *path) {
  lp_error error;
  ck_assert_msg(lp_results_read(r, path, &error) == LP_OK, "%s", error.message);
}

START_TEST(every_format_byte_for_byte) {
  lp_results passing, failing;
  certify(right_answers, "pass", "/tmp/lossproof-render-pass.jsonl");
  certify(wrong_answers, "fail", "/tmp/lossproof-render-fail.jsonl");
  read_results(&passing, "/tmp/lossproof-render-pass.jsonl");
  read_results(&failing, "/tmp/lossproof-render-fail.jsonl");
  for (int i = 0; i < lp_formats_count(); i++) {
    check_format(lp_formats_at(i), "pass", &passing, NULL);
    check_format(lp_formats_at(i), "fail", &failing, NULL);
    check_format(lp_formats_at(i), "worse", &failing, &passing);
    check_format(lp_formats_at(i), "better", &passing, &failing);
  }
  lp_results_clear(&passing);
  lp_results_clear(&failing);
  unlink("/tmp/lossproof-render-pass.jsonl");
  unlink("/tmp/lossproof-render-fail.jsonl");
}
END_TEST

/* --- reading -------------------------------------------------------------------------------------------------- */

#define RUN "{\"record\":\"run\",\"format\":\"lossproof-results\",\"version\":1,\"candidate\":\"c\",\"cases\":2}\n"
#define RESULT "{\"record\":\"result\",\"case\":\"a\",\"loss\":\"l1\",\"output\":\"loss\",\"verdict\":\"pass\"}\n"
#define SUMMARY "{\"record\":\"summary\",\"exit_code\":0,\"not_run\":[]}\n"

static lp_status read_text(lp_results *r, const char *text, lp_error *error) {
  char path[] = "/tmp/lossproof-results-XXXXXX";
  const int file = mkstemp(path);
  ck_assert_int_ge(file, 0);
  close(file);
  certified_write(path, text);
  const lp_status status = lp_results_read(r, path, error);
  unlink(path);
  return status;
}

/* A run that was killed leaves half a line, or no summary. */
START_TEST(what_is_whole_is_read) {
  static const struct {
    const char *text;
    int records;
    bool whole;
  } cases[] = {{RUN, 0, false},
               {RUN RESULT, 1, false},
               {RUN RESULT "{\"record\":\"res", 1, false},
               {RUN RESULT RESULT SUMMARY, 2, true},
               {RUN SUMMARY, 0, true}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    lp_results r;
    lp_error error;
    ck_assert_msg(read_text(&r, cases[i].text, &error) == LP_OK, "%s", error.message);
    ck_assert_int_eq(r.n_records, cases[i].records);
    ck_assert_int_eq(r.whole, cases[i].whole);
    ck_assert_str_eq(lp_results_conclusion(&r), cases[i].whole ? "CONFORMS" : "CUT SHORT");
    lp_results_clear(&r);
  }
}
END_TEST

START_TEST(what_is_no_result_is_told) {
  static const char *const cases[][2] = {
      {"", "got nothing"},
      {"no JSON\n", ":1: not JSON"},
      {"[]\n", "expected an object"},
      {"{}\n", "expected an object with \"record\""},
      {RESULT, "expected the record of a run first"},
      {RUN RUN, ":2: a second run"},
      {"{\"record\":\"run\",\"format\":\"other\",\"version\":1}\n", "expected lossproof-results"},
      {"{\"record\":\"run\",\"format\":\"lossproof-results\",\"version\":2}\n", "expected version 1, got 2"},
      {"{\"record\":\"run\",\"format\":\"lossproof-results\",\"version\":1,\"colour\":1}\n", "unknown key \"colour\""},
      {RUN "{\"record\":\"nonsense\"}\n", "got \"nonsense\""},
      {RUN "{\"record\":\"result\",\"case\":\"a\",\"loss\":\"l1\",\"output\":\"loss\",\"verdict\":\"maybe\"}\n",
       "verdict: expected pass"},
      {RUN "{\"record\":\"result\",\"case\":1}\n", "case: expected text"},
      {RUN "{\"record\":\"result\",\"case\":\"a\",\"verdict\":\"pass\"}\n", "without case, loss or output"},
      {RUN "{\"record\":\"result\",\"ratio\":0.5}\n", "ratio: expected a number as text"},
      {RUN "{\"record\":\"result\",\"ratio\":\"0x1p\"}\n", "ratio: expected a number as text"},
      {RUN "{\"record\":\"result\",\"grade\":\"AB\"}\n", "grade: expected a letter"},
      {RUN "{\"record\":\"result\",\"regimes\":\"tie\"}\n", "regimes: expected a list"},
      {RUN "{\"record\":\"result\",\"regimes\":[1]}\n", "regimes: expected a list of short names"},
      {RUN "{\"record\":\"summary\",\"not_run\":[]}\n", "exit_code: expected a whole number"},
      {RUN "{\"record\":\"summary\",\"exit_code\":0}\n", "not_run: expected a list"},
      {RUN "{\"record\":\"summary\",\"exit_code\":0,\"not_run\":[{\"cases\":\"x\"}]}\n", "cases: expected a whole"},
      {RUN SUMMARY RESULT, "something comes after the summary"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    lp_results r;
    lp_error error;
    ck_assert_msg(read_text(&r, cases[i][0], &error) == LP_INVALID, "read: %s", cases[i][0]);
    ck_assert_msg(strstr(error.message, cases[i][1]) != NULL, "%s, expected %s", error.message, cases[i][1]);
    lp_results_clear(&r);
  }
}
END_TEST

/* --- two runs --------------------------------------------------------------------------------------------------- */

#define ONE(id, verdict, signature)                                                                       \
  "{\"record\":\"result\",\"case\":\"" id "\",\"loss\":\"l1\",\"output\":\"loss\",\"verdict\":\"" verdict \
  "\","                                                                                                   \
  "\"signature\":\"" signature "\"}\n"

START_TEST(runs_are_compared) {
  lp_results base, now;
  lp_error error;
  lp_versus v;
  ck_assert(read_text(&base,
                      RUN ONE("a", "pass", "") ONE("b", "fail", "x") ONE("c", "fail", "x") ONE("d", "fail", "x")
                          ONE("e", "fail", "x") ONE("f", "pass", "") ONE("g", "fail", "x") SUMMARY,
                      &error) == LP_OK);
  ck_assert(read_text(&now,
                      RUN ONE("h", "fail", "z") ONE("g", "unsupported", "") ONE("f", "pass", "") ONE("d", "pass", "")
                          ONE("c", "inconclusive", "y") ONE("b", "fail", "x") ONE("a", "fail", "x") SUMMARY,
                      &error) == LP_OK);
  ck_assert(lp_versus_compare(&v, &base, &now, &error) == LP_OK);
  ck_assert_int_eq(v.counts[LP_VERSUS_NEW], 2);
  ck_assert_int_eq(v.counts[LP_VERSUS_CHANGED], 1);
  ck_assert_int_eq(v.counts[LP_VERSUS_STILL], 1);
  ck_assert_int_eq(v.counts[LP_VERSUS_FIXED], 1);
  ck_assert_int_eq(v.counts[LP_VERSUS_GONE], 2);
  ck_assert_int_eq(v.n, 7);
  ck_assert_str_eq(v.rows[0].after->id, "a");
  ck_assert_str_eq(v.rows[2].after->id, "c");
  lp_results_clear(&base);
  lp_results_clear(&now);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {every_format_byte_for_byte, what_is_whole_is_read, what_is_no_result_is_told,
                                runs_are_compared};
  return run_tests("render", tests, sizeof tests / sizeof tests[0]);
}
